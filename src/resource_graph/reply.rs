//! What Azure Resource Graph replies, as lines of JSON. Pure.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::Deserialize;
use serde_json::value::RawValue;

/// What a reply says of a result. It is one look at the service's state: nothing in it is older or newer than the rest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// A line of JSON for each record, as it came.
    pub lines: Vec<u8>,
    /// How many there are.
    pub rows: u64,
    /// Records that came, too, but have the id of one before them.
    pub repeated: u64,
    /// Records of the whole result.
    pub total: u64,
    /// Whether the service offers to go on (`$skipToken`).
    pub more: bool,
    /// Whether it says that records are left out (`resultTruncated`).
    pub truncated: bool,
}

impl Page {
    /// Records that came.
    #[must_use]
    pub fn came(&self) -> u64 {
        self.rows + self.repeated
    }

    /// Whether these are all the records of the result.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.came() >= self.total && !self.more && !self.truncated
    }

    /// Whether records are missing that cannot be asked for.
    #[must_use]
    pub fn is_short(&self) -> bool {
        !self.more && !self.is_whole()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reply<'a> {
    total_records: u64,
    /// `"true"` or `"false"`, in quotes.
    #[serde(borrow)]
    result_truncated: Cow<'a, str>,
    #[serde(borrow, rename = "$skipToken", default)]
    skip_token: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Known<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
}

/// Reads a reply in the format `objectArray`.
///
/// # Errors
/// It is none, such as one that broke off, or a record in it is no object.
pub fn page(reply: &[u8]) -> serde_json::Result<Page> {
    let reply: Reply<'_> = serde_json::from_slice(reply)?;
    let mut page = Page {
        total: reply.total_records,
        more: reply.skip_token.is_some_and(|token| token.get() != "null"),
        truncated: reply.result_truncated.eq_ignore_ascii_case("true"),
        ..Page::default()
    };
    let mut ids = HashSet::new();
    for record in reply.data {
        // An array would do for the derived reader.
        let Known { id } = match record.get().starts_with('{') {
            true => serde_json::from_str(record.get())?,
            false => return Err(serde::de::Error::custom("a record is no object")),
        };
        // An id is unique in Azure: a second record of it is the same one.
        if id.is_some_and(|id| !ids.insert(id)) {
            page.repeated += 1;
            continue;
        }
        // In JSON, the ends of lines can only stand between values, where they mean nothing.
        page.lines.extend(record.get().bytes().filter(|byte| !matches!(byte, b'\n' | b'\r')));
        page.lines.push(b'\n');
        page.rows += 1;
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(total: u64, data: &str, rest: &str) -> String {
        format!(r#"{{"totalRecords":{total},"count":9,"data":[{data}],"facets":[],{rest}}}"#)
    }

    #[test]
    fn records_stay_as_they_are() {
        let data = "{\"id\":\"/a\",\"b\" : 1.50,\r\n\"c\":\"\\u00e9\\n\"}, {\"id\":\"/b\"},{\"c\":1},{\"c\":1}";
        let page = page(reply(4, data, r#""resultTruncated":"false""#).as_bytes()).unwrap();
        let lines = "{\"id\":\"/a\",\"b\" : 1.50,\"c\":\"\\u00e9\\n\"}\n{\"id\":\"/b\"}\n{\"c\":1}\n{\"c\":1}\n";
        assert_eq!((String::from_utf8(page.lines.clone()).unwrap().as_str(), page.rows), (lines, 4));
        assert!(page.is_whole() && !page.is_short());
    }

    #[test]
    fn an_id_is_written_once() {
        let data = r#"{"id":"/a","n":1},{"id":"/a","n":2},{"id":"/A"}"#;
        let page = page(reply(3, data, r#""resultTruncated":"false""#).as_bytes()).unwrap();
        assert_eq!((page.rows, page.repeated, page.came()), (2, 1, 3));
        assert!(page.is_whole());
    }

    #[test]
    fn whole_short_or_more() {
        for (total, rest, whole, short) in [
            (1, r#""resultTruncated":"false""#, true, false),
            (1, r#""resultTruncated":"false","$skipToken":null"#, true, false),
            (2, r#""resultTruncated":"false","$skipToken":"t""#, false, false),
            (2, r#""resultTruncated":"true""#, false, true),
            (1, r#""resultTruncated":"true""#, false, true),
            (2, r#""resultTruncated":"false""#, false, true),
        ] {
            let page = page(reply(total, r#"{"id":"/a"}"#, rest).as_bytes()).unwrap();
            assert_eq!((page.is_whole(), page.is_short()), (whole, short), "{total} {rest}");
        }
    }

    #[test]
    fn what_is_no_reply() {
        let good = reply(1, r#"{"id":"/a"}"#, r#""resultTruncated":"false""#);
        for bad in ["", "{}", "[]", &good[..good.len() - 1], &good.replace(r#"{"id":"/a"}"#, "[1]")] {
            assert!(page(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
