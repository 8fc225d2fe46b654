"""Fixtures of the simulator's conformance suite.

What is expected here is written from the description of the API (webex-api.md),
never from the simulator. WEBEXSIM names the program (meson test sets it).

    sim        one webexsim with the demo data for all tests of a file; a test
               makes the spaces and teams it writes to itself
    empty_sim  one of its own with --data empty
    start_sim  function(*options) -> Sim
    people     token name ("alice", "bob", "admin", "bot") -> person object
    room       a fresh group space of alice's
"""
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "e2e"))

from lib.sim import Sim  # noqa: E402
from lib.watchdog import LIMIT, Watchdog  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "limit(seconds): time limit of the test")


def pytest_sessionstart():
    if not os.access(os.environ.get("WEBEXSIM", ""), os.X_OK):
        pytest.exit("WEBEXSIM must name the program (meson test sets it)", 2)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    marker = item.get_closest_marker("limit")
    with Watchdog(item.name, marker.args[0] if marker else LIMIT, []) as dog:
        item.watchdog = dog
        yield


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_setup(item):
    with item.watchdog.watching():
        yield


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    with item.watchdog.watching():
        yield


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_teardown(item):
    with item.watchdog.watching():
        yield


def stop_all(sims):
    errors = []
    for sim in sims:
        try:
            sim.stop()
        except AssertionError as e:
            errors.append(str(e))
    assert not errors, "\n".join(errors)


@pytest.fixture(scope="module")
def sim(tmp_path_factory):
    sim = Sim(tmp_path_factory.mktemp("sim"), "--data", "demo")
    yield sim
    stop_all([sim])


@pytest.fixture
def start_sim(tmp_path):
    sims = []

    def start(*options):
        sims.append(Sim(tmp_path, *options))
        return sims[-1]

    yield start
    stop_all(sims)


@pytest.fixture
def empty_sim(start_sim):
    return start_sim("--data", "empty")


@pytest.fixture(scope="module")
def people(sim):
    return {name: sim.me(f"{name}-token") for name in ("alice", "bob", "admin", "bot")}


@pytest.fixture
def room(sim, request):
    return sim.create_room(f"room of {request.node.name}"[:100])


@pytest.fixture
def shared(sim, request, people):
    """A fresh space of alice's that bob and the bot are in, too."""
    return sim.create_room(f"shared {request.node.name}"[:100],
                           [people["bob"]["emails"][0], people["bot"]["emails"][0]])
