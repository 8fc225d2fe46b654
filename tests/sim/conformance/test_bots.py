"""What a bot may see: section 5.20 and 5.4."""
from check import error
from test_errors import REFUSED


def test_bots_list_only_their_mentions(sim, shared, people):
    bot = people["bot"]
    sim.post(shared["id"], "not for the bot")
    made = sim.post(shared["id"], markdown=f"<@personId:{bot['id']}|Bot> help")
    error(sim.api("GET", "/messages", query={"roomId": shared["id"]}, token="bot-token"), 403,
          REFUSED)
    got = sim.messages(shared["id"], token="bot-token", mentionedPeople="me")
    assert [m["id"] for m in got] == [made["id"]]
    assert got[0]["text"].startswith("Bot")


def test_bots_get_only_their_messages(sim, shared, people):
    bot = people["bot"]
    other = sim.post(shared["id"], "not for the bot")
    made = sim.post(shared["id"], markdown=f"<@personId:{bot['id']}|Bot> help")
    own = sim.post(shared["id"], "from the bot", token="bot-token")
    error(sim.api("GET", f"/messages/{other['id']}", token="bot-token"), 404,
          "Unable to get message.")
    sim.api("GET", f"/messages/{made['id']}", token="bot-token").ok()
    sim.api("GET", f"/messages/{own['id']}", token="bot-token").ok()
    assert own["personId"] == bot["id"]


def test_bots_read_all_of_a_direct_room(sim, people):
    made = sim.api("POST", "/messages", {"toPersonId": people["bot"]["id"],
                                         "text": "for the bot"}).ok().json
    assert made["id"] in [m["id"] for m in sim.messages(made["roomId"], token="bot-token")]
    sim.api("GET", f"/messages/{made['id']}", token="bot-token").ok()
    got = sim.api("GET", "/messages/direct", query={"personId": people["alice"]["id"]},
                  token="bot-token").ok().items
    assert made["id"] in [m["id"] for m in got]


def test_bots_files(sim, shared):
    made = sim.upload(shared["id"], "a.txt", b"x")
    assert sim.api("GET", made["files"][0], token="bot-token").status == 404
    made = sim.upload(shared["id"], "a.txt", b"x", token="bot-token")
    sim.api("GET", made["files"][0], token="bot-token").ok()
    sim.api("GET", made["files"][0], token="alice-token").ok()


def test_bots_see_their_rooms_and_members(sim, shared, people):
    assert shared["id"] in [r["id"] for r in sim.rooms("bot-token")]
    members = sim.all("/memberships", token="bot-token", query={"roomId": shared["id"]})
    assert people["alice"]["id"] in [m["personId"] for m in members]


def test_bot_edits_and_deletes_its_own(sim, shared):
    made = sim.post(shared["id"], "bot", token="bot-token")
    sim.api("PUT", f"/messages/{made['id']}", {"roomId": shared["id"], "text": "again"},
            token="bot-token").ok()
    sim.api("DELETE", f"/messages/{made['id']}", token="bot-token").ok(204)


def test_mentioned_pages_are_at_most_100(sim, shared, people):
    bot = people["bot"]["id"]
    for n in range(103):
        sim.post(shared["id"], markdown=f"<@personId:{bot}|B> {n}")
    query = {"roomId": shared["id"], "mentionedPeople": "me", "max": 1000}
    answer = sim.api("GET", "/messages", query=query, token="bot-token").ok()
    assert len(answer.items) == 100
    assert "mentionedPeople=me" in answer.next_url()
    rest = sim.api("GET", answer.next_url(), token="bot-token").ok()
    assert len(rest.items) == 3 and rest.next_url() is None
