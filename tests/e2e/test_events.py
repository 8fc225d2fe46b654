"""The stream of events: what is told, where one goes on, and that nobody hangs on it."""
import errno
import os
import re
import select
import signal
import subprocess
import threading
import time

import pytest

from lib.mount import read_proc
from lib.shell import kill_group, run_cmd, start_cmd
from lib.tree import error_of, messages_in, txt_name
from lib.util import scaled, wait_until

LINE = re.compile(r"(\d+) (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) ([a-z-]+) (.+)")


class Stream:
    """A program that reads events, and the lines that it got so far."""

    def __init__(self, path, command="exec cat"):
        self.process = start_cmd(["/bin/sh", "-c", f'{command} < "$0"', str(path)])
        self.text = b""
        self.thread = threading.Thread(target=self.collect, daemon=True)
        self.thread.start()
        # It is told of what happens from its open on.
        wait_until(lambda: self.opened(path), what="open of " + str(path))

    def opened(self, path):
        if self.process.poll() is not None:
            return True
        try:
            name = os.readlink(f"/proc/{self.process.pid}/fd/0")
        except OSError:
            return False
        return os.path.basename(name) == os.path.basename(path)

    def collect(self):
        while chunk := os.read(self.process.stdout.fileno(), 65536):
            self.text += chunk

    def lines(self):
        """(cursor, what, path) of each complete line."""
        found = []
        for line in self.text.decode().split("\n")[:-1]:
            match = LINE.fullmatch(line)
            assert match, repr(line)
            found.append((int(match[1]), match[3], match[4]))
        return found

    def told(self):
        """"what path" of each line."""
        return [f"{what} {path}" for _, what, path in self.lines()]

    def wait(self, *expected, deadline=10):
        wait_until(lambda: self.told() == list(expected) or None, deadline,
                   f"{expected} in {self.text!r}") if len(self.told()) < len(expected) else 0
        assert self.told() == list(expected)

    def end(self, signum=signal.SIGTERM, limit=5):
        """Ends it by a signal, at once; returns its status."""
        begin = time.monotonic()
        self.process.send_signal(signum)
        status = self.process.wait(scaled(limit))
        assert time.monotonic() - begin < scaled(limit)
        self.thread.join(scaled(5))
        self.process.stdout.close()
        self.process.stderr.close()
        return status


@pytest.fixture
def stream():
    streams = []

    def start(path, *args):
        streams.append(Stream(path, *args))
        return streams[-1]

    yield start
    for s in streams:
        if s.process.poll() is None:
            s.end(signal.SIGKILL)


@pytest.fixture
def room(sim):
    """A space of alice and bob that has messages."""
    made = sim.create_room("Ops", ["bob@example.com"])
    sim.post(made["id"], "the first")
    return made


def look(mount, name="Ops"):
    """What a person does who wants to see the news: the lists are read anew."""
    names = messages_in(mount.space(name))
    os.listdir(mount.space(name) / "members")
    return names


def edit(sim, message, text, token="alice-token"):
    return sim.api("PUT", "/messages/" + message["id"],
                   {"roomId": message["roomId"], "text": text}, token=token).ok().json


# Without polls a list is good for three seconds of the mount's time.
pytestmark = [pytest.mark.sim("--data", "empty"), pytest.mark.mount("timeout=150", hurry=5)]


# What is told.


def test_messages(sim, room, mount, stream):
    look(mount)
    events = stream(mount / "events")
    m = sim.post(room["id"], "hello", token="bob-token")
    path = "spaces/Ops/" + wait_until(
        lambda: [n for n in look(mount) if "_bob@" in n])[0]
    events.wait("message-created " + path)
    # Who reads of it finds it.
    assert (mount / path).read_text() == "hello\n"
    edit(sim, m, "hello again", token="bob-token")
    wait_until(lambda: look(mount) and len(events.told()) == 2)
    assert (mount / path).read_text() == "hello again\n"
    sim.api("DELETE", "/messages/" + m["id"], token="bob-token").ok(204)
    wait_until(lambda: look(mount) and len(events.told()) == 3)
    assert not (mount / path).exists()
    events.wait("message-created " + path, "message-edited " + path,
                "message-deleted " + path)
    cursors = [cursor for cursor, _, _ in events.lines()]
    assert cursors == list(range(cursors[0], cursors[0] + 3))


def test_members(sim, room, mount, stream):
    look(mount)
    events = stream(mount / "events")
    admin = sim.api("POST", "/memberships", {
        "roomId": room["id"], "personEmail": "admin@example.com"}).ok().json
    wait_until(lambda: look(mount) and len(events.told()) == 1)
    bob = next(m for m in sim.all("/memberships", query={"roomId": room["id"]})
               if m["personEmail"] == "bob@example.com")
    sim.api("PUT", "/memberships/" + bob["id"], {"isModerator": True}).ok()
    wait_until(lambda: look(mount) and len(events.told()) >= 2)
    sim.api("DELETE", "/memberships/" + admin["id"], token="bob-token").ok(204)
    wait_until(lambda: look(mount) and "member-removed" in events.told()[-1])
    told = events.told()
    assert told[0] == "member-added spaces/Ops/members/admin@example.com"
    assert "member-changed spaces/Ops/members/bob@example.com" in told[1:-1]
    assert told[-1] == "member-removed spaces/Ops/members/admin@example.com"
    # The others became no members again by it.
    assert not [line for line in told[1:] if "added" in line]


def test_spaces(sim, room, mount, stream):
    mount.ls("spaces")
    events = stream(mount / "events")
    told = []

    def happens(*lines):
        told.extend(lines)
        wait_until(lambda: mount.ls("spaces") and len(events.told()) >= len(told))
        assert events.told() == told

    new = sim.create_room("New", ["alice@example.com"], token="bob-token")
    happens("space-added spaces/New")
    sim.api("PUT", "/rooms/" + new["id"], {"title": "Now / then"}, token="bob-token").ok()
    happens("space-renamed-from spaces/New", "space-renamed spaces/Now \u2215 then")
    sim.api("DELETE", "/rooms/" + new["id"], token="bob-token").ok(204)
    happens("space-removed spaces/Now \u2215 then")
    sim.post(room["id"], "only activity", token="bob-token")
    sim.api("PUT", "/rooms/" + room["id"], {"title": "Ops", "isLocked": True}).ok()
    happens("space-changed spaces/Ops")


def test_ones_own_doing(room, mount, stream):
    names = look(mount)
    events = stream(mount / "events")
    mount.run("echo hi > spaces/Ops/post").ok()
    name = "spaces/Ops/" + next(n for n in look(mount) if n not in names)
    events.wait("message-created " + name)
    mount.run(f"echo better > '{name}'").ok()
    mount.run(f"rm '{name}'").ok()
    mount.run("touch spaces/Ops/members/admin@example.com").ok()
    mount.run("rm spaces/Ops/members/admin@example.com").ok()
    mount.run("mkdir spaces/Mine && mv spaces/Mine spaces/Yours && rmdir spaces/Yours").ok()
    # What the server lists later is told of no second time.
    look(mount)
    mount.ls("spaces")
    events.wait("message-created " + name, "message-edited " + name,
                "message-deleted " + name,
                "member-added spaces/Ops/members/admin@example.com",
                "member-removed spaces/Ops/members/admin@example.com",
                "space-added spaces/Mine", "space-renamed-from spaces/Mine",
                "space-renamed spaces/Yours", "space-removed spaces/Yours")


def test_what_was_there_before_is_no_news(sim, room, mount, stream):
    sim.create_room("Other", ["bob@example.com"])
    events = stream(mount / "events")
    look(mount)
    look(mount, "Other")
    mount.run("cat spaces/Ops/*.txt").ok()
    sim.post(room["id"], "now", token="bob-token")
    wait_until(lambda: look(mount) and events.told())
    assert len(events.told()) == 1


def test_link(sim, room, mount, stream):
    look(mount)
    events = stream(mount / "events")
    sim.kill()
    down, up = [f"link-{w} .sparkfs/status.json" for w in ("down", "up")]
    wait_until(lambda: look(mount) and events.told(), 20)
    assert events.told() == [down]
    assert '"online": false' in (mount / events.lines()[0][2]).read_text()
    sim.start()
    wait_until(lambda: (mount.ls("spaces") or True) and len(events.told()) > 1, 20)
    assert events.told()[:2] == [down, up]


# News come by themselves while somebody reads.


@pytest.mark.mount("poll=1,idle=3")
def test_an_open_stream_keeps_the_polling_awake(sim, room, mount, stream):
    look(mount)
    other = sim.create_room("Other", ["bob@example.com"])
    events = stream(mount / "events")
    # Longer than the mount is awake without use.
    quiet = time.monotonic() + scaled(4)
    wait_until(lambda: time.monotonic() > quiet, 10)
    told = ["space-added spaces/Other"]
    wait_until(lambda: events.told() == told)
    for r, title in ((other, "Other"), (room, "Ops")):
        m = sim.post(r["id"], "hello", token="bob-token")
        told.append(f"message-created spaces/{title}/{txt_name(m)}")
        wait_until(lambda: len(events.told()) >= len(told))
    # Edits and deletions of the spaces that are in use.
    edit(sim, m, "better", token="bob-token")
    told.append(f"message-edited spaces/Ops/{txt_name(m)}")
    wait_until(lambda: len(events.told()) >= len(told))
    sim.api("DELETE", "/messages/" + m["id"], token="bob-token").ok(204)
    told.append(f"message-deleted spaces/Ops/{txt_name(m)}")
    wait_until(lambda: len(events.told()) >= len(told))
    sim.api("PUT", "/rooms/" + other["id"], {"title": "Else"}).ok()
    told += ["space-renamed-from spaces/Other", "space-renamed spaces/Else"]
    wait_until(lambda: len(events.told()) >= len(told))
    assert events.told() == told


@pytest.mark.mount("poll=1,idle=3")
def test_link_while_nobody_asks(sim, room, mount, stream):
    look(mount)
    events = stream(mount / "events")
    sim.kill()
    wait_until(events.told, 30)
    assert events.told() == ["link-down .sparkfs/status.json"]
    sim.start()
    wait_until(lambda: len(events.told()) > 1, 30)
    assert events.told()[1] == "link-up .sparkfs/status.json"


# Where one goes on.


def test_resume_after_unmount_and_crash(sim, room, start_mount, stream):
    mount = start_mount(sim)
    look(mount)
    events = stream(mount / "events")
    seen = []
    for how in ("unmount", "kill"):
        m = sim.post(room["id"], how, token="bob-token")
        wait_until(lambda: look(mount) and events.lines())
        seen += events.lines()
        assert seen[-1][1:] == ("message-created", "spaces/Ops/" + txt_name(m))
        missed = [sim.post(room["id"], f"{how} {i}", token="bob-token") for i in range(3)]
        if how == "kill":
            mount.kill()
        else:
            assert events.end() == -signal.SIGTERM
            mount.unmount()
        mount = start_mount(sim, state=mount.state)
        events = stream(mount / f"events@{seen[-1][0]}")
        wait_until(lambda: look(mount) and len(events.lines()) == 3)
        # Two of one millisecond are told apart by "~" and digits.
        assert [re.sub("~.*", ".txt", p) for _, _, p in events.lines()] == [
            "spaces/Ops/" + txt_name(m) for m in missed]
        seen += events.lines()
        # What is kept can be read again, from wherever one likes.
        again = stream(mount / "events@0")
        again.wait(*[f"{what} {path}" for _, what, path in seen])
        assert again.lines() == seen
        events = stream(mount / "events")
    cursors = [cursor for cursor, _, _ in seen]
    assert cursors == sorted(set(cursors))


def test_names_of_cursors(mount):
    for name in ("events@", "events@01", "events@-1", "events@1x", "events@ 1", "events@1.0",
                 "events@99999999999999", "events@35184372088832", "Events"):
        assert error_of(os.stat, mount / name) == "ENOENT", name
    assert os.stat(mount / "events@35184372088831").st_ino == os.stat(
        mount / "events@35184372088831").st_ino
    assert mount.ls() == ["README", "api", "direct", "events", "mentions", "people",
                          "spaces", "teams", "webhooks"]
    assert "events" not in mount.ls(".sparkfs")


def test_cursor_of_another_store_is_now(room, mount, stream):
    look(mount)
    events = stream(mount / "events@35184372088831")
    mount.run("echo hi > spaces/Ops/post").ok()
    wait_until(events.told)
    assert len(events.told()) == 1


def test_several_readers_get_all(room, mount, stream):
    look(mount)
    readers = [stream(mount / "events") for _ in range(5)]
    for i in range(3):
        mount.run(f"echo {i} > spaces/Ops/post").ok()
    wait_until(lambda: all(len(r.lines()) == 3 for r in readers))
    assert len({tuple(r.lines()) for r in readers}) == 1


@pytest.mark.limit(180)
def test_slow_reader_is_told_what_it_missed(sim, room, start_mount):
    mount = start_mount(sim, "recent=12000")
    look(mount)
    fd = os.open(mount / "events", os.O_RDONLY | os.O_NONBLOCK)
    try:
        mount.run("echo one > spaces/Ops/post").ok()
        wait_until(lambda: select.select([fd], [], [], 0)[0])
        first = os.read(fd, 10)
        sim.add_messages(room=room["id"], person="bob", text="many", count=10600, stepMs=1)
        wait_until(lambda: len(look(mount)) > 10000, 60)
        text = first
        while select.select([fd], [], [], 1)[0]:
            text += os.read(fd, 65536)
    finally:
        os.close(fd)
    lines = [LINE.fullmatch(line).groups() for line in text.decode().split("\n")[:-1]]
    assert lines[0][2] == "message-created"
    assert lines[1][2] == "missed"
    missed = int(lines[1][3])
    assert 500 <= missed <= 600 and len(lines) - 2 + missed == 10600
    # Its cursor is that of the last that is missing: reading on from there says so no more.
    assert int(lines[2][0]) == int(lines[1][0]) + 1
    assert int(lines[1][0]) == int(lines[0][0]) + missed


# Reading it.


@pytest.mark.parametrize("shell", ["bash", "dash", "zsh", "busybox sh"])
def test_while_read(room, mount, shell):
    look(mount)
    script = ('n=0; while read -r cursor time what path; do printf "%s|%s\\n" "$what" "$path";'
              ' n=$((n + 1)); [ $n -lt 3 ] || break; done < events')
    if not run_cmd("command -v " + shell.split()[0]).out:
        pytest.skip("no " + shell)
    reader = start_cmd([*shell.split(), "-c", script], cwd=mount.path)
    try:
        wait_until(lambda: os.readlink(f"/proc/{reader.pid}/fd/0").endswith("/events"))
        for i in range(3):
            mount.run(f"echo {i} > spaces/Ops/post").ok()
        out, err = reader.communicate(timeout=scaled(10))
    finally:
        kill_group(reader)
    assert not err
    assert out.decode().splitlines() == [
        "message-created|spaces/Ops/" + n for n in look(mount)[-3:]]


def is_reading(mount):
    """Somebody waits in a read of the stream."""
    if not mount.connection:
        pytest.skip("no fusectl")
    with open(mount.connection + "/waiting", encoding="ascii") as f:
        return int(f.read()) > 0


def test_head_ends(room, mount):
    look(mount)
    reader = start_cmd("exec head -n 1 events", cwd=mount.path)
    wait_until(lambda: is_reading(mount))
    mount.run("echo hi > spaces/Ops/post").ok()
    out, _ = reader.communicate(timeout=scaled(10))
    assert LINE.fullmatch(out.decode().strip())[3] == "message-created"


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_signals_end_it_at_once(room, mount, stream, signum):
    events = stream(mount / "events")
    wait_until(lambda: is_reading(mount))
    assert events.end(signum, 2) == -signum
    wait_until(lambda: not is_reading(mount))


def test_no_wait_and_select(room, mount):
    look(mount)
    fd = os.open(mount / "events", os.O_RDONLY | os.O_NONBLOCK)
    epoll = select.epoll()
    try:
        assert error_of(os.read, fd, 100) == "EAGAIN"
        assert error_of(os.lseek, fd, 0, os.SEEK_CUR) == "ESPIPE"
        assert os.fstat(fd).st_size == 0
        begin = time.monotonic()
        assert select.select([fd], [], [], 0.3) == ([], [], [])
        assert time.monotonic() - begin >= 0.3
        epoll.register(fd, select.EPOLLIN)
        assert not epoll.poll(0)
        for wait in (lambda: select.select([fd], [], [], scaled(10))[0],
                     lambda: epoll.poll(scaled(10))):
            post = start_cmd("sleep 0.1; echo hi > spaces/Ops/post", cwd=mount.path)
            assert wait()
            post.communicate(timeout=scaled(10))
            assert post.returncode == 0
            # A part of a line leaves the rest to be read.
            text = os.read(fd, 7)
            assert len(text) == 7 and select.select([fd], [], [], 0)[0]
            text += os.read(fd, 4096)
            assert LINE.fullmatch(text.decode().strip())
            assert error_of(os.read, fd, 100) == "EAGAIN"
            assert not select.select([fd], [], [], 0)[0] and not epoll.poll(0)
    finally:
        epoll.close()
        os.close(fd)
    # All other files are always ready, as they were.
    with open(mount / "people/me.json", "rb") as f:
        assert select.select([f], [], [], 0)[0]


def test_readers_of_one_descriptor(room, mount):
    look(mount)
    fd = os.open(mount / "events", os.O_RDONLY)
    readers = []
    try:
        for _ in range(3):
            readers.append(subprocess.Popen(["cat"], stdin=fd, stdout=subprocess.PIPE))
        wait_until(lambda: all("fuse" in read_proc(f"/proc/{r.pid}/wchan") or
                               "request_wait" in read_proc(f"/proc/{r.pid}/wchan")
                               for r in readers) or len(reads_of(mount)) == 3)
        # None of them waits for a lock of the kernel that another one holds.
        readers[2].terminate()
        assert readers[2].wait(scaled(2)) == -signal.SIGTERM
        readers[0].terminate()
        assert readers[0].wait(scaled(2)) == -signal.SIGTERM
        mount.run("echo hi > spaces/Ops/post").ok()
        assert b" message-created " in os.read(readers[1].stdout.fileno(), 4096)
    finally:
        for r in readers:
            r.kill()
            r.communicate()
        os.close(fd)


def reads_of(mount):
    with open(mount.connection + "/waiting", encoding="ascii") as f:
        return range(int(f.read()))


def test_writing_is_refused(mount):
    for name in ("events", "events@0"):
        assert error_of(os.open, mount / name, os.O_WRONLY) in ("EACCES", "EPERM"), name


# Nobody hangs on it.


def test_walkers_do_not_meet_it(room, mount, tmp_path):
    for command in ("grep -r first .", "find . -type f -exec cat {} + > /dev/null",
                    "find . -type f -print0 | xargs -0 file", "file *", "du -a .", "ls -lR .",
                    f"cp -r . {tmp_path}/cp", f"cp -a . {tmp_path}/cpa",
                    f"rsync -a . {tmp_path}/rsync", f"tar cf {tmp_path}/t.tar .",
                    "find .sparkfs -type f -exec cat {} + > /dev/null", "wc -c .sparkfs/*"):
        done = mount.run(command, timeout=scaled(20))
        assert "events" not in done.err, repr(done)
    for copy in ("cp", "cpa", "rsync"):
        assert os.readlink(tmp_path / copy / "events") == ".sparkfs/events"


def test_end_of_the_mount_ends_its_readers(room, mount, stream):
    cat = stream(mount / "events")
    loop = stream(mount / "events", "while read -r line; do echo \"$line\"; done; echo over; exit 3")
    wait_until(lambda: is_reading(mount))
    busy = run_cmd(["fusermount3", "-u", str(mount.path)])
    assert busy.status and "busy" in busy.err
    mount.terminate()
    assert cat.process.wait(scaled(5)) == 0
    assert loop.process.wait(scaled(5)) == 3
    wait_until(lambda: loop.text == b"over\n")
    assert cat.text == b""


def test_three_hundred_readers_cost_no_thread(room, mount):
    look(mount)
    before = len(os.listdir(f"/proc/{mount.pid}/task"))
    readers = start_cmd("for i in $(seq 300); do head -n 1 events & done; wait", cwd=mount.path)
    try:
        wait_until(lambda: len(reads_of(mount)) >= 300, 30)
        begin = time.monotonic()
        look(mount)
        mount.ls("spaces")
        assert time.monotonic() - begin < scaled(2)
        # libfuse's own workers come and go.
        assert len(os.listdir(f"/proc/{mount.pid}/task")) <= before + 10
        mount.run("echo hi > spaces/Ops/post").ok()
        out, _ = readers.communicate(timeout=scaled(20))
    finally:
        kill_group(readers)
    assert len(out.splitlines()) == 300 and len(set(out.splitlines())) == 1
