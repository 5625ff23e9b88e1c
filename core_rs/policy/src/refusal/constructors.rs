//! The refusals that are made in more than one place, with messages that say what to do.

use super::{Code, LimitKind, Limited, Refusal, Scope};
use std::borrow::Cow;

/// How long a client waits when the gateway or all upstreams are out: long enough to matter, short enough to be tried again.
const OUTAGE_RETRY_S: u32 = 2;

impl Refusal {
    #[must_use]
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, param: None, message: message.into(), limited: None, allow: None, retry_after_s: None }
    }

    /// A field that is missing, of the wrong type, or says what cannot be done.
    #[must_use]
    pub fn invalid(param: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { param: Some(param), ..Self::new(Code::InvalidRequest, message) }
    }

    #[must_use]
    pub fn invalid_json(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::InvalidJson, message)
    }

    #[must_use]
    pub fn bad_framing(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::BadFraming, message)
    }

    /// No key, or one that is not known; both get the same answer, so that nothing can be probed.
    #[must_use]
    pub fn invalid_api_key() -> Self {
        Self::new(
            Code::InvalidApiKey,
            "No valid API key was given. Send a key of this gateway as 'Authorization: Bearer <key>'.",
        )
    }

    #[must_use]
    pub fn not_found() -> Self {
        Self::new(
            Code::NotFound,
            "There is nothing at this path. The API begins at /v1, for instance POST /v1/chat/completions.",
        )
    }

    #[must_use]
    pub fn method_not_allowed(allow: &'static str) -> Self {
        Self {
            allow: Some(allow),
            ..Self::new(Code::MethodNotAllowed, format!("This path does not take that method. Use {allow}."))
        }
    }

    #[must_use]
    pub fn request_too_large(bytes_max: u64) -> Self {
        Self::new(
            Code::RequestTooLarge,
            format!("The request body is larger than {bytes_max} bytes. Send a smaller one."),
        )
    }

    #[must_use]
    pub fn head_too_large(bytes_max: u64) -> Self {
        Self::new(
            Code::HeadTooLarge,
            format!("The request line and headers are larger than {bytes_max} bytes. Send fewer or shorter headers."),
        )
    }

    #[must_use]
    pub fn request_timeout() -> Self {
        Self::new(Code::RequestTimeout, "The request did not arrive in time. Send it again, without pauses.")
    }

    /// A limit of ours that will have room again in `retry_after_ns`.
    #[must_use]
    pub fn limited(scope: Scope, limit: LimitKind, retry_after_ns: u64, message: impl Into<Cow<'static, str>>) -> Self {
        Self::waiting(Code::RateLimitExceeded, Limited { scope, limit, retry_after_ns }, message)
    }

    /// Every channel of the model is being paced by its upstream.
    #[must_use]
    pub fn upstream_rate_limited(retry_after_ns: u64) -> Self {
        let limited = Limited { scope: Scope::Upstream, limit: LimitKind::Requests, retry_after_ns };
        Self::waiting(
            Code::UpstreamRateLimited,
            limited,
            "The model's providers are limiting requests. Retry after the stated time.",
        )
    }

    #[must_use]
    pub fn internal() -> Self {
        Self::new(
            Code::InternalError,
            "The gateway failed. Nothing was charged. Retry; if it happens again, report the request id.",
        )
    }

    #[must_use]
    pub fn upstream_error(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::UpstreamError, message)
    }

    #[must_use]
    pub fn upstream_timeout() -> Self {
        Self::new(Code::UpstreamTimeout, "The model's provider did not answer in time. Retry, or ask for less.")
    }

    #[must_use]
    pub fn overloaded() -> Self {
        Self {
            retry_after_s: Some(OUTAGE_RETRY_S),
            ..Self::new(
                Code::Overloaded,
                "The gateway has more requests than it can serve. Retry after the stated time.",
            )
        }
    }

    #[must_use]
    pub fn no_healthy_upstream() -> Self {
        Self {
            retry_after_s: Some(OUTAGE_RETRY_S),
            ..Self::new(
                Code::NoHealthyUpstream,
                "No provider of this model can be used at present. Retry later or use another model.",
            )
        }
    }

    /// The wallet may well be full: this node cannot find out.
    #[must_use]
    pub fn wallet_unavailable() -> Self {
        Self {
            retry_after_s: Some(OUTAGE_RETRY_S),
            ..Self::new(
                Code::WalletUnavailable,
                "The account's balance cannot be read at present. Retry after the stated time.",
            )
        }
    }

    fn waiting(code: Code, limited: Limited, message: impl Into<Cow<'static, str>>) -> Self {
        // Whole seconds, at least one: zero would invite an immediate retry that must fail.
        let seconds = limited.retry_after_ns.div_ceil(1_000_000_000).max(1);
        Self {
            limited: Some(limited),
            retry_after_s: Some(u32::try_from(seconds).unwrap_or(u32::MAX)),
            ..Self::new(code, message)
        }
    }
}
