//! The records in the bytes of an ingestion.

use std::io::Read as _;

use serde_json::Value as Json;

/// A format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// One record in each line.
    Json,
    /// Records one after the other, or in arrays, over any lines.
    MultiJson,
}

impl Format {
    /// A format by its name; case does not count.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "json" => Some(Self::Json),
            "multijson" | "singlejson" => Some(Self::MultiJson),
            _ => None,
        }
    }
}

/// Why bytes hold no records: the service's code, and words.
pub(crate) type Wrong = (&'static str, String);

/// The bytes themselves, where they are compressed.
pub(crate) fn plain(bytes: &[u8], compressed: bool) -> Result<Vec<u8>, Wrong> {
    if !compressed && !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes.to_vec());
    }
    let mut plain = Vec::new();
    let read = flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut plain);
    read.map(|_| plain).map_err(|error| ("BadRequest_InvalidArchive", format!("no gzip: {error}")))
}

/// The records.
pub(crate) fn records(bytes: &[u8], format: Format) -> Result<Vec<Json>, Wrong> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let wrong = |error: serde_json::Error| ("BadRequest_UnexpectedCharacterInInputStream", format!("no JSON: {error}"));
    let records: Vec<Json> = match format {
        Format::Json => {
            let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
            lines.map(serde_json::from_slice).collect::<Result<_, _>>().map_err(wrong)?
        }
        Format::MultiJson => {
            let values = serde_json::Deserializer::from_slice(bytes).into_iter::<Json>();
            let values = values.collect::<Result<Vec<_>, _>>().map_err(wrong)?;
            let each = |value| match value {
                Json::Array(values) => values,
                value => vec![value],
            };
            values.into_iter().flat_map(each).collect()
        }
    };
    if records.is_empty() { Err(("Stream_NoDataToIngest", "there are no records".to_owned())) } else { Ok(records) }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use serde_json::json;

    use super::*;

    #[test]
    fn both_formats() {
        let read = |text: &str, format: &str| records(text.as_bytes(), Format::named(format).unwrap());
        assert_eq!(read("{\"a\":1}\n\n{\"a\":2}\r\n", "json"), Ok(vec![json!({"a": 1}), json!({"a": 2})]));
        let several = "\u{feff}{\"a\":\n1} {\"a\":2}\n[{\"a\":3},\n{\"a\":4}]";
        assert_eq!(read(several, "MultiJSON"), Ok([1, 2, 3, 4].map(|a| json!({"a": a})).to_vec()));
        let code = |result: Result<Vec<Json>, Wrong>| result.unwrap_err().0;
        assert_eq!(code(read(several, "JSON")), "BadRequest_UnexpectedCharacterInInputStream");
        assert_eq!(code(read("{\"a\":1} {\"a\"", "multijson")), "BadRequest_UnexpectedCharacterInInputStream");
        assert_eq!(code(read(" \n", "multijson")), "Stream_NoDataToIngest");
        assert_eq!(Format::named("csv"), None);
    }

    #[test]
    fn compressed_bytes() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(b"text").unwrap();
        let bytes = encoder.finish().unwrap();
        assert_eq!((plain(&bytes, false), plain(b"text", false)), (Ok(b"text".to_vec()), Ok(b"text".to_vec())));
        assert_eq!(plain(b"text", true).unwrap_err().0, "BadRequest_InvalidArchive");
    }
}
