//! The name of an exported blob, the only address that the rest of the program ever sees.

use super::reject::Reject;
use std::fmt;
use time::{Date, Month, OffsetDateTime};

/// A blob that data export wrote: its container and its name, both checked. In order of folder time, then container, then name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExportBlob {
    folder_time: OffsetDateTime,
    container: String,
    name: String,
    part: u32,
}

/// Longest name that Azure Storage allows a blob, in characters.
const LONGEST_NAME: usize = 1024;
/// Longest name that Azure allows a resource group; workspaces and subscriptions have shorter ones.
const LONGEST_SEGMENT: usize = 90;

impl ExportBlob {
    /// Checks that these are a container and a name as data export makes them ("Log Analytics workspace data export in Azure Monitor"), keys in any
    /// case:
    ///
    /// ```text
    /// am-<table>
    /// WorkspaceResourceId=/subscriptions/<s>/resourcegroups/<rg>/providers/microsoft.operationalinsights/workspaces/<ws>/y=2026/m=01/d=02/h=03/m=05/PT05M.json
    /// ```
    ///
    /// # Errors
    /// [`Reject::Container`] or [`Reject::Name`].
    pub fn parse(container: &str, name: &str) -> Result<Self, Reject> {
        let table = container.strip_prefix("am-").ok_or(Reject::Container)?;
        let letters = table.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if table.is_empty() || container.len() > 63 || !letters {
            return Err(Reject::Container);
        }
        let (folder_time, part) = parse_name(name).ok_or(Reject::Name)?;
        Ok(Self { folder_time, container: container.to_owned(), name: name.to_owned(), part })
    }

    /// The container, `am-<table>`.
    pub fn container(&self) -> &str {
        &self.container
    }

    /// The blob's name, without percent-encoding.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The table in lower case. Its true case stands only in the rows (`Type`).
    pub fn table(&self) -> &str {
        self.container.strip_prefix("am-").expect("parse has seen the prefix")
    }

    /// Start of the five minutes that the folder stands for, by the rows' `TimeGenerated`, in UTC.
    pub fn folder_time(&self) -> OffsetDateTime {
        self.folder_time
    }

    /// Number of the blob among those of its folder: 0, or `N` of `PT05M_N.json`, which follows after 50,000 appends.
    pub fn part(&self) -> u32 {
        self.part
    }
}

impl fmt::Display for ExportBlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.container, self.name)
    }
}

fn parse_name(name: &str) -> Option<(OffsetDateTime, u32)> {
    if name.len() > LONGEST_NAME {
        return None;
    }
    let segments: Vec<&str> = name.split('/').collect();
    let [
        root,
        subscriptions,
        s,
        groups,
        group,
        providers,
        provider,
        workspaces,
        w,
        year,
        month,
        day,
        hour,
        minute,
        file,
    ] = segments[..]
    else {
        return None;
    };
    let keys = [
        (root, "WorkspaceResourceId="),
        (subscriptions, "subscriptions"),
        (groups, "resourcegroups"),
        (providers, "providers"),
        (provider, "microsoft.operationalinsights"),
        (workspaces, "workspaces"),
    ];
    let known = keys.iter().all(|(segment, key)| segment.eq_ignore_ascii_case(key));
    if !known || ![s, group, w].into_iter().all(is_resource_name) {
        return None;
    }
    // The key `m=` occurs twice, so the position tells month and minute apart.
    let month = Month::try_from(u8::try_from(number("m=", month, 2)?).ok()?).ok()?;
    let year = number("y=", year, 4).filter(|year| *year >= 1000)?;
    let date = Date::from_calendar_date(i32::try_from(year).ok()?, month, byte("d=", day)?).ok()?;
    let time = date.with_hms(byte("h=", hour)?, byte("m=", minute)?, 0).ok()?;
    Some((time.assume_utc(), parse_file(file)?))
}

/// Letters and digits of any script, and `-_.()`; no dot at the end, which also keeps out `.` and `..` ("Naming rules and restrictions for Azure
/// resources").
fn is_resource_name(segment: &str) -> bool {
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '(' | ')');
    (1..=LONGEST_SEGMENT).contains(&segment.chars().count()) && segment.chars().all(allowed) && !segment.ends_with('.')
}

/// `PT05M.json` as documented, `PT5M.json` as often seen, or either with `_N`.
fn parse_file(file: &str) -> Option<u32> {
    let file = file.to_ascii_lowercase();
    let stem = file.strip_suffix(".json")?;
    match stem.strip_prefix("pt05m").or_else(|| stem.strip_prefix("pt5m"))? {
        "" => Some(0),
        part => number("_", part, 9),
    }
}

fn byte(key: &str, segment: &str) -> Option<u8> {
    number(key, segment, 2).and_then(|number| u8::try_from(number).ok())
}

/// The digits after the key, at most so many.
fn number(key: &str, segment: &str, most: usize) -> Option<u32> {
    let (start, digits) = segment.split_at_checked(key.len())?;
    let fits = (1..=most).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    if fits && start.eq_ignore_ascii_case(key) { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const FOLDER: &str = "WorkspaceResourceId=/subscriptions/00000000-0000-0000-0000-000000000001/resourcegroups/rg-1/providers/\
                          microsoft.operationalinsights/workspaces/ws-1/y=2026/m=01/d=02/h=03/m=55";

    fn parse(file: &str) -> Result<ExportBlob, Reject> {
        ExportBlob::parse("am-signinlogs", &format!("{FOLDER}/{file}"))
    }

    #[test]
    fn tells_table_time_and_part() {
        let blob = parse("PT05M_12.json").unwrap();
        assert_eq!((blob.container(), blob.table(), blob.part()), ("am-signinlogs", "signinlogs", 12));
        assert_eq!(blob.folder_time(), datetime!(2026-01-02 03:55 UTC));
        assert_eq!(blob.to_string(), format!("am-signinlogs/{FOLDER}/PT05M_12.json"));
        assert_eq!(blob.name(), format!("{FOLDER}/PT05M_12.json"));
    }

    #[test]
    fn knows_the_file_names() {
        let check = |file, expected| assert_eq!(parse(file).map(|blob| blob.part()).ok(), expected, "{file}");
        check("PT05M.json", Some(0));
        check("PT5M.json", Some(0));
        check("pt5m_3.JSON", Some(3));
        check("PT05M_999999999.json", Some(999_999_999));
        check("PT05M_1234567890.json", None);
        check("PT05M_.json", None);
        check("PT05M_-1.json", None);
        check("PT05M_+1.json", None);
        check("PT1H.json", None);
        check("PT15M.json", None);
        check("PT05M.json.gz", None);
        check("PT05M", None);
        check("", None);
    }

    #[test]
    fn knows_the_paths() {
        let check = |from: &str, to: &str, allowed: bool| {
            let name = format!("{FOLDER}/PT05M.json").replacen(from, to, 1);
            assert_eq!(ExportBlob::parse("am-x", &name).is_ok(), allowed, "{name}");
        };
        check("WorkspaceResourceId", "workspaceresourceid", true);
        check("resourcegroups", "resourceGroups", true);
        check("rg-1", "Gr_u(p)é.1", true);
        check("/y=", "/Y=", true);
        check("h=03", "h=3", true);
        check("rg-1", "..", false);
        check("rg-1", ".", false);
        check("rg-1", "a.", false);
        check("rg-1", "", false);
        check("rg-1", "a b", false);
        check("rg-1", "a%2Fb", false);
        check("rg-1", "a\\b", false);
        check("rg-1", "a\u{0}b", false);
        check("rg-1", "a\u{202e}b", false);
        check("rg-1", &"x".repeat(91), false);
        check("y=2026", "y=26", false);
        check("y=2026", "y=20260", false);
        check("m=01", "m=13", false);
        check("m=01", "m=00", false);
        check("d=02", "d=32", false);
        check("h=03", "h=24", false);
        check("m=55", "m=60", false);
        check("/m=55", "", false);
        check("/y=", "/x/y=", false);
        check("Workspace", "/Workspace", false);
        check("d=02", "d=é", false);
    }

    #[test]
    fn knows_the_containers() {
        let name = format!("{FOLDER}/PT05M.json");
        let check =
            |container: &str, allowed| assert_eq!(ExportBlob::parse(container, &name).is_ok(), allowed, "{container}");
        check("am-mylog-cl", true);
        check(&format!("am-{}", "x".repeat(60)), true);
        check(&format!("am-{}", "x".repeat(61)), false);
        for container in
            ["am-", "am", "", "refused", "am-Signin", "am-a_b", "am-..", "xam-a", "am-a/b", "am-a%20", "$logs"]
        {
            check(container, false);
        }
    }

    #[test]
    fn orders_by_time_first() {
        let early = ExportBlob::parse("am-z", &format!("{FOLDER}/PT05M.json").replace("h=03", "h=02")).unwrap();
        let late = ExportBlob::parse("am-a", &format!("{FOLDER}/PT05M.json")).unwrap();
        let later_part = ExportBlob::parse("am-a", &format!("{FOLDER}/PT05M_1.json")).unwrap();
        assert!(early < late && late < later_part);
    }
}
