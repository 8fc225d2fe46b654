"""Letters that could not be sent, as a person finds and handles them."""
import errno
import os
import time

from lib.chat import Unsent, fails, put
from lib.chat import pier, unsent  # noqa: F401  pylint: disable=unused-import
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


DAMAGE = {
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
        make_unsent(pier, data=f"words {i}")
    folder = outbox_of(pier)
    pier.mount.unmount()
    notes = sorted(folder.glob("*.json"), key=lambda p: int(p.stem))
    for damage, note in zip(DAMAGE.values(), notes, strict=True):
        damage(note)
    (folder / "README").write_text("not a letter")
    (folder / "0.body").write_text("not a letter")
    (folder / "99999.body").mkdir()
    unsent = remount(pier, start_mount)
    words = sorted(f"words {i}".encode() for i in range(len(DAMAGE)))
    assert sorted(unsent.bytes()) == words
    for name in unsent.names():
        assert (unsent.dir / name).stat().st_size == 7
    assert (folder / "README").read_text() == "not a letter"
    for name in unsent.names():
        pier.run(f"mv '{unsent.dir}/{name}' post", check=True)
    assert sorted(pier.texts()) == [w.decode() for w in words]
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
