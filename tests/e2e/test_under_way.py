"""A file or text that is being sent meanwhile is moved again, removed or sent again."""
import contextlib
import errno
import json
import os
import signal
import threading
import time

import pytest

from lib.chat import Unsent, fails, opened, put
from lib.chat import pier, unsent  # noqa: F401  pylint: disable=unused-import
from lib.mount import mount_device
from lib.shell import kill_group, start_cmd
from lib.util import scaled, wait_until

POSTS = {"method": "POST", "route": "/messages$"}


def held(pier, what="a request that is held"):
    """Waits until a request of this mount is held by a fault."""
    wait_until(lambda: pier.sim.control("GET", "/health")["parked"] > 0, what=what)


def interrupted(command, pier, when):
    """Starts it, waits for `when`, interrupts it."""
    p = start_cmd(command, cwd=pier.dir)
    try:
        when()
        os.killpg(p.pid, signal.SIGINT)
        p.communicate(timeout=scaled(10))
    finally:
        kill_group(p)
    return p.returncode


# mv of a scratch file.

def test_what_is_written_while_an_interrupted_move_goes_on(pier, unsent):
    """Written and closed before it is known that the bytes of the move arrived: sent behind it, or,
    where it became a text, kept."""
    put(pier / "post", "low tide")
    text = os.readlink(pier / "last")
    for target, method in (("report", "POST"), (text, "PUT")):
        with opened(pier / ".a.swp", os.O_RDWR | os.O_CREAT) as fd:
            os.write(fd, b"one")
            fault = pier.sim.fault(method=method, hang=True)
            assert interrupted(["mv", ".a.swp", target], pier, lambda: held(pier)) != 0
            os.write(fd, b"two")
        pier.sim.clear_fault(fault)
        if method == "POST":
            wait_until(lambda: (pier / "report").read_bytes() == b"onetwo")
    wait_until(lambda: unsent.bytes() == [b"onetwo"])
    assert pier.file_names() == ["report", "report"]
    assert pier.texts()[0] == "one"


@pytest.mark.parametrize("more", [b"", b" more"])
def test_a_move_that_is_under_way_at_unmount_is_kept_once(pier, start_mount, more):
    """A move that arrives keeps no copy here; what was written behind it is there or here."""
    fault = pier.sim.fault(**POSTS, hang=True)
    fd = os.open(pier / ".a.swp", os.O_RDWR | os.O_CREAT)
    os.write(fd, b"report")
    assert interrupted(["mv", ".a.swp", "a.txt"], pier, lambda: held(pier)) != 0
    if more:
        os.write(fd, more)
    pier.mount.process.send_signal(signal.SIGTERM)
    wait_until(lambda: mount_device(pier.mount.path) is None)
    pier.sim.clear_fault(fault)
    with contextlib.suppress(OSError):
        os.close(fd)
    pier.mount.wait_ended()
    pier.mount = start_mount(pier.sim, state=pier.mount.state)
    sent = [pier.content(url)[1] for message in pier.messages() for url in message["files"]]
    assert b"report" in sent
    assert sorted(sent + Unsent(pier.mount).bytes()) == [b"report"] + [b"report" + more] * bool(more)


def test_what_became_a_text_can_be_looked_at_by_who_has_it_open(pier, unsent):
    put(pier / "post", "low tide")
    text = os.readlink(pier / "last")
    with opened(pier / ".a.swp", os.O_RDWR | os.O_CREAT) as fd:
        os.write(fd, b"high tide")
        os.rename(pier / ".a.swp", pier / text)
        assert os.pread(fd, 100, 0) == b"high tide"
        os.utime(fd, (7, 7))
        assert os.fstat(fd).st_size == 9
    assert pier.texts() == ["high tide"]
    # A file that changes nothing can be looked at, too.
    before = (pier / "space.json").read_bytes()
    with fails(errno.EIO), opened(pier / ".a.swp", os.O_RDWR | os.O_CREAT) as fd:
        os.write(fd, before)
        os.rename(pier / ".a.swp", pier / "space.json")
        os.write(fd, b" ")
    assert unsent.bytes() == [before + b" "]


def test_a_move_that_failed_is_made_again(pier, unsent):
    """The second mv sends the file, too; a third one finds nothing to move."""
    put(pier / "a.txt~", "report\n")
    pier.sim.fault(**POSTS, status=403, message="Not today.", times=1)
    with fails(errno.EACCES):
        os.rename(pier / "a.txt~", pier / "a.txt")
    assert unsent.bytes() == [b"report\n"]
    assert (pier / "a.txt~").read_text() == "report\n"
    os.rename(pier / "a.txt~", pier / "a.txt")
    assert pier.files() == {"a.txt": b"report\n"}
    assert (pier / "a.txt").read_text() == "report\n"
    with fails(errno.ENOENT):
        os.rename(pier / "a.txt~", pier / "a.txt")
    # A file that cannot be sent under that name stays, and may get another name.
    put(pier / "b.txt~", "b\n")
    for _ in range(2):
        with fails(errno.EINVAL):
            os.rename(pier / "b.txt~", pier / "b\x01.txt")
    os.rename(pier / "b.txt~", pier / ".b.swp")
    os.rename(pier / ".b.swp", pier / "files/b.txt")
    assert pier.files() == {"a.txt": b"report\n", "b.txt": b"b\n"}


def test_a_move_that_was_interrupted_is_made_again(pier, unsent):
    """While the first is on the wire the second waits for it: one of them sends."""
    for i, ending in enumerate(("arrives", "is refused")):
        name = f"r{i}.txt"
        put(pier / f"{name}~", f"report {i}\n")
        fault = pier.sim.fault(**POSTS, hang=True) if ending == "arrives" else \
            pier.sim.fault(**POSTS, hang="before", status=403, times=1)
        assert interrupted(f"mv {name}~ {name}", pier, lambda: held(pier)) != 0
        assert (pier / f"{name}~").read_text() == f"report {i}\n"
        again = start_cmd(f"mv {name}~ {name}", cwd=pier.dir)
        other = start_cmd(f"mv {name}~ files/{name}", cwd=pier.dir)
        try:
            time.sleep(0.1)
            assert again.poll() is None
            pier.sim.clear_fault(fault)
            results = [p.wait(scaled(10)) for p in (again, other)]
        finally:
            kill_group(again)
            kill_group(other)
        # Either the interrupted one sent it, or one of these two.
        assert sorted(results) == ([1, 1] if ending == "arrives" else [0, 1]), ending
        assert pier.file_names().count(name) == 1, ending
        assert not (pier / f"{name}~").exists()
    # What the one left that was refused has arrived by the other.
    assert unsent.names() == []


def test_a_move_that_waits_can_be_interrupted(pier):
    """A mv that was interrupted while it waited for its turn sends nothing later."""
    put(pier / "a.txt~", "a\n")
    fault = pier.sim.fault(**POSTS, hang="before", status=403, times=1)
    assert interrupted("mv a.txt~ a.txt", pier, lambda: held(pier)) != 0
    assert interrupted("mv a.txt~ b.txt", pier, lambda: time.sleep(0.2)) != 0
    pier.sim.clear_fault(fault)
    wait_until(lambda: [r["status"] for r in pier.sim.requests("POST", "/messages")] == [403])
    os.rename(pier / "a.txt~", pier / "c.txt")
    assert pier.files() == {"c.txt": b"a\n"}


def test_two_moves_of_one_file_at_once(pier, unsent):
    """One mv sends the file, the other one fails with ENOENT."""
    for i in range(6):
        put(pier / f"f{i}.tmp", f"{i}\n")
    moves = [start_cmd(f"for i in 0 1 2 3 4 5; do mv f$i.tmp {where} && echo $i; done 2>&1",
                       cwd=pier.dir) for where in ("$i.txt", "files/$i.txt", "x$i.txt")]
    won = []
    for p in moves:
        out = p.communicate(timeout=scaled(20))[0].decode().splitlines()
        won += [line for line in out if line.isdigit()]
        assert all(line.isdigit() or "No such file" in line for line in out), out
    assert sorted(won) == [str(i) for i in range(6)]
    assert sorted(pier.files().values()) == [f"{i}\n".encode() for i in range(6)]
    assert unsent.names() == []


# rm of a file that is being sent.

class Sending:
    """A file that another thread closes; `error` is what its close said."""

    def __init__(self, pier, name, data):
        self.error = None
        self.thread = threading.Thread(target=self.run, args=(pier / name, data))
        self.thread.start()

    def run(self, path, data):
        try:
            put(path, data)
            self.error = 0
        except OSError as e:
            self.error = e.errno

    def end(self):
        self.thread.join(scaled(20))
        assert not self.thread.is_alive()
        return self.error


@pytest.mark.parametrize("where", ["answer", "body"])
def test_a_file_that_is_being_sent_is_removed(pier, unsent, where):
    """However much of the file has been sent: once rm succeeds, the space does not have it."""
    data = os.urandom(20_000_000) if where == "body" else b"secret\n"
    fault = pier.sim.fault(**POSTS, **({"hang": "body"} if where == "body" else
                                       {"delayMs": 1000}))
    sending = Sending(pier, "oops.bin", data)
    wait_until(lambda: pier.sim.requests("POST", "/messages"))
    os.unlink(pier / "oops.bin")
    assert pier.messages() == []
    assert sending.end() == 0
    pier.sim.clear_fault(fault)
    assert "oops.bin" not in pier.ls()
    assert pier.posts() == 1 and pier.messages() == [] and unsent.names() == []
    # Its name is free.
    put(pier / "oops.bin", "better")
    assert pier.files() == {"oops.bin": b"better"}


def test_a_file_whose_answer_does_not_come_is_removed(pier, unsent):
    """rm fails and says that it takes longer; the file goes when the answer has come."""
    fault = pier.sim.fault(**POSTS, hang=True)
    sending = Sending(pier, "oops.txt", "secret\n")
    held(pier)
    began = time.monotonic()
    with fails(errno.ETIMEDOUT):
        os.unlink(pier / "oops.txt")
    assert time.monotonic() - began < 5 + scaled(2)
    assert "oops.txt: it is being sent" in unsent.last_error()
    pier.sim.clear_fault(fault)
    assert sending.end() == 0
    wait_until(lambda: pier.sim.requests("DELETE") and pier.messages() == [])


def test_a_file_that_was_sent_and_is_still_open_is_removed(pier):
    """fsync sent the file. Where it was a new version, rm leaves the older one."""
    for name in ("a.txt", "b.txt"):
        if name == "b.txt":
            put(pier / name, "old")
        with opened(pier / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as fd:
            os.write(fd, b"new")
            os.fsync(fd)
            os.unlink(pier / name)
            os.write(fd, b"er")
    assert pier.files() == {"b.txt": b"old"}
    assert (pier / "b.txt").read_text() == "old"


def test_a_refusal_of_what_is_removed_is_told(pier, unsent):
    """The close of the writer fails with the refusal, and the outbox keeps the bytes."""
    pier.sim.fault(**POSTS, hang="before", status=403)
    sending = Sending(pier, "a.txt", "words")
    held(pier)
    answer = threading.Timer(scaled(1), pier.sim.control, ("POST", "/release"))
    answer.start()
    os.unlink(pier / "a.txt")
    answer.join()
    assert sending.end() == errno.EACCES
    assert unsent.bytes() == [b"words"]
    assert "a.txt" not in pier.ls()


# The same content is sent a second time.

def send_same(pier, how, name):
    if how == "cp":
        put(pier / name, "monthly\n")
    elif how == "files":
        put(pier / "files" / name, "monthly\n")
    else:
        put(pier / f"{name}~", "monthly\n")
        os.rename(pier / f"{name}~", pier / name)


def test_the_same_file_again_is_asked_for(pier, unsent):
    """Still there: one GET, no POST. Gone: sent. No answer: kept, neither lost nor doubled."""
    for how in ("cp", "files", "mv"):
        name = f"{how}.txt"
        send_same(pier, how, name)
        pier.sim.clear_log()
        send_same(pier, how, name)
        asked = [r["path"] for r in pier.sim.requests("GET")]
        assert pier.posts() == 0 and len(asked) == 1 and "/v1/messages/" in asked[0], (how, asked)
        assert pier.file_names().count(name) == 1
        # An answer that says neither that the message is there nor that it is gone.
        pier.sim.fault(method="GET", route="/messages/*", status=403, times=1)
        with fails(errno.EACCES):
            send_same(pier, how, name)
        assert unsent.bytes() == [b"monthly\n"] and pier.posts() == 0
        os.unlink(unsent.dir / unsent.names()[0])
        if how == "mv":
            os.unlink(pier / f"{name}~")
        [last] = [m for m in pier.messages() if name in pier.content(m["files"][0])[0]]
        pier.sim.api("DELETE", f"/messages/{last['id']}")
        send_same(pier, how, name)
        assert pier.posts() == 1, how
        assert pier.files()[name] == b"monthly\n"
        assert (pier / name).read_text() == "monthly\n"


def test_an_unsent_file_that_is_there_already(pier, unsent):
    """It was sent before: resending posts no second one, and succeeds."""
    put(pier / "a.txt", "once\n")
    # The server does not say whether it is there.
    pier.sim.fault(method="GET", route="/messages/", status=403, times=1)
    with fails(errno.EACCES):
        put(pier / "a.txt", "once\n")
    posts = pier.posts()
    pier.run(f"mv '{unsent.dir / unsent.names()[0]}' a.txt", check=True)
    assert pier.posts() == posts and unsent.names() == []
    assert pier.file_names() == ["a.txt"]


def test_an_edit_that_changes_nothing_is_asked_for(pier, unsent):
    """Where the message is gone or was edited elsewhere, the edit does not succeed."""
    for text in ("one", "two", "three"):
        put(pier / "post", text)
    one, two, three = pier.listed()
    ids = [m["id"] for m in pier.messages()]
    pier.sim.clear_log()
    put(pier / one, "one\n")
    assert pier.sim.requests("PUT") == [] and len(pier.sim.requests("GET")) == 1
    pier.sim.api("PUT", f"/messages/{ids[1]}", {"roomId": pier.id, "text": "2"}).ok()
    with fails(errno.ESTALE):
        put(pier / two, "two\n")
    assert (pier / two).read_text() == "2\n"
    pier.sim.api("DELETE", f"/messages/{ids[2]}")
    with fails(errno.ENOENT):
        put(pier / three, "three\n")
    assert sorted(unsent.bytes()) == [b"three", b"two"]
    assert pier.texts() == ["one", "2"]


# space.json and memberships.

def test_a_change_of_a_space_that_fails_is_kept(pier, unsent):
    """unsent/ has the content that was written and the reason, so that it can be written again."""
    pier.sim.fault(method="PUT", route="/rooms/*", status=403, message="Not today.", times=1)
    wish = json.dumps({"title": "Quay"}).encode()
    with fails(errno.EACCES):
        put(pier / "space.json", wish)
    name, kept, why = unsent.one()
    assert name.endswith("_Pier_space.json") and kept == wish
    assert "Not today." in why["reason"] and "Pier" in json.dumps(why)
    for where in ("space.json", "last"):
        with fails(errno.EPERM):
            os.rename(unsent.dir / name, pier / where)
    assert "cat it > last" in unsent.last_error() and pier.messages() == []
    with fails(errno.EINVAL):
        put(pier / "space.json", b'{"title": 7}')
    with fails(errno.EINVAL):
        put(pier / "members/alice@example.com", b'{"isModerator": 7}')
    assert sorted(unsent.bytes()) == sorted([wish, b'{"title": 7}', b'{"isModerator": 7}'])
    # A writer that is killed while it writes has changed nothing; unsent/ keeps its bytes, too.
    pier.run("exec > space.json; printf '{\"title\": \"Mole\"}'; kill -9 $$")
    wait_until(lambda: b'{"title": "Mole"}' in unsent.bytes())
    pier.run(f"cat '{unsent.dir / name}' > space.json", check=True)
    wait_until(lambda: pier.mount.ls("spaces") == ["Quay"])


def test_a_change_that_changes_nothing_is_asked_for(pier, unsent):
    """Where the space was changed elsewhere, the write fails, and does not undo that change."""
    for path, thing, change in (
            ("space.json", f"/rooms/{pier.id}", {"title": "Pier", "isLocked": True}),
            ("members/bob@example.com", None, {"isModerator": True})):
        if thing is None:
            put(pier / path, b"")
            thing = "/memberships/" + json.loads((pier / path).read_text())["id"]
        text = (pier / path).read_text()
        pier.sim.clear_log()
        put(pier / path, text)
        assert [r["method"] for r in pier.sim.log()] == ["GET"], path
        pier.sim.api("PUT", thing, change).ok()
        with fails(errno.ESTALE):
            put(pier / path, text)
        assert pier.sim.api("GET", thing).json[list(change)[-1]] is True
        assert "changed elsewhere" in unsent.last_error()
        assert (pier / path).read_text() != text
        # A writer that has read the change can undo it.
        put(pier / path, text)
        assert pier.sim.api("GET", thing).json[list(change)[-1]] is False


# Spaces.

def test_a_space_that_is_deleted_while_something_is_sent(pier, unsent):
    """The space is deleted elsewhere, not by rmdir: the close fails, and the bytes are kept."""
    for name, error, why in (("a.txt", errno.ENOTEMPTY, "a file is being written"),
                             ("post", errno.EBUSY, "something is being sent")):
        fault = pier.sim.fault(**POSTS, hang=True)
        sending = Sending(pier, name, "words")
        held(pier)
        with fails(error):
            os.rmdir(pier.dir)
        assert why in unsent.last_error()
        pier.sim.clear_fault(fault)
        assert sending.end() == 0
        os.unlink(pier / pier.listed()[0])
    fault = pier.sim.fault(**POSTS, hang=True)
    sending = [Sending(pier, name, "more") for name in ("b.txt", "post")]
    held(pier)
    pier.sim.api("DELETE", f"/rooms/{pier.id}")
    pier.sim.clear_fault(fault)
    assert [s.end() for s in sending] == [errno.ENOENT, errno.ENOENT]
    assert unsent.bytes() == [b"more", b"more"]
