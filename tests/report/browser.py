"""A headless browser with a report in it, and what a test asks of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

PATIENCE = 600.0  # seconds: only what never ends takes so long


def launch(chromium: str, driver: str) -> webdriver.Chrome:
    """Chromium without a window; as root it needs to run without its sandbox."""
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=Service(driver))


class Reader:
    """Somebody who reads a report."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(self, path: Path, *, width: int = 1280, dark: bool = False) -> None:
        """Open a page from disk and wait until everything is there."""
        self.look(width=width, dark=dark)
        self.driver.get("about:blank")
        self.driver.get_log("browser")
        self.driver.get(path.as_uri())
        self.wait(lambda: self.js("return document.body?.dataset.ready"))

    def show(self, path: Path) -> None:
        """Have a page open, of which nothing is changed: where it is open already it stays as it is."""
        if self.driver.current_url != path.as_uri():
            self.open(path)

    def look(self, *, width: int, dark: bool = False) -> None:
        """Through a window of this width, with the system's light or dark theme."""
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        theme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [theme]})

    def js(self, script: str, *arguments: Any) -> Any:
        """Run a function's body in the page."""
        return self.driver.execute_script(script, *arguments)

    def wait(self, true: Callable[[], Any]) -> None:
        """Until it is true, for a bounded time."""
        end = time.monotonic() + PATIENCE
        while not true():
            assert time.monotonic() < end, f"waited in vain; console: {self.complaints()}"
            time.sleep(0.01)

    def complaints(self) -> list[str]:
        """Errors and warnings of the console since the page was opened."""
        return [str(entry["message"]) for entry in self.driver.get_log("browser")]

    def text(self, selector: str) -> str:
        """What is written in the first element."""
        return self.js("return document.querySelector(arguments[0]).textContent", selector)

    def table(self, selector: str) -> list[list[str]]:
        """Cells of a table, small print left out."""
        script = """
            const cell = (c) => [...c.childNodes].filter((n) => n.nodeName !== "SMALL")
                .map((n) => n.textContent).join("").trim();
            return [...document.querySelector(arguments[0]).rows].map((r) => [...r.cells].map(cell))"""
        return self.js(script, selector)

    def choose(self, name: str, value: str) -> None:
        """Set a filter."""
        script = """
            const box = document.getElementById(arguments[0]);
            box.value = arguments[1];
            box.dispatchEvent(new Event("input", { bubbles: true }))"""
        self.js(script, name, value)

    def click(self, selector: str) -> None:
        """Click the first element, wherever it is."""
        self.js("document.querySelector(arguments[0]).click()", selector)

    def listed(self) -> list[str]:
        """Ids of all trades in the list, in order, read by scrolling through it."""
        return [card["id"] for card in self.cards()]

    def cards(self) -> list[dict[str, Any]]:
        """Every card in order, read by scrolling through the list: id, pips, rows of its TOTAL table."""
        script = """
            const cards = {};
            const box = document.getElementById("cards");
            const top = box.getBoundingClientRect().top + scrollY;
            for (let y = top; y < top + box.offsetHeight + innerHeight; y += 600) {
                scrollTo({ top: y, behavior: "instant" });
                dispatchEvent(new Event("scroll"));
                for (const card of box.children) cards[card.dataset.place] = {
                    id: card.dataset.trade, pips: card.querySelector(".pips").textContent,
                    setsize: Number(card.getAttribute("aria-setsize")),
                    drawn: card.querySelectorAll("svg path.stop-line").length,
                    rows: [...card.querySelectorAll("tbody tr")]
                        .map((r) => [...r.cells].map((c) => c.textContent)),
                };
            }
            return Object.keys(cards).map(Number).sort((a, b) => a - b).map((place) => cards[place])"""
        return self.js(script)

    def open_trade(self, place: int) -> None:
        """Open a trade by its place in the list; the first one with a click on its card."""
        if place:
            self.js("openTrade(shown[arguments[0]])", place)
            self.settled()
            return
        self.js(
            "scrollTo({ top: document.getElementById('trades').offsetTop, behavior: 'instant' })"
        )
        self.wait(lambda: self.js("return document.querySelector('[data-place=\"0\"]')"))
        self.click('[data-place="0"] .open-it')
        self.settled()

    def next_trade(self) -> None:
        """Go on to the next trade."""
        self.click("#next")
        self.settled()

    def settled(self) -> None:
        """Wait until the chart shows what was asked for."""
        self.wait(lambda: self.js("return document.getElementById('trade').dataset.shown"))
