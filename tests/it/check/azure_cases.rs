//! What can be wrong on the side of Azure: rights, accounts, their settings, networks, clocks, queues, and rows that wait.

use futures::FutureExt as _;
use rig::azurite::Azurite;
use rig::proxy::{Fault, Operation};
use rig::writer::Kind;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use super::deployment::{Case, Deployment, USUAL, ready, refuse_all};
use crate::support::invocation::event_grid;
use crate::support::{CONTAINER, QUEUE, blob_name};

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

pub(super) const CASES: &[Case] = &[
    Case { what: "nothing", axiom: USUAL, spoil: |_| ready(), code: 0, expected: &[] },
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
