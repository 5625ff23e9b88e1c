"""What the operators' forms have in common: how each ends, and how a stale one or a wrong name is said.

A form carries the version it was made from. When somebody changed the thing meanwhile, nothing is written: the form is
shown again with what was typed and the version of now, and says so; sending it once more is then a decision.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Final

from tollway.errors import AlreadyExists, Invalid, StaleVersion, TollwayError
from tollway.portal.frame.done import notice as sentence_of
from tollway.portal.frame.forms import Form
from tollway.portal.frame.messages import in_words
from tollway.portal.frame.translate import N_, Words
from tollway.portal.frame.viewer import Viewer

DONE: Final[Mapping[str, str]] = {
    "created": N_("Created."),
    "saved": N_("Saved."),
    "deleted": N_("Deleted."),
    "credited": N_("The money is in the wallet."),
    "taken": N_("The money was taken back."),
    "replayed": N_("This form was sent before; the money moved once."),
    "key-disabled": N_("The key is disabled. Calls with it are refused."),
    "key-enabled": N_("The key is enabled again."),
    "user-created": N_("The user was created; this is the personal account."),
}
STALE: Final = N_(
    "Somebody changed this after you opened it. Nothing was saved, and what you typed is still here. "
    "Look at the current state first; saving again puts your values in its place."
)
CONFIRM: Final = "confirm"


def notice(viewer: Viewer) -> str:
    """The sentence of the code that this page was reached with."""
    return sentence_of(viewer, DONE)


def version_of(form: Form) -> int:
    """The version the form was made from. Raises Invalid: a form without one was not made by us."""
    version = form.whole("version")
    if version is None:
        raise Invalid("version", "is required")
    return version


def confirmed(form: Form, name: str) -> None:
    """Whether the name of what will go was typed. Raises Invalid."""
    if form.value(CONFIRM).strip() != name:
        raise Invalid(CONFIRM, f"type {name} to confirm")


def refused(
    form: Form,
    error: TollwayError,
    spoken: Words,
    *,
    shows: Callable[[str], bool],
    shown: Mapping[str, str] | None = None,
    name: str = "name",
) -> Form:
    """`form.refuse`, and: a stale version is explained, a taken name is said by the field `name`, and what stands at a
    field that the page does not show (`shows`) goes above the form. Raises what no form can mend.
    """
    if isinstance(error, StaleVersion):
        return Form(form.values, {}, spoken.gettext(STALE))
    if isinstance(error, AlreadyExists) and not error.errors:
        return Form(form.values, {name: in_words(error.message, error.own_code, spoken)}, "")
    form = form.refuse(error, spoken, shown=shown)
    kept: dict[str, str] = {}
    lost: list[str] = []
    for field, sentence in form.errors.items():
        # A list is one field of the page: `models[3]` is said at `models`.
        place = field if shows(field) else field.partition("[")[0]
        if shows(place):
            kept[place] = sentence
        else:
            lost.append(f"{field}: {sentence}")
    return Form(form.values, kept, " ".join([form.problem, *lost]).strip())


def one_of(names: Collection[str], *prefixes: str) -> Callable[[str], bool]:
    """For `refused`: the page shows these fields, and all that begin with a prefix."""
    return lambda field: field in names or field.startswith(prefixes)


def removal(form: Form, error: TollwayError, spoken: Words) -> Form:
    """The small form that deletes, refused."""
    return refused(form, error, spoken, shows=one_of({CONFIRM}))
