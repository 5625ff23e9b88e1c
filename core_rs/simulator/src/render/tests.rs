use super::*;
use crate::answer::Ending;

fn answer(name: &str, stream: bool) -> Answer {
    let script = Script::named(name).unwrap().unwrap();
    scripted(&script, &Ask { endpoint: Endpoint::Chat, model: name, stream, include_usage: true, body: b"" })
}

/// Bodies of every size: exact wherever the envelope leaves room.
#[test]
fn body_sizes_are_exact() {
    for size in (450..1_500).chain([10_239, 10_240, 99_999, 1 << 20]) {
        let answer = answer(&format!("json-{size}"), false);
        assert_eq!(answer.pieces.last().unwrap().body_end, size);
        assert_eq!(answer.pieces.len(), 1, "one write");
    }
}

#[test]
fn a_cut_is_a_prefix_and_the_earliest_fault_wins() {
    let whole = answer("script:close", true);
    for cut in 0..whole.pieces.last().unwrap().body_end {
        let script = Script { cut: Some(cut), reset: Some(cut + 1), close: true, ..Script::default() };
        let ask = Ask { endpoint: Endpoint::Chat, model: "script:close", stream: true, include_usage: true, body: b"" };
        let answer = scripted(&script, &ask);
        assert_eq!((answer.ending, answer.pieces.last().unwrap().body_end), (Ending::Cut, cut));
        assert!(!answer.wire.ends_with(b"0\r\n\r\n"));
    }
}

#[test]
fn pieces_cover_the_wire_and_never_go_back() {
    for name in [
        "script:",
        "script:split=1",
        "script:wire_split=3",
        "script:interim=103,delay_ms=5,gap_us=7,choices=2",
        "script:stall=head",
    ] {
        let answer = answer(name, true);
        assert_eq!(answer.pieces.last().unwrap().end, answer.wire.len(), "{name}");
        assert!(
            answer.pieces.is_sorted_by(|a, b| a.end < b.end && a.body_end <= b.body_end && a.at_us <= b.at_us),
            "{name}"
        );
    }
}
