//! Forms: what real clients send, what could be read in two ways, and the splice.

use tollway_policy::refusal::Code;

use super::*;

const B: &[u8] = b"xYz";

fn part(disposition: &str, content: &str) -> String {
    format!("--xYz\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{content}\r\n")
}

fn form(parts: &[String]) -> Vec<u8> {
    format!("{}--xYz--\r\n", parts.concat()).into_bytes()
}

fn model() -> String {
    part("name=\"model\"", "whisper-1")
}

fn refused(body: &[u8]) -> Option<&'static str> {
    let refusal = scan(body, B).expect_err(&String::from_utf8_lossy(body));
    assert_eq!(refusal.code, Code::InvalidRequest);
    refusal.param
}

#[test]
fn boundaries() {
    assert_eq!(boundary(b"multipart/form-data; boundary=abc"), Some(b"abc".as_slice()));
    assert_eq!(boundary(b"Multipart/Form-Data;charset=utf-8; BOUNDARY=\"a b:c\""), Some(b"a b:c".as_slice()));
    assert_eq!(
        boundary(b"multipart/form-data; boundary=----WebKitFormBoundaryAbC1;"),
        Some(b"----WebKitFormBoundaryAbC1".as_slice())
    );
    let long = format!("multipart/form-data; boundary={}", "a".repeat(71));
    for bad in [
        b"multipart/form-data".as_slice(),
        b"multipart/form-data; boundary=",
        b"multipart/form-data; boundary=\"\"",
        b"multipart/form-data; boundary=a; boundary=a",
        b"multipart/form-data; boundary=\"a",
        b"multipart/form-data; boundary=\"a \"",
        b"multipart/form-data; boundary=a\"b",
        b"multipart/form-data; boundary=a\xff",
        b"multipart/mixed; boundary=a",
        b"application/json",
        b"",
        long.as_bytes(),
    ] {
        assert_eq!(boundary(bad), None, "{}", String::from_utf8_lossy(bad));
    }
}

#[test]
fn a_form_as_clients_send_it() {
    let file = "--xYz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a \\\"b\\\".mp3\"\r\nContent-Type: audio/mpeg\r\n\r\n\0\r\n--xY\r\nz\r\n".to_owned();
    let body = form(&[
        file,
        model(),
        part("name=\"prompt\"", "hé"),
        part("name=\"n\"", "2"),
        part("name=stream", "true"),
        part("name=\"response_format\"", "json"),
    ]);
    let facts = scan(&body, B).unwrap();
    assert_eq!(facts.model.of(&body), b"whisper-1");
    assert_eq!((facts.text_bytes, facts.images, facts.stream, facts.file_bytes), (3, 2, true, 10));
}

#[test]
fn an_empty_part_and_a_missing_line_end_at_the_close() {
    let body = form(&[model(), part("name=\"prompt\"", "")]);
    assert_eq!(scan(&body, B).unwrap().text_bytes, 0);
    assert!(scan(&body[..body.len() - 2], B).is_ok());
}

#[test]
fn a_wrong_field_is_named() {
    let cases = [
        (form(&[part("name=\"file\"; filename=\"f\"", "x")]), "model"),
        (form(&[model(), model()]), "model"),
        (form(&[part("name=\"model\"", "")]), "model"),
        (form(&[part("name=\"model\"", &"m".repeat(257))]), "model"),
        (form(&[part("name=\"model\"; filename=\"f\"", "m")]), "model"),
        (form(&[model(), part("name=\"n\"", "0")]), "n"),
        (form(&[model(), part("name=\"n\"", "-1")]), "n"),
        (form(&[model(), part("name=\"n\"", "1.5")]), "n"),
        (form(&[model(), part("name=\"n\"", "")]), "n"),
        (form(&[model(), part("name=\"n\"", "99999999999")]), "n"),
        (form(&[model(), part("name=\"n\"", "not a number, and long enough to overflow one")]), "n"),
        (form(&[model(), part("name=\"n\"", "1"), part("name=\"n\"", "1")]), "n"),
        (form(&[model(), part("name=\"stream\"", "maybe")]), "stream"),
        (form(&[model(), part("name=\"stream\"", "true"), part("name=\"stream\"", "false")]), "stream"),
    ];
    for (body, param) in cases {
        assert_eq!(refused(&body), Some(param), "{}", String::from_utf8_lossy(&body));
    }
    let not_utf8 =
        [b"--xYz\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n\xff\r\n--xYz--\r\n".as_slice()].concat();
    assert_eq!(refused(&not_utf8), Some("model"));
}

#[test]
fn what_readers_disagree_on_is_refused() {
    let head = "--xYz\r\nContent-Disposition: form-data; name=\"model\"";
    let end = "\r\n--xYz--\r\n";
    let bodies = [
        String::new(),
        "preamble\r\n--xYz--\r\n".to_owned(),
        format!("\r\n{head}\r\n\r\nm{end}"),
        format!("{head}\r\n\r\nm"),
        format!("{head}\r\n\r\nm\r\n--xYz"),
        format!("{head}\r\n\r\nm\r\n--xYz\r\n"),
        format!("{head}\r\n\r\nm\r\n--xYzA\r\n\r\nb{end}"),
        format!("{head}\r\n\r\nm\r\n--xYz \r\n\r\nb{end}"),
        format!("{head}\r\n\r\nm{end}trailing"),
        format!("{head}\r\n\r\n--xYz--\r\n"),
        format!("{head}\n\nm{end}"),
        format!("{head}; name=\"x\"\r\n\r\nm{end}"),
        format!("{head}; name*=utf-8''x\r\n\r\nm{end}"),
        format!("{head}\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\nm{end}"),
        format!("{head}\r\n folded: x\r\n\r\nm{end}"),
        format!("{head}\r\nno colon\r\n\r\nm{end}"),
        format!("{head}\r\nX: \0\r\n\r\nm{end}"),
        format!("--xYz\r\nContent-Disposition: form-data; name=\"mo\\del\"\r\n\r\nm{end}"),
        format!("--xYz\r\nContent-Disposition: form-data; name=\"model\r\n\r\nm{end}"),
        format!("--xYz\r\nContent-Disposition: form-data\r\n\r\nm{end}"),
        format!("--xYz\r\nContent-Disposition: attachment; name=\"model\"\r\n\r\nm{end}"),
        format!("--xYz\r\n\r\nm{end}"),
        format!("--xYz\r\nX: {}\r\n\r\nm{end}", "y".repeat(5000)),
    ];
    for body in bodies {
        assert_eq!(refused(body.as_bytes()), None, "{body:?}");
    }
}

#[test]
fn a_delimiter_with_a_colon_is_no_header() {
    let body = b"--a: b\r\nContent-Disposition: form-data; name=\"model\"\r\n--a: b\r\n\r\nm\r\n--a: b--\r\n";
    assert!(scan(body, b"a: b").is_err());
}

#[test]
fn sixty_four_parts_pass() {
    let parts = |count: usize| form(&[vec![model()], vec![part("name=\"x\"", "y"); count - 1]].concat());
    assert!(scan(&parts(64), B).is_ok());
    assert_eq!(refused(&parts(65)), None);
}

#[test]
fn only_the_model_is_rewritten() {
    let body =
        form(&[part("name=\"prompt\"", "whisper-1"), model(), part("name=\"file\"; filename=\"f\"", "\r\n\r\n")]);
    let facts = scan(&body, B).unwrap();
    let mut scratch = Vec::new();
    let with = |model: Option<&str>, scratch: &mut Vec<u8>| {
        let plan = plan(&body, &facts, model, scratch);
        let new: Vec<u8> = plan.parts(&body, scratch).flatten().copied().collect();
        assert_eq!(new.len() as u64, plan.total_bytes);
        new
    };
    assert_eq!(with(None, &mut scratch), body);
    let new = with(Some("org/other"), &mut scratch);
    let expected = String::from_utf8(body.clone()).unwrap().replacen(
        "\r\n\r\nwhisper-1\r\n--xYz\r\nContent-Disposition: form-data; name=\"file\"",
        "\r\n\r\norg/other\r\n--xYz\r\nContent-Disposition: form-data; name=\"file\"",
        1,
    );
    assert_eq!(String::from_utf8(new.clone()).unwrap(), expected);
    assert_eq!(scan(&new, B).unwrap().model.of(&new), b"org/other");
}
