use super::special;

fn slowly(bytes: &[u8], from: usize) -> usize {
    let found = bytes[from..].iter().position(|byte| *byte == b'"' || *byte == b'\\' || *byte < 0x20);
    found.map_or(bytes.len(), |offset| from + offset)
}

#[test]
fn every_byte_at_every_place_is_seen_as_it_is() {
    for byte in 0..=u8::MAX {
        for place in (0..40).chain(60..150) {
            for length in [place + 1, place + 7, place + 16, place + 33] {
                let mut bytes = vec![b'a'; length];
                bytes[place] = byte;
                assert_eq!(special(&bytes, 0), slowly(&bytes, 0), "{byte:#x} at {place} of {length}");
            }
        }
    }
}

#[test]
fn the_first_of_several_counts_and_the_search_starts_where_it_is_told() {
    let mut bytes = Vec::new();
    for round in 0..12_u8 {
        bytes.extend_from_slice(&[b'x'; 19][..usize::from(round) + 5]);
        bytes.push([b'"', b'\\', 0x1f, 0x80, 0xff, b' '][usize::from(round % 6)]);
    }
    for from in 0..=bytes.len() {
        assert_eq!(special(&bytes, from), slowly(&bytes, from), "from {from}");
    }
}
