"""Making, renaming and deleting spaces; space.json; writing to somebody for the first time."""
import errno
import json
import os
import unicodedata

import pytest

from lib.chat import SHELLS, VIM, Space, Unsent, fails, put
from lib.chat import pier, unsent  # noqa: F401  pylint: disable=unused-import
from lib.tree import error_of
from lib.util import wait_until

BOB = "bob@example.com"
ALICE = "alice@example.com"


def titles(sim):
    return sorted(r["title"] for r in sim.rooms(type="group"))


# mkdir.

@pytest.mark.parametrize("shell", SHELLS)
def test_mkdir_makes_a_space(pier, shell):
    pier.mount.ls("spaces")
    result = pier.mount.run([*SHELLS[shell], "mkdir 'Boat shed' && cd 'Boat shed' && "
                             "echo first > post && ls members"], cwd=pier.mount / "spaces").ok()
    assert result.out == f"{ALICE}\n"
    assert titles(pier.sim) == ["Boat shed", "Pier"]
    assert pier.mount.ls("spaces") == ["Boat shed", "Pier"]
    shed = Space(pier.sim, "Boat shed", pier.mount, pier.sim.room("Boat shed"))
    assert shed.texts() == ["first"]
    assert json.loads((shed / "space.json").read_text())["id"] == shed.id
    assert len(pier.sim.requests("POST", "/rooms")) == 1


NAMES = ["plain", "with  two spaces", "Größe €", "日本語", "🎉", "it's \"quoted\"", "a\\b", "100%",
         "a ~ b", "dot.end.", "x" * 255, "é" * 127, "~tilde", "#hash", "a∕b∕c", "_-x"]


def test_names_of_spaces(pier):
    for name in NAMES:
        os.mkdir(pier.mount.space(name))
    assert pier.mount.ls("spaces") == sorted(["Pier", *NAMES])
    want = [n.replace("\u2215", "/") for n in NAMES]
    want[want.index("_-x")] = "-x"
    got = titles(pier.sim)
    assert "a/b/c" in got
    # "_-x" is how "-x" is shown: either is a title that comes back as typed.
    assert got in (sorted(["Pier", *want]), sorted(["Pier", *want[:-1], "_-x"]))


@pytest.mark.parametrize("name", [".hidden", "..x", "-rf", "control\x01", "new\nline",
                                  "bidi\u202e", "end\x7f",
                                  b"bad\xff", "x" * 256, "é" * 128], ids=ascii)
def test_names_that_would_not_come_back_as_typed(pier, name):
    path = os.path.join(os.fsencode(pier.mount / "spaces"),
                        name if isinstance(name, bytes) else name.encode())
    with fails(errno.EINVAL, errno.ENAMETOOLONG):
        os.mkdir(path)
    # EINVAL would make mv say "to a subdirectory of itself".
    with fails(errno.EPERM, errno.ENAMETOOLONG):
        os.rename(os.fsencode(pier.dir), path)
    assert titles(pier.sim) == ["Pier"]
    assert [r for r in pier.sim.log() if r["method"] != "GET"] == []


def test_what_is_there_already(pier):
    with fails(errno.EEXIST):
        os.mkdir(pier.dir)
    pier.mount.run("mkdir -p spaces/Pier", check=True)
    for folder in ("", "direct", "people", ".sparkfs", "spaces/Pier", "spaces/Pier/members"):
        with fails(errno.EPERM, errno.EACCES):
            os.mkdir(pier.mount / folder / "new")
    assert titles(pier.sim) == ["Pier"]


@pytest.mark.parametrize("first, second", [
    ("Boats", "BOATS"), ("Café", "café"), ("Café", unicodedata.normalize("NFD", "Café"))],
    ids=["ascii", "accent", "decomposed"])
def test_titles_that_are_one_name(pier, first, second):
    """The second space is made; its name says which one it is."""
    os.mkdir(pier.mount.space(first))
    pier.mount.run(["mkdir", f"spaces/{second}"], check=True)
    assert titles(pier.sim) == sorted([first, second, "Pier"])
    names = set(pier.mount.ls("spaces")) - {"Pier"}
    assert len(names) == 2 and first in names
    (other,) = names - {first}
    assert " ~" in other
    for name, title in ((first, first), (other, second)):
        assert json.loads((pier.mount.space(name) / "space.json").read_text())["title"] == title
    # As typed it leads nowhere: not into the first one.
    assert not os.path.lexists(pier.mount.space(second))
    put(pier.mount.space(other) / "post", "to the other one")
    assert [m["text"] for m in pier.sim.messages(pier.sim.room(second)["id"])] == \
        ["to the other one"]


@pytest.mark.parametrize("status, number", [(400, errno.EINVAL), (403, errno.EACCES),
                                            (409, errno.EEXIST), (500, errno.EIO)])
def test_mkdir_that_the_server_refuses(pier, unsent, status, number):
    pier.sim.fault(method="POST", route="/rooms", status=status, message="Not today.")
    with fails(number):
        os.mkdir(pier.mount.space("New"))
    assert pier.mount.ls("spaces") == ["Pier"]
    assert not os.path.lexists(pier.mount.space("New"))
    assert "Not today." in unsent.last_error()


# mv.

def test_mv_renames(pier):
    put(pier / "post", "one")
    inode = os.stat(pier.dir).st_ino
    pier.mount.run("mv spaces/Pier 'spaces/Old pier'", check=True)
    assert titles(pier.sim) == ["Old pier"]
    assert pier.mount.ls("spaces") == ["Old pier"]
    assert not os.path.lexists(pier.dir)
    pier.title = "Old pier"
    assert os.stat(pier.dir).st_ino == inode
    assert pier.listed_texts() == ["one\n"]
    put(pier / "post", "two")
    assert pier.texts() == ["one", "two"]
    assert json.loads((pier / "space.json").read_text())["title"] == "Old pier"
    # The shell that stands in it notices nothing.
    pier.run("mv ../'Old pier' ../Pier∕head; echo three > post; cat last", check=True)
    assert titles(pier.sim) == ["Pier/head"]
    assert pier.texts() == ["one", "two", "three"]
    assert len(pier.sim.requests("PUT", "/rooms/.*")) == 2


def test_mv_keeps_the_lock_and_the_description(pier):
    put(pier / "space.json", '{"description": "Where the boats are"}')
    pier.mount.run("mv spaces/Pier spaces/Quay", check=True)
    assert pier.sim.room("Quay")["description"] == "Where the boats are"


def test_mv_onto_another_space_is_refused(pier):
    os.mkdir(pier.mount.space("Quay"))
    put(pier / "post", "precious")
    with fails(errno.EEXIST, errno.EPERM, errno.ENOTEMPTY):
        os.rename(pier.dir, pier.mount.space("Quay"))
    result = pier.mount.run("mv -T spaces/Pier spaces/Quay")
    assert result.status != 0
    assert titles(pier.sim) == ["Pier", "Quay"]
    # Without -T mv would put it into the other one.
    assert pier.mount.run("mv spaces/Pier spaces/Quay").status != 0
    assert pier.texts() == ["precious"]
    assert titles(pier.sim) == ["Pier", "Quay"]


def test_mv_elsewhere_in_the_mount_is_refused(pier):
    for target in ("Pier", "direct/Pier", "people/Pier", ".sparkfs/unsent/Pier"):
        with fails(errno.EPERM, errno.EACCES):
            os.rename(pier.dir, pier.mount / target)
    with fails(errno.EPERM, errno.EACCES):
        os.rename(pier.mount / "spaces", pier.mount / "rooms")
    assert titles(pier.sim) == ["Pier"]


@pytest.mark.parametrize("status, number", [(400, errno.EINVAL), (403, errno.EACCES),
                                            (500, errno.EIO)])
def test_mv_that_the_server_refuses(pier, unsent, status, number):
    pier.sim.fault(method="PUT", route="/rooms", status=status, message="Not today.")
    with fails(number):
        os.rename(pier.dir, pier.mount.space("Quay"))
    assert pier.mount.ls("spaces") == ["Pier"]
    assert os.path.isdir(pier.dir) and not os.path.lexists(pier.mount.space("Quay"))
    assert "Not today." in unsent.last_error()


def test_a_name_is_free_again(pier):
    os.rename(pier.dir, pier.mount.space("Quay"))
    os.mkdir(pier.dir)
    assert pier.mount.ls("spaces") == ["Pier", "Quay"]
    assert titles(pier.sim) == ["Pier", "Quay"]


# rmdir.

def test_rmdir_of_an_empty_space(pier):
    pier.mount.run("rmdir spaces/Pier", check=True)
    assert titles(pier.sim) == []
    assert pier.mount.ls("spaces") == []
    assert not os.path.lexists(pier.dir)


def test_rmdir_of_a_space_with_own_messages_only(pier, unsent):
    put(pier / "post", "mine")
    with fails(errno.ENOTEMPTY):
        os.rmdir(pier.dir)
    assert "rmdir Pier: there are messages" in unsent.last_error()
    put(pier / "report.txt", "mine too")
    for name in pier.listed():
        os.unlink(pier / name)
    os.rmdir(pier.dir)
    assert titles(pier.sim) == []


def test_rmdir_of_a_space_with_somebody_in_it(pier, unsent):
    pier.mount.ls(pier / "members")
    # A moment ago, by somebody else.
    member = pier.sim.api("POST", "/memberships",
                          {"roomId": pier.id, "personEmail": BOB}).ok().json
    with fails(errno.ENOTEMPTY):
        os.rmdir(pier.dir)
    assert BOB in unsent.last_error()
    pier.sim.api("DELETE", f"/memberships/{member['id']}").ok(204)
    pier.sim.clear_log()
    # What cannot be asked is no ground to delete something on.
    fault = pier.sim.fault(method="GET", route="/memberships", status=500)
    with fails(errno.EIO):
        os.rmdir(pier.dir)
    pier.sim.clear_fault(fault)
    assert pier.sim.requests("DELETE") == []
    # That somebody is not in the list any more is no proof yet.
    wait_until(lambda: error_of(os.rmdir, pier.dir) is None)
    assert titles(pier.sim) == []


def test_rmdir_while_a_file_is_written_in_it(pier):
    with open(pier / ".notes.txt.swp", "w", encoding="utf-8"):
        with fails(errno.ENOTEMPTY):
            os.rmdir(pier.dir)
    assert titles(pier.sim) == ["Pier"]
    os.unlink(pier / ".notes.txt.swp")
    os.rmdir(pier.dir)


@pytest.mark.mount("recursive_delete")
def test_rmdir_of_anything_with_the_option(pier):
    pier.sim.api("POST", "/memberships", {"roomId": pier.id, "personEmail": BOB}).ok()
    pier.sim.post(pier.id, "hello", token="bob-token")
    pier.ls()
    os.rmdir(pier.dir)
    assert titles(pier.sim) == []


def test_rmdir_of_a_space_with_others_messages(pier):
    pier.sim.api("POST", "/memberships", {"roomId": pier.id, "personEmail": BOB}).ok()
    put(pier / "post", "mine")
    pier.ls()
    # Also one that came a moment ago.
    pier.sim.post(pier.id, "wait", token="bob-token")
    with fails(errno.ENOTEMPTY):
        os.rmdir(pier.dir)
    result = pier.mount.run("rmdir spaces/Pier")
    assert result.status != 0 and "not empty" in result.err, repr(result)
    assert pier.texts() == ["mine", "wait"]
    assert pier.sim.requests("DELETE") == []
    assert os.path.isdir(pier.dir)


@pytest.mark.mount("recent=5")
def test_rmdir_with_others_messages_that_are_not_listed(pier):
    pier.sim.api("POST", "/memberships", {"roomId": pier.id, "personEmail": BOB}).ok()
    pier.sim.post(pier.id, "long ago", token="bob-token")
    for i in range(8):
        pier.sim.post(pier.id, f"{i}")
    assert len(pier.listed()) == 5
    with fails(errno.ENOTEMPTY):
        os.rmdir(pier.dir)
    assert pier.sim.requests("DELETE") == []


@pytest.mark.parametrize("status, number", [(400, errno.EINVAL), (403, errno.EACCES),
                                            (500, errno.EIO)])
def test_rmdir_that_the_server_refuses(pier, unsent, status, number):
    pier.sim.fault(method="DELETE", route="/rooms", status=status, message="Not today.")
    with fails(number):
        os.rmdir(pier.dir)
    assert pier.mount.ls("spaces") == ["Pier"]
    assert "Not today." in unsent.last_error()


def test_rmdir_when_the_messages_cannot_be_known(pier):
    """Nothing is destroyed on a guess."""
    pier.mount.ls("spaces")
    pier.sim.fault(method="GET", route="/messages", status=500)
    with pytest.raises(OSError):
        os.rmdir(pier.dir)
    assert pier.sim.requests("DELETE") == []


def test_rmdir_of_direct_spaces_and_structure(start_sim, start_mount):
    sim = start_sim()
    mount = start_mount(sim)
    for name in mount.ls("direct"):
        with fails(errno.EPERM):
            os.rmdir(mount / "direct" / name)
        with fails(errno.EPERM):
            os.rename(mount / "direct" / name, mount / "direct" / "x")
    assert sim.requests("DELETE") == [] and sim.requests("PUT") == []


# space.json.

def details(space):
    return json.loads((space / "space.json").read_text())


def test_space_json_changes_the_title(pier):
    text = (pier / "space.json").read_text()
    put(pier / "space.json", text.replace('"Pier"', '"Quay / north"'))
    assert titles(pier.sim) == ["Quay / north"]
    assert pier.mount.ls("spaces") == ["Quay ∕ north"]
    pier.title = "Quay ∕ north"
    assert details(pier)["title"] == "Quay / north"
    assert os.stat(pier / "space.json").st_size == len((pier / "space.json").read_bytes())


def test_space_json_changes_lock_and_description(pier):
    me = pier.sim.all("/memberships", query={"roomId": pier.id})[0]
    pier.sim.api("PUT", f"/memberships/{me['id']}", {"isModerator": True}).ok()
    pier.sim.clear_log()
    pier.run("echo '{\"isLocked\": true, \"description\": \"Where the 🚢 are\"}' > space.json",
             check=True)
    room = pier.sim.api("GET", f"/rooms/{pier.id}").json
    assert room["isLocked"] is True
    assert room["description"] == "Where the 🚢 are"
    assert room["title"] == "Pier"
    assert details(pier)["isLocked"] is True
    assert details(pier)["description"] == "Where the 🚢 are"
    (request,) = pier.sim.requests("PUT", "/rooms/.*")
    assert request["status"] == 200


@pytest.mark.parametrize("how", ["ed -s space.json", "vim"])
def test_space_json_in_an_editor(pier, how):
    if how == "vim":
        result = pier.run([*VIM, "space.json"], stdin='%s/"Pier"/"Quay"/\nwq\n',
                          env={"TERM": "dumb"})
    else:
        result = pier.run(how, stdin=',s/"Pier"/"Quay"/\nw\nq\n')
    assert result.status == 0, repr(result)
    assert titles(pier.sim) == ["Quay"]
    assert len(pier.sim.requests("PUT", "/rooms/.*")) == 1


def test_space_json_that_changes_nothing(pier):
    text = (pier / "space.json").read_text()
    put(pier / "space.json", text)
    put(pier / "space.json", '{"title": "Pier"}')
    put(pier / "space.json", "{}")
    put(pier / "space.json", "")
    pier.run("touch space.json; : > space.json; cp /dev/null space.json", check=True)
    assert pier.sim.requests("PUT") == []
    assert (pier / "space.json").read_text() == text


@pytest.mark.parametrize("body, words", [
    ('{"title": ""}', "title"),
    ('{"title": 5}', "title"),
    ('{"isLocked": "yes"}', "isLocked"),
    ('{"tittle": "Quay"}', "tittle"),
    ('{"created": "2020-01-01T00:00:00.000Z"}', "created"),
    ('{"type": "direct"}', "type"),
    ('{"id": "other", "title": "Quay"}', "id"),
    ('{"title": "Quay"', "JSON"),
    ("title: Quay", "JSON"),
    ('{"title": "a", "title": "b"}', "twice"),
])
def test_space_json_that_makes_no_sense(pier, unsent, body, words):
    with fails(errno.EINVAL):
        put(pier / "space.json", body)
    assert words in unsent.last_error()
    assert titles(pier.sim) == ["Pier"]
    assert pier.sim.requests("PUT") == []
    assert details(pier)["title"] == "Pier"


def test_space_json_of_another_space(pier, unsent):
    """cp a/space.json b/ must not rename b."""
    os.mkdir(pier.mount.space("Quay"))
    with fails(errno.EINVAL):
        put(pier.mount.space("Quay") / "space.json", (pier / "space.json").read_text())
    assert titles(pier.sim) == ["Pier", "Quay"]
    assert pier.sim.requests("PUT") == []
    assert "id" in unsent.last_error()


def test_space_json_that_the_server_refuses(pier, unsent):
    pier.sim.fault(method="PUT", route="/rooms", status=403, message="Not today.")
    result = pier.run("echo '{\"title\": \"Quay\"}' | cat > space.json")
    assert result.status == 1 and "ermission denied" in result.err, repr(result)
    assert "Not today." in unsent.last_error()
    assert details(pier)["title"] == "Pier"
    assert pier.mount.ls("spaces") == ["Pier"]


# Writing to a person for the first time.

@pytest.mark.parametrize("name", ["post", "post.md", "post.json", "hello.txt"])
def test_the_first_message_to_somebody(start_sim, start_mount, name):
    sim = start_sim("--data", "empty")
    mount = start_mount(sim)
    there = mount / "direct" / BOB
    sim.clear_log()
    assert os.path.isdir(there) and not os.path.islink(there)
    data = b'{"text": "hello bob"}' if name == "post.json" else b"hello bob"
    put(there / name, data)
    (room,) = sim.rooms(type="direct")
    (message,) = sim.messages(room["id"])
    if name == "hello.txt":
        assert sim.api("GET", message["files"][0]).body == data
    else:
        assert message["text"] == "hello bob"
    assert len(sim.requests("POST", "/messages")) == 1
    # Now it is a space, and the address leads to it.
    assert mount.ls("direct") == [room["title"]]
    wait_until(lambda: os.path.islink(there))
    assert os.readlink(there) == room["title"]
    assert len([n for n in mount.ls(there) if n.startswith("20")]) == 1
    put(there / "post", "again")
    assert sim.messages(room["id"])[0]["text"] == "again"
    assert [n for n in mount.ls("direct")] == [room["title"]]


def test_two_posts_from_one_shell_to_somebody_new(start_sim, start_mount):
    sim = start_sim("--data", "empty")
    mount = start_mount(sim)
    mount.run(f"cd direct/{BOB} && echo one > post && echo two > post; echo three > post",
              check=True)
    (room,) = sim.rooms(type="direct")
    assert [m["text"] for m in sim.messages(room["id"])] == ["three", "two", "one"]


def test_somebody_who_does_not_exist(start_sim, start_mount):
    sim = start_sim("--data", "empty")
    mount = start_mount(sim)
    there = mount / "direct/nobody@example.com"
    with fails(errno.ENOENT, errno.EINVAL):
        put(there / "post", "hello?")
    assert sim.rooms() == []
    _, data, _ = Unsent(mount).one()
    assert data == b"hello?"
    assert "nobody@example.com" in Unsent(mount).last_error()
