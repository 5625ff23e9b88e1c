use super::*;

fn named(model: &str) -> Script {
    Script::named(model).unwrap().unwrap()
}

#[test]
fn a_name_sets_exactly_its_fields() {
    let script =
        named("script:chunks=8,gap_us=2000,usage=lying,eol=crlf,stall=mid,no_done,cut=7,retry_after=3,interim=103");
    let expected = Script {
        chunks: 8,
        gap_us: 2000,
        usage: Usage::Lying,
        eol: Eol::Crlf,
        stall: Some(Stall::Mid),
        no_done: true,
        cut: Some(7),
        retry_after: Some("3".to_owned()),
        interim: Some(103),
        ..Script::default()
    };
    assert_eq!(script, expected);
    assert_eq!(named("script:"), Script::default());
}

#[test]
fn short_names_of_the_bench() {
    assert_eq!(named("json-1k").body_bytes, Some(1024));
    assert_eq!(named("json-512").body_bytes, Some(512));
    let stream = named("sse-5-100000-250");
    assert_eq!((stream.chunks, stream.gap_us, stream.chunk_bytes), (5, 100_000, Some(250)));
}

#[test]
fn a_wrong_script_says_what_is_wrong() {
    let cases = [
        ("script:chunk=1", "chunk"),
        ("script:usage=some", "some"),
        ("script:cut=-1", "cut"),
        ("script:split=0", "split"),
        ("script:status=99", "status"),
        ("script:chunks=100000000", "268435456"),
        ("json-big", "json-1k"),
        ("sse-1-2", "sse-64-0-250"),
    ];
    for (model, mention) in cases {
        let error = Script::named(model).unwrap().unwrap_err();
        // serde names the field or the value it choked on; `cut=-1` is text, so the type is what it complains about.
        assert!(error.contains(mention) || (mention == "cut" && error.contains("-1")), "{model}: {error}");
    }
    assert!(Script::named("sim-chat").is_none());
}
