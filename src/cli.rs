//! The command line.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::bail;
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::commands::reconcile::BinWidth;
use crate::history::plan::SLICE_ROWS;
use crate::loganalytics::Plan;
use crate::loganalytics::kql::{day, is_table};
use crate::provision::wanted::MapField;
use crate::query::window::{Ticks, Window};
use crate::settings::{Platform, is_guid};
use crate::snapshot::kind::{Kind, Severity};
use crate::snapshot::sink::Format;

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
#[derive(Debug, Subcommand, PartialEq)]
pub enum Command {
    /// Serve the Functions host (the default when the host starts the program).
    #[command(after_help = "Example: sentinel-axiom serve --port 8080")]
    Serve {
        /// Port on 127.0.0.1, instead of the one that the host gives in FUNCTIONS_CUSTOMHANDLER_PORT.
        #[arg(long)]
        port: Option<u16>,
    },
    /// Sweep and ship in a loop, without Functions and without a queue.
    #[command(after_help = "Example: sentinel-axiom run --once")]
    Run {
        /// Sweep once, ship what is there, and end; exit code 1 when a blob could not be shipped.
        #[arg(long)]
        once: bool,
    },
    /// What was in the workspace before data export began, moved by queries.
    #[command(subcommand)]
    History(HistoryCommand),
    /// Tables that data export does not carry, asked for again and again: custom tables, advanced hunting.
    #[command(subcommand)]
    Pull(PullCommand),
    /// How it goes, table by table: what waits, what was delivered, what went wrong last.
    #[command(after_help = "Example: sentinel-axiom status --watch")]
    Status {
        /// Look again every five seconds, and show how fast it goes.
        #[arg(long)]
        watch: bool,
        /// As one line of JSON.
        #[arg(long)]
        json: bool,
        /// Also count the rows that wait, which reads them.
        #[arg(long)]
        count: bool,
        /// Count the rows of blobs of so many days.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(0..=3650))]
        days: u32,
    },
    /// Compare rows per table and time bin in Log Analytics and in Axiom. Exit code 1 when they differ.
    #[command(
        after_help = "Example: sentinel-axiom reconcile --tables SigninLogs --from 2026-01-01 --to 2026-02-01 --html report.html"
    )]
    Reconcile {
        /// Which rows.
        #[command(flatten)]
        what: What,
        /// Width of a bin.
        #[arg(long, value_enum, default_value = "1h")]
        bin: BinWidth,
        /// Send the rows that Axiom lacks, and none that it has: by their `_ItemId`.
        #[arg(long)]
        repair: bool,
        /// JSON instead of a table.
        #[arg(long)]
        json: bool,
        /// Write a page with a heat map, tables by days.
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
    },
    /// Export all that Defender for Cloud says now, once: to a file, or to Axiom.
    #[command(
        after_help = "Example: sentinel-axiom snapshot alerts --severity high,medium --format csv --to alerts.csv"
    )]
    Snapshot(SnapshotArgs),
    /// Rows that were set aside because Axiom will not take them.
    #[command(subcommand)]
    Refused(RefusedCommand),
    /// Make datasets, map fields, a dashboard and monitors in Axiom, or put them right; what somebody else made is left alone.
    ///
    /// Needs the settings of Axiom and `TABLES` alone, and a token that may manage. Exit code 1 when something is not as wanted.
    #[command(
        after_help = "Example: sentinel-axiom provision --table SigninLogs --table AuditLogs --retention-days 90 --dry-run"
    )]
    Provision(Provision),
    /// Try everything that the settings promise, a line for each: who signs in, accounts, rights, queue, Axiom, clock.
    ///
    /// Changes nothing but a container of its own in each account, which goes afterwards. Exit code 1 when something failed, 64 when settings are wrong.
    #[command(after_help = "Example: sentinel-axiom check --json")]
    Check {
        /// Also send a row to Axiom, into the dataset `sentinel-axiom-check`.
        #[arg(long)]
        write: bool,
        /// JSON instead of lines.
        #[arg(long)]
        json: bool,
    },
    /// Print the script that lets a shell complete commands and options.
    #[command(after_help = "Example: sentinel-axiom completions bash")]
    Completions {
        /// Which shell.
        shell: Shell,
    },
    /// Write manual pages, one for each command, into a folder.
    #[command(after_help = "Example: sentinel-axiom man share/man/man1")]
    Man {
        /// The folder; it is made where it is missing.
        folder: PathBuf,
    },
}

/// What to have in Axiom.
#[derive(Debug, Args, PartialEq, Clone)]
pub struct Provision {
    /// A table whose rows come, in its true case; instead of those of `TABLES`.
    #[arg(long = "table", value_name = "NAME")]
    pub tables: Vec<String>,
    /// The dataset for what the program says of itself. Also names the dashboard, and is where names of monitors begin.
    #[arg(long, value_name = "NAME", default_value = "sentinel-axiom")]
    pub telemetry_dataset: String,
    /// How long all of these datasets keep rows. Without it that is left as it is.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..))]
    pub retention_days: Option<u32>,
    /// Set the retention of a dataset that keeps rows longer, too: Axiom deletes what is older at once.
    #[arg(long, requires = "retention_days")]
    pub lower_retention: bool,
    /// A column that holds objects of any keys, beside those that are known.
    #[arg(long = "map-field", value_name = "TABLE.COLUMN")]
    pub map_fields: Vec<MapField>,
    /// Who is told when a monitor alerts: a notifier's name or id. Without it monitors keep those that they have.
    #[arg(long = "notifier", value_name = "NAME")]
    pub notifiers: Vec<String>,
    /// US dollars that Axiom asks for loading a gigabyte, for the estimate of costs.
    #[arg(long, value_name = "USD", default_value_t = 0.12)]
    pub price_per_gb: f64,
    /// Another dashboard than provision/dashboard.toml.
    #[arg(long, value_name = "FILE")]
    pub dashboard: Option<PathBuf>,
    /// Other monitors than provision/monitors.toml.
    #[arg(long, value_name = "FILE")]
    pub monitors: Option<PathBuf>,
    /// Show what would be made and changed, and send nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// What a snapshot is of, and where it goes.
#[derive(Debug, Args, PartialEq, Eq)]
pub struct SnapshotArgs {
    /// Which records.
    #[arg(value_enum)]
    pub kind: Kind,
    /// A file, `-` for standard output, or `axiom`. A file appears when it is whole.
    #[arg(long, value_name = "FILE|-|axiom")]
    pub to: Place,
    /// The form of text [default: jsonl].
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// Only of this subscription; may be given several times.
    #[arg(long, value_name = "ID", value_parser = subscription)]
    pub subscription: Vec<String>,
    /// Only of the subscriptions below this management group; may be given several times.
    #[arg(long, value_name = "NAME", conflicts_with = "subscription")]
    pub management_group: Vec<String>,
    /// Only of these severities.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub severity: Vec<Severity>,
    /// Replace the file if it is there.
    #[arg(long)]
    pub force: bool,
}

/// Where a snapshot goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Standard output.
    Stdout,
    /// A file.
    File(PathBuf),
    /// A dataset of Axiom.
    Axiom,
}

impl FromStr for Place {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "-" => Self::Stdout,
            "axiom" => Self::Axiom,
            path => Self::File(path.into()),
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("standard output"),
            Self::File(path) => path.display().fmt(f),
            Self::Axiom => f.write_str("axiom"),
        }
    }
}

fn subscription(text: &str) -> Result<String, String> {
    if is_guid(text) { Ok(text.to_owned()) } else { Err("give the subscription's id, a GUID, not its name".to_owned()) }
}

/// What to do with rows that were set aside.
#[derive(Debug, Subcommand, PartialEq, Eq)]
pub enum RefusedCommand {
    /// Show how many rows are set aside, by dataset and reason.
    #[command(after_help = "Example: sentinel-axiom refused list am-securityevent/")]
    List {
        /// Only of sources whose `container/name` begins with this.
        #[arg(default_value = "")]
        prefix: String,
        /// Every row as a line of JSON instead of the counts.
        #[arg(long)]
        rows: bool,
    },
    /// Send what is set aside again; what is refused still stays.
    #[command(after_help = "Example: sentinel-axiom refused replay am-securityevent/")]
    Replay {
        /// Only of sources whose `container/name` begins with this.
        #[arg(default_value = "")]
        prefix: String,
        /// Also rows that Axiom may hold already; they may become duplicates.
        #[arg(long)]
        perhaps_delivered: bool,
    },
}

/// What to do about pulls.
#[derive(Debug, Subcommand, PartialEq, Eq)]
pub enum PullCommand {
    /// Run pulls when they are due, in a loop, without Functions.
    #[command(after_help = "Example: sentinel-axiom pull run inventory --once")]
    Run {
        /// Only this pull.
        name: Option<String>,
        /// Run now, due or not, and end; exit code 1 when one failed.
        #[arg(long)]
        once: bool,
        /// Take this time for now: rows after it wait for a later run.
        #[arg(long, requires = "once", value_name = "TIME")]
        as_of: Option<Time>,
    },
    /// Show how far each pull has come, and its last runs.
    #[command(after_help = "Example: sentinel-axiom pull status --json")]
    Status {
        /// A line of JSON for each pull.
        #[arg(long)]
        json: bool,
    },
}

/// What to do about history.
#[derive(Debug, Subcommand, PartialEq, Eq)]
pub enum HistoryCommand {
    /// Count rows and bytes by table and day, and say what moving them takes. Moves nothing.
    #[command(
        after_help = "Example: sentinel-axiom history estimate --tables SigninLogs,AuditLogs --from 2024-01-01 --to 2026-01-01"
    )]
    Estimate {
        /// Which rows.
        #[command(flatten)]
        what: What,
        /// JSON instead of tables.
        #[arg(long)]
        json: bool,
    },
    /// Move rows, oldest first. Stop it anywhere; the same command goes on from there.
    #[command(after_help = "Example: sentinel-axiom history run --tables SigninLogs --from 2024-01-01 --to 2026-01-01")]
    Run {
        /// Which rows.
        #[command(flatten)]
        what: What,
        /// Compress the blobs of `--to storage` with zstd.
        #[arg(long)]
        zstd: bool,
        /// Put the slices on the queue, for `function-history` to work off on as many instances as there are.
        #[arg(long)]
        queue: bool,
    },
    /// Show what is done, running and failed, with the reasons.
    #[command(after_help = "Example: sentinel-axiom history status --manifest")]
    Status {
        /// A line of JSON for each job.
        #[arg(long)]
        json: bool,
        /// Write the manifests of what is done, too.
        #[arg(long)]
        manifest: bool,
    },
}

/// Which rows, and where they go.
#[derive(Debug, Args, PartialEq, Eq, Clone)]
pub struct What {
    /// Tables, in their true case.
    #[arg(long, value_delimiter = ',', required_unless_present = "query", conflicts_with = "query")]
    tables: Vec<String>,
    /// Any KQL query that gives the column `TimeGenerated`, instead of tables.
    #[arg(long, requires = "name")]
    query: Option<String>,
    /// What the query's rows are called: names the dataset, and what is kept account of.
    #[arg(long, requires = "query")]
    name: Option<String>,
    /// The first moment, `2024-01-31` or `2024-01-31T06:00:00Z` (UTC).
    #[arg(long)]
    from: Time,
    /// The first moment after the range: where data export took over, so that no row comes both ways. Also where rows go: `axiom` (the default) or
    /// `storage`, as in `--to 2026-01-01 --to storage`.
    #[arg(long, required = true, value_name = "TIME|axiom|storage")]
    to: Vec<To>,
    /// The tables' plan. `basic` (and Auxiliary): another endpoint, two queries at a time, and each is billed by what it looks at.
    #[arg(long, value_enum, default_value_t)]
    pub plan: Plan,
    /// Most rows of a slice, which is what one query gives, what memory holds a few times, and what is sent again after a crash.
    #[arg(long, default_value_t = SLICE_ROWS, value_parser = clap::value_parser!(u64).range(1..=SLICE_ROWS))]
    pub slice_rows: u64,
}

/// Where rows go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// Datasets of Axiom.
    Axiom,
    /// Blobs in the account of `HISTORY_STORAGE`.
    Storage,
}

/// A moment on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time(Ticks);

impl Time {
    /// The moment.
    #[must_use]
    pub fn ticks(self) -> Ticks {
        self.0
    }
}

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ticks::parse(text).map(Self).ok_or_else(|| "give a time such as 2024-01-31 or 2024-01-31T06:00:00Z".to_owned())
    }
}

/// `--to`: until when, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum To {
    Time(Ticks),
    Place(Destination),
}

impl FromStr for To {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "axiom" => Ok(Self::Place(Destination::Axiom)),
            "storage" => Ok(Self::Place(Destination::Storage)),
            _ => match text.parse() {
                Ok(Time(time)) => Ok(Self::Time(time)),
                Err(error) => Err(format!("{error}, or axiom, or storage")),
            },
        }
    }
}

impl What {
    /// The range.
    ///
    /// # Errors
    /// It is none.
    pub fn window(&self) -> anyhow::Result<Window> {
        let times: Vec<_> =
            self.to.iter().filter_map(|to| if let To::Time(time) = to { Some(*time) } else { None }).collect();
        let [to] = times[..] else { bail!("give --to a time once: the first moment after the range") };
        let window = Window { from: self.from.0, to };
        if window.is_empty() {
            bail!("--from {} is not before --to {}: swap them", day(window.from), day(window.to));
        }
        Ok(window)
    }

    /// Where rows go.
    ///
    /// # Errors
    /// Two places were given.
    pub fn destination(&self) -> anyhow::Result<Destination> {
        let places: Vec<_> =
            self.to.iter().filter_map(|to| if let To::Place(place) = to { Some(*place) } else { None }).collect();
        match places[..] {
            [] => Ok(Destination::Axiom),
            [place] => Ok(place),
            _ => bail!("give --to one place: axiom or storage"),
        }
    }

    /// Names, and the query where there is one.
    ///
    /// # Errors
    /// A name that no table has.
    pub fn named(&self) -> anyhow::Result<Vec<(String, Option<String>)>> {
        let all = match &self.name {
            Some(name) => vec![(name.clone(), self.query.clone())],
            None => self.tables.iter().map(|table| (table.trim().to_owned(), None)).collect(),
        };
        match all.iter().find(|(name, _)| !is_table(name)) {
            Some((name, _)) => {
                bail!("{name:?} is no table's name: letters, digits and underscores (a query goes into --query)")
            }
            None => Ok(all),
        }
    }
}

impl Cli {
    /// The command. Under the Functions host none has to be named; elsewhere none means that the help is wanted.
    #[must_use]
    pub fn command(self, platform: &Platform) -> Option<Command> {
        self.command.or_else(|| platform.handler_port.map(|_| Command::Serve { port: None }))
    }
}

impl Command {
    /// Whether standard output is for what was asked for, and nothing else may come there.
    #[must_use]
    pub fn owns_stdout(&self) -> bool {
        matches!(self, Self::Snapshot(SnapshotArgs { to: Place::Stdout, .. }))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_command_shows_an_example_that_it_takes() {
        fn check(command: &clap::Command, path: &str) {
            if command.has_subcommands() {
                return command.get_subcommands().for_each(|sub| check(sub, &format!("{path} {}", sub.get_name())));
            }
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let example = help.strip_prefix("Example: ").unwrap_or_else(|| panic!("{path} has no example"));
            assert!(example.starts_with(path), "{path}: {example}");
            let parsed = Cli::try_parse_from(example.split_whitespace());
            assert!(parsed.is_ok_and(|cli| cli.command.is_some()), "{example}");
        }
        check(&<Cli as CommandFactory>::command(), "sentinel-axiom");
    }
}
