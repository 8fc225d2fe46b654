"""Running programs see changes by others; what that costs (-o poll, -o idle)."""
import json
import os
import re
import time

import pytest

from lib.shell import kill_group, start_cmd
from lib.tree import asked, messages_in, read, txt_bytes, txt_name
from lib.util import wait_until

ME = "GET /people/me"
ROOMS = "GET /rooms"
MESSAGES = "GET /messages"
POLLING = "poll=1"

# Each second of the mount's time, which passes five times as fast.
polling = pytest.mark.mount(POLLING, "timeout=150", hurry=5)
# So short that a test can wait for it; the next use then polls.
sleepy = pytest.mark.mount(POLLING, "idle=2")


def wait_asleep(sim, mount):
    """Waits until the mount, which no program uses, sends no requests any more."""
    wait_until(lambda: mount.status()["polling"] == "asleep", 15)
    last = [len(sim.log()), time.monotonic()]

    def quiet():
        count = len(sim.log())
        if count != last[0]:
            last[:] = [count, time.monotonic()]
        return time.monotonic() - last[1] > 3
    wait_until(quiet, 20, "no requests for three seconds")
    sim.clear_log()


class Handle:
    """A directory that stays open: reading it again sends no OPENDIR."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.fd)

    def names(self):
        return os.listdir(self.fd)


# Messages.


@polling
def test_a_message_appears_to_programs_that_run(sim, mount):
    space = mount.space("Firmware")
    room = sim.room("Firmware")["id"]
    assert messages_in(space)
    with Handle(space) as opened:
        for text in ("one", "two"):
            m = sim.post(room, text, token="bob-token")
            wait_until(lambda name=txt_name(m): name in opened.names())
            assert read(space / txt_name(m)) == txt_bytes(m)
    before = os.stat(space).st_mtime
    m = sim.post(room, "three", token="bob-token")
    # By name alone, by the listing, by the time of the space.
    wait_until(lambda: os.stat(space / txt_name(m)).st_size == len(txt_bytes(m)))
    assert txt_name(m) in mount.run("ls", cwd=space, check=True).lines()
    wait_until(lambda: os.stat(space).st_mtime > before)


@polling
def test_in_a_space_that_nobody_opened(sim, mount):
    mount.ls("spaces")
    stream = start_cmd(["cat", str(mount / "events")])
    try:
        wait_until(lambda: os.readlink(f"/proc/{stream.pid}/fd/3").endswith("events"))
        m = sim.post(sim.room("Firmware")["id"], "for nobody in particular",
                     token="bob-token")
        line = stream.stdout.readline().decode()
        assert re.fullmatch(r"\d+ \S+ message-created spaces/Firmware/"
                            + re.escape(txt_name(m)) + "\n", line), line
    finally:
        kill_group(stream)
    # One request fetched the message and all that an ls shows of it.
    assert asked(sim).count(MESSAGES) == 1
    sim.clear_log()
    assert txt_name(m) in messages_in(mount.space("Firmware"))
    assert MESSAGES not in asked(sim)


@sleepy
def test_tail_follows_the_transcript_and_keeps_awake(sim, mount):
    room = sim.room("Firmware")["id"]
    tail = start_cmd(["tail", "-n0", "-f", str(mount.space("Firmware") / "transcript.log")])
    try:
        for text in ("first", "second", "third"):
            start = time.monotonic()
            # Longer than without any use.
            wait_until(lambda t=start: time.monotonic() - t > 2.5)
            m = sim.post(room, text, token="bob-token")
            while m["text"].encode() not in (line := tail.stdout.readline()):
                assert line
        assert mount.status()["polling"] == "awake"
    finally:
        kill_group(tail)
    wait_asleep(sim, mount)


@polling
def test_edits_and_deletions_where_somebody_is(sim, mount):
    space = mount.space("Firmware")
    room = sim.room("Firmware")["id"]
    kept = sim.post(room, "to be edited", token="bob-token")
    path = space / txt_name(kept)
    wait_until(lambda: txt_name(kept) in messages_in(space))
    # Of another millisecond.
    gone = sim.post(room, "to be deleted", token="bob-token")
    wait_until(lambda: txt_name(gone) in messages_in(space))
    assert read(path) == b"to be edited\n"
    with Handle(space) as opened:
        edited = sim.api("PUT", f"/messages/{kept['id']}",
                         {"roomId": room, "text": "edited, and longer"},
                         token="bob-token").ok().json
        # No listing, no look-up that the kernel has not answered itself.
        wait_until(lambda: read(path) == txt_bytes(edited))
        assert os.stat(path).st_size == len(txt_bytes(edited))
        sim.api("DELETE", f"/messages/{gone['id']}", token="bob-token").ok(204)
        wait_until(lambda: txt_name(gone) not in opened.names())
        assert not os.path.exists(space / txt_name(gone))


@pytest.mark.mount(POLLING, "idle=600")
def test_edits_in_the_eight_most_recently_used(sim, mount):
    """Each poll asks for these eight spaces, and for no others."""
    names = mount.ls("spaces")
    assert len(names) == 11
    ids = {n: json.loads(read(mount.space(n) / "space.json"))["id"] for n in names}
    for name in names:
        mount.ls(f"spaces/{name}")
    sim.clear_log()

    def again_and_again():
        rooms = [re.search(r"roomId=([^&]+)", r["query"])[1]
                 for r in sim.requests("GET", "/messages")]
        return {r for r in rooms if rooms.count(r) >= 3}
    expected = {ids[n] for n in names[-8:]}
    wait_until(lambda: again_and_again() == expected, 20)


# Spaces and members.


@polling
def test_spaces_come_go_and_change(sim, mount):
    spaces = mount / "spaces"
    mount.ls("spaces/Firmware")
    with Handle(spaces) as opened:
        assert "Firmware" in opened.names()
        room = sim.create_room("From elsewhere", ["alice@example.com"], token="bob-token")
        wait_until(lambda: "From elsewhere" in opened.names())
        m = sim.post(room["id"], "hello", token="bob-token")
        wait_until(lambda: messages_in(spaces / "From elsewhere") == [txt_name(m)])

        sim.api("PUT", f"/rooms/{room['id']}", {"title": "Renamed"}, token="bob-token").ok()
        wait_until(lambda: "Renamed" in opened.names())
        assert "From elsewhere" not in opened.names()
        assert not os.path.exists(spaces / "From elsewhere")
        assert messages_in(spaces / "Renamed") == [txt_name(m)]

        # Its region changed: the same space by another id.
        inode = os.stat(spaces / "Renamed").st_ino
        sim.api("DELETE", f"/rooms/{room['id']}", token="bob-token").ok(204)
        again = sim.create_room("Renamed", ["alice@example.com"], token="bob-token")
        m = sim.post(again["id"], "moved", token="bob-token")
        wait_until(lambda: messages_in(spaces / "Renamed") == [txt_name(m)])
        assert os.stat(spaces / "Renamed").st_ino != inode

        mine = [x for x in sim.all("/memberships", query={"roomId": again["id"]})
                if x["personEmail"] == "alice@example.com"]
        sim.api("DELETE", f"/memberships/{mine[0]['id']}", token="bob-token").ok(204)
        wait_until(lambda: "Renamed" not in opened.names())
        assert not os.path.exists(spaces / "Renamed")


@polling
def test_members_at_an_open(sim, mount):
    room = sim.create_room("Crew", ["bob@example.com"])
    members = mount.space("Crew") / "members"
    wait_until(lambda: sorted(os.listdir(members)) == ["alice@example.com", "bob@example.com"])
    sim.api("POST", "/memberships", {"roomId": room["id"], "personEmail": "carol@example.com"},
            token="bob-token").ok()
    wait_until(lambda: "carol@example.com" in os.listdir(members))


# How many requests it costs.


@sleepy
def test_unused_it_asks_nothing_and_the_next_use_catches_up(sim, mount):
    space = mount.space("Firmware")
    room = sim.room("Firmware")["id"]
    messages_in(space)
    for _ in range(5):
        wait_asleep(sim, mount)
        m = sim.post(room, "while nobody looked", token="bob-token")
        sim.clear_log()
        if txt_name(m) in messages_in(space):
            break
        # The short wait for news was too short for this machine.
    else:
        pytest.fail("the first ls shows no news")
    assert asked(sim)[:2] == [ROOMS, MESSAGES]
    # Reading the mount's own files does not count as use.
    wait_asleep(sim, mount)
    mount.run("ls -l . .sparkfs; cat .sparkfs/status.json; df . > /dev/null", check=True)
    assert mount.status()["polling"] == "asleep"
    assert asked(sim) == []


@pytest.mark.sim("--data", "empty", "--spaces", 2000, "--messages", 1, "--members", 2)
@pytest.mark.limit(120)
@sleepy
def test_news_in_one_of_two_thousand_spaces_are_two_requests(sim, mount):
    titles = wait_until(lambda: mount.ls("spaces"), 20)
    assert len(titles) == 2000
    space = mount.space(titles[1234])
    messages_in(space)
    room = sim.room(titles[1234])["id"]
    wait_asleep(sim, mount)
    m = sim.post(room, "news", token="bob-token")
    sim.clear_log()
    wait_until(lambda: txt_name(m) in messages_in(space))
    log = sim.requests("GET", "/messages|/rooms")
    assert [r["path"] for r in log[:2]] == ["/v1/rooms", "/v1/messages"]
    # All other requests since are further polls, each of one short page.
    assert len([r for r in log if r["path"] == "/v1/messages"]) == 1
    assert all("sortBy=lastactivity" in r["query"] and "max=100" in r["query"]
               for r in log if r["path"] == "/v1/rooms")


@pytest.mark.sim("--data", "empty", "--spaces", 3500, "--messages", 1, "--members", 2)
@pytest.mark.limit(180)
@sleepy
def test_more_spaces_than_the_server_sorts(sim, mount):
    titles = wait_until(lambda: mount.ls("spaces"), 30)
    assert len(titles) == 3500
    space = mount.space(titles[17])
    messages_in(space)
    room = sim.room(titles[17])["id"]
    wait_asleep(sim, mount)
    m = sim.post(room, "news", token="bob-token")
    sim.clear_log()
    wait_until(lambda: txt_name(m) in messages_in(space), 30)
    log = sim.requests("GET", "/messages|/rooms")
    assert [r["path"] for r in log[:5]] == ["/v1/rooms"] * 4 + ["/v1/messages"]
    assert not any("sortBy" in r["query"] for r in log)


@pytest.mark.sim("--data", "demo")
def test_a_first_mount_lists_the_spaces_and_a_remount_asks_nothing(sim, start_mount):
    mount = start_mount(sim, "poll=600")
    wait_until(lambda: asked(sim) == [ME, ROOMS])
    sim.clear_log()
    wait_until(lambda: mount.status()["spaces"] == 11)
    names = messages_in(mount.space("Firmware"))
    assert asked(sim) == [MESSAGES]
    assert mount.status()["messages"] == mount.status()["bodies"] == len(names)
    text = mount.run("ls -lR spaces/Firmware", check=True).lines()
    before = mount.status()
    mount.unmount()
    sim.clear_log()
    mount = start_mount(sim, "poll=600", state=mount.state)
    # The mount answers before it has read what the store remembered.
    wait_until(lambda: mount.status()["lastPoll"] == before["lastPoll"])
    assert mount.status()["spacesListed"] == before["spacesListed"]
    assert mount.status()["lastAnswer"] >= before["lastPoll"]
    assert messages_in(mount.space("Firmware")) == names
    assert len(mount.ls("spaces")) == 11
    assert len(mount.run("ls -lR spaces/Firmware", check=True).lines()) == len(text)
    assert mount.run("cat spaces/Firmware/*_*.txt", check=True).out
    assert [r for r in asked(sim) if r != "GET /memberships"] == [ME]
    assert mount.status()["polling"] == "awake"


@pytest.mark.sim("--data", "demo")
def test_a_remount_after_a_while_polls_at_the_first_use(sim, start_mount):
    mount = start_mount(sim, POLLING)
    space = mount.space("Firmware")
    messages_in(space)
    mount.unmount()
    m = sim.post(sim.room("Firmware")["id"], "meanwhile", token="bob-token")
    end = time.monotonic() + 1
    wait_until(lambda: time.monotonic() > end)
    sim.clear_log()
    mount = start_mount(sim, POLLING, state=mount.state)
    assert mount.status()["polling"] == "asleep"
    assert asked(sim) == [ME]
    space = mount.space("Firmware")
    wait_until(lambda: txt_name(m) in messages_in(space))
    assert asked(sim)[:3] == [ME, ROOMS, MESSAGES]


@pytest.mark.mount("poll=off")
def test_without_polls_lists_go_by_their_age(sim, mount):
    space = mount.space("Firmware")
    assert mount.status()["polling"] == "off"
    names = messages_in(space)
    m = sim.post(sim.room("Firmware")["id"], "news", token="bob-token")
    wait_until(lambda: messages_in(space) == [*names, txt_name(m)])
    assert mount.status()["lastPoll"] is None


# Without network.


@polling
def test_the_server_goes_and_comes_back(sim, mount):
    space = mount.space("Firmware")
    room = sim.room("Firmware")["id"]
    names = messages_in(space)
    fault = sim.fault(reset=True)
    wait_until(lambda: not mount.status()["online"], 20)
    assert messages_in(space) == names
    sim.clear_fault(fault)
    m = sim.post(room, "back again", token="bob-token")
    # A use tries at once, at most every five seconds.
    wait_until(lambda: txt_name(m) in messages_in(space), 20)
    assert mount.status()["online"]


@polling
def test_a_failing_space_does_not_hold_up_the_others(sim, mount):
    assert messages_in(mount.space("Firmware"))
    other = mount.space("Harbour buoy project")
    assert messages_in(other)
    bad = sim.room("Firmware")["id"]
    sim.fault(method="GET", route="/messages$", query=f"roomId={bad}", status=500)
    sim.post(bad, "never seen", token="bob-token")
    wait_until(lambda: any(r["status"] == 500 for r in sim.log()))
    m = sim.post(sim.room("Harbour buoy project")["id"], "seen", token="bob-token")
    wait_until(lambda: txt_name(m) in messages_in(other))
    # The failing space is not asked for at each poll, but at longer and longer intervals.
    start = time.monotonic()
    failed = len([r for r in sim.log() if r["status"] == 500])
    wait_until(lambda: time.monotonic() - start > 4 / mount.rate)
    assert len([r for r in sim.log() if r["status"] == 500]) <= failed + 2


@pytest.mark.sim("--data", "demo", "--max-page", 5)
@pytest.mark.parametrize("mount_options", (["poll=off"], [POLLING]))
def test_a_space_that_a_list_of_pages_lacks(sim, start_mount, mount_options):
    """The mount asks for that space alone: it may have slipped from one page to another."""
    mount = start_mount(sim, *mount_options)
    assert len(mount.ls("spaces")) == 11
    room = sim.room("Firmware")["id"]
    mine = [x for x in sim.all("/memberships", query={"roomId": room})
            if x["personEmail"] == "alice@example.com"]
    sim.api("DELETE", f"/memberships/{mine[0]['id']}").ok(204)
    sim.clear_log()
    wait_until(lambda: "Firmware" not in mount.ls("spaces"))
    assert asked(sim).count(f"GET /rooms/{room}") == 1
    assert len(mount.ls("spaces")) == 10


def test_who_waited_for_news_reads_no_size_of_before(start_sim, start_mount):
    """The answer to the open may overtake the notice that the file has another size."""
    sim = start_sim()
    titles = [f"Pier {i}" for i in range(8)]
    rooms = [sim.create_room(title)["id"] for title in titles]
    mount = start_mount(sim, "poll=off", hurry=20)
    mount.ls("spaces")
    for turn in range(12):
        for title, room in zip(titles, rooms):
            sim.api("PUT", "/rooms/" + room, {"title": title, "isLocked": turn % 2 == 0}).ok()
        # A list is asked for again when it is three seconds old.
        time.sleep(0.16)
        for title in titles:
            text = (mount / "spaces" / title / "space.json").read_bytes()
            assert text.endswith(b"}\n") and json.loads(text)["title"] == title, text
