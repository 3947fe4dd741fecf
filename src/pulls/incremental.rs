//! An incremental run: page by page, in the order of the watermark, each page whole ticks of it.

use std::time::Duration;

use super::kql::Query;
use super::page::{self, PageSize, Row};
use super::pull::{INGESTION_TIME, Incremental, Source, Start};
use super::run::{PullError, Running};
use super::seen::{Known, Mark};
use super::state::State;
use crate::hunting;
use crate::loganalytics::kql::{Part, WHOLE};
use crate::query::AskError;
use crate::query::rows::Column;
use crate::query::window::{DAY, Ticks, Window};

/// Most parts of the rows with one watermark.
pub(super) const PARTS: u32 = 4096;

/// Least rows of a part that are aimed at, however small pages have become: one that is too large is divided.
const PART_ROWS: u64 = 1000;

/// Where a run is.
struct Walk<'q> {
    query: &'q Query,
    by: &'q Incremental,
    columns: Vec<Column>,
    /// Rows that come again because it looks behind the watermark.
    known: Known,
    size: PageSize,
}

impl Running<'_> {
    pub(super) async fn incremental(&mut self, by: &Incremental) -> Result<(), PullError> {
        let query = Query::incremental(&self.pull.kql, &self.hidden().await?, &by.watermark);
        let sample = self.sample(&query.sample()).await?;
        let size = PageSize::for_rows_like(&sample);
        let columns = sample.columns;
        if !columns.iter().any(|column| column.name == query.watermark() && column.kind == "datetime") {
            return Err(Self::no_column(query.watermark(), &columns));
        }
        let has_time = columns.iter().any(|column| column.name == "TimeGenerated");
        self.prepare(&columns, if has_time { &[] } else { &[("TimeGenerated", "datetime")] }).await?;
        let window = self.window(by);
        self.run().window = Some(window);
        let known = self.held.state.seen.known_from(window.from);
        let mut walk = Walk { query: &query, by, columns, known, size };
        let mut left = window;
        while !left.is_empty() {
            if self.until.over() {
                return Err(PullError::Over);
            }
            left.from = self.step(&mut walk, left).await?;
        }
        // Nothing new moves the watermark, too.
        self.held.state.reach(window.to, by);
        self.note_lost_rows(&walk, window).await
    }

    /// From behind the watermark, where all rows that were delivered are known, to what is old enough.
    fn window(&mut self, by: &Incremental) -> Window {
        let to = Ticks(self.now.0 - ticks(by.lag));
        let state = &mut self.held.state;
        let start = match by.start {
            Start::Ago(ago) => Ticks(self.now.0 - ticks(ago)),
            Start::At(at) => at,
        };
        let watermark = *state.watermark.get_or_insert(start);
        let seen_from = *state.seen_from.get_or_insert(watermark);
        let mut from = seen_from.max(Ticks(watermark.0 - ticks(by.overlap)));
        let oldest = Ticks(self.now.0 - hunting::DAYS * DAY);
        if self.pull.source == Source::Hunting && from < oldest {
            let note = format!(
                "rows of {from} to {oldest} can no longer be asked for: advanced hunting keeps {} days",
                hunting::DAYS
            );
            tracing::warn!(pull = self.pull.name, "{note}");
            self.run().notes.push(note);
            from = oldest;
        }
        Window { from, to: to.max(from) }
    }

    /// Asks for one page and delivers it. Gives where the next one begins.
    async fn step(&mut self, walk: &mut Walk<'_>, left: Window) -> Result<Ticks, PullError> {
        let (window, most) = (walk.size.window(left), walk.size.rows);
        let span = self.span(walk.by, window);
        let reply = match self.ask(&walk.query.page(window, most), span).await {
            Ok(reply) => reply,
            Err(PullError::Ask(AskError::TooMuch(_))) if window.halves().is_some() || most > 1 => {
                walk.size.too_much(window);
                return Ok(left.from);
            }
            Err(PullError::Ask(AskError::TooMuch(_))) => return self.one_tick(walk, window.from).await,
            Err(error) => return Err(error),
        };
        walk.size.came(reply.count, reply.lines.len() as u64);
        let rows = page::rows(&reply, walk.query.watermark())?;
        let last = rows.iter().map(|row| row.at).max();
        let end = match last {
            // There may be more rows like the last one, so they come with the next page.
            Some(last) if reply.count >= most && last > window.from => last,
            Some(last) if reply.count >= most => return self.one_tick(walk, last).await,
            _ => window.to,
        };
        let whole: Vec<_> = rows.into_iter().filter(|row| row.at < end).collect();
        self.deliver(walk, &whole, Some(end)).await?;
        Ok(end)
    }

    /// The rows with one watermark, in parts.
    async fn one_tick(&mut self, walk: &mut Walk<'_>, at: Ticks) -> Result<Ticks, PullError> {
        let window = Window { from: at, to: Ticks(at.0 + 1) };
        let span = self.span(walk.by, window);
        let count = self.count(&walk.query.count(Some(at)), span).await?;
        let aim = walk.size.rows.max(PART_ROWS);
        let parts = count.div_ceil(aim).clamp(1, u64::from(PARTS));
        let mut left: Vec<Part> = WHOLE.divided(u32::try_from(parts).unwrap_or(PARTS)).rev().collect();
        while let Some(part) = left.pop() {
            let most = aim.saturating_mul(2);
            let why = match self.ask(&walk.query.part(Some(at), part, most), span).await {
                Ok(reply) if reply.count < most => {
                    let rows = page::rows(&reply, walk.query.watermark())?;
                    self.deliver(walk, &rows, None).await?;
                    continue;
                }
                Ok(reply) => format!("{} rows came", reply.count),
                Err(PullError::Ask(AskError::TooMuch(why))) => why,
                Err(error) => return Err(error),
            };
            left.extend(divide(part, &why, || format!("of {at}"))?);
        }
        self.held.state.reach(window.to, walk.by);
        self.held.save().await?;
        Ok(window.to)
    }

    /// Sends the rows that were not delivered before. `end` is what is reached with them.
    async fn deliver(&mut self, walk: &mut Walk<'_>, rows: &[Row<'_>], end: Option<Ticks>) -> Result<(), PullError> {
        let new: Vec<_> = rows.iter().filter(|row| !walk.known.take(row.mark)).collect();
        self.run().known += (rows.len() - new.len()) as u64;
        let has_time = walk.columns.iter().any(|column| column.name == "TimeGenerated");
        let (mut lines, mut delivered): (Vec<u8>, Vec<(Ticks, Mark)>) = (Vec::new(), Vec::with_capacity(new.len()));
        for row in new {
            let time = if has_time { String::new() } else { format!("\"TimeGenerated\":\"{}\"", row.at) };
            row.write(&time, &mut lines);
            delivered.push((row.at, row.mark));
        }
        let by = walk.by;
        let arrived = |state: &mut State, delivered: Vec<(Ticks, Mark)>| {
            state.seen.add(delivered);
            if let Some(end) = end {
                state.reach(end, by);
            }
        };
        if delivered.is_empty() {
            arrived(&mut self.held.state, delivered);
            return Ok(());
        }
        self.send(delivered.len() as u64, &lines, |state| arrived(state, delivered)).await
    }

    /// Where `TimeGenerated` may lie for rows of a window.
    fn span(&self, by: &Incremental, window: Window) -> Option<Window> {
        let reach = match by.watermark.as_str() {
            "TimeGenerated" => 0,
            _ => ticks(by.reach),
        };
        let (from, to) = (Ticks(window.from.0 - reach), Ticks(window.to.0 + reach.min(DAY)));
        matches!(self.pull.source, Source::LogAnalytics(_)).then_some(Window { from, to })
    }

    /// Rows without a watermark are never seen: somebody should know. They are looked for in the time of the run, by the column that each row has.
    async fn note_lost_rows(&mut self, walk: &Walk<'_>, window: Window) -> Result<(), PullError> {
        let watermark = &walk.by.watermark;
        if self.is_billed() || [INGESTION_TIME, "TimeGenerated", "Timestamp"].contains(&watermark.as_str()) {
            return Ok(());
        }
        let has_timestamp = walk.columns.iter().any(|column| column.name == "Timestamp");
        let since = has_timestamp.then_some(("Timestamp", window.from));
        let lost = self.count(&walk.query.without_watermark(since), self.span(walk.by, window)).await?;
        if lost > 0 {
            let note = format!(
                "{lost} rows have no {watermark} and are never pulled: choose another watermark, or mode = \"snapshot\""
            );
            tracing::warn!(pull = self.pull.name, "{note}");
            self.run().notes.push(note);
        }
        Ok(())
    }
}

impl State {
    /// Everything before `at` is delivered.
    fn reach(&mut self, at: Ticks, by: &Incremental) {
        let watermark = self.watermark.map_or(at, |watermark| watermark.max(at));
        self.watermark = Some(watermark);
        let kept = Ticks(watermark.0 - ticks(by.overlap));
        self.seen_from = Some(self.seen_from.map_or(kept, |from| from.max(kept)));
        self.seen.forget_before(kept);
    }
}

/// Finer parts of one that is too much.
pub(super) fn divide(part: Part, why: &str, of: impl FnOnce() -> String) -> Result<Vec<Part>, PullError> {
    if part.of >= PARTS {
        return Err(PullError::Indivisible { of: of(), parts: part.of, why: why.to_owned() });
    }
    Ok(part.divided(2).rev().collect())
}

fn ticks(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos() / 100).unwrap_or(i64::MAX / 4)
}
