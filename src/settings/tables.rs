//! Which tables are shipped.

use super::problem::quote;
use super::reader::Reader;
use std::collections::BTreeSet;

/// The tables to ship: all, or `TABLES`, and none of `TABLES_EXCEPT`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableFilter {
    only: BTreeSet<String>,
    except: BTreeSet<String>,
}

impl TableFilter {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self { only: read_set(reader, "TABLES"), except: read_set(reader, "TABLES_EXCEPT") }
    }

    /// Whether this table is to be shipped. Only letters and digits count, in any case: the table's name may come from its container, which is lower
    /// case and cannot hold the underscore of `MyLog_CL`.
    pub fn wants(&self, table: &str) -> bool {
        let key = key(table);
        (self.only.is_empty() || self.only.contains(&key)) && !self.except.contains(&key)
    }
}

fn read_set(reader: &mut Reader, name: &str) -> BTreeSet<String> {
    let tables = reader.list(name);
    for table in tables.iter().filter(|table| !is_table(table)) {
        let remedy = "list table names such as SigninLogs,MyLog_CL";
        reader.problem(name, format!("names {}, which is no table", quote(table)), remedy);
    }
    tables.iter().map(|table| key(table)).collect()
}

/// Whether this can be the name of a table of Log Analytics.
pub(super) fn is_table(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn key(table: &str) -> String {
    table.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(only: &str, except: &str) -> TableFilter {
        let vars = [("TABLES", only), ("TABLES_EXCEPT", except)];
        let mut reader = Reader::new(vars.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let filter = TableFilter::read(&mut reader);
        reader.finish(Some(filter)).unwrap()
    }

    #[test]
    fn wants_what_is_listed_and_not_excepted() {
        let check = |only, except, table, expected| {
            assert_eq!(filter(only, except).wants(table), expected, "{only} / {except} / {table}");
        };
        check("", "", "signinlogs", true);
        check("SigninLogs, AuditLogs", "", "signinlogs", true);
        check("SigninLogs, AuditLogs", "", "SIGNINLOGS", true);
        check("SigninLogs,,AuditLogs,", "", "syslog", false);
        check("", "Syslog", "syslog", false);
        check("", "Syslog", "signinlogs", true);
        check("Syslog", "Syslog", "syslog", false);
        check("MyLog_CL", "", "mylog-cl", true);
        check("", "MyLog_CL", "MyLog_CL", false);
    }
}
