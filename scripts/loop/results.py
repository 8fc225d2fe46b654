"""What the programs of tests said: cases, failures, times, and the tables at the end."""
import re

CASE = re.compile(r"^(?:(not )?ok\b(.*)|\[ +(OK|FAILED) +\] [\w.-]+.*)$")


def count(stdout, status, protocol):
    """(passed, failed, skipped) of one program. One that reports its cases (TAP, or cmocka's own
    format) counts by case, another one as one."""
    passed = failed = skipped = 0
    planned = None
    for line in stdout.splitlines():
        plan = re.match(r"1\.\.(\d+)", line)
        if plan:
            planned = (planned or 0) + int(plan[1])
        found = CASE.match(line)
        if not found:
            continue
        if found[1] or found[3] == "FAILED":
            failed += 1
        elif found[2] and "# SKIP" in found[2]:
            skipped += 1
        else:
            passed += 1
    if status != 0:
        return passed, max(failed, 1), skipped
    if protocol == "tap":
        # A case without its line is one in which the program ended early.
        whole = planned is not None and planned == passed + failed + skipped
        return passed, failed if whole else max(failed, 1), skipped
    # Only the status counts here: lines like a failed case are output of the tested program.
    return max(passed, 0 if skipped else 1), 0, skipped


class Results:
    """Counts of cases, and the times of programs and phases."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.again = []         # names of what needed a second run
        self.times = []         # (seconds, cpu seconds, name)
        self.phases = {}        # name: [first began, last ended, seconds, cpu seconds, programs]

    def add(self, passed, failed, skipped=0):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped

    def took(self, phase, job, offset):
        """Notes a job that has ended; offset: seconds from the start of all to its begin."""
        self.times.append((job.seconds, job.cpu, job.name))
        entry = self.phases.setdefault(phase, [offset, 0, 0.0, 0.0, 0])
        entry[0] = min(entry[0], offset)
        entry[1] = max(entry[1], offset + job.seconds)
        entry[2] += job.seconds
        entry[3] += job.cpu
        entry[4] += 1

    def tables(self):
        yield "the slowest:              seconds    CPU s"
        for seconds, cpu, name in sorted(self.times, reverse=True)[:20]:
            yield f"  {name:40.40} {seconds:8.1f} {cpu:8.1f}"
        yield "phases (they overlap):      from       to  programs  seconds    CPU s"
        for name, (begin, end, seconds, cpu, programs) in self.phases.items():
            yield (f"  {name:22.22} {begin:8.0f} {end:8.0f} {programs:9} {seconds:8.0f} "
                   f"{cpu:8.0f}")

    def last_lines(self):
        if self.skipped:
            yield f"({self.skipped} skipped)"
        yield f"({len(self.again)} needed a second run" + \
            (f": {', '.join(self.again)})" if self.again else ")")
        yield f"{self.passed} passed, {self.failed} failed"

    def good(self):
        return self.failed == 0 and self.passed > 0
