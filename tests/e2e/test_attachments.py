"""Reading attachments: as they come, in any order, once."""
import errno
import hashlib
import mmap
import os
import random
import signal

import pytest

from lib.chat import Unsent, fails, put, received, remounted
from lib.chat import pier  # noqa: F401  pylint: disable=unused-import
from lib.shell import kill_group, start_cmd
from lib.util import wait_until

KIB = 1024
MIB = 1024 * 1024
CONTENT = "/contents/.*"


def some_bytes(size, seed=1):
    return random.Random(seed).randbytes(size)


def sha(data):
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def shelf(pier, start_mount):
    """function(name, data, *options): the file in the space, of which the mount has no bytes."""
    def add(name, data, *options):
        put(pier / name, data)
        remounted(pier, start_mount, *options)
        return pier / name
    return add


def gets(sim):
    return sim.requests("GET", CONTENT)


def kept(pier):
    """The files of the disk cache."""
    return sorted(pier.mount.state.glob("cache/sparkfs/*/contents/*.bin"))


def kept_bytes(pier):
    return sum(os.stat(p).st_blocks * 512 for p in kept(pier))


def is_over(sim):
    return all(r["endedMs"] is not None for r in gets(sim))


# Which bytes are fetched, and when.


def test_looking_at_a_file_fetches_nothing(pier, shelf):
    path = shelf("big.iso", some_bytes(3 * MIB))
    assert os.stat(path).st_size == 3 * MIB
    pier.run("ls -l big.iso; find . -type f; file post big.iso.txt; stat big.iso; du .")
    os.close(os.open(path, os.O_RDONLY))
    assert gets(pier.sim) == []
    assert kept(pier) == []


def test_a_first_block_costs_little_more_than_it_and_ends_the_transfer(pier, shelf):
    data = some_bytes(40 * MIB)
    path = shelf("big.iso", data)
    assert pier.run("head -c 4096 big.iso", check=True).out_bytes == data[:4096]
    wait_until(lambda: is_over(pier.sim))
    (get,) = gets(pier.sim)
    assert get["note"] == "aborted"
    assert 4096 <= kept_bytes(pier) <= MIB
    # The next read continues the transfer from there.
    assert sha(path.read_bytes()) == sha(data)
    assert "range" not in get
    assert gets(pier.sim)[1]["range"].startswith("bytes=")
    assert len(gets(pier.sim)) == 2


def test_the_first_bytes_come_before_the_last(pier, shelf):
    data = some_bytes(4 * MIB)
    path = shelf("slow.bin", data)
    pier.sim.fault(method="GET", route="/contents", slowBytesPerSec=500 * KIB)
    with open(path, "rb", buffering=0) as f:
        assert f.read(4096) == data[:4096]
        assert not is_over(pier.sim)
    wait_until(lambda: is_over(pier.sim))


def test_readers_share_one_transfer(pier, shelf):
    data = some_bytes(4 * MIB)
    shelf("a.bin", data)
    out = pier.run("for i in 1 2 3 4; do sha256sum a.bin & done; wait", check=True).lines()
    assert [line.split()[0] for line in out] == [sha(data)] * 4
    assert len(gets(pier.sim)) == 1


def test_a_reader_that_is_killed_ends_the_transfer_when_it_was_the_last(pier, shelf):
    data = some_bytes(2 * MIB)
    shelf("slow.bin", data)
    fault = pier.sim.fault(method="GET", route="/contents", slowBytesPerSec=200 * KIB)
    first = start_cmd("exec cat slow.bin", pier.dir)
    second = start_cmd("exec cat slow.bin", pier.dir)
    assert first.stdout.read(4096) == data[:4096] == second.stdout.read(4096)
    kill_group(first, signal.SIGKILL)
    first.communicate()
    assert not is_over(pier.sim)
    kill_group(second, signal.SIGTERM)
    second.communicate()
    wait_until(lambda: is_over(pier.sim))
    pier.sim.clear_fault(fault)
    assert (pier / "slow.bin").read_bytes() == data
    # The cache kept the bytes that had come.
    assert len(gets(pier.sim)) == 2
    assert int(gets(pier.sim)[1]["range"][len("bytes="):].split("-")[0]) > 0


def test_the_end_of_a_file_is_asked_for_alone(pier, shelf):
    data = some_bytes(20 * MIB)
    shelf("big.iso", data)
    assert pier.run("tail -c 1000 big.iso", check=True).out_bytes == data[-1000:]
    (get,) = gets(pier.sim)
    assert get["status"] == 206
    assert get["bytesOut"] < MIB
    assert kept_bytes(pier) < MIB


@pytest.mark.parametrize("ranges", [True, False])
def test_no_byte_is_fetched_twice_in_whatever_order_they_are_read(pier, shelf, ranges):
    data = some_bytes(6 * MIB)
    path = shelf("a.bin", data)
    pier.sim.control("POST", "/switches", {"range": ranges})
    before = received(pier)
    places = list(range(0, len(data), 64 * KIB))
    random.Random(2).shuffle(places)
    fd = os.open(path, os.O_RDONLY)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
    for at in places:
        assert os.pread(fd, 64 * KIB, at) == data[at:at + 64 * KIB]
    os.close(fd)
    answers = gets(pier.sim)
    if ranges:
        assert len(answers) < 30, answers
    else:
        # The second of them was for a part, and was cut when it was answered by the whole.
        assert [r["status"] for r in answers] in ([200], [200, 200])
    # Bytes in flight of the transfer that was cut may come twice.
    assert received(pier) - before < len(data) * 1.2


TOOLS = ["cat a.bin > {out}", "cp a.bin {out}", "rsync a.bin {out}", "dd if=a.bin of={out} bs=7777",
         "dd if=a.bin of={out} bs=1M iflag=direct status=none", "install a.bin {out}",
         "tail -c +1 a.bin > {out}", "head -c 99M a.bin > {out}", "busybox cat a.bin > {out}"]


@pytest.mark.parametrize("ranges", [True, False])
def test_every_tool_sees_the_whole_file(pier, shelf, tmp_path, ranges):
    data = some_bytes(3 * MIB + 17)
    for i in range(len(TOOLS)):
        put(pier / f"{i}.bin", data + b"%d" % i)
    path = shelf("a.bin", data)
    pier.sim.control("POST", "/switches", {"range": ranges})
    for i, tool in enumerate(TOOLS):
        pier.run(tool.replace("a.bin", f"{i}.bin").format(out=tmp_path / f"out{i}"),
                 check=True)
        assert (tmp_path / f"out{i}").read_bytes() == data + b"%d" % i, tool
    with open(path, "rb") as f, mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as m:
        assert m[-1000:] == data[-1000:]
        assert sha(m[:]) == sha(data)


def test_a_memory_map_reads_only_what_is_touched(pier, shelf):
    data = some_bytes(20 * MIB)
    path = shelf("a.bin", data)
    with open(path, "rb") as f, mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as m:
        assert m[15 * MIB:15 * MIB + 100] == data[15 * MIB:15 * MIB + 100]
        assert m[-10:] == data[-10:]
    assert sum(r["bytesOut"] for r in gets(pier.sim)) < 3 * MIB


# Bodies that a server cuts short or describes wrongly.


def test_a_download_that_breaks_goes_on_where_it_broke(pier, shelf):
    data = some_bytes(2 * MIB)
    path = shelf("a.bin", data)
    pier.sim.fault(method="GET", route="/contents", cutAt=700 * KIB, times=2)
    assert path.read_bytes() == data
    first, second, third = gets(pier.sim)
    assert "range" not in first
    assert int(second["range"][len("bytes="):-1]) <= 700 * KIB
    assert int(third["range"][len("bytes="):-1]) <= 1400 * KIB
    assert third["status"] == 206


@pytest.mark.parametrize("length", ["missing", "chunked", "wrong"])
def test_the_bytes_decide_whatever_the_length_says(pier, shelf, length):
    data = some_bytes(MIB + 5)
    path = shelf("a.bin", data)
    pier.sim.fault(method="GET", route="/contents", contentLength=length, times=1)
    assert path.read_bytes() == data
    assert os.stat(path).st_size == len(data)


def test_a_body_that_is_too_short_is_an_error_where_it_ends(pier, shelf, start_mount):
    data = some_bytes(300 * KIB)
    path = shelf("a.bin", data)
    pier.sim.fault(method="GET", route="/contents", contentLength=100 * KIB)
    fd = os.open(path, os.O_RDONLY)
    assert os.pread(fd, 64 * KIB, 0) == data[:64 * KIB]
    with fails(errno.EIO):
        while os.read(fd, 64 * KIB):
            pass
    os.close(fd)
    # The server ended the body properly: the file has these bytes and no more.
    wait_until(lambda: os.stat(path).st_size == 100 * KIB)
    wait_until(lambda: path.read_bytes() == data[:100 * KIB])
    remounted(pier, start_mount)
    assert os.stat(pier / "a.bin").st_size == 100 * KIB


# Kept on disk.


def test_what_was_read_is_read_again_without_a_request(pier, shelf, start_mount):
    data = some_bytes(2 * MIB)
    path = shelf("a.bin", data)
    assert path.read_bytes() == data
    assert path.read_bytes() == data
    assert len(gets(pier.sim)) == 1
    remounted(pier, start_mount)
    assert (pier / "a.bin").read_bytes() == data
    assert gets(pier.sim) == []
    (file,) = kept(pier)
    assert os.stat(file).st_mode & 0o777 == 0o600


def test_a_part_that_was_kept_is_completed_by_a_range_in_the_next_mount(pier, shelf, start_mount):
    data = some_bytes(8 * MIB)
    shelf("a.bin", data)
    pier.run("head -c 4096 a.bin; tail -c 10 a.bin", check=True)
    part = kept_bytes(pier)
    assert part < 2 * MIB
    remounted(pier, start_mount)
    assert (pier / "a.bin").read_bytes() == data
    assert sum(r["bytesOut"] for r in gets(pier.sim)) < 8 * MIB
    assert all(r["status"] == 206 for r in gets(pier.sim))


def test_files_that_are_damaged_are_not_trusted(pier, shelf, start_mount):
    data = some_bytes(MIB)
    path = shelf("a.bin", data)
    assert path.read_bytes() == data
    pier.mount.unmount()
    (file,) = kept(pier)
    os.truncate(file, 1000)
    pier.mount = start_mount(pier.sim, state=pier.mount.state)
    assert (pier / "a.bin").read_bytes() == data
    pier.mount.unmount()
    file.with_suffix(".map").write_text("known 1 2")
    pier.mount = start_mount(pier.sim, state=pier.mount.state)
    assert (pier / "a.bin").read_bytes() == data


def test_a_crash_costs_only_what_can_be_fetched_again(pier, shelf, start_mount):
    data = some_bytes(2 * MIB)
    path = shelf("a.bin", data)
    with open(path, "rb") as f:
        assert f.read(MIB) == data[:MIB]
        pier.mount.kill()
    pier.mount = start_mount(pier.sim, state=pier.mount.state)
    assert (pier / "a.bin").read_bytes() == data


def test_the_least_recently_read_goes_first(pier, start_mount):
    for name in "abcd":
        put(pier / f"{name}.bin", some_bytes(MIB, ord(name)))
    remounted(pier, start_mount, "cache_size=3M")
    for name in "abc":
        (pier / f"{name}.bin").read_bytes()
        wait_until(lambda n=name: len(list(kept(pier)[0].parent.glob("*.map"))) == ord(n) - 96)
    remounted(pier, start_mount, "cache_size=3M")
    for name in "ad":
        assert (pier / f"{name}.bin").read_bytes() == some_bytes(MIB, ord(name))
    # b was dropped: only a was read before it, and a has been read again since.
    wait_until(lambda: kept_bytes(pier) <= 3 * MIB and len(gets(pier.sim)) == 1)
    remounted(pier, start_mount, "cache_size=3M")
    for name in "acd":
        assert (pier / f"{name}.bin").read_bytes() == some_bytes(MIB, ord(name))
    assert gets(pier.sim) == []
    assert (pier / "b.bin").read_bytes() == some_bytes(MIB, ord("b"))
    assert len(gets(pier.sim)) == 1


@pytest.mark.mount("cache=memory")
def test_in_memory_nothing_is_written_to_disk(pier, start_mount):
    data = some_bytes(MIB)
    put(pier / "a.bin", data)
    pier.run("ls -l a.bin; echo 3 > /proc/sys/vm/drop_caches")
    assert (pier / "a.bin").read_bytes() == data
    assert kept(pier) == []
    assert not any(p.stat().st_size >= MIB for p in pier.mount.state.rglob("*") if p.is_file())


# Refusals.


def of(path, pier):
    """The content id of the newest file."""
    return pier.messages()[-1]["files"][0].rsplit("/", 1)[1]


def test_a_scan_is_waited_for(pier, shelf):
    path = shelf("a.bin", b"data")
    pier.sim.scan(contentId=of(path, pier), state="scanning", seconds=2)
    pier.sim.clear_log()
    assert path.read_bytes() == b"data"
    assert [r["status"] for r in gets(pier.sim)][-1] == 200
    assert {r["status"] for r in gets(pier.sim)[:-1]} == {423}


def test_a_scan_that_takes_too_long_is_busy(pier, shelf):
    path = shelf("a.bin", b"data", "scan_timeout=1")
    pier.sim.scan(contentId=of(path, pier), state="scanning", seconds=60)
    with fails(errno.EBUSY):
        path.read_bytes()
    assert "scanned" in Unsent(pier.mount).last_error()


def test_who_waits_for_a_scan_can_be_interrupted(pier, shelf):
    path = shelf("a.bin", b"data")
    pier.sim.scan(contentId=of(path, pier), state="scanning", seconds=20)
    pier.sim.clear_log()
    reader = start_cmd("exec cat a.bin", pier.dir)
    wait_until(lambda: gets(pier.sim))
    kill_group(reader, signal.SIGINT)
    reader.communicate(timeout=10)
    assert reader.returncode == -signal.SIGINT


def test_what_is_infected_is_refused_and_the_reason_told(pier, shelf):
    path = shelf("a.bin", b"data")
    pier.sim.scan(contentId=of(path, pier), state="infected")
    with fails(errno.EACCES):
        path.read_bytes()
    assert "infected with malware" in Unsent(pier.mount).last_error()


@pytest.mark.parametrize("allowed", [False, True])
def test_what_cannot_be_scanned_is_refused_unless_asked_for(pier, shelf, allowed):
    path = shelf("a.bin", b"data", *(["unscannable"] if allowed else []))
    pier.sim.scan(contentId=of(path, pier), state="unscannable")
    if allowed:
        assert path.read_bytes() == b"data"
        return
    with fails(errno.EACCES):
        path.read_bytes()
    assert "cannot be scanned" in Unsent(pier.mount).last_error()


@pytest.mark.mount("poll=1")
def test_what_is_gone_at_the_server_goes_with_its_message(pier):
    message = pier.sim.upload(pier.id, "a.bin", b"data")
    path = pier / "files/a.bin"
    wait_until(lambda: os.path.exists(path))
    asked = "/messages/" + message["id"]
    pier.sim.fault(method="GET", route="/contents", status=404)
    with fails(errno.ENOENT):
        path.read_bytes()
    # That answer proves nothing: the file stays as long as its message has it.
    wait_until(lambda: pier.sim.requests("GET", asked))
    assert "a.bin" in os.listdir(pier / "files")
    pier.sim.api("DELETE", asked).ok(204)
    wait_until(lambda: not os.path.exists(path), 20)


def test_a_file_without_a_name_stays_with_its_message(pier):
    pier.sim.fault(method="HEAD", route="/contents", status=404)
    pier.sim.upload(pier.id, "a.bin", b"data")
    wait_until(lambda: len(os.listdir(pier / "files")) == 1)
    assert pier.sim.requests("HEAD", CONTENT)


def test_what_policy_forbids_is_refused(pier, shelf):
    path = shelf("a.bin", b"data")
    pier.sim.fault(method="GET", route="/contents", status=403, message="No downloads.")
    with fails(errno.EACCES):
        path.read_bytes()
    assert "No downloads." in Unsent(pier.mount).last_error()
