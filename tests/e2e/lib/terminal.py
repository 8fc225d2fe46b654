"""Programs at a pseudo terminal."""
import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time

from .util import scaled, wait_until


# Interactive shells without anybody's settings.
SHELLS = {
    "bash": ["/bin/bash", "--norc", "--noprofile", "-i"],
    "dash": ["/bin/dash", "-i"],
    "zsh": ["/usr/bin/zsh", "-f", "-i", "+Z"],
    "busybox": ["/bin/busybox", "sh", "-i"],
}


class Terminal:
    """A program at a pseudo terminal; a shell has job control and the prompt "ready> "."""

    def __init__(self, argv, cwd, term="dumb", env=None):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                os.chdir(cwd)
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
                os.environ.update(PS1="ready> ", TERM=term, LC_ALL="C.UTF-8", ENV="",
                                  **(env or {}))
                os.execv(argv[0], argv)
            finally:
                os._exit(127)
        self.status = None
        self.seen = b""

    def wait_for(self, text, deadline=10):
        """Reads until the terminal shows the text, and forgets everything up to it."""
        stop = time.monotonic() + scaled(deadline)
        while text.encode() not in self.seen:
            left = stop - time.monotonic()
            assert left > 0, f"no {text!r} at the terminal: {self.seen!r}"
            if select.select([self.fd], [], [], left)[0]:
                try:
                    more = os.read(self.fd, 4096)
                except OSError:
                    more = b""
                assert more, f"the terminal is closed: {self.seen!r}"
                self.seen += more
        before, self.seen = self.seen.split(text.encode(), 1)
        return before.decode("utf-8", "replace")

    def type(self, text):
        os.write(self.fd, text.encode())

    def command(self, line):
        """Types a command and returns what it printed."""
        self.type(line + "\n")
        self.wait_for("\n")
        return self.wait_for("ready> ")

    def wait_reader(self, name):
        """Until a child of the shell of that name reads the terminal."""
        def reads():
            for pid in children(self.pid):
                try:
                    with open(f"/proc/{pid}/comm", encoding="ascii") as f:
                        comm = f.read().strip()
                    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
                        state = f.read().rsplit(")", 1)[1].split()[0]
                except OSError:
                    continue
                if comm == name and state == "S":
                    return pid
            return None
        return wait_until(reads, what=f"{name} reading")

    def save_and_leave_nano(self):
        self.type("\x0f")
        self.wait_for("Write")
        self.type("\r")
        self.wait_for("Wrote")
        self.type("\x18")
        assert self.wait_end() == 0

    def wait_end(self, deadline=10):
        """The exit status; what is still printed is thrown away."""
        def ended():
            if select.select([self.fd], [], [], 0)[0]:
                try:
                    os.read(self.fd, 4096)
                except OSError:
                    pass
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
            return pid
        wait_until(ended, deadline)
        return self.status

    def close(self):
        os.close(self.fd)
        if self.status is not None:
            return
        try:
            os.kill(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        os.waitpid(self.pid, 0)


def written_bytes(pid):
    """How much a process has written so far, anywhere."""
    with open(f"/proc/{pid}/io", encoding="ascii") as f:
        return int(f.read().split("wchar: ")[1].split()[0])


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            return [int(word) for word in f.read().split()]
    except OSError:
        return []
