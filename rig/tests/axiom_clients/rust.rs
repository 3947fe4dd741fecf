//! Axiom's own Rust client, through both doors.

use axiom_rs::Client;
use axiom_rs::datasets::{ContentEncoding, ContentType};
use rig::axiom::{Axiom, Fault, HostileBody, Options, Refusal};
use serde_json::json;

use super::{DATASET, start};

fn clients(axiom: &Axiom) -> [Client; 2] {
    let builder = || Client::builder().no_env().with_token(axiom.token()).with_url(axiom.url());
    [builder().build().expect("a client"), builder().with_edge_url(axiom.edge_url()).build().expect("a client")]
}

#[tokio::test]
async fn ingest_and_query() {
    let axiom = start(Options::default()).await;
    for (door, client) in clients(&axiom).iter().enumerate() {
        let events = (0..5).map(|n| json!({"n": n, "door": door, "_time": "2026-01-02T03:04:05Z"}));
        let status = client.ingest(DATASET, events).await.expect("ingest");
        assert_eq!((status.ingested, status.failed, status.failures.len()), (5, 0, 0));
        let bytes = zstd::encode_all(&b"{\"n\":7}\n"[..], 1).expect("compress");
        let status =
            client.ingest_bytes(DATASET, bytes, ContentType::NdJson, ContentEncoding::Zstd).await.expect("ingest");
        assert_eq!((status.ingested, status.processed_bytes), (1, 8));
        let plain = client.ingest_bytes(DATASET, "[{\"n\":8}]", ContentType::Json, ContentEncoding::Identity).await;
        assert_eq!(plain.expect("ingest").ingested, 1);
    }
    for client in clients(&axiom) {
        let apl = "['logs'] | summarize total=count(), kinds=dcount(n), least=min(n), first=min(_time)";
        let result = client.query(apl, None).await.expect("query");
        let row: Vec<_> = result.tables[0].columns().iter().map(|column| column[0].clone()).collect();
        assert_eq!(row, [json!(14), json!(7), json!(0), json!("2026-01-02T03:04:05Z")]);
        let hours = client.query("logs | summarize n=count() by bin(_time, 1h)", None).await.expect("query");
        assert_eq!(hours.tables[0].columns()[1][0], json!(10));
        assert_eq!(hours.tables[0].buckets().map(|buckets| buckets.size()), Some(3_600_000_000_000));
        assert!(client.query("logs | mv-expand n", None).await.is_err());
    }
}

#[tokio::test]
async fn datasets() {
    let axiom = start(Options::default()).await;
    let [client, _] = clients(&axiom);
    let created = client.datasets().create("new-one", "described").await.expect("create");
    assert_eq!((created.name.as_str(), created.description.as_str()), ("new-one", "described"));
    let again = client.datasets().create("new-one", "").await.expect_err("it exists");
    assert!(matches!(&again, axiom_rs::Error::Axiom(error) if error.status == 409), "{again:?}");
    assert_eq!(client.datasets().list().await.expect("list").len(), 2);
    let updated = client.datasets().update("new-one", "changed").await.expect("update");
    assert_eq!(updated.description, "changed");
    client.datasets().delete("new-one").await.expect("delete");
    let gone = client.datasets().get("new-one").await.expect_err("it is deleted");
    assert!(matches!(&gone, axiom_rs::Error::Axiom(error) if error.status == 404), "{gone:?}");
    assert_eq!(axiom.datasets(), [DATASET]);
}

#[tokio::test]
async fn errors_are_typed() {
    let axiom = start(Options::default()).await;
    for client in clients(&axiom) {
        let ingest = || client.ingest(DATASET, [json!({"a": 1})]);
        axiom.faults().script([Refusal::new(429, "slow down").into(), Refusal::new(430, "enough").into()]);
        let limited = ingest().await.expect_err("429");
        assert!(
            matches!(&limited, axiom_rs::Error::RateLimitExceeded { scope, .. } if scope == "organization"),
            "{limited:?}"
        );
        let limited = ingest().await.expect_err("430");
        assert!(matches!(limited, axiom_rs::Error::IngestLimitExceeded(_)), "{limited:?}");
        axiom
            .faults()
            .script([Refusal::new(429, "slow down").reset_in(None).into(), Fault::Hostile(HostileBody::NoFailures)]);
        let bare = ingest().await.expect_err("429");
        assert!(
            matches!(&bare, axiom_rs::Error::Axiom(error) if error.message.as_deref() == Some("slow down")),
            "{bare:?}"
        );
        let hostile = ingest().await.expect_err("a body without failures");
        assert!(matches!(hostile, axiom_rs::Error::Deserialize(_)), "{hostile:?}");
        let missing = client.ingest("missing", [json!({"a": 1})]).await.expect_err("404");
        assert!(matches!(&missing, axiom_rs::Error::Axiom(error) if error.status == 404), "{missing:?}");
    }
    assert_eq!((axiom.totals(DATASET).content.rows, axiom.unknown_outcomes()), (2, 2));
    assert_eq!(axiom.datasets(), [DATASET]);
}
