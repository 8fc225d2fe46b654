"""Somebody who logs in by sparkfs, and what he does with a browser that has no JavaScript."""
import html.parser
import http.client
import json
import os
import re
import socket
import subprocess
import urllib.parse

from .util import default_env, scaled

SHORT = ["--device-interval", "0"]
NO_HELPERS = "id=bare secret=s3 scope=spark:all redirect=http://localhost:{port}/"


class Form(html.parser.HTMLParser):
    """The page's one form as a browser without JavaScript sees it."""

    def __init__(self, text):
        super().__init__()
        self.fields, self.action = {}, None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "form":
            self.action = attrs["action"]
        elif attrs.get("type") == "hidden":
            self.fields[attrs["name"]] = attrs["value"]


class Person:
    """Somebody with a home of his own, who runs sparkfs in it."""

    def __init__(self, home, sim):
        self.home, self.sim = home, sim
        self.env = {**{k: v for k, v in os.environ.items()
                       if not k.startswith(("XDG_", "WEBEX_", "CISCO_", "SPARK_", "CURL_", "SSL_"))
                       and not k.lower().endswith("_proxy")},
                    **default_env(), "HOME": str(home), "BROWSER": "", "DISPLAY": "",
                    # Where a mount with state=home looks.
                    "XDG_STATE_HOME": f"{home}/state", "XDG_CACHE_HOME": f"{home}/cache",
                    "XDG_CONFIG_HOME": f"{home}/config"}
        self.config = home / "config/sparkfs/config"
        self.config.parent.mkdir(parents=True)

    def integrate(self, name="sim-client", secret="sim-secret", **more):
        lines = ["[integration]", f"client_id={name}", "client_secret_file=secret"]
        self.config.write_text("\n".join(lines + [f"{k}={v}" for k, v in more.items()]) + "\n")
        path = self.config.parent / "secret"
        path.write_text(secret + "\n")
        path.chmod(0o600)
        return path

    def start(self, *args, **more):
        return subprocess.Popen([os.environ["SPARKFS"], *map(str, args)], env=self.env,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, **more)

    def run(self, *args, text="", status=0):
        """Its standard output, or its one line on standard error if it fails."""
        child = self.start(*args)
        out, err = child.communicate(text, timeout=scaled(60))
        assert child.returncode == status, (args, child.returncode, out, err)
        return err if status else out

    def login(self, *args, text="", status=0):
        return self.run("login", "--url", self.sim.base, *args, text=text, status=status)

    def accounts(self):
        return json.loads(self.run("accounts", "--json"))

    @property
    def folder(self):
        return self.home / "state/sparkfs/logins"

    def record(self, name):
        return json.loads((self.folder / f"{name}.json").read_text())


def decide(sim, url, who="alice", decision="allow"):
    """What a person does with the address; returns the answer to the posted form."""
    page = sim.request("GET", url.partition(sim.origin)[2]).ok()
    form = Form(page.text)
    body = urllib.parse.urlencode({**form.fields, "person": who, "decision": decision})
    return sim.request("POST", form.action, body,
                       {"Content-Type": "application/x-www-form-urlencoded"})


def address_in(child, begins):
    """The address in what the program prints."""
    lines = []
    for line in child.stdout:
        lines.append(line)
        found = re.search(rf"{re.escape(begins)}\S+", line)
        if found:
            return found[0]
    raise AssertionError((lines, child.stderr.read()))


def end(child, status=0, text=None):
    out, err = child.communicate(text, timeout=scaled(60))
    assert child.returncode == status, (child.returncode, out, err)
    return err if status else out


def by_device(person, *args, who="alice", decision="allow", status=0):
    child = person.start("login", "--url", person.sim.base, *args)
    url = address_in(child, person.sim.origin + "/verify?userCode=")
    decide(person.sim, url, who, decision)
    return end(child, status)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


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

    def redeemed(self):
        """How often somebody asked for tokens."""
        return len(self.sim.requests("POST", "/access_token"))
