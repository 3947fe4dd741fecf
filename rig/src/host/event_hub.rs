//! Event Hubs triggers: one batch of each partition at a time, and a checkpoint that moves on whatever the function answered, unless the function has a retry
//! policy (Azure/azure-sdk-for-net, `Microsoft.Azure.WebJobs.Extensions.EventHubs`: EventHubListener; "Azure Functions error handling and retries").
//!
//! The trigger was not recorded on a real host: bodies follow its source code, by the rules that the recorded queue and timer bodies confirm.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use time::OffsetDateTime;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::app::span;
use super::caller::Caller;
use super::envelope::{body, leaked, literal, member, sys_member};
use super::json::Json;
use super::{clock, envelope};

/// A hub, in memory. It outlives the hosts that read it, with the checkpoints of their one consumer group.
#[derive(Clone, Default)]
pub struct EventHub(Arc<Shared>);

#[derive(Default)]
struct Shared {
    partitions: Mutex<Vec<Partition>>,
    sent: Notify,
}

#[derive(Default, Clone)]
struct Partition {
    events: Vec<Event>,
    /// Events that count as done.
    checkpoint: usize,
}

/// One event of a partition.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) body: Vec<u8>,
    pub(crate) sequence: usize,
    pub(crate) enqueued: OffsetDateTime,
}

/// How the binding wants the events: `dataType` of function.json.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// None: JSON, read by the host. One event that is none fails the batch before the handler hears of it.
    Json,
    /// `string`.
    Text,
    /// `binary`.
    Binary,
}

/// An `eventHubTrigger` of function.json.
#[derive(Debug, Clone)]
pub(crate) struct Binding {
    pub(crate) hub: String,
    pub(crate) consumer_group: String,
    pub(crate) many: bool,
    pub(crate) encoding: Encoding,
    pub(crate) most: usize,
    pub(crate) retry: Option<Retry>,
}

/// The `retry` of function.json.
#[derive(Debug, Clone)]
pub(crate) struct Retry {
    /// Retries after the first call; negative for no end.
    pub(crate) most: i64,
    pub(crate) first: Duration,
    pub(crate) last: Duration,
}

impl EventHub {
    /// A hub with so many partitions.
    pub fn new(partitions: usize) -> Self {
        let shared = Shared { partitions: Mutex::new(vec![Partition::default(); partitions]), sent: Notify::new() };
        Self(Arc::new(shared))
    }

    /// Sends an event.
    pub fn send(&self, partition: usize, body: impl Into<Vec<u8>>) {
        let mut partitions = self.0.partitions.lock().expect("no holder of the lock panics");
        let events = &mut partitions[partition].events;
        events.push(Event { body: body.into(), sequence: events.len(), enqueued: OffsetDateTime::now_utc() });
        drop(partitions);
        self.0.sent.notify_waiters();
    }

    /// Sets a partition's checkpoint back by so many events, as after the end of a host that had not stored it.
    pub fn rewind(&self, partition: usize, events: usize) {
        let mut partitions = self.0.partitions.lock().expect("no holder of the lock panics");
        let partition = &mut partitions[partition];
        partition.checkpoint = partition.checkpoint.saturating_sub(events);
    }

    /// Events that no checkpoint has passed.
    pub fn waiting(&self) -> usize {
        let partitions = self.0.partitions.lock().expect("no holder of the lock panics");
        partitions.iter().map(|partition| partition.events.len() - partition.checkpoint).sum()
    }

    fn partitions(&self) -> usize {
        self.0.partitions.lock().expect("no holder of the lock panics").len()
    }

    /// The next events of a partition, as soon as there are any.
    async fn next(&self, partition: usize, most: usize) -> Vec<Event> {
        loop {
            let sent = self.0.sent.notified();
            {
                let partitions = self.0.partitions.lock().expect("no holder of the lock panics");
                let Partition { events, checkpoint } = &partitions[partition];
                if *checkpoint < events.len() {
                    return events[*checkpoint..].iter().take(most).cloned().collect();
                }
            }
            sent.await;
        }
    }

    fn checkpoint(&self, partition: usize, events: usize) {
        self.0.partitions.lock().expect("no holder of the lock panics")[partition].checkpoint += events;
    }
}

impl Binding {
    /// Reads function.json; `text` gives a member of its trigger with the settings filled in, and `host` is `extensions.eventHubs` of host.json.
    pub(crate) fn read(
        text: impl Fn(&str) -> anyhow::Result<String>,
        function: &Value,
        host: &Value,
    ) -> anyhow::Result<Self> {
        let encoding = match text("dataType").as_deref() {
            Ok("string") => Encoding::Text,
            Ok("binary") => Encoding::Binary,
            Ok(other) => bail!("dataType {other:?} is neither string nor binary"),
            Err(_) => Encoding::Json,
        };
        Ok(Self {
            hub: text("eventHubName")?,
            consumer_group: text("consumerGroup").unwrap_or_else(|_| "$Default".to_owned()),
            many: text("cardinality").is_ok_and(|cardinality| cardinality == "many"),
            encoding,
            most: usize::try_from(host["maxEventBatchSize"].as_u64().unwrap_or(100))?,
            retry: Retry::read(&function["retry"])?,
        })
    }
}

impl Retry {
    fn read(retry: &Value) -> anyhow::Result<Option<Self>> {
        let Some(strategy) = retry["strategy"].as_str() else { return Ok(None) };
        let most = retry["maxRetryCount"].as_i64().context("retry names no maxRetryCount")?;
        let interval = |key: &str| span(&retry[key])?.with_context(|| format!("retry names no {key}"));
        let (first, last) = match strategy {
            "fixedDelay" => (interval("delayInterval")?, interval("delayInterval")?),
            "exponentialBackoff" => (interval("minimumInterval")?, interval("maximumInterval")?),
            other => bail!("retry strategy {other:?} is not one of the host's"),
        };
        Ok(Some(Self { most, first, last }))
    }

    /// The wait before this retry, counted from 0; none when there are no more.
    fn wait(&self, retry: u32) -> Option<Duration> {
        let more = self.most < 0 || i64::from(retry) < self.most;
        more.then(|| self.first.saturating_mul(2_u32.saturating_pow(retry)).min(self.last))
    }
}

/// The listener of one Event Hubs function.
pub(crate) struct Listener {
    pub(crate) function: String,
    pub(crate) binding_name: String,
    pub(crate) binding: Binding,
    pub(crate) hub: EventHub,
    pub(crate) caller: Arc<Caller>,
}

impl Listener {
    /// Takes events until `stop`, all partitions at the same time.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let partitions = (0..self.hub.partitions()).map(|partition| self.partition(partition, &stop));
        futures::future::join_all(partitions).await;
    }

    async fn partition(&self, partition: usize, stop: &CancellationToken) {
        let most = if self.binding.many { self.binding.most } else { 1 };
        while !self.caller.handler.has_ended() {
            let events = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                events = self.hub.next(partition, most) => events,
            };
            if !self.deliver(partition, &events, stop).await {
                return;
            }
            self.hub.checkpoint(partition, events.len());
        }
    }

    /// Calls the function, again as the policy says. False when the host ends in between: then the checkpoint stays.
    async fn deliver(&self, partition: usize, events: &[Event], stop: &CancellationToken) -> bool {
        for retry in 0.. {
            let sys = Caller::sys(&self.function);
            let succeeded = match self.envelope(partition, events, retry, &sys) {
                Ok(body) => self.caller.invoke(&self.function, &body).await.succeeded(),
                Err(error) => {
                    tracing::warn!("Exception binding parameter '{}': {error:#}", self.binding_name);
                    false
                }
            };
            if succeeded {
                return true;
            }
            let Some(wait) = self.binding.retry.as_ref().and_then(|policy| policy.wait(retry)) else {
                self.caller.record.stats().events_lost += events.len() as u64;
                return true;
            };
            tokio::select! {
                () = stop.cancelled() => return false,
                () = tokio::time::sleep(wait) => {}
            }
            if self.caller.handler.has_ended() {
                return false;
            }
        }
        unreachable!("the loop has no end")
    }

    fn envelope(&self, partition: usize, events: &[Event], retry: u32, sys: &envelope::Sys) -> anyhow::Result<String> {
        let Binding { hub, consumer_group, encoding, .. } = &self.binding;
        let text = |text: &str| Json::Text(text.to_owned());
        let context = Json::Object(vec![
            member("FullyQualifiedNamespace", text("sentinel.servicebus.windows.net")),
            member("EventHubName", text(hub)),
            member("ConsumerGroup", text(consumer_group)),
            member("PartitionId", text(&partition.to_string())),
        ]);
        let mut metadata = vec![member("PartitionContext", context)];
        let values = events.iter().map(|event| value(event, *encoding)).collect::<anyhow::Result<Vec<_>>>()?;
        let data = if self.binding.many {
            metadata.extend(arrays(events));
            Json::Text(Json::Array(values).to_string())
        } else {
            metadata.extend(single(&events[0]));
            match &values[0] {
                Json::Text(text) => literal(text),
                object @ Json::Object(_) => object.clone(),
                other => Json::Text(other.to_string()),
            }
        };
        if retry > 0 {
            let most = self.binding.retry.as_ref().map_or(0, |retry| retry.most);
            let count = |number: Value| Json::Plain(number);
            metadata.push(member(
                "RetryContext",
                Json::Object(vec![
                    member("RetryCount", count(retry.into())),
                    member("MaxRetryCount", count(most.into())),
                ]),
            ));
        }
        metadata.push(sys_member(sys));
        if !self.binding.many && *encoding == Encoding::Text {
            leaked(&mut metadata, &String::from_utf8_lossy(&events[0].body));
        }
        Ok(body(&self.binding_name, data, metadata))
    }
}

/// An event as the binding wants it.
fn value(event: &Event, encoding: Encoding) -> anyhow::Result<Json> {
    Ok(match encoding {
        Encoding::Json => {
            serde_json::from_slice::<Json>(&event.body).context("read an event as JSON")?.with_dates_reprinted()
        }
        Encoding::Text => Json::Text(String::from_utf8_lossy(&event.body).into_owned()),
        Encoding::Binary => Json::Text(BASE64_STANDARD.encode(&event.body)),
    })
}

/// What goes with a batch: arrays with one thing of each event, as texts.
fn arrays(events: &[Event]) -> Vec<(String, Json)> {
    let array = |key: &str, each: &dyn Fn(&Event) -> Json| {
        member(key, Json::Text(Json::Array(events.iter().map(each).collect()).to_string()))
    };
    vec![
        array("PartitionKeyArray", &|_| Json::Plain(Value::Null)),
        array("OffsetArray", &|event| Json::Text((event.sequence * 4096).to_string())),
        array("SequenceNumberArray", &|event| Json::Plain(event.sequence.into())),
        array("EnqueuedTimeUtcArray", &|event| Json::Text(clock::ticks(event.enqueued))),
        array("PropertiesArray", &|_| Json::Object(vec![])),
        array("SystemPropertiesArray", &|_| Json::Object(vec![])),
    ]
}

/// What goes with an event that comes alone.
fn single(event: &Event) -> Vec<(String, Json)> {
    vec![
        member("Offset", literal(&(event.sequence * 4096).to_string())),
        member("SequenceNumber", Json::Text(event.sequence.to_string())),
        member("EnqueuedTimeUtc", Json::Text(clock::seconds(event.enqueued))),
        member("Properties", Json::Object(vec![])),
        member("SystemProperties", Json::Object(vec![])),
    ]
}
