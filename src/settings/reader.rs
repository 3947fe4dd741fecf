//! Reads single values with the defaults of the table, and collects problems on the way instead of stopping at the first.

use super::problem::{Problem, Problems, quote};
use super::table::SETTINGS;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

type Units = &'static [(&'static str, u64)];

const COUNT: Units = &[("", 1)];
const BYTES: Units = &[("", 1), ("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20)];
const SECONDS: Units = &[("", 1), ("s", 1), ("m", 60), ("h", 3600)];

/// The variables, and what was found wrong with them so far. A method that meets a problem notes it and answers `None`, or a value that never
/// leaves: [`Reader::finish`] fails when there is a problem.
pub(super) struct Reader {
    vars: BTreeMap<String, String>,
    problems: Vec<Problem>,
}

impl Reader {
    /// Values are trimmed, because secrets pasted into a portal often end in a line feed; an empty value counts as absent, as it does for the host.
    pub(super) fn new(vars: impl IntoIterator<Item = (String, String)>) -> Self {
        let vars = vars.into_iter().map(|(name, value)| (name, value.trim().to_owned()));
        Self { vars: vars.filter(|(_, value)| !value.is_empty()).collect(), problems: Vec::new() }
    }

    /// Names of the variables that have a value.
    pub(super) fn names(&self) -> Vec<String> {
        self.vars.keys().cloned().collect()
    }

    /// Notes a problem.
    pub(super) fn problem(&mut self, setting: &str, wrong: impl Into<String>, remedy: impl Into<String>) {
        self.problems.push(Problem { setting: setting.to_owned(), wrong: wrong.into(), remedy: remedy.into() });
    }

    /// Ends the reading: the settings, or everything that is wrong.
    pub(super) fn finish<T>(self, settings: Option<T>) -> Result<T, Problems> {
        match settings {
            Some(settings) if self.problems.is_empty() => Ok(settings),
            _ => Err(Problems(self.problems)),
        }
    }

    /// The variable's own text, without a default. App Service leaves a Key Vault reference in place when it cannot resolve it.
    pub(super) fn given(&mut self, name: &str) -> Option<String> {
        let text = self.vars.get(name)?.clone();
        if text.starts_with("@Microsoft.KeyVault(") {
            let remedy = "let the app's identity read the secret (Key Vault Secrets User), then restart the app";
            self.problem(name, "is a Key Vault reference that was not resolved", remedy);
            return None;
        }
        Some(text)
    }

    /// The text of a setting of the table, or its default. A required setting that is absent is a problem.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        let setting =
            SETTINGS.iter().find(|setting| setting.name == name).expect("only settings of the table are read");
        if setting.required && !self.vars.contains_key(name) {
            self.problem(name, "is missing", format!("set it ({})", setting.doc));
        }
        self.given(name).or_else(|| setting.default.map(str::to_owned))
    }

    /// A number of things.
    pub(super) fn count(&mut self, name: &str, range: RangeInclusive<u64>) -> Option<usize> {
        self.number(name, &range, COUNT).map(fit)
    }

    /// A number of bytes: `8388608` or `8MiB`.
    pub(super) fn bytes(&mut self, name: &str, range: RangeInclusive<u64>) -> Option<usize> {
        self.number(name, &range, BYTES).map(fit)
    }

    /// A time: `600`, `600s` or `10m`.
    pub(super) fn seconds(&mut self, name: &str, range: RangeInclusive<u64>) -> Option<Duration> {
        self.number(name, &range, SECONDS).map(Duration::from_secs)
    }

    fn number(&mut self, name: &str, range: &RangeInclusive<u64>, units: Units) -> Option<u64> {
        let text = self.text(name)?;
        let number = parse_number(&text, units);
        if number.is_some_and(|number| range.contains(&number)) {
            return number;
        }
        let wrong = match number {
            Some(_) => format!("is {}, out of range", quote(&text)),
            None => format!("is {}, not a number with a known unit", quote(&text)),
        };
        self.problem(name, wrong, format!("give {}", describe(name, range, units)));
        None
    }

    /// A choice between two words or their usual synonyms.
    pub(super) fn flag(&mut self, name: &str) -> bool {
        let flags = [("true", true), ("false", false), ("1", true), ("0", false), ("yes", true), ("no", false)];
        self.choice(name, &flags).unwrap_or(false)
    }

    /// One of several words, in any case.
    pub(super) fn choice<T: Copy>(&mut self, name: &str, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(name)?;
        let chosen = choices.iter().find(|(word, _)| word.eq_ignore_ascii_case(&text));
        if chosen.is_none() {
            let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
            self.problem(name, format!("is {}", quote(&text)), format!("use one of {}", words.join(", ")));
        }
        chosen.map(|(_, value)| *value)
    }

    /// The parts of a comma-separated list, trimmed, empty ones left out.
    pub(super) fn list(&mut self, name: &str) -> Vec<String> {
        let text = self.text(name).unwrap_or_default();
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    /// The name of a container or a queue: 3 to 63 lower-case letters, digits and single hyphens ("Naming and referencing containers, blobs, and
    /// metadata", and the same for queues, in the reference of Azure Storage).
    pub(super) fn storage_name(&mut self, name: &str) -> String {
        let text = self.text(name).unwrap_or_default();
        let letters = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        let hyphens = text.starts_with('-') || text.ends_with('-') || text.contains("--");
        if !(3..=63).contains(&text.len()) || !letters || hyphens {
            let remedy = "use 3 to 63 lower-case letters, digits and single hyphens, none at either end";
            self.problem(name, format!("is {}, a name that Azure Storage does not allow", quote(&text)), remedy);
        }
        text
    }
}

fn fit(number: u64) -> usize {
    usize::try_from(number).expect("every range of the settings ends below 4 GiB")
}

fn parse_number(text: &str, units: Units) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit.trim()))?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

fn describe(name: &str, range: &RangeInclusive<u64>, units: Units) -> String {
    let unit = SETTINGS.iter().find(|setting| setting.name == name).map_or("", |setting| setting.unit);
    let named: Vec<_> = units.iter().map(|(unit, _)| *unit).filter(|unit| !unit.is_empty()).collect();
    let or = if named.is_empty() { String::new() } else { format!(", or with one of the units {}", named.join(", ")) };
    format!("{} to {} {unit}{or}", range.start(), range.end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_units() {
        let check = |text, units, expected| assert_eq!(parse_number(text, units), expected, "{text}");
        check("8388608", BYTES, Some(8 << 20));
        check("8MiB", BYTES, Some(8 << 20));
        check("8 mib", BYTES, Some(8 << 20));
        check("64KiB", BYTES, Some(64 << 10));
        check("8MB", BYTES, None);
        check("10m", SECONDS, Some(600));
        check("2h", SECONDS, Some(7200));
        check("600s", SECONDS, Some(600));
        check("10m", COUNT, None);
        check("-1", COUNT, None);
        check("1.5", COUNT, None);
        check("", COUNT, None);
        check("s", SECONDS, None);
        check("99999999999999999999", COUNT, None);
        check("18446744073709551615h", SECONDS, None);
    }
}
