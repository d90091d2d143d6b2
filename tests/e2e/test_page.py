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

from tests.records import made_up
from uebench.report import page
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
    records = [made_up("clean", correct=160), made_up("clean", [NET, BLUR], correct=150)]
    records += [made_up("lsp", correct=40 + seed, seed=seed) for seed in (0, 1)]
    records += [made_up("ue", correct=20), made_up("ue", [NET, BLUR], correct=140), made_up(EVIL, correct=100)]
    file = tmp_path / "page.html"
    file.write_text(page.render(records, Store(tmp_path)), encoding="utf-8")
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


def test_the_page_works_without_a_mouse_and_asks_for_nothing(browser: webdriver.Chrome) -> None:
    assert texts(browser, ".board tbody th") == ["ue", "lsp", EVIL]
    worst = texts(browser, "#cells tbody tr:first-child td:nth-child(8)")[0]
    first = ["1", "70.0", "10.0 [6.6, 14.9]", worst, "one seed", "80.0", "10.0", "2"]
    assert texts(browser, ".board tbody tr:first-child td.n") == first
    assert len(browser.find_elements(By.CSS_SELECTOR, ".chart g")) == 4

    head = browser.find_elements(By.CSS_SELECTOR, "#cells thead th")[5]
    button = head.find_element(By.TAG_NAME, "button")
    for way, order in (("ascending", sorted), ("descending", lambda found: sorted(found, reverse=True))):
        button.send_keys(Keys.ENTER)
        assert head.get_attribute("aria-sort") == way
        found = [float(text) for text in texts(browser, "#cells tbody td:nth-child(6)")]
        assert len(found) == 7 and found == order(found)

    measure = Select(browser.find_element(By.NAME, "countermeasure"))
    measure.select_by_value("+blur")
    assert texts(browser, "#cells tbody th") == ["clean", "ue"]
    alone = ["1", "5.0", "70.0 [63.3, 75.9]", worst, "one seed", "75.0", "70.0", "1"]
    assert texts(browser, ".board tbody td.n") == alone
    assert texts(browser, ".common-attacker") == ["resnet18(epochs=2)+blur(kernel=5)"]
    assert texts(browser, ".heat thead th") == ["resnet18(epochs=2)+blur(kernel=5)"]
    assert len(browser.find_elements(By.CSS_SELECTOR, ".chart g")) == 2
    measure.select_by_value("-")
    assert texts(browser, ".board tbody th") == ["ue", "lsp", EVIL]
    measure.select_by_value("")

    Select(browser.find_element(By.NAME, "runs")).select_by_value("2")
    assert texts(browser, "#cells tbody th") == ["lsp", "lsp"]
    assert "2 of 7" in browser.find_element(By.ID, "shown").text
    Select(browser.find_element(By.NAME, "runs")).select_by_value("")

    browser.find_element(By.ID, "search").send_keys("ue blur")
    assert texts(browser, "#cells tbody th") == ["ue"]
    browser.find_element(By.CSS_SELECTOR, "#cells tbody tr:not([hidden]) button").send_keys(Keys.ENTER)
    said = browser.find_element(By.ID, "record").text
    for fact in (
        "ue against resnet18(epochs=2)+blur(kernel=5)",
        "140 of 200",
        "Wilson",
        "oracle",
        "eps=8/255",
        "torch=",
    ):
        assert fact in said
    browser.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert not browser.find_element(By.ID, "record").is_displayed()

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
