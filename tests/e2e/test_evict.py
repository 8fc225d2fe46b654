"""-o cache_messages=: texts of months that nobody opened are dropped, and come back."""
import json
import os
import signal
import time

import pytest

from lib.shell import start_cmd
from lib.tree import (check_sizes, error_of, files_below, messages_in, parallel, read,
                      stem, txt_bytes, txt_name)
from lib.util import wait_until

NETWORK = {"ECONNREFUSED", "ECONNRESET", "ENETUNREACH", "EHOSTUNREACH", "ETIMEDOUT"}
# Six years in one space, pages of 100, texts of 100 messages.
COUNT, PAGE, KEPT = 720, 100, 100
PAST = ("--data", "empty", "--spaces", 1, "--messages", COUNT, "--members", 3, "--max-page", PAGE)
SMALL = (f"cache_messages={KEPT}", "recent=50")
# What was read within the last three seconds of the wall clock is never dropped.
HURRY = {"hurry": 5, "hurry_wall": True}

pytestmark = [pytest.mark.sim(*PAST), pytest.mark.mount(*SMALL, **HURRY)]


def wait_dropped(mount, kept=KEPT):
    """What a walk read ahead may come later, and bring texts again."""
    def dropped():
        now = mount.status()
        return now["bodies"] <= kept and not now["requestsUnderWay"] + now["requestsWaiting"]
    wait_until(dropped, 30, "texts to be dropped")


def pages_asked(sim):
    """Requests for old messages: those for the newest ones are about news."""
    return len(sim.requests("GET", "/messages", "before"))


class Past:
    """A space of which everything is known, and most texts are dropped again."""

    def __init__(self, sim, mount):
        self.sim, self.mount = sim, mount
        room = sim.rooms()[0]
        self.id = room["id"]
        self.dir = mount.space(room["title"])
        self.history = self.dir / "history"
        self.messages = sorted(sim.messages(self.id, max=1000), key=lambda m: m["created"])
        self.all = self.look()
        wait_dropped(mount)
        sim.clear_log()

    def look(self):
        """The result of stat for each message, without reading any of them."""
        return {os.path.basename(p): (st.st_ino, st.st_size, st.st_mtime_ns, st.st_mode,
                                      st.st_nlink)
                for p, st in files_below(self.history) if p.endswith(".txt")}

    def path(self, message, ending=".txt"):
        return self.history / message["created"][:7] / (stem(message) + ending)

    def texts(self):
        """Reads all texts, checks them, and returns how many there were."""
        for message in self.messages:
            assert read(self.path(message)) == txt_bytes(message)
        return len(self.messages)


@pytest.fixture
def past(sim, mount):
    return Past(sim, mount)


def again(past, start_mount, *options):
    """The same space in another mount, of which the kernel has no page."""
    past.mount.unmount()
    hurry = HURRY if past.mount.rate > 1 else {}
    mount = start_mount(past.sim, *(options or SMALL), state=past.mount.state, **hurry)
    past.mount, past.dir = mount, mount.space(past.dir.name)
    past.history = past.dir / "history"
    past.sim.clear_log()
    return past


# Data that stays.


def test_listings_stay_as_they_were(past, start_mount):
    assert len(past.all) == COUNT
    assert past.mount.status()["messages"] == COUNT
    assert past.look() == past.all
    assert pages_asked(past.sim) == 0
    again(past, start_mount)
    assert past.look() == past.all
    assert len(messages_in(past.dir)) == 50
    assert pages_asked(past.sim) == 0


def test_what_was_opened_last_stays(past):
    """The newest texts of a space in use stay, whatever was read since."""
    for message in past.messages[100:300]:
        read(past.path(message))
    wait_dropped(past.mount)
    past.sim.clear_log()
    for message in past.messages[-50:]:
        assert read(past.path(message)) == txt_bytes(message)
    assert pages_asked(past.sim) == 0


@pytest.mark.mount("cache_messages=all")
def test_no_bound(sim, mount):
    space = mount.space(sim.rooms()[0]["title"])
    assert len([p for p, _ in files_below(space / "history") if p.endswith(".txt")]) == COUNT
    state = mount.status()
    assert (state["messages"], state["bodies"]) == (COUNT, COUNT)


@pytest.mark.mount(*SMALL, "cache=memory", **HURRY)
def test_in_memory(past):
    past.texts()
    assert past.look() == past.all


# How dropped texts come back.


def test_a_text_comes_with_its_neighbours(past):
    at = past.messages[200:202]
    for message in at:
        assert read(past.path(message)) == txt_bytes(message)
    assert pages_asked(past.sim) == 1
    assert past.look() == past.all


def test_every_form(past):
    message = past.messages[150]
    for ending in (".md", ".html", ".json"):
        path = past.path(message, ending)
        assert os.stat(path).st_size == len(read(path)) > 0
    assert json.loads(read(past.path(message, ".json")))["id"] == message["id"]
    assert pages_asked(past.sim) == 1


@pytest.mark.mount(*SMALL)
def test_reading_all_costs_pages(past, start_mount):
    """Up and down, one by one; and a walker's way. What a page brought is there for three seconds,
    which a slow machine needs, too."""
    again(past, start_mount)
    assert past.texts() == COUNT
    assert pages_asked(past.sim) <= 1.25 * COUNT / PAGE + 2
    wait_dropped(past.mount)
    again(past, start_mount)
    past.messages.reverse()
    assert past.texts() == COUNT
    assert pages_asked(past.sim) <= 1.25 * COUNT / PAGE + 3
    wait_dropped(past.mount)
    again(past, start_mount)
    word = past.messages[300]["text"].split()[0]
    expected = [txt_name(m) for m in past.messages if word.encode() in txt_bytes(m)]
    found = past.mount.run(["grep", "-rlF", "--", word, "history/"], cwd=past.dir, check=True)
    assert sorted(os.path.basename(n) for n in found.lines()) == sorted(expected)
    assert pages_asked(past.sim) <= 1.25 * COUNT / PAGE + 3
    assert past.look() == past.all


def test_many_readers_at_once(past):
    some = past.messages[100:180]
    found = parallel(lambda m: read(past.path(m)), some)
    assert found == [(txt_bytes(m), None) for m in some]
    assert pages_asked(past.sim) <= 4


def test_transcripts(past):
    month = past.messages[300]["created"][:7]
    log = past.history / "../transcripts" / f"{month}.log"
    assert os.stat(log).st_size == len(read(log))
    text = read(log).decode()
    there = [m for m in past.messages if m["created"][:7] == month]
    assert [m["text"].splitlines()[0] in text for m in there] == [True] * len(there)
    assert pages_asked(past.sim) <= -(-len(there) // PAGE) + 1
    assert read(past.dir / "transcript.log").count(b"\n") >= 50


def test_a_transcript_longer_than_the_bound(past, start_mount):
    again(past, start_mount, f"cache_messages={KEPT}", "recent=600")
    assert read(past.dir / "transcript.log").count(b"@") >= 600
    assert pages_asked(past.sim) <= 600 / PAGE + 2
    wait_dropped(past.mount)


@pytest.mark.sim(*PAST[:3], 2, *PAST[4:])
@pytest.mark.mount("cache_messages=100", "recent=all", hurry=40, hurry_wall=True)
def test_transcripts_while_texts_are_dropped(past):
    """What is read with them does not all fit, and is dropped between a fetch and what it is for."""
    logs = [os.path.join(folder, path) for folder in sorted(past.mount.run("ls -d $PWD/spaces/*").lines())
            for path in ["transcript.log"] + [f"archive/{m}/transcript.log"
                                              for m in sorted({m["created"][:7] for m in past.messages})]]
    until = time.monotonic() + 3

    def look(i):
        count = 0
        while time.monotonic() < until:
            # The long ones more often than each month's.
            path = logs[0] if i < 2 and count % 2 else logs[(i * 31 + count * 7) % len(logs)]
            if os.path.exists(path):
                assert read(path)
            count += 1
        return count
    found = parallel(look, range(8))
    assert [error for _, error in found if error] == []
    assert sum(count for count, _ in found) > 50


# Changes while texts are dropped.


def test_deleted_meanwhile(past, start_mount):
    again(past, start_mount, "cache_messages=1")
    messages_in(past.dir)
    wait_dropped(past.mount, 1)
    gone = past.messages[200:400:40]
    for message in gone:
        token = message["personEmail"].split("@")[0] + "-token"
        token = token if token in ("alice-token", "bob-token") else "admin-token"
        past.sim.api("DELETE", f"/messages/{message['id']}", token=token).ok(204)
    past.sim.clear_log()
    for message in gone:
        assert error_of(read, past.path(message)) == "ENOENT"
    assert pages_asked(past.sim) <= len(gone) + 1
    left = [m for m in past.messages if m not in gone]
    assert sorted(past.look()) == sorted(txt_name(m) for m in left)
    for message in left[150:410]:
        assert read(past.path(message)) == txt_bytes(message)


def test_edited_meanwhile(past):
    message = next(m for m in past.messages[200:] if m["personEmail"].startswith("alice"))
    past.sim.api("PUT", f"/messages/{message['id']}",
                 {"roomId": past.id, "text": "quite another text"}).ok()
    assert read(past.path(message)) == b"quite another text\n"
    wait_until(lambda: os.stat(past.path(message)).st_size == len("quite another text\n"))


def test_edit_of_an_own_one(past):
    message = next(m for m in past.messages[200:] if m["personEmail"].startswith("alice"))
    with open(past.path(message), "a", encoding="utf-8") as f:
        f.write("and more\n")
    now = past.sim.api("GET", f"/messages/{message['id']}").ok().json["text"]
    assert now.rstrip("\n") == message["text"].rstrip("\n") + "\nand more"


def test_offline(past, start_mount):
    again(past, start_mount)
    kept = past.messages[-1]
    assert read(past.path(kept)) == txt_bytes(kept)
    assert past.look() == past.all
    past.sim.stop()
    lost = past.messages[100]
    assert error_of(read, past.path(lost)) in NETWORK
    assert error_of(os.stat, past.path(lost, ".json")) in NETWORK
    log = past.history / "../transcripts" / f"{lost['created'][:7]}.log"
    assert error_of(read, log) in NETWORK
    assert read(past.path(past.messages[-2])) == txt_bytes(past.messages[-2])
    # Reading fails, and never gives an empty file that a backup would take.
    done = past.mount.run(["cat", str(past.path(lost))])
    assert done.status != 0 and done.out == ""
    assert past.look() == past.all


def test_a_reader_can_be_killed(past):
    fault = past.sim.fault(method="GET", route="/messages", hang=True)
    reader = start_cmd(["cat", str(past.path(past.messages[100]))])
    wait_until(lambda: pages_asked(past.sim) or None)
    reader.send_signal(signal.SIGINT)
    reader.wait(5)
    past.sim.clear_fault(fault)
    assert read(past.path(past.messages[100])) == txt_bytes(past.messages[100])


def test_a_smaller_bound(past, start_mount):
    again(past, start_mount, "cache_messages=20", "recent=50")
    messages_in(past.dir)
    wait_dropped(past.mount, 20)
    assert past.look() == past.all
    again(past, start_mount, "cache_messages=all")
    assert past.texts() == COUNT
    assert past.mount.status()["bodies"] == COUNT
    assert check_sizes(past.history.resolve()) >= COUNT
