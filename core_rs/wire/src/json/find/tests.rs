use super::{BLOCK, NEAR_BLOCKS, end, special};

fn is_special(byte: u8) -> bool {
    byte == b'"' || byte == b'\\' || byte < 0x20
}

/// Byte by byte, what [`end`] finds.
fn slow_end(bytes: &[u8], from: usize) -> (usize, usize) {
    let (mut at, mut saved) = (from, 0);
    while let Some(byte) = bytes.get(at) {
        let simple = *byte == b'\\' && bytes.get(at + 1).is_some_and(|code| b"\"\\/bfnrt".contains(code));
        match simple {
            true => (at, saved) = (at + 2, saved + 1),
            false if is_special(*byte) => break,
            false => at += 1,
        }
    }
    (at, saved)
}

/// As a string's scan uses it: the search goes on behind an escape that it stopped at.
fn check(bytes: &[u8], from: usize, what: &str) {
    let near = special(bytes, from);
    assert!(bytes[from..near].iter().all(|byte| !is_special(*byte)), "{what}");
    let plain = bytes[from..].iter().position(|byte| is_special(*byte)).unwrap_or(bytes.len() - from);
    assert!(near == from + plain || (near < from + plain && near == from + NEAR_BLOCKS * BLOCK), "{what}");
    let (mut at, mut saved, slow) = (from, 0, slow_end(bytes, from));
    loop {
        at = end(bytes, at, &mut saved);
        let simple = bytes.get(at) == Some(&b'\\') && slow_end(bytes, at).0 > at;
        if !simple {
            break;
        }
        (at, saved) = (at + 2, saved + 1);
    }
    assert_eq!((at, saved), slow, "{what}");
}

#[test]
fn every_byte_at_every_place_is_seen_as_it_is() {
    for byte in 0..=u8::MAX {
        for place in (0..40).chain(60..150) {
            for length in [place + 1, place + 7, place + 16, place + 33, place + 80] {
                let mut bytes = vec![b'a'; length];
                bytes[place] = byte;
                check(&bytes, 0, &format!("{byte:#x} at {place} of {length}"));
            }
        }
    }
}

#[test]
fn every_escape_at_every_place_is_passed_over_or_stops_the_search() {
    for code in 0..=u8::MAX {
        for place in (0..4).chain(60..68).chain(124..132) {
            for more in [1, 8, 70] {
                let mut bytes = vec![b'a'; place + 2 + more];
                (bytes[place], bytes[place + 1]) = (b'\\', code);
                bytes[place + 1 + more] = b'"';
                check(&bytes, 0, &format!("\\{code:#x} at {place}, {more} more"));
            }
        }
    }
}

#[test]
fn runs_of_backslashes_end_where_they_should() {
    for run in 0..140 {
        for lead in [0, 1, 31, 62, 63, 64] {
            let bytes = [vec![b'a'; lead], vec![b'\\'; run], b"\"\\n\"tail".to_vec(), vec![b'z'; 70]].concat();
            check(&bytes, 0, &format!("{run} behind {lead}"));
        }
    }
}

#[test]
fn the_first_of_several_counts_and_the_search_starts_where_it_is_told() {
    let mut bytes = Vec::new();
    for round in 0..40_u8 {
        bytes.extend_from_slice(&[b'x'; 19][..usize::from(round % 15) + 5]);
        bytes.push([b'"', b'\\', 0x1f, 0x80, 0xff, b' '][usize::from(round % 6)]);
        bytes.extend_from_slice([&b"\\n"[..], b"", b"\\\\\\\"", b"\\u00e9"][usize::from(round % 4)]);
    }
    for from in 0..=bytes.len() {
        check(&bytes, from, &format!("from {from}"));
    }
}
