//! How long ago something was, as kubectl shows it: `5s`, `3m20s`, `4d`.
//!
//! Source: `k8s.io/apimachinery/pkg/util/duration/duration.go`, Kubernetes 1.36.

use jiff::Timestamp;

use super::env::Env;

/// Returns a number of seconds as people say it: two units at most, one when it is long.
pub fn human(seconds: i64) -> String {
    let two = |large: i64, large_unit: &str, small: i64, small_unit: &str| match small {
        0 => format!("{large}{large_unit}"),
        _ => format!("{large}{large_unit}{small}{small_unit}"),
    };
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        // A clock may be a second ahead of another.
        ..-1 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        _ if seconds < 120 => format!("{seconds}s"),
        _ if minutes < 10 => two(minutes, "m", seconds % 60, "s"),
        _ if minutes < 180 => format!("{minutes}m"),
        _ if hours < 8 => two(hours, "h", minutes % 60, "m"),
        _ if hours < 48 => format!("{hours}h"),
        _ if hours < 24 * 8 => two(days, "d", hours % 24, "h"),
        _ if hours < 24 * 365 * 2 => format!("{days}d"),
        _ if hours < 24 * 365 * 8 => two(days / 365, "y", days % 365, "d"),
        _ => format!("{}y", days / 365),
    }
}

/// Returns how long ago a time was; `<unknown>` when there is none, `<invalid>` when it is no time.
pub fn since(env: &Env, time: &str) -> String {
    match time.parse::<Timestamp>() {
        _ if time.is_empty() => "<unknown>".to_owned(),
        Ok(time) => human(env.now().duration_since(time).as_secs()),
        Err(_) => "<invalid>".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_times_have_few_units() {
        const HOUR: i64 = 3600;
        const DAY: i64 = 24 * HOUR;
        let cases = [
            (-2, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (200, "3m20s"),
            (600, "10m"),
            (3 * HOUR, "3h"),
            (3 * HOUR + 61, "3h1m"),
            (9 * HOUR + 61, "9h"),
            (2 * DAY + HOUR, "2d1h"),
            (8 * DAY + HOUR, "8d"),
            (2 * 365 * DAY + DAY, "2y1d"),
            (9 * 365 * DAY + DAY, "9y"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(human(seconds), expected, "{seconds}");
        }
    }

    #[test]
    fn ages_count_from_the_injected_clock() {
        let env = Env::deterministic(1, || Timestamp::from_second(1_000_000).expect("it is in range"));
        assert_eq!(since(&env, "1970-01-12T13:46:35Z"), "5s");
        assert_eq!((since(&env, "").as_str(), since(&env, "x").as_str()), ("<unknown>", "<invalid>"));
    }
}
