"""What only happens in corners: odd programs, the end of a mount under load, bots."""
import json
import os
import signal
import subprocess

from lib.chat import pier  # noqa: F401
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
