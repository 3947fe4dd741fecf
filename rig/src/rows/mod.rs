//! Makes Log Analytics rows: realistic, all different, and the same again for the same seed.
//!
//! The shapes are data: `templates/<Table>.jsonl` holds one kind of row a line, in the columns, the order and the escaping that data
//! export uses (dynamic columns as JSON values, text columns that hold JSON as escaped strings). Every value is invented.

mod population;
mod template;
mod text;

use fastrand::Rng;
use time::OffsetDateTime;

use template::{Row, Template};
use text::{hash, mix};

/// `TenantId` of every row: the workspace's GUID.
pub const WORKSPACE_ID: &str = "3c1f0a52-7d86-4b9e-a1c4-5e2d8f907b36";
/// The workspace's resource id, as it is in `_Internal_WorkspaceResourceId` and in the path of a blob.
pub const WORKSPACE_PATH: &str = "/subscriptions/6a1d5c5e-9c0e-4f3a-8b6f-0d9a7f2b1c11/resourcegroups/rg-security/providers/microsoft.operationalinsights/workspaces/law-security";
/// The Entra tenant in sign-in rows.
const DIRECTORY_ID: &str = "e8b7d5c1-2f64-4a39-9d0b-7c3e1a5f8042";

/// The tables that have a shape of their own; any other name gets a small custom table.
pub const TABLES: [&str; 8] = [
    "SecurityEvent",
    "SigninLogs",
    "AADNonInteractiveUserSignInLogs",
    "CommonSecurityLog",
    "DeviceEvents",
    "AzureDiagnostics",
    "Syslog",
    "SecurityAlert",
];

/// The first `count` tables of a run: those of [`TABLES`], then `Table09_CL`, `Table10_CL` and so on.
pub fn table_names(count: usize) -> Vec<String> {
    let known = TABLES.iter().map(|table| (*table).to_owned());
    known.chain((TABLES.len() + 1..).map(|number| format!("Table{number:02}_CL"))).take(count).collect()
}

/// The rows of one table. Row `index` depends on the seed, the table, the index and the time given, and on nothing else.
#[derive(Debug)]
pub struct RowSource {
    table: String,
    seed: u64,
    kinds: Vec<Template>,
}

impl RowSource {
    /// Rows of `table` (its name in its own case), from `seed`.
    pub fn new(seed: u64, table: &str) -> Self {
        let kinds: Vec<&str> = templates(table).lines().collect();
        let kinds = if TABLES.contains(&table) { kinds } else { vec![own_kind(&kinds, table)] };
        RowSource {
            table: table.to_owned(),
            seed: mix(seed ^ hash(table)),
            kinds: kinds.into_iter().map(Template::parse).collect(),
        }
    }

    /// The table's name in its own case, as it is in the rows' `Type`.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// Appends row `index`, which happened at `time` (UTC), to `out`, without a newline.
    pub fn write_row(&self, index: u64, time: OffsetDateTime, out: &mut Vec<u8>) {
        // `mix` is a bijection, so that no two indexes of a table share their first half.
        let own = mix(self.seed.wrapping_add(index));
        let mut rng = Rng::with_seed(own);
        let kind =
            template::skewed(&mut rng, u64::try_from(self.kinds.len()).expect("a table has a few kinds of rows"));
        let kind = usize::try_from(kind).expect("a table has a few kinds of rows");
        let row = Row { table: &self.table, time, item: (own, mix(own ^ self.seed)) };
        self.kinds[kind].write(&row, &mut rng, out);
    }
}

/// A custom table has one fixed schema, chosen by its name.
fn own_kind(kinds: &[&'static str], table: &str) -> &'static str {
    kinds[Rng::with_seed(hash(table)).usize(..kinds.len())]
}

fn templates(table: &str) -> &'static str {
    match table {
        "SecurityEvent" => include_str!("templates/SecurityEvent.jsonl"),
        "SigninLogs" => include_str!("templates/SigninLogs.jsonl"),
        "AADNonInteractiveUserSignInLogs" => include_str!("templates/AADNonInteractiveUserSignInLogs.jsonl"),
        "CommonSecurityLog" => include_str!("templates/CommonSecurityLog.jsonl"),
        "DeviceEvents" => include_str!("templates/DeviceEvents.jsonl"),
        "AzureDiagnostics" => include_str!("templates/AzureDiagnostics.jsonl"),
        "Syslog" => include_str!("templates/Syslog.jsonl"),
        "SecurityAlert" => include_str!("templates/SecurityAlert.jsonl"),
        _ => include_str!("templates/custom.jsonl"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::Value;
    use time::macros::datetime;

    use super::*;

    const START: OffsetDateTime = datetime!(2026-11-25 08:00 UTC);

    fn rows(seed: u64, table: &str, count: u64) -> Vec<Vec<u8>> {
        let source = RowSource::new(seed, table);
        let row = |index| {
            let mut out = Vec::new();
            source.write_row(index, START, &mut out);
            out
        };
        (0..count).map(row).collect()
    }

    #[test]
    fn each_row_is_an_object_of_its_table_with_its_own_id() {
        let mut ids = HashSet::new();
        for table in table_names(24) {
            for row in rows(7, &table, 500) {
                let row: Value = serde_json::from_slice(&row)
                    .unwrap_or_else(|e| panic!("{table}: {e}: {}", String::from_utf8_lossy(&row)));
                assert_eq!(row["Type"], *table);
                assert_eq!(row["TenantId"], WORKSPACE_ID);
                assert_eq!(row["TimeGenerated"], "2026-11-25T08:00:00.0000000Z");
                assert!(ids.insert(row["_ItemId"].as_str().unwrap().to_owned()), "{table}: {}", row["_ItemId"]);
            }
        }
    }

    #[test]
    fn text_columns_that_hold_json_hold_valid_json() {
        for (table, columns) in [
            (
                "AADNonInteractiveUserSignInLogs",
                &["DeviceDetail", "AuthenticationProcessingDetails", "LocationDetails"][..],
            ),
            ("SecurityAlert", &["Entities", "ExtendedProperties", "RemediationSteps"]),
        ] {
            for row in rows(3, table, 300) {
                let row: Value = serde_json::from_slice(&row).unwrap();
                for column in columns {
                    let text = row[column].as_str().unwrap_or_else(|| panic!("{table}.{column} is text"));
                    serde_json::from_str::<Value>(text).unwrap_or_else(|e| panic!("{table}.{column}: {e}: {text}"));
                }
            }
        }
    }

    #[test]
    fn a_seed_repeats_itself_and_seeds_differ() {
        assert_eq!(rows(1, "Syslog", 50), rows(1, "Syslog", 50));
        let (one, other): (HashSet<_>, HashSet<_>) =
            (rows(1, "Syslog", 50).into_iter().collect(), rows(2, "Syslog", 50).into_iter().collect());
        assert!(one.is_disjoint(&other));
    }

    /// Mean bytes of a row, and the ratio that zstd 1 reaches on a batch, stay near what real tables show.
    #[test]
    fn sizes_and_compression_are_realistic() {
        let check = |table: &str, bytes: std::ops::Range<usize>, ratio: std::ops::Range<f64>| {
            let rows = rows(42, table, 2000);
            let body = rows.join(&b'\n');
            let mean = body.len() / rows.len();
            assert!(bytes.contains(&mean), "{table}: {mean} bytes a row, expected {bytes:?}");
            let packed = zstd::bulk::compress(&body, 1).unwrap().len();
            let reached = body.len() as f64 / packed as f64;
            assert!(ratio.contains(&reached), "{table}: compresses {reached:.1} times, expected {ratio:?}");
        };
        check("SecurityEvent", 1700..2200, 8.0..14.0);
        check("SigninLogs", 4200..4800, 11.0..16.0);
        check("AADNonInteractiveUserSignInLogs", 4400..4900, 11.0..16.0);
        check("CommonSecurityLog", 1600..2100, 9.0..14.0);
        check("DeviceEvents", 2400..3000, 7.0..11.0);
        check("AzureDiagnostics", 1400..2200, 8.0..14.0);
        check("Syslog", 700..1100, 8.0..12.0);
        check("SecurityAlert", 2700..3300, 8.0..13.0);
        check("Table20_CL", 600..1000, 8.0..13.0);
    }
}
