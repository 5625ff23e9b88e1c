//! What a key costs in memory, and durations to look at: `cargo test -p tollway-policy --release speed -- --ignored --nocapture`.

#![expect(clippy::disallowed_methods, reason = "it measures a duration")]

use crate::snapshot::{Live, Snapshot};
use crate::testing::{AccountSpec, KeySpec, SnapshotBuilder, digest};
use std::time::{Duration, Instant};

/// Keys of each account.
const KEYS_PER_ACCOUNT: u64 = 10;

fn encoded(keys: u64, rpm: u32) -> Vec<u8> {
    let accounts = (0..keys / KEYS_PER_ACCOUNT).map(AccountSpec::new).collect();
    let keys = (0..keys).map(|key| KeySpec { rpm, ..KeySpec::new(key, key / KEYS_PER_ACCOUNT) }).collect();
    SnapshotBuilder { accounts, keys, ..SnapshotBuilder::whole(1) }.encode()
}

/// Bytes of keys, and of limit states, for each key.
fn bytes_per_key(snapshot: &Snapshot, live: &Live) -> (usize, usize) {
    let keys: usize = snapshot.keys.iter().map(|shard| shard.bytes()).sum();
    (keys.div_ceil(snapshot.key_count), live.keys.bytes().div_ceil(snapshot.key_count))
}

#[test]
fn a_key_costs_110_bytes_at_most() {
    let mut live = Live::new(1);
    let (snapshot, _) = Snapshot::apply(&encoded(100_000, 0), &Snapshot::empty(), &mut live).expect("a good snapshot");
    let (keys, limits) = bytes_per_key(&snapshot, &live);
    assert!((72..=110).contains(&keys), "{keys} bytes");
    assert_eq!(limits, 0, "a key without a limit has no line");
}

/// Time that this thread was on a processor: on a busy machine the figure to go by. `None` where there is no procfs.
fn on_cpu() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(Duration::from_nanos(text.split(' ').next()?.parse().ok()?))
}

/// Applies one whole snapshot and one delta; prints how long they took and what a key costs.
fn measure(keys: u64, rpm: u32) {
    let bytes = encoded(keys, rpm);
    let mut live = Live::new(2);
    let (started, cpu_before) = (Instant::now(), on_cpu());
    let (snapshot, applied) = Snapshot::apply(&bytes, &Snapshot::empty(), &mut live).expect("a good snapshot");
    let (elapsed, cpu) = (started.elapsed(), on_cpu().zip(cpu_before).map(|(after, before)| after - before));
    let (key_bytes, limit_bytes) = bytes_per_key(&snapshot, &live);
    println!(
        "whole: {} keys at {rpm} rpm, {} accounts, {} MB: {elapsed:?}, on the processor {cpu:?}; {key_bytes} B per key and {limit_bytes} B for its limit",
        applied.keys,
        applied.accounts,
        bytes.len() / 1_000_000,
    );
    let delta = SnapshotBuilder::delta(2, 1).key(KeySpec::new(keys, 1)).gone(digest(5)).encode();
    let started = Instant::now();
    let (_, applied) = Snapshot::apply(&delta, &snapshot, &mut live).expect("a good delta");
    println!("delta: {} put, {} gone: {:?}", applied.keys_put, applied.keys_gone, started.elapsed());
}

#[test]
#[ignore = "prints durations; proves nothing"]
fn applying_many_keys() {
    for (keys, rpm) in [(100_000, 0), (100_000, 60), (1_000_000, 0), (1_000_000, 60)] {
        measure(keys, rpm);
    }
}
