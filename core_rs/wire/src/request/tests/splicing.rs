//! The law: the new body means what the old one meant, but for the fields that were to change; and every other byte is the caller's.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

fn spliced(body: &str, model: Option<&str>, usage: bool, limit: Option<u64>) -> String {
    let facts = read(body);
    let mut scratch = b"left over".to_vec();
    let plan = plan(body.as_bytes(), &facts, model, usage, limit, &mut scratch);
    let out: Vec<u8> = plan.parts(body.as_bytes(), &scratch).flatten().copied().collect();
    assert_eq!(out.len() as u64, plan.total_bytes);
    assert!(plan.pieces.iter().take(plan.count).all(|piece| match piece {
        Piece::Body(span) | Piece::Scratch(span) => !span.is_empty(),
    }));
    String::from_utf8(out).unwrap()
}

#[test]
fn goldens() {
    let body = r#"{ "model": "a", "messages": [{}] }"#;
    assert_eq!(spliced(body, None, false, None), body);
    assert_eq!(spliced(body, Some("b\"c"), false, None), r#"{ "model": "b\"c", "messages": [{}] }"#);
    assert_eq!(
        spliced(body, None, true, None),
        r#"{"stream_options":{"include_usage":true}, "model": "a", "messages": [{}] }"#
    );
    assert_eq!(spliced(body, None, false, Some(9)), r#"{"max_tokens":9, "model": "a", "messages": [{}] }"#);
    assert_eq!(
        spliced(body, Some("b"), true, Some(9)),
        r#"{"stream_options":{"include_usage":true},"max_tokens":9, "model": "b", "messages": [{}] }"#
    );
    let body = r#"{"stream_options":{ },"model":"a","messages":[{}]}"#;
    assert_eq!(
        spliced(body, None, true, None),
        r#"{"stream_options":{"include_usage":true },"model":"a","messages":[{}]}"#
    );
    let body = r#"{"stream_options":{"x":1},"model":"a","messages":[{}]}"#;
    assert_eq!(
        spliced(body, None, true, None),
        r#"{"stream_options":{"include_usage":true,"x":1},"model":"a","messages":[{}]}"#
    );
    let body = r#"{"max_tokens":null,"model":"a","messages":[{}],"max_completion_tokens":100,"stream_options":{"include_usage":false}}"#;
    assert_eq!(
        spliced(body, Some("b"), true, Some(5)),
        r#"{"max_tokens":5,"model":"b","messages":[{}],"max_completion_tokens":5,"stream_options":{"include_usage":true}}"#,
        "four edits"
    );
    let body = r#"{"model":"a","messages":[{}],"stream_options":{"include_usage":true}}"#;
    assert_eq!(spliced(body, None, true, None), body);
}

/// The members of a body in any order; which of the deciding ones are there is up to chance.
fn bodies() -> impl Strategy<Value = String> {
    let limits = prop_oneof![Just(None), Just(Some(Value::Null)), (0..5000_u64).prop_map(|limit| Some(json!(limit)))];
    let options = prop_oneof![
        Just(None),
        Just(Some(json!(null))),
        Just(Some(json!({}))),
        Just(Some(json!({"include_usage": true}))),
        Just(Some(json!({"include_usage": null, "y": [1]}))),
        Just(Some(json!({"x": {"include_usage": 1}}))),
    ];
    let strangers = prop::collection::btree_map(
        "[a-c\"\\\\é]{1,3}",
        prop_oneof![Just(json!([1.5, "}"])), ".{0,8}".prop_map(Value::from)],
        0..4,
    );
    (".{1,20}", limits, any::<[bool; 2]>(), options, strangers, any::<u64>(), any::<bool>()).prop_map(
        |(model, limit, stated, options, strangers, order, pretty)| {
            let mut members: Vec<(String, Value)> = strangers.into_iter().collect();
            members.push(("model".into(), model.into()));
            members.push(("messages".into(), json!([{"role": "user", "content": "{\"model\":\"x\"}"}])));
            for (name, stated) in ["max_tokens", "max_completion_tokens"].into_iter().zip(stated) {
                if let Some(limit) = limit.clone().filter(|_| stated) {
                    members.push((name.into(), limit));
                }
            }
            members.extend(options.map(|options| ("stream_options".into(), options)));
            let length = members.len();
            members.rotate_left(order as usize % length);
            members.swap(0, (order >> 32) as usize % length);
            let separator = if pretty { " :\n" } else { ":" };
            let text: Vec<String> = members
                .iter()
                .map(|(name, value)| {
                    format!(
                        "{}{separator}{}",
                        serde_json::to_string(name).unwrap(),
                        serde_json::to_string(value).unwrap()
                    )
                })
                .collect();
            format!("{{{}}}", text.join(if pretty { " ,\r\n\t" } else { "," }))
        },
    )
}

fn expected(body: &str, model: Option<&str>, usage: bool, limit: Option<u64>) -> Value {
    let mut value: Map<String, Value> = serde_json::from_str(body).unwrap();
    if let Some(model) = model {
        value.insert("model".into(), model.into());
    }
    if usage {
        let options = value.entry("stream_options").or_insert_with(|| json!({}));
        if options.is_null() {
            *options = json!({});
        }
        options["include_usage"] = true.into();
    }
    if let Some(limit) = limit {
        let stated: Vec<&str> =
            ["max_tokens", "max_completion_tokens"].into_iter().filter(|name| value.contains_key(*name)).collect();
        for name in if stated.is_empty() { vec!["max_tokens"] } else { stated } {
            value.insert(name.into(), limit.into());
        }
    }
    Value::Object(value)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn the_new_body_means_what_was_asked_for(
        body in bodies(),
        model in prop::option::of(".{1,12}"),
        usage in any::<bool>(),
        limit in prop::option::of(0..9999_u64),
    ) {
        let new = spliced(&body, model.as_deref(), usage, limit);
        let value: Value = serde_json::from_str(&new).map_err(|error| TestCaseError::fail(format!("{error}: {new}")))?;
        prop_assert_eq!(value, expected(&body, model.as_deref(), usage, limit), "{}", new);
        // What it means to us: the upstream's reader is not ours, but ours must agree with itself.
        let facts = read(&new);
        prop_assert_eq!(facts.messages, 1);
    }
}
