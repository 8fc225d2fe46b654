"""The login of a storm whose tokens expire (--life)."""
import time

from lib.person import Person, address_in, decide, end

NAME = "storm"


class Login:
    """Somebody who logs in to the simulator, by the proxy before it."""

    def __init__(self, home, sim, proxy, life):
        self.sim, self.proxy, self.life = sim, proxy, life
        home.mkdir()
        self.person = Person(home, sim)
        self.person.integrate()
        self.logins = self.refreshes = self.requests = 0

    def log_in(self):
        """While nothing fails: a person would try until it works. A restarted server knows no login."""
        self.sim.control("POST", "/switches", {"tokenLife": self.life})
        share, self.proxy.share = self.proxy.share, 0
        try:
            url = f"http://127.0.0.1:{self.proxy.port}/v1"
            child = self.person.start("login", "--url", url, "--paste", NAME)
            query = address_in(child, url + "/authorize?").partition("?")[2]
            where = decide(self.sim, f"{self.sim.base}/authorize?{query}").headers["Location"]
            end(child, 0, where + "\n")
        finally:
            self.proxy.share = share
        self.logins += 1

    def harvest(self, log):
        """Counts the requests for tokens in the simulator's log."""
        asked = [r for r in log if r["method"] == "POST" and r["path"].endswith("/access_token")]
        self.requests += len(asked)
        self.refreshes += sum(1 for r in asked if r["status"] == 200)

    def problem(self):
        """What is wrong at the end, or None."""
        record = self.person.record(NAME)
        if "ended" in record:
            return f"the login has ended: {record['ended']}"
        # Another process may be at it, and is done soon.
        until = time.monotonic() + 5
        while time.monotonic() < until and self.left_over():
            time.sleep(0.1)
        return self.left_over()

    def left_over(self):
        names = {p.name for p in self.person.folder.iterdir()}
        return None if names <= {f"{NAME}.json", f"{NAME}.lock"} else f"left behind: {names}"

