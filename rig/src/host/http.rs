//! The host's HTTP client: plain HTTP/1.1 to the loopback address, kept connections without a limit, redirects followed.

use std::convert::Infallible;
use std::time::Duration;

use anyhow::{Context, bail};
use futures::stream;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::{Bytes, Frame};
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, LOCATION, USER_AGENT};
use hyper::{Method, Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::envelope::{HOST_VERSION, chunks};
use super::judge::Answer;

type Body = BoxBody<Bytes, Infallible>;

/// .NET's HttpClient gives up after this many redirects.
const MOST_REDIRECTS: usize = 50;

/// A client for the one handler that listens on `port`.
pub(crate) struct Http {
    client: Client<HttpConnector, Body>,
    port: u16,
    use_content_length: bool,
}

/// An answer, and the statuses of the redirects that led to it.
pub(crate) struct Exchange {
    pub(crate) answer: Answer,
    pub(crate) redirects: Vec<u16>,
}

impl Http {
    pub(crate) fn new(port: u16, use_content_length: bool) -> Http {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).http1_title_case_headers(true).build(connector);
        Http { client, port, use_content_length }
    }

    /// `GET /` with only a `Host` header. Any answer counts, whatever its status.
    pub(crate) async fn ping(&self) -> anyhow::Result<()> {
        let response = self.client.request(self.request(Method::GET, "/", empty())?).await?;
        response.into_body().collect().await?;
        Ok(())
    }

    /// `GET /` every 25 ms until there is an answer.
    pub(crate) async fn probe(&self) {
        while self.ping().await.is_err() {
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    /// Posts an invocation and follows redirects with GET, as the host does.
    ///
    /// # Errors
    /// When the connection fails, or breaks before the whole answer has come.
    pub(crate) async fn post(&self, function: &str, id: &str, body: &str) -> anyhow::Result<Exchange> {
        let mut path = format!("/{function}");
        let mut response =
            self.client.request(self.invocation(&path, id, body)?).await.context("send the invocation")?;
        let mut redirects = Vec::new();
        while response.status().is_redirection() {
            redirects.push(response.status().as_u16());
            let Some(location) = response.headers().get(LOCATION) else { break };
            if redirects.len() > MOST_REDIRECTS {
                bail!("{MOST_REDIRECTS} redirects led nowhere");
            }
            let base = url::Url::parse(&format!("http://127.0.0.1:{}{path}", self.port))?;
            path = base.join(location.to_str()?)?.path().to_owned();
            response =
                self.client.request(self.request(Method::GET, &path, empty())?).await.context("follow the redirect")?;
        }
        let status = response.status();
        let content_type = text(response.headers(), CONTENT_TYPE.as_str());
        // The client takes a 204 for bodyless; the host does the same.
        let body = match status {
            StatusCode::NO_CONTENT => Bytes::new(),
            _ => response.into_body().collect().await.context("read the answer")?.to_bytes(),
        };
        Ok(Exchange { answer: Answer { status: status.as_u16(), content_type, body }, redirects })
    }

    fn invocation(&self, path: &str, id: &str, body: &str) -> anyhow::Result<Request<Body>> {
        let framed = match self.use_content_length {
            true => Full::new(Bytes::from(body.to_owned())).boxed(),
            false => {
                let frames = chunks(body).into_iter().map(|chunk| Ok::<_, Infallible>(Frame::data(Bytes::from(chunk))));
                BodyExt::boxed(StreamBody::new(stream::iter(frames)))
            }
        };
        let mut request = self.request(Method::POST, path, framed)?;
        let headers = request.headers_mut();
        headers.insert("x-azure-functions-hostversion", HOST_VERSION.parse()?);
        headers.insert("x-azure-functions-invocationid", id.parse()?);
        headers.insert(USER_AGENT, format!("Azure-Functions-Host/{HOST_VERSION}").parse()?);
        headers.insert(CONTENT_TYPE, "application/json; charset=utf-8".parse()?);
        Ok(request)
    }

    fn request(&self, method: Method, path: &str, body: Body) -> anyhow::Result<Request<Body>> {
        let authority = format!("127.0.0.1:{}", self.port);
        let request =
            Request::builder().method(method).uri(format!("http://{authority}{path}")).header(HOST, authority);
        request.body(body).context("build a request")
    }
}

fn empty() -> Body {
    Empty::new().boxed()
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Takes one request off a socket, answers it, and gives the raw bytes of its head and body.
    async fn raw_request(listener: TcpListener) -> (String, String) {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n0\r\n\r\n") {
            socket.read_buf(&mut bytes).await.unwrap();
        }
        socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }

    fn names<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
        let mut names: Vec<String> =
            lines.filter_map(|line| line.split_once(": ")).map(|(name, _)| name.to_ascii_lowercase()).collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn the_wire_carries_the_recorded_headers_and_chunks() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/functions-host/queue-eventgrid-object.json");
        let recorded: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let body = recorded["body"].as_str().unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let http = Http::new(listener.local_addr().unwrap().port(), false);
        let sent = http.post("function-blob-trigger", "5e075124-1df2-4c94-b1a1-05a86120844b", body);
        let ((head, chunks), answered) = tokio::join!(raw_request(listener), sent);
        assert_eq!(answered.unwrap().answer.body, "{}");

        let lines: Vec<&str> = recorded["request"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert_eq!(head.lines().next(), Some(lines[0]));
        assert_eq!(names(head.lines()), names(lines.into_iter()));
        let sizes: Vec<u64> = chunks.lines().step_by(2).filter_map(|size| u64::from_str_radix(size, 16).ok()).collect();
        assert_eq!(Value::from(sizes), recorded["chunks"]);
        assert_eq!(chunks.lines().skip(1).step_by(2).collect::<String>(), body);
    }
}
