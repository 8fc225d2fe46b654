"""A time limit for each test that also un-wedges file systems.

pytest-timeout cannot help when the test itself sits in an uninterruptible
system call of the mount under test. This one looks at every live mount, aborts
its FUSE connection (which always frees the caller), and then interrupts the
test by a signal.
"""
import contextlib
import faulthandler
import os
import signal
import sys
import threading
import time

from .util import scaled

LIMIT = 60


class TestTimeout(BaseException):
    """Raised in the main thread; no `except Exception` swallows it."""


class Watchdog:
    def __init__(self, name, seconds, mounts):
        self.name = name
        self.seconds = scaled(seconds)
        self.mounts = mounts
        self.over = threading.Event()
        self.expired = False
        self.main = threading.main_thread().ident
        # Whether a phase of the test runs; pytest itself is not to be interrupted.
        self.armed = False

    def __enter__(self):
        signal.signal(signal.SIGUSR2, self.interrupt)
        # The last resort needs no Python: a system call may hold its lock.
        faulthandler.dump_traceback_later(self.seconds + scaled(120), exit=True,
                                          file=sys.__stderr__)
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join(scaled(60))
        faulthandler.cancel_dump_traceback_later()

    @contextlib.contextmanager
    def watching(self):
        """A phase of the test, which may be interrupted."""
        self.armed = True
        try:
            yield
        finally:
            self.armed = False

    def interrupt(self, _signum, _frame):
        if not self.armed:
            return
        self.armed = False
        raise TestTimeout(f"{self.name}: not done within {self.seconds:g} s")

    def watch(self):
        if self.over.wait(self.seconds):
            return
        self.expired = True
        print(f"*** {self.name}: not done within {self.seconds:g} s", file=sys.stderr)
        faulthandler.dump_traceback(file=sys.__stderr__, all_threads=True)
        for mount in list(self.mounts):
            if not mount.ended:
                print(mount.force(f"watchdog of {self.name}"), file=sys.stderr, flush=True)
        end = time.monotonic() + scaled(60)
        while time.monotonic() < end:
            signal.pthread_kill(self.main, signal.SIGUSR2)
            if self.over.wait(0.5):
                return
        print(f"*** {self.name}: cannot be interrupted", file=sys.__stderr__, flush=True)
        os._exit(98)
