"""The storm in short (tests/storm/storm.py): nothing is lost, nothing is sent twice.

The long one is scripts/storm.
"""
import os
import pathlib
import subprocess
import sys

import pytest

from lib.util import SLOW, scaled

STORM = pathlib.Path(__file__).resolve().parent.parent / "storm" / "storm.py"
# Under sanitizers the point is the same, and the machine is slow.
POSTS = 300 if SLOW == 1 else 100


def blow(folder, *options):
    argv = [sys.executable, str(STORM), "--keep", str(folder), "--limit", "150", *options]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False,
                          timeout=scaled(200), env={**os.environ, "PYTHONUNBUFFERED": "1"})
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-20000:]
    return done.stdout


@pytest.mark.limit(240)
@pytest.mark.parametrize("faults, seed", [("sim", 7), ("proxy", 8)])
def test_storm(tmp_path, faults, seed):
    out = blow(tmp_path, "--faults", faults, "--seed", str(seed), "--posts", str(POSTS // 2),
               "--uploads", "5", "--writers", "16", "--kills", "1", "--restarts", "1",
               "--share", "0.5", "--hurry", "5")
    assert "lost                 0" in out
    assert "kills, restarts      1, 1" in out
