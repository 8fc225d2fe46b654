"""sparkfs login, logout, accounts: the ways, what ends them, and what is kept."""
import fcntl
import hashlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import stat
import subprocess
import threading
import time
import urllib.parse

import pytest

from lib.person import NO_HELPERS, SHORT, address_in, by_device, decide, end, free_port
from lib.shell import run_cmd
from lib.tls import Front, certificate, context
from lib.util import scaled, wait_until
from lib.webproxy import WebProxy


pytestmark = pytest.mark.sim("--data", "empty", *SHORT)


# ---- the ways ----

def test_by_device(person, sim):
    out = by_device(person)
    assert "This is the login of Alice Moreno (alice@example.com) at " + sim.base in out
    kept = person.record("alice@example.com")
    assert sim.me(kept["accessToken"])["emails"] == ["alice@example.com"]
    assert kept["scope"] == "spark:all spark:kms" and kept["clientId"] == "sim-client"
    assert 1209590000 < kept["accessUntil"] - kept["accessSince"] <= 1209599000
    assert stat.S_IMODE(person.folder.stat().st_mode) == 0o700
    for path in person.folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert {p.name for p in person.folder.iterdir()} == {"alice@example.com.json",
                                                         "alice@example.com.lock"}
    # Pending answers of each kind, a server that is away for a moment, and one that wants more time.
    sim.control("POST", "/switches", {"pendingIs400": True})
    faults = ({"status": 503}, {"reset": True}, {"status": 400, "message": "authorization_pending"},
              {"status": 429, "retryAfter": "1"})
    for n, fault in enumerate(faults):
        sim.fault(method="POST", route="/device/token", skip=n, times=1, **fault)
    by_device(person, "again")
    assert [a["name"] for a in person.accounts()] == ["again", "alice@example.com"]
    assert len(sim.requests("POST", "/device/token")) >= 5


@pytest.mark.parametrize("fault,says", [
    ({"status": 400, "message": "access_denied"}, "the person did not allow it"),
    ({"status": 400, "message": "invalid_grant"}, "the code has expired"),
    ({"status": 400, "message": "tokenlimit_reached"}, "too many living tokens"),
    ({"status": 401, "message": "invalid_client"}, "does not know the integration"),
    ({"html": True, "status": 404}, "the service refused"),
    ({"malformed": True}, "does not answer as the Webex API does"),
])
def test_ends_of_a_device_login(person, sim, fault, says):
    sim.fault(method="POST", route="/device/token", **fault)
    child = person.start("login", "--url", sim.base)
    if "malformed" in fault:
        decide(sim, address_in(child, sim.origin + "/verify?userCode="))
    err = end(child, 1)
    assert says in err and err.count("\n") == 1, err
    assert "refused" not in err or "does not answer" not in err, err
    assert not person.folder.exists()


def test_a_device_login_that_does_not_begin(person, sim, start_sim):
    def refused(*args):
        err = person.login(*args, status=1)
        assert err.count("\n") == 1, err
        return err

    assert "the person did not allow it" in by_device(person, decision="deny", status=1)
    person.integrate("nobody")
    assert "does not know the integration" in refused() and "client_id" in refused()
    person.integrate(scopes="spark:all openid")
    assert "does not have the scopes" in refused()
    person.integrate(secret="wrong")
    child = person.start("login", "--url", sim.base)
    assert "does not know the integration" in end(child, 1)
    person.integrate()
    for fault, says in (({"status": 429, "retryAfter": "9"}, "asks to wait 9 s"),
                        ({"status": 503}, "cannot reach"), ({"malformed": True}, "does not answer")):
        sim.fault(method="POST", route="/device/authorize", **fault)
        assert says in refused(), fault
        sim.clear_faults()
    bare = start_sim("--integration", NO_HELPERS.format(port=1), "--data", "empty")
    person.integrate("bare", "s3", scopes="spark:all")
    err = person.run("login", "--url", bare.base, status=1)
    assert all(f"oauth-helper-{c}" in err for c in "arkd")
    bare.stop()
    assert "cannot reach" in person.run("login", "--url", bare.base, status=1)
    assert not person.folder.exists()


def test_interrupted(person, sim):
    child = person.start("login", "--url", sim.base)
    address_in(child, sim.origin + "/verify?userCode=")
    child.send_signal(signal.SIGINT)
    end(child, -signal.SIGINT)
    assert not person.folder.exists()


def test_by_paste(person, sim):
    child = person.start("login", "--url", sim.base, "--paste", "work")
    url = address_in(child, sim.base + "/authorize?")
    query = dict(urllib.parse.parse_qsl(url.partition("?")[2]))
    assert query["redirect_uri"] == "http://localhost:53682/"
    assert query["code_challenge_method"] == "S256" and len(query["state"]) >= 43
    where = decide(sim, url, "bob").headers["Location"]
    other = where.replace(query["state"], "x" * 43)
    out = end(child, 0, f"\nnonsense\n{other}\n{where}\n")
    assert out.count("not the address of this login") == 2
    assert "This is the login of Bob Keller" in out and "work" in out
    assert person.record("work")["refreshToken"]
    child = person.start("login", "--url", sim.base, "--paste")
    url = address_in(child, sim.base + "/authorize?")
    where = decide(sim, url, "bob", "deny").headers["Location"]
    assert "the person did not allow it" in end(child, 1, where + "\n")
    assert "no address was given" in person.login("--paste", status=1)
    child = person.start("login", "--url", sim.base, "--paste")
    where = decide(sim, address_in(child, sim.base + "/authorize?"), "bob").headers["Location"]
    sim.fault(method="POST", route="/access_token", status=400, message="invalid_grant")
    assert "the code was used already, or has expired" in end(child, 1, where + "\n")
    sim.clear_faults()
    assert [a["name"] for a in person.accounts()] == ["work"]


def get(port, path, host=None, address="127.0.0.1"):
    connection = http.client.HTTPConnection(address, port, timeout=scaled(20))
    connection.request("GET", path, headers={"Host": host or f"localhost:{port}"})
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body


def test_by_browser(start_sim, start_person):
    port = free_port()
    sim = start_sim("--data", "empty", "--integration", NO_HELPERS.format(port=port))
    person = start_person(sim)
    person.integrate("bare", "s3", scopes="spark:all", port=port)
    child = person.start("login", "--url", sim.base, "--browser")
    url = address_in(child, sim.base + "/authorize?")
    where = decide(sim, url).headers["Location"]
    target = where.partition(f"http://localhost:{port}")[2]
    # Nothing but the answer to this login is looked at.
    for path, host in (("/favicon.ico", None), ("/", None), ("/?state=x&code=y", None),
                       (target, f"evil.example:{port}"), (target, "localhost"),
                       ("/other" + target[1:], None)):
        assert get(port, path, host)[0] == 404, path
    with socket.create_connection(("127.0.0.1", port)):
        # A connection that was opened ahead of time holds nobody up.
        status, body = get(port, target, f"[::1]:{port}", "::1")
    assert status == 200 and "You are logged in" in body and "script" not in body
    assert "Alice Moreno" in end(child)
    assert person.record("alice@example.com")["accessToken"]

    child = person.start("login", "--url", sim.base, "--browser")
    url = address_in(child, sim.base + "/authorize?")
    where = decide(sim, url, decision="deny").headers["Location"]
    status, body = get(port, where.partition(f"http://localhost:{port}")[2])
    assert status == 400 and "did not allow it" in body
    assert "did not allow it" in end(child, 1)
    with socket.socket(socket.AF_INET6) as taken:
        taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("::1", port))
        taken.listen()
        assert f"cannot listen on port {port}" in person.login("--browser", status=1)


def test_by_token(sim, start_person):
    person = start_person(sim)
    assert "Alice Moreno" in person.login("--token", text="alice-token\n")
    assert "SimBot (simbot@webex.bot, a bot)" in person.login("--token", "bot", text="bot-token")
    assert "does not accept the access token" in person.login("--token", text="x", status=1)
    for text in ("", "\n", "two words\n", "x" * 5000):
        assert "no access token" in person.login("--token", text=text, status=1)
    assert [a["name"] for a in person.accounts()] == ["alice@example.com", "bot"]
    assert "refreshToken" not in person.record("bot")


# ---- names, accounts, logout ----

def test_names(sim, start_person):
    person = start_person(sim)
    person.login("--token", "me", text="alice-token")
    before = person.record("me")
    err = person.login("--token", "me", text="bob-token", status=1)
    assert "is the login of alice@example.com" in err and "--replace" in err
    assert person.record("me") == before
    person.login("--token", "me", text="alice-token")
    person.login("--token", "--replace", "me", text="bob-token")
    assert person.record("me")["email"] == "bob@example.com"
    for name in ("", ".x", "-x", "a/b", "x" * 65, "a b", "sent"):
        assert "a name has only" in person.login("--token", "--", name, text="x", status=1), name
    for args in (("--browser", "--paste"), ("a", "b"), ("--nonsense",)):
        assert "usage: sparkfs login" in person.run("login", *args, status=2)
    # The folder of that name is ./login.
    for args in (("login", "--help"), ("help", "login")):
        assert "usage: sparkfs login" in person.run(*args)
    assert "usage: sparkfs [options]" in person.run("help")


def test_accounts_and_logout(sim, start_person):
    person = start_person(sim)
    assert person.accounts() == [] and person.run("accounts") == ""
    person.login("--token", "a", text="alice-token")
    person.login("--token", "b", text="bob-token")
    (person.folder / "bad.json").write_text("{")
    (person.folder / "bad.json").chmod(0o600)
    child = person.start("accounts")
    out, err = child.communicate(timeout=scaled(20))
    assert child.returncode == 1 and "bad" in err
    heading, *rows = out.splitlines()
    assert heading.split() == ["NAME", "ADDRESS", "SERVER", "BY", "GOOD", "UNTIL", "MOUNTED", "AT"]
    assert [r.split()[:4] for r in rows] == [["a", "alice@example.com", sim.base, "token"],
                                             ["b", "bob@example.com", sim.base, "token"]]
    said = person.run("logout", "a")
    assert "a is forgotten here" in said and "developer.webex.com/my-apps" in said
    assert "there is no login a" in person.run("logout", "a", status=1)
    person.run("logout", "bad")
    assert [x["name"] for x in person.accounts()] == ["b"]
    assert {p.name for p in person.folder.iterdir()} == {"b.json", "b.lock"}
    for args in ((), ("a", "b"), ("../b",), ("--nonsense", "b")):
        assert "usage: sparkfs logout" in person.run("logout", *args, status=2)


def test_where_the_integration_is(sim, start_person, tmp_path):
    person = start_person(sim)
    err = person.login(status=1)
    assert 10 <= err.count("\n") <= 14
    assert "http://localhost:53682/" in err and "oauth-helper-a" in err and "spark:kms" in err
    secret = person.integrate()
    secret.chmod(0o640)
    assert "others can read or change it" in person.login(status=1)
    person.config.write_text("[integration]\nclient_id=sim-client\n"
                             "client_secret_command=echo sim-secret\n")
    by_device(person, "command")
    person.config.write_text("[integration]\nclient_id=sim-client\nclient_secret_command=false\n")
    assert "client_secret_command failed" in person.login(status=1)
    person.config.write_text("[integration]\nclient_id=sim-client\n")
    assert "neither client_secret_command nor client_secret_file" in person.login(status=1)
    person.config.write_text("nonsense")
    assert str(person.config) in person.login(status=1)
    person.config.unlink()
    person.env.update(CISCO_SPARK_CLIENT_ID="sim-client", CISCO_SPARK_CLIENT_SECRET="sim-secret")
    by_device(person, "environment")
    del person.env["CISCO_SPARK_CLIENT_ID"]
    system = tmp_path / "xdg/sparkfs"
    system.mkdir(parents=True)
    (system / "config").write_text("[integration]\nclient_id=sim-client\n"
                                   "client_secret_file=secret\n")
    (system / "secret").write_text("sim-secret")
    (system / "secret").chmod(0o644)
    person.env["XDG_CONFIG_DIRS"] = str(system.parent)
    if os.geteuid() == 0:
        by_device(person, "system")
        (system / "secret").chmod(0o666)
        assert "others can change it" in person.login(status=1)
    else:
        assert "it is not root's" in person.login(status=1)


# ---- mounts ----

def mount_of(start_mount, person, *options, **more):
    """As that person, without a token and an address of a server."""
    return start_mount(None, *options, token=None, state=person.home, **more)


def mount_fails(person, *options, status=1):
    path = person.home / "nowhere"
    path.mkdir(exist_ok=True)
    args = ["-o", ",".join(options)] if options else []
    return person.run(*args, str(path), status=status)


def test_the_only_login_is_mounted(person, sim, start_mount):
    by_device(person)
    mount = mount_of(start_mount, person)
    assert mount.status()["login"] == "ok"
    (mount / "spaces").iterdir()
    account, = person.accounts()
    assert account["mountedAt"] == str(mount.path)
    assert str(mount.path) in person.run("accounts")
    assert "is mounted at" in person.run("logout", "--purge", "alice@example.com", status=1)
    # Reads and posts go on over the end of a token, and nobody sees it.
    sim.create_room("Pier")
    wait_until(lambda: "Pier" in mount.ls("spaces"))
    for n in range(3):
        sim.control("POST", "/tokens", {"token": person.record("alice@example.com")["accessToken"],
                                        "valid": False})
        (mount / "spaces/Pier/post").write_text(f"message {n}")
    assert [m["text"] for m in sim.messages(sim.room("Pier")["id"])] == [
        "message 2", "message 1", "message 0"]
    assert len(sim.requests("POST", "/access_token")) == 3
    mount.unmount()
    assert "mountedAt" not in person.accounts()[0]
    cache = [p for p in (person.home / "cache/sparkfs").iterdir() if p.name != "tokens"]
    assert len(cache) == 1 and (cache[0] / "store.db").exists()
    person.run("logout", "--purge", "alice@example.com")
    assert not cache[0].exists() and person.accounts() == []


def test_which_login(person, sim, start_mount, start_sim):
    by_device(person, "work")
    assert "the login work is for" in mount_fails(person, "url=http://127.0.0.1:9/v1")
    by_device(person, "bob", who="bob")
    err = mount_fails(person)
    assert "there are several logins: bob, work" in err and "account=" in err
    assert "account=logins" in mount_fails(person, "account=logins", status=2)
    mount = mount_of(start_mount, person, "account=bob")
    assert (mount / "people/me.json").read_text().count("bob@example.com")
    mount.unmount()
    # The folders are the person's, whatever the login is called.
    other = start_mount(sim, token="bob-token", state=person.home)
    other.unmount()
    states = [p.name for p in (person.home / "state/sparkfs").iterdir() if p.is_dir()]
    assert len([n for n in states if n.startswith("bob@example.com-")]) == 1 and "bob" not in states
    # A token of the environment comes before an only login; account= before both.
    person.run("logout", "bob")
    mount = start_mount(sim, token="bob-token", state=person.home)
    assert "bob@example.com" in (mount / "people/me.json").read_text()
    mount.unmount()
    mount = start_mount(None, "account=work", token="bob-token", state=person.home)
    assert "alice@example.com" in (mount / "people/me.json").read_text()


def test_a_login_that_ends_while_mounted(person, sim, start_mount):
    """What is known is read; a new login in another terminal is taken up within two seconds."""
    by_device(person, "me")
    room = sim.create_room("Pier")
    sim.post(room["id"], "low tide")
    mount = mount_of(start_mount, person)
    text = (mount / "spaces/Pier/transcript.log").read_text()
    assert "low tide" in text
    sim.control("DELETE", "/tokens")
    with pytest.raises(PermissionError):
        (mount / "spaces/Pier/post").write_text("lost?")
    said = (mount / ".sparkfs/last-error").read_text()
    assert "sparkfs login me" in said, said
    assert "low tide" in (mount / "spaces/Pier/transcript.log").read_text()
    asked = len(sim.requests("GET", "/people/me"))
    by_device(person, "me")
    wait_until(lambda: mount.status()["login"] == "ok", 2)
    # The login's own, and that of the mount: nobody asks again and again.
    assert len(sim.requests("GET", "/people/me")) - asked <= 2

    def works():
        try:
            (mount / "spaces/Pier/post").write_text("high tide")
        except PermissionError:
            return False
        return True
    wait_until(works, 2)
    mount.unmount()
    # It is dead at the next mount: what is known is there all the same.
    sim.control("DELETE", "/tokens")
    mount = mount_of(start_mount, person)
    assert "high tide" in (mount / "spaces/Pier/transcript.log").read_text()
    by_device(person, "me")
    wait_until(works, 2)


def test_an_integration_of_the_environment_renews(person, sim, start_mount):
    """It is told to the child that asks, and is in no environment."""
    person.config.unlink()
    secrets = {"CISCO_SPARK_CLIENT_ID": "sim-client", "CISCO_SPARK_CLIENT_SECRET": "sim-secret"}
    person.env.update(secrets)
    by_device(person, "me")
    mount = mount_of(start_mount, person, env=secrets)
    environment = pathlib.Path(f"/proc/{mount.pid}/environ").read_bytes()
    assert b"XDG_STATE_HOME=" in environment
    assert b"sim-secret" not in environment and b"alice" not in environment
    sim.create_room("Pier")
    sim.control("POST", "/tokens", {"token": person.record("me")["accessToken"], "valid": False})
    (mount / "spaces/Pier/post").write_text("renewed")
    assert len(sim.requests("POST", "/access_token")) == 1


def test_two_mounts_use_one_refresh(person, sim, start_mount):
    sim.control("POST", "/switches", {"refreshRotates": True})
    by_device(person, "me")
    sim.create_room("Pier")
    one = mount_of(start_mount, person)
    two = mount_of(start_mount, person, f"cache={person.home}/other")
    for n in range(3):
        old = person.record("me")
        sim.control("POST", "/tokens", {"token": old["accessToken"], "valid": False})
        threads = [threading.Thread(target=(m / "spaces/Pier/post").write_text, args=(f"{n}",))
                   for m in (one, two)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert person.record("me")["refreshToken"] != old["refreshToken"]
    assert len(sim.messages(sim.room("Pier")["id"])) == 6
    assert len(sim.requests("POST", "/access_token")) == 3


def test_an_upgrade_leaves_a_mount_as_it_is(person, sim, start_mount, tmp_path):
    """The program is replaced, then removed: the mount and the children it starts are what they were."""
    by_device(person, "me")
    program = tmp_path / "sparkfs"
    shutil.copy2(os.environ["SPARKFS"], program)
    room = sim.create_room("Pier")
    mount = mount_of(start_mount, person, "inotify", binary=str(program))
    assert "Pier" in mount.ls("spaces")
    upgraded = tmp_path / "sparkfs.dpkg-new"
    upgraded.write_text("#!/bin/sh\nexit 3\n")
    upgraded.chmod(0o755)
    for sheet, step in {"one": lambda: upgraded.rename(program), "two": program.unlink}.items():
        step()
        sim.control("POST", "/tokens", {"token": person.record("me")["accessToken"],
                                        "valid": False})
        (tmp_path / sheet).write_text(sheet)
        (mount / "spaces/Pier/post.json").write_text(json.dumps({"files": [str(tmp_path / sheet)]}))
    assert len(sim.requests("POST", "/access_token")) == 2
    assert [len(m["files"]) for m in sim.messages(room["id"])] == [1, 1]
    with subprocess.Popen(["inotifywait", "-q", str(mount / "spaces/Pier")]) as watcher:
        wait_until(lambda: run_cmd(["pgrep", "-P", str(mount.pid), "-f", "inotify-helper"]).out)
        watcher.terminate()
    assert mount.status()["login"] == "ok"


def test_by_a_proxy_and_an_own_authority(person, sim, start_mount, tmp_path):
    """Of the login by variables; of the mount by options, which its child has, too."""
    cert = certificate(tmp_path, "good", "IP:127.0.0.1")
    front, proxy = Front(sim.port, {"good": context(cert)}), WebProxy(user="ann:s3cret")
    url = f"https://127.0.0.1:{front.port}/v1"
    try:
        err = person.run("login", "--url", url, "--token", text="x", status=1)
        assert "certificate" in err.lower(), err
        by = {"https_proxy": f"http://ann:s3cret@127.0.0.1:{proxy.port}", "SSL_CERT_FILE": str(cert[0])}
        person.env.update(by)
        child = person.start("login", "--url", url, "--paste", "me")
        query = address_in(child, url + "/authorize?").partition("?")[2]
        where = decide(sim, f"{sim.base}/authorize?{query}").headers["Location"]
        end(child, 0, where + "\n")
        assert proxy.seen
        for name in by:
            del person.env[name]
        mount = mount_of(start_mount, person, f"cacert={cert[0]}", f"proxy={by['https_proxy']}")
        sim.create_room("Pier")
        sim.control("POST", "/tokens", {"token": person.record("me")["accessToken"], "valid": False})
        proxy.seen.clear()
        (mount / "spaces/Pier/post").write_text("by the proxy")
        # The child's connection is its own.
        assert len(sim.requests("POST", "/access_token")) == 2 and proxy.seen
        assert proxy.users == {"ann:s3cret"}
        mount.unmount()
    finally:
        front.close()
        proxy.close()


# ---- what gives a mount its token ----

def give(person, name, *args, status=0):
    return person.run("--give-token", name, *args, status=status).strip()


def refused(token):
    return "--not", hashlib.sha256(token.encode()).hexdigest()[:16]


def test_a_refused_token_is_refreshed(person, sim):
    by_device(person, "me")
    old = person.record("me")
    assert give(person, "me") == old["accessToken"]
    new = give(person, "me", *refused(old["accessToken"]))
    assert new != old["accessToken"] and person.record("me")["accessToken"] == new
    assert sim.me(new)["emails"] == ["alice@example.com"]
    # Somebody else was refused the old one, too: it is given the new one, without a request.
    refreshes = len(sim.requests("POST", "/access_token"))
    assert give(person, "me", *refused(old["accessToken"])) == new
    assert len(sim.requests("POST", "/access_token")) == refreshes
    # Many at once: one refresh.
    found = []
    threads = [threading.Thread(target=lambda: found.append(
        give(person, "me", *refused(new)))) for _ in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(set(found)) == 1 and found[0] != new
    assert len(sim.requests("POST", "/access_token")) == refreshes + 1


def test_a_token_is_refreshed_before_it_ends(person, sim):
    sim.control("POST", "/switches", {"tokenLife": 2})
    by_device(person, "me")
    old = person.record("me")["accessToken"]
    wait_until(lambda: give(person, "me") != old)
    # No network: the old one is given while it lives.
    sim.control("POST", "/switches", {"tokenLife": 3600})
    now = give(person, "me", *refused(person.record("me")["accessToken"]))
    record = person.record("me")
    record["accessSince"] -= 3599 * 1000
    record["accessUntil"] = int(time.time() * 1000) + 60000
    (person.folder / "me.json").write_text(json.dumps(record))
    sim.fault(method="POST", route="/access_token", status=503)
    assert give(person, "me") == now
    assert "cannot be refreshed now" in give(person, "me", *refused(now), status=75)
    assert "ended" not in person.record("me")
    sim.clear_faults()
    assert give(person, "me") != now


def test_the_end_of_a_login(person, sim):
    by_device(person, "me")
    token = person.record("me")["accessToken"]
    sim.control("DELETE", "/tokens")
    for _ in range(2):
        err = give(person, "me", *refused(token), status=3)
        assert "the login me has ended" in err and "sparkfs login me" in err
    # It was asked once; from then on only a new login helps.
    assert len(sim.requests("POST", "/access_token")) == 1
    assert person.accounts()[0]["ended"]
    by_device(person, "me")
    assert give(person, "me") != token
    person.login("--token", "portal", text="bob-token")
    assert "its token is dead" in give(person, "portal", *refused("bob-token"), status=3)
    assert "the login x: there is none" in give(person, "x", status=3)


def test_another_login_of_the_account(person, sim):
    """It is renewed while the one that is over seems to have a living token, and it is asked again later."""
    by_device(person, "me")
    by_device(person, "you")
    over, token = person.record("me"), person.record("you")["accessToken"]
    for kind in ("accessToken", "refreshToken"):
        sim.control("POST", "/tokens", {"token": over[kind], "valid": False})
    assert give(person, "me", *refused(over["accessToken"])) == token
    new = give(person, "me", *refused(token))
    assert new == person.record("you")["accessToken"] != token and sim.me(new)
    over = {**person.record("me"), "accessSince": 1, "accessUntil": 2}
    (person.folder / "me.json").write_text(json.dumps(over))
    sim.fault(method="POST", route="/access_token", status=503)
    assert "the login you cannot be refreshed now" in give(person, "me", *refused(new), status=75)


def test_another_integration_ends_no_login(person, sim):
    """Nor does a wrong secret: what is configured is mended, and the login goes on."""
    by_device(person, "me")
    token = person.record("me")["accessToken"]
    asked = len(sim.requests("POST", "/access_token"))
    person.integrate("other")
    assert "it is of the integration sim-client" in give(person, "me", *refused(token), status=75)
    assert len(sim.requests("POST", "/access_token")) == asked
    person.integrate(secret="wrong")
    assert "cannot be refreshed now" in give(person, "me", *refused(token), status=75)
    assert {p.name for p in person.folder.iterdir()} == {"me.json", "me.lock"}
    person.integrate()
    assert give(person, "me", *refused(token)) != token


def test_a_login_that_is_forgotten_while_somebody_waits_for_it(person, sim):
    """Whoever waited has not the lock of a login that was made anew meanwhile."""
    by_device(person, "me")
    token = person.record("me")["accessToken"]
    with open(person.folder / "me.lock", "r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        child = person.start("--give-token", "me", *refused(token))
        # The child's worker waits for the lock.
        wait_until(lambda: f":{os.fstat(lock.fileno()).st_ino} " in "".join(
            line for line in pathlib.Path("/proc/locks").read_text().splitlines(True)
            if "->" in line))
        os.unlink(person.folder / "me.lock")
        with open(person.folder / "me.lock", "x+b") as new:
            os.fchmod(new.fileno(), 0o600)
            fcntl.flock(new, fcntl.LOCK_EX)
            fcntl.flock(lock, fcntl.LOCK_UN)
            wait_until(lambda: f":{os.fstat(new.fileno()).st_ino} " in "".join(
                line for line in pathlib.Path("/proc/locks").read_text().splitlines(True)
                if "->" in line))
            assert not sim.requests("POST", "/access_token")
    assert end(child).strip() == person.record("me")["accessToken"] != token


def test_rotation_and_a_kill_in_between(person, sim):
    """The new refresh token is kept before anybody has the access token."""
    sim.control("POST", "/switches", {"refreshRotates": True})
    by_device(person, "me")
    for _ in range(3):
        old = person.record("me")
        give(person, "me", *refused(old["accessToken"]))
        assert person.record("me")["refreshToken"] != old["refreshToken"]
    # Whoever asked is killed while the service has not answered: the tokens are written all the same.
    old = person.record("me")
    sim.fault(method="POST", route="/access_token", delayMs=700, times=1)
    child = person.start("--give-token", "me", *refused(old["accessToken"]),
                         start_new_session=True)
    wait_until(lambda: sim.requests("POST", "/access_token")[-1]["endedMs"] is None)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    child.stderr.close()
    child.stdin.close()
    wait_until(lambda: person.record("me")["refreshToken"] != old["refreshToken"])
    assert sim.me(give(person, "me"))["emails"] == ["alice@example.com"]


def test_a_full_disk_loses_no_token(person, sim, tmp_path):
    """Without room for the answer the service is not asked."""
    by_device(person, "me")
    token = person.record("me")["accessToken"]
    asked = len(sim.requests("POST", "/access_token"))
    child = subprocess.run(
        ["bash", "-c", 'ulimit -f 8; exec "$@"', "bash", os.environ["SPARKFS"], "--give-token",
         "me", *refused(token)], env=person.env, capture_output=True, text=True, check=False)
    assert child.returncode != 0 and len(sim.requests("POST", "/access_token")) == asked
    assert give(person, "me") == token


def test_secrets_are_nowhere_else(person, sim):
    sim.fault(method="POST", route="/device/token", delayMs=1500, times=1)
    child = person.start("login", "--url", sim.base, "me")
    url = address_in(child, sim.origin + "/verify?userCode=")
    proc = pathlib.Path(f"/proc/{child.pid}")
    seen = (proc / "cmdline").read_bytes() + (proc / "environ").read_bytes()
    decide(sim, url)
    out = end(child)
    record = person.record("me")
    for secret in (record["accessToken"], record["refreshToken"], "sim-secret"):
        assert secret.encode() not in seen and secret not in out
