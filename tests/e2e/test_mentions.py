"""Mentions: those of a space by the server's filter, those of all that are known, and what is told."""
import os
import pathlib
import re
import subprocess
import time

import pytest

from lib.tree import error_of, messages_in, read, txt_name
from lib.util import wait_until

ME = "<@personEmail:alice@example.com|Alice>"
ALL = "<@all>"
BOB = "bob@example.com"


def filtered(sim):
    """The requests of a mount by the filter."""
    return [r for r in sim.requests("GET", "/messages")
            if "mentionedPeople" in r["query"] and r.get("userAgent", "").startswith("sparkfs")]


def mentions(mount, title):
    return messages_in(mount.space(title) / "mentions")


def names(messages):
    return sorted(txt_name(m) for m in messages)


class Ops:
    """A space with a past of some minutes: `count` mentions, and other messages between them."""

    def __init__(self, sim, count=230, title="Ops"):
        self.sim = sim
        self.began = int(time.time() - 3600) * 1000
        self.id = sim.control("POST", "/rooms", {"title": title, "created": self.began,
                                                 "members": ["bob"]})["id"]
        self.mentions = self.add(1000, markdown=f"{ME} please look", count=count)
        self.others = self.add(1007, text="noise", count=count)

    def add(self, at, **what):
        return self.sim.add_messages(room=self.id, person="bob", created=self.began + at,
                                     stepMs=20, **what)["items"]

    def post(self, text, token="bob-token", **more):
        """No two of them share a millisecond, and so a name."""
        made = self.sim.post(self.id, markdown=text, token=token, **more)
        posted = time.time_ns() // 10 ** 6
        wait_until(lambda: time.time_ns() // 10 ** 6 > posted)
        return made


@pytest.fixture
def ops(sim):
    return Ops(sim)


# Without polls a list is good for three seconds of the mount's time.
pytestmark = [pytest.mark.sim("--data", "empty"),
              pytest.mark.mount("timeout=150,recent=50", hurry=5)]
POLLS = pytest.mark.mount("timeout=150,poll=5", hurry=5)


def test_a_space(sim, ops, mount, start_mount):
    space = mount.space("Ops")
    target = os.readlink(space / "mentions")
    assert re.fullmatch(r"\.\./\.\./\.sparkfs/views/\d+/mentions", target)
    assert os.lstat(space / "mentions").st_size == len(target)
    mount.ls("spaces")
    sim.clear_log()
    # All of them, though the space lists fifty; a hundred a page, and the first is behind the newest.
    assert mentions(mount, "Ops") == names(ops.mentions)
    log = filtered(sim)
    assert len(log) == 3 and all("max=100" in r["query"].split("&") for r in log)
    assert all("mentionedPeople=me" in r["query"] for r in log)
    # Again: nothing is asked.
    sim.clear_log()
    mount.forget()
    assert mentions(mount, "Ops") == names(ops.mentions)
    assert filtered(sim) == []
    assert [r["path"] for r in sim.requests("GET", "/messages")] == []
    # The same files as in the space, in every form.
    first = names(ops.mentions)[0]
    assert os.stat(space / "mentions" / first).st_ino == os.stat(space / first).st_ino
    assert b"please look" in read(space / "mentions" / first)
    assert read(space / "mentions" / first.replace(".txt", ".json")) == \
        read(space / first.replace(".txt", ".json"))
    assert error_of(os.stat, space / "mentions" / txt_name(ops.others[0])) == "ENOENT"
    assert error_of(os.stat, space / "mentions" / "2020-01-01T00-00-00.000Z_a@b.txt") == "ENOENT"
    assert filtered(sim) == []
    news_and_edits(sim, ops, mount)
    refusals(mount, space / "mentions", first)
    # Another mount of the same cache asks for nothing either.
    seen = mentions(mount, "Ops")
    mount.unmount()
    sim.clear_log()
    again = start_mount(sim, "timeout=150,recent=50", state=mount.state, hurry=5)
    assert mentions(again, "Ops") == seen
    assert filtered(sim) == []


def news_and_edits(sim, ops, mount):
    """They come with the page of the newest messages, which is fetched anyway."""
    sim.clear_log()
    new = ops.post(f"{ME} now")
    plain = ops.post("for nobody")
    wait_until(lambda: txt_name(new) in mentions(mount, "Ops"), 20)
    assert txt_name(plain) not in mentions(mount, "Ops")

    def edit(message, text):
        sim.api("PUT", "/messages/" + message["id"],
                {"roomId": message["roomId"], "markdown": text}, token="bob-token").ok()
    edit(plain, f"{ME} after all")
    edit(new, "not you")
    wait_until(lambda: txt_name(plain) in mentions(mount, "Ops"), 30)
    wait_until(lambda: txt_name(new) not in mentions(mount, "Ops"), 30)
    assert filtered(sim) == []


def refusals(mount, folder, first):
    for change in (lambda: os.unlink(folder / first), lambda: open(folder / "x", "w").close(),
                   lambda: os.mkdir(folder / "x"), lambda: os.rename(folder / first, folder / "x")):
        assert error_of(change) == "EROFS"
    assert "deletes it for everybody" in mount.run("echo x > mentions/x; cat .sparkfs/last-error").out
    assert first in messages_in(folder)


def test_of_all_spaces(sim, ops, mount):
    lunch = Ops(sim, 3, "Lunch")
    sim.api("POST", "/messages", {"toPersonEmail": "alice@example.com", "text": "hi"},
            token="bob-token").ok()
    wait_until(lambda: "Lunch" in mount.ls("spaces") and len(mount.ls("direct")) == 1, 20)
    mentions(mount, "Lunch")
    mentions(mount, "Ops")
    (person,) = mount.ls("direct")
    assert messages_in(mount / "direct" / person / "mentions") == []
    sim.clear_log()
    listed = mount.run("ls -U mentions/", check=True).lines()
    assert filtered(sim) == []
    wanted = sorted([*((m, "Ops") for m in ops.mentions), *((m, "Lunch") for m in lunch.mentions)],
                    key=lambda one: one[0]["created"], reverse=True)
    assert sorted(listed) == sorted(f"{txt_name(m)[:-4]} in {title}.txt" for m, title in wanted)
    # The newest come first.
    assert [n[:24] for n in listed] == [txt_name(m)[:24] for m, _ in wanted]
    newest = mount / "mentions" / listed[0]
    assert os.readlink(newest).startswith("../../spaces/")
    assert b"please look" in read(newest)
    assert error_of(os.lstat, mount / "mentions" / (listed[0][:-4] + "x.txt")) == "ENOENT"
    # Who walks meets no message twice.
    sim.clear_log()
    assert "mentions" not in mount.run("grep -rl 'please look' .").out
    assert filtered(sim) == []


@POLLS
def test_events(sim, ops, mount):
    messages_in(mount.space("Ops"))
    direct = sim.api("POST", "/messages", {"toPersonEmail": "alice@example.com", "text": "hi"},
                     token="bob-token").ok().json
    lines = wait_for_lines(mount, lambda: (
        ops.post(f"{ME} hello"), ops.post("to nobody"),
        ops.post("to all " + ALL), ops.post(f"{ME} my own", token="alice-token"),
        sim.post(direct["roomId"], "hi again", token="bob-token")), 5)
    told = [line.split(" ", 2)[2] for line in lines]
    mine = [t for t in told if t.startswith("mention ")]
    assert len(mine) == 1
    # Behind the line of its message, with the same path.
    at = told.index(mine[0])
    assert told[at - 1] == mine[0].replace("mention ", "message-created ")


def wait_for_lines(mount, act, created):
    """What `cat events` gives of the act, which makes so many messages."""
    reader = subprocess.Popen(["cat", str(mount / "events")], stdout=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: os.path.exists(f"/proc/{reader.pid}/fd/3"), 10)
        act()
        lines = []
        while sum(" message-created " in line for line in lines) < created or \
                not any(" mention " in line for line in lines):
            lines.append(reader.stdout.readline().rstrip("\n"))
        return lines
    finally:
        reader.kill()
        reader.wait()
        reader.stdout.close()


@POLLS
def test_edits_come_with_the_polls(sim, ops, mount):
    """Also of a space of which nobody listed anything but the mentions."""
    assert mentions(mount, "Ops") == names(ops.mentions)
    added, taken, deleted = ops.others[-2], ops.mentions[-3], ops.mentions[-5]
    for message, text in ((added, f"{ME} after all"), (taken, "not you")):
        sim.api("PUT", "/messages/" + message["id"], {"roomId": ops.id, "markdown": text},
                token="bob-token").ok()
    sim.api("DELETE", "/messages/" + deleted["id"], token="bob-token").ok(204)
    wanted = names([m for m in ops.mentions if m not in (taken, deleted)] + [added])
    wait_until(lambda: mentions(mount, "Ops") == wanted, 30)
    assert len(filtered(sim)) == len([r for r in sim.requests("GET", "/messages")
                                      if r.get("userAgent", "").startswith("sparkfs")])


def test_what_is_missing_is_asked_for_once_more(sim, ops, mount):
    """A failure fails the listing, and what came is kept; a link without its filter changes nothing."""
    mount.ls("spaces")
    sim.fault(method="GET", route="/messages", pagination="dropfilters")
    sim.fault(method="GET", route="/messages", status=500, skip=1, times=1)
    first = error_of(mentions, mount, "Ops")
    sim.clear_faults()
    sim.clear_log()
    wait_until(lambda: error_of(mentions, mount, "Ops") != "EIO", 10)
    assert mentions(mount, "Ops") == names(ops.mentions)
    assert first in (None, "EIO") and len(filtered(sim)) <= 3


@pytest.mark.mount("timeout=150", token="bot-token", hurry=5)
def test_a_bot_asks_for_nothing_twice(sim, start_mount):
    room = sim.create_room("bots", ["simbot@webex.bot", BOB])
    for i in range(4):
        sim.post(room["id"], markdown=f"<@personEmail:simbot@webex.bot|Bot> {i}")
    sim.post(room["id"], "not for the bot")
    mount = start_mount(sim, "timeout=150", token="bot-token", hurry=5)
    seen = messages_in(mount.space("bots"))
    sim.clear_log()
    assert mentions(mount, "bots") == seen and len(seen) == 4
    assert filtered(sim) == []
    assert len(mount.ls("mentions")) == 4


BOT = r"""while read -r cursor time what file; do
	[ "$what" = mention ] || continue
	stem=${file##*/}
	echo "I am on it." > "${file%/*}/threads/${stem%.txt}/post"
done < events"""


def test_a_bot_of_the_shell_answers_in_the_thread(sim, start_mount):
    """The loop of the manual."""
    manual = (pathlib.Path(__file__).resolve().parents[2] / "src/doc/sparkfs.1").read_text("utf-8")
    assert BOT.replace("\\", "\\e") in manual
    room = sim.create_room("bots", ["simbot@webex.bot", BOB])
    sim.post(room["id"], markdown="<@personEmail:simbot@webex.bot|Bot> before")
    mount = start_mount(sim, "timeout=150,poll=5", token="bot-token", hurry=5)
    messages_in(mount.space("bots"))
    bot = subprocess.Popen(["sh", "-c", BOT], cwd=mount.path, start_new_session=True)
    try:
        wait_until(lambda: any("events" in os.path.basename(os.path.realpath(f"/proc/{bot.pid}/fd/{n}"))
                               for n in os.listdir(f"/proc/{bot.pid}/fd")))
        asked = sim.post(room["id"], markdown="<@personEmail:simbot@webex.bot|Bot> please")

        def answers():
            return [m for m in sim.messages(room["id"]) if m.get("parentId") == asked["id"]]
        wait_until(answers, 20)
        assert [m["text"] for m in answers()] == ["I am on it."]
        assert [m["text"] for m in sim.messages(room["id"])].count("I am on it.") == 1
    finally:
        bot.kill()
        bot.wait()


def test_offline_what_is_known_is_there(sim, ops, mount):
    assert len(mentions(mount, "Ops")) == 230
    Ops(sim, 2, "Other")
    wait_until(lambda: "Other" in mount.ls("spaces"), 20)
    sim.kill()
    assert len(mentions(mount, "Ops")) == 230
    assert len(mount.ls("mentions")) == 230
    assert error_of(mentions, mount, "Other") in ("ECONNREFUSED", "ENETUNREACH", "EHOSTUNREACH",
                                                  "ETIMEDOUT")
