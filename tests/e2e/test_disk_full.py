"""A full disk is said by the write, and takes nothing of what was accepted before."""
import errno
import os
import subprocess

import pytest

from lib.chat import SHELLS, Space, Unsent, fails, put
from lib.util import wait_until

KIB = 1024


class Disk:
    """A small file system. fill() fills it to the last page, so that no test depends on luck."""

    def __init__(self, path, size):
        path.mkdir(parents=True, mode=0o700)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs",
                               str(path)], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"cannot mount a small file system: {done.stderr.strip()}")
        self.path = path
        self.ballast = path / "ballast"

    def fill(self, leave=0):
        with open(self.ballast, "ab", buffering=0) as f:
            try:
                while True:
                    f.write(b"\0" * 4 * KIB)
            except OSError as e:
                assert e.errno == errno.ENOSPC
        if leave:
            os.truncate(self.ballast, self.ballast.stat().st_size - leave)

    def empty(self):
        self.ballast.unlink()

    def remove(self):
        subprocess.run(["umount", "-l", str(self.path)], check=False)


@pytest.fixture
def disk_under(request, tmp_path):
    """function(kind) -> Disk below the mount's "state" or "cache" directory."""
    disks = []

    def make(kind, size="4m"):
        disks.append(Disk(tmp_path / "xdg" / kind, size))
        return disks[-1]

    yield make
    # After the mounts have ended: their fixture is asked for by each test before this one.
    for disk in disks:
        disk.remove()


@pytest.fixture
def quay(start_sim, disk_under, start_mount, tmp_path):
    """function(kind) -> (disk, space, unsent) with that directory on the small disk."""
    def make(kind):
        disk = disk_under(kind)
        sim = start_sim("--data", "empty")
        space = Space(sim)
        space.mount = start_mount(sim, state=tmp_path / "xdg")
        space.ls()
        return disk, space, Unsent(space.mount)
    return make


def keep_one(space, data="accepted"):
    """A letter in unsent/, and its name."""
    known = set(Unsent(space.mount).names())
    fault = space.sim.fault(method="POST", route="/messages$", status=403, message="Not today.")
    with fails(errno.EACCES):
        put(space / "post", data)
    space.sim.clear_fault(fault)
    (name,) = set(Unsent(space.mount).names()) - known
    return name


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_shows_that_there_is_no_room_for_a_text(quay, shell):
    disk, space, unsent = quay("state")
    disk.fill()
    result = space.shell(shell, "echo hi > post")
    # dash has words of its own for every error of a write.
    words = "i/o error" if shell == "dash" else "no space left"
    assert result.status != 0 and words in result.err.lower(), repr(result)
    assert space.texts() == [] and unsent.names() == []
    disk.empty()
    put(space / "post", "hi again")
    assert space.texts() == ["hi again"]


def test_a_full_disk_takes_nothing_of_what_is_kept(quay, start_mount):
    """A full disk takes nothing, also when the daemon starts on it."""
    disk, space, unsent = quay("state")
    name = keep_one(space)
    disk.fill()
    with fails(errno.ENOSPC):
        put(space / "post", "no room")
    assert unsent.bytes() == [b"accepted"]
    space.mount.kill()
    space.mount = start_mount(space.sim, state=space.mount.state)
    unsent = Unsent(space.mount)
    assert unsent.names() == [name] and unsent.bytes() == [b"accepted"]
    disk.empty()
    space.run(f"mv '{unsent.dir}/{name}' post", check=True)
    assert space.texts() == ["accepted"] and unsent.names() == []


def test_the_write_of_a_file_says_that_the_disk_is_full(quay):
    """write says how many bytes it took, and the outbox sends no file that is not whole."""
    disk, space, unsent = quay("state")
    disk.fill(leave=512 * KIB)
    fd = os.open(space / "large.bin", os.O_WRONLY | os.O_CREAT)
    with fails(errno.ENOSPC):
        for _ in range(64):
            assert os.write(fd, b"x" * 64 * KIB)
    with fails(errno.ENOSPC):
        os.close(fd)
    assert space.files() == {} and unsent.names() == []
    # The space that the file held is free again.
    put(space / "small.bin", b"y" * 128 * KIB)
    assert space.files() == {"small.bin": b"y" * 128 * KIB}


def test_a_full_disk_below_the_cache_does_not_lose_a_text(quay):
    """The outbox has room: a text that the cache cannot note is not called unsent."""
    disk, space, unsent = quay("cache")
    disk.fill()
    for i in range(3):
        put(space / "post", f"words {i}")
    assert space.texts() == ["words 0", "words 1", "words 2"]
    assert unsent.names() == []
    disk.empty()
    put(space / "post", "room again")
    wait_until(lambda: space.listed_texts()[-1:] == ["room again\n"], 20)
    assert space.posts() == 4


def test_a_refused_text_is_kept_while_the_cache_is_full(quay):
    disk, space, unsent = quay("cache")
    disk.fill()
    name = keep_one(space)
    assert unsent.bytes() == [b"accepted"]
    space.run(f"mv '{unsent.dir}/{name}' post", check=True)
    assert space.texts() == ["accepted"] and unsent.names() == []


@pytest.mark.parametrize("free", [0, 512 * KIB])
def test_an_attachment_is_read_though_the_disk_below_the_cache_is_full(quay, start_mount, free):
    """All bytes can be read, also where the disk fills on the way; the cache keeps none then."""
    disk, space, _unsent = quay("cache")
    data = os.urandom(2000 * KIB)
    put(space / "large.bin", data)
    space.mount.unmount()
    space.mount = start_mount(space.sim, state=space.mount.state)
    space.ls()
    disk.fill(leave=free)
    assert (space / "large.bin").read_bytes() == data
    assert "is full" in (space.mount / ".sparkfs/log").read_text()
    disk.empty()
    # The pages that the kernel keeps of the file go with the mount.
    space.mount.unmount()
    space.mount = start_mount(space.sim, state=space.mount.state)
    assert (space / "large.bin").read_bytes() == data
    assert list(disk.path.glob("sparkfs/*/contents/*.map")) or \
        list(disk.path.glob("sparkfs/*/contents/*.bin"))
