//! `function-pull`: the pulls that are due, on a timer. The same work as that of `pull run`.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use tokio::time::Instant;

use super::{Handler, fail, json};
use crate::commands::pull::{Which, run_all};
use crate::ship::Until;
use crate::wake::Answer;

/// Runs what is due. A pull that is not done by the deadline goes on with the next timer.
pub(super) async fn due(handler: &Arc<Handler>) -> Response {
    let pulls = match &handler.pulls {
        None => return json(StatusCode::OK, Answer::new(["there are no pulls (PULLS_FILE)".to_owned()]).to_json()),
        Some(Err(why)) => return fail(StatusCode::SERVICE_UNAVAILABLE, why),
        Some(Ok(pulls)) => pulls,
    };
    // Dropped with the request: when the host closes the connection, nobody waits any more.
    let stop = handler.stop.child_token();
    let _guard = stop.clone().drop_guard();
    let until = Until { deadline: Instant::now() + handler.app.settings.visit_deadline, stop };
    let ended = run_all(pulls, Which::default(), &until).await;
    if ended.failed > 0 {
        return fail(StatusCode::SERVICE_UNAVAILABLE, &ended.said.join("; "));
    }
    json(StatusCode::OK, Answer::new(ended.said).to_json())
}
