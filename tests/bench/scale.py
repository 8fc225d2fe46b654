#!/usr/bin/python3
"""usage: scale.py [--quick] [--only PART,...] [--json FILE] [--keep DIR]

How the cost of what people do grows with the account: at some sizes of one thing (spaces, messages of
a space, members, attachments, letters in unsent/), each act with its seconds, the daemon's seconds of
the processor, its requests, and the steps of SQLite's machine. Behind them stands the exponent by which
each grows, the slope of its logarithm over that of the size: 0 does not grow, 1 is linear.

It fails where the requests or the steps grow by more than the act allows: a look-up by more than 0.3, a
list by more than 1.3, what sorts nothing and compares all. The seconds of the processor fail it above
1.4 where they are long enough to be measured; the clock never does, since others use the machine, too.
--quick: small sizes, for scripts/test.
"""
import argparse
import contextlib
import json
import math
import mmap
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "e2e"), str(HERE)]

from lib.mount import Mount, mount_device  # noqa: E402
from lib.sim import Sim  # noqa: E402
from lib.util import scaled, wait_until  # noqa: E402

SIZES = {"spaces": [1000, 10000, 20000], "messages": [10000, 100000, 1000000],
         "members": [100, 1000, 10000], "attachments": [100, 1000, 10000],
         "letters": [100, 1000, 10000]}
QUICK = {"spaces": [100, 800], "messages": [500, 4000], "members": [50, 400],
         "attachments": [30, 240], "letters": [100, 800]}
LOOK_UP, LIST = 0.3, 1.3
# What the kernel may have kept is shown, and not judged.
KEPT = math.inf
COUNTED = ["requests", "steps", "memory"]
LINE = "{:<34} {:>8} {:>9} {:>8} {:>9} {:>11} {:>11}"


class Account:
    """A simulator, and one mount of it after the other."""

    def __init__(self, folder, *options):
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=folder))
        self.sim = Sim(self.folder, "--data", "empty", *options)
        self.options = ["rate=off"]
        self.mount = self.state = None
        self.counter = self.folder / "steps"
        self.counter.write_bytes(bytes(16))
        library = os.environ.get("COUNT_STEPS_LIBRARY")
        self.more = {"env": {"COUNT_STEPS": str(self.counter)}, "preload": library} if library else {}

    def start(self, *options):
        self.mount = Mount(self.folder, self.sim.base, *self.options, *options, deadline=300,
                           state=self.state, **self.more)
        self.state = self.mount.state

    def stop(self):
        mount, self.mount = self.mount, None
        if mount:
            mount.unmount()

    def end(self):
        try:
            self.stop()
        finally:
            self.sim.stop()
            shutil.rmtree(self.folder, ignore_errors=True)

    def cpu(self):
        """Nanoseconds of the processor that the daemon took: the clock of another process."""
        return time.clock_gettime_ns(~self.mount.process.pid << 3 | 2) if self.mount else 0

    def counts(self):
        """The steps of SQLite's machine, and how often memory was asked for."""
        with open(self.counter, "r+b") as f, mmap.mmap(f.fileno(), 16) as view:
            return struct.unpack("=QQ", view[:16])

    def now(self):
        steps, memory = self.counts()
        return {"seconds": time.monotonic(), "cpu": self.cpu() / 1e9, "requests": len(self.sim.log()),
                "steps": steps, "memory": memory}

    @property
    def space(self):
        """The folder of the only space."""
        return next((self.mount.path / "spaces").iterdir())


class Table:
    """Prints a line an act and size, and keeps what grows too fast."""

    def __init__(self):
        self.rows, self.wrong, self.size, self.account = [], [], 0, None
        self.head = LINE.format("what", "size", "seconds", "cpu", *COUNTED)

    @contextlib.contextmanager
    def act(self, what, limit):
        """Measures what is done inside. limit: LOOK_UP, LIST or KEPT."""
        before = self.account.now()
        yield
        after = self.account.now()
        row = {k: max(0, after[k] - before[k]) for k in after}
        self.rows.append({"what": what, "size": self.size, "limit": limit, **row})
        print(LINE.format(what, self.size, f"{row['seconds']:.3f}", f"{row['cpu']:.2f}",
                          *(row[k] for k in COUNTED)), flush=True)

    def exponents(self):
        """Prints how each act grows."""
        print("\n" + self.head.replace("what", "grows with the power"))
        for what in dict.fromkeys(row["what"] for row in self.rows):
            rows = [row for row in self.rows if row["what"] == what]
            grows = {k: slope(rows, k) for k in ("seconds", "cpu", *COUNTED)}
            for row in rows:
                row["grows"] = grows
            print(LINE.format(what, "", *("" if g is None else f"{g:.2f}" for g in grows.values())))
            self.wrong += [f"{what}: {k} grow with the power {grows[k]:.2f}, at most {row['limit']}"
                           for k in COUNTED if grows[k] is not None and grows[k] > row["limit"]]


def slope(rows, key):
    """The least squares' line through the logarithms; None if it says nothing."""
    # A little more of all: what is none or a few does not grow.
    points = [(math.log(r["size"]), math.log(r[key] + (20 if key in COUNTED else 0.01)))
              for r in rows]
    if len(points) < 2 or not any(r[key] for r in rows):
        return None
    x = sum(p[0] for p in points) / len(points)
    y = sum(p[1] for p in points) / len(points)
    return sum((p[0] - x) * (p[1] - y) for p in points) / sum((p[0] - x) ** 2 for p in points)


def run(command, cwd):
    subprocess.run(["/bin/sh", "-c", command], cwd=cwd, check=True, stdout=subprocess.DEVNULL,
                   env={**os.environ, "LC_ALL": "C"})


def absent(folder, times=20):
    """Looks for names that are not there."""
    for n in range(times):
        assert not (folder / f"nobody{n}@example.com").exists()


@contextlib.contextmanager
def memfs(source, path):
    """The memory file system of scripts/bench with a copy of `source`."""
    path.mkdir()
    process = subprocess.Popen([os.environ["MEMFS"], str(source), str(path)])
    try:
        wait_until(lambda: mount_device(path), 120, "memfs")
        yield path
    finally:
        subprocess.run(["fusermount3", "-u", str(path)], check=False)
        process.wait(scaled(20))


def compare(t, account, n):
    """What the kernel and libfuse take for as many folders."""
    if not os.access(os.environ.get("MEMFS", ""), os.X_OK):
        return
    source = account.folder / "folders"
    for i in range(n):
        (source / f"Lantern project {i:05}").mkdir(parents=True)
    with memfs(source, account.folder / "memfs") as path:
        start = time.monotonic()
        run("ls -l .", path)
        first = time.monotonic() - start
    shutil.rmtree(source)
    mine = t.rows[-1]
    mine["memfs"] = first
    print(f"    {mine['seconds'] / first:.2f} times a file system in memory ({first:.3f} s)")


def again(t, account, part, *options):
    with t.act(f"{part}: unmount", LIST):
        account.stop()
    with t.act(f"{part}: mount again", LIST):
        account.start(*options)


def spaces(t, folder, n):
    account = t.account = Account(folder, "--spaces", n, "--messages", 1, "--members", 3)
    try:
        with t.act("spaces: mount", LOOK_UP if n < 1000 else LIST):
            account.start()
        with t.act("spaces: first ls -l", LIST):
            run("ls -l spaces", account.mount.path)
        compare(t, account, n)
        # A name that is not there is asked for in a list that is a few seconds old.
        absent(account.mount.path / "spaces", 1)
        with t.act("spaces: 20 that are not there", LOOK_UP):
            absent(account.mount.path / "spaces")
        with t.act("spaces: ls -l", KEPT):
            run("ls -l spaces", account.mount.path)
        names = sorted(os.listdir(account.mount.path / "spaces"))
        with t.act("spaces: cat status.json", LOOK_UP):
            run("cat .sparkfs/status.json", account.mount.path)
        again(t, account, "spaces")
        # The first lets the list be fetched. Each is looked up, since this mount has listed none.
        (account.mount.path / "spaces" / names[1]).stat()
        with t.act("spaces: stat of 50", LOOK_UP):
            for name in names[:: len(names) // 50][:50]:
                (account.mount.path / "spaces" / name).stat()
        account.stop()
        account.start("poll=1")
        news(t, account)
    finally:
        account.end()


def news(t, account):
    """One message comes, and is told."""
    mount, room = account.mount, account.sim.rooms()[0]
    run("ls spaces", mount.path)
    with open(mount.path / ".sparkfs/events", "rb", buffering=0) as events, \
            t.act("spaces: a new message is told", LIST):
        account.sim.add_messages(room=room["id"], person="bob", text="new")
        text = b""
        while b"created" not in text:
            text = events.read(65536)


def messages(t, folder, n):
    account = t.account = Account(folder, "--spaces", 1, "--messages", n)
    try:
        account.start("recent=all")
        run("ls spaces", account.mount.path)
        space = account.space
        with t.act("messages: ls", LIST):
            names = sorted(os.listdir(space))
        text = next(x for x in names[len(names) // 2:] if x.endswith(".txt"))
        with t.act("messages: ls again", KEPT):
            run("ls", space)
        with t.act("messages: stat of one", LOOK_UP):
            run(f"stat '{text}'", space)
        with t.act("messages: cat of one", LOOK_UP):
            run(f"cat '{text}'", space)
        with t.act("messages: 20 that are not there", LOOK_UP):
            absent(space)
        with t.act("messages: end of transcript.log", LIST):
            run("tail -n 1 transcript.log", space)
        again(t, account, "messages", "recent=all")
    finally:
        account.end()


def members(t, folder, n):
    account = t.account = Account(folder, "--spaces", 1, "--messages", 1, "--members", n)
    try:
        account.start()
        folder = account.space / "members"
        with t.act("members: first ls -l", LIST):
            run("ls -l", folder)
        names = sorted(os.listdir(folder))
        with t.act("members: cat of one", LOOK_UP):
            run(f"cat '{names[len(names) // 2]}'", folder)
        with t.act("members: 20 that are not there", LOOK_UP):
            absent(folder)
    finally:
        account.end()


def attachments(t, folder, n):
    account = t.account = Account(folder, "--spaces", 1, "--messages", 1)
    room = account.sim.rooms()[0]["id"]
    for i in range(n):
        account.sim.add_messages(room=room, person="bob", file={"name": f"file {i}.txt", "content": "x"})
    try:
        account.start("recent=all")
        folder = account.space / "files"
        with t.act("attachments: ls", LIST):
            names = sorted(os.listdir(folder))
        assert len(names) >= n
        with t.act("attachments: ls again", KEPT):
            run("ls", folder)
        with t.act("attachments: ls -l", KEPT):
            run("ls -l", folder)
        with t.act("attachments: cat of one", LOOK_UP):
            run(f"cat '{names[len(names) // 2]}'", folder)
        with t.act("attachments: 20 that are not there", LOOK_UP):
            absent(folder)
        again(t, account, "attachments", "recent=all")
    finally:
        account.end()


def one_letter(account):
    """Makes a letter that cannot be sent, and returns its note and the folder of letters."""
    account.sim.fault(method="POST", route="/messages$", status=403, message="no")
    with contextlib.suppress(PermissionError):
        (account.space / "post").write_text("kept", encoding="utf-8")
    account.stop()
    (box,) = (account.state / "state").rglob("outbox")
    (note,) = box.glob("*.json")
    return note, box


def letters(t, folder, n):
    account = t.account = Account(folder, "--spaces", 1, "--messages", 1)
    try:
        account.start()
        note, box = one_letter(account)
        known = json.loads(note.read_text(encoding="utf-8"))
        for i in range(1, n):
            stamp = time.strftime("%Y-%m-%dT%H-%M-%S.000Z", time.gmtime(1700000000 + i))
            copy = {**known, "name": re.sub("^[^_]*", stamp, known["name"])}
            (box / f"{int(note.stem) + i}.json").write_text(json.dumps(copy), encoding="utf-8")
            (box / f"{int(note.stem) + i}.body").write_text(f"kept {i}", encoding="utf-8")
        with t.act("letters: mount", LIST):
            account.start()
        unsent = account.mount.path / ".sparkfs/unsent"
        with t.act("letters: ls -l", LIST):
            run("ls -l", unsent)
        assert len(os.listdir(unsent)) == 2 * n
        with t.act("letters: cat status.json", LOOK_UP):
            run("cat ../status.json", unsent)
        with t.act("letters: rm of all", LIST):
            for name in os.listdir(unsent):
                (unsent / name).unlink()
        assert not os.listdir(unsent)
    finally:
        account.end()


PARTS = {"spaces": spaces, "messages": messages, "members": members, "attachments": attachments,
         "letters": letters}


def parse():
    usage, about = __doc__.split("\n\n", maxsplit=1)
    parser = argparse.ArgumentParser(description=about, usage=usage[7:],
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default=list(PARTS), type=lambda text: text.split(","))
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--keep", type=pathlib.Path, help="work there")
    return parser.parse_args()


def measure(parts, is_quick, folder):
    """The table of these parts."""
    table = Table()
    print(table.head)
    for part in parts:
        for table.size in (QUICK if is_quick else SIZES)[part]:
            PARTS[part](table, folder, table.size)
    table.exponents()
    for line in table.wrong:
        print(f"scale: {line}")
    print("scale: " + ("failed" if table.wrong else "good"))
    return table


def main():
    args = parse()
    with tempfile.TemporaryDirectory(prefix="scale-", dir=args.keep) as folder:
        table = measure(args.only, args.quick, folder)
    if args.json:
        args.json.write_text(json.dumps(table.rows, indent=2) + "\n", encoding="utf-8")
    return bool(table.wrong)


if __name__ == "__main__":
    sys.exit(main())
