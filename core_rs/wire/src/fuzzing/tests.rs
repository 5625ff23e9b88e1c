//! The fuzz targets' invariants over mutated seeds, so that every run of the tests exercises them. The seeds are the fuzzers' own.

use std::path::Path;

use proptest::prelude::*;

use super::*;

/// Splices of a seed with itself or another, and single bytes that parsers stumble over.
#[derive(Clone, Debug)]
enum Mutation {
    Set(prop::sample::Index, u8),
    Insert(prop::sample::Index, u8),
    Remove(prop::sample::Index),
    Cut(prop::sample::Index),
    Repeat(prop::sample::Index, prop::sample::Index),
    Graft(prop::sample::Index, prop::sample::Index),
}

fn mutations() -> impl Strategy<Value = Mutation> {
    let index = any::<prop::sample::Index>;
    let byte = || prop_oneof![any::<u8>(), prop::sample::select(b"\r\n\0 \t:;,{}[]\"\\-0d\xff\x7f".to_vec())];
    prop_oneof![
        (index(), byte()).prop_map(|(at, byte)| Mutation::Set(at, byte)),
        (index(), byte()).prop_map(|(at, byte)| Mutation::Insert(at, byte)),
        index().prop_map(Mutation::Remove),
        index().prop_map(Mutation::Cut),
        (index(), index()).prop_map(|(from, to)| Mutation::Repeat(from, to)),
        (index(), index()).prop_map(|(at, from)| Mutation::Graft(at, from)),
    ]
}

fn mutated(seed: &[u8], other: &[u8], mutations: &[Mutation]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for mutation in mutations {
        let length = bytes.len();
        let place = |index: &prop::sample::Index| if length == 0 { 0 } else { index.index(length) };
        match mutation {
            Mutation::Set(at, byte) if length > 0 => bytes[place(at)] = *byte,
            Mutation::Insert(at, byte) => bytes.insert(place(at), *byte),
            Mutation::Remove(at) if length > 0 => drop(bytes.remove(place(at))),
            Mutation::Cut(at) => bytes.truncate(place(at)),
            Mutation::Repeat(from, to) if length > 0 => {
                let (from, to) = (place(from).min(place(to)), place(from).max(place(to)));
                let piece = bytes[from..to.min(from + 200)].to_vec();
                bytes.splice(to..to, piece);
            }
            Mutation::Graft(at, from) if !other.is_empty() => {
                let from = from.index(other.len());
                bytes.splice(place(at)..place(at), other[from..other.len().min(from + 100)].iter().copied());
            }
            _ => {}
        }
    }
    bytes
}

/// `fuzz/seeds/<target>`, in the order of their names.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

fn drive(target: &str, law: fn(&[u8])) {
    let seeds = seeds(target);
    assert!(seeds.len() >= 3, "{target} has too few seeds");
    seeds.iter().for_each(|seed| law(seed));
    let cases = ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() };
    let inputs = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), prop::collection::vec(mutations(), 1..6));
    let mut runner = proptest::test_runner::TestRunner::new(cases);
    let outcome = runner.run(&inputs, |(seed, other, mutations)| {
        law(&mutated(seed.get(&seeds).as_slice(), other.get(&seeds).as_slice(), &mutations));
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{target}: {error}"));
}

#[test]
fn head_law() {
    drive("head", head);
}

#[test]
fn response_law() {
    drive("response", response);
}

#[test]
fn chunks_law() {
    drive("chunks", chunks);
}

#[test]
fn sse_law() {
    drive("sse", sse);
}

#[test]
fn json_scan_law() {
    drive("json_scan", json_scan);
}

#[test]
fn multipart_law() {
    drive("multipart", multipart);
}

/// Most seeds must get past the first check, or the laws above are never looked at.
#[test]
fn the_seeds_are_accepted() {
    let accepted = |target: &str, accepts: fn(&[u8]) -> bool| {
        let seeds = seeds(target);
        let good = seeds.iter().filter(|seed| accepts(seed)).count();
        assert!(good * 2 >= seeds.len(), "{target}: {good} of {}", seeds.len());
    };
    accepted("head", |seed| matches!(head::parse_request(seed, &mut Vec::new()), Ok(Some(_))));
    accepted("response", |seed| matches!(response::parse_response(seed, &mut Vec::new()), Ok(Some(_))));
    accepted("chunks", |seed| decode(&seed[1..], 7).is_ok());
    accepted("sse", |seed| !events(&seed[1..], 7).is_empty());
    accepted("json_scan", |seed| ENDPOINTS.iter().any(|endpoint| request::scan(seed, *endpoint).is_ok()));
    accepted("multipart", |seed| {
        let line_end = seed.iter().position(|byte| *byte == b'\n').unwrap();
        multipart::scan(&seed[line_end + 1..], multipart::boundary(&seed[..line_end]).unwrap()).is_ok()
    });
}
