//! The comparison as one page without anything outside it: tables by days, coloured by difference. Pure.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::compare::{Day, Table};
use crate::loganalytics::kql::day;
use crate::query::window::{Ticks, Window};

/// Most bins that are listed; the JSON has them all.
const LISTED: usize = 1000;

const STYLE: &str = "body{font:14px/1.4 system-ui,sans-serif;margin:1.5rem;color:#1d2733;background:#fff}\
table{border-collapse:collapse}th,td{padding:.25rem .5rem;text-align:right;white-space:nowrap}th{font-weight:600}\
tbody th{text-align:left;position:sticky;left:0;background:inherit}.map{overflow-x:auto}.map td{min-width:1.4rem;border:1px solid #fff}\
.map thead th{font-weight:400;font-size:11px;writing-mode:vertical-rl;transform:rotate(180deg)}\
.none{background:#eef1f4}.even{background:#2f9e63;color:#fff}.few{background:#f4c95d}.some{background:#ef8a47}.many{background:#c8323c;color:#fff}\
.surplus{background:#5b6ee1;color:#fff}.key span{display:inline-block;padding:.1rem .5rem;margin-right:.5rem}\
@media (prefers-color-scheme:dark){body{color:#dde4ec;background:#12171d}.map td{border-color:#12171d}.none{background:#222b35}}";

/// The page.
#[must_use]
pub fn page(tables: &[Table], window: Window, width: i64) -> String {
    let mut out = String::new();
    let (missing, surplus): (u64, u64) = tables
        .iter()
        .flat_map(|table| table.bins.values())
        .fold((0, 0), |(missing, surplus), pair| (missing + pair.missing(), surplus + pair.surplus()));
    let verdict = match (missing, surplus) {
        (0, 0) => "Every bin has as many rows in Axiom as in Log Analytics.".to_owned(),
        _ => format!("{missing} rows are missing in Axiom, {surplus} are too many."),
    };
    write(
        &mut out,
        format_args!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Log Analytics and Axiom</title><style>{STYLE}</style></head><body>\n\
         <h1>Log Analytics and Axiom</h1>\n<p>{} to {} (UTC), in bins of {}. {verdict}</p>\n",
            day(window.from),
            day(window.to),
            crate::history::progress::duration(std::time::Duration::from_secs(
                u64::try_from(width / crate::query::window::SECOND).unwrap_or_default()
            )),
        ),
    );
    map(&mut out, tables);
    list(&mut out, tables, window, width);
    out + "</body></html>\n"
}

fn map(out: &mut String, tables: &[Table]) {
    let days: BTreeSet<Ticks> = tables.iter().flat_map(|table| table.days().into_keys()).collect();
    *out += "<p class=\"key\"><span class=\"even\">the same</span><span class=\"few\">up to 1 % missing</span>\
             <span class=\"some\">up to 10 %</span><span class=\"many\">more</span><span class=\"surplus\">too many</span>\
             <span class=\"none\">no rows</span></p>\n<div class=\"map\"><table><thead><tr><td></td>";
    days.iter().for_each(|at| write(out, format_args!("<th scope=\"col\">{}</th>", day(*at))));
    *out += "</tr></thead><tbody>\n";
    for table in tables {
        write(out, format_args!("<tr><th scope=\"row\">{}</th>", escaped(&table.name)));
        let found = table.days();
        for at in &days {
            let day = found.get(at).copied().unwrap_or_default();
            let (class, text) = colour(day);
            let Day { rows, missing, surplus } = day;
            write(
                out,
                format_args!(
                    "<td class=\"{class}\" title=\"{rows} rows, {missing} missing, {surplus} too many\">{text}</td>"
                ),
            );
        }
        *out += "</tr>\n";
    }
    *out += "</tbody></table></div>\n";
}

/// A day's class and what stands in it.
fn colour(Day { rows, missing, surplus }: Day) -> (&'static str, String) {
    match (rows, missing, surplus) {
        (0, 0, 0) => ("none", String::new()),
        (_, 0, 0) => ("even", String::new()),
        (_, 0, _) => ("surplus", format!("+{surplus}")),
        _ if missing * 100 <= rows => ("few", format!("-{missing}")),
        _ if missing * 10 <= rows => ("some", format!("-{missing}")),
        _ => ("many", format!("-{missing}")),
    }
}

fn list(out: &mut String, tables: &[Table], window: Window, width: i64) {
    let differences: Vec<_> = tables.iter().flat_map(|table| table.differences(window, width)).collect();
    if differences.is_empty() {
        return;
    }
    *out += "<h2>Bins that differ</h2>\n<table><thead><tr><th>table</th><th>from</th><th>to</th><th>Log Analytics</th><th>Axiom</th></tr></thead><tbody>\n";
    for bin in differences.iter().take(LISTED) {
        let (table, from, to) = (escaped(&bin.table), bin.window.from, bin.window.to);
        write(
            out,
            format_args!(
                "<tr><th scope=\"row\">{table}</th><td>{from}</td><td>{to}</td><td>{}</td><td>{}</td></tr>\n",
                bin.pair.log_analytics, bin.pair.axiom
            ),
        );
    }
    *out += "</tbody></table>\n";
    if differences.len() > LISTED {
        write(out, format_args!("<p>{} more: --json lists them all.</p>\n", differences.len() - LISTED));
    }
}

fn write(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a string takes all");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::query::window::DAY;

    #[test]
    fn a_day_is_coloured_by_what_is_missing() {
        let class = |rows, missing, surplus| colour(Day { rows, missing, surplus }).0;
        assert_eq!(
            [class(0, 0, 0), class(5, 0, 0), class(100, 1, 0), class(100, 10, 3), class(100, 11, 0), class(0, 0, 1)],
            ["none", "even", "few", "some", "many", "surplus"]
        );
    }

    #[test]
    fn the_page_stands_alone_and_names_what_differs() {
        let window = Window { from: Ticks(0), to: Ticks(2 * DAY) };
        let rows = |rows| BTreeMap::from([(Ticks(0), rows)]);
        let tables = [Table::new("<T>", &rows(5), &rows(4)), Table::new("U", &rows(1), &rows(1))];
        let page = page(&tables, window, DAY);
        assert!(page.contains("1 rows are missing") && page.contains("&lt;T&gt;") && !page.contains("<T>"));
        assert!(page.contains(">-1</td>") && page.matches("class=\"even\"").count() == 2);
        for outside in ["http:", "https:", "src=", "href=", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
    }
}
