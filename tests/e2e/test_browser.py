"""A real browser at `sparkfs login --browser`, and at the page where a code is entered."""
from lib.chrome import Chrome
from lib.person import SHORT, address_in, end

# Somebody who would like to run a script in the page that says how it went, and to turn the terminal's text.
HOSTILE = "Mallory</bdi></p><script>document.title='owned'</script><img src=x onerror=alert(1)>\u202e\x1b[2J&amp;"
SHOWN = "Mallory</bdi></p><script>document.title='owned'</script><img src=x onerror=alert(1)>"


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
        assert desk.redeemed() == 1

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
        assert "did not allow it" in end(child, 1) and desk.redeemed() == 1
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
        chrome.wait_for_words("wrong or has expired")
        child = person.start("login", "--url", sim.base)
        code = address_in(child, "enter the code ").split()[-1].rstrip(".")
        chrome.open(sim.origin + "/verify")
        chrome.type("code", "000000" if code != "000000" else "1")
        chrome.click("next")
        chrome.wait_for_words("wrong or has expired")
        chrome.type("code", code)
        chrome.click("next")
        chrome.click("deny")
        chrome.wait_for_heading("Denied")
        assert "did not allow it" in end(child, 1)
