"""api/: the whole REST API as files, .sparkfs/last-answer, sparkfs api."""
import concurrent.futures
import datetime
import errno
import json
import os
import shutil
import signal
import stat
import subprocess

import pytest

from lib.chat import Unsent, fails, opened
from lib.shell import argv_as, kill_group, run_cmd, start_cmd
from lib.util import scaled, wait_until

SPARKFS = os.environ["SPARKFS"]
SHELLS = [s for s in ("bash", "dash", "zsh", "busybox sh") if shutil.which(s.split()[0])]
CARD = {"type": "AdaptiveCard", "version": "1.3", "body": [], "actions": [
    {"type": "Action.Submit", "title": "Go"}]}


def get(mount, path):
    """What reading the file gives, as JSON."""
    return json.loads((mount / "api" / path).read_text())


def exchange(mount, path, body):
    """Writes the body, and reads the answer through the same open file."""
    fd = os.open(mount / "api" / path, os.O_RDWR)
    try:
        os.write(fd, body if isinstance(body, bytes) else json.dumps(body).encode())
        os.fsync(fd)
        answer = b""
        while part := os.read(fd, 65536):
            answer += part
        return json.loads(answer) if answer else None
    finally:
        os.close(fd)


def remove(mount, path):
    run_cmd(["rm", f"api/{path}"], cwd=mount.path, check=True)


def last_answer(mount):
    text = (mount / ".sparkfs/last-answer").read_text()
    return json.loads(text) if text else None


@pytest.fixture(name="admin")
def admin_mount(sim, start_mount):
    return start_mount(sim, token="admin-token")


# Every endpoint that an SDK wraps. doc/api.md has the table.


def test_people(sim, admin):
    me = get(admin, "people/me.json")
    assert me == sim.me("admin-token")
    assert json.loads((admin / "api/people/me").read_bytes()) == me
    everybody = get(admin, "people.json?max=2")["items"]
    assert [p["id"] for p in everybody] == [p["id"] for p in sim.all("/people",
                                                                     token="admin-token")]
    assert len(sim.requests("GET", "/people", "max=2")) > 1
    assert get(admin, "people.json?displayName=Alice")["items"][0]["nickName"] == "Ali"
    made = exchange(admin, "people.json", {"emails": ["new@example.com"], "displayName": "Né",
                                           "shoeSize": 44.50, "vendor": {"x": [1, None]}})
    assert made["displayName"] == "Né" and made["shoeSize"] == 44.5
    # What is read, changed and written back keeps what nobody knew.
    path = f"people/{made['id']}.json"
    run_cmd(f"jq '.title = \"Captain\"' < {path} > /dev/shm/sparkfs-api-$$ && cat "
            f"/dev/shm/sparkfs-api-$$ > {path}; status=$?; rm /dev/shm/sparkfs-api-$$; exit $status",
            cwd=admin / "api", check=True)
    now = get(admin, path)
    assert now["title"] == "Captain" and now["vendor"] == {"x": [1, None]}
    remove(admin, path)
    with fails(errno.ENOENT):
        get(admin, path)


def test_rooms_memberships_and_messages(sim, mount):
    room = exchange(mount, "rooms.json", {"title": "By files"})
    item = f"rooms/{room['id']}"
    assert room["id"] in [r["id"] for r in get(mount, "rooms.json?type=group")["items"]]
    assert exchange(mount, item + ".json", {"title": "By name"})["title"] == "By name"
    assert get(mount, item + ".json")["title"] == "By name"
    assert get(mount, item + "/meetingInfo.json")["roomId"] == room["id"]

    member = exchange(mount, "memberships.json",
                      {"roomId": room["id"], "personEmail": "bob@example.com"})
    assert len(get(mount, f"memberships.json?roomId={room['id']}")["items"]) == 2
    member_item = f"memberships/{member['id']}.json"
    assert exchange(mount, member_item, {"isModerator": True})["isModerator"]
    assert get(mount, member_item)["personEmail"] == "bob@example.com"

    message = exchange(mount, "messages.json", {"roomId": room["id"], "markdown": "**hi**"})
    message_item = f"messages/{message['id']}.json"
    assert get(mount, message_item)["html"] == message["html"]
    assert exchange(mount, message_item, {"roomId": room["id"], "text": "ho"})["text"] == "ho"
    assert [m["text"] for m in get(mount, f"messages.json?roomId={room['id']}")["items"]] == ["ho"]
    exchange(mount, "messages.json", {"toPersonEmail": "bob@example.com", "text": "you"})
    direct = get(mount, "messages/direct.json?personEmail=bob@example.com")["items"]
    assert direct[0]["text"] == "you"

    tab = exchange(mount, "room/tabs.json", {"roomId": room["id"], "displayName": "Plan",
                                             "contentUrl": "https://example.org/a/b"})
    assert [t["id"] for t in get(mount, f"room/tabs.json?roomId={room['id']}")["items"]] == [
        tab["id"]]
    tab_item = f"room/tabs/{tab['id']}.json"
    assert exchange(mount, tab_item, {"roomId": room["id"], "displayName": "Plan B",
                                      "contentUrl": "https://example.org/b"}
                    )["displayName"] == "Plan B"
    assert get(mount, tab_item)["displayName"] == "Plan B"
    sent = sim.upload(room["id"], "a.bin", bytes(range(256)) * 5000)
    content = sent["files"][0].rsplit("/", 1)[1]
    assert (mount / "api/contents" / content).read_bytes() == bytes(range(256)) * 5000
    for path in (tab_item, message_item, member_item, item + ".json"):
        remove(mount, path)
        with fails(errno.ENOENT):
            get(mount, path)


def test_teams_webhooks_and_cards(sim, mount):
    team = exchange(mount, "teams.json", {"name": "Crew", "description": "all hands"})
    assert team["id"] in [t["id"] for t in get(mount, "teams.json")["items"]]
    item = f"teams/{team['id']}.json"
    assert exchange(mount, item, {"name": "Old crew"})["name"] == "Old crew"
    assert get(mount, item)["name"] == "Old crew"
    member = exchange(mount, "team/memberships.json",
                      {"teamId": team["id"], "personEmail": "bob@example.com"})
    assert len(get(mount, f"team/memberships.json?teamId={team['id']}")["items"]) == 2
    member_item = f"team/memberships/{member['id']}.json"
    assert exchange(mount, member_item, {"isModerator": True})["isModerator"]
    assert get(mount, member_item)["personEmail"] == "bob@example.com"

    hook = exchange(mount, "webhooks.json", {
        "name": "all", "targetUrl": "http://127.0.0.1:9/x", "resource": "messages",
        "event": "created"})
    assert [h["id"] for h in get(mount, "webhooks.json")["items"]] == [hook["id"]]
    hook_item = f"webhooks/{hook['id']}.json"
    assert exchange(mount, hook_item, {"name": "few", "targetUrl": "http://127.0.0.1:9/y"}
                    )["name"] == "few"
    assert get(mount, hook_item)["name"] == "few"

    room = sim.create_room("Cards", ["bob@example.com"])
    card = sim.post(room["id"], "a card", token="bob-token", attachments=[
        {"contentType": "application/vnd.microsoft.card.adaptive", "content": CARD}])
    action = exchange(mount, "attachment/actions.json", {
        "type": "submit", "messageId": card["id"], "inputs": {"a": "b"}})
    got = get(mount, f"attachment/actions/{action['id']}.json")
    assert got["inputs"] == {"a": "b"}
    for path in (hook_item, member_item, item):
        remove(mount, path)
        with fails(errno.ENOENT):
            get(mount, path)


def test_administration(sim, admin):
    (organization,) = get(admin, "organizations.json")["items"]
    assert get(admin, f"organizations/{organization['id']}.json") == organization
    refused = run_cmd(["rm", f"api/organizations/{organization['id']}.json"], cwd=admin.path)
    assert refused.status and "busy" in refused.err
    license_id = get(admin, "licenses.json")["items"][0]["id"]
    assert get(admin, f"licenses/{license_id}.json")["id"] == license_id
    # A list that is called otherwise, and paged otherwise.
    users = get(admin, f"licenses/{license_id}.json?includeAssignedTo=user&limit=2")
    assert users["id"] == license_id and len(users["users"]) > 2
    assert len(sim.requests("GET", "/licenses/.*", "next=")) == (len(users["users"]) - 1) // 2
    role = get(admin, "roles.json")["items"][0]
    assert get(admin, f"roles/{role['id']}.json") == role
    now = datetime.datetime.now(datetime.timezone.utc)
    day = "&".join(f"{key}={now + datetime.timedelta(days=days):%Y-%m-%dT00:00:00.000Z}"
                   for key, days in (("from", -2), ("to", 2)))
    exchange(admin, "people.json", {"emails": ["au@example.com"], "displayName": "Audited"})
    audit = get(admin, f"adminAudit/events.json?orgId={organization['id']}&{day}")["items"]
    assert audit
    assert get(admin, "adminAudit/eventCategories.json")
    guest = exchange(admin, "guests/token.json", {"subject": "g1", "displayName": "A guest"})
    assert guest["accessToken"]
    assert get(admin, "guests/count.json")
    assert get(admin, "authorizations.json?personEmail=alice@example.com")["items"] == []
    assert get(admin, "authorizations/tokenExpiry.json") is not None


def test_compliance(sim, start_mount):
    """Officers read the events of the organization, and delete other people's messages."""
    sim.control("POST", "/people", {"email": "officer@example.com", "name": "Officer",
                                    "token": "officer-token", "officer": True})
    said = sim.post(sim.create_room("Secret")["id"], "to be removed")
    officer = start_mount(sim, token="officer-token")
    found = [e for e in get(officer, "events.json?resource=messages")["items"]
             if e["data"]["id"] == said["id"]]
    assert found and get(officer, f"events/{found[0]['id']}.json")["id"] == found[0]["id"]
    remove(officer, f"messages/{said['id']}.json")
    assert sim.api("GET", f"/messages/{said['id']}").status == 404


# What it is as files.


def test_looking_asks_for_nothing(sim, mount):
    assert os.readlink(mount / "api") == ".sparkfs/api"
    shown = mount.ls("api/")
    assert {"people", "rooms", "team", "contents", "webhooks"} <= set(shown)
    assert mount.ls("api/team") == ["memberships"] and mount.ls("api/people") == []
    before = len(sim.log())
    for command in ("find api/ -ls", "grep -R x api/", "ls -lR api/", "du -a api/",
                    "rsync -a api/ {0}/copy/", "cp -a api/. {0}/copied", "tar cf /dev/null api/",
                    "test -e api/people/me.json", "stat api/rooms/some-id.json",
                    "ls -l api/rooms/some-id.json 'api/rooms.json?type=group' api/a/b/c",
                    "find -L api -print"):
        result = run_cmd(command.format(mount.state), cwd=mount.path)
        assert "api/people/me.json" not in result.out
        assert result.status == (1 if command.startswith("grep") else 0), result
    # Nobody makes names or anything else in it.
    for name in (".people.json.swp", "people.json~", ".git", "#people.json#"):
        assert not os.path.exists(mount / "api" / name)
    with fails(errno.EPERM):
        (mount / "api/.people.json.swp").touch()
    for act in (lambda: os.mkdir(mount / "api/people/x.d"), lambda: os.rmdir(mount / "api/people"),
                lambda: os.rename(mount / "api/people/a.json", mount / "api/people/b.json")):
        with fails(errno.EPERM, errno.EEXIST):
            act()
    assert run_cmd("rm -r api/people api/team", cwd=mount.path).status == 1
    assert len(sim.log()) == before


def test_what_is_no_request(sim, mount):
    before = len(sim.log())
    name = mount / "api/rooms.json"
    for command in (": > $f", "> $f", ": >> $f", "touch $f", "truncate -s 0 $f", "chmod 644 $f",
                    "echo > $f", "printf ' \\n' > $f", "cp /dev/null $f", "exec 3<> $f; exec 3>&-"):
        run_cmd(command, env={"f": str(name)}, check=True)
    assert len(sim.log()) == before
    info = os.stat(name)
    assert stat.S_IMODE(info.st_mode) == 0o600 and info.st_size == 0
    # Who is killed while it writes has sent nothing.
    process = start_cmd("(printf '{\"title\": \"x\"}'; kill -KILL $BASHPID) > rooms.json",
                        cwd=mount / "api")
    process.communicate()
    # There is no position.
    with opened(name, os.O_RDWR) as fd:
        with fails(errno.ESPIPE):
            os.lseek(fd, 1, os.SEEK_SET)
        with fails(errno.ESPIPE):
            os.pwrite(fd, b"{}", 5)
    assert len(sim.log()) == before


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_writes_and_reads(sim, mount, shell):
    script = ("exec 3<>api/rooms.json; echo '{\"title\": \"Of " + shell + "\"}' >&3; cat <&3; "
              "echo '{\"title\": \"Second\"}' >&3; cat <&3; exec 3>&-; "
              # By a program: nobody closes the file before it is read.
              "exec 4<>api/rooms.json; printf '{\"title\": \"Third\"}' | cat >&4; cat <&4; "
              # Read first: the list.
              "exec 5<>'api/rooms.json?max=1000'; cat <&5; cat <&5")
    answers = [json.loads(line) for line in
               run_cmd(shell.split() + ["-c", script], cwd=mount.path, check=True).lines()]
    assert [a["title"] for a in answers[:3]] == [f"Of {shell}", "Second", "Third"]
    assert len(answers) == 4 and len(answers[3]["items"]) > 3
    assert [r["status"] for r in sim.requests("POST", "/rooms")] == [200] * 3


def test_programs_read_and_write(sim, mount):
    """cp, install, dd, tee, editors' ways; mv and rm."""
    room = sim.create_room("Programs")
    file = mount.state / "body.json"
    file.write_text(json.dumps({"title": "Copied"}))
    item = f"api/rooms/{room['id']}.json"
    title = lambda: sim.api("GET", f"/rooms/{room['id']}").ok().json["title"]  # noqa: E731
    for command, expected in ((f"cp {file} $f", "Copied"), (f"cat {file} | tee $f", "Copied"),
                              (f"sed s/Copied/Dd/ {file} | dd of=$f bs=5 2>/dev/null", "Dd"),
                              (f"sed s/Copied/Appended/ {file} >> $f", "Appended")):
        run_cmd(command, cwd=mount.path, env={"f": item}, check=True)
        assert title() == expected
    run_cmd(f"cp {item} {mount.state}/copy.json", cwd=mount.path, check=True)
    assert json.loads((mount.state / "copy.json").read_text())["title"] == "Appended"
    deleted = len(sim.requests("DELETE"))
    for command in (f"mv {item} {mount.state}/away.json", f"mv {file} {item}",
                    f"install {file} {item}", f"cp --remove-destination {file} {item}",
                    f"rsync --remove-source-files {item} {mount.state}/away2.json"):
        assert run_cmd(command, cwd=mount.path).status, command
    assert file.exists() and len(sim.requests("DELETE")) == deleted and title() == "Appended"
    run_cmd(f"rm {item}", cwd=mount.path, check=True)
    assert len(sim.requests("DELETE")) == deleted + 1
    result = run_cmd(f"rm {item}", cwd=mount.path)
    assert result.status and "No such file" in result.err


# Errors.


def test_refusals(sim, mount):
    kept = Unsent(mount)
    before = len(sim.log())
    run_cmd("printf '{\"title\": \"x\",\\n \"éé\": nothing}\\n' > api/rooms.json",
                     cwd=mount.path)
    assert "line 2, column 8" in kept.last_error() and "nothing was sent" in kept.last_error()
    with fails(errno.EINVAL):
        exchange(mount, "rooms.json", b"{'title': 1}")
    assert len(sim.log()) == before
    assert kept.bytes() == [
        b'{"title": "x",\n "\xc3\xa9\xc3\xa9": nothing}', b"{'title': 1}"]
    # The server's words, its errno and its answer.
    with fails(errno.EINVAL):
        exchange(mount, "rooms.json", {"title": ""})
    assert "Title cannot be empty." in kept.last_error()
    assert last_answer(mount)["message"] == "Title cannot be empty."
    with fails(errno.ENOENT):
        exchange(mount, "rooms/Y2lzY29zcGFyazovL3VzL1JPT00vbm9uZQ.json", {"title": "x"})
    with fails(errno.EACCES):
        get(mount, "organizations.json")
    assert "missing required" in last_answer(mount)["message"]
    # A read after a write that failed does not ask for something else.
    result = run_cmd("exec 3<>api/rooms.json; echo '{' >&3; cat <&3", cwd=mount.path)
    assert result.out == "" and "Invalid argument" in result.err
    for path in ("../people/me.json", "rooms/%2e%2e/people.json", "a%2fb.json", "rooms.json?a?b",
                 "x%zz.json", "a%00.json", "a\\b.json", "a%5cb.json", "%252e.json", "a%0ab",
                 "rooms.json#x", ";x/%2e%2e;x/y.json", "a\u0007.json"):
        with pytest.raises(OSError):
            get(mount, path)
    paths = [r["path"] for r in sim.log()[before:]]
    assert all(p.startswith(("/v1/rooms", "/v1/organizations")) for p in paths), paths
    assert not [p for p in paths if "people" in p]
    # Deeper than any request.
    with fails(errno.ENAMETOOLONG):
        run_in = mount / "api"
        fd = os.open(run_in, os.O_PATH)
        try:
            for _ in range(40):
                inner = os.open("d" * 250, os.O_PATH, dir_fd=fd)
                os.close(fd)
                fd = inner
        finally:
            os.close(fd)


def test_each_session_has_its_own_answer(mount):
    """Of two that are answered at once, each reads what it was answered."""
    command = ("echo '{\"title\": \"'$0'\"}' > api/rooms.json; "
               "for i in $(seq 20); do :; done; cat .sparkfs/last-answer")
    titles = ["One", "Two", "Three"]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        results = list(pool.map(
            lambda t: run_cmd(["bash", "-c", command, t], cwd=mount.path, check=True), titles))
    assert [json.loads(r.out)["title"] for r in results] == titles


def test_in_doubt_is_said_and_never_sent_again(sim, mount):
    kept = Unsent(mount)
    sim.fault(method="POST", route="/rooms", reset="after", times=1)
    with pytest.raises(OSError):
        exchange(mount, "rooms.json", {"title": "Perhaps"})
    assert "nobody knows whether it was done" in kept.last_error()
    name, body, why = kept.one()
    assert "api" in name and json.loads(body) == {"title": "Perhaps"}
    assert "nobody knows" in why["reason"]
    assert len(sim.requests("POST", "/rooms")) == 1
    # What had no effect is repeated.
    sim.fault(method="POST", route="/rooms", status=429, retryAfter="1", times=1)
    sim.fault(method="GET", route="/people/me", status=503, times=1)
    assert exchange(mount, "rooms.json", {"title": "Surely"})["title"] == "Surely"
    assert get(mount, "people/me.json")["id"]
    # The kept body is sent by whoever wants it.
    result = run_cmd(f"cat .sparkfs/unsent/{name} > api/rooms.json && rm .sparkfs/unsent/{name}; "
                     "cat .sparkfs/last-answer", cwd=mount.path, check=True)
    assert kept.names() == [] and json.loads(result.out)["title"] == "Perhaps"


def test_interrupts(sim, mount):
    """Ctrl-C ends what waits at once."""
    kept = Unsent(mount)
    for fault, command in (
            (dict(method="GET", route="/people/me", hang=True), "cat api/people/me.json"),
            (dict(method="POST", route="/rooms", hang=True),
             "echo '{\"title\": \"Hung\"}' > api/rooms.json"),
            (dict(method="DELETE", route="/rooms", hang=True), "rm api/rooms/x.json")):
        number = sim.fault(**fault)
        process = start_cmd(f"exec bash -c '{command}'" if "'" not in command else command,
                            cwd=mount.path)
        wait_until(lambda f=fault: [r for r in sim.log() if r["method"] == f["method"] and
                                    r.get("note") == "hang" and r["endedMs"] is None],
                   what="the request")
        kill_group(process, signal.SIGINT)
        process.communicate(timeout=scaled(3))
        sim.clear_fault(number)
    # One that still waits for its turn has had no effect, and is not sent any more.
    wait_until(lambda: not [r for r in sim.log() if r["endedMs"] is None])
    sim.fault(method="POST", route="/rooms", status=429, retryAfter="15", times=1)
    process = start_cmd("echo '{\"title\": \"Late\"}' > api/rooms.json", cwd=mount.path)
    # Not before: a request that is on the wire goes on in the background.
    wait_until(lambda: mount.status()["rateLimited"])
    kill_group(process, signal.SIGINT)
    process.communicate(timeout=scaled(3))
    wait_until(kept.names)
    assert b"Late" in kept.bytes()[-1]


# Lists.


@pytest.mark.sim("--data", "empty", "--spaces", "1", "--messages", "0", "--members", "10000")
def test_ten_thousand_people(sim, start_mount):
    mount = start_mount(sim, token="admin-token")
    held = sim.fault(method="GET", route="/people", hang=True, skip=2)
    process = start_cmd("cat api/people.json", cwd=mount.path)
    first = process.stdout.read(100)
    assert first.startswith(b'{"items":[{"id"')
    wait_until(lambda: "list\t" in (mount / ".sparkfs/transfers").read_text(), what="progress")
    line = (mount / ".sparkfs/transfers").read_text().split("\t")
    assert line[0] == "list" and int(line[1]) >= 1000 and line[5] == "api/people.json\n"
    sim.clear_fault(held)
    text = first + process.stdout.read()
    process.communicate()
    people = json.loads(text)["items"]
    assert len(people) >= 10000 and len({p["id"] for p in people}) == len(people)
    assert len(sim.requests("GET", "/people")) <= 13
    assert "api/people.json" not in (mount / ".sparkfs/transfers").read_text()
    # Who reads slowly, or the beginning alone, does not have the rest fetched: what is not read yet
    # is a MiB and a page at most.
    sim.clear_log()
    with opened(mount / "api/people.json", os.O_RDONLY) as fd:
        assert os.read(fd, 1000)
        for _ in range(3):
            assert get(mount, "people/me.json")
        assert 1 <= len(sim.requests("GET", "/people")) <= 3
    assert get(mount, "people/me.json")
    assert len(sim.requests("GET", "/people")) <= 3


def test_odd_pages(sim, admin):
    expected = [p["id"] for p in sim.all("/people", token="admin-token")]
    for fault in ("valueless", "maxnull", "dropfilters", "foreignhost", "duplicate"):
        number = sim.fault(method="GET", route="/people", pagination=fault)
        got = [p["id"] for p in get(admin, "people.json?max=3")["items"]]
        assert got == expected, fault
        sim.clear_fault(number)
    sim.fault(method="GET", route="/people", pagination="emptypage", times=2)
    assert [p["id"] for p in get(admin, "people.json?max=3")["items"]] == expected
    # A list that does not end well is no list.
    number = sim.fault(method="GET", route="/people", pagination="loop")
    with fails(errno.EIO):
        get(admin, "people.json?max=3")
    sim.clear_fault(number)
    number = sim.fault(method="GET", route="/people", status=404, skip=1)
    with fails(errno.ENOENT):
        get(admin, "people.json?max=3")
    sim.clear_fault(number)
    # A gateway that gives up on a large page is asked for a smaller one.
    sim.fault(method="GET", route="/people", status=502, times=2)
    assert [p["id"] for p in get(admin, "people.json")["items"]] == expected
    assert [r["query"] for r in sim.requests("GET", "/people")][-3:] == [
        "max=1000", "max=500", "max=250"]
    sim.fault(method="GET", route="/people", html=True, status=200, times=1)
    with fails(errno.EIO):
        get(admin, "people.json?max=7")


# Whose it is; other mounts.


def test_only_who_mounted(sim, open_folder, start_mount):
    if os.geteuid():
        pytest.skip("needs root, to be somebody else")
    at = open_folder / "mnt"
    at.mkdir()
    mount = start_mount(sim, "allow_other", "umask=0", at=at)
    for path, mode in (("api/", 0o700), ("api/people", 0o700), ("api/people/me.json", 0o600),
                       (".sparkfs/request", 0o600), (".sparkfs/last-answer", 0o400)):
        assert stat.S_IMODE(os.stat(mount / path).st_mode) == mode
    before = len(sim.log())
    for command in ("ls api/", "cat api/people/me.json", "echo '{}' > api/rooms.json",
                    "rm api/rooms/x.json", "cat .sparkfs/last-answer", "cat .sparkfs/request"):
        result = run_cmd(argv_as(65534, ["bash", "-c", command]), cwd=mount.path)
        assert result.status and "Permission denied" in result.err, result
    assert len(sim.log()) == before


def test_read_only_and_offline(sim, start_mount):
    mount = start_mount(sim, "ro")
    assert get(mount, "people/me.json")["id"]
    for command in ("echo '{}' > api/rooms.json", "rm api/rooms/x.json"):
        result = run_cmd(command, cwd=mount.path)
        assert result.status and "Read-only" in result.err
    result = run_cmd([SPARKFS, "api", "GET", "rooms?max=2", str(mount.path)], check=True)
    assert json.loads(result.out)["items"]
    assert run_cmd([SPARKFS, "api", "POST", "rooms", str(mount.path)], stdin="{}").status == 1
    assert not sim.requests("POST") and not sim.requests("DELETE")
    sim.kill()
    with pytest.raises(OSError):
        get(mount, "people/me.json")
    with fails(errno.ECONNREFUSED):
        os.open(mount / "api/people/me.json", os.O_RDONLY)


def test_a_new_token(sim, start_mount, tmp_path):
    """A 401 is cured as elsewhere, before and behind a body."""
    file = tmp_path / "token"
    file.write_text("t1\n")
    file.chmod(0o600)
    sim.tokens(token="t1", person="alice")
    mount = start_mount(sim, f"token_file={file}", token=None)
    sim.tokens(token="t1", valid=False)
    sim.tokens(token="t2", person="alice")
    file.write_text("t2\n")
    assert exchange(mount, "rooms.json", {"title": "Renewed"})["title"] == "Renewed"
    assert get(mount, "people/me.json")["emails"] == ["alice@example.com"]


def test_open_without_end(sim, start_mount):
    """What is open for others leaves room for the next."""
    mount = start_mount(sim, "rate=off")
    held = []
    with fails(errno.ENFILE):
        while len(held) < 100:
            held.append(os.open(mount / "api/people/me.json", os.O_RDONLY))
    assert 16 < len(held) < 64 and len(sim.requests("GET", "/people/me")) == len(held) + 1
    said = run_cmd("cat .sparkfs/last-error api/people/me.json", cwd=mount.path, check=True).out
    assert "used up: close some" in said and "alice@example.com" in said
    for fd in held:
        os.close(fd)
    assert get(mount, "people/me.json")["id"]


# sparkfs api.


def api(*words, mount=None, stdin=None, cwd=None):
    return run_cmd([SPARKFS, "api", *words, *([str(mount.path)] if mount else [])], stdin=stdin,
                   cwd=cwd)


def test_the_command(sim, mount):
    assert json.loads(api("GET", "people/me", mount=mount).ok().out) == sim.me()
    # Anything in the mount, and the present folder.
    assert json.loads(api("GET", "/rooms?type=group&max=2", cwd=mount / "spaces").ok().out)
    made = json.loads(api("POST", "rooms", mount=mount, stdin='{"title": "By command"}').ok().out)
    item = f"rooms/{made['id']}"
    json.loads(api("PUT", item, mount=mount, stdin='{"title": "Changed"}').ok().out)
    assert sim.api("GET", "/" + item).ok().json["title"] == "Changed"
    # Longer than a name can be.
    query = "rooms?x=" + "%41" * 200
    assert json.loads(api("GET", query, mount=mount).ok().out)["items"]
    assert sim.requests("GET", "/rooms")[-1]["query"].startswith("x=" + "%41" * 200)
    assert api("DELETE", item, mount=mount).ok().out == ""
    refused = api("GET", item, mount=mount)
    assert refused.status == 1 and "could not be found" in refused.err and not refused.out
    refused = api("POST", "rooms", mount=mount, stdin='{"title":\n x}')
    assert refused.status == 1 and "line 2, column 2" in refused.err
    for path in ("../x", "//host/x", "rooms/../people/me", "http://host/v1/people/me",
                 "rooms/%2e%2e/people", "x" * 9000, ""):
        before = len(sim.log())
        refused = api("GET", path, mount=mount)
        assert refused.status == 1 and refused.err and len(sim.log()) == before, path
    assert api("FETCH", "people/me", mount=mount).status == 2
    assert api("GET").status == 2
    assert "MOUNTED PATH" in run_cmd([SPARKFS, "help", "api"], check=True).out
    assert "in no mount" in run_cmd([SPARKFS, "api", "GET", "x", "/"]).err
    sent = sim.upload(sim.create_room("C")["id"], "b.bin", b"\0\1\2")
    content = sent["files"][0].rsplit("/", 1)[1]
    result = subprocess.run([SPARKFS, "api", "GET", f"contents/{content}", str(mount.path)],
                            capture_output=True, check=True, timeout=scaled(10))
    assert result.stdout == b"\0\1\2"


def test_patch(sim, admin):
    license_id = get(admin, "licenses.json")["items"][0]["id"]
    body = {"email": "alice@example.com", "licenses": [{"id": license_id, "operation": "add"}]}
    assert api("PATCH", "licenses/users", mount=admin, stdin=json.dumps(body)).ok().out
    assert len(sim.requests("PATCH", "/licenses/users")) == 1
