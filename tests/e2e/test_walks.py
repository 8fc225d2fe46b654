"""Programs that copy everything, again and again: each change comes, within a bound, and few requests do."""
import os
import sqlite3

import pytest

from lib.chat import Space
from lib.chat import pier  # noqa: F401  pylint: disable=unused-import
from lib.tree import asked, read
from lib.util import wait_until

HOUR_MS = 3600 * 1000
DAY_MS = 24 * HOUR_MS
FIRST = "2025-01-02T10:00:00.000Z"
OLD = ["2025-01-05T10:00:00.000Z", "2025-02-05T10:00:00.000Z", "2025-02-06T10:00:00.000Z"]
# A list of ten is the present, all else the past; nothing is asked for by itself.
NIGHT = ("rate=off", "poll=600", "recent=10")


def rsync(mount, source, target):
    """Returns what was copied; not what is different in each mount."""
    os.makedirs(target, exist_ok=True)
    done = mount.run(["rsync", "-aiL", *(f"--exclude={n}" for n in ("files", "last", "post*", "archive", "mentions")),
                      f"{source}/", f"{target}/"])
    assert done.status == 0, done.err
    return sorted(line.split(" ", 1)[1] for line in done.lines() if line.startswith(">f"))


def saved(top):
    return {os.path.relpath(os.path.join(folder, name), top): read(os.path.join(folder, name))
            for folder, _, names in os.walk(top) for name in names}


def aged(mount, **ms):
    """Lets what the store verified be older."""
    path, = (mount.state / "cache/sparkfs").glob("*/store.db")
    with sqlite3.connect(path) as db:
        for column, by in ms.items():
            table = "month" if column == "verified_ms" else "room"
            db.execute(f"UPDATE {table} SET {column}={column}-? WHERE {column}>0", (by,))
    db.close()


class Night(Space):
    """A space that is copied whole, in a mount of its own each time."""

    def copy(self, start_mount, target):
        """Returns (what was copied, the requests)."""
        self.mount = start_mount(self.sim, *NIGHT, state=self.mount.state if self.mount else None)
        wait_until(lambda: self.dir.is_dir())
        self.sim.clear_log()
        names = [name for source, below in (("spaces", "1"), (".sparkfs/archive/spaces", "2"))
                 for name in rsync(self.mount, self.mount / source, target / below)]
        requests = asked(self.sim)
        self.mount.unmount()
        return names, requests


def edit(sim, room, message, text):
    assert len(message["text"]) == len(text)
    sim.api("PUT", f"/messages/{message['id']}", {"roomId": room, "text": text}).ok()


def test_an_edit_that_no_length_shows_is_copied_the_next_night(start_sim, start_mount, tmp_path):
    sim = start_sim("--data", "empty")
    night = Night(sim, room=sim.control("POST", "/rooms", {"title": "Pier", "person": "alice",
                                                           "created": FIRST}))
    for i, when in enumerate(OLD):
        sim.add_messages(room=night.id, person="alice", text=f"old {i}", count=1, created=when)
    for i in range(12):
        sim.add_messages(room=night.id, person="alice", text=f"new {i}", count=1,
                         created=f"2025-06-05T10:00:{i:02}.000Z")
    copy = tmp_path / "copy"
    night.copy(start_mount, copy)
    # Nothing changed: nothing is copied, and nothing asked of the space.
    names, requests = night.copy(start_mount, copy)
    assert names == [] and set(requests) <= {"GET /rooms"}
    old, new = night.messages()[0], night.messages()[-1]
    edit(sim, night.id, old, "odd 0")
    edit(sim, night.id, new, "now 11")
    # A day later what the space lists comes, and a week later the rest.
    aged(night.mount, head_wall_ms=21 * HOUR_MS, members_wall_ms=21 * HOUR_MS)
    names, requests = night.copy(start_mount, copy)
    month = new["created"][:7]
    stem = {m["id"]: m["created"].replace(":", "-") + "_alice@example.com" for m in (old, new)}
    assert names == sorted([f"Pier/{stem[new['id']]}.txt", f"Pier/history/{month}/{stem[new['id']]}.txt",
                            "Pier/transcript.log", f"Pier/history/{month}/transcript.log"]) + \
        sorted([f"Pier/{month}/{stem[new['id']]}{e}" for e in (".json", ".txt")] +
               [f"Pier/{month}/transcript.log"])
    assert requests.count("GET /messages") == 1 and requests.count("GET /memberships") == 1
    aged(night.mount, verified_ms=8 * DAY_MS)
    names, requests = night.copy(start_mount, copy)
    assert names == sorted([f"Pier/history/2025-01/{stem[old['id']]}.txt",
                            "Pier/history/2025-01/transcript.log"]) + \
        sorted([f"Pier/2025-01/{stem[old['id']]}{e}" for e in (".json", ".txt")] +
               ["Pier/2025-01/transcript.log"])
    # One page has all months.
    assert requests.count("GET /messages") == 1
    assert saved(copy)["1/Pier/transcript.log"].count(b"now 11") == 1
    # A copy that begins anew is the same, byte by byte.
    night.copy(start_mount, tmp_path / "anew")
    assert saved(tmp_path / "anew") == saved(copy)


@pytest.mark.mount("rate=off", "poll=1", hurry=5)
def test_what_is_learned_late_moves_each_time(pier, tmp_path):
    """Copies in between have the second of the newest message already."""
    sim, copy = pier.sim, tmp_path / "copy"
    sim.api("POST", "/memberships", {"roomId": pier.id, "personEmail": "bob@example.com"}).ok()
    for i, when in enumerate(OLD):
        sim.add_messages(room=pier.id, person="alice", text=f"old {i}", count=1, created=when)
    old = pier.messages()
    wait_until(lambda: len(pier.listed()) == 3)
    month = pier / "history/2025-02"
    assert len(os.listdir(month)) > 2 and pier.ls()
    rsync(pier.mount, pier.dir, copy)
    edit(sim, pier.id, old[1], "odd 1")
    wait_until(lambda: "odd 1\n" in pier.listed_texts())
    assert "transcript.log" in rsync(pier.mount, pier.dir, copy)
    # Twice in a second.
    edit(sim, pier.id, old[1], "oda 1")
    wait_until(lambda: "oda 1\n" in pier.listed_texts())
    names = rsync(pier.mount, pier.dir, copy)
    assert {"transcript.log", "history/2025-02/transcript.log"} <= set(names)
    sim.api("DELETE", f"/messages/{old[2]['id']}").ok(204)
    sim.add_messages(room=pier.id, person="alice", text="old 3", count=1, created=OLD[2])
    wait_until(lambda: "old 3\n" in pier.listed_texts() and "old 2\n" not in pier.listed_texts())
    assert {"transcript.log", "history/2025-02/transcript.log"} <= set(rsync(pier.mount, pier.dir, copy))
    # The file of a member.
    alice, bob = sorted(sim.all("/memberships", query={"roomId": pier.id}),
                        key=lambda m: m["personEmail"])
    rsync(pier.mount, pier.dir, copy)
    sim.api("PUT", f"/memberships/{alice['id']}", {"isModerator": True}).ok()
    sim.api("PUT", f"/memberships/{bob['id']}", {"isModerator": True}).ok()
    member = pier / "members/alice@example.com"
    wait_until(lambda: os.listdir(pier / "members") and b"true" in read(member))
    before = os.stat(member)
    sim.api("PUT", f"/memberships/{alice['id']}", {"isModerator": False}).ok()
    wait_until(lambda: os.listdir(pier / "members") and b"true" not in read(member))
    assert int(os.stat(member).st_mtime) > int(before.st_mtime)
    have = saved(copy)
    rsync(pier.mount, pier.dir, copy)
    assert have["transcript.log"] == read(pier / "transcript.log")


@pytest.mark.sim("--data", "empty", "--spaces", 5, "--messages", 430, "--members", 2, "--max-page", 100,
                 "--latency", 20)
def test_an_archive_costs_as_many_requests_as_it_has_pages(sim, start_mount):
    """By name and in the order of the listing: no page is asked for twice, and none is half empty."""
    for command in ("rsync -an .sparkfs/archive/ /nowhere/", "find .sparkfs/archive/ -type f"):
        mount = start_mount(sim, "rate=off", "poll=600")
        mount.run("ls spaces", check=True)
        sim.clear_log()
        done = mount.run(f"{command} > /dev/null", check=True)
        assert done.err == ""
        log = [r for r in sim.log() if r["path"] == "/v1/messages"]
        assert len(log) == 5 * 5
        # While it waits for a page of one space, those of the next ones come, too.
        spaces = [r["query"].split("roomId=")[1].split("&")[0] for r in log]
        assert len({*spaces[10:15]}) > 1
        # It stops, and so does what is read ahead.
        mount.unmount()


def test_without_polls_a_new_month_comes(start_sim, start_mount):
    sim = start_sim("--data", "empty")
    room = sim.create_room("Pier")
    sim.add_messages(room=room["id"], person="alice", text="old", count=1, created=OLD[0])
    mount = start_mount(sim, "rate=off", "poll=off", hurry=5)
    space = mount.space("Pier")
    mount.run("ls spaces/Pier spaces/Pier/history/ spaces/Pier/archive/", check=True)
    known = set(os.listdir(space / "history"))
    sim.control("POST", "/clock", {"advanceMs": 40 * DAY_MS})
    new = sim.post(room["id"], "new")["created"][:7]
    assert new not in known
    wait_until(lambda: new in os.listdir(space / "history"))
    for folder in ("history", "archive", "archive"):
        assert new in os.listdir(space / folder)
    assert b"new" in read(space / f"history/{new}/transcript.log")
