//! The words in which the gateway says no: one stable code each, with its status, its OpenAI `type`, whose fault it is and whether to retry.
//!
//! The table is the one of the protocol contract; a code is also a metric label, so codes are never renamed. A message says what to do next.

use std::borrow::Cow;

/// Who has to change something for the same request to succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Client,
    Upstream,
    Gateway,
}

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    InvalidJson,
    InvalidRequest,
    ModelPriceMissing,
    RequestExceedsLimit,
    InvalidApiKey,
    KeyExpired,
    KeyDisabled,
    InsufficientBalance,
    KeyBudgetExceeded,
    IpNotAllowed,
    EndpointNotAllowed,
    AccountDisabled,
    ModelNotFound,
    NotFound,
    MethodNotAllowed,
    RequestTooLarge,
    HeadTooLarge,
    UnsupportedMediaType,
    UnsupportedEncoding,
    HttpVersionNotSupported,
    /// A head or body whose limits are not beyond doubt. Shares the code `invalid_request`, but the connection cannot be used again.
    BadFraming,
    RequestTimeout,
    RateLimitExceeded,
    UpstreamRateLimited,
    InternalError,
    UpstreamError,
    Overloaded,
    NoHealthyUpstream,
    WalletUnavailable,
    UpstreamTimeout,
}

const ALL: &[Code] = &[
    Code::InvalidJson,
    Code::InvalidRequest,
    Code::ModelPriceMissing,
    Code::RequestExceedsLimit,
    Code::InvalidApiKey,
    Code::KeyExpired,
    Code::KeyDisabled,
    Code::InsufficientBalance,
    Code::KeyBudgetExceeded,
    Code::IpNotAllowed,
    Code::EndpointNotAllowed,
    Code::AccountDisabled,
    Code::ModelNotFound,
    Code::NotFound,
    Code::MethodNotAllowed,
    Code::RequestTooLarge,
    Code::HeadTooLarge,
    Code::UnsupportedMediaType,
    Code::UnsupportedEncoding,
    Code::HttpVersionNotSupported,
    Code::BadFraming,
    Code::RequestTimeout,
    Code::RateLimitExceeded,
    Code::UpstreamRateLimited,
    Code::InternalError,
    Code::UpstreamError,
    Code::Overloaded,
    Code::NoHealthyUpstream,
    Code::WalletUnavailable,
    Code::UpstreamTimeout,
];

impl Code {
    /// Every code, in the order of the contract's table.
    #[must_use]
    pub const fn all() -> &'static [Self] {
        ALL
    }

    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidJson
            | Self::InvalidRequest
            | Self::ModelPriceMissing
            | Self::RequestExceedsLimit
            | Self::BadFraming => 400,
            Self::InvalidApiKey | Self::KeyExpired | Self::KeyDisabled => 401,
            Self::InsufficientBalance | Self::KeyBudgetExceeded => 402,
            Self::IpNotAllowed | Self::EndpointNotAllowed | Self::AccountDisabled => 403,
            Self::ModelNotFound | Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::RequestTimeout => 408,
            Self::RequestTooLarge => 413,
            Self::UnsupportedMediaType | Self::UnsupportedEncoding => 415,
            Self::RateLimitExceeded | Self::UpstreamRateLimited => 429,
            Self::HeadTooLarge => 431,
            Self::InternalError => 500,
            Self::UpstreamError => 502,
            Self::Overloaded | Self::NoHealthyUpstream | Self::WalletUnavailable => 503,
            Self::UpstreamTimeout => 504,
            Self::HttpVersionNotSupported => 505,
        }
    }

    /// The stable code: what clients branch on and what metrics are labelled with.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidJson => "invalid_json",
            Self::InvalidRequest | Self::BadFraming => "invalid_request",
            Self::ModelPriceMissing => "model_price_missing",
            Self::RequestExceedsLimit => "request_exceeds_limit",
            Self::InvalidApiKey => "invalid_api_key",
            Self::KeyExpired => "key_expired",
            Self::KeyDisabled => "key_disabled",
            Self::InsufficientBalance => "insufficient_balance",
            Self::KeyBudgetExceeded => "key_budget_exceeded",
            Self::IpNotAllowed => "ip_not_allowed",
            Self::EndpointNotAllowed => "endpoint_not_allowed",
            Self::AccountDisabled => "account_disabled",
            Self::ModelNotFound => "model_not_found",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::RequestTooLarge => "request_too_large",
            Self::HeadTooLarge => "head_too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::UnsupportedEncoding => "unsupported_encoding",
            Self::HttpVersionNotSupported => "http_version_not_supported",
            Self::RequestTimeout => "request_timeout",
            Self::RateLimitExceeded => "rate_limit_exceeded",
            Self::UpstreamRateLimited => "upstream_rate_limited",
            Self::InternalError => "internal_error",
            Self::UpstreamError => "upstream_error",
            Self::Overloaded => "overloaded",
            Self::NoHealthyUpstream => "no_healthy_upstream",
            Self::WalletUnavailable => "wallet_unavailable",
            Self::UpstreamTimeout => "upstream_timeout",
        }
    }

    /// The `type` of an OpenAI error object.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::NoHealthyUpstream | Self::WalletUnavailable => "upstream_error",
            _ => match self.status() {
                401 => "authentication_error",
                402 => "insufficient_quota",
                403 => "permission_error",
                429 => "rate_limit_error",
                500 => "api_error",
                502 | 504 => "upstream_error",
                503 => "overloaded_error",
                _ => "invalid_request_error",
            },
        }
    }

    #[must_use]
    pub const fn fault(self) -> Fault {
        match self {
            Self::UpstreamRateLimited | Self::UpstreamError | Self::NoHealthyUpstream | Self::UpstreamTimeout => {
                Fault::Upstream
            }
            Self::InternalError | Self::Overloaded | Self::WalletUnavailable => Fault::Gateway,
            _ => Fault::Client,
        }
    }

    /// Whether the same request may succeed later. Where it cannot, the answer carries `x-should-retry: false`.
    #[must_use]
    pub const fn should_retry(self) -> bool {
        // 431 and 505 are not in the contract's list, but the same bytes will never do better.
        !matches!(self.status(), 400 | 401 | 402 | 403 | 404 | 405 | 413 | 415 | 422 | 431 | 505)
    }
}

/// Whose limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    Key,
    Account,
    Group,
    Model,
    Upstream,
}

impl Scope {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Account => "account",
            Self::Group => "group",
            Self::Model => "model",
            Self::Upstream => "upstream",
        }
    }
}

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LimitKind {
    Requests,
    Tokens,
    Concurrency,
}

impl LimitKind {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Tokens => "tokens",
            Self::Concurrency => "concurrency",
        }
    }
}

/// Which limit a 429 is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limited {
    pub scope: Scope,
    pub limit: LimitKind,
    pub retry_after_ns: u64,
}

/// One refusal, complete but for the dialect it will be written in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub code: Code,
    /// The field of the request that is to blame.
    pub param: Option<&'static str>,
    pub message: Cow<'static, str>,
    pub limited: Option<Limited>,
    /// The methods of a path, for a 405.
    pub allow: Option<&'static str>,
    /// Whole seconds for `retry-after`. A limit's wait is exact in `limited` and rounded up here.
    pub retry_after_s: Option<u32>,
}

mod constructors;
#[cfg(test)]
mod tests;
