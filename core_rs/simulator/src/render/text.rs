//! Filler of an exact size, the same each time and different at each place, so that a lost or doubled byte shows.

use crate::script::Alphabet;

const ASCII: &str =
    "The clerk at the gate counts each coin once, writes it down, and wishes the next traveller a good day. ";
/// Two, three and four bytes a character, and single spaces.
const WIDE: &str = "żółć и мост через реку 橋を渡る人は皆 заплатит 🌉 ";

/// Exactly `size` bytes from `offset` of an endless text; where a wide character does not fit any more, dots fill up.
pub(super) fn filler(alphabet: Alphabet, offset: usize, size: usize) -> String {
    let mut text = String::with_capacity(size);
    match alphabet {
        Alphabet::Ascii => {
            while text.len() < size {
                let at = (offset + text.len()) % ASCII.len();
                let end = ASCII.len().min(at + size - text.len());
                text.push_str(&ASCII[at..end]);
            }
        }
        Alphabet::Wide => {
            let characters = WIDE.chars().count();
            for character in WIDE.chars().cycle().skip(offset % characters) {
                if text.len() + character.len_utf8() > size {
                    break;
                }
                text.push(character);
            }
            text.extend(std::iter::repeat_n('.', size - text.len()));
        }
    }
    text
}
