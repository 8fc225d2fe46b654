"""The command line: what is refused and how, who the token belongs to, going to
the background, ending, mount(8)."""
import ctypes
import fcntl
import glob
import os
import pathlib
import re
import shutil
import signal
import stat
import subprocess
import tempfile

import pytest

from lib.mount import Mount, mount_device, mounts, open_abort, unescape
from lib.shell import Result, run_cmd
from lib.util import scaled, wait_until
from lib.webproxy import WebProxy

SPARKFS = os.environ.get("SPARKFS", "sparkfs")
TOKEN = "alice-token"
TOKEN_VARIABLES = ["WEBEX_ACCESS_TOKEN", "WEBEX_TEAMS_ACCESS_TOKEN", "SPARK_ACCESS_TOKEN",
                   "CISCO_SPARK_ACCESS_TOKEN"]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


class Cli(Mount):
    """Runs sparkfs to its end; what it mounts in the background is unmounted after the test."""

    def __init__(self, tmp_path):  # pylint: disable=super-init-not-called
        self.path = tmp_path / "mnt"
        self.path.mkdir()
        self.state = tmp_path / "xdg"
        self.log_path = tmp_path / "cli.log"
        self.log_path.touch()
        self.ended = False
        self.last_error = ""

    def sparkfs(self, *args, token=TOKEN, env=None, user=None, timeout=30):
        argv = [SPARKFS, *map(str, args)]
        done = subprocess.run(argv, env=self.environment(token, env), stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=scaled(timeout), check=False,
                              user=user, cwd="/")
        return Result(argv, done.returncode, done.stdout, done.stderr)

    def fails(self, *args, match, status=1, **options):
        """One clear line on stderr, nothing on stdout, that status, and nothing is mounted."""
        result = self.sparkfs(*args, **options)
        check_one_line(result, status, match)
        return result

    @property
    def device(self):
        return mount_device(self.path)

    def info(self):
        """(options, type, source, options of the super block) in mountinfo."""
        with open("/proc/self/mountinfo", encoding="utf-8") as lines:
            for line in lines:
                words = line.split()
                if unescape(words[4]) == str(self.path):
                    i = words.index("-")
                    return words[5].split(","), words[i + 1], unescape(words[i + 2]), \
                        words[i + 3].split(",")
        return None

    def locks_are_free(self):
        """The daemon holds its outbox's lock to its end."""
        for name in glob.glob(str(self.state / "state/sparkfs/*.lock")):
            with open(name, "r+b") as f:
                try:
                    fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return False
        return True

    def unmount(self, status=0):
        if self.device is not None:
            run_cmd(["fusermount3", "-u", str(self.path)], check=True)
        wait_until(self.locks_are_free, 15, "the daemon's end")

    def force(self, why):
        device = self.device
        file = device and open_abort(self.path, device[1])
        if file:
            with file:
                file.write(b"1")
        subprocess.run(["umount", "-l", str(self.path)], stderr=subprocess.DEVNULL, check=False)
        return why


def check_one_line(result, status, match):
    assert result.status == status, repr(result)
    assert result.out == "", repr(result)
    lines = result.err.splitlines()
    assert len(lines) == 1, repr(result)
    assert lines[0].startswith("sparkfs: "), repr(result)
    assert re.search(match, lines[0]), f"no {match!r} in {result!r}"
    assert TOKEN not in result.err


@pytest.fixture
def cli(request, tmp_path):
    it = Cli(tmp_path)
    request.node.live_mounts.append(it)
    yield it
    try:
        it.unmount()
    finally:
        if it.device is not None:
            it.force("cannot be unmounted")
        it.ended = True


def url(sim):
    return f"url={sim.base}"


# Usage.

def test_help(cli):
    result = cli.sparkfs("--help").ok()
    assert result.err == ""
    assert result.out.startswith("usage: sparkfs")
    for word in ("token_file=", "token_command=", "cache=", "recent=", "allow_other", "MOUNTPOINT"):
        assert word in result.out


def test_version(cli):
    result = cli.sparkfs("--version").ok()
    assert result.err == ""
    assert re.search(r"^sparkfs \d+\.\d+\.\d+$", result.out, re.M)
    assert re.search(r"libfuse 3\.\d+\S*, libcurl \d\S*, SQLite 3\.\d+", result.out)


@pytest.mark.parametrize("args, match", [
    ([], "no mount point"),
    (["-x", "MNT"], "unknown option -x"),
    (["-s", "MNT"], "unknown option -s"),
    (["MNT", "-o"], "-o needs an argument"),
    (["MNT", "-o", "ro,nonsense=3"], "unknown option -o nonsense=3"),
    (["MNT", "-o", "recent=few"], "recent=few"),
    (["MNT", "-o", "umask=9"], "umask=9"),
    (["MNT", "-o", "url="], "url= needs a value"),
    (["a", "MNT", "b"], "too many arguments: b"),
])
def test_wrong_usage(cli, args, match):
    result = cli.sparkfs(*[str(cli.path) if a == "MNT" else a for a in args])
    check_one_line(result, 2, match)
    assert "try sparkfs --help" in result.err
    assert cli.device is None


# The mount point.

def test_mount_point_must_be_an_empty_directory(cli, sim, tmp_path):
    missing = tmp_path / "missing"
    cli.fails("-o", url(sim), missing, match=r"missing: .*mkdir")
    assert not missing.exists()
    (tmp_path / "file").write_text("x")
    cli.fails("-o", url(sim), tmp_path / "file", match="not a directory")
    (cli.path / "x").mkdir()
    cli.fails("-o", url(sim), cli.path, match="not empty")
    (cli.path / "x").rmdir()
    assert sim.requests() == []


@needs_root
def test_mount_point_without_access(cli, sim):
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        closed = pathlib.Path(name) / "closed"
        closed.mkdir(mode=0o755)
        os.chmod(name, 0o755)
        # A build below a private home cannot be run by others at all.
        binary = shutil.copy(SPARKFS, name)
        done = subprocess.run([binary, "-o", url(sim), closed], user=65534, group=65534,
                              extra_groups=[], capture_output=True, check=False, cwd="/",
                              env={**cli.environment(TOKEN, None), "HOME": "/nonexistent"},
                              timeout=scaled(30))
        check_one_line(Result(binary, done.returncode, done.stdout, done.stderr), 1, "no access")


def test_already_mounted(cli, sim, start_mount):
    mount = start_mount(sim)
    cli.fails("-o", url(sim), mount.path, match="already a mount point.*fusermount3 -u")


def test_dead_mount(cli, sim, start_mount):
    """The next mount takes the place of one that was killed, of which the kernel knows attributes still."""
    mount = start_mount(sim, at=cli.path)
    (mount / "spaces").stat()
    mount.process.kill()
    mount.process.wait()
    mount.ended = True
    cli.sparkfs("-o", url(sim), mount.path).ok()
    assert "spaces" in os.listdir(mount.path)
    assert sum(path == str(mount.path) for path, _, _ in mounts()) == 1


# The token.

def test_no_token(cli, sim):
    cli.fails("-o", url(sim), cli.path, token=None, status=3,
              match="token_file.*WEBEX_ACCESS_TOKEN")
    assert sim.requests() == []


def test_refused_token(cli, sim):
    result = cli.fails("-o", url(sim), cli.path, token="wrong-token", status=3, match="401.*new")
    assert "wrong-token" not in result.err
    assert cli.device is None


@pytest.mark.parametrize("name", TOKEN_VARIABLES)
def test_token_variables(name, sim, start_mount):
    mount = start_mount(sim, token=None, env={name: TOKEN})
    assert "alice" in (mount / "people/me.json").read_text()


def test_order_of_tokens(sim, start_mount, tmp_path):
    """Command before file before the variables in their order."""
    token_file = tmp_path / "token"
    token_file.write_text("bob-token\n")
    token_file.chmod(0o600)
    env = {"WEBEX_ACCESS_TOKEN": "wrong-token", "SPARK_ACCESS_TOKEN": "wrong-too"}
    mount = start_mount(sim, f"token_file={token_file}", token=None, env=env)
    assert "bob" in (mount / "people/me.json").read_text()
    mount.unmount()
    mount = start_mount(sim, f"token_file={token_file}",
                        r"token_command=echo alice-token # a\,b", token=None, env=env)
    assert "alice" in (mount / "people/me.json").read_text()
    mount.unmount()
    mount = start_mount(sim, token=None, env={"WEBEX_TEAMS_ACCESS_TOKEN": "bob-token",
                                              "SPARK_ACCESS_TOKEN": TOKEN})
    assert "bob" in (mount / "people/me.json").read_text()


def test_token_file_must_be_private(cli, sim, tmp_path):
    token_file = tmp_path / "token"
    cli.fails("-o", f"{url(sim)},token_file={token_file}", cli.path, status=3,
              match=re.escape(str(token_file)))
    token_file.write_text(TOKEN + "\n")
    token_file.chmod(0o644)
    cli.fails("-o", f"{url(sim)},token_file={token_file}", cli.path, status=3,
              match="others|0600|chmod")
    token_file.chmod(0o600)
    cli.sparkfs("-o", f"{url(sim)},token_file={token_file}", cli.path, token=None).ok()


def test_token_command_that_fails(cli, sim):
    for command in ("exit 3", "true"):
        cli.fails("-o", f"{url(sim)},token_command={command}", cli.path, status=3,
                  match="token_command|command")


def test_token_is_nowhere(sim, mount):
    """Not in the daemon's arguments or environment, nor in what it keeps."""
    mount.ls("spaces")
    assert TOKEN.encode() not in pathlib.Path(f"/proc/{mount.pid}/cmdline").read_bytes()
    try:
        assert TOKEN.encode() not in pathlib.Path(f"/proc/{mount.pid}/environ").read_bytes()
    except PermissionError:
        pass  # even better: nobody but root may look
    limits = pathlib.Path(f"/proc/{mount.pid}/limits").read_text()
    assert re.search(r"Max core file size\s+0\s+0\s", limits)
    for path in mount.state.rglob("*"):
        if path.is_file():
            assert TOKEN.encode() not in path.read_bytes(), path
    assert TOKEN not in mount.output
    assert TOKEN not in (mount / ".sparkfs/log").read_text()


# The server.

def test_unreachable_server(cli, sim):
    sim.kill()
    cli.fails("-o", url(sim), cli.path, match="cannot reach http://127.0.0.1")
    assert cli.device is None


def test_silent_server(cli, sim):
    sim.fault(route="/people/me", hang=True)
    cli.fails("-o", url(sim) + ",timeout=1", cli.path, match="cannot reach", timeout=15)


def test_not_the_api(cli, sim):
    cli.fails("-o", url(sim) + "/elsewhere", cli.path, match="404.*url=")
    sim.fault(route="/people/me", status=200, malformed=True)
    cli.fails("-o", url(sim), cli.path, match="url=")


@pytest.mark.parametrize("base", ["http://example.com/v1", "ftp://127.0.0.1/v1", "nonsense",
                                  "https://user:secret@example.com/v1"])
def test_unusable_url(cli, base):
    result = cli.fails("-o", f"url={base}", cli.path, match="url=")
    assert result.status == 1


# The background.

def test_background(cli, sim):
    # run() returns only because the daemon has closed stdout and stderr.
    result = cli.sparkfs("-o", url(sim), cli.path).ok()
    assert result.out == result.err == ""
    assert cli.device is not None
    assert len(os.listdir(cli.path / "spaces")) >= 8
    assert len(sim.requests("GET", "/people/me")) == 1
    cli.unmount()
    assert cli.device is None


def test_without_standard_files(cli, sim):
    """The starter closed fds 0 to 2: files of the daemon do not get these numbers."""
    done = subprocess.run(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", SPARKFS, "-o", url(sim),
                           cli.path], env=cli.environment(TOKEN, None), cwd="/", check=False,
                          timeout=scaled(15))
    assert done.returncode == 0
    assert "spaces" in cli.ls()


def test_relative_mount_point(cli, sim):
    done = subprocess.run([SPARKFS, "-o", url(sim), "mnt"], cwd=cli.path.parent, check=False,
                          env=cli.environment(TOKEN, None), capture_output=True,
                          timeout=scaled(30))
    assert done.returncode == 0, done.stderr
    assert "spaces" in cli.ls()


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_end_it(mount, signum):
    mount.ls("spaces")
    mount.terminate(signum)
    assert mount_device(mount.path) is None


def test_interrupt_while_it_starts(cli, sim):
    sim.fault(route="/people/me", hang=True)
    with subprocess.Popen([SPARKFS, "-o", url(sim), str(cli.path)], cwd="/",
                          env=cli.environment(TOKEN, None), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          start_new_session=True) as process:
        wait_until(lambda: sim.requests("GET", "/people/me"))
        os.killpg(process.pid, signal.SIGINT)
        # The end of its output is the end of the daemon, too.
        process.communicate(timeout=scaled(10))
        assert process.returncode != 0
    assert cli.device is None


# Accounts and folders.

def test_folders_are_private(cli, sim):
    cli.sparkfs("-o", url(sim), cli.path).ok()
    cli.ls("spaces")
    found = [p for kind in ("cache", "state") for p in (cli.state / kind / "sparkfs").rglob("*")]
    assert [p for p in found if p.name == "store.db" and "alice" in p.parent.name], found
    for path in found:
        mode = stat.S_IMODE(path.lstat().st_mode)
        assert mode & 0o077 == 0, f"{path}: {mode:o}"


def test_second_mount_says_where_the_first_is(cli, sim, start_mount):
    mount = start_mount(sim, state=cli.state)
    cli.fails("-o", url(sim), cli.path, match=f"already mounted at {re.escape(str(mount.path))}")
    assert mount.ls("spaces")
    mount.unmount()


@pytest.mark.parametrize("cache", ["memory", "DIR"])
def test_second_mount_with_a_cache_of_its_own(cli, sim, start_mount, tmp_path, cache):
    mount = start_mount(sim, state=cli.state)
    cache = str(tmp_path / "other") if cache == "DIR" else cache
    cli.sparkfs("-o", f"{url(sim)},cache={cache}", cli.path).ok()
    assert cli.ls("spaces") == mount.ls("spaces")
    mount.unmount()


def test_memory_leaves_nothing(cli, sim):
    cli.sparkfs("-o", f"{url(sim)},cache=memory", cli.path).ok()
    cli.ls("spaces")
    assert list((cli.state / "cache").rglob("*")) == []


def test_known_account_mounts_without_network(cli, sim):
    cli.sparkfs("-o", url(sim), cli.path).ok()
    names = cli.ls("spaces")
    cli.unmount()
    sim.kill()
    result = cli.sparkfs("-o", url(sim), cli.path).ok()
    assert re.fullmatch(r"sparkfs: warning: cannot reach .*alice@\S+\n", result.err), result
    assert cli.ls("spaces") == names
    cli.unmount()
    cli.fails("-o", url(sim), cli.path, token="bob-token", match="cannot reach")


def test_known_account_mounts_with_a_silent_server(cli, sim):
    cli.sparkfs("-o", url(sim), cli.path).ok()
    names = cli.ls("spaces")
    cli.unmount()
    sim.fault(hang=True)
    result = cli.sparkfs("-o", url(sim) + ",timeout=1", cli.path).ok()
    assert "warning" in result.err
    assert cli.ls("spaces") == names


def test_known_account_with_a_token_that_is_no_longer_valid(cli, sim):
    cli.sparkfs("-o", url(sim), cli.path).ok()
    names = cli.ls("spaces")
    cli.unmount()
    sim.tokens(token=TOKEN, valid=False)
    result = cli.sparkfs("-o", url(sim), cli.path).ok()
    assert re.fullmatch(r"sparkfs: warning: .*401.*new one.*alice@\S+\n", result.err), result
    assert cli.ls("spaces") == names


def test_account_name(cli, sim):
    cli.sparkfs("-o", f"{url(sim)},account=work", cli.path).ok()
    assert (cli.state / "cache/sparkfs/work/store.db").exists()
    cli.unmount()
    cli.fails("-o", f"{url(sim)},account=work", cli.path, token="bob-token",
              match="account=work.*alice@")


def test_unusable_cache_folder(cli, sim, tmp_path):
    (tmp_path / "file").write_text("x")
    cli.fails("-o", f"{url(sim)},cache={tmp_path}/file", cli.path, match="cache=")


# The mount as the kernel and mount(8) see it.

def test_mount_table(cli, sim):
    cli.sparkfs("-o", url(sim), cli.path).ok()
    options, kind, source, more = cli.info()
    assert kind == "fuse.sparkfs"
    assert source == sim.base
    assert {"rw", "nosuid", "nodev"} <= set(options)
    assert ("default_permissions" in more) == (os.geteuid() == 0)
    assert "allow_other" not in more


def test_read_only(cli, sim):
    cli.sparkfs("-o", f"{url(sim)},ro,fsname=a\\,b", cli.path).ok()
    options, _, source, _ = cli.info()
    assert "ro" in options
    assert source == "a,b"
    space = cli.path / "spaces" / cli.ls("spaces")[0]
    with pytest.raises(OSError, match="Read-only"):
        (space / "post").write_text("no")
    assert not sim.requests("POST")


# mount(8) looks for sparkfs in the system's folders only: one of them is replaced, where
# nobody else sees it.
MOUNT_SCRIPT = r"""
set -eu
mount -t tmpfs tmpfs /usr/local/bin
ln -s "$SPARKFS" /usr/local/bin/sparkfs
mount -t fuse.sparkfs "$SOURCE" "$MNT" -o "$OPTIONS"
grep -F " $MNT " /proc/self/mountinfo
ls "$MNT/spaces"
umount "$MNT"
! grep -F " $MNT " /proc/self/mountinfo
"""


@needs_root
@pytest.mark.parametrize("source", ["sparkfs", "URL"])
def test_mount_8(request, cli, sim, source):
    proxy = WebProxy(user="ann:a,b@c")
    request.addfinalizer(proxy.close)
    options = ("noatime,_netdev,nofail,x-test=1,recent=5,"
               f"proxy=http://ann:a%2Cb%40c@127.0.0.1:{proxy.port}")
    if source == "URL":
        source = sim.base
    else:
        options += "," + url(sim)
    env = cli.environment(TOKEN, {"SPARKFS": os.path.abspath(SPARKFS), "SOURCE": source,
                                  "MNT": str(cli.path), "OPTIONS": options})
    done = subprocess.run(["unshare", "--mount", "/bin/sh", "-c", MOUNT_SCRIPT], env=env,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=scaled(30), check=False)
    assert done.returncode == 0, done
    assert done.stderr == ""
    table, *spaces = done.stdout.splitlines()
    words = table.split()
    assert {"rw", "noatime", "nosuid", "nodev"} <= set(words[5].split(","))
    assert words[words.index("-") + 1:][:2] == ["fuse.sparkfs", source]
    assert len(spaces) >= 8
    # The password reaches the proxy, and no table of mounts.
    assert proxy.seen and proxy.users == {"ann:a,b@c"}
    assert "a%2Cb" not in table


@needs_root
def test_where_an_automount_waits(cli, sim):
    """As systemd mounts it for x-systemd.automount: looking into it would wait for ourselves."""
    if "\tautofs\n" not in pathlib.Path("/proc/filesystems").read_text("ascii"):
        pytest.skip("this kernel has no autofs")
    libc, at = ctypes.CDLL(None, use_errno=True), os.fsencode(cli.path)
    reader, writer = os.pipe()
    options = f"fd={writer},pgrp={os.getpgrp()},minproto=5,maxproto=5,direct"
    done = libc.mount(b"auto", at, b"autofs", 0, options.encode())
    assert done == 0, os.strerror(ctypes.get_errno())
    try:
        for _ in range(2):
            assert cli.sparkfs("-o", f"url={sim.base}", cli.path).status == 0
            assert "spaces" in os.listdir(cli.path)
            run_cmd(["fusermount3", "-u", str(cli.path)], check=True)
        wait_until(cli.locks_are_free, 15, "the daemon's end")
    finally:
        libc.umount2(at, 2)
        os.close(reader)
        os.close(writer)
