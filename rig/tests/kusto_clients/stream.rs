//! Streaming ingestion.

use std::io::Write as _;

use rig::kusto::{Kusto, Options};
use serde_json::json;

use super::{Answer, DATABASE, MAPPING, TABLE, manage, post, send, start};

async fn streaming(options: Options) -> Kusto {
    let service = start(options).await;
    manage(&service, &format!(".alter table {TABLE} policy streamingingestion enable")).await.rows();
    service
}

async fn stream(service: &Kusto, parameters: &str, body: impl Into<reqwest::Body>) -> Answer {
    let path = format!("/v1/rest/ingest/{DATABASE}/{TABLE}?{parameters}");
    send(post(service, &path).await.body(body)).await.expect("an answer")
}

#[tokio::test]
async fn rows_are_there_at_once() {
    let service = streaming(Options::default()).await;
    let parameters = format!("streamFormat=MultiJSON&mappingName={MAPPING}");
    let answer = stream(&service, &parameters, "[{\"N\":1},\n{\"N\":2}]").await;
    assert_eq!(answer.rows(), json!([[2, "Inactive", "Unknown", null]]));
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(b"{\"N\":3}").expect("write to memory");
    let path = format!("/v1/rest/ingest/{DATABASE}/{TABLE}?{parameters}");
    let request = post(&service, &path).await.header("Content-Encoding", "gzip");
    let request = request.body(encoder.finish().expect("write to memory"));
    assert_eq!(send(request).await.expect("an answer").status, 200);
    let rows: Vec<_> = [1, 2, 3].iter().map(|n| json!({"Records": {"N": n}})).collect();
    assert_eq!(service.rows(DATABASE, TABLE), rows);
    let request = service.requests().pop().expect("a request");
    let name = ("mappingName".to_owned(), MAPPING.to_owned());
    assert!(request.parameters.contains(&name) && request.text == "ingest db.EventsRaw", "{request:?}");
}

#[tokio::test]
async fn refused() {
    let service = streaming(Options { streaming_max: 20, ..Options::default() }).await;
    let good = format!("streamFormat=json&mappingName={MAPPING}");
    let code = async |parameters: &str, body: &'static str| {
        let answer = stream(&service, parameters, body).await;
        (answer.status, answer.code())
    };
    let bad = |code: &str| (400, code.to_owned());
    assert_eq!(
        code("streamFormat=json&mappingName=Nothing", "{}").await,
        bad("BadRequest_MappingReferenceWasNotFound")
    );
    assert_eq!(code("streamFormat=json", "{}").await, bad("BadRequest_MissingMappingtFailure"));
    assert_eq!(code("streamFormat=csv", "{}").await, bad("BadRequest_FormatNotSupported"));
    assert_eq!(code(&good, "{\"N\":").await, bad("BadRequest_UnexpectedCharacterInInputStream"));
    assert_eq!(code(&good, "").await, bad("Stream_NoDataToIngest"));
    assert_eq!(code(&good, "{\"N\":123456789012345}").await, (413, "BadRequest_RequestTooLarge".to_owned()));
    assert_eq!(code(&good, "{\"N\":12345678901234}").await.0, 200, "as large as it may be");
    let path = format!("/v1/rest/ingest/{DATABASE}/Nothing?{good}");
    let missing = send(post(&service, &path).await.body("{}")).await.expect("an answer");
    assert_eq!(missing.code(), "BadRequest_EntityNotFound");
    manage(&service, &format!(".alter table {TABLE} policy streamingingestion disable")).await.rows();
    assert_eq!(code(&good, "{}").await, bad("BadRequest_StreamingIngestionPolicyNotEnabled"));
    let cluster = streaming(Options { streaming: false, ..Options::default() }).await;
    assert_eq!(stream(&cluster, &good, "{}").await.code(), "BadRequest_StreamingIngestionPolicyNotEnabled");
    assert_eq!((service.rows(DATABASE, TABLE).len(), cluster.rows(DATABASE, TABLE).len()), (1, 0));
}
