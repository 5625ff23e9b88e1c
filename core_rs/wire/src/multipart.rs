use tollway_policy::refusal::Refusal;
use crate::{Span, request::Plan};
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MultipartFacts { pub model: Span, pub text_bytes: u64, pub images: u64, pub stream: bool, pub file_bytes: u64 }
pub fn boundary(_content_type: &[u8]) -> Option<&[u8]> { None }
pub fn scan(_body: &[u8], _boundary: &[u8]) -> Result<MultipartFacts, Refusal> { unimplemented!() }
pub fn plan(_body: &[u8], _facts: &MultipartFacts, _upstream_model: Option<&str>, _scratch: &mut Vec<u8>) -> Plan { unimplemented!() }
