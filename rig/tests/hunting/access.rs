//! Who may ask, at which door, and how each refuses.

use rig::hunting::{Hunting, Identity, Options};
use rig::loganalytics::LogAnalytics;
use serde_json::{Value, json};

use super::{GRAPH, SECURITY, ask, ask_security, client, send, start, token};

async fn status(service: &Hunting, path: &str, token: Option<&str>) -> (u16, Value) {
    let request = client().post(format!("{}{path}", service.url())).json(&json!({"Query": "DeviceEvents"}));
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    let answer = send(request).await.expect("an answer");
    (answer.status, answer.json()["error"]["code"].clone())
}

#[tokio::test]
async fn each_door_takes_tokens_for_itself_alone() {
    let service = start(Options::default()).await;
    let (graph, security) = ("https://graph.microsoft.com", "https://api.security.microsoft.com");
    for (path, good, other, code) in
        [(GRAPH, graph, security, "InvalidAuthenticationToken"), (SECURITY, security, graph, "Unauthorized")]
    {
        let (good, other) = (token(service.identity(), good).await, token(service.identity(), other).await);
        assert_eq!(status(&service, path, Some(&good)).await, (200, Value::Null));
        for wrong in [None, Some(other.as_str()), Some("guessed")] {
            assert_eq!(status(&service, path, wrong).await, (401, json!(code)), "{path} {wrong:?}");
        }
    }
    let scope = token(service.identity(), "https://graph.microsoft.com/.default").await;
    assert_eq!(status(&service, GRAPH, Some(&scope)).await.0, 200);
    assert_eq!(service.most_calls_in_window(), 3, "who is turned away does not count");
}

#[tokio::test]
async fn permission() {
    let service = start(Options { permitted: false, ..Options::default() }).await;
    let graph = ask(&service, "DeviceEvents").await;
    assert_eq!((graph.status, graph.code()), (403, "Forbidden".to_owned()));
    assert!(graph.message().contains("ThreatHunting.Read.All"), "{}", graph.message());
    let security = ask_security(&service, "DeviceEvents").await;
    assert!(security.status == 403 && security.message().contains("AdvancedHunting.Read.All"), "{security:?}");
    service.permit(true);
    assert_eq!(ask(&service, "DeviceEvents").await.status, 200);
}

#[tokio::test]
async fn requests_that_are_none() {
    let service = start(Options::default()).await;
    let ask = async |path: &str, body: Value| {
        let answer = send(super::post(&service, path, body).await).await.expect("an answer");
        (answer.status, answer.code())
    };
    assert_eq!(ask("/v1.0/security/other", json!({"Query": "DeviceEvents"})).await.0, 404);
    assert_eq!(ask(GRAPH, json!({"Wrong": "DeviceEvents"})).await, (400, "BadRequest".to_owned()));
    assert_eq!(ask(GRAPH, json!({"Query": " "})).await, (400, "BadRequest".to_owned()));
    let span = json!({"Query": "DeviceEvents", "Timespan": "soon"});
    assert_eq!(ask(GRAPH, span.clone()).await, (400, "BadRequest".to_owned()));
    assert_eq!(ask(SECURITY, span).await.0, 200, "the older call knows no Timespan");
}

#[tokio::test]
async fn one_identity_for_all() {
    let identity = Identity::standalone().await.expect("start the identity");
    let hunting = Hunting::start_with(Options::default(), &identity).await.expect("start");
    let workspace = LogAnalytics::start_with(rig::loganalytics::Options::default(), &identity).await.expect("start");
    for settings in [hunting.settings(), workspace.settings()] {
        assert!(settings.contains(&("IDENTITY_ENDPOINT".to_owned(), identity.url())), "{settings:?}");
        assert!(settings.contains(&("IDENTITY_HEADER".to_owned(), identity.header().to_owned())));
    }
    assert_eq!(hunting.settings()[0], ("HUNTING_URL".to_owned(), hunting.url()));
    hunting.add(rig::hunting::Table::timeless("T", &[]));
    assert_eq!(ask(&hunting, "T").await.status, 200);
    assert_eq!(identity.given().len(), 1);
}
