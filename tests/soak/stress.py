#!/usr/bin/python3
"""Random operations of many processes on a mount whose server fails in every way there is.

The processes (stress.c) are stopped, interrupted and killed; the server answers with faults, goes
away and comes back; other people write, edit and delete; the daemon is stopped for a moment. At
the end every process must have an end, the daemon must live, answer and unmount with status 0,
no sanitizer may have said anything, and its memory and descriptors must be bounded.
"""
import contextlib
import http.client
import json
import os
import random
import re
import signal
import subprocess
import sys
import time

from kit import SLOW, Mount, Sim, parse, work_in

# The faults of an answer; a probability is that for one matching request.
FAULTS = [
    {"delayMs": 200, "probability": 0.2}, {"status": 502, "probability": 0.2},
    {"status": 429, "retryAfter": "1", "probability": 0.1},
    {"reset": "after", "probability": 0.2}, {"reset": "before", "probability": 0.2},
    {"cutAt": 300, "probability": 0.2}, {"hang": "before", "times": 3},
    {"hang": "after", "times": 3}, {"malformed": True, "probability": 0.1},
    {"slowBytesPerSec": 20000, "probability": 0.3},
    {"contentLength": "wrong", "probability": 0.2},
    {"pagination": "duplicate", "probability": 0.3}, {"status": 404, "probability": 0.05},
    {"status": 401, "probability": 0.05}, {"html": True, "probability": 0.1},
]
ROUTES = ["/messages", "/rooms", "/contents", "/memberships", "/people", "*"]
TOKENS = ["bob-token", "erin-token", "alice-token"]
RSS_MAX_KIB = 1 << 20
DESCRIPTORS_MAX = 400


class Weather:
    """Other members and the server act, and fail, while the programs run."""

    def __init__(self, sim, mount, seed):
        self.sim, self.mount, self.dice = sim, mount, random.Random(seed)
        self.rooms = [room["id"] for room in sim.rooms()]

    def somebody_writes(self):
        token = self.dice.choice(TOKENS)
        body = {"roomId": self.dice.choice(self.rooms), "text": f"x{self.dice.random()}"}
        answer = self.sim.api("POST", "/messages", body, token=token)
        if answer.status != 200 or self.dice.random() < 0.5:
            return
        path = "/messages/" + answer.json["id"]
        if self.dice.random() < 0.5:
            self.sim.api("PUT", path, {**body, "text": "edited"}, token=token)
        else:
            self.sim.api("DELETE", path, token=token)

    def somebody_uploads(self):
        size = self.dice.choice([100, 20000, 2000000])
        self.sim.api("POST", "/messages", token=self.dice.choice(TOKENS),
                     fields={"roomId": self.dice.choice(self.rooms)},
                     files=[("files", f"theirs{self.dice.randrange(9)}.bin", b"z" * size,
                             "application/octet-stream")])

    def pause_daemon(self):
        self.mount.process.send_signal(signal.SIGSTOP)
        time.sleep(0.5)
        self.mount.process.send_signal(signal.SIGCONT)

    def restart_server(self):
        self.sim.process.kill()
        self.sim.process.wait()
        time.sleep(0.5)
        self.sim.start()

    def change(self):
        for probability, what in ((0.5, self.add_fault), (0.4, self.sim.clear_faults),
                                  (0.5, self.somebody_writes), (0.1, self.somebody_uploads),
                                  (0.05, self.restart_server), (0.03, self.pause_daemon)):
            if self.dice.random() < probability:
                # The faults hit these requests, too.
                with contextlib.suppress(OSError, AssertionError, ValueError, KeyError,
                                         http.client.HTTPException):
                    what()

    def add_fault(self):
        self.sim.fault(route=self.dice.choice(ROUTES), seed=self.dice.randrange(10000),
                       **self.dice.choice(FAULTS))


def judge(mount):
    """Returns the faults of the daemon after the storm, one a line."""
    wrong = []
    descriptors = len(os.listdir(f"/proc/{mount.pid}/fd"))
    print(f"resident {mount.rss_kib() // 1024} MiB, {descriptors} descriptors", flush=True)
    if mount.rss_kib() > RSS_MAX_KIB * (4 if SLOW > 1 else 1):
        wrong.append(f"{mount.rss_kib()} KiB resident")
    if descriptors > DESCRIPTORS_MAX:
        wrong.append(f"{descriptors} descriptors")
    status = json.loads((mount / ".sparkfs/status.json").read_text())
    print(json.dumps(status)[:600], flush=True)
    return wrong


def stress(args, folder):
    sim = Sim(folder, "--data", "demo")
    sim.control("POST", "/switches", {"lastActivityOnEdit": bool(args.seed & 1)})
    mount = Mount(folder, sim.base, "poll=1", "rate=off", f"timeout={int(5 * SLOW)}",
                  *args.option, deadline=60)
    program = os.environ["STRESS"]
    storm = subprocess.Popen(
        [program, str(mount.path), str(args.processes), str(args.seconds), str(args.seed)],
        stdout=subprocess.PIPE, text=True, start_new_session=True)
    weather = Weather(sim, mount, args.seed)
    end = time.monotonic() + args.seconds
    wrong = []
    while time.monotonic() < end and storm.poll() is None and mount.process.poll() is None:
        weather.change()
        time.sleep(0.3)
    with contextlib.suppress(OSError, AssertionError, http.client.HTTPException):
        sim.clear_faults()
    try:
        print(storm.communicate(timeout=120)[0].strip(), flush=True)
    except subprocess.TimeoutExpired:
        wrong.append("the processes do not end")
    if storm.returncode:
        wrong.append(f"stress ended with {storm.returncode}")
    if mount.process.poll() is not None:
        wrong.append(f"sparkfs ended with {mount.process.returncode}")
    elif wrong:
        wrong.append(mount.force("the storm left somebody behind"))
    try:
        if not wrong:
            wrong += judge(mount)
        mount.unmount()
    except (AssertionError, OSError) as e:
        wrong.append(str(e))
    with contextlib.suppress(AssertionError):
        sim.stop()
    found = set(re.findall(r"broken rule[^\n]*", mount.output))
    return wrong + sorted(found)


def main():
    args = parse(__doc__, seconds=600,
                 processes=(6 if SLOW == 1 else 4, "how many at a time"),
                 option=([], "a further option of the mount; may be repeated"))
    return work_in("stress", args, stress)


if __name__ == "__main__":
    sys.exit(main())
