"""What a program makes in passing is not sent, and no file gets the name of a message.

Names that alone tell a passing file are in test_upload.py; here what tells is how it is made
(mkstemp's flags), or which program makes it.
"""
import errno
import os
import pathlib
import shutil
import time

import pytest

from lib.chat import Unsent, fails, opened, put
from lib.chat import pier, unsent  # noqa: F401  pylint: disable=unused-import
from lib.util import wait_until

PYTHON = "/usr/bin/python3"
MKSTEMP = os.O_RDWR | os.O_CREAT | os.O_EXCL

# Who edits $F by a file beside it, and what "low tide\nwind" is then.
IN_PLACE = {
    "perl": ("perl -pi -e s/low/high/ $F", "high tide\nwind"),
    "unix2dos": ("unix2dos -q $F", "low tide\r\nwind\r"),
    "gawk": ("gawk -i inplace '{print \"g\" $0}' $F", "glow tide\ngwind"),
    "patch": ("printf '%s\\n' '@@ -1,2 +1,2 @@' '-low tide' '+high tide' ' wind' | patch -s $F",
              "high tide\nwind"),
    "sponge": ("sed s/low/high/ $F | sponge $F", "high tide\nwind"),
    "sort": ("sort -ro $F $F", "wind\nlow tide"),
    "busybox": ("busybox sed -i s/low/high/ $F", "high tide\nwind"),
    "mktemp": ("t=$(mktemp ./outXXXXXX) && echo high > $t && mv $t $F", "high"),
    "tempfile": (f"{PYTHON} -c \"import os, tempfile\n"
                 "with tempfile.NamedTemporaryFile('w', dir='.', delete=False) as f: "
                 "f.write('high')\nos.replace(f.name, os.environ['F'])\"", "high"),
    "dos2unix": ("dos2unix -q $F", "low tide\nwind"),
    "File-Temp": ("perl -MFile::Temp -e '$t = File::Temp->new(DIR => \".\", UNLINK => 0); "
                   "print $t \"high\"; close $t; rename $t->filename, $ENV{F}'", "high"),
    "lock": (f"{PYTHON} -c \"import os\nf = open(os.environ['F'] + '.lock', 'x+'); "
                   "f.write('high'); f.close(); os.rename(f.name, os.environ['F'])\"", "high"),
}
# Those that Debian has in packages of their own.
PACKAGED = ("unix2dos", "dos2unix", "gawk", "patch", "sponge", "busybox")
HERE = {how: what for how, what in IN_PLACE.items() if how not in PACKAGED or shutil.which(how)}


def changes(space):
    return [r["method"] for r in space.sim.log() if r["method"] not in ("GET", "HEAD")]


def test_who_writes_beside_a_message_edits_it_once(pier, unsent):
    for how, (command, text) in HERE.items():
        # The line ends of DOS are no part of a text.
        text = text.replace("\r", "")
        put(pier / "post", "low tide\nwind")
        name = os.readlink(pier / "last")
        listed = pier.ls()
        pier.sim.clear_log()
        pier.run(command, env={"F": name}, check=True)
        assert changes(pier) == ([] if text == "low tide\nwind" else ["PUT"]), how
        assert (pier / name).read_bytes() == text.encode() + b"\n", how
        assert pier.texts()[-1] == text, how
        assert pier.ls() == listed, how
    assert pier.file_names() == []
    assert unsent.names() == []


def test_who_writes_beside_an_attachment_sends_one_version(pier, unsent):
    for how, (command, text) in HERE.items():
        put(pier / how, "low tide\nwind\n")
        pier.sim.clear_log()
        pier.run(command, env={"F": how}, check=True)
        assert changes(pier) == ([] if how == "dos2unix" else ["POST"]), how
        assert (pier / how).read_bytes().rstrip(b"\n") == text.encode(), how
    assert set(pier.file_names()) == set(HERE)
    assert unsent.names() == []


# Who needs more than a rename.
REFUSED = {
    "perl": "perl -pi.orig -e s/low/high/ $F",
    "gawk": "gawk -i inplace -v inplace::suffix=.bak '{print \"g\" $0}' $F",
    "sed": "sed -i.bak s/low/high/ $F",
    "patch": "printf '%s\\n' '@@ -1,2 +1,2 @@' '-slack' '+high tide' ' wind' | patch -s $F",
    "python3": (f"{PYTHON} -c \"import os, tempfile\nf = tempfile.NamedTemporaryFile(dir='.')\n"
                "f.write(b'x'); f.flush(); os.link(f.name, 'linked')\""),
}


# What they leave, which is not sent.
LEFT = {"patch": (".orig", ".rej")}


def test_who_needs_a_second_name_is_refused_and_sends_nothing(pier, unsent):
    put(pier / "post", "low tide\nwind")
    (name,) = pier.listed()
    listed = pier.ls()
    pier.sim.clear_log()
    for program, command in REFUSED.items():
        if shutil.which(program):
            assert pier.run(command, env={"F": name}).status != 0, program
            assert changes(pier) == [], program
            left = [name + ending for ending in LEFT.get(program, ())]
            assert pier.ls() == sorted([*listed, *left]), program
            for file in left:
                os.unlink(pier / file)
    assert pier.texts() == ["low tide\nwind"]
    assert unsent.names() == []


def test_what_is_made_for_good_is_sent(pier, unsent):
    """Names that look random by cp and its like, plain names by whoever opens as mkstemp does."""
    for command in ("cp SRC a.Xy12Zw", "install -m 600 SRC XXab12cd", "cp -p SRC tmpk3vadajyt",
                    "umask 077; cp SRC yarn.lock", "curl -so b.Xy12Zw file://SRC"):
        pier.run(command.replace("SRC", "/etc/os-release"), check=True)
    pier.run(f"umask 077; {PYTHON} -c \"open('plain.txt', 'x+').write('1')\"", check=True)
    pier.run(f"umask 022; {PYTHON} -c \"open('Report2', 'x+').write('1')\"", check=True)
    with opened(pier / "report.pdf", MKSTEMP, 0o600) as fd:
        os.write(fd, b"1")
    assert sorted(pier.files()) == sorted(["a.Xy12Zw", "XXab12cd", "tmpk3vadajyt", "yarn.lock",
                                           "b.Xy12Zw", "plain.txt", "Report2", "report.pdf"])
    assert unsent.names() == []


# Names of a message's form.

FORM = "2026-11-01T10-15-00.123Z_bob@example.com"
FORMS = [f"{FORM}{tie}{twin}" for tie in ("", "~0123abcd")
         for twin in (".txt", ".md", ".html", ".json")]


def test_no_file_gets_the_name_of_a_message(pier, unsent, tmp_path):
    """Neither by create nor by rename, in the space and in its files/; last-error says why."""
    archive = tmp_path / "archive"
    archive.mkdir()
    for name in FORMS:
        (archive / name).write_text("an old text\n")
    pier.sim.clear_log()
    for folder in (".", "files"):
        for name in FORMS:
            with fails(errno.EPERM):
                put(pier / folder / name, "x")
        assert f"{FORMS[-1]}: " in unsent.last_error() and "> post" in unsent.last_error()
        put(pier / folder / "x.part", "x")
        with fails(errno.EPERM):
            os.rename(pier / folder / "x.part", pier / folder / FORMS[0])
        assert f"cat {FORMS[0]} > post" in unsent.last_error()
        os.unlink(pier / folder / "x.part")
    for command in (f"cp {archive}/{FORMS[0]} .", f"rsync -a {archive}/ .",
                    f"tar -C {archive} -cf - . | tar xf - --no-overwrite-dir",
                    f"install {archive}/{FORMS[1]} .", f"mv {archive}/{FORMS[2]} .",
                    f"dd if={archive}/{FORMS[0]} of={FORMS[3]}"):
        result = pier.run(command)
        assert result.status != 0 and "not permitted" in result.err, repr(result)
    assert sorted(os.listdir(archive)) == sorted(FORMS)
    assert changes(pier) == []
    assert unsent.names() == []


def test_forwarding_by_cp_is_refused_and_by_cat_done(pier, start_mount):
    """cp MSG ../Lunch/ would send a file that is called as a message."""
    pier.sim.create_room("Lunch")
    pier.mount.unmount()
    pier.mount = start_mount(pier.sim, state=pier.mount.state)
    put(pier / "post", "at noon")
    (name,) = pier.listed()
    result = pier.run(f"cp {name} ../Lunch/")
    assert result.status != 0 and "not permitted" in result.err
    assert f"cat {name} > post" in Unsent(pier.mount).last_error()
    pier.run(f"cat {name} > ../Lunch/post && cp {name} ../Lunch/as-a-file", check=True)
    (lunch,) = [r for r in pier.sim.api("GET", "/rooms").ok().json["items"]
                if r["title"] == "Lunch"]
    assert [m.get("text") for m in pier.sim.messages(lunch["id"])[::-1]] == ["at noon", None]


def test_a_letter_is_not_moved_onto_a_message(pier, unsent):
    put(pier / "post", "low tide")
    (name,) = pier.listed()
    fault = pier.sim.fault(method="POST", route="/messages$", status=403, message="No.")
    for target in ("post", "a.bin"):
        with fails(errno.EACCES):
            put(pier / target, "kept")
    pier.sim.clear_fault(fault)
    pier.sim.clear_log()
    for letter in unsent.names():
        for target in (name, FORMS[0]):
            with fails(errno.EPERM):
                os.rename(unsent.dir / letter, pier / target)
            assert "post" in unsent.last_error()
    assert len(unsent.names()) == 2
    assert changes(pier) == []
    assert (pier / name).read_text() == "low tide\n"


# Names that are not sent: sparkfs(1) lists them. A file of each, as a person or a program names it.
MEANT = {".*": ".bashrc .env .gitignore .notes.backup", "*~": "report~", "*.tmp": "data.tmp .x.tmp",
         "*.part": "movie.part", "*.crdownload": "a.crdownload", "Thumbs.db": "Thumbs.db",
         "desktop.ini": "desktop.ini"}
QUIET = {".*.sw?": ".a.txt.swp .a.txt.swo", ".*.kate-swp": ".a.kate-swp", "4913": "4913 5036",
         "sed??????": "sedAb12cd", "#*#": "#a.txt#", ".#*": ".#a.txt", ".~lock.*#": ".~lock.a.odt#",
         ".goutputstream-*": ".goutputstream-AB12CD", ".*.??????": ".a.bin.Xy12Zw",
         "lu*.tmp": "lu8231ab.tmp", "._*": "._a.bin", ".DS_Store": ".DS_Store",
         ".directory": ".directory", ".hidden": ".hidden", ".fuse_hidden*": ".fuse_hidden0001",
         ".nfs*": ".nfs0001", ".xdp-*": ".xdp-a.bin-Ab12Cd",
         ".unison.*": ".unison.a.bin.0123456789abcdef.unison.tmp"}
LOCKS = (".#a.txt", ".~lock.a.odt#")
MANUAL = pathlib.Path(__file__).parents[2] / "src/doc/sparkfs.1"


def files_of(names):
    return [file for files in names.values() for file in files.split()]


def events(mount, cursor=0):
    """The lines after the cursor, parted: cursor, time, what, path."""
    fd = os.open(mount / f"events@{cursor}", os.O_RDONLY | os.O_NONBLOCK)
    try:
        text = os.read(fd, 65536).decode()
    except BlockingIOError:
        text = ""
    finally:
        os.close(fd)
    return [line.split(" ", 3) for line in text.splitlines()]


def told(mount, what):
    return [path for _, _, word, path in events(mount) if word == what]


def test_the_manual_lists_the_names_that_are_not_sent():
    text = MANUAL.read_text(encoding="utf-8").split(".Ss Names that are not sent")[1]
    listed = [line.removeprefix(".It Pa ").split(" , ") for line in text.split(".Ss ")[0].splitlines()
              if line.startswith(".It Pa ")]
    assert listed == [list(MEANT), list(QUIET)]


def test_names_that_are_not_sent(pier, unsent, start_mount):
    """They are listed, and those that a person may have given are told of at once."""
    source = pier.mount.state.parent / "source"
    source.write_text("bytes")
    for name in files_of(QUIET):
        pier.run(["cp", str(source), name], check=True)
        assert name in os.listdir(pier.dir) and name in os.listdir(pier / "files"), name
        assert unsent.last_error() == "", name
    for name in files_of(MEANT):
        pier.run(["cp", str(source), name], check=True)
        assert name in os.listdir(pier.dir) and name in os.listdir(pier / "files"), name
        assert f"spaces/Pier/{name}: a file of such a name is not sent" in unsent.last_error()
    wait_until(lambda: len(told(pier.mount, "not-sent")) == len(files_of(MEANT)))
    assert told(pier.mount, "not-sent") == [f"spaces/Pier/{n}" for n in files_of(MEANT)]
    # What is made by way of files/ is in the space, too, and gone from both when it is removed.
    (pier / "files" / ".by-way").write_text("x")
    assert ".by-way" in os.listdir(pier.dir)
    os.unlink(pier / "files" / ".by-way")
    assert ".by-way" not in os.listdir(pier.dir) + os.listdir(pier / "files")
    # What a terminal would obey comes into no line.
    odd = pier / ".odd\u202e\x9b"
    odd.write_text("x")
    assert "spaces/Pier/.odd??: a file of such a name is not sent" in unsent.last_error()
    wait_until(lambda: "spaces/Pier/.odd??" in told(pier.mount, "not-sent"))
    odd.unlink()
    # A rename to another name sends it.
    pier.run("mv data.tmp data.txt", check=True)
    assert pier.files() == {"data.txt": b"bytes"}
    assert "data.tmp" not in os.listdir(pier.dir)
    pier.run("mv report~ .more", check=True)
    wait_until(lambda: "spaces/Pier/.more" in told(pier.mount, "not-sent"))
    pier.mount.unmount()
    pier.mount = start_mount(pier.sim, state=pier.mount.state)
    kept = [f for f in files_of(MEANT) + files_of(QUIET) if f not in (*LOCKS, "data.tmp")]
    assert len(Unsent(pier.mount).names()) == len(kept)
    assert pier.posts() == 1


# What rsync does, and unison, under its name; the end of its temporary file is given.
RSYNC = """
import os, sys
temp, name = sys.argv[1:]
mode = os.O_WRONLY if "unison" in temp else os.O_RDWR
fd = os.open(temp, mode | os.O_CREAT | os.O_EXCL, 0o600)
os.write(fd, b"bytes")
os.close(fd)
os.rename(temp, name)
"""


def test_rsync_whose_random_name_looks_like_a_word(pier, unsent, tmp_path):
    """One in forty does."""
    (tmp_path / "rsync").symlink_to(PYTHON)
    rsync = [str(tmp_path / "rsync"), "-c", RSYNC]
    for end in ("backup", "JZULS0", "Report", "123456"):
        pier.run([*rsync, f".{end}.bin.{end}", f"{end}.bin"], check=True)
        assert f".{end}.bin" not in unsent.log()
        assert pier.file_names()[-1] == f"{end}.bin"
        result = pier.run([*rsync, f".data.tmp.{end}", "data.tmp"])
        assert "not permitted" in result.err, repr(result)
        assert "data.tmp: a file of such a name is not sent" in unsent.last_error()
        os.unlink(pier / f".data.tmp.{end}")
    assert len(pier.files()) == 4
    assert unsent.names() == []


def test_unison_sends_what_can_be_sent(pier, unsent, tmp_path):
    (tmp_path / "unison").symlink_to(PYTHON)
    unison = [str(tmp_path / "unison"), "-c", RSYNC]
    temp = ".unison.{}.0123456789abcdef0123456789abcdef.unison.tmp".format
    pier.run([*unison, temp("a.bin"), "a.bin"], check=True)
    assert pier.files() == {"a.bin": b"bytes"}
    assert unsent.last_error() == ""
    assert "not permitted" in pier.run([*unison, temp(".env"), ".env"]).err
    assert ".env: a file of such a name is not sent" in unsent.last_error()
    os.unlink(pier / temp(".env"))


def test_a_name_that_passes_at_once_is_not_told_of(pier, unsent):
    """Many programs write x.tmp and rename it. Last-error takes it back, and the journal has none."""
    pier.run("echo one > a.txt.tmp && mv a.txt.tmp a.txt", check=True)
    assert unsent.last_error() == ""
    pier.run("echo two > b.tmp && rm b.tmp", check=True)
    assert unsent.last_error() == ""
    pier.run("echo three > c.tmp", check=True)
    wait_until(lambda: told(pier.mount, "not-sent"))
    assert told(pier.mount, "not-sent") == ["spaces/Pier/c.tmp"]
    assert "spaces/Pier/c.tmp" in unsent.last_error()


def test_what_cannot_be_sent_is_not_moved_away(pier, unsent):
    folder = pier.mount.state.parent / "folder"
    folder.mkdir()
    movers = [("mv", "mv SOURCE ."), ("rsync", "rsync --remove-source-files SOURCE .")]
    movers += [(p, f"{c} SOURCE ./") for p, c in (("busybox", "busybox mv"), ("gio", "gio move"))
               if shutil.which(p)]
    for _, command in movers:
        for name in (".gitignore", "report~", "data.tmp"):
            source = folder / name
            source.write_text("bytes")
            result = pier.run(command.replace("SOURCE", str(source)))
            assert result.status != 0, command
            assert source.read_text() == "bytes", command
            assert f"{name}: a file of such a name is not sent" in unsent.last_error(), command
            assert name not in os.listdir(pier.dir), command
    # Nor onto one that is here: both stay, and who moves that one away still may.
    movers.append(("rsync", "rsync --inplace --remove-source-files SOURCE ."))
    for _, command in movers:
        for name in (".env", "report~", "data.tmp"):
            source = folder / name
            source.write_text("bytes")
            put(pier / name, "here")
            result = pier.run(command.replace("SOURCE", str(source)))
            assert result.status != 0, (command, name)
            assert source.read_text() == "bytes", (command, name)
            assert (pier / name).read_text() == "here", (command, name)
            assert f"{name}: a file of such a name is not sent" in unsent.last_error(), command
            source.unlink()
            pier.run(f"{command.replace('SOURCE', name).rstrip('./')}{folder}/", check=True)
            assert source.read_text() == "here" and name not in os.listdir(pier.dir), command
    put(pier / ".env", "a=0\n")
    pier.run("t=$(mktemp ./outXXXXXX) && echo a=1 > $t && mv $t .env && rm .env", check=True)
    # From one space to another it stays in the one, and under another name it is sent.
    put(pier / "note.tmp", "words")
    pier.sim.create_room("Jetty")
    wait_until(lambda: "Jetty" in os.listdir(pier.dir.parent))
    assert pier.run("mv note.tmp ../Jetty/").status != 0
    assert (pier / "note.tmp").read_text() == "words"
    pier.run("mv note.tmp ../Jetty/note.txt", check=True)
    assert not os.path.lexists(pier / "note.tmp")
    # Who edits such a file here may.
    put(pier / ".env", "a=1\n")
    pier.run("sed -i s/1/2/ .env", check=True)
    assert (pier / ".env").read_text() == "a=2\n"
    assert unsent.names() == []


def test_what_stays_keeps_the_time_of_its_last_write(pier):
    """Or rsync and editors would take it for changed by somebody."""
    put(pier / ".env", "a=1\n")
    written = os.stat(pier / ".env").st_mtime_ns
    wait_until(lambda: time.time_ns() > written + 50_000_000)
    assert os.stat(pier / ".env").st_mtime_ns == written
    put(pier / ".env", "a=2\n")
    assert written < os.stat(pier / ".env").st_mtime_ns <= time.time_ns()


def test_backups_of_what_was_sent_are_not_kept(pier, unsent, start_mount):
    """Of a message and of a file, as editors make them before they write."""
    put(pier / "post", "low tide")
    put(pier / "a.txt", "one\n")
    message = os.readlink(pier / "last")
    text = next(n for n in pier.listed() if (pier / n).read_text() == "low tide\n")
    assert message
    for name, new in ((text, "high tide\n"), ("a.txt", "two\n")):
        pier.run(["cp", name, name + "~"], check=True)
        put(pier / name, new)
    # An editor removes its swap file, and these bytes are nowhere else.
    put(pier / ".a.txt.swp", "swap")
    os.unlink(pier / ".a.txt.swp")
    put(pier / "b.txt~", "of nothing that was sent")
    assert "b.txt~: a file of such a name" in unsent.last_error()
    assert told(pier.mount, "not-sent") in ([], ["spaces/Pier/b.txt~"])
    pier.mount.unmount()
    pier.mount = start_mount(pier.sim, state=pier.mount.state)
    assert Unsent(pier.mount).one()[1] == b"of nothing that was sent"
