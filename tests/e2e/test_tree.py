"""What is in the tree: structure, names, modes, sizes, times, inodes, unlisted names."""
import json
import os
import re
import signal
import sqlite3
import stat
import unicodedata

import pytest

from lib.shell import argv_as, kill_group, start_cmd
from lib.tree import (FIXED, TWINS, asked, check_sizes, error_of, files_below, messages_in,
                      millis, parallel, read, stem, txt_bytes, txt_name, uuid_hex)
from lib.util import wait_until

BUOY = "Harbour buoy project"


# Structure.


def test_root_and_control_directory(mount):
    assert mount.ls() == ["README", "api", "direct", "events", "mentions", "people",
                          "spaces", "teams", "webhooks"]
    assert mount.ls(".sparkfs") == ["api", "archive", "last-answer", "last-error", "log", "mentions",
                                    "status.json", "transfers", "unsent", "views"]
    assert mount.ls(".sparkfs/unsent") == []


def test_spaces_and_direct_hold_every_room_once(sim, mount):
    rooms = sim.rooms()
    titles = sorted(r["title"] for r in rooms if r["type"] == "group")
    shown = mount.ls("spaces")
    assert len(shown) == len(titles) == 11
    # Two are called Lunch: the older one keeps the plain name.
    lunches = sorted((r for r in rooms if r["title"] == "Lunch"), key=lambda r: r["created"])
    expected = [t.replace("/", "\u2215") for t in titles]
    expected[expected.index("Lunch", expected.index("Lunch") + 1)] = \
        "Lunch ~" + uuid_hex(lunches[1]["id"])[:8]
    assert shown == sorted(expected)
    assert json.loads(read(mount / "spaces/Lunch/space.json"))["id"] == lunches[0]["id"]
    assert mount.ls("direct") == sorted(r["title"] for r in rooms if r["type"] == "direct")


def test_a_space_lists_its_messages_and_fixed_files(sim, mount):
    for room in sim.rooms():
        name = room["title"].replace("/", "\u2215")
        if room["title"] == "Lunch":
            continue
        listed = mount.ls(("spaces/" if room["type"] == "group" else "direct/") + name)
        messages = sim.messages(room["id"])
        expected = [txt_name(m) for m in messages] + FIXED
        if not any(m["personEmail"] == "alice@example.com" for m in messages):
            expected.remove("last")
        assert listed == sorted(expected)


@pytest.mark.mount("recent=5")
def test_recent_lists_the_newest(sim, mount):
    messages = sim.messages(sim.room(BUOY)["id"])
    assert messages_in(mount.space(BUOY)) == sorted(txt_name(m) for m in messages[:5])


def test_every_size_is_exact(mount):
    # 11 spaces with a few files each, all members, all direct spaces.
    assert check_sizes(mount.path) > 150


def test_listing_agrees_with_stat(mount):
    """readdirplus and getattr are two ways to the same attributes."""
    seen = mount.run("find . -printf '%p|%i|%s|%m|%T@|%n\\n'", check=True).lines()
    for line in seen:
        path, ino, size, mode, mtime, nlink = line.rsplit("|", 5)
        st = os.lstat(mount / path)
        assert (st.st_ino, st.st_size, st.st_nlink) == (int(ino), int(size), int(nlink)), path
        assert stat.S_IMODE(st.st_mode) == int(mode, 8), path
        assert abs(st.st_mtime_ns / 1e9 - float(mtime)) < 1e-6 or path.endswith(
            ("/post", "/post.md", "/post.json")), path


# Modes, times, links.


def test_modes_say_what_may_be_written(sim, mount):
    space = mount.space(BUOY)
    for m in sim.messages(sim.room(BUOY)["id"]):
        own = m["personEmail"] == "alice@example.com" and not m.get("files")
        txt = stat.S_IMODE(os.stat(space / txt_name(m)).st_mode)
        md = stat.S_IMODE(os.stat(space / (stem(m) + ".md")).st_mode)
        assert txt == (0o644 if own and not m.get("markdown") else 0o444), m
        assert md == (0o644 if own and m.get("markdown") else 0o444), m
        for twin in (".html", ".json"):
            assert stat.S_IMODE(os.stat(space / (stem(m) + twin)).st_mode) == 0o444
    for name in ("post", "post.md", "post.json", "space.json", "members/bob@example.com"):
        assert stat.S_IMODE(os.stat(space / name).st_mode) == 0o644, name
    for name in ("spaces", f"spaces/{BUOY}", f"spaces/{BUOY}/members", ".sparkfs/unsent"):
        assert stat.S_IMODE(os.stat(mount / name).st_mode) == 0o755, name
    for name in ("", "direct", "people", ".sparkfs", ".sparkfs/views"):
        assert stat.S_IMODE(os.stat(mount / name).st_mode) == 0o555, name
    for name in ("people/me.json", ".sparkfs/status.json", ".sparkfs/log"):
        assert stat.S_IMODE(os.stat(mount / name).st_mode) == 0o444, name


@pytest.mark.mount("uid=1234,gid=2345,umask=077")
def test_owner_and_umask_are_options(mount):
    for path, st in files_below(mount / "spaces/Lunch"):
        assert (st.st_uid, st.st_gid) == (1234, 2345), path
        assert stat.S_ISLNK(st.st_mode) or not st.st_mode & 0o077, path


@pytest.mark.mount("allow_other,uid=1234,gid=2345,umask=007")
def test_a_smaller_umask_lets_others_write(sim, mount):
    """What may be written has 666 and 777 before the umask, all else 444 and 555."""
    modes = {}
    for path, st in files_below(mount.path):
        if os.path.basename(path) == "webhooks":
            assert stat.S_IMODE(st.st_mode) == 0o700
        elif not stat.S_ISLNK(st.st_mode):
            may = (0o777, 0o555) if stat.S_ISDIR(st.st_mode) else (0o666, 0o444)
            assert stat.S_IMODE(st.st_mode) in [m & ~0o007 for m in may], path
            modes.setdefault(st.st_mode, path)
    assert len(modes) == 4, modes
    mine = next(m for m in sim.messages(sim.room(BUOY)["id"])
                if m["personEmail"] == "alice@example.com" and not m.get("files")
                and not m.get("markdown"))
    for name in (txt_name(mine), "post", "space.json"):
        assert stat.S_IMODE(os.stat(mount.space(BUOY) / name).st_mode) == 0o660, name

    def write_as(group):
        """A shell of this group writes, edits and copies. How many of the three it could."""
        posts = len(sim.requests("POST")) + len(sim.requests("PUT"))
        script = f"umask 022; echo {group} > post; echo {group} > \"$1\"; cp /etc/hostname {group}"
        mount.run(argv_as(4321, ["sh", "-c", script, "sh", txt_name(mine)], gid=group),
                  cwd=mount.space(BUOY))
        return len(sim.requests("POST")) + len(sim.requests("PUT")) - posts

    if os.geteuid() == 0:
        assert write_as(3456) == 0
        assert write_as(2345) == 3


def test_owner_is_the_mounter(mount):
    for path, st in files_below(mount / "spaces/Lunch"):
        assert (st.st_uid, st.st_gid) == (os.getuid(), os.getgid()), path


def test_times_are_those_of_the_server(sim, mount):
    edited = 0
    for room in sim.rooms(type="group"):
        if room["title"] == "Lunch":
            continue
        space = mount.space(room["title"].replace("/", "\u2215"))
        st = os.stat(space)
        assert st.st_mtime_ns == millis(room["lastActivity"]) * 1000000
        for m in sim.messages(room["id"]):
            st = os.stat(space / txt_name(m))
            edited += "updated" in m
            assert st.st_mtime_ns == millis(m.get("updated", m["created"])) * 1000000, m
            assert st.st_atime_ns == st.st_ctime_ns == st.st_mtime_ns
    assert edited >= 3


def test_link_counts(mount):
    for path, st in files_below(mount.path):
        message = re.search(r"/\d{4}-\d\d-\d\dT[^/]*\.txt$", path)
        assert st.st_nlink == (2 if message else 1), path


def test_ls_t_is_by_activity(sim, mount):
    rooms = sorted(sim.rooms(type="group"), key=lambda r: r["lastActivity"], reverse=True)
    shown = mount.run("ls -t spaces", check=True).lines()
    assert shown[0] == rooms[0]["title"] and shown[-1].startswith("Lunch ~")


# Inodes.


def inodes(top):
    return {os.path.relpath(p, top): st.st_ino for p, st in files_below(top)}


def test_inodes_differ_and_stay_across_mounts(sim, start_mount):
    first = start_mount(sim)
    before = inodes(first.path)
    assert len(set(before.values())) == len(before)
    assert os.stat(first.path).st_ino == 1
    assert max(before.values()) < 2**53
    first.unmount()
    # Things come and go in between.
    lunch = sim.create_room("Aardvarks", ["bob@example.com"])
    sim.post(lunch["id"], "hello")
    sim.api("DELETE", "/messages/" + sim.messages(sim.room(BUOY)["id"])[0]["id"])
    second = start_mount(sim, state=first.state)
    os.listdir(second.space(BUOY))
    after = inodes(second.path)
    gone = set(before) - set(after)
    assert [g for g in gone if "/last" not in g and BUOY in g and g.endswith(".txt")]
    assert len(gone) <= 2
    for name in set(before) & set(after):
        assert before[name] == after[name], name
    new = set(after) - set(before)
    assert {n.split("/")[1] for n in new if n.startswith("spaces/")} == {"Aardvarks"}
    assert not set(before.values()) & {after[n] for n in new}


def test_a_rebuilt_cache_gives_new_numbers(sim, start_mount):
    """What a number once meant, it never means again (tar snapshots, find -newer)."""
    first = start_mount(sim)
    before = {n: i for n, i in inodes(first.path).items() if n.count("/") >= 1}
    first.unmount()
    for folder, _dirs, names in os.walk(first.state / "cache"):
        for name in names:
            os.unlink(os.path.join(folder, name))
    second = start_mount(sim, state=first.state)
    after = {n: i for n, i in inodes(second.path).items() if n.count("/") >= 1}
    same = {n for n in before if n in after and before[n] == after[n]}
    # Fixed kinds are no rows.
    assert same <= {"people/me.json"}
    assert not set(before.values()) & set(after.values()) - {before["people/me.json"]}


# Names.

ODD_TITLES = {
    "a/b": "a\u2215b",
    "//": "\u2215\u2215",
    "fire \U0001f525 and \u00fcmlaut": "fire \U0001f525 and \u00fcmlaut",
    "-rf": "_-rf",
    "--help": "_--help",
    ".": "_.",
    "..": "_..",
    ".hidden": "_.hidden",
    "   ": "_",
    "tab\there\nand\x01there\x7f": "tab\ufffdhere\ufffdand\ufffdthere\ufffd",
    "evil\u202egpj.exe": "evil\ufffdgpj.exe",
    "marks\u200e\u200f\u2066\u061c": "marks\ufffd\ufffd\ufffd\ufffd",
    "x" * 300: "x" * 255,
    "\u00e9" * 200: "\u00e9" * 127,
    "\U0001f600" * 100: "\U0001f600" * 63,
    "a:b|c<d>e\"f\\g*h?": "a:b|c<d>e\"f\\g*h?",
    " space at both ends ": " space at both ends ",
    "$(touch /tmp/x); `id` 'q'": "$(touch \u2215tmp\u2215x); `id` 'q'",
    "post": "post",
    "back\\slash": "back\\slash",
}


@pytest.mark.sim("--data", "empty")
def test_odd_titles_become_harmless_names(sim, start_mount):
    ids = {t: sim.control("POST", "/rooms", {"title": t, "members": ["bob"]})["id"]
           for t in ODD_TITLES}
    mount = start_mount(sim)
    assert mount.ls("spaces") == sorted(ODD_TITLES.values())
    for title, name in ODD_TITLES.items():
        details = json.loads(read(mount.space(name) / "space.json"))
        assert (details["id"], details["title"]) == (ids[title], title)
        assert len(os.fsencode(name)) <= 255
        assert messages_in(mount.space(name)) == []


@pytest.mark.sim("--data", "empty")
def test_equal_titles_get_hex_digits_and_keep_them(sim, start_mount):
    nfc, nfd = "Caf\u00e9", unicodedata.normalize("NFD", "Caf\u00e9")
    titles = ["Lunch", "Lunch", "lunch", "LUNCH", nfc, nfd, "Stra\u00dfe", "STRASSE",
              "y" * 300, "y" * 290]
    ids = [sim.control("POST", "/rooms", {"title": t, "created": 1700000000000 + i * 1000})
           ["id"] for i, t in enumerate(titles)]
    first = start_mount(sim)

    def names(mount):
        return {json.loads(read(mount.space(n) / "space.json"))["id"]: n
                for n in mount.ls("spaces")}

    shown = names(first)
    for i, title in enumerate(titles):
        name = shown[ids[i]]
        if i in (0, 4, 6, 8):
            assert name == title[:255]
        else:
            base = title[:255 - 10] if len(title) > 255 else title
            assert name == f"{base} ~{uuid_hex(ids[i])[:8]}"
    folded = {unicodedata.normalize("NFC", n).casefold() for n in shown.values()}
    assert len(folded) == len(titles)
    first.unmount()
    # The first Lunch goes: the others keep their names all the same.
    sim.api("DELETE", "/rooms/" + ids[0]).ok(204)
    second = start_mount(sim, state=first.state)
    assert wait_until(lambda: "Lunch" not in second.ls("spaces"))
    again = names(second)
    del shown[ids[0]]
    assert again == shown


@pytest.mark.sim("--data", "empty")
def test_authors_of_odd_addresses(sim, start_mount):
    room = sim.control("POST", "/rooms", {"title": "odd"})["id"]
    people = ["-dash@example.com", "o'hara+x@example.com", "\u00fcml\u00e4ut@ex\u00e4mple.com",
              "l" * 230 + "@example.com", "tilde~1@example.com"]
    for i, email in enumerate(people):
        sim.control("POST", "/people", {"email": email, "name": f"P{i}"})
        sim.add_messages(room=room, person=email, text=f"from {i}",
                         created=1700000000000 + i * 1000)
    mount = start_mount(sim)
    names = messages_in(mount.space("odd"))
    assert len(names) == len(people)
    for i, name in enumerate(names):
        assert read(mount.space("odd") / name) == f"from {i}\n".encode()
        assert len(os.fsencode(name)) <= 244
        assert re.match(rf"2023-11-14T22-13-{20 + i}\.000Z_[^/]+\.txt$", name)
        for twin in TWINS:
            assert os.stat(mount.space("odd") / (name[:-4] + twin)).st_size > 0
    assert names[1].endswith("_o'hara+x@example.com.txt")
    assert names[2].endswith("_\u00fcml\u00e4ut@ex\u00e4mple.com.txt")


def test_a_person_who_left_keeps_the_name(mount):
    """His id resolves no more; his address is in the message."""
    assert [n for n in messages_in(mount.space("Firmware")) if "_oscar@example.com" in n]


# Unlisted names.


def test_twins_can_be_opened_but_are_not_listed(sim, mount):
    space = mount.space(BUOY)
    listed = mount.ls(f"spaces/{BUOY}")
    for m in sim.messages(sim.room(BUOY)["id"]):
        numbers = set()
        for twin in TWINS:
            name = stem(m) + twin
            st = os.stat(space / name)
            assert (name in listed) == (twin == ".txt")
            assert st.st_size == len(read(space / name)) > 0
            assert st.st_mtime_ns == os.stat(space / txt_name(m)).st_mtime_ns
            numbers.add(st.st_ino)
        assert len(numbers) == 4


@pytest.mark.parametrize("folder", ["", "spaces", f"spaces/{BUOY}", f"spaces/{BUOY}/members",
                                    "direct", "people", ".sparkfs", ".sparkfs/views",
                                    ".sparkfs/unsent"])
def test_no_name_that_the_table_does_not_know(sim, mount, folder):
    mount.ls(folder or ".")
    before = len(sim.log())
    for name in (".git", ".hidden", ".Trash", ".directory", "HEAD", "x.txt", "autorun.inf",
                 "2026-99-99T00-00-00.000Z_a.txt", "2026-01-01T00-00-00Z_a.txt",
                 "2026-01-01T00:00:00.000Z_a.txt", "0", "-1", "007", "\udcff\udcfe"):
        assert error_of(os.lstat, mount / folder / name) == "ENOENT", name
    # Names of dots and of no grammar are not asked about, neither now nor a second time.
    for name in (".git", ".hidden", "0"):
        assert error_of(os.lstat, mount / folder / name) == "ENOENT"
    assert len(sim.log()) == before


def test_a_message_that_is_not_there(sim, mount):
    space = mount.space(BUOY)
    mount.ls(f"spaces/{BUOY}")
    name = txt_name(sim.messages(sim.room(BUOY)["id"])[0])
    assert error_of(os.stat, space / name.replace(".txt", ".pdf")) == "ENOENT"
    assert error_of(os.stat, space / name.replace("alice", "mallory")) == "ENOENT"
    assert error_of(os.stat, space / name.upper()) == "ENOENT"
    assert error_of(os.stat, mount / "spaces/Lunch" / name) == "ENOENT"


# direct/<e-mail>.


def test_an_address_in_direct_is_a_link_to_the_listed_name(sim, mount):
    mount.ls("direct")
    sim.clear_log()
    assert os.readlink(mount / "direct/bob@example.com") == "Bob Keller"
    assert os.lstat(mount / "direct/bob@example.com").st_size == len("Bob Keller")
    assert os.path.samefile(mount / "direct/bob@example.com", mount / "direct/Bob Keller")
    assert len(sim.log()) <= 1
    assert "bob@example.com" not in mount.ls("direct")
    assert os.readlink(mount / "direct/BOB@Example.com") == "Bob Keller"
    assert mount.ls("direct/bob@example.com") == mount.ls("direct/Bob Keller")


def test_an_address_never_written_to_is_a_directory_with_post(sim, mount):
    mount.ls("direct")
    sim.clear_log()
    path = mount / "direct/frank@example.com"
    assert stat.S_ISDIR(os.lstat(path).st_mode)
    assert mount.ls("direct/frank@example.com") == ["post", "post.json", "post.md"]
    assert read(path / "post") == b""
    assert error_of(os.stat, path / "space.json") == "ENOENT"
    # One question of whether there is a space already, and no more.
    assert len(sim.log()) <= 1
    assert "frank@example.com" not in mount.ls("direct")
    assert not [r for r in sim.log() if r["method"] != "GET"]


@pytest.mark.parametrize("unknown", ["empty", "404"])
def test_both_answers_about_an_unknown_address(sim, mount, unknown):
    sim.control("POST", "/switches", {"directUnknown404": unknown == "404"})
    assert mount.ls("direct/nobody@example.com") == ["post", "post.json", "post.md"]


def rows(mount):
    """How many rows each table of the store has."""
    store, = (mount.state / "cache/sparkfs").glob("*/store.db")
    db = sqlite3.connect(store)
    tables = [name for name, in db.execute("SELECT name FROM sqlite_schema WHERE type='table'")]
    found = {name: db.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables}
    db.close()
    return found


def test_names_that_somebody_invents_leave_nothing_behind(mount):
    mount.ls("direct")
    os.readlink(mount / "direct/bob@example.com")
    before = rows(mount)
    for n in range(20):
        assert mount.ls(f"direct/nobody{n}@example.com") == ["post", "post.json", "post.md"]
        assert error_of(os.stat, mount / f"people/nobody{n}@example.com.json") == "ENOENT"
    assert rows(mount) == before


def test_an_invented_name_has_one_number(mount):
    path = mount / "direct/frank@example.com"
    there = os.open(path, os.O_DIRECTORY)
    for _ in range(3):
        assert os.stat(path).st_ino == os.fstat(there).st_ino
        assert os.stat(path / "post").st_ino == os.stat("post", dir_fd=there).st_ino
        assert len([e.stat() for e in os.scandir(there)]) == 3
    os.close(there)


@pytest.mark.mount(args=("-d",))
def test_the_number_of_an_invented_name_is_forgotten_with_it(mount):
    path = mount / "direct/frank@example.com"
    there = os.open(path, os.O_DIRECTORY)
    ino = os.fstat(there).st_ino
    let_go = f"row {ino >> 8} (frank@example.com) is not referred to any more"
    assert len([e.stat() for e in os.scandir(there)]) == 3
    (path / "post").write_text("hello\n")
    # There is a space now, and the name becomes a link; but the directory is open.
    wait_until(lambda: os.path.islink(path), 10, "the space's link")
    assert (os.fstat(there).st_ino, let_go in mount.output) == (ino, False)
    os.close(there)
    wait_until(lambda: let_go in mount.output, 10, "FORGET")


def test_direct_with_a_name_that_is_no_address(mount):
    for name in ("bob", "bob@", "@example.com", "a b@example.com", "a@b@c"):
        assert error_of(os.lstat, mount / "direct" / name) == "ENOENT", name


# people, members, space.json.


def test_people(sim, mount):
    assert json.loads(read(mount / "people/me.json")) == sim.me()
    assert mount.ls("people") == ["alice@example.com.json", "me.json"]
    bob = json.loads(read(mount / "people/bob@example.com.json"))
    found = sim.api("GET", "/people", query={"email": "bob@example.com"}).items
    assert [bob] == found
    assert "bob@example.com.json" in mount.ls("people")
    sim.clear_log()
    # The answer "nobody" is remembered for a while, not by the kernel alone.
    for name in ("nobody@example.com.json", "Nobody@Example.com.json"):
        assert error_of(os.stat, mount / "people" / name) == "ENOENT"
    assert asked(sim) == ["GET /people"]
    for name in ("me", "me.txt", "bob@example.com", "bob.json", ".json"):
        assert error_of(os.stat, mount / "people" / name) == "ENOENT"
    assert len(sim.log()) == 1


def test_members_are_the_memberships(sim, mount):
    for title in (BUOY, "Announcements", "Port of Aveiro"):
        found = sim.all("/memberships", query={"roomId": sim.room(title)["id"]})
        assert mount.ls(f"spaces/{title}/members") == sorted(m["personEmail"] for m in found)
        for m in found:
            path = mount.space(title) / "members" / m["personEmail"]
            shown = json.loads(read(path))
            # The server says it of direct spaces only.
            assert shown.pop("isRoomHidden") is False
            assert shown == m
            assert os.stat(path).st_mtime_ns == millis(m["created"]) * 1000000


def test_space_json_and_message_json_are_the_server_s_objects(sim, mount):
    for room in sim.rooms(type="group"):
        if room["title"] == "Lunch":
            continue
        space = mount.space(room["title"].replace("/", "\u2215"))
        assert json.loads(read(space / "space.json")) == room
        for m in sim.messages(room["id"]):
            assert json.loads(read(space / (stem(m) + ".json"))) == m


def test_last_leads_to_my_newest_message(sim, mount):
    for room in sim.rooms():
        if room["title"] == "Lunch":
            continue
        own = [m for m in sim.messages(room["id"]) if m["personEmail"] == "alice@example.com"]
        top = mount / ("spaces" if room["type"] == "group" else "direct")
        last = top / room["title"].replace("/", "\u2215") / "last"
        if own:
            assert os.readlink(last) == txt_name(own[0])
            assert os.lstat(last).st_size == len(txt_name(own[0]))
            assert os.path.exists(last)
        else:
            assert error_of(os.lstat, last) == "ENOENT"


# transcript.log.


def test_transcript_is_behind_its_link(mount):
    link = mount.space(BUOY) / "transcript.log"
    target = os.readlink(link)
    assert re.fullmatch(r"\.\./\.\./\.sparkfs/views/\d+/transcript\.log", target)
    assert os.lstat(link).st_size == len(target)
    assert os.stat(link).st_size == len(read(link)) > 1000
    number = target.split("/")[4]
    assert number in mount.ls(".sparkfs/views")
    assert mount.ls(f".sparkfs/views/{number}") == [
        "by-thread", "files", "files-by-month", "history", "mentions", "threads",
        "threads-by-month", "transcript.log", "transcripts"]
    # Walkers meet a message once.
    found = mount.run("grep -rl 'Pier 2 then' .", check=True).lines()
    assert len(found) == 1 and "transcript" not in found[0]
    assert mount.run(f"grep -c 'Pier 2 then' 'spaces/{BUOY}/transcript.log'").out == "1\n"


def test_transcript_is_every_listed_message(sim, mount):
    lines = read(mount.space("Firmware") / "transcript.log").decode().splitlines()
    messages = sim.messages(sim.room("Firmware")["id"])[::-1]
    roots = {m["id"]: m for m in messages}
    heads = [line for line in lines if not line.startswith("  ")]
    assert len(heads) == len(messages)
    for m, line in zip(messages, heads):
        when = m["created"][:16].replace("T", " ") + " +0000"
        text = txt_bytes(m).decode().splitlines()[0]
        arrow = ""
        if "parentId" in m:
            root = roots[m["parentId"]]
            day = root["created"][:10]
            author, at = root["personEmail"].split("@")[0], root["created"][11:16]
            arrow = f"\u21b3 ({author} {at if day == m['created'][:10] else day + ' ' + at}) "
        assert line == f"{when} {m['personEmail']}: {arrow}{text}"


@pytest.mark.mount(env={"TZ": "Asia/Kolkata"})
def test_transcript_shows_local_time_with_its_offset(mount):
    lines = read(mount.space("Lunch") / "transcript.log").decode().splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d \+0530 \S+: ", line) for line in lines)


def test_transcript_neutralizes_what_a_terminal_would_obey(sim, start_mount):
    room = sim.create_room("escapes")
    sim.post(room["id"], "red \x1b[31m alert \x07 \u202e reversed \x9b\nsecond line")
    mount = start_mount(sim)
    text = read(mount.space("escapes") / "transcript.log").decode()
    assert "\x1b" not in text and "\x07" not in text and "\u202e" not in text
    assert "\n  second line\n" in text


def test_tail_f_follows_and_nothing_is_taken_back(sim, mount):
    room = sim.room("Firmware")
    messages = sim.messages(room["id"])
    path = mount.space("Firmware") / "transcript.log"
    with open(path, "rb") as held:
        before = held.read()
        assert messages[2]["text"].encode() in before
        tail = start_cmd("exec tail -n 0 -f transcript.log", cwd=mount.space("Firmware"))
        os.set_blocking(tail.stdout.fileno(), False)
        try:
            sim.post(room["id"], "brand new line", token="bob-token")
            own = [m for m in messages if m["personEmail"] == "alice@example.com"][0]
            sim.api("PUT", "/messages/" + own["id"],
                    {"roomId": room["id"], "text": "corrected wording"}).ok()
            gone = [m for m in messages if m["personEmail"] == "bob@example.com"][0]
            sim.api("DELETE", "/messages/" + gone["id"], token="bob-token").ok(204)
            seen = bytearray()

            def followed():
                seen.extend(tail.stdout.read() or b"")
                return all(w in seen for w in (b"brand new line", b"edited:", b"deleted:",
                                               b"corrected wording"))
            wait_until(followed, 20, "tail -f follows")
        finally:
            kill_group(tail, signal.SIGTERM)
            tail.communicate()
        # Append-only while it is open: what was read before is still there.
        after = read(path)
        assert after.startswith(before) and after[len(before):] == bytes(seen)
        held.seek(0)
        assert held.read() == after
    # Written anew at the first open after the last close (whose release is asynchronous).
    wait_until(lambda: b"deleted:" not in read(path), 5)
    anew = read(path)
    assert b"edited:" not in anew and b"corrected wording" in anew
    assert gone["text"].splitlines()[0].encode() not in anew
    assert os.stat(path).st_size == len(anew)


# .sparkfs.


def test_status_json(sim, mount):
    mount.ls("spaces/Lunch")
    status = mount.status()
    assert status["server"] == sim.base
    assert status["account"] == "alice@example.com"
    assert status["online"] is True and status["offlineSince"] is None
    assert (status["spaces"], status["direct"], status["unsent"]) == (11, 5, 0)
    assert status["requests"] == len(sim.log())
    assert status["requestsUnderWay"] == 0
    assert status["lastAnswer"] >= status["mounted"][:10]
    mount.ls("spaces/Firmware")
    assert mount.status()["requests"] == len(sim.log())


def test_log_and_last_error_hold_the_server_s_words(sim, mount):
    assert read(mount / ".sparkfs/last-error") == b""
    assert b"alice@example.com is mounted at" in read(mount / ".sparkfs/log")
    sim.fault(method="GET", route="/messages", status=403, message="Not for your eyes")
    assert error_of(os.listdir, mount.space("Firmware")) == "EACCES"
    for name in ("last-error", "log"):
        text = read(mount / ".sparkfs" / name).decode()
        assert "Not for your eyes" in text, name
        assert re.search(r"tracking ?id \S+", text, re.I), text
    assert "alice-token" not in read(mount / ".sparkfs/log").decode()


# Things that are refused, or constant.


def test_statfs_is_a_constant(sim, mount):
    sim.clear_log()
    v = os.statvfs(mount / "spaces")
    assert (v.f_bsize, v.f_namemax) == (4096, 255)
    assert v.f_blocks > 0 and v.f_bfree == v.f_blocks == v.f_bavail
    assert mount.run("df .", check=True).lines()[1:]
    assert sim.log() == []


def test_extended_attributes_are_not_implemented(mount):
    path = mount.space("Lunch") / "space.json"
    for call in (lambda: os.getxattr(path, "user.x"), lambda: os.listxattr(path),
                 lambda: os.setxattr(path, "user.x", b"1"),
                 lambda: os.removexattr(path, "user.x")):
        assert error_of(call) in ("ENOTSUP", "EOPNOTSUPP")


def test_structural_names_cannot_be_removed_or_made(sim, mount):
    space = mount.space("Lunch")
    mount.ls("spaces/Lunch/members")
    sim.clear_log()
    for path in (space / "post", space / "post.md", space / "post.json", space / "last",
                 space / "space.json", space / "transcript.log", mount / "people/me.json",
                 mount / ".sparkfs/log", mount / ".sparkfs/status.json",
                 mount / ".sparkfs/last-error"):
        assert error_of(os.unlink, path) == "EPERM", path
    for path in (mount / "spaces", mount / "direct", mount / "people", mount / ".sparkfs",
                 space / "members", mount / ".sparkfs/unsent", mount / ".sparkfs/views"):
        assert error_of(os.rmdir, path) == "EPERM", path
    for path in (mount / "x", space / "folder", mount / "people/x", mount / "direct/x",
                 mount / ".sparkfs/x"):
        assert error_of(os.mkdir, path) == "EPERM", path
    name = messages_in(space)[0]
    for a, b in (("spaces", "s2"), ("people/me.json", "people/x.json"),
                 (f"spaces/Lunch/{name}", "spaces/Lunch/other.txt"),
                 (f"spaces/Lunch/{name}", f"spaces/Firmware/{name}"),
                 ("spaces/Lunch/members", "spaces/Lunch/m2"),
                 ("spaces/Lunch/post", "spaces/Lunch/p2")):
        assert error_of(os.rename, mount / a, mount / b) == "EPERM", (a, b)
    assert error_of(os.symlink, "x", space / "link") == "EPERM"
    assert error_of(os.link, space / name, space / "hard") == "EPERM"
    assert error_of(os.mkfifo, space / "fifo") == "EPERM"
    assert [r for r in sim.log() if r["method"] != "GET"] == []
    assert mount.ls() == ["README", "api", "direct", "events", "mentions", "people",
                          "spaces", "teams", "webhooks"]


def test_a_directory_can_be_read_in_pieces(mount):
    """telldir and seekdir: cookies stay valid, also with a small buffer."""
    whole = mount.ls(f"spaces/{BUOY}")
    script = ("import os,ctypes,sys\n"
              "libc=ctypes.CDLL(None,use_errno=True)\n"
              "fd=os.open(sys.argv[1],os.O_RDONLY|os.O_DIRECTORY)\n"
              "names=[];buf=ctypes.create_string_buffer(200)\n"
              "while True:\n"
              " n=libc.syscall(217,fd,buf,200)\n"
              " assert n>=0, ctypes.get_errno()\n"
              " if n==0: break\n"
              " at=0\n"
              " while at<n:\n"
              "  off=int.from_bytes(buf[at+8:at+16],'little')\n"
              "  size=int.from_bytes(buf[at+16:at+18],'little')\n"
              "  names.append(buf[at+19:at+size].split(b'\\0')[0].decode())\n"
              "  at+=size\n"
              "  assert off<2**63\n"
              " os.lseek(fd,off,0)\n"
              "print('\\n'.join(sorted(names)))\n")
    if os.uname().machine != "x86_64":
        pytest.skip("getdents64 has another number here")
    got = mount.run(["/usr/bin/python3", "-c", script, f"spaces/{BUOY}"], check=True).lines()
    assert got == sorted([".", "..", *whole])


def test_many_look_ups_at_once_agree(mount):
    name = messages_in(mount.space("Firmware"))[0]
    path = mount.space("Firmware") / name
    found = parallel(lambda _: (os.stat(path).st_ino, read(path)), range(32))
    assert len({r for r, e in found if e is None}) == 1
    assert not [e for _r, e in found if e]


def test_reading_a_directory_as_a_file(mount):
    fd = os.open(mount / "spaces", os.O_RDONLY)
    try:
        assert error_of(os.read, fd, 10) == "EISDIR"
    finally:
        os.close(fd)
