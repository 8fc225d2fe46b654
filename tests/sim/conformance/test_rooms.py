"""Rooms and memberships: sections 5.2, 5.3, 7.6."""
from check import DATE, error, unknown

NO_RESOURCE = "The requested resource could not be found."


def members(sim, room, token="alice-token", **query):
    return sim.all("/memberships", token=token, query={"roomId": room["id"], **query})


def test_create(sim, people):
    room = sim.api("POST", "/rooms", {"title": "Ödland / 🎉"}).ok().json
    assert room["title"] == "Ödland / 🎉" and room["type"] == "group"
    assert room["creatorId"] == people["alice"]["id"]
    assert room["ownerId"] == people["alice"]["orgId"]
    assert DATE.match(room["created"]) and DATE.match(room["lastActivity"])
    assert not room.get("isLocked")
    assert sim.api("GET", f"/rooms/{room['id']}").ok().json == room
    assert room in sim.rooms()
    got = members(sim, room)
    assert len(got) == 1 and got[0]["personId"] == people["alice"]["id"]
    assert not got[0]["isModerator"]


def test_equal_titles_are_legal(sim):
    one, two = sim.create_room("twins"), sim.create_room("twins")
    assert one["id"] != two["id"]


def test_odd_titles(sim):
    for title in (".", "..", ".hidden", " blank ", "a\nb", "x" * 300, "-rf", "CON"):
        assert sim.create_room(title)["title"] == title


def test_update(sim, room):
    now = sim.api("PUT", f"/rooms/{room['id']}", {"title": "renamed"}).ok().json
    assert now["title"] == "renamed" and now["id"] == room["id"]
    assert now["created"] == room["created"]
    now = sim.api("PUT", f"/rooms/{room['id']}", {"title": "renamed",
                                                  "description": "about"}).ok().json
    assert now["description"] == "about"
    now = sim.api("PUT", f"/rooms/{room['id']}", {"title": "renamed",
                                                  "description": " "}).ok().json
    assert not now.get("description")
    now = sim.api("PUT", f"/rooms/{room['id']}", {"title": "renamed",
                                                  "isLocked": True}).ok().json
    assert now["isLocked"] is True
    assert members(sim, room)[0]["isModerator"] is True
    now = sim.api("PUT", f"/rooms/{room['id']}", {"title": "renamed",
                                                  "isLocked": False}).ok().json
    assert not now.get("isLocked")


def test_locked_rooms_are_the_moderators(sim, people):
    room = sim.create_room("locked", isLocked=True)
    assert room["isLocked"] is True and members(sim, room)[0]["isModerator"] is True
    bob = sim.api("POST", "/memberships", {"roomId": room["id"],
                                           "personId": people["bob"]["id"]}).ok().json
    assert sim.api("PUT", f"/rooms/{room['id']}", {"title": "x"},
                   token="bob-token").status == 403
    assert sim.api("POST", "/memberships", {
        "roomId": room["id"], "personId": people["admin"]["id"]},
        token="bob-token").status == 403
    alice = [m for m in members(sim, room) if m["personId"] == people["alice"]["id"]][0]
    assert sim.api("DELETE", f"/memberships/{alice['id']}", token="bob-token").status == 403
    assert sim.api("PUT", f"/memberships/{bob['id']}", {"isModerator": True},
                   token="bob-token").status == 403
    now = sim.api("PUT", f"/memberships/{bob['id']}", {"isModerator": True}).ok().json
    assert now["isModerator"] is True
    sim.api("PUT", f"/rooms/{room['id']}", {"title": "bob's"}, token="bob-token").ok()


def test_announcement_only_needs_a_lock(sim):
    assert sim.api("POST", "/rooms", {"title": "x",
                                      "isAnnouncementOnly": True}).status == 400
    room = sim.create_room("x", isLocked=True, isAnnouncementOnly=True)
    assert room["isAnnouncementOnly"] is True


def test_public_rooms_need_a_description(sim):
    assert sim.api("POST", "/rooms", {"title": "x", "isPublic": True}).status == 400
    room = sim.create_room("public", isPublic=True, description="for all")
    assert room["isPublic"] is True and DATE.match(room["madePublic"])
    found = sim.all("/rooms", token="bob-token", query={"orgPublicSpaces": "true"})
    assert room["id"] in [r["id"] for r in found]
    assert sim.api("GET", "/rooms", query={"orgPublicSpaces": "true",
                                           "type": "group"}).status == 400


def test_delete(sim, room):
    made = sim.post(room["id"], "x")
    answer = sim.api("DELETE", f"/rooms/{room['id']}").ok(204)
    assert answer.body == b""
    error(sim.api("GET", f"/rooms/{room['id']}"), 404, NO_RESOURCE)
    assert sim.api("GET", f"/messages/{made['id']}").status == 404
    assert room["id"] not in [r["id"] for r in sim.rooms()]


def test_delete_of_a_direct_room(sim, people):
    made = sim.api("POST", "/messages", {"toPersonId": people["bob"]["id"],
                                         "text": "x"}).ok().json
    error(sim.api("DELETE", f"/rooms/{made['roomId']}"), 400, "Failed to delete room.")


def test_delete_by_a_non_moderator(sim, people):
    room = sim.create_room("moderated", isLocked=True)
    sim.api("POST", "/memberships", {"roomId": room["id"],
                                     "personId": people["bob"]["id"]}).ok()
    answer = sim.api("DELETE", f"/rooms/{room['id']}", token="bob-token")
    if answer.status != 204:
        error(answer, 400, "Failed to delete moderated room.")
    sim.api("GET", f"/rooms/{room['id']}").ok()


def test_non_members_see_nothing(sim, room):
    made = sim.post(room["id"], "secret")
    member = members(sim, room)[0]
    missing = "Could not find a room with provided ID."
    for token in ("bob-token", "admin-token", "bot-token"):
        error(sim.api("GET", f"/rooms/{room['id']}", token=token), 404, NO_RESOURCE)
        error(sim.api("PUT", f"/rooms/{room['id']}", {"title": "x"}, token=token), 404,
              missing)
        error(sim.api("DELETE", f"/rooms/{room['id']}", token=token), 404, NO_RESOURCE)
        error(sim.api("GET", "/messages", query={"roomId": room["id"],
                                                 "mentionedPeople": "me"}, token=token),
              404, missing)
        error(sim.api("POST", "/messages", {"roomId": room["id"], "text": "x"}, token=token),
              404, missing)
        assert sim.api("GET", f"/messages/{made['id']}", token=token).status == 404
        assert sim.api("GET", f"/memberships?roomId={room['id']}", token=token).status == 404
        error(sim.api("GET", f"/memberships/{member['id']}", token=token), 404,
              "Failed to get membership")
        assert sim.api("PUT", f"/memberships/{member['id']}", {"isModerator": True},
                       token=token).status == 404
        assert sim.api("DELETE", f"/memberships/{member['id']}",
                       token=token).status in (400, 404)
        assert room["id"] not in [r["id"] for r in sim.rooms(token)]
        assert sim.api("PUT", f"/messages/{made['id']}",
                       {"roomId": room["id"], "text": "x"}, token=token).status == 404


def test_meeting_info(sim, room):
    answer = sim.api("GET", f"/rooms/{room['id']}/meetingInfo")
    assert 400 <= answer.status < 500 or answer.json["roomId"] == room["id"]


# Memberships.

def test_invite_and_remove(sim, room, people):
    bob = people["bob"]
    made = sim.api("POST", "/memberships", {"roomId": room["id"],
                                            "personEmail": bob["emails"][0]}).ok().json
    assert made["personId"] == bob["id"] and made["roomId"] == room["id"]
    assert made["personEmail"] == bob["emails"][0]
    assert made["personDisplayName"] == bob["displayName"]
    assert made["personOrgId"] == bob["orgId"] and made["roomType"] == "group"
    assert made["isModerator"] is False and DATE.match(made["created"])
    assert sim.api("GET", f"/memberships/{made['id']}").ok().json == made
    for query in ({"personEmail": bob["emails"][0]}, {"personId": bob["id"]}):
        assert members(sim, room, **query) == [made]
    assert room["id"] in [r["id"] for r in sim.rooms("bob-token")]
    sim.api("DELETE", f"/memberships/{made['id']}").ok(204)
    error(sim.api("GET", f"/memberships/{made['id']}"), 404, "Failed to get membership")
    assert room["id"] not in [r["id"] for r in sim.rooms("bob-token")]


def test_email_case_does_not_matter(sim, room, people):
    email = people["bob"]["emails"][0].upper()
    made = sim.api("POST", "/memberships", {"roomId": room["id"],
                                            "personEmail": email}).ok().json
    assert made["personId"] == people["bob"]["id"]


def test_isModerator_makes_the_caller_one_too(sim, room, people):
    sim.api("POST", "/memberships", {"roomId": room["id"], "isModerator": True,
                                     "personId": people["bob"]["id"]}).ok()
    assert all(m["isModerator"] for m in members(sim, room))


def test_leave(sim, shared, people):
    mine = members(sim, shared, "bob-token", personId=people["bob"]["id"])[0]
    sim.api("DELETE", f"/memberships/{mine['id']}", token="bob-token").ok(204)
    assert shared["id"] not in [r["id"] for r in sim.rooms("bob-token")]
    assert people["bob"]["id"] not in [m["personId"] for m in members(sim, shared)]


def test_own_memberships_are_one_per_room(sim):
    for token in ("alice-token", "bob-token"):
        mine = sim.all("/memberships", token=token)
        assert {m["personId"] for m in mine} == {sim.me(token)["id"]}
        assert {m["roomId"] for m in mine} == {r["id"] for r in sim.rooms(token)}
        types = {r["id"]: r["type"] for r in sim.rooms(token)}
        assert all(m["roomType"] == types[m["roomId"]] for m in mine)


def test_direct_memberships(sim, people):
    made = sim.api("POST", "/messages", {"toPersonId": people["bob"]["id"],
                                         "text": "x"}).ok().json
    mine = sim.all("/memberships", query={"roomId": made["roomId"],
                                          "personId": people["alice"]["id"]})[0]
    error(sim.api("DELETE", f"/memberships/{mine['id']}"), 400, "Failed to leave room.")
    now = sim.api("PUT", f"/memberships/{mine['id']}", {"isRoomHidden": True}).ok().json
    assert now["isRoomHidden"] is True
    assert made["roomId"] in [r["id"] for r in sim.rooms()]
    sim.post(made["roomId"], "again", token="bob-token")
    now = sim.api("GET", f"/memberships/{mine['id']}").ok().json
    assert not now.get("isRoomHidden")
    assert sim.api("POST", "/memberships", {
        "roomId": made["roomId"], "personId": people["admin"]["id"]}).status in (400, 403)


def test_membership_put_errors(sim, room):
    mine = members(sim, room)[0]
    assert sim.api("PUT", f"/memberships/{mine['id']}", {}).status == 400
    assert sim.api("PUT", f"/memberships/{unknown('MEMBERSHIP')}",
                   {"isModerator": True}).status == 404
