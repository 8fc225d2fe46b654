#!/usr/bin/python3
"""Proof by storm that nothing is lost and nothing is sent twice (design 2.3).

Parallel writers post texts and Markdown and upload files through a real mount while
requests fail at random in every way there is, sparkfs is killed and mounted again, and
the server goes away for some seconds. Each writer keeps a ledger of what open, write
and close said. In the end the server and .sparkfs/unsent are compared with it:

    close said        the server has it     unsent/ has it
    success           once                  no
    an error          once                  no
                      no                    once
                      once                  once, as in-doubt: nobody could tell
    nothing           (the ledger is incomplete: a violation)
    write failed      no                    at most once, as a beginning
    open failed       no                    no

and then everything in unsent/ that is not in doubt is sent from there, without faults,
and must be on the server once.

Who was told by ENOTCONN or ECONNABORTED that sparkfs is gone while it had not yet put the
text on disk has lost it, and knows; such are counted as "cut off" (texts only).
"""
import argparse
import collections
import errno
import hashlib
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

from lib.mount import Mount  # noqa: E402
from lib.sim import Sim  # noqa: E402
from lib.util import SLOW  # noqa: E402
from proxy import Proxy  # noqa: E402

TOKEN = re.compile(r"w\d\d-\d{5}")
GONE = (errno.ENOTCONN, errno.ECONNABORTED)
SPACES = ["Harbour", "Lighthouse", "Pier 7", "Quay"]
OPEN_PATIENCE_S = 120
WORDS = "buoy keel mast tide wharf Größe 北 ☂ anchor & <b> \"quoted\" \\n drift".split(" ")

# Probability of each, on every request. They add up, so a little less than the sum is hit.
FAULTS = {
    "delay": (0.05, {"delayMs": 400}),
    "429 with Retry-After": (0.02, {"status": 429, "retryAfter": "1"}),
    "429 malformed Retry-After": (0.001, {"status": 429, "retryAfter": "soon", "times": 1}),
    "429 without Retry-After": (0.001, {"status": 429, "times": 1}),
    "500": (0.04, {"status": 500}),
    "502": (0.03, {"status": 502}),
    "503": (0.03, {"status": 503}),
    "503 with Retry-After": (0.02, {"status": 503, "retryAfter": 1}),
    "504": (0.03, {"status": 504}),
    "502 html": (0.02, {"status": 502, "html": True}),
    "503 html": (0.01, {"html": True}),
    "reset before": (0.05, {"reset": "before"}),
    "reset after": (0.05, {"reset": "after"}),
    "cut": (0.04, {"cutAt": 20}),
    "wrong length": (0.02, {"contentLength": "wrong"}),
    "malformed": (0.04, {"malformed": True}),
    "401": (0.01, {"status": 401}),
    "hang before": (0.002, {"hang": "before"}),
    "hang in the body": (0.001, {"hang": "body"}),
    "hang after": (0.002, {"hang": "after"}),
}
TOKENS = ["alice-token", "alice-second-token"]


# ---- what is written ----

class Item:
    """Everything about it follows from seed and token."""

    def __init__(self, seed, token, is_upload):
        dice = random.Random(f"{seed} {token}")
        self.token = token
        self.space = dice.choice(SPACES)
        self.form = "file" if is_upload else dice.choice(["post", "post", "post.md"])
        self.pieces = dice.choice([1, 1, 1, 2, 5])
        self.pause = dice.choice([0, 0, 0, 0.01, 0.05])
        self.flags = dice.choice([os.O_TRUNC, os.O_TRUNC, os.O_APPEND])
        if is_upload:
            size = dice.choice([0, 1, 500, 5000, 60000, 300000, 2000000])
            self.name = f"{token}.bin"
            self.body = (token.encode() + dice.randbytes(size))
        else:
            self.name = self.form
            words = dice.choices(WORDS, k=dice.choice([0, 3, 10, 60, 600]))
            lines = [" ".join(words[i:i + 12]) for i in range(0, len(words), 12)]
            text = "\n".join([f"{token} of the storm {seed}", *lines])
            self.body = text.strip().encode()
            # What is at the end does not count.
            self.tail = dice.choice([b"", b"\n", b"\n\n"])

    @property
    def is_file(self):
        return self.form == "file"

    def bytes(self):
        return self.body if self.is_file else self.body + self.tail


def tokens_of(writer, posts, uploads, writers):
    """(token, is_upload) of one writer, in order."""
    total = posts + uploads
    every = total // uploads if uploads else total + 1
    for i in range(writer, total, writers):
        yield f"w{writer:02}-{i:05}", i % every == 0 and i // every < uploads


# ---- a writer: a process of its own ----

class Writer:
    def __init__(self, args):
        self.current = pathlib.Path(args.current)
        self.items = [Item(args.seed, *pair) for pair in
                      tokens_of(args.writer, args.posts, args.uploads, args.writers)]
        self.ledger = open(args.ledger, "a", encoding="utf-8")

    def note(self, item, stage, error=None, **more):
        entry = {"token": item.token, "stage": stage, "at": time.time(),
                 "error": errno.errorcode.get(error, error), **more}
        self.ledger.write(json.dumps(entry) + "\n")
        self.ledger.flush()

    def run(self):
        for item in self.items:
            self.write(item)

    def open(self, item):
        """A descriptor, however often it takes. Nothing is accepted before."""
        flags = os.O_WRONLY | item.flags | (os.O_CREAT if item.is_file else 0)
        end = time.monotonic() + OPEN_PATIENCE_S * SLOW
        pause = 0.01
        refused = collections.Counter()
        while True:
            try:
                path = pathlib.Path(os.readlink(self.current)) / "spaces" / item.space
                return os.open(path / item.name, flags, 0o644), refused
            except OSError as e:
                refused[errno.errorcode.get(e.errno, str(e.errno))] += 1
                if time.monotonic() > end:
                    self.note(item, "open", e.errno, refused=refused)
                    return None, refused
            time.sleep(pause)
            pause = min(pause * 2, 0.5)

    def write(self, item):
        fd, refused = self.open(item)
        if fd is None:
            return
        self.note(item, "opened", refused=refused)
        data = item.bytes()
        size = -(-len(data) // item.pieces)
        failed = None
        for at in range(0, len(data), size):
            try:
                piece = data[at:at + size]
                while piece:
                    piece = piece[os.write(fd, piece):]
            except OSError as e:
                failed = e.errno
                break
            time.sleep(item.pause)
        if failed is None:
            self.note(item, "written")
        try:
            os.close(fd)
            if failed is None:
                self.note(item, "ok")
        except OSError as e:
            if failed is None:
                self.note(item, "close", e.errno)
        if failed is not None:
            self.note(item, "write", failed)


# ---- the storm ----

class Storm:
    def __init__(self, args, folder):
        self.args = args
        self.folder = folder
        self.dice = random.Random(args.seed)
        self.current = folder / "current"
        self.kills = self.restarts = self.mounts = 0
        self.writers = []
        self.fault_names = {}
        self.hits = collections.Counter()

    def say(self, text):
        print(f"storm: {text}", flush=True)

    # The two ends.

    def start(self):
        args = self.args
        self.sim = Sim(self.folder, "--data", "empty")
        self.sim.tokens(token=TOKENS[1], person="alice")
        self.rooms = {title: self.sim.create_room(title) for title in SPACES}
        self.sim.clear_log()
        share = args.share if args.faults in ("proxy", "both") else 0
        self.proxy = Proxy(("127.0.0.1", self.sim.port), args.seed, 0,
                           stalls=not self.is_short()).start()
        self.state = self.folder / "xdg"
        # Two tokens by turns: a refused one is cured by asking again.
        self.token_command = self.folder / "token"
        self.token_command.write_text(
            "#!/bin/sh\nif mkdir %s/odd 2>/dev/null; then echo %s; else rmdir %s/odd; "
            "echo %s; fi\n" % (self.folder, TOKENS[0], self.folder, TOKENS[1]))
        self.token_command.chmod(0o700)
        self.mount = self.new_mount()
        self.point_to_mount()
        self.proxy.share = share
        if args.faults in ("sim", "both"):
            self.add_faults()

    def new_mount(self):
        self.mounts += 1
        return Mount(self.folder, f"http://127.0.0.1:{self.proxy.port}/v1", "rate=off",
                     f"timeout={int(8 * SLOW)}", f"token_command={self.token_command}",
                     token=None, state=self.state, deadline=60)

    def point_to_mount(self):
        temporary = self.folder / "next"
        temporary.symlink_to(self.mount.path)
        temporary.rename(self.current)

    def is_short(self):
        """Without what takes a writer a quarter of a minute or, with a file, more."""
        return self.args.posts < 300

    def add_faults(self):
        factor = self.args.share / 0.4
        for i, (name, (probability, fault)) in enumerate(FAULTS.items()):
            if self.is_short() and ("times" in fault or "hang" in fault):
                continue
            number = self.sim.fault(probability=min(1, probability * factor),
                                    seed=self.args.seed * 100 + i, **fault)
            self.fault_names[number] = name

    def calm(self):
        for item in self.sim.control("GET", "/faults")["items"]:
            self.hits[self.fault_names[item["id"]]] += item["hits"]
        self.sim.clear_faults()
        self.proxy.calm()

    # Mishaps.

    def kill(self):
        self.kills += 1
        self.mount.kill()
        self.remount()

    def remount(self):
        while True:
            try:
                self.mount = self.new_mount()
                break
            except (RuntimeError, AssertionError) as e:
                if self.mounts > 50 + 20 * self.args.kills:
                    raise
                self.say(f"mount failed: {str(e).strip().splitlines()[-1][:150]}")
        self.point_to_mount()

    def restart(self):
        self.restarts += 1
        self.proxy.down()
        time.sleep(self.dice.uniform(1, 3))
        self.proxy.up()

    def mishaps(self):
        """Pairs (how many items are done, what happens then)."""
        total = self.args.posts + self.args.uploads
        plan = [(self.dice.randrange(total // 20, total * 9 // 10), what)
                for count, what in ((self.args.kills, self.kill),
                                    (self.args.restarts, self.restart))
                for _ in range(count)]
        return sorted(plan, key=lambda pair: pair[0])

    # The writers.

    def start_writers(self):
        args = self.args
        self.ledgers = [self.folder / f"ledger-{i:02}" for i in range(args.writers)]
        for ledger in self.ledgers:
            ledger.touch()
        return [subprocess.Popen(
            [sys.executable, __file__, "--seed", str(args.seed), "--posts", str(args.posts),
             "--uploads", str(args.uploads), "--writers", str(args.writers),
             "--writer", str(i), "--current", str(self.current),
             "--ledger", str(self.ledgers[i])]) for i in range(args.writers)]

    def read_ledger(self):
        entries = collections.defaultdict(list)
        for path in self.ledgers:
            with open(path, encoding="utf-8") as f:
                for line in f:
                    if line.endswith("\n"):
                        entry = json.loads(line)
                        entries[entry["token"]].append(entry)
        return entries

    def ended(self):
        return sum(1 for path in self.ledgers for line in open(path, encoding="utf-8")
                   if '"stage": "opened"' not in line and '"stage": "written"' not in line)

    def blow(self):
        plan = self.mishaps()
        self.writers = writers = self.start_writers()
        end = time.monotonic() + self.args.limit * SLOW
        said = time.monotonic()
        while any(w.poll() is None for w in writers):
            if time.monotonic() > end:
                self.say(self.mount.force("the writers do not end"))
                raise SystemExit(f"storm: not done in time (seed {self.args.seed})")
            if self.mount.process.poll() is not None:
                raise SystemExit(f"storm: sparkfs died of {self.mount.process.returncode} "
                                 f"(seed {self.args.seed}):\n"
                                 + self.mount.output[-20000:])
            if time.monotonic() > said + 30:
                said = time.monotonic()
                self.say(f"{self.ended()} of {self.args.posts + self.args.uploads}")
            if plan and self.ended() >= plan[0][0]:
                plan.pop(0)[1]()
            time.sleep(0.05)
        bad = [w.returncode for w in writers if w.returncode]
        if bad:
            raise SystemExit(f"storm: {len(bad)} writers failed (seed {self.args.seed})")

    # What is left.

    def settle(self):
        """An end in order, then a look at what stays."""
        self.calm()
        self.mount.unmount()
        self.remount()
        before, since = None, time.monotonic()
        end = since + 60 * SLOW
        while time.monotonic() < min(since + 5 * SLOW, end):
            now = self.unsent()
            if now != before:
                before, since = now, time.monotonic()
            time.sleep(0.2)
        return before

    def unsent(self):
        """[(name, bytes, why)] of .sparkfs/unsent."""
        folder = self.mount / ".sparkfs/unsent"
        found = []
        for name in sorted(os.listdir(folder)):
            if name.endswith(".why.json"):
                continue
            try:
                why = json.loads((folder / (name + ".why.json")).read_text())
                found.append((name, (folder / name).read_bytes(), why))
            except FileNotFoundError:
                pass
        return found

    def server_messages(self):
        """token -> [(space, message, bytes)], and those that nobody wrote."""
        found, aliens = collections.defaultdict(list), []
        for title, room in self.rooms.items():
            for message in self.sim.messages(room["id"], max=1000):
                data = (message.get("markdown") or message.get("text") or "").encode()
                for url in message.get("files") or []:
                    url = url.replace(f":{self.proxy.port}/", f":{self.sim.port}/")
                    data = self.sim.api("GET", url).ok().body
                token = TOKEN.match(data[:9].decode("utf-8", "replace"))
                if token:
                    found[token[0]].append((title, message, data))
                else:
                    aliens.append((title, message))
        return found, aliens


# ---- the balance ----

class Balance:
    def __init__(self, storm, unsent):
        args = storm.args
        self.storm = storm
        self.items = {pair[0]: Item(args.seed, *pair) for w in range(args.writers)
                      for pair in tokens_of(w, args.posts, args.uploads, args.writers)}
        self.ledger = storm.read_ledger()
        self.server, self.aliens = storm.server_messages()
        self.kept = collections.defaultdict(list)
        self.bad = []
        self.count = collections.Counter()
        for name, data, why in unsent:
            token = TOKEN.match(data[:9].decode("utf-8", "replace"))
            if token:
                self.kept[token[0]].append((name, data, why))
            elif data and not self.is_beginning(name, data):
                self.violation("alien", None, f"in unsent/: {name} {data[:80]!r} {why}")

    def is_beginning(self, name, data):
        """Less than a token: sparkfs was killed in the middle of a first write."""
        return len(data) < 9 and data[:1] == b"w" or TOKEN.search(name)

    def violation(self, kind, token, text):
        self.count[kind] += 1
        self.bad.append((kind, token, text))

    def check(self):
        for title, message in self.aliens:
            self.violation("alien", None, f"in {title}: {message}")
        for token, item in self.items.items():
            self.check_item(token, item)
        self.check_order()

    def check_item(self, token, item):
        entries = self.ledger[token]
        last = entries[-1] if entries else {"stage": "never"}
        stage = last["stage"]
        server, kept = self.server[token], self.kept[token]
        sure = [k for k in kept if k[2]["state"] != "in-doubt"]
        doubt = [k for k in kept if k[2]["state"] == "in-doubt"]
        self.count["posted"] += len(server) == 1
        self.count["unsent"] += len(sure)
        self.count["in-doubt"] += len(doubt)
        self.count["in-doubt, had arrived"] += bool(doubt and server)
        if len(server) > 1:
            self.violation("doubled", token, "it is on the server more than once")
        if len(kept) > 1:
            self.violation("doubled", token, "it is in unsent/ more than once")
        if server and sure:
            self.violation("doubled", token, "it is on the server and, unsent, here")
        if stage == "ok" and kept:
            self.violation("doubled", token, "close succeeded, and it is in unsent/")
        if stage == "ok" and not server:
            self.violation("lost", token, "close succeeded")
        elif stage == "close" and not server and not kept:
            self.check_lost(token, item, last)
        elif stage in ("open", "write", "never") and server:
            self.violation("forged", token, f"the writer came as far as: {stage}")
        elif stage not in ("ok", "close", "open", "write"):
            self.violation("wedged", token, f"the writer came as far as: {stage}")
        self.count["refused at open"] += stage == "open"
        self.count["refused at write"] += stage == "write"
        self.count["close succeeded"] += stage == "ok"
        self.count["close failed"] += stage == "close"
        for title, message, data in server:
            if title != item.space or data != item.body:
                self.violation("garbled", token, f"in {title}: {message}")
            if item.is_file != bool(message.get("files")):
                self.violation("garbled", token, f"in {title}: {message}")
        for name, data, why in kept:
            whole = data in (item.body, item.bytes())
            if not whole and not (stage == "write" and item.bytes().startswith(data)):
                self.violation("garbled", token, f"{name} has {data[:200]!r}")

    def check_lost(self, token, item, last):
        if last["error"] in [errno.errorcode[n] for n in GONE] and not item.is_file:
            self.count["cut off"] += 1
        else:
            self.violation("lost", token, f"close said {last['error']}")

    def check_order(self):
        """What one writer posted into one space is in the order of its closes."""
        for title in SPACES:
            lines = collections.defaultdict(list)
            for token, copies in self.server.items():
                entries = self.ledger[token]
                if len(copies) == 1 and copies[0][0] == title and \
                        entries[-1]["stage"] == "ok":
                    lines[token[:3]].append((copies[0][1]["created"], token))
            for line in lines.values():
                tokens = [token for _, token in sorted(line)]
                for a, b in zip(tokens, tokens[1:]):
                    if a > b:
                        self.violation("out of order", b, f"in {title}, after {a}")

    def explain(self, log):
        for kind, token, text in self.bad[:20]:
            print(f"\n*** {kind}: {token}: {text}")
            if not token:
                continue
            item = self.items[token]
            print(f"    {item.form} in {item.space}, {len(item.bytes())} bytes: "
                  f"{item.bytes()[:100]!r}")
            for entry in self.ledger[token]:
                print(f"    ledger: {entry}")
            for title, message, data in self.server[token]:
                print(f"    server: {title} {message['created']} {message['id']} "
                      f"{hashlib.sha256(data).hexdigest()[:12]}")
            for name, data, why in self.kept[token]:
                print(f"    unsent: {name} {len(data)} bytes {json.dumps(why)}")
            self.explain_requests(token, log)
        if len(self.bad) > 20:
            print(f"\n*** and {len(self.bad) - 20} more")

    def explain_requests(self, token, log):
        times = [e["at"] * 1000 for e in self.ledger[token]]
        if not times:
            return
        for r in log:
            if r["method"] == "POST" and times[0] - 100 <= r["startedMs"] <= times[-1] + 5000:
                print("    log: " + json.dumps({k: r.get(k) for k in (
                    "n", "method", "path", "status", "startedMs", "endedMs", "bytesIn", "fault",
                    "note") if r.get(k) is not None}))


# ---- sending what was kept ----

def resend(storm, balance, unsent):
    """What is unsent for sure goes out from there, and only then is the balance full."""
    folder = storm.mount / ".sparkfs/unsent"
    sent = []
    for name, data, why in unsent:
        token = TOKEN.match(data[:9].decode("utf-8", "replace"))
        item = token and balance.items.get(token[0])
        if not item or why["state"] == "in-doubt" or data not in (item.body, item.bytes()):
            continue
        target = storm.mount / "spaces" / item.space / item.name
        try:
            os.rename(folder / name, target)
            sent.append(item)
        except OSError as e:
            balance.violation("not sent again", item.token, f"{name}: {e}")
    balance.server, balance.aliens = storm.server_messages()
    left = {name for name, _, _ in storm.unsent()}
    for item in sent:
        copies = balance.server[item.token]
        if len(copies) != 1 or copies[0][2] != item.body:
            balance.violation("lost" if not copies else "doubled", item.token,
                              "it was sent from unsent/")
        if any(item.token == k[0][:9] for k in left):
            balance.violation("doubled", item.token, "sent, and still in unsent/")
    return len(sent)


def run(args, folder):
    storm = Storm(args, folder)
    storm.say(f"seed {args.seed}: {args.posts} posts, {args.uploads} uploads, "
              f"{args.writers} writers, {args.kills} kills, {args.restarts} restarts, "
              f"faults by {args.faults}")
    began = time.monotonic()
    storm.start()
    try:
        storm.blow()
        unsent = storm.settle()
        log = storm.sim.control("GET", "/log")["items"]
        balance = Balance(storm, unsent)
        balance.check()
        count = dict(balance.count)
        resent = resend(storm, balance, unsent)
        storm.mount.unmount()
    finally:
        for writer in storm.writers:
            writer.kill()
        if not storm.mount.ended:
            storm.mount.force("the storm failed")
        storm.proxy.stop()
        storm.sim.stop()
    balance.explain(log)
    faults = storm.hits + storm.proxy.counts
    hit = sum(1 for r in log if r.get("fault")) + sum(storm.proxy.counts.values())
    total = max(len(log), storm.proxy.requests)
    print(f"\nseed {args.seed}, {time.monotonic() - began:.0f} s, faults by {args.faults}")
    print(f"requests             {total}, {100 * hit // max(total, 1)} % with a fault")
    for name, n in sorted(faults.items(), key=lambda pair: -pair[1]):
        print(f"  {name:<26} {n}")
    print(f"kills, restarts      {storm.kills}, {storm.restarts}")
    for name in ("close succeeded", "close failed", "refused at open", "refused at write",
                 "posted", "unsent", "in-doubt", "in-doubt, had arrived", "cut off"):
        print(f"{name:<20} {count.get(name, 0)}")
    print(f"sent from unsent/    {resent}")
    for name in ("lost", "doubled", "forged", "garbled", "out of order", "wedged", "alien",
                 "not sent again"):
        print(f"{name:<20} {balance.count[name]}")
    print(flush=True)
    return 1 if balance.bad else 0


def parse():
    parser = argparse.ArgumentParser(prog="scripts/storm", description=__doc__.splitlines()[0])
    parser.add_argument("--posts", type=int, default=10000, metavar="N")
    parser.add_argument("--uploads", type=int, default=200, metavar="N")
    parser.add_argument("--writers", type=int, default=16, metavar="N")
    parser.add_argument("--kills", type=int, default=10, metavar="N")
    parser.add_argument("--restarts", type=int, default=2, metavar="N")
    parser.add_argument("--seed", type=int, default=None, metavar="S")
    parser.add_argument("--faults", choices=("sim", "proxy", "both", "none"), default="sim",
                        help="who makes them: the simulator, a TCP proxy before it, or both")
    parser.add_argument("--share", type=float, default=0.4, metavar="P",
                        help="how many requests meet one (0.4)")
    parser.add_argument("--limit", type=int, default=7200, metavar="SECONDS")
    parser.add_argument("--keep", metavar="DIR", help="work there, and leave it")
    for name in ("writer", "current", "ledger"):
        parser.add_argument(f"--{name}", type=int if name == "writer" else str,
                            help=argparse.SUPPRESS)
    return parser.parse_args()


def main():
    args = parse()
    if args.writer is not None:
        Writer(args).run()
        return 0
    if args.seed is None:
        args.seed = random.SystemRandom().randrange(1000000)
    folder = pathlib.Path(args.keep or tempfile.mkdtemp(prefix="storm-"))
    folder.mkdir(parents=True, exist_ok=True)
    status = 1
    try:
        status = run(args, folder)
    finally:
        if status == 0 and not args.keep:
            shutil.rmtree(folder, ignore_errors=True)
        elif status:
            print(f"storm: failed, seed {args.seed}; see {folder}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
