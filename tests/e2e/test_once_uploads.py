"""Exactly once: uploads that nobody answers. No option shortens what they are given, so their mounts'
time is hurried; SPARKFS_TEST_HURRY=off waits for it in earnest.
"""
import errno
import os
import time

import pytest

from lib.chat import Space, Unsent
from lib.once import IN_DOUBT, SENT, UNSENT, close_of, judge, settled, take_kept, told_by
from lib.tree import parallel
from lib.util import scaled

# Where the server falls silent: how it ends. It never goes on.
SILENCE = {"before": IN_DOUBT, "body": UNSENT, "after": SENT}
# How long a close waits, with 64 kB a second; and when an upload without progress is given up.
CLOSE_S, STALLED_S = 60, 120
HURRY = 5


class Upload:
    def __init__(self, when, start_sim, start_mount):
        self.when = when
        self.sim = start_sim("--data", "empty")
        self.space = Space(self.sim)
        # What a request waits is not in question.
        self.space.mount = start_mount(self.sim, f"timeout={30 * HURRY}", hurry=HURRY)
        self.unsent = Unsent(self.space.mount)
        # More than the buffers of the connection take.
        self.data = os.urandom(20_000_000 if when == "body" else 150_000)
        self.close = close_of(self.space / "a.bin", self.data)
        self.sim.fault(method="POST", route="/messages", times=1, hang=when)
        self.told, self.told_s = 0, 0  # seconds of the mount's time

    def do(self):
        began = time.monotonic()
        self.told = told_by(self.close)
        self.told_s = (time.monotonic() - began) * self.space.mount.rate

    def is_over(self, name):
        try:
            return "still on the wire" not in self.unsent.why(name)["reason"]
        except FileNotFoundError:
            return False

    def look(self):
        """The messages that were sent, and the uploads that were given up."""
        return len(self.space.file_names()), sum(map(self.is_over, self.unsent.names()))


@pytest.mark.limit(200)
def test_uploads_that_nobody_answers(start_sim, start_mount):
    """The writer is told after a minute; what became of it is looked for when it is given up."""
    uploads = [Upload(when, start_sim, start_mount) for when in SILENCE]
    assert [e for _, e in parallel(Upload.do, uploads) if e] == []
    for it in uploads:
        assert it.told in (errno.ETIMEDOUT, errno.ECONNRESET), (it.when, it.told)
        assert CLOSE_S - 1 < it.told_s < CLOSE_S + len(it.data) / 64000 + scaled(10), (it.when, it.told_s)
        # Whether it will arrive or not: until that is known the bytes are there.
        assert len(it.unsent.names()) + len(it.space.file_names()) >= 1, it.when
    for it in uploads:
        ended = settled(it.look, lambda found: sum(found) == 1, STALLED_S - CLOSE_S + 30)
        kept = take_kept(it.space.mount)
        judge(it.when, SILENCE[it.when], it.told, ended[0], kept, it.data)
        assert list(it.space.files().values()) == [it.data] * ended[0]
    # An upload that was found counts like one that was answered.
    assert (uploads[-1].space / "a.bin").read_bytes() == uploads[-1].data
