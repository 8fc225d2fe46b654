"""README: the tree in one screen. What it says is tried here, so that it stays true."""
import os
import re

import pytest

from lib.tree import error_of, messages_in, read
from lib.util import wait_until

PERSON = "bob@example.com"


class Readme:
    def __init__(self, sim, mount):
        self.sim, self.mount = sim, mount
        self.title = "Readme"
        self.room = sim.create_room(self.title, [PERSON])
        sim.api("POST", "/teams", {"name": "Crew"}).ok()
        self.space = mount.space(self.title)
        wait_until(lambda: self.space.is_dir(), 10, "the space")
        sim.clear_log()
        self.text = (mount / "README").read_text(encoding="ascii")

    def fill(self, path):
        month = max(os.listdir(self.space / "history"))
        for word, value in (("TITLE", self.title), ("NAME", "Bob Keller"), ("E-MAIL", PERSON),
                            ("TEAM", "Crew"),
                            ("YYYY-MM", month)):
            path = path.replace(word, value)
        return path

    def paths(self):
        """What it names in its left column, and paths anywhere, from the root."""
        found, above = [], ""
        for line in self.text.split("\n\n")[1].splitlines():
            left = line[:22].rstrip()
            if left and not left.startswith(" "):
                above = left
                found.append(left)
            elif left:
                found += [above + name for name in left.split()]
        told = re.findall(r"(?:spaces|people|direct|teams|\.sparkfs)/[A-Za-z./-]+", self.text)
        told += [f"spaces/TITLE/{m}" for m in re.findall(r" (members/[A-Z-]+)", self.text)]
        control = re.search(r"not listed: (.*)", self.text)[1].split(", ")
        return [*found, *(path.rstrip(".") for path in told),
                *(f".sparkfs/{name}" for name in control)]


@pytest.fixture
def readme(sim, mount):
    return Readme(sim, mount)


def test_one_screen(readme):
    lines = readme.text.splitlines()
    assert len(lines) <= 24
    assert max(len(line) for line in lines) < 80


def test_a_file_like_any_other(readme):
    path = readme.mount / "README"
    assert "README" in readme.mount.ls()
    st = os.stat(path)
    assert (st.st_mode & 0o777, st.st_size) == (0o444, len(readme.text))
    assert read(path).decode() == readme.text
    for change in (lambda: os.unlink(path), lambda: os.truncate(path, 0),
                   lambda: os.rename(path, readme.mount / "README.old")):
        assert error_of(change) in ("EACCES", "EPERM")
    # No use of the account: nothing is asked for it.
    assert readme.sim.log() == []


def test_every_path_in_it_is_there(readme):
    (readme.space / "post").write_text("hello\n")
    paths = readme.paths()
    assert len(paths) >= 24
    for path in paths:
        full = readme.mount / readme.fill(path)
        assert os.path.lexists(full), path
        assert os.path.isdir(full) == path.endswith("/"), path


def test_nothing_at_the_root_is_left_out(readme):
    named = {path.split("/")[0] for path in readme.paths()} | {"README"}
    assert set(readme.mount.ls()) <= named
    for name in os.listdir(readme.space):
        assert re.search(rf"(^|[\s/]){re.escape(name)}([\s/]|$)", readme.text, re.M), name


def test_what_it_says_can_be_done(readme):
    commands = [re.sub(r"\s*$", "", c) for c in re.findall(
        r"(?:echo hi > \S+|cp FILE \S+|touch \S+)", readme.text)]
    assert len(commands) == 3
    for command in commands:
        command = readme.fill(command).replace("FILE", "/etc/hostname")
        readme.mount.run(f"cd spaces/{readme.title} && {command}" if "members" in command
                         else command).ok()
    assert read(readme.space / "last") != b""
    texts = [m.get("text") for m in readme.sim.messages(readme.room["id"])]
    assert "hi" in texts
    assert "hostname" in os.listdir(readme.space / "files")
    mine = next(n for n in messages_in(readme.space) if read(readme.space / n) == b"hi\n")
    (readme.space / mine).write_text("edited\n")
    assert "edited" in [m.get("text") for m in readme.sim.messages(readme.room["id"])]
    os.unlink(readme.space / mine)
    assert "edited" not in [m.get("text") for m in readme.sim.messages(readme.room["id"])]
    readme.mount.run(f"cd spaces/{readme.title} && rm members/{PERSON}").ok()
    assert PERSON not in os.listdir(readme.space / "members")


def test_errors_are_where_it_says(readme):
    readme.sim.fault(method="POST", route="/messages", status=403, message="Not allowed here.")
    readme.mount.run(f"echo hi | tee spaces/{readme.title}/post")
    assert b"Not allowed here." in read(readme.mount / ".sparkfs/last-error")
    assert os.listdir(readme.mount / ".sparkfs/unsent")
