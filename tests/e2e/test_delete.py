"""Deleting: what rm does, and what no recursive deletion may do."""
import errno
import os
import pathlib

import pytest

from lib.chat import Unsent, fails, put
from lib.chat import pier, unsent  # noqa: F401  pylint: disable=unused-import
from lib.util import wait_until

BOB = "bob@example.com"


@pytest.fixture
def busy(pier):
    """Pier with bob in it, messages of both, a file and a thread."""
    pier.sim.api("POST", "/memberships", {"roomId": pier.id, "personEmail": BOB}).ok()
    root = pier.sim.post(pier.id, "mine")
    pier.sim.post(pier.id, "bob's", token="bob-token")
    pier.sim.post(pier.id, "a reply", parentId=root["id"])
    pier.sim.post(pier.id, "bob's too", token="bob-token", parentId=root["id"])
    put(pier / "report.txt", "figures")
    pier.ls()
    pier.mount.ls(pier / "members")
    pier.sim.clear_log()
    return pier


def mine(space):
    return [n for n in space.listed() if "_alice@" in n]


def bobs(space):
    return [n for n in space.listed() if "_bob@" in n]


def deletions(space):
    return [r for r in space.sim.log() if r["method"] == "DELETE"]


def everything(sim):
    """What must not change: rooms, members, messages."""
    return {room["id"]: ([m["personEmail"] for m in
                          sim.all("/memberships", query={"roomId": room["id"]})],
                         [(m["id"], m.get("text")) for m in sim.messages(room["id"])])
            for room in sim.rooms()}


def test_rm_of_an_own_message(busy):
    name = mine(busy)[1]
    inodes = {n: os.stat(busy / n).st_ino for n in busy.listed()}
    busy.run(f"rm {name}", check=True)
    assert busy.texts() == ["mine", "bob's", "bob's too", ""]
    assert not os.path.lexists(busy / name)
    assert name not in busy.ls()
    for ending in (".md", ".html", ".json"):
        assert not os.path.lexists(busy / name.replace(".txt", ending))
    assert {n: os.stat(busy / n).st_ino for n in busy.listed()} == \
        {n: i for n, i in inodes.items() if n != name}
    assert len(deletions(busy)) == 1
    with fails(errno.ENOENT):
        os.unlink(busy / name)
    assert len(deletions(busy)) == 1


def test_last_moves_back(pier):
    for text in ("one", "two"):
        put(pier / "post", text)
    assert (pier / "last").read_text() == "two\n"
    os.unlink(pier / pier.listed()[-1])
    assert (pier / "last").read_text() == "one\n"
    os.unlink(pier / pier.listed()[-1])
    assert not os.path.lexists(pier / "last")
    assert "last" not in pier.ls()


def test_rm_of_somebody_elses_message_is_the_servers_decision(busy):
    name = bobs(busy)[0]
    result = busy.run(f"rm -f {name}")
    assert result.status == 1 and "ermission denied" in result.err, repr(result)
    assert len(deletions(busy)) == 1
    assert os.path.lexists(busy / name)
    assert (busy / name).read_text() == "bob's\n"
    assert "bob's" in busy.texts()
    error = Unsent(busy.mount).last_error()
    assert "rm" in error and "ROUTERGW_" in error


def test_rm_of_somebody_elses_message_by_a_moderator(start_sim, start_mount):
    sim = start_sim("--data", "empty")
    room = sim.create_room("Quay", [BOB])
    me = sim.all("/memberships", query={"roomId": room["id"],
                                        "personEmail": "alice@example.com"})[0]
    sim.api("PUT", f"/memberships/{me['id']}", {"isModerator": True}).ok()
    sim.post(room["id"], "bob's", token="bob-token")
    mount = start_mount(sim)
    (name,) = [n for n in mount.ls("spaces/Quay") if "_bob@" in n]
    os.unlink(mount.space("Quay") / name)
    assert sim.messages(room["id"]) == []


def test_rm_of_a_message_that_is_gone(busy):
    name = mine(busy)[0]
    busy.sim.api("DELETE", f"/messages/{busy.messages()[0]['id']}").ok(204)
    with fails(errno.ENOENT):
        os.unlink(busy / name)
    assert name not in busy.ls()


@pytest.mark.parametrize("command", ["rm *_alice@*", "ls | grep _alice@ | xargs rm",
                                     "find . -name '*_alice@*' -print0 | xargs -0 rm",
                                     "for f in *_alice@*; do unlink \"$f\"; done",
                                     "busybox rm *_alice@*", "rm -r *_alice@*",
                                     "/usr/bin/python3 -c 'import glob, os; "
                                     "[os.unlink(f) for f in glob.glob(\"*_alice@*\")]'"])
def test_many_by_name(busy, command):
    n = len(mine(busy))
    assert n == 3
    busy.run(command, check=True)
    assert mine(busy) == []
    assert busy.texts() == ["bob's", "bob's too"]
    assert len(deletions(busy)) == n


@pytest.mark.parametrize("status, number", [(400, errno.EINVAL), (403, errno.EACCES),
                                            (500, errno.EIO)])
def test_rm_that_the_server_refuses(busy, status, number):
    busy.sim.fault(method="DELETE", route="/messages", status=status, message="Not today.")
    name = mine(busy)[0]
    with fails(number):
        os.unlink(busy / name)
    assert name in busy.ls()
    assert (busy / name).read_text() == "mine\n"
    assert "Not today." in Unsent(busy.mount).last_error()


# Recursive deletion.

RECURSIVE = {
    "rm -r": "rm -r spaces/Pier",
    "rm -rf": "rm -rf spaces/Pier",
    "rm -rf spaces": "rm -rf spaces",
    "rm -rf of all": "rm -rf ./*",
    "rm -r members": "rm -r spaces/Pier/members",
    "mv": "mv spaces/Pier \"$TMP/archive\"",
    "mv messages": "mv spaces/Pier/members \"$TMP/archive\"",
    "find -delete": "find spaces/Pier -delete",
    "find -type f -delete": "find spaces/Pier -type f -delete",
    "find -depth": "find spaces/Pier -depth -type f -delete",
    "find members": "find spaces -path '*/members/*' -delete",
    "find . -delete": "find . -delete",
    "busybox rm -rf": "busybox rm -rf spaces/Pier",
    "busybox find": "busybox find spaces/Pier -delete",
    "shutil.rmtree": "/usr/bin/python3 -c 'import shutil; shutil.rmtree(\"spaces/Pier\")'",
    "shutil.move": "/usr/bin/python3 -c 'import os, shutil; "
                   "shutil.move(\"spaces/Pier\", os.environ[\"TMP\"] + \"/archive\")'",
}


@pytest.mark.parametrize("name", RECURSIVE)
def test_a_recursive_deletion_destroys_nothing(busy, tmp_path, name):
    before = everything(busy.sim)
    busy.sim.clear_log()
    result = busy.mount.run(RECURSIVE[name], env={"TMP": str(tmp_path)}, timeout=40)
    assert everything(busy.sim) == before, repr(result)
    assert deletions(busy) == [], repr(result)
    assert result.status != 0, repr(result)
    assert [m for m in mine(busy) if not (busy / m).is_file()] == []
    assert sorted(os.listdir(busy / "members")) == ["alice@example.com", BOB]


def test_a_recursive_deletion_removes_what_is_only_here(busy):
    before = everything(busy.sim)
    busy.run("echo x > .profile; echo x > notes~; touch blank", check=True)
    here = {".profile", "notes~", "blank"}
    assert here < set(busy.ls())
    result = busy.mount.run("rm -r spaces/Pier")
    assert result.status != 0
    assert not here & set(busy.ls()), repr(result)
    assert everything(busy.sim) == before
    assert Unsent(busy.mount).names() == []


# They read all names, close the directory and delete then: known by their names.
CLOSED_FIRST = {
    "rsync --delete": "rsync -a --delete \"$TMP/empty/\" spaces/Pier/",
    "rsync --remove-source-files": "rsync -a --remove-source-files spaces/Pier/ \"$TMP/out\"",
    "tar --remove-files": "tar cf \"$TMP/x.tar\" --remove-files spaces/Pier",
    # The programs themselves are not everywhere; this one behaves as they do, under their names.
    "rclone move": "ln -s /usr/bin/python3 \"$TMP/rclone\"; \"$TMP/rclone\" \"$TMP/move.py\" spaces/Pier",
    "unison -force": "ln -s /usr/bin/python3 \"$TMP/unison\"; \"$TMP/unison\" \"$TMP/move.py\" spaces/Pier",
    "git clean": "git init -q --bare \"$TMP/git\"; "
                 "GIT_DIR=\"$TMP/git\" GIT_WORK_TREE=$PWD/spaces/Pier git clean -ffdx",
    "git clean around it": "git init -q ..; cd .. && git clean -ffd -- \"${OLDPWD##*/}\"",
}


MOVE = """
import os, shutil, sys
for folder, _, names in list(os.walk(sys.argv[1])):
    for name in names:
        try:
            shutil.copy(os.path.join(folder, name), os.environ["TMP"] + "/copy")
            os.unlink(os.path.join(folder, name))
        except OSError as e:
            print(e)
"""


@pytest.mark.parametrize("name", CLOSED_FIRST)
def test_a_walk_that_closes_what_it_has_read(busy, tmp_path, name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "move.py").write_text(MOVE)
    before = everything(busy.sim)
    busy.sim.clear_log()
    result = busy.mount.run(CLOSED_FIRST[name], env={"TMP": str(tmp_path)}, timeout=40)
    assert everything(busy.sim) == before, repr(result)
    assert deletions(busy) == [], repr(result)


def test_a_script_that_deletes_all_it_has_listed(busy):
    """Nothing tells it from one that deletes what it chose: a limit, not a wish."""
    before = everything(busy.sim)
    busy.mount.run("perl -MFile::Path -e 'File::Path::rmtree(\"spaces/Pier\")'", timeout=40)
    assert everything(busy.sim) != before


def test_it_is_eperm(busy):
    fd = os.open(busy.dir, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with fails(errno.EPERM):
            os.unlink(busy / mine(busy)[0])
        with fails(errno.EPERM):
            os.unlink(mine(busy)[0], dir_fd=fd)
    finally:
        os.close(fd)
    members = os.open(busy / "members", os.O_RDONLY | os.O_DIRECTORY)
    try:
        with fails(errno.EPERM):
            os.unlink(busy / "members" / BOB)
    finally:
        os.close(members)
    spaces = os.open(busy.mount / "spaces", os.O_RDONLY | os.O_DIRECTORY)
    try:
        with fails(errno.EPERM):
            os.rmdir(busy.dir)
    finally:
        os.close(spaces)
    assert deletions(busy) == []
    # Nobody holds it any more.
    wait_until(lambda: os.unlink(busy / mine(busy)[0]) is None)
    assert len(deletions(busy)) == 1


def test_a_shell_that_stands_there_may_delete(busy):
    """A working directory, or somebody else's open one, is no walk."""
    fd = os.open(busy.dir, os.O_RDONLY | os.O_DIRECTORY)
    try:
        busy.run("cd . && ls > /dev/null && rm \"$(ls | grep _alice@ | head -1)\"", check=True)
    finally:
        os.close(fd)
    assert len(deletions(busy)) == 1


@pytest.mark.mount("recursive_delete")
def test_the_option_that_allows_it(pier):
    for i in range(3):
        put(pier / "post", f"{i}")
    result = pier.run("find . -maxdepth 1 -name '2*' -delete")
    assert result.status == 0, repr(result)
    assert pier.texts() == []
    assert pier.listed() == []


@pytest.mark.mount("recursive_delete")
def test_rm_r_of_a_space_with_the_option(pier):
    """Structural files cannot go; what can goes, and rm says so."""
    put(pier / "post", "one")
    result = pier.mount.run("rm -rf spaces/Pier")
    assert result.status != 0
    assert pier.texts() == [] if "Pier" in [r["title"] for r in pier.sim.rooms()] else True


# Structure.

def test_structural_names_stay(busy):
    for name in ("post", "post.md", "post.json", "last", "space.json", "transcript.log",
                 "history", "threads"):
        with fails(errno.EPERM):
            os.unlink(busy / name)
    for path in (busy / "members", busy.mount / "spaces", busy.mount / "direct",
                 busy.mount / ".sparkfs", busy.mount / ".sparkfs/unsent"):
        with fails(errno.EPERM):
            os.rmdir(path)
    with fails(errno.EPERM):
        os.unlink(busy.mount / "people/me.json")
    assert deletions(busy) == []


def test_renaming_a_message_is_refused(busy, tmp_path):
    """Never EXDEV, which makes mv copy and delete."""
    name = mine(busy)[0]
    for target in (busy / "other.txt", busy / (name + "~"), busy.mount / "spaces/x",
                   busy / "members/x@example.com", busy / mine(busy)[1]):
        with fails(errno.EPERM):
            os.rename(busy / name, target)
    with fails(errno.EPERM):
        os.rename(busy / "report.txt", busy / "renamed.txt")
    with fails(errno.EPERM):
        os.rename(busy / "post", busy / "p")
    with fails(errno.EPERM):
        os.rename(busy / "members" / BOB, busy / "members/carol@example.com")
    with fails(errno.EPERM):
        os.link(busy / name, busy / "linked")
    result = busy.run(f"mv {name} other.txt")
    assert result.status != 0 and "not permitted" in result.err, repr(result)
    assert deletions(busy) == []
    assert busy.posts() == 0


def test_a_deletion_whose_answer_is_lost(busy):
    """Repeated: the second time it is not there, which is what was wanted."""
    busy.sim.fault(method="DELETE", route="/messages", reset="after", times=1)
    name = mine(busy)[0]
    os.unlink(busy / name)
    assert len(deletions(busy)) == 2
    wait_until(lambda: name not in busy.ls())
    assert "mine" not in busy.texts()


def test_an_open_message_that_is_deleted(busy):
    name = mine(busy)[0]
    with open(busy / name, encoding="utf-8") as f:
        os.unlink(busy / name)
        try:
            assert f.read() in ("mine\n", "")
        except OSError as e:
            assert e.errno in (errno.ENOENT, errno.ESTALE)
    assert pathlib.Path(busy / name).exists() is False
