#!/usr/bin/python3
"""usage: SPARKFS=<sparkfs of commit a566011> WEBEXSIM=<webexsim> make_a566011.py

How a566011.sql and a566011.json came to be: a store of schema 3 most of whose texts were dropped
(evicted), as SQL, and the state of the simulator that it knows. All of it lies in 2024, so that no
test of it depends on the date.
"""
import json
import os
import pathlib
import sqlite3
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from lib.mount import Mount  # noqa: E402
from lib.sim import Sim  # noqa: E402
from lib.util import wait_until  # noqa: E402

NAME = "a566011"


def seed(sim):
    room = sim.control("POST", "/rooms", {
        "title": "Old", "person": "alice@example.com", "members": ["bob@example.com"],
        "created": "2024-01-02T08:00:00.000Z"})["id"]
    first = None
    for month in range(1, 5):
        for day in range(3, 15):
            text = f"Entry {month}/{day}" + "\nand a second line" * (day % 3)
            form = ({"markdown": f"**{text}**"} if day % 5 == 0 else
                    {"html": f"<p>{text} &amp; more</p>", "text": text} if day % 7 == 0 else
                    {"text": text + "\n" * (day % 2)})
            if first and day == 9:
                form["parentId"] = first
            made = sim.add_messages(room=room, person="bob@example.com" if day % 2 else
                                    "alice@example.com",
                                    created=f"2024-{month:02}-{day:02}T09:30:00.000Z", **form)
            first = first or made["items"][0]["id"]


def dump(store):
    db = sqlite3.connect(store)
    marks = [f"PRAGMA {name}={db.execute('PRAGMA ' + name).fetchone()[0]};"
             for name in ("application_id", "user_version")]
    return "\n".join([*marks, *db.iterdump()]) + "\n"


def main():
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        state = tmp / "sim.json"
        sim = Sim(tmp, "--data", "empty", "--state", state)
        seed(sim)
        mount = Mount(tmp, sim.base, "account=old", "cache_messages=10", "recent=5")
        for month in sorted(os.listdir(mount.space("Old") / "history")):
            folder = mount.space("Old") / "history" / month
            for name in os.listdir(folder):
                os.stat(folder / name)
        status = mount.path / ".sparkfs/status.json"
        wait_until(lambda: json.loads(status.read_text())["bodies"] <= 10, 60, "texts to be dropped")
        mount.unmount()
        sim.stop()
        (HERE / f"{NAME}.json").write_bytes(state.read_bytes())
        (HERE / f"{NAME}.sql").write_text(dump(mount.state / "cache/sparkfs/old/store.db"))


main()
