"""Whatever is refused says why in .sparkfs/last-error, and what to do instead."""
import os

import pytest

from lib.chat import Unsent, put
from lib.chat import pier  # noqa: F401  pylint: disable=unused-import
from lib.shell import start_cmd
from lib.util import wait_until

BOB = "bob@example.com"


@pytest.fixture
def full(pier):
    """Pier with bob in it, a message of his, two of ours (one with Markdown), and files; a team."""
    pier.sim.api("POST", "/memberships", {"roomId": pier.id, "personEmail": BOB}).ok()
    pier.sim.post(pier.id, "theirs", token="bob-token")
    team = pier.sim.api("POST", "/teams", {"name": "Crew"}).ok().json
    pier.sim.api("POST", "/team/memberships", {"teamId": team["id"], "personEmail": BOB}).ok()
    pier.run("printf ours > post; printf '**bold**' > post.md", check=True)
    for data in (b"old", b"new"):
        put(pier / "a.txt", data)
    wait_until(lambda: len(pier.mount.ls(pier / "files")) == 2)
    return pier


def paths(space):
    """What the commands of the table call the files."""
    stem = {(space / n).read_text().strip(): n[:-4] for n in space.listed()}
    (older,) = [n for n in space.mount.ls(space / "files") if n != "a.txt"]
    return {"THEIRS": stem["theirs"], "OURS": stem["ours"], "BOLD": stem["bold"], "OLD": older,
            "M": str(space.mount.path), "S": str(space.dir), "LONG": "ä" * 150,
            "MONTH": os.listdir(space / "history")[0]}


# command, what it prints of the errno, what last-error says
REFUSED = [
    # deleting
    ("rm -r $S", "not permitted", "rm what you choose by name"),
    ("find . -name '*.txt' -delete", "not permitted", "recursive_delete"),
    ("rm last", "not permitted", "readlink last"),
    ("rm post", "not permitted", "cannot be removed"),
    ("rmdir members", "not permitted", "cannot be removed"),
    ("rmdir $S", "not empty", "remove them first"),
    ("rm $OURS.json.x; rmdir $M/direct", "not permitted", "cannot be removed"),
    # moving
    ("mv $OURS.txt x.txt", "not permitted", "cat it > spaces/NAME/post"),
    ("mv $OURS.txt /tmp/sparkfs-x.$$; r=$?; rm -f /tmp/sparkfs-x.$$; exit $r", "not permitted",
     "moved out it is a copy"),
    ("mv a.txt b.txt", "not permitted", "cp it"),
    ("mv members/bob@example.com members/eve@example.com", "not permitted", "members/ADDRESS"),
    ("mv $S $M/people/x", "not permitted", "mv spaces/OLD spaces/NEW"),
    ("mv $S $M/spaces/-dash", "not permitted", "'_-dash'"),
    ("mv post x", "not permitted", "keeps its name"),
    ("mv members x", "not permitted", "keeps its name"),
    # teams
    ("rm -r $M/teams/Crew/members", "not permitted", "rm what you choose by name"),
    ("rm $M/teams/Crew/spaces/Crew", "not permitted", "stays in its team"),
    ("rm $M/teams/Crew/team.json", "not permitted", "cannot be removed"),
    ("rmdir $M/teams/Crew", "not empty", "bob@example.com is in it"),
    ("mv $M/teams/Crew $M/spaces/", "not permitted", "mv teams/OLD teams/NEW"),
    ("mv $M/teams/Crew/spaces/Crew $M/teams/Crew/spaces/x", "not permitted",
     "stays in its team"),
    ("mkdir $M/teams/Crew/x", "not permitted", "teams/TEAM/spaces/NAME"),
    ("mkdir $M/teams/Crew/spaces/Pier", "exists", "take another title"),
    ("touch $M/teams/Crew/members/bob", "Invalid", "no e-mail address"),
    ("echo '{\"title\": \"x\"}' | tee $M/teams/Crew/team.json", "Invalid", "\"title\""),
    # backups of what is edited
    ("sed -i.bak s/o/O/ $OURS.txt", "not permitted", "without one"),
    ("echo x | cp --backup=simple /dev/stdin $OURS.txt", "not permitted", "without one"),
    ("perl -pi.orig -e s/o/O/ $OURS.txt", "not permitted", "without one"),
    # links and devices
    ("ln a.txt b.txt", "not permitted", "rename a file to it, or copy it"),
    ("ln -s a.txt b.txt", "not permitted", "cp -L"),
    ("mkfifo pipe", "not permitted", "only files"),
    ("mknod null c 1 3", "not permitted", "only files"),
    # names
    ("mkdir x", "not permitted", "no folders"),
    ("mkdir $M/x", "not permitted", "spaces/NAME"),
    ("mkdir $M/direct/x", "not permitted", "direct/ADDRESS/post"),
    ("mkdir members/x", "not permitted", "touch members/ADDRESS"),
    ("mkdir $M/spaces/.hidden", "Invalid", "'_.hidden'"),
    ("mkdir $M/spaces/$'x\\r\\ny'", "Invalid", "control"),
    ("mkdir $M/spaces/$LONG", "too long", "at most 255 bytes, this one has 300"),
    ("mv $S $M/spaces/$LONG", "too long", "this one has 300"),
    ("echo x > $LONG", "too long", "this one has 300"),
    ("touch members/$LONG@example.com", "too long", "this one has 312"),
    ("touch $M/direct/$LONG@example.com", "too long", "this one has 312"),
    ("stat $LONG.txt", "too long", "this one has 304"),
    ("touch members/notanaddress", "Invalid", "no e-mail address"),
    ("touch $'x\\r\\ny'", "Invalid", "control"),
    ("touch -- -dash", "Invalid", "'_-dash'"),
    ("mkdir .Trash-0", "not permitted", "there is no bin"),
    ("cp a.txt 2026-01-01T10-00-00.000Z_a@example.com.txt", "not permitted",
     "the name of a message"),
    ("echo x > history/$MONTH/new.txt", "not permitted", "send it to the space"),
    ("echo x > $M/new.txt", "not permitted", "goes into a space"),
    ("echo x > $M/spaces/new.txt", "not permitted", "goes into a space"),
    ("echo x > $M/people/new.txt", "not permitted", "goes into a space"),
    # webhooks
    ("printf '{' | cp /dev/stdin $M/webhooks/x.json", "Invalid", "line 1, column 2"),
    ("echo '{\"event\": \"created\"}' | cp /dev/stdin $M/webhooks/x.json", "Invalid", "is missing"),
    ("echo x > $M/webhooks/x", "Invalid", "webhooks/NAME.json"),
    ("mkdir $M/webhooks/x", "not permitted", "webhooks/NAME.json"),
    ("rmdir $M/webhooks", "not permitted", "cannot be removed"),
    # what can only be read
    ("echo x > $THEIRS.txt", "denied", "only who wrote a message"),
    ("echo x > $OURS.md", "denied", "edit its .txt"),
    ("echo x > $BOLD.txt", "denied", "edit its .md"),
    ("echo x > $OURS.json", "denied", "its other forms"),
    ("echo x > $OURS.html", "denied", "its other forms"),
    ("echo x > files/$OLD", "denied", "write to the newest"),
    ("echo x > transcript.log", "denied", "it can only be read"),
    ("echo x > $M/README", "denied", "it can only be read"),
    ("echo x > $M/.sparkfs/log", "denied", "it can only be read"),
    # writing
    ("head -c 8000 /dev/zero | tr '\\0' x > post", "too large", "7439"),
    ("printf 'a\\xff' > post", "Invalid or incomplete", "UTF-8"),
    ("truncate -s 0 $OURS.txt", "No data", "an edit to nothing"),
    ("/usr/bin/python3 -c 'import os; os.truncate(\"'$OURS.txt'\", 1)'", "not permitted",
     "rm deletes it"),
    ("/usr/bin/python3 -c 'import os; os.truncate(\"a.txt\", 1)'", "not permitted",
     "writing it anew"),
    ("/usr/bin/python3 -c 'import os; os.truncate(\"post\", 1)'", "not permitted",
     "always empty"),
]

# These say nothing, whatever they give, and leave the last error as it was.
PROBES = [
    "stat nothing", "cat nothing.txt", "ls members/nobody@example.com", "cd a.txt", "mkdir -p $S",
    "getfattr -d a.txt", "setfattr -n user.x -v 1 a.txt", "fallocate -l 10 $OURS.txt",
    "chmod 600 a.txt; chmod a+x $OURS.txt; chown 0:0 a.txt; touch $OURS.txt",
    "ln -s me@here.1 .#a.txt", "cp -a a.txt \"$TMP\"/", "ls -lR . > \"$TMP\"/list",
    "rmdir a.txt", "mv nothing x", "rm nothing",
]


def test_what_is_refused_says_why(full, tmp_path):
    env = {**paths(full), "TMP": str(tmp_path)}
    before = full.texts(), sorted(full.file_names())
    found = []
    for command, errno, words in REFUSED:
        result = full.shell("bash", command, env=env)
        said = Unsent(full.mount).last_error()
        if errno not in result.err or words not in said or not (result.status or "|" in command):
            found.append((command, result.status, result.err, said))
    assert not found, "\n".join(map(str, found))
    assert (full.texts(), sorted(full.file_names())) == before
    said = Unsent(full.mount).last_error()
    for command in PROBES:
        full.shell("bash", command, env=env)
        assert Unsent(full.mount).last_error() == said, command


def test_each_session_finds_its_own(full):
    """Two terminals that are refused at once; who was told nothing sees the newest."""
    script = "{} 2>/dev/null; sleep 0.2; cat .sparkfs/last-error"
    commands = {"mkdir x": "spaces/NAME", "ln -s README y": "cp -L"}
    running = [start_cmd(script.format(c), cwd=full.mount.path) for c in commands]
    said = [process.communicate(timeout=20)[0].decode() for process in running]
    for text, words in zip(said, commands.values()):
        assert words in text and len(text.splitlines()) == 1, said
    assert Unsent(full.mount).last_error() in said


def test_what_is_known_is_said_by_the_open(start_sim, start_mount):
    """A shell shows the error of an open alone: a space for announcements, a locked one, a message
    that was edited ten times, an address that nobody has."""
    sim = start_sim("--data", "empty")
    for title, more in (("News", {"isAnnouncementOnly": True}), ("Locked", {}), ("Ours", {})):
        sim.control("POST", "/rooms", {"title": title, "person": "bob", "members": ["alice"],
                                       "isLocked": title != "Ours", **more})
    mount = start_mount(sim)
    (mount.state / "f").write_text("x")

    def refused(command, cwd, errno, words):
        made = len(sim.requests("POST")) + len(sim.requests("PUT"))
        result = mount.run(command, cwd=cwd, env={"F": str(mount.state / "f")})
        said = Unsent(mount).last_error()
        assert result.status != 0 and errno in result.err and words in said, (result, said)
        assert len(sim.requests("POST")) + len(sim.requests("PUT")) == made, command

    news, locked, ours = map(mount.space, ("News", "Locked", "Ours"))
    for command in ("echo hi > post", "echo hi >> post.md", "echo '{\"text\": \"x\"}' > post.json",
                    "cp \"$F\" a.txt", "echo x > new.txt"):
        refused(command, news, "denied", "only moderators can write")
    refused("echo '{\"title\": \"x\"}' > space.json", locked, "denied",
            "only moderators can change")
    mount.run("echo hi > post", cwd=locked, check=True)

    mount.run("echo 0 > post", cwd=ours, check=True)
    (name,) = wait_until(lambda: [n for n in mount.ls(ours) if n.endswith(".txt")])
    for i in range(1, 11):
        mount.run(f"echo {i} > {name}", cwd=ours, check=True)
        wait_until(lambda i=i: (ours / name).read_text() == f"{i}\n")
    refused(f"echo 11 > {name}", ours, "denied", "edited ten times")
    assert (ours / name).read_text() == "10\n"

    direct = mount / "direct"
    mount.run("echo hi > nobody@example.org/post", cwd=direct)
    wait_until(lambda: "404" in Unsent(mount).last_error() or
               "nobody" in Unsent(mount).last_error())
    refused("echo hi > nobody@example.org/post", direct, "No such file", "nobody has this address")


def test_a_failure_that_is_remembered_keeps_its_words(start_sim, start_mount):
    """A second reader, answered from what is known, is told what the server said to the first."""
    sim = start_sim("--data", "empty")
    sim.create_room("Reef")
    mount = start_mount(sim)
    sim.fault(method="GET", route="/messages$", status=403, message="the reef is closed")
    result = mount.run("ls spaces/Reef; ls spaces/Reef; cat .sparkfs/last-error", cwd=mount / ".")
    assert result.err.count("denied") == 2 or result.err.count("ls:") == 2, result
    assert "the reef is closed" in result.out, result
    assert len(sim.requests("GET", "/messages")) == 1
