//! The scripted stream: role, text events at their times, finish, usage, `[DONE]`, with what the script leaves out or puts between.

use super::text::filler;
use super::{Ask, CREATED, claim, error_body, truth};
use crate::endpoint::Endpoint;
use crate::envelope::{Envelope, quoted};
use crate::payload::Payload;
use crate::script::{Garbage, Member, Script, UsagePlace};

pub(super) fn payload(script: &Script, ask: &Ask<'_>) -> Payload {
    let envelope = Envelope {
        endpoint: ask.endpoint,
        id: "chatcmpl-simulated",
        created: CREATED,
        model: ask.model,
        eol: script.eol.text(),
        include_usage: ask.include_usage,
    };
    let events = events(script, &envelope);
    let mut payload = Payload::stream();
    for (number, event) in events.iter().enumerate() {
        if script.error_event == Some(number) {
            let error = format!("data: {}{}{}", error_body(500), envelope.eol, envelope.eol);
            payload.push(&error, event.at_us, 0);
            payload.tokens = truth(script, events[..number].iter().map(|event| event.content_bytes).sum());
            return payload;
        }
        payload.push(&event.text, event.at_us, event.content_bytes);
        if event.has_usage {
            payload.reported = Some((event.usage.clone(), payload.bytes.len()));
        }
    }
    payload.tokens = truth(script, events.iter().map(|event| event.content_bytes).sum());
    if !script.no_done {
        let closing = payload.bytes.len();
        let at_us = events.last().map_or(0, |event| event.at_us);
        payload.push(&envelope.done(), at_us, 0);
        payload.closing = closing;
    }
    payload
}

#[derive(Default)]
struct Event {
    text: String,
    at_us: u64,
    content_bytes: usize,
    has_usage: bool,
    usage: String,
}

fn events(script: &Script, envelope: &Envelope<'_>) -> Vec<Event> {
    let mut events = Vec::with_capacity(script.choices * (script.chunks + 2) + 1);
    if envelope.endpoint != Endpoint::Completions {
        events.extend((0..script.choices).map(|index| Event {
            text: envelope.event(&envelope.delta(index, opening(script), None), None),
            ..Event::default()
        }));
    }
    let mut total = 0;
    for number in 0..script.chunks {
        for index in 0..script.choices {
            let mut event = text_event(script, envelope, number, index, total);
            event.at_us = script.gap_us.saturating_mul(number as u64 + 1);
            total += event.content_bytes;
            events.push(event);
        }
    }
    if script.garbage == Some(Garbage::Event) {
        let middle = events.len() / 2;
        if let Some(event) = events.get_mut(middle) {
            *event = Event {
                text: format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{}{}", envelope.eol, envelope.eol),
                at_us: event.at_us,
                ..Event::default()
            };
        }
    }
    let at_us = script.gap_us.saturating_mul(script.chunks as u64);
    let usage = claim(script, truth(script, total));
    if !script.no_finish {
        let reason = if script.say == Member::Tool { "tool_calls" } else { "stop" };
        let empty = if envelope.endpoint == Endpoint::Completions { "\"\"" } else { "{}" };
        let told = usage.as_deref().filter(|_| script.usage_in == UsagePlace::Finish);
        events.extend((0..script.choices).map(|index| Event {
            text: envelope.event(&envelope.delta(index, empty, Some(reason)), told),
            at_us,
            has_usage: told.is_some(),
            usage: told.unwrap_or_default().to_owned(),
            ..Event::default()
        }));
    }
    if let Some(usage) = usage.filter(|_| envelope.include_usage && script.usage_in == UsagePlace::Own) {
        let text = envelope.event("", Some(&usage));
        events.push(Event { text, at_us, has_usage: true, usage, ..Event::default() });
    }
    events
}

const fn opening(script: &Script) -> &'static str {
    match script.say {
        Member::Content | Member::Reasoning => r#"{"role":"assistant","content":""}"#,
        Member::Tool => {
            r#"{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call_simulated","type":"function","function":{"name":"scripted","arguments":""}}]}"#
        }
    }
}

/// One event with text. `before` is the text sent so far: where usage stands in every event, it grows with it.
fn text_event(script: &Script, envelope: &Envelope<'_>, number: usize, index: usize, before: usize) -> Event {
    let render = |text: &str| {
        let usage =
            (script.usage_in == UsagePlace::Every).then(|| claim(script, truth(script, before + text.len()))).flatten();
        let choice = envelope.delta(index, &delta(script, envelope.endpoint, text), None);
        (envelope.event(&choice, usage.as_deref()), usage)
    };
    let line = script.line_bytes.filter(|_| number == 0).map(|line| line + envelope.eol.len() * 2);
    let size = match line.or(script.chunk_bytes) {
        Some(size) => {
            let first = size.saturating_sub(render("").0.len()).max(1);
            let over = render(&filler(script.text, 0, first)).0.len().saturating_sub(size);
            first.saturating_sub(over).max(1)
        }
        None => share(script.bytes, script.chunks, number),
    };
    let text = filler(script.text, number * 13 + index, size);
    let (event, usage) = render(&text);
    Event {
        text: event,
        content_bytes: text.len(),
        has_usage: usage.is_some(),
        usage: usage.unwrap_or_default(),
        ..Event::default()
    }
}

fn delta(script: &Script, endpoint: Endpoint, text: &str) -> String {
    let text = quoted(text);
    match script.say {
        _ if endpoint == Endpoint::Completions => text,
        Member::Content => format!(r#"{{"content":{text}}}"#),
        Member::Reasoning => format!(r#"{{"reasoning_content":{text}}}"#),
        Member::Tool => format!(r#"{{"tool_calls":[{{"index":0,"function":{{"arguments":{text}}}}}]}}"#),
    }
}

/// The `number`th of `parts` near-equal parts of `whole`; together they are the whole.
const fn share(whole: usize, parts: usize, number: usize) -> usize {
    whole / parts + if number < whole % parts { 1 } else { 0 }
}
