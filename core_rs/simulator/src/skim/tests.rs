use super::*;

fn model(body: &str) -> Option<String> {
    json(body.as_bytes()).and_then(|skim| skim.model.map(Cow::into_owned))
}

#[test]
fn finds_the_top_level_model_only() {
    let cases = [
        (r#"{"model":"a"}"#, Some("a")),
        (r#" { "messages" : [ {"model":"no"} ], "model" : "a" } "#, Some("a")),
        (r#"{"messages":[{"content":"say \"model\":\"x\""}],"model":"a"}"#, Some("a")),
        (r#"{"model":"a","model":"b"}"#, Some("b")),
        (r#"{"mod\u0065l":"b"}"#, Some("b")),
        (r#"{"model":"\u0061b"}"#, Some("ab")),
        (r#"{"model":"a\\"}"#, Some("a\\")),
        (r#"{"x":"one \" alone","model":"a"}"#, Some("a")),
        (r#"{"model":7}"#, None),
        (r#"{"n":1,"t":1e3,"b":null,"model":"a"}"#, Some("a")),
        ("{\n  \"model\": \"a\"\n}", Some("a")),
        ("{}", None),
    ];
    for (body, expected) in cases {
        assert_eq!(model(body).as_deref(), expected, "{body}");
    }
}

#[test]
fn refuses_what_is_no_whole_object() {
    for body in ["", "[]", "x", "{", r#"{"model""#, r#"{"model":"#, r#"{"model":"a"#, r#"{"a":1 "b":2}"#, r#"{"a":}"#] {
        assert_eq!(json(body.as_bytes()), None, "{body}");
    }
}

#[test]
fn reads_the_stream_switches() {
    let skim = json(br#"{"stream":true,"stream_options":{"x":[1],"include_usage":true},"model":"m"}"#).unwrap();
    assert!(skim.stream && skim.include_usage);
    let skim = json(b"{\n  \"stream_options\": {\"include_usage\": true},\n  \"stream\": true\n}").unwrap();
    assert!(skim.stream && skim.include_usage);
    let skim = json(br#"{"stream":false,"stream_options":{"include_usage":false}}"#).unwrap();
    assert!(!skim.stream && !skim.include_usage);
}

#[test]
fn finds_the_model_part_of_a_form() {
    let body = "--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nbytes\r\n--b\r\n\
                Content-Disposition: form-data; name=\"model\"\r\n\r\nsim-transcribe\r\n--b--\r\n";
    assert_eq!(multipart(body.as_bytes()).model.as_deref(), Some("sim-transcribe"));
    assert_eq!(multipart(b"--b--").model, None);
}
