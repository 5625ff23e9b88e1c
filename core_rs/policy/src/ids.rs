//! Names of things that never change: the 16 bytes of a ULID, and the 32 bytes of a key's digest.
//!
//! Between the halves an id is its bytes; people see a prefix and 26 characters of Crockford base 32. The text form is canonical: one id has
//! exactly one text, so that a text can be compared as a text.

use core::fmt;

/// HMAC-SHA-256 of a whole key text under the installation's pepper; the only form in which a key is known here.
pub type Digest = [u8; 32];

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const TEXT_LEN: usize = 26;

/// The bytes of a ULID, big-endian.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Id(pub [u8; 16]);

impl Id {
    /// The id of nothing: "no price", "no key".
    pub const NIL: Self = Self([0; 16]);

    /// The id as people see it: `prefix` (with its underscore: `key_`), then 26 characters.
    #[must_use]
    pub fn text(&self, prefix: &str) -> String {
        let mut rest = u128::from_be_bytes(self.0);
        let mut digits = [0u8; TEXT_LEN];
        // Twelve digits are the 60 bits that fit into a machine word: shifting all 128 for each digit costs several times as much.
        for group in digits.rchunks_mut(12) {
            let mut word = rest as u64;
            for digit in group.iter_mut().rev() {
                *digit = ALPHABET[(word & 31) as usize];
                word >>= 5;
            }
            rest >>= 60;
        }
        let mut text = String::with_capacity(prefix.len() + TEXT_LEN);
        text.push_str(prefix);
        text.push_str(str::from_utf8(&digits).unwrap_or_default());
        text
    }

    /// Reads what [`Id::text`] wrote with the same prefix; anything else (lower case, `I`, `L`, `O`, `U`, more than 128 bits) is `None`.
    #[must_use]
    pub fn from_text(prefix: &str, text: &str) -> Option<Self> {
        let digits = text.strip_prefix(prefix)?.as_bytes();
        if digits.len() != TEXT_LEN || digits[0] > b'7' {
            return None; // 26 digits hold 130 bits; the first may use three of its five
        }
        let mut value = 0u128;
        for digit in digits {
            let place = ALPHABET.iter().position(|known| known == digit)?;
            value = (value << 5) | place as u128;
        }
        Some(Self(value.to_be_bytes()))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(""))
    }
}

#[cfg(test)]
mod tests;
