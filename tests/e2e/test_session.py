"""What sparkfs needs of libfuse, and what it does with it at the end (odd_fuse.c)."""
import os
import re
import subprocess
import threading

import pytest

from lib.mount import mount_device
from lib.util import wait_until

ODD_FUSE = os.environ.get("ODD_FUSE_LIBRARY")
pytestmark = pytest.mark.skipif(not ODD_FUSE, reason="no library to preload")


def libfuse_version():
    text = subprocess.run([os.environ["SPARKFS"], "--version"], capture_output=True, text=True,
                          check=True).stdout
    return tuple(int(n) for n in re.search(r"libfuse (\d+)\.(\d+)", text).groups())


def test_a_libfuse_without_custom_io(start_sim, start_mount, tmp_path):
    """From 3.17 on it is not needed; below, nothing is mounted that could hang."""
    sim = start_sim("--data", "demo")
    odd = {"preload": ODD_FUSE, "env": {"NO_CUSTOM_IO": "1"}}
    if libfuse_version() >= (3, 17):
        mount = start_mount(sim, **odd)
        mount.run("echo hi > spaces/Lunch/post && cat spaces/Lunch/last", check=True)
        mount.unmount()
        return
    path = tmp_path / "mnt"
    path.mkdir()
    # It is not a Mount, which might see the mount point for a moment.
    done = subprocess.run(
        [os.environ["SPARKFS"], "-f", "-o", f"url={sim.base}", str(path)], text=True,
        env={**os.environ, "LD_PRELOAD": ODD_FUSE, "NO_CUSTOM_IO": "1", "HOME": str(tmp_path),
             "ASAN_OPTIONS": "verify_asan_link_order=0", "WEBEX_ACCESS_TOKEN": "alice-token"},
        capture_output=True, timeout=60, check=False)
    assert done.returncode == 1
    assert re.search(r"cannot mount on \S+: libfuse 3\.\d+\S* has no custom I/O, "
                     r"which is needed below 3\.17", done.stderr), done.stderr
    assert mount_device(path) is None
    assert os.listdir(path) == []


@pytest.mark.parametrize("options", [(), ("inotify",)], ids=["", "inotify"])
def test_a_notice_at_the_end(start_sim, start_mount, tmp_path, options):
    """libfuse closes its descriptor only when no notice is being told any more."""
    linger = tmp_path / "linger"
    sim = start_sim("--data", "demo")
    mount = start_mount(sim, *options, preload=ODD_FUSE, env={"LINGER": str(linger)})
    mount.run("ls spaces/Lunch && cat spaces/Lunch/last", check=True)
    linger.touch()
    poster = threading.Thread(target=mount.run, args=["echo hi > spaces/Lunch/post"])
    poster.start()
    wait_until(lambda: "a notice lingers" in mount.output, 10)
    mount.terminate()
    poster.join()
    assert "unmounted" not in mount.output
