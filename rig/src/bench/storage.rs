//! A blob service that costs next to nothing: blobs made of a [`Corpus`], in memory, and the few operations that the program needs. Faithful in what it
//! answers, but for signatures, which it does not check.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use azure_core::time::to_rfc7231;
use futures::stream;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::header::{CONTENT_LENGTH, CONTENT_RANGE, DATE, ETAG, IF_MATCH, LAST_MODIFIED};
use hyper::http::response::Builder;
use hyper::{HeaderMap, Method, Response, Uri};
use time::OffsetDateTime;

use super::corpus::Corpus;
use crate::loopback::Body;

/// The account, as the first part of every path.
pub(super) const ACCOUNT: &str = "devstoreaccount1";

/// Blobs in one page of a listing, where the request names no number: as the real service has it.
const PAGE: usize = 5000;

/// How long a blob has been quiet.
pub(super) const AGE: std::time::Duration = std::time::Duration::from_hours(24);

/// Container and name.
type Key = (String, String);

/// A blob service.
#[derive(Default)]
pub(super) struct Storage {
    blobs: Mutex<BTreeMap<Key, Blob>>,
    operations: Mutex<BTreeMap<&'static str, u64>>,
}

struct Blob {
    corpus: Arc<Corpus>,
    length: u64,
    version: u64,
    written: OffsetDateTime,
    metadata: BTreeMap<String, String>,
}

impl Storage {
    /// Adds an append blob that has been quiet for a day.
    pub(super) fn put(&self, container: String, name: String, corpus: Arc<Corpus>, length: u64) {
        let written = OffsetDateTime::now_utc() - AGE;
        let blob = Blob { corpus, length, version: 1, written, metadata: BTreeMap::new() };
        lock(&self.blobs).insert((container, name), blob);
    }

    /// Adds an append blob that was written to just now and of which all is shipped.
    pub(super) fn put_shipped(&self, container: String, name: String, corpus: Arc<Corpus>, length: u64) {
        let metadata = [("axiom_shipped".to_owned(), length.to_string())].into();
        let blob = Blob { corpus, length, version: 1, written: OffsetDateTime::now_utc(), metadata };
        lock(&self.blobs).insert((container, name), blob);
    }

    /// Removes all blobs.
    pub(super) fn clear(&self) {
        lock(&self.blobs).clear();
    }

    /// How many blobs there are.
    #[must_use]
    pub(super) fn blobs(&self) -> usize {
        lock(&self.blobs).len()
    }

    /// The operations since the last call, by kind.
    pub(super) fn take_operations(&self) -> BTreeMap<&'static str, u64> {
        std::mem::take(&mut lock(&self.operations))
    }

    /// Whether these are the bytes of a blob (`container/name`) from `offset` on.
    #[must_use]
    pub(super) fn matches(&self, blob: &str, offset: u64, bytes: &[u8]) -> bool {
        let Some((container, name)) = blob.split_once('/') else { return false };
        let key = (container.to_owned(), name.to_owned());
        let corpus = lock(&self.blobs).get(&key).map(|blob| Arc::clone(&blob.corpus));
        corpus.is_some_and(|corpus| corpus.matches(offset, bytes))
    }

    pub(super) fn serve(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> io::Result<Response<Body>> {
        let query: BTreeMap<String, String> =
            url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
        let path = percent_decode(uri.path());
        let path = path.strip_prefix(&format!("/{ACCOUNT}")).unwrap_or(&path).trim_start_matches('/').to_owned();
        let comp = query.get("comp").map(String::as_str);
        let (kind, response) = match (method, path.split_once('/'), comp) {
            (&Method::GET, None, Some("list")) if path.is_empty() => ("list containers", self.containers()),
            (&Method::GET, None, Some("list")) => ("list blobs", self.list(&path, &query)),
            (&Method::HEAD, Some(key), None) => ("get properties", self.head(key)),
            (&Method::GET, Some(key), None) => ("get blob", self.get(key, headers)),
            (&Method::PUT, Some(key), Some("metadata")) => ("set metadata", self.set_metadata(key, headers)),
            (&Method::DELETE, Some(key), None) => ("delete blob", self.delete(key, headers)),
            _ => ("unknown", error(400, "UnsupportedOperation")),
        };
        *lock(&self.operations).entry(kind).or_default() += 1;
        response.map_err(io::Error::other)
    }

    fn containers(&self) -> hyper::http::Result<Response<Body>> {
        let mut names: Vec<_> = lock(&self.blobs).keys().map(|(container, _)| container.clone()).collect();
        names.dedup();
        let items: String = names.iter().map(|name| format!("<Container><Name>{name}</Name></Container>")).collect();
        xml(&format!("<EnumerationResults><Containers>{items}</Containers><NextMarker/></EnumerationResults>"))
    }

    fn list(&self, container: &str, query: &BTreeMap<String, String>) -> hyper::http::Result<Response<Body>> {
        let from = (container.to_owned(), query.get("marker").cloned().unwrap_or_default());
        let page = query.get("maxresults").and_then(|most| most.parse().ok()).unwrap_or(PAGE);
        let blobs = lock(&self.blobs);
        let mut rest = blobs.range(from..).take_while(|((of, _), _)| of == container);
        let mut items = String::new();
        for ((_, name), blob) in rest.by_ref().take(page) {
            let metadata: String = blob.metadata.iter().map(|(key, value)| format!("<{key}>{value}</{key}>")).collect();
            let (length, written) = (blob.length, to_rfc7231(&blob.written));
            items += &format!(
                "<Blob><Name>{name}</Name><Properties><Last-Modified>{written}</Last-Modified><Etag>{}</Etag><Content-Length>{length}</Content-Length>\
                 <BlobType>AppendBlob</BlobType></Properties><Metadata>{metadata}</Metadata></Blob>",
                blob.version
            );
        }
        let next = rest.next().map(|((_, name), _)| name.as_str()).unwrap_or_default();
        xml(&format!("<EnumerationResults><Blobs>{items}</Blobs><NextMarker>{next}</NextMarker></EnumerationResults>"))
    }

    fn head(&self, key: (&str, &str)) -> hyper::http::Result<Response<Body>> {
        match lock(&self.blobs).get(&owned(key)) {
            Some(blob) => blob.describe(Response::builder()).header(CONTENT_LENGTH, blob.length).body(empty()),
            None => error(404, "BlobNotFound"),
        }
    }

    fn get(&self, key: (&str, &str), headers: &HeaderMap) -> hyper::http::Result<Response<Body>> {
        let blobs = lock(&self.blobs);
        let Some(blob) = blobs.get(&owned(key)) else { return error(404, "BlobNotFound") };
        let Some(asked) = range(headers) else { return error(400, "InvalidHeaderValue") };
        let range = asked.start..asked.end.min(blob.length);
        let response = match asked.end {
            u64::MAX => blob.describe(Response::builder()),
            _ => {
                let shown = format!("bytes {}-{}/{}", range.start, range.end - 1, blob.length);
                blob.describe(Response::builder().status(206)).header(CONTENT_RANGE, shown)
            }
        };
        let pieces = blob.corpus.pieces(range.clone()).map(|piece| Ok(Frame::data(piece)));
        let body = BodyExt::boxed(StreamBody::new(stream::iter(pieces)));
        response.header(CONTENT_LENGTH, range.end - range.start).body(body)
    }

    fn set_metadata(&self, key: (&str, &str), headers: &HeaderMap) -> hyper::http::Result<Response<Body>> {
        let mut blobs = lock(&self.blobs);
        let Some(blob) = blobs.get_mut(&owned(key)) else { return error(404, "BlobNotFound") };
        if !blob.is(headers) {
            return error(412, "ConditionNotMet");
        }
        let metadata = headers.iter().filter_map(|(name, value)| {
            Some((name.as_str().strip_prefix("x-ms-meta-")?.to_owned(), value.to_str().ok()?.to_owned()))
        });
        (blob.metadata, blob.version, blob.written) = (metadata.collect(), blob.version + 1, OffsetDateTime::now_utc());
        blob.describe(Response::builder()).header(CONTENT_LENGTH, 0).body(empty())
    }

    fn delete(&self, key: (&str, &str), headers: &HeaderMap) -> hyper::http::Result<Response<Body>> {
        let mut blobs = lock(&self.blobs);
        match blobs.get(&owned(key)) {
            None => error(404, "BlobNotFound"),
            Some(blob) if !blob.is(headers) => error(412, "ConditionNotMet"),
            Some(_) => {
                blobs.remove(&owned(key));
                Response::builder().status(202).header(CONTENT_LENGTH, 0).body(empty())
            }
        }
    }
}

impl Blob {
    fn is(&self, headers: &HeaderMap) -> bool {
        headers.get(IF_MATCH).is_none_or(|wanted| wanted.as_bytes() == self.etag().as_bytes())
    }

    fn etag(&self) -> String {
        format!("\"{}\"", self.version)
    }

    fn describe(&self, response: Builder) -> Builder {
        let response = response
            .header(ETAG, self.etag())
            .header(LAST_MODIFIED, to_rfc7231(&self.written))
            .header(DATE, to_rfc7231(&OffsetDateTime::now_utc()))
            .header("x-ms-creation-time", "Tue, 24 Nov 2026 10:00:00 GMT")
            .header("x-ms-blob-type", "AppendBlob")
            .header("x-ms-version", "2025-11-05");
        self.metadata
            .iter()
            .fold(response, |response, (name, value)| response.header(format!("x-ms-meta-{name}"), value.as_str()))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn owned((container, name): (&str, &str)) -> Key {
    (container.to_owned(), name.to_owned())
}

/// The range that is asked for, `bytes=0-99` in the header `x-ms-range` or `Range`; everything without such a header.
fn range(headers: &HeaderMap) -> Option<Range<u64>> {
    let Some(text) = headers.get("x-ms-range").or_else(|| headers.get("range")) else { return Some(0..u64::MAX) };
    let (start, last) = text.to_str().ok()?.strip_prefix("bytes=")?.split_once('-')?;
    Some(start.parse().ok()?..last.parse::<u64>().ok()? + 1)
}

fn percent_decode(path: &str) -> String {
    // As a query's value, which is decoded by the same rule, but for the plus sign, which no name here has.
    url::form_urlencoded::parse(format!("p={path}").as_bytes())
        .next()
        .map(|(_, path)| path.into_owned())
        .unwrap_or_default()
}

fn empty() -> Body {
    Full::default().map_err(|never| match never {}).boxed()
}

fn xml(text: &str) -> hyper::http::Result<Response<Body>> {
    let text = format!("<?xml version=\"1.0\" encoding=\"utf-8\"?>{text}");
    let body = Full::from(text).map_err(|never| match never {}).boxed();
    Response::builder().header("content-type", "application/xml").body(body)
}

fn error(status: u16, code: &str) -> hyper::http::Result<Response<Body>> {
    Response::builder().status(status).header("x-ms-error-code", code).header(CONTENT_LENGTH, 0).body(empty())
}
