//! The text of rows in a reply.

use std::borrow::Cow;

use serde::de::IgnoredAny;

use super::bind::Column;
use super::cell;
use super::run::Relation;
use super::table::{Kind, Row};

/// Rows as arrays of their cells as they are kept: dynamic values and decimals are text in a string.
pub(crate) struct Form<'s> {
    /// Whether the row's own visible cells come first, as they are.
    whole: bool,
    rest: &'s [Column],
}

impl<'s> Form<'s> {
    pub(crate) fn of(relation: &'s Relation) -> Self {
        let (whole, rest) = relation.scope.whole();
        Self { whole: whole.is_some(), rest }
    }

    /// Appends one row.
    pub(crate) fn write(&self, row: &Row, out: &mut String) {
        out.push('[');
        if self.whole {
            out.push_str(row.visible());
        }
        if !self.rest.is_empty() {
            let cells: Vec<_> = row.cells().collect();
            for (index, column) in self.rest.iter().enumerate() {
                if index > 0 || self.whole {
                    out.push(',');
                }
                out.push_str(&column.value.pick(row, &cells));
            }
        }
        out.push(']');
    }
}

/// Rows whose dynamic cells are JSON themselves.
pub(crate) struct Nested<'s> {
    columns: &'s [Column],
    /// The keys of objects, with the sign before and after each; arrays have none.
    keys: Option<Vec<String>>,
    /// Whether `true` is written as 1.
    bits: bool,
}

impl<'s> Nested<'s> {
    /// Each row as an array.
    pub(crate) fn arrays(relation: &'s Relation) -> Self {
        Self { columns: &relation.scope.visible, keys: None, bits: false }
    }

    /// Each row as an object by column name, in which decimals are numbers; `bits` writes `true` as 1 and `false` as 0.
    pub(crate) fn objects(relation: &'s Relation, bits: bool) -> Self {
        let columns = &relation.scope.visible;
        let keys = columns.iter().map(|column| format!("{}:", cell::quote(&column.name))).collect();
        Self { columns, keys: Some(keys), bits }
    }

    /// Appends one row.
    pub(crate) fn write(&self, row: &Row, out: &mut String) {
        let cells: Vec<_> = row.cells().collect();
        out.push(if self.keys.is_some() { '{' } else { '[' });
        for (index, column) in self.columns.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            if let Some(keys) = &self.keys {
                out.push_str(&keys[index]);
            }
            let cell = column.value.pick(row, &cells);
            out.push_str(&match column.kind {
                Kind::Dynamic => inside(&cell),
                Kind::Decimal if self.keys.is_some() => inside(&cell),
                Kind::Bool if self.bits && &*cell == "true" => "1".into(),
                Kind::Bool if self.bits && &*cell == "false" => "0".into(),
                _ => Cow::Borrowed(&*cell),
            });
        }
        out.push(if self.keys.is_some() { '}' } else { ']' });
    }
}

/// The JSON that a JSON string holds as text; a string whose text is no JSON stays a string.
fn inside(cell: &str) -> Cow<'_, str> {
    let text = cell::unquote(cell);
    if serde_json::from_str::<IgnoredAny>(&text).is_ok() { text } else { Cow::Borrowed(cell) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Plan, Table, Tables, parse, run, timespan::Range};
    use super::*;

    #[test]
    fn nested_values() {
        let columns = [
            ("D", Kind::Dynamic),
            ("M", Kind::Decimal),
            ("B", Kind::Bool),
            ("S", Kind::String),
            ("a \"b\"", Kind::Long),
        ];
        let rows = [
            json!({"D": {"a": [1, "x\n"]}, "M": "0.10101", "B": true, "S": "{\"text\":1}", "a \"b\"": 1}),
            json!({"D": "plain", "B": false}),
            json!({"D": "", "M": null}),
        ];
        let tables = Tables::from([("T".to_owned(), Table::timeless("T", &columns).rows(&rows).unwrap())]);
        let relation = run(&tables, &parse("T", 0).unwrap(), Range::ALL, Plan::Analytics).unwrap();
        let all = |form: &Nested| {
            let mut text = Vec::new();
            for row in relation.rows.iter() {
                text.push(String::new());
                form.write(row, text.last_mut().unwrap());
            }
            text
        };
        assert_eq!(
            all(&Nested::arrays(&relation)),
            [
                r#"[{"a":[1,"x\n"]},"0.10101",true,"{\"text\":1}",1]"#,
                r#"["plain",null,false,"",null]"#,
                r#"["",null,null,"",null]"#
            ]
        );
        assert_eq!(all(&Nested::objects(&relation, true))[1], r#"{"D":"plain","M":null,"B":0,"S":"","a \"b\"":null}"#);
    }
}
