//! Finds misspelt names: a setting that is silently ignored is the worst of all.

use super::reader::Reader;
use super::storage;
use super::table::SETTINGS;

/// Notes each variable whose name is close to one of ours and none of ours. A short name is looked at only where it begins as ours do: a variable that
/// is meant for another program is none of our business.
pub(super) fn check(reader: &mut Reader) {
    let known: Vec<String> = SETTINGS.iter().map(|setting| setting.name.to_owned()).chain(storage::names()).collect();
    for name in reader.names() {
        if known.contains(&name) {
            continue;
        }
        let ours = ["AXIOM_", "EXPORT_STORAGE"].iter().any(|prefix| starts_with_ignoring_case(&name, prefix));
        let near = |known: &&String| (ours || known.len() >= TELLING) && distance(known, &name) <= NEAR;
        if let Some(near) = known.iter().filter(near).min_by_key(|known| distance(known, &name)) {
            reader.problem(&name, "is not a setting", format!("did you mean {near}?"));
        }
    }
}

/// A name of so many letters is nobody else's by chance, nor is one close to it.
const TELLING: usize = 10;

/// Most letters that may differ for two names to count as close.
const NEAR: usize = 2;

fn starts_with_ignoring_case(name: &str, prefix: &str) -> bool {
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// Letters to insert, delete or change to make one name of the other (Levenshtein), case aside.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<u8> = b.bytes().map(|b| b.to_ascii_lowercase()).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, a) in a.bytes().map(|a| a.to_ascii_lowercase()).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in b.iter().enumerate() {
            let change = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_distance() {
        let check = |a, b, expected| assert_eq!(distance(a, b), expected, "{a} {b}");
        check("", "abc", 3);
        check("kitten", "sitting", 3);
        check("AXIOM_TOKEN", "AXIOM_TOKN", 1);
        check("AXIOM_TOKEN", "axiom_token", 0);
    }
}
