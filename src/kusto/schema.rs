//! What a table must look like for our rows, compared with what it looks like; and the commands that make it so. Pure.

use std::fmt;

/// The one column of a raw table.
const RECORDS: &str = "Records";

/// A table that takes our rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    /// Its name.
    pub(super) name: String,
    /// The name of the mapping from a row to the columns.
    pub(super) mapping: String,
    raw: bool,
    /// Names and types.
    columns: Vec<(String, String)>,
}

/// Why a table does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It is not there.
    Missing,
    /// Columns are not there.
    NoColumns(Vec<(String, String)>),
    /// Columns are of another type.
    OtherTypes(Vec<(String, String, String)>),
    /// The mapping is not there.
    NoMapping {
        /// Its name.
        mapping: String,
        /// Those that are.
        there: Vec<String>,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |columns: &[(String, String)]| {
            columns.iter().map(|(name, kind)| format!("{name}: {kind}")).collect::<Vec<_>>().join(", ")
        };
        match self {
            Self::Missing => f.write_str("it does not exist (create it, or set create = true)"),
            Self::NoColumns(columns) => {
                write!(f, "it lacks the columns {} (add them, or set create = true)", list(columns))
            }
            Self::OtherTypes(columns) => {
                let told: Vec<_> =
                    columns.iter().map(|(name, is, wanted)| format!("{name} is {is}, but comes as {wanted}")).collect();
                write!(f, "{} (name another table, or set raw = true)", told.join("; "))
            }
            Self::NoMapping { mapping, there } => write!(
                f,
                "it has no JSON mapping {mapping:?} but {there:?} (name one of these as mapping, or set create = true)"
            ),
        }
    }
}

impl Table {
    /// One column for the whole row.
    #[must_use]
    pub(super) fn raw(name: &str, mapping: &str) -> Self {
        let columns = vec![(RECORDS.to_owned(), "dynamic".to_owned())];
        Self { name: name.to_owned(), mapping: mapping.to_owned(), raw: true, columns }
    }

    /// A column for each of the row.
    #[must_use]
    pub(super) fn typed<'a>(name: &str, mapping: &str, columns: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let columns = columns.into_iter().map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect();
        Self { name: name.to_owned(), mapping: mapping.to_owned(), raw: false, columns }
    }

    /// Compares with what is there, `name:type,...`; none for no table. True when something has to be created first, which `create` allows.
    ///
    /// # Errors
    /// Why rows cannot go there.
    pub(super) fn compare(&self, there: Option<&str>, create: bool) -> Result<bool, Fault> {
        let Some(there) = there else { return if create { Ok(true) } else { Err(Fault::Missing) } };
        let there: Vec<(&str, &str)> = there
            .split(',')
            .filter_map(|column| column.split_once(':'))
            .map(|(name, kind)| (unquoted(name), kind.trim()))
            .collect();
        let (mut missing, mut other) = (Vec::new(), Vec::new());
        for (name, wanted) in &self.columns {
            match there.iter().find(|(there, _)| there == name) {
                None => missing.push((name.clone(), wanted.clone())),
                Some((_, kind)) if *kind == wanted => {}
                Some((_, kind)) => other.push((name.clone(), (*kind).to_owned(), wanted.clone())),
            }
        }
        if !other.is_empty() {
            return Err(Fault::OtherTypes(other));
        }
        if !missing.is_empty() && !create {
            return Err(Fault::NoColumns(missing));
        }
        Ok(!missing.is_empty())
    }

    /// The command that creates the table, or adds the columns that it lacks.
    #[must_use]
    pub(super) fn create(&self) -> String {
        let columns: Vec<_> = self.columns.iter().map(|(name, kind)| format!("{}:{kind}", quoted(name))).collect();
        format!(".create-merge table {} ({})", quoted(&self.name), columns.join(", "))
    }

    /// The command that creates the mapping.
    #[must_use]
    pub(super) fn create_mapping(&self) -> String {
        let path = |name: &str| if self.raw { "$".to_owned() } else { format!("$['{name}']") };
        let columns: Vec<_> = self
            .columns
            .iter()
            .map(|(name, kind)| serde_json::json!({ "column": name, "datatype": kind, "Properties": { "Path": path(name) } }))
            .collect();
        let mapping = serde_json::Value::from(columns).to_string().replace('\\', "\\\\").replace('\'', "\\'");
        format!(".create-or-alter table {} ingestion json mapping \"{}\" '{mapping}'", quoted(&self.name), self.mapping)
    }
}

/// A name as commands take any ("Entity names", bracketed).
pub(super) fn quoted(name: &str) -> String {
    format!("['{}']", name.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn unquoted(name: &str) -> &str {
    let name = name.trim();
    name.strip_prefix("['").and_then(|name| name.strip_suffix("']")).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands() {
        let raw = Table::raw("T", "M");
        assert_eq!(raw.create(), ".create-merge table ['T'] (['Records']:dynamic)");
        assert_eq!(
            raw.create_mapping(),
            r#".create-or-alter table ['T'] ingestion json mapping "M" '[{"Properties":{"Path":"$"},"column":"Records","datatype":"dynamic"}]'"#
        );
        let typed = Table::typed("T", "M", [("a", "string"), ("_b", "long")]);
        assert_eq!(typed.create(), ".create-merge table ['T'] (['a']:string, ['_b']:long)");
        assert!(
            typed.create_mapping().contains(r#"{"Path":"$[\'_b\']"},"column":"_b","datatype":"long"}"#),
            "{}",
            typed.create_mapping()
        );
    }

    #[test]
    fn a_table_fits_or_the_fault_is_told() {
        let typed = Table::typed("T", "M", [("a", "string"), ("b", "long")]);
        assert_eq!(typed.compare(Some("b:long,a:string,c:real"), false), Ok(false));
        assert_eq!(typed.compare(Some("['a']:string"), true), Ok(true));
        assert_eq!(typed.compare(None, true), Ok(true));
        for (there, create, words) in [
            (None, false, "does not exist"),
            (Some("a:string"), false, "lacks the columns b: long"),
            (Some("a:dynamic,b:long"), true, "a is dynamic, but comes as string"),
        ] {
            let told = typed.compare(there, create).unwrap_err().to_string();
            assert!(told.contains(words), "{told}");
        }
        assert!(Table::raw("T", "M").compare(Some("Records:string"), true).is_err());
    }
}
