//! A stand-in for the Azure Functions host: starts the custom handler, takes messages off the real queue, fires timers,
//! posts the same bytes as the real host, and judges answers, exits and silence as it does.
//!
//! Behaviour: Microsoft Learn ("Azure Functions custom handlers", "host.json reference"), the host's source (Azure/azure-functions-host), and
//! recordings of host 4.1037 under `rig/fixtures/functions-host`. What a handler must never do is not an error of the
//! stand-in but a line in [`Stats::violations`].

mod app;
mod caller;
mod clock;
mod envelope;
mod event_hub;
mod handler;
mod http;
mod json;
mod judge;
mod passed;
mod queue;
mod record;
mod schedule;
mod storage;
mod timer;

use std::collections::HashMap;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use futures::FutureExt;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::app::{App, Function, Trigger};
use self::caller::Caller;
use self::handler::{Handler, Plan};
use self::http::Http;
use self::queue::Listener;
use self::record::Record;
use self::storage::connect;
use self::timer::Timer;

pub use self::app::stage;
pub use self::caller::InvocationResult;
pub use self::event_hub::{Encoding, EventHub};
pub use self::judge::{Answer, Verdict};
pub use self::passed::Passed;
pub use self::queue::Trouble;
pub use self::record::{Level, Line, OnLine, Stats};

/// Pause between two health pings.
const PING_EVERY: Duration = Duration::from_millis(100);
/// A ping that takes longer is a violation.
const PING_LIMIT: Duration = Duration::from_secs(10);

/// How to run one host. [`HostOptions::new`] gives the real host's values.
#[derive(Clone)]
pub struct HostOptions {
    /// The folder of `host.json` and the function folders; see [`stage`].
    pub app_root: PathBuf,
    /// App settings: the handler's environment, and the values of `%NAME%` and of connections in `function.json`.
    /// `AzureWebJobs.<function>.Disabled` = `true` keeps a trigger from firing by itself, as on the platform.
    pub settings: Vec<(String, String)>,
    /// How long a message is leased (600 s on the real host; whole seconds). It is renewed at half time.
    pub lease: Duration,
    /// In place of `extensions.queues.visibilityTimeout` (whole seconds).
    pub visibility_timeout: Option<Duration>,
    /// In place of `functionTimeout`.
    pub function_timeout: Option<Duration>,
    /// In place of `customHandler.initializationTimeout`.
    pub initialization_timeout: Option<Duration>,
    /// Pause after an empty queue.
    pub poll_interval: Duration,
    /// Error events within half an hour that end the host; `None` never ends it, for runs that kill often.
    pub max_crashes: Option<usize>,
    /// Sends `Content-Length` in place of chunks, as under `func start`.
    pub use_content_length: bool,
    /// How long [`Host::stop`] waits for running invocations.
    pub drain: Duration,
    /// Duplicates and disorder on the queue.
    pub trouble: Trouble,
    /// The hub behind every Event Hubs trigger; without it none fires.
    pub event_hub: Option<EventHub>,
    /// In place of the trigger's `dataType`.
    pub encoding: Option<Encoding>,
    /// In place of the intervals of the function's `retry`.
    pub retry_interval: Option<Duration>,
    /// Called with every line that the handler prints.
    pub on_line: Option<OnLine>,
}

impl HostOptions {
    /// The real host's behaviour for the app under `app_root`, but for the pause after an empty queue (100 ms).
    pub fn new(app_root: impl Into<PathBuf>, settings: Vec<(String, String)>) -> HostOptions {
        HostOptions {
            app_root: app_root.into(),
            settings,
            lease: Duration::from_secs(600),
            visibility_timeout: None,
            function_timeout: None,
            initialization_timeout: None,
            poll_interval: Duration::from_millis(100),
            max_crashes: Some(3),
            use_content_length: false,
            drain: Duration::from_secs(10),
            trouble: Trouble::default(),
            event_hub: None,
            encoding: None,
            retry_interval: None,
            on_line: None,
        }
    }
}

/// One running instance. Several may serve one queue. Dropping it kills its handler.
pub struct Host {
    caller: Arc<Caller>,
    timers: Vec<Arc<Timer>>,
    /// HTTP functions, with the names of their bindings: the request's and the answer's.
    http: HashMap<String, (String, String)>,
    listening: CancellationToken,
    triggers: Vec<JoinHandle<()>>,
    ping: JoinHandle<()>,
    drain: Duration,
    port: u16,
}

impl Host {
    /// Starts the handler, waits until it answers the probe, then begins to listen.
    ///
    /// # Errors
    /// When the app root or a connection is wrong, or the handler crashed or stayed silent until the host gave up.
    pub async fn start(options: HostOptions) -> anyhow::Result<Host> {
        let settings: HashMap<String, String> = options.settings.iter().cloned().collect();
        let app = App::read(&options.app_root, &settings)?;
        let port = free_port()?;
        let http = Arc::new(Http::new(port, options.use_content_length));
        let record = Arc::new(Record::new(options.on_line.clone()));
        let plan = plan(&app, &options);
        let handler = Handler::start(plan, Arc::clone(&http), port, Arc::clone(&record));
        if let Err(reason) = handler.ready().await {
            bail!("start the handler: {reason}");
        }
        let function_timeout = options.function_timeout.or(app.function_timeout);
        let caller = Arc::new(Caller { http, handler, record, function_timeout });
        let mut host = Host {
            ping: tokio::spawn(ping(Arc::clone(&caller))),
            caller,
            timers: vec![],
            http: HashMap::new(),
            listening: CancellationToken::new(),
            triggers: vec![],
            drain: options.drain,
            port,
        };
        for function in &app.functions {
            host.listen(function, &app, &options)?;
        }
        Ok(host)
    }

    /// Starts the trigger of `function`, unless a setting disables it.
    fn listen(&mut self, function: &Function, app: &App, options: &HostOptions) -> anyhow::Result<()> {
        let stop = self.listening.clone();
        let trigger = match &function.trigger {
            Trigger::Timer { schedule, monitored, run_on_startup } => {
                let timer = Arc::new(Timer {
                    function: function.name.clone(),
                    binding: function.binding.clone(),
                    schedule: schedule.clone(),
                    monitored: *monitored,
                    caller: Arc::clone(&self.caller),
                    last: Mutex::default(),
                });
                self.timers.push(Arc::clone(&timer));
                timer.run(*run_on_startup, stop).boxed()
            }
            Trigger::Http { output } => {
                self.http.insert(function.name.clone(), (function.binding.clone(), output.clone()));
                return Ok(());
            }
            Trigger::EventHub(binding) => {
                let Some(hub) = options.event_hub.clone() else { return Ok(()) };
                let mut binding = binding.clone();
                binding.encoding = options.encoding.unwrap_or(binding.encoding);
                if let (Some(retry), Some(interval)) = (&mut binding.retry, options.retry_interval) {
                    (retry.first, retry.last) = (interval, interval);
                }
                let (function, binding_name) = (function.name.clone(), function.binding.clone());
                let caller = Arc::clone(&self.caller);
                Arc::new(event_hub::Listener { function, binding_name, binding, hub, caller }).run(stop).boxed()
            }
            Trigger::Queue { queue, connection } => {
                let mut queues = app.queues.clone();
                queues.visibility_timeout = options.visibility_timeout.unwrap_or(queues.visibility_timeout);
                let listener = Arc::new(Listener {
                    function: function.name.clone(),
                    binding: function.binding.clone(),
                    queue: connect(connection, queue)?,
                    poison: connect(connection, &format!("{queue}-poison"))?,
                    options: queues,
                    lease: options.lease,
                    poll_interval: options.poll_interval,
                    trouble: options.trouble.clone(),
                    dice: Mutex::new(fastrand::Rng::with_seed(options.trouble.seed)),
                    copies: Mutex::default(),
                    caller: Arc::clone(&self.caller),
                });
                listener.run(stop).boxed()
            }
        };
        if !function.is_disabled {
            self.triggers.push(tokio::spawn(trigger));
        }
        Ok(())
    }

    /// Kills the handler now (SIGKILL); it is started again on the same port. Its process id, or `None` when there was none.
    pub async fn kill_handler(&self) -> Option<u32> {
        self.caller.handler.kill().await
    }

    /// Waits until the handler can be called.
    ///
    /// # Errors
    /// When the host has ended.
    pub async fn ready(&self) -> anyhow::Result<u32> {
        self.caller.handler.ready().await.map_err(anyhow::Error::msg)
    }

    /// Fires a timer function now, whatever its schedule says.
    ///
    /// # Errors
    /// When there is no timer function of that name.
    pub async fn fire(&self, function: &str) -> anyhow::Result<InvocationResult> {
        let timer = self.timers.iter().find(|timer| timer.function == function);
        Ok(timer.with_context(|| format!("find timer function {function}"))?.fire().await)
    }

    /// Asks an HTTP function with a GET of `url`, and gives what the host passes on: status, headers and body. The key is the real host's affair.
    ///
    /// # Errors
    /// There is no HTTP function of that name, or the invocation failed, or its answer names no response.
    pub async fn get(&self, function: &str, url: &str) -> anyhow::Result<Passed> {
        let (request, response) = self.http.get(function).with_context(|| format!("find HTTP function {function}"))?;
        let body = envelope::http(request, url, &Caller::sys(function));
        let result = self.caller.invoke(function, &body).await;
        let answer = result.answer.filter(|_| matches!(result.verdict, Verdict::Succeeded(_)));
        let answer = answer.with_context(|| format!("the invocation failed: {:?}", result.verdict))?;
        Passed::read(&answer.body, response)
    }

    /// Posts a hand-made body to a function, whether or not there is one of that name.
    pub async fn invoke(&self, function: &str, body: &str) -> InvocationResult {
        self.caller.invoke(function, body).await
    }

    /// Counts and violations until now.
    pub fn stats(&self) -> Stats {
        self.caller.record.stats().clone()
    }

    /// The last lines that the handler printed (at most 10,000).
    pub fn output(&self) -> Vec<Line> {
        self.caller.record.lines()
    }

    /// The port that the handler was told to listen on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends the host as the platform does: stops listening, waits for running invocations up to the limit, then kills
    /// the handler without a warning. Messages still running stay leased.
    pub async fn stop(mut self) -> Stats {
        self.listening.cancel();
        let deadline = Instant::now() + self.drain;
        for trigger in &mut self.triggers {
            let left = deadline.saturating_duration_since(Instant::now());
            let _ = tokio::time::timeout(left, trigger).await;
        }
        self.abort();
        self.caller.handler.stop().await;
        self.stats()
    }

    /// Ends the host in the middle of everything and leaves the handler alone: connections and pipes are closed,
    /// messages stay leased. The handler's process id; the process ends with the runtime at the latest.
    ///
    /// The handler's parent is still there, for that is this process. To see what a handler does when its parent
    /// is gone, run the program `functions-host` and kill that.
    pub async fn abandon(mut self) -> Option<u32> {
        self.abort();
        for trigger in &mut self.triggers {
            let _ = trigger.await;
        }
        self.caller.handler.abandon().await
    }

    fn abort(&self) {
        self.triggers.iter().for_each(JoinHandle::abort);
        self.ping.abort();
    }
}

impl Drop for Host {
    /// Ends the tasks; the last of them to let go of the handler kills it.
    fn drop(&mut self) {
        self.abort();
    }
}

fn plan(app: &App, options: &HostOptions) -> Plan {
    Plan {
        executable: app.executable.clone(),
        arguments: app.arguments.clone(),
        root: app.root.clone(),
        environment: options.settings.clone(),
        initialization_timeout: options.initialization_timeout.unwrap_or(app.initialization_timeout),
        max_crashes: options.max_crashes,
    }
}

/// Picks a port as the host does: bind, look, close. Another process may take it in between, as there.
fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("pick a port for the handler")?;
    Ok(listener.local_addr()?.port())
}

/// `GET /` again and again while the handler is up; the slowest answer is recorded.
async fn ping(caller: Arc<Caller>) {
    loop {
        tokio::time::sleep(PING_EVERY).await;
        if !caller.handler.is_ready() {
            continue;
        }
        let sent = Instant::now();
        let answered = tokio::time::timeout(PING_LIMIT, caller.http.ping()).await;
        if answered.is_err() {
            caller.record.violation(format!("GET / was not answered within {} s", PING_LIMIT.as_secs()));
        }
        // A refused ping belongs to a crash, which is counted where it is noticed.
        if !matches!(answered, Ok(Err(_))) {
            let mut stats = caller.record.stats();
            stats.pings += 1;
            stats.worst_ping = stats.worst_ping.max(sent.elapsed());
        }
    }
}
