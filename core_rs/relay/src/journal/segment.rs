//! One file of the journal: room taken from the disk before it is mapped, so that a full disk is an error at the
//! roll-over and never a fault in the middle of a copy.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The part of a segment that writer and reader share.
pub(crate) struct Segment {
    pub(crate) path: PathBuf,
    pub(crate) file: File,
    /// Bytes that hold whole records. The writer stores it after the copy, the reader reads the file up to it.
    published: AtomicU64,
    /// The writer has moved on: nothing will be added.
    sealed: AtomicBool,
}

impl Segment {
    /// Makes the file `NAME` of `bytes` zeroes and maps it.
    pub(crate) fn create(folder: &Path, name: &str, bytes: usize) -> io::Result<(Segment, memmap2::MmapMut)> {
        let path = folder.join(name);
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
        rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, bytes as u64)?;
        let map = map(&file)?;
        Ok((Segment { path, file, published: AtomicU64::new(0), sealed: AtomicBool::new(false) }, map))
    }

    pub(crate) fn publish(&self, bytes: usize) {
        self.published.store(bytes as u64, Ordering::Release);
    }

    pub(crate) fn published(&self) -> usize {
        self.published.load(Ordering::Acquire) as usize
    }

    pub(crate) fn seal(&self) {
        self.sealed.store(true, Ordering::Release);
    }

    pub(crate) fn is_sealed(&self) -> bool {
        self.sealed.load(Ordering::Acquire)
    }
}

#[expect(unsafe_code, reason = "a shared file mapping cannot be made in safe Rust")]
fn map(file: &File) -> io::Result<memmap2::MmapMut> {
    // SAFETY: the bytes of a mapping must not change behind the reference's back and the file must not be cut short. The file was just
    // made by this process with `create_new` in a folder whose lock it holds, its whole length is allocated, and nobody but
    // the one writer that owns this mapping writes to it or changes its length: the reader goes through `read_at` on the file, and
    // deletion leaves the mapped pages in place. `journal::tests::writer_and_reader_agree_under_threads` runs it under valgrind in `make sanitize`.
    unsafe { memmap2::MmapMut::map_mut(file) }
}
