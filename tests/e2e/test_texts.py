"""What a terminal sees: texts, names and words of others, and what is sent of texts."""
import errno
import json
import os
import stat

import pytest

from lib.chat import Unsent, fails, put, remounted
from lib.chat import pier  # noqa: F401  pylint: disable=unused-import
from lib.tree import stem
from lib.util import wait_until

# Sets the title, writes the clipboard, moves the cursor, is C1, reorders.
EVIL = "a\x1b]0;t\x07b\x1b]52;c;eA==\x07\x1b[2J\x9b31m\u202egpj\u202c \u2066x\u2069"
CLEAN = "a\ufffd]0;t\ufffdb\ufffd]52;c;eA==\ufffd\ufffd[2J\ufffd31m\ufffdgpj\ufffd \ufffdx\ufffd"


def obeyed(data):
    """The characters that a terminal would obey."""
    text = data.decode() if isinstance(data, bytes) else data
    return [c for c in text if (c < " " and c not in "\n\t") or "\x7f" <= c < "\xa0"
            or "\u202a" <= c <= "\u202e" or "\u2066" <= c <= "\u2069"]


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def check_size(path):
    data = path.read_bytes()
    assert os.stat(path).st_size == len(data), path
    return data


def test_a_terminal_is_told_nothing(pier, start_mount):
    # Each in a millisecond of its own: those of one would have a mark in their names.
    text, markdown, plain, bob = (
        pier.sim.add_messages(room=pier.id, created=1700000000000 + n, **message)["items"][0]
        for n, message in enumerate((
            {"person": "alice", "text": EVIL},
            {"person": "alice", "markdown": f"**{EVIL}**"},
            {"person": "alice", "text": "mine \u05d0\u200f!\r\nsecond\tline"},
            {"person": "bob", "text": "", "html": f"<p>{EVIL}</p><p>&#27;[1m</p>"})))
    for again in (False, True):
        wait_until(lambda: len(pier.listed()) == 4)
        space = pier.dir
        for path in [*pier.listed(), "last", "transcript.log"]:
            assert obeyed(check_size(space / path)) == [], path
        for message in (text, markdown, plain, bob):
            for twin in (".txt", ".md", ".json"):
                assert obeyed(check_size(space / (stem(message) + twin))) == [], twin
            shown = json.loads((space / (stem(message) + ".json")).read_text())
            known = pier.sim.api("GET", "/messages/" + message["id"]).json
            assert shown == {k: v for k, v in known.items() if v != ""}
        assert (space / (stem(text) + ".txt")).read_text() == CLEAN + "\n"
        assert (space / (stem(markdown) + ".md")).read_text() == f"**{CLEAN}**\n"
        # .html is exact: as it came, or as a browser reads it.
        assert (space / (stem(bob) + ".html")).read_text() == bob["html"] + "\n"
        assert "&#27;]0;t&#7;b" in (space / (stem(text) + ".html")).read_text()
        # An editor would write back what is shown.
        for path in (f"{stem(text)}.txt", f"{stem(markdown)}.md"):
            assert mode(space / path) == 0o444, path
            with fails(errno.EACCES):
                put(space / path, "x")
        assert "control or bidirectional" in Unsent(pier.mount).last_error()
        # Marks of Hebrew, and the line ends of DOS, are no such characters.
        assert (space / (stem(plain) + ".txt")).read_bytes() == \
            "mine \u05d0\u200f!\nsecond\tline\n".encode()
        assert mode(space / (stem(plain) + ".txt")) == 0o644
        if not again:
            remounted(pier, start_mount)
    pier.run(f"sed -i s/second/third/ {stem(plain)}.txt", check=True)
    assert pier.messages()[2]["text"] == "mine \u05d0\u200f!\nthird\tline"


def test_names_and_words_of_others(pier):
    """Titles, names of people and files, events, and what the server says of an error."""
    sim = pier.sim
    assert pier.mount.ls("spaces") == ["Pier"]
    room = sim.create_room(EVIL, ["bob@example.com"])["id"]
    sim.add_messages(room=room, person="bob", text="", file={
        "name": EVIL + ".pdf", "type": "text/plain", "content": "x"})
    wait_until(lambda: len(pier.mount.ls("spaces")) == 2)
    (title,) = [n for n in pier.mount.ls("spaces") if n != "Pier"]
    assert obeyed(title) == []
    told = pier.mount.run("find . -type f -not -name '.*' -exec cat {} + ; ls spaces/*/files/; "
                          "cat spaces/*/transcript.log; timeout 20 head -n 1 events@0",
                          timeout=40)
    assert obeyed(told.out) == [] and obeyed(told.err) == []
    assert "spaces/a\ufffd" in told.out.splitlines()[-1]
    sim.fault(method="POST", route="/messages", status=400, message="no: " + EVIL)
    pier.run("echo x > post")
    wait_until(lambda: "no: a" in Unsent(pier.mount).last_error())
    for name in ("last-error", "log", "status.json", "transfers"):
        data = (pier.mount / ".sparkfs" / name).read_bytes()
        assert obeyed(data) == [], name
    name, _, why = Unsent(pier.mount).one()
    assert obeyed(name) == [] and obeyed((Unsent(pier.mount).dir / (name + ".why.json")).read_bytes()) == []
    assert obeyed(json.dumps(why, ensure_ascii=False)) == []


# Texts of another system's editor.

LINES = [
    ("printf 'a\\r\\n' > post", "a"),
    ("printf 'a\\r\\nb\\r\\n\\r\\nc' > post", "a\nb\n\nc"),
    ("printf 'a\\r\\r\\nb' > post", "a\nb"),
    ("printf 'a\\rb\\r' > post", "a\rb"),
    ("printf 'x\\r'  > post; printf 'y\\r\\n' | dd bs=1 of=post status=none", "y"),
]


def test_line_ends(pier):
    for command, text in LINES:
        pier.run(command, check=True)
        assert pier.messages()[-1]["text"] == text, command
    count = len(pier.messages())
    # The line ends of a long text do not count twice; lines alone are no message.
    put(pier / "post", "123456\r\n" * 1062)
    assert len(pier.messages()[-1]["text"]) == 7 * 1062 - 1
    with fails(errno.EFBIG):
        put(pier / "post", "123456\r\n" * 1063 + "x")
    put(pier / "post", "\r\n\r\n")
    assert len(pier.messages()) == count + 1
    # Markdown and edits too; what JSON says is exact.
    put(pier / "post.md", "- a\r\n- b\r\n")
    (message,) = pier.messages()[-1:]
    assert message["markdown"] == "- a\n- b"
    pier.run(f"printf -- '- c\\r\\n- d\\r\\n' > {stem(message)}.md", check=True)
    assert pier.messages()[-1]["markdown"] == "- c\n- d"
    put(pier / "post.json", '{"text": "a\\r\\nb"}\r\n')
    assert pier.messages()[-1]["text"] == "a\r\nb"


def test_lists_are_shown_as_they_were_written(pier):
    tide = "# Tide\n\n- **low** 04:10\n- high 10:22"
    put(pier / "post.md", tide + "\n")
    assert (pier / "last").read_text() == tide + "\n"
    assert "Tide\n" not in pier.messages()[-1]["text"]
    log = (pier / "transcript.log").read_text()
    assert log.endswith(": # Tide\n  \n  - **low** 04:10\n  - high 10:22\n")
    # Its author's own words for plain text stay.
    post = pier.sim.post(pier.id, "Low at four", markdown="**low**\n\n- 04:10")
    wait_until(lambda: len(pier.listed()) == 2)
    assert (pier / (stem(post) + ".txt")).read_text() == "Low at four\n"


# Names that come back.

SENT = ["two  blanks.txt", " leading.txt", "trailing.txt ", "no\u00a0break\u202f.txt", "a%20b.txt",
        "100%.txt", "u\u0308nfd.txt", "a;b.txt", 'q"u.txt', "back\\slash.txt",
        "x" * 251 + ".txt", "\u65e5\u672c\u8a9e" * 27 + ".xlsx"]


def test_a_name_that_was_sent_comes_back(pier, tmp_path, start_mount):
    folder = tmp_path / "docs"
    folder.mkdir()
    for name in SENT:
        (folder / name).write_text("of " + name)
    pier.run(["rsync", "-a", f"{folder}/", "files/"], check=True, timeout=60)
    # A mount that knows nothing yet.
    pier.mount.unmount()
    pier.mount = start_mount(pier.sim)
    wait_until(lambda: len(pier.listed()) == len(SENT))
    assert sorted(os.listdir(pier / "files")) == sorted(SENT)
    posts = pier.posts()
    pier.run(["rsync", "-a", "--size-only", f"{folder}/", "files/"], check=True, timeout=60)
    assert pier.posts() == posts


def test_names_that_differ_differ_here(pier):
    """Also where a file name cannot hold the difference."""
    pairs = [("x" * 300 + "1.pdf", "x" * 300 + "2.pdf"), ("a\u202eb.txt", "a\u202db.txt"),
             (".env", "_.env"), ("a/b", "a\u2215b")]
    for i in (1, 0):
        for n, pair in enumerate(pairs):
            pier.sim.add_messages(room=pier.id, person="alice", text="",
                                  created=1700000000000 + n * 1000 + i,
                                  file={"name": pair[i], "type": "text/plain",
                                        "content": pair[i]})
        wait_until(lambda: len(pier.listed()) == (2 - i) * len(pairs))
        shown = os.listdir(pier / "files")
    assert len(set(shown)) == 2 * len(pairs)
    # They are no versions of each other, and what can be as it was is so.
    assert not [n for n in shown if "~20" in n]
    assert {"_.env", "a\u2215b"} <= set(shown)
    found = {(pier / "files" / n).read_text() for n in shown}
    assert found == {name for pair in pairs for name in pair}
    assert sum(n.endswith(".pdf") for n in shown) == 2


@pytest.mark.mount("ro")
def test_read_only_shows_the_same(pier):
    pier.sim.post(pier.id, EVIL)
    wait_until(pier.listed)
    assert (pier / "last").read_text() == CLEAN + "\n"
