"""Reading: every form of a message, by ordinary tools, with edits seen at once."""
import filecmp
import html
import json
import os
import re
import shutil
import time

import pytest

from lib.shell import run_cmd
from lib.tree import (Timed, check_sizes, error_of, messages_in, parallel, read, stem,
                      stems, txt_bytes, txt_name)
from lib.util import wait_until

BUOY = "Harbour buoy project"


class Forms:
    """The files of a message in its space."""

    def __init__(self, space):
        self.space = space
        self.stems = stems(space)

    def path(self, message, twin):
        return self.space / (self.stems[message["id"]] + twin)

    def __call__(self, message):
        """The bytes of .txt, .md, .html as text."""
        return [read(self.path(message, twin)).decode() for twin in (".txt", ".md", ".html")]


# Each form of a message.


@pytest.mark.sim("--data", "empty")
def test_every_form_of_a_message(sim, start_mount):
    room = sim.create_room("forms", ["bob@example.com"])["id"]
    bob = sim.me("bob-token")["id"]
    plain = sim.post(room, "just text")
    lines = sim.post(room, "one\ntwo\n\nthree & <four>")
    newline = sim.post(room, "ends with a newline")
    wide = sim.post(room, "gr\u00fc\u00dfe \U0001f385\U0001f3fd \u202ertl \u0000".rstrip("\0"))
    bold = sim.post(room, markdown="**bold** and `code`")
    mention = sim.post(room, markdown=f"<@personId:{bob}|Bobby> see <@all>")
    reply = sim.post(room, "a reply", parentId=plain["id"])
    upload = sim.upload(room, "data.bin", b"\0\1\2" * 100)
    captioned = sim.upload(room, "pic.png", b"x", text="look")
    card = sim.post(room, "fallback", attachments=[{
        "contentType": "application/vnd.microsoft.card.adaptive",
        "content": {"type": "AdaptiveCard", "version": "1.3", "body": []}}])
    page = sim.add_messages(room=room, person="bob", markdown="x",
                            html="<p>Hi <b>there</b></p><p>second &amp; last</p>")["items"][0]
    space = start_mount(sim).space("forms")
    forms = Forms(space)
    assert len(messages_in(space)) == len(forms.stems) == 11

    assert forms(plain) == ["just text\n", "just text\n", "<p>just text</p>\n"]
    assert forms(lines) == ["one\ntwo\n\nthree & <four>\n"] * 2 + \
        ["<p>one<br/>two<br/><br/>three &amp; &lt;four&gt;</p>\n"]
    assert forms(newline)[0] == "ends with a newline\n"
    assert forms(wide)[0] == wide["text"].replace("\u202e", "\ufffd") + "\n"
    assert forms(bold) == [bold["text"] + "\n", "**bold** and `code`\n",
                                  bold["html"] + "\n"]
    txt, md, page_html = forms(mention)
    assert txt == mention["text"] + "\n"
    assert md == f"<@personId:{bob}|Bobby> see <@all>\n"
    assert "spark-mention" in page_html
    assert forms(reply)[0] == "a reply\n"
    # Neither text nor markdown nor html: one line for the file, whose name nobody asked for.
    assert forms(upload)[0] == "[a file]\n"
    assert forms(captioned)[0] == "look\n"
    assert forms(card)[0] == "fallback\n"
    assert forms(page) == ["x\n", "x\n", "<p>Hi <b>there</b></p><p>second &amp; last</p>\n"]
    for m in (plain, lines, bold, mention, reply, upload, captioned, card, page):
        shown = json.loads(read(forms.path(m, ".json")))
        assert shown == sim.api("GET", "/messages/" + m["id"]).json
    for name in os.listdir(space):
        if name.endswith(".txt"):
            for twin in (".txt", ".md", ".html", ".json"):
                path = space / (name[:-4] + twin)
                data = read(path)
                assert len(data) == os.stat(path).st_size and data.endswith(b"\n")


@pytest.mark.sim("--data", "empty")
def test_a_message_with_html_only(sim, start_mount):
    """Bodies that the service does not give today, but that its description allows."""
    room = sim.create_room("html")["id"]
    sim.add_messages(room=room, person="bob", text="", html="<p>Only <i>html</i> &lt;here"
                     "&gt;</p><ul><li>a</li><li>b</li></ul>", created=1700000000000)
    sim.add_messages(room=room, person="bob", text="", created=1700000001000)
    space = start_mount(sim).space("html")
    first, second = messages_in(space)
    text = read(space / first).decode()
    assert text.startswith("Only html <here>\n") and text.endswith("\n- a\n- b\n")
    assert read(space / (first[:-4] + ".md")) == b"Only *html* &lt;here>\n\n- a\n- b\n"
    # No text at all is still a line, so that cat and wc behave.
    assert read(space / second).endswith(b"\n")
    assert os.stat(space / second).st_size == len(read(space / second))


@pytest.mark.sim("--data", "empty")
def test_long_and_binary_looking_texts(sim, start_mount):
    room = sim.create_room("long")["id"]
    texts = ["x" * 7439, "\u00e4" * 3719, "\U0001f600" * 1859, "a\tb\rc", "\ufeffbom", "\\n%s"]
    sent = [sim.post(room, t) for t in texts]
    forms = Forms(start_mount(sim).space("long"))
    for text, m in zip(texts, sent):
        # What a carriage return would hide is seen.
        assert forms(m)[0] == text.replace("\r", "\ufffd") + "\n"


# Ordinary tools.


def test_cat_wc_tail_grep_find(sim, mount):
    messages = sim.messages(sim.room(BUOY)["id"])[::-1]
    texts = [txt_bytes(m).decode() for m in messages if "text" in m]
    shown = mount.run("cat *_*.txt", cwd=mount.space(BUOY), check=True).out
    for text in texts:
        assert text in shown
    size = mount.run("cat *_*.txt | wc -c; wc -c *_*.txt | tail -n 1",
                     cwd=mount.space(BUOY), check=True).lines()
    assert int(size[0]) == int(size[1].split()[0]) == len(shown.encode())
    name = txt_name(messages[-1])
    assert mount.run(["tail", "-c", "5", name], cwd=mount.space(BUOY)).out_bytes == \
        (messages[-1]["text"] + "\n").encode()[-5:]
    assert mount.run(["tail", "-n", "1", name], cwd=mount.space(BUOY)).out == \
        messages[-1]["text"] + "\n"
    assert mount.run("head -c 4 " + name, cwd=mount.space(BUOY)).out == messages[-1]["text"][:4]
    found = mount.run("grep -rl 'boat leaves' .", check=True).lines()
    assert len(found) == 1 and found[0].endswith("_alice@example.com.txt")
    newer = mount.run("find spaces -name '*_bob@*' -newermt '2000-01-01' -size -2", check=True)
    bobs = sum(m["personEmail"] == "bob@example.com" for r in sim.rooms(type="group")
               for m in sim.messages(r["id"]))
    assert len(newer.lines()) == bobs
    # Random access, and mmap.
    assert mount.run(["dd", f"if={name}", "bs=1", "skip=3", "count=4", "status=none"],
                     cwd=mount.space(BUOY)).out == messages[-1]["text"][3:7]
    mapped = ("import mmap,sys;f=open(sys.argv[1],'rb');"
              "sys.stdout.write(mmap.mmap(f.fileno(),0,prot=mmap.PROT_READ)[:].decode())")
    assert mount.run(["/usr/bin/python3", "-c", mapped, name], cwd=mount.space(BUOY)).out == \
        messages[-1]["text"] + "\n"


def same_trees(left, right):
    """Every file and link of left is in right, byte for byte and with its time."""
    for folder, dirs, names in os.walk(left):
        other = os.path.join(right, os.path.relpath(folder, left))
        assert sorted(os.listdir(other)) == sorted(dirs + names)
        for name in names:
            a, b = os.path.join(folder, name), os.path.join(other, name)
            if os.path.islink(a):
                assert os.readlink(a) == os.readlink(b)
                continue
            assert filecmp.cmp(a, b, shallow=False), a
            if not name.startswith("post"):
                assert os.stat(a).st_mtime_ns // 1000000 == os.stat(b).st_mtime_ns // 1000000


def test_cp_a_and_tar_of_a_space(mount, tmp_path):
    mount.run(["cp", "-a", BUOY, str(tmp_path / "copy")], cwd=mount / "spaces", check=True)
    same_trees(mount.space(BUOY), tmp_path / "copy")
    (tmp_path / "tar").mkdir()
    piped = mount.run(f"tar --format=posix -cf - '{BUOY}' | tar xf - -C '{tmp_path}/tar'",
                      cwd=mount / "spaces", check=True)
    assert piped.err == ""
    same_trees(mount.space(BUOY), tmp_path / "tar" / BUOY)


@pytest.mark.skipif(not shutil.which("rsync"), reason="needs rsync")
def test_rsync_twice_copies_once(sim, mount, tmp_path):
    target = tmp_path / "backup"
    first = mount.run(["rsync", "-a", "-i", "spaces", "direct", str(target)], check=True)
    assert len(first.lines()) > 100
    same_trees(mount / "spaces", target / "spaces")
    sim.clear_log()
    second = mount.run(["rsync", "-a", "-i", "--delete", "spaces", "direct", str(target)],
                       check=True)
    assert second.lines() == []
    # Nor does the second run read any list that is fresh (slow machines may take longer).
    assert len(sim.log()) <= 40
    checksums = mount.run(["rsync", "-a", "-i", "-c", "--delete", "spaces", str(target)],
                          check=True)
    assert checksums.lines() == []


def test_an_unknown_reader_may_not_write(sim, mount):
    """0444 is enforced also for root, who is exempt from permissions."""
    m = [m for m in sim.messages(sim.room(BUOY)["id"])
         if m["personEmail"] == "grace@example.com"][0]
    path = mount.space(BUOY) / txt_name(m)
    assert error_of(os.open, path, os.O_WRONLY) in ("EACCES", "EPERM")
    assert error_of(os.open, path, os.O_RDWR) in ("EACCES", "EPERM")
    assert error_of(os.truncate, path, 0) in ("EACCES", "EPERM")
    assert read(path) == (m["text"] + "\n").encode()


# Changes are seen.


def test_own_changes_are_seen_at_once(sim, mount):
    space = mount.space("Lunch")
    room = json.loads(read(space / "space.json"))["id"]
    before = messages_in(space)
    newest = [m for m in sim.messages(room) if m["personEmail"] == "alice@example.com"][0]
    path = space / txt_name(newest)
    assert os.readlink(space / "last") == txt_name(newest)
    # A new message: in the very next listing, and `last`.
    mount.run("echo posted > post", cwd=space, check=True)
    added = set(messages_in(space)) - set(before)
    assert len(added) == 1
    assert read(space / added.pop()) == b"posted\n"
    assert read(space / "last") == b"posted\n"
    # An edit: new bytes, size and time, also through what was open and cached before.
    with open(path, "rb") as held:
        assert held.read() == (newest["text"] + "\n").encode()
        mtime = os.stat(path).st_mtime_ns
        mount.run(["/bin/sh", "-c", f"echo 'a much longer text than before' > '{path}'"],
                  check=True)
        assert read(path) == b"a much longer text than before\n"
        assert os.stat(path).st_size == 31
        assert os.stat(path).st_mtime_ns > mtime
        held.seek(0)
        assert held.read() == b"a much longer text than before\n"
        assert json.loads(read(space / (stem(newest) + ".json")))["text"].startswith("a much")
        assert b"a much longer" in read(space / (stem(newest) + ".html"))
    assert txt_name(newest) in messages_in(space)
    # A deletion: gone from the listing, from look-ups, from an open file.
    with open(path, "rb") as held:
        os.unlink(path)
        assert txt_name(newest) not in messages_in(space)
        assert error_of(os.stat, path) == "ENOENT"
        assert error_of(os.stat, space / (stem(newest) + ".json")) == "ENOENT"
        assert error_of(os.stat, f"/proc/self/fd/{held.fileno()}") in (None, "ENOENT")
    # The title.
    os.rename(space, mount.space("Dinner"))
    assert "Dinner" in mount.ls("spaces") and "Lunch" not in mount.ls("spaces")
    assert error_of(os.stat, space) == "ENOENT"
    assert json.loads(read(mount.space("Dinner") / "space.json"))["title"] == "Dinner"


@pytest.mark.sim("--data", "empty", "--spaces", 1, "--messages", 20, "--members", 2)
def test_opening_a_message_again_asks_for_nothing(sim, start_mount):
    """No byte and no operation of the daemon but the kernel's one OPEN."""
    mount = start_mount(sim, args=("-d",))
    space = next((mount / "spaces").iterdir())
    names = messages_in(space)
    bodies = [read(space / name) for name in names]
    assert len(names) == 20

    def again():
        """The debug output of the daemon while all files are read once more."""
        before = len(mount.output)
        for name, body in zip(names, bodies):
            assert read(space / name) == body
        return wait_until(lambda: mount.output[before:].count("open message ino=") >= 20
                          and mount.output[before:])

    # A notice of the first listing may still be on its way.
    rounds = [again() for _ in range(3)]
    assert not all(re.search(r"fuse: (open|read|flush) ino=", said) for said in rounds), rounds


def test_reading_on_in_a_message_that_went(sim, mount):
    """An open message is no copy: it reads its present text, or ENOENT once it is gone."""
    room = sim.room(BUOY)["id"]
    space = mount.space(BUOY)
    message = sim.post(room, "short")
    wait_until(lambda: txt_name(message) in os.listdir(space))
    with open(space / txt_name(message), "rb", buffering=0) as f:
        sim.api("DELETE", "/messages/" + message["id"]).ok(204)
        wait_until(lambda: txt_name(message) not in os.listdir(space))
        wait_until(lambda: error_of(os.pread, f.fileno(), 100, 0) == "ENOENT")
    # The kernel is told a moment later, and until then it opens the file as it knows it.
    wait_until(lambda: error_of(lambda: os.close(os.open(space / txt_name(message), os.O_RDONLY)))
               == "ENOENT")


@pytest.mark.mount("timeout=150", hurry=5)
def test_remote_changes_are_seen_when_a_list_is_opened_again(sim, mount):
    """All kinds of changes at once, so that the list has to grow old only once."""
    room = sim.room("Firmware")
    space = mount.space("Firmware")
    messages = sim.messages(room["id"])
    listed = messages_in(space)
    everything = {n: read(space / n) for n in listed}
    spaces = mount.ls("spaces")
    members = mount.ls("spaces/Firmware/members")
    edited = [m for m in messages if m["personEmail"] == "bob@example.com"
              and "markdown" not in m][-1]
    deleted = [m for m in messages if m["personEmail"] == "frank@example.com"][0]
    with open(space / txt_name(edited), "rb") as held:
        assert held.read() == everything[txt_name(edited)]
        new = sim.post(room["id"], "news from bob", token="bob-token")
        sim.api("PUT", "/messages/" + edited["id"], {"roomId": room["id"], "text": "v2 " * 50},
                token="bob-token").ok()
        sim.api("DELETE", "/messages/" + deleted["id"], token="frank-token").ok(204)
        sim.create_room("Brand new")
        sim.api("PUT", "/rooms/" + sim.room("Reading circle")["id"],
                {"title": "Book club"}, token="judy-token").ok()
        sim.api("POST", "/memberships", {"roomId": room["id"],
                                         "personEmail": "heidi@example.com"}).ok()
        wanted = set(listed) - {txt_name(deleted)} | {txt_name(new)}
        wait_until(lambda: set(messages_in(space)) == wanted, 15)
        assert read(space / txt_name(new)) == b"news from bob\n"
        assert read(space / txt_name(edited)) == ("v2 " * 50 + "\n").encode()
        assert os.stat(space / txt_name(edited)).st_size == 151
        held.seek(0)
        assert held.read() == ("v2 " * 50 + "\n").encode()
        assert error_of(os.stat, space / txt_name(deleted)) == "ENOENT"
    wait_until(lambda: set(mount.ls("spaces")) ==
               set(spaces) - {"Reading circle"} | {"Brand new", "Book club"}, 15)
    wait_until(lambda: mount.ls("spaces/Firmware/members") ==
               sorted([*members, "heidi@example.com"]), 15)
    check_sizes(space)


@pytest.mark.sim("--data", "empty", "--spaces", 24, "--messages", 30, "--members", 2)
@pytest.mark.mount("timeout=150", hurry=5)
def test_an_old_list_is_current_in_the_first_listing(sim, mount):
    """The opener waits for the news, and the kernel's cached names do not get in the way."""
    rooms = {r["title"]: r["id"] for r in sim.rooms()}
    for title in rooms:
        messages_in(mount.space(title))
    sim.clear_log()
    new = {t: txt_name(sim.post(room, "news", token="bob-token")) for t, room in rooms.items()}
    waiting = set(rooms)

    def all_opened_again():
        for title in sorted(waiting):
            start = time.monotonic()
            names = messages_in(mount.space(title))
            # An opener waits 0.3 s for news, but not longer.
            if time.monotonic() - start > 0.25:
                waiting.discard(title)
            elif sim.requests("GET", "/messages", re.escape(rooms[title])):
                assert new[title] in names or pytest.fail("a stale listing")
                waiting.discard(title)
        return not waiting
    wait_until(all_opened_again, 20)


@pytest.mark.mount("timeout=150", hurry=5)
def test_a_space_that_is_lost_vanishes(sim, mount):
    room = sim.create_room("Short lived", ["bob@example.com"])
    wait_until(lambda: "Short lived" in mount.ls("spaces"), 15)
    sim.post(room["id"], "hello")
    space = mount.space("Short lived")
    wait_until(lambda: messages_in(space), 15)
    sim.api("DELETE", "/rooms/" + room["id"]).ok(204)
    wait_until(lambda: error_of(os.listdir, space) == "ENOENT", 15)
    assert "Short lived" not in mount.ls("spaces")


@pytest.mark.sim("--data", "empty", "--spaces", 1, "--messages", 300, "--members", 5)
def test_readers_while_the_space_changes(sim, mount):
    """Sizes and bytes agree whatever happens meanwhile; a listing names each message once."""
    space = mount / "spaces" / mount.ls("spaces")[0]
    room = sim.rooms()[0]["id"]
    messages_in(space)
    done = []

    def writer():
        for i in range(20):
            sim.post(room, f"number {i}", token="bob-token")
            m = sim.post(room, "short", token="bob-token")
            sim.api("PUT", "/messages/" + m["id"], {"roomId": room, "text": "much longer " * i
                                                    + "."}, token="bob-token").ok()
        done.append(True)

    def reader():
        rounds = 0
        while not done or rounds < 2:
            names = os.listdir(space)
            assert len(names) == len(set(names))
            for name in sorted(names)[-60::7]:
                if name.endswith(".txt"):
                    assert read(space / name).endswith(b"\n")
            rounds += 1
        return rounds

    with Timed(40):
        results = parallel(lambda f: f(), [writer, reader, reader, reader])
    assert [e for _r, e in results if e] == []
    wait_until(lambda: len(messages_in(space)) == 340, 15)
    check_sizes(space)


@pytest.mark.sim("--data", "empty", "--spaces", 1, "--messages", 50, "--members", 2)
def test_copies_agree_with_the_api(sim, mount):
    """Every message of a generated space, through shell tools."""
    name = mount.ls("spaces")[0]
    for m in sim.messages(sim.rooms()[0]["id"]):
        out = run_cmd(["cat", str(mount / "spaces" / name / txt_name(m))], check=True).out
        assert out == txt_bytes(m).decode()
        if "html" in m:
            assert html.unescape(re.sub("<[^>]+>", "", m["html"])).split() == m["text"].split()
