//! The command line.

use clap::{Parser, Subcommand};

use crate::settings::Platform;

/// Moves Microsoft security logs from Azure Log Analytics data export into Axiom, with nothing lost.
///
/// Settings are environment variables (app settings under Azure Functions); README.md has the table.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

/// What to do.
#[derive(Debug, Subcommand, PartialEq, Eq)]
pub enum Command {
    /// Serve the Functions host (the default when the host starts the program).
    Serve {
        /// Port on 127.0.0.1, instead of the one that the host gives in FUNCTIONS_CUSTOMHANDLER_PORT.
        #[arg(long)]
        port: Option<u16>,
    },
    /// Sweep and ship in a loop, without Functions and without a queue.
    ///
    /// Example: `sentinel-axiom run --once`
    Run {
        /// Sweep once, ship what is there, and end; exit code 1 when a blob could not be shipped.
        #[arg(long)]
        once: bool,
    },
    /// Rows that were set aside because Axiom will not take them.
    #[command(subcommand)]
    Refused(RefusedCommand),
}

/// What to do with rows that were set aside.
#[derive(Debug, Subcommand, PartialEq, Eq)]
pub enum RefusedCommand {
    /// Show how many rows are set aside, by dataset and reason.
    ///
    /// Example: `sentinel-axiom refused list am-securityevent/`
    List {
        /// Only of sources whose `container/name` begins with this.
        #[arg(default_value = "")]
        prefix: String,
        /// Every row as a line of JSON instead of the counts.
        #[arg(long)]
        rows: bool,
    },
    /// Send what is set aside again; what is refused still stays.
    Replay {
        /// Only of sources whose `container/name` begins with this.
        #[arg(default_value = "")]
        prefix: String,
        /// Also rows that Axiom may hold already; they may become duplicates.
        #[arg(long)]
        perhaps_delivered: bool,
    },
}

impl Cli {
    /// The command. Under the Functions host none has to be named; elsewhere none means that the help is wanted.
    #[must_use]
    pub fn command(self, platform: &Platform) -> Option<Command> {
        self.command.or_else(|| platform.handler_port.map(|_| Command::Serve { port: None }))
    }
}
