"""What `sparkfs login` shows on a terminal: the code for a camera, where that can be read."""
import os

import pytest

from lib.person import decide
from lib.tmux import Tmux, read_code
from lib.util import wait_until

WHITE_ON_BLACK = {(231, 16), (15, 0)}
NONE = (None, None)
pytestmark = pytest.mark.sim("--data", "empty", "--device-interval", "1")


def drawn(cells):
    """The lines of the code on the screen, every cell of which says its colours."""
    rows, edges = [], set()
    for line in cells:
        marked = [n for n, (_, colours) in enumerate(line) if colours != NONE]
        if not marked:
            continue
        edges.add((marked[0], marked[-1]))
        assert len(marked) == marked[-1] - marked[0] + 1
        assert {line[n][1] for n in marked} <= WHITE_ON_BLACK, line
        rows.append("".join(line[n][0] for n in marked))
    assert len(edges) == 1, edges
    return rows


def address(screen):
    return screen.partition("With the code in it: ")[2].split()[0]


def begin(tmux, person, *before, after=""):
    tmux.type(" ".join([*before, os.environ["SPARKFS"], "login", "--url", person.sim.base, "me", after]))
    return tmux.wait_for("Waiting ...")


def test_the_code_on_a_terminal(person, tmp_path):
    with Tmux(tmp_path, person.env, 80, 24) as tmux:
        tmux.type("clear")
        begin(tmux, person)
        wait_until(lambda: len(drawn(tmux.cells())) >= 20)
        rows = drawn(tmux.cells())
        # The addresses have scrolled away; the code has not.
        hash_ = read_code(rows, tmp_path)
        assert hash_.startswith(person.sim.origin + "/verify?userCode=")
        # Stopped, and gone on with; the terminal gets smaller and larger meanwhile.
        tmux.keys("C-z")
        tmux.wait_for("Stopped")
        tmux.resize(50, 30)
        tmux.type("fg")
        tmux.resize(100, 40)
        decide(person.sim, hash_)
        tmux.wait_for("It is kept as me.")
        assert person.record("me")["email"] == "alice@example.com"
        # 16 colours are enough.
        tmux.type("clear")
        screen = begin(tmux, person, "TERM=linux COLORTERM=")
        wait_until(lambda: len(drawn(tmux.cells())) >= 20)
        assert read_code(drawn(tmux.cells()), tmp_path) == address(screen)
        tmux.keys("C-c")
        tmux.wait_for("ready> ")
        # Ctrl-C leaves nothing but what was there.
        tmux.type("echo status $?")
        tmux.wait_for("status 130")
        assert {p.name for p in person.folder.iterdir()} == {"me.json", "me.lock"}


NO_CODE = [
    ((40, 50), "", "", "43 columns and 22 lines"),
    ((100, 21), "", "", "43 columns and 22 lines"),
    ((100, 40), "TERM=dumb", "", ""),
    ((100, 40), "TERM=vt100", "", ""),
    ((100, 40), "LC_ALL=C", "", ""),
    ((100, 40), "LC_ALL= LC_CTYPE=POSIX LANG=C.UTF-8", "", ""),
    ((100, 40), "", "| cat", ""),
]


def test_no_code_where_it_cannot_be_read(person, tmp_path):
    """The address and the code are there in any case, and nothing but text."""
    with Tmux(tmp_path, person.env) as tmux:
        for size, before, after, says in NO_CODE:
            tmux.resize(*size)
            # The kernel hears of the new size a moment after tmux.
            is_sized = f'[ "$(stty size)" = "{size[1]} {size[0]}" ]'
            tmux.type(f"clear; until {is_sized}; do sleep 0.01; done; stty size")
            tmux.wait_for(f"{size[1]} {size[0]}\n")
            screen = begin(tmux, person, before, after=after)
            if says:
                screen = tmux.wait_for(says)
            url = address(screen)
            assert url.startswith(person.sim.origin) and len(url.partition("=")[2]) == 64
            assert not any(colours != NONE or c in "\u2580\u2584\u2588"
                           for line in tmux.cells() for c, colours in line), screen
            tmux.keys("C-c")
            tmux.wait_for("^C")
