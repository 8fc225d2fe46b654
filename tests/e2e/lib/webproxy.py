"""An HTTP proxy: CONNECT, and targets in absolute form."""
import base64
import re
import socket
import threading


class WebProxy:
    """.seen: the first lines of requests, .users: who they said to be. .user: whom it wants, as "user:password".
    .answer: a status that it gives instead of what is asked for."""

    def __init__(self, user=None):
        self.user = user
        self.answer = None
        self.seen, self.users = [], set()
        self.heads = b""
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        try:
            self.server.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.server.close()

    def accept(self):
        while True:
            try:
                sock, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        with sock:
            sock.settimeout(60)
            try:
                self.talk(sock)
            except (OSError, ValueError):
                pass

    def talk(self, sock):
        head = b""
        while b"\r\n\r\n" not in head:
            data = sock.recv(65536)
            if not data:
                return
            head += data
        head, _, rest = head.partition(b"\r\n\r\n")
        line = head.split(b"\r\n")[0].decode()
        self.seen.append(line)
        self.heads += head
        given = re.search(rb"(?mi)^Proxy-Authorization: Basic (\S+)", head)
        given = base64.b64decode(given[1]).decode() if given else None
        self.users.add(given)
        status = 407 if self.user and given != self.user else self.answer
        if status:
            sock.sendall(b"HTTP/1.1 %d No\r\nProxy-Authenticate: Basic realm=x\r\n"
                         b"Content-Length: 0\r\nConnection: close\r\n\r\n" % status)
            return
        method, target, version = line.split()
        if method == "CONNECT":
            host, _, port = target.rpartition(":")
            first = rest
        else:
            host, port, path = re.fullmatch(r"http://([^/:]+):(\d+)(/.*)", target).groups()
            kept = [l for l in head.split(b"\r\n")[1:]
                    if not re.match(rb"(?i)(proxy-|connection:)", l)]
            first = b"\r\n".join([f"{method} {path} {version}".encode(), *kept,
                                  b"Connection: close", b"", rest])
        with socket.create_connection((host, int(port)), 60) as server:
            if method == "CONNECT":
                sock.sendall(b"HTTP/1.1 200 Established\r\n\r\n")
            server.sendall(first)
            back = threading.Thread(target=copy, args=(server, sock), daemon=True)
            back.start()
            copy(sock, server)
            back.join(60)


def copy(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
