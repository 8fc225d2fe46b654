"""What is known is forgotten only on proof: one answer never makes anything go."""
import errno
import os

import pytest

from lib.chat import Space, fails
from lib.util import wait_until

PEOPLE = ["bob@example.com", "carol@example.com"]
POLLING = "poll=1"


@pytest.fixture
def two(start_sim):
    """Two spaces: one of thirty messages and a 1:1."""
    sim = start_sim("--data", "empty")
    sim.control("POST", "/people", {"email": PEOPLE[1], "name": "Carol", "token": "c"})
    space = Space(sim, "Ops", members=PEOPLE)
    for n in range(30):
        sim.post(space.id, f"message {n}", token="bob-token" if n % 2 else "alice-token")
    sim.api("POST", "/messages", {"toPersonEmail": PEOPLE[0], "text": "hello"}).ok()
    return space


def copy(space, backup):
    return space.mount.run(["rsync", "-a", "--delete", "spaces", "direct", str(backup)],
                           timeout=60)


def files_in(folder):
    return sorted(os.path.relpath(os.path.join(at, n), folder)
                  for at, _dirs, names in os.walk(folder) for n in names)


def settled(sim):
    """Waits until two more polls have come, and what came behind the first."""
    known = len(sim.requests("GET", "/rooms"))
    wait_until(lambda: len(sim.requests("GET", "/rooms")) >= known + 2)


LISTS = ("/rooms$", "/messages*", "/memberships$")
SHORT = [{"route": route, "pagination": "short"} for route in LISTS]
ABSENT = [{"route": route, "status": 404}
          for route in ("/rooms/*", "/messages*", "/memberships*")]


def test_wrong_answers_take_nothing_away(two, start_mount, tmp_path):
    backup = tmp_path / "backup"
    two.mount = start_mount(two.sim, POLLING)
    assert copy(two, backup).status == 0
    members = sorted(two.mount.ls(two / "members"))
    before = files_in(backup)
    inodes = {p: os.stat(two.mount / p).st_ino for p in before}
    assert len(before) >= 34
    for faults in (SHORT, ABSENT):
        for fault in faults:
            two.sim.fault(method="GET", **fault)
        for name in ("space.json", "members", "post", "files/"):
            two.mount.run(["ls", "-l", str(two / name)])
        settled(two.sim)
        assert copy(two, backup).status == 0, faults
        assert files_in(backup) == before, faults
        two.sim.clear_faults()
    # What was never read is an error, but none that rsync takes for an empty directory.
    two.mount.unmount()
    state = two.mount.state
    for fault in ABSENT:
        two.sim.fault(method="GET", **fault)
    two.mount = start_mount(two.sim, "poll=off")
    assert copy(two, backup).status != 0
    assert files_in(backup) == before
    two.sim.clear_faults()
    # Also by a mount that has just begun.
    two.mount.unmount()
    for fault in SHORT:
        two.sim.fault(method="GET", **fault)
    two.mount = start_mount(two.sim, POLLING, state=state)
    assert copy(two, backup).status == 0
    settled(two.sim)
    assert copy(two, backup).status == 0
    assert files_in(backup) == before
    two.sim.clear_faults()
    assert sorted(two.mount.ls(two / "members")) == members
    assert {p: os.stat(two.mount / p).st_ino for p in before} == inodes


def test_what_is_gone_goes(two, start_mount):
    """By others' doing: a message, many of them, a member, the spaces, within some seconds."""
    lunch = two.sim.create_room("Lunch")
    two.mount = start_mount(two.sim, POLLING, "timeout=150", hurry=5)
    names = two.listed()
    two.mount.ls(two / "members")
    known = two.sim.messages(two.id, max=100)
    two.sim.clear_log()
    two.sim.api("DELETE", "/messages/" + known[0]["id"], token="bob-token").ok(204)
    wait_until(lambda: two.listed() == names[:-1])
    assert len(two.sim.requests("GET", "/messages/.+")) == 1
    # So many that they are not asked for one by one; and a space, meanwhile.
    two.sim.api("DELETE", "/rooms/" + lunch["id"]).ok(204)
    for message in known[1:]:
        token = "bob-token" if message["personEmail"] == PEOPLE[0] else "alice-token"
        two.sim.api("DELETE", "/messages/" + message["id"], token=token).ok(204)
    wait_until(lambda: two.listed() == [], 20)
    assert len(two.sim.requests("GET", "/messages/.+")) <= 17
    (bob,) = [m for m in two.sim.all("/memberships", query={"roomId": two.id})
              if m["personEmail"] == PEOPLE[0]]
    two.sim.api("DELETE", "/memberships/" + bob["id"]).ok(204)
    wait_until(lambda: PEOPLE[0] not in two.mount.ls(two / "members"))
    wait_until(lambda: two.mount.ls("spaces") == ["Ops"])


def test_our_own_removal_is_not_believed_either(two, start_mount):
    two.mount = start_mount(two.sim, "poll=off")
    name = [n for n in two.listed() if "_alice@" in n][0]
    two.mount.ls(two / "members")
    member = two / "members" / PEOPLE[1]
    two.sim.fault(method="DELETE", status=404)
    for path in (two / name, member):
        with fails(errno.EBUSY):
            os.unlink(path)
        assert os.path.exists(path)
    two.sim.clear_faults()
    os.unlink(two / name)
    os.unlink(member)
    assert name not in two.listed()
    assert PEOPLE[1] not in two.mount.ls(two / "members")
