//! The formula against figures worked out by hand, and the law that a bound is never below a charge.

use super::{Ask, Counts, MULTIPLIER_ONE_MICRO, Price, TokenKind, Usd, bound_nano, charge_nano};
use crate::ids::Id;
use proptest::prelude::*;

fn price() -> Price {
    // 0.15 USD per million input, 0.075 cached, 0.60 output
    let mut token_pico = [150_000; 10];
    token_pico[TokenKind::CacheRead.index()] = 75_000;
    for kind in TokenKind::ALL.iter().filter(|kind| kind.is_output()) {
        token_pico[kind.index()] = 600_000;
    }
    Price { id: Id::NIL, token_pico, request_nano: 0, image_nano: 0, second_nano: 0, character_pico: 0 }
}

fn tokens(input: u64, cached: u64, output: u64) -> Counts {
    let mut counts = Counts { requests: 1, ..Counts::default() };
    counts.tokens[TokenKind::Input.index()] = input;
    counts.tokens[TokenKind::CacheRead.index()] = cached;
    counts.tokens[TokenKind::Output.index()] = output;
    counts
}

#[test]
fn charges_are_those_worked_out_by_hand() {
    for (price, counts, multiplier_micro, nano) in [
        (price(), tokens(1_000, 0, 500), MULTIPLIER_ONE_MICRO, 450_000),
        (price(), tokens(100, 900, 0), MULTIPLIER_ONE_MICRO, 82_500),
        (price(), tokens(1, 0, 0), MULTIPLIER_ONE_MICRO, 150),
        (price(), tokens(1, 0, 0), 1, 1),           // 0.00015 nano: rounded up, once
        (price(), tokens(1, 0, 0), 1_006_667, 152), // 151.00005
        (price(), tokens(7, 0, 0), 0, 0),
        (price(), tokens(0, 0, 0), MULTIPLIER_ONE_MICRO, 0),
    ] {
        assert_eq!(charge_nano(&price, &counts, multiplier_micro), nano, "{counts:?} × {multiplier_micro}");
    }
}

#[test]
fn units_are_added_exactly_and_rounded_once() {
    let price = Price {
        token_pico: [0; 10],
        request_nano: 1_000,
        image_nano: 40_000_000,
        second_nano: 100_000,
        character_pico: 15_001,
        ..price()
    };
    let counts = Counts { requests: 1, images: 2, milliseconds: 1_500, characters: 3, ..Counts::default() };
    // 1,000 + 80,000,000 + 150,000 nano, and 3 × 15.001 = 45.003 nano
    assert_eq!(charge_nano(&price, &counts, MULTIPLIER_ONE_MICRO), 80_151_046);
    assert_eq!(charge_nano(&price, &counts, 2 * MULTIPLIER_ONE_MICRO), 160_302_091);
}

#[test]
fn absurd_numbers_saturate() {
    let price = Price {
        token_pico: [u64::MAX; 10],
        request_nano: u64::MAX,
        image_nano: u64::MAX,
        second_nano: u64::MAX,
        character_pico: u64::MAX,
        id: Id::NIL,
    };
    let counts = Counts {
        tokens: [u64::MAX; 10],
        requests: u64::MAX,
        images: u64::MAX,
        milliseconds: u64::MAX,
        characters: u64::MAX,
    };
    assert_eq!(charge_nano(&price, &counts, u64::MAX), i64::MAX);
    assert_eq!(counts.input_tokens(), u64::MAX);
    let ask = Ask {
        input_tokens_max: u64::MAX,
        output_tokens_max: u64::MAX,
        images: u64::MAX,
        milliseconds_max: u64::MAX,
        characters: u64::MAX,
        requests: u64::MAX,
    };
    assert_eq!(bound_nano(&price, &ask, u64::MAX), i64::MAX);
}

#[test]
fn an_amount_shows_two_to_nine_places() {
    for (nano, text) in [
        (0, "0.00"),
        (1, "0.000000001"),
        (12_500_000_000, "12.50"),
        (1_234_567_890, "1.23456789"),
        (-70_000_000, "-0.07"),
        (i64::MAX, "9223372036.854775807"),
        (i64::MIN, "-9223372036.854775808"),
    ] {
        assert_eq!(Usd(nano).to_string(), text);
    }
}

fn prices() -> impl Strategy<Value = Price> {
    let pico = prop_oneof![Just(0), 0u64..100_000_000, any::<u64>()];
    let nano = || prop_oneof![Just(0), 0u64..10_000_000_000];
    (prop::array::uniform10(pico), nano(), nano(), nano(), nano()).prop_map(
        |(token_pico, request_nano, image_nano, second_nano, character_pico)| Price {
            id: Id::NIL,
            token_pico,
            request_nano,
            image_nano,
            second_nano,
            character_pico,
        },
    )
}

fn usages() -> impl Strategy<Value = Counts> {
    let count = || prop_oneof![Just(0u64), 0u64..200_000, 0u64..u64::MAX / 16];
    (prop::array::uniform10(count()), 0u64..2, count(), count(), count()).prop_map(
        |(tokens, requests, images, milliseconds, characters)| Counts {
            tokens,
            requests,
            images,
            milliseconds,
            characters,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// However the tokens fall on the kinds, and whatever is not used at all: the bound covers it.
    #[test]
    fn a_bound_is_never_below_a_charge_inside_it(price in prices(), used in usages(), spare in 0u64..1_000, multiplier in 0u64..5_000_000) {
        let ask = Ask {
            input_tokens_max: used.input_tokens().saturating_add(spare),
            output_tokens_max: used.output_tokens().saturating_add(spare),
            images: used.images,
            milliseconds_max: used.milliseconds.saturating_add(spare),
            characters: used.characters,
            requests: 1,
        };
        prop_assert!(bound_nano(&price, &ask, multiplier) >= charge_nano(&price, &used, multiplier));
    }

    /// Nothing is lost to rounding: the charge is the least whole nano that covers the exact sum.
    #[test]
    fn a_charge_covers_the_exact_sum_by_less_than_one_nano(pico in 0u64..1_000_000_000, n in 0u64..1_000_000, multiplier in 0u64..5_000_000) {
        let price = Price { token_pico: [pico; 10], ..price() };
        let exact = u128::from(pico) * u128::from(n) * u128::from(multiplier);
        let charged = charge_nano(&price, &tokens(n, 0, 0), multiplier) as u128 * 1_000_000_000;
        prop_assert!(charged >= exact && charged - exact < 1_000_000_000);
    }
}
