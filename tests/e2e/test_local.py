"""Local files that a message names: a child reads them with the rights of the writer."""
import errno
import json
import os
import signal

import pytest

from lib.chat import fails, pier, put, unsent  # noqa: F401  (fixtures)
from lib.shell import argv_as, run_cmd, start_cmd
from lib.tree import Timed, read
from lib.util import scaled, wait_until

NOBODY = 65534
GROUP = 4242


def body(path, **more):
    return json.dumps({"text": "See this", "files": [str(path)], **more})


def last_error(space):
    return (space.mount / ".sparkfs/last-error").read_text()


def readers(space):
    """The pids of the children that read files."""
    return run_cmd(["pgrep", "-P", str(space.mount.pid), "-x", "sparkfs-file"]).out.split()


def runs(pid):
    """True while the process runs: a zombie does not count."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            return f.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def hang_contents(space):
    space.sim.fault(method="GET", route="/contents", hang=True)
    return lambda: space.sim.control("GET", "/health")["parked"]


def post_in_background(space, path):
    (space.mount.state / "body").write_text(body(path))
    return start_cmd(f"cat '{space.mount.state}/body' > post.json", cwd=space.dir)


def ends(process, status, seconds=2):
    with Timed(seconds, "the end of who posts"):
        process.communicate(timeout=scaled(seconds))
    assert process.returncode == status


@pytest.fixture
def folder(open_folder):
    return str(open_folder)


# In this mount.


@pytest.mark.mount("max_threads=1", "cache=memory")
def test_a_file_of_the_mount_itself(pier, unsent):
    """Its bytes come from the mount that the post is for, whose one worker and whose store are not to wait for that."""
    data = os.urandom(300000)
    pier.sim.api("POST", "/messages", fields={"roomId": pier.id}, token="alice-token",
                 files=[("files", "big.bin", data, "application/octet-stream")]).ok()
    path = pier / "files/big.bin"
    wait_until(lambda: "big.bin" in os.listdir(pier / "files"))
    hanging = hang_contents(pier)
    one, two = post_in_background(pier, path), post_in_background(pier, path)
    wait_until(lambda: len(readers(pier)) == 2 and hanging())
    # Meanwhile all else answers.
    with Timed(2, "the rest"):
        read(pier.mount / ".sparkfs/status.json")
        pier.ls()
        assert not os.path.exists(pier / "none")
        put(pier / "post", "meanwhile")
    os.killpg(one.pid, signal.SIGINT)
    ends(one, -signal.SIGINT)
    os.killpg(two.pid, signal.SIGKILL)
    ends(two, -signal.SIGKILL)
    wait_until(lambda: len(unsent.names()) == 2)
    assert {unsent.why(n)["reason"] for n in unsent.names()} == {
        f"the file {path}: the writer was interrupted before it was read"}
    assert set(unsent.bytes()) == {body(path).encode()}
    wait_until(lambda: not readers(pier))
    assert pier.posts() == 2

    # A mv out of unsent/ fails likewise, and the letter stays there.
    name = unsent.names()[0]
    mv = start_cmd(["mv", str(unsent.dir / name), "post.json"], cwd=pier.dir)
    wait_until(lambda: readers(pier))
    os.killpg(mv.pid, signal.SIGINT)
    ends(mv, -signal.SIGINT)
    assert name in unsent.names() and pier.posts() == 2

    pier.sim.clear_faults()
    pier.run(["mv", str(unsent.dir / name), "post.json"], check=True)
    put(pier / "post.json", body(path))
    sent = [pier.content(m["files"][0]) for m in pier.messages() if m.get("files")]
    assert sent == [("big.bin", data)] * 3
    assert len(unsent.names()) == 1


def test_kill_of_the_daemon_while_it_waits(pier):
    pier.sim.api("POST", "/messages", fields={"roomId": pier.id}, token="alice-token",
                 files=[("files", "big.bin", b"x" * 300000, "text/plain")]).ok()
    wait_until(lambda: "big.bin" in os.listdir(pier / "files"))
    hanging = hang_contents(pier)
    waits = post_in_background(pier, pier / "files/big.bin")
    wait_until(lambda: readers(pier) and hanging())
    pids = readers(pier)
    with Timed(2, "the end of all"):
        pier.mount.kill()
        waits.communicate(timeout=scaled(2))
        wait_until(lambda: not any(runs(p) for p in pids))


# With whose rights.


@pytest.mark.mount("allow_other", f"uid={NOBODY}", f"gid={NOBODY}")
def test_only_what_its_writer_can_read(pier, unsent, folder):
    def as_nobody(command):
        return pier.run(argv_as(NOBODY, ["bash", "-c", command], groups=GROUP))

    def make(name, owner, group, mode):
        path = os.path.join(folder, name)
        with open(path, "w", encoding="ascii") as f:
            f.write(name)
        os.chown(path, owner, group)
        os.chmod(path, mode)
        return path

    if os.geteuid() != 0:
        pytest.skip("needs root")
    secret = make("secret.txt", 0, 0, 0o600)
    done = as_nobody(f"cat <<'E' > post.json\n{body(secret)}\nE")
    assert done.status != 0 and "Permission denied" in done.err
    assert "secret.txt: Permission denied" in last_error(pier)
    # No other user can send it after all by moving it out of unsent/.
    name = unsent.names()[0]
    for there in ("post.json", "other.txt"):
        done = as_nobody(f"mv '../../.sparkfs/unsent/{name}' {there}")
        assert done.status != 0 and "Permission denied" in done.err
    assert name in unsent.names() and pier.posts() == 0
    assert "secret.txt: Permission denied" in last_error(pier)
    # A user who may read the file can.
    pier.run(["mv", str(unsent.dir / name), "post.json"], check=True)
    assert pier.files() == {"secret.txt": b"secret.txt"}

    for path in (make("mine.txt", NOBODY, NOBODY, 0o600), make("group.txt", 0, GROUP, 0o640),
                 make("all.txt", 0, 0, 0o644)):
        assert as_nobody(f"cat <<'E' > post.json\n{body(path)}\nE").status == 0
        assert os.path.basename(path) in pier.files()


def test_the_path_is_that_of_its_writer(pier, folder):
    """A service with a /tmp of its own means the file that it sees."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    for name in ("seen", "own"):
        os.mkdir(f"{folder}/{name}")
        with open(f"{folder}/{name}/a.txt", "w", encoding="ascii") as f:
            f.write(name)
    pier.run(["unshare", "-m", "--propagation", "private", "bash", "-c",
              f"mount --bind {folder}/own {folder}/seen && "
              f"cat <<'E' > post.json\n{body(folder + '/seen/a.txt')}\nE"], check=True)
    assert pier.files() == {"a.txt": b"own"}


# Paths that are no regular files.


def test_what_proc_shows_is_not_sent(pier, unsent, folder):
    os.symlink("/proc/self/environ", folder + "/link")
    for path in ("/proc/self/environ", "/proc/self/fd/4", folder + "/link", "/dev/stdin",
                 "/dev/null"):
        with fails(errno.EINVAL):
            put(pier / "post.json", body(path))
        assert f"the file {path}: " in last_error(pier)
    with open(folder + "/empty", "wb"):
        pass
    with fails(errno.ENODATA):
        put(pier / "post.json", body(folder + "/empty"))
    assert "nothing empty is sent" in last_error(pier)
    assert len(unsent.names()) == 6 and pier.posts() == 0


def test_by_way_of_a_scratch_file(pier, unsent, folder):
    path = folder + "/plan.txt"
    with open(path, "w", encoding="ascii") as f:
        f.write("the plan")
    put(pier / ".post.swp", body(path))
    os.rename(pier / ".post.swp", pier / "post.json")
    assert pier.files() == {"plan.txt": b"the plan"}
    # The file cannot be read: the scratch file stays, and is sent once the file can be read.
    put(pier / ".post.swp", body(folder + "/later.txt"))
    with fails(errno.ENOENT):
        os.rename(pier / ".post.swp", pier / "post.json")
    assert "later.txt: No such file" in last_error(pier)
    assert (pier / ".post.swp").read_text() == body(folder + "/later.txt")
    os.rename(path, folder + "/later.txt")
    os.rename(pier / ".post.swp", pier / "post.json")
    assert pier.files()["later.txt"] == b"the plan"
    assert not unsent.names() and pier.posts() == 2


def test_when_the_last_close_is_nobodys(pier, unsent, folder):
    """A child writes to what its parent opened, and closes it when that has gone: nobody waits for the file."""
    path = folder + "/plan.txt"
    (pier.mount.state / "body").write_text(body(path))
    late = (f"exec 3> post.json; (while [ ! -e go ]; do sleep 0.02; done; cat '{pier.mount.state}/body' >&3) "
            "> /dev/null 2>&1 &").replace(" go ", f" '{pier.mount.state}/go' ")
    pier.run(late, check=True)
    (pier.mount.state / "go").touch()
    # The local file does not exist.
    name, kept, why = unsent.one()
    assert kept == body(path).encode() and "plan.txt: No such file" in why["reason"]
    with open(path, "w", encoding="ascii") as f:
        f.write("the plan")
    (pier.mount.state / "go").unlink()
    pier.run(late, check=True)
    (pier.mount.state / "go").touch()
    wait_until(lambda: pier.files() == {"plan.txt": b"the plan"})
    assert unsent.names() == [name] and pier.posts() == 1
