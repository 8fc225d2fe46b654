"""What only happens in corners: odd programs, the end of a mount under load, bots."""
import contextlib
import ctypes
import json
import os
import signal
import subprocess
import tempfile

import pytest

from lib.chat import Unsent, pier  # noqa: F401
from lib.util import wait_until


def test_sed_in_place_changes_a_space(pier):
    """sed writes a scratch file and renames it onto space.json."""
    pier.run("sed -i 's/\"Pier\"/\"Dock\"/' space.json", check=True)
    assert pier.sim.api("GET", f"/rooms/{pier.id}").json["title"] == "Dock"
    assert pier.texts() == []
    assert not [n for n in os.listdir(pier.mount.space("Dock")) if n.startswith("sed")]


def test_sed_in_place_that_makes_no_json(pier):
    done = pier.run("sed -i 's/{/[/' space.json")
    assert done.status != 0
    assert pier.sim.api("GET", f"/rooms/{pier.id}").json["title"] == "Pier"
    assert json.loads((pier / "space.json").read_text())["title"] == "Pier"


def test_end_while_a_rename_sends(pier):
    """The answer comes when the mount is gone already."""
    (pier / ".note.txt.swp").write_text("the whole\n")
    pier.sim.fault(method="POST", route="/messages", delayMs=1500)
    mv = subprocess.Popen(["mv", pier / ".note.txt.swp", pier / "note.txt"],
                          stderr=subprocess.DEVNULL)
    wait_until(lambda: pier.posts() == 1)
    pier.mount.terminate(signal.SIGTERM)
    mv.wait(10)
    assert pier.files() == {"note.txt": b"the whole\n"}


def test_unlinked_while_open(pier):
    """tempfile.TemporaryFile() makes a file and unlinks it: it is nobody's to see."""
    with open(pier / "secret.txt", "w") as f:
        f.write("draft")
        f.flush()
        os.unlink(pier / "secret.txt")
    with tempfile.TemporaryFile(dir=pier.dir) as f:
        f.write(b"temporary")
    assert pier.run("ls", check=True).status == 0
    pier.mount.terminate(signal.SIGTERM)
    assert pier.posts() == 0


def test_a_bot_deletes_no_space(sim, start_mount):
    """It is not shown what others wrote without naming it."""
    bot = sim.me("bot-token")["emails"][0]
    room = sim.create_room("Shared", [bot])
    sim.post(room["id"], "do not lose this")
    mount = start_mount(sim, token="bot-token")
    with pytest.raises(OSError):
        os.rmdir(mount.space("Shared"))
    assert not sim.requests("DELETE", "/rooms")
    assert sim.api("GET", f"/rooms/{room['id']}").status == 200


def test_ends_no_mount_but_its_own(sim, start_mount):
    """The kernel gives the number of a mount that went to the next one at once."""
    libc = ctypes.CDLL(None)
    for _ in range(10):
        mount = start_mount(sim)
        # It is to be slow to see that it was unmounted.
        os.kill(mount.pid, signal.SIGSTOP)
        assert libc.umount2(str(mount.path).encode(), 0) == 0
        next_one = start_mount(sim, token="bob-token")
        os.kill(mount.pid, signal.SIGCONT)
        mount.wait_ended()
        assert "spaces" in os.listdir(next_one.path)
        if next_one.minor == mount.minor:
            break
        # Somebody else was faster.
        next_one.unmount()


def test_a_name_asked_for_too_early(pier):
    """A script that got it from elsewhere looks before our list has it."""
    pier.ls()
    for i in range(70):
        last = pier.sim.post(pier.id, f"words {i}")
    name = f"{last['created'].replace(':', '-')}_alice@example.com.txt"
    if (pier / name).exists():
        pytest.skip("our list was renewed meanwhile")

    def is_there():
        # Opened, not read: reading it would tell the kernel of each name.
        os.close(os.open(pier.dir, os.O_RDONLY | os.O_DIRECTORY))
        return (pier / name).exists()

    wait_until(is_there, 10)


def test_large_unsent_files_stay_on_disk(pier):
    """Reading what could not be sent costs no memory of its size."""
    unsent = Unsent(pier.mount)
    pier.sim.fault(method="POST", route="/messages", status=400)
    with pytest.raises(OSError):
        (pier / "large.bin").write_bytes(b"x" * (40 << 20))
    name, = unsent.names()
    before = pier.mount.rss_kib()
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            f = stack.enter_context(open(unsent.dir / name, "rb", buffering=0))
            assert os.pread(f.fileno(), 10, (40 << 20) - 4) == b"xxxx"
        assert pier.mount.rss_kib() - before < 40 << 10
