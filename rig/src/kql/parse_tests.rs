//! What is understood, and where the rest is refused.

use super::*;

const NOW: i64 = 1_000_000_000_000_000;

fn name(name: &str) -> Expr {
    Expr::Name(name.to_owned())
}

fn binary(sign: &'static str, left: Expr, right: Expr) -> Expr {
    Expr::Binary(sign, Box::new(left), Box::new(right))
}

fn bare(value: Expr) -> Column {
    Column { name: None, value }
}

fn named(name: &str, value: Expr) -> Column {
    Column { name: Some(name.to_owned()), value }
}

fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    Expr::Call(name.to_owned(), arguments)
}

fn check(text: &str, operators: Vec<Operator>) {
    let expected = Query { source: Source::Table("T".to_owned()), operators };
    assert_eq!(parse(text, NOW), Ok(expected), "{text}");
}

#[test]
fn operators() {
    check("T", vec![]);
    check("T | count", vec![Operator::Count]);
    check("T\n| getschema // all of it", vec![Operator::GetSchema]);
    check("T|take 5|limit 3", vec![Operator::Take(5), Operator::Take(3)]);
    check(
        "T | extend _ItemId, Kind = \"x\", N = 1",
        vec![Operator::Extend(vec![
            bare(name("_ItemId")),
            named("Kind", Expr::Text("x".to_owned())),
            named("N", Expr::Long(1)),
        ])],
    );
    check(
        "T | project a, b | project-away ['b c'], d",
        vec![
            Operator::Project(vec![bare(name("a")), bare(name("b"))]),
            Operator::ProjectAway(vec!["b c".to_owned(), "d".to_owned()]),
        ],
    );
    let order = vec![(name("a"), false), (name("b"), true), (name("c"), true)];
    check("T | sort by a asc, b desc, c", vec![Operator::Sort(order.clone())]);
    check("T | order by a asc, b desc, c", vec![Operator::Sort(order)]);
    check("T | top 3 by a", vec![Operator::Top(3, (name("a"), true))]);
    check("T | top 1 by a asc | count", vec![Operator::Top(1, (name("a"), false)), Operator::Count]);
    check("T | distinct Type", vec![Operator::Distinct(vec![bare(name("Type"))])]);
}

#[test]
fn summaries() {
    let size = call("sum", vec![call("estimate_data_size", vec![Expr::Star])]);
    let bin = call("bin", vec![name("TimeGenerated"), Expr::Span(864_000_000_000)]);
    let rows = named("Rows", call("count", vec![]));
    check(
        "T | summarize Rows = count(), Bytes = sum(estimate_data_size(*)) by Bin = bin(TimeGenerated, 1d)",
        vec![Operator::Summarize { aggregates: vec![rows.clone(), named("Bytes", size)], by: vec![named("Bin", bin)] }],
    );
    check("T | summarize by Type", vec![Operator::Summarize { aggregates: vec![], by: vec![bare(name("Type"))] }]);
    check("T | summarize Rows = count()", vec![Operator::Summarize { aggregates: vec![rows], by: vec![] }]);
}

#[test]
fn conditions() {
    let condition = |text: &str, expected: Expr| check(&format!("T | where {text}"), vec![Operator::Where(expected)]);
    let from = binary(">=", name("TimeGenerated"), Expr::Time(0));
    let to = binary("<", name("TimeGenerated"), Expr::Time(864_000_000_000));
    condition(
        "TimeGenerated >= datetime(1970-01-01T00:00:00.0000000Z) and TimeGenerated < datetime(1970-01-02)",
        binary("and", from.clone(), to.clone()),
    );
    condition(
        "TimeGenerated between (datetime(1970-01-01) .. datetime(1970-01-02))",
        binary("and", from, binary("<=", name("TimeGenerated"), Expr::Time(864_000_000_000))),
    );
    condition("hash(_ItemId, 4) == 2", binary("==", call("hash", vec![name("_ItemId"), Expr::Long(4)]), Expr::Long(2)));
    let packed = call("tostring", vec![call("pack_all", vec![])]);
    condition(
        "hash(tostring(pack_all()), 4) == -2",
        binary("==", call("hash", vec![packed, Expr::Long(4)]), Expr::Long(-2)),
    );
    let (a, b, c) =
        (name("a"), binary("==", name("b"), Expr::Bool(true)), binary("contains", name("c"), Expr::Text("x".into())));
    condition("a or b == true and c contains \"x\"", binary("or", a.clone(), binary("and", b.clone(), c.clone())));
    condition("(a or b == true) and c contains \"x\"", binary("and", binary("or", a.clone(), b), c));
    condition("a in (1, 2.5)", Expr::In("==", Box::new(a.clone()), vec![Expr::Long(1), Expr::Real(2.5)]));
    condition("a in~ ('x')", Expr::In("=~", Box::new(a.clone()), vec![Expr::Text("x".to_owned())]));
    let property = |value, key: &str| Expr::Property(Box::new(value), key.to_owned());
    condition("a.b.c =~ 'x'", binary("=~", property(property(a.clone(), "b"), "c"), Expr::Text("x".to_owned())));
    condition("isnotempty(a)", call("isnotempty", vec![a.clone()]));
    condition("a < now()", binary("<", a.clone(), Expr::Time(NOW)));
    condition("a < now(-1d)", binary("<", a.clone(), Expr::Time(NOW - 864_000_000_000)));
    condition("a > ago(1d)", binary(">", a.clone(), Expr::Time(NOW - 864_000_000_000)));
    condition("a > ago(1)", binary(">", a, call("ago", vec![Expr::Long(1)])));
}

#[test]
fn arithmetic() {
    let sum = |one: Expr, sign: &'static str, other: Expr| binary(sign, one, other);
    let value = |text: &str, expected: Expr| {
        check(&format!("T | extend x = {text}"), vec![Operator::Extend(vec![named("x", expected)])]);
    };
    value("a + b * 2", sum(name("a"), "+", sum(name("b"), "*", Expr::Long(2))));
    value("(a + b) * 2", sum(sum(name("a"), "+", name("b")), "*", Expr::Long(2)));
    value("a - 1 - 2", sum(sum(name("a"), "-", Expr::Long(1)), "-", Expr::Long(2)));
    value("a / -0.5 > 1 + b", binary(">", sum(name("a"), "/", Expr::Real(-0.5)), sum(Expr::Long(1), "+", name("b"))));
}

#[test]
fn tables_below_each_other() {
    let union = |with: Option<&str>| Source::Union {
        tables: vec!["T".to_owned(), "a b".to_owned()],
        with_source: with.map(str::to_owned),
    };
    let query = |source| Query { source, operators: vec![Operator::Count] };
    assert_eq!(parse("union T, ['a b'] | count", NOW), Ok(query(union(None))));
    assert_eq!(parse("union withsource=From T, ['a b'] | count", NOW), Ok(query(union(Some("From")))));
}

#[test]
fn a_query_in_parentheses() {
    let inner = Query { source: Source::Table("T".to_owned()), operators: vec![Operator::Take(1)] };
    let query = Query { source: Source::Nested(Box::new(inner)), operators: vec![Operator::Count] };
    assert_eq!(parse("(T | take 1)\n| count", NOW), Ok(query));
}

#[test]
fn refused_where_it_stands() {
    let check = |text: &str, line: usize, position: usize, token: &str| {
        let expected = QueryError::Syntax { line, position, token: token.to_owned() };
        assert_eq!(parse(text, NOW), Err(expected), "{text}");
    };
    // As recorded: the line counts from 1, the position from 0.
    check("completely invalid syntax", 1, 11, "invalid");
    check("", 1, 0, "");
    check("T |", 1, 3, "");
    check("T | frobnicate x", 1, 4, "frobnicate");
    check("T\n| where a ==\n| count", 3, 0, "|");
    check("T | take all", 1, 9, "all");
    check("T | where a == 1 b", 1, 17, "b");
    check("T | where (a == 1", 1, 17, "");
    check("T | project-keep a", 1, 12, "keep");
    check("T | sort TimeGenerated", 1, 9, "TimeGenerated");
    check("T | where a between (1 2)", 1, 23, "2");
    check("T | where TimeGenerated >= datetime(soon)", 1, 27, "datetime");
    check("let x = 1; T", 1, 4, "x");
    check("T | top by a", 1, 8, "by");
    check("T | top 3 a", 1, 10, "a");
    check("T | top 3 by a, b", 1, 14, ",");
    check("T | where a !in (1)", 1, 12, "!");
    check("\"T\"", 1, 0, "\"T\"");
    check("T | where a + == 1", 1, 14, "==");
    check("union *", 1, 6, "*");
    check("union T,", 1, 8, "");
}
