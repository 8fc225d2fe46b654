"""Exactly once, where TLS or the name of the server fails.

Nothing leaves in clear, and nothing leaves for a server that cannot prove its name.
"""
import errno
import os
import socket
import time

import pytest

from lib.chat import Space, Unsent, put
from lib.once import IN_DOUBT, SENT, TOLD, UNSENT, close_of, judge, settled, take_kept, told_by
from lib.tls import HANDSHAKE_RECORD, Front, World, bundle, certificate, context
from lib.tree import on_tracks
from lib.util import scaled, wait_until

HOST = "api.sparkfs.test"
ADDRESS = "127.0.0.1"
TOKEN = "alice-token"
BENCHES = 4

# What the front does: how a new text ends, and how a file does. What comes after a comma is what
# is met when it is looked whether it arrived.
FAILURES = {
    "stranger": (UNSENT, UNSENT),
    "another name": (UNSENT, UNSENT),
    "plain": (UNSENT, UNSENT),
    "alert": (UNSENT, UNSENT),
    "half": (UNSENT, UNSENT),
    "hang up": (UNSENT, UNSENT),
    "reset": (UNSENT, UNSENT),
    "silent": (UNSENT, UNSENT),
    "junk": (UNSENT, IN_DOUBT),
    "applied, junk": (SENT, SENT),
    "applied, stranger": (SENT, SENT),
    "applied, hang up": (SENT, SENT),
}


@pytest.fixture(name="world")
def fixture_world(tmp_path):
    it = World(tmp_path)
    yield it
    it.close()


@pytest.fixture(name="names")
def fixture_names(world):
    """The hosts of a machine without any other way to look up a name."""
    world.replace("/etc/nsswitch.conf", "hosts: files\n")
    return world.replace("/etc/hosts", f"{ADDRESS} localhost {HOST}\n")


@pytest.fixture(name="new_bench")
def fixture_new_bench(names, world, start_sim, start_mount):
    """A function that makes a Bench."""
    pairs = {"good": f"DNS:{HOST},IP:{ADDRESS}", "another name": "DNS:else.sparkfs.test",
             "stranger": f"DNS:{HOST},IP:{ADDRESS}"}
    pairs = {name: certificate(world.path, name.replace(" ", "-"), alternatives)
             for name, alternatives in pairs.items()}
    world.replace(bundle(), "".join(pairs[n][0].read_text() for n in ("good", "another name")))
    contexts = {name: context(pair) for name, pair in pairs.items()}
    made = []

    def new():
        made.append(Bench(world, contexts, start_sim, start_mount))
        return made[-1]

    yield new
    for it in made:
        if it.space.mount:
            it.space.mount.unmount()
        it.front.close()


class Bench:
    """A space on a server with TLS, and a mount that trusts it."""

    def __init__(self, world, contexts, start_sim, start_mount):
        self.world = world
        self.sim = start_sim("--data", "empty")
        self.front = Front(self.sim.port, contexts)
        self.space = Space(self.sim)
        self.start_mount = start_mount
        self.suffered = []

    def mount(self, **options):
        self.space.mount = self.start_mount(f"https://{HOST}:{self.front.port}/v1", "timeout=2",
                                            "rate=off", binary=self.world.program, **options)
        return self.space

    def suffer(self, mode, act):
        """Does it while that happens, and at once; the errno that it was told, or 0."""
        self.suffered.append(mode)
        self.front.be(mode, keep=mode == "junk" or mode.startswith("applied, "))
        began = time.monotonic()
        told = told_by(act)
        assert time.monotonic() - began < scaled(6), mode
        self.front.be("good")
        return told

    def check_secrets(self, *secrets):
        """All was TLS, and what came where the handshake failed says nothing."""
        assert self.front.first == {HANDSHAKE_RECORD}
        for secret in (TOKEN.encode(), b"Bearer", b"HTTP/1", *secrets):
            assert secret not in self.front.outside


@pytest.fixture(name="bench")
def fixture_bench(new_bench):
    return new_bench()


@pytest.fixture(name="benches")
def fixture_benches(new_bench):
    """Some that suffer at the same time, each one failure after the other."""
    them = [new_bench() for _ in range(BENCHES)]
    for it in them:
        it.mount()
    return them


@pytest.mark.limit(120)
def test_a_text(benches):
    def row(bench, mode):
        space = bench.space
        told = bench.suffer(mode, close_of(space / "post", mode))

        def look():
            return space.texts().count(mode), len(Unsent(space.mount).names())
        copies, _ = settled(look, lambda found: sum(found) == 1)
        judge(mode, FAILURES[mode][0], told, copies, take_kept(space.mount), mode.encode())
    for bench in benches:
        put(bench.space / "post", "good")
    on_tracks(row, benches, FAILURES)
    for bench in benches:
        sent = [m for m in bench.suffered if FAILURES[m][0] == SENT]
        assert bench.space.texts() == ["good", *sent]
        bench.check_secrets(b"good", b"stranger")


@pytest.mark.limit(120)
def test_a_file(benches):
    data = os.urandom(150_000)

    def row(bench, mode):
        space = bench.space
        name = mode.replace(" ", "-") + ".bin"
        began = time.monotonic()
        told = bench.suffer(mode, close_of(space / name, data))
        # Of its ten minutes a connection has two seconds to stand.
        assert mode != "silent" or time.monotonic() - began < scaled(4)

        def look():
            return space.file_names().count(name), len(Unsent(space.mount).names())
        copies, _ = settled(look, lambda found: sum(found) == 1)
        judge(mode, FAILURES[mode][1], told, copies, take_kept(space.mount), data)
    for bench in benches:
        put(bench.space / "good.bin", data)
    on_tracks(row, benches, FAILURES)
    for bench in benches:
        assert set(bench.space.files().values()) == {data}
        bench.check_secrets(data[:16])


@pytest.mark.limit(120)
def test_an_edit(benches):
    def row(bench, mode):
        space = bench.space
        (name,), (was,) = space.listed(), space.texts()
        told = bench.suffer(mode, close_of(space / name, mode))
        words = f"{mode}: told {errno.errorcode.get(told, told)}, now {space.texts()}"
        kept = take_kept(space.mount)
        # A request that is repeated, or looked for, is none that failed.
        assert bool(told) == (FAILURES[mode][0] != SENT and mode != "junk"), words
        assert not told or told in TOLD, words
        assert space.texts() == [was if told else mode], words
        assert kept == ([(mode.encode(), "unsent")] if told else []), words
    for bench in benches:
        put(bench.space / "post", "first")
    on_tracks(row, benches, FAILURES)
    for bench in benches:
        bench.check_secrets(b"first", b"stranger")


@pytest.mark.limit(120)
def test_a_deletion(benches):
    def row(bench, mode):
        space = bench.space
        put(space / "post", mode)
        (name,) = space.listed()
        told = bench.suffer(mode, lambda: os.unlink(space / name))
        words = f"{mode}: told {errno.errorcode.get(told, told)}, now {space.texts()}"
        assert not told or told in TOLD, words
        # One that was done before all broke may be told as a failure; it is shown as what it is.
        assert space.texts() == ([mode] if told and not mode.startswith("applied") else []), words
        # What was done and told as a failure is looked for, where that can be.
        assert told or mode == "junk" or mode.startswith("applied"), words
        wait_until(lambda: len(space.listed()) == len(space.texts()), what=words)
        if told and space.texts():
            os.unlink(space / name)
        assert take_kept(space.mount) == []
    on_tracks(row, benches, FAILURES)
    for bench in benches:
        bench.check_secrets(b"stranger")


def test_a_server_that_is_trusted(bench):
    """All kinds of requests, each sent once."""
    space = bench.mount()
    data = os.urandom(3_000_000)
    put(space / "post", "first")
    put(space / "a.bin", data)
    name = space.listed()[0]
    put(space / name, "second")
    assert space.texts()[0] == "second" and space.files() == {"a.bin": data}
    assert (space / "a.bin").read_bytes() == data
    os.unlink(space / name)
    assert space.texts() == [""]
    asked = {m: len(bench.sim.requests(m)) for m in ("POST", "PUT", "DELETE")}
    # The space was made by one POST, past the mount.
    assert asked == {"POST": 3, "PUT": 1, "DELETE": 1}
    assert take_kept(space.mount) == []
    assert bench.front.first == {HANDSHAKE_RECORD}


def refusal(path):
    """The errno of opening it for writing, or 0."""
    return told_by(lambda: os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)))


@pytest.mark.parametrize("mode", ["stranger", "plain", "hang up"])
def test_an_open_is_refused_when_it_is_known(bench, mode):
    """Nothing is typed that would only be kept; and it is good again as soon as the server is."""
    space = bench.mount()
    put(space / "post", "first")
    bench.front.be(mode)
    wait_until(lambda: told_by(lambda: os.listdir(space / "members")), what="a failed listing")
    for name in ("post", "post.md", "post.json", "a.bin"):
        assert refusal(space / name) == errno.EPROTO
    result = space.run("echo typed > post")
    assert result.status != 0 and "rotocol error" in result.err, repr(result)
    bench.front.be("good")
    wait_until(lambda: refusal(space / "post") == 0, what="an open that is good again")
    put(space / "post", "second")
    assert space.texts() == ["first", "second"] and take_kept(space.mount) == []
    bench.check_secrets(b"typed")


@pytest.mark.parametrize("mode", ["stranger", "another name", "plain"])
def test_a_mount_that_never_saw_the_server(bench, mode):
    """Nobody is asked to type anything."""
    bench.front.be(mode)
    with pytest.raises(RuntimeError) as caught:
        bench.mount()
    assert "cannot reach" in str(caught.value) and "ended with 1" in str(caught.value)
    assert bench.sim.requests("GET", "/people/me") == []
    bench.check_secrets()


@pytest.fixture(name="silent_resolver")
def fixture_silent_resolver():
    """Takes questions for names and answers none; its address, which is of this process."""
    number = os.getpid() & 0xffff
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as it:
        try:
            it.bind((f"127.53.{number >> 8}.{number & 255}", 53))
        except OSError as e:
            pytest.skip(f"no resolver of our own: {e}")
        yield it.getsockname()[0]


class Offline:
    """A mount of a known account, begun where the server's name is not known any more."""

    def __init__(self, bench, names, lose=None):
        self.sim = bench.sim
        self.names, self.known = names, names.read_text()
        self.space = bench.mount()
        put(self.space / "post", "first")
        (message,) = self.space.listed()
        assert bench.suffer("stranger", close_of(self.space / "post", "letter")) == errno.EPROTO
        (letter,) = Unsent(self.space.mount).names()
        # It may take ten minutes, once it is on its way.
        act = close_of(self.space / "letter.bin", b"letter.bin")
        assert bench.suffer("stranger", act) == errno.EPROTO
        (file,) = set(Unsent(self.space.mount).names()) - {letter}
        self.space.mount.unmount()
        names.write_text(self.known.replace(HOST, ""))
        if lose:
            lose()
        bench.mount(state=self.space.mount.state)
        self.message = self.space / message
        self.letter = Unsent(self.space.mount).dir / letter
        self.file = Unsent(self.space.mount).dir / file

    def check_all_is_told(self, error, seconds):
        """By the open, before anything is typed, where there is one."""
        space = self.space
        acts = {
            "post": lambda: put(space / "post", "post"),
            "post.md": lambda: put(space / "post.md", "post.md"),
            "a.bin": lambda: put(space / "a.bin", "a.bin"),
            "edit": lambda: put(self.message, "edit"),
            "rm": lambda: os.unlink(self.message),
            "mv": lambda: os.rename(self.letter, space / "post"),
            "mv of a file": lambda: os.rename(self.file, space / "letter.bin"),
        }
        for what, act in acts.items():
            began = time.monotonic()
            told, took = told_by(act), time.monotonic() - began
            assert told == error, (what, errno.errorcode.get(told, told))
            assert took < scaled(seconds), (what, took)
        unsent = Unsent(space.mount)
        kept = [((unsent.dir / n).read_bytes(), unsent.why(n)["state"]) for n in unsent.names()]
        assert kept == [(b"letter", "unsent"), (b"letter.bin", "unsent")]
        assert space.texts() == ["first"] and len(self.sim.requests("POST", "/messages")) == 1

    def check_it_comes_back(self):
        """What is kept is sent when it is sent again, and once."""
        self.names.write_text(self.known)
        wait_until(lambda: refusal(self.space / "post") == 0, what="an open that is good")
        put(self.space / "post", "second")
        os.rename(self.letter, self.space / "post")
        os.rename(self.file, self.space / "letter.bin")
        assert self.space.texts() == ["first", "second", "letter", ""]
        assert take_kept(self.space.mount) == []
        assert len(self.sim.requests("POST", "/messages")) == 4
        assert [len(self.sim.requests(m)) for m in ("PUT", "DELETE")] == [0, 0]


def test_a_name_that_is_not_known(bench, names):
    offline = Offline(bench, names)
    offline.check_all_is_told(errno.EHOSTUNREACH, 3)
    offline.check_it_comes_back()


@pytest.mark.limit(120)
def test_a_resolver_that_is_silent(bench, names, world, silent_resolver):
    def lose():
        world.replace("/etc/nsswitch.conf", "hosts: files dns\n")
        world.replace("/etc/resolv.conf", f"nameserver {silent_resolver}\n")
    offline = Offline(bench, names, lose)
    offline.check_all_is_told(errno.ETIMEDOUT, 4)
    offline.check_it_comes_back()
