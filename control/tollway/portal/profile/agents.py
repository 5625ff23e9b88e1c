"""What a browser calls itself, in a word that its owner recognises.

Every browser names its forerunners too, so the order is from the special to the general.
"""

from __future__ import annotations

from typing import Final

from tollway.portal.frame.translate import Words

_BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
)
_SYSTEMS: Final = (
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)
_OTHER_CHARS_MAX: Final = 40


def browser(agent: str, spoken: Words) -> str:
    """`Firefox on Linux`; what is not known is shown as it is, shortened."""
    name = next((name for mark, name in _BROWSERS if mark in agent), None)
    if name is None:
        return agent.split(" ")[0][:_OTHER_CHARS_MAX] or spoken.gettext("Unknown")
    system = next((name for mark, name in _SYSTEMS if mark in agent), None)
    if system is None:
        return name
    return spoken.gettext("%(browser)s on %(system)s") % {"browser": name, "system": system}
