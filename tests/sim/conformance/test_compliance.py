"""Events, audits and room tabs: sections 5.10, 5.11, 5.15."""
import base64
import uuid

import pytest

from check import DATE, error, unknown, uuid_of
from test_errors import REFUSED

TAB = {"contentUrl": "https://tides.example.org/", "displayName": "Tide tables"}


@pytest.fixture(scope="module")
def officer(sim):
    """The token of an officer of compliance."""
    sim.control("POST", "/people", {"email": "officer@example.com", "name": "Olga Wren",
                                    "token": "officer-token", "officer": True})
    return "officer-token"


def test_room_tabs(sim, room, people):
    body = {"roomId": room["id"], **TAB}
    made = sim.api("POST", "/room/tabs", body).ok().json
    assert set(made) == {"id", "roomId", "roomType", "displayName", "contentUrl", "creatorId",
                         "created"}
    uuid_of(made["id"], "TABS", 1)
    assert made["creatorId"] == people["alice"]["id"] and DATE.match(made["created"])
    assert sim.all("/room/tabs", query={"roomId": room["id"]}) == [made]
    assert sim.api("GET", f"/room/tabs/{made['id']}").ok().json == made
    now = sim.api("PUT", f"/room/tabs/{made['id']}", {**body, "displayName": "Tides"}).ok().json
    assert now == {**made, "displayName": "Tides"}
    for wrong in ({**body, "contentUrl": "http://tides.example.org/"}, {**body, "roomId": None},
                  {**body, "displayName": ""}, {"roomId": room["id"]}):
        error(sim.api("POST", "/room/tabs", wrong), 400)
        error(sim.api("PUT", f"/room/tabs/{made['id']}", wrong), 400)
    error(sim.api("GET", "/room/tabs"), 400)
    for path in ("/room/tabs?roomId=" + room["id"], f"/room/tabs/{made['id']}"):
        error(sim.api("GET", path, token="bob-token"), 404)
    error(sim.api("GET", "/room/tabs/" + unknown("TABS")), 404)
    assert sim.api("DELETE", f"/room/tabs/{made['id']}").ok(204).body == b""
    error(sim.api("DELETE", f"/room/tabs/{made['id']}"), 404)


def test_tabs_go_with_their_room(sim, room):
    made = sim.api("POST", "/room/tabs", {"roomId": room["id"], **TAB}).ok().json
    sim.api("DELETE", f"/rooms/{room['id']}").ok(204)
    error(sim.api("GET", f"/room/tabs/{made['id']}"), 404)


def test_events_are_for_officers(sim, officer, room):
    for token in ("alice-token", "admin-token", "bot-token"):
        error(sim.api("GET", "/events", token=token), 403, REFUSED)
    made = sim.post(room["id"], "See the draft")
    sim.api("PUT", f"/messages/{made['id']}", {"roomId": room["id"], "text": "Seen"}).ok()
    sim.api("DELETE", f"/messages/{made['id']}").ok(204)
    sim.api("POST", "/room/tabs", {"roomId": room["id"], **TAB}).ok()
    items = sim.api("GET", "/events", token=officer, query={"max": 4}).ok().items
    assert [(i["resource"], i["type"]) for i in items] == [
        ("tabs", "created"), ("messages", "deleted"), ("messages", "updated"),
        ("messages", "created")]
    first = items[-1]
    assert set(first) == {"id", "resource", "type", "actorId", "orgId", "appId", "created", "data"}
    assert first["data"] == made and first["actorId"] == made["personId"]
    uuid_of(first["id"], "EVENT")
    assert sim.api("GET", f"/events/{first['id']}", token=officer).ok().json == first
    error(sim.api("GET", "/events/" + unknown("EVENT"), token=officer), 404)


def test_officers_delete_what_others_wrote(sim, officer, room):
    made = sim.post(room["id"], "Confidential")
    path = f"/messages/{made['id']}"
    assert sim.api("GET", path, token=officer).ok().json["text"] == "Confidential"
    # Nobody edits what others wrote; the officer is in no space of theirs.
    error(sim.api("PUT", path, {"roomId": room["id"], "text": "x"}, token=officer), 404)
    error(sim.api("DELETE", path, token="bob-token"), 404)
    sim.api("DELETE", path, token=officer).ok(204)
    error(sim.api("GET", path), 404)


def test_events_by_filter(sim, officer, shared, people):
    sim.post(shared["id"], "a")
    sim.post(shared["id"], "b", token="bob-token")
    bob = people["bob"]["id"]

    def events(**query):
        return sim.all("/events", token=officer, query=query)

    assert {i["actorId"] for i in events(actorId=bob)} == {bob}
    assert {i["resource"] for i in events(resource="memberships")} == {"memberships"}
    newest, *rest = events(resource="messages", type="created", max=1)
    assert newest["data"]["text"] == "b" and rest[0]["data"]["text"] == "a"
    assert events(to=newest["created"], **{"from": newest["created"]})[0] == newest
    assert events(to="2001-01-01T00:00:00.000Z") == []
    error(sim.api("GET", "/events", token=officer, query={"to": "2999-01-01T00:00:00Z"}), 400)
    error(sim.api("GET", "/events", token=officer, query={"from": "yesterday"}), 400)


def test_audits(sim, people):
    before = sim.control("GET", "/clock")["now"]
    person = sim.api("POST", "/people", {"emails": ["new@example.com"], "displayName": "New"},
                     token="admin-token").ok().json
    sim.api("DELETE", f"/people/{person['id']}", token="admin-token").ok(204)
    span = {"orgId": people["admin"]["orgId"], "from": before,
            "to": sim.control("GET", "/clock")["now"]}
    items = sim.all("/adminAudit/events", token="admin-token", query=span)
    deleted = next(i for i in items if i["data"]["eventDescription"] == "deleted a user")
    assert set(deleted) == {"id", "actorId", "actorOrgId", "created", "data"}
    uuid.UUID(base64.b64decode(deleted["actorId"]).decode())
    assert deleted["data"]["targetName"] == "New" and deleted["data"]["eventCategory"] == "USERS"
    assert deleted["data"]["actorName"] == people["admin"]["displayName"]
    assert sim.all("/adminAudit/events", token="admin-token",
                   query={**span, "eventCategories": "DEVICES"}) == []
    assert "USERS" in sim.api("GET", "/adminAudit/eventCategories",
                              token="admin-token").ok().json["eventCategories"]
    error(sim.api("GET", "/adminAudit/events", query=span), 403)
    error(sim.api("GET", "/adminAudit/events", token="admin-token"), 400)
    error(sim.api("GET", "/adminAudit/events", token="admin-token",
                  query={**span, "from": "2001-01-01T00:00:00Z"}), 400)
    security = {"orgId": span["orgId"], "startTime": span["from"], "endTime": span["to"]}
    assert sim.all("/admin/securityAudit/events", token="admin-token", query=security) == []
