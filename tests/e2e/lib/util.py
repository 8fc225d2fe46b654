"""What the helpers share: deadlines, the environment of programs under test."""
import os
import re
import shutil
import time

# How many times slower than a plain build the programs under test run.
SLOW = float(os.environ.get("SPARKFS_TEST_SLOW", "1"))

SUSPICIOUS = re.compile(
    r"(ERROR|WARNING|SUMMARY): \w*Sanitizer|runtime error:|[Aa]ssert(ion)?\b|==\d+==|"
    r"(GLib|GLib-GObject)[\w-]*-(CRITICAL|WARNING|ERROR)|\*\* ?(CRITICAL|ERROR)|"
    r"double free|stack smashing|free\(\): |malloc\(\): |core dumped")


def scaled(seconds):
    """A deadline in seconds, stretched for sanitizer builds."""
    return seconds * SLOW


def hurry_rate(wanted):
    """How many times as fast a program's time passes that is to pass `wanted` times as fast.

    1 where it cannot (under ThreadSanitizer), or with SPARKFS_TEST_HURRY=off in the environment.
    """
    is_off = os.environ.get("SPARKFS_TEST_HURRY") == "off"
    return wanted if os.environ.get("HURRY_LIBRARY") and not is_off else 1


def wait_until(condition, deadline=10, what=None):
    """Calls condition until it returns something true, and returns that.

    An AssertionError or OSError from the condition counts as "not yet". Fails
    the test once `deadline` seconds (stretched by SLOW) are over.
    """
    end = time.monotonic() + scaled(deadline)
    pause = 0.005
    while True:
        error = None
        try:
            value = condition()
            if value:
                return value
        except (AssertionError, OSError) as e:
            error = e
        if time.monotonic() > end:
            name = what or getattr(condition, "__name__", "condition")
            raise AssertionError(f"not within {scaled(deadline):g} s: {name}"
                                 + (f" (last: {error!r})" if error else "")) from error
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)


def default_env():
    """Environment of a program under test: sanitizers speak up and stop."""
    supp = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tsan.supp")
    return {
        "G_SLICE": "always-malloc",
        "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:exitcode=99:strict_string_checks=1:"
                        # What was freed is held back; too much of it hides what a program uses.
                        "detect_stack_use_after_return=1:quarantine_size_mb=64",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        "TSAN_OPTIONS": f"suppressions={os.path.normpath(supp)}:halt_on_error=0:exitcode=99:"
                        "second_deadlock_stack=1",
    }


def suspicious(text):
    """The first line of a program's output that no sound program prints, or None."""
    return next((line for line in text.splitlines() if SUSPICIOUS.search(line)), None)


def daemon_argv(argv):
    """The command, so that the kernel ends it when the test program is killed."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", *argv] if setpriv else list(argv)
