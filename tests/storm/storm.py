#!/usr/bin/python3
"""Proof by storm that nothing is lost and nothing is sent twice (design 2.3).

Parallel writers post texts and Markdown and upload files through a real mount while
requests fail at random in every way there is, sparkfs is killed and mounted again, and
the server goes away for some seconds. Some edit and delete what they wrote, too. Each
writer keeps a ledger of what open, write, close and unlink said. In the end the server and
.sparkfs/unsent are compared with it:

    close said        the server has it     unsent/ has it
    success           once                  no
    an error          once                  no
                      no                    once
                      once                  once, as in-doubt: nobody could tell
    nothing           (the ledger is incomplete: a violation)
    write failed      no                    at most once, as a beginning
    open failed       no                    no

The same holds for an edit: "the server has it" is the message with the new text then, and
"no" is the message with the old one. A message whose deletion was told as a success is gone;
one whose deletion failed is there once, or gone. What one writer posted into one space is in
the order of its closes. Then everything new in unsent/ that is not in doubt is sent from
there, without faults, and must be on the server once. The storm fails, too, when fewer than
a third of the requests that came to where faults are made met one.

With --life S the mount has a login whose tokens live S seconds: the storm is the same, while the token is
renewed all the time, by requests that fail like all others. In the end the login must be good.

With --hurry N the time of sparkfs passes N times as fast (tests/e2e/hurry.c), and what the server
and the proxy take for a fault is that much shorter: the storm is the same, and over sooner.

Who was told by ENOTCONN or ECONNABORTED that sparkfs is gone while it had not yet put the
text on disk has lost it, and knows; such are counted as "cut off" (texts only).
"""
import argparse
import collections
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

from balance import Balance, resend  # noqa: E402
from items import SPACES, TOKEN  # noqa: E402
from login import NAME, Login  # noqa: E402
from lib.mount import Mount, dump_process, remove_folder  # noqa: E402
from lib.sim import Sim  # noqa: E402
from lib.util import SLOW, hurry_rate  # noqa: E402
import proxy  # noqa: E402
from proxy import Proxy  # noqa: E402
from writer import Writer  # noqa: E402

FAULTS_MIN = 1 / 3
# A killed process ends at once, unless the kernel keeps it.
KILL_PATIENCE_S = 10
# The share of requests that the proxy refuses where the simulator makes the other faults.
REFUSED_SHARE = 0.01
# Probability of each, on every request. They add up, so a little less than the sum is hit.
FAULTS = {
    "delay": (0.05, {"delayMs": 400}),
    "429 with Retry-After": (0.02, {"status": 429, "retryAfter": "1"}),
    "429 malformed Retry-After": (0.001, {"status": 429, "retryAfter": "soon", "times": 2}),
    "429 without Retry-After": (0.001, {"status": 429, "times": 2}),
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


# ---- the storm ----

class Storm:
    def __init__(self, args, folder):
        self.args = args
        self.folder = folder
        self.dice = random.Random(args.seed)
        self.rate = hurry_rate(args.hurry)
        self.current = folder / "current"
        self.kills = self.restarts = self.mounts = 0
        self.writers = []
        self.fault_names = {}
        self.hits = collections.Counter()
        self.log = []
        self.seen = {}
        self.hung = []
        self.login = None

    def say(self, text):
        print(f"storm: {text}", flush=True)

    # The two ends.

    def start(self):
        args = self.args
        self.sim = Sim(self.folder, "--data", "empty", "--state", self.folder / "webexsim.state")
        self.sim.tokens(token=TOKENS[1], person="alice")
        self.rooms = {title: self.sim.create_room(title) for title in SPACES}
        self.proxy = self.new_proxy().start()
        self.state = self.folder / "xdg"
        if args.life:
            self.login = Login(self.state, self.sim, self.proxy, args.life)
            self.login.log_in()
        # Two tokens by turns: a refused one is cured by asking again.
        self.token_command = self.folder / "token"
        self.token_command.write_text(
            "#!/bin/sh\nif mkdir %s/odd 2>/dev/null; then echo %s; else rmdir %s/odd; "
            "echo %s; fi\n" % (self.folder, TOKENS[0], self.folder, TOKENS[1]))
        self.token_command.chmod(0o700)
        self.mount = self.new_mount()
        self.point_to_mount()
        self.proxy.requests = 0
        if args.faults in ("proxy", "both"):
            self.proxy.share = args.share
        elif args.faults == "sim":
            self.proxy.share = REFUSED_SHARE
        self.sim.clear_log()
        if args.faults in ("sim", "both"):
            self.add_faults()

    def new_proxy(self):
        """Connections are refused by it even where the simulator makes the faults."""
        leave = set() if not self.is_short() else {"stall"}
        if self.args.faults == "sim":
            leave = set(proxy.FAULTS) - {"refused"}
        return Proxy(("127.0.0.1", self.sim.port), self.args.seed, 0, leave=leave,
                     rate=self.rate)

    def new_mount(self):
        self.mounts += 1
        source = (f"account={NAME}",) if self.login else (
            f"url=http://127.0.0.1:{self.proxy.port}/v1", f"token_command={self.token_command}")
        return Mount(self.folder, None, "rate=off",
                     f"timeout={int(8 * SLOW * self.rate)}", *source,
                     token=None, state=self.state, deadline=60, hurry=self.args.hurry)

    def point_to_mount(self):
        temporary = self.folder / "next"
        temporary.symlink_to(self.mount.path)
        temporary.rename(self.current)

    def is_short(self):
        """Without what takes a writer a quarter of a minute or, with a file, more."""
        return self.args.posts < 300

    def add_faults(self):
        factor = self.args.share / 0.4
        seed = self.args.seed * 100 + self.restarts * 1000
        for i, (name, (probability, fault)) in enumerate(FAULTS.items()):
            if self.is_short() and ("times" in fault or "hang" in fault):
                continue
            if "delayMs" in fault:
                fault = {"delayMs": fault["delayMs"] // self.rate}
            # Of the token endpoint itself it ends a login.
            if self.login and fault.get("status") == 401:
                fault = {**fault, "route": "/messages"}
            number = self.sim.fault(probability=min(1, probability * factor),
                                    seed=seed + i, **fault)
            self.fault_names[number] = name

    def harvest(self):
        """Adds the counts of faults and requests of the simulator since it started."""
        for item in self.sim.control("GET", "/faults")["items"]:
            self.hits[self.fault_names[item["id"]]] += item["hits"]
        log = self.sim.control("GET", "/log")["items"]
        if self.login:
            self.login.harvest(log)
        self.log += log

    def calm(self):
        self.harvest()
        self.storm_requests = max(len(self.log), self.proxy.requests)
        self.sim.clear_faults()
        self.sim.clear_log()
        self.proxy.calm()

    def share(self):
        """(requests, how many of them met a fault)"""
        hit = sum(1 for r in self.log if r.get("fault")) + sum(self.proxy.counts.values())
        return self.storm_requests, hit

    # Mishaps.

    def kill(self):
        self.kills += 1
        self.mount.process.kill()
        try:
            self.mount.process.wait(KILL_PATIENCE_S * SLOW)
        except subprocess.TimeoutExpired:
            self.hung.append(self.look_who_waits())
            self.mount.abort()
        self.mount.kill()
        self.remount()

    def look_who_waits(self):
        """Where sparkfs, killed, and the writers stand in the kernel."""
        pids = [self.mount.pid, *(w.pid for w in self.writers)]
        return "\n".join(dump_process(pid, debugger=False) for pid in pids)

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
        """Restarts the server, which remembers its spaces and messages, but no faults."""
        self.restarts += 1
        self.proxy.down()
        self.harvest()
        self.sim.stop()
        # The server is gone for so long; the proxy refuses connections meanwhile.
        time.sleep(self.dice.uniform(1, 3) / self.rate)
        self.sim.start()
        self.sim.tokens(token=TOKENS[1], person="alice")
        self.proxy.up()
        if self.login:
            self.login.log_in()
        if self.args.faults in ("sim", "both"):
            self.add_faults()

    def order(self, fault):
        """Returns a mishap: the proxy makes a fault that is too rare to be drawn."""
        return lambda: self.proxy.next(fault, b"POST")

    def mishaps(self):
        """Pairs (number of items done, the mishap that happens then), sorted."""
        total = self.args.posts + self.args.uploads
        rare = 2 if self.args.faults in ("proxy", "both") and not self.is_short() else 0
        plan = [(self.dice.randrange(total // 20, total * 9 // 10), what)
                for count, what in ((self.args.kills, self.kill),
                                    (self.args.restarts, self.restart),
                                    (rare, self.order("limited-bare")),
                                    (rare, self.order("limited-malformed")))
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
        """(token, deed) -> entries"""
        entries = collections.defaultdict(list)
        for path in self.ledgers:
            with open(path, encoding="utf-8") as f:
                for line in f:
                    if line.endswith("\n"):
                        entry = json.loads(line)
                        entries[entry["token"], entry["deed"]].append(entry)
        return entries

    def ended(self):
        """The number of items whose post has ended. Reads only new lines of the ledgers."""
        for path in self.ledgers:
            at, n = self.seen.get(path, (0, 0))
            with open(path, "rb") as f:
                f.seek(at)
                new = f.read()
            whole = new[:new.rfind(b"\n") + 1]
            n += sum(1 for line in whole.splitlines() if b'"deed": "post"' in line and
                     b'"stage": "opened"' not in line and b'"stage": "written"' not in line)
            self.seen[path] = (at + len(whole), n)
        return sum(n for _, n in self.seen.values())

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

    # The end.

    def settle(self):
        """Unmounts and mounts again, then waits until unsent/ stays as it is."""
        self.calm()
        self.mount.unmount()
        self.remount()
        before, since = None, time.monotonic()
        end = since + 60 * SLOW
        while time.monotonic() < min(since + 5 * SLOW / self.rate, end):
            now = self.unsent()
            if now != before:
                before, since = now, time.monotonic()
            time.sleep(0.2 / self.rate)
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


KINDS = ("lost", "doubled", "undone", "forged", "garbled", "out of order", "wedged", "alien",
         "not sent again", "too few faults", "hung", "login")


def report(storm, balance, count, resent, seconds):
    total, hit = storm.share()
    print(f"\nseed {storm.args.seed}, {seconds:.0f} s, faults by {storm.args.faults}")
    print(f"requests             {total}, {100 * hit // max(total, 1)} % with a fault")
    for name, n in sorted((storm.hits + storm.proxy.counts).items(), key=lambda pair: -pair[1]):
        print(f"  {name:<26} {n}")
    print(f"kills, restarts      {storm.kills}, {storm.restarts}")
    if storm.login:
        print(f"token requests       {storm.login.requests}, {storm.login.refreshes} answered")
        print(f"logins               {storm.login.logins}")
    for name in ("close succeeded", "close failed", "refused at open", "refused at write",
                 "edited", "edit failed", "deleted", "deletion failed", "not found again",
                 "posted", "unsent", "in-doubt", "in-doubt, had arrived", "edits unsent",
                 "edits unsent, had arrived", "edits in-doubt", "edits in-doubt, had arrived",
                 "cut off"):
        print(f"{name:<20} {count.get(name, 0)}")
    print(f"sent from unsent/    {resent}")
    for name in KINDS:
        print(f"{name:<20} {balance.count[name]}")
    print(flush=True)


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
    total, hit = storm.share()
    if args.faults != "none" and hit < FAULTS_MIN * total:
        balance.violation("too few faults", None, f"{hit} of {total} requests met one")
    problem = storm.login.problem() if storm.login else None
    if problem:
        balance.violation("login", None, problem)
    if storm.login and not storm.login.refreshes:
        balance.violation("login", None, "no token was refreshed")
    for words in storm.hung:
        balance.violation("hung", None, f"sparkfs was killed and did not end:\n{words}")
    balance.explain(storm.log)
    report(storm, balance, count, resent, time.monotonic() - began)
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
    parser.add_argument("--share", type=float, default=0.42, metavar="P",
                        help="how many requests meet one (0.42)")
    parser.add_argument("--limit", type=int, default=7200, metavar="SECONDS")
    parser.add_argument("--hurry", type=int, default=1, metavar="N",
                        help="how many times as fast the time of sparkfs passes (1)")
    parser.add_argument("--life", type=int, default=0, metavar="SECONDS",
                        help="the mount has a login whose tokens live so long (0: no login)")
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
            remove_folder(folder)
        elif status:
            print(f"storm: failed, seed {args.seed}; see {folder}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
