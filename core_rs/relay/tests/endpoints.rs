//! The JSON endpoints beside chat: each forwarded byte for byte, charged by the unit that its model is priced in.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed test is a panic")]

mod support;

use support::upstream::{LAST, framed, json, stream_head};
use support::{DONE, Gateway, HELLO, KEY, Upstream, basic, completion};
use tollway_policy::testing::{ModelSpec, PriceSpec, RouteSpec, SnapshotBuilder, id};

/// Prices of nothing, to be given the one that a test is about.
fn free_of_charge() -> PriceSpec {
    PriceSpec { token_pico: [0; 10], ..PriceSpec::tokens(0, 0) }
}

/// A model of a kind at the usual upstream, where it is called `up`.
fn model(name: &str, kind: u8, price: PriceSpec) -> ModelSpec {
    ModelSpec { kind, price: Some(price), routes: vec![RouteSpec::new("one", "up")], ..ModelSpec::chat(name, &[]) }
}

fn with_model(upstream: &Upstream, model: ModelSpec) -> SnapshotBuilder {
    basic(upstream.address).model(model)
}

#[test]
fn completions_pass_plain() {
    let answer = r#"{"id":"c","object":"text_completion","choices":[{"index":0,"text":"Hello","finish_reason":"stop"}],"usage":{"prompt_tokens":1000,"completion_tokens":100,"total_tokens":1100}}"#;
    let upstream = Upstream::answering(json(200, answer));
    let gateway = Gateway::start(&with_model(&upstream, model("text", 1, PriceSpec::tokens(150_000, 600_000))));
    let body = r#"{ "prompt" : "Once", "model":"text", "logprobs":5, "x": [1, 2.50] }"#;
    let response = gateway.call("POST", "/v1/completions", KEY, body);
    assert_eq!((response.status, response.text()), (200, answer));
    let sent = &upstream.requests()[0];
    assert_eq!((sent.path(), sent.body.as_str()), ("/v1/completions", body.replace("\"text\"", "\"up\"").as_str()));
    let row = &gateway.control.rows(1)[0];
    assert_eq!((row.endpoint, row.charge, row.stream), (1, 210_000, false));
}

#[test]
fn completions_stream_and_their_text_is_counted() {
    let event = |text: &str, finish: &str| {
        format!("data: {{\"choices\":[{{\"index\":0,\"text\":\"{text}\",\"finish_reason\":{finish}}}]}}\n\n")
    };
    let events = event("twelve ", "null") + &event("bytes", "\"length\"");
    let upstream = Upstream::answering(stream_head() + &framed(&events) + &framed(DONE) + LAST);
    let gateway = Gateway::start(&with_model(&upstream, model("text", 1, PriceSpec::tokens(150_000, 600_000))));
    let response =
        gateway.call("POST", "/v1/completions", KEY, r#"{"model":"text","prompt":"12345678","stream":true}"#);
    assert!(response.whole);
    assert_eq!(response.text(), events + DONE);
    let row = &gateway.control.rows(1)[0];
    // 8 bytes in, 12 bytes out, 4 to a token.
    assert_eq!((row.tokens[0], row.tokens[4], row.estimated, row.stream), (2, 3, true, true));
    assert_eq!(row.charge, 2 * 150 + 3 * 600);
}

#[test]
fn embeddings_pass_byte_for_byte_whatever_their_encoding() {
    let vectors = "qrvM3e7/AAECAwQFBgcICQoLDA0ODw==".repeat(4_000);
    let answer = format!(
        r#"{{"object":"list","data":[{{"object":"embedding","index":0,"embedding":"{vectors}"}}],"model":"up","usage":{{"prompt_tokens":7,"total_tokens":7}}}}"#
    );
    let upstream = Upstream::answering(json(200, &answer));
    let gateway = Gateway::start(&with_model(&upstream, model("embed", 2, PriceSpec::tokens(100_000, 0))));
    let body = r#"{"input":["one","two"],"model":"embed","encoding_format":"base64","dimensions":8}"#;
    let response = gateway.call("POST", "/v1/embeddings", KEY, body);
    assert!(response.status == 200 && response.body == answer.as_bytes());
    assert_eq!(upstream.requests()[0].body, body.replace("\"embed\"", "\"up\""));
    let row = &gateway.control.rows(1)[0];
    assert_eq!((row.endpoint, row.tokens[0], row.charge, row.estimated), (2, 7, 700, false));
    for input in ["\"one\"", "[1,2,3]", "[[1,2],[3]]"] {
        let body = format!(r#"{{"model":"embed","input":{input}}}"#);
        assert_eq!(gateway.call("POST", "/v1/embeddings", KEY, &body).status, 200, "{input}");
    }
}

#[test]
fn images_are_charged_by_how_many_came_not_by_how_many_were_asked_for() {
    let upstream = Upstream::start(|request| {
        let images = if request.number == 0 { r#"{"url":"a"},{"b64_json":"aGk="}"# } else { r#"{"url":"a"}"# };
        vec![support::Act::Send(json(200, &format!(r#"{{"created":1,"data":[{images}]}}"#)))]
    });
    let price = PriceSpec { image_nano: 40_000_000, ..free_of_charge() };
    let gateway = Gateway::start(&with_model(&upstream, model("paint", 3, price)));
    let body = r#"{"model":"paint","prompt":"a toll booth","n":3,"size":"1024x1024"}"#;
    let response = gateway.call("POST", "/v1/images/generations", KEY, body);
    assert_eq!(response.header("x-tollway-cost"), Some("0.08"));
    assert_eq!(gateway.call("POST", "/v1/images/generations", KEY, body).header("x-tollway-cost"), Some("0.04"));
    let rows = gateway.control.rows(2);
    assert_eq!((rows[0].endpoint, rows[0].hold, rows[0].units[1], rows[0].charge), (3, 120_000_000, 2, 80_000_000));
    assert_eq!((rows[1].units[1], rows[1].charge, rows[1].excess), (1, 40_000_000, 0));
}

#[test]
fn an_image_models_tokens_are_image_tokens() {
    let answer = r#"{"created":1,"data":[{"b64_json":"aGk="}],"usage":{"total_tokens":100,"input_tokens":40,"output_tokens":60,"input_tokens_details":{"text_tokens":10,"image_tokens":30}}}"#;
    let upstream = Upstream::answering(json(200, answer));
    let mut price = free_of_charge();
    (price.token_pico[0], price.token_pico[8], price.token_pico[9]) = (5_000_000, 10_000_000, 40_000_000);
    let gateway = Gateway::start(&with_model(&upstream, model("paint", 3, price)));
    let body = r#"{"model":"paint","prompt":"a toll booth"}"#;
    assert_eq!(gateway.call("POST", "/v1/images/generations", KEY, body).status, 200);
    let row = &gateway.control.rows(1)[0];
    assert_eq!((row.tokens[0], row.tokens[8], row.tokens[9]), (10, 30, 60));
    assert_eq!(row.charge, 10 * 5_000 + 30 * 10_000 + 60 * 40_000);
}

#[test]
fn moderations_and_rerank_are_charged_per_request() {
    let price = PriceSpec { request_nano: 2_000_000, ..free_of_charge() };
    for (path, kind, number, body) in [
        ("/v1/moderations", 6, 5, r#"{"model":"m","input":["I will","be nice"]}"#),
        ("/v1/rerank", 5, 6, r#"{"model":"m","query":"toll","documents":["road",{"text":"way"}],"top_n":1}"#),
    ] {
        let answer = r#"{"id":"x","results":[{"index":0,"relevance_score":0.98,"flagged":false}]}"#;
        let upstream = Upstream::answering(json(200, answer));
        let gateway = Gateway::start(&with_model(&upstream, model("m", kind, price.clone())));
        let response = gateway.call("POST", path, KEY, body);
        assert_eq!((response.status, response.text(), response.header("x-tollway-cost")), (200, answer, Some("0.002")));
        let sent = &upstream.requests()[0];
        assert_eq!((sent.path(), sent.body.as_str()), (path, body.replace("\"m\"", "\"up\"").as_str()));
        let row = &gateway.control.rows(1)[0];
        assert_eq!((row.endpoint, row.units, row.charge), (number, [1, 0, 0, 0], 2_000_000), "{path}");
    }
}

#[test]
fn a_price_per_request_comes_on_top_of_tokens_and_not_on_failures() {
    let upstream = Upstream::start(|request| {
        vec![support::Act::Send(if request.number == 0 { json(200, &completion(1_000, 100)) } else { json(500, "{}") })]
    });
    let price = PriceSpec { request_nano: 5, ..PriceSpec::tokens(150_000, 600_000) };
    let gateway = Gateway::start(&with_model(&upstream, model("dear", 0, price)));
    let body = HELLO.replace("\"chat\"", "\"dear\"");
    assert_eq!(gateway.chat(&body).header("x-tollway-cost"), Some("0.000210005"));
    assert_eq!(gateway.chat(&body).status, 502);
    let rows = gateway.control.rows(2);
    assert_eq!((rows[0].charge, rows[0].units[0]), (210_005, 1));
    assert_eq!((rows[1].charge, rows[1].units[0], rows[1].outcome), (0, 0, 1));
}

#[test]
fn a_free_model_needs_no_wallet_and_is_in_the_books_all_the_same() {
    let upstream = Upstream::answering(json(200, &completion(10, 5)));
    let spec = ModelSpec {
        free: true,
        price: None,
        routes: vec![RouteSpec::new("one", "up")],
        ..ModelSpec::chat("gift", &[])
    };
    let gateway = Gateway::start(&with_model(&upstream, spec));
    gateway.control.empty(id(1));
    let response = gateway.chat(&HELLO.replace("\"chat\"", "\"gift\""));
    assert_eq!((response.status, response.header("x-tollway-cost")), (200, Some("0")));
    let row = &gateway.control.rows(1)[0];
    assert_eq!((row.charge, row.hold, row.price.is_none(), row.outcome), (0, 0, true, 0));
    assert_eq!((row.tokens[0], row.tokens[4]), (10, 5));
    assert_eq!(gateway.control.with(|books| books.leases), 0, "nobody asked the wallet");
}

#[test]
fn names_with_slashes_and_colons_are_found_in_every_spelling_of_json() {
    let upstream = Upstream::answering(json(200, &completion(1, 1)));
    let named =
        |name: &str, up: &str| ModelSpec { routes: vec![RouteSpec::new("one", up)], ..ModelSpec::chat(name, &[]) };
    let snapshot = basic(upstream.address)
        .model(named("org/model:free", "deep/model@2"))
        .model(named("same/name", "same/name"))
        .model(named("ünï \"q\"", "up\"q\\"));
    let gateway = Gateway::start(&snapshot);
    let body = |name: &str| format!(r#"{{"messages":[{{"role":"user","content":"Hi"}}],"model":{name}}}"#);
    let cases = [
        (r#""org/model:free""#, r#""deep/model@2""#, "org/model:free"),
        (r#""org\/model:free""#, r#""deep/model@2""#, "org/model:free"),
        (r#""\u006frg\/model\u003Afree""#, r#""deep/model@2""#, "org/model:free"),
        (r#""same/name""#, r#""same/name""#, "same/name"),
        (r#""\u00fcn\u00EF \"q\"""#, r#""up\"q\\""#, "ünï \"q\""),
    ];
    for (spelt, sent, name) in cases {
        let response = gateway.chat(&body(spelt));
        assert_eq!(response.status, 200, "{spelt}: {}", response.text());
        assert_eq!(upstream.requests().last().unwrap().body, body(sent), "{spelt}");
        let shown: String = name.chars().map(|c| if c.is_ascii() { c.to_string() } else { "??".into() }).collect();
        assert_eq!(response.header("x-tollway-model"), Some(shown.as_str()));
    }
    let response = gateway.chat(&body(r#""same\/name""#));
    assert_eq!(response.status, 200);
    let sent: serde_json::Value = serde_json::from_str(&upstream.requests().last().unwrap().body).unwrap();
    assert_eq!(sent["model"], "same/name");
    assert_eq!(gateway.chat(&body(r#""org/model""#)).code(), "model_not_found");
}

#[test]
fn a_base_url_without_v1_works_for_chat() {
    let upstream = Upstream::answering(json(200, &completion(1, 1)));
    let gateway = Gateway::start(&basic(upstream.address));
    for path in ["/chat/completions", "/v1/chat/completions/", "//v1//chat/completions", "/v1/chat/completions?x=1"] {
        assert_eq!(gateway.call("POST", path, KEY, HELLO).status, 200, "{path}");
        assert_eq!(upstream.requests().last().unwrap().path(), "/v1/chat/completions", "{path}");
    }
    assert_eq!(gateway.call("POST", "/v1/chat/completion", KEY, HELLO).code(), "not_found");
}
