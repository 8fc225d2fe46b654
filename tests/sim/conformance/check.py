"""What the tests here check again and again, and ids as section 4 has them."""
import base64
import re
import uuid

DATE = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
UNKNOWN_V1 = "eb8a3630-f8d9-11ef-9a2b-0242ac110003"


def error(answer, status, message=None, begins=None):
    """Checks an error answer of section 1.5 and returns its message."""
    assert answer.status == status, f"want {status}: {answer!r}"
    kind = answer.headers.get("Content-Type", "").lower()
    assert kind.startswith("application/json"), kind
    body = answer.json
    assert body["trackingId"] and body["trackingId"] == answer.headers.get("TrackingID")
    if message is not None:
        assert body["message"] == message
    if begins is not None:
        assert body["message"].startswith(begins)
    for entry in body.get("errors", []):
        assert isinstance(entry["description"], str)
    assert body["errors"][0]["description"] == body["message"]
    return body["message"]


def decode(public_id):
    """(cluster, TYPE, rest) of an id; checks its form on the way."""
    assert re.fullmatch(r"[A-Za-z0-9]+", public_id), public_id
    text = base64.b64decode(public_id + "=" * (-len(public_id) % 4), validate=True).decode()
    assert text.startswith("ciscospark://"), text
    cluster, kind, rest = text[len("ciscospark://"):].split("/", 2)
    return cluster, kind, rest


def encode(kind, rest, cluster="us"):
    text = f"ciscospark://{cluster}/{kind}/{rest}"
    return base64.b64encode(text.encode()).decode().rstrip("=")


def uuid_of(public_id, kind, version=None):
    """The UUID in an id that must be of this TYPE."""
    found = decode(public_id)
    assert found[1] == kind, found
    value = uuid.UUID(found[2])
    assert str(value) == found[2]
    if version:
        assert value.version == version, found
    return value


def uuid_ms(value):
    """Milliseconds since 1970 in a version 1 UUID."""
    return value.time // 10000 - 12219292800000


def iso_ms(text):
    """Milliseconds since 1970 of a date as the API writes it."""
    import calendar
    import time
    assert DATE.match(text), text
    return calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")) * 1000 \
        + int(text[20:23])


def unknown(kind):
    """An id of the right form that names nothing."""
    if kind in ("MEMBERSHIP", "TEAM_MEMBERSHIP"):
        return encode(kind, f"{uuid.uuid4()}:{UNKNOWN_V1}")
    return encode(kind, UNKNOWN_V1)
