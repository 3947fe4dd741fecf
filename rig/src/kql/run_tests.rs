//! Queries over a small table, by what they answer.

use serde_json::{Value as Json, json};

use super::super::{parse, ticks, write};
use super::*;

fn tables() -> Tables {
    let rows: Vec<_> = (0..10)
        .map(|n| {
            json!({
                "TimeGenerated": format!("2026-01-0{}T00:00:00.000000{}Z", 1 + n / 5, n), "Type": "T", "N": n, "Even": n % 2 == 0,
                "Name": if n == 3 { json!(null) } else { json!(format!("name \"{n}\"")) }, "Props": {"n": n},
                "_ItemId": format!("id-{n}"), "Maybe": (n % 2 == 1).then_some(n),
            })
        })
        .collect();
    let columns = [
        ("TimeGenerated", Kind::DateTime),
        ("Type", Kind::String),
        ("N", Kind::Long),
        ("Even", Kind::Bool),
        ("Name", Kind::String),
        ("Props", Kind::Dynamic),
    ];
    let table =
        Table::new("T", &columns).hidden(&[("_ItemId", Kind::String), ("Maybe", Kind::Long)]).rows(&rows).unwrap();
    let basic = table.clone().plan(Plan::Basic);
    Tables::from([("T".to_owned(), table), ("B".to_owned(), basic)])
}

/// The text of each row.
fn texts(relation: &Relation) -> Vec<String> {
    let form = write::Form::of(relation);
    let text = |row: &Row| {
        let mut text = String::new();
        form.write(row, &mut text);
        text
    };
    relation.rows.iter().map(text).collect()
}

fn answer(query: &str, range: Range) -> Result<Json, QueryError> {
    let tables = tables();
    let now = ticks::parse("2026-01-02T00:00:00.0000008Z").unwrap();
    let relation = run(&tables, &parse(query, now)?, range, Plan::Analytics)?;
    let rows: Vec<Json> = texts(&relation).iter().map(|row| serde_json::from_str(row).unwrap()).collect();
    let column = |column: &Column| json!({"name": column.name, "type": column.kind.names().0});
    let columns: Vec<_> = relation.scope.visible.iter().map(column).collect();
    Ok(json!({"name": relation.name, "columns": columns, "rows": rows}))
}

fn rows(query: &str) -> Json {
    answer(query, Range::ALL).expect(query)["rows"].clone()
}

/// The numbers N of the rows that are answered.
fn numbers(query: &str) -> Vec<i64> {
    rows(&format!("{query} | project N")).as_array().unwrap().iter().map(|row| row[0].as_i64().unwrap()).collect()
}

#[test]
fn whole_rows() {
    let table = answer("T | take 2", Range::ALL).unwrap();
    let columns: Vec<_> = table["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| format!("{}:{}", column["name"], column["type"]))
        .collect();
    assert_eq!(
        columns.join(" ").replace('"', ""),
        "TimeGenerated:datetime Type:string N:long Even:bool Name:string Props:dynamic"
    );
    let expected = json!([
        ["2026-01-01T00:00:00Z", "T", 0, true, "name \"0\"", "{\"n\":0}"],
        ["2026-01-01T00:00:00.0000001Z", "T", 1, false, "name \"1\"", "{\"n\":1}"],
    ]);
    assert_eq!((&table["name"], &table["rows"]), (&json!("PrimaryResult"), &expected));
    assert_eq!(rows("T | where N == 3 | project Name"), json!([[""]]), "text is never null");
}

#[test]
fn hidden_columns_come_when_named() {
    let table = answer("T | where N == 1 | extend _ItemId, Kind = \"x\", Copy = N", Range::ALL).unwrap();
    assert_eq!(table["columns"].as_array().map(Vec::len), Some(9));
    let expected = json!(["2026-01-01T00:00:00.0000001Z", "T", 1, false, "name \"1\"", "{\"n\":1}", "id-1", "x", 1]);
    assert_eq!(table["rows"], json!([expected]));
    assert_eq!(rows("T | where _ItemId == \"id-7\" | project _ItemId, N"), json!([["id-7", 7]]));
    assert_eq!(rows("T | where N == 1 | extend N = \"other\" | project N"), json!([["other"]]));
    let missing = QueryError::column("extend", "_ResourceId");
    assert_eq!(answer("T | extend _ResourceId", Range::ALL), Err(missing));
    assert_eq!(answer("T | project N | extend _ItemId", Range::ALL), Err(QueryError::column("extend", "_ItemId")));
}

#[test]
fn conditions() {
    let check = |condition: &str, expected: &[i64]| {
        assert_eq!(numbers(&format!("T | where {condition}")), expected, "{condition}")
    };
    check("N >= 8", &[8, 9]);
    check("N == 1 or N == 2 and Even == true", &[1, 2]);
    check("(N == 1 or N == 2) and Even == true", &[2]);
    check("Even == false and N != 3 and N < 6", &[1, 5]);
    check("Name == \"name \\\"4\\\"\"", &[4]);
    check("Name contains \"E \\\"4\"", &[4]);
    check("N in (4, 2, 77)", &[2, 4]);
    check("isnotempty(Name) and N < 5", &[0, 1, 2, 4]);
    check("isempty(Name)", &[3]);
    check("not(N < 9)", &[9]);
    check("TimeGenerated == datetime(2026-01-01T00:00:00.0000003Z)", &[3]);
    check("TimeGenerated != datetime(2026-01-01T00:00:00.0000003Z) and N < 5", &[0, 1, 2, 4]);
    check("N > 2 and TimeGenerated < datetime(2026-01-02)", &[3, 4]);
}

#[test]
fn half_open_windows_meet_without_gap_or_overlap() {
    let window = |from: i64, to: i64| {
        let at = |tick: i64| ticks::format(ticks::parse("2026-01-01").unwrap() + tick);
        numbers(&format!("T | where TimeGenerated >= datetime({}) and TimeGenerated < datetime({})", at(from), at(to)))
    };
    assert_eq!(window(1, 4), [1, 2, 3]);
    assert_eq!(window(4, 5), [4]);
    assert_eq!(window(5, 5), [0_i64; 0]);
    assert_eq!(window(0, ticks::DAY + 5), [0, 1, 2, 3, 4]);
    assert_eq!(window(0, ticks::DAY + 6), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn the_timespan_has_both_its_ends_in_it() {
    let from = ticks::parse("2026-01-01").unwrap();
    let range = Range { from: from + 1, to: from + 3 };
    assert_eq!(answer("T | project N", range).unwrap()["rows"], json!([[1], [2], [3]]));
    assert_eq!(answer("T | where N > 2 | count", range).unwrap()["rows"], json!([[1]]));
}

#[test]
fn a_hash_covers_each_row_once() {
    for value in ["_ItemId", "tostring(pack_all())"] {
        let parts = (0..4).map(|part| numbers(&format!("T | where hash({value}, 4) == {part}")));
        let mut all: Vec<_> = parts.flatten().collect();
        all.sort_unstable();
        assert_eq!(all, (0..10).collect::<Vec<_>>(), "{value}");
    }
}

#[test]
fn times_by_the_clock() {
    assert_eq!(numbers("T | where TimeGenerated > now()"), [9]);
    assert_eq!(numbers("T | where TimeGenerated >= now(-1tick)"), [7, 8, 9]);
    assert_eq!(numbers("T | where TimeGenerated < ago(1d)"), [0, 1, 2, 3, 4]);
    assert_eq!(rows("T | where N == 0 | extend Now = now() | project Now"), json!([["2026-01-02T00:00:00.0000008Z"]]));
}

#[test]
fn the_time_of_ingestion() {
    let mut tables = tables();
    let table = tables.get_mut("T").unwrap();
    let late = table.rows.remove(2).ingested_at(ticks::parse("2026-01-05").unwrap());
    table.append([late]);
    let ask = |query: &str| {
        let relation = run(&tables, &parse(query, 0).unwrap(), Range::ALL, Plan::Analytics).unwrap();
        Json::from_iter(texts(&relation).iter().map(|row| serde_json::from_str::<Json>(row).unwrap()))
    };
    assert_eq!(ask("T | where ingestion_time() > datetime(2026-01-03) | project N"), json!([[2]]));
    let whole = json!([["2026-01-01T00:00:00.0000002Z", "2026-01-05T00:00:00Z"]]);
    assert_eq!(ask("T | where N == 2 | extend At = ingestion_time() | project TimeGenerated, At"), whole);
    assert_eq!(ask("T | summarize max(ingestion_time())"), json!([["2026-01-05T00:00:00Z"]]));
    assert_eq!(ask("T | top 1 by ingestion_time() | project N"), json!([[2]]));
    assert_eq!(ask("T | where N < 2 | project N, At = ingestion_time()").as_array().unwrap().len(), 2);
    assert_eq!(ask("T | count | extend At = ingestion_time()"), json!([[10, null]]), "sums were never ingested");
}

#[test]
fn nulls() {
    assert_eq!(numbers("T | where isnull(Maybe)"), [0, 2, 4, 6, 8]);
    assert_eq!(numbers("T | where isnotnull(Maybe) and N < 5"), [1, 3]);
    assert_eq!(numbers("T | where isnull(Name)"), [0_i64; 0], "text is never null");
    assert_eq!(numbers("T | where N < 4 | sort by Maybe asc"), [0, 2, 1, 3]);
    assert_eq!(numbers("T | where N < 4 | sort by Maybe"), [3, 1, 0, 2]);
}

#[test]
fn tables_without_a_time() {
    let rows = [json!({"N": 2}), json!({"N": 1}), json!({"N": 3})];
    let tables = Tables::from([("K".to_owned(), Table::timeless_of("K", &rows).unwrap())]);
    let ask = |query: &str| {
        let range = Range { from: 5, to: 6 };
        let relation = run(&tables, &parse(query, 0).unwrap(), range, Plan::Analytics).unwrap();
        texts(&relation).concat()
    };
    assert_eq!(ask("K"), "[2][1][3]", "no range of time is about them");
    assert_eq!(ask("K | order by N asc"), "[1][2][3]");
    assert_eq!(ask("K | summarize min(N), max(N), count(), dcount(N)"), "[1,3,3,3]");
    assert_eq!(ask("K | where hash(tostring(pack_all()), 1) == 0 | count"), "[3]");
}

#[test]
fn order_and_length() {
    assert_eq!(numbers("T | top 3 by N"), [9, 8, 7]);
    assert_eq!(numbers("T | top 2 by N asc"), [0, 1]);
    assert_eq!(numbers("T | top 99 by TimeGenerated desc | take 1"), [9]);
    assert_eq!(numbers("T | sort by N | take 3"), [9, 8, 7]);
    assert_eq!(numbers("T | sort by Even asc, TimeGenerated desc | limit 6"), [9, 7, 5, 3, 1, 8]);
    assert_eq!(numbers("T | take 3 | sort by N desc"), [2, 1, 0]);
    assert_eq!(numbers("(T | where N > 5) | where Even == true"), [6, 8]);
}

#[test]
fn sums() {
    assert_eq!(rows("T | count"), json!([[10]]));
    assert_eq!(rows("T | where N > 100 | count"), json!([[0]]));
    assert_eq!(
        rows(
            "T | summarize Rows = count(), Lo = min(TimeGenerated), Hi = max(TimeGenerated) by Bin = bin(TimeGenerated, 1d)"
        ),
        json!([
            ["2026-01-01T00:00:00Z", 5, "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.0000004Z"],
            ["2026-01-02T00:00:00Z", 5, "2026-01-02T00:00:00.0000005Z", "2026-01-02T00:00:00.0000009Z"],
        ])
    );
    assert_eq!(rows("T | summarize count() by bin(TimeGenerated, 4tick), Type | count"), json!([[4]]));
    assert_eq!(rows("T | summarize sum(N), dcount(Type) by Even"), json!([[true, 20, 1], [false, 25, 1]]));
    assert_eq!(rows("T | where N > 100 | summarize Rows = count(), Hi = max(TimeGenerated)"), json!([[0, null]]));
    assert_eq!(rows("T | where N > 100 | summarize Rows = count() by Type"), json!([]));
    assert_eq!(rows("T | distinct Even"), json!([[true], [false]]));
    let names =
        answer("T | summarize count(), sum(N) by bin(TimeGenerated, 1d)", Range::ALL).unwrap()["columns"].clone();
    assert_eq!(
        names.as_array().unwrap().iter().map(|column| column["name"].clone()).collect::<Vec<_>>(),
        ["TimeGenerated", "count_", "sum_N"]
    );
}

#[test]
fn counts_and_percentiles() {
    assert_eq!(rows("T | summarize countif(N > 6), countif(N > 100)"), json!([[3, 0]]));
    assert_eq!(
        rows("T | summarize percentile(N, 50), percentile(N, 95), percentile(N, 0), percentile(N, 100)"),
        json!([[4, 9, 0, 9]])
    );
    assert_eq!(rows("T | where N > 100 | summarize percentile(N, 50)"), json!([[null]]));
}

#[test]
fn computed() {
    assert_eq!(
        rows("T | where N == 7 | project a = N * 2 + 1, b = N / 2, c = round(N / 3.0, 2)"),
        json!([[15, 3, 2.33]])
    );
    let days = "datetime_diff('day', datetime(2026-01-02), TimeGenerated)";
    assert_eq!(rows(&format!("T | summarize count() by d = {days}")), json!([[1, 5], [0, 5]]));
    let late = "datetime_diff('second', ingestion_time(), TimeGenerated)";
    assert_eq!(rows(&format!("T | where N < 2 | project late = {late}")), json!([[0], [0]]));
}

#[test]
fn tables_below_each_other() {
    let tables = Tables::from([
        ("A".to_owned(), Table::timeless_of("A", &[json!({"N": 1, "S": "x"})]).unwrap()),
        ("B".to_owned(), Table::timeless_of("B", &[json!({"N": 2, "S": true, "M": 5}), json!({"N": 3})]).unwrap()),
    ]);
    let ask = |query: &str| {
        run(&tables, &parse(query, 0).unwrap(), Range::ALL, Plan::Analytics).map(|relation| texts(&relation).concat())
    };
    assert_eq!(ask("union A, B").unwrap(), r#"[1,"x",null][2,true,5][3,null,null]"#);
    assert_eq!(ask("union withsource=Of A, B | summarize sum(N) by Of").unwrap(), r#"["A",1]["B",5]"#);
    assert_eq!(ask("union A, C"), Err(QueryError::table("union", "C")));
}

#[test]
fn sizes_are_those_of_the_cells() {
    let size = |query: &str| rows(query)[0][0].as_i64().unwrap();
    let row: String = rows("T | where N == 4")[0].as_array().unwrap().iter().map(Json::to_string).collect();
    assert_eq!(size("T | where N == 4 | summarize sum(estimate_data_size(*))"), 16 + i64::try_from(row.len()).unwrap());
    assert_eq!(size("T | where N == 4 | project N, Type | summarize sum(estimate_data_size(*))"), 16 + 4);
    assert_eq!(
        size("T | where N == 4 | extend Size = estimate_data_size(*) | project Size"),
        16 + i64::try_from(row.len()).unwrap()
    );
}

#[test]
fn the_schema() {
    let schema = answer("T | project-away Type, Name | extend _ItemId | getschema", Range::ALL).unwrap();
    let expected = json!([
        ["TimeGenerated", 0, "System.DateTime", "datetime"],
        ["N", 1, "System.Int64", "long"],
        ["Even", 2, "System.SByte", "bool"],
        ["Props", 3, "System.Object", "dynamic"],
        ["_ItemId", 4, "System.String", "string"],
    ]);
    assert_eq!((&schema["name"], &schema["rows"]), (&json!("getschema"), &expected));
}

#[test]
fn refused_for_what_it_means() {
    let check = |query: &str, expected: QueryError| assert_eq!(answer(query, Range::ALL), Err(expected), "{query}");
    check("Foo | where a == 1", QueryError::table("where", "Foo"));
    check("Foo", QueryError::table("", "Foo"));
    check("T | where Foo == 1", QueryError::column("where", "Foo"));
    check("T | where type == \"T\"", QueryError::column("where", "type"));
    check("T | project-away Foo", QueryError::column("project-away", "Foo"));
    check("T | summarize sum(Foo)", QueryError::column("summarize", "Foo"));
    check("B | take 1", QueryError::basic());
    let code = |query: &str| match answer(query, Range::ALL) {
        Err(QueryError::Semantic { code, .. }) => code,
        other => panic!("{query}: {other:?}"),
    };
    assert_eq!(code("T | where TimeGenerated > \"2026-01-01\""), "SEM0064");
    assert_eq!(code("T | where frobnicate(N) == 1"), "SEM0260");
    assert_eq!(code("T | summarize N"), "SEM0086");
    assert_eq!(code("T | where hash(N, 0) == 1"), "SEM0219");
    assert_eq!(code("T | where TimeGenerated - 1 == 1"), "SEM0063");
    assert_eq!(code("T | extend x = datetime_diff('month', TimeGenerated, TimeGenerated)"), "SEM0219");
    assert_eq!(code("T | summarize percentile(N, 101)"), "SEM0260");
}

#[test]
fn dynamic_values_are_looked_into_and_case_is_ignored_where_the_query_says_so() {
    assert_eq!(numbers("T | where Props.n == 3"), [3]);
    assert_eq!(numbers("T | where tostring(Props.n) in ('3', '4')"), [3, 4]);
    assert_eq!(numbers("T | where isnull(Props.other.deeper) and N < 2"), [0, 1]);
    assert_eq!(numbers("T | where Type =~ 't' and N < 2"), [0, 1]);
    assert_eq!(numbers("T | where Name in~ ('NAME \"1\"', 'x')"), [1]);
    assert_eq!(rows("T | where N == 1 | project tolower(Type), Props.n"), json!([["t", 1]]));
}
