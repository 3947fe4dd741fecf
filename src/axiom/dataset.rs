//! Which dataset a table goes to. Pure.

use crate::settings::DatasetRule;

/// The dataset of a table.
///
/// `container_table` is the table's name out of the container's (`am-signinlogs`: `signinlogs`), always lower case. `table_from_rows` is the `Type` of
/// its rows, which has the table's own case. It gives the name's case and nothing else: a row must not choose its dataset.
#[must_use]
pub fn dataset_for(rule: &DatasetRule, table_from_rows: Option<&str>, container_table: &str) -> String {
    match rule {
        DatasetRule::One(dataset) => dataset.clone(),
        DatasetRule::PerTable { prefix, map } => {
            let mapped = map.iter().find(|(table, _)| is_same(table, container_table));
            let in_own_case = table_from_rows.filter(|table| is_same(table, container_table));
            match mapped {
                Some((_, dataset)) => dataset.clone(),
                None => format!("{prefix}{}", in_own_case.unwrap_or(container_table)),
            }
        }
    }
}

/// Letters and digits alone tell tables apart: a container's name is lower case and cannot hold the underscore of `MyLog_CL`.
fn is_same(table: &str, container_table: &str) -> bool {
    let key = |text: &str| {
        text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect::<String>()
    };
    table.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && key(table) == key(container_table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let per_table = |prefix: &str| DatasetRule::PerTable {
            prefix: prefix.to_owned(),
            map: [("SecurityEvent".to_owned(), "windows".to_owned())].into(),
        };
        let check = |rule: DatasetRule, rows, container, expected| {
            assert_eq!(dataset_for(&rule, rows, container), expected, "{rule:?} {rows:?} {container}");
        };
        check(per_table(""), Some("SigninLogs"), "signinlogs", "SigninLogs");
        check(per_table(""), None, "signinlogs", "signinlogs");
        check(per_table("sentinel-"), Some("SigninLogs"), "signinlogs", "sentinel-SigninLogs");
        check(per_table("sentinel-"), Some("SecurityEvent"), "securityevent", "windows");
        check(per_table("sentinel-"), None, "securityevent", "windows");
        check(per_table("p-"), Some("AuditLogs"), "signinlogs", "p-signinlogs");
        check(per_table("p-"), Some("../../v2/tokens"), "signinlogs", "p-signinlogs");
        check(per_table(""), Some("MyLog_CL"), "mylog-cl", "MyLog_CL");
        check(per_table(""), Some("sign/inlogs"), "signinlogs", "signinlogs");
        check(DatasetRule::One("all".to_owned()), Some("SigninLogs"), "signinlogs", "all");
    }
}
