//! Values while a query runs.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::table::Kind;
use super::{cell, ticks};

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'a> {
    Null,
    Bool(bool),
    Long(i64),
    Real(f64),
    Text(Cow<'a, str>),
    /// Ticks since the Unix epoch.
    Time(i64),
    /// Ticks.
    Span(i64),
}

impl<'a> Value<'a> {
    /// The value of a cell.
    pub(crate) fn of(kind: Kind, cell: &'a str) -> Self {
        if cell == "null" {
            return Self::Null;
        }
        match kind {
            Kind::Bool => Self::Bool(cell == "true"),
            Kind::Int | Kind::Long => cell.parse().map_or(Self::Null, Self::Long),
            Kind::Real => cell.parse().map_or(Self::Null, Self::Real),
            Kind::Decimal => cell::unquote(cell).parse().map_or(Self::Null, Self::Real),
            Kind::DateTime => ticks::parse(&cell::unquote(cell)).map_or(Self::Null, Self::Time),
            Kind::Dynamic | Kind::Guid | Kind::String | Kind::Timespan => Self::Text(cell::unquote(cell)),
        }
    }

    /// Whether the language takes it for empty: null or no text.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Text(text) => text.is_empty(),
            _ => false,
        }
    }

    /// Its cell in a reply.
    pub(crate) fn to_cell(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Long(value) => value.to_string(),
            Self::Real(value) => {
                serde_json::Number::from_f64(*value).map_or("\"NaN\"".to_owned(), |number| number.to_string())
            }
            Self::Text(text) => cell::quote(text),
            Self::Time(ticks) => cell::quote(&ticks::format(*ticks)),
            Self::Span(ticks) => cell::quote(&ticks::format_span(*ticks)),
        }
    }

    /// Text as `tostring` makes it.
    pub(crate) fn to_text(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Text(text) => text.clone().into_owned(),
            Self::Time(ticks) => {
                let text = ticks::format(*ticks);
                let (seconds, fraction) =
                    text.trim_end_matches('Z').split_once('.').unwrap_or((text.trim_end_matches('Z'), ""));
                format!("{seconds}.{fraction:0<7}Z")
            }
            other => other.to_cell().trim_matches('"').to_owned(),
        }
    }

    /// What stands under a key of a dynamic value.
    pub(crate) fn property(&self, key: &str) -> Value<'static> {
        let Self::Text(text) = self else { return Value::Null };
        let Ok(mut object) = serde_json::from_str::<serde_json::Value>(text) else { return Value::Null };
        match object.get_mut(key).map(serde_json::Value::take) {
            None | Some(serde_json::Value::Null) => Value::Null,
            Some(serde_json::Value::Bool(value)) => Value::Bool(value),
            Some(serde_json::Value::Number(number)) => {
                number.as_i64().map(Value::Long).or_else(|| number.as_f64().map(Value::Real)).unwrap_or(Value::Null)
            }
            Some(serde_json::Value::String(text)) => Value::Text(text.into()),
            Some(nested) => Value::Text(nested.to_string().into()),
        }
    }

    /// The same value without a row behind it.
    pub(crate) fn into_owned(self) -> Value<'static> {
        match self {
            Self::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(value),
            Self::Long(value) => Value::Long(value),
            Self::Real(value) => Value::Real(value),
            Self::Time(value) => Value::Time(value),
            Self::Span(value) => Value::Span(value),
        }
    }

    /// Order among values of one type; null comes first.
    pub(crate) fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Null, Self::Null) => Some(Ordering::Equal),
            (Self::Null, _) => Some(Ordering::Less),
            (_, Self::Null) => Some(Ordering::Greater),
            (Self::Bool(one), Self::Bool(other)) => Some(one.cmp(other)),
            (Self::Long(one), Self::Long(other)) => Some(one.cmp(other)),
            (Self::Text(one), Self::Text(other)) => Some(one.cmp(other)),
            (Self::Time(one), Self::Time(other)) | (Self::Span(one), Self::Span(other)) => Some(one.cmp(other)),
            (one, other) => one.real()?.partial_cmp(&other.real()?),
        }
    }

    /// A sum, difference, product or quotient. Whole numbers give a whole one, in a division too; what cannot be computed is null.
    pub(crate) fn arithmetic(&self, sign: &str, other: &Self) -> Value<'static> {
        if let (Self::Long(one), Self::Long(other)) = (self, other) {
            let number = match sign {
                "+" => one.checked_add(*other),
                "-" => one.checked_sub(*other),
                "*" => one.checked_mul(*other),
                _ => one.checked_div(*other),
            };
            return number.map_or(Value::Null, Value::Long);
        }
        let (Some(one), Some(other)) = (self.real(), other.real()) else { return Value::Null };
        Value::Real(match sign {
            "+" => one + other,
            "-" => one - other,
            "*" => one * other,
            _ => one / other,
        })
    }

    /// The number with so many digits behind the point.
    pub(crate) fn round(&self, digits: i32) -> Value<'static> {
        let unit = 10_f64.powi(digits);
        self.real().map_or(Value::Null, |number| Value::Real((number * unit).round() / unit))
    }

    #[allow(clippy::cast_precision_loss, reason = "numbers of two types are compared as the language does it")]
    fn real(&self) -> Option<f64> {
        match self {
            Self::Long(value) => Some(*value as f64),
            Self::Real(value) => Some(*value),
            _ => None,
        }
    }

    /// Whether a comparison holds. Null is unlike every value, and neither less nor greater than one.
    pub(crate) fn compare(&self, sign: &str, other: &Self) -> bool {
        if let (Self::Text(one), Self::Text(other)) = (self, other) {
            match sign {
                "contains" => return one.to_lowercase().contains(&other.to_lowercase()),
                "=~" => return one.to_lowercase() == other.to_lowercase(),
                "startswith" => return one.to_lowercase().starts_with(&other.to_lowercase()),
                _ => {}
            }
        }
        let nulls = [self, other].into_iter().filter(|value| **value == Self::Null).count();
        if nulls > 0 {
            return sign == "!=" && nulls == 1;
        }
        let Some(order) = self.order(other) else { return sign == "!=" };
        match sign {
            "==" | "=~" => order.is_eq(),
            "!=" => order.is_ne(),
            "<" => order.is_lt(),
            "<=" => order.is_le(),
            ">" => order.is_gt(),
            ">=" => order.is_ge(),
            _ => false,
        }
    }

    /// A number that splits rows evenly; not the service's own function.
    pub(crate) fn hash(&self) -> i64 {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut add = |bytes: &[u8]| {
            for byte in bytes {
                hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
        };
        match self {
            Self::Text(text) => add(text.as_bytes()),
            other => add(other.to_cell().as_bytes()),
        }
        // FNV-1a leaves its low bits to chance too little; this mixes them (the finalizer of MurmurHash3).
        hash ^= hash >> 33;
        hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash ^= hash >> 33;
        i64::from_ne_bytes(hash.to_ne_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons() {
        let check = |one: Value, sign: &str, other: Value, holds: bool| {
            assert_eq!(one.compare(sign, &other), holds, "{one:?} {sign} {other:?}");
        };
        check(Value::Long(2), "<", Value::Long(3), true);
        check(Value::Long(2), "==", Value::Real(2.0), true);
        check(Value::Long(i64::MAX), "==", Value::Long(i64::MAX - 1), false);
        check(Value::Text("a".into()), "==", Value::Text("A".into()), false);
        check(Value::Text("Abc".into()), "contains", Value::Text("BC".into()), true);
        check(Value::Text("Abc".into()), "startswith", Value::Text("b".into()), false);
        check(Value::Text("Abc".into()), "=~", Value::Text("aBC".into()), true);
        check(Value::Text("Abc".into()), "=~", Value::Text("ab".into()), false);
        check(Value::Null, "==", Value::Null, false);
        check(Value::Null, "!=", Value::Long(1), true);
        check(Value::Null, "<", Value::Long(1), false);
        check(Value::Time(1), ">=", Value::Time(1), true);
    }

    #[test]
    fn arithmetic() {
        let check = |one: Value, sign: &str, other: Value, result: Value| {
            assert_eq!(one.arithmetic(sign, &other), result, "{one:?} {sign} {other:?}");
        };
        check(Value::Long(7), "/", Value::Long(2), Value::Long(3));
        check(Value::Long(7), "/", Value::Real(2.0), Value::Real(3.5));
        check(Value::Real(0.5), "*", Value::Long(3), Value::Real(1.5));
        check(Value::Long(i64::MAX), "+", Value::Long(1), Value::Null);
        check(Value::Long(1), "/", Value::Long(0), Value::Null);
        check(Value::Null, "-", Value::Long(1), Value::Null);
        assert_eq!((Value::Real(1.2345).round(2), Value::Long(7).round(0)), (Value::Real(1.23), Value::Real(7.0)));
    }

    #[test]
    fn hashes_spread() {
        let mut parts = [0; 4];
        for number in 0..4000 {
            let hash = Value::Text(format!("id-{number}").into()).hash();
            parts[usize::try_from(hash.rem_euclid(4)).unwrap()] += 1;
        }
        assert!(parts.iter().all(|part| (900..1100).contains(part)), "{parts:?}");
    }
}
