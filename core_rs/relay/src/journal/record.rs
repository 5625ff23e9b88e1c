//! One journal record: its frame, and the row inside it, which is the report row of `ARCHITECTURE.md` in msgpack.
//!
//! The row is written in the form in which it is reported, and the three numbers that the node itself keeps books with stand
//! before it at fixed places: the reporter copies bytes and decodes nothing.

use tollway_policy::ids::Id;
use tollway_policy::money::Counts;

/// Length and checksum before each record.
pub(crate) const FRAME_BYTES: usize = 8;
/// A row is at most this long: names are bounded by the snapshot (255 bytes), the client's id by us (64).
pub(crate) const ROW_BYTES_MAX: usize = 2 << 10;
/// Longest model or upstream name, error code or client id that a row carries; longer ones are cut.
const TEXT_BYTES_MAX: usize = 255;

/// What a record says of its hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    Intent = 1,
    Progress = 2,
    Settle = 3,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Kind> {
        match byte {
            1 => Some(Kind::Intent),
            2 => Some(Kind::Progress),
            3 => Some(Kind::Settle),
            _ => None,
        }
    }
}

/// How a hold ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Ending {
    Settled = 0,
    Voided = 1,
    Recovered = 2,
}

/// Everything that is ever reported of one request.
pub(crate) struct Row<'a> {
    pub(crate) seq: u64,
    pub(crate) request_id: Id,
    pub(crate) account: Id,
    pub(crate) key: Id,
    pub(crate) model: &'a str,
    pub(crate) upstream: &'a str,
    pub(crate) endpoint: u8,
    pub(crate) status: u16,
    pub(crate) stream: bool,
    pub(crate) estimated: bool,
    pub(crate) counts: Counts,
    pub(crate) price: Option<Id>,
    pub(crate) multiplier_micro: u64,
    pub(crate) hold_nano: i64,
    pub(crate) charge_nano: i64,
    pub(crate) excess_nano: i64,
    pub(crate) attempts: u8,
    pub(crate) started_ms: u64,
    pub(crate) first_byte_us: u64,
    pub(crate) total_us: u64,
    pub(crate) ending: Ending,
    pub(crate) code: &'a str,
    pub(crate) client_request_id: &'a str,
}

/// The fields that the node itself needs of a reported row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) seq: u64,
    pub(crate) account: Id,
    pub(crate) charge_nano: i64,
    /// The number of the segment in which the hold's INTENT lies.
    pub(crate) intent_in: u64,
}

/// A record as it is read back.
pub(crate) struct Record<'a> {
    pub(crate) kind: Kind,
    pub(crate) head: Head,
    /// The report row, msgpack.
    pub(crate) row: &'a [u8],
    /// Bytes of the whole record: where the next one starts.
    pub(crate) length: usize,
}

impl Row<'_> {
    /// Appends the framed record. `segment` is the number of the segment that it goes to, and seeds the checksum: what a segment held
    /// before it was used again does not read as a record of the new use.
    pub(crate) fn write(&self, kind: Kind, segment: u64, intent_in: u64, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[0; FRAME_BYTES]);
        out.push(kind as u8);
        out.extend_from_slice(&self.seq.to_le_bytes());
        out.extend_from_slice(&self.account.0);
        out.extend_from_slice(&self.charge_nano.to_le_bytes());
        out.extend_from_slice(&intent_in.to_le_bytes());
        self.write_row(out);
        let body = &out[start + FRAME_BYTES..];
        let (length, sum) = (body.len() as u32, checksum(segment, body));
        out[start..start + 4].copy_from_slice(&length.to_le_bytes());
        out[start + 4..start + 8].copy_from_slice(&sum.to_le_bytes());
    }

    fn write_row(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[0xdc, 0, 24]); // array 16, 24 fields
        uint(out, self.seq);
        for id in [self.request_id, self.account, self.key] {
            bin(out, &id.0);
        }
        text(out, self.model);
        text(out, self.upstream);
        uint(out, u64::from(self.endpoint));
        uint(out, u64::from(self.status));
        flag(out, self.stream);
        flag(out, self.estimated);
        out.push(0x90 | 10);
        for n in self.counts.tokens {
            uint(out, n);
        }
        out.push(0x90 | 4);
        for n in [self.counts.requests, self.counts.images, self.counts.milliseconds, self.counts.characters] {
            uint(out, n);
        }
        match self.price {
            Some(id) => bin(out, &id.0),
            None => out.push(0xc0),
        }
        uint(out, self.multiplier_micro);
        for nano in [self.hold_nano, self.charge_nano, self.excess_nano] {
            uint(out, nano.max(0) as u64);
        }
        uint(out, u64::from(self.attempts));
        for n in [self.started_ms, self.first_byte_us, self.total_us] {
            uint(out, n);
        }
        uint(out, u64::from(self.ending as u8));
        text(out, self.code);
        text(out, self.client_request_id);
    }
}

/// Most numbers of a row are zero or small.
#[inline]
fn uint(out: &mut Vec<u8>, n: u64) {
    if n <= 0x7f {
        out.push(n as u8);
    } else {
        large_uint(out, n);
    }
}

fn large_uint(out: &mut Vec<u8>, n: u64) {
    match n {
        0..=0xff => out.extend_from_slice(&[0xcc, n as u8]),
        0x100..=0xffff => {
            out.push(0xcd);
            out.extend_from_slice(&(n as u16).to_be_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            out.push(0xce);
            out.extend_from_slice(&(n as u32).to_be_bytes());
        }
        _ => {
            out.push(0xcf);
            out.extend_from_slice(&n.to_be_bytes());
        }
    }
}

fn bin(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&[0xc4, bytes.len() as u8]);
    out.extend_from_slice(bytes);
}

/// A string; one that is too long is cut at its last whole character.
fn text(out: &mut Vec<u8>, text: &str) {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1; // `floor_char_boundary` is younger than the oldest compiler that we promise
    }
    let kept = &text[..end];
    out.extend_from_slice(&[0xd9, kept.len() as u8]);
    out.extend_from_slice(kept.as_bytes());
}

fn flag(out: &mut Vec<u8>, value: bool) {
    out.push(if value { 0xc3 } else { 0xc2 });
}

fn checksum(segment: u64, body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(segment as u32);
    hasher.update(body);
    hasher.finalize()
}

/// The first whole record of a dead process's segment. None at the written end, or where a record was torn.
pub(crate) fn read_checked(segment: u64, bytes: &[u8]) -> Option<Record<'_>> {
    let record = read(bytes)?;
    let sum = u32::from_le_bytes(bytes.get(4..8)?.try_into().ok()?);
    (checksum(segment, &bytes[FRAME_BYTES..record.length]) == sum).then_some(record)
}

/// The first record of bytes that this very process has published; they need no checking.
pub(crate) fn read(bytes: &[u8]) -> Option<Record<'_>> {
    let length = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
    let body = bytes.get(FRAME_BYTES..FRAME_BYTES.checked_add(length)?)?;
    let (kind, rest) = body.split_first()?;
    let (seq, rest) = rest.split_first_chunk::<8>()?;
    let (account, rest) = rest.split_first_chunk::<16>()?;
    let (charge, rest) = rest.split_first_chunk::<8>()?;
    let (intent_in, row) = rest.split_first_chunk::<8>()?;
    let head = Head {
        seq: u64::from_le_bytes(*seq),
        account: Id(*account),
        charge_nano: i64::from_le_bytes(*charge),
        intent_in: u64::from_le_bytes(*intent_in),
    };
    Some(Record { kind: Kind::from_byte(*kind)?, head, row, length: FRAME_BYTES + length })
}
