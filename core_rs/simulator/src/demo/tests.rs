use super::*;

#[test]
fn replies_are_whole_sentences_whatever_was_asked() {
    let questions = [
        "",
        "?",
        "a",
        "hi {word}",
        "Why is the sky blue?",
        "много слов о мостах",
        "\u{1f309} \u{1f309}",
        &"long words here ".repeat(50),
    ];
    for question in questions {
        for variant in 0..20 {
            let reply = prose::reply(question, variant);
            assert!(reply.ends_with('.') && !reply.contains("{other}") && !reply.contains("{quote}"), "{reply}");
            assert!(reply.len() < 1_000);
            assert_eq!(prose::pieces(&reply).concat(), reply);
        }
    }
    let distinct: std::collections::HashSet<String> =
        (0..20).map(|variant| prose::reply("bridges and tolls", variant)).collect();
    assert!(distinct.len() > 10);
}

#[test]
fn limits_and_formats_of_chat() {
    let ask = |more: Value| {
        let mut body = json!({"model": "sim-chat", "messages": [{"role": "user", "content": [{"type": "text", "text": "bridges"}]}]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let bytes = body.to_string();
        let call = Call {
            endpoint: Endpoint::Chat,
            model: "sim-chat",
            body: bytes.as_bytes(),
            tokens_per_second: 40,
            now_ms: 1,
        };
        serde_json::from_slice::<Value>(&answer(&call).unwrap().unwrap().bytes).unwrap()
    };
    let short = ask(json!({"max_tokens": 5}));
    assert_eq!(
        (&short["choices"][0]["finish_reason"], &short["usage"]["completion_tokens"]),
        (&json!("length"), &json!(5))
    );
    let several = ask(json!({"n": 3}));
    assert_eq!(several["choices"].as_array().map(Vec::len), Some(3));
    let structured = ask(json!({"response_format": {"type": "json_object"}}));
    let text = structured["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(serde_json::from_str::<Value>(text).unwrap()["answer"].as_str().unwrap().contains("bridges"));
}

/// Reads the PNG as a viewer would: chunks with right sums, stored blocks that join to whole rows, palette indices only.
#[test]
fn images_are_png() {
    use base64::Engine as _;
    let payload = image::payload(&json!({"prompt": "a gate"})).unwrap();
    let body: Value = serde_json::from_slice(&payload.bytes).unwrap();
    let file = base64::engine::general_purpose::STANDARD.decode(body["data"][0]["b64_json"].as_str().unwrap()).unwrap();
    let mut rest = file.strip_prefix(b"\x89PNG\r\n\x1a\n").unwrap();
    let mut kinds = Vec::new();
    while !rest.is_empty() {
        let length = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
        let (kind_and_data, sum) = rest[4..].split_at(length + 4);
        assert_eq!(crc32fast::hash(kind_and_data).to_be_bytes(), sum[..4]);
        let data = &kind_and_data[4..];
        if &kind_and_data[..4] == b"IDAT" {
            assert_eq!(u16::from_be_bytes([data[0], data[1]]) % 31, 0, "zlib header");
            let stored = u16::from_le_bytes([data[3], data[4]]) as usize;
            assert_eq!((data[2], stored, data.len()), (1, 128 * 129, 2 + 5 + stored + 4));
        }
        kinds.push(String::from_utf8(kind_and_data[..4].to_vec()).unwrap());
        rest = &sum[4..];
    }
    assert_eq!(kinds, ["IHDR", "PLTE", "IDAT", "IEND"]);
}
