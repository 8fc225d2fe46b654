"""Running shell commands, with a time limit, leaving no process behind."""
import os
import signal
import subprocess

from .util import scaled

# A child of vfork() that hangs in the mount (its chdir, its exec) would stop the
# whole interpreter, and the watchdog with it.
subprocess._USE_VFORK = False  # pylint: disable=protected-access


class Result:
    """What a command did: .status, .out, .err (text), .out_bytes."""

    def __init__(self, command, status, out, err):
        self.command = command
        self.status = status
        self.out_bytes = out
        self.out = out.decode("utf-8", "replace")
        self.err = err.decode("utf-8", "replace")

    def __repr__(self):
        return (f"{self.command!r} -> {self.status}\n--- stdout\n{self.out}"
                f"--- stderr\n{self.err}")

    def ok(self):
        """Fails the test unless the command exited with 0; returns self."""
        assert self.status == 0, repr(self)
        return self

    def lines(self):
        return self.out.splitlines()


def argv_as(uid, argv, gid=None, groups=None):
    """The command, run by root as somebody else; groups: more than gid, which is uid by default."""
    more = f"--groups={groups}" if groups else "--clear-groups"
    return ["setpriv", f"--reuid={uid}", f"--regid={uid if gid is None else gid}", more, *argv]


def start_cmd(command, cwd=None, shell="/bin/bash", env=None, stdin=subprocess.DEVNULL):
    """Starts a shell command in a process group of its own; returns the Popen.

    `command` is a string for the shell or a list. Use kill_group() to end it.
    """
    argv = [shell, "-c", command] if isinstance(command, str) else list(command)
    if cwd is not None:
        argv = ["/bin/sh", "-c", 'cd "$0" && exec "$@"', str(cwd), *argv]
    full = dict(os.environ, LC_ALL="C.UTF-8", TZ="UTC", **(env or {}))
    return subprocess.Popen(argv, env=full, stdin=stdin, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, start_new_session=True)


def kill_group(process, signum=signal.SIGKILL):
    """Signals the process group of a start_cmd() that has not been reaped."""
    try:
        os.killpg(process.pid, signum)
    except ProcessLookupError:
        pass


def run_cmd(command, cwd=None, timeout=20, check=False, shell="/bin/bash", env=None,
            stdin=None):
    """Runs a shell command to its end; fails the test when it takes too long.

    `stdin` is bytes or text. With check the status must be 0. Returns a Result.
    """
    data = stdin.encode() if isinstance(stdin, str) else stdin
    process = start_cmd(command, cwd, shell, env,
                        subprocess.DEVNULL if data is None else subprocess.PIPE)
    try:
        out, err = process.communicate(data, timeout=scaled(timeout))
    except subprocess.TimeoutExpired:
        kill_group(process)
        raise AssertionError(f"still running after {scaled(timeout):g} s: {command!r}") from None
    except BaseException:
        kill_group(process)
        raise
    result = Result(command, process.returncode, out, err)
    return result.ok() if check else result
