"""Transport, error bodies and the literal messages of section 1.6."""
import json
import socket

import pytest

from check import UNKNOWN_V1, error, unknown

NO_TOKEN = ("The request requires a valid access token set in the Authorization request "
            "header.")
REFUSED = ("The server understood the request, but refused to fulfill it because the access "
           "token is missing required scopes or the user is missing required roles or "
           "licenses.")
NO_DESTINATION = ("Message destination could not be determined. Provide only one destination in the "
                  "roomId, toPersonEmail, or toPersonId field")
NO_USER = "Failed to find user with specified email address."
DESTINATIONS = ("Exactly one of the destination fields must not be empty (roomId, "
                "toPersonEmail, toPersonId)")
TOO_LONG = ("Unable to post message to room: Message length limited to 7439 characters before "
            "encryption and 10000 characters after encryption.")
TOO_BIG = 'Unable to post message to room: "The request payload is too big"'


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Bearer nonsense",
                                    "Basic YWxpY2U6dG9rZW4=", "alice-token"])
@pytest.mark.parametrize("path", ["/people/me", "/rooms", "/messages"])
def test_401(sim, header, path):
    headers = {} if header is None else {"Authorization": header}
    error(sim.api("GET", path, token=None, headers=headers), 401, NO_TOKEN)


def test_bearer_scheme_ignores_case(sim):
    sim.api("GET", "/people/me", token=None,
            headers={"Authorization": "bearer alice-token"}).ok()


def test_answers_carry_a_tracking_id(sim):
    answers = [sim.api("GET", "/people/me").ok() for _ in range(2)]
    ids = [a.headers["TrackingID"] for a in answers]
    assert all(ids) and ids[0] != ids[1]
    assert answers[0].headers["Content-Type"].lower().replace(" ", "") == \
        "application/json;charset=utf-8"
    assert answers[0].headers["Cache-Control"] == "no-cache"
    for name in ("ETag", "Last-Modified"):
        assert name not in answers[0].headers


@pytest.mark.parametrize("method,path", [("POST", "/rooms"), ("POST", "/messages"),
                                         ("POST", "/memberships"), ("POST", "/teams"),
                                         ("POST", "/webhooks"),
                                         ("POST", "/team/memberships")])
def test_415(sim, method, path):
    body = json.dumps({"title": "x"}).encode()
    for given, named in [("text/plain", "text/plain"), (None, "text/plain"),
                         ("application/xml", "application/xml")]:
        headers = {"Content-Type": given} if given else {}
        error(sim.api(method, path, body=body, headers=headers), 415,
              f"Content type '{named}' not supported")


def test_415_comes_after_401_and_before_the_body(sim):
    headers = {"Content-Type": "text/plain"}
    error(sim.api("POST", "/rooms", body=b"{", headers=headers, token="no"), 401, NO_TOKEN)
    error(sim.api("POST", "/rooms", body=b"{", headers=headers), 415)


def test_put_needs_a_content_type(sim, room):
    error(sim.api("PUT", f"/rooms/{room['id']}", body=b'{"title":"x"}'), 415)


@pytest.mark.parametrize("kind", ["application/json", "application/json;charset=utf-8",
                                  "application/json; charset=UTF-8", "Application/JSON"])
def test_json_content_types(sim, kind):
    answer = sim.api("POST", "/rooms", body='{"title":"Käse"}'.encode(),
                     headers={"Content-Type": kind}).ok()
    assert answer.json["title"] == "Käse"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"nonsense", b'{"title":"x"',
                                  b'{"title": "\xff"}'])
def test_malformed_bodies(sim, body):
    error(sim.api("POST", "/rooms", body=body,
                  headers={"Content-Type": "application/json"}), 400)


def test_wrong_json_types(sim, room):
    for body in ({"title": 5}, {"title": {}}, {"title": ["x"]}):
        error(sim.api("POST", "/rooms", body), 400)
    error(sim.api("POST", "/messages", {"roomId": 5, "text": "x"}), 400)
    error(sim.api("POST", "/messages", {"roomId": room["id"], "text": {"a": 1}}), 400)


def test_null_counts_as_absent(sim, people, room):
    made = sim.api("POST", "/messages", {
        "roomId": room["id"], "toPersonId": None, "toPersonEmail": None, "parentId": None,
        "text": "hello", "markdown": None, "files": None, "attachments": None}).ok().json
    assert made["text"] == "hello" and "markdown" not in made and "parentId" not in made
    error(sim.api("POST", "/rooms", {"title": None}), 400, "Title cannot be empty.")
    error(sim.api("POST", "/messages", {"roomId": room["id"], "text": None}), 400,
          "Both text and file cannot be empty.")
    sim.api("POST", "/memberships", {"roomId": room["id"], "personId": None,
                                     "personEmail": people["bob"]["emails"][0],
                                     "isModerator": None}).ok()
    assert sim.api("POST", "/rooms", {"title": "n", "teamId": None}).ok().json["id"]


def test_unknown_fields_are_ignored(sim, room):
    sim.api("POST", "/messages", {"roomId": room["id"], "text": "x", "newField": 1}).ok()


def test_unknown_paths_and_methods(sim, room):
    for path in ("/nonsense", "/Rooms", "/PEOPLE/me", "/rooms/x/y/z", "/"):
        assert sim.api("GET", path).status == 404, path
    for method, path in [("PATCH", "/rooms"), ("DELETE", "/rooms"), ("PUT", "/messages"),
                         ("POST", "/people/me"), ("POST", f"/rooms/{room['id']}"),
                         ("PUT", "/organizations"), ("POST", "/messages/direct")]:
        answer = sim.api(method, path, {})
        assert answer.status in (404, 405), (method, path, answer)
    assert sim.api("PATCH", "/rooms", {}).status == 405
    assert sim.api("DELETE", "/rooms").status == 405


def test_null_fields_are_not_sent(sim):
    def nulls(value):
        if isinstance(value, dict):
            return any(nulls(v) for v in value.values())
        if isinstance(value, list):
            return any(nulls(v) for v in value)
        return value is None
    room = sim.rooms()[0]
    for path in ("/people/me", "/rooms", f"/messages?roomId={room['id']}", "/memberships",
                 "/teams", "/webhooks"):
        assert not nulls(sim.api("GET", path).ok().json), path


@pytest.mark.parametrize("path,answer", [
    ("/rooms/{}", "The requested resource could not be found."),
    ("/webhooks/{}", "The requested resource could not be found."),
    ("/teams/{}", "Could not find teams."),
    ("/messages/{}", "Unable to get message."),
    ("/people/{}", "Person not found"),
    ("/memberships/{}", "Failed to get membership"),
])
def test_ids(sim, path, answer):
    kind = {"/rooms/{}": "ROOM", "/messages/{}": "MESSAGE", "/people/{}": "PEOPLE",
            "/memberships/{}": "MEMBERSHIP", "/webhooks/{}": "WEBHOOK", "/teams/{}": "TEAM"}[path]
    error(sim.api("GET", path.format(unknown(kind))), 404, answer)
    error(sim.api("GET", path.format("!!!")), 400, "Expect base64 ID or UUID.")
    error(sim.api("GET", path.format("bm9uc2Vuc2U")), 400, "Expect base64 ID or UUID.")
    if kind != "MEMBERSHIP":
        error(sim.api("GET", path.format(UNKNOWN_V1)), 404, answer)


def test_ids_in_queries_and_bodies(sim):
    bad = "Expect base64 ID or UUID."
    error(sim.api("GET", "/messages?roomId=%21%21"), 400, bad)
    error(sim.api("GET", "/memberships?roomId=%21%21"), 400, bad)
    error(sim.api("POST", "/messages", {"roomId": "!!", "text": "x"}), 400, bad)
    error(sim.api("POST", "/memberships", {"roomId": "!!", "personEmail": "a@b.c"}), 400, bad)


def test_message_list_errors(sim):
    error(sim.api("GET", "/messages"), 400,
          "Required String parameter 'roomId' is not present")
    error(sim.api("GET", "/messages", query={"max": 5}), 400,
          "Required String parameter 'roomId' is not present")
    error(sim.api("GET", "/messages", query={"roomId": unknown("ROOM")}), 404,
          "Could not find a room with provided ID.")
    assert sim.api("GET", "/messages/direct").status == 400


def test_message_create_errors(sim, people, room):
    bob = people["bob"]
    post = lambda body: sim.api("POST", "/messages", body)  # noqa: E731
    for body in ({"roomId": room["id"]}, {"roomId": room["id"], "text": ""},
                 {"roomId": room["id"], "text": "", "markdown": "", "files": []}):
        error(post(body), 400, "Both text and file cannot be empty.")
    for body in ({"text": "x"}, {"roomId": "", "text": "x"}):
        error(post(body), 400, NO_DESTINATION)
    for body in ({"roomId": room["id"], "toPersonId": bob["id"], "text": "x"},
                 {"roomId": room["id"], "toPersonEmail": bob["emails"][0], "text": "x"},
                 {"toPersonId": bob["id"], "toPersonEmail": bob["emails"][0], "text": "x"}):
        error(post(body), 400, DESTINATIONS)
    error(post({"roomId": unknown("ROOM"), "text": "x"}), 404,
          "Could not find a room with provided ID.")
    assert post({"toPersonId": unknown("PEOPLE"), "text": "x"}).status == 404
    error(post({"toPersonEmail": "nobody@nowhere.example", "text": "x"}), 404, NO_USER)


@pytest.mark.parametrize("field", ["text", "markdown"])
def test_length_is_counted_in_bytes(sim, room, field):
    def post(text):
        return sim.api("POST", "/messages", {"roomId": room["id"], field: text})
    assert post("x" * 7439).ok().json[field] == "x" * 7439
    error(post("x" * 7440), 400, TOO_LONG)
    assert post("ä" * 3719 + "x").ok().json[field] == "ä" * 3719 + "x"
    error(post("ä" * 3720), 400, TOO_LONG)


def test_a_huge_payload(sim, room):
    card = {"contentType": "application/vnd.microsoft.card.adaptive",
            "content": {"type": "AdaptiveCard", "version": "1.3",
                        "body": [{"type": "TextBlock", "text": "x" * 1_000_000}]}}
    error(sim.api("POST", "/messages", {"roomId": room["id"], "text": "fallback",
                                        "attachments": [card]}), 400, TOO_BIG)
    answer = sim.api("POST", "/messages", {"roomId": room["id"], "text": "x" * 1_000_000})
    assert error(answer, 400) in (TOO_LONG, TOO_BIG)


def test_room_errors(sim):
    for body in ({}, {"title": ""}):
        error(sim.api("POST", "/rooms", body), 400, "Title cannot be empty.")
    room = sim.create_room("title errors")
    for body in ({}, {"title": ""}):
        error(sim.api("PUT", f"/rooms/{room['id']}", body), 400, "Title cannot be empty.")
    error(sim.api("GET", "/rooms?type=nonsense"), 400,
          begins="Can not construct instance of HydraRoomType from String value")
    for method, path in (("DELETE", "/rooms/" + unknown("ROOM")),
                         ("DELETE", "/webhooks/" + unknown("WEBHOOK"))):
        error(sim.api(method, path), 404, "The requested resource could not be found.")
    error(sim.api("GET", f"/rooms/{unknown('ROOM')}/meetingInfo"), 404,
          "Could not find a room with provided ID.")
    error(sim.api("PUT", f"/rooms/{unknown('ROOM')}", {"title": "x"}), 404,
          "Could not find a room with provided ID.")


def test_membership_errors(sim, people):
    alice, bob = people["alice"], people["bob"]["emails"][0]
    room = sim.create_room("membership errors")
    post = lambda body, **kw: sim.api("POST", "/memberships", body, **kw)  # noqa: E731
    error(post({"personEmail": bob}), 400, "roomId cannot be null")
    error(post({"roomId": room["id"]}), 400,
          "Must specify either personId or personEmail.")
    error(post({"roomId": room["id"], "personEmail": alice["emails"][0]}), 409,
          "Person is already in the room.")
    error(post({"roomId": room["id"], "personId": alice["id"]}), 409,
          "Person is already in the room.")
    error(post({"roomId": room["id"], "personEmail": "nobody@nowhere.example"}), 404,
          "nobody@nowhere.example not found.")
    error(post({"roomId": room["id"], "personEmail": bob}, token="bob-token"), 502,
          "Add participant failed.")
    error(sim.api("GET", "/memberships", query={"roomId": room["id"], "personEmail": bob}),
          404, "User is not a participant of the room.")
    error(sim.api("GET", "/memberships", query={"roomId": room["id"],
                                                "personEmail": "nobody@nowhere.example"}),
          404, NO_USER)
    mine = sim.all("/memberships")
    assert room["id"] in [m["roomId"] for m in mine]
    for own in ({"personEmail": alice["emails"][0]}, {"personId": alice["id"]}):
        assert sim.all("/memberships", query=own) == mine
    error(sim.api("GET", "/memberships", query={"personEmail": bob}), 400)
    error(sim.api("GET", "/memberships", query={"roomId": room["id"],
                                                "personId": people["bob"]["id"]}),
          404, "User is not a participant of the room.")
    error(sim.api("DELETE", f"/memberships/{unknown('MEMBERSHIP')}"), 400,
          "Failed to leave room.")
    error(sim.api("PUT", f"/memberships/{unknown('MEMBERSHIP')}", {"isModerator": True}), 404)
    assert sim.api("GET", "/memberships", query={"personEmail": bob}).status in (400, 403)


def test_people_errors(sim):
    for query in ("", "?max=5"):
        error(sim.api("GET", "/people" + query), 400,
              "Email, displayName, or id list should be specified.")
    assert sim.api("GET", "/people", query={"email": "nobody@nowhere.example"}).ok().json[
        "items"] == []


def test_message_delete_errors(sim, room):
    error(sim.api("DELETE", f"/messages/{unknown('MESSAGE')}"), 404,
          "Unable to delete message.")
    made = sim.post(room["id"], "x")
    error(sim.api("DELETE", f"/messages/{made['id']}", token="bob-token"), 404,
          "Unable to delete message.")
    error(sim.api("GET", f"/messages/{made['id']}", token="bob-token"), 404,
          "Unable to get message.")
    answer = sim.api("DELETE", f"/messages/{made['id']}").ok(204)
    assert answer.body == b""
    error(sim.api("GET", f"/messages/{made['id']}"), 404, "Unable to get message.")
    error(sim.api("DELETE", f"/messages/{made['id']}"), 404, "Unable to delete message.")


def test_keep_alive(sim):
    connection = sim.connect()
    try:
        sockets = set()
        for path, status in [("/v1/people/me", 200), ("/v1/rooms/!!", 400), ("/v1/nope", 404),
                             ("/v1/rooms?max=1", 200)]:
            connection.request("GET", path, headers={"Authorization": "Bearer alice-token"})
            answer = connection.getresponse()
            answer.read()
            assert answer.status == status and not answer.will_close
            sockets.add(connection.sock.getsockname())
        # A body that is refused unread must not be taken for the next request.
        connection.request("POST", "/v1/rooms", b'{"title":"x"}',
                           {"Authorization": "Bearer no", "Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 401
        connection.request("GET", "/v1/people/me",
                           headers={"Authorization": "Bearer alice-token"})
        assert connection.getresponse().status == 200
        assert len(sockets) == 1
    finally:
        connection.close()


def test_head(sim):
    answer = sim.api("HEAD", "/people/me")
    assert answer.status in (200, 405)
    assert answer.body == b""


def test_expect_100_continue(sim, room):
    body = json.dumps({"roomId": room["id"], "text": "waited"}).encode()
    with socket.create_connection(("127.0.0.1", sim.port), timeout=10) as s:
        s.sendall(b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer alice-token"
                  b"\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n"
                  b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body))
        assert s.recv(1000).startswith(b"HTTP/1.1 100")
        s.sendall(body)
        data = b""
        while chunk := s.recv(65536):
            data += chunk
    assert data.startswith(b"HTTP/1.1 200"), data
    assert sim.messages(room["id"])[0]["text"] == "waited"


def test_control_needs_no_token_and_v1_does(sim):
    assert sim.request("GET", "/_sim/log").status == 200
    assert sim.request("GET", "/v1/people/me").status == 401
    assert "refused" in REFUSED
