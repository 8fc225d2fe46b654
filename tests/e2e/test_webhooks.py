"""webhooks/: one file a webhook; what is written, renamed and removed there is done at the server."""
import errno
import json
import os
import stat

import pytest

from lib.chat import SHELLS, VIM, Unsent, fails, opened, put
from lib.shell import argv_as
from lib.util import wait_until

SECRET = "s3cret-of-the-harbour"
URL = "https://hooks.example.org/webex"
NEW = {"targetUrl": URL, "resource": "messages", "event": "created", "secret": SECRET}
POST = {"method": "POST", "route": "/webhooks"}


def listed(sim, token="alice-token"):
    return {h["name"]: h for h in sim.all("/webhooks", token=token)}


def make(sim, name, token="alice-token", **more):
    return sim.api("POST", "/webhooks", {**NEW, "name": name, **more}, token=token).ok().json


class Hooks:
    """webhooks/ of a mount on an account with one space."""

    def __init__(self, sim, mount):
        self.sim, self.mount, self.dir = sim, mount, mount / "webhooks"

    def __truediv__(self, name):
        return self.dir / name

    def run(self, command, **options):
        return self.mount.run(command, cwd=self.dir, **options)

    def ls(self):
        return self.mount.ls(self.dir)

    def read(self, name):
        return json.loads((self.dir / name).read_text())

    def asked(self, method=None):
        return [r for r in self.sim.requests(method) if "/webhooks" in r["path"]]


@pytest.fixture
def hooks(request, start_sim, start_mount):
    sim = start_sim("--data", "empty")
    sim.create_room("Quay")
    marker = request.node.get_closest_marker("mount")
    mount = start_mount(sim, *(marker.args if marker else ()),
                        **(marker.kwargs if marker else {}))
    sim.clear_log()
    return Hooks(sim, mount)


def test_a_life(hooks):
    assert hooks.ls() == []
    hooks.run(f"echo '{json.dumps(NEW)}' > harbour.json", check=True)
    made = listed(hooks.sim)["harbour"]
    assert {k: made[k] for k in NEW} == NEW
    assert hooks.ls() == ["harbour.json"]
    # The same object, with its keys in the server's order.
    assert list(hooks.read("harbour.json").items()) == list(made.items())
    status = os.stat(hooks / "harbour.json")
    assert status.st_size == len((hooks / "harbour.json").read_bytes())
    assert stat.S_IMODE(status.st_mode) == 0o600
    # What is written is changed, and nothing else.
    put(hooks / "harbour.json", '{"targetUrl": "https://other.example.org/"}')
    now = listed(hooks.sim)["harbour"]
    assert now == {**made, "targetUrl": "https://other.example.org/"}
    assert hooks.read("harbour.json") == now
    put(hooks / "harbour.json", '{"secret": ""}')
    assert not listed(hooks.sim)["harbour"].get("secret")
    # As an editor leaves it: the whole object. Nothing changed, so nothing is put.
    puts = len(hooks.asked("PUT"))
    put(hooks / "harbour.json", (hooks / "harbour.json").read_bytes())
    assert len(hooks.asked("PUT")) == puts
    # A name is a name, here and in the file.
    hooks.run("mv harbour.json 'North Sea.json'", check=True)
    assert list(listed(hooks.sim)) == ["North Sea"] and hooks.ls() == ["North Sea.json"]
    put(hooks / "North Sea.json", '{"name": "a/b"}')
    assert list(listed(hooks.sim)) == ["a/b"] and hooks.ls() == ["a\u2215b.json"]
    hooks.run("rm a*.json", check=True)
    assert not listed(hooks.sim) and hooks.ls() == []
    assert not os.path.lexists(hooks / "a\u2215b.json")


def test_requests(hooks):
    """ceil(n/100) for the first listing, none for the next, one for a name that is not known."""
    for i in range(102):
        make(hooks.sim, f"h{i:03}")
    hooks.sim.clear_log()
    assert len(hooks.ls()) == 102
    assert len(hooks.asked()) == 2
    hooks.run("ls -l >/dev/null; cat *.json >/dev/null; grep -r . . >/dev/null", check=True)
    assert len(hooks.asked()) == 2
    assert not os.path.lexists(hooks / "nothing.json") and not os.path.lexists(hooks / "x~")
    assert len(hooks.asked()) == 2


def test_odd_names(hooks):
    """Names that are equal, empty, or no file names: each has a file, which has its ending."""
    names = ["same", "same", "SAME", "", "a/b", ".hidden", "-r", "x\ty", "y" * 300, "z" * 250, "z" * 250,
             "not~", "swap.swp", "plain.json", "\u00e9t\u00e9", "e\u0301t\u00e9", "\u6f22\u5b57"]
    for name in [n for n in names if n]:
        make(hooks.sim, name)
    found = hooks.ls()
    assert len(found) == len(names) - 1 and all(n.endswith(".json") for n in found), found
    assert len({n.casefold() for n in found}) == len(found)
    assert all(len(n.encode()) <= 255 for n in found)
    assert {"same.json", "a\u2215b.json", "_.hidden.json", "_-r.json", "plain.json.json", "not~.json",
            "swap.swp.json", "\u6f22\u5b57.json"} <= set(found)
    assert sorted(hooks.read(n)["name"] for n in found) == sorted(n for n in names if n)
    # A listing by another way has the same, and rm of one takes that one.
    twins = sorted(n for n in found if n.casefold().startswith("same"))
    ids = {n: hooks.read(n)["id"] for n in twins}
    hooks.run(["rm", twins[1]], check=True)
    assert {h["id"] for h in hooks.sim.all("/webhooks") if h["name"].casefold() == "same"} == \
        {ids[n] for n in twins} - {ids[twins[1]]}


REFUSED = [
    ("{", "Invalid", "line 1, column 2"),
    ('{"targetUrl": "https://x",\n "resource" "messages"}', "Invalid", "line 2"),
    ('{"targetUrl": "x", "resource": "messages", "event": "created"}', "Invalid", "http or https"),
    ('{"resource": "messages", "event": "created"}', "Invalid", '"targetUrl": is missing'),
    (json.dumps({**NEW, "colour": "red"}), "Invalid", '"colour": is not one of'),
    (json.dumps({**NEW, "name": "other"}), "Invalid", "another name than that of the file"),
    (json.dumps({**NEW, "id": "x"}), "Invalid", '"id": names another object'),
    (json.dumps({**NEW, "filter": 3}), "Invalid", '"filter": must be a string'),
    ("[]", "Invalid", "not a JSON object"),
    (json.dumps({**NEW, "event": "sunk"}), "Invalid", "invalid event"),
    (json.dumps({**NEW, "ownedBy": "org"}), "denied", "refused to fulfill"),
]


def test_what_is_refused(hooks):
    """By close, with the place or the server's words; what was written is in unsent/, for nobody else."""
    unsent = Unsent(hooks.mount)
    for n, (text, error, words) in enumerate(REFUSED, 1):
        done = hooks.run("cat > new.json", stdin=text)
        assert done.status != 0 and error in done.err, (text, done)
        assert words in unsent.last_error(), (text, unsent.last_error())
        assert len(unsent.names()) == n
        assert hooks.ls() == [], text
    assert not listed(hooks.sim)
    # Those of the server alone were asked for.
    assert len(hooks.asked("POST")) == 2
    kept = unsent.bytes()
    assert sorted(kept) == sorted(t.encode() for t, _, _ in REFUSED)
    for name in unsent.names():
        assert stat.S_IMODE(os.stat(unsent.dir / name).st_mode) == 0o600
        assert SECRET not in name and SECRET not in json.dumps(unsent.why(name))
    for said in (unsent.last_error(), unsent.log()):
        assert SECRET not in said
    # Written there, it is made.
    put(hooks / "kept.json", json.dumps(NEW))
    for text, words in (('{"status": "asleep"}', "active"), ('{"event": "deleted"}', "cannot be changed"),
                        ('{"id": "x"}', "another object"), ('{"targetUrl": ""}', "must not be empty"),
                        ('{"created": "now"}', "cannot be changed")):
        with fails(errno.EINVAL):
            put(hooks / "kept.json", text)
        assert words in unsent.last_error(), unsent.last_error()
    assert hooks.read("kept.json") == listed(hooks.sim)["kept"]


def test_nothing_by_itself(hooks):
    """touch, O_TRUNC, an empty write, scratch names and an odd ending make no request."""
    make(hooks.sim, "old")
    assert hooks.ls() == ["old.json"]
    hooks.sim.clear_log()
    hooks.run("touch new.json; : > new.json; printf '' > new.json; touch old.json; : > old.json; "
              "echo x > .old.json.swp; echo x > old.json~; touch -d 2020-01-01 old.json", check=True)
    assert hooks.sim.requests() == []
    assert "new.json" in hooks.ls()
    assert hooks.read("old.json")["name"] == "old"
    said = Unsent(hooks.mount).last_error()
    assert "new.json" in said or "old.json~" in said
    # It waits for its bytes.
    put(hooks / "new.json", json.dumps(NEW))
    assert set(listed(hooks.sim)) == {"old", "new"}
    for name, error in (("new.txt", errno.EINVAL), ("New.json", errno.EEXIST), (".json", None),
                        ("-r.json", errno.EINVAL), ("a\tb.json", errno.EINVAL)):
        if error:
            with fails(error):
                put(hooks / name, json.dumps(NEW))
    for command in ("rm -r ../webhooks", "rmdir ../webhooks", "mkdir x", "ln -s old.json x.json",
                    "mv old.json new.json", "mv old.json ../people/", "mv old.json old.json.bak",
                    "find . -name 'o*' -delete"):
        assert hooks.run(command).status != 0, command
    assert set(listed(hooks.sim)) == {"old", "new"}


def test_moved_out_it_stays(hooks, tmp_path):
    make(hooks.sim, "old")
    hooks.ls()
    for command in (f"mv old.json {tmp_path}/", f"rsync -a --remove-source-files old.json {tmp_path}/",
                    f"cp -a old.json {tmp_path}/x && mv {tmp_path}/x old.json"):
        hooks.run(command)
        assert set(listed(hooks.sim)) == {"old"}, command
    # Copied, and copied back: nothing changed.
    hooks.run(f"cp -a old.json {tmp_path}/y && cp {tmp_path}/y old.json", check=True)
    assert not hooks.asked("PUT") and not hooks.asked("DELETE")


@pytest.mark.parametrize("how", ["sed", "vim", "rename", "rsync", "mktemp"])
def test_editors(hooks, tmp_path, how):
    """Rename-over, backups and probes: a change of the one, and a new one under its real name."""
    make(hooks.sim, "old")
    hooks.ls()
    hooks.sim.clear_log()
    if how == "sed":
        hooks.run("sed -i 's/hooks.example/pier.example/' old.json", check=True)
    elif how == "vim":
        hooks.run([*VIM, "old.json"], stdin="%s/hooks.example/pier.example/\nwq\n", check=True)
    elif how == "rename":
        hooks.run("sed s/hooks.example/pier.example/ old.json > .old.tmp && mv .old.tmp old.json", check=True)
    elif how == "rsync":
        (tmp_path / "old.json").write_text((hooks / "old.json").read_text().replace("hooks.", "pier."))
        hooks.run(f"rsync {tmp_path}/old.json ./", check=True)
    else:
        hooks.run("f=$(mktemp ./tmp.XXXXXXXX); sed s/hooks.example/pier.example/ old.json > $f; "
                  "mv $f old.json", check=True)
    assert len(hooks.asked("PUT")) == 1 and not hooks.asked("POST")
    assert "pier.example.org" in listed(hooks.sim)["old"]["targetUrl"]
    # A new one.
    text = json.dumps(NEW)
    if how == "vim":
        hooks.run([*VIM, "new.json"], stdin=f"i\n{text}\n.\nwq\n", check=True)
    elif how == "rsync":
        (tmp_path / "new.json").write_text(text)
        hooks.run(f"rsync {tmp_path}/new.json ./", check=True)
    else:
        hooks.run(f"echo '{text}' > .new.tmp; mv .new.tmp new.json", check=True)
    assert len(hooks.asked("POST")) == 1
    assert set(listed(hooks.sim)) == {"old", "new"}
    assert [n for n in hooks.ls() if n.endswith(".json")] == ["new.json", "old.json"]
    assert hooks.read("new.json") == listed(hooks.sim)["new"]


@pytest.mark.parametrize("shell", SHELLS)
def test_shells(hooks, shell):
    run = [*SHELLS[shell]]
    hooks.run([*run, f"echo '{json.dumps(NEW)}' > a.json; echo '{{\"secret\": \"x\"}}' > a.json"], check=True)
    assert listed(hooks.sim)["a"]["secret"] == "x"
    assert len(hooks.asked("POST")) == 1 and len(hooks.asked("PUT")) == 1
    hooks.run([*run, f"(printf '{{'; printf '\"targetUrl\": \"{URL}\", \"resource\": \"rooms\", '; "
               "printf '\"event\": \"created\"}') > b.json"], check=True)
    assert listed(hooks.sim)["b"]["resource"] == "rooms"
    assert hooks.run([*run, "rm a.json b.json"], check=True).err == ""
    assert not listed(hooks.sim)


def test_in_doubt(hooks):
    """No answer to the POST: it is said, kept, and never sent again; a listing shows what became of it."""
    unsent = Unsent(hooks.mount)
    hooks.ls()
    hooks.sim.fault(**POST, reset="after", times=1)
    done = hooks.run("cat > new.json", stdin=json.dumps(NEW))
    assert done.status != 0
    assert "in doubt" in unsent.last_error() and SECRET not in unsent.last_error()
    name, text, why = unsent.one()
    assert json.loads(text) == NEW and "in doubt" in why["reason"] and SECRET not in name
    assert hooks.ls() == ["new.json"]
    assert len(hooks.asked("POST")) == 1
    # One that did not arrive.
    hooks.sim.fault(**POST, reset="before", times=1)
    assert hooks.run("cat > two.json", stdin=json.dumps(NEW)).status != 0
    assert hooks.ls() == ["new.json"] and len(unsent.names()) == 2
    # A change whose answer is lost is read again, and a deletion is proven.
    hooks.sim.fault(method="PUT", route="/webhooks/*", reset="after", times=1)
    put(hooks / "new.json", '{"targetUrl": "https://other.example.org/"}')
    assert listed(hooks.sim)["new"]["targetUrl"] == "https://other.example.org/"
    hooks.sim.fault(method="DELETE", route="/webhooks/*", status=404, times=1)
    with fails(errno.EBUSY):
        os.unlink(hooks / "new.json")
    assert hooks.ls() == ["new.json"]
    hooks.sim.fault(method="DELETE", route="/webhooks/*", reset="after", times=1)
    os.unlink(hooks / "new.json")
    assert hooks.ls() == [] and not listed(hooks.sim)
    # A server that says yes and does nothing.
    put(hooks / "three.json", json.dumps(NEW))
    with fails(errno.EIO):
        put(hooks / "three.json", '{"status": "inactive"}')
    assert '"status" is as it was' in unsent.last_error()


@pytest.mark.mount(hurry=20)
def test_what_others_do(hooks):
    """Seen within a minute; forgotten on proof only; an inactive one is made active by writing."""
    first = make(hooks.sim, "first")
    assert hooks.ls() == ["first.json"]
    make(hooks.sim, "second")
    hooks.sim.api("DELETE", f"/webhooks/{first['id']}").ok(204)
    wait_until(lambda: hooks.ls() == ["second.json"], what="the list of a minute later")
    # A list without it is no proof, while its GET finds it.
    hooks.sim.fault(method="GET", route="/webhooks", page="empty", times=1)
    before = len(hooks.asked("GET"))
    wait_until(lambda: hooks.ls() and len(hooks.asked("GET")) > before + 1, what="another list")
    assert hooks.ls() == ["second.json"]


def test_bots_and_administrators(start_sim, start_mount):
    sim = start_sim()
    for token in ("bot-token", "admin-token"):
        mount = start_mount(sim, token=token)
        hooks = Hooks(sim, mount)
        assert hooks.ls() == []
        put(hooks / "mine.json", json.dumps(NEW))
        assert set(listed(sim, token)) == {"mine"} and hooks.ls() == ["mine.json"]
        if token == "admin-token":
            put(hooks / "all.json", json.dumps({**NEW, "ownedBy": "org", "event": "all",
                                                "resource": "all"}))
            state = mount.state
            mount.unmount()
            mount = start_mount(sim, token=token, state=state)
            hooks = Hooks(sim, mount)
            assert hooks.ls() == ["all.json", "mine.json"]
            assert hooks.read("all.json")["ownedBy"] == "org"
            put(hooks / "all.json", '{"targetUrl": "https://other.example.org/"}')
            os.unlink(hooks / "all.json")
            assert hooks.ls() == ["mine.json"]


def test_read_only_and_offline(hooks, start_mount):
    make(hooks.sim, "old")
    assert hooks.ls() == ["old.json"]
    state = hooks.mount.state
    hooks.mount.unmount()
    mount = start_mount(hooks.sim, "ro", state=state)
    ro = Hooks(hooks.sim, mount)
    assert ro.ls() == ["old.json"] and ro.read("old.json")["secret"] == SECRET
    for act in (lambda: put(ro / "new.json", "{}"), lambda: put(ro / "old.json", "{}"),
                lambda: os.unlink(ro / "old.json"), lambda: os.rename(ro / "old.json", ro / "x.json"),
                lambda: os.truncate(ro / "old.json", 0)):
        with fails(errno.EROFS):
            act()
    mount.unmount()
    hooks.sim.stop()
    off = Hooks(hooks.sim, start_mount(hooks.sim, "account=alice@example.com", state=state))
    assert off.ls() == ["old.json"] and off.read("old.json")["secret"] == SECRET
    for act in (lambda: put(off / "new.json", json.dumps(NEW)), lambda: put(off / "old.json", "{}"),
                lambda: os.unlink(off / "old.json")):
        with fails(errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ECONNREFUSED):
            act()
    assert off.ls() == ["old.json"]


NOBODY = 65534


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")
@pytest.mark.mount("allow_other", "umask=0", f"uid={NOBODY}", f"gid={NOBODY}")
def test_only_the_mounter(hooks):
    """0600 and 0700 whatever the options say; nobody else opens one, a new one or a kept one."""
    put(hooks / "a.json", json.dumps(NEW))
    with fails(errno.EINVAL):
        put(hooks / "b.json", '{"secret": "x"}')
    kept = f".sparkfs/unsent/{Unsent(hooks.mount).names()[0]}"
    with opened(hooks / "c.json", os.O_WRONLY | os.O_CREAT) as fd:
        os.write(fd, json.dumps(NEW).encode())
        for path, mode in (("webhooks", 0o700), ("webhooks/a.json", 0o600), ("webhooks/c.json", 0o600),
                           (kept, 0o600)):
            assert stat.S_IMODE(os.stat(hooks.mount / path).st_mode) == mode, path
            done = hooks.mount.run(argv_as(4321, ["cat", path]), cwd=hooks.mount.path)
            assert done.status != 0 and SECRET not in done.out, path
            os.chmod(hooks.mount / path, 0o666)
            assert stat.S_IMODE(os.stat(hooks.mount / path).st_mode) & 0o77 == 0, path
