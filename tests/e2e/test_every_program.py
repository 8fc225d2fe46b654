"""Every program of lib/programs.py, in a space of its own: what it makes at the server, how it ends, and
what last-error says then. scripts/matrix prints it as a table, and installs all of the programs;
scripts/test runs those that are there.
"""
import json
import os
import re
import shutil

import pytest

from lib.programs import EDITORS, NEEDS, READING, WRITING
from lib.shell import run_cmd
from lib.terminal import Terminal
from lib.util import wait_until

ROWS = [(*row, "", 0, None) for row in READING] + WRITING
PARTS = 8
SHELL_WORDS = {"printf", "echo", "export", "test", "true", ":", "cd", "mkdir", "cp", "ls"}


def program(name, command):
    """The one that must be installed for a row."""
    if name in NEEDS:
        return NEEDS[name]
    words = re.findall(r"(?:^|[|;&]\s*)(?:[A-Z_]+=\S+\s+)*([\w.+-]+|:)", command)
    return next((w for w in words if w not in SHELL_WORDS), "sh")


def installed(row):
    return shutil.which(program(row[0], row[1])) is not None


class Scene:
    """The spaces of some rows, in one account and one mount."""

    def __init__(self, sim, start_mount, folder, rows):
        self.sim = sim
        self.folder = folder
        self.src = folder / "src"
        (self.src / "docs").mkdir(parents=True)
        (self.src / "text").write_text("as a text\n")
        (self.src / "a.bin").write_bytes(bytes(range(256)) * 90)
        (self.src / "docs" / "one.txt").write_text("1\n")
        self.spaces = [self.furnish(f"R{i}") for i in range(len(rows))]
        self.mount = start_mount(sim)

    def furnish(self, title):
        room = self.sim.create_room(title, ["bob@example.com"])
        self.sim.post(room["id"], "mine about budget")
        self.sim.post(room["id"], "bob on budget", token="bob-token")
        self.sim.upload(room["id"], "z.txt", b"my file\n" * 20, "text/plain")
        self.sim.upload(room["id"], "plan.pdf", b"%PDF-1.4 plan", token="bob-token")
        return room

    def control(self, name):
        return self.mount / ".sparkfs" / name

    def messages(self, room):
        return {m["id"]: m.get("updated") for m in self.sim.messages(room["id"])}

    def others(self):
        """What a row changes beside its space's messages, as (letter, path) of the requests."""
        return [{"rooms": "r", "memberships": "m"}[e["path"].split("/")[2]]
                for e in self.sim.log()
                if e["method"] not in ("GET", "HEAD") and e["status"] < 300
                and e["path"].split("/")[2] in ("rooms", "memberships")]

    def unsent(self):
        return {n for n in os.listdir(self.control("unsent")) if not n.endswith(".why.json")}

    def run(self, number, row):
        """What the row made, its exit status, and the new words of last-error."""
        room, space = self.spaces[number], self.mount.space(f"R{number}")
        names = sorted(n for n in os.listdir(space) if re.match(r"20.*\.txt$", n))
        texts = {n: (space / n).read_text() for n in names}
        out = self.folder / f"out{number}"
        out.mkdir()
        env = {"OWN": next(n for n in names if texts[n].startswith("mine about")),
               "OTHER": next(n for n in names if texts[n].startswith("bob on")),
               "SRC": str(self.src), "OUT": str(out), "TOP": str(self.mount.path),
               "HOME": str(out)}
        kept, known = self.unsent(), self.messages(room)
        said = self.control("last-error").read_text()
        self.sim.clear_log()
        result = self.mount.run(row[1], cwd=space, env=env, timeout=40)
        now = self.messages(room) if os.path.isdir(space) else {}
        made = ["p"] * len(now.keys() - known.keys()) + ["d"] * len(known.keys() - now.keys())
        made += ["e"] * len([m for m in now if m in known and now[m] != known[m]])
        made += ["u"] * len(self.unsent() - kept) + self.others()
        error = self.control("last-error").read_text()
        return "".join(sorted(made)), result, "" if error == said else error


def record(row, made, result, error):
    """A line of scripts/matrix."""
    if "SPARKFS_MATRIX" not in os.environ:
        return
    line = {"command": row[1], "status": result.status, "unsent": made.count("u"),
            "POST": made.count("p"), "PUT": made.count("e"), "DELETE": made.count("d"),
            "error": error.partition("Z ")[2].strip()}
    with open(os.environ["SPARKFS_MATRIX"], "a", encoding="utf-8") as f:
        f.write(json.dumps(line) + "\n")


def is_expected(row, made, result, error):
    _, _, wanted, status, words = row
    is_said = words in error if words else not error
    return made == wanted and result.status == status and is_said


@pytest.mark.limit(180)
@pytest.mark.sim("--data", "empty")
@pytest.mark.parametrize("part", range(PARTS))
def test_every_program(sim, start_mount, tmp_path, part):
    rows = [row for row in ROWS[part::PARTS] if installed(row)]
    scene = Scene(sim, start_mount, tmp_path, rows)
    wrong = []
    for number, row in enumerate(rows):
        made, result, error = scene.run(number, row)
        record(row, made, result, error)
        if not is_expected(row, made, result, error):
            wrong.append(f"{row[0]}: made {made!r}, not {row[2]!r}; last-error {error!r}, "
                         f"wanted {row[4]!r}; status {row[3]} wanted:\n{result!r}")
    assert not wrong, "\n\n".join(wrong)


@pytest.mark.limit(120)
@pytest.mark.sim("--data", "empty")
def test_editors_at_a_terminal(sim, start_mount, tmp_path):
    """Each edits a message in place and writes a new note; nothing else is left of it."""
    editors = [name for name in EDITORS if shutil.which(name.split()[0])]
    scene = Scene(sim, start_mount, tmp_path, editors)
    for number, name in enumerate(editors):
        room, space = scene.spaces[number], scene.mount.space(f"R{number}")
        before = scene.messages(room)
        own = next(n for n in sorted(os.listdir(space)) if n.endswith("_alice@example.com.txt")
                   and (space / n).read_text().startswith("mine about"))
        for file, shown in ((own, "mine about"), ("note.txt", "\x1b[")):
            words = name.split()
            terminal = Terminal([shutil.which(words[0]), *words[1:], file], str(space), "xterm",
                                {"HOME": str(tmp_path)})
            try:
                terminal.wait_for(shown, 20)
                terminal.type(EDITORS[name])
                assert terminal.wait_end(20) == 0, name
            finally:
                terminal.close()
        wait_until(lambda: len(scene.messages(room)) > len(before), what=f"the note of {name}")
        after = scene.messages(room)
        assert [m for m in before if m not in after] == [], name
        assert len(after) == len(before) + 1, name
        assert len([m for m in before if after[m] != before[m]]) == 1, name
        assert scene.unsent() == set(), name
    assert scene.control("last-error").read_text() == ""


def test_the_usual_programs_are_here():
    """Those that scripts/deps installs: a row that finds its program nowhere proves nothing, and
    no row waits for a program that is only a word of the shell."""
    words = run_cmd("compgen -bk", check=True).lines()
    assert [row[0] for row in ROWS if not installed(row) and program(*row[:2]) in words] == []
    assert len([row for row in ROWS if installed(row)]) > 130
