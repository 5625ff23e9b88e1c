//! Request bodies: what is refused and which field it names; what is counted; and that the splice changes nothing else.

mod counting;
mod splicing;

use tollway_policy::refusal::Code;

use super::*;

fn read(body: &str) -> Facts {
    scan(body.as_bytes(), Endpoint::Chat).unwrap_or_else(|refusal| panic!("{body}: {refusal:?}"))
}

fn refused(body: &[u8], endpoint: Endpoint) -> (Code, Option<&'static str>) {
    let refusal = scan(body, endpoint).expect_err(&String::from_utf8_lossy(body));
    assert_eq!(refusal.code.status(), 400);
    assert!(!refusal.message.is_empty());
    (refusal.code, refusal.param)
}

/// A chat body with these members beside a model and a message.
fn chat(members: &str) -> String {
    format!(r#"{{"model":"m","messages":[{{"role":"user","content":"hi"}}]{members}}}"#)
}

#[test]
fn bad_json_is_invalid_json_and_names_no_field() {
    let deep = chat(&format!(",\"x\":{}{}", "[".repeat(128), "]".repeat(128)));
    let bodies: &[&[u8]] = &[
        b"",
        b" ",
        b"[]",
        b"\"a\"",
        b"null",
        b"{",
        b"{\"model\":\"m\"",
        b"{\"model\":\"m\",}",
        b"{'model':'m'}",
        b"{\"model\":\"m\"}{}",
        b"{\"model\":\"m\",\"messages\":[{\"content\":\"\xff\"}]}",
        b"\xef\xbb\xbf{\"model\":\"m\"}",
        // A wrong field before broken JSON: the JSON is the graver fault.
        b"{\"model\":5,\"messages\":[",
        b"model=m",
        deep.as_bytes(),
    ];
    for body in bodies {
        assert_eq!(refused(body, Endpoint::Chat), (Code::InvalidJson, None), "{:?}", String::from_utf8_lossy(body));
    }
}

#[test]
fn depth_128_passes() {
    let deepest = chat(&format!(",\"x\":{}{}", "[".repeat(127), "]".repeat(127)));
    read(&deepest);
}

#[test]
fn a_wrong_field_is_named() {
    let long = "x".repeat(257);
    let cases: &[(&str, &str)] = &[
        (r#"{"messages":[{}]}"#, "model"),
        (r#"{"model":5,"messages":[{}]}"#, "model"),
        (r#"{"model":null,"messages":[{}]}"#, "model"),
        (r#"{"model":["m"],"messages":[{}]}"#, "model"),
        (r#"{"model":"","messages":[{}]}"#, "model"),
        (r#"{"model":"a","model":"b","messages":[{}]}"#, "model"),
        (r#"{"model":"a","model":"a","messages":[{}]}"#, "model"),
        (r#"{"model":"a","mod\u0065l":"b","messages":[{}]}"#, "model"),
        (r#"{"mod\u0065l":"a","\u006dodel":"b","messages":[{}]}"#, "model"),
        (r#"{"model":"m"}"#, "messages"),
        (r#"{"model":"m","messages":[]}"#, "messages"),
        (r#"{"model":"m","messages":"hi"}"#, "messages"),
        (r#"{"model":"m","messages":{}}"#, "messages"),
        (r#"{"model":"m","messages":null}"#, "messages"),
        (r#"{"model":"m","messages":["hi"]}"#, "messages"),
        (r#"{"model":"m","messages":[{}],"messages":[{}]}"#, "messages"),
        (&chat(r#","stream":"true""#), "stream"),
        (&chat(r#","stream":1"#), "stream"),
        (&chat(r#","stream":true,"stream":false"#), "stream"),
        (&chat(r#","stream_options":true"#), "stream_options"),
        (&chat(r#","stream_options":{},"stream\u005foptions":{}"#), "stream_options"),
        (&chat(r#","stream_options":{"include_usage":"yes"}"#), "stream_options.include_usage"),
        (&chat(r#","stream_options":{"include_usage":true,"include_usage":false}"#), "stream_options.include_usage"),
        (&chat(r#","max_tokens":-1"#), "max_tokens"),
        (&chat(r#","max_tokens":1.5"#), "max_tokens"),
        (&chat(r#","max_tokens":1e3"#), "max_tokens"),
        (&chat(r#","max_tokens":"10""#), "max_tokens"),
        (&chat(r#","max_tokens":99999999999999999999"#), "max_tokens"),
        (&chat(r#","max_tokens":1,"max_tokens":1"#), "max_tokens"),
        (&chat(r#","max_completion_tokens":[]"#), "max_completion_tokens"),
        (&chat(r#","max_tokens":1,"max_completion_tokens":2"#), "max_tokens"),
        (&chat(r#","n":0"#), "n"),
        (&chat(r#","n":-2"#), "n"),
        (&chat(r#","n":"2""#), "n"),
        (&chat(r#","n":1,"n":1"#), "n"),
        (&chat(r#","tools":[],"tools":[]"#), "tools"),
    ];
    for (body, param) in cases {
        assert_eq!(refused(body.as_bytes(), Endpoint::Chat), (Code::InvalidRequest, Some(*param)), "{body}");
    }
    let body = format!(r#"{{"model":"{long}","messages":[{{}}]}}"#);
    assert_eq!(refused(body.as_bytes(), Endpoint::Chat), (Code::InvalidRequest, Some("model")));
    let fits = format!(r#"{{"model":"{}","messages":[{{}}]}}"#, &long[1..]);
    assert_eq!(read(&fits).model.len(), 256);
}

#[test]
fn the_missing_input_is_named_for_each_endpoint() {
    let cases = [
        (Endpoint::Chat, r#"{"model":"m"}"#, "messages"),
        (Endpoint::Completions, r#"{"model":"m"}"#, "prompt"),
        (Endpoint::Embeddings, r#"{"model":"m"}"#, "input"),
        (Endpoint::Images, r#"{"model":"m"}"#, "prompt"),
        (Endpoint::Audio, r#"{"model":"m"}"#, "input"),
        (Endpoint::Moderations, r#"{"model":"m"}"#, "input"),
        (Endpoint::Rerank, r#"{"model":"m","documents":[]}"#, "query"),
        (Endpoint::Rerank, r#"{"model":"m","query":"q"}"#, "documents"),
        (Endpoint::Images, r#"{"model":"m","prompt":["a"]}"#, "prompt"),
        (Endpoint::Audio, r#"{"model":"m","input":["a"]}"#, "input"),
        (Endpoint::Embeddings, r#"{"model":"m","input":null}"#, "input"),
        (Endpoint::Completions, r#"{"model":"m","prompt":5}"#, "prompt"),
        (Endpoint::Images, r#"{"model":"m","prompt":"p","n":0}"#, "n"),
        (Endpoint::Embeddings, r#"{"input":"a"}"#, "model"),
    ];
    for (endpoint, body, param) in cases {
        assert_eq!(refused(body.as_bytes(), endpoint), (Code::InvalidRequest, Some(param)), "{endpoint:?} {body}");
    }
}

#[test]
fn strangers_pass_wherever_they_stand() {
    let body = r#"{"metadata":{"model":"other","stream":true},"input":5,"prompt":[],"model":"m","x":[{"n":0}],"messages":[{"role":"user"}],"documents":{}}"#;
    let facts = read(body);
    assert_eq!(facts.model.of(body.as_bytes()), b"m");
    assert!(!facts.stream);
    // What decides at one endpoint is a stranger at another.
    let embedding =
        br#"{"model":"m","input":"a","n":0,"max_tokens":"x","messages":1,"messages":2,"stream_options":[]}"#;
    scan(embedding, Endpoint::Embeddings).unwrap();
}

#[test]
fn facts_of_a_full_body() {
    let body = r#"{ "stream" : true, "model" : "org\/m:1", "messages" : [{}], "max_completion_tokens": 7, "max_tokens": 7, "n": 3,
        "stream_options" : { "x": 1, "include_usage" : false } }"#;
    let facts = read(body);
    let mut scratch = vec![1];
    assert_eq!(model_name(&facts, body.as_bytes(), &mut scratch), b"org/m:1");
    assert!(facts.model_escaped && facts.stream);
    assert_eq!((facts.max_output, facts.choices, facts.images), (Some(7), 3, 0));
    assert_eq!(facts.max_tokens_value.map(|span| span.of(body.as_bytes())), Some(b"7".as_slice()));
    assert_eq!(facts.insert_at, 1);
    let IncludeUsage::False { value } = facts.include_usage else { panic!("{:?}", facts.include_usage) };
    assert_eq!(value.of(body.as_bytes()), b"false");
}

#[test]
fn nulls_mean_not_stated() {
    let facts = read(&chat(r#","stream":null,"max_tokens":null,"n":null,"stream_options":null,"tools":null"#));
    assert!(!facts.stream);
    assert_eq!((facts.max_output, facts.choices, facts.tools), (None, 1, 0));
    assert!(matches!(facts.include_usage, IncludeUsage::Null { .. }));
    assert!(matches!(
        read(&chat(r#","stream_options":{"include_usage":null}"#)).include_usage,
        IncludeUsage::False { .. }
    ));
    assert!(matches!(read(&chat(r#","stream_options":{}"#)).include_usage, IncludeUsage::Absent { .. }));
    assert_eq!(read(&chat(r#","stream_options":{"include_us\u0061ge":true}"#)).include_usage, IncludeUsage::True);
    assert_eq!(read(&chat("")).include_usage, IncludeUsage::NoOptions);
}

#[test]
fn images_are_counted_by_n() {
    let images = |body: &[u8]| scan(body, Endpoint::Images).unwrap().images;
    assert_eq!(images(br#"{"model":"m","prompt":"p"}"#), 1);
    assert_eq!(images(br#"{"model":"m","prompt":"p","n":4}"#), 4);
}
