"""README.md and the manual: every command block is run as it is typed, in order, as root (in bash) and as an
ordinary user (in zsh).

ROWS has a row for each block, by its first line. What cannot be run has its reason there, and is checked in another way.
"""
import contextlib
import dataclasses
import errno
import os
import pathlib
import re
import shutil
import signal
import stat
import subprocess
import tempfile
import typing

import pytest

from lib import pages
from lib.mount import mount_device, remove_folder
from lib.util import default_env, scaled, wait_until


ORDINARY = 65534
PDF = b"%PDF-1.4\n" + bytes(range(256)) * 30
SCRIPT = """cd "$(cat ~/.cwd)" && set -e
{}
"""
# What stands in for programs that show something to a person, or know a secret.
STUBS = {
    "sparkfs": 'exec ~/bin/sparkfs.real -o "url=$TEST_URL,poll=1" "$@"',
    "pass": "echo alice-token",
    "notify-send": 'echo "$*" >> ~/notified',
    "mail": '{ echo "$*"; cat; } >> ~/mailed',
}


class Reader:
    """Somebody with a home, a token and the pages: root, or a user with no rights."""

    def __init__(self, sim, user):
        self.sim = sim
        self.uid = ORDINARY if user == "ordinary" and os.geteuid() == 0 else os.geteuid()
        # As many at their prompt: zsh for those who have it.
        self.shell = "/bin/bash" if user == "root" else shutil.which("zsh") or "/bin/bash"
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="sparkfs-reader-"))
        self.rooms = {name: sim.create_room(name, ["bob@example.com"])["id"]
                      for name in ("Ops", "Harbour project")}
        for room in self.rooms.values():
            sim.post(room, "The budget is there.", token="bob-token")
        self.furnish()

    def furnish(self):
        (self.home / "bin").mkdir()
        shutil.copy(os.environ["SPARKFS"], self.home / "bin/sparkfs.real")
        if not shutil.which("vim"):
            os.symlink(shutil.which("vim.tiny"), self.home / "bin/vim")
        for name, text in STUBS.items():
            path = self.home / "bin" / name
            path.write_text(f"#!/bin/sh\n{text}\n")
            path.chmod(0o755)
        (self.home / ".cwd").write_text(f"{self.home}\n")
        (self.home / ".vimrc").write_text("set viminfo= nomodeline\n")
        (self.home / "report.pdf").write_bytes(PDF)
        (self.home / "docs").mkdir()
        for name in ("one.txt", "two.txt"):
            (self.home / "docs" / name).write_text(name)
        for path in [self.home, *self.home.rglob("*")]:
            os.chown(path, self.uid, self.uid, follow_symlinks=False)
        # As udev makes it; a container's may be root's alone.
        if os.geteuid() == 0:
            os.chmod("/dev/fuse", 0o666)

    def environment(self):
        keep = {name: value for name, value in os.environ.items()
                if not re.search("TOKEN|XDG|proxy$", name, re.I)}
        return {**keep, **default_env(), "HOME": str(self.home), "LC_ALL": "C.UTF-8", "TZ": "UTC",
                "PATH": f"{self.home}/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
                "TERM": "dumb", "TEST_URL": self.sim.base}

    @contextlib.contextmanager
    def started(self, commands, typed=""):
        """A shell that runs them; what it prints goes to .out."""
        self.out = tempfile.TemporaryFile()
        who = {"user": self.uid, "group": self.uid, "extra_groups": []} if self.uid else {}
        with subprocess.Popen([self.shell, "-c", SCRIPT.format(commands)], cwd="/",
                              env=self.environment(), stdin=subprocess.PIPE, stdout=self.out,
                              stderr=subprocess.STDOUT, start_new_session=True,
                              **(who if os.geteuid() == 0 else {})) as process:
            try:
                process.stdin.write(typed.encode())
                process.stdin.close()
                yield process
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    def printed(self):
        self.out.seek(0)
        return self.out.read().decode("utf-8", "replace")

    def run(self, commands, typed=""):
        """Runs them to their end, without an error; returns what they print."""
        with self.started(commands + "\npwd > ~/.cwd", typed) as process:
            status = process.wait(scaled(30))
            assert status == 0, f"{commands}\nstatus {status}\n{self.printed()}"
        return self.printed()

    def run_until(self, commands, condition):
        """What does not end by itself: until the condition holds for what it printed, then Ctrl-C."""
        with self.started(commands) as process:
            wait_until(lambda: condition(self, self.printed()), 20, commands)
            wait_until(lambda: self.is_interrupted(process), 10, "the end")
        return self.printed()

    @staticmethod
    def is_interrupted(process):
        """A shell that waits for a program which ends by itself goes on: Ctrl-C again."""
        os.killpg(process.pid, signal.SIGINT)
        return process.poll() is not None

    # What the server has.

    def messages(self, title):
        """Newest first."""
        return self.sim.messages(self.rooms[title])

    def newest(self, title):
        return self.messages(title)[0]

    def members(self, title):
        return {m["personEmail"] for m in
                self.sim.all("/memberships", query={"roomId": self.rooms[title]})}

    def bob_says(self, title, text):
        return self.sim.post(self.rooms[title], text, token="bob-token")

    # The mount.

    @property
    def webex(self):
        return self.home / "webex"

    def daemons(self):
        found = []
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if os.readlink(entry / "exe") == str(self.home / "bin/sparkfs.real"):
                    found.append(int(entry.name))
        return found

    def unmount(self):
        (self.home / ".cwd").write_text(f"{self.home}\n")
        if mount_device(self.webex):
            self.run("fusermount3 -u ~/webex")
        wait_until(lambda: not self.daemons(), 20, "the end of the daemon")

    def write_token(self):
        self.run("umask 077; echo alice-token > ~/.webex-token")

    def close(self):
        try:
            self.unmount()
        finally:
            for pid in self.daemons():
                os.kill(pid, signal.SIGKILL)
            if mount_device(self.webex):
                subprocess.run(["fusermount3", "-uz", str(self.webex)], check=False)
            remove_folder(self.home)


# What the words beside the blocks say. Each is given the reader and what the block printed.


def token_is_private(reader, _):
    path = reader.home / ".webex-token"
    assert path.read_text() == "alice-token\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def is_mounted(reader, out):
    assert mount_device(reader.webex)
    assert "A Webex account as files" in out


def lists_the_newest_first(_, out):
    titles = [line[line.index(":") + 4:] for line in out.splitlines() if line.startswith("d")]
    assert set(titles[:2]) == {"Harbour project", "Ops"} and len(titles) > 5


def shows_the_space(_, out):
    assert re.search(r"^\S+_bob@example\.com\.txt$", out, re.M)
    assert re.search(r"bob@example.com: The budget is there\.$", out, re.M)


def lists_months(_, out):
    assert re.search(r"^\d{4}-\d{2}$", out, re.M)


def looks_around(reader, out):
    lists_the_newest_first(reader, out)
    shows_the_space(reader, out)
    lists_months(reader, out)


def shows_bobs_words(_, out):
    assert "bob@example.com: " in out


def follows_the_transcript(reader, out):
    if "The budget is there." in out:
        reader.bob_says("Harbour project", "And now?")
    return "And now?" in out


def is_posted(reader, out):
    assert out == "Ready for reviw.\n"
    assert reader.newest("Harbour project")["text"] == "Ready for reviw."


def is_edited(reader, _):
    assert reader.newest("Harbour project")["text"] == "Ready for review."


def is_posted_and_edited(reader, out):
    assert "Ready for reviw.\n" in out
    is_edited(reader, out)


def is_deleted(reader, _):
    assert reader.newest("Harbour project")["text"] != "Ready for review."


def reaches_bob(reader, _):
    direct = next(r for r in reader.sim.rooms() if r["type"] == "direct"
                  and r["title"].startswith("Bob"))
    assert reader.sim.messages(direct["id"])[0]["text"] == "Lunch?"


def is_markdown(reader, _):
    assert reader.newest("Ops")["markdown"] == "**Deployed** to staging"


def markdown_is_edited(reader, _):
    assert reader.newest("Ops")["markdown"] == "**Deployed** to production"


def is_in_the_thread(reader, _):
    reply, root = reader.messages("Ops")[:2]
    assert (reply["text"], reply["parentId"]) == ("Yes, today.", root["id"])


def attachment(reader, title, name):
    """The bytes of the newest attachment, which must have that name."""
    url = reader.newest(title)["files"][0]
    answer = reader.sim.api("GET", url[url.index("/contents"):]).ok()
    assert f'"{name}"' in answer.headers["Content-Disposition"]
    return answer.body


def is_uploaded_and_back(reader, out):
    assert attachment(reader, "Harbour project", "report.pdf") == PDF
    assert re.search(rf"{len(PDF)} .* report\.pdf$", out, re.M)
    assert (reader.home / "copy.pdf").read_bytes() == PDF


def folder_is_sent(reader, _):
    assert {"one.txt", "two.txt"} <= set(reader.run("ls ~/webex/spaces/Ops/files").split())
    before = len(reader.messages("Ops"))
    reader.run("rsync -a ~/docs/ ~/webex/spaces/Ops/files/")
    assert len(reader.messages("Ops")) == before


def files_are_sent(reader, out):
    assert re.search(rf"{len(PDF)} .* report\.pdf$", out, re.M)
    assert (reader.home / "copy.pdf").read_bytes() == PDF
    folder_is_sent(reader, out)


def text_and_file_are_one(reader, _):
    assert reader.newest("Ops")["text"] == "See page 2."
    assert attachment(reader, "Ops", "report.pdf") == PDF


def says_what_it_is(_, out):
    assert "PDF document" in out


def carol_came_and_went(reader, out):
    assert "bob@example.com" in out or not out
    assert reader.sim.requests("POST", "/memberships")[-1]["status"] == 200
    assert reader.sim.requests("DELETE", "/memberships/.*")[-1]["status"] == 204
    assert reader.members("Ops") == {"alice@example.com", "bob@example.com"}


def space_came_and_went(reader, _):
    assert reader.sim.requests("POST", "/rooms")[-1]["status"] == 200
    assert reader.sim.requests("PUT", "/rooms/.*")[-1]["status"] == 200
    assert reader.sim.requests("DELETE", "/rooms/.*")[-1]["status"] == 204
    assert not {"New space", "Better name"} & {r["title"] for r in reader.sim.rooms()}


def members_and_spaces(reader, out):
    assert any(r["status"] == 200 for r in reader.sim.requests("PUT", "/memberships/.*"))
    carol_came_and_went(reader, out)
    space_came_and_went(reader, out)


def teams(reader):
    return {t["name"]: t["id"] for t in reader.sim.all("/teams")}


def crew(reader, name):
    """Who is in the team, with whether he is a moderator; the team has a space."""
    team = teams(reader)[name]
    assert any(r["title"] == "Night shift" and r.get("teamId") == team for r in reader.sim.rooms())
    return {m["personEmail"]: m["isModerator"]
            for m in reader.sim.all("/team/memberships", query={"teamId": team})}


def crew_is_there(reader, _):
    assert set(crew(reader, "Crew")) == {"alice@example.com", "carol@example.com"}


def crew_has_another_name(reader, _):
    assert crew(reader, "Port crew")["carol@example.com"] and "Crew" not in teams(reader)


def webhook_came_and_went(reader, _):
    assert [r["status"] for r in reader.sim.requests("POST", "/webhooks")] == [200]
    assert [r["status"] for r in reader.sim.requests("PUT", "/webhooks/.*")] == [200, 200]
    assert [r["status"] for r in reader.sim.requests("DELETE", "/webhooks/.*")] == [204]


def shows_mentions(_, out):
    assert re.search(r"_bob@example\.com\.txt$", out, re.M) and "Alice Seven, please look." in out


def card_is_answered(reader, out):
    action = out.splitlines()[-1]
    assert '"note": ""' in out and "I take it" in out
    assert reader.sim.api("GET", f"/attachment/actions/{action}", token="bob-token") \
        .ok().json["inputs"] == {"note": "on my way"}


def api_is_files(_reader, said):
    assert '"emails":["alice@example.com"]' in said and said.count('"title":"By hand"') == 1


def is_answered(_reader, said):
    assert '"title":"Both ways"' in said


def finds_the_budget(_, out):
    assert re.search(r"Ops/.*_bob@example\.com\.txt$", out, re.M)
    assert "Harbour project" in out and "The budget is there." in out


def finds_it_in_a_month(_, out):
    assert re.search(r"Ops/history/\d{4}-\d{2}/.*_bob@example\.com\.txt$", out, re.M)


def finds_bobs_of_this_month(_, out):
    assert re.search(r"Ops/\S+_bob@example\.com\.txt$", out, re.M)


def is_saved(reader, _):
    def saved():
        return {p.name: (p.stat().st_ino, p.stat().st_mtime, p.read_bytes())
                for p in (reader.home / "archive/ops").rglob("*") if p.is_file()}
    before = saved()
    assert [name for name in before if name.endswith("_bob@example.com.txt")]
    assert {"space.json", "members.json", "transcript.log"} < set(before)
    reader.bob_says("Ops", "One more.")
    wait_until(lambda: "One more." in reader.run("cat ~/webex/spaces/Ops/transcript.log"))
    reader.run("rsync -a ~/webex/spaces/Ops/archive/ ~/archive/ops/")
    after = saved()
    assert len(after) == len(before) + 2
    written = {name: (was[1:], after[name][1:]) for name, was in before.items()
               if after[name][0] != was[0] and name not in ("transcript.log", "space.json")}
    assert written == {}


def all_are_saved(reader, _):
    names = {p.name for p in (reader.home / "archive/all/spaces").iterdir()}
    assert {"Ops", "Harbour project"} <= names


def hears_of_a_message(reader, out):
    reader.bob_says("Ops", "Listen.")
    return re.search(r"message-created.? spaces/Ops/\S+_bob@example\.com\.txt", out)


def bob_mentions(reader, text):
    return reader.sim.post(reader.rooms["Ops"], token="bob-token",
                           markdown=f"<@personEmail:alice@example.com|Alice Seven>, {text}")


def answers_mentions(reader, _):
    bob_mentions(reader, "who is on it?")
    return any(m.get("text") == "I am on it." and m.get("parentId") for m in reader.messages("Ops"))


def is_notified(reader, _):
    bob_mentions(reader, "Look here.")
    path = reader.home / "notified"
    return path.exists() and "Look here." in path.read_text()


def is_mailed(reader, _):
    path = reader.home / "mailed"
    if not path.exists() or "Read this." not in path.read_text():
        reader.bob_says("Ops", "Read this.")
        return False
    return (reader.home / ".seen").exists()


def missed_a_message(reader):
    """The loop, stopped and started again."""
    block = next(b for b in pages.blocks("sparkfs.1") if b.startswith("touch ~/.seen"))
    reader.run_until(block, is_mailed)
    reader.bob_says("Ops", "While you were away.")


def goes_on_where_it_was(reader, _):
    mailed = (reader.home / "mailed").read_text()
    return mailed.count("While you were away.") == 1


def sees_a_file(reader, out):
    reader.bob_says("Ops", "Watch out.")
    return re.search(r"^\S+_bob@example\.com\.txt$", out, re.M)


def says_what_failed(_, out):
    assert "Not in this room" in out
    assert re.search(r"\.why\.json$", out, re.M)


def is_notified_of_unsent(reader, _):
    path = reader.home / "notified"
    if path.exists() and "-u critical Not sent .sparkfs/unsent/" in path.read_text():
        return True
    something_failed(reader)
    return False


def shows_unsent(reader, command, *argv):
    """The prompt, with what is there and without; something is from before."""
    who = {"user": reader.uid, "group": reader.uid, "extra_groups": []} if os.geteuid() == 0 else {}

    def shown():
        return subprocess.run([*argv, command], env=reader.environment(), text=True, check=False,
                              stdout=subprocess.PIPE, timeout=scaled(20), **who).stdout
    count = reader.run("ls ~/webex/.sparkfs/unsent").count(".why.json")
    assert count and f"[{count} unsent]" in shown()
    hidden = reader.home / "webex-hidden"
    command = command.replace("~/webex/", f"{hidden}/")
    assert "unsent]" not in shown()


def bash_shows_it(reader, block):
    shows_unsent(reader, block + '\nprintf %s "${PS1@P}"', "/bin/bash", "-c")


def zsh_shows_it(reader, block):
    if shutil.which("zsh"):
        shows_unsent(reader, block + '\nprint -rP -- "$PROMPT"', shutil.which("zsh"), "-f", "-c")


def fish_shows_it(reader, block):
    if shutil.which("fish"):
        shows_unsent(reader, block + "\nfish_right_prompt", shutil.which("fish"), "-N", "-c")


def has_nothing_left(reader, _):
    assert mount_device(reader.webex) is None
    for path in (".cache/sparkfs", ".local/state/sparkfs", ".webex-token"):
        assert not (reader.home / path).exists()


def works_again(reader, _):
    assert mount_device(reader.webex)
    assert "The budget is there." in reader.run("cat ~/webex/spaces/Ops/transcript.log")


def is_unmounted(reader, _):
    assert mount_device(reader.webex) is None


# What has to be so before a block.


def something_failed(reader):
    reader.sim.fault(method="POST", route="/messages", status=403, message="Not in this room",
                     times=1)
    with reader.started("echo hi > ~/webex/spaces/Ops/post") as process:
        process.wait(scaled(20))


def shown(reader, text):
    wait_until(lambda: text in reader.run("cat ~/webex/spaces/Ops/transcript.log"), 20, text)


def alice_was_mentioned(reader):
    bob_mentions(reader, "please look.")
    shown(reader, "please look.")


def card_is_there(reader):
    card = {"type": "AdaptiveCard", "version": "1.3",
            "body": [{"type": "TextBlock", "text": "Who takes it?"}, {"type": "Input.Text", "id": "note"}],
            "actions": [{"type": "Action.Submit", "title": "I take it"}]}
    reader.sim.post(reader.rooms["Ops"], "A ticket", token="bob-token", attachments=[
        {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}])
    shown(reader, "Who takes it?")


def nobody_is_in_it(reader):
    (reader.home / ".cwd").write_text(f"{reader.home}\n")


def is_killed(reader):
    if not mount_device(reader.webex):
        reader.write_token()
        reader.run("sparkfs -o token_file=~/.webex-token ~/webex")
    for pid in reader.daemons():
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not reader.daemons())


def can_be_mounted(reader):
    reader.unmount()


def watchers_are_told(reader):
    reader.unmount()
    reader.run("sparkfs -o inotify,token_file=~/.webex-token ~/webex; ls ~/webex/spaces/Ops")
    (reader.home / ".cwd").write_text(f"{reader.webex}\n")


# What is checked in another way.


def demo_is_there(_, block):
    script = pages.ROOT / block.split()[0]
    assert os.access(script, os.X_OK)
    usage = subprocess.run([script, "--help"], check=True, text=True, stdout=subprocess.PIPE)
    assert all(word in usage.stdout for word in block.split()[1:])


def packages_are_those_of_the_build(_, block):
    wanted = set(re.search(r"apt install ((?:.|\\\n)*?)\n[^ ]", block)[1].replace("\\", "").split())
    deps = (pages.ROOT / "scripts/deps").read_text(encoding="utf-8")
    listed = set(re.search(r"^build_packages=\((.*?)\)", deps, re.S | re.M)[1].split())
    # meson depends on it.
    assert wanted == listed - {"ninja-build"}
    folders = {word for word in block.split() if word.startswith("build-") and word not in wanted}
    assert folders == {"build-release"}
    # Whoever ran the demo or the tests has not configured that folder.
    for other in ("scripts/demo", "scripts/loop/builds.py"):
        assert "build-release" not in (pages.ROOT / other).read_text(encoding="utf-8")


def findmnt_knows_it(reader, block):
    tab = reader.home / "fstab"
    tab.write_text(block.replace("/home/alice", str(reader.home)) + "\n")
    done = subprocess.run(["findmnt", "--verify", "--tab-file", str(tab)], text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0 and " 0 errors" in done.stdout, done.stdout


def findmnt_takes_it(reader, block):
    findmnt_knows_it(reader, block)
    source, _, kind, options, *_ = block.split()
    # Whatever the program is to understand, it does: as mount(8) calls it, without what is mount's.
    mine = ",".join(o for o in options.split(",") if not o.startswith("setuid="))
    assert (source, kind) == ("sparkfs", "fuse.sparkfs")
    reader.unmount()
    reader.run("sparkfs -o " + mine.replace("/home/alice", str(reader.home)) + " sparkfs ~/webex")
    assert mount_device(reader.webex)


def systemd_takes_it(reader, block):
    if not shutil.which("systemd-analyze"):
        assert re.fullmatch(r"PathChanged=/\S+", block)
        return
    unit = reader.home / "ops.path"
    unit.write_text(f"[Path]\n{block}\n")
    (reader.home / "ops.service").write_text("[Service]\nType=oneshot\nExecStart=/bin/true\n")
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0 and str(unit) not in done.stdout, done.stdout


@dataclasses.dataclass
class Row:
    first: str                                   # the first line of the block
    check: typing.Callable | None = None         # after it: is it as the words say
    typed: str = ""                              # at the keyboard
    before: typing.Callable | None = None
    until: typing.Callable | None = None         # it does not end: what has to be seen
    not_run: str = ""                            # why not; check is given the block
    not_run_lines: str = ""                      # such lines of it are not run, for this reason:
    reason: str = ""


VIM = ":%s/{}/{}/\r:wq\r".format
ROWS = {
    "README.md": [
        Row("$ ls -lt ~/webex/spaces", not_run="test_first_sight compares it"),
        Row("mkdir -p ~/archive", not_run="nothing is mounted yet; Save has it again"),
        Row("scripts/demo", demo_is_there, not_run="builds, for minutes"),
        Row("scripts/demo --stop", demo_is_there, not_run="ends a demo that a developer has running"),
        Row("scripts/package", not_run="changes the machine: tests/package/life.sh does it in a chroot"),
        Row("sudo apt install", packages_are_those_of_the_build, not_run="changes the machine"),
        Row("install -m 600", token_is_private, typed="alice-token\n"),
        Row("mkdir -p ~/webex", is_mounted),
        Row("systemctl --user enable", not_run="there is no systemd here; test_unit does as it does"),
        Row("sparkfs /home/alice", findmnt_takes_it, not_run="a line of /etc/fstab"),
        Row("sparkfs -o proxy=", not_run="there is no such proxy; test_proxy has one"),
        Row("cd ~/webex/spaces", lists_the_newest_first),
        Row("ls 'Harbour project'", shows_the_space),
        Row("ls Ops/history/", lists_months),
        Row("cat ~/webex/direct/bob@", shows_bobs_words),
        Row("tail -f", until=follows_the_transcript),
        Row("echo 'Ready for reviw.'", is_posted),
        Row("vim 'Harbour project/last'", is_edited, typed=VIM("reviw", "review")),
        Row("rm \"Harbour project/", is_deleted),
        Row("echo 'Lunch?'", reaches_bob),
        Row("cat > Ops/post.md", is_markdown, typed="**Deployed** to staging\n"),
        Row("message=$(readlink Ops/last)", markdown_is_edited, typed=VIM("staging", "production")),
        Row("message=$(ls Ops/2*.txt", is_in_the_thread),
        Row("cp ~/report.pdf", is_uploaded_and_back),
        Row("printf '{", text_and_file_are_one),
        Row("rsync -a ~/docs/", folder_is_sent),
        Row("head -c 4096", says_what_it_is),
        Row("ls Ops/members", carol_came_and_went),
        Row("mkdir 'New space'", space_came_and_went),
        Row("mkdir ~/webex/teams/Crew", crew_is_there),
        Row("grep -ril budget .", finds_the_budget),
        Row("grep -ril budget Ops/history/", finds_it_in_a_month),
        Row("cat ~/webex/api/people/me.json", api_is_files),
        Row("mkdir -p ~/archive", is_saved),
        Row("rsync -a", all_are_saved),
        Row("cat ~/webex/events", until=hears_of_a_message),
        Row("cd ~/webex", until=lambda r, out: hears_of_a_message(r, out.replace(": ", " "))),
        Row("cat ~/webex/.sparkfs/last-error", says_what_failed, before=something_failed),
        Row("git pull", not_run="changes the clone and the machine: tests/package/life.sh upgrades"),
        Row("fusermount3 -u ~/webex", has_nothing_left, before=nobody_is_in_it, not_run_lines="sudo",
            reason="changes the machine"),
        Row("cd", works_again, before=is_killed),
    ],
    "sparkfs.1": [
        Row("install -m 600", token_is_private, typed="alice-token\n"),
        Row("[integration]", not_run="lines of a file; test_accounts has them"),
        Row("mkdir -p ~/webex", is_mounted),
        Row("sparkfs /home/alice", findmnt_knows_it, not_run="a line of /etc/fstab; test_unit has it"),
        Row("sparkfs /home/alice", findmnt_knows_it, not_run="a line of /etc/fstab"),
        Row("systemctl --user enable", not_run="there is no systemd here; test_unit does as it does"),
        Row("sparkfs -o proxy=", not_run="there is no such proxy; test_proxy has one"),
        Row("cd ~/webex", looks_around),
        Row("ls spaces/Ops/mentions/", shows_mentions, before=alice_was_mentioned),
        Row("echo 'Ready for reviw.'", is_posted_and_edited, typed=VIM("reviw", "review")),
        Row("rm \"spaces/Harbour project/", is_deleted),
        Row("echo 'Lunch?'", reaches_bob),
        Row("cat > spaces/Ops/post.md", markdown_is_edited, typed=VIM("staging", "production")),
        Row("message=$(ls spaces/Ops/2*.txt", is_in_the_thread),
        Row("card=$(grep -l 'Who takes it?'", card_is_answered, before=card_is_there),
        Row("echo '{\"why\"", not_run="there is no card with two buttons; test_cards has some"),
        Row("cp ~/report.pdf", files_are_sent),
        Row("printf '{", text_and_file_are_one),
        Row("touch spaces/Ops/members/carol", members_and_spaces),
        Row("mkdir teams/Crew", crew_has_another_name),
        Row("echo '{\"targetUrl\"", webhook_came_and_went),
        Row("cat api/people/me.json", api_is_files, not_run_lines="sparkfs api",
            reason="what stands in for sparkfs mounts; test_api runs it"),
        Row("exec 3<>api/rooms.json", is_answered),
        Row("grep -ril budget spaces", finds_the_budget),
        Row("mkdir -p ~/archive", is_saved),
        Row("rsync -a", all_are_saved),
        Row("cat events", until=hears_of_a_message),
        Row("while read", until=is_notified),
        Row("while read", until=answers_mentions),
        Row("touch ~/.seen", until=goes_on_where_it_was, before=missed_a_message),
        Row("inotifywait", until=sees_a_file, before=watchers_are_told),
        Row("PathChanged=", systemd_takes_it, not_run="a line of a unit of systemd"),
        Row("cat .sparkfs/last-error", says_what_failed, before=something_failed),
        Row("while read", until=is_notified_of_unsent),
        Row("unsent() {", bash_shows_it, not_run="a part of ~/.bashrc"),
        Row("setopt prompt_subst", zsh_shows_it, not_run="a part of ~/.zshrc"),
        Row("function fish_right_prompt", fish_shows_it, not_run="a part of a file of fish"),
        Row("cd", is_unmounted),
        Row("cd", works_again, before=is_killed),
        Row("mkdir -p ~/archive", all_are_saved),
        Row("sparkfs -o token_command", works_again, before=can_be_mounted),
        Row("cd ~/webex", finds_bobs_of_this_month),
    ],
    "sparkfs-semantics.7": [],
}


@pytest.fixture(params=["root", "ordinary"])
def reader(request, sim):
    if request.param == "root" and os.geteuid() != 0:
        pytest.skip("not root")
    somebody = Reader(sim, request.param)
    yield somebody
    somebody.close()


def step(reader, row, block):
    if row.before:
        row.before(reader)
    if row.not_run:
        if row.check:
            row.check(reader, block)
        return
    commands = "\n".join(line for line in block.splitlines() if not row.not_run_lines
                         or not re.match(row.not_run_lines, line))
    if row.until:
        reader.run_until(commands, row.until)
        return
    row.check(reader, reader.run(commands, row.typed))


@pytest.mark.parametrize("page", [page for page, rows in ROWS.items() if rows])
def test_every_block_does_what_the_words_say(reader, page):
    for row, block in zip(ROWS[page], pages.blocks(page)):
        try:
            step(reader, row, block)
        except AssertionError as e:
            raise AssertionError(f"{page}, {row.first}: {e}\n{reader.printed()}") from e


@pytest.mark.parametrize("page", ROWS)
def test_every_block_has_a_row(page):
    firsts = [block.splitlines()[0] for block in pages.blocks(page)]
    rows = [row.first for row in ROWS[page]]
    assert len(firsts) == len(rows)
    for first, row in zip(firsts, rows):
        assert first.startswith(row)
    for row in ROWS[page]:
        assert row.check or row.until or row.not_run
        assert bool(row.not_run_lines) == bool(row.reason)


@pytest.mark.parametrize("page", ROWS)
def test_a_shell_without_comments_can_be_typed_at(page):
    """zsh takes a # at its prompt for a word: `rm x  # remove` would remove three things."""
    for block in pages.blocks(page):
        assert not re.search(r"\S\s+#", block), block


# What README.md says without a block.


def test_what_takes_long_says_how_far_it_is(tmp_path):
    """scripts/demo and scripts/deps, of what they run: its newest line every few seconds."""
    done = subprocess.run(
        ["/bin/bash", "-c", '. "$0/scripts/lib.sh"; show_progress "$1" /bin/bash -c '
         '"echo one; sleep 1; echo two; sleep 1; exit 3"; echo "status $?"', pages.ROOT, tmp_path / "log"],
        env={**os.environ, "SHOW_EVERY_S": "0.2"}, text=True, check=True, stdout=subprocess.PIPE)
    lines = done.stdout.splitlines()
    assert lines[-1] == "status 3"
    assert "  one" in lines and "  two" in lines
    assert lines == sorted(lines, key=["  one", "  two", "status 3"].index)
    for script in ("demo", "deps"):
        assert "show_progress" in (pages.ROOT / "scripts" / script).read_text(encoding="utf-8")


def test_what_one_sees_when_something_is_wrong_is_said_so():
    """Its table has words of the C library and of ours, as they are."""
    text = (pages.ROOT / "README.md").read_text(encoding="utf-8")
    ours = "".join(re.sub(r'"\s*"', "", path.read_text(encoding="utf-8"))
                   for path in (pages.ROOT / "src").rglob("*.c"))
    seen = re.search(r"\| what you see .*\n\|[-|]*\n((?:\|.*\n)*)", text)[1]
    words = [word for row in seen.splitlines() for word in re.findall("`([^`]*)`", row.split("|")[1])]
    assert len(words) > 5
    for word in words:
        assert word in ours or word in map(os.strerror, errno.errorcode) \
            or word.startswith("fusermount3"), word


def faded(text):
    """Without times, dates and people of this machine."""
    text = re.sub(r"\d{4}-\d\d-\d\d", "DATE", text)
    text = re.sub(r"[A-Z][a-z]{2} [ \d]\d (\d\d:\d\d| \d{4})", "TIME", text)
    text = re.sub(r"\d\d[-:]\d\d([-:]\d\d\.\d{3}Z)?", "TIME", text)
    return re.sub(r"^(d\S+ 1) \S+ \S+ 0", r"\1 WHO WHO 0", text, flags=re.M)


def test_first_sight(sim, start_mount, tmp_path):
    """The first thing in README.md is what a mount of the demo's account shows."""
    (tmp_path / "webex").mkdir()
    start_mount(sim, at=tmp_path / "webex")
    cwd = tmp_path
    for part in re.split(r"(?m)^\$ ", pages.blocks("README.md")[0])[1:]:
        command, _, wanted = part.partition("\n")
        done = subprocess.run(["/bin/bash", "-c", f"{command} && pwd >&2"], cwd=cwd, text=True,
                              env={**os.environ, "HOME": str(tmp_path), "LC_ALL": "C.UTF-8",
                                   "TZ": "UTC"}, timeout=scaled(30), check=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        cwd = done.stderr.strip()
        wanted, shown = faded(wanted.rstrip("\n")), faded(done.stdout.rstrip("\n"))
        if wanted.endswith("\n..."):
            wanted, shown = wanted[:-3], shown[:len(wanted) - 3]
        assert shown == wanted
