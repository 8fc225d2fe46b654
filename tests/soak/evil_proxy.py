"""An HTTP proxy whose answers are wrong: mutated JSON, odd headers, false lengths."""
import http.client
import http.server
import json
import random
import socketserver
import threading

STRINGS = [
    "", "..", ".", "/", "a/b", "../../etc/passwd", "x" * 300, "é" * 200, "\x00", "\x1b[2J", "\n",
    "post", "post.md", ".sparkfs", "members", "transcript.log", "last", "files", "history",
    "space.json", "~1", "%s%n%d", "\ud800", "A" * 5000, " ", "\u202e", "alice@example.com", "@",
    "2026-11-22T05-19-00.000Z_alice@example.com.txt", "a@b@c", "-rf", "null",
]
TIMES = [
    "1970-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z", "0000-01-01T00:00:00Z",
    "2026-02-30T00:00:00Z", "2026-11-22T05:19:00.000Z", "", "x", "2038-01-19T03:14:08Z",
    "1969-12-31T23:59:59Z", "2026-11-22T05:19:00.000+14:00",
]
VALUES = [None, 0, -1, 1e308, True, [], {}, "", "x" * 1000, [1, 2], {"a": {"b": []}}]
LINKS = [
    "<" + "x" * 9000 + '>; rel="next"', "<>; rel=next", "rel=next", '<http://a>; rel="next',
    '<http://evil.example/v1/messages?beforeMessage=1>; rel="next"', '<%(self)s>; rel="next"',
]
DISPOSITIONS = [
    'attachment; filename="../../x"', "attachment; filename*=UTF-8''%ff%fe%00",
    'attachment; filename="' + "x" * 3000 + '"', "attachment; filename=", "inline; filename*=x",
    'attachment; filename="post"', 'attachment; filename=".."', 'attachment; filename="a\\"b\\\\"',
]
RANGES = [
    "bytes 0-0/1", "bytes 5-4/3", "bytes */0", "bytes 0-99999999999999999999/9", "bytes 0-5/*",
    "x", "bytes 0-9223372036854775806/9223372036854775807",
]
RETRIES = ["0", "1", "-5", "99999999999999999999", "x", "Wed, 21 Oct 2015 07:28:00 GMT"]
PLACES = ["/", "http://127.0.0.1:1/x", "file:///etc/passwd", "%(self)s", "gopher://x", ""]
IDS_MAX = 500


class Mutator:
    """Changes a little of each answer. Lock: `lock` guards the dice and the ids."""

    def __init__(self, seed):
        self.dice = random.Random(seed)
        self.ids = []
        self.lock = threading.Lock()

    def string(self, key, value):
        if key in ("created", "updated", "lastActivity"):
            return self.dice.choice(TIMES)
        if key.lower().endswith("id") and self.ids and self.dice.random() < 0.5:
            return self.dice.choice(self.ids)
        return value if key.lower().endswith("id") else self.dice.choice(STRINGS)

    def object(self, value):
        for key in list(value):
            x = self.dice.random()
            if key == "id" and isinstance(value[key], str):
                self.ids = [*self.ids[-IDS_MAX:], value[key]]
            if x < 0.03:
                del value[key]
            elif x < 0.05:
                value[key] = self.dice.choice(VALUES)
            elif x < 0.12 and isinstance(value[key], str):
                value[key] = self.string(key, value[key])
            else:
                value[key] = self.json(value[key])
        return value

    def array(self, value):
        value = [self.json(x) for x in value]
        if value and self.dice.random() < 0.1:
            value.append(self.dice.choice(value))
        if self.dice.random() < 0.1:
            self.dice.shuffle(value)
        if self.dice.random() < 0.03:
            value.append(self.dice.choice([None, 1, "x", [], {}]))
        return value

    def json(self, value):
        if isinstance(value, dict):
            return self.object(value)
        return self.array(value) if isinstance(value, list) else value

    def cut(self, data):
        return data[:self.dice.randrange(len(data) + 1)]

    def noise(self, data):
        out = bytearray(data)
        for _ in range(3 if out else 0):
            out[self.dice.randrange(len(out))] = self.dice.randrange(256)
        return bytes(out)

    def body(self, data, is_json):
        if not is_json:
            return self.cut(data) if self.dice.random() < 0.3 else data
        try:
            data = json.dumps(self.json(json.loads(data))).encode()
        except (ValueError, RecursionError):
            pass
        x = self.dice.random()
        return self.cut(data) if x < 0.03 else self.noise(data) if x < 0.06 else data

    def head(self, status, headers, length, url):
        """(status, headers, length) with at most one of them wrong."""
        def one(name, values):
            return [(k, v) for k, v in headers if k.lower() != name.lower()] + [
                (name, self.dice.choice(values).replace("%(self)s", url))]
        x = self.dice.random()
        if x < 0.1:
            return status, one("Link", LINKS), length
        if x < 0.2:
            return status, one("Content-Disposition", DISPOSITIONS), length
        if x < 0.3:
            return (self.dice.choice([200, 206, 416, status]), one("Content-Range", RANGES),
                    length)
        if x < 0.35:
            status = self.dice.choice([423, 429, 503, 428, 410, 204, 304, 302, 404, status])
            return status, one("Retry-After", RETRIES), length
        if x < 0.38:
            return 302, one("Location", PLACES), length
        if x < 0.41:
            return status, one("Content-Encoding", ["gzip", "br", "identity", "x"]), length
        if x < 0.44:
            return status, headers, self.dice.choice([0, length + 5, 10 ** 15, max(0, length - 3)])
        return status, headers, length


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_args):
        pass

    def ask(self):
        """The answer of the server behind the proxy, or None."""
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size) if size else None
        behind = http.client.HTTPConnection(*self.server.behind, timeout=20)
        headers = {k: v for k, v in self.headers.items()
                   if k.lower() not in ("connection", "accept-encoding")}
        try:
            behind.request(self.command, self.path, body, headers)
            answer = behind.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            behind.close()

    def forward(self):
        found = self.ask()
        if not found:
            self.close_connection = True
            return
        status, headers, data = found
        is_json = "json" in dict((k.lower(), v) for k, v in headers).get("content-type", "")
        headers = [(k, v) for k, v in headers if k.lower() not in
                   ("content-length", "transfer-encoding", "connection", "date")]
        server, mutator = self.server, self.server.mutator
        length = len(data)
        with mutator.lock:
            if mutator.dice.random() < server.share:
                if self.command != "HEAD":
                    data = mutator.body(data, is_json)
                status, headers, length = mutator.head(
                    status, headers, len(data),
                    f"http://127.0.0.1:{server.server_address[1]}{self.path}")
        try:
            self.answer(status, headers, length, data)
        except (OSError, UnicodeError, ValueError):
            self.close_connection = True

    def answer(self, status, headers, length, data):
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        if length != len(data):
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = forward


class EvilProxy(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """Between a client and `behind` (host, port); .share of the answers are wrong."""

    daemon_threads = True
    request_queue_size = 100

    def __init__(self, behind, seed):
        self.behind, self.share, self.mutator = behind, 0.0, Mutator(seed)
        super().__init__(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.serve_forever, daemon=True)
        self.thread.start()

    def handle_error(self, *_args):
        """A client that goes away in the middle is the normal case."""

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def stop(self):
        self.shutdown()
        self.server_close()
