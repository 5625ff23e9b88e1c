//! The list as a client reads it, and that prices are exact.

use proptest::prelude::*;
use serde_json::{Value, json};
use tollway_policy::ids::Id;

use super::*;

fn price(token_pico: [u64; 10]) -> Price {
    Price { id: Id([0; 16]), token_pico, request_nano: 0, image_nano: 0, second_nano: 0, character_pico: 0 }
}

fn entry<'a>(price: Option<&'a Price>) -> Entry<'a, &'static str> {
    Entry {
        id: "org/\"m\":1",
        created: 1_700_000_000,
        owned_by: "org",
        context_length: 128_000,
        input_modalities: &["text", "image"],
        output_modalities: &["text"],
        price,
        multiplier_micro: 1_000_000,
        supported_parameters: EMBEDDING_PARAMETERS,
    }
}

#[test]
fn a_model_in_full() {
    let mut tokens = [2_500_000; 10];
    tokens[TokenKind::CacheRead.index()] = 1_250_000;
    for kind in [TokenKind::Output, TokenKind::Reasoning, TokenKind::AudioOutput, TokenKind::ImageOutput] {
        tokens[kind.index()] = 10_000_000;
    }
    let price = Price { request_nano: 1_000_000, ..price(tokens) };
    let mut out = Vec::new();
    list(&mut out, [entry(Some(&price)), entry(None)].into_iter());
    let read: Value = serde_json::from_slice(&out).unwrap();
    let expected = json!({
        "id": "org/\"m\":1", "object": "model", "created": 1_700_000_000, "owned_by": "org", "context_length": 128_000,
        "architecture": {"input_modalities": ["text", "image"], "output_modalities": ["text"]},
        "pricing": {"prompt": "0.0000025", "completion": "0.00001", "input_cache_read": "0.00000125", "request": "0.001"},
        "supported_parameters": ["dimensions", "encoding_format"],
    });
    assert_eq!(read["object"], "list");
    assert_eq!(read["data"][0], expected);
    assert_eq!(read["data"][1]["pricing"], json!({"prompt": "0", "completion": "0"}), "free");
    let mut out = Vec::new();
    one(&mut out, &entry(Some(&price)));
    assert_eq!(serde_json::from_slice::<Value>(&out).unwrap(), expected);
}

#[test]
fn prices_are_what_the_callers_group_pays() {
    let mut out = Vec::new();
    let price = price([1_000_000; 10]);
    one(&mut out, &Entry { multiplier_micro: 1_250_000, ..entry(Some(&price)) });
    assert_eq!(serde_json::from_slice::<Value>(&out).unwrap()["pricing"]["prompt"], "0.00000125");
}

#[test]
fn an_empty_list_is_a_list() {
    let mut out = Vec::new();
    list(&mut out, std::iter::empty::<Entry<'_, &str>>());
    assert_eq!(out, br#"{"object":"list","data":[]}"#);
}

#[test]
fn an_unknown_context_is_null() {
    let mut out = Vec::new();
    one(&mut out, &Entry { context_length: 0, ..entry(None) });
    assert_eq!(serde_json::from_slice::<Value>(&out).unwrap()["context_length"], Value::Null);
}

proptest! {
    /// Read back digit by digit, the text is the number: nothing was rounded.
    #[test]
    fn prices_are_exact(pico in any::<u64>(), multiplier in 0..10_000_000_u64) {
        let mut out = Vec::new();
        push_usd(&mut out, u128::from(pico) * u128::from(multiplier));
        let text = String::from_utf8(out).unwrap();
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        prop_assert!(!fraction.ends_with('0'));
        let attos: u128 = format!("{whole}{fraction:0<18}").parse().unwrap();
        prop_assert_eq!(attos, u128::from(pico) * u128::from(multiplier));
    }
}
