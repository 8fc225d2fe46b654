"""Behind a proxy, and on servers whose certificate an authority of one's own has made."""
import pathlib
import re

import pytest

from lib.mount import unescape
from lib.tls import Front, certificate, context
from lib.tree import error_of, messages_in, read
from lib.util import wait_until
from lib.webproxy import WebProxy

SECRET = "s3cret,@:pw"
USER = f"ann:{SECRET}"
# In a URL, and in an option.
QUOTED = "ann:s3cret%2C%40%3Apw"


@pytest.fixture(name="new_proxy")
def fixture_new_proxy():
    made = []

    def new(**options):
        made.append(WebProxy(**options))
        return made[-1]
    yield new
    for it in made:
        it.close()


@pytest.fixture(name="pair", scope="module")
def fixture_pair(tmp_path_factory):
    return certificate(tmp_path_factory.mktemp("tls"), "good", "IP:127.0.0.1")


@pytest.fixture(name="front")
def fixture_front(sim, pair):
    it = Front(sim.port, {"good": context(pair)})
    it.url = f"https://127.0.0.1:{it.port}/v1"
    yield it
    it.close()


def refused(start_mount, *args, match, **options):
    with pytest.raises(RuntimeError, match="(?s)ended with 1.*" + match) as caught:
        start_mount(*args, **options)
    assert SECRET not in str(caught.value) and "s3cret" not in str(caught.value)


def look(mount):
    assert len(messages_in(mount.space("Lunch"))) == 4
    with open(mount.space("Lunch") / "post", "w", encoding="utf-8") as f:
        f.write("by the proxy")
    assert read(mount.space("Lunch") / "last") == b"by the proxy\n"


def test_by_a_proxy(front, pair, new_proxy, start_mount):
    """By the option and by each variable; its password is shown nowhere."""
    asks = new_proxy(user=USER)
    by_option = start_mount(front.url, f"cacert={pair[0]}",
                            f"proxy=http://{QUOTED}@127.0.0.1:{asks.port}")
    look(by_option)
    assert asks.users == {USER} and set(asks.seen) == {f"CONNECT 127.0.0.1:{front.port} HTTP/1.1"}
    # The token and what is said are for the server alone.
    assert b"alice-token" not in asks.heads and b"Bearer" not in asks.heads
    shown = pathlib.Path(f"/proc/{by_option.pid}/cmdline").read_bytes().decode()
    assert "s3cret" not in shown and f"proxy=http://ann:***********" in shown
    with open("/proc/self/mountinfo", encoding="utf-8") as lines:
        line = next(l for l in lines if unescape(l.split()[4]) == str(by_option.path))
    assert "s3cret" not in line and str(asks.port) not in line
    # Errors name it.
    asks.close()
    front.cut()
    assert error_of(by_option.ls, "spaces/Firmware") == "ECONNREFUSED"
    for name in ("last-error", "log"):
        text = read(by_option / ".sparkfs" / name).decode()
        assert f"by the proxy {asks.url}: " in text and "s3cret" not in text, text
    for variable in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        proxy = new_proxy()
        mount = start_mount(front.url, f"cacert={pair[0]}", env={variable: proxy.url})
        assert len(messages_in(mount.space("Lunch"))) == 5, variable
        assert proxy.seen, variable
        mount.unmount()


def test_by_no_proxy(sim, front, pair, new_proxy, start_mount):
    ca = f"cacert={pair[0]}"
    unused, used = new_proxy(), new_proxy()
    for server, options, env in (
            (front.url, (ca,), {"https_proxy": unused.url, "no_proxy": "x.org,127.0.0.0/8"}),
            (front.url, (ca,), {"all_proxy": unused.url, "NO_PROXY": "*"}),
            (front.url, (ca, "proxy=off"), {"https_proxy": unused.url}),
            (front.url, (ca, f"proxy=127.0.0.1:{used.port}"),
             {"https_proxy": unused.url, "no_proxy": "127.0.0.1"}),
            # In clear, the token does not leave this machine.
            (sim, (), {"http_proxy": "http://proxy.example.com:3128"}),
            (sim, ("proxy=http://proxy.example.com:3128",), {}),
            (sim, (), {"https_proxy": unused.url}),
            (sim, (), {"http_proxy": unused.url, "no_proxy": "localhost 127.0.0.1"})):
        mount = start_mount(server, "cache=memory", *options, env=env)
        assert len(messages_in(mount.space("Lunch"))) == 4, env
        mount.unmount()
    assert unused.seen == []
    assert set(used.seen) == {f"CONNECT 127.0.0.1:{front.port} HTTP/1.1"}
    # A proxy on this machine may have it.
    mount = start_mount(sim, "cache=memory", env={"http_proxy": used.url})
    look(mount)
    assert f"GET {sim.base}/people/me HTTP/1.1" in used.seen


def test_a_proxy_that_refuses(sim, front, pair, new_proxy, start_mount):
    """Each in one line, which names it, at once."""
    ca = f"cacert={pair[0]}"
    proxy = new_proxy(user=USER)
    at = f"the proxy http://127.0.0.1:{proxy.port} "
    refused(start_mount, front.url, ca, f"proxy=http://ann:s3cret@127.0.0.1:{proxy.port}",
            match=at + r"wants another user or password \(407\)")
    refused(start_mount, sim, f"proxy=http://ann:s3cret@127.0.0.1:{proxy.port}",
            match=at + r"wants another user or password \(407\)")
    proxy.user, proxy.answer = None, 403
    refused(start_mount, front.url, ca, f"proxy={proxy.url}",
            match=at + r"does not let this through \(403\)")
    proxy.answer = 502
    refused(start_mount, front.url, ca, "timeout=1", f"proxy={proxy.url}",
            match=at + r"does not reach the server \(502\)")
    refused(start_mount, front.url, ca, "timeout=1", "proxy=http://ann:s3cret@none.invalid:1",
            match="by the proxy http://none.invalid:1: ")
    for bad in ("ftp://ann:s3cret@host:1", "http://", "http://ann:s3cret@ho st:1",
                "http://ann:s3cret@host:port"):
        refused(start_mount, front.url, ca, f"proxy={bad}", match="no address of a proxy")
    refused(start_mount, front.url, ca, env={"https_proxy": "x://ann:s3cret@y"},
            match="https_proxy: no address of a proxy")
    # A known account mounts, and says so.
    mount = start_mount(front.url, ca)
    look(mount)
    mount.unmount()
    proxy.answer = 407
    mount = start_mount(front.url, ca, f"proxy={proxy.url}", state=mount.state)
    assert len(messages_in(mount.space("Lunch"))) == 5
    wait_until(lambda: re.search(at + "wants .*; showing what is known", mount.output), 5)
    proxy.answer = None
    wait_until(lambda: error_of(mount.ls, "spaces/Firmware") is None, 10)


def test_own_authorities(front, pair, start_mount, tmp_path):
    refused(start_mount, front.url, "timeout=1", match="certificate")
    ca = pair[0]
    for options, env in ((f"cacert={ca}", {}), ("", {"CURL_CA_BUNDLE": str(ca)}),
                         ("", {"SSL_CERT_FILE": str(ca)}),
                         (f"cacert={ca}", {"CURL_CA_BUNDLE": "/none"}),
                         ("", {"CURL_CA_BUNDLE": str(ca), "SSL_CERT_FILE": "/none"})):
        mount = start_mount(front.url, "cache=memory", options, env=env)
        assert len(messages_in(mount.space("Lunch"))) == 4, (options, env)
        mount.unmount()
    hashed = tmp_path / "hashed"
    hashed.mkdir()
    (hashed / "good.pem").write_bytes(ca.read_bytes())
    done = mount.run(["openssl", "x509", "-noout", "-hash", "-in", str(ca)], cwd="/").ok()
    (hashed / f"{done.out.strip()}.0").symlink_to(hashed / "good.pem")
    mount = start_mount(front.url, "cache=memory", env={"SSL_CERT_DIR": str(hashed)})
    assert len(messages_in(mount.space("Lunch"))) == 4
    (tmp_path / "text").write_text("no certificate\n")
    (tmp_path / "broken").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    for path, words in (("/none", "No such file"), (tmp_path / "text", "no certificate"),
                        (tmp_path / "broken", "no certificate"), (pair[1], "no certificate"),
                        (tmp_path, "no certificate"), ("/dev/zero", "no certificate")):
        refused(start_mount, front.url, f"cacert={path}", match=f"cacert={path}: .*{words}")
        for name in ("CURL_CA_BUNDLE", "SSL_CERT_FILE"):
            refused(start_mount, front.url, env={name: str(path)}, match=f"{name}={path}: .*{words}")
    refused(start_mount, front.url, env={"SSL_CERT_DIR": "/none"}, match="SSL_CERT_DIR=/none: ")
