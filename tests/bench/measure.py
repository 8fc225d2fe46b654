"""Timing two things side by side, and the table of what came out."""
import dataclasses
import os
import statistics
import subprocess
import time

TABLE = "{:<44} {:>9} {:>10} {:>10} {:>8} {:>8}  {:<5} {}"


# Set by --urgent.
URGENT = False


def hurry(pid="self"):
    """Lets the session of a process that is measured, or measures, go first on a busy machine."""
    if URGENT:
        with open(f"/proc/{pid}/autogroup", "w", encoding="ascii") as f:
            f.write("-15")


def timed(command, cwd=None):
    """Seconds that a shell command takes."""
    start = time.monotonic()
    subprocess.run(["/bin/sh", "-c", command], cwd=cwd, check=True, stdout=subprocess.DEVNULL,
                   env={**os.environ, "LC_ALL": "C"})
    return time.monotonic() - start


@dataclasses.dataclass
class Pair:
    """Seconds of ours and theirs, run in turn, since other programs use the machine, too."""
    ours: list
    theirs: list

    @property
    def ratio(self):
        """The median of the ratios of neighbours."""
        return statistics.median(a / b for a, b in zip(self.ours, self.theirs))

    @property
    def seconds(self):
        return statistics.median(self.ours)

    @property
    def floor(self):
        return statistics.median(self.theirs)


def pairs(ours, theirs, times):
    """Calls both `times` times in turn; each returns seconds."""
    pair = Pair([], [])
    for _ in range(times):
        pair.ours.append(ours())
        pair.theirs.append(theirs())
    return pair


class Table:
    """Prints a line a measurement, and keeps them.

    A row is a dict: row (its key), what, against, messages, value, unit, target (None: only
    shown), met, seconds, floor, requests, note.
    """

    def __init__(self, size="messages"):
        self.rows = []
        self.head(size)

    def head(self, size):
        print(TABLE.format("what", size, "seconds", "against", "value", "at most",
                           "met", "requests; against what"), flush=True)

    def add(self, key, what, messages, value, *, target=None, unit="times", seconds=None,
            floor=None, against="", requests=None, note=""):
        met = None if target is None else value <= target
        self.rows.append({"row": key, "what": what, "messages": messages, "value": value,
                          "unit": unit, "target": target, "met": met, "seconds": seconds,
                          "floor": floor, "against": against, "requests": requests,
                          "note": note})
        short = {"times": f"{value:.2f}", "requests": f"{value:g}", "MB": f"{value:.0f} MB",
                 "bytes": f"{value:.0f} B", "us": f"{value:.1f} us"}[unit]
        says = "; ".join(t for t in (f"{requests} requests" if requests is not None else "",
                                     against, note) if t)
        print(TABLE.format(what, messages or "", "" if seconds is None else f"{seconds:.4f}",
                           "" if floor is None else f"{floor:.4f}", short,
                           "" if target is None else f"{target:g}",
                           {None: "", True: "yes", False: "NO"}[met], says), flush=True)

    def add_pair(self, key, what, messages, pair, **more):
        self.add(key, what, messages, pair.ratio, seconds=pair.seconds, floor=pair.floor,
                 **more)

    def missed(self):
        return [row for row in self.rows if row["met"] is False]
