"""What a person reads when `tollway serve` is up: addresses, the set-up link, a request to paste, what the demo offers.

Decides that this is the one place where secrets are shown (the set-up link, the demo key), once, on standard output,
and that the curl is complete: it can be pasted into any shell, in any folder.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

DEMO_MODEL = "sim-chat"


def lines(base_url: str, said: Mapping[str, Any], demo: bool) -> list[str]:
    """`said` is control's ready line: `setup_link`, and in the demo `key` and `offers` ({name, why, models})."""
    shown = ["", "Tollway is up.", "", f"  Portal       {base_url}/"]
    if link := said.get("setup_link"):
        shown.append(f"  Set-up link  {link}   (works once, makes the first operator)")
    shown.append(f"  Base URL     {base_url}/v1")
    key = said.get("key")
    if demo and key:
        shown += ["", "  Paste this for a streamed answer (the key holds play money):", "", curl(base_url, str(key))]
        offers = said.get("offers") or []
        shown += ["", "  The demo offers:"]
        shown += [f"    {offer['name']}: {', '.join(offer['models'])}   ({offer['why']})" for offer in offers]
    return [*shown, ""]


def curl(base_url: str, key: str) -> str:
    """One line, complete."""
    message = {"role": "user", "content": "Tell me how a toll road works."}
    body = json.dumps({"model": DEMO_MODEL, "stream": True, "messages": [message]})
    parts = [
        f"curl -N {base_url}/v1/chat/completions",
        f'-H "Authorization: Bearer {key}"',
        '-H "Content-Type: application/json"',
        f"-d {shlex.quote(body)}",
    ]
    return " ".join(parts)
