//! Messages of Defender for Cloud's continuous export and of Azure Monitor, one of each kind, with the table that each belongs to and the time that its row
//! must have.

use serde_json::{Value, json};

/// A message and what must become of it.
pub struct Expected {
    pub table: &'static str,
    pub message: Value,
    /// Its own time; without one it is the time at which the hub took it.
    pub time: Option<&'static str>,
}

const SUBSCRIPTION: &str = "/subscriptions/0/providers/Microsoft.Security";

/// A resource of Microsoft.Security, as it is streamed or in a snapshot.
fn resource(kind: &str, number: u64, snapshot: bool, properties: &Value) -> Value {
    json!({
        "securityEventDataEnrichment": {"action": "Write", "apiVersion": "2020-01-01", "isSnapshot": snapshot},
        "id": format!("{SUBSCRIPTION}/{kind}/{number}"),
        "name": number.to_string(),
        "type": format!("Microsoft.Security/{kind}"),
        "properties": properties,
    })
}

/// One message of each kind, all of them with this number.
pub fn each_kind(number: u64) -> Vec<Expected> {
    const CHANGED: &str = "2026-11-20T08:00:00.1234567Z";
    let changed =
        json!({"status": {"code": "Unhealthy", "statusChangeDate": CHANGED}, "displayName": "Zoë \"Z\" \\ \u{1F600}"});
    let score = json!({"score": {"current": 21.5, "max": 58, "percentage": 0.3706}});
    let none = None;
    let of = |table, message, time| Expected { table, message, time };
    vec![
        of(
            "DefenderAlerts",
            json!({
                "VendorName": "Microsoft", "AlertType": "VM_Test", "TimeGenerated": CHANGED, "Severity": "High",
                "SystemAlertId": format!("2518000000000000000_{number}"), "ConfidenceScore": null,
                "Entities": [{"$id": "1", "Type": "host"}, {"$ref": "1"}],
                "ExtendedProperties": {"resource Type": "Virtual Machine", "more": "{\"a\":[1,2]}"},
            }),
            Some(CHANGED),
        ),
        of("DefenderAssessments", resource("assessments", number, false, &changed), Some(CHANGED)),
        of("DefenderAssessmentsSnapshot", resource("assessments", number, true, &changed), none),
        of(
            "DefenderSubAssessments",
            json!({
                "$type": "x", "Type": "Microsoft.Security/assessments/subAssessments", "Id": number.to_string(),
                "SubAssessmentEventDataEnrichment": {"$type": "y", "Action": "Insert", "IsSnapshot": false},
                "Properties": {"TimeGenerated": CHANGED},
            }),
            Some(CHANGED),
        ),
        of("DefenderSecureScores", resource("secureScores", number, false, &score), none),
        of("DefenderSecureScoresSnapshot", resource("secureScores", number, true, &score), none),
        of("DefenderSecureScoreControls", resource("secureScores/secureScoreControls", number, false, &score), none),
        of(
            "DefenderRegulatoryCompliance",
            resource(
                "regulatoryComplianceStandards/regulatoryComplianceControls/regulatoryComplianceAssessments",
                number,
                false,
                &json!({"state": "Passed"}),
            ),
            none,
        ),
        of(
            "DefenderAttackPaths",
            resource("attackPaths", number, false, &json!({"risk": [1, 2.5, {"deep": null}]})),
            none,
        ),
        of("EventHub", json!({"nobody": "knows", "this": number}), none),
    ]
}

/// An envelope of Azure Monitor with `records` records of the table `SignInLogs`, numbered from `number` on.
pub fn azure_monitor(number: u64, records: u64) -> Value {
    let record = |number: u64| json!({"time": "2026-11-20T08:00:00.5Z", "resourceId": "/tenants/0", "category": "SignInLogs", "properties": {"id": number}});
    json!({"records": (number..number + records).map(record).collect::<Vec<_>>()})
}
