"""Fixtures of the end-to-end tests: a real mount on a real webexsim.

The programs come from the environment: SPARKFS, WEBEXSIM (meson sets both).

    sim          a Sim (lib/sim.py). Options: @pytest.mark.sim("--data", "empty").
                 Default: --data demo.
    mount        a Mount (lib/mount.py) of alice on `sim`. Options of -o and
                 keywords: @pytest.mark.mount("recent=10", token="bob-token").
    open_folder  a folder that every user can enter
    start_sim    function(*options) -> Sim, for tests that need several
    start_mount  function(sim or url, *options, **keywords) -> Mount
    start_person function(sim, name="home") -> Person (lib/person.py)
    person       a Person who can log in at `sim`
    desk         a Desk (lib/person.py): a Person who logs in by a browser

All are ended after the test. A mount is unmounted by fusermount3 -u and its
daemon must then end with status 0 and have printed no sanitizer report; a test
that ends it in another way calls its unmount(), terminate() or kill() itself.
@pytest.mark.limit(120) changes the time limit of a test (60 s).

Never sleep: `wait_until(condition)`. Run programs by `mount.run("ls spaces")`
or `run_cmd`, which have time limits.
"""
import os
import pathlib
import signal
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from lib import lanes  # noqa: E402
from lib.mount import Mount, remove_folder  # noqa: E402
from lib.person import Desk, Person  # noqa: E402
from lib.sim import Sim  # noqa: E402
from lib.watchdog import LIMIT, Watchdog  # noqa: E402


def pytest_configure(config):
    for line in ("sim(*options): options of webexsim",
                 "mount(*options, **keywords): options of the mount",
                 "limit(seconds): time limit of the test"):
        config.addinivalue_line("markers", line)


def pytest_sessionstart():
    # A shell's background job ignores SIGINT, and so would every program that a test interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in ("SPARKFS", "WEBEXSIM"):
        if not os.access(os.environ.get(name, ""), os.X_OK):
            pytest.exit(f"{name} must name the program (meson test sets it)", 2)
    if not os.path.exists("/dev/fuse"):
        # A container without the device may still be allowed to make it.
        try:
            os.mknod("/dev/fuse", 0o020666, os.makedev(10, 229))
        except OSError as e:
            pytest.exit(f"no /dev/fuse ({e}): end-to-end tests need a kernel with FUSE", 2)


def time_limit(item):
    marker = item.get_closest_marker("limit")
    return marker.args[0] if marker else LIMIT


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session):
    """Several cases at a time (lib/lanes.py); those that may take long begin."""
    if session.testsfailed or session.config.option.collectonly:
        return None
    count = lanes.wanted(session.config, session.items)
    if count < 2:
        return None
    lanes.run(session, sorted(session.items, key=time_limit, reverse=True), count)
    return True


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    """Time limit around set-up, call and teardown of a test."""
    item.live_mounts = []
    with Watchdog(item.name, time_limit(item), item.live_mounts) as dog:
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


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failing test shows what its daemons said, and of it alone the files are kept."""
    outcome = yield
    report = outcome.get_result()
    if call.when == "call" and item.watchdog.expired and not report.failed:
        report.outcome = "failed"
        report.longrepr = f"{item.name}: the watchdog had to end it"
    if report.failed and call.when == "call":
        for program in [*getattr(item, "live_mounts", []), *getattr(item, "live_sims", [])]:
            name = pathlib.Path(program.log_path).name
            report.sections.append((name, program.output[-8000:]))
    item.has_failed = report.failed or getattr(item, "has_failed", False)
    if call.when == "teardown" and not item.has_failed and "tmp_path" in item.funcargs:
        remove_folder(item.funcargs["tmp_path"])


@pytest.fixture
def open_folder():
    """A folder that every user can enter, as tmp_path is not. A case that mounts in it asks for it
    before it asks for start_mount."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="sparkfs-open-"))
    path.chmod(0o755)
    yield path
    remove_folder(path)


@pytest.fixture
def start_sim(request, tmp_path):
    sims = request.node.live_sims = []

    def start(*options):
        sims.append(Sim(tmp_path, *(options or ("--data", "demo"))))
        return sims[-1]

    yield start
    errors = []
    for sim in sims:
        try:
            sim.stop()
        except AssertionError as e:
            errors.append(str(e))
    assert not errors, "\n".join(errors)


@pytest.fixture
def sim(request, start_sim):
    marker = request.node.get_closest_marker("sim")
    return start_sim(*(marker.args if marker else ()))


@pytest.fixture
def start_mount(request, tmp_path):
    mounts = request.node.live_mounts

    def start(server, *options, **keywords):
        url = server.base if isinstance(server, Sim) else server
        mounts.append(Mount(tmp_path, url, *options, **keywords))
        return mounts[-1]

    yield start
    errors = []
    for mount in mounts:
        try:
            mount.unmount()
        except (AssertionError, OSError) as e:
            errors.append(str(e))
    assert not errors, "\n".join(errors)


@pytest.fixture
def mount(request, sim, start_mount):
    marker = request.node.get_closest_marker("mount")
    return start_mount(sim, *(marker.args if marker else ()),
                       **(marker.kwargs if marker else {}))


@pytest.fixture
def start_person(tmp_path):
    def start(sim, name="home"):
        (tmp_path / name).mkdir()
        return Person(tmp_path / name, sim)
    return start


@pytest.fixture
def person(sim, start_person):
    person = start_person(sim)
    person.integrate()
    return person


@pytest.fixture
def desk(start_sim, start_person):
    return Desk(start_sim, start_person)
