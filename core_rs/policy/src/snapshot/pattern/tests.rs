use super::matches;
use proptest::prelude::*;

#[test]
fn patterns_fit_what_they_say() {
    for (pattern, name, fits) in [
        ("*", "", true),
        ("*", "anything/at:all", true),
        ("gpt-4o", "gpt-4o", true),
        ("gpt-4o", "gpt-4o-mini", false),
        ("gpt-4o", "GPT-4o", false),
        ("claude-*", "claude-", true),
        ("claude-*", "claude", false),
        ("*-mini", "gpt-4o-mini", true),
        ("*-mini", "gpt-4o-mini-2", false),
        ("a*b*c", "a-b-b-c", true),
        ("a*b*c", "acb", false),
        ("a**", "a", true),
        ("?", "x", false),
        ("gpt.4", "gpt-4", false),
        ("", "", true),
        ("", "x", false),
    ] {
        assert_eq!(matches(pattern, name), fits, "{pattern} on {name}");
    }
}

/// The definition, tried out letter by letter.
fn by_definition(pattern: &[u8], name: &[u8]) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some((b'*', rest)) => (0..=name.len()).any(|skip| by_definition(rest, &name[skip..])),
        Some((byte, rest)) => {
            name.split_first().is_some_and(|(first, others)| first == byte && by_definition(rest, others))
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn matching_agrees_with_the_definition(pattern in "[ab*]{0,8}", name in "[ab]{0,10}") {
        prop_assert_eq!(matches(&pattern, &name), by_definition(pattern.as_bytes(), name.as_bytes()));
    }
}
