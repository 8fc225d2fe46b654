"""Posting: what ends up on the server when somebody writes to a post file."""
import errno
import json
import os
import re

import pytest

from lib.chat import SHELLS, Unsent, fails, opened, put, refused_write
from lib.chat import pier, unsent  # noqa: F401  pylint: disable=unused-import
from lib.shell import kill_group, start_cmd
from lib.util import wait_until

LIMIT = 7439

# What is typed, and the messages it makes.
POSTS = [
    ("echo hi > post", ["hi"]),
    ("printf 'no newline' > post", ["no newline"]),
    ("printf 'a\\nb\\n\\n\\n' > post", ["a\nb"]),
    ("printf '  ä€😀 ∕ \"q\" \\\\ %%\\t.\\n' > post", ["  ä€😀 ∕ \"q\" \\ %\t."]),
    ("cat > post <<'E'\nfirst\n\n  $third\nE", ["first\n\n  $third"]),
    ("x=1; cat > post <<E\nx is $x\nE", ["x is 1"]),
    ("{ echo c; echo d; } > post", ["c\nd"]),
    ("{ /bin/echo e; /bin/echo f; } > post", ["e\nf"]),
    ("( echo g; /bin/echo h; echo i ) > post", ["g\nh\ni"]),
    ("exec 3>post; echo j >&3; echo k >&3; exec 3>&-", ["j", "k"]),
    ("for i in 1 2 3; do echo $i; done > post", ["1\n2\n3"]),
    ("for i in 1 2 3; do echo again $i > post; done", ["again 1", "again 2", "again 3"]),
    ("echo l | cat > post", ["l"]),
    ("echo m | tee post > /dev/null", ["m"]),
    ("echo n >> post", ["n"]),
    ("echo o | dd of=post status=none", ["o"]),
    ("echo p | dd of=post status=none conv=fsync,notrunc", ["p"]),
    ("echo q | dd of=post status=none bs=1", ["q"]),
    ("echo r > ../Pier/post; cd members; echo s > ../post", ["r", "s"]),
    ("printf t > \"$DATA\"; cp \"$DATA\" post", ["t"]),
    ("printf u > \"$DATA\"; cat \"$DATA\" \"$DATA\" > post", ["uu"]),
    ("seq 3 | while read -r n; do echo line $n; done > post", ["line 1\nline 2\nline 3"]),
    # The shell itself writes, and hears of its child's end while it closes.
    *[("seq 3 | while read -r n; do echo line $n; done > post", ["line 1\nline 2\nline 3"])] * 5,
    ("f() { echo v; ls /nonexistent; true; }; f > post 2>/dev/null", ["v"]),
    ("echo '**w**' > post.md", ["w"]),
    ("echo '{\"text\": \"x\"}' > post.json", ["x"]),
]

# What is typed and must post nothing.
SILENT = [
    "touch post post.md post.json",
    ": > post",
    "true >> post",
    "true > post.json",
    "cp /dev/null post",
    "cat /dev/null > post",
    "printf '\\n\\n\\n' > post",
    "echo > post.md",
    "truncate -s 0 post",
    "cat post post.md post.json",
    "test -w post",
    "exec 3<>post; exec 3>&-",
    "chmod 600 post && touch -d 2020-01-01 post",
]


@pytest.mark.parametrize("shell", SHELLS)
def test_every_way_of_writing_in_a_shell(pier, shell, tmp_path):
    want = []
    env = {"DATA": str(tmp_path / "data")}
    for command, texts in POSTS:
        result = pier.shell(shell, command, env=env).ok()
        assert result.out == "" and result.err == "", repr(result)
        want += texts
        assert pier.texts() == want, command
    for command in SILENT:
        result = pier.shell(shell, command).ok()
        assert result.out == "" and result.err == "", repr(result)
    pier.shell(shell, "echo the end > post").ok()
    want.append("the end")
    assert pier.texts() == want
    assert pier.posts() == len(want)
    assert [t.rstrip("\n") for t in pier.listed_texts()] == want


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_shows_what_is_refused(pier, shell, tmp_path):
    """Shells ignore errors of close, so these come from open and write."""
    long = tmp_path / "long"
    long.write_text("x" * (LIMIT + 1))
    for command, words in [
            # What the shells' own printf says of an error is their business.
            ("printf %s \"$(cat \"$LONG\")\" > post", ""),
            ("printf 'bad \\377 byte\\n' > post", ""),
            ("cat \"$LONG\" > post", "file too large"),
            ("printf 'nul \\000 byte\\n' | cat > post", "multibyte"),
            ("echo no > members", "directory")]:
        result = pier.shell(shell, command, env={"LONG": str(long)})
        assert result.status != 0, repr(result)
        assert words in result.err.lower(), repr(result)
    assert pier.texts() == []
    assert pier.posts() == 0


def test_nothing_of_a_text_that_was_refused_is_sent(pier, unsent):
    """A beginning alone is not what the writer wanted to say: it is kept instead."""
    with fails(errno.EFBIG):
        with opened(pier / "post") as fd:
            os.write(fd, b"a" * 4000)
            os.write(fd, b"b" * 4000)
    name, data, why = unsent.one()
    assert data == b"a" * 4000
    assert name.endswith("_post.txt")
    assert "File too large" in why["reason"]
    assert unsent.count() == 1
    # The shell's own writes: the first block is fine, the second is not.
    assert pier.run("yes words | head -n 3000 > post").status != 0
    assert pier.posts() == 0


def test_a_refused_write_does_not_spoil_the_next_text(pier):
    result = pier.run("long=$(printf 'z%.0s' $(seq 9000)); exec 3>post; "
                      "printf %s \"$long\" >&3; echo fine >&3")
    assert "File too large" in result.err, repr(result)
    assert pier.texts() == ["fine"]


@pytest.mark.parametrize("text", ["x" * LIMIT, "é" * (LIMIT // 2) + "x", "x" * LIMIT + "\n" * 9],
                         ids=["ascii", "two bytes", "newlines"])
def test_the_longest_text(pier, text):
    put(pier / "post", text)
    put(pier / "post.md", text)
    assert pier.texts() == [text.rstrip("\n")] * 2


def test_one_byte_more_is_refused_by_the_write(pier):
    for name in ("post", "post.md"):
        for data in (b"x" * (LIMIT + 1), ("é" * (LIMIT // 2 + 1)).encode()):
            with refused_write(pier / name, errno.EFBIG) as fd:
                os.write(fd, data)
    assert pier.texts() == []


def test_a_character_may_be_split_between_writes(pier):
    for pieces in ("€", "aé", "😀!"):
        with opened(pier / "post") as fd:
            for byte in pieces.encode():
                os.write(fd, bytes([byte]))
    assert pier.texts() == ["€", "aé", "😀!"]


@pytest.mark.parametrize("data", [b"\xff", b"ok \xc3(", b"\xc0\xaf", b"\xed\xa0\x80",
                                  b"\xf5\x80\x80\x80", b"a\0b", b"\0"],
                         ids=lambda d: d.hex())
def test_what_is_no_text_is_refused_by_the_write(pier, data):
    with refused_write(pier / "post", errno.EILSEQ) as fd:
        os.write(fd, data)
    assert pier.posts() == 0


def test_half_a_character_at_the_end_is_refused_by_the_close(pier, unsent):
    with fails(errno.EILSEQ):
        put(pier / "post", b"caf\xc3")
    assert pier.posts() == 0
    _, data, why = unsent.one()
    assert data == b"caf\xc3"
    assert why["place"] == "Pier"
    assert why["roomId"] == pier.id
    assert why["state"] == "unsent"


def test_programs_that_do_not_close(pier):
    """A normal end of the process is as good as a close."""
    for script, text in [
            ("f = open('post', 'w'); f.write('left to the interpreter')",
             "left to the interpreter"),
            ("import os; os.write(os.open('post', os.O_WRONLY), b'_exit'); os._exit(3)", "_exit"),
            ("import subprocess as s; s.run(['echo', 'a child'], stdout=open('post', 'w'))",
             "a child"),
            ("import os, subprocess as s; f = open('post', 'w')\n"
             "for x in 'ab': s.run(['echo', x], stdout=f)\n"
             "f.write('and c'); f.close()", "a\nb\nand c"),
            ("import os; fd = os.open('post', os.O_WRONLY)\n"
             "if os.fork() == 0: os.write(fd, b'by a fork'); os._exit(0)\n"
             "os.wait()", "by a fork")]:
        n = len(pier.texts())
        pier.run(["/usr/bin/python3", "-c", script])
        wait_until(lambda: len(pier.texts()) > n, what=text)
        assert pier.texts()[n:] == [text]


def test_a_descriptor_that_outlives_its_opener(pier):
    """The opener is gone before the last writer: sent when the last one closes."""
    pier.run("{ (while [ ! -e \"$GO\" ]; do sleep 0.02; done; echo late) & } > post; "
             "touch \"$GO\"", env={"GO": str(pier.mount.path.parent / "go")}, check=True)
    wait_until(pier.texts)
    assert pier.texts() == ["late"]


def test_writes_at_once_are_messages_of_their_own(pier):
    texts = [f"writer {i} says {'x' * i}" for i in range(16)]
    running = [start_cmd(f"echo '{t}' > post", cwd=pier.dir) for t in texts]
    try:
        assert [p.wait(60) for p in running] == [0] * len(texts)
    finally:
        for p in running:
            kill_group(p)
            p.communicate()
    assert sorted(pier.texts()) == sorted(texts)
    assert pier.posts() == len(texts)


def test_messages_of_one_writer_keep_their_order(pier):
    texts = [f"{i}" for i in range(20)]
    pier.run("exec 3>post; for i in $(seq 0 19); do echo $i >&3; done", check=True)
    assert pier.texts() == texts
    assert [t.strip() for t in pier.listed_texts()] == texts


def test_the_receipt(pier):
    """`last` leads to what was posted, at once, and nobody has to ask the server."""
    assert not os.path.lexists(pier / "last")
    before = pier.ls()
    pier.run("echo one > post", check=True)
    pier.sim.clear_log()
    (name,) = pier.listed()
    assert set(pier.ls()) == {*before, name, "last"}
    assert os.readlink(pier / "last") == name
    assert (pier / "last").read_text() == "one\n"
    st = os.stat(pier / name)
    assert st.st_size == 4
    assert abs(st.st_mtime - parse_ms(name)) < 0.001
    assert abs(os.stat(pier.dir).st_mtime - st.st_mtime) < 0.001
    pier.run("echo two > post", check=True)
    assert (pier / "last").read_text() == "two\n"
    assert [t.strip() for t in pier.listed_texts()] == ["one", "two"]
    assert pier.run("ls", check=True).lines() == pier.run("ls", check=True).lines()
    assert pier.sim.requests("GET", "/messages.*") == []


def parse_ms(name):
    import calendar
    y, mo, d, h, mi, s, ms = map(int, re.match(
        r"(\d+)-(\d+)-(\d+)T(\d+)-(\d+)-(\d+)\.(\d+)Z_", name).groups())
    return calendar.timegm((y, mo, d, h, mi, s)) + ms / 1000


def test_a_post_file_is_always_empty(pier):
    put(pier / "post", "something")
    for name in ("post", "post.md", "post.json"):
        assert os.stat(pier / name).st_size == 0
        assert (pier / name).read_bytes() == b""
    with opened(pier / "post", os.O_RDWR) as fd:
        assert os.read(fd, 100) == b""
        os.write(fd, b"else")
        assert os.pread(fd, 100, 0) == b""
    assert pier.texts() == ["something", "else"]


def test_markdown(pier):
    put(pier / "post.md", "# Tide\n\n- **low** 04:10\n- high 10:22\n")
    (message,) = pier.messages()
    assert message["markdown"] == "# Tide\n\n- **low** 04:10\n- high 10:22"
    assert "<strong>low</strong>" in message["html"]
    (name,) = pier.listed()
    stem = name[:-len(".txt")]
    assert (pier / f"{stem}.md").read_text().rstrip("\n") == message["markdown"]
    assert (pier / f"{stem}.html").read_text().rstrip("\n") == message["html"]
    assert json.loads((pier / f"{stem}.json").read_text())["id"] == message["id"]


CARD = {"contentType": "application/vnd.microsoft.card.adaptive",
        "content": {"type": "AdaptiveCard", "version": "1.3",
                    "body": [{"type": "TextBlock", "text": "Tide 😀"}]}}


def test_a_raw_body(pier):
    root = pier.sim.post(pier.id, "root")
    put(pier / "post.json", json.dumps({"text": "card", "attachments": [CARD]}))
    put(pier / "post.json", json.dumps({"markdown": "*reply*", "parentId": root["id"]}, indent=2))
    put(pier / "post.json", json.dumps({"roomId": pier.id, "text": "said twice"}))
    messages = pier.messages()[1:]
    assert [m["text"] for m in messages] == ["card", "reply", "said twice"]
    assert messages[0]["attachments"] == [CARD]
    assert messages[1]["parentId"] == root["id"]


@pytest.mark.parametrize("body, words", [
    ("no JSON", "not a JSON object"),
    ('{"text": "unfinished', "not a JSON object"),
    ('["text"]', "not a JSON object"),
    ('{"text": "a", "text": "b"}', "twice"),
    ('{"roomId": "Y2lzY29zcGFyazovL3VzL1JPT00veA", "text": "elsewhere"}', "destination"),
    ('{"toPersonEmail": "bob@example.com", "text": "elsewhere"}', "destination"),
    ('{"files": ["file:///etc/passwd"]}', "files"),
])
def test_a_raw_body_that_cannot_be_sent(pier, unsent, body, words):
    with fails(errno.EINVAL):
        put(pier / "post.json", body)
    assert words in unsent.last_error()
    # A shell shows no error of close: what was typed must not be gone.
    _, data, why = unsent.one()
    assert data.decode() == body
    assert words in why["reason"]
    assert pier.posts() == 0


def test_a_raw_body_that_the_server_refuses(pier, unsent):
    with fails(errno.ENOENT):
        put(pier / "post.json", '{"parentId": "' + pier.id + '", "text": "no such root"}')
    _, data, why = unsent.one()
    assert json.loads(data)["text"] == "no such root"
    assert "Unable to get message" in why["server"]
    with fails(errno.EINVAL):
        put(pier / "post.json", "{}")
    assert pier.texts() == []


def test_a_space_where_nothing_can_be_written(start_sim, start_mount):
    sim = start_sim("--data", "empty")
    sim.control("POST", "/rooms", {"title": "Shut", "members": ["alice"], "isReadOnly": True})
    mount = start_mount(sim)
    shut = mount.space("Shut")
    for name in ("post", "post.md", "post.json", "report.txt"):
        with fails(errno.EACCES):
            os.open(shut / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    for shell in SHELLS:
        result = mount.run([*SHELLS[shell], "echo hi > post"], cwd=shut)
        assert result.status != 0 and "ermission denied" in result.err, repr(result)
    assert sim.requests("POST", "/messages") == []


@pytest.mark.mount("ro")
def test_a_mount_that_is_read_only(pier):
    message = pier.sim.post(pier.id, "mine")
    (name,) = wait_until(pier.listed)
    for path in ("post", "post.json", "new.txt", name, "space.json"):
        with fails(errno.EROFS):
            os.open(pier / path, os.O_WRONLY | os.O_CREAT, 0o644)
    for act in (lambda: os.unlink(pier / name),
                lambda: os.mkdir(pier.mount.space("New")),
                lambda: os.rmdir(pier.dir),
                lambda: os.rename(pier.dir, pier.mount.space("Other")),
                lambda: os.rename(pier / name, pier / "x"),
                lambda: os.open(pier / "members/bob@example.com", os.O_CREAT | os.O_WRONLY),
                lambda: os.unlink(pier / "members/alice@example.com"),
                lambda: os.utime(pier / name),
                lambda: os.truncate(pier / "post", 0)):
        with fails(errno.EROFS):
            act()
    assert [m["id"] for m in pier.messages()] == [message["id"]]
    assert {r["method"] for r in pier.sim.log() if r["path"] != "/v1/messages"} <= {"GET"}


def test_posting_to_a_person(start_sim, start_mount):
    sim = start_sim()
    bob = sim.api("GET", "/people", query={"email": "bob@example.com"}).items[0]
    mount = start_mount(sim)
    before = sim.all("/messages/direct", query={"personEmail": "bob@example.com", "max": 100})
    put(mount / "direct" / bob["displayName"] / "post", "just you")
    put(mount / "direct/bob@example.com/post", "by address")
    items = sim.all("/messages/direct", query={"personEmail": "bob@example.com", "max": 100})
    assert [m["text"] for m in items[:len(items) - len(before)]] == ["by address", "just you"]


def test_without_a_server_the_open_fails(pier):
    """Once it is known that there is no network, nothing can be typed in vain."""
    put(pier / "post", "before")
    pier.ls()
    pier.sim.kill()
    result = pier.run("echo hi | cat > post")
    assert result.status != 0, repr(result)

    def refused_at_open():
        # Its own failure is not remembered; that of a listing is, for a while.
        pier.ls()
        try:
            os.close(os.open(pier / "post", os.O_WRONLY))
        except OSError as e:
            return e.errno in (errno.ECONNREFUSED, errno.ENETUNREACH, errno.EHOSTUNREACH)
        return False
    wait_until(refused_at_open)
    result = pier.run("echo hi > post")
    assert result.status != 0 and "refused" in result.err, repr(result)
    assert [d for d in Unsent(pier.mount).bytes()] == [b"hi"]
    pier.sim.start()


def test_the_number_of_requests(pier):
    """One message, one request."""
    pier.ls()
    pier.sim.clear_log()
    for i in range(5):
        pier.run(f"echo {i} > post; ls -l > /dev/null; cat last", check=True)
    log = pier.sim.log()
    assert [(r["method"], r["path"]) for r in log] == [("POST", "/v1/messages")] * 5
