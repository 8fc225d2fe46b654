"""Cards: their words, the card itself, and the form that is answered by writing to it."""
import errno
import json
import os
import subprocess
import sys

import pytest

from lib.chat import Unsent, fails, opened, put, remounted
from lib.chat import pier, unsent  # noqa: F401  pylint: disable=unused-import
from lib.tree import messages_in
from lib.util import wait_until

TYPE = "application/vnd.microsoft.card.adaptive"

ASK = {
    "type": "AdaptiveCard", "version": "1.3",
    "body": [
        {"type": "TextBlock", "text": "Ticket 4711: buoy \u001b[31m7"},
        {"type": "FactSet", "facts": [{"title": "Since", "value": "06:40"}]},
        {"type": "Input.Text", "id": "note", "label": "Note", "isRequired": True,
         "maxLength": 20},
        {"type": "Input.ChoiceSet", "id": "berth", "value": "4", "choices": [
            {"title": "Berth four", "value": "4"}, {"title": "Berth five", "value": "5"}]},
    ],
    "actions": [{"type": "Action.Submit", "title": "Take it", "data": {"ticket": 4711}}],
}
WORDS = ("[card]\nTicket 4711: buoy \ufffd[31m7\nSince: 06:40\nNote*: ____\nberth:\n"
         "  (x) Berth four\n  ( ) Berth five\n[Take it]\n")
CHOICE = {
    "type": "AdaptiveCard", "version": "1.3",
    "body": [{"type": "Input.Text", "id": "why"}],
    "actions": [{"type": "Action.Submit", "title": t, "data": {"do": t.lower()}}
                for t in ("Yes", "No")],
}
SHOWN = {"type": "AdaptiveCard", "version": "1.3",
         "body": [{"type": "TextBlock", "text": "Only to be seen"}]}


def attached(*cards):
    return [{"contentType": TYPE, "content": c} for c in cards]


class Cards:
    """The cards in a space, each with its files."""

    def __init__(self, pier):
        self.pier, self.sim = pier, pier.sim
        self.sim.api("POST", "/memberships",
                     {"roomId": pier.id, "personEmail": "bob@example.com"}).ok()

    def post(self, card, text="fallback", token="bob-token", **more):
        message = self.sim.post(self.pier.id, text, token=token, attachments=attached(card), **more)
        return self.of(message)

    def of(self, message):
        """The stem of a message of the server, when the mount shows it."""
        def find():
            for name in messages_in(self.pier.dir):
                if json.loads((self.pier / (name[:-4] + ".json")).read_text())["id"] == message["id"]:
                    return self.pier / name[:-4]
            return None
        return wait_until(find)

    def asked(self):
        """How often the server was asked to take an answer."""
        return len(self.sim.requests("POST", "/attachment/actions"))

    def sent(self):
        """The inputs that were answered last, as the server has them."""
        given = answer(self.pier)
        assert given == self.sim.api("GET", "/attachment/actions/" + given["id"]).json
        return given["inputs"]


def twin(stem, ending):
    return stem.parent / (stem.name + ending)


def answer(pier):
    return json.loads((pier.mount / ".sparkfs/last-answer").read_text())


@pytest.fixture
def cards(pier):
    return Cards(pier)


def test_the_words_of_a_card(pier, cards):
    """grep finds them in each form that is text, whatever stands beside them."""
    stem = cards.post(ASK)
    alone = cards.of(cards.sim.add_messages(room=pier.id, person="bob", text="",
                                            attachments=attached(CHOICE, SHOWN))["items"][0])
    assert twin(stem, ".txt").read_text() == "fallback\n" + WORDS
    assert twin(stem, ".md").read_text() == "fallback\n" + WORDS
    assert "Berth five" in twin(stem, ".html").read_text()
    assert twin(alone, ".txt").read_text() == \
        "[card]\n____ (why)\n[Yes] [No]\n[card]\nOnly to be seen\n"
    log = (pier / "transcript.log").read_text()
    assert "fallback\n  " + WORDS.replace("\n", "\n  ").rstrip(" ") in log
    for path in (twin(stem, ".txt"), twin(alone, ".md"), pier / "transcript.log"):
        assert len(path.read_bytes()) == os.stat(path).st_size
    found = pier.run("grep -rl 'Berth five' . | sort", check=True).out
    assert found == f"./{stem.name}.txt\n"
    one = json.loads(twin(stem, ".card.json").read_text())
    assert one == ASK
    assert json.loads(twin(alone, ".card.json").read_text()) == [CHOICE, SHOWN]
    assert twin(stem, ".card.json").stat().st_size == len(twin(stem, ".card.json").read_bytes())


def test_what_has_no_card_has_no_such_files(pier, cards):
    plain = cards.of(pier.sim.post(pier.id, "plain"))
    shown = cards.post(SHOWN)
    for ending in (".card.json", ".submit.json"):
        assert not twin(plain, ending).exists()
        with fails(errno.ENOENT):
            os.open(twin(plain, ending), os.O_RDONLY)
        assert not any(n.endswith(ending) for n in os.listdir(pier.dir))
    with fails(errno.EPERM):
        put(twin(plain, ".submit.json"), "{}")
    # A card that asks for nothing.
    assert twin(shown, ".submit.json").read_text() == "{}\n"
    assert twin(shown, ".submit.json").stat().st_mode & 0o777 == 0o444
    with fails(errno.EACCES):
        put(twin(shown, ".submit.json"), "{}")
    assert "neither an input nor a button" in (pier.mount / ".sparkfs/last-error").read_text()
    with fails(errno.EACCES):
        put(twin(shown, ".card.json"), "{}")


def test_a_card_is_answered(pier, cards, unsent):
    stem = cards.post(ASK)
    form = twin(stem, ".submit.json")
    assert json.loads(form.read_text()) == {"note": "", "berth": "4"}
    assert form.stat().st_size == len(form.read_bytes())
    assert form.stat().st_mode & 0o777 == 0o644
    pier.run(f"echo '{{\"note\": \"mine\"}}' > {form.name}", check=True)
    assert cards.sent() == {"ticket": 4711, "note": "mine", "berth": "4"} and cards.asked() == 1
    given = answer(pier)
    assert given["id"] and given["created"] and given["type"] == "submit"
    assert given["messageId"] == json.loads(twin(stem, ".json").read_text())["id"]
    # It shows the form, not what was answered, and is answered again by writing again.
    assert json.loads(form.read_text()) == {"note": "", "berth": "4"}
    put(form, json.dumps({"note": "again", "berth": 5}, indent=2))
    assert cards.sent() == {"ticket": 4711, "note": "again", "berth": "5"}
    assert answer(pier)["id"] != given["id"]
    assert unsent.names() == []
    # The month's file is the same.
    month = pier / "history" / stem.name[:7]
    put(month / form.name, '{"note": "from the month"}')
    assert cards.sent()["note"] == "from the month" and cards.asked() == 3


def test_what_is_no_answer(pier, cards, unsent):
    """Nothing is sent that nobody wrote, or whose writer was killed."""
    form = twin(cards.post(ASK), ".submit.json")
    pier.run(f": > {form.name}; touch {form.name}; cat < /dev/null > {form.name}; "
             f"truncate -s 0 {form.name}; true >> {form.name}", check=True)
    with opened(form, os.O_RDWR) as fd:
        assert json.loads(os.read(fd, 1000)) == {"note": "", "berth": "4"}
    assert unsent.names() == []
    script = ("import os, sys; f = os.open(sys.argv[1], os.O_WRONLY | os.O_TRUNC); "
              "os.write(f, b'{\"note\": \"killed\"}'); os.kill(os.getpid(), 9)")
    subprocess.run([sys.executable, "-c", script, form], check=False)
    assert json.loads(unsent.one()[1]) == {"note": "killed"}
    assert cards.asked() == 0


REFUSED = {
    '{"note": "a",\n "berth" 4}': "line 2, column 10",
    '{"note": ""}': '"note": is required',
    '{"note": "a", "buoy": 1}': '"buoy": the card has no such input',
    '{"note": "a", "berth": "6"}': '"berth": "6" is none of its choices: "4", "5"',
    '{"note": "far too long for that input"}': '"note": is longer than 20 characters',
}


def test_what_the_card_does_not_take(pier, cards, unsent):
    """It is said where it is wrong, before the server is asked, and kept."""
    form = twin(cards.post(ASK), ".submit.json")
    folder = pier.mount / ".sparkfs/unsent"
    for written, words in REFUSED.items():
        with fails(errno.EINVAL):
            put(form, written)
        assert words in unsent.last_error()
        name, data, why = unsent.one()
        assert name.endswith("_submit.json") and data.decode() == written
        assert words in why["reason"]
        os.unlink(folder / name)
    assert cards.asked() == 0
    # Mended, it is sent to the same card, and to no other place.
    with fails(errno.EINVAL):
        put(form, "{}")
    name, _, _ = unsent.one()
    put(folder / name, '{"note": "mended"}')
    for elsewhere in ("post.json", name, name + "x"):
        with fails(errno.EPERM):
            os.rename(folder / name, pier / elsewhere)
    os.rename(folder / name, form)
    assert cards.sent()["note"] == "mended" and cards.asked() == 1
    assert unsent.names() == []
    # A text is no answer.
    cards.sim.fault(method="POST", route="/messages$", times=1, status=400)
    with fails(errno.EINVAL):
        put(pier / "post", "text")
    with fails(errno.EPERM):
        os.rename(folder / unsent.one()[0], form)
    with fails(errno.EPERM):
        os.unlink(form)
    assert cards.asked() == 1


def test_which_button(pier, cards, unsent):
    form = twin(cards.post(CHOICE), ".submit.json")
    assert json.loads(form.read_text()) == {"why": "", "@submit": ""}
    with fails(errno.EINVAL):
        put(form, form.read_text())
    assert 'must say which button is meant: "Yes", "No"' in unsent.last_error()
    put(form, '{"why": "calm", "@submit": "Yes"}')
    assert cards.sent() == {"do": "yes", "why": "calm"}
    put(form, '{"do": "no"}')
    assert cards.sent() == {"do": "no"} and cards.asked() == 2


def test_an_answer_that_the_server_refuses(pier, cards, unsent):
    form = twin(cards.post(ASK, token="alice-token"), ".submit.json")
    cards.sim.control("POST", "/switches", {"authorSubmits": False})
    with fails(errno.EINVAL):
        put(form, '{"note": "mine"}')
    assert "Author of a card cannot submit" in unsent.last_error()
    _, data, why = unsent.one()
    assert json.loads(data) == {"note": "mine"}
    assert "Author of a card" in why["server"] and why["form"] == "submit"
    assert "Author of a card" in answer(pier)["message"]


def test_an_answer_of_which_nobody_knows(pier, cards, unsent, start_mount):
    """It is in doubt, is kept, and is never sent again by itself, not by a new mount either."""
    form = twin(cards.post(ASK), ".submit.json")
    pier.sim.fault(method="POST", route="/attachment/actions", times=1, reset="after")
    with fails(errno.EIO, errno.ECONNRESET, errno.EBUSY):
        put(form, '{"note": "perhaps"}')
    name, data, why = unsent.one()
    assert why["state"] == "in-doubt" and json.loads(data) == {"note": "perhaps"}
    assert cards.asked() == 1
    remounted(pier, start_mount)
    unsent = Unsent(pier.mount)
    assert unsent.names() == [name]
    assert cards.asked() == 0
    os.rename(pier.mount / ".sparkfs/unsent" / name, pier / form.name)
    assert cards.asked() == 1 and unsent.names() == [] and cards.sent()["note"] == "perhaps"



def test_tools_that_write_a_card(pier, cards, unsent, start_mount):
    """sed -i and a rename onto the form answer it, as a plain write does."""
    form = twin(cards.post(ASK), ".submit.json")
    pier.run(f"sed -i 's/\"note\": \"\"/\"note\": \"by sed\"/' {form.name}", check=True)
    assert cards.sent()["note"] == "by sed"
    pier.run(f"echo '{{\"note\": \"moved\"}}' > .new.tmp && mv .new.tmp {form.name}", check=True)
    assert cards.sent()["note"] == "moved" and cards.asked() == 2
    assert unsent.names() == []
    # Nothing can be changed through this one.
    remounted(pier, start_mount, "ro")
    assert json.loads((pier / form.name).read_text()) == {"note": "", "berth": "4"}
    with fails(errno.EROFS):
        put(pier / form.name, '{"note": "read only"}')
    # Without network the open says that nothing can be sent.
    remounted(pier, start_mount)
    assert (pier / form.name).exists()
    pier.sim.stop()
    with fails(errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ECONNREFUSED, errno.ETIMEDOUT):
        put(pier / form.name, '{"note": "nobody hears"}')
    assert json.loads((pier / form.name).read_text()) == {"note": "", "berth": "4"}


def test_a_bot_answers(start_sim, start_mount):
    """It sees the card that mentions it, and answers as anybody does."""
    sim = start_sim("--data", "empty")
    room = sim.create_room("Works", ["simbot@webex.bot"])["id"]
    me = sim.me("bot-token")["id"]
    sim.post(room, markdown=f"<@personId:{me}> please", attachments=attached(ASK))
    mount = start_mount(sim, token="bot-token")
    space = mount.space("Works")
    (name,) = messages_in(space)
    form = space / (name[:-4] + ".submit.json")
    put(form, '{"note": "beep"}')
    given = json.loads((mount / ".sparkfs/last-answer").read_text())
    assert given["inputs"]["note"] == "beep" and given["personId"] == me

def test_several_files_in_a_message(pier, unsent):
    """An app can send them; each has its name, and none of them goes alone."""
    both = pier.sim.add_messages(room=pier.id, person="alice", text="",
                                 files=[{"name": "plan.pdf", "content": "one"},
                                        {"name": "plan.png", "content": "two"}])["items"][0]
    said = pier.sim.add_messages(room=pier.id, person="alice", text="see these",
                                 files=[{"name": "a.txt", "content": "a"},
                                        {"name": "b.txt", "content": "b"}])["items"][0]
    assert len(both["files"]) == len(said["files"]) == 2
    wait_until(lambda: len(pier.listed()) == 2)
    assert sorted(os.listdir(pier / "files")) == ["a.txt", "b.txt", "plan.pdf", "plan.png"]
    assert (pier / "files/plan.png").read_bytes() == b"two"
    text = (pier / pier.listed()[0]).read_text()
    assert text == "[file: plan.pdf]\n[file: plan.png]\n"
    log = (pier / "transcript.log").read_text()
    assert "[file: plan.png]" in log and "see these\n" in log and "[file: b.txt]" in log
    for name, words in (("plan.pdf", "another file"), ("plan.png", "another file"),
                        ("a.txt", "a text")):
        assert "not permitted" in pier.run(["rm", "files/" + name]).err
        assert words in unsent.last_error()
    assert len(pier.messages()) == 2
    os.unlink(pier / pier.listed()[0])
    assert [m["id"] for m in pier.messages()] == [said["id"]]
    wait_until(lambda: sorted(os.listdir(pier / "files")) == ["a.txt", "b.txt"])
