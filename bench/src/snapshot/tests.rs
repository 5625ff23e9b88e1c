use super::{Whole, hex, key_row, key_text};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_bytes::ByteBuf;

/// The contract's outer array, read back by a real decoder.
#[derive(Deserialize)]
struct Outer(
    u8,
    u64,
    u64,
    Option<Vec<Vec<Field>>>,
    Option<Vec<Vec<Field>>>,
    Option<Vec<Vec<Field>>>,
    Vec<Vec<Field>>,
    Vec<KeyFields>,
    Vec<IgnoredAny>,
);

#[derive(Deserialize)]
struct KeyFields {
    digest: ByteBuf,
    id: ByteBuf,
    account: ByteBuf,
    flags: u8,
    _expires_s: u64,
    rpm: u32,
    _tpm: u32,
    _concurrency: u32,
    _endpoints: u32,
    group: Option<String>,
    models: Option<Vec<String>>,
    networks: Option<Vec<String>>,
}

/// Only their number counts.
type Field = IgnoredAny;

fn written(base: u64) -> Vec<u8> {
    let models = ["json-1k".to_owned(), "sse-64-0-250".to_owned()];
    let whole = Whole {
        generation: 7,
        base,
        upstream: "http://127.0.0.1:1/v1".into(),
        models: &models,
        accounts: 2,
        key_rpm: 60,
    };
    let keys = (0..20).map(|number| key_row(number, 10, &key_text(number), &[7; 32]).unwrap()).collect();
    let mut out = Vec::new();
    whole.write(&mut out, keys).unwrap();
    out
}

#[test]
fn a_whole_snapshot_has_the_contract_s_rows() {
    let outer: Outer = rmp_serde::from_slice(&written(0)).unwrap();
    assert_eq!((outer.0, outer.1, outer.2), (1, 7, 0));
    let widths = |rows: &[Vec<Field>]| rows.iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(widths(&outer.3.unwrap()), [6]);
    assert_eq!(widths(&outer.4.unwrap()), [15, 15]);
    assert_eq!(widths(&outer.5.unwrap()), [7]);
    assert_eq!(widths(&outer.6), [7, 7]);
    assert_eq!((outer.7.len(), outer.8.len()), (20, 0));
    assert_eq!(outer.7[10].account, outer.7[19].account, "ten keys share an account");
    assert_ne!(outer.7[9].account, outer.7[10].account);
    let key = &outer.7[0];
    assert_eq!((key.digest.len(), key.id.len(), key.flags, key.rpm), (32, 16, 1, 60));
    assert!(key.group.is_none() && key.models.is_none() && key.networks.is_none());
}

#[test]
fn a_delta_leaves_the_tables_as_they_are() {
    let outer: Outer = rmp_serde::from_slice(&written(6)).unwrap();
    assert_eq!((outer.1, outer.2, outer.3.is_none(), outer.7.len()), (7, 6, true, 20));
}

#[test]
fn a_digest_is_the_hmac_of_the_key_under_the_pepper() {
    // RFC 4231, test case 1, with the key padded as HMAC pads it.
    let mut pepper = [0; 32];
    pepper[..20].fill(0x0b);
    let row = key_row(0, 1, "Hi There", &pepper).unwrap();
    assert_eq!(row.digest[..8], [0xb0, 0x34, 0x4c, 0x61, 0xd8, 0xdb, 0x38, 0x53]);
}

#[test]
fn keys_differ_and_stay_the_same() {
    assert_eq!(key_text(1), key_text(1));
    assert_ne!(key_text(1), key_text(2));
    assert_eq!(key_text(1).len(), 55);
    assert!(hex("00").is_err());
    assert_eq!(hex(&"0f".repeat(32)), Ok([0x0f; 32]));
}
