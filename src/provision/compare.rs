//! How what is there differs from what is wanted, field by field. Pure.

use std::fmt;

use serde_json::Value;

/// Longest value that is shown whole, in characters.
const LONGEST: usize = 100;

/// One field that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Its name, with those of what it is in: `charts.rows.query.apl`.
    pub field: String,
    /// What is there.
    pub is: Option<Value>,
    /// What is wanted.
    pub wanted: Option<Value>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = &self.field;
        match (&self.is, &self.wanted) {
            (None, Some(wanted)) => write!(f, "+ {field}: {}", short(wanted)),
            (Some(is), Some(wanted)) => write!(f, "~ {field}: {} -> {}", short(is), short(wanted)),
            (Some(is), None) => write!(f, "- {field}: {}", short(is)),
            (None, None) => write!(f, "= {field}"),
        }
    }
}

/// A value on one line, shortened.
fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

/// Compares the fields of `wanted` alone: a service adds fields of its own. Lists of objects with an `id` (or an `i`, in a layout) are compared one by one,
/// in any order, and there it counts when one is too many.
#[must_use]
pub fn differences(wanted: &Value, is: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare("", wanted, Some(is), &mut found);
    found
}

fn compare(field: &str, wanted: &Value, is: Option<&Value>, found: &mut Vec<Difference>) {
    let below = |name: &str| if field.is_empty() { name.to_owned() } else { format!("{field}.{name}") };
    match (wanted, is) {
        (Value::Object(wanted), Some(Value::Object(is))) => {
            wanted.iter().for_each(|(name, value)| compare(&below(name), value, is.get(name), found));
        }
        (Value::Array(wanted), Some(Value::Array(is))) if wanted.iter().all(|item| id(item).is_some()) => {
            for item in wanted {
                compare(
                    &below(id(item).unwrap_or_default()),
                    item,
                    is.iter().find(|other| id(other) == id(item)),
                    found,
                );
            }
            let surplus = is.iter().filter(|item| !wanted.iter().any(|other| id(other) == id(item)));
            found.extend(surplus.map(|item| Difference {
                field: below(id(item).unwrap_or("?")),
                is: Some(item.clone()),
                wanted: None,
            }));
        }
        (wanted, Some(is)) if same(wanted, is) => {}
        (wanted, is) => {
            let (field, is, wanted) = (field.to_owned(), is.cloned(), Some(wanted.clone()));
            found.push(Difference { field, is, wanted });
        }
    }
}

fn id(item: &Value) -> Option<&str> {
    item.get("id").or_else(|| item.get("i"))?.as_str()
}

/// 300 and 300.0 are the same number.
fn same(one: &Value, other: &Value) -> bool {
    one == other || (one.is_number() && other.is_number() && one.as_f64() == other.as_f64())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_are_told_field_by_field() {
        let check = |wanted: Value, is: Value, expected: &[&str]| {
            let told: Vec<_> = differences(&wanted, &is).iter().map(Difference::to_string).collect();
            assert_eq!(told, expected, "{wanted} {is}");
        };
        check(json!({"a": 1, "b": {"c": "x"}}), json!({"a": 1.0, "b": {"c": "x", "own": 1}, "id": 7}), &[]);
        check(json!({"a": 1, "b": {"c": "x"}}), json!({"b": {"c": "y"}}), &["+ a: 1", "~ b.c: \"y\" -> \"x\""]);
        check(json!({"l": [1, 2]}), json!({"l": [2, 1]}), &["~ l: [2,1] -> [1,2]"]);
        let charts = |names: &[&str]| json!({"charts": names.iter().map(|name| json!({"id": name, "type": "Note"})).collect::<Vec<_>>()});
        check(charts(&["a", "b"]), charts(&["b", "a"]), &[]);
        check(
            charts(&["a", "b"]),
            charts(&["b", "c"]),
            &["+ charts.a: {\"id\":\"a\",\"type\":\"Note\"}", "- charts.c: {\"id\":\"c\",\"type\":\"Note\"}"],
        );
        check(json!({"i": "x", "w": 3}), json!({"i": "x", "w": 4}), &["~ w: 4 -> 3"]);
        let long = format!("+ a: \"{}...", "ä".repeat(99));
        check(json!({"a": "ä".repeat(200)}), json!({}), &[&long]);
    }
}
