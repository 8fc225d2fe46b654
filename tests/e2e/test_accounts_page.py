"""doc/accounts.md: what it shows of a terminal is typed here, and must print what the page says."""
import http.client
import os
import re
import shlex
import shutil
import subprocess

import pytest

from lib import pages
from lib.mount import mount_device
from lib.person import decide, free_port
from lib.tmux import read_code
from lib.util import scaled

PAGE = "doc/accounts.md"
WRAPPER = """#!/bin/sh
case $1 in login) shift; set -- login --url "$TEST_URL" "$@" ;; esac
exec "$SPARKFS_REAL" "$@"
"""
# Who decides in the browser, by the name of the login.
WHO = {"work": "alice", "home": "bob", "server": "alice"}


def steps():
    """(command, lines that it prints or is given) of the page, in order."""
    found = []
    for block in pages.blocks(PAGE):
        for line in block.split("\n"):
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return found


class Reader:
    """Who types it: somebody with the simulator for the service."""

    def __init__(self, person, port):
        self.person, self.sim, self.port = person, person.sim, port
        (person.home / "bin").mkdir()
        program = person.home / "bin/sparkfs"
        program.write_text(WRAPPER)
        program.chmod(0o755)
        (person.home / "bot-token").write_text("bot-token\n")
        # The page shows where these are without variables.
        for name in ("STATE", "CACHE", "CONFIG"):
            person.env.pop(f"XDG_{name}_HOME")
        shutil.rmtree(person.home / "config")
        person.env.update(PATH=f"{person.home}/bin:{os.environ['PATH']}", TEST_URL=self.sim.base,
                          SPARKFS_REAL=os.environ["SPARKFS"])
        self.out = ""

    def own(self, text):
        """Of the page, with what is this reader's."""
        for theirs, ours in (("https://webexapis.com/v1", self.sim.base), ("53682", str(self.port)),
                             ("https://oauth-helper-r.wbx2.com", self.sim.origin),
                             ("/home/alice", str(self.person.home))):
            text = text.replace(theirs, ours)
        return text

    def type(self, command, lines):
        words = shlex.split(command)
        typed = self.own("\n".join(lines) + "\n") if command.startswith("cat > ") else None
        if command.endswith("/config"):
            # Somebody else on this machine may have the usual one.
            typed += f"port={self.port}\n"
        with subprocess.Popen(["bash", "-c", command], env=self.person.env, cwd=self.person.home,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True) as shell:
            self.out = ""
            if words[:2] == ["sparkfs", "login"] and "--token" not in words:
                typed = self.be_the_person(shell, words)
            self.out += shell.communicate(typed, timeout=scaled(30))[0]
        assert (shell.returncode == 0) != self.out.startswith("sparkfs: "), self.out
        return [] if command.startswith("cat > ") else lines

    def be_the_person(self, shell, words):
        """Reads what it prints up to where it waits, and does what a browser does; what is typed then."""
        ends = "Paste the address" if "--paste" in words else "Waiting ..."
        while ends not in self.out:
            line = shell.stdout.readline()
            assert line, self.out
            self.out += line
        url = [word for word in self.out.split() if "userCode=" in word or "/authorize?" in word][0]
        where = decide(self.sim, url, WHO[words[-1]]).headers.get("Location")
        if "--browser" in words:
            browser = http.client.HTTPConnection("localhost", self.port, timeout=scaled(20))
            browser.request("GET", where.partition(f":{self.port}")[2])
            assert browser.getresponse().status == 200
            browser.close()
        return where + "\n" if "--paste" in words else None


def pattern(line):
    """Of a line of the page: what may be otherwise is."""
    text = re.escape(line.strip())
    for mine, others in ((r"482913", r"\d{6}"), (r"userCode=[0-9a-f]+", r"userCode=[0-9a-f]{64}"),
                         (r"\d{4}\\-\d\d\\-\d\d\\ \d\d:\d\d", r"\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d"),
                         (r"\\\.\\\.\\\.$", ".*"), (r"(\\ )+", r"\\s+")):
        text = re.sub(mine, others.replace("\\", "\\\\") if "\\\\" not in others else others, text)
    return text


def is_printed(line):
    """What is typed, or drawn on a terminal alone, is not."""
    return not line.startswith("http://localhost") and not re.search("[\u2580-\u2588]", line)


@pytest.fixture
def reader(start_sim, start_person):
    port = free_port()
    redirects = [f"http://localhost:{port}/",
                 *(f"https://oauth-helper-{c}.wbx2.com/helperservice/v1/actions/device/callback" for c in "arkd")]
    sim = start_sim("--data", "empty", "--device-interval", "0", "--integration", " ".join(
        ["id=C123", "secret=THE-SECRET", "scope=spark:all", "scope=spark:kms",
         *(f"redirect={uri}" for uri in redirects)]))
    reader = Reader(start_person(sim), port)
    yield reader
    for path in (reader.person.home / "webex", reader.person.home / "webex-home"):
        if mount_device(path):
            subprocess.run(["fusermount3", "-uz", path], check=False)


def test_what_the_page_shows(reader):
    for command, lines in steps():
        wanted = [line for line in map(reader.own, reader.type(command, lines)) if is_printed(line)]
        printed = re.sub(r"\s+", " ", reader.out)
        found = re.fullmatch(r"\s+".join(map(pattern, wanted)) + r"\s*", printed)
        assert found, f"$ {command}\n{reader.out}\nbut the page has\n" + "\n".join(wanted)
    assert not [path for path in reader.person.home.rglob("*sparkfs*") if path.is_dir()]


def test_the_picture_is_of_the_address(tmp_path):
    block = next(b for b in pages.blocks(PAGE) if "\u2588" in b)
    lines = [line[2:] for line in block.split("\n") if "\u2588" in line]
    url = re.search(r"With the code in it: (\S+)", block)[1]
    assert read_code(lines, tmp_path) == url


def test_each_end_is_said_so():
    """The texts of the table stand in the sources."""
    text = (pages.ROOT / PAGE).read_text(encoding="utf-8")
    table = text.partition("## When a login ends")[2].partition("\n## ")[0]
    ends = re.findall(r"^\| `([^`]+)` \|", table, re.M)
    sources = "".join(path.read_text(encoding="utf-8")
                      for folder in ("login", "main") for path in (pages.ROOT / "src" / folder).glob("*.c"))
    sources = re.sub(r'"\s*\n\s*"', "", sources)
    assert len(ends) >= 15 and [end for end in ends if end not in sources] == []
