//! The listeners of the stand-ins, plain and with TLS, and how their answers leave.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

use crate::loopback::{self, Body};
use crate::reply::Reply;

/// One request with its whole body.
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    /// Parameters of the URL, decoded.
    pub(crate) parameters: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Call {
    /// Receives a request whole.
    pub(crate) async fn receive(request: hyper::Request<Incoming>) -> io::Result<Self> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let query = parts.uri.query().unwrap_or_default();
        Ok(Self {
            method: parts.method,
            path: parts.uri.path().to_owned(),
            parameters: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            headers: parts.headers,
            body,
        })
    }

    /// The first parameter of this name.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A header's text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// Compresses an answer for who takes that.
pub(crate) async fn compressed(reply: Reply, headers: &HeaderMap) -> io::Result<Reply> {
    if reply.body.is_empty() || !accepts_gzip(headers) {
        return Ok(reply);
    }
    tokio::task::spawn_blocking(|| reply.gzip()).await.map_err(io::Error::other)
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
        let name = format!("rig-{}-{:x}.pem", std::process::id(), fastrand::u64(..));
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
