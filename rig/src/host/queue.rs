//! Queue triggers: messages are taken off the real queue, leased, delivered, settled, as the storage extension does it
//! (Azure/azure-sdk-for-net, `Microsoft.Azure.WebJobs.Extensions.Storage.Queues`: QueueListener, QueueProcessor).

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context;
use azure_core::http::headers::HeaderName;
use azure_storage_queue::models::{
    QueueClientReceiveMessagesOptions, QueueClientSendMessageOptions, QueueMessage, ReceivedMessage,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sentinel_axiom::azure::Queue;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::app::Queues;
use super::caller::Caller;
use super::envelope::{self, QueueFacts};

/// Trouble that the queue's delivery is to have on request, all of it replayable by its seed.
#[derive(Debug, Clone, Default)]
pub struct Trouble {
    /// Seed of every choice below.
    pub seed: u64,
    /// Probability, from 0 to 1, that a message is put on the queue once more: half of the copies at once, so that both
    /// run together, half of them after the first has succeeded.
    pub duplicate: f64,
    /// Messages are held back for a random time up to this one, so that they overtake each other.
    pub hold: Duration,
}

/// The listener of one queue function.
pub(crate) struct Listener {
    pub(crate) function: String,
    pub(crate) binding: String,
    pub(crate) queue: Queue,
    pub(crate) poison: Queue,
    pub(crate) options: Queues,
    pub(crate) lease: Duration,
    pub(crate) poll_interval: Duration,
    pub(crate) trouble: Trouble,
    pub(crate) dice: Mutex<fastrand::Rng>,
    /// Ids of our own copies, which are not copied again.
    pub(crate) copies: Mutex<HashSet<String>>,
    pub(crate) caller: Arc<Caller>,
}

/// What a message has coming, drawn when it arrives.
#[derive(Default)]
struct Fate {
    hold: Duration,
    copy_at_once: bool,
    copy_afterwards: bool,
}

/// A message in our hands. The pop receipt changes with every renewal.
struct Held {
    id: String,
    receipt: String,
    /// The text as it lies on the queue, still base64.
    raw: String,
    facts: QueueFacts,
}

impl Listener {
    /// Takes messages until `stop`, then waits for those that run. Dropping the future drops their connections.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut running = JoinSet::new();
        while !stop.is_cancelled() && !self.caller.handler.has_ended() {
            if running.len() > self.options.new_batch_threshold {
                tokio::select! {
                    _ = running.join_next() => {}
                    () = stop.cancelled() => {}
                }
                continue;
            }
            let batch = self.receive().await.unwrap_or_else(|error| {
                tracing::warn!("take messages for {}: {error:#}", self.function);
                vec![]
            });
            if batch.is_empty() {
                tokio::select! {
                    () = tokio::time::sleep(self.poll_interval) => {}
                    () = stop.cancelled() => {}
                }
            }
            for message in batch {
                let fate = self.fate(&message);
                running.spawn(Arc::clone(&self).handle(message, fate));
            }
            while running.try_join_next().is_some() {}
        }
        while running.join_next().await.is_some() {}
    }

    async fn receive(&self) -> anyhow::Result<Vec<Held>> {
        let options = QueueClientReceiveMessagesOptions {
            number_of_messages: Some(i32::try_from(self.options.batch_size)?),
            visibility_timeout: Some(whole_seconds(self.lease)),
            ..Default::default()
        };
        let received = self.queue.client().receive_messages(Some(options)).await?.into_model()?;
        Ok(received.items.unwrap_or_default().into_iter().filter_map(Held::from_received).collect())
    }

    fn fate(&self, message: &Held) -> Fate {
        let mut dice = self.dice.lock().expect("no holder of the lock panics");
        let hold = self.trouble.hold.mul_f64(dice.f64());
        let (chance, at_once) = (dice.f64(), dice.bool());
        let is_copy = self.copies.lock().expect("no holder of the lock panics").contains(&message.id);
        let duplicate = message.facts.dequeue_count == 1 && !is_copy && chance < self.trouble.duplicate;
        Fate { hold, copy_at_once: duplicate && at_once, copy_afterwards: duplicate && !at_once }
    }

    async fn handle(self: Arc<Self>, mut message: Held, fate: Fate) {
        if let Err(error) = self.deliver_and_settle(&mut message, fate).await {
            tracing::warn!("settle message {} of {}: {error:#}", message.id, self.function);
        }
    }

    async fn deliver_and_settle(&self, message: &mut Held, fate: Fate) -> anyhow::Result<()> {
        if message.facts.dequeue_count > self.options.max_dequeue_count {
            return self.move_to_poison(message).await;
        }
        self.caller.record.stats().redelivered += u64::from(message.facts.dequeue_count > 1);
        if fate.copy_at_once {
            self.copy(message).await?;
        }
        if self.deliver(message, fate.hold).await {
            if fate.copy_afterwards {
                self.copy(message).await?;
            }
            self.delete(message).await
        } else if message.facts.dequeue_count >= self.options.max_dequeue_count {
            self.move_to_poison(message).await
        } else {
            self.update(message, self.options.visibility_timeout).await.context("release")
        }
    }

    /// Whether the function succeeded. The lease is renewed at half time for as long as it runs.
    async fn deliver(&self, message: &mut Held, hold: Duration) -> bool {
        let Some(text) = STANDARD.decode(&message.raw).ok().and_then(|bytes| String::from_utf8(bytes).ok()) else {
            // What is not base64 never reaches the handler: binding its parameter fails.
            self.caller.record.stats().failed += 1;
            return false;
        };
        let body = envelope::queue(&self.binding, &text, &message.facts, &Caller::sys(&self.function));
        let invocation = async {
            tokio::time::sleep(hold).await;
            self.caller.invoke(&self.function, &body).await.succeeded()
        };
        tokio::pin!(invocation);
        loop {
            tokio::select! {
                succeeded = &mut invocation => return succeeded,
                () = tokio::time::sleep(self.lease / 2) => {
                    if let Err(error) = self.update(message, self.lease).await {
                        tracing::warn!("renew the lease of message {}: {error:#}", message.id);
                    }
                }
            }
        }
    }

    async fn update(&self, message: &mut Held, visibility: Duration) -> anyhow::Result<()> {
        let updated =
            self.queue.client().update_message(&message.id, &message.receipt, whole_seconds(visibility), None).await?;
        let receipt = updated.headers().get_optional_str(&HeaderName::from_static("x-ms-popreceipt"));
        message.receipt = receipt.context("the queue gave no new pop receipt")?.to_owned();
        Ok(())
    }

    async fn delete(&self, message: &Held) -> anyhow::Result<()> {
        self.queue.client().delete_message(&message.id, &message.receipt, None).await.context("delete")?;
        Ok(())
    }

    async fn copy(&self, message: &Held) -> anyhow::Result<()> {
        let id = send(&self.queue, &message.raw).await.context("duplicate")?;
        self.copies.lock().expect("no holder of the lock panics").insert(id);
        self.caller.record.stats().duplicated += 1;
        Ok(())
    }

    async fn move_to_poison(&self, message: &Held) -> anyhow::Result<()> {
        self.poison.ensure().await?;
        send(&self.poison, &message.raw).await.context("poison")?;
        self.caller.record.stats().poisoned += 1;
        self.delete(message).await
    }
}

impl Held {
    fn from_received(message: ReceivedMessage) -> Option<Held> {
        let (id, receipt) = (message.message_id?, message.pop_receipt?);
        let facts = QueueFacts {
            id: id.clone(),
            pop_receipt: receipt.clone(),
            dequeue_count: message.dequeue_count?,
            inserted: message.insertion_time?,
            expires: message.expiration_time?,
            next_visible: message.time_next_visible?,
        };
        Some(Held { id, receipt, raw: message.message_text.unwrap_or_default(), facts })
    }
}

/// Puts a text on a queue as it is, and gives the new message's id. It never expires, for a poisoned message is evidence.
async fn send(queue: &Queue, raw: &str) -> anyhow::Result<String> {
    let message = QueueMessage { message_text: Some(raw.to_owned()) };
    let options = QueueClientSendMessageOptions { message_time_to_live: Some(-1), ..Default::default() };
    let sent = queue.client().send_message(message.try_into()?, Some(options)).await?.into_model()?;
    let id = sent.items.into_iter().flatten().find_map(|sent| sent.message_id);
    id.context("the queue gave the message no id")
}

/// The service counts in whole seconds.
fn whole_seconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis().div_ceil(1000)).unwrap_or(i32::MAX)
}
