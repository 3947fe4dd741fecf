//! The parts of the program, connected from the settings.

use std::collections::HashSet;
use std::sync::Mutex;

use crate::axiom::{Axiom, ConnectError};
use crate::azure::{self, Queue, StorageError};
use crate::body::Room;
use crate::event_hub::EventHub;
use crate::halted::Halted;
use crate::receipts::Receipts;
use crate::refused::RefusedRows;
use crate::settings::{AfterDelivery, Platform, Settings};
use crate::ship::{Flow, ROOM};
use crate::source::plan::Policy;
use crate::source::sweep::{self, Found};
use crate::telemetry::{self, Telemetry};

/// The running program.
pub struct App {
    /// The settings.
    pub settings: Settings,
    /// What a visit needs.
    pub flow: Flow,
    /// The way of messages of an Event Hub.
    pub event_hub: EventHub,
    /// What the program tells of itself.
    pub telemetry: Telemetry,
    /// The queue that Event Grid and the sweep write to.
    pub queue: Queue,
    reported: Mutex<HashSet<String>>,
}

/// Strange names remembered so that each is reported once; beyond that nothing is reported any more.
const REPORTED: usize = 10_000;

/// The program cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// Storage.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Axiom.
    #[error(transparent)]
    Axiom(#[from] ConnectError),
}

impl App {
    /// Makes the clients. Sends nothing yet.
    ///
    /// # Errors
    /// [`AppError`].
    pub fn connect(settings: Settings, platform: &Platform) -> Result<Self, AppError> {
        let host = azure::connect_blobs(&settings.host_storage, platform.identity)?;
        let flow = Flow {
            export: azure::connect_blobs(&settings.export, platform.identity)?,
            receipts: Receipts::new(host.clone(), &settings.receipts_container),
            refused: RefusedRows::new(host.clone(), &settings.refused_container),
            axiom: Axiom::connect(settings.axiom.clone())?,
            policy: Policy {
                settle_after: i64::try_from(settings.settle_after.as_secs()).unwrap_or(i64::MAX),
                delete: settings.after_delivery == AfterDelivery::Delete,
            },
            limits: settings.batch,
            room: Room::new(ROOM, settings.batch.bytes),
            uploads: settings.uploads,
            level: settings.zstd_level,
            halted: Halted::default(),
            claim_for: settings.claim_for,
        };
        let queue = azure::connect_queue(&settings.host_storage, platform.identity, &settings.work_queue)?;
        let event_hub = EventHub::new(flow.clone(), host, &settings.events_container, settings.claim_for);
        let telemetry = Telemetry::new(settings.telemetry_dataset.clone());
        Ok(Self { settings, flow, event_hub, telemetry, queue, reported: Mutex::default() })
    }

    /// Lists the export containers for the `most` oldest blobs that have work, and reports what does not belong there, once.
    ///
    /// # Errors
    /// The containers cannot be listed.
    pub async fn sweep(&self, most: usize) -> Result<Found, StorageError> {
        let found = sweep::sweep(&self.flow.export, &self.settings.tables, self.flow.policy, most).await?;
        self.telemetry.tell(&self.flow, [telemetry::swept(&found)]).await;
        let mut reported = self.reported.lock().expect("nothing panics while it is held");
        for name in &found.strange {
            if reported.len() < REPORTED && reported.insert(name.clone()) {
                tracing::warn!(
                    blob = name,
                    "this is not a blob of data export: it is left alone (use the export account for nothing else)"
                );
            }
        }
        for error in &found.failed {
            tracing::error!(error = crate::report::chain(error), "a container cannot be listed");
        }
        Ok(found)
    }
}
