//! Walks the bytes once, table by table in the order of the contract, and hands each row to the draft: no intermediate copy of the keys.

use super::apply::{Draft, Parts};
use super::{Live, Snapshot, SnapshotError};
use core::fmt;
use core::marker::PhantomData;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};

const VERSION: u64 = 1;
/// No key row is shorter than its digest and two ids: what bounds the room that a row count can make us reserve.
const KEY_ROW_BYTES_MIN: usize = 64;

/// Reads and checks all of a snapshot.
pub(super) fn decode(bytes: &[u8], previous: &Snapshot, live: &Live) -> Result<Parts, SnapshotError> {
    let mut draft = Draft::new(previous, live);
    read(bytes, &mut draft)?;
    Ok(draft.finish())
}

/// Reads all of `bytes` into the draft.
fn read<'a>(bytes: &'a [u8], draft: &mut Draft<'a>) -> Result<(), SnapshotError> {
    draft.rows_max = bytes.len() / KEY_ROW_BYTES_MIN;
    let mut deserializer = rmp_serde::Deserializer::from_read_ref(bytes);
    let result = deserializer.deserialize_seq(Document { draft });
    if let Some(problem) = draft.problem.take() {
        return Err(problem);
    }
    result.map_err(|error| SnapshotError::Malformed(draft.describe(&error)))?;
    // Where the bytes end, there is no further marker to be read.
    match bool::deserialize(&mut deserializer) {
        Err(rmp_serde::decode::Error::InvalidMarkerRead(_)) => Ok(()),
        _ => Err(SnapshotError::Malformed("more bytes follow after its end".into())),
    }
}

struct Document<'d, 'a> {
    draft: &'d mut Draft<'a>,
}

impl<'a> Visitor<'a> for Document<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a snapshot's array of nine")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<(), A::Error> {
        let draft = self.draft;
        let version: u64 = element(&mut seq, "version")?;
        if version != VERSION {
            return Err(A::Error::custom(format_args!("version {version}, where {VERSION} is understood")));
        }
        let (generation, base) = (element(&mut seq, "generation")?, element(&mut seq, "base")?);
        draft.checked(|draft| draft.begin(generation, base))?;
        table(&mut seq, draft, "groups", |draft, row| {
            draft.group_rows.push(row);
            Ok(())
        })?;
        draft.checked(Draft::end_groups)?;
        table(&mut seq, draft, "models", |draft, row| {
            draft.model_rows.push(row);
            Ok(())
        })?;
        table(&mut seq, draft, "upstreams", |draft, row| draft.put_upstream(&row))?;
        draft.checked(Draft::end_catalog)?;
        table(&mut seq, draft, "accounts", |draft, row| draft.put_account(&row))?;
        table(&mut seq, draft, "keys", |draft, row| draft.put_key(&row))?;
        table(&mut seq, draft, "gone", |draft, row| draft.remove_key(&row))?;
        draft.checked(Draft::end)
    }
}

fn element<'a, A: SeqAccess<'a>, T: Deserialize<'a>>(seq: &mut A, name: &str) -> Result<T, A::Error> {
    seq.next_element()?.ok_or_else(|| A::Error::custom(format_args!("it ends before {name}")))
}

/// One table: nil, or rows that are put one by one. A row that is refused ends the reading.
fn table<'a, A: SeqAccess<'a>, R: Deserialize<'a>>(
    seq: &mut A,
    draft: &mut Draft<'a>,
    name: &'static str,
    put: fn(&mut Draft<'a>, R) -> Result<(), String>,
) -> Result<(), A::Error> {
    draft.enter(name);
    seq.next_element_seed(Table { draft, put, row: PhantomData })?
        .ok_or_else(|| A::Error::custom("it ends before this table"))
}

struct Table<'d, 'a, R> {
    draft: &'d mut Draft<'a>,
    put: fn(&mut Draft<'a>, R) -> Result<(), String>,
    row: PhantomData<R>,
}

impl<'a, R: Deserialize<'a>> DeserializeSeed<'a> for Table<'_, 'a, R> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'a, R: Deserialize<'a>> Visitor<'a> for Table<'_, 'a, R> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table: an array of rows, or nil")
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        self.draft.checked(Draft::absent)
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.visit_none()
    }

    fn visit_some<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self { draft, put, .. } = self;
        draft.present(seq.size_hint().unwrap_or(0));
        while let Some(row) = seq.next_element()? {
            if let Err(what) = put(draft, row) {
                return draft.checked(|draft| Err(draft.invalid(&what)));
            }
            draft.next_row();
        }
        Ok(())
    }
}
