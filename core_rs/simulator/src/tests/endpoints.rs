//! The demo models over every path, and the refusals.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::harness::{Sim, chat, request, stream};
use crate::Config;

fn fast() -> Sim {
    Sim::with(Config { tokens_per_second: 100_000, ..Config::default() })
}

#[test]
fn chat_answers_in_sentences_that_take_up_the_words() {
    let sim = fast();
    let plain = sim.chat("sim-chat");
    let json = plain.json();
    let text = plain.content();
    assert!(text.contains("How do bridges carry travellers") && text.ends_with('.'), "{text}");
    assert_eq!((&json["object"], &json["model"]), (&json!("chat.completion"), &json!("sim-chat")));
    assert_eq!(json["choices"][0]["finish_reason"], "stop");
    let usage = &json["usage"];
    assert_eq!(
        usage["total_tokens"].as_u64(),
        Some(usage["prompt_tokens"].as_u64().unwrap() + usage["completion_tokens"].as_u64().unwrap())
    );
    assert_eq!(sim.stream("sim-chat").content(), text, "streamed or not, the same answer");
}

#[test]
fn a_stream_has_the_shape_clients_rely_on() {
    let sim = fast();
    for model in ["sim-chat", "script:"] {
        let wire = sim.stream(model);
        assert!(wire.header("content-type").unwrap().starts_with("text/event-stream"));
        let events = wire.events();
        let (done, events) = events.split_last().unwrap();
        assert_eq!(done, "[DONE]");
        assert_eq!(events[0]["choices"][0]["delta"]["role"], "assistant");
        let (usage, events) = events.split_last().unwrap();
        assert!(usage["choices"] == json!([]) && usage["usage"]["total_tokens"].is_u64());
        for event in events {
            assert!(event["choices"][0]["index"] == 0 && event.get("usage") == Some(&Value::Null), "{event}");
            assert!(
                event["id"] == usage["id"] && event["object"] == "chat.completion.chunk" && event["created"].is_u64()
            );
        }
        let reasons: Vec<&Value> = events.iter().map(|event| &event["choices"][0]["finish_reason"]).collect();
        assert!(reasons.iter().rev().skip(1).all(|reason| reason.is_null()) && reasons.last() == Some(&&json!("stop")));

        let mut body = stream(model);
        body.as_object_mut().unwrap().remove("stream_options");
        let events = sim.wire("/chat/completions", &body).events();
        assert!(events.iter().all(|event| event.get("usage").is_none()), "usage only when asked for");
    }
}

#[test]
fn a_tool_is_called_when_one_is_spoken_of() {
    let sim = fast();
    let mut body = stream("sim-chat");
    body["messages"][0]["content"] = "Please use the tool for Prague".into();
    body["tools"] = json!([{"type": "function", "function": {"name": "weather", "parameters": {"type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}, "unit": {"enum": ["C", "F"]}}}}}]);
    let events = sim.wire("/v1/chat/completions", &body).events();
    let first = &events[0]["choices"][0]["delta"]["tool_calls"][0];
    assert!(first["index"] == 0 && first["id"].is_string() && first["function"]["name"] == "weather");
    let pieces: Vec<&str> = events
        .iter()
        .filter_map(|event| event.pointer("/choices/0/delta/tool_calls/0/function/arguments")?.as_str())
        .collect();
    assert!(pieces.len() > 3, "in pieces: {pieces:?}");
    let arguments = json!({"city": "Prague", "days": 1, "unit": "C"});
    assert_eq!(serde_json::from_str::<Value>(&pieces.concat()).unwrap(), arguments);
    body["stream"] = false.into();
    let choice = sim.wire("/v1/chat/completions", &body).json()["choices"][0].clone();
    assert_eq!(choice["finish_reason"], "tool_calls");
    let told = choice["message"]["tool_calls"][0]["function"]["arguments"].as_str().unwrap().to_owned();
    assert_eq!(serde_json::from_str::<Value>(&told).unwrap(), arguments);
    body["tool_choice"] = "none".into();
    assert_eq!(sim.wire("/v1/chat/completions", &body).json()["choices"][0]["finish_reason"], "stop");
}

#[test]
fn embeddings_come_in_both_encodings_and_any_length() {
    let sim = fast();
    let ask = |more: Value| {
        let mut body = json!({"model": "sim-embed", "input": ["a toll bridge", "the toll bridge", "blue"]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        sim.wire("/v1/embeddings", &body).json()
    };
    let floats = ask(json!({"dimensions": 64}));
    let vectors: Vec<Vec<f64>> = (0..3)
        .map(|n| floats["data"][n]["embedding"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect())
        .collect();
    let dot = |a: usize, b: usize| vectors[a].iter().zip(&vectors[b]).map(|(x, y)| x * y).sum::<f64>();
    assert!((dot(0, 0) - 1.0).abs() < 1e-5 && vectors[0].len() == 64);
    assert!(dot(0, 1) > dot(0, 2) + 0.2, "common words are near: {} {}", dot(0, 1), dot(0, 2));
    let packed = ask(json!({"dimensions": 64, "encoding_format": "base64"}));
    let bytes = STANDARD.decode(packed["data"][0]["embedding"].as_str().unwrap()).unwrap();
    let unpacked: Vec<f32> = bytes.chunks(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect();
    assert!(unpacked.len() == 64 && unpacked.iter().zip(&vectors[0]).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-6));
    assert!(packed["usage"]["prompt_tokens"].as_u64().unwrap() > 0);
    assert_eq!(ask(json!({"input": [[1, 2], [3]]}))["usage"]["prompt_tokens"], 3);
}

#[test]
fn every_other_path_has_its_shape() {
    let sim = fast();
    type Law = fn(&Value) -> bool;
    let cases: [(&str, Value, Law); 6] = [
        ("/v1/completions", json!({"model": "sim-chat", "prompt": "bridges"}), |body| {
            body["object"] == "text_completion" && body["choices"][0]["text"].as_str().unwrap().contains("bridges")
        }),
        ("/completions", json!({"model": "script:bytes=5", "prompt": "x"}), |body| {
            body["choices"][0]["text"].as_str().unwrap().len() == 5
        }),
        ("/v1/images/generations", json!({"model": "sim-image", "prompt": "a gate", "n": 2}), |body| {
            body["data"].as_array().unwrap().len() == 2 && body["usage"]["output_tokens"] == 544
        }),
        ("/v1/moderations", json!({"model": "sim-moderation", "input": ["hello", "I hate it"]}), |body| {
            body["results"][0]["flagged"] == false && body["results"][1]["categories"]["hate"] == true
        }),
        (
            "/v1/rerank",
            json!({"model": "sim-rerank", "query": "toll bridge", "documents": ["sea", "a bridge", "toll bridge"], "top_n": 2}),
            |body| {
                body["results"].as_array().unwrap().len() == 2
                    && body["results"][0]["index"] == 2
                    && body["usage"]["total_tokens"].is_u64()
            },
        ),
        ("/v1/embeddings", json!({"model": "script:usage=zero", "input": "a"}), |body| {
            body["usage"]["prompt_tokens"] == 0
        }),
    ];
    for (path, body, law) in cases {
        let wire = sim.wire(path, &body);
        assert!(wire.status() == 200 && law(&wire.json()), "{path}: {}", wire.text());
    }
    let events = sim.wire("/v1/completions", &json!({"model": "sim-chat", "prompt": "x", "stream": true})).events();
    assert!(events[0]["choices"][0]["text"].is_string() && events.last().unwrap() == "[DONE]");
    let wav = sim.wire("/v1/audio/speech", &json!({"model": "sim-speech", "input": "ding"})).body();
    assert!(wav.starts_with(b"RIFF") && wav.len() == 44 + 4 * 400);
}

#[test]
fn forms_are_read() {
    let sim = fast();
    let part =
        |name: &str, value: &str| format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    let post = |path: &str, parts: &[(&str, &str)]| {
        let body: String = parts.iter().map(|(name, value)| part(name, value)).collect::<String>() + "--b--\r\n";
        let mut client = sim.client();
        client.send(
            &request(path, &body, "Connection: close\r\n")
                .replace("application/json", "multipart/form-data; boundary=b"),
        );
        client.rest()
    };
    let file = "s".repeat(64_001);
    let wire = post("/v1/audio/transcriptions", &[("file", &file), ("model", "sim-transcribe")]);
    assert_eq!(wire.json()["usage"], json!({"type": "duration", "seconds": 3}));
    let wire = post(
        "/v1/audio/transcriptions",
        &[("model", "sim-transcribe"), ("response_format", "verbose_json"), ("file", "x")],
    );
    assert!(wire.json()["duration"] == 1.0 && wire.json()["segments"].is_array());
    let wire = post("/v1/images/edits", &[("model", "sim-image"), ("prompt", "a gate"), ("n", "3"), ("image", "x")]);
    assert_eq!(wire.json()["data"].as_array().map(Vec::len), Some(3));
    assert_eq!(post("/v1/images/edits", &[("prompt", "a gate")]).status(), 400);
    assert_eq!(post("/v1/images/edits", &[("model", "script:status=503")]).status(), 503);
}

#[test]
fn models_are_listed() {
    let sim = Sim::start();
    let list = sim.get("/v1/models").json();
    let ids: Vec<&str> = list["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
    assert!(ids.starts_with(&["sim-chat", "sim-embed", "sim-image"]) && ids.len() == 7);
    for (id, status) in [("sim-chat", 200), ("json-1k", 200), ("nobody", 404)] {
        assert_eq!(sim.get(&format!("/v1/models/{id}")).status(), status, "{id}");
    }
}

#[test]
fn refusals_are_openai_errors() {
    let sim = Sim::start();
    let cases = [
        ("/v1/chat/completions", json!({"model": "nobody"}), 404, "model_not_found"),
        ("/v1/chat/completions", json!({"messages": []}), 400, "invalid_request"),
        ("/v1/chat/completions", json!({"model": "script:cutt=1"}), 400, "invalid_request"),
        ("/v1/chat/completions", json!({"model": "sim-chat", "messages": []}), 400, "invalid_request"),
        ("/v1/chat/completions", json!({"model": "sim-chat", "n": 99, "messages": [{}]}), 400, "invalid_request"),
        ("/v1/embeddings", json!({"model": "sim-chat", "input": "a"}), 400, "invalid_request"),
        ("/v1/embeddings", json!({"model": "sim-embed", "input": 7}), 400, "invalid_request"),
        ("/v1/chat/completions", json!([]), 400, "invalid_json"),
        ("/v1/nothing", chat("sim-chat"), 404, "not_found"),
        ("/v1/models", chat("sim-chat"), 405, "method_not_allowed"),
    ];
    for (path, body, status, code) in cases {
        let wire = sim.wire(path, &body);
        assert_eq!((wire.status(), &wire.json()["error"]["code"]), (status, &json!(code)), "{path} {body}");
    }
    let mut client = sim.client();
    client.send("HEAD / HTTP/1.1\r\nConnection: close\r\n\r\n");
    let wire = client.rest();
    assert!(wire.status() == 200 && wire.body().is_empty());
}
