use super::{Outcome, counts};
use crate::money::{Counts, TokenKind};
use proptest::prelude::*;

fn usage(input: u64, output: u64) -> Counts {
    let mut usage = Counts::default();
    usage.tokens[TokenKind::Input.index()] = input;
    usage.tokens[TokenKind::Output.index()] = output;
    usage
}

fn outcome(usage: Option<Counts>, output_bytes: u64) -> Outcome {
    Outcome {
        usage,
        delivered_any: true,
        delivered_output_bytes: output_bytes,
        input_text_bytes: 41,
        ..Outcome::default()
    }
}

#[test]
fn what_is_charged_when() {
    // case, outcome, input tokens, output tokens, requests, estimated
    for (case, outcome, input, output, requests, estimated) in [
        ("nothing delivered", Outcome { delivered_any: false, ..outcome(Some(usage(10, 20)), 0) }, 0, 0, 0, false),
        ("usage reported", outcome(Some(usage(10, 20)), 80), 10, 20, 1, false),
        ("none reported", outcome(None, 81), 11, 21, 1, true),
        ("0 output reported, output delivered", outcome(Some(usage(10, 0)), 9), 11, 3, 1, true),
        ("no output in kind: embeddings", outcome(Some(usage(10, 0)), 0), 10, 0, 1, false),
        ("all zero reported", outcome(Some(usage(0, 0)), 0), 11, 0, 1, true),
        ("input of 0, all from nowhere", outcome(Some(usage(0, 5)), 9), 0, 5, 1, false),
    ] {
        let (counts, is_estimate) = counts(&outcome, 4_000);
        assert_eq!(
            (counts.input_tokens(), counts.output_tokens(), counts.requests, is_estimate),
            (input, output, requests, estimated),
            "{case}"
        );
    }
}

#[test]
fn units_are_counted_beside_tokens() {
    let outcome = Outcome { delivered_any: true, images: 2, milliseconds: 1_500, characters: 7, ..Outcome::default() };
    let expected = Counts { requests: 1, images: 2, milliseconds: 1_500, characters: 7, ..Counts::default() };
    assert_eq!(counts(&outcome, 4_000), (expected, false));
}

#[test]
fn a_model_that_states_no_ratio_has_the_default() {
    assert_eq!(counts(&outcome(None, 8), 0), counts(&outcome(None, 8), 4_000));
    assert_eq!(counts(&outcome(None, 8), 3_300).0.output_tokens(), 3);
}

proptest! {
    /// Output that was delivered is never free: at least one output token, whatever was reported.
    #[test]
    fn delivered_output_counts(reported in prop::option::of((0u64..9, 0u64..9)), bytes in 1u64..10_000, ratio in 0u32..20_000) {
        let outcome = outcome(reported.map(|(input, output)| usage(input, output)), bytes);
        let (counts, _) = counts(&outcome, ratio);
        prop_assert!(counts.output_tokens() > 0);
    }
}
