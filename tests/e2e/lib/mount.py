"""A real sparkfs mount, and how to look at it and get rid of it when it wedges."""
import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import time
import uuid

from . import shell
from .util import daemon_argv, default_env, hurry_rate, scaled, suspicious, wait_until

MS_NOSUID, MS_NODEV, MS_REMOUNT = 2, 4, 32


def unescape(path):
    """mountinfo writes blanks and the like as \\ooo."""
    return re.sub(r"\\([0-7]{3})", lambda m: chr(int(m[1], 8)), path)


def mounts():
    """(path, (major, minor), kind) of everything that is mounted. Asks no file system."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
        for words in map(str.split, lines):
            yield (unescape(words[4]), tuple(int(n) for n in words[2].split(":")),
                   words[words.index("-") + 1])


def mount_device(path):
    """(major, minor) of what is mounted at path, or None."""
    return next((device for at, device, _ in reversed([*mounts()]) if at == str(path)), None)


def remove_folder(path):
    """All that is in it, too; not where something is mounted in it, which may be somebody's account.
    Returns whether it is gone."""
    top = os.path.realpath(path)
    if any(at == top or at.startswith(top + "/") for at, _, _ in mounts()):
        return False
    shutil.rmtree(top, ignore_errors=True)
    return not os.path.lexists(top)


def fuse_connection(minor):
    """The control directory of a FUSE mount, or None."""
    base = "/sys/fs/fuse/connections"
    if os.geteuid() == 0 and not os.listdir(base):
        subprocess.run(["mount", "-t", "fusectl", "fusectl", base], stderr=subprocess.DEVNULL,
                       check=False)
    path = f"{base}/{minor}"
    return path if os.path.isdir(path) else None


def open_abort(path, minor):
    """The abort file of the mount at path, or None. It is of that mount for ever, while its number
    becomes another's: so it is opened while the mount is there, and nothing else is written to.
    """
    connection = fuse_connection(minor)
    if not connection:
        return None
    # pylint: disable-next=consider-using-with
    file = open(f"{connection}/abort", "wb", buffering=0)
    if mount_device(path) == (0, minor):
        return file
    file.close()
    return None


def read_proc(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read().strip()
    except OSError as e:
        return f"({e.strerror})"


def dump_process(pid, debugger=True):
    """Where each thread of a process stands, as text."""
    out = [f"process {pid}: {read_proc(f'/proc/{pid}/cmdline')!r}".replace("\\x00", " ")]
    try:
        tasks = sorted(os.listdir(f"/proc/{pid}/task"), key=int)
    except OSError:
        return out[0] + " is gone"
    for task in tasks:
        base = f"/proc/{pid}/task/{task}"
        state = re.search(r"State:\s*(\S+)", read_proc(f"{base}/status"))
        out.append(f"  task {task} {read_proc(base + '/comm')} "
                   f"{state[1] if state else '?'} wchan {read_proc(base + '/wchan')}")
        out.extend("    " + line for line in read_proc(base + "/stack").splitlines())
    if debugger and shutil.which("gdb"):
        try:
            found = subprocess.run(
                ["gdb", "-batch", "-p", str(pid), "-ex", "thread apply all bt 12"],
                capture_output=True, text=True, timeout=30, check=False)
            out.append(found.stdout)
        except subprocess.TimeoutExpired:
            out.append("  (gdb takes too long)")
    return "\n".join(out)


class Mount:
    """One `sparkfs -f` and its mount point.

    .path is the mount point (a pathlib.Path), .state its XDG directories' parent.
    `options` are joined into -o; `token` goes into WEBEX_ACCESS_TOKEN (None: none).
    state=other.state shares cache and outbox with another (ended) mount; at= is the mount point.
    With hurry=5 its time passes five times as fast where that can be (../hurry.c), and .rate says
    how fast it does: for tests that wait until sparkfs does something by itself. hurry_wall: so does
    its wall clock, which then is ahead of the server's. wall_ahead: by which seconds that is wrong. preload= is one
    more library.
    """

    def __init__(self, tmp_path, url, *options, token="alice-token", env=None, state=None,
                 args=(), binary=None, deadline=15, at=None, hurry=1,
                 hurry_wall=False, wall_ahead=0, preload=None):
        name = uuid.uuid4().hex[:8]
        self.path = at or tmp_path / f"mnt-{name}"
        self.path.mkdir(exist_ok=at is not None)
        self.state = state or tmp_path / f"xdg-{name}"
        self.log_path = tmp_path / f"sparkfs-{name}.log"
        self.minor = None
        self.connection = None
        self.abort_file = None
        self.ended = False
        self.options = [o for o in (f"url={url}" if url else None, *options) if o]
        # Tests count requests: polls come only where a test asks for them.
        if not any(o.startswith("poll=") for o in ",".join(self.options).split(",")):
            self.options.append("poll=off")
        self.argv = [binary or os.environ["SPARKFS"], "-f", *args,
                     *(["-o", ",".join(self.options)] if self.options else []),
                     str(self.path)]
        self.rate = hurry_rate(hurry)
        self.env = self.environment(token, env)
        libraries = [preload] if preload else []
        if wall_ahead:
            self.env["HURRY_WALL_AHEAD"] = str(wall_ahead)
        if self.rate > 1 or wall_ahead:
            libraries.append(os.environ["HURRY_LIBRARY"])
            self.env["HURRY"] = str(self.rate)
            if hurry_wall:
                self.env["HURRY_WALL"] = "1"
        if libraries:
            self.env["LD_PRELOAD"] = ":".join(libraries)
            # What is preloaded comes before what the program is linked with.
            self.env["ASAN_OPTIONS"] += ":verify_asan_link_order=0"
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                daemon_argv(self.argv), env=self.env, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True)
        self.wait_mounted(deadline)

    def environment(self, token, more):
        keep = {k: v for k, v in os.environ.items()
                if not re.fullmatch(r"(WEBEX|WEBEX_TEAMS|SPARK|CISCO_SPARK)_ACCESS_TOKEN|"
                                    r"\w+_proxy|\w+_PROXY|CURL_CA_BUNDLE|"
                                    r"SSL_CERT_(FILE|DIR)", k)}
        keep.update(default_env())
        for kind in ("cache", "state", "config", "runtime"):
            (self.state / kind).mkdir(parents=True, exist_ok=True, mode=0o700)
        keep.update(HOME=str(self.state), XDG_CACHE_HOME=str(self.state / "cache"),
                    XDG_STATE_HOME=str(self.state / "state"),
                    XDG_CONFIG_HOME=str(self.state / "config"),
                    XDG_RUNTIME_DIR=str(self.state / "runtime"), TZ="UTC", LC_ALL="C.UTF-8")
        if token is not None:
            keep["WEBEX_ACCESS_TOKEN"] = token
        keep.update(more or {})
        return keep

    def wait_mounted(self, deadline):
        def mounted():
            if self.process.poll() is not None:
                raise RuntimeError(f"sparkfs ended with {self.process.returncode}:\n"
                                   f"{self.output}")
            return mount_device(self.path)
        try:
            self.minor = wait_until(mounted, deadline, "mount")[1]
            self.connection = fuse_connection(self.minor)
            self.abort_file = open_abort(self.path, self.minor)
        except BaseException:
            self.force("the mount did not come up")
            raise

    @property
    def pid(self):
        return self.process.pid

    @property
    def output(self):
        return self.log_path.read_text("utf-8", "replace")

    def __truediv__(self, name):
        return self.path / name

    def run(self, command, **options):
        """shell.run_cmd() in the mount point."""
        return shell.run_cmd(command, cwd=options.pop("cwd", self.path), **options)

    def ls(self, name="."):
        return sorted(os.listdir(self.path / name))

    def space(self, title):
        return self.path / "spaces" / title

    def status(self):
        """What status.json says."""
        return json.loads((self.path / ".sparkfs/status.json").read_text("utf-8"))

    def forget(self):
        """The kernel forgets all names and inodes that nobody uses; for that one must be root."""
        done = ctypes.CDLL(None, use_errno=True).mount(None, os.fsencode(self.path), None,
                                                       MS_NOSUID | MS_NODEV | MS_REMOUNT, None)
        assert done == 0, os.strerror(ctypes.get_errno())

    def rss_kib(self):
        """Resident memory of the daemon."""
        return int(re.search(r"VmRSS:\s*(\d+)", read_proc(f"/proc/{self.pid}/status"))[1])

    def dump(self):
        return dump_process(self.pid)

    # Ending it.

    def unmount(self, status=0):
        """fusermount3 -u; the daemon must end with `status` and say nothing bad."""
        if self.ended:
            return
        def gone():
            if mount_device(self.path) is None:
                return True
            done = subprocess.run(["fusermount3", "-u", str(self.path)], capture_output=True,
                                  text=True, timeout=scaled(20), check=False)
            self.last_error = done.stderr
            return done.returncode == 0
        self.last_error = ""
        try:
            wait_until(gone, 5)
        except (AssertionError, subprocess.TimeoutExpired) as e:
            text = self.force("fusermount3 -u fails")
            raise AssertionError(f"cannot unmount: {self.last_error}{text}") from e
        self.wait_ended(status)

    def unmount_lazily(self):
        """For those who are in it it goes on."""
        subprocess.run(["fusermount3", "-u", "-z", str(self.path)], check=True)

    def wait_ended(self, status=0, deadline=15):
        """Waits for the daemon to end by itself (unmounted or signalled) and checks it."""
        try:
            self.process.wait(scaled(deadline))
        except subprocess.TimeoutExpired:
            text = self.force("the daemon does not end")
            raise AssertionError(text) from None
        self.ended = True
        left = mount_device(self.path) is not None
        if left:
            subprocess.run(["umount", "-l", str(self.path)], check=False)
        self.check_output()
        assert self.process.returncode == status, \
            f"sparkfs ended with {self.process.returncode}, not {status}:\n{self.output}"
        assert not left or status == -signal.SIGKILL, f"still mounted:\n{self.output}"

    def check_output(self):
        found = suspicious(self.output)
        assert not found, f"sparkfs prints {found!r}:\n{self.output[-20000:]}"

    def terminate(self, signum=signal.SIGTERM, status=0):
        """Ends the daemon by a signal and checks that it went cleanly."""
        self.process.send_signal(signum)
        self.wait_ended(status)

    def kill(self):
        """SIGKILL, as a crash or a power cut would; removes the dead mount."""
        self.process.kill()
        self.process.wait()
        self.ended = True
        subprocess.run(["umount", "-l", str(self.path)], stderr=subprocess.DEVNULL, check=False)

    def abort(self):
        """Ends the connection: who waits for the daemon is told that it is gone."""
        self.abort_file.write(b"1")

    def force(self, why):
        """Gets rid of a wedged mount whatever it does. Returns a report as text."""
        report = [f"*** {why}"]
        if self.process.poll() is None:
            report.append(self.dump())
        if self.abort_file:
            try:
                with open(f"{self.connection}/waiting", encoding="ascii") as f:
                    report.append(f"requests waiting: {f.read().strip()}")
                self.abort()
            except OSError as e:
                report.append(f"(abort: {e})")
        if mount_device(self.path) is not None:
            for command in (["umount", "-l"], ["fusermount3", "-uz"]):
                if subprocess.run([*command, str(self.path)], capture_output=True,
                                  check=False).returncode == 0:
                    break
        end = time.monotonic() + scaled(3)
        while self.process.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
        if self.process.poll() is None:
            self.process.kill()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            report.append("the daemon survives SIGKILL")
        self.ended = True
        report.append("--- sparkfs says\n" + self.output[-20000:])
        return "\n".join(report)
