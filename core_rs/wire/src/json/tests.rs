//! The scanner against serde_json: what one accepts the other accepts, and strings decode alike.

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::Value;

use super::*;

/// serde_json's own verdict, its depth limit out of the way.
fn oracle(bytes: &[u8]) -> bool {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    serde::de::IgnoredAny::deserialize(&mut reader).is_ok() && reader.end().is_ok()
}

const GOOD: &[&str] = &[
    "{}",
    "[]",
    "0",
    "-0",
    "1.5",
    "1e5",
    "1E+5",
    "-1.25e-7",
    "true",
    "false",
    "null",
    "\"\"",
    " [ 1 , 2 ] ",
    "{\"a\":{\"b\":[]}}",
    "\"\\u00e9\\n\\\\\\/\\\"\"",
    "\"\\ud83d\\ude00\"",
    "\"\\ud800\"",
    "\"é😀\"",
    "\t\r\n{}\n",
    "\"\x7f\"",
];
const BAD: &[&str] = &[
    "",
    " ",
    "{",
    "[",
    "}",
    "]",
    "{]",
    "[}",
    "[1,]",
    "[,1]",
    "{,}",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1,}",
    "{a:1}",
    "{\"a\":1 \"b\":2}",
    "01",
    "-",
    "+1",
    "1.",
    ".5",
    "1e",
    "1e+",
    "0x1",
    "NaN",
    "Infinity",
    "tru",
    "True",
    "nul",
    "\"",
    "\"\\\"",
    "\"\\x\"",
    "\"\\u12g4\"",
    "\"\\u12",
    "\"\n\"",
    "\"\0\"",
    "\"\x1f\"",
    "{} {}",
    "[] ]",
    "'a'",
    "\u{feff}{}",
    "{\"a\":1}x",
    "[1 2]",
    "// a\n{}",
];

#[test]
fn the_grammar_table() {
    for text in GOOD {
        assert_eq!(validate(text.as_bytes()), Ok(()), "{text:?}");
    }
    for text in BAD {
        assert!(validate(text.as_bytes()).is_err(), "{text:?}");
        assert!(!oracle(text.as_bytes()), "{text:?}: the table is wrong");
    }
}

#[test]
fn bad_utf8_is_refused() {
    for bytes in
        [b"\"\xff\"".as_slice(), b"\"\xc0\xaf\"", b"\"\xed\xa0\x80\"", b"\"\xf4\x90\x80\x80\"", b"\"\xe2\x82\""]
    {
        assert_eq!(validate(bytes), Err(JsonError::Utf8), "{bytes:?}");
    }
}

#[test]
fn depth_128_passes_and_129_does_not() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let nested = |depth: usize| format!("{}1{}", open.repeat(depth), close.repeat(depth));
        assert_eq!(validate(nested(128).as_bytes()), Ok(()));
        assert_eq!(validate(nested(129).as_bytes()), Err(JsonError::Depth));
        assert_eq!(validate(nested(100_000).as_bytes()), Err(JsonError::Depth));
    }
    let wide = format!("[{}1]", "[[]],".repeat(10_000));
    assert_eq!(validate(wide.as_bytes()), Ok(()), "depth is given back");
}

/// A special byte is found wherever it stands, near or far, at any alignment.
#[test]
fn every_place_in_a_string_is_looked_at() {
    for length in [0, 1, 7, 8, 9, 15, 16, 63, 64, 65, 71, 72, 100, 200] {
        for at in 0..=length {
            for (special, fits) in [
                (b'"', false),
                (b'\n', false),
                (0x1f, false),
                (b'\\', false),
                (0x20, true),
                (0x7f, true),
                (b'!', true),
                (b'#', true),
            ] {
                let mut text = vec![b'a'; length + 1];
                text[at] = special;
                let quoted = [b"\"", text.as_slice(), b"\""].concat();
                assert_eq!(validate(&quoted).is_ok(), fits && oracle(&quoted), "{special:#x} at {at} of {length}");
            }
        }
    }
    let far = [b"\"", vec![b'a'; LONG].as_slice(), b"\x01\""].concat();
    assert_eq!(validate(&far), Err(JsonError::Syntax));
}

/// Longer than anything that the search for a string's end does at one time.
const LONG: usize = (32 << 10) + 5;

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::from),
        ".{0,90}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((".{0,12}", inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_serde_json_writes_is_accepted(value in values(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) }.unwrap();
        prop_assert_eq!(validate(&text), Ok(()));
    }

    /// One byte changed, removed or added: still the same verdict as serde_json's.
    #[test]
    fn near_misses_get_the_oracles_verdict(value in values(), at in any::<prop::sample::Index>(), byte in any::<u8>(), kind in 0..3) {
        let mut text = serde_json::to_vec(&value).unwrap();
        let at = at.index(text.len());
        match kind {
            0 => text[at] = byte,
            1 => drop(text.remove(at)),
            _ => text.insert(at, byte),
        }
        prop_assert_eq!(validate(&text).is_ok(), oracle(&text) && std::str::from_utf8(&text).is_ok(), "{:?}", String::from_utf8_lossy(&text));
    }

    #[test]
    fn soup_gets_the_oracles_verdict(text in r#"[\[\]{},:"\\ntrue0-9.eE+\-u \n]{0,24}"#) {
        prop_assert_eq!(validate(text.as_bytes()).is_ok(), oracle(text.as_bytes()), "{:?}", text);
    }

    #[test]
    fn strings_decode_as_serde_json_decodes_them(text in ".{0,60}", style in 0..3) {
        let escaped: String = match style {
            0 => serde_json::to_string(&text).unwrap(),
            1 => format!("\"{}\"", text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect::<String>()),
            _ => serde_json::to_string(&text).unwrap().replace('/', "\\/"),
        };
        let mut scanner = Scanner::new(escaped.as_bytes());
        let read = scanner.string().unwrap();
        let mut decoded = Vec::new();
        read.decode_into(&mut decoded);
        prop_assert_eq!(String::from_utf8(decoded).unwrap(), text.clone());
        prop_assert_eq!(read.decoded_len(), text.len() as u64);
        prop_assert_eq!(read.characters(), text.chars().count() as u64);
    }

    #[test]
    fn what_we_write_reads_back(text in any::<String>()) {
        let mut out = Vec::new();
        push_string(&mut out, &text);
        prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
    }

    #[test]
    fn whole_numbers_are_read_exactly(number in any::<u64>()) {
        prop_assert_eq!(Scanner::new(number.to_string().as_bytes()).unsigned(), Ok(Some(number)));
    }
}

#[test]
fn a_number_that_is_not_whole_is_none() {
    for text in ["-1", "1.0", "1e3", "18446744073709551616", "99999999999999999999999999"] {
        assert_eq!(Scanner::new(text.as_bytes()).unsigned(), Ok(None), "{text}");
    }
}

#[test]
fn a_lone_surrogate_is_one_replacement_character() {
    let read = |raw: &[u8]| {
        let mut out = Vec::new();
        decode_into(raw, &mut out);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(read(b"\\ud800x"), "\u{fffd}x");
    assert_eq!(read(b"\\udc00\\ud83d"), "\u{fffd}\u{fffd}");
    assert_eq!(read(b"\\ud83d\\u0041"), "\u{fffd}A");
}

#[test]
fn escaped_keys_are_the_keys_they_spell() {
    let key = |raw: &'static str| {
        let text = format!("\"{raw}\"");
        let mut scanner = Scanner::new(text.as_bytes());
        Key::of(scanner.string().unwrap()).bytes().to_vec()
    };
    assert_eq!(key("mod\\u0065l"), b"model");
    assert_eq!(key("\\u006d\\u006f\\u0064\\u0065\\u006c"), b"model");
    assert_eq!(key("stream\\u005Foptions"), b"stream_options");
    assert_eq!(key("\\u0065xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"), b"", "longer than any of ours");
}

#[test]
fn a_small_integer_is_read_where_it_ends_like_one_and_nothing_else_is() {
    let cases: [(&str, Option<u64>); 12] = [
        ("0,", Some(0)),
        ("12}", Some(12)),
        ("999999999999999]", Some(999_999_999_999_999)),
        ("9999999999999999,", None),
        ("7", None),
        ("01,", None),
        ("1.5,", None),
        ("1e3,", None),
        ("-1,", None),
        ("\"1\",", None),
        (",", None),
        ("10 ,", Some(10)),
    ];
    for (text, value) in cases {
        let mut scanner = Scanner::new(text.as_bytes());
        assert_eq!(scanner.small_integer(), value, "{text}");
        assert_eq!(scanner.position() > 0, value.is_some(), "{text}");
    }
}
