//! Times as Go's `time.Parse` reads them, with its text for what is wrong.
//!
//! Source: Go's `time/format.go`, for the two layouts that Kubernetes' API has.

use jiff::Timestamp;

/// The layout of `Time`.
pub(super) const RFC_3339: &str = "2006-01-02T15:04:05Z07:00";
/// The layout of `MicroTime`.
pub(super) const RFC_3339_MICRO: &str = "2006-01-02T15:04:05.000000Z07:00";

/// Checks a time.
///
/// # Errors
/// Go's text.
pub(super) fn parse(text: &str, layout: &str) -> Result<(), String> {
    match cannot_parse(text, layout == RFC_3339_MICRO) {
        Some((rest, element)) => {
            Err(format!("parsing time {text:?} as {layout:?}: cannot parse {rest:?} as {element:?}"))
        }
        None if text.parse::<Timestamp>().is_err() => {
            Err(format!("parsing time {text:?}: {} out of range", what(text)))
        }
        None => Ok(()),
    }
}

/// Returns the rest of the text that does not fit, and the element of the layout that it should be.
fn cannot_parse(text: &str, needs_fraction: bool) -> Option<(&str, &'static str)> {
    const ELEMENTS: [(&str, usize); 11] = [
        ("2006", 4),
        ("-", 0),
        ("01", 2),
        ("-", 0),
        ("02", 2),
        ("T", 0),
        ("15", 2),
        (":", 0),
        ("04", 2),
        (":", 0),
        ("05", 2),
    ];
    let mut rest = text;
    for (element, digits) in ELEMENTS {
        let tail = match digits {
            0 => rest.strip_prefix(element),
            digits => take_digits(rest, digits),
        };
        match tail {
            Some(tail) => rest = tail,
            None => return Some((rest, element)),
        }
    }
    match rest.strip_prefix('.') {
        Some(fraction) if fraction.starts_with(|first: char| first.is_ascii_digit()) => {
            rest = fraction.trim_start_matches(|digit: char| digit.is_ascii_digit());
        }
        _ if needs_fraction => return Some((rest, ".000000")),
        _ => {}
    }
    let is_offset = |rest: &str| {
        let bytes = rest.as_bytes();
        bytes.len() == 6
            && matches!(bytes[0], b'+' | b'-')
            && bytes[3] == b':'
            && [1, 2, 4, 5].iter().all(|index| bytes[*index].is_ascii_digit())
    };
    if rest == "Z" || is_offset(rest) { None } else { Some((rest, "Z07:00")) }
}

fn take_digits(text: &str, count: usize) -> Option<&str> {
    let digits = text.get(..count)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| &text[count..])
}

/// Names the first number that is too large.
fn what(text: &str) -> &'static str {
    let number = |start: usize| text.get(start..start + 2).and_then(|digits| digits.parse::<u8>().ok()).unwrap_or(0);
    match () {
        () if !(1..=12).contains(&number(5)) => "month",
        () if number(11) > 23 => "hour",
        () if number(14) > 59 => "minute",
        () if number(17) > 59 => "second",
        () => "day",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(parse(text, RFC_3339).expect_err("it is no time"), expected);
    }

    #[test]
    fn errors_read_as_gos() {
        check("", "parsing time \"\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"\" as \"2006\"");
        check("2020-01-01", "parsing time \"2020-01-01\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"\" as \"T\"");
        check("2020-13-01T00:00:00Z", "parsing time \"2020-13-01T00:00:00Z\": month out of range");
        check("2021-02-30T00:00:00Z", "parsing time \"2021-02-30T00:00:00Z\": day out of range");
    }

    #[test]
    fn times_are_taken_with_and_without_fractions_and_offsets() {
        for text in ["2020-01-01T00:00:00Z", "2020-01-01T00:00:00.5Z", "2020-01-01T00:00:00+02:00"] {
            assert_eq!(parse(text, RFC_3339), Ok(()));
        }
        assert_eq!(parse("2020-01-01T00:00:00.000001Z", RFC_3339_MICRO), Ok(()));
    }
}
