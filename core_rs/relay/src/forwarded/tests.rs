use super::*;

#[test]
fn a_list_is_believed_from_its_end_and_as_far_as_its_writers_are_trusted() {
    let trusted = Networks::parse_all(&["10.0.0.0/24", "2001:db8:1::/48", "127.0.0.1"]).unwrap();
    let cases: [(&[u8], &str); 16] = [
        (b"", "127.0.0.1"),
        (b"203.0.113.9", "203.0.113.9"),
        (b"9.9.9.9, 203.0.113.9", "203.0.113.9"),
        (b"9.9.9.9,203.0.113.9,\t10.0.0.8 , 10.0.0.7", "203.0.113.9"),
        (b"10.0.0.8, 10.0.0.7", "10.0.0.8"),
        (b"::ffff:203.0.113.9", "203.0.113.9"),
        (b"203.0.113.9, ::ffff:10.0.0.7", "203.0.113.9"),
        (b"2001:db8:2::9, 2001:DB8:1::1", "2001:db8:2::9"),
        (b"203.0.113.9, nonsense", "127.0.0.1"),
        (b"203.0.113.9, nonsense, 10.0.0.7", "10.0.0.7"),
        (b"203.0.113.9, ", "127.0.0.1"),
        (b"203.0.113.9:443", "127.0.0.1"),
        (b"[2001:db8:2::9]", "127.0.0.1"),
        (b"fe80::1%eth0", "127.0.0.1"),
        (b"010.0.0.7", "127.0.0.1"),
        (b"203.0.113.9, \xff\xfe", "127.0.0.1"),
    ];
    for (seen, expected) in cases {
        let found = last_untrusted("127.0.0.1".parse().unwrap(), seen, &trusted).to_canonical();
        assert_eq!(found.to_string(), expected, "{}", seen.escape_ascii());
    }
}
