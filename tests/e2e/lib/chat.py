"""A space seen from both sides, for tests that write: the mount's and the server's.

    from lib.chat import pier  # noqa: F401  (a fixture)

    def test_echo(pier):
        pier.run("echo hi > post", check=True)
        assert pier.texts() == ["hi"]

`pier` is a new space of alice on an account without any other, in a mount made
after it. @pytest.mark.mount gives the mount's options.
"""
import contextlib
import errno
import json
import os
import re
import shutil
import urllib.parse

import pytest

from .util import wait_until

SHELLS = {
    "bash": ["/bin/bash", "-c"],
    "dash": ["/bin/dash", "-c"],
    "zsh": ["/usr/bin/zsh", "-f", "-c"],
    "busybox": ["/bin/busybox", "sh", "-c"],
}


# Debian's small one has its own name. Ex commands come from stdin.
VIM = [shutil.which("vim") or shutil.which("vim.tiny") or "vim",
       "-u", "NONE", "-i", "NONE", "-N", "-es"]


class Space:
    """`mount` may be set later, and again (after a remount)."""

    def __init__(self, sim, title="Pier", mount=None, room=None, members=()):
        self.sim = sim
        self.title = title
        self.mount = mount
        self.room = room or sim.create_room(title, members)
        self.id = self.room["id"]

    # The mount's side.

    @property
    def dir(self):
        return self.mount.space(self.title)

    def __truediv__(self, name):
        return self.dir / name

    def run(self, command, **options):
        if "SPARKFS_MATRIX" in os.environ:
            return self.recorded(command, options)
        return self.mount.run(command, cwd=self.dir, **options)

    def recorded(self, command, options):
        """Runs it, and adds a line to the table of scripts/matrix."""
        unsent, log = Unsent(self.mount), self.sim.log
        kept, known = unsent.names(), len(log())
        result = self.mount.run(command, cwd=self.dir, **options)
        made = [r for r in log()[known:] if r["path"].startswith("/v1/messages")]
        row = {"command": command, "status": result.status,
               "unsent": len(set(unsent.names()) - set(kept)),
               **{m: len([r for r in made if r["method"] == m and r["status"] < 300])
                  for m in ("POST", "PUT", "DELETE")}}
        with open(os.environ["SPARKFS_MATRIX"], "a", encoding="utf-8") as f:
            f.write(json.dumps(row) + "\n")
        return result

    def shell(self, shell, command, **options):
        """Runs a command by one of SHELLS."""
        return self.run([*SHELLS[shell], command], **options)

    def ls(self):
        return self.mount.ls(self.dir)

    def listed(self):
        """The names of messages, oldest first."""
        return [n for n in self.ls() if n[:2] == "20" and n.endswith(".txt")]

    def listed_texts(self):
        return [(self / n).read_text() for n in self.listed()]

    # The server's side.

    def messages(self):
        """Oldest first, as the server has them."""
        return self.sim.messages(self.id, max=1000)[::-1]

    def texts(self):
        return [m.get("text", "") for m in self.messages()]

    def files(self):
        """name -> bytes of all attachments; a name that is there twice is an error."""
        found = {}
        for message in self.messages():
            for url in message.get("files") or []:
                name, data = self.content(url)
                assert name not in found, f"{name!r} is there twice"
                found[name] = data
        return found

    def content(self, url):
        """(file name, bytes) of an attachment."""
        answer = self.sim.api("GET", url).ok()
        return file_name(answer.headers), answer.body

    def file_names(self):
        """The names of all attachments, oldest first."""
        return [file_name(self.sim.api("HEAD", url).ok().headers)
                for message in self.messages() for url in message.get("files") or []]

    def posts(self):
        """POST requests for messages so far."""
        return len(self.sim.requests("POST", "/messages"))


def file_name(headers):
    """Of an answer's Content-Disposition, as UTF-8."""
    value = headers["Content-Disposition"]
    if "filename*=" in value:
        return urllib.parse.unquote(value.split("filename*=UTF-8''", 1)[1].split(";")[0])
    return re.sub(r"\\(.)", r"\1", value.split('filename="', 1)[1].rsplit('"', 1)[0])


class Unsent:
    """What .sparkfs/ says of things that could not be sent."""

    def __init__(self, mount):
        self.mount = mount
        self.dir = mount / ".sparkfs/unsent"

    def names(self):
        return [n for n in self.mount.ls(self.dir) if not n.endswith(".why.json")]

    def bytes(self):
        return [(self.dir / n).read_bytes() for n in self.names()]

    def one(self):
        """(name, bytes, why) of the only one, once it is there."""
        wait_until(self.names, what="something in unsent/")
        names = self.names()
        assert len(names) == 1, names
        assert self.mount.ls(self.dir) == [names[0], names[0] + ".why.json"]
        return names[0], (self.dir / names[0]).read_bytes(), self.why(names[0])

    def why(self, name):
        path = self.dir / (name + ".why.json")
        text = path.read_text()
        assert len(text.encode()) == path.stat().st_size
        return json.loads(text)

    def count(self):
        """What status.json says."""
        return self.mount.status()["unsent"]

    def last_error(self):
        return (self.mount / ".sparkfs/last-error").read_text()

    def log(self):
        return (self.mount / ".sparkfs/log").read_text()


@contextlib.contextmanager
def fails(*numbers):
    """The block raises an OSError of one of these errnos."""
    with pytest.raises(OSError) as caught:
        yield caught
    names = [errno.errorcode[n] for n in numbers]
    assert caught.value.errno in numbers, \
        f"{errno.errorcode.get(caught.value.errno)}, not {' or '.join(names)}"


@contextlib.contextmanager
def opened(path, flags=os.O_WRONLY | os.O_TRUNC, mode=0o644):
    """A descriptor. Its close is the end of the block, errors and all."""
    fd = os.open(path, flags, mode)
    try:
        yield fd
    except BaseException:
        try:
            os.close(fd)
        except OSError:
            pass
        raise
    os.close(fd)


@contextlib.contextmanager
def refused_write(path, number, flags=os.O_WRONLY | os.O_TRUNC):
    """The block's write fails with that errno, and the close says so again."""
    fd = os.open(path, flags, 0o644)
    try:
        with fails(number):
            yield fd
        closing, fd = fd, None
        with fails(number):
            os.close(closing)
    finally:
        if fd is not None:
            os.close(fd)


def put(path, data, flags=os.O_WRONLY | os.O_CREAT | os.O_TRUNC):
    """Writes and closes; an OSError of either is raised."""
    with opened(path, flags) as fd:
        view = memoryview(data if isinstance(data, bytes) else data.encode())
        while view:
            view = view[os.write(fd, view):]


def remounted(space, start_mount, *options, **more):
    """The same account in a new mount, where nothing is in the kernel's cache."""
    state = space.mount.state
    space.mount.unmount()
    space.mount = start_mount(space.sim, *options, state=state, **more)
    space.ls()
    space.sim.clear_log()
    return space


def received(space):
    """Bytes that came from the server."""
    return space.mount.status()["bytesReceived"]


@pytest.fixture
def pier(request, start_sim, start_mount):
    marker = request.node.get_closest_marker("mount")
    sim = start_sim("--data", "empty")
    space = Space(sim)
    space.mount = start_mount(sim, *(marker.args if marker else ()),
                              **(marker.kwargs if marker else {}))
    sim.clear_log()
    return space


@pytest.fixture
def unsent(pier):
    return Unsent(pier.mount)
