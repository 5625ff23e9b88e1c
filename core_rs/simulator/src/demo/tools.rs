//! When `sim-chat` calls a tool, and with which arguments: the first one given, filled in from its schema.

use serde_json::{Map, Value};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ToolCall {
    pub(super) name: String,
    /// JSON, as a text.
    pub(super) arguments: String,
}

/// It calls when told to (`tool_choice`), or when the user's last message has the word "tool" in it.
pub(super) fn called(request: &Value, question: &str) -> Option<ToolCall> {
    let tools = request.get("tools")?.as_array()?;
    let choice = request.get("tool_choice");
    let forced = choice.and_then(|choice| choice.pointer("/function/name")).and_then(Value::as_str);
    let required = forced.is_some() || choice.and_then(Value::as_str) == Some("required");
    let forbidden = choice.and_then(Value::as_str) == Some("none");
    let mentioned =
        question.split(|c: char| !c.is_alphanumeric()).any(|word| word.to_lowercase().trim_end_matches('s') == "tool");
    if forbidden || !(required || mentioned) {
        return None;
    }
    let named =
        |tool: &&Value| forced.is_none_or(|name| tool.pointer("/function/name").and_then(Value::as_str) == Some(name));
    let function = tools.iter().find(named)?.get("function")?;
    let arguments =
        function.get("parameters").map_or_else(|| Value::Object(Map::new()), |schema| sample(schema, question, 0));
    Some(ToolCall { name: function.get("name")?.as_str()?.to_owned(), arguments: arguments.to_string() })
}

/// A schema may nest without end; an argument this deep convinces nobody.
const DEPTH_MAX: usize = 8;

fn sample(schema: &Value, question: &str, depth: usize) -> Value {
    if let Some(first) = schema.get("enum").and_then(Value::as_array).and_then(|values| values.first()) {
        return first.clone();
    }
    if depth >= DEPTH_MAX {
        return Value::Null;
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("object") => {
            let properties = schema.get("properties").and_then(Value::as_object);
            properties
                .into_iter()
                .flatten()
                .map(|(name, schema)| (name.clone(), sample(schema, question, depth + 1)))
                .collect()
        }
        Some("array") => {
            Value::Array(schema.get("items").map(|item| sample(item, question, depth + 1)).into_iter().collect())
        }
        Some("integer" | "number") => 1.into(),
        Some("boolean") => true.into(),
        Some("null") => Value::Null,
        _ => question.split_whitespace().next_back().unwrap_or("something").trim_end_matches(['.', '?', '!']).into(),
    }
}
