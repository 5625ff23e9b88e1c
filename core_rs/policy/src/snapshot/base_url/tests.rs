use super::{BaseUrl, parse};
use proptest::prelude::*;

#[test]
fn urls_that_are_addresses() {
    for (url, tls, host, port, path, authority) in [
        ("https://api.example.com/v1", true, "api.example.com", 443, "/v1", "api.example.com"),
        ("https://api.example.com:443/v1/", true, "api.example.com", 443, "/v1", "api.example.com"),
        ("http://127.0.0.1:8080", false, "127.0.0.1", 8080, "", "127.0.0.1:8080"),
        ("http://localhost/", false, "localhost", 80, "", "localhost"),
        ("http://[::1]:9000/a/b//", false, "::1", 9000, "/a/b", "[::1]:9000"),
        ("https://[2001:db8::1]/v1", true, "2001:db8::1", 443, "/v1", "[2001:db8::1]"),
        ("http://h:443", false, "h", 443, "", "h:443"),
    ] {
        let expected = BaseUrl { tls, host: host.into(), port, path: path.into(), authority: authority.into() };
        assert_eq!(parse(url), Ok(expected), "{url}");
    }
}

#[test]
fn urls_that_are_not() {
    for url in [
        "",
        "api.example.com",
        "ftp://x/",
        "HTTPS://x/",
        "https://",
        "https:///v1",
        "https://:80/",
        "https://user:pw@host/",
        "https://user@host/",
        "https://host:0/",
        "https://host:65536/",
        "https://host:80x/",
        "https://host:+80/",
        "https://host:/x y",
        "https://host/?key=1",
        "https://host/#f",
        "https://host/a\r\nHost: b",
        "https://ho st/",
        "https://hóst/",
        "https://[::1/",
        "https://[1.2.3.4]/",
        "https://[::1]x/",
        "https://h/../x",
        "https://h?x",
    ] {
        assert!(parse(url).is_err(), "{url:?} was read as {:?}", parse(url));
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(rest in ".{0,60}") {
        let _ = parse(&rest);
        if let Ok(url) = parse(&format!("https://{rest}")) {
            prop_assert!(!url.host.is_empty() && url.port != 0 && !url.path.ends_with('/'));
        }
    }
}
