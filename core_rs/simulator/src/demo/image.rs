//! `sim-image`: draws a small PNG whose colours and hills come from the prompt. Stored, not compressed: no library is worth its build time here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{hash, tokens_of, whole};
use crate::payload::{Payload, Tokens};
use crate::refusal::Refusal;
use crate::skim;

const IMAGES_MAX: u64 = 10;
const SIDE: usize = 128;
/// What an image costs in output tokens, whatever it shows.
const IMAGE_TOKENS: u64 = 272;

pub(super) fn payload(request: &Value) -> Result<Payload, Refusal> {
    let prompt = request
        .get("prompt")
        .and_then(Value::as_str)
        .ok_or_else(|| Refusal::field("prompt", "prompt must be a string."))?;
    let count = match request.get("n") {
        None | Some(Value::Null) => Some(1),
        Some(n) => n.as_u64(),
    };
    images(prompt, count)
}

/// The same for a form, as edits come.
pub(super) fn edit(body: &[u8]) -> Result<Payload, Refusal> {
    let count = skim::form_field(body, "n").map_or(Some(1), |n| n.parse().ok());
    images(skim::form_field(body, "prompt").as_deref().unwrap_or_default(), count)
}

fn images(prompt: &str, count: Option<u64>) -> Result<Payload, Refusal> {
    let count = count
        .filter(|n| (1..=IMAGES_MAX).contains(n))
        .ok_or_else(|| Refusal::field("n", format!("n must be a whole number from 1 to {IMAGES_MAX}.")))?;
    let data: Vec<Value> = (0..count)
        .map(|n| json!({"b64_json": STANDARD.encode(png(hash(prompt.as_bytes()).wrapping_add(n * 0x9e37_79b9)))}))
        .collect();
    let tokens = Tokens { prompt: tokens_of(prompt), completion: IMAGE_TOKENS * count, ..Tokens::default() };
    let usage = json!({
        "input_tokens": tokens.prompt,
        "input_tokens_details": {"text_tokens": tokens.prompt, "image_tokens": 0},
        "output_tokens": tokens.completion,
        "total_tokens": tokens.prompt + tokens.completion,
    });
    Ok(whole(&json!({"created": 1_700_000_000, "data": data, "output_format": "png", "usage": usage}), tokens))
}

/// A sky that fades, a sun, three rows of hills: one palette index per pixel.
fn png(seed: u64) -> Vec<u8> {
    let mut palette = Vec::with_capacity(256 * 3);
    let hue = |shift: u64| ((seed >> shift) & 0x7f) as usize + 64;
    let (red, green, blue) = (hue(0), hue(8), hue(16));
    for index in 0..256 {
        let shade = |base: usize| {
            if index < SIDE { (base + index / 2).min(255) as u8 } else { (base * (255 - index) / 128) as u8 }
        };
        palette.extend_from_slice(&[shade(red), shade(green), shade(blue)]);
    }
    let sun = ((seed >> 24) as usize % 80 + 24, (seed >> 32) as usize % 30 + 20);
    let mut rows = Vec::with_capacity(SIDE * (SIDE + 1));
    for y in 0..SIDE {
        rows.push(0); // no filter
        rows.extend((0..SIDE).map(|x| pixel(seed, sun, x, y)));
    }
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let side = (SIDE as u32).to_be_bytes();
    // 8 bits, palette, deflate, adaptive filters, not interlaced
    chunk(&mut file, b"IHDR", &[&side[..], &side[..], &[8, 3, 0, 0, 0]].concat());
    chunk(&mut file, b"PLTE", &palette);
    chunk(&mut file, b"IDAT", &zlib_stored(&rows));
    chunk(&mut file, b"IEND", &[]);
    file
}

fn pixel(seed: u64, sun: (usize, usize), x: usize, y: usize) -> u8 {
    for row in (0..3_usize).rev() {
        let swing = (seed >> (40 + row * 7)) as usize % 64;
        // A triangle wave: hills without floating point, the same on every machine.
        let wave = ((x + swing) * (3 - row) % 128).abs_diff(64) / (4 - row);
        if y > 58 + row * 20 + wave - row * 6 {
            return (150 + row * 35) as u8;
        }
    }
    let (dx, dy) = (x.abs_diff(sun.0), y.abs_diff(sun.1));
    if dx * dx + dy * dy < 196 { 127 } else { (y * 90 / SIDE) as u8 }
}

fn chunk(file: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    file.extend_from_slice(&(data.len() as u32).to_be_bytes());
    let start = file.len();
    file.extend_from_slice(kind);
    file.extend_from_slice(data);
    let crc = crc32fast::hash(&file[start..]);
    file.extend_from_slice(&crc.to_be_bytes());
}

/// RFC 1950 around the stored blocks of RFC 1951.
fn zlib_stored(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x78, 0x01];
    let blocks = data.chunks(0xffff);
    let last = blocks.len().saturating_sub(1);
    for (number, block) in blocks.enumerate() {
        let length = block.len() as u16;
        out.push(u8::from(number == last));
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(block);
    }
    let (a, b) = data.iter().fold((1_u32, 0_u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    out.extend_from_slice(&((b << 16) | a).to_be_bytes());
    out
}
