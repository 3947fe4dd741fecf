//! What is wrong with a query, and the service's words for it.

use serde_json::{Value as Json, json};

/// Why a query is not run. All of them are answered with 400.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum QueryError {
    /// It cannot be parsed from here on; the line counts from 1 and the position in it from 0.
    Syntax { line: usize, position: usize, token: String },
    /// It names what is not there, or does with a value what cannot be done.
    Semantic { code: &'static str, message: String },
    /// The request itself is not what the endpoint takes.
    Request { code: &'static str, message: String },
}

impl QueryError {
    /// A name that is no column.
    pub(crate) fn column(operator: &str, name: &str) -> Self {
        let message = format!("'{operator}' operator: Failed to resolve column or scalar expression named '{name}'");
        Self::Semantic { code: "SEM0100", message }
    }

    /// A name that is no table.
    pub(crate) fn table(operator: &str, name: &str) -> Self {
        let message = format!("'{operator}' operator: Failed to resolve table or column expression named '{name}'");
        Self::Semantic { code: "SEM0100", message }
    }

    /// A table of the Basic plan behind the wrong endpoint. The words are the service's.
    pub(crate) fn basic() -> Self {
        let message = "Query of Basic Logs table is not supported with the API \
                       'https://api.loganalytics.io/v1/workspaces/{workspaceId}/query'.\n\
                       You can use 'https://api.loganalytics.io/v1/workspaces/{workspaceId}/search' instead.\n\
                       To learn more on queries on Basic Logs table, read here: https://aka.ms/basicLogsQueryAPI.";
        Self::Request { code: "UnsupportedApiQueryValidationError", message: message.to_owned() }
    }

    /// Line and column, from 1, where the text itself is at fault; else its beginning.
    pub(crate) fn place(&self) -> (usize, usize) {
        match self {
            Self::Syntax { line, position, .. } => (*line, position + 1),
            Self::Semantic { .. } | Self::Request { .. } => (1, 1),
        }
    }

    /// The innermost code.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Syntax { .. } => "SYN0002",
            Self::Semantic { code, .. } | Self::Request { code, .. } => code,
        }
    }

    /// The innermost message.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Syntax { line, position, token } => {
                format!("Query could not be parsed at '{token}' on line [{line},{position}]")
            }
            Self::Semantic { message, .. } | Self::Request { message, .. } => message.clone(),
        }
    }

    /// The `innererror` of Log Analytics' answer.
    pub(crate) fn inner(&self) -> Json {
        match self {
            Self::Syntax { line, position, token } => json!({
                "code": "SyntaxError", "message": "A recognition error occurred in the query.",
                "innererror": {
                    "code": self.code(), "message": self.message(), "line": line, "pos": position, "token": token,
                },
            }),
            Self::Semantic { code, message } => json!({
                "code": "SemanticError", "message": "A semantic error occurred.",
                "innererror": {"code": code, "message": message},
            }),
            Self::Request { code, message } => json!({"code": code, "message": message}),
        }
    }
}
