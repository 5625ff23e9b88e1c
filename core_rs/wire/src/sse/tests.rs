//! Events: where they end, however they are split, and what the observer makes of each kind.

use proptest::prelude::*;
use tollway_policy::money::TokenKind;

use super::*;

#[test]
fn an_event_ends_behind_its_blank_line() {
    let end = |text: &str| event_end(text.as_bytes(), 0);
    assert_eq!(end("data: 1\n\ndata: 2\n\n"), Some(9));
    assert_eq!(end("data: 1\r\n\r\nx"), Some(11));
    assert_eq!(end("data: 1\r\rx"), Some(9));
    assert_eq!(end("data: 1\r\n\nx"), Some(10));
    assert_eq!(end("data: 1\n\r\nx"), Some(10));
    assert_eq!(end("data: 1\n\rx"), Some(9));
    assert_eq!(end("data: 1\ndata: 2\n\n"), Some(17));
    assert_eq!(end("\n"), Some(1), "an empty line alone");
    assert_eq!(end(""), None);
    assert_eq!(end("data: 1"), None);
    assert_eq!(end("data: 1\n"), None);
    assert_eq!(end("data: 1\r\n\r"), None, "the CR may be half a CRLF");
    assert_eq!(end("data: 1\r\r"), None, "and so may this one");
    assert_eq!(event_end(b"data: 1\n\ndata: 2\n\n", 9), Some(18));
    assert_eq!(event_end(b"abc", 7), None);
}

/// Cuts a stream that comes in pieces, as a relay does.
fn cut(stream: &[u8], sizes: &[usize]) -> Vec<Vec<u8>> {
    let (mut events, mut buffer, mut at) = (Vec::new(), Vec::new(), 0);
    for size in sizes.iter().cycle() {
        if at == stream.len() {
            return events;
        }
        let end = stream.len().min(at + size);
        buffer.extend_from_slice(&stream[at..end]);
        at = end;
        while let Some(end) = event_end(&buffer, 0) {
            events.push(buffer.drain(..end).collect());
        }
    }
    events
}

proptest! {
    /// Events never depend on how the bytes came, and together they are the bytes.
    #[test]
    fn splits_change_nothing(lines in prop::collection::vec("(data: |: |event: )?[a-z\u{e9}]{0,6}(\n|\r\n|\r)", 0..20), sizes in prop::collection::vec(1..9_usize, 1..6)) {
        let stream = [lines.concat().as_bytes(), b"end\n\n"].concat();
        let whole = cut(&stream, &[usize::MAX >> 1]);
        prop_assert_eq!(&whole, &cut(&stream, &sizes));
        prop_assert_eq!(&whole, &cut(&stream, &[1]));
        prop_assert_eq!(whole.concat(), stream);
    }
}

fn seen(event: &str) -> Seen {
    Observer::new(Endpoint::Chat).observe(event.as_bytes())
}

#[test]
fn what_an_event_is() {
    let cases = [
        ("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n", Seen::Content),
        ("data:{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\r\n\r\n", Seen::Content),
        ("data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"}}],\"usage\":null}\n\n", Seen::Content),
        ("data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\n", Seen::UsageOnly),
        ("data: {\"choices\":[ ] ,\"usage\":null}\n\n", Seen::Other),
        ("data: {\"choices\":[],\"prompt_filter_results\":[]}\n\n", Seen::Other),
        ("data: {\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\n", Seen::Other),
        ("data: [DONE]\n\n", Seen::Done),
        ("data:[DONE]\r\r", Seen::Done),
        ("data: {\"error\":{\"message\":\"no\"}}\n\n", Seen::Error),
        ("data: {\"error\":\"no\"}\n\n", Seen::Error),
        ("data: {\"error\":null,\"choices\":[{\"delta\":{}}]}\n\n", Seen::Content),
        ("event: error\ndata: whatever\n\n", Seen::Error),
        (": keep-alive\n\n", Seen::Comment),
        (":\n\n", Seen::Comment),
        ("\n", Seen::Comment),
        ("event: ping\n\n", Seen::Other),
        ("data: not json\n\n", Seen::Other),
        ("data: {\"choices\":[{\n\n", Seen::Other),
        ("data: \"[DONE]\"\n\n", Seen::Other),
        (": c\nid: 1\ndata: {\"choices\":\ndata: [{}]}\n\n", Seen::Content),
        ("\u{feff}data: [DONE]\n\n", Seen::Done),
        ("database: [DONE]\n\n", Seen::Other),
    ];
    for (event, expected) in cases {
        assert_eq!(seen(event), expected, "{event:?}");
    }
}

fn observe_all(endpoint: Endpoint, events: &[&str]) -> Observer {
    let mut observer = Observer::new(endpoint);
    for event in events {
        observer.observe(format!("data: {event}\n\n").as_bytes());
    }
    observer
}

#[test]
fn delivered_text_is_counted_in_decoded_bytes() {
    let observer = observe_all(
        Endpoint::Chat,
        &[
            r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"h\u00e9\n"}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"reasoning_content":"ab","reasoning":"ab"}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"refusal":"no"}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_1","function":{"name":"f","arguments":"{\"a\":"}}]}}]}"#,
            r#"{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#,
        ],
    );
    assert_eq!(observer.output_text_bytes(), 4 + 2 + 2 + 5);
    assert!(observer.finished() && !observer.done());
    assert_eq!(
        observe_all(Endpoint::Completions, &[r#"{"choices":[{"text":"abc","index":0}]}"#]).output_text_bytes(),
        3
    );
}

#[test]
fn finished_means_every_choice() {
    let first = r#"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null},{"index":1,"delta":{"content":"b"},"finish_reason":""}]}"#;
    let one = r#"{"choices":[{"index":1,"delta":{},"finish_reason":"stop"}]}"#;
    let other = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"length"}]}"#;
    assert!(!observe_all(Endpoint::Chat, &[]).finished(), "nothing came");
    assert!(!observe_all(Endpoint::Chat, &[first]).finished());
    assert!(!observe_all(Endpoint::Chat, &[first, one]).finished());
    assert!(observe_all(Endpoint::Chat, &[first, one, other]).finished());
    let far = r#"{"choices":[{"index":500,"delta":{},"finish_reason":"stop"}]}"#;
    assert!(!observe_all(Endpoint::Chat, &[far]).finished(), "only [DONE] ends such a stream");
}

#[test]
fn the_last_stated_usage_holds() {
    let observer = observe_all(
        Endpoint::Chat,
        &[
            r#"{"choices":[{"index":0,"delta":{"content":"a"}}],"usage":{"prompt_tokens":1,"completion_tokens":1}}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"a"}}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#,
            r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}"#,
            "[DONE]",
        ],
    );
    assert_eq!(observer.usage().unwrap().tokens[TokenKind::Output.index()], 2);
    assert!(observer.done());
}

#[test]
fn images_and_audio_name_their_events() {
    let observer = observe_all(
        Endpoint::Images,
        &[
            r#"{"type":"image_generation.partial_image","b64_json":"AA"}"#,
            r#"{"type":"image_generation.completed","b64_json":"AA","usage":{"input_tokens":1,"output_tokens":7,"total_tokens":8}}"#,
        ],
    );
    assert!(observer.finished());
    assert_eq!((observer.images(), observer.usage().unwrap().tokens[TokenKind::ImageOutput.index()]), (1, 7));
    let observer = observe_all(Endpoint::Audio, &[r#"{"type":"transcript.text.delta","delta":"abc"}"#]);
    assert!(!observer.finished());
    assert_eq!(observer.output_text_bytes(), 3);
    let observer = observe_all(Endpoint::Audio, &[r#"{"type":"transcript.text.done","text":"abc"}"#]);
    assert!(observer.finished());
}

#[test]
fn an_observer_is_small() {
    assert!(size_of::<Observer>() <= 200, "{}", size_of::<Observer>());
}
