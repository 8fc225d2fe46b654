"""Every .json is one JSON value, as the API has it: jq reads it, its keys are in the API's order, and what
nobody knew is kept."""
import json
import os
import shutil

import pytest

NEW = {"name": "harbour", "targetUrl": "https://hooks.example.org/x", "resource": "messages",
       "event": "created", "secret": "abc"}


# What sparkfs knows of an object comes in the order of the API's reference, and what it does not know
# behind that; persons and webhooks are kept as they come.
ORDER = {
    "rooms": ["id", "title", "type", "isLocked", "teamId", "lastActivity", "creatorId", "created", "ownerId",
              "classificationId", "isAnnouncementOnly", "isReadOnly", "isPublic", "description"],
    "messages": ["id", "roomId", "parentId", "roomType", "text", "markdown", "html", "files", "personId",
                 "personEmail", "mentionedPeople", "mentionedGroups", "attachments", "created", "updated"],
    "memberships": ["id", "roomId", "personId", "personEmail", "personDisplayName", "personOrgId",
                    "isModerator", "isRoomHidden", "isMonitor", "roomType", "created"],
}


def keys(text):
    return [key for key, _ in json.loads(text, object_pairs_hook=list)]


def differs(kind, text, answer):
    """What of the file is not as the API's answer has it; a false may be left out by either."""
    mine, theirs = json.loads(text), json.loads(answer)
    odd = [k for k in {**mine, **theirs} if (mine.get(k) or None) != (theirs.get(k) or None)]
    order = ORDER.get(kind)
    known = [k for k in order if k in mine] if order else keys(answer)
    if keys(text)[:len(known)] != known:
        odd.append("the order")
    return odd


def route(path, value):
    """Where the API has the object of this file; None: it has no such object."""
    top, name = path.split("/")[0], path.rsplit("/", 1)[-1]
    if top == ".sparkfs":
        return None
    if name == "space.json":
        return f"/rooms/{value['id']}"
    if name == "team.json":
        return f"/teams/{value['id']}"
    if "/members/" in path:
        return f"/{'team/' if top == 'teams' else ''}memberships/{value['id']}"
    if top in ("people", "webhooks"):
        return f"/{top}/{value['id']}"
    return f"/messages/{value['id']}"


def files_with_json(mount):
    """The paths of all files that hold JSON, also of those that are not listed, from the mount point."""
    found = [".sparkfs/status.json"]
    for top in ("spaces", "direct", "people", "teams", "webhooks"):
        for folder, _, names in os.walk(mount / top):
            folder = os.path.relpath(folder, mount.path)
            for name in names:
                stem, ending = os.path.splitext(name)
                if ending == ".json" and name != "post.json":
                    found.append(f"{folder}/{name}")
                elif ending == ".txt" and stem[:2] == "20":
                    found.append(f"{folder}/{stem}.json")
                elif folder.endswith("/members"):
                    found.append(f"{folder}/{name}")
    return found


def test_as_the_api_has_it(sim, mount):
    """All of the demo's account: thousands of files would say no more than these."""
    sim.api("POST", "/webhooks", NEW).ok()
    for person in ("bob@example.com", "carol@example.com"):
        assert (mount / "people" / f"{person}.json").read_text()
    paths = files_with_json(mount)
    kinds, wrong = {}, []
    for path in paths:
        text = (mount / path).read_text()
        value = json.loads(text)
        at = route(path, value)
        if at:
            kinds[at.split("/")[1]] = kinds.get(at.split("/")[1], 0) + 1
            odd = differs(at.split("/")[1], text, sim.api("GET", at).ok().text)
            if odd:
                wrong.append((path, str(odd), text, sim.api("GET", at).text))
        assert text.endswith("}\n"), path
    assert not wrong, f"{len(wrong)} of {len(paths)} differ, as\n" + "\n".join(wrong[0])
    assert {"rooms", "memberships", "messages", "people", "webhooks"} <= set(kinds), kinds
    # And by the program that people use.
    if shutil.which("jq"):
        done = mount.run(["xargs", "-0", "jq", "-e", "--stream", "-n",
                          "[inputs] | length > 0"], stdin="\0".join(paths) + "\0", cwd=mount.path)
        assert done.status == 0, done


@pytest.mark.sim("--data", "empty")
def test_the_files_that_gather(sim, start_mount):
    """Those of an archive are arrays and objects that jq reads as well."""
    room = sim.create_room("Quay", ["bob@example.com"])
    sim.post(room["id"], "one")
    mount = start_mount(sim)
    archive = mount / ".sparkfs/archive/spaces/Quay"
    assert not differs("rooms", (archive / "space.json").read_text(), sim.api("GET", f"/rooms/{room['id']}").text)
    members = json.loads((archive / "members.json").read_text())
    assert members
    for folder, _, names in os.walk(archive):
        for name in names:
            if name.endswith(".json"):
                assert json.loads(open(os.path.join(folder, name), encoding="utf-8").read())
