#!/usr/bin/python3
"""usage: run.py test [--quick] [--record] [--build NAME] [TEST...]
       run.py check
       run.py build NAME

What scripts/test and scripts/check do once the packages are there; see there.
"""
import argparse
import fnmatch
import hashlib
import json
import math
import os
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from loop import builds, results  # noqa: E402
from loop.pool import NICE, Job, Pool, cpu_count  # noqa: E402

ROOT = builds.ROOT
DURATIONS = ROOT / "tests" / "durations.table"
# A file of cases that takes longer runs as several programs, each with a part of the cases.
PART_SECONDS = 40
# At most so many failed programs of a build run once more, alone; if more failed, none does.
FEW_FAILURES = 3
# Number of lines of the output of a failed program that are shown.
SHOWN_LINES = 120

CHECKS = {
    "clang-format": ["scripts/check-format"],
    "layers": ["scripts/check-layers"],
    "size": ["scripts/check-size"],
    "shellcheck": ["scripts/check-shell"],
    "man page": ["scripts/check-man"],
    "words": ["scripts/check-words"],
    "package": ["scripts/check-package"],
}


class Durations:
    """How long each program of tests takes in each build, and how many cases it has, as
    scripts/test --record noted it."""

    def __init__(self):
        self.seconds = {}       # (test, build): of all its parts
        self.cases = {}         # test: number
        if DURATIONS.exists():
            for line in DURATIONS.read_text(encoding="utf-8").splitlines():
                if line.strip() and not line.startswith("#"):
                    self.read(line)

    def read(self, line):
        name, cases, *cells = line.rsplit(None, len(builds.BUILDS) + 1)
        self.cases[name] = int(cases)
        self.seconds.update({(name, build): float(cell)
                             for build, cell in zip(builds.BUILDS, cells) if cell != "-"})

    def expected(self, test, build):
        """Seconds, as noted for this build, or else for another one."""
        noted = [self.seconds.get((test, name)) for name in (build, *builds.BUILDS)]
        return next((seconds for seconds in noted if seconds is not None), 10)

    def parts(self, test, build):
        parts = math.ceil(self.expected(test, build) / PART_SECONDS)
        return max(1, min(parts, self.cases.get(test, 1)))

    def write(self):
        lines = ["# Seconds that each program of tests takes; scripts/test --record writes this.",
                 "# The longest begin first, and the cases of a long file are spread over several",
                 "# programs.",
                 f"{'# test':32}{'cases':>7}" + "".join(f"{name:>8}" for name in builds.BUILDS)]
        for test in sorted({test for test, _ in self.seconds}):
            cells = [f"{self.seconds[test, build]:8.1f}" if (test, build) in self.seconds
                     else f"{'-':>8}" for build in builds.BUILDS]
            lines.append(f"{test:32}{self.cases.get(test, 1):7}" + "".join(cells))
        DURATIONS.write_text("\n".join(lines) + "\n", encoding="utf-8")


class Unchanged:
    """Which tests passed and have since been what they were, byte by byte: their programs, and
    what these run or load."""

    def __init__(self, build):
        self.made = build.made()
        self.path = build.dir / "passed.json"
        try:
            self.known = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self.known = {}

    def mark(self, test):
        sum_ = hashlib.sha256()
        depends = sorted(name for target in test["depends"] for name in self.made[target])
        for word in [*test["cmd"], *depends]:
            path = pathlib.Path(word)
            for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
                if file.is_file():
                    sum_.update(file.read_bytes())
        return sum_.hexdigest()

    def has(self, test):
        return self.known.get(test["name"]) == self.mark(test)

    def note(self, test, good):
        if good:
            self.known[test["name"]] = self.mark(test)
        else:
            self.known.pop(test["name"], None)
        self.path.write_text(json.dumps(self.known, indent=1), encoding="utf-8")


class Loop:
    """One run of scripts/test or scripts/check."""

    def __init__(self, only=()):
        self.only = only
        self.results = results.Results()
        self.pool = Pool()
        self.started = time.monotonic()
        self.durations = Durations()
        self.taken = {}         # (test, build): [seconds, cases] of all its parts
        self.counts = {}        # build: [good, bad, skipped]
        self.bad = {}           # build: jobs whose tests failed
        self.unchanged = None   # scripts/check: what need not run again

    def now(self):
        return time.monotonic() - self.started

    def say(self, text):
        print(f"== {text} ({self.now():.0f} s)", flush=True)

    def show(self, title, text):
        print(f"| ---- {title}")
        for line in text.splitlines()[-SHOWN_LINES:]:
            print("| " + line)
        sys.stdout.flush()

    def note(self, phase, job):
        self.results.took(phase, job, self.now() - job.seconds)

    # Checks: one pass or failure each.

    def add_check(self, name, argv, nice=NICE):
        def done(job):
            self.note(name, job)
            good = job.status == 0
            self.results.add(int(good), int(not good))
            self.say(name if good else f"FAILED: {name}")
            if not good:
                self.show(name, job.stdout + job.stderr)

        self.pool.add(Job(name, argv, done, cwd=ROOT, timeout=3000, nice=nice, expected=1000))

    def check_table(self, folder, tests):
        wrong = builds.check_table(folder, tests)
        self.results.add(int(not wrong), int(bool(wrong)))
        if wrong:
            self.say("FAILED: table of builds")
            self.show("tests/builds.table", "\n".join(wrong))

    # Builds and their tests.

    def add_stages(self, build, stages, nice, first=False):
        """Builds the programs of each list of tests in turn, and gives each list to the pool as
        soon as its programs are there."""
        if not stages:
            return
        tests, rest = stages[0], stages[1:]
        name = f"build {build.name}"

        def done(job):
            self.note(name, job)
            if job.status != 0:
                self.results.add(0, 1)
                self.say(f"FAILED: {name}")
                lines = job.stdout.splitlines()
                at = next((i for i, line in enumerate(lines) if "FAILED" in line), 0)
                self.show(name, "\n".join(lines[at:at + 80]) + job.stderr)
                return
            self.say(name if not rest else f"{name}: what the first tests need")
            due = [t for t in tests if self.unchanged is None or not self.unchanged.has(t)]
            if self.unchanged is not None:
                print(f"   {len(due)} of {len(tests)} programs of tests to run")
            for test in due:
                self.add_test(build, test)
            self.add_stages(build, rest, NICE, first=True)

        self.pool.add(Job(name, build.ninja(build.targets(tests)), done, cwd=ROOT,
                          timeout=3000, nice=nice, expected=1000), first)

    def add_build(self, build, tests, nice=NICE):
        mounts = [t for t in tests if builds.has_mounts(t)]
        others = [t for t in tests if not builds.has_mounts(t)]
        self.counts.setdefault(build.name, [0, 0, 0])
        self.bad.setdefault(build.name, [])
        self.add_stages(build, [stage for stage in (mounts, others) if stage], nice)

    def add_test(self, build, test):
        mounts = builds.has_mounts(test)
        parts = self.durations.parts(test["name"], build.name) if mounts else 1
        for number in range(1, parts + 1):
            env = build.environment(test)
            # How much runs beside each other is decided here alone.
            env["SPARKFS_TEST_LANES"] = "1"
            name = test["name"]
            if parts > 1:
                env["SPARKFS_TEST_PART"] = f"{number}/{parts}"
                name += f" {number}/{parts}"
            expected = self.durations.expected(test["name"], build.name) / parts
            job = Job(f"{build.name}: {name}", [*build.prefix(), *test["cmd"]], self.test_done,
                      env=env, cwd=build.dir, timeout=test["timeout"] * build.slow,
                      expected=expected)
            job.build, job.test = build, test
            self.pool.add(job)

    def log(self, job):
        folder = job.build.dir / "test-logs"
        folder.mkdir(exist_ok=True)
        name = job.name.split(": ", 1)[1].replace("/", "of").replace(" ", "_")
        text = (f"MALLOC_PERTURB_={job.env['MALLOC_PERTURB_']} {job.argv}\n"
                f"status {job.status}, {job.seconds:.1f} s\n{job.stdout}\n{job.stderr}")
        (folder / f"{name}.log").write_text(text, encoding="utf-8")

    def judge(self, job):
        self.log(job)
        counts = results.count(job.stdout, job.status, job.test["protocol"])
        if self.unchanged is not None:
            self.unchanged.note(job.test, not counts[1])
        if counts[1]:
            lines = [line for line in job.stdout.splitlines() if line.startswith("not ok")]
            how = f"not done within {job.timeout} s" if job.timed_out else f"status {job.status}"
            self.show(f"{job.name}: {how}", "\n".join(lines[:40]))
            self.show("its output", job.stderr or job.stdout)
        return counts

    def test_done(self, job):
        build = job.build.name
        self.note(f"tests of {build}", job)
        counts = self.judge(job)
        taken = self.taken.setdefault((job.test["name"], build), [0, 0])
        taken[0] += job.seconds
        taken[1] += sum(counts)
        if counts[1]:
            job.counted = counts
            self.bad[build].append(job)
        else:
            self.count(build, counts)

    def count(self, build, counts):
        self.results.add(*counts)
        self.counts[build] = [a + b for a, b in zip(self.counts[build], counts)]

    def second_runs(self):
        """The few programs that failed run once more, alone, since the whole run loads a small
        machine; what passes then is named as unsteady and counts by its second run."""
        for build, jobs in self.bad.items():
            for job in jobs:
                if len(jobs) > FEW_FAILURES:
                    self.count(build, job.counted)
                    continue
                again = Job(job.name, job.argv, self.again_done, env=job.env, cwd=job.cwd,
                            timeout=job.timeout, alone=True)
                again.build, again.test = job.build, job.test
                self.pool.add(again)
        self.pool.run()

    def again_done(self, job):
        self.note("second runs", job)
        counts = self.judge(job)
        if not counts[1]:
            print(f"unsteady: {job.name} failed, and passed when run alone")
        self.results.again.append(job.name)
        self.count(job.build.name, counts)

    def configured(self, name):
        """The build, or None when meson fails."""
        build = builds.Build(name)
        wrong = build.configure()
        if wrong is None:
            return build
        self.results.add(0, 1)
        self.say(f"FAILED: meson setup {build.folder}")
        self.show(build.folder, wrong)
        return None

    def chosen(self, tests):
        return [t for t in tests if not self.only or
                any(fnmatch.fnmatchcase(t["name"], pattern) for pattern in self.only)]

    def run(self):
        """Runs what was added and says what came of it; returns the exit status."""
        self.pool.run()
        if any(self.bad.values()):
            self.second_runs()
        self.say("end")
        for build, counts in self.counts.items():
            print("   {}: {} good, {} bad, {} skipped".format(build, *counts))
        print(f"   at most {self.pool.most} programs of tests at a time, "
              f"{cpu_count()} processors")
        print("\n".join(self.results.tables()))
        print("\n".join(self.results.last_lines()))
        return 0 if self.results.good() else 1


def run_tests(args):
    loop = Loop(args.tests)
    is_whole = not (args.build or args.tests or args.quick)
    names = args.build or (["plain"] if args.quick else list(builds.BUILDS))
    # In the order in which they run: what the most tests wait for comes before clang-tidy.
    if is_whole:
        for check, argv in CHECKS.items():
            loop.add_check(check, argv)
    for name in names:
        build = loop.configured(name)
        if build is None:
            continue
        if is_whole and name == "plain":
            loop.check_table(build.folder, build.all_tests())
        by_table = not (args.quick or args.build)
        tests = loop.chosen(build.tests() if by_table else build.all_tests())
        loop.add_build(build, tests, 0 if name == names[0] else NICE)
    if is_whole:
        loop.add_check("clang-tidy", ["scripts/check-tidy", builds.BUILDS["plain"][0], "--all"])
    status = loop.run()
    if args.record:
        for (test, build), (seconds, cases) in loop.taken.items():
            loop.durations.seconds[test, build] = seconds
            loop.durations.cases[test] = cases
        loop.durations.write()
    return status


def run_check(_args):
    """Everything of scripts/test that is fast: of the unit tests only those whose program is
    another one since it passed, of clang-tidy only what changed."""
    loop = Loop()
    build = loop.configured("plain")
    if build is None:
        return loop.run()
    everything = build.all_tests()
    loop.check_table(build.folder, everything)
    for check, argv in CHECKS.items():
        loop.add_check(check, argv)
    loop.add_check("clang-tidy", ["scripts/check-tidy", build.folder])
    loop.unchanged = Unchanged(build)
    loop.add_build(build, [t for t in everything if not builds.has_mounts(t)], 0)
    return loop.run()


def run_build(args):
    loop = Loop()
    build = loop.configured(args.name)
    if build is not None:
        loop.add_stages(build, [[]], 0)
        loop.pool.run()
    return 1 if loop.results.failed else 0


def main():
    parser = argparse.ArgumentParser(prog="scripts/test", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    test = commands.add_parser("test")
    test.add_argument("--quick", action="store_true", help="every test, in the plain build alone")
    test.add_argument("--record", action="store_true", help="write tests/durations.table")
    test.add_argument("--build", action="append", choices=list(builds.BUILDS),
                      help="the tests in this build alone, whatever the table says")
    test.add_argument("tests", nargs="*", metavar="TEST", help="names of tests, also patterns")
    test.set_defaults(run=run_tests)
    commands.add_parser("check").set_defaults(run=run_check)
    build = commands.add_parser("build")
    build.add_argument("name", choices=list(builds.BUILDS))
    build.set_defaults(run=run_build)
    args = parser.parse_args()
    os.chdir(ROOT)
    # A shell's background job ignores these, and so would every program under test.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # The jobs have sessions of their own: the pool ends them on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    return args.run(args)


if __name__ == "__main__":
    sys.exit(main())
