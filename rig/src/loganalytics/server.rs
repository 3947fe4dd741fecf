//! The listeners, plain and with TLS, and the frame around each request.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::ACCEPT_ENCODING;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Response};
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

use super::fault::Faults;
use super::identity::State;
use super::options::Options;
use super::pace::Pace;
use super::query;
use super::record::{Record, Request};
use super::run::Tables;
use crate::loopback::{self, Body};

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) workspace: String,
    pub(crate) faults: Faults,
    pub(crate) identity: Arc<State>,
    pub(crate) pace: Pace,
    pub(crate) permitted: AtomicBool,
    /// Read while a query runs, written while rows are added.
    pub(crate) tables: RwLock<Tables>,
    record: Mutex<Record>,
}

impl Shared {
    pub(crate) fn new(options: Options) -> Self {
        Self {
            workspace: options.workspace.clone().unwrap_or_else(super::reply::guid),
            faults: Faults::default(),
            identity: Arc::new(State::new(&options)),
            pace: Pace::new(&options),
            permitted: AtomicBool::new(options.permitted),
            tables: RwLock::default(),
            record: Mutex::default(),
            options,
        }
    }

    pub(crate) fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_permitted(&self) -> bool {
        self.permitted.load(Ordering::SeqCst)
    }
}

/// One request with its whole body.
pub(crate) struct Call {
    /// Its number in the record.
    pub(crate) number: u64,
    pub(crate) method: Method,
    pub(crate) path: String,
    /// `timespan` of the URL.
    pub(crate) timespan: Option<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Receives one request whole, records it, and answers. An error breaks the connection.
pub(crate) async fn serve(shared: &Arc<Shared>, request: hyper::Request<Incoming>) -> io::Result<Response<Body>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let mut parameters = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
    let timespan = parameters.find(|(name, _)| name == "timespan").map(|(_, value)| value.into_owned());
    let path = parts.uri.path().to_owned();
    let recorded = Request { url_timespan: timespan.clone(), ..Request::new(&path) };
    let number = shared.record().push(recorded, shared.options.records);
    let call = Call { number, method: parts.method, path, timespan, headers: parts.headers, body };
    let mut reply = query::answer(shared, &call).await?;
    if !reply.body.is_empty() && accepts_gzip(&call.headers) {
        reply = tokio::task::spawn_blocking(|| reply.gzip()).await.map_err(io::Error::other)?;
    }
    shared.record().update(number, |request| {
        (request.status, request.ended) = (reply.status, Some(Instant::now()));
    });
    Ok(reply.finish())
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| {
        let (name, quality) = coding.split_once(';').unwrap_or((coding, ""));
        name.trim() == "gzip" && quality.trim() != "q=0"
    })
}

/// A listener, until the value is dropped.
pub(crate) struct Door {
    url: String,
    _task: AbortOnDropHandle<()>,
}

impl Door {
    /// Serves connections on a free port of 127.0.0.1, with TLS where there is a certificate.
    pub(crate) async fn open<F>(
        certificate: Option<&Certificate>,
        serve: impl Fn(hyper::Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    ) -> anyhow::Result<Self>
    where
        F: Future<Output = io::Result<Response<Body>>> + Send + 'static,
    {
        let listener = loopback::bind().await?;
        let port = listener.local_addr().context("read the bound address")?.port();
        let url = match certificate {
            None => format!("http://127.0.0.1:{port}"),
            Some(_) => format!("https://localhost:{port}"),
        };
        let acceptor = certificate.map(|certificate| certificate.acceptor.clone());
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                        let (serve, acceptor) = (serve.clone(), acceptor.clone());
                        connections.spawn(async move {
                            match acceptor {
                                None => loopback::connection(stream, true, serve).await,
                                Some(acceptor) => {
                                    if let Ok(stream) = acceptor.accept(stream).await {
                                        // What breaks the connection ends it without the goodbye of TLS: no client takes that for an end.
                                        http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(serve)).await.ok();
                                    }
                                }
                            }
                        });
                    },
                    Some(_) = connections.join_next() => {}
                }
            }
        });
        Ok(Self { url, _task: AbortOnDropHandle::new(task) })
    }

    /// Base URL.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

/// A certificate for localhost, and the file with the authority that signed it, from which clients learn to trust it.
pub(crate) struct Certificate {
    acceptor: TlsAcceptor,
    file: PathBuf,
}

impl Certificate {
    pub(crate) fn new() -> anyhow::Result<Self> {
        crate::install_tls();
        let (authority, chain, key) = make().context("make a certificate")?;
        let name = format!("rig-loganalytics-{}-{:x}.pem", std::process::id(), fastrand::u64(..));
        let file = std::env::temp_dir().join(name);
        std::fs::write(&file, authority).context("write the certificate")?;
        let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?;
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), file })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.file
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        std::fs::remove_file(&self.file).ok();
    }
}

/// An authority in PEM, and a certificate that it signed, with its key. Strict clients do not take a certificate that signs itself.
fn make() -> Result<(String, Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), rcgen::Error> {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority.distinguished_name.push(DnType::CommonName, "authority of the rig");
    let key = KeyPair::generate()?;
    let pem = authority.self_signed(&key)?.pem();
    let issuer = Issuer::new(authority, key);

    let mut server = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    server.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = server.signed_by(&key, &issuer)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    Ok((pem, vec![certificate.der().clone()], key))
}
