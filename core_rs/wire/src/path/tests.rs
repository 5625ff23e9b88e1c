//! Paths: who gets which, and that no spelling of ours reaches the control plane.

use super::*;
use crate::head::Method;

fn of(path: &str) -> (Route, String) {
    let mut scratch = b"left over".to_vec();
    let route = route(path.as_bytes(), &mut scratch);
    let id = if let Route::Model(span) = route { span.of(&scratch).to_vec() } else { Vec::new() };
    (route, String::from_utf8(id).unwrap())
}

#[test]
fn every_relayed_path() {
    let relayed = [
        ("/v1/chat/completions", Endpoint::Chat, "/chat/completions", BodyKind::Json),
        ("/chat/completions", Endpoint::Chat, "/chat/completions", BodyKind::Json),
        ("//v1//chat/completions/", Endpoint::Chat, "/chat/completions", BodyKind::Json),
        ("/v1/completions", Endpoint::Completions, "/completions", BodyKind::Json),
        ("/v1/embeddings", Endpoint::Embeddings, "/embeddings", BodyKind::Json),
        ("/v1/images/generations", Endpoint::Images, "/images/generations", BodyKind::Json),
        ("/v1/images/edits", Endpoint::Images, "/images/edits", BodyKind::Multipart),
        ("/v1/audio/speech", Endpoint::Audio, "/audio/speech", BodyKind::Json),
        ("/v1/audio/transcriptions", Endpoint::Audio, "/audio/transcriptions", BodyKind::Multipart),
        ("/v1/audio/translations", Endpoint::Audio, "/audio/translations", BodyKind::Multipart),
        ("/v1/moderations", Endpoint::Moderations, "/moderations", BodyKind::Json),
        ("/v1/rerank", Endpoint::Rerank, "/rerank", BodyKind::Json),
        ("/%76%31/rerank", Endpoint::Rerank, "/rerank", BodyKind::Json),
    ];
    for (path, endpoint, upstream_suffix, body) in relayed {
        let (route, _) = of(path);
        assert_eq!(route, Route::Relay { endpoint, upstream_suffix, body }, "{path}");
        assert_eq!(route.allow(), Some("POST"));
        assert!(route.allows(Method::Post) && !route.allows(Method::Get));
    }
}

#[test]
fn models_and_their_ids() {
    assert_eq!(of("/v1/models").0, Route::Models);
    assert_eq!(of("/v1/models/").0, Route::Models);
    for (path, id) in [
        ("/v1/models/gpt-4o", "gpt-4o"),
        ("/v1/models/org/name:tag", "org/name:tag"),
        ("/v1/models/org%2Fname%3Atag", "org/name:tag"),
        ("/v1/models/a%20b", "a b"),
        ("/v1//models/x/", "x"),
        ("/v1/models/%C3%A9", "é"),
        ("/v1/models/a%2525", "a%25"),
    ] {
        let (route, found) = of(path);
        assert!(matches!(route, Route::Model(_)), "{path}");
        assert_eq!(found, id, "{path}");
    }
    assert!(of("/v1/models").0.allows(Method::Head) && !of("/v1/models").0.allows(Method::Post));
}

#[test]
fn the_rest_of_v1_is_unknown_and_ours() {
    for path in [
        "/v1",
        "/v1/",
        "/v1/nothing",
        "/v1/chat",
        "/v1beta/models/x",
        "/V1/chat/completions",
        "/v1/chat/completions/x",
        "//v1/x",
    ] {
        assert_eq!(of(path).0, Route::UnknownV1, "{path}");
    }
}

#[test]
fn node_metrics_and_control() {
    for path in ["/api/status", "/healthz", "/readyz", "//healthz/"] {
        assert_eq!(of(path).0, Route::NodeApi, "{path}");
    }
    assert_eq!(of("/metrics").0, Route::Metrics);
    assert_eq!(of("/%6detrics").0, Route::Metrics);
    for path in ["/", "/api/keys", "/v1x", "/internals", "/docs", "/a%20b", "*"] {
        assert_eq!(of(path).0, Route::Control, "{path}");
    }
}

#[test]
fn no_spelling_of_the_inner_paths_gets_through() {
    let spellings = [
        "/internal",
        "/internal/",
        "/internal/node/lease",
        "//internal/x",
        "/%69nternal/x",
        "/%49NTERNAL",
        "/Internal/x",
        "/internal%2Fnode",
        "/%2Finternal/x",
        "/x/../internal",
        "/x/%2e%2E/internal/x",
        "/./internal",
        "/internal/%zz",
        "/x%00",
        "/x%5c..%5cinternal",
        "/x%2",
        "/x\\..\\internal",
    ];
    for path in spellings {
        assert_eq!(of(path).0, Route::Internal, "{path}");
    }
}
