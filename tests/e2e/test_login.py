"""The server no longer takes the token: what a mount says, what it shows, and how it goes on."""
import contextlib
import os
import subprocess
import threading

import pytest

from lib.mount import mount_device
from lib.tree import error_of, messages_in, read
from lib.util import scaled, wait_until

ALICE = "alice@example.com"
DEAD = "The request requires a valid access token"


def said(mount):
    return read(mount / ".sparkfs/last-error").decode()


def events(mount, kinds=("login-needed", "login-ok", "link-down", "link-up")):
    """The words of these lines since the store was made."""
    fd = os.open(mount / "events@0", os.O_RDONLY | os.O_NONBLOCK)
    text = b""
    try:
        with contextlib.suppress(BlockingIOError):
            while piece := os.read(fd, 65536):
                text += piece
    finally:
        os.close(fd)
    return [line.split()[2] for line in text.decode().splitlines() if line.split()[2] in kinds]


def revoke(sim, token="alice-token", valid=False):
    sim.control("POST", "/tokens", {"token": token, "valid": valid})


def grant(sim, token):
    sim.control("POST", "/tokens", {"token": token, "person": "alice", "valid": True})


def put(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def write_token(path, text):
    """As `cat > FILE` does it: the file is empty for a moment."""
    path.touch(0o600)
    path.write_text(text)
    return path


@pytest.fixture(name="token_file")
def fixture_token_file(tmp_path):
    return write_token(tmp_path / "token", "alice-token\n")


def with_file(start_mount, sim, token_file, *more, **options):
    return start_mount(sim, f"token_file={token_file}", *more, token=None, **options)


def exits(sim, tmp_path, *options, token="alice-token", state=None):
    """(status, stderr) of a mount that does not come up."""
    path = tmp_path / "nowhere"
    path.mkdir(exist_ok=True)
    env = {k: v for k, v in os.environ.items() if not k.endswith("_TOKEN")}
    home = state or tmp_path / "home"
    env.update(HOME=str(home), XDG_CACHE_HOME=f"{home}/cache", XDG_STATE_HOME=f"{home}/state")
    if token:
        env["WEBEX_ACCESS_TOKEN"] = token
    done = subprocess.run([os.environ["SPARKFS"], "-o", ",".join([f"url={sim.base}", *options]),
                           path], env=env, capture_output=True, text=True, check=False,
                          timeout=scaled(30))
    assert mount_device(path) is None
    assert done.stdout == "" and done.stderr.count("\n") == 1, done
    return done.returncode, done.stderr


def test_exit_statuses(sim, tmp_path):
    """3 where only another token helps, so that a service is not started for ever; else 1."""
    token = write_token(tmp_path / "token", "")
    needed = [
        (dict(token=None), "WEBEX_ACCESS_TOKEN"),
        (dict(token="unknown-token"), DEAD),
        (dict(token="two words"), "WEBEX_ACCESS_TOKEN"),
    ]
    for options, words in needed:
        code, line = exits(sim, tmp_path, **options)
        assert code == 3 and words in line, (options, code, line)
    for text in ("", "two words", "\x01", "x" * 5000):
        token.write_text(text)
        assert exits(sim, tmp_path, f"token_file={token}")[0] == 3, text
    token.chmod(0o644)
    assert exits(sim, tmp_path, f"token_file={token}")[0] == 3
    for source in (f"token_file={tmp_path}/none", f"token_file={tmp_path}",
                   "token_command=exit 1", "token_command=true",
                   # Nobody knows who that is.
                   f"token_file={tmp_path}/none,account={ALICE}"):
        code, line = exits(sim, tmp_path, source)
        assert code == 3 and "token_" in line, (source, code, line)
    # What another token does not cure.
    code, line = exits(sim, tmp_path, "token_command=echo locked >&2; exit 75")
    assert code == 1 and "locked" in line
    sim.fault(route="/people/me", status=403, times=1)
    assert exits(sim, tmp_path)[0] == 1
    sim.fault(route="/people/me", status=404, times=1)
    assert exits(sim, tmp_path)[0] == 1
    sim.fault(route="/people/me", status=500)
    assert exits(sim, tmp_path, "timeout=1")[0] == 1
    sim.kill()
    assert exits(sim, tmp_path)[0] == 1


def check_known(mount, messages):
    """What was read before is still there, and nothing else."""
    assert messages_in(mount.space("Lunch")) == sorted(messages)
    for name, text in messages.items():
        assert read(mount.space("Lunch") / name) == text
    assert error_of(mount.ls, "spaces/Firmware") == "EACCES"
    for name in ("post", "post.md", "new.bin"):
        assert error_of(lambda n=name: put(mount.space("Lunch") / n, "text")) == "EACCES"
    assert mount.ls(".sparkfs/unsent") == []


def look(mount):
    mount.ls("spaces")
    return {n: read(mount.space("Lunch") / n) for n in messages_in(mount.space("Lunch"))}


ACTS = {
    "a post": lambda m: put(m.space("Lunch") / "post", "text"),
    "an upload": lambda m: put(m.space("Lunch") / "a.bin", "bytes"),
    "an edit": lambda m: put(m.space("Lunch") / "last", "edited"),
    "a deletion": lambda m: (m.space("Lunch") / "last").resolve().unlink(),
    "an invitation": lambda m: put(m.space("Lunch") / "members/frank@example.com", ""),
    "a new space": lambda m: (m / "spaces/New").mkdir(),
    "a look-up of a person": lambda m: read(m / "people/judy@example.com.json"),
    "a listing": lambda m: m.ls("spaces/Firmware"),
    "members": lambda m: m.ls("spaces/Firmware/members"),
    "a download": lambda m: read(m.space("Harbour buoy project") / "files" /
                                 m.ls("spaces/Harbour buoy project/files")[0]),
}


def test_whatever_meets_it_says_it(sim, start_mount):
    """Each kind of request makes it known, and says what to do."""
    mount = start_mount(sim)
    look(mount)
    mount.ls("spaces/Harbour buoy project/files")
    put(mount.space("Lunch") / "post", "mine")
    told = []
    people = ["carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "admin", "bob", "mika"]
    for what, act in ACTS.items():
        # Nothing has said so far that the token is dead.
        assert mount.status()["login"] == "ok" and mount.status()["online"] is True, what
        sim.fault(status=401, message=DEAD)
        assert error_of(act, mount) == "EACCES", what
        now = mount.status()
        assert now["login"] == "needed" and now["online"] is False, what
        assert now["loginNeededSince"] and now["offlineSince"], what
        assert DEAD in said(mount) or "login needed" in said(mount), (what, said(mount))
        assert "mount again with a new one" in said(mount), (what, said(mount))
        told.append("login-needed")
        assert events(mount) == told, what
        # Now the open knows it.
        assert error_of(put, mount.space("Lunch") / "post", "text") == "EACCES", what
        assert "login needed" in said(mount), (what, said(mount))
        sim.clear_faults()
        # Whatever is answered says that it is over, and nothing is refused any more.
        assert read(mount / f"people/{people.pop()}@example.com.json"), what
        put(mount.space("Lunch") / "post", f"again, after {what}")
        told.append("login-ok")
        assert events(mount) == told, what
        assert mount.status()["loginNeededSince"] is None, what
    assert read(mount / ".sparkfs/log").count(b"login ok") == len(ACTS)


def test_a_403_is_no_dead_token(sim, start_mount):
    mount = start_mount(sim)
    look(mount)
    sim.fault(status=403)
    assert error_of(mount.ls, "spaces/Firmware") == "EACCES"
    assert error_of(put, mount.space("Lunch") / "post", "text") == "EACCES"
    assert mount.status()["login"] == "ok" and mount.status()["online"] is True
    assert events(mount) == [] and "mount again" not in said(mount)


def test_a_known_account_mounts_with_a_dead_token(sim, start_mount, token_file):
    """However it is dead; and a new one in the file is taken up without anybody asking."""
    mount = with_file(start_mount, sim, token_file)
    messages = look(mount)
    mount.unmount()
    revoke(sim)
    for text, named in (("alice-token", False), ("", True), ("two words", True),
                        ("another-dead-token", True), (None, True)):
        if text is None:
            token_file.unlink()
        else:
            token_file.write_text(text)
        options = [f"account={ALICE}"] if named else []
        mount = with_file(start_mount, sim, token_file, *options, state=mount.state)
        wait_until(lambda m=mount: f"showing what is known of {ALICE}" in m.output)
        check_known(mount, messages)
        assert mount.status()["login"] == "needed" and mount.status()["online"] is False
        assert f"write a new one into {token_file}" in said(mount), said(mount)
        # Nothing was asked for with the token, but whose it is.
        mount.unmount()
    # It is said once, though each mount found it so.
    mount = with_file(start_mount, sim, token_file, f"account={ALICE}", state=mount.state)
    assert events(mount) == ["login-needed"]
    grant(sim, "fresh-token")
    sim.clear_log()
    write_token(token_file, "fresh-token\n")
    wait_until(lambda: events(mount) == ["login-needed", "login-ok"], 10)
    # One request for that, and no errors afterwards.
    assert [r["path"] for r in sim.log()] == ["/v1/people/me"]
    assert mount.status()["login"] == "ok" and mount.status()["online"] is True
    put(mount.space("Lunch") / "post", "in time")
    assert mount.ls("spaces/Firmware")
    mount.unmount()
    # The next mount knows whose that token is, without network.
    sim.kill()
    mount = with_file(start_mount, sim, token_file, state=mount.state)
    wait_until(lambda: f"showing what is known of {ALICE}" in mount.output)
    assert set(messages) < set(messages_in(mount.space("Lunch")))
    assert mount.status()["login"] == "unknown" and mount.status()["online"] is False


def test_it_dies_while_there_is_no_network(sim, start_mount):
    mount = start_mount(sim)
    messages = look(mount)
    mount.unmount()
    sim.kill()
    mount = start_mount(sim, state=mount.state)
    assert mount.status()["login"] == "unknown"
    sim.start()
    revoke(sim)
    wait_until(lambda: error_of(mount.ls, "spaces/Firmware") == "EACCES", 10)
    check_known(mount, messages)
    assert mount.status()["login"] == "needed"
    assert events(mount)[-1] == "login-needed"


def test_it_dies_before_the_new_one_is_there(sim, start_mount, token_file):
    """Not a moment is lost behind a token that was written late, by the file and by a command."""
    as_file = with_file(start_mount, sim, token_file)
    by_command = start_mount(sim, f"token_command=cat {token_file}", token=None)
    for mount in (as_file, by_command):
        look(mount)
    revoke(sim)
    for text in ("alice-token", ""):
        token_file.write_text(text)
        for mount in (as_file, by_command):
            assert error_of(mount.ls, "spaces/Firmware") == "EACCES"
            assert mount.status()["login"] == "needed"
            assert error_of(put, mount.space("Lunch") / "post", "lost?") == "EACCES"
    grant(sim, "fresh-token")
    write_token(token_file, "fresh-token\n")
    assert as_file.ls("spaces/Support desk/members")
    # What was refused just now, too.
    wait_until(lambda: error_of(as_file.ls, "spaces/Firmware") is None, 1)
    put(as_file.space("Lunch") / "post", "at once")
    wait_until(lambda: error_of(by_command.ls, "spaces/Firmware") is None, 3)
    put(by_command.space("Lunch") / "post", "at once")
    for mount in (as_file, by_command):
        assert events(mount) == ["login-needed", "login-ok"]
        assert mount.ls(".sparkfs/unsent") == []


def test_the_token_behind_a_name_is_asked_whose_it_is(sim, start_mount, token_file):
    """A mount without network by account= alone: what is in the file may be anybody's."""
    mount = with_file(start_mount, sim, token_file)
    messages = look(mount)
    mount.unmount()
    write_token(token_file, "bob-token\n")
    sim.kill()
    mount = with_file(start_mount, sim, token_file, f"account={ALICE.upper()}", state=mount.state)
    sim.start()
    wait_until(lambda: error_of(mount.ls, "spaces/Firmware") == "EACCES", 10)
    check_known(mount, messages)
    assert "somebody else" in said(mount) or "login needed" in said(mount)
    assert {(r["path"], r["method"]) for r in sim.log() if r["token"] == "bob"} == \
        {("/v1/people/me", "GET")}
    write_token(token_file, "alice-token\n")
    wait_until(lambda: mount.status()["login"] == "ok", 10)
    put(mount.space("Lunch") / "post", "by alice")
    assert {r["token"] for r in sim.requests("POST")} == {"alice"}


@pytest.mark.sim("--data", "empty", "--spaces", 12, "--messages", 2)
def test_a_dead_token_ends_nothing_else(sim, start_mount, token_file):
    """Many ask at once while it dies and comes again: nobody hangs, each letter is sent once or kept."""
    mount = with_file(start_mount, sim, token_file, "rate=off")
    spaces = mount.ls("spaces")
    results = []

    def work(title):
        for i in range(4):
            results.append((title, i, error_of(put, mount.space(title) / "post",
                                               f"letter {title} {i}")))
            error_of(mount.ls, f"spaces/{title}/members")
    threads = [threading.Thread(target=work, args=(title,)) for title in spaces]
    for thread in threads:
        thread.start()
    revoke(sim)
    grant(sim, "fresh-token")
    write_token(token_file, "fresh-token\n")
    for thread in threads:
        thread.join(scaled(20))
        assert not thread.is_alive()
    assert {e for _, _, e in results} <= {None, "EACCES"}
    wait_until(lambda: error_of(put, mount.space(spaces[0]) / "post", "last") is None, 10)
    there = [m["text"] for title in spaces
             for m in sim.messages(sim.room(title, token="fresh-token")["id"],
                                   token="fresh-token")]
    for title, i, error in results:
        assert there.count(f"letter {title} {i}") == (error is None), (title, i, error)
