"""Logins: the two grants, refresh, what ends a token, guests. Sections 5.16 to 5.19."""
import base64
import hashlib
import hmac
import html.parser
import json
import re
import secrets
import urllib.parse

import pytest

from check import DATE, error, iso_ms, uuid_of

HOME = "http://localhost:53682/"
CLIENT = {"client_id": "sim-client", "client_secret": "sim-secret"}
ASKED = {"response_type": "code", "client_id": "sim-client", "redirect_uri": HOME,
         "scope": "spark:all spark:kms", "state": "a b&c"}
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
SHAPE = re.compile(r"[A-Za-z0-9-]{50,}_[A-Za-z0-9-]{4}_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Form(html.parser.HTMLParser):
    """The page's one form as a browser without JavaScript sees it."""

    def __init__(self, text):
        super().__init__()
        self.fields, self.persons, self.action = {}, [], None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        assert tag != "script"
        if tag == "form":
            self.action = attrs["action"]
        elif attrs.get("type") == "hidden":
            self.fields[attrs["name"]] = attrs["value"]
        elif attrs.get("type") == "radio":
            self.persons.append(attrs["value"])


def post_form(sim, target, fields, head=None):
    return sim.request("POST", target, urllib.parse.urlencode(fields),
                       {"Content-Type": "application/x-www-form-urlencoded", **(head or {})})


def basic(name="sim-client", secret="sim-secret"):
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()}


def oauth_error(answer, status, name):
    assert answer.status == status, repr(answer)
    assert answer.json["errors"][0]["description"] == name, answer
    assert answer.json["message"] and answer.json["trackingId"] == answer.headers["TrackingID"]


def page(answer, status=200):
    assert answer.status == status, repr(answer)
    assert answer.headers["Content-Type"].startswith("text/html")
    return answer.text


def back(answer):
    """Where a browser is sent, and the query there."""
    assert answer.status == 302, repr(answer)
    url, _, query = answer.headers["Location"].partition("?")
    return url, dict(urllib.parse.parse_qsl(query))


def ask(sim, **changed):
    query = {k: v for k, v in {**ASKED, **changed}.items() if v is not None}
    return sim.request("GET", "/v1/authorize?" + urllib.parse.urlencode(query))


def allow(sim, person="alice@example.com", decision="allow", **changed):
    """Fills in the page; returns what the application is told."""
    form = Form(page(ask(sim, **changed)))
    assert person in form.persons and "simbot@webex.bot" not in form.persons
    url, told = back(post_form(sim, form.action,
                               {**form.fields, "person": person, "decision": decision}))
    assert url == changed.get("redirect_uri", HOME) and told.pop("state") == ASKED["state"]
    return told


def redeem(sim, code, head=None, **changed):
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": HOME, **CLIENT,
              **changed}
    return post_form(sim, "/v1/access_token", {k: v for k, v in fields.items() if v}, head)


def log_in(sim, person="alice@example.com"):
    return redeem(sim, allow(sim, person)["code"]).ok().json


def refresh(sim, token, **changed):
    return post_form(sim, "/v1/access_token", {"grant_type": "refresh_token",
                                               "refresh_token": token, **CLIENT, **changed})


def works(sim, token):
    return sim.api("GET", "/people/me", token=token).status


def switch(sim, **switches):
    sim.control("POST", "/switches", switches)


@pytest.fixture
def own(start_sim):
    """One whose clock and tokens a test may change."""
    return start_sim("--data", "empty")


# ---- the authorization code grant ----

def test_code_grant(sim, people):
    told = allow(sim)
    answer = redeem(sim, told["code"]).ok()
    got = answer.json
    assert set(got) == {"access_token", "expires_in", "refresh_token", "refresh_token_expires_in",
                        "token_type", "scope"}
    assert got["token_type"] == "Bearer" and got["scope"] == ASKED["scope"]
    assert 1209590 < got["expires_in"] <= 1209599
    assert 7775990 < got["refresh_token_expires_in"] <= 7775999
    assert SHAPE.fullmatch(got["access_token"]) and SHAPE.fullmatch(got["refresh_token"])
    assert sim.me(got["access_token"])["id"] == people["alice"]["id"]
    assert works(sim, got["refresh_token"]) == 401
    assert sim.log()[-1]["token"] == "alice"
    # A code serves once, and the tokens of the first time stay.
    oauth_error(redeem(sim, told["code"]), 400, "invalid_grant")
    assert works(sim, got["access_token"]) == 200
    # Once more by HTTP Basic, and as JSON.
    code = allow(sim, "bob@example.com")["code"]
    got = redeem(sim, code, basic(), client_id=None, client_secret=None).ok().json
    assert sim.me(got["access_token"])["id"] == people["bob"]["id"]
    code = allow(sim)["code"]
    sim.api("POST", "/access_token", {"grant_type": "authorization_code", "code": code,
                                      "redirect_uri": HOME, **CLIENT}, token=None).ok()


def test_what_the_application_is_told(sim):
    assert allow(sim, decision="deny") == {"error": "access_denied"}
    for changed, name in (({"scope": "spark:rooms_read"}, "invalid_scope"),
                          ({"scope": None}, "invalid_scope"),
                          ({"response_type": "token"}, "unsupported_response_type"),
                          ({"code_challenge_method": "S512"}, "invalid_request")):
        assert back(ask(sim, **changed)) == (HOME, {"error": name, "state": ASKED["state"]})
    # Nobody is sent to an address that is not registered, or registered otherwise.
    for changed in ({"client_id": "nobody"}, {"redirect_uri": "http://evil.example/"},
                    {"redirect_uri": None}, {"redirect_uri": HOME[:-1]},
                    {"redirect_uri": HOME + "x"}):
        answer = ask(sim, **changed)
        page(answer, 400)
        assert "Location" not in answer.headers
    assert "<script" not in page(ask(sim, state='"><script>'))
    fields = Form(page(ask(sim))).fields
    page(post_form(sim, "/v1/authorize", {**fields, "person": "nobody@example.com",
                                          "decision": "allow"}), 400)


def test_pkce(sim):
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
    asked = {"code_challenge": challenge.decode().rstrip("="), "code_challenge_method": "S256"}
    for wrong in (None, verifier[:-1], asked["code_challenge"]):
        oauth_error(redeem(sim, allow(sim, **asked)["code"], code_verifier=wrong), 400,
                    "invalid_grant")
    # There are no public clients.
    code = allow(sim, **asked)["code"]
    oauth_error(redeem(sim, code, code_verifier=verifier, client_secret=None), 401,
                "invalid_client")
    redeem(sim, code, code_verifier=verifier).ok()


def test_what_access_token_refuses(own):
    code = allow(own)["code"]
    oauth_error(redeem(own, code, client_id="nobody"), 400, "invalid_client")
    oauth_error(redeem(own, code, client_secret="wrong"), 401, "invalid_client")
    oauth_error(redeem(own, code, grant_type="password"), 400, "unsupported_grant_type")
    oauth_error(redeem(own, code, grant_type=None), 400, "invalid_request")
    oauth_error(redeem(own, "other"), 400, "invalid_grant")
    oauth_error(redeem(own, code, redirect_uri=HOME + "x"), 400, "invalid_grant")
    late = allow(own)["code"]
    own.control("POST", "/clock", {"advanceMs": 301000})
    oauth_error(redeem(own, late), 400, "invalid_grant")
    assert own.request("GET", "/v1/access_token").status == 405
    switch(own, tokenLimit=0)
    oauth_error(redeem(own, allow(own)["code"]), 400, "tokenlimit_reached")


def test_integrations_of_the_command_line(start_sim):
    sim = start_sim("--integration", "id=mine secret=s3 name=Mine scope=spark:rooms_read"
                    " scope=spark:people_read redirect=http://127.0.0.1:9/cb?x=1",
                    "--token-life", "100", "--refresh-life", "200")
    asked = {"client_id": "mine", "redirect_uri": "http://127.0.0.1:9/cb?x=1",
             "scope": "spark:rooms_read spark:people_read"}
    answer = ask(sim, **asked)
    assert "Mine" in page(answer)
    form = Form(answer.text)
    answer = post_form(sim, form.action, {**form.fields, "person": "bob", "decision": "allow"})
    assert answer.headers["Location"].startswith(asked["redirect_uri"] + "&code=")
    code = dict(urllib.parse.parse_qsl(answer.headers["Location"]))["code"]
    got = redeem(sim, code, client_id="mine", client_secret="s3",
                 redirect_uri=asked["redirect_uri"]).ok().json
    assert got["expires_in"] == 100 and got["refresh_token_expires_in"] == 200
    # Only what its scopes cover.
    token = got["access_token"]
    sim.api("GET", "/rooms", token=token).ok()
    error(sim.api("POST", "/rooms", {"title": "x"}, token=token), 403)
    error(sim.api("GET", "/memberships", token=token), 403)
    # Its tokens are nobody else's.
    oauth_error(refresh(sim, got["refresh_token"]), 400, "invalid_grant")


# ---- refresh ----

def test_refresh(own):
    got = log_in(own)
    own.control("POST", "/clock", {"advanceMs": 1209600 * 1000})
    error(own.api("GET", "/people/me", token=got["access_token"]), 401)
    again = refresh(own, got["refresh_token"]).ok().json
    assert again["refresh_token"] == got["refresh_token"]
    assert again["access_token"] != got["access_token"] and again["scope"] == got["scope"]
    assert works(own, again["access_token"]) == 200
    # Used regularly, it lives on; left alone, it ends.
    for _ in range(3):
        own.control("POST", "/clock", {"advanceMs": 80 * 86400 * 1000})
        refresh(own, got["refresh_token"]).ok()
    own.control("POST", "/clock", {"advanceMs": 90 * 86400 * 1000})
    oauth_error(refresh(own, got["refresh_token"]), 400, "invalid_grant")
    oauth_error(refresh(own, again["access_token"]), 400, "invalid_grant")


def test_refresh_otherwise(own):
    switch(own, refreshUnchanged=True)
    got = log_in(own)
    again = refresh(own, got["refresh_token"]).ok().json
    assert again["access_token"] == got["access_token"]
    own.control("POST", "/clock", {"advanceMs": 86401 * 1000})
    assert refresh(own, got["refresh_token"]).ok().json["access_token"] != got["access_token"]
    switch(own, refreshUnchanged=False, refreshRotates=True, tokenLife=5)
    new = refresh(own, got["refresh_token"]).ok().json
    assert new["refresh_token"] != got["refresh_token"] and new["expires_in"] <= 5
    oauth_error(refresh(own, got["refresh_token"]), 400, "invalid_grant")
    refresh(own, new["refresh_token"]).ok()
    own.control("DELETE", "/tokens")
    assert works(own, new["access_token"]) == 401
    assert not [t for t in own.control("GET", "/tokens")["items"] if t["living"]]


# ---- the device grant ----

def device(sim, **changed):
    return post_form(sim, "/v1/device/authorize", {
        "client_id": "sim-client", "scope": "spark:all", **changed})


def poll(sim, code, head=None, **changed):
    return post_form(sim, "/v1/device/token",
                     {"grant_type": DEVICE, "device_code": code, "client_id": "sim-client",
                      **changed}, basic() if head is None else head)


def decide(sim, url, person="alice@example.com", decision="allow"):
    target = url.partition(sim.origin)[2]
    form = Form(page(sim.request("GET", target)))
    return page(post_form(sim, form.action,
                          {**form.fields, "person": person, "decision": decision}))


def test_device_grant(start_sim):
    sim = start_sim("--device-interval", "0", "--data", "empty")
    got = device(sim).ok().json
    assert set(got) == {"device_code", "expires_in", "user_code", "verification_uri",
                        "verification_uri_complete", "interval"}
    assert re.fullmatch(r"\d{6}", got["user_code"]) and got["expires_in"] == 300
    assert re.fullmatch(re.escape(got["verification_uri"]) + r"\?userCode=[0-9a-f]{64}",
                        got["verification_uri_complete"])
    oauth_error(poll(sim, got["device_code"]), 428, "authorization_pending")
    switch(sim, pendingIs400=True)
    oauth_error(poll(sim, got["device_code"]), 400, "authorization_pending")
    # The page asks for the code; a wrong one is said.
    target = got["verification_uri"].partition(sim.origin)[2]
    assert Form(page(sim.request("GET", target))).action == "/verify"
    assert "wrong" in page(sim.request("GET", target + "?code=x"))
    decide(sim, got["verification_uri"] + "?code=" + got["user_code"])
    token = poll(sim, got["device_code"]).ok().json
    assert SHAPE.fullmatch(token["access_token"]) and token["scope"] == "spark:all"
    assert sim.me(token["access_token"])["emails"] == ["alice@example.com"]
    oauth_error(poll(sim, got["device_code"]), 400, "invalid_grant")
    refresh(sim, token["refresh_token"]).ok()

    got = device(sim).ok().json
    decide(sim, got["verification_uri_complete"], decision="deny")
    oauth_error(poll(sim, got["device_code"]), 400, "access_denied")
    got = device(sim).ok().json
    sim.control("POST", "/clock", {"advanceMs": 301000})
    oauth_error(poll(sim, got["device_code"]), 400, "invalid_grant")
    assert "expired" in page(sim.request("GET", target + "?code=" + got["user_code"]))


def test_what_the_device_grant_refuses(start_sim):
    no_helpers = "id=bare secret=s scope=spark:all redirect=" + HOME
    sim = start_sim("--integration", no_helpers, "--device-interval", "1", "--data", "empty")
    oauth_error(device(sim, client_id="nobody"), 400, "Client Id is invalid")
    assert "redirect_uri" in device(sim, client_id="bare").json["message"]
    oauth_error(device(sim, scope="openid"), 400, "invalid_scope")
    got = device(sim).ok().json
    assert got["interval"] == 1
    oauth_error(poll(sim, got["device_code"], basic(secret="x")), 401, "invalid_client")
    oauth_error(poll(sim, got["device_code"], {}), 401, "invalid_client")
    oauth_error(poll(sim, got["device_code"], grant_type="x"), 400, "unsupported_grant_type")
    oauth_error(poll(sim, "other"), 400, "invalid_grant")
    oauth_error(poll(sim, got["device_code"]), 428, "authorization_pending")
    oauth_error(poll(sim, got["device_code"]), 400, "slow_down")
    switch(sim, tooFastIs429=True)
    oauth_error(poll(sim, got["device_code"]), 429, "slow_down")


# ---- authorizations and guests ----

def test_authorizations(own):
    got, other = log_in(own), log_in(own, "bob@example.com")
    token = got["access_token"]
    exp = own.api("GET", "/authorizations/tokenExpiry", token=token).ok().json["exp"]
    items = own.api("GET", "/authorizations", token=token).ok().items
    assert sorted(i["type"] for i in items) == ["access", "refresh"]
    for item in items:
        assert set(item) == {"id", "applicationId", "applicationName", "personId", "clientId",
                             "created", "type"}
        assert item["clientId"] == "sim-client" and DATE.match(item["created"])
        uuid_of(item["applicationId"], "APPLICATION")
    access = next(i for i in items if i["type"] == "access")
    assert exp - iso_ms(access["created"]) == 1209599 * 1000
    bob = own.me(other["access_token"])["id"]
    error(own.api("GET", "/authorizations", token=token, query={"personId": bob}), 403)
    own.api("GET", "/authorizations", token="admin-token", query={"personId": bob}).ok()
    own.api("DELETE", "/authorizations/" + access["id"], token=token).ok(204)
    assert works(own, token) == 401
    error(own.api("DELETE", "/authorizations/" + access["id"], token="alice-token"), 404)
    own.api("DELETE", "/authorizations", token="alice-token",
            query={"clientId": "sim-client"}).ok(204)
    oauth_error(refresh(own, got["refresh_token"]), 400, "invalid_grant")
    assert works(own, other["access_token"]) == 200


def test_a_token_with_an_end(own):
    own.tokens(token="short", person="alice", seconds=60)
    assert works(own, "short") == 200
    own.control("POST", "/clock", {"advanceMs": 61000})
    assert works(own, "short") == 401


def jwt(claims, key=b"sim-guest-secret"):
    def part(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")
    text = part(b'{"alg":"HS256","typ":"JWT"}') + b"." + part(json.dumps(claims).encode())
    return (text + b"." + part(hmac.new(key, text, "sha256").digest())).decode()


def test_guests(own):
    def login(token):
        return own.request("POST", "/v1/jwt/login", headers={"Authorization": f"Bearer {token}"})

    made = own.api("POST", "/guests/token", {"subject": "visitor-17", "displayName": "Visitor"},
                   token="admin-token").ok().json
    assert len(made["accessToken"]) > 2000 and made["expiresIn"] == 43199
    me = own.me(made["accessToken"])
    assert me["id"] == made["id"] and me["displayName"] == "Visitor" and me["type"] == "appuser"
    again = own.api("POST", "/guests/token", {"subject": "visitor-17", "displayName": "Vera"},
                    token="admin-token").ok().json
    assert again["id"] == made["id"] and again["accessToken"] != made["accessToken"]
    assert own.me(made["accessToken"])["displayName"] == "Vera"
    error(own.api("POST", "/guests/token", {"subject": "x", "displayName": "y"}), 403)
    error(own.api("POST", "/guests/token", {"subject": "x"}, token="admin-token"), 400)

    got = login(jwt({"sub": "kiosk", "name": "Kiosk", "iss": "sim-guest-issuer"})).ok().json
    assert set(got) == {"token", "expiresIn"}
    assert own.me(got["token"])["displayName"] == "Kiosk"
    for wrong in (jwt({"sub": "kiosk", "iss": "other"}), jwt({"iss": "sim-guest-issuer"}),
                  jwt({"sub": "kiosk", "iss": "sim-guest-issuer"}, b"x"), "a.b.c", "a", "",
                  jwt({"sub": "kiosk", "iss": "sim-guest-issuer", "exp": 1})):
        assert login(wrong).status == 401
    assert own.api("GET", "/guests/count", token="admin-token").ok().text == "2"
