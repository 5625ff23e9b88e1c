//! `snapshot`: many keys, and the contract's snapshot (ARCHITECTURE.md) in which they may call the benches' models.
//!
//! Every limit is there and none ever refuses: the buckets of key, account, group and model are taken from on each request, and so are the
//! token buckets of group and model. Model names differ from the upstream's, so that the name in the body has to be replaced.

use crate::args::{Args, Options};
use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use serde_bytes::Bytes;
use sha2::Sha256;
use std::fs::File;
use std::io::{BufWriter, Write};

pub(crate) const OPTIONS: Options = &[
    ("out", "file for the snapshot"),
    ("key-file", "file for the keys, one per line"),
    ("keys", "(100000)"),
    ("keys-per-account", "(10)"),
    ("pepper", "64 hexadecimal digits"),
    ("upstream", "base URL, ending in /v1"),
    ("model", "a model of the upstream; more than once"),
    ("key-rpm", "requests a minute of each key; 0: keys without a limit of their own (1000000000)"),
    ("generation", "(1)"),
    ("base", "a delta on this generation, with the keys and accounts only (0: a whole snapshot)"),
];

/// What a caller asks for is this and the upstream's name of the model.
pub(crate) const PUBLIC_PREFIX: &str = "my-";
/// Per minute: far above what one core can do, far below the largest number.
const REQUESTS_PER_MINUTE: u32 = 1_000_000_000;
const TOKENS_PER_MINUTE: u32 = 4_000_000_000;
const KEY_CHARS: usize = 49;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

pub(crate) fn run(args: &Args) -> Result<(), String> {
    let pepper = hex(&args.required::<String>("pepper")?)?;
    let keys: u64 = args.get("keys", 100_000)?;
    let per_account: u64 = args.get("keys-per-account", 10)?.max(1);
    let texts: Vec<String> = (0..keys).map(key_text).collect();
    if let Some(path) = args.maybe::<String>("key-file")? {
        write_keys(&path, &texts).map_err(|e| format!("--key-file {path}: {e}"))?;
    }
    let out: String = args.required("out")?;
    let file = File::create(&out).map_err(|e| format!("--out {out}: {e}"))?;
    let mut file = BufWriter::new(file);
    let whole = Whole {
        generation: args.get("generation", 1)?,
        base: args.get("base", 0)?,
        upstream: args.get("upstream", String::new())?,
        models: args.all("model"),
        accounts: keys.div_ceil(per_account),
        key_rpm: args.get("key-rpm", REQUESTS_PER_MINUTE)?,
    };
    let rows = texts.iter().enumerate().map(|(number, text)| key_row(number as u64, per_account, text, &pepper));
    whole.write(&mut file, rows.collect::<Result<Vec<_>, _>>()?).map_err(|e| format!("{out}: {e}"))?;
    file.flush().map_err(|e| format!("{out}: {e}"))
}

fn write_keys(path: &str, texts: &[String]) -> std::io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for text in texts {
        writeln!(file, "{text}")?;
    }
    file.flush()
}

/// The same key for the same number in every run: SplitMix64 in base 62, of the length of a real one.
fn key_text(number: u64) -> String {
    let mut text = String::from("sk-tw-");
    let mut state = number;
    for _ in 0..KEY_CHARS {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        text.push(char::from(ALPHABET[((mixed ^ (mixed >> 31)) % 62) as usize]));
    }
    text
}

type Id = [u8; 16];

/// Kind of thing and number, as bytes of an id.
fn id(kind: u8, number: u64) -> Id {
    ((0x0190_u128 << 112) | u128::from(kind) << 64 | u128::from(number)).to_be_bytes()
}

#[derive(Debug)]
struct KeyRow {
    digest: [u8; 32],
    id: Id,
    account: Id,
}

fn key_row(number: u64, per_account: u64, text: &str, pepper: &[u8; 32]) -> Result<KeyRow, String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(pepper).map_err(|e| format!("pepper: {e}"))?;
    mac.update(text.as_bytes());
    Ok(KeyRow {
        digest: mac.finalize().into_bytes().into(),
        id: id(b'k', number),
        account: id(b'a', number / per_account),
    })
}

struct Whole<'a> {
    generation: u64,
    base: u64,
    upstream: String,
    models: &'a [String],
    accounts: u64,
    key_rpm: u32,
}

type Written = Result<(), String>;

impl Whole<'_> {
    fn write(&self, out: &mut impl Write, keys: Vec<KeyRow>) -> Written {
        out.write_all(&[0x99]).map_err(|e| e.to_string())?;
        put(out, &1u8)?;
        put(out, &self.generation)?;
        put(out, &self.base)?;
        if self.base == 0 {
            let (rpm, tpm) = (REQUESTS_PER_MINUTE, TOKENS_PER_MINUTE);
            put(out, &[("default", 1_000_000u32, ["*"], rpm, tpm, 0u8)])?;
            self.write_models(out)?;
            self.write_upstream(out)?;
        } else {
            (0..3).try_for_each(|_| put(out, &()))?;
        }
        let none: [&str; 0] = [];
        let account =
            |number| encoded(&(Bytes::new(&id(b'a', number)), "default", 1u8, REQUESTS_PER_MINUTE, 0u8, 0u8, none));
        rows(out, self.accounts as usize, (0..self.accounts).map(account))?;
        let key = |key: &KeyRow| {
            let (digest, id, account) = (Bytes::new(&key.digest), Bytes::new(&key.id), Bytes::new(&key.account));
            let nil = ();
            encoded(&(digest, id, account, 1u8, 0u8, self.key_rpm, 0u8, 0u8, 0u8, nil, nil, nil))
        };
        rows(out, keys.len(), keys.iter().map(key))?;
        put(out, &none)
    }

    fn write_models(&self, out: &mut impl Write) -> Written {
        let price_id = id(b'p', 1);
        let models = self.models.iter().map(|upstream_model| {
            let name = format!("{PUBLIC_PREFIX}{upstream_model}");
            let token_pico = [150_000u32, 75_000, 150_000, 150_000, 600_000, 600_000, 150_000, 600_000, 150_000, 600_000];
            let price = (Bytes::new(&price_id), token_pico, 0u8, 0u8, 0u8, 0u8);
            let routes = [("mock", upstream_model, 0u8, 1u8)];
            let (texts, created_s, context, max_output) = (["text"], 1_700_000_000u32, 128_000u32, 4_096u32);
            let (rpm, tpm) = (REQUESTS_PER_MINUTE, TOKENS_PER_MINUTE);
            let (kind, flags, owner, bytes_per_token_milli) = (0u8, 1u8, "bench", 4_000u32);
            #[rustfmt::skip]
            let row = (
                name, kind, flags, owner, created_s, context, max_output, texts, texts, bytes_per_token_milli, price, routes,
                rpm, tpm, 0u8,
            );
            encoded(&row)
        });
        rows(out, self.models.len(), models)
    }

    fn write_upstream(&self, out: &mut impl Write) -> Written {
        let credential_id = id(b'c', 1);
        let credentials = [(Bytes::new(&credential_id), "upstream-secret")];
        let headers: [(&str, &str); 0] = [];
        // Flags: enabled, and a private address allowed.
        put(out, &[("mock", 4u8, &self.upstream, 3u8, credentials, [0u8; 6], headers)])
    }
}

fn put(out: &mut impl Write, value: &impl Serialize) -> Written {
    out.write_all(&encoded(value)?).map_err(|e| e.to_string())
}

fn encoded(value: &impl Serialize) -> Result<Vec<u8>, String> {
    rmp_serde::to_vec(value).map_err(|e| e.to_string())
}

/// Rows are encoded one by one, so that a million of them are never a tree in memory.
fn rows(out: &mut impl Write, count: usize, rows: impl Iterator<Item = Result<Vec<u8>, String>>) -> Written {
    let header = [&[0xdd][..], &(count as u32).to_be_bytes()].concat();
    out.write_all(&header).map_err(|e| e.to_string())?;
    for row in rows {
        out.write_all(&row?).map_err(|e| e.to_string())?;
    }
    Ok(())
}

fn hex(text: &str) -> Result<[u8; 32], String> {
    let digits: Option<Vec<u8>> = text.chars().map(|digit| digit.to_digit(16).map(|value| value as u8)).collect();
    let digits = digits.filter(|digits| digits.len() == 64).ok_or("--pepper: 64 hexadecimal digits are needed")?;
    let mut out = [0; 32];
    for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = pair[0] << 4 | pair[1];
    }
    Ok(out)
}

#[cfg(test)]
mod tests;
