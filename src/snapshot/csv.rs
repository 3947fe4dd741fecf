//! Records as CSV (RFC 4180): the columns of their kind, which `kind.rs` lists, and `properties` as JSON. Pure.

use std::borrow::Cow;
use std::collections::HashMap;

use csv::{Terminator, Writer, WriterBuilder};
use serde_json::Value;
use serde_json::value::RawValue;

use super::kind::{COMMON, Column, Kind, PROPERTIES};

/// The line with the names of the columns.
pub(super) fn header(kind: Kind) -> Vec<u8> {
    let mut lines = writer();
    write(&mut lines, columns(kind).map(|(name, _)| name.into()).chain([PROPERTIES.into()]));
    finish(lines)
}

/// A line for each line of JSON.
///
/// # Errors
/// A line is no object.
pub(super) fn rows(kind: Kind, records: &[u8]) -> serde_json::Result<Vec<u8>> {
    let mut lines = writer();
    for record in records.split(|byte| *byte == b'\n').filter(|record| !record.is_empty()) {
        let texts: HashMap<Cow<'_, str>, &RawValue> = serde_json::from_slice(record)?;
        let values: Value = serde_json::from_slice(record)?;
        let cells = columns(kind).map(|(_, path)| cell(find(&values, path)));
        let properties = texts.get(PROPERTIES).map_or("", |text| text.get());
        write(&mut lines, cells.chain([properties.into()]));
    }
    Ok(finish(lines))
}

fn columns(kind: Kind) -> impl Iterator<Item = Column> {
    COMMON.iter().chain(kind.facts().columns).copied()
}

/// What stands at a path, whatever the case of its keys is.
fn find<'a>(record: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(record, |value, key| {
        let object = value.as_object()?;
        object
            .get(key)
            .or_else(|| object.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value))
    })
}

fn cell(value: Option<&Value>) -> Cow<'_, str> {
    match value {
        None | Some(Value::Null) => "".into(),
        Some(Value::String(text)) => harmless(text),
        Some(other) => other.to_string().into(),
    }
}

/// A text that no spreadsheet takes for a formula ("CSV Injection", OWASP). Attackers have a say in what alerts are about, such as the name of a process, and
/// people open CSV in spreadsheets: so we rather put a quote in front of a few texts. JSON lines have all of them as they are.
fn harmless(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}").into() } else { text.into() }
}

fn writer() -> Writer<Vec<u8>> {
    WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new())
}

fn write<'a>(lines: &mut Writer<Vec<u8>>, cells: impl Iterator<Item = Cow<'a, str>>) {
    lines
        .write_record(cells.collect::<Vec<_>>().iter().map(|cell| cell.as_bytes()))
        .expect("lines of one kind are equally long, and memory takes them");
}

fn finish(lines: Writer<Vec<u8>>) -> Vec<u8> {
    lines.into_inner().expect("memory takes them")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_and_quoted() {
        let records = r#"{"id":"/a","name":"=1+1","type":"t","location":null,"properties":{"DisplayName":"a, \"b\"\nc","Score":{"current":1.50,"max":4},"weight":-2}}
{"id":"/b","properties":{}}
{"id":"/c"}
"#;
        let text = [header(Kind::SecureScores), rows(Kind::SecureScores, records.as_bytes()).unwrap()].concat();
        let wanted = "id,name,type,tenantId,subscriptionId,resourceGroup,location,displayName,current,max,percentage,weight,properties\r\n\
            /a,'=1+1,t,,,,,\"a, \"\"b\"\"\nc\",1.5,4,,-2,\"{\"\"DisplayName\"\":\"\"a, \\\"\"b\\\"\"\\nc\"\",\"\"Score\"\":{\"\"current\"\":1.50,\"\"max\"\":4},\"\"weight\"\":-2}\"\r\n\
            /b,,,,,,,,,,,,{}\r\n/c,,,,,,,,,,,,\r\n";
        assert_eq!(String::from_utf8(text).unwrap(), wanted);
        assert!(rows(Kind::Alerts, b"[1]\n").is_err());
    }

    #[test]
    fn every_kind_has_columns_and_a_table_of_its_own() {
        let kinds = <Kind as clap::ValueEnum>::value_variants();
        let tables: std::collections::BTreeSet<_> = kinds.iter().map(|kind| kind.table()).collect();
        assert_eq!(tables.len(), kinds.len());
        for kind in kinds {
            let header = String::from_utf8(header(*kind)).unwrap();
            let names: std::collections::BTreeSet<_> = header.trim_end().split(',').collect();
            assert_eq!(names.len(), columns(*kind).count() + 1, "{header}");
        }
    }
}
