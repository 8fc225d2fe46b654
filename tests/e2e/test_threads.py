"""threads/: a directory for each thread, with its root and its replies; what each of them costs."""
import json
import os
import re
import stat
import time

import pytest

from lib.chat import Space
from lib.shell import run_cmd
from lib.tree import asked, error_of, messages_in, millis, read, stem, txt_name
from lib.util import wait_until

FIXED = ["files", "last", "post", "post.json", "post.md", "transcript.log"]
ALICE, BOB = "alice@example.com", "bob@example.com"


def created(minutes):
    """A time, so many minutes after some day long ago."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z",
                         time.gmtime(time.mktime((2025, 3, 4, 9, 0, 0, 0, 0, 0)) + 60 * minutes))


class Talk(Space):
    """A space with messages of some day, made through the simulator's control interface."""

    def say(self, minutes, parent=None, person=BOB, **more):
        body = {"room": self.id, "person": person, "created": created(minutes),
                "text": f"said at {minutes}", **more}
        if parent:
            body["parentId"] = parent["id"]
        return self.sim.add_messages(**body)["items"][0]

    def reads(self):
        """What the mount has asked for of messages: their ids and queries, the newest first."""
        return [r for r in self.sim.log() if r["path"].startswith("/v1/messages")
                and r.get("userAgent", "").startswith("sparkfs")]

    def roots_read(self):
        return [r for r in self.reads() if r["path"] != "/v1/messages"]

    def threads_read(self):
        return [r for r in self.reads() if "parentId=" in (r.get("query") or "")]

    def thread(self, root):
        return self.dir / "threads" / (root if isinstance(root, str) else stem(root))

    def in_thread(self, root):
        return messages_in(self.thread(root))


@pytest.fixture
def talk(start_sim):
    sim = start_sim("--data", "empty", "--max-page", 1000)
    return Talk(sim, members=[BOB])


def delete(sim, message, token="bob-token"):
    sim.api("DELETE", "/messages/" + message["id"], token=token).ok(204)


def inode(path):
    return os.stat(path, follow_symlinks=False).st_ino


def test_listing_opening_and_what_they_cost(talk, start_mount):
    old = talk.say(0)
    lost = talk.say(1)
    replies = [talk.say(100 + i, old) for i in range(3)]
    of_lost = talk.say(110, lost)
    delete(talk.sim, lost)
    near = talk.say(120)
    quiet = talk.say(121)
    newest = talk.say(130, near, person=ALICE)
    early = [talk.say(2 + i, old) for i in range(5)]
    talk.mount = mount = start_mount(talk.sim, "recent=7")
    view = re.fullmatch(r"\.\./\.\./\.sparkfs/views/\d+/threads",
                        os.readlink(talk.dir / "threads"))
    assert view
    talk.ls()
    talk.sim.clear_log()

    # One request for each root that is out of view, once for ever.
    there = mount.ls(talk.dir / "threads/")
    assert [n for n in there if "_unknown-" not in n] == sorted([stem(old), stem(near)])
    unknown = [n for n in there if "_unknown-" in n]
    assert len(unknown) == 1 and len(there) == 3
    assert re.fullmatch(re.escape(lost["created"].replace(":", "-")) + "_unknown-[0-9a-f]{8}",
                        unknown[0])
    assert len(talk.roots_read()) == 2
    mount.run("ls -l threads/", cwd=talk.dir, check=True)
    assert len(talk.roots_read()) == 2
    # The newest talk is the first.
    assert mount.run("ls -t threads/", cwd=talk.dir, check=True).lines() == \
        [stem(near), unknown[0], stem(old)]
    assert os.stat(talk.thread(near)).st_mtime == millis(newest["created"]) / 1000

    # A thread of which all is in view costs nothing; another one its own list, once.
    talk.sim.clear_log()
    assert sorted(os.listdir(talk.thread(near))) == \
        sorted([txt_name(near), txt_name(newest), *FIXED])
    assert talk.threads_read() == []
    assert talk.in_thread(old) == sorted(txt_name(m) for m in [old, *replies, *early])
    assert len(talk.threads_read()) == 1
    assert talk.in_thread(unknown[0]) == [txt_name(of_lost)]
    assert len(talk.threads_read()) == 2
    for root in (near, old, unknown[0]):
        mount.run(["ls", "-l", str(talk.thread(root)) + "/"], check=True)
    assert len(talk.threads_read()) == 2

    # The same files as in the space.
    assert inode(talk.thread(old) / txt_name(replies[0])) == inode(talk / txt_name(replies[0]))
    assert read(talk.thread(old) / txt_name(early[0])) == b"said at 2\n"
    assert json.loads(read(talk.thread(old) / (stem(early[0]) + ".json")))["id"] == early[0]["id"]
    assert os.readlink(talk.thread(near) / "last") == txt_name(newest)
    assert error_of(os.readlink, talk.thread(old) / "last") == "ENOENT"
    log = read(talk.thread(old) / "transcript.log").decode()
    assert [int(n) for n in re.findall(r"said at (\d+)", log)] == [0, 2, 3, 4, 5, 6, 100, 101, 102]
    assert os.stat(talk.thread(old) / "transcript.log").st_size == len(log.encode())

    # Names that no listing has.
    talk.sim.clear_log()
    assert os.readlink(talk.thread(replies[1])) == stem(old)
    assert talk.in_thread(replies[1]) == talk.in_thread(old)
    assert stat.S_ISDIR(os.lstat(talk.thread(quiet)).st_mode)
    assert talk.in_thread(quiet) == [txt_name(quiet)]
    assert error_of(os.stat, talk.dir / "threads/x") == "ENOENT"
    assert talk.reads() == []

    # grep meets each message once, and no attachment.
    found = mount.run("grep -rl 'said at' threads/ | sort", cwd=talk.dir, check=True).lines()
    assert len(found) == len({os.path.basename(n) for n in found}) == 12

    # All that is known reads on without network, also in the next mount.
    state = mount.state
    mount.unmount()
    talk.sim.kill()
    talk.mount = mount = start_mount(talk.sim, "recent=7", state=state)
    assert mount.ls(talk.dir / "threads/") == there
    assert talk.in_thread(old) == sorted(txt_name(m) for m in [old, *replies, *early])
    assert talk.in_thread(unknown[0]) == [txt_name(of_lost)]


def test_names_that_are_not_known_yet(talk, start_mount):
    old, reply = talk.say(0), None
    for i in range(30):
        talk.say(10 + i)
    reply = talk.say(5, old)
    talk.mount = start_mount(talk.sim, "recent=5")
    talk.ls()
    talk.sim.clear_log()
    # One page, from that millisecond on.
    assert talk.in_thread(old) == [txt_name(old), txt_name(reply)]
    first = talk.reads()[0]
    assert "before=" + old["created"].replace(":", "%3A").replace("000Z", "001Z") in first["query"]
    talk.sim.clear_log()
    assert os.readlink(talk.thread(reply)) == stem(old)
    for _ in range(3):
        assert error_of(os.stat, talk.thread(stem(old).replace("bob", "rob"))) == "ENOENT"
        assert error_of(os.stat, talk.thread(created(-5).replace(":", "-") + "_" + BOB)) == "ENOENT"
    assert len(talk.reads()) <= 1
    # A month has those of its messages, and the same by name.
    assert talk.mount.ls(talk.dir / "history/2025-03/threads/") == [stem(old)]
    assert messages_in(talk.dir / "history/2025-03/threads" / stem(old)) == talk.in_thread(old)


@pytest.mark.sim("--data", "demo")
@pytest.mark.mount("ro")
def test_a_1_1_space(sim, mount):
    """As in a space, also where nothing can be written."""
    (name,) = mount.ls("direct/Bob Keller/threads/")
    thread = mount / "direct/Bob Keller/threads" / name
    names = messages_in(thread)
    assert names[0] == name + ".txt" and len(names) == 2
    assert set(names) < set(os.listdir(mount / "direct/Bob Keller"))
    assert error_of(os.unlink, thread / names[0]) == "EROFS"
    assert error_of(open, thread / "post", "w") == "EROFS"


@pytest.mark.limit(120)
def test_five_thousand_replies(talk, start_mount):
    root = talk.say(0)
    talk.sim.add_messages(room=talk.id, person=BOB, created=created(1), stepMs=10, count=5000,
                          text="reply", parentId=root["id"])
    for i in range(12):
        talk.say(1000 + i)
    last = talk.say(1100, root)
    talk.mount = start_mount(talk.sim, "recent=10")
    talk.ls()
    assert talk.mount.ls(talk.dir / "threads/") == [stem(root)]
    talk.sim.clear_log()
    names = talk.in_thread(root)
    assert len(names) == 5002 and names[-1] == txt_name(last)
    assert len(talk.threads_read()) == 6
    assert read(talk.thread(root) / "transcript.log").count(b"\n") == 5002
    assert len(talk.in_thread(root)) == 5002
    assert len(talk.threads_read()) == 6


@pytest.fixture
def hold():
    """Opens files, and closes them before the mount ends."""
    fds = []

    def opened(path, flags=os.O_RDONLY):
        fds.append(os.open(path, flags))
        return fds[-1]

    yield opened
    for fd in fds:
        os.close(fd)


@pytest.mark.parametrize("options", [("poll=1",), ("poll=1", "inotify")])
def test_replies_that_come(talk, start_mount, request, options):
    root = talk.say(0)
    first = talk.say(1, root)
    talk.mount = mount = start_mount(talk.sim, *options, hurry=5)
    hold = request.getfixturevalue("hold")
    threads = talk.dir / "threads"
    assert mount.ls(threads) == [stem(root)]
    assert talk.in_thread(root) == [txt_name(root), txt_name(first)]
    held = hold(talk.thread(root), os.O_RDONLY | os.O_DIRECTORY)
    log = hold(talk.thread(root) / "transcript.log")
    assert os.read(log, 65536).count(b"\n") == 2
    second = talk.sim.post(talk.id, "news", token="bob-token", parentId=root["id"])
    wait_until(lambda: txt_name(second) in talk.in_thread(root), 15)
    assert txt_name(second) in messages_in(talk.dir)
    wait_until(lambda: b"news" in os.read(log, 65536), 15)
    assert os.stat(talk.thread(root)).st_mtime == millis(second["created"]) / 1000
    # The first reply makes a thread. (Posted now: two of one millisecond have other names.)
    other = talk.sim.post(talk.id, "something else", token="bob-token")
    wait_until(lambda: txt_name(other) in messages_in(talk.dir), 15)
    assert stem(other) not in mount.ls(threads)
    answer = talk.sim.post(talk.id, "why?", token="bob-token", parentId=other["id"])
    wait_until(lambda: stem(other) in mount.ls(threads), 15)
    assert talk.in_thread(other) == [txt_name(other), txt_name(answer)]
    # Its root is deleted while somebody stands in it: the rest stays, under its name.
    delete(talk.sim, root)
    wait_until(lambda: txt_name(root) not in os.listdir(held), 20)
    assert messages_in(held) == sorted([txt_name(first), txt_name(second)])
    assert stem(root) in mount.ls(threads)
    for reply in (first, second):
        delete(talk.sim, reply)
    wait_until(lambda: stem(root) not in mount.ls(threads), 20)


def test_texts_that_were_dropped_come_back(talk, start_mount):
    root = talk.say(0)
    talk.sim.add_messages(room=talk.id, person=BOB, created=created(1), stepMs=86400000, count=200,
                          text="reply", parentId=root["id"])
    for i in range(20):
        talk.say(400 * 1440 + i)
    talk.say(401 * 1440, root)
    talk.mount = mount = start_mount(talk.sim, "recent=10", "cache_messages=100", hurry=5,
                                     hurry_wall=True)
    assert mount.ls(talk.dir / "threads/") == [stem(root)]
    names = talk.in_thread(root)
    log = talk.thread(root) / "transcript.log"
    text = read(log)
    assert text.count(b"\n") == len(names) == 202
    wait_until(lambda: mount.status()["bodies"] <= 100, 30)
    talk.sim.clear_log()
    assert read(log) == text
    # The list of replies has all of them but the root, and those in between are not asked for.
    assert len(talk.reads()) <= 5
    wait_until(lambda: mount.status()["bodies"] <= 100, 30)
    assert read(talk.thread(root) / names[5]) == b"reply 5\n"
    assert os.stat(log).st_size == len(text)


def test_odd_threads(talk, start_mount):
    twins = talk.sim.add_messages(room=talk.id, person=BOB, created=created(0), text="twin",
                                  count=2)["items"]
    replies = [talk.say(1 + i, twin) for i, twin in enumerate(twins)]
    talk.mount = mount = start_mount(talk.sim)
    there = mount.ls(talk.dir / "threads/")
    assert len(there) == 2 and "~" in there[0] + there[1]
    for name in there:
        own = read(talk.thread(name) / (name + ".json"))
        reply = replies[[t["id"] for t in twins].index(json.loads(own)["id"])]
        assert messages_in(talk.thread(name)) == sorted([name + ".txt", txt_name(reply)])
    # Nothing is made, renamed or removed there.
    assert error_of(os.mkdir, talk.dir / "threads/new") in ("EPERM", "EACCES")
    assert error_of(os.rmdir, talk.thread(there[0])) == "EPERM"
    assert error_of(os.rename, talk.thread(there[0]), talk.dir / "threads/x") == "EPERM"
    found = run_cmd(["rm", "-r", str(talk.thread(there[0]))], check=False)
    assert found.status != 0 and len(messages_in(talk.thread(there[0]))) == 2
    # A copy, and once more.
    copy = mount.state / "copy"
    for _ in range(2):
        run_cmd(["rsync", "-a", "--stats", f"{talk.thread(there[0])}/", str(copy)], check=True)
    assert messages_in(copy) == messages_in(talk.thread(there[0]))


@pytest.mark.sim("--data", "empty", "--max-page", 3)
def test_a_bot(sim, start_mount):
    """Roots that do not mention it are not for it; nothing is asked for without the filter."""
    room = sim.create_room("bots", ["simbot@webex.bot", BOB])["id"]
    bot = sim.me("bot-token")["id"]
    call = f"<@personId:{bot}|SimBot>"
    root = sim.post(room, "not for the bot", token="bob-token")

    def apart(message):
        """The next one is of another millisecond, so that each has its name without more."""
        wait_until(lambda: time.time() * 1000 > millis(message["created"]) + 2)
        return message

    apart(sim.post(room, markdown=f"{call} one", token="bob-token", parentId=root["id"]))
    other = apart(sim.post(room, markdown=f"{call} two", token="bob-token"))
    sim.post(room, markdown=f"{call} three", token="bob-token", parentId=other["id"])
    sim.post(room, "unseen", token="bob-token", parentId=other["id"])
    mount = start_mount(sim, token="bot-token")
    talk = Talk(sim, "bots", mount, room={"id": room})
    sim.clear_log()
    there = mount.ls(talk.dir / "threads/")
    assert len(there) == 2 and stem(other) in there
    unknown = [n for n in there if "_unknown-" in n]
    assert len(unknown) == 1
    assert len(talk.in_thread(other)) == 2 and len(talk.in_thread(unknown[0])) == 1
    lists = [r for r in talk.reads() if r["path"] == "/v1/messages"]
    assert all("mentionedPeople=me" in r["query"] for r in lists)
    before = len(talk.reads())
    mount.run("ls -lR threads/", cwd=talk.dir, check=True)
    assert len([r for r in talk.roots_read()]) == 1
    assert len(talk.reads()) <= before + 1, asked(sim)
