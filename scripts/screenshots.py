"""Takes pictures of the portal: a demo installation is started, used a little, and looked at.

`python -m scripts.screenshots` makes those of the README in docs/screenshots; with `--all FOLDER` every page in both
themes, both languages and three widths, for people to look at. The figures are made by real calls to the
simulated provider of the demo.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.support.browser import ARGUMENTS, Theme, Visitor
from tests.support.services import find
from tests.support.stack import Stack
from tollway.portal.pages import ACCESS

ROOT = Path(__file__).resolve().parent.parent
PERSON, PASSWORD = "operator@example.com", "correct horse battery"
THEMES: tuple[Theme, ...] = ("light", "dark")
README: dict[str, tuple[str, Theme]] = {
    "docs": ("/docs", "light"),
    "usage": ("/usage", "dark"),
    "models": ("/operate/models", "light"),
    "status": ("/status", "dark"),
}
LANGUAGES = ("en", "vi")
WIDTHS = (360, 1280, 1920)
CALLS = 24
FILES = (".csv", ".svg")


def prepare(stack: Stack) -> list[str]:
    """A person with money, a key and calls; the addresses of the pages that hang on these."""
    person = {"email": PERSON, "name": "Operator", "password": PASSWORD, "role": "operator"}
    stack.api.call("POST", "/api/admin/users", person)
    user = next(row for row in stack.api.rows("/api/admin/users") if row["email"] == PERSON)
    account = user["account_id"]
    stack.api.credit(account, "25.00")
    key_id, secret = stack.api.key(account)
    client = stack.openai(secret)
    models = [model.id for model in client.models.list().data]
    for n in range(CALLS):
        for model in models:
            if "chat" in model:
                client.chat.completions.create(model=model, messages=[{"role": "user", "content": "Hello " * (n + 1)}])
            elif "embed" in model:
                client.embeddings.create(model=model, input=["one", "two"])
    rows = stack.api.usage(account, CALLS)
    return [
        f"/keys/{key_id}",
        f"/usage/{rows[0]['request_id']}",
        f"/models/{models[0]}",
        f"/operate/accounts/{account}",
    ]


def take(visitor: Visitor, path: str, file: Path, *, whole: bool = True) -> None:
    """One page, as it stands once the network is quiet."""
    visitor.page.goto(path, wait_until="networkidle")
    visitor.picture(file, whole=whole)


def take_all(stack: Stack, browser: Browser, folder: Path, paths: list[str]) -> None:
    """Every page in both themes, both languages and three widths."""
    for language in LANGUAGES:
        for theme in THEMES:
            for width in WIDTHS:
                with Visitor(browser, stack.url, language=language, theme=theme, width=width) as visitor:
                    visitor.open(f"/sign-in?lang={language}")  # above what the person's profile says
                    visitor.sign_in(PERSON, PASSWORD)
                    for path in paths:
                        name = f"{path.strip('/').replace('/', '-')[:40]}.{language}.{theme}.{width}.png"
                        take(visitor, path, folder / name)


def main(arguments: list[str]) -> int:
    """Exit 2 without Chromium."""
    program = find("chromium")
    if program is None:
        print("chromium is not here (Debian: apt-get install chromium)")
        return 2
    with (
        tempfile.TemporaryDirectory() as folder,
        Stack(Path(folder), demo=True) as stack,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        more = prepare(stack)
        if arguments[:1] == ["--all"]:
            plain = [p for method, p in ACCESS if method == "GET" and "{" not in p and not p.endswith(FILES)]
            wanted = tuple(arguments[2:]) or ("/",)
            take_all(stack, browser, Path(arguments[1]), [p for p in sorted([*plain, *more]) if p.startswith(wanted)])
        else:
            for name, (path, theme) in README.items():
                with Visitor(browser, stack.url, theme=theme) as visitor:
                    visitor.sign_in(PERSON, PASSWORD)
                    take(visitor, path, ROOT / "docs" / "screenshots" / f"{name}.png", whole=False)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
