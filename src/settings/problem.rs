//! What is wrong with the settings, said so that the reader can put it right.

use std::fmt;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The variable's name.
    pub setting: String,
    /// What is wrong with it, as the end of a sentence that begins with the name.
    pub wrong: String,
    /// What to do about it, in the imperative.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.setting, self.wrong, self.remedy)
    }
}

/// All that is wrong, one line each: a second try should not bring up what the first one could have told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// Longest value that is repeated in a problem, in characters.
const QUOTED: usize = 60;

/// A value in quotes, shortened. Something that looks like a secret pasted into the wrong setting is not repeated.
pub(super) fn quote(value: &str) -> String {
    let lower = value.to_ascii_lowercase();
    let secret = ["xaat-", "xapt-", "accountkey", "sig=", "sharedaccess", "@"].iter().any(|mark| lower.contains(mark));
    if secret {
        return "[secret]".to_owned();
    }
    let short: String = value.chars().take(QUOTED).collect();
    let more = if short.len() < value.len() { "..." } else { "" };
    format!("{short:?}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_but_never_a_secret() {
        assert_eq!(quote("a\nb"), r#""a\nb""#);
        assert_eq!(quote(&"é".repeat(61)), format!("\"{}\"...", "é".repeat(60)));
        for secret in ["xaat-1", "x XAPT-2", "AccountKey=abc", "sv=1&sig=x", "https://user:pass@host"] {
            assert_eq!(quote(secret), "[secret]");
        }
    }
}
