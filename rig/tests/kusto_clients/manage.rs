//! Access, metadata, and management commands.

use rig::azurite::Azurite;
use rig::hunting::Hunting;
use rig::kusto::{Fault, Identity, Kusto, Options};
use rig::loganalytics::LogAnalytics;
use serde_json::{Value, json};

use super::{MAPPING, TABLE, client, manage, post, send, start, token};

#[tokio::test]
async fn metadata_come_without_a_token() {
    let service = start(Options { audience: "https://rig.example".into(), ..Options::default() }).await;
    let answer = send(client().get(format!("{}/v1/rest/auth/metadata", service.url()))).await.expect("an answer");
    let body = answer.json();
    assert_eq!((answer.status, &body["AzureAD"]["KustoServiceResourceId"]), (200, &json!("https://rig.example")));
    let keys: Vec<_> = body["AzureAD"].as_object().expect("an object").keys().map(String::as_str).collect();
    for key in
        ["LoginEndpoint", "LoginMfaRequired", "KustoClientAppId", "KustoClientRedirectUri", "FirstPartyAuthorityUrl"]
    {
        assert!(keys.contains(&key), "{key}: {body}");
    }
}

#[tokio::test]
async fn who_may_come_in() {
    let service = start(Options::default()).await;
    let status = async |token: Option<&str>| {
        let request = client().post(format!("{}/v1/rest/mgmt", service.url())).json(&json!({"csl": ".show version"}));
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        send(request).await.expect("an answer")
    };
    let good = token(service.identity(), "https://kusto.kusto.windows.net").await;
    let other = token(service.identity(), "https://graph.microsoft.com").await;
    assert_eq!(status(Some(&good)).await.status, 200);
    for wrong in [None, Some(other.as_str()), Some("guessed")] {
        let answer = status(wrong).await;
        let challenge = answer.headers.get("WWW-Authenticate").and_then(|value| value.to_str().ok());
        assert!(
            answer.status == 401 && challenge.is_some_and(|challenge| challenge.starts_with("Bearer ")),
            "{wrong:?}"
        );
    }
    service.permit(false);
    let forbidden = status(Some(&good)).await;
    assert_eq!((forbidden.status, forbidden.code()), (403, "Forbidden".to_owned()));
    assert_eq!(forbidden.json()["error"]["@permanent"], json!(true));
    let elsewhere = post(&service, "/v1/rest/other").await.json(&json!({"csl": ""}));
    service.permit(true);
    assert_eq!(send(elsewhere).await.expect("an answer").status, 404);
}

#[tokio::test]
async fn one_identity_opens_all() {
    let identity = Identity::standalone().await.expect("start the identity");
    let account = Azurite::shared().await.expect("start Azurite").new_account();
    let kusto = Kusto::start_with(Options::default(), &account, &identity).await.expect("start");
    let hunting = Hunting::start_with(rig::hunting::Options::default(), &identity).await.expect("start");
    let workspace = LogAnalytics::start_with(rig::loganalytics::Options::default(), &identity).await.expect("start");
    for settings in [kusto.settings(), hunting.settings(), workspace.settings()] {
        assert!(settings.contains(&("IDENTITY_ENDPOINT".to_owned(), identity.url())), "{settings:?}");
        assert!(settings.contains(&("IDENTITY_HEADER".to_owned(), identity.header().to_owned())));
    }
    assert_eq!(manage(&kusto, ".show version").await.status, 200);
    let body = json!({"csl": ".show version"});
    let request = client().post(format!("{}/v1/rest/mgmt", kusto.ingest_url())).json(&body);
    let answer = send(request.bearer_auth(token(kusto.identity(), "https://kusto.kusto.windows.net").await)).await;
    assert_eq!(answer.expect("an answer").rows()[0][2], json!("DataManagement"));
    assert_eq!(identity.given().len(), 2);
}

#[tokio::test]
async fn tables_and_their_columns() {
    let service = start(Options::default()).await;
    let made = manage(&service, ".create-merge table Events (a:string, ['b c']:dynamic) with (folder='Raw')").await;
    assert_eq!(made.rows()[0][0], json!("Events"));
    let columns: Vec<_> = made.json()["Tables"][0]["Columns"].as_array().expect("columns").clone();
    assert_eq!(columns[0], json!({"ColumnName": "TableName", "DataType": "String", "ColumnType": "string"}));
    let schema = async || manage(&service, ".show table Events cslschema").await.rows()[0][1].clone();
    assert_eq!(schema().await, json!("a:string,['b c']:dynamic"));
    manage(&service, ".create-merge table Events (d:long, a:string)").await.rows();
    assert_eq!(schema().await, json!("a:string,['b c']:dynamic,d:long"));
    manage(&service, ".create table Events (x:long)").await.rows();
    assert_eq!(schema().await, json!("a:string,['b c']:dynamic,d:long"), "a table that exists stays as it is");
    let clash = manage(&service, ".create-merge table Events (a:long)").await;
    assert_eq!((clash.status, clash.code()), (400, "General_BadRequest".to_owned()));
    let tables = manage(&service, ".show tables").await.rows();
    assert_eq!(tables, json!([["Events", "db", "", ""], [TABLE, "db", "", ""]]));
    assert_eq!(service.tables(), [("db".to_owned(), "Events".to_owned()), ("db".to_owned(), TABLE.to_owned())]);
}

#[tokio::test]
async fn mappings() {
    let service = start(Options::default()).await;
    let all = manage(&service, &format!(".show table {TABLE} ingestion mappings")).await.rows();
    let text = r#"[{"Properties":{"Path":"$"},"column":"Records","datatype":"dynamic"}]"#;
    assert_eq!(
        (&all[0][0], &all[0][1], &all[0][2], &all[0][5]),
        (&json!(MAPPING), &json!("Json"), &json!(text), &json!(TABLE))
    );
    let one =
        async |name: &str| manage(&service, &format!(".show table {TABLE} ingestion json mapping \"{name}\"")).await;
    assert_eq!(one(MAPPING).await.rows().as_array().map(Vec::len), Some(1));
    assert_eq!((one("Other").await.status, one("Other").await.code()), (400, "BadRequest_EntityNotFound".to_owned()));
    let wrong =
        manage(&service, &format!(".create-or-alter table {TABLE} ingestion json mapping \"M\" '[{{}}]'")).await;
    assert_eq!(wrong.code(), "BadRequest_InvalidMapping");
    let again = manage(&service, &format!(".create table {TABLE} ingestion json mapping \"{MAPPING}\" '{text}'")).await;
    assert_eq!(again.code(), "BadRequest_EntityAlreadyExists");
}

#[tokio::test]
async fn policies_for_streaming() {
    let service = start(Options::default()).await;
    let policy =
        async || manage(&service, &format!(".show table {TABLE} policy streamingingestion")).await.rows()[0][2].clone();
    assert_eq!(policy().await, json!("null"));
    manage(&service, &format!(".alter table {TABLE} policy streamingingestion enable")).await.rows();
    let enabled: Value = serde_json::from_str(policy().await.as_str().expect("text")).expect("JSON");
    assert_eq!(enabled["IsEnabled"], json!(true));
}

#[tokio::test]
async fn refusals_have_the_service_s_form() {
    let service = start(Options::default()).await;
    let missing = manage(&service, ".show table Nothing cslschema").await;
    let error = missing.json()["error"].clone();
    assert_eq!((missing.status, &error["code"]), (400, &json!("BadRequest_EntityNotFound")));
    assert_eq!(error["message"], json!("Request is invalid and cannot be executed."));
    assert_eq!(error["@type"], json!("Kusto.Data.Exceptions.EntityNotFoundException"));
    assert!(error["@message"].as_str().is_some_and(|text| text.contains("'Nothing'")) && error["@permanent"] == true);
    let database = json!({"csl": ".show tables", "db": "Nothing"});
    let database = send(post(&service, "/v1/rest/mgmt").await.json(&database)).await.expect("an answer");
    assert_eq!(database.code(), "BadRequest_EntityNotFound");
    assert_eq!(manage(&service, ".frobnicate").await.code(), "General_BadRequest");
    assert!(manage(&service, ".show tables | count").await.message().contains("'| count'"));
    service.faults().only(Some(".show version"));
    service.faults().script([
        Fault::Refuse {
            status: 429,
            code: "ControlCommandThrottledException".into(),
            message: "not now".into(),
            retry_after: Some(3),
        },
        Fault::Reset,
        Fault::Truncate,
    ]);
    let throttled = manage(&service, ".show version").await;
    assert_eq!((throttled.status, throttled.json()["error"]["@permanent"].clone()), (429, json!(false)));
    assert_eq!(throttled.headers.get("Retry-After").map(|value| value.as_bytes()), Some(&b"3"[..]));
    for _ in 0..2 {
        let body = json!({"csl": ".show version"});
        assert!(send(post(&service, "/v1/rest/mgmt").await.json(&body)).await.is_err());
    }
    assert_eq!(
        (manage(&service, ".show version").await.rows()[0][2].clone(), service.faults().unused()),
        (json!("Engine"), 0)
    );
    let texts: Vec<_> = service.requests().into_iter().map(|request| (request.text, request.status)).collect();
    assert_eq!(texts.last(), Some(&(".show version".to_owned(), 200)));
}
