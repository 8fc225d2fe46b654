"""Runs many programs beside each other on few processors.

Most tests wait for a server, a clock or a mount far longer than they compute, so far more of them
run at a time than there are processors. The pool starts the next one while the processors have
time to spare, and counts only what is not niced: builds and lint run niced and take what is left.
"""
import contextlib
import os
import signal
import subprocess
import tempfile
import time

TICK = os.sysconf("SC_CLK_TCK")
NICE = 5


def cpu_count():
    return len(os.sched_getaffinity(0))


class Job:
    """A program to run. `done(job)` is called when it has ended, in the pool's thread."""

    def __init__(self, name, argv, done, *, env=None, cwd=None, timeout=600, expected=1.0,
                 nice=0, alone=False):
        self.name = name
        self.argv = argv
        self.done = done
        self.env = env
        self.cwd = cwd
        self.timeout = timeout      # seconds
        self.expected = expected    # seconds; the longest is started first
        self.nice = nice            # niced: a filler, not counted
        self.alone = alone          # only when nothing else runs
        self.status = None          # as subprocess.Popen.returncode
        self.timed_out = False
        self.seconds = self.cpu = 0.0

    def start(self):
        self.out = tempfile.TemporaryFile()
        self.err = tempfile.TemporaryFile()
        argv = ["nice", "-n", str(self.nice), *self.argv] if self.nice else self.argv
        self.began = time.monotonic()
        self.stopping = None
        self.process = subprocess.Popen(argv, env=self.env, cwd=self.cwd, stdout=self.out,
                                        stderr=self.err, stdin=subprocess.DEVNULL,
                                        start_new_session=True)

    def poll(self):
        """Whether it has ended; ends it when its time is over."""
        pid, status, usage = os.wait4(self.process.pid, os.WNOHANG)
        now = time.monotonic()
        if pid == 0:
            if self.stopping is None and now - self.began > self.timeout:
                self.timed_out = True
                self.stop()
            elif self.stopping is not None and now - self.stopping > 10:
                self.signal(signal.SIGKILL)
            return False
        self.process.returncode = self.status = os.waitstatus_to_exitcode(status)
        self.seconds = now - self.began
        self.cpu = usage.ru_utime + usage.ru_stime
        self.stdout = self.text(self.out)
        self.stderr = self.text(self.err)
        return True

    def stop(self):
        self.stopping = time.monotonic()
        self.signal(signal.SIGTERM)

    def signal(self, number):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)

    @staticmethod
    def text(file):
        file.seek(0)
        text = file.read().decode(errors="replace")
        file.close()
        return text


class Load:
    """How busy un-niced processes kept the processors over the last two seconds or so."""

    def __init__(self):
        self.samples = [(time.monotonic(), self.read())]
        self.share = 0.0

    @staticmethod
    def read():
        with open("/proc/stat", encoding="ascii") as stat:
            fields = [int(word) for word in stat.readline().split()[1:]]
        user, _nice, system = fields[:3]
        return (user + system + sum(fields[5:7])) / TICK

    def update(self):
        now, busy = time.monotonic(), self.read()
        self.samples.append((now, busy))
        while len(self.samples) > 2 and now - self.samples[1][0] > 2:
            self.samples.pop(0)
        past, was = self.samples[0]
        if now > past:
            self.share = (busy - was) / (now - past) / cpu_count()


class Pool:
    """Jobs wait, longest first, and run. add() may be called by a job's done()."""

    # At least this many tests run for each processor, at most that many.
    FEW, MANY = 2.5, 10
    # Below this share of busy processors another test is started.
    BUSY = 0.8
    # A new test shows in the load only once it has begun.
    PAUSE = 0.3

    def __init__(self):
        self.waiting = []
        self.fillers = []
        self.running = []
        self.load = Load()
        self.last = 0.0
        self.most = 0

    def add(self, job, first=False):
        if job.nice and first:
            self.fillers.insert(0, job)
        elif job.nice:
            self.fillers.append(job)
        else:
            self.waiting.append(job)
            self.waiting.sort(key=lambda j: (j.alone, -j.expected))

    def counted(self):
        return sum(1 for job in self.running if not job.nice)

    def may_start(self):
        if not self.waiting:
            return False
        count = self.counted()
        if self.waiting[0].alone:
            return not self.running and not self.fillers
        if any(job.alone for job in self.running):
            return False
        if count < self.FEW * cpu_count():
            return True
        return (count < self.MANY * cpu_count() and self.load.share < self.BUSY
                and time.monotonic() - self.last > self.PAUSE)

    def start(self, job):
        job.start()
        self.running.append(job)
        if not job.nice:
            self.last = time.monotonic()
            self.most = max(self.most, self.counted())

    def step(self):
        self.load.update()
        for job in list(self.running):
            if job.poll():
                self.running.remove(job)
                job.done(job)
        if self.fillers and not any(job.nice for job in self.running):
            self.start(self.fillers.pop(0))
        while self.may_start():
            self.start(self.waiting.pop(0))

    def run(self):
        """Returns when nothing waits and nothing runs."""
        try:
            while self.waiting or self.fillers or self.running:
                self.step()
                time.sleep(0.05)
        finally:
            self.abandon()

    def abandon(self):
        """Ends what still runs: somebody pressed Ctrl-C, or the pool itself failed."""
        for job in self.running:
            job.stop()
        end = time.monotonic() + 10
        while self.running and time.monotonic() < end:
            self.running = [job for job in self.running if not job.poll()]
            time.sleep(0.05)
        for job in self.running:
            job.signal(signal.SIGKILL)
