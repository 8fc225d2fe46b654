"""The smallest thing that must work, and the harness's own promises."""
import os
import pathlib
import re
import sys
import time
import types

import pytest

from lib.mount import dump_process, mount_device
from lib.shell import run_cmd
from lib.util import wait_until

HERE = pathlib.Path(__file__).resolve().parent


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


def test_a_mounts_time_passes_faster_where_it_is_hurried(sim, start_mount):
    """A list is good for three seconds, and the test sees that it is a fraction of that."""
    mount = start_mount(sim, "timeout=600", hurry=20)
    if mount.rate == 1:
        pytest.skip("not in this build")
    mount.ls("spaces")
    sim.create_room("New")
    began = time.monotonic()
    wait_until(lambda: "New" in mount.ls("spaces"))
    assert time.monotonic() - began < 2.5


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


def test_a_test_is_due_when_what_it_loads_is_another(tmp_path):
    """scripts/check leaves out what has not changed since it passed."""
    sys.path.insert(0, str(HERE.parent.parent / "scripts"))
    from loop.run import Unchanged  # pylint: disable=import-outside-toplevel
    program, library = tmp_path / "program", tmp_path / "library.so"
    program.write_text("a program")
    library.write_text("a library")
    build = types.SimpleNamespace(dir=tmp_path, made=lambda: {"library@sha": [str(library)]})
    test = {"name": "dates", "cmd": [str(program)], "depends": ["library@sha"]}
    Unchanged(build).note(test, True)
    assert Unchanged(build).has(test)
    library.write_text("another one")
    assert not Unchanged(build).has(test)


CASES = """
import os
import pytest

def test_good():
    pass

def test_bad():
    print("words of test_bad")
    assert "this" == "that"

def test_left_out():
    pytest.skip("no reason")

def test_dies():
    os._exit(3)

@pytest.mark.parametrize("n", range(5))
def test_after(n):
    assert n != 3
"""


@pytest.mark.parametrize("lanes", [1, 4])
def test_lanes_report_as_one_process_does(tmp_path, lanes):
    """And a case that takes its process with it is a failure, not a silence."""
    file = tmp_path / "test_of_lanes.py"
    file.write_text(CASES.replace("os._exit(3)", "assert False" if lanes == 1 else "os._exit(3)"))
    done = run_cmd([sys.executable, str(HERE / "lib/run_pytest.py"), str(file), "-p", "conftest"],
                   env={"PYTHONPATH": str(HERE), "SPARKFS_TEST_LANES": str(lanes),
                        "TMPDIR": str(tmp_path)})
    assert done.status == 1, repr(done)
    lines = sorted(re.sub(r"^(ok|not ok) \d+", r"\1", line) for line in done.lines())
    assert lines == sorted([
        "ok test_good", "not ok test_bad", "ok test_left_out # SKIP", "not ok test_dies",
        "ok test_after[0]", "ok test_after[1]", "ok test_after[2]", "not ok test_after[3]",
        "ok test_after[4]", "1..9"]), repr(done)
    assert "words of test_bad" in done.err and "assert 'this' == 'that'" in done.err, repr(done)
    if lanes > 1:
        assert "its lane ended with 3" in done.err, repr(done)


LEAVES = """
import ctypes
import os
import tempfile

def test_good(tmp_path):
    (tmp_path / "much").write_text("good")
    tempfile.mkdtemp()

def test_bad(tmp_path):
    (tmp_path / "much").write_text("bad")
    assert False

def test_mounts(tmp_path):
    (tmp_path / "much").write_text("beside")
    os.mkdir(tmp_path / "at")
    if os.geteuid() == 0:
        source, at = os.environ["SOMEBODYS"].encode(), os.fsencode(tmp_path / "at")
        assert ctypes.CDLL(None).mount(source, at, None, 4096, None) == 0
"""


@pytest.mark.parametrize("case", ["good", "bad", "mounts"])
def test_what_passed_leaves_nothing_on_the_disk(tmp_path, case):
    """What failed leaves its files, and where something is still mounted nothing is removed."""
    file, place, somebodys = tmp_path / "test_of.py", tmp_path / "place", tmp_path / "somebodys"
    for folder in (place, somebodys):
        folder.mkdir()
    (somebodys / "mail").write_text("dear")
    file.write_text(LEAVES)
    done = run_cmd([sys.executable, str(HERE / "lib/run_pytest.py"), str(file), "-p", "conftest",
                    "-k", case], env={"PYTHONPATH": str(HERE), "TMPDIR": str(place),
                                      "SOMEBODYS": str(somebodys)})
    left = [path for path in place.rglob("*") if path.is_file() and not path.is_symlink()]
    is_kept = case == "bad" or (case == "mounts" and os.geteuid() == 0)
    assert [path.name for path in left] == (["much"] if is_kept else []), repr(done)
    assert bool(os.listdir(place)) == is_kept, repr(done)
    assert (str(place) in done.err) == is_kept, repr(done)
    assert (somebodys / "mail").read_text() == "dear"
