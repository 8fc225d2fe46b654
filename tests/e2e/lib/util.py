"""Waiting with a deadline, and how slow this build is."""
import os
import time

# How many times slower than a plain build the programs under test run.
SLOW = float(os.environ.get("SPARKFS_TEST_SLOW", "1"))


def scaled(seconds):
    """A deadline in seconds, stretched for sanitizer builds."""
    return seconds * SLOW


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
