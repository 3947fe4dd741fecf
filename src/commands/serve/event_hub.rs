//! `function-event-hub`: a batch of messages that the host took off an Event Hub.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use tokio::time::Instant;

use super::{Handler, fail, json};
use crate::event_hub::Received;
use crate::report::chain;
use crate::ship::Until;
use crate::wake::{Answer, EventHubWake};

/// Takes the messages. Only what is neither delivered nor kept is answered as failed: the host calls again with the same batch.
pub(super) async fn messages(handler: &Arc<Handler>, wake: EventHubWake) -> Response {
    // Dropped with the request: when the host closes the connection, nobody waits any more.
    let stop = handler.stop.child_token();
    let _guard = stop.clone().drop_guard();
    let until = Until { deadline: Instant::now() + handler.app.settings.visit_deadline, stop };
    let partition = wake.partition.as_ref().map(|partition| format!("{}/{}", partition.reader, partition.id));
    match handler.app.event_hub.receive(wake, &until).await {
        Ok(Received { messages, known, rows, waiting, set_aside, perhaps_twice }) => {
            tracing::info!(
                partition,
                messages,
                known,
                rows,
                waiting,
                set_aside,
                perhaps_twice,
                "messages of an event hub"
            );
            let said = format!(
                "{messages} messages ({known} of them known): {rows} rows delivered, {waiting} wait, {set_aside} set aside"
            );
            json(StatusCode::OK, Answer::new([said]).to_json())
        }
        Err(error) => {
            let said = chain(&error);
            tracing::error!(partition, error = said, "messages of an event hub are neither delivered nor kept");
            fail(StatusCode::SERVICE_UNAVAILABLE, &said)
        }
    }
}
