"""spaces/X/archive and .sparkfs/archive: what rsync, cp and tar save, once and whole."""
import collections
import datetime
import errno
import hashlib
import json
import os
import re
import shutil
import tarfile
import time
import urllib.parse

import pytest

from lib.chat import Space, fails, put, remounted
from lib.chat import pier  # noqa: F401  pylint: disable=unused-import
from lib.tree import asked, error_of, files_below, read, stems, txt_bytes
from lib.util import wait_until

# Polls, which look at the spaces in use, would be counted.
OPEN = pytest.mark.mount("rate=off", "poll=600")
CONTENT = "/contents/.*"


def saved(top):
    """{path: bytes} of everything below."""
    return {os.path.relpath(os.path.join(folder, name), top): read(os.path.join(folder, name))
            for folder, _, names in os.walk(top) for name in names}


def lasting(message, url, name):
    """The name of an attachment in an archive."""
    hexa = hashlib.sha256(url.rsplit("/", 1)[1].encode()).hexdigest()[:8]
    base, dot, ending = name.rpartition(".")
    when = message["created"].replace(":", "-")
    return f"{base}~{when}~{hexa}{dot}{ending}" if base else f"{name}~{when}~{hexa}"


def expected(space, folder):
    """What the archive of a space has to have, by the server: {path: bytes or None}. A message has the
    name that it has in `folder`."""
    found, names = {}, stems(folder)
    for message in space.messages():
        month = message["created"][:7]
        base = f"{month}/{names[message['id']]}"
        is_plain = message.get("text") and not message.get("html") and not message.get("attachments")
        found[f"{base}.txt"] = txt_bytes(message) if is_plain else \
            read(os.path.join(folder, names[message["id"]] + ".txt"))
        found[f"{base}.json"] = None
        for url in message.get("files") or []:
            name, data = space.content(url)
            found[f"{month}/files/{lasting(message, url, name)}"] = data
        found[f"{month}/transcript.log"] = None
    return {**found, "space.json": None, "members.json": None}


def check(space, top, folder=None):
    """The copy is what the server has, byte by byte."""
    have, want = saved(top), expected(space, folder or space.dir)
    assert sorted(have) == sorted(want)
    assert {p: d for p, d in have.items() if want[p] is not None} == \
        {p: d for p, d in want.items() if d is not None}
    by_id = {m["id"]: m for m in space.messages()}
    for path, data in have.items():
        if re.fullmatch(r"\d{4}-\d\d/[^/]*\.json", path):
            shown = json.loads(data)
            sent = by_id.pop(shown["id"])
            assert {k: shown.get(k) for k, v in sent.items() if v} == \
                {k: v for k, v in sent.items() if v}
    assert by_id == {}
    members = space.sim.all("/memberships", query={"roomId": space.id})
    assert {m["personEmail"] for m in json.loads(have["members.json"])} == \
        {m["personEmail"] for m in members}
    assert json.loads(have["space.json"])["id"] == space.id
    for month in {m["created"][:7] for m in space.messages()}:
        text = have[f"{month}/transcript.log"].decode()
        for message in space.messages():
            if message["created"][:7] == month and message.get("text"):
                assert message["text"].split()[0] in text
    return have


def rsync(source, target, *options):
    """Returns the names that were copied."""
    done = source.mount.run(["rsync", "-ai", *options, f"{source.top}/", f"{target}/"])
    assert done.status == 0, done.err
    return [line.split(" ", 1)[1] for line in done.lines() if line.startswith(">f")]


class Archive(Space):
    @property
    def top(self):
        return self / "archive"


def pass_moment_of(message):
    """Waits until what comes next has another millisecond than the message."""
    wait_until(lambda: datetime.datetime.now(datetime.timezone.utc).isoformat(
        timespec="milliseconds")[:23] > message["created"][:23])


def months(space):
    return len({m["created"][:7] for m in space.messages()})


def archive_of(sim, mount, title):
    return Archive(sim, title, mount, sim.room(title))


@pytest.fixture
def dock(pier):
    pier.__class__ = Archive
    return pier


@OPEN
@pytest.mark.sim("--data", "demo")
def test_the_whole_account_byte_by_byte(sim, mount, tmp_path):
    sim.clear_log()
    done = mount.run(["rsync", "-a", ".sparkfs/archive/", str(tmp_path / "all")])
    assert done.status == 0, done.err
    counts = collections.Counter(f"{r['method']} {r['path'].split('/')[2]}" for r in sim.log())
    top = tmp_path / "all"
    rooms = [r for r in sim.rooms() if r["title"] != "Lunch"]
    files = 0
    for room in rooms:
        kind = "direct" if room["type"] == "direct" else "spaces"
        space = Space(sim, room["title"], mount, room)
        name = room["title"].replace("/", "\u2215")
        have = check(space, top / kind / name, mount / kind / name)
        files += len([p for p in have if "/files/" in p])
    every = len(sim.rooms())
    # One page and one list of members for each space, one HEAD and one GET for each attachment.
    assert counts["GET messages"] <= every and counts["GET memberships"] <= every
    assert counts["HEAD contents"] == counts["GET contents"] == files > 5
    # Nothing is copied again, and nothing asked.
    sim.clear_log()
    again = mount.run(["rsync", "-ai", ".sparkfs/archive/", f"{top}/"], check=True)
    assert [n for n in again.lines() if n.startswith(">")] == []
    assert set(asked(sim)) <= {"GET /rooms"}
    # Other programs get the same.
    mount.run(["cp", "-a", ".sparkfs/archive", str(tmp_path / "cp")], check=True)
    mount.run(["tar", "-C", ".sparkfs", "--check-links", "-cf", str(tmp_path / "a.tar"), "archive"],
              check=True)
    assert saved(tmp_path / "cp") == saved(top)
    with tarfile.open(tmp_path / "a.tar") as tar:
        assert {os.path.relpath(m.name, "archive"): tar.extractfile(m).read() for m in tar
                if m.isfile()} == saved(top)
    assert sim.requests(path=CONTENT) == []
    # Real directories, no links, and no file twice.
    stats = [st for _, st in files_below(mount / ".sparkfs/archive")]
    assert {oct(st.st_mode) for st in stats} == {"0o40755", "0o100644"}
    assert len({st.st_ino for st in stats}) == len(stats) and {st.st_nlink for st in stats} == {1}
    for room in rooms:
        kind = "direct" if room["type"] == "direct" else "spaces"
        name = room["title"].replace("/", "\u2215")
        link = mount / kind / name / "archive"
        assert os.readlink(link) == f"../../.sparkfs/archive/{kind}/{name}"
        assert os.path.samefile(link, mount / f".sparkfs/archive/{kind}/{name}")
        assert sorted(os.listdir(link)) == sorted([*os.listdir(mount / kind / name / "history"),
                                                   "members.json", "space.json"])


def test_versions_edits_and_odd_names(dock, start_mount, tmp_path):
    sim, copy = dock.sim, tmp_path / "copy"
    names = ["2026-09", "archive", "transcript.log", "space.json", "a.b.c", "Grüße 1.txt",
             "report~2026-03-05T10-20-30.000Z.pdf", "2026-03-05T10-20-30.000Z_a@example.com.txt"]
    for name in names:
        sim.upload(dock.id, name, name.encode(), text="with it")
    v1 = sim.upload(dock.id, "report.pdf", b"one")
    # This one is deleted below. Alone in its millisecond, it leaves its name to no other message.
    pass_moment_of(v1)
    v2 = sim.upload(dock.id, "report.pdf", b"two, longer")
    pass_moment_of(v2)
    # Two of one name in one millisecond.
    sim.add_messages(room=dock.id, person="bob", text="", count=1, created=v1["created"],
                     file={"name": "report.pdf", "type": "application/pdf", "content": "twin"})
    note = sim.post(dock.id, "a note")
    remounted(dock, start_mount, "rate=off", "poll=1")
    first = rsync(dock, copy)
    before = check(dock, copy)
    assert len(first) == len(before) and len([n for n in first if "/report~" in n]) == 4
    # The one name of a moment is enough to ask for.
    (name,) = [n for n in before if before[n] == b"one"]
    remounted(dock, start_mount, "rate=off", "poll=1", "cache=memory")
    sim.clear_log()
    assert read(dock.top / name) == b"one"
    # Those of its millisecond.
    assert len(sim.requests("HEAD", CONTENT)) == \
        len([m for m in dock.messages() if m["created"] == v1["created"] and m.get("files")])
    remounted(dock, start_mount, "rate=off", "poll=1")
    assert rsync(dock, copy) == []
    stem = stems(dock.dir)
    # The newest version goes: the copy keeps it, and the older one is under its own name as before.
    sim.api("DELETE", f"/messages/{v2['id']}").ok(204)
    # rsync compares seconds.
    wait_until(lambda: time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) > note["created"][:19])
    sim.api("PUT", f"/messages/{note['id']}", {"roomId": dock.id, "text": "a nota"}).ok()
    more = sim.post(dock.id, "more")
    wait_until(lambda: "more\n" in dock.listed_texts() and "a nota\n" in dock.listed_texts()
               and len(dock.listed()) == len(stem))
    stem[more["id"]] = stems(dock.dir)[more["id"]]
    changed = rsync(dock, copy)
    month = more["created"][:7]
    assert sorted(changed) == sorted([f"{month}/{stem[m['id']]}{e}" for m in (note, more)
                                      for e in (".txt", ".json")] +
                                     [f"{month}/transcript.log", "space.json"])
    after = saved(copy)
    assert {p: d for p, d in after.items() if "/files/" in p} == \
        {p: d for p, d in before.items() if "/files/" in p}
    assert os.path.exists(copy / f"{v1['created'][:7]}/{stem[v2['id']]}.txt")
    # A new cache tells the same names, sizes and times.
    remounted(dock, start_mount, "rate=off", "cache=memory")
    assert rsync(dock, copy) == []


def test_a_file_that_is_written_again(dock, tmp_path):
    """A number that the kernel knows gets another content; no name gets another's bytes."""
    copy = tmp_path / "copy"
    put(dock / "log.txt", "first")
    rsync(dock, copy)
    (old,) = [p for p in saved(copy) if "/files/" in p]
    assert read(dock.top / old) == b"first"
    put(dock / "log.txt", "second")
    assert read(dock.top / old) == b"first"
    changed = rsync(dock, copy)
    assert len([n for n in changed if "/files/" in n]) == 1 and old not in changed
    assert sorted(d for p, d in saved(copy).items() if "/files/" in p) == [b"first", b"second"]


@pytest.mark.sim("--data", "empty", "--spaces", 12, "--messages", 3, "--members", 2)
def test_a_copy_a_while_later_asks_about_no_space(sim, start_mount, tmp_path):
    mount = start_mount(sim, "rate=off", "poll=600", hurry=20)
    command = ["rsync", "-ai", ".sparkfs/archive/", f"{tmp_path}/copy/"]
    mount.run(command, check=True)
    # What was looked at a minute ago is looked at again, but not for a program that goes through all.
    later = time.monotonic() + 70 / mount.rate
    wait_until(lambda: time.monotonic() > later, 75)
    sim.clear_log()
    assert [n for n in mount.run(command, check=True).lines() if n.startswith(">")] == []
    assert set(asked(sim)) <= {"GET /rooms"}


@pytest.mark.mount("rate=off", "poll=1")
def test_what_no_time_of_the_server_shows_is_copied(pier, tmp_path):
    sim, top, copy = pier.sim, pier.mount / ".sparkfs/archive/spaces", tmp_path / "copy"
    sim.api("POST", "/memberships", {"roomId": pier.id, "personEmail": "bob@example.com"}).ok()
    alice, bob = sorted(sim.all("/memberships", query={"roomId": pier.id}),
                        key=lambda m: m["personEmail"])
    sim.api("PUT", f"/rooms/{pier.id}", {"title": "Pier", "isLocked": True}).ok()
    wait_until(lambda: json.loads(read(top / "Pier/space.json"))["isLocked"])
    pier.mount.run(["rsync", "-a", f"{top}/Pier/", str(copy)], check=True)
    # As long as before, and no activity.
    sim.api("PUT", f"/memberships/{bob['id']}", {"isModerator": True}).ok()
    sim.api("PUT", f"/memberships/{alice['id']}", {"isModerator": False}).ok()
    sim.api("PUT", f"/rooms/{pier.id}", {"title": "Bier"}, token="bob-token").ok()
    # Before the new name is looked up, which moves the kernel's entry.
    wait_until(lambda: not (top / "Pier").exists())
    wait_until((top / "Bier").exists)
    # The list of members is asked for when somebody looks at it, or with the next activity.
    sim.post(pier.id, "news")
    wait_until(lambda: {m["personEmail"] for m in json.loads(read(top / "Bier/members.json"))
                        if m["isModerator"]} == {"bob@example.com"})
    pier.mount.run(["rsync", "-a", f"{top}/Bier/", str(copy)], check=True)
    assert {n: read(copy / n) for n in ("members.json", "space.json")} == \
        {n: read(top / "Bier" / n) for n in ("members.json", "space.json")}


def test_one_attachment_that_fails_hides_no_other(dock, start_mount, tmp_path):
    sim = dock.sim
    sent = {n: sim.upload(dock.id, f"{n}.txt", n.encode(), text=f"text {n}")
            for n in ("good", "infected", "lost", "broken")}
    sim.scan(messageId=sent["infected"]["id"], state="infected")
    lost = urllib.parse.urlsplit(sent["lost"]["files"][0]).path.removeprefix("/v1")
    broken = urllib.parse.urlsplit(sent["broken"]["files"][0]).path.removeprefix("/v1")
    sim.fault(route=lost, status=404)
    sim.fault(method="HEAD", route=broken, status=500)
    remounted(dock, start_mount, "rate=off", "timeout=4")
    copy = tmp_path / "copy"
    done = dock.mount.run(["rsync", "-a", f"{dock.top}/", f"{copy}/"])
    assert done.status == 23, done.err
    have = saved(copy)
    assert len([p for p in have if p.endswith(".txt") and "/files/" not in p]) == 4
    # The name of the broken one is not known, so it is not saved under another.
    assert [d for p, d in have.items() if "/files/" in p] == [b"good"]
    # rsync tries all three twice, so it need not be the last.
    assert "asked again" in read(dock.mount / ".sparkfs/log").decode()
    sim.clear_faults()
    sim.scan(messageId=sent["infected"]["id"], state="clean")
    shutil.rmtree(copy)
    remounted(dock, start_mount, "rate=off", "timeout=4", "cache=memory")
    rsync(dock, copy)
    check(dock, copy)


def test_nothing_in_it_can_be_changed(dock, tmp_path):
    put(dock / "post", "hello")
    put(dock / "a.bin", "bytes")
    (month,) = [n for n in os.listdir(dock.top) if n[:2] == "20"]
    top, inside = dock.top, dock.top / month
    message = inside / dock.listed()[0]
    attachment = inside / "files" / os.listdir(inside / "files")[0]
    last_error = dock.mount / ".sparkfs/last-error"
    acts = {
        "rm": lambda: [os.unlink(p) for p in (message, attachment)],
        "rm ": lambda: os.unlink(attachment),
        "open": lambda: put(message, "x"),
        "open ": lambda: put(attachment, "x"),
        "create": lambda: put(inside / "new", "x"),
        "scratch": lambda: put(inside / ".new.swp", "x"),
        "upload": lambda: put(top / "new", "x"),
        "mkdir": lambda: os.mkdir(top / "2020-01"),
        "rmdir": lambda: os.rmdir(inside),
        "rename": lambda: os.rename(message, f"{message}.bak"),
        "out": lambda: os.rename(attachment, dock / "b.bin"),
        "in": lambda: os.rename(dock / "a.bin", top / "a.bin"),
        "truncate": lambda: os.truncate(attachment, 0),
        "utime": lambda: os.utime(message, (1, 1)),
        "chmod": lambda: os.chmod(message, 0),
        "members": lambda: put(top / "members.json", "[]"),
        "space": lambda: put(top / "space.json", '{"title": "x"}'),
    }
    before = saved(top)
    dock.sim.clear_log()
    for what, act in acts.items():
        # Something else was said last.
        with fails(errno.EPERM):
            os.mkdir(dock / "folder")
        assert b"no folders" in read(last_error)
        with fails(errno.EROFS):
            act()
        assert b"archive is only read" in read(last_error).splitlines()[-1], what
    for command in (f"mv '{top}' {tmp_path}/x", f"mv '{message}' {tmp_path}",
                    f"rsync -a --remove-source-files '{top}/' {tmp_path}/y",
                    f"cp -a '{top}/' {tmp_path}/z; rm -r '{top}/'"):
        assert dock.run(command).status != 0, command
    assert saved(top) == before
    assert [r for r in dock.sim.log() if r["method"] not in ("GET", "HEAD")] == []


@pytest.mark.sim("--data", "empty", "--spaces", 1, "--messages", 1500, "--members", 3)
def test_offline_what_is_known_can_be_read_and_nothing_is_empty(sim, start_mount):
    mount = start_mount(sim, "rate=off", "poll=off")
    title = sim.rooms()[0]["title"]
    space = archive_of(sim, mount, title)
    months = sorted(n for n in os.listdir(space.top) if n[:2] == "20")
    # Who lists a month gets all of them; who reads one name does not.
    text = read(space.top / months[-1] / "transcript.log")
    known = [m["id"] for m in space.messages() if m["created"][:7] == months[-1]]
    assert len(months) > 60 and text and known
    read(space.top / "members.json")
    sim.stop()
    there = len(known)
    known = sorted(os.listdir(space.top / months[-1]))
    assert len(known) == 2 * there + 1
    assert {n: len(read(space.top / months[-1] / n)) > 0 for n in known} == dict.fromkeys(known, True)
    assert len(json.loads(read(space.top / "members.json"))) == 3
    assert sorted(n for n in os.listdir(space.top) if n[:2] == "20") == months
    assert error_of(os.listdir, space.top / months[0]) in ("ECONNREFUSED", "EHOSTUNREACH",
                                                            "ENETUNREACH")


@pytest.mark.limit(120)
@pytest.mark.sim("--data", "empty", "--spaces", 1, "--messages", 1100, "--members", 3)
def test_a_large_space_costs_what_its_history_costs(sim, start_mount):
    title = sim.rooms()[0]["title"]
    space = Archive(sim, title, None, sim.room(title))
    oldest = space.messages()[0]["created"]
    sim.add_messages(room=space.id, person="alice", text="", count=50, stepMs=1_200_000,
                     created=f"{int(oldest[:4]) + 1}{oldest[4:]}",
                     file={"name": "photo.jpg", "type": "image/jpeg", "content": "x"})
    space.mount = start_mount(sim, "rate=off", "poll=600")
    sim.clear_log()
    walk = "find -L archive -type f | wc -l; cat archive/*/files/* archive/members.json | wc -c"
    assert space.run(walk, check=True).lines()[0] == str(2 * 1150 + 50 + months(space) + 2)
    counts = collections.Counter(asked(sim))
    # ceil(1150 / 1000), and one more for each of the walk's page runs.
    assert counts["GET /messages"] <= 2 + 8, counts
    assert counts["GET /memberships"] == 1
    contents = collections.Counter(r["method"] for r in sim.requests(path=CONTENT))
    assert contents == {"HEAD": 50, "GET": 50}
    sim.clear_log()
    space.run(walk, check=True)
    assert set(asked(sim)) <= {"GET /rooms"}


@pytest.mark.mount(token="bot-token")
def test_a_bot(sim, mount, tmp_path):
    done = mount.run(["rsync", "-a", ".sparkfs/archive/", str(tmp_path / "all")])
    assert done.status == 0, done.err
    have = saved(tmp_path / "all")
    assert len([p for p in have if p.startswith("spaces/Support desk/2") and
                p.endswith(".txt")]) == 1
    assert len([p for p in have if p.startswith("direct/") and p.endswith(".txt")]) == 2
