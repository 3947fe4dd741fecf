//! The message of a queued ingestion.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value as Json};

/// A message.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) blob_path: String,
    pub(crate) database_name: String,
    pub(crate) table_name: String,
    #[serde(default)]
    pub(crate) retain_blob_on_success: bool,
    /// 0 failures, 1 nothing, 2 everything.
    #[serde(default)]
    pub(crate) report_level: u8,
    /// 0 queue, 1 table, 2 both.
    #[serde(default)]
    pub(crate) report_method: u8,
    pub(crate) ingestion_status_in_table: Option<StatusInTable>,
    #[serde(default)]
    additional_properties: Map<String, Json>,
}

/// Where the client made an entry for the status.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct StatusInTable {
    pub(crate) table_connection_string: String,
    pub(crate) partition_key: String,
    pub(crate) row_key: String,
}

impl Message {
    /// Reads a message, which is JSON in base64.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let json = BASE64_STANDARD.decode(text.trim()).map_err(|error| format!("no base64: {error}"))?;
        serde_json::from_slice(&json).map_err(|error| format!("no ingestion message: {error}"))
    }

    /// A further property.
    pub(crate) fn property(&self, name: &str) -> Option<&str> {
        self.additional_properties.get(name)?.as_str().filter(|text| !text.is_empty())
    }

    /// A further property that is a list, or the JSON text of one.
    pub(crate) fn list(&self, name: &str) -> Result<Vec<String>, String> {
        let wrong = || format!("{name} is no list of texts");
        match self.additional_properties.get(name) {
            None | Some(Json::Null) => Ok(Vec::new()),
            Some(Json::String(text)) if text.is_empty() => Ok(Vec::new()),
            Some(Json::String(text)) => serde_json::from_str(text).map_err(|_| wrong()),
            Some(list) => serde_json::from_value(list.clone()).map_err(|_| wrong()),
        }
    }

    /// The name of the mapping, by its key now or by the one that it had before.
    pub(crate) fn mapping_reference(&self) -> Option<&str> {
        self.property("ingestionMappingReference").or_else(|| self.property("jsonMappingReference"))
    }

    pub(crate) fn reports_to_queue(&self) -> bool {
        self.report_method != 1
    }

    pub(crate) fn reports_to_table(&self) -> bool {
        self.report_method != 0
    }

    /// The blob's address without its signature.
    pub(crate) fn blob(&self) -> &str {
        self.blob_path.split('?').next().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn read_as_clients_write_it() {
        let text = json!({
            "Id": "i", "BlobPath": "http://x/c/b?sig=s", "RawDataSize": 5, "DatabaseName": "db", "TableName": "T",
            "RetainBlobOnSuccess": true, "FlushImmediately": false, "ReportLevel": 2, "ReportMethod": 1,
            "IngestionStatusInTable": {"TableConnectionString": "http://x/T?sig=s", "PartitionKey": "p", "RowKey": "r"},
            "AdditionalProperties": {"authorizationContext": "token", "tags": "[\"a\",\"b\"]", "ingestIfNotExists": ["c"], "x": "[1]"},
        });
        let message = Message::parse(&BASE64_STANDARD.encode(text.to_string())).unwrap();
        assert_eq!((message.blob(), message.property("authorizationContext")), ("http://x/c/b", Some("token")));
        assert_eq!(message.list("tags"), Ok(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(message.list("ingestIfNotExists"), Ok(vec!["c".to_owned()]));
        assert_eq!(message.list("none"), Ok(vec![]));
        assert!(message.list("x").is_err());
        assert!(message.reports_to_table() && !message.reports_to_queue());
        let short = json!({"Id": "i", "BlobPath": "b", "DatabaseName": "db", "TableName": "T"}).to_string();
        let message = Message::parse(&BASE64_STANDARD.encode(short)).unwrap();
        assert!(!message.retain_blob_on_success && message.reports_to_queue() && message.report_level == 0);
        assert!(Message::parse("{}").is_err() && Message::parse(&BASE64_STANDARD.encode("{}")).is_err());
    }
}
