//! One ingest request: the fault that meets it, its rows, the commit, and the answer.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::body::{self, RawRow, header};
use super::dataset::{Committed, ReadyRow};
use super::event::{self, Context, Flaw};
use super::fault::{Fault, Faults, HostileBody, PoisonEffect, Refusal};
use super::options::{Blame, Inspect, LongValue, Options};
use super::reply::Reply;
use super::server::{Call, Shared};
use super::timestamp;
use crate::content::row_hash;
use crate::loopback::reset;

/// The label that names the blob which a batch came from.
const BLOB_LABEL: &str = "source_blob";

/// The rows of one request, read and not yet committed.
struct Batch {
    rows: Vec<ReadyRow>,
    /// Rows in the body.
    sent: u64,
    /// Bytes of the body, uncompressed, and of the labels.
    bytes: u64,
    labels: Map<String, Value>,
}

/// Serves one ingest request into `dataset`. An error breaks the connection.
pub(crate) async fn ingest(shared: &Arc<Shared>, call: Arc<Call>, dataset: &str) -> std::io::Result<Reply> {
    let fault = shared.faults.next();
    match &fault {
        Fault::Refuse(refusal) => return Ok(refusal.clone().into()),
        Fault::ResetBefore => return Err(reset()),
        Fault::SlowBefore(wait) => tokio::time::sleep(*wait).await,
        Fault::HoldBefore(gate) => gate.pass().await,
        _ => {}
    }
    match store(shared, &call, dataset, &fault).await {
        Ok(status) => answer(shared, &call, &fault, &status).await,
        Err(refusal) => Ok(refusal.into()),
    }
}

/// Reads and commits; the value is the body of the 200.
async fn store(shared: &Arc<Shared>, call: &Arc<Call>, name: &str, fault: &Fault) -> Result<Value, Refusal> {
    let map_fields = {
        let store = shared.store();
        store.tokens.rights(&call.headers, call.edge, shared.options.rules.unknown_token)?.may_ingest(name)?;
        let dataset = store.datasets.get(name);
        dataset.ok_or_else(|| Refusal::new(404, format!("dataset {name} not found")))?.map_fields.clone()
    };
    let reader = (Arc::clone(call), shared.options.clone(), shared.faults.clone());
    let read = tokio::task::spawn_blocking(move || read(&reader.0, map_fields, &reader.1, &reader.2)).await;
    let mut batch = read.map_err(|error| Refusal::new(500, format!("read body: {error}")))??;
    call_off(&mut batch, fault);
    commit(shared, call, name, batch)
}

/// Decodes and inspects a body. No lock is held: this is the slow part.
fn read(call: &Call, map_fields: Vec<String>, options: &Options, faults: &Faults) -> Result<Batch, Refusal> {
    let rules = &options.rules;
    if call.wire_bytes > rules.wire_max as u64 {
        return Err(body::too_large());
    }
    let label_header = header(&call.headers, "x-axiom-event-labels");
    let labels: Map<String, Value> = match label_header {
        "" => Map::new(),
        text => {
            serde_json::from_str(text).map_err(|error| Refusal::new(400, format!("invalid event labels: {error}")))?
        }
    };
    let bytes = body::decompress(header(&call.headers, "content-encoding"), call.body.clone(), rules)?;
    let raw = match options.inspect {
        Inspect::Full => body::rows(&call.headers, call.parameter("csv-delimiter"), &bytes, rules)?,
        Inspect::Rows => body::lines(&bytes),
    };
    let sent = raw.len();
    if rules.events_max.is_some_and(|most| sent > most) {
        return Err(Refusal::new(400, format!("{sent} events are too many for one request")));
    }
    let context = Context {
        timestamp_field: call.parameter("timestamp-field").map(str::to_owned),
        timestamp_format: call.parameter("timestamp-format").map(str::to_owned),
        labels,
        map_fields,
        now: timestamp::now(),
    };
    let rows = raw.into_iter().map(|row| inspect(row, &context, options, faults)).collect::<Result<_, _>>()?;
    let counted = bytes.len() + label_header.len();
    Ok(Batch { rows, sent: sent as u64, bytes: counted as u64, labels: context.labels })
}

fn inspect(row: RawRow, context: &Context, options: &Options, faults: &Faults) -> Result<ReadyRow, Refusal> {
    let rules = &options.rules;
    if rules.long_value == LongValue::RefuseRequest && row.raw.len() > rules.value_bytes {
        return Err(Refusal::new(400, "event is too large"));
    }
    let mut ready = ReadyRow { hash: row_hash(&row.raw), raw: row.raw, event: None, failure: None };
    match row.fields {
        Some(Ok(fields)) => match event::admit(fields, context, rules) {
            Ok(event) => ready.event = Some(event),
            Err(Flaw::Row(reason)) => ready.failure = Some(reason),
            Err(Flaw::Request(reason)) => return Err(Refusal::new(400, reason)),
        },
        Some(Err(reason)) if rules.bad_line == Blame::Request => return Err(Refusal::new(400, reason)),
        Some(Err(reason)) => ready.failure = Some(reason),
        None => {}
    }
    match faults.poisoned(&ready.raw) {
        Some(PoisonEffect::RefuseRequest(status)) => return Err(Refusal::new(status, "invalid event")),
        Some(PoisonEffect::FailRow) => ready.failure = Some("invalid event".to_owned()),
        None => {}
    }
    Ok(ready)
}

/// Takes the last rows out of a batch where the fault says so.
fn call_off(batch: &mut Batch, fault: &Fault) {
    let keep = |lost: u64| usize::try_from(batch.sent.saturating_sub(lost)).unwrap_or_default();
    match fault {
        Fault::FailRows(lost) => {
            let first = keep(*lost).min(batch.rows.len());
            batch.rows[first..].iter_mut().for_each(|row| row.failure = Some("event refused".to_owned()));
        }
        Fault::ShortCount(lost) => batch.rows.truncate(keep(*lost)),
        _ => {}
    }
}

fn commit(shared: &Shared, call: &Call, name: &str, batch: Batch) -> Result<Value, Refusal> {
    let options = &shared.options;
    let times = batch.rows.iter().filter_map(|row| row.event.as_ref()).map(|event| event.time);
    let times = times.clone().min().zip(times.max());
    let id = |row: &ReadyRow| Some(row.event.as_ref()?.columns.get(options.id_field.as_ref()?)?.to_string());
    let ids: Vec<_> = batch.rows.iter().filter_map(id).map(|id| id.trim_matches('"').to_owned()).collect();
    let mut store = shared.store();
    store.requests.update(call.number, |request| {
        (request.bytes, request.rows, request.times, request.ids) = (batch.bytes, batch.sent, times, ids);
    });
    let dataset = store.datasets.get_mut(name).ok_or_else(|| Refusal::new(404, "dataset was deleted"))?;
    let committed = dataset.commit(batch.rows, options)?;
    dataset.totals.bytes += batch.bytes;
    dataset.totals.wire_bytes += call.wire_bytes;
    dataset.totals.requests += 1;
    if let Some(Value::String(blob)) = batch.labels.get(BLOB_LABEL) {
        dataset.totals.blobs.insert(blob.clone());
    }
    store.requests.committed(call.number);
    store.requests.update(call.number, |request| request.committed = committed.rows);
    Ok(status(committed, batch.bytes))
}

/// The body of the 200: always all six keys, because official clients fail without one of them.
fn status(committed: Committed, bytes: u64) -> Value {
    let Committed { rows, failures, messages } = committed;
    let (failed, count) = (failures.len(), rows);
    let mut status = json!({"ingested": count, "failed": failed, "failures": failures, "processedBytes": bytes, "blocksCreated": 0, "walLength": 1});
    if !messages.is_empty() {
        status["messages"] = Value::Array(messages);
    }
    status
}

/// Answers after the commit, as the fault will have it. Only a whole and good answer makes the outcome known.
async fn answer(shared: &Shared, call: &Call, fault: &Fault, status: &Value) -> std::io::Result<Reply> {
    match fault {
        Fault::ResetAfter => return Err(reset()),
        Fault::TruncateAfter => return Ok(Reply::json(200, status).truncated()),
        Fault::Hostile(kind) => return Ok(hostile(*kind, status)),
        Fault::SlowAfter(wait) => tokio::time::sleep(*wait).await,
        Fault::HoldAfter(gate) => gate.pass().await,
        _ => {}
    }
    shared.store().requests.answered(call.number);
    Ok(Reply::json(200, status))
}

fn hostile(kind: HostileBody, status: &Value) -> Reply {
    let json = |body: Bytes| Reply::raw(200, "application/json", body);
    let mut status = status.clone();
    match kind {
        HostileBody::NoFailures => {
            status.as_object_mut().map(|keys| keys.remove("failures"));
            Reply::json(200, &status)
        }
        HostileBody::NullFailures => {
            status["failures"] = Value::Null;
            Reply::json(200, &status)
        }
        HostileBody::HalfJson => {
            let whole = Bytes::from(status.to_string());
            json(whole.slice(..whole.len() / 2))
        }
        HostileBody::Empty => json(Bytes::new()),
        HostileBody::Text => Reply::raw(200, "text/plain; charset=utf-8", "ok"),
        HostileBody::Html => Reply::raw(200, "text/html", "<html><body>ok</body></html>"),
    }
}
