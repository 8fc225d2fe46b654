"""A terminal whose picture can be looked at: tmux, with a shell in it.

    with Tmux(tmp_path, env, columns=80, lines=24) as tmux:
        tmux.type("ls")
        tmux.wait_for("README")
"""
import os
import re
import shlex
import subprocess

from .util import scaled, wait_until

SGR = re.compile(r"\x1b\[([0-9;]*)m")


class Tmux:
    def __init__(self, folder, env, columns=80, lines=24, term="tmux-256color"):
        self.socket = folder / f"tmux-{os.urandom(4).hex()}"
        self.env = {**env, "LC_ALL": "C.UTF-8", "TERM": "xterm-256color",
                    "TMUX_TMPDIR": str(folder)}
        (folder / "tmux.conf").write_text(f"set -g default-terminal {term}\nset -g status off\n"
                                          "set -g history-limit 0\n")
        self.ask("-f", folder / "tmux.conf", "new-session", "-d", "-x", columns, "-y", lines,
                 "PS1='ready> ' exec bash --norc --noprofile")
        self.wait_for("ready> ")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ask("kill-server")

    def ask(self, *args):
        done = subprocess.run(["tmux", "-u", "-S", str(self.socket), *map(str, args)], env=self.env,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=scaled(20), check=False)
        assert done.returncode == 0, (args, done.stderr)
        return done.stdout

    def type(self, *words):
        """A command, quoted where it has to be."""
        self.ask("send-keys", "-l", words[0] if len(words) == 1 else shlex.join(map(str, words)))
        self.keys("Enter")

    def keys(self, *names):
        self.ask("send-keys", *names)

    def resize(self, columns, lines):
        self.ask("resize-window", "-x", columns, "-y", lines)

    def screen(self):
        """What it shows; lines that were broken are joined."""
        return self.ask("capture-pane", "-p", "-J")

    def wait_for(self, text):
        wait_until(lambda: text in self.screen(), 15, f"{text!r} in the terminal: {self.screen()}")
        return self.screen()

    def cells(self):
        """Of each line a list of (character, (foreground, background)); None: the terminal's own."""
        found = []
        for line in self.ask("capture-pane", "-p", "-e").split("\n"):
            row, colours, at = [], (None, None), 0
            for code in SGR.finditer(line):
                row += [(c, colours) for c in line[at:code.start()]]
                colours = coloured(colours, [int(n or 0) for n in code[1].split(";")])
                at = code.end()
            found.append(row + [(c, colours) for c in line[at:]])
        return found


def coloured(colours, numbers):
    """What SGR makes of the colours: numbers of the table of 256."""
    front, back = colours
    while numbers:
        n = numbers.pop(0)
        if n == 0:
            front = back = None
        elif n in (38, 48):
            assert numbers.pop(0) == 5
            front, back = (numbers.pop(0), back) if n == 38 else (front, numbers.pop(0))
        elif 30 <= n <= 39:
            front = n - 30 if n < 38 else None
        elif 40 <= n <= 49:
            back = n - 40 if n < 48 else None
        elif 90 <= n <= 97:
            front = n - 82
        elif 100 <= n <= 107:
            back = n - 92
    return front, back


# The modules of a code that a character shows, 1 for a dark one.
HALVES = {" ": (1, 1), "\u2584": (1, 0), "\u2580": (0, 1), "\u2588": (0, 0)}


def read_code(lines, folder):
    """What a camera sees in a code that is drawn by half blocks."""
    scale, picture = 4, folder / "code.pgm"
    rows = [[HALVES[c][half] for c in line] for line in lines for half in (0, 1)]
    pixels = [b"".join((b"\x00" if dark else b"\xff") * scale for dark in row) * scale for row in rows]
    picture.write_bytes(b"P5 %d %d 255\n" % (len(rows[0]) * scale, len(rows) * scale) + b"".join(pixels))
    return subprocess.run(["zbarimg", "-q", "--raw", str(picture)], capture_output=True, text=True,
                          check=True).stdout.strip()
