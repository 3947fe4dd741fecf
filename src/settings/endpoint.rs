//! The rules for a URL that a setting may name.

use url::{Host, Url};

/// Parses an endpoint: `https`, or `http` to this machine only, and nothing in it that is no address. The error says what is wrong with it, without
/// repeating it, since a password or a signature may be part of it.
pub(crate) fn parse(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "is not a URL")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("carries a user name or password");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("carries a query or fragment");
    }
    match url.scheme() {
        "https" if url.has_host() => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err("is not encrypted (http), which is allowed for this machine only"),
        _ => Err("is not an https URL"),
    }
}

/// Whether the URL leads to this machine itself.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(domain)) => domain == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_https_and_loopback_only() {
        let check = |text, allowed: bool| assert_eq!(parse(text).is_ok(), allowed, "{text}");
        check("https://api.axiom.co", true);
        check("https://api.axiom.co/proxy/", true);
        check("http://127.0.0.1:8080", true);
        check("http://127.9.9.9", true);
        check("http://[::1]:80/x", true);
        check("http://localhost:1/devstoreaccount1", true);
        check("http://localhost.example.com", false);
        check("http://api.axiom.co", false);
        check("http://10.0.0.1", false);
        check("ftp://127.0.0.1", false);
        check("api.axiom.co", false);
        check("https://user@api.axiom.co", false);
        check("https://:pass@api.axiom.co", false);
        check("https://api.axiom.co?x=1", false);
        check("https://api.axiom.co/#x", false);
        check("https://", false);
        check("data:text/plain,x", false);
    }
}
