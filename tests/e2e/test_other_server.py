"""sparkfs on a server that makes the other choices (lib/otherserver.py).

What a person expects must hold whatever a server does that nobody could confirm; a hostile
server gets a clear errno, never a hang, a crash, or a token on another origin.
"""
import gzip
import json
import os
import time
import unicodedata

import pytest

from lib.otherserver import BOB, ME, TOKEN, Answer, error, harbour, txts
from lib.otherserver import other  # noqa: F401  pylint: disable=unused-import
from lib.util import scaled, wait_until

PROFILES = {
    "eager": dict(created_status=201, dates="s", ids="em", link="lower", page=7,
                  content_type=None, framing="chunked", delete_body=True, direct=404),
    "precise": dict(dates="ns", ids="urn:TEAM:eu-central-1_k", link="many", page=7, put="204",
                    framing="close", gzip=True, direct=400, last_activity="old",
                    contents="gzip"),
    "offset": dict(dates="offset", ids="bare", link="relative", page=7, put="empty",
                   framing="http10", content_type="text/json", direct=200,
                   last_activity="none", contents="nolength"),
    "padded": dict(dates="us", ids="padded", link="valueless", page=7, empty_pages=3,
                   extras=True, created=False, contents="bare"),
    "opaque": dict(ids="opaque", link="headers", page=3, lag=3,
                   contents="redirect", framing="chunked", gzip=True),
    "query": dict(link="query", page=7, post="partial", created=False, delete_body=True,
                  put="204", framing="http10"),
    "foreign": dict(link="foreign", page=7),
}


def failing(mount, command, words, within=10):
    """The command fails soon, in these words."""
    began = time.monotonic()
    done = mount.run(command, timeout=within)
    assert done.status != 0 and any(w in done.err for w in words.split("|")), done
    return time.monotonic() - began


@pytest.mark.parametrize("profile", PROFILES)
def test_every_day(other, profile):
    server, mount = other(**PROFILES[profile])
    room = harbour(server)
    # Reading.
    assert mount.run("ls spaces").ok().lines() == ["Harbour"]
    names = txts(mount)
    assert len(names) == 20, names
    assert mount.run("cat spaces/Harbour/*.txt").ok().lines() == [f"message {i}"
                                                                  for i in range(20)]
    assert names[0].startswith("2025-03-03T11-06-41.000Z_alice@example.org"), names[0]
    mtime = int(mount.run(["stat", "-c%Y", f"spaces/Harbour/{names[0]}"]).ok().out)
    assert mtime == server.messages[0]["_ms"] // 1000
    shown = json.loads(mount.run("cat spaces/Harbour/space.json").ok().out)
    assert (shown["id"], shown["title"]) == (room["id"], "Harbour")
    assert json.loads(mount.run("cat people/bob@example.org.json").ok().out)["id"] == server.bob
    assert mount.run("tail -n1 spaces/Harbour/transcript.log").ok().out.endswith("message 19\n")
    # Posting, and seeing it at once.
    mount.run("echo hello > spaces/Harbour/post").ok()
    assert server.texts(room).count("hello") == 1
    assert mount.run("cat spaces/Harbour/last").ok().out == "hello\n"
    mine = txts(mount)[-1]
    assert mine.endswith("_alice@example.org.txt"), mine
    assert len(txts(mount)) == 21
    mount.run("echo '**bold**' > spaces/Harbour/post.md").ok()
    assert server.texts(room).count("**bold**") == 1
    # Editing, deleting.
    wait_until(lambda: all(server.visible(m) for m in server.messages))
    mount.run(["bash", "-c", 'echo changed > "$0"', f"spaces/Harbour/{mine}"]).ok()
    assert "changed" in server.texts(room) and "hello" not in server.texts(room)
    assert mount.run(["cat", f"spaces/Harbour/{mine}"]).ok().out == "changed\n"
    mount.run(["rm", f"spaces/Harbour/{mine}"]).ok()
    assert "changed" not in server.texts(room)
    assert mine not in txts(mount)
    # Members.
    assert mount.run("ls spaces/Harbour/members").ok().lines() == ["alice@example.org",
                                                                   "bob@example.org"]
    mount.run("touch spaces/Harbour/members/eve@example.org").ok()
    assert "eve@example.org" in mount.run("ls spaces/Harbour/members").ok().lines()
    mount.run("""echo '{"isModerator": true}' > spaces/Harbour/members/bob@example.org""").ok()
    assert [m["isModerator"] for m in server.in_room(server.memberships, room)
            if m["personEmail"] == "bob@example.org"] == [True]
    assert '"isModerator": true' in \
        mount.run("cat spaces/Harbour/members/bob@example.org").ok().out
    mount.run("rm spaces/Harbour/members/eve@example.org").ok()
    assert "eve@example.org" not in mount.run("ls spaces/Harbour/members").ok().lines()
    # Uploading; reading it back takes a request.
    mount.run("seq 2000 > spaces/Harbour/numbers.txt").ok()
    data = "".join(f"{i}\n" for i in range(1, 2001))
    assert [c[0::2] for c in server.contents.values()] == [("numbers.txt", data.encode())]
    assert mount.run("cat spaces/Harbour/numbers.txt").ok().out == data
    # Spaces.
    mount.run("mkdir spaces/Quay").ok()
    assert mount.run("ls spaces").ok().lines() == ["Harbour", "Quay"]
    mount.run("ls spaces/Quay").ok()
    assert mount.run("ls spaces").ok().lines() == ["Harbour", "Quay"]
    mount.run("mv spaces/Quay spaces/Pier").ok()
    assert mount.run("ls spaces").ok().lines() == ["Harbour", "Pier"]
    assert [r["title"] for r in server.rooms] == ["Harbour", "Pier"]
    wait_until(lambda: all(server.visible(r) for r in server.rooms))
    mount.run("rmdir spaces/Pier").ok()
    assert [r["title"] for r in server.rooms] == ["Harbour"]
    # A person never written to.
    assert mount.run("ls direct/bob@example.org").ok().lines() == ["post", "post.json", "post.md"]
    mount.run("echo hi > direct/bob@example.org/post").ok()
    assert server.texts(server.room("Bob")) == ["hi"]
    assert mount.run("cat direct/bob@example.org/last").ok().out == "hi\n"


def test_bot(other):
    _, mount = other(me_type="bot", ids="em")
    assert len(txts(mount)) == 20
    mount.run("echo beep > spaces/Harbour/post").ok()
    assert mount.run("cat spaces/Harbour/last").ok().out == "beep\n"


TITLES = ["", "eyJhbGciOiJkaXIi.JWE..x", "long " * 600, "two\nlines", "bell\a\x1b[31m",
          unicodedata.normalize("NFC", "Caf\u00e9"), unicodedata.normalize("NFD", "Caf\u00e9"),
          "..", "../../etc", "a/b", "-rf", "\u202egnp.exe", "\ud800", "nul\0l", ".hidden"]


def test_titles(other):
    def fill(server):
        for title in TITLES:
            server.add_room(title)
        server.rooms[2]["errors"] = {"title": {"code": "kms_failure", "reason": "x"}}
        server.add_room(7)
        server.add_room("Odd", kind="community")
    _, mount = other(fill=fill)
    names = os.listdir(mount / "spaces")
    assert len(names) == len(TITLES) + 3, names
    for name in names:
        assert len(name.encode()) <= 255 and name[0] not in ".-", name
        assert not any(ord(c) < 32 or 0xd800 <= ord(c) < 0xe000 for c in name), ascii(name)
    assert mount.run("cat spaces/*/space.json").ok().out.count('"id"') == len(names)
    mount.run("ls -l spaces").ok()


def test_members(other):
    def fill(server):
        room = server.rooms[0]
        for address in ("Dup@example.org", "dup@Example.org", "", "../../x@y.z"):
            server.add_member(room, address, str(len(server.memberships)) * 36)
        del server.add_member(room, "gone@example.org")["personEmail"]
        server.add_member(room, "n@n.n", personEmail=None, personDisplayName=None)
        server.add_member(room, "5@x.y", personEmail=5, isModerator="true")
    _, mount = other(fill=fill)
    names = mount.run("ls spaces/Harbour/members").ok().lines()
    assert len(names) == 9, names
    assert sum(n.startswith("unknown-") for n in names) == 4, names
    assert sum(n.lower().startswith("dup@example.org") for n in names) == 2, names
    assert mount.run("cat spaces/Harbour/members/*").ok().out.count('"id"') == 9


def test_a_bad_file_hides_no_other(other):
    """A URL of another host, and one at which the server fails."""
    def fill(server):
        server.contents["good-1"] = ("good.txt", "text/plain", b"good")
        for url in (f"{server.base}/contents/good-1", "https://evil.example/v1/contents/evil-1",
                    f"{server.other}/contents/stray-1", "file:///etc/passwd",
                    f"{server.base}/contents/broken-1"):
            server.add_message(harbour(server), None, files=[url])

    server, mount = other(fill=fill)
    server.hook = lambda r: error(500, "broken") if r.path.endswith("broken-1") else None
    names = mount.run("ls spaces/Harbour/files/", timeout=60).ok().lines()
    assert "good.txt" in names and len(names) == 5, names
    assert mount.run("cat spaces/Harbour/files/good.txt").ok().out == "good"
    for name in set(names) - {"good.txt"}:
        assert mount.run(["cat", f"spaces/Harbour/files/{name}"], timeout=60).status == 1, name


def upload(mount):
    name = f"spaces/Harbour/report{time.monotonic_ns()}.pdf"
    mount.run(f"echo data {name} > {name}").ok()
    return name


@pytest.mark.parametrize("style", ["plain", "bare", "nolength", "gzip", "redirect"])
def test_files_of_others(other, tmp_path, style):
    """By their names, whatever the server says of names and lengths; every tool gets all of it."""
    data = bytes(i * i % 251 for i in range(200000))

    def fill(server):
        server.contents["report-1"] = ("report.pdf", "application/pdf", data)
        server.add_message(harbour(server), None, files=[f"{server.base}/contents/report-1"])

    _server, mount = other(contents=style, fill=fill)
    (name,) = mount.run("ls spaces/Harbour/files/").ok().lines()
    assert name == ("report.pdf" if style in ("plain", "redirect") else "report-1")
    path = f"spaces/Harbour/files/{name}"
    for command in (f"cat {path}", f"tail -c +1 {path}", f"dd if={path} bs=7k status=none"):
        assert mount.run(command).ok().out_bytes == data, command
    mount.run(f"rsync -a {path} {tmp_path}/copy").ok()
    assert (tmp_path / "copy").read_bytes() == data
    assert mount.run(f"stat -c %s {path}").ok().out == "200000\n"


def test_contents(other):
    server, mount = other("timeout=5")
    answers = {
        410: (Answer(410, "<html>gone</html>"), "Permission denied"),
        428: (error(428, "cannot be scanned"), "Permission denied"),
        404: (error(404, "no"), "No such file|Stale file"),
        # Cut short: never a whole file that is not.
        200: (Answer(200, b"data", [("Content-Length", "4000")], raw=True),
              "Input/output error"),
        302: (Answer(302, b"", [("Location", "http://127.0.0.1:1/x")]), "Connection refused"),
        303: (Answer(302, b"", [("Location", "file:///etc/passwd")]), "Input/output error"),
        304: (Answer(302, b"", [("Location", server.base + "/contents/round")]),
              "Input/output error"),
    }
    for answer, words in answers.values():
        server.hook = None
        name = upload(mount)
        server.hook = lambda r, a=answer: a if r.path.startswith("/contents") else None
        failing(mount, ["cat", name], words, 15)
    server.hook = None
    wait_until(lambda: mount.run(["cat", name]).out.startswith("data"))


def test_content_is_being_scanned(other):
    server, mount = other()
    name = upload(mount)
    left = [2]

    def hook(request):
        if not request.path.startswith("/contents") or left[0] == 0:
            return None
        left[0] -= 1
        return Answer(423, "locked", [("Retry-After", "1")])
    server.hook = hook
    assert mount.run(["cat", name]).ok().out == f"data {name}\n"


@pytest.mark.parametrize("after", [None, "rand(30),add(30)", "-5", "999999999999999999999",
                                   "Sun, 06 Nov 2094 08:49:37 GMT"])
def test_rate_limit(other, after):
    """Longer than the time-out: EBUSY at once; what is cached reads on."""
    server, mount = other("timeout=3")
    names = txts(mount)
    server.hook = lambda r: Answer(429, "<html>slow down</html>",
                                   [("Retry-After", after)] if after is not None else [])
    failing(mount, "ls spaces/Harbour/members", "busy")
    assert mount.run(["cat", f"spaces/Harbour/{names[0]}"]).ok().out == "message 0\n"
    assert txts(mount) == names


@pytest.mark.parametrize("after", ["0", "1", time.strftime("%a, %d %b %Y %H:%M:%S GMT",
                                                           time.gmtime(0))])
def test_rate_limit_for_a_moment(other, after):
    server, mount = other()
    left = [1]

    def hook(request):
        if not left[0]:
            return None
        left[0] = 0
        return Answer(429, b"", [("Retry-After", after)])
    server.hook = hook
    assert mount.run("ls spaces/Harbour/members").ok().lines() == ["alice@example.org",
                                                                   "bob@example.org"]
    left[0] = 1
    mount.run("echo once > spaces/Harbour/post").ok()
    assert server.texts(harbour(server)).count("once") == 1


def test_unauthorized_once(other):
    server, mount = other()
    left = [1]

    def hook(request):
        left[0] -= 1
        return Answer(401, {"error": "invalid_token", "error_description": "stale"}) \
            if left[0] == 0 else None
    server.hook = hook
    failing(mount, "ls spaces/Harbour/members", "Permission denied")
    wait_until(lambda: mount.run("ls spaces/Harbour/members").status == 0)
    assert "stale" in mount.run("cat .sparkfs/log .sparkfs/last-error").out


ERRORS = {
    "html": (Answer(500, "<html><h1>It is broken</h1></html>"), "HTTP status 500|500"),
    "no message": (Answer(403, {"errors": [{"description": "only here"}]}), "only here"),
    "strings": (Answer(403, {"errors": ["plain words"], "message": None}), "plain words"),
    "oauth": (Answer(400, {"error": "invalid_request", "error_description": "what?"}), "what?"),
    "number": (Answer(400, {"message": 5, "errors": {"x": 1}}), "400"),
    "empty": (Answer(404, b""), "404"),
    "teapot": (Answer(418, b"\xff\xfe\x00"), "418"),
    "bad utf-8": (Answer(409, b'{"message": "\xff\x1b[31mred"}'), "red"),
}


@pytest.mark.parametrize("kind", ERRORS)
def test_error_bodies(other, kind):
    server, mount = other()
    answer, words = ERRORS[kind]
    server.hook = lambda r: answer if r.method == "POST" else None
    done = mount.run("touch spaces/Harbour/members/eve@example.org")
    assert done.status != 0, done
    said = mount.run("cat .sparkfs/last-error .sparkfs/log").ok().out
    assert any(w in said for w in words.split("|")), said
    assert "\x1b" not in said and TOKEN not in said


def deep(n):
    return b'{"items":' + b"[" * n + b"]" * n + b"}"


HOSTILE = {
    "deep": deep(200000),
    "deep extra": b'{"items":[{"id":"YWJj","title":"t","x":' + b"[" * 900 + b"]" * 900 + b"}]}",
    "no json": b"<html>",
    "empty": b"",
    "items null": b'{"items":null}',
    "items object": b'{"items":{"id":"x"}}',
    "array": b"[]",
    "cut": b'{"items":[{"id":"x"',
    "numbers": b'{"items":[{"id":5,"title":6,"text":7},5,null,"x",[],{}]}',
    "keys": b'{"items":[{"id":"YQ","id":"Yg","title":"twice","title":"x","":1,"":2}]}',
    "utf-8": b'{"items":[{"id":"YQ","title":"\xff\xc0\x80\xed\xa0\x80","type":"\xfe"}]}',
    "ids": b'{"items":[{"id":"../../people/me","title":"evil"},{"id":"a?x=1","title":"e"},'
           b'{"id":"a/b","title":"e"},{"id":"' + b"x" * 70000 + b'","title":"e"}]}',
    "big title": b'{"items":[{"id":"YQ","title":"' + b"x" * 10_000_000 + b'"}]}',
    "floats": b'{"items":[{"id":"YQ","created":1e999,"lastActivity":-1,"title":1e-999}]}',
    "dates": b'{"items":[{"id":"YQ","created":"99999-01-01T00:00:00Z",'
             b'"lastActivity":"2025-13-45T99:99:99.Z"}]}',
    "millions": b'{"items":[' + b",".join([b'{"id":"YQ"}'] * 3_000_000) + b"]}",
    "bomb": None,
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_lists(other, kind):
    """Every list is answered so: an errno or what could be read, soon, and alive."""
    server, mount = other("timeout=10")
    body = HOSTILE[kind]
    headers = []
    if body is None:
        body = gzip.compress(b" " * (1 << 28), 1)
        headers = [("Content-Encoding", "gzip")]
    evil = Answer(200, body, [*headers, ("Content-Length", str(len(body)))], raw=True)
    server.hook = lambda r: evil if r.method == "GET" else None
    for command in ("ls spaces", "ls spaces/Harbour", "ls spaces/Harbour/members",
                    "cat people/bob@example.org.json", "ls direct/bob@example.org"):
        done = mount.run(command, timeout=20)
        assert done.status == 0 or done.err, done
    assert mount.rss_kib() < 500_000
    assert TOKEN not in mount.run("cat .sparkfs/log .sparkfs/last-error").out
    if kind in ("no json", "ids"):
        server.hook = None
        wait_until(lambda: mount.run("ls spaces").lines() == ["Harbour"])
        wait_until(lambda: len(txts(mount)) == 20)


@pytest.mark.parametrize("what", ["rooms", "messages", "memberships"])
@pytest.mark.parametrize("link", ["same", "circle", "endless"])
def test_lists_without_end(other, what, link):
    server, mount = other("timeout=5", "rate=off")
    calls = [0]

    def hook(request):
        if request.path != "/" + what:
            return None
        calls[0] += 1
        n = calls[0]
        to = {"same": 1, "circle": n % 2 + 1, "endless": n}[link]
        if link == "endless":
            at = (int(request.query.get("cursor", 0))) * 1000
            # Ids count up, so that each page is new; small items.
            items = [{"id": f"x{at + i}", "title": "t", "roomId": server.rooms[0]["id"],
                      "created": server.date(1740000000000 - (at + i) * 1000)}
                     for i in range(1000)]
        else:
            items = [{"id": f"x{to}", "title": "t", "created": server.date(1740000000000)}]
        return Answer(200, {"items": items}, [
            ("Link", f'<{server.base}{request.path}?cursor={to}>; rel="next"')])
    server.hook = hook
    where = {"rooms": "spaces", "messages": "spaces/Harbour",
             "memberships": "spaces/Harbour/members"}[what]
    if what == "rooms":
        mount.run("ls direct")
    mount.run(["ls", where], timeout=scaled(30))
    assert mount.rss_kib() < 500_000
    asked = calls[0]
    assert asked < 400, asked


def test_an_account_without_an_address(other, start_mount):
    """A guest, or a bot of a server that gives none: it mounts, also without network."""
    server, _ = other(mounted=False)

    def nameless(request):
        if not request.path.endswith("/people/me"):
            return None
        me = dict(server.person(ME))
        del me["emails"]
        return Answer(200, me)
    server.hook = nameless
    mount = start_mount(server.base, token=TOKEN)
    names = txts(mount)
    assert len(names) == 20
    assert json.loads(mount.run("cat people/me.json").ok().out)["id"]
    mount.run("echo hello > spaces/Harbour/post").ok()
    assert mount.run("cat spaces/Harbour/last").ok().out == "hello\n"
    mount.run("cat .sparkfs/status.json").ok()
    mount.unmount()
    server.hook = lambda request: Answer(503, b"")
    mount = start_mount(server.base, "timeout=1", token=TOKEN, state=mount.state)
    assert len(txts(mount)) == 21
    mount.unmount()
    server.hook = lambda request: error(401, "no")
    mount = start_mount(server.base, token=TOKEN, state=mount.state)
    assert len(txts(mount)) == 21


def test_next_link_to_another_origin(other):
    """Its query is followed here; the other host is not asked at all."""
    server, mount = other(link="foreign", page=4)
    assert len(txts(mount)) == 20
    assert {port for port, *_ in server.log} == {int(server.base.split(":")[2][:-3])}


def test_new_message_is_late(other):
    """Posted, and neither listed nor found for a while: it stays, and is sent once."""
    server, mount = other(lag=6, post="partial")
    for i in range(3):
        mount.run(f"echo late {i} > spaces/Harbour/post").ok()
    for _ in range(4):
        assert mount.run("cat spaces/Harbour/*.txt").ok().lines()[-3:] == [
            f"late {i}" for i in range(3)]
        time.sleep(1)
    assert len(server.messages) == 23


def test_deleted_message_is_still_listed(other):
    server, mount = other()
    name = txts(mount)[0]
    kept = server.messages[0]
    mount.run(["rm", f"spaces/Harbour/{name}"]).ok()
    server.messages.insert(0, kept)
    wait_until(lambda: len(server.asked("GET", "/messages")) >= 2
               or not txts(mount), 8)
    assert name not in txts(mount)


# An account without an address is one (test_an_account_without_an_address).
@pytest.mark.parametrize("answer", [
    Answer(200, {"emails": ["a@b.c"]}), Answer(200, {"id": ""}), Answer(200, b"[]"),
    Answer(200, b"<html>"), error(401, "no"), Answer(500, b""),
    Answer(302, b"", [("Location", "http://127.0.0.1:1/")])])
def test_mount_is_refused(other, start_mount, answer):
    server, _ = other(mounted=False)
    server.hook = lambda r: answer
    with pytest.raises(RuntimeError) as said:
        start_mount(server.base, "cache=memory", "timeout=3", token=TOKEN)
    assert "sparkfs: " in str(said.value) and TOKEN not in str(said.value)


def test_a_change_answered_with_another_thing(other):
    """Whether this one was changed is asked."""
    server, mount = other()
    lunch = server.add_room("Lunch")
    done = []

    def answer(request):
        if request.method != "PUT":
            return None
        if done:
            server.rooms[0]["title"] = request.json()["title"]
        return Answer(200, server.public(lunch))

    server.hook = answer
    failed = mount.run("mv spaces/Harbour spaces/Port")
    assert failed.status and not (mount.path / "spaces/Port").exists()
    done.append(True)
    assert mount.run("mv spaces/Harbour spaces/Port").status == 0
    server.hook = None
    assert mount.run("ls spaces/Port/members").status == 0
