"""Answers of other servers that are not whole, not ours, or no answer at all (lib/otherserver.py)."""
import gzip
import os
import time

import pytest

from lib.otherserver import BOB, TOKEN, Answer, OtherServer, error, harbour, txts
from lib.otherserver import other  # noqa: F401  pylint: disable=unused-import
from lib.util import wait_until


def public(server, items):
    return [server.public(x) for x in items]


def of_room(server, what, request):
    return public(server, server.in_room(what, {"id": request.query.get("roomId")}))


def whole_words(mount):
    return "is not whole" in mount.run("cat .sparkfs/last-error").ok().out


def keeps(server, mount, where, path, names):
    """The server is asked again, and the listing stays."""
    asked = len(server.asked("GET", path))

    def again():
        assert mount.run(["ls", where]).ok().lines() == names
        return len(server.asked("GET", path)) > asked
    wait_until(again)
    assert mount.run(["ls", where]).ok().lines() == names


def listed(mount, where):
    """The lines of ls, or None if it failed in words."""
    done = mount.run(["ls", where])
    if done.status == 0:
        return done.lines()
    assert "Input/output error" in done.err and whole_words(mount), done
    return None


# What a server makes of a page of ten messages, the newest first.
PAGES = {
    "another room": lambda server, items, quay: quay,
    "one of another room": lambda server, items, quay: items[:4] + quay[:1] + items[5:],
    "one that is no object": lambda server, items, quay: items[:4] + [None] + items[5:],
    "one without a readable id": lambda server, items, quay: [{"id": 5}] + items[1:],
    "the oldest cannot be read": lambda server, items, quay: items[:9] + ["x"],
    "nothing readable": lambda server, items, quay: [5, None, {}, "x"],
    "ids of people": lambda server, items, quay: [{**m, "id": server.me} for m in items],
    "of a person that is a room": lambda server, items, quay:
        [{**m, "personId": m["roomId"]} for m in items],
}


@pytest.fixture
def harbours(other):
    """A space whose messages were listed, and one for each kind of page that never was."""
    def fill(server):
        for title in ("Quay", *PAGES):
            room = server.add_room(title)
            server.add_member(room, "bob@example.org", BOB)
            for i in range(10):
                server.add_message(room, f"{title} {i}", BOB)
    server, mount = other("timeout=25", fill=fill, hurry=5)
    assert len(txts(mount)) == 20
    assert len(mount.run("ls spaces/Harbour/members").ok().lines()) == 2
    return server, mount


def test_a_page_of_messages_that_is_not_whole(harbours):
    """The listing keeps what it had, or fails in words; when the server is well again it is whole."""
    server, mount = harbours
    quay = list(reversed(public(server, server.in_room(server.messages, server.room("Quay")))))
    names = mount.run("ls spaces/Harbour").ok().lines()
    for title, spoil in PAGES.items():
        def hook(request, spoil=spoil):
            if request.method != "GET" or request.path != "/messages":
                return None
            items = list(reversed(of_room(server, server.messages, request)))
            return Answer(200, {"items": spoil(server, items, quay)})
        server.hook = hook
        assert listed(mount, f"spaces/{title}") is None, title
        keeps(server, mount, "spaces/Harbour", "/messages?roomId=" + harbour(server)["id"], names)
    server.hook = None
    for title in PAGES:
        wait_until(lambda t=title: len([n for n in mount.run(["ls", f"spaces/{t}"]).lines()
                                        if n.endswith(".txt")]) == 10)


def test_a_page_with_a_message_twice(harbours):
    server, mount = harbours

    def hook(request):
        if request.method != "GET" or request.path != "/messages":
            return None
        items = list(reversed(of_room(server, server.messages, request)))
        return Answer(200, {"items": [m for m in items for _ in range(2)]})
    server.hook = hook
    assert len(txts(mount, "spaces/Quay")) == 10
    assert len(txts(mount)) == 20


def test_lists_of_members_and_spaces_that_are_not_whole(harbours):
    server, mount = harbours
    quay = public(server, server.in_room(server.memberships, server.room("Quay")))
    spoilt = {
        "another room": lambda items: quay,
        "one that is no object": lambda items: items[:1] + [7],
        "spaces": lambda items: public(server, server.rooms),
        "nothing readable": lambda items: [None, {}, {"id": "a/b"}],
    }
    for (what, spoil), title in zip(spoilt.items(), PAGES):
        server.hook = lambda r, s=spoil: Answer(200, {"items": s(of_room(
            server, server.memberships, r))}) if r.path == "/memberships" else None
        assert listed(mount, f"spaces/{title}/members") is None, what
        keeps(server, mount, "spaces/Harbour/members", "/memberships",
              ["alice@example.org", "bob@example.org"])
    spaces = mount.run("ls spaces").ok().lines()
    rooms = public(server, server.rooms)
    for items in (rooms[:2] + [{"id": 5}], [1, None], public(server, server.messages)):
        server.hook = lambda r, i=items: Answer(200, {"items": i}) if r.path == "/rooms" else None
        keeps(server, mount, "spaces", "/rooms", spaces)
    # A list of people: that it has nobody is not said.
    server.hook = lambda r: Answer(200, {"items": [{"id": 5}]}) if r.path == "/people" else None
    done = mount.run("cat people/carol@example.org.json")
    assert "Input/output error" in done.err and whole_words(mount), done


def test_a_first_list_of_spaces_that_is_not_whole(other):
    server, mount = other("timeout=5")
    rooms = public(server, server.rooms)
    server.hook = lambda r: Answer(200, {"items": rooms + [{"id": 5}]}) \
        if r.path == "/rooms" else None
    assert listed(mount, "spaces") is None
    server.hook = None
    wait_until(lambda: mount.run("ls spaces").lines() == ["Harbour"])


# What another server says to DELETE, though nothing is deleted.
REFUSALS = {
    "no such method 404": error(404, "no"), "a page 404": Answer(404, "<html>"),
    "gone": error(410, "gone"), "no such method 405": error(405, "no"),
    "no such method 501": error(501, "no"), "forbidden": error(403, "no"),
    "a page": Answer(200, "<html>log in"), "later": Answer(202, b""),
    "an error": Answer(200, {"message": "no", "errors": [{"description": "no DELETE here"}]}),
    "a list": Answer(200, []),
}


def test_what_lives_is_not_hidden(other):
    """A message, a membership and a space stay where a GET says that they are there."""
    server, mount = other("timeout=5")
    server.add_room("Quay")
    name = txts(mount)[3]
    member = "spaces/Harbour/members/bob@example.org"
    mount.run(["ls", "spaces/Harbour/members", "spaces/Quay", "spaces/Quay/members"]).ok()
    for words, answer in REFUSALS.items():
        server.hook = lambda r, a=answer: a if r.method == "DELETE" else None
        for command in (["rm", f"spaces/Harbour/{name}"], ["rm", member], ["rmdir", "spaces/Quay"]):
            done = mount.run(command)
            assert done.status == 1 and "No such file" not in done.err, (words, done)
        assert os.path.exists(mount / "spaces/Harbour" / name), words
        assert os.path.exists(mount / member) and os.path.exists(mount / "spaces/Quay"), words
    # What is gone is gone, whatever was said.
    kept = server.messages[3]

    def deletes(request):
        if request.method != "DELETE":
            return None
        server.messages.remove(kept)
        return Answer(200, "<html>done")
    server.hook = deletes
    mount.run(["rm", f"spaces/Harbour/{name}"]).ok()
    assert name not in txts(mount)


def test_a_success_that_is_no_delivery(other):
    """Of each letter it is asked whether it came; none is shown that did not."""
    server, mount = other("timeout=5")
    room, quay = harbour(server), server.add_room("Quay")
    before = txts(mount)

    def message(**fields):
        good = {"id": server.make_id("MESSAGE", server.new_uuid()), "roomId": room["id"],
                "personId": server.me, "personEmail": "alice@example.org", "text": "hello",
                "created": server.date(int(time.time() * 1000))}
        return {k: v for k, v in {**good, **fields}.items() if v is not None}

    answers = {
        "nothing": Answer(200), "no content": Answer(204), "a page": Answer(200, "<html>ok"),
        "a list": Answer(200, [message()]), "an error": Answer(200, {"message": "no"}),
        "later": Answer(202, {"status": "queued"}), "no id": Answer(200, message(id=None)),
        "id of a space": Answer(200, message(id=room["id"])),
        "space of a person": Answer(200, message(roomId=server.me)),
        "another space": Answer(200, message(roomId=quay["id"])),
        "no space": Answer(200, message(roomId=None)),
        "another author": Answer(200, message(personId=server.bob,
                                              personEmail="bob@example.org")),
        "author of a room": Answer(200, message(personId=room["id"])),
    }
    left = list(answers.values())
    server.hook = lambda r: left.pop() if r.method == "POST" else None
    # All at once: each is looked for twice, with a pause between.
    done = mount.run(["sh", "-c", "".join(
        f"(dd status=none of=spaces/Harbour/post <<-E\nhello {i}\nE\n) & " for i in
        range(len(answers))) + "wait"], timeout=40)
    assert not left, done
    wait_until(lambda: len([n for n in mount.run("ls .sparkfs/unsent").lines()
                            if n.endswith(".txt")]) == len(answers), 20)
    server.hook = None
    assert txts(mount) == before


def test_an_attachment_without_a_length(start_mount, tmp_path):
    """It is fetched before it is given, but no more of it than may be kept."""
    with OtherServer(contents="nolength") as server:
        room = server.add_room("Harbour")
        for name, size in (("short", 6), ("long", 64)):
            server.contents[name] = (name, "text/plain", b"%07d\n" % size * (size << 17))
            server.add_message(room, None, files=[f"{server.base}/contents/{name}"])
        mount = start_mount(server.base, "cache_size=8M", token=TOKEN)
        assert len(mount.run("cat spaces/Harbour/files/short").ok().out_bytes) == 6 << 20
        long = "spaces/Harbour/files/long"
        for command in (["cat", long], ["cp", long, tmp_path / "copy"], ["tail", "-c1", long],
                        ["rsync", "-a", long, tmp_path / "copy"],
                        ["tar", "cf", tmp_path / "tar", long]):
            done = mount.run(command)
            assert done.status and "File too large" in done.err, done
        assert not (tmp_path / "copy").exists()
        assert "does not say how long" in mount.run("cat .sparkfs/last-error").ok().out
        kept = sum(p.stat().st_blocks * 512 for p in (mount.state / "cache").rglob("*.bin"))
        assert kept < 32 << 20, kept


@pytest.mark.parametrize("head", ["silent", "nothing"])
def test_an_unknown_length_is_not_nothing(start_mount, tmp_path, head):
    """tar, find -empty and [ -s ] do not open what stat says is empty."""
    data = b"%07d\n" * 40_000 % tuple(range(40_000))
    with OtherServer(contents="nolength") as server:
        room = server.add_room("Harbour")
        names = ["a", "b", "c", "d"]
        for name in names:
            server.contents[name] = (name, "text/plain", data)
            server.add_message(room, None, files=[f"{server.base}/contents/{name}"])
        server.hook = lambda r: Answer(200, b"", [("Content-Length", "0")], raw=True) \
            if head == "nothing" and r.method == "HEAD" else None
        mount = start_mount(server.base, token=TOKEN)
        files = mount.path / "spaces/Harbour/files"
        assert mount.run("ls", cwd=files).ok().lines() == names
        assert mount.run("find . -type f -empty; for f in *; do [ -s $f ] || echo $f; done",
                         cwd=files).ok().out == ""
        assert int(mount.run("du -sk .", cwd=files).ok().out.split()[0]) < 100
        mount.run(f"tar cf {tmp_path}/all.tar a && tar xf {tmp_path}/all.tar -C {tmp_path} &&"
                  f"rsync -a b {tmp_path}/ && cp -a c {tmp_path}/ && cat d > {tmp_path}/d",
                  cwd=files).ok()
        for name in names:
            assert (tmp_path / name).read_bytes() == data, name
            assert os.stat(files / name).st_size == len(data)


def test_no_part_of_an_unknown_length_is_taken_for_the_whole(start_mount, tmp_path):
    """One that breaks off, one that unpacks to more than is kept."""
    piece = bytes(65536)
    packed = gzip.compress(bytes(64 << 20))
    bodies = {
        "broken": Answer(200, (b"10000\r\n%s\r\n" % piece) * 4, [
            ("Transfer-Encoding", "chunked"), ("Connection", "close")], raw=True),
        "bomb": Answer(200, packed, [("Content-Encoding", "gzip"),
                                     ("Content-Length", str(len(packed)))], raw=True),
    }

    def answer(request):
        name = request.path.rpartition("/")[2]
        if not request.path.startswith("/contents/") or name not in bodies:
            return None
        if request.method == "HEAD":
            return Answer(200, b"", [("Content-Type", "text/plain")], raw=True)
        return bodies[name]

    with OtherServer() as server:
        room = server.add_room("Harbour")
        for name in bodies:
            server.contents[name] = (name, "text/plain", b"")
            server.add_message(room, None, files=[f"{server.base}/contents/{name}"])
        server.hook = answer
        mount = start_mount(server.base, "cache_size=8M", "timeout=5", "rate=off", token=TOKEN)
        files = mount.path / "spaces/Harbour/files"
        assert mount.run("ls", cwd=files).ok().lines() == sorted(bodies)
        for name in bodies:
            error = "Input/output error" if name == "broken" else "File too large"
            for command in ("cat {0} > {1}/cat", "cp {0} {1}/cp", "rsync {0} {1}/rsync",
                            "tar cf - {0} > {1}/tar"):
                done = mount.run(command.format(name, tmp_path), cwd=files)
                assert done.status != 0 and error in done.err, (name, command, done)
            assert not (tmp_path / "rsync").exists(), name
        kept = sum(p.stat().st_blocks * 512 for p in (mount.state / "cache").rglob("*.bin"))
        assert kept < 32 << 20, kept
