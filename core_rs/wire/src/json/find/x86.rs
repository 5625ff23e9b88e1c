//! Special bytes with the vector registers of x86.

use super::{Masks, PLAIN, WIDE, wide_end_with};
#[cfg(target_arch = "x86")]
use core::arch::x86 as arch;
#[cfg(target_arch = "x86_64")]
use core::arch::x86_64 as arch;

pub(super) const BLOCK: usize = 16;

/// Makes a quote (0x22) the byte behind the control bytes, and leaves these among themselves: one comparison finds both.
const TURN: u8 = b'"' ^ 0x20;

/// One bit for each special byte of the block.
#[inline]
pub(super) fn hits(block: &[u8; BLOCK]) -> u32 {
    #[expect(unsafe_code, reason = "the compiler wants a promise that the processor has SSE2")]
    // SAFETY: all that `pair_sse2` asks for is SSE2; it takes and gives values and touches no memory but its argument. This module only
    // exists where the whole program is compiled for processors with SSE2.
    let (backslash, stop) = unsafe { pair_sse2(block) };
    backslash | stop
}

#[inline]
pub(super) fn first_of(hits: u32) -> usize {
    hits.trailing_zeros() as usize
}

#[inline(never)]
pub(super) fn wide_end(bytes: &[u8], from: usize, saved: &mut usize) -> usize {
    if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("popcnt") {
        #[expect(unsafe_code, reason = "the compiler wants a promise that the processor has AVX2 and POPCNT")]
        // SAFETY: all that `wide_end_avx2` asks for is AVX2 and POPCNT, and the processor has just said that it has both. It is made of safe code.
        return unsafe { wide_end_avx2(bytes, from, saved) };
    }
    wide_end_with(bytes, from, saved, is_plain_sse2, masks_sse2)
}

#[target_feature(enable = "avx2,popcnt")]
fn wide_end_avx2(bytes: &[u8], from: usize, saved: &mut usize) -> usize {
    wide_end_with(bytes, from, saved, |far| is_plain_avx2(far), |block| masks_avx2(block))
}

#[target_feature(enable = "avx2,popcnt")]
#[inline]
fn load_avx2(bytes: &[u8; 32]) -> arch::__m256i {
    #[expect(unsafe_code, reason = "written with values alone, the load comes out as five instructions")]
    // SAFETY: it reads the 32 bytes at the pointer, which need no alignment; they are those of the reference.
    unsafe {
        arch::_mm256_loadu_si256(bytes.as_ptr().cast())
    }
}

/// All ones in each byte that is a backslash, and in each that is a quote or a control byte.
#[target_feature(enable = "avx2,popcnt")]
#[inline]
fn pair_avx2(bytes: arch::__m256i) -> (arch::__m256i, arch::__m256i) {
    let turned = arch::_mm256_xor_si256(bytes, arch::_mm256_set1_epi8(TURN as i8));
    let low = arch::_mm256_cmpeq_epi8(arch::_mm256_min_epu8(turned, arch::_mm256_set1_epi8(0x20)), turned);
    (arch::_mm256_cmpeq_epi8(turned, arch::_mm256_set1_epi8((b'\\' ^ TURN) as i8)), low)
}

#[target_feature(enable = "avx2,popcnt")]
#[inline]
fn is_plain_avx2(far: &[u8; PLAIN]) -> bool {
    let (parts, _) = far.as_chunks::<32>();
    let mut any = arch::_mm256_setzero_si256();
    for part in parts {
        let (slash, low) = pair_avx2(load_avx2(part));
        any = arch::_mm256_or_si256(any, arch::_mm256_or_si256(slash, low));
    }
    arch::_mm256_movemask_epi8(any) == 0
}

#[target_feature(enable = "avx2,popcnt")]
#[inline]
fn masks_avx2(block: &[u8; WIDE]) -> Masks {
    let (halves, _) = block.as_chunks::<32>();
    let [mut backslash, mut stop, mut code] = [0; 3];
    for (index, half) in halves.iter().enumerate() {
        let bytes = load_avx2(half);
        let (slash, low) = pair_avx2(bytes);
        // A byte is a code when the tables of its two halves have a bit in common; there is one bit for each upper half that codes have.
        let nibble = arch::_mm256_set1_epi8(0x0f);
        let upper = arch::_mm256_and_si256(arch::_mm256_srli_epi16(bytes, 4), nibble);
        let upper = arch::_mm256_shuffle_epi8(twice(0x0804_0200_0001_0000, 0), upper);
        let lower = arch::_mm256_and_si256(bytes, nibble);
        let lower = arch::_mm256_shuffle_epi8(twice(0x0004_0008_000d_0000, 0x0104_0002_0000_0000), lower);
        let common = arch::_mm256_and_si256(upper, lower);
        let no_code = arch::_mm256_cmpeq_epi8(common, arch::_mm256_setzero_si256());
        code |= u64::from(!arch::_mm256_movemask_epi8(no_code) as u32) << (index * 32);
        stop |= u64::from(arch::_mm256_movemask_epi8(low) as u32) << (index * 32);
        backslash |= u64::from(arch::_mm256_movemask_epi8(slash) as u32) << (index * 32);
    }
    Masks { backslash, stop, code }
}

/// A table of sixteen bytes, the lower eight first, for both lanes.
#[target_feature(enable = "avx2,popcnt")]
#[inline]
fn twice(lower: i64, upper: i64) -> arch::__m256i {
    arch::_mm256_set_epi64x(upper, lower, upper, lower)
}

#[inline]
fn is_plain_sse2(far: &[u8; PLAIN]) -> bool {
    let (blocks, _) = far.as_chunks::<BLOCK>();
    blocks.iter().fold(0, |any, block| any | hits(block)) == 0
}

#[inline]
fn masks_sse2(block: &[u8; WIDE]) -> Masks {
    let (quarters, _) = block.as_chunks::<BLOCK>();
    let [mut backslash, mut stop, mut code] = [0; 3];
    for (index, quarter) in quarters.iter().enumerate() {
        #[expect(unsafe_code, reason = "the compiler wants a promise that the processor has SSE2")]
        // SAFETY: as in `hits`.
        let (slash, low) = unsafe { pair_sse2(quarter) };
        backslash |= u64::from(slash) << (index * BLOCK);
        stop |= u64::from(low) << (index * BLOCK);
    }
    for (index, byte) in block.iter().enumerate() {
        code |= u64::from(super::is_simple(*byte)) << index;
    }
    Masks { backslash, stop, code }
}

/// The backslashes of the block, and its quotes and control bytes.
#[target_feature(enable = "sse2")]
#[inline]
fn pair_sse2(block: &[u8; BLOCK]) -> (u32, u32) {
    let whole = u128::from_le_bytes(*block); // one load, written without a pointer
    let block = arch::_mm_set_epi64x((whole >> 64) as i64, whole as i64);
    let turned = arch::_mm_xor_si128(block, arch::_mm_set1_epi8(TURN as i8));
    let low = arch::_mm_cmpeq_epi8(arch::_mm_min_epu8(turned, arch::_mm_set1_epi8(0x20)), turned);
    let slash = arch::_mm_cmpeq_epi8(turned, arch::_mm_set1_epi8((b'\\' ^ TURN) as i8));
    (arch::_mm_movemask_epi8(slash) as u32, arch::_mm_movemask_epi8(low) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The machine that tests may have AVX2 and then never takes the other way; both are taken here.
    #[test]
    fn both_widths_see_the_same() {
        let mut bytes = Vec::new();
        for round in 0..200_usize {
            bytes.extend_from_slice(&b"The quick brown fox jumps over it and on and on"[..round % 41]);
            bytes
                .extend_from_slice([&b"\\n"[..], b"\\\\", b"\\\"", b"\xc3\xbc", b"\"", b"\x1f", b"\\u00e9"][round % 7]);
        }
        for from in 0..bytes.len() {
            let (mut saved, mut narrow_saved) = (0, 0);
            let wide = wide_end(&bytes, from, &mut saved);
            let narrow = wide_end_with(&bytes, from, &mut narrow_saved, is_plain_sse2, masks_sse2);
            assert_eq!((wide, saved), (narrow, narrow_saved), "from {from}");
        }
    }
}
