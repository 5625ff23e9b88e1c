use super::Id;
use proptest::prelude::*;

#[test]
fn a_known_ulid_reads_and_writes_the_same() {
    let text = "key_01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let id = Id::from_text("key_", text).expect("a valid ULID");
    assert_eq!(id.0, [0x01, 0x56, 0x3e, 0x3a, 0xb5, 0xd3, 0xd6, 0x76, 0x4c, 0x61, 0xef, 0xb9, 0x93, 0x02, 0xbd, 0x5b]);
    assert_eq!(id.text("key_"), text);
}

#[test]
fn other_texts_are_not_ids() {
    for text in [
        "",
        "key_",
        "acc_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "key_01arz3ndektsv4rrffq69g5fav",
        "key_01ARZ3NDEKTSV4RRFFQ69G5FA",
        "key_01ARZ3NDEKTSV4RRFFQ69G5FAVV",
        "key_81ARZ3NDEKTSV4RRFFQ69G5FAV",
        "key_01ARZ3NDEKTSV4RRFFQ69G5FAU",
        "key_01ARZ3NDEKTSV4RRFFQ69G5é",
    ] {
        assert_eq!(Id::from_text("key_", text), None, "{text}");
    }
}

proptest! {
    /// One id, one text.
    #[test]
    fn text_round_trips(bytes in any::<[u8; 16]>()) {
        let id = Id(bytes);
        prop_assert_eq!(Id::from_text("acc_", &id.text("acc_")), Some(id));
    }

    #[test]
    fn any_text_is_read_without_a_panic(text in ".{0,40}") {
        if let Some(id) = Id::from_text("", &text) {
            prop_assert_eq!(id.text(""), text);
        }
    }
}
