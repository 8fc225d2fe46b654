"""The builds that tests run in: how each is made, and which tests the table gives it."""
import fnmatch
import json
import os
import pathlib
import platform
import random
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TABLE = ROOT / "tests" / "builds.table"

# A library that the tests miss, and a warning, are errors.
STRICT = ["-Dtests=enabled", "-Dwerror=true"]
# name: (folder, how much longer its tests may take, options of meson), in the order of building.
BUILDS = {
    "plain": ("build-test", 1, STRICT),
    "asan": ("build-asan", 3, [*STRICT, "-Db_sanitize=address,undefined"]),
    "tsan": ("build-tsan", 5, [*STRICT, "-Db_sanitize=thread"]),
}
# Cells of the table: runs there, never did, left out for the reason in the row.
CELLS = {"yes", "never", "no"}


class Row:
    """A line of tests/builds.table."""

    def __init__(self, number, line):
        fields = line.split(None, 4)
        if len(fields) < 4:
            raise ValueError(f"builds.table:{number}: a pattern and three cells are wanted")
        self.number = number
        self.pattern = fields[0]
        self.cells = dict(zip(BUILDS, fields[1:4]))
        self.reason = fields[4] if len(fields) > 4 else ""
        self.used = False

    def problems(self):
        where = f"builds.table:{self.number}: {self.pattern}"
        cells = list(self.cells.values())
        if not set(cells) <= CELLS:
            yield f"{where}: a cell is one of {', '.join(sorted(CELLS))}"
        elif "yes" not in cells:
            yield f"{where}: runs nowhere"
        if "no" in cells and not self.reason:
            yield f"{where}: left out of a build without a reason"


def read_table(path=TABLE):
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            rows.append(Row(number, line))
    return rows


def row_of(rows, name):
    """The first row whose pattern fits the name of a meson test; names have no blanks there."""
    for row in rows:
        if fnmatch.fnmatchcase(name.replace(" ", "/"), row.pattern):
            row.used = True
            return row
    return None


def introspect(folder, what):
    out = subprocess.run(["meson", "introspect", f"--{what}", folder], cwd=ROOT, check=True,
                         stdout=subprocess.PIPE, text=True).stdout
    return json.loads(out)


def has_mounts(test):
    """Whether it is a file of pytest's, which needs the program and the simulator."""
    return "run_pytest.py" in " ".join(test["cmd"])


def no_randomization():
    """ThreadSanitizer cannot map its shadow where the kernel randomizes much."""
    prefix = ["setarch", platform.machine(), "-R"]
    try:
        good = subprocess.run([*prefix, "true"], check=False, stderr=subprocess.DEVNULL)
    except OSError:
        return []
    return prefix if good.returncode == 0 else []


def sources_of_tests(folder, tests):
    """The files of the repository that the tests of a build are made of."""
    programs = {}
    for target in introspect(folder, "targets"):
        files = [f for part in target["target_sources"] for f in part.get("sources", [])]
        for name in target["filename"]:
            programs[name] = files
    found = set()
    for test in tests:
        for word in test["cmd"]:
            found.update(os.path.realpath(f) for f in programs.get(word, [word]))
    return found


def check_table(folder, tests):
    """What is wrong with the table and with meson's lists, a line each."""
    rows = read_table()
    wrong = [problem for row in rows for problem in row.problems()]
    wrong += [f"{t['name']}: no row in tests/builds.table" for t in tests
              if row_of(rows, t["name"]) is None]
    wrong += [f"builds.table:{row.number}: {row.pattern}: there is no such test"
              for row in rows if not row.used]
    known = sources_of_tests(folder, tests)
    for pattern in ("test_*.c", "test_*.py", "fuzz_*.c"):
        wrong += [f"{path.relative_to(ROOT)}: belongs to no test of meson"
                  for path in sorted((ROOT / "tests").rglob(pattern)) if str(path) not in known]
    return wrong


class Build:
    """A build directory. configure() first; tests() are those that the table gives it."""

    def __init__(self, name):
        self.name = name
        self.folder, self.slow, self.options = BUILDS[name]
        self.dir = ROOT / self.folder

    def stamp(self):
        version = subprocess.run(["meson", "--version"], check=True, text=True,
                                 stdout=subprocess.PIPE).stdout.strip()
        return f"{version} {ROOT} {' '.join(self.options)}\n"

    def configure(self):
        """Returns what meson said when it failed, or None. An older directory of other options,
        or of another meson, is made anew."""
        mark = self.dir / ".configured"
        if mark.exists() and (self.dir / "build.ninja").exists() and \
                mark.read_text(encoding="utf-8") == self.stamp():
            # What meson knows of tests is as new as the meson.build files.
            return self.said(self.ninja(["build.ninja"]))
        shutil.rmtree(self.dir, ignore_errors=True)
        wrong = self.said(["meson", "setup", self.folder, *self.options])
        if wrong is None:
            mark.write_text(self.stamp(), encoding="utf-8")
        return wrong

    @staticmethod
    def said(argv):
        done = subprocess.run(argv, cwd=ROOT, text=True, stdin=subprocess.DEVNULL, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.stdout if done.returncode else None

    def all_tests(self):
        return introspect(self.folder, "tests")

    def tests(self):
        rows = read_table()
        chosen = []
        for test in self.all_tests():
            row = row_of(rows, test["name"])
            # One without a row runs everywhere; the check of the table fails for it.
            if row is None or row.cells[self.name] == "yes":
                chosen.append(test)
        return chosen

    def prefix(self):
        return no_randomization() if self.name == "tsan" else []

    def environment(self, test):
        """As `meson test` makes it: memory that malloc() gives is full of something, too. Without
        a proxy: the programs under test say where the server is by themselves."""
        own = {name: value for name, value in os.environ.items()
               if name.lower() not in ("http_proxy", "all_proxy")}
        return {"MALLOC_PERTURB_": str(random.randrange(1, 256)), **own, "LC_ALL": "C.UTF-8",
                "TZ": "UTC", **test["env"], "SPARKFS_TEST_SLOW": str(self.slow)}

    def ninja(self, targets=()):
        return ["ninja", "-C", self.folder, *targets]

    def made(self):
        """The files of each target of meson, by its id."""
        return {target["id"]: target["filename"]
                for target in introspect(self.folder, "targets")}

    def targets(self, tests):
        """What ninja has to build for these tests."""
        made = self.made()
        return sorted({os.path.relpath(name, self.dir) for test in tests
                       for target in test["depends"] for name in made[target]})
