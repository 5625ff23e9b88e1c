use super::parse;

const OPTIONS: super::Options = &[("rate", "per second"), ("watch", "name=pid")];

fn words(line: &str) -> impl Iterator<Item = String> {
    line.split(' ').map(str::to_owned).collect::<Vec<_>>().into_iter()
}

#[test]
fn reads_values_defaults_and_repeats() {
    let args = parse(words("--rate 5 --watch a=1 --watch b=2"), OPTIONS).unwrap();
    assert_eq!(args.get("rate", 1u32), Ok(5));
    assert_eq!(args.maybe::<u32>("none"), Ok(None));
    assert_eq!(args.all("watch"), ["a=1", "b=2"]);
}

#[test]
fn names_what_is_wrong() {
    assert!(parse(words("--speed 5"), OPTIONS).unwrap_err().contains("--rate"));
    assert!(parse(words("--rate"), OPTIONS).unwrap_err().contains("needs a value"));
    let args = parse(words("--rate fast"), OPTIONS).unwrap();
    assert!(args.get("rate", 1u32).unwrap_err().contains("fast"));
    assert!(args.required::<u32>("connections").is_err());
}
