use std::borrow::Cow;
use tollway_policy::refusal::Refusal;
pub fn body(_out: &mut Vec<u8>, _refusal: &Refusal) {}
pub fn response(_out: &mut Vec<u8>, _refusal: &Refusal, _request_id: &[u8], _keep_alive: bool, _extra_headers: &[u8]) {}
pub fn sse_event(_out: &mut Vec<u8>, _refusal: &Refusal) {}
pub fn redact(text: &[u8]) -> Cow<'_, [u8]> { Cow::Borrowed(text) }
pub fn is_openai_error(_body: &[u8]) -> bool { false }
pub fn should_not_retry(_status: u16) -> bool { false }
pub fn reason(_status: u16) -> &'static str { "" }
