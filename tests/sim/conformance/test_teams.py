"""Teams and team memberships: sections 5.7 and 5.8."""
import pytest

from check import DATE, unknown


@pytest.fixture
def team(sim, request):
    return sim.api("POST", "/teams", {"name": request.node.name,
                                      "description": "about"}).ok().json


def team_members(sim, team, token="alice-token"):
    return sim.all("/team/memberships", token=token, query={"teamId": team["id"]})


def test_create(sim, team, people):
    assert team["description"] == "about" and DATE.match(team["created"])
    assert sim.api("GET", f"/teams/{team['id']}").ok().json == team
    assert team in sim.all("/teams")
    mine = team_members(sim, team)
    assert len(mine) == 1 and mine[0]["isModerator"] is True
    assert mine[0]["personId"] == people["alice"]["id"] and mine[0]["teamId"] == team["id"]
    rooms = sim.rooms(teamId=team["id"])
    assert len(rooms) == 1 and rooms[0]["teamId"] == team["id"], "the General room"


def test_update_and_delete(sim, team):
    now = sim.api("PUT", f"/teams/{team['id']}", {"name": "new"}).ok().json
    assert now["name"] == "new" and now["id"] == team["id"]
    sim.api("DELETE", f"/teams/{team['id']}").ok(204)
    assert sim.api("GET", f"/teams/{team['id']}").status == 404
    assert team["id"] not in [t["id"] for t in sim.all("/teams")]


def test_errors(sim, team):
    for body in ({}, {"name": ""}, {"name": None}):
        assert sim.api("POST", "/teams", body).status == 400
        assert sim.api("PUT", f"/teams/{team['id']}", body).status == 400
    for method, body in (("GET", None), ("PUT", {"name": "x"}), ("DELETE", None)):
        assert sim.api(method, f"/teams/{team['id']}", body, token="bob-token").status == 404
        assert sim.api(method, f"/teams/{unknown('TEAM')}", body).status == 404
    assert sim.api("GET", "/teams/!!").status == 400
    assert sim.api("GET", "/team/memberships").status == 400
    assert sim.api("GET", "/team/memberships", query={"teamId": team["id"]},
                   token="bob-token").status == 404
    assert sim.api("GET", "/team/memberships",
                   query={"teamId": unknown("TEAM")}).status == 404


def test_members(sim, team, people):
    bob = people["bob"]
    made = sim.api("POST", "/team/memberships", {
        "teamId": team["id"], "personEmail": bob["emails"][0]}).ok().json
    assert made["personId"] == bob["id"] and made["isModerator"] is False
    assert made["personEmail"] == bob["emails"][0]
    assert made["personDisplayName"] == bob["displayName"]
    assert made["personOrgId"] == bob["orgId"] and DATE.match(made["created"])
    assert sim.api("GET", f"/team/memberships/{made['id']}").ok().json == made
    assert len(team_members(sim, team, "bob-token")) == 2
    assert team["id"] in [t["id"] for t in sim.all("/teams", token="bob-token")]
    assert sim.api("PUT", f"/teams/{team['id']}", {"name": "x"},
                   token="bob-token").status == 403
    assert sim.api("DELETE", f"/teams/{team['id']}", token="bob-token").status == 403
    assert sim.api("POST", "/team/memberships", {
        "teamId": team["id"], "personId": people["admin"]["id"]},
        token="bob-token").status == 403
    assert sim.api("POST", "/team/memberships", {
        "teamId": team["id"], "personId": bob["id"]}).status == 409
    now = sim.api("PUT", f"/team/memberships/{made['id']}", {"isModerator": True}).ok().json
    assert now["isModerator"] is True
    sim.api("DELETE", f"/team/memberships/{made['id']}").ok(204)
    assert sim.api("GET", f"/team/memberships/{made['id']}").status == 404
    assert team["id"] not in [t["id"] for t in sim.all("/teams", token="bob-token")]


def test_the_last_moderator_stays(sim, team):
    mine = team_members(sim, team)[0]
    assert sim.api("DELETE", f"/team/memberships/{mine['id']}").status in (400, 403)
    assert len(team_members(sim, team)) == 1


def test_member_errors(sim, team, people):
    bob = people["bob"]["id"]
    assert sim.api("POST", "/team/memberships", {"personId": bob}).status == 400
    assert sim.api("POST", "/team/memberships", {"teamId": team["id"]}).status == 400
    assert sim.api("POST", "/team/memberships", {"teamId": unknown("TEAM"),
                                                 "personId": bob}).status == 404
    assert sim.api("POST", "/team/memberships", {
        "teamId": team["id"], "personEmail": "nobody@nowhere.example"}).status == 404
    gone = unknown("TEAM_MEMBERSHIP")
    assert sim.api("GET", f"/team/memberships/{gone}").status == 404
    assert sim.api("PUT", f"/team/memberships/{gone}", {"isModerator": True}).status == 404
    assert sim.api("DELETE", f"/team/memberships/{gone}").status in (400, 404)


def test_rooms_of_a_team(sim, team, people):
    room = sim.create_room("in team", teamId=team["id"])
    assert room["teamId"] == team["id"]
    assert {r["id"] for r in sim.rooms(teamId=team["id"])} >= {room["id"]}
    sim.api("POST", "/team/memberships", {"teamId": team["id"],
                                          "personId": people["bob"]["id"]}).ok()
    listed = sim.rooms("bob-token", teamId=team["id"])
    assert room["id"] in [r["id"] for r in listed], "team members see the team's rooms"
    sim.api("POST", "/memberships", {"roomId": room["id"],
                                     "personId": people["bob"]["id"]}).ok()
    assert sim.api("POST", "/rooms", {"title": "x", "teamId": unknown("TEAM")}).status == 404
    assert sim.api("GET", "/rooms", query={"teamId": team["id"]},
                   token="admin-token").status == 404


def test_a_room_joins_a_team_once(sim, team):
    room = sim.create_room("joins")
    now = sim.api("PUT", f"/rooms/{room['id']}", {"title": "joins",
                                                  "teamId": team["id"]}).ok().json
    assert now["teamId"] == team["id"]
    other = sim.api("POST", "/teams", {"name": "other"}).ok().json
    assert sim.api("PUT", f"/rooms/{room['id']}", {"title": "joins",
                                                   "teamId": other["id"]}).status == 400


def test_demo_has_a_team_with_a_room(sim):
    assert any(sim.rooms(teamId=t["id"]) for t in sim.all("/teams"))
