#!/usr/bin/python3
"""A TCP proxy that breaks connections, for tests. It understands as much of HTTP/1 as it
needs to know where a request and its answer begin and end, and nothing of what they say.

    proxy = Proxy(("127.0.0.1", port), seed=1, share=0.4).start()
    ... http://127.0.0.1:{proxy.port} ...
    proxy.down(); proxy.up()      # the server "restarts": everything cut, then refused
    proxy.next("cut", b"POST")    # this happens to the next POST, and nothing else to others
    proxy.calm()                  # no more faults
    proxy.stop()

Of each request a fault is drawn with probability `share`:

    refused        the same as reset-before, and for a moment nobody can connect
    reset-before   connection reset, nothing reaches the server
    reset-middle   the server gets a part of the request, then both sides are reset
    reset-after    the server's answer has come and is thrown away; reset
    close-after    the same, but the connection is closed in order
    cut            a part of the answer, then the end
    gateway-before 502 or 504 as html, nothing reaches the server
    gateway-after  502 or 504 as html instead of the answer that came
    limited        429 with Retry-After, nothing reaches the server
    delay          the request goes on later
    late           the answer goes on later
    trickle        the answer in small pieces
    stall          the answer never goes on; the client has to give up

Only by next(), for it silences the client for long:

    limited-bare, limited-malformed   429 without Retry-After, or with one that says nothing

Nothing reaches the server later than LAG_MAX_S after it came from the client. With rate=N all
that the proxy waits for is N times as short.
"""
import asyncio
import collections
import random
import re
import socket
import struct
import threading

LAG_MAX_S = 1.2
MOMENT_MAX_S = 0.3
CHUNK = 65536
HEAD_MAX = 1 << 20

FAULTS = {
    "refused": 3, "limited": 1, "reset-before": 12, "reset-middle": 12, "reset-after": 14, "close-after": 8, "cut": 12,
    "gateway-before": 8, "gateway-after": 8, "delay": 12, "late": 10, "trickle": 4,
    "stall": 1,
}

LIMITED = {"limited": b"Retry-After: 1\r\n", "limited-bare": b"",
           "limited-malformed": b"Retry-After: soon\r\n"}


class Broken(Exception):
    """A fault ended the connection."""


def reset(writer):
    """Ends the connection by RST, not FIN."""
    sock = writer.get_extra_info("socket")
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        pass
    writer.transport.abort()


def field(head, name):
    found = re.search(rb"\r\n" + name + rb":[ \t]*([^\r\n]*)", head, re.I)
    return found[1].strip() if found else None


class Answer:
    """Reads the server's answer to one request piece by piece."""

    def __init__(self, reader):
        self.reader = reader
        self.ends_connection = False

    async def head(self):
        """The head of the final answer; those of 1xx before it are dropped."""
        while True:
            head = await self.reader.readuntil(b"\r\n\r\n")
            if not re.match(rb"HTTP/1\.\d 1\d\d", head):
                return head

    async def pieces(self, head, method):
        length = field(head, b"Content-Length")
        status = int(head.split(b" ", 2)[1])
        if method == b"HEAD" or status in (204, 304):
            return
        if b"chunked" in (field(head, b"Transfer-Encoding") or b"").lower():
            while True:
                line = await self.reader.readuntil(b"\r\n")
                size = int(line.split(b";")[0], 16)
                yield line + await self.reader.readexactly(size + 2)
                if size == 0:
                    return
        left = int(length) if length is not None else None
        self.ends_connection = left is None
        while left is None or left > 0:
            piece = await self.reader.read(CHUNK if left is None else min(CHUNK, left))
            if not piece:
                self.ends_connection = True
                return
            if left is not None:
                left -= len(piece)
            yield piece


class Proxy:
    def __init__(self, upstream, seed=0, share=0.4, host="127.0.0.1", leave=(),
                 rate=1):
        """leave: those that are not drawn."""
        self.weights = {name: n for name, n in FAULTS.items() if name not in leave}
        self.upstream = upstream
        self.host = host
        # Nobody else gets the port while it is down: a socket has it, and does not listen.
        self.reserved = socket.socket()
        self.reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self.reserved.bind((host, 0))
        self.port = self.reserved.getsockname()[1]
        self.share = share
        self.rate = rate
        self.random = random.Random(seed)
        self.ordered = None
        self.is_down = True
        self.counts = collections.Counter()
        self.requests = 0
        self.loop = asyncio.new_event_loop()
        self.server = None
        self.writers = set()
        self.thread = threading.Thread(target=self.run, daemon=True)

    # Any thread.

    def start(self):
        self.thread.start()
        self.up()
        return self

    def stop(self):
        self.down()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.reserved.close()

    def call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)

    def up(self):
        self.call(self.listen())

    def down(self):
        self.call(self.refuse())

    def calm(self):
        self.share = 0
        self.ordered = None

    def next(self, fault, method):
        self.ordered = (fault, method)

    # The loop's thread.

    def run(self):
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    async def listen(self):
        self.server = await asyncio.start_server(self.serve, self.host, self.port,
                                                 limit=HEAD_MAX, reuse_port=True)

        self.is_down = False

    async def wait(self, least, most):
        await asyncio.sleep(self.random.uniform(least, most) / self.rate)

    async def refuse_for_a_moment(self):
        """Refuses new connections for a moment; established ones go on."""
        if self.is_down or not self.server.is_serving():
            return
        self.server.close()
        await self.wait(0.05, MOMENT_MAX_S)
        if not self.is_down and not self.server.is_serving():
            await self.listen()

    async def refuse(self):
        self.is_down = True
        self.server.close()
        for writer in list(self.writers):
            reset(writer)

    async def serve(self, reader, writer):
        server = None
        self.writers.add(writer)
        try:
            server_reader, server = await asyncio.open_connection(*self.upstream,
                                                                  limit=HEAD_MAX)
            self.writers.add(server)
            while await self.pass_on(reader, writer, server_reader, server):
                pass
        except Broken:
            pass
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            reset(writer)
        finally:
            for end in (writer, server):
                if end:
                    self.writers.discard(end)
                    end.close()

    def draw(self, method):
        self.requests += 1
        if self.ordered and self.ordered[1] == method:
            fault, self.ordered = self.ordered[0], None
            self.counts[fault] += 1
            return fault
        if self.random.random() >= self.share:
            return None
        fault = self.random.choices(list(self.weights), self.weights.values())[0]
        self.counts[fault] += 1
        return fault

    async def pass_on(self, reader, writer, server_reader, server):
        """Passes on one request and its answer. Returns False when the connection is over."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as e:
            if e.partial:
                raise
            return False
        fault = self.draw(head.split(b" ", 1)[0])
        length = int(field(head, b"Content-Length") or 0)
        if fault == "delay":
            await self.wait(0.02, LAG_MAX_S)
        if fault in ("reset-before", "refused"):
            reset(writer)
            if fault == "refused":
                await self.refuse_for_a_moment()
            raise Broken
        if fault == "gateway-before" or fault in LIMITED:
            await self.send_body(reader, None, length)
            await self.answer_as_gateway(writer, fault)
            return False
        if fault == "reset-middle":
            await self.send_a_part(reader, server, head, length)
            reset(writer)
            reset(server)
            raise Broken
        server.write(head)
        await self.send_body(reader, server, length)
        method = head.split(b" ", 1)[0]
        return await self.answer(fault, method, writer, Answer(server_reader), reader)

    async def send_body(self, reader, server, length):
        while length > 0:
            piece = await reader.read(min(CHUNK, length))
            if not piece:
                # A reset keeps the server from taking half of the body for the whole.
                if server:
                    reset(server)
                raise Broken
            length -= len(piece)
            if server:
                server.write(piece)
                await server.drain()

    async def send_a_part(self, reader, server, head, length):
        if length == 0:
            server.write(head[:self.random.randrange(1, len(head))])
        else:
            server.write(head)
            await self.send_body(reader, server, self.random.randrange(length))
        await server.drain()
        await asyncio.sleep(0.01)

    async def answer_as_gateway(self, writer, fault):
        status = self.random.choice([b"502 Bad Gateway", b"504 Gateway Time-out"])
        if fault in LIMITED:
            status = b"429 Too Many Requests"
        body = b"<html><h1>" + status + b"</h1></html>"
        writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Type: text/html\r\nConnection: close"
                     b"\r\n" + LIMITED.get(fault, b"") +
                     b"Content-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()

    async def answer(self, fault, method, writer, answer, reader):
        head = await answer.head()
        if fault == "reset-after":
            reset(writer)
            raise Broken
        if fault == "close-after":
            return False
        if fault == "gateway-after":
            await self.answer_as_gateway(writer, fault)
            return False
        if fault == "stall":
            # Waits until the client closes the connection.
            await asyncio.wait_for(reader.read(1), 120)
            raise Broken
        if fault == "late":
            await self.wait(0.02, LAG_MAX_S)
        pieces = [head]
        async for piece in answer.pieces(head, method):
            pieces.append(piece)
            if fault not in ("cut", "trickle"):
                writer.writelines(pieces)
                await writer.drain()
                pieces = []
        data = b"".join(pieces)
        if fault == "cut":
            writer.write(data[:self.random.randrange(len(data))])
            await writer.drain()
            if self.random.random() < 0.5:
                await asyncio.sleep(0.01)
                reset(writer)
                raise Broken
            return False
        while fault == "trickle" and data:
            writer.write(data[:701])
            await writer.drain()
            await asyncio.sleep(0.005)
            data = data[701:]
        writer.write(data)
        await writer.drain()
        return not answer.ends_connection
