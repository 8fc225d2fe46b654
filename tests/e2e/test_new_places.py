"""What ordinary programs do in the directories that are no space: webhooks/ and its like. A row is a
program, and what it did there: its exit status, what it asked of the server beside reads, and what
last-error says then. scripts/matrix prints it as a table.
"""
import json
import os
import shutil

import pytest

from lib.chat import Unsent
from lib.terminal import Terminal
from lib.util import wait_until

HOOK = {"targetUrl": "https://hooks.example.org/x", "resource": "messages", "event": "created"}


class Place:
    """A directory of a mount, and what is asked of the server by those who use it."""

    def __init__(self, sim, mount, folder, out):
        self.sim, self.mount, self.dir, self.out = sim, mount, mount / folder, out
        self.folder = folder

    def run(self, command, env):
        out = self.out / "out"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        said = Unsent(self.mount).last_error()
        self.sim.clear_log()
        result = self.mount.run(command, cwd=self.dir, env={"OUT": str(out), "TOP": str(self.mount.path), **env})
        asked = [r["method"] for r in self.sim.log() if r["method"] not in ("GET", "HEAD") and r["status"] < 300]
        now = Unsent(self.mount).last_error()
        self.record(command, result, asked, "" if now == said else now)
        return result, asked, "" if now == said else now

    def record(self, command, result, asked, error):
        """A line of scripts/matrix."""
        if "SPARKFS_MATRIX" not in os.environ:
            return
        row = {"command": f"{self.folder}: {command}", "status": result.status,
               "unsent": len(Unsent(self.mount).names()), "error": error.partition("Z ")[2].strip(),
               **{m: asked.count(m) for m in ("POST", "PUT", "DELETE")}}
        with open(os.environ["SPARKFS_MATRIX"], "a", encoding="utf-8") as f:
            f.write(json.dumps(row) + "\n")


# Looks, and copies out: changes nothing, and says nothing.
LOOKING = ["ls -la . > $OUT/x", "ls -lR . > $OUT/x", "grep -r a . > $OUT/x; test $? -le 1", "find . -ls > $OUT/x",
           "du -s . > $OUT/x", "rsync -a ./ $OUT/copy/", "cp -a . $OUT/copy", "cp -rL . $OUT/copy",
           "tar cf $OUT/x.tar ."]


def look(place, env):
    wrong = []
    for command in LOOKING:
        result, asked, error = place.run(command, env)
        if result.status or asked or error:
            wrong.append((command, result, asked, error))
    assert not wrong, "\n".join(map(str, wrong))


def act(place, rows, env):
    """`rows`: command, exit status, what is asked, words of last-error."""
    wrong = []
    for command, status, asked, words in rows:
        result, made, error = place.run(command, env)
        fits = result.status == 0 if status == 0 else result.status != 0
        if not fits or made != asked or not (words in error if words else not error):
            wrong.append((command, result, made, error))
    assert not wrong, "\n".join(map(str, wrong))


def write_in_nano(place, name, text):
    if not shutil.which("nano"):
        return
    terminal = Terminal([shutil.which("nano"), "--ignorercfiles", name], str(place.dir), "xterm",
                        {"HOME": str(place.out)})
    try:
        terminal.wait_for("\x1b[", 20)
        terminal.type(text + "\x0f\r\x18")
        assert terminal.wait_end(20) == 0
    finally:
        terminal.close()


@pytest.mark.sim("--data", "demo")
def test_webhooks(sim, mount, tmp_path):
    for name in ("one", "two"):
        sim.api("POST", "/webhooks", {**HOOK, "name": name}).ok()
    place = Place(sim, mount, "webhooks", tmp_path)
    env = {"NEW": json.dumps(HOOK)}
    look(place, env)
    act(place, [
        ("cat one.json two.json > $OUT/x", 0, [], ""),
        ("jq -r .name *.json", 0, [], ""),
        ("rm -r ../webhooks", 1, [], "rm what you choose by name"),
        ("find . -name one.json -delete", 1, [], "recursive_delete"),
        ("mv one.json $OUT/", 1, [], "moved out it is a copy"),
        ("mv ../webhooks $OUT/", 1, [], "moved out it is a copy"),
        ("rsync -a --remove-source-files one.json $OUT/", 23, [], "moved out it is a copy"),
        ("tar cf $OUT/x.tar --remove-files one.json", 2, [], "moved out it is a copy"),
        ("cp -a one.json $OUT/ && cp -a $OUT/one.json one.json", 0, [], ""),
        ("cp -a one.json $OUT/ && rsync -a $OUT/one.json ./", 0, [], ""),
        ("ln -s one.json x.json", 1, [], "cp -L"),
        ("echo \"$NEW\" > three.json", 0, ["POST"], ""),
        ("echo \"$NEW\" > $OUT/four.json && cp -a $OUT/four.json ./", 0, ["POST"], ""),
        ("echo \"$NEW\" > $OUT/five.json && tar cf $OUT/x.tar -C $OUT five.json && tar xf $OUT/x.tar", 0, ["POST"], ""),
        ("mv five.json six.json", 0, ["PUT"], ""),
        ("sed -i s/hooks.example/pier.example/ six.json", 0, ["PUT"], ""),
        ("sed -i.bak s/pier.example/hooks.example/ six.json", 4, [], "six.json.bak"),
        ("printf '%%s/hooks.example/pier.example/\\nwq\\n' | vim -u NONE -i NONE -N -es one.json"
         if shutil.which("vim") else "sed -i s/hooks.example/pier.example/ one.json", 0, ["PUT"], ""),
        ("jq '.targetUrl = \"https://jq.example.org/\"' two.json | sponge two.json" if shutil.which("sponge")
         else "t=$(jq '.targetUrl = \"https://jq.example.org/\"' two.json); echo \"$t\" > two.json", 0, ["PUT"], ""),
        ("rm three.json four.json six.json", 0, ["DELETE"] * 3, ""),
        ("echo '{' | cp /dev/stdin bad.json", 1, [], "line 2"),
    ], env)
    left = {h["name"]: h["targetUrl"] for h in sim.all("/webhooks")}
    assert set(left) == {"one", "two"} and "jq.example" in left["two"] and "pier.example" in left["one"]
    write_in_nano(place, "nano.json", json.dumps(HOOK))
    wait_until(lambda: "nano" in {h["name"] for h in sim.all("/webhooks")}, what="the webhook of nano")
