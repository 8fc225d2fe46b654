"""members/: inviting, removing, moderators."""
import errno
import json
import os

import pytest

from lib.chat import SHELLS, Unsent, fails, put
from lib.chat import pier, unsent  # noqa: F401  pylint: disable=unused-import
from lib.util import wait_until

BOB = "bob@example.com"
ADMIN = "admin@example.com"
ALICE = "alice@example.com"


def on_server(space, token="alice-token"):
    return sorted(m["personEmail"] for m in
                  space.sim.all("/memberships", token=token, query={"roomId": space.id}))


def membership(space, email, token="alice-token"):
    (found,) = [m for m in space.sim.all("/memberships", token=token,
                                         query={"roomId": space.id})
                if m["personEmail"] == email]
    return found


def create(path):
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o644))


@pytest.mark.parametrize("shell", SHELLS)
def test_touch_invites(pier, shell):
    assert pier.mount.ls(pier / "members") == [ALICE]
    before = pier.listed()
    result = pier.shell(shell, f"touch members/{BOB}").ok()
    assert result.err == ""
    assert on_server(pier) == [ALICE, BOB]
    assert pier.mount.ls(pier / "members") == [ALICE, BOB]
    assert pier.run("ls members", check=True).lines() == [ALICE, BOB]
    assert json.loads((pier / "members" / BOB).read_text())["id"] == membership(pier, BOB)["id"]
    assert len(pier.sim.requests("POST", "/memberships")) == 1
    # Once more is no second invitation.
    pier.shell(shell, f"touch members/{BOB}; touch members/{ALICE}").ok()
    assert len(pier.sim.requests("POST", "/memberships")) == 1
    assert pier.listed() == before


def test_other_ways_of_inviting(pier):
    pier.run(f": > members/{BOB}", check=True)
    assert on_server(pier) == [ALICE, BOB]
    create(pier / "members" / ADMIN)
    assert on_server(pier) == [ADMIN, ALICE, BOB]


def test_several_at_once(start_sim, start_mount):
    sim = start_sim()
    room = sim.create_room("Quay")
    mount = start_mount(sim)
    people = ["bob@example.com", "carol@example.com", "dave@example.com", "erin@example.com"]
    mount.run("touch " + " ".join(f"members/{p}" for p in people), cwd=mount.space("Quay"),
              check=True)
    assert mount.ls("spaces/Quay/members") == sorted([ALICE, *people])
    assert len(sim.all("/memberships", query={"roomId": room["id"]})) == 5


@pytest.mark.parametrize("name", ["bob", "@example.com", "bob@", "a b@example.com", "bob@@x",
                                  "post", "note.txt", "a@b@c"])
def test_what_is_no_address_is_refused(pier, name):
    with fails(errno.EINVAL):
        create(pier / "members" / name)
    assert pier.sim.requests("POST") == []
    assert not os.path.lexists(pier / "members" / name)


def test_the_case_of_an_address(pier):
    create(pier / "members/Bob@Example.COM")
    assert on_server(pier) == [ALICE, BOB]
    assert pier.mount.ls(pier / "members") == [ALICE, BOB]


def test_an_address_that_nobody_has(pier, unsent):
    result = pier.run("touch members/nobody@example.com")
    assert result.status == 1 and "No such file" in result.err, repr(result)
    assert on_server(pier) == [ALICE]
    assert "nobody@example.com not found." in unsent.last_error()
    assert "ROUTERGW_" in unsent.last_error()
    assert pier.mount.ls(pier / "members") == [ALICE]


def test_somebody_who_was_invited_elsewhere_meanwhile(pier, unsent):
    assert pier.mount.ls(pier / "members") == [ALICE]
    pier.sim.api("POST", "/memberships", {"roomId": pier.id, "personEmail": BOB}).ok()
    try:
        create(pier / "members" / BOB)
    except OSError as e:
        assert e.errno == errno.EEXIST
        assert "already" in unsent.last_error()
    wait_until(lambda: pier.mount.ls(pier / "members") == [ALICE, BOB])
    create(pier / "members" / BOB)
    assert on_server(pier) == [ALICE, BOB]


def test_rm_removes(pier):
    create(pier / "members" / BOB)
    result = pier.run(f"rm members/{BOB}", check=True)
    assert result.err == ""
    assert on_server(pier) == [ALICE]
    assert not os.path.lexists(pier / "members" / BOB)
    assert pier.run("ls members", check=True).lines() == [ALICE]
    # And back.
    create(pier / "members" / BOB)
    assert on_server(pier) == [ALICE, BOB]
    assert pier.run("ls members", check=True).lines() == [ALICE, BOB]


def test_rm_by_a_pattern(pier):
    create(pier / "members" / BOB)
    create(pier / "members" / ADMIN)
    pier.run("rm members/b*", check=True)
    assert on_server(pier) == [ADMIN, ALICE]


def test_leaving(pier):
    create(pier / "members" / BOB)
    pier.run(f"rm members/{ALICE}", check=True)
    assert on_server(pier, "bob-token") == [BOB]
    assert pier.mount.ls("spaces") == []
    assert not os.path.lexists(pier.dir)
    assert pier.sim.rooms() == []


def test_the_content_is_the_membership(pier):
    mine = json.loads((pier / "members" / ALICE).read_text())
    assert mine["personEmail"] == ALICE
    assert {k: mine[k] for k in ("id", "roomId", "personId")} == \
        {k: membership(pier, ALICE)[k] for k in ("id", "roomId", "personId")}
    assert os.stat(pier / "members" / ALICE).st_size == \
        len((pier / "members" / ALICE).read_bytes())


def test_moderators(pier):
    create(pier / "members" / BOB)
    put(pier / "members" / ALICE, '{"isModerator": true}')
    assert membership(pier, ALICE)["isModerator"] is True
    assert json.loads((pier / "members" / ALICE).read_text())["isModerator"] is True
    pier.run(f"echo '{{\"isModerator\": true}}' > members/{BOB}", check=True)
    assert membership(pier, BOB)["isModerator"] is True
    # Editing what is there, as an editor does.
    pier.run(f"sed 's/\"isModerator\": true/\"isModerator\": false/' members/{BOB} > \"$T\" && "
             f"cp \"$T\" members/{BOB}", check=True,
             env={"T": str(pier.mount.path.parent / "edited")})
    assert membership(pier, BOB)["isModerator"] is False
    assert json.loads((pier / "members" / BOB).read_text())["isModerator"] is False
    assert len(pier.sim.requests("PUT", "/memberships/.*")) == 3


@pytest.mark.parametrize("is_archive", [True, False])
def test_who_makes_the_first_moderator_becomes_one(pier, is_archive):
    """webex-api.md 5.3: the answer says nothing of it, and nothing happens in the space."""
    def moderators():
        if is_archive:
            found = json.loads((archive / "members.json").read_text())
        else:
            found = [json.loads((pier / "members" / name).read_text())
                     for name in os.listdir(pier / "members")]
        return {m["personEmail"]: m["isModerator"] for m in found}
    archive = pier.mount / ".sparkfs/archive/spaces/Pier"
    create(pier / "members" / BOB)
    assert moderators() == {ALICE: False, BOB: False}
    assert json.loads((pier / "space.json").read_text())["isLocked"] is False
    pier.sim.fault(method="GET", route="/memberships", delayMs=900)
    put(pier / "members" / BOB, '{"isModerator": true}')
    asked = len(pier.sim.requests("GET", "/memberships"))
    assert moderators() == {ALICE: True, BOB: True}
    assert len(pier.sim.requests("GET", "/memberships")) == asked + 1
    assert json.loads((pier / "space.json").read_text())["isLocked"] is True
    # Nor does an unlocked space have any; who locks it is one.
    for lock in (False, True):
        put(pier / "space.json", json.dumps({"title": "Pier", "isLocked": lock}))
        assert moderators() == {ALICE: lock, BOB: False}


def test_json_that_changes_nothing_is_no_request(pier):
    text = (pier / "members" / ALICE).read_text()
    put(pier / "members" / ALICE, text)
    put(pier / "members" / ALICE, '{"isModerator": false}')
    put(pier / "members" / ALICE, "")
    pier.run(f"touch members/{ALICE}", check=True)
    assert [r for r in pier.sim.log() if r["method"] != "GET"] == []


@pytest.mark.parametrize("body, words", [
    ('{"isModerator": "yes"}', "isModerator"),
    ('{"isModerator": 1}', "isModerator"),
    ('{"personEmail": "carol@example.com"}', "personEmail"),
    ('{"isBoss": true}', "isBoss"),
    ("isModerator: true", "JSON"),
    ("[]", "JSON"),
])
def test_json_that_makes_no_sense(pier, unsent, body, words):
    with fails(errno.EINVAL):
        put(pier / "members" / ALICE, body)
    assert words in unsent.last_error()
    assert pier.sim.requests("PUT") == []


def test_json_of_another_membership(pier, unsent):
    create(pier / "members" / BOB)
    bob = (pier / "members" / BOB).read_text()
    with fails(errno.EINVAL):
        put(pier / "members" / ALICE, bob.replace("false", "true"))
    assert "id" in unsent.last_error()
    assert pier.sim.requests("PUT") == []


def test_in_a_moderated_space_only_moderators_may(start_sim, start_mount):
    sim = start_sim("--data", "empty")
    room = sim.create_room("Quay", [ALICE], token="bob-token")
    bob = [m for m in sim.all("/memberships", token="bob-token", query={"roomId": room["id"]})
           if m["personEmail"] == BOB][0]
    sim.api("PUT", f"/memberships/{bob['id']}", {"isModerator": True}, token="bob-token").ok()
    mount = start_mount(sim)
    quay = mount.space("Quay")
    with fails(errno.EACCES):
        create(quay / "members" / ADMIN)
    with fails(errno.EACCES):
        os.unlink(quay / "members" / BOB)
    with fails(errno.EACCES):
        put(quay / "members" / ALICE, '{"isModerator": true}')
    assert "ROUTERGW_" in Unsent(mount).last_error()
    assert mount.ls(quay / "members") == [ALICE, BOB]


@pytest.mark.parametrize("method, act", [
    ("POST", lambda p: create(p / "members" / BOB)),
    ("DELETE", lambda p: os.unlink(p / "members" / ALICE)),
    ("PUT", lambda p: put(p / "members" / ALICE, '{"isModerator": true}'))],
    ids=["touch", "rm", "write"])
@pytest.mark.parametrize("status, number", [(403, errno.EACCES), (400, errno.EINVAL),
                                            (500, errno.EIO)])
def test_what_the_server_refuses(pier, unsent, method, act, status, number):
    pier.mount.ls(pier / "members")
    pier.sim.fault(method=method, route="/memberships", status=status, message="Not today.")
    with fails(number):
        act(pier)
    assert "Not today." in unsent.last_error()
    assert pier.mount.ls(pier / "members") == [ALICE]
    assert pier.mount.ls("spaces") == ["Pier"]


def test_nothing_else_can_be_made_there(pier):
    with fails(errno.EPERM):
        os.mkdir(pier / "members" / "x@example.com")
    with fails(errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS):
        os.symlink("x", pier / "members" / "x@example.com")
    with fails(errno.EPERM):
        os.rmdir(pier / "members")


@pytest.mark.mount("timeout=150", hurry=5)
def test_remote_changes_are_seen_when_members_is_opened(pier):
    assert pier.mount.ls(pier / "members") == [ALICE]
    pier.sim.api("POST", "/memberships", {"roomId": pier.id, "personEmail": BOB}).ok()
    wait_until(lambda: pier.mount.ls(pier / "members") == [ALICE, BOB])
    pier.sim.api("DELETE", f"/memberships/{membership(pier, BOB)['id']}").ok(204)
    wait_until(lambda: pier.mount.ls(pier / "members") == [ALICE])
