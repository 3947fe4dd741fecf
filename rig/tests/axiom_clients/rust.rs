//! Axiom's own Rust client, through both doors.

use axiom_rs::Client;
use axiom_rs::dashboards::{CreateOptions, DashboardDocument, DashboardWriteStatus, UpsertOptions};
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
async fn dashboards() {
    let axiom = start(Options::default()).await;
    let [client, _] = clients(&axiom);
    let chart = json!({"id": "n", "type": "Statistic", "name": "N", "query": {"apl": "logs | summarize n = count()"}});
    let document = |name: &str, more: serde_json::Value| -> DashboardDocument {
        let mut document = json!({
            "name": name, "owner": "X-AXIOM-EVERYONE", "charts": [chart], "layout": [{"i": "n", "x": 0, "y": 0, "w": 3, "h": 3}],
            "refreshTime": 60, "schemaVersion": 2, "timeWindowStart": "qr-now-1h", "timeWindowEnd": "qr-now",
        });
        document.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        serde_json::from_value(document).unwrap()
    };
    let dashboards = client.dashboards();
    let named = || CreateOptions { uid: Some("ours".to_owned()), ..CreateOptions::default() };
    let created = dashboards.create(&document("one", json!({})), named()).await.expect("create");
    assert_eq!((created.status, created.dashboard.version), (DashboardWriteStatus::Created, Some(1)));
    let again = dashboards.create(&document("one", json!({})), named()).await.expect_err("it exists");
    assert!(matches!(&again, axiom_rs::Error::Axiom(error) if error.status == 409), "{again:?}");

    let at = |version| UpsertOptions { expected_version: Some(version), ..UpsertOptions::default() };
    let updated = dashboards.put("ours", &document("two", json!({})), at(1)).await.expect("update");
    assert_eq!((updated.status, updated.dashboard.version), (DashboardWriteStatus::Updated, Some(2)));
    let stale = dashboards.put("ours", &document("three", json!({})), at(1)).await.expect_err("a stale version");
    assert!(matches!(&stale, axiom_rs::Error::DashboardVersionConflict { current: 2, .. }), "{stale:?}");
    let got = dashboards.get("ours").await.expect("get");
    assert_eq!((got.name(), got.dashboard.charts.len(), got.updated_by.as_deref()), (Some("two"), 1, Some("stand-in")));
    assert_eq!(dashboards.list().await.expect("list").len(), 1);

    for (more, status) in [
        (json!({"datasets": ["logs"]}), 400),
        (json!({"refreshTime": 17}), 400),
        (json!({"charts": []}), 400),
        (json!({"owner": "somebody"}), 403),
    ] {
        let refused = dashboards.create(&document("bad", more), CreateOptions::default()).await.expect_err("refused");
        assert!(matches!(&refused, axiom_rs::Error::Axiom(error) if error.status == status), "{refused:?}");
    }
    dashboards.delete("ours").await.expect("delete");
    assert!(dashboards.get("ours").await.is_err());
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
