//! The status as one page of HTML that needs nothing else: no script, no font, no picture from elsewhere. Pure.

use std::fmt::Write as _;

use time::OffsetDateTime;
use time::macros::format_description;

use super::text::{age, bytes};
use super::{HOURS, Status, Table};

/// Everything but the tables. The text may be 375 pixels wide, as on a phone.
const STYLE: &str = "\
:root{color-scheme:light dark;--text:#1c1e21;--dim:#667;--line:#d8dce3;--card:#fff;--back:#f4f5f8;--bar:#3a6ea5;--good:#2b7a3d;--bad:#b3261e;--wait:#8a5a00}\
@media(prefers-color-scheme:dark){:root{--text:#e6e8ec;--dim:#98a0ad;--line:#333a45;--card:#1b1f26;--back:#12151a;--bar:#6fa8dc;--good:#7fc98f;--bad:#f2a097;--wait:#e2b45c}}\
*{box-sizing:border-box}body{margin:0;padding:1rem;font:15px/1.45 system-ui,sans-serif;color:var(--text);background:var(--back)}\
h1{font-size:1.2rem;margin:0}header p,footer{color:var(--dim);margin:.2rem 0 1rem;font-size:.85rem}\
main{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,21rem),1fr));gap:.75rem}\
section{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:.8rem;min-width:0}\
h2{font-size:1rem;margin:0 0 .4rem;overflow-wrap:anywhere}dl{display:grid;grid-template-columns:1fr 1fr;gap:.1rem .8rem;margin:0}\
dt{color:var(--dim)}dd{margin:0;text-align:right;font-variant-numeric:tabular-nums}\
svg{display:block;width:100%;height:56px;margin-top:.6rem}rect{fill:var(--bar)}.axis{color:var(--dim);font-size:.75rem;display:flex;justify-content:space-between}\
.good{color:var(--good)}.bad{color:var(--bad);overflow-wrap:anywhere}.wait{color:var(--wait)}";

/// The page.
#[must_use]
pub fn page(status: &Status) -> String {
    let mut out = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>sentinel-axiom: status</title><style>{STYLE}</style></head><body><header><h1>sentinel-axiom</h1><p>{} UTC, {}</p></header><main>",
        moment(status.at),
        summary(status)
    );
    status.tables.iter().for_each(|table| section(&mut out, table, status));
    if status.tables.is_empty() {
        out.push_str("<section><p>No container of data export (am-...) is there: exports begin within half an hour of the rule.</p></section>");
    }
    write!(
        out,
        "</main><footer>Delivered and set aside: rows of blobs of {} (UTC) and later. Version {}.</footer></body></html>",
        escape(&status.since),
        env!("CARGO_PKG_VERSION")
    )
    .expect("writing to memory");
    out
}

fn summary(status: &Status) -> String {
    let sum = |of: fn(&Table) -> u64| status.tables.iter().map(of).sum::<u64>();
    let waiting = sum(|table| table.waiting_bytes);
    let queue = status.queue.map_or_else(String::new, |queue| format!(", {queue} messages on the queue"));
    format!(
        "{} tables, {} rows delivered, {} set aside, {} waiting{queue}",
        status.tables.len(),
        grouped(sum(|table| table.rows)),
        grouped(sum(|table| table.set_aside)),
        bytes(waiting)
    )
}

fn section(out: &mut String, table: &Table, status: &Status) {
    let waiting = match table.oldest_seconds {
        None => "<dd class=\"good\">nothing</dd>".to_owned(),
        Some(oldest) => format!("<dd class=\"wait\">{}, oldest {}</dd>", bytes(table.waiting_bytes), age(oldest)),
    };
    let aside = if table.set_aside == 0 { "" } else { " class=\"bad\"" };
    write!(
        out,
        "<section><h2>{}</h2><dl><dt>delivered</dt><dd>{}</dd><dt>set aside</dt><dd{aside}>{}</dd><dt>waiting</dt>{waiting}</dl>{}",
        escape(&table.table),
        grouped(table.rows),
        grouped(table.set_aside),
        plot(&table.by_hour)
    )
    .expect("writing to memory");
    if let Some(error) = &table.last_error {
        write!(out, "<p class=\"bad\">{} ago: {}</p>", age(status.at - error.at), escape(&error.said))
            .expect("writing to memory");
    }
    out.push_str("</section>");
}

/// Rows by hour, as bars.
fn plot(by_hour: &[u64; HOURS]) -> String {
    let most = by_hour.iter().copied().max().unwrap_or(0).max(1);
    let mut out = format!(
        "<svg viewBox=\"0 0 240 50\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"rows by hour, at most {}\">",
        grouped(most)
    );
    for (hour, rows) in by_hour.iter().enumerate() {
        // An hour that had rows is seen even beside one that had thousands of times as many.
        let height = if *rows == 0 { 0 } else { (rows * 50 / most).max(1) };
        write!(out, "<rect x=\"{}\" y=\"{}\" width=\"8\" height=\"{height}\"/>", hour * 10 + 1, 50 - height)
            .expect("writing to memory");
    }
    out + "</svg><div class=\"axis\"><span>24 h ago</span><span>now</span></div>"
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

fn moment(at: i64) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    OffsetDateTime::from_unix_timestamp(at).ok().and_then(|at| at.format(format).ok()).unwrap_or_default()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receipts::LastError;

    #[test]
    fn a_page_needs_nothing_and_says_what_is_there() {
        let hostile = "<script src=\"//x\">&".to_owned();
        let table = Table {
            table: "signinlogs".to_owned(),
            rows: 1_234_567,
            waiting_bytes: 5,
            oldest_seconds: Some(300),
            last_error: Some(LastError { said: hostile, at: 0 }),
            ..Table::default()
        };
        let page = page(&Status { at: 60, since: "2026-11-26".to_owned(), tables: vec![table], queue: None });
        assert!(!page.contains("<script") && !page.contains("//x\""), "{page}");
        assert!(page.contains("&lt;script src=&quot;//x&quot;&gt;&amp;"));
        assert!(page.contains("1\u{202f}234\u{202f}567") && page.contains("5 B, oldest 5 min"));
        for outside in ["http:", "https:", "url(", "<link", "<img", "@import"] {
            assert!(!page.contains(outside), "{outside}");
        }
    }
}
