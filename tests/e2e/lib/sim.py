"""A running webexsim: start, request log, faults, and API calls to it.

    sim = Sim(tmp_path, "--data", "demo")
    sim.api("GET", "/rooms", query={"max": 5}).json["items"]
    sim.fault(method="GET", route="/messages", status=502, times=1)
    assert len(sim.requests("GET", "/messages")) == 1
    sim.stop()
"""
import http.client
import json
import os
import re
import subprocess
import time
import urllib.parse
import uuid

from .util import daemon_argv, default_env, scaled, suspicious

BASE_LINE = re.compile(r"^webexsim: (http://127\.0\.0\.1:(\d+)/v1)\s*$", re.M)


class Response:
    """An HTTP answer: .status, .headers (get() ignores case), .body, .json, .text."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def __repr__(self):
        return f"<{self.status} {self.body[:600]!r}>"

    @property
    def text(self):
        return self.body.decode("utf-8")

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def items(self):
        return self.json["items"]

    @property
    def message(self):
        """The error message of an error body."""
        return self.json["message"]

    def next_url(self):
        """The URL of the Link header's rel="next", or None."""
        for value in self.headers.get_all("Link") or []:
            found = re.search(r'<([^>]*)>\s*;\s*rel="?next"?', value)
            if found:
                return found[1]
        return None

    def ok(self, status=200):
        """Fails the test unless the status is this one; returns self."""
        assert self.status == status, repr(self)
        return self


def multipart(fields, files):
    """Encodes form data as browsers and SDKs do; returns (content type, body).

    `fields` is a dict or a list of pairs, `files` a list of
    (part name, file name, bytes, content type or None).
    """
    boundary = f"----sparkfs{uuid.uuid4().hex}"
    out = bytearray()
    for name, value in fields.items() if isinstance(fields, dict) else fields:
        out += (f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
                f"{value}\r\n").encode()
    for name, filename, data, kind in files:
        quoted = filename.replace("\\", "\\\\").replace('"', '\\"')
        out += (f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; '
                f'filename="{quoted}"\r\n').encode()
        if kind is not None:
            out += f"Content-Type: {kind}\r\n".encode()
        out += b"\r\n" + data + b"\r\n"
    out += f"--{boundary}--\r\n".encode()
    return f"multipart/form-data; boundary={boundary}", bytes(out)


class Sim:
    """One webexsim process on a free port of loopback."""

    def __init__(self, tmp_path, *options, binary=None):
        self.binary = binary or os.environ["WEBEXSIM"]
        self.log_path = tmp_path / f"webexsim-{uuid.uuid4().hex[:8]}.log"
        self.options = [str(o) for o in options]
        self.base = None
        self.port = 0
        self.process = None
        self.start()

    def start(self):
        """Starts it (again, on the same port if it had one) and waits till it serves."""
        before = self.log_path.stat().st_size if self.log_path.exists() else 0
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                daemon_argv([self.binary, "--listen", f"127.0.0.1:{self.port}",
                             *self.options]),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, **default_env(), "TZ": "UTC"})
        end = time.monotonic() + scaled(30)
        while True:
            text = self.log_path.read_bytes()[before:].decode("utf-8", "replace")
            found = BASE_LINE.search(text)
            if found:
                self.base, self.port = found[1], int(found[2])
                return
            status = self.process.poll()
            assert status is None, f"webexsim ended with {status}: {text}"
            assert time.monotonic() < end, f"webexsim does not start: {text}"
            time.sleep(0.01)

    def stop(self):
        """SIGTERM; it must end cleanly, with no sanitizer report."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(scaled(15))
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError("webexsim did not end upon SIGTERM:\n"
                                     + self.output) from None
            assert self.process.returncode in (0, -15), \
                f"webexsim ended with {self.process.returncode}:\n{self.output}"
        found = suspicious(self.output)
        assert not found, f"webexsim prints {found!r}:\n{self.output[-20000:]}"

    def kill(self):
        """SIGKILL: the server is gone. start() brings it back on the same port."""
        self.process.kill()
        self.process.wait()

    @property
    def output(self):
        return self.log_path.read_text("utf-8", "replace")

    @property
    def origin(self):
        return f"http://127.0.0.1:{self.port}"

    def connect(self, timeout=30):
        """An http.client connection to it."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=scaled(timeout))

    def request(self, method, target, body=None, headers=None, timeout=30):
        """One request as given; target begins at the origin, e.g. /v1/people/me."""
        connection = self.connect(timeout)
        try:
            connection.request(method, target, body, headers or {})
            answer = connection.getresponse()
            return Response(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def api(self, method, path, json=None, *, token="alice-token", query=None, headers=None,
            fields=None, files=None, body=None, timeout=30):
        """One API call; path as after /v1 or an absolute URL (of a Link header).

        `json` is sent as JSON; `fields` and `files` (see multipart()) as a form;
        `body` as it is.
        """
        if path.startswith("http"):
            parts = urllib.parse.urlsplit(path)
            target = parts.path + ("?" + parts.query if parts.query else "")
        else:
            target = "/v1" + path
        if query:
            target += ("&" if "?" in target else "?") + urllib.parse.urlencode(query)
        head = {}
        if token is not None:
            head["Authorization"] = f"Bearer {token}"
        if json is not None:
            head["Content-Type"] = "application/json"
            body = dump_json(json)
        elif fields is not None or files is not None:
            head["Content-Type"], body = multipart(fields or {}, files or [])
        head.update(headers or {})
        return self.request(method, target, body, head, timeout)

    def pages(self, path, *, token="alice-token", query=None, limit=100000):
        """Follows Link headers; yields the items of each page."""
        answer = self.api("GET", path, token=token, query=query).ok()
        for _ in range(limit):
            yield answer.items
            url = answer.next_url()
            if url is None:
                return
            answer = self.api("GET", url, token=token).ok()
        raise AssertionError(f"more than {limit} pages of {path}")

    def all(self, path, *, token="alice-token", query=None):
        """All items of all pages."""
        return [item for page in self.pages(path, token=token, query=query) for item in page]

    # The control interface.

    def control(self, method, path, body=None):
        head = {"Content-Type": "application/json"} if body is not None else {}
        answer = self.request(method, "/_sim" + path,
                              dump_json(body) if body is not None else None, head)
        assert answer.status in (200, 204), f"{method} /_sim{path}: {answer!r}"
        return answer.json if answer.body else None

    def log(self):
        """The requests so far, oldest first: dicts with n, method, path, query, status."""
        return self.control("GET", "/log")["items"]

    def clear_log(self):
        self.control("DELETE", "/log")

    def requests(self, method=None, path=None, query=None):
        """The log's entries of this method, path (a regular expression that must
        match all of the path after /v1) and query (one that must match somewhere)."""
        found = []
        for entry in self.log():
            name = entry["path"]
            name = name[3:] if name.startswith("/v1/") else name
            if method and entry["method"] != method:
                continue
            if path and not re.fullmatch(path, name):
                continue
            if query and not re.search(query, entry.get("query") or ""):
                continue
            found.append(entry)
        return found

    def fault(self, **fault):
        """Adds a fault (tests/sim/README.md); returns its id."""
        return self.control("POST", "/faults", fault)["id"]

    def clear_fault(self, fault_id):
        self.control("DELETE", f"/faults/{fault_id}")

    def clear_faults(self):
        self.control("DELETE", "/faults")

    def scan(self, **state):
        """Sets the scan state of a content (tests/sim/README.md)."""
        return self.control("POST", "/scan", state)

    def add_messages(self, **messages):
        """Creates back-dated messages, or many in one millisecond."""
        return self.control("POST", "/messages", messages)

    def tokens(self, **tokens):
        return self.control("POST", "/tokens", tokens)

    # What tests ask for most.

    def me(self, token="alice-token"):
        return self.api("GET", "/people/me", token=token).ok().json

    def rooms(self, token="alice-token", **query):
        return self.all("/rooms", token=token, query=query)

    def room(self, title, token="alice-token"):
        """The one room of this title."""
        found = [room for room in self.rooms(token) if room.get("title") == title]
        assert len(found) == 1, f"{len(found)} rooms {title!r}"
        return found[0]

    def create_room(self, title, members=(), token="alice-token", **more):
        room = self.api("POST", "/rooms", {"title": title, **more}, token=token).ok().json
        for email in members:
            self.api("POST", "/memberships", {"roomId": room["id"], "personEmail": email},
                     token=token).ok()
        return room

    def post(self, room_id, text=None, token="alice-token", **more):
        body = {"roomId": room_id, **more}
        if text is not None:
            body["text"] = text
        return self.api("POST", "/messages", body, token=token).ok().json

    def upload(self, room_id, name, data, kind="application/octet-stream",
               token="alice-token", **fields):
        return self.api("POST", "/messages", token=token, fields={"roomId": room_id, **fields},
                        files=[("files", name, data, kind)]).ok().json

    def messages(self, room_id, token="alice-token", **query):
        return self.all("/messages", token=token, query={"roomId": room_id, **query})


def dump_json(value):
    return json.dumps(value, ensure_ascii=False).encode("utf-8")
