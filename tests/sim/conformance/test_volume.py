"""Command line, volume, rate limit."""
import http.client
import json
import os
import re
import subprocess
import time

import pytest

from check import error, iso_ms


def run(*args):
    return subprocess.run([os.environ["WEBEXSIM"], *args], capture_output=True, text=True,
                          timeout=60, stdin=subprocess.DEVNULL, check=False)


def test_help():
    done = run("--help")
    assert done.returncode == 0
    for option in ("--listen", "--port-file", "--data", "--spaces", "--messages", "--members",
                   "--seed", "--latency", "--rate-limit", "--max-page", "alice-token",
                   "bob-token", "admin-token", "bot-token"):
        assert option in done.stdout, option


@pytest.mark.parametrize("args", [["--nonsense"], ["--listen"], ["--listen", "nonsense"],
                                  ["--data", "nonsense"], ["--spaces", "many"],
                                  ["--spaces", "-1"], ["stray"]])
def test_bad_usage(args):
    done = run(*args)
    assert done.returncode in (1, 2) and done.stderr.strip() and done.stdout == ""


def test_port_file(start_sim, tmp_path):
    path = tmp_path / "port"
    sim = start_sim("--data", "empty", "--port-file", path)
    text = path.read_text().strip()
    assert text == sim.base


def test_port_in_use(start_sim):
    sim = start_sim("--data", "empty")
    done = run("--listen", f"127.0.0.1:{sim.port}")
    assert done.returncode == 1 and done.stderr.strip()


def test_empty(empty_sim):
    assert empty_sim.rooms() == [] and empty_sim.all("/teams") == []
    assert empty_sim.all("/webhooks") == []
    assert empty_sim.me()["emails"] and empty_sim.me("admin-token")["emails"]


def test_demo(sim, people):
    rooms = sim.rooms()
    groups = [r for r in rooms if r["type"] == "group"]
    titles = [r["title"] for r in groups]
    assert len(groups) >= 8
    assert len([r for r in rooms if r["type"] == "direct"]) >= 2
    assert any(r.get("isLocked") for r in groups)
    assert any(r.get("teamId") for r in groups)
    assert len(set(titles)) < len(titles), "two spaces of one title"
    assert any("/" in t and re.search("[\U0001F300-\U0001FAFF]", t) for t in titles)
    messages = [m for r in rooms for m in sim.messages(r["id"])]
    for name in ("parentId", "updated", "markdown", "mentionedPeople", "attachments",
                 "files"):
        assert any(name in m for m in messages), name
    times = [iso_ms(m["created"]) for m in messages]
    assert max(times) - min(times) > 60 * 86400 * 1000, "several months"
    assert max(times) <= time.time() * 1000 + 5000
    authors = {m["personEmail"] for m in messages}
    assert len(authors) >= 3 and people["alice"]["emails"][0] in authors
    mine = [m for m in messages if m["personId"] == people["alice"]["id"]]
    assert mine


def test_demo_shows_each_last_activity(sim):
    for room in sim.rooms():
        newest = sim.messages(room["id"], max=1)
        if newest:
            assert room["lastActivity"] == newest[0]["created"], room["title"]


def test_a_seed_makes_the_same_account(start_sim):
    def account(seed):
        sim = start_sim("--data", "empty", "--spaces", 5, "--messages", 20, "--members", 3,
                        "--seed", seed)
        return [(r["id"], [(m["id"], m.get("text")) for m in sim.messages(r["id"])])
                for r in sim.rooms()]
    one, two, three = account(1), account(1), account(2)
    assert [r for r, _ in one] == [r for r, _ in two] or len(one) == len(two) == 5
    assert one != three


def test_many_spaces(start_sim):
    start = time.monotonic()
    sim = start_sim("--data", "empty", "--spaces", 2000, "--messages", 5)
    print(f"2,000 spaces: {time.monotonic() - start:.2f} s to start")
    rooms = sim.rooms(max=1000)
    assert len(rooms) == 2000 and len({r["id"] for r in rooms}) == 2000
    assert len(sim.api("GET", "/rooms", query={"max": 5000}).ok().items) == 1000


@pytest.mark.limit(120)
def test_a_long_history(start_sim):
    start = time.monotonic()
    sim = start_sim("--data", "empty", "--spaces", 1, "--messages", 100000)
    print(f"100,000 messages: {time.monotonic() - start:.2f} s to start")
    room = sim.rooms()[0]
    connection = sim.connect()
    head = {"Authorization": "Bearer alice-token"}
    url = f"/v1/messages?roomId={room['id']}&max=1000"
    seen = set()
    times = []
    pages = 0
    start = time.monotonic()
    while url:
        connection.request("GET", url, headers=head)
        answer = connection.getresponse()
        link = answer.headers.get("Link")
        items = json.loads(answer.read())["items"]
        pages += 1
        seen.update(m["id"] for m in items)
        times += [iso_ms(items[0]["created"]), iso_ms(items[-1]["created"])]
        url = re.match(r"<http://[^/]*(/[^>]*)>", link)[1] if link else None
    print(f"{pages} pages in {time.monotonic() - start:.2f} s")
    assert len(seen) == 100000
    assert times == sorted(times, reverse=True)
    years = (times[0] - times[-1]) / 1000 / 86400 / 365
    assert 5 < years < 7, years
    url = f"/v1/messages?roomId={room['id']}&max=50"
    start = time.monotonic()
    for _ in range(300):
        connection.request("GET", url, headers=head)
        connection.getresponse().read()
    print(f"{300 / (time.monotonic() - start):.0f} requests a second")
    connection.close()


def test_rate_limit(start_sim):
    sim = start_sim("--data", "demo", "--rate-limit", 20)
    answers = [sim.api("GET", "/people/me") for _ in range(45)]
    good = [a for a in answers if a.status == 200]
    bad = [a for a in answers if a.status == 429]
    assert len(good) + len(bad) == 45
    assert 15 <= len(good) <= 30
    for answer in bad:
        assert re.fullmatch(r"[0-9]+", answer.headers["Retry-After"])
        assert int(answer.headers["Retry-After"]) >= 1
    sim.api("GET", "/people/me", token="bob-token").ok()
    assert sim.log(), "the control interface has no limit"


def test_latency(start_sim):
    sim = start_sim("--data", "empty", "--latency", 200)
    start = time.monotonic()
    sim.api("GET", "/people/me").ok()
    assert time.monotonic() - start >= 0.19


def test_many_connections(sim):
    connections = []
    for _ in range(400):
        connections.append(sim.connect())
        connections[-1].request("GET", "/v1/people/me",
                                headers={"Authorization": "Bearer alice-token"})
    for connection in connections:
        assert connection.getresponse().status == 200
        connection.close()


def test_garbage_does_not_hurt(sim):
    import socket
    for data in (b"", b"\0\0\0\0", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
                 b"POST /v1/messages HTTP/1.1\r\nContent-Length: 99999999999999\r\n\r\n",
                 b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc",
                 b"GET /v1/" + b"x" * 100000 + b" HTTP/1.1\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", sim.port), timeout=5) as s:
            try:
                s.sendall(data)
                s.shutdown(socket.SHUT_WR)
                s.recv(1000)
            except (OSError, http.client.HTTPException):
                pass
    sim.api("GET", "/people/me").ok()


def test_percent_encoding(sim, people):
    email = people["bob"]["emails"][0].replace("@", "%40")
    got = sim.api("GET", f"/people?email={email}").ok().items
    assert [p["id"] for p in got] == [people["bob"]["id"]]
    error(sim.api("GET", "/messages?roomId="), 400)
