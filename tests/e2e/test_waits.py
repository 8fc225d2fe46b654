"""Waiting for one's turn, at one's own rate or because the server said when: it is no failure of the
server. No time-out counts it, a signal ends it, status.json and last-error say how long it takes."""
import errno
import os
import signal
import time

import pytest

from lib.chat import Unsent, fails, put, remounted
from lib.chat import pier  # noqa: F401  pylint: disable=unused-import
from lib.shell import kill_group, start_cmd
from lib.tree import messages_in
from lib.util import scaled, wait_until

# Of these, what is behind the first twelve takes five seconds each: longer than any time-out.
SPACES, RATE, HURRY = 20, 12, 10


def ends_by_signal(process):
    os.killpg(process.pid, signal.SIGINT)
    began = time.monotonic()
    process.communicate(timeout=scaled(10))
    assert time.monotonic() - began < scaled(2)
    assert process.returncode != 0


@pytest.mark.limit(150)
@pytest.mark.sim("--data", "empty", "--spaces", SPACES, "--messages", 5, "--members", 3)
def test_whoever_waits_for_his_turn_gets_it(sim, start_mount):
    mount = start_mount(sim, f"rate={RATE}", hurry=HURRY)
    known, *new = mount.ls("spaces")
    text = messages_in(mount.space(known))[0]
    name = "2001-01-01T00-00-00.000Z_nobody@example.com.txt"
    acts = [["ls"], ["stat", "-L", "transcript.log"], ["head", "-c1", "transcript.log"],
            ["sh", "-c", "! cat " + name + " 2>&1 | grep -v 'No such'"], ["ls", "members"]]
    all_acts = [start_cmd(acts[i % len(acts)], cwd=mount.space(title))
                for i, title in enumerate(new)]
    wait_until(lambda: mount.status()["secondsToWait"] > 5)
    # A post goes first, and what is known is not kept waiting.
    put(mount.space(new[-1]) / "post", "first")
    assert (mount.space(known) / text).read_text()
    assert [r for r in sim.requests("POST") if r["status"] == 200]
    gone = start_cmd(["cat", name], cwd=mount.space(new[-2]))
    wait_until(lambda: "requests that wait for their turn" in Unsent(mount).last_error())
    ends_by_signal(gone)
    for process in all_acts:
        out, err = process.communicate(timeout=scaled(60))
        assert process.returncode == 0, (process.args, out, err)
    # The post was there before the last that waited.
    asked = sim.requests("GET", "/(messages|memberships)")
    assert sim.requests("POST")[0]["startedMs"] < asked[-1]["startedMs"]
    assert Unsent(mount).last_error() == "" and mount.status()["secondsToWait"] == 0
    # The server says when, and again: more than the time that a request has.
    sim.clear_log()
    sim.fault(method="GET", route="/memberships", status=429, retryAfter=20, times=2)
    waiting = start_cmd(["ls", "members"], cwd=mount.space(known))
    wait_until(lambda: mount.status()["secondsLimited"] > 5)
    stat = start_cmd(["stat", "-L", "members.json"], cwd=mount.space(known) / "archive")
    for process in (waiting, stat):
        out, err = process.communicate(timeout=scaled(60))
        assert process.returncode == 0, (process.args, out, err)
    assert mount.status()["rateLimited"] == 2


@pytest.mark.limit(150)
def test_names_that_wait_for_their_turn(pier, start_mount):
    count = 60
    pier.sim.add_messages(room=pier.id, person="alice", text="", count=count, stepMs=1000,
                          created="2026-10-01T10:00:00.000Z",
                          file={"name": "photo.jpg", "type": "image/jpeg", "content": "x"})
    pier.sim.upload(pier.id, "newest.txt", b"newest")
    remounted(pier, start_mount, f"rate={2 * RATE}", hurry=HURRY)
    # Which file that is is known before the others' names are.
    assert (pier / "files/newest.txt").read_text() == "newest"
    assert len(pier.sim.requests("HEAD")) < count
    (pier.mount.state / "new.txt").write_text("new")
    absent = start_cmd(["cat", "files/absent.txt"], cwd=pier.dir)
    copy = start_cmd(["cp", pier.mount.state / "new.txt", "files/"], cwd=pier.dir)
    echo = start_cmd(["sh", "-c", "echo direct > files/direct.txt"], cwd=pier.dir)
    wait_until(lambda: (pier.mount / ".sparkfs/transfers").read_text().startswith("names\t"))
    wait_until(lambda: "names of attachments are still to be asked for" in
               Unsent(pier.mount).last_error())
    # Whoever asks in no other way is told after a while, and nothing is made.
    with fails(errno.EEXIST):
        os.close(os.open(pier / "files/new.txt", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    try:
        for process in (absent, copy, echo):
            out, err = process.communicate(timeout=scaled(60))
            assert process.returncode == (process is absent), (process.args, out, err)
            assert ("No such file" in err.decode()) == (process is absent)
    finally:
        for process in (absent, copy, echo):
            kill_group(process)
    assert (pier / "files/new.txt").read_text() == "new"
    assert (pier / "files/direct.txt").read_text() == "direct\n"
    assert pier.posts() == 2 and len(os.listdir(pier / "files")) == count + 3
    # Those that were under way when nobody waited any more may be asked for twice.
    assert len(pier.sim.requests("HEAD")) <= count + 3 + 8
