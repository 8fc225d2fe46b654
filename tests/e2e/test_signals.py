"""Who is ended while writing posts nothing; Ctrl-D sends and Ctrl-C discards."""
import errno
import os
import re
import signal
import subprocess
import time

import pytest

from lib.chat import fails, opened, put
from lib.chat import pier, unsent  # noqa: F401  pylint: disable=unused-import
from lib.shell import kill_group, start_cmd
from lib.terminal import SHELLS, Terminal, written_bytes
from lib.util import scaled, wait_until

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL, signal.SIGSEGV]


def start_writer(space, path, data, signum):
    """A process that has written `data` to an open file and waits; its signal is deadly."""
    script = ("import os, signal, sys\n"
              f"signal.signal({int(signum)}, signal.SIG_DFL)\n" if signum != signal.SIGKILL else
              "import os, signal, sys\n")
    script += ("import resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0))\n"
               f"fd = os.open({path!r}, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)\n"
               f"os.write(fd, {data!r})\n"
               "print('written', flush=True)\n"
               "signal.pause()\n")
    process = start_cmd(["/usr/bin/python3", "-c", script], cwd=space.dir)
    assert process.stdout.readline() == b"written\n", process.stderr.read()
    return process


def end(process, signum):
    process.send_signal(signum)
    start = time.monotonic()
    process.communicate(timeout=scaled(10))
    assert process.returncode == -signum
    return time.monotonic() - start


@pytest.mark.parametrize("signum", SIGNALS, ids=lambda s: s.name)
def test_a_text_whose_writer_is_killed(pier, unsent, signum):
    process = start_writer(pier, "post", b"half a tho", signum)
    end(process, signum)
    name, data, why = unsent.one()
    assert data == b"half a tho"
    assert "Pier" in name and name.endswith("post.txt")
    assert "signal" in why["reason"]
    assert why["state"] == "unsent"
    assert unsent.count() == 1
    assert "signal" in unsent.last_error()
    pier.run("echo whole > post", check=True)
    assert pier.texts() == ["whole"]


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL],
                         ids=lambda s: s.name)
def test_an_upload_whose_writer_is_killed(pier, unsent, signum):
    data = b"\0\xffbytes" * 10000
    process = start_writer(pier, "report.bin", data, signum)
    assert pier.ls().count("report.bin") <= 1
    end(process, signum)
    name, kept, why = unsent.one()
    assert kept == data
    assert name.endswith("report.bin")
    assert "signal" in why["reason"]
    assert pier.posts() == 0
    assert not os.path.lexists(pier / "report.bin")


def test_what_was_committed_before_the_signal_stays_sent(pier, unsent):
    script = ("import os, signal\n"
              "fd = os.open('post', os.O_WRONLY)\n"
              "os.write(fd, b'one'); os.fsync(fd); os.write(fd, b'two')\n"
              "os.kill(os.getpid(), signal.SIGKILL)\n")
    assert pier.run(["/usr/bin/python3", "-c", script]).status == -signal.SIGKILL
    _, data, _ = unsent.one()
    assert data == b"two"
    assert pier.texts() == ["one"]


def test_the_whole_pipeline_is_killed(pier, unsent):
    """A shell's Ctrl-C reaches everybody in the foreground."""
    # tee writes to the one before the other.
    process = start_cmd("(echo begun; sleep 100) | tee post /dev/stderr > /dev/null",
                        cwd=pier.dir)
    assert process.stderr.readline() == b"begun\n"
    kill_group(process, signal.SIGINT)
    process.communicate(timeout=scaled(10))
    _, data, _ = unsent.one()
    assert data == b"begun\n"
    assert pier.posts() == 0


def test_a_writer_that_ends_with_an_error_has_still_written(pier):
    """exit(3) is no signal."""
    assert pier.run("{ echo said; exit 3; } > post").status == 3
    assert pier.texts() == ["said"]


def test_a_pipeline_whose_reader_has_enough(pier, unsent):
    """SIGPIPE ends the first of it, as it is to end; what it was given to write to is another's."""
    pier.run("(yes | head -n 2) > post 2>&1", check=True)
    assert pier.texts() == ["y\ny"]
    assert unsent.names() == []
    # Who opened it himself has not written what he wanted.
    end(start_writer(pier, "post", b"half a tho", signal.SIGPIPE), signal.SIGPIPE)
    assert unsent.one()[1] == b"half a tho"
    assert pier.posts() == 1


def test_a_killed_child_does_not_taint_another_text(pier, unsent):
    pier.run("(kill -9 $BASHPID) ; echo fine > post; bash -c 'echo never > /dev/null; kill -9 $$'"
             "; echo also > post")
    assert pier.texts() == ["fine", "also"]
    assert unsent.names() == []


# At a terminal.

@pytest.fixture(params=["bash", "dash"])
def terminal(request, pier):
    it = Terminal(SHELLS[request.param], str(pier.dir))
    it.wait_for("ready> ")
    yield it
    it.close()


def test_ctrl_d_sends(pier, terminal):
    terminal.type("cat > post\n")
    terminal.wait_reader("cat")
    terminal.type("dear all\n\nthe tide is out\n\x04")
    terminal.wait_for("ready> ")
    assert pier.texts() == ["dear all\n\nthe tide is out"]
    assert "0" in terminal.command("echo $?")


def test_ctrl_c_discards(pier, unsent, terminal):
    terminal.type("cat > post\n")
    pid = terminal.wait_reader("cat")
    terminal.type("what I did not mean\n")
    wait_until(lambda: written_bytes(pid) >= 20, what="cat has written the line")
    terminal.type("\x03")
    terminal.wait_for("ready> ")
    assert "130" in terminal.command("echo $?")
    _, data, why = unsent.one()
    assert data == b"what I did not mean\n"
    assert "signal" in why["reason"]
    assert pier.posts() == 0
    # And the terminal goes on.
    terminal.command("echo what I did mean > post")
    assert pier.texts() == ["what I did mean"]


def test_ctrl_c_before_anything_was_written(pier, unsent, terminal):
    terminal.type("cat > post\n")
    terminal.wait_reader("cat")
    terminal.type("\x03")
    terminal.wait_for("ready> ")
    terminal.command("echo next > post")
    assert pier.texts() == ["next"]
    assert unsent.names() == []


def test_ctrl_c_while_the_server_hangs(pier, terminal):
    """The prompt is back at once. What is on the wire finishes in the background."""
    pier.sim.fault(method="POST", route="/messages", hang=True)
    terminal.type("echo slow | cat > post\n")
    wait_until(lambda: pier.sim.requests("POST", "/messages"))
    start = time.monotonic()
    terminal.type("\x03")
    terminal.wait_for("ready> ")
    assert time.monotonic() - start < scaled(2)
    pier.sim.clear_faults()
    wait_until(lambda: pier.texts() == ["slow"])
    wait_until(lambda: pier.listed_texts() == ["slow\n"])
    assert pier.posts() == 1


CLOSER = """
import os, signal, sys
signal.signal(signal.SIGCHLD, lambda *_: None)
signal.signal(signal.SIGUSR1, lambda *_: None)
fd = os.open('post', os.O_WRONLY)
os.write(fd, b'on the wire')
print('closing', flush=True)
try:
    os.close(fd)
    print('closed', flush=True)
except OSError as e:
    print(e.errno, flush=True)
"""


def test_close_is_interrupted(pier, unsent):
    """A handled signal: close says EINTR, and nothing is lost or doubled."""
    pier.sim.fault(method="POST", route="/messages", hang=True)
    process = start_cmd(["/usr/bin/python3", "-c", CLOSER], cwd=pier.dir)
    try:
        assert process.stdout.readline() == b"closing\n"
        wait_until(lambda: pier.sim.requests("POST", "/messages"))
        start = time.monotonic()
        process.send_signal(signal.SIGUSR1)
        out, _ = process.communicate(timeout=scaled(10))
        assert time.monotonic() - start < scaled(2)
        assert out.strip() == b"%d" % errno.EINTR
    finally:
        kill_group(process)
    # It may arrive or not: until that is known it is there to be seen, and nobody's to send again.
    name, data, why = unsent.one()
    assert data == b"on the wire" and why["state"] == "in-doubt"
    assert "still on the wire" in why["reason"] and name in unsent.last_error()
    for act in (lambda: os.unlink(unsent.dir / name),
                lambda: os.rename(unsent.dir / name, pier / "post"),
                lambda: put(unsent.dir / name, "other words")):
        with fails(errno.EBUSY):
            act()
    pier.sim.clear_faults()
    wait_until(lambda: pier.texts() == ["on the wire"])
    wait_until(lambda: unsent.names() == [])
    assert pier.posts() == 1


SYNCER = """
import ctypes, os, signal, sys
libc = ctypes.CDLL(None, use_errno=True)
signal.signal(signal.SIGUSR1, lambda *_: None)
fd = os.open('post', os.O_WRONLY)
os.write(fd, b'on the wire')

def sync():
    print(0 if libc.fsync(fd) == 0 else ctypes.get_errno(), flush=True)

sync()
sys.stdin.readline()
sync()
sync()
os.close(fd)
"""


@pytest.mark.parametrize("arrives", [False, True], ids=["in-doubt", "arrived"])
def test_an_fsync_that_is_repeated_tells_what_became_of_it(pier, unsent, arrives):
    """Python repeats it by itself: 0 would say that it is sent."""
    pier.sim.fault(method="POST", route="/messages", hang=True)
    process = start_cmd(["/usr/bin/python3", "-c", SYNCER], cwd=pier.dir, stdin=subprocess.PIPE)
    try:
        wait_until(lambda: pier.sim.requests("POST", "/messages"))
        process.send_signal(signal.SIGUSR1)
        assert process.stdout.readline() == b"%d\n" % errno.EINTR
        if arrives:
            pier.sim.clear_faults()
            wait_until(lambda: pier.listed_texts() == ["on the wire\n"] and unsent.names() == [])
        out, _ = process.communicate(b"\n", timeout=scaled(10))
        # Once, if it is not known to have arrived.
        assert out == b"%d\n0\n" % (0 if arrives else errno.EIO)
    finally:
        kill_group(process)
    pier.sim.clear_faults()
    wait_until(lambda: pier.texts() == ["on the wire"])
    assert pier.posts() == 1


def test_whoever_is_interrupted_finds_it_in_unsent(pier, unsent, tmp_path):
    """An edit, an upload, a mv."""
    put(pier / "post", "first")
    (name,) = pier.listed()
    put(pier / ".draft.swp", "of a scratch file")
    (tmp_path / "a.bin").write_bytes(b"of a file")
    pier.sim.fault(route="/messages", method="POST", hang=True)
    pier.sim.fault(route="/messages", method="PUT", hang=True)
    # mv comes last: the kernel lets nobody look into a directory in which something is moved.
    commands = [f"echo of an edit > {name}", f"cp {tmp_path}/a.bin .", "mv .draft.swp b.bin"]
    running = []
    try:
        for i, command in enumerate(commands):
            running.append(start_cmd("trap : USR1; " + command, cwd=pier.dir))
            wait_until(lambda n=i + 2: len(pier.sim.requests("PUT")) + pier.posts() == n)
        for process in running:
            os.killpg(process.pid, signal.SIGUSR1)
        for process in running:
            process.communicate(timeout=scaled(10))
    finally:
        for process in running:
            kill_group(process)
    assert sorted(unsent.bytes()) == [b"of a file", b"of a scratch file", b"of an edit"]
    assert {unsent.why(n)["state"] for n in unsent.names()} == {"in-doubt"}
    pier.sim.clear_faults()
    wait_until(lambda: unsent.names() == [])
    assert sorted(pier.texts()) == ["", "", "of an edit"]
    assert pier.files() == {"a.bin": b"of a file", "b.bin": b"of a scratch file"}
    assert pier.posts() == 3 and len(pier.sim.requests("PUT")) == 1


def test_a_child_that_ends_does_not_interrupt_a_close(pier, unsent):
    """SIGCHLD tells a shell something, and asks nobody to stop."""
    pier.sim.fault(method="POST", route="/messages", delayMs=1500)
    process = start_cmd(["/usr/bin/python3", "-c", CLOSER], cwd=pier.dir)
    try:
        assert process.stdout.readline() == b"closing\n"
        # In its close, on the wire or before it.
        wait_until(lambda: waits_in_close(process.pid))
        for _ in range(3):
            process.send_signal(signal.SIGCHLD)
        out, _ = process.communicate(timeout=scaled(20))
        assert out == b"closed\n"
    finally:
        kill_group(process)
    assert pier.texts() == ["on the wire"]
    assert unsent.names() == []
    assert pier.posts() == 1


def pending(pid):
    """The signals that wait for a process, as a mask."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return int(re.search(r"^ShdPnd:\s*(\w+)", f.read(), re.M)[1], 16)


@pytest.mark.parametrize("signum", [signal.SIGUSR1, signal.SIGKILL], ids=lambda s: s.name)
def test_who_was_told_something_can_still_be_stopped(pier, unsent, signum):
    """The kernel tells of the first signal alone."""
    pier.sim.fault(method="POST", route="/messages", hang=True)
    process = start_cmd(["/usr/bin/python3", "-c", CLOSER], cwd=pier.dir)
    try:
        assert process.stdout.readline() == b"closing\n"
        wait_until(lambda: pier.sim.requests("POST", "/messages"))
        process.send_signal(signal.SIGCHLD)
        wait_until(lambda: pending(process.pid) == 0x10000 and waits_in_close(process.pid))
        start = time.monotonic()
        process.send_signal(signum)
        out, _ = process.communicate(timeout=scaled(10))
        assert time.monotonic() - start < scaled(2)
        assert out.strip() == (b"%d" % errno.EINTR if signum == signal.SIGUSR1 else b"")
    finally:
        kill_group(process)
    pier.sim.clear_faults()
    wait_until(lambda: pier.texts() == ["on the wire"])
    wait_until(lambda: unsent.names() == [])
    assert pier.posts() == 1


def test_a_shell_whose_pipeline_ends_while_it_reads(sim, start_mount):
    """Nor does it make a listing fail: shells and make have children all the time."""
    mount = start_mount(sim)
    fault = sim.fault(method="GET", route="/messages", delayMs=1000)
    script = ("import os, signal, sys\n"
              "signal.signal(signal.SIGCHLD, lambda *_: None)\n"
              "print('begun', flush=True)\n"
              "print(len(os.listdir(sys.argv[1])) > 0, flush=True)\n")
    process = start_cmd(["/usr/bin/python3", "-c", script,
                         str(mount / "spaces/Harbour buoy project")])
    try:
        assert process.stdout.readline() == b"begun\n"
        wait_until(lambda: sim.requests("GET", "/messages"))
        process.send_signal(signal.SIGCHLD)
        out, err = process.communicate(timeout=scaled(20))
        assert out == b"True\n", err
    finally:
        kill_group(process)
    assert fault


BEHIND = """
import os, signal, threading
main = threading.main_thread().ident
signal.signal(signal.SIGUSR1, lambda *_: None)
a = os.open('post', os.O_WRONLY)
b = os.open('post', os.O_WRONLY)
os.write(a, b'first')
os.write(b, b'second')
def close_first():
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    os.close(a)
def prod():
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    input()
    signal.pthread_kill(main, signal.SIGUSR1)
closer = threading.Thread(target=close_first)
closer.start()
input()
threading.Thread(target=prod).start()
print('closing', flush=True)
try:
    os.close(b)
    print('closed', flush=True)
except OSError as e:
    print(e.errno, flush=True)
closer.join()
"""


def test_a_close_that_waits_behind_another_is_interrupted(pier, unsent):
    """What is not yet on the wire stays here."""
    fault = pier.sim.fault(method="POST", route="/messages", hang=True)
    process = start_cmd(["/usr/bin/python3", "-c", BEHIND], cwd=pier.dir, stdin=subprocess.PIPE)

    def go():
        process.stdin.write(b"\n")
        process.stdin.flush()

    try:
        wait_until(lambda: pier.sim.requests("POST", "/messages"))
        go()
        assert process.stdout.readline() == b"closing\n"
        wait_until(lambda: waits_in_close(process.pid))
        go()
        assert process.stdout.readline().strip() == b"%d" % errno.EINTR
        _, data, why = unsent.one()
        assert data == b"second"
        assert "interrupted" in why["reason"]
        pier.sim.clear_fault(fault)
        process.communicate(timeout=scaled(10))
    finally:
        kill_group(process)
    assert pier.texts() == ["first"]
    assert pier.posts() == 1


def waits_in_close(pid):
    with open(f"/proc/{pid}/task/{pid}/wchan", encoding="ascii") as f:
        return "request" in f.read() or "fuse" in f.read()


def test_kill_9_while_the_server_hangs(pier):
    """A process in close() ends at once, whatever the server does."""
    pier.sim.fault(method="POST", route="/messages", hang=True)
    process = start_cmd("echo x | cat > post", cwd=pier.dir)
    wait_until(lambda: pier.sim.requests("POST", "/messages"))
    start = time.monotonic()
    kill_group(process, signal.SIGKILL)
    process.communicate(timeout=scaled(10))
    assert time.monotonic() - start < scaled(2)
    pier.sim.clear_faults()
    wait_until(lambda: pier.texts() == ["x"])


def test_a_text_that_is_refused_may_be_interrupted(pier):
    with opened(pier / "post") as fd:
        os.write(fd, b"ok")
        with fails(errno.EILSEQ):
            os.write(fd, b"\xff")
        with fails(errno.EILSEQ):
            os.fsync(fd)
        os.write(fd, b"ok again")
    assert pier.texts() == ["ok again"]
