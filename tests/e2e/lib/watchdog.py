"""A time limit for each test that also un-wedges file systems.

pytest-timeout cannot help when the test itself sits in an uninterruptible
system call of the mount under test. This one looks at every live mount, aborts
its FUSE connection (which always frees the caller), and then interrupts the
test by a signal.
"""
import faulthandler
import os
import signal
import sys
import threading

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

    def __enter__(self):
        signal.signal(signal.SIGUSR2, self.interrupt)
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join(scaled(60))

    def interrupt(self, _signum, _frame):
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
        if not self.over.is_set():
            signal.pthread_kill(self.main, signal.SIGUSR2)
        if not self.over.wait(scaled(60)):
            print(f"*** {self.name}: cannot be interrupted", file=sys.__stderr__, flush=True)
            os._exit(98)
