"""files/: a space's attachments under their own names."""
import errno
import os
import re
import signal
import time
import urllib.parse

import pytest

from lib.chat import Unsent, fails, put, received, remounted
from lib.chat import pier  # noqa: F401  pylint: disable=unused-import
from lib.shell import kill_group, start_cmd
from lib.tree import parallel
from lib.util import scaled, wait_until

BOB = "bob-token"
CONTENT = "/contents/.*"
VERSION = re.compile(r"(.*)~(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}Z)(~[0-9a-f]{8})?(\.\w+)?")


def heads(space):
    return len(space.sim.requests("HEAD", CONTENT))


def gets(space):
    return len(space.sim.requests("GET", CONTENT))


def names(space, folder="files"):
    return sorted(os.listdir(space / folder))


def upload(space, name, data=b"x", token="alice-token", **more):
    if isinstance(data, str):
        data = data.encode()
    return space.sim.upload(space.id, name, data, token=token, **more)


def read_transfers(space):
    """The fields of its lines."""
    text = (space.mount / ".sparkfs/transfers").read_text()
    return [line.split("\t") for line in text.splitlines()]


@pytest.fixture
def two(pier):
    """A space with Bob in it."""
    pier.sim.api("POST", "/memberships", {"roomId": pier.id, "personEmail": "bob@example.com"})
    return pier


# What is listed.


def test_attachments_have_their_own_names_and_times(two):
    first = upload(two, "report.pdf", b"by bob", BOB)
    upload(two, "Grüße 1.txt", "hello")
    wait_until(lambda: len(two.listed()) == 2)
    assert names(two) == ["Grüße 1.txt", "report.pdf"]
    assert (two / "files/report.pdf").read_bytes() == b"by bob"
    stat = os.stat(two / "files/report.pdf")
    assert time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(stat.st_mtime)) == first["created"][:19]
    assert stat.st_size == 6
    # Known there, it is known in the space itself.
    assert os.stat(two / "report.pdf").st_ino == stat.st_ino


def test_the_newest_of_a_name_is_plain_and_older_ones_have_their_time(two):
    for i, token in enumerate(("alice-token", BOB, "alice-token")):
        upload(two, "a.tar.gz", f"version {i}", token)
    upload(two, "README", "one")
    upload(two, "readme", "two")
    wait_until(lambda: len(two.listed()) == 5)
    shown = names(two)
    assert len(shown) == 5
    plain = [n for n in shown if "~" not in n]
    assert plain == ["a.tar.gz", "readme"]
    assert (two / "files/a.tar.gz").read_text() == "version 2"
    versions = [n for n in shown if VERSION.fullmatch(n)]
    assert [VERSION.fullmatch(n)[1] for n in versions] == ["README", "a.tar", "a.tar"]
    # Of one millisecond they are in no order.
    assert sorted((two / "files" / n).read_text() for n in versions) == \
        ["one", "version 0", "version 1"]
    # Case does not make another name (design 2.1): the older one is not there as README.
    with fails(errno.ENOENT):
        os.stat(two / "files/README")


def test_a_new_version_takes_the_name_at_once(two):
    upload(two, "a.txt", "old", BOB)
    wait_until(lambda: len(two.listed()) == 1)
    assert names(two) == ["a.txt"]
    old = os.stat(two / "files/a.txt").st_ino
    put(two / "files/a.txt", "new")
    assert (two / "files/a.txt").read_text() == "new"
    assert (two / "a.txt").read_text() == "new"
    (version,) = [n for n in names(two) if n != "a.txt"]
    assert os.stat(two / "files" / version).st_ino == old
    assert (two / "files" / version).read_text() == "old"
    assert (two.sim.messages(two.id)[0])["personEmail"] == "alice@example.com"
    # Not by this process, which has just read it.
    two.run(["rm", "files/a.txt"], check=True)
    assert names(two) == ["a.txt"]
    assert (two / "files/a.txt").read_text() == "old"
    assert len(two.messages()) == 1


def test_an_older_version_is_not_written_to(pier):
    put(pier / "a.txt", "old")
    put(pier / "a.txt", "new")
    (version,) = [n for n in names(pier) if n != "a.txt"]
    assert os.stat(pier / "files" / version).st_mode & 0o777 == 0o444
    assert os.stat(pier / "files/a.txt").st_mode & 0o777 == 0o644
    with fails(errno.EACCES):
        put(pier / "files" / version, "x")
    assert pier.posts() == 2
    pier.run(["rm", "files/a.txt"], check=True)
    (left,) = names(pier)
    assert os.stat(pier / "files" / left).st_mode & 0o777 == 0o644


def test_what_others_sent_is_appended_to_as_a_version_of_ones_own(two):
    upload(two, "log.txt", b"x" * 200_000, BOB)
    wait_until(lambda: len(two.listed()) == 1)
    two.run("echo more >> files/log.txt", check=True)
    assert (two / "files/log.txt").read_bytes() == b"x" * 200_000 + b"more\n"
    assert len(names(two)) == 2


def test_rm_of_a_version_deletes_its_message(pier):
    for i in range(3):
        put(pier / "a.txt", f"version {i}")
    versions = [n for n in names(pier) if n != "a.txt"]
    pier.run(["rm", f"files/{versions[0]}"], check=True)
    assert names(pier) == sorted(["a.txt", versions[1]])
    assert sorted(pier.file_names()) == ["a.txt", "a.txt"]
    assert len(pier.listed()) == 2


def test_what_others_delete_goes(two):
    message = upload(two, "a.txt", "x", BOB)
    upload(two, "b.txt", "x", BOB)
    wait_until(lambda: names(two) == ["a.txt", "b.txt"])
    two.sim.api("DELETE", f"/messages/{message['id']}", token=BOB).ok(204)
    wait_until(lambda: names(two) == ["b.txt"], 20)


def test_several_files_of_one_name_in_one_millisecond(pier):
    pier.sim.add_messages(room=pier.id, person="alice", text="", count=3, stepMs=0,
                          created="2026-11-01T10:00:00.000Z",
                          file={"name": "same.txt", "type": "text/plain", "content": "x"})
    wait_until(lambda: len(pier.listed()) == 3)
    shown = names(pier)
    assert len(set(shown)) == 3 and "same.txt" in shown
    assert sorted((VERSION.fullmatch(n) or ["", ""])[1] for n in shown) == ["", "same", "same"]
    for name in shown:
        assert (pier / "files" / name).read_bytes() == b"x"


def test_a_file_that_is_called_like_a_version(pier):
    put(pier / "a.txt", "one")
    put(pier / "a.txt", "two")
    (version,) = [n for n in names(pier) if n != "a.txt"]
    put(pier / "files" / ("new " + version), "other")
    upload(pier, version, "mine")
    wait_until(lambda: len(pier.listed()) == 4)
    shown = names(pier)
    assert len(set(shown)) == 4 and version in shown
    assert (pier / "files" / version).read_text() == "mine"
    assert sorted((pier / "files" / n).read_text() for n in shown) == ["mine", "one", "other", "two"]


# Names are the sender's: hostile.

HOSTILE = {
    "../../etc/passwd": "_..∕..∕etc∕passwd",
    "a/b.txt": "a∕b.txt",
    "..": "_..",
    ".bashrc": "_.bashrc",
    "-rf": "_-rf",
    "a\u202egpj.exe": "a\ufffdgpj.exe",
    "tab\there": "tab here",
    "post": "post",
    "x" * 300 + ".pdf": "x" * 251 + ".pdf",
    "ü" * 200 + ".pdf": "ü" * 125 + ".pdf",
    "日本語" * 40 + ".xlsx": "日本語" * 27 + "日本" + ".xlsx",
    "  two  blanks.txt": "  two  blanks.txt",
    "no\u00a0break\u202f.txt": "no\u00a0break\u202f.txt",
    "trailing.txt ": "trailing.txt ",
    "a%20b.txt": "a%20b.txt",
    "u\u0308.txt": "u\u0308.txt",
    "100%.txt": "100%.txt",
    'q"uo\\te.txt': 'q"uo\\te.txt',
}


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names(pier, name):
    pier.sim.add_messages(room=pier.id, person="alice", text="",
                          file={"name": name, "type": "text/plain", "content": "content"})
    wait_until(lambda: len(pier.listed()) == 1)
    (shown,) = names(pier)
    assert shown == HOSTILE[name]
    assert (pier / "files" / shown).read_bytes() == b"content"
    assert os.path.realpath(pier / "files" / shown).startswith(str(pier.mount.path))


@pytest.mark.parametrize("form", ["star", "raw", "percent", "missing"])
def test_however_the_server_tells_a_name(pier, form):
    pier.sim.control("POST", "/switches", {"disposition": form})
    message = upload(pier, "Grüße 100.txt", "x")
    wait_until(lambda: len(pier.listed()) == 1)
    content_id = message["files"][0].rsplit("/", 1)[1]
    assert names(pier) == [content_id if form == "missing" else "Grüße 100.txt"]
    assert (pier / "files" / names(pier)[0]).read_bytes() == b"x"


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("status", [405, 501])
def test_a_server_that_knows_no_head(two, status, ranges):
    data = os.urandom(3_000_000)
    for name in ("a.bin", "b.bin"):
        upload(two, name, data, BOB)
    two.sim.control("POST", "/switches", {"range": ranges})
    two.sim.fault(method="HEAD", route="/contents", status=status)
    wait_until(lambda: len(two.listed()) == 2)
    before = received(two)
    assert names(two) == ["a.bin", "b.bin"]
    # Of the bytes no more came than what was on its way.
    assert received(two) - before < 2_000_000
    assert (two / "files/a.bin").read_bytes() == data


# What it costs.


def test_names_are_asked_for_only_when_files_is_opened(pier):
    for i in range(5):
        upload(pier, f"{i}.txt")
    wait_until(lambda: len(pier.listed()) == 5)
    pier.mount.run("find spaces | wc -l; du -a spaces; grep -r x spaces; ls -lR spaces", check=False)
    pier.run("tar cf /dev/null .; rsync -an . /tmp/nowhere/", check=False)
    assert heads(pier) == 0 and gets(pier) == 0
    assert len(names(pier)) == 5
    assert heads(pier) == 5
    names(pier)
    pier.run("ls -l files/; find files/; du files/", check=True)
    assert heads(pier) == 5 and gets(pier) == 0


def test_the_newest_name_waits_for_no_older_one(pier, start_mount):
    for i in range(40):
        upload(pier, f"{i:02}.txt", str(i))
    upload(pier, "00.txt", "again")
    remounted(pier, start_mount, "rate=off", "timeout=300", hurry=5)
    # Only the newest are told at once.
    known = pier.messages()[-8:]
    for message in pier.messages()[:-8]:
        url = urllib.parse.urlsplit(message["files"][0]).path.removeprefix("/v1")
        pier.sim.fault(method="HEAD", route=url, delayMs=600_000)
    assert (pier / "files/00.txt").read_text() == "again"
    assert (pier / "files/38.txt").read_text() == "38"
    # Nobody waits for the others any more: no more are asked for than were under way.
    wait_until(lambda: not read_transfers(pier))
    assert heads(pier) <= len(known) + 2 * 8
    # A name that is not there is known to be absent when all are known; meanwhile it says why.
    with fails(errno.ETIMEDOUT):
        os.stat(pier / "files/absent.txt")
    assert "transfers" in Unsent(pier.mount).last_error()
    (line,) = read_transfers(pier)
    assert line[0] == "names" and int(line[2]) >= 30 and line[5] == "Pier/files"
    pier.sim.clear_faults()


@pytest.mark.limit(120)
def test_a_thousand_names_are_asked_for_once(pier, start_mount):
    count = 1000
    pier.sim.add_messages(room=pier.id, person="alice", text="", count=count, stepMs=1000,
                          created="2026-10-01T10:00:00.000Z",
                          file={"name": "photo.jpg", "type": "image/jpeg", "content": "x"})
    remounted(pier, start_mount, "rate=off")
    assert len(names(pier)) == count
    assert heads(pier) == count
    assert len(names(pier)) == count
    remounted(pier, start_mount, "rate=off")
    shown = names(pier)
    assert len(set(shown)) == count and "photo.jpg" in shown
    assert heads(pier) == 0


def test_names_that_are_on_their_way_are_waited_for_and_kept(pier, start_mount):
    for i in range(20):
        upload(pier, f"{i:02}.txt")
    remounted(pier, start_mount, "rate=off")
    # Eight are asked for at a time, so the ninth says that one came; it does not come itself.
    pier.sim.fault(method="HEAD", route="/contents", delayMs=250, times=8)
    pier.sim.fault(method="HEAD", route="/contents", hang=True, skip=8)
    ls = start_cmd(["ls", "files/"], cwd=pier.dir)
    try:
        wait_until(lambda: heads(pier) > 8)
        os.killpg(ls.pid, signal.SIGINT)
        out, _err = ls.communicate(timeout=scaled(10))
    finally:
        kill_group(ls)
    assert ls.returncode != 0 and out == b""
    # Some came before the interrupt: those are not asked for again.
    asked = heads(pier)
    assert asked < 20
    pier.sim.clear_faults()
    assert len(names(pier)) == 20
    assert heads(pier) < asked + 20


def test_a_listing_is_complete_or_fails(pier, start_mount):
    for i in range(3):
        upload(pier, f"{i}.txt")
    remounted(pier, start_mount, "rate=off", "timeout=2")
    pier.sim.fault(method="HEAD", route="/contents", status=500)
    with fails(errno.EIO):
        os.listdir(pier / "files")
    pier.sim.clear_faults()
    wait_until(lambda: not _fails(lambda: names(pier)))
    assert names(pier) == ["0.txt", "1.txt", "2.txt"]


def _fails(act):
    try:
        act()
        return False
    except OSError:
        return True


@pytest.mark.mount("timeout=2")
def test_what_nobody_may_have_is_listed_all_the_same(pier):
    messages = [upload(pier, f"{s}.txt", s) for s in ("infected", "scanning", "unscannable")]
    for m, state in zip(messages, ("infected", "scanning", "unscannable")):
        pier.sim.scan(messageId=m["id"], state=state)
    wait_until(lambda: len(pier.listed()) == 3)
    assert len(names(pier)) == 3


# The months.


def test_a_month_has_its_files(pier):
    for month in ("2026-08", "2026-09"):
        for day in (1, 2):
            pier.sim.add_messages(room=pier.id, person="alice", text="",
                                  created=f"{month}-0{day}T10:00:00.000Z",
                                  file={"name": "a.txt", "type": "text/plain",
                                        "content": f"{month}-{day}"})
    wait_until(lambda: len(pier.listed()) == 4)
    assert len(names(pier)) == 4
    found = {}
    for month in ("2026-08", "2026-09"):
        folder = f"history/{month}/files"
        shown = names(pier, folder)
        assert len(shown) == 2 and "a.txt" in shown
        assert (pier / folder / "a.txt").read_text() == f"{month}-2"
        found[month] = os.stat(pier / folder / "a.txt").st_ino
    # One file, whatever it is called.
    assert found["2026-09"] == os.stat(pier / "files/a.txt").st_ino
    assert found["2026-08"] in {os.stat(pier / "files" / n).st_ino for n in names(pier)}
    assert heads(pier) == 4
    with fails(errno.EPERM):
        put(pier / "history/2026-08/files/new.txt", "x")


@pytest.mark.mount("recent=5")
def test_what_is_not_in_view_is_not_listed_but_found(pier):
    for i in range(8):
        upload(pier, f"{i}.txt", str(i))
    wait_until(lambda: len(pier.listed()) == 5)
    assert names(pier) == [f"{i}.txt" for i in range(3, 8)]
    assert heads(pier) == 5


# Writing.


def test_a_file_can_be_sent_into_files(pier, tmp_path):
    (tmp_path / "report.pdf").write_bytes(b"%PDF-1.4 report")
    pier.run(["cp", str(tmp_path / "report.pdf"), "files/"], check=True)
    assert pier.files() == {"report.pdf": b"%PDF-1.4 report"}
    assert names(pier) == ["report.pdf"]
    message = pier.messages()[0]
    kind = pier.sim.api("HEAD", message["files"][0]).headers["Content-Type"]
    assert kind == "application/pdf"


def test_what_was_sent_from_here_needs_no_name(pier):
    for i in range(3):
        put(pier / f"{i}.txt", "x")
    assert names(pier) == ["0.txt", "1.txt", "2.txt"]
    assert heads(pier) == 0


def test_rsync_into_files_twice_posts_once(pier, tmp_path, start_mount):
    docs = tmp_path / "docs"
    docs.mkdir()
    for i in range(4):
        (docs / f"{i}.txt").write_text(f"text {i}\n")
    pier.run(["rsync", "-a", f"{docs}/", "files/"], check=True)
    assert pier.files() == {f"{i}.txt": f"text {i}\n".encode() for i in range(4)}
    posts = pier.posts()
    assert posts == 4
    pier.run(["rsync", "-a", f"{docs}/", "files/"], check=True)
    assert pier.posts() == posts
    remounted(pier, start_mount)
    pier.run(["rsync", "-a", f"{docs}/", "files/"], check=True)
    assert pier.posts() == 0
    (docs / "1.txt").write_text("another text\n")
    pier.run(["rsync", "-a", f"{docs}/", "files/"], check=True)
    assert pier.posts() == 1
    assert len(names(pier)) == 5
    assert Unsent(pier.mount).names() == []


def test_folders_are_refused_with_a_reason(pier, tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/a.txt").write_text("x")
    done = pier.run(["cp", "-r", str(tmp_path / "docs"), "files/"])
    assert done.status == 1 and "not permitted" in done.err
    assert "no folders" in Unsent(pier.mount).last_error()
    assert pier.posts() == 0


def test_writers_of_one_name_at_once_post_one_version_each(pier):
    put(pier / "files/a.txt", "first")
    parallel(lambda i: put(pier / f"files/{i}.txt", f"text {i}"), range(8))
    assert names(pier) == sorted(["a.txt", *(f"{i}.txt" for i in range(8))])
    assert pier.posts() == 9


# A message to go with the file.


def post_json(space, body):
    put(space / "post.json", body)


def test_text_and_file_in_one_message(pier, tmp_path):
    path = tmp_path / "plan.txt"
    path.write_text("the plan")
    post_json(pier, f'{{"text": "See this", "files": ["{path}"]}}')
    (message,) = pier.messages()
    assert message["text"] == "See this"
    assert pier.files() == {"plan.txt": b"the plan"}
    post_json(pier, f'{{"markdown": "**Bold**", "files": ["{path}"], '
                    f'"parentId": "{message["id"]}"}}')
    reply = pier.messages()[1]
    assert reply["markdown"] == "**Bold**" and reply["parentId"] == message["id"]
    assert pier.posts() == 2


@pytest.mark.parametrize("what, error", [
    ("missing", errno.ENOENT), ("folder", errno.EISDIR), ("pipe", errno.EINVAL),
    ("two", errno.EINVAL), ("card", errno.EINVAL), ("both", errno.EINVAL)])
def test_local_files_that_cannot_be_sent(pier, tmp_path, what, error):
    (tmp_path / "a.txt").write_text("x")
    os.mkfifo(tmp_path / "pipe")
    files = {"missing": [tmp_path / "none"], "folder": [tmp_path], "pipe": [tmp_path / "pipe"],
             "two": [tmp_path / "a.txt"] * 2}.get(what, [tmp_path / "a.txt"])
    more = {"card": ', "attachments": [{}]', "both": ', "text": "a", "markdown": "b"'}
    listed = ", ".join(f'"{f}"' for f in files)
    with fails(error):
        post_json(pier, f'{{"files": [{listed}]{more.get(what, "")}}}')
    # Nothing is lost: the request as it was written.
    unsent = Unsent(pier.mount)
    (kept,) = unsent.bytes()
    assert b'"files"' in kept
    assert pier.posts() == 0


def test_a_file_with_text_that_failed_is_sent_with_its_text(pier, tmp_path):
    path = tmp_path / "plan.txt"
    path.write_text("the plan")
    pier.sim.fault(method="POST", route="/messages", status=500)
    with fails(errno.EIO):
        post_json(pier, f'{{"text": "See this", "files": ["{path}"]}}')
    pier.sim.clear_faults()
    path.unlink()
    (name,) = Unsent(pier.mount).names()
    pier.mount.run(["mv", f".sparkfs/unsent/{name}", f"{pier.dir}/plan.txt"], check=True)
    (message,) = pier.messages()
    assert message["text"] == "See this"
    assert pier.files() == {"plan.txt": b"the plan"}


# Progress.


def test_transfers_show_how_far_they_are(pier, start_mount):
    data = os.urandom(3_000_000)
    put(pier / "big.bin", data)
    remounted(pier, start_mount)
    transfers = pier.mount / ".sparkfs/transfers"
    assert transfers.read_text() == ""
    fd = os.open(pier / "big.bin", os.O_RDONLY)
    os.read(fd, 4096)
    way, done, total, part, rate, name = transfers.read_text().rstrip("\n").split("\t")
    assert (way, total, name) == ("download", "3000000", "Pier/big.bin")
    assert 4096 <= int(done) < 3_000_000 and part.endswith("%") and rate.endswith("/s")
    (shown,) = pier.mount.status()["transfers"]
    assert shown["direction"] == "download" and shown["total"] == 3_000_000
    os.close(fd)
    wait_until(lambda: transfers.read_text() == "")


def test_an_upload_under_way_is_shown(pier):
    data = os.urandom(2_000_000)
    pier.sim.fault(method="POST", route="/messages", delayMs=1500)
    seen = []

    def look():
        wait_until(lambda: "upload" in (pier.mount / ".sparkfs/transfers").read_text())
        seen.append((pier.mount / ".sparkfs/transfers").read_text())

    parallel(lambda act: act(), [lambda: put(pier / "up.bin", data), look])
    assert seen[0].split("\t")[0] == "upload" and "\t2000000\t" in seen[0]
    assert seen[0].endswith("Pier/up.bin\n")
    assert (pier.mount / ".sparkfs/transfers").read_text() == ""


# Sizes that nobody vouches for.


@pytest.mark.parametrize("length", ["missing", "chunked", "wrong"])
def test_the_size_is_right_once_it_is_opened(two, tmp_path, length):
    data = os.urandom(300_000)
    upload(two, "a.bin", data, BOB)
    wait_until(lambda: len(two.listed()) == 1)
    two.sim.fault(method="HEAD", route="/contents", contentLength=length)
    if length != "wrong":
        two.sim.fault(method="GET", route="/contents", contentLength=length)
    assert names(two) == ["a.bin"]
    two.run(["rsync", "-a", "files/a.bin", str(tmp_path / "1")], check=True)
    two.run(["cp", "files/a.bin", str(tmp_path / "2")], check=True)
    two.run(["sh", "-c", f"tail -c 1000 files/a.bin > {tmp_path / '3'}"], check=True)
    assert (tmp_path / "1").read_bytes() == data
    assert (tmp_path / "2").read_bytes() == data
    assert (tmp_path / "3").read_bytes() == data[-1000:]
    assert os.stat(two / "files/a.bin").st_size == len(data)
    assert gets(two) <= 2


# The text of a message that is nothing but a file.


def test_a_message_says_what_its_file_is_called(two, start_mount):
    upload(two, "report.pdf", "x", BOB)
    upload(two, "with text.pdf", "x", BOB, text="Have a look")
    wait_until(lambda: len(two.listed()) == 2)
    path = two / two.listed()[0]
    assert path.read_text() == "[a file]\n"
    log = (two / "transcript.log").read_text()
    assert log.count("[a file]") == 2 and "Have a look\n  [a file]\n" in log
    names(two)
    wait_until(lambda: path.read_text() == "[file: report.pdf]\n")
    assert os.stat(path).st_size == len("[file: report.pdf]\n")
    # A text does not hide its file there.
    log = (two / "transcript.log").read_text()
    assert "bob@example.com: [file: report.pdf]\n" in log
    assert "bob@example.com: Have a look\n  [file: with text.pdf]\n" in log
    assert os.stat(two / "transcript.log").st_size == len(log)
    assert (two / two.listed()[1]).read_text() == "Have a look\n"
    remounted(two, start_mount)
    path = two / two.listed()[0]
    assert path.read_text() == "[file: report.pdf]\n"
    assert os.stat(path).st_size == len("[file: report.pdf]\n")
    # What the server lists again is no other message.
    two.sim.post(two.id, "something new")
    wait_until(lambda: len(two.listed()) == 3)
    assert path.read_text() == "[file: report.pdf]\n"


def test_a_name_that_becomes_known_is_an_edit_for_who_reads(two):
    upload(two, "report.pdf", "x", BOB)
    wait_until(lambda: len(two.listed()) == 1)
    path = two / two.listed()[0]
    fd = os.open(path, os.O_RDONLY)
    assert os.pread(fd, 1000, 0).decode() == path.read_text() != "[file: report.pdf]\n"
    names(two)
    wait_until(lambda: os.pread(fd, 1000, 0).decode() == "[file: report.pdf]\n")
    assert os.fstat(fd).st_size == os.stat(path).st_size == len("[file: report.pdf]\n")
    os.close(fd)


def test_what_one_sends_names_its_file_at_once(pier):
    put(pier / "report.pdf", "x")
    (name,) = pier.listed()
    wait_until(lambda: (pier / name).read_text() == "[file: report.pdf]\n")
