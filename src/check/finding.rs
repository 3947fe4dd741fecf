//! What was found, and how it is told: a line for each, as text or as JSON. Pure.

use std::fmt::Write as _;

use serde::Serialize;

/// The area of the settings: a failure there gives an exit code of its own.
pub const SETTINGS: &str = "settings";

/// How things stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mark {
    /// As it should be.
    Ok,
    /// It cannot be seen from here, or was not tried; what is said tells why.
    Unknown,
    /// It works, and somebody should look at it.
    Warning,
    /// It does not work.
    Failed,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was tried, such as `export account`.
    pub area: &'static str,
    /// How it stands.
    pub mark: Mark,
    /// What was found.
    pub said: String,
    /// What to do; empty where there is nothing to do.
    pub advice: String,
}

/// Everything that was found, in the order in which it is told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report(pub Vec<Finding>);

impl Mark {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unknown => "unknown",
            Self::Warning => "warning",
            Self::Failed => "failed",
        }
    }

    /// Its colour, as the number of an SGR sequence (ECMA-48).
    fn colour(self) -> u8 {
        match self {
            Self::Ok => 32,
            Self::Unknown => 36,
            Self::Warning => 33,
            Self::Failed => 31,
        }
    }
}

impl Finding {
    /// All is well.
    pub fn ok(area: &'static str, said: impl Into<String>) -> Self {
        Self::new(area, Mark::Ok, said, "")
    }

    /// It cannot be seen.
    pub fn unknown(area: &'static str, said: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(area, Mark::Unknown, said, advice)
    }

    /// Somebody should look at it.
    pub fn warning(area: &'static str, said: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(area, Mark::Warning, said, advice)
    }

    /// It does not work.
    pub fn failed(area: &'static str, said: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(area, Mark::Failed, said, advice)
    }

    /// What others said may have several lines; a finding has one.
    fn new(area: &'static str, mark: Mark, said: impl Into<String>, advice: impl Into<String>) -> Self {
        let line = |text: String| text.replace(|c: char| c.is_control(), " ");
        Self { area, mark, said: line(said.into()), advice: line(advice.into()) }
    }
}

impl Report {
    /// The exit code: 64 where a setting is wrong, else 1 where something failed, else 0.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        let failed = |finding: &&Finding| finding.mark == Mark::Failed;
        match (self.0.iter().filter(failed).any(|finding| finding.area == SETTINGS), self.count(Mark::Failed)) {
            (true, _) => 64,
            (false, 0) => 0,
            (false, _) => 1,
        }
    }

    /// For people: a line for each finding, and the sum.
    #[must_use]
    pub fn to_text(&self, colour: bool) -> String {
        let mut text = String::new();
        for Finding { area, mark, said, advice } in &self.0 {
            let (begin, end) =
                if colour { (format!("\x1b[{}m", mark.colour()), "\x1b[0m") } else { (String::new(), "") };
            write!(text, "{begin}{:<7}{end}  {area}: {said}", mark.word()).expect("a String takes any text");
            if !advice.is_empty() {
                write!(text, " -> {advice}").expect("a String takes any text");
            }
            text.push('\n');
        }
        let (failed, warnings) = (self.count(Mark::Failed), self.count(Mark::Warning));
        text + &format!("{} checks, {failed} failed, {warnings} warnings", self.0.len())
    }

    /// For programs: one object. `version` is that of the program.
    #[must_use]
    pub fn to_json(&self, version: &str) -> String {
        serde_json::json!({
            "version": version,
            "exit_code": self.exit_code(),
            "failed": self.count(Mark::Failed),
            "warnings": self.count(Mark::Warning),
            "findings": self.0,
        })
        .to_string()
    }

    fn count(&self, mark: Mark) -> usize {
        self.0.iter().filter(|finding| finding.mark == mark).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_for_each_and_one_code_for_all() {
        let fine = Finding::ok("queue", "blob-created");
        let warned = Finding::warning("clock", "fast\nby far", "set it");
        let broken = Finding::failed("axiom", "no", "yes");
        let wrong = Finding::failed(SETTINGS, "UPLOADS is \"0\"", "give 1 to 64");
        let report = |findings: &[&Finding]| Report(findings.iter().map(|finding| (*finding).clone()).collect());
        assert_eq!(report(&[&fine, &warned]).exit_code(), 0);
        assert_eq!(report(&[&fine, &broken]).exit_code(), 1);
        assert_eq!(report(&[&broken, &wrong]).exit_code(), 64);
        let all = report(&[&fine, &warned, &broken]);
        assert_eq!(
            all.to_text(false),
            "ok       queue: blob-created\nwarning  clock: fast by far -> set it\nfailed   axiom: no -> yes\n3 checks, 1 failed, 1 warnings"
        );
        assert!(all.to_text(true).starts_with("\x1b[32mok     \x1b[0m  queue: blob-created\n\x1b[33m"));
        let json: serde_json::Value = serde_json::from_str(&all.to_json("1.2.3")).unwrap();
        assert_eq!((&json["exit_code"], &json["findings"][1]["mark"]), (&1.into(), &"warning".into()));
        assert_eq!(json["findings"][2]["advice"], "yes");
    }
}
