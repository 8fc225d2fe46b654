"""The rows of `scripts/bench attachments`: a file each way, beside curl."""
import contextlib
import os
import pathlib
import re
import shlex
import shutil

from measure import pairs, timed
from pager import MB, TOKEN, get, mounted, shared_memory, simulator

BIG = 90_000_000
SMALL, MANY = 100_000, 200
# Number of requests at a time, on either side.
AT_ONCE = 8
AUTH = f"-H 'Authorization: Bearer {TOKEN}'"
CONTENT = "/contents/.*"


def high_water(mount):
    """The most that the daemon was resident since the last call, in bytes."""
    text = pathlib.Path(f"/proc/{mount.pid}/status").read_text(encoding="ascii")
    pathlib.Path(f"/proc/{mount.pid}/clear_refs").write_text("5", encoding="ascii")
    return int(re.search(r"VmHWM:\s*(\d+)", text)[1]) * 1024


def forget_contents(state):
    """Drops all bytes of attachments that the mount has kept."""
    for folder in state.glob("cache/sparkfs/*/contents"):
        shutil.rmtree(folder)


class Attachments:
    """All rows for one latency."""

    def __init__(self, table, folder, latency_ms, times, quick):
        self.table, self.folder, self.latency_ms, self.times = table, folder, latency_ms, times
        self.big = BIG // 30 if quick else BIG
        self.many = 20 if quick else MANY
        self.sim = self.room = self.state = self.shm = None
        self.urls = {}
        self.most = 0

    def run(self):
        with simulator(self.folder, "--spaces", "1") as self.sim, shared_memory() as self.shm:
            self.room = self.sim.rooms()[0]["id"]
            self.fill()
            with mounted(self.folder, self.sim, "rate=off") as mount:
                self.state = mount.state
                assert len(os.listdir(get(mount, "files"))) == self.many + 1
            self.sim.control("POST", "/switches", {"latencyMs": self.latency_ms})
            self.download()
            self.first_byte()
            self.small_files()
            self.again()
            self.upload()
            self.memory()

    def fill(self):
        self.add("big.bin", self.big)
        for i in range(self.many):
            self.add(f"{i:03}.bin", SMALL)

    def add(self, name, size):
        message = self.sim.upload(self.room, name, os.urandom(size))
        self.urls[name] = re.sub(r"^https?://[^/]+", self.sim.origin, message["files"][0])

    # A mount with names, and without bytes.

    @contextlib.contextmanager
    def cold(self):
        with mounted(self.folder, self.sim, "rate=off", state=self.state) as mount:
            files = get(mount, "files")
            os.listdir(files)
            idle = high_water(mount)
            self.sim.clear_log()
            assert not list(self.state.glob("cache/sparkfs/*/contents/*.bin"))
            yield files
            self.most = max(self.most, high_water(mount) - idle)
        forget_contents(self.state)

    def ours_counted(self, command):
        with self.cold() as files:
            seconds = timed(command, files)
            return seconds, len(self.sim.requests())

    def ours(self, command):
        return self.ours_counted(command)[0]

    def row(self, key, what, target, ours, theirs, requests=None, against="curl"):
        pair = pairs(ours, theirs, self.times)
        self.table.add_pair(f"attachments-{key}", f"{what}, {self.latency_ms} ms", 0, pair,
                            target=target, against=against, requests=requests)
        return pair

    def download(self):
        url = self.urls["big.bin"]
        _seconds, requests = self.ours_counted(f"cp big.bin {self.shm}/a")
        self.row("download", f"download of {self.big // 1000000} MB by cp", 1.15,
                 lambda: self.ours(f"cp big.bin {self.shm}/a"),
                 lambda: timed(f"curl -sf {AUTH} -o {self.shm}/b {url}"), requests,
                 "curl -o: 1 request")
        assert (self.shm / "a").read_bytes() == (self.shm / "b").read_bytes()

    def first_byte(self):
        url = self.urls["big.bin"]
        self.row("first-byte", "its first byte", 1.5,
                 lambda: self.ours("head -c 1 big.bin"),
                 lambda: timed(f"curl -sN {AUTH} {url} | head -c 1"))

    def small_files(self):
        names = sorted(n for n in self.urls if n != "big.bin")
        config = self.folder / f"curl-{self.latency_ms}"
        to = shlex.quote(str(self.shm / "many"))
        config.write_text("".join(f'url = "{self.urls[n]}"\noutput = "{to}/{n}"\n'
                                  for n in names), encoding="ascii")
        each = -(-len(names) // AT_ONCE)
        copy = f"rm -rf {to}; mkdir {to}; ls | grep -v big | xargs -P {AT_ONCE} -n {each} cp -t {to}"
        _seconds, requests = self.ours_counted(copy)
        self.row("small", f"{len(names)} files of 100 kB by {AT_ONCE} cp", 1.3,
                 lambda: self.ours(copy),
                 lambda: timed(f"rm -rf {to}; mkdir {to}; curl -sf {AUTH} --parallel "
                               f"--parallel-max {AT_ONCE} -K {config} 2> /dev/null"), requests,
                 f"curl --parallel: {len(names)} requests")

    def again(self):
        copy = self.shm / "again"
        with self.cold() as files:
            shutil.copyfile(files / "big.bin", copy)
            self.sim.clear_log()
            self.row("again", "second read of it", 1.5,
                     lambda: timed("cat big.bin", files), lambda: timed(f"cat {copy}"),
                     len(self.sim.requests()), "tmpfs")
            assert self.sim.requests() == []

    def upload(self):
        source, count = self.shm / "up", iter(range(1000))
        source.write_bytes(os.urandom(self.big))
        form = f"-F roomId={self.room} -F 'files=@{source};type=application/octet-stream'"

        def ours():
            name = f"up{next(count)}.bin"
            with self.cold() as files:
                return timed(f"cp {source} {name}", files.parent / "files")

        self.row("upload", f"upload of {self.big // 1000000} MB by cp", 2.1, ours,
                 lambda: timed(f"curl -sf {AUTH} {form} {self.sim.origin}/v1/messages"), 1,
                 "curl -F")

    def memory(self):
        self.table.add("attachments-memory", f"resident above idle, {self.latency_ms} ms", 0,
                       self.most / MB, target=64, unit="MB")
