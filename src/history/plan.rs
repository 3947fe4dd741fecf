//! From a range to slices that one query can give: days are counted first, and only where a bin holds too much for one slice it is counted finer.
//! `cut` is pure.

use std::collections::VecDeque;
use std::sync::Arc;

use futures::Stream;
use serde::Deserialize;

use super::job::Job;
use super::slice::Slice;
use crate::loganalytics::LogAnalytics;
use crate::query::AskError;
use crate::query::window::{DAY, SECOND, Ticks, Window};

/// Rows of a slice, unless one asks for fewer. The service gives ten times as many; memory does not.
pub const SLICE_ROWS: u64 = 50_000;

/// Bytes of a slice, as the service estimates them. It gives four times as many.
pub const SLICE_BYTES: u64 = 16_000_000;

/// Widths of the bins, in ticks, down to one: all of them divide the one before, and begin where the folders of data export do.
const WIDTHS: [i64; 8] = [DAY, 3600 * SECOND, 300 * SECOND, 5 * SECOND, 1_000_000, 10_000, 100, 1];

/// Most days that one query counts.
const DAYS: i64 = 366;

/// What the service counted in a bin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Bin {
    /// Its beginning.
    #[serde(rename = "Bin")]
    pub from: Ticks,
    /// Rows in it.
    #[serde(rename = "Rows")]
    pub rows: u64,
    /// Their size in bytes.
    #[serde(rename = "Bytes", default)]
    pub bytes: u64,
}

/// What is to be done about a stretch of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Read(Slice),
    /// Count it in bins of this one of [`WIDTHS`].
    Count(Window, usize),
}

/// Cuts a window that was counted in bins of `WIDTHS[level]` into slices of at most so many rows: neighbours share a slice while they fit, and what fits none is counted finer. One tick is a
/// slice however much it holds: whoever reads it cuts it further.
fn cut(window: Window, level: usize, bins: &[Bin], most: u64) -> Vec<Step> {
    let is_too_much = |slice: Slice| slice.rows > most || slice.bytes > SLICE_BYTES;
    let (mut steps, mut open): (Vec<Step>, Option<Slice>) = (Vec::new(), None);
    for bin in bins {
        let within = window.and(Window { from: bin.from, to: Ticks(bin.from.0 + WIDTHS[level]) });
        if within.is_empty() || bin.rows == 0 {
            continue;
        }
        let slice = Slice { window: within, rows: bin.rows, bytes: bin.bytes };
        if is_too_much(slice) && level + 1 < WIDTHS.len() {
            steps.extend(open.take().map(Step::Read));
            steps.push(Step::Count(within, level + 1));
            continue;
        }
        open = match open.map(|open| (open, open.with(slice))) {
            Some((open, both)) if is_too_much(both) => {
                steps.push(Step::Read(open));
                Some(slice)
            }
            Some((_, both)) => Some(both),
            None => Some(slice),
        };
    }
    steps.extend(open.map(Step::Read));
    tile(window, &mut steps);
    steps
}

/// Lets each step end where the next one begins, so that together they are the window. Nothing was counted in between, and what is known to be done has no
/// gaps that had to be counted again.
fn tile(window: Window, steps: &mut [Step]) {
    let mut to = window.to;
    for step in steps.iter_mut().rev() {
        let (Step::Read(Slice { window, .. }) | Step::Count(window, _)) = step;
        window.to = to;
        to = window.from;
    }
    if let Some(Step::Read(Slice { window: first, .. }) | Step::Count(first, _)) = steps.first_mut() {
        first.from = window.from;
    }
}

/// What reading takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queries {
    /// Queries for rows.
    pub slices: u64,
    /// Queries that count finer than by days.
    pub counts: u64,
}

/// About how many queries it takes to read these days in slices of at most so many rows.
#[must_use]
pub fn queries(days: &[Bin], most: u64) -> Queries {
    let always = Window { from: Ticks(i64::MIN / 2), to: Ticks(i64::MAX / 2) };
    let mut queries = Queries { slices: 0, counts: 0 };
    for step in cut(always, 0, days, most) {
        let Step::Count(window, _) = step else {
            queries.slices += 1;
            continue;
        };
        for day in days.iter().filter(|day| window.from <= day.from && day.from < window.to) {
            let slices = day.rows.div_ceil(most).max(day.bytes.div_ceil(SLICE_BYTES));
            queries.slices += slices;
            // By hours; and about every twelfth slice is one of an hour that is too much, too.
            queries.counts += 1 + slices / 12;
        }
    }
    queries
}

/// Rows and bytes of each day (UTC) of a window that has any, and how many queries that took.
///
/// # Errors
/// [`AskError`].
pub async fn days(log_analytics: &LogAnalytics, job: &Job, window: Window) -> Result<(Vec<Bin>, u64), AskError> {
    let (mut days, mut calls) = (Vec::new(), 0);
    let mut rest = VecDeque::from(years(window));
    while let Some(window) = rest.pop_front() {
        calls += 1;
        match count(log_analytics, job, window, DAY).await {
            Ok(bins) => days.extend(bins),
            Err(AskError::TooMuch(why)) => match at_midnight(window) {
                Some(halves) => halves.into_iter().rev().for_each(|half| rest.push_front(half)),
                None => return Err(AskError::TooMuch(why)),
            },
            Err(error) => return Err(error),
        }
    }
    Ok((days, calls))
}

/// The slices of windows, of at most `most` rows unless one tick has more, in order. Counts are asked for only when a slice is wanted.
pub fn slices(
    log_analytics: LogAnalytics,
    job: Arc<Job>,
    windows: Vec<Window>,
    most: u64,
) -> impl Stream<Item = Result<Slice, AskError>> + Send {
    let steps: VecDeque<_> = windows.into_iter().flat_map(years).map(|window| Step::Count(window, 0)).collect();
    futures::stream::try_unfold((log_analytics, job, steps), move |(log_analytics, job, mut steps)| async move {
        while let Some(step) = steps.pop_front() {
            let (window, level) = match step {
                Step::Read(slice) => return Ok(Some((slice, (log_analytics, job, steps)))),
                Step::Count(window, level) => (window, level),
            };
            let finer = match count(&log_analytics, &job, window, WIDTHS[level]).await {
                Ok(bins) => cut(window, level, &bins, most),
                Err(AskError::TooMuch(why)) => match window.halves() {
                    Some(halves) => halves.map(|half| Step::Count(half, level)).into(),
                    None => return Err(AskError::TooMuch(why)),
                },
                Err(error) => return Err(error),
            };
            finer.into_iter().rev().for_each(|step| steps.push_front(step));
        }
        Ok(None)
    })
}

/// Rows and bytes of each bin of `width` ticks.
///
/// # Errors
/// [`AskError`].
pub async fn count(log_analytics: &LogAnalytics, job: &Job, window: Window, width: i64) -> Result<Vec<Bin>, AskError> {
    let rows = log_analytics.ask(&job.source().bins(window, width), window, job.plan).await?;
    let bins = rows.lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(serde_json::from_slice);
    bins.collect::<Result<_, _>>()
        .map_err(|error| super::read::unreadable(format!("the counts cannot be read: {error}")))
}

/// Stretches that one query can count by days.
fn years(window: Window) -> Vec<Window> {
    let mut from = window.from;
    let mut parts = Vec::new();
    while from < window.to {
        let to = Ticks(from.floor(DAY).0 + DAYS * DAY).min(window.to);
        parts.push(Window { from, to });
        from = to;
    }
    parts
}

/// Halves that share no day.
fn at_midnight(window: Window) -> Option<[Window; 2]> {
    let [first, _] = window.halves()?;
    let middle = first.to.floor(DAY);
    (middle > window.from).then_some([Window { to: middle, ..window }, Window { from: middle, ..window }])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Ticks {
        Ticks::parse(text).unwrap()
    }

    fn bin(from: &str, rows: u64, bytes: u64) -> Bin {
        Bin { from: at(from), rows, bytes }
    }

    fn shown(steps: &[Step]) -> Vec<String> {
        let short = |ticks: Ticks| ticks.to_string().replace(":00.0000000Z", "").replace("2026-", "");
        let show = |step: &Step| match step {
            Step::Read(Slice { window, rows, .. }) => format!("{rows} in {} {}", short(window.from), short(window.to)),
            Step::Count(window, level) => format!("level {level} of {} {}", short(window.from), short(window.to)),
        };
        steps.iter().map(show).collect()
    }

    #[test]
    fn neighbours_share_a_slice_while_they_fit_and_what_fits_none_is_counted_finer() {
        let window = Window { from: at("2026-01-01T06:00:00Z"), to: at("2026-01-09T12:00:00Z") };
        let bins = [
            bin("2026-01-01", 20_000, 1),
            bin("2026-01-02", 30_000, 1),
            bin("2026-01-03", 1, 1),
            bin("2026-01-05", 50_001, 1),
            bin("2026-01-06", 10, SLICE_BYTES + 1),
            bin("2026-01-07", 10, SLICE_BYTES),
            bin("2026-01-08", 10, 1),
            bin("2026-01-09", 10, 1),
        ];
        let wanted = [
            "50000 in 01-01T06:00 01-03T00:00",
            "1 in 01-03T00:00 01-05T00:00",
            "level 1 of 01-05T00:00 01-06T00:00",
            "level 1 of 01-06T00:00 01-07T00:00",
            "10 in 01-07T00:00 01-08T00:00",
            "20 in 01-08T00:00 01-09T12:00",
        ];
        assert_eq!(shown(&cut(window, 0, &bins, SLICE_ROWS)), wanted);
        assert_eq!(cut(window, 0, &[], SLICE_ROWS), []);
    }

    #[test]
    fn one_tick_is_a_slice_however_much_it_holds() {
        let window = Window { from: at("2026-01-01T00:00:02Z"), to: at("2026-01-01T00:00:02.00001Z") };
        let bins = [bin("2026-01-01T00:00:02Z", 9_000_000, 1), bin("2026-01-01T00:00:02.0000001Z", 1, 1)];
        let steps = cut(window, 7, &bins, SLICE_ROWS);
        let [Step::Read(first), Step::Read(second)] = steps[..] else { panic!("{steps:?}") };
        assert_eq!((first.rows, first.window.from, first.window.to), (9_000_000, window.from, second.window.from));
    }

    #[test]
    fn years_and_their_halves_cover_a_window_without_an_overlap() {
        let window = Window { from: at("2020-02-03T04:05:06Z"), to: at("2026-01-01T00:00:00.0000001Z") };
        let parts = years(window);
        assert_eq!((parts[0].from, parts[parts.len() - 1].to, parts.len()), (window.from, window.to, 6));
        assert!(parts.windows(2).all(|pair| pair[0].to == pair[1].from && pair[0].to.floor(DAY) == pair[0].to));
        let [first, second] = at_midnight(parts[0]).unwrap();
        assert_eq!((first.from, first.to, second.to), (parts[0].from, second.from, parts[0].to));
        assert_eq!(first.to.floor(DAY), first.to);
        assert_eq!(at_midnight(Window { from: at("2026-01-01"), to: at("2026-01-02") }), None);
        assert_eq!(years(Window { from: at("2026-01-01"), to: at("2026-01-01") }), []);
    }
}
