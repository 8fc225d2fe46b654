"""TLS in front of a simulator: certificates, a server that breaks in various ways, and a mount
that trusts it.

What is trusted is the machine's business. A `World` gives a mount files of its own in place of
some of /etc, in a mount namespace that only this mount is in: the machine is not changed.
"""
import os
import re
import shutil
import socket
import ssl
import struct
import subprocess
import threading

import pytest

FATAL_HANDSHAKE_FAILURE = bytes.fromhex("15030300020228")
# The beginning of a ServerHello, and nonsense.
HALF_A_HELLO = bytes.fromhex("160303004a0200004603 03") + bytes(range(20))
HTTP_REFUSAL = (b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nContent-Length: 9\r\n"
                b"Connection: close\r\n\r\nno TLS!\r\n")
HANDSHAKE_RECORD = 0x16
# A mount that goes in here does not go out there, but for those of the test itself: others share
# directories in the same way. And else a file system that another test unmounts out there would
# live on in here.
FORGET_OTHERS = r"""
sed -n 's/^\([^ ]* \)\{4\}\([^ ]*\) [^ ]* .*shared:[0-9].* - .*/\2/p' /proc/self/mountinfo |
    while read -r mounted; do
        mounted=$(printf '%b' "$mounted")
        [ "$mounted" = "$OWN" ] || mount --make-slave "$mounted" || :
    done
sed -n 's/^[^ ]* [^ ]* [^ ]* [^ ]* \([^ ]*\) .* - fuse[. ].*/\1/p' /proc/self/mountinfo |
    while read -r mounted; do
        mounted=$(printf '%b' "$mounted")
        case $mounted in "$OWN"/*) continue ;; esac
        mount --make-private "$mounted" && umount -c -l "$mounted" || :
    done
"""
LENGTH = re.compile(rb"(?<=\r\n)Content-Length: *(\d+)", re.I)
PACKING = re.compile(rb"(?<=\r\n)Accept-Encoding:[^\r\n]*\r\n", re.I)


def certificate(folder, name, alternatives):
    """A certificate that is its own authority: (path, path of its key)."""
    made, key = folder / f"{name}.crt", folder / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", made,
                    "-days", "2", "-subj", f"/CN={name}", "-addext",
                    f"subjectAltName={alternatives}"],
                   check=True, capture_output=True, timeout=60)
    return made, key


def context(pair):
    it = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    it.load_cert_chain(*pair)
    return it


def bundle():
    """Where libcurl looks for those whom it trusts."""
    found = subprocess.run(["curl-config", "--ca"], capture_output=True, text=True,
                           check=False).stdout.strip() if shutil.which("curl-config") else ""
    return found or "/etc/ssl/certs/ca-certificates.crt"


class World:
    """Files in place of those of the machine, for mounts whose `binary` is `.program`."""

    def __init__(self, tmp_path):
        self.path = tmp_path
        self.program = tmp_path / "sparkfs-elsewhere"
        self.lines = []
        # What is mounted below it in there is seen out here.
        for command in (["mount", "--bind", tmp_path, tmp_path],
                        ["mount", "--make-shared", tmp_path]):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                self.close()
                pytest.skip(f"no mounts of our own: {done.stderr.strip()}")
        self.write()

    def replace(self, name, text):
        """There, `name` has that text. Returns the file, which may be rewritten in place."""
        mine = self.path / ("etc" + name.replace("/", "-"))
        mine.write_text(text)
        self.lines.append(f'mount --make-private "$(findmnt -n -o TARGET -T {name})"\n'
                          f"mount --bind {mine} {name}\n")
        self.write()
        return mine

    def write(self):
        self.program.write_text(
            f"#!/bin/sh\nset -e\nOWN='{self.path}'\nif [ -z \"$ELSEWHERE\" ]; then\n"
            "    export ELSEWHERE=1\n"
            "    exec unshare --mount --propagation unchanged \"$0\" \"$@\"\nfi\n"
            + FORGET_OTHERS + "".join(self.lines)
            + f"exec {os.environ['SPARKFS']} \"$@\"\n")
        self.program.chmod(0o700)

    def close(self):
        subprocess.run(["umount", "-l", self.path], capture_output=True, check=False)


class Front:
    """Takes TLS and passes on what is in it. `mode`: what happens to connections from now on.

    good            the certificate of that name in `contexts` is shown, all is passed on
    another name of these: as good, by that certificate
    plain, alert, half, hang up, reset, silent: instead of the handshake
    junk            the next POST, PUT or DELETE is answered by bytes that are no TLS
    applied, MODE   the same, but it was passed on before; then one connection suffers MODE
    """

    def __init__(self, port, contexts):
        self.upstream = port
        self.contexts = contexts
        self.mode = "good"
        self.heals = False  # good again after the next connection
        self.first = set()  # first bytes of connections
        self.outside = b""  # what came before or instead of a handshake
        self.lock = threading.Lock()
        self.live = set()
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def be(self, mode, keep=False):
        """From now on; connections that stand are cut unless they are kept."""
        self.mode, self.heals = mode, False
        if not keep:
            self.cut()

    def cut(self):
        with self.lock:
            for sock in list(self.live):
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def close(self):
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        self.cut()

    def accept(self):
        while True:
            try:
                sock, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        with self.lock:
            self.live.add(sock)
        sock.settimeout(120)
        try:
            first = sock.recv(1, socket.MSG_PEEK)
            if first:
                self.first.add(first[0])
                self.shake(sock)
        except (OSError, ValueError):
            pass
        finally:
            with self.lock:
                self.live.discard(sock)
            sock.close()

    def shake(self, sock):
        mode = self.mode
        if self.heals:
            self.be("good", keep=True)
        name = "good" if mode == "junk" or mode.startswith("applied, ") else mode
        if name in self.contexts:
            self.talk_in_secret(sock, name)
            return
        self.outside += sock.recv(65536)
        answer = {"plain": HTTP_REFUSAL, "alert": FATAL_HANDSHAKE_FAILURE, "half": HALF_A_HELLO}
        if mode in answer:
            sock.sendall(answer[mode])
            sock.shutdown(socket.SHUT_WR)
        elif mode == "reset":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        elif mode == "hang up":
            return
        while data := sock.recv(65536):
            self.outside += data

    def talk_in_secret(self, sock, name):
        with self.contexts[name].wrap_socket(sock, server_side=True) as tls:
            with self.lock:
                self.live.add(tls)
            try:
                self.talk(tls)
            finally:
                with self.lock:
                    self.live.discard(tls)

    def talk(self, tls):
        """Requests and answers, one after the other, until either side ends it."""
        with socket.create_connection(("127.0.0.1", self.upstream), 120) as server:
            while head := read_head(tls):
                is_struck = not head.startswith((b"GET", b"HEAD")) and \
                    (self.mode == "junk" or self.mode.startswith("applied, "))
                mode, self.mode = self.mode, "good" if is_struck else self.mode
                if is_struck and mode == "junk":
                    copy(tls, None, length_of(head))
                    break_records(tls)
                    return
                server.sendall(PACKING.sub(b"", head))
                copy(tls, server, length_of(head))
                answer = read_answer(server, head)
                if is_struck:
                    self.mode, self.heals = mode.removeprefix("applied, "), True
                    break_records(tls)
                    return
                tls.sendall(answer)


def break_records(tls):
    """Bytes that are no TLS record, on the connection under it."""
    with socket.socket(fileno=os.dup(tls.fileno())) as below:
        below.settimeout(10)
        below.sendall(b"HTTP/1.1 200 OK\r\n\r\n{}" * 9)


def read_head(sock):
    """All up to the empty line, byte by byte where it ends; empty at the end."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = sock.recv(1)
        if not byte:
            return b""
        head += byte
    return head


def length_of(head):
    found = LENGTH.search(head)
    return int(found[1]) if found else 0


def copy(from_sock, to_sock, left):
    while left > 0:
        data = from_sock.recv(min(left, 65536))
        if not data:
            raise OSError("the connection ended in a body")
        left -= len(data)
        if to_sock:
            to_sock.sendall(data)


def read_answer(server, request):
    """The answer, as of a server that knows that it is asked by TLS."""
    head = read_head(server)
    body = b""
    status = int(head.split(b" ", 2)[1])
    if request.startswith(b"HEAD") or status in (204, 304):
        return in_secret(head)
    while len(body) < length_of(head):
        piece = server.recv(65536)
        if not piece:
            raise OSError("the connection ended in an answer")
        body += piece
    body = in_secret(body)
    return LENGTH.sub(b"Content-Length: %d" % len(body), in_secret(head)) + body


def in_secret(data):
    return data.replace(b"http://", b"https://")
