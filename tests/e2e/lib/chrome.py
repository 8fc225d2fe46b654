"""A real browser, which a test drives: Debian's Chromium, without a window.

    with Chrome(tmp_path) as chrome:
        chrome.open(url)
        chrome.click("allow")
        assert chrome.words("words") == "..."
"""
import inspect
import json
import os
import subprocess

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from .util import scaled, wait_until

ARGUMENTS = ["--headless=new", "--disable-gpu", "--no-first-run", "--disable-extensions",
             # Of root it asks for this, and a container's /dev/shm may be too small for it.
             "--no-sandbox", "--disable-dev-shm-usage",
             "--disable-background-networking", "--disable-component-update", "--disable-sync",
             # What it would ask of its maker.
             "--no-pings", "--proxy-server=direct://"]
# The name that selenium has for it has changed.
QUIET = {"log_output": subprocess.DEVNULL} \
    if "log_output" in inspect.signature(Service.__init__).parameters else {"log_path": os.devnull}


class Chrome:
    """with_scripts=False: JavaScript is off. localhost: the address that it takes for that name."""

    def __init__(self, folder, with_scripts=True, localhost=None):
        self.home = folder / f"chrome-{os.urandom(4).hex()}"
        self.home.mkdir()
        options = webdriver.ChromeOptions()
        for argument in (*ARGUMENTS, f"--user-data-dir={self.home}"):
            options.add_argument(argument)
        if localhost:
            options.add_argument(f"--host-resolver-rules=MAP localhost {localhost}")
        if not with_scripts:
            options.add_experimental_option(
                "prefs", {"profile.managed_default_content_settings.javascript": 2})
        options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
        service = Service("/usr/bin/chromedriver", **QUIET)
        service.env = {**os.environ, "HOME": str(self.home)}
        self.driver = webdriver.Chrome(service=service, options=options)
        self.driver.set_page_load_timeout(scaled(20))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.driver.quit()

    @property
    def tab(self):
        return self.driver.current_window_handle

    def new_tab(self, url):
        self.driver.switch_to.new_window("tab")
        self.driver.get(url)
        return self.tab

    def go_to(self, tab):
        self.driver.switch_to.window(tab)

    def open(self, url):
        """Not an error where nobody answers: a person sees a page of the browser's, too."""
        try:
            self.driver.get(url)
        except WebDriverException as e:
            assert "net::ERR_" in str(e), e

    def back(self):
        self.driver.back()

    def reload(self):
        try:
            self.driver.refresh()
        except WebDriverException as e:
            assert "net::ERR_" in str(e), e

    def _use(self, by, name, use):
        """What `use` gives of the element, once it is there. The page that has it may be replaced meanwhile."""
        def used():
            try:
                return [use(self.driver.find_element(by, name))]
            except WebDriverException:
                return None
        return wait_until(used, 10, f"{name} in a page")[0]

    def click(self, element):
        self._use(By.ID, element, WebElement.click)

    def type(self, element, text):
        self._use(By.ID, element, lambda e: e.send_keys(text))

    def words(self, element="words"):
        return self._use(By.ID, element, lambda e: e.text)

    def heading(self):
        return self._use(By.TAG_NAME, "h1", lambda e: e.text)

    def wait_for_words(self, text):
        """After a click there may still be the page before."""
        wait_until(lambda: text in self.words(), 10, f"the words {text!r}")

    def wait_for_heading(self, text):
        wait_until(lambda: self.heading() == text, 10, f"the heading {text!r}")

    def answers(self):
        """(URL, status, address of the server, the headers asked with) of all answers since it was asked last."""
        asked, found = {}, []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            params = message["params"]
            if message["method"] == "Network.requestWillBeSent":
                asked[params["requestId"]] = params["request"]["url"]
            elif message["method"] == "Network.responseReceived":
                answer = params["response"]
                found.append((answer["url"], answer["status"], answer.get("remoteIPAddress")))
        return found

    def complaints(self):
        """What the browser's console says since it was asked last."""
        return [entry["message"] for entry in self.driver.get_log("browser")]
