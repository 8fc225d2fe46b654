"""The balance of the storm notices what it is there to notice (tests/storm/balance.py)."""
import collections
import pathlib
import sys
import types

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "storm"))
from balance import Balance  # noqa: E402  pylint: disable=wrong-import-position
from items import Item, tokens_of  # noqa: E402  pylint: disable=wrong-import-position

ARGS = types.SimpleNamespace(seed=5, posts=400, uploads=20, writers=8)
ITEMS = {pair[0]: Item(ARGS.seed, *pair) for writer in range(ARGS.writers)
         for pair in tokens_of(writer, ARGS.posts, ARGS.uploads, ARGS.writers)}


class World:
    """A storm in which all went well, until somebody meddles with it."""

    def __init__(self):
        self.args = ARGS
        self.ledger = collections.defaultdict(list)
        self.server = collections.defaultdict(list)
        self.unsent = []
        for token, item in ITEMS.items():
            for deed in ("post", *item.deeds):
                self.told(item, deed, "ok")
            if "delete" not in item.deeds:
                self.has(item, item.edited if "edit" in item.deeds else item.body)
        self.post = next(i for i in ITEMS.values() if not i.deeds and not i.is_file)
        self.edit, self.deletion, self.both = (
            next(i for i in ITEMS.values() if i.deeds == deeds and not i.is_file)
            for deeds in (("edit",), ("delete",), ("edit", "delete")))

    def read_ledger(self):
        return self.ledger

    def server_messages(self):
        return self.server, []

    def told(self, item, deed, stage, error="EIO"):
        self.ledger[item.token, deed] = [{"stage": stage, "at": 0, "error": error}]

    def has(self, item, *bodies):
        """The server has these under its token, of the time when it was posted."""
        self.server[item.token] = [
            (item.space, {"created": item.token[4:], "files": ["url"] if item.is_file else []},
             body) for body in bodies]

    def keeps(self, data, form="edit-text", state="unsent"):
        self.unsent.append(("a name", data, {"form": form, "state": state}))

    def swap(self):
        """Two messages of one writer in one space."""
        first, second = [self.server[i.token][0][1] for i in ITEMS.values()
                         if i.token[:3] == self.post.token[:3] and i.space == self.post.space
                         and self.server[i.token]][:2]
        first["created"], second["created"] = second["created"], first["created"]


# name -> (what is meddled with, the kinds of violation)
CASES = {
    "nothing": (lambda w: None, set()),
    "a message is gone": (lambda w: w.has(w.post), {"lost"}),
    "two of them": (lambda w: w.has(w.post, w.post.body, w.post.body), {"doubled"}),
    "sent and kept": (lambda w: w.keeps(w.post.body, "text"), {"doubled"}),
    "another order": (World.swap, {"out of order"}),
    "an edit undone": (lambda w: w.has(w.edit, w.edit.body), {"lost", "garbled"}),
    "an edit beside the old text":
        (lambda w: w.has(w.edit, w.edit.body, w.edit.edited), {"doubled", "garbled"}),
    "an edit sent and kept": (lambda w: w.keeps(w.edit.edited), {"doubled"}),
    "a failed edit kept":
        (lambda w: (w.told(w.edit, "edit", "close"), w.has(w.edit, w.edit.body),
                    w.keeps(w.edit.edited)), set()),
    "a failed edit kept, of which no more is known":
        (lambda w: (w.told(w.edit, "edit", "close"), w.has(w.edit, w.edit.body),
                    w.keeps(w.edit.edited, "text")), set()),
    "a failed edit lost":
        (lambda w: (w.told(w.edit, "edit", "close"), w.has(w.edit, w.edit.body)), {"lost"}),
    "a failed edit kept twice":
        (lambda w: (w.told(w.edit, "edit", "close"), w.has(w.edit, w.edit.body),
                    w.keeps(w.edit.edited), w.keeps(w.edit.edited)), {"doubled"}),
    "a failed edit that arrived": (lambda w: w.told(w.edit, "edit", "close"), set()),
    "a failed edit that arrived, in doubt":
        (lambda w: (w.told(w.edit, "edit", "close"),
                    w.keeps(w.edit.edited, state="in-doubt")), set()),
    "a failed edit that arrived, unsent":
        (lambda w: (w.told(w.edit, "edit", "close"), w.keeps(w.edit.edited)), set()),
    "a failed edit without the message":
        (lambda w: (w.told(w.edit, "edit", "close"), w.has(w.edit)), {"lost"}),
    "an edit cut off":
        (lambda w: (w.told(w.edit, "edit", "close", "ENOTCONN"), w.has(w.edit, w.edit.body)),
         set()),
    "an edit that was not written":
        (lambda w: w.told(w.edit, "edit", "write"), {"forged", "garbled"}),
    "an edit without an end":
        (lambda w: w.told(w.edit, "edit", "written"), {"wedged", "garbled"}),
    "a deletion undone": (lambda w: w.has(w.deletion, w.deletion.body), {"undone"}),
    "a failed deletion":
        (lambda w: (w.told(w.deletion, "delete", "close"),
                    w.has(w.deletion, w.deletion.body)), set()),
    "a failed deletion of what is gone":
        (lambda w: w.told(w.deletion, "delete", "close"), set()),
    "a failed deletion that undoes the edit":
        (lambda w: (w.told(w.both, "delete", "close"), w.has(w.both, w.both.body)),
         {"garbled"}),
}


@pytest.mark.parametrize("name", CASES)
def test_balance(name):
    meddle, kinds = CASES[name]
    world = World()
    meddle(world)
    balance = Balance(world, world.unsent)
    balance.check()
    assert {kind for kind, _, _ in balance.bad} == kinds, balance.bad
