//! A stand-in for the managed identity's token endpoint of App Service: `IDENTITY_ENDPOINT` and `IDENTITY_HEADER`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyper::body::Incoming;
use hyper::header::AUTHORIZATION;
use hyper::{HeaderMap, Method};
use serde_json::json;

use super::options::Options;
use super::reply::Reply;
use super::server::Door;

/// The path of the endpoint.
const PATH: &str = "/msi/token";

/// The running endpoint; it ends with the stand-in that it belongs to.
pub struct Identity {
    state: Arc<State>,
    door: Door,
}

/// One token that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// The resource that it is for, as asked for.
    pub resource: String,
    /// The user-assigned identity, where one was asked for.
    pub client_id: Option<String>,
}

/// Everything about tokens.
pub(crate) struct State {
    /// What requests must have in `X-IDENTITY-HEADER`.
    secret: String,
    client_id: Option<String>,
    audiences: Vec<String>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    lifetime: Duration,
    tokens: HashMap<String, Token>,
    given: Vec<Given>,
    /// The status of all requests that are no longer counted below.
    failing: Option<u16>,
    /// Requests yet to be refused, and their status.
    failing_next: (usize, u16),
}

struct Token {
    resource: String,
    expires: SystemTime,
}

impl State {
    pub(crate) fn new(options: &Options) -> Self {
        let inner = Inner { lifetime: options.token_lifetime, ..Inner::default() };
        Self {
            secret: format!("{:032X}", fastrand::u128(..)),
            client_id: options.client_id.clone(),
            audiences: options.audiences.clone(),
            inner: Mutex::new(inner),
        }
    }

    /// Whether a request to the query API carries a token of this identity for it that is still good.
    pub(crate) fn is_known(&self, headers: &HeaderMap) -> bool {
        let value = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let Some(("Bearer", token)) = value.split_once(' ') else { return false };
        let inner = self.inner();
        inner.tokens.get(token.trim()).is_some_and(|token| {
            self.audiences.iter().any(|audience| audience == bare(&token.resource)) && SystemTime::now() < token.expires
        })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a request for a token.
    fn answer(&self, request: &hyper::Request<Incoming>) -> Reply {
        let query: HashMap<String, String> =
            url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()).into_owned().collect();
        let header = request.headers().get("X-IDENTITY-HEADER").and_then(|value| value.to_str().ok());
        if request.method() != Method::GET || request.uri().path() != PATH {
            return refuse(404, "not found");
        }
        if header != Some(&self.secret) {
            return refuse(401, "the identity header is missing or wrong");
        }
        self.give(&query)
    }

    fn give(&self, query: &HashMap<String, String>) -> Reply {
        if let Some(status) = self.inner().failure() {
            return refuse(status, "the identity endpoint is told to fail");
        }
        let Some(resource) = query.get("resource") else { return refuse(400, "the parameter resource is missing") };
        if query.get("api-version").map(String::as_str) != Some("2019-08-01") {
            return refuse(400, "the api-version is not supported");
        }
        let client_id = query.get("client_id").cloned();
        if client_id.is_some() && client_id != self.client_id {
            return refuse(400, "no managed identity was found for the given client id");
        }
        let mut inner = self.inner();
        let token = format!("{:032x}{:032x}", fastrand::u128(..), fastrand::u128(..));
        let expires = SystemTime::now() + inner.lifetime;
        let seconds = expires.duration_since(UNIX_EPOCH).expect("the clock shows a year after 1970").as_secs();
        inner.tokens.insert(token.clone(), Token { resource: resource.clone(), expires });
        inner.given.push(Given { resource: resource.clone(), client_id: client_id.clone() });
        let client_id = client_id.or_else(|| self.client_id.clone()).unwrap_or_default();
        Reply::json(
            200,
            &json!({
                "access_token": token, "expires_on": seconds.to_string(), "resource": resource, "token_type": "Bearer",
                "client_id": client_id,
            }),
        )
    }
}

impl Inner {
    fn failure(&mut self) -> Option<u16> {
        let (left, status) = &mut self.failing_next;
        if *left > 0 {
            *left -= 1;
            return Some(*status);
        }
        self.failing
    }
}

/// An audience without what clients hang on it.
fn bare(audience: &str) -> &str {
    audience.strip_suffix("/.default").unwrap_or(audience).trim_end_matches('/')
}

fn refuse(status: u16, message: &str) -> Reply {
    Reply::json(status, &json!({"statusCode": status, "message": message, "correlationId": super::reply::guid()}))
}

impl Identity {
    pub(crate) async fn start(state: Arc<State>) -> anyhow::Result<Self> {
        let shared = Arc::clone(&state);
        let serve = move |request: hyper::Request<Incoming>| {
            let shared = Arc::clone(&shared);
            async move { Ok(shared.answer(&request).finish()) }
        };
        Ok(Self { state, door: Door::open(None, serve).await? })
    }

    /// The value of `IDENTITY_ENDPOINT`.
    pub fn url(&self) -> String {
        format!("{}{PATH}", self.door.url())
    }

    /// The value of `IDENTITY_HEADER`.
    pub fn header(&self) -> &str {
        &self.state.secret
    }

    /// All tokens that were given, oldest first.
    pub fn given(&self) -> Vec<Given> {
        self.state.inner().given.clone()
    }

    /// How long tokens are good that are given from here on.
    pub fn set_lifetime(&self, lifetime: Duration) {
        self.state.inner().lifetime = lifetime;
    }

    /// Makes all tokens that were given so far worthless.
    pub fn revoke(&self) {
        self.state.inner().tokens.clear();
    }

    /// Refuses all requests with this status, or gives tokens again.
    pub fn fail(&self, status: Option<u16>) {
        self.state.inner().failing = status;
    }

    /// Refuses the next requests with this status.
    pub fn fail_next(&self, requests: usize, status: u16) {
        self.state.inner().failing_next = (requests, status);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(options: &Options) -> State {
        State::new(options)
    }

    fn ask(state: &State, parameters: &[(&str, &str)]) -> (u16, serde_json::Value) {
        let query = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let reply = state.give(&query);
        (reply.status, serde_json::from_slice(&reply.body).unwrap())
    }

    fn is_known(state: &State, resource: &str) -> bool {
        let (_, body) = ask(state, &[("api-version", "2019-08-01"), ("resource", resource)]);
        let value = format!("Bearer {}", body["access_token"].as_str().unwrap());
        state.is_known(&HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())]))
    }

    #[test]
    fn tokens_are_for_one_audience() {
        let state = state(&Options::default());
        for (resource, known) in [
            ("https://api.loganalytics.io", true),
            ("https://api.loganalytics.io/", true),
            ("https://api.loganalytics.io/.default", true),
            ("https://api.loganalytics.io//.default", true),
            ("https://management.azure.com/", false),
            ("https://api.loganalytics.io.example", false),
        ] {
            assert_eq!(is_known(&state, resource), known, "{resource}");
        }
        assert_eq!(state.inner().given.len(), 6);
        assert!(!state.is_known(&HeaderMap::new()));
        assert!(!state.is_known(&HeaderMap::from_iter([(AUTHORIZATION, "Bearer guessed".parse().unwrap())])));
    }

    #[test]
    fn tokens_end() {
        let state = state(&Options { token_lifetime: Duration::ZERO, ..Options::default() });
        assert!(!is_known(&state, "https://api.loganalytics.io"));
        state.inner().lifetime = Duration::from_secs(60);
        assert!(is_known(&state, "https://api.loganalytics.io"));
    }

    #[test]
    fn requests_are_held_to_the_form() {
        let state = state(&Options { client_id: Some("mine".to_owned()), ..Options::default() });
        let (version, resource) = (("api-version", "2019-08-01"), ("resource", "r"));
        let (status, body) = ask(&state, &[version, resource, ("client_id", "mine")]);
        assert_eq!((status, &body["client_id"], &body["token_type"]), (200, &json!("mine"), &json!("Bearer")));
        assert!(body["expires_on"].as_str().is_some_and(|seconds| seconds.parse::<u64>().is_ok()));
        for wrong in [vec![version], vec![resource], vec![version, resource, ("client_id", "other")]] {
            assert_eq!(ask(&state, &wrong).0, 400, "{wrong:?}");
        }
        state.inner().failing_next = (1, 503);
        state.inner().failing = Some(500);
        let statuses: Vec<_> = (0..3).map(|_| ask(&state, &[version, resource]).0).collect();
        assert_eq!(statuses, [503, 500, 500]);
    }
}
