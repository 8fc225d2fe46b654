"""Sizes belong to a form of text: those of an older form are found anew before anybody is told.

The store is one that a566011 left, most of its texts dropped (data/make_a566011.py).
"""
import os
import pathlib
import shutil
import sqlite3
import time

import pytest

from lib.tree import check_sizes, error_of, files_below, read, stem, txt_bytes
from lib.util import wait_until

DATA = pathlib.Path(__file__).resolve().parent / "data"
MESSAGES, BODIES = 48, 10
# Else the first look at a month of a store of that age compares it with the server (test_walks).
COMPARED = "UPDATE month SET verified_ms=?"
OLD_SIZES = "SELECT count(*) FROM message m JOIN body b ON b.message=m.rowid WHERE m.form=0"


class Old:
    """The account of data/a566011.*, and the server as it was."""

    def __init__(self, tmp_path, start_sim, start_mount):
        state = tmp_path / "sim.json"
        shutil.copy(DATA / "a566011.json", state)
        self.start_mount = start_mount
        self.sim = start_sim("--data", "empty", "--state", state)
        self.messages = self.sim.messages(self.sim.room("Old")["id"], max=100)
        self.state = tmp_path / "xdg"
        for folder in ("cache", "cache/sparkfs", "cache/sparkfs/old"):
            (self.state / folder).mkdir(parents=True, mode=0o700)
        self.store = self.state / "cache/sparkfs/old/store.db"
        with self.sql() as db:
            db.executescript((DATA / "a566011.sql").read_text())
        self.store.chmod(0o600)
        self.sim.clear_log()

    def sql(self):
        return sqlite3.connect(self.store)

    def number(self, query):
        db = self.sql()
        found = db.execute(query).fetchone()[0]
        db.close()
        return found

    def mount(self, *options):
        mount = self.start_mount(self.sim, "account=old", "cache_messages=all", "recent=5",
                                 *options, state=self.state)
        self.history = mount.space("Old") / "history"
        return mount

    def age(self):
        """Makes the sizes those of an older form of text, which is ten bytes shorter."""
        self.mount().unmount()
        db = self.sql()
        db.execute("UPDATE message SET form=0, txt_size=max(txt_size-10, 1),"
                   " log_size=log_size-10")
        db.execute("DELETE FROM meta WHERE key='sizes.form'")
        db.execute(COMPARED, (time.time_ns() // 1_000_000,))
        db.commit()
        db.close()
        self.sim.clear_log()

    def renew(self):
        """Makes the sizes of texts those of the present form, also where the text is gone."""
        mount = self.mount()
        wait_until(lambda: self.number("SELECT count(*) FROM message m JOIN body b ON "
                                       "b.message=m.rowid WHERE m.form<2") == 0, 20, "sizes")
        mount.unmount()
        db = self.sql()
        db.execute("UPDATE message SET form=(SELECT max(form) FROM message)")
        for message in self.messages:
            db.execute("UPDATE message SET txt_size=? WHERE stem=?",
                       (len(txt_bytes(message)), stem(message)))
        db.execute("INSERT OR REPLACE INTO meta(key, value) SELECT 'sizes.form', max(form)"
                   " FROM message")
        db.execute(COMPARED, (time.time_ns() // 1_000_000,))
        db.commit()
        db.close()
        self.sim.clear_log()

    def path(self, message):
        return self.history / message["created"][:7] / f"{stem(message)}.txt"

    def pages(self):
        """Requests for old messages: those for the newest ones are about news."""
        return len(self.sim.requests("GET", "/messages", "before"))

    def check(self):
        """By cat, which reads as much as stat says."""
        for message in self.messages:
            path = self.path(message)
            assert os.stat(path).st_size == len(txt_bytes(message)), path
            assert read(path) == txt_bytes(message)


@pytest.fixture
def old(tmp_path, start_sim, start_mount):
    return Old(tmp_path, start_sim, start_mount)


def test_a_store_of_the_same_form_keeps_its_sizes(old):
    """While no form has changed, the mount does not fetch dropped texts for their sizes."""
    old.renew()
    old.mount()
    sizes = {os.path.basename(path): st.st_size for path, st in files_below(old.history)
             if path.endswith(".txt")}
    assert sizes == {f"{stem(m)}.txt": len(txt_bytes(m)) for m in old.messages}
    assert old.pages() == 0
    assert old.number("SELECT count(*) FROM body") == BODIES
    old.check()


def test_sizes_of_an_older_form_are_found_in_the_background(old):
    old.age()
    assert old.number(OLD_SIZES) == BODIES
    old.mount()
    wait_until(lambda: old.number(OLD_SIZES) == 0, 20, "sizes to be found")
    assert old.pages() == 0
    # A dropped text is fetched only when a program wants it.
    assert old.number("SELECT count(*) FROM message WHERE form=0") == MESSAGES - BODIES


def test_a_size_of_an_older_form_is_told_to_nobody(old):
    old.age()
    mount = old.mount()
    old.check()
    # Neighbours come with one page.
    assert old.pages() <= 4
    check_sizes(mount.space("Old"))
    transcript = mount.space("Old") / "transcript.log"
    assert os.stat(transcript).st_size == len(read(transcript))


def test_a_transcript_of_an_older_form_has_its_size(old):
    old.age()
    old.mount()
    for month in ("2024-01", "2024-04"):
        path = old.history / month / "transcript.log"
        assert os.stat(path).st_size == len(read(path)) > 500


def test_listing_alone_fetches_nothing(old):
    """ls and find ask for no size."""
    old.age()
    old.mount()
    for month in os.listdir(old.history):
        assert len(list(os.scandir(old.history / month))) == 14
    assert old.pages() == 0


def test_without_network_no_size_is_better_than_a_wrong_one(old):
    old.age()
    mount = old.mount()
    wait_until(lambda: old.number(OLD_SIZES) == 0, 20, "sizes to be found")
    with_body = {row[0] for row in old.sql().execute(
        "SELECT m.stem FROM message m JOIN body b ON b.message=m.rowid")}
    old.sim.kill()
    for message in old.messages:
        if stem(message) in with_body:
            assert os.stat(old.path(message)).st_size == len(txt_bytes(message))
        else:
            assert error_of(os.stat, old.path(message)) in {
                "ECONNREFUSED", "ENETUNREACH", "EHOSTUNREACH", "ETIMEDOUT"}
    mount.unmount()
