"""The tokens of a login are renewed before they end: nobody meets a 401, whatever the clocks, the disk
and the network do meanwhile."""
import os
import pathlib
import signal
import struct
import subprocess
import threading
import time

import pytest

from lib.person import SHORT, by_device
from lib.util import scaled, wait_until
from test_accounts import give, mount_of, refused
from test_login import events


pytestmark = pytest.mark.sim("--data", "empty", *SHORT)
LIFE_S = 3
DAY_MS = 86400000


def asked(sim):
    return len(sim.requests("POST", "/access_token"))


def met_401(sim):
    return [r for r in sim.log() if r["status"] == 401]


def meddled(person, args, **env):
    """Runs sparkfs on a system that goes wrong (meddle.c)."""
    libraries = [os.environ["MEDDLE_LIBRARY"]]
    if "HURRY" in env:
        libraries.append(os.environ["HURRY_LIBRARY"])
    env = {k: str(v) for k, v in env.items()}
    asan = person.env.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
    return subprocess.run([os.environ["SPARKFS"], *args],
                          env={**person.env, "LD_PRELOAD": ":".join(libraries), "ASAN_OPTIONS": asan,
                               **env},
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                          timeout=scaled(60))


def old(token):
    return "--old", refused(token)[1]


def revoke(sim, token):
    sim.control("POST", "/tokens", {"token": token, "valid": False})


# ---- in time ----

def test_nobody_sees_the_end_of_a_token(person, sim, start_mount):
    """Two mounts read, post and download over several lives: one request for each refresh, and no 401."""
    sim.control("POST", "/switches", {"tokenLife": LIFE_S, "refreshRotates": True})
    by_device(person, "me")
    pier = sim.create_room("Pier")
    data = bytes(range(256)) * 400
    sim.upload(pier["id"], "tide.bin", data)
    mounts = [mount_of(start_mount, person, "rate=off"),
              mount_of(start_mount, person, "rate=off", f"cache={person.home}/other")]
    sim.clear_log()
    sim.fault(route="/contents", slowBytesPerSec=len(data) // (3 * LIFE_S))
    errors, posted = [], []
    began = time.monotonic()

    def work(what):
        try:
            what()
        except (OSError, AssertionError) as e:
            errors.append(e)

    def download():
        assert (mounts[0] / "spaces/Pier/files/tide.bin").read_bytes() == data

    def post():
        while time.monotonic() < began + 2.6 * LIFE_S:
            for n, mount in enumerate(mounts):
                text = f"{n} {len(posted)}"
                (mount / "spaces/Pier/post").write_text(text)
                posted.append(text)
                mount.ls("spaces/Pier/members")
            time.sleep(0.1)
    threads = [threading.Thread(target=work, args=(f,)) for f in (download, post)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors
    assert not met_401(sim)
    starts = [r["startedMs"] for r in sim.requests("POST", "/access_token")]
    # What the service says of a life are whole seconds, rounded down.
    assert len(starts) >= 3 and min(b - a for a, b in zip(starts, starts[1:])) > 700 * (LIFE_S - 1)
    assert [m["text"] for m in sim.messages(pier["id"]) if not m.get("files")] == posted[::-1]
    assert all(m.status()["login"] == "ok" for m in mounts)
    assert not any((m / ".sparkfs/last-error").read_text() for m in mounts)


def test_the_same_token_again_is_no_error_and_no_loop(person, sim, start_mount):
    sim.control("POST", "/switches", {"tokenLife": LIFE_S, "refreshUnchanged": True})
    by_device(person, "me")
    pier = sim.create_room("Pier")
    mount = mount_of(start_mount, person, "rate=off")
    began, n = time.monotonic(), 0
    while time.monotonic() < began + 1.3 * LIFE_S:
        (mount / "spaces/Pier/post").write_text(f"{n}")
        n += 1
        time.sleep(0.1)
    assert len(sim.messages(pier["id"])) == n
    # One early that brings nothing, and one at the end.
    lives = (time.monotonic() - began) / LIFE_S
    assert 1 <= asked(sim) <= 3 * lives + 2
    # A 401 that the service does not mean: it says again that the token is the one to use.
    sim.control("POST", "/switches", {"tokenLife": 3600, "refreshUnchanged": False})
    give(person, "me", *refused(person.record("me")["accessToken"]))
    sim.control("POST", "/switches", {"refreshUnchanged": True})
    (mount / "spaces/Pier/post").write_text("the new one")
    sim.fault(method="POST", route="/messages", status=401, times=1)
    (mount / "spaces/Pier/post").write_text("not meant")
    assert sim.messages(pier["id"])[0]["text"] == "not meant"
    # One that it means: it is asked once, however many want to know.
    sim.fault(status=401, route="/people/me")
    sim.fault(status=401, route="/messages")
    asked_before = asked(sim)
    token = person.record("me")["accessToken"]
    for _ in range(3):
        assert give(person, "me", *refused(token)) == token
    with pytest.raises(PermissionError):
        (mount / "spaces/Pier/post").write_text("refused")
    assert asked(sim) - asked_before <= 1


# ---- clocks ----

class Clocks:
    """The clocks of a mount and of its children (meddle.c), and the server's."""

    def __init__(self, path, sim):
        self.path, self.sim = path, sim
        self.ahead = self.suspended = 0
        self.write()

    def write(self):
        # In place: the programs have it mapped.
        with open(self.path, "r+b" if self.path.exists() else "xb") as f:
            f.write(struct.pack("=qq", self.ahead, self.suspended))

    def suspend(self, ms):
        self.sim.control("POST", "/clock", {"advanceMs": ms})
        self.suspended += ms
        self.write()

    def set_wall(self, ahead):
        self.ahead = ahead
        self.write()


def test_clocks(person, sim, start_mount, tmp_path):
    """Suspends are part of a life, over its end, too; a wall clock that is set is not, and makes no loop."""
    by_device(person, "me")
    pier = sim.create_room("Pier")
    clocks = Clocks(tmp_path / "clocks", sim)
    meddle = {"preload": os.environ["MEDDLE_LIBRARY"], "env": {"MEDDLE_CLOCKS": str(clocks.path)}}
    mount = mount_of(start_mount, person, **meddle)
    posted = []

    def post():
        posted.append(f"{len(posted)}")
        (mount / "spaces/Pier/post").write_text(posted[-1])

    def in_use():
        return mount.log_path.read_text().count("another access token")

    def renews(n, *steps):
        """Of all that is done one thing costs a refresh, or none does."""
        before, record, used = asked(sim), person.record("me"), in_use()
        for step in steps:
            step()
            post()
        wait_until(lambda: asked(sim) == before + n and (not n or person.record("me") != record))
        # What suspends next is to find nobody who has it and does not use it yet.
        wait_until(lambda: in_use() == used + n)
        record = person.record("me")
        for _ in range(3):
            post()
        assert asked(sim) == before + n and person.record("me") == record
    renews(0)
    renews(1, lambda: clocks.suspend(13 * DAY_MS))
    renews(1, lambda: clocks.suspend(15 * DAY_MS))
    renews(1, lambda: clocks.suspend(400 * DAY_MS // 5))
    # Hours and years, forwards and backwards.
    for ahead in (DAY_MS // 4, -DAY_MS // 4, 3650 * DAY_MS, -3650 * DAY_MS, 0):
        renews(0, lambda: clocks.set_wall(ahead))  # pylint: disable=cell-var-from-loop
        renews(1, lambda: clocks.suspend(13 * DAY_MS))
    mount.unmount()
    # A mount that begins has the login's times alone. Those that cannot be right cost one refresh.
    for ahead, cost in ((3650 * DAY_MS, 1), (0, 1), (-DAY_MS, 0), (0, 0)):
        clocks.set_wall(ahead)
        for n in (cost, 0):
            before = asked(sim)
            mount = mount_of(start_mount, person, **meddle)
            post()
            assert asked(sim) == before + n, ahead
            mount.unmount()
    assert not met_401(sim)
    assert [m["text"] for m in sim.messages(pier["id"])] == posted[::-1]


def test_a_suspend_is_no_time_of_a_command(sim, start_mount, tmp_path):
    """Who sleeps with the machine is not killed for that when it wakes."""
    sim.create_room("Pier")
    clocks = Clocks(tmp_path / "clocks", sim)
    command = tmp_path / "command"
    command.write_text(f"""cd {tmp_path}
if [ -e again ]; then touch begun; until [ -e go ]; do sleep 0.01; done; echo alice-new; else echo alice-token; fi
""")
    mount = start_mount(sim, f"token_command=sh {command}", token=None, preload=os.environ["MEDDLE_LIBRARY"],
                        env={"MEDDLE_CLOCKS": str(clocks.path)})
    (tmp_path / "again").touch()
    sim.control("POST", "/tokens", {"token": "alice-new", "person": "alice@example.com"})
    sim.control("POST", "/tokens", {"token": "alice-token", "valid": False})
    post = subprocess.Popen(["sh", "-c", "echo low tide > spaces/Pier/post"], cwd=mount.path)
    wait_until((tmp_path / "begun").exists)
    clocks.suspended += DAY_MS
    clocks.write()
    (tmp_path / "go").touch()
    wait_until(lambda: "another access token" in mount.log_path.read_text())
    assert "no end after" not in mount.log_path.read_text()
    post.wait(timeout=scaled(20))


# ---- the disk ----

def keepers(token):
    """Processes that have what the disk did not take."""
    name = refused(token)[1].encode()
    return [int(p.parent.name) for p in pathlib.Path("/proc").glob("[0-9]*/cmdline")
            if name in read(p) and b"--give-token" in read(p)]


def read(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_a_disk_that_fills_after_all(person, sim, tmp_path):
    """What the service gave is used from memory, and written later; another login comes before it."""
    sim.control("POST", "/switches", {"refreshRotates": True})
    by_device(person, "me")
    full = tmp_path / "full"

    def refresh_on_full_disk():
        before = person.record("me")
        full.touch()
        child = meddled(person, ["--give-token", "me", *refused(before["accessToken"])],
                        MEDDLE_FULL=full, HURRY=60)
        assert child.returncode == 0 and "cannot be written" in child.stderr
        assert "used from memory" in child.stderr and child.stderr.count("\n") == 1
        token = child.stdout.strip()
        assert sim.me(token) and token != before["accessToken"] and person.record("me") == before
        return token, before["accessToken"]
    token, before = refresh_on_full_disk()
    # Nobody uses the old refresh token meanwhile, which is dead.
    n = asked(sim)
    assert "cannot be written yet" in give(person, "me", *refused(before), status=75)
    assert asked(sim) == n and len(keepers(before)) == 1
    full.unlink()
    wait_until(lambda: person.record("me")["accessToken"] == token)
    wait_until(lambda: not keepers(before))
    give(person, "me", *refused(token))
    token, before = refresh_on_full_disk()
    by_device(person, "me")
    kept = person.record("me")
    full.unlink()
    wait_until(lambda: not keepers(before))
    assert person.record("me") == kept and sim.me(give(person, "me"))
    # Killed instead, it leaves what it could not write, or the old one is tried.
    token, before = refresh_on_full_disk()
    for pid in keepers(before):
        os.kill(pid, signal.SIGKILL)
    assert "has ended" in give(person, "me", *refused(before), status=3)


# ---- the network ----

def test_a_token_endpoint_that_is_away_needs_no_login(person, sim, start_mount):
    by_device(person, "me")
    pier = sim.create_room("Pier")
    sim.post(pier["id"], "low tide")
    mount = mount_of(start_mount, person)
    assert "low tide" in (mount / "spaces/Pier/transcript.log").read_text()
    sim.fault(method="POST", route="/access_token", status=503)
    revoke(sim, person.record("me")["accessToken"])
    with pytest.raises(OSError) as e:
        (mount / "spaces/Pier/post").write_text("later")
    assert not isinstance(e.value, PermissionError)
    said = (mount / ".sparkfs/last-error").read_text()
    assert "cannot be refreshed now" in said and "sparkfs login" not in said, said
    assert mount.status()["login"] != "needed"
    assert "low tide" in (mount / "spaces/Pier/transcript.log").read_text()
    assert not events(mount)
    sim.clear_faults()
    wait_until(lambda: (mount / "spaces/Pier/post").write_text("high tide"))
    assert [m["text"] for m in sim.messages(pier["id"])] == ["high tide", "low tide"]


def test_a_login_that_ends_before_its_token(person, sim, start_mount):
    """The token serves to its end, and last-error says what is to come; then the login is needed at once."""
    sim.control("POST", "/switches", {"tokenLife": LIFE_S})
    by_device(person, "me")
    pier = sim.create_room("Pier")
    mount = mount_of(start_mount, person)
    (mount / "spaces/Pier/post").write_text("0")
    assert "0" in (mount / "spaces/Pier/transcript.log").read_text()
    revoke(sim, person.record("me")["refreshToken"])
    wait_until(lambda: "ended" in person.record("me"))
    wait_until(lambda: "has ended" in (mount / ".sparkfs/last-error").read_text())
    wait_until(lambda: mount.status()["login"] == "needed")
    n = asked(sim)
    assert events(mount) == ["login-needed"] and not met_401(sim)
    with pytest.raises(PermissionError):
        (mount / "spaces/Pier/post").write_text("1")
    assert "0" in (mount / "spaces/Pier/transcript.log").read_text()
    assert asked(sim) == n == 1
    # A login of the account by any name serves each of its mounts, now and when that one's time comes.
    by_device(person)
    wait_until(lambda: mount.status()["login"] == "ok", 2)
    (mount / "spaces/Pier/post").write_text("2")
    wait_until(lambda: asked(sim) == n + 1)
    (mount / "spaces/Pier/post").write_text("3")
    assert [m["text"] for m in sim.messages(pier["id"])] == ["3", "2", "0"]
    assert mount.status()["login"] == "ok" and events(mount) == ["login-needed", "login-ok"]
