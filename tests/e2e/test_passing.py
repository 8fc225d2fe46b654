"""What a program makes in passing is not sent, and no file gets the name of a message.

Names that alone tell a passing file are in test_upload.py; here what tells is how it is made
(mkstemp's flags), or which program makes it.
"""
import errno
import os
import shutil

import pytest

from lib.chat import Unsent, fails, opened, put
from lib.chat import pier, unsent  # noqa: F401  pylint: disable=unused-import

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


def test_who_needs_a_second_name_is_refused_and_sends_nothing(pier, unsent):
    put(pier / "post", "low tide\nwind")
    (name,) = pier.listed()
    listed = pier.ls()
    pier.sim.clear_log()
    for program, command in REFUSED.items():
        if shutil.which(program):
            assert pier.run(command, env={"F": name}).status != 0, program
            assert changes(pier) == [], program
            assert pier.ls() == listed, program
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
