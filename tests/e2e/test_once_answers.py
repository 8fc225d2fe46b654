"""Exactly once, where the answers are odd: a Retry-After that says nothing, a repeat that meets
the traces of what it repeats.
"""
import email.utils
import errno
import os
import time

import pytest

from lib.chat import Space, put
from lib.once import SENT, UNSENT, close_of, judge, take_kept, told_by
from lib.tree import parallel
from lib.util import scaled, wait_until

# What a refusal without a usable Retry-After costs, in seconds.
DEFAULT_S = 15
# Longer than anybody waits.
HOURS = None

# Retry-After (None: no such field; a number: the date so many seconds from now) and the wait.
RETRY_AFTER = {
    "missing": (None, DEFAULT_S),
    # A blank goes out as an empty field.
    "empty": (" ", DEFAULT_S),
    "word": ("soon", DEFAULT_S),
    "negative": ("-5", DEFAULT_S),
    "fraction": ("1.5", DEFAULT_S),
    "half a date": ("Thu, 26 Nov", DEFAULT_S),
    "zero": ("0", 1),
    "a date to come": (6, 6),
    "a date long ago": (-3600, 1),
    "a date of tomorrow": (86400, HOURS),
    "beyond any number": ("99999999999999999999", HOURS),
}


class Case:
    """One space on one mount and one server, where one thing happens."""

    def __init__(self, name, start_sim, start_mount, *options):
        self.name = name
        self.sim = start_sim("--data", "empty")
        self.space = Space(self.sim)
        self.space.mount = start_mount(self.sim, "rate=off", *options)
        self.told = 0
        self.act = None

    def limit(self, method):
        value, self.wait_s = RETRY_AFTER[self.name]
        self.until = None
        if isinstance(value, int):
            self.until = int(time.time()) + value
            value = email.utils.formatdate(self.until, usegmt=True)
        field = {} if value is None else {"retryAfter": value}
        self.sim.fault(method=method, route="/messages", status=429, times=1, **field)
        self.method = method

    def do(self):
        self.told = told_by(self.act)

    def check_waits(self):
        """It was asked again when the server may have meant it, and only then."""
        began = [r["startedMs"] for r in self.sim.requests(self.method, "/messages.*")]
        if self.wait_s is HOURS:
            assert self.told == errno.EBUSY and len(began) == 1, (self.name, self.told, began)
            return
        assert self.told == 0 and len(began) == 2, (self.name, self.told, began)
        gap = (began[1] - began[0]) / 1000
        if self.until and self.wait_s > 1:
            # However long it took from there to the request.
            self.wait_s = self.until - began[0] / 1000
        # Up to a tenth more, so that not all come at once.
        assert self.wait_s - 0.1 <= gap <= self.wait_s * 1.1 + scaled(3), (self.name, gap)


@pytest.fixture
def limited(start_sim, start_mount):
    return [Case(name, start_sim, start_mount) for name in RETRY_AFTER]


def all_at_once(cases):
    assert [e for _, e in parallel(Case.do, cases) if e] == []


def test_a_text_that_is_limited(limited):
    for case in limited:
        case.act = close_of(case.space / "post", case.name)
        case.limit("POST")
    all_at_once(limited)
    for case in limited:
        case.check_waits()
        judge(case.name, UNSENT if case.told else SENT, case.told, len(case.space.texts()),
              take_kept(case.space.mount), case.name.encode())


def test_a_file_that_is_limited(limited):
    data = os.urandom(150_000)
    for case in limited:
        case.act = close_of(case.space / "a.bin", data)
        case.limit("POST")
    all_at_once(limited)
    for case in limited:
        case.check_waits()
        judge(case.name, UNSENT if case.told else SENT, case.told,
              len(case.space.file_names()), take_kept(case.space.mount), data)
        assert list(case.space.files().values()) == ([] if case.told else [data])


def test_an_edit_that_is_limited(limited):
    for case in limited:
        put(case.space / "post", "first")
        (name,) = case.space.listed()
        case.act = close_of(case.space / name, case.name)
        case.limit("PUT")
    all_at_once(limited)
    for case in limited:
        case.check_waits()
        kept = take_kept(case.space.mount)
        assert case.space.texts() == ["first" if case.told else case.name], case.name
        assert kept == ([(case.name.encode(), "unsent")] if case.told else []), case.name


def test_a_deletion_that_is_limited(limited):
    for case in limited:
        put(case.space / "post", "first")
        (name,) = case.space.listed()
        case.act = lambda p=case.space / name: os.unlink(p)
        case.limit("DELETE")
    all_at_once(limited)
    for case in limited:
        case.check_waits()
        assert case.space.texts() == (["first"] if case.told else []), case.name
        assert len(case.space.listed()) == len(case.space.texts()), case.name
        assert take_kept(case.space.mount) == []


# The first answer is lost, and the repeat is answered by a status. Upon the first and the third
# curl repeats it by itself, on the others sparkfs does after a pause.
LOSSES = {
    "applied, reset": {"reset": "after"},
    "applied, cut": {"cutAt": 10},
    "not applied, reset": {"reset": "before"},
    "not applied, 502": {"status": 502},
}
APPLIED = ("applied, reset", "applied, cut")


def lose_the_answer(space, method, loss, status=None):
    space.sim.fault(method=method, route="/messages", nth=1, **LOSSES[loss])
    if status:
        space.sim.fault(method=method, route="/messages", nth=2, status=status)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("status, error", [(404, errno.ENOENT), (409, errno.EBUSY)])
def test_the_repeat_of_an_edit_is_refused(start_sim, start_mount, loss, status, error):
    """What was asked for is there: that is success, whatever the repeat was told."""
    space = Case("edit", start_sim, start_mount).space
    put(space / "post", "first")
    (name,) = space.listed()
    act = close_of(space / name, "second")
    lose_the_answer(space, "PUT", loss, status)
    told = told_by(act)
    assert told == (0 if loss in APPLIED else error), errno.errorcode.get(told, told)
    assert space.texts() == ["first" if told else "second"]
    assert take_kept(space.mount) == ([(b"second", "unsent")] if told else [])
    assert len(space.sim.requests("PUT")) == 2
    space.sim.clear_faults()
    wait_until(lambda: space.listed_texts() == [space.texts()[0] + "\n"])


def test_an_edit_whose_message_goes_before_the_repeat(start_sim, start_mount):
    """It was applied, and the message deleted by somebody before the repeat was made."""
    space = Case("edit", start_sim, start_mount).space
    put(space / "post", "first")
    (name,) = space.listed()
    (message,) = space.messages()
    act = close_of(space / name, "second")
    lose_the_answer(space, "PUT", "applied, cut")

    def somebody():
        wait_until(lambda: space.texts() == ["second"], what="the edit")
        space.sim.api("DELETE", f"/messages/{message['id']}").ok(204)
    (told, _), (_, error) = parallel(lambda f: f(), [lambda: told_by(act), somebody])
    assert error is None
    assert told == errno.ENOENT, errno.errorcode.get(told, told)
    assert space.texts() == []
    assert [data for data, _ in take_kept(space.mount)] == [b"second"]
    assert len(space.sim.requests("PUT")) == 2


# (what became of the first, the repeat's answer): what is told. The answer to a deletion has no
# body that could be cut. None: what the server says by itself, 404 if it was applied.
DELETIONS = {
    ("applied, reset", None): 0,
    ("applied, reset", 404): 0,
    ("applied, reset", 409): 0,
    ("not applied, reset", None): 0,
    ("not applied, reset", 409): errno.EBUSY,
    ("not applied, 502", 409): errno.EBUSY,
}


@pytest.mark.parametrize("loss, status", DELETIONS)
def test_the_repeat_of_a_deletion_is_refused(start_sim, start_mount, loss, status):
    """Gone is gone, whoever did it; and whatever it was told, it sees what is there."""
    space = Case("rm", start_sim, start_mount).space
    put(space / "post", "first")
    (name,) = space.listed()
    lose_the_answer(space, "DELETE", loss, status)
    told = told_by(lambda: os.unlink(space / name))
    assert told == DELETIONS[loss, status], errno.errorcode.get(told, told)
    assert space.texts() == ([] if loss in APPLIED or not told else ["first"])
    assert len(space.sim.requests("DELETE")) == 2
    wait_until(lambda: len(space.listed()) == len(space.texts()))
    assert take_kept(space.mount) == []
