"""A key's form: what may be chosen, and how what was typed becomes the service's body.

It offers what the gateway enforces today: group, models, endpoints, requests per minute, expiry, addresses. What a key
has beyond that, because a program set it by the API, stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from tollway.accounts import service as accounts
from tollway.db.engine import ReadTx
from tollway.errors import Invalid, StaleVersion, TollwayError
from tollway.keys.schemas import KeyView
from tollway.models.offered import Offered, offered
from tollway.portal.frame.forms import Form
from tollway.portal.frame.translate import N_, Words

# Beyond so many, boxes are no help; the names are typed instead.
BOXES_MAX: Final = 200
# The endpoints that the gateway serves; those to come are not offered before they work.
ENDPOINTS: Final[Mapping[str, str]] = {
    "chat": N_("Chat completions"),
    "completions": N_("Text completions"),
    "embeddings": N_("Embeddings"),
    "images": N_("Image generation"),
    "audio": N_("Audio"),
    "moderations": N_("Moderations"),
    "rerank": N_("Rerank"),
}
_FIELDS: Final = {"limits.rpm": "rpm", "limits": "rpm"}
_SHOWN: Final = frozenset({"name", "group", "models", "endpoints", "rpm", "expires_at", "allow_ips", "version"})
_STALE: Final = N_(
    "This key was changed after you opened this page. Nothing was saved; what you typed is still here. "
    "Saving again puts your values in the place of the new ones."
)
_MOMENT: Final = "%Y-%m-%dT%H:%M"


class Choices(msgspec.Struct):
    """What an account's key can be narrowed to. `groups` begins with the account's own; one group is no choice."""

    groups: list[str]
    models: list[Offered]


async def choices(tx: ReadTx, account_id: str) -> Choices:
    """For one account."""
    account = await accounts.require(tx, account_id)
    models = await offered(tx, account_id)
    return Choices([account.group_name, *account.extra_groups], models if len(models) <= BOXES_MAX else [])


def typed_models(key: KeyView, offers: Choices) -> str:
    """What of a key's models has no box: patterns and names beyond the account's group."""
    boxes = {model.name for model in offers.models}
    return "\n".join(name for name in key.models or () if name not in boxes)


def moment(at: datetime | None) -> str:
    """As `<input type="datetime-local">` has it, in UTC."""
    return at.strftime(_MOMENT) if at is not None else ""


def values_of(form: Form, *, groups: bool, former: KeyView | None = None) -> dict[str, Any]:
    """The body's fields. Raises Invalid for what is no number or no moment; all else is for the service to say.

    `groups`: whether the form showed a choice of group. `former`: the key as it is, when it is changed.
    """
    values: dict[str, Any] = {
        "name": form.value("name").strip(),
        "models": [*form.many("models"), *(form.lines("patterns") or [])] or None,
        "endpoints": [*form.many("endpoints"), *_hidden(former)] or None,
        "limits": {"rpm": form.whole("rpm")},
        "allow_ips": form.lines("allow_ips"),
    }
    if groups:
        values["group"] = form.text("group")
    # A form shows minutes; an expiry that was not touched keeps its seconds.
    if former is None or form.value("expires_at").strip() != moment(former.expires_at):
        values["expires_at"] = expiry(form)
    return values


def _hidden(former: KeyView | None) -> list[str]:
    return [name for name in (former.endpoints or () if former is not None else ()) if name not in ENDPOINTS]


def expiry(form: Form) -> datetime | None:
    """The field `expires_at`, in UTC. Raises Invalid."""
    text = form.text("expires_at")
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is not None:
        raise Invalid("expires_at", "must be a day and a time, such as 2030-12-31T18:00")
    return at.replace(tzinfo=UTC)


def refused(form: Form, error: TollwayError, spoken: Words) -> Form:
    """The form again, with each sentence by its field. Raises the error when no form can mend it."""
    if isinstance(error, StaleVersion):
        return Form(form.values, {}, spoken.gettext(_STALE))
    form = form.refuse(error, spoken, shown=_FIELDS)
    kept: dict[str, str] = {}
    lost: list[str] = []
    for field, sentence in form.errors.items():
        root, _, place = field.partition("[")
        if root not in _SHOWN:
            lost.append(f"{field}: {sentence}")
            continue
        item = _item(form, root, place.rstrip("]"))
        kept.setdefault(root, f"{item}: {sentence}" if item else sentence)
    return Form(form.values, kept, " ".join([form.problem, *lost]).strip())


def _item(form: Form, name: str, place: str) -> str:
    """Which of several values the sentence is about, as it was typed."""
    sent = {
        "models": [*form.many("models"), *(form.lines("patterns") or [])],
        "allow_ips": form.lines("allow_ips") or [],
    }.get(name, [])
    return sent[int(place)] if place.isdigit() and int(place) < len(sent) else ""
