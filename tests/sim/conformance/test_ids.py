"""Identifiers: sections 4 and 11."""
import uuid

import pytest

from check import DATE, decode, encode, iso_ms, uuid_ms, uuid_of

VECTORS = [
    ("MESSAGE", "eb8a3630-f8d9-11ef-9a2b-0242ac110003", "us",
     "Y2lzY29zcGFyazovL3VzL01FU1NBR0UvZWI4YTM2MzAtZjhkOS0xMWVmLTlhMmItMDI0MmFjMTEwMDAz"),
    ("CONTENT", "8cca4580-f8da-11ef-9a2b-0242ac110003/0", "us",
     "Y2lzY29zcGFyazovL3VzL0NPTlRFTlQvOGNjYTQ1ODAtZjhkYS0xMWVmLTlhMmItMDI0MmFjMTEwMDAzLzA"),
    ("ROOM", "31ed6d50-f8d9-11ef-9a2b-0242ac110002", "urn:TEAM:eu-central-1_k",
     "Y2lzY29zcGFyazovL3VybjpURUFNOmV1LWNlbnRyYWwtMV9rL1JPT00vMzFlZDZkNTAtZjhkOS0xMWVmLTlh"
     "MmItMDI0MmFjMTEwMDAy"),
    ("ROOM", "19dda727-67a1-34e2-bc9c-adf35e2ee10b", "us",
     "Y2lzY29zcGFyazovL3VzL1JPT00vMTlkZGE3MjctNjdhMS0zNGUyLWJjOWMtYWRmMzVlMmVlMTBi"),
]


@pytest.mark.parametrize("kind,rest,cluster,public", VECTORS)
def test_vectors(sim, kind, rest, cluster, public):
    assert encode(kind, rest, cluster) == public
    assert decode(public) == (cluster, kind, rest)
    path = {"MESSAGE": "/messages/", "CONTENT": "/contents/", "ROOM": "/rooms/"}[kind]
    # Well formed, so not "Expect base64 ID or UUID.", but nothing here.
    assert sim.api("GET", path + public).status == 404


@pytest.mark.parametrize("text,iso", [
    ("eb8a3630-f8d9-11ef-9a2b-0242ac110003", "2025-03-04T09:20:31.507Z"),
    ("8cca4580-f8da-11ef-9a2b-0242ac110003", "2025-03-04T09:25:02.040Z")])
def test_time_vectors(text, iso):
    assert uuid_ms(uuid.UUID(text)) == iso_ms(iso)


def test_ids_of_everything(sim, people):
    for person in people.values():
        assert decode(person["id"])[0] == "us"
        uuid_of(person["id"], "PEOPLE", 4)
        assert decode(person["orgId"])[0] == "us"
        uuid_of(person["orgId"], "ORGANIZATION", 4)
    for room in sim.rooms():
        value = uuid_of(room["id"], "ROOM", 3 if room["type"] == "direct" else 1)
        if room["type"] == "group":
            assert uuid_ms(value) == iso_ms(room["created"])
        for message in sim.messages(room["id"]):
            value = uuid_of(message["id"], "MESSAGE", 1)
            assert uuid_ms(value) == iso_ms(message["created"])
            assert message["roomId"] == room["id"]
            for n, url in enumerate(message.get("files", [])):
                assert url.startswith(sim.base + "/contents/")
                found = decode(url.rsplit("/", 1)[1])
                assert found[1:] == ("CONTENT", f"{value}/{n}")
    for member in sim.all("/memberships"):
        person, room = decode(member["id"])[2].split(":")
        assert person == str(uuid_of(member["personId"], "PEOPLE"))
        assert room == str(uuid_of(member["roomId"], "ROOM"))
        assert decode(member["id"])[1] == "MEMBERSHIP"
    for team in sim.all("/teams"):
        uuid_of(team["id"], "TEAM", 1)
        for member in sim.all("/team/memberships", query={"teamId": team["id"]}):
            assert decode(member["id"])[1:] == (
                "TEAM_MEMBERSHIP", f"{uuid_of(member['personId'], 'PEOPLE')}:"
                                   f"{uuid_of(team['id'], 'TEAM')}")


def test_ids_of_new_objects(sim, room):
    assert uuid_ms(uuid_of(room["id"], "ROOM", 1)) == iso_ms(room["created"])
    made = sim.upload(room["id"], "a.txt", b"x")
    value = uuid_of(made["id"], "MESSAGE", 1)
    assert uuid_ms(value) == iso_ms(made["created"])
    assert decode(made["files"][0].rsplit("/", 1)[1])[1:] == ("CONTENT", f"{value}/0")
    hook = sim.api("POST", "/webhooks", {"name": "n", "targetUrl": "http://127.0.0.1:9/",
                                         "resource": "rooms", "event": "updated"}).ok().json
    uuid_of(hook["id"], "WEBHOOK")


def test_direct_rooms_are_named_by_the_pair(sim, people, start_sim):
    one = sim.api("POST", "/messages", {"toPersonEmail": people["bob"]["emails"][0],
                                        "text": "x"}).ok().json["roomId"]
    two = sim.api("POST", "/messages", {"toPersonId": people["alice"]["id"], "text": "y"},
                  token="bob-token").ok().json["roomId"]
    assert one == two
    uuid_of(one, "ROOM", 3)
    other = start_sim("--data", "empty")
    same = other.me("bob-token")["id"] == people["bob"]["id"] and \
        other.me()["id"] == people["alice"]["id"]
    if same:
        again = other.api("POST", "/messages", {"toPersonId": people["bob"]["id"],
                                                "text": "x"}).ok().json["roomId"]
        assert again == one


def test_dates_have_milliseconds(sim):
    def check(value):
        for key, entry in value.items():
            if key in ("created", "updated", "lastActivity", "lastModified", "madePublic"):
                assert DATE.match(entry), (key, entry)
    for path in ("/rooms", "/memberships", "/teams", "/webhooks"):
        for item in sim.all(path):
            check(item)
    for item in sim.all("/people", token="admin-token"):
        check(item)
    for room in sim.rooms():
        for item in sim.messages(room["id"]):
            check(item)


def test_other_forms_of_an_id(sim, room, people):
    made = sim.post(room["id"], "x")
    bare = str(uuid_of(room["id"], "ROOM"))
    padded = room["id"] + "=" * (-len(room["id"]) % 4)
    message = str(uuid_of(made["id"], "MESSAGE"))
    assert sim.api("GET", f"/rooms/{bare}").ok().json["id"] == room["id"]
    assert sim.api("GET", f"/rooms/{padded}").ok().json["id"] == room["id"]
    assert sim.api("GET", f"/messages/{message}").ok().json["id"] == made["id"]
    assert sim.api("GET", "/messages", query={"roomId": bare}).ok().items[0]["id"] == made["id"]
    assert sim.api("GET", "/messages", query={"roomId": padded}).ok().items
    person = str(uuid_of(people["bob"]["id"], "PEOPLE"))
    assert sim.api("GET", f"/people/{person}").ok().json["id"] == people["bob"]["id"]
    assert sim.post(bare, "by uuid")["roomId"] == room["id"]
    # An id of one type where another is wanted names nothing.
    assert sim.api("GET", f"/rooms/{made['id']}").status in (400, 404)
    assert sim.api("GET", f"/messages/{room['id']}").status in (400, 404)
