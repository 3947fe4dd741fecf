//! `cargo bench-history`: three promises of `history run`, proved on the program as it is shipped.
//!
//! | command | promise |
//! |---|---|
//! | `kill` | a run that is killed anywhere, again and again, loses no row, and tells of each row that may have gone twice |
//! | `speed` | the limits of the query API bind, and not the program |
//! | `memory` | memory does not depend on how much there is to move |
//!
//! Rows come out of the [stand-in for the query API](crate::loganalytics), go to the [stand-in for Axiom](crate::axiom), and the account of what is done is
//! in the storage emulator.

mod child;
mod draw;
mod hits;
mod kill;
mod memory;
mod record;
mod rows;
mod speed;
mod stage;

use std::path::PathBuf;

use anyhow::Context as _;

use crate::azurite::Azurite;
use crate::demo::print;
use crate::handler;

/// What is run.
#[derive(Debug, Clone, clap::Parser)]
#[command(about = "Proves what sentinel-axiom promises of history: nothing lost, bound by the API, flat memory")]
pub struct Options {
    /// Another build of the program, such as that of `cargo package-app`; else it is built.
    #[arg(long, global = true, value_name = "FILE")]
    pub program: Option<PathBuf>,
    /// The promise.
    #[command(subcommand)]
    pub promise: Promise,
}

/// A promise to prove.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Promise {
    /// Kills a run again and again, lets it end, and accounts for every row.
    Kill(kill::Options),
    /// Measures how near the program comes to the limits of the query API, and what it could do without them.
    Speed(speed::Options),
    /// Measures the peak memory for more and more rows.
    Memory(memory::Options),
}

/// Runs one of them and prints figures. True when the promise holds.
///
/// # Errors
/// A part cannot be started, or the program ends with an error.
pub async fn run(options: Options) -> anyhow::Result<bool> {
    crate::install_tls();
    let program = match options.program {
        Some(program) => program,
        None => {
            print("building sentinel-axiom ...\n");
            handler::build().await?
        }
    };
    let azurite = Azurite::start().await.context("start the storage emulator")?;
    let complaints = match &options.promise {
        Promise::Kill(options) => kill::run(options, &program, &azurite).await?,
        Promise::Speed(options) => speed::run(options, &program, &azurite).await?,
        Promise::Memory(options) => memory::run(options, &program, &azurite).await?,
    };
    complaints.iter().for_each(|complaint| print(&format!("NOT AS IT SHOULD BE: {complaint}\n")));
    Ok(complaints.is_empty())
}

#[expect(clippy::cast_precision_loss, reason = "figures for people need no more than 52 bits")]
fn float(number: u64) -> f64 {
    number as f64
}

fn megabytes(bytes: u64) -> f64 {
    float(bytes) / 1e6
}
