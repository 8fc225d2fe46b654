#!/usr/bin/python3
"""Two mounts of a login whose tokens live ten seconds, over fifty refreshes.

They read, post and download, and a big file is on its way all the time. Nobody may get an error or meet a
401, each post must be there once, no more than one request may be made for each refresh, and neither memory
nor descriptors may grow.
"""
import os
import sys
import threading
import time

from kit import SLOW, Mount, Sim, parse, work_in

from lib.person import Person, by_device
from lib.util import wait_until

NAME = "months"
FILE = bytes(range(256)) * 4096
DESCRIPTORS_MORE = 30
# Of the life of a token after which it is renewed.
SHARE = 0.8


class Year:
    def __init__(self, args, folder):
        self.args, self.wrong, self.posted, self.downloads = args, [], [], 0
        self.lock = threading.Lock()  # wrong, posted, downloads
        self.sim = Sim(folder, "--data", "empty", "--device-interval", "0")
        self.sim.control("POST", "/switches", {"tokenLife": args.life, "refreshRotates": True})
        (folder / "home").mkdir()
        self.person = Person(folder / "home", self.sim)
        self.person.integrate()
        self.pier = self.sim.create_room("Pier")
        self.sim.upload(self.pier["id"], "tide.bin", FILE)
        by_device(self.person, NAME)
        # The file takes several lives of a token.
        self.sim.fault(route="/contents", slowBytesPerSec=len(FILE) // (3 * args.life))
        self.mounts = [Mount(folder, None, "rate=off", f"cache={folder}/cache-{n}",
                             token=None, state=folder / "home", deadline=60)
                       for n in range(2)]
        self.sim.clear_log()
        self.end = time.monotonic() + args.refreshes * SHARE * args.life

    def until_end(self, work):
        while time.monotonic() < self.end and not self.wrong:
            try:
                work()
            except (OSError, AssertionError) as e:
                with self.lock:
                    self.wrong.append(f"{work.__name__}: {e!r}")

    def download(self):
        """Anew each time: what was read is kept."""
        name = f"tide-{self.downloads}.bin"
        self.sim.upload(self.pier["id"], name, FILE)
        path = self.mounts[self.downloads % 2] / "spaces/Pier/files" / name
        wait_until(path.exists, 60)
        assert path.read_bytes() == FILE, name
        with self.lock:
            self.downloads += 1

    def post(self):
        for n, mount in enumerate(self.mounts):
            with self.lock:
                text = f"{n}: {len(self.posted)}"
                self.posted.append(text)
            (mount / "spaces/Pier/post").write_text(text)
        time.sleep(0.3)

    def read(self):
        for mount in self.mounts:
            mount.ls("spaces/Pier/members")
            assert mount.status()["login"] == "ok"
            said = (mount / ".sparkfs/last-error").read_text()
            assert not said, said
        time.sleep(0.5)

    def descriptors(self):
        return [len(os.listdir(f"/proc/{m.pid}/fd")) for m in self.mounts]

    def run(self):
        before = self.descriptors()
        began = time.monotonic()
        threads = [threading.Thread(target=self.until_end, args=(work,))
                   for work in (self.download, self.post, self.read)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        after = self.descriptors()
        self.judge(time.monotonic() - began, before, after)
        for mount in self.mounts:
            mount.unmount()
        self.sim.stop()
        return self.wrong

    def judge(self, took, before, after):
        log = self.sim.log()
        asked = [r for r in log if r["path"].endswith("/access_token")]
        # What the service says of a life are whole seconds, rounded down.
        due, most = (took / (SHARE * life) for life in (self.args.life, self.args.life - 1))
        print(f"refresh: {took:.0f} s, {len(asked)} requests for tokens, {len(log)} in all, "
              f"{len(self.posted)} posts, {self.downloads} downloads, "
              f"descriptors {before} to {after}")
        if not due * 0.8 - 2 <= len(asked) <= most + 1:
            self.wrong.append(f"{len(asked)} requests for tokens where {due:.1f} were due")
        gaps = [b["startedMs"] - a["startedMs"] for a, b in zip(asked, asked[1:])]
        if min(gaps) < 700 * (self.args.life - 1):
            self.wrong.append(f"two requests for tokens within {min(gaps)} ms")
        self.wrong += [f"401: {r['method']} {r['path']}" for r in log if r["status"] == 401]
        there = [m["text"] for m in self.sim.messages(self.pier["id"], max=1000)
                 if not m.get("files")]
        if sorted(there) != sorted(self.posted):
            self.wrong.append(f"{len(there)} messages of {len(self.posted)} posts")
        if any(b > a + DESCRIPTORS_MORE for a, b in zip(before, after)):
            self.wrong.append(f"descriptors {before} became {after}")


def main():
    args = parse(__doc__, 0, refreshes=(50, "how many refreshes"),
                 life=(10 * SLOW, "seconds that a token lives"))
    args.seconds = int(args.refreshes * SHARE * args.life)
    return work_in("refresh", args, lambda args, folder: Year(args, folder).run())


if __name__ == "__main__":
    sys.exit(main())
