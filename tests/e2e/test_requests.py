"""How many requests things cost, by the simulator's log."""
import json
import os
import re
import shutil
import time

import pytest

from lib.shell import run_cmd
from lib.tree import FIXED, Timed, asked, messages_in, parallel, read, txt_name
from lib.util import scaled, wait_until

ME = "GET /people/me"
ROOMS = "GET /rooms"
MESSAGES = "GET /messages"
THOUSAND = ("--data", "empty", "--spaces", 1, "--messages", 1000, "--members", 5)

# A list is taken for fresh so long.
FRESH = 3


def while_fresh(sim, renew, function):
    """Calls renew, which asks for lists of spaces and messages that are not fresh, and function,
    until that ended while the lists still were; what function asked for."""
    end = time.monotonic() + scaled(20)
    while time.monotonic() < end:
        renew()
        log = sim.log()
        since_ms = min(max((r["startedMs"] for r in log if r["path"] == path), default=0)
                       for path in ("/v1/rooms", "/v1/messages"))
        function()
        if time.time() * 1000 - since_ms < (FRESH - 1) * 1000:
            return asked(sim)[len(log):]
    pytest.skip("this machine is too busy for it")


@pytest.mark.sim(*THOUSAND)
def test_the_table_of_requests(sim, start_mount):
    """Mount, first ls of the spaces, of a space of 1000 messages: one request each; then none."""
    mount = start_mount(sim)
    assert asked(sim) == [ME]
    mount.run("true; ls .sparkfs > /dev/null; df . > /dev/null", check=True)
    assert asked(sim) == [ME]

    sim.clear_log()
    mount.run("ls", check=True)
    title = mount.run("ls spaces", check=True).lines()[0]
    assert asked(sim) == [ROOMS]

    sim.clear_log()
    space = mount.space(title)
    assert len(mount.run("ls", cwd=space, check=True).lines()) == 1000 + len(FIXED)
    assert asked(sim) == [MESSAGES]
    assert "max=1000" in sim.log()[0]["query"]

    sim.clear_log()
    text = mount.run("cat *_*.txt", cwd=space, check=True).out_bytes
    assert asked(sim) in ([], [MESSAGES])
    assert len(text) == sum(os.stat(space / n).st_size for n in messages_in(space))

    def second_ls():
        assert len(mount.run("ls", cwd=space, check=True).lines()) == 1000 + len(FIXED)
        mount.run("ls ../../spaces", cwd=space, check=True)
    assert while_fresh(sim, lambda: mount.run("ls . ../../spaces", cwd=space, check=True),
                       second_ls) == []


@pytest.mark.sim(*THOUSAND)
def test_cat_of_all_asks_nothing_once_listed(sim, mount):
    title = mount.ls("spaces")[0]
    names = messages_in(mount.space(title))
    sim.clear_log()
    for name in names:
        assert read(mount.space(title) / name)
    # No directory was opened: nothing can have grown old.
    assert asked(sim) == []
    for name in names[::50]:
        for twin in (".md", ".html", ".json"):
            assert read(mount.space(title) / (name[:-4] + twin))
    assert asked(sim) == []


@pytest.mark.sim("--data", "demo")
def test_a_message_is_found_without_a_listing(sim, mount):
    """cat of a full path in a cold mount: the spaces, and that space."""
    m = sim.messages(sim.room("Firmware")["id"])[0]
    sim.clear_log()
    assert mount.run(["cat", "spaces/Firmware/" + txt_name(m)], check=True).out
    assert asked(sim) == [ROOMS, MESSAGES]


@pytest.mark.sim("--data", "demo")
def test_people_members_and_details(sim, mount):
    mount.ls("spaces/Lunch")
    sim.clear_log()
    mount.run("ls -l spaces/Lunch/members; cat spaces/Lunch/members/*", check=True)
    assert asked(sim) == ["GET /memberships"]
    sim.clear_log()
    mount.run("cat spaces/Lunch/space.json", check=True)
    room = json.loads(read(mount.space("Lunch") / "space.json"))["id"]
    assert asked(sim)[0] == f"GET /rooms/{room}"
    sim.clear_log()
    mount.run("ls -l people; cat people/bob@example.com.json", check=True)
    assert asked(sim) == ["GET /people"]
    sim.clear_log()
    mount.run("cat people/bob@example.com.json people/me.json", check=True)
    assert asked(sim) in ([], [ME])


# Single flight.


@pytest.mark.sim("--data", "empty", "--spaces", 3, "--messages", 200, "--latency", 300)
def test_fifty_listings_of_one_cold_space_are_one_request(sim, mount):
    title = mount.ls("spaces")[0]
    sim.clear_log()
    results = parallel(lambda _: sorted(os.listdir(mount.space(title))), range(50))
    assert [e for _r, e in results if e] == []
    assert {len(r) for r, _e in results} == {200 + len(FIXED)}
    assert asked(sim) == [MESSAGES]


@pytest.mark.sim("--data", "demo", "--latency", 300)
def test_fifty_readers_of_one_cold_thing_are_one_request(sim, mount):
    m = sim.messages(sim.room("Firmware")["id"])[0]
    mount.ls("spaces")
    for path, request in ((f"spaces/Firmware/{txt_name(m)}", MESSAGES),
                          ("people/erin@example.com.json", "GET /people"),
                          ("direct/frank@example.com/post", "GET /messages/direct"),
                          ("spaces/Lunch/members/carol@example.com", "GET /memberships")):
        sim.clear_log()
        results = parallel(lambda _, p=path: read(mount / p), range(50))
        assert [e for _r, e in results if e] == [], path
        assert len({r for r, _e in results}) == 1
        assert [r for r in asked(sim) if r != ROOMS] == [request]


@pytest.mark.sim("--data", "demo", "--latency", 200)
def test_fifty_cold_listings_of_all_spaces_are_one_request(sim, mount):
    results = parallel(lambda _: mount.ls("spaces"), range(50))
    assert {len(r) for r, _e in results} == {11}
    assert asked(sim) == [ME, ROOMS]


# Volume and pages.


@pytest.mark.sim("--data", "empty", "--spaces", 2000, "--messages", 2, "--members", 2)
def test_two_thousand_spaces(sim, mount):
    sim.clear_log()
    with Timed(10, "ls of 2000 spaces"):
        assert len(mount.run("ls spaces", check=True).lines()) == 2000
    # The service's pages have at most 1000.
    assert asked(sim) == [ROOMS, ROOMS]
    sim.clear_log()
    with Timed(15, "ls -l of 2000 spaces"):
        assert len(mount.run("ls -l spaces", check=True).lines()) == 2001
    assert set(asked(sim)) <= {ROOMS} and len(asked(sim)) <= 4


@pytest.mark.sim("--data", "empty", "--spaces", 23, "--messages", 95, "--members", 25,
                 "--max-page", 10)
def test_small_pages(sim, mount):
    sim.clear_log()
    names = mount.ls("spaces")
    assert len(names) == 23 and asked(sim) == [ROOMS] * 3
    sim.clear_log()
    expected = sorted(txt_name(m) for m in sim.messages(sim.room(names[4])["id"]))
    sim.clear_log()
    assert messages_in(mount.space(names[4])) == expected and len(expected) == 95
    assert asked(sim) == [MESSAGES] * 10
    sim.clear_log()
    assert len(mount.ls(f"spaces/{names[4]}/members")) == 25
    assert asked(sim) == ["GET /memberships"] * 3
    # What is known already is not paged through again: news are on the first page.
    sim.post(sim.room(names[4])["id"], "news", token="bob-token")

    def news():
        sim.clear_log()
        return len(messages_in(mount.space(names[4]))) == 96
    wait_until(news, 15)
    assert asked(sim) == [MESSAGES]


@pytest.mark.sim("--data", "empty", "--spaces", 2, "--messages", 30, "--members", 2,
                 "--max-page", 1)
def test_pages_of_one(sim, mount):
    names = mount.ls("spaces")
    assert len(names) == 2
    assert len(messages_in(mount.space(names[0]))) == 30
    assert len(mount.ls(f"spaces/{names[0]}/members")) == 2


@pytest.mark.sim("--data", "empty", "--spaces", 1, "--messages", 3000, "--members", 2)
@pytest.mark.mount("recent=150")
def test_recent_bounds_what_is_asked(sim, mount):
    title = mount.ls("spaces")[0]
    sim.clear_log()
    assert len(messages_in(mount.space(title))) == 150
    assert asked(sim) == [MESSAGES]
    assert "max=150" in sim.log()[0]["query"]


@pytest.mark.sim("--data", "empty", "--spaces", 1, "--messages", 3000, "--members", 2)
@pytest.mark.mount("recent=all")
def test_recent_all_lists_everything(sim, mount):
    title = mount.ls("spaces")[0]
    sim.clear_log()
    assert len(messages_in(mount.space(title))) == 3000
    # The past is cut into lanes: one that ends inside of a page costs one more.
    assert asked(sim) in ([MESSAGES] * 3, [MESSAGES] * 4)


# Walkers.


# Every second walk is one of these.
WALKS = ["grep -ril zzz .; test $? = 1", "find . -ls", "du -s .", "ls -lR", "tar cf - spaces people | wc -c",
         "find . -newermt 2000-01-01 -type f -size +100000c"]
WALKS += [c for c in ('rsync -a spaces/ "$T/copy"', "rg -i zzz; test $? = 1", "fd -H . > /dev/null")
          if shutil.which(c.split()[0])]


def walk(mount, tmp_path, commands):
    for command in commands:
        mount.run(command + " > /dev/null" if "copy" not in command else command, check=True,
                  env={"T": str(tmp_path)})


def old_enough(since):
    """Waits until a person would be given new lists of what was listed until then."""
    wait_until(lambda: time.monotonic() - since > FRESH + 0.5)


@pytest.mark.sim("--data", "empty", "--spaces", 20, "--messages", 30, "--members", 3)
# No poll comes meanwhile.
@pytest.mark.mount("poll=600")
def test_a_second_walk_asks_nothing(sim, start_mount, mount, tmp_path):
    """find, du, grep -r: the spaces, teams and webhooks, and of each space messages and members, once."""
    first = {MESSAGES: 20, "GET /memberships": 20, "GET /teams": 1, "GET /webhooks": 1}
    sim.clear_log()
    # One that is interrupted leaves what it has.
    names = mount.run("ls spaces | head -5", check=True).lines()
    mount.run(["find"] + [f"spaces/{n}" for n in names], check=True)
    assert asked(sim).count("GET /memberships") == 5
    found = mount.run("find . | wc -l", check=True)
    # The root, README, five directories, three links, two people; each space: the fixed names, 30
    # messages, 3 members.
    assert int(found.out) == 1 + 1 + 5 + 3 + 2 + 20 * (1 + len(FIXED) + 30 + 3)
    counts = {r: asked(sim).count(r) for r in asked(sim)}
    assert counts.pop(ME, 0) <= 1 and counts.pop(ROOMS, 1) == 1
    assert counts == first
    old_enough(time.monotonic())
    sim.clear_log()
    for command in WALKS:
        walk(mount, tmp_path, [command])
        assert asked(sim) == [], command
    # Two at once, and one by many processes, which a few people might be.
    walk(mount, tmp_path, ["find spaces -ls & grep -rc zzz spaces; wait"])
    assert asked(sim) == []
    walk(mount, tmp_path, ['for d in spaces/*; do ls "$d/members"; done'])
    wait_until(lambda: asked(sim) == ["GET /memberships"] * 4)
    # Nor in another mount.
    mount.unmount()
    sim.clear_log()
    again = start_mount(sim, "poll=600", state=mount.state)
    walk(again, tmp_path, ["find . -ls", "grep -r zzz .; test $? = 1"])
    assert asked(sim) == [ME]


@pytest.mark.sim("--data", "empty", "--spaces", 25, "--messages", 5, "--members", 3, "--max-page", 10)
@pytest.mark.mount("poll=600")
def test_a_walk_where_the_list_of_spaces_has_pages(sim, mount, tmp_path):
    """As of an account with over 1000 spaces: the list is asked for again, and nothing else."""
    sim.clear_log()
    walk(mount, tmp_path, ["grep -ril zzz .; test $? = 1"])
    counts = {r: asked(sim).count(r) for r in asked(sim)}
    assert counts.pop(ROOMS, 0) <= 6 and counts.pop(ME, 0) <= 1
    assert counts == {MESSAGES: 25, "GET /memberships": 25, "GET /teams": 1, "GET /webhooks": 1}
    old_enough(time.monotonic())
    sim.clear_log()
    walk(mount, tmp_path, ["grep -ril zzz .; test $? = 1", "find . -ls"])
    assert set(asked(sim)) <= {ROOMS}


@pytest.mark.sim("--data", "empty", "--spaces", 6, "--messages", 3, "--members", 2)
@pytest.mark.mount("poll=600")
def test_a_person_sees_who_came(sim, mount, tmp_path):
    """While programs walk, ls of the members of one space shows who is in it now."""
    walk(mount, tmp_path, ["find . -ls"])
    names = mount.run("ls spaces", check=True).lines()
    old_enough(time.monotonic())

    def invite(name):
        sim.api("POST", "/memberships", {"roomId": sim.room(name)["id"],
                                         "personEmail": "admin@example.com"}).ok()
        sim.clear_log()
    invite(names[0])
    walk(mount, tmp_path, ["find . -ls"])
    assert asked(sim) == []
    ls = ["ls", f"spaces/{names[0]}/members"]
    wait_until(lambda: "admin@example.com" in mount.run(ls, check=True).lines())
    assert asked(sim).count("GET /memberships") <= 2
    # A file manager: one process, which showed the list of spaces. The first look tells what is known.
    invite(names[1])
    assert names[1] in os.listdir(mount / "spaces")
    members = mount.space(names[1]) / "members"
    assert "admin@example.com" not in os.listdir(members)
    assert asked(sim) == []
    wait_until(lambda: "admin@example.com" in os.listdir(members))


@pytest.mark.sim(*THOUSAND)
def test_ls_l_and_file_cost_no_more_than_ls(sim, mount):
    title = mount.ls("spaces")[0]
    sim.clear_log()
    assert len(mount.run("ls -l", cwd=mount.space(title), check=True).lines()) == 1001 + len(FIXED)
    assert asked(sim) == [MESSAGES]
    if shutil.which("file"):
        sim.clear_log()
        lines = mount.run("file *_*.txt", cwd=mount.space(title), check=True).lines()
        assert len(lines) == 1000 and all("text" in line for line in lines)
        assert len(asked(sim)) <= 1


@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
def test_git_status_costs_nothing(sim, mount):
    """A prompt that looks for a repository in every directory on its way up."""
    space = mount.space("Lunch")
    mount.ls("spaces/Lunch")
    sim.clear_log()
    for _ in range(3):
        done = run_cmd(["git", "-C", str(space), "status"], env={
            "GIT_CEILING_DIRECTORIES": str(mount.path.parent),
            "GIT_DISCOVERY_ACROSS_FILESYSTEM": "1"})
        assert "not a git repository" in done.err
    assert asked(sim) == []


def test_a_shell_s_completion_costs_nothing_more(sim, mount):
    mount.ls("spaces/Lunch")
    script = "cd spaces/Lunch; compgen -f 20 | wc -l; compgen -G '*.txt' | wc -l"

    def complete():
        assert mount.run(script, check=True).lines() == ["4", "4"]
    assert while_fresh(sim, lambda: mount.run("ls spaces/Lunch spaces", check=True),
                       complete) == []


# Across mounts.


@pytest.mark.sim(*THOUSAND)
def test_what_was_fetched_once_is_kept_across_mounts(sim, start_mount):
    first = start_mount(sim)
    title = first.ls("spaces")[0]
    names = messages_in(first.space(title))
    bodies = [read(first.space(title) / n) for n in names[::20]]
    first.unmount()
    sim.clear_log()
    second = start_mount(sim, state=first.state)
    assert asked(sim) == [ME]
    assert [read(second.space(title) / n) for n in names[::20]] == bodies
    # Looking up known names asks nothing, listing asks for news: one page.
    assert asked(sim) == [ME]
    assert messages_in(second.space(title)) == names
    assert asked(sim).count(MESSAGES) == 1
    assert re.search(r"max=1000", sim.requests("GET", "/messages")[0]["query"])


@pytest.mark.sim("--data", "empty", "--spaces", 1, "--messages", 500, "--latency", 50)
@pytest.mark.mount("cache=memory")
def test_memory_cache_costs_the_same(sim, mount):
    title = mount.ls("spaces")[0]
    sim.clear_log()
    assert len(messages_in(mount.space(title))) == 500
    for name in messages_in(mount.space(title))[::10]:
        assert read(mount.space(title) / name)
    assert set(asked(sim)) == {MESSAGES} and len(asked(sim)) <= 2
