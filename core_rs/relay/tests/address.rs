//! Where an upstream may lie: private addresses only where the operator allowed them, and nowhere a redirect points.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed test is a panic")]

mod support;

use std::io::ErrorKind;
use std::net::TcpListener;
use support::upstream::json;
use support::{Act, Gateway, HELLO, HELLO_STREAM, Upstream, basic, completion};
use tollway_policy::testing::UpstreamSpec;

/// A listener that has not been connected to.
fn untouched(listener: &TcpListener) -> bool {
    listener.set_nonblocking(true).unwrap();
    matches!(listener.accept(), Err(e) if e.kind() == ErrorKind::WouldBlock)
}

#[test]
fn a_private_address_is_not_dialled_unless_allowed_under_whatever_name() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut dialled = 0;
    for host in
        ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "127.1", "2130706433", "0x7f000001", "0.0.0.0"]
    {
        for scheme in ["http", "https"] {
            let mut snapshot = basic("127.0.0.1:1".parse().unwrap());
            let upstream = UpstreamSpec::new("one", &format!("{scheme}://{host}:{port}/v1"));
            snapshot.upstreams = Some(vec![UpstreamSpec { private_address_allowed: false, ..upstream }]);
            let gateway = Gateway::start(&basic("127.0.0.1:1".parse().unwrap()));
            snapshot.generation = 2;
            if gateway.core.apply(&snapshot.encode()).is_err() {
                continue; // not a host at all by the snapshot's own rules: as good as refused
            }
            dialled += 1;
            for body in [HELLO, HELLO_STREAM] {
                let response = gateway.chat(body);
                assert_eq!((response.status, response.code().as_str()), (502, "upstream_error"), "{scheme}://{host}");
                assert!(!response.text().contains("127.0.0.1"), "an address is the operator's affair");
            }
            assert_eq!(gateway.status()["counters"]["upstream_connects_total"], 0, "{scheme}://{host}");
            assert!(gateway.control.rows(2).iter().all(|row| (row.charge, row.outcome) == (0, 1)));
        }
    }
    assert!(dialled >= 4, "the plain spellings at least are taken by the snapshot: {dialled}");
    assert!(untouched(&listener));
}

#[test]
fn the_same_address_is_dialled_where_it_is_allowed() {
    let upstream = Upstream::answering(json(200, &completion(1, 1)));
    let port = upstream.address.port();
    for host in ["127.0.0.1", "localhost"] {
        let mut snapshot = basic(upstream.address);
        snapshot.upstreams = Some(vec![UpstreamSpec::new("one", &format!("http://{host}:{port}/v1"))]);
        assert_eq!(Gateway::start(&snapshot).chat(HELLO).status, 200, "{host}");
    }
}

#[test]
fn a_permission_that_is_taken_back_holds_for_the_next_request() {
    let upstream = Upstream::answering(json(200, &completion(1, 1)));
    let gateway = Gateway::start(&basic(upstream.address));
    assert_eq!(gateway.chat(HELLO).status, 200);
    let mut snapshot = basic(upstream.address);
    snapshot.generation = 2;
    snapshot.upstreams.as_mut().unwrap()[0].private_address_allowed = false;
    gateway.core.apply(&snapshot.encode()).unwrap();
    assert_eq!(gateway.chat(HELLO).status, 502, "an idle connection from before is not used either");
    assert_eq!(upstream.requests().len(), 1);
}

#[test]
fn redirects_are_not_followed() {
    let target = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = target.local_addr().unwrap();
    for status in [300, 301, 302, 303, 304, 307, 308] {
        let body = completion(1, 1); // as good an answer as any, but for its status
        let answer = format!(
            "HTTP/1.1 {status} X\r\nLocation: http://{to}/v1/chat/completions\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let upstream = Upstream::start(move |_| vec![Act::Send(answer.clone())]);
        let gateway = Gateway::start(&basic(upstream.address));
        for body in [HELLO, HELLO_STREAM] {
            let response = gateway.chat(body);
            assert_eq!((response.status, response.code().as_str()), (502, "upstream_error"), "{status}");
            assert_eq!(response.header("location"), None);
        }
        assert!(gateway.control.rows(2).iter().all(|row| (row.charge, row.outcome) == (0, 1)));
    }
    assert!(untouched(&target));
}
