#!/usr/bin/python3
"""SIGKILL of sparkfs in the middle of everything ends it, and whoever is in it, without help.

Mounts again and again; programs read attachments that come slowly, post, upload, attach local files
(also such of the mount itself) and remove in the same spaces, while others add, edit and delete on
the server. At a random moment sparkfs is killed. Neither it nor any of the programs may be there
two seconds later; those that are, are counted as wedged, shown, and freed by hand.
"""
import contextlib
import os
import random
import subprocess
import sys
import threading
import time

from kit import SLOW, Mount, Sim, parse, work_in
from lib.mount import dump_process

ROOMS = ["Ops", "Lunch"]
PATIENCE_S = 2
LONGEST_S = 1.5

# Each runs in a space, again and again, until the mount is gone.
FRAME = """
import errno, json, os, random, sys
dice = random.Random(int(sys.argv[1]))
gone = {errno.ENOTCONN, errno.ECONNABORTED, errno.ENODEV}
def names(where="."):
    return [n for n in os.listdir(where) if n.endswith(".txt" if where == "." else ".bin")]
def work(i):
%s
for i in range(1000000):
    try:
        work(i)
    except IndexError:
        pass
    except OSError as e:
        if e.errno in gone:
            break
"""
LOADS = {
    "reader": """
    with open("files/" + dice.choice(names("files/")), "rb") as f:
        while f.read(65536): pass""",
    "remover": """
    os.unlink(dice.choice(names()))""",
    "poster": """
    with open("post", "w") as f: f.write("one more %d" % i)""",
    "uploader": """
    with open("mine-%d-%d.bin" % (os.getpid(), i), "wb") as f: f.write(os.urandom(20000))""",
    "unlinker": """
    os.unlink("files/" + dice.choice(names("files/")))""",
    "attacher": """
    path = dice.choice(["/etc/hostname", os.path.abspath("files/" + dice.choice(names("files/")))])
    with open("post.json", "w") as f: json.dump({"text": "with", "files": [path]}, f)""",
    "looker": """
    for n in names(): open(n).read()
    os.listdir("members")""",
    "mover": """
    with open(".x~", "w") as f: f.write("moved")
    os.rename(".x~", "moved-%d-%d.bin" % (os.getpid(), i))""",
}
# How many programs of each kind run in each space.
CROWD = {"reader": 2, "remover": 4, "poster": 2, "uploader": 1, "unlinker": 1, "attacher": 1,
         "looker": 1, "mover": 1}
FAULTS = [
    {"method": "GET", "route": "/contents", "slowBytesPerSec": 3000, "probability": 0.8},
    {"method": "DELETE", "delayMs": 200, "probability": 0.5},
    {"method": "POST", "delayMs": 200, "probability": 0.5},
    {"method": "GET", "route": "/messages", "delayMs": 300, "probability": 0.3},
]


class Others:
    """Other members, who add, edit and delete messages on the server."""

    def __init__(self, sim, seed):
        self.sim, self.dice = sim, random.Random(seed)
        self.rooms = [sim.create_room(title)["id"] for title in ROOMS]
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def act(self):
        room = self.dice.choice(self.rooms)
        mine = self.sim.messages(room, max=100)
        what = self.dice.choice(["text", "file", "edit", "delete", "delete"])
        if len(mine) < 30:
            what = self.dice.choice(["text", "file"])
        if what == "text":
            self.sim.post(room, f"n{self.dice.random()}")
        elif what == "file":
            self.sim.upload(room, f"f{self.dice.randrange(30)}.bin", b"x" * 300_000)
        elif what == "edit":
            message = self.dice.choice([m for m in mine if not m.get("files")])
            self.sim.api("PUT", "/messages/" + message["id"], {"roomId": room, "text": "edited"})
        else:
            self.sim.api("DELETE", "/messages/" + self.dice.choice(mine)["id"])

    def run(self):
        while not self.over.wait(0.03):
            with contextlib.suppress(AssertionError, IndexError, OSError):
                self.act()


class Killer:
    def __init__(self, args, folder):
        self.args, self.folder = args, folder
        self.dice = random.Random(args.seed)
        self.kills = self.wedged = 0
        self.longest = 0.0
        self.wrong = []

    def start_crowd(self, mount):
        programs = []
        for title in ROOMS:
            for name, count in CROWD.items():
                for _ in range(count):
                    # pylint: disable-next=consider-using-with
                    programs.append(subprocess.Popen(
                        [sys.executable, "-S", "-E", "-c", FRAME % LOADS[name],
                         str(self.dice.randrange(1 << 30))], cwd=mount.space(title),
                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL))
        return programs

    def kill(self, mount, programs):
        """Kills the mount; returns the processes that did not end in time."""
        start = time.monotonic()
        mount.process.kill()
        for p in programs:
            p.send_signal(self.dice.choice([0, 0, 9]))
        left = [mount.process, *programs]
        while left and time.monotonic() < start + PATIENCE_S * SLOW:
            left = [p for p in left if p.poll() is None]
            time.sleep(0.005)
        self.kills += 1
        self.longest = max(self.longest, time.monotonic() - start)
        return left

    def round(self, sim):
        mount = Mount(self.folder, sim.base, "poll=1", "timeout=5",
                      *self.dice.choice([[], ["inotify"], ["max_threads=2"], ["cache=memory"]]),
                      state=self.state, deadline=30)
        self.state = mount.state
        for title in ROOMS:
            mount.ls(f"spaces/{title}/files/")
        programs = self.start_crowd(mount)
        time.sleep(self.dice.uniform(0.1, LONGEST_S) * SLOW)
        ended = mount.process.poll()
        left = self.kill(mount, programs)
        if ended is not None:
            self.wrong.append(f"it ended by itself with {ended}:\n{mount.output[-5000:]}")
        if left:
            self.wedged += 1
            self.wrong.append("wedged:\n" + "\n".join(dump_process(p.pid, debugger=False)
                                                      for p in left))
            mount.abort()
        for p in programs:
            p.kill()
            p.wait(30)
        mount.kill()
        mount.check_output()
        os.rmdir(mount.path)

    def run(self):
        sim = Sim(self.folder, "--data", "empty")
        others = Others(sim, self.args.seed)
        for room in others.rooms:
            for i in range(20):
                sim.post(room, f"old {i}")
                sim.upload(room, f"f{i}.bin", b"x" * 300_000)
        for fault in FAULTS:
            sim.fault(**fault)
        self.state = None
        others.thread.start()
        end = time.monotonic() + self.args.seconds
        try:
            while time.monotonic() < end and len(self.wrong) < 3:
                self.round(sim)
                sim.clear_log()
        finally:
            others.over.set()
            others.thread.join(30)
            sim.kill()
        print(f"kill: {self.kills} kills, {self.wedged} wedged without help, the longest took "
              f"{self.longest:.2f} s", flush=True)
        return self.wrong


if __name__ == "__main__":
    arguments = parse(__doc__, 600)
    sys.exit(work_in("kill", arguments, lambda args, folder: Killer(args, folder).run()))
