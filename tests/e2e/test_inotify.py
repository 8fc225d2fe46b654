"""-o inotify: watchers of directories see what others do, once, and the server sees nothing of it."""
import os
import re
import signal
import subprocess
import threading
import time

import pytest

from lib.mount import mount_device, read_proc
from lib.shell import kill_group, run_cmd, start_cmd
from lib.tree import error_of, messages_in, txt_name
from lib.util import scaled, wait_until

# Without polls a list is good for three seconds of the mount's time.
pytestmark = [pytest.mark.sim("--data", "empty"),
              pytest.mark.mount("inotify", "timeout=150", hurry=5)]

WATCHED = "create,delete,modify,close_write,move,attrib"


class Watch:
    """inotifywait on directories of a mount."""

    def __init__(self, mount, *names):
        self.top = str(mount.path)
        self.process = subprocess.Popen(
            ["inotifywait", "-m", "-e", WATCHED, "--format", "%e %w%f",
             *[str(mount / n) for n in names]], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, start_new_session=True)
        for line in self.process.stderr:
            if "Watches established" in line:
                break
        self.lines = []
        self.thread = threading.Thread(target=self.collect, daemon=True)
        self.thread.start()

    def collect(self):
        for line in self.process.stdout:
            what, path = line.rstrip("\n").split(" ", 1)
            # inotifywait calls CLOSE_WRITE a CLOSE, too.
            what = re.sub("^CLOSE_WRITE,CLOSE$", "CLOSE_WRITE", what)
            self.lines.append(f"{what} {os.path.relpath(path, self.top)}")

    def end(self):
        self.process.terminate()
        self.process.wait(scaled(5))
        self.thread.join(scaled(5))
        self.process.stdout.close()
        self.process.stderr.close()


@pytest.fixture
def watch(mount):
    """watch(*names) -> a Watch."""
    watches = []

    def start(*names):
        watches.append(Watch(mount, *names))
        return watches[-1]

    yield start
    for w in watches:
        w.end()


@pytest.fixture
def room(sim):
    made = sim.create_room("Ops", ["bob@example.com"])
    sim.post(made["id"], "the first")
    return made


def look(mount, name="Ops"):
    """Brings the news."""
    mount.ls("spaces")
    mount.ls("direct")
    os.listdir(mount.space(name) / "members")
    return messages_in(mount.space(name))


def sentinel(sim, room, mount, watch):
    """The events before those of a message that is posted now."""
    m = sim.post(room["id"], "that is all", token="bob-token")
    name = "spaces/Ops/" + txt_name(m)
    wait_until(lambda: look(mount) and "CLOSE_WRITE " + name in watch.lines, 15)
    assert watch.lines.count("CREATE " + name) == watch.lines.count("CLOSE_WRITE " + name) == 1
    return [line for line in watch.lines if not line.endswith(name)]


def edit(sim, message, text):
    sim.api("PUT", "/messages/" + message["id"], {"roomId": message["roomId"], "text": text},
            token="bob-token").ok()


def changes_by_mount(sim):
    return [r for r in sim.log() if r["method"] != "GET" and "sparkfs" in (r.get("userAgent") or "")]


def helper_of(mount):
    """The process id of the helper, or None."""
    found = run_cmd(["pgrep", "-P", str(mount.pid), "-f", "--", "--inotify-helper"]).out.split()
    assert len(found) <= 1
    return int(found[0]) if found else None


# Changes by others.


def test_messages(sim, room, mount, watch):
    look(mount)
    seen = watch("spaces/Ops")
    m = sim.post(room["id"], "hello", token="bob-token")
    path = "spaces/Ops/" + txt_name(m)
    expected = ["CREATE " + path, "CLOSE_WRITE " + path]
    wait_until(lambda: look(mount) and len(seen.lines) >= 2)
    # The name leads to the message, with the inode number that it always has.
    assert (mount / path).read_text() == "hello\n"
    edit(sim, m, "better")
    expected += ["MODIFY " + path, "CLOSE_WRITE " + path]
    wait_until(lambda: look(mount) and len(seen.lines) >= 4)
    assert (mount / path).read_text() == "better\n"
    sim.api("DELETE", "/messages/" + m["id"], token="bob-token").ok(204)
    expected += ["DELETE " + path]
    wait_until(lambda: look(mount) and len(seen.lines) >= 5)
    assert not (mount / path).exists()
    assert sentinel(sim, room, mount, seen) == expected
    assert changes_by_mount(sim) == []


def test_replies(sim, room, mount, watch):
    """Who watches a thread sees its replies, and who watches threads/ sees one begin."""
    root = sim.post(room["id"], "a question", token="bob-token")
    wait_until(lambda: txt_name(root) in look(mount))
    name = txt_name(root).removesuffix(".txt")
    threads = os.path.relpath((mount / "spaces/Ops/threads").resolve(), mount.path)
    thread = f"{threads}/{name}"
    os.listdir(mount / thread)
    seen = watch(threads, thread)
    m = sim.post(room["id"], "an answer", token="bob-token", parentId=root["id"])
    path = f"{thread}/{txt_name(m)}"
    expected = {f"CREATE,ISDIR {thread}", "CREATE " + path, "CLOSE_WRITE " + path}
    wait_until(lambda: look(mount) and set(seen.lines) == expected, 15)
    assert (mount / path).read_text() == "an answer\n"
    edit(sim, m, "a better one")
    expected |= {"MODIFY " + path}
    wait_until(lambda: look(mount) and set(seen.lines) == expected, 15)
    sim.api("DELETE", "/messages/" + m["id"], token="bob-token").ok(204)
    expected |= {"DELETE " + path}
    wait_until(lambda: look(mount) and set(seen.lines) == expected, 15)
    assert changes_by_mount(sim) == []


def test_mentions(sim, room, mount, watch):
    look(mount)
    os.listdir(mount.space("Ops") / "mentions")
    seen = watch("spaces/Ops/mentions/")
    sim.post(room["id"], "to nobody", token="bob-token")
    m = sim.post(room["id"], markdown="<@personEmail:alice@example.com|Alice> hello",
                 token="bob-token")
    path = "spaces/Ops/mentions/" + txt_name(m)
    # A watch on a link is one on what it leads to, and has the link's name.
    told = "spaces/Ops/mentions" + txt_name(m)
    wait_until(lambda: look(mount) and len(seen.lines) >= 2)
    assert b"hello" in (mount / path).read_bytes()
    sim.api("DELETE", "/messages/" + m["id"], token="bob-token").ok(204)
    wait_until(lambda: look(mount) and len(seen.lines) >= 3)
    assert seen.lines == ["CREATE " + told, "CLOSE_WRITE " + told, "DELETE " + told]
    assert changes_by_mount(sim) == []


def test_members(sim, room, mount, watch):
    look(mount)
    seen = watch("spaces/Ops", "spaces/Ops/members")
    a = sim.api("POST", "/memberships", {
        "roomId": room["id"], "personEmail": "admin@example.com"}).ok().json
    path = "spaces/Ops/members/admin@example.com"
    wait_until(lambda: look(mount) and len(seen.lines) >= 2)
    sim.api("DELETE", "/memberships/" + a["id"]).ok(204)
    wait_until(lambda: look(mount) and len(seen.lines) >= 3)
    assert sentinel(sim, room, mount, seen) == [
        "CREATE " + path, "CLOSE_WRITE " + path, "DELETE " + path]
    assert changes_by_mount(sim) == []


def test_spaces(sim, room, mount, watch):
    look(mount)
    seen = watch("spaces", "direct", "spaces/Ops")
    new = sim.create_room("New", ["alice@example.com"], token="bob-token")
    wait_until(lambda: look(mount) and len(seen.lines) >= 1)
    sim.api("PUT", "/rooms/" + new["id"], {"title": "Newer"}, token="bob-token").ok()
    wait_until(lambda: look(mount) and len(seen.lines) >= 3)
    sim.api("DELETE", "/rooms/" + new["id"], token="bob-token").ok(204)
    wait_until(lambda: look(mount) and len(seen.lines) >= 4)
    sim.api("POST", "/messages", {"toPersonEmail": "alice@example.com", "text": "psst"},
            token="bob-token").ok()
    wait_until(lambda: look(mount) and len(seen.lines) >= 5)
    assert sentinel(sim, room, mount, seen) == [
        "CREATE,ISDIR spaces/New", "MOVED_FROM,ISDIR spaces/New",
        "MOVED_TO,ISDIR spaces/Newer", "DELETE,ISDIR spaces/Newer",
        "CREATE,ISDIR direct/Bob Keller"]
    assert mount.ls("spaces") == ["Ops"] and len(mount.ls("direct")) == 1
    assert changes_by_mount(sim) == []


def test_teams(sim, room, mount, watch):
    """A team is told as a space is, by the list that opening teams/ brings."""
    team = sim.api("POST", "/teams", {"name": "Crew"}, token="bob-token").ok().json
    sim.api("POST", "/team/memberships", {"teamId": team["id"],
                                          "personEmail": "alice@example.com"},
            token="bob-token").ok()
    assert mount.ls("teams") == ["Crew"]
    mount.ls("teams/Crew/members")
    seen = watch("teams", "teams/Crew/members")
    expected = []

    def happens(*lines):
        expected.extend(lines)
        wait_until(lambda: mount.ls("teams") and len(seen.lines) >= len(expected), 60)
        assert seen.lines == expected

    admin = sim.api("POST", "/team/memberships", {"teamId": team["id"],
                                                  "personEmail": "admin@example.com"},
                    token="bob-token").ok().json
    wait_until(lambda: len(mount.ls("teams/Crew/members")) == 3)
    happens("CREATE teams/Crew/members/admin@example.com",
            "CLOSE_WRITE teams/Crew/members/admin@example.com")
    sim.api("DELETE", "/team/memberships/" + admin["id"], token="bob-token").ok(204)
    wait_until(lambda: len(mount.ls("teams/Crew/members")) == 2)
    happens("DELETE teams/Crew/members/admin@example.com")
    sim.api("PUT", "/teams/" + team["id"], {"name": "Port crew"}, token="bob-token").ok()
    happens("MOVED_FROM,ISDIR teams/Crew", "MOVED_TO,ISDIR teams/Port crew")
    assert changes_by_mount(sim) == []


@pytest.mark.mount("inotify", "poll=1", "idle=2")
def test_news_come_by_themselves(sim, room, mount, watch):
    """A watch counts as use: events come though no program reads the directory."""
    look(mount)
    seen = watch("spaces/Ops")
    quiet = time.monotonic() + scaled(3)
    wait_until(lambda: time.monotonic() > quiet, 10)
    for i in range(3):
        name = "spaces/Ops/" + txt_name(sim.post(room["id"], str(i), token="bob-token"))
        wait_until(lambda: len(seen.lines) >= 2 * i + 2)
        assert seen.lines[2 * i:] == ["CREATE " + name, "CLOSE_WRITE " + name]
    assert changes_by_mount(sim) == []


def is_asleep(mount):
    return mount.status()["polling"] == "asleep"


def stays_quiet(sim, seconds):
    """True if the mount sends no request for so long."""
    sim.clear_log()
    end = time.monotonic() + seconds
    wait_until(lambda: sim.requests() or time.monotonic() > end, 20)
    return sim.requests() == []


@pytest.mark.mount("inotify", "poll=1", "idle=3", "timeout=150", hurry=5)
def test_asleep_unless_somebody_watches(sim, room, mount, watch):
    look(mount)
    # Who is only there, or looks at what the mount says of itself, or watches that, uses nothing.
    control = mount / ".sparkfs"
    there = [start_cmd(command, cwd=mount.space("Ops")) for command in (
        f"while sleep 0.2; do df {mount.path} >/dev/null; cat {control}/status.json >/dev/null; done",
        f"tail -f {control}/log")]
    own = watch(".", ".sparkfs", ".sparkfs/unsent")

    # Nor does the helper, however much it repeats.
    def falls_asleep_in_a_busy_space():
        sim.post(room["id"], "and another", token="bob-token")
        made = sim.api("POST", "/memberships",
                       {"roomId": room["id"], "personEmail": "admin@example.com"}).ok().json
        asleep = is_asleep(mount)
        sim.api("DELETE", "/memberships/" + made["id"]).ok(204)
        return asleep
    try:
        sim.post(room["id"], "wakes the helper", token="bob-token")
        wait_until(lambda: look(mount) and helper_of(mount))
        wait_until(falls_asleep_in_a_busy_space, 20)
        wait_until(lambda: stays_quiet(sim, 3 / mount.rate), 20)
        # The kernel knows these files: to watch them sends us nothing.
        for what in ("spaces/Ops", "spaces/Ops/space.json"):
            seen = watch(what)
            wait_until(lambda: not is_asleep(mount))
            sim.clear_log()
            # More polls than follow a use.
            wait_until(lambda: len(sim.requests("GET", "/rooms")) > 4, 20)
            seen.end()
            wait_until(lambda: is_asleep(mount))
    finally:
        for process in there:
            kill_group(process)
        own.end()


def test_who_stands_in_a_space_stays_there(sim, room, mount, watch):
    look(mount)
    seen = watch("spaces")
    new = sim.create_room("New", ["alice@example.com"], token="bob-token")
    wait_until(lambda: "New" in mount.ls("spaces"))
    shell = subprocess.Popen(["/bin/bash"], cwd=mount.space("New"), stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True)

    def where():
        shell.stdin.write("/bin/pwd; ls -d members\n")
        shell.stdin.flush()
        return (os.path.relpath(shell.stdout.readline().strip(), mount.path),
                shell.stdout.readline().strip())

    try:
        wait_until(lambda: look(mount) and len(seen.lines) >= 1)
        assert where() == ("spaces/New", "members")
        sim.api("PUT", "/rooms/" + new["id"], {"title": "Newer"}, token="bob-token").ok()
        wait_until(lambda: look(mount) and len(seen.lines) >= 3)
        assert where() == ("spaces/Newer", "members")
    finally:
        shell.communicate("exit\n", timeout=scaled(5))


def test_a_name_that_was_listed_before(sim, room, mount, watch):
    """The kernel has the names before the helper makes them: the events come all the same."""
    look(mount)
    seen = watch("spaces/Ops", "spaces")
    sim.post(room["id"], "wakes the helper", token="bob-token")
    wait_until(lambda: look(mount) and len(seen.lines) >= 2)
    helper = helper_of(mount)
    os.kill(helper, signal.SIGSTOP)
    try:
        posts = [sim.post(room["id"], f"{i}", token="bob-token") for i in range(3)]
        sim.create_room("New", ["alice@example.com"], token="bob-token")
        paths = ["spaces/Ops/" + txt_name(m) for m in posts]
        wait_until(lambda: len(look(mount)) == 5 and (mount / "spaces/New").is_dir())
        for path in paths:
            os.stat(mount / path)
        assert len(seen.lines) == 2
        # All other processes find the new names, and cannot create files in their place.
        assert error_of(os.open, mount / paths[0], os.O_CREAT | os.O_EXCL | os.O_WRONLY) == \
            "EEXIST"
        assert error_of(os.mkdir, mount / "spaces/New") == "EEXIST"
        assert error_of(os.open, mount / paths[0], os.O_WRONLY) in ("EACCES", "EPERM")
    finally:
        os.kill(helper, signal.SIGCONT)
    wait_until(lambda: len(seen.lines) >= 9)
    # Two of one millisecond are told apart by "~" and digits.
    lines = [re.sub("~[0-9a-f]+", "", line) for line in sentinel(sim, room, mount, seen)[2:]]
    assert [line for line in lines if "spaces/Ops/" in line] == [
        f"{what} {path}" for path in paths for what in ("CREATE", "CLOSE_WRITE")]
    assert "CREATE,ISDIR spaces/New" in lines
    assert changes_by_mount(sim) == []


def test_what_is_gone_is_gone_for_others(sim, room, mount, watch):
    m = sim.post(room["id"], "hello", token="bob-token")
    look(mount)
    seen = watch("spaces/Ops")
    edit(sim, m, "wakes the helper")
    wait_until(lambda: look(mount) and len(seen.lines) >= 2)
    helper = helper_of(mount)
    os.kill(helper, signal.SIGSTOP)
    try:
        sim.api("DELETE", "/messages/" + m["id"], token="bob-token").ok(204)
        path = mount / "spaces/Ops" / txt_name(m)
        wait_until(lambda: path.name not in look(mount) and not path.exists())
        assert error_of(os.unlink, path) == "ENOENT"
        assert error_of(os.stat, path) == "ENOENT"
    finally:
        os.kill(helper, signal.SIGCONT)
    wait_until(lambda: seen.lines[-1] == f"DELETE spaces/Ops/{path.name}")
    assert changes_by_mount(sim) == []


def memberships(sim, room):
    return {m["personEmail"]: m["id"] for m in
            sim.api("GET", "/memberships", query={"roomId": room["id"]}).ok().json["items"]}


@pytest.mark.mount("inotify", "poll=1")
def test_an_act_whose_path_leads_elsewhere_by_then_is_not_done(sim, room, mount, watch):
    """The helper stands still while titles move on: it would expel, invite, delete and make for real."""
    other = sim.create_room("Gamma", ["bob@example.com"])
    theirs = sim.post(other["id"], "stays")
    wait_until(lambda: mount.ls("spaces") == ["Gamma", "Ops"])
    look(mount)
    look(mount, "Gamma")
    seen = watch("spaces/Ops", "spaces/Ops/members", "spaces/Gamma", "spaces/Gamma/members")
    sentinel(sim, room, mount, seen)
    helper = helper_of(mount)
    os.kill(helper, signal.SIGSTOP)
    try:
        # In Ops bob goes and admin comes. In Gamma bob stays, and nobody asked admin.
        sim.api("DELETE", "/memberships/" + memberships(sim, room)["bob@example.com"]).ok(204)
        sim.api("POST", "/memberships", {"roomId": room["id"],
                                         "personEmail": "admin@example.com"}).ok()
        wait_until(lambda: look(mount) and sorted(os.listdir(mount.space("Ops") / "members")) == [
            "admin@example.com", "alice@example.com"])
        sim.api("PUT", "/rooms/" + room["id"], {"title": "Old"}).ok()
        sim.api("PUT", "/rooms/" + other["id"], {"title": "Ops"}).ok()
        wait_until(lambda: mount.ls("spaces") == ["Old", "Ops"])
        assert sorted(os.listdir(mount.space("Ops") / "members")) == [
            "alice@example.com", "bob@example.com"]
    finally:
        os.kill(helper, signal.SIGCONT)
    # The helper goes on: later changes are shown, behind all those.
    m = sim.post(other["id"], "later", token="bob-token")
    wait_until(lambda: look(mount) and
               any(line.startswith("CREATE ") and line.endswith(txt_name(m))
                   for line in seen.lines), 15)
    assert changes_by_mount(sim) == []
    assert sorted(memberships(sim, other)) == ["alice@example.com", "bob@example.com"]
    assert txt_name(theirs) in messages_in(mount.space("Ops"))
    assert helper_of(mount) == helper


# The kernel itself tells of changes by programs in the mount.


def test_ones_own_doing_is_told_once(sim, room, mount, watch):
    names = look(mount)
    seen = watch("spaces/Ops", "spaces/Ops/members", "spaces")
    mount.run("echo hi > spaces/Ops/post").ok()
    name = next(n for n in look(mount) if n not in names)
    path = "spaces/Ops/" + name
    wait_until(lambda: "CLOSE_WRITE " + path in seen.lines)
    mount.run(f"echo better > '{path}'").ok()
    mount.run(f"rm '{path}'").ok()
    mount.run("touch spaces/Ops/members/admin@example.com").ok()
    mount.run("rm spaces/Ops/members/admin@example.com").ok()
    mount.run("mkdir spaces/Mine && mv spaces/Mine spaces/Yours && rmdir spaces/Yours").ok()
    lines = sentinel(sim, room, mount, seen)
    for line, times in [("CREATE " + path, 1), ("CLOSE_WRITE " + path, 2),
                        ("DELETE " + path, 1),
                        ("CREATE spaces/Ops/members/admin@example.com", 1),
                        ("DELETE spaces/Ops/members/admin@example.com", 1),
                        ("CREATE,ISDIR spaces/Mine", 1), ("MOVED_FROM,ISDIR spaces/Mine", 1),
                        ("MOVED_TO,ISDIR spaces/Yours", 1), ("DELETE,ISDIR spaces/Yours", 1)]:
        assert lines.count(line) == times, (line, lines)
    # One request for each thing done: nothing was done twice.
    assert len(changes_by_mount(sim)) == 8


@pytest.mark.mount()
def test_nothing_without_the_option(sim, room, mount, watch):
    look(mount)
    seen = watch("spaces/Ops", "spaces")
    sim.post(room["id"], "hello", token="bob-token")
    sim.create_room("New", ["alice@example.com"], token="bob-token")
    wait_until(lambda: len(look(mount)) == 2 and "New" in mount.ls("spaces"))
    # The watch sees what programs do here, and nothing before it.
    mount.run("mkdir spaces/Mine").ok()
    wait_until(lambda: seen.lines)
    assert seen.lines == ["CREATE,ISDIR spaces/Mine"]
    assert helper_of(mount) is None


# The helper.


def test_helper_is_started_again(sim, room, mount, watch):
    look(mount)
    seen = watch("spaces/Ops")
    for i in range(3):
        m = sim.post(room["id"], str(i), token="bob-token")
        wait_until(lambda: look(mount) and
                   f"CLOSE_WRITE spaces/Ops/{txt_name(m)}" in seen.lines)
        helper = helper_of(mount)
        os.kill(helper, signal.SIGKILL)
    assert len(seen.lines) == 6
    assert os.readlink(f"/proc/{os.getpid()}/cwd") != str(mount.path)
    sentinel(sim, room, mount, seen)
    assert os.readlink(f"/proc/{helper_of(mount)}/cwd") == "/"


def test_unmount_is_not_busy(sim, room, mount, watch):
    look(mount)
    seen = watch("spaces/Ops")
    sentinel(sim, room, mount, seen)
    helper = helper_of(mount)
    seen.end()
    done = run_cmd(["fusermount3", "-u", str(mount.path)])
    assert done.status == 0, repr(done)
    mount.wait_ended()
    assert not os.path.exists(f"/proc/{helper}")


def test_kill_of_the_daemon_ends_the_helper(sim, room, mount, watch):
    look(mount)
    seen = watch("spaces/Ops")
    sentinel(sim, room, mount, seen)
    helper = helper_of(mount)
    mount.kill()
    wait_until(lambda: not os.path.exists(f"/proc/{helper}"))


def test_unmount_while_the_helper_is_blocked(sim, room, mount, watch):
    """An rm waits for the server and holds the directory; the helper waits for that directory."""
    mount.run("echo hi > spaces/Ops/post").ok()
    mine = os.readlink(mount / "spaces/Ops/last")
    look(mount)
    seen = watch("spaces/Ops")
    sentinel(sim, room, mount, seen)
    helper = helper_of(mount)
    sim.fault(method="DELETE", hang=True)
    rm = start_cmd(["rm", mine], cwd=mount.space("Ops"))
    wait_until(lambda: sim.requests("DELETE"))
    # Meanwhile the space cannot be listed; names that the kernel has in its cache can be opened.
    sim.post(room["id"], "hello", token="bob-token")
    wait_until(lambda: (mount.space("Ops") / "transcript.log").read_text() and
               "D" in state_of(helper), 15)
    begin = time.monotonic()
    mount.terminate()
    assert time.monotonic() - begin < scaled(8)
    wait_until(lambda: not os.path.exists(f"/proc/{helper}"))
    assert mount_device(mount.path) is None
    kill_group(rm)
    rm.communicate(timeout=scaled(5))


def is_in_the_mount(pid):
    """Whether the process leaves what it receives from for the mount within a moment."""
    end = time.monotonic() + scaled(1)
    while "recv" in read_proc(f"/proc/{pid}/stack") and time.monotonic() < end:
        time.sleep(0.02)
    return "recv" not in read_proc(f"/proc/{pid}/stack")


def stop_in_the_mount(sim, room, mount, helper):
    """Stops the daemon while the helper asks the mount. The daemon may be stopped between two steps
    of an act, when the helper waits for it and not for the mount: then it goes on, and once more."""
    for _ in range(20):
        os.kill(helper, signal.SIGSTOP)
        m = sim.post(room["id"], "hello", token="bob-token")
        wait_until(lambda name=txt_name(m): name in look(mount))
        # The daemon has told the helper what to do, and waits for it.
        wait_until(lambda: "recv" in mirror_stack(mount.pid))
        os.kill(mount.pid, signal.SIGSTOP)
        os.kill(helper, signal.SIGCONT)
        if is_in_the_mount(helper):
            return
        os.kill(mount.pid, signal.SIGCONT)
        wait_until(lambda: "recv" not in mirror_stack(mount.pid))
    pytest.fail("the helper was never in the mount")


def test_kill_while_the_helper_is_in_the_mount(sim, room, mount, watch):
    look(mount)
    seen = watch("spaces/Ops")
    sentinel(sim, room, mount, seen)
    helper = helper_of(mount)
    # The helper asks the mount, and no daemon answers.
    stop_in_the_mount(sim, room, mount, helper)
    mount.kill()
    wait_until(lambda: not os.path.exists(f"/proc/{helper}"))


def mirror_stack(pid):
    """The stack in the kernel of the thread that commands the helper."""
    (task,) = [t for t in os.listdir(f"/proc/{pid}/task")
               if read_proc(f"/proc/{pid}/task/{t}/comm") == "mirror"]
    return read_proc(f"/proc/{pid}/task/{task}/stack")


def state_of(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
        return f.read().rpartition(")")[2].split()[0]


def test_it_is_only_for_sparkfs(tmp_path):
    done = run_cmd([os.environ["SPARKFS"], "--inotify-helper", str(tmp_path), "1", "1"])
    assert done.status == 1 and "for sparkfs itself" in done.err
