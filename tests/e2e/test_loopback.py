"""The server of `sparkfs login --browser`, and which browser is opened. test_browser has a real one."""
import os
import pathlib
import signal
import socket
import threading
import time

import pytest

from lib.person import end
from lib.util import hurry_rate, scaled, wait_until


def connections(port):
    """How many of the server's are there."""
    return sum(line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "01"
               for family in ("tcp", "tcp6")
               for line in pathlib.Path(f"/proc/net/{family}").read_text().splitlines()[1:])


def test_the_same_answer_twice(desk):
    """A reload while the tokens are fetched, and another tab: one request, and each is told how it went."""
    desk.sim.fault(method="POST", route="/access_token", hang=True)
    child, url = desk.login()
    target, found = desk.target(url), []
    threads = [threading.Thread(target=lambda a=address: found.append(desk.get(target, a)))
               for address in ("127.0.0.1", "::1") * 4]
    # Somebody leaves before he is told, and connections are opened ahead of time.
    with socket.create_connection(("127.0.0.1", desk.port)) as gone:
        gone.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost:{desk.port}\r\n\r\n".encode())
        wait_until(lambda: desk.redeemed() == 1)
    idle = [socket.create_connection(("127.0.0.1", desk.port)) for _ in range(40)]
    for t in threads:
        t.start()
    wait_until(lambda: connections(desk.port) >= 48, 10, "all of them")
    desk.sim.control("POST", "/release")
    for t in threads:
        t.join()
    for connection in idle:
        connection.close()
    assert len(found) == 8 and {status for status, _ in found} == {200}, found
    assert all("alice@example.com" in page for _, page in found)
    assert desk.redeemed() == 1 and "alice@example.com" in end(child)


def test_nobody_comes(desk):
    """Five minutes, which pass a hundred times as fast."""
    rate = hurry_rate(100)
    if rate == 1:
        pytest.skip("five minutes")
    env = dict(desk.person.env)
    desk.person.env.update(HURRY=str(rate), LD_PRELOAD=os.environ["HURRY_LIBRARY"])
    desk.person.env["ASAN_OPTIONS"] += ":verify_asan_link_order=0"
    began = time.monotonic()
    child, url = desk.login()
    assert "nobody logged in within five minutes" in end(child, 1)
    assert 2.5 < time.monotonic() - began < scaled(10)
    desk.person.env = env
    with pytest.raises(ConnectionRefusedError):
        desk.get(desk.target(url))
    assert desk.redeemed() == 0 and not desk.person.folder.exists()


# ---- which browser is opened ----

RECORD = """#!/bin/sh
{ printf '%s\\n' "$0" "$@"; env; } > "$HOME/$(basename "$0").new"
mv "$HOME/$(basename "$0").new" "$HOME/$(basename "$0").seen"
"""


@pytest.fixture
def browsers(desk):
    """Programs that keep how they were called."""
    folder = desk.person.home / "bin"
    folder.mkdir()
    for name, text in (("xdg-open", RECORD), ("nice browser", RECORD), ("fails", RECORD + "exit 3\n")):
        path = folder / name
        path.write_text(text)
        path.chmod(0o755)
    desk.person.env["PATH"] = f"{folder}:{os.environ['PATH']}"
    for name in ("WAYLAND_DISPLAY", "SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY"):
        desk.person.env.pop(name, None)
    return desk


def opened(desk, name, **env):
    """The arguments and the environment of that browser; None if it was not opened."""
    before = dict(desk.person.env)
    seen = desk.person.home / f"{name}.seen"
    seen.unlink(missing_ok=True)
    desk.person.env.update(env)
    child, url = desk.login()
    try:
        if name != "none":
            wait_until(seen.exists, 10, name)
        rest = child
    finally:
        rest.send_signal(signal.SIGINT)
        end(rest, -signal.SIGINT)
        desk.person.env = before
    return seen.read_text().splitlines() if name != "none" else None, url


def test_which_browser_is_opened(browsers):
    desk = browsers
    secrets = {"CISCO_SPARK_CLIENT_SECRET": "s3cr3t", "CISCO_SPARK_REFRESH_TOKEN": "r3fr3sh",
               "WEBEX_ACCESS_TOKEN": "acc3ss"}
    for env in ({"DISPLAY": ":9"}, {"WAYLAND_DISPLAY": "wayland-0"}, {"DISPLAY": ":9", "BROWSER": ""}):
        lines, url = opened(desk, "xdg-open", **env, **secrets)
        assert lines[1] == url and not any(s in "\n".join(lines) for s in secrets.values())
        assert "HOME=" + str(desk.person.home) in lines
    # A list, in which the first is not there and the second fails; the address where %s is.
    lines, url = opened(desk, "nice browser", DISPLAY=":9",
                        BROWSER="no-such-browser:fails %s:'nice browser' --new '%s#%c%%':xdg-open")
    assert lines[1:3] == ["--new", f"{url}#:%"]
    assert (desk.person.home / "fails.seen").read_text().splitlines()[1] == url
    assert not (desk.person.home / "xdg-open.seen").exists() or \
        (desk.person.home / "xdg-open.seen").read_text().splitlines()[1] != url
    # Without a desktop and from elsewhere, only if BROWSER says so.
    lines, url = opened(desk, "nice browser", BROWSER="'nice browser'", SSH_TTY="/dev/pts/1")
    assert lines[1] == url


@pytest.mark.parametrize("env", [{}, {"DISPLAY": ":9", "SSH_CONNECTION": "a 1 b 2"},
                                 {"DISPLAY": "", "WAYLAND_DISPLAY": ""}])
def test_no_browser_is_opened(browsers, env):
    desk = browsers
    desk.person.env.update(env)
    child = desk.person.start("login", "--url", desk.sim.base, "--browser")
    lines = []
    for line in child.stdout:
        lines.append(line)
        if line.startswith("Waiting"):
            break
    child.send_signal(signal.SIGINT)
    end(child, -signal.SIGINT)
    assert ("ssh -L" in "".join(lines)) == ("SSH_CONNECTION" in env), lines
    assert not (desk.person.home / "xdg-open.seen").exists()
