//! Where the records of a snapshot go: text, or a dataset of Axiom.

use super::kind::Kind;
use super::{SnapshotError, csv, file::Out};
use crate::pulls::page::write_line;
use crate::query::window::Ticks;
use crate::resource_graph::reply::Page;
use crate::send::{self, Arrived};
use crate::ship::Flow;

/// The form of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A line of JSON for each record, which is as it came
    Jsonl,
    /// Columns for people and spreadsheets
    Csv,
}

/// A destination, ready to take records.
pub enum Sink<'a> {
    /// Text.
    Text {
        /// Where to.
        out: Out,
        /// In which form.
        format: Format,
        /// What is in it.
        kind: Kind,
    },
    /// A dataset.
    Axiom {
        /// The way there.
        flow: &'a Flow,
        /// Its name.
        dataset: String,
        /// When the snapshot began: the time of all its rows.
        began: Ticks,
        /// What stands in `source_blob`.
        source: String,
        /// Bytes that were sent.
        offset: u64,
    },
}

impl<'a> Sink<'a> {
    /// Text, which is begun.
    ///
    /// # Errors
    /// [`SnapshotError::Write`].
    pub fn text(mut out: Out, format: Format, kind: Kind) -> Result<Self, SnapshotError> {
        if format == Format::Csv {
            out.write(&csv::header(kind))?;
        }
        Ok(Self::Text { out, format, kind })
    }

    /// The dataset of a kind.
    #[must_use]
    pub fn axiom(flow: &'a Flow, kind: Kind, began: Ticks) -> Self {
        let dataset = flow.axiom.dataset_for(Some(kind.table()), kind.table());
        let source = format!("snapshot/{}/{began}", kind.name());
        Self::Axiom { flow, dataset, began, source, offset: 0 }
    }

    /// Takes records.
    ///
    /// # Errors
    /// [`SnapshotError`]; some of them may have arrived all the same.
    pub async fn write(&mut self, page: &Page) -> Result<Arrived, SnapshotError> {
        match self {
            Self::Text { out, format, kind } => {
                match format {
                    Format::Jsonl => out.write(&page.lines)?,
                    Format::Csv => out.write(&csv::rows(*kind, &page.lines)?)?,
                }
                Ok(Arrived { rows: page.rows, ..Arrived::default() })
            }
            Self::Axiom { flow, dataset, began, source, offset } => {
                // The time is that of the snapshot: what a record says of times is about something else.
                let time = format!("\"TimeGenerated\":\"{began}\"");
                let mut lines = Vec::with_capacity(page.lines.len());
                for line in page.lines.split_inclusive(|byte| *byte == b'\n') {
                    write_line(line, &time, &mut lines);
                }
                let arrived = send::send(flow, dataset, (source, *offset), &lines).await?;
                *offset += lines.len() as u64;
                Ok(arrived)
            }
        }
    }

    /// Ends the snapshot: it is whole.
    ///
    /// # Errors
    /// [`SnapshotError`].
    pub fn finish(self) -> Result<(), SnapshotError> {
        match self {
            Self::Text { out, .. } => out.finish(),
            Self::Axiom { .. } => Ok(()),
        }
    }
}
