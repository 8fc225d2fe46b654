"""Webhooks: stored, checked, delivered and signed. Section 5.9."""
import hashlib
import hmac
import http.server
import json
import threading

import pytest

from check import DATE, decode, error, unknown
from lib.util import wait_until


def sign(secret, body):
    return hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()


class Receiver:
    """A tiny server that keeps what is delivered to it."""

    def __init__(self):
        got = self.got = []
        outer = self
        self.status = 200

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                got.append((self.path, dict(self.headers.items()), body))
                self.send_response(outer.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def bodies(self, **match):
        found = [json.loads(body) for _, _, body in list(self.got)]
        return [b for b in found if all(b.get(k) == v for k, v in match.items())]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def hook(sim, receiver):
    """function(**fields) -> webhook, deleted after the test"""
    made = []

    def create(token="alice-token", **fields):
        body = {"name": "hook", "targetUrl": receiver.url, "resource": "messages",
                "event": "created", **fields}
        made.append((sim.api("POST", "/webhooks", body, token=token).ok().json, token))
        return made[-1][0]

    yield create
    for each, token in made:
        sim.api("DELETE", f"/webhooks/{each['id']}", token=token)


def test_signature_vector():
    assert sign("s3cret", b'{"hello":"webex"}') == "66616c64ead5b07221fe6505ad6d993cb73fe363"


def test_create_read_update_delete(sim, hook, receiver):
    made = hook(name="n", filter="roomType=group", secret="s3cret")
    assert made["name"] == "n" and made["targetUrl"] == receiver.url
    assert made["resource"] == "messages" and made["event"] == "created"
    assert made["filter"] == "roomType=group" and made["secret"] == "s3cret"
    assert made["status"] == "active" and made["ownedBy"] == "creator"
    assert DATE.match(made["created"])
    assert sim.api("GET", f"/webhooks/{made['id']}").ok().json == made
    assert made in sim.all("/webhooks")
    now = sim.api("PUT", f"/webhooks/{made['id']}", {
        "name": "new", "targetUrl": receiver.url + "2", "resource": "rooms"}).ok().json
    assert now["name"] == "new" and now["targetUrl"] == receiver.url + "2"
    assert now["resource"] == "messages", "what is no name, URL or secret is ignored"
    sim.api("DELETE", f"/webhooks/{made['id']}").ok(204)
    assert sim.api("GET", f"/webhooks/{made['id']}").status == 404
    assert made["id"] not in [h["id"] for h in sim.all("/webhooks")]


def test_errors(sim, hook, receiver):
    good = {"name": "n", "targetUrl": receiver.url, "resource": "messages",
            "event": "created"}

    def without(name):
        return {k: v for k, v in good.items() if k != name}

    error(sim.api("POST", "/webhooks", without("name")), 400, "name cannot be empty")
    error(sim.api("POST", "/webhooks", {**good, "name": ""}), 400, "name cannot be empty")
    error(sim.api("POST", "/webhooks", without("targetUrl")), 400, "targetUrl cannot be null")
    for name in ("resource", "event"):
        error(sim.api("POST", "/webhooks", without(name)), 400)
        error(sim.api("POST", "/webhooks", {**good, name: "nonsense"}), 400)
    error(sim.api("POST", "/webhooks", {**good, "filter": "roomId=!!"}), 400,
          "invalid value for filter: roomId")
    error(sim.api("POST", "/webhooks", {**good, "filter": "nonsense=1"}), 400)
    error(sim.api("POST", "/webhooks", {**good, "targetUrl": "no url"}), 400)
    error(sim.api("DELETE", "/webhooks/!!"), 400, "Invalid webhookId for Delete Webhook request.")
    error(sim.api("DELETE", "/webhooks/" + unknown("WEBHOOK")), 404,
          "The requested resource could not be found.")
    made = hook()
    answer = sim.api("DELETE", f"/webhooks/{made['id']}", token="bob-token")
    assert answer.status in (400, 403)
    error(answer, answer.status,
          "Failed to delete webhook.  You are not the owner of it.")
    assert made["id"] not in [h["id"] for h in sim.all("/webhooks", token="bob-token")]
    assert sim.api("GET", f"/webhooks/{unknown('WEBHOOK')}").status == 404


def test_delivery(sim, hook, receiver, shared, people):
    made = hook(secret="s3cret", filter=f"roomId={shared['id']}")
    posted = sim.post(shared["id"], "for the hook", token="bob-token")
    wait_until(lambda: receiver.got, what="a delivery")
    path, headers, raw = receiver.got[0]
    headers = {k.lower(): v for k, v in headers.items()}
    assert path == "/hook" and headers["content-type"].startswith("application/json")
    assert headers["x-spark-signature"] == sign("s3cret", raw)
    body = json.loads(raw)
    for name in ("id", "name", "targetUrl", "resource", "event", "filter", "ownedBy",
                 "status", "created"):
        assert body[name] == made[name], name
    assert body["actorId"] == people["bob"]["id"]
    assert body["createdBy"] == people["alice"]["id"] and body["appId"]
    data = body["data"]
    assert data == {k: posted[k] for k in ("id", "roomId", "roomType", "personId",
                                           "personEmail", "created")}
    assert decode(data["id"])[1] == "MESSAGE"


def test_no_secret_no_signature(sim, hook, receiver, room):
    hook(filter=f"roomId={room['id']}")
    sim.post(room["id"], "own messages are delivered, too")
    wait_until(lambda: receiver.got)
    assert "x-spark-signature" not in {k.lower() for k in receiver.got[0][1]}


def test_text_stays_out_and_mentions_and_files_are_in(sim, hook, receiver, shared, people):
    hook(filter=f"roomId={shared['id']}")
    sim.post(shared["id"], markdown=f"<@personId:{people['bob']['id']}|B> psst")
    wait_until(lambda: receiver.got)
    data = receiver.bodies()[0]["data"]
    assert not {"text", "markdown", "html"} & set(data)
    assert data["mentionedPeople"] == [people["bob"]["id"]]


@pytest.mark.parametrize("make,matches", [
    ("hasFiles=true", "file"), ("roomType=direct", None), ("mentionedPeople=me", "mention"),
    ("personEmail={bob}", "bob")])
def test_filters(sim, hook, receiver, shared, people, make, matches):
    bob = people["bob"]
    hook(filter=f"roomId={shared['id']}&" + make.format(bob=bob["emails"][0]))
    hook(name="all", filter=f"roomId={shared['id']}")
    posted = {
        "file": sim.upload(shared["id"], "a.txt", b"x"),
        "mention": sim.post(shared["id"], markdown=f"<@personId:{people['alice']['id']}> x"),
        "bob": sim.post(shared["id"], "x", token="bob-token")}
    wait_until(lambda: len(receiver.bodies(name="all")) == 3)
    want = [posted[matches]["id"]] if matches else []
    wait_until(lambda: [b["data"]["id"] for b in receiver.bodies(name="hook")] == want)


def test_deleted_messages(sim, hook, receiver, room):
    hook(event="deleted", filter=f"roomId={room['id']}")
    made = sim.post(room["id"], "x")
    sim.api("DELETE", f"/messages/{made['id']}").ok(204)
    wait_until(lambda: receiver.got)
    body = receiver.bodies()[0]
    assert body["event"] == "deleted"
    assert body["data"] == {k: made[k] for k in ("id", "roomId", "roomType", "personId",
                                                 "personEmail")}


def test_memberships(sim, hook, receiver, room, people):
    for event in ("created", "updated", "deleted"):
        hook(name=event, resource="memberships", event=event, filter=f"roomId={room['id']}")
    made = sim.api("POST", "/memberships", {"roomId": room["id"],
                                            "personId": people["bob"]["id"]}).ok().json
    sim.api("PUT", f"/memberships/{made['id']}", {"isModerator": True}).ok()
    sim.api("DELETE", f"/memberships/{made['id']}").ok(204)
    for event in ("created", "updated", "deleted"):
        wait_until(lambda e=event: any(b["data"]["id"] == made["id"]
                                       for b in receiver.bodies(name=e)), what=event)
        assert all(b["resource"] == "memberships" for b in receiver.bodies(name=event))


def test_rooms(sim, hook, receiver):
    hook(name="made", resource="rooms")
    hook(name="changed", resource="rooms", event="updated")
    room = sim.create_room("hooked")
    sim.api("PUT", f"/rooms/{room['id']}", {"title": "hooked again"}).ok()
    for name in ("made", "changed"):
        wait_until(lambda n=name: any(b["data"]["id"] == room["id"]
                                      for b in receiver.bodies(name=n)), what=name)
    assert "title" not in receiver.bodies(name="made")[0]["data"]


def test_firehose(sim, hook, receiver, room):
    hook(resource="all", event="all")
    hook(resource="attachmentActions", event="created")
    card = sim.post(room["id"], attachments=[{
        "contentType": "application/vnd.microsoft.card.adaptive",
        "content": {"type": "AdaptiveCard", "version": "1.3", "body": []}}])
    sim.api("POST", "/attachment/actions", {"type": "submit", "messageId": card["id"],
                                            "inputs": {}}).ok()
    # `all` is not for these.
    wait_until(lambda: receiver.bodies(resource="attachmentActions"))
    made = sim.post(room["id"], "x")
    sim.api("DELETE", f"/messages/{made['id']}").ok(204)
    wait_until(lambda: receiver.bodies(resource="messages", event="created"))
    wait_until(lambda: receiver.bodies(resource="messages", event="deleted"))
    assert len(receiver.bodies(resource="attachmentActions")) == 1


def test_only_what_the_owner_sees(sim, hook, receiver, room, shared):
    hook(token="bob-token", name="bob")
    sim.post(room["id"], "bob is not here")
    seen = sim.post(shared["id"], "bob is here")
    wait_until(lambda: receiver.bodies(name="bob"))
    assert [b["data"]["id"] for b in receiver.bodies(name="bob")] == [seen["id"]]


def test_a_bot_hears_of_its_mentions_and_of_what_it_does(sim, hook, receiver, shared, people):
    hook(token="bot-token", name="bot")
    sim.post(shared["id"], "not for the bot")
    heard = sim.post(shared["id"], markdown=f"<@personId:{people['bot']['id']}|Bot> hi")
    own = sim.post(shared["id"], "from the bot", token="bot-token")
    wait_until(lambda: len(receiver.bodies(name="bot")) >= 2)
    assert {b["data"]["id"] for b in receiver.bodies(name="bot")} == {heard["id"], own["id"]}


def test_a_dead_receiver_blocks_nothing(sim, hook, room):
    hook(targetUrl="http://127.0.0.1:9/")
    for n in range(5):
        sim.post(room["id"], f"{n}")


@pytest.mark.limit(120)
def test_a_failing_hook_is_switched_off(sim, hook, receiver, room):
    receiver.status = 500
    made = hook(filter=f"roomId={room['id']}")
    for n in range(110):
        sim.post(room["id"], f"{n}")
    wait_until(lambda: sim.api("GET", f"/webhooks/{made['id']}").json["status"] == "inactive",
               30, "the hook is inactive")
    receiver.status = 200
    now = sim.api("PUT", f"/webhooks/{made['id']}", {
        "name": "hook", "targetUrl": receiver.url, "status": "active"}).ok().json
    assert now["status"] == "active"
