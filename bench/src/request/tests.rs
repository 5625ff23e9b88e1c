use super::{Keys, Shape, Template};

fn shape(body_bytes: usize) -> Shape<'static> {
    Shape { model: "m", stream: true, body_bytes, key_bytes: 4 }
}

#[test]
fn a_body_has_the_size_asked_for_and_is_json() {
    for size in [1_000, 10_000, 100_000] {
        let bytes = Template::new("h", &shape(size)).bytes();
        let at = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        let (head, body) = bytes.split_at(at);
        assert_eq!(body.len(), size);
        assert!(String::from_utf8_lossy(head).contains(&format!("Content-Length: {size}\r\n")));
        let value: serde_json::Value = serde_json::from_slice(body).unwrap();
        assert_eq!((&value["model"], &value["stream"]), (&"m".into(), &true.into()));
    }
}

#[test]
fn a_key_goes_into_its_hole_and_nowhere_else() {
    let template = Template::new("h", &shape(0));
    let mut bytes = template.bytes();
    template.put_key(&mut bytes, b"abcd");
    let text = String::from_utf8(bytes.clone()).unwrap();
    assert!(text.contains("Authorization: Bearer abcd\r\n"));
    template.put_key(&mut bytes, b"----");
    assert_eq!(bytes, template.bytes());
}

#[test]
fn keys_are_lines_of_one_length() {
    let keys = Keys::from_lines(b"aa\nbb\ncc\n").unwrap();
    assert_eq!((keys.count(), keys.get(1), keys.get(5)), (3, &b"bb"[..], &b"cc"[..]));
    assert_eq!(Keys::from_lines(b"aa").unwrap().count(), 1);
    assert!(Keys::from_lines(b"aa\nb\n").is_err());
    assert!(Keys::from_lines(b"").is_err());
}
