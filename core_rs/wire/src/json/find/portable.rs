//! Special bytes without vector registers: eight bytes in one word.

use super::{Masks, PLAIN, WIDE, is_simple, wide_end_with};

pub(super) const BLOCK: usize = 8;
const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The high bit of each zero byte. Exact up to and with the lowest one set: the borrow of a subtraction only runs upwards.
#[inline]
fn zero_in(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word
}

/// The high bit of each special byte of the block. Exact up to and with the lowest one set, which is all that is used.
#[inline]
pub(super) fn hits(block: &[u8; BLOCK]) -> u64 {
    let word = u64::from_le_bytes(*block);
    let below_space = word.wrapping_sub(ONES * 0x20) & !word;
    (zero_in(word ^ (ONES * u64::from(b'"'))) | zero_in(word ^ (ONES * u64::from(b'\\'))) | below_space) & HIGH
}

#[inline]
pub(super) fn first_of(hits: u64) -> usize {
    (hits.trailing_zeros() / 8) as usize
}

pub(super) fn wide_end(bytes: &[u8], from: usize, saved: &mut usize) -> usize {
    wide_end_with(bytes, from, saved, is_plain, masks)
}

fn is_plain(far: &[u8; PLAIN]) -> bool {
    let (words, _) = far.as_chunks::<BLOCK>();
    words.iter().fold(0, |any, word| any | hits(word)) == 0
}

/// Plain blocks, which are nearly all, are told by words; in the others each byte is looked at.
fn masks(block: &[u8; WIDE]) -> Masks {
    let (words, _) = block.as_chunks::<BLOCK>();
    // Without a backslash here only the first byte can be escaped.
    let mut masks = Masks { backslash: 0, stop: 0, code: u64::from(is_simple(block[0])) };
    if words.iter().fold(0, |any, word| any | hits(word)) == 0 {
        return masks;
    }
    for (index, byte) in block.iter().enumerate() {
        masks.backslash |= u64::from(*byte == b'\\') << index;
        masks.code |= u64::from(is_simple(*byte)) << index;
        masks.stop |= u64::from(*byte == b'"' || *byte < 0x20) << index;
    }
    masks
}
