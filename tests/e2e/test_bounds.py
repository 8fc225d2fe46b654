"""What one program can use up: there is a bound, it is told what it met, and others go on."""
import os
import subprocess
import sys
import time

import pytest

from lib.util import scaled, wait_until


def start_hog(mount, code):
    """A Python program with the mount as its working directory; it runs until it is killed."""
    return subprocess.Popen([sys.executable, "-c", code], cwd=mount.path, stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True)


def end(hog):
    hog.kill()
    hog.communicate()


OPEN_ALL = """
import errno, os, resource
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
held = []
try:
    while len(held) < 4000:
        held.append(os.open("events", os.O_RDONLY))
except OSError as e:
    print(len(held), errno.errorcode[e.errno], flush=True)
input()
"""


def test_open_files_without_end(mount):
    """Each stream has lines of its own in memory: a program that opens them without end is refused, and
    everybody else opens and reads what he wants."""
    hog = start_hog(mount, OPEN_ALL)
    try:
        count, error = hog.stdout.readline().split()
        # Half of 64 MiB, 32 KiB each.
        assert (int(count), error) == (1024, "ENFILE")
        assert "events: this program has so many of these files open" in mount.run(
            "cat .sparkfs/last-error", check=True).out
        assert mount.run("cat .sparkfs/log .sparkfs/status.json; exec 3<events && cat README",
                         check=True).out
    finally:
        end(hog)
    # What was closed can be opened again.
    mount.run("for i in 1 2 3 4 5; do exec {fd}<events || exit; done", check=True)


WRITE_ALL = """
import errno, os
held = []
try:
    while len(held) < 400:
        held.append(os.open("spaces/Firmware/post.json", os.O_WRONLY))
        os.write(held[-1], b" " * 1000000)
except OSError as e:
    print(len(held), errno.errorcode[e.errno], flush=True)
input()
"""


def test_texts_without_end(sim, mount):
    """So are texts that are written and not closed. What others write arrives."""
    room = sim.room("Firmware")["id"]
    hog = start_hog(mount, WRITE_ALL)
    try:
        count, error = hog.stdout.readline().split()
        assert 25 <= int(count) <= 34 and error == "ENFILE"
        assert "post.json: this program has so many texts open" in mount.run(
            "cat .sparkfs/last-error", check=True).out
        mount.run("echo 'from others' > spaces/Firmware/post", check=True)
        assert "from others" in [m.get("text") for m in sim.messages(room)]
    finally:
        end(hog)
    # What a process that was killed wrote is not sent, and its memory is free.
    mount.run("""/usr/bin/python3 -c 'import os
for i in range(25):
    os.write(os.open("spaces/Firmware/post.json", os.O_WRONLY), b" " * 1000000)'""", check=True)


STAT_ALL = """
import os, threading
def ask(n):
    for i in range(10000):
        os.path.exists(f"{WHERE}/nobody-{n}-{i}@example.org{END}")
all = [threading.Thread(target=ask, args=[n]) for n in range(40)]
for t in all: t.start()
"""


@pytest.mark.mount("rate=120")
@pytest.mark.parametrize("where, ending", [("people", ".json"), ("direct", "")])
def test_names_that_nobody_has(mount, where, ending):
    """The rate lets two requests through in a second. Forty look-ups of one program wait for it all the
    time; whoever reads something else has it with the next or the one behind that."""
    mount.run("ls spaces direct", check=True)
    hog = start_hog(mount, f"WHERE, END = {where!r}, {ending!r}\n" + STAT_ALL)
    try:
        wait_until(lambda: mount.status()["requestsWaiting"] >= 30, 30)
        for place in ("spaces/Lunch", "spaces/Firmware/members"):
            began = time.monotonic()
            assert mount.run(f"ls '{place}'", check=True).lines()
            assert time.monotonic() - began < scaled(5)
        assert mount.status()["requestsWaiting"] >= 20
    finally:
        end(hog)


def descriptors(mount):
    base = f"/proc/{mount.process.pid}/fd"
    return [os.readlink(f"{base}/{n}") for n in os.listdir(base) if os.path.lexists(f"{base}/{n}")]


@pytest.mark.mount("rate=off")
def test_attachments_that_are_held_open(sim, mount):
    """Of a file of which nothing is read any more no connection is held. Who reads on gets the rest."""
    room = sim.room("Firmware")["id"]
    data = {f"held-{i}.bin": bytes([i]) * 700_000 for i in range(40)}
    for name, text in data.items():
        sim.upload(room, name, text)
    files = mount.path / "spaces/Firmware/files"
    wait_until(lambda: set(data) <= set(os.listdir(files)))
    before = len(descriptors(mount))
    held = {name: os.open(files / name, os.O_RDONLY) for name in data}
    for name, fd in held.items():
        assert os.pread(fd, 1, 0) == data[name][:1]
    # 16 transfers, and a few connections for all else.
    wait_until(lambda: sum("socket" in name for name in descriptors(mount)) <= 24)
    sim.clear_log()
    for name, fd in held.items():
        assert os.pread(fd, 700_001, 0) == data[name]
    gets = sim.requests("GET", "/contents/.*")
    assert 0 < len(gets) <= len(data)
    assert all(int(get["range"].split("=")[1].split("-")[0]) > 0 for get in gets)
    for fd in held.values():
        os.close(fd)
    wait_until(lambda: len(descriptors(mount)) <= before + 16)


def test_names_that_are_not_there(sim, start_mount):
    """That a list lacks a name is known for half a minute: a name costs no list, however long it is. News
    of the space end that."""
    asked = "/memberships|/messages/direct"
    room = sim.create_room("Quay")["id"]
    mount = start_mount(sim, "rate=off", "poll=1", hurry=5)
    mount.run("ls spaces direct spaces/Quay/members", check=True)
    members = mount.path / "spaces/Quay/members"
    sim.clear_log()

    def look():
        """After three seconds a list is old: with a poll each second, that is after some polls."""
        assert not os.path.lexists(members / "bob@example.com")
        assert os.path.isdir(mount.path / "direct/nobody@example.org")
        return len(sim.requests("GET", "/rooms")) >= 6
    wait_until(look, 20)
    assert len(sim.requests("GET", asked)) <= 1
    sim.api("POST", "/memberships", {"roomId": room, "personEmail": "bob@example.com"}).ok()
    sim.post(room, "hello")
    wait_until(lambda: os.path.lexists(members / "bob@example.com"), 20)


def test_a_length_that_no_file_has(sim, start_mount):
    """It is unknown until the file was read."""
    data = b"short and good\n" * 100
    sim.upload(sim.create_room("Quay")["id"], "huge.bin", data)
    sim.fault(method="HEAD", route="/contents", contentLength=1 << 62)
    mount = start_mount(sim)
    out = mount.run("ls -ls spaces/Quay/files/ && du -s spaces/Quay/files/huge.bin", check=True).out
    assert str(1 << 62) not in out
    path = mount.path / "spaces/Quay/files/huge.bin"
    assert 0 <= os.stat(path).st_blocks * 512 < 1 << 30
    assert path.read_bytes() == data
    wait_until(lambda: os.stat(path).st_size == len(data))
