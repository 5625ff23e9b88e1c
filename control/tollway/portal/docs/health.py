"""What the page's live health may say, in the page's language: assets/health.js measures, and holds no words itself.

Placeholders in braces are filled in by the script.
"""

from __future__ import annotations

from typing import Final

from tollway.portal.frame.translate import N_, Words

# More rows than a person watches at once; the Status page has them all.
ROWS_MAX: Final = 50

_WORDS: Final = {
    "checking": N_("Checking…"),
    "up": N_("Up"),
    "degraded": N_("Degraded"),
    "down": N_("Down"),
    "unknown": N_("Unknown"),
    "ping": N_("{ms} ms ping"),
    "reachable": N_("reachable"),
    "unreachable": N_("not reachable"),
    "days": N_("{d} d {h} h"),
    "hours": N_("{h} h {m} min"),
    "minutes": N_("{m} min {s} s"),
    "seconds": N_("{s} s"),
    "quiet": N_("no traffic"),
    "window": N_("Measured on real traffic of the last {minutes} minutes."),
    "gateway": N_("Gateway"),
    "announce": N_("{what}: {state}"),
    "empty": N_("No model is enabled for everybody yet."),
    "more": N_("{count} more on the Status page"),
}


def health_words(words: Words) -> dict[str, str]:
    """Name → text, for the section's `data-words`."""
    return {name: words.gettext(text) for name, text in _WORDS.items()}
