"""The order in which things come: late messages, more news than are told, loops, odd times."""
import os
import time

import pytest

from lib.shell import kill_group, start_cmd
from lib.tree import error_of, messages_in, read, txt_name
from lib.util import wait_until

HOUR_S = 3600
pytestmark = [pytest.mark.sim("--data", "empty")]

LATE = b" * came late: the message of "


class Lines:
    """The lines that a program prints, as they come."""

    def __init__(self, argv):
        self.process = start_cmd([str(a) for a in argv])
        os.set_blocking(self.process.stdout.fileno(), False)
        self.text = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        kill_group(self.process)

    def lines(self):
        while chunk := self.process.stdout.read():
            self.text += chunk
        return self.text.decode().split("\n")[:-1]

    def events(self):
        """"what path" of each line of events."""
        return [line.split(" ", 2)[2] for line in self.lines()]



def wait_begun(lines):
    """Until it has opened its file, which tells what comes from then on."""
    wait_until(lambda: any(os.readlink(f"/proc/{lines.process.pid}/fd/{fd}").endswith("/events")
                           for fd in os.listdir(f"/proc/{lines.process.pid}/fd")))


def late(sim, room, text, created, **more):
    return sim.add_messages(room=room, person="bob", text=text, created=created,
                            **more)["items"]


@pytest.fixture
def spaces(sim):
    """A space, with a message of two minutes ago, and a 1:1 space; both ids."""
    ops = sim.create_room("Ops", ["bob@example.com"])["id"]
    one = sim.api("POST", "/messages", {"toPersonEmail": "bob@example.com", "text": "hello"}
                  ).ok().json["roomId"]
    late(sim, ops, "newest", int(time.time() * 1000) - 120000)
    return ops, one


def test_a_message_that_the_server_shows_late(sim, spaces, start_mount):
    """It comes to whoever listens, whatever is newer: to events, tail -f and inotify."""
    mount = start_mount(sim, "poll=1", "inotify", "timeout=150", hurry=5)
    direct = mount.ls("direct")[0]
    folders = [mount.space("Ops"), mount / "direct" / direct]
    for folder in folders:
        assert len(messages_in(folder)) >= 1
    with Lines(["cat", mount / "events"]) as events, \
            Lines(["tail", "-n0", "-f", folders[0] / "transcript.log"]) as ops, \
            Lines(["tail", "-n0", "-f", folders[1] / "transcript.log"]) as one, \
            Lines(["inotifywait", "-q", "-m", "-e", "close_write", "--format", "%w%f",
                   *folders]) as watch:
        wait_begun(events)
        now = int(time.time() * 1000)
        expected = []
        for room, folder, tail in zip(spaces, folders, (ops, one)):
            # An hour and a day behind the newest, and one in between.
            for n, age_ms in enumerate((3600000, 86400000, 500000)):
                text = f"late {n}"
                # The kernel's watch is there as soon as it tells of something.
                [m] = late(sim, room, text, now - age_ms)
                path = os.path.relpath(folder, mount.path) + "/" + txt_name(m)
                expected.append("message-created " + path)
                wait_until(lambda e=expected: events.events() == e or None, 20,
                           f"{expected} in {events.text}")
                wait_until(lambda t=text, f=tail: f.lines() and t in f.lines()[-1])
                assert LATE.decode() in tail.lines()[-2]
                assert read(mount / path).decode() == text + "\n"
                wait_until(lambda p=path: str(mount / p) in watch.lines())
            # What is newer comes as ever.
            m = sim.post(room, "on time", token="bob-token")
            expected.append("message-created " + os.path.relpath(folder, mount.path)
                            + "/" + txt_name(m))
            wait_until(lambda e=expected: events.events() == e)
            wait_until(lambda f=tail: "on time" in f.lines()[-1])
            assert LATE.decode() not in tail.lines()[-2]
    # Anew, all stands in its place.
    text = read(folders[0] / "transcript.log")
    assert LATE not in text
    assert text.index(b"late 1") < text.index(b"late 0") < text.index(b"late 2")


def test_all_news_are_told_or_it_says_so(sim, spaces, start_mount):
    """However few messages a space lists, and also in a later mount."""
    options = ("poll=1", "recent=100", "timeout=150")
    mount = start_mount(sim, *options, hurry=5)
    ops, one = spaces
    assert mount.ls("spaces") == ["Ops"]
    messages_in(mount.space("Ops"))
    with Lines(["cat", mount / "events"]) as events:
        wait_begun(events)
        many = late(sim, ops, "many", int(time.time() * 1000) - 60000, count=900, stepMs=1)
        wait_until(lambda: len(events.lines()) >= 900, 20)
        assert sorted(events.events()) == sorted(
            f"message-created spaces/Ops/{txt_name(m)}" for m in many)
    assert len(messages_in(mount.space("Ops"))) == 100
    cursor = events.lines()[-1].split()[0]
    mount.unmount()
    # An absence: more than are looked at in one space, in the other one all are told.
    top = int(time.time() * 1000)
    many = late(sim, ops, "more", top, count=1500, stepMs=1)
    few = late(sim, one, "few", top, count=150, stepMs=1)
    mount = start_mount(sim, *options, hurry=5, state=mount.state)
    with Lines(["cat", mount / f"events@{cursor}"]) as events:
        direct = "direct/" + mount.ls("direct")[0]
        expected = {f"message-created spaces/Ops/{txt_name(m)}" for m in many[-1000:]}
        expected |= {f"message-created {direct}/{txt_name(m)}" for m in few}
        expected.add("missed spaces/Ops")
        # The space's line comes behind its messages.
        wait_until(lambda: expected <= set(events.events()), 20)
        told = events.events()
        assert told.count("missed spaces/Ops") == 1
        assert "missed " + direct not in told
        # It is one line among the others, with a cursor of its own.
        cursors = [int(line.split()[0]) for line in events.lines()]
        assert cursors == list(range(int(cursor) + 1, int(cursor) + 1 + len(cursors)))
        # Who reads them later makes no news of them.
        months = {m["created"][:7] for m in many}
        for month in months:
            mount.ls(f"spaces/Ops/history/{month}")
        m = sim.post(one, "the last one", token="bob-token")
        wait_until(lambda: f"message-created {direct}/{txt_name(m)}" in events.events())
        assert len(events.lines()) == len(cursors) + 1


def test_times_that_are_none(sim, spaces, start_mount):
    """A message is listed, told and read, whatever its time."""
    ops = spaces[0]
    odd = {1999: "2000-01-01T00-00-00.000Z", 1700: "2000-01-01T00-00-00.000Z",
           2300: "2200-01-01T00-00-00.000Z"}
    for year in (1999, 2300):
        late(sim, ops, f"of {year}", f"{year}-05-01T12:00:00.000Z")
    mount = start_mount(sim, "poll=1", "timeout=150", hurry=5)

    def texts():
        return {n: read(mount.space("Ops") / n).decode() for n in messages_in(mount.space("Ops"))}

    assert sorted(texts().values()) == ["newest\n", "of 1999\n", "of 2300\n"]
    with Lines(["cat", mount / "events"]) as events:
        wait_begun(events)
        late(sim, ops, "of 1700", "1700-05-01T12:00:00.000Z")
        [m] = late(sim, ops, "of today", int(time.time() * 1000) - 1000)
        # One from the future hides no news.
        wait_until(lambda: len(events.events()) == 2)
        assert f"message-created spaces/Ops/{txt_name(m)}" in events.events()
    for name, text in texts().items():
        year = int(text.split()[-1]) if text.split()[-1].isdigit() else 0
        assert not year or name.startswith(odd[year])
    assert len(texts()) == 5
    log = read(mount.space("Ops") / "transcript.log").decode()
    assert [word in log for word in ("of 1999", "of 1700", "of 2300", "of today")] == [True] * 4
    assert len(messages_in(mount / "spaces/Ops/history/2000-01")) == 2


def test_lists_whose_next_links_lead_in_circles(sim, start_mount):
    """What came is used, the other list is asked for, and status.json says what is wrong."""
    titles = [f"S{n:02}" for n in range(12)]
    rooms = {t: sim.create_room(t, ["bob@example.com"])["id"] for t in titles}
    sim.control("POST", "/switches", {"maxPage": 5})
    mount = start_mount(sim, "poll=1", "timeout=150", hurry=5)
    assert mount.ls("spaces") == titles
    wait_until(lambda: mount.status()["lastPoll"])
    with Lines(["cat", mount / "events"]) as events:
        wait_begun(events)

        def post():
            return {f"message-created spaces/{t}/{txt_name(m)}" for t, m in
                    [(t, sim.post(rooms[t], "hello", token="bob-token")) for t in titles]}

        sim.fault(route="/rooms$", query="sortBy=lastactivity", pagination="loop")
        told = post()
        wait_until(lambda: set(events.events()) == told, 20, "all news by the other list")
        assert mount.status()["pollTrouble"] is None
        # Both lists: those that can be seen, and words.
        both = sim.fault(route="/rooms$", pagination="loop")
        more = post()
        wait_until(lambda: mount.status()["pollTrouble"])
        wait_until(lambda: len(set(events.events()) & more) >= 5)
        assert "does not end" in read(mount / ".sparkfs/last-error").decode()
        sim.clear_fault(both)
        wait_until(lambda: set(events.events()) == told | more, 20)
        wait_until(lambda: mount.status()["pollTrouble"] is None)
        # A page behind the first one fails.
        sim.clear_faults()
        sim.fault(route="/rooms$", query="sortBy=lastactivity", skip=1, status=500)
        told |= more | post()
        wait_until(lambda: set(events.events()) == told, 20)
        # The list of messages of a space, page by page: behind each message there are others.
        sim.clear_faults()
        sim.fault(route="/messages$", pagination="loop")
        many = late(sim, rooms["S00"], "many", int(time.time() * 1000), count=13, stepMs=1)
        told |= {f"message-created spaces/S00/{txt_name(m)}" for m in many}
        wait_until(lambda: set(events.events()) == told, 20)
        # Members: listing them fails, but what came is known.
        sim.fault(route="/memberships$", pagination="loop")
        admin = sim.api("POST", "/memberships", {"roomId": rooms["S00"],
                                                 "personEmail": "admin@example.com"}).ok()
        sim.control("POST", "/switches", {"maxPage": 2})
        assert error_of(os.listdir, mount / "spaces/S00/members") == "EIO"
        assert admin
    assert (mount / "spaces/S00/members/alice@example.com").exists()


@pytest.mark.parametrize("ahead", [-2 * HOUR_S, 2 * HOUR_S, 400 * 24 * HOUR_S])
def test_a_clock_that_is_wrong(sim, spaces, start_mount, ahead):
    """What is compared with the server's times is not told by the clock of this machine."""
    ops, _one = spaces
    far, quay = (sim.create_room(title)["id"] for title in ("Far", "Quay"))
    mount = start_mount(sim, "rate=off", "poll=1", hurry=5, wall_ahead=ahead)
    members = mount.path / ".sparkfs/archive/spaces/Quay/members.json"
    assert b"bob@example.com" not in read(members)
    # The first post whose answer is lost: no delivery has told the difference yet.
    sim.fault(method="POST", route="/messages", reset="after", times=1)
    mount.run("echo once > spaces/Ops/post", check=True)
    assert [m["text"] for m in sim.messages(ops)].count("once") == 1
    assert not os.listdir(mount.path / ".sparkfs/unsent")
    # Who comes after the list was made.
    sim.api("POST", "/memberships", {"roomId": quay, "personEmail": "bob@example.com"}).ok()
    sim.post(quay, "hello, Bob")
    wait_until(lambda: b"bob@example.com" in read(members))
    # What comes into a month of a space that was never opened.
    month = mount.path / "spaces/Far/history" / time.strftime("%Y-%m", time.gmtime())
    old = os.listdir(month)
    new = txt_name(sim.post(far, "new"))
    assert new not in old
    wait_until(lambda: new in os.listdir(month))
