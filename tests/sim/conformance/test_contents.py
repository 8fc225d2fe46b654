"""Uploads as forms, downloads, scan states: sections 5.4 and 5.5."""
import email.mime.application
import email.mime.multipart
import email.mime.text
import random

import pytest

from check import error, unknown
from lib.sim import multipart


def get(sim, message, method="GET", **options):
    return sim.api(method, message["files"][0], **options)


@pytest.mark.parametrize("name,kind,data", [
    ("draft.pdf", "application/pdf", b"%PDF-1.4 body"),
    ("empty.bin", "application/octet-stream", b""),
    ("photo.png", "image/png", b"\x89PNG\r\n\x1a\n" + bytes(range(256))),
    ("dashes.txt", "text/plain", b"--\r\n--boundary\r\n\r\n----\n"),
    ("crlf.txt", "text/plain", b"\r\n\r\n"),
    ("a b (1).txt", "text/plain; charset=utf-8", "grün".encode()),
])
def test_upload_and_download(sim, room, name, kind, data):
    made = sim.upload(room["id"], name, data, kind)
    assert len(made["files"]) == 1 and "text" not in made and "html" not in made
    for method in ("HEAD", "GET"):
        answer = get(sim, made, method).ok()
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
        assert answer.headers["Content-Length"] == str(len(data))
        assert answer.headers["Content-Type"].split(";")[0] == kind.split(";")[0]
        assert answer.headers["Cache-Control"] == "no-cache"
        assert answer.headers["TrackingID"] and "ETag" not in answer.headers
        assert answer.body == (data if method == "GET" else b"")


def test_upload_with_text(sim, room):
    made = sim.upload(room["id"], "a.txt", b"x", text="grüße\nzwei")
    assert made["text"] == "grüße\nzwei" and made["files"]
    made = sim.upload(room["id"], "a.txt", b"x", markdown="**b**")
    assert made["markdown"] == "**b**" and "<strong>b</strong>" in made["html"]
    assert made["text"] == "b"


def test_form_without_a_file(sim, room):
    made = sim.api("POST", "/messages", fields={"roomId": room["id"], "text": "form"}).ok()
    assert made.json["text"] == "form" and "files" not in made.json


def test_form_to_a_person(sim, people):
    made = sim.api("POST", "/messages", fields={"toPersonEmail": people["bob"]["emails"][0]},
                   files=[("files", "a.txt", b"x", "text/plain")]).ok().json
    assert made["roomType"] == "direct" and made["files"]


@pytest.mark.parametrize("name", ["grün.txt", "漢字.pdf", "emoji 🎉.png", 'quo"te.txt',
                                  "semi;colon.txt", "per%20cent+plus.txt", "back\\slash"])
def test_unusual_names(sim, room, name):
    made = sim.upload(room["id"], name, b"data")
    header = get(sim, made, "HEAD").ok().headers["Content-Disposition"]
    raw = header.encode("latin-1", "surrogateescape").decode("utf-8", "replace")
    assert raw.startswith("attachment; filename=")
    assert get(sim, made).ok().body == b"data"


@pytest.mark.parametrize("name", ["../../etc/passwd", "/abs", "..", "a/b"])
def test_hostile_names_are_kept_and_harmless(sim, room, name):
    made = sim.upload(room["id"], name, b"data")
    header = get(sim, made, "HEAD").ok().headers["Content-Disposition"]
    assert "\r" not in header and "\n" not in header
    assert get(sim, made).ok().body == b"data"


def test_pythons_own_form(sim, room):
    form = email.mime.multipart.MIMEMultipart("form-data")
    part = email.mime.text.MIMEText(room["id"], "plain", "us-ascii")
    part.add_header("Content-Disposition", "form-data", name="roomId")
    form.attach(part)
    part = email.mime.application.MIMEApplication(b"\x00\x01", "pdf",
                                                  email.encoders.encode_noop)
    part.add_header("Content-Disposition", "form-data", name="files", filename="m.pdf")
    form.attach(part)
    head, body = form.as_bytes().split(b"\n\n", 1)
    body = body.replace(b"\n", b"\r\n")
    kind = head.decode().replace("\n ", " ").split("Content-Type: ")[1].split("\n")[0]
    made = sim.api("POST", "/messages", body=body, headers={"Content-Type": kind}).ok().json
    assert get(sim, made).ok().body == b"\x00\x01"


FILE = b'Content-Disposition: form-data; name="files"; filename="o.txt"\r\n' \
       b"Content-Type: text/plain"
ROOM = b'Content-Disposition: form-data; name="roomId"'


FORMS = {
    "preamble": (b"preamble\r\n", b"", "b7e1", FILE, ROOM),
    "epilogue": (b"", b"epilogue", "b7e1", FILE, ROOM),
    "crlf after the end": (b"", b"\r\n\r\n", "b7e1", FILE, ROOM),
    "quoted boundary": (b"", b"", '"b7 e1:"', FILE, ROOM),
    "header case": (b"", b"", "b7e1", FILE.replace(b"Content", b"content"), ROOM.lower()
     .replace(b"roomid", b"roomId")),
    "content type first": (b"", b"", "b7e1",
     b"Content-Type: text/plain\r\nContent-Disposition: form-data; filename=\"o.txt\"; "
     b'name="files"', ROOM),
    "unquoted names, as .NET sends them": (b"", b"", "b7e1",
     b"Content-Type: text/plain\r\nContent-Disposition: form-data; name=files; "
     b"filename=o.txt; filename*=utf-8''o.txt",
     b"Content-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; "
     b"name=roomId"),
    "more headers": (b"", b"", "b7e1", FILE + b"\r\nContent-Transfer-Encoding: binary\r\n"
     b"Content-Length: 4", ROOM),
}


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("file_first", [True, False])
def test_form_variations(sim, room, name, file_first):
    before, after, boundary, file_head, room_head = FORMS[name]
    dashes = b"--" + boundary.strip('"').encode()
    parts = [dashes + b"\r\n" + file_head + b"\r\n\r\nfile\r\n",
             dashes + b"\r\n" + room_head + b"\r\n\r\n" + room["id"].encode() + b"\r\n"]
    body = before + b"".join(parts if file_first else parts[::-1]) + dashes + b"--\r\n" + after
    made = sim.api("POST", "/messages", body=body, headers={
        "Content-Type": f"multipart/form-data; boundary={boundary}"}).ok().json
    assert get(sim, made).ok().body == b"file"
    assert 'filename="o.txt"' in get(sim, made, "HEAD").headers["Content-Disposition"]


def test_content_type_is_guessed_without_one(sim, room):
    made = sim.api("POST", "/messages", fields={"roomId": room["id"]},
                   files=[("files", "a.bin", b"x", None)])
    assert made.status in (200, 400), made


def test_upload_errors(sim, room):
    one = ("files", "a.txt", b"x", "text/plain")
    answer = sim.api("POST", "/messages", fields={"roomId": room["id"]}, files=[one, one])
    error(answer, 400)
    answer = sim.api("POST", "/messages", fields={"text": "x"}, files=[one])
    error(answer, 400)
    answer = sim.api("POST", "/messages", fields={"roomId": unknown("ROOM")}, files=[one])
    error(answer, 404, "Could not find a room with provided ID.")
    answer = sim.api("POST", "/messages", fields={"roomId": room["id"]}, files=[one],
                     token="bob-token")
    error(answer, 404, "Could not find a room with provided ID.")
    error(sim.api("POST", "/messages", fields={"roomId": room["id"]}), 400,
          "Both text and file cannot be empty.")
    kind, body = multipart({"roomId": room["id"]}, [one])
    answer = sim.api("POST", "/messages", body=body[:-20], headers={"Content-Type": kind})
    assert answer.status in (200, 400)
    answer = sim.api("POST", "/messages", body=b"nonsense",
                     headers={"Content-Type": "multipart/form-data; boundary=x"})
    error(answer, 400)
    answer = sim.api("POST", "/messages", body=b"nonsense",
                     headers={"Content-Type": "multipart/form-data"})
    assert answer.status in (400, 415)


def test_chunked_upload(sim, room):
    kind, body = multipart({"roomId": room["id"]}, [("files", "c.txt", b"x" * 5000, "text/plain")])
    connection = sim.connect()
    try:
        connection.request("POST", "/v1/messages", iter([body[:100], body[100:]]), {
            "Authorization": "Bearer alice-token", "Content-Type": kind}, encode_chunked=True)
        answer = connection.getresponse()
        assert answer.status in (200, 400, 411), answer.status
        answer.read()
    finally:
        connection.close()


def test_a_large_file(sim, room):
    data = random.Random(7).randbytes(20_000_000)
    made = sim.upload(room["id"], "large.bin", data)
    assert get(sim, made, "HEAD").ok().headers["Content-Length"] == str(len(data))
    assert get(sim, made).ok().body == data


@pytest.mark.limit(120)
def test_over_100_mb(sim, room):
    answer = None
    try:
        answer = sim.api("POST", "/messages", fields={"roomId": room["id"]}, timeout=60,
                         files=[("files", "huge.bin", b"\0" * 105_000_000,
                                 "application/octet-stream")])
    except (ConnectionError, BrokenPipeError):
        pass  # refused before the whole body was sent
    if answer is not None:
        assert answer.status in (400, 413), answer
    assert sim.messages(room["id"]) == []


def test_content_needs_the_token_and_membership(sim, room):
    made = sim.upload(room["id"], "a.txt", b"x")
    error(get(sim, made, token=None), 401)
    error(get(sim, made, token="bob-token"), 404)
    error(sim.api("GET", f"/contents/{unknown('CONTENT')}"), 404)
    assert sim.api("GET", "/contents/!!").status in (400, 404)


def test_content_of_a_deleted_message(sim, room):
    made = sim.upload(room["id"], "a.txt", b"x")
    get(sim, made).ok()
    sim.api("DELETE", f"/messages/{made['id']}").ok(204)
    assert get(sim, made).status == 404
    assert get(sim, made, "HEAD").status == 404


def test_equal_names_are_two_files(sim, room):
    one = sim.upload(room["id"], "a.txt", b"one")
    two = sim.upload(room["id"], "a.txt", b"two")
    assert get(sim, one).body == b"one" and get(sim, two).body == b"two"


def test_range_is_whole_or_right(sim, room):
    made = sim.upload(room["id"], "a.txt", b"0123456789")
    answer = get(sim, made, headers={"Range": "bytes=2-4"})
    if answer.status == 206:
        assert answer.body == b"234" and \
            answer.headers["Content-Range"] == "bytes 2-4/10"
    else:
        assert answer.status == 200 and answer.body == b"0123456789"


def test_every_demo_attachment_can_be_read(sim):
    names = []
    for room in sim.rooms():
        for message in sim.messages(room["id"]):
            for url in message.get("files", []):
                answer = sim.api("GET", url, headers={"Accept-Encoding": "identity"}).ok()
                assert len(answer.body) == int(answer.headers["Content-Length"])
                names.append(answer.headers["Content-Disposition"])
    joined = "\n".join(names)
    assert ".pdf" in joined and ".png" in joined and ".txt" in joined
    assert len(set(names)) < len(names), "two attachments of one name"
