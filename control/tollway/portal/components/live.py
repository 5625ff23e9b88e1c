"""What live states may say, in the page's language: assets/live.js asks `GET /api/status` and holds no words itself.

Placeholders in braces are filled in by the script.
"""

from __future__ import annotations

from typing import Final

from tollway.portal.frame.translate import N_, Words

_WORDS: Final = {
    "up": N_("Up"),
    "degraded": N_("Degraded"),
    "down": N_("Down"),
    "unknown": N_("Unknown"),
    "reachable": N_("reachable"),
    "unreachable": N_("not reachable"),
    "no_traffic": N_("no traffic"),
    "ms": N_("{ms} ms"),
    "draining": N_("This gateway is being replaced; it finishes what it has begun."),
    "announce": N_("{what}: {state}"),
    "window": N_("Measured on real traffic of the last {minutes} minutes."),
    "days": N_("{d} d {h} h"),
    "hours": N_("{h} h {m} min"),
    "minutes": N_("{m} min {s} s"),
    "seconds": N_("{s} s"),
}


def live_words(words: Words) -> dict[str, str]:
    """Name → text, for an element's `data-live`."""
    return {name: words.gettext(text) for name, text in _WORDS.items()}
