//! An HTTP/1.1 server that does what a function of the request says.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use url::Url;

/// A request as it came in.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// How many came before.
    pub(super) index: usize,
    /// Path and query.
    pub(super) target: String,
    headers: String,
    pub(super) body: Vec<u8>,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.lines().filter_map(|line| line.split_once(':'));
        headers.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// The body before compression.
    pub(super) fn text(&self) -> String {
        let plain = match self.header("content-encoding") {
            Some("zstd") => zstd::bulk::decompress(&self.body, 64 << 20).expect("the body is zstd"),
            _ => self.body.clone(),
        };
        String::from_utf8(plain).expect("it is UTF-8")
    }

    pub(super) fn rows(&self) -> Vec<String> {
        self.text().lines().map(str::to_owned).collect()
    }
}

/// What the server does with a request.
#[derive(Debug, Clone)]
pub(super) enum Act {
    /// Answers with status, further header lines, and body.
    Answer(u16, &'static str, String),
    /// Answers 200 with all rows ingested.
    Ok,
    /// Answers 200 but closes in the middle of the body.
    CutShort,
    /// Closes the connection without an answer.
    Close,
    /// Never answers.
    Silence,
}

type Script = dyn Fn(&Request) -> Act + Send + Sync;

/// Listens until dropped.
pub(super) struct Server {
    pub(super) url: Url,
    received: Arc<Mutex<Vec<Request>>>,
    _tasks: JoinSet<()>,
}

impl Server {
    pub(super) async fn start(script: impl Fn(&Request) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound")).parse().expect("a URL");
        let received = Arc::new(Mutex::new(Vec::new()));
        let (script, log): (Arc<Script>, _) = (Arc::new(script), received.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, script.clone(), log.clone()));
            }
        });
        Self { url, received, _tasks: tasks }
    }

    pub(super) fn received(&self) -> Vec<Request> {
        self.received.lock().expect("nobody panics while it is held").clone()
    }
}

async fn serve(mut stream: TcpStream, script: Arc<Script>, log: Arc<Mutex<Vec<Request>>>) {
    while let Some(mut request) = read(&mut stream).await {
        {
            let mut log = log.lock().expect("nobody panics while it is held");
            request.index = log.len();
            log.push(request.clone());
        }
        let answer = match script(&request) {
            Act::Answer(status, headers, body) => {
                format!("HTTP/1.1 {status} x\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
            }
            Act::Ok => {
                let body = format!(r#"{{"ingested":{},"failed":0}}"#, request.rows().len());
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
            }
            Act::CutShort => "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"ingested\":".to_owned(),
            Act::Close => return,
            Act::Silence => std::future::pending().await,
        };
        let cut_short = answer.ends_with("ingested\":");
        if stream.write_all(answer.as_bytes()).await.is_err() || cut_short {
            return;
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).expect("it is UTF-8");
    let (line, headers) = head.split_once("\r\n").expect("a request line");
    let target = line.split(' ').nth(1).expect("a target").to_owned();
    let mut request = Request { index: 0, target, headers: headers.to_owned(), body: Vec::new() };
    let length = request.header("content-length").map_or(0, |length| length.parse().expect("a length"));
    request.body = vec![0; length];
    stream.read_exact(&mut request.body).await.ok()?;
    Some(request)
}
