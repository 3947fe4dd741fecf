//! `check` names what is wrong, and nothing else. What the emulator cannot be made to do, the proxy in front of it says as the documentation shows it.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use rig::axiom::{Options, Rights};
use rig::azurite::{Account, Azurite};
use rig::proxy::{Fault, Operation, Proxy};
use rig::writer::{Kind, RestStorage};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use tokio::net::TcpListener;

use crate::configuration::WRONG_TOKEN;
use crate::support::invocation::event_grid;
use crate::support::workspace::workspace;
use crate::support::{CONTAINER, QUEUE, Ran, TABLE, World, blob_name, rows};

/// A deployment as it should be, with a proxy in front of its export account.
struct Deployment {
    world: World,
    export: Account,
    writer: RestStorage,
    proxy: Proxy,
}

impl Deployment {
    async fn new(change: fn(&mut Options)) -> Self {
        let mut options = Options { datasets: vec![TABLE.to_owned()], ..Options::default() };
        change(&mut options);
        let mut world = World::with(options).await;
        let export = Azurite::shared().await.unwrap().new_account();
        let writer = RestStorage::new(&export.access()).unwrap();
        writer.ensure_container(CONTAINER).await.unwrap();
        let proxy = Proxy::start(export.blob_url()).await.unwrap();
        world.set("EXPORT_STORAGE", export.behind(proxy.url(), export.queue_url()).connection_string());
        Self { world, export, writer, proxy }
    }

    /// Runs `check` with these arguments, and looks for secrets in what it prints.
    async fn check(&self, args: &[&str]) -> Ran {
        let ran = self.world.run(&[&["check"], args].concat()).await;
        let settings = self.world.settings();
        let key = settings["AzureWebJobsStorage"].split("AccountKey=").nth(1).unwrap().split(';').next().unwrap();
        for secret in [key, &settings["AXIOM_TOKEN"]].into_iter().filter(|secret| secret.len() > 10) {
            assert!(!ran.output.contains(&secret[5..]), "prints a secret: {}", ran.output);
        }
        ran
    }

    /// The findings that are neither well nor unseen: mark, area, what is said, advice.
    async fn troubles(&self) -> (Option<i32>, Vec<[String; 4]>) {
        let ran = self.check(&["--json"]).await;
        let report: Value = serde_json::from_str(&ran.output).unwrap_or_else(|error| panic!("{error}: {}", ran.output));
        let text =
            |finding: &Value| ["mark", "area", "said", "advice"].map(|key| finding[key].as_str().unwrap().to_owned());
        let findings = report["findings"].as_array().unwrap().iter().map(text);
        let troubles: Vec<_> = findings.filter(|[mark, ..]| mark == "failed" || mark == "warning").collect();
        let failed = troubles.iter().filter(|[mark, ..]| mark == "failed").count();
        assert_eq!((&report["failed"], &report["warnings"]), (&failed.into(), &(troubles.len() - failed).into()));
        (ran.code, troubles)
    }
}

/// One thing that is wrong, and everything that is said of it: mark, area, words of what is said, words of the advice.
struct Case {
    what: &'static str,
    axiom: fn(&mut Options),
    spoil: for<'a> fn(&'a mut Deployment) -> BoxFuture<'a, ()>,
    code: i32,
    expected: &'static [[&'static str; 4]],
}

const USUAL: fn(&mut Options) = |_| {};

/// Every request of the program to the export account is refused so.
fn refuse_all(deployment: &Deployment, status: u16, code: &'static str) {
    deployment.proxy.random(0, vec![(1.0, Fault::Refuse(status, code))]);
}

fn ready<'a>() -> BoxFuture<'a, ()> {
    std::future::ready(()).boxed()
}

/// "List Containers", the answer's body, with a retention policy on the one container.
const IMMUTABLE: &str = r#"<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="https://acct.blob.core.windows.net/"><Containers><Container><Name>am-securityevent</Name><Properties><Last-Modified>Tue, 24 Nov 2026 10:00:00 GMT</Last-Modified><Etag>"0x8D0"</Etag><LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState><HasImmutabilityPolicy>true</HasImmutabilityPolicy><HasLegalHold>false</HasLegalHold></Properties></Container></Containers><NextMarker/></EnumerationResults>"#;

/// "Get Blob Service Properties", the answer's body.
const SOFT_DELETE: &str = r#"<?xml version="1.0" encoding="utf-8"?><StorageServiceProperties><Cors/><DefaultServiceVersion>2020-10-02</DefaultServiceVersion><DeleteRetentionPolicy><Enabled>true</Enabled><Days>7</Days></DeleteRetentionPolicy></StorageServiceProperties>"#;

/// "List Blobs", the answer's body, with one blob that was written so long ago.
fn old_blob(ago: time::Duration) -> String {
    let written = http_date(OffsetDateTime::now_utc() - ago);
    format!(
        r#"<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="https://acct.blob.core.windows.net/" ContainerName="am-securityevent"><Blobs><Blob><Name>{}</Name><Properties><Creation-Time>{written}</Creation-Time><Last-Modified>{written}</Last-Modified><Etag>0x8D0</Etag><Content-Length>1234</Content-Length><Content-Type>application/octet-stream</Content-Type><BlobType>AppendBlob</BlobType><LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState></Properties></Blob></Blobs><NextMarker/></EnumerationResults>"#,
        blob_name(0)
    )
}

fn http_date(time: OffsetDateTime) -> String {
    time.format(&Rfc2822).unwrap().replace("+0000", "GMT")
}

/// The export account of the settings at another endpoint.
fn moved(deployment: &Deployment, change: fn(&mut url::Url)) -> String {
    let mut endpoint = deployment.export.blob_url().clone();
    change(&mut endpoint);
    let name = endpoint.path().trim_matches('/').to_owned();
    format!("AccountName={name};AccountKey=c2VjcmV0IGtleQ==;BlobEndpoint={endpoint}")
}

const CASES: &[Case] = &[
    Case { what: "nothing", axiom: USUAL, spoil: |_| ready(), code: 0, expected: &[] },
    Case {
        what: "1: a personal token for an edge deployment",
        axiom: USUAL,
        spoil: |deployment| {
            let (token, edge) =
                (deployment.world.axiom.add_token(Rights::personal("ours")), deployment.world.axiom.edge_url());
            deployment.world.set("AXIOM_TOKEN", token).set("AXIOM_ORG_ID", "ours").set("AXIOM_EDGE_URL", edge);
            ready()
        },
        code: 64,
        expected: &[
            [
                "failed",
                "settings",
                "AXIOM_TOKEN is a personal token, which edge deployments do not accept",
                "use an API token (xaat-)",
            ],
            ["warning", "axiom", "a personal token of organisation ours", "use an API token"],
        ],
    },
    Case {
        what: "1: a token that is none",
        axiom: USUAL,
        spoil: |deployment| {
            deployment.world.set("AXIOM_TOKEN", "sk-0123456789abcdef");
            ready()
        },
        code: 64,
        expected: &[[
            "failed",
            "settings",
            "AXIOM_TOKEN begins neither with xaat- nor with xapt-",
            "create an API token",
        ]],
    },
    Case {
        what: "1: a token that Axiom does not know",
        axiom: USUAL,
        spoil: |deployment| {
            deployment.world.set("AXIOM_TOKEN", WRONG_TOKEN);
            ready()
        },
        code: 1,
        expected: &[["failed", "axiom", "Axiom answers 401", "set AXIOM_TOKEN to a token that Axiom shows"]],
    },
    Case {
        what: "2: a personal token without its organisation",
        axiom: USUAL,
        spoil: |deployment| {
            deployment.world.set("AXIOM_TOKEN", "xapt-0badc0de-0000-4000-8000-000000000000");
            ready()
        },
        code: 64,
        expected: &[[
            "failed",
            "settings",
            "AXIOM_ORG_ID is missing, but AXIOM_TOKEN is a personal token",
            "set it to the organisation's id",
        ]],
    },
    Case {
        what: "3: no role on the export account",
        axiom: USUAL,
        spoil: |deployment| {
            refuse_all(deployment, 403, "AuthorizationPermissionMismatch");
            ready()
        },
        code: 1,
        expected: &[[
            "failed",
            "export account",
            "its containers cannot be listed: 403 AuthorizationPermissionMismatch",
            "give the identity the role Storage Blob Data Contributor on the account of EXPORT_STORAGE",
        ]],
    },
    Case {
        what: "3: a role that does not allow to delete",
        axiom: USUAL,
        spoil: |deployment| {
            deployment.proxy.script([(Operation::Delete, Fault::Refuse(403, "AuthorizationPermissionMismatch"))]);
            ready()
        },
        code: 1,
        expected: &[[
            "failed",
            "export account",
            "a blob cannot be deleted: 403",
            "the role Storage Blob Data Contributor",
        ]],
    },
    Case {
        what: "4: an account that is not there",
        axiom: USUAL,
        spoil: |deployment| {
            let elsewhere = moved(deployment, |endpoint| endpoint.set_path("/nosuchaccount"));
            deployment.world.set("EXPORT_STORAGE", elsewhere);
            ready()
        },
        code: 1,
        expected: &[[
            "failed",
            "export account",
            "it cannot be reached: 404",
            "there is no such account: compare its name in EXPORT_STORAGE",
        ]],
    },
    Case {
        what: "5: an account to which nothing is exported",
        axiom: USUAL,
        spoil: |deployment| {
            async {
                let empty = Azurite::shared().await.unwrap().new_account();
                deployment.world.set("EXPORT_STORAGE", empty.connection_string());
            }
            .boxed()
        },
        code: 0,
        expected: &[[
            "warning",
            "export account",
            "no container am-...: data export has written nothing to this account",
            "compare EXPORT_STORAGE with the destination of the rule",
        ]],
    },
    Case {
        what: "6: soft delete",
        axiom: USUAL,
        spoil: |deployment| {
            deployment.proxy.script([(Operation::Service, Fault::Answer(SOFT_DELETE.to_owned()))]);
            ready()
        },
        code: 0,
        expected: &[[
            "warning",
            "export account",
            "soft delete keeps deleted blobs for 7 days",
            "turn soft delete for blobs off",
        ]],
    },
    Case {
        what: "6: soft delete that only a delete shows, and versions",
        axiom: USUAL,
        spoil: |deployment| {
            deployment.proxy.script([
                (Operation::Service, Fault::Refuse(403, "AuthorizationPermissionMismatch")),
                (Operation::Put, Fault::Header("x-ms-version-id", "2026-11-24T10:00:00.1234567Z".to_owned())),
                (Operation::Delete, Fault::Header("x-ms-delete-type-permanent", "false".to_owned())),
            ]);
            ready()
        },
        code: 0,
        expected: &[
            ["warning", "export account", "soft delete keeps deleted blobs", "turn soft delete for blobs off"],
            ["warning", "export account", "it keeps versions of blobs", "turn versioning off"],
        ],
    },
    Case {
        what: "7: a container under a retention policy",
        axiom: USUAL,
        spoil: |deployment| {
            deployment.proxy.script([(Operation::ListContainers, Fault::Answer(IMMUTABLE.to_owned()))]);
            ready()
        },
        code: 1,
        expected: &[[
            "failed",
            "export account",
            "immutable: am-securityevent",
            "remove the retention policy or legal hold",
        ]],
    },
    Case {
        what: "7: a policy for the whole account",
        axiom: USUAL,
        spoil: |deployment| {
            deployment.proxy.script([(Operation::Delete, Fault::Refuse(409, "BlobImmutableDueToPolicy"))]);
            ready()
        },
        code: 1,
        expected: &[[
            "failed",
            "export account",
            "a blob cannot be deleted: 409 BlobImmutableDueToPolicy",
            "remove the retention policy",
        ]],
    },
    Case {
        what: "8: as many datasets as there may be",
        axiom: |options| {
            options.datasets = vec!["other".to_owned()];
            options.rules.datasets_max = 1;
        },
        spoil: |_| ready(),
        code: 1,
        expected: &[[
            "failed",
            "datasets",
            "1 of 1 datasets; not there: securityevent: the limit is reached",
            "have the limit raised",
        ]],
    },
    Case {
        what: "8: a dataset that shall not be made",
        axiom: |options| options.datasets.clear(),
        spoil: |deployment| {
            deployment.world.set("AXIOM_CREATE_DATASETS", "false");
            ready()
        },
        code: 1,
        expected: &[["failed", "datasets", "not there: securityevent", "set AXIOM_CREATE_DATASETS to true"]],
    },
    Case {
        what: "9: a clock that is off",
        axiom: USUAL,
        spoil: |deployment| {
            let date = http_date(OffsetDateTime::now_utc() - time::Duration::minutes(10));
            deployment.proxy.script([(Operation::Account, Fault::Header("date", date))]);
            ready()
        },
        code: 1,
        expected: &[["failed", "clock", "s ahead of storage", "set this machine's clock by NTP"]],
    },
    Case {
        what: "10: a queue that is not there",
        axiom: USUAL,
        spoil: |deployment| {
            deployment.world.set("WORK_QUEUE", "no-such-queue");
            ready()
        },
        code: 1,
        expected: &[["failed", "queue", "no-such-queue does not exist", "az storage queue create -n no-such-queue"]],
    },
    Case {
        what: "11: somebody else's container and blob in the export account",
        axiom: USUAL,
        spoil: |deployment| {
            async {
                deployment.writer.ensure_container("backups").await.unwrap();
                deployment.writer.put_blob(CONTAINER, "notes.txt", b"x", Kind::Block).await.unwrap();
            }
            .boxed()
        },
        code: 0,
        expected: &[
            ["warning", "export account", "not of data export: backups", "move them to another account"],
            [
                "warning",
                "export account",
                "blobs not of data export: am-securityevent/notes.txt",
                "see who else writes",
            ],
        ],
    },
    Case {
        what: "12: an edge that is none",
        axiom: USUAL,
        spoil: |deployment| {
            let url = deployment.world.axiom.url();
            deployment.world.set("AXIOM_EDGE_URL", url);
            ready()
        },
        code: 1,
        expected: &[[
            "failed",
            "axiom",
            "is no edge deployment: it answers 404",
            "set AXIOM_EDGE to the edge deployment that the datasets show",
        ]],
    },
    Case {
        what: "13: a firewall",
        axiom: USUAL,
        spoil: |deployment| {
            refuse_all(deployment, 403, "AuthorizationFailure");
            ready()
        },
        code: 1,
        expected: &[[
            "failed",
            "export account",
            "it cannot be reached: 403 AuthorizationFailure",
            "the network keeps us out",
        ]],
    },
    Case {
        what: "13: an address at which nobody listens",
        axiom: USUAL,
        spoil: |deployment| {
            let closed = moved(deployment, |endpoint| endpoint.set_port(Some(1)).unwrap());
            deployment.world.set("EXPORT_STORAGE", closed);
            ready()
        },
        code: 1,
        expected: &[["failed", "export account", "no answer", "see that their DNS zone is linked to this network"]],
    },
    Case {
        what: "14: rows that wait",
        axiom: USUAL,
        spoil: |deployment| {
            deployment.proxy.script([(Operation::List, Fault::Answer(old_blob(time::Duration::hours(3))))]);
            ready()
        },
        code: 0,
        expected: &[[
            "warning",
            "waiting rows",
            "1 of 1 blobs, 1234 bytes; the oldest was written 180 min ago",
            "see that the app runs",
        ]],
    },
    Case {
        what: "14: rows that have waited for days",
        axiom: USUAL,
        spoil: |deployment| {
            deployment.proxy.script([(Operation::List, Fault::Answer(old_blob(time::Duration::days(2))))]);
            ready()
        },
        code: 1,
        expected: &[["failed", "waiting rows", "2880 min ago", "see that the app runs"]],
    },
    Case {
        what: "15: the host's account as export account",
        axiom: USUAL,
        spoil: |deployment| {
            async {
                let host = deployment.world.settings()["AzureWebJobsStorage"].clone();
                deployment.world.writer.ensure_container(CONTAINER).await.unwrap();
                deployment.world.set("EXPORT_STORAGE", host);
            }
            .boxed()
        },
        code: 0,
        expected: &[[
            "warning",
            "host account",
            "it is the account of EXPORT_STORAGE, too",
            "give each an account of its own",
        ]],
    },
    Case {
        what: "an account of another kind",
        axiom: USUAL,
        spoil: |deployment| {
            deployment.proxy.script([(Operation::Account, Fault::Header("x-ms-is-hns-enabled", "true".to_owned()))]);
            ready()
        },
        code: 0,
        expected: &[["warning", "export account", "it has a hierarchical namespace", "take an account without one"]],
    },
    Case {
        what: "events of another account, and messages that failed",
        axiom: USUAL,
        spoil: |deployment| {
            async {
                let storage = &deployment.world.writer;
                let other = format!("https://other.blob.core.windows.net/{CONTAINER}/{}", blob_name(0));
                storage.send(QUEUE, &event_grid(&other).to_string()).await.unwrap();
                storage.ensure_queue("blob-created-poison").await.unwrap();
                storage.send("blob-created-poison", "nonsense").await.unwrap();
            }
            .boxed()
        },
        code: 0,
        expected: &[
            [
                "warning",
                "events",
                "names a storage account other than EXPORT_STORAGE",
                "that of the account in EXPORT_STORAGE",
            ],
            ["warning", "queue", "blob-created-poison: 1 messages that failed too often", "poison-messages"],
        ],
    },
];

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
    for cases in CASES.chunks(6) {
        futures::future::join_all(cases.iter().map(check)).await;
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
