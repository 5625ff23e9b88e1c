//! The writing end of one core thread's journal.

use super::record::{Kind, ROW_BYTES_MAX, Row};
use super::segment::{HEADER_BYTES, Segment};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Segments beyond the bound that only endings may fill: a hold that was admitted can always be settled.
const RESERVE_SEGMENTS: usize = 4;

/// Acknowledged segments kept for their next use, per thread.
const FREE_SEGMENTS_MAX: usize = 4;

/// The segments of one core thread, oldest first; shared by the writer and the reader.
pub(crate) struct ThreadJournal {
    pub(crate) thread: usize,
    folder: PathBuf,
    segment_bytes: usize,
    segments_max: usize,
    pub(crate) segments: Mutex<VecDeque<Arc<Segment>>>,
    /// Segments whose rows are all acknowledged, to be used again: their pages are in memory and their blocks on the disk, so
    /// that a record costs a copy and no page fault.
    free: Mutex<Vec<Arc<Segment>>>,
}

impl ThreadJournal {
    pub(crate) fn new(thread: usize, folder: PathBuf, segment_bytes: usize, segments_max: usize) -> Arc<ThreadJournal> {
        Arc::new(ThreadJournal {
            thread,
            folder,
            segment_bytes,
            segments_max,
            segments: Mutex::default(),
            free: Mutex::default(),
        })
    }

    /// Takes back a segment that is done with; beyond the few that are kept, its file goes.
    pub(crate) fn recycle(&self, segment: Arc<Segment>) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < FREE_SEGMENTS_MAX {
            free.push(segment);
        } else {
            // Already gone is as good as deleted; anything else shows again as a leftover folder at the next start.
            let _ = std::fs::remove_file(&segment.path);
        }
    }

    fn take_free(&self) -> Option<Arc<Segment>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn segment_count(&self) -> usize {
        self.segments.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// Why a record could not be written.
#[derive(Debug)]
pub(crate) enum Full {
    /// All segments wait for acknowledgement: the control plane is away or slow.
    Bound,
    /// The disk.
    Disk,
}

pub(crate) struct Writer {
    shared: Arc<ThreadJournal>,
    state: RefCell<State>,
    next_seq: Cell<u64>,
}

struct State {
    current: Option<(Arc<Segment>, memmap2::MmapMut)>,
    at: usize,
    made: u64,
    scratch: Vec<u8>,
}

impl Writer {
    pub(crate) fn new(shared: Arc<ThreadJournal>) -> Writer {
        // 40 bits of counting per thread and epoch; the thread above them, well below the sign bit.
        let first = ((shared.thread as u64) << 40) | 1;
        Writer {
            shared,
            state: RefCell::new(State { current: None, at: 0, made: 0, scratch: Vec::with_capacity(ROW_BYTES_MAX) }),
            next_seq: Cell::new(first),
        }
    }

    /// The next hold's number, unique in this epoch.
    pub(crate) fn next_seq(&self) -> u64 {
        let seq = self.next_seq.get();
        self.next_seq.set(seq + 1);
        seq
    }

    /// Writes one record; `intent_in` is what writing the INTENT returned (0 for an INTENT itself). An INTENT is refused when the segments are used
    /// up; an ending may use the reserve. Returns the number of the segment that the record lies in.
    pub(crate) fn write(&self, kind: Kind, intent_in: u64, row: &Row<'_>) -> Result<u64, Full> {
        let state = &mut *self.state.borrow_mut();
        if state.current.is_none() {
            self.roll(state, kind)?;
        }
        loop {
            let Some((segment, map)) = &mut state.current else { return Err(Full::Bound) };
            let number = segment.number();
            state.scratch.clear();
            row.write(kind, number, if kind == Kind::Intent { number } else { intent_in }, &mut state.scratch);
            if let Some(room) = map.get_mut(state.at..state.at + state.scratch.len()) {
                room.copy_from_slice(&state.scratch);
                state.at += state.scratch.len();
                segment.publish(state.at);
                return Ok(number);
            }
            if state.at == HEADER_BYTES {
                return Err(Full::Bound); // a record larger than a segment: cannot be, rows are bounded far below
            }
            self.roll(state, kind)?;
        }
    }

    fn roll(&self, state: &mut State, kind: Kind) -> Result<(), Full> {
        let bound = self.shared.segments_max + if kind == Kind::Settle { RESERVE_SEGMENTS } else { 0 };
        if self.shared.segment_count() >= bound {
            return Err(Full::Bound);
        }
        state.made += 1;
        let segment = match self.shared.take_free() {
            Some(segment) => segment,
            None => {
                let name = format!("{:03}-{:010}.log", self.shared.thread, state.made);
                let made = Segment::create(&self.shared.folder, &name, self.shared.segment_bytes);
                Arc::new(made.map_err(|_| Full::Disk)?)
            }
        };
        let Some(map) = segment.open(state.made) else { return Err(Full::Bound) };
        // In the list before the old one is sealed: the reader drops sealed segments, and must find the successor.
        self.shared.segments.lock().unwrap_or_else(PoisonError::into_inner).push_back(segment.clone());
        if let Some((old, map)) = state.current.replace((segment, map)) {
            old.seal(map);
        }
        state.at = HEADER_BYTES;
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some((segment, map)) = self.state.borrow_mut().current.take() {
            segment.seal(map);
        }
    }
}
