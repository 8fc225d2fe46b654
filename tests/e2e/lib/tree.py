"""What the tree is expected to show of the simulator's objects, and looking at it."""
import base64
import calendar
import collections
import errno
import json
import os
import re
import stat
import threading
import time

from .util import scaled

FIXED = ["archive", "files", "history", "last", "members", "mentions", "post", "post.json",
         "post.md", "space.json", "threads", "transcript.log"]
TWINS = [".txt", ".md", ".html", ".json"]


def stem(message):
    """The file name of a message without its ending."""
    return message["created"].replace(":", "-") + "_" + message["personEmail"]


def txt_name(message):
    return stem(message) + ".txt"


def txt_bytes(message):
    """What cat shows of a message that has a text: of Markdown in several lines those."""
    text, markdown = message["text"], message.get("markdown", "")
    if markdown.strip("\n").count("\n") > text.strip("\n").count("\n"):
        text = re.sub("<spark-mention[^>]*>([^<]*)</spark-mention>", r"\1", markdown)
    return (text if text.endswith("\n") else text + "\n").encode()


def uuid_hex(public_id):
    """The hex digits of the UUID in a public id."""
    text = base64.b64decode(public_id + "=" * (-len(public_id) % 4)).decode()
    return text.rsplit("/", 1)[1].replace("-", "")


def millis(iso):
    """Milliseconds since 1970 of a time of the API."""
    found = re.fullmatch(r"(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)\.(\d{3})Z", iso)
    assert found, iso
    year, month, day, hour, minute, second, ms = (int(n) for n in found.groups())
    return calendar.timegm((year, month, day, hour, minute, second)) * 1000 + ms


def messages_in(directory):
    """Names of the messages listed in a space."""
    return [n for n in sorted(os.listdir(directory)) if n.endswith(".txt")]


def stems(directory):
    """{message id: stem}: also where several of one author share a millisecond."""
    return {json.loads(read(os.path.join(directory, n[:-4] + ".json")))["id"]: n[:-4]
            for n in messages_in(directory)}


def error_of(function, *args):
    """The name of the errno that function fails with, or None."""
    try:
        function(*args)
    except OSError as e:
        return errno.errorcode[e.errno]
    return None


def read(path):
    with open(path, "rb") as f:
        return f.read()


def files_below(top):
    """(path, lstat) of everything below top."""
    for folder, dirs, names in os.walk(top):
        for name in [*dirs, *names]:
            path = os.path.join(folder, name)
            yield path, os.lstat(path)


def check_sizes(top):
    """st_size of every regular file below is what reading it gives. Returns how many."""
    count = 0
    for path, st in files_below(top):
        if stat.S_ISREG(st.st_mode):
            assert len(read(path)) == st.st_size, path
            assert st.st_blocks == (st.st_size + 511) // 512, path
            count += 1
    return count


def asked(sim):
    """The requests so far, as "METHOD path" with the query's values left out."""
    return [f"{r['method']} {r['path'].removeprefix('/v1')}" for r in sim.log()]


class Timed:
    """with Timed(1): ... fails if the block takes longer (stretched for slow builds)."""

    def __init__(self, seconds, what=""):
        self.limit = scaled(seconds)
        self.what = what

    def __enter__(self):
        self.start = time.monotonic()
        return self

    def __exit__(self, kind, *_):
        self.seconds = time.monotonic() - self.start
        if kind is None:
            assert self.seconds < self.limit, \
                f"{self.what or 'it'} took {self.seconds:.2f} s, not {self.limit:g} s"


def parallel(function, items):
    """function(item) for each, all at the same time: [(result, OSError or None)]."""
    items = list(items)
    results = [None] * len(items)
    gate = threading.Barrier(len(items))

    def work(i):
        gate.wait()
        try:
            results[i] = (function(items[i]), None)
        except OSError as e:
            results[i] = (None, e)

    threads = [threading.Thread(target=work, args=(i,), daemon=True) for i in range(len(items))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert None not in results
    return results


def on_tracks(function, tracks, rows):
    """function(track, row) for each row, on whichever track is free, all tracks at the same time.

    The first row that fails ends its track and fails the test.
    """
    left = collections.deque(rows)
    errors = []

    def work(track):
        try:
            while True:
                try:
                    row = left.popleft()
                except IndexError:
                    return
                function(track, row)
        except BaseException as e:  # pylint: disable=broad-except
            e.add_note(f"row {row!r}")
            errors.append(e)

    parallel(work, tracks)
    if errors:
        raise errors[0]
    assert not left
