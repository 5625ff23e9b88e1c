//! Usage: each provider's way of counting, and numbers that cannot be.

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Counts as (kind, tokens), the zeros left out.
type Listed = (&'static str, u64);

fn read(usage: &str) -> Vec<Listed> {
    let counts = counts(usage.as_bytes()).unwrap_or_else(|| panic!("{usage}"));
    listed(&counts)
}

fn listed(counts: &Counts) -> Vec<Listed> {
    TokenKind::ALL
        .iter()
        .map(|kind| (kind.as_str(), counts.tokens[kind.index()]))
        .filter(|(_, count)| *count > 0)
        .collect()
}

#[test]
fn each_providers_usage_becomes_disjoint() {
    let cases: &[(&str, &str, &[Listed])] = &[
        ("plain", r#"{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}"#, &[("input", 10), ("output", 5)]),
        (
            "OpenAI with details",
            r#"{"prompt_tokens":100,"completion_tokens":50,"total_tokens":150,"prompt_tokens_details":{"cached_tokens":64,"audio_tokens":6},
                "completion_tokens_details":{"reasoning_tokens":30,"audio_tokens":4,"accepted_prediction_tokens":9}}"#,
            &[
                ("input", 30),
                ("cache_read", 64),
                ("output", 16),
                ("reasoning", 30),
                ("audio_input", 6),
                ("audio_output", 4),
            ],
        ),
        (
            "null details",
            r#"{"prompt_tokens":1,"completion_tokens":2,"prompt_tokens_details":null}"#,
            &[("input", 1), ("output", 2)],
        ),
        ("embeddings", r#"{"prompt_tokens":8,"total_tokens":8}"#, &[("input", 8)]),
        ("a total only", r#"{"total_tokens":8}"#, &[("input", 8)]),
        (
            "Responses spelling",
            r#"{"input_tokens":10,"input_tokens_details":{"cached_tokens":4},"output_tokens":6,"output_tokens_details":{"reasoning_tokens":2},"total_tokens":16}"#,
            &[("input", 6), ("cache_read", 4), ("output", 4), ("reasoning", 2)],
        ),
        (
            "Anthropic spelling: the input excludes the cached part",
            r#"{"input_tokens":10,"cache_read_input_tokens":100,"cache_creation_input_tokens":30,"cache_creation":{"ephemeral_5m_input_tokens":10,"ephemeral_1h_input_tokens":20},"output_tokens":5}"#,
            &[("input", 10), ("cache_read", 100), ("cache_write_5m", 10), ("cache_write_1h", 20), ("output", 5)],
        ),
        (
            "DeepSeek",
            r#"{"prompt_tokens":10,"prompt_cache_hit_tokens":8,"prompt_cache_miss_tokens":2,"completion_tokens":1}"#,
            &[("input", 2), ("cache_read", 8), ("output", 1)],
        ),
        (
            "a proxy that adds Anthropic's fields to a prompt that includes them",
            r#"{"prompt_tokens":140,"cache_read_input_tokens":100,"cache_creation_input_tokens":30,"completion_tokens":5,"total_tokens":145}"#,
            &[("input", 10), ("cache_read", 100), ("cache_write_5m", 30), ("output", 5)],
        ),
        (
            "cache writes inside the prompt",
            r#"{"prompt_tokens":100,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":50,"cache_write_tokens":20}}"#,
            &[("input", 30), ("cache_read", 50), ("cache_write_5m", 20), ("output", 1)],
        ),
        (
            "xAI: reasoning beside the completion",
            r#"{"prompt_tokens":10,"completion_tokens":5,"total_tokens":35,"completion_tokens_details":{"reasoning_tokens":20}}"#,
            &[("input", 10), ("output", 5), ("reasoning", 20)],
        ),
        (
            "Gemini: thoughts in the total only",
            r#"{"prompt_tokens":10,"completion_tokens":5,"total_tokens":40}"#,
            &[("input", 10), ("output", 5), ("reasoning", 25)],
        ),
        (
            "a transcription",
            r#"{"type":"tokens","input_tokens":14,"input_token_details":{"text_tokens":0,"audio_tokens":14},"output_tokens":45,"total_tokens":59}"#,
            &[("output", 45), ("audio_input", 14)],
        ),
    ];
    for (what, usage, expected) in cases {
        assert_eq!(read(usage), *expected, "{what}");
    }
}

#[test]
fn impossible_numbers_are_cut_to_what_can_be() {
    assert_eq!(
        read(r#"{"prompt_tokens":10,"completion_tokens":0,"prompt_tokens_details":{"cached_tokens":99}}"#),
        [("cache_read", 10)]
    );
    assert_eq!(
        read(r#"{"prompt_tokens":1,"completion_tokens":5,"completion_tokens_details":{"reasoning_tokens":99}}"#),
        [("input", 1), ("reasoning", 5)]
    );
    assert_eq!(
        read(r#"{"prompt_tokens":99999999999999999999999,"completion_tokens":1}"#),
        [("input", TOKENS_MAX), ("output", 1)]
    );
    assert_eq!(read(r#"{"prompt_tokens":-5,"completion_tokens":1}"#), [("output", 1)]);
    assert_eq!(read(r#"{"prompt_tokens":12.0,"completion_tokens":1.2}"#), [("input", 12), ("output", 2)]);
}

#[test]
fn what_states_no_count_is_no_usage() {
    for usage in [
        "{}",
        "null",
        "[]",
        "5",
        "\"x\"",
        r#"{"prompt_tokens":null}"#,
        r#"{"prompt_tokens":"5"}"#,
        r#"{"prompt_tokens":1e9}"#,
        r#"{"cost":1}"#,
        "{",
        "",
    ] {
        assert_eq!(counts(usage.as_bytes()), None, "{usage}");
    }
}

proptest! {
    /// Whatever is claimed: no token twice. Input kinds sum to the prompt, output kinds to the completion.
    #[test]
    fn parts_sum_to_their_whole(prompt in 0..500_u64, completion in 0..500_u64, cached in 0..900_u64, audio in 0..900_u64, reasoning in 0..900_u64, image in 0..900_u64) {
        let usage = json!({
            "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": audio, "image_tokens": image},
            "completion_tokens_details": {"reasoning_tokens": reasoning, "audio_tokens": audio, "image_tokens": image},
        });
        let counts = counts(usage.to_string().as_bytes()).unwrap();
        prop_assert_eq!(counts.input_tokens(), prompt);
        prop_assert_eq!(counts.output_tokens(), completion);
    }
}

#[test]
fn a_chat_answer() {
    let body = r#"{"id":"x","choices":[{"index":0,"message":{"role":"assistant","content":"h\u00e9","reasoning_content":"abc","reasoning":"abc","refusal":null,
        "tool_calls":[{"id":"c","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"stop"},{"index":1,"message":{"content":[{"type":"text","text":"xy"}]}}],
        "usage":{"prompt_tokens":3,"completion_tokens":4}}"#;
    let answer = answer(body.as_bytes(), Endpoint::Chat);
    assert!(answer.valid_json && !answer.is_error);
    assert_eq!(answer.output_text_bytes, 0, "the usage says it");
    assert_eq!(listed(&answer.usage.unwrap()), [("input", 3), ("output", 4)]);
    for untold in [r#""completion_tokens":0"#, r#""other":4"#] {
        let answer = super::answer(body.replace(r#""completion_tokens":4"#, untold).as_bytes(), Endpoint::Chat);
        assert_eq!(answer.output_text_bytes, 3 + 3 + 2 + 2, "{untold}");
    }
}

#[test]
fn answers_of_other_endpoints() {
    let completion = answer(br#"{"choices":[{"text":"abc"}],"usage":null}"#, Endpoint::Completions);
    assert_eq!((completion.output_text_bytes, completion.usage), (3, None));
    let images = answer(
        br#"{"created":1,"data":[{"b64_json":"AAAA"},{"url":"u"}],"usage":{"input_tokens":9,"input_tokens_details":{"text_tokens":4,"image_tokens":5},"output_tokens":100,"total_tokens":109}}"#,
        Endpoint::Images,
    );
    assert_eq!(images.images, 2);
    assert_eq!(listed(&images.usage.unwrap()), [("input", 4), ("image_input", 5), ("image_output", 100)]);
    let embeddings = answer(
        br#"{"data":[{"embedding":[0.1,-2e-5]}],"usage":{"prompt_tokens":2,"total_tokens":2}}"#,
        Endpoint::Embeddings,
    );
    assert_eq!((embeddings.images, listed(&embeddings.usage.unwrap())), (0, vec![("input", 2)]));
    let speech = answer(br#"{"text":"hello","usage":{"type":"duration","seconds":3.0005}}"#, Endpoint::Audio);
    assert_eq!((speech.output_text_bytes, speech.usage.unwrap().milliseconds), (5, 3001));
    assert_eq!(answer(br#"{"duration":8.47,"text":"x"}"#, Endpoint::Audio).usage.unwrap().milliseconds, 8470);
}

#[test]
fn errors_and_what_is_no_json() {
    let is_error = |body: &str| answer(body.as_bytes(), Endpoint::Chat).is_error;
    assert!(is_error(r#"{"error":{"message":"no"}}"#));
    assert!(is_error(r#"{"error":"no"}"#));
    assert!(!is_error(r#"{"error":null,"choices":[]}"#));
    assert!(!is_error(r#"{"choices":[{"message":{"content":"{\"error\":{}}"}}]}"#));
    for body in ["", "<html>", r#"{"choices":["#, r#"{"a":1}x"#, "\u{feff}{}"] {
        assert_eq!(answer(body.as_bytes(), Endpoint::Chat), Answer::default(), "{body}");
    }
    assert!(!answer(b"{\"a\":\"\xff\"}", Endpoint::Chat).valid_json);
    assert!(answer(b"[1]", Endpoint::Chat).valid_json);
}
