"""A second fake Webex service, on purpose unlike webexsim.

webexsim and sparkfs were written from the same pages, so a misreading of them can hide in
both. This one makes the other choice wherever nobody could confirm what the service does:
dates, ids, pages, link headers, framing, status codes, lags. FLAGS lists the choices; a hook
replaces single answers, for faults and hostile servers.

    with OtherServer(dates="ns", ids="bare") as server:
        server.base          the -o url=
        server.rooms, .messages, .memberships, .contents   what it holds (lists of dicts)
        server.log           [(port, method, path with query, Authorization)]
        server.other         origin of a second port, which no token may reach
        server.hook = lambda request: None or Answer(...)

It runs in the test's process: tests look at the mount by programs of their own (Mount.run).
"""
import base64
import contextlib
import email.parser
import gzip
import hashlib
import http.server
import json
import socket
import threading
import time
import urllib.parse
import uuid

import pytest

TOKEN = "other-token"
ME = "3f0b6a52-7c1e-4d0a-9b7e-52f4a1c08d11"
BOB = "a8d2c3e4-1b2f-4c7d-8e9f-0a1b2c3d4e5f"
PEOPLE = {ME: "alice@example.org", BOB: "bob@example.org"}
START_MS = 1741000000000

FLAGS = {
    "created_status": 200,   # of POST
    "dates": "ms",           # ms s us ns offset
    "ids": "us",             # a cluster, or bare padded opaque
    "created": True,         # messages tell when they were created
    "last_activity": "new",  # new old none
    "page": 0,               # items a page whatever `max` asks for; 0: what it asks for
    "link": "plain",         # see Handler.links
    "empty_pages": 0,        # pages without items before each next one
    "extras": False,         # unknown fields, explicit nulls
    "content_type": "application/json;charset=UTF-8",
    "framing": "length",     # length chunked close http10
    "gzip": False,           # whatever accepts it
    "delete_body": False,    # DELETE answers 200 and an object
    "put": "object",         # object 204 empty
    "post": "object",        # object partial
    "lag": 0,                # seconds until what was made is listed and found
    "direct": 404,           # status for a person never written to; 200: an empty list
    "me_type": "person",
    "contents": "plain",     # plain bare nolength gzip redirect
}


class Answer:
    """status, body (object, text or bytes), more headers [(name, value)]."""

    def __init__(self, status=200, body=None, headers=(), raw=False):
        self.status = status
        self.headers = list(headers)
        self.raw = raw  # exactly these headers and this body
        if body is None or isinstance(body, bytes):
            self.body = body or b""
        else:
            self.body = (body if isinstance(body, str) else json.dumps(body)).encode()


def error(status, words):
    return Answer(status, {"message": words, "errors": [{"description": words}],
                           "trackingId": "OTHER_1"})


class Request:
    """What a handler saw, as hooks get it."""

    def __init__(self, handler, body):
        url = urllib.parse.urlsplit(handler.path)
        self.method = handler.command
        self.path = url.path.removeprefix("/v1")
        self.query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        self.headers = handler.headers
        self.body = body

    def json(self):
        return json.loads(self.body)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def handle_one_request(self):
        with contextlib.suppress(ConnectionError, TimeoutError):
            super().handle_one_request()

    def do(self):
        size = int(self.headers.get("Content-Length") or 0)
        request = Request(self, self.rfile.read(size))
        owner = self.server.owner
        port = self.server.server_address[1]
        owner.log.append((port, self.command, self.path, self.headers.get("Authorization")))
        with owner.lock:
            answer = owner.hook(request) if owner.hook else None
            answer = answer or owner.answer(request, port)
        self.send(answer)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do

    def send(self, answer):
        flags = self.server.owner.flags
        body = b"" if self.command == "HEAD" else answer.body
        headers = list(answer.headers)
        framing = flags["framing"]
        if not answer.raw:
            if flags["content_type"] and body and \
               not any(n.lower() == "content-type" for n, _ in headers):
                headers.append(("Content-Type", flags["content_type"]))
            if flags["gzip"] and body and "gzip" in self.headers.get("Accept-Encoding", ""):
                body = gzip.compress(body)
                headers.append(("Content-Encoding", "gzip"))
            if answer.status == 204:
                framing = "length"
            if framing in ("length", "close") and answer.status != 204:
                headers.append(("Content-Length", str(len(body))))
            if framing == "chunked":
                headers.append(("transfer-encoding", "Chunked"))
            if framing == "close":
                headers.append(("Connection", "close"))
        close = answer.raw or framing in ("close", "http10")
        version = "HTTP/1.0" if framing == "http10" else "HTTP/1.1"
        head = f"{version} {answer.status} \r\n" + "".join(f"{n}: {v}\r\n" for n, v in headers)
        self.wfile.write(head.encode("latin-1") + b"\r\n")
        if framing == "chunked" and not answer.raw:
            for at in range(0, len(body), 997):
                piece = body[at:at + 997]
                self.wfile.write(b"%X;ext=1\r\n%s\r\n" % (len(piece), piece))
            body = b"0\r\nX-Trailer: yes\r\n\r\n"
        with contextlib.suppress(ConnectionError):
            self.wfile.write(body)
        self.close_connection = close


class Listener(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, owner):
        self.owner = owner
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def handle_error(self, *_):
        pass

    def server_bind(self):
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().server_bind()


class OtherServer:
    def __init__(self, **flags):
        unknown = flags.keys() - FLAGS.keys()
        assert not unknown, unknown
        self.flags = {**FLAGS, **flags}
        self.lock = threading.RLock()
        self.hook = None
        self.log = []
        self.rooms, self.messages, self.memberships = [], [], []
        self.contents = {}  # id: (name, type, bytes)
        self.clock_ms = START_MS
        self.tie = 0
        self.listeners = [Listener(self), Listener(self)]
        ports = [x.server_address[1] for x in self.listeners]
        self.base = f"http://127.0.0.1:{ports[0]}/v1"
        self.other = f"http://127.0.0.1:{ports[1]}"
        self.me, self.bob = self.make_id("PEOPLE", ME), self.make_id("PEOPLE", BOB)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for listener in self.listeners:
            listener.shutdown()
            listener.server_close()

    def leaked(self):
        """Requests that took a token to the second port."""
        port = self.listeners[1].server_address[1]
        return [entry for entry in self.log if entry[0] == port and entry[3]]

    def asked(self, method, prefix):
        return [p for _, m, p, _ in self.log if m == method and p.startswith("/v1" + prefix)]

    # Ids and dates.

    def make_id(self, kind, rest):
        style = self.flags["ids"]
        uri = f"ciscospark://{'us' if style in ('padded', 'opaque') else style}/{kind}/{rest}"
        text = base64.b64encode(uri.encode()).decode()
        if style == "bare":
            return rest.replace("/", "-")
        if style == "padded":
            return text
        if style == "opaque":
            digest = hashlib.sha256(uri.encode()).digest()
            return "-_" + base64.urlsafe_b64encode(digest).decode()
        return text.rstrip("=")

    def new_uuid(self):
        """Version 1, of the server's clock."""
        self.tie += 1
        ticks = (self.clock_ms + 12219292800000) * 10000 + self.tie % 10000
        return str(uuid.UUID(fields=(ticks & 0xffffffff, ticks >> 32 & 0xffff,
                                     ticks >> 48 & 0x0fff | 0x1000, 0x9a, 0x2b,
                                     0x0242ac110002)))

    def date(self, ms):
        text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ms // 1000))
        return text + {"s": "Z", "us": f".{ms % 1000:03}000Z", "ns": f".{ms % 1000:03}000000Z",
                       "offset": f".{ms % 1000:03}+00:00"}.get(self.flags["dates"],
                                                               f".{ms % 1000:03}Z")

    def stamp(self, item, ms=None):
        """Fields that end with an object's life in the server: begin with '_'."""
        self.clock_ms = ms or int(time.time() * 1000)
        item["_ms"] = self.clock_ms
        item["_from"] = time.monotonic() + (0 if ms else self.flags["lag"])
        item["created"] = self.date(self.clock_ms)
        if self.flags["extras"]:
            item.update(novelty={"deep": [1, {"x": None}]}, teamId=None, parentId=None,
                        files=None, updated=None, description=None)
        return item

    # Data.

    def add_room(self, title, kind="group", ms=START_MS, **more):
        room = self.stamp({}, ms)
        room.update(id=self.make_id("ROOM", self.new_uuid()), title=title, type=kind,
                    isLocked=False, creatorId=self.me, **more)
        self.rooms.append(room)
        for person in (ME, BOB) if kind == "direct" else (ME,):
            self.add_member(room, PEOPLE[person], person, ms)
        return room

    def add_member(self, room, address, person=None, ms=START_MS, **more):
        person = person or str(uuid.uuid5(uuid.NAMESPACE_URL, address))
        member = self.stamp({}, ms)
        member.update(id=self.make_id("MEMBERSHIP", f"{person}:{room['id']}"[:73]),
                      roomId=room["id"], personId=self.make_id("PEOPLE", person),
                      personEmail=address, personDisplayName=address.split("@", 1)[0],
                      isModerator=False, roomType=room["type"])
        member.update(more)
        self.memberships.append(member)
        return member

    def add_message(self, room, text, person=BOB, ms=None, **more):
        if not ms and not more.get("_posted"):
            ms = max([m["_ms"] for m in self.messages] or [START_MS]) + 1000
        message = self.stamp({}, ms)
        message.update(id=self.make_id("MESSAGE", self.new_uuid()), roomId=room["id"],
                       roomType=room["type"], personId=self.make_id("PEOPLE", person),
                       personEmail=PEOPLE[person])
        if text is not None:
            message["text"] = text
        message.update(more)
        if not self.flags["created"]:
            del message["created"]
        self.messages.append(message)
        room["_newest"] = message["_ms"]
        return message

    def in_room(self, what, room):
        return [x for x in what if x["roomId"] == room["id"]]

    def room(self, title):
        return next(r for r in self.rooms if r["title"] == title)

    def texts(self, room):
        return [m.get("text") or m.get("markdown") for m in self.in_room(self.messages, room)]

    # Answers.

    def answer(self, request, port):
        if port != self.listeners[0].server_address[1]:
            return self.content(request.path.rsplit("/", 1)[-1])
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return error(401, "The request requires a valid access token")
        parts = request.path.strip("/").split("/")
        if parts[0] == "people":
            return self.people(request, parts[1:])
        if parts[0] == "contents":
            if self.flags["contents"] == "redirect":
                return Answer(302, "moved", [("Location", f"{self.other}/{parts[1]}")])
            return self.content(parts[1])
        if parts[:2] == ["messages", "direct"]:
            return self.direct(request)
        found = {"rooms": self.rooms, "messages": self.messages,
                 "memberships": self.memberships}.get(parts[0])
        if found is None:
            return Answer(404, "<html>nothing here</html>", [("Content-Type", "text/html")])
        if len(parts) == 1:
            if request.method == "POST":
                return self.create(parts[0], request)
            return self.listing(parts[0], found, request)
        return self.single(parts[0], found, request, urllib.parse.unquote(parts[1]))

    def public(self, item):
        out = {k: v for k, v in item.items() if k[0] != "_"}
        if "title" in item and self.flags["last_activity"] != "none":
            newest = item.get("_newest", item["_ms"])
            late = self.flags["last_activity"] == "old"
            out["lastActivity"] = self.date(newest - 86400000 if late else newest)
        return out

    @staticmethod
    def visible(item):
        return item["_from"] <= time.monotonic()

    def person(self, person):
        return {"id": self.make_id("PEOPLE", person), "emails": [PEOPLE[person]],
                "displayName": PEOPLE[person].split("@", 1)[0].title(), "status": None,
                "created": self.date(START_MS), "invitePending": "false",
                "type": self.flags["me_type"] if person == ME else "person"}

    def people(self, request, rest):
        if rest == ["me"]:
            return Answer(200, self.person(ME))
        address = request.query.get("email")
        found = [self.person(p) for p, e in PEOPLE.items() if e == address]
        return Answer(200, {"notFoundIds": None if found else [], "items": found})

    def direct(self, request):
        room = next((r for r in self.rooms if r["type"] == "direct" and any(
            m["personEmail"] == request.query.get("personEmail")
            for m in self.in_room(self.memberships, r))), None)
        if not room:
            status = self.flags["direct"]
            return Answer(200, {"items": []}) if status == 200 else error(status, "no such room")
        found = [m for m in self.in_room(self.messages, room) if self.visible(m)]
        return Answer(200, {"items": [self.public(m) for m in reversed(found)][:50]})

    def listing(self, kind, found, request):
        query = request.query
        if "roomId" in query:
            room = next((r for r in self.rooms if r["id"] == query["roomId"]), None)
            if not room or not self.visible(room):
                return error(404, "Could not find a room with provided ID.")
            found = self.in_room(found, room)
        elif kind == "messages":
            return error(400, "Required String parameter 'roomId' is not present")
        if kind == "messages":
            if self.flags["me_type"] == "bot" and room["type"] == "group" and \
               query.get("mentionedPeople") != "me":
                return error(403, "bots must mention themselves")
            found = sorted(found, key=lambda m: m["_ms"], reverse=True)
            ids = [m["id"] for m in found]
            if "beforeMessage" in query:
                if query["beforeMessage"] not in ids:
                    return error(404, "Unable to get message.")
                found = found[ids.index(query["beforeMessage"]) + 1:]
        found = [x for x in found if self.visible(x)]
        return self.page(request, found)

    def page(self, request, found):
        """The page at `cursor`, "<empty pages still to come>.<offset>"."""
        empties, at = (int(n) for n in request.query.get("cursor", "0.0").split("."))
        size = self.flags["page"] or int(request.query.get("max", 50))
        if empties:
            items, after = [], f"{empties - 1}.{at}"
        else:
            items, at = found[at:at + size], at + size
            after = f"{self.flags['empty_pages']}.{at}" if at < len(found) else None
        headers = self.links(request, after) if after else []
        return Answer(200, {"extra": 1, "items": [self.public(x) for x in items]}, headers)

    def links(self, request, cursor):
        keep = {k: v for k, v in request.query.items() if k != "cursor"}
        query = urllib.parse.urlencode({**keep, "cursor": cursor})
        path = f"/v1{request.path}"
        url = self.base + request.path
        style = self.flags["link"]
        if style == "lower":
            return [("link", f"<{url}?{query}> ; title=\"a, b; <c>\";rel=next;foo")]
        if style == "many":
            return [("LINK", f'<{url}?x=1>; rel="first",<{url}?y=2>;rel=prev , '
                             f'<{url}?{query}>; rel="start next"')]
        if style == "headers":
            return [("Link", f'<{url}?x=1>; rel="first"'),
                    ("Link", f'<{url}?cursor={cursor}&max=null>; rel="next"')]
        if style == "relative":
            return [("Link", f'<{path}?{query}>; rel="next"')]
        if style == "query":
            return [("Link", f'<?{query}>; rel="next"')]
        if style == "valueless":
            return [("Link", f'<{url}?before&after=&cursor={cursor}>; rel="next"')]
        if style == "foreign":
            return [("Link", f'<{self.other}{path}?{query}>; rel="next"')]
        return [("Link", f'<{url}?{query}>; rel="next"')]

    def single(self, kind, found, request, wanted):
        item = next((x for x in found if x["id"] == wanted), None)
        if not item or (request.method == "GET" and not self.visible(item)):
            return error(404, f"Could not find {kind} with provided ID.")
        if request.method == "DELETE":
            found.remove(item)
            return Answer(200, self.public(item)) if self.flags["delete_body"] else Answer(204)
        if request.method == "PUT":
            item.update((k, v) for k, v in request.json().items() if k != "roomId")
            if kind == "messages":
                item["updated"] = self.date(int(time.time() * 1000))
            if self.flags["put"] == "204":
                return Answer(204)
            if self.flags["put"] == "empty":
                return Answer(200)
        return Answer(200, self.public(item))

    def create(self, kind, request):
        body, upload = self.form(request)
        if kind == "rooms":
            item = self.add_room(body["title"], ms=None)
        elif kind == "memberships":
            room = next(r for r in self.rooms if r["id"] == body["roomId"])
            if body["personEmail"] in [m["personEmail"]
                                       for m in self.in_room(self.memberships, room)]:
                return Answer(409, {"errors": ["Person is already in the room."]})
            item = self.add_member(room, body["personEmail"], ms=None)
        else:
            item = self.create_message(body, upload)
        out = self.public(item)
        if kind == "messages" and self.flags["post"] == "partial":
            out = {k: out[k] for k in ("id", "roomId", "created") if k in out}
        return Answer(self.flags["created_status"], out)

    def create_message(self, body, upload):
        if "toPersonEmail" in body:
            room = next((r for r in self.rooms if r["type"] == "direct"), None) or \
                self.add_room("Bob", "direct", ms=None)
        else:
            room = next(r for r in self.rooms if r["id"] == body["roomId"])
        more = {k: body[k] for k in ("markdown", "parentId") if k in body}
        message = self.add_message(room, body.get("text"), ME, _posted=True, **more)
        if upload:
            content = self.make_id("CONTENT", str(uuid.uuid4()) + "/0")
            self.contents[content] = upload
            message["files"] = [f"{self.base}/contents/{content}"]
        return message

    @staticmethod
    def form(request):
        """(fields, (name, type, bytes) of the file or None)"""
        kind = request.headers.get("Content-Type", "")
        if not kind.startswith("multipart/"):
            return request.json(), None
        head = f"Content-Type: {kind}\r\n\r\n".encode()
        fields, upload = {}, None
        for part in email.parser.BytesParser().parsebytes(head + request.body).get_payload():
            name = part.get_param("name", header="content-disposition")
            if name == "files":
                upload = (part.get_filename(), part.get_content_type(),
                          part.get_payload(decode=True))
            else:
                fields[name] = part.get_payload(decode=True).decode()
        return fields, upload

    def content(self, wanted):
        if wanted not in self.contents:
            return error(404, "no such content")
        name, kind, data = self.contents[wanted]
        style = self.flags["contents"]
        if style == "bare":
            return Answer(200, data)
        if style == "nolength":
            return Answer(200, data, [("Connection", "close")], raw=True)
        if style == "gzip":
            packed = gzip.compress(data)
            return Answer(200, packed, [("Content-Encoding", "gzip"),
                                        ("Content-Length", str(len(packed)))], raw=True)
        return Answer(200, data, [("Content-Type", kind), (
            "Content-Disposition", f'attachment; filename="{name}"')])


@pytest.fixture
def other(start_mount):
    """function(mount options, **flags) -> (server, mount), with a space called Harbour."""
    servers = []

    def start(*options, mounted=True, fill=None, hurry=1, **flags):
        server = OtherServer(**flags)
        servers.append(server)
        room = server.add_room("Harbour", teamId=None)
        server.add_member(room, "bob@example.org", BOB)
        for i in range(20):
            server.add_message(room, f"message {i}", ME if i % 3 == 0 else BOB)
        if fill:
            fill(server)
        mount = start_mount(server.base, "cache=memory", *options, token=TOKEN, hurry=hurry) \
            if mounted else None
        return server, mount

    yield start
    for server in servers:
        assert not server.leaked(), server.leaked()
        server.__exit__()


def harbour(server):
    return server.room("Harbour")


def txts(mount, space="spaces/Harbour"):
    return [n for n in mount.run(["ls", space]).ok().lines() if n.endswith(".txt")]
