//! The program: start-up in order, then one command.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::Parser as _;
use sentinel_axiom::app::App;
use sentinel_axiom::azure::StorageError;
use sentinel_axiom::cli::{Cli, Command, HistoryCommand, Provision, PullCommand, RefusedCommand, Time, What};
use sentinel_axiom::commands::check::Told;
use sentinel_axiom::commands::history::How;
use sentinel_axiom::commands::pull::Which;
use sentinel_axiom::commands::reconcile::Report;
use sentinel_axiom::commands::status::Wanted;
use sentinel_axiom::commands::{self, help, refused, run, serve};
use sentinel_axiom::history::History;
use sentinel_axiom::pulls::{Pulls, PullsError};
use sentinel_axiom::report::chain;
use sentinel_axiom::settings::{Platform, Problems, ProvisionSettings, Settings};
use sentinel_axiom::stop;

/// Wrong settings: as `EX_USAGE` of sysexits.h.
const USAGE: u8 = 64;

fn main() -> ExitCode {
    let platform = Platform::read(variables());
    let Some(command) = Cli::parse().command(&platform) else {
        <Cli as clap::CommandFactory>::command().print_help().ok();
        return ExitCode::from(USAGE);
    };
    // These need no settings, or say themselves what is wrong with them.
    match command {
        Command::Check { write, json } => run_to_end(tracing::Level::ERROR, true, check(&platform, write, json)),
        Command::Completions { shell } => ended("write", help::completions(shell, &mut std::io::stdout())),
        Command::Man { folder } => ended("write", help::man(&folder)),
        Command::Provision(what) => match ProvisionSettings::read(variables()) {
            Ok(settings) => run_to_end(settings.log_level, false, provision(settings, what)),
            Err(problems) => wrong(&problems),
        },
        command => match Settings::read(variables()) {
            Ok(settings) => run_to_end(settings.log_level, command.owns_stdout(), start(command, settings, &platform)),
            Err(problems) => wrong(&problems),
        },
    }
}

fn wrong(problems: &Problems) -> ExitCode {
    sentinel_axiom::log::say(&problems.to_string());
    ExitCode::from(USAGE)
}

fn run_to_end(log_level: tracing::Level, stdout_is_taken: bool, work: impl Future<Output = ExitCode>) -> ExitCode {
    sentinel_axiom::log::start(log_level, stdout_is_taken);
    rustls::crypto::ring::default_provider().install_default().expect("nothing else has chosen one before");
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(work),
        Err(error) => failed("start the runtime", &error),
    }
}

/// Tells of an error where no logging has started, since there are no settings.
fn ended(doing: &str, done: std::io::Result<()>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            sentinel_axiom::log::say(&format!("{doing}: {error}"));
            ExitCode::FAILURE
        }
    }
}

async fn check(platform: &Platform, write: bool, json: bool) -> ExitCode {
    let plain = variables().any(|(name, value)| name == "NO_COLOR" && !value.is_empty()); // no-color.org
    let told = Told { json, colour: !plain && std::io::stdout().is_terminal() };
    match commands::check::check(variables().collect(), platform, write, told, &mut std::io::stdout()).await {
        Ok(code) => ExitCode::from(code),
        Err(_) => ExitCode::FAILURE, // Nobody can be told that stdout is closed.
    }
}

/// The environment. `std::env::vars` would panic at a variable that is no text, although it may be none of our business.
fn variables() -> impl Iterator<Item = (String, String)> {
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    std::env::vars_os().map(move |(name, value)| (text(name), text(value)))
}

async fn serve_host(port: Option<u16>, settings: Settings, platform: &Platform) -> ExitCode {
    let port = port.or(platform.handler_port).unwrap_or(8080);
    let listener = match serve::bind(port).await {
        Ok(listener) => listener,
        Err(error) => return failed(&format!("bind port {port} of this machine"), &error),
    };
    let app = match App::connect(settings, platform) {
        Ok(app) => app,
        Err(error) => return failed("start", &error),
    };
    let parts = match serve::Parts::connect(app, platform) {
        Ok(parts) => parts,
        Err(error) => return failed("start", &error),
    };
    if let Err(error) = serve::serve(parts, listener, stop::when_asked_or_orphaned()).await {
        return failed("serve", &error);
    }
    // The host never restarts a handler that ends with 0.
    ExitCode::FAILURE
}

async fn start(command: Command, settings: Settings, platform: &Platform) -> ExitCode {
    if let Command::Serve { port } = command {
        return serve_host(port, settings, platform).await;
    }
    let app = match App::connect(settings, platform) {
        Ok(app) => app,
        Err(error) => return failed("start", &error),
    };
    match command {
        Command::Serve { .. }
        | Command::Provision(_)
        | Command::Check { .. }
        | Command::Completions { .. }
        | Command::Man { .. } => unreachable!("handled before"),
        Command::Run { once } => match run_with_pulls(&app, platform, once).await {
            Ok(done) if once && done.failed > 0 => ExitCode::FAILURE,
            Ok(_) => ExitCode::SUCCESS,
            Err(error) => failed("run", &error),
        },
        Command::History(command) => match history(&app, platform, command).await {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => failed("history", &*error),
        },
        Command::Status { watch, json, count, days } => {
            let wanted = Wanted { days, count, json, watch };
            match commands::status::status(&app, wanted, &stop::when_asked(), &mut std::io::stdout()).await {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => failed("gather the status", &*error),
            }
        }
        Command::Pull(command) => match pull(&app, platform, command).await {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => failed("pull", &*error),
        },
        Command::Snapshot(args) => match commands::snapshot::snapshot(&app, platform, &args).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed("snapshot", &*error),
        },
        Command::Reconcile { what, bin, repair, json, html } => {
            let report = Report { bin, repair, json, html: html.as_deref() };
            match reconcile(&app, platform, &what, report).await {
                Ok(true) => ExitCode::SUCCESS,
                Ok(false) => ExitCode::FAILURE,
                Err(error) => failed("reconcile", &*error),
            }
        }
        Command::Refused(RefusedCommand::List { prefix, rows }) => {
            match refused::list(&app, &prefix, rows, &mut std::io::stdout()).await {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => failed("list refused rows", &*error),
            }
        }
        Command::Refused(RefusedCommand::Replay { prefix, perhaps_delivered }) => {
            replay(&app, &prefix, perhaps_delivered).await
        }
    }
}

async fn replay(app: &App, prefix: &str, perhaps_delivered: bool) -> ExitCode {
    match refused::replay(app, prefix, perhaps_delivered).await {
        Ok(replayed) => {
            let said = format!("{} rows delivered, {} stay set aside", replayed.delivered, replayed.remain);
            sentinel_axiom::log::say(&said);
            ExitCode::SUCCESS
        }
        Err(error) => failed("replay refused rows", &error),
    }
}

/// The loop that sweeps and ships; pulls run beside it, if there are any.
async fn run_with_pulls(app: &App, platform: &Platform, once: bool) -> Result<run::Done, StorageError> {
    let stop = stop::when_asked();
    let pulling = async {
        let pulls = match Pulls::connect(app, platform) {
            Ok(pulls) if !once => pulls,
            Ok(_) | Err(PullsError::None) => return,
            Err(error) => return tracing::error!(error = chain(&error), "no table is pulled"),
        };
        // A loop that has no name to look for only ends when it is asked to.
        commands::pull::run(&pulls, app, Which::default(), false, &stop).await.ok();
    };
    tokio::join!(run::run(app, once, &stop), pulling).0
}

async fn history(app: &App, platform: &Platform, command: HistoryCommand) -> anyhow::Result<bool> {
    let (history, out) = (History::connect(app, platform)?, &mut std::io::stdout());
    match command {
        HistoryCommand::Estimate { what, json } => {
            commands::history::estimate(&history, app, &what, json, out).await.map(|()| true)
        }
        HistoryCommand::Run { what, zstd, queue } => {
            let how = How { to: what.destination()?, zstd, queue };
            commands::history::run(&history, app, &what, how, &stop::when_asked()).await
        }
        HistoryCommand::Status { json, manifest } => {
            commands::history::status(&history, json, manifest, out).await.map(|()| true)
        }
    }
}

async fn pull(app: &App, platform: &Platform, command: PullCommand) -> anyhow::Result<bool> {
    let (pulls, out) = (Pulls::connect(app, platform)?, &mut std::io::stdout());
    match command {
        PullCommand::Run { name, once, as_of } => {
            let which = Which { name: name.as_deref(), anyway: once, as_of: as_of.map(Time::ticks) };
            commands::pull::run(&pulls, app, which, once, &stop::when_asked()).await
        }
        PullCommand::Status { json } => commands::pull::status(&pulls, json, out).await.map(|()| true),
    }
}

async fn reconcile(app: &App, platform: &Platform, what: &What, report: Report<'_>) -> anyhow::Result<bool> {
    let history = History::connect(app, platform)?;
    commands::reconcile::reconcile(&history, app, what, report, &mut std::io::stdout()).await
}

async fn provision(settings: ProvisionSettings, what: Provision) -> ExitCode {
    match commands::provision::provision(&settings, &what, &mut std::io::stdout()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => failed("provision", &*error),
    }
}

fn failed(doing: &str, error: &(dyn std::error::Error + 'static)) -> ExitCode {
    tracing::error!(error = chain(error), "{doing} failed");
    ExitCode::FAILURE
}

#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
