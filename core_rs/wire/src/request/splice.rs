//! The body that goes upstream: the caller's bytes, with at most four places changed.
//!
//! A plan is a list of pieces, of the body and of a scratch buffer, ready for a vectored write; the body is neither copied nor serialised.

use crate::{
    Span,
    json::{push_escaped, push_number},
    request::{Facts, IncludeUsage},
    to_u32,
};

/// Three edits make seven pieces; more edits are merged until they fit.
const PIECES_MAX: usize = 8;
const EDITS_MAX: usize = 4;
const EDITS_WITHOUT_MERGE: usize = (PIECES_MAX - 1) / 2;

/// A part of the new body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    Body(Span),
    Scratch(Span),
}

/// The new body: the first `count` pieces, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    pub pieces: [Piece; PIECES_MAX],
    pub count: usize,
    pub total_bytes: u64,
}

impl Plan {
    const EMPTY: Self = Self { pieces: [Piece::Body(Span { start: 0, end: 0 }); PIECES_MAX], count: 0, total_bytes: 0 };

    fn push(&mut self, piece: Piece) {
        let (Piece::Body(span) | Piece::Scratch(span)) = piece;
        if span.is_empty() {
            return;
        }
        if let Some(slot) = self.pieces.get_mut(self.count) {
            *slot = piece;
            self.count += 1;
            self.total_bytes += span.len() as u64;
        }
    }

    /// The bytes of the new body, in order.
    pub fn parts<'a>(&'a self, body: &'a [u8], scratch: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        self.pieces.iter().take(self.count).map(move |piece| match piece {
            Piece::Body(span) => span.of(body),
            Piece::Scratch(span) => span.of(scratch),
        })
    }
}

/// The body as it is.
pub(crate) fn whole(body: &[u8]) -> Plan {
    let mut plan = Plan::EMPTY;
    plan.push(Piece::Body(Span::new(0, body.len())));
    plan
}

/// Plans the upstream's body. `scratch` is cleared first and must stay as it is while the plan is in use.
///
/// `upstream_model` replaces the model's name; `add_include_usage` makes `stream_options.include_usage` true, its other members kept;
/// `max_tokens` replaces every stated output limit, or adds one.
pub fn plan(
    body: &[u8],
    facts: &Facts,
    upstream_model: Option<&str>,
    add_include_usage: bool,
    max_tokens: Option<u64>,
    scratch: &mut Vec<u8>,
) -> Plan {
    let mut edits = Edits::new(scratch);
    if let Some(model) = upstream_model {
        edits.replace(facts.model, |text| push_escaped(text, model));
    }
    let add_options = add_include_usage && facts.include_usage == IncludeUsage::NoOptions;
    if add_include_usage {
        include_usage(&mut edits, body, facts.include_usage);
    }
    let stated = [facts.max_tokens_value, facts.max_completion_tokens_value];
    if let Some(limit) = max_tokens {
        for value in stated.into_iter().flatten() {
            edits.replace(value, |text| push_number(text, limit));
        }
    }
    let add_limit = max_tokens.filter(|_| stated.iter().all(Option::is_none));
    if add_options || add_limit.is_some() {
        edits.replace(Span { start: facts.insert_at, end: facts.insert_at }, |text| {
            if add_options {
                text.extend_from_slice(b"\"stream_options\":{\"include_usage\":true}");
            }
            if add_options && add_limit.is_some() {
                text.push(b',');
            }
            if let Some(limit) = add_limit {
                text.extend_from_slice(b"\"max_tokens\":");
                push_number(text, limit);
            }
            if !closes_next(body, facts.insert_at) {
                text.push(b',');
            }
        });
    }
    edits.plan(body)
}

fn include_usage(edits: &mut Edits<'_>, body: &[u8], stated: IncludeUsage) {
    match stated {
        IncludeUsage::True | IncludeUsage::NoOptions => {}
        IncludeUsage::False { value } => edits.replace(value, |text| text.extend_from_slice(b"true")),
        IncludeUsage::Null { value } => {
            edits.replace(value, |text| text.extend_from_slice(b"{\"include_usage\":true}"))
        }
        IncludeUsage::Absent { insert_at } => edits.replace(Span { start: insert_at, end: insert_at }, |text| {
            text.extend_from_slice(b"\"include_usage\":true");
            if !closes_next(body, insert_at) {
                text.push(b',');
            }
        }),
    }
}

/// Whether the object that was opened just before `at` is empty, so that an inserted member needs no comma.
fn closes_next(body: &[u8], at: u32) -> bool {
    let rest = body.get(at as usize..).unwrap_or_default();
    rest.trim_ascii_start().first() == Some(&b'}')
}

/// What is replaced, and the part of the scratch buffer that replaces it.
#[derive(Clone, Copy, Debug, Default)]
struct Edit {
    old: Span,
    new: Span,
}

/// Edits of one body; none overlaps another.
pub(crate) struct Edits<'s> {
    scratch: &'s mut Vec<u8>,
    list: [Edit; EDITS_MAX],
    count: usize,
}

impl<'s> Edits<'s> {
    pub(crate) fn new(scratch: &'s mut Vec<u8>) -> Self {
        scratch.clear();
        Self { scratch, list: [Edit::default(); EDITS_MAX], count: 0 }
    }

    pub(crate) fn replace(&mut self, old: Span, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.scratch.len();
        write(self.scratch);
        if let Some(slot) = self.list.get_mut(self.count) {
            *slot = Edit { old, new: Span::new(start, self.scratch.len()) };
            self.count += 1;
        }
    }

    pub(crate) fn plan(mut self, body: &[u8]) -> Plan {
        let used = self.list.get_mut(..self.count).unwrap_or_default();
        used.sort_unstable_by_key(|edit| edit.old.start);
        while self.count > EDITS_WITHOUT_MERGE {
            self.merge_closest(body);
        }
        let mut plan = Plan::EMPTY;
        let mut from = 0;
        for edit in self.list.iter().take(self.count) {
            plan.push(Piece::Body(Span { start: from, end: edit.old.start }));
            plan.push(Piece::Scratch(edit.new));
            from = edit.old.end;
        }
        plan.push(Piece::Body(Span { start: from, end: to_u32(body.len()) }));
        plan
    }

    /// Makes one edit of the two neighbours that lie closest, by copying what stands between them.
    fn merge_closest(&mut self, body: &[u8]) {
        let gap_behind = |index: &usize| match self.list.get(*index..index + 2) {
            Some([left, right]) => right.old.start.saturating_sub(left.old.end),
            _ => u32::MAX,
        };
        let Some(index) = (0..self.count.saturating_sub(1)).min_by_key(gap_behind) else {
            return;
        };
        let Some([left, right]) = self.list.get(index..index + 2).and_then(|pair| <[Edit; 2]>::try_from(pair).ok())
        else {
            return;
        };
        let start = self.scratch.len();
        self.scratch.extend_from_within(left.new.start as usize..left.new.end as usize);
        self.scratch.extend_from_slice(Span { start: left.old.end, end: right.old.start }.of(body));
        self.scratch.extend_from_within(right.new.start as usize..right.new.end as usize);
        let merged =
            Edit { old: Span { start: left.old.start, end: right.old.end }, new: Span::new(start, self.scratch.len()) };
        self.list.copy_within(index + 1..self.count, index);
        if let Some(slot) = self.list.get_mut(index) {
            *slot = merged;
        }
        self.count -= 1;
    }
}
