#!/usr/bin/python3
"""Files beside tmpfs, call by call: random calls at both, through several descriptors. Whatever one
says, the other must say: results, bytes, sizes, errors. Passing files are renamed and removed, and
their descriptors outlive their names. Files that are sent stay open to the end; then the newest
version at the server has the bytes, and nothing else was sent.

usage: diff_fs.py [SEED [STEPS]]; the exit status is 1 on the first difference, which is printed with the
calls before it.
"""
import argparse
import errno
import mmap
import os
import pathlib
import random
import shutil
import stat
import sys
import tempfile

from kit import Mount, Sim
from lib.chat import file_name
from lib.util import wait_until

# Passing names of editors: never sent, and not moved to unsent/ before the end.
PASSING = [".a.swp", ".b.swp", "c~"]
SENT = ["a.bin", "b.bin"]
OPEN_MAX = 7
LENGTHS = [0, 1, 3, 10, 100, 4096, 5000, 70000]
OFFSETS = [0, 1, 7, 50, 4095, 4096, 6000, 100000]
SIZES = [0, 1, 5, 100, 4096, 9000, 65537]
MODES = [0o600, 0o640, 0o644]
TRACE = 20


class Difference(Exception):
    pass


def show(result):
    text = repr(result)
    return text if len(text) < 100 else f"{text[:60]}... ({len(text)} characters)"


class Pair:
    """A directory or descriptor of the mount, and its counterpart on tmpfs."""

    def __init__(self, ours, theirs, name):
        self.sides = (ours, theirs)
        self.name = name


class Differ:
    def __init__(self, ours, theirs, seed):
        self.dirs = Pair(ours, theirs, ".")
        self.dice = random.Random(seed)
        self.open = []
        self.trace = []
        self.held = []
        for name in SENT:
            self.opened(f"open {name}", name,
                        lambda d, n=name: os.open(f"{d}/{n}", os.O_WRONLY | os.O_CREAT, 0o644))
            self.held.append(self.open.pop())

    # Each call is made twice.

    def both(self, what, call, pair):
        results = []
        for side in pair.sides:
            try:
                results.append(call(side))
            except OSError as e:
                results.append(errno.errorcode[e.errno])
        self.trace.append(f"{what} -> {show(results[1])}")
        return results

    def same(self, what, call, pair=None):
        """Makes the call on both sides and returns the result; raises Difference if they differ."""
        ours, theirs = self.both(what, call, pair or self.dirs)
        if ours != theirs:
            raise Difference(f"{what}: {show(ours)} here, {show(theirs)} on tmpfs")
        return theirs

    def pick_name(self):
        return self.dice.choice([*PASSING, *SENT])

    # Calls on descriptors: each method makes one kind.

    def opened(self, what, name, call, pair=None):
        """Makes a call that returns a descriptor."""
        ours, theirs = self.both(what, call, pair or self.dirs)
        if isinstance(ours, int) and isinstance(theirs, int):
            self.trace[-1] = f"{what} -> fd {len(self.open)}"
            self.open.append(Pair(ours, theirs, name))
        elif ours != theirs:
            for fd in ours, theirs:
                if isinstance(fd, int):
                    os.close(fd)
            raise Difference(f"{what}: {show(ours)} here, {show(theirs)} on tmpfs")

    def flags(self):
        flags = self.dice.choice([os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_RDWR])
        for flag, chance in ((os.O_TRUNC, 0.3), (os.O_APPEND, 0.2)):
            flags |= flag if self.dice.random() < chance else 0
        return flags

    def do_open(self):
        name, flags, mode = self.pick_name(), self.flags(), self.dice.choice(MODES)
        flags |= os.O_CREAT if self.dice.random() < 0.8 else 0
        flags |= os.O_EXCL if flags & os.O_CREAT and self.dice.random() < 0.1 else 0
        self.opened(f"open {name} {flags:#o} {mode:o}", name,
                    lambda d: os.open(f"{d}/{name}", flags, mode))

    def reopen(self, k, pair):
        """Opens a file again by its descriptor; the file may have lost its name."""
        flags = self.flags()
        self.opened(f"open /proc/self/fd/ of fd {k} {flags:#o}", pair.name,
                    lambda fd: os.open(f"/proc/self/fd/{fd}", flags), pair)

    def dup(self, k, pair):
        self.opened(f"dup fd {k}", pair.name, os.dup, pair)

    def close(self, k, pair):
        self.open.pop(k)
        self.same(f"close fd {k}", os.close, pair)

    def write(self, k, pair):
        data = bytes([self.dice.randrange(65, 91)]) * self.dice.choice(LENGTHS)
        self.same(f"write fd {k} {len(data)}", lambda fd: os.write(fd, data), pair)

    def pwrite(self, k, pair):
        data = bytes([self.dice.randrange(97, 123)]) * self.dice.choice(LENGTHS)
        at = self.dice.choice(OFFSETS)
        self.same(f"pwrite fd {k} {len(data)} at {at}", lambda fd: os.pwrite(fd, data, at), pair)

    def read(self, k, pair):
        size = self.dice.choice(LENGTHS)
        self.same(f"read fd {k} {size}", lambda fd: os.read(fd, size), pair)

    def pread(self, k, pair):
        size, at = self.dice.choice(LENGTHS), self.dice.choice(OFFSETS)
        self.same(f"pread fd {k} {size} at {at}", lambda fd: os.pread(fd, size, at), pair)

    def seek(self, k, pair):
        at = self.dice.choice(OFFSETS)
        whence = self.dice.choice([os.SEEK_SET, os.SEEK_CUR, os.SEEK_END])
        at = -at if whence and self.dice.random() < 0.3 else at
        self.same(f"lseek fd {k} {at} {whence}", lambda fd: os.lseek(fd, at, whence), pair)

    def ftruncate(self, k, pair):
        size = self.dice.choice(SIZES)
        self.same(f"ftruncate fd {k} {size}", lambda fd: os.ftruncate(fd, size), pair)

    def fsync(self, k, pair):
        self.same(f"fsync fd {k}", os.fsync, pair)

    def fstat(self, k, pair):
        self.same(f"fstat fd {k}", lambda fd: self.seen(os.fstat(fd)), pair)

    def fchmod(self, k, pair):
        mode = self.dice.choice(MODES)
        self.same(f"fchmod fd {k} {mode:o}", lambda fd: os.fchmod(fd, mode), pair)

    def futime(self, k, pair):
        when = self.dice.randrange(1, 2_000_000_000)

        def call(fd):
            os.utime(fd, (when, when))
            return os.fstat(fd).st_mtime_ns
        self.same(f"utime fd {k} {when}", call, pair)

    def append_flag(self, k, pair):
        self.same(f"fcntl O_APPEND fd {k}", toggle_append, pair)

    def mapped(self, k, pair):
        """Writes through a mapping, which a close or msync brings to the file."""
        at, data = self.dice.choice(OFFSETS[:6]), bytes([self.dice.randrange(48, 58)]) * 9

        def call(fd):
            size = os.fstat(fd).st_size
            if size < at + len(data):
                return "too short"
            with mmap.mmap(fd, size) as area:
                area[at:at + len(data)] = data
                area.flush()
            return size
        self.same(f"mmap fd {k} at {at}", call, pair)

    # Calls on names.

    @staticmethod
    def seen(st):
        return (st.st_size, stat.S_IFMT(st.st_mode), stat.S_IMODE(st.st_mode), st.st_nlink)

    def stat(self, name):
        self.same(f"stat {name}", lambda d: self.seen(os.stat(f"{d}/{name}")))

    def cat(self, name):
        self.same(f"cat {name}", lambda d: pathlib.Path(d, name).read_bytes())

    def append(self, name):
        def call(d):
            with open(f"{d}/{name}", "ab") as f:
                return f.write(b"app")
        self.same(f"append {name}", call)

    def truncate(self, name):
        size = self.dice.choice(SIZES)
        self.same(f"truncate {name} {size}", lambda d: os.truncate(f"{d}/{name}", size))

    def rename(self, name):
        onto = self.dice.choice(PASSING)
        self.same(f"rename {name} {onto}", lambda d: os.rename(f"{d}/{name}", f"{d}/{onto}"))

    def unlink(self, name):
        self.same(f"unlink {name}", lambda d: os.unlink(f"{d}/{name}"))

    def step(self):
        by_fd = [self.reopen, self.dup, self.close, self.close, self.write, self.write,
                 self.pwrite, self.read, self.pread, self.seek, self.ftruncate, self.fsync,
                 self.fstat, self.fchmod, self.futime, self.append_flag, self.mapped]
        by_name = [self.stat, self.cat, self.append, self.truncate, self.rename, self.rename,
                   self.unlink]
        kind = self.dice.choice(["open", *["name"] * 3, *["fd"] * 6])
        if kind == "name":
            call, name = self.dice.choice(by_name), self.pick_name()
            if name in PASSING or call not in (self.rename, self.unlink):
                call(name)
        elif kind == "open" or not self.open:
            if len(self.open) < OPEN_MAX:
                self.do_open()
        else:
            k = self.dice.randrange(len(self.open))
            call = self.dice.choice(by_fd)
            if len(self.open) < OPEN_MAX or call not in (self.reopen, self.dup):
                call(k, self.open[k])

    def end(self):
        """Closes all descriptors; returns the bytes of each file that is to be sent, by name."""
        sent = {name: pathlib.Path(self.dirs.sides[1], name).read_bytes() for name in SENT}
        for pair in [*self.open, *self.held]:
            for fd in pair.sides:
                os.close(fd)
        for d in self.dirs.sides:
            for name in PASSING:
                pathlib.Path(d, name).unlink(missing_ok=True)
        return sent


def toggle_append(fd):
    import fcntl  # pylint: disable=import-outside-toplevel
    flags = fcntl.fcntl(fd, fcntl.F_GETFL) ^ os.O_APPEND
    fcntl.fcntl(fd, fcntl.F_SETFL, flags)
    return flags & os.O_APPEND


def newest_versions(sim):
    """name -> bytes of its newest version."""
    found = {}
    for message in sim.messages(sim.room("Firmware")["id"], max=1000)[::-1]:
        for url in message.get("files") or []:
            answer = sim.api("GET", url).ok()
            found[file_name(answer.headers)] = answer.body
    return found


def check_sent(sim, before, sent):
    """The names whose bytes the server does not have. sparkfs sends no empty file."""
    new = {name: data for name, data in newest_versions(sim).items() if before.get(name) != data}
    return [name for name in {**new, **sent}
            if sent.get(name, b"never") != new.get(name) and sent.get(name) != b""]


def run(mount, theirs, sim, args):
    """Returns what was different, or None."""
    before = newest_versions(sim)
    differ = Differ(str(mount / "spaces/Firmware"), theirs, args.seed)
    try:
        for _ in range(args.steps):
            differ.step()
    except Difference as e:
        return "\n".join([*differ.trace[-TRACE:], str(e)])
    finally:
        sent = differ.end()
    try:
        wait_until(lambda: not check_sent(sim, before, sent))
    except AssertionError:
        return f"the server does not have what was written to {check_sent(sim, before, sent)}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("seed", nargs="?", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("steps", nargs="?", type=int, default=5000)
    args = parser.parse_args()
    os.umask(0o022)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="diff_fs-"))
    theirs = tempfile.mkdtemp(prefix="diff_fs-", dir="/dev/shm")
    print(f"diff_fs: seed {args.seed}, {args.steps} steps, {folder}", flush=True)
    sim = Sim(folder, "--data", "demo")
    mount = Mount(folder, sim.base, "rate=off", deadline=60)
    try:
        wrong = run(mount, theirs, sim, args)
        mount.unmount()
    except (AssertionError, OSError) as e:
        mount.force("it failed")
        wrong = str(e)
    sim.stop()
    shutil.rmtree(theirs)
    if wrong:
        print(f"{wrong}\ndiff_fs: failed, seed {args.seed}; see {folder}")
        return 1
    shutil.rmtree(folder)
    print("diff_fs: no difference")
    return 0


if __name__ == "__main__":
    sys.exit(main())
