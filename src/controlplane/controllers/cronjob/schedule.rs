//! Cron schedules: five fields or a macro, in a time zone.
//!
//! Follows `github.com/robfig/cron` (`ParseStandard`): names of months and days, `*/n`, ranges, lists, `?`, `@hourly`
//! and its like. `@every` is not understood.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// When a Job is due.
#[derive(Debug, Clone)]
pub(super) struct Schedule {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Whether day of month and day of week both are restricted; then either will do.
    either_day: bool,
    zone: TimeZone,
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// How many days ahead a time is looked for: leap days come after at most eight years.
const HORIZON: usize = 366 * 8;

impl Schedule {
    /// Reads a schedule.
    pub(super) fn parse(text: &str, zone: Option<&str>) -> Result<Self, String> {
        let text = match text.trim() {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            other => other,
        };
        let fields: Vec<_> = text.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields[..] else {
            return Err(format!("expected exactly 5 fields, found {}: [{}]", fields.len(), fields.join(" ")));
        };
        let zone = match zone {
            None => TimeZone::UTC,
            Some(name) => TimeZone::get(name).map_err(|_| format!("unknown time zone {name}"))?,
        };
        let is_free = |field: &str| field.starts_with('*') || field.starts_with('?');
        let weekday_bits = parse_field(weekdays, 0, 7, &WEEKDAYS, 0)?;
        Ok(Self {
            minutes: parse_field(minutes, 0, 59, &[], 0)?,
            hours: parse_field(hours, 0, 23, &[], 0)?,
            days: parse_field(days, 1, 31, &[], 0)?,
            months: parse_field(months, 1, 12, &MONTHS, 1)?,
            weekdays: weekday_bits | (weekday_bits >> 7),
            either_day: !is_free(days) && !is_free(weekdays),
            zone,
        })
    }

    /// Returns the first time after `after`.
    pub(super) fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let local = after.to_zoned(self.zone.clone()).datetime();
        let start = local.checked_add(1.minute()).ok()?.with().second(0).subsec_nanosecond(0).build().ok()?;
        let mut from = start.time();
        let mut date = start.date();
        for _ in 0..HORIZON {
            if self.has_day(date)
                && let Some(found) = self.next_on(date, from).filter(|found| *found > after)
            {
                return Some(found);
            }
            date = date.tomorrow().ok()?;
            from = Time::midnight();
        }
        None
    }

    fn next_on(&self, date: Date, from: Time) -> Option<Timestamp> {
        let hours = (from.hour()..24).filter(|hour| has(self.hours, *hour));
        let time = hours.into_iter().find_map(|hour| {
            let first = if hour == from.hour() { from.minute() } else { 0 };
            let minute = (first..60).find(|minute| has(self.minutes, *minute))?;
            Time::new(hour, minute, 0, 0).ok()
        })?;
        let zoned = DateTime::from_parts(date, time).to_zoned(self.zone.clone()).ok()?;
        Some(zoned.timestamp())
    }

    fn has_day(&self, date: Date) -> bool {
        let day = has(self.days, date.day());
        let weekday = has(self.weekdays, date.weekday().to_sunday_zero_offset());
        has(self.months, date.month()) && if self.either_day { day || weekday } else { day && weekday }
    }
}

fn has(bits: u64, number: i8) -> bool {
    u32::try_from(number).is_ok_and(|number| bits >> number & 1 == 1)
}

fn parse_field(field: &str, min: u32, max: u32, names: &[&str], first_name: u32) -> Result<u64, String> {
    let number = |text: &str| -> Result<u32, String> {
        let lower = text.to_lowercase();
        let by_name = names.iter().zip(first_name..).find(|(name, _)| **name == lower).map(|(_, number)| number);
        let number = by_name.or_else(|| text.parse().ok());
        number.ok_or_else(|| format!("failed to parse int from {text}: invalid syntax"))
    };
    let mut bits = 0;
    for part in field.split(',') {
        let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
        let (low, high) = match range.split_once('-') {
            _ if matches!(range, "*" | "?") => (min, if names.len() == 7 { 6 } else { max }),
            Some((low, high)) => (number(low)?, number(high)?),
            None if step.is_some() => (number(range)?, max),
            None => (number(range)?, number(range)?),
        };
        let step = step.map_or(Ok(1), number)?;
        if low < min || high > max || low > high || step == 0 {
            return Err(format!("{part} is not within {min}-{max}"));
        }
        bits = (low..=high).step_by(step as usize).fold(bits, |bits, number| bits | 1 << number);
    }
    Ok(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(schedule: &str, after: &str, expected: &str) {
        let schedule = Schedule::parse(schedule, None).expect("the schedule is valid");
        let next = schedule.next(after.parse().expect("a time")).expect("there is a next time");
        assert_eq!(next.to_string(), expected);
    }

    #[test]
    fn the_next_time_is_found() {
        check("* * * * *", "2026-01-01T00:00:30Z", "2026-01-01T00:01:00Z");
        check("*/15 * * * *", "2026-01-01T00:45:00Z", "2026-01-01T01:00:00Z");
        check("0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z");
        check("30 9 * * mon-fri", "2026-01-02T10:00:00Z", "2026-01-05T09:30:00Z");
        check("0 0 13 * 5", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
        check("0 0 * * 7", "2026-01-01T00:00:00Z", "2026-01-04T00:00:00Z");
        check("@hourly", "2026-12-31T23:30:00Z", "2027-01-01T00:00:00Z");
        check("5,10 4 1 jan *", "2026-01-01T04:05:00Z", "2026-01-01T04:10:00Z");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for text in ["", "* * * *", "60 * * * *", "* * 0 * *", "5-1 * * * *", "*/0 * * * *", "x * * * *"] {
            assert!(Schedule::parse(text, None).is_err(), "{text}");
        }
        assert!(Schedule::parse("* * * * *", Some("Nowhere/City")).is_err());
    }
}
