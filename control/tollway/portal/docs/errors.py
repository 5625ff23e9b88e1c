"""Errors as people look them up: by status in the documentation's short table, by code on a page of their own."""

from __future__ import annotations

import json
from functools import cache
from typing import Final

import msgspec
from markupsafe import Markup

from tollway.portal.docs.integrations import coloured
from tollway.portal.docs.refusals import REFUSALS, Refusal
from tollway.portal.frame.translate import N_


class Row(msgspec.Struct, frozen=True):
    """A row of the short table: a status or class of them, and the section that has the codes."""

    label: str
    anchor: str
    name: str
    meaning: str
    fix: str
    statuses: tuple[int, ...]


ROWS: Final = (
    Row(
        "400",
        "error-400",
        N_("Bad request"),
        N_("The body or a field cannot be used. Nothing was charged."),
        N_("The message names the field: correct it and send it again."),
        (400,),
    ),
    Row(
        "401",
        "error-401",
        N_("Invalid API key"),
        N_("No key was sent, or it is unknown, expired or disabled."),
        N_("Send `Authorization: Bearer YOUR_API_KEY` with a key that is active."),
        (401,),
    ),
    Row(
        "402",
        "error-402",
        N_("Insufficient balance"),
        N_("The wallet cannot pay what the request may cost at most."),
        N_("Top up, send less, or lower `max_tokens`."),
        (402,),
    ),
    Row(
        "403",
        "error-403",
        N_("Not allowed"),
        N_("The key is good, but not for this address or endpoint, or its account is disabled."),
        N_("Use another key, or change what this one may do."),
        (403,),
    ),
    Row(
        "404",
        "error-404",
        N_("Model not found"),
        N_("The model does not exist or your key may not call it, or there is nothing at this path."),
        N_("Take a name from `GET /v1/models`, and check the base URL."),
        (404,),
    ),
    Row(
        "405, 408, 413, 415, 431, 505",
        "error-request",
        N_("Request not accepted"),
        N_("Method, size, type or version of the request do not fit. Nothing was charged."),
        N_("Change the request as the message says."),
        (405, 408, 413, 415, 431, 505),
    ),
    Row(
        "429",
        "error-429",
        N_("Rate limited"),
        N_("A limit on requests is reached, yours or the provider's."),
        N_("Wait as long as `retry-after` says, then send it again."),
        (429,),
    ),
    Row(
        "5xx",
        "error-5xx",
        N_("Upstream error"),
        N_("The provider or the gateway failed, after other channels were tried."),
        N_("Send it again after a moment, or use another model."),
        (500, 502, 503, 504),
    ),
)
# The short table's rows: what nearly everybody meets.
COMMON: Final = ("401", "402", "404", "429", "5xx")


@cache
def sections() -> tuple[tuple[Row, tuple[Refusal, ...]], ...]:
    """Every row with its codes."""
    return tuple((row, tuple(one for one in REFUSALS if one.status in row.statuses)) for row in ROWS)


def common() -> list[Row]:
    """The rows of the short table."""
    return [row for row in ROWS if row.label in COMMON]


def by_code(code: str) -> Refusal:
    """One entry. Raises StopIteration for a code that is none: a mistake in a template."""
    return next(one for one in REFUSALS if one.code == code)


@cache
def example() -> Markup:
    """The body that every error has."""
    return coloured(by_code("invalid_api_key").body, "json")


def stream_example() -> str:
    """The last event of a stream that broke."""
    text = "The model's provider broke off before its answer was whole. Retry, or use another model."
    error = {"message": text, "type": "upstream_error", "param": None, "code": "upstream_error"}
    return f"data: {json.dumps({'error': error})}\n\n"
