//! NCRONTAB schedules, as timer triggers use them: six fields with seconds first, or five (Microsoft Learn, "Timer
//! trigger for Azure Functions"). Times are UTC. Names of months and days are not read.

use anyhow::{Context, bail};
use time::{Duration, OffsetDateTime, Time};

/// A parsed schedule: for each field, the set of values at which it fires, one bit per value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Schedule {
    second: u64,
    minute: u64,
    hour: u64,
    day: u64,
    month: u64,
    weekday: u64,
}

impl Schedule {
    /// Reads an expression such as `0 */5 * * * *`.
    pub(crate) fn parse(expression: &str) -> anyhow::Result<Schedule> {
        let mut fields: Vec<&str> = expression.split_ascii_whitespace().collect();
        if fields.len() == 5 {
            fields.insert(0, "0");
        }
        let [second, minute, hour, day, month, weekday] = fields[..] else {
            bail!("read schedule {expression:?}: expected five or six fields");
        };
        let set = |field, low, high| set(field, low, high).with_context(|| format!("read schedule {expression:?}"));
        // Both 0 and 7 mean Sunday.
        let weekday = set(weekday, 0, 7)?;
        Ok(Schedule {
            second: set(second, 0, 59)?,
            minute: set(minute, 0, 59)?,
            hour: set(hour, 0, 23)?,
            day: set(day, 1, 31)?,
            month: set(month, 1, 12)?,
            weekday: weekday | (weekday >> 7),
        })
    }

    /// The first time after `after`, or `None` where no day of the next eight years fits (a 31 February, say).
    pub(crate) fn next(&self, after: OffsetDateTime) -> Option<OffsetDateTime> {
        let mut from = (after + Duration::SECOND).replace_nanosecond(0).expect("zero is a nanosecond");
        for _ in 0..8 * 366 {
            if self.fits_day(from)
                && let Some(time) = self.first_time(from.time())
            {
                return Some(from.replace_time(time));
            }
            from = (from + Duration::DAY).replace_time(Time::MIDNIGHT);
        }
        None
    }

    /// Whether it fires more than once a minute; the host does not monitor such a schedule.
    pub(crate) fn below_one_minute(&self) -> bool {
        self.second.count_ones() > 1
    }

    fn fits_day(&self, at: OffsetDateTime) -> bool {
        has(self.day, at.day())
            && has(self.month, at.month().into())
            && has(self.weekday, at.weekday().number_days_from_sunday())
    }

    fn first_time(&self, from: Time) -> Option<Time> {
        for hour in (from.hour()..24).filter(|hour| has(self.hour, *hour)) {
            let minute = if hour == from.hour() { from.minute() } else { 0 };
            for minute in (minute..60).filter(|minute| has(self.minute, *minute)) {
                let same = (hour, minute) == (from.hour(), from.minute());
                let second = if same { from.second() } else { 0 };
                if let Some(second) = (second..60).find(|second| has(self.second, *second)) {
                    return Some(Time::from_hms(hour, minute, second).expect("the fields are within a day"));
                }
            }
        }
        None
    }
}

fn has(set: u64, value: u8) -> bool {
    set & (1 << value) != 0
}

/// One field: a list of `*`, `a`, `a-b`, each with an optional `/step`.
fn set(field: &str, low: u8, high: u8) -> anyhow::Result<u64> {
    let mut bits = 0;
    for item in field.split(',') {
        let (range, step) = item.split_once('/').map_or((item, None), |(range, step)| (range, Some(step)));
        let step: usize = step.unwrap_or("1").parse().with_context(|| format!("read step of {item:?}"))?;
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (low, high),
            Some((first, last)) => (first.parse()?, last.parse()?),
            None if item.contains('/') => (range.parse()?, high),
            None => (range.parse()?, range.parse()?),
        };
        if step == 0 || first < low || last > high || first > last {
            bail!("{item:?} is not within {low}-{high}");
        }
        (first..=last).step_by(step).for_each(|value| bits |= 1 << value);
    }
    Ok(bits)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn check(expression: &str, after: OffsetDateTime, expected: OffsetDateTime) {
        assert_eq!(Schedule::parse(expression).unwrap().next(after), Some(expected), "{expression}");
    }

    #[test]
    fn the_next_time_is_after_the_last() {
        let at = datetime!(2026-11-24 09:44:16.5 UTC);
        check("0 * * * * *", at, datetime!(2026-11-24 09:45 UTC));
        check("0 * * * * *", datetime!(2026-11-24 09:45 UTC), datetime!(2026-11-24 09:46 UTC));
        check("*/5 * * * * *", at, datetime!(2026-11-24 09:44:20 UTC));
        check("0 0 3 * * *", at, datetime!(2026-11-25 03:00 UTC));
        check("*/10 * * * *", at, datetime!(2026-11-24 09:50 UTC));
        check("0 30 9-11 * * 1-5", datetime!(2026-11-27 11:30 UTC), datetime!(2026-11-30 09:30 UTC));
        check("0 0 0 29 2 *", at, datetime!(2028-02-29 00:00 UTC));
        check("0 0 0 * * 7", at, datetime!(2026-11-29 00:00 UTC));
        check("5,10 59 23 31 12 *", at, datetime!(2026-12-31 23:59:05 UTC));
    }

    #[test]
    fn what_can_never_fire_has_no_next_time() {
        let never = Schedule::parse("0 0 0 31 2 *").unwrap();
        assert_eq!(never.next(datetime!(2026-11-24 09:44 UTC)), None);
    }

    #[test]
    fn wrong_expressions_are_refused() {
        for wrong in ["", "* * * *", "60 * * * * *", "*/0 * * * * *", "0 0 0 0 * *", "x * * * * *", "5-1 * * * * *"] {
            assert!(Schedule::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_schedule_with_several_seconds_is_below_one_minute() {
        assert!(Schedule::parse("*/30 * * * * *").unwrap().below_one_minute());
        assert!(!Schedule::parse("0 * * * * *").unwrap().below_one_minute());
    }
}
