use super::*;

#[test]
fn a_file_with_everything() {
    let text = r#"
[[pull]]
name = "box-events"
source = "log-analytics"
table = "BoxEvents_CL"
mode = "incremental"
schedule = "0 */15 * * * *"

[[pull]]
name = "inventory"
source = "hunting"
table = "DeviceTvmSoftwareInventory"
mode = "snapshot"
key = "DeviceId, SoftwareName"
schedule = "0 0 3 * * *"
destination = { kusto = "https://c.westeurope.kusto.windows.net", database = "db", table = "InventoryRaw", create = true }
active = false

[[pull]]
name = "logons"
source = "hunting"
query = """
DeviceLogonEvents
| where ActionType == "LogonFailed";
"""
mode = "incremental"
watermark = "Timestamp"
start = "2026-01-31"
lag = "1h"
overlap = "2h"
schedule = "0 0 * * * *"
destination = { axiom = "failed-logons" }
"#;
    let pulls = read("pulls.toml", text).expect("a file without mistakes");
    assert_eq!(pulls.len(), 3);
    let Mode::Incremental(by) = &pulls[0].mode else { panic!("{:?}", pulls[0].mode) };
    assert_eq!((by.watermark.as_str(), by.lag.as_secs(), by.overlap.as_secs()), (INGESTION_TIME, 300, 600));
    assert_eq!(pulls[0].destination, Destination::Axiom(None));
    assert_eq!(pulls[1].mode, Mode::Snapshot { key: vec!["DeviceId".to_owned(), "SoftwareName".to_owned()] });
    let Destination::Kusto(table) = &pulls[1].destination else { panic!("{:?}", pulls[1].destination) };
    assert_eq!(
        (table.mapping.as_str(), table.raw, table.create, pulls[1].active),
        ("DynamicJsonMap", true, true, false)
    );
    assert_eq!(pulls[2].kql, "DeviceLogonEvents\n| where ActionType == \"LogonFailed\"");
    assert_eq!(pulls[2].destination, Destination::Axiom(Some("failed-logons".to_owned())));
}

#[test]
fn all_mistakes_are_told_at_once_with_their_lines() {
    let text = r#"[[pull]]
name = "a b"
source = "sentinel"
table = "T | take 1"
mode = "sometimes"
schedule = "every day"
colour = "red"

[[pull]]
name = "two"
source = "hunting"
query = "T"
table = "T"
mode = "incremental"
watermark = "ingestion_time()"
lag = "five"
schedule = "0 0 * * * *"
active = "yes"

[[pull]]
name = "two"
source = "hunting"
query = "T"
mode = "incremental"
start = "soon"
schedule = 5

[[pull]]
name = "k"
source = "log-analytics"
plan = "cheap"
table = "T"
mode = "snapshot"
key = "a b"
schedule = "0 0 * * * *"
destination = { kusto = "http://cluster.example", table = "1" }
"#;
    let problems = read("pulls.toml", text).unwrap_err();
    let told: Vec<_> = problems.problems.iter().map(|problem| (problem.line, problem.what.as_str())).collect();
    let wanted = [
        (2, "name is \"a b\""),
        (3, "source is \"sentinel\""),
        (4, "table is \"T | take 1\""),
        (5, "mode is \"sometimes\""),
        (6, "schedule is \"every day\""),
        (7, "colour is no entry of a pull"),
        (12, "both table and query"),
        (15, "hunting tables have no ingestion_time()"),
        (16, "lag is \"five\""),
        (18, "active is neither true nor false"),
        (20, "watermark is missing"),
        (20, "destination is missing"),
        (25, "start is \"soon\""),
        (26, "schedule is no text"),
        (31, "plan is \"cheap\""),
        (34, "key is \"a b\""),
        (36, "the address is not encrypted"),
        (36, "database is missing"),
        (36, "table is \"1\""),
    ];
    assert_eq!(told.len(), wanted.len(), "{problems}");
    for (line, words) in wanted {
        assert!(told.iter().any(|(at, what)| *at == line && what.contains(words)), "{line} {words}:\n{problems}");
    }
}

#[test]
fn what_is_no_toml_is_told_where() {
    for (text, line, words) in [
        ("[[pull]]\nname = \"a\nx = 1\n", 2, ""),
        ("", 1, "there is no pull"),
        ("pulls = 1\n", 1, "pulls is no entry of the file: each pull begins with [[pull]]"),
        ("pull = 3\n", 1, "pull is no list"),
    ] {
        let problems = read("f", text).unwrap_err();
        assert!(
            problems.problems.iter().any(|problem| problem.line == line && problem.what.contains(words)),
            "{problems}"
        );
    }
}

#[test]
fn what_would_be_billed_again_and_again_is_refused() {
    let text = "[[pull]]\nname = \"n\"\nsource = \"log-analytics\"\nplan = \"basic\"\ntable = \"T\"\nmode = \"snapshot\"\nschedule = \"0 0 * * * *\"\n";
    let problems = read("f", text).unwrap_err();
    assert!(problems.problems[0].line == 6 && problems.problems[0].what.contains("use incremental"), "{problems}");
}

#[test]
fn two_pulls_of_one_name_are_one_too_many() {
    let one = "[[pull]]\nname = \"n\"\nsource = \"log-analytics\"\ntable = \"T\"\nmode = \"snapshot\"\nschedule = \"0 0 * * * *\"\n";
    let problems = read("f", &[one, &one.replace("\"n\"", "\"N\"")].concat()).unwrap_err();
    assert_eq!((problems.problems.len(), problems.problems[0].line), (1, 7), "{problems}");
}

#[test]
fn durations() {
    for (text, seconds) in [("90s", Some(90)), ("5m", Some(300)), ("2h", Some(7200)), ("7d", Some(604_800))] {
        assert_eq!(parse_duration(text).map(|duration| duration.as_secs()), seconds, "{text}");
    }
    for text in ["", "5", "m", "5 m", "-5m", "99999999999999999999d", "4000d"] {
        assert_eq!(parse_duration(text), None, "{text}");
    }
}
