//! Questions to Axiom in its query language, APL: what is there of what we sent.

use serde::Deserialize;
use serde_json::Value;
use time::OffsetDateTime;

use super::Axiom;
use super::again::{Failure, GaveUp, again};
use super::answer::judge_query;

/// There is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Waiting does not help.
    #[error("query dataset {dataset} in Axiom: status {status}: {reason}{}", advice(*status))]
    Refused {
        /// The dataset.
        dataset: String,
        /// HTTP status.
        status: u16,
        /// Axiom's words.
        reason: String,
    },
    /// Asked again and again.
    #[error("query dataset {dataset} in Axiom: {reason} (tried for minutes; try again later)")]
    Trouble {
        /// The dataset.
        dataset: String,
        /// What was wrong last.
        reason: String,
    },
}

fn advice(status: u16) -> &'static str {
    match status {
        401 => " (AXIOM_TOKEN is not one that Axiom knows)",
        403 => {
            " (the token needs the capability query, read on the dataset; a token for ingest alone does not have it)"
        }
        _ => "",
    }
}

/// The columns of an answer, by name.
#[derive(Debug, Default, PartialEq)]
pub struct Columns(Vec<(String, Vec<Value>)>);

impl Columns {
    /// A column's cells; none where there is no such column.
    #[must_use]
    pub fn get(&self, name: &str) -> &[Value] {
        self.0.iter().find(|(column, _)| column == name).map_or(&[], |(_, cells)| cells)
    }

    /// Reads the tabular form ("Run a query" in Axiom's API reference).
    fn read(body: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Answer {
            status: Status,
            tables: Vec<Table>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Status {
            #[serde(default)]
            is_partial: bool,
        }
        #[derive(Deserialize)]
        struct Table {
            fields: Vec<Field>,
            columns: Option<Vec<Vec<Value>>>,
        }
        #[derive(Deserialize)]
        struct Field {
            name: String,
        }
        let Answer { status, tables } =
            serde_json::from_slice(body).map_err(|error| format!("the answer cannot be read: {error}"))?;
        if status.is_partial {
            return Err("the answer is partial".to_owned());
        }
        let Some(Table { fields, columns }) = tables.into_iter().next() else { return Ok(Self::default()) };
        Ok(Self(fields.into_iter().map(|field| field.name).zip(columns.unwrap_or_default()).collect()))
    }
}

impl Axiom {
    /// Asks about `dataset`, which `apl` names; `start` and `end` (RFC 3339) tell Axiom where to look. None where there is no such dataset.
    ///
    /// # Errors
    /// [`AskError`].
    pub async fn ask(&self, dataset: &str, apl: &str, (start, end): (&str, &str)) -> Result<Option<Columns>, AskError> {
        let outcome = again(async || {
            let (status, headers, body) = self.0.http.query(apl, start, end).await?;
            if status.as_u16() == 404 {
                return Ok(None);
            }
            judge_query(status, &headers, &body, OffsetDateTime::now_utc())?;
            Columns::read(&body).map(Some).map_err(Failure::for_now)
        });
        outcome.await.map_err(|gave_up| match gave_up {
            GaveUp::Refused { status, reason } => AskError::Refused { dataset: dataset.to_owned(), status, reason },
            GaveUp::Trouble { reason } => AskError::Trouble { dataset: dataset.to_owned(), reason },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_columns_and_partial_ones_are_none() {
        let answer = r#"{"status":{"isPartial":false},"tables":[{"fields":[{"name":"_time","type":"datetime"},{"name":"Rows"}],"columns":[["a","b"],[1,2]]}]}"#;
        let columns = Columns::read(answer.as_bytes()).unwrap();
        assert_eq!(
            (columns.get("Rows"), columns.get("_time").len(), columns.get("x")),
            (&[1.into(), 2.into()][..], 2, &[][..])
        );
        assert!(Columns::read(answer.replace("false", "true").as_bytes()).is_err());
        assert!(Columns::read(b"{}").is_err());
        let empty = r#"{"status":{},"tables":[{"fields":[{"name":"Rows"}],"columns":null}]}"#;
        assert_eq!(Columns::read(empty.as_bytes()).unwrap().get("Rows"), &[] as &[Value]);
    }
}
