//! How a body that the scanner gave up on is refused.

use tollway_policy::refusal::Refusal;

use crate::json::JsonError;

/// `at` is where the scanner stopped.
#[cold]
pub(crate) fn unreadable(error: JsonError, at: usize) -> Refusal {
    match error {
        JsonError::Syntax => {
            Refusal::invalid_json(format!("The body is not a valid JSON object (near byte {at}). Nothing was charged."))
        }
        JsonError::Depth => Refusal::invalid_json("The JSON of the body is nested deeper than 128 levels."),
        JsonError::Utf8 => Refusal::invalid_json("The body is not valid UTF-8. JSON is always UTF-8."),
    }
}
