//! What was settled is reported until it is acknowledged: through lost answers, an absent control plane, a death and a hand-over.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed test is a panic")]

mod support;

use std::net::TcpListener;
use std::path::Path;
use support::upstream::{LAST, framed, json, stream_head};
use support::{
    Act, BALANCE_NANO, Client, Control, DONE, Gateway, HELLO, HELLO_STREAM, KEY, Setup, Upstream, basic, chunk,
    completion, eventually, finish, scratch_folder,
};
use tollway_policy::testing::id;

const PATH: &str = "/v1/chat/completions";
const PRICE_NANO: i64 = 210_000;

#[test]
fn rows_outlast_an_absent_control_plane_and_lost_answers_and_are_posted_once() {
    let upstream = Upstream::answering(json(200, &completion(1_000, 100)));
    let gateway = Gateway::with(&basic(upstream.address), serde_json::json!({"report_rows_max": 7}));
    assert_eq!(gateway.chat(HELLO).status, 200);
    gateway.control.rows(1);
    gateway.control.with(|books| books.away = true);
    let mut client = gateway.client();
    for _ in 0..20 {
        assert_eq!(client.call("POST", PATH, KEY, HELLO).status, 200);
    }
    gateway.wait("it notices", |status| status["counters"]["journal_unacked"] == 20);
    gateway.control.with(|books| (books.away, books.answers_to_lose) = (false, 2));
    let rows = gateway.control.rows(21);
    assert_eq!((rows.len(), rows.iter().map(|row| row.charge).sum::<i64>()), (21, 21 * PRICE_NANO));
    assert!(gateway.control.with(|books| books.repeated) >= 7, "a batch came again, word for word");
    gateway.wait("all is acknowledged", |status| status["counters"]["journal_unacked"] == 0);
    assert!(gateway.finish());
    assert_eq!(
        gateway.control.balance(id(1), BALANCE_NANO),
        (BALANCE_NANO - 21 * PRICE_NANO as u64, 0, 21 * PRICE_NANO)
    );
}

#[test]
fn a_drain_returns_the_lease_even_when_the_answer_to_it_is_lost() {
    let upstream = Upstream::answering(json(200, &completion(1_000, 100)));
    let gateway = Gateway::start(&basic(upstream.address));
    assert_eq!(gateway.chat(HELLO).status, 200);
    gateway.control.rows(1);
    gateway.control.with(|books| books.answers_to_lose = 2);
    assert!(gateway.finish());
    assert_eq!(gateway.control.with(|books| (books.answers_to_lose, books.finals.clone())), (0, vec![1]));
    assert_eq!(gateway.control.balance(id(1), BALANCE_NANO), (BALANCE_NANO - PRICE_NANO as u64, 0, PRICE_NANO));
    assert!(!gateway.folder.join("1").exists(), "nothing is left to adopt");
}

#[test]
fn a_lease_that_could_not_be_returned_is_returned_later() {
    let upstream = Upstream::answering(json(200, &completion(1_000, 100)));
    let gateway = Gateway::start(&basic(upstream.address));
    assert_eq!(gateway.chat(HELLO).status, 200);
    gateway.control.rows(1);
    gateway.control.with(|books| books.away = true);
    assert!(gateway.core.drain(20_000));
    let missed = gateway.control.with(|books| books.missed);
    gateway.control.wait("it has tried", |books| books.missed >= missed + 3);
    gateway.control.with(|books| books.away = false);
    gateway.core.stop();
    assert_eq!(gateway.control.balance(id(1), BALANCE_NANO), (BALANCE_NANO - PRICE_NANO as u64, 0, PRICE_NANO));
}

#[test]
fn what_cannot_be_reported_at_the_end_is_left_to_the_successor() {
    let upstream = Upstream::answering(json(200, &completion(1_000, 100)));
    let control = Control::start();
    control.fund(id(1), BALANCE_NANO);
    let folder = scratch_folder();
    let node = |epoch| {
        let setup = Setup { epoch, folder: Some(folder.clone()), books: Some(control.clone()), ..Setup::default() };
        Gateway::launch(&basic(upstream.address), setup)
    };
    let first = node(1);
    assert_eq!(first.chat(HELLO).status, 200);
    control.rows(1);
    control.with(|books| books.away = true);
    for _ in 0..3 {
        assert_eq!(first.chat(HELLO).status, 200);
    }
    first.core.stop();
    assert!(folder.join("1").exists());
    control.with(|books| books.away = false);
    let second = node(2);
    control.wait("the predecessor is closed", |books| books.finals.contains(&1));
    assert_eq!(control.rows(4).len(), 4);
    eventually("its folder goes", || !folder.join("1").exists());
    assert!(second.finish());
    control.wait("the successor is closed", |books| books.finals == [1, 2]);
    let charged = control.with(|books| books.rows.iter().map(|row| row.charge).sum::<i64>());
    assert_eq!(charged, 4 * PRICE_NANO);
}

/// Copies a folder as a sudden death would leave it: what was written to the mapping is in the file.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

fn contents(folder: &Path) -> Vec<u8> {
    let mut logs: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    logs.sort();
    logs.iter().flat_map(|path| std::fs::read(path).unwrap()).collect()
}

/// Text of one step of a long stream: more than what progress is noted for.
fn step(n: usize) -> String {
    format!("step {n:04} {}", "x".repeat(300))
}

const STEPS: usize = 1_000;

/// Plain requests are answered, `pending` ones never, streams go on step by step.
fn slow_upstream() -> Upstream {
    Upstream::start(|request| {
        if request.body.contains("pending") {
            return vec![Act::Hangup];
        }
        if !request.body.contains("\"stream\"") {
            return vec![Act::Send(json(200, &completion(1_000, 100)))];
        }
        let mut acts = vec![Act::Send(stream_head())];
        for n in 0..STEPS {
            acts.extend([Act::Send(framed(&chunk(&step(n)))), Act::Await]);
        }
        acts
    })
}

#[test]
fn a_successor_settles_what_a_death_left_open_at_what_was_delivered() {
    let upstream = slow_upstream();
    let dying = Gateway::start(&basic(upstream.address));
    assert_eq!(dying.chat(HELLO).status, 200);
    dying.control.rows(1);
    dying.control.with(|books| books.away = true);
    assert_eq!(dying.chat(HELLO).status, 200); // settled, not reported
    let mut pending = dying.client();
    pending.send(Client::request("POST", PATH, KEY, &HELLO.replace("Hello", "pending")));
    (0..3).for_each(|_| upstream.wait_for_request());
    let mut streaming = dying.client();
    streaming.send(Client::request("POST", PATH, KEY, HELLO_STREAM));
    streaming.read_until(&step(0)[..9]);
    let journal = dying.folder.join("1");
    let (before, mut delivered) = (contents(&journal), 1);
    while contents(&journal) == before {
        upstream.go();
        streaming.read_until(&step(delivered)[..9]);
        delivered += 1;
        assert!(delivered < STEPS, "progress was never noted");
    }
    let folder = scratch_folder();
    copy(&journal, &folder.join("1"));

    let control = Control::start();
    control.with(|books| books.answers_to_lose = 1);
    let setup = |epoch| Setup { epoch, folder: Some(folder.clone()), books: Some(control.clone()), ..Setup::default() };
    let successor = Gateway::launch(&basic(upstream.address), setup(2));
    control.wait("the dead epoch is closed", |books| books.finals.contains(&1));
    let mut rows = control.rows(4);
    rows.sort_by_key(|row| row.seq);
    let told: Vec<_> = rows.iter().map(|row| (row.seq, row.outcome)).collect();
    assert_eq!(told, [(1, 0), (2, 0), (3, 2), (4, 2)], "settled stays settled, open is recovered");
    assert_eq!((rows[1].charge, rows[2].charge), (PRICE_NANO, 0));
    let most = (delivered * step(0).len()).div_ceil(4) as u64;
    assert!(
        rows[3].tokens[4] > step(0).len() as u64 / 4 && rows[3].tokens[4] <= most,
        "{:?} of {most}",
        rows[3].tokens
    );
    assert_eq!(rows[3].charge, rows[3].tokens[0] as i64 * 150 + rows[3].tokens[4] as i64 * 600);
    assert!(rows[3].estimated && rows[3].stream);
    eventually("the folder of the dead goes", || !folder.join("1").exists());

    assert!(successor.finish());
    assert_eq!(control.with(|books| (books.rows.len(), books.finals.clone())), (4, vec![1, 2]), "nothing twice");
    dying.control.with(|books| books.away = false);
}

#[test]
fn a_hand_over_refuses_no_connection_and_loses_no_row() {
    let upstream = Upstream::start(|request| {
        if !request.body.contains("\"stream\"") {
            return vec![Act::Send(json(200, &completion(1_000, 100)))];
        }
        let rest = framed(&finish()) + &framed(DONE) + LAST;
        vec![Act::Send(stream_head() + &framed(&chunk("Hello"))), Act::Await, Act::Send(rest)]
    });
    let control = Control::start();
    control.fund(id(1), BALANCE_NANO);
    control.with(|books| books.recalls = true);
    let (folder, listener) = (scratch_folder(), TcpListener::bind("127.0.0.1:0").unwrap());
    let node = |epoch| {
        let settings = serde_json::json!({"lease_wait_ms": 20_000});
        let listener = Some(listener.try_clone().unwrap());
        let (folder, books) = (Some(folder.clone()), Some(control.clone()));
        Gateway::launch(
            &basic(upstream.address),
            Setup { settings, epoch, folder, books, listener, ..Setup::default() },
        )
    };
    let old = node(1);
    let mut streaming = old.client();
    streaming.send(Client::request("POST", PATH, KEY, HELLO_STREAM));
    streaming.read_until("Hello");
    let new = node(2);
    assert!(folder.join("1").exists(), "a living predecessor is not adopted");
    std::thread::scope(|scope| {
        let drained = scope.spawn(|| old.core.drain(20_000));
        old.wait("the old one drains", |status| status["draining"] == true);
        for _ in 0..20 {
            assert_eq!(new.chat(HELLO).status, 200);
        }
        upstream.go();
        assert!(streaming.response().whole, "the old one's stream runs to its end");
        assert!(drained.join().unwrap());
    });
    old.core.stop();
    control.wait("the old one is closed", |books| books.finals == [1]);
    assert!(!folder.join("1").exists());
    assert_eq!(new.chat(HELLO).status, 200);
    assert!(new.finish());
    let charges = control.rows(22);
    assert_eq!(charges.len(), 22);
    let charged = charges.iter().map(|row| row.charge).sum::<i64>();
    assert_eq!(control.balance(id(1), BALANCE_NANO), (BALANCE_NANO - charged as u64, 0, charged));
}

#[test]
fn one_journal_folder_has_one_owner() {
    let upstream = Upstream::answering(json(200, &completion(1_000, 100)));
    let owner = Gateway::start(&basic(upstream.address));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let config = serde_json::json!({
        "node": "node_01J00000000000000000000000", "epoch": 1, "journal_dir": owner.folder.join("1"), "version": "0.1.0",
        "listen_fds": [std::os::fd::IntoRawFd::into_raw_fd(listener)], "pepper": "00".repeat(32), "node_api": "127.0.0.1:1",
        "node_token": "t", "control": null,
    });
    let second = tollway_relay::Core::new(config.to_string().as_bytes()).unwrap();
    let error = second.start().unwrap_err();
    assert!(error.contains("another process has it"), "{error}");
    assert_eq!(owner.chat(HELLO).status, 200);
}
