"""Checks the portal's catalogues: every message of templates and code is translated into every language.

`make lint` runs it. With `--missing LANGUAGE` it prints what is missing, as entries to be filled in.
Fails on: a message without a translation, a fuzzy one, one that no source has any more, one translated in two ways, and
one whose placeholders are not those of its source.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parent.parent
PORTAL = ROOT / "control" / "tollway" / "portal"
KEYWORDS = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}
METHODS = [("**.py", "python"), ("**.html", "jinja2")]
OPTIONS = {"**.html": {"extensions": "jinja2.ext.do", "trimmed": "true", "silent": "false"}}
PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]|\{(\w+)\}|%%")

Key = tuple[str, ...]


def messages() -> dict[Key, str]:
    """Every message of the sources, with the first place where it stands."""
    found: dict[Key, str] = {}
    for name, line, message, _comments, _context in extract_from_dir(
        PORTAL, METHODS, OPTIONS, keywords=KEYWORDS, callback=None
    ):
        key = message if isinstance(message, tuple) else (message,)
        if all(key):
            found.setdefault(tuple(str(part) for part in key), f"{name}:{line}")
    return found


def key_of(message: Message) -> Key:
    """One text, or singular and plural."""
    return tuple(message.id) if isinstance(message.id, (tuple, list)) else (str(message.id),)


def texts_of(message: Message) -> tuple[str, ...]:
    """What it is translated to, in one or several forms."""
    return tuple(message.string) if isinstance(message.string, (tuple, list)) else (str(message.string),)


def placeholders(text: str) -> set[str]:
    """Names that a text wants filled in."""
    return {match.group(1) or match.group(2) for match in PLACEHOLDER.finditer(text) if match.group(0) != "%%"}


def faults(language: str, wanted: dict[Key, str]) -> Iterator[str]:
    """What is wrong with one language, one sentence each."""
    seen: dict[Key, tuple[str, ...]] = {}
    for path in sorted((PORTAL / "locale" / language).glob("*.po")):
        with path.open("rb") as source:
            catalogue = read_po(source, locale=language, abort_invalid=True)
        for message in catalogue:
            if not message.id:
                continue
            key, texts = key_of(message), texts_of(message)
            where = f"{path.relative_to(ROOT)}: {key[0]!r}"
            if message.fuzzy or not all(texts):
                yield f"{where} is fuzzy or empty"
            if key not in wanted:
                yield f"{where} is used nowhere any more"
            if seen.setdefault(key, texts) != texts:
                yield f"{where} is translated in two ways"
            # A plural's single form may leave out the number: one form must suffice for all counts in some languages.
            for text in texts:
                if not placeholders(text) <= set().union(*map(placeholders, key)) or (
                    len(key) == 1 and placeholders(text) != placeholders(key[0])
                ):
                    yield f"{where} has other placeholders than its translation"
        for message in catalogue.obsolete.values():
            yield f"{path.relative_to(ROOT)}: {key_of(message)[0]!r} is marked obsolete; delete it"
    for key, place in wanted.items():
        if key not in seen:
            yield f"{place}: {key[0]!r} has no translation into {language}"


def missing(language: str, wanted: dict[Key, str]) -> Iterator[str]:
    """Entries to be filled in."""
    known: set[Key] = set()
    for path in (PORTAL / "locale" / language).glob("*.po"):
        with path.open("rb") as source:
            known |= {key_of(message) for message in read_po(source, locale=language)}
    for key, place in wanted.items():
        if key not in known:
            quoted = [part.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") for part in key]
            plural = f'\nmsgid_plural "{quoted[1]}"\nmsgstr[0] ""' if len(quoted) > 1 else '\nmsgstr ""'
            yield f'#: {place}\nmsgid "{quoted[0]}"{plural}\n'


def main(arguments: list[str]) -> int:
    """Exit 1 when anything is wrong."""
    wanted = messages()
    if arguments[:1] == ["--missing"]:
        print("\n".join(missing(arguments[1], wanted)))
        return 0
    languages = sorted(path.name for path in (PORTAL / "locale").iterdir() if path.is_dir())
    found = [fault for language in languages for fault in faults(language, wanted)]
    for fault in found:
        print(fault)
    print(f"{len(wanted)} messages, {len(languages)} languages beside English, {len(found)} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
