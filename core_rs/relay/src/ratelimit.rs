//! The header lines that tell a known caller how much of its limit is left.

use crate::exchange::number_line;
use tollway_policy::admission::Caller;

/// `x-ratelimit-*` for the requests-per-minute limit in force, in OpenAI's form.
pub(crate) fn write_lines(caller: &Caller<'_>, now_ns: u64, out: &mut Vec<u8>) {
    let Some(view) = caller.limit_view(now_ns) else { return };
    number_line(out, "x-ratelimit-limit-requests", view.limit);
    number_line(out, "x-ratelimit-remaining-requests", view.remaining);
    out.extend_from_slice(b"x-ratelimit-reset-requests: ");
    write_reset(out, view.reset_ns);
    out.extend_from_slice(b"\r\n");
}

/// A wait as OpenAI writes it: `12ms`, `1.5s`, `6m0s`.
fn write_reset(out: &mut Vec<u8>, ns: u64) {
    let ms = ns.div_ceil(1_000_000);
    let mut part = |number: u64, unit: &str| {
        out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        out.extend_from_slice(unit.as_bytes());
    };
    match ms {
        0..1_000 => part(ms, "ms"),
        1_000..60_000 if ms.is_multiple_of(1_000) => part(ms / 1_000, "s"),
        1_000..60_000 => {
            part(ms / 1_000, ".");
            let thousandths = ms % 1_000;
            let zeros = ["00", "0", ""][usize::from(thousandths >= 10) + usize::from(thousandths >= 100)];
            out.extend_from_slice(zeros.as_bytes());
            out.extend_from_slice(itoa::Buffer::new().format(thousandths).as_bytes());
            out.push(b's');
        }
        _ => {
            part(ms / 60_000, "m");
            part(ms % 60_000 / 1_000, "s");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::write_reset;

    #[test]
    fn waits_are_written_as_clients_parse_them() {
        let cases = [
            (0, "0ms"),
            (1, "1ms"),
            (12_000_000, "12ms"),
            (999_000_000, "999ms"),
            (1_000_000_001, "1.001s"),
            (1_010_000_000, "1.010s"),
            (1_099_000_000, "1.099s"),
            (1_500_000_000, "1.500s"),
            (59_999_000_000, "59.999s"),
            (6_000_000_000, "6s"),
            (360_000_000_000, "6m0s"),
        ];
        for (ns, text) in cases {
            let mut out = Vec::new();
            write_reset(&mut out, ns);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }
}
