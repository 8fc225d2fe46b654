"""A writer of the storm, a process of its own: it posts its items in order, edits and deletes
some of them later, and keeps a ledger of what open, write, close and unlink said.

A line of the ledger is what became of a deed (post, edit, delete) so far:

    opened     it has begun               written    all bytes are with sparkfs
    ok         it was told success        close      it was told an error by close (or unlink)
    write      ... by write               open       ... by open; nothing was accepted
    unfound    (edit, delete) its name was not found
"""
import collections
import datetime
import errno
import json
import os
import pathlib
import time

from items import Item, tokens_of
from lib.util import SLOW

PATIENCE_S = {"post": 120, "edit": 40, "delete": 40}
CLOCKS_DIFFER_S = 1


def stamp(seconds):
    """A time in the form with which names of messages begin."""
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc) \
        .strftime("%Y-%m-%dT%H-%M-%S.%f")[:23]


class Writer:
    def __init__(self, args):
        self.current = pathlib.Path(args.current)
        self.items = [Item(args.seed, *pair) for pair in
                      tokens_of(args.writer, args.posts, args.uploads, args.writers)]
        self.ledger = open(args.ledger, "a", encoding="utf-8")
        self.times = {}
        self.due = collections.defaultdict(list)

    def note(self, item, deed, stage, error=None, **more):
        entry = {"token": item.token, "deed": deed, "stage": stage, "at": time.time(),
                 "error": errno.errorcode.get(error, error), **more}
        self.ledger.write(json.dumps(entry) + "\n")
        self.ledger.flush()
        return stage == "ok"

    def run(self):
        for i, item in enumerate(self.items):
            if self.post(item) and item.deeds:
                self.due[i + item.later].append(item)
            for ripe in self.due.pop(i, []):
                self.do_deeds(ripe)
        for items in self.due.values():
            for item in items:
                self.do_deeds(item)

    def folder(self, item):
        """The folder of the item's space in the current mount."""
        return pathlib.Path(os.readlink(self.current)) / "spaces" / item.space

    def waits(self, deed):
        """Yields at growing intervals until the patience for the deed is over."""
        end = time.monotonic() + PATIENCE_S[deed] * SLOW
        pause = 0.01
        while True:
            yield
            if time.monotonic() > end:
                return
            time.sleep(pause)
            pause = min(pause * 2, 0.5)

    def open(self, item, deed, name, flags):
        """Opens the file, again and again until it succeeds: no byte is accepted before."""
        refused = collections.Counter()
        error = None
        for _ in self.waits(deed):
            try:
                fd = os.open(self.folder(item) / name, os.O_WRONLY | flags, 0o644)
                self.note(item, deed, "opened", refused=refused)
                return fd
            except OSError as e:
                error = e.errno
                refused[errno.errorcode.get(error, str(error))] += 1
        self.note(item, deed, "open", error, refused=refused)
        return None

    def fill(self, item, deed, fd, data):
        """Writes all data and closes. Returns True when write and close succeeded."""
        size = -(-len(data) // item.pieces)
        failed = None
        for at in range(0, len(data), size):
            try:
                piece = data[at:at + size]
                while piece:
                    piece = piece[os.write(fd, piece):]
            except OSError as e:
                failed = e.errno
                break
            time.sleep(item.pause)
        if failed is None:
            self.note(item, deed, "written")
        try:
            os.close(fd)
        except OSError as e:
            if failed is None:
                return self.note(item, deed, "close", e.errno)
        if failed is not None:
            return self.note(item, deed, "write", failed)
        return self.note(item, deed, "ok")

    def post(self, item):
        began = time.time()
        fd = self.open(item, "post", item.name,
                       item.flags | (os.O_CREAT if item.is_file else 0))
        done = fd is not None and self.fill(item, "post", fd, item.bytes())
        self.times[item.token] = (stamp(began - CLOCKS_DIFFER_S),
                                  stamp(time.time() + CLOCKS_DIFFER_S))
        return done

    # Deeds on messages of its own.

    def do_deeds(self, item):
        for deed in item.deeds:
            name = item.name if item.is_file else self.find(item, deed)
            if name is None or not getattr(self, deed)(item, name):
                return

    def find(self, item, deed):
        """The name of the message in its space."""
        since, until = self.times[item.token]
        looks, error = 0, None
        for _ in self.waits(deed):
            try:
                folder = self.folder(item)
                names = [n for n in os.listdir(folder) if since <= n[:23] <= until
                         and n.endswith(".txt")]
                looks += 1
                for name in names:
                    if (folder / name).read_bytes().startswith(item.token.encode()):
                        return name
            except OSError as e:
                error = e.errno
        self.note(item, deed, "unfound", error, looks=looks)
        return None

    def edit(self, item, name):
        if item.form == "post.md":
            name = name.replace(".txt", ".md")
        fd = self.open(item, "edit", name, os.O_TRUNC)
        return fd is not None and self.fill(item, "edit", fd, item.edited_bytes())

    def delete(self, item, name):
        """Deletes the file. ENOENT counts as success: an earlier attempt may have deleted it."""
        tries = 0
        for _ in self.waits("delete"):
            folder = self.folder(item)
            self.note(item, "delete", "opened")
            try:
                os.unlink(folder / name)
                return self.note(item, "delete", "ok")
            except OSError as e:
                error = e.errno
            if error == errno.ENOENT and os.path.isdir(folder):
                return self.note(item, "delete", "ok", error)
            # These errors come from a mount that has ended, and say nothing of the deletion.
            tries += error not in (errno.ENOENT, errno.ENOTCONN)
            if tries == item.removals:
                break
        return self.note(item, "delete", "close", error)
