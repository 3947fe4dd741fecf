//! What an object out of an Event Hub is: which table it belongs to, and when it happened. Pure.
//!
//! Defender for Cloud's continuous export sends one flat object for each event, with keys in the case of whichever service made it, and names the kind by the
//! resource type alone; an alert has none (elastic/integrations, `microsoft_defender_cloud`, recorded events). Azure Monitor names a `category`, and data
//! export of Log Analytics the table, as `Type`.

use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The table of what is none of the kinds below, and of what is no object at all.
pub const OTHER: &str = "EventHub";

/// Ends of resource types, in lower case, with the event sources of `Microsoft.Security/automations` that send them. The first that fits counts.
const TYPES: [(&str, &str); 7] = [
    ("/assessments/subassessments", "DefenderSubAssessments"),
    ("/regulatorycomplianceassessments", "DefenderRegulatoryCompliance"),
    ("/securescores/securescorecontrols", "DefenderSecureScoreControls"),
    ("microsoft.security/securescores", "DefenderSecureScores"),
    ("microsoft.security/attackpaths", "DefenderAttackPaths"),
    ("microsoft.security/assessments", "DefenderAssessments"),
    ("/alerts", "DefenderAlerts"),
];

/// Longest name of a table that a record may choose.
const NAME: usize = 80;

/// The table that an object belongs to. What a snapshot tells is a state that may be months old, told again every week: it has a table beside that of the
/// changes, so that neither counts nor alerts on changes take it for news.
#[must_use]
pub fn table(object: &Map<String, Value>) -> String {
    let Some(kind) = defender_kind(object) else { return named(object).unwrap_or(OTHER).to_owned() };
    let suffix = if is_snapshot(object) { "Snapshot" } else { "" };
    format!("{kind}{suffix}")
}

/// When it happened: the time that it tells itself, which for a snapshot is none.
#[must_use]
pub fn own_time(object: &Map<String, Value>) -> Option<OffsetDateTime> {
    if is_snapshot(object) {
        return None;
    }
    let properties = get(object, "properties").and_then(Value::as_object);
    let status = properties.and_then(|properties| get(properties, "status")?.as_object());
    let told = [
        get(object, "TimeGenerated"),
        properties.and_then(|properties| get(properties, "TimeGenerated")),
        status.and_then(|status| get(status, "statusChangeDate")),
        get(object, "time"),
    ];
    told.into_iter().flatten().find_map(time)
}

/// A member, whatever the case of its key.
#[must_use]
pub fn get<'a>(object: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    object.get(key).or_else(|| object.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value))
}

fn defender_kind(object: &Map<String, Value>) -> Option<&'static str> {
    if let Some(kind) = get(object, "type").and_then(Value::as_str) {
        let kind = kind.to_ascii_lowercase();
        // Regulatory compliance comes as standards and controls, too; a secure score and its controls tell themselves apart by their ends.
        if kind.starts_with("microsoft.security/regulatorycompliance") {
            return Some("DefenderRegulatoryCompliance");
        }
        let ours = kind.starts_with("microsoft.security/");
        return TYPES.iter().find(|(end, _)| ours && kind.ends_with(end)).map(|(_, table)| *table);
    }
    get(object, "SystemAlertId").map(|_| "DefenderAlerts")
}

/// `isSnapshot` stands in one of several members, by the kind of event: `securityEventDataEnrichment`, `assessmentEventDataEnrichment`, ...
fn is_snapshot(object: &Map<String, Value>) -> bool {
    let says_so = |value: &Value| match value {
        Value::Bool(flag) => *flag,
        Value::String(text) => text.eq_ignore_ascii_case("true"),
        _ => false,
    };
    let enrichments = object.iter().filter(|(key, _)| key.to_ascii_lowercase().ends_with("eventdataenrichment"));
    enrichments.filter_map(|(_, value)| get(value.as_object()?, "isSnapshot")).any(says_so)
}

/// The name that a record of Azure Monitor gives itself. It becomes a part of a dataset's name, so only one that could be a table's passes.
fn named(object: &Map<String, Value>) -> Option<&str> {
    let plain = |name: &&str| {
        name.len() <= NAME
            && name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
    };
    // Alone, neither word says much: a table comes with a tenant, a category with the resource that it is of.
    let table = get(object, "TenantId").and_then(|_| get(object, "Type")?.as_str());
    let category = get(object, "resourceId").and_then(|_| get(object, "category")?.as_str());
    table.or(category).filter(plain)
}

/// Times come with and without a zone; without one they are UTC.
fn time(value: &Value) -> Option<OffsetDateTime> {
    let text = value.as_str()?.trim();
    OffsetDateTime::parse(text, &Rfc3339).or_else(|_| OffsetDateTime::parse(&format!("{text}Z"), &Rfc3339)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use time::macros::datetime;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn each_kind_has_a_table_and_its_snapshots_one_beside_it() {
        let check = |kind: &str, expected: &str| {
            for key in ["type", "Type", "TYPE"] {
                assert_eq!(table(&object(json!({key: kind}))), expected);
                assert_eq!(table(&object(json!({key: kind.to_uppercase()}))), expected);
            }
            for (member, flag, value) in [
                ("securityEventDataEnrichment", "isSnapshot", json!(true)),
                ("SubAssessmentEventDataEnrichment", "IsSnapshot", json!("True")),
            ] {
                let snapshot = json!({"type": kind, member: {"$type": "x", flag: value}});
                assert_eq!(table(&object(snapshot)), format!("{expected}Snapshot"));
            }
        };
        check("Microsoft.Security/assessments", "DefenderAssessments");
        check("Microsoft.Security/assessments/subAssessments", "DefenderSubAssessments");
        check("Microsoft.Security/secureScores", "DefenderSecureScores");
        check("Microsoft.Security/secureScores/secureScoreControls", "DefenderSecureScoreControls");
        check("Microsoft.Security/regulatoryComplianceStandards", "DefenderRegulatoryCompliance");
        check(
            "Microsoft.Security/regulatoryComplianceStandards/regulatoryComplianceControls/regulatoryComplianceAssessments",
            "DefenderRegulatoryCompliance",
        );
        check("Microsoft.Security/attackPaths", "DefenderAttackPaths");
        check("Microsoft.Security/Locations/alerts", "DefenderAlerts");
    }

    #[test]
    fn an_alert_is_known_by_its_id_and_other_records_by_the_name_they_give() {
        let check = |value: Value, expected: &str| assert_eq!(table(&object(value)), expected);
        check(json!({"SystemAlertId": "x", "Severity": "High"}), "DefenderAlerts");
        check(json!({"resourceId": "/tenants/x", "category": "SignInLogs", "time": "t"}), "SignInLogs");
        check(json!({"TenantId": "x", "Type": "SecurityEvent"}), "SecurityEvent");
        check(json!({"category": "SignInLogs"}), OTHER);
        check(json!({"TenantId": "x", "Type": "../datasets"}), OTHER);
        check(json!({"resourceId": "/x", "category": "a b"}), OTHER);
        check(json!({"type": "Microsoft.Compute/alerts"}), OTHER);
        check(json!({}), OTHER);
    }

    #[test]
    fn the_time_is_the_events_own() {
        let check = |value: Value, expected| assert_eq!(own_time(&object(value.clone())), expected, "{value}");
        let at = datetime!(2023-05-09 13:19:49.338_102_8 UTC);
        check(json!({"timeGenerated": "2023-05-09T13:19:49.3381028Z", "time": "2020-01-01T00:00:00Z"}), Some(at));
        check(json!({"Properties": {"TimeGenerated": "2023-05-09T13:19:49.3381028"}}), Some(at));
        let changed = json!({"status": {"statusChangeDate": "2023-05-09T13:19:49.3381028Z"}});
        check(json!({"TimeGenerated": null, "properties": changed}), Some(at));
        check(json!({"time": "2023-05-09T15:19:49.3381028+02:00"}), Some(at));
        check(json!({"time": "yesterday", "TimeGenerated": 7}), None);
        let snapshot = json!({"properties": changed, "securityEventDataEnrichment": {"isSnapshot": true}});
        check(snapshot, None);
    }
}
