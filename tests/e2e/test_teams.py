"""teams/: what is there, what it costs, making and changing them; webex-api.md 5.7, 5.8."""
import errno
import json
import os

import pytest

from lib.chat import Unsent, fails, put
from lib.util import wait_until

ALICE, BOB, ADMIN = "alice@example.com", "bob@example.com", "admin@example.com"

pytestmark = [pytest.mark.sim("--data", "empty")]


def make_team(sim, name, members=(), token="alice-token", **more):
    """A team at the server, made by whom the token is of."""
    team = sim.api("POST", "/teams", {"name": name, **more}, token=token).ok().json
    for email in members:
        sim.api("POST", "/team/memberships", {"teamId": team["id"], "personEmail": email},
                token=token).ok()
    return team


def members_of(sim, team, token="alice-token"):
    return {m["personEmail"]: m for m in
            sim.all("/team/memberships", token=token, query={"teamId": team["id"]})}


def teams_of(sim, token="alice-token"):
    return sorted(t["name"] for t in sim.all("/teams", token=token))


def touch(path):
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o644))


def counted(sim):
    """The requests since the last call, as a text each."""
    found = [f"{r['method']} {r['path'][3:]}" for r in sim.log()
             if not r["path"].startswith("/v1/people/")]
    sim.clear_log()
    return found


@pytest.fixture
def crew(sim):
    """A team of alice's with bob in it and two spaces, and one of bob's."""
    team = make_team(sim, "Port crew", [BOB], description="Everyone on the quay")
    sim.create_room("Night shift", teamId=team["id"])
    make_team(sim, "Divers", [ALICE], token="bob-token")
    return team


def test_what_is_there_and_what_it_costs(sim, crew, mount):
    mount.ls("spaces")
    counted(sim)
    assert mount.ls("teams") == ["Divers", "Port crew"]
    assert counted(sim) == ["GET /teams"]
    port = mount / "teams/Port crew"
    assert mount.ls(port) == ["members", "spaces", "team.json"]
    found = json.loads((port / "team.json").read_text())
    assert list(found) == ["id", "name", "description", "creatorId", "created"]
    assert found == crew
    assert os.stat(port / "team.json").st_size == len((port / "team.json").read_bytes())
    assert counted(sim) == []
    assert mount.ls(port / "members") == [ALICE, BOB]
    assert counted(sim) == ["GET /team/memberships"]
    alice = json.loads((port / "members" / ALICE).read_text())
    assert alice == members_of(sim, crew)[ALICE]
    counted(sim)
    # Its General space is called as the team is. No request is made for one of them.
    assert mount.ls(port / "spaces") == ["Night shift", "Port crew"]
    assert os.readlink(port / "spaces/Night shift") == "../../../spaces/Night shift"
    assert (port / "spaces/Night shift/space.json").samefile(
        mount.space("Night shift") / "space.json")
    assert os.lstat(port / "spaces/Night shift").st_size == len("../../../spaces/Night shift")
    assert not (port / "spaces/Divers").exists() and not (port / "spaces/Nothing").exists()
    asked = counted(sim)
    assert not [r for r in asked if r != "GET /rooms"] and len(asked) <= 2, asked
    # Programs that walk: one list of the members of each team, and then nothing more.
    for command in ("find teams", "grep -r isModerator teams", "ls -lR teams"):
        mount.run(command, check=True)
    asked = counted(sim)
    assert sorted(set(asked)) in (["GET /team/memberships"], ["GET /rooms",
                                                             "GET /team/memberships"]), asked
    assert len(asked) <= 3, asked
    for command in ("find teams", "grep -r isModerator teams", "ls -lR teams"):
        mount.run(command, check=True)
    assert counted(sim) == []
    # Links are not followed, so nothing of a space is met twice.
    assert mount.run("find teams -name post", check=True).lines() == []


def test_a_copy(sim, crew, mount, tmp_path):
    mount.run(f"rsync -a teams/ {tmp_path}/saved/", check=True)
    saved = tmp_path / "saved/Port crew"
    assert json.loads((saved / "team.json").read_text())["id"] == crew["id"]
    assert sorted(os.listdir(saved / "members")) == [ALICE, BOB]
    assert os.readlink(saved / "spaces/Port crew") == "../../../spaces/Port crew"
    counted(sim)
    assert mount.run(f"rsync -ai teams/ {tmp_path}/saved/", check=True).lines() == []
    asked = counted(sim)
    assert len(asked) <= 3, asked


@pytest.mark.mount("timeout=150", hurry=5)
def test_names(sim, mount):
    names = [" ", "a/b", "line\nfeed", ".hidden", "-rf", "Twins", "Twins", "TWINS", "Größe",
             "Gro\u0308ße", "日本語", "x" * 300]
    made = [make_team(sim, name) for name in names]
    shown = mount.ls("teams")
    assert len(shown) == len(names)
    assert {"a\u2215b", "line\ufffdfeed", "_.hidden", "_-rf", "Twins", "日本語"} <= set(shown)
    assert len([n for n in shown if n.lower().startswith("twins")]) == 3
    assert len([n for n in shown if " ~" in n]) == 3, shown
    ids = {}
    for name in shown:
        ids[name] = json.loads((mount / "teams" / name / "team.json").read_text())["id"]
    assert sorted(ids.values()) == sorted(t["id"] for t in made)
    # A name stays until the team gets another, also when the plain one becomes free.
    plain = next(t for t in made if t["id"] == ids["Twins"])
    other = next(n for n in shown if n.startswith("Twins ~"))
    sim.api("PUT", f"/teams/{plain['id']}", {"name": "Alone"}).ok()
    wait_until(lambda: "Alone" in mount.ls("teams"), 60)
    assert json.loads((mount / "teams/Alone/team.json").read_text())["id"] == plain["id"]
    assert json.loads((mount / "teams" / other / "team.json").read_text())["id"] == ids[other]
    assert "Twins" not in mount.ls("teams")


def test_making_changing_and_deleting(sim, mount):
    unsent = Unsent(mount)
    assert mount.ls("teams") == []
    mount.run("mkdir teams/Crew && cd teams/Crew && ls members", check=True)
    crew = mount / "teams/Crew"
    (team,) = sim.all("/teams")
    assert team["name"] == "Crew" and mount.ls("teams") == ["Crew"]
    assert mount.ls(crew / "spaces") == ["Crew"]
    with fails(errno.EEXIST):
        os.mkdir(crew)
    # A space of the team: it is in both places, and one can go on in it.
    mount.run("mkdir 'teams/Crew/spaces/Boat shed' && cd 'teams/Crew/spaces/Boat shed' && "
              "echo hi > post", check=True)
    shed = sim.room("Boat shed")
    assert shed["teamId"] == team["id"]
    assert mount.ls(crew / "spaces") == ["Boat shed", "Crew"]
    assert mount.ls("spaces") == ["Boat shed", "Crew"]
    assert [m["text"] for m in sim.messages(shed["id"])] == ["hi"]
    with fails(errno.EEXIST):
        os.mkdir(crew / "spaces/Boat shed")
    # Members.
    mount.run(f"touch teams/Crew/members/{BOB}", check=True)
    assert sorted(members_of(sim, team)) == [ALICE, BOB]
    assert mount.ls(crew / "members") == [ALICE, BOB]
    put(crew / "members" / BOB, '{"isModerator": true}')
    assert members_of(sim, team)[BOB]["isModerator"] is True
    assert json.loads((crew / "members" / BOB).read_text())["isModerator"] is True
    put(crew / "members" / BOB, '{"isModerator": false}')
    assert len(sim.requests("PUT", "/team/memberships/.*")) == 2
    with fails(errno.EINVAL):
        put(crew / "members" / BOB, '{"isRoomHidden": true}')
    with fails(errno.EINVAL):
        put(crew / "members" / ALICE, (crew / "members" / BOB).read_text())
    with fails(errno.EINVAL):
        touch(crew / "members/nobody")
    with fails(errno.ENOENT):
        touch(crew / "members/nobody@example.com")
    assert "nobody@example.com not found." in unsent.last_error()
    # The last moderator stays.
    with fails(errno.EINVAL):
        os.unlink(crew / "members" / ALICE)
    assert "last moderator" in unsent.last_error()
    with fails(errno.EINVAL):
        put(crew / "members" / ALICE, '{"isModerator": false}')
    assert "last moderator" in unsent.last_error()
    # rmdir takes nothing of anybody else with it.
    with fails(errno.ENOTEMPTY):
        os.rmdir(crew)
    assert "Boat shed" in unsent.last_error()
    os.unlink(next(p for p in (mount.space("Boat shed")).iterdir() if p.suffix == ".txt"))
    os.rmdir(mount.space("Boat shed"))
    with fails(errno.ENOTEMPTY):
        os.rmdir(crew)
    assert BOB in unsent.last_error()
    # Who has just read it may be moving it (test_moves).
    mount.run(f"rm teams/Crew/members/{BOB}", check=True)
    assert sorted(members_of(sim, team)) == [ALICE]
    put(mount.space("Crew") / "post", "a word")
    with fails(errno.ENOTEMPTY):
        os.rmdir(crew)
    assert "messages" in unsent.last_error()
    os.unlink(next(p for p in (mount.space("Crew")).iterdir() if p.suffix == ".txt"))
    # What it is called, and what is said of it.
    os.rename(crew, mount / "teams/Old hands")
    assert teams_of(sim) == ["Old hands"] and mount.ls("teams") == ["Old hands"]
    hands = mount / "teams/Old hands"
    put(hands / "team.json", json.dumps({"name": "Old/hands", "description": "of the quay"}))
    (team,) = sim.all("/teams")
    assert (team["name"], team["description"]) == ("Old/hands", "of the quay")
    assert mount.ls("teams") == ["Old\u2215hands"]
    hands = mount / "teams/Old\u2215hands"
    assert json.loads((hands / "team.json").read_text())["description"] == "of the quay"
    wait_until(lambda: mount.ls(hands / "spaces") == ["Old\u2215hands"])
    n = len(sim.requests("PUT", "/teams/.*"))
    put(hands / "team.json", (hands / "team.json").read_text())
    for body in ('{"title": "x"}', '{"id": "x"}', "[]", '{"name": ""}', '{"name": 1}'):
        with fails(errno.EINVAL):
            put(hands / "team.json", body)
        assert "team.json" in unsent.last_error()
    assert len(sim.requests("PUT", "/teams/.*")) == n
    os.rmdir(hands)
    assert teams_of(sim) == [] and mount.ls("teams") == []
    wait_until(lambda: mount.ls("spaces") == [])
    assert len(sim.requests("DELETE", "/teams/.*")) == 1


def test_what_is_refused(sim, crew, mount):
    unsent = Unsent(mount)

    def refused(command, *words):
        before = [r for r in sim.log() if r["method"] != "GET"]
        result = mount.run(command)
        assert result.status, command
        for word in words:
            assert word in unsent.last_error(), (command, unsent.last_error())
        assert [r for r in sim.log() if r["method"] != "GET"] == before, command

    refused("rm -r 'teams/Port crew'")
    refused("rm -rf 'teams/Port crew/members'", "rm what you choose by name")
    refused("find teams -delete")
    refused("mv -T 'teams/Port crew' teams/Divers", "not joined")
    refused("mv 'teams/Port crew' spaces/", "mv teams/OLD teams/NEW")
    refused("mv 'spaces/Night shift' teams/Divers/spaces/", "mv spaces/OLD spaces/NEW")
    refused("mv 'teams/Port crew/spaces/Night shift' 'teams/Port crew/spaces/x'",
            "stays in its team")
    refused("rm 'teams/Port crew/spaces/Night shift'", "stays in its team")
    refused("rm 'teams/Port crew/team.json'", "cannot be removed")
    refused("rmdir 'teams/Port crew/spaces'", "cannot be removed")
    refused("mkdir 'teams/Port crew/new'", "teams/TEAM/spaces/NAME")
    refused("mkdir 'teams/Port crew/members/new'", "members/ADDRESS")
    refused("mkdir 'teams/Divers/spaces/Night shift'", "take another title")
    refused("mkdir teams/.x teams/-- -x")
    refused("touch teams/x 'teams/Port crew/x' 'teams/Port crew/spaces/x'")
    refused("/usr/bin/python3 -c 'import shutil; shutil.rmtree(\"teams/Port crew\")'")
    refused("rmdir 'teams/Port crew'", "spaces/Night shift: remove them first")
    # Of a team of which one is no moderator.
    refused("echo '{\"name\": \"x\"}' > teams/Divers/team.json", "moderator")
    for command in ("mv teams/Divers teams/Swimmers", f"touch teams/Divers/members/{ADMIN}",
                    f"rm teams/Divers/members/{BOB}",
                    f"echo '{{\"isModerator\": true}}' | tee teams/Divers/members/{ALICE}"):
        result = mount.run(command)
        assert result.status and "denied" in result.err, (command, result)
    assert teams_of(sim) == ["Divers", "Port crew"]
    assert mount.ls("teams") == ["Divers", "Port crew"]
    assert sorted(members_of(sim, crew)) == [ALICE, BOB]
    # But one can leave it.
    os.unlink(mount / "teams/Divers/members" / ALICE)
    assert teams_of(sim) == ["Port crew"] and mount.ls("teams") == ["Port crew"]
    wait_until(lambda: "Divers" not in mount.ls("spaces"))


def test_spaces_of_a_team_that_one_is_not_in(sim, mount):
    """They are known to the server alone, and go with the team: so it is asked before."""
    mount.run("mkdir teams/Crew", check=True)
    (team,) = sim.all("/teams")
    secret = sim.create_room("Secret", teamId=team["id"])
    mine = next(m for m in sim.all("/memberships", query={"roomId": secret["id"]})
                if m["personEmail"] == ALICE)
    sim.api("POST", "/memberships", {"roomId": secret["id"], "personEmail": BOB}).ok()
    sim.api("DELETE", "/memberships/" + mine["id"]).ok(204)
    assert mount.ls("teams/Crew/spaces") == ["Crew"]
    with fails(errno.ENOTEMPTY):
        os.rmdir(mount / "teams/Crew")
    assert "Secret" in Unsent(mount).last_error()
    assert teams_of(sim) == ["Crew"] and mount.ls("teams") == ["Crew"]


@pytest.mark.mount("timeout=150", hurry=5)
def test_one_answer_makes_nothing_go(sim, crew, mount):
    assert mount.ls("teams") == ["Divers", "Port crew"]
    assert mount.ls("teams/Port crew/members") == [ALICE, BOB]
    for fault in (dict(pagination="short"), dict(status=404)):
        sim.fault(method="GET", route="/teams", times=1, **fault)
        sim.fault(method="GET", route="/team/memberships", times=1, **fault)
        asked = len(sim.requests("GET", "/team.*"))
        wait_until(lambda: mount.ls("teams") and mount.ls("teams/Port crew/members") and
                   len(sim.requests("GET", "/team.*")) > asked + 1, 60)
        assert mount.ls("teams") == ["Divers", "Port crew"]
        assert mount.ls("teams/Port crew/members") == [ALICE, BOB]
        sim.clear_faults()
    # What is proven to be gone goes.
    (divers,) = [t for t in sim.all("/teams") if t["name"] == "Divers"]
    sim.api("DELETE", "/teams/" + divers["id"], token="bob-token").ok(204)
    sim.api("DELETE", "/team/memberships/" + members_of(sim, crew)[BOB]["id"]).ok(204)
    wait_until(lambda: mount.ls("teams") == ["Port crew"], 60)
    wait_until(lambda: mount.ls("teams/Port crew/members") == [ALICE], 60)


def test_read_only_offline_and_again(sim, crew, start_mount):
    mount = start_mount(sim, "ro")
    with fails(errno.EROFS):
        os.mkdir(mount / "teams/x")
    with fails(errno.EROFS):
        touch(mount / "teams/Port crew/members" / ADMIN)
    with fails(errno.EROFS):
        os.rename(mount / "teams/Port crew", mount / "teams/x")
    with fails(errno.EROFS):
        put(mount / "teams/Port crew/team.json", "{}")
    before = {p: os.stat(mount / p).st_ino for p in
              ("teams/Port crew", f"teams/Port crew/members/{BOB}", "teams/Port crew/team.json")}
    mount.ls("teams/Divers/spaces")
    mount.unmount()
    # A later mount knows them, and shows the same node numbers, also without a network.
    sim.kill()
    later = start_mount(sim, state=mount.state)
    assert later.ls("teams") == ["Divers", "Port crew"]
    assert later.ls("teams/Port crew/members") == [ALICE, BOB]
    assert later.ls("teams/Port crew/spaces") == ["Night shift", "Port crew"]
    assert {p: os.stat(later / p).st_ino for p in before} == before
    with fails(errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ECONNREFUSED):
        os.mkdir(later / "teams/x")


def test_a_bot(sim, start_mount):
    """It is shown its teams as anybody is; but what a team's space has is not shown to it."""
    make_team(sim, "Robots", ["simbot@webex.bot"])
    mount = start_mount(sim, token="bot-token")
    assert mount.ls("teams") == ["Robots"]
    assert mount.ls("teams/Robots/members") == [ALICE, "simbot@webex.bot"]
    os.mkdir(mount / "teams/Bots")
    with fails(errno.ENOTEMPTY):
        os.rmdir(mount / "teams/Bots")
    assert teams_of(sim, "bot-token") == ["Bots", "Robots"]
    mount.unmount()
    # A token without the scope for teams: a listing fails, and nothing else does.
    sim.fault(method="GET", route="/teams", status=403)
    mount = start_mount(sim, token="bot-token")
    with fails(errno.EACCES):
        mount.ls("teams")
    assert mount.ls("spaces") == ["Bots", "Robots"]


@pytest.mark.mount("poll=1")
def test_events(sim, crew, mount):
    def told():
        with open(mount / "events@0", encoding="utf-8") as f:
            os.set_blocking(f.fileno(), False)
            try:
                return [line.split(" ", 2)[2].strip() for line in os.read(f.fileno(), 1 << 20)
                        .decode().splitlines()]
            except BlockingIOError:
                return []
    assert mount.ls("teams") == ["Divers", "Port crew"]
    os.mkdir(mount / "teams/Mine")
    wait_until(lambda: "team-added teams/Mine" in told())
    os.rename(mount / "teams/Mine", mount / "teams/Ours")
    wait_until(lambda: "team-changed teams/Ours" in told())
    touch(mount / "teams/Ours/members" / BOB)
    wait_until(lambda: f"member-added teams/Ours/members/{BOB}" in told())
    # Who comes into a team comes into its General space, which the poll tells.
    make_team(sim, "New crew", [ALICE], token="bob-token")
    wait_until(lambda: "team-added teams/New crew" in told(), 30)
    assert "New crew" in mount.ls("teams")
    os.unlink(mount / "teams/Divers/members" / ALICE)
    wait_until(lambda: "team-removed teams/Divers" in told())
