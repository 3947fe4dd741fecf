//! `snapshot`: all records, as they came; and nothing under the final name where some are missing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Stdio;

use rig::axiom::{Fault as AxiomFault, Gate};
use rig::resource_graph::{Fault, Options, ResourceGraph};
use serde_json::Value;

use crate::support::{Ran, World, binary, until};

const ONE: &str = "00000000-0000-0000-0000-000000000001";
const TWO: &str = "00000000-0000-0000-0000-000000000002";

/// A world with the stand-in, and a folder for files.
struct Scene {
    world: World,
    graph: ResourceGraph,
    folder: PathBuf,
}

impl Drop for Scene {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

/// Tests ask more often than the quota allows, so there is none unless a test sets one. The program keeps to it all the same.
fn free() -> Options {
    Options { rate: 1_000_000, ..Options::default() }
}

async fn scene(options: Options, records: impl IntoIterator<Item = String>) -> Scene {
    let mut world = World::new().await;
    let graph = ResourceGraph::start(options).await.expect("the stand-in starts");
    graph.add(records).unwrap();
    for (name, value) in graph.settings() {
        world.set(&name, value);
    }
    let folder = std::env::temp_dir().join(format!("sentinel-axiom-snapshot-{:x}", fastrand::u64(..)));
    std::fs::create_dir(&folder).unwrap();
    Scene { world, graph, folder }
}

impl Scene {
    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    async fn snapshot(&self, args: &[&str]) -> Ran {
        self.world.run(&[&["snapshot"], args].concat()).await
    }

    /// To a file, which must do well; its text.
    async fn file(&self, name: &str, args: &[&str]) -> String {
        let path = self.path(name);
        let ran = self.snapshot(&[args, &["--to", &path]].concat()).await;
        assert_eq!(ran.code, Some(0), "{}", ran.output);
        std::fs::read_to_string(path).unwrap()
    }

    /// To a file, which must fail with these words and leave no file.
    async fn fails(&self, args: &[&str], words: &str) -> Ran {
        let ran = self.snapshot(&[args, &["--to", &self.path("none")]].concat()).await;
        assert!(ran.code == Some(1) && ran.output.contains(words), "{words:?} is not in\n{}", ran.output);
        assert!(self.names().is_empty(), "{:?}", self.names());
        ran
    }

    fn names(&self) -> Vec<String> {
        let names = std::fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().file_name());
        names.map(|name| name.into_string().unwrap()).collect()
    }
}

/// A record with all columns, in the form that the service gives it: numbers and escapes that a reader might write otherwise.
fn record(kind: &str, number: usize, subscription: &str, properties: &str) -> String {
    format!(
        r#"{{"id":"/subscriptions/{subscription}/providers/Microsoft.Security/{kind}/{number:06}","name":"{number}","type":"microsoft.security/{kind}","tenantId":"t","kind":"","location":"centralus","resourceGroup":"rg","subscriptionId":"{subscription}","managedBy":"","sku":null,"plan":null,"properties":{properties},"tags":null,"identity":null}}"#
    )
}

fn alert(number: usize) -> String {
    let severity = ["High", "Medium", "Low"][number % 3];
    let subscription = if number.is_multiple_of(2) { ONE } else { TWO };
    let properties = format!(
        r#"{{"Severity":"{severity}","AlertDisplayName":"Zo\u00eb \"Z\", {number}","Score":1.50,"Status":"Active","StartTimeUtc":"2026-01-01T00:00:00Z","Nested":{{ "z":[1,{{"a":null}}],"a":-0.0 }}}}"#
    );
    record("locations/alerts", number, subscription, &properties)
}

fn assessment(number: usize) -> String {
    let properties = r#"{"displayName":"Secure it","status":{"code":"Unhealthy"},"metadata":{"severity":"Medium"},"resourceDetails":{"Source":"Azure","Id":"/vm"}}"#;
    record("assessments", number, ONE, properties)
}

/// A text's lines, sorted: records come in parts.
fn sorted(lines: &str) -> Vec<&str> {
    let mut lines: Vec<_> = lines.lines().collect();
    lines.sort_unstable();
    lines
}

fn same(text: &str, records: &[String]) {
    let mut wanted: Vec<_> = records.iter().map(String::as_str).collect();
    wanted.sort_unstable();
    let found = sorted(text);
    assert_eq!(found.len(), wanted.len());
    let other = found.iter().zip(&wanted).find(|(one, other)| one != other);
    assert!(other.is_none(), "{other:?}");
}

/// More than twice what the portal gives: as many as there are, each byte as it came.
#[tokio::test]
async fn past_the_limit_of_the_portal_every_record_is_there_as_it_came() {
    let alerts: Vec<_> = (0..30_000).map(alert).collect();
    let scene = scene(free(), alerts.iter().cloned().chain((0..50).map(assessment))).await;
    let text = scene.file("alerts.jsonl", &["alerts"]).await;
    same(&text, &alerts);
    assert_eq!(scene.names(), ["alerts.jsonl"]);
    let requests = scene.graph.requests();
    assert!(requests.len() < 60, "{} requests", requests.len());
    assert!(requests.iter().all(|request| !request.has_skip_token && !request.allow_partial_scopes));
    assert!(scene.graph.most_queries_in_window() <= 15, "the program keeps to the quota by itself");
}

#[tokio::test]
async fn what_fits_in_one_reply_is_asked_for_once_and_comes_by_id() {
    let scene = scene(free(), (0..1000).rev().map(alert).chain((0..5).map(assessment))).await;
    let text = scene.file("a", &["alerts", "--subscription", TWO]).await;
    let wanted: Vec<_> = (0..1000).filter(|number| number % 2 == 1).map(alert).collect();
    assert_eq!(text.lines().collect::<Vec<_>>(), wanted);
    assert_eq!(scene.file("b", &["recommendations", "--format", "jsonl"]).await.lines().count(), 5);
    let requests = scene.graph.requests();
    assert_eq!(
        (requests.len(), &requests[0].subscriptions[..], requests[0].top),
        (2, &[TWO.to_owned()][..], Some(1000))
    );
}

#[tokio::test]
async fn severities_and_management_groups_choose() {
    let groups = vec![("mg".to_owned(), vec![ONE.to_owned()])];
    let scene = scene(Options { management_groups: groups, ..free() }, (0..12).map(alert)).await;
    let text = scene.file("a", &["alerts", "--severity", "high,low"]).await;
    assert_eq!(text.lines().count(), 8);
    let text = scene.file("b", &["alerts", "--severity", "medium", "--management-group", "mg"]).await;
    assert_eq!(text.lines().map(str::to_owned).collect::<Vec<_>>(), [alert(4), alert(10)]);
    let ran = scene.snapshot(&["alerts", "--management-group", "other", "--to", "-"]).await;
    assert!(ran.code == Some(1) && ran.output.contains("role Security Reader"), "{}", ran.output);
}

#[tokio::test]
async fn csv_is_read_back() {
    let scene = scene(
        free(),
        (0..1500).map(alert).chain([record("assessments", 9, ONE, r#"{"displayName":"=HYPERLINK(\"x\")"}"#)]),
    )
    .await;
    let text = scene.file("a.csv", &["alerts", "--format", "csv"]).await;
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let headers = reader.headers().unwrap().clone();
    let mut numbers = BTreeSet::new();
    for line in reader.records() {
        let line = line.unwrap();
        let cell = |name: &str| line.get(headers.iter().position(|header| header == name).unwrap()).unwrap();
        let number: usize = cell("name").parse().unwrap();
        let wanted: Value = serde_json::from_str(&alert(number)).unwrap();
        assert_eq!(cell("alertDisplayName"), format!("Zoë \"Z\", {number}"));
        assert_eq!((cell("severity"), cell("status")), (["High", "Medium", "Low"][number % 3], "Active"));
        assert_eq!((cell("id"), cell("intent")), (wanted["id"].as_str().unwrap(), ""));
        assert!(
            alert(number).contains(&format!("\"properties\":{},\"tags\"", cell("properties"))),
            "as it came: {line:?}"
        );
        assert!(numbers.insert(number));
    }
    assert_eq!(numbers.len(), 1500);
    let text = scene.file("b.csv", &["recommendations", "--format", "csv"]).await;
    assert!(text.contains(",\"'=HYPERLINK(\"\"x\"\")\","), "no formula: {text}");
}

#[tokio::test]
async fn standard_output_has_records_and_nothing_else() {
    let scene = scene(free(), (0..5).map(alert)).await;
    let mut command = tokio::process::Command::new(binary());
    command.args(["snapshot", "alerts", "--to", "-"]).env_clear().envs(scene.world.settings()).stdin(Stdio::null());
    let output = command.output().await.unwrap();
    same(&String::from_utf8(output.stdout).unwrap(), &(0..5).map(alert).collect::<Vec<_>>());
    assert!(String::from_utf8(output.stderr).unwrap().contains("a snapshot is done"));
}

#[tokio::test]
async fn to_axiom_every_record_comes_once_under_one_time() {
    let mut scene = scene(free(), (0..2500).map(alert).chain((0..5).map(assessment))).await;
    scene
        .world
        .set("AXIOM_DATASET_PREFIX", "d4c-")
        .set("AXIOM_DATASET_MAP", "DefenderAssessmentsSnapshot=recommendations");
    for kind in ["alerts", "recommendations"] {
        let ran = scene.snapshot(&[kind, "--to", "axiom"]).await;
        assert_eq!(ran.code, Some(0), "{}", ran.output);
        assert!(ran.output.contains("\"perhaps_twice\":0"), "{}", ran.output);
    }
    let events = scene.world.axiom.events("d4c-DefenderAlertsSnapshot");
    let names: BTreeSet<_> =
        events.iter().map(|event| event["name"].as_str().unwrap().parse::<usize>().unwrap()).collect();
    assert_eq!((events.len(), names.len()), (2500, 2500));
    let times: BTreeSet<_> = events.iter().map(|event| event["_time"].as_str().unwrap()).collect();
    assert_eq!(times.len(), 1, "{times:?}");
    let event = events.iter().find(|event| event["name"] == "7").unwrap();
    assert_eq!(
        (&event["properties.Severity"], &event["properties.Score"]),
        (&"Medium".into(), &1.5.into()),
        "{event:?}"
    );
    assert_eq!(event["type"], "microsoft.security/locations/alerts");
    assert_eq!(scene.world.axiom.events("recommendations").len(), 5);
}

#[tokio::test]
async fn rows_that_may_be_there_twice_are_told() {
    let scene = scene(free(), (0..10).map(alert)).await;
    // The first one makes the dataset, and the fault is for rows.
    scene.snapshot(&["alerts", "--to", "axiom"]).await;
    scene.world.axiom.faults().script([AxiomFault::ResetAfter]);
    let ran = scene.snapshot(&["alerts", "--to", "axiom"]).await;
    assert_eq!(ran.code, Some(0), "{}", ran.output);
    assert!(ran.output.contains("\"perhaps_twice\":10"), "{}", ran.output);
    assert_eq!(scene.world.axiom.events("DefenderAlertsSnapshot").len(), 30);
}

#[tokio::test]
async fn throttled_and_in_trouble_it_is_whole_all_the_same() {
    let alerts: Vec<_> = (0..4000).map(alert).collect();
    let scene = scene(
        Options { rate: 4, rate_window: std::time::Duration::from_secs(2), ..Options::default() },
        alerts.clone(),
    )
    .await;
    let limited =
        Fault::Refuse { status: 429, code: "RateLimiting".into(), message: "throttled".into(), retry_after: None };
    scene.graph.faults().script([
        limited,
        Fault::Pass,
        Fault::Reset,
        Fault::Truncate,
        Fault::refuse(503, "ServiceUnavailable", "not now"),
        Fault::Pass,
        Fault::GatewayTimeout,
    ]);
    let text = scene.file("a", &["alerts"]).await;
    same(&text, &alerts);
    assert_eq!(scene.graph.faults().unused(), 0);
}

#[tokio::test]
async fn a_page_of_more_than_sixteen_mebibytes_is_split() {
    // The first thousand are small, so that the first look tells nothing of the others.
    let record = |number: usize| {
        let text = "x".repeat(if number < 1000 { 1000 } else { 60_000 });
        record("locations/alerts", number, ONE, &format!(r#"{{"Text":"{text}"}}"#))
    };
    let alerts: Vec<_> = (0..2000).map(record).collect();
    let large = scene(free(), alerts.clone()).await;
    same(&large.file("a", &["alerts"]).await, &alerts);
    assert!(large.graph.requests().iter().any(|request| request.status == 400), "a part is too large");
    // Here the first look itself is.
    let alerts: Vec<_> = (0..1500).map(alert).collect();
    let narrow = scene(Options { bytes_max: 200_000, ..free() }, alerts.clone()).await;
    same(&narrow.file("a", &["alerts"]).await, &alerts);
    assert_eq!(narrow.graph.requests()[0].status, 400);
}

#[tokio::test]
async fn a_result_that_is_too_large_whatever_is_done_says_so() {
    let scene = scene(
        Options { bytes_max: 2000, ..free() },
        [record("locations/alerts", 0, ONE, &format!("{{\"t\":\"{}\"}}", "x".repeat(3000)))],
    )
    .await;
    scene.fails(&["alerts"], "has exceeded the limit of 2000").await;
}

/// What is short is an error, in one reply and in many, and leaves no file.
#[tokio::test]
async fn a_short_result_is_an_error_and_leaves_no_file() {
    let scene = scene(free(), (0..1500).map(alert)).await;
    for (fault, small, large) in [
        (Fault::Partial, "375 of 750 records came", "500 of 1500 records came"),
        (Fault::ShortCount, "749 of 750 records came", "999 of 1500 records came"),
    ] {
        scene.graph.faults().script([fault.clone()]);
        let one = scene.fails(&["alerts", "--subscription", ONE], small).await;
        assert!(one.output.contains("the service offers no way to the others (read it again)"), "{}", one.output);
        scene.graph.faults().script([fault.clone()]);
        scene.fails(&["alerts"], large).await;
        scene.graph.faults().script([Fault::Pass, Fault::Pass, fault]);
        scene.fails(&["alerts", "--format", "csv"], "(read it again)").await;
    }
    assert_eq!(scene.file("whole", &["alerts"]).await.lines().count(), 1500);
}

/// What a reader by place cannot notice: while it reads, records come and go.
#[tokio::test]
async fn records_that_come_and_go_take_none_of_the_others_along() {
    let alerts: Vec<_> = (0..3000).map(alert).collect();
    let scene = scene(free(), alerts.clone()).await;
    let gate = Gate::shut();
    scene.graph.faults().script([Fault::Pass, Fault::Pass, Fault::Hold(gate.clone())]);
    let path = scene.path("a");
    let args = ["alerts", "--to", &path];
    let changes = async {
        until("a part is asked for", || async { gate.waiting() > 0 }).await;
        for number in 0..40 {
            scene
                .graph
                .remove(&format!(
                    "/subscriptions/{ONE}/providers/Microsoft.Security/locations/alerts/{:06}",
                    number * 2
                ))
                .unwrap();
        }
        scene.graph.add((3000..3080).map(alert)).unwrap();
        gate.open();
    };
    let (ran, ()) = tokio::join!(scene.snapshot(&args), changes);
    assert_eq!(ran.code, Some(0), "{}", ran.output);
    let text = std::fs::read_to_string(&path).unwrap();
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    text.lines().for_each(|line| *found.entry(line).or_default() += 1);
    assert!(found.values().all(|times| *times == 1));
    let stayed = (0..3000).filter(|number| number % 2 == 1 || *number >= 80);
    let missing: Vec<_> = stayed.filter(|number| !found.contains_key(alerts[*number].as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[tokio::test]
async fn a_snapshot_that_looks_too_small_is_an_error() {
    let scene = scene(free(), (0..1200).map(alert)).await;
    // Records that vanish from their parts and are there again at the end.
    let gate = Gate::shut();
    let last = Gate::shut();
    scene.graph.faults().script([Fault::Pass, Fault::Hold(gate.clone()), Fault::Pass, Fault::Hold(last.clone())]);
    let path = scene.path("none");
    let changes = async {
        let waits = async |gate: &Gate| until("it is asked", || async { gate.waiting() > 0 }).await;
        waits(&gate).await;
        let id =
            |number: usize| serde_json::from_str::<Value>(&alert(number)).unwrap()["id"].as_str().unwrap().to_owned();
        (0..10).for_each(|number| scene.graph.remove(&id(number)).unwrap());
        gate.open();
        waits(&last).await;
        scene.graph.add((0..10).map(alert)).unwrap();
        last.open();
    };
    let args = ["alerts", "--to", &path];
    let (ran, ()) = tokio::join!(scene.snapshot(&args), changes);
    assert!(
        ran.code == Some(1) && ran.output.contains("1190 records came, and the service counts 1200"),
        "{}",
        ran.output
    );
    assert!(scene.names().is_empty());
}

#[tokio::test]
async fn a_file_is_replaced_only_when_that_is_asked_for() {
    let scene = scene(free(), (0..5).map(alert)).await;
    std::fs::write(scene.path("a"), "mine").unwrap();
    let path = scene.path("a");
    let ran = scene.snapshot(&["alerts", "--to", &path]).await;
    assert!(
        ran.code == Some(1) && ran.output.contains("it is there already (name another file, or add --force)"),
        "{}",
        ran.output
    );
    assert_eq!((std::fs::read_to_string(&path).unwrap().as_str(), scene.graph.requests().len()), ("mine", 0));
    scene.file("a", &["alerts", "--force"]).await;
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 5);
    let ran = scene.snapshot(&["alerts", "--to", &scene.path("no/such/folder")]).await;
    assert!(ran.code == Some(1) && ran.output.contains("No such file or directory"), "{}", ran.output);
}

#[tokio::test]
async fn what_cannot_be_is_said_before_anything_is_asked() {
    let scene = scene(free(), (0..5).map(alert)).await;
    for (args, code, words) in [
        (&["alerts", "--to", "-", "--subscription", "my-subscription"][..], 2, "a GUID, not its name"),
        (&["alerts", "--to", "-", "--subscription", ONE, "--management-group", "mg"], 2, "cannot be used with"),
        (&["secure-scores", "--to", "-", "--severity", "high"], 1, "secure-scores have no severity"),
        (&["alerts", "--to", "axiom", "--format", "csv"], 1, "--format is about files"),
        (&["everything", "--to", "-"], 2, "sub-assessments"),
    ] {
        let ran = scene.snapshot(args).await;
        assert!(ran.code == Some(code) && ran.output.contains(words), "{args:?}: {}", ran.output);
    }
    assert!(scene.graph.requests().is_empty());
}

#[tokio::test]
async fn too_many_subscriptions_and_too_few_rights_say_what_to_do() {
    let scene = scene(Options { subscriptions_max: 1, ..free() }, (0..5).map(alert)).await;
    scene.fails(&["alerts"], "each of some management groups or subscriptions").await;
    scene.graph.permit(false);
    scene.fails(&["alerts"], "give the identity the role Security Reader").await;
    scene.graph.permit(true);
    let ran = scene.snapshot(&["secure-scores", "--subscription", ONE, "--to", "-"]).await;
    assert!(ran.code == Some(0) && ran.output.contains("the identity may read none"), "{}", ran.output);
}

#[tokio::test]
async fn no_token_is_printed() {
    let mut scene = scene(free(), (0..5).map(alert)).await;
    scene.world.set("LOG_LEVEL", "trace");
    scene.graph.faults().script([Fault::Reset, Fault::refuse(401, "InvalidAuthenticationToken", "no")]);
    let ran = scene.fails(&["alerts"], "InvalidAuthenticationToken: no").await;
    assert!(ran.output.contains("TRACE"), "the chattiest level");
    for secret in [scene.graph.identity().header(), scene.world.axiom.token()] {
        assert!(!ran.output.contains(secret));
    }
    // Tokens of the stand-in are 64 hexadecimal digits.
    let words = ran.output.split(|c: char| !c.is_ascii_hexdigit());
    assert!(words.into_iter().all(|word| word.len() != 64));
}
