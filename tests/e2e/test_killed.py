"""Its end from outside: killed, aborted, unmounted while it is in use; and what somebody reads slowly
meanwhile. Nobody hangs, and no other mount is touched."""
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from lib.mount import mount_device, read_proc
from lib.shell import run_cmd
from lib.tree import Timed, messages_in
from lib.util import scaled, wait_until

SLOW_READ = {"method": "GET", "route": "/contents", "slowBytesPerSec": 2000}
LIBC = ctypes.CDLL(None, use_errno=True)
MNT_FORCE, MNT_DETACH = 1, 2
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

# Runs in a space: posts, and removes what it sees of its own.
DELETER = """
import os, random
while True:
    try:
        with open("post", "w") as f:
            f.write("one more")
        os.unlink(random.choice([n for n in os.listdir(".") if n.endswith(".txt")]))
    except (FileNotFoundError, IndexError):
        pass
"""


@contextlib.contextmanager
def running(*argvs, cwd="/"):
    """Programs, which end with the mount or are ended here."""
    # pylint: disable-next=consider-using-with
    all_of_them = [subprocess.Popen([str(a) for a in argv], cwd=cwd, stdin=subprocess.DEVNULL,
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                   for argv in argvs]
    try:
        yield all_of_them
    finally:
        for p in all_of_them:
            p.kill()
        for p in all_of_them:
            p.wait(scaled(20))


def wait_all(programs, seconds):
    wait_until(lambda: all(p.poll() is not None for p in programs), seconds)


def kill(mount, programs=()):
    """SIGKILL ends it and whoever is in it in two seconds, and nobody helps."""
    start = time.monotonic()
    mount.process.kill()
    mount.process.wait(scaled(2))
    wait_all(programs, 2)
    assert time.monotonic() - start < scaled(2)
    mount.kill()


def will_of(mount):
    """The process that outlives it. It is there when the mount serves."""
    mount.ls()
    with open(f"/proc/{mount.pid}/task/{mount.pid}/children", encoding="ascii") as f:
        found = [int(n) for n in f.read().split()]
    found = [n for n in found if read_proc(f"/proc/{n}/comm") == "sparkfs-will"]
    if not found and not mount.connection:
        pytest.skip("the kernel's control files of FUSE are not mounted")
    assert len(found) == 1
    return found[0]


def runs(pid):
    """A zombie does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def umount(path, flags):
    """0 or an errno."""
    return 0 if LIBC.umount2(str(path).encode(), flags) == 0 else ctypes.get_errno()


@pytest.fixture
def slow(sim, start_mount):
    """A mount where somebody reads an attachment slowly, which was removed elsewhere meanwhile;
    .reader is he."""
    room = sim.create_room("Ops")
    sim.create_room("Lunch")
    sim.post(room["id"], "old")
    message = sim.upload(room["id"], "big.bin", b"x" * 20_000_000)
    mount = start_mount(sim, "poll=1")
    assert mount.ls("spaces/Ops/files/") == ["big.bin"]
    sim.fault(**SLOW_READ)
    with running(["cat", mount.space("Ops") / "files/big.bin"]) as readers:
        wait_until(lambda: sim.requests("GET", "/contents/.*"), 10)
        sim.api("DELETE", "/messages/" + message["id"]).ok(204)
        wait_until(lambda: mount.ls("spaces/Ops/files/") == [], 15)
        mount.reader = readers[0]
        yield mount


# Somebody reads slowly.


@pytest.mark.sim("--data", "empty")
def test_a_change_of_what_is_read_slowly_delays_nothing(sim, slow):
    mount = slow
    ops, lunch = mount.space("Ops"), mount.space("Lunch")
    seen = []

    def follow():
        with open(mount / "events", encoding="utf-8") as f:
            seen.extend(line for line in f)

    follower = threading.Thread(target=follow, daemon=True)
    follower.start()
    for what, function in (
            ("post", lambda: (lunch / "post").write_text("hello")),
            ("post beside it", lambda: (ops / "post").write_text("hello")),
            ("mkdir", lambda: os.mkdir(mount.space("New"))),
            ("mv", lambda: os.rename(mount.space("New"), mount.space("Newer"))),
            ("an upload", lambda: (ops / "a.bin").write_bytes(b"figures")),
            ("rm", lambda: os.unlink(ops / messages_in(ops)[0])),
            ("ls", lambda: mount.ls("spaces/Ops"))):
        with Timed(2, what):
            function()
    wait_until(lambda: any("message-deleted" in line for line in seen), 5)
    assert slow.reader.poll() is None
    assert "hello" in [m["text"] for m in sim.messages(sim.room("Lunch")["id"])]
    mount.unmount_lazily()
    mount.terminate()
    follower.join(scaled(5))


@pytest.mark.sim("--data", "empty")
def test_killed_while_an_attachment_is_read(slow):
    kill(slow, [slow.reader])
    assert mount_device(slow.path) is None


@pytest.mark.sim("--data", "empty")
def test_killed_while_many_delete(sim, start_mount):
    """An rm that comes between the notifier's look and the kernel's is not seen by it."""
    room = sim.create_room("Ops")
    for i in range(40):
        sim.post(room["id"], str(i))
    sim.fault(method="DELETE", delayMs=100)
    for _ in range(2):
        mount = start_mount(sim)
        will = will_of(mount)
        sim.clear_log()
        with running(*[[sys.executable, "-c", DELETER]] * 8,
                     cwd=mount.space("Ops")) as deleters:
            wait_until(lambda: len(sim.requests("DELETE")) >= 10, 30)
            kill(mount, deleters)
        wait_until(lambda w=will: not runs(w))


@pytest.mark.sim("--data", "empty")
def test_killed_while_attachments_come_and_go(sim, start_mount):
    room = sim.create_room("Ops")
    message = sim.upload(room["id"], "big.bin", b"x" * 5_000_000)
    mount = start_mount(sim, "poll=1")
    space = mount.space("Ops")
    mount.ls("spaces/Ops/files/")
    sim.fault(**SLOW_READ)
    sim.fault(method="POST", delayMs=200)
    upload = 'while cp /proc/self/exe "$0/$$.bin" && rm -f "$0/files/$$.bin"; do :; done'
    with running(*[["cat", space / "files/big.bin"]] * 3,
                 *[["sh", "-c", upload, space]] * 3) as programs:
        wait_until(lambda: sim.requests("GET", "/contents/.*") and
                   sim.requests("POST", "/messages"), 20)
        sim.api("DELETE", "/messages/" + message["id"]).ok(204)
        kill(mount, programs)


# The process that is left for it.


def test_the_process_that_is_left(mount):
    """It has the abort file alone, no terminal, and heeds no signal."""
    will = will_of(mount)

    def has_let_go():
        folder = f"/proc/{will}/fd"
        links = {int(n): os.readlink(f"{folder}/{n}") for n in os.listdir(folder)}
        return links.pop(3).endswith(f"/{mount.minor}/abort") and \
            links == {0: "/dev/null", 1: "/dev/null", 2: "/dev/null"}

    wait_until(has_let_go)
    assert os.getsid(will) == will
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGUSR1,
                   signal.SIGRTMIN):
        os.kill(will, signum)
    assert "spaces" in mount.ls()
    assert runs(will)
    # A mount that ends leaves nothing of it.
    mount.unmount()
    assert not runs(will)


def test_it_ends_with_the_killed(mount):
    will = will_of(mount)
    os.kill(will, signal.SIGRTMIN)
    kill(mount)
    wait_until(lambda: not runs(will))


def test_without_it_all_goes_on(mount):
    os.kill(will_of(mount), signal.SIGKILL)
    assert "spaces" in mount.ls()
    mount.unmount()


# Ended from outside.


def check_says_so(mount):
    mount.wait_ended(1)
    lines = [line for line in mount.output.splitlines() if "ended from outside" in line]
    assert len(lines) == 1 and str(mount.path) in lines[0], mount.output
    assert mount_device(mount.path) is None


def test_aborted(mount):
    if not mount.connection:
        pytest.skip("the kernel's control files of FUSE are not mounted")
    mount.ls()
    with running(["sleep", "100"], cwd=mount.path):
        mount.abort()
        check_says_so(mount)


# Of somebody who is not root, in a namespace without the control files, as in a container.
UNSEEN_SCRIPT = r"""
set -eu
mkdir "$DIR/control" "$DIR/mnt" "$DIR/home"
mknod -m 666 "$DIR/fuse" c 10 229
cp "$SPARKFS" "$DIR/sparkfs"
chown -R 65534:65534 "$DIR/mnt" "$DIR/home"
mount --bind "$DIR/fuse" /dev/fuse
mount --bind /sys/fs/fuse/connections "$DIR/control"
mount -t tmpfs tmpfs /sys/fs/fuse/connections
export HOME="$DIR/home" WEBEX_ACCESS_TOKEN=alice-token
setpriv --reuid=65534 --regid=65534 --clear-groups "$DIR/sparkfs" -f -o "$OPTIONS" "$DIR/mnt" &
until minor=$(grep -F " $DIR/mnt " /proc/self/mountinfo | cut -d ' ' -f 3 | cut -d : -f 2) && [ "$minor" ]; do
    kill -0 $!
    sleep 0.05
done
setpriv --reuid=65534 --regid=65534 --clear-groups ls "$DIR/mnt"
echo 1 > "$DIR/control/$minor/abort"
wait $!
"""


@needs_root
def test_aborted_without_control_files(sim, mount, open_folder):
    if not mount.connection:
        pytest.skip("the kernel's control files of FUSE are not mounted")
    env = {**{k: v for k, v in os.environ.items() if not k.startswith("XDG_")},
           "DIR": str(open_folder), "OPTIONS": f"url={sim.base},cache=memory"}
    done = subprocess.run(["unshare", "-m", "--propagation", "private", "sh", "-c",
                           UNSEEN_SCRIPT], env=env, capture_output=True, text=True,
                          timeout=scaled(30), check=False)
    assert done.returncode == 1, done
    assert "ended from outside" in done.stderr
    assert f"fusermount3 -u {open_folder}/mnt" in done.stderr


@needs_root
def test_unmounted_by_force(sim, start_mount):
    mount = start_mount(sim)
    # Nobody is in it: it is an unmount as any other.
    assert umount(mount.path, MNT_FORCE) == 0
    mount.wait_ended()
    assert "outside" not in mount.output
    # Somebody is: the connection has ended all the same.
    mount = start_mount(sim)
    with running(["sleep", "100"], cwd=mount.path):
        assert umount(mount.path, MNT_FORCE) != 0
        check_says_so(mount)


def test_unmounted_while_somebody_is_in_it(sim, mount):
    with running(["sleep", "100"], cwd=mount.path):
        done = run_cmd(["fusermount3", "-u", str(mount.path)])
        assert done.status != 0
        assert "spaces" in mount.ls()
    mount.unmount()
    assert "outside" not in mount.output
    assert sim


def take_over(mount, start_mount, server, flags):
    """Another mount at the same path, if possible with the same number."""
    assert umount(mount.path, flags) == 0
    return start_mount(server, token="bob-token", at=mount.path)


@needs_root
def test_the_next_mount_at_the_same_place_stays(sim, start_mount):
    """The path and the number of a mount that went are the next one's at once."""
    mount = start_mount(sim)
    # It is to be slow to see that it was unmounted.
    os.kill(mount.pid, signal.SIGSTOP)
    successor = take_over(mount, start_mount, sim, 0)
    os.kill(mount.pid, signal.SIGCONT)
    assert mount.process.wait(scaled(15)) == 0
    mount.ended = True
    assert "spaces" in successor.ls()


@needs_root
def test_the_next_mount_stays_when_the_one_before_is_told_to_end(sim, start_mount):
    mount = start_mount(sim)
    fd = os.open(mount.path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        successor = take_over(mount, start_mount, sim, MNT_DETACH)
        mount.process.send_signal(signal.SIGTERM)
        assert mount.process.wait(scaled(15)) == 0
        mount.ended = True
        assert mount_device(successor.path) is not None
        assert "spaces" in successor.ls()
        with pytest.raises(OSError):
            os.listdir(fd)
    finally:
        os.close(fd)
