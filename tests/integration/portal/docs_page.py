"""The documentation page as a reader of HTML sees it: its headings, its snippets, its tags."""

from __future__ import annotations

from html.parser import HTMLParser


class Read(HTMLParser):
    """`headings`: (level, text) in order. `snippets`: (block, language) → code as copying gives it. `tags`: name → its
    attributes. `ids`: all of them, in order.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.headings: list[tuple[int, str]] = []
        self.snippets: dict[tuple[str, str], str] = {}
        self.tags: dict[str, dict[str, str | None]] = {}
        self.ids: list[str] = []
        self.sources: list[str] = []
        self._code: tuple[str, str] | None = None
        self._heading: int | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if given.get("id"):
            self.ids.append(str(given["id"]))
        if tag == "pre" and "data-block" in given:
            self._code = (str(given["data-block"]), str(given["data-lang"]))
            self.snippets[self._code] = ""
        if tag in ("h1", "h2"):
            self._heading = int(tag[1])
            self.headings.append((self._heading, ""))
        if "data-pick" in given:
            self.tags[str(given["data-name"])] = given
        if tag in ("script", "link"):
            self.sources.append(str(given.get("src") or given.get("href")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "pre":
            self._code = None
        if tag in ("h1", "h2"):
            self._heading = None

    def handle_data(self, data: str) -> None:
        if self._code is not None:
            self.snippets[self._code] += data
        if self._heading is not None:
            level, text = self.headings[-1]
            self.headings[-1] = (level, text + data)

    def models(self, block: str) -> set[str]:
        """The models that a block's snippets name, over all languages; nothing for a block without code."""
        found: set[str] = set()
        for (owner, _), code in self.snippets.items():
            if owner == block:
                found |= {name for name in self.tags if name in code}
        return found

    def current(self) -> set[str]:
        """The models whose tags are marked as shown."""
        return {name for name, attrs in self.tags.items() if attrs.get("aria-current") == "true"}
