#!/usr/bin/python3
"""usage: dates.py [--quick] ['YYYY-MM-DD HH:MM[ ZONE]'...]

The tests pass on another day: the ends of months and years, the 29th of February, the hours in
which clocks are changed. Runs the unit tests, and the end-to-end tests that know of dates, with
another_date preloaded; --quick: the few that make the most of dates.
"""
import datetime
import os
import pathlib
import subprocess
import sys

BUILD = pathlib.Path(os.environ["SPARKFS"]).resolve().parents[1]
SHIM = BUILD / "tests" / "soak" / "libanother_date.so"
# Each begins before the turn and goes on behind it.
DATES = [
    "2026-12-31 23:58 UTC",
    "2027-01-31 12:00 UTC",
    "2027-02-28 23:58 UTC",
    "2028-02-29 12:00 UTC",
    "2027-03-01 00:00 Pacific/Auckland",
    "2027-03-28 00:58 Europe/Berlin",
    "2027-10-31 00:58 Europe/Berlin",
]
QUICK = ["base/test_timefmt", "store/test_store_history", "tree/test_history"]
E2E = ["test_history", "test_files", "test_pages", "test_spaces", "test_events", "test_evict",
       "test_semantics", "test_tree"]


def environment(date):
    """What the programs are to have in theirs."""
    day, hour, *zone = date.split()
    begin = datetime.datetime.fromisoformat(f"{day}T{hour}+00:00")
    offset = begin - datetime.datetime.now(datetime.timezone.utc)
    return {**os.environ, "LD_PRELOAD": str(SHIM), "TZ": zone[0] if zone else "UTC",
            "ANOTHER_DATE": str(int(offset.total_seconds()))}


def output(argv, date):
    return subprocess.run(argv, env=environment(date), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def run_quick(date):
    good = True
    for name in QUICK:
        done = output([str(BUILD / "tests" / "unit" / name)], date)
        print(f"{date}: {name} {'good' if done.returncode == 0 else 'BAD'}")
        if done.returncode:
            print(done.stdout)
            good = False
    return good


def run(date, tests):
    done = output(["meson", "test", "-C", str(BUILD), "--no-rebuild", "--logbase", "dates", *tests],
                  date)
    bad = [line for line in done.stdout.splitlines() if "/" in line and
           any(word in line for word in ("FAIL", "ERROR", "TIMEOUT"))]
    print(f"{date}: {'good' if done.returncode == 0 else 'BAD'}", *bad, sep="\n  ", flush=True)
    if done.returncode:
        log = BUILD / "meson-logs" / "dates.txt"
        print(log.read_text(errors="replace") if log.exists() else done.stdout)
    return done.returncode == 0


def main():
    args = sys.argv[1:]
    if "--help" in args:
        print(__doc__)
        return 0
    if not SHIM.exists():
        sys.exit(f"{SHIM} is not built, and without it the date would be today's")
    quick = "--quick" in args
    dates = [a for a in args if not a.startswith("--")] or DATES
    good = True
    for date in dates:
        if quick:
            good &= run_quick(date)
        else:
            good &= run(date, ["--no-suite", "e2e", "--no-suite", "sim"])
            good &= run(date, [f"e2e {name}" for name in E2E])
    return 0 if good else 1


sys.exit(main())
