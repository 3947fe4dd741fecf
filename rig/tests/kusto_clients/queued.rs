//! Queued ingestion, by hand: each step that a client takes, and each way in which it ends.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rig::kusto::{Failure, Ingestion, Kusto, Options};
use serde_json::{Map, Value, json};

use super::{DATABASE, MAPPING, TABLE, client, manage, send, start};

/// What a client was given.
struct Resources {
    rows: Vec<(String, String)>,
    token: String,
}

impl Resources {
    async fn of(service: &Kusto) -> Self {
        let rows = manage(service, ".get ingestion resources").await.rows();
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let rows = rows.as_array().expect("rows").iter().map(|row| (text(&row[0]), text(&row[1]))).collect();
        let token = text(&manage(service, ".get kusto identity token").await.rows()[0][0]);
        Self { rows, token }
    }

    fn get(&self, kind: &str) -> &str {
        &self.rows.iter().find(|(known, _)| known == kind).expect(kind).1
    }

    /// The address of something in what an address is about, with the same signature.
    fn below(&self, kind: &str, name: &str) -> String {
        let (address, signature) = self.get(kind).split_once('?').expect("a signature");
        format!("{address}/{name}?{signature}")
    }

    /// Uploads a blob; gives its address.
    async fn upload(&self, name: &str, bytes: &[u8]) -> String {
        let address = self.below("TempStorage", name);
        let request = client().put(&address).header("x-ms-blob-type", "BlockBlob").header("x-ms-version", "2018-11-09");
        let request = request.header("Content-Length", bytes.len());
        assert_eq!(send(request.body(bytes.to_vec())).await.expect("an answer").status, 201);
        address
    }

    /// A message, with some of it changed.
    fn message(&self, id: &str, blob: &str, changes: Value) -> Value {
        let mut message = json!({
            "Id": id, "BlobPath": blob, "RawDataSize": 10, "DatabaseName": DATABASE, "TableName": TABLE, "RetainBlobOnSuccess": true,
            "FlushImmediately": true, "ReportLevel": 2, "ReportMethod": 1,
            "AdditionalProperties": {"authorizationContext": self.token, "format": "multijson", "ingestionMappingReference": MAPPING},
        });
        merge(&mut message, &changes);
        message
    }

    async fn put(&self, message: &Value) {
        let text = BASE64_STANDARD.encode(message.to_string());
        let body = format!("<QueueMessage><MessageText>{text}</MessageText></QueueMessage>");
        let address = self.below("SecuredReadyForAggregationQueue", "messages");
        let request = client().post(&address).header("x-ms-version", "2018-11-09").body(body);
        assert_eq!(send(request).await.expect("an answer").status, 201);
    }

    /// Uploads, asks for ingestion, and waits for its end.
    async fn ingest(&self, service: &Kusto, bytes: &[u8], changes: Value) -> Ingestion {
        let before = service.ingestions().len();
        let id = format!("{:032x}", fastrand::u128(..));
        let blob = self.upload(&id, bytes).await;
        self.put(&self.message(&id, &blob, changes)).await;
        wait(|| service.ingestions().len() > before).await;
        let ingestion = service.ingestions().pop().expect("an ingestion");
        assert_eq!(ingestion.id, id);
        ingestion
    }
}

fn merge(to: &mut Value, changes: &Value) {
    match (to, changes) {
        (Value::Object(to), Value::Object(changes)) => {
            for (key, change) in changes {
                merge(to.entry(key.clone()).or_insert(Value::Null), change);
            }
        }
        (to, change) => *to = change.clone(),
    }
}

async fn wait(mut condition: impl FnMut() -> bool) {
    for _ in 0..600 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("waited for too long");
}

/// The entry of an id in the table of statuses, once it is written.
async fn status(service: &Kusto, id: &str) -> Map<String, Value> {
    for _ in 0..600 {
        let all = service.statuses().await.expect("the table of statuses");
        let found = all.into_iter().find(|entry| entry["RowKey"] == id && entry["Status"] != "Pending");
        if let Some(Value::Object(entry)) = found {
            return entry;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("waited for too long");
}

#[tokio::test]
async fn from_a_blob_to_rows() {
    let service = start(Options { queues: 2, containers: 2, ..Options::default() }).await;
    let resources = Resources::of(&service).await;
    let count = |kind: &str| resources.rows.iter().filter(|(known, _)| known == kind).count();
    let kinds = [
        "TempStorage",
        "SecuredReadyForAggregationQueue",
        "FailedIngestionsQueue",
        "SuccessfulIngestionsQueue",
        "IngestionsStatusTable",
    ];
    assert_eq!(kinds.map(count), [2, 2, 1, 1, 1]);
    let done = resources.ingest(&service, b"{\"N\":1} {\"N\":\"2\"}", json!({})).await;
    assert_eq!((done.status, done.rows, done.code.as_str()), ("Succeeded", 2, ""));
    assert_eq!(service.rows(DATABASE, TABLE), [json!({"Records": {"N": 1}}), json!({"Records": {"N": "2"}})]);
    let entry = status(&service, &done.id).await;
    assert_eq!((&entry["Status"], &entry["Table"], entry.get("ErrorCode")), (&json!("Succeeded"), &json!(TABLE), None));
}

#[tokio::test]
async fn an_entry_that_the_client_made_first() {
    let service = start(Options::default()).await;
    let resources = Resources::of(&service).await;
    let blob = resources.upload("b.json", b"{}").await;
    let table = resources.get("IngestionsStatusTable");
    let entry = json!({"PartitionKey": "p'q", "RowKey": "r", "Status": "Pending", "Own": "kept"});
    let request = client().post(table).header("Accept", "application/json;odata=nometadata").json(&entry);
    assert_eq!(send(request.header("x-ms-version", "2018-11-09")).await.expect("an answer").status, 201);
    let place =
        json!({"IngestionStatusInTable": {"TableConnectionString": table, "PartitionKey": "p'q", "RowKey": "r"}});
    resources.put(&resources.message("id", &blob, place)).await;
    let entry = status(&service, "r").await;
    assert_eq!(
        (&entry["Status"], &entry["Own"], &entry["IngestionSourceId"]),
        (&json!("Succeeded"), &json!("kept"), &json!("id"))
    );
    assert_eq!(service.statuses().await.expect("the table").len(), 1);
}

#[tokio::test]
async fn signatures_may_do_no_more_than_they_must() {
    let service = start(Options::default()).await;
    let resources = Resources::of(&service).await;
    let status = async |request: reqwest::RequestBuilder| send(request).await.expect("an answer").status;
    assert_eq!(status(client().get(resources.below("SecuredReadyForAggregationQueue", "messages"))).await, 403);
    assert_eq!(status(client().get(resources.below("SuccessfulIngestionsQueue", "messages"))).await, 200);
    let blob = resources.upload("b", b"{}").await;
    assert_eq!(status(client().delete(&blob)).await, 403);
    let (unsigned, _) = blob.split_once('?').expect("a signature");
    assert_ne!(status(client().get(unsigned)).await, 200);
    let failed = resources.ingest(&service, b"{}", json!({"BlobPath": unsigned})).await;
    assert!(failed.code.starts_with("Download_"), "{failed:?}");
}

#[tokio::test]
async fn ways_to_fail() {
    let service = start(Options::default()).await;
    let resources = Resources::of(&service).await;
    let columns = "[{\"column\":\"Other\",\"Properties\":{\"Path\":\"$\"}}]";
    let property = |name: &str, value: Value| json!({"AdditionalProperties": {name: value}});
    let cases = [
        (property("authorizationContext", json!("guessed")), "BadRequest_InvalidKustoIdentityToken"),
        (property("authorizationContext", Value::Null), "BadRequest_InvalidKustoIdentityToken"),
        (json!({"DatabaseName": "Nothing"}), "BadRequest_DatabaseNotExist"),
        (json!({"TableName": "Nothing"}), "BadRequest_TableNotExist"),
        (property("ingestionMappingReference", json!("Nothing")), "BadRequest_MappingReferenceWasNotFound"),
        (property("ingestionMappingReference", Value::Null), "BadRequest_MissingMappingtFailure"),
        (property("ingestionMapping", json!(columns)), "BadRequest_DuplicateMapping"),
        (
            json!({"AdditionalProperties": {"ingestionMappingReference": null, "ingestionMapping": columns}}),
            "BadRequest_InconsistentMapping",
        ),
        (
            json!({"AdditionalProperties": {"ingestionMappingReference": null, "ingestionMapping": "[{}]"}}),
            "BadRequest_InvalidMapping",
        ),
        (property("format", json!("csv")), "BadRequest_FormatNotSupported"),
        (property("tags", json!("[")), "BadRequest_MalformedIngestionProperty"),
        (property("creationTime", json!("soon")), "BadRequest_MalformedIngestionProperty"),
        (json!({"BlobPath": resources.below("TempStorage", "nothing")}), "Download_SourceNotFound"),
    ];
    for (changes, code) in cases {
        let failed = resources.ingest(&service, b"{}", changes.clone()).await;
        assert_eq!((failed.status, failed.code.as_str()), ("Failed", code), "{changes}");
        let entry = status(&service, &failed.id).await;
        assert_eq!((&entry["ErrorCode"], &entry["FailureStatus"]), (&json!(code), &json!("Permanent")));
        assert!(entry["Details"].as_str().is_some_and(|details| !details.is_empty()));
    }
    for (bytes, code) in [
        (&b""[..], "BadRequest_EmptyBlob"),
        (b"{\"N\":", "BadRequest_UnexpectedCharacterInInputStream"),
        (b"  ", "Stream_NoDataToIngest"),
        (b"\x1f\x8bno gzip", "BadRequest_InvalidArchive"),
    ] {
        assert_eq!(resources.ingest(&service, bytes, json!({})).await.code, code);
    }
    assert!(service.rows(DATABASE, TABLE).is_empty());
}

#[tokio::test]
async fn told_to_fail_and_held_back() {
    let service = start(Options::default()).await;
    let resources = Resources::of(&service).await;
    service.fail_next(1, Failure::Transient);
    let failed = resources.ingest(&service, b"{}", json!({})).await;
    assert_eq!(status(&service, &failed.id).await["FailureStatus"], json!("Transient"));
    service.fail_next(1, Failure::Permanent);
    let failed = resources.ingest(&service, b"{}", json!({})).await;
    assert_eq!(status(&service, &failed.id).await["FailureStatus"], json!("Permanent"));
    service.hold(true);
    let blob = resources.upload("b", b"{}").await;
    resources.put(&resources.message("held", &blob, json!({}))).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!((service.ingestions().len(), service.rows(DATABASE, TABLE).len()), (2, 0));
    service.hold(false);
    assert_eq!(status(&service, "held").await["Status"], json!("Succeeded"));
    assert_eq!(service.rows(DATABASE, TABLE).len(), 1);
}

#[tokio::test]
async fn the_same_tag_is_ingested_once() {
    let service = start(Options::default()).await;
    let resources = Resources::of(&service).await;
    let tagged = |tag: &str| json!({"AdditionalProperties": {"tags": format!("[\"ingest-by:{tag}\"]"), "ingestIfNotExists": format!("[\"{tag}\"]")}});
    let mut statuses = Vec::new();
    for tag in ["a", "a", "b"] {
        statuses.push(resources.ingest(&service, b"{}", tagged(tag)).await.status);
    }
    assert_eq!((statuses, service.rows(DATABASE, TABLE).len()), (vec!["Succeeded", "Skipped", "Succeeded"], 2));
    assert_eq!(service.ingestions()[1].code, "Skipped_IngestByTagAlreadyExists");
    assert_eq!(
        resources.ingest(&service, b"{}", json!({})).await.status,
        "Succeeded",
        "who asks for nothing gets it twice"
    );
}

#[tokio::test]
async fn blobs_are_kept_or_deleted() {
    let service = start(Options::default()).await;
    let resources = Resources::of(&service).await;
    for (kept, status) in [(true, 200), (false, 404)] {
        let done = resources.ingest(&service, b"{}", json!({"RetainBlobOnSuccess": kept})).await;
        let blob = client().get(resources.below("TempStorage", &done.id));
        assert_eq!((done.status, send(blob).await.expect("an answer").status), ("Succeeded", status));
    }
    let failed = resources.ingest(&service, b"x", json!({"RetainBlobOnSuccess": false})).await;
    let blob = client().get(resources.below("TempStorage", &failed.id));
    assert_eq!(send(blob).await.expect("an answer").status, 200, "what failed stays");
}

#[tokio::test]
async fn reports_go_where_they_are_wanted() {
    let service = start(Options::default()).await;
    let resources = Resources::of(&service).await;
    let on_queue = async |kind: &str| {
        let request = client().get(resources.below(kind, "messages")).query(&[("numofmessages", "32")]);
        let body = String::from_utf8(send(request).await.expect("an answer").body).expect("text");
        body.matches("<MessageText>").count()
    };
    // Level, method, whether it goes well; and reports among successes, among failures and in the table.
    for (level, method, good, expected) in [
        (0, 0, true, (0, 0, 0)),
        (0, 0, false, (0, 1, 0)),
        (0, 1, false, (0, 0, 1)),
        (1, 2, true, (0, 0, 0)),
        (1, 2, false, (0, 0, 0)),
        (2, 0, true, (1, 0, 0)),
        (2, 2, true, (1, 0, 1)),
        (2, 2, false, (0, 1, 1)),
    ] {
        let before = service.statuses().await.expect("the table").len();
        let bytes: &[u8] = if good { b"{}" } else { b"x" };
        let held = service.ingestions().len();
        resources.ingest(&service, bytes, json!({"ReportLevel": level, "ReportMethod": method})).await;
        // A further one, so that the report of the first is written for sure.
        resources.ingest(&service, b"{}", json!({"ReportLevel": 1})).await;
        assert_eq!(service.ingestions().len(), held + 2);
        let table = service.statuses().await.expect("the table").len() - before;
        let seen = (on_queue("SuccessfulIngestionsQueue").await, on_queue("FailedIngestionsQueue").await, table);
        assert_eq!(seen, expected, "level {level}, method {method}, {good}");
    }
}
