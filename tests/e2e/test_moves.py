"""Only what was named is deleted: moving out, replacing, and files of larger messages."""
import errno
import os
import shutil
import subprocess

import pytest

from lib.chat import Unsent, fails, put, remounted
from lib.chat import pier, unsent  # noqa: F401  pylint: disable=unused-import
from lib.otherserver import ME, TOKEN, OtherServer, error
from lib.util import wait_until

BOB = "bob@example.com"
ENDINGS = (".txt", ".md", ".html", ".json")


def deletions(space):
    return [r for r in space.sim.log() if r["method"] == "DELETE"]


def names(space):
    return space.mount.ls(space / "files")


@pytest.fixture
def full(pier):
    """Pier with bob in it, a message, and a file with two versions."""
    pier.sim.api("POST", "/memberships", {"roomId": pier.id, "personEmail": BOB}).ok()
    pier.sim.post(pier.id, "hello")
    for data in (b"old" * 30000, b"new" * 30000):
        put(pier / "a.txt", data)
    wait_until(lambda: len(names(pier)) == 2)
    pier.mount.ls(pier / "members")
    pier.sim.clear_log()
    return pier


def message_of(space, text="hello"):
    return next(n for n in space.listed() if (space / n).read_text() == text + "\n")


# Moving out.

MOVERS = {
    "mv": "mv {} \"$T\"/",
    "busybox mv": "busybox mv {} \"$T\"/",
    "gio move": "gio move {} \"$T/x\"",
    "tar --remove-files": "tar cf \"$T/x.tar\" --remove-files {}",
    "rsync": "rsync -a --remove-source-files {} \"$T\"/",
}
# Programs that are recognized only by what they do, not by their names.
SCRIPTS = {
    "shutil.move": "/usr/bin/python3 -c 'import shutil, sys; shutil.move(*sys.argv[1:])' {} "
                   "\"$T\"/",
    "File::Copy": "perl -MFile::Copy=move -e 'move($ARGV[0], \"$ENV{{T}}/x\") or die $!' {}",
    "read by mmap": "/usr/bin/python3 -c 'import mmap, os, sys; f = open(sys.argv[1]); "
                    "m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ, flags=mmap.MAP_PRIVATE "
                    "if \"members\" in sys.argv[1] else mmap.MAP_SHARED); "
                    "open(sys.argv[2] + \"x\", \"wb\").write(m); os.unlink(sys.argv[1])' {} \"$T\"/",
}


def test_moving_out_deletes_nothing(full, tmp_path):
    (month,) = os.listdir(full / "history")
    (older,) = [n for n in names(full) if n != "a.txt"]
    stem = message_of(full)[:-4]
    files = ["files/a.txt", "a.txt", f"files/{older}", f"history/{month}/files/a.txt",
             f"members/{BOB}"]
    messages = [stem + e for e in ENDINGS] + [f"history/{month}/{stem}{e}" for e in ENDINGS]
    for name, command in {**MOVERS, **SCRIPTS}.items():
        for path in files + (messages if name in MOVERS else []):
            out = tmp_path / "out"
            out.mkdir()
            result = full.run(command.format(path), env={"T": str(out)})
            assert result.status != 0, f"{name} {path}: {result!r}"
            assert "not permitted" in result.err, f"{name} {path}: {result!r}"
            # File::Copy drops the copy again.
            assert os.listdir(out) or name == "File::Copy", f"{name} {path}"
            assert os.path.exists(full / path), f"{name} {path}"
            shutil.rmtree(out)
    assert deletions(full) == []
    assert BOB in os.listdir(full / "members") and len(names(full)) == 2
    assert "moved out it is a copy" in Unsent(full.mount).last_error()


def test_a_file_manager_moves_out_a_copy_and_deletes(full, tmp_path):
    """mc copies and unlinks by itself, when it moves; when it deletes it has not opened the file."""
    manager = tmp_path / "mc"
    manager.symlink_to("/usr/bin/python3")
    move = "import shutil, sys\nshutil.copy(*sys.argv[1:])\n" \
           "import os, threading; t = threading.Thread(target=os.unlink, " \
           "args=sys.argv[1:2]); t.start(); t.join()"
    name = message_of(full)
    for path in (name, name[:-4] + ".md", "files/a.txt"):
        result = full.run([str(manager), "-c", move, path, str(tmp_path)])
        assert "not permitted" in result.err, repr(result)
        assert (tmp_path / os.path.basename(path)).exists()
    assert deletions(full) == []
    full.run([str(manager), "-c", "import os, sys; os.unlink(sys.argv[1])", name], check=True)
    assert len(deletions(full)) == 1


def test_what_the_kernel_has_in_its_cache_is_moved_out_too(full, tmp_path):
    """The move sends no further request, and of many files looks only at those it names."""
    put(full / "b.txt", b"b")
    wait_until(lambda: len(names(full)) == 3)
    full.run("cat files/*", check=True)
    full.sim.clear_log()
    result = full.run("mv files/* \"$T\"/", env={"T": str(tmp_path)})
    assert result.err.count("not permitted") == 3, repr(result)
    assert deletions(full) == [] and len(names(full)) == 3
    assert (tmp_path / "a.txt").read_bytes() == b"new" * 30000


def test_rm_by_another_program_or_without_a_look_deletes(full, tmp_path):
    full.run(f"cp files/a.txt \"$T\"/ && rm files/a.txt && cp {message_of(full)} \"$T\"/ && "
             f"rm {message_of(full)} && cat members/{BOB} > /dev/null && rm members/{BOB}",
             env={"T": str(tmp_path)}, check=True)
    assert len(deletions(full)) == 3
    # The beginning is no copy; what is left is longer than the kernel reads ahead.
    data = os.urandom(3_000_000)
    put(full / "big.bin", data)
    remounted(full, lambda *a, **k: full.mount.__class__(tmp_path, full.sim.base, **k))
    full.run(["/usr/bin/python3", "-c",
              "import os; f = os.open('big.bin', os.O_RDONLY); os.read(f, 10); os.close(f); "
              "os.unlink('big.bin')"], check=True)
    assert len(deletions(full)) == 1


@pytest.mark.mount("recursive_delete")
def test_the_option_that_lets_moves_delete(full, tmp_path):
    name = message_of(full)
    (tmp_path / "new").write_text("new")
    result = full.run(f"mv \"$T/new\" {name}", env={"T": str(tmp_path)})
    assert result.status != 0 and deletions(full) == [], repr(result)
    full.run(f"mv files/a.txt {name} members/{BOB} \"$T\"/", env={"T": str(tmp_path)}, check=True)
    assert len(deletions(full)) == 3
    assert (tmp_path / name).read_text() == "hello\n"


def test_what_is_ones_own_moves_out(full, unsent, tmp_path):
    """Unsent letters and passing files can be moved out: no server has their bytes."""
    full.sim.fault(method="POST", route="/messages", status=400, message="No.")
    full.run("echo words > post; echo x > .a.txt.swp")
    name, data, _ = unsent.one()
    (tmp_path / "new").write_text("new")
    result = full.run(f"mv \"$T/new\" {unsent.dir}/{name}", env={"T": str(tmp_path)})
    assert result.status != 0 and unsent.bytes() == [data], repr(result)
    full.run(f"mv {unsent.dir}/{name} .a.txt.swp \"$T\"/", env={"T": str(tmp_path)}, check=True)
    assert (tmp_path / name).read_bytes() == data and unsent.names() == []
    assert (tmp_path / ".a.txt.swp").read_text() == "x\n"
    assert not os.path.lexists(full / ".a.txt.swp")


def test_structure_stays_when_it_is_moved_out(full, tmp_path):
    full.run("cat ../../people/me.json > /dev/null", check=True)
    for path in ("post", "post.json", "space.json", "last", "transcript.log", "history",
                 "../../people/me.json", "../../events", ".", "members"):
        out = tmp_path / "out"
        out.mkdir()
        result = full.run(f"timeout 20 mv {path} \"$T\"/x", env={"T": str(out)})
        assert result.status != 0, f"{path}: {result!r}"
        shutil.rmtree(out)
    assert deletions(full) == []


# Replacing.

REPLACERS = {
    "mv": "mv \"$T/a.txt\" {}",
    "busybox mv": "busybox mv \"$T/a.txt\" {}",
    "cp --remove-destination": "cp --remove-destination \"$T/a.txt\" {}",
    "install": "install -m 644 \"$T/a.txt\" {}",
    "tar x": "tar cf \"$T/a.tar\" -C \"$T\" a.txt && tar xf \"$T/a.tar\" -C $(dirname {})",
}


def test_a_replaced_file_becomes_an_older_version(full, tmp_path):
    posts = full.posts()
    for i, (name, command) in enumerate(REPLACERS.items()):
        (tmp_path / "a.txt").write_text(name)
        path = "files/a.txt" if i % 2 else "a.txt"
        result = full.run(command.format(path), env={"T": str(tmp_path)})
        assert result.status == 0, f"{name}: {result!r}"
        assert (full / "files/a.txt").read_text() == name
        assert len(names(full)) == 3 + i, name
    assert deletions(full) == []
    assert full.posts() == posts + len(REPLACERS)
    assert len(full.file_names()) == 2 + len(REPLACERS)


def test_a_file_that_was_sent_a_moment_ago_is_replaced(pier, tmp_path):
    """Its last close may not have come to us when the next program begins."""
    for i in range(1, 9):
        (tmp_path / "a").write_text(f"a{i}")
        (tmp_path / "b").write_text(f"b{i}")
        pier.run(f"cp {tmp_path}/a a.txt && mv {tmp_path}/b files/a.txt", check=True)
        assert (pier / "a.txt").read_text() == f"b{i}"
        assert len(pier.file_names()) == 2 * i
    assert deletions(pier) == []


def test_a_file_that_is_being_written_is_replaced(pier, tmp_path):
    """The unsent bytes are dropped; the version that was sent before stays."""
    for n in (1, 3):
        fd = os.open(pier / "a.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.write(fd, b"half")
        (tmp_path / "b").write_text(f"b{n}")
        pier.run(f"mv {tmp_path}/b a.txt", check=True)
        os.close(fd)
        assert (pier / "a.txt").read_text() == f"b{n}"
        assert len(pier.file_names()) == n // 2 + 1
    (tmp_path / "b").write_text("b5")
    pier.run(f": > a.txt; mv {tmp_path}/b files/a.txt", check=True)
    assert (pier / "a.txt").read_text() == "b5" and len(pier.file_names()) == 3
    assert deletions(pier) == []


def test_a_work_tree_of_git(full, tmp_path):
    """git removes files that it replaces, and files of which no other copy exists."""
    git = f"git -c user.name=a -c user.email=a@b --git-dir={tmp_path}/git --work-tree=."
    files = full / "files"
    full.mount.run(f"git init -q --bare {tmp_path}/git && {git} add a.txt && "
                   f"{git} commit -qm one && cp {tmp_path}/git/HEAD a.txt", cwd=files, check=True)
    count = len(full.file_names())
    for command in ("checkout -f a.txt", "reset -q --hard", "rm -qf a.txt", "clean -qffdx"):
        full.mount.run(f"{git} {command}", cwd=files)
        assert len(full.file_names()) >= count, command
    assert deletions(full) == []


def test_a_replacement_that_fails_leaves_the_old_one(full, unsent, tmp_path):
    (tmp_path / "a.txt").write_text("newer")
    before = names(full)
    full.sim.fault(method="POST", route="/messages", status=400, message="No.")
    result = full.run("mv \"$T/a.txt\" files/a.txt", env={"T": str(tmp_path)})
    assert result.status != 0 and (tmp_path / "a.txt").read_text() == "newer", repr(result)
    wait_until(lambda: names(full) == before)
    assert (full / "files/a.txt").read_bytes() == b"new" * 30000
    assert (full / "a.txt").read_bytes() == b"new" * 30000
    assert deletions(full) == [] and unsent.bytes() == [b"newer"]


def test_what_cannot_be_replaced_stays(full, tmp_path):
    """The replacement fails, whatever the program, before any byte of the new file is taken."""
    (month,) = os.listdir(full / "history")
    (older,) = [n for n in names(full) if n != "a.txt"]
    stem = message_of(full)[:-4]
    for command in ("mv {1} {0}", "cp --remove-destination {1} {0}", "install {1} {0}"):
        for path in (*(stem + e for e in ENDINGS), f"files/{older}", f"members/{BOB}",
                     f"history/{month}/files/a.txt", f"history/{month}/{stem}.txt"):
            (tmp_path / "new").write_text("new")
            result = full.run(command.format(path, tmp_path / "new"))
            assert result.status != 0, f"{command} {path}: {result!r}"
    assert deletions(full) == [] and full.posts() == 0
    assert len(names(full)) == 2 and BOB in os.listdir(full / "members")


def test_a_name_that_is_being_replaced(full, tmp_path):
    """Until the new file exists, every lookup finds the name free; no program deletes it."""
    program = tmp_path / "mv"
    shutil.copy("/usr/bin/python3", program)
    full.run([str(program), "-c", "import os; os.unlink('files/a.txt')"], check=True)
    for path in ("a.txt", "files/a.txt"):
        with fails(errno.ENOENT):
            os.stat(full / path)
    assert "a.txt" not in names(full) and len(names(full)) == 1
    put(full / "a.txt", "newest", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    assert len(names(full)) == 3 and (full / "files/a.txt").read_text() == "newest"
    assert deletions(full) == []


WRITTEN_BESIDE = '''
import os, sys
name, text = sys.argv[1:]
with open(name + ".tmp", "w") as f:
    f.write(text)
open(name).read()
os.unlink(name)
os.rename(name + ".tmp", name)
'''


def test_what_was_written_beside_replaces(full, unsent):
    """A program of any name removes the file of the final name, then renames its own to it."""
    (older,) = [n for n in names(full) if n != "a.txt"]
    script = ["/usr/bin/python3", "-c", WRITTEN_BESIDE]
    full.run([*script, "a.txt", "newer"], check=True)
    assert (full / "files/a.txt").read_text() == "newer" and len(names(full)) == 3
    # The file that was replaced is an older version at once.
    before = names(full)
    full.sim.fault(method="POST", route="/messages", status=400, message="No.")
    assert full.run([*script, "files/a.txt", "newest"]).status != 0
    assert names(full) == sorted([*before, "a.txt.tmp"]) and unsent.bytes() == [b"newest"]
    for path in (message_of(full), f"files/{older}"):
        full.run(f"rm -f files/*.tmp {path}.tmp")
        result = full.run([*script, path, "x"])
        assert result.status != 0 and "not permitted" in result.err, repr(result)
    # The rename alone deletes nothing, either.
    assert full.run(f"mv files/{older}.tmp files/{older}").status != 0
    assert deletions(full) == [] and names(full) == sorted([*before, f"{older}.tmp"])


@pytest.mark.skipif(not shutil.which("zip"), reason="no zip")
def test_an_archive_in_the_space_is_updated(full, tmp_path):
    (tmp_path / "b").write_text("b")
    for file in ("a.txt", tmp_path / "b"):
        full.run(f"zip -qj x.zip {file}", check=True)
    found = full.run("unzip -l x.zip", check=True).out
    assert "a.txt" in found and " b\n" in found
    assert len(names(full)) == 4 and deletions(full) == []
    result = full.run("zip -qm x.zip files/a.txt")
    assert (full / "files/a.txt").read_bytes() == b"new" * 30000, repr(result)
    assert deletions(full) == []


# Processes that the daemon cannot see.

def can_unshare():
    return subprocess.run(["unshare", "-p", "-f", "true"], capture_output=True,
                          check=False).returncode == 0


def test_a_process_of_another_pid_namespace(full, start_mount, tmp_path):
    """Its pid is 0: it may be any process that has a directory open or has read a file."""
    if not can_unshare():
        pytest.skip("no pid namespaces")
    wrapper = tmp_path / "wrapper"
    wrapper.write_text("#!/bin/sh\nexec unshare -p -f --kill-child "
                       f"{os.environ['SPARKFS']} \"$@\"\n")
    wrapper.chmod(0o755)
    full.mount = start_mount(full.sim, binary=str(wrapper))
    name = message_of(full)
    for command in ("mv files/a.txt \"$T\"/", f"mv {name} \"$T\"/", f"mv members/{BOB} \"$T\"/",
                    "find . -type f -delete", "rm -rf members"):
        result = full.run(command, env={"T": str(tmp_path)})
        assert result.status != 0 and "not permitted" in result.err, f"{command}: {result!r}"
    assert deletions(full) == []
    (older,) = [n for n in names(full) if n != "a.txt"]
    full.run(f"rm files/{older}", check=True)
    assert len(deletions(full)) == 1


# The message of an attachment.

@pytest.fixture
def other(start_mount):
    """(server, mount, message): Harbour, with a message of one file."""
    with OtherServer() as server:
        room = server.add_room("Harbour")
        for name in ("a.png", "b.png"):
            server.contents[name] = (name, "image/png", name.encode())
        message = server.add_message(room, None, ME, files=[f"{server.base}/contents/a.png"])
        mount = start_mount(server.base, "cache=memory", token=TOKEN)
        yield server, mount, message


MORE = {
    "a text": {"text": "see p. 2"},
    "a markdown": {"markdown": "**see**", "html": "<b>see</b>"},
    "a file": {"files": ["a.png", "b.png"]},
    "another file": {"files": ["b.png"]},
    "a card": {"attachments": [{"contentType": "application/vnd.microsoft.card.adaptive",
                                "content": {"type": "AdaptiveCard"}}]},
}


def add(server, message, more):
    message.update(more)
    message["files"] = [f"{server.base}/contents/{f.rsplit('/', 1)[-1]}" for f in message["files"]]
    message["updated"] = server.date(message["_ms"] + 5000)


@pytest.mark.parametrize("what", MORE)
def test_rm_of_a_file_of_a_larger_message(other, what):
    """What the cache knows of the message may be old: rm fetches the message before it deletes."""
    server, mount, message = other
    assert mount.run("ls spaces/Harbour/files").ok().lines() == ["a.png"]
    stem = mount.run("ls spaces/Harbour").ok().lines()[0]
    add(server, message, MORE[what])
    # The second rm knows the message; a file that has gone from it is not found any more.
    for _ in range(1 if what == "another file" else 2):
        result = mount.run("rm spaces/Harbour/files/a.png")
        assert result.status != 0 and "not permitted" in result.err, repr(result)
        assert f"rm 'spaces/Harbour/{stem}'" in mount.run("cat .sparkfs/last-error").ok().out
    assert server.asked("DELETE", "") == []
    assert len(server.asked("GET", "/messages/")) == 1
    mount.run(f"rm spaces/Harbour/{stem}").ok()
    assert server.messages == []


def test_rm_of_a_file_that_is_all_of_its_message(other):
    server, mount, message = other
    message["text"] = " \n"
    mount.run("ls spaces/Harbour/files").ok()
    server.hook = lambda r: error(500, "no") \
        if r.method == "GET" and r.path.startswith("/messages/") else None
    assert mount.run("rm spaces/Harbour/files/a.png").status != 0
    assert server.asked("DELETE", "") == []
    server.hook = None
    mount.run("rm spaces/Harbour/files/a.png").ok()
    assert server.messages == [] and len(server.asked("DELETE", "/messages")) == 1
    assert mount.run("ls spaces/Harbour/files").ok().lines() == []


def test_rm_of_a_file_that_was_deleted_elsewhere(other):
    server, mount, message = other
    mount.run("ls spaces/Harbour/files").ok()
    server.messages.remove(message)
    result = mount.run("rm spaces/Harbour/files/a.png")
    assert result.status != 0 and "No such file" in result.err, repr(result)
    assert server.asked("DELETE", "") == []
    assert mount.run("ls spaces/Harbour/files").ok().lines() == []
