//! Sending bodies: what the HTTP client and TLS cost, on one connection, against a server in another thread that reads and forgets.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::measure::{Candidate, in_turn, speed};

/// Times that the bodies are sent in a round: enough for some hundredths of a second.
const TIMES: usize = 20;

pub(crate) fn run(bodies: Vec<Vec<u8>>, rounds: usize) -> anyhow::Result<()> {
    drop(rustls::crypto::ring::default_provider().install_default());
    let bodies: Vec<Bytes> = bodies.into_iter().map(Bytes::from).collect();
    let wire: usize = bodies.iter().map(Bytes::len).sum::<usize>() * TIMES;
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let certificate = made.cert.der().clone();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let config =
        ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate.clone()], key.into())?;
    let (plain, tls) = (serve(None)?, serve(Some(TlsAcceptor::from(Arc::new(config))))?);

    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut hyper_plain = runtime.block_on(connect(plain, None))?;
    let mut hyper_tls = runtime.block_on(connect(tls, Some(trusting(&certificate)?)))?;
    let reqwest = reqwest::Client::builder()
        .http1_only()
        .add_root_certificate(reqwest::Certificate::from_der(&certificate)?)
        .build()?;
    let by_reqwest = |url: String| {
        let (runtime, reqwest, bodies) = (&runtime, &reqwest, &bodies);
        move || {
            each(runtime, bodies, async |body| {
                let answer = reqwest.post(&url).body(body).send().await.expect("an answer");
                assert!(answer.status() == 200 && answer.bytes().await.is_ok_and(|body| body.is_empty()));
            })
        }
    };
    let mut candidates = [
        Candidate::new("**reqwest, TLS (rustls, ring)**", by_reqwest(format!("https://localhost:{tls}/"))),
        Candidate::new("hyper, TLS (rustls, ring)", || by_hyper(&runtime, &bodies, &mut hyper_tls)),
        Candidate::new("reqwest, plain", by_reqwest(format!("http://localhost:{plain}/"))),
        Candidate::new("hyper, plain", || by_hyper(&runtime, &bodies, &mut hyper_plain)),
    ];
    println!("\n| POST of compressed bodies | MB on the wire/CPU-s |\n|---|--:|");
    let times: Vec<Duration> = in_turn(&mut candidates, rounds);
    for (candidate, time) in candidates.iter().zip(times) {
        println!("| {} | {:.0} |", candidate.name, speed(wire, time));
    }
    Ok(())
}

fn each(runtime: &Runtime, bodies: &[Bytes], mut post: impl AsyncFnMut(Bytes)) {
    runtime.block_on(async {
        for body in bodies.iter().cycle().take(bodies.len() * TIMES) {
            post(body.clone()).await;
        }
    });
}

fn by_hyper(runtime: &Runtime, bodies: &[Bytes], sender: &mut SendRequest<Full<Bytes>>) {
    each(runtime, bodies, async |body| {
        let request = Request::post("/").header("host", "localhost").body(Full::new(body)).expect("a request");
        sender.ready().await.expect("a connection");
        let answer = sender.send_request(request).await.expect("an answer");
        assert!(answer.status() == 200 && answer.collect().await.is_ok());
    });
}

async fn connect(port: u16, tls: Option<TlsConnector>) -> anyhow::Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(("localhost", port)).await?;
    stream.set_nodelay(true)?;
    match tls {
        None => handshake(stream).await,
        Some(tls) => handshake(tls.connect(ServerName::try_from("localhost")?, stream).await?).await,
    }
}

async fn handshake(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> anyhow::Result<SendRequest<Full<Bytes>>> {
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

fn trusting(certificate: &CertificateDer<'static>) -> anyhow::Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone())?;
    Ok(TlsConnector::from(Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())))
}

/// Serves in a thread of its own until the program ends, and gives the port.
fn serve(acceptor: Option<TlsAcceptor>) -> anyhow::Result<u16> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0)))?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        runtime.block_on(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).ok();
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    match acceptor {
                        None => drain(stream).await,
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                drain(stream).await;
                            }
                        }
                    }
                });
            }
        });
    });
    Ok(port)
}

async fn drain(stream: impl AsyncRead + AsyncWrite + Unpin + 'static) {
    let answer = async |request: Request<Incoming>| {
        let mut body = request.into_body();
        while body.frame().await.is_some() {}
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    };
    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)).await.ok();
}
