//! A stand-in for the managed identity's token endpoint of App Service: `IDENTITY_ENDPOINT` and `IDENTITY_HEADER`.
//!
//! It gives tokens for any audience. Several stand-ins can share one, so that one program can talk to them all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyper::body::Incoming;
use hyper::header::AUTHORIZATION;
use hyper::{HeaderMap, Method};
use serde_json::json;

use crate::door::Door;
use crate::reply::Reply;

/// How long tokens are good where nothing else is said.
const DAY: Duration = Duration::from_secs(86_400);

/// The path of the endpoint.
const PATH: &str = "/msi/token";

/// The running endpoint. Clones are the same one; it ends with the last of them and of the stand-ins that it belongs to.
#[derive(Clone)]
pub struct Identity {
    state: Arc<State>,
    door: Arc<Door>,
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
struct State {
    /// What requests must have in `X-IDENTITY-HEADER`.
    secret: String,
    client_id: Option<String>,
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
    fn new(lifetime: Duration, client_id: Option<String>) -> Self {
        let inner = Inner { lifetime, ..Inner::default() };
        Self { secret: format!("{:032X}", fastrand::u128(..)), client_id, inner: Mutex::new(inner) }
    }

    fn is_known(&self, headers: &HeaderMap, audiences: &[String]) -> bool {
        let value = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let Some(("Bearer", token)) = value.split_once(' ') else { return false };
        let inner = self.inner();
        inner.tokens.get(token.trim()).is_some_and(|token| {
            audiences.iter().any(|audience| audience == bare(&token.resource)) && SystemTime::now() < token.expires
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
    Reply::json(status, &json!({"statusCode": status, "message": message, "correlationId": crate::reply::guid()}))
}

impl Identity {
    /// Starts one that belongs to no stand-in, with tokens that are good for a day.
    ///
    /// # Errors
    /// No port can be had.
    pub async fn standalone() -> anyhow::Result<Self> {
        Self::start(DAY, None).await
    }

    /// Starts one. `client_id` is the one user-assigned identity that exists.
    pub(crate) async fn start(lifetime: Duration, client_id: Option<String>) -> anyhow::Result<Self> {
        let state = Arc::new(State::new(lifetime, client_id));
        let shared = Arc::clone(&state);
        let serve = move |request: hyper::Request<Incoming>| {
            let shared = Arc::clone(&shared);
            async move { Ok(shared.answer(&request).finish()) }
        };
        Ok(Self { state, door: Arc::new(Door::open(None, serve).await?) })
    }

    /// Whether a request carries a token of this identity for one of these audiences that is still good. Audiences are written without `/`
    /// and `/.default` at the end.
    pub(crate) fn is_known(&self, headers: &HeaderMap, audiences: &[String]) -> bool {
        self.state.is_known(headers, audiences)
    }

    /// The two settings of App Service.
    pub(crate) fn settings(&self) -> [(String, String); 2] {
        [("IDENTITY_ENDPOINT".to_owned(), self.url()), ("IDENTITY_HEADER".to_owned(), self.header().to_owned())]
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

    fn state() -> State {
        State::new(DAY, None)
    }

    fn ask(state: &State, parameters: &[(&str, &str)]) -> (u16, serde_json::Value) {
        let query = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let reply = state.give(&query);
        (reply.status, serde_json::from_slice(&reply.body).unwrap())
    }

    fn audiences() -> Vec<String> {
        vec!["https://api.loganalytics.io".to_owned()]
    }

    fn is_known(state: &State, resource: &str) -> bool {
        let (_, body) = ask(state, &[("api-version", "2019-08-01"), ("resource", resource)]);
        let value = format!("Bearer {}", body["access_token"].as_str().unwrap());
        let headers = HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())]);
        state.is_known(&headers, &audiences())
    }

    #[test]
    fn tokens_are_for_one_audience() {
        let state = state();
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
        let guessed = HeaderMap::from_iter([(AUTHORIZATION, "Bearer guessed".parse().unwrap())]);
        assert!(!state.is_known(&HeaderMap::new(), &audiences()));
        assert!(!state.is_known(&guessed, &audiences()));
    }

    #[test]
    fn tokens_end() {
        let state = State::new(Duration::ZERO, None);
        assert!(!is_known(&state, "https://api.loganalytics.io"));
        state.inner().lifetime = Duration::from_secs(60);
        assert!(is_known(&state, "https://api.loganalytics.io"));
    }

    #[test]
    fn requests_are_held_to_the_form() {
        let state = State::new(DAY, Some("mine".to_owned()));
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
