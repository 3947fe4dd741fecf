//! One invocation: wait for the handler, post, judge, and kill everything when `functionTimeout` passes.

use std::sync::Arc;
use std::time::Duration;

use super::envelope::{Sys, guid};
use super::handler::Handler;
use super::http::{Exchange, Http};
use super::judge::{Answer, Verdict, judge};
use super::record::Record;

/// What came of one invocation.
#[derive(Debug, Clone)]
pub struct InvocationResult {
    /// The GUID that was sent in `X-Azure-Functions-InvocationId`.
    pub id: String,
    /// The host's verdict. A call that hung or ran out of time is `Hangs` or `Failed`, after the handler was killed.
    pub verdict: Verdict,
    /// The answer, where a whole one came.
    pub answer: Option<Answer>,
}

impl InvocationResult {
    /// Whether the host takes the invocation for a success.
    pub fn succeeded(&self) -> bool {
        matches!(self.verdict, Verdict::Succeeded(_))
    }
}

/// Everything that an invocation needs; shared by all triggers of one host.
pub(crate) struct Caller {
    pub(crate) http: Arc<Http>,
    pub(crate) handler: Handler,
    pub(crate) record: Arc<Record>,
    pub(crate) function_timeout: Option<Duration>,
}

impl Caller {
    /// Invokes `function` with a ready-made body.
    pub(crate) async fn invoke(&self, function: &str, body: &str) -> InvocationResult {
        let id = guid();
        let flight = self.record.flight();
        let (verdict, answer) = match self.handler.ready().await {
            Err(reason) => (Verdict::Failed(reason), None),
            Ok(pid) => self.call(function, &id, body, pid).await,
        };
        drop(flight);
        let mut stats = self.record.stats();
        match &verdict {
            Verdict::Succeeded(logs) => {
                stats.succeeded += 1;
                stats.log_lines += logs.len() as u64;
            }
            _ => stats.failed += 1,
        }
        drop(stats);
        InvocationResult { id, verdict, answer }
    }

    /// The `sys` of an envelope that is made now.
    pub(crate) fn sys(function: &str) -> Sys {
        Sys { function: function.to_owned(), now: time::OffsetDateTime::now_utc(), rand_guid: guid() }
    }

    async fn call(&self, function: &str, id: &str, body: &str, pid: u32) -> (Verdict, Option<Answer>) {
        let mut answer = None;
        let judged = async {
            let verdict = match self.http.post(function, id, body).await {
                Ok(exchange) => self.judge(function, exchange, &mut answer),
                Err(error) => Verdict::Failed(format!("{error:#}")),
            };
            match verdict {
                Verdict::Hangs => std::future::pending().await,
                other => other,
            }
        };
        tokio::select! {
            verdict = judged => return (verdict, answer),
            () = timeout(self.function_timeout) => {}
        }
        let verdict = match &answer {
            // The empty answer was recorded when it came.
            Some(_) => Verdict::Hangs,
            None => {
                self.record
                    .violation(format!("{function} ran into functionTimeout: the handler is killed with all calls"));
                Verdict::Failed("functionTimeout".to_owned())
            }
        };
        self.handler.replace(pid).await;
        (verdict, answer)
    }

    fn judge(&self, function: &str, exchange: Exchange, answer: &mut Option<Answer>) -> Verdict {
        for status in exchange.redirects {
            self.record.violation(format!("{function} answered {status}: the host follows redirects with GET"));
        }
        let verdict = judge(&exchange.answer);
        if verdict == Verdict::Hangs {
            let status = exchange.answer.status;
            self.record
                .violation(format!("{function} answered {status} with an empty or null body: the invocation hangs"));
        }
        *answer = Some(exchange.answer);
        verdict
    }
}

async fn timeout(limit: Option<Duration>) {
    match limit {
        Some(limit) => tokio::time::sleep(limit).await,
        None => std::future::pending().await,
    }
}
