//! Where a string's plain bytes end: the scanner's inner loop, and most of what reading a request costs.
//!
//! Quote, backslash and control byte are looked for in one pass. Short strings end within a few blocks of sixteen bytes, taken one by one. In
//! long ones sixty-four bytes become masks of bits, and the escapes of ordinary prose (`\n`, `\"`) are passed over in the masks: a search
//! that starts anew behind each escape spends its time on mispredicted branches. On x86-64 the masks are made with SSE2, which every such
//! processor has, or with AVX2 where the processor says that it has it; elsewhere eight bytes at a time in a register.

#[cfg(target_feature = "sse2")]
#[path = "find/x86.rs"]
mod block;
#[cfg(not(target_feature = "sse2"))]
#[path = "find/portable.rs"]
mod block;

use block::{BLOCK, first_of, hits};

/// Blocks that are looked at one by one; keys and most values end within them.
const NEAR_BLOCKS: usize = 4;
/// Bytes that [`end`] takes together.
const WIDE: usize = 64;

/// Bytes that are passed over at once when nothing special is among them. In escaped prose that is never, in plain text always: either way
/// the processor predicts it.
const PLAIN: usize = 256;

/// Which bytes of [`WIDE`] are what; the first byte is the lowest bit.
#[derive(Clone, Copy)]
struct Masks {
    backslash: u64,
    /// Quotes and control bytes.
    stop: u64,
    /// Bytes that make a whole escape with a backslash before them; to be believed at escaped places only.
    code: u64,
}

/// Position of the first quote, backslash or control byte at or behind `from`, if that is near; else a position before it, and the bytes up to
/// there are plain. The buffer's length when there is none.
#[inline]
pub(super) fn special(bytes: &[u8], from: usize) -> usize {
    let (blocks, tail) = bytes.get(from..).unwrap_or_default().as_chunks::<BLOCK>();
    for (index, block) in blocks.iter().take(NEAR_BLOCKS).enumerate() {
        let hits = hits(block);
        if hits != 0 {
            return from + index * BLOCK + first_of(hits);
        }
    }
    if blocks.len() >= NEAR_BLOCKS {
        return from + NEAR_BLOCKS * BLOCK;
    }
    special_in(tail, bytes.len() - tail.len())
}

/// The last bytes of the buffer, too few for a block. Few strings end so near the end of their JSON text.
fn special_in(tail: &[u8], starts_at: usize) -> usize {
    let found = tail.iter().position(|byte| *byte == b'"' || *byte == b'\\' || *byte < 0x20);
    starts_at + found.unwrap_or(tail.len())
}

/// Like [`special`], however far it is, and past the escapes of one character; `saved` grows by one for each of these. Any other escape ends the
/// search: the position is its backslash.
#[inline]
pub(super) fn end(bytes: &[u8], from: usize, saved: &mut usize) -> usize {
    let at = block::wide_end(bytes, from, saved);
    let (blocks, tail) = bytes.get(at..).unwrap_or_default().as_chunks::<BLOCK>();
    for (index, block) in blocks.iter().take(WIDE / BLOCK).enumerate() {
        let hits = hits(block);
        if hits != 0 {
            return at + index * BLOCK + first_of(hits);
        }
    }
    if blocks.len() >= WIDE / BLOCK { at } else { special_in(tail, bytes.len() - tail.len()) }
}

/// Where the search stops within whole steps of [`WIDE`] bytes: at a special byte, or where fewer bytes than that are left.
///
/// No branch depends on where escapes stand: in prose nobody can predict that.
#[inline(always)] // so that the caller's processor features hold for the loop too
fn wide_end_with(
    bytes: &[u8],
    from: usize,
    saved: &mut usize,
    is_plain: impl Fn(&[u8; PLAIN]) -> bool,
    masks: impl Fn(&[u8; WIDE]) -> Masks,
) -> usize {
    const ODD: u64 = 0xaaaa_aaaa_aaaa_aaaa;
    // 1 when the block's first byte is escaped by the backslash before it.
    let mut carry = 0;
    let mut passed = 0;
    // Behind a chunk with backslashes the next one has some too, nearly always. While calm, nothing is carried.
    let mut calm = false;
    let mut at = from;
    while at < bytes.len() {
        let rest = bytes.get(at..).unwrap_or_default();
        let far = rest.first_chunk::<PLAIN>();
        if calm && far.is_some_and(&is_plain) {
            at += PLAIN;
            continue;
        }
        let (blocks, _) = far.map_or(rest, |far| far).as_chunks::<WIDE>();
        if blocks.is_empty() {
            break;
        }
        let mut backslashes = 0;
        for block in blocks {
            let Masks { backslash, stop, code } = masks(block);
            // In a run of backslashes every other one escapes the next byte. The subtraction carries through each run, so that runs that begin
            // at an even and at an odd place come out alike (the way of Langdale and Lemire, 2019).
            let begins = backslash & !carry;
            let turns = ((begins << 1) | ODD).wrapping_sub(begins) ^ ODD;
            let escaped = turns ^ (backslash | carry);
            carry = (turns & backslash) >> 63;
            let ends = (stop & !escaped) | (escaped & !code);
            if ends != 0 {
                let first = ends.trailing_zeros();
                *saved += passed + (escaped & ((1 << first) - 1)).count_ones() as usize;
                // What is escaped there is no escape of one character: back to its backslash.
                return at + first as usize - usize::from(escaped >> first & 1 == 1);
            }
            passed += escaped.count_ones() as usize;
            backslashes |= backslash;
            at += WIDE;
        }
        calm = backslashes == 0;
    }
    *saved += passed;
    at - carry as usize
}

/// Whether a backslash and this byte are a whole escape.
#[inline]
fn is_simple(code: u8) -> bool {
    matches!(code, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't')
}

#[cfg(test)]
mod tests;
