//! Multipart forms and audio: the model's name is rewritten in its place, every other byte is the client's or the upstream's own.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed test is a panic")]

mod support;

use support::upstream::json;
use support::{Act, Client, Gateway, KEY, Response, Upstream, basic};
use tollway_policy::testing::{ModelSpec, PriceSpec, RouteSpec};

/// A gateway with the model `m` of a kind, called `upstream-name-of-m` by the upstream.
fn gateway(upstream: &Upstream, kind: u8, price: PriceSpec) -> Gateway {
    let routes = vec![RouteSpec::new("one", "upstream-name-of-m")];
    let model = ModelSpec { kind, price: Some(price), routes, ..ModelSpec::chat("m", &[]) };
    Gateway::start(&basic(upstream.address).model(model))
}

fn nothing() -> PriceSpec {
    PriceSpec { token_pico: [0; 10], ..PriceSpec::tokens(0, 0) }
}

/// Bytes that look like everything a careless reader splits at: line ends, boundaries that are not ours, a model part's head.
fn picture() -> Vec<u8> {
    let mut bytes =
        b"\x89PNG\r\n\x1a\n\r\n--\r\n--Boundar\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n".to_vec();
    bytes.extend((0..=255).cycle().take(70_000));
    bytes
}

/// A form in the order given; a name with a file name is a file.
fn form(boundary: &str, parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (disposition, content) in parts {
        out.extend_from_slice(
            format!("--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n").as_bytes(),
        );
        out.extend_from_slice(content);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    out
}

fn post(gateway: &Gateway, path: &str, content_type: &str, body: &[u8]) -> Response {
    let mut client = gateway.client();
    client.send(Client::raw(
        "POST",
        path,
        &format!("Authorization: Bearer {KEY}\r\nContent-Type: {content_type}\r\n"),
        body,
    ));
    client.response()
}

/// The same bytes but for the model's name, replaced where it stands as a part of its own.
fn renamed(body: &[u8]) -> Vec<u8> {
    let text = b"name=\"model\"\r\n\r\nm\r\n--B";
    let at = body.windows(text.len()).position(|w| w == text).unwrap() + text.len() - 6;
    [&body[..at], b"upstream-name-of-m", &body[at + 1..]].concat()
}

const IMAGE_ANSWER: &str = r#"{"created":1,"data":[{"b64_json":"aGk="},{"b64_json":"aGk="}]}"#;

#[test]
fn an_image_edit_keeps_every_byte_but_the_models_name_wherever_that_stands() {
    let upstream = Upstream::answering(json(200, IMAGE_ANSWER));
    let gateway = gateway(&upstream, 3, PriceSpec { image_nano: 20_000_000, ..nothing() });
    let picture = picture();
    let mut parts: Vec<(&str, &[u8])> = vec![
        ("name=\"model\"", b"m"),
        ("name=\"prompt\"", "ein Zöllner".as_bytes()),
        ("name=\"image[]\"; filename=\"a;\\\".png\"", &picture),
        ("name=\"n\"", b"2"),
    ];
    for turn in 0..parts.len() {
        let body = form("Boundary", &parts);
        let response = post(&gateway, "/v1/images/edits", "multipart/form-data; boundary=Boundary", &body);
        assert_eq!((response.status, response.text()), (200, IMAGE_ANSWER), "model part at {turn}");
        assert_eq!(response.header("x-tollway-cost"), Some("0.04"));
        let sent = &upstream.requests()[turn];
        assert_eq!(
            (sent.path(), sent.header("content-type")),
            ("/v1/images/edits", Some("multipart/form-data; boundary=Boundary"))
        );
        assert!(sent.bytes == renamed(&body), "model part at {turn}");
        parts.rotate_right(1);
    }
    let row = &gateway.control.rows(4)[0];
    assert_eq!((row.endpoint, row.units[1], row.charge, row.hold), (3, 2, 40_000_000, 40_000_000));
}

#[test]
fn boundaries_are_read_as_the_grammar_has_them() {
    let upstream = Upstream::answering(json(200, IMAGE_ANSWER));
    let gateway = gateway(&upstream, 3, nothing());
    let long = "B".repeat(70);
    for (boundary, stated) in [
        ("B", "boundary=B"),
        ("B'()+_,-./:=? x", "boundary=\"B'()+_,-./:=? x\""),
        ("B----WebKitFormBoundary7MA4YWxk", "charset=utf-8; BOUNDARY=B----WebKitFormBoundary7MA4YWxk"),
        (long.as_str(), &format!("boundary={long}")),
    ] {
        let body = form(
            boundary,
            &[("name=\"prompt\"", b"p"), ("name=\"model\"", b"m"), ("name=\"mask\"; filename=\"x\"", b"--")],
        );
        let response = post(&gateway, "/v1/images/edits", &format!("Multipart/Form-Data; {stated}"), &body);
        assert_eq!(response.status, 200, "{stated}: {}", response.text());
        assert!(upstream.requests().last().unwrap().bytes == renamed(&body), "{stated}");
    }
}

#[test]
fn forms_that_could_be_read_in_two_ways_are_refused_and_reach_nobody() {
    let upstream = Upstream::answering(json(200, IMAGE_ANSWER));
    let gateway = gateway(&upstream, 3, nothing());
    let good = form("B", &[("name=\"model\"", b"m"), ("name=\"prompt\"", b"p")]);
    let text = |body: &[u8]| String::from_utf8(body.to_vec()).unwrap();
    let twice = form("B", &[("name=\"model\"", b"m"), ("name=\"model\"", b"m")]);
    let as_file = form("B", &[("name=\"model\"; filename=\"m\"", b"m")]);
    let with = |from: &str, to: &str| text(&good).replacen(from, to, 1).into_bytes();
    let long = "B".repeat(71);
    let cases: Vec<(&str, String, Vec<u8>)> = vec![
        ("no boundary", "multipart/form-data".into(), good.clone()),
        ("two boundaries", "multipart/form-data; boundary=B; boundary=C".into(), good.clone()),
        (
            "too long a boundary",
            format!("multipart/form-data; boundary={long}"),
            form(&long, &[("name=\"model\"", b"m")]),
        ),
        ("another boundary", "multipart/form-data; boundary=C".into(), good.clone()),
        ("a preamble", "multipart/form-data; boundary=B".into(), [b"hello\r\n", good.as_slice()].concat()),
        ("not closed", "multipart/form-data; boundary=B".into(), with("--B--", "--B")),
        ("an epilogue", "multipart/form-data; boundary=B".into(), [good.as_slice(), b"more"].concat()),
        ("bare line feeds", "multipart/form-data; boundary=B".into(), text(&good).replace("\r\n", "\n").into_bytes()),
        ("two models", "multipart/form-data; boundary=B".into(), twice),
        ("a model in a file", "multipart/form-data; boundary=B".into(), as_file),
        ("no model", "multipart/form-data; boundary=B".into(), form("B", &[("name=\"prompt\"", b"p")])),
        ("an extended name", "multipart/form-data; boundary=B".into(), with("name=", "name*=")),
        ("empty", "multipart/form-data; boundary=B".into(), Vec::new()),
    ];
    for (what, content_type, body) in cases {
        let response = post(&gateway, "/v1/images/edits", &content_type, &body);
        assert_eq!(
            (response.status, response.code().as_str()),
            (400, "invalid_request"),
            "{what}: {}",
            response.text()
        );
    }
    let response = post(&gateway, "/v1/images/edits", "application/json", br#"{"model":"m"}"#);
    assert_eq!((response.status, response.code().as_str()), (415, "unsupported_media_type"));
    assert!(upstream.requests().is_empty());
    assert_eq!(gateway.control.with(|books| books.leases), 0);
}

/// An answer that is no text at all.
fn sound(bytes: usize) -> (Vec<u8>, Vec<u8>) {
    let sound: Vec<u8> = (0..=255_u8).rev().cycle().take(bytes).collect();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\nContent-Length: {bytes}\r\n\r\n");
    ([head.as_bytes(), &sound].concat(), sound)
}

#[test]
fn speech_is_charged_by_the_characters_spoken_and_its_bytes_pass_untouched() {
    for bytes in [10_000, 600_000] {
        let (answer, expected) = sound(bytes);
        let upstream = Upstream::start(move |_| vec![Act::Bytes(answer.clone())]);
        let gateway = gateway(&upstream, 4, PriceSpec { character_pico: 15_000_000, ..nothing() });
        let body = r#"{"model":"m","voice":"alloy","input":"Gr\u00fc\u00dfe \ud83d\ude00!","response_format":"mp3"}"#;
        let response = gateway.call("POST", "/v1/audio/speech", KEY, body);
        assert_eq!((response.status, response.header("content-type")), (200, Some("audio/mpeg")));
        assert!(response.whole && response.body == expected, "{bytes}");
        assert_eq!(upstream.requests()[0].body, body.replace("\"m\"", "\"upstream-name-of-m\""));
        let row = &gateway.control.rows(1)[0];
        assert_eq!((row.endpoint, row.units, row.charge), (4, [1, 0, 0, 8], 8 * 15_000), "{bytes}");
    }
}

#[test]
fn an_answer_that_is_short_of_its_length_is_nobodys_answer() {
    let (whole, _) = sound(10_000);
    let json =
        format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{IMAGE_ANSWER}");
    let chunked = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{IMAGE_ANSWER}\r\n",
        IMAGE_ANSWER.len()
    );
    for cut in [whole[..5_000].to_vec(), json.into_bytes(), chunked.into_bytes()] {
        let upstream = Upstream::start(move |_| vec![Act::Bytes(cut.clone()), Act::Close]);
        let gateway = gateway(&upstream, 4, PriceSpec { character_pico: 15_000_000, ..nothing() });
        let response =
            gateway.call("POST", "/v1/audio/speech", KEY, r#"{"model":"m","voice":"alloy","input":"Hello"}"#);
        assert_eq!((response.status, response.code().as_str()), (502, "upstream_error"));
        let row = &gateway.control.rows(1)[0];
        assert_eq!((row.charge, row.outcome), (0, 1));
    }
}

#[test]
fn a_transcription_is_charged_by_the_seconds_that_the_answer_states() {
    let cases = [
        (r#"{"text":"Hello","duration":12.345,"language":"en","segments":[]}"#, 12_345),
        (r#"{"text":"Hello","usage":{"type":"duration","seconds":13}}"#, 13_000),
        (r#"{"duration":12.3451,"text":"Hello"}"#, 12_346),
    ];
    let sound = sound(90_000).1;
    for path in ["/v1/audio/transcriptions", "/v1/audio/translations"] {
        for (answer, milliseconds) in cases {
            let upstream = Upstream::answering(json(200, answer));
            let gateway = gateway(&upstream, 4, PriceSpec { second_nano: 100_000, ..nothing() });
            let body = form("Bound", &[("name=\"file\"; filename=\"a.mp3\"", &sound), ("name=\"model\"", b"m")]);
            let response = post(&gateway, path, "multipart/form-data; boundary=Bound", &body);
            assert_eq!((response.status, response.text()), (200, answer));
            assert!(upstream.requests()[0].bytes == renamed(&body));
            let row = &gateway.control.rows(1)[0];
            assert_eq!((row.endpoint, row.units[2]), (4, milliseconds), "{answer}");
            // nano per second is pico per millisecond
            assert_eq!((row.charge, row.excess), ((milliseconds * 100_000).div_ceil(1_000) as i64, 0), "{answer}");
            assert_eq!(row.hold, 90_000 * 100, "a byte is at least a millisecond's worth");
        }
    }
}

#[test]
fn a_transcription_in_tokens_is_charged_in_tokens() {
    let answer = r#"{"text":"Hello","usage":{"type":"tokens","total_tokens":120,"input_tokens":100,"output_tokens":20,"input_token_details":{"audio_tokens":90,"text_tokens":10}}}"#;
    let upstream = Upstream::answering(json(200, answer));
    let mut price = nothing();
    (price.token_pico[0], price.token_pico[4], price.token_pico[6]) = (1_000_000, 5_000_000, 3_000_000);
    let gateway = gateway(&upstream, 4, price);
    let body = form("Bound", &[("name=\"file\"; filename=\"a.mp3\"", &[0; 9_000]), ("name=\"model\"", b"m")]);
    assert_eq!(post(&gateway, "/v1/audio/transcriptions", "multipart/form-data; boundary=Bound", &body).status, 200);
    let row = &gateway.control.rows(1)[0];
    assert_eq!((row.tokens[0], row.tokens[4], row.tokens[6]), (10, 20, 90));
    assert_eq!(row.charge, 10 * 1_000 + 20 * 5_000 + 90 * 3_000);
}

#[test]
fn a_transcription_without_a_stated_duration_is_not_free() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n\r\nHello world\n";
    let upstream = Upstream::answering(answer.into());
    let gateway = gateway(&upstream, 4, PriceSpec { second_nano: 100_000, ..nothing() });
    let file = "name=\"file\"; filename=\"a.mp3\"";
    let parts: [(&str, &[u8]); 3] =
        [(file, &[0; 9_000]), ("name=\"model\"", b"m"), ("name=\"response_format\"", b"text")];
    let response = post(&gateway, "/v1/audio/transcriptions", "multipart/form-data; boundary=B", &form("B", &parts));
    assert_eq!((response.status, response.text()), (200, "Hello world\n"));
    let row = &gateway.control.rows(1)[0];
    // 9,000 bytes are 562.5 ms at 128 kbit/s.
    assert_eq!((row.units[2], row.charge, row.estimated), (563, 563 * 100, true));
}
