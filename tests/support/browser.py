"""A visitor with a real browser, who complains: of every console error, every refused resource, every fault axe finds.

Debian's Chromium, driven by Playwright's Python package. What went wrong on any page that was opened is raised when the
visitor leaves, so that no test has to remember to ask.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

WAIT_MS = 15_000
Theme = Literal["light", "dark"]
# Chromium says this of every answer of 400 and more; that an answer has such a status is the test's own matter.
_STATUS_NOTICE = "Failed to load resource: the server responded with a status of"
ARGUMENTS = ["--no-sandbox"] if os.geteuid() == 0 else []


class Visitor:
    """One browser profile: cookies, language, theme, width. Use as a context manager."""

    def __init__(
        self,
        browser: Browser,
        base_url: str,
        *,
        language: str = "en",
        theme: Theme = "light",
        width: int = 1280,
        script: bool = True,
    ) -> None:
        self.context: BrowserContext = browser.new_context(
            base_url=base_url,
            locale=language,
            color_scheme=theme,
            viewport={"width": width, "height": 900},
            java_script_enabled=script,
            permissions=["clipboard-read", "clipboard-write"] if script else [],
        )
        self.context.set_default_timeout(WAIT_MS)
        self.context.on("console", self._console)
        self.context.on("weberror", lambda error: self.complaints.append(f"uncaught: {error.error}"))
        self.complaints: list[str] = []
        self.page: Page = self.context.new_page()

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(_STATUS_NOTICE):
            self.complaints.append(f"{message.location.get('url')}: {message.text}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.context.close()
        if error is None:
            assert not self.complaints, "\n".join(self.complaints)

    def open(self, path: str, status: int = 200) -> Page:
        """Go there; the status is asserted."""
        answer = self.page.goto(path)
        assert answer is not None, path
        assert answer.status == status, f"{path}: {answer.status}"
        return self.page

    def sign_in(self, email: str, password: str) -> None:
        """Through the form, as a person does."""
        self.open("/sign-in")
        self.page.fill("#field-email", email)
        self.page.fill("#field-password", password)
        self.page.locator("main form button").click()
        self.page.wait_for_url(lambda url: "/sign-in" not in url)

    def faults(self) -> list[str]:
        """What axe finds on the page as it is, one line each."""
        found: list[dict[str, Any]] = Axe().run(self.page).response["violations"]
        return [
            f"{self.page.url}: {fault['id']}: {fault['help']}: {node['target']} {node['html'][:160]}"
            for fault in found
            for node in fault["nodes"]
        ]

    def overflows(self) -> bool:
        """Whether the page is wider than the window: a phone would scroll sideways."""
        wide: bool = self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        return wide

    def picture(self, path: Path, *, whole: bool = True) -> None:
        """The whole page as it stands, or what the window shows of it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=path, full_page=whole)
