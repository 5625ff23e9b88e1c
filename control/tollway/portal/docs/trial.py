"""What "Try it" may say, in the page's language: assets/try.js runs the call and holds no words itself."""

from __future__ import annotations

from typing import Final

from tollway.portal.frame.translate import N_, Words

_WORDS: Final = {
    "waiting": N_("Waiting for the first token…"),
    "running": N_("The answer is coming…"),
    "working": N_("Working…"),
    "done": N_("Done"),
    "stopped": N_("Stopped"),
    "failed": N_("The call failed"),
    "first": N_("first token after {ms} ms"),
    "total": N_("{ms} ms in all"),
    "tokens": N_("{input} tokens in, {output} out"),
    "tokens_in": N_("{input} tokens in"),
    "vector": N_("{count} numbers"),
    "explained": N_("What this call cost"),
    "picture": N_("The picture that the model made"),
    "address": N_("The picture's address"),
    "nothing": N_("The answer is empty."),
    "signed_out": N_("Your sign-in has ended. Sign in again, then try once more."),
    "unreachable": N_("The gateway cannot be reached. Check your connection and try again."),
    "stalled": N_("Nothing came for two minutes. Try again, or try another model."),
    "cut": N_("The answer broke off. Try again; you pay only for what was delivered."),
    "not_json": N_("The answer could not be read. Try again."),
    "said": N_("The gateway answered {status} with code {code}."),
    "insufficient_balance": N_("Your wallet cannot pay this call. Top up, then try again."),
    "later": N_("Try again in {seconds} seconds."),
}


def trial_words(words: Words) -> dict[str, str]:
    """Name → text, for the page's `data-try-words`."""
    return {name: words.gettext(text) for name, text in _WORDS.items()}
