"""What can be wrong with an answer: with its JSON, its header fields, its length, its way here.

An Answer is what goes over the wire. Mutator.spoil() makes one of an honest one; what it makes depends
on its dice alone. It never gives the id of a protected object to another one: what somebody does to that
other one would truly be asked for.
"""
import gzip
import json
import random
import threading

STRINGS = [
    "", "..", ".", "/", "a/b", "../../etc/passwd", "x" * 300, "é" * 200, "\x00", "\x1b[2J", "\n",
    "post", "post.md", ".sparkfs", "members", "transcript.log", "last", "files", "history",
    "space.json", "archive", "~1", "%s%n%d", "\ud800", "A" * 5000, " ", "\u202e", "-rf", "null",
    "alice@example.com", "@", "a@b@c", "a@" + "b." * 300, "<b>" * 2000, "&#0;&#x110000;&amp",
    "*_`[](" * 500, "2026-11-22T05-19-00.000Z_alice@example.com.txt", "\u0301" * 400, "\ufeff",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467" * 60, "con\r\nSet-Cookie: x", "\x7f\x80\x9b31m",
]
IDS = [
    "", "/", "..", "%2e%2e", "?x=1", "#", "a b", "é", "\n", "\x00", "x" * 5000, "Y2lzY29zcGFyazovLw",
    "Y2lzY29zcGFyazovL3VzL01FU1NBR0Uv", "====", "me", 7, None, [], {"id": "x"},
]
TIMES = [
    "1970-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z", "0000-01-01T00:00:00Z", "", "x",
    "2026-02-30T00:00:00Z", "2026-11-22T05:19:00.000Z", "2038-01-19T03:14:08Z", "1e999", 5,
    "1969-12-31T23:59:59Z", "2026-11-22T05:19:00.000+14:00", "2026-11-22T05:19:00.123456789Z",
    "1999-12-31T23:59:59.999Z", "2026-11-22T05:19:60Z", "2026-11-22",
]
VALUES = [None, 0, -1, 1e308, 2 ** 63, -2 ** 63, 10 ** 40, True, [], {}, "", "x" * 1000, [1, 2],
          {"a": {"b": []}}, [[]] * 50, "true", "0"]
FILES = [
    "http://127.0.0.1:1/contents/x", "file:///etc/passwd", "%(base)s/contents/../people/me",
    "%(base)s/people/me", "https://webexapis.com/v1/contents/x", "https://evil.example/contents/x",
    "%(base)s/contents/", "%(base)s/contents/" + "A" * 3000, "//", "", "%(base)s@evil.example/",
    "http://a:b@127.0.0.1/contents/x", "%(base)s/contents/x?y#z",
]
LINKS = [
    "<" + "x" * 9000 + '>; rel="next"', "<>; rel=next", "rel=next", '<http://a>; rel="next',
    '<http://evil.example/v1/messages?beforeMessage=1>; rel="next"', '<%(self)s>; rel="next"',
    '<%(self)s&before=%(any)s>; rel="next"', '<%(base)s/people/me>; rel="next"', "<" * 5000,
    '<%(path)s>; rel=next', '<%(self)s&roomId=x>; rel="next"', ",,,;;;\\\"", '<?cursor=%(any)s>;rel=next',
    '<%(self)s>; rel="prev", <%(self)s#%(any)s>; rel="first next"',
]
DISPOSITIONS = [
    'attachment; filename="../../x"', "attachment; filename*=UTF-8''%ff%fe%00", "inline; filename*=x",
    'attachment; filename="' + "x" * 3000 + '"', "attachment; filename=", 'filename="',
    'attachment; filename="post"', 'attachment; filename=".."', 'attachment; filename="a\\"b\\\\"',
    "attachment; filename*=UTF-16''%00a", "attachment; filename*=UTF-8''%", "attachment; filename=\xff\xfe",
    'attachment; filename="=?utf-8?b?/////w==?="', "attachment; filename*0=a; filename*1*=''%41",
    'attachment; filename="a\x1b[2Jb"', "attachment" + "; a=b" * 2000, 'attachment; filename=".bashrc"',
    "attachment; filename*=UTF-8''" + "%C3%A9" * 500, 'attachment; filename="a~2026-11-22T05-19-00.000Z.txt"',
]
RANGES = [
    "bytes 0-0/1", "bytes 5-4/3", "bytes */0", "bytes 0-99999999999999999999/9", "bytes 0-5/*",
    "x", "bytes 0-9223372036854775806/9223372036854775807", "bytes -1--1/-1", "bytes 0-5/3",
    "items 0-5/9", "bytes 300000-300000/300001", "bytes=0-1/2,4-5/9", "bytes 1-299999/300000",
]
RETRIES = ["0", "1", "-5", "99999999999999999999", "x", "Wed, 21 Oct 2015 07:28:00 GMT", "", "1.5",
           "Sun, 31 Dec 9999 23:59:59 GMT", "1, 2", " 2 "]
# What is told with a 429 is obeyed, up to an hour.
RETRIES_SHORT = ["0", "1", "-5", "x", "Wed, 21 Oct 2015 07:28:00 GMT", "", "1.5", " 2 "]
DATES = ["Wed, 21 Oct 2015 07:28:00 GMT", "x", "", "Sun, 31 Dec 9999 23:59:59 GMT"]
PLACES = ["/", "http://127.0.0.1:1/x", "file:///etc/passwd", "%(self)s", "gopher://x", "", "//", "%(path)s",
          "http://u:p@127.0.0.1/", "%(base)s/people/me", "https://" + "x" * 9000, "\\\\x", "?"]
TYPES = ["", "text/html", "application/json; charset=utf-16", "multipart/byteranges; boundary=x", "x", "a/" * 900]
STATUSES = [
    200, 201, 202, 203, 204, 205, 206, 207, 226, 299, 300, 304, 305, 399, 400, 402, 403, 404, 405, 406, 408, 409,
    410, 411, 412, 413, 414, 415, 416, 417, 418, 421, 422, 424, 425, 426, 428, 431, 451, 499, 500, 501,
    502, 504, 505, 507, 508, 511, 520, 599, 600, 700, 999, 0, 99,
]
# A server that says these did nothing with the request, so that it is made again.
UNTOUCHED = [401, 423, 429, 503, 301, 302, 303, 307, 308]
LINES = ["HTTP/1.0 %d x", "HTTP/1.1 %d", "HTTP/1.1  %d", "HTTP/9.9 %d x", "ICY %d OK", "%d", "", "\x00",
         "HTTP/1.1 %d " + "x" * 20000, "HTTP/2 %d", "HTTP/1.1 %dx", "HTTP/1.1\t%d", "<html>"]
CODINGS = ["gzip", "br", "identity", "x", "deflate", "zstd", "gzip, gzip", "gzip, deflate, br, gzip, deflate"]
ODD_FIELDS = ["no colon", ": none", " folded", "A:", "Content-Length : 5", "X: \x00", "X: " + "y" * 120000,
              "Set-Cookie: a=b; path=/", "Connection: close, keep-alive, upgrade", "Upgrade: h2c",
              "Transfer-Encoding: chunked", "Transfer-Encoding: x", "Alt-Svc: h3=\":1\"",
              "Strict-Transport-Security: max-age=99999999", "WWW-Authenticate: NTLM", "Trailer: Link"]
LENGTHS = ["-1", "x", "", "0x10", "9223372036854775807", "18446744073709551616", "1, 2", "5 5", "+5"]
DOCUMENTS = [
    b"", b"null", b"[]", b"{}", b"0", b'""', b'{"items":null}', b'{"items":{}}', b'{"items":[]}', b"{" * 1000,
    b"[" * 200000, b'{"a":' * 50000, b'{"items":[' + b"{}," * 20000 + b"{}]}", b'{"items":[1e999,NaN,0x1]}',
    b'{"items":[' + b"[" * 900 + b"]" * 900 + b"]}", b"\xff\xfe{\x00}\x00", b"\xef\xbb\xbf{}", b"<html>" * 999,
    b'{"items":[' + b"null," * 300000 + b"null]}", b'{"id":"' + b"x" * 3000000 + b'"}', b'{"id":1,"id":2}',
    b'{"errors":[{"description":"' + b"\x1b[31m" * 900 + b'"}],"message":{}}', b"\x00" * 1000,
    b"1e" + b"9" * 100000,
]
IDS_MAX = 500
KEPT_MAX = 60


class Answer:
    """.status, .fields (name, value), .body; how they go: .line (the first line, with a %d), .length (what
    Content-Length says; None: no such field), .raw (further field lines), .before (sent ahead of it),
    .behind (sent after it), .pace_s (a pause before each of its pieces), .piece (bytes), .end (keep,
    close, reset), .cut (bytes of all that are sent; None: all), .chunks (chunked; a wrong size in it)."""

    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, fields, body
        self.line, self.length, self.raw = "HTTP/1.1 %d x", str(len(body)), []
        self.before = self.behind = b""
        self.pace_s, self.piece, self.end, self.cut, self.chunks = 0, 0, "keep", None, None

    def put(self, name, value):
        self.fields = [(k, v) for k, v in self.fields if k.lower() != name.lower()]
        self.fields.append((name, value))

    def bytes(self):
        line = self.line.replace("%d", str(self.status))
        lines = [line] + [f"{k}: {v}" for k, v in self.fields] + self.raw
        body = self.body
        if self.chunks is not None:
            lines.append("Transfer-Encoding: chunked")
            body = b"".join(b"%x%s\r\n%s\r\n" % (len(p), self.chunks, p) for p in
                            (body[i:i + 9000] for i in range(0, len(body), 9000))) + b"0\r\n\r\n"
        elif self.length is not None:
            lines.append(f"Content-Length: {self.length}")
        head = "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n"
        return (self.before + head + body + self.behind)[:self.cut]


class Mutator:
    """Makes answers wrong. `protected` ids stay where they are. Lock: `lock` guards the dice, the ids
    and the kept bodies."""

    def __init__(self, seed, protected=()):
        self.dice = random.Random(seed)
        self.protected = set(protected)
        self.ids, self.kept = [], []
        self.lock = threading.Lock()

    def note_id(self, value):
        if isinstance(value, str) and value not in self.protected:
            self.ids = [*self.ids[-IDS_MAX:], value]

    # ---- the JSON ----

    def string(self, key, value):
        if key in ("created", "updated", "lastActivity"):
            return self.dice.choice(TIMES)
        if not key.lower().endswith("id"):
            return self.dice.choice(STRINGS)
        if value in self.protected and key != "id":
            return value
        return self.dice.choice(self.ids if self.ids and self.dice.random() < 0.6 else IDS)

    def object(self, value, words):
        self.note_id(value.get("id"))
        for key in list(value):
            x = self.dice.random()
            if x < 0.02:
                del value[key]
            elif x < 0.04:
                value[key] = self.dice.choice(VALUES)
            elif x < 0.05:
                value[key.upper()] = value.pop(key)
            elif x < 0.11 and isinstance(value[key], str):
                value[key] = self.string(key, value[key])
            elif x < 0.2 and key == "files":
                value[key] = [self.dice.choice(FILES) % words] * self.dice.choice([1, 1, 2, 300])
            else:
                value[key] = self.json(value[key], words)
        if self.dice.random() < 0.02:
            value["z" * self.dice.choice([0, 1, 2000])] = self.dice.choice([STRINGS, {"x": 1}, 1e-320])
        return value

    def array(self, value, words):
        value = [self.json(x, words) for x in value]
        x = self.dice.random()
        if value and x < 0.1:
            value.append(self.dice.choice(value))
        elif x < 0.2:
            self.dice.shuffle(value)
        elif x < 0.23:
            value.append(self.dice.choice([None, 1, "x", [], {}]))
        elif x < 0.26:
            value = value[:self.dice.randrange(len(value) + 1)]
        elif value and x < 0.27:
            value = value * self.dice.choice([2, 50])
        elif len(value) > 1 and x < 0.29:
            a, b = self.dice.sample(range(len(value)), 2)
            value[a], value[b] = value[b], value[a]
        return value

    def json(self, value, words):
        if isinstance(value, dict):
            return self.object(value, words)
        return self.array(value, words) if isinstance(value, list) else value

    # ---- the bytes of a body ----

    def cut(self, data):
        return data[:self.dice.randrange(len(data) + 1)]

    def noise(self, data):
        out = bytearray(data)
        for _ in range(3 if out else 0):
            out[self.dice.randrange(len(out))] = self.dice.randrange(256)
        return bytes(out)

    def body(self, data, is_json, is_read, words):
        if not is_json:
            return self.dice.choice([data] * 7 + [self.cut(data), self.noise(data), data + data[:9]])
        x = self.dice.random()
        if x < 0.04:
            return self.dice.choice(DOCUMENTS)
        # The answer to something else, which was good once.
        if x < 0.07 and is_read and self.kept:
            return self.dice.choice(self.kept)
        if is_read and len(data) < 100000 and not any(p.encode() in data for p in self.protected):
            self.kept = [*self.kept[-KEPT_MAX:], data]
        try:
            data = json.dumps(self.json(json.loads(data), words),
                              ensure_ascii=self.dice.random() < 0.5).encode("utf-8", "surrogatepass")
        except (ValueError, RecursionError):
            pass
        x = self.dice.random()
        return self.cut(data) if x < 0.03 else self.noise(data) if x < 0.06 else \
            data + b"{}" if x < 0.07 else data

    # ---- what goes around it ----

    def field(self, a, words):
        name, values = self.dice.choice([
            ("Link", LINKS), ("Content-Disposition", DISPOSITIONS), ("Content-Type", TYPES), ("Date", DATES),
            ("Retry-After", RETRIES), ("Content-Encoding", CODINGS), ("Location", PLACES)])
        value = self.dice.choice(values)
        # Link and Disposition values have percents of their own.
        for word, text in words.items():
            value = value.replace(f"%({word})s", text)
        a.put(name, value)
        if self.dice.random() < 0.1:
            a.fields.append((name, self.dice.choice(values)))
        elif self.dice.random() < 0.03:
            a.fields += [(name, value)] * 10000

    def range(self, a, _words):
        a.put("Content-Range", self.dice.choice(RANGES))
        a.status = self.dice.choice([200, 206, 416, a.status])

    def lose_field(self, a, _words):
        if a.fields:
            del a.fields[self.dice.randrange(len(a.fields))]

    def odd_field(self, a, _words):
        a.raw += [self.dice.choice(ODD_FIELDS)] * self.dice.choice([1, 1, 1, 300])

    def status(self, a, _words):
        a.status = self.dice.choice(STATUSES)
        if self.dice.random() < 0.2:
            a.body, a.length = b"", self.dice.choice(["0", None])

    def status_line(self, a, _words):
        a.line = self.dice.choice(LINES)

    def wrong_length(self, a, _words):
        n = len(a.body)
        a.length = self.dice.choice([*LENGTHS, "0", n + 5, 10 ** 15, max(0, n - 3), None])
        a.end = self.dice.choice(["keep", "close", "close"])

    def two_lengths(self, a, _words):
        a.raw.append(f"Content-Length: {len(a.body) // 2}")

    def chunked(self, a, _words):
        a.chunks = self.dice.choice([b"", b"", b";x=y", b"g", b"ffffffffffffffff", b";" + b"x" * 20000])

    def packed(self, a, _words):
        bomb = self.dice.random() < 0.15
        a.body = gzip.compress(b" " * (80 << 20) if bomb else a.body, 1)
        a.length = str(len(a.body))
        a.put("Content-Encoding", self.dice.choice(["gzip", "gzip", "deflate"]))

    def ahead(self, a, _words):
        a.before = self.dice.choice([
            b"HTTP/1.1 100 Continue\r\n\r\n" * 3, b"HTTP/1.1 103 x\r\nLink: <x>; rel=next\r\n\r\n" * 2000,
            b"HTTP/1.1 101 x\r\nUpgrade: x\r\n\r\n", b"\r\n\r\n"])

    def another_behind(self, a, _words):
        """A second answer that nobody asked for."""
        a.behind = self.dice.choice([
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", b"x" * 70000,
            b"HTTP/1.1 404 x\r\nContent-Length: 0\r\n\r\n"])

    def slow(self, a, _words):
        a.pace_s, a.piece = self.dice.choice([(0.2, 1 << 20), (0.05, 700), (1, 40), (3, 100), (60, 100)])

    def broken(self, a, _words):
        a.cut = self.dice.randrange(1 + len(a.bytes()))
        a.end = self.dice.choice(["close", "reset"])

    def then_closed(self, a, _words):
        a.end = self.dice.choice(["close", "reset"])

    def spoil(self, answer, is_json, is_read, words):
        """`answer` with its body mostly wrong, and sometimes one other thing. `words` are what %(self)s,
        %(path)s, %(base)s and %(any)s stand for."""
        answer.body = self.body(answer.body, is_json, is_read, words)
        answer.length = str(len(answer.body))
        if self.dice.random() < 0.55:
            return
        how = self.dice.choice([
            self.field, self.field, self.field, self.range, self.lose_field, self.odd_field, self.status,
            self.status, self.status_line, self.wrong_length, self.two_lengths, self.chunked, self.packed,
            self.ahead, self.another_behind, self.slow, self.broken, self.broken, self.then_closed])
        how(answer, words)

    def refusal(self, words):
        """An answer of a server that did nothing."""
        a = Answer(self.dice.choice(UNTOUCHED), [("Content-Type", "application/json")],
                   self.dice.choice(DOCUMENTS))
        self.field(a, words)
        if a.status < 400:
            a.put("Location", self.dice.choice(PLACES) % words)
        else:
            a.put("Retry-After", self.dice.choice(RETRIES_SHORT))
        return a
