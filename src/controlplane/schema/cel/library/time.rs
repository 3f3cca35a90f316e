//! Times and durations.

use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp, Zoned};

use super::super::interpreter::Outcome;
use super::super::value::{Failure, Value};
use super::no_such;

/// Parses a duration as Go does: `1h30m`, `-1.5s`, `0`.
pub(in super::super) fn parse_duration(text: &str) -> Result<SignedDuration, Failure> {
    const UNITS: [(&str, f64); 8] =
        [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("μs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 6e10), ("h", 3.6e12)];
    let invalid = || format!("time: invalid duration {text:?}");
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(SignedDuration::ZERO);
    }
    let mut nanos: i128 = 0;
    if rest.is_empty() {
        return Err(invalid());
    }
    while !rest.is_empty() {
        let end = rest.find(|char: char| !char.is_ascii_digit() && char != '.').ok_or_else(invalid)?;
        let (number, tail) = rest.split_at(end);
        let (unit, scale) = UNITS
            .iter()
            .find(|(unit, _)| {
                tail.strip_prefix(unit).is_some_and(|rest| {
                    rest.is_empty() || rest.starts_with(|char: char| char.is_ascii_digit() || char == '.')
                })
            })
            .ok_or_else(invalid)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| invalid())? };
        let fraction: f64 =
            if fraction.is_empty() { 0.0 } else { format!("0.{fraction}").parse().map_err(|_| invalid())? };
        let part = whole.checked_mul(*scale as i128).ok_or_else(invalid)?;
        nanos = nanos.checked_add(part + (fraction * scale) as i128).ok_or_else(invalid)?;
        rest = &tail[unit.len()..];
    }
    let nanos = i64::try_from(if negative { -nanos } else { nanos }).map_err(|_| invalid())?;
    Ok(SignedDuration::from_nanos(nanos))
}

/// Returns a duration in seconds without needless digits, as CEL prints it.
pub(super) fn seconds(duration: SignedDuration) -> String {
    let text = format!("{:.9}", duration.as_secs_f64());
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

pub(super) fn to_timestamp<'a>(value: &Value<'a>) -> Outcome<'a> {
    match (value, value.as_str()) {
        (Value::Timestamp(_), _) => Ok(value.clone()),
        (Value::Int(second), _) => {
            Timestamp::from_second(*second).map(Value::Timestamp).map_err(|error| error.to_string())
        }
        (_, Some(text)) => {
            let invalid = || format!("parsing time {text:?} as \"2006-01-02T15:04:05Z07:00\": cannot parse {text:?}");
            text.parse().map(Value::Timestamp).map_err(|_| invalid())
        }
        _ => no_such(),
    }
}

pub(super) fn method<'a>(name: &str, target: &Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    match (target, args) {
        (Value::Duration(duration), []) => of_duration(name, *duration),
        (Value::Timestamp(time), []) => of_time(name, &time.to_zoned(TimeZone::UTC)),
        (Value::Timestamp(time), [zone]) => {
            of_time(name, &time.to_zoned(time_zone(zone.as_str().unwrap_or_default())?))
        }
        _ => no_such(),
    }
}

fn of_duration<'a>(name: &str, duration: SignedDuration) -> Outcome<'a> {
    Ok(Value::Int(match name {
        "getHours" => duration.as_hours(),
        "getMinutes" => duration.as_mins(),
        "getSeconds" => duration.as_secs(),
        "getMilliseconds" => i64::try_from(duration.as_millis()).unwrap_or(i64::MAX),
        _ => return no_such(),
    }))
}

fn of_time<'a>(name: &str, time: &Zoned) -> Outcome<'a> {
    Ok(Value::Int(match name {
        "getFullYear" => i64::from(time.year()),
        "getMonth" => i64::from(time.month()) - 1,
        "getDayOfYear" => i64::from(time.day_of_year()) - 1,
        "getDayOfMonth" => i64::from(time.day()) - 1,
        "getDate" => i64::from(time.day()),
        "getDayOfWeek" => i64::from(time.weekday().to_sunday_zero_offset()),
        "getHours" => i64::from(time.hour()),
        "getMinutes" => i64::from(time.minute()),
        "getSeconds" => i64::from(time.second()),
        "getMilliseconds" => i64::from(time.millisecond()),
        _ => return no_such(),
    }))
}

/// Reads `UTC`, `America/New_York`, `+02:00`.
fn time_zone(name: &str) -> Result<TimeZone, Failure> {
    let fixed = || {
        let (sign, rest) = match name.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, name.strip_prefix('+').unwrap_or(name)),
        };
        let (hours, minutes) = rest.split_once(':')?;
        let seconds = hours.parse::<i32>().ok()?.checked_mul(3600)? + minutes.parse::<i32>().ok()?.checked_mul(60)?;
        Offset::from_seconds(sign * seconds).ok().map(TimeZone::fixed)
    };
    fixed().or_else(|| TimeZone::get(name).ok()).ok_or_else(|| format!("unknown time zone {name}"))
}
