"""open refuses what cannot succeed, before a person types anything."""
import contextlib
import errno
import os
import pathlib
import signal
import sys
import time

import pytest

from lib.chat import Space, Unsent, fails, put
from lib.chat import pier, unsent  # noqa: F401  pylint: disable=unused-import
from lib.util import scaled, wait_until

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "storm"))
from proxy import Proxy  # noqa: E402  pylint: disable=wrong-import-position

NETWORK = (errno.ECONNREFUSED, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ETIMEDOUT)
# One name for each way of writing that the daemon may refuse at open.
NAMES = ("post", "post.md", "post.json", "report.txt")


def open_for_writing(path):
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o644))


def refusal(path):
    """(errno or 0, seconds) of an open for writing."""
    began = time.monotonic()
    try:
        open_for_writing(path)
    except OSError as e:
        return e.errno, time.monotonic() - began
    return 0, time.monotonic() - began


def learn_offline(space):
    """Makes a listing fail, from which the mount learns that it is offline."""
    def refused():
        with contextlib.suppress(OSError):
            os.listdir(space.mount / "people")
            space.ls()
        return refusal(space / "post")[0] in NETWORK
    wait_until(refused, 40)


def test_a_token_that_went_bad_is_said_by_the_open(pier, unsent):
    """The mount learns it from any listing that the server refused because of the token."""
    put(pier / "post", "before")
    pier.sim.fault(status=401, message="The request requires a valid access token.")

    def refused():
        with contextlib.suppress(OSError):
            os.listdir(pier / "members")
        return refusal(pier / "post")[0] == errno.EACCES
    wait_until(refused)
    for name in NAMES:
        with fails(errno.EACCES):
            open_for_writing(pier / name)
    result = pier.run("echo typed > post")
    assert result.status != 0 and "ermission denied" in result.err, repr(result)
    assert unsent.names() == [] and pier.posts() == 1
    # And once it is good again, the open succeeds.
    pier.sim.clear_faults()
    wait_until(lambda: refusal(pier / "post")[0] == 0, 10)
    put(pier / "post", "after")
    assert pier.texts() == ["before", "after"]


def test_a_refused_connection_is_known_at_once(pier, tmp_path):
    put(pier / "post", "before")
    put(pier / "old.txt", "old")
    pier.sim.kill()
    learn_offline(pier)
    for name in NAMES:
        number, seconds = refusal(pier / name)
        assert number in NETWORK, (name, number)
        assert seconds < scaled(1)
    # The file that would have been replaced is still there.
    (tmp_path / "new").write_text("new")
    assert pier.run(f"mv {tmp_path}/new old.txt").status != 0
    assert os.path.exists(pier / "old.txt") and os.path.exists(tmp_path / "new")
    pier.sim.start()
    # Back online: the next open succeeds within the time of a probe.
    wait_until(lambda: refusal(pier / "post")[0] == 0, 5)


@pytest.mark.mount("timeout=4")
def test_a_silent_server_costs_an_open_no_request(pier):
    """The server takes the connection and never answers."""
    put(pier / "post", "before")
    pier.sim.process.send_signal(signal.SIGSTOP)
    try:
        learn_offline(pier)
        for name in NAMES:
            number, seconds = refusal(pier / name)
            assert number in NETWORK, (name, number)
            assert seconds < scaled(2)
    finally:
        pier.sim.process.send_signal(signal.SIGCONT)
    wait_until(lambda: refusal(pier / "post")[0] == 0, 10)
    put(pier / "post", "after")
    assert pier.texts()[-1:] == ["after"]


def test_a_write_that_is_refused_took_nothing_of_itself(pier, unsent):
    """The count of the write says to the byte what was taken before the refusal."""
    fd = os.open(pier / "post", os.O_WRONLY | os.O_TRUNC)
    assert os.write(fd, b"a" * 7000) == 7000
    with fails(errno.EFBIG):
        os.write(fd, b"b" * 440)
    with fails(errno.EFBIG):
        os.close(fd)
    fd = os.open(pier / "post", os.O_WRONLY | os.O_TRUNC)
    with fails(errno.EILSEQ):
        os.write(fd, b"good, then \xff")
    with fails(errno.EILSEQ):
        os.close(fd)
    # The bytes taken before the refusal are kept, without any of the refused write.
    assert pier.texts() == [] and unsent.bytes() == [b"a" * 7000]


# The last failure is longer ago: the open asks anew, by a short request.

def test_a_network_that_is_still_down_is_found_out_by_the_open(pier):
    """However long ago a request failed: the open fails rather than take what only unsent/ gets."""
    put(pier / "post", "before")
    pier.sim.kill()
    learn_offline(pier)
    start = time.monotonic()
    while time.monotonic() < start + 4:
        number, seconds = refusal(pier / "post")
        assert number in NETWORK
        assert seconds < scaled(3.5)
    pier.sim.start()


def test_an_open_is_good_as_soon_as_the_network_is(start_sim, start_mount, tmp_path):
    """The open asks the server; it does not wait for the next poll or the next minute."""
    sim = start_sim("--data", "empty")
    proxy = Proxy(("127.0.0.1", sim.port), share=0).start()
    try:
        pier = Space(sim)
        pier.mount = start_mount(f"http://127.0.0.1:{proxy.port}/v1", "timeout=150", hurry=5)
        put(pier / "post", "before")
        proxy.down()
        learn_offline(pier)
        assert refusal(pier / "post")[0] in NETWORK
        proxy.up()
        # The last failure is remembered for two seconds.
        wait_until(lambda: refusal(pier / "post")[0] == 0, 4)
        put(pier / "post", "after")
        assert pier.texts() == ["before", "after"]
        sim.clear_log()
        put(pier / "post", "and on")
        assert sim.requests("GET", "/people/me") == []
        pier.mount.unmount()
    finally:
        proxy.stop()


@pytest.mark.mount("timeout=30")
def test_a_server_that_went_silent_costs_an_open_a_probe(pier):
    """The open waits three seconds, not the thirty of a request."""
    put(pier / "post", "before")
    pier.sim.kill()
    learn_offline(pier)
    pier.sim.start()
    pier.sim.fault(method="GET", hang=True)
    time_of = []

    def slow():
        number, seconds = refusal(pier / "post")
        if number in NETWORK and seconds > 1.5:
            time_of.append(seconds)
        return time_of
    wait_until(slow, 15)
    assert time_of[0] < scaled(6)
    pier.sim.clear_faults()


def test_a_post_that_met_no_server_is_how_the_next_open_knows(pier, unsent):
    """The next open asks the server once, and is not refused without asking."""
    put(pier / "post", "before")
    fd = os.open(pier / "post", os.O_WRONLY | os.O_TRUNC)
    os.write(fd, b"typed")
    pier.sim.kill()
    with fails(*NETWORK):
        os.close(fd)
    assert unsent.bytes() == [b"typed"]
    for name in NAMES:
        number, seconds = refusal(pier / name)
        assert number in NETWORK, (name, number)
        assert seconds < scaled(4)
    pier.sim.start()
    wait_until(lambda: refusal(pier / "post")[0] == 0, 10)


def test_a_mount_that_began_without_network_says_so_at_the_open(pier, start_mount):
    put(pier / "post", "before")
    state = pier.mount.state
    pier.mount.unmount()
    pier.sim.kill()
    pier.mount = start_mount(pier.sim, state=state)
    number, seconds = refusal(pier / "post")
    assert number in NETWORK and seconds < scaled(4)
    pier.sim.start()
    wait_until(lambda: refusal(pier / "post")[0] == 0, 10)
    assert Unsent(pier.mount).names() == []
