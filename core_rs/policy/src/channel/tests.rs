use super::{AttemptFailure, RETRIES_MAX, RetryBudget, client_answer, may_retry, pick};
use crate::refusal::Code;
use crate::snapshot::{Live, Model, Snapshot};
use crate::testing::{ModelSpec, RouteSpec, SnapshotBuilder, UpstreamSpec};
use proptest::prelude::*;
use std::sync::Arc;

const SECOND_NS: u64 = 1_000_000_000;

/// A model with one route per (upstream, priority, weight). Upstreams: `a`, `b`, `c` are good, `off` is disabled, `gemini` speaks another dialect.
fn model(routes: &[(&str, u16, u16)]) -> Arc<Model> {
    let mut spec = ModelSpec::chat("m", &[]);
    spec.routes = routes
        .iter()
        .map(|(upstream, priority, weight)| RouteSpec {
            priority: *priority,
            weight: *weight,
            ..RouteSpec::new(upstream, "m")
        })
        .collect();
    let mut builder = SnapshotBuilder::whole(1).model(spec);
    for name in ["a", "b", "c", "off", "gemini"] {
        let upstream = UpstreamSpec::new(name, "http://h/v1");
        builder = builder.upstream(match name {
            "off" => UpstreamSpec { enabled: false, ..upstream },
            "gemini" => UpstreamSpec { provider: 2, ..upstream },
            "c" => UpstreamSpec { credentials: Vec::new(), ..upstream },
            _ => upstream,
        });
    }
    let (snapshot, _) =
        Snapshot::apply(&builder.encode(), &Snapshot::empty(), &mut Live::new(1)).expect("a good snapshot");
    Arc::clone(snapshot.model(b"m").expect("the model"))
}

fn picked<'m>(model: &'m Model, tried: &[u16], random: u64) -> Option<(u16, &'m str)> {
    pick(model, tried, random).map(|(index, channel)| (index, &*channel.upstream.name))
}

#[test]
fn the_lowest_tier_with_a_channel_left_is_used() {
    let model = model(&[("c", 5, 1), ("off", 0, 9), ("gemini", 0, 9), ("a", 1, 1), ("b", 3, 1)]);
    // sorted: off, gemini, a, b, c
    assert_eq!(picked(&model, &[], 7), Some((2, "a")));
    assert_eq!(picked(&model, &[2], 7), Some((3, "b")));
    assert_eq!(picked(&model, &[2, 3], 7), Some((4, "c")), "no credential is as good as one");
    assert_eq!(picked(&model, &[2, 3, 4], 7), None);
}

#[test]
fn a_tier_is_shared_by_weight() {
    let model = model(&[("a", 0, 1), ("b", 0, 3), ("c", 0, 0)]);
    let mut counts = [0u32; 3];
    for step in 0..4_000u64 {
        let (index, _) = pick(&model, &[], step * (u64::MAX / 4_000)).expect("a channel");
        counts[usize::from(index)] += 1;
    }
    assert_eq!(counts[2], 0, "a stand-by gets nothing while another is left");
    assert!(counts[0].abs_diff(1_000) <= 1 && counts[1].abs_diff(3_000) <= 1, "{counts:?}");
    assert_eq!(picked(&model, &[0, 1], u64::MAX), Some((2, "c")));
}

proptest! {
    /// Whatever was tried and drawn: never a tried channel, never an unusable one, and none only when none is left.
    #[test]
    fn a_pick_is_usable(tried in prop::collection::vec(0u16..6, 0..6), random in any::<u64>(), weights in prop::array::uniform5(0u16..3)) {
        let [w0, w1, w2, w3, w4] = weights;
        let model = model(&[("a", 0, w0), ("off", 0, w1), ("b", 0, w2), ("gemini", 1, w3), ("c", 1, w4)]);
        let usable: Vec<u16> = [0u16, 2, 4].into_iter().filter(|index| !tried.contains(index)).collect();
        match pick(&model, &tried, random) {
            Some((index, _)) => prop_assert!(usable.contains(&index)),
            None => prop_assert!(usable.is_empty()),
        }
    }
}

#[test]
fn failures_that_may_be_retried() {
    use AttemptFailure::{BadAnswer, Connect, FirstByteTimeout, Reset, Status};
    for (failure, retry, code) in [
        (Connect, true, Code::UpstreamError),
        (Reset, true, Code::UpstreamError),
        (BadAnswer, true, Code::UpstreamError),
        (FirstByteTimeout, true, Code::UpstreamTimeout),
        (Status(408), true, Code::UpstreamError),
        (Status(429), true, Code::UpstreamRateLimited),
        (Status(500), true, Code::UpstreamError),
        (Status(502), true, Code::UpstreamError),
        (Status(503), true, Code::UpstreamError),
        (Status(504), true, Code::UpstreamError),
        (Status(529), true, Code::UpstreamError),
        (Status(400), false, Code::InvalidRequest),
        (Status(409), false, Code::InvalidRequest),
        (Status(422), false, Code::InvalidRequest),
        (Status(401), false, Code::UpstreamError),
        (Status(402), false, Code::UpstreamError),
        (Status(403), false, Code::UpstreamError),
        (Status(404), false, Code::UpstreamError),
        (Status(501), false, Code::UpstreamError),
        (Status(302), false, Code::UpstreamError),
    ] {
        assert_eq!(may_retry(failure, 1, &RetryBudget::default(), 0), retry, "{failure:?}");
        assert_eq!(client_answer(failure).code, code, "{failure:?}");
        assert_eq!(failure.is_about_the_request(), code == Code::InvalidRequest);
    }
}

#[test]
fn two_retries_and_no_more() {
    let budget = RetryBudget::default();
    assert!((1..=RETRIES_MAX).all(|made| may_retry(AttemptFailure::Connect, made, &budget, 0)));
    assert!(!may_retry(AttemptFailure::Connect, RETRIES_MAX + 1, &budget, 0));
}

fn retries_granted(budget: &RetryBudget, now_ns: u64) -> usize {
    (0..100_000).take_while(|_| may_retry(AttemptFailure::Reset, 1, budget, now_ns)).count()
}

#[test]
fn the_budget_is_a_tenth_of_the_window_and_three_a_second() {
    let budget = RetryBudget::default();
    let now_ns = 77 * SECOND_NS;
    (0..1_000).for_each(|_| budget.request(now_ns));
    assert_eq!(retries_granted(&budget, now_ns), 130);
    assert_eq!(retries_granted(&budget, now_ns + 9 * SECOND_NS), 0, "the window still knows");
    assert_eq!(retries_granted(&budget, now_ns + 10 * SECOND_NS), 30, "requests and retries are both forgotten");
}

proptest! {
    /// From 100 requests a second on there are at most 1.2 attempts per request, in every window, though all of them fail.
    #[test]
    fn an_outage_is_not_multiplied(rates in prop::collection::vec(100u64..400, 10..25)) {
        let budget = RetryBudget::default();
        let mut per_second = Vec::new();
        for (second, rate) in (0u64..).zip(&rates) {
            let now_ns = second * SECOND_NS;
            let mut retries = 0;
            for _ in 0..*rate {
                budget.request(now_ns);
                retries += (1..=2).filter(|made| may_retry(AttemptFailure::Status(503), *made, &budget, now_ns)).count() as u64;
            }
            per_second.push((*rate, retries));
        }
        for window in per_second.windows(10) {
            let (requests, retries) = window.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
            prop_assert!(retries * 10 <= requests * 2, "{retries} retries for {requests} requests");
        }
    }
}
