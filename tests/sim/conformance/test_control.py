"""More of the control interface, what runs at the same time, and other clusters."""
import json
import threading
import time

import pytest

from check import decode, error, iso_ms, uuid_of
from lib.util import wait_until
from test_faults import get, lost


@pytest.fixture(autouse=True)
def clean(sim):
    sim.clear_faults()
    sim.clear_log()
    yield
    sim.clear_faults()


def post_later(sim, room, text):
    """Posts from another thread; its answer is in the list when it came."""
    answers = []

    def run():
        try:
            answers.append(sim.api("POST", "/messages", {"roomId": room["id"], "text": text}))
        except OSError as e:
            answers.append(e)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, answers


def test_release_answers_what_hung(sim, room):
    sim.fault(method="POST", route="/messages$", hang=True)
    thread, answers = post_later(sim, room, "held")
    wait_until(lambda: sim.control("GET", "/health")["parked"] == 1)
    assert sim.messages(room["id"]) == [] and not answers
    sim.control("POST", "/release", {})
    thread.join(10)
    assert answers[0].status == 200
    assert [m["text"] for m in sim.messages(room["id"])] == ["held"]


def test_hang_after_it_is_applied(sim, room):
    sim.fault(method="POST", route="/messages$", hang="after")
    thread, answers = post_later(sim, room, "there")
    wait_until(lambda: [m["text"] for m in sim.messages(room["id"])] == ["there"])
    assert not answers
    sim.clear_faults()
    thread.join(10)
    assert answers


def test_status_after_it_is_applied(sim, room):
    sim.fault(method="POST", route="/messages$", status=502, reset="after", times=1)
    lost(lambda: sim.post(room["id"], "there"))
    assert len(sim.messages(room["id"])) == 1


def test_one_persons_faults(sim):
    sim.fault(person="bob", status=503)
    get(sim).ok()
    assert get(sim, token="bob-token").status == 503


def test_routes(sim, room):
    message = sim.post(room["id"], "x")
    sim.fault(route="/messages$", status=503)
    assert get(sim, f"/messages?roomId={room['id']}").status == 503
    get(sim, f"/messages/{message['id']}").ok()
    sim.clear_faults()
    sim.fault(route="/messages/*", status=503)
    get(sim, f"/messages?roomId={room['id']}").ok()
    assert get(sim, f"/messages/{message['id']}").status == 503
    sim.clear_faults()
    sim.fault(route="/room", status=503)
    get(sim, "/rooms").ok()


def test_chunked_contents(sim, room):
    made = sim.upload(room["id"], "a.bin", b"x" * 100000)
    sim.fault(route="/contents", contentLength="chunked", times=1)
    answer = sim.api("GET", made["files"][0]).ok()
    assert answer.headers["Transfer-Encoding"] == "chunked"
    assert "Content-Length" not in answer.headers and answer.body == b"x" * 100000


def test_cut_contents(sim, room):
    made = sim.upload(room["id"], "a.bin", b"x" * 100000)
    sim.fault(route="/contents", cutAt=5000, times=1)
    assert lost(lambda: sim.api("GET", made["files"][0]))
    assert sim.api("GET", made["files"][0]).ok().body == b"x" * 100000


def test_rate_can_be_set(start_sim):
    sim = start_sim("--data", "empty")
    sim.control("POST", "/rate", {"limit": 3, "retryAfter": "rand(30),add(30)"})
    answers = [get(sim) for _ in range(12)]
    bad = [a for a in answers if a.status == 429]
    assert bad and all(a.headers["Retry-After"] == "rand(30),add(30)" for a in bad)
    sim.control("POST", "/rate", {"limit": 0})
    assert [get(sim).status for _ in range(12)] == [200] * 12


def test_clock(start_sim):
    sim = start_sim("--data", "empty")
    room = sim.create_room("x")
    one = sim.post(room["id"], "one")
    sim.control("POST", "/clock", {"advanceMs": 3600_000})
    two = sim.post(room["id"], "two")
    assert iso_ms(two["created"]) - iso_ms(one["created"]) >= 3600_000


def test_back_dated_files_and_people(sim, room):
    sim.add_messages(room=room["id"], person="alice", created="2021-03-04T05:06:07.008Z",
                     file={"name": "old.txt", "type": "text/plain", "content": "old bytes"})
    made = sim.messages(room["id"])[0]
    answer = sim.api("GET", made["files"][0]).ok()
    assert answer.body == b"old bytes" and "old.txt" in answer.headers["Content-Disposition"]
    new = sim.control("POST", "/people", {"email": "zoe@example.com", "name": "Zoe New",
                                          "token": "zoe-token"})
    assert sim.me("zoe-token")["id"] == new["id"]


def test_a_released_post_is_in_order(sim, room):
    """The time of a held message is when it is applied, not when it was sent."""
    sim.fault(method="POST", route="/messages$", hang=True, times=1)
    thread, _ = post_later(sim, room, "held")
    wait_until(lambda: sim.control("GET", "/health")["parked"] == 1)
    sim.post(room["id"], "first")
    sim.control("POST", "/release", {})
    thread.join(10)
    assert [m["text"] for m in sim.messages(room["id"])] == ["held", "first"]


def test_many_writers(sim, room):
    def write(n):
        for m in range(20):
            sim.post(room["id"], f"{n}.{m}")
    threads = [threading.Thread(target=write, args=(n,)) for n in range(15)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    got = sim.messages(room["id"], max=7)
    assert len({m["id"] for m in got}) == 300
    assert {m["text"] for m in got} == {f"{n}.{m}" for n in range(15) for m in range(20)}
    times = [iso_ms(m["created"]) for m in got]
    assert times == sorted(times, reverse=True)


def test_another_cluster(sim, people):
    """Section 4: people stay in `us`, a room's messages share its cluster."""
    made = sim.control("POST", "/rooms", {"title": "elsewhere", "person": "alice",
                                          "cluster": "urn:TEAM:eu-central-1_k"})
    cluster, kind, rest = decode(made["id"])
    assert (cluster, kind) == ("urn:TEAM:eu-central-1_k", "ROOM")
    room = sim.api("GET", f"/rooms/{made['id']}").ok().json
    assert room["id"] == made["id"]
    message = sim.upload(room["id"], "a.txt", b"x")
    assert decode(message["id"])[0] == cluster and message["roomId"] == room["id"]
    assert decode(message["personId"])[0] == "us"
    assert sim.api("GET", message["files"][0]).ok().body == b"x"
    # 4.4: bare UUIDs are for `us` alone.
    error(sim.api("GET", f"/rooms/{rest}"), 404, "The requested resource could not be found.")
    uuid_of(message["id"], "MESSAGE", 1)
    assert sim.messages(room["id"], max=1) == [message] and people


def test_an_author_who_is_gone(sim):
    """A message's personId may be unresolvable for ever (5.1)."""
    authors = {m["personId"] for r in sim.rooms() for m in sim.messages(r["id"])}
    status = {sim.api("GET", f"/people/{author}").status for author in authors}
    assert status == {200, 404}


def test_a_client_that_goes_away(sim, room):
    sim.fault(method="GET", route="/messages", hang=True)
    connections = [sim.connect() for _ in range(30)]
    for connection in connections:
        connection.request("GET", f"/v1/messages?roomId={room['id']}",
                           headers={"Authorization": "Bearer alice-token"})
    wait_until(lambda: sim.control("GET", "/health")["parked"] == 30)
    for connection in connections:
        connection.close()
    wait_until(lambda: sim.control("GET", "/health")["parked"] == 0, what="all are let go")
    sim.clear_faults()
    get(sim, f"/messages?roomId={room['id']}").ok()


def test_it_ends_at_once_whatever_hangs(start_sim):
    sim = start_sim("--data", "demo")
    sim.fault(hang=True)
    connections = [sim.connect() for _ in range(20)]
    for connection in connections:
        connection.request("GET", "/v1/people/me",
                           headers={"Authorization": "Bearer alice-token"})
    wait_until(lambda: sim.control("GET", "/health")["parked"] == 20)
    start = time.monotonic()
    sim.stop()
    assert time.monotonic() - start < 10
    for connection in connections:
        connection.close()


def everything(sim):
    return [(room, sim.messages(room["id"]),
             sim.all("/memberships", query={"roomId": room["id"]})) for room in sim.rooms()]


def test_a_restart_with_state_loses_nothing(start_sim, tmp_path):
    sim = start_sim("--data", "empty", "--state", tmp_path / "state")
    pier, quay = sim.create_room("Pier", ["bob@example.com"]), sim.create_room("Quay")
    root = sim.post(pier["id"], "Größe\n\"tide\" \\ \t")
    sim.post(pier["id"], markdown="**bold** <@all>", parentId=root["id"])
    gone = sim.post(pier["id"], "to be deleted", token="bob-token")
    edited = sim.post(pier["id"], "to be edited")
    sim.api("PUT", f"/messages/{edited['id']}",
            {"roomId": pier["id"], "text": "edited"}).ok()
    sim.api("DELETE", f"/messages/{gone['id']}", token="bob-token").ok(204)
    sim.api("POST", "/messages", {"toPersonEmail": "bob@example.com", "text": "hi"}).ok()
    data = [bytes(range(256)) * n for n in (0, 1, 9000)]
    for i, content in enumerate(data):
        sim.upload(quay["id"], f"{i}.bin", content)
    before = everything(sim)
    for _ in range(2):
        sim.stop()
        sim.start()
        assert everything(sim) == before
    files = [sim.api("GET", m["files"][0]).ok().body for m in sim.messages(quay["id"])]
    assert files[::-1] == data
    assert sim.post(pier["id"], "later")["created"] > before[0][1][0]["created"]


def test_a_state_that_is_none_is_refused(start_sim, tmp_path):
    (tmp_path / "state").write_text("nonsense\n")
    with pytest.raises(AssertionError, match="webexsim: .*state"):
        start_sim("--data", "empty", "--state", tmp_path / "state")


def test_bad_control_requests(sim):
    for method, path, body in [("POST", "/faults", "{"), ("POST", "/messages", "{}"),
                               ("POST", "/scan", '{"contentId":"x"}'), ("GET", "/nope", None),
                               ("PUT", "/log", None), ("DELETE", "/faults/9999", None),
                               ("POST", "/tokens", "{}"), ("POST", "/rate", "[]"),
                               ("POST", "/clock", '{"now":"x"}')]:
        answer = sim.request(method, "/_sim" + path, body,
                             {"Content-Type": "application/json"} if body else {})
        assert answer.status in (400, 404, 405), (method, path, answer)
        assert json.loads(answer.body)["message"]


def test_who_may_submit_a_card(start_sim):
    sim = start_sim("--data", "empty")
    card = sim.post(sim.create_room("cards")["id"], attachments=[{
        "contentType": "application/vnd.microsoft.card.adaptive",
        "content": {"type": "AdaptiveCard", "version": "1.3", "body": []}}])
    submit = {"type": "submit", "messageId": card["id"], "inputs": {"a": "b"}}
    assert sim.api("POST", "/attachment/actions", submit).ok().json["inputs"] == {"a": "b"}
    sim.control("POST", "/switches", {"authorSubmits": False})
    error(sim.api("POST", "/attachment/actions", submit), 400,
          begins='Unable to post attachment action: "Author of a card cannot submit')
