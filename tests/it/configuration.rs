//! Settings that are wrong, and rights that are missing: said once, clearly, and nothing is lost meanwhile.

use std::sync::{Arc, Mutex};

use rig::axiom::Rights;
use rig::host::{Host, HostOptions, Line};
use serde_json::Value;

use crate::support::invocation::{BLOB_TRIGGER, SWEEP, envelope, event_grid, invoke, small_message};
use crate::support::{CONTAINER, Ran, TABLE, World, blob_name, rows};

/// A token of the right form that Axiom does not know.
pub const WRONG_TOKEN: &str = "xaat-0badc0de-0000-4000-8000-000000000000";

/// Each of these is wrong, and each is said.
const WRONG: [(&str, &str, &str); 9] = [
    ("AXIOM_TOKEN", "", "AXIOM_TOKEN is missing: set it (API token"),
    ("AXIOM_TOKN", WRONG_TOKEN, "AXIOM_TOKN is not a setting: did you mean AXIOM_TOKEN?"),
    ("AXIOM_URL", "http://api.axiom.co", "AXIOM_URL is not encrypted"),
    (
        "EXPORT_STORAGE",
        "am-securityevent",
        "EXPORT_STORAGE is not a connection string: set EXPORT_STORAGE__accountName",
    ),
    ("WORK_QUEUE", "Work_Queue", "WORK_QUEUE is \"Work_Queue\""),
    ("SETTLE_AFTER", "soon", "SETTLE_AFTER is \"soon\""),
    ("UPLOADS", "0", "UPLOADS is \"0\""),
    ("TABLES", "Signin Logs", "TABLES names \"Signin Logs\""),
    ("LOG_LEVEL", "loud", "LOG_LEVEL is \"loud\""),
];

async fn wrong_world() -> World {
    let mut world = World::new().await;
    for (name, value, _) in WRONG {
        world.set(name, value);
    }
    world
}

fn assert_all_named(said: &str) {
    for (name, _, expected) in WRONG {
        let lines: Vec<_> = said.lines().filter(|line| line.starts_with(&format!("{name} "))).collect();
        let [line] = lines[..] else { panic!("{name} is named {} times: {said}", lines.len()) };
        assert!(line.starts_with(expected), "{line}");
        let remedy = line.rsplit_once(": ").map_or("", |(_, remedy)| remedy);
        assert!(remedy.len() > 5, "says what to do: {line}");
    }
    assert!(!said.contains(WRONG_TOKEN), "{said}");
}

#[tokio::test]
async fn every_wrong_setting_is_named_at_once_and_the_exit_code_is_64() {
    let world = wrong_world().await;
    for args in [&["serve"][..], &["serve", "--port", "0"], &["run"], &["run", "--once"], &["refused", "list"]] {
        let ran = world.run(args).await;
        assert_eq!(ran.code, Some(64), "{args:?}: {}", ran.output);
        assert_eq!(ran.output.lines().count(), WRONG.len(), "{args:?}: nothing but the problems: {}", ran.output);
        assert_all_named(&ran.output);
    }
    let mut world = World::new().await;
    world.set("AXIOM_DATASETS", "x");
    let ran = world.run(&["run", "--once"]).await;
    assert_eq!(
        (ran.code, ran.output.trim()),
        (Some(64), "AXIOM_DATASETS is not a setting: did you mean AXIOM_DATASET?")
    );
}

/// The host starts the handler three times, and then gives up; its log must say why.
#[tokio::test]
async fn under_the_host_the_problems_are_in_its_log() {
    let world = wrong_world().await;
    let lines = Arc::new(Mutex::new(Vec::new()));
    let log = lines.clone();
    let mut options = HostOptions::new(world.app_root(), Vec::from_iter(world.settings().clone()));
    // The host itself needs names that are right.
    options.settings.retain(|(name, _)| name != "WORK_QUEUE");
    options.settings.push(("WORK_QUEUE".to_owned(), "queue".to_owned()));
    options.on_line = Some(Arc::new(move |line: &Line| log.lock().unwrap().push(line.text.clone())));
    let error = Host::start(options).await.err().expect("it cannot start");
    assert!(format!("{error:#}").contains("exit status: 64"), "{error:#}");
    let said = lines.lock().unwrap().clone();
    let once = &said[..said.len() / 3];
    assert_eq!(said, [once, once, once].concat(), "the same at each start");
    for (name, _, expected) in WRONG.iter().filter(|(name, ..)| *name != "WORK_QUEUE") {
        assert!(once.iter().any(|line| line.starts_with(expected)), "{name}: {once:?}");
    }
}

/// What is wrong is found only when it is used: one error, with what to do, wherever it is met.
struct Case {
    name: &'static str,
    change: fn(&mut World),
    /// Words of the error.
    words: &'static [&'static str],
}

const CASES: [Case; 7] = [
    Case {
        name: "a token that Axiom does not know",
        change: |world| _ = world.set("AXIOM_TOKEN", WRONG_TOKEN),
        words: &["401", "AXIOM_TOKEN", TABLE],
    },
    Case {
        name: "a token without the right to ingest",
        change: |world| {
            let token = world.axiom.add_token(Rights::ingest_only(["other"]));
            world.set("AXIOM_TOKEN", token);
        },
        words: &["403", "the right to ingest into `SecurityEvent`"],
    },
    Case {
        name: "a missing dataset without the right to create it",
        change: |world| {
            let token = world.axiom.add_token(Rights { manage: false, ..Rights::all() });
            world.set("AXIOM_TOKEN", token);
        },
        words: &[
            "create dataset `SecurityEvent`",
            "403",
            "the right to create datasets, or create the dataset in Axiom",
        ],
    },
    Case {
        name: "a missing dataset that shall not be created",
        change: |world| _ = world.set("AXIOM_CREATE_DATASETS", "false"),
        words: &["`SecurityEvent`", "create the dataset in Axiom, or set AXIOM_CREATE_DATASETS to true"],
    },
    Case {
        name: "a personal token with another organisation",
        change: |world| {
            let token = world.axiom.add_token(Rights::personal("ours"));
            world.set("AXIOM_TOKEN", token).set("AXIOM_ORG_ID", "theirs");
        },
        words: &["403", "AXIOM_ORG_ID (`theirs`)"],
    },
    Case {
        name: "a key that is not the account's",
        change: |world| {
            let storage = storage(world, |_| {});
            world.set("EXPORT_STORAGE", storage);
        },
        words: &["403", "a role on the storage account, or a firewall"],
    },
    Case {
        name: "an account that does not answer",
        change: |world| {
            let storage = storage(world, |endpoint| endpoint.set_port(Some(1)).unwrap());
            world.set("EXPORT_STORAGE", storage);
        },
        words: &["no answer", "EXPORT_STORAGE"],
    },
];

/// The world's export account with another key, and this change to its endpoint.
pub fn storage(world: &World, change: fn(&mut url::Url)) -> String {
    let mut endpoint = world.blobs.endpoint();
    let name = endpoint.path().trim_matches('/').to_owned();
    change(&mut endpoint);
    format!("AccountName={name};AccountKey=c2VjcmV0IGtleQ==;BlobEndpoint={endpoint}")
}

#[tokio::test]
async fn what_only_people_can_mend_is_said_once_and_nothing_is_lost() {
    futures::future::join_all(CASES.iter().map(check)).await;
}

async fn check(case: &Case) {
    let Case { name: what, change, words } = case;
    let mut world = World::new().await;
    let (name, text) = (blob_name(0), rows(0..20));
    world.put(&name, text.as_bytes()).await;
    change(&mut world);

    let Ran { code, output } = world.run(&["run", "--once"]).await;
    assert_eq!(code, Some(1), "{what}: {output}");
    assert_one_error(what, words, output.lines());
    assert_nothing_lost(&world, what, &name, text.len()).await;

    let host = world.host().await;
    let (status, answer) = invoke(&host, BLOB_TRIGGER, &envelope(&small_message(&name))).await;
    assert_eq!(status, 503, "{what}: {answer}");
    let error = answer["error"].as_str().unwrap();
    assert!(words.iter().all(|word| error.contains(word)), "{what}: {error}");
    let output = host.output();
    assert_one_error(what, words, output.iter().map(|line| &*line.text));
    assert_nothing_lost(&world, what, &name, text.len()).await;
    let stats = host.stop().await;
    assert_eq!((stats.violations, stats.crashes, stats.error_lines), (vec![], 0, 0), "{what}");

    // Mended, everything arrives.
    let token = world.axiom.token().to_owned();
    world.set("AXIOM_TOKEN", token).set("AXIOM_ORG_ID", "").set("AXIOM_CREATE_DATASETS", "");
    let right = world.settings()["AzureWebJobsStorage"].clone();
    world.set("EXPORT_STORAGE", right).run_once().await;
    assert_eq!(world.delivered(TABLE).join("\n") + "\n", text, "{what}");
}

/// Exactly one line of the log is an error, and it has these words; no line is of another form.
fn assert_one_error<'a>(what: &str, words: &[&str], lines: impl Iterator<Item = &'a str>) {
    let parse =
        |line: &str| serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{what}: {error}: {line}"));
    let lines: Vec<Value> = lines.map(parse).collect();
    let errors: Vec<&Value> = lines.iter().filter(|line| line["level"] == "ERROR").collect();
    let [error] = &errors[..] else { panic!("{what}: {} errors: {lines:#?}", errors.len()) };
    let said = error["error"].as_str().unwrap_or_else(|| panic!("{what}: {error}"));
    assert!(words.iter().all(|word| said.contains(word)), "{what}: {said}");
}

async fn assert_nothing_lost(world: &World, what: &str, name: &str, length: usize) {
    let blob = world.properties(name).await.unwrap_or_else(|| panic!("{what}: the blob is gone"));
    assert_eq!(blob.length, length as u64, "{what}");
    assert!(blob.metadata.get("axiom_shipped").is_none_or(|shipped| shipped == "0"), "{what}: {:?}", blob.metadata);
    assert_eq!(blob.metadata.get("axiom_claim"), None, "{what}: the next visit need not wait");
    assert!(world.delivered(TABLE).is_empty() && world.refused().await.is_empty(), "{what}");
}

#[tokio::test]
async fn a_missing_container_or_queue_is_told_apart_from_one_that_is_empty() {
    let mut world = World::new().await;
    world.set("WORK_QUEUE", "no-such-queue");
    // No export has begun: nothing to do, and no error.
    let ran = world.run_once().await;
    assert!(!ran.output.contains("ERROR"), "{}", ran.output);
    let host = world.host().await;
    let event = event_grid(&world.blob_url(CONTAINER, &blob_name(0)));
    let (status, answer) = invoke(&host, BLOB_TRIGGER, &envelope(&event)).await;
    assert!(status == 200 && answer["Logs"].to_string().contains("gone"), "{answer}");
    let (status, answer) = invoke(&host, SWEEP, "{}").await;
    let words = ["no-such-queue", "does not exist", "queue names in the settings"];
    let error = answer["error"].as_str().unwrap();
    assert!(status == 503 && words.iter().all(|word| error.contains(word)), "{answer}");
    assert_one_error("queue", &words, host.output().iter().map(|line| &*line.text));
    // An account that is not there. (In Azure, its host has no address: then there is no answer.)
    let right = world.settings()["EXPORT_STORAGE"].clone();
    let elsewhere = storage(&world, |endpoint| endpoint.set_path("/nosuchaccount"));
    let ran = world.set("EXPORT_STORAGE", elsewhere).run(&["run", "--once"]).await;
    assert_eq!(ran.code, Some(1), "{}", ran.output);
    assert_one_error("account", &["list containers am-*", "does not exist: compare the account"], ran.output.lines());
    world.set("EXPORT_STORAGE", right);
    // The container for refused rows is made when it is needed.
    world.put(&blob_name(0), b"nope\n").await;
    world.run_once().await;
    assert_eq!(world.refused().await.len(), 1);
}

/// After the last delivery the host would move the message to the poison queue: the sweep finds the blob again without that.
#[tokio::test]
async fn the_last_delivery_is_not_failed() {
    let mut world = World::new().await;
    world.set("AXIOM_TOKEN", WRONG_TOKEN);
    world.put(&blob_name(0), rows(0..1).as_bytes()).await;
    for (count, expected) in [("4", 503), ("5", 200), ("6", 200)] {
        let host = world.host().await;
        let body = envelope(&small_message(&blob_name(0)))
            .replace(r#""DequeueCount":"1""#, &format!(r#""DequeueCount":"{count}""#));
        let (status, answer) = invoke(&host, BLOB_TRIGGER, &body).await;
        assert!(status == expected && answer.to_string().contains("401"), "{count}: {status} {answer}");
        assert!(world.properties(&blob_name(0)).await.is_some());
    }
}
