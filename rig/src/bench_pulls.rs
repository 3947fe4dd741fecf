//! `cargo bench-pulls`: how much of advanced hunting's quota a pull uses, and that it never exceeds it, by the stand-in's own count and in real time.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::json;
use tokio::process::Command;

use crate::azurite::Azurite;
use crate::demo::print;
use crate::hunting::{Hunting, Kind, Options as HuntingOptions, Table};
use crate::{axiom, handler};

/// What is measured.
#[derive(Debug, Clone, clap::Parser)]
#[command(about = "Measures how much of advanced hunting's quota a pull uses, and that it never exceeds it")]
pub struct Options {
    /// Another build of the program; else it is built.
    #[arg(long, value_name = "FILE")]
    pub program: Option<PathBuf>,
    /// Rows of the table. Its pull takes some calls for every twenty.
    #[arg(long, default_value_t = 2400)]
    pub rows: usize,
    /// Milliseconds that every call takes.
    #[arg(long, default_value_t = 2000)]
    pub latency: u64,
    /// Part of the allowed calls that must be used.
    #[arg(long, default_value_t = 0.95)]
    pub least: f64,
}

/// Bytes of a reply, so that a small table takes many calls.
const REPLY: usize = 2500;

/// Runs it and prints figures. True when the promise holds.
///
/// # Errors
/// A part cannot be started, or the program ends with an error.
pub async fn run(options: Options) -> anyhow::Result<bool> {
    crate::install_tls();
    let program = match options.program {
        Some(program) => program,
        None => handler::build().await?,
    };
    let azurite = Azurite::start().await.context("start the storage emulator")?;
    let axiom = axiom::Axiom::start(axiom::Options { keep_rows: true, ..axiom::Options::default() }).await?;
    // Everything else is as the service has it: 45 calls in any minute.
    let limits = HuntingOptions {
        bytes_max: REPLY,
        latency: Duration::from_millis(options.latency),
        ..HuntingOptions::default()
    };
    let (rate, window) = (limits.rate, limits.rate_window);
    let hunting = Hunting::start(limits).await?;
    hunting.add(Table::timeless("Inventory", &[("DeviceId", Kind::String), ("Number", Kind::Long)]));
    let rows: Vec<_> = (0..options.rows).map(|row| json!({"DeviceId": format!("d-{row}"), "Number": row})).collect();
    hunting.replace("Inventory", &rows)?;
    let pull = "[[pull]]\nname = \"inventory\"\nsource = \"hunting\"\nmode = \"snapshot\"\ntable = \"Inventory\"\nkey = \"DeviceId\"\nschedule = \"0 0 * * * *\"\n";
    let more = axiom.settings().map(|(name, value)| (name.to_owned(), value)).into_iter().chain(hunting.settings());
    let more = more.chain([("PULLS".to_owned(), pull.to_owned())]);
    let ended = Command::new(program)
        .args(["pull", "run", "--once"])
        .env_clear()
        .envs(handler::settings(&azurite.new_account(), more))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await?;
    if !ended.status.success() {
        bail!("the pull ended with {}:\n{}", ended.status, String::from_utf8_lossy(&ended.stdout));
    }
    let calls: Vec<_> =
        hunting.requests().into_iter().filter(|call| call.status != 429).map(|call| call.began).collect();
    let (Some(first), Some(last)) = (calls.first(), calls.last()) else { bail!("nothing was asked") };
    let took = (*last - *first).as_secs_f64();
    let allowed = took / window.as_secs_f64() * f64::from(u32::try_from(rate)?);
    let used = f64::from(u32::try_from(calls.len() - 1)?) / allowed;
    let (most, throttled) = (hunting.most_calls_in_window(), hunting.throttled());
    print(&format!(
        "{} calls in {took:.0} s: {:.1} % of the {rate} that are allowed in {} s; at most {most} in any {} s, {throttled} turned away; {} rows\n",
        calls.len(),
        100.0 * used,
        window.as_secs(),
        window.as_secs(),
        axiom.rows("Inventory").len(),
    ));
    Ok(most <= rate && throttled == 0 && used >= options.least)
}
