"""Exactly once: every way in which a POST, PUT or DELETE can fail.

After each fault the server has exactly one copy, or none and the bytes are in unsent/
and the writer was told. What is "in doubt" may be at both places, and was told, too.
test_outbox.py looks closer at some of them; the storm draws them all at random.
"""
import errno
import os
import pathlib
import sys

import pytest

from lib.chat import Space, Unsent, put
from lib.once import (EITHER, IN_DOUBT, KEPT, SENT, UNSENT, close_of, judge, settled,
                      take_kept, told_by)
from lib.tree import on_tracks
from lib.util import wait_until

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "storm"))
from proxy import Proxy  # noqa: E402  pylint: disable=wrong-import-position

# What happens to the first request of its kind ("all": to all), and how a new text ends; a file,
# too, but for those of FILE_ENDS. Faults whose name begins with "proxy" are made by a TCP proxy
# between the two.
FAULTS = {
    # The slowest rows come first. The server goes on when no writer waits for the answer any more.
    "time-out before": ({"hang": "before"}, EITHER),
    "time-out in the body": ({"hang": "body"}, EITHER),
    "refused": (None, UNSENT),
    "reset before it is applied": ({"reset": "before"}, UNSENT),
    "reset after it was applied": ({"reset": "after"}, SENT),
    "answer cut": ({"cutAt": 30}, SENT),
    "answer too short": ({"contentLength": "wrong"}, SENT),
    "time-out after": ({"hang": "after"}, SENT),
    "429 with Retry-After": ({"status": 429, "retryAfter": "1"}, SENT),
    "all 500": ({"status": 500}, UNSENT),
    "502": ({"status": 502}, UNSENT),
    "503": ({"status": 503}, UNSENT),
    "503 with Retry-After": ({"status": 503, "retryAfter": "1"}, SENT),
    "504": ({"status": 504}, IN_DOUBT),
    "html 502": ({"status": 502, "html": True}, UNSENT),
    "html instead of JSON": ({"html": True}, UNSENT),
    "broken JSON": ({"malformed": True}, SENT),
    "401 once": ({"status": 401}, SENT),
    "all 401": ({"status": 401}, UNSENT),
    "proxy reset-before": ("reset-before", UNSENT),
    "proxy reset-middle": ("reset-middle", UNSENT),
    "proxy reset-after": ("reset-after", SENT),
    "proxy close-after": ("close-after", SENT),
    "proxy cut": ("cut", SENT),
    # 502 or 504.
    "proxy gateway-before": ("gateway-before", KEPT),
    "proxy gateway-after": ("gateway-after", SENT),
    "proxy late": ("late", SENT),
    "proxy trickle": ("trickle", SENT),
    # This fault comes last: the mount is quiet for as long as it lasts.
    "429 for hours": ({"status": 429, "retryAfter": "7200"}, UNSENT),
}
# A file that is not in the list may still be looked through by the server (423), so that nobody
# can say that it did not arrive; of what never left or was refused it is known.
NEVER_LEFT = ("refused", "all 401", "429 for hours")
FILE_ENDS = {
    **{name: IN_DOUBT for name, (_, ending) in FAULTS.items()
       if ending in (UNSENT, KEPT) and name not in NEVER_LEFT},
    # Where no byte of the body had left, it is sent again.
    "proxy reset-before": EITHER,
}
# A PUT and a DELETE are repeated, so that only what lasts is an error.
LASTING = ("429 for hours", "all 500", "all 401", "refused")
# Mounts that suffer at the same time, each one thing after the other.
BENCHES = 5


class Bench:
    """A space behind a proxy, on a mount that asks a command for its token."""

    def __init__(self, start_sim, start_mount, tmp_path):
        tmp_path.mkdir()
        self.sim = start_sim("--data", "empty")
        self.sim.tokens(token="alice-2", person="alice")
        self.proxy = Proxy(("127.0.0.1", self.sim.port), share=0).start()
        command = tmp_path / "token"
        command.write_text(f"#!/bin/sh\ncat {tmp_path}/which\n")
        command.chmod(0o700)
        self.which = tmp_path / "which"
        self.which.write_text("alice-token\n")
        self.space = Space(self.sim)
        self.space.mount = start_mount(f"http://127.0.0.1:{self.proxy.port}/v1", "timeout=2",
                                       "rate=off", f"token_command={command}", token=None)
        self.unsent = Unsent(self.space.mount)
        # The message that test_an_edit edits.
        self.name = None
        self.was, self.edits = "first", 0

    def suffer(self, name, method, act):
        """Runs the action under the fault; returns its errno, or 0."""
        fault, _ = FAULTS[name]
        if name == "401 once":
            # The old token is no good any more, and the command has a new one.
            self.which.write_text("alice-2\n")
        if fault is None:
            self.proxy.down()
        elif isinstance(fault, str):
            self.proxy.next(fault, method.encode())
        else:
            times = {} if name.startswith("all ") else {"times": 1}
            self.sim.fault(method=method, route="/messages", **times, **fault)
        try:
            return told_by(act)
        finally:
            self.sim.clear_faults()
            self.proxy.calm()
            if fault is None:
                self.proxy.up()
            if name == "all 401":
                # For a moment nothing is written for a server that refused the token.
                wait_until(lambda: told_by(self.open_post) == 0, 8)

    def open_post(self):
        os.close(os.open(self.space / "post", os.O_WRONLY))


@pytest.fixture(name="benches")
def fixture_benches(start_sim, start_mount, tmp_path):
    them = [Bench(start_sim, start_mount, tmp_path / str(i)) for i in range(BENCHES)]
    yield them
    for it in them:
        it.space.mount.unmount()
        it.proxy.stop()


def send(bench, method, name, place, data, look):
    """Writes it while that happens: (what it was told, copies, what was kept)."""
    told = bench.suffer(name, method, close_of(bench.space / place, data))
    copies, _ = settled(lambda: (look(), len(bench.unsent.names())),
                        lambda found: found in ((1, 0), (0, 1)))
    return told, copies, take_kept(bench.space.mount)


@pytest.mark.limit(200)
def test_a_text(benches):
    def row(bench, name):
        text = f"text: {name}"
        told, copies, kept = send(bench, "POST", name, "post", text,
                                  lambda: bench.space.texts().count(text))
        judge(name, FAULTS[name][1], told, copies, kept, text.encode())
    on_tracks(row, benches, FAULTS)
    assert sum(bench.space.posts() for bench in benches) < 2 * len(FAULTS)


@pytest.mark.limit(200)
def test_a_file(benches):
    def row(bench, name):
        data = os.urandom(150_000)
        file_name = name.replace(" ", "-") + ".bin"
        told, copies, kept = send(bench, "POST", name, file_name, data,
                                  lambda: bench.space.file_names().count(file_name))
        judge(name, FILE_ENDS.get(name, FAULTS[name][1]), told, copies, kept, data)
        if copies:
            assert bench.space.files()[file_name] == data
    # A file is given more time than a test has; the storm has them.
    on_tracks(row, benches, [name for name in FAULTS if not name.startswith("time-out")])


@pytest.mark.limit(200)
def test_an_edit(benches):
    def row(bench, fault):
        space, was = bench.space, bench.was
        text = f"text: {fault}"
        told = bench.suffer(fault, "PUT", close_of(space / bench.name, text))
        (now,) = settled(space.texts, lambda texts: (texts == [text]) != bool(told))
        kept = take_kept(space.mount)
        words = f"{fault}: told {errno.errorcode.get(told, told)}, now {now!r}, kept {kept}"
        if told:
            assert kept and kept[0][0] == text.encode() or now == text, words
            assert now in (was, text), words
        else:
            assert now == text and kept == [], words
        assert bool(told) == (fault in LASTING) or told == errno.ETIMEDOUT, words
        # What was done too late is seen before the next edit is made from it.
        if told == errno.ETIMEDOUT:
            wait_until(lambda: space.listed() and
                       [(space / bench.name).read_text().strip()] == space.texts(), 20,
                       what=words)
            (now,) = space.texts()
        bench.edits += now != was
        bench.was = now
        if bench.edits > 3:
            # A message may be edited ten times, and a repeated request counts as another.
            os.unlink(space / bench.name)
            begin(bench)

    def begin(bench):
        put(bench.space / "post", "first")
        (bench.name,) = bench.space.listed()
        bench.was, bench.edits = "first", 0

    for bench in benches:
        begin(bench)
    on_tracks(row, benches, FAULTS)


@pytest.mark.limit(200)
def test_a_deletion(benches):
    def row(bench, fault):
        space = bench.space
        put(space / "post", fault)
        (name,) = space.listed()
        told = bench.suffer(fault, "DELETE", lambda: os.unlink(space / name))
        words = f"{fault}: told {errno.errorcode.get(told, told)}, {space.texts()}"
        if told:
            # Told that it failed: it is there, or the server did it when it was too late.
            assert fault in LASTING or told == errno.ETIMEDOUT, words
            if fault == "429 for hours":
                return
            if space.texts():
                os.unlink(space / name)
        assert space.texts() == [], words
        wait_until(lambda: space.listed() == [], what=words)
        assert take_kept(space.mount) == []
    on_tracks(row, benches, FAULTS)
