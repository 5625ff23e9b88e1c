//! The chunked transfer coding (RFC 9112 §7.1), strictly: payload out, extensions and trailers dropped.
//!
//! Nothing of a sender's own framing travels on; the payload is framed anew with [`size_line`]. The first illegal byte ends the
//! message for good, because behind it nobody knows where the next message starts.

/// Hex digits of one chunk size: 2^60 bytes are more than any limit.
const SIZE_DIGITS_MAX: u8 = 15;
/// Bytes of chunk extensions in one message; they mean nothing to us, so many of them are an attack on our time.
const EXTENSION_BYTES_MAX: u32 = 16 << 10;
/// Bytes of trailers in one message.
const TRAILER_BYTES_MAX: u32 = 8 << 10;

/// What is wrong with the framing; the connection cannot be used any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkError(pub &'static str);

/// What one call of [`Decoder::decode`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the buffer that belong to this message; all of it unless `done`.
    pub consumed: usize,
    /// The payload among them, moved to the front: `buf[..payload]`.
    pub payload: usize,
    /// The last chunk and its trailers have been read; what follows `consumed` belongs to the next message.
    pub done: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Size,
    Extension,
    SizeLineFeed,
    Data,
    DataCarriageReturn,
    DataLineFeed,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLineFeed,
    EndLineFeed,
    Done,
    /// An error was reported; every later call reports one too.
    Broken,
}

/// Where in a chunked body we are. 24 bytes, so an idle stream stays small.
#[derive(Clone, Debug)]
pub struct Decoder {
    remaining: u64,
    extension_bytes: u32,
    trailer_bytes: u32,
    digits: u8,
    state: State,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    pub const fn new() -> Self {
        Self { remaining: 0, extension_bytes: 0, trailer_bytes: 0, digits: 0, state: State::Size }
    }

    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Takes what has been read so far (bytes that earlier calls consumed must not come again) and moves the payload to the front.
    /// Bytes from `consumed` on are untouched.
    pub fn decode(&mut self, buf: &mut [u8]) -> Result<Progress, ChunkError> {
        let (mut at, mut payload) = (0_usize, 0_usize);
        while self.state != State::Done {
            if self.state == State::Data {
                let available = buf.len() - at;
                let taken = usize::try_from(self.remaining).map_or(available, |remaining| remaining.min(available));
                if at != payload {
                    buf.copy_within(at..at + taken, payload);
                }
                at += taken;
                payload += taken;
                self.remaining -= taken as u64;
                if self.remaining > 0 {
                    break;
                }
                self.state = State::DataCarriageReturn;
            }
            let Some(&byte) = buf.get(at) else { break };
            if let Err(reason) = self.step(byte) {
                self.state = State::Broken;
                return Err(ChunkError(reason));
            }
            at += 1;
        }
        Ok(Progress { consumed: at, payload, done: self.is_done() })
    }

    /// One byte that is not payload.
    fn step(&mut self, byte: u8) -> Result<(), &'static str> {
        self.state = match (self.state, byte) {
            (State::Size, b'\r') if self.digits > 0 => State::SizeLineFeed,
            (State::Size, b';') if self.digits > 0 => State::Extension,
            (State::Size, _) => self.digit(byte)?,
            (State::Extension, b'\r') => State::SizeLineFeed,
            (State::Extension, b'\t' | 0x20..=0x7e | 0x80..) => {
                count(&mut self.extension_bytes, EXTENSION_BYTES_MAX, "too many bytes of chunk extensions")?;
                State::Extension
            }
            (State::SizeLineFeed, b'\n') => {
                self.digits = 0;
                if self.remaining == 0 { State::TrailerStart } else { State::Data }
            }
            (State::DataCarriageReturn, b'\r') => State::DataLineFeed,
            (State::DataLineFeed, b'\n') => State::Size,
            (State::TrailerStart, b'\r') => State::EndLineFeed,
            (State::TrailerName, b':') => State::TrailerValue,
            (State::TrailerStart | State::TrailerName, _) if is_token(byte) => {
                count(&mut self.trailer_bytes, TRAILER_BYTES_MAX, "too many bytes of trailers")?;
                State::TrailerName
            }
            (State::TrailerValue, b'\r') => State::TrailerLineFeed,
            (State::TrailerValue, b'\t' | 0x20..=0x7e | 0x80..) => {
                count(&mut self.trailer_bytes, TRAILER_BYTES_MAX, "too many bytes of trailers")?;
                State::TrailerValue
            }
            (State::TrailerLineFeed, b'\n') => State::TrailerStart,
            (State::EndLineFeed, b'\n') => State::Done,
            (State::Extension, _) => return Err("illegal byte in a chunk extension"),
            (State::TrailerStart | State::TrailerName | State::TrailerValue, _) => {
                return Err("illegal byte in a trailer");
            }
            (State::DataCarriageReturn | State::DataLineFeed, _) => {
                return Err("a chunk is longer than its size line says");
            }
            (State::Broken, _) => return Err("the framing was already broken"),
            _ => return Err("a line of the chunked framing does not end in CRLF"),
        };
        Ok(())
    }

    fn digit(&mut self, byte: u8) -> Result<State, &'static str> {
        let Some(digit) = char::from(byte).to_digit(16) else {
            return Err("a chunk size is not a hex number");
        };
        if self.digits == SIZE_DIGITS_MAX {
            return Err("a chunk size is too large");
        }
        self.digits += 1;
        self.remaining = (self.remaining << 4) | u64::from(digit);
        Ok(State::Size)
    }
}

fn count(bytes: &mut u32, limit: u32, too_many: &'static str) -> Result<(), &'static str> {
    *bytes += 1;
    if *bytes > limit { Err(too_many) } else { Ok(()) }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The size line of one chunk: `1a\r\n` for 26. The chunk's own CRLF follows its payload.
pub fn size_line(n: usize, out: &mut [u8; 18]) -> &[u8] {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut start = 16;
    let mut rest = n as u64;
    out[16] = b'\r';
    out[17] = b'\n';
    loop {
        start -= 1;
        out[start] = HEX[(rest & 0xf) as usize];
        rest >>= 4;
        if rest == 0 {
            return &out[start..];
        }
    }
}

#[cfg(test)]
mod tests;
