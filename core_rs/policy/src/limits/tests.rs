//! The law of the bucket, then arrivals that try to break it. With `Mutant::RefillOnSwap` the same law must fail.

#![expect(clippy::disallowed_methods, reason = "threads are the adversary here")]

use super::{LimitSpec, LimitState, NotNow};
use proptest::prelude::*;

#[derive(Clone, Copy, Debug)]
struct Arrival {
    at_ns: u64,
    cost: u64,
    /// A configuration is read again just before.
    swap: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Mutant {
    None,
    /// Re-reading the configuration makes a new, full bucket.
    RefillOnSwap,
}

fn arrivals() -> impl Strategy<Value = Vec<Arrival>> {
    let arrival = (0u64..3_000_000_000, 1u64..4, any::<bool>());
    prop::collection::vec(arrival, 1..200).prop_map(|steps| {
        let mut at_ns = 0;
        let step = |(gap_ns, cost, swap)| {
            at_ns += gap_ns;
            Arrival { at_ns, cost, swap }
        };
        steps.into_iter().map(step).collect()
    })
}

fn admitted(spec: LimitSpec, arrivals: &[Arrival], mutant: Mutant) -> Vec<Arrival> {
    let mut state = LimitState::full();
    let mut passed = Vec::new();
    for arrival in arrivals {
        if arrival.swap && mutant == Mutant::RefillOnSwap {
            state = LimitState::full();
        }
        if state.take(spec, arrival.cost, arrival.at_ns).is_ok() {
            passed.push(*arrival);
        }
    }
    passed
}

/// In no interval of any length does more pass than the bucket plus what flowed back meanwhile.
fn law_holds(spec: LimitSpec, passed: &[Arrival]) -> bool {
    passed.iter().enumerate().all(|(first, start)| {
        let mut units = 0;
        passed[first..].iter().all(|last| {
            units += last.cost;
            units <= spec.allowance(last.at_ns - start.at_ns)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn never_admits_more_than_burst_plus_flow(per_minute in 1u32..5_000, arrivals in arrivals()) {
        let spec = LimitSpec::per_minute(per_minute).expect("not 0");
        prop_assert!(law_holds(spec, &admitted(spec, &arrivals, Mutant::None)));
    }

    /// A refusal says when to come back: then it fits, and a nanosecond earlier it does not. It changes nothing itself.
    #[test]
    fn a_refusal_tells_the_truth(per_minute in 1u32..5_000, arrivals in arrivals()) {
        let spec = LimitSpec::per_minute(per_minute).expect("not 0");
        let state = LimitState::full();
        for arrival in &arrivals {
            let before = state.view(spec, arrival.at_ns);
            match state.take(spec, arrival.cost, arrival.at_ns) {
                Ok(()) => {}
                Err(NotNow::TooLarge) => prop_assert!(arrival.cost > spec.limit()),
                Err(NotNow::Wait { retry_after_ns }) => {
                    prop_assert_eq!(state.view(spec, arrival.at_ns), before);
                    let then_ns = arrival.at_ns + retry_after_ns;
                    prop_assert!(state.take(spec, arrival.cost, then_ns - 1).is_err());
                    prop_assert!(state.take(spec, arrival.cost, then_ns).is_ok());
                    state.refund(spec, arrival.cost);
                }
            }
        }
    }

    /// Taking and giving back at once leaves a busy bucket as it was.
    #[test]
    fn a_refund_undoes_a_take(per_minute in 1u32..5_000, used in 1u64..50, cost in 1u64..50) {
        let spec = LimitSpec::per_minute(per_minute).expect("not 0");
        let state = LimitState::full();
        let _ = state.take(spec, used, 1_000);
        let before = state.view(spec, 1_000);
        if state.take(spec, cost, 1_000).is_ok() {
            state.refund(spec, cost);
        }
        prop_assert_eq!(state.view(spec, 1_000), before);
    }

    /// However much is given back, never more than a full bucket is there.
    #[test]
    fn refunds_cannot_overfill(per_minute in 1u32..5_000, cost in 0u64..u64::MAX, now_ns in 0u64..u64::MAX / 2) {
        let spec = LimitSpec::per_minute(per_minute).expect("not 0");
        let state = LimitState::full();
        state.refund(spec, cost);
        prop_assert_eq!(state.view(spec, now_ns).remaining, u64::from(per_minute));
    }
}

#[test]
fn a_bucket_that_refills_on_swap_breaks_the_law() {
    let spec = LimitSpec::per_minute(2).expect("not 0");
    let arrivals: Vec<_> = (0..4).map(|n| Arrival { at_ns: n, cost: 1, swap: n == 2 }).collect();
    assert!(law_holds(spec, &admitted(spec, &arrivals, Mutant::None)));
    assert!(!law_holds(spec, &admitted(spec, &arrivals, Mutant::RefillOnSwap)));
}

#[test]
fn sixty_a_minute_is_sixty_at_once_then_one_a_second() {
    let spec = LimitSpec::per_minute(60).expect("not 0");
    let state = LimitState::full();
    let now_ns = 5_000_000_000;
    for left in (0..60).rev() {
        assert_eq!(state.take(spec, 1, now_ns), Ok(()));
        assert_eq!(state.view(spec, now_ns).remaining, left);
    }
    assert_eq!(state.take(spec, 1, now_ns), Err(NotNow::Wait { retry_after_ns: 1_000_000_000 }));
    assert_eq!(state.view(spec, now_ns).reset_ns, 60_000_000_000);
    assert_eq!(state.take(spec, 1, now_ns + 1_000_000_000), Ok(()));
    assert_eq!(state.take(spec, 61, now_ns), Err(NotNow::TooLarge));
}

#[test]
fn the_edges_of_the_numbers_do_not_overflow() {
    assert_eq!(LimitSpec::per_minute(0), None);
    for per_minute in [1, 7, u32::MAX] {
        let spec = LimitSpec::per_minute(per_minute).expect("not 0");
        assert_eq!(spec.limit(), u64::from(per_minute));
        let state = LimitState::full();
        assert_eq!(state.take(spec, 1, u64::MAX), Ok(()));
        let _ = state.take(spec, u64::MAX, u64::MAX);
        assert_eq!(state.take(spec, u64::MAX, 0), Err(NotNow::TooLarge));
    }
}

#[test]
fn threads_together_pass_no_more_than_the_bucket() {
    let spec = LimitSpec::per_minute(1_000).expect("not 0");
    let state = LimitState::full();
    let passed: u64 = std::thread::scope(|scope| {
        let take_many = || (0..1_000).filter(|_| state.take(spec, 1, 7).is_ok()).count() as u64;
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(take_many)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
    });
    assert_eq!(passed, 1_000);
}
