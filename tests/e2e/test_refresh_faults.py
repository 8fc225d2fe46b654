"""Whatever the network and the service say of a refresh, and wherever it is killed: the login is good afterwards,
unless the service took it back, or the answer was lost which had the only refresh token."""
import json
import time

import pytest

from lib.person import SHORT, by_device
from test_accounts import give, refused
from test_refresh import asked, meddled, old


pytestmark = pytest.mark.sim("--data", "empty", *SHORT)
FAULTS = {
    "refused": None,
    "DNS": None,
    "TLS": None,
    "reset": {"reset": "before"},
    "reset after": {"reset": "after"},
    "500": {"status": 500},
    "502 html": {"status": 502, "html": True},
    "503 with Retry-After": {"status": 503, "retryAfter": "7"},
    "504": {"status": 504},
    "429": {"status": 429},
    "429 with Retry-After": {"status": 429, "retryAfter": "7"},
    "429 with a bad one": {"status": 429, "retryAfter": "soon"},
    "malformed": {"malformed": True},
    "cut": {"cutAt": 30},
    "wrong length": {"contentLength": "wrong"},
    "a page": {"status": 200, "html": True},
    "a page with 400": {"status": 400, "html": True},
    "a page with 401": {"status": 401, "html": True},
    "redirect": {"status": 302, "html": True},
    "407": {"status": 407, "html": True},
    "403": {"status": 403},
    "404": {"status": 404},
    "511": {"status": 511, "html": True},
    "client": {"status": 400, "message": "invalid_client"},
    "client 401": {"status": 401, "message": "invalid_client"},
    "limit": {"status": 400, "message": "tokenlimit_reached"},
}


def test_no_fault_of_the_network_ends_a_login(person, sim):
    by_device(person, "me")
    path, refresh = person.folder / "me.json", person.record("me")["refreshToken"]
    for name, fault in FAULTS.items():
        record = person.record("me")
        token = record["accessToken"]
        if fault:
            sim.fault(method="POST", route="/access_token", **fault)
        else:
            url = {"refused": "http://127.0.0.1:1/v1", "DNS": "https://nowhere.invalid/v1",
                   "TLS": f"https://127.0.0.1:{sim.port}/v1"}[name]
            path.write_text(json.dumps({**record, "url": url}))
        assert "cannot be refreshed now" in give(person, "me", *refused(token), status=75), name
        # Who was not refused goes on with what there is.
        n = asked(sim)
        assert give(person, "me", *old(token)) == token, name
        record = person.record("me")
        assert "ended" not in record and record["refreshToken"] == refresh, name
        # Some want to be left alone: by all, and for as long as they say.
        is_told = bool(fault) and (fault.get("status") == 429 or "retryAfter" in fault)
        assert asked(sim) - n == (0 if is_told or not fault else 1), name
        if is_told:
            left = record["retryAt"] / 1000 - time.time()
            assert 0 < left <= (7 if fault.get("retryAfter") == "7" else 60), name
        path.write_text(json.dumps({**record, "url": sim.base, "retryAt": 0}))
        sim.clear_faults()
    assert give(person, "me", *refused(token)) != token
    assert {p.name for p in person.folder.iterdir()} == {"me.json", "me.lock"}


def answered(sim):
    return len([r for r in sim.requests("POST", "/access_token") if r["status"] == 200])


@pytest.mark.limit(120)
@pytest.mark.parametrize("rotates", [False, True])
def test_a_kill_at_every_operation(person, sim, tmp_path, rotates):
    sim.control("POST", "/switches", {"refreshRotates": rotates})
    by_device(person, "me")
    log, n, lost, finished = tmp_path / "log", 0, [], []
    while True:
        n += 1
        old = person.record("me")
        before, asked = answered(sim), len(sim.requests("POST", "/access_token"))
        log.write_text("")
        meddled(person, ["--give-token", "me", *refused(old["accessToken"])],
                MEDDLE_KILL=n, MEDDLE_COUNT=log)
        steps = log.read_text()
        if len(steps) < n:
            break
        was_answered = answered(sim) > before
        child = meddled(person, ["--give-token", "me", *refused(old["accessToken"])])
        tries = len(sim.requests("POST", "/access_token")) - asked
        if child.returncode == 0:
            token = child.stdout.strip()
            assert token != old["accessToken"] and sim.me(token), steps
            assert person.record("me")["accessToken"] == token
            assert tries == 1 or (tries == 2 and "w" not in steps[:-1]), steps
            finished += [n] if was_answered and tries == 1 else []
            continue
        # The answer was on its way, and not yet in a file. It is asked for once, and then no more.
        assert rotates and was_answered and "w" not in steps[:-1], (steps, child.stderr)
        assert child.returncode == 3 and "sparkfs login me" in child.stderr and tries == 2
        child = meddled(person, ["--give-token", "me", *refused(old["accessToken"])])
        assert child.returncode == 3
        assert len(sim.requests("POST", "/access_token")) == asked + 2
        lost.append(n)
        by_device(person, "me")
    # The room is there, and synced, before the service is asked.
    assert steps.index("a") < steps.index("s") < steps.index("c") < steps.index("w"), steps
    assert len(finished) >= 2 and bool(lost) == rotates, (steps, lost, finished)
    assert {p.name for p in person.folder.iterdir()} == {"me.json", "me.lock"}
