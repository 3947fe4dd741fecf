//! `snapshot`: what Defender for Cloud says now, to a file or to Axiom.

use anyhow::bail;
use time::OffsetDateTime;

use crate::app::App;
use crate::cli::{Place, SnapshotArgs};
use crate::query::window::Ticks;
use crate::resource_graph::{ResourceGraph, Scope};
use crate::settings::Platform;
use crate::snapshot::file::Out;
use crate::snapshot::sink::{Format, Sink};
use crate::snapshot::{Done, Snapshot};

/// Takes a snapshot.
///
/// # Errors
/// It is not whole; then there is no file.
pub async fn snapshot(app: &App, platform: &Platform, args: &SnapshotArgs) -> anyhow::Result<()> {
    let kind = args.kind;
    if !args.severity.is_empty() && !kind.has_severity() {
        bail!("{} have no severity: leave out --severity", kind.name());
    }
    if args.to == Place::Axiom && args.format.is_some() {
        bail!("--format is about files, and not about --to axiom: leave one of them out");
    }
    let graph = ResourceGraph::connect(&app.settings.resource_graph, platform.identity)?;
    let (began, format) = (Ticks::of(OffsetDateTime::now_utc()), args.format.unwrap_or(Format::Jsonl));
    let mut sink = match &args.to {
        Place::Axiom => Sink::axiom(&app.flow, kind, began),
        Place::Stdout => Sink::text(Out::open(None, args.force)?, format, kind)?,
        Place::File(path) => Sink::text(Out::open(Some(path), args.force)?, format, kind)?,
    };
    let scope = Scope { subscriptions: args.subscription.clone(), management_groups: args.management_group.clone() };
    let snapshot = Snapshot { graph: &graph, kind, severities: &args.severity, scope: &scope };
    let mut done = Done::default();
    if let Err(error) = snapshot.read(&mut sink, &mut done).await {
        if args.to == Place::Axiom && done.rows > 0 {
            tracing::warn!(
                rows = done.rows,
                began = %began,
                "rows of a snapshot that is not whole are in Axiom: leave out those of this time"
            );
        }
        return Err(error.into());
    }
    sink.finish()?;
    let Done { rows, repeated, set_aside, perhaps_twice } = done;
    if rows + set_aside == 0 {
        tracing::warn!(
            kind = kind.name(),
            "there is no such record, or the identity may read none (role Security Reader)"
        );
    }
    let to = args.to.to_string();
    tracing::info!(kind = kind.name(), to, began = %began, rows, repeated, set_aside, perhaps_twice, "a snapshot is done");
    Ok(())
}
