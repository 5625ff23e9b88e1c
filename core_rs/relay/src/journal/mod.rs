//! The node's journal: what was promised and what was charged, on disk before anybody is told.
//!
//! Each core thread appends to its own segments, mapped into memory: a record is a copy into the page cache, so it survives the
//! death of the process without a system call on the request's path. (It does not survive the loss of power of
//! the machine within the reporting interval; the money at stake is then what was delivered in those milliseconds.)
//! A background reader follows through the file and reports; a segment is deleted once all in it is acknowledged.
//!
//! INTENT is written before the upstream is dialled, PROGRESS while a stream runs, SETTLE before the client gets the last bytes.
//! All three carry the same whole row, so recovery is: the last row of each hold wins.

pub(crate) mod reader;
pub(crate) mod record;
pub(crate) mod recovery;
pub(crate) mod segment;
pub(crate) mod writer;

#[cfg(test)]
mod tests;
