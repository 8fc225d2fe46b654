"""Messages: create, read, edit, delete, direct, threads, Markdown. Sections 5.4 and 6."""
import pytest

from check import DATE, error, iso_ms, unknown

CARD = {"contentType": "application/vnd.microsoft.card.adaptive",
        "content": {"type": "AdaptiveCard", "version": "1.3",
                    "body": [{"type": "TextBlock", "text": "Berth?"}],
                    "actions": [{"type": "Action.Submit", "title": "OK"}]}}


def markdown(sim, room, source):
    return sim.api("POST", "/messages", {"roomId": room["id"], "markdown": source}).ok().json


def test_text(sim, room, people):
    made = sim.post(room["id"], "hello")
    assert set(made) == {"id", "roomId", "roomType", "text", "personId", "personEmail",
                         "created"}
    assert made["roomId"] == room["id"] and made["roomType"] == "group"
    assert made["personId"] == people["alice"]["id"]
    assert made["personEmail"] == people["alice"]["emails"][0]
    assert DATE.match(made["created"])
    assert sim.api("GET", f"/messages/{made['id']}").ok().json == made
    assert sim.messages(room["id"]) == [made]


@pytest.mark.parametrize("text", [
    "ä ö ü 漢字 🎉", "a\nb\n\nc", "  indented", "tab\there", 'quotes " and \\ backslash',
    "<b>not html</b> & so on", "**not markdown**", "zero\u200bwidth", "\u202ebidi", "~",
    "line\r\nend", "null", "'", "<@all>"])
def test_text_comes_back_as_it_was(sim, room, text):
    made = sim.post(room["id"], text)
    assert made["text"] == text and "html" not in made and "markdown" not in made
    assert sim.api("GET", f"/messages/{made['id']}").ok().json["text"] == text


def test_created_never_goes_back(sim, room):
    made = [sim.post(room["id"], f"{n}") for n in range(20)]
    times = [iso_ms(m["created"]) for m in made]
    assert times == sorted(times)
    assert [m["id"] for m in sim.messages(room["id"])] == [m["id"] for m in made[::-1]]


def test_last_activity_is_the_newest_message(sim, room):
    made = sim.post(room["id"], "x")
    now = sim.api("GET", f"/rooms/{room['id']}").ok().json
    assert now["lastActivity"] == made["created"]


@pytest.mark.parametrize("source,html,text", [
    ("See the **draft**", "<p>See the <strong>draft</strong></p>", "See the draft"),
    ("*em* and _em_", "<p><em>em</em> and <em>em</em></p>", "em and em"),
    ("a `code` b", "<p>a <code>code</code> b</p>", "a code b"),
    ("a & b < c", "<p>a &amp; b &lt; c</p>", "a & b < c"),
    ("one\n\ntwo", "<p>one</p>", "one two"),
    ("# Head\n\nbody", "<h1>Head</h1>", "Head body"),
    ("- a\n- b", "<ul>", "a b"),
    ("1. a\n2. b", "<ol>", "a b"),
    ("> quoted", "<blockquote>", "quoted"),
    ("```\ncode\n```", "<code>", "code"),
    ("two  \nlines", "<br", "two lines"),
    ("äöü **漢字** 🎉", "<strong>漢字</strong>", "äöü 漢字 🎉"),
])
def test_markdown(sim, room, source, html, text):
    made = markdown(sim, room, source)
    assert made["markdown"] == source
    assert html in made["html"]
    assert made["text"] == text
    assert sim.api("GET", f"/messages/{made['id']}").ok().json == made


def test_links_are_nofollow(sim, room):
    made = markdown(sim, room, "see [here](https://example.org/?a=1&b=2)")
    assert 'href="https://example.org/?a=1&amp;b=2"' in made["html"]
    assert 'rel="nofollow"' in made["html"]
    assert made["text"] == "see here"


def test_nested_lists(sim, room):
    made = markdown(sim, room, "- a\n    - b\n- c")
    assert made["html"].count("<ul>") == 2 and made["text"].split() == ["a", "b", "c"]


@pytest.mark.parametrize("source", ["<script>alert(1)</script>", "a <img src=x onerror=y> b",
                                    "[x](javascript:alert(1))", "<iframe src='x'></iframe>"])
def test_html_is_defused(sim, room, source):
    made = markdown(sim, room, source)
    for bad in ("<script", "<img", "<iframe", 'href="javascript:'):
        assert bad not in made.get("html", "")


def test_text_beside_markdown_is_the_fallback(sim, room):
    made = sim.api("POST", "/messages", {"roomId": room["id"], "text": "plain",
                                         "markdown": "**rich**"}).ok().json
    assert made["text"] == "plain" and made["markdown"] == "**rich**"
    assert "<strong>rich</strong>" in made["html"]


@pytest.mark.parametrize("form", ["<@personEmail:{email}|Bobby>", "<@personId:{id}|Bobby>"])
def test_mentions(sim, shared, people, form):
    bob = people["bob"]
    made = markdown(sim, shared, "hi " + form.format(email=bob["emails"][0], id=bob["id"]))
    markup = (f'<spark-mention data-object-type="person" data-object-id="{bob["id"]}">Bobby'
              "</spark-mention>")
    assert markup in made["html"] and markup in made["markdown"]
    assert made["text"] == "hi Bobby"
    assert made["mentionedPeople"] == [bob["id"]] and "mentionedGroups" not in made
    assert sim.api("GET", f"/messages/{made['id']}").ok().json == made


def test_a_mention_without_a_name(sim, shared, people):
    bob = people["bob"]
    made = markdown(sim, shared, f"<@personEmail:{bob['emails'][0]}> look")
    assert made["mentionedPeople"] == [bob["id"]]
    assert f'data-object-id="{bob["id"]}">' in made["html"]
    assert made["text"].endswith(" look") and "<" not in made["text"]


def test_mention_all(sim, shared):
    made = markdown(sim, shared, "<@all> come")
    assert made["mentionedGroups"] == ["all"] and "mentionedPeople" not in made
    assert 'data-object-type="groupMention"' in made["html"]
    assert 'data-group-type="all"' in made["html"]


def test_an_unknown_mention_stays_text(sim, shared):
    source = "<@personEmail:nobody@nowhere.example|Nobody> x"
    made = markdown(sim, shared, source)
    assert "mentionedPeople" not in made
    assert "spark-mention" not in made["html"]
    assert "&lt;@personEmail:" in made["html"]


def test_mentioned_people_filter(sim, shared, people):
    alice, bob = people["alice"], people["bob"]
    one = markdown(sim, shared, f"<@personId:{bob['id']}|B> one")
    sim.post(shared["id"], "nobody")
    markdown(sim, shared, f"<@personId:{alice['id']}|A> other")
    for who in ("me", bob["id"]):
        got = sim.messages(shared["id"], token="bob-token", mentionedPeople=who)
        assert [m["id"] for m in got] == [one["id"]]
    answer = sim.api("GET", "/messages", query={"roomId": shared["id"],
                                                "mentionedPeople": bob["id"]})
    assert answer.status in (400, 403)


# Edits.

def test_edit(sim, room):
    made = sim.post(room["id"], "before")
    answer = sim.api("PUT", f"/messages/{made['id']}",
                     {"roomId": room["id"], "text": "after"}).ok().json
    assert answer["text"] == "after" and DATE.match(answer["updated"])
    for name in ("id", "created", "personId", "roomId"):
        assert answer[name] == made[name]
    assert sim.api("GET", f"/messages/{made['id']}").ok().json == answer
    again = sim.api("PUT", f"/messages/{made['id']}",
                    {"roomId": room["id"], "markdown": "**rich**"}).ok().json
    assert "<strong>rich</strong>" in again["html"] and again["text"] == "rich"
    assert again["markdown"] == "**rich**"
    plain = sim.api("PUT", f"/messages/{made['id']}",
                    {"roomId": room["id"], "text": "plain"}).ok().json
    assert "html" not in plain and "markdown" not in plain


def test_an_edit_does_not_move_it(sim, room):
    made = [sim.post(room["id"], f"{n}") for n in range(3)]
    sim.api("PUT", f"/messages/{made[0]['id']}", {"roomId": room["id"], "text": "e"}).ok()
    assert [m["id"] for m in sim.messages(room["id"])] == [m["id"] for m in made[::-1]]


def test_ten_edits(sim, room):
    made = sim.post(room["id"], "0")
    for n in range(10):
        sim.api("PUT", f"/messages/{made['id']}", {"roomId": room["id"], "text": f"{n}"}).ok()
    error(sim.api("PUT", f"/messages/{made['id']}", {"roomId": room["id"], "text": "x"}), 400)
    assert sim.api("GET", f"/messages/{made['id']}").ok().json["text"] == "9"


def test_edits_refused(sim, shared, people):
    made = sim.post(shared["id"], "mine")
    url = f"/messages/{made['id']}"
    body = {"roomId": shared["id"], "text": "x"}
    assert sim.api("PUT", url, body, token="bob-token").status in (400, 403)
    assert sim.api("PUT", url, {"text": "x"}).status == 400
    assert sim.api("PUT", url, {"roomId": shared["id"]}).status == 400
    assert sim.api("PUT", url, {"roomId": shared["id"], "text": "x" * 7440}).status == 400
    assert sim.api("PUT", f"/messages/{unknown('MESSAGE')}", body).status == 404
    with_file = sim.upload(shared["id"], "a.txt", b"x", text="file")
    assert sim.api("PUT", f"/messages/{with_file['id']}", body).status == 400
    with_card = sim.api("POST", "/messages", {"roomId": shared["id"], "text": "card",
                                              "attachments": [CARD]}).ok().json
    assert sim.api("PUT", f"/messages/{with_card['id']}", body).status == 400
    assert sim.api("GET", url).ok().json == made and people


def test_edit_of_a_mention(sim, shared, people):
    bob = people["bob"]["id"]
    made = sim.post(shared["id"], "x")
    now = sim.api("PUT", f"/messages/{made['id']}", {
        "roomId": shared["id"], "markdown": f"<@personId:{bob}|B> y"}).ok().json
    assert now["mentionedPeople"] == [bob]
    now = sim.api("PUT", f"/messages/{made['id']}", {"roomId": shared["id"],
                                                     "text": "z"}).ok().json
    assert "mentionedPeople" not in now


# Threads.

def test_threads(sim, shared):
    root = sim.post(shared["id"], "root")
    other = sim.post(shared["id"], "other")
    replies = [sim.post(shared["id"], f"r{n}", parentId=root["id"], token=token)
               for n, token in enumerate(["alice-token", "bob-token", "alice-token"])]
    assert all(r["parentId"] == root["id"] for r in replies)
    got = sim.messages(shared["id"], parentId=root["id"])
    assert got == replies[::-1]
    assert sim.messages(shared["id"], parentId=other["id"]) == []
    everything = [m["id"] for m in sim.messages(shared["id"])]
    assert everything == [m["id"] for m in [*replies[::-1], other, root]]
    got = sim.messages(shared["id"], parentId=root["id"], beforeMessage=replies[2]["id"])
    assert got == replies[1::-1]
    assert "parentId" not in sim.api("GET", f"/messages/{root['id']}").json


def test_thread_errors(sim, room):
    root = sim.post(room["id"], "root")
    reply = sim.post(room["id"], "reply", parentId=root["id"])
    other = sim.create_room("other thread room")
    for target, parent in [(room, reply["id"]), (other, root["id"])]:
        assert sim.api("POST", "/messages", {"roomId": target["id"], "text": "x",
                                             "parentId": parent}).status == 400
    assert sim.api("POST", "/messages", {"roomId": room["id"], "text": "x",
                                         "parentId": unknown("MESSAGE")}).status in (400, 404)


def test_a_reply_with_a_file(sim, room):
    root = sim.post(room["id"], "root")
    made = sim.upload(room["id"], "a.txt", b"x", parentId=root["id"])
    assert made["parentId"] == root["id"] and len(made["files"]) == 1


# Direct rooms.

def test_direct(sim, people):
    bob, alice = people["bob"], people["alice"]
    made = sim.api("POST", "/messages", {"toPersonEmail": bob["emails"][0],
                                         "text": "one"}).ok().json
    assert made["roomType"] == "direct" and made["toPersonEmail"] == bob["emails"][0]
    two = sim.api("POST", "/messages", {"toPersonId": bob["id"], "text": "two"}).ok().json
    assert two["toPersonId"] == bob["id"] and two["roomId"] == made["roomId"]
    back = sim.api("POST", "/messages", {"toPersonEmail": alice["emails"][0], "text": "back"},
                   token="bob-token").ok().json
    assert back["roomId"] == made["roomId"]
    read = sim.api("GET", f"/messages/{made['id']}").ok().json
    assert "toPersonEmail" not in read and read["text"] == "one"
    for query in ({"personId": bob["id"]}, {"personEmail": bob["emails"][0]}):
        got = sim.api("GET", "/messages/direct", query=query).ok().items
        assert [m["id"] for m in got[:3]] == [back["id"], two["id"], made["id"]]
    got = sim.api("GET", "/messages/direct", query={"personId": alice["id"]},
                  token="bob-token").ok().items
    assert got[0]["id"] == back["id"]
    room = sim.api("GET", f"/rooms/{made['roomId']}").ok().json
    assert room["type"] == "direct" and room["title"] == bob["displayName"]
    room = sim.api("GET", f"/rooms/{made['roomId']}", token="bob-token").ok().json
    assert room["title"] == alice["displayName"]
    members = sim.all("/memberships", query={"roomId": made["roomId"]})
    assert {m["personId"] for m in members} == {alice["id"], bob["id"]}
    assert all(m["roomType"] == "direct" for m in members)


def test_direct_lists_the_newest_fifty(sim, people):
    bob = people["bob"]["id"]
    ids = [sim.api("POST", "/messages", {"toPersonId": bob, "text": f"{n}"}).ok().json["id"]
           for n in range(55)]
    answer = sim.api("GET", "/messages/direct", query={"personId": bob}).ok()
    assert [m["id"] for m in answer.items] == ids[:4:-1]
    assert answer.next_url() is None


def test_direct_threads(sim, people):
    bob = people["bob"]["id"]
    root = sim.api("POST", "/messages", {"toPersonId": bob, "text": "root"}).ok().json
    reply = sim.post(root["roomId"], "reply", parentId=root["id"])
    got = sim.api("GET", "/messages/direct", query={"personId": bob,
                                                    "parentId": root["id"]}).ok().items
    assert [m["id"] for m in got] == [reply["id"]]


def test_direct_errors(sim, people):
    assert sim.api("POST", "/messages", {"toPersonEmail": "nobody@nowhere.example",
                                         "text": "x"}).status in (400, 404)
    answer = sim.api("GET", "/messages/direct", query={"personId": unknown("PEOPLE")})
    assert answer.status == 404
    answer = sim.api("GET", "/messages/direct",
                     query={"personEmail": "nobody@nowhere.example"})
    assert answer.status == 404 and people


def test_direct_rooms_are_private(sim, people):
    made = sim.api("POST", "/messages", {"toPersonId": people["bob"]["id"],
                                         "text": "x"}).ok().json
    for path in (f"/rooms/{made['roomId']}", f"/messages/{made['id']}",
                 f"/messages?roomId={made['roomId']}"):
        assert sim.api("GET", path, token="admin-token").status == 404


# Cards and files by URL.

def test_cards(sim, room):
    made = sim.api("POST", "/messages", {"roomId": room["id"], "text": "fallback",
                                         "attachments": [CARD]}).ok().json
    assert made["attachments"] == [CARD] and made["text"] == "fallback"
    assert sim.api("GET", f"/messages/{made['id']}").ok().json == made
    assert sim.api("POST", "/messages", {"roomId": room["id"], "text": "two",
                                         "attachments": [CARD, CARD]}).status == 400


def test_file_urls(sim, room):
    error(sim.api("POST", "/messages", {"roomId": room["id"],
                                        "files": ["https://example.org/x.pdf"]}), 400)
    assert sim.api("POST", "/messages", {
        "roomId": room["id"], "files": ["http://a.example/1", "http://a.example/2"]}
    ).status == 400
    assert sim.api("POST", "/messages", {"roomId": room["id"],
                                         "files": ["no url"]}).status == 400
    assert sim.messages(room["id"]) == []


# Who may.

def test_others_messages(sim, shared, people):
    made = sim.post(shared["id"], "bob's", token="bob-token")
    answer = sim.api("DELETE", f"/messages/{made['id']}")
    assert answer.status in (403, 404), "not the author and no moderator"
    locked = sim.create_room("locked deletes", isLocked=True)
    sim.api("POST", "/memberships", {"roomId": locked["id"],
                                     "personId": people["bob"]["id"]}).ok()
    made = sim.post(locked["id"], "bob's", token="bob-token")
    sim.api("DELETE", f"/messages/{made['id']}").ok(204)


def test_announcement_only(sim, people):
    room = sim.create_room("announcements", isLocked=True, isAnnouncementOnly=True)
    sim.api("POST", "/memberships", {"roomId": room["id"],
                                     "personId": people["bob"]["id"]}).ok()
    sim.post(room["id"], "news")
    assert sim.api("POST", "/messages", {"roomId": room["id"], "text": "x"},
                   token="bob-token").status == 403
    assert len(sim.messages(room["id"], token="bob-token")) == 1


def test_after_leaving_everything_is_404(sim, shared, people):
    made = sim.upload(shared["id"], "a.txt", b"x", token="bob-token")
    path = made["files"][0]
    sim.api("GET", path, token="bob-token").ok()
    member = sim.all("/memberships", query={"roomId": shared["id"],
                                            "personId": people["bob"]["id"]})[0]
    sim.api("DELETE", f"/memberships/{member['id']}", token="bob-token").ok(204)
    for target in (f"/rooms/{shared['id']}", f"/messages/{made['id']}", path,
                   f"/messages?roomId={shared['id']}", f"/memberships/{member['id']}",
                   f"/memberships?roomId={shared['id']}"):
        assert sim.api("GET", target, token="bob-token").status == 404, target
    assert shared["id"] not in [r["id"] for r in sim.rooms("bob-token")]
    assert sim.api("POST", "/messages", {"roomId": shared["id"], "text": "x"},
                   token="bob-token").status == 404
    assert sim.api("PUT", f"/rooms/{shared['id']}", {"title": "x"},
                   token="bob-token").status == 404
