"""Letters that could not be sent, as a person finds and handles them."""
import errno
import json
import os
import time

import pytest

from lib.chat import SHELLS, VIM, Unsent, fails, opened, put, refused_write
from lib.chat import pier, unsent  # noqa: F401  pylint: disable=unused-import
from lib.shell import start_cmd
from lib.util import scaled, wait_until

WORDS = "No sailing today."


def make_unsent(space, name="post", data="one more try"):
    unsent = Unsent(space.mount)
    known = set(unsent.names())
    fault = space.sim.fault(method="POST", route="/messages$", status=403, message=WORDS)
    with fails(errno.EACCES):
        put(space / name, data)
    space.sim.clear_fault(fault)
    (new,) = set(unsent.names()) - known
    return new


def outbox_of(space):
    (folder,) = (space.mount.state / "state").rglob("outbox")
    return folder


def remount(space, start_mount):
    space.mount = start_mount(space.sim, state=space.mount.state)
    return Unsent(space.mount)


TITLES = ["a/b", "..", "new\nline", "\x1b[31mred", "Ж" * 120, "x" * 250, "%s%n", "~1", "-rf"]


def test_names_are_clean_whatever_the_space_is_called(start_sim, start_mount):
    sim = start_sim("--data", "empty")
    rooms = [sim.create_room(title) for title in TITLES]
    mount = start_mount(sim)
    unsent = Unsent(mount)
    sim.fault(method="POST", route="/messages$", status=403, message=WORDS)
    dirs = wait_until(lambda: len(mount.ls("spaces")) >= len(rooms) and mount.ls("spaces"))
    for name in dirs:
        with fails(errno.EACCES):
            put(mount.space(name) / "post", "kept")
        with fails(errno.EACCES):
            put(mount.space(name) / ("n" * 200 + ".txt"), "kept")
    names = unsent.names()
    assert len(names) == len(set(names)) == 2 * len(dirs)
    for name in names:
        assert len((name + ".why.json").encode()) <= 255
        assert name.isprintable() and name[:2] == "20"
        assert name.endswith(".txt")
        assert (unsent.dir / name).read_bytes() == b"kept"
        assert unsent.why(name)["server"] == WORDS
    assert {unsent.why(n)["roomId"] for n in names} == {r["id"] for r in rooms}


def test_equal_names_are_kept_apart(pier, unsent):
    """Within one second, from one space, and after a remount the same."""
    names = [make_unsent(pier, data=f"letter {i}") for i in range(4)]
    assert len(set(names)) == 4
    assert [(unsent.dir / n).read_text() for n in names] == [f"letter {i}" for i in range(4)]


def test_the_log_and_last_error_name_the_writer(pier, unsent):
    make_unsent(pier)
    with open("/proc/self/comm", encoding="utf-8") as f:
        comm = f.read().strip()
    for text in (unsent.last_error(), unsent.log()):
        assert f"written by {comm} ({os.getpid()})" in text, text
        assert "Pier" in text and WORDS in text


def changed(**fields):
    """The note says something else."""
    return lambda p: p.write_text(json.dumps({**json.loads(p.read_text()), **fields}))


def replaced(make):
    """Something else has the note's name."""
    def damage(path):
        path.unlink()
        make(path)
    return damage


DAMAGE = {
    "two places": changed(toPersonEmail="bob@example.com"),
    "an edit of nothing": changed(form="edit-text"),
    "a file without a name": changed(form="file"),
    "ids that are none": changed(roomId="../x", parentId="a/b", messageId="?"),
    "a name that is none": changed(name="../../x"),
    "other types": changed(roomId=["x"], name=7, writer={}, writerPid=1e300, writtenMs=-9e15),
    "NUL": lambda p: p.write_bytes(p.read_bytes()[:40] + b"\0" + p.read_bytes()),
    "a folder": replaced(lambda p: p.mkdir()),
    "a pipe": replaced(os.mkfifo),
    "a link": replaced(lambda p: p.symlink_to("/etc/passwd")),
    "a loop": replaced(lambda p: p.symlink_to(p)),
    "cut": lambda p: os.truncate(p, 20),
    "empty": lambda p: os.truncate(p, 0),
    "no JSON": lambda p: p.write_bytes(b"\xff\xfe{{{{"),
    "gone": lambda p: p.unlink(),
    "another": lambda p: p.write_text('{"state": "nowhere", "form": 7, "roomId": []}'),
    "large": lambda p: p.write_bytes(b"x" * 300_000),
}


def test_a_damaged_note_never_costs_the_words(pier, start_mount):
    """And the letter can be sent to where it is moved."""
    for i in range(len(DAMAGE)):
        make_unsent(pier, data=f"words {chr(97 + i)}")
    folder = outbox_of(pier)
    pier.mount.unmount()
    notes = sorted(folder.glob("*.json"), key=lambda p: int(p.stem))
    for damage, note in zip(DAMAGE.values(), notes, strict=True):
        damage(note)
    (folder / "README").write_text("not a letter")
    (folder / "0.body").write_text("not a letter")
    (folder / "99999.body").mkdir()
    os.mkfifo(folder / "99998.body")
    os.mkfifo(folder / "99997.json")
    (folder.parent / "rowids").unlink()
    os.mkfifo(folder.parent / "rowids")
    unsent = remount(pier, start_mount)
    words = sorted(f"words {chr(97 + i)}".encode() for i in range(len(DAMAGE)))
    assert sorted(unsent.bytes()) == words
    for name in unsent.names():
        assert (unsent.dir / name).stat().st_size == 7
    assert (folder / "README").read_text() == "not a letter"
    for name in unsent.names():
        put(unsent.dir / name, (unsent.dir / name).read_text().upper())
        assert unsent.why(name)["state"] == "unsent"
    words = [w.upper() for w in words]
    for name in unsent.names():
        pier.run(f"mv '{unsent.dir}/{name}' post", check=True)
    sent = [data.decode() for data in pier.files().values()] + pier.texts()
    assert sorted(t for t in sent if t) == [w.decode() for w in words]
    # What was of use to nobody goes with its letter.
    assert not list(folder.glob("*.damaged"))
    assert unsent.names() == []


def test_a_note_stays_while_its_words_cannot_be_looked_at(pier, start_mount):
    """A link or a folder in the place of the bytes is nobody's leave to forget the rest."""
    name = make_unsent(pier)
    folder = outbox_of(pier)
    pier.mount.unmount()
    (body,) = folder.glob("*.body")
    moved = pier.mount.state / "aside"
    body.rename(moved)
    body.symlink_to(moved)
    assert remount(pier, start_mount).names() == []
    pier.mount.unmount()
    body.unlink()
    moved.rename(body)
    unsent = remount(pier, start_mount)
    assert unsent.names() == [name]
    assert unsent.why(name)["server"] == WORDS


def test_unmounting_with_a_delivery_under_way_is_bounded_and_says_so(pier, start_mount):
    pier.sim.fault(method="POST", route="/messages$", hang="before")
    writer = os.fork()
    if writer == 0:
        try:
            put(pier / "post", "under way")
        except OSError:
            pass
        finally:
            os._exit(0)
    wait_until(lambda: pier.sim.control("GET", "/health")["parked"] == 1)
    began = time.monotonic()
    pier.mount.terminate()
    assert time.monotonic() - began < scaled(12)
    os.waitpid(writer, 0)
    assert "Pier" in pier.mount.output or "unsent" in pier.mount.output, pier.mount.output
    pier.sim.clear_faults()
    unsent = remount(pier, start_mount)
    _, data, why = unsent.one()
    assert data == b"under way"
    assert why["state"] in ("unsent", "in-doubt")


# Editing.

EDITS = {
    "echo": ("echo 'high tide' > \"$F\"", "high tide"),
    "echo >>": ("echo 'at noon' >> \"$F\"", "low tide\nat noon"),
    "sed -i": ("sed -i s/low/high/ \"$F\"", "high tide"),
    "ed": ("printf ',s/low/high/\\nw\\nq\\n' | ed -s \"$F\"", "high tide"),
    "vim": ("\"$VIM\" -u NONE -i NONE -N -es +s/low/high/ +wq \"$F\"", "high tide"),
    "cp": ("cp \"$SRC\" \"$F\"", "from a file"),
    "python r+": ("/usr/bin/python3 -c 'import os; f = open(os.environ[\"F\"], \"r+\"); t = f.read(); "
                  "f.seek(0); f.truncate(); f.write(t.replace(\"low\", \"high\"))'", "high tide"),
    ": >": (": > \"$F\"", "low tide"),
}


@pytest.mark.parametrize("how", EDITS)
def test_a_letter_can_be_edited(pier, unsent, how, tmp_path):
    """Its bytes change, and nothing else: it is sent when it is moved."""
    command, text = EDITS[how]
    name = make_unsent(pier, data="low tide")
    why = unsent.why(name)
    (tmp_path / "src").write_text("from a file\n")
    pier.sim.clear_log()
    pier.mount.run(command, cwd=unsent.dir, check=True,
                   env={"F": name, "SRC": str(tmp_path / "src"), "VIM": VIM[0]})
    assert unsent.bytes() == [text.encode()]
    assert unsent.why(name) == why
    assert os.stat(unsent.dir / name).st_size == len(text)
    assert unsent.mount.ls(unsent.dir) == [name, name + ".why.json"]
    assert pier.sim.log() == []
    os.rename(unsent.dir / name, pier / "post")
    assert pier.texts() == [text]
    assert unsent.names() == []


def test_a_file_can_be_edited(pier, unsent):
    name = make_unsent(pier, "report.bin", b"\0\1\2" * 100_000)
    with opened(unsent.dir / name, os.O_RDWR) as fd:
        os.pwrite(fd, b"begin", 0)
        os.ftruncate(fd, 200_000)
    want = b"begin" + (b"\0\1\2" * 100_000)[5:200_000]
    assert unsent.bytes() == [want]
    os.rename(unsent.dir / name, pier / "report.bin")
    assert pier.files() == {"report.bin": want}


def test_what_is_edited_is_checked_like_what_is_written(pier, unsent):
    name = make_unsent(pier, data="low tide")
    with refused_write(unsent.dir / name, errno.EFBIG) as fd:
        os.write(fd, b"x" * 7440)
    assert (unsent.dir / name).read_bytes() == b"low tide"
    with refused_write(unsent.dir / name, errno.EILSEQ) as fd:
        os.write(fd, b"\xff")
    assert (unsent.dir / name).read_bytes() == b"low tide"


def test_an_edit_that_is_killed_leaves_the_letter_as_it_was(pier, unsent):
    """The beginning is kept beside it."""
    name = make_unsent(pier, data="low tide")
    script = ("import os, signal, sys\n"
              "fd = os.open(sys.argv[1], os.O_WRONLY | os.O_TRUNC)\n"
              "os.write(fd, b'high')\n"
              "os.kill(os.getpid(), signal.SIGKILL)\n")
    pier.mount.run(["/usr/bin/python3", "-c", script, name], cwd=unsent.dir)
    wait_until(lambda: len(unsent.names()) == 2)
    assert (unsent.dir / name).read_bytes() == b"low tide"
    assert sorted(unsent.bytes()) == [b"high", b"low tide"]
    assert pier.posts() == 1


def test_an_edit_needs_no_network_and_lasts(pier, unsent, start_mount):
    name = make_unsent(pier, data="low tide")
    pier.sim.kill()
    with fails(errno.ECONNREFUSED, errno.ENETUNREACH, errno.EHOSTUNREACH):
        put(pier / "post", "hello?")
    put(unsent.dir / name, "high tide")
    pier.mount.kill()
    pier.sim.start()
    assert remount(pier, start_mount).bytes() == [b"high tide", b"hello?"]


def test_a_letter_under_way_cannot_be_edited(pier, unsent):
    name = make_unsent(pier, data="low tide")
    pier.sim.fault(method="POST", route="/messages$", delayMs=1500)
    mover = start_cmd(["mv", str(unsent.dir / name), str(pier / "post")])
    try:
        wait_until(lambda: len(pier.sim.requests("POST", "/messages")) == 2)
        with fails(errno.EBUSY):
            put(unsent.dir / name, "high tide")
    finally:
        mover.communicate(timeout=scaled(20))
    assert mover.returncode == 0
    assert pier.texts() == ["low tide"]
    assert unsent.names() == []


def test_a_note_that_claims_another_letter_takes_nothing_away(pier, start_mount):
    """Whatever it says it replaces: bytes that are nowhere else stay."""
    for words in ("first", "second"):
        make_unsent(pier, data=words)
    folder = outbox_of(pier)
    pier.mount.unmount()
    first, second = sorted(folder.glob("*.json"), key=lambda p: int(p.stem))
    changed(state="sending", replaces=int(first.stem))(second)
    unsent = remount(pier, start_mount)
    assert sorted(unsent.bytes()) == [b"first", b"second"]


def test_the_place_of_a_letter_that_was_moved_is_what_it_was(pier, unsent):
    """The kernel takes the letter for `post` until it is told of the name, which is behind the answer."""
    path = pier / "post"
    numbers = path.stat().st_ino, path.stat().st_size
    letters = [make_unsent(pier, data=f"letter {i}") for i in range(10)]
    for letter in letters:
        os.rename(unsent.dir / letter, path)
        os.close(os.open(path, os.O_WRONLY))
        assert (path.stat().st_ino, path.stat().st_size) == numbers
    assert pier.texts() == [f"letter {i}" for i in range(10)]


def test_what_failed_shows_itself(pier, unsent):
    """Where shells do not show the error of a close."""
    names = [make_unsent(pier, data=f"letter {i}") for i in range(3)]
    status = unsent.mount.status()
    assert (status["unsent"], status["inDoubt"]) == (3, 0)

    def events():
        fd = os.open(pier.mount / "events@0", os.O_RDONLY | os.O_NONBLOCK)
        with open(fd, encoding="utf-8") as f:
            lines = os.read(f.fileno(), 65536).decode().splitlines()
        return [line.split(" ", 3)[2:] for line in lines if " unsent " in line]

    wait_until(lambda: len(events()) == 3)
    assert events() == [["unsent", f".sparkfs/unsent/{name}"] for name in names]
    prompts = {"bash": "set -- .sparkfs/unsent/*.why.json; [ ! -e \"$1\" ] || echo $#",
               "zsh": "set -- .sparkfs/unsent/*.why.json(N); (( ! $# )) || echo $#"}
    for shell, command in prompts.items():
        result = pier.mount.run([*SHELLS[shell], command], cwd=pier.mount / ".")
        assert result.out.strip() == "3", shell
    # The shell sorts a letter before its reason, which goes with it.
    pier.mount.run("rm .sparkfs/unsent/*", cwd=pier.mount / ".", check=True)
    assert os.listdir(unsent.dir) == []
    assert not os.path.lexists(unsent.dir / (names[0] + ".why.json"))
    make_unsent(pier)
    assert pier.mount.run("rm -r .sparkfs/unsent", cwd=pier.mount / ".").status == 1
    assert os.listdir(unsent.dir) == []
    assert "the folder itself stays" in unsent.last_error()
    assert unsent.mount.status()["unsent"] == 0
    for shell, command in prompts.items():
        assert pier.mount.run([*SHELLS[shell], command], cwd=pier.mount / ".").out == "", shell


def test_a_retried_move_leaves_no_copy(pier, unsent):
    """Of the same file. Another one of that name and size stays, and what is in doubt, too."""
    source = pier.mount.state.parent / "a.bin"
    for data in ("other", "bytes"):
        source.write_text(data)
        fault = pier.sim.fault(method="POST", route="/messages$", status=403, message=WORDS)
        assert pier.run(["mv", str(source), "."]).status != 0
        assert source.read_text() == data
        pier.sim.clear_fault(fault)
    assert sorted(unsent.bytes()) == [b"bytes", b"other"]
    pier.run(["mv", str(source), "."], check=True)
    assert not source.exists()
    assert unsent.bytes() == [b"other"]
    assert pier.files() == {"a.bin": b"bytes"}
