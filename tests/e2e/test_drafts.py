"""Several open files on one that is being written: whose close sends what, and what cuts it off."""
import contextlib
import errno
import mmap
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import pytest

from lib.chat import fails, opened
from lib.chat import pier, unsent  # noqa: F401  pylint: disable=unused-import
from lib.shell import kill_group, start_cmd
from lib.util import scaled, wait_until

SOAK = pathlib.Path(__file__).resolve().parent.parent / "soak"
NEW = os.O_RDWR | os.O_CREAT
APPEND = os.O_WRONLY | os.O_APPEND
FILE_MAX = 100 * 1024 * 1024


def versions(pier, name):
    """The bytes of each version of a file, oldest first."""
    found = []
    for message in pier.messages():
        for url in message.get("files") or []:
            got, data = pier.content(url)
            assert got == name
            found.append(data)
    return found


@contextlib.contextmanager
def nothing_is_sent(pier):
    before = len(pier.sim.log())
    yield
    made = [r for r in pier.sim.log()[before:] if r["method"] in ("POST", "PUT", "DELETE")]
    assert not made


@contextlib.contextmanager
def other_process(pier, name, flags, write=""):
    """A process that has the file open, and has written that; it is killed in the end."""
    code = (f"import os, sys; fd = os.open({name!r}, {flags}); os.write(fd, {write!r}.encode()); "
            "print('ready', flush=True); sys.stdin.read()")
    child = start_cmd([sys.executable, "-c", code], cwd=pier.dir, stdin=subprocess.PIPE)
    try:
        assert child.stdout.readline() == b"ready\n"
        yield child
    finally:
        kill_group(child)
        child.communicate(timeout=scaled(10))


def test_who_wrote_nothing_has_nothing_sent(pier):
    """touch, a reader that could write, and fsync, while another process is writing."""
    with opened(pier / "big.txt", NEW) as fd:
        os.write(fd, b"half ")
        with nothing_is_sent(pier):
            pier.run("touch big.txt; chmod 600 big.txt; : >> big.txt; exec 3<> big.txt; exec 3>&-",
                     check=True)
            pier.run("cat < big.txt; sync big.txt; dd if=/dev/null of=big.txt conv=notrunc,fsync",
                     check=True)
            # One process may have several descriptors, too.
            with opened(pier / "big.txt", os.O_RDWR) as other:
                os.fsync(other)
                os.close(os.dup(other))
        os.write(fd, b"whole")
    assert versions(pier, "big.txt") == [b"half whole"]


def test_a_descriptor_is_dupped_or_inherited(pier):
    fd = os.open(pier / "f", NEW)
    os.write(fd, b"one")
    # A child that goes away has its own copy closed, not the file committed.
    with nothing_is_sent(pier):
        subprocess.run(["/bin/echo", "two"], stdout=fd, check=True, timeout=scaled(10))
    os.close(os.dup(fd))
    assert versions(pier, "f") == [b"onetwo\n"]
    with nothing_is_sent(pier):
        os.close(os.dup(fd))
        os.close(fd)


def test_two_that_write_send_it_once(pier):
    """The last close sends: an earlier one would send a beginning of the other's bytes."""
    a = os.open(pier / "log", NEW | os.O_APPEND)
    b = os.open(pier / "log", APPEND)
    with nothing_is_sent(pier):
        os.write(a, b"a1 ")
        os.write(b, b"b1 ")
        os.fsync(b)
        os.write(b, b"b2 ")
        os.close(b)
        pier.run("echo c1 >> log", check=True)
        os.write(a, b"a2")
    os.close(a)
    assert versions(pier, "log") == [b"a1 b1 b2 c1\na2"]
    # Parts of one file at their places.
    fds = [os.open(pier / "log", os.O_WRONLY | (0 if i else os.O_CREAT | os.O_TRUNC))
           for i in range(3)]
    with nothing_is_sent(pier):
        for i in (2, 0, 1):
            os.pwrite(fds[i], b"%d" % i * 5, i * 5)
        os.close(fds[0])
        os.close(fds[2])
    os.close(fds[1])
    assert versions(pier, "log")[1:] == [b"000001111122222"]


ORPHAN = """
import os, sys
fd = os.open("f", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
if os.fork():
    os._exit(0)
sys.stdin.buffer.read1(1)
os.write(fd, b"%s")
sys.stdin.read()
"""


def test_none_of_the_closes_is_the_openers(pier):
    """Then the last release sends the file."""
    writers = []
    try:
        for name in "ab":
            writers.append(start_cmd([sys.executable, "-c", ORPHAN % name], cwd=pier.dir,
                                     stdin=subprocess.PIPE))
            writers[-1].wait(scaled(10))
        with nothing_is_sent(pier):
            for n, writer in enumerate(writers, 1):
                writer.stdin.write(b"!")
                writer.stdin.flush()
                wait_until(lambda n=n: os.stat(pier / "f").st_size == n)
            writers[0].communicate(timeout=scaled(10))
        writers[1].communicate(timeout=scaled(10))
        wait_until(lambda: versions(pier, "f") == [b"ab"])
    finally:
        for writer in writers:
            kill_group(writer)


def test_what_comes_through_a_mapping(pier):
    size = 2 * mmap.PAGESIZE
    a = os.open(pier / "m", NEW)
    os.write(a, b"." * size)
    os.fsync(a)
    assert versions(pier, "m") == [b"." * size]
    area = mmap.mmap(a, size)
    # The kernel writes back what others mapped when any of them closes, through the one that was
    # opened last.
    b = os.open(pier / "m", os.O_RDWR | os.O_APPEND)
    with nothing_is_sent(pier):
        area[0:5] = b"first"
        pier.run("touch m; : >> m", check=True)
        os.close(os.dup(b))
        area[size - 4:] = b"last"
        area.flush()
        os.close(b)
    area.close()
    os.close(a)
    whole = b"first" + b"." * (size - 9) + b"last"
    wait_until(lambda: versions(pier, "m")[1:] == [whole])


def test_a_second_writer_while_the_first_is_on_the_wire(pier):
    pier.mount.ls(pier / "files/")
    pier.sim.fault(method="POST", route="/messages", hang=True, times=1)
    a = os.open(pier / "f", NEW)
    os.write(a, b"first")
    closing = threading.Thread(target=os.close, args=(a,))
    closing.start()
    wait_until(lambda: pier.sim.control("GET", "/health")["parked"])
    second = start_cmd("echo ' second' >> f", cwd=pier.dir)
    try:
        wait_until(lambda: os.stat(pier / "f").st_size == 13)
        # The second commit waits for its turn: the bytes that come last are the file.
        assert second.poll() is None
        pier.sim.control("POST", "/release")
        closing.join(scaled(20))
        second.communicate(timeout=scaled(20))
        assert second.returncode == 0
    finally:
        kill_group(second)
    assert versions(pier, "f") == [b"first", b"first second\n"]
    assert (pier / "f").read_bytes() == b"first second\n"
    # Both files are there under their names, also where no directory is listed anew.
    older = [name for name in pier.mount.ls(pier / "files/") if name != "f"]
    assert [(pier / "files" / name).read_bytes() for name in older] == [b"first"]


def test_one_that_is_killed_taints_what_it_wrote(pier, unsent):
    # A killed process that only had the file open does not taint what others wrote.
    with opened(pier / "good", NEW) as fd:
        os.write(fd, b"whole")
        with other_process(pier, "good", os.O_RDWR):
            pass
    assert versions(pier, "good") == [b"whole"]
    fd = os.open(pier / "bad", NEW | os.O_APPEND)
    with other_process(pier, "bad", APPEND, "ha") as child:
        os.write(fd, b"mine")
        child.send_signal(signal.SIGTERM)
        child.wait(scaled(10))
    with nothing_is_sent(pier), fails(errno.EIO):
        os.close(fd)
    name, data, why = unsent.one()
    assert name.endswith("bad") and data == b"hamine"
    assert "another program" in why["reason"]
    # A writer that begins anew gets no byte of the tainted file.
    fd = os.open(pier / "new", NEW)
    with other_process(pier, "new", APPEND, "ha"):
        pass
    pier.run("echo hi > new", check=True)
    os.close(fd)
    assert pier.files() == {"good": b"whole", "new": b"hi\n"}


def test_a_refused_write_takes_nothing_of_others(pier, unsent):
    """The file stays a beginning: it has bytes of another writer, whose write succeeded."""
    a = os.open(pier / "f", NEW)
    os.write(a, b"begin")
    with nothing_is_sent(pier):
        with opened(pier / "f", APPEND) as b:
            os.write(b, b" other")
        with fails(errno.EFBIG):
            os.pwrite(a, b"x", FILE_MAX)
        with fails(errno.EFBIG):
            os.close(a)
    assert unsent.one()[1] == b"begin other"


@pytest.mark.parametrize("name", ["a.txt", ".a.txt.swp"], ids=["upload", "scratch"])
def test_o_trunc_cuts_off_what_is_being_written(pier, name):
    fd = os.open(pier / name, NEW)
    os.write(fd, b"A" * 40)
    assert pier.run(f"echo hi > {name}; cat {name}", check=True).out == "hi\n"
    os.close(os.open(pier / name, os.O_RDONLY | os.O_TRUNC))
    assert os.fstat(fd).st_size == 0
    assert pier.run(f"printf 123456 > {name}; cat {name}", check=True).out == "123456"
    os.close(fd)
    sent = [b"hi\n", b"123456"] if name == "a.txt" else []
    assert versions(pier, "a.txt") == sent
    # No process holds the file open.
    if not sent:
        assert pier.run(f"echo x > {name}; cat {name}", check=True).out == "x\n"
        os.close(os.open(pier / name, os.O_RDONLY | os.O_TRUNC))
        assert (pier / name).read_bytes() == b""


def test_truncate_by_name_needs_somebody_who_sends_it(pier):
    with opened(pier / "f", NEW) as fd:
        os.write(fd, b"123456")
        os.truncate(pier / "f", 3)
        with opened(pier / "f", os.O_RDONLY):
            pass
    assert versions(pier, "f") == [b"123"]
    with opened(pier / "g", NEW) as fd:
        reader = os.open(pier / "g", os.O_RDONLY)
        os.write(fd, b"123456")
    with nothing_is_sent(pier):
        wait_until(lambda: is_refused(pier / "g"))
        assert os.pread(reader, 9, 0) == b"123456"
    os.close(reader)


def is_refused(path):
    """True once truncate by name is refused: the last writer has been released."""
    try:
        os.truncate(path, 6)
    except PermissionError:
        return True
    return False


def test_edits_and_objects_are_their_writers(pier):
    pier.run("echo old > post", check=True)
    own = pier / pier.listed()[0]
    for path, half, rest in ((own, "a new", " text\n"), (pier / "space.json", '{"isLocked":',
                                                         ' false, "title": "Pier 9"}')):
        with opened(path, os.O_WRONLY | os.O_TRUNC) as fd:
            os.write(fd, half.encode())
            with nothing_is_sent(pier):
                pier.run(["touch", str(path)], check=True)
                with opened(path, os.O_RDWR) as other:
                    os.fsync(other)
                os.close(os.open(path, os.O_RDONLY | os.O_TRUNC))
            os.write(fd, rest.encode())
    assert pier.texts() == ["a new text"]
    assert pier.sim.room("Pier 9")["id"] == pier.id
    assert len(pier.sim.requests("PUT")) == 2


def test_a_passing_file_needs_no_network(pier, unsent):
    (pier / ".f.swp").write_bytes(b"begin")
    pier.sim.stop()
    with fails(errno.ECONNREFUSED, errno.ENETUNREACH, errno.EHOSTUNREACH):
        with opened(pier / "post") as fd:
            os.write(fd, b"hello")
    unsent.one()
    with opened(pier / ".f.swp", APPEND) as fd:
        os.write(fd, b" end")
    # A real name needs the network, and is refused before any byte of it is kept.
    with fails(errno.ECONNREFUSED, errno.ENETUNREACH, errno.EHOSTUNREACH):
        os.rename(pier / ".f.swp", pier / "f")
    unsent.one()
    assert (pier / ".f.swp").read_bytes() == b"begin end"
    pier.sim.start()


HUGE = [2**63 - 1, 2**63 - 4096, 2**62, 2**53, 2**40]


def test_sizes_that_nothing_has(pier, unsent):
    """Each size is refused for a file of every kind, and changes nothing."""
    pier.run("echo old > post", check=True)
    pier.sim.fault(method="POST", route="/messages", status=403, times=1)
    pier.run("/bin/echo kept > post")
    there = [pier.listed()[0], "space.json", str(unsent.dir / unsent.one()[0])]
    before = [(pier / name).read_bytes() for name in there]
    with nothing_is_sent(pier):
        for name in ("post", "post.md", "post.json", "new", ".s.swp", *there):
            for flags in (os.O_WRONLY, os.O_RDWR | os.O_TRUNC, APPEND):
                flags |= os.O_CREAT if name in ("new", ".s.swp") else 0
                try_sizes(pier / name, flags)
    assert [(pier / name).read_bytes() for name in there] == before


def try_sizes(path, flags):
    for size in HUGE:
        fd = os.open(path, flags, 0o644)
        try:
            with fails(errno.EFBIG):
                os.ftruncate(fd, size)
            with fails(errno.EINVAL):
                os.ftruncate(fd, -1)
            # The C library writes a byte at the end of it; where it appends, it does not try.
            with fails(errno.EFBIG, errno.EILSEQ, errno.EBADF):
                os.posix_fallocate(fd, size - 9, 9)
        finally:
            # close says again that the write was refused.
            with contextlib.suppress(OSError):
                os.close(fd)
        # A new file of which a write was refused is gone.
        with fails(errno.EFBIG, errno.EPERM, errno.ENOENT):
            os.truncate(path, size)


def test_times_that_nobody_has(pier):
    """A time that cannot be stored becomes the nearest one that can."""
    with opened(pier / "f", NEW) as fd:
        os.write(fd, b"old")
        os.utime(fd, (2**62, 2**62))
        assert 2**62 > os.fstat(fd).st_mtime > 2**40
        os.utime(fd, (-(2**62), -(2**62)))
        os.utime(fd, (1, 1))
    assert pier.files() == {"f": b"old"}


def test_touch_gives_the_time_of_the_system(sim, start_mount):
    """Not that of the server, nor of the process, which is wrong here: other files have the kernel's."""
    room = sim.create_room("Pier")["title"]
    mount = start_mount(sim, "rate=off", wall_ahead=300)
    with opened(mount.path / "spaces" / room / "f", NEW) as fd:
        os.utime(fd, (1, 1))
        os.utime(fd)
        assert abs(os.fstat(fd).st_mtime - time.time()) < 100


def test_a_passing_file_that_is_renamed_is_written_on(pier, unsent):
    """Bytes written after the rename are part of the file: only its name has changed."""
    fd = os.open(pier / ".f.swp", NEW)
    os.write(fd, b"begin")
    os.rename(pier / ".f.swp", pier / "f")
    with nothing_is_sent(pier):
        os.close(os.dup(fd))
    os.write(fd, b" end")
    os.close(fd)
    assert versions(pier, "f") == [b"begin", b"begin end"]
    assert (pier / "f").read_bytes() == b"begin end"
    # Nobody's close: by a child that outlives its parent.
    pier.run("exec 3> .f.swp; printf 1 >&3; mv .f.swp f; { sleep 0.1; printf 2; } >&3 &", check=True)
    wait_until(lambda: versions(pier, "f")[2:] == [b"1", b"12"])
    # A program that removes the file does not want the rest of it.
    fd = os.open(pier / ".f.swp", NEW)
    os.write(fd, b"more")
    os.rename(pier / ".f.swp", pier / "f")
    os.unlink(pier / "f")
    os.write(fd, b" and more")
    with nothing_is_sent(pier):
        os.close(fd)
    # For a text it would be another edit: the writer is told that it is not sent.
    pier.run("echo old > post", check=True)
    own = pier / pier.listed()[-1]
    fd = os.open(pier / ".t.swp", NEW)
    os.write(fd, b"new ")
    os.rename(pier / ".t.swp", own)
    os.write(fd, b"and more")
    with nothing_is_sent(pier), fails(errno.EIO):
        os.close(fd)
    assert pier.texts()[-1].strip() == "new"
    assert unsent.one()[1] == b"new and more"


@pytest.mark.limit(90)
def test_passing_files_are_like_files(tmp_path):
    """A slice of scripts/soak diff_fs."""
    done = subprocess.run([sys.executable, str(SOAK / "diff_fs.py"), "7", "4000"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False,
                          timeout=scaled(80), env={**os.environ, "TMPDIR": str(tmp_path)})
    assert done.returncode == 0, done.stdout
