use super::{Code, Fault, LimitKind, Refusal, Scope};
use std::collections::HashSet;

/// The contract's table, written out: status, type, code.
const TABLE: &[(u16, &str, &str)] = &[
    (400, "invalid_request_error", "invalid_json"),
    (400, "invalid_request_error", "invalid_request"),
    (400, "invalid_request_error", "model_price_missing"),
    (400, "invalid_request_error", "request_exceeds_limit"),
    (401, "authentication_error", "invalid_api_key"),
    (401, "authentication_error", "key_expired"),
    (401, "authentication_error", "key_disabled"),
    (402, "insufficient_quota", "insufficient_balance"),
    (402, "insufficient_quota", "key_budget_exceeded"),
    (403, "permission_error", "ip_not_allowed"),
    (403, "permission_error", "endpoint_not_allowed"),
    (403, "permission_error", "account_disabled"),
    (404, "invalid_request_error", "model_not_found"),
    (404, "invalid_request_error", "not_found"),
    (405, "invalid_request_error", "method_not_allowed"),
    (408, "invalid_request_error", "request_timeout"),
    (413, "invalid_request_error", "request_too_large"),
    (415, "invalid_request_error", "unsupported_media_type"),
    (415, "invalid_request_error", "unsupported_encoding"),
    (429, "rate_limit_error", "rate_limit_exceeded"),
    (429, "rate_limit_error", "upstream_rate_limited"),
    (431, "invalid_request_error", "head_too_large"),
    (500, "api_error", "internal_error"),
    (502, "upstream_error", "upstream_error"),
    (503, "overloaded_error", "overloaded"),
    (503, "upstream_error", "no_healthy_upstream"),
    (503, "upstream_error", "wallet_unavailable"),
    (504, "upstream_error", "upstream_timeout"),
    (505, "invalid_request_error", "http_version_not_supported"),
];

#[test]
fn codes_are_those_of_the_contract() {
    let ours: HashSet<_> = Code::all().iter().map(|code| (code.status(), code.kind(), code.as_str())).collect();
    let contract: HashSet<_> = TABLE.iter().copied().collect();
    assert_eq!(ours, contract);
    assert_eq!(Code::all().len(), TABLE.len() + 1, "only bad framing shares a code");
}

#[test]
fn a_client_is_told_not_to_retry_what_cannot_change() {
    for code in Code::all() {
        let hopeless = [400, 401, 402, 403, 404, 405, 413, 415, 422, 431, 505].contains(&code.status());
        assert_eq!(code.should_retry(), !hopeless, "{code:?}");
        if code.fault() != Fault::Client {
            assert!(code.should_retry(), "{code:?}: not the client's fault, so a retry may help");
        }
    }
}

#[test]
fn a_wait_is_rounded_up_to_whole_seconds() {
    for (wait_ns, seconds) in [(0, 1), (1, 1), (1_000_000_000, 1), (1_000_000_001, 2), (u64::MAX, u32::MAX)] {
        let refusal = Refusal::limited(Scope::Key, LimitKind::Requests, wait_ns, "wait");
        assert_eq!(refusal.retry_after_s, Some(seconds));
    }
}

#[test]
fn a_refusal_stays_small_enough_to_return() {
    assert!(size_of::<Refusal>() <= 120);
}
