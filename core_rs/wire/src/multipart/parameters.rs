//! The parameters of Content-Type and Content-Disposition.

/// The `; name=value` pairs of a header value; `None` for one that cannot be read, and then no more.
pub(super) struct Parameters<'v> {
    rest: &'v [u8],
}

impl<'v> Parameters<'v> {
    pub(super) fn behind_first(value: &'v [u8]) -> Self {
        Self { rest: memchr::memchr(b';', value).and_then(|at| value.get(at..)).unwrap_or_default() }
    }

    fn read(&mut self) -> Option<(&'v [u8], &'v [u8])> {
        let rest = self.rest.strip_prefix(b";")?.trim_ascii_start();
        let (name, rest) = rest.split_at(memchr::memchr(b'=', rest)?);
        let rest = rest.get(1..)?;
        if name.is_empty() || name.iter().any(|byte| byte.is_ascii_whitespace() || b";\",".contains(byte)) {
            return None;
        }
        let (value, rest) = match rest.strip_prefix(b"\"") {
            Some(quoted) => {
                // A backslash may or may not escape, by reader; a name that needs one is refused.
                let end = memchr::memchr2(b'"', b'\\', quoted)?;
                let is_quote = quoted.get(end) == Some(&b'"');
                let file_name = name.eq_ignore_ascii_case(b"filename");
                let end = if is_quote {
                    end
                } else if file_name {
                    closing_quote(quoted)?
                } else {
                    return None;
                };
                (quoted.get(..end)?, quoted.get(end + 1..)?)
            }
            None => {
                let end = memchr::memchr(b';', rest).unwrap_or(rest.len());
                let value = rest.get(..end)?.trim_ascii();
                if value.is_empty() || value.iter().any(|byte| byte.is_ascii_whitespace() || b"\"\\".contains(byte)) {
                    return None;
                }
                (value, rest.get(end..)?)
            }
        };
        self.rest = rest.trim_ascii();
        Some((name, value))
    }
}

fn closing_quote(quoted: &[u8]) -> Option<usize> {
    let mut escaped = false;
    quoted.iter().position(|byte| {
        let closes = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        closes
    })
}

impl<'v> Iterator for Parameters<'v> {
    type Item = Option<(&'v [u8], &'v [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() || self.rest == b";" {
            return None;
        }
        let parameter = self.read();
        if parameter.is_none() {
            self.rest = &[];
        }
        Some(parameter)
    }
}
