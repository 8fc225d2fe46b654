"""A slice of the long proofs (scripts/soak): each must find nothing wrong.

What a slice does depends on its seed alone, as far as processes that race allow.
"""
import os
import pathlib
import subprocess
import sys

import pytest

from lib.util import scaled

SOAK = pathlib.Path(__file__).resolve().parent.parent / "soak"
# Sanitizers make each step slower, not the slice longer.
SECONDS = {"stress": 8, "hostile": 5, "kill": 3}
# What heals takes minutes.
MORE = {"hostile": ["--heal", "0"]}


def run(argv):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False,
                          timeout=scaled(140), env={**os.environ, "PYTHONUNBUFFERED": "1"})
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-20000:]


@pytest.mark.limit(150)
@pytest.mark.parametrize("name", list(SECONDS))
def test_slice(tmp_path, name):
    run([sys.executable, str(SOAK / f"{name}.py"), "--seconds", str(SECONDS[name]), "--seed", "7",
         "--keep", str(tmp_path), *MORE.get(name, [])])


@pytest.mark.limit(150)
def test_nothing_grows_faster_than_it_may(tmp_path):
    run([sys.executable, str(SOAK.parent / "bench/scale.py"), "--quick", "--keep", str(tmp_path)])
