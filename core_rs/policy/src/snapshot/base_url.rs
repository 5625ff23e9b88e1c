//! Reads an upstream's base URL. Stricter than a browser: what is not plainly an address to connect to is refused, because operators' URLs
//! become connections that carry credentials.

use core::net::Ipv6Addr;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct BaseUrl {
    pub(super) tls: bool,
    pub(super) host: Box<str>,
    pub(super) port: u16,
    pub(super) path: Box<str>,
    pub(super) authority: Box<str>,
}

/// Splits `http[s]://host[:port][/path]`.
pub(super) fn parse(url: &str) -> Result<BaseUrl, &'static str> {
    let (tls, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => (true, rest),
        (_, Some(rest)) => (false, rest),
        _ => return Err("does not begin with https:// or http://"),
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if !path.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'"' | b'<' | b'>' | b'\\')) {
        return Err("has a path with a query, a fragment, spaces or characters that are not ASCII");
    }
    if path.split('/').any(|part| part == "." || part == "..") {
        return Err("has a path with . or .. in it");
    }
    let scheme_port = if tls { 443 } else { 80 };
    let (host, port) = split_port(authority)?;
    let port = port.unwrap_or(scheme_port);
    let shown = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    Ok(BaseUrl {
        tls,
        host: host.into(),
        port,
        path: path.trim_end_matches('/').into(),
        authority: if port == scheme_port { shown } else { format!("{shown}:{port}") }.into(),
    })
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), &'static str> {
    let (host, port) = match authority.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(Some((host, port))) => {
            host.parse::<Ipv6Addr>().map_err(|_| "has brackets around what is no IPv6 address")?;
            (host, port)
        }
        Some(None) => return Err("has an opening bracket without a closing one"),
        None => {
            let (host, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
            if host.is_empty() || host.len() > 253 || !host.bytes().all(is_name) {
                return Err(
                    "has no host name of letters, digits, '-', '.' and '_' (a name and password do not belong here)",
                );
            }
            (host, port)
        }
    };
    if port.is_empty() {
        return Ok((host, None));
    }
    let digits = port.strip_prefix(':').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    match digits.and_then(|digits| digits.parse().ok()) {
        Some(0) | None => Err("has a port that is no number from 1 to 65535"),
        Some(port) => Ok((host, Some(port))),
    }
}

#[cfg(test)]
mod tests;
