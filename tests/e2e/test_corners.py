"""What only happens in corners: odd programs, the end of a mount under load, bots."""
import signal
import subprocess

from lib.chat import pier  # noqa: F401
from lib.util import wait_until


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
