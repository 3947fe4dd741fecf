//! The handler process: started, probed, watched and started again, as the host does it.
//!
//! Exit 0 is never restarted, 200 is restarted without being counted, every other exit is an error event; the third
//! event ends the host unless more than 30 minutes lay between two of them. There is never a SIGTERM.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};

use super::http::Http;
use super::record::Record;

/// After this long without an error event, the host forgets the earlier ones.
const FORGET_CRASHES_AFTER: Duration = Duration::from_secs(30 * 60);

/// What is started, and how patiently.
pub(crate) struct Plan {
    pub(crate) executable: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) root: PathBuf,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) initialization_timeout: Duration,
    /// Error events that end the host; `None` for runs that kill often.
    pub(crate) max_crashes: Option<usize>,
}

/// How the handler is, as seen by those who want to call it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// No answer to the probe yet.
    Starting,
    /// Answered the probe. Stays so after an exit with 0, which the host does not notice.
    Ready { pid: u32 },
    /// The host has ended, for this reason.
    Ended(String),
}

/// A grip on the supervised process.
pub(crate) struct Handler {
    state: watch::Receiver<State>,
    orders: mpsc::Sender<Order>,
    supervisor: JoinHandle<()>,
}

struct Order {
    deed: Deed,
    done: oneshot::Sender<Option<u32>>,
}

enum Deed {
    /// SIGKILL, as the kernel or a tester sends it: an error event.
    Kill,
    /// The host itself kills the process `pid` after functionTimeout and starts another: not counted.
    Replace { pid: u32 },
    /// Kill it, and that was all.
    Stop,
    /// Leave it alone for ever, its pipes closed.
    Abandon,
}

impl Handler {
    /// Starts the process under supervision; it is not ready yet.
    pub(crate) fn start(plan: Plan, http: Arc<Http>, port: u16, record: Arc<Record>) -> Handler {
        let (state_in, state) = watch::channel(State::Starting);
        let (orders, inbox) = mpsc::channel(16);
        let supervisor = Supervisor { plan, http, port, record, state: state_in, crashes: vec![] };
        Handler { state, orders, supervisor: tokio::spawn(supervisor.run(inbox)) }
    }

    /// Waits until the handler can be called; its process id, or why the host has ended.
    pub(crate) async fn ready(&self) -> Result<u32, String> {
        let mut state = self.state.clone();
        let settled = state.wait_for(|state| *state != State::Starting).await.map(|state| state.clone());
        match settled {
            Ok(State::Ready { pid }) => Ok(pid),
            Ok(State::Ended(reason)) => Err(reason),
            Ok(State::Starting) | Err(_) => Err("the host was stopped".to_owned()),
        }
    }

    /// Whether the host has ended by itself.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(*self.state.borrow(), State::Ended(_))
    }

    /// Whether the handler can be called at this moment.
    pub(crate) fn is_ready(&self) -> bool {
        matches!(*self.state.borrow(), State::Ready { .. })
    }

    pub(crate) async fn kill(&self) -> Option<u32> {
        self.order(Deed::Kill).await
    }

    pub(crate) async fn replace(&self, pid: u32) {
        self.order(Deed::Replace { pid }).await;
    }

    pub(crate) async fn stop(&self) {
        self.order(Deed::Stop).await;
    }

    pub(crate) async fn abandon(&self) -> Option<u32> {
        self.order(Deed::Abandon).await
    }

    /// Gives an order and waits until it is carried out. A supervisor that has finished has no process to do it to.
    async fn order(&self, deed: Deed) -> Option<u32> {
        let (done, carried_out) = oneshot::channel();
        self.orders.send(Order { deed, done }).await.ok()?;
        carried_out.await.ok().flatten()
    }
}

impl Drop for Handler {
    /// Ends the supervisor, and with it the process (`kill_on_drop`).
    fn drop(&mut self) {
        self.supervisor.abort();
    }
}

struct Supervisor {
    plan: Plan,
    http: Arc<Http>,
    port: u16,
    record: Arc<Record>,
    state: watch::Sender<State>,
    crashes: Vec<Instant>,
}

/// How one life of the process ended.
enum End {
    Crash(String),
    Uncounted,
    Finished,
}

impl Supervisor {
    async fn run(mut self, mut inbox: mpsc::Receiver<Order>) {
        loop {
            let end = self.live(&mut inbox).await;
            match end {
                End::Finished => return,
                End::Uncounted => {}
                End::Crash(reason) => {
                    if self.is_one_too_many() {
                        let reason = format!(
                            "Exceeded http worker restart retry count. Shutting down Functions Host. Last: {reason}"
                        );
                        self.record.stats().ended = Some(reason.clone());
                        self.state.send_replace(State::Ended(reason));
                        return;
                    }
                }
            }
        }
    }

    fn is_one_too_many(&mut self) -> bool {
        self.record.stats().crashes += 1;
        if self.crashes.last().is_some_and(|last| last.elapsed() > FORGET_CRASHES_AFTER) {
            self.crashes.clear();
        }
        self.crashes.push(Instant::now());
        self.plan.max_crashes.is_some_and(|most| self.crashes.len() >= most)
    }

    /// One life: spawn, probe, wait for its end or for an order.
    async fn live(&mut self, inbox: &mut mpsc::Receiver<Order>) -> End {
        self.state.send_replace(State::Starting);
        let (mut child, mut pumps) = match self.spawn() {
            Ok(spawned) => spawned,
            Err(error) => return End::Crash(format!("{error:#}")),
        };
        let pid = child.id().unwrap_or_default();
        let mut is_ready = false;
        let order = loop {
            tokio::select! {
                exit = child.wait() => {
                    if !exit.as_ref().is_ok_and(ExitStatus::success) {
                        self.state.send_replace(State::Starting);
                    }
                    read_to_the_end(pumps).await;
                    return self.exited(exit, inbox).await;
                }
                answered = tokio::time::timeout(self.plan.initialization_timeout, self.http.probe()), if !is_ready => {
                    if answered.is_err() {
                        let _ = child.kill().await;
                        return End::Crash("the probe was not answered in time".to_owned());
                    }
                    is_ready = true;
                    self.state.send_replace(State::Ready { pid });
                }
                order = inbox.recv() => match order {
                    None => return End::Finished,
                    // Several calls may run out of time together: the first of them has replaced the process already.
                    Some(Order { deed: Deed::Replace { pid: meant }, done }) if meant != pid => drop(done.send(None)),
                    Some(order) => break order,
                }
            }
        };
        self.state.send_replace(State::Starting);
        match order.deed {
            Deed::Abandon => {
                // The end of the real host closes the pipes; the process is only waited for, so that it leaves no zombie.
                pumps.shutdown().await;
                tokio::spawn(async move { child.wait().await });
            }
            Deed::Kill | Deed::Replace { .. } | Deed::Stop => {
                let _ = child.kill().await;
                read_to_the_end(pumps).await;
            }
        }
        let _ = order.done.send(Some(pid));
        match order.deed {
            Deed::Kill => End::Crash("killed".to_owned()),
            Deed::Replace { .. } => End::Uncounted,
            Deed::Stop | Deed::Abandon => End::Finished,
        }
    }

    async fn exited(&self, exit: std::io::Result<ExitStatus>, inbox: &mut mpsc::Receiver<Order>) -> End {
        let exit = match exit {
            Ok(exit) => exit,
            Err(error) => return End::Crash(error.to_string()),
        };
        match exit.code() {
            Some(0) => {
                self.record.violation("the handler exited with 0: the host never restarts it".to_owned());
                loop {
                    let Some(Order { deed, done }) = inbox.recv().await else { return End::Finished };
                    let _ = done.send(None);
                    match deed {
                        Deed::Kill => {}
                        Deed::Replace { .. } => return End::Uncounted,
                        Deed::Stop | Deed::Abandon => return End::Finished,
                    }
                }
            }
            Some(200) => End::Uncounted,
            _ => End::Crash(format!("{exit}; its last lines: {}", self.record.last_errors())),
        }
    }

    /// Starts the process with the environment of a custom handler and nothing else of ours but what programs need to run at all.
    #[expect(clippy::disallowed_methods, reason = "what is passed on is the rig's own environment, no setting")]
    fn spawn(&self) -> anyhow::Result<(Child, JoinSet<()>)> {
        let id = super::envelope::guid();
        let port = self.port.to_string();
        let kept = ["PATH", "HOME", "TMPDIR", "RUST_BACKTRACE", "LLVM_PROFILE_FILE"];
        let kept = kept.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        let mut child = Command::new(&self.plan.executable)
            .args(&self.plan.arguments)
            .current_dir(&self.plan.root)
            .env_clear()
            .envs(kept)
            .envs(self.plan.environment.iter().cloned())
            .env("FUNCTIONS_CUSTOMHANDLER_PORT", &port)
            .env("FUNCTIONS_HTTPWORKER_PORT", &port)
            .env("FUNCTIONS_CUSTOMHANDLER_WORKER_ID", &id)
            .env("FUNCTIONS_HTTPWORKER_ID", &id)
            .env("FUNCTIONS_APP_ROOT_PATH", &self.plan.root)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("start {}", self.plan.executable.display()))?;
        self.record.stats().starts += 1;
        let mut pumps = JoinSet::new();
        pumps.spawn(pump(child.stdout.take().expect("stdout is piped"), false, Arc::clone(&self.record)));
        pumps.spawn(pump(child.stderr.take().expect("stderr is piped"), true, Arc::clone(&self.record)));
        Ok((child, pumps))
    }
}

/// What a process said last is read before its end is told; a grandchild may hold the pipes open.
async fn read_to_the_end(mut pumps: JoinSet<()>) {
    let read = async { while pumps.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(Duration::from_secs(1), read).await;
}

/// Reads one of the handler's streams line by line until its end.
async fn pump(stream: impl AsyncRead + Unpin, from_stderr: bool, record: Arc<Record>) {
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).await.is_ok_and(|read| read > 0) {
        record.line(from_stderr, String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned());
        line.clear();
    }
}
