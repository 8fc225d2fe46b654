"""An HTTP proxy whose answers are wrong (evil_answers.py), and that knows what the server was told."""
import http.client
import http.server
import re
import socket
import socketserver
import struct
import threading
import time

from evil_answers import Answer, Mutator

HOP = ("content-length", "transfer-encoding", "connection")
# What a writer's text begins with (operations.c, ledger.py).
TOKEN = re.compile(rb"[KP]\d+-\d+-\d+;")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_args):
        pass

    def ask(self, body):
        """The answer of the server behind the proxy, or None."""
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

    def words(self):
        base = f"http://127.0.0.1:{self.server.server_address[1]}"
        return {"self": base + self.path, "path": self.path, "base": base + "/v1",
                "any": str(time.monotonic_ns())}

    def make(self, body):
        """The answer to give, or None."""
        server, mutator = self.server, self.server.mutator
        with mutator.lock:
            is_evil = mutator.dice.random() < server.share
            if is_evil and mutator.dice.random() < 0.1:
                return mutator.refusal(self.words())
        found = self.ask(body)
        if not found:
            return None
        server.note(self.command, self.path, body, found)
        fields = [(k, v) for k, v in found[1] if k.lower() not in HOP]
        is_json = any(k.lower() == "content-type" and "json" in v for k, v in fields)
        answer = Answer(found[0], fields, found[2] if self.command != "HEAD" else b"")
        if self.command == "HEAD":
            answer.length = dict((k.lower(), v) for k, v in found[1]).get("content-length", "0")
        if is_evil:
            with mutator.lock:
                mutator.spoil(answer, is_json, self.command == "GET", self.words())
        if answer.status in (204, 304):
            answer.body, answer.length = b"", None
        return answer

    def forward(self):
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size) if size else None
        answer = self.make(body)
        if not answer:
            self.close_connection = True
            return
        try:
            self.send(answer)
        except OSError:
            self.close_connection = True

    def send(self, answer):
        self.server.note_limited(answer.status == 429)
        data = answer.bytes()
        piece = answer.piece or len(data) or 1
        for at in range(0, len(data), piece):
            if answer.pace_s:
                self.pause(answer.pace_s)
            self.wfile.write(data[at:at + piece])
        if answer.end != "keep":
            self.close_connection = True
        if answer.end == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def pause(self, seconds):
        """Not longer than the proxy is evil, so that an honest one hangs no client."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.server.share > 0:
            time.sleep(0.05)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = forward


class EvilProxy(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """Between a client and `behind` (host, port); .share of the answers are wrong.

    .sent has what the server said to the POSTs that it took, by token; .deleted has the paths of the DELETEs that it
    obeyed; .limited_s is the longest time in which nothing but 429 was answered. Lock: `lock` guards all three.
    """

    daemon_threads = True
    request_queue_size = 100

    def __init__(self, behind, seed, protected=()):
        self.behind, self.share, self.mutator = behind, 0.0, Mutator(seed, protected)
        self.sent, self.deleted = {}, []
        self.limited_s, self.limited_from = 0, None
        self.lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.serve_forever, daemon=True)
        self.thread.start()

    def note(self, method, path, body, found):
        if found[0] // 100 != 2:
            return
        with self.lock:
            if method == "DELETE":
                self.deleted.append(path)
            elif method == "POST":
                for token in self.tokens(body or b""):
                    self.sent.setdefault(token, []).append(f"{time.time():.2f} {found[2][:300]!r}")

    def note_limited(self, is_limited):
        now = time.monotonic()
        with self.lock:
            if is_limited and self.limited_from is None:
                self.limited_from = now
            elif not is_limited and self.limited_from is not None:
                self.limited_s = max(self.limited_s, now - self.limited_from)
                self.limited_from = None

    @staticmethod
    def tokens(body):
        """Where a process of operations.c writes over a part of a file, or cuts it, the new version begins
        as the old one did: of these the texts alone count."""
        found = {t.decode() for t in TOKEN.findall(body)}
        return found if body.startswith(b"{") else {t for t in found if t[0] == "K"}

    def handle_error(self, *_args):
        """A client that goes away in the middle is the normal case."""

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def stop(self):
        self.shutdown()
        self.server_close()
