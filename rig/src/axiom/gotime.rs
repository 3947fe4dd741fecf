//! Reads a time by a layout in Go's reference time, `Mon Jan 2 15:04:05 -0700 MST 2006`, which `timestamp-format` uses (Go, package `time`).

use time::{Date, Month, OffsetDateTime, Time, UtcOffset};

/// The parts of a layout, longest first where one begins with another.
const PARTS: [(&str, Part); 24] = [
    ("2006", Part::Year),
    ("January", Part::MonthName),
    ("Jan", Part::MonthName),
    ("Monday", Part::Word),
    ("Mon", Part::Word),
    ("MST", Part::Word),
    ("Z07:00", Part::Offset),
    ("-07:00", Part::Offset),
    ("-0700", Part::Offset),
    ("-07", Part::Offset),
    ("01", Part::Month),
    ("02", Part::Day),
    ("03", Part::Hour12),
    ("04", Part::Minute),
    ("05", Part::Second),
    ("06", Part::ShortYear),
    ("15", Part::Hour),
    ("PM", Part::Noon),
    ("_2", Part::Day),
    ("1", Part::Month),
    ("2", Part::Day),
    ("3", Part::Hour12),
    ("4", Part::Minute),
    ("5", Part::Second),
];

#[derive(Clone, Copy)]
enum Part {
    Year,
    ShortYear,
    MonthName,
    Month,
    Day,
    Hour,
    Hour12,
    Minute,
    Second,
    Noon,
    Offset,
    Word,
}

struct Fields {
    year: i32,
    month: Month,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
    nanos: u32,
    offset: i32,
    afternoon: Option<bool>,
}

/// The time that `text` shows under `layout`; `None` if it does not follow it.
pub(crate) fn parse(mut layout: &str, mut text: &str) -> Option<OffsetDateTime> {
    let month = Month::January;
    let mut fields =
        Fields { year: 0, month, day: 1, hour: 0, minute: 0, second: 0, nanos: 0, offset: 0, afternoon: None };
    while let Some(first) = layout.chars().next() {
        if let Some((name, part)) = PARTS.iter().find(|(name, _)| layout.starts_with(name)) {
            layout = &layout[name.len()..];
            text = fields.read(*part, text)?;
            if matches!(part, Part::Second) {
                // Go takes a fraction after the seconds even where the layout has none; a run of 0 or 9 in the layout stands for it.
                layout = layout.strip_prefix(['.', ',']).map_or(layout, |rest| rest.trim_start_matches(['0', '9']));
                text = fields.fraction(text)?;
            }
        } else {
            layout = &layout[first.len_utf8()..];
            text = text.strip_prefix(first)?;
        }
    }
    text.is_empty().then(|| fields.finish())?
}

impl Fields {
    fn read<'a>(&mut self, part: Part, text: &'a str) -> Option<&'a str> {
        match part {
            Part::Year => {
                let (year, rest) = number(text, 4)?;
                self.year = i32::from(year);
                return Some(rest);
            }
            Part::MonthName => {
                let (word, rest) = word(text);
                self.month = month_named(word)?;
                return Some(rest);
            }
            Part::Word => return Some(word(text).1),
            Part::Noon => {
                let (word, rest) = word(text);
                self.afternoon = Some(word.eq_ignore_ascii_case("pm"));
                return Some(rest);
            }
            Part::Offset => return self.offset(text),
            _ => {}
        }
        let (value, rest) = number(text.trim_start(), 2)?;
        let value = u8::try_from(value).ok()?;
        match part {
            Part::ShortYear => self.year = i32::from(value) + if value >= 69 { 1900 } else { 2000 },
            Part::Month => self.month = Month::try_from(value).ok()?,
            Part::Day => self.day = value,
            Part::Minute => self.minute = value,
            Part::Second => self.second = value,
            _ => self.hour = value,
        }
        Some(rest)
    }

    fn offset<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        if let Some(rest) = text.strip_prefix('Z') {
            return Some(rest);
        }
        let sign = if text.starts_with('-') { -1 } else { 1 };
        let (hours, rest) = number(text.strip_prefix(['+', '-'])?, 2)?;
        let minutes = rest.strip_prefix(':').unwrap_or(rest);
        let (minutes, rest) = number(minutes, 2).unwrap_or((0, rest));
        self.offset = sign * (i32::from(hours) * 3600 + i32::from(minutes) * 60);
        Some(rest)
    }

    fn fraction<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        let Some(digits) = text.strip_prefix(['.', ',']) else { return Some(text) };
        let end = digits.find(|digit: char| !digit.is_ascii_digit()).unwrap_or(digits.len());
        self.nanos = format!("{:0<9}", &digits[..end]).get(..9)?.parse().ok()?;
        Some(&digits[end..])
    }

    fn finish(self) -> Option<OffsetDateTime> {
        let hour = match self.afternoon {
            Some(afternoon) => self.hour % 12 + if afternoon { 12 } else { 0 },
            None => self.hour,
        };
        let date = Date::from_calendar_date(self.year, self.month, self.day).ok()?;
        let time = Time::from_hms_nano(hour, self.minute, self.second, self.nanos).ok()?;
        Some(date.with_time(time).assume_offset(UtcOffset::from_whole_seconds(self.offset).ok()?))
    }
}

fn number(text: &str, most: usize) -> Option<(u16, &str)> {
    let end = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    Some((text[..end].parse().ok()?, &text[end..]))
}

fn word(text: &str) -> (&str, &str) {
    text.split_at(text.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(text.len()))
}

fn month_named(word: &str) -> Option<Month> {
    let named = |month: &Month| word.len() >= 3 && month.to_string().to_lowercase().starts_with(&word.to_lowercase());
    (1..=12).filter_map(|month| Month::try_from(month).ok()).find(named)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn layouts() {
        let check = |layout, text, expected| assert_eq!(parse(layout, text), expected, "{layout} {text}");
        let expected = Some(datetime!(2026-01-02 15:04:05 UTC));
        check("Mon Jan 2 15:04:05 -0700 MST 2006", "Fri Jan 2 15:04:05 +0000 UTC 2026", expected);
        check("2006-01-02T15:04:05Z07:00", "2026-01-02T15:04:05Z", expected);
        check("2006-01-02T15:04:05Z07:00", "2026-01-02T17:04:05+02:00", Some(datetime!(2026-01-02 17:04:05 +2)));
        check("1/2/2006 3:04:05 PM", "1/2/2026 3:04:05 PM", expected);
        check("Monday, 02-Jan-06 15:04:05 MST", "Friday, 02-Jan-26 15:04:05 GMT", expected);
        check("January _2 2006 15:04:05", "January  2 2026 15:04:05", expected);
        check("2006-01-02 15:04:05.000", "2026-01-02 15:04:05.250", Some(datetime!(2026-01-02 15:04:05.25 UTC)));
        check("2006-01-02 15:04:05", "2026-01-02 15:04:05.250", Some(datetime!(2026-01-02 15:04:05.25 UTC)));
        check("2006-01-02", "2026-02-30", None);
        check("2006-01-02", "2026-02-03 extra", None);
        check("2006-01-02", "02.01.2026", None);
    }
}
