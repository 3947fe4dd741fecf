//! `function-status`: the status as a page, for whoever has the function's key.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;

use super::{Handler, json};
use crate::report::chain;
use crate::status::{Status, page};
use crate::wake::Answer;

/// Days whose rows are counted.
const DAYS: u32 = 1;

/// The page, as the host passes it on.
pub(super) async fn show(handler: &Arc<Handler>) -> Response {
    let answer = match Status::gather(&handler.app, DAYS, false).await {
        Ok(status) => Answer::page(200, "text/html; charset=utf-8", page(&status)),
        Err(error) => {
            let said = chain(&error);
            tracing::error!(error = said, "the status cannot be gathered");
            Answer::page(503, "text/plain; charset=utf-8", said)
        }
    };
    json(StatusCode::OK, answer.to_json())
}
