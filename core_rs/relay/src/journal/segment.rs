//! One file of the journal: room taken from the disk before it is mapped, so that a full disk is an error at the
//! roll-over and never a fault in the middle of a copy.

use memmap2::MmapMut;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Bytes before the first record: a mark, and the number of the segment's present use.
pub(crate) const HEADER_BYTES: usize = 16;
const MARK: &[u8; 8] = b"tollway1";

/// A file of the journal and what writer and reader share of it.
pub(crate) struct Segment {
    pub(crate) path: PathBuf,
    pub(crate) file: File,
    /// Counts the uses of all segments of a thread: later ones have higher numbers. Recovery reads them in this order.
    number: AtomicU64,
    /// Bytes that hold whole records. The writer stores it after the copy, the reader reads the file up to it.
    published: AtomicU64,
    /// The writer has moved on: nothing will be added.
    sealed: AtomicBool,
    /// The mapping, while no writer has it.
    map: Mutex<Option<MmapMut>>,
}

impl Segment {
    /// Makes a file of `bytes` zeroes and maps it.
    pub(crate) fn create(folder: &Path, name: &str, bytes: usize) -> io::Result<Segment> {
        let path = folder.join(name);
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
        rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, bytes as u64)?;
        let map = map(&file)?;
        Ok(Segment {
            path,
            file,
            number: AtomicU64::new(0),
            published: AtomicU64::new(0),
            sealed: AtomicBool::new(false),
            map: Mutex::new(Some(map)),
        })
    }

    /// Takes the mapping for a new use. None: it is in use.
    pub(crate) fn open(&self, number: u64) -> Option<MmapMut> {
        let mut map = self.map.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        // The number seeds the checksums: from here on nothing of an earlier use reads as a record.
        map.get_mut(..8)?.copy_from_slice(MARK);
        map.get_mut(8..HEADER_BYTES)?.copy_from_slice(&number.to_le_bytes());
        self.number.store(number, Ordering::Relaxed);
        self.sealed.store(false, Ordering::Relaxed);
        self.published.store(HEADER_BYTES as u64, Ordering::Release);
        Some(map)
    }

    pub(crate) fn number(&self) -> u64 {
        self.number.load(Ordering::Relaxed)
    }

    pub(crate) fn publish(&self, bytes: usize) {
        self.published.store(bytes as u64, Ordering::Release);
    }

    pub(crate) fn published(&self) -> usize {
        self.published.load(Ordering::Acquire) as usize
    }

    /// Ends the present use and gives the mapping back.
    pub(crate) fn seal(&self, map: MmapMut) {
        *self.map.lock().unwrap_or_else(PoisonError::into_inner) = Some(map);
        self.sealed.store(true, Ordering::Release);
    }

    pub(crate) fn is_sealed(&self) -> bool {
        self.sealed.load(Ordering::Acquire)
    }
}

/// The number of a segment's use, from a dead process's file.
pub(crate) fn number_of(bytes: &[u8]) -> Option<u64> {
    let (mark, rest) = bytes.split_first_chunk::<8>()?;
    let (number, _) = rest.split_first_chunk::<8>()?;
    (mark == MARK).then(|| u64::from_le_bytes(*number))
}

#[expect(unsafe_code, reason = "a shared file mapping cannot be made in safe Rust")]
fn map(file: &File) -> io::Result<MmapMut> {
    // SAFETY: the bytes of a mapping must not change behind the reference's back and the file must not be cut short. The file was just
    // made by this process with `create_new` in a folder whose lock it holds, its whole length is allocated, and nobody but
    // the one writer that owns this mapping writes to it or changes its length: the reader goes through `read_at` on the file, and
    // deletion leaves the mapped pages in place. `journal::tests::writer_and_reader_agree_under_threads` runs it under valgrind in `make sanitize`.
    unsafe { MmapMut::map_mut(file) }
}
