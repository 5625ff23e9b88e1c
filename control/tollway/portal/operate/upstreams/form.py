"""What the upstream form says, as the service's body.

A secret goes in and never comes out: neither a stored one nor one that was just typed into a form that was refused.
Only the waits that the gateway keeps to are offered.
"""

from __future__ import annotations

from typing import Any, Final

from tollway.errors import Invalid
from tollway.portal.frame.forms import Form
from tollway.portal.frame.translate import N_
from tollway.portal.operate.common import one_of

TIMEOUTS: Final = {
    "connect_ms": N_("Connect"),
    "tls_ms": N_("TLS handshake"),
    "first_byte_ms": N_("First byte"),
    "idle_ms": N_("Silence within an answer"),
}
PROVIDERS: Final = (
    ("openai", N_("OpenAI and compatible")),
    ("anthropic", "Anthropic"),
    ("gemini", "Google Gemini"),
    ("azure", "Azure OpenAI"),
    ("simulator", N_("Tollway's simulator")),
)
FIELDS: Final = one_of(
    {"name", "provider", "base_url", "secret", "headers", "credentials", *(f"timeouts.{name}" for name in TIMEOUTS)}
)


def values(form: Form) -> dict[str, Any]:
    """All fields but the name. Raises Invalid."""
    return {
        "provider": form.value("provider"),
        "base_url": form.value("base_url").strip(),
        "enabled": form.checked("enabled"),
        "allow_private_address": form.checked("allow_private_address"),
        "timeouts": {name: form.whole(f"timeouts.{name}") for name in TIMEOUTS},
        "headers": _headers(form),
        "credentials": _credentials(form),
    }


def shown(form: Form) -> dict[str, str]:
    """The service's fields by the form's: every entry of a list is said at the one field that holds them."""
    kept = len(_kept(form))
    return {f"credentials[{kept}].secret": "secret"} | {
        f"headers.{name}": "headers" for name in (line.partition(":")[0].strip() for line in _header_lines(form))
    }


def _kept(form: Form) -> list[str]:
    return [name for name in form.many("credential") if not form.checked(f"remove-{name}")]


def _credentials(form: Form) -> list[dict[str, Any]]:
    wishes: list[dict[str, Any]] = [{"id": name, "enabled": form.checked(f"enabled-{name}")} for name in _kept(form)]
    secret = form.text("secret")
    return [*wishes, {"secret": secret}] if secret is not None else wishes


def _header_lines(form: Form) -> list[str]:
    return [line.strip() for line in form.value("headers").splitlines() if line.strip()]


def _headers(form: Form) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in _header_lines(form):
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise Invalid("headers", "write each header as Name: value, one a line")
        if name.strip() in found:
            raise Invalid("headers", "is named twice")
        found[name.strip()] = value.strip()
    return found
