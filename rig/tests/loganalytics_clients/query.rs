//! Queries through HTTP: bodies, time spans, endpoints, errors and encodings.

use std::io::Read as _;

use rig::loganalytics::{Options, Plan, Row, Table};
use serde_json::json;

use super::{TABLE, ask, post, send, start, token};

#[tokio::test]
async fn rows_with_hidden_columns() {
    let service = start(Options::default()).await;
    let query = format!(
        "{TABLE}\n| where TimeGenerated >= datetime(2026-01-01T00:00:00.0000003Z) and TimeGenerated < datetime(2026-01-01T00:00:00.0000005Z)\n| extend _ItemId"
    );
    let answer = ask(&service, &query).await;
    let expected = json!({"tables": [{
        "name": "PrimaryResult",
        "columns": [{"name": "TimeGenerated", "type": "datetime"}, {"name": "N", "type": "long"}, {"name": "_ItemId", "type": "string"}],
        "rows": [["2026-01-01T00:00:00.0000003Z", 3, "id-3"], ["2026-01-01T00:00:00.0000004Z", 4, "id-4"]],
    }]});
    assert_eq!((answer.status, answer.json()), (200, expected));
    assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
    let requests = service.requests();
    let request = requests.last().expect("a request");
    assert_eq!((request.status, request.rows, request.partial, request.at_once), (200, 2, false, 1));
    assert_eq!(
        (request.query.as_str(), request.bytes),
        (query.as_str(), 2 * "[\"2026-01-01T00:00:00.0000003Z\",3,\"id-3\"]".len())
    );
    assert!(request.began <= request.started.expect("it ran") && request.started <= request.ended);
}

#[tokio::test]
async fn late_rows_are_seen() {
    let service = start(Options::default()).await;
    let late = json!({"TimeGenerated": "2026-01-01T00:00:00.0000004Z", "N": 44, "_ItemId": "id-44"});
    service.append_values(TABLE, &[late]).expect("a row of the table");
    service.append(TABLE, [Row::new(17_672_256_000_000_000, "\"2026-01-01T00:00:00Z\",40", "\"id-40\"")]);
    let answer = ask(&service, &format!("{TABLE} | take 7 | project N")).await;
    assert_eq!((answer.numbers(), service.rows(TABLE)), (vec![0, 40, 1, 2, 3, 4, 44], 12));
    assert!(service.append_values("Other", &[]).is_err());
}

#[tokio::test]
async fn time_spans_of_url_and_body_intersect() {
    let service = start(Options::default()).await;
    let ask = async |url: Option<&str>, body: Option<&str>| {
        let request = post(&service, "query", json!({"query": format!("{TABLE} | project N"), "timespan": body})).await;
        let request = url.into_iter().fold(request, |request, span| request.query(&[("timespan", span)]));
        send(request).await.expect("an answer")
    };
    let span = |from: u8, to: u8| format!("2026-01-01T00:00:00.000000{from}Z/2026-01-01T00:00:00.000000{to}Z");
    assert_eq!(ask(None, None).await.numbers().len(), 10);
    assert_eq!(ask(None, Some(&span(2, 5))).await.numbers(), [2, 3, 4, 5]);
    assert_eq!(ask(Some(&span(4, 9)), None).await.numbers(), [4, 5, 6, 7, 8, 9]);
    assert_eq!(ask(Some(&span(4, 9)), Some(&span(2, 5))).await.numbers(), [4, 5]);
    assert_eq!(ask(Some(&span(6, 9)), Some(&span(2, 5))).await.numbers(), [0_i64; 0]);
    assert_eq!(ask(None, Some("P1D/2026-01-01T00:00:00.0000001Z")).await.numbers(), [0, 1]);
    assert_eq!(ask(None, Some("PT1S")).await.numbers(), [0_i64; 0], "up to now");
    let bad = ask(None, Some("yesterday")).await;
    assert_eq!((bad.status, bad.json()["error"]["code"].clone()), (400, json!("BadArgumentError")));
    let request = service.requests().into_iter().nth(3).expect("a request");
    assert_eq!((request.url_timespan, request.timespan), (Some(span(4, 9)), Some(span(2, 5))));
}

#[tokio::test]
async fn errors_say_what_and_where() {
    let service = start(Options::default()).await;
    let inner = async |query: &str| {
        let answer = ask(&service, query).await;
        let error = answer.json()["error"].clone();
        let outer = (answer.status, error["code"].clone(), error["message"].clone());
        assert_eq!(outer, (400, json!("BadArgumentError"), json!("The request had some invalid properties")));
        assert!(error["correlationId"].is_string());
        error["innererror"].clone()
    };
    assert_eq!(
        inner("completely invalid syntax").await,
        json!({"code": "SyntaxError", "message": "A recognition error occurred in the query.", "innererror": {
            "code": "SYN0002", "message": "Query could not be parsed at 'invalid' on line [1,11]", "line": 1, "pos": 11, "token": "invalid",
        }})
    );
    let semantic = |message: &str| json!({"code": "SemanticError", "message": "A semantic error occurred.", "innererror": {"code": "SEM0100", "message": message}});
    assert_eq!(
        inner("Foo | where a == 1").await,
        semantic("'where' operator: Failed to resolve table or column expression named 'Foo'")
    );
    assert_eq!(
        inner(&format!("{TABLE} | where Foo == 1")).await,
        semantic("'where' operator: Failed to resolve column or scalar expression named 'Foo'")
    );
}

#[tokio::test]
async fn basic_tables_are_searched() {
    let service = start(Options::default()).await;
    let row = json!({"TimeGenerated": "2026-01-01T00:00:00.0000004Z", "N": 4});
    service.add(Table::of("Basic_CL", &[row]).expect("a row").plan(Plan::Basic));
    let refused = ask(&service, "Basic_CL | take 1").await;
    assert_eq!(
        (refused.status, refused.json()["error"]["innererror"]["code"].clone()),
        (400, json!("UnsupportedApiQueryValidationError"))
    );
    let search = async |url: &[(&str, &str)], body| {
        send(post(&service, "search", body).await.query(url)).await.expect("an answer")
    };
    let query = "Basic_CL | project N";
    assert_eq!(search(&[], json!({"query": query})).await.status, 400, "without a timespan");
    assert_eq!(search(&[("timespan", "2026-01-01/P1D")], json!({"query": query})).await.numbers(), [4]);
    assert_eq!(search(&[], json!({"query": query, "timespan": "2026-01-02/P1D"})).await.numbers(), [0_i64; 0]);
}

#[tokio::test]
async fn statistics_where_asked_for() {
    let service = start(Options::default()).await;
    let query = json!({"query": format!("{TABLE} | take 2")});
    let request = post(&service, "query", query.clone())
        .await
        .header("Prefer", "wait=60,include-statistics=true,include-render=true");
    let answer = send(request).await.expect("an answer").json();
    assert_eq!(answer["statistics"]["query"]["inputDatasetStatistics"]["rows"]["scanned"], 10);
    assert_eq!(answer["statistics"]["query"]["datasetStatistics"][0]["tableRowCount"], 2);
    assert!(answer["render"].is_object());
    assert_eq!(service.requests().last().and_then(|request| request.wait), Some(60));
    let plain = send(post(&service, "query", query).await).await.expect("an answer").json();
    assert_eq!(plain.as_object().map(|keys| keys.len()), Some(1));
}

#[tokio::test]
async fn gzip_where_accepted() {
    let service = start(Options::default()).await;
    let query = json!({"query": format!("{TABLE} | project N")});
    let ask = async |accept: &str| {
        let request = post(&service, "query", query.clone()).await.header("Accept-Encoding", accept);
        send(request).await.expect("an answer")
    };
    for accept in ["identity", "gzip;q=0", "br"] {
        assert_eq!(ask(accept).await.header("content-encoding"), None, "{accept}");
    }
    for accept in ["gzip", "deflate, gzip;q=0.5"] {
        let answer = ask(accept).await;
        assert_eq!(answer.header("content-encoding"), Some("gzip"), "{accept}");
        let mut text = String::new();
        flate2::read::GzDecoder::new(&answer.body[..]).read_to_string(&mut text).expect("gzip");
        assert!(text.starts_with("{\"tables\":") && text.ends_with("[9]]}]}"), "{text}");
    }
}

#[tokio::test]
async fn through_tls() {
    let service = start(Options::default()).await;
    rig::install_tls();
    let certificate = std::fs::read(service.ca_path()).expect("the certificate");
    let certificate = reqwest::Certificate::from_pem(&certificate).expect("a certificate");
    let client = reqwest::Client::builder().tls_certs_only([certificate]).build().expect("a client");
    let url = format!("{}/v1/workspaces/{}/query", service.tls_url(), service.workspace());
    let token = token(service.identity(), "https://api.loganalytics.io").await;
    let request = client.post(url).bearer_auth(&token).json(&json!({"query": format!("{TABLE} | count")}));
    assert_eq!(send(request).await.expect("an answer").numbers(), [10]);
    let strangers = super::client().post(service.tls_url()).bearer_auth(token);
    assert!(send(strangers).await.is_err(), "who does not trust the certificate");
}

#[tokio::test]
async fn rows_that_are_ingested_late() {
    let service = start(Options::default()).await;
    let row = Row::new(17_672_256_000_000_000, "\"2026-01-01T00:00:00Z\",40", "\"id-40\"");
    // 2026-01-02, in ticks.
    service.append_at(TABLE, [row], 17_673_120_000_000_000);
    let late = [json!({"TimeGenerated": "2026-01-01T00:00:00Z", "N": 41})];
    service.append_values_at(TABLE, &late, "2026-01-03T00:00:00Z").expect("rows of the table");
    assert!(service.append_values_at(TABLE, &late, "soon").is_err());
    let query =
        format!("{TABLE} | where ingestion_time() >= datetime(2026-01-02) | order by ingestion_time() asc | project N");
    assert_eq!(ask(&service, &query).await.numbers(), [40, 41]);
    let query = format!("{TABLE} | where ingestion_time() < datetime(2026-01-02) | count");
    assert_eq!(ask(&service, &query).await.numbers(), [10], "the others were ingested at their TimeGenerated");
}
