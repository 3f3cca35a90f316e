//! Quantities such as `500m` and `1Gi`: reading, comparing, and the one canonical way of writing them.
//!
//! A quantity is kept in billionths, the precision that Kubernetes keeps; finer fractions are rounded up.
//!
//! Source: `k8s.io/apimachinery/pkg/api/resource/quantity.go`, Kubernetes 1.36.

use std::cmp::Ordering;
use std::fmt;

const NANO: i128 = 1_000_000_000;

/// An amount of a resource.
#[derive(Debug, Clone, Copy)]
pub struct Quantity {
    nano: i128,
    format: Format,
}

/// The family of suffixes in which a quantity was written, and is written again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    DecimalSi,
    BinarySi,
    DecimalExponent,
}

impl Quantity {
    /// Parses a quantity. `None` is what upstream answers with [`INVALID`].
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, unsigned) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
        let (number, suffix) = unsigned.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.len() + fraction.len() == 0 || fraction.contains('.') {
            return None;
        }
        let (multiplier, format) = parse_suffix(suffix)?;
        let nano = scale(whole, fraction, multiplier)?;
        Some(Self { nano: if negative { -nano } else { nano }, format })
    }

    /// Returns the amount in billionths.
    pub fn nano(self) -> i128 {
        self.nano
    }

    /// Whether it is below zero.
    pub fn is_negative(self) -> bool {
        self.nano < 0
    }

    /// Whether it is zero.
    pub fn is_zero(self) -> bool {
        self.nano == 0
    }

    /// Whether it is a whole number.
    pub fn is_integer(self) -> bool {
        self.nano % NANO == 0
    }

    /// Returns the sum; it is written as the left side is.
    pub fn plus(self, other: Self) -> Self {
        Self { nano: self.nano.saturating_add(other.nano), format: self.format }
    }

    /// Returns the difference; it is written as the left side is.
    pub fn minus(self, other: Self) -> Self {
        Self { nano: self.nano.saturating_sub(other.nano), format: self.format }
    }
}

/// What upstream says about a text that is no quantity.
pub const INVALID: &str = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

/// A multiplier as a power: `base^exponent`, base 2 or 10.
type Multiplier = (u32, i32);

fn parse_suffix(suffix: &str) -> Option<(Multiplier, Format)> {
    let exponent = |text: &str| text.parse::<i32>().ok().filter(|exponent| exponent.abs() <= 18);
    Some(match suffix {
        "n" => ((10, -9), Format::DecimalSi),
        "u" => ((10, -6), Format::DecimalSi),
        "m" => ((10, -3), Format::DecimalSi),
        "" => ((10, 0), Format::DecimalSi),
        "k" => ((10, 3), Format::DecimalSi),
        "M" => ((10, 6), Format::DecimalSi),
        "G" => ((10, 9), Format::DecimalSi),
        "T" => ((10, 12), Format::DecimalSi),
        "P" => ((10, 15), Format::DecimalSi),
        "E" => ((10, 18), Format::DecimalSi),
        "Ki" => ((2, 10), Format::BinarySi),
        "Mi" => ((2, 20), Format::BinarySi),
        "Gi" => ((2, 30), Format::BinarySi),
        "Ti" => ((2, 40), Format::BinarySi),
        "Pi" => ((2, 50), Format::BinarySi),
        "Ei" => ((2, 60), Format::BinarySi),
        _ => ((10, exponent(suffix.strip_prefix(['e', 'E'])?)?), Format::DecimalExponent),
    })
}

/// Returns `whole.fraction * multiplier` in billionths, rounded up, capped at what upstream caps it.
fn scale(whole: &str, fraction: &str, (base, exponent): Multiplier) -> Option<i128> {
    const CAP: i128 = (i64::MAX as i128) * NANO;
    let digits = whole.trim_start_matches('0').len() + fraction.len();
    if digits > 30 {
        return if whole.trim_start_matches('0').len() > 19 {
            Some(CAP)
        } else {
            scale(whole, &fraction[..9], (base, exponent))
        };
    }
    let mantissa: i128 = format!("{whole}{fraction}").parse().ok()?;
    let mut value = mantissa;
    let mut divisor = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    match (base, exponent) {
        (2, bits) => value = value.checked_mul(1_i128 << bits)?,
        (_, power) if power + 9 >= 0 => {
            value = match value.checked_mul(10_i128.pow((power + 9).unsigned_abs())) {
                Some(value) => value,
                None => return Some(CAP),
            }
        }
        (_, power) => divisor = divisor.checked_mul(10_i128.pow((power + 9).unsigned_abs()))?,
    }
    if base == 2 {
        value = match value.checked_mul(NANO) {
            Some(value) => value,
            None => return Some(CAP),
        };
    }
    let rounded = value / divisor + i128::from(value % divisor != 0);
    Some(rounded.min(CAP))
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nano == 0 {
            return f.write_str("0");
        }
        let small = self.nano.abs() < 1024 * NANO;
        if self.format == Format::BinarySi && !small {
            return write_binary(f, self.nano);
        }
        let (mut mantissa, mut exponent) = (self.nano, -9_i32);
        while mantissa % 1000 == 0 && exponent < 18 {
            mantissa /= 1000;
            exponent += 3;
        }
        match (self.format, exponent) {
            (_, 0) => write!(f, "{mantissa}"),
            (Format::DecimalExponent, exponent) => write!(f, "{mantissa}e{exponent}"),
            (_, exponent) => {
                const SUFFIXES: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
                write!(f, "{mantissa}{}", SUFFIXES[((exponent + 9) / 3).unsigned_abs() as usize])
            }
        }
    }
}

fn write_binary(f: &mut fmt::Formatter<'_>, nano: i128) -> fmt::Result {
    const SUFFIXES: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    let mut whole = nano / NANO + i128::from(nano % NANO > 0);
    let mut power = 0;
    while whole % 1024 == 0 && power + 1 < SUFFIXES.len() {
        whole /= 1024;
        power += 1;
    }
    write!(f, "{whole}{}", SUFFIXES[power])
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nano == other.nano
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nano.cmp(&other.nano)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, canonical: &str) {
        assert_eq!(Quantity::parse(text).map(|quantity| quantity.to_string()).as_deref(), Some(canonical), "{text}");
    }

    #[test]
    fn quantities_have_one_canonical_form() {
        check("1", "1");
        check("0", "0");
        check("0Gi", "0");
        check("0.5", "500m");
        check("1.5", "1500m");
        check("1000m", "1");
        check("100000", "100k");
        check("1024Mi", "1Gi");
        check("1.5Gi", "1536Mi");
        check("0.5Gi", "512Mi");
        check("0.5Ki", "512");
        check("100Ki", "100Ki");
        check("1e3", "1e3");
        check("1E", "1E");
        check("12E2", "1200");
        check("-5m", "-5m");
        check(".5", "500m");
        check("5.", "5");
        check("0.0000000001", "1n");
        check("99999999999999999999999", "9223372036854775807");
    }

    #[test]
    fn other_texts_are_no_quantities() {
        for text in ["", "x", "1x", "-", "1.2.3", "1 Gi", "Gi", "1ki", "1e", "+-1", "1e99", "é", "1é"] {
            assert!(Quantity::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn quantities_compare_across_suffixes() {
        let quantity = |text| Quantity::parse(text).expect("it is one");
        assert_eq!(quantity("1Ki"), quantity("1024"));
        assert!(quantity("999m") < quantity("1"));
        assert!(quantity("1Gi") > quantity("1G"));
    }
}
