"""People, organizations, licenses, roles: sections 5.1, 5.12 to 5.14."""
import pytest

from check import DATE, error, unknown


def test_me(sim, people):
    for name, person in people.items():
        assert person["emails"] and person["displayName"]
        assert person["type"] == ("bot" if name == "bot" else "person")
        assert DATE.match(person["created"])
    assert people["alice"]["orgId"] == people["bob"]["orgId"]
    assert len({p["id"] for p in people.values()}) == 4
    got = sim.api("GET", f"/people/{people['bob']['id']}").ok().json
    assert got["id"] == people["bob"]["id"] and got["emails"] == people["bob"]["emails"]


def test_by_email(sim, people):
    email = people["bob"]["emails"][0]
    for text in (email, email.upper()):
        got = sim.api("GET", "/people", query={"email": text}).ok().items
        assert [p["id"] for p in got] == [people["bob"]["id"]]
    assert sim.api("GET", "/people", query={"email": email[:-1]}).ok().items == []


def test_by_name(sim, people):
    name = people["bob"]["displayName"]
    for prefix in (name, name[:3], name[:3].lower()):
        got = sim.api("GET", "/people", query={"displayName": prefix}).ok().items
        assert people["bob"]["id"] in [p["id"] for p in got]
    assert sim.api("GET", "/people", query={"displayName": "zzzzzz"}).ok().items == []


def test_by_ids(sim, people):
    gone = unknown("PEOPLE")
    ids = [people["bob"]["id"], gone, people["alice"]["id"]]
    answer = sim.api("GET", "/people", query={"id": ",".join(ids)}).ok().json
    assert {p["id"] for p in answer["items"]} == {ids[0], ids[2]}
    assert answer["notFoundIds"] == [gone]
    assert not any("status" in p or "lastActivity" in p for p in answer["items"])
    answer = sim.api("GET", "/people", query={"id": ids[0]}).ok().json
    assert "notFoundIds" not in answer or answer["notFoundIds"] == []
    assert sim.api("GET", "/people", query={"id": ",".join([ids[0]] * 86)}).status == 400
    assert sim.api("GET", "/people", query={"id": ",".join([ids[0]] * 85)}).status == 200


def test_roles_and_licenses_are_for_admins(sim, people):
    path = f"/people/{people['bob']['id']}"
    assert "roles" not in sim.api("GET", path).ok().json
    person = sim.api("GET", path, token="admin-token").ok().json
    assert isinstance(person["roles"], list) and isinstance(person["licenses"], list)


@pytest.fixture
def person(sim, request):
    return sim.api("POST", "/people", {
        "emails": [f"{request.node.name.replace('_', '-')}@example.com"], "firstName": "New",
        "lastName": "Person", "displayName": "New Person"}, token="admin-token").ok().json


def test_create_read_update_delete(sim, person):
    assert person["emails"] == ["test-create-read-update-delete@example.com"]
    assert person["displayName"] == "New Person" and DATE.match(person["created"])
    path = f"/people/{person['id']}"
    assert sim.api("GET", path, token="admin-token").ok().json["id"] == person["id"]
    assert person["id"] in [p["id"] for p in sim.all("/people", token="admin-token")]
    body = {"emails": person["emails"], "displayName": "Other Name", "title": "Captain"}
    now = sim.api("PUT", path, body, token="admin-token").ok().json
    assert now["displayName"] == "Other Name" and now["title"] == "Captain"
    now = sim.api("PUT", path, {"emails": person["emails"], "displayName": "Other Name"},
                  token="admin-token").ok().json
    assert "title" not in now, "PUT replaces all of it"
    answer = sim.api("PUT", path + "?minResponse=true", body, token="admin-token")
    assert answer.status in (200, 204)
    sim.api("DELETE", path, token="admin-token").ok(204)
    error(sim.api("GET", path, token="admin-token"), 404, "Person not found")
    assert person["id"] not in [p["id"] for p in sim.all("/people", token="admin-token")]
    assert sim.api("DELETE", path, token="admin-token").status == 404


def test_fields_that_nobody_knew_are_kept_as_written(sim, person):
    path = f"/people/{person['id']}"
    now = sim.api("PUT", path, {**person, "vendor": {"a": [1.5, None]}},
                  token="admin-token").ok().json
    assert now["vendor"] == {"a": [1.5, None]}
    assert sim.api("GET", path).ok().json["vendor"] == {"a": [1.5, None]}
    assert "vendor" not in sim.api("PUT", path, person, token="admin-token").ok().json


def test_licenses_and_roles_are_kept_as_written(sim, person):
    assert person["licenses"] == [] and person["roles"] == []
    path = f"/people/{person['id']}"
    licenses = [sim.api("GET", "/licenses", token="admin-token").ok().items[0]["id"]]
    role = [sim.api("GET", "/roles", token="admin-token").ok().items[0]["id"]]
    now = sim.api("PUT", path, {**person, "licenses": licenses, "roles": role},
                  token="admin-token").ok().json
    assert now["licenses"] == licenses and now["roles"] == role
    assert sim.api("GET", path, token="admin-token").ok().json["licenses"] == licenses
    assert "licenses" not in sim.api("GET", path).ok().json


def test_create_errors(sim, person):
    def post(body, token="admin-token"):
        return sim.api("POST", "/people", body, token=token)
    assert post({"displayName": "x"}).status == 400
    assert post({"emails": [], "displayName": "x"}).status == 400
    assert post({"emails": ["nameless@example.com"]}).status == 400
    assert post({"emails": ["no address"], "displayName": "x"}).status == 400
    assert post({"emails": person["emails"], "displayName": "x"}).status in (400, 409)


def test_writes_are_for_admins(sim, people, person):
    path = f"/people/{people['bob']['id']}"
    for token in ("alice-token", "bot-token"):
        body = {"emails": ["x@example.com"], "displayName": "x"}
        error(sim.api("POST", "/people", body, token=token), 403)
        error(sim.api("PUT", path, body, token=token), 403)
        error(sim.api("DELETE", path, token=token), 403)
    assert person


def test_a_new_person_can_be_invited_and_written_to(sim, person, room):
    made = sim.api("POST", "/memberships", {"roomId": room["id"],
                                            "personEmail": person["emails"][0]}).ok().json
    assert made["personId"] == person["id"]
    sent = sim.api("POST", "/messages", {"toPersonId": person["id"], "text": "hi"}).ok().json
    assert sim.api("GET", f"/rooms/{sent['roomId']}").ok().json["title"] == "New Person"


def test_a_deleted_person_stays_an_author(sim, person, room):
    sim.api("POST", "/memberships", {"roomId": room["id"],
                                     "personId": person["id"]}).ok()
    sent = sim.api("POST", "/messages", {"toPersonId": person["id"], "text": "x"}).ok().json
    sim.api("DELETE", f"/people/{person['id']}", token="admin-token").ok(204)
    error(sim.api("GET", f"/people/{person['id']}"), 404, "Person not found")
    sim.api("GET", f"/messages/{sent['id']}").ok()
    sim.api("GET", f"/rooms/{sent['roomId']}").ok()
    left = sim.all("/memberships", query={"roomId": sent["roomId"]})
    assert len(left) == 1


def test_a_rename_shows_in_direct_rooms(sim, person):
    sent = sim.api("POST", "/messages", {"toPersonId": person["id"], "text": "x"}).ok().json
    sim.api("PUT", f"/people/{person['id']}", {"emails": person["emails"],
                                               "displayName": "Renamed Person"},
            token="admin-token").ok()
    assert sim.api("GET", f"/rooms/{sent['roomId']}").json["title"] == "Renamed Person"


@pytest.mark.parametrize("path", ["/organizations", "/licenses", "/roles"])
def test_admin_lists(sim, path):
    items = sim.api("GET", path, token="admin-token").ok().items
    for item in items:
        assert item["id"] and (item.get("name") or item.get("displayName"))
        got = sim.api("GET", f"{path}/{item['id']}", token="admin-token").ok().json
        assert got["id"] == item["id"]
    kind = {"/organizations": "ORGANIZATION", "/licenses": "LICENSE", "/roles": "ROLE"}[path]
    assert sim.api("GET", f"{path}/{unknown(kind)}", token="admin-token").status == 404


@pytest.mark.parametrize("path", ["/licenses", "/roles"])
def test_admin_lists_are_for_admins(sim, path):
    for token in ("alice-token", "bot-token"):
        error(sim.api("GET", path, token=token), 403)


def test_license_fields(sim):
    for item in sim.api("GET", "/licenses", token="admin-token").ok().items:
        for name in ("totalUnits", "consumedUnits"):
            assert isinstance(item[name], int)
        answer = sim.api("GET", f"/licenses/{item['id']}?includeAssignedTo=user",
                         token="admin-token").ok().json
        for user in answer["users"]:
            assert user["id"] and user["type"] in ("INTERNAL", "EXTERNAL")


def test_own_organization(sim, people):
    org = sim.api("GET", f"/organizations/{people['admin']['orgId']}",
                  token="admin-token").ok().json
    assert org["displayName"] and DATE.match(org["created"])
    answer = sim.api("DELETE", f"/organizations/{org['id']}", token="admin-token")
    assert answer.status == 409, "more than one user"


def test_names_of_licenses(sim):
    """Suites of clients look for both."""
    names = [i["name"] for i in sim.api("GET", "/licenses", token="admin-token").ok().items]
    assert {"Messaging", "Advanced Messaging"} <= set(names)
