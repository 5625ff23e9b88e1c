//! Each row of "Counting when usage is missing", input side.

use super::*;

fn text_bytes(body: &str, endpoint: Endpoint) -> u64 {
    scan(body.as_bytes(), endpoint).unwrap().text_bytes
}

fn of_messages(messages: &str) -> Facts {
    read(&format!(r#"{{"model":"m","messages":{messages}}}"#))
}

#[test]
fn content_strings_and_text_parts_count_their_decoded_bytes() {
    assert_eq!(of_messages(r#"[{"role":"user","content":"hello"}]"#).text_bytes, 5);
    assert_eq!(of_messages(r#"[{"role":"user","content":"é\n\u00e9\ud83d\ude00"}]"#).text_bytes, 2 + 1 + 2 + 4);
    assert_eq!(
        of_messages(r#"[{"content":[{"type":"text","text":"abc"},{"type":"text","text":"de"}]},{"content":"f"}]"#)
            .text_bytes,
        6
    );
    assert_eq!(of_messages(r#"[{"content":null},{"role":"assistant"}]"#).text_bytes, 0);
}

#[test]
fn media_count_as_parts_and_not_as_text() {
    let facts = of_messages(
        r#"[{"content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}},{"type":"input_audio","input_audio":{"data":"AAAA"}},{"type":"text","text":"x"}]}]"#,
    );
    assert_eq!((facts.text_bytes, facts.media_parts, facts.messages), (1, 2, 1));
}

#[test]
fn tool_call_arguments_count() {
    let facts = of_messages(
        r#"[{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]},
            {"role":"tool","tool_call_id":"c","content":"42"},{"function_call":{"name":"g","arguments":"12"}}]"#,
    );
    assert_eq!((facts.text_bytes, facts.messages), (7 + 2 + 2, 3));
}

#[test]
fn tools_count_as_the_json_they_stand_in() {
    let facts = read(&chat(r#","tools":[{"type": "function"},{}]"#));
    assert_eq!((facts.text_bytes, facts.tools), (2 + r#"[{"type": "function"},{}]"#.len() as u64, 2));
}

#[test]
fn prompts_and_inputs() {
    assert_eq!(text_bytes(r#"{"model":"m","prompt":"abc"}"#, Endpoint::Completions), 3);
    assert_eq!(text_bytes(r#"{"model":"m","prompt":["abc","d"]}"#, Endpoint::Completions), 4);
    assert_eq!(text_bytes(r#"{"model":"m","input":["abc","d"]}"#, Endpoint::Embeddings), 4);
    assert_eq!(text_bytes(r#"{"model":"m","input":[1,22,333]}"#, Endpoint::Embeddings), 12, "a token id is one token");
    assert_eq!(text_bytes(r#"{"model":"m","input":[[1,2],[3]]}"#, Endpoint::Embeddings), 12);
    assert_eq!(text_bytes(r#"{"model":"m","input":[{"type":"text","text":"abc"}]}"#, Endpoint::Moderations), 3);
    assert_eq!(text_bytes(r#"{"model":"m","query":"ab","documents":["c",{"text":"de"}]}"#, Endpoint::Rerank), 5);
    assert_eq!(text_bytes(r#"{"model":"m","prompt":"ab"}"#, Endpoint::Images), 2);
}

#[test]
fn speech_counts_characters() {
    let facts =
        scan(r#"{"model":"m","input":"aé😀\u00e9\ud83d\ude00","voice":"v"}"#.as_bytes(), Endpoint::Audio).unwrap();
    assert_eq!((facts.characters, facts.text_bytes), (5, 1 + 2 + 4 + 2 + 4));
}
