//! From the records of a query to one page of them, and the token for the next.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::options::Options;
use crate::kql::write::Nested;
use crate::kql::{Kind, Relation};

/// Which records of a result are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) skip: usize,
    pub(crate) top: usize,
}

/// What is in a token, which clients must not look into: as recorded ones, a size and a place; and what it belongs to.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SkipToken {
    pub(crate) max_rows: usize,
    pub(crate) rows_to_skip: usize,
    /// Of the query and its scopes.
    pub(crate) fingerprint: u64,
}

impl SkipToken {
    pub(crate) fn encode(&self) -> String {
        STANDARD.encode(serde_json::to_string(self).expect("numbers are JSON"))
    }

    pub(crate) fn decode(text: &str) -> Option<Self> {
        serde_json::from_slice(&STANDARD.decode(text).ok()?).ok()
    }
}

/// One page.
#[derive(Debug)]
pub(crate) struct Page {
    /// The text of each record.
    pub(crate) records: Vec<String>,
    pub(crate) total: usize,
    /// Whether records follow it.
    more: bool,
    /// Whether the next page can be asked for.
    pages: bool,
}

/// The page is larger than a reply may be: its bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLarge(pub(crate) usize);

impl Page {
    /// Cuts a page out of a result. One of a query with `take` or `limit`, or of dynamic columns alone, has no next one ("Guidance for pagination").
    pub(crate) fn new(relation: &Relation, wanted: Wanted, limited: bool, options: &Options) -> Result<Self, TooLarge> {
        let form = Nested::objects(relation, false);
        let (total, mut records, mut bytes) = (relation.rows.len(), Vec::new(), 0);
        for row in relation.rows.iter().skip(wanted.skip).take(wanted.top) {
            let mut record = String::new();
            form.write(row, &mut record);
            bytes += record.len() + 1;
            records.push(record);
        }
        if bytes > options.bytes_max {
            return Err(TooLarge(bytes));
        }
        let more = wanted.skip + records.len() < total;
        let pages = !limited && relation.scope.visible.iter().any(|column| column.kind != Kind::Dynamic);
        Ok(Self { records, total, more, pages })
    }

    /// Half of the records, and no way to ask for the others.
    pub(crate) fn partial(mut self) -> Self {
        self.records.truncate(self.records.len() / 2);
        Self { more: true, pages: false, ..self }
    }

    /// The same without its last record, which nothing but the count says.
    pub(crate) fn short(mut self) -> Self {
        self.records.pop();
        Self { more: false, ..self }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.records.iter().map(String::len).sum()
    }

    /// The body of a 200.
    pub(crate) fn body(&self, wanted: Wanted, fingerprint: u64) -> String {
        let next = SkipToken { max_rows: wanted.top, rows_to_skip: wanted.skip + self.records.len(), fingerprint };
        let token = match self.more && self.pages {
            true => format!(",\"$skipToken\":{}", json!(next.encode())),
            false => String::new(),
        };
        format!(
            "{{\"totalRecords\":{},\"count\":{},\"data\":[{}],\"facets\":[],\"resultTruncated\":\"{}\"{token}}}",
            self.total,
            self.records.len(),
            self.records.join(","),
            self.more && !self.pages,
        )
    }
}
