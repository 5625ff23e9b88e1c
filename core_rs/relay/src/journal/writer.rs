//! The writing end of one core thread's journal.

use super::record::{Kind, ROW_BYTES_MAX, Row};
use super::segment::Segment;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Segments beyond the bound that only endings may fill: a hold that was admitted can always be settled.
const RESERVE_SEGMENTS: usize = 4;

/// The segments of one core thread, oldest first; shared by the writer and the reader.
pub(crate) struct ThreadJournal {
    pub(crate) thread: usize,
    folder: PathBuf,
    segment_bytes: usize,
    segments_max: usize,
    pub(crate) segments: Mutex<VecDeque<Arc<Segment>>>,
}

impl ThreadJournal {
    pub(crate) fn new(thread: usize, folder: PathBuf, segment_bytes: usize, segments_max: usize) -> Arc<ThreadJournal> {
        Arc::new(ThreadJournal { thread, folder, segment_bytes, segments_max, segments: Mutex::default() })
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

    /// Writes one record. An INTENT is refused when the segments are used up; an ending may use the reserve.
    pub(crate) fn write(&self, kind: Kind, row: &Row<'_>) -> Result<(), Full> {
        let state = &mut *self.state.borrow_mut();
        state.scratch.clear();
        row.write(kind, &mut state.scratch);
        let needed = state.scratch.len();
        let fits = state.current.as_ref().is_some_and(|(_, map)| state.at + needed <= map.len());
        if !fits {
            self.roll(state, kind)?;
        }
        let Some((segment, map)) = &mut state.current else { return Err(Full::Bound) };
        let Some(room) = map.get_mut(state.at..state.at + needed) else { return Err(Full::Bound) };
        room.copy_from_slice(&state.scratch);
        state.at += needed;
        segment.publish(state.at);
        Ok(())
    }

    fn roll(&self, state: &mut State, kind: Kind) -> Result<(), Full> {
        let bound = self.shared.segments_max + if kind == Kind::Settle { RESERVE_SEGMENTS } else { 0 };
        if self.shared.segment_count() >= bound {
            return Err(Full::Bound);
        }
        let name = format!("{:03}-{:010}.log", self.shared.thread, state.made);
        let (segment, map) =
            Segment::create(&self.shared.folder, &name, self.shared.segment_bytes).map_err(|_| Full::Disk)?;
        let segment = Arc::new(segment);
        // In the list before the old one is sealed: the reader deletes sealed segments, and must find the successor.
        self.shared.segments.lock().unwrap_or_else(PoisonError::into_inner).push_back(segment.clone());
        if let Some((old, _)) = state.current.replace((segment, map)) {
            old.seal();
        }
        state.made += 1;
        state.at = 0;
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some((segment, _)) = &self.state.borrow().current {
            segment.seal();
        }
    }
}
