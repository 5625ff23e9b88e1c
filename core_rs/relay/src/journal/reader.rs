//! The reading end: follows every thread's segments, hands out settled rows to report, and takes a segment out of use when
//! all that it holds is acknowledged.

use super::record::{self, Head, Kind};
use super::segment::{HEADER_BYTES, Segment};
use super::writer::ThreadJournal;
use std::collections::VecDeque;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, PoisonError};

/// Bytes read from one segment in one go: a backlog is worked off in steps of this size.
const READ_BYTES_MAX: usize = 256 << 10;

/// A settled row that waits for its acknowledgement.
pub(crate) struct Pending {
    pub(crate) row: Vec<u8>,
    pub(crate) head: Head,
    place: (usize, u64),
}

/// Where the reader is in one segment, and what keeps the segment alive.
struct Place {
    segment: Arc<Segment>,
    read: usize,
    /// Holds opened here that have not ended, and endings here that are not acknowledged.
    open: u64,
}

struct Follow {
    journal: Arc<ThreadJournal>,
    places: VecDeque<Place>,
}

/// All threads' journals, as one stream of rows to report.
pub(crate) struct Reader {
    follows: Vec<Follow>,
    pending: VecDeque<Pending>,
    pending_max: usize,
}

impl Reader {
    pub(crate) fn new(journals: Vec<Arc<ThreadJournal>>, pending_max: usize) -> Reader {
        let follows = journals.into_iter().map(|journal| Follow { journal, places: VecDeque::new() }).collect();
        Reader { follows, pending: VecDeque::new(), pending_max }
    }

    /// Reads what was written since the last time, as far as the bound on pending rows allows.
    pub(crate) fn poll(&mut self) -> std::io::Result<()> {
        for index in 0..self.follows.len() {
            self.take_new_segments(index);
            for slot in 0..self.follows[index].places.len() {
                self.read_segment(index, slot)?;
            }
            self.drop_finished(index);
        }
        Ok(())
    }

    fn take_new_segments(&mut self, index: usize) {
        let follow = &mut self.follows[index];
        let segments = follow.journal.segments.lock().unwrap_or_else(PoisonError::into_inner);
        // The shared list loses segments only in `drop_finished`, so its tail beyond ours is what is new.
        for segment in segments.iter().skip(follow.places.len()) {
            follow.places.push_back(Place { segment: segment.clone(), read: HEADER_BYTES, open: 0 });
        }
    }

    fn read_segment(&mut self, index: usize, slot: usize) -> std::io::Result<()> {
        let place = &mut self.follows[index].places[slot];
        let end = place.segment.published().min(place.read + READ_BYTES_MAX);
        if place.read >= end {
            return Ok(());
        }
        let mut bytes = vec![0; end - place.read];
        place.segment.file.read_exact_at(&mut bytes, place.read as u64)?;
        let number = place.segment.number();
        let mut at = 0;
        while self.pending.len() < self.pending_max {
            let Some(record) = record::read(&bytes[at..]) else { break };
            at += record.length;
            let head = record.head;
            let here = (index, number);
            match record.kind {
                Kind::Intent => self.count(here, 1),
                Kind::Progress => {}
                Kind::Settle => {
                    self.count(here, 1);
                    self.pending.push_back(Pending { row: record.row.to_vec(), head, place: here });
                }
            }
        }
        self.follows[index].places[slot].read += at;
        Ok(())
    }

    /// Changes the number of things that keep a segment alive.
    fn count(&mut self, (index, number): (usize, u64), change: i64) {
        if let Some(place) = self.follows[index].places.iter_mut().find(|p| p.segment.number() == number) {
            place.open = place.open.saturating_add_signed(change);
        }
    }

    fn drop_finished(&mut self, index: usize) {
        let follow = &mut self.follows[index];
        while let Some(place) = follow.places.front() {
            let finished = place.open == 0 && place.segment.is_sealed() && place.read >= place.segment.published();
            if !finished {
                return;
            }
            follow.places.pop_front();
            let done = follow.journal.segments.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            if let Some(segment) = done {
                follow.journal.recycle(segment);
            }
        }
    }

    /// The oldest rows that wait, at most `max`.
    pub(crate) fn batch(&self, max: usize) -> impl Iterator<Item = &Pending> {
        self.pending.iter().take(max)
    }

    pub(crate) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// The first `n` rows are in the control plane's books. Their heads come back for the leases.
    pub(crate) fn acknowledge(&mut self, n: usize) -> Vec<Head> {
        let mut heads = Vec::with_capacity(n);
        for _ in 0..n {
            let Some(pending) = self.pending.pop_front() else { break };
            self.count(pending.place, -1);
            self.count((pending.place.0, pending.head.intent_in), -1);
            heads.push(pending.head);
        }
        heads
    }
}
