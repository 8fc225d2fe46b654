"""Writing into a thread: whatever way, it is a reply, once, and seen at once in the thread, in the
space and in the transcript."""
import errno
import json
import os

import pytest

from lib.chat import VIM, Space, Unsent, fails, put
from lib.chat import pier, unsent  # noqa: F401  pylint: disable=unused-import
from lib.shell import kill_group, start_cmd
from lib.util import wait_until

WORDS = "No sailing today."


class Thread:
    """The thread of a message, as the mount shows it and as the server has it."""

    def __init__(self, space, root):
        self.space = space
        self.root = root

    @property
    def stem(self):
        (name,) = [n[:-4] for n in self.space.listed()
                   if json.loads((self.space / (n[:-4] + ".json")).read_text())["id"]
                   == self.root["id"]]
        return name

    @property
    def dir(self):
        return self.space / "threads" / self.stem

    def __truediv__(self, name):
        return self.dir / name

    def run(self, command, **options):
        return self.space.mount.run(command, cwd=self.dir, **options)

    def ls(self):
        return self.space.mount.ls(self.dir)

    def listed_texts(self):
        return [(self / n).read_text() for n in self.ls()
                if n[:2] == "20" and n.endswith(".txt")]

    def replies(self):
        """Oldest first, as the server has them."""
        return [m for m in self.space.messages() if m.get("parentId") == self.root["id"]]

    def texts(self):
        return [m.get("text", "") for m in self.replies()]


def thread_of(space, text="Who comes?", **more):
    root = space.sim.post(space.id, text, **more)
    wait_until(lambda: text + "\n" in space.listed_texts(), 20)
    return Thread(space, root)


@pytest.fixture
def thread(pier):
    return thread_of(pier)


# How, and what the reply says; a file says its name.

WAYS = [
    ("echo one > post", "one"),
    ("echo '**two**' > post.md", "two"),
    ("echo '{\"text\": \"three\"}' > post.json", "three"),
    ("echo four | tee post >/dev/null", "four"),
    ("printf five > \"$DATA\"; cp \"$DATA\" post", "five"),
]
FILES = [
    ("cp \"$DATA\" .", "data"),
    ("cp \"$DATA\" b.bin", "b.bin"),
    ("cp \"$DATA\" files/c.bin", "c.bin"),
    ("rsync \"$DATA\" d.bin", "d.bin"),
    ("cp \"$DATA\" .e.swp; mv .e.swp e.bin", "e.bin"),
    ("echo '{\"text\": \"with\", \"files\": [\"'\"$DATA\"'\"]}' > post.json", "data"),
]


@pytest.mark.mount("poll=600")
def test_each_way_is_a_reply_and_seen_at_once(pier, thread, tmp_path):
    data = tmp_path / "data"
    env = {"DATA": str(data)}
    log = pier / "transcript.log"
    log.read_text()
    thread.ls()
    said = []
    for command, text in WAYS:
        data.write_bytes(b"")
        thread.run(["/bin/bash", "-c", command], check=True, env=env)
        said.append(text)
        assert thread.texts() == said, command
        shown = [t.strip("*\n") for t in thread.listed_texts()]
        assert shown == ["Who comes?", *said], command
        assert [t.strip("*\n") for t in pier.listed_texts()] == ["Who comes?", *said]
        assert text in log.read_text().splitlines()[-1]
        assert os.readlink(thread / "last") in thread.ls()
        assert (thread / "last").read_text().strip("*\n") == text
        assert (pier / "last").read_text().strip("*\n") == text
    # At a reply, and at a month, it is the same thread.
    month = f"history/{thread.stem[:7]}/threads/{thread.stem}/"
    for number, directory in enumerate((f"threads/{os.readlink(thread / 'last')[:-4]}/", month)):
        pier.run(f"echo {number} > '{directory}post'", check=True)
        said.append(str(number))
        assert thread.texts() == said
        assert (thread / "last").read_text() == f"{number}\n"
    for command, name in FILES:
        data.write_bytes(os.urandom(1000))
        before = len(thread.replies())
        thread.run(["/bin/bash", "-c", command], check=True, env=env)
        new = thread.replies()[before:]
        assert len(new) == 1 and len(new[0]["files"]) == 1, command
        assert pier.content(new[0]["files"][0]) == (name, data.read_bytes())
        assert (thread / name).read_bytes() == data.read_bytes(), command
        assert (thread / "files" / name).read_bytes() == data.read_bytes(), command
        assert name in pier.mount.ls(thread / "files")
    # In the space itself nothing was begun.
    assert [m["id"] for m in pier.messages() if "parentId" not in m] == [thread.root["id"]]
    assert Unsent(pier.mount).names() == []


def test_a_file_that_is_there_already_is_not_sent_again(pier, thread, tmp_path):
    """Per thread: the same file in another thread, or in the space, is another."""
    other = thread_of(pier, "Who pays?")
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "plan.txt").write_text("the plan")
    for target, count in ((thread, 1), (thread, 1), (other, 2), (thread, 2)):
        target.run(["rsync", "-a", f"{folder}/", "files/"], check=True)
        target.run(["cp", folder / "plan.txt", "plan.txt"], check=True)
        assert len(pier.messages()) == 2 + count
    assert len(thread.replies()) == len(other.replies()) == 1
    # A new version goes where the old one is.
    (folder / "plan.txt").write_text("the new plan")
    thread.run(["cp", folder / "plan.txt", "plan.txt"], check=True)
    assert len(thread.replies()) == 2 and len(other.replies()) == 1
    assert (thread / "plan.txt").read_text() == "the new plan"
    assert (other / "plan.txt").read_text() == "the plan"
    other.run(["cp", folder / "plan.txt", "plan.txt"], check=True)
    assert len(other.replies()) == 2
    assert len(pier.messages()) == 2 + 4


def test_edits_and_rm_in_a_thread(pier, thread, tmp_path):
    put(thread / "post", "ferst")
    name = os.readlink(thread / "last")
    thread.run(f"sed -i s/ferst/first/ {name}", check=True)
    assert thread.texts() == ["first"]
    thread.run([*VIM, "-c", "s/first/1st/", "-c", "wq", name], check=True)
    assert thread.texts() == ["1st"] and (pier / name).read_text() == "1st\n"
    assert os.stat(thread / name).st_ino == os.stat(pier / name).st_ino
    for command in (f"mv {name} renamed.txt", f"mv {name} {tmp_path}", f"mv {name} ..",
                    "rm -r ../" + thread.stem, "rmdir ../" + thread.stem, "mkdir sub",
                    f"mv ../{thread.stem} {tmp_path}", f"mv ../{thread.stem} ../other"):
        assert thread.run(command).status != 0, command
    assert thread.texts() == ["1st"] and len(pier.texts()) == 2
    thread.run(["rm", name], check=True)
    assert thread.texts() == [] and name not in pier.ls()
    assert pier.texts() == ["Who comes?"]


def test_a_message_that_vanished_meanwhile(pier, thread, unsent):
    other = thread_of(pier, "Who pays?")
    directory = thread.dir
    os.listdir(directory)
    fd = os.open(directory / "post", os.O_WRONLY)
    os.write(fd, b"I do")
    pier.sim.api("DELETE", f"/messages/{thread.root['id']}").ok(204)
    with fails(errno.ENOENT):
        os.close(fd)
    name, data, why = unsent.one()
    assert data == b"I do" and name.endswith("_reply.txt")
    assert "not there any more" in why["reason"] and why["parentId"] == thread.root["id"]
    assert why["thread"] == directory.name and why["place"] == "Pier"
    assert "threads/" + directory.name in unsent.last_error()
    # It goes to another thread, or into the space.
    pier.run(["mv", unsent.dir / name, other / "post"], check=True)
    assert other.texts() == ["I do"] and unsent.names() == []


def test_what_is_unsent_goes_where_it_is_moved(pier, thread, unsent):
    other = thread_of(pier, "Who pays?")
    ways = [(thread, other), (thread, pier), (pier, thread)]
    for made, moved in ways:
        file = f"x{ways.index((made, moved))}.bin"
        for name, data in (("post", "text"), ("post.json", '{"text": "text"}'),
                           (file, b"text")):
            fault = pier.sim.fault(method="POST", route="/messages$", status=403, message=WORDS)
            with fails(errno.EACCES):
                put(made / name, data)
            pier.sim.clear_fault(fault)
            (kept,) = unsent.names()
            pier.run(["mv", unsent.dir / kept, moved / (file if name == file else "post")],
                     check=True)
            assert unsent.names() == []
            last = pier.messages()[-1]
            assert last.get("parentId") == (None if moved is pier else moved.root["id"])


@pytest.mark.parametrize("kind", ["post", "x.bin"])
def test_the_answer_is_lost(pier, thread, unsent, kind):
    """The same in the space at the same time is another message."""
    # What is sent to a thread is a file of the space, too, which has it then.
    for first, second in ((thread, pier), (pier, thread))[kind != "post":]:
        count = len(pier.messages())
        pier.sim.fault(method="POST", route="/messages$", times=1, reset="after")
        put(first / kind, f"yes {count}")
        put(second / kind, f"yes {count}")
        new = pier.messages()[count:]
        assert [m.get("parentId") for m in new] == \
            [None if t is pier else t.root["id"] for t in (first, second)]
    assert unsent.names() == []


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("name", ["post", "x.bin"])
def test_a_kill_while_it_is_sent(pier, thread, start_mount, when, name):
    """What arrived is found in its thread; the same in the space is no proof of it."""
    pier.sim.fault(method="POST", route="/messages$", times=1, hang=when)
    pier.sim.clear_log()
    writer = start_cmd(["/bin/sh", "-c", 'printf yes > "$0"', thread / name])
    try:
        wait_until(lambda: pier.posts() == 1)
        if when == "after":
            wait_until(thread.replies)
        pier.mount.kill()
        wait_until(lambda: pier.sim.control("GET", "/health")["parked"] == 0)
    finally:
        kill_group(writer)
        writer.wait()
    pier.sim.clear_faults()
    if name == "post":
        pier.sim.post(pier.id, "yes")
    else:
        pier.sim.upload(pier.id, name, b"yes")
    pier.mount = start_mount(pier.sim, state=pier.mount.state)
    unsent = Unsent(pier.mount)
    if when == "before":
        letter, data, why = unsent.one()
        assert data == b"yes" and why["parentId"] == thread.root["id"]
        assert why["thread"] == thread.stem
        wait_until(lambda: pier.run(["mv", unsent.dir / letter, thread / name]).status == 0)
    wait_until(lambda: not unsent.names())
    assert len(thread.replies()) == 1 and len(pier.messages()) == 3
    assert pier.posts() == (3 if when == "before" else 2)


def test_what_is_known_is_said_by_the_open(start_sim, start_mount):
    """A shell shows the error of an open alone: a space for announcements, and a mount that is
    only read."""
    sim = start_sim("--data", "empty")
    rooms = [sim.control("POST", "/rooms", {"title": title, "person": "bob",
                                            "members": ["alice"], **more})
             for title, more in (("News", {"isAnnouncementOnly": True, "isLocked": True}),
                                 ("Quay", {}))]
    for room in rooms:
        sim.post(room["id"], "Who comes?", token="bob-token")
    sim.clear_log()
    mount = start_mount(sim)
    read_only = start_mount(sim, "ro")
    for mounted, title, error in ((mount, "News", errno.EACCES), (read_only, "Quay", errno.EROFS)):
        space = Space(sim, title, mounted, room={"id": sim.room(title)["id"]})
        wait_until(space.listed, 20)
        directory = space / "threads" / space.listed()[0][:-4]
        os.listdir(directory)
        for name in ("post", "post.md", "post.json", "x.bin", "files/x.bin"):
            with fails(error):
                os.open(directory / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    assert sim.requests("POST", "/messages$") == []


@pytest.mark.mount(token="bot-token")
def test_a_bot_answers_in_the_thread(sim, mount):
    space = Space(sim, "Support desk", mount, room=sim.room("Support desk", token="bot-token"))
    (name,) = space.listed()
    directory = space / "threads" / name[:-4]
    space.run(["/bin/sh", "-c", 'echo "on it" > "$0"', directory / "post"], check=True)
    own = os.readlink(directory / "last")
    assert (directory / own).read_text() == (space / own).read_text() == "on it\n"
    made = json.loads((directory / own.replace(".txt", ".json")).read_text())
    assert made["parentId"] == json.loads((space / name.replace(".txt", ".json")).read_text())["id"]
    space.run(["rm", directory / own], check=True)
    assert own not in mount.ls(directory)
