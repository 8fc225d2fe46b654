"""Lists of several pages and the oddities of webex-api.md 2.3, 2.4: a listing is complete, or
an error, and ends after a bounded number of requests."""
import os
import re

import pytest

from lib.tree import (Timed, asked, error_of, messages_in, parallel, read, stem, stems, txt_bytes,
                      txt_name, uuid_hex)
from lib.util import wait_until

PAGED = ("--data", "empty", "--spaces", 25, "--messages", 43, "--members", 25, "--max-page", 10)
LISTS = ["spaces", "messages", "members"]


def expected(sim):
    """What the three lists must show, asked for without any fault."""
    rooms = sim.rooms()
    title = sorted(r["title"] for r in rooms)[3]
    room = sim.room(title)["id"]
    members = sim.all("/memberships", query={"roomId": room})
    return title, {"spaces": sorted(r["title"] for r in rooms),
                   "messages": sorted(txt_name(m) for m in sim.messages(room)),
                   "members": sorted(m["personEmail"] for m in members)}


def shown(mount, title, what):
    if what == "spaces":
        return mount.ls("spaces")
    if what == "messages":
        return messages_in(mount.space(title))
    return mount.ls(f"spaces/{title}/members")


ROUTES = {"spaces": "/rooms$", "messages": "/messages", "members": "/memberships"}

COMPLETE = {
    "valueless": {"pagination": "valueless"},
    "max=null": {"pagination": "maxnull"},
    "dropped filters": {"pagination": "dropfilters"},
    "foreign host": {"pagination": "foreignhost"},
    "foreign host with a port": {"pagination": "foreignhost", "host": "127.0.0.1:9"},
    "duplicates": {"pagination": "duplicate"},
    "an empty first page": {"pagination": "emptypage", "nth": 1},
    "an empty page": {"pagination": "emptypage", "nth": 2},
}


@pytest.mark.sim(*PAGED)
@pytest.mark.parametrize("oddity", COMPLETE)
def test_oddities_that_a_client_must_survive(sim, mount, oddity):
    title, wanted = expected(sim)
    for route in ROUTES.values():
        sim.fault(method="GET", route=route, **COMPLETE[oddity])
    for what in LISTS:
        sim.clear_log()
        assert shown(mount, title, what) == wanted[what], what
        log = sim.log()
        assert {r["status"] for r in log} == {200}, log
        assert len(log) <= len(wanted[what]) // 9 + 3
        for entry in log:
            # Filters and page size stay, what rewinds does not come back.
            if what != "spaces":
                assert entry["query"].count("roomId=") == 1
            assert re.search(r"\bmax=\d+", entry["query"])
            assert entry["query"].count("max=") == 1


@pytest.mark.sim(*PAGED)
@pytest.mark.mount("timeout=5")
@pytest.mark.parametrize("what", LISTS)
def test_a_list_that_goes_round_in_circles(sim, mount, what):
    """Complete or an error, soon, with few requests; never a part of it."""
    title, wanted = expected(sim)
    if what != "spaces":
        mount.ls("spaces")
    fault = sim.fault(method="GET", route=ROUTES[what], pagination="loop")
    sim.clear_log()
    with Timed(6):
        error = error_of(lambda: shown(mount, title, what))
    assert error == "EIO" or shown(mount, title, what) == wanted[what]
    assert len(asked(sim)) <= 10
    sim.clear_fault(fault)
    wait_until(lambda: error_of(lambda: shown(mount, title, what)) is None, 10)
    assert shown(mount, title, what) == wanted[what]


@pytest.mark.sim(*PAGED)
@pytest.mark.parametrize("what", LISTS)
def test_a_later_page_that_leads_to_itself(sim, mount, what):
    title, wanted = expected(sim)
    if what != "spaces":
        mount.ls("spaces")
    fault = sim.fault(method="GET", route=ROUTES[what], pagination="loop", skip=1)
    with Timed(6):
        error = error_of(lambda: shown(mount, title, what))
    assert error == "EIO" or shown(mount, title, what) == wanted[what]
    sim.clear_fault(fault)
    wait_until(lambda: error_of(lambda: shown(mount, title, what)) is None, 10)
    assert shown(mount, title, what) == wanted[what]


@pytest.mark.sim(*PAGED)
@pytest.mark.parametrize("what", LISTS)
def test_empty_pages_without_end(sim, mount, what):
    title, wanted = expected(sim)
    if what != "spaces":
        mount.ls("spaces")
    fault = sim.fault(method="GET", route=ROUTES[what], pagination="emptypage")
    sim.clear_log()
    # They may well be followed for some time, but not for ever.
    with Timed(20):
        assert error_of(lambda: shown(mount, title, what)) == "EIO"
    assert len(asked(sim)) <= 110
    sim.clear_fault(fault)
    wait_until(lambda: error_of(lambda: shown(mount, title, what)) is None, 10)
    assert shown(mount, title, what) == wanted[what]


@pytest.mark.sim(*PAGED)
@pytest.mark.parametrize("what", LISTS)
def test_the_place_to_go_on_from_is_gone(sim, mount, what):
    """404 on a continued page: messages go on by time; a cursor's list begins anew later."""
    title, wanted = expected(sim)
    if what != "spaces":
        mount.ls("spaces")
    fault = sim.fault(method="GET", route=ROUTES[what], pagination="deletedanchor")
    if what == "messages":
        assert shown(mount, title, what) == wanted[what]
        assert [r for r in sim.requests("GET", "/messages") if r["status"] == 404]
        assert sim.requests("GET", "/messages", r"[?&]?before=")
        assert mount.ls("spaces") == wanted["spaces"]
        return
    assert error_of(lambda: shown(mount, title, what)) in ("EBUSY", "EIO")
    # That page is gone, not the space.
    assert what == "spaces" or title in mount.ls("spaces")
    sim.clear_fault(fault)
    wait_until(lambda: error_of(lambda: shown(mount, title, what)) is None, 10)
    assert shown(mount, title, what) == wanted[what]


@pytest.mark.sim("--data", "empty", "--spaces", 2, "--messages", 12, "--max-page", 1)
def test_no_way_on_is_no_lost_space(sim, mount):
    """Pages of one message, and none can be gone on from: an error, but the space is there."""
    title = mount.ls("spaces")[0]
    fault = sim.fault(method="GET", route="/messages", pagination="deletedanchor")
    with Timed(6):
        assert error_of(os.listdir, mount.space(title)) in ("ENOENT", "EIO")
    assert title in mount.ls("spaces") and os.stat(mount.space(title))
    sim.clear_fault(fault)
    wait_until(lambda: len(messages_in(mount.space(title))) == 12, 10)


@pytest.mark.sim(*PAGED)
def test_an_anchor_that_is_really_deleted(sim, mount):
    """Between two pages somebody deletes the message that the next page begins after."""
    title, wanted = expected(sim)
    mount.ls("spaces")
    room = sim.room(title)["id"]
    sim.control("POST", "/switches", {"deletedAnchor404": True})
    held = sim.fault(method="GET", route="/messages", query="beforeMessage=", hang=True, times=1)

    def lister(_):
        return messages_in(mount.space(title))

    def deleter(_):
        wait_until(lambda: sim.control("GET", "/health")["parked"] == 1, 10)
        anchor = re.search(r"beforeMessage=([^&]+)",
                           sim.requests("GET", "/messages", "beforeMessage=")[-1]["query"])[1]
        deleted = sim.api("GET", "/messages/" + anchor).json
        sim.api("DELETE", "/messages/" + anchor, token="admin-token")
        if sim.api("GET", "/messages/" + anchor).status != 404:
            token = deleted["personEmail"].split("@")[0] + "-token"
            sim.control("POST", "/tokens", {"token": token, "valid": True,
                                            "person": deleted["personEmail"]})
            sim.api("DELETE", "/messages/" + anchor, token=token).ok(204)
        sim.clear_fault(held)
        return txt_name(deleted)
    (listed, e1), (deleted, e2) = parallel(lambda f: f(0), [lister, deleter])
    assert e1 is None and e2 is None
    assert set(wanted["messages"]) - {deleted} <= set(listed) <= set(wanted["messages"])
    assert [r["status"] for r in sim.requests("GET", "/messages", "beforeMessage=") if
            r["status"] == 404]
    assert room
    wait_until(lambda: messages_in(mount.space(title)) ==
               sorted(set(wanted["messages"]) - {deleted}), 15)


@pytest.mark.sim(*PAGED)
def test_the_token_goes_to_no_other_host(sim, start_sim, mount):
    """A next link to another origin is followed on ours; the other never hears of us."""
    other = start_sim("--data", "demo")
    title, wanted = expected(sim)
    for route in ROUTES.values():
        sim.fault(method="GET", route=route, pagination="foreignhost",
                  host=f"127.0.0.1:{other.port}")
    for what in LISTS:
        assert shown(mount, title, what) == wanted[what]
    assert other.log() == []


@pytest.mark.sim(*PAGED)
def test_things_that_change_while_they_are_listed(sim, mount):
    """Insertions and deletions between the pages: nothing that was there all the time lacks."""
    title, wanted = expected(sim)
    mount.ls("spaces")
    room = sim.room(title)["id"]
    held = sim.fault(method="GET", route="/messages", query="beforeMessage=", hang=True, nth=2)

    def lister(_):
        return messages_in(mount.space(title))

    def changer(_):
        wait_until(lambda: sim.control("GET", "/health")["parked"] == 1, 10)
        posted = [txt_name(sim.post(room, f"new {i}", token="bob-token")) for i in range(3)]
        sim.clear_fault(held)
        return posted
    (listed, e1), (posted, e2) = parallel(lambda f: f(0), [lister, changer])
    assert e1 is None and e2 is None
    assert set(wanted["messages"]) <= set(listed)
    wait_until(lambda: len(messages_in(mount.space(title))) == 46, 15)
    assert posted


# Several messages of one millisecond.


def crowded(sim, room):
    """Two authors, a single millisecond, with others around; returns the messages by time."""
    sim.add_messages(room=room, person="bob", text="before", created=1699999999000, count=4,
                     stepMs=10)
    for person, count in (("bob", 7), ("alice", 2), ("bob", 3)):
        sim.add_messages(room=room, person=person, text=person, created=1700000000123,
                         count=count, stepMs=0)
    sim.add_messages(room=room, person="bob", text="after", created=1700000001000, count=4,
                     stepMs=10)
    return sim.messages(room)


@pytest.mark.sim("--data", "empty")
def test_messages_of_one_millisecond(sim, start_mount):
    room = sim.create_room("crowd", ["bob@example.com"])["id"]
    messages = crowded(sim, room)
    first = start_mount(sim)
    space = first.space("crowd")
    names = messages_in(space)
    assert len(names) == len(set(names)) == len(messages) == 20
    known = stems(space)
    assert set(known) == {m["id"] for m in messages}
    same = [m for m in messages if m["created"].endswith(":20.123Z")]
    assert len(same) == 12
    for person in ("alice@example.com", "bob@example.com"):
        mine = [m for m in same if m["personEmail"] == person]
        plain = [m for m in mine if known[m["id"]] == stem(m)]
        # The lowest has the plain name, the others hex digits of their own.
        assert len(plain) == 1
        assert plain[0] == mine[-1]
        for m in mine[:-1]:
            assert re.fullmatch(re.escape(stem(m)) + "~[0-9a-f]{8,32}", known[m["id"]])
            assert uuid_hex(m["id"]).startswith(known[m["id"]].split("~")[1])
    for m in messages:
        name = known[m["id"]]
        assert read(space / (name + ".txt")) == txt_bytes(m)
        for twin in (".md", ".html", ".json"):
            assert os.stat(space / (name + twin)).st_size
    first.unmount()
    # Another mount that knows nothing gives the same names.
    assert stems(start_mount(sim).space("crowd")) == known
    assert stems(start_mount(sim, state=first.state).space("crowd")) == known


@pytest.mark.parametrize("size", [1, 3, 5, 19])
def test_a_millisecond_across_pages(start_sim, start_mount, size):
    sim = start_sim("--data", "empty", "--max-page", size)
    room = sim.create_room("crowd", ["bob@example.com"])["id"]
    messages = crowded(sim, room)
    space = start_mount(sim).space("crowd")
    known = stems(space)
    assert set(known) == {m["id"] for m in messages}
    same = [m for m in messages if m["created"].endswith(":20.123Z")
            and m["personEmail"] == "bob@example.com"]
    assert [m["id"] for m in same if known[m["id"]] == stem(m)] == [same[-1]["id"]]


@pytest.mark.sim("--data", "empty")
@pytest.mark.mount("recent=10")
def test_recent_that_ends_inside_a_millisecond(sim, mount):
    room = sim.create_room("crowd", ["bob@example.com"])["id"]
    messages = crowded(sim, room)
    known = stems(mount.space("crowd"))
    assert {m["id"] for m in messages[:4]} <= set(known)
    assert len(known) == len(set(known.values()))
    assert set(known) <= {m["id"] for m in messages}
    for m in messages:
        if m["id"] in known:
            path = mount.space("crowd") / (known[m["id"]] + ".txt")
            assert read(path) == txt_bytes(m)


@pytest.mark.sim("--data", "empty")
def test_a_flood_in_one_millisecond(sim, mount):
    room = sim.create_room("flood", ["bob@example.com"])["id"]
    sim.add_messages(room=room, person="bob", text="m", created=1700000000123, count=300,
                     stepMs=0)
    space = mount.space("flood")
    names = messages_in(space)
    assert len(set(names)) == 300
    with Timed(10):
        texts = {read(space / n) for n in names}
    assert texts == {f"m {i + 1}\n".encode() for i in range(300)}
