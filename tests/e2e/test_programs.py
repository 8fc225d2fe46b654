"""Programs that write into a space, or only look at it: what each sends, and what it does not.

Shells are in test_post.py, cp and its like in test_upload.py, rm and its like in
test_delete.py, signals in test_signals.py; scripts/matrix prints them all as one table.
"""
import errno
import os
import shutil
import signal
import subprocess

import pytest

from lib.chat import fails, put
from lib.chat import pier, unsent  # noqa: F401  pylint: disable=unused-import
from lib.shell import start_cmd
from lib.terminal import SHELLS, Terminal, written_bytes
from lib.util import scaled, wait_until

PYTHON = "/usr/bin/python3"
MB = 1024 * 1024


@pytest.fixture
def src(tmp_path):
    """The folder that programs copy from; also their home."""
    path = tmp_path / "src"
    path.mkdir()
    (path / "text").write_text("as a text\n")
    (path / "a.bin").write_bytes(bytes(range(256)) * 900)
    docs = path / "docs"
    docs.mkdir()
    (docs / "one.txt").write_text("1\n")
    (docs / "two.pdf").write_bytes(b"%PDF-1.4 two")
    return path


def run(space, src, command, **options):
    env = {"SRC": str(src), "HOME": str(src), **options.pop("env", {})}
    return space.run(command, env=env, **options)


# Each command, and the messages that it makes.
TEXTS = {
    "sh -c": ("sh -c 'echo up; uname' > post", ["up\nLinux"]),
    "gio copy": ("gio copy $SRC/text post", ["as a text"]),
    "cp": ("cp $SRC/text post", ["as a text"]),
    "cp -p": ("cp -p $SRC/text post", ["as a text"]),
    "rsync --inplace": ("rsync --inplace $SRC/text post", ["as a text"]),
    "nohup": ("echo kept | nohup cat > post 2> /dev/null", ["kept"]),
    "timeout": ("timeout 20 sh -c 'echo in; echo time' > post", ["in\ntime"]),
    "setsid": ("setsid -w sh -c 'echo alone' > post", ["alone"]),
    "xargs": ("printf '1\\n2\\n' | xargs -n 1 sh -c 'echo $0 > post'", ["1", "2"]),
    "awk": ("echo x y | awk '{ print $2 > \"post\" }'", ["y"]),
    "perl": ("perl -e 'open(F, \">\", \"post\"); print F \"a\\n\", \"b\\n\"; close F'", ["a\nb"]),
    "curl -o": ("curl -s -o post file://$SRC/text", ["as a text"]),
    "ed": ("printf 'r %s\\nw post\\nq\\n' $SRC/text | ed -s", ["as a text"]),
    "python with": (f"{PYTHON} -c \"with open('post', 'w') as f: f.write('with')\"", ["with"]),
    "python append": (f"{PYTHON} -c \"with open('post', 'a') as f: f.write('append')\"",
                      ["append"]),
    "python print": (f"{PYTHON} -c \"print('twice', file=open('post', 'w'))\"", ["twice"]),
    "python flush": (f"{PYTHON} -c \"f = open('post', 'w'); f.write('a'); f.flush(); "
                     "f.write('b'); f.close()\"", ["ab"]),
    "python fsync": (f"{PYTHON} -c \"import os; f = open('post', 'w'); f.write('a'); f.flush(); "
                     "os.fsync(f.fileno()); f.write('b'); f.close()\"", ["a", "b"]),
    "python thread": (f"{PYTHON} -c \"import threading; f = open('post', 'w'); f.write('there'); "
                      "t = threading.Thread(target=f.close); t.start(); t.join()\"", ["there"]),
    "python writer thread": (f"{PYTHON} -c \"import threading\nt = threading.Thread(target=lambda:"
                             " open('post', 'w').write('by it'))\nt.start(); t.join()\"",
                             ["by it"]),
    "python subprocess": (f"{PYTHON} -c \"import subprocess\nwith open('post', 'w') as f: "
                          "subprocess.run(['date', '-d@0', '-u', '+%s'], stdout=f)\"", ["0"]),
    "python logging": (f"{PYTHON} -c \"import logging; logging.basicConfig(filename='post', "
                       "format='%(message)s'); logging.error('went wrong')\"", ["went wrong"]),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_text(pier, unsent, src, name):
    command, texts = TEXTS[name]
    result = run(pier, src, command).ok()
    assert result.err == "", repr(result)
    wait_until(lambda: len(pier.texts()) >= len(texts), what="the messages")
    assert pier.texts() == texts
    assert pier.posts() == len(texts)
    assert pier.file_names() == []
    assert unsent.names() == []


# Each command, and the files that it uploads (None: those of src/a.bin).
FILES = {
    "gio copy": ("gio copy $SRC/a.bin .", {"a.bin": None}),
    "gio copy onto": ("cp $SRC/text a.bin; gio copy $SRC/a.bin .", {"a.bin": None}),
    "gio move": ("cp $SRC/a.bin $SRC/b.bin; gio move $SRC/b.bin .", {"b.bin": None}),
    "curl -o": ("curl -s -o a.bin file://$SRC/a.bin", {"a.bin": None}),
    "mmap": (f"{PYTHON} -c \"import mmap, os; fd = os.open('m.bin', os.O_RDWR | os.O_CREAT); "
             "os.ftruncate(fd, 10000); m = mmap.mmap(fd, 10000); m[:4] = b'head'; "
             "m[-4:] = b'tail'; m.close(); os.close(fd)\"",
             {"m.bin": b"head" + bytes(9992) + b"tail"}),
    "mmap, closed before": (f"{PYTHON} -c \"import mmap, os; fd = os.open('m.bin', os.O_RDWR | "
                            "os.O_CREAT); os.ftruncate(fd, 5000); m = mmap.mmap(fd, 5000); "
                            "m[:4] = b'head'; m.flush(); os.close(fd); m.close()\"",
                            {"m.bin": b"head" + bytes(4996)}),
    "split": ("split -b 200000 $SRC/a.bin part-", {"part-aa": None, "part-ab": None}),
    "tar cf": ("tar cf all.tar --mtime=@0 -C $SRC text", None),
    "a folder's files": ("rsync -a $SRC/docs/ .", {"one.txt": b"1\n", "two.pdf": b"%PDF-1.4 two"}),
    "a folder's files twice": ("rsync -a $SRC/docs/ . && rsync -a $SRC/docs/ .",
                               {"one.txt": b"1\n", "two.pdf": b"%PDF-1.4 two"}),
    "cp -r of its contents": ("cp -r $SRC/docs/. .",
                              {"one.txt": b"1\n", "two.pdf": b"%PDF-1.4 two"}),
    "tar x": ("tar cf - -C $SRC/docs one.txt two.pdf | tar xf -",
              {"one.txt": b"1\n", "two.pdf": b"%PDF-1.4 two"}),
}


@pytest.mark.parametrize("name", FILES)
def test_an_upload(pier, unsent, src, name):
    command, files = FILES[name]
    data = (src / "a.bin").read_bytes()
    run(pier, src, command).ok()
    found = {}
    for message in pier.messages():
        found.update([pier.content(message["files"][0])])
    if files is None:
        assert list(found) == ["all.tar"]
        assert b"as a text" in found["all.tar"]
    elif None in files.values():
        assert sorted(found) == sorted(files)
        assert b"".join(found[n] for n in sorted(found)) == data
    else:
        assert found == files
    assert len(pier.messages()) == len(found) + (name == "gio copy onto")
    assert [t for t in pier.texts() if t] == []
    assert unsent.names() == []


@pytest.mark.skipif(not shutil.which("zip"), reason="no zip")
def test_zip_sends_nothing_under_another_name(pier, unsent, src):
    """zip tries whether it may write there, writes a file beside the archive, and renames it."""
    run(pier, src, "zip -q z.zip $SRC/a.bin").ok()
    assert set(pier.file_names()) == {"z.zip"}
    assert pier.content(pier.messages()[-1]["files"][0])[1][:2] == b"PK"
    assert unsent.names() == []


def test_a_folder_is_refused_before_anything_is_sent(pier, unsent, src):
    """A space has no folders: cp, rsync and tar say so."""
    for command in ("cp -r $SRC/docs .", "cp -a $SRC/docs .", "rsync -a $SRC/docs .",
                    "mv $SRC/docs .", "tar cf - -C $SRC docs | tar xf -", "mkdir docs"):
        result = run(pier, src, command)
        assert result.status != 0, repr(result)
        assert "not permitted" in result.err, repr(result)
    assert (src / "docs/one.txt").exists() and (src / "docs/two.pdf").exists()
    assert pier.messages() == []
    assert unsent.names() == []


def test_a_post_file_cannot_be_mapped(pier):
    result = pier.run([PYTHON, "-c", "import ctypes, os\n"
                       "libc = ctypes.CDLL(None, use_errno=True)\n"
                       "libc.mmap.restype = ctypes.c_void_p\n"
                       "fd = os.open('post', os.O_RDWR)\n"
                       "libc.mmap(None, ctypes.c_size_t(4096), 3, 1, fd, ctypes.c_long(0))\n"
                       "print(os.strerror(ctypes.get_errno()))"], check=True)
    assert result.out == "No such device\n"
    assert pier.posts() == 0


def test_links_and_devices_are_refused(pier, src):
    for command in ("cp -s $SRC/a.bin .", "ln -s $SRC/a.bin .", "ln $PWD/post x", "mkfifo f",
                    "cp -l post x"):
        result = run(pier, src, command)
        assert result.status != 0, repr(result)
    assert pier.messages() == []


# Emacs.

def emacs(space, path, lisp):
    return space.run(["emacs", "-Q", "--batch", str(path), "--eval", f"(progn {lisp})"],
                     timeout=40)


@pytest.mark.skipif(not shutil.which("emacs"), reason="no emacs")
def test_emacs(pier, unsent):
    """A new note, an own message in place, and a save that changes nothing."""
    emacs(pier, "note.org", '(insert "from emacs\\n") (save-buffer)').ok()
    assert pier.files() == {"note.org": b"from emacs\n"}
    put(pier / "post", "low tide")
    name = os.readlink(pier / "last")
    pier.sim.clear_log()
    emacs(pier, name, '(goto-char 1) (search-forward "low") (replace-match "high") '
                      '(save-buffer)').ok()
    assert pier.texts()[1:] == ["high tide"]
    assert len(pier.sim.requests("PUT", "/messages/.*")) == 1
    emacs(pier, name, "(set-buffer-modified-p t) (save-buffer)").ok()
    assert len(pier.sim.requests("PUT", "/messages/.*")) == 1
    assert pier.sim.requests("POST") == []
    assert [n for n in os.listdir(pier.dir) if "#" in n or n.endswith("~")] == []
    assert unsent.names() == []


def test_what_emacs_does_to_a_message(pier, unsent):
    """The system calls of emacs, made without it: lock, autosave, backup, the file anew."""
    put(pier / "post", "low tide")
    name = os.readlink(pier / "last")
    pier.sim.clear_log()
    with fails(errno.EPERM):
        os.symlink("alice@host.1:2", pier / f".#{name}")
    put(pier / f"#{name}#", "high ti")
    with fails(errno.EPERM):
        os.rename(pier / name, pier / f"{name}~")
    put(pier / f"{name}~", (pier / name).read_bytes())
    put(pier / name, "high tide\n")
    os.unlink(pier / f"#{name}#")
    os.unlink(pier / f"{name}~")
    assert pier.texts() == ["high tide"]
    assert (pier / name).read_text() == "high tide\n"
    assert pier.listed() == [name]
    assert len(pier.sim.requests("PUT", "/messages/.*")) == 1
    assert pier.sim.requests("POST") == []
    assert unsent.names() == []


def test_a_new_note_in_nano(pier, unsent):
    nano = Terminal(["/usr/bin/nano", "--ignorercfiles", "note.txt"], str(pier.dir), "xterm")
    try:
        nano.wait_for("New File")
        nano.type("hello from nano\r")
        nano.wait_for("nano")
        nano.save_and_leave_nano()
    finally:
        nano.close()
    (data,) = pier.files().values()
    assert data.startswith(b"hello from nano\n")
    assert pier.posts() == 1
    assert unsent.names() == []


# Programs that only look.

LOOKERS = [
    "file *",
    "file -z post* last members/*",
    "find . > /dev/null; find . -newer post -ls > /dev/null",
    "find $PWD/../.. -xdev -path '*/.sparkfs' -prune -o -print0 | sort -z > /dev/null",
    "du -a . > /dev/null; tree . > /dev/null 2>&1; ls -lR > /dev/null",
    "for f in *; do head -c 4096 \"$f\" > /dev/null 2>&1; done",
    "GIT_DIR=$HOME/git GIT_WORK_TREE=. git status --short > /dev/null",
    "stat * > /dev/null; cksum * > /dev/null 2>&1; wc * > /dev/null 2>&1",
    "getfattr -d . * > /dev/null 2>&1; lsattr . > /dev/null 2>&1",
    "gio info post; gio list -d . > /dev/null; gio tree . > /dev/null",
    "test -w post && test -w . && flock post true",
    "rsync -an ./ /tmp/nowhere > /dev/null",
    "exec 3>>post; exec 3>&-; exec 3<>post.md; exec 3>&-",
    f"{PYTHON} -c \"open('post', 'a').close(); open('post', 'r+').close()\"",
]


def test_who_only_looks_sends_nothing(pier, unsent, src):
    put(pier / "post", "one")
    subprocess.run(["git", "init", "-q", "--bare", str(src / "git")], check=True)
    pier.sim.clear_log()
    for command in LOOKERS:
        run(pier, src, command)
        assert [r for r in pier.sim.log() if r["method"] != "GET"] == [], command
    assert pier.texts() == ["one"]
    assert unsent.names() == []


# Programs that delete.

def test_gio_remove_deletes_what_it_names(pier):
    put(pier / "post", "one")
    put(pier / "post", "two")
    one, two = pier.listed()
    pier.run(["gio", "remove", one], check=True)
    assert pier.texts() == ["two"]
    assert pier.listed() == [two]
    # A bin would be a folder that all members of the space see.
    assert pier.run(["gio", "trash", two]).status != 0
    assert pier.texts() == ["two"]


# Programs that are ended in the middle.

UPLOADER = """
import os, resource, signal
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
fd = os.open('big.bin', os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
for i in range(50):
    os.write(fd, bytes([i]) * 1048576)
print('written', flush=True)
signal.pause()
"""


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL,
                                    signal.SIGSEGV], ids=lambda s: s.name)
def test_a_large_upload_whose_writer_is_killed(pier, unsent, signum):
    script = UPLOADER
    if signum == signal.SIGINT:
        script = f"import signal\nsignal.signal({int(signum)}, signal.SIG_DFL)\n" + script
    process = start_cmd([PYTHON, "-c", script], cwd=pier.dir)
    assert process.stdout.readline() == b"written\n", process.stderr.read()
    process.send_signal(signum)
    process.communicate(timeout=scaled(20))
    name, data, why = unsent.one()
    assert name.endswith("big.bin")
    assert len(data) == 50 * MB and data[-1] == 49 and data[0] == 0
    assert "signal" in why["reason"]
    assert pier.posts() == 0
    assert not os.path.lexists(pier / "big.bin")


@pytest.fixture(params=SHELLS)
def terminal(request, pier):
    it = Terminal(SHELLS[request.param], str(pier.dir))
    it.wait_for("ready> ")
    yield it
    it.close()


def test_ctrl_c_in_a_group_whose_shell_flushes(pier, unsent, terminal):
    """{ cat; } > post: the shell holds the file, too, and closes it after its child died."""
    terminal.type("{ cat; } > post\n")
    pid = terminal.wait_reader("cat")
    terminal.type("what I did not mean\n")
    wait_until(lambda: written_bytes(pid) >= 20, what="cat has written the line")
    terminal.type("\x03")
    terminal.wait_for("ready> ")
    _, data, why = unsent.one()
    # bash prints a newline of its own then.
    assert data.strip() == b"what I did not mean"
    assert "signal" in why["reason"]
    assert pier.posts() == 0
    # Ctrl-D sends the text.
    terminal.type("{ cat; } > post\n")
    terminal.wait_reader("cat")
    terminal.type("what I did mean\n\x04")
    terminal.wait_for("ready> ")
    wait_until(pier.texts, what="the message")
    assert pier.texts() == ["what I did mean"]
