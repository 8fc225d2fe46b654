"""What the shells complete of sparkfs's command line: in the shells themselves, and compared with the program's tables."""
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess

import pytest

from lib.shell import run_cmd
from lib.terminal import SHELLS, Terminal
from lib.util import scaled, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ["SPARKFS"]).resolve().parents[1]
LOADER = "/usr/share/bash-completion/bash_completion"

LOGINS = {"alice+x@example.com", "bob", "work"}
FOLDERS = {"docs", "webex mount"}

BASH_RC = r"""
PS1='ready> '
HISTFILE=
shopt -u hostcomplete
. {loader}
# 2.11 and newer ones load it at the first use, by the folders of the system.
dump() {{ printf '%s' "$READLINE_LINE" > ../out.new; mv ../out.new ../out; }}
bind 'set completion-query-items 0'
bind '"\C-xa": insert-completions'
bind -x '"\C-xd": dump'
"""

ZSH_RC = r"""
PS1='ready> '
fpath=({share}/zsh/site-functions $fpath)
autoload -Uz compinit
compinit -D -u
compadd() {{
  if [[ ${{@[1,(i)(-|--)]}} == *-(O|A|D)\ * ]]; then
    builtin compadd "$@"
    return
  fi
  local -a hits
  builtin compadd -A hits "$@"
  (( $#hits )) && print -rl -- ${{(Q)hits}} >>../out.new
  builtin compadd "$@"
}}
capture() {{ : >../out.new; _main_complete; mv ../out.new ../out; compstate[insert]= compstate[list]=; }}
zle -C capture list-choices capture
bindkey '^Xd' capture
"""


def bare(words):
    """Without what stands before a comma or an equals sign, since the shells repeat that or do not."""
    found = set()
    for word in words:
        word = word.rstrip("=")
        word = word if word.endswith("://") else word.rstrip("/")
        found.add(re.split(r"(?<!\\)[,=]", word)[-1])
    return found


class Typed:
    """bash and zsh: the line is typed at a terminal, and what is completed is written to a file."""

    def __init__(self, home, name, rc, env):
        self.home, self.is_bash = home, name == "bash"
        (home / "rc").write_text(rc)
        argv = SHELLS["bash"] if self.is_bash else ["/usr/bin/zsh", "-f", "-i"]
        self.terminal = Terminal(argv, home / "here", "vt100", env)
        self.terminal.wait_for("ready> ")
        self.terminal.type(". ../rc; echo lo''aded\r")
        self.terminal.wait_for("loaded", 30)

    def complete(self, line):
        out = self.home / "out"
        out.unlink(missing_ok=True)
        self.terminal.type("\x15" + line + ("\x18a" if self.is_bash else "") + "\x18d")
        wait_until(out.exists)
        text = out.read_text("utf-8")
        if not self.is_bash:
            return bare(text.splitlines())
        # What is completed takes the place of the last word.
        head = re.match(r".*(?<!\\) ", line)[0]
        assert text.startswith(head), (line, text)
        words = bare(shlex.split(text[len(head):]))
        return words - bare([line[len(head):].replace("\\", "")]) if text == line else words

    def close(self):
        self.terminal.close()


class Fish:
    def __init__(self, home, _name, _rc, env):
        self.home, self.env = home, env

    def complete(self, line):
        done = subprocess.run(["fish", "--no-config", "-c", "set fish_complete_path $XDG_DATA_DIRS/fish/"
                               "vendor_completions.d; complete -C $argv", line], text=True, check=True,
                              cwd=self.home / "here", env={**os.environ, **self.env}, timeout=scaled(30),
                              stdout=subprocess.PIPE)
        return bare(row.split("\t")[0] for row in done.stdout.splitlines())

    def close(self):
        pass


@pytest.fixture
def share(tmp_path):
    """The folder share of what meson installs."""
    into = tmp_path / "share"
    for source, to in json.loads((BUILD / "meson-info/intro-installed.json").read_text()).items():
        if "/completions/" in source:
            path = into / to.split("/share/")[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, path)
    return into


@pytest.fixture(params=["bash", "zsh", "fish"])
def shell(request, share, tmp_path):
    if not shutil.which(request.param) or (request.param == "bash" and not os.path.exists(LOADER)):
        pytest.skip(f"needs {request.param} and its completion")
    home = tmp_path / "home"
    logins = home / ".local/state/sparkfs/logins"
    logins.mkdir(parents=True)
    for name in LOGINS | {".hidden", "not one", "$(touch ran)"}:
        (logins / f"{name}.json").touch()
    (logins / "bob.lock").touch()
    for name in FOLDERS:
        (home / "here" / name).mkdir(parents=True)
    (home / "here/token").touch()
    # Nothing of sparkfs is started.
    (home / "bin").mkdir()
    (home / "bin/sparkfs").write_text("#!/bin/sh\ntouch ~/ran\n")
    (home / "bin/sparkfs").chmod(0o755)
    env = {"HOME": str(home), "XDG_DATA_DIRS": str(share), "XDG_STATE_HOME": "", "XDG_DATA_HOME": "",
           "XDG_CONFIG_HOME": str(home / "config"), "PATH": f"{home}/bin:/usr/bin:/bin"}
    rc = {"bash": BASH_RC, "zsh": ZSH_RC, "fish": ""}[request.param]
    it = (Fish if request.param == "fish" else Typed)(
        home, request.param, rc.format(loader=LOADER, share=share), env)
    it.name = request.param
    yield it
    it.close()
    assert not (home / "ran").exists()


# ---- the tables of the program ----

def options():
    """The rows of options.c that are of use: {name: the word that its value can be, or None}."""
    text = (ROOT / "src/main/options.c").read_text("utf-8")
    rows = re.findall(r'^\t(FLAG|VALUE|NUMBER|PASS)\("(\w+)", (?:.*?(?:"(\w+)")?)\)', text, re.M)
    assert len(rows) > 30
    return {name: word or None for _, name, word in rows}


def values():
    """Which of them have a value."""
    text = (ROOT / "src/main/options.c").read_text("utf-8")
    return set(re.findall(r'^\t(?:VALUE|NUMBER)\("(\w+)"', text, re.M)) | \
        set(re.findall(r'^\tPASS\("(\w+)", true\)', text, re.M))


def words_of_program():
    text = (ROOT / "src/main/options.c").read_text("utf-8")
    return set(re.findall(r'strcmp\(arg, "(-[^"]+)"\)', text)) | {"-o"}


def commands():
    files = (ROOT / "src/main").glob("*.c")
    return {name for file in files
            for name in re.findall(r'^\t\t\{"(\w+)", \w+_main\},', file.read_text("utf-8"), re.M)}


def options_of(command):
    out = run_cmd([os.environ["SPARKFS"], "help", command]).ok().out
    return set(re.findall(r"(?<!\w)--[a-z][\w-]*", out)) | {"--help"}


def the_words_are_those_of_the_program(shell):
    """An option that is missing or too many is said here; the three files are in src/completions."""
    assert commands() >= {"login", "logout", "accounts", "help"}
    assert shell.complete("sparkfs -o ") == set(options()), "src/completions: the options behind -o"
    found = shell.complete("sparkfs -")
    if shell.name != "bash":
        found |= shell.complete("sparkfs --")
    assert found == words_of_program(), "src/completions: the options of the program"
    assert shell.complete("sparkfs help ") == commands() - {"help"}
    for command in commands() - {"help"}:
        assert shell.complete(f"sparkfs {command} --") == options_of(command), command
    for name, word in options().items():
        if word:
            assert shell.complete(f"sparkfs -o {name}=") == {word}


def what_a_person_types(shell):
    complete = shell.complete
    assert complete("sparkfs ") == commands() | FOLDERS
    assert complete("sparkfs lo") == {"login", "logout"}
    assert complete("sparkfs do") == {"docs"}
    assert complete("sparkfs -f do") == {"docs"}
    assert complete("sparkfs -o ro sparkfs do") == {"docs"}
    # Logins, of which no other file is one.
    for line in ("sparkfs login ", "sparkfs logout ", "sparkfs logout --purge ",
                 "sparkfs -o account=", "sparkfs -o ro,account=", "sparkfs -oro,account="):
        assert complete(line) == LOGINS, line
    assert complete("sparkfs logout w") == {"work"}
    for line in ("sparkfs logout alice+x@ex", "sparkfs -f -o inotify,account=alice+x@"):
        assert complete(line) == {"alice+x@example.com"}, line
    assert complete("sparkfs login --url=x w") == {"work"}
    # Lists.
    assert complete("sparkfs -o rec") == {"recent", "recursive_delete"}
    assert complete("sparkfs -o ro,rec") == {"recent", "recursive_delete"}
    assert complete("sparkfs -oro,recu") == {"recursive_delete"}
    assert complete("sparkfs -o ro -o recu") == {"recursive_delete"}
    assert complete("sparkfs -o ro,poll=o") == {"off"}
    assert complete("sparkfs -o ro,poll=off,rec") == {"recent", "recursive_delete"}
    assert complete("sparkfs -o token_file=to") == {"token"}
    assert complete("sparkfs -o cache=m") == {"memory"}
    assert complete("sparkfs -o ro,cache=do") == {"docs"}
    assert "off" in complete("sparkfs -o proxy=")
    assert complete("sparkfs -o linger=") == set()
    # Folders elsewhere, by name and by the tilde, with a blank, behind an option, in quotes.
    for line in ("sparkfs ~/here/do", f"sparkfs {shell.home}/here/do", "sparkfs -f ./do"):
        assert {w.split("/")[-1] for w in complete(line)} == {"docs"}, line
    assert {w.split("/")[-1] for w in complete("sparkfs web")} == {"webex mount"}
    assert {w.split("/")[-1] for w in complete("sparkfs -o cache=~/here/web")} == {"webex mount"}
    if shell.name != "fish":
        assert {w.split("/")[-1] for w in complete("sparkfs -o 'ro,cache=web")} == {"webex mount"}
    # Between words that are there already.
    assert complete("sparkfs -o ro webex do") == {"docs"}
    # Nothing is offered where nothing can be known.
    assert complete("sparkfs login --url x --repl") == {"--replace"}
    assert complete("sparkfs accounts x") == set()
    assert complete("sparkfs api P") == {"POST", "PUT", "PATCH"}
    assert complete("sparkfs api GET role") == {"roles"}
    assert complete("sparkfs api GET roles do") == {"docs"}


def another_folder_of_logins(shell):
    """As in the program, XDG_STATE_HOME counts if it is absolute; no login at all is no error."""
    if shell.name == "fish":
        def complete(state):
            shell.env["XDG_STATE_HOME"] = state
            return shell.complete("sparkfs logout ")
    else:
        def complete(state):
            shell.terminal.type(f"\x15export XDG_STATE_HOME={state}\r")
            return shell.complete("sparkfs logout ")
    other = shell.home / "elsewhere"
    (other / "sparkfs/logins").mkdir(parents=True)
    assert complete(other) == set()
    (other / "sparkfs/logins/mine.json").touch()
    assert complete(other) == {"mine"}
    assert complete("elsewhere") == LOGINS


def test_completion(shell):
    """All in one, since a shell takes a second to load its completions."""
    the_words_are_those_of_the_program(shell)
    what_a_person_types(shell)
    another_folder_of_logins(shell)
