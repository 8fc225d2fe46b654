"""history/: every message since the space was created, by month; transcripts of months;
recent=all."""
import calendar
import collections
import os
import re
import shutil
import stat
import time

import pytest

from lib.chat import fails, put
from lib.shell import kill_group, run_cmd, start_cmd
from lib.tree import (asked, check_sizes, error_of, files_below, messages_in, millis, parallel,
                      read, stems, txt_name)
from lib.util import wait_until

MESSAGES = "GET /messages"
# A list is taken for fresh so long.
FRESH = 3
ROOMS = "GET /rooms"
# Six years: 72 months and a bit.
SIX_YEARS = ("--data", "empty", "--spaces", 1, "--messages", 720, "--members", 3)
NAMES = re.compile(r"\d{4}-\d\d")


def month_of(message):
    return message["created"][:7]


def by_month(messages):
    """{month: names of its messages, oldest first}"""
    found = collections.defaultdict(list)
    for message in messages:
        found[month_of(message)].append(txt_name(message))
    return {month: sorted(names) for month, names in found.items()}


def months_between(first, last):
    """Newest first."""
    year, month = map(int, last.split("-"))
    found = []
    while f"{year:04}-{month:02}" >= first:
        found.append(f"{year:04}-{month:02}")
        year, month = (year, month - 1) if month > 1 else (year - 1, 12)
    return found


def months(history):
    return [n for n in os.listdir(history) if NAMES.fullmatch(n)]


def message_requests(sim):
    return [r for r in asked(sim) if r == MESSAGES]


class Past:
    """A space with old messages, seen from both sides. Nothing of it is known yet."""

    def __init__(self, sim, mount, title=None):
        self.sim, self.mount = sim, mount
        mount.ls("spaces")
        self.title = title or min(sim.rooms(), key=lambda r: r["created"])["title"]
        self.room = sim.room(self.title)
        self.id = self.room["id"]
        self.dir = mount.space(self.title)
        self.history = self.dir / "history"
        self.months = by_month(self.messages())
        sim.clear_log()

    def messages(self):
        return self.sim.messages(self.id, max=1000)

    def listed(self):
        """{month: names} of the whole history, as it is shown."""
        return {m: messages_in(self.history / m) for m in months(self.history)}


@pytest.fixture
def past(sim, mount):
    return Past(sim, mount)


# Structure.


@pytest.mark.sim("--data", "demo")
def test_structure(sim, mount):
    for room in sim.rooms():
        if room["title"] == "Lunch":
            continue
        top = mount / ("spaces" if room["type"] == "group" else "direct")
        space = top / room["title"].replace("/", "\u2215")
        messages = sim.messages(room["id"])
        target = os.readlink(space / "history")
        assert re.fullmatch(r"\.\./\.\./\.sparkfs/views/\d+/history", target)
        view = mount.ls((space / "history/..").resolve())
        assert view == ["by-thread", "files", "files-by-month", "history", "mentions", "threads",
                        "threads-by-month", "transcript.log", "transcripts"]
        newest = max([room["lastActivity"], *(m["created"] for m in messages)])
        expected = months_between(room["created"][:7], newest[:7])
        assert os.listdir(space / "history") == expected
        assert os.listdir(space / "history/../transcripts") == [m + ".log" for m in expected]
        there = by_month(messages)
        for month in expected:
            assert mount.ls(space / "history" / month) == [*there.get(month, []), "files",
                                                           "transcript.log"]
            assert os.readlink(space / "history" / month / "transcript.log") == \
                f"../../transcripts/{month}.log"


@pytest.mark.sim(*SIX_YEARS)
def test_months_are_listed_without_a_request(past):
    assert set(past.months) <= set(months(past.history)) and len(past.months) > 60
    found = past.mount.run("ls -l history/; stat history/* > /dev/null", cwd=past.dir, check=True)
    assert len(found.lines()) == 1 + len(months(past.history))
    assert asked(past.sim) == []


@pytest.mark.sim(*SIX_YEARS)
def test_names_that_are_not_there(past):
    for name in ("2014-01", "2199-12", "2025-13", "2025-00", "2025-1", "2025-01-01", "x", ".git"):
        assert error_of(os.stat, past.history / name) == "ENOENT", name
        for ending in ("", ".log"):
            assert error_of(os.stat, past.history / "../transcripts" / (name + ending)) == \
                "ENOENT", name
    assert error_of(os.stat, past.history / "2025-01.log") == "ENOENT"
    assert error_of(os.stat, past.history / "../transcripts/2025-01") == "ENOENT"
    month = months(past.history)[30]
    other = past.months[months(past.history)[31]][0]
    for name in (other, other[:-4] + ".md", "post", "members", ".git", "x.txt"):
        assert error_of(os.stat, past.history / month / name) == "ENOENT", name
    assert asked(past.sim) == []


@pytest.mark.sim(*SIX_YEARS)
def test_messages_are_hard_links_of_those_in_the_space(past):
    listed = messages_in(past.dir)
    assert len(listed) == 720
    for month, names in past.listed().items():
        for name in names:
            a, b = os.stat(past.dir / name), os.stat(past.history / month / name)
            assert a == b and a.st_nlink == 2 and os.path.samefile(
                past.dir / name, past.history / month / name)
    assert past.listed() == {m: past.months.get(m, []) for m in months(past.history)}
    month = months(past.history)[7]
    for twin in (".md", ".html", ".json"):
        name = past.months[month][0][:-4] + twin
        assert os.stat(past.dir / name) == os.stat(past.history / month / name)
        assert read(past.dir / name) == read(past.history / month / name)


@pytest.mark.sim(*SIX_YEARS)
def test_attributes(past):
    shown = months(past.history)
    newest = past.room["lastActivity"]
    for month in shown:
        st = os.lstat(past.history / month)
        assert stat.S_ISDIR(st.st_mode) and stat.S_IMODE(st.st_mode) == 0o755
        assert (st.st_nlink, st.st_size) == (1, 0)
        year, number = map(int, month.split("-"))
        end = calendar.timegm((year + number // 12, number % 12 + 1, 1, 0, 0, 0)) * 1000 - 1
        assert st.st_mtime_ns == min(end, millis(newest)) * 1000000, month
    st = os.stat(past.history)
    assert stat.S_IMODE(st.st_mode) == 0o555 and st.st_nlink == 1
    assert past.mount.run("ls -t history/", cwd=past.dir, check=True).lines() == shown
    before = {m: os.stat(past.history / m) for m in shown}
    past.listed()
    assert before == {m: os.stat(past.history / m) for m in shown}
    assert check_sizes(past.history.resolve()) == 720
    seen = past.mount.run("find . -printf '%p|%i|%s|%m|%T@|%n\\n'", cwd=past.history,
                          check=True).lines()
    for line in seen:
        path, ino, size, mode, mtime, nlink = line.rsplit("|", 5)
        # Not by pathlib, which drops a dot: history itself is the link.
        st = os.lstat(f"{past.history}/{path}")
        assert (st.st_ino, st.st_size, st.st_nlink) == (int(ino), int(size), int(nlink)), path
        assert stat.S_IMODE(st.st_mode) == int(mode, 8), path
        assert abs(st.st_mtime_ns / 1e9 - float(mtime)) < 1e-6, path


# What it costs.


@pytest.mark.sim(*SIX_YEARS, "--max-page", 4)
def test_a_month_costs_its_own_pages(sim, start_mount):
    """Each in a mount that knows nothing else, and a page is far smaller than what a space lists.

    The newest page is asked for once a space. So a month of whole pages, which takes one more
    to see that it has ended, costs that one too much where it is the first to be opened.
    """
    # Months differ in length, but it depends on the day how many of them differ in pages.
    busy = months_between(sim.rooms()[0]["created"][:7], sim.rooms()[0]["lastActivity"][:7])[30]
    sim.add_messages(room=sim.rooms()[0]["id"], person="bob", text="busy", count=9, stepMs=1,
                     created=f"{busy}-14T10:00:00.000Z")
    seen = set()
    for at in range(0, 60, 6):
        past = Past(sim, start_mount(sim, "cache=memory"))
        month = months(past.history)[at]
        names = past.months.get(month, [])
        assert messages_in(past.history / month) == names
        pages = -(-len(names) // 4)
        assert len(message_requests(sim)) <= pages + 1 + (len(names) % 4 == 0), month
        assert set(asked(sim)) <= {MESSAGES}
        seen.add(pages)
        # Another one costs its own pages; only the next one in a row would be a walk.
        sim.clear_log()
        month = months(past.history)[at + 3]
        assert messages_in(past.history / month) == past.months.get(month, [])
        assert len(message_requests(sim)) <= -(-len(past.months.get(month, [])) // 4) + 1
        past.mount.unmount()
    assert len(seen) > 1


@pytest.mark.sim(*SIX_YEARS, "--max-page", 100)
@pytest.mark.mount("recent=100")
@pytest.mark.parametrize("at", [0, 30])
def test_all_of_an_open_month_is_known(past, at):
    month = months(past.history)[at]
    assert messages_in(past.history / month) == past.months[month]
    assert len(message_requests(past.sim)) == (1 if at == 0 else 2)
    past.sim.clear_log()
    past.mount.run("cat *_*.txt > /dev/null; stat x.txt; cat transcript.log",
                   cwd=past.history / month)
    for name in past.months[month]:
        for twin in (".md", ".html", ".json"):
            assert read(past.history / month / (name[:-4] + twin))
    # What is current may be asked about once more when it is older than it may be.
    assert len(asked(past.sim)) <= (1 if at == 0 else 0)


@pytest.mark.sim("--data", "empty", "--spaces", 1, "--messages", 300, "--members", 3)
@pytest.mark.parametrize("command", ["find history/ -type f", "ls history/*/*.txt",
                                     "ls history/2022*/ > /dev/null; ls -d history/20*/*.txt"])
def test_a_small_space_costs_one_request_altogether(past, command):
    """From whichever end it is read."""
    began = time.monotonic()
    found = past.mount.run(command, cwd=past.dir, check=True).lines()
    assert len(found) == 300
    assert asked(past.sim) == [MESSAGES]
    assert past.mount.run("cat history/*/*.txt | wc -c; cat history/../transcripts/*.log",
                          cwd=past.dir, check=True).lines()
    # What is current may be asked about once more each time it is older than it may be.
    assert len(asked(past.sim)) <= 2 + (time.monotonic() - began) // FRESH


@pytest.mark.sim(*SIX_YEARS, "--max-page", 100)
def test_what_a_page_brings_is_kept(past):
    """A month in the middle brings a page of older ones with it."""
    shown = months(past.history)
    assert messages_in(past.history / shown[30]) == past.months[shown[30]]
    assert len(message_requests(past.sim)) == 2
    past.sim.clear_log()
    # By name: two directories in a row would be a walk, which is read ahead.
    for month in shown[31:37]:
        for name in past.months[month]:
            assert read(past.history / month / name)
    assert asked(past.sim) == []
    # The space's own list sits on the same.
    assert messages_in(past.dir) == sorted(n for ns in past.months.values() for n in ns)
    assert len(message_requests(past.sim)) <= 8


@pytest.mark.sim(*SIX_YEARS, "--max-page", 100)
def test_a_name_costs_one_page_and_its_absence_too(past):
    shown = months(past.history)
    month = shown[20]
    name = past.months[month][3]
    assert read(past.history / month / name)
    assert len(message_requests(past.sim)) == 1
    past.sim.clear_log()
    gone = name.replace("T", "T").replace(name[20:23], f"{(int(name[20:23]) + 1) % 1000:03}")
    if gone not in past.months[month]:
        assert error_of(os.stat, past.history / month / gone) == "ENOENT"
    assert error_of(os.stat, past.history / month / name.replace("@", "_")) == "ENOENT"
    assert len(message_requests(past.sim)) <= 1


# Walkers.


@pytest.mark.sim(*SIX_YEARS, "--max-page", 50)
def test_walkers_meet_every_message_once(past):
    everything = sorted(n for names in past.months.values() for n in names)
    found = past.mount.run("find history/ -type f -printf '%f\\n'", cwd=past.dir, check=True)
    assert sorted(found.lines()) == everything
    assert len(message_requests(past.sim)) <= 1.25 * (720 / 50) + 1
    found = past.mount.run("find -L history -type f -name '*.txt' -printf '%f\\n'", cwd=past.dir,
                           check=True)
    assert sorted(found.lines()) == everything
    found = past.mount.run("grep -rl . history/", cwd=past.dir, check=True)
    assert sorted(os.path.basename(n) for n in found.lines()) == everything
    # From the space itself, and from above, history is a link that walkers do not follow.
    found = past.mount.run("find . -name '*_*.txt' -printf '%f\\n'", cwd=past.mount.path,
                           check=True)
    assert sorted(found.lines()) == everything


@pytest.mark.skipif(not shutil.which("rsync"), reason="needs rsync")
@pytest.mark.sim(*SIX_YEARS, "--max-page", 100)
def test_a_second_rsync_transfers_nothing(past, tmp_path):
    everything = sorted(n for names in past.months.values() for n in names)
    backup = tmp_path / "backup"
    command = ["rsync", "-a", "--out-format=%n", f"{past.history}/", f"{backup}/"]
    assert run_cmd(command, check=True).lines()
    copied = [(p, st) for p, st in files_below(backup) if stat.S_ISREG(st.st_mode)]
    assert sorted(os.path.basename(p) for p, _ in copied) == everything
    for path, st in copied:
        assert st.st_mtime_ns == os.stat(past.dir / os.path.basename(path)).st_mtime_ns
    past.sim.clear_log()
    assert run_cmd(command, check=True).lines() == []
    # Only whether there are news.
    assert len(message_requests(past.sim)) <= 1
    past.sim.post(past.id, "news", token="bob-token")
    wait_until(lambda: len(messages_in(past.dir)) == 721)
    new = run_cmd(command, check=True).lines()
    assert len([n for n in new if n.endswith(".txt")]) == 1 and len(new) <= 4, new


@pytest.mark.skipif(not shutil.which("rsync"), reason="needs rsync")
@pytest.mark.sim("--data", "empty", "--spaces", 1, "--messages", 3000, "--members", 3)
@pytest.mark.mount("poll=600")
def test_a_second_rsync_makes_no_message_request(past, tmp_path):
    """As most people mount it: what is current is known by the polls, of which none comes meanwhile."""
    command = ["rsync", "-a", "--out-format=%n", f"{past.history}/", f"{tmp_path}/backup/"]
    first = run_cmd(command, check=True, timeout=60).lines()
    assert len([n for n in first if n.endswith(".txt")]) == 3000
    # No longer fresh by age.
    end = time.monotonic() + 4
    wait_until(lambda: time.monotonic() > end)
    past.sim.clear_log()
    assert run_cmd(command, check=True).lines() == []
    assert messages_in(past.dir) == sorted(n for ns in past.months.values() for n in ns)[-1000:]
    assert message_requests(past.sim) == []


@pytest.mark.sim(*SIX_YEARS, "--max-page", 100)
def test_tar(past, tmp_path):
    everything = sorted(n for names in past.months.values() for n in names)
    done = past.mount.run(f"tar cf {tmp_path}/a.tar -C history . && tar tf {tmp_path}/a.tar",
                          cwd=past.dir, check=True)
    assert not done.err
    names = [os.path.basename(n) for n in done.lines() if n.endswith(".txt")]
    assert sorted(names) == everything


# Edges.


def old_space(sim, title, created, *batches):
    """A space of alice and bob, created then; each of the batches is a set of messages."""
    room = sim.control("POST", "/rooms", {"title": title, "person": "alice", "created": created,
                                          "members": ["bob"]})["id"]
    for batch in batches:
        sim.add_messages(room=room, **{"person": "bob", "text": "tick", **batch})
    return room


@pytest.mark.sim("--data", "empty", "--max-page", 10)
def test_one_millisecond_at_the_edges_of_page_and_month(sim, mount):
    old_space(sim, "Edges", "2024-01-31T10:00:00.000Z", *(
        {"created": created, "count": count, "stepMs": 0} for created, count in (
            ("2024-02-01T00:00:00.000Z", 12), ("2024-02-29T23:59:59.999Z", 25),
            ("2024-03-01T00:00:00.000Z", 11), ("2024-12-31T23:59:59.999Z", 3),
            ("2025-01-01T00:00:00.000Z", 30), ("2025-03-04T00:00:00.000Z", 1))))
    past = Past(sim, mount, "Edges")
    assert os.listdir(past.history)[-3:] == ["2024-03", "2024-02", "2024-01"]
    # By id: names of one millisecond are told apart by hex digits.
    expected = collections.defaultdict(set)
    for message in past.messages():
        expected[month_of(message)].add(message["id"])
    sim.clear_log()
    for month in ("2025-01", "2024-02", "2024-12", "2024-03", "2024-01", "2024-06", "2025-03"):
        assert set(stems(past.history / month)) == expected[month], month
    assert {m: len(n) for m, n in expected.items() if n} == {
        "2024-02": 37, "2024-03": 11, "2024-12": 3, "2025-01": 30, "2025-03": 1}


@pytest.mark.sim("--data", "empty", "--max-page", 10)
def test_empty_months(sim, mount):
    old_space(sim, "Quiet", "2023-05-05T05:05:05.000Z",
              {"created": "2023-05-06T00:00:00.000Z"}, {"created": "2023-09-06T00:00:00.000Z"})
    old_space(sim, "Nobody", "2024-05-05T05:05:05.000Z")
    past = Past(sim, mount, "Quiet")
    shown = months(past.history)
    assert shown[-5:] == ["2023-09", "2023-08", "2023-07", "2023-06", "2023-05"]
    assert messages_in(past.history / "2023-07") == []
    assert len(message_requests(sim)) <= 1
    assert past.listed() == {m: past.months.get(m, []) for m in shown}
    assert read(past.history / "2023-07/transcript.log") == b""
    assert months(mount.space("Nobody") / "history")
    for month in months(mount.space("Nobody") / "history"):
        assert mount.ls(mount.space("Nobody") / "history" / month) == ["files", "transcript.log"]


@pytest.mark.sim("--data", "demo")
@pytest.mark.mount(token="bot-token")
def test_a_bot_sees_what_mentions_it(sim, mount):
    history = mount.space("Support desk") / "history"
    everything = sim.messages(sim.room("Support desk", token="bot-token")["id"],
                              token="bot-token", mentionedPeople="me", max=100)
    assert everything
    expected = by_month(everything)
    mount.run("echo 'I am on it' > post", cwd=mount.space("Support desk"), check=True)
    own = os.readlink(mount.space("Support desk") / "last")
    expected.setdefault(own[:7], []).append(own)
    found = {m: messages_in(history / m) for m in months(history)}
    assert {m: n for m, n in found.items() if n} == expected


@pytest.mark.sim(*SIX_YEARS)
def test_kept_across_mounts(sim, start_mount):
    def inodes(past):
        top = past.history.resolve()
        return {os.path.relpath(p, top): st.st_ino for p, st in files_below(top)}
    past = Past(sim, start_mount(sim))
    everything, numbers = past.listed(), inodes(past)
    past.mount.unmount()
    again = Past(sim, start_mount(sim, state=past.mount.state), past.title)
    assert again.listed() == everything
    assert inodes(again) == numbers
    assert len(message_requests(sim)) <= 1


@pytest.mark.sim("--data", "empty", "--spaces", 2, "--messages", 720, "--members", 3,
                 "--max-page", 50)
def test_without_network(past):
    shown = months(past.history)
    for at in (0, 20):
        assert messages_in(past.history / shown[at]) == past.months[shown[at]]
    past.sim.kill()
    # What is known reads on, what is not is an error and no empty directory.
    for at in (0, 20):
        assert messages_in(past.history / shown[at]) == past.months[shown[at]]
        for name in past.months[shown[at]]:
            assert read(past.history / shown[at] / name)
    network = {"ECONNREFUSED", "ENETUNREACH", "EHOSTUNREACH"}
    unknown = [m for m in shown[45:60] if past.months.get(m)]
    for month in unknown:
        assert error_of(os.listdir, past.history / month) in network
        name = past.months[month][0]
        assert error_of(os.stat, past.history / month / name) in network
        assert error_of(os.stat, past.history / month / "transcript.log") in network
    # The months are known, also of a space that nobody has looked into.
    other = [t for t in past.mount.ls("spaces") if t != past.title][0]
    assert months(past.mount.space(other) / "history")
    past.sim.start()
    # It has other messages now.
    wait_until(lambda: len(messages_in(past.history / unknown[0])) > 0, 15)


@pytest.mark.sim(*SIX_YEARS, "--latency", 300, "--max-page", 100)
def test_fifty_readers_of_one_month_are_one_request(past):
    shown = months(past.history)
    messages_in(past.history / shown[0])
    past.sim.clear_log()
    found = parallel(lambda _: messages_in(past.history / shown[30]), range(50))
    assert [e for _n, e in found if e] == []
    assert {tuple(n) for n, _e in found} == {tuple(past.months[shown[30]])}
    assert asked(past.sim) == [MESSAGES]


@pytest.mark.sim(*SIX_YEARS, "--max-page", 100)
def test_a_walker_can_be_killed(past):
    past.sim.fault(method="GET", route="/messages", skip=2, hang=True)
    walker = start_cmd("exec find history/ -type f", cwd=past.dir)
    wait_until(lambda: past.sim.control("GET", "/health")["parked"] > 0, 15)
    kill_group(walker)
    walker.communicate(timeout=10)
    past.sim.clear_faults()
    assert past.listed() == {m: past.months.get(m, []) for m in months(past.history)}


# recent=all.


@pytest.mark.sim("--data", "empty", "--spaces", 1, "--messages", 2500, "--members", 2)
@pytest.mark.mount("recent=all")
def test_recent_all(past):
    everything = sorted(n for names in past.months.values() for n in names)
    assert messages_in(past.dir) == everything
    assert len(message_requests(past.sim)) <= 4
    past.sim.clear_log()
    assert past.listed() == {m: past.months.get(m, []) for m in months(past.history)}
    assert len(message_requests(past.sim)) <= 1


@pytest.mark.sim("--data", "empty", "--spaces", 1, "--messages", 400, "--members", 2,
                 "--max-page", 50)
def test_recent_that_grows_between_mounts(sim, start_mount):
    first = start_mount(sim, "recent=60")
    past = Past(sim, first)
    everything = sorted(n for names in past.months.values() for n in names)
    assert messages_in(past.dir) == everything[-60:]
    first.unmount()
    second = start_mount(sim, "recent=200", state=first.state)
    assert messages_in(second.space(past.title)) == everything[-200:]
    second.unmount()
    third = start_mount(sim, "recent=all", state=first.state)
    sim.clear_log()
    assert messages_in(third.space(past.title)) == everything
    assert len(message_requests(sim)) <= 400 / 50 + 1
    third.unmount()
    fourth = start_mount(sim, "recent=100", state=first.state)
    assert messages_in(fourth.space(past.title)) == everything[-100:]


@pytest.mark.sim("--data", "empty", "--spaces", 1, "--messages", 120, "--members", 2,
                 "--max-page", 20)
@pytest.mark.mount("recent=40", "timeout=150", hurry=5)
def test_what_was_deleted_is_made_up_for(past):
    everything = sorted(n for names in past.months.values() for n in names)
    assert messages_in(past.dir) == everything[-40:]
    for message in past.messages()[:10]:
        token = message["personEmail"].split("@")[0] + "-token"
        past.sim.control("POST", "/tokens", {"token": token, "valid": True,
                                             "person": message["personEmail"]})
        past.sim.api("DELETE", "/messages/" + message["id"], token=token).ok(204)
    wait_until(lambda: messages_in(past.dir) == everything[-50:-10])


# Changes.


@pytest.fixture
def diary(sim, mount):
    """Old messages of alice herself and of bob."""
    old_space(sim, "Diary", "2024-01-01T10:00:00.000Z", *(
        {"person": person, "text": f"{person} in {month}",
         "created": f"{month}-10T12:00:0{'ab'.index(person[0])}.000Z"}
        for month in ("2024-01", "2024-02", "2024-04") for person in ("alice", "bob")))
    return Past(sim, mount, "Diary")


EMPTY = pytest.mark.sim("--data", "empty")


@EMPTY
def test_rm_in_a_month_deletes(diary):
    own = diary.months["2024-02"][0]
    assert own.endswith("_alice@example.com.txt")
    assert own in messages_in(diary.dir) and own in messages_in(diary.history / "2024-02")
    diary.mount.run(["rm", own], cwd=diary.history / "2024-02", check=True)
    assert error_of(os.stat, diary.history / "2024-02" / own) == "ENOENT"
    assert error_of(os.stat, diary.dir / own) == "ENOENT"
    assert own not in messages_in(diary.history / "2024-02")
    assert own not in messages_in(diary.dir)
    assert "alice in 2024-02" not in [m["text"] for m in diary.messages()]
    # Somebody else's: the server decides.
    with fails(1, 13):
        os.unlink(diary.history / "2024-02" / diary.months["2024-02"][1])
    assert len(diary.messages()) == 5


@EMPTY
@pytest.mark.parametrize("command", ["rm -r history/", "rm -rf history/2024-01",
                                     "find history/ -name '*_alice*' -delete",
                                     "rm -r .sparkfs-none; rm -rf \"$(readlink -f history)\""])
def test_recursive_deletion_is_refused(diary, command):
    before = diary.listed()
    diary.mount.run(command, cwd=diary.dir)
    assert diary.listed() == before
    assert len(diary.messages()) == 6
    assert diary.sim.requests("DELETE") == []


@EMPTY
@pytest.mark.mount("recursive_delete")
def test_recursive_deletion_where_it_is_wanted(diary):
    diary.mount.run("find history/ -name '*_alice*' -delete", cwd=diary.dir, check=True)
    assert sorted(m["text"] for m in diary.messages()) == [
        f"bob in {m}" for m in ("2024-01", "2024-02", "2024-04")]


@EMPTY
def test_editing_in_a_month(diary):
    month = diary.history / "2024-01"
    own, other = diary.months["2024-01"]
    for command, text in ((f"echo changed > '{own}'", "changed"),
                          (f"echo more >> '{own}'", "changed\nmore"),
                          (f"sed -i s/changed/altered/ '{own}'", "altered\nmore")):
        diary.mount.run(command, cwd=month, check=True)
        wait_until(lambda t=text: read(month / own) == t.encode() + b"\n")
        assert read(diary.dir / own) == text.encode() + b"\n"
        assert [m["text"] for m in diary.messages() if month_of(m) == "2024-01"] == [
            "bob in 2024-01", text]
    assert messages_in(month) == diary.months["2024-01"]
    with fails(13):
        put(month / other, "mine\n", os.O_WRONLY | os.O_TRUNC)


VIMS = [v for v in ("vim", "vim.tiny") if shutil.which(v)]


@EMPTY
@pytest.mark.parametrize("vim", VIMS[:1])
def test_vim_in_a_month(diary, vim):
    own = diary.months["2024-01"][0]
    done = diary.mount.run([vim, "-u", "NONE", "-i", "NONE", "-N", "-es", "-c",
                            "set swapfile backup", "-c", "%s/alice/Alice/", "-c", "wq",
                            f"history/2024-01/{own}"], cwd=diary.dir)
    assert done.status == 0, done
    wait_until(lambda: read(diary.dir / own) == b"Alice in 2024-01\n")
    assert len(diary.messages()) == 6
    assert messages_in(diary.history / "2024-01") == diary.months["2024-01"]
    assert [r for r in asked(diary.sim) if r.startswith("POST")] == []


@EMPTY
def test_nothing_else_is_made_in_history(diary):
    month = diary.history / "2024-01"
    own = diary.months["2024-01"][0]
    for top in (month, diary.history, diary.history / "../transcripts"):
        assert error_of(os.mkdir, top / "new") == "EPERM"
        assert error_of(put, top / "notes.pdf", "x") == "EPERM"
        assert error_of(os.symlink, "x", top / "link") == "EPERM"
    assert error_of(os.link, month / own, month / "link") == "EPERM"
    assert error_of(os.rmdir, month) == "EPERM"
    assert error_of(os.unlink, month / "transcript.log") == "EPERM"
    assert error_of(os.unlink, diary.dir / "history") == "EPERM"
    assert error_of(os.rename, month / own, month / "other.txt") == "EPERM"
    assert error_of(os.rename, month / own, diary.dir / own) in ("EPERM", None)
    assert error_of(os.rename, month, diary.history / "2020-01") == "EPERM"
    put(month / ".scratch.swp", "bytes")
    assert error_of(os.rename, month / ".scratch.swp", month / "real.txt") == "EPERM"
    os.unlink(month / ".scratch.swp")
    assert [r for r in asked(diary.sim) if not r.startswith("GET")] == []
    assert messages_in(month) == diary.months["2024-01"]


# News.


@EMPTY
def test_changes_show_without_asking(diary):
    """The kernel is told: what is known of a month changes under those who look at it."""
    month = diary.history / "2024-02"
    own = diary.months["2024-02"][0]
    assert messages_in(month) == diary.months["2024-02"]
    assert read(month / own) == b"alice in 2024-02\n"
    put(diary.dir / own, "edited\n", os.O_WRONLY | os.O_TRUNC)
    assert read(month / own) == b"edited\n"
    assert os.stat(month / own).st_size == 7
    diary.mount.run("echo now > post", cwd=diary.dir, check=True)
    last = os.readlink(diary.dir / "last")
    this = last[:7]
    assert months(diary.history)[0] == this
    assert last in messages_in(diary.history / this)
    os.unlink(diary.dir / own)
    assert own not in messages_in(month)
    assert error_of(os.stat, month / own) == "ENOENT"


@EMPTY
@pytest.mark.mount("timeout=150", hurry=5)
def test_a_new_month_appears(diary):
    """Also in a listing that the kernel has cached: the clock of the server goes on."""
    year = time.gmtime().tm_year + 1
    assert months(diary.history)[0] < f"{year}-01"
    for month in (f"{year}-01", f"{year}-02", f"{year + 1}-01"):
        assert error_of(os.stat, diary.history / month) == "ENOENT"
        diary.sim.control("POST", "/clock", {"now": month + "-02T00:00:00.000Z"})
        diary.sim.post(diary.id, "happy " + month, token="bob-token")
        # Whoever looks at the space gets the news; history/ is told.
        wait_until(lambda m=month: messages_in(diary.dir)[-1][:7] == m, 15)
        assert months(diary.history)[0] == month
        assert len(messages_in(diary.history / month)) == 1
    first = sorted(diary.months)[0]
    assert months(diary.history) == months_between(first, f"{year + 1}-01")


# Transcripts.


@pytest.mark.sim(*SIX_YEARS, "--max-page", 100)
def test_transcripts_of_months(past):
    shown = months(past.history)
    everything = b""
    for month in shown:
        path = past.history / month / "transcript.log"
        text = read(path)
        assert os.stat(path).st_size == len(text)
        assert len(re.findall(rb"(?m)^\d{4}-\d\d-\d\d \d\d:\d\d \+0000 ", text)) == \
            len(past.months.get(month, []))
        everything = text + everything
    assert read(past.dir / "transcript.log") == everything
    sim = past.sim
    sim.clear_log()
    assert past.mount.run("cat history/../transcripts/*.log", cwd=past.dir,
                          check=True).out_bytes == everything
    assert len(asked(sim)) <= 1


@EMPTY
@pytest.mark.mount("timeout=150", hurry=5)
def test_tail_follows_the_month(diary):
    diary.mount.run("echo start > post", cwd=diary.dir, check=True)
    this = os.readlink(diary.dir / "last")[:7]
    path = diary.history / this / "transcript.log"
    log = diary.mount.path.parent / "tail.out"
    log.touch()
    tail = start_cmd(f"exec tail -n +1 -f '{path}' > '{log}'", cwd=diary.dir)
    try:
        wait_until(lambda: b"start" in read(log))
        diary.sim.post(diary.id, "from afar", token="bob-token")
        wait_until(lambda: b"from afar" in read(log), 15)
        own = os.readlink(diary.dir / "last")
        put(diary.dir / own, "restart\n", os.O_WRONLY | os.O_TRUNC)
        wait_until(lambda: b"edited" in read(log), 15)
        # An edit in another month is another transcript's.
        put(diary.dir / diary.months["2024-01"][0], "elsewhere\n", os.O_WRONLY | os.O_TRUNC)
        os.unlink(diary.dir / own)
        wait_until(lambda: b"deleted" in read(log), 15)
        assert b"elsewhere" not in read(log)
    finally:
        kill_group(tail)
        tail.communicate()
    wait_until(lambda: b"deleted" not in read(path))
    assert b"restart" not in read(path) and b"from afar" in read(path)
