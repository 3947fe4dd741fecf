//! Listeners for the two endpoints, plain or with TLS under a certificate made for the run.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

use super::sink::Sink;
use super::storage::{ACCOUNT, Storage};
use crate::loopback::{self, Body};

/// Both endpoints, running until the value is dropped.
pub(super) struct Endpoints {
    /// What is to be shipped.
    pub(super) storage: Arc<Storage>,
    /// Where it arrives.
    pub(super) sink: Arc<Sink>,
    /// The endpoints without TLS.
    pub(super) plain: Addresses,
    /// The endpoints with TLS.
    pub(super) tls: Addresses,
    /// The file with the certificate that a client of `tls` must trust.
    pub(super) certificate: PathBuf,
    _tasks: Vec<AbortOnDropHandle<()>>,
}

/// Base URLs.
#[derive(Debug, Clone)]
pub(super) struct Addresses {
    /// Of the blob service, with the account.
    pub(super) storage: String,
    /// Of Axiom.
    pub(super) axiom: String,
}

impl Endpoints {
    /// Starts both endpoints, plain and with TLS, on free ports.
    ///
    /// # Errors
    /// No port, or no certificate, can be had.
    pub(super) async fn start() -> anyhow::Result<Self> {
        crate::install_tls();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).context("make a certificate")?;
        let certificate = std::env::temp_dir().join(format!("sentinel-axiom-bench-{}.pem", std::process::id()));
        std::fs::write(&certificate, made.cert.pem()).context("write the certificate")?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let config =
            ServerConfig::builder().with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key)?;
        let acceptor = TlsAcceptor::from(Arc::new(config));

        let (storage, sink) = (Arc::new(Storage::default()), Arc::new(Sink::default()));
        let (mut tasks, mut urls) = (Vec::new(), Vec::new());
        for (scheme, acceptor) in [("http", None), ("https", Some(acceptor))] {
            for is_storage in [true, false] {
                let listener = loopback::bind().await?;
                urls.push(format!("{scheme}://localhost:{}", listener.local_addr()?.port()));
                let (storage, sink, acceptor) = (Arc::clone(&storage), Arc::clone(&sink), acceptor.clone());
                let serve = move |request| {
                    let (storage, sink) = (Arc::clone(&storage), Arc::clone(&sink));
                    async move { if is_storage { answer(&storage, &request) } else { sink.serve(&storage, request).await } }
                };
                tasks.push(AbortOnDropHandle::new(tokio::spawn(listen(listener, acceptor, serve))));
            }
        }
        let addresses =
            |at: usize| Addresses { storage: format!("{}/{ACCOUNT}", urls[at]), axiom: urls[at + 1].clone() };
        Ok(Self { storage, sink, plain: addresses(0), tls: addresses(2), certificate, _tasks: tasks })
    }
}

impl Drop for Endpoints {
    fn drop(&mut self) {
        std::fs::remove_file(&self.certificate).ok();
    }
}

fn answer(storage: &Storage, request: &Request<Incoming>) -> io::Result<Response<Body>> {
    storage.serve(request.method(), request.uri(), request.headers())
}

async fn listen<F>(
    listener: tokio::net::TcpListener,
    acceptor: Option<TlsAcceptor>,
    serve: impl Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
) where
    F: Future<Output = io::Result<Response<Body>>> + Send + 'static,
{
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, serve) = (acceptor.clone(), serve.clone());
        connections.spawn(async move {
            stream.set_nodelay(true).ok();
            match acceptor {
                None => connection(stream, serve).await,
                Some(acceptor) => {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        connection(stream, serve).await;
                    }
                }
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn connection<F>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    serve: impl Fn(Request<Incoming>) -> F,
) where
    F: Future<Output = io::Result<Response<Body>>>,
{
    // A client that goes away ends its connection, and that is all.
    http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(serve)).await.ok();
}
