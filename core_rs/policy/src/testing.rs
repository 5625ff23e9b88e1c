//! Builds snapshots for tests, in the contract's msgpack.
