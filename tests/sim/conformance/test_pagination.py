"""Pages of every list: section 2."""
import re
import urllib.parse

import pytest

from check import iso_ms

LINK = re.compile(r'^<(http://[^>]+)>; rel="next"$')


def walk(sim, path, token, page):
    """All items of a list in pages of `page`; checks each Link header."""
    parts = urllib.parse.urlsplit(path)
    query = dict(urllib.parse.parse_qsl(parts.query), max=str(page))
    url = parts.path + "?" + urllib.parse.urlencode(query)
    items = []
    seen = set()
    while True:
        answer = sim.api("GET", url, token=token).ok()
        assert set(answer.json) <= {"items", "notFoundIds"}
        assert len(answer.items) <= page
        items += answer.items
        link = answer.headers.get_all("Link")
        if not link:
            return items
        assert len(link) == 1
        found = LINK.match(link[0])
        assert found, link[0]
        url = found[1]
        assert url.startswith(sim.base + "/") and url not in seen
        seen.add(url)
        after = urllib.parse.urlsplit(url)
        assert after.path == "/v1" + parts.path
        now = dict(urllib.parse.parse_qsl(after.query, keep_blank_values=True))
        for name, value in query.items():
            if name != "before":
                assert now.get(name) == value, (name, url)
        if parts.path == "/messages":
            assert now["beforeMessage"] == answer.items[-1]["id"], url
        else:
            assert now["cursor"], url
        # Only when there is more.
        assert answer.items, "an empty page with a next link, and no fault asked for"


@pytest.fixture(scope="module")
def lists(sim, people):
    """name -> (path, token) of lists with several items each."""
    bob = people["bob"]["emails"][0]
    big = max((len(sim.messages(r["id"])), r["id"]) for r in sim.rooms(type="group"))[1]
    team = sim.api("POST", "/teams", {"name": "pages"}).ok().json
    for email in (bob, people["admin"]["emails"][0], people["bot"]["emails"][0]):
        sim.api("POST", "/team/memberships", {"teamId": team["id"], "personEmail": email}).ok()
    for n in range(4):
        sim.api("POST", "/teams", {"name": f"pages {n}"}).ok()
        sim.api("POST", "/webhooks", {
            "name": f"hook {n}", "targetUrl": "http://127.0.0.1:9/", "resource": "messages",
            "event": "deleted", "filter": f"roomId={big}"}).ok()
    room = sim.create_room("pages", [bob, people["admin"]["emails"][0],
                                     people["bot"]["emails"][0]])
    root = sim.post(room["id"], "root")
    for n in range(5):
        sim.post(room["id"], f"reply {n}", parentId=root["id"])
        sim.post(room["id"], markdown=f"<@personId:{people['alice']['id']}> {n}",
                 token="bob-token")
    letter = people["alice"]["displayName"][0]
    return {
        "rooms": ("/rooms", "alice-token"),
        "rooms group": ("/rooms?type=group", "alice-token"),
        "rooms direct": ("/rooms?type=direct", "alice-token"),
        "rooms lastactivity": ("/rooms?sortBy=lastactivity", "alice-token"),
        "rooms created": ("/rooms?sortBy=created", "alice-token"),
        "rooms id": ("/rooms?sortBy=id", "alice-token"),
        "messages": (f"/messages?roomId={big}", "alice-token"),
        "thread": (f"/messages?roomId={room['id']}&parentId={root['id']}", "alice-token"),
        "mentions": (f"/messages?roomId={room['id']}&mentionedPeople=me", "alice-token"),
        "own memberships": ("/memberships", "alice-token"),
        "room memberships": (f"/memberships?roomId={room['id']}", "alice-token"),
        "people by name": (f"/people?displayName={letter}", "alice-token"),
        "people": ("/people", "admin-token"),
        "teams": ("/teams", "alice-token"),
        "team memberships": (f"/team/memberships?teamId={team['id']}", "alice-token"),
        "webhooks": ("/webhooks", "alice-token"),
    }


NAMES = ["rooms", "rooms group", "rooms direct", "rooms lastactivity", "rooms created",
         "rooms id", "messages", "thread", "mentions", "own memberships", "room memberships",
         "people by name", "people", "teams", "team memberships", "webhooks"]


@pytest.mark.parametrize("name", NAMES)
def test_every_page_size_gives_the_same_list(sim, lists, name):
    path, token = lists[name]
    limit = 100 if name == "mentions" else 1000
    whole = walk(sim, path, token, limit)
    ids = [item["id"] for item in whole]
    assert len(set(ids)) == len(ids)
    assert len(ids) >= (1 if name == "people by name" else 2)
    for page in sorted({1, 2, 3, max(1, len(ids) - 1), len(ids), len(ids) + 1}):
        assert [i["id"] for i in walk(sim, path, token, page)] == ids, page


@pytest.mark.parametrize("name", NAMES)
def test_the_last_page_has_no_link(sim, lists, name):
    path, token = lists[name]
    count = len(walk(sim, path, token, 100))
    answer = sim.api("GET", path, token=token, query={"max": count}).ok()
    assert len(answer.items) == count and answer.next_url() is None


@pytest.mark.parametrize("name", NAMES)
def test_the_default_page(sim, lists, name):
    path, token = lists[name]
    answer = sim.api("GET", path, token=token).ok()
    assert len(answer.items) == min(50 if name in ("messages", "thread", "mentions") else 100,
                                    len(walk(sim, path, token, 100)))


def test_lists_without_pages(sim):
    for path in ("/organizations", "/licenses", "/roles"):
        answer = sim.api("GET", path, token="admin-token").ok()
        assert answer.items and answer.next_url() is None


def test_too_large_a_page_is_lowered_silently(sim):
    sim.api("GET", "/rooms", query={"max": 100000}).ok()
    room = sim.rooms()[0]
    sim.api("GET", "/messages", query={"roomId": room["id"], "max": 100000}).ok()


def test_max_page_option(start_sim):
    sim = start_sim("--data", "demo", "--max-page", "3")
    for path in ("/rooms", "/memberships"):
        answer = sim.api("GET", path, query={"max": 1000}).ok()
        assert len(answer.items) == 3 and answer.next_url()


def test_default_message_page_is_fifty(sim):
    room = sim.create_room("sixty")
    ids = [sim.post(room["id"], f"m{n}")["id"] for n in range(60)]
    answer = sim.api("GET", "/messages", query={"roomId": room["id"]}).ok()
    assert [m["id"] for m in answer.items] == ids[:9:-1]
    rest = sim.api("GET", answer.next_url()).ok()
    assert [m["id"] for m in rest.items] == ids[9::-1]
    assert rest.next_url() is None


def test_messages_are_newest_first(sim):
    for room in sim.rooms():
        created = [iso_ms(m["created"]) for m in sim.messages(room["id"])]
        assert created == sorted(created, reverse=True)


def test_room_orders(sim):
    def times(field, **query):
        return [iso_ms(r[field]) for r in sim.rooms(**query)]
    activity = times("lastActivity", sortBy="lastactivity")
    assert activity == sorted(activity, reverse=True)
    created = times("created", sortBy="created")
    assert created == sorted(created, reverse=True)
    everything = {r["id"] for r in sim.rooms()}
    for order in ("id", "created", "lastactivity"):
        assert {r["id"] for r in sim.rooms(sortBy=order)} == everything
    assert {r["id"] for r in sim.rooms(type="group")} | \
        {r["id"] for r in sim.rooms(type="direct")} == everything
    assert sim.api("GET", "/rooms?sortBy=nonsense").status == 400


def test_before_and_before_message(sim):
    room = sim.create_room("before")
    made = [sim.post(room["id"], f"m{n}") for n in range(6)]
    anchor = made[3]
    got = sim.messages(room["id"], beforeMessage=anchor["id"])
    assert [m["id"] for m in got] == [m["id"] for m in made[2::-1]]
    for page in (1, 2, 50):
        got = sim.messages(room["id"], before=anchor["created"], max=page)
        want = [m["id"] for m in made if m["created"] < anchor["created"]][::-1]
        assert [m["id"] for m in got] == want
    assert sim.messages(room["id"], before="2001-01-01T00:00:00.000Z") == []
    assert [m["id"] for m in sim.messages(room["id"], before="2101-01-01T00:00:00.000Z")] == \
        [m["id"] for m in made[::-1]]
    assert sim.api("GET", "/messages", query={"roomId": room["id"],
                                              "before": "yesterday"}).status == 400
    assert sim.api("GET", "/messages", query={"roomId": room["id"],
                                              "beforeMessage": "!!"}).status == 400


def test_a_deleted_anchor_loses_nothing(sim):
    """2.3: it can be 404; what is no 404 goes on where the anchor was."""
    room = sim.create_room("anchor")
    made = [sim.post(room["id"], f"m{n}") for n in range(4)]
    answer = sim.api("GET", "/messages", query={"roomId": room["id"], "max": 2}).ok()
    assert answer.items[-1]["id"] == made[2]["id"]
    sim.api("DELETE", f"/messages/{made[2]['id']}").ok(204)
    answer = sim.api("GET", answer.next_url())
    if answer.status != 404:
        assert [m["id"] for m in answer.ok().items] == [m["id"] for m in made[1::-1]]


def test_pages_while_messages_arrive(sim):
    room = sim.create_room("arriving")
    made = [sim.post(room["id"], f"m{n}")["id"] for n in range(5)]
    answer = sim.api("GET", "/messages", query={"roomId": room["id"], "max": 2}).ok()
    sim.post(room["id"], "later")
    got = [m["id"] for m in answer.items]
    while answer.next_url():
        answer = sim.api("GET", answer.next_url()).ok()
        got += [m["id"] for m in answer.items]
    assert got == made[::-1]


def test_bad_cursors_and_max(sim):
    assert sim.api("GET", "/rooms?cursor=%21%21").status == 400
    for value in ("abc", "-1", "0"):
        assert sim.api("GET", "/rooms", query={"max": value}).status in (200, 400)
