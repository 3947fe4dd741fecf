//! Columns that hold an object of any keys, by table. Declared as map fields, their keys do not count toward the fields of a dataset (1,024 in Axiom's
//! Cloud plan). It has to be done before the first row comes: what came as columns of their own stays apart. Pure.
//!
//! Source: the columns of type dynamic in Microsoft's "Azure Monitor Logs table reference" that hold objects. Columns with lists, or with JSON as text,
//! which Axiom keeps in one field anyway, are not here.

/// Columns by table. A name that ends with `*` is the beginning of a table's name.
const COLUMNS: &[(&str, &[&str])] = &[
    ("SigninLogs", &["DeviceDetail", "LocationDetails", "MfaDetail", "Status"]),
    ("AuditLogs", &["InitiatedBy"]),
    ("AADUserRiskEvents", &["Location"]),
    ("AzureActivity", &["Authorization_d", "Claims_d", "Properties_d"]),
    ("AzureDiagnostics", &["AdditionalFields"]),
    ("App*", &["Measurements", "Properties"]),
    ("ASim*", &["AdditionalFields"]),
    ("AlertEvidence", &["AdditionalFields"]),
    ("BehaviorAnalytics", &["ActivityInsights", "DevicesInsights", "UsersInsights"]),
    ("CloudAppEvents", &["AdditionalFields", "RawEventData"]),
    ("ContainerLogV2", &["KubernetesMetadata", "LogMessage"]),
    ("Device*", &["AdditionalFields"]),
    ("Identity*", &["AdditionalFields"]),
    ("SecurityIncident", &["AdditionalData", "Owner"]),
    ("SentinelAudit", &["ExtendedProperties"]),
    ("SentinelHealth", &["ExtendedProperties"]),
    ("ThreatIntelIndicators", &["AdditionalFields", "Data"]),
    ("ThreatIntelObjects", &["AdditionalFields", "Data"]),
    ("WindowsEvent", &["EventData"]),
];

/// The columns of a table to declare; none for a table that is not known. Case does not count.
pub fn of(table: &str) -> impl Iterator<Item = &'static str> {
    let table = table.to_ascii_lowercase();
    let fits = move |name: &str| match name.to_ascii_lowercase().strip_suffix('*') {
        Some(beginning) => table.starts_with(beginning),
        None => table == name.to_ascii_lowercase(),
    };
    COLUMNS.iter().filter(move |(name, _)| fits(name)).flat_map(|(_, columns)| columns.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_tables() {
        let check = |table: &str, expected: &[&str]| assert_eq!(of(table).collect::<Vec<_>>(), expected, "{table}");
        check("SigninLogs", &["DeviceDetail", "LocationDetails", "MfaDetail", "Status"]);
        check("signinlogs", &["DeviceDetail", "LocationDetails", "MfaDetail", "Status"]);
        check("DeviceProcessEvents", &["AdditionalFields"]);
        check("AppTraces", &["Measurements", "Properties"]);
        check("Syslog", &[]);
        check("MyDevices_CL", &[]);
    }
}
