"""Answers that mislead: successes that did nothing, refusals of what was done."""
import concurrent.futures
import errno
import json
import os

import pytest

from lib.chat import fails, put
from lib.chat import pier, unsent  # noqa: F401  pylint: disable=unused-import

ALICE, BOB = "alice@example.com", "bob@example.com"


def error_of(act):
    try:
        act()
    except OSError as e:
        return e.errno
    return 0


def at_once(*acts):
    """The errno of each of them, run at the same time."""
    with concurrent.futures.ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(error_of, acts))


@pytest.fixture
def quay(pier):
    """A message of mine and a member."""
    pier.run("printf 'old words' > post", check=True)
    pier.run(f"touch members/{BOB}; ls members", check=True)
    return pier


def change(space, name, **fields):
    path = space / name
    value = json.loads(path.read_text())
    value.update(fields)
    return lambda: put(path, json.dumps(value))


def test_a_success_that_did_nothing(quay, unsent):
    """200 with the old value: the mount takes neither an edit nor another change for done."""
    (name,) = quay.listed()
    quay.sim.fault(method="PUT", ignored=True)
    acts = (lambda: put(quay / name, "new words"),
            change(quay, "space.json", isLocked=True),
            change(quay, "space.json", description="what it is for"),
            change(quay, f"members/{BOB}", isModerator=True),
            lambda: os.rename(quay.dir, quay.mount.space("Quay")))
    assert at_once(*acts) == [errno.EIO] * len(acts)
    assert "as it was" in unsent.last_error()
    # unsent/ keeps the content that was written, with the reason.
    kinds = sorted(n.rsplit("_", 1)[1] for n in unsent.names())
    assert kinds == ["edit.txt", "member.json", "space.json", "space.json"]
    assert all(unsent.why(n)["state"] == "unsent" and "as it was" in unsent.why(n)["reason"]
               for n in unsent.names())
    (kept,) = [n for n in unsent.names() if n.endswith("edit.txt")]
    # The mount shows what the server has, and sent no request twice.
    assert quay.listed_texts() == ["old words\n"]
    assert json.loads((quay / "space.json").read_text())["isLocked"] is False
    assert len(quay.sim.requests("PUT")) == len(acts)
    quay.sim.clear_faults()
    put(quay / name, (unsent.dir / kept).read_bytes())
    assert quay.texts() == ["new words"]
    os.rename(quay.dir, quay.mount.space("Quay"))
    assert quay.sim.api("GET", f"/rooms/{quay.id}").json["title"] == "Quay"


def test_what_the_server_makes_of_it_is_kept(quay, unsent):
    """An answer in another form is a success."""
    (name,) = quay.listed()
    put(quay / name, "Cafe\u0301  \r\n\r\n")
    change(quay, "space.json", title=" Quay ")()
    assert unsent.names() == []


def test_a_refusal_of_what_was_done(quay, unsent):
    """409 for a request that was repeated on the way: what the server has decides."""
    (name,) = quay.listed()
    quay.run("printf 'goes' > post", check=True)
    gone = next(n for n in quay.listed() if n != name)
    quay.sim.fault(method="DELETE", status=409, applied=True)
    quay.sim.fault(method="PUT", status=409, applied=True)
    os.unlink(quay / gone)
    os.unlink(quay / "members" / BOB)
    put(quay / name, "new words")
    change(quay, "space.json", isLocked=True)()
    assert quay.texts() == ["new words"] and quay.listed() == [name]
    assert quay.mount.ls(quay / "members") == [ALICE]
    assert json.loads((quay / "space.json").read_text())["isLocked"] is True
    assert unsent.names() == []
    other = quay.mount.space("Jetty")
    other.mkdir()
    other.rmdir()
    assert quay.mount.ls(quay.mount / "spaces") == [quay.title]


def test_a_refusal_of_what_was_not_done(quay, unsent):
    """The object stays, and no program gets EEXIST."""
    (name,) = quay.listed()
    quay.sim.fault(method="DELETE", status=409, message="it is busy")
    quay.sim.fault(method="PUT", status=409, message="it is busy")
    with fails(errno.EBUSY):
        os.unlink(quay / name)
    assert "it is busy" in unsent.last_error()
    acts = (lambda: os.unlink(quay / "members" / BOB),
            lambda: put(quay / name, "new words"),
            change(quay, "space.json", isLocked=True))
    assert at_once(*acts) == [errno.EBUSY] * len(acts)
    assert quay.listed() == [name] and BOB in quay.mount.ls(quay / "members")
    assert b"new words" in unsent.bytes()
