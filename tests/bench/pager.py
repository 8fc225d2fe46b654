"""The rows of `scripts/bench pager`: what the past of an account costs, and its present."""
import contextlib
import http.client
import json
import os
import pathlib
import shlex
import shutil
import sqlite3
import statistics
import subprocess
import tempfile
import time
import urllib.parse

from lib.mount import Mount, mount_device
from lib.sim import Sim
from lib.util import wait_until
from measure import hurry, pairs, timed

LATENCY_MS = 50
PAGE = 1000
TOKEN = "alice-token"
# A word in no message of the simulator.
RARE = "zzzyx"
MB = 1 << 20


@contextlib.contextmanager
def simulator(folder, *options):
    sim = Sim(folder, "--data", "empty", *options)
    hurry(sim.process.pid)
    try:
        yield sim
    finally:
        sim.kill()


@contextlib.contextmanager
def mounted(folder, sim, *options, state=None, deadline=60):
    mount = Mount(folder, sim.base, *options, state=state, deadline=deadline)
    hurry(mount.pid)
    try:
        yield mount
        mount.unmount()
    finally:
        if not mount.ended:
            mount.force("the benchmark failed")


@contextlib.contextmanager
def memfs(source, path):
    """Mounts the memory file system with a copy of `source`."""
    path.mkdir(exist_ok=True)
    # A session of its own, as sparkfs has: the scheduler shares the machine out by sessions.
    process = subprocess.Popen([os.environ["MEMFS"], str(source), str(path)],
                               start_new_session=True)
    hurry(process.pid)
    try:
        wait_until(lambda: mount_device(path), 120, "memfs")
        yield path
    finally:
        subprocess.run(["fusermount3", "-u", str(path)], check=False)
        process.wait(20)


@contextlib.contextmanager
def shared_memory():
    """A folder on tmpfs."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sparkfs-bench-", dir="/dev/shm"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def get(mount, *folders):
    """The folder of the only space; the mount has fetched the list of spaces then."""
    title = os.listdir(mount.path / "spaces")[0]
    return mount.path.joinpath("spaces", title, *folders)


def counted(command, expected):
    """Seconds of a command that prints a line an entry; checks how many it prints."""
    start = time.monotonic()
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    seconds = time.monotonic() - start
    assert out.count(b"\n") == expected, \
        f"{command}: {out.count(chr(10).encode())} entries, not {expected}"
    return seconds


class RoundTrip:
    """The least time that a request can take: a tiny one over a kept connection."""

    def __init__(self, sim):
        self.connection = http.client.HTTPConnection("127.0.0.1", sim.port)

    def __call__(self):
        start = time.monotonic()
        self.connection.request("GET", "/v1/people/me",
                                headers={"Authorization": f"Bearer {TOKEN}"})
        self.connection.getresponse().read()
        return time.monotonic() - start


class Pager:
    """All rows for one number of messages in one space over six years."""

    def __init__(self, table, folder, messages, times):
        self.table, self.folder, self.messages, self.times = table, folder, messages, times
        self.sim = None
        self.state = None  # of a mount that walked everything

    def target(self, value, messages):
        """Targets are set for one size; the others show how the cost grows."""
        return value if self.messages == messages else None

    def run(self, warm=True):
        with simulator(self.folder, "--spaces", 1, "--messages", self.messages,
                       "--latency", LATENCY_MS) as self.sim:
            self.cold_walk()
            self.cold_ls()
            self.first_name()
            if warm:
                self.remount()
                with mounted(self.folder, self.sim, "recent=all", "poll=30",
                             state=self.state) as mount:
                    self.warm(mount)
            self.store_size()
            shutil.rmtree(self.state)

    def page_url(self):
        room = self.sim.rooms()[0]["id"]
        return f"{self.sim.base}/messages?" + urllib.parse.urlencode(
            {"roomId": room, "max": PAGE})

    # Rows for what the store does not have yet.

    def cold_walk(self):
        asked, followed = [], []
        url = self.page_url()

        def ours():
            with mounted(self.folder, self.sim, "poll=30") as mount:
                history = get(mount, "history")
                self.sim.clear_log()
                seconds = counted(["find", f"{history}/", "-type", "f"], self.messages)
                asked.append(len(self.sim.log()))
                if self.state:
                    shutil.rmtree(self.state)
                self.state = mount.state
            return seconds

        def theirs():
            out = subprocess.run([os.environ["FOLLOW"], url], check=True,
                                 stdout=subprocess.PIPE,
                                 env={**os.environ, "WEBEX_ACCESS_TOKEN": TOKEN}).stdout
            said = json.loads(out)
            followed.append(said["requests"])
            return said["seconds"]

        pair = pairs(ours, theirs, self.times)
        self.table.add_pair("walk", "cold find history/ -type f", self.messages, pair,
                            target=self.target(0.35, 100000), requests=max(asked),
                            against="following `next` one after the other")
        self.table.add("walk-requests", "  its requests", self.messages,
                       max(asked) / followed[0], target=self.target(1.25, 100000),
                       against=f"the {followed[0]} of the other")

    def cold_ls(self):
        asked = []
        url = shlex.quote(self.page_url())
        curl = f"curl -sf -o /dev/null -H 'Authorization: Bearer {TOKEN}' {url}"

        def ours():
            with mounted(self.folder, self.sim, "poll=30") as mount:
                space = get(mount)
                self.sim.clear_log()
                seconds = timed(f"ls {shlex.quote(str(space))}")
                asked.append(len(self.sim.log()))
            shutil.rmtree(mount.state)
            return seconds

        pair = pairs(ours, lambda: timed(curl), self.times)
        self.table.add_pair("ls-newest", "cold ls of the newest 1,000", self.messages, pair,
                            target=1.4, requests=max(asked), against="one curl for that page")

    def first_name(self):
        trip = RoundTrip(self.sim)
        messages = []

        def ours():
            with mounted(self.folder, self.sim, "poll=30") as mount:
                space = get(mount)
                start = time.monotonic()
                with os.scandir(space) as entries:
                    next(entries)
                    seconds = time.monotonic() - start
                    assert any(e.name[0] == "2" for e in entries)
                    messages.append(time.monotonic() - start)
            shutil.rmtree(mount.state)
            return seconds

        trip()
        pair = pairs(ours, trip, self.times)
        self.table.add_pair("first-name", "cold ls -U, first name", self.messages, pair,
                            target=1.5, against="GET /people/me on a kept connection",
                            note=f"first message {statistics.median(messages):.4f} s")

    # Rows for what the store has.

    def remount(self):
        """A new process lists what was walked before; warm is the same once more."""
        command, mounting, messages, requests = "", [], [], []

        def cold():
            nonlocal command
            self.sim.clear_log()
            start = time.monotonic()
            mount = stack.enter_context(mounted(self.folder, self.sim, "recent=all", "poll=30",
                                                state=self.state))
            mounting.append(time.monotonic() - start)
            command = f"ls -l {shlex.quote(str(get(mount)))}"
            seconds = timed(command)
            log = self.sim.log()
            requests.append(len(log))
            messages.append(sum("/messages" in r["path"] for r in log))
            return seconds

        def warm():
            seconds = statistics.median(timed(command) for _ in range(3))
            stack.close()
            return seconds

        with contextlib.ExitStack() as stack:
            pair = pairs(cold, warm, self.times)
        self.table.add_pair("remount", "remount, then ls -l of all", self.messages, pair,
                            target=self.target(3.0, 10000), requests=max(requests),
                            against="the same again",
                            note=f"mounting {statistics.median(mounting):.3f} s")
        self.table.add("remount-messages", "  requests for messages", self.messages,
                       max(messages), target=0, unit="requests")

    def warm(self, mount):
        space, history = get(mount), get(mount, "history")
        with shared_memory() as copy:
            mine = copy / "space"
            subprocess.run(["cp", "-a", str(space), str(mine)], check=True)
            self.against("ls-warm", "warm ls -l of all in one directory", "ls -l {}", space,
                         mine, 1.2, 10000, "tmpfs")
            with memfs(mine, self.folder / "memfs") as memory:
                self.against("cat-warm", "warm cat of all (find, xargs)",
                             "find {} -maxdepth 1 -name '2*.txt' -print0 | xargs -0 cat",
                             space, memory, 1.15, 10000, "memory file system")
                self.against("grep-warm", "warm grep -r of a rare word",
                             f"grep -r --include='2*' --exclude-dir=members {RARE} {{}}",
                             space, memory, 1.15, 10000, "memory file system")
                # Members and details are asked for when they are opened.
                self.against("grep-all", "  with members/ and space.json",
                             f"grep -r {RARE} {{}}", space, memory, None, 10000,
                             "memory file system")
        with shared_memory() as copy:
            subprocess.run(["cp", "-a", f"{history}/.", str(copy)], check=True)
            with memfs(copy, self.folder / "memfs") as memory:
                self.against("grep-history", "warm grep -r over history/",
                             f"grep -r {RARE} {{}}/", history, memory, 1.3, 100000,
                             "memory file system")

    def against(self, key, what, command, mine, other, target, size, name):
        """Runs a command over two equal trees, both in the kernel's cache as far as possible."""
        runs = [command.format(shlex.quote(str(path))) + " || true" for path in (mine, other)]
        before = len(self.sim.log())
        for run in runs * 2:
            timed(run)
        pair = pairs(lambda: timed(runs[0]), lambda: timed(runs[1]), self.times)
        self.table.add_pair(key, what, self.messages, pair, target=self.target(target, size),
                            requests=len(self.sim.log()) - before, against=name)

    def store_size(self):
        (path,) = self.state.glob("cache/sparkfs/**/*.db")
        size = sum(p.stat().st_size for p in path.parent.glob(path.name + "*"))
        with contextlib.closing(sqlite3.connect(path)) as db:
            parts = "+".join(f"ifnull(length(CAST({c} AS BLOB)),0)"
                             for c in ("text", "markdown", "html", "attachments"))
            count, payload = db.execute(f"SELECT count(*), sum({parts}) FROM body").fetchone()
        assert count == self.messages
        self.table.add("store-bytes", "store, beyond text, md, html, card", self.messages,
                       (size - payload) / count, target=self.target(300, 100000),
                       unit="bytes", note=f"{size} bytes in all, of that text {payload}")


# ---- rows of their own ----


def news(table, folder, spaces, times):
    """A message of somebody else in one of many spaces, until it is in a listing."""
    with simulator(folder, "--spaces", spaces, "--messages", 2, "--members", 2,
                   "--latency", LATENCY_MS) as sim, mounted(folder, sim, "poll=2") as mount:
        title = sorted(os.listdir(mount.path / "spaces"))[spaces // 2]
        space, room = mount.space(title), sim.room(title)["id"]
        asked, seconds = [], []
        known = set(os.listdir(space))
        for i in range(times):
            # Posts while no poll is on its way: such a poll would count and bring no news.
            sim.clear_log()
            wait_until(sim.log, 20, "a poll")
            time.sleep(4 * LATENCY_MS / 1000)
            sim.clear_log()
            sim.post(room, f"news {i}", token="bob-token")
            start = time.monotonic()
            wait_until(lambda: set(os.listdir(space)) - known, 20, "the news")
            seconds.append(time.monotonic() - start)
            asked.append([r for r in sim.log() if r["method"] == "GET"])
            known = set(os.listdir(space))
        worst = max(asked, key=len)
        table.add("news", f"news in one of {spaces:,} spaces", spaces, len(worst), target=2,
                  unit="requests", seconds=statistics.median(seconds),
                  note="polled every 2 s; " + ", ".join(r["path"] for r in worst))


def idle(table, folder, polls):
    """An unused mount: an hour has 120 polls of 30 s, here they are 1 s apart."""
    with simulator(folder, "--spaces", 20, "--messages", 20) as sim, \
            mounted(folder, sim, "poll=1", "idle=2") as mount:
        for title in os.listdir(mount.path / "spaces"):
            os.listdir(mount.space(title))
        wait_until(lambda: len(sim.requests("GET", "/rooms")) > 1, 20, "a poll")
        time.sleep(4)
        sim.clear_log()
        time.sleep(polls)
        table.add("idle", f"idle for {polls} polls (an hour has 120)", 400, len(sim.log()),
                  target=0, unit="requests")


def memory(table, folder, spaces, messages):
    """Resident memory, with all messages in the store, of a process that walked the last space."""
    def walk(mount, title):
        counted(["find", f"{mount.space(title)}/history/", "-type", "f"], messages)
        timed(f"grep -r {RARE} {shlex.quote(str(mount.space(title)))}/history/ || true")

    with simulator(folder, "--spaces", spaces, "--messages", messages) as sim:
        with mounted(folder, sim, "rate=off", "poll=off") as mount:
            known = os.listdir(mount.path / "spaces")
            cold = known.pop()
            for title in known:
                walk(mount, title)
        with mounted(folder, sim, "poll=off", state=mount.state) as again:
            begin = again.rss_kib() / 1024
            walk(again, known[0])
            warm = again.rss_kib() / 1024
            walk(again, cold)
            table.add("memory", f"resident, {2 * messages:,} of them walked", spaces * messages,
                      again.rss_kib() / 1024, target=96, unit="MB",
                      note=f"{begin:.0f} MB after mounting, {warm:.0f} after a known space, "
                           "then one that is not")
        files = mount.state.glob("cache/sparkfs/**/*.db*")
        size = sum(p.stat().st_size for p in files)
        table.add("memory-store", "  its store", spaces * messages, size / MB, unit="MB")
        shutil.rmtree(mount.state)


# Roots are asked for so many at a time.
ROOTS_AT_ONCE = 8


def make_threads(sim, room, count):
    """So many roots of one day, and a reply to each of another one. Returns the roots."""
    roots = sim.add_messages(room=room, person="bob@example.com", text="root", count=count,
                             created="2025-03-04T09:00:00.000Z", stepMs=1000)["items"]
    for i, root in enumerate(roots):
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(1741600000 + i))
        sim.add_messages(room=room, person="alice@example.com", text="reply", created=stamp,
                         parentId=root["id"])
    return roots


def threads(table, folder, count, times):
    """threads/ of a space whose roots are all older than what it lists."""
    with simulator(folder, "--latency", LATENCY_MS) as sim:
        room = sim.create_room("Talk", ["bob@example.com"])["id"]
        make_threads(sim, room, count)
        with mounted(folder, sim, "rate=off", "poll=off", f"recent={count}") as mount, \
                shared_memory() as copy:
            listed = get(mount, "threads")
            os.listdir(get(mount))
            sim.clear_log()
            command = f"ls -l {shlex.quote(str(listed))}/"
            trip = RoundTrip(sim)
            table.add("threads-cold", f"ls -l of {count:,} threads, roots unknown", count,
                      timed(command) / (trip() * count / ROOTS_AT_ONCE), target=2,
                      requests=len([r for r in sim.log() if r["path"] != "/v1/people/me"]),
                      against=f"GET /people/me, {ROOTS_AT_ONCE} at a time")
            for name in os.listdir(listed):
                (copy / name).mkdir()
                times_of = os.stat(listed / name)
                os.utime(copy / name, (times_of.st_atime, times_of.st_mtime))
            def rows(key, what, place, target):
                ours, theirs = (f"{place.format(shlex.quote(str(d)))}" for d in (listed, copy))
                for run in (ours, theirs) * 2:
                    timed(run)
                sim.clear_log()
                pair = pairs(lambda: timed(ours), lambda: timed(theirs), times)
                table.add_pair(key, what, count, pair, target=target,
                               requests=len(sim.requests("GET", "/messages/.*")), against="tmpfs")

            rows("threads-warm", f"warm ls -l of {count:,} threads", "cd {} && ls -l", 1.2)
            # ls names each by its whole path, and the kernel asks for the link in it each time.
            rows("threads-link", "  through the link threads/", "ls -l {}/", None)


STORE_ROWS = {
    "insert_wall_us": ("store-insert", "store: take in a message, in pages of 1,000"),
    "list_us": ("store-list", "store: list a message"),
    "whole_us": ("store-whole", "store: read a message in a row"),
    "get_us": ("store-get", "store: read one message"),
}


def store(table, folder, sizes):
    """The store alone: how it grows beyond what a walk in a benchmark can show."""
    for size in sizes:
        out = subprocess.run([os.environ["STORE_BENCH"], f"--folder={folder}", str(size)],
                             check=True, stdout=subprocess.PIPE).stdout
        said = json.loads(out)
        for field, (key, what) in STORE_ROWS.items():
            table.add(key, what, size, said[field], unit="us", seconds=said[field] * size / 1e6)
        table.add("store-beyond", "store: bytes beyond the texts", size, said["bytes_beyond"],
                  unit="bytes")
