use super::reader::Reader;
use super::record::{Ending, Kind, Row, read, read_checked};
use super::recovery;
use super::writer::{Full, ThreadJournal, Writer};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use tollway_policy::ids::Id;
use tollway_policy::money::Counts;

/// A folder of its own for each test, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Scratch {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let name = format!("tollway-journal-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn row(seq: u64, charge_nano: i64, ending: Ending) -> Row<'static> {
    Row {
        seq,
        request_id: Id([1; 16]),
        account: Id([2; 16]),
        key: Id([3; 16]),
        model: "sim-chat",
        upstream: "simulator",
        endpoint: 0,
        status: 200,
        stream: true,
        estimated: false,
        counts: Counts { tokens: [1, 2, 3, 4, 500, 70_000, 7, 8, 9, 5_000_000_000], ..Counts::default() },
        price: Some(Id([4; 16])),
        multiplier_micro: 1_000_000,
        hold_nano: 1_000,
        charge_nano,
        excess_nano: 0,
        attempts: 1,
        started_ms: 1_790_000_000_000,
        first_byte_us: 300,
        total_us: 400,
        ending,
        code: "",
        client_request_id: "abc",
    }
}

#[test]
fn a_row_reads_back_and_a_flipped_bit_does_not() {
    let mut out = Vec::new();
    row(7, 42, Ending::Settled).write(Kind::Settle, 9, 3, &mut out);
    let record = read(&out).unwrap();
    assert_eq!((record.kind, record.length), (Kind::Settle, out.len()));
    let head = record.head;
    assert_eq!((head.seq, head.account, head.charge_nano, head.intent_in), (7, Id([2; 16]), 42, 3));
    assert!(read_checked(9, &out).is_some() && read_checked(8, &out).is_none(), "another use of the segment");
    for index in 8..out.len() {
        let mut torn = out.clone();
        torn[index] ^= 1;
        assert!(read_checked(9, &torn).is_none(), "byte {index}");
    }
}

#[test]
fn a_row_is_the_contracts_array() {
    let mut out = Vec::new();
    row(7, 42, Ending::Recovered).write(Kind::Intent, 9, 9, &mut out);
    let value: Vec<serde::de::IgnoredAny> = rmp_serde::from_slice(read(&out).unwrap().row).unwrap();
    assert_eq!(value.len(), 24);
}

#[test]
fn the_reader_hands_out_endings_and_deletes_what_is_acknowledged() {
    let scratch = Scratch::new();
    let journal = ThreadJournal::new(0, scratch.0.clone(), 4 << 10, 8);
    let writer = Writer::new(journal.clone());
    let mut reader = Reader::new(vec![journal.clone()], 10_000);
    let files = || std::fs::read_dir(&scratch.0).unwrap().count();
    let long_running = writer.next_seq();
    let begun_in = writer.write(Kind::Intent, 0, &row(long_running, 0, Ending::Recovered)).unwrap();
    for _ in 0..60 {
        let seq = writer.next_seq();
        let opened_in = writer.write(Kind::Intent, 0, &row(seq, 0, Ending::Recovered)).unwrap();
        writer.write(Kind::Settle, opened_in, &row(seq, 5, Ending::Settled)).unwrap();
    }
    reader.poll().unwrap();
    assert_eq!(reader.pending(), 60);
    assert_eq!(reader.acknowledge(60).len(), 60);
    reader.poll().unwrap();
    let segments = || journal.segments.lock().unwrap().len();
    assert!(segments() > 1, "the running hold's segment must stay");
    writer.write(Kind::Settle, begun_in, &row(long_running, 9, Ending::Settled)).unwrap();
    reader.poll().unwrap();
    assert_eq!(reader.acknowledge(10)[0].charge_nano, 9);
    reader.poll().unwrap();
    assert_eq!(segments(), 1, "only the segment that is being written is left");
    let made = files();
    for _ in 0..200 {
        let seq = writer.next_seq();
        let opened_in = writer.write(Kind::Intent, 0, &row(seq, 0, Ending::Recovered)).unwrap();
        writer.write(Kind::Settle, opened_in, &row(seq, 5, Ending::Settled)).unwrap();
        reader.poll().unwrap();
        reader.acknowledge(1);
        reader.poll().unwrap();
    }
    assert!(files() <= made, "acknowledged segments are used again");
}

#[test]
fn intents_stop_at_the_bound_and_endings_do_not() {
    let scratch = Scratch::new();
    let journal = ThreadJournal::new(0, scratch.0.clone(), 4 << 10, 2);
    let writer = Writer::new(journal);
    let mut admitted = Vec::new();
    let refused = loop {
        let seq = writer.next_seq();
        match writer.write(Kind::Intent, 0, &row(seq, 0, Ending::Recovered)) {
            Ok(opened_in) => admitted.push((seq, opened_in)),
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, Full::Bound));
    for (seq, opened_in) in admitted {
        writer.write(Kind::Settle, opened_in, &row(seq, 1, Ending::Settled)).unwrap();
    }
}

#[test]
fn a_dead_process_is_settled_with_the_last_row_of_each_hold() {
    let scratch = Scratch::new();
    let dead = scratch.0.join("1");
    {
        let _folder = recovery::lock_folder(&dead, 1).unwrap().unwrap();
        assert!(recovery::adopt_siblings(&scratch.0.join("2"), 2).unwrap().is_empty(), "its owner lives");
        let writer = Writer::new(ThreadJournal::new(0, dead.clone(), 4 << 10, 8));
        writer.write(Kind::Intent, 0, &row(1, 0, Ending::Recovered)).unwrap();
        writer.write(Kind::Progress, 1, &row(1, 30, Ending::Recovered)).unwrap();
        writer.write(Kind::Intent, 0, &row(2, 0, Ending::Recovered)).unwrap();
        writer.write(Kind::Settle, 1, &row(2, 50, Ending::Settled)).unwrap();
        writer.write(Kind::Intent, 0, &row(3, 0, Ending::Recovered)).unwrap();
    }
    let adopted = recovery::adopt_siblings(&scratch.0.join("2"), 2).unwrap();
    assert_eq!(adopted.iter().map(|f| f.epoch).collect::<Vec<_>>(), [1]);
    let rows = recovery::last_rows(&adopted[0].path).unwrap();
    let charges: Vec<_> = rows.iter().map(|(head, _)| (head.seq, head.charge_nano)).collect();
    assert_eq!(charges, [(1, 30), (2, 50), (3, 0)]);
}

#[test]
fn what_a_segment_held_before_is_not_recovered_again() {
    let scratch = Scratch::new();
    let journal = ThreadJournal::new(0, scratch.0.clone(), 4 << 10, 8);
    let mut reader = Reader::new(vec![journal.clone()], 1_000);
    let writer = Writer::new(journal);
    for n in 0..100 {
        let seq = writer.next_seq();
        let opened_in = writer.write(Kind::Intent, 0, &row(seq, 0, Ending::Recovered)).unwrap();
        writer.write(Kind::Settle, opened_in, &row(seq, n, Ending::Settled)).unwrap();
        reader.poll().unwrap();
        reader.acknowledge(1);
        reader.poll().unwrap();
    }
    let last = writer.next_seq();
    writer.write(Kind::Intent, 0, &row(last, 0, Ending::Recovered)).unwrap();
    let rows = recovery::last_rows(&scratch.0).unwrap();
    assert!(rows.len() < 60, "{} rows: what was acknowledged is mostly overwritten", rows.len());
    assert_eq!(rows.last().unwrap().0.seq, last);
    for (head, _) in rows.iter().filter(|(head, _)| head.seq != last) {
        assert_eq!(head.charge_nano, head.seq as i64 - 1, "a row is itself or it is not there");
    }
}

#[test]
fn writer_and_reader_agree_under_threads() {
    let scratch = Scratch::new();
    let journals: Vec<_> = (0..2).map(|t| ThreadJournal::new(t, scratch.0.clone(), 16 << 10, 10_000)).collect();
    let mut reader = Reader::new(journals.clone(), 1_000_000);
    std::thread::scope(|scope| {
        for journal in journals {
            scope.spawn(move || {
                let writer = Writer::new(journal);
                for n in 0..2_000 {
                    let seq = writer.next_seq();
                    let opened_in = writer.write(Kind::Intent, 0, &row(seq, 0, Ending::Recovered)).unwrap();
                    writer.write(Kind::Settle, opened_in, &row(seq, n, Ending::Settled)).unwrap();
                }
            });
        }
        let (mut rows, mut sum) = (0, 0);
        while rows < 4_000 {
            reader.poll().unwrap();
            for head in reader.acknowledge(100) {
                rows += 1;
                sum += head.charge_nano;
            }
            std::thread::yield_now();
        }
        assert_eq!(sum, 2 * (0..2_000).sum::<i64>());
    });
    reader.poll().unwrap();
    assert_eq!(reader.pending(), 0);
}
