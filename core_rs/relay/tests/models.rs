//! `GET /v1/models`: what the key may call and nothing else, for a caller with an empty wallet too.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed test is a panic")]

mod support;

use support::{Act, Client, Gateway, KEY, Upstream, basic, key, key_text};
use tollway_policy::testing::{AccountSpec, GroupSpec, KeySpec, ModelSpec, id};

/// Models `chat`, `org/model:free`, `a b`, one that is disabled, one that only the group `vip` has; keys 1 (all), 2 (a list), 3 (in `vip`).
fn gateway() -> Gateway {
    let upstream = Upstream::start(|_| vec![Act::Close]); // never called
    let mut snapshot = basic(upstream.address)
        .model(ModelSpec::chat("org/model:free", &["one"]))
        .model(ModelSpec::chat("a b%2F", &["one"]))
        .model(ModelSpec { enabled: false, ..ModelSpec::chat("off", &["one"]) })
        .model(ModelSpec { free: true, price: None, ..ModelSpec::chat("vip-only", &["one"]) })
        .group(GroupSpec { multiplier_micro: 1_500_000, ..GroupSpec::new("vip") })
        .account(AccountSpec { group: "vip".into(), ..AccountSpec::new(2) })
        .key(KeySpec { models: Some(vec!["org/*".into(), "vip-only".into()]), ..key(2, 1) })
        .key(key(3, 2));
    snapshot.groups.as_mut().unwrap()[0].models = vec!["chat".into(), "org/*".into(), "a b*".into(), "off".into()];
    let gateway = Gateway::start(&snapshot);
    gateway.control.empty(id(1));
    gateway
}

fn names(gateway: &Gateway, key: &str) -> Vec<String> {
    let response = gateway.call("GET", "/v1/models", key, "");
    assert_eq!((response.status, response.header("content-type")), (200, Some("application/json")));
    let list = response.json();
    assert_eq!(list["object"], "list");
    list["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap().to_string()).collect()
}

#[test]
fn the_list_is_what_the_key_may_call_and_costs_nothing() {
    let gateway = gateway();
    assert_eq!(names(&gateway, KEY), ["chat", "org/model:free", "a b%2F"]);
    assert_eq!(names(&gateway, &key_text(2)), ["org/model:free"]);
    assert_eq!(names(&gateway, &key_text(3)), ["chat", "org/model:free", "a b%2F", "vip-only"]);
    assert_eq!(gateway.call("GET", "/v1/models", "", "").code(), "invalid_api_key");
    assert_eq!(gateway.control.with(|books| books.leases), 0);
}

#[test]
fn an_entry_says_what_a_caller_chooses_by_at_the_callers_own_price() {
    let gateway = gateway();
    let entry = gateway.call("GET", "/v1/models/chat", KEY, "").json();
    assert_eq!(
        (&entry["object"], &entry["owned_by"], &entry["created"]),
        (&"model".into(), &"somebody".into(), &1_700_000_000.into())
    );
    assert_eq!(entry["context_length"], 128_000);
    assert_eq!(entry["architecture"]["input_modalities"], serde_json::json!(["text"]));
    assert_eq!(
        (&entry["pricing"]["prompt"], &entry["pricing"]["completion"]),
        (&"0.00000015".into(), &"0.0000006".into())
    );
    assert!(entry["supported_parameters"].as_array().unwrap().contains(&"tools".into()));
    let dearer = gateway.call("GET", "/v1/models/chat", &key_text(3), "").json();
    assert_eq!(
        (&dearer["pricing"]["prompt"], &dearer["pricing"]["completion"]),
        (&"0.000000225".into(), &"0.0000009".into())
    );
    let free = gateway.call("GET", "/v1/models/vip-only", &key_text(3), "").json();
    assert_eq!(free["pricing"]["prompt"], "0");
}

#[test]
fn one_model_is_found_by_its_literal_and_by_its_encoded_name() {
    let gateway = gateway();
    for path in [
        "/v1/models/org/model:free",
        "/v1/models/org%2Fmodel%3Afree",
        "/v1/models/org%2fmodel:free",
        "/v1/models/%6Frg/model:free?x=1",
        "//v1/models//org/model:free",
    ] {
        assert_eq!(gateway.call("GET", path, KEY, "").json()["id"], "org/model:free", "{path}");
    }
    assert_eq!(gateway.call("GET", "/v1/models/a%20b%252F", KEY, "").json()["id"], "a b%2F");
}

#[test]
fn out_of_reach_and_unknown_are_one_and_the_same_404() {
    let gateway = gateway();
    let shape = |path: &str, key: &str| {
        let response = gateway.call("GET", path, key, "");
        let mut error = response.json()["error"].clone();
        let named = error["message"].take();
        assert!(named.as_str().unwrap().contains(path.rsplit('/').next().unwrap()), "{named}");
        (response.status, error)
    };
    let unknown = shape("/v1/models/nobody-has-it", KEY);
    assert_eq!((unknown.0, &unknown.1["code"], &unknown.1["param"]), (404, &"model_not_found".into(), &"model".into()));
    for (path, key) in [
        ("/v1/models/vip-only", KEY.to_string()),
        ("/v1/models/off", KEY.to_string()),
        ("/v1/models/chat", key_text(2)),
        ("/v1/models/vip-only", key_text(2)),
        ("/v1/models/off", key_text(3)),
    ] {
        assert_eq!(shape(path, &key), unknown, "{path}");
    }
    for path in ["/v1/models/%zz", "/v1/models/org%2", "/v1/models/../models/chat", "/v1/models/%2e%2e/x"] {
        assert_eq!(gateway.call("GET", path, KEY, "").status, 404, "{path}");
    }
}

#[test]
fn head_has_the_head_of_get_and_no_body() {
    let gateway = gateway();
    let mut client = gateway.client();
    for path in ["/v1/models", "/v1/models/chat", "/v1/models/nope", "/v1/chat/completions", "/v1/nothing"] {
        let got = gateway.call("GET", path, KEY, "");
        client.send(Client::request("HEAD", path, KEY, ""));
        let head = client.head_only();
        assert_eq!((head.status, head.header("content-length")), (got.status, got.header("content-length")), "{path}");
        // On a connection whose framing was broken this would be the leftover body.
        assert_eq!(client.call("GET", "/v1/models/chat", KEY, "").json()["id"], "chat", "{path}");
    }
    let response = gateway.call("POST", "/v1/models", KEY, "{}");
    assert_eq!((response.status, response.header("allow")), (405, Some("GET, HEAD")));
}
