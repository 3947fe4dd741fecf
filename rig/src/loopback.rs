//! HTTP servers on the loopback address that can break a connection on purpose.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use bytes::Bytes;
use futures::{StreamExt, stream};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

/// The body of an answer; an error breaks the connection.
pub(crate) type Body = BoxBody<Bytes, io::Error>;

/// The error that breaks the connection on purpose.
pub(crate) fn reset() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

/// A body that ends in the middle, and the connection with it.
pub(crate) fn first_half(body: &Bytes) -> Body {
    let half = Ok(Frame::data(body.slice(..body.len() / 2)));
    // The break waits for its own turn, so that the half is written before the connection ends.
    let broken = stream::once(async {
        tokio::task::yield_now().await;
        Err(reset())
    });
    BodyExt::boxed(StreamBody::new(stream::iter([half]).chain(broken)))
}

/// Binds a free port on the loopback address.
pub(crate) async fn bind() -> anyhow::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("bind a port on 127.0.0.1")
}

/// Serves one connection to its end. Where `serve` gives an error, the connection is reset.
pub(crate) async fn connection<F>(stream: TcpStream, keep_alive: bool, serve: impl Fn(Request<Incoming>) -> F)
where
    F: Future<Output = io::Result<Response<Body>>>,
{
    let broken = Arc::new(AtomicBool::new(false));
    // An option that cannot be set only costs time.
    drop(stream.set_nodelay(true));
    let service = service_fn(|request| {
        let (answer, broken) = (serve(request), Arc::clone(&broken));
        async move {
            let answer = answer.await;
            broken.store(answer.is_err(), Ordering::Relaxed);
            answer
        }
    });
    let mut connection = http1::Builder::new().keep_alive(keep_alive).serve_connection(TokioIo::new(stream), service);
    let ended = (&mut connection).await;
    if ended.is_err() && broken.load(Ordering::Relaxed) {
        // Closing without lingering sends a reset instead of an orderly end.
        drop(connection.into_parts().io.into_inner().set_zero_linger());
    }
}
