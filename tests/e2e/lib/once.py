"""What a write that failed must have left: one copy, or none and the bytes in unsent/."""
import errno
import os

from .chat import Unsent
from .util import wait_until

TOLD = (errno.EIO, errno.ECONNRESET, errno.ETIMEDOUT, errno.EBUSY, errno.ECONNREFUSED,
        errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EPROTO)
# SENT: one copy and nothing else. UNSENT: not there, and known as such. IN_DOUBT: not there, but
# who looks from here cannot be sure. KEPT: one of these two. EITHER: the server is late, and free
# to do it when nobody waits any more.
SENT, UNSENT, IN_DOUBT, KEPT, EITHER = "sent", "unsent", "in-doubt", "kept", "either"


def close_of(path, data):
    """A close that is still to come, of what is written already."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    view = memoryview(data if isinstance(data, bytes) else data.encode())
    while view:
        view = view[os.write(fd, view):]
    return lambda: os.close(fd)


def told_by(act):
    """The errno that an act was told, or 0."""
    try:
        act()
    except OSError as e:
        return e.errno
    return 0


def settled(look, expected, deadline=8):
    """What `look` finds, once it is what is expected, or at last."""
    try:
        wait_until(lambda: expected(look()), deadline)
    except AssertionError:
        pass
    return look()


def take_kept(mount):
    """(bytes, state) of what is in unsent/, which is empty then."""
    unsent = Unsent(mount)
    found = []
    for name in unsent.names():
        found.append(((unsent.dir / name).read_bytes(), unsent.why(name)["state"]))
        os.unlink(unsent.dir / name)
    return found


def judge(name, ending, told, copies, kept, data):
    """One copy and success, or none and told; in doubt: told, and nobody can say."""
    words = f"{name}: told {errno.errorcode.get(told, told)}, {copies} copies, " \
            f"kept {[(k[:100], state) for k, state in kept]}"
    assert copies <= 1, words
    assert len(kept) <= 1, words
    assert [k for k, _ in kept] in ([], [data]), words
    states = [state for _, state in kept]
    if not told:
        assert copies == 1 and not kept, words
    elif states == ["in-doubt"]:
        assert told in TOLD, words
    else:
        assert copies + len(kept) == 1, words
    # No answer in time is the one error of something that was sent.
    if ending == SENT:
        assert copies == 1 and not kept, words
        assert not told or told == errno.ETIMEDOUT, words
    elif ending != EITHER:
        assert copies == 0 and told, words
        assert told in TOLD or told == errno.EACCES, words
        assert states == [ending] or ending == KEPT, words
