//! Drives `tollway_wire::fuzzing::multipart`; what must hold is said there.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tollway_wire::fuzzing::multipart(bytes));
