//! A figure to look at, not a gate: `cargo test -p tollway-policy --release speed -- --ignored --nocapture`.

#![expect(clippy::disallowed_methods, reason = "it measures a duration")]

use crate::snapshot::{Live, Snapshot};
use crate::testing::{AccountSpec, KeySpec, SnapshotBuilder};
use std::time::Instant;

#[test]
#[ignore = "prints a duration; proves nothing"]
fn applying_100k_keys() {
    const KEYS: u64 = 100_000;
    let mut builder = SnapshotBuilder::whole(1);
    for account in 0..KEYS / 10 {
        builder = builder.account(AccountSpec::new(account));
    }
    for key in 0..KEYS {
        builder = builder.key(KeySpec { rpm: 60, ..KeySpec::new(key, key / 10) });
    }
    let bytes = builder.encode();
    let mut live = Live::new(2);
    let started = Instant::now();
    let (snapshot, applied) = Snapshot::apply(&bytes, &Snapshot::empty(), &mut live).expect("a good snapshot");
    println!("whole: {} keys, {} bytes: {:?}", applied.keys, bytes.len(), started.elapsed());
    let delta = SnapshotBuilder::delta(2, 1).key(KeySpec::new(KEYS, 1)).gone(crate::testing::digest(5)).encode();
    let started = Instant::now();
    let (_, applied) = Snapshot::apply(&delta, &snapshot, &mut live).expect("a good delta");
    println!("delta: {} put, {} gone: {:?}", applied.keys_put, applied.keys_gone, started.elapsed());
}
