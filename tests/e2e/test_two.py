"""Two at once: writers, mounts, people and programs that get in each other's way."""
import errno
import json
import os
import subprocess
import threading

import pytest

from lib.chat import Unsent, fails, opened, put
from lib.chat import pier, unsent  # noqa: F401  pylint: disable=unused-import
from lib.once import told_by
from lib.shell import kill_group, start_cmd
from lib.util import scaled, wait_until


@pytest.fixture
def other(pier, start_mount, tmp_path):
    """A second mount of the account."""
    return start_mount(pier.sim, f"cache={tmp_path}/other-cache", state=pier.mount.state)


def in_other(pier, other):
    return other / "spaces" / pier.title


# Two writers.

def test_two_writers_of_one_space(pier, unsent):
    """Each one's messages are whole and in its order."""
    script = "for i in $(seq 10); do printf '%s\\nline two of %s\\n' \"$W$i\" \"$W$i\" > post; done"
    running = [start_cmd(script, cwd=pier.dir, env={"W": w}) for w in "ab"]
    try:
        assert [p.wait(scaled(40)) for p in running] == [0, 0]
    finally:
        for p in running:
            kill_group(p)
            p.communicate()
    texts = pier.texts()
    for w in "ab":
        assert [t for t in texts if t.startswith(w)] == \
            [f"{w}{i}\nline two of {w}{i}" for i in range(1, 11)]
    assert len(texts) == 20
    assert unsent.names() == []


def test_two_uploads_of_one_name(pier, unsent):
    """Both arrive; the plain name is the one that was sent last."""
    with opened(pier / "a.bin", os.O_WRONLY | os.O_CREAT) as a:
        with opened(pier / "a.bin", os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as b:
            os.write(b, b"of b")
        os.write(a, b"of a")
    sent = [pier.content(m["files"][0])[1] for m in pier.messages()]
    assert len(sent) in (1, 2)
    # Through one name they write into one file: the last close has all of it.
    assert sent[-1] == (pier / "a.bin").read_bytes()
    assert unsent.names() == []


def test_copies_of_one_name_at_once(pier, unsent, tmp_path):
    sources = [tmp_path / f"{i}" for i in range(6)]
    for i, source in enumerate(sources):
        source.write_text(f"copy {i}\n" * 1000)
    running = [start_cmd(f"cp {s} 'f{i % 3}.txt'", cwd=pier.dir) for i, s in enumerate(sources)]
    for p in running:
        p.communicate(timeout=scaled(30))
    for name in ("f0.txt", "f1.txt", "f2.txt"):
        assert (pier / name).read_text() in [s.read_text() for s in sources]
    assert unsent.names() == []


# Two mounts of one account.

def test_what_the_other_mount_sends_is_not_taken_for_ours(pier, other, unsent):
    """Both send the same words at once; of one of them nobody knows whether it arrived."""
    told = []
    pier.sim.fault(method="POST", route="/messages", times=1, delayMs=700, reset=True)
    thread = threading.Thread(target=lambda: told.append(told_by(
        lambda: put(pier / "post", "same words"))))
    thread.start()
    wait_until(lambda: pier.sim.control("GET", "/health")["parked"] == 1)
    put(in_other(pier, other) / "post", "same words")
    thread.join(scaled(20))
    assert told == [errno.ECONNRESET]
    assert pier.texts() == ["same words"] and unsent.bytes() == [b"same words"]
    assert "did not arrive" in unsent.one()[2]["reason"]


def test_two_mounts_with_a_cache_each(pier, other):
    """Both see both; each has its own outbox."""
    put(pier / "post", "from one")
    put(in_other(pier, other) / "post", "from the other")
    assert pier.texts() == ["from one", "from the other"]
    for space in (pier.dir, in_other(pier, other)):
        wait_until(lambda s=space: len([n for n in os.listdir(s) if n[:2] == "20"]) == 2)
    pier.sim.fault(method="POST", route="/messages", status=403, message="Not today.")
    with fails(errno.EACCES):
        put(pier / "post", "kept by one")
    with fails(errno.EACCES):
        put(in_other(pier, other) / "post", "kept by the other")
    assert Unsent(pier.mount).bytes() == [b"kept by one"]
    assert Unsent(other).bytes() == [b"kept by the other"]
    pier.sim.clear_faults()
    (name,) = Unsent(other).names()
    os.rename(Unsent(other).dir / name, in_other(pier, other) / "post")
    assert Unsent(other).names() == []
    assert Unsent(pier.mount).bytes() == [b"kept by one"]
    assert pier.texts()[2:] == ["kept by the other"]


def test_what_a_second_mount_left_is_found_by_the_next(pier, other, start_mount, tmp_path):
    """Its outbox has a number, and the next second mount takes it on."""
    pier.sim.fault(method="POST", route="/messages", status=403)
    with fails(errno.EACCES):
        put(in_other(pier, other) / "post", "kept by the other")
    other.unmount()
    again = start_mount(pier.sim, f"cache={tmp_path}/third-cache", state=pier.mount.state)
    assert Unsent(again).bytes() == [b"kept by the other"]
    assert Unsent(pier.mount).bytes() == []


def test_what_is_unsent_is_the_persons(pier, other, start_mount, tmp_path):
    """It comes to the next mount, by whatever name; not from a living mount, and not from another person's."""
    sim, state = pier.sim, pier.mount.state
    sim.create_room("Quay", ["bob@example.com"])
    old = start_mount(sim, "account=old", f"cache={tmp_path}/old-cache", state=state)
    bob = start_mount(sim, "account=bob", f"cache={tmp_path}/bob-cache", token="bob-token", state=state)
    sim.fault(method="POST", route="/messages", status=403)
    left = [b"by the first", b"by the second", b"by the old name"]
    for mount, text in ((pier.mount, left[0]), (other, left[1]), (old, left[2]), (bob, b"bob's")):
        with fails(errno.EACCES):
            put(mount / "spaces/Quay/post", text.decode())
    other.unmount()
    bob.unmount()
    pier.mount.unmount()
    first = start_mount(sim, state=state)
    assert Unsent(first).bytes() == left[:2]
    assert Unsent(old).bytes() == left[2:]
    old.unmount()
    assert Unsent(first).bytes() == left[:2]
    first.unmount()
    again = start_mount(sim, "account=old", state=state)
    assert Unsent(again).bytes() == left
    sim.clear_faults()
    os.rename(Unsent(again).dir / Unsent(again).names()[0], in_other(pier, again) / "post")
    again.unmount()
    assert Unsent(start_mount(sim, state=state)).bytes() == left[1:]
    assert Unsent(start_mount(sim, "account=bob", token="bob-token", state=state)).bytes() == [b"bob's"]
    assert pier.texts() == ["by the first"]


def test_a_second_mount_of_the_same_cache_is_told_where_the_first_is(pier, start_mount):
    with pytest.raises((AssertionError, RuntimeError)) as refused:
        start_mount(pier.sim, state=pier.mount.state)
    assert str(pier.mount.path) in str(refused.value)
    assert "cache=" in str(refused.value)


# Edits that meet.

def elsewhere(pier, text):
    """The same person edits it in the app."""
    (message,) = pier.messages()
    pier.sim.api("PUT", f"/messages/{message['id']}", {"roomId": pier.id, "text": text}).ok()


def test_an_edit_of_what_was_edited_elsewhere(pier, unsent):
    """It would undo what nobody here has seen: refused, kept, and shown."""
    put(pier / "post", "low tide at six")
    (name,) = pier.listed()
    assert (pier / name).read_text() == "low tide at six\n"
    elsewhere(pier, "low tide at seven")
    pier.sim.clear_log()
    with fails(errno.ESTALE):
        put(pier / name, "low tide at six!\n")
    assert pier.texts() == ["low tide at seven"]
    _, data, why = unsent.one()
    assert data == b"low tide at six!"
    assert "edited elsewhere" in why["reason"]
    assert pier.sim.requests("PUT") == []
    # Now it is seen, and the next edit begins with it.
    wait_until(lambda: (pier / name).read_text() == "low tide at seven\n")
    pier.run(f"sed -i s/seven/eight/ {name}", check=True)
    assert pier.texts() == ["low tide at eight"]


def test_an_edit_that_somebody_made_already(pier, unsent):
    put(pier / "post", "low tide")
    (name,) = pier.listed()
    elsewhere(pier, "high tide")
    pier.sim.clear_log()
    put(pier / name, "high tide\n")
    assert pier.sim.requests("PUT") == []
    assert pier.texts() == ["high tide"]
    assert (pier / name).read_text() == "high tide\n"
    assert unsent.names() == []


@pytest.mark.mount("poll=1")
def test_an_edit_of_what_was_deleted_elsewhere(pier, unsent):
    put(pier / "post", "low tide")
    (name,) = pier.listed()
    with pytest.raises(OSError) as caught:
        with opened(pier / name) as fd:
            os.write(fd, b"high tide")
            pier.sim.api("DELETE", f"/messages/{pier.messages()[0]['id']}")
    assert caught.value.errno == errno.ENOENT
    _, data, _ = unsent.one()
    assert data == b"high tide"
    assert pier.texts() == []
    # It was new: one answer may be that of a machine which does not know it yet.
    wait_until(lambda: not os.path.lexists(pier / name))


def test_two_edits_of_one_message_here(pier, unsent):
    """Both were made from the same text: the first stands, the second is kept."""
    put(pier / "post", "one")
    (name,) = pier.listed()
    with fails(errno.ESTALE):
        with opened(pier / name) as second:
            with opened(pier / name) as first:
                os.write(first, b"by the first")
            os.write(second, b"by the second")
    assert pier.texts() == ["by the first"]
    _, data, _ = unsent.one()
    assert data == b"by the second"


def test_one_descriptor_edits_twice(pier, unsent):
    put(pier / "post", "one")
    (name,) = pier.listed()
    pier.run(f"exec 3>{name}; echo two >&3; echo three >&3", check=True)
    assert pier.texts()[0].endswith("three")
    assert len(pier.texts()) == 1
    assert unsent.names() == []


# rm.

def test_rm_while_somebody_reads(pier):
    """A descriptor that was open before reads what it was opened on, or fails."""
    put(pier / "post", "to be read " * 500)
    (name,) = pier.listed()
    whole = (pier / name).read_bytes()
    fd = os.open(pier / name, os.O_RDONLY)
    try:
        head = os.read(fd, 100)
        os.unlink(pier / name)
        try:
            rest = os.read(fd, 1 << 20)
        except OSError as e:
            assert e.errno in (errno.ENOENT, errno.ESTALE, errno.EIO)
        else:
            assert head + rest == whole
    finally:
        os.close(fd)
    with fails(errno.ENOENT):
        os.open(pier / name, os.O_RDONLY)


def test_rm_twice_at_once(pier):
    """One of them did it; the other finds nothing."""
    put(pier / "post", "one")
    (name,) = pier.listed()
    pier.sim.fault(method="DELETE", route="/messages", delayMs=300)
    ends = []

    def remove():
        try:
            os.unlink(pier / name)
            ends.append(0)
        except OSError as e:
            ends.append(e.errno)

    threads = [threading.Thread(target=remove) for _ in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(scaled(20))
    assert sorted(ends) == [0, errno.ENOENT], ends
    assert pier.texts() == []


def test_rm_of_what_is_being_edited(pier, unsent):
    put(pier / "post", "one")
    (name,) = pier.listed()
    with fails(errno.ENOENT):
        with opened(pier / name) as fd:
            os.write(fd, b"two")
            os.unlink(pier / name)
    _, data, _ = unsent.one()
    assert data == b"two"
    assert pier.texts() == []


# A space that goes.

def delete_space(pier):
    pier.sim.api("DELETE", f"/rooms/{pier.id}")


@pytest.mark.parametrize("name, data", [("post", b"last words"), ("a.bin", b"\0\1" * 100000)],
                         ids=["text", "file"])
def test_a_space_is_deleted_while_somebody_writes(pier, unsent, name, data):
    with fails(errno.ENOENT, errno.EACCES):
        with opened(pier / name, os.O_WRONLY | os.O_CREAT) as fd:
            os.write(fd, data)
            delete_space(pier)
    _, kept, why = unsent.one()
    assert kept == data
    assert why["place"] == "Pier"


@pytest.mark.mount("poll=2")
def test_a_space_is_deleted_while_somebody_reads(pier):
    put(pier / "post", "to be read " * 500)
    (name,) = pier.listed()
    fd = os.open(pier / name, os.O_RDONLY)
    try:
        head = os.read(fd, 100)
        delete_space(pier)
        wait_until(lambda: pier.title not in pier.mount.ls("spaces"), 20)
        try:
            rest = os.read(fd, 1 << 20)
        except OSError as e:
            assert e.errno in (errno.ENOENT, errno.ESTALE, errno.EIO)
        else:
            # Never an end of the file where there is none.
            assert head + rest == b"to be read " * 500 + b"\n"
    finally:
        os.close(fd)


@pytest.mark.mount("poll=2")
def test_a_shell_in_a_space_that_is_deleted(pier):
    """It stands nowhere then, and is told so; it does not hang."""
    shell = start_cmd("echo here; read -r x; ls; echo done; echo hi > post; echo $?", cwd=pier.dir,
                      stdin=subprocess.PIPE)
    try:
        assert shell.stdout.readline() == b"here\n"
        delete_space(pier)
        wait_until(lambda: pier.title not in pier.mount.ls("spaces"), 20)
        out, err = shell.communicate(b"\n", timeout=scaled(20))
    finally:
        kill_group(shell)
    assert b"done" in out and not out.rstrip().endswith(b"0"), (out, err)
    assert pier.posts() == 0


def test_the_account_is_removed_from_a_space_while_it_writes(start_sim, start_mount):
    sim = start_sim("--data", "empty")
    room = sim.api("POST", "/rooms", {"title": "Quay"}, token="bob-token").ok().json
    member = sim.api("POST", "/memberships", {"roomId": room["id"],
                                              "personEmail": "alice@example.com"},
                     token="bob-token").ok().json
    mount = start_mount(sim)
    kept = Unsent(mount)
    with fails(errno.ENOENT, errno.EACCES):
        with opened(mount / "spaces/Quay/post") as fd:
            os.write(fd, b"am I still here?")
            sim.api("DELETE", f"/memberships/{member['id']}", token="bob-token")
    _, data, why = kept.one()
    assert data == b"am I still here?"
    assert json.dumps(why)
