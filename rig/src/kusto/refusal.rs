//! Errors in the service's form.

use serde_json::json;

use crate::kql::{QueryError, ticks};
use crate::reply::{Reply, guid};

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    status: u16,
    code: String,
    /// The name of the exception, without its namespace.
    kind: &'static str,
    message: String,
    permanent: bool,
}

impl Refusal {
    /// A refusal with any status.
    pub(crate) fn new(status: u16, code: &str, message: &str) -> Self {
        let kind = if status < 500 { "KustoBadRequestException" } else { "KustoServiceException" };
        Self {
            status,
            code: code.to_owned(),
            kind,
            message: message.to_owned(),
            permanent: (400..429).contains(&status),
        }
    }

    /// A command that is not understood, or cannot be.
    pub(crate) fn bad(message: &str) -> Self {
        Self::new(400, "General_BadRequest", message)
    }

    /// Something that is not there.
    pub(crate) fn missing(what: &str, name: &str) -> Self {
        let message = format!("Entity ID '{name}' of kind '{what}' was not found.");
        Self { kind: "EntityNotFoundException", ..Self::new(400, "BadRequest_EntityNotFound", &message) }
    }

    /// A mapping that is not there.
    pub(crate) fn no_mapping(name: &str, table: &str) -> Self {
        let message = format!("Mapping reference '{name}' of type 'json' in table '{table}' could not be found.");
        Self {
            kind: "MappingReferenceWasNotFoundException",
            ..Self::new(400, "BadRequest_MappingReferenceWasNotFound", &message)
        }
    }

    /// A table whose policy takes no streaming ingestion.
    pub(crate) fn no_streaming(table: &str) -> Self {
        let message = format!("Streaming ingestion policy is not enabled for table '{table}'.");
        Self {
            kind: "StreamingIngestionPolicyNotEnabledException",
            ..Self::new(400, "BadRequest_StreamingIngestionPolicyNotEnabled", &message)
        }
    }

    /// A body that is too large.
    pub(crate) fn too_large(limit: usize) -> Self {
        let message = format!("The request is larger than {limit} bytes, which streaming ingestion takes at most.");
        Self {
            kind: "StreamingIngestionRequestTooLargeException",
            ..Self::new(413, "BadRequest_RequestTooLarge", &message)
        }
    }

    /// Somebody who may not do that.
    pub(crate) fn forbidden() -> Self {
        let message = "Principal 'aadapp=rig' is not authorized to perform this operation.";
        Self { kind: "KustoUnauthorizedException", ..Self::new(403, "Forbidden", message) }
    }

    /// A query that is not run.
    pub(crate) fn query(error: &QueryError) -> Self {
        let (code, message) = (error.code(), error.message());
        match error {
            QueryError::Syntax { .. } => {
                let message = format!("Syntax error: Query could not be parsed: {code}: {message}");
                Self { kind: "SyntaxException", ..Self::bad(&message) }
            }
            _ => Self { kind: "SemanticException", ..Self::bad(&format!("Semantic error: {code}: {message}")) },
        }
    }

    /// 401, which has no words for who comes without a token.
    pub(crate) fn unauthorized() -> Reply {
        let challenge = "Bearer authorization_uri=\"https://login.microsoftonline.com/common\"".to_owned();
        Reply { authenticate: Some(challenge), ..Reply::raw(401, "") }
    }
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        let Refusal { status, code, kind, message, permanent } = refusal;
        let general = match status {
            400..500 => "Request is invalid and cannot be executed.",
            _ => "The request could not be executed now.",
        };
        let context = json!({
            "timestamp": ticks::format(ticks::now()), "serviceAlias": "RIG", "machineName": "KEngine000000",
            "processName": "Kusto.WinSvc.Svc", "clientRequestId": guid(), "activityId": guid(), "activityType": "DN.FE.Request",
        });
        let error = json!({
            "code": code, "message": general, "@type": format!("Kusto.Data.Exceptions.{kind}"), "@message": message,
            "@context": context, "@permanent": permanent,
        });
        Self::json(status, &json!({"error": error}))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_s_form() {
        let reply = Reply::from(Refusal::missing("Table", "T"));
        let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
        let error = &body["error"];
        assert_eq!((reply.status, &error["code"]), (400, &json!("BadRequest_EntityNotFound")));
        assert_eq!(error["@type"], json!("Kusto.Data.Exceptions.EntityNotFoundException"));
        assert_eq!(
            (&error["@permanent"], &error["@message"]),
            (&json!(true), &json!("Entity ID 'T' of kind 'Table' was not found."))
        );
        let syntax = QueryError::Syntax { line: 1, position: 2, token: "x".into() };
        assert!(Refusal::query(&syntax).message.ends_with("SYN0002: Query could not be parsed at 'x' on line [1,2]"));
        assert!(
            Refusal::query(&QueryError::column("where", "x")).message.starts_with("Semantic error: SEM0100: 'where'")
        );
        assert!(!Refusal::new(503, "General_InternalServerError", "").permanent);
    }
}
