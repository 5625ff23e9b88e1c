"""Every code with which the gateway says no: when, what to do, and the very sentence that is sent.

Codes, statuses, types and sentences are the core's (core_rs/policy/src/refusal.rs and where it is used); a test reads
them there. A sentence holds names in braces where the core fills something in; `sample` says with what, here.
"""

from __future__ import annotations

import json
import re
from typing import Final, Literal

import msgspec

from tollway.portal.frame.translate import N_

Fault = Literal["client", "upstream", "gateway"]


class Refusal(msgspec.Struct, frozen=True):
    """One code. `text`: the core's sentence; `limited`: scope and limit of a 429; `wait_s`: its retry-after."""

    code: str
    status: int
    kind: str
    fault: Fault
    retry: bool
    when: str
    fix: str
    text: str
    sample: dict[str, str | int] = {}
    param: str | None = None
    limited: tuple[str, str] | None = None
    wait_s: int | None = None

    @property
    def message(self) -> str:
        """The sentence as a client may see it."""
        return re.sub(r"\{(\w*)\}", lambda found: str(self.sample[found[1]]), self.text)

    @property
    def body(self) -> str:
        """The JSON that is sent, set out for reading."""
        error: dict[str, str | None] = {
            "message": self.message,
            "type": self.kind,
            "param": self.param,
            "code": self.code,
        }
        if self.limited:
            error |= dict(zip(("scope", "limit"), self.limited, strict=True))
        return json.dumps({"error": error}, indent=2, ensure_ascii=False) + "\n"

    @property
    def headers(self) -> str:
        """The headers that tell a client what to do."""
        lines = [f"HTTP/1.1 {self.status}", "content-type: application/json", "x-request-id: req_…"]
        if not self.retry:
            lines.append("x-should-retry: false")
        if self.wait_s is not None:
            lines.append(f"retry-after: {self.wait_s}")
        if self.limited:
            lines.append(f"retry-after-ms: {(self.wait_s or 1) * 1000}")
        return "\n".join(lines) + "\n"


REFUSALS: Final = (
    Refusal(
        "invalid_json",
        400,
        "invalid_request_error",
        "client",
        False,
        N_("The body is empty, not JSON, not UTF-8, or nested deeper than 128 levels."),
        N_("Send one JSON object."),
        "The body is not a valid JSON object (near byte {at}). Nothing was charged.",
        sample={"at": 17},
    ),
    Refusal(
        "invalid_request",
        400,
        "invalid_request_error",
        "client",
        False,
        N_(
            "A field is missing, of the wrong type or twice in the body; or the model is of another kind than the "
            "endpoint. `param` names the field."
        ),
        N_("Correct the field that the message names."),
        "`{}` is missing.",
        sample={"": "messages"},
        param="messages",
    ),
    Refusal(
        "model_price_missing",
        400,
        "invalid_request_error",
        "client",
        False,
        N_("The model exists, but has no price yet, so it cannot be paid for."),
        N_("Ask the operator of this gateway, or use another model."),
        "The model '{}' has no price yet, so it cannot be called. Ask the operator of this gateway.",
        sample={"": "example-model"},
        param="model",
    ),
    Refusal(
        "method_not_allowed",
        405,
        "invalid_request_error",
        "client",
        False,
        N_("The path exists, but not with this method. The header `allow` lists those it takes."),
        N_("Use the method that the message names."),
        "This path does not take that method. Use {allow}.",
        sample={"allow": "POST"},
    ),
    Refusal(
        "request_timeout",
        408,
        "invalid_request_error",
        "client",
        True,
        N_("The head or body of the request did not arrive in time."),
        N_("Send it again, without pauses."),
        "The request did not arrive in time. Send it again, without pauses.",
    ),
    Refusal(
        "request_too_large",
        413,
        "invalid_request_error",
        "client",
        False,
        N_("The body is larger than this gateway takes."),
        N_("Send less, for instance smaller pictures."),
        "The request body is larger than {bytes_max} bytes. Send a smaller one.",
        sample={"bytes_max": 20971520},
    ),
    Refusal(
        "unsupported_media_type",
        415,
        "invalid_request_error",
        "client",
        False,
        N_("The body is not of the type that the endpoint takes: JSON, or a form for files."),
        N_("Send the header `content-type: application/json`."),
        "Send the body as application/json.",
    ),
    Refusal(
        "unsupported_encoding",
        415,
        "invalid_request_error",
        "client",
        False,
        N_("The body is compressed."),
        N_("Send the body as it is, without `content-encoding`."),
        "Send the body without a Content-Encoding.",
    ),
    Refusal(
        "head_too_large",
        431,
        "invalid_request_error",
        "client",
        False,
        N_("The request line and headers are too long together."),
        N_("Send fewer or shorter headers."),
        "The request line and headers are larger than {bytes_max} bytes. Send fewer or shorter headers.",
        sample={"bytes_max": 16384},
    ),
    Refusal(
        "http_version_not_supported",
        505,
        "invalid_request_error",
        "client",
        False,
        N_("The request speaks another version of HTTP."),
        N_("Send it as HTTP/1.1."),
        "Only HTTP/1.1 is spoken here. Send the request as HTTP/1.1.",
    ),
    Refusal(
        "invalid_api_key",
        401,
        "authentication_error",
        "client",
        False,
        N_("No key was sent, or it is unknown or revoked."),
        N_("Check the key, and that it belongs to this gateway. A lost key cannot be shown again: create another."),
        "No valid API key was given. Send a key of this gateway as 'Authorization: Bearer <key>'.",
    ),
    Refusal(
        "key_expired",
        401,
        "authentication_error",
        "client",
        False,
        N_("The key's expiry date has passed."),
        N_("Create another key."),
        "This API key has expired. Make a new one in the portal.",
    ),
    Refusal(
        "key_disabled",
        401,
        "authentication_error",
        "client",
        False,
        N_("Somebody of the account disabled the key."),
        N_("Enable it under API keys, or use another."),
        "This API key is disabled. Enable it in the portal or use another.",
    ),
    Refusal(
        "insufficient_balance",
        402,
        "insufficient_quota",
        "client",
        False,
        N_(
            "The most that the request may cost is more than the wallet has free. A lower output limit was tried first."
        ),
        N_("Top up, send less, or lower `max_tokens`."),
        "The request may cost up to {needed} USD, but only {free} USD is available. {advice}",
        sample={"needed": "0.0125", "free": "0.004", "advice": "Add credit, send less, or lower max_tokens."},
    ),
    Refusal(
        "ip_not_allowed",
        403,
        "permission_error",
        "client",
        False,
        N_("The key has a list of addresses, and this one is not in it."),
        N_("Add the address to the key's list, or call from one that is in it."),
        "This API key may not be used from {address}. "
        "Add the address to the key's list, or call from one that is in it.",
        sample={"address": "203.0.113.7"},
    ),
    Refusal(
        "endpoint_not_allowed",
        403,
        "permission_error",
        "client",
        False,
        N_("The key is narrowed to other endpoints."),
        N_("Use a key that may call this endpoint."),
        "This API key may not use the endpoint '{}'. Use a key that may.",
        sample={"": "images"},
    ),
    Refusal(
        "account_disabled",
        403,
        "permission_error",
        "client",
        False,
        N_("The key's account is disabled."),
        N_("Ask the operator of this gateway."),
        "The account of this API key is disabled. Ask the operator of this gateway.",
    ),
    Refusal(
        "model_not_found",
        404,
        "invalid_request_error",
        "client",
        False,
        N_("The model is unknown, disabled, or out of your key's reach. All three get the same answer."),
        N_("Take a name from `GET /v1/models`: it lists what your key may call."),
        "The model '{shown}' does not exist, or this API key may not call it. GET /v1/models lists those it may.",
        sample={"shown": "no-such-model"},
        param="model",
    ),
    Refusal(
        "not_found",
        404,
        "invalid_request_error",
        "client",
        False,
        N_("There is nothing at this path. Often the base URL lacks `/v1`, or has it twice."),
        N_("Use the base URL as the documentation shows it."),
        "There is nothing at this path. The API begins at /v1, for instance POST /v1/chat/completions.",
    ),
    Refusal(
        "rate_limit_exceeded",
        429,
        "rate_limit_error",
        "client",
        True,
        N_("A limit on requests per minute is reached. `scope` says whose: key, account, group or model."),
        N_("Wait as long as `retry-after` says, and spread your requests."),
        "The limit of {limit} requests per minute of this {scope} is reached. Retry in {wait_ms} ms.",
        sample={"limit": 60, "scope": "key", "wait_ms": 1000},
        limited=("key", "requests"),
        wait_s=1,
    ),
    Refusal(
        "upstream_rate_limited",
        429,
        "rate_limit_error",
        "upstream",
        True,
        N_("Every channel of the model is limited by its provider."),
        N_("Wait as long as `retry-after` says, or use another model."),
        "The model's providers are limiting requests. Retry after the stated time.",
        limited=("upstream", "requests"),
        wait_s=1,
    ),
    Refusal(
        "internal_error",
        500,
        "api_error",
        "gateway",
        True,
        N_("A fault of the gateway. Nothing was charged."),
        N_("Send it again. If it happens once more, tell the operator the request id."),
        "The gateway failed. Nothing was charged. Retry; if it happens again, report the request id.",
    ),
    Refusal(
        "upstream_error",
        502,
        "upstream_error",
        "upstream",
        True,
        N_("The provider refused, broke off, or sent what cannot be used, on every channel that was tried."),
        N_("Send it again, or use another model."),
        "The model's provider answered with status {status}. Retry, or use another model.",
        sample={"status": 500},
    ),
    Refusal(
        "overloaded",
        503,
        "overloaded_error",
        "gateway",
        True,
        N_("The gateway has more requests than it can serve."),
        N_("Wait as long as `retry-after` says."),
        "The gateway has more requests than it can serve. Retry after the stated time.",
        wait_s=2,
    ),
    Refusal(
        "no_healthy_upstream",
        503,
        "upstream_error",
        "upstream",
        True,
        N_("The model has no channel that can be used at present."),
        N_("Send it again later, or use another model."),
        "No provider of this model can be used at present. Retry later or use another model.",
        wait_s=2,
    ),
    Refusal(
        "wallet_unavailable",
        503,
        "upstream_error",
        "gateway",
        True,
        N_("The account's balance cannot be read at present. It may well be full."),
        N_("Wait as long as `retry-after` says."),
        "The account's balance cannot be read at present. Retry after the stated time.",
        wait_s=2,
    ),
    Refusal(
        "upstream_timeout",
        504,
        "upstream_error",
        "upstream",
        True,
        N_("The provider did not answer in time."),
        N_("Send it again, or ask for less."),
        "The model's provider did not answer in time. Retry, or ask for less.",
    ),
)
