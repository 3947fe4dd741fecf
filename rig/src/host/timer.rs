//! Timer triggers: one run at a time, the next tick computed after the last run (as the timers extension does).

use std::sync::{Arc, Mutex};

use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use super::caller::{Caller, InvocationResult};
use super::envelope::{self, ScheduleStatus};
use super::schedule::Schedule;

/// One timer function. The real host keeps the status in a blob; here it lives as long as the host.
pub(crate) struct Timer {
    pub(crate) function: String,
    pub(crate) binding: String,
    pub(crate) schedule: Schedule,
    pub(crate) monitored: bool,
    pub(crate) caller: Arc<Caller>,
    pub(crate) last: Mutex<Option<OffsetDateTime>>,
}

impl Timer {
    /// Fires at every tick until `stop`.
    pub(crate) async fn run(self: Arc<Self>, run_on_startup: bool, stop: CancellationToken) {
        if run_on_startup {
            self.fire().await;
        }
        while let Some(next) = self.schedule.next(OffsetDateTime::now_utc()) {
            let wait = (next - OffsetDateTime::now_utc()).max(time::Duration::ZERO).unsigned_abs();
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
            if self.caller.handler.has_ended() {
                return;
            }
            self.fire().await;
        }
    }

    /// One run, now.
    pub(crate) async fn fire(&self) -> InvocationResult {
        let now = OffsetDateTime::now_utc();
        let last = self.last.lock().expect("no holder of the lock panics").replace(now);
        let next = self.schedule.next(now).unwrap_or(now);
        let status = self.monitored.then_some(ScheduleStatus { last, next });
        let body = envelope::timer(&self.binding, status.as_ref(), false, &Caller::sys(&self.function));
        self.caller.invoke(&self.function, &body).await
    }
}
