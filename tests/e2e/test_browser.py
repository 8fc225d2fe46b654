"""A real browser at `sparkfs login --browser`, and at the page where a code is entered."""
import http.client
import os
import pathlib
import signal
import socket
import threading
import time

import pytest

from lib.chrome import Chrome
from lib.person import NO_HELPERS, SHORT, address_in, decide, end, free_port
from lib.util import hurry_rate, scaled, wait_until

# Somebody who would like to run a script in the page that says how it went, and to turn the terminal's text.
HOSTILE = "Mallory</bdi></p><script>document.title='owned'</script><img src=x onerror=alert(1)>\u202e\x1b[2J&amp;"
SHOWN = "Mallory</bdi></p><script>document.title='owned'</script><img src=x onerror=alert(1)>"


class Desk:
    """Somebody with an integration for a browser of this machine, and its port."""

    def __init__(self, start_sim, start_person, *options):
        self.port = free_port()
        self.sim = start_sim("--data", "empty", *options, "--integration",
                             NO_HELPERS.format(port=self.port))
        self.person = start_person(self.sim)
        self.person.integrate("bare", "s3", scopes="spark:all", port=self.port)

    def login(self, *args):
        """The program, which waits, and the address that it shows."""
        child = self.person.start("login", "--url", self.sim.base, "--browser", *args)
        return child, address_in(child, self.sim.base + "/authorize?")

    def target(self, url, **how):
        """Where the service sends the browser, from the path on."""
        where = decide(self.sim, url, **how).headers["Location"]
        return where.partition(f"http://localhost:{self.port}")[2]

    def get(self, target, address="127.0.0.1", host=None):
        connection = http.client.HTTPConnection(address, self.port, timeout=scaled(20))
        try:
            connection.request("GET", target, headers={"Host": host or f"localhost:{self.port}"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()


@pytest.fixture
def desk(start_sim, start_person):
    return Desk(start_sim, start_person)


def redeemed(sim):
    return len(sim.requests("POST", "/access_token"))


def test_in_a_real_browser(desk, tmp_path):
    sim, port = desk.sim, desk.port
    sim.control("POST", "/people", {"email": "mallory@example.com", "name": HOSTILE,
                                    "token": "mallory-token"})
    with Chrome(tmp_path, localhost="[::1]") as chrome:
        # Two tabs; a look at the address itself; another state. The waiting goes on.
        child, url = desk.login("mallory")
        chrome.open(url)
        first = chrome.tab
        second = chrome.new_tab(url)
        chrome.new_tab(f"http://localhost:{port}/")
        assert chrome.heading() == "This is not the answer"
        chrome.open(f"http://localhost:{port}/?state=x&code=y")
        assert "the address that it shows in the terminal now" in chrome.words()
        assert child.poll() is None
        chrome.go_to(first)
        chrome.click("person-mallory")
        chrome.click("allow")
        chrome.wait_for_heading("You are logged in")
        # Nothing of the name runs, and all of it is shown.
        assert SHOWN in chrome.words() and "mallory@example.com" in chrome.words()
        assert chrome.driver.title == "sparkfs: You are logged in"
        assert not chrome.driver.execute_script("return document.scripts.length + document.images.length")
        out = end(child)
        assert "\x1b" not in out and "\u202e" not in out and SHOWN in out
        answers = chrome.answers()
        ours = [a for a in answers if a[0].startswith(f"http://localhost:{port}/")]
        assert [a[1] for a in ours] == [404, 404, 200] and {a[2] for a in ours} == {"[::1]"}, ours
        # Once more: it is over, and nobody is asked again.
        chrome.reload()
        chrome.go_to(second)
        chrome.click("allow")
        chrome.wait_for_heading("This site can’t be reached")
        assert redeemed(sim) == 1

        # Begun again. The old tab's answer is of another login; Back, and the new address.
        child, url = desk.login("alice")
        chrome.back()
        chrome.wait_for_heading("Log in")
        chrome.click("allow")
        chrome.wait_for_heading("This is not the answer")
        assert child.poll() is None
        chrome.open(url)
        chrome.driver.close()
        # The browser is closed half way, and another one is there.
        chrome.go_to(first)
        chrome.open(url)
        chrome.click("person-alice")
        chrome.click("deny")
        chrome.wait_for_heading("The login failed")
        assert chrome.words() == "the person did not allow it"
        assert "did not allow it" in end(child, 1) and redeemed(sim) == 1
        # What the service says has no script either, and a refusal of ours is on the page.
        child, url = desk.login("mallory")
        chrome.open(url)
        chrome.click("person-alice")
        chrome.click("allow")
        chrome.wait_for_heading("The login failed")
        assert "mallory is the login of mallory@example.com" in chrome.words()
        assert "--replace" in end(child, 1)
        sim.fault(method="POST", route="/access_token", status=400, message=SHOWN)
        child, url = desk.login()
        chrome.open(url)
        chrome.click("allow")
        chrome.wait_for_heading("The login failed")
        assert SHOWN in chrome.words() and chrome.driver.title == "sparkfs: The login failed"
        assert SHOWN in end(child, 1)
        assert not [c for c in chrome.complaints() if "Content Security" in c and "icon" in c]


def test_without_scripts(desk, start_sim, start_person, tmp_path):
    """Also where a code is entered, by its address and by hand."""
    with Chrome(tmp_path, with_scripts=False, localhost="127.0.0.1") as chrome:
        chrome.open("data:text/html,<title>off</title><script>document.title='on'</script>")
        assert chrome.driver.title == "off"
        child, url = desk.login()
        chrome.open(url)
        chrome.click("person-bob")
        chrome.click("allow")
        chrome.wait_for_heading("You are logged in")
        assert "bob@example.com" in end(child)
        assert {a[2] for a in chrome.answers() if f":{desk.port}" in a[0]} == {"127.0.0.1"}

        sim = start_sim("--data", "empty", *SHORT)
        person = start_person(sim, "device")
        person.integrate()
        child = person.start("login", "--url", sim.base)
        chrome.open(address_in(child, sim.origin + "/verify?userCode="))
        chrome.click("person-bob")
        chrome.click("allow")
        chrome.wait_for_heading("Connected")
        assert "bob@example.com" in end(child)
        # A code serves once.
        chrome.back()
        chrome.click("allow")
        assert "wrong or has expired" in chrome.words()
        child = person.start("login", "--url", sim.base)
        code = address_in(child, "enter the code ").split()[-1].rstrip(".")
        chrome.open(sim.origin + "/verify")
        chrome.type("code", "000000" if code != "000000" else "1")
        chrome.click("next")
        assert "wrong or has expired" in chrome.words()
        chrome.type("code", code)
        chrome.click("next")
        chrome.click("deny")
        chrome.wait_for_heading("Denied")
        assert "did not allow it" in end(child, 1)


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
        wait_until(lambda: redeemed(desk.sim) == 1)
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
    assert redeemed(desk.sim) == 1 and "alice@example.com" in end(child)


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
    assert redeemed(desk.sim) == 0 and not desk.person.folder.exists()


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
