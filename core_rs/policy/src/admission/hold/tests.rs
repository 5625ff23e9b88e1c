//! Holds: what is set aside, what a short wallet leads to, and that every way out ends in the same sums.

use super::{Demand, Hold, HoldError, OUTPUT_TOKENS_DEFAULT, OUTPUT_TOKENS_MIN, hold};
use crate::admission::{Endpoint, authenticate};
use crate::money::{Counts, TokenKind};
use crate::refusal::Code;
use crate::snapshot::{Live, Snapshot};
use crate::testing::{AccountSpec, KeySpec, ModelSpec, PriceSpec, SnapshotBuilder, UpstreamSpec, digest};
use proptest::prelude::*;

/// 100 nano per token, in and out.
const TOKEN_NANO: i64 = 100;

fn world() -> Snapshot {
    let model =
        |name: &str| ModelSpec { price: Some(PriceSpec::tokens(100_000, 100_000)), ..ModelSpec::chat(name, &["up"]) };
    let builder = SnapshotBuilder::whole(1)
        .upstream(UpstreamSpec::new("up", "http://h"))
        .model(model("m"))
        .model(ModelSpec { max_output: 1_000, ..model("capped") })
        .model(ModelSpec { free: true, ..model("free") })
        .model(ModelSpec { kind: 2, ..model("embed") })
        .account(AccountSpec::new(1))
        .key(KeySpec::new(1, 1));
    Snapshot::apply(&builder.encode(), &Snapshot::empty(), &mut Live::new(1)).expect("a good snapshot").0
}

fn demand(max_output: Option<u64>) -> Demand {
    // 36 bytes and the overhead of 64 are 100 tokens
    Demand {
        endpoint: Endpoint::Chat,
        body_bytes: 36,
        max_output,
        choices: 0,
        images: 0,
        characters: 0,
        milliseconds_max: 0,
    }
}

fn try_hold(snapshot: &Snapshot, model: &str, demand: Demand, finally: bool) -> Result<Hold, HoldError> {
    let caller = authenticate(snapshot, &digest(1), 0).expect("a good key");
    hold(&caller, snapshot.model(model.as_bytes()).expect("the model"), &demand, finally)
}

fn grant(snapshot: &Snapshot, nano: i64) {
    authenticate(snapshot, &digest(1), 0).expect("a good key").account_live().grant(nano);
}

fn free(snapshot: &Snapshot) -> i64 {
    authenticate(snapshot, &digest(1), 0).expect("a good key").account_live().free()
}

fn used(input: u64, output: u64) -> Counts {
    let mut counts = Counts { requests: 1, ..Counts::default() };
    counts.tokens[TokenKind::Input.index()] = input;
    counts.tokens[TokenKind::Output.index()] = output;
    counts
}

#[test]
fn a_hold_is_the_bound() {
    let default_cap = OUTPUT_TOKENS_DEFAULT as i64;
    for (model, demand, tokens) in [
        ("m", demand(Some(50)), 150),
        ("m", demand(None), 100 + default_cap),
        ("m", Demand { choices: 3, ..demand(Some(50)) }, 250),
        ("capped", demand(None), 1_100),
        ("capped", demand(Some(2_000)), 2_100),
        ("embed", Demand { endpoint: Endpoint::Embeddings, ..demand(None) }, 100),
        ("free", demand(None), 0),
    ] {
        let snapshot = world();
        grant(&snapshot, 10_000_000);
        let hold = try_hold(&snapshot, model, demand, false).expect("enough is there");
        assert_eq!((hold.amount_nano, hold.output_cap), (tokens * TOKEN_NANO, None), "{model} {demand:?}");
        assert_eq!(free(&snapshot), 10_000_000 - tokens * TOKEN_NANO);
    }
}

#[test]
fn a_free_model_needs_no_money() {
    let snapshot = world();
    let hold = try_hold(&snapshot, "free", demand(None), false).expect("it is free");
    let settled = hold.settle(&used(1_000, 1_000));
    assert_eq!((settled.charge_nano, settled.excess_nano), (0, 0));
}

#[test]
fn a_short_lease_is_asked_to_grow_first() {
    let snapshot = world();
    grant(&snapshot, 14_999);
    let answer = try_hold(&snapshot, "m", demand(Some(50)), false).expect_err("a nano too little");
    assert_eq!(answer, HoldError::NeedsLease { needed_nano: 15_000, free_nano: 14_999 });
    let HoldError::Refused(refusal) = try_hold(&snapshot, "m", demand(Some(50)), true).expect_err("still too little")
    else {
        panic!("there is no more to ask for")
    };
    assert_eq!(refusal.code, Code::InsufficientBalance);
    assert!(
        refusal.message.contains("0.000015 USD") && refusal.message.contains("0.000014999 USD"),
        "{}",
        refusal.message
    );
    assert_eq!(free(&snapshot), 14_999, "a refusal takes nothing");
    grant(&snapshot, 1);
    assert!(try_hold(&snapshot, "m", demand(Some(50)), true).is_ok());
}

#[test]
fn a_missing_cap_shrinks_to_what_can_be_paid() {
    let least = 100 + OUTPUT_TOKENS_MIN as i64;
    for (model, free_tokens, cap) in
        [("m", 100 + 777, Some(777)), ("m", least, Some(16)), ("m", least - 1, None), ("capped", 100 + 777, Some(777))]
    {
        let snapshot = world();
        grant(&snapshot, free_tokens * TOKEN_NANO + 99);
        assert!(matches!(try_hold(&snapshot, model, demand(None), false), Err(HoldError::NeedsLease { .. })));
        let shrunk = try_hold(&snapshot, model, demand(None), true);
        assert_eq!(shrunk.as_ref().ok().and_then(|hold| hold.output_cap), cap, "{model} with {free_tokens}");
        assert_eq!(shrunk.is_ok(), cap.is_some());
    }
    // There is no cap to shrink where no text is written.
    let snapshot = world();
    grant(&snapshot, 50 * TOKEN_NANO);
    let embeddings = Demand { endpoint: Endpoint::Embeddings, ..demand(None) };
    assert!(matches!(try_hold(&snapshot, "embed", embeddings, true), Err(HoldError::Refused(_))));
}

#[test]
fn every_end_of_a_hold_leaves_the_right_sum() {
    let snapshot = world();
    grant(&snapshot, 1_000_000);
    let make = || try_hold(&snapshot, "m", demand(Some(50)), false).expect("enough is there");
    drop(make());
    make().void();
    assert_eq!(free(&snapshot), 1_000_000);
    let settled = make().settle(&used(10, 20));
    assert_eq!((settled.charge_nano, settled.excess_nano), (3_000, 0));
    assert_eq!(free(&snapshot), 997_000);
    // What goes beyond the hold is not the customer's.
    let settled = make().settle(&used(100, 1_000));
    assert_eq!((settled.charge_nano, settled.excess_nano), (15_000, 95_000));
    assert_eq!(free(&snapshot), 982_000);
}

#[test]
fn a_panic_voids_the_hold() {
    let snapshot = world();
    grant(&snapshot, 1_000_000);
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _hold = try_hold(&snapshot, "m", demand(Some(50)), false).expect("enough is there");
        panic!("in the middle of a request");
    }));
    assert!(caught.is_err());
    assert_eq!(free(&snapshot), 1_000_000);
}

#[test]
fn a_hold_keeps_the_price_it_was_made_with() {
    let (mut live, empty) = (Live::new(1), Snapshot::empty());
    let builder = |generation, pico| {
        SnapshotBuilder::whole(generation)
            .upstream(UpstreamSpec::new("up", "http://h"))
            .model(ModelSpec { price: Some(PriceSpec::tokens(pico, pico)), ..ModelSpec::chat("m", &["up"]) })
            .account(AccountSpec::new(1))
            .key(KeySpec::new(1, 1))
            .encode()
    };
    let (first, _) = Snapshot::apply(&builder(1, 100_000), &empty, &mut live).expect("a good snapshot");
    grant(&first, 1_000_000);
    let hold = try_hold(&first, "m", demand(Some(50)), false).expect("enough is there");
    let (second, _) = Snapshot::apply(&builder(2, 900_000), &first, &mut live).expect("a good snapshot");
    drop(first);
    assert_eq!(hold.settle(&used(10, 0)).charge_nano, 1_000);
    assert_eq!(free(&second), 999_000, "the balance outlived the snapshot");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever the wallet has: a hold is never more than it, the cap is the largest that fits, and what is inside the cap is covered.
    #[test]
    fn a_shrunk_hold_fits_and_covers(granted in 0i64..3_000_000, body_bytes in 0u64..10_000, choices in 0u64..4) {
        let snapshot = world();
        grant(&snapshot, granted);
        let demand = Demand { body_bytes, choices, ..demand(None) };
        match try_hold(&snapshot, "m", demand, true) {
            Ok(hold) => {
                let cap = hold.output_cap.unwrap_or(OUTPUT_TOKENS_DEFAULT);
                let answers = choices.max(1);
                let covered = |cap: u64| (body_bytes + 64 + cap * answers) as i64 * TOKEN_NANO;
                prop_assert!(hold.amount_nano <= granted);
                prop_assert!(cap == OUTPUT_TOKENS_DEFAULT || covered(cap + 1) > granted, "a larger cap would have fitted");
                prop_assert_eq!(hold.settle(&used(body_bytes + 64, cap * answers)).excess_nano, 0);
                prop_assert_eq!(free(&snapshot), granted - covered(cap));
            }
            Err(_) => {
                prop_assert!((body_bytes + 64 + OUTPUT_TOKENS_MIN * choices.max(1)) as i64 * TOKEN_NANO > granted);
                prop_assert_eq!(free(&snapshot), granted);
            }
        }
    }
}
