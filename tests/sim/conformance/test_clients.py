"""What clients in the wild send, and how they read the answers.

Each test names the library whose habit it is.
"""
import re
import socket
import urllib.parse

import pytest

from check import error

TOKEN = "Authorization: Bearer alice-token\r\n"


def exchange(sim, text, answers=1):
    """Sends raw bytes on one connection; returns the status lines and all that came."""
    with socket.create_connection(("127.0.0.1", sim.port), 30) as link:
        link.sendall(text.encode())
        got = b""
        while True:
            statuses = re.findall(rb"HTTP/1\.[01] (\d\d\d) ", got)
            if len(statuses) >= answers and re.search(rb"\r\n\r\n.*\}$", got, re.S):
                return [int(s) for s in statuses], got
            part = link.recv(65536)
            assert part, f"connection closed after {got!r}"
            got += part


# Uploads of bytes in memory: the JavaScript SDK (Buffer), Java's byte array parts.

def form(*parts):
    body = b"".join(b"--B\r\n" + head.encode() + b"\r\n\r\n" + data + b"\r\n"
                    for head, data in parts)
    return {"body": body + b"--B--\r\n",
            "headers": {"Content-Type": "multipart/form-data; boundary=B"}}


def part(name, kind=None):
    head = f'Content-Disposition: form-data; name="{name}"'
    return head + (f"\r\nContent-Type: {kind}" if kind else "")


def test_bytes_without_a_file_name_are_a_file(sim, room):
    data = bytes(range(256)) * 8000
    made = sim.api("POST", "/messages", **form(
        (part("roomId"), room["id"].encode()), (part("text"), b"A File"),
        (part("files", "application/octet-stream"), data))).ok().json
    assert made["text"] == "A File" and len(made["files"]) == 1
    answer = sim.api("GET", made["files"][0]).ok()
    assert answer.body == data
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"] is None


@pytest.mark.parametrize("kind", [None, "text/plain", "text/plain; charset=utf-8"])
def test_text_without_a_file_name_is_a_url(sim, room, kind):
    error(sim.api("POST", "/messages", **form(
        (part("roomId"), room["id"].encode()),
        (part("files", kind), b"https://example.org/a.pdf"))), 400)


def test_text_fields_with_a_type_of_their_own(sim, room):
    made = sim.api("POST", "/messages", **form(
        (part("roomId", "text/plain; charset=ISO-8859-1"), room["id"].encode()),
        (part("text", "text/plain; charset=UTF-8"), "grün".encode()))).ok().json
    assert made["text"] == "grün"


# Requests.

def test_people_with_a_trailing_slash(sim, people):
    """The JavaScript SDK gathers people.get() calls into one such request."""
    ids = [people["bob"]["id"], people["alice"]["id"]]
    got = sim.api("GET", f"/people/?id={','.join(ids)}&showAllTypes=false").ok().items
    assert {p["id"] for p in got} == set(ids)


def test_addresses_with_a_plus(sim, people):
    made = sim.api("POST", "/people", {"emails": ["harbour+watch@example.com"],
                                       "displayName": "Watch"}, token="admin-token").ok().json
    for text in ("harbour%2Bwatch%40example.com", "harbour%2bwatch@example.com"):
        got = sim.api("GET", f"/people?email={text}", token="admin-token").ok().items
        assert [p["id"] for p in got] == [made["id"]]


@pytest.mark.parametrize("text", [
    "2099-01-01T00:00:00Z", "2099-01-01T00:00:00.000Z", "2099-01-01T00:00:00.123456Z",
    "2099-01-01T00:00:00+00:00", "2099-01-01T00:00:00.000+0000"])
def test_dates_as_libraries_write_them(sim, room, text):
    made = sim.post(room["id"], "x")
    query = {"roomId": room["id"], "before": text}
    assert [m["id"] for m in sim.api("GET", "/messages", query=query).ok().items] == [made["id"]]


@pytest.mark.parametrize("method,path,status", [
    ("GET", "/people/me", 200), ("HEAD", "/people/me", 200), ("DELETE", "/rooms/x", 400)])
@pytest.mark.parametrize("body", [None, "", "{}"])
def test_a_type_where_there_is_no_body(sim, method, path, status, body):
    """requests' session headers, node-sparky: a JSON type on everything."""
    headers = {"Content-type": "application/json;charset=utf-8"}
    assert sim.api(method, path, body=body, headers=headers).status == status


@pytest.mark.parametrize("length", ["", "Content-Length: 0\r\n"])
def test_posts_without_a_body(sim, length):
    head = f"POST /v1/rooms HTTP/1.1\r\nHost: a\r\n{TOKEN}"
    assert exchange(sim, head + length + "\r\n")[0] == [415]
    kind = "Content-Type: application/json\r\n"
    assert exchange(sim, head + kind + length + "\r\n")[0] == [400]


def test_the_answer_is_never_compressed(sim):
    answer = sim.api("GET", "/rooms", headers={"Accept-Encoding": "gzip, deflate, br"}).ok()
    assert answer.headers["Content-Encoding"] is None
    assert answer.headers["Content-Length"] == str(len(answer.body))


# Transport.

@pytest.mark.parametrize("line", [
    "Authorization: Bearer alice-token ", "authorization: bearer alice-token",
    "AUTHORIZATION:Bearer  alice-token", "Authorization:\tBearer alice-token\t"])
def test_forms_of_the_authorization_header(sim, line):
    assert exchange(sim, f"GET /v1/people/me HTTP/1.1\r\nHost: a\r\n{line}\r\n\r\n")[0] == [200]


def test_absolute_targets(sim):
    """Clients that are given the simulator as their http proxy."""
    head = "GET http://webexapis.com/v1/rooms?max=1 HTTP/1.1\r\nHost: webexapis.com\r\n"
    statuses, got = exchange(sim, f"{head}{TOKEN}\r\n")
    assert statuses == [200]
    assert b"Link: <http://webexapis.com/v1/rooms?max=1&cursor=" in got
    assert sim.requests("GET", "/rooms")[-1]["path"] == "/v1/rooms"
    head = "GET http://webexapis.com HTTP/1.1\r\nHost: webexapis.com\r\n"
    assert exchange(sim, f"{head}{TOKEN}\r\n")[0] == [404]


def test_http_1_0(sim):
    statuses, got = exchange(sim, f"GET /v1/rooms?max=1 HTTP/1.0\r\n{TOKEN}\r\n")
    assert statuses == [200] and b"Transfer-Encoding" not in got
    link = re.search(rb"\r\nLink: <([^>]*)>; rel=\"next\"\r\n", got)
    assert link[1].decode().startswith(sim.base + "/rooms?")


def test_pipelining(sim):
    get = f"GET /v1/people/me HTTP/1.1\r\nHost: a\r\n{TOKEN}\r\n"
    body = '{"title":"piped"}'
    post = (f"POST /v1/rooms HTTP/1.1\r\nHost: a\r\n{TOKEN}Content-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}")
    assert exchange(sim, get * 3 + post + get, 5)[0] == [200] * 5


def test_chunked_and_expected_bodies(sim):
    head = (f"POST /v1/rooms HTTP/1.1\r\nHost: a\r\n{TOKEN}"
            "Content-Type: Application/JSON; Charset=UTF-8\r\n")
    chunks = '7\r\n{"title\r\na\r\n":"chunks"\r\n1\r\n}\r\n0\r\n\r\n'
    assert exchange(sim, head + "Transfer-Encoding: chunked\r\n\r\n" + chunks)[0] == [200]
    body = '{"title":"expected"}'
    length = f"Content-Length: {len(body)}\r\n"
    statuses, _ = exchange(sim, head + length + "Expect: 100-continue\r\n\r\n" + body)
    assert statuses[-1] == 200


def test_eighty_five_ids_in_one_url(sim, people):
    ids = [people["bob"]["id"]] + [f"{people['alice']['id']}"] * 84
    url = "/people?" + urllib.parse.urlencode({"id": ",".join(ids)})
    assert len(url) > 6500
    assert sim.api("GET", url).ok().items[0]["id"] == people["bob"]["id"]
