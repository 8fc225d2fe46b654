"""sparkfs login --keyring: a real Secret Service, locked, unlocked, hanging and gone."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import threading

import pytest

from lib.keyring import Bus, Keyring
from lib.person import SHORT, address_in, by_device, decide, end
from lib.util import wait_until
from test_accounts import give, refused

HELPER = os.environ["SPARKFS"] + "-keyring"
pytestmark = pytest.mark.sim("--data", "empty", *SHORT)


@pytest.fixture
def bus():
    bus = Bus()
    yield bus
    bus.close()


@pytest.fixture
def keyring(bus):
    keyring = Keyring(bus)
    yield keyring
    keyring.close()


@pytest.fixture
def person(person, bus):
    person.env["DBUS_SESSION_BUS_ADDRESS"] = bus.address
    return person


def secret(keyring, person, name):
    """The tokens of a login, as the item that its file names has them."""
    return json.loads(keyring.items()[person.record(name)["item"]])


def refreshes(sim):
    return len(sim.requests("POST", "/access_token"))


def test_where_it_is_kept(person, sim, keyring):
    assert "its tokens in the keyring" in by_device(person, "--keyring", "me")
    kept = secret(keyring, person, "me")
    text = (person.folder / "me.json").read_text()
    assert sim.me(kept["accessToken"])["emails"] == ["alice@example.com"] and kept["refreshToken"]
    assert "Token" not in text and person.record("me")["email"] == "alice@example.com"
    assert person.accounts()[0]["keptIn"] == "keyring" and "device, keyring" in person.run("accounts")
    assert give(person, "me").splitlines()[0] == kept["accessToken"]
    # A refresh changes the item, and no other is made.
    give(person, "me", *refused(kept["accessToken"]))
    new = secret(keyring, person, "me")
    assert new["accessToken"] != kept["accessToken"] and len(keyring.items()) == 1
    assert person.record("me")["accessUntil"] == new["accessUntil"]
    # Many at once: one refresh.
    asked, found = refreshes(sim), []
    threads = [threading.Thread(target=lambda: found.append(
        give(person, "me", *refused(new["accessToken"])))) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(set(found)) == 1 and refreshes(sim) == asked + 1
    # Who logs in again wants it where it was; the item of before goes, and what a killed login left.
    subprocess.run([HELPER, "set", str(person.folder), "me", "left"], input=b"x", env=person.env, check=True)
    by_device(person, "me")
    assert secret(keyring, person, "me") != new and len(keyring.items()) == 1
    assert "is the login of alice" in person.login("--token", "me", text="bob-token", status=1)
    person.login("--token", "--replace", "me", text="bob-token")
    assert secret(keyring, person, "me")["accessToken"] == "bob-token" and len(keyring.items()) == 1
    by_device(person, "--keyring", "you")
    by_device(person, "--no-keyring", "--replace", "me")
    assert person.record("me")["refreshToken"] and [*keyring.items()] == [person.record("you")["item"]]
    with open(person.folder / "me.json", "rb") as before:
        by_device(person, "--keyring", "me")
        # What was in the file is not on the disk for whoever looks into what is free.
        assert not before.read().strip(b"\0")
    assert len(keyring.items()) == 2
    # The folder's name is not what a login is found by.
    person.folder.parent.parent.rename(person.home / "moved")
    person.env["XDG_STATE_HOME"] = str(person.home / "moved")
    assert sim.me(give(person, "me").splitlines()[0])
    (person.home / "moved").rename(person.home / "state")
    person.env["XDG_STATE_HOME"] = str(person.home / "state")
    # Another folder's login of the same name is another.
    person.env["XDG_STATE_HOME"] += "/other"
    person.login("--token", "--keyring", "me", text="alice-token")
    person.run("logout", "me")
    person.env["XDG_STATE_HOME"] = person.env["XDG_STATE_HOME"][:-len("/other")]
    (person.folder / "you.json").write_text("{")
    for name in ("me", "you"):
        person.run("logout", name)
    assert keyring.items() == {} and person.accounts() == [] and not [*person.folder.iterdir()]


def test_a_keyring_that_cannot(person, sim, bus, keyring):
    """Nobody is asked for tokens that cannot be kept, or not be read."""
    by_device(person, "--keyring", "me")
    token = secret(keyring, person, "me")["accessToken"]
    begun, asked = len(sim.requests("POST", "/device/authorize")), refreshes(sim)

    def cannot(words):
        for args in (("login", "--url", sim.base, "--keyring", "new"), ("login", "--url", sim.base, "me"),
                     ("logout", "me")):
            err = person.run(*args, status=1)
            assert words in err and err.count("\n") == 1, err
        for args in ((), refused(token)):
            assert words in give(person, "me", *args, status=77)
        assert person.accounts()[0]["name"] == "me"

    other = person.home / "sparkfs"
    shutil.copy(os.environ["SPARKFS"], other)
    if not pathlib.Path("/usr/local/libexec/sparkfs-keyring").exists():
        child = subprocess.run([other, "login", "--keyring"], env=person.env, capture_output=True,
                               text=True, check=False)
        assert child.returncode == 1 and "sparkfs-keyring cannot be run" in child.stderr
    keyring.lock()
    with bus.listen() as heard:
        cannot("the keyring is locked")
    assert b"Secret" in heard() and b"Prompt" not in heard()
    keyring.kill()
    cannot("there is no keyring")
    person.env["DBUS_SESSION_BUS_ADDRESS"] = ""
    person.env["XDG_RUNTIME_DIR"] = str(person.home)
    if not pathlib.Path(f"/run/user/{os.geteuid()}/bus").exists():
        assert "there is no keyring" in give(person, "me", status=77)
    # A mount of fstab has no environment: the person's bus is found all the same.
    keyring.start()
    person.env["XDG_RUNTIME_DIR"] = str(bus.folder)
    assert give(person, "me").splitlines()[0] == token
    person.env["DBUS_SESSION_BUS_ADDRESS"] = f"unix:path={person.home}/nowhere"
    assert "the keyring failed" in give(person, "me", status=77)
    person.env["DBUS_SESSION_BUS_ADDRESS"] = bus.address
    assert (len(sim.requests("POST", "/device/authorize")), refreshes(sim)) == (begun, asked)
    assert "ended" not in person.record("me")
    # Somebody else removed it.
    keyring.remove_items()
    err = give(person, "me", status=3)
    assert "does not have its tokens any more" in err and "sparkfs login" in err
    subprocess.run([HELPER, "set", str(person.folder), "me", person.record("me")["item"]], input=b"{}",
                   env=person.env, check=True)
    err = give(person, "me", status=3)
    assert "is not its tokens" in err and "sparkfs login" in err
    # In both cases another login of the account serves.
    person.login("--token", "you", text="alice-token")
    assert give(person, "me") == "alice-token"
    keyring.remove_items()
    assert give(person, "me") == "alice-token"
    person.run("logout", "you")
    by_device(person, "me")
    give(person, "me")


def test_a_keyring_that_hangs(person, sim, keyring):
    by_device(person, "--keyring", "me")
    if os.environ.get("HURRY_LIBRARY"):
        person.env.update(LD_PRELOAD=os.environ["HURRY_LIBRARY"], HURRY="5")
        person.env["ASAN_OPTIONS"] += ":verify_asan_link_order=0"
    keyring.pause(True)
    assert "the keyring does not answer" in give(person, "me", status=77)
    keyring.pause(False)
    assert give(person, "me")


def test_a_keyring_that_is_locked_during_a_refresh(person, sim, keyring):
    """What may be the only good refresh token is in the file until the keyring takes it."""
    by_device(person, "--keyring", "me")
    old = secret(keyring, person, "me")

    def refresh(happens):
        """Something happens to the keyring while the service answers."""
        token = secret(keyring, person, "me")["accessToken"]
        asked = refreshes(sim)
        sim.fault(method="POST", route="/access_token", delayMs=300, times=1)
        child = person.start("--give-token", "me", *refused(token))
        wait_until(lambda: refreshes(sim) > asked)
        happens()
        out, err = child.communicate()
        assert child.returncode == 0 and "keyring" in err
        return out.splitlines()[0]

    # The refresh token is the same one: it lies in the keyring already, and nothing in a file.
    new = refresh(keyring.lock)
    assert sim.me(new) and new != old["accessToken"]
    assert "Token" not in (person.folder / "me.json").read_text()
    keyring.unlock()
    assert secret(keyring, person, "me") == old
    sim.control("POST", "/switches", {"refreshRotates": True})
    new = refresh(keyring.lock)
    kept = person.record("me")
    assert kept["accessToken"] == new and kept["refreshToken"] != old["refreshToken"]
    assert "waits" in person.accounts()[0] and "keyring (waits)" in person.run("accounts")
    # Meanwhile it serves, but is not refreshed: that would not be kept either.
    asked = refreshes(sim)
    assert give(person, "me").splitlines()[0] == new
    assert "the keyring is locked" in give(person, "me", *refused(new), status=77)
    assert refreshes(sim) == asked
    keyring.unlock()
    assert give(person, "me").splitlines()[0] == new
    assert "Token" not in (person.folder / "me.json").read_text()
    assert secret(keyring, person, "me")["refreshToken"] == kept["refreshToken"]
    assert "waits" not in person.accounts()[0]
    give(person, "me", *refused(new))
    assert refreshes(sim) == asked + 1 and len(keyring.items()) == 1
    new = refresh(keyring.kill)
    assert person.record("me")["accessToken"] == new
    keyring.start()
    give(person, "me")
    assert secret(keyring, person, "me")["accessToken"] == new and len(keyring.items()) == 1


def mount_of(start_mount, person, *options, **more):
    return start_mount(None, *options, token=None, state=person.home,
                       env={"DBUS_SESSION_BUS_ADDRESS": person.env["DBUS_SESSION_BUS_ADDRESS"]}, **more)


def test_a_mount(person, sim, keyring, start_mount):
    """Without libsecret or a bus in its process; locked, unlocked and renewed."""
    by_device(person, "--keyring", "me")
    keyring.lock()
    # Its account is not known yet: another try may help, a login does not.
    path = person.home / "nowhere"
    path.mkdir()
    assert "the keyring is locked" in person.run(str(path), status=1)
    # That status is no word of somebody else's command.
    person.run("-o", f"url={sim.base},token_command=exit 77", str(path), status=3)
    keyring.unlock()
    room = sim.create_room("Pier")
    sim.post(room["id"], "low tide")
    mount = mount_of(start_mount, person, hurry=5)
    assert "low tide" in (mount / "spaces/Pier/transcript.log").read_text()
    assert "libsecret" not in pathlib.Path(f"/proc/{mount.pid}/maps").read_text()
    token = secret(keyring, person, "me")["accessToken"]
    keyring.lock()
    asked = refreshes(sim)
    (mount / "spaces/Pier/post").write_text("the token lives on")
    sim.control("POST", "/tokens", {"token": token, "valid": False})
    with pytest.raises(PermissionError):
        (mount / "spaces/Pier/post").write_text("lost?")
    assert "the keyring is locked" in (mount / ".sparkfs/last-error").read_text()
    assert "the keyring is locked" in json.dumps(mount.status())
    assert "low tide" in (mount / "spaces/Pier/transcript.log").read_text()
    assert refreshes(sim) == asked
    keyring.unlock()

    def works():
        (mount / "spaces/Pier/post").write_text("high tide")
        return True
    wait_until(works)
    assert refreshes(sim) == asked + 1
    mount.unmount()
    # Its account is known: what is known is shown, and it goes on by itself.
    sim.control("POST", "/switches", {"tokenLife": 4})
    by_device(person, "me")
    keyring.lock()
    mount = mount_of(start_mount, person, hurry=5)
    assert "high tide" in (mount / "spaces/Pier/transcript.log").read_text()
    assert mount.status()["login"] == "needed"
    keyring.unlock()
    wait_until(lambda: mount.status()["login"] == "ok")
    # The token is old, and nothing is asked for that could not be kept. It serves, and that is said.
    wait_until(works)
    keyring.lock()
    wait_until(lambda: "could not be read again: the login me: the keyring is locked"
               in (mount / ".sparkfs/log").read_text())
    asked = refreshes(sim)
    said = (mount / ".sparkfs/last-error").read_text()
    assert "the keyring is locked; once the keyring gives the tokens" in said
    assert mount.status()["login"] == "ok"
    keyring.unlock()
    wait_until(lambda: works() and refreshes(sim) > asked)
    assert (mount / ".sparkfs/last-error").read_text() != said


def test_secrets_are_nowhere_else(person, sim, bus, keyring):
    """Not in what can be seen of the processes, and no file has them."""
    seen = b""
    sim.fault(method="POST", route="/device/token", delayMs=300, times=1)
    child = person.start("login", "--url", sim.base, "--keyring", "me")
    decide(sim, address_in(child, sim.origin + "/verify?userCode="))
    keyring.pause(True)
    # The helper waits for the keyring, with the secret.
    helper = wait_until(lambda: subprocess.run(
        ["pgrep", "-P", str(child.pid), "-x", "sparkfs-keyring"], capture_output=True, text=True,
        check=False).stdout.split())[0]
    for name in ("cmdline", "environ"):
        seen += pathlib.Path(f"/proc/{helper}/{name}").read_bytes()
    limits = pathlib.Path(f"/proc/{helper}/limits")
    wait_until(lambda: re.search(r"Max core file size +0 +0 ", limits.read_text()))
    with bus.listen() as heard:
        keyring.pause(False)
        seen += end(child).encode()
        assert sim.me(give(person, "me").splitlines()[0])
    assert b"CreateItem" in heard()
    seen += heard()
    kept = secret(keyring, person, "me")
    for token in (kept["accessToken"], kept["refreshToken"], "sim-secret"):
        assert token.encode() not in seen
        if token != "sim-secret":
            assert not [p for p in person.home.rglob("*")
                        if p.is_file() and token.encode() in p.read_bytes()]
