"""Nothing empty is ever sent: an empty file waits here for its bytes, then goes to unsent/."""
import errno
import json
import os
import shutil

import pytest

from lib.chat import Unsent, fails, opened, put
from lib.chat import pier, unsent  # noqa: F401  pylint: disable=unused-import
from lib.util import wait_until

CREATE = os.O_WRONLY | os.O_CREAT

# What leaves a file empty, and the status of it.
MAKERS = {
    "touch": ("touch a", 0),
    "shell": (": > a", 0),
    "cp": ("cp /dev/null a", 0),
    "mv": ("mv $SRC a", 0),
    "dd": ("dd if=/dev/null of=a status=none conv=fsync", 0),
    "install": ("install /dev/null a", 0),
    "curl": ("curl -s -o a file:///dev/null", 0),
    "rsync": ("rsync -a $SRC a", 0),
    "tee": ("tee a < /dev/null", 0),
    "truncate": ("truncate -s 0 a", 0),
    "mktemp": ("t=$(mktemp ./outXXXXXX) && mv $t a", 0),
    "fallocate": ("fallocate -l 100 a", 1),
    # That of coreutils 9.7 removes it again.
    "reflink": ("cp --reflink=always /etc/os-release a || { [ -e a ] || : > a; exit 1; }", 1),
    "killed": ("sh -c 'exec 3> a; kill -9 $$'", 137),
}


def changes(space):
    return [r["method"] for r in space.sim.log() if r["method"] not in ("GET", "HEAD")]


def test_an_empty_file_stays_here_and_may_be_filled(pier, unsent, tmp_path):
    """Whoever makes it; last-error says so; the next one to write sends it, once."""
    said = []
    for how, (command, status) in MAKERS.items():
        (tmp_path / "src").touch()
        done = pier.run(command, env={"SRC": str(tmp_path / "src")})
        assert (done.status != 0) == (status != 0), f"{how}: {done!r}"
        assert (pier / "a").stat().st_size == 0, how
        wait_until(lambda: unsent.last_error() not in said and
                   "a: it is empty" in unsent.last_error(), what=f"last-error ({how})")
        said.append(unsent.last_error())
        wait_until(lambda: os.listdir(pier / "files") == ["a"], what=f"a listing ({how})")
        assert changes(pier) == [], how
        os.unlink(pier / "a")
        assert os.listdir(pier / "files") == [], how
    put(pier / "a", "")
    put(pier / "a", "", os.O_WRONLY)
    assert pier.run("mv a b; ls files/", check=True).out == "b\n"
    pier.run("echo now >> b", check=True)
    assert pier.files() == {"b": b"now\n"}
    assert (pier / "b").read_text() == "now\n"
    assert os.listdir(pier / "files") == ["b"]
    assert changes(pier) == ["POST"]
    assert unsent.names() == []


def test_it_is_listed_though_somebody_looked_while_it_was_open(pier):
    """What is only here is listed where it is and in files/, wherever it was made."""
    def listed():
        return ["a" in os.listdir(pier / where) for where in ("", "files")]

    for name in ("files/a", "a"):
        with opened(pier / name, CREATE):
            # The kernel keeps a listing that was read twice.
            assert [listed(), listed()] == [[False, False]] * 2
        # A moment later the kernel would ask by itself.
        wait_until(lambda: listed() == [True, True], 1)
        os.unlink(pier / name)
        wait_until(lambda: listed() == [False, False], 1)


@pytest.mark.mount("linger=1")
def test_what_stays_empty_goes_to_unsent_with_the_reason(pier, unsent):
    """Counted from the last close; so does a passing file that nobody renames."""
    with opened(pier / "held", CREATE):
        put(pier / "report.pdf", "")
        put(pier / "x.part", "the whole")
        put(pier / "y.part", "")
        wait_until(lambda: len(unsent.names()) == 2)
        assert {n.split("_")[-1]: (unsent.dir / n).read_bytes() for n in unsent.names()} == \
            {"report.pdf": b"", "x.part": b"the whole"}
        assert not (pier / "report.pdf").exists() and not (pier / "x.part").exists()
        assert (pier / "held").exists()
        wait_until(lambda: not (pier / "y.part").exists())
    (name,) = [n for n in unsent.names() if n.endswith("report.pdf")]
    assert "empty" in unsent.why(name)["reason"]
    assert (unsent.why(name)["place"], unsent.why(name)["roomId"]) == ("Pier", pier.id)
    # It is sent once it has something in it, by the name that it had.
    with fails(errno.ENODATA):
        os.rename(unsent.dir / name, pier / "report.pdf")
    assert "empty" in unsent.last_error()
    put(unsent.dir / name, "filled", os.O_WRONLY)
    pier.run(["mv", str(unsent.dir / name), "."], check=True)
    assert pier.files() == {"report.pdf": b"filled"}
    wait_until(lambda: [n.split("_")[-1] for n in unsent.names()] == ["x.part", "held"])
    assert changes(pier) == ["POST"]
    # The name is free.
    put(pier / "held", "taken")
    assert pier.files() == {"report.pdf": b"filled", "held": b"taken"}


def test_an_attachment_is_not_replaced_by_nothing(pier, unsent, start_mount):
    """Cut to nothing it may be filled, as on any file system; at unmount the old one is back."""
    put(pier / "log", "one\n")
    pier.run(": > log; echo two >> log; truncate -s 0 log; echo three >> log", check=True)
    assert [pier.content(m["files"][0])[1] for m in pier.messages()] == \
        [b"one\n", b"two\n", b"three\n"]
    pier.run(": > log; touch new", check=True)
    assert (pier / "log").read_bytes() == b""
    wait_until(lambda: sorted(n for n in os.listdir(pier / "files") if "~" not in n)
               == ["log", "new"])
    # A whole one that is renamed onto it takes its place.
    put(pier / ".new.Xy12Zw", "four\n")
    os.rename(pier / ".new.Xy12Zw", pier / "new")
    assert (pier / "new").read_text() == "four\n"
    assert pier.posts() == 4
    pier.mount.unmount()
    pier.mount = start_mount(pier.sim, state=pier.mount.state)
    assert (pier / "log").read_text() == "three\n"
    name, data, why = Unsent(pier.mount).one()
    assert (name.split("_")[-1], data) == ("log", b"")
    assert "empty" in why["reason"]


def test_an_empty_file_outlives_a_crash(pier, unsent, start_mount):
    """mv has removed where it came from."""
    put(pier / "closed", "")
    wait_until(lambda: os.listdir(pier / "files") == ["closed"])
    fd = os.open(pier / "open", CREATE)
    pier.mount.kill()
    with fails(errno.ENOTCONN):
        os.close(fd)
    pier.mount = start_mount(pier.sim, state=pier.mount.state)
    name, data, why = Unsent(pier.mount).one()
    assert (name.split("_")[-1], data, why["place"]) == ("closed", b"", "Pier")
    assert "empty" in why["reason"]
    assert pier.posts() == 0


def test_an_edit_to_nothing_is_refused(pier, unsent):
    """The message stays: rm is what deletes it."""
    put(pier / "post", "low tide")
    (name,) = pier.listed()
    pier.sim.clear_log()
    for command in ("sed -i d F", "cp SRC F", "perl -ni -e 1 F", "echo > F; false",
                    ": > .x.tmp; mv .x.tmp F", ": > .x.tmp; mv .x.tmp space.json"):
        put(pier.mount.state / "src", "\n\n")
        result = pier.run(command.replace("F", name).replace("SRC", str(pier.mount.state / "src")))
        assert result.status != 0, command
        assert (pier / name).read_text() == "low tide\n", command
        assert "empty" in unsent.last_error() or "nothing" in unsent.last_error()
    for command in (": > F", "cp /dev/null F", "dd if=/dev/null of=F", "tee F < /dev/null"):
        pier.run("echo > post", check=True)
        assert "newlines" in unsent.last_error()
        pier.run(command.replace("F", name), check=True)
        wait_until(lambda: "Pier: an edit to nothing" in unsent.last_error().splitlines()[-1])
    assert (pier / name).read_text() == "low tide\n"
    assert changes(pier) == []
    assert pier.listed() == [name]
    assert unsent.names() == []


def test_post_json_with_nothing_is_refused(pier, unsent, tmp_path):
    (tmp_path / "empty").touch()
    for body in ({"text": "", "markdown": None}, {"files": []}, {"roomId": ""},
                 {"text": "see", "files": [str(tmp_path / "empty")]}):
        with fails(errno.EINVAL, errno.ENODATA):
            put(pier / "post.json", json.dumps(body))
    assert len(unsent.names()) == 4
    assert changes(pier) == []


@pytest.mark.skipif(not shutil.which("zip"), reason="no zip")
def test_zip_sends_once(pier, unsent):
    """It tries whether it may write there, empty, and writes beside it then."""
    pier.run("zip -qj z.zip /etc/os-release", check=True)
    assert changes(pier) == ["POST"]
    ((name, data),) = pier.files().items()
    assert name == "z.zip" and data[:2] == b"PK"
    assert unsent.names() == []
