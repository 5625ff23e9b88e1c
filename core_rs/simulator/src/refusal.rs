//! A request the simulator does not serve, as the OpenAI error a real provider would answer with.

use crate::envelope;
use crate::payload::{JSON, Payload};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) message: String,
    pub(crate) param: Option<&'static str>,
    pub(crate) code: Option<&'static str>,
}

impl Refusal {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), param: None, code: Some(code) }
    }

    /// A 400 that names the field at fault.
    pub(crate) fn field(param: &'static str, message: impl Into<String>) -> Self {
        Self { status: 400, message: message.into(), param: Some(param), code: Some("invalid_request") }
    }

    pub(crate) fn payload(&self) -> Payload {
        let body = envelope::error(self.status, &self.message, self.param, self.code);
        Payload::whole(JSON, body.into_bytes())
    }
}
