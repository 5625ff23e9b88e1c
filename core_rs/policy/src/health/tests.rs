#![expect(clippy::disallowed_methods, reason = "threads are the adversary here")]

use super::{HealthState, ModelLive, WINDOW_S};

/// Any origin of the clock; not on a slot's edge.
const NOW_S: u32 = 100_003;

#[test]
fn states_follow_the_rules() {
    use HealthState::{Degraded, Down, Unknown, Up};
    for (successes, failures, state) in [
        (0, 0, Unknown),
        (1, 0, Up),
        (100, 5, Up),
        (94, 6, Degraded),
        (0, 4, Degraded), // too few to call it down
        (0, 5, Down),
        (2, 3, Down),
        (3, 3, Degraded), // half is not fewer than half
    ] {
        let live = ModelLive::new(2);
        (0..successes).for_each(|_| live.record(NOW_S, true, None));
        (0..failures).for_each(|_| live.record(NOW_S, false, None));
        let view = live.view(NOW_S);
        assert_eq!(view.state, state, "{successes} good, {failures} bad");
        assert_eq!(view.requests, successes + failures);
        assert_eq!(view.success_rate.is_none(), successes + failures == 0);
    }
}

#[test]
fn the_median_is_that_of_the_samples() {
    let live = ModelLive::new(1);
    assert_eq!(live.view(NOW_S).ttft_ms_p50, None);
    for ttft_ms in [900, 312, 5] {
        live.record(NOW_S, true, Some(ttft_ms));
    }
    live.record(NOW_S, true, None);
    assert_eq!(live.view(NOW_S).ttft_ms_p50, Some(312));
}

#[test]
fn what_is_older_than_the_window_is_forgotten() {
    let live = ModelLive::new(1);
    live.record(NOW_S, false, Some(70));
    assert_eq!(live.view(NOW_S + WINDOW_S - 20).requests, 1);
    let later = live.view(NOW_S + WINDOW_S);
    assert_eq!((later.requests, later.ttft_ms_p50, later.state), (0, None, HealthState::Unknown));
    // The slot is used again, and begins at zero.
    live.record(NOW_S + WINDOW_S, true, None);
    assert_eq!(live.view(NOW_S + WINDOW_S).success_rate, Some(1.0));
}

#[test]
fn a_clock_that_begins_at_zero_is_a_clock() {
    let live = ModelLive::new(1);
    live.record(0, true, Some(0));
    let view = live.view(0);
    assert_eq!((view.requests, view.ttft_ms_p50), (1, Some(0)));
}

#[test]
fn threads_are_all_counted() {
    let live = ModelLive::new(4);
    live.record(NOW_S, true, None); // the slot's turn is over before the threads meet
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..10_000).for_each(|_| live.record(NOW_S, true, None)));
        }
    });
    assert!(live.view(NOW_S).requests >= 40_001 - 4, "only a slot's turn-over may lose a count");
}
