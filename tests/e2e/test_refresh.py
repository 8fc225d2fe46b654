"""The tokens of a login are renewed before they end: nobody meets a 401, whatever the clocks, the disk,
the network and a SIGKILL do meanwhile."""
import threading
import time

import pytest

from lib.util import scaled, wait_until
from test_accounts import by_device, mount_of, sim, person, start_person  # noqa: F401 pylint: disable=unused-import

LIFE_S = 3


def refreshes(sim):  # pylint: disable=redefined-outer-name
    return len(sim.requests("POST", "/access_token"))


def refused(sim):  # pylint: disable=redefined-outer-name
    return [r for r in sim.log() if r["status"] == 401]


def test_nobody_sees_the_end_of_a_token(person, sim, start_mount):
    """Two mounts read, post and download over several lives: one request for each refresh, and no 401."""
    sim.control("POST", "/switches", {"tokenLife": LIFE_S, "refreshRotates": True})
    by_device(person, "me")
    pier = sim.create_room("Pier")
    data = bytes(range(256)) * 400
    sim.upload(pier["id"], "tide.bin", data)
    mounts = [mount_of(start_mount, person, "rate=off"),
              mount_of(start_mount, person, "rate=off", f"cache={person.home}/other")]
    sim.clear_log()
    sim.fault(route="/contents", slowBytesPerSec=len(data) // (3 * LIFE_S))
    errors, posted = [], []
    began = time.monotonic()

    def work(what):
        try:
            what()
        except (OSError, AssertionError) as e:
            errors.append(e)

    def download():
        assert (mounts[0] / "spaces/Pier/files/tide.bin").read_bytes() == data

    def post():
        while time.monotonic() < began + 3.2 * LIFE_S:
            for n, mount in enumerate(mounts):
                text = f"{n} {len(posted)}"
                (mount / "spaces/Pier/post").write_text(text)
                posted.append(text)
                mount.ls("spaces/Pier/members")
            time.sleep(0.1)
    threads = [threading.Thread(target=work, args=(f,)) for f in (download, post)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    lives = (time.monotonic() - began) / (0.8 * LIFE_S)
    assert not errors
    assert not refused(sim), refused(sim)
    assert 3 <= refreshes(sim) <= lives + 1
    assert [m["text"] for m in sim.messages(pier["id"]) if not m.get("files")] == posted[::-1]
    assert all(m.status()["login"] == "ok" for m in mounts)
    assert not any((m / ".sparkfs/last-error").read_text() for m in mounts)
