use super::{Counts, answer, rows};
use serde::Serialize;

#[derive(Serialize)]
struct Report {
    node: String,
    epoch: u64,
    settles: Vec<(u64, String)>,
    held: Vec<(u64, i64)>,
}

fn report(rows: usize) -> Vec<u8> {
    let node = "node_0123456789ABCDEFGHJKMNPQRS-and-longer".to_owned();
    let settles = (0..rows as u64).map(|seq| (seq, "x".repeat(200))).collect();
    rmp_serde::to_vec_named(&Report { node, epoch: 70_000, settles, held: Vec::new() }).unwrap()
}

#[test]
fn rows_are_counted_as_a_real_encoder_writes_them() {
    for count in [0, 1, 15, 16, 1_000, 70_000] {
        assert_eq!(rows(&report(count)), Some(count as u64));
    }
    assert_eq!(rows(&[]), None);
    assert_eq!(rows(&rmp_serde::to_vec_named(&("node", 1)).unwrap()), None);
}

#[test]
fn a_report_is_acknowledged_and_counted() {
    let counts = Counts::default();
    for count in [3, 4] {
        let (status, _, body) = answer("POST /internal/node/report", &report(count), &counts, 1);
        let acked: std::collections::HashMap<String, u64> = rmp_serde::from_slice(&body).unwrap();
        assert_eq!((status, acked["acked"]), ("200 OK", count as u64));
    }
    assert_eq!((counts.reports.get(), counts.rows.get()), (2, 7));
    assert!(answer("POST /internal/node/report", b"", &counts, 1).0.starts_with("422"));
    assert!(answer("GET /", b"", &counts, 1).0.starts_with("404"));
}
