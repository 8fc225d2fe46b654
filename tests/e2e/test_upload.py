"""Files: each way of copying one into a space, and what editors do to files and messages."""
import errno
import hashlib
import json
import os
import random
import subprocess
import time

import pytest

from lib.chat import VIM, Unsent, fails, file_name, opened, put, refused_write
from lib.chat import pier, unsent  # noqa: F401  pylint: disable=unused-import
from lib.terminal import Terminal
from lib.util import wait_until

MIB = 1024 * 1024
FILE_MAX = 100 * MIB
OLD = 1_600_000_000  # 2020-09-13


def sha(data):
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def src(tmp_path):
    """A folder beside the mount, with a file `a.bin` of 300 kB, dated 2020."""
    path = tmp_path / "src"
    path.mkdir()
    (path / "a.bin").write_bytes(random.Random(1).randbytes(300_001))
    os.utime(path / "a.bin", (OLD, OLD))
    return path


# How a file gets there, and whether its time does.
COPIES = [
    ("cp ../../../src/a.bin .", False),
    ("cp -p ../../../src/a.bin .", True),
    ("cp -a ../../../src/a.bin .", True),
    ("cp --sparse=always ../../../src/a.bin a.bin", False),
    ("mv ../../../src/a.bin .", True),
    ("install ../../../src/a.bin .", False),
    ("install -p -m 600 ../../../src/a.bin .", True),
    ("cat ../../../src/a.bin > a.bin", False),
    ("dd if=../../../src/a.bin of=a.bin status=none bs=999", False),
    ("dd if=../../../src/a.bin of=a.bin status=none conv=fsync", False),
    ("dd if=../../../src/a.bin of=a.bin status=none conv=fdatasync bs=64k", False),
    ("tar -C ../../../src -cf - a.bin | tar xf -", True),
    ("rsync -a ../../../src/a.bin .", True),
    ("rsync ../../../src/a.bin .", False),
    ("rsync --inplace -a ../../../src/a.bin .", True),
    ("rsync -a --partial ../../../src/ .", True),
    ("busybox cp ../../../src/a.bin .", False),
    ("busybox cp -p ../../../src/a.bin .", True),
    ("tee a.bin < ../../../src/a.bin > /dev/null", False),
    ("zsh -fc 'cat < ../../../src/a.bin > a.bin'", False),
    ("/usr/bin/python3 -c 'import shutil; shutil.copy2(\"../../../src/a.bin\", \".\")'", True),
    ("/usr/bin/python3 -c 'open(\"a.bin\", \"wb\").write(open(\"../../../src/a.bin\", \"rb\")"
     ".read())'", False),
]


def command_path(command, src):
    return command.replace("../../../src", str(src))


@pytest.mark.parametrize("command, keeps_time", COPIES, ids=lambda v: v if isinstance(v, str)
                         else None)
def test_copying(pier, unsent, src, command, keeps_time):
    data = (src / "a.bin").read_bytes()
    before = time.time()
    result = pier.run(command_path(command, src), check=True)
    assert result.err == "", repr(result)
    assert pier.files() == {"a.bin": data}
    assert pier.posts() == 1
    # Read back, at once and from the page cache.
    assert (pier / "a.bin").read_bytes() == data
    assert pier.run("cat a.bin", check=True).out_bytes == data
    st = os.stat(pier / "a.bin")
    assert st.st_size == len(data)
    assert st.st_blocks == (len(data) + 511) // 512
    if keeps_time:
        assert st.st_mtime == OLD
    else:
        # The server's clock is ours.
        assert before - 2 <= st.st_mtime <= time.time() + 2
    assert os.path.exists(src / "a.bin") == (not command.startswith("mv "))
    assert unsent.names() == []
    assert pier.run("cmp a.bin - ; ls a.bin", stdin=data).out == "a.bin\n"


def test_an_upload_is_a_message(pier, src):
    pier.run(f"cp {src}/a.bin .", check=True)
    (name,) = pier.listed()
    (message,) = pier.messages()
    assert os.readlink(pier / "last") == name
    stem = name[:-len(".txt")]
    assert json.loads((pier / f"{stem}.json").read_text())["files"] == message["files"]
    assert "text" not in message
    assert "a.bin" not in pier.ls()


TYPES = {
    "a.txt": b"text\n", "b.png": b"\x89PNG\r\n\x1a\n", "c.pdf": b"%PDF-1.4\n", "d.json": b"{}",
    "e.csv": b"1,2\n", "f.jpg": b"\xff\xd8\xff\xe0", "g": b"anything", "h.unknown-type": b"x",
}


def test_content_types(pier):
    for name, data in TYPES.items():
        put(pier / name, data)
    kinds = {}
    for message in pier.messages():
        answer = pier.sim.api("GET", message["files"][0]).ok()
        kinds[file_name(answer.headers)] = answer.headers["Content-Type"].split(";")[0]
        assert answer.body == TYPES[file_name(answer.headers)]
    assert kinds == {
        "a.txt": "text/plain", "b.png": "image/png", "c.pdf": "application/pdf",
        "d.json": "application/json", "e.csv": "text/csv", "f.jpg": "image/jpeg",
        "g": "text/plain", "h.unknown-type": "text/plain"}


NAMES = ["with space.txt", "tab-less  two spaces", "Größe €.txt", "日本語のファイル.txt",
         "emoji 🎉.bin", "it's.txt", 'say "hi".txt', "back\\slash", "percent%20%.txt", "a;b&c=d.txt",
         "{brace}[1]*.txt", "UPPER.TXT", "no-extension", "semi;colon", "x" * 255, "é" * 127,
         "a.tar.gz", "combining e\u0301.txt".replace("e\u0301", "é"), "post.txt", "last.txt"]


def test_names(pier, unsent):
    for i, name in enumerate(NAMES):
        put(pier / name, f"file {i}")
        assert (pier / name).read_bytes() == b"file %d" % i, name
    assert pier.files() == {name: b"file %d" % i for i, name in enumerate(NAMES)}
    assert unsent.names() == []


@pytest.mark.parametrize("name", ["-option", "control\x01", "new\nline", "bidi\u202etxt",
                                  "trailing "], ids=ascii)
def test_names_that_would_not_come_back(pier, name):
    """What the server's copy could not be called here."""
    try:
        put(pier / name, "x")
    except OSError as e:
        assert e.errno == errno.EINVAL
        assert pier.posts() == 0
    else:
        assert pier.files() == {name: b"x"}
        assert (pier / name).read_bytes() == b"x"


def test_names_of_other_things(pier):
    """What a space already has is no upload."""
    with fails(errno.EISDIR):
        put(pier / "members", "x")
    with fails(errno.ENAMETOOLONG):
        put(pier / ("x" * 256), "x")
    with fails(errno.EPERM):
        os.mkdir(pier / "folder")
    with fails(errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS):
        os.symlink("target", pier / "link")
    with fails(errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS):
        os.mkfifo(pier / "fifo")
    with fails(errno.EPERM, errno.EACCES):
        put(pier.mount / "file", "x")
    with fails(errno.EPERM, errno.EACCES):
        put(pier.mount / "spaces/file", "x")
    assert pier.posts() == 0


def test_many_files_at_once(pier, src):
    for i in range(12):
        (src / f"f{i}").write_bytes(b"%d" % i * 1000 * i)
    pier.run(f"rm {src}/a.bin; ls {src} | xargs -P 6 -I N cp {src}/N N", check=True)
    # Nothing empty is sent.
    assert pier.files() == {f"f{i}": b"%d" % i * 1000 * i for i in range(1, 12)}
    assert (pier / "f0").read_bytes() == b""


def test_a_file_is_written_in_any_order(pier):
    with opened(pier / "odd", os.O_RDWR | os.O_CREAT) as fd:
        os.pwrite(fd, b"end", 5000)
        os.pwrite(fd, b"begin", 0)
        assert os.pread(fd, 5, 0) == b"begin"
        os.ftruncate(fd, 6000)
        assert os.fstat(fd).st_size == 6000
        os.write(fd, b"BEG")
    want = bytearray(6000)
    want[:5] = b"BEGin"
    want[5000:5003] = b"end"
    assert pier.files() == {"odd": bytes(want)}


def test_append(pier):
    with opened(pier / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND) as fd:
        for i in range(5):
            os.write(fd, b"line %d\n" % i)
    assert pier.files() == {"log": b"line 0\nline 1\nline 2\nline 3\nline 4\n"}


# Sizes.

def upload_rss(pier, size, name):
    """How much the daemon grew while a file of that size went through it, in MiB."""
    before = peak = pier.mount.rss_kib()
    process = subprocess.Popen(["/bin/cp", "--sparse=never", str(name), str(pier.dir)])
    while process.poll() is None:
        peak = max(peak, pier.mount.rss_kib())
        try:
            process.wait(0.05)
        except subprocess.TimeoutExpired:
            pass
    assert process.returncode == 0
    return (peak - before) / 1024


@pytest.mark.limit(120)
def test_a_large_file_takes_little_memory(pier, src):
    size = 90 * MIB
    name = src / "large"
    with open(name, "wb") as f:
        block = random.Random(2).randbytes(MIB)
        for i in range(size // MIB):
            f.write(i.to_bytes(8, "big") + block[8:])
    grown = upload_rss(pier, size, name)
    if os.environ.get("SPARKFS_TEST_SLOW", "1") == "1":
        assert grown < 20, f"{grown:.0f} MiB more for a file of 90 MiB"
    (found,) = pier.files().items()
    assert found[0] == "large"
    assert len(found[1]) == size
    with open(name, "rb") as f:
        assert sha(found[1]) == hashlib.file_digest(f, "sha256").hexdigest()
    assert pier.run(["cmp", str(name), "large"], timeout=60, check=True)


def test_a_file_of_100_mib_fits_and_one_byte_more_does_not(pier):
    with opened(pier / "fits", os.O_WRONLY | os.O_CREAT) as fd:
        os.ftruncate(fd, FILE_MAX - 2)
        os.pwrite(fd, b"!!", FILE_MAX - 2)
    (message,) = pier.messages()
    assert int(pier.sim.api("HEAD", message["files"][0]).headers["Content-Length"]) == FILE_MAX
    assert os.stat(pier / "fits").st_size == FILE_MAX


def test_too_large_is_said_by_the_write_that_crosses_it(pier, unsent):
    create = os.O_WRONLY | os.O_CREAT
    with refused_write(pier / "big", errno.EFBIG, create) as fd:
        os.ftruncate(fd, FILE_MAX - 2)
        os.pwrite(fd, b"!", FILE_MAX)
    result = pier.run("dd if=/dev/zero of=big bs=1 count=1 seek=104857600")
    assert result.status != 0 and "File too large" in result.err, repr(result)
    with refused_write(pier / "big", errno.EFBIG, create) as fd:
        os.ftruncate(fd, FILE_MAX + 1)
    # Nothing of it: neither sent nor kept, its owner has the whole.
    assert pier.posts() == 0
    assert unsent.names() == []
    assert not os.path.lexists(pier / "big")
    spool = pier.mount.state / "state"
    assert [p for p in spool.rglob("*") if p.is_file() and p.stat().st_size > MIB] == []


def test_cp_shows_that_a_file_is_too_large(pier, tmp_path):
    with open(tmp_path / "huge", "wb") as f:
        f.truncate(FILE_MAX + 1)
        f.seek(FILE_MAX - 1)
        f.write(b"xy")
    for command in (f"cp --sparse=always {tmp_path}/huge .", f"mv {tmp_path}/huge ."):
        result = pier.run(command, timeout=60)
        assert result.status != 0 and "too large" in result.err, repr(result)
    assert os.stat(tmp_path / "huge").st_size == FILE_MAX + 1
    assert pier.posts() == 0


# Again.

@pytest.mark.parametrize("command", ["rsync -a SRC .", "rsync --inplace -a SRC .", "rsync SRC .",
                                     "rsync -a --checksum SRC .", "cp SRC .", "cp -a SRC .",
                                     "cat SRC > a.bin", "dd if=SRC of=a.bin status=none"])
def test_the_same_file_again_is_no_post(pier, src, command):
    data = (src / "a.bin").read_bytes()
    command = command.replace("SRC", f"{src}/a.bin")
    for _ in range(3):
        pier.run(command, check=True)
        assert (pier / "a.bin").read_bytes() == data
    assert pier.posts() == 1
    # Also when it has got another time.
    os.utime(src / "a.bin", (OLD + 5, OLD + 5))
    pier.run(command, check=True)
    assert pier.posts() == 1
    assert (pier / "a.bin").read_bytes() == data


@pytest.mark.parametrize("command", ["rsync -a SRC .", "rsync --inplace -a SRC .", "cp SRC .",
                                     "cp -a SRC .", "cat SRC > a.bin",
                                     "tar -C \"$(dirname SRC)\" -cf - a.bin | "
                                     "tar xf - --overwrite"])
def test_a_changed_file_is_a_new_version(pier, src, command):
    command = command.replace("SRC", f"{src}/a.bin")
    first = (src / "a.bin").read_bytes()
    pier.run(command, check=True)
    second = b"changed" + first[:1000]
    (src / "a.bin").write_bytes(second)
    os.utime(src / "a.bin", (OLD + 10, OLD + 10))
    pier.run(command, check=True)
    assert (pier / "a.bin").read_bytes() == second
    assert os.stat(pier / "a.bin").st_size == len(second)
    assert pier.run("cat a.bin", check=True).out_bytes == second
    assert pier.file_names() == ["a.bin", "a.bin"]
    assert [pier.content(m["files"][0])[1] for m in pier.messages()] == [first, second]
    # And back: the newest counts.
    (src / "a.bin").write_bytes(first)
    os.utime(src / "a.bin", (OLD + 20, OLD + 20))
    pier.run(command, check=True)
    assert (pier / "a.bin").read_bytes() == first
    assert pier.posts() == 3


def test_after_a_remount(pier, src, start_mount):
    """cron's rsync, on another day."""
    pier.run(f"rsync -a {src}/a.bin .", check=True)
    pier.mount.unmount()
    pier.mount = start_mount(pier.sim, state=pier.mount.state)
    pier.run(f"rsync -a {src}/a.bin .", check=True)
    assert (pier / "a.bin").read_bytes() == (src / "a.bin").read_bytes()
    assert os.stat(pier / "a.bin").st_mtime == OLD
    assert pier.posts() == 1


def test_rm_of_an_attachment(pier, src):
    pier.run(f"cp {src}/a.bin . && cp {src}/a.bin b.bin", check=True)
    pier.run("rm a.bin", check=True)
    assert [n for n, _ in pier.files().items()] == ["b.bin"]
    assert not os.path.lexists(pier / "a.bin")
    assert len(pier.listed()) == 1
    pier.run(f"cp {src}/a.bin .", check=True)
    assert sorted(pier.files()) == ["a.bin", "b.bin"]


def test_rm_of_the_newest_version_shows_the_one_before(pier):
    put(pier / "plan", "one")
    put(pier / "plan", "two!")
    os.unlink(pier / "plan")
    assert (pier / "plan").read_text() == "one"
    # Not by this process, which has just read it.
    pier.run("rm plan", check=True)
    assert not os.path.lexists(pier / "plan")
    assert pier.files() == {}


def test_times_after_the_upload(pier):
    """gio copy sets them after the close."""
    put(pier / "a", "1")
    os.utime(pier / "a", (OLD, OLD))
    wait_until(lambda: os.stat(pier / "a").st_mtime == OLD)
    os.chmod(pier / "a", 0o600)
    assert (pier / "a").read_text() == "1"
    assert pier.posts() == 1


# What programs make in passing.

SCRATCH = [".note.txt.swp", ".note.txt.swx", "note.txt~", "4913", "#note.txt#",
           ".goutputstream-AB12CD", "sedAb12cd", ".a.bin.Xy12Zw", ".DS_Store", "._a.bin",
           "a.bin.part", "a.bin.crdownload", "lu8231ab.tmp"]


def test_scratch_names_are_not_sent(pier, unsent):
    for name in SCRATCH:
        put(pier / name, "passing")
        assert (pier / name).read_text() == "passing"
        os.rename(pier / name, pier / "x~")
        assert (pier / "x~").read_text() == "passing"
        assert not os.path.lexists(pier / name)
        os.unlink(pier / "x~")
        assert not os.path.lexists(pier / "x~")
    assert pier.posts() == 0
    assert unsent.names() == []


@pytest.mark.parametrize("scratch", [".goutputstream-AB12CD", ".a.bin.Xy12Zw", "sedAb12cd",
                                     "a.bin.part", "lu8231ab.tmp"])
def test_a_rename_to_a_real_name_is_the_upload(pier, unsent, scratch):
    put(pier / scratch, "the whole")
    os.rename(pier / scratch, pier / "a.bin")
    assert pier.files() == {"a.bin": b"the whole"}
    assert (pier / "a.bin").read_text() == "the whole"
    assert not os.path.lexists(pier / scratch)
    # Onto what is there: the next version.
    put(pier / scratch, "the next whole")
    os.rename(pier / scratch, pier / "a.bin")
    assert (pier / "a.bin").read_text() == "the next whole"
    assert pier.file_names() == ["a.bin", "a.bin"]
    assert unsent.names() == []


def test_a_rename_that_the_server_refuses_fails(pier):
    put(pier / ".goutputstream-AB12CD", "x")
    pier.sim.fault(method="POST", route="/messages", status=403, message="Not you.")
    with fails(errno.EACCES):
        os.rename(pier / ".goutputstream-AB12CD", pier / "a.bin")
    assert not os.path.lexists(pier / "a.bin")
    assert (pier / ".goutputstream-AB12CD").read_text() == "x" or Unsent(pier.mount).names()


def test_trash_is_refused(pier):
    """So that a file manager asks before it deletes."""
    for name in (".Trash", ".Trash-0", ".Trash-1000"):
        with fails(errno.EPERM):
            os.mkdir(pier / name)
        with fails(errno.EPERM):
            put(pier / name, "x")


def test_scratch_files_left_at_unmount_are_kept(pier, start_mount):
    put(pier / ".note.txt.swp", "unsaved words")
    pier.mount.unmount()
    pier.mount = start_mount(pier.sim, state=pier.mount.state)
    _, data, why = Unsent(pier.mount).one()
    assert data == b"unsaved words"
    assert "unmount" in why["reason"]
    assert pier.posts() == 0


# Editors.

def vim(space, path, *commands):
    """Runs vim without a terminal, by ex commands."""
    return space.run([*VIM, str(path)], env={"TERM": "dumb"},
                     stdin="".join(f"{c}\n" for c in (*commands, "qa!")))


EDITORS = {
    "vim": lambda s, p, old, new: vim(s, p, f"%s/{old}/{new}/", "wq"),
    "vim, no backup": lambda s, p, old, new: vim(s, p, "set nowritebackup",
                                                 f"%s/{old}/{new}/", "wq"),
    "vim, copy": lambda s, p, old, new: vim(s, p, "set backupcopy=yes", f"%s/{old}/{new}/", "wq"),
    "ed": lambda s, p, old, new: s.run(["ed", "-s", str(p)],
                                       stdin=f",s/{old}/{new}/\nw\nq\n"),
    "sed -i": lambda s, p, old, new: s.run(["sed", "-i", f"s/{old}/{new}/", str(p)]),
    "perl": lambda s, p, old, new: s.run(
        f"f={p!s}; t=$(sed 's/{old}/{new}/' \"$f\"); printf '%s\\n' \"$t\" > \"$f\""),
    "python r+": lambda s, p, old, new: s.run(
        ["/usr/bin/python3", "-c",
         "import sys; f = open(sys.argv[1], 'r+'); t = f.read(); f.seek(0); f.truncate(); "
         "f.write(t.replace(sys.argv[2], sys.argv[3])); f.close()", str(p), old, new]),
}


@pytest.mark.parametrize("editor", EDITORS)
def test_an_editor_changes_a_message(pier, unsent, editor):
    put(pier / "post", "the tide is low\nand the wind is north")
    (name,) = pier.listed()
    inode = os.stat(pier / name).st_ino
    pier.sim.clear_log()
    result = EDITORS[editor](pier, name, "low", "very high")
    assert result.status == 0, repr(result)
    assert pier.texts() == ["the tide is very high\nand the wind is north"]
    assert len(pier.sim.requests("PUT", "/messages/.*")) == 1
    assert pier.sim.requests("POST") == []
    assert (pier / name).read_text() == "the tide is very high\nand the wind is north\n"
    assert os.stat(pier / name).st_ino == inode
    assert pier.listed() == [name]
    assert [n for n in os.listdir(pier.dir) if n.startswith((".", "sed")) or n.endswith("~")] \
        == []
    assert unsent.names() == []


def test_an_edit_that_changes_nothing_is_no_request(pier):
    put(pier / "post", "as it is")
    (name,) = pier.listed()
    pier.sim.clear_log()
    put(pier / name, "as it is\n")
    vim(pier, name, "wq")
    pier.run(f"touch {name}; : > /dev/null", check=True)
    assert [r for r in pier.sim.log() if r["method"] != "GET"] == []


def test_append_to_a_message(pier):
    put(pier / "post", "one")
    (name,) = pier.listed()
    pier.run(f"echo two >> {name}", check=True)
    assert pier.texts() == ["one\ntwo"]
    assert (pier / name).read_text() == "one\ntwo\n"


def test_a_message_with_markdown_is_edited_as_such(pier):
    put(pier / "post.md", "the **tide** is low")
    (name,) = pier.listed()
    stem = name[:-len(".txt")]
    with fails(errno.EACCES):
        os.open(pier / name, os.O_WRONLY)
    pier.run(f"sed -i s/low/high/ {stem}.md", check=True)
    (message,) = pier.messages()
    assert message["markdown"] == "the **tide** is high"
    assert message["text"] == "the tide is high"
    assert (pier / name).read_text() == "the tide is high\n"


def test_what_cannot_be_edited(pier):
    """Others' messages and attachments: refused at open."""
    pier.sim.api("POST", "/memberships", {"roomId": pier.id, "personEmail": "bob@example.com"})
    pier.sim.post(pier.id, "by bob", token="bob-token")
    pier.sim.upload(pier.id, "x.txt", b"x")
    wait_until(lambda: len(pier.listed()) == 2)
    for name in pier.listed():
        with fails(errno.EACCES):
            os.open(pier / name, os.O_WRONLY)
        with fails(errno.EACCES):
            os.open(pier / name.replace(".txt", ".json"), os.O_WRONLY)


def test_the_eleventh_edit_is_refused(pier, unsent):
    """By the close, where the ten were made elsewhere; from then on by the open."""
    put(pier / "post", "0")
    (name,) = pier.listed()
    (message,) = pier.messages()
    for i in range(9, -1, -1):
        pier.sim.api("PUT", f"/messages/{message['id']}",
                     {"roomId": pier.id, "text": str(i)}).ok()
    with fails(errno.EINVAL):
        put(pier / name, "11")
    assert pier.texts() == ["0"]
    assert (pier / name).read_text() == "0\n"
    _, data, why = unsent.one()
    assert data == b"11"
    assert why["reason"]
    with fails(errno.EACCES):
        os.open(pier / name, os.O_WRONLY)
    assert "ten times" in unsent.last_error()


@pytest.mark.parametrize("editor", ["vim", "ed"])
def test_a_new_note_by_an_editor(pier, unsent, editor):
    """The first write of a new name sends the file."""
    if editor == "vim":
        result = vim(pier, "note.txt", "insert", "hello from vim", ".", "wq")
    else:
        result = pier.run(["ed", "-s", "note.txt"], stdin="a\nhello from ed\n.\nw\nq\n")
    assert result.status in (0, 1), repr(result)
    assert pier.files() == {"note.txt": f"hello from {editor}\n".encode()}
    assert (pier / "note.txt").read_text() == f"hello from {editor}\n"
    assert pier.posts() == 1
    assert unsent.names() == []


@pytest.mark.parametrize("editor", ["vim", "ed", "sed -i"])
def test_an_editor_changes_a_file(pier, unsent, editor):
    put(pier / "note.txt", "the tide is low\n")
    result = EDITORS[editor](pier, "note.txt", "low", "high")
    assert result.status == 0, repr(result)
    assert (pier / "note.txt").read_text() == "the tide is high\n"
    assert pier.file_names() == ["note.txt", "note.txt"]
    assert [pier.content(m["files"][0])[1] for m in pier.messages()] == \
        [b"the tide is low\n", b"the tide is high\n"]
    assert unsent.names() == []


def test_nano(pier):
    """At a terminal; nano reads and writes in place."""
    put(pier / "post", "low tide")
    (name,) = pier.listed()
    pier.sim.clear_log()
    nano = Terminal(["/usr/bin/nano", "--ignorercfiles", name], str(pier.dir), "xterm")
    try:
        nano.wait_for("low tide")
        nano.type("very ")
        nano.wait_for("very ")
        nano.save_and_leave_nano()
    finally:
        nano.close()
    assert pier.texts() == ["very low tide"]
    assert len(pier.sim.requests("PUT", "/messages/.*")) == 1
    assert (pier / name).read_text() == "very low tide\n"


def test_a_part_is_kept_of_the_old_version(pier):
    """>>, touch, dd conv=notrunc: the new version begins with the old bytes."""
    put(pier / "notes.txt", "one\n")
    pier.run("echo two >> notes.txt", check=True)
    assert (pier / "notes.txt").read_text() == "one\ntwo\n"
    pier.run("printf O | dd of=notes.txt conv=notrunc status=none", check=True)
    assert (pier / "notes.txt").read_text() == "One\ntwo\n"
    pier.run("truncate -s 3 notes.txt", check=True)
    assert (pier / "notes.txt").read_text() == "One"
    assert [pier.content(m["files"][0])[1] for m in pier.messages()] == \
        [b"one\n", b"one\ntwo\n", b"One\ntwo\n", b"One"]
    pier.run("touch notes.txt; : >> notes.txt", check=True)
    assert pier.posts() == 4

