"""Nothing is lost and nothing is sent twice: what the outbox does when the server fails."""
import errno
import json
import os
import resource
import shutil
import signal
import subprocess

import pytest

from lib.chat import Unsent, fails, put
from lib.chat import pier, unsent  # noqa: F401  pylint: disable=unused-import
from lib.shell import kill_group, start_cmd
from lib.util import wait_until

POST = {"method": "POST", "route": "/messages$"}

# Each row: the answer of the server, and the errno of close.
REFUSALS = {
    "400": ({"status": 400, "message": "No sailing today."}, errno.EINVAL),
    "403": ({"status": 403, "message": "No sailing today."}, errno.EACCES),
    "404": ({"status": 404, "message": "No sailing today."}, errno.ENOENT),
    "409": ({"status": 409, "message": "No sailing today."}, errno.EEXIST),
    "413": ({"status": 413, "message": "No sailing today."}, errno.EFBIG),
    "500": ({"status": 500, "message": "No sailing today."}, errno.EIO),
}


def refuse(pier, **fault):
    return pier.sim.fault(**POST, **fault)


@pytest.mark.parametrize("name", REFUSALS)
def test_a_text_that_the_server_refuses(pier, unsent, name):
    fault, number = REFUSALS[name]
    refuse(pier, **fault)
    with fails(number):
        put(pier / "post", "dear all\n")
    assert pier.posts() == 1
    letter, data, why = unsent.one()
    assert data == b"dear all"
    assert "Pier" in letter and letter.endswith("post.txt")
    assert why["server"] == "No sailing today."
    assert why["errno"] == number
    assert why["state"] == "unsent"
    assert why["roomId"] == pier.id and why["place"] == "Pier"
    assert why["writer"] and why["writerPid"] == os.getpid()
    assert unsent.count() == 1
    # error has the words of the server and its tracking id, where a person looks.
    request = pier.sim.requests("POST", "/messages")[0]
    assert request["status"] == fault["status"]
    for place in (unsent.last_error(), unsent.log(), json.dumps(why)):
        assert "No sailing today." in place
        assert "ROUTERGW_" in place
    assert letter in unsent.last_error()
    assert pier.texts() == []
    # The next text is sent.
    pier.sim.clear_faults()
    put(pier / "post", "again")
    assert pier.texts() == ["again"]
    assert len(unsent.names()) == 1


@pytest.mark.parametrize("command", ["echo hi | cat > post", "printf hi > \"$T\"; cp \"$T\" post",
                                     "echo hi | tee post", "echo hi | dd of=post status=none",
                                     "/bin/echo hi > post",
                                     "/usr/bin/python3 -c 'f = open(\"post\", \"w\"); f.write(\"hi\"); "
                                     "f.close()'",
                                     "printf hi > \"$T\"; cp \"$T\" report.txt",
                                     "printf hi > \"$T\"; mv \"$T\" report.txt",
                                     "printf hi > \"$T\"; rsync \"$T\" report.txt",
                                     "printf hi > \"$T\"; install \"$T\" report.txt"])
def test_programs_report_it(pier, unsent, command, tmp_path):
    refuse(pier, status=403, message="No sailing today.")
    result = pier.run(command, env={"T": str(tmp_path / "source")})
    assert result.status != 0, repr(result)
    assert "ermission denied" in result.err, repr(result)
    if "mv" in command:
        assert (tmp_path / "source").read_text() == "hi"
    if "rsync" not in command:
        _, data, _ = unsent.one()
        assert data in (b"hi", b"hi\n")
    assert pier.posts() == 1
    assert not os.path.lexists(pier / "report.txt")


def test_an_upload_that_the_server_refuses(pier, unsent):
    refuse(pier, status=400, message="No sailing today.")
    data = os.urandom(200_000)
    with fails(errno.EINVAL):
        put(pier / "report.bin", data)
    letter, kept, why = unsent.one()
    assert kept == data
    assert letter.endswith("report.bin")
    assert "No sailing today." in json.dumps(why)
    assert pier.posts() == 1
    assert not os.path.lexists(pier / "report.bin")
    pier.sim.clear_faults()
    put(pier / "report.bin", data)
    assert pier.files() == {"report.bin": data}


def test_an_edit_that_the_server_refuses(pier, unsent):
    put(pier / "post", "one")
    (name,) = pier.listed()
    pier.sim.fault(method="PUT", route="/messages", status=400, message="No sailing today.")
    with fails(errno.EINVAL):
        put(pier / name, "two")
    _, data, _ = unsent.one()
    assert data == b"two"
    assert (pier / name).read_text() == "one\n"
    assert pier.texts() == ["one"]


# The outbox repeats by itself only requests that provably had no effect.

@pytest.mark.parametrize("fault", [{"status": 429, "retryAfter": "1"},
                                   {"status": 503, "retryAfter": "1"}], ids=["429", "503"])
def test_what_the_server_asks_to_repeat_is_repeated(pier, unsent, fault):
    refuse(pier, times=1, **fault)
    put(pier / "post", "patience")
    assert pier.texts() == ["patience"]
    assert [r["status"] for r in pier.sim.requests("POST", "/messages")] == [fault["status"], 200]
    assert unsent.names() == []


def test_a_server_that_is_gone(pier, unsent):
    """A request whose connection was refused had no effect."""
    pier.ls()
    pier.sim.kill()
    with fails(errno.ECONNREFUSED, errno.ENETUNREACH, errno.EHOSTUNREACH):
        put(pier / "post", "hello?")
    _, data, _ = unsent.one()
    assert data == b"hello?"
    pier.sim.start()


# No answer: was it sent?

ARRIVED = {
    "reset after": {"reset": "after"},
    "cut": {"cutAt": 40},
    "malformed": {"malformed": True},
}
NOT_ARRIVED = {
    "reset before": {"reset": "before"},
    "502": {"status": 502},
    "504": {"status": 504},
    "html 503": {"html": True},
}


@pytest.mark.parametrize("name", ARRIVED)
def test_a_text_whose_answer_is_lost_is_found(pier, unsent, name):
    """The outbox finds the text among the newest messages, and the close succeeds."""
    refuse(pier, times=1, **ARRIVED[name])
    put(pier / "post", "did you hear me?")
    assert pier.texts() == ["did you hear me?"]
    assert pier.posts() == 1
    assert unsent.names() == []
    assert pier.listed_texts() == ["did you hear me?\n"]
    assert (pier / "last").read_text() == "did you hear me?\n"


@pytest.mark.parametrize("name", NOT_ARRIVED)
def test_a_text_that_did_not_arrive_is_kept(pier, unsent, name):
    refuse(pier, times=1, **NOT_ARRIVED[name])
    with fails(errno.EIO, errno.ECONNRESET, errno.EBUSY, errno.ETIMEDOUT):
        put(pier / "post", "did you hear me?")
    assert pier.texts() == []
    assert pier.posts() == 1
    _, data, why = unsent.one()
    assert data == b"did you hear me?"
    assert why["state"] in ("unsent", "in-doubt")


def test_the_same_words_twice_are_two_messages(pier, unsent):
    """An older message of the same words is not mistaken for the lost one."""
    put(pier / "post", "ok")
    refuse(pier, times=1, reset="before")
    with fails(errno.EIO, errno.ECONNRESET, errno.EBUSY):
        put(pier / "post", "ok")
    assert pier.texts() == ["ok"]
    assert len(unsent.names()) == 1
    refuse(pier, times=1, reset="after")
    put(pier / "post", "ok")
    assert pier.texts() == ["ok", "ok"]
    assert pier.posts() == 3
    assert len(unsent.names()) == 1


def test_somebody_elses_words_are_not_mine(pier, unsent):
    pier.sim.api("POST", "/memberships", {"roomId": pier.id, "personEmail": "bob@example.com"}).ok()
    refuse(pier, times=1, person="alice", reset="before")
    pier.sim.post(pier.id, "ok", token="bob-token")
    with fails(errno.EIO, errno.ECONNRESET, errno.EBUSY):
        put(pier / "post", "ok")
    assert [m["personEmail"] for m in pier.messages()] == ["bob@example.com"]
    _, data, _ = unsent.one()
    assert data == b"ok"


def test_an_upload_whose_answer_is_lost(pier, unsent):
    """The upload is found or in doubt: the outbox never sends a second one."""
    refuse(pier, times=1, reset="after")
    try:
        put(pier / "report.txt", "figures")
    except OSError as e:
        assert e.errno in (errno.EIO, errno.ECONNRESET, errno.ETIMEDOUT, errno.EBUSY)
        _, data, why = unsent.one()
        assert data == b"figures"
        assert why["state"] == "in-doubt"
    else:
        assert unsent.names() == []
    assert pier.files() == {"report.txt": b"figures"}
    assert pier.posts() == 1


def test_a_card_whose_answer_is_lost_is_in_doubt(pier, unsent):
    refuse(pier, times=1, reset="after")
    body = json.dumps({"text": "card", "attachments": [
        {"contentType": "application/vnd.microsoft.card.adaptive",
         "content": {"type": "AdaptiveCard", "version": "1.3", "body": []}}]})
    with fails(errno.EIO, errno.ECONNRESET, errno.EBUSY):
        put(pier / "post.json", body)
    _, data, why = unsent.one()
    assert why["state"] == "in-doubt"
    assert json.loads(data)["text"] == "card"
    assert pier.texts() == ["card"]
    assert pier.posts() == 1


def test_raw_json_of_text_is_found(pier, unsent):
    """As a text is, whatever else the request may name that says nothing."""
    pier.run("printf root > post", check=True)
    (root,) = pier.messages()
    for body in ({"text": "plain\n"}, {"markdown": "**marked**", "files": []},
                 {"text": "for the plain", "markdown": "*both*"},
                 {"text": "reply", "parentId": root["id"]}):
        refuse(pier, times=1, reset="after")
        put(pier / "post.json", json.dumps(body))
    assert pier.posts() == 5 and len(pier.texts()) == 5
    assert unsent.names() == []


@pytest.mark.mount("timeout=2")
@pytest.mark.parametrize("when, arrives", [("before", False), ("after", True)])
def test_a_server_that_hangs(pier, unsent, when, arrives):
    """close waits a bounded time; then the outbox finds out what became of the text."""
    refuse(pier, times=1, hang=when)
    try:
        put(pier / "post", "anybody there?")
        done = True
    except OSError as e:
        assert e.errno in (errno.ETIMEDOUT, errno.EIO)
        done = False
    wait_until(lambda: done or unsent.names() or pier.listed())
    pier.sim.clear_faults()
    if arrives:
        wait_until(lambda: pier.listed_texts() == ["anybody there?\n"], 20)
        assert unsent.names() == []
    else:
        _, data, why = unsent.one()
        assert data == b"anybody there?"
    assert pier.posts() == 1
    assert len(pier.texts()) <= 1


@pytest.mark.mount("timeout=2")
def test_a_server_that_hangs_and_does_it_later(pier, unsent):
    """The server releases the request after we gave up: in doubt, and not sent by itself."""
    refuse(pier, times=1, hang="before")
    with fails(errno.ETIMEDOUT, errno.EIO):
        put(pier / "post", "late")
    wait_until(unsent.names, 30)
    pier.sim.control("POST", "/release")
    assert pier.posts() == 1
    assert len(pier.texts()) <= 1
    (name,) = unsent.names()
    assert unsent.why(name)["state"] in ("unsent", "in-doubt")


# unsent/.

def make_unsent(pier, unsent, name="post", data="one more try"):
    known = set(unsent.names())
    fault = refuse(pier, status=403, message="No sailing today.")
    with fails(errno.EACCES):
        put(pier / name, data)
    pier.sim.clear_fault(fault)
    (new,) = set(unsent.names()) - known
    return new


@pytest.mark.parametrize("target", ["post", ".", "post.md"])
def test_mv_sends_a_text(pier, unsent, target):
    name = make_unsent(pier, unsent)
    pier.run(f"mv '{unsent.dir}/{name}' {target}", check=True)
    assert pier.texts() == ["one more try"]
    assert unsent.names() == []
    assert unsent.count() == 0
    assert pier.listed_texts() == ["one more try\n"]


def test_mv_sends_a_file(pier, unsent):
    data = os.urandom(100_000)
    name = make_unsent(pier, unsent, "report.bin", data)
    pier.run(f"mv '{unsent.dir}/{name}' report.bin", check=True)
    assert pier.files() == {"report.bin": data}
    assert (pier / "report.bin").read_bytes() == data
    assert unsent.names() == []


def test_mv_of_a_file_into_a_space_keeps_its_name(pier, unsent):
    make_unsent(pier, unsent, "notes.txt", b"words")
    pier.run(f"mv '{unsent.dir}/'*notes.txt .", check=True)
    assert pier.files() == {"notes.txt": b"words"}
    assert unsent.names() == []


def test_mv_to_another_space(pier, unsent):
    other = pier.sim.create_room("Other")
    wait_until(lambda: "Other" in pier.mount.ls("spaces"))
    for made, data in (("post", "one more try"), ("post.json", '{"text": "one more try"}\n')):
        name = make_unsent(pier, unsent, made, data)
        # What was written to post.json is kept as it was written.
        assert (unsent.dir / name).read_text().strip() == data.strip()
        pier.run(f"mv '{unsent.dir}/{name}' ../Other/{made}", check=True)
    assert pier.texts() == []
    assert [m["text"] for m in pier.sim.messages(other["id"])] == ["one more try"] * 2


def test_mv_that_fails_keeps_it(pier, unsent):
    name = make_unsent(pier, unsent)
    # As often as it is tried: the mv of coreutils 9.7 repeats a rename that failed with EINVAL.
    fault = refuse(pier, status=400, message="Still no sailing.")
    result = pier.run(f"mv '{unsent.dir}/{name}' post")
    pier.sim.clear_fault(fault)
    assert result.status != 0, repr(result)
    assert unsent.bytes() == [b"one more try"]
    (left,) = unsent.names()
    assert "Still no sailing." in json.dumps(unsent.why(left))
    pier.run(f"mv '{unsent.dir}/{left}' post", check=True)
    assert pier.texts() == ["one more try"]
    assert unsent.names() == []


def test_mv_elsewhere_is_refused(pier, unsent, tmp_path):
    name = make_unsent(pier, unsent)
    for target in (pier.mount / "spaces/x", pier.mount / "x", unsent.dir / "x",
                   pier.mount / "people/x"):
        with fails(errno.EPERM, errno.EACCES):
            os.rename(unsent.dir / name, target)
    # mv out of the mount is a copy and rm.
    pier.run(f"mv '{unsent.dir}/{name}' {tmp_path}/saved", check=True)
    assert (tmp_path / "saved").read_text() == "one more try"
    assert unsent.names() == []
    assert pier.posts() == 1


def test_rm_drops(pier, unsent):
    names = [make_unsent(pier, unsent, data=f"{i}") for i in range(3)]
    assert sorted(unsent.names()) == sorted(names)
    assert unsent.count() == 3
    os.unlink(unsent.dir / names[1])
    assert sorted(unsent.bytes()) == [b"0", b"2"]
    pier.run(f"cd '{unsent.dir}' && rm -f *", check=True)
    assert pier.mount.ls(unsent.dir) == []
    assert unsent.count() == 0
    assert pier.texts() == []


def test_rm_r_of_what_is_local_is_allowed(pier, unsent):
    make_unsent(pier, unsent)
    pier.run(f"find '{unsent.dir}' -type f -delete", check=True)
    assert pier.mount.ls(unsent.dir) == []


def test_unsent_survives(pier, unsent, start_mount):
    """A letter survives a remount, also one whose cache was deleted."""
    text = make_unsent(pier, unsent, data="words")
    file = make_unsent(pier, unsent, "report.bin", b"\0bytes")
    for wipe in (False, True):
        pier.mount.unmount()
        if wipe:
            shutil.rmtree(pier.mount.state / "cache")
        pier.mount = start_mount(pier.sim, state=pier.mount.state)
        again = Unsent(pier.mount)
        assert sorted(again.names()) == sorted([text, file])
        assert (again.dir / text).read_text() == "words"
        assert (again.dir / file).read_bytes() == b"\0bytes"
        assert "No sailing today." in json.dumps(again.why(text))
        assert again.count() == 2
    pier.run(f"mv '{again.dir}/{text}' post && mv '{again.dir}/{file}' report.bin", check=True)
    assert pier.files() == {"report.bin": b"\0bytes"}
    assert "words" in pier.texts()
    assert pier.posts() == 4


# A crash.

def crash(pier, start_mount):
    pier.mount.kill()
    # The simulator drops a request that it holds before applying it when its sender is gone.
    wait_until(lambda: pier.sim.control("GET", "/health")["parked"] == 0)
    pier.sim.clear_faults()
    pier.mount = start_mount(pier.sim, state=pier.mount.state)
    return Unsent(pier.mount)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("name, data", [("post", b"famous last words"),
                                        ("a.bin", b"bytes" * 10000)],
                         ids=["text", "file"])
def test_kill_9_while_it_is_sent(pier, start_mount, when, name, data):
    """The text may have arrived: the next mount finds out, and does not send it by itself."""
    refuse(pier, hang=when)
    writer = start_cmd(["/usr/bin/python3", "-c",
                        "import sys; f = open(sys.argv[1], 'wb'); "
                        "f.write(sys.stdin.buffer.read()); f.close()", name],
                       cwd=pier.dir, stdin=subprocess.PIPE)
    try:
        writer.stdin.write(data)
        writer.stdin.close()
        wait_until(lambda: pier.sim.requests("POST", "/messages"))
        if when == "after":
            wait_until(lambda: len(pier.messages()) == 1)
        unsent = crash(pier, start_mount)
    finally:
        kill_group(writer)
        writer.wait()
    if when == "after":
        # The outbox finds the text: no letter is in doubt any more.
        wait_until(lambda: not unsent.names())
        assert pier.posts() == 1
        assert len(pier.listed()) == 1
        return
    letter, kept, why = unsent.one()
    assert kept == data
    assert why["state"] in ("in-doubt", "unsent")
    assert unsent.count() == 1
    assert pier.ls() and pier.posts() == 1
    # The person decides, once it is known that it did not arrive.
    wait_until(lambda: pier.run(f"mv '{unsent.dir}/{letter}' {name}").status == 0)
    assert unsent.names() == []
    assert pier.posts() == 2
    assert len(pier.messages()) == 1


def test_kill_9_while_a_file_is_written(pier, start_mount):
    fd = os.open(pier / "half.bin", os.O_WRONLY | os.O_CREAT)
    os.write(fd, b"half of it")
    unsent = crash(pier, start_mount)
    try:
        os.close(fd)
    except OSError:
        pass
    name, kept, why = unsent.one()
    assert kept == b"half of it"
    assert pier.posts() == 0
    assert why["state"] == "unsent"


def test_sigterm_while_it_is_sent(pier, start_mount):
    """The mount ends, and the text survives."""
    refuse(pier, hang="before")
    writer = start_cmd("echo bye | cat > post", cwd=pier.dir)
    wait_until(lambda: pier.sim.requests("POST", "/messages"))
    pier.mount.terminate()
    wait_until(lambda: pier.sim.control("GET", "/health")["parked"] == 0)
    pier.sim.clear_faults()
    kill_group(writer)
    writer.communicate()
    pier.mount = start_mount(pier.sim, state=pier.mount.state)
    _, data, why = Unsent(pier.mount).one()
    assert data == b"bye"
    assert why["state"] in ("in-doubt", "unsent")
    assert pier.posts() == 1


def test_an_open_draft_at_unmount_is_kept(pier, start_mount):
    """`umount -l` or a signal ends the mount while somebody types."""
    script = ("import os, signal\n"
              "fd = os.open('post', os.O_WRONLY); os.write(fd, b'unfinished')\n"
              "print('written', flush=True); signal.pause()\n")
    writer = start_cmd(["/usr/bin/python3", "-c", script], cwd=pier.dir)
    assert writer.stdout.readline() == b"written\n"
    pier.mount.terminate(signal.SIGTERM)
    kill_group(writer)
    writer.communicate()
    pier.mount = start_mount(pier.sim, state=pier.mount.state)
    _, data, _ = Unsent(pier.mount).one()
    assert data == b"unfinished"
    assert pier.posts() == 0


def leave_descriptors(mount, spare):
    """Lets the mount have so many descriptors more than it has now."""
    have = {int(fd) for fd in os.listdir(f"/proc/{mount.pid}/fd")}
    lowest = next(n for n in range(len(have) + 1) if n not in have)
    most = resource.prlimit(mount.pid, resource.RLIMIT_NOFILE)[1]
    resource.prlimit(mount.pid, resource.RLIMIT_NOFILE, (lowest + spare, most))


def test_without_descriptors_nothing_is_lost(pier, unsent):
    """What was written before is sent or kept; what comes is refused at open, where a shell says so."""
    put(pier / "post", "while there are some")
    script = ("import os, signal\n"
              "fd = os.open('post', os.O_WRONLY); os.write(fd, b'half of it')\n"
              "print('written', flush=True); signal.pause()\n")
    writer = start_cmd(["/usr/bin/python3", "-c", script], cwd=pier.dir)
    assert writer.stdout.readline() == b"written\n"
    post = os.open(pier / "post", os.O_WRONLY | os.O_TRUNC)
    file = os.open(pier / "deck.pdf", os.O_WRONLY | os.O_CREAT, 0o644)
    os.write(post, b"whole")
    os.write(file, b"deck")
    leave_descriptors(pier.mount, 0)
    for fd in (post, file):
        try:
            os.close(fd)
        except OSError:
            pass
    kill_group(writer)
    writer.communicate()
    wait_until(lambda: b"half of it" in unsent.bytes())
    sent = [t.encode() for t in pier.texts() if t] + list(pier.files().values())
    assert sorted(sent + unsent.bytes()) == [b"deck", b"half of it", b"while there are some", b"whole"]
    posts = pier.posts()
    for command in ("echo no > post", "echo no > note.pdf", f"echo no > {pier.listed()[0]}"):
        done = pier.run(command)
        assert done.status != 0 and "Too many open files" in done.err, command
        assert "too many files are open" in unsent.last_error()
        assert "close, rename or rm some" in unsent.last_error()
    assert pier.posts() == posts
    leave_descriptors(pier.mount, 1000)
    put(pier / "post", "again")
    assert pier.texts()[-1] == "again"


def test_the_outbox_is_private(pier, unsent):
    make_unsent(pier, unsent)
    state = pier.mount.state / "state"
    files = [p for p in state.rglob("*") if p.is_file()]
    assert files
    for path in files:
        assert path.stat().st_mode & 0o077 == 0, path
        assert b"alice-token" not in path.read_bytes()
