"""What "Test" and "Discover models" say on an upstream's page. The upstream is asked as it is stored; nothing is kept.

What was typed into the form meanwhile stays there. Each way to fail has its sentence, by the probe's stable code.
"""

from __future__ import annotations

from typing import Final

import msgspec

from tollway.errors import Invalid, StaleVersion
from tollway.http.callers import Caller
from tollway.http.context import Context
from tollway.portal.frame.forms import Form
from tollway.portal.frame.translate import N_, Words
from tollway.portal.operate.common import version_of
from tollway.upstreams import probe, service
from tollway.upstreams.probe import ProbeError

ACTS: Final = ("test", "discover")
REASONS: Final = {
    "unauthorized": N_("It does not take the credential. Check it with the provider, and store it again."),
    "not_found": N_("It has nothing at this path. The base URL may be wrong; often it ends in /v1."),
    "redirected": N_("It answered with a redirect, and redirects are not followed. Store the final address."),
    "upstream_status": N_("It answered with an error. Try again, or ask the provider."),
    "not_a_model_list": N_("The answer is not a list of models. Check the path in the base URL."),
    "credential_unreadable": N_("The stored credential does not open with this gateway's secret key. Store it again."),
    "timeout": N_("There was no whole answer in time. Check host and port, or try again later."),
    "unresolved": N_("The host name does not resolve. Check its spelling, or this machine's DNS."),
    "private_address": N_("The base URL leads to a private address. If that is meant, tick that it may."),
    "too_large": N_("The answer is too large for a list of models. Check the path in the base URL."),
    "tls_failed": N_("The TLS handshake failed: the certificate is not trusted here, or is for another name."),
    "connect_failed": N_("Nothing takes connections there. Check host and port in the base URL."),
    "broken_answer": N_("The answer broke off or is not HTTP. Check scheme and port in the base URL."),
}


class Outcome(msgspec.Struct):
    """What came of asking. `reason` is a sentence when it failed; `models` are there when they were asked for."""

    reason: str = ""
    status: int | None = None
    latency_ms: int | None = None
    count: int | None = None
    models: list[str] | None = None
    truncated: bool = False


async def run(ctx: Context, caller: Caller, name: str, form: Form, spoken: Words) -> Outcome:
    """Ask. Raises NotFound, RateLimited, StaleVersion when the form is older than what would be asked."""
    async with ctx.db.read_tx() as tx:
        row = await service.require(tx, name)
    if version_of(form) != row.version:
        raise StaleVersion("the upstream was changed after the form was opened; look at it, then try it")
    match form.value("do"):
        case "test":
            tested = await probe.test(ctx, caller, name)
            reason = _sentence(tested.error, spoken) if tested.error is not None else ""
            return Outcome(reason, tested.status, tested.latency_ms, tested.models)
        case "discover":
            try:
                found = await probe.discover(ctx, caller, name)
            except probe.UpstreamFailed as exc:
                return Outcome(_sentence(exc.reason, spoken))
            return Outcome(count=len(found.models), models=found.models, truncated=found.truncated)
        case _:
            raise Invalid("do", "is not an action of this page")


def _sentence(error: ProbeError, spoken: Words) -> str:
    return spoken.gettext(REASONS[error.code]) if error.code in REASONS else error.message
