//! Management commands: the ones that the stand-in knows.

use super::refusal::Refusal;
use super::scan::Scan;
use crate::kql::Kind;

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    IngestionResources,
    IdentityToken,
    Version,
    Tables,
    /// `.show table T cslschema`
    Schema(String),
    /// `.show table T ingestion mappings`, or one of them.
    Mappings {
        table: String,
        name: Option<String>,
    },
    /// `.create table` and `.create-merge table`.
    Create {
        table: String,
        columns: Vec<(String, Kind)>,
        merge: bool,
    },
    /// `.create table T ingestion json mapping` and `.create-or-alter table T ingestion json mapping`.
    CreateMapping {
        table: String,
        name: String,
        mapping: String,
        alter: bool,
    },
    /// `.alter table T policy streamingingestion`
    Streaming {
        table: String,
        enabled: bool,
    },
    /// `.show table T policy streamingingestion`
    ShowStreaming(String),
}

/// Understands a command.
pub(crate) fn parse(text: &str) -> Result<Command, Refusal> {
    let mut scan = Scan::new(text);
    let command = command(&mut scan);
    match command {
        Some(command) if scan.is_done() => Ok(command),
        _ => {
            let message = format!("Syntax error: the command could not be parsed at '{}'", scan.rest());
            Err(Refusal::bad(&message))
        }
    }
}

fn command(scan: &mut Scan) -> Option<Command> {
    if scan.takes(".get ingestion resources") {
        return Some(Command::IngestionResources);
    }
    if scan.takes(".get kusto identity token") {
        return Some(Command::IdentityToken);
    }
    if scan.takes(".show version") {
        return Some(Command::Version);
    }
    if scan.takes(".show tables") {
        return Some(Command::Tables);
    }
    if scan.takes(".show table") {
        let table = scan.name()?;
        return show(scan, table);
    }
    if scan.takes(".create-merge table") {
        let table = scan.name()?;
        return create(scan, table, true);
    }
    if scan.takes(".create-or-alter table") {
        let table = scan.name()?;
        return mapping(scan, table, true);
    }
    if scan.takes(".create table") {
        let table = scan.name()?;
        let mut ahead = *scan;
        return if ahead.takes("ingestion") { mapping(scan, table, false) } else { create(scan, table, false) };
    }
    if scan.takes(".alter table") {
        let table = scan.name()?;
        return scan.takes("policy streamingingestion").then(|| streaming(scan, table)).flatten();
    }
    None
}

fn show(scan: &mut Scan, table: String) -> Option<Command> {
    if scan.takes("cslschema") {
        return Some(Command::Schema(table));
    }
    if scan.takes("policy streamingingestion") {
        return Some(Command::ShowStreaming(table));
    }
    if scan.takes("ingestion mappings") || scan.takes("ingestion json mappings") {
        return Some(Command::Mappings { table, name: None });
    }
    let name = scan.takes("ingestion json mapping").then(|| scan.text()).flatten()?;
    Some(Command::Mappings { table, name: Some(name) })
}

fn create(scan: &mut Scan, table: String, merge: bool) -> Option<Command> {
    let columns = columns(scan.parentheses()?)?;
    // Folder and words about the table, which change nothing here.
    if scan.takes("with") {
        scan.parentheses()?;
    }
    Some(Command::Create { table, columns, merge })
}

/// `a:string, ['b c']:dynamic`
fn columns(text: &str) -> Option<Vec<(String, Kind)>> {
    let mut scan = Scan::new(text);
    let mut columns = Vec::new();
    loop {
        let name = scan.name()?;
        let kind = scan.sign(':').then(|| scan.name()).flatten()?;
        columns.push((name, kind_of(&kind)?));
        if !scan.sign(',') {
            return scan.is_done().then_some(columns);
        }
    }
}

/// A type by one of its names.
pub(crate) fn kind_of(name: &str) -> Option<Kind> {
    Some(match name.to_ascii_lowercase().as_str() {
        "bool" | "boolean" => Kind::Bool,
        "datetime" | "date" => Kind::DateTime,
        "decimal" => Kind::Decimal,
        "dynamic" => Kind::Dynamic,
        "guid" | "uuid" | "uniqueid" => Kind::Guid,
        "int" => Kind::Int,
        "long" => Kind::Long,
        "real" | "double" => Kind::Real,
        "string" => Kind::String,
        "timespan" | "time" => Kind::Timespan,
        _ => return None,
    })
}

fn mapping(scan: &mut Scan, table: String, alter: bool) -> Option<Command> {
    if !scan.takes("ingestion json mapping") {
        return None;
    }
    // The two texts follow each other, and would be taken for one.
    let rest = scan.rest();
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let end = rest[1..].find(quote)? + 2;
    let name = Scan::new(&rest[..end]).text()?;
    let mut after = Scan::new(&rest[end..]);
    let mapping = after.text()?;
    *scan = after;
    Some(Command::CreateMapping { table, name, mapping, alter })
}

/// `enable`, `disable`, or the policy in JSON.
fn streaming(scan: &mut Scan, table: String) -> Option<Command> {
    let enabled = if scan.takes("enable") {
        true
    } else if scan.takes("disable") {
        false
    } else {
        let policy: serde_json::Value = serde_json::from_str(&scan.text()?).ok()?;
        policy["IsEnabled"].as_bool()?
    };
    Some(Command::Streaming { table, enabled })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> String {
        "T".to_owned()
    }

    #[test]
    fn understood() {
        let check = |text: &str, expected: Command| assert_eq!(parse(text), Ok(expected), "{text}");
        check(".get ingestion resources", Command::IngestionResources);
        check(".get  kusto identity\ntoken ", Command::IdentityToken);
        check(".show version", Command::Version);
        check(".show tables", Command::Tables);
        check(".show table T cslschema", Command::Schema(table()));
        check(".show table ['T'] ingestion mappings", Command::Mappings { table: table(), name: None });
        let one = Command::Mappings { table: table(), name: Some("M".into()) };
        check(".show table T ingestion json mapping \"M\"", one);
        let columns = vec![("a".to_owned(), Kind::String), ("b c".to_owned(), Kind::Dynamic)];
        let create = |merge| Command::Create { table: table(), columns: columns.clone(), merge };
        check(
            ".create-merge table T (a:string, ['b c']: dynamic) with (folder='Raw', docstring = \"x (y)\")",
            create(true),
        );
        check(".create table T(a:string,['b c']:dynamic)", create(false));
        let mapping = |alter| Command::CreateMapping { table: table(), name: "M".into(), mapping: "[]".into(), alter };
        check(".create-or-alter table T ingestion json mapping \"M\" '[]'", mapping(true));
        check(".create table T ingestion json mapping 'M' '[' ']'", mapping(false));
        check(".create-or-alter table T ingestion json mapping \"M\"\n```[]```", mapping(true));
        check(".alter table T policy streamingingestion enable", Command::Streaming { table: table(), enabled: true });
        let policy = ".alter table T policy streamingingestion '{\"IsEnabled\": false}'";
        check(policy, Command::Streaming { table: table(), enabled: false });
        check(".show table T policy streamingingestion", Command::ShowStreaming(table()));
    }

    #[test]
    fn refused() {
        for text in [
            "",
            ".show",
            ".show tables | count",
            ".drop table T",
            ".create table T",
            ".create table T (a)",
            ".create table T (a:text)",
            ".create table T (a:string",
            ".create-or-alter table T ingestion csv mapping 'M' '[]'",
            ".create-or-alter table T ingestion json mapping 'M'",
            ".alter table T policy streamingingestion maybe",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
