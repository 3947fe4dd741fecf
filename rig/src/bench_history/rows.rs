//! Rows made by seed, in two forms: cells of a reply for the workspace, and lines as data export writes them for the comparison.

use std::fmt::Write as _;

use fastrand::Rng;
use sentinel_axiom::query::window::{DAY, SECOND, Ticks, Window};

use crate::content::Content;
use crate::loganalytics::{Kind, Row, Table};

/// The first moment of every range: 2026-01-01 UTC.
const FROM: Ticks = Ticks(1_767_225_600 * SECOND);

/// How the rows of a table lie in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spread {
    /// By chance, everywhere alike.
    Even,
    /// Most of them so, the others in bursts, on the borders of bins, and many at one instant.
    Bursts,
}

/// What a table is like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) rows: usize,
    /// About so many bytes has a row as a line of JSON.
    pub(super) row_bytes: usize,
    pub(super) days: u32,
    pub(super) spread: Spread,
    pub(super) seed: u64,
}

/// What must arrive of a table.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) content: Content,
    /// Of the rows as lines.
    pub(super) bytes: u64,
    /// When the rows were generated, in ticks and in order.
    times: Vec<i64>,
}

impl Expected {
    /// Rows that lie in a window.
    pub(super) fn rows_in(&self, window: Window) -> u64 {
        self.times_in(window).len() as u64
    }

    /// Whether all rows of a window are of one instant.
    pub(super) fn is_instant(&self, window: Window) -> bool {
        let times = self.times_in(window);
        times.first() == times.last()
    }

    fn times_in(&self, window: Window) -> &[i64] {
        let before = |ticks: Ticks| self.times.partition_point(|time| *time < ticks.0);
        let from = before(window.from);
        &self.times[from..before(window.to).max(from)]
    }
}

impl Shape {
    /// The range that holds all of it.
    pub(super) fn range(&self) -> Window {
        Window { from: FROM, to: Ticks(FROM.0 + i64::from(self.days) * DAY) }
    }

    /// A table of this name.
    pub(super) fn table(&self, name: &str) -> (Table, Expected) {
        let columns = [
            ("TimeGenerated", Kind::DateTime),
            ("Number", Kind::Long),
            ("Computer", Kind::String),
            ("Account", Kind::String),
            ("EventID", Kind::Int),
            ("Message", Kind::String),
            ("Props", Kind::Dynamic),
            ("Type", Kind::String),
        ];
        let mut table = Table::new(name, &columns).hidden(&[("_ItemId", Kind::String)]);
        let mut random = Rng::with_seed(self.seed);
        let times = self.times(&mut random);
        let (mut content, mut bytes, mut rows) = (Content::default(), 0, Vec::with_capacity(times.len()));
        for (number, time) in times.iter().enumerate() {
            let cells = Cells::new(number, Ticks(*time), self.row_bytes, &mut random);
            let line = cells.line(name);
            content.add(line.as_bytes());
            bytes += line.len() as u64 + 1;
            rows.push(cells.row(name));
        }
        table.append(rows);
        (table, Expected { content, bytes, times })
    }

    fn times(&self, random: &mut Rng) -> Vec<i64> {
        let range = i64::from(self.days) * DAY;
        let mut times = Vec::with_capacity(self.rows);
        if self.spread == Spread::Bursts {
            times.extend([0, range - 1]);
            for part in [8, 50, 50, 200, 200, 200] {
                times.extend(std::iter::repeat_n(random.i64(0..range), self.rows / part));
            }
            for _ in 0..20 {
                let within = [SECOND, 60 * SECOND, 3600 * SECOND][random.usize(0..3)];
                let from = random.i64(0..range - within);
                times.extend((0..self.rows / 80).map(|_| from + random.i64(0..within)));
            }
            let bin = 300 * SECOND;
            times.extend((0..self.rows / 100).map(|_| random.i64(0..range / bin) * bin));
        }
        times.truncate(self.rows);
        times.resize_with(self.rows, || random.i64(0..range));
        times.iter_mut().for_each(|time| *time += FROM.0);
        times.sort_unstable();
        times
    }
}

/// One row's values; texts are JSON without the quotes around them, which both forms have in common.
struct Cells {
    number: usize,
    time: Ticks,
    computer: String,
    account: String,
    event: u32,
    message: String,
    /// JSON.
    props: Option<String>,
    id: String,
}

/// Bytes of a line beside the message.
const FRAME: usize = 250;

const WORDS: [&str; 32] = [
    "access",
    "account",
    "allowed",
    "attempt",
    "blocked",
    "certificate",
    "changed",
    "client",
    "closed",
    "connection",
    "created",
    "deleted",
    "denied",
    "device",
    "directory",
    "expired",
    "failed",
    "group",
    "logon",
    "network",
    "object",
    "operation",
    "password",
    "policy",
    "privilege",
    "process",
    "request",
    "service",
    "session",
    "succeeded",
    "token",
    "user",
];

impl Cells {
    fn new(number: usize, time: Ticks, bytes: usize, random: &mut Rng) -> Self {
        let mut message = String::new();
        while message.len() < bytes.saturating_sub(FRAME) {
            message.push_str(WORDS[random.usize(0..WORDS.len())]);
            message.push(' ');
        }
        if number.is_multiple_of(89) {
            message.push_str(r#"said \"no\" in C:\\temp\n\u00e9é"#);
        }
        let tags = random.u32(0..1000);
        Self {
            number,
            time,
            computer: format!("host-{}.contoso.example", random.u32(0..500)),
            // An empty text is no column in data export.
            account: if number.is_multiple_of(97) {
                String::new()
            } else {
                format!(r"CONTOSO\\user-{}", random.u32(0..2000))
            },
            event: 4600 + random.u32(0..200),
            message,
            props: (!number.is_multiple_of(101))
                .then(|| format!(r#"{{"n":{number},"tags":["a{tags}","b"],"text":"a \"b\""}}"#)),
            id: format!("{:016x}-{number:08x}", random.u64(..)),
        }
    }

    /// As the workspace keeps it.
    fn row(&self, table: &str) -> Row {
        let Self { number, time, computer, account, event, message, props, id } = self;
        let time_text = time.to_string();
        let shown = time_text.trim_end_matches('Z').trim_end_matches('0').trim_end_matches('.');
        let props =
            props.as_ref().map_or("null".to_owned(), |props| serde_json::Value::from(props.as_str()).to_string());
        let visible = format!(r#""{shown}Z",{number},"{computer}","{account}",{event},"{message}",{props},"{table}""#);
        Row::new(time.0, &visible, &format!("\"{id}\""))
    }

    /// As data export writes it.
    fn line(&self, table: &str) -> String {
        let Self { number, time, computer, account, event, message, props, id } = self;
        let mut line = format!(r#"{{"TimeGenerated":"{time}","Number":{number},"Computer":"{computer}""#);
        let mut add = |text: std::fmt::Arguments<'_>| line.write_fmt(text).expect("a String takes any text");
        if !account.is_empty() {
            add(format_args!(r#","Account":"{account}""#));
        }
        add(format_args!(r#","EventID":{event}"#));
        if !message.is_empty() {
            add(format_args!(r#","Message":"{message}""#));
        }
        if let Some(props) = props {
            add(format_args!(r#","Props":{props}"#));
        }
        add(format_args!(r#","Type":"{table}","_ItemId":"{id}"}}"#));
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(rows: usize, spread: Spread) -> Shape {
        Shape { rows, row_bytes: 280, days: 28, spread, seed: 7 }
    }

    #[test]
    fn tables_follow_from_the_seed_and_lie_in_their_range() {
        for spread in [Spread::Even, Spread::Bursts] {
            let (table, expected) = shape(10_000, spread).table("T");
            assert_eq!((table.len(), expected.content.rows), (10_000, 10_000));
            assert_eq!(expected.content, shape(10_000, spread).table("T").1.content);
            let range = shape(1, spread).range();
            assert_eq!(expected.rows_in(range), 10_000);
            let [first, second] = range.halves().unwrap();
            assert_eq!(expected.rows_in(first) + expected.rows_in(second), 10_000);
            let mean = expected.bytes / 10_000;
            assert!((250..310).contains(&mean), "{mean} bytes");
        }
        let (_, expected) = shape(10_000, Spread::Bursts).table("T");
        let most = expected.times.chunk_by(|one, other| one == other).max_by_key(|times| times.len()).unwrap();
        assert!(most.len() >= 1250, "many rows share an instant: {}", most.len());
        let instant = |to| Window { from: Ticks(most[0]), to: Ticks(to) };
        assert!(expected.is_instant(instant(most[0] + 1)) && !expected.is_instant(instant(most[0] + DAY)));
        assert_ne!(shape(10, Spread::Even).table("T").1.content, shape(10, Spread::Bursts).table("T").1.content);
    }

    /// What this file takes for a row in export form is what the program makes of the cells of a reply.
    #[test]
    fn both_forms_are_of_one_row() {
        let mut random = Rng::with_seed(1);
        for number in [0, 1, 89, 97, 101] {
            let cells = Cells::new(number, Ticks(FROM.0 + 5_000_000), 300, &mut random);
            let columns = "TimeGenerated:datetime Number:long Computer:string Account:string EventID:int Message:string Props:dynamic Type:string _ItemId:string";
            let columns: Vec<_> = columns
                .split(' ')
                .filter_map(|column| column.split_once(':'))
                .map(|(name, kind)| serde_json::json!({"name": name, "type": kind}))
                .collect();
            let row = format!("[{},\"{}\"]", cells.row("T").visible(), cells.id);
            let columns = serde_json::to_string(&columns).unwrap();
            let reply = format!(r#"{{"tables":[{{"name":"PrimaryResult","columns":{columns},"rows":[{row}]}}]}}"#);
            let rows = sentinel_axiom::loganalytics::reply::rows(reply.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(rows.lines).unwrap(), cells.line("T") + "\n");
        }
    }
}
