//! The stand-in for the Functions host as a program of its own: `func start` without Azure, and a parent that can be
//! killed to see what the handler does then.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::Parser;
use rig::host::{Host, HostOptions, Line};
use tokio::signal::unix::{SignalKind, signal};

/// Runs a function app with a custom handler until it is interrupted.
#[derive(Parser)]
struct Arguments {
    /// The folder of host.json and the function folders.
    #[arg(long, default_value = ".")]
    app_root: PathBuf,
    /// An app setting, NAME=VALUE; may be given many times.
    #[arg(long = "setting", value_parser = pair)]
    settings: Vec<(String, String)>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "a program talks to its user")]
async fn main() -> anyhow::Result<()> {
    rig::install_tls();
    let arguments = Arguments::parse();
    let mut options = HostOptions::new(arguments.app_root, arguments.settings);
    options.on_line = Some(Arc::new(|line: &Line| println!("{:?}: {}", line.level, line.text)));
    let (mut interrupted, mut terminated) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let host = Host::start(options).await?;
    println!("handler {} ready on port {}", host.ready().await.context("the host has ended")?, host.port());
    tokio::select! {
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
    }
    println!("{:#?}", host.stop().await);
    Ok(())
}
