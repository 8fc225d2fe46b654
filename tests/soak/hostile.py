#!/usr/bin/python3
"""A server whose answers are wrong in random ways, under readers and writers.

Names that it makes up must not lead out of their directory; nothing may crash, hang, grow without bound or
write out of bounds; nothing is sent twice and nothing deleted that nobody removed; and the mount must end cleanly. Once the server is honest again and something
happens in each space, the mount shows what the server has, within --heal seconds. (Lists of members of which
nobody tells are verified when they are older than VERIFY_HEAD_MS, so they are not compared.)
"""
import collections
import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import urllib.parse

from evil_proxy import EvilProxy
from kit import HERE, SLOW, Mount, hurry_rate, Sim, parse, work_in

# Time passes so much faster for the mount, where it can: what mends itself does so in minutes.
HURRY = 10
TIMEOUT_S = 4
SHARES = [0.02, 0.1, 0.4, 0.4, 0.8]
# One operation is several calls, each of which may wait for some requests; and for ten minutes of the mount's
# time, if the server says nothing but 429 for so long (sparkfs(1), timeout=).
LONGEST_S = 60
LIMITED_S = 600
RSS_MAX_KIB = 600 << 10
DESCRIPTORS_MAX = 400
KEPT = "Kept"
WALK = ("ls -lR spaces direct people .sparkfs; cat spaces/*/transcript.log spaces/*/files/* "
        "spaces/*/history/*/transcript.log")


def walk(mount, seconds):
    """Reads everything that a person could see, for so long; its output is not judged."""
    child = subprocess.Popen(["sh", "-c", WALK], cwd=mount.path, stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                             start_new_session=True)
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait(30)


def bad_names(mount):
    return [f"{folder}: {name!r}" for folder, folders, files in os.walk(mount.path)
            for name in folders + files
            if "/" in name or name in (".", "..") or any(ord(c) < 32 for c in name)]


class Hostile:
    def __init__(self, args, folder):
        self.args, self.folder, self.wrong = args, folder, []
        self.dice = random.Random(args.seed)
        self.rss_kib = self.descriptors = 0
        self.sim = Sim(folder, "--data", "demo")
        for room in self.sim.rooms()[:4]:
            for i in range(5):
                self.sim.upload(room["id"], f"f{i}.bin", b"z" * 300000)
        self.kept_rooms = [room["id"] for room in self.sim.rooms()]
        kept = self.sim.create_room(KEPT, members=["bob@example.com"])["id"]
        for i in range(10):
            self.sim.post(kept, f"kept {i}")
        members = self.sim.all("/memberships", query={"roomId": kept})
        self.kept_rooms.append(kept)
        self.protected = {kept, *(m["id"] for m in members),
                          *(m["id"] for m in self.sim.messages(kept))}
        self.proxy = EvilProxy(("127.0.0.1", self.sim.port), args.seed, self.protected)
        rate = self.rate = hurry_rate(HURRY)
        self.mount = Mount(folder, self.proxy.url, f"poll={max(1, rate // 2)}", "rate=off",
                           f"timeout={int(TIMEOUT_S * SLOW * rate)}", *args.option, deadline=60,
                           hurry=rate)
        self.mount.ls("spaces")

    # ---- the storm ----

    def start(self):
        common = {"stdin": subprocess.DEVNULL, "start_new_session": True}
        self.storm = subprocess.Popen(
            [os.environ["STRESS"], str(self.mount.path), "4", str(self.args.seconds),
             str(self.args.seed), "calm"], stdout=subprocess.PIPE, text=True, **common)
        self.ledger = self.folder / "ledger"
        self.writer = subprocess.Popen(
            [sys.executable, str(HERE / "ledger.py"), str(self.mount.path), KEPT,
             str(self.args.seed), str(self.ledger)], **common)

    def watch(self):
        self.rss_kib = max(self.rss_kib, self.mount.rss_kib())
        self.descriptors = max(self.descriptors, len(os.listdir(f"/proc/{self.mount.pid}/fd")))

    def run(self):
        self.start()
        end = time.monotonic() + self.args.seconds
        while time.monotonic() < end and self.mount.process.poll() is None:
            self.proxy.share = self.dice.choice(SHARES)
            walk(self.mount, max(1, min(30 * SLOW, end - time.monotonic())))
            # A mount that has ended has no memory any more; it is judged below.
            with contextlib.suppress(OSError, TypeError):
                self.watch()
            time.sleep(0.2)
        (self.folder / "ledger.end").touch()
        for process, name in ((self.storm, "the processes"), (self.writer, "the ledger's writer")):
            try:
                said = process.communicate(timeout=self.longest_s() + 60 * SLOW)[0]
            except subprocess.TimeoutExpired:
                self.wrong.append(f"{name} do not end")
                continue
            if said:
                self.judge_lengths(said.strip())
            if process.returncode:
                self.wrong.append(f"{name} ended with {process.returncode}")

    # ---- the judge ----

    def longest_s(self):
        """How long an operation may take."""
        return LONGEST_S * SLOW + min(self.proxy.limited_s, LIMITED_S / self.rate + 60)

    def judge_lengths(self, said):
        print(said, flush=True)
        took, name = re.search(r"longest (\d+) (\w+)", said).groups()
        if int(took) > self.longest_s() * 1000:
            self.wrong.append(f"{name} took {took} ms")

    def judge_use(self):
        print(f"at most {self.rss_kib // 1024} MiB resident, {self.descriptors} descriptors", flush=True)
        if self.rss_kib > RSS_MAX_KIB * (2 if SLOW > 1 else 1):
            self.wrong.append(f"{self.rss_kib} KiB resident")
        if self.descriptors > DESCRIPTORS_MAX:
            self.wrong.append(f"{self.descriptors} descriptors")

    def judge_sent(self):
        """What was taken came once, what was not came once at most."""
        lines = [json.loads(line) for line in self.ledger.read_text().splitlines()]
        told = collections.Counter(line["error"] for line in lines)
        print(f"ledger: {len(lines)} lines, {dict(told)}, the longest took "
              f"{max(line['took'] for line in lines)} s", flush=True)
        sent = dict(self.proxy.sent)
        self.wrong += [f"{token} came {len(all_)} times:\n" + "\n".join(all_)
                       for token, all_ in sent.items() if len(all_) > 1][:5]
        # A refusal is an answer of a server that did nothing, so what is said to be taken came.
        self.wrong += [f"{line} never came" for line in lines
                       if not line["error"] and line["token"] + ";" not in sent][:5]
        self.wrong += [f"{line} took too long" for line in lines
                       if line["took"] > self.longest_s()][:5]

    def judge_deleted(self):
        paths = [path.split("?")[0].split("/v1", 1)[1] for path in self.proxy.deleted]
        print(f"{len(paths)} deletions, {len(self.proxy.sent)} posts", flush=True)
        kept = {f"/rooms/{room}" for room in self.kept_rooms}
        self.wrong += [f"nobody removed {path}" for path in paths
                       if path in kept or path.rsplit("/", 1)[1] in self.protected][:5]

    # ---- honest again ----

    def differences(self):
        """What the mount shows that the server has not, and the other way."""
        found = []
        rooms = {room["id"]: room for room in self.sim.rooms()}
        seen = set()
        for view in ("spaces", "direct"):
            for name in self.mount.ls(view):
                folder = self.mount / view / name
                try:
                    room = json.loads((folder / "space.json").read_text())
                    seen.add(room["id"])
                    found += self.differ(folder, rooms.get(room["id"]), room)
                except (OSError, ValueError, KeyError) as e:
                    found.append(f"{folder}: {e!r}")
        return found + [f"{rooms[r]['title']!r} is not shown" for r in rooms.keys() - seen]

    def differ(self, folder, room, shown):
        if not room:
            return [f"{folder} is no space of the server"]
        found = [f"{folder}: {key} is {shown.get(key)!r}" for key in ("title", "isLocked", "type")
                 if shown.get(key) != room.get(key)]
        there = {m["id"]: m for m in self.sim.all("/messages", query={"roomId": room["id"], "max": 100})}
        here = {}
        for name in self.mount.ls(folder):
            if re.match(r"\d{4}-.*\.txt$", name):
                message = json.loads((folder / name.replace(".txt", ".json")).read_text())
                here[message["id"]] = message
        found += [f"{folder}: lacks {there[i]}" for i in there.keys() - here.keys()]
        for i in here.keys() - there.keys():
            status = self.sim.api("GET", "/messages/" + urllib.parse.quote(i, safe="")).status
            found.append(f"{folder}: has {here[i]} ({status})")
        for message in [*there.values(), *here.values()]:
            # Each asked by another address.
            message["files"] = [f.split("/v1/")[-1] for f in message.get("files", [])]
        found += [f"{folder}: {key} of {i} is {here[i].get(key)!r}, not {there[i].get(key)!r}"[:300]
                  for i in here.keys() & there.keys() for key in ("text", "personEmail", "files")
                  if here[i].get(key) != there[i].get(key)]
        return found

    def post_honestly(self, room):
        """As one of those who may: in some spaces only moderators write."""
        for token in ("alice-token", "grace-token"):
            with contextlib.suppress(AssertionError):
                self.sim.post(room, "honest again", token=token)
                return
        self.wrong.append(f"nobody may write in {room}")

    def judge_healing(self):
        self.proxy.share = 0
        for room in self.sim.rooms():
            self.post_honestly(room["id"])
        begin = time.monotonic()
        while (found := self.differences()) and time.monotonic() < begin + self.args.heal * SLOW:
            time.sleep(1)
        print(f"honest again after {time.monotonic() - begin:.1f} s", flush=True)
        if found:
            (self.folder / "differences").write_text("\n".join(found))
            (self.folder / "requests").write_text("\n".join(
                f"{r['startedMs']} {r['status']} {r['method']} {r['path']} {r.get('query')}"
                for r in self.sim.log()[-5000:]))
            (self.folder / "status").write_text((self.mount / ".sparkfs/status.json").read_text())
            self.wrong.append(f"{len(found)} things stay wrong:\n" + "\n".join(found[:10]))

    def judge(self):
        if self.mount.process.poll() is None and not self.wrong:
            self.judge_use()
            self.wrong += bad_names(self.mount)[:5]
            if self.args.heal:
                self.judge_healing()
            self.watch()
        elif self.mount.process.poll() is None:
            self.wrong.append(self.mount.dump()[:20000])
        self.judge_sent()
        self.judge_deleted()
        self.mount.unmount()

    def end(self):
        try:
            self.judge()
        except (AssertionError, OSError) as e:
            self.wrong.append(str(e))
        self.proxy.stop()
        with contextlib.suppress(AssertionError):
            self.sim.stop()
        return self.wrong + sorted(set(re.findall(r"broken rule[^\n]*", self.mount.output)))


def hostile(args, folder):
    run = Hostile(args, folder)
    run.run()
    return run.end()


def main():
    args = parse(__doc__, seconds=600, heal=(120, "how long it may take until all is right again; 0: nobody looks"),
                 option=([], "a further option of the mount; may be repeated"))
    return work_in("hostile", args, hostile)


if __name__ == "__main__":
    sys.exit(main())
