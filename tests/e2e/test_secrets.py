"""Where tokens and the secret of the integration are not: in arguments, environments, logs, core dumps, and
in any file but the two that keep them."""
import base64
import hashlib
import json
import os
import resource
import signal
import subprocess

import pytest

from lib.mount import mount_device
from lib.person import address_in, by_device, decide, end, free_port
from lib.terminal import children
from lib.util import scaled, wait_until
from lib.watch import Watch, files, memory

SECRET = "a-Secret-of-the-Integration-4711"
# Says what it was given, and whose child it is; when it was seen (lib/watch.py), it answers.
SPY = """#!/bin/sh
looks() { cat "$HOME/looks" 2> /dev/null || echo $((n + 2)); }
n=$(looks)
while [ "$(looks)" -lt "$((n + 2))" ]; do sleep 0.01; done
{ tr '\\0' '\\n' < /proc/$$/environ; tr '\\0' '\\n' < /proc/$PPID/cmdline; printf '%s\\n' "$@"; } >> "$HOME/spied"
"""


def basic(client, secret):
    return base64.b64encode(f"{client}:{secret}".encode())


@pytest.fixture
def person(start_sim, start_person):
    redirects = " ".join(f"redirect=https://oauth-helper-{c}.wbx2.com/helperservice/v1/actions/device/callback"
                         for c in "arkd")
    port = free_port()
    sim = start_sim("--data", "empty", "--device-interval", "1", "--integration",
                    f"id=C1 secret={SECRET} scope=spark:all scope=spark:kms "
                    f"redirect=http://localhost:{port}/ {redirects}")
    person = start_person(sim)
    person.integrate("C1", SECRET, port=port)
    person.port = port
    (person.home / "bin").mkdir()
    for name, answer in (("secret-command", f"echo {SECRET[:8]}''{SECRET[8:]}"),
                         ("token-command", 'cat "$HOME/token"'), ("browser", "")):
        path = person.home / "bin" / name
        path.write_text(SPY + answer + "\n")
        path.chmod(0o755)
    person.env["PATH"] = f"{person.home}/bin:{os.environ['PATH']}"
    return person


def tokens(sim):
    """Every token that a login was given; none of them is short."""
    found = {item["token"].encode() for item in sim.control("GET", "/tokens")["items"]}
    assert found and min(map(len, found)) > 50
    return found


def kept_by(person):
    """All that anybody wrote, but for what is kept in order to be used."""
    keep = {person.config.parent / "secret", *person.folder.glob("*.json"), person.home / "token",
            person.home / "bin/secret-command"}
    return {path: data for path, data in files(person.home).items() if path not in keep}


def refresh(person, name):
    old = person.record(name)["accessToken"]
    person.sim.control("POST", "/tokens", {"token": old, "valid": False})
    return old


def log_in_by_all_ways(person, sim):
    said = [by_device(person, "device")]
    person.config.write_text("[integration]\nclient_id=C1\nclient_secret_command=secret-command\n"
                             f"port={person.port}\n")
    child = person.start("login", "--url", sim.base, "--paste", "paste")
    where = decide(sim, address_in(child, sim.base + "/authorize?")).headers["Location"]
    said.append(end(child, 0, where + "\n"))
    # A refused one, too: a code that is not redeemed, in an error text.
    sim.fault(method="POST", route="/access_token", status=400, message="invalid_grant", times=1)
    child = person.start("login", "--url", sim.base, "--paste", "refused")
    where = decide(sim, address_in(child, sim.base + "/authorize?")).headers["Location"]
    said.append(end(child, 1, where + "\n"))
    before = dict(person.env)
    person.env.update(BROWSER="browser", CISCO_SPARK_CLIENT_ID="C1", CISCO_SPARK_CLIENT_SECRET=SECRET)
    child = person.start("login", "--url", sim.base, "--browser", "browser")
    wait_until((person.home / "spied").exists)
    address_in(child, sim.base + "/authorize?")
    child.send_signal(signal.SIGINT)
    end(child, -signal.SIGINT)
    person.env.clear()
    person.env.update(before)
    token = person.record("paste")["accessToken"]
    said.append(person.login("--token", "token", text=token + "\n"))
    said += [person.run("accounts"), person.run("accounts", "--json")]
    return said


def use(mount, person, name):
    """Posts, a local file, a refusal, and refreshes below all of it."""
    local = person.home / f"{name}.txt"
    local.write_text("a local file")
    space = mount / "spaces/Pier"
    refresh(person, name)
    (space / "post").write_text("low tide")
    refresh(person, name)
    (space / "post.json").write_text(json.dumps({"text": "see", "files": [str(local)]}))
    (space / "transcript.log").read_bytes()
    with pytest.raises(OSError):
        os.mkdir(space / "members/nobody")
    return [(mount / ".sparkfs" / file).read_text() for file in ("log", "last-error", "status.json")]


def end_of_login(person, mount, said):
    person.sim.control("DELETE", "/tokens")
    with pytest.raises(OSError):
        (mount / "spaces/Pier/post").write_text("lost?")
    said += [(mount / ".sparkfs" / file).read_text() for file in ("log", "last-error", "status.json")]


def test_nowhere_else(person, start_mount):
    sim = person.sim
    sim.create_room("Pier")
    with Watch(person.home) as watch:
        said = log_in_by_all_ways(person, sim)
        more = {"token": None, "state": person.home, "args": ("-d",), "env": {"PATH": person.env["PATH"]}}
        (person.home / "token").write_text(person.record("paste")["accessToken"])
        mount = start_mount(None, "account=device", "inotify", **more)
        said += use(mount, person, "device")
        other = start_mount(sim, "token_command=token-command", f"cache={person.home}/other", **more)
        third = start_mount(sim, f"cache={person.home}/third", "inotify",
                            **{**more, "token": person.record("paste")["accessToken"]})
        assert other.ls("spaces") == third.ls("spaces") == ["Pier"]
        secrets = {SECRET.encode(), basic("C1", SECRET), *tokens(sim)}
        look_into_memory(sim, (mount, other, third))
        end_of_login(person, mount, said)
    assert len(secrets) >= 8
    check_processes(person, watch, secrets)
    for m in (mount, other, third):
        m.unmount()
        said.append(m.log_path.read_text())
    # By now everything has been written that will be.
    for where, data in [*enumerate(text.encode() for text in said), *kept_by(person).items()]:
        assert not [s for s in secrets if s in data], where


def look_into_memory(sim, mounts):
    """What no daemon has: the secret, and tokens that get others. Root alone may look."""
    if os.geteuid() != 0:
        return
    never = {SECRET.encode(), basic("C1", SECRET),
             *(item["token"].encode() for item in sim.control("GET", "/tokens")["items"]
               if item["type"] == "refresh")}
    for mount in mounts:
        dump = memory(mount.process.pid)
        assert len(dump) > 1 << 20
        assert not [s for s in never if s in dump]


def check_processes(person, watch, secrets):
    names = {os.path.basename(word) for argv in watch.programs() for word in argv[:2]}
    # What was looked at: each of our programs, and those that were called.
    assert {b"login", b"--give-token", b"token-command"} <= names, names
    sparkfs = os.environ["SPARKFS"].encode()
    for secret, arguments, variable in watch.find(secrets):
        # Whoever puts one into the environment of a program shows it until the program has begun; its
        # children never have it.
        argv = arguments.split(b"\0")
        assert variable in (b"WEBEX_ACCESS_TOKEN", b"CISCO_SPARK_CLIENT_SECRET"), (secret, argv, variable)
        after = argv[argv.index(sparkfs) + 1] if sparkfs in argv else b"--"
        assert not after.startswith(b"--"), (secret, argv, variable)
    spied = (person.home / "spied").read_bytes()
    assert spied.count(b"HOME=") >= 3 and not [s for s in secrets if s in spied]


def is_dumped_here():
    """True if the kernel writes a core into the folder of its process."""
    with open("/proc/sys/kernel/core_pattern", encoding="utf-8") as f:
        return not f.read().startswith(("|", "/"))


def test_no_core_is_dumped(person, tmp_path):
    """Neither of a daemon, nor of a login, nor of the child that refreshes, whatever the limit is."""
    by_device(person, "me")
    folder = tmp_path / "cores"
    folder.mkdir()
    unlimited = {"cwd": folder, "preexec_fn": lambda: resource.setrlimit(
        resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))}
    subprocess.run(["sh", "-c", "kill -ABRT $$"], check=False, **unlimited)
    if not is_dumped_here():
        pytest.skip("cores go elsewhere")
    # One of another program is there.
    assert [path.unlink() for path in folder.iterdir()] == [None]
    login = person.start("login", "--url", person.sim.base, **unlimited)
    address_in(login, person.sim.origin + "/verify?userCode=")
    person.sim.fault(method="POST", route="/access_token", hang=True)
    hash_ = hashlib.sha256(person.record("me")["accessToken"].encode()).hexdigest()[:16]
    giving = person.start("--give-token", "me", "--not", hash_, **unlimited)
    wait_until(lambda: person.sim.requests("POST", "/access_token"))
    workers = children(giving.pid)
    (person.home / "mnt").mkdir()
    mount = person.start("-f", "-o", "account=me", person.home / "mnt", **unlimited)
    wait_until(lambda: mount_device(person.home / "mnt"))
    for pid in (login.pid, *workers, giving.pid, mount.pid):
        os.kill(pid, signal.SIGABRT)
    for child in (login, giving, mount):
        child.communicate(timeout=scaled(20))
        assert child.returncode == -signal.SIGABRT or child.returncode > 0
    subprocess.run(["fusermount3", "-u", person.home / "mnt"], check=True)
    assert workers and list(folder.iterdir()) == []
