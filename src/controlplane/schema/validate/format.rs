//! The formats of texts that Kubernetes knows; others are not checked.
//!
//! Source: `k8s.io/apiextensions-apiserver/pkg/apiserver/validation/formats.go` and
//! `k8s.io/kube-openapi/pkg/validation/strfmt`, Kubernetes 1.36.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use jiff::civil;
use regex::Regex;

/// Whether the API server checks texts of this format. Dashes do not count: `date-time` and `datetime` are one.
pub fn is_known_format(format: &str) -> bool {
    check_of(format).is_some()
}

/// Whether a text has a format; one that is not known has all.
pub fn matches_format(format: &str, text: &str) -> bool {
    check_of(format).is_none_or(|check| check(text))
}

fn check_of(format: &str) -> Option<fn(&str) -> bool> {
    // Formats are short; most have no dash, and the common ones are decided without making a new text.
    let normalized;
    let format = if format.contains('-') && !format.starts_with("k8s-") {
        normalized = format.replace('-', "");
        normalized.as_str()
    } else {
        format
    };
    Some(match format {
        "bsonobjectid" => |text| text.len() == 24 && is_hex(text),
        "uri" => is_request_uri,
        "email" => is_email,
        "hostname" => is_hostname,
        "ipv4" => |text| text.parse::<Ipv4Addr>().is_ok(),
        "ipv6" => |text| text.contains(':') && text.parse::<Ipv6Addr>().is_ok(),
        "cidr" => is_cidr,
        "mac" => is_mac,
        "uuid" => |text| is_uuid(text, None),
        "uuid3" => |text| is_uuid(text, Some('3')),
        "uuid4" => |text| is_uuid(text, Some('4')),
        "uuid5" => |text| is_uuid(text, Some('5')),
        "isbn" => |text| is_isbn10(text) || is_isbn13(text),
        "isbn10" => is_isbn10,
        "isbn13" => is_isbn13,
        "creditcard" => is_credit_card,
        "ssn" => |text| SSN.is_match(text),
        "hexcolor" => |text| HEX_COLOR.is_match(text),
        "rgbcolor" => |text| RGB_COLOR.is_match(text),
        "byte" => |text| BASE64.is_match(text),
        "password" => |_| true,
        "date" => |text| text.len() == 10 && civil::Date::strptime("%Y-%m-%d", text).is_ok(),
        "duration" => is_duration,
        "datetime" => is_date_time,
        "k8s-short-name" => is_dns_label,
        "k8s-long-name" => |text| text.len() <= 253 && text.split('.').all(is_dns_label_part),
        _ => return None,
    })
}

fn regex(text: &str) -> Regex {
    Regex::new(text).expect("the expressions below are constants that a test compiles")
}

static SSN: LazyLock<Regex> = LazyLock::new(|| regex(r"^[0-9]{3}[- ]?[0-9]{2}[- ]?[0-9]{4}$"));
static HEX_COLOR: LazyLock<Regex> = LazyLock::new(|| regex(r"^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$"));
static RGB_COLOR: LazyLock<Regex> = LazyLock::new(|| {
    let part = r"\s*(0|[1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-5])\s*";
    regex(&format!("^rgb\\({part},{part},{part}\\)$"))
});
static BASE64: LazyLock<Regex> =
    LazyLock::new(|| regex("^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$"));
static HOSTNAME: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        r"^([a-zA-Z0-9\p{S}\p{L}]((-?[a-zA-Z0-9\p{S}\p{L}]{0,62})?)",
        r"|([a-zA-Z0-9\p{S}\p{L}](([a-zA-Z0-9\-\p{S}\p{L}]{0,61}[a-zA-Z0-9\p{S}\p{L}])?)(\.)){1,}([a-zA-Z\p{L}]){2,63})$",
    ))
});
static DURATION_PART: LazyLock<Regex> = LazyLock::new(|| regex(r"([0-9]+)\s*([A-Za-zµ]+)"));
static GO_DURATION: LazyLock<Regex> =
    LazyLock::new(|| regex(r"^[-+]?(0|(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$"));
static CREDIT_CARD: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        r"^(?:4[0-9]{12}(?:[0-9]{3})?|5[1-5][0-9]{14}|(222[1-9]|22[3-9][0-9]|2[3-6][0-9]{2}|27[01][0-9]|2720)[0-9]{12}",
        r"|6(?:011|5[0-9][0-9])[0-9]{12}|3[47][0-9]{13}|3(?:0[0-5]|[68][0-9])[0-9]{11}|(?:2131|1800|35[0-9]{3})[0-9]{11}",
        r"|6[27][0-9]{14})$",
    ))
});

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether Go's `url.ParseRequestURI` reads a text: an absolute path, or a scheme and something.
pub fn is_request_uri(text: &str) -> bool {
    let bad = |char: char| char.is_ascii_control();
    if text.is_empty() || text.chars().any(bad) || !escapes_are_whole(text) {
        return false;
    }
    if text.starts_with('/') || text == "*" {
        return true;
    }
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let is_scheme = scheme.starts_with(|char: char| char.is_ascii_alphabetic())
        && scheme.chars().all(|char| char.is_ascii_alphanumeric() || "+-.".contains(char));
    let authority = rest.strip_prefix("//").map(|rest| rest.split(['/', '?']).next().unwrap_or_default());
    let is_authority = authority.is_none_or(|authority| {
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        !host.contains([' ', '"', '<', '>', '\\', '^', '`', '{', '|', '}']) && port_is_number(host)
    });
    is_scheme && is_authority
}

fn port_is_number(host: &str) -> bool {
    let after_host = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map(|(_, port)| port),
        None => Some(host.find(':').map_or("", |colon| &host[colon..])),
    };
    after_host.is_some_and(|port| {
        port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

fn escapes_are_whole(text: &str) -> bool {
    text.split('%').skip(1).all(|part| part.get(..2).is_some_and(is_hex))
}

/// Go's `mail.ParseAddress`, for plain and named addresses.
fn is_email(text: &str) -> bool {
    let text = text.trim();
    let address = match (text.find('<'), text.strip_suffix('>')) {
        (Some(open), Some(body)) => &body[open + 1..],
        _ => text,
    };
    let Some((local, domain)) = address.rsplit_once('@') else { return false };
    let is_atom = |part: &str| !part.is_empty() && part.chars().all(is_atom_char);
    let quoted = local.len() >= 2 && local.starts_with('"') && local.ends_with('"');
    let literal = domain.starts_with('[') && domain.ends_with(']');
    (quoted || local.split('.').all(is_atom)) && (literal || domain.split('.').all(is_atom))
}

fn is_atom_char(char: char) -> bool {
    char.is_ascii_alphanumeric() || !char.is_ascii() || "!#$%&'*+-/=?^_`{|}~".contains(char)
}

fn is_hostname(text: &str) -> bool {
    text.len() <= 255 && HOSTNAME.is_match(text) && text.split('.').all(|label| label.len() <= 63)
}

fn is_cidr(text: &str) -> bool {
    let Some((address, length)) = text.split_once('/') else { return false };
    let is_number = !length.is_empty() && length.len() <= 3 && length.bytes().all(|byte| byte.is_ascii_digit());
    let (Ok(address), Ok(length)) = (address.parse::<IpAddr>(), length.parse::<u8>()) else { return false };
    is_number && length <= if address.is_ipv4() { 32 } else { 128 }
}

/// Go's `net.ParseMAC`: 6, 8 or 20 octets, in pairs or in dotted fours.
fn is_mac(text: &str) -> bool {
    let of = |separator: char, width: usize, counts: [usize; 3]| {
        let parts: Vec<&str> = text.split(separator).collect();
        counts.contains(&parts.len()) && parts.iter().all(|part| part.len() == width && is_hex(part))
    };
    of(':', 2, [6, 8, 20]) || of('-', 2, [6, 8, 20]) || of('.', 4, [3, 4, 10])
}

/// Whether a text is a UUID, dashes being optional, of a version if one is asked for.
fn is_uuid(text: &str, version: Option<char>) -> bool {
    let mut digits = String::with_capacity(32);
    let mut rest = text;
    for width in [8, 4, 4, 4, 12] {
        let Some(part) = rest.get(..width).filter(|part| is_hex(part)) else { return false };
        digits.push_str(part);
        rest = &rest[width..];
        if width != 12 {
            rest = rest.strip_prefix('-').unwrap_or(rest);
        }
    }
    let variant = || digits[16..17].starts_with(['8', '9', 'a', 'b', 'A', 'B']);
    let is_version = match version {
        None => true,
        Some('3') => digits[12..13].starts_with('3'),
        Some(version) => digits[12..13].starts_with(version) && variant(),
    };
    rest.is_empty() && is_version
}

fn isbn_digits(text: &str) -> Vec<char> {
    text.chars().filter(|char| !matches!(char, '-' | ' ')).collect()
}

fn is_isbn10(text: &str) -> bool {
    let digits = isbn_digits(text);
    let value = |(index, char): (usize, &char)| match char {
        'X' if index == 9 => Some(10),
        _ => char.to_digit(10),
    };
    let values: Option<Vec<u32>> = digits.iter().enumerate().map(value).collect();
    let sum = |values: Vec<u32>| (1..).zip(values).map(|(weight, value): (u32, u32)| weight * value).sum::<u32>();
    digits.len() == 10 && values.is_some_and(|values| sum(values) % 11 == 0)
}

fn is_isbn13(text: &str) -> bool {
    let values: Option<Vec<u32>> = isbn_digits(text).iter().map(|char| char.to_digit(10)).collect();
    values.is_some_and(|values| {
        values.len() == 13
            && [1, 3].iter().cycle().zip(&values).map(|(weight, value)| weight * value).sum::<u32>() % 10 == 0
    })
}

fn is_credit_card(text: &str) -> bool {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let luhn = |(index, digit): (usize, u32)| match (index % 2, digit * 2) {
        (0, _) => digit,
        (_, double) if double > 9 => double - 9,
        (_, double) => double,
    };
    let sum: u32 = digits.chars().rev().filter_map(|char| char.to_digit(10)).enumerate().map(luhn).sum();
    CREDIT_CARD.is_match(&digits) && sum.is_multiple_of(10)
}

/// A duration of Go's, or numbers with units up to weeks (`2 weeks`).
fn is_duration(text: &str) -> bool {
    if GO_DURATION.is_match(text) {
        return true;
    }
    const UNITS: [&str; 33] = [
        "ns",
        "nano",
        "nanosecond",
        "us",
        "µs",
        "micro",
        "microsecond",
        "ms",
        "milli",
        "millisecond",
        "s",
        "sec",
        "second",
        "m",
        "min",
        "minute",
        "h",
        "hr",
        "hour",
        "d",
        "day",
        "w",
        "wk",
        "week",
        "nanos",
        "micros",
        "millis",
        "secs",
        "mins",
        "hrs",
        "days",
        "wks",
        "weeks",
    ];
    let unit = |unit: &str| UNITS.contains(&unit) || unit.strip_suffix('s').is_some_and(|unit| UNITS.contains(&unit));
    DURATION_PART.captures_iter(text).any(|part| unit(&part[2].to_lowercase()))
}

/// Source: `IsDateTime` of `k8s.io/kube-openapi/pkg/validation/strfmt/date.go` and `time.go`.
fn is_date_time(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let Some((date, time)) = lower.split_once('t') else { return false };
    let two = |text: Option<&str>, max: u32| {
        text.is_some_and(|text| {
            text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u32>().is_ok_and(|number| number <= max)
        })
    };
    let is_clock = two(time.get(0..2), 23)
        && time.get(2..3) == Some(":")
        && two(time.get(3..5), 59)
        && time.get(5..6) == Some(":")
        && two(time.get(6..8), 59);
    is_clock
        && date.len() == 10
        && civil::Date::strptime("%Y-%m-%d", date).is_ok()
        && is_zone(time.get(8..).unwrap_or_default())
}

fn is_zone(rest: &str) -> bool {
    let zone = match rest.strip_prefix(['.', ',']) {
        Some(fraction) => {
            let zone = fraction.trim_start_matches(|char: char| char.is_ascii_digit());
            if zone.len() == fraction.len() {
                return false;
            }
            zone
        }
        None => rest,
    };
    let digits = |range| zone.get(range).is_some_and(|part: &str| part.bytes().all(|byte| byte.is_ascii_digit()));
    zone == "z" || zone.len() == 6 && zone.starts_with(['+', '-']) && digits(1..3) && &zone[3..4] == ":" && digits(4..6)
}

fn is_dns_label(text: &str) -> bool {
    text.len() <= 63 && is_dns_label_part(text)
}

fn is_dns_label_part(text: &str) -> bool {
    let edge = |char: Option<char>| char.is_some_and(|char| char.is_ascii_lowercase() || char.is_ascii_digit());
    edge(text.chars().next())
        && edge(text.chars().last())
        && text.chars().all(|char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(format: &str, right: &[&str], wrong: &[&str]) {
        assert!(is_known_format(format));
        for text in right {
            assert!(matches_format(format, text), "{text} is a {format}");
        }
        for text in wrong {
            assert!(!matches_format(format, text), "{text} is no {format}");
        }
    }

    #[test]
    fn formats_are_checked_as_upstream_does() {
        check("uri", &["https://a/b?c#d", "/a", "a:b"], &["", "a", "http://a b", "http://a:x", "%zz:"]);
        check("email", &["a@b", "A <a.b@c.de>"], &["a", "@b", "a@", "a b@c"]);
        check("hostname", &["a", "a.example.com", "a-b"], &["-a", "a_b", ""]);
        check("ipv4", &["1.2.3.4"], &["1.2.3", "1.2.3.256", "::1"]);
        check("ipv6", &["::1", "fe80::1"], &["1.2.3.4", "g::"]);
        check("cidr", &["10.0.0.0/8", "::/128"], &["10.0.0.0", "10.0.0.0/33", "10.0.0.0/"]);
        check("mac", &["01:02:03:04:05:06", "0102.0304.0506"], &["01:02", "01:02:03:04:05:0g"]);
        check("uuid", &["123e4567-e89b-12d3-a456-426614174000", "123E4567E89B12D3A456426614174000"], &["123", "é"]);
        check("uuid4", &["123e4567-e89b-42d3-a456-426614174000"], &["123e4567-e89b-12d3-a456-426614174000"]);
        check("isbn", &["0-306-40615-2", "978-3-16-148410-0"], &["0-306-40615-3", "1"]);
        check("creditcard", &["4111 1111 1111 1111"], &["4111 1111 1111 1112"]);
        check("ssn", &["123-45-6789"], &["123"]);
        check("hexcolor", &["#fff", "00ff00"], &["#ff"]);
        check("rgbcolor", &["rgb(0, 255,1)"], &["rgb(256,0,0)"]);
        check("byte", &["YWI="], &["YWI", "!"]);
        check("date", &["2024-02-29"], &["2023-02-29", "2024-2-1", "x"]);
        check(
            "date-time",
            &["2024-01-01T00:00:00Z", "2024-01-01t23:59:59.5+01:00"],
            &["2024-01-01", "2024-01-01T24:00:00Z"],
        );
        check("duration", &["1h30m", "2 weeks", "0"], &["", "h", "1 fortnight"]);
        check("k8s-short-name", &["a-1"], &["a.b", "-a"]);
        check("k8s-long-name", &["a.b-1"], &["a..b", "A"]);
        assert!(!is_known_format("whatever"));
        assert!(!is_known_format("int32"));
    }
}
