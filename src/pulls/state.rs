//! What is known of a pull between its runs: how far it came, what it is sending, how the last runs went. Pure; `store` keeps it.

use serde::{Deserialize, Serialize};

use super::seen::Seen;
use crate::loganalytics::kql::Part;
use crate::query::window::{Ticks, Window};

/// Runs that are remembered.
const RUNS: usize = 20;

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// What the pull was when it began; see [`super::pull::Pull::kind`].
    pub kind: String,
    /// When the last run began that came to its end: what the schedule goes by.
    #[serde(default)]
    pub finished: Option<Ticks>,
    /// Incremental: everything before this was delivered.
    #[serde(default)]
    pub watermark: Option<Ticks>,
    /// Incremental: from here on all rows that were delivered are in `seen`.
    #[serde(default)]
    pub seen_from: Option<Ticks>,
    /// The snapshot that is being taken.
    #[serde(default)]
    pub snapshot: Option<Snapshot>,
    /// Rows on their way. Found at the beginning of a run, whoever sent them did not come to say that they arrived.
    #[serde(default)]
    pub sending: u64,
    /// The run that goes on.
    #[serde(default)]
    pub run: Option<Run>,
    /// Records of runs that are yet to be delivered.
    #[serde(default)]
    pub owed: Vec<Run>,
    /// The last runs, newest last.
    #[serde(default)]
    pub runs: Vec<Run>,
    /// Rows near the watermark that were delivered.
    #[serde(skip)]
    pub seen: Seen,
}

/// A snapshot that is being taken, perhaps by several runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Names it.
    pub id: String,
    /// When it began, which is the time of all its rows.
    pub at: Ticks,
    /// Parts that are yet to come, told apart by a hash.
    pub left: Vec<Part>,
    /// Rows that were counted when it began.
    pub counted: u64,
    /// Rows that are at their destination or set aside.
    pub rows: u64,
}

/// One run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The pull.
    pub pull: String,
    /// Names it.
    pub run: String,
    /// How it ended.
    pub status: Status,
    /// Why, where it failed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// What was worth a word.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Incremental: the window that was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// Snapshot: its name. It is complete with the run that is done.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub snapshot: String,
    /// Snapshot: all its rows, once it is complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_rows: Option<u64>,
    /// Rows that are at their destination.
    pub rows: u64,
    /// Rows that came again and were left out.
    pub known: u64,
    /// Rows that were set aside.
    pub set_aside: u64,
    /// Rows that may be there twice: they were on their way when a run broke off.
    pub perhaps_twice: u64,
    /// The size of the rows, in bytes of JSON.
    pub bytes: u64,
    /// Pages that were sent.
    pub pages: u64,
    /// When it began, by the clock of this program.
    pub began: String,
    /// When it ended.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ended: String,
    /// How long that took, in milliseconds.
    #[serde(default)]
    pub duration_ms: u64,
    /// How far the pull has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Ticks>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It goes on.
    #[default]
    Running,
    /// All that was due is delivered.
    Done,
    /// It was stopped, or its time was over; the next run goes on from there.
    Stopped,
    /// It was given up, for a reason; the next run tries again.
    Failed,
    /// It ended without a word, as by a crash; the next run went on from there.
    BrokeOff,
}

impl State {
    /// Ends the run that goes on, if one does; its record is remembered and owed.
    pub fn end_run(&mut self, end: impl FnOnce(&mut Run)) {
        let Some(mut run) = self.run.take() else { return };
        end(&mut run);
        run.cursor = self.watermark;
        self.runs.push(run.clone());
        self.runs.drain(..self.runs.len().saturating_sub(RUNS));
        self.owed.push(run);
        // A destination that takes no records must not let them grow for ever.
        self.owed.drain(..self.owed.len().saturating_sub(50 * RUNS));
    }

    /// Rows that were on their way when a run broke off: how many may come twice.
    pub fn broke_off(&mut self) {
        let perhaps_twice = std::mem::take(&mut self.sending);
        self.end_run(|run| {
            run.status = Status::BrokeOff;
            run.perhaps_twice += perhaps_twice;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_runs_are_remembered_and_what_broke_off_is_told() {
        let mut state = State::default();
        for number in 0..30 {
            state.run = Some(Run { run: number.to_string(), ..Run::default() });
            state.sending = 7;
            state.broke_off();
        }
        assert_eq!((state.runs.len(), state.runs[19].run.as_str(), state.sending), (RUNS, "29", 0));
        assert_eq!((state.runs[0].status, state.runs[0].perhaps_twice, state.owed.len()), (Status::BrokeOff, 7, 30));
        state.broke_off();
        assert_eq!(state.owed.len(), 30, "no run went on");
        let text = serde_json::to_string(&state).unwrap();
        assert_eq!(serde_json::from_str::<State>(&text).unwrap(), state);
    }
}
