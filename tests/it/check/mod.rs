//! `check` names what is wrong, and nothing else. What the emulator cannot be made to do, the proxy in front of it says as the documentation shows it.

mod axiom_cases;
mod azure_cases;
mod deployment;

use rig::axiom::Rights;
use rig::writer::Kind;
use tokio::net::TcpListener;

use crate::support::workspace::workspace;
use crate::support::{CONTAINER, TABLE, World, blob_name, rows};
use deployment::{Case, Deployment, USUAL};

async fn check(case: &Case) {
    let mut deployment = Deployment::new(case.axiom).await;
    (case.spoil)(&mut deployment).await;
    let (code, troubles) = deployment.troubles().await;
    let fits = |[trouble, expected]: [&[&str; 4]; 2]| {
        trouble[..2] == expected[..2] && trouble[2].contains(expected[2]) && trouble[3].contains(expected[3])
    };
    let found: Vec<[&str; 4]> = troubles.iter().map(|trouble| trouble.each_ref().map(String::as_str)).collect();
    let all = found.len() == case.expected.len()
        && found.iter().zip(case.expected).all(|(trouble, expected)| fits([trouble, expected]));
    assert!(all, "{}: {found:#?} instead of {:#?}", case.what, case.expected);
    assert_eq!(code, Some(case.code), "{}", case.what);
}

#[tokio::test]
async fn what_is_wrong_is_named_with_what_to_do_and_nothing_else_is() {
    let cases: Vec<&Case> = axiom_cases::CASES.iter().chain(azure_cases::CASES).collect();
    for some in cases.chunks(6) {
        futures::future::join_all(some.iter().map(|case| check(case))).await;
    }
}

#[tokio::test]
async fn a_line_for_each_thing_without_colour_where_no_one_looks_and_nothing_is_left_behind() {
    let deployment = Deployment::new(USUAL).await;
    deployment.writer.put_blob(CONTAINER, &blob_name(0), rows(0..3).as_bytes(), Kind::Block).await.unwrap();
    let ran = deployment.check(&[]).await;
    assert_eq!(ran.code, Some(0), "{}", ran.output);
    for line in [
        "ok       settings: all of them make sense",
        "ok       version: sentinel-axiom ",
        "ok       clock: ",
        "ok       identity: nobody signs in",
        "ok       export account: StorageV2, ",
        "ok       export account: soft delete for blobs is off",
        "ok       export account: a blob of our own could be written, read, marked and deleted",
        "ok       export account: 1 tables are exported to it: am-securityevent",
        "ok       waiting rows: 1 of 1 blobs, ",
        "ok       host account: a blob of our own could be written, read, marked and deleted",
        "ok       queue: blob-created: about 0 messages",
        "unknown  events: no message waits",
        "ok       axiom: AXIOM_TOKEN is an API token",
        "ok       datasets: 1 of 100 datasets",
    ] {
        assert_eq!(ran.output.lines().filter(|shown| shown.starts_with(line)).count(), 1, "{line}: {}", ran.output);
    }
    assert!(ran.output.ends_with(" checks, 0 failed, 0 warnings\n") && !ran.output.contains('\x1b'), "{}", ran.output);
    // A blob that is only looked at, in a container that is all there is.
    let blobs = sentinel_axiom::azure::connect_blobs(&deployment.export.access(), rig::azurite::IDENTITY).unwrap();
    let containers: Vec<_> = futures::TryStreamExt::try_collect(blobs.containers("")).await.unwrap();
    assert_eq!(containers, [CONTAINER]);
    let blob = blobs.properties(CONTAINER, &blob_name(0)).await.unwrap().unwrap();
    assert!(blob.metadata.is_empty(), "{:?}", blob.metadata);
    assert_eq!(
        (deployment.world.axiom.datasets(), deployment.world.axiom.totals(TABLE).content.rows),
        (vec![TABLE.to_owned()], 0)
    );
}

#[tokio::test]
async fn settings_that_are_wrong_keep_nothing_else_from_being_checked() {
    let mut deployment = Deployment::new(USUAL).await;
    deployment
        .world
        .set("UPLOADS", "0")
        .set("LOG_LEVEL", "loud")
        .set("AXIOM_TOKN", "x")
        .set("WORK_QUEUE", "no-such-queue");
    let ran = deployment.check(&[]).await;
    assert_eq!(ran.code, Some(64), "{}", ran.output);
    for line in [
        "failed   settings: UPLOADS is \"0\", out of range -> give 1 to 64",
        "failed   settings: LOG_LEVEL is \"loud\" -> use one of error",
        "failed   settings: AXIOM_TOKN is not a setting -> did you mean AXIOM_TOKEN?",
        "failed   queue: no-such-queue does not exist -> ",
        "ok       export account: a blob of our own",
        "ok       axiom: http://127.0.0.1",
    ] {
        assert!(ran.output.lines().any(|shown| shown.starts_with(line)), "{line}: {}", ran.output);
    }
    deployment.world.set("EXPORT_STORAGE", "nonsense").set("AXIOM_TOKEN", "").set("AzureWebJobsStorage", "");
    let ran = deployment.world.run(&["check"]).await;
    assert_eq!(ran.code, Some(64), "{}", ran.output);
    for area in [
        "export account: not tried: EXPORT_STORAGE",
        "host account: not tried: AzureWebJobsStorage",
        "queue: not tried",
        "axiom: not tried: AXIOM_TOKEN",
    ] {
        assert!(ran.output.contains(&format!("unknown  {area}")), "{area}: {}", ran.output);
    }
}

/// The kernel takes connections for whoever listens, and nobody ever answers.
#[tokio::test]
async fn addresses_that_are_dead_keep_the_check_from_nothing() {
    let dead = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", dead.local_addr().unwrap());
    let mut deployment = Deployment::new(USUAL).await;
    for (setting, name) in [("EXPORT_STORAGE", "a"), ("AzureWebJobsStorage", "b")] {
        let endpoints = format!("BlobEndpoint={address}/{name};QueueEndpoint={address}/{name}");
        deployment.world.set(setting, format!("AccountName={name};AccountKey=c2VjcmV0IGtleQ==;{endpoints}"));
    }
    deployment.world.set("AXIOM_URL", &address);
    let (code, troubles) = deployment.troubles().await;
    assert_eq!(code, Some(1));
    for area in ["export account", "host account", "queue", "axiom"] {
        let late = troubles.iter().any(|[_, of, said, _]| of == area && said.contains("no answer within 10 s"));
        assert!(late, "{area}: {troubles:#?}");
    }
}

#[tokio::test]
async fn identities_are_tried_for_each_service() {
    let mut deployment = Deployment::new(USUAL).await;
    let workspace = workspace(&mut deployment.world, rig::loganalytics::Options::default()).await;
    let ran = deployment.check(&[]).await;
    assert_eq!(ran.code, Some(0), "{}", ran.output);
    for line in [
        "ok       identity: the platform's managed identity",
        "ok       identity: a token for Log Analytics is given",
        "ok       log analytics: the workspace answers queries",
    ] {
        assert!(ran.output.lines().any(|shown| shown.starts_with(line)), "{line}: {}", ran.output);
    }
    // One cause is one failure, whatever depends on it.
    workspace.identity().fail(Some(400));
    deployment.world.set("EXPORT_STORAGE", "").set("EXPORT_STORAGE__blobServiceUri", "https://127.0.0.1:1");
    let (code, troubles) = deployment.troubles().await;
    let said: Vec<_> = troubles.iter().map(|[mark, area, said, _]| format!("{mark} {area}: {said}")).collect();
    assert_eq!((code, said.len()), (Some(1), 2), "{troubles:#?}");
    for (said, service) in said.iter().zip(["Log Analytics", "storage"]) {
        assert!(said.starts_with(&format!("failed identity: no token for {service}")), "{troubles:#?}");
    }
    let ran = deployment.check(&[]).await;
    for area in ["export account", "log analytics"] {
        assert!(
            ran.output.contains(&format!("unknown  {area}: not tried: there is no token")),
            "{area}: {}",
            ran.output
        );
    }
}

#[tokio::test]
async fn a_row_is_sent_only_when_asked_for() {
    let mut deployment = Deployment::new(USUAL).await;
    let edge = deployment.world.axiom.edge_url();
    deployment.world.set("AXIOM_EDGE_URL", edge);
    let ran = deployment.check(&["--write"]).await;
    assert_eq!(ran.code, Some(0), "{}", ran.output);
    assert!(ran.output.contains("ok       axiom: a row went into dataset sentinel-axiom-check"), "{}", ran.output);
    assert!(ran.output.contains("ok       axiom: the edge "), "{}", ran.output);
    assert_eq!(deployment.world.axiom.totals("sentinel-axiom-check").content.rows, 1);
    let token = deployment.world.axiom.add_token(Rights::ingest_only([TABLE]));
    let ran = deployment.world.set("AXIOM_TOKEN", token).run(&["check", "--write"]).await;
    assert_eq!(ran.code, Some(1), "{}", ran.output);
    assert!(
        ran.output.contains("failed   axiom: ingest into dataset `sentinel-axiom-check`: Axiom answers 403"),
        "{}",
        ran.output
    );
}

#[tokio::test]
async fn completions_and_pages_need_no_settings() {
    let mut world = World::new().await;
    world.set("AXIOM_TOKEN", "").set("EXPORT_STORAGE", "nonsense");
    let ran = world.run(&["completions", "bash"]).await;
    assert!(ran.code == Some(0) && ran.output.contains("reconcile"), "{}", ran.output);
    let folder = world.app_root().join("man");
    let ran = world.run(&["man", folder.to_str().unwrap()]).await;
    assert_eq!((ran.code, ran.output.as_str()), (Some(0), ""));
    let page = std::fs::read_to_string(folder.join("sentinel-axiom-check.1")).unwrap();
    assert!(page.contains("sentinel\\-axiom check \\-\\-json"), "{page}");
}
