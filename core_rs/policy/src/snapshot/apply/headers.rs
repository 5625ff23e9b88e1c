//! The headers that an operator adds to every request of an upstream.

/// Headers that frame a message or authenticate it: the relay's own business.
const HEADERS_RESERVED: [&str; 12] = [
    "authorization",
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

type Headers = Box<[(Box<str>, Box<str>)]>;

/// Lower-cases the names; refuses what could not be sent, or would change how a message is framed.
pub(super) fn parse_all(rows: &[(&str, &str)]) -> Result<Headers, String> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let mut headers = Vec::with_capacity(rows.len());
    for (name, value) in rows {
        let name = name.to_ascii_lowercase();
        if name.is_empty() || !name.bytes().all(is_token) || HEADERS_RESERVED.contains(&name.as_str()) {
            return Err(format!("headers: '{}' cannot be set", name.escape_debug()));
        }
        if !value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') || value.trim().len() != value.len() {
            return Err(format!("headers: the value of '{name}' has characters that no header can carry"));
        }
        headers.push((name.into(), Box::from(*value)));
    }
    Ok(headers.into())
}
