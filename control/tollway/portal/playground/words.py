"""What the playground may say, in the page's language: assets/playground.js holds no words itself.

Placeholders in braces are filled in by the script. An error is said by the gateway's own code where there is something
that a person can do about it.
"""

from __future__ import annotations

from typing import Final

from tollway.portal.frame.translate import N_, Words

_WORDS: Final = {
    "you": N_("You"),
    "waiting": N_("Waiting for the first token…"),
    "running": N_("The answer is coming…"),
    "done": N_("The answer is complete."),
    "stopped": N_("Stopped. What was delivered is charged, no more."),
    "capped": N_("The answer ended at the token limit. Raise it to get more."),
    "empty": N_("The answer is empty."),
    "failed": N_("The call failed."),
    "cleared": N_("The conversation is cleared."),
    "first": N_("first token after {ms} ms"),
    "total": N_("{ms} ms in all"),
    "tokens": N_("{input} tokens in, {output} out"),
    "cost": N_("cost {amount}"),
    "cost_later": N_("what it cost shows under Usage in a moment"),
    "explain": N_("Explain the charge"),
    "request": N_("Request {id}"),
    "copy": N_("Copy the answer"),
    "again": N_("Try again"),
    "sign_in": N_("Sign in"),
    "wallet": N_("Open the wallet"),
    "too_long": N_("This conversation has {count} messages, as many as the playground keeps. Clear it to go on."),
    "bad_number": N_("Check the marked value: it must be between {least} and {most}."),
    "later": N_("Try again in {seconds} seconds."),
    "said": N_("The gateway answered {status} with code {code}: {message}"),
}
_FAULTS: Final = {
    "signed_out": N_("Your sign-in has ended. Sign in again; what you wrote stays here until you leave the page."),
    "unreachable": N_("The gateway cannot be reached. Check your connection and try again."),
    "stalled": N_("Nothing came for two minutes. Try again, or try another model."),
    "cut": N_("The answer broke off. Try again; you pay only for what was delivered."),
    "not_json": N_("The answer could not be read. Try again."),
    "insufficient_balance": N_("Your wallet cannot pay this call. Add money, then try again."),
    "key_budget_exceeded": N_("The budget is used up. Wait until it begins anew, or ask the account's owner."),
    "model_not_found": N_("This model cannot be called any more. Choose another one."),
    "rate_limit_exceeded": N_("Too many calls in a short time. Wait a moment, then try again."),
    "upstream_rate_limited": N_("The provider is busy. Wait a moment, or choose another model."),
    "no_healthy_upstream": N_(
        "No provider of this model can be reached at the moment. Choose another one, or try later."
    ),
    "upstream_error": N_("The provider failed. You pay only for what was delivered; try again."),
    "upstream_timeout": N_("The provider did not answer in time. You pay only for what was delivered; try again."),
    "overloaded": N_("The gateway is busy. Wait a moment, then try again."),
    "wallet_unavailable": N_("Your balance cannot be checked at the moment. Nothing was charged; try again shortly."),
    "request_exceeds_limit": N_("The conversation is too long for this model. Clear it, or lower the token limit."),
    "account_disabled": N_("This account is disabled. Ask the operator."),
}


def play_words(words: Words) -> dict[str, str]:
    """Name → text; the sentences for faults begin with `fault_`."""
    said = {name: words.gettext(text) for name, text in _WORDS.items()}
    return said | {f"fault_{code}": words.gettext(text) for code, text in _FAULTS.items()}
