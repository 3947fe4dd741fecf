//! Tests of the settings as a whole; those of single values stand beside their readers.

use super::*;
use crate::secret::Secret;
use url::Url;

const TOKEN: &str = "xaat-00000000-s3cr3t";
const CONNECTION: &str = "BlobEndpoint=https://acct.blob.core.windows.net;SharedAccessSignature=sig=s3cr3t";

/// The settings with the required ones given, unless they are overridden.
fn read(vars: &[(&str, &str)]) -> Result<Settings, Problems> {
    let required = [("AXIOM_TOKEN", TOKEN), ("EXPORT_STORAGE", CONNECTION), ("AzureWebJobsStorage", CONNECTION)];
    let mut all: Vec<(String, String)> = Vec::new();
    for (name, value) in required.iter().chain(vars) {
        all.retain(|(seen, _)| seen != name);
        all.push(((*name).to_owned(), (*value).to_owned()));
    }
    Settings::read(all)
}

/// The variables give exactly one problem, which holds this text, and no secret.
fn check_problem(vars: &[(&str, &str)], expected: &str) {
    let Problems(problems) = read(vars).expect_err(expected);
    let text = Problems(problems.clone()).to_string();
    assert!(problems.len() == 1 && text.contains(expected), "{vars:?} gives: {text}");
    assert!(!text.contains("s3cr3t"), "prints a secret: {text}");
}

fn check_fine(vars: &[(&str, &str)]) -> Settings {
    read(vars).unwrap_or_else(|problems| panic!("{vars:?} gives: {problems}"))
}

#[test]
fn defaults() {
    let settings = check_fine(&[]);
    assert_eq!(settings.axiom.token, Secret::new(TOKEN));
    assert_eq!(settings.axiom.token_kind, TokenKind::Api);
    assert_eq!(settings.axiom.ingest, Door::Central(Url::parse("https://api.axiom.co").expect("a URL")));
    assert_eq!(settings.axiom.datasets, DatasetRule::PerTable { prefix: String::new(), map: [].into() });
    assert!(settings.axiom.create_datasets && settings.axiom.provenance);
    assert_eq!((settings.work_queue.as_str(), settings.refused_container.as_str()), ("blob-created", "refused"));
    assert_eq!(settings.settle_after, Duration::from_secs(600));
    assert_eq!(settings.after_delivery, AfterDelivery::Delete);
    assert!(settings.tables.wants("signinlogs"));
    assert_eq!(settings.batch, BatchLimits { bytes: 4 << 20, rows: 10_000, row_bytes: 900_000 });
    assert_eq!((settings.uploads, settings.visits, settings.zstd_level), (4, 8, ZstdLevel::Auto));
    assert_eq!((settings.visit_deadline, settings.run_every), (Duration::from_secs(1500), Duration::from_secs(30)));
    assert_eq!(settings.claim_for, Duration::from_secs(180));
    assert_eq!(settings.log_level, tracing::Level::INFO);
    assert!(!format!("{settings:?}").contains("s3cr3t"));
}

#[test]
fn reads_what_is_given() {
    let settings = check_fine(&[
        ("AXIOM_DATASET_PREFIX", "sentinel-"),
        ("AXIOM_DATASET_MAP", "SigninLogs = logins, Syslog=sys"),
        ("AXIOM_CREATE_DATASETS", "FALSE"),
        ("AXIOM_PROVENANCE", "0"),
        ("SETTLE_AFTER", "10m"),
        ("AFTER_DELIVERY", "Keep"),
        ("TABLES_EXCEPT", "Syslog"),
        ("BATCH_BYTES", "1MiB"),
        ("ZSTD_LEVEL", "19"),
        ("LOG_LEVEL", "Debug"),
        ("WORK_QUEUE", " q-1\n"),
    ]);
    let map =
        [("signinlogs", "logins"), ("syslog", "sys")].map(|(table, dataset)| (table.to_owned(), dataset.to_owned()));
    assert_eq!(settings.axiom.datasets, DatasetRule::PerTable { prefix: "sentinel-".into(), map: map.into() });
    assert!(!settings.axiom.create_datasets && !settings.axiom.provenance);
    assert_eq!(settings.settle_after, Duration::from_secs(600));
    assert_eq!(settings.after_delivery, AfterDelivery::Keep);
    assert!(!settings.tables.wants("syslog"));
    assert_eq!((settings.batch.bytes, settings.zstd_level), (1 << 20, ZstdLevel::Fixed(19)));
    assert_eq!((settings.log_level, settings.work_queue.as_str()), (tracing::Level::DEBUG, "q-1"));
}

#[test]
fn little_is_compressed_hard_and_a_backlog_quickly() {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let check = |bytes: u64, waited, level| assert_eq!(ZstdLevel::Auto.for_backlog(bytes, waited), level, "{bytes}");
    check(1, minutes(0), 8);
    check((64 << 20) - 1, minutes(14), 8);
    check(64 << 20, minutes(0), 1);
    check(1, minutes(15), 1);
    assert_eq!(ZstdLevel::Fixed(5).for_backlog(1 << 40, minutes(600)), 5);
}

#[test]
fn the_doors_of_axiom() {
    let edge = |vars: &[(&str, &str)]| match check_fine(vars).axiom.ingest {
        Door::Edge(url) => url.to_string(),
        Door::Central(url) => format!("central {url}"),
    };
    let domain = ("AXIOM_EDGE", "eu-central-1.aws.edge.axiom.co");
    assert_eq!(edge(&[domain]), "https://eu-central-1.aws.edge.axiom.co/");
    assert_eq!(edge(&[("AXIOM_EDGE", "cloud.eu-central-1.aws")]), "https://eu-central-1.aws.edge.axiom.co/");
    assert_eq!(edge(&[domain, ("AXIOM_EDGE_URL", "http://127.0.0.1:9")]), "http://127.0.0.1:9/");
    let personal =
        [("AXIOM_TOKEN", "xapt-s3cr3t"), ("AXIOM_ORG_ID", "my-org-1a2b"), ("AXIOM_URL", "http://localhost:9")];
    assert_eq!(edge(&personal), "central http://localhost:9/");
    let kind = check_fine(&personal).axiom.token_kind;
    assert_eq!(kind, TokenKind::Personal { org_id: "my-org-1a2b".into() });
}

#[test]
fn problems_of_axiom() {
    check_problem(&[("AXIOM_TOKEN", "")], "AXIOM_TOKEN is missing");
    check_problem(&[("AXIOM_TOKEN", "s3cr3t")], "neither with xaat- nor with xapt-");
    check_problem(&[("AXIOM_TOKEN", "xaat-s3cr3t xaat-s3cr3t")], "holds blanks");
    check_problem(&[("AXIOM_TOKEN", "@Microsoft.KeyVault(SecretUri=s3cr3t)")], "Key Vault");
    check_problem(&[("AXIOM_TOKEN", "xapt-s3cr3t")], "AXIOM_ORG_ID is missing");
    let personal = [("AXIOM_TOKEN", "xapt-s3cr3t"), ("AXIOM_ORG_ID", "org"), ("AXIOM_EDGE", "a.b")];
    check_problem(&personal, "use an API token (xaat-), or remove AXIOM_EDGE");
    check_problem(&[("AXIOM_URL", "http://api.axiom.co")], "is not encrypted");
    check_problem(&[("AXIOM_URL", "https://me:s3cr3t@api.axiom.co")], "carries a user name");
    check_problem(&[("AXIOM_URL", "https://api.axiom.co/?token=s3cr3t")], "carries a query");
    check_problem(&[("AXIOM_URL", "api.axiom.co")], "is not a URL");
    check_problem(&[("AXIOM_EDGE", "https://a.b")], "set AXIOM_EDGE_URL");
    check_problem(&[("AXIOM_EDGE", "a.b/c")], "not a domain");
    check_problem(&[("AXIOM_EDGE_URL", "http://a.b")], "AXIOM_EDGE_URL is not encrypted");
    check_problem(&[("AXIOM_DATASET", "a b")], "a name that Axiom does not allow");
    check_problem(&[("AXIOM_DATASET", "axiom-x")], "a name that Axiom does not allow");
    check_problem(&[("AXIOM_DATASET", &"x".repeat(129))], "a name that Axiom does not allow");
    check_problem(&[("AXIOM_DATASET", "xaat-s3cr3t/")], "[secret]");
    check_problem(&[("AXIOM_DATASET_PREFIX", "axiom-")], "AXIOM_DATASET_PREFIX gives");
    check_problem(&[("AXIOM_DATASET_PREFIX", "a/")], "AXIOM_DATASET_PREFIX gives");
    check_problem(&[("AXIOM_DATASET_MAP", "SigninLogs")], "write Table=dataset");
    check_problem(&[("AXIOM_DATASET_MAP", "A=b,a=c")], "twice");
    check_problem(&[("AXIOM_DATASET_MAP", "A=b c")], "does not allow");
    check_problem(&[("AXIOM_DATASET", "all"), ("AXIOM_DATASET_PREFIX", "x-")], "one dataset for all");
    check_problem(&[("AXIOM_CREATE_DATASETS", "maybe")], "use one of true, false");
}

#[test]
fn problems_of_ranges_and_names() {
    check_problem(&[("BATCH_BYTES", "65535")], "65536 to 67108864 bytes");
    check_problem(&[("BATCH_BYTES", "65MiB")], "out of range");
    check_problem(&[("BATCH_BYTES", "8MB")], "not a number with a known unit");
    check_problem(&[("BATCH_BYTES", "899999")], "less than ROW_BYTES");
    check_problem(&[("ROW_BYTES", "9MiB")], "less than ROW_BYTES");
    check_problem(&[("BATCH_ROWS", "10001")], "1 to 10000 rows");
    check_problem(&[("UPLOADS", "0")], "1 to 64 requests");
    check_problem(&[("ZSTD_LEVEL", "20")], "a level from 1 to 19, or auto");
    check_problem(&[("SETTLE_AFTER", "0")], "1 to 172800 seconds");
    check_problem(&[("VISIT_DEADLINE", "30m")], "1 to 1740 seconds");
    check_problem(&[("RUN_EVERY", "often")], "RUN_EVERY");
    check_problem(&[("CLAIM_FOR", "4")], "5 to 3600 seconds");
    check_problem(&[("VISITS", "65")], "VISITS");
    check_problem(&[("LOG_LEVEL", "loud")], "error, warn, info, debug, trace");
    check_problem(&[("AFTER_DELIVERY", "burn")], "delete, keep");
    check_problem(&[("TABLES", "Signin Logs")], "which is no table");
    for name in ["ab", "Queue", "a--b", "-ab", "ab-", "a_b", &"q".repeat(64)] {
        check_problem(&[("WORK_QUEUE", name)], "WORK_QUEUE is");
    }
    check_problem(&[("REFUSED_CONTAINER", "am-refused")], "choose another name");
}

#[test]
fn problems_of_names() {
    check_problem(&[("AXIOM_TOKN", "xaat-s3cr3t")], "AXIOM_TOKN is not a setting: did you mean AXIOM_TOKEN?");
    check_problem(&[("AXIOM_DATASETS", "x")], "did you mean AXIOM_DATASET?");
    check_problem(&[("axiom_url", "x")], "did you mean AXIOM_URL?");
    check_problem(&[("EXPORT_STORAGE__accountname", "x")], "did you mean EXPORT_STORAGE__accountName?");
    check_problem(&[("SETTLE_AFTR", "5")], "SETTLE_AFTR is not a setting: did you mean SETTLE_AFTER?");
    check_problem(&[("TABLES_EXCEPTS", "x")], "did you mean TABLES_EXCEPT?");
    check_fine(&[("AXIOM_SOMETHING_ELSE", "x"), ("PATH", "x"), ("TABLE", "x"), ("EXPORT_STORAGE__credential", "x")]);
}

#[test]
fn reports_all_problems_together() {
    let Problems(problems) = Settings::read([]).unwrap_err();
    let missing: Vec<_> = problems.iter().map(|problem| problem.setting.as_str()).collect();
    let required: Vec<_> = SETTINGS.iter().filter(|setting| setting.required).map(|setting| setting.name).collect();
    assert_eq!(missing, required);

    let wrong = [("UPLOADS", "x"), ("BATCH_ROWS", "x"), ("AXIOM_URL", "x"), ("TABLES", "?"), ("LOG_LEVEL", "x")];
    let problems = read(&wrong).unwrap_err();
    assert_eq!(problems.0.len(), wrong.len());
    assert_eq!(problems.to_string().lines().count(), wrong.len());
}

/// A default of the table that were wrong itself would fail here, and so would a setting that is in the table but is not read.
#[test]
fn every_setting_is_read() {
    for setting in SETTINGS.iter().filter(|setting| !setting.doc.ends_with("read by the host")) {
        if let Some(default) = setting.default {
            assert_eq!(read(&[(setting.name, default)]), read(&[]), "{}", setting.name);
        }
        let vars = [("AXIOM_TOKEN", "xapt-1"), ("AXIOM_ORG_ID", "o"), (setting.name, "@Microsoft.KeyVault(x)")];
        let Problems(problems) = read(&vars).expect_err(setting.name);
        assert!(problems.iter().any(|problem| problem.setting == setting.name), "{} is not read", setting.name);
    }
}
