//! What the host makes of the answer of an HTTP function: the response that it passes on (Azure/azure-functions-host#10987).

use std::collections::BTreeMap;

use anyhow::Context as _;
use serde_json::Value;

/// The response that whoever asked gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// HTTP status.
    pub status: u16,
    /// Headers, names as they were given.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: String,
}

impl Passed {
    /// The response under the name of the output binding.
    pub(crate) fn read(answer: &[u8], output: &str) -> anyhow::Result<Self> {
        let answer: Value = serde_json::from_slice(answer)?;
        let response = answer["Outputs"].get(output).with_context(|| format!("Outputs names no {output}"))?;
        let status = match &response["statusCode"] {
            Value::String(text) => text.parse()?,
            number => number.as_u64().and_then(|number| u16::try_from(number).ok()).context("no statusCode")?,
        };
        let headers = response["headers"].as_object().into_iter().flatten();
        let headers = headers.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect();
        let body = response["body"].as_str().context("a body that is no text")?.to_owned();
        Ok(Self { status, headers, body })
    }
}
