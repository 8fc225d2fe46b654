"""A bot's mount: in group spaces it sees what mentions it, and its own posts."""
import json

import pytest

from lib.tree import asked, check_sizes, error_of, messages_in, read, txt_name
from lib.util import wait_until

BOT = pytest.mark.mount("timeout=150", token="bot-token", hurry=5)


def room_of(sim, title):
    return sim.room(title, token="bot-token")["id"]


@BOT
def test_group_spaces_show_only_mentions(sim, mount):
    assert mount.ls("spaces") == ["Support desk"]
    assert mount.ls("direct") == ["Alice Moreno"]
    everything = sim.messages(room_of(sim, "Support desk"))
    assert len(everything) > 60
    sim.clear_log()
    names = messages_in(mount.space("Support desk"))
    mentioned = sim.messages(room_of(sim, "Support desk"), token="bot-token",
                             mentionedPeople="me", max=100)
    assert names == sorted(txt_name(m) for m in mentioned) and len(names) == 1
    assert b"status" in read(mount.space("Support desk") / names[0])
    log = [r for r in sim.log() if r.get("userAgent", "").startswith("sparkfs")]
    assert [r["path"] for r in log if r["path"] == "/v1/messages"] == ["/v1/messages"]
    for r in log:
        if r["path"] == "/v1/messages":
            assert "mentionedPeople=me" in r["query"]
            # The service's cap with that filter (webex-api.md 2.2).
            assert "max=100" in r["query"].split("&")


@BOT
def test_a_direct_space_shows_everything(sim, mount):
    names = messages_in(mount / "direct/Alice Moreno")
    direct = [r for r in sim.rooms("bot-token") if r["type"] == "direct"][0]["id"]
    assert names == sorted(txt_name(m) for m in sim.messages(direct, token="bot-token"))
    assert len(names) == 2
    assert [r for r in sim.requests("GET", "/messages") if "mentionedPeople" in r["query"]] == []


@BOT
def test_members_details_and_sizes(sim, mount):
    assert len(mount.ls("spaces/Support desk/members")) == 4
    assert json.loads(read(mount / "people/me.json"))["type"] == "bot"
    assert json.loads(read(mount.space("Support desk") / "space.json"))["title"] == "Support desk"
    assert check_sizes(mount.path) > 10


@BOT
def test_own_posts_stay_though_no_list_shows_them(sim, mount):
    space = mount.space("Support desk")
    before = messages_in(space)
    mount.run("echo 'I am on it' > post", cwd=space, check=True)
    own = set(messages_in(space)) - set(before)
    assert len(own) == 1 and next(iter(own)).endswith("_simbot@webex.bot.txt")
    assert read(space / "last") == b"I am on it\n"
    # Absence from a filtered list is no deletion: they are there after several looks.
    sim.clear_log()
    wait_until(lambda: messages_in(space) and asked(sim).count("GET /messages") >= 2, 20)
    assert own < set(messages_in(space))
    assert read(space / "last") == b"I am on it\n"


@BOT
def test_new_mentions_appear_and_other_messages_do_not(sim, mount):
    space = mount.space("Support desk")
    room = sim.room("Support desk", token="heidi-token")["id"]
    bot = sim.me("bot-token")["id"]
    before = messages_in(space)
    sim.post(room, "not for the bot", token="heidi-token")
    mention = sim.post(room, markdown=f"<@personId:{bot}|SimBot> list", token="heidi-token")
    wait_until(lambda: messages_in(space) == sorted([*before, txt_name(mention)]), 15)
    # A message that it once saw and that is deleted: it cannot know, and does not claim to.
    sim.api("DELETE", "/messages/" + mention["id"], token="heidi-token").ok(204)
    sim.clear_log()
    wait_until(lambda: messages_in(space) and "GET /messages" in asked(sim), 15)
    assert set(before) <= set(messages_in(space))


@pytest.mark.sim("--data", "empty", "--max-page", 3)
@pytest.mark.parametrize("oddity", [None, "dropfilters", "maxnull"])
def test_many_mentions_page_with_their_filter(sim, start_mount, oddity):
    """Without the filter on every page, the second one is 403 (webex-api.md 2.3)."""
    room = sim.create_room("bots", ["simbot@webex.bot", "bob@example.com"])["id"]
    bot = sim.me("bot-token")["id"]
    wanted = [sim.post(room, markdown=f"<@personId:{bot}|SimBot> number {i}")
              for i in range(10)]
    for i in range(5):
        sim.post(room, f"noise {i}", token="bob-token")
    if oddity:
        sim.fault(method="GET", route="/messages", pagination=oddity)
    mount = start_mount(sim, token="bot-token")
    assert len(messages_in(mount.space("bots"))) == len(wanted)
    log = sim.requests("GET", "/messages")
    assert len(log) == 4 and all("mentionedPeople=me" in r["query"] for r in log)
    assert {r["status"] for r in log} == {200}


@BOT
def test_errors_are_errors_for_bots_too(sim, mount):
    mount.ls("spaces")
    sim.fault(method="GET", route="/messages", status=403, times=1)
    assert error_of(mount.ls, "spaces/Support desk") == "EACCES"
    wait_until(lambda: len(messages_in(mount.space("Support desk"))) == 1, 10)
