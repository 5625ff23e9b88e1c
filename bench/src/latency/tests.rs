use super::Latencies;
use std::time::Duration;

#[test]
fn shares_are_nearest_ranks() {
    let mut latencies = Latencies::default();
    for us in (1..=1000).rev() {
        latencies.add(Duration::from_micros(us));
    }
    assert_eq!(latencies.at([0.0, 0.5, 0.99, 0.999, 1.0]), [1, 500, 990, 999, 1000]);
    assert_eq!(Latencies::default().at([0.5]), [0]);
}
