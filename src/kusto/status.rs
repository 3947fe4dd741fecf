//! What the status of an ingestion means. Pure.
//!
//! | `Status` | meaning |
//! |---|---|
//! | `Succeeded` | the rows are there |
//! | `Skipped` | they were there before |
//! | `Pending`, `Queued` | not yet |
//! | `Failed`, `PartiallySucceeded` | not, or not all; `FailureStatus` says whether another attempt may do |
//!
//! Source: `IngestionStatus` of the official clients.

use serde::Deserialize;

/// What became of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Status {
    Pending,
    Done,
    Failed { status: String, details: String, transient: bool },
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Entity {
    status: String,
    failure_status: Option<String>,
    error_code: Option<serde_json::Value>,
    details: Option<String>,
}

/// Reads the entity of an ingestion. One that cannot be read says nothing yet.
pub(super) fn judge(entity: &[u8]) -> Status {
    let entity: Entity = serde_json::from_slice(entity).unwrap_or_default();
    match entity.status.as_str() {
        "Succeeded" | "Skipped" => Status::Done,
        "Failed" | "PartiallySucceeded" => {
            let code = match entity.error_code {
                Some(serde_json::Value::String(code)) => code,
                Some(code) => code.to_string(),
                None => String::new(),
            };
            let details = entity.details.unwrap_or_default();
            let details = [code.as_str(), details.lines().next().unwrap_or_default()].join(" ").trim().to_owned();
            let transient = entity.failure_status.as_deref() == Some("Transient");
            Status::Failed { status: entity.status, details, transient }
        }
        _ => Status::Pending,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table() {
        let failed = |status: &str, details: &str, transient| Status::Failed {
            status: status.to_owned(),
            details: details.to_owned(),
            transient,
        };
        for (entity, wanted) in [
            (r#"{"Status":"Succeeded"}"#, Status::Done),
            (r#"{"Status":"Skipped"}"#, Status::Done),
            (r#"{"Status":"Pending"}"#, Status::Pending),
            (r#"{"Status":"Queued"}"#, Status::Pending),
            ("", Status::Pending),
            (
                r#"{"Status":"Failed","FailureStatus":"Permanent","ErrorCode":"BadRequest_TableNotExist","Details":"no\nmore"}"#,
                failed("Failed", "BadRequest_TableNotExist no", false),
            ),
            (r#"{"Status":"Failed","FailureStatus":"Transient","ErrorCode":7}"#, failed("Failed", "7", true)),
            (r#"{"Status":"PartiallySucceeded"}"#, failed("PartiallySucceeded", "", false)),
        ] {
            assert_eq!(judge(entity.as_bytes()), wanted, "{entity}");
        }
    }
}
