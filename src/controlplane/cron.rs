//! Cron schedules: reading them, with the messages of the library that upstream uses, and finding the next time.
//!
//! Source of the messages: `github.com/robfig/cron/v3/parser.go`.

use jiff::civil::DateTime;
use jiff::{ToSpan, Unit};

/// When something is due: a set of values for each field, as bits; or every so often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    /// `@every`: this many seconds after the last time.
    Every(i64),
    /// The five fields.
    Fields(Fields),
}

/// The five fields of a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Whether day and weekday both restrict, so that either is enough.
    either_day: bool,
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// The bounds and names of a field.
struct Bounds {
    low: u32,
    high: u32,
    names: &'static [&'static str],
}

const MINUTES: Bounds = Bounds { low: 0, high: 59, names: &[] };
const HOURS: Bounds = Bounds { low: 0, high: 23, names: &[] };
const DAYS: Bounds = Bounds { low: 1, high: 31, names: &[] };
const MONTH: Bounds = Bounds { low: 1, high: 12, names: &MONTHS };
const WEEKDAY: Bounds = Bounds { low: 0, high: 6, names: &WEEKDAYS };

impl Schedule {
    /// Parses a schedule of five fields, or a descriptor such as `@daily`.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("empty spec string".to_owned());
        }
        // A time zone in front is read over: upstream refuses it elsewhere.
        let text = match text.strip_prefix("TZ=").or_else(|| text.strip_prefix("CRON_TZ=")) {
            Some(rest) => rest.split_once(' ').map_or("", |(_, rest)| rest).trim(),
            None => text,
        };
        if text.starts_with('@') {
            return Self::parse_descriptor(text);
        }
        let words: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = words.as_slice() else {
            return Err(format!("expected exactly 5 fields, found {}: [{}]", words.len(), words.join(" ")));
        };
        let restricts = |word: &str| !word.split(',').any(|part| part.starts_with(['*', '?']));
        Ok(Self::Fields(Fields {
            minutes: parse_field(minutes, &MINUTES)?,
            hours: parse_field(hours, &HOURS)?,
            days: parse_field(days, &DAYS)?,
            months: parse_field(months, &MONTH)?,
            weekdays: parse_field(weekdays, &WEEKDAY)?,
            either_day: restricts(days) && restricts(weekdays),
        }))
    }

    fn parse_descriptor(text: &str) -> Result<Self, String> {
        let fields = match text {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            _ => {
                let Some(every) = text.strip_prefix("@every ") else {
                    return Err(format!("unrecognized descriptor: {text}"));
                };
                let seconds = parse_duration(every);
                return seconds
                    .map(|seconds| Self::Every(seconds.max(1)))
                    .ok_or_else(|| format!("failed to parse duration {text}: time: invalid duration {every:?}"));
            }
        };
        Self::parse(fields)
    }

    /// Returns the first time after `after` at which something is due, within five years.
    pub fn next_after(&self, after: DateTime) -> Option<DateTime> {
        match self {
            Self::Every(seconds) => after.checked_add(seconds.seconds()).ok()?.round(Unit::Second).ok(),
            Self::Fields(fields) => fields.next_after(after),
        }
    }
}

impl Fields {
    fn next_after(&self, after: DateTime) -> Option<DateTime> {
        let has = |bits: u64, value: i8| bits & (1 << value) != 0;
        let mut time = after.with().second(0).subsec_nanosecond(0).build().ok()?.checked_add(1.minute()).ok()?;
        let limit = after.year() + 5;
        while time.year() <= limit {
            if !has(self.months, time.month()) {
                time = time.first_of_month().start_of_day().checked_add(1.month()).ok()?;
            } else if !self.has_day(time) {
                time = time.start_of_day().checked_add(1.day()).ok()?;
            } else if !has(self.hours, time.hour()) {
                time = time.with().minute(0).build().ok()?.checked_add(1.hour()).ok()?;
            } else if !has(self.minutes, time.minute()) {
                time = time.checked_add(1.minute()).ok()?;
            } else {
                return Some(time);
            }
        }
        None
    }

    fn has_day(&self, time: DateTime) -> bool {
        let day = self.days & (1 << time.day()) != 0;
        let weekday = self.weekdays & (1 << time.weekday().to_sunday_zero_offset()) != 0;
        if self.either_day { day || weekday } else { day && weekday }
    }
}

trait StartOfDay {
    fn start_of_day(self) -> DateTime;
}

impl StartOfDay for DateTime {
    fn start_of_day(self) -> DateTime {
        self.date().to_datetime(jiff::civil::Time::midnight())
    }
}

fn parse_field(word: &str, bounds: &Bounds) -> Result<u64, String> {
    word.split(',').filter(|part| !part.is_empty()).try_fold(0, |bits, part| Ok(bits | parse_range(part, bounds)?))
}

fn parse_range(part: &str, bounds: &Bounds) -> Result<u64, String> {
    let (range, step) = match part.split('/').collect::<Vec<_>>().as_slice() {
        [range] => (*range, None),
        [range, step] => (*range, Some(parse_number(step)?)),
        _ => return Err(format!("too many slashes: {part}")),
    };
    let (start, end) = match range.split('-').collect::<Vec<_>>().as_slice() {
        ["*" | "?"] => (bounds.low, bounds.high),
        [single] => {
            let start = parse_value(single, bounds)?;
            (start, if step.is_some() { bounds.high } else { start })
        }
        [start, end] => (parse_value(start, bounds)?, parse_value(end, bounds)?),
        _ => return Err(format!("too many hyphens: {part}")),
    };
    let step = step.unwrap_or(1);
    match () {
        () if start < bounds.low => Err(format!("beginning of range ({start}) below minimum ({}): {part}", bounds.low)),
        () if end > bounds.high => Err(format!("end of range ({end}) above maximum ({}): {part}", bounds.high)),
        () if start > end => Err(format!("beginning of range ({start}) beyond end of range ({end}): {part}")),
        () if step == 0 => Err(format!("step of range should be a positive number: {part}")),
        () => Ok((start..=end).step_by(step as usize).fold(0, |bits, value| bits | 1 << value)),
    }
}

fn parse_value(text: &str, bounds: &Bounds) -> Result<u32, String> {
    let name = text.to_lowercase();
    match bounds.names.iter().position(|candidate| *candidate == name) {
        Some(index) => Ok(bounds.low + index as u32),
        None => parse_number(text),
    }
}

fn parse_number(text: &str) -> Result<u32, String> {
    match text.parse::<i64>() {
        Err(_) => Err(format!("failed to parse int from {text}: strconv.Atoi: parsing {text:?}: invalid syntax")),
        Ok(number) if number < 0 => Err(format!("negative number ({number}) not allowed: {text}")),
        Ok(number) => Ok(u32::try_from(number).unwrap_or(u32::MAX)),
    }
}

/// Reads a duration as Go writes it, such as `1h30m`, in whole seconds.
fn parse_duration(text: &str) -> Option<i64> {
    let mut seconds = 0.0;
    let mut rest = text;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..end].parse().ok()?;
        rest = &rest[end..];
        let unit_end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        seconds += number
            * match &rest[..unit_end] {
                "h" => 3600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" => 0.001,
                _ => return None,
            };
        rest = &rest[unit_end..];
    }
    Some(seconds as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_next(schedule: &str, after: &str, expected: &str) {
        let schedule = Schedule::parse(schedule).expect("it is a schedule");
        let next = schedule.next_after(after.parse().expect("it is a time"));
        assert_eq!(next.map(|time| time.to_string()).as_deref(), Some(expected));
    }

    #[test]
    fn the_next_time_is_found() {
        check_next("*/15 * * * *", "2026-01-01T00:00:00", "2026-01-01T00:15:00");
        check_next("0 0 29 2 *", "2026-01-01T00:00:00", "2028-02-29T00:00:00");
        check_next("30 9 * * mon-fri", "2026-11-20T10:00:00", "2026-11-23T09:30:00");
        check_next("0 0 13 * 5", "2026-11-01T00:00:00", "2026-11-06T00:00:00");
        check_next("@hourly", "2026-01-01T00:00:30", "2026-01-01T01:00:00");
        check_next("@every 1h30m", "2026-01-01T00:00:00", "2026-01-01T01:30:00");
        assert_eq!(
            Schedule::parse("0 0 31 2 *")
                .expect("it parses")
                .next_after("2026-01-01T00:00:00".parse().expect("a time")),
            None
        );
    }

    #[track_caller]
    fn check_refused(schedule: &str, expected: &str) {
        assert_eq!(Schedule::parse(schedule), Err(expected.to_owned()));
    }

    #[test]
    fn refusals_say_why() {
        check_refused("x", "expected exactly 5 fields, found 1: [x]");
        check_refused("60 * * * *", "end of range (60) above maximum (59): 60");
        check_refused("* * 0 * *", "beginning of range (0) below minimum (1): 0");
        check_refused("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1");
        check_refused("*/0 * * * *", "step of range should be a positive number: */0");
        check_refused("a * * * *", "failed to parse int from a: strconv.Atoi: parsing \"a\": invalid syntax");
        check_refused("@never", "unrecognized descriptor: @never");
    }
}
