"""The control interface under /_sim: request log, faults, scan states, back-dating."""
import http.client
import json
import socket
import threading
import time

import pytest

from check import DATE, iso_ms, uuid_ms, uuid_of
from lib.util import wait_until


@pytest.fixture(autouse=True)
def clean(sim):
    sim.clear_faults()
    sim.clear_log()
    yield
    sim.clear_faults()


def get(sim, path="/people/me", **options):
    return sim.api("GET", path, **options)


def lost(call):
    """Whether the connection is lost before a whole answer came."""
    try:
        call()
    except (ConnectionError, http.client.IncompleteRead, http.client.BadStatusLine,
            socket.timeout):
        return True
    return False


def test_log(sim, room):
    sim.clear_log()
    get(sim, "/rooms?max=3&type=group")
    get(sim, "/rooms/nope", token="no")
    sim.post(room["id"], "x")
    log = sim.log()
    assert [(e["method"], e["path"], e["status"]) for e in log] == [
        ("GET", "/v1/rooms", 200), ("GET", "/v1/rooms/nope", 401),
        ("POST", "/v1/messages", 200)]
    assert log[0]["query"] == "max=3&type=group"
    assert [e["n"] for e in log] == sorted(e["n"] for e in log)
    assert all(e["endedMs"] >= e["startedMs"] > 1_600_000_000_000 for e in log)
    assert len(sim.requests("GET", "/rooms")) == 1
    sim.clear_log()
    assert sim.log() == []


def test_the_log_does_not_log_itself(sim):
    sim.log()
    assert sim.log() == []


def test_the_log_knows_no_token(sim):
    get(sim)
    assert "alice-token" not in json.dumps(sim.log())


def test_status_and_message(sim):
    sim.fault(status=500, times=1)
    answer = get(sim)
    assert answer.status == 500 and answer.json["message"]
    assert answer.json["trackingId"] == answer.headers["TrackingID"]
    get(sim).ok()


def test_matching(sim, room):
    sim.fault(method="POST", route="/messages", status=503)
    get(sim, f"/messages?roomId={room['id']}").ok()
    assert sim.api("POST", "/messages", {"roomId": room["id"], "text": "x"}).status == 503
    sim.clear_faults()
    sim.fault(method="GET", route="/rooms", status=503)
    get(sim).ok()
    assert get(sim, "/rooms").status == 503
    sim.clear_faults()
    sim.fault(method="GET", route="/messages", query=room["id"], status=503)
    other = sim.create_room("other")
    get(sim, f"/messages?roomId={other['id']}").ok()
    assert get(sim, f"/messages?roomId={room['id']}").status == 503


def test_nth_and_times(sim):
    sim.fault(route="/people/me", nth=3, status=502)
    assert [get(sim).status for _ in range(5)] == [200, 200, 502, 200, 200]
    sim.clear_faults()
    sim.fault(route="/people/me", skip=2, times=2, status=502)
    assert [get(sim).status for _ in range(6)] == [200, 200, 502, 502, 200, 200]


def test_probability_and_seed(sim):
    runs = []
    for _ in range(2):
        sim.fault(route="/people/me", probability=0.5, seed=7, status=502)
        runs.append([get(sim).status for _ in range(60)])
        sim.clear_faults()
    assert runs[0] == runs[1]
    assert 10 < runs[0].count(502) < 50


def test_clear_one(sim):
    one = sim.fault(route="/people/me", status=502)
    two = sim.fault(route="/rooms", status=502)
    assert one != two
    sim.clear_fault(one)
    get(sim).ok()
    assert get(sim, "/rooms").status == 502


@pytest.mark.parametrize("value", [7, 3600, "rand(30),add(30)", "0"])
def test_retry_after(sim, value):
    sim.fault(status=429, retryAfter=value, times=1)
    answer = get(sim)
    assert answer.status == 429 and answer.headers["Retry-After"] == str(value)


def test_no_retry_after(sim):
    sim.fault(status=429, times=1)
    assert "Retry-After" not in get(sim).headers


def test_html(sim):
    sim.fault(status=502, html=True, times=1)
    answer = get(sim)
    assert answer.status == 502
    assert answer.headers["Content-Type"].startswith("text/html")
    assert b"<html" in answer.body.lower()


def test_delay(sim):
    sim.fault(route="/people/me", delayMs=300, times=1)
    start = time.monotonic()
    other = threading.Thread(target=lambda: get(sim))
    other.start()
    get(sim, "/rooms").ok()
    assert time.monotonic() - start < 0.3, "others wait, too"
    other.join()
    assert time.monotonic() - start >= 0.29


def test_hang_holds_one_and_lets_others_through(sim):
    fault = sim.fault(route="/rooms", hang=True)
    connections = [sim.connect() for _ in range(50)]
    for connection in connections:
        connection.request("GET", "/v1/rooms", headers={"Authorization": "Bearer alice-token"})
    wait_until(lambda: len(sim.requests("GET", "/rooms")) == 50)
    get(sim).ok()
    connections[0].sock.settimeout(0.2)
    with pytest.raises(socket.timeout):
        connections[0].getresponse()
    sim.clear_fault(fault)
    # What hung is answered or closed, never left hanging.
    for connection in connections[1:]:
        lost(lambda c=connection: c.getresponse().read())
    for connection in connections:
        connection.close()
    get(sim, "/rooms").ok()


def test_reset_before_is_not_applied(sim, room):
    sim.fault(method="POST", route="/messages", reset="before", times=1)
    assert lost(lambda: sim.post(room["id"], "never"))
    assert sim.messages(room["id"]) == []


def test_reset_after_is_applied(sim, room):
    sim.fault(method="POST", route="/messages", reset="after", times=1)
    assert lost(lambda: sim.post(room["id"], "done"))
    assert [m["text"] for m in sim.messages(room["id"])] == ["done"]


def test_a_failed_status_is_not_applied(sim, room):
    sim.fault(method="POST", route="/messages", status=502, times=1)
    assert sim.api("POST", "/messages", {"roomId": room["id"], "text": "x"}).status == 502
    assert sim.messages(room["id"]) == []


def test_cut(sim):
    whole = get(sim, "/rooms").ok().body
    sim.fault(route="/rooms", cutAt=10, times=1)
    with pytest.raises((http.client.IncompleteRead, ConnectionError)) as caught:
        get(sim, "/rooms")
    if isinstance(caught.value, http.client.IncompleteRead):
        assert caught.value.partial == whole[:10]


def test_slow(sim, room):
    made = sim.upload(room["id"], "a.bin", b"x" * 2000)
    sim.fault(route="/contents", slowBytesPerSec=4000, times=1)
    start = time.monotonic()
    answer = sim.api("GET", made["files"][0]).ok()
    assert answer.body == b"x" * 2000
    assert 0.25 < time.monotonic() - start < 10


@pytest.mark.parametrize("kind", ["missing", "wrong"])
def test_content_length(sim, room, kind):
    made = sim.upload(room["id"], "a.bin", b"x" * 2000)
    for method in ("HEAD", "GET"):
        sim.fault(method=method, route="/contents", contentLength=kind, times=1)
        try:
            answer = sim.api(method, made["files"][0])
            length = answer.headers.get("Content-Length")
        except http.client.IncompleteRead:
            length = "more than comes"
            assert kind == "wrong"
        assert length != "2000"
        if kind == "missing":
            assert length is None and (method == "HEAD" or answer.body == b"x" * 2000)


def test_malformed_json(sim):
    sim.fault(route="/rooms", malformed=True, times=1)
    answer = get(sim, "/rooms").ok()
    with pytest.raises(ValueError):
        json.loads(answer.body)


@pytest.fixture
def ten(sim, room):
    """Ten messages in a room; page size 3."""
    made = [sim.post(room["id"], f"{n}")["id"] for n in range(10)]
    return made[::-1], {"roomId": room["id"], "max": 3}


def odd_page(sim, kind, query, **more):
    sim.fault(method="GET", route="/messages", pagination=kind, times=1, **more)
    return sim.api("GET", "/messages", query=query).ok()


def test_pages_valueless(sim, ten):
    ids, query = ten
    url = odd_page(sim, "valueless", query).next_url()
    assert any("=" not in pair for pair in url.split("?")[1].split("&")), url
    assert [m["id"] for m in sim.api("GET", url).ok().items] == ids[3:6]


def test_pages_maxnull(sim, ten):
    ids, query = ten
    url = odd_page(sim, "maxnull", query).next_url()
    assert "max=null" in url
    url = url.replace("max=null", "max=3")
    assert [m["id"] for m in sim.api("GET", url).ok().items] == ids[3:6]


def test_pages_dropfilters(sim, ten):
    _ids, query = ten
    url = odd_page(sim, "dropfilters", query).next_url()
    assert "max=" not in url and ("beforeMessage=" in url or "cursor=" in url)


def test_pages_foreignhost(sim, ten):
    _ids, query = ten
    url = odd_page(sim, "foreignhost", query).next_url()
    assert not url.startswith(sim.origin)


def test_pages_deletedanchor(sim, ten):
    ids, query = ten
    url = sim.api("GET", "/messages", query=query).ok().next_url()
    sim.fault(method="GET", route="/messages", pagination="deletedanchor", times=1)
    assert sim.api("GET", url).status == 404
    assert [m["id"] for m in sim.api("GET", url).ok().items] == ids[3:6]


def test_pages_emptypage(sim, ten):
    ids, query = ten
    answer = odd_page(sim, "emptypage", query)
    assert answer.items == []
    got = []
    while answer.next_url():
        answer = sim.api("GET", answer.next_url()).ok()
        got += [m["id"] for m in answer.items]
    assert got == ids, "nothing is lost behind an empty page"


def test_pages_duplicate(sim, ten):
    ids, query = ten
    answer = sim.api("GET", "/messages", query=query).ok()
    got = [m["id"] for m in answer.items]
    sim.fault(method="GET", route="/messages", pagination="duplicate", times=1)
    while answer.next_url():
        answer = sim.api("GET", answer.next_url()).ok()
        got += [m["id"] for m in answer.items]
    assert len(got) > len(set(got)) and set(got) == set(ids)


def test_pages_loop(sim, ten):
    _ids, query = ten
    sim.fault(method="GET", route="/messages", pagination="loop")
    seen = []
    url = sim.api("GET", "/messages", query=query).ok().next_url()
    for _ in range(10):
        seen.append(url)
        url = sim.api("GET", url).ok().next_url()
    assert url in seen


def test_bad_faults_are_refused(sim):
    for fault in ({"pagination": "nonsense"}, {"reset": "sometimes"},
                  {"contentLength": "odd"}):
        answer = sim.request("POST", "/_sim/faults", json.dumps(fault),
                             {"Content-Type": "application/json"})
        assert answer.status == 400, fault


# Scan states.

def content(message):
    return message["files"][0].rsplit("/", 1)[1]


def test_scan_states(sim, room):
    made = sim.upload(room["id"], "a.bin", b"data")

    def read(method="GET", suffix=""):
        return sim.api(method, made["files"][0] + suffix)

    sim.scan(contentId=content(made), state="scanning", seconds=2)
    answer = read()
    assert answer.status == 423 and int(answer.headers["Retry-After"]) in (1, 2)
    assert read("HEAD").status == 423
    sim.scan(contentId=content(made), state="infected")
    assert read().status == 410
    sim.scan(contentId=content(made), state="unscannable")
    assert read().status == 428
    assert read(suffix="?allow=unscannable").ok().body == b"data"
    sim.scan(contentId=content(made), state="clean")
    assert read().ok().body == b"data"


# Back-dating.

def test_back_dated_messages(sim, room, people):
    now = sim.post(room["id"], "now")
    sim.add_messages(room=room["id"], person=people["bob"]["emails"][0], text="old",
                     created="2020-02-29T12:00:00.500Z")
    got = sim.messages(room["id"])
    assert [m["text"] for m in got] == ["now", "old"]
    assert got[1]["created"] == "2020-02-29T12:00:00.500Z" and DATE.match(now["created"])
    assert uuid_ms(uuid_of(got[1]["id"], "MESSAGE", 1)) == iso_ms(got[1]["created"])


def test_many_in_one_millisecond(sim, room):
    sim.add_messages(room=room["id"], person="alice", text="tie", count=25,
                     created="2021-01-01T00:00:00.123Z")
    whole = [m["id"] for m in sim.messages(room["id"], max=100)]
    assert len(set(whole)) == 25
    assert {m["created"] for m in sim.messages(room["id"])} == {"2021-01-01T00:00:00.123Z"}
    for page in (1, 2, 7):
        assert [m["id"] for m in sim.messages(room["id"], max=page)] == whole


# Tokens.

def test_tokens_expire(sim):
    sim.tokens(token="dying-token", person="bob")
    sim.me("dying-token")
    sim.tokens(token="dying-token", valid=False)
    assert get(sim, token="dying-token").status == 401
    sim.tokens(token="dying-token", valid=True)
    sim.me("dying-token")


def test_new_tokens(sim, people):
    sim.tokens(token="fresh-token", person=people["bob"]["emails"][0])
    assert sim.me("fresh-token")["id"] == people["bob"]["id"]
