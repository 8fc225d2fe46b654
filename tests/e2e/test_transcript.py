"""Transcripts say to whom a reply belongs: their sizes, what it costs, and what a root that comes changes."""
import os
import re
import time

import pytest

from lib.chat import Space, remounted
from lib.tree import millis, read
from lib.util import wait_until

BOB, BOT = "bob@example.com", "simbot@webex.bot"
DAY = 24 * 60


def created(minutes):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z",
                         time.gmtime(millis("2026-03-04T09:20:00.000Z") // 1000 + 60 * minutes))


class Log(Space):
    """A space whose messages are of some days long ago, and what its transcripts have to say of them."""

    def say(self, minutes, text, parent=None, person=BOB, **more):
        more.update({"parentId": parent["id"]} if parent else {})
        return self.sim.add_messages(room=self.id, person=person, created=created(minutes),
                                     text=text, **more)["items"][0]

    def lines(self, path="transcript.log"):
        """Of a whole transcript, by cat: it reads as much as stat says."""
        size = os.stat(self / path).st_size
        text = self.run(["cat", str(self / path)], check=True).out
        assert len(text.encode()) == size == os.stat(self / path).st_size
        return text.splitlines()

    def replies(self, path="transcript.log"):
        """{what was said: whose it is}"""
        return {m[2]: m[1] for m in (re.match(r".*: ↳ \(([^)]*)\) (.*)", line)
                                     for line in self.lines(path)) if m}

    def roots_read(self):
        return [r for r in self.sim.log() if re.fullmatch("/v1/messages/.*", r["path"])
                and r.get("userAgent", "").startswith("sparkfs")]


@pytest.fixture
def log(start_sim):
    return Log(start_sim("--data", "empty", "--max-page", 4), members=[BOB, BOT])


def test_every_reply_says_whose_it_is(log, start_mount):
    sim, old = log.sim, log.say(-40 * DAY, "of another month")
    lost, far = log.say(-2 * DAY, "deleted"), log.say(-DAY, "of another day")
    near = log.say(0, "the root", person=BOT)
    log.say(10, "to the old one", old)
    log.say(11, "to a lost one", lost)
    log.say(12, "to one out of view", far, person=BOT)
    log.say(13, "many\nlines", near)
    log.say(14, "", near, file={"name": "plan.pdf", "type": "application/pdf", "content": "x"})
    log.say(15, "with it", near, file={"name": "a.txt", "type": "text/plain", "content": "y"})
    log.say(16, "no reply")
    sim.api("DELETE", f"/messages/{lost['id']}", token="bob-token").ok(204)
    log.mount = mount = start_mount(sim, "recent=8", "rate=off", hurry=5)
    log.ls()
    sim.clear_log()
    before = {"to the old one": "2026-01-23 09:20", "to a lost one": "2026-03-02 09:20",
              "to one out of view": "2026-03-03 09:20", "many": "simbot 09:20",
              "[a file]": "simbot 09:20", "with it": "simbot 09:20"}
    assert log.replies() == before
    assert "  lines" in log.lines() and log.lines()[-2:][0] == "  [a file]"
    # Whoever reads asks for no root.
    assert not log.roots_read()
    held = os.open(log / "transcript.log", os.O_RDONLY)
    start = os.read(held, 65536)

    # The list of threads does, and then their names are known.
    mount.ls(log / "threads/")
    mount.ls(log / "files/")
    after = {**before, "to the old one": "bob 2026-01-23 09:20",
             "to one out of view": "bob 2026-03-03 09:20"}
    # While it is open nothing of it changes; a reply that comes knows its root.
    assert os.pread(held, 65536, 0) == start
    assert os.stat(log / "transcript.log").st_size == len(start)
    sim.post(log.id, "now", token="bob-token", parentId=old["id"])
    wait_until(lambda: os.pread(held, 65536, 0) != start, 15, "the reply")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d \+0000 bob@example.com: "
                        r"↳ \(bob 2026-01-23 09:20\) now\n",
                        os.pread(held, 65536, len(start)).decode())
    os.close(held)
    wait_until(lambda: log.replies().get("to one out of view") == "bob 2026-03-03 09:20", 15)
    assert log.replies() == {"now": "bob 2026-01-23 09:20", "[file: plan.pdf]": "simbot 09:20",
                             **{k: v for k, v in after.items() if k not in ("[a file]",)}}
    assert "  [file: a.txt]" in log.lines()
    # In the thread, and in the months.
    (thread,) = [n for n in mount.ls(log / "threads/") if n.startswith("2026-01-23")]
    assert log.replies(f"threads/{thread}/transcript.log") == \
        {"to the old one": "bob 2026-01-23 09:20", "now": "bob 2026-01-23 09:20"}
    assert log.replies("history/2026-03/transcript.log")["many"] == "simbot 09:20"

    # What is known stays known without network and in the next mount, in another zone, too.
    sim.api("DELETE", f"/messages/{far['id']}", token="bob-token").ok(204)
    remounted(log, start_mount, "recent=9", "rate=off", hurry=5, env={"TZ": "XXX-14:45"})
    assert log.replies()["many"] == "simbot 00:05"
    assert log.replies()["to one out of view"] == "bob 2026-03-04 00:05"
    wait_until(lambda: "of another day" not in log.lines("history/2026-03/transcript.log"), 15)
    assert log.replies()["to one out of view"] == "bob 2026-03-04 00:05"


def test_copies_have_what_is_known(log, start_mount, tmp_path):
    """A copy of an archive is copied again when a line of it has changed, and is that of a new cache."""
    root = log.say(-40 * DAY, "the root", person=BOT)
    for i in range(6):
        log.say(-20 * DAY + i, "of another month")
    for i in range(3):
        log.say(i, f"reply {i}", root)
    log.say(5, "last")
    log.mount = start_mount(log.sim, "rate=off", "poll=600", "recent=4")
    log.ls()

    def rsync(source="archive/", *options):
        done = log.run(["rsync", "-ai", *options, f"{log.dir}/{source}", f"{tmp_path}/copy/"],
                       check=True)
        return [line.split(" ", 1)[1] for line in done.lines() if line.startswith(">f")]

    # The month alone is known. A root that comes is a change of its text, and of nothing else in it.
    assert rsync("history/2026-03/", "-L")
    assert set(log.replies("history/2026-03/transcript.log").values()) == {"2026-01-23 09:20"}
    times = [os.stat(log / "history/2026-03/transcript.log").st_mtime]
    log.mount.ls(log / "threads/")
    assert rsync("history/2026-03/", "-L") == ["transcript.log"]
    saved = read(tmp_path / "copy/transcript.log").decode()
    assert saved.count("↳ (simbot 2026-01-23 09:20) reply ") == 3
    times.append(os.stat(log / "history/2026-03/transcript.log").st_mtime)
    assert times[0] == times[1] == millis(created(5)) / 1000
    wait_until(lambda: rsync() == [], 20)
    for more in ([], ["cache=memory"]):
        remounted(log, start_mount, "rate=off", "poll=600", *more)
        assert rsync() == []


def test_one_to_one(start_sim, start_mount):
    sim = start_sim("--data", "empty")
    sim.api("POST", "/messages", {"toPersonEmail": BOB, "text": "hello"}).ok()
    room = next(r for r in sim.rooms() if r["type"] == "direct")
    first = sim.messages(room["id"])[-1]
    sim.post(room["id"], "and hello", token="bob-token", parentId=first["id"])
    mount = start_mount(sim)
    name = mount.ls(mount / "direct")[0]
    text = read(mount / "direct" / name / "transcript.log").decode()
    assert re.search(r"bob@example.com: ↳ \(alice [-0-9 ]*\d\d:\d\d\) and hello\n", text)
