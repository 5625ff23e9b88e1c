//! `sim-moderation` and `sim-rerank`: verdicts by words, so that a person can see why.

use serde_json::{Value, json};

use super::{hash, tokens_of, whole};
use crate::payload::{Payload, Tokens};
use crate::refusal::Refusal;

const CATEGORIES: [(&str, &[&str]); 4] = [
    ("violence", &["kill", "murder", "attack", "violence"]),
    ("harassment", &["idiot", "moron"]),
    ("hate", &["hate"]),
    ("self-harm", &["suicide"]),
];

pub(super) fn moderation(model: &str, request: &Value) -> Result<Payload, Refusal> {
    let refusal = || Refusal::field("input", "input must be a string, or an array of strings or parts.");
    let inputs: Vec<&str> = match request.get("input").ok_or_else(refusal)? {
        Value::String(text) => vec![text],
        Value::Array(list) => list
            .iter()
            .map(|item| item.as_str().or_else(|| item.get("text").map_or(Some(""), Value::as_str)))
            .collect::<Option<_>>()
            .ok_or_else(refusal)?,
        _ => return Err(refusal()),
    };
    let results: Vec<Value> = inputs.iter().map(|text| verdict(text)).collect();
    let id = format!("modr-{:016x}", inputs.iter().fold(0, |id, text| id ^ hash(text.as_bytes())));
    let tokens = Tokens { prompt: inputs.iter().map(|text| tokens_of(text)).sum(), ..Tokens::default() };
    Ok(whole(&json!({"id": id, "model": model, "results": results}), tokens))
}

fn verdict(text: &str) -> Value {
    let words = words(text);
    let (mut categories, mut scores) = (serde_json::Map::new(), serde_json::Map::new());
    let mut flagged = false;
    for (category, signs) in CATEGORIES {
        let found = words.iter().any(|word| signs.contains(&word.as_str()));
        flagged |= found;
        categories.insert(category.to_owned(), found.into());
        scores.insert(category.to_owned(), if found { 0.97 } else { 0.01 }.into());
    }
    json!({"flagged": flagged, "categories": categories, "category_scores": scores})
}

/// Relevance is the share of the query's words that a document has.
pub(super) fn rerank(model: &str, request: &Value) -> Result<Payload, Refusal> {
    let query = request
        .get("query")
        .and_then(Value::as_str)
        .ok_or_else(|| Refusal::field("query", "query must be a string."))?;
    let documents: Vec<&str> = request
        .get("documents")
        .and_then(Value::as_array)
        .and_then(|list| list.iter().map(|item| item.as_str().or_else(|| item.get("text")?.as_str())).collect())
        .ok_or_else(|| {
            Refusal::field("documents", "documents must be an array of strings or of objects with a text.")
        })?;
    let wanted = words(query);
    let mut scored: Vec<(usize, f64)> = documents
        .iter()
        .enumerate()
        .map(|(index, document)| {
            let found = words(document);
            let hits = wanted.iter().filter(|word| found.contains(word)).count();
            (index, hits as f64 / wanted.len().max(1) as f64)
        })
        .collect();
    // A stable sort: equals stay in the order in which they came.
    scored.sort_by(|a, b| b.1.total_cmp(&a.1));
    let top = request
        .get("top_n")
        .and_then(Value::as_u64)
        .map_or(usize::MAX, |top| usize::try_from(top).unwrap_or(usize::MAX));
    let with_text = request.get("return_documents") == Some(&Value::Bool(true));
    let results: Vec<Value> = scored
        .iter()
        .take(top)
        .map(|(index, score)| {
            let mut result = json!({"index": index, "relevance_score": score});
            if with_text {
                result["document"] = json!({"text": documents[*index]});
            }
            result
        })
        .collect();
    let prompt = tokens_of(query) + documents.iter().map(|document| tokens_of(document)).sum::<u64>();
    let usage = json!({"prompt_tokens": prompt, "total_tokens": prompt});
    let id = format!("rerank-{:016x}", hash(query.as_bytes()));
    let body = json!({"id": id, "object": "list", "model": model, "results": results, "usage": usage});
    Ok(whole(&body, Tokens { prompt, ..Tokens::default() }))
}

fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}
