#!/usr/bin/python3
"""A server whose answers are wrong in random ways, under readers and writers.

Names that it makes up must not lead out of their directory, nothing may crash, hang or write out
of bounds, and the mount must end cleanly.
"""
import os
import subprocess
import sys
import time

from evil_proxy import EvilProxy
from kit import SLOW, Mount, Sim, parse, work_in

SHARE = 0.4
WALK = ("ls -lR spaces direct people .sparkfs; cat spaces/*/transcript.log spaces/*/files/* "
        "spaces/*/history/*/transcript.log")


def walk(mount):
    """Reads everything that a person could see; its output is not judged."""
    child = subprocess.Popen(["sh", "-c", WALK], cwd=mount.path, stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        child.wait(30 * SLOW)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait(30)


def bad_names(mount):
    return [f"{folder}: {name!r}" for folder, folders, files in os.walk(mount.path)
            for name in folders + files
            if "/" in name or name in (".", "..") or any(ord(c) < 32 for c in name)]


def hostile(args, folder):
    sim = Sim(folder, "--data", "demo")
    for room in sim.rooms()[:4]:
        for i in range(5):
            sim.upload(room["id"], f"f{i}.bin", b"z" * 300000)
    proxy = EvilProxy(("127.0.0.1", sim.port), args.seed)
    mount = Mount(folder, proxy.url, "poll=1", "rate=off", f"timeout={int(4 * SLOW)}",
                  deadline=60)
    proxy.share = SHARE
    storm = subprocess.Popen(
        [os.environ["STRESS"], str(mount.path), "4", str(args.seconds), str(args.seed)],
        stdout=subprocess.PIPE, text=True, start_new_session=True)
    wrong = []
    while storm.poll() is None and mount.process.poll() is None:
        walk(mount)
        time.sleep(0.2)
    try:
        print(storm.communicate(timeout=150)[0].strip(), flush=True)
    except subprocess.TimeoutExpired:
        wrong.append("the processes do not end")
    if storm.returncode:
        wrong.append(f"stress ended with {storm.returncode}")
    try:
        if mount.process.poll() is None and not wrong:
            wrong += bad_names(mount)[:5]
        mount.unmount()
    except (AssertionError, OSError) as e:
        wrong.append(str(e))
    proxy.stop()
    sim.stop()
    return wrong


def main():
    return work_in("hostile", parse(__doc__, seconds=300), hostile)


if __name__ == "__main__":
    sys.exit(main())
