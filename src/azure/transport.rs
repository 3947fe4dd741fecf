//! The HTTP client under the SDK.

use std::sync::Arc;
use std::time::Duration;

use azure_core::Error;
use azure_core::error::ErrorKind;
use azure_core::http::{AsyncRawResponse, HttpClient, Request, Transport};

/// Sends what the SDK asks for. An error of the HTTP client names the whole URL, in which a shared access signature may stand; here it loses it.
#[derive(Debug)]
struct Client(reqwest::Client);

/// Our own client: building the SDK's default one panics where the machine has no CA certificates.
///
/// # Errors
/// No CA certificates on this machine.
pub(super) fn transport() -> azure_core::Result<Transport> {
    let client = reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(10))
        .read_timeout(Duration::from_secs(60))
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| Error::new(ErrorKind::Other, error))?;
    Ok(Transport::new(Arc::new(Client(client))))
}

#[async_trait::async_trait]
impl HttpClient for Client {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        self.0.execute_request(request).await.map_err(without_url)
    }
}

/// The same error, of the same kind (by which it is tried again or not).
fn without_url(error: Error) -> Error {
    let kind = error.kind().clone();
    match error.into_downcast::<reqwest::Error>() {
        Ok(error) => Error::with_error(kind, error.without_url(), "failed to send the request"),
        Err(other) => other,
    }
}

#[cfg(test)]
mod tests {
    use azure_core::http::Method;

    use super::*;

    #[tokio::test]
    async fn errors_name_no_url_and_keep_their_kind() {
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = Client(reqwest::Client::new());
        let url = "http://127.0.0.1:1/account/container?sv=1&sig=s3cr3t".parse().unwrap();
        let Err(error) = client.execute_request(&Request::new(url, Method::Get)).await else {
            panic!("nobody listens on port 1")
        };
        let said = crate::report::chain(&error);
        assert!(said.contains("refused") && !said.contains("sig="), "{said}");
        assert!(!format!("{error:?}").contains("s3cr3t"));
        assert!(matches!(error.kind(), ErrorKind::Connection), "{:?}", error.kind());
    }
}
