"""sparkfs@.service: its ExecStart is run as systemd runs it, with a socket for what it notifies."""
import configparser
import ctypes
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import tempfile

import pytest

from lib.mount import mount_device
from lib.shell import argv_as, run_cmd
from lib.util import daemon_argv, default_env, scaled, suspicious, wait_until

UNIT = pathlib.Path(os.environ["SPARKFS"]).parent / "systemd/sparkfs@.service"
USER = 65534

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be another user")


def read_unit():
    unit = configparser.ConfigParser(interpolation=None, strict=True)
    unit.optionxform = str
    unit.read(UNIT, "utf-8")
    return unit


def unescape(instance):
    """What %I is of an instance."""
    return re.sub(r"\\x([0-9a-f]{2})", lambda m: chr(int(m[1], 16)), instance.replace("-", "/"))


class Manager:
    """A systemd with one user, whose home is `home`, and one unit."""

    def __init__(self, home, sim, uid=None):
        self.home, self.sim, self.uid = home, sim, uid
        self.process = None
        self.log = home / "log"
        self.env = {**{k: v for k, v in os.environ.items()
                       if not re.search(r"^(XDG|WEBEX|CISCO|SPARK|CURL|SSL)_|_proxy$", k, re.I)},
                    **default_env(), "HOME": str(home), "TZ": "UTC",
                    "XDG_STATE_HOME": f"{home}/state", "XDG_CACHE_HOME": f"{home}/cache",
                    "XDG_CONFIG_HOME": f"{home}/config"}
        if uid is not None:
            os.chown(home, uid, uid)
        self.socket = None
        self.listen(str(home / "notify"))

    def listen(self, name):
        """`name` as in NOTIFY_SOCKET."""
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(scaled(20))
        self.socket.bind("\0" + name[1:] if name[0] == "@" else name)
        if name[0] == "/" and self.uid is not None:
            os.chown(name, self.uid, self.uid)
        self.env["NOTIFY_SOCKET"] = name

    def argv(self, argv):
        return argv if self.uid is None else argv_as(self.uid, argv)

    def login(self, name, token="alice-token"):
        subprocess.run(self.argv([os.environ["SPARKFS"], "login", "--url", self.sim.base, "--token",
                                  name]),
                       input=token + "\n", text=True, check=True, env=self.env,
                       stdout=subprocess.DEVNULL, timeout=scaled(30))

    def exec_start(self, instance):
        program, *args = shlex.split(read_unit()["Service"]["ExecStart"].replace("%I", "\0"))
        assert program.endswith("/bin/sparkfs")
        return [os.environ["SPARKFS"], *(a.replace("\0", unescape(instance)) for a in args)]

    def start(self, instance, argv=None, **env):
        with open(self.log, "ab") as log:
            st = os.fstat(log.fileno())
            self.env["JOURNAL_STREAM"] = f"{st.st_dev}:{st.st_ino}"
            self.process = subprocess.Popen(
                daemon_argv(self.argv(argv or self.exec_start(instance))), env={**self.env, **env},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    def told(self):
        """The next message, as a dictionary."""
        return dict(line.split("=", 1) for line in self.socket.recv(4096).decode().splitlines())

    def told_status(self, *words):
        """Waits for a message whose words have these."""
        while True:
            status = self.told()["STATUS"]
            if all(w in status for w in words):
                return status

    def is_silent(self):
        self.socket.setblocking(False)
        try:
            return not self.socket.recv(4096)
        except BlockingIOError:
            return True
        finally:
            self.socket.settimeout(scaled(20))

    def wait(self, status=0):
        assert self.process.wait(scaled(30)) == status, self.log.read_text()

    def stop(self):
        """As systemd does it without an ExecStop: by SIGTERM."""
        self.process.terminate()
        self.wait()

    def ls(self, path):
        return run_cmd(self.argv(["ls", str(path)])).ok().lines()


@pytest.fixture
def start_manager(tmp_path):
    managers = []

    def start(home, sim, uid=None):
        home.mkdir(exist_ok=True)
        managers.append(Manager(home, sim, uid))
        return managers[-1]

    yield start
    for manager in managers:
        if manager.process and manager.process.poll() is None:
            manager.process.kill()
            manager.process.wait()
        manager.socket.close()
        for path in manager.home.glob("webex-*"):
            while mount_device(path):
                run_cmd(["fusermount3", "-u", "-z", str(path)], check=True)
        if manager.log.exists():
            assert not suspicious(manager.log.read_text()), manager.log.read_text()


def test_the_life_of_a_service(start_manager, sim, tmp_path):
    """It says when it is mounted, offline, in need of a login; a mount that was killed is taken over."""
    m = start_manager(tmp_path / "home", sim)
    m.login("my-work")
    path = m.home / "webex-my-work"
    post = path / "spaces/Firmware/post"
    m.start("my-work")
    assert m.told() == {"READY": "1", "STATUS": f"alice@example.com is mounted at {path}"}
    # A message means that it is so.
    assert mount_device(path) and "spaces" in os.listdir(path)
    children = pathlib.Path(f"/proc/{m.process.pid}/task").glob("*/children")
    for child in " ".join(c.read_text() for c in children).split():
        assert b"NOTIFY_SOCKET" not in pathlib.Path(f"/proc/{child}/environ").read_bytes()
    # A kill leaves a dead mount, and somebody in it. The next start takes its place.
    with subprocess.Popen(["sleep", "60"], cwd=path / "spaces") as visitor:
        m.process.kill()
        m.process.wait()
        with pytest.raises(OSError, match="not connected"):
            os.listdir(path)
        m.start("my-work")
        assert m.told()["READY"] == "1"
        post.write_text("low tide")
        visitor.kill()
    sim.kill()
    with pytest.raises(OSError):
        (path / "people/judy@example.com.json").read_text()
    assert "what is known can be read" in m.told_status("offline since", str(path))
    sim.start()

    def posts():
        post.write_text("high tide")
        return True
    wait_until(posts)
    m.told_status(f"is mounted at {path}")
    sim.control("POST", "/tokens", {"token": "alice-token", "valid": False})
    with pytest.raises(PermissionError):
        post.write_text("lost?")
    m.told_status("sparkfs login my-work")
    sim.tokens(token="renewed", person="alice")
    m.login("my-work", "renewed")
    m.told_status(f"is mounted at {path}")
    assert m.is_silent()
    # What is on its way when it is stopped arrives; the manager is asked to wait for it.
    sim.fault(method="POST", route="/messages", delayMs=3000, times=1)
    before = len(sim.requests("POST", "/messages"))
    with subprocess.Popen(["sh", "-c", 'echo "on its way" > "$0"', post],
                          stderr=subprocess.DEVNULL):
        wait_until(lambda: len(sim.requests("POST", "/messages")) > before)
        sim.control("POST", "/tokens", {"token": "renewed", "valid": False})
        with pytest.raises(PermissionError):
            (path / "people/ivan@example.com.json").read_text()
        m.told_status("sparkfs login my-work")
        m.process.terminate()
        last = m.told()
        # A login that is made anew meanwhile is taken up, and told to nobody.
        sim.tokens(token="last", person="alice")
        m.login("my-work", "last")
        m.wait()
    assert m.is_silent()
    assert last["STOPPING"] == "1" and int(last["EXTEND_TIMEOUT_USEC"]) > 10_000_000
    room = sim.room("Firmware", "last")["id"]
    newest = sim.api("GET", "/messages", query={"roomId": room, "max": 3}, token="last")
    # Its lines have the priorities of the journal, which others that have another file do not see.
    log = m.log.read_text()
    assert "\n<4>error: " in log and re.match("<6>main: .* is mounted at", log), log
    assert "on its way" in [x.get("text") for x in newest.ok().items]
    assert not mount_device(path) and os.listdir(path) == []


def test_names_and_sockets(start_manager, sim, tmp_path):
    """Instances as systemd-escape makes them, an abstract socket, none at all; the background."""
    m = start_manager(tmp_path / "home", sim)
    for name in ("a+b-c_d.e@example.com", "x"):
        m.login(name)
    instance = run_cmd(["systemd-escape", "a+b-c_d.e@example.com"]).out.strip() \
        if shutil.which("systemd-escape") else r"a\x2bb\x2dc_d.e\x40example.com"
    path = m.home / "webex-a+b-c_d.e@example.com"
    m.socket.close()
    m.listen(f"@sparkfs-test-{os.getpid()}")
    m.start(instance)
    assert m.told()["READY"] == "1"
    assert stat.S_IMODE(os.stat(m.home).st_mode) and mount_device(path)
    m.stop()
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    m.told()
    # A unit of one's own, without -f: the process that waits says who serves the mount.
    m.start(None, [os.environ["SPARKFS"], "-o", "account=x"])
    told = m.told()
    m.wait()
    assert told["READY"] == "1" and os.path.samefile(f"/proc/{told['MAINPID']}/exe",
                                                     os.environ["SPARKFS"])
    os.kill(int(told["MAINPID"]), signal.SIGTERM)
    assert m.told()["STOPPING"] == "1"
    wait_until(lambda: not mount_device(m.home / "webex-x"))
    sim.stop()
    m.start("x")
    told = m.told()
    assert told["READY"] == "1" and "offline since" in told["STATUS"]
    m.stop()
    m.told()
    sim.start()
    # Whatever the variable says is no reason not to mount.
    for hostile in ("", "/nowhere/at/all", "@" + "x" * 300, "relative", str(tmp_path)):
        m.start("x", NOTIFY_SOCKET=hostile, JOURNAL_STREAM=hostile or "1:1")
        wait_until(lambda: mount_device(m.home / "webex-x"))
        run_cmd(["fusermount3", "-u", str(m.home / "webex-x")], check=True)
        m.wait()


def test_what_systemd_does_not_start_again(start_manager, sim, tmp_path):
    m = start_manager(tmp_path / "home", sim)
    service = read_unit()["Service"]
    assert service["Type"] == "notify" and service["Restart"] == "on-failure"
    assert {"2", "3"} == set(service["RestartPreventExitStatus"].split())
    m.start("nobody")
    assert "sparkfs login" in m.told()["STATUS"]
    m.wait(3)
    assert not (m.home / "webex-nobody").exists()
    m.login("dead")
    sim.control("POST", "/tokens", {"token": "alice-token", "valid": False})
    m.start("dead")
    assert "sparkfs login" in m.told()["STATUS"]
    m.wait(3)
    # Another login is none.
    m.start("nobody")
    m.told()
    m.wait(3)
    # A name that is none, a configuration that cannot be read, and one that says where to mount.
    m.start("no such name?")
    assert "only letters" in m.told()["STATUS"]
    m.wait(2)
    config = m.home / "config/sparkfs/config"
    config.parent.mkdir(parents=True)
    config.write_text("[account dead]\nmountpoint=webex\n")
    m.start("dead")
    assert "mountpoint" in m.told()["STATUS"]
    m.wait(1)
    config.unlink()
    # These may be over at the next start.
    (m.home / "webex-dead/file").write_text("x")
    m.start("dead")
    assert "not empty" in m.told()["STATUS"]
    m.wait(1)
    (m.home / "webex-dead/file").unlink()
    sim.stop()
    m.start("dead")
    m.told()
    m.wait(1)
    sim.start()
    config.write_text("[account dead]\nmountpoint=~/webex-here\noptions=ro\n")
    sim.tokens(token="living", person="alice")
    m.login("dead", "living")
    for _ in range(2):
        m.start("dead")
        told = m.told()
        assert told["READY"] == "1" and str(m.home / "webex-here") in told["STATUS"]
        with pytest.raises(OSError, match="Read-only"):
            (m.home / "webex-here/spaces/Firmware/post").write_text("no")
        m.process.kill()
        m.process.wait()
    run_cmd(["fusermount3", "-u", str(m.home / "webex-here")], check=True)


@needs_root
def test_of_an_ordinary_user(start_manager, sim, open_folder):
    """Its dead mount is removed by fusermount3; that of others, or of another program, is not."""
    m = start_manager(open_folder / "home", sim, USER)
    m.login("me")
    path = m.home / "webex-me"
    m.start("me")
    assert m.told()["READY"] == "1"
    m.process.kill()
    m.process.wait()
    m.start("me")
    assert m.told()["READY"] == "1" and "spaces" in m.ls(path)
    m.stop()
    m.told()
    libc = ctypes.CDLL(None, use_errno=True)
    for kind, uid in (("fuse.sparkfs", 0), ("fuse.other", USER)):
        device = os.open("/dev/fuse", os.O_RDWR)
        options = f"fd={device},rootmode=40000,user_id={uid},group_id={uid}"
        done = libc.mount(b"x", os.fsencode(path), kind.encode(), 0, options.encode())
        assert done == 0, os.strerror(ctypes.get_errno())
        os.close(device)
        seen = mount_device(path)
        m.start("me")
        status = m.told()["STATUS"]
        m.wait(1)
        assert str(path) in status and "fusermount3 -u" in status, status
        assert mount_device(path) == seen
        libc.umount2(os.fsencode(path), 2)


# mount(8) looks for sparkfs in the system's folders only, and setuid= for alice in passwd: both are replaced where
# nobody else sees it.
FSTAB_SCRIPT = r"""
set -eu
mount -t tmpfs tmpfs /usr/local/bin
ln -s "$SPARKFS" /usr/local/bin/sparkfs
mount --bind "$PASSWD" /etc/passwd
mount -t fuse.sparkfs sparkfs "$MNT" -o "$OPTIONS"
grep -F " $MNT " /proc/self/mountinfo
setpriv --reuid=65534 --regid=65534 --clear-groups ls "$MNT/spaces"
umount "$MNT"
"""


@needs_root
def test_a_line_of_fstab(start_manager, sim, open_folder):
    """As the manual has it: root calls mount(8), and the login and the mount are alice's."""
    page = pathlib.Path(__file__).resolve().parents[2] / "src/doc/sparkfs.1"
    line, = re.findall(r"^sparkfs /home/alice/webex fuse.sparkfs (\S*account=\S*) 0 0$",
                       page.read_text("utf-8"), re.M)
    m = start_manager(open_folder / "alice", sim, USER)
    m.env["XDG_STATE_HOME"], m.env["XDG_CACHE_HOME"] = f"{m.home}/.local/state", f"{m.home}/.cache"
    m.login("work")
    (m.home / "webex").mkdir()
    os.chown(m.home / "webex", USER, USER)
    passwd = open_folder / "passwd"
    passwd.write_text(f"root:x:0:0::/root:/bin/sh\nalice:x:{USER}:{USER}::{m.home}:/bin/sh\n")
    env = {"PATH": os.environ["PATH"], "SPARKFS": os.path.abspath(os.environ["SPARKFS"]),
           "PASSWD": str(passwd), "MNT": str(m.home / "webex"), "OPTIONS": line, **default_env()}
    done = subprocess.run(["unshare", "--mount", "/bin/sh", "-c", FSTAB_SCRIPT], env=env, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=scaled(30),
                          check=False)
    assert done.returncode == 0 and done.stderr == "", done
    table, *spaces = done.stdout.splitlines()
    assert f"user_id={USER}" in table and "Firmware" in spaces
    # fusermount3 would wait for ever where an automount waits for it.
    if "\tautofs\n" not in pathlib.Path("/proc/filesystems").read_text("ascii"):
        return
    libc, at = ctypes.CDLL(None, use_errno=True), os.fsencode(m.home / "webex")
    reader, writer = os.pipe()
    options = f"fd={writer},pgrp={os.getpgrp()},minproto=5,maxproto=5,direct"
    done = libc.mount(b"auto", at, b"autofs", 0, options.encode())
    assert done == 0, os.strerror(ctypes.get_errno())
    try:
        m.start(None, [os.environ["SPARKFS"], "-o", "account=work", os.fsdecode(at)])
        assert "setuid=, not both" in m.told()["STATUS"]
        m.wait(1)
    finally:
        libc.umount2(at, 2)
        os.close(reader)
        os.close(writer)


def test_systemd_takes_it():
    if not shutil.which("systemd-analyze"):
        pytest.skip("needs systemd")
    with tempfile.TemporaryDirectory() as name:
        unit = pathlib.Path(name) / "sparkfs@.service"
        text, n = re.subn(r"^ExecStart=\S+", f"ExecStart={os.path.abspath(os.environ['SPARKFS'])}",
                          UNIT.read_text("utf-8"), flags=re.M)
        assert n == 1
        unit.write_text(text, "utf-8")
        for instance in ("", "work", "alice@example.com"):
            done = subprocess.run(
                ["systemd-analyze", "verify", "--user", "--man=no", f"{name}/sparkfs@{instance}.service"],
                env={**os.environ, "XDG_RUNTIME_DIR": name}, text=True, check=False,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=scaled(30))
            assert (done.returncode, done.stdout) == (0, "")
