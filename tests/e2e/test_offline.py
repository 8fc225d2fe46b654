"""The server is gone, or silent, and comes back."""
import json
import os
import shutil
import signal
import time

import pytest

from lib.tree import (FIXED, Timed, asked, check_sizes, error_of, files_below, messages_in,
                      parallel, read, txt_name)
from lib.util import wait_until

BUOY = "Harbour buoy project"
# What the network says; never "not found" or "permission denied".
NETWORK = {"ECONNREFUSED", "ECONNRESET", "ENETUNREACH", "EHOSTUNREACH", "ETIMEDOUT"}


def freeze(sim):
    """The server says nothing any more, as behind a dead link. It still takes connections."""
    sim.process.send_signal(signal.SIGSTOP)
    # Each thread stops by itself: until the last one has, a request may still be answered.
    tasks = f"/proc/{sim.process.pid}/task"
    wait_until(lambda: all(state_of(f"{tasks}/{t}") in "Tt" for t in os.listdir(tasks)), 10)


def state_of(task):
    with open(f"{task}/stat", encoding="utf-8") as f:
        return f.read().rpartition(")")[2].split()[0]


def thaw(sim):
    sim.process.send_signal(signal.SIGCONT)


@pytest.fixture
def thawed(sim):
    yield
    if sim.process.poll() is None:
        thaw(sim)


def look_at(mount):
    """Caches a part of the tree and returns what is in it."""
    mount.ls("direct")
    space = mount.space(BUOY)
    seen = {n: read(space / n) for n in messages_in(space)}
    mount.ls(f"spaces/{BUOY}/members")
    read(mount / "people/bob@example.com.json")
    os.readlink(mount / "direct/bob@example.com")
    return seen


def check_cached(mount, seen):
    """All of it is still there, quickly."""
    space = mount.space(BUOY)
    with Timed(4, "what is cached"):
        assert len(mount.ls("spaces")) == 11 and len(mount.ls("direct")) == 5
        assert messages_in(space) == sorted(seen)
        for name, data in seen.items():
            assert read(space / name) == data
            assert read(space / (name[:-4] + ".json"))
        assert mount.ls(f"spaces/{BUOY}/members")
        assert json.loads(read(space / "members/bob@example.com"))["personEmail"]
        assert json.loads(read(mount / "people/me.json"))["emails"] == ["alice@example.com"]
        assert json.loads(read(mount / "people/bob@example.com.json"))["id"]
        assert json.loads(read(space / "space.json"))["title"] == BUOY
        assert read(space / "transcript.log").count(b"\n") >= len(seen)
        assert os.path.exists(space / "last")
        assert os.readlink(mount / "direct/bob@example.com") == "Bob Keller"


def check_uncached(mount, seconds, errors=frozenset(NETWORK)):
    """What was never seen fails by the network's error, and in time."""
    things = [lambda: mount.ls("spaces/Firmware"),
              lambda: mount.ls("spaces/Lunch/members"),
              lambda: os.stat(mount.space("Reading circle") / "2026-01-01T00-00-00.000Z_a.txt"),
              lambda: read(mount / "people/carol@example.com.json"),
              lambda: mount.ls("direct/frank@example.com"),
              lambda: read(mount / "spaces/Service visits/transcript.log")]
    with Timed(seconds, "what is not cached"):
        results = parallel(lambda i: error_of(things[i]), range(len(things)))
    found = [r for r, _e in results]
    assert set(found) <= errors, found


def test_the_server_goes_and_comes_back(sim, mount):
    seen = look_at(mount)
    sim.kill()
    check_cached(mount, seen)
    check_uncached(mount, 6)
    check_cached(mount, seen)
    now = mount.status()
    assert now["online"] is False and now["offlineSince"]
    assert b"refused" in read(mount / ".sparkfs/last-error")
    # It failed a moment ago: a thousand others need not find that out one by one.
    with Timed(2):
        for _ in range(50):
            assert error_of(mount.ls, "spaces/Firmware") in NETWORK
    sim.start()
    wait_until(lambda: len(messages_in(mount.space("Firmware"))) > 10, 15)
    wait_until(lambda: mount.ls("spaces/Lunch/members"), 15)
    wait_until(lambda: read(mount / "people/carol@example.com.json"), 15)
    now = mount.status()
    assert now["online"] is True and now["offlineSince"] is None
    new = sim.post(sim.room("Firmware")["id"], "we are back", token="bob-token")
    wait_until(lambda: txt_name(new) in messages_in(mount.space("Firmware")), 15)


@pytest.mark.mount("timeout=2")
def test_a_silent_server_times_out(sim, mount, thawed):
    seen = look_at(mount)
    freeze(sim)
    # A list that is old is asked for, for a third of a second, and then shown as it is.
    check_cached(mount, seen)
    check_uncached(mount, 4, {"ETIMEDOUT"})
    check_cached(mount, seen)
    assert b"timed out" in read(mount / ".sparkfs/last-error").lower()
    thaw(sim)
    wait_until(lambda: len(messages_in(mount.space("Firmware"))) > 10, 15)


@pytest.mark.mount("timeout=1")
def test_the_time_limit_is_the_configured_one(sim, mount, thawed):
    mount.ls("spaces")
    freeze(sim)
    with Timed(2.5) as timed:
        assert error_of(mount.ls, "spaces/Firmware") == "ETIMEDOUT"
    assert timed.seconds > 0.5


@pytest.mark.mount("timeout=4")
def test_a_server_that_dies_under_a_reader(sim, mount):
    mount.ls("spaces")
    sim.fault(method="GET", route="/messages", hang=True)
    waiting = mount.space("Firmware")
    results = []

    def reader(_):
        results.append(error_of(os.listdir, waiting))

    def killer(_):
        wait_until(lambda: sim.control("GET", "/health")["parked"] == 1, 10)
        sim.kill()
    with Timed(20):
        parallel(lambda f: f(0), [reader, killer])
    assert results[0] in NETWORK


def test_a_restarted_server_is_no_error(sim, mount):
    """Connections that were kept alive are dead; nobody sees it."""
    for title in ("Firmware", "Lunch", BUOY, "Support desk"):
        mount.ls("spaces")
        sim.kill()
        sim.start()
        assert mount.ls("spaces/" + title + "/members")


# Mounting without a server.


def test_a_known_account_mounts_without_the_server(sim, start_mount):
    first = start_mount(sim)
    seen = look_at(first)
    numbers = {p: st.st_ino for p, st in files_below(first.space(BUOY))}
    first.unmount()
    sim.kill()
    with Timed(10, "mounting"):
        second = start_mount(sim, state=first.state)
    wait_until(lambda: "showing what is known of alice@example.com" in second.output)
    check_cached(second, seen)
    check_uncached(second, 6)
    for path, st in files_below(second.space(BUOY)):
        same = str(path).replace(str(second.path), str(first.path))
        assert numbers[same] == st.st_ino, path
    assert error_of(lambda: open(second.space(BUOY) / "post", "w")) in NETWORK
    assert second.status()["online"] is False
    assert b"showing what is known" in read(second / ".sparkfs/log")
    sim.start()
    wait_until(lambda: len(messages_in(second.space("Firmware"))) > 10, 15)
    assert second.status()["online"] is True
    # And the account is known again.
    second.run("echo back again > post", cwd=second.space("Firmware"), check=True)
    assert sim.messages(sim.room("Firmware")["id"])[0]["text"] == "back again"


def test_a_known_account_mounts_with_a_silent_server(sim, start_mount, thawed):
    first = start_mount(sim)
    seen = look_at(first)
    first.unmount()
    freeze(sim)
    with Timed(12, "mounting"):
        second = start_mount(sim, "timeout=2", state=first.state)
    check_cached(second, seen)
    thaw(sim)


@pytest.mark.parametrize("fault", [{"malformed": True}, {"html": True}, {"status": 503}])
def test_a_known_account_mounts_where_a_page_answers_for_the_server(sim, start_mount, fault):
    """A hotel's page, a gateway's bad moment."""
    mount = start_mount(sim)
    seen = look_at(mount)
    mount.unmount()
    sim.fault(route="/people/me", **fault)
    again = start_mount(sim, state=mount.state)
    wait_until(lambda: "showing what is known of alice@example.com" in again.output)
    check_cached(again, seen)


def test_an_unknown_account_does_not_mount_without_the_server(sim, start_mount):
    mount = start_mount(sim)
    mount.unmount()
    sim.kill()
    with pytest.raises(RuntimeError, match="ended with 1"):
        start_mount(sim)
    # Another token is another person, until the server says otherwise.
    with pytest.raises(RuntimeError, match="ended with 1"):
        start_mount(sim, state=mount.state, token="bob-token")


def test_a_wrong_token_is_not_a_broken_network(sim, start_mount):
    """The server is there and says 401: what is cached is shown to whom it belonged to, and to nobody
    who comes with another dead token."""
    mount = start_mount(sim)
    seen = look_at(mount)
    mount.unmount()
    sim.control("POST", "/tokens", {"token": "alice-token", "valid": False})
    with pytest.raises(RuntimeError, match="ended with 3"):
        start_mount(sim, state=mount.state, token="dead-token")
    again = start_mount(sim, state=mount.state)
    check_cached(again, seen)
    check_uncached(again, 6, {"EACCES"})


# Never partial.


@pytest.mark.skipif(not shutil.which("rsync"), reason="needs rsync")
def test_rsync_delete_never_wipes_a_backup(sim, start_mount, tmp_path):
    first = start_mount(sim)
    first.run(["rsync", "-a", "spaces", str(tmp_path / "backup")], check=True)
    before = sorted(p for p, _st in files_below(tmp_path / "backup"))
    first.unmount()
    for cold in (False, True):
        second = start_mount(sim, state=None if cold else first.state)
        if cold:
            second.ls("spaces")
        sim.kill()
        done = second.run(["rsync", "-a", "--delete", "spaces", str(tmp_path / "backup")],
                          timeout=60)
        assert (done.status != 0) == cold, done
        assert sorted(p for p, _st in files_below(tmp_path / "backup")) == before
        second.unmount()
        sim.start()


@pytest.mark.sim("--data", "empty", "--spaces", 60, "--messages", 3)
def test_a_walk_without_network_does_not_take_hours(sim, mount):
    """Sixty spaces never read: each of them fails, but not each after its own attempts."""
    mount.ls("spaces")
    sim.kill()
    with Timed(12, "find"):
        done = mount.run("find spaces -mindepth 2 -name '*.txt'", timeout=60)
    assert done.lines() == [] and done.status == 1
    assert len(done.err.splitlines()) == 60


def test_nothing_is_listed_that_is_not_known(sim, start_mount):
    """A cold mount whose server is gone: no empty directories."""
    mount = start_mount(sim)
    sim.kill()
    for name in ("spaces", "direct", "teams", ".sparkfs/views"):
        assert error_of(mount.ls, name) in NETWORK, name
    assert error_of(os.stat, mount.space("Lunch")) in NETWORK
    assert mount.ls() == ["README", "api", "direct", "events", "mentions", "people",
                          "spaces", "teams", "webhooks"]
    done = mount.run("find . > /dev/null", timeout=30)
    assert done.status == 1 and len(done.err.splitlines()) == 4


# Where the cache is.


@pytest.mark.mount("cache=memory")
def test_cache_in_memory(sim, mount, start_mount):
    seen = look_at(mount)
    check_sizes(mount.space(BUOY))
    assert not [p for p, st in files_below(mount.state / "cache") if os.path.isfile(p)]
    sim.kill()
    check_cached(mount, seen)
    check_uncached(mount, 6)
    mount.unmount()
    with pytest.raises(RuntimeError, match="ended with 1"):
        start_mount(sim, "cache=memory", state=mount.state)


@pytest.mark.mount(hurry=20)
def test_an_address_never_written_to(sim, mount):
    """That there is no space with it yet is known, long after the kernel has forgotten the name."""
    names = [f"{name}@example.com" for name in ("frank", "nobody", "Nobody")]
    for name in names:
        assert "post" in mount.ls(f"direct/{name}")
    mount.forget()
    # A number that nobody refers to stays for ten seconds, and goes when another is made.
    time.sleep(11 / mount.rate)
    mount.ls("direct/grace@example.com")
    sim.stop()
    for name in names:
        assert "post" in mount.ls(f"direct/{name}")
    assert error_of(lambda: mount.ls("direct/heidi@example.com")) in NETWORK


def test_cache_in_a_directory(sim, start_mount, tmp_path):
    first = start_mount(sim, f"cache={tmp_path}/elsewhere")
    seen = look_at(first)
    assert not [p for p, _st in files_below(first.state / "cache") if os.path.isfile(p)]
    assert [p for p, _st in files_below(tmp_path / "elsewhere") if os.path.isfile(p)]
    for path, st in files_below(tmp_path / "elsewhere"):
        assert not st.st_mode & 0o077, path
    first.unmount()
    sim.kill()
    second = start_mount(sim, f"cache={tmp_path}/elsewhere", state=first.state)
    check_cached(second, seen)


def test_cached_files_are_private(mount):
    look_at(mount)
    found = [p for p, _st in files_below(mount.state / "cache")]
    assert found
    for path, st in files_below(mount.state):
        if st.st_mode & 0o077:
            # The harness made these.
            assert os.path.dirname(path) == str(mount.state), path
    for path in found:
        if os.path.isfile(path):
            with open(path, "rb") as f:
                assert b"alice-token" not in f.read(), path


def test_a_second_mount_of_the_account_is_refused(sim, start_mount, tmp_path):
    first = start_mount(sim)
    with pytest.raises(RuntimeError) as refused:
        start_mount(sim, state=first.state)
    assert "ended with 1" in str(refused.value)
    assert f"already mounted at {first.path}" in str(refused.value)
    # It is said how to have it all the same; other people are other accounts.
    assert "-o cache=DIR" in str(refused.value)
    third = start_mount(sim, f"cache={tmp_path}/other", state=first.state)
    bob = start_mount(sim, state=first.state, token="bob-token")
    assert len(third.ls("spaces")) == len(first.ls("spaces")) == 11
    assert json.loads(read(bob / "people/me.json"))["emails"] == ["bob@example.com"]


def test_two_people_share_nothing(sim, start_mount):
    alice = start_mount(sim)
    look_at(alice)
    alice.unmount()
    heidi = start_mount(sim, state=alice.state, token="heidi-token")
    assert heidi.ls("people") == ["heidi@example.com.json", "me.json"]
    assert BUOY not in heidi.ls("spaces")
    assert error_of(os.stat, heidi.space(BUOY)) == "ENOENT"


def test_a_killed_daemon_leaves_a_sound_cache(sim, start_mount):
    first = start_mount(sim)
    seen = look_at(first)
    first.kill()
    sim.clear_log()
    second = start_mount(sim, state=first.state)
    space = second.space(BUOY)
    for name, data in seen.items():
        assert read(space / name) == data
    assert asked(sim) == ["GET /people/me"]
    assert sorted(second.ls(f"spaces/{BUOY}")) == sorted([*seen, *FIXED])


def test_a_damaged_cache_is_set_aside(sim, start_mount):
    first = start_mount(sim)
    seen = look_at(first)
    first.unmount()
    for path, _st in files_below(first.state / "cache"):
        if os.path.isfile(path) and os.path.getsize(path) > 10000:
            with open(path, "r+b") as f:
                f.write(b"garbage, not SQLite " * 100)
    second = start_mount(sim, state=first.state)
    assert messages_in(second.space(BUOY)) == sorted(seen)
    check_sizes(second.space(BUOY))
