#!/usr/bin/python3
"""usage: run_pytest.py FILE [pytest options]

Runs one test file by pytest and reports each of its cases as a line of TAP on
stdout, so that meson (protocol: 'tap') knows the cases and not only the file.
What pytest itself prints goes to stderr. The mounts are in a namespace of their own (namespace.py),
where the kernel allows it. All that the cases make is in one folder, which is removed when they
passed; of those that failed it is kept, and stderr says where.

SPARKFS_TEST_PART=2/3 in the environment: of the cases only the second, fifth, eighth and so on.
"""
import os
import pathlib
import sys
import tempfile

# Stale byte code of a shared or read-only source tree helps nobody.
sys.dont_write_bytecode = True

try:
    import pytest
except ImportError:
    sys.exit("run_pytest.py: pytest is missing; run scripts/deps test")

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
from lib import mount, namespace  # noqa: E402  pylint: disable=wrong-import-position


def pytest_collection_modifyitems(items):
    """Leaves the cases of this part of the file."""
    part, parts = (int(word) for word in os.environ["SPARKFS_TEST_PART"].split("/"))
    items[:] = items[part - 1::parts]


def make_folder(file):
    """Where everything goes, also what a case makes by tempfile. Some cases have other users."""
    folder = tempfile.tempdir = tempfile.mkdtemp(prefix=f"sparkfs-{pathlib.Path(file).stem}-")
    os.chmod(folder, 0o755)
    return folder


class TapReporter:
    """One TAP line for each case, printed when its teardown is over."""

    def __init__(self, out):
        self.out = out
        self.count = 0
        self.worst = {}

    def pytest_runtest_logreport(self, report):
        name = report.nodeid.split("::", 1)[-1]
        if report.skipped or (report.failed and "failed" not in self.worst.get(name, "")):
            self.worst[name] = report.outcome
        if report.when == "teardown":
            self.result(name, self.worst.pop(name, "passed"), report)

    def pytest_collectreport(self, report):
        if report.failed:
            self.result(f"collect {report.nodeid}", "failed", report)

    def result(self, name, outcome, report):
        self.count += 1
        name = name.replace("#", "_").encode("ascii", "backslashreplace").decode()
        line = "not ok" if outcome == "failed" else "ok"
        skip = " # SKIP" if outcome == "skipped" else ""
        self.out.write(f"{line} {self.count} {name}{skip}\n")
        self.out.flush()

    def pytest_sessionfinish(self):
        self.out.write(f"1..{self.count}\n")
        self.out.flush()


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    # The programs under test say where the server is by themselves.
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        os.environ.pop(name, None)
    namespace.enter()
    folder = make_folder(sys.argv[1])
    plugins = []
    if "SPARKFS_TEST_PART" in os.environ:
        plugins.append(sys.modules[__name__])
    # TAP keeps the real stdout; pytest and everything it starts get stderr.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    code = pytest.main(["-q", "-p", "no:cacheprovider", "--tb=short", "--color=no", "-rs",
                        "--durations=5", "--rootdir", os.path.dirname(sys.argv[1]),
                        f"--basetemp={folder}/cases", *sys.argv[1:]],
                       plugins=[TapReporter(out), *plugins])
    # A part may be empty.
    if plugins and code == pytest.ExitCode.NO_TESTS_COLLECTED:
        code = 0
    if code != 0 or not mount.remove_folder(folder):
        print(f"run_pytest.py: what is left is in {folder}", file=sys.stderr)
    return code


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # No interpreter shutdown: a thread that a wedged mount holds would hang it.
    os._exit(int(code))
