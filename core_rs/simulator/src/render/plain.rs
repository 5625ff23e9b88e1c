//! The scripted answer that is not a stream.

use super::text::filler;
use super::{Ask, CREATED, claim, truth};
use crate::endpoint::Endpoint;
use crate::envelope::{Envelope, quoted};
use crate::payload::{JSON, Payload};
use crate::script::{Member, Script};

pub(super) fn payload(script: &Script, ask: &Ask<'_>) -> Payload {
    let wanted = script.body_bytes.map_or(script.bytes, |target| {
        // The length of the usage depends on its numbers, and these on the length: twice is enough to settle it.
        let first = target.saturating_sub(render(script, ask, 0).0.len());
        let over = render(script, ask, first / script.choices).0.len().saturating_sub(target);
        (first - over.min(first)) / script.choices
    });
    let (mut body, texts) = render(script, ask, wanted);
    // What several choices cannot share, or a number's last digit took, JSON lets stand as space at the end.
    body.extend(std::iter::repeat_n(' ', script.body_bytes.unwrap_or(0).saturating_sub(body.len())));
    let mut payload = Payload::whole(JSON, body.into_bytes());
    let content_bytes = texts.iter().map(String::len).sum();
    payload.tokens = truth(script, content_bytes);
    payload.reported = claim(script, payload.tokens).map(|usage| (usage, payload.bytes.len()));
    for text in &texts {
        payload.mark(text);
    }
    payload
}

fn render(script: &Script, ask: &Ask<'_>, text_bytes: usize) -> (String, Vec<String>) {
    let envelope = Envelope {
        endpoint: ask.endpoint,
        id: "chatcmpl-simulated",
        created: CREATED,
        model: ask.model,
        eol: "\n",
        include_usage: false,
    };
    let texts: Vec<String> = (0..script.choices).map(|index| filler(script.text, index * 7, text_bytes)).collect();
    let finish = if script.say == Member::Tool { "tool_calls" } else { "stop" };
    let finish = (!script.no_finish).then_some(finish);
    let choices: Vec<String> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| envelope.message(index, &message(script, ask.endpoint, text), finish))
        .collect();
    let usage = claim(script, truth(script, text_bytes * script.choices));
    (envelope.whole(&choices.join(","), usage.as_deref()), texts)
}

fn message(script: &Script, endpoint: Endpoint, text: &str) -> String {
    if endpoint == Endpoint::Completions {
        return quoted(text);
    }
    let text = quoted(text);
    match script.say {
        Member::Content => format!(r#"{{"role":"assistant","content":{text},"refusal":null}}"#),
        Member::Reasoning => format!(r#"{{"role":"assistant","content":"","reasoning_content":{text}}}"#),
        // Arguments are text too; these are not JSON, which a gateway must not mind.
        Member::Tool => format!(
            r#"{{"role":"assistant","content":null,"tool_calls":[{{"id":"call_simulated","type":"function","function":{{"name":"scripted","arguments":{text}}}}}]}}"#
        ),
    }
}
