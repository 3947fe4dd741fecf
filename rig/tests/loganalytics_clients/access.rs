//! Who may ask, and what those hear who may not.

use std::time::Duration;

use rig::loganalytics::{Given, LogAnalytics, Options};
use serde_json::{Value, json};

use super::{TABLE, ask, client, post, send, start, token};

/// An error's body without its random part.
fn error(code: &str, message: &str) -> Value {
    json!({"error": {"code": code, "message": message}})
}

/// The status and the error of a request that says who it is in this way.
async fn with_token(service: &LogAnalytics, token: Option<&str>) -> (u16, Value) {
    let url = format!("{}/v1/workspaces/{}/query", service.url(), service.workspace());
    let request = client().post(url).json(&json!({"query": format!("{TABLE} | count")}));
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    let answer = send(request).await.expect("an answer");
    let mut body = answer.json();
    if let Some(error) = body["error"].as_object_mut() {
        assert!(error.remove("correlationId").is_some_and(|id| id.as_str().is_some_and(|id| id.len() == 36)));
    }
    (answer.status, body)
}

#[tokio::test]
async fn only_tokens_of_the_identity_for_this_audience() {
    let service = start(Options::default()).await;
    let refused = (401, error("AuthorizationRequiredError", "Valid authentication was not provided"));
    assert_eq!(with_token(&service, None).await, refused);
    assert_eq!(with_token(&service, Some("guessed")).await, refused);
    for (resource, status) in [
        ("https://api.loganalytics.io", 200),
        ("https://api.loganalytics.io/", 200),
        ("https://api.loganalytics.io/.default", 200),
        ("https://storage.azure.com/", 401),
    ] {
        let token = token(service.identity(), resource).await;
        assert_eq!(with_token(&service, Some(&token)).await.0, status, "{resource}");
    }
    let given = service.identity().given();
    assert_eq!(given.len(), 4);
    assert_eq!(given[3], Given { resource: "https://storage.azure.com/".into(), client_id: None });
}

#[tokio::test]
async fn tokens_end() {
    let service = start(Options::default()).await;
    let good = token(service.identity(), "https://api.loganalytics.io").await;
    service.identity().set_lifetime(Duration::ZERO);
    let expired = token(service.identity(), "https://api.loganalytics.io").await;
    assert_eq!(with_token(&service, Some(&expired)).await.0, 401);
    assert_eq!(with_token(&service, Some(&good)).await.0, 200);
    service.identity().revoke();
    assert_eq!(with_token(&service, Some(&good)).await.0, 401);
}

#[tokio::test]
async fn the_identity_can_fail() {
    let service = start(Options::default()).await;
    let identity = service.identity();
    let get = |header: &str| {
        let request = client().get(identity.url()).header("X-IDENTITY-HEADER", header);
        send(request.query(&[("api-version", "2019-08-01"), ("resource", "r")]))
    };
    assert_eq!(get("wrong").await.expect("an answer").status, 401);
    identity.fail_next(1, 500);
    assert_eq!(get(identity.header()).await.expect("an answer").status, 500);
    assert_eq!(get(identity.header()).await.expect("an answer").status, 200);
    identity.fail(Some(503));
    assert_eq!(get(identity.header()).await.expect("an answer").status, 503);
    identity.fail(None);
    assert_eq!(get(identity.header()).await.expect("an answer").status, 200);
    assert_eq!(identity.given().len(), 2);
}

#[tokio::test]
async fn the_right_to_read_comes_and_goes() {
    let service = start(Options { permitted: false, ..Options::default() }).await;
    let token = token(service.identity(), "https://api.loganalytics.io").await;
    let message = "The provided credentials have insufficient access to perform the requested operation";
    assert_eq!(with_token(&service, Some(&token)).await, (403, error("InsufficientAccessError", message)));
    service.permit(true);
    assert_eq!(with_token(&service, Some(&token)).await.0, 200);
    service.permit(false);
    assert_eq!(with_token(&service, Some(&token)).await.0, 403);
}

#[tokio::test]
async fn other_places_are_unknown() {
    let service =
        start(Options { workspace: Some("11111111-2222-3333-4444-555555555555".into()), ..Options::default() }).await;
    assert_eq!(service.workspace(), "11111111-2222-3333-4444-555555555555");
    let token = token(service.identity(), "https://api.loganalytics.io").await;
    let code = |path: &str| {
        let request =
            client().post(format!("{}{path}", service.url())).bearer_auth(&token).json(&json!({"query": TABLE}));
        async {
            let answer = send(request).await.expect("an answer");
            (answer.status, answer.json()["error"]["code"].as_str().unwrap_or_default().to_owned())
        }
    };
    let other = "/v1/workspaces/99999999-2222-3333-4444-555555555555/query";
    assert_eq!(code(other).await, (404, "WorkspaceNotFoundError".into()));
    assert_eq!(code("/v2/query").await, (404, "PathNotFoundError".into()));
    let further = json!({"query": TABLE, "workspaces": ["99999999-2222-3333-4444-555555555555"]});
    assert_eq!(send(post(&service, "query", further).await).await.expect("an answer").status, 404);
}

#[tokio::test]
async fn bodies_that_are_none() {
    let service = start(Options::default()).await;
    let empty = post(&service, "query", json!({"query": TABLE})).await.header("content-type", "text/plain");
    let empty = client()
        .execute(
            empty
                .build()
                .map(|mut request| {
                    request.headers_mut().insert("content-type", "text/plain".parse().expect("a value"));
                    request
                })
                .expect("a request"),
        )
        .await
        .expect("an answer");
    assert_eq!((empty.status(), empty.bytes().await.expect("a body").len()), (reqwest::StatusCode::OK, 0));
    let broken = post(&service, "query", json!({})).await.body("{\"query\":");
    let broken = send(broken).await.expect("an answer");
    assert_eq!((broken.status, broken.json()["error"]["code"].clone()), (400, json!("BadArgumentError")));
}

#[tokio::test]
async fn an_empty_workspace_may_have_no_content() {
    let service = LogAnalytics::start(Options { empty_is_204: true, ..Options::default() }).await.expect("start");
    let answer = ask(&service, "T | take 1").await;
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    service.add(rig::loganalytics::Table::new("T", &[]));
    assert_eq!(ask(&service, "T | take 1").await.status, 204);
    let service = start(Options { empty_is_204: true, ..Options::default() }).await;
    assert_eq!(ask(&service, &format!("{TABLE} | where N > 100")).await.status, 200);
}
