//! What a dead gateway process left behind: its folder is adopted when its lock is free, and each hold in it is settled
//! with the last row that was written for it.

use super::record::{self, Head, Kind};
use super::segment::{self, HEADER_BYTES};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Name of the lock file in every epoch's folder.
const LOCK: &str = "lock";

/// A journal folder that this process holds the lock of.
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    pub(crate) epoch: u64,
    /// Held for its lock.
    _lock: File,
}

/// Makes (or enters) a folder and takes its lock. None: another process lives in it.
pub(crate) fn lock_folder(path: &Path, epoch: u64) -> io::Result<Option<Folder>> {
    std::fs::create_dir_all(path)?;
    let lock = OpenOptions::new().create(true).truncate(false).write(true).open(path.join(LOCK))?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(Folder { path: path.to_path_buf(), epoch, _lock: lock })),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// The folders beside ours whose owner has died.
pub(crate) fn adopt_siblings(own: &Path, own_epoch: u64) -> io::Result<Vec<Folder>> {
    let Some(parent) = own.parent() else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(parent)? {
        let entry = entry?;
        let Some(epoch) = entry.file_name().to_str().and_then(|name| name.parse::<u64>().ok()) else { continue };
        if epoch != own_epoch && entry.file_type()?.is_dir() {
            found.extend(lock_folder(&entry.path(), epoch)?);
        }
    }
    found.sort_by_key(|folder| folder.epoch);
    Ok(found)
}

/// The last row of every hold in a folder, in order of seq. A torn record ends its segment, as nothing was published after it.
pub(crate) fn last_rows(folder: &Path) -> io::Result<Vec<(Head, Vec<u8>)>> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)?
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "log"))
        .collect();
    paths.sort(); // by thread: a hold never leaves its thread
    let mut uses: Vec<(PathBuf, u64)> = Vec::new();
    let mut rows: BTreeMap<u64, (Kind, Head, Vec<u8>)> = BTreeMap::new();
    for path in paths {
        let mut start = [0; HEADER_BYTES];
        let opened = File::open(&path)?.read_exact_at(&mut start, 0);
        if let (Ok(()), Some(number)) = (opened, segment::number_of(&start)) {
            uses.push((path, number));
        }
    }
    uses.sort_by_key(|(_, number)| *number); // within a thread, the order of writing
    for (path, number) in uses {
        let bytes = std::fs::read(&path)?;
        let mut at = HEADER_BYTES;
        while let Some(record) = bytes.get(at..).and_then(|rest| record::read_checked(number, rest)) {
            at += record.length;
            let ended = rows.get(&record.head.seq).is_some_and(|(kind, _, _)| *kind == Kind::Settle);
            if !ended {
                rows.insert(record.head.seq, (record.kind, record.head, record.row.to_vec()));
            }
        }
    }
    Ok(rows.into_values().map(|(_, head, row)| (head, row)).collect())
}
