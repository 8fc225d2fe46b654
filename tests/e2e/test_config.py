"""The configuration, and which token a mount takes: options, accounts, the environment."""
import contextlib
import json
import os
import subprocess

import pytest

from lib.mount import unescape
from lib.person import SHORT, by_device
from lib.util import wait_until
from test_accounts import give, refused as refused_token


pytestmark = pytest.mark.sim("--data", "empty", *SHORT)


def configure(person, text):
    """The integration, and below it the text."""
    person.integrate()
    with open(person.config, "a", encoding="utf-8") as f:
        f.write(text)


def mount_line(path):
    """(what is mounted there, its options) or None."""
    with open("/proc/self/mountinfo", encoding="utf-8") as lines:
        for words in map(str.split, lines):
            if unescape(words[4]) == str(path):
                return unescape(words[words.index("-") + 2]), words[5].split(",")
    return None


@contextlib.contextmanager
def mounted(person, *args, at=None, cwd=None, makes=True):
    """What `sparkfs ARGS` in the background mounts at `at`: (source, options)."""
    at = at or person.home / "webex"
    if makes:
        at.mkdir(exist_ok=True)
    child = person.start(*args, cwd=cwd)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0, (args, out, err)
    try:
        yield mount_line(at)
    finally:
        subprocess.run(["fusermount3", "-u", str(at)], check=True)
        wait_until(lambda: "mountedAt" not in str(person.accounts()))


def refused(person, *args, status=1):
    """The one line with which `sparkfs ARGS` does not mount."""
    err = person.run(*args, status=status)
    assert err.count("\n") == 1 and err.startswith("sparkfs: "), err
    return err


def whose(path):
    return (path / "people/me.json").read_text("utf-8")


# ---- options and accounts ----

def test_what_wins(person, sim):
    """The command line over [account], that over [defaults]; the account is known by its mount point."""
    by_device(person, "work")
    by_device(person, "bob", who="bob")
    webex = person.home / "webex"
    (person.home / "link").symlink_to(person.home)
    configure(person, """
[defaults]
options=fsname=default,noatime,inotify,poll=off

[account work]
mountpoint=~/webex
options=fsname=of\\,work,ro

[account bob]
mountpoint = $HOME/bob
""")
    person.env["WEBEX_ACCESS_TOKEN"] = "bob-token"
    with mounted(person, str(webex)) as (source, options):
        assert source == "of,work" and "ro" in options and "noatime" in options
        assert "alice@example.com" in whose(webex)
    del person.env["WEBEX_ACCESS_TOKEN"]
    webex.rmdir()
    with mounted(person, "-o", "account=work,fsname=typed,rw,atime",
                 makes=False) as (source, options):
        assert source == "typed" and "rw" in options and "noatime" not in options
        (webex / "spaces/Pier").mkdir()
    # By another way to the same folder; the other account; an account elsewhere.
    with mounted(person, "../link/webex", cwd=person.config.parent.parent) as (source, _):
        assert source == "of,work"
    bob = person.home / "bob"
    with mounted(person, "bob", at=bob, cwd=person.home) as (source, options):
        assert source == "default" and "bob@example.com" in whose(bob)
    with mounted(person, "-o", "account=BOB@example.com", str(webex)):
        assert "bob@example.com" in whose(webex)
    nowhere = person.home / "nowhere"
    nowhere.mkdir()
    assert "there are several logins: bob, work" in refused(person, str(nowhere))
    assert "there is no login nobody; there are: bob, work" in refused(
        person, "-o", "account=nobody", str(nowhere), status=3)


FAULTS = (
    ("nonsense", "nonsense"),
    ("[stuff]\nx=1", "[stuff]: unknown; there are [integration]"),
    ("[account]\nurl=x", "[account]: a group [account NAME] has a name"),
    ("[account a/b]\nurl=x", "[account a/b]: a group"),
    ("[defaults]\nmountpoint=/x", "[defaults] mountpoint: unknown key; there are url, options"),
    ("[account a]\noption=ro", "[account a] option: unknown key"),
    ("[integration]\nclient_secret=x", "[integration] client_secret: the secret does not stand here"),
    ("[defaults]\noptions=nonsense", "[defaults] options: unknown option -o nonsense"),
    ("[account a]\noptions=ro,recent=x", "[account a] options: -o recent=x: not a number"),
    ("[account a]\noptions=ro=1", "[account a] options: -o ro takes no value"),
    ("[account a]\noptions=cache", "[account a] options: -o cache needs a value"),
    ("[account a]\noptions=url=https://x", "-o url=https://x does not stand here: url= is a key"),
    ("[defaults]\noptions=account=a", "-o account=a does not stand here"),
    ("[defaults]\noptions=ro,--help", "[defaults] options: unknown option -o --help"),
    ("[account a]\nurl=http://webex.example", "[account a] url: "),
    ("[account a]\nmountpoint=webex", "[account a] mountpoint: not a path that begins with /"),
    ("[account a]\nmountpoint=$HOMES/webex", "[account a] mountpoint: not a path"),
    ("[account a]\nmountpoint=~bob/webex", "[account a] mountpoint: not a path"),
)


def test_faults_of_the_configuration(person, sim):
    """Each is said with file, group and key, before anything is mounted."""
    person.login("--token", "a", text="alice-token")
    at = person.home / "webex"
    at.mkdir()
    for text, says in FAULTS:
        person.config.write_text(text + "\n")
        for args in ((str(at),), ("login", "--url", sim.base, "--token")):
            err = refused(person, *args)
            assert err.startswith(f"sparkfs: {person.config}: ") and says in err, (text, err)
    # It is nobody's business while a token is given, renewed or shown.
    assert person.run("--give-token", "a").startswith("alice-token")
    assert len(person.accounts()) == 1 and "usage" in person.run("--help")
    person.config.write_text("[account a]\nmountpoint=~/webex\n[account b]\nmountpoint=~/webex\n")
    assert "is the mount point of the accounts a and b" in refused(person, str(at))
    assert "the login a is for" in refused(person, "-o", "account=a,url=http://127.0.0.1:9/v1",
                                           str(at))
    for bad, says in (("x=1\nport=0", "port: not a number"), ("port=99999", "from 1 to 65535"),
                      ("client_secret_command=x", "one of them is enough")):
        person.config.write_text("[integration]\nclient_id=x\nclient_secret_file=secret\n" + bad)
        assert says in person.login(status=1) or "unknown key" in person.login(status=1), bad


def test_who_may_write_the_configuration(person, sim):
    """What it says can run commands: nobody else may write it, or put another one there."""
    person.login("--token", "a", text="alice-token")
    person.config.write_text("[account a]\nmountpoint=~/webex\noptions=fsname=own\n")
    at = person.home / "webex"
    at.mkdir()
    folder = person.config.parent
    for path, mode, says in ((person.config, 0o666, "others can change it (mode 0666)"),
                             (folder, 0o777, f"others can change its folder {folder}")):
        before = path.stat().st_mode
        path.chmod(mode)
        err = refused(person, str(at))
        assert str(person.config) in err and says in err and "chmod go-w" in err, err
        path.chmod(before)
    # A link into a folder of one's own, as of those who keep such files under version control.
    real = person.home / "dotfiles"
    real.mkdir()
    person.config.rename(real / "sparkfs")
    person.config.symlink_to(real / "sparkfs")
    with mounted(person, at) as (source, _):
        assert source == "own"
    person.config.unlink()
    os.mkfifo(person.config)
    assert "not a regular file" in refused(person, str(at))
    person.config.unlink()
    person.config.write_bytes(b"\xef\xbb\xbf" + b"#" * 70000)
    assert "it is too long" in refused(person, str(at))
    if os.geteuid() != 0:
        person.config.chmod(0)
        assert f"{person.config}: Permission denied" in refused(person, str(at))


def test_the_configuration_of_the_system(person, sim, tmp_path):
    """It must be root's. The user's own wins, key by key and option by option."""
    person.login("--token", "a", text="alice-token")
    one, two = tmp_path / "one/sparkfs", tmp_path / "two/sparkfs"
    for folder in (one, two):
        folder.mkdir(parents=True)
    person.env["XDG_CONFIG_DIRS"] = f"relative:{one.parent}:{two.parent}"
    (one / "config").write_text("[defaults]\noptions=fsname=one,noatime\n"
                                f"[account a]\nurl={sim.base}/\n")
    (two / "config").write_text("[integration]\nclient_id=sim-client\nclient_secret_file=secret\n"
                                "[defaults]\noptions=fsname=two,recent=5,noexec\n"
                                "[account a]\nmountpoint=/nowhere\n")
    (two / "secret").write_text("sim-secret")
    person.config.write_text("[integration]\nscopes=spark:all\n[defaults]\noptions=ro\n"
                             "[account a]\nmountpoint=~/webex\n")
    at = person.home / "webex"
    at.mkdir()
    if os.geteuid() != 0:
        assert f"{one}/config: it is not root's" in refused(person, str(at))
        return
    with mounted(person, "-o", "account=a") as (source, options):
        assert source == "one" and {"ro", "noatime", "noexec"} <= set(options)
    # The id of one file, the scopes of another.
    by_device(person, "device")
    assert person.record("device")["scope"] == "spark:all"
    for path, owner, mode, says in ((one / "config", 65534, 0o644, "it is not root's"),
                                    (one / "config", 0, 0o664, "others can change it"),
                                    (one, 65534, 0o755, "belongs to another user"),
                                    (two / "secret", 0, 0o666, "others can change it")):
        before = path.stat()
        os.chown(path, owner, 0)
        path.chmod(mode)
        err = person.login(status=1) if path.name == "secret" else refused(person, str(at))
        assert says in err and str(path) in err, err
        os.chown(path, 0, 0)
        path.chmod(before.st_mode)
    (one / "config").write_text("[defaults]\nmount=x\n")
    assert f"{one}/config: [defaults] mount: unknown key" in refused(person, str(at))


# ---- the environment ----

def test_a_refresh_token_of_the_environment(person, sim, start_mount):
    """Its successor is kept, and wins at the next mount; another one is another login."""
    sim.control("POST", "/switches", {"refreshRotates": True})
    tokens = {}
    for name in ("alice", "bob", "admin"):
        by_device(person, name, who=name)
        tokens[name] = person.record(name)["refreshToken"]
        (person.folder / f"{name}.json").unlink()
    asked = len(sim.requests("POST", "/access_token"))

    def mount(**env):
        return start_mount(sim, token=None, state=person.home, env=env)

    def kept():
        return {a["email"]: person.record(a["name"]) for a in person.accounts()}
    one = mount(CISCO_SPARK_REFRESH_TOKEN=tokens["alice"])
    assert "alice@example.com" in whose(one.path)
    successor = kept()["alice@example.com"]["refreshToken"]
    assert successor != tokens["alice"] and kept()["alice@example.com"]["way"] == "environment"
    environment = (one.path.parent / f"/proc/{one.pid}/environ").read_bytes()
    assert tokens["alice"].encode() not in environment
    # The old one is spent. While mounted it is renewed as every login is.
    sim.control("POST", "/tokens", {"token": kept()["alice@example.com"]["accessToken"],
                                    "valid": False})
    (one / "spaces/Pier").mkdir()
    assert kept()["alice@example.com"]["refreshToken"] != successor
    one.unmount()
    assert len(sim.requests("POST", "/access_token")) - asked == 2
    mount(CISCO_SPARK_REFRESH_TOKEN=tokens["alice"]).unmount()
    assert len(sim.requests("POST", "/access_token")) - asked == 2
    two = mount(CISCO_SPARK_REFRESH_TOKEN=tokens["bob"])
    assert "bob@example.com" in whose(two.path) and len(kept()) == 2
    two.unmount()
    # Without it nobody's; another access token comes before it.
    nowhere = person.home / "nowhere"
    nowhere.mkdir()
    assert "no access token: run sparkfs login" in refused(person, "-o", f"url={sim.base}",
                                                           str(nowhere), status=3)
    three = mount(CISCO_SPARK_REFRESH_TOKEN=tokens["alice"], SPARK_ACCESS_TOKEN="bob-token")
    assert "bob@example.com" in whose(three.path)
    # Whose another one is cannot be asked at first. Its successor is kept all the same.
    person.env["CISCO_SPARK_REFRESH_TOKEN"] = tokens["admin"]
    sim.fault(route="/people/me", malformed=True)
    refused(person, "-o", f"url={sim.base}", str(nowhere))
    sim.clear_faults()
    asked = len(sim.requests("POST", "/access_token"))
    four = mount(CISCO_SPARK_REFRESH_TOKEN=tokens["admin"])
    assert "admin@example.com" in whose(four.path) and len(person.accounts()) == 3
    assert len(sim.requests("POST", "/access_token")) == asked
    # Nor is it known of two others: none serves for another one.
    names = {a.get("email"): a["name"] for a in person.accounts()}
    old = person.record(names["alice@example.com"])
    for name in names.values():
        (person.folder / f"{name}.json").write_text(json.dumps({**person.record(name), "personId": ""}))
    for kind in ("accessToken", "refreshToken"):
        sim.control("POST", "/tokens", {"token": old[kind], "valid": False})
    assert "has ended" in give(person, names["alice@example.com"],
                               *refused_token(old["accessToken"]), status=3)


def test_a_dead_token_of_the_environment_is_named(person, sim):
    nowhere = person.home / "nowhere"
    nowhere.mkdir()
    args = ("-o", f"url={sim.base}", str(nowhere))
    for name in ("WEBEX_ACCESS_TOKEN", "CISCO_SPARK_ACCESS_TOKEN"):
        person.env[name] = "dead-token"
        assert name in refused(person, *args, status=3)
        del person.env[name]
    person.env["CISCO_SPARK_REFRESH_TOKEN"] = "dead"
    err = refused(person, *args, status=3)
    assert "does not accept CISCO_SPARK_REFRESH_TOKEN" in err and "dead" not in err, err
    sim.fault(method="POST", route="/access_token", status=503)
    assert "cannot reach" in refused(person, *args)
    # Another one would not help: it is no word of the service on this one.
    for fault in ({"status": 400, "html": True}, {"status": 401, "html": True}, {"status": 403},
                  {"status": 407, "html": True}, {"status": 429}, {"malformed": True},
                  {"status": 400, "message": "tokenlimit_reached"}):
        sim.clear_faults()
        sim.fault(method="POST", route="/access_token", **fault)
        assert "another one is needed" not in refused(person, *args), fault
    sim.clear_faults()
    person.integrate(secret="wrong")
    assert "check client_id and its secret" in refused(person, *args)
    person.config.unlink()
    assert "cannot be used without an integration" in refused(person, *args, status=3)
    # Nothing is left of all that.
    assert person.accounts() == []
    # With an access token beside it, it is not asked for until that is refused.
    del person.env["CISCO_SPARK_REFRESH_TOKEN"]
    person.integrate()
    by_device(person, "me")
    person.config.unlink()
    record = person.record("me")
    person.run("logout", "me")
    person.env.update(CISCO_SPARK_REFRESH_TOKEN=record["refreshToken"],
                      CISCO_SPARK_ACCESS_TOKEN=record["accessToken"])
    asked = len(sim.requests("POST", "/access_token"))
    with mounted(person, *args, at=nowhere):
        assert "alice@example.com" in whose(nowhere)
        assert len(sim.requests("POST", "/access_token")) == asked
        person.integrate()
        sim.control("POST", "/tokens", {"token": record["accessToken"], "valid": False})
        (nowhere / "spaces/Pier").mkdir()
    assert len(sim.requests("POST", "/access_token")) == asked + 1
    # What the server says of a person is shown on a terminal.
    sim.control("POST", "/people", {"email": "\x1b[31m@example.com", "token": "odd"})
    person.env.update(CISCO_SPARK_REFRESH_TOKEN="odd-too", CISCO_SPARK_ACCESS_TOKEN="odd")
    with mounted(person, *args, at=nowhere):
        listed = person.run("accounts")
        assert "[31m@example.com" in listed and "\x1b" not in listed
