"""It must not wedge: whatever hangs, the rest answers, and whoever waits can be killed."""
import os
import signal
import subprocess
import time

import pytest

from lib.chat import Unsent
from lib.mount import mount_device
from lib.shell import run_cmd, start_cmd
from lib.tree import Timed, asked, error_of, messages_in, parallel, read
from lib.util import SLOW, scaled, wait_until

MANY = ("--data", "empty", "--spaces", 320, "--messages", 20, "--members", 3)
# Waiters of a test. Sanitizers need minutes for more.
CROWD = 300 if SLOW <= 1 else 120


class Crowd:
    """Processes that each do one thing in the mount; none outlives the test."""

    def __init__(self, mount):
        self.mount = mount
        self.all = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for p in self.all:
            if p.poll() is None:
                p.kill()
        for p in self.all:
            p.wait(scaled(30))

    def start(self, *argv, stderr=subprocess.DEVNULL):
        self.all.append(subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL,
                                         stdout=subprocess.DEVNULL, stderr=stderr,
                                         env=dict(os.environ, LC_ALL="C")))
        return self.all[-1]

    def alive(self):
        return [p for p in self.all if p.poll() is None]

    def wait_until_waiting(self, count):
        """Until so many requests of the kernel have no answer, and nobody has ended."""
        def waiting():
            with open(f"{self.mount.connection}/waiting", encoding="ascii") as f:
                return int(f.read()) >= count
        if self.mount.connection:
            wait_until(waiting, 30, f"{count} requests wait")
        assert len(self.alive()) == len(self.all)

    def all_end(self, seconds):
        """Everybody ends within so many seconds, however slow the machine is to reap them."""
        start = time.monotonic()
        wait_until(lambda: not self.alive(), seconds, f"{len(self.alive())} of "
                   f"{len(self.all)} do not end")
        return time.monotonic() - start

    def end_by(self, signum, seconds=2):
        for p in self.alive():
            p.send_signal(signum)
        self.all_end(seconds)
        assert {p.returncode for p in self.all} == {-signum}


@pytest.fixture
def crowd(mount):
    with Crowd(mount) as c:
        yield c


def parked(sim):
    return sim.control("GET", "/health")["parked"]


# Issue section 3, sentence by sentence.


@pytest.mark.limit(120)
@pytest.mark.sim(*MANY)
def test_three_hundred_listings_wait_and_the_rest_answers(sim, mount, crowd):
    titles = mount.ls("spaces")
    assert len(titles) == 320
    warm, cold = mount.space(titles[0]), titles[1:]
    names = messages_in(warm)
    mount.ls(f"spaces/{titles[0]}/members")
    bodies = {n: read(warm / n) for n in names[:5]}
    hang = sim.fault(method="GET", route="/messages", hang=True)
    for title in cold[:CROWD]:
        crowd.start("ls", mount.space(title))
    crowd.wait_until_waiting(CROWD)

    # Meanwhile what is cached answers, fresh or stale, in the kernel's cache or not.
    for _ in range(2):
        for what, function in (
                ("stat", lambda: os.stat(warm / names[0])),
                ("stat not seen before", lambda: os.stat(warm / names[9])),
                ("ls", lambda: mount.ls(f"spaces/{titles[0]}")),
                ("ls -l", lambda: mount.run("ls -l", cwd=warm, check=True)),
                ("cat", lambda: [read(warm / n) == b for n, b in bodies.items()]),
                ("cat not read before", lambda: read(warm / names[12])),
                ("ls spaces", lambda: mount.ls("spaces")),
                ("stat of a waiting space", lambda: os.stat(mount.space(cold[0]))),
                ("post of a waiting space", lambda: os.stat(mount.space(cold[0]) / "post")),
                ("details of a waiting space", lambda: read(mount.space(cold[0]) / "space.json")),
                ("members", lambda: mount.ls(f"spaces/{titles[0]}/members")),
                ("people", lambda: read(mount / "people/me.json")),
                ("status.json", lambda: read(mount / ".sparkfs/status.json")),
                ("df", lambda: os.statvfs(mount.path))):
            with Timed(1, what):
                function()
    assert len(messages_in(warm)) == 20
    assert len(crowd.alive()) == CROWD

    # Half of them by SIGTERM, half by SIGKILL; all are gone within two seconds.
    start = time.monotonic()
    for i, p in enumerate(crowd.all):
        p.send_signal(signal.SIGTERM if i % 2 else signal.SIGKILL)
    crowd.all_end(2)
    took = time.monotonic() - start
    assert took < scaled(2), f"{took:.2f} s"
    assert {p.returncode for p in crowd.all} == {-signal.SIGTERM, -signal.SIGKILL}
    # Nobody waits for those lists any longer, so nobody reads them (but news of the warm one).
    warm_id = sim.room(titles[0])["id"]

    def all_dropped():
        return not [r for r in sim.requests("GET", "/messages")
                    if r["endedMs"] is None and warm_id not in r["query"]]
    wait_until(all_dropped, 10)

    with Timed(5, "unmount"):
        mount.unmount()
    sim.clear_fault(hang)


@pytest.mark.sim(*MANY)
def test_what_waited_goes_on_when_the_server_does(sim, mount, crowd):
    titles = mount.ls("spaces")
    hang = sim.fault(method="GET", route="/messages", hang=True)
    for title in titles[:100]:
        crowd.start("sh", "-c", 'test "$(ls "$0" | wc -l)" -ge 26', mount.space(title))
    crowd.wait_until_waiting(100)
    sim.clear_fault(hang)
    crowd.all_end(20)
    assert {p.returncode for p in crowd.all} == {0}


@pytest.mark.sim("--data", "demo")
def test_a_stat_waits_behind_a_parked_lookup(sim, mount, crowd):
    """In one directory: the same name twice, other names that are known, killed or not."""
    mount.ls("spaces")
    sim.fault(method="GET", route="/messages", hang=True)
    space = mount.space("Firmware")
    unknown = space / "2026-01-01T00-00-00.000Z_a@b.c.txt"
    start = time.monotonic()
    first = crowd.start("stat", unknown, stderr=subprocess.PIPE)
    crowd.wait_until_waiting(1)
    second = crowd.start("stat", unknown)
    other = crowd.start("stat", str(unknown).replace("a@b.c", "d@e.f"))
    crowd.wait_until_waiting(2)
    # Names of the same directory that need nothing are answered at once.
    for name in ("post", "space.json", "members", ".git"):
        with Timed(1, name):
            error_of(os.stat, space / name)
    with Timed(1, "the directory above"):
        os.stat(mount.space("Lunch"))
    # A parked look-up can be killed,
    other.send_signal(signal.SIGKILL)
    with Timed(2, "SIGKILL of a look-up"):
        other.wait(scaled(10))
    # and ends by itself, so that the one behind it, who cannot be killed, goes on.
    assert first.poll() is None and second.poll() is None
    second.send_signal(signal.SIGKILL)
    message = first.communicate(timeout=scaled(15))[1]
    took = time.monotonic() - start
    assert 4 < took < scaled(8), f"the deadline of a look-up is 5 s, not {took:.1f}"
    assert b"timed out" in message
    with Timed(2, "the one behind it"):
        second.wait(scaled(10))


@pytest.mark.sim("--data", "demo")
def test_a_killed_first_lookup_frees_those_behind_it(sim, mount, crowd):
    mount.ls("spaces")
    sim.fault(method="GET", route="/messages", hang=True)
    unknown = mount.space("Firmware") / "2026-01-01T00-00-00.000Z_a@b.c.txt"
    for _ in range(20):
        crowd.start("cat", unknown)
    crowd.wait_until_waiting(1)
    for p in crowd.all:
        p.kill()
    crowd.all_end(2)
    wait_until(lambda: parked(sim) == 0, 10)


# Every kind of thing one can wait for, every way to stop waiting.

WAITS = {
    "spaces": ("/rooms", ["ls", "spaces"]),
    "a name in spaces": ("/rooms", ["stat", "spaces/Lunch"]),
    "messages": ("/messages", ["ls", "spaces/Lunch"]),
    "members": ("/memberships", ["ls", "spaces/Lunch/members"]),
    "a member": ("/memberships", ["stat", "spaces/Lunch/members/nobody@example.com"]),
    "a person": ("/people", ["cat", "people/bob@example.com.json"]),
    "an address": ("/messages/direct", ["ls", "direct/frank@example.com"]),
    "transcript": ("/messages", ["cat", "spaces/Lunch/transcript.log"]),
    "last": ("/messages", ["cat", "spaces/Lunch/last"]),
}


@pytest.mark.parametrize("what", WAITS)
def test_every_wait_can_be_interrupted(sim, mount, what):
    route, argv = WAITS[what]
    if route != "/rooms":
        mount.ls("spaces")
        mount.ls("direct")
    hang = sim.fault(method="GET", route=route, hang=True)
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        with Crowd(mount) as crowd:
            for _ in range(3):
                crowd.start("sh", "-c", 'cd "$0" && exec "$@"', mount.path, *argv)
            wait_until(lambda: parked(sim) == 1, 10)
            with Timed(1, "the root"):
                mount.ls()
            crowd.end_by(signum)
        # The last one who waited is gone: so is the request.
        wait_until(lambda: parked(sim) == 0, 10)
    sim.clear_fault(hang)
    assert mount.run(argv[:1] + argv[1:], timeout=15).status in (0, 1)
    assert mount_device(mount.path)


@pytest.mark.sim("--data", "demo")
def test_one_waiter_leaves_and_the_others_get_it(sim, mount):
    mount.ls("spaces")
    hang = sim.fault(method="GET", route="/messages", hang=True)
    sim.clear_log()
    with Crowd(mount) as leaving, Crowd(mount) as staying:
        for _ in range(5):
            leaving.start("ls", mount.space("Lunch"))
            staying.start("ls", mount.space("Lunch"))
        staying.wait_until_waiting(10)
        leaving.end_by(signal.SIGINT)
        assert len(staying.alive()) == 5 and parked(sim) == 1
        sim.clear_fault(hang)
        staying.all_end(10)
        assert {p.returncode for p in staying.all} == {0}
    assert asked(sim) == ["GET /messages"]


# Attachments.


def upload(mount, tmp_path, size):
    (tmp_path / "report.bin").write_bytes(os.urandom(size))
    mount.run(["cp", str(tmp_path / "report.bin"), "spaces/Lunch/"], check=True)
    path = mount.space("Lunch") / "report.bin"
    wait_until(lambda: os.stat(path).st_size == size)
    return path


@pytest.mark.parametrize("fault", [{"hang": True}, {"slowBytesPerSec": 1000},
                                   {"hang": "after"}])
def test_ctrl_c_on_cat_of_an_attachment(sim, mount, crowd, tmp_path, fault):
    path = upload(mount, tmp_path, 200000)
    bad = sim.fault(method="GET", route="/contents", **fault)
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        with Crowd(mount) as crowd:
            for _ in range(10):
                crowd.start("cat", path)
            wait_until(lambda: any(r["endedMs"] is None for r in
                                   sim.requests("GET", "/contents/.*")), 10)
            crowd.wait_until_waiting(1)
            with Timed(1, "stat beside it"):
                os.stat(mount.space("Lunch") / "space.json")
            with Timed(1, "ls beside it"):
                mount.ls("spaces/Lunch")
            with Timed(1, "stat of it"):
                os.stat(path)
            crowd.end_by(signum)
    sim.clear_fault(bad)
    with Timed(15):
        assert read(path) == (tmp_path / "report.bin").read_bytes()


@pytest.mark.limit(120)
@pytest.mark.sim(*MANY)
def test_many_readers_of_an_attachment_and_many_lists(sim, mount, crowd, tmp_path):
    """Both queues are full of what hangs."""
    titles = mount.ls("spaces")
    (tmp_path / "a.bin").write_bytes(os.urandom(50000))
    mount.run(["cp", str(tmp_path / "a.bin"), mount.space(titles[0])], check=True)
    messages_in(mount.space(titles[0]))
    sim.fault(method="GET", route="/contents", hang=True)
    sim.fault(method="GET", route="/messages", hang=True)
    for title in titles[1:60]:
        crowd.start("cat", mount.space(titles[0]) / "a.bin")
        crowd.start("ls", mount.space(title))
    crowd.wait_until_waiting(59)
    with Timed(1, "cat of a cached message"):
        read(mount.space(titles[0]) / messages_in(mount.space(titles[0]))[3])
    crowd.end_by(signal.SIGTERM)


# The end of the mount while many wait.


@pytest.mark.limit(120)
@pytest.mark.sim(*MANY)
@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT", "lazy"])
def test_the_mount_ends_under_a_hundred_waiters(sim, mount, crowd, how):
    titles = mount.ls("spaces")
    sim.fault(method="GET", route="/messages", hang=True)
    for title in titles[:100]:
        crowd.start("ls", mount.space(title))
    crowd.wait_until_waiting(100)
    with Timed(8, "the end"):
        if how == "lazy":
            run_cmd(["fusermount3", "-u", "-z", str(mount.path)], check=True)
            mount.process.send_signal(signal.SIGTERM)
            mount.wait_ended()
        else:
            mount.terminate(getattr(signal, how))
    crowd.all_end(3)
    assert 0 not in {p.returncode for p in crowd.all}


@pytest.mark.sim(*MANY)
def test_a_killed_daemon_frees_everybody(sim, mount, crowd):
    titles = mount.ls("spaces")
    sim.fault(method="GET", route="/messages", hang=True)
    for title in titles[:50]:
        crowd.start("ls", mount.space(title))
    crowd.wait_until_waiting(50)
    mount.process.kill()
    crowd.all_end(3)
    mount.kill()


# Threads.


@pytest.mark.sim(*MANY)
@pytest.mark.mount("max_threads=2")
def test_two_workers_are_enough(sim, mount, crowd):
    """Nothing waits in a worker, so their number does not matter."""
    titles = mount.ls("spaces")
    names = messages_in(mount.space(titles[0]))
    sim.fault(method="GET", route="/messages", hang=True)
    for title in titles[1:50]:
        crowd.start("ls", mount.space(title))
    crowd.wait_until_waiting(49)
    with Timed(1):
        for name in names:
            read(mount.space(titles[0]) / name)
    crowd.end_by(signal.SIGINT)


@pytest.mark.limit(120)
@pytest.mark.sim("--data", "empty", "--spaces", 40, "--messages", 30, "--members", 3)
@pytest.mark.mount("timeout=3")
def test_a_storm_of_everything(sim, mount):
    """Readers, walkers, killed waiters, faults and remote changes all at once."""
    titles = mount.ls("spaces")
    sim.fault(method="GET", route="/messages", hang=True, probability=0.2, seed=1)
    sim.fault(method="GET", route="/messages", status=502, probability=0.2, seed=2)
    sim.fault(method="GET", route="/memberships", reset=True, probability=0.3, seed=3)
    sim.fault(route="/rooms", delayMs=100, probability=0.3, seed=4)
    rooms = {r["title"]: r["id"] for r in sim.rooms()}
    end = time.monotonic() + 5

    def walker(i):
        while time.monotonic() < end:
            title = titles[(i * 7 + int(time.monotonic() * 50)) % len(titles)]
            try:
                for name in messages_in(mount.space(title))[-3:]:
                    read(mount.space(title) / name)
                mount.ls(f"spaces/{title}/members")
            except OSError:
                pass

    def killed(i):
        while time.monotonic() < end:
            p = start_cmd(["ls", "-lR", "spaces"], cwd=mount.path)
            time.sleep(0.05 + i / 50)
            p.kill()
            p.communicate()

    def changer(_):
        i = 0
        while time.monotonic() < end:
            i += 1
            try:
                m = sim.post(rooms[titles[i % 40]], f"storm {i}", token="bob-token")
                if i % 3 == 0:
                    sim.api("DELETE", "/messages/" + m["id"], token="bob-token")
            except (AssertionError, OSError):
                pass

    jobs = [(walker, i) for i in range(6)] + [(killed, i) for i in range(3)] + [(changer, 0)]
    assert [e for _r, e in parallel(lambda job: job[0](job[1]), jobs) if e] == []
    sim.clear_faults()
    # All is well again.
    for title in titles[::8]:
        wanted = len(sim.messages(rooms[title]))
        wait_until(lambda t=title, w=wanted: len(messages_in(mount.space(t))) == w, 30)


@pytest.mark.sim("--data", "empty")
def test_killed_while_somebody_waits_and_news_come(sim, start_mount):
    """
    To tell of a name the kernel takes the lock of its directory, which the waiter has. A thread that
    waited for it would keep the killed daemon's mount alive, and the waiter hanging, for ever.
    """
    room = sim.create_room("Ops", ["bob@example.com"])
    sim.post(room["id"], "mine")
    mount = start_mount(sim, "poll=1")
    space = mount.space("Ops")
    (name,) = messages_in(space)
    (space / "transcript.log").read_text()
    sim.fault(method="DELETE", hang=True)
    with Crowd(mount) as crowd:
        waiter = crowd.start("rm", space / name)
        crowd.wait_until_waiting(1)
        sim.post(room["id"], "news", token="bob-token")
        # The polling brings it: the transcript, which is open, is told of it.
        with open(space / "transcript.log", encoding="utf-8") as log:
            wait_until(lambda: "news" in log.read() or log.seek(0), 15)
        start = time.monotonic()
        mount.kill()
        waiter.wait(scaled(5))
        assert time.monotonic() - start < scaled(5)
    assert mount_device(mount.path) is None


@pytest.mark.sim("--data", "empty")
def test_killed_while_somebody_waits_and_an_upload_fails(sim, start_mount):
    """The same, where what is told of is no news: the file is not there after all."""
    room = sim.create_room("Ops")
    sim.post(room["id"], "mine")
    mount = start_mount(sim)
    space = mount.space("Ops")
    (name,) = messages_in(space)
    fd = os.open(space / "a.bin", os.O_WRONLY | os.O_CREAT)
    sim.fault(method="DELETE", hang=True)
    sim.fault(method="POST", status=400)
    with Crowd(mount) as crowd:
        waiter = crowd.start("rm", space / name)
        crowd.wait_until_waiting(1)
        os.write(fd, b"figures")
        with pytest.raises(OSError):
            os.close(fd)
        # A letter is there, so the name of what was to be sent is told of.
        wait_until(lambda: Unsent(mount).names(), 15)
        start = time.monotonic()
        mount.kill()
        waiter.wait(scaled(5))
        assert time.monotonic() - start < scaled(5)
    assert mount_device(mount.path) is None
