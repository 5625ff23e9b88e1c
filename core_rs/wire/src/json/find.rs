//! Where a string's plain bytes end: the scanner's inner loop, and most of what reading a request costs.
//!
//! Quote, backslash and control byte are looked for in one pass. On x86-64 sixteen bytes are compared at once with SSE2, which every such
//! processor has, so nothing is detected at run time; elsewhere eight bytes at a time in a register.

/// Blocks that are looked at one by one; keys and most values end within them. Further on four are taken together.
const NEAR_BLOCKS: usize = 4;

/// Position of the first quote, backslash or control byte at or behind `from`; the buffer's length when there is none.
#[inline]
pub(super) fn special(bytes: &[u8], from: usize) -> usize {
    let (blocks, tail) = bytes.get(from..).unwrap_or_default().as_chunks::<BLOCK>();
    for (index, block) in blocks.iter().enumerate() {
        if index == NEAR_BLOCKS {
            return special_far(bytes, from + NEAR_BLOCKS * BLOCK);
        }
        let hits = hits(block);
        if hits != 0 {
            return from + index * BLOCK + first_of(hits);
        }
    }
    special_in(tail, bytes.len() - tail.len())
}

/// The same, for long strings.
#[inline(never)]
fn special_far(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    let (fours, _) = rest.as_chunks::<{ BLOCK * 4 }>();
    let clear = fours.iter().position(|four| {
        let (blocks, _) = four.as_chunks::<BLOCK>();
        blocks.iter().fold(0, |any, block| any | hits(block)) != 0
    });
    let skipped = clear.unwrap_or(fours.len()) * BLOCK * 4;
    let (blocks, tail) = rest.get(skipped..).unwrap_or_default().as_chunks::<BLOCK>();
    for (index, block) in blocks.iter().enumerate() {
        let hits = hits(block);
        if hits != 0 {
            return from + skipped + index * BLOCK + first_of(hits);
        }
    }
    special_in(tail, bytes.len() - tail.len())
}

/// The last bytes of the buffer, too few for a block. Few strings end so near the end of their JSON text.
fn special_in(tail: &[u8], starts_at: usize) -> usize {
    let found = tail.iter().position(|byte| *byte == b'"' || *byte == b'\\' || *byte < 0x20);
    starts_at + found.unwrap_or(tail.len())
}

#[cfg(target_feature = "sse2")]
const BLOCK: usize = 16;

/// One bit for each special byte of the block.
#[cfg(target_feature = "sse2")]
#[inline]
fn hits(block: &[u8; BLOCK]) -> u32 {
    #[expect(unsafe_code, reason = "the compiler wants a promise that the processor has SSE2")]
    // SAFETY: all that `hits_sse2` asks for is SSE2; it takes and gives values and touches no memory but its argument. This function only
    // exists where the whole program is compiled for processors with SSE2.
    unsafe {
        hits_sse2(block)
    }
}

#[cfg(target_feature = "sse2")]
#[target_feature(enable = "sse2")]
#[inline]
fn hits_sse2(block: &[u8; BLOCK]) -> u32 {
    #[cfg(target_arch = "x86")]
    use core::arch::x86 as arch;
    #[cfg(target_arch = "x86_64")]
    use core::arch::x86_64 as arch;

    /// Makes a quote (0x22) the byte behind the control bytes, and leaves these among themselves: one comparison finds both.
    const TURN: u8 = b'"' ^ 0x20;
    let whole = u128::from_le_bytes(*block); // one load, written without a pointer
    let block = arch::_mm_set_epi64x((whole >> 64) as i64, whole as i64);
    let turned = arch::_mm_xor_si128(block, arch::_mm_set1_epi8(TURN as i8));
    let low = arch::_mm_cmpeq_epi8(arch::_mm_min_epu8(turned, arch::_mm_set1_epi8(0x20)), turned);
    let backslash = arch::_mm_cmpeq_epi8(turned, arch::_mm_set1_epi8((b'\\' ^ TURN) as i8));
    arch::_mm_movemask_epi8(arch::_mm_or_si128(low, backslash)) as u32
}

#[cfg(target_feature = "sse2")]
#[inline]
fn first_of(hits: u32) -> usize {
    hits.trailing_zeros() as usize
}

#[cfg(not(target_feature = "sse2"))]
const BLOCK: usize = 8;

/// The high bit of each special byte of the block. Exact up to and with the lowest one set, which is all that is used: the borrow of a
/// subtraction only runs upwards.
#[cfg(not(target_feature = "sse2"))]
#[inline]
fn hits(block: &[u8; BLOCK]) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let word = u64::from_le_bytes(*block);
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let zero_in = |x: u64| x.wrapping_sub(ONES) & !x;
    let below_space = word.wrapping_sub(ONES * 0x20) & !word;
    (zero_in(quote) | zero_in(backslash) | below_space) & HIGH
}

#[cfg(not(target_feature = "sse2"))]
#[inline]
fn first_of(hits: u64) -> usize {
    (hits.trailing_zeros() / 8) as usize
}

#[cfg(test)]
mod tests;
