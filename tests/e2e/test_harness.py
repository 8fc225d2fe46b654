"""The smallest thing that must work, and the harness's own promises."""
import os
import time

import pytest

from lib.mount import dump_process, mount_device
from lib.shell import run_cmd
from lib.util import wait_until


def test_mount_ls_unmount(sim, mount):
    assert mount_device(mount.path) is not None
    assert "spaces" in mount.ls()
    spaces = mount.run("ls spaces", check=True).lines()
    assert len(spaces) >= 8
    assert len(sim.requests("GET", "/people/me")) == 1
    mount.unmount()
    assert mount_device(mount.path) is None
    assert os.listdir(mount.path) == []


@pytest.mark.sim("--data", "empty")
def test_empty_account(mount):
    assert mount.ls("spaces") == []


def test_the_simulator_logs_and_fails_on_demand(sim):
    sim.clear_log()
    fault = sim.fault(method="GET", route="/rooms", status=502, times=1)
    assert sim.api("GET", "/rooms").status == 502
    assert sim.api("GET", "/rooms").status == 200
    assert [r["status"] for r in sim.requests("GET", "/rooms")] == [502, 200]
    assert fault
    sim.clear_faults()


def test_run_cmd_has_a_time_limit():
    start = time.monotonic()
    with pytest.raises(AssertionError, match="still running"):
        run_cmd("sleep 100", timeout=0.2)
    assert time.monotonic() - start < 10


def test_wait_until_gives_up():
    with pytest.raises(AssertionError, match="not within"):
        wait_until(lambda: False, 0.05)


def test_dump_shows_each_thread():
    assert f"task {os.getpid()}" in dump_process(os.getpid())
