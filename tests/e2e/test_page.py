"""The page in a headless Chromium, opened as a file: nothing is asked of any network, and the controls work."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select

from tests.records import made_up, several
from uebench.report.html import document
from uebench.store.store import Store

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed"),
    pytest.mark.allow_hosts(["127.0.0.1", "localhost", "::1"]),
]
QUIET = (
    "headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
    "disable-component-update", "disable-sync",
)  # fmt: skip
NET = ("resnet18", {"epochs": 2})
BLUR = ("blur", {"kernel": 5})
EVIL = "<img src=https://example.org/x onerror=alert(1)>"


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[webdriver.Chrome]:
    """A browser that has opened a page of made-up records."""
    counts = (("clean", 160), ("lsp", 40), ("ue", 20))
    records = [run for name, right in counts for run in several(name, correct=right)]
    records += [made_up("clean", [NET, BLUR], correct=150), made_up("ue", [NET, BLUR], correct=140)]
    records += [made_up(EVIL, correct=100)]
    file = tmp_path / "page.html"
    file.write_text(document.render(records, Store(tmp_path)), encoding="utf-8")
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for word in (*QUIET, f"user-data-dir={tmp_path / 'profile'}", "window-size=1200,900"):
        options.add_argument(f"--{word}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    try:
        driver.get(file.as_uri())
        yield driver
    finally:
        driver.quit()


def texts(browser: webdriver.Chrome, selector: str) -> list[str]:
    return [element.text for element in browser.find_elements(By.CSS_SELECTOR, selector) if element.is_displayed()]


def wide(browser: webdriver.Chrome) -> list[str]:
    """Return what is wider than the window."""
    return browser.execute_script(  # type: ignore[no-any-return]
        "return [...document.querySelectorAll('main *, header, footer')].filter((one) => "
        "one.getBoundingClientRect().right > document.documentElement.clientWidth + 1).map((one) => one.outerHTML)"
    )


def choose(browser: webdriver.Chrome, name: str, value: str) -> None:
    Select(browser.find_element(By.NAME, name)).select_by_value(value)


def test_the_page_works_without_a_mouse_and_asks_for_nothing(browser: webdriver.Chrome) -> None:
    assert texts(browser, "#best tbody th") == ["resnet18(epochs=2)"]
    assert texts(browser, "#best tbody .names") == [EVIL]  # one run, which may have any rank
    assert texts(browser, "#best .list li") == []
    assert texts(browser, ".board tbody th") == ["clean", "ue", "lsp", EVIL]
    assert texts(browser, "#cells tbody th") == []
    browser.find_element(By.CSS_SELECTOR, "#cells summary").send_keys(Keys.ENTER)
    assert len(texts(browser, "#cells tbody th")) == 12

    head = browser.find_elements(By.CSS_SELECTOR, "#cells thead th")[5]
    button = head.find_element(By.TAG_NAME, "button")
    for way, order in (("ascending", sorted), ("descending", lambda found: sorted(found, reverse=True))):
        button.send_keys(Keys.ENTER)
        assert head.get_attribute("aria-sort") == way
        found = [float(text) for text in texts(browser, "#cells tbody td:nth-child(6) b")]
        assert len(found) == 12 and found == order(found)

    choose(browser, "attacker", "+blur")
    assert set(texts(browser, "#cells tbody th")) == {"clean", "ue"}
    assert texts(browser, "#best tbody th") == []
    assert texts(browser, ".heat tbody th") == ["resnet18(epochs=2)+blur(kernel=5)"]
    choose(browser, "attacker", "-")
    assert texts(browser, ".board tbody th") == ["clean", "ue", "lsp", EVIL]
    choose(browser, "attacker", "=resnet18(epochs=2)+blur(kernel=5)")
    assert texts(browser, ".board tbody th") == ["clean", "ue"]
    choose(browser, "attacker", "")

    browser.find_element(By.ID, "search").send_keys("ue blur")
    assert texts(browser, "#cells tbody th") == ["ue"]
    assert "1 of 12" in browser.find_element(By.ID, "shown").text
    browser.find_element(By.CSS_SELECTOR, "#cells tbody tr:not([hidden]) button").send_keys(Keys.ENTER)
    record = browser.find_element(By.CSS_SELECTOR, ".record:popover-open")
    for fact in (
        "ue against resnet18(epochs=2)+blur(kernel=5)", "140 of 200", "uebench run --data people", "eps=8/255",
    ):  # fmt: skip
        assert fact in record.text
    browser.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert not record.is_displayed()

    theme = browser.find_element(By.ID, "theme")
    before = browser.find_element(By.TAG_NAME, "html").value_of_css_property("background-color")
    theme.send_keys(Keys.ENTER)
    assert browser.find_element(By.TAG_NAME, "html").value_of_css_property("background-color") != before

    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]
    entries = browser.get_log("performance")  # type: ignore[no-untyped-call]
    events = [json.loads(entry["message"])["message"] for entry in entries]
    sent = [event["params"] for event in events if event["method"] == "Network.requestWillBeSent"]
    asked = [one["request"]["url"] for one in sent if one["documentURL"] == browser.current_url]
    assert asked and all(address.startswith(("file:", "data:")) for address in asked)


def test_nothing_is_cut_off_on_a_telephone(browser: webdriver.Chrome) -> None:
    size = {"width": 360, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    assert wide(browser) == []


def test_records_open_and_everything_is_shown_without_scripts(browser: webdriver.Chrome) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    browser.refresh()
    browser.find_element(By.CSS_SELECTOR, "#best .open").click()
    assert "uebench run" in browser.find_element(By.CSS_SELECTOR, ".record:popover-open").text
    assert not browser.find_element(By.ID, "filters").is_displayed()
