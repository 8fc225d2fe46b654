"""The cases of a file side by side: they wait for clocks and servers far longer than they compute.

A lane is a process that is forked once all cases are collected. It takes one case after the other
from a queue that all lanes share, and sends its reports to the first process, where they are
counted and shown as if the case had run there. A lane that dies fails the case that it was at, and
another takes its place. Every lane but the first begins a case only while the processors have time
for it, so that a machine under load is not loaded more.

SPARKFS_TEST_LANES is how many there are: 1 where a case must be alone to be looked at. -x, -s and
--pdb mean 1, too.
"""
import array
import ctypes
import fcntl
import os
import pickle
import random
import selectors
import signal
import struct
import sys
import termios
import time
import traceback

from _pytest.reports import TestReport

DEFAULT = 4
PR_SET_PDEATHSIG = 1
NUMBER = struct.Struct("=I")
# Threads that run or want to, for each processor, of the whole machine: as many are no crowd.
CROWD = 2


def wanted(config, items):
    """How many lanes."""
    option = config.getoption
    if option("maxfail") or option("usepdb") or option("capture") == "no":
        return 1
    return min(int(os.environ.get("SPARKFS_TEST_LANES", DEFAULT)), len(items))


class Sender:
    """In a lane: what is told of its cases goes to the first process."""

    def __init__(self, config, out):
        self.config = config
        self.out = out

    def send(self, what, value):
        data = pickle.dumps((what, value))
        data = NUMBER.pack(len(data)) + data
        while data:
            data = data[os.write(self.out, data):]

    def pytest_runtest_logreport(self, report):
        self.send("report", self.config.hook.pytest_report_to_serializable(
            config=self.config, report=report))


class Lane:
    """In the first process: a lane and what it has said so far."""

    def __init__(self, session, items, number, queue):
        self.number = number
        self.at = None  # index of the case that it is at
        self.has_begun = False
        self.heard = b""
        self.read_fd, write_fd = os.pipe()
        self.pid = os.fork()
        if self.pid:
            os.close(write_fd)
            return
        status = 1
        try:
            work(session, items, number, queue, write_fd)
            status = 0
        except BaseException:  # pylint: disable=broad-except
            traceback.print_exc(file=sys.__stderr__)
        finally:
            os._exit(status)

    def messages(self):
        """Those that are complete, or None at the end."""
        data = os.read(self.read_fd, 1 << 16)
        if not data:
            return None
        self.heard += data
        found = []
        while len(self.heard) >= NUMBER.size:
            end = NUMBER.size + NUMBER.unpack_from(self.heard)[0]
            if len(self.heard) < end:
                break
            found.append(pickle.loads(self.heard[NUMBER.size:end]))
            self.heard = self.heard[end:]
        return found

    def reap(self):
        os.close(self.read_fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def is_empty(queue):
    left = array.array("i", [0])
    fcntl.ioctl(queue, termios.FIONREAD, left)
    return left[0] == 0


def wait_for_room(queue):
    """Until the machine has time for one case more, or there is none."""
    dice = random.Random()
    while not is_empty(queue):
        running = 0
        for _ in range(5):
            with open("/proc/loadavg", encoding="ascii") as f:
                running += int(f.read().split()[3].split("/")[0])
            time.sleep(dice.uniform(0.01, 0.04))
        if running <= 5 * CROWD * os.cpu_count():
            return


class Writer:
    """What is left of the reporter in a lane: pytest 8 asks it how to show why an assertion failed."""

    def __init__(self, reporter):
        self._tw = reporter._tw  # pylint: disable=protected-access


def work(session, items, number, queue, out):
    """A lane, from its beginning to its end."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    config = session.config
    plugins = config.pluginmanager
    for name in ("logging-plugin", "capturemanager"):
        assert plugins.hasplugin(name), name
    reporter = plugins.getplugin("terminalreporter")
    for hook in config.hook.pytest_runtest_logreport.get_hookimpls():
        if hook.plugin not in (session, plugins.getplugin("logging-plugin")):
            plugins.unregister(hook.plugin)
    if reporter:
        plugins.register(Writer(reporter), "terminalreporter")
    # The files that the output of a case is caught in are to be its own.
    capture = plugins.getplugin("capturemanager")
    capture.read_global_capture()
    capture.stop_global_capturing()
    capture.start_global_capturing()
    sender = Sender(config, out)
    plugins.register(sender, "lane")
    while True:
        if number > 0:
            wait_for_room(queue)
        data = os.read(queue, NUMBER.size)
        if not data:
            return
        index, = NUMBER.unpack(data)
        sender.send("begins", index)
        # None: nothing that a case has set up is kept for the next one.
        config.hook.pytest_runtest_protocol(item=items[index], nextitem=None)
        sender.send("ends", index)


def report_lost(config, item, words):
    """Of a case that nobody reports: it failed."""
    for when, outcome, text in (("call", "failed", words), ("teardown", "passed", None)):
        report = TestReport(item.nodeid, item.location, {}, outcome, text, when)
        config.hook.pytest_runtest_logreport(report=report)


def run(session, items, count):
    """All cases in `count` lanes."""
    config = session.config
    # Where the directories of cases are is decided once.
    config._tmp_path_factory.getbasetemp()  # pylint: disable=protected-access
    queue, fill = os.pipe()
    os.write(fill, b"".join(map(NUMBER.pack, range(len(items)))))
    os.close(fill)
    selector = selectors.DefaultSelector()

    def add_lane(number):
        lane = Lane(session, items, number, queue)
        selector.register(lane.read_fd, selectors.EVENT_READ, lane)

    for number in range(count):
        add_lane(number)
    left = dict(enumerate(items))
    while selector.get_map():
        for key, _ in selector.select():
            lane = key.data
            messages = lane.messages()
            if messages is None:
                selector.unregister(key.fd)
                status = lane.reap()
                if lane.at is not None:
                    report_lost(config, left.pop(lane.at), f"its lane ended with {status}")
                if lane.has_begun and not is_empty(queue):
                    add_lane(lane.number)
            for what, value in messages or ():
                if what == "report":
                    report = config.hook.pytest_report_from_serializable(config=config, data=value)
                    config.hook.pytest_runtest_logreport(report=report)
                elif what == "begins":
                    lane.at = value
                    lane.has_begun = True
                else:
                    lane.at = None
                    left.pop(value)
    os.close(queue)
    for item in left.values():
        report_lost(config, item, "no lane came to it")
