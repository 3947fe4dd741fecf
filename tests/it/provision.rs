//! `provision`: everything is made once, put right where it is ours, and left alone where it is not.

use rig::axiom::{Options, Rights};
use serde_json::{Value, json};

use crate::support::{Ran, World};

const TABLES: &str = "SigninLogs,AuditLogs";

/// The world of a customer whose tables are named, and an administrator's machine: no storage is reached.
async fn world() -> World {
    let mut world = World::with(Options { keep_rows: true, ..Options::default() }).await;
    world.set("TABLES", TABLES).set("EXPORT_STORAGE", "").set("AzureWebJobsStorage", "");
    world
}

async fn provision(world: &World, more: &[&str]) -> Ran {
    let ran = world.run(&[&["provision"], more].concat()).await;
    assert!(!ran.output.contains(world.axiom.token()), "{}", ran.output);
    ran
}

/// A run that ends well.
async fn provisioned(world: &World, more: &[&str]) -> String {
    let ran = provision(world, more).await;
    assert_eq!(ran.code, Some(0), "{}", ran.output);
    ran.output
}

/// The requests so far that change something.
fn writes(world: &World) -> Vec<String> {
    let requests = world.axiom.requests().into_iter().filter(|request| request.method != "GET");
    requests.map(|request| format!("{} {}", request.method, request.path)).collect()
}

/// Asks the management API as somebody else would.
async fn call(world: &World, method: &str, path: &str, body: Value) -> Value {
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
    let request =
        reqwest::Client::new().request(method, format!("{}{path}", world.axiom.url())).bearer_auth(world.axiom.token());
    let request = if body.is_null() { request } else { request.json(&body) };
    let response = request.send().await.expect("an answer");
    assert!(response.status().is_success(), "{path}: {response:?}");
    response.json().await.unwrap_or_default()
}

async fn get(world: &World, path: &str) -> Value {
    call(world, "GET", path, Value::Null).await
}

fn names(list: &Value) -> Vec<&str> {
    let mut names: Vec<_> = list.as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn everything_is_made_and_a_second_run_changes_nothing() {
    let world = world().await;
    let said = provisioned(&world, &["--retention-days", "90"]).await;
    assert!(said.contains("10 made, 0 changed, 0 as wanted, 0 of somebody else"), "{said}");

    let datasets = get(&world, "/v2/datasets").await;
    assert_eq!(names(&datasets), ["AuditLogs", "SigninLogs", "sentinel-axiom"]);
    for dataset in datasets.as_array().unwrap() {
        assert!(dataset["description"].as_str().unwrap().ends_with("Written by sentinel-axiom."), "{dataset}");
        assert_eq!((&dataset["retentionDays"], &dataset["useRetentionPeriod"]), (&json!(90), &json!(true)));
    }
    let fields = get(&world, "/v2/datasets/SigninLogs/mapfields").await;
    assert_eq!(fields, json!(["DeviceDetail", "LocationDetails", "MfaDetail", "Status"]));
    let monitors = get(&world, "/v2/monitors").await;
    let expected = ["backlog", "failing", "lag", "no rows in AuditLogs", "no rows in SigninLogs", "refused"];
    assert_eq!(names(&monitors), expected.map(|name| format!("sentinel-axiom: {name}")));
    let dashboard = get(&world, "/v2/dashboards/uid/sentinel-axiom").await;
    assert_eq!((&dashboard["version"], &dashboard["dashboard"]["name"]), (&json!(1), &json!("sentinel-axiom")));

    let before = writes(&world).len();
    for more in [&["--retention-days", "90"][..], &[], &["--dry-run"]] {
        let said = provisioned(&world, more).await;
        assert!(said.contains("10 as wanted") && !said.contains("\n    "), "{said}");
    }
    assert_eq!(writes(&world).len(), before, "{:?}", writes(&world));
}

#[tokio::test]
async fn a_dry_run_shows_what_differs_and_sends_nothing() {
    let world = world().await;
    let said = provisioned(&world, &["--dry-run", "--retention-days", "30"]).await;
    for line in [
        "+ dataset SigninLogs\n",
        "    + description: \"Rows of SigninLogs. Written by sentinel-axiom.\"\n",
        "    + retentionDays: 30\n",
        "    + map field: \"DeviceDetail\"\n",
        "+ monitor \"sentinel-axiom: lag\"\n",
        "    + threshold: 1800\n",
        "+ dashboard sentinel-axiom\n",
        "    + chart: \"rows-by-table\"\n",
        "10 to make, 0 to change, 0 as wanted, 0 of somebody else; nothing was sent",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert_eq!(writes(&world), [""; 0]);
    assert_eq!(world.axiom.datasets(), [""; 0]);
}

#[tokio::test]
async fn what_was_changed_by_hand_is_told_and_put_right() {
    let world = world().await;
    provisioned(&world, &[]).await;
    // A monitor: its threshold, and who is told, which is nobody's business but its owner's.
    let notifier = json!({"name": "Oncall", "properties": {"email": {"emails": ["oncall@example.com"]}}});
    let notifier = call(&world, "POST", "/v2/notifiers", notifier).await["id"].clone();
    let monitors = get(&world, "/v2/monitors").await;
    let mut lag = monitors.as_array().unwrap().iter().find(|one| one["name"] == "sentinel-axiom: lag").unwrap().clone();
    let path = format!("/v2/monitors/{}", lag["id"].as_str().unwrap());
    lag.as_object_mut().unwrap().remove("id");
    (lag["threshold"], lag["notifierIds"]) = (json!(9), json!([notifier]));
    call(&world, "PUT", &path, lag).await;
    // The dashboard: a chart is gone, one is new, one asks something else.
    let mut dashboard = get(&world, "/v2/dashboards/uid/sentinel-axiom").await["dashboard"].clone();
    let charts = dashboard["charts"].as_array_mut().unwrap();
    charts[0] = json!({"id": "mine", "type": "Note", "text": "mine"});
    charts[1]["query"]["apl"] = "['sentinel-axiom'] | count".into();
    dashboard["layout"].as_array_mut().unwrap().remove(0);
    let body = json!({"dashboard": dashboard, "overwrite": true});
    call(&world, "PUT", "/v2/dashboards/uid/sentinel-axiom", body).await;
    // A dataset: its description and a map field.
    let changed = json!({"description": "of team X. Written by sentinel-axiom."});
    call(&world, "PUT", "/v2/datasets/SigninLogs", changed).await;
    call(&world, "PUT", "/v2/datasets/SigninLogs/mapfields", json!(["Mine", "Status"])).await;

    let said = provisioned(&world, &[]).await;
    for line in [
        "~ dataset SigninLogs\n    ~ description: \"of team X.",
        "    + map field: \"DeviceDetail\"\n",
        "~ monitor \"sentinel-axiom: lag\"\n    ~ threshold: 9 -> 1800\n",
        "~ dashboard sentinel-axiom\n",
        "    + charts.rows: ",
        "    - charts.mine: ",
        "    ~ charts.gigabytes.query.apl: \"['sentinel-axiom'] | count\" -> ",
        "    + layout.rows: ",
        "0 made, 3 changed, 7 as wanted",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert_eq!(get(&world, &path).await["notifierIds"], json!([notifier]), "stays as it was");
    let fields = get(&world, "/v2/datasets/SigninLogs/mapfields").await;
    assert_eq!(fields, json!(["Mine", "Status", "DeviceDetail", "LocationDetails", "MfaDetail"]));
    assert!(provisioned(&world, &[]).await.contains("10 as wanted"));
}

#[tokio::test]
async fn what_somebody_else_made_is_left_alone_and_told() {
    let world = world().await;
    call(&world, "POST", "/v2/datasets", json!({"name": "SigninLogs", "description": "theirs"})).await;
    let monitor = json!({
        "name": "sentinel-axiom: lag", "type": "Threshold", "aplQuery": "['SigninLogs'] | count", "operator": "Above", "threshold": 1,
        "rangeMinutes": 1, "intervalMinutes": 1,
    });
    call(&world, "POST", "/v2/monitors", monitor).await;
    let dashboard = json!({
        "name": "theirs", "owner": "X-AXIOM-EVERYONE", "charts": [], "layout": [], "refreshTime": 60, "schemaVersion": 2,
        "timeWindowStart": "qr-now-1h", "timeWindowEnd": "qr-now",
    });
    call(&world, "POST", "/v2/dashboards", json!({"uid": "sentinel-axiom", "dashboard": dashboard})).await;
    let theirs = async || {
        let monitors = get(&world, "/v2/monitors").await;
        let lag = monitors.as_array().unwrap().iter().find(|one| one["name"] == "sentinel-axiom: lag").cloned();
        let (dataset, fields) =
            (get(&world, "/v2/datasets/SigninLogs").await, get(&world, "/v2/datasets/SigninLogs/mapfields").await);
        (dataset, fields, lag, get(&world, "/v2/dashboards/uid/sentinel-axiom").await)
    };
    let before = theirs().await;

    for _ in 0..2 {
        let ran = provision(&world, &["--retention-days", "1"]).await;
        assert_eq!(ran.code, Some(1), "{}", ran.output);
        for what in ["dataset SigninLogs", "monitor \"sentinel-axiom: lag\"", "dashboard sentinel-axiom"] {
            let words = format!("! {what}\n    ! left as it is: its description lacks \"Written by sentinel-axiom\"");
            assert!(ran.output.contains(&words), "{words}: {}", ran.output);
        }
        assert!(ran.output.contains("3 of somebody else"), "{}", ran.output);
    }
    assert_eq!(theirs().await, before);
    assert_eq!(get(&world, "/v2/datasets/AuditLogs").await["retentionDays"], 1, "the rest is made");
}

#[tokio::test]
async fn a_missing_capability_is_named_and_the_token_is_not_printed() {
    let mut world = world().await;
    let all = Rights::all();
    let read_first = "not known what there is, so nothing was changed";
    let create = "create dataset SigninLogs: Axiom answers 403";
    for (rights, args, capabilities, words) in [
        (
            Rights { monitors: false, dashboards: false, ..all.clone() },
            &[][..],
            &["dashboards: read", "monitors: read"][..],
            read_first,
        ),
        (Rights { notifiers: false, ..all.clone() }, &["--notifier", "Oncall"], &["notifiers: read"], read_first),
        (Rights { manage: false, ..all.clone() }, &[], &["datasets: create"], create),
    ] {
        let token = world.axiom.add_token(rights);
        world.set("AXIOM_TOKEN", &token);
        let ran = provision(&world, args).await;
        assert_eq!(ran.code, Some(1), "{}", ran.output);
        assert!(ran.output.contains(words) && !ran.output.contains(&token), "{}", ran.output);
        for capability in capabilities {
            let words = format!("give the token of AXIOM_TOKEN the capability {capability}");
            assert!(ran.output.contains(&words), "{words}: {}", ran.output);
        }
    }
    assert_eq!(world.axiom.datasets(), [""; 0]);
    world.set("AXIOM_TOKEN", crate::configuration::WRONG_TOKEN);
    let ran = provision(&world, &[]).await;
    assert!(ran.output.contains("(AXIOM_TOKEN is not one that Axiom knows)"), "{}", ran.output);
    assert!(!ran.output.contains(crate::configuration::WRONG_TOKEN), "{}", ran.output);
}

#[tokio::test]
async fn a_retention_that_deletes_rows_is_set_only_when_that_is_said() {
    let world = world().await;
    provisioned(&world, &["--retention-days", "90"]).await;
    let ran = provision(&world, &["--retention-days", "30"]).await;
    let words = "= dataset AuditLogs\n    ! retention stays 90 days: 30 days may be less";
    assert!(ran.code == Some(1) && ran.output.contains(words), "{}", ran.output);
    assert_eq!(get(&world, "/v2/datasets/AuditLogs").await["retentionDays"], 90);
    let said = provisioned(&world, &["--retention-days", "30", "--lower-retention"]).await;
    assert!(said.contains("~ retentionDays: 90 -> 30"), "{said}");
    assert_eq!(get(&world, "/v2/datasets/AuditLogs").await["retentionDays"], 30);
    provisioned(&world, &["--retention-days", "60"]).await;
}

#[tokio::test]
async fn what_is_wanted_follows_the_settings_and_the_arguments() {
    let mut world = world().await;
    world.set("AXIOM_DATASET_PREFIX", "prod-").set("AXIOM_DATASET_MAP", "AuditLogs=audit");
    let pulls = "[[pull]]\nname = \"software\"\nsource = \"hunting\"\ntable = \"DeviceTvmSoftwareInventory\"\nmode = \"snapshot\"\n\
                 key = \"DeviceId\"\nschedule = \"0 0 0 * * *\"\n";
    world.set("PULLS", pulls);
    let notifier = json!({"name": "Oncall", "properties": {"email": {"emails": ["oncall@example.com"]}}});
    let notifier = call(&world, "POST", "/v2/notifiers", notifier).await["id"].clone();
    let args =
        ["--table", "AuditLogs", "--table", "My_CL", "--map-field", "My_CL.Bag", "--telemetry-dataset", "prod-visits"];
    provisioned(&world, &[&args[..], &["--notifier", "Oncall"]].concat()).await;
    let expected = ["audit", "prod-DeviceTvmSoftwareInventory", "prod-My_CL", "prod-visits", "sentinel-axiom-pulls"];
    assert_eq!(names(&get(&world, "/v2/datasets").await), expected);
    assert_eq!(get(&world, "/v2/datasets/prod-My_CL/mapfields").await, json!(["Bag"]));
    let monitors = get(&world, "/v2/monitors").await;
    assert_eq!(names(&monitors)[3..5], ["prod-visits: no rows in audit", "prod-visits: no rows in prod-My_CL"]);
    assert!(
        monitors.as_array().unwrap().iter().all(|monitor| monitor["notifierIds"] == json!([notifier])),
        "{monitors}"
    );
    get(&world, "/v2/dashboards/uid/prod-visits").await;

    let said = provisioned(&world, &["--table", "AuditLogs", "--telemetry-dataset", "prod-visits"]).await;
    assert!(said.contains("? monitor \"prod-visits: no rows in prod-My_CL\"\n    not wanted any more"), "{said}");
    let ran = provision(&world, &["--notifier", "Nobody"]).await;
    assert!(ran.output.contains("there is no notifier \\\"Nobody\\\" in Axiom: there are"), "{}", ran.output);
    let ran = provision(&world, &["--telemetry-dataset", "x y"]).await;
    assert!(ran.code == Some(1) && ran.output.contains("is no dataset's name"), "{}", ran.output);
    world.set("TABLES", "").set("PULLS", "");
    let ran = provision(&world, &[]).await;
    assert!(
        ran.code == Some(1) && ran.output.contains("set TABLES as for the deployment, or give --table"),
        "{}",
        ran.output
    );
    world.set("AXIOM_TOKEN", "").set("TABLES", "a b");
    let ran = provision(&world, &[]).await;
    let said = ["AXIOM_TOKEN is missing", "TABLES names"].map(|words| ran.output.contains(words));
    assert_eq!((ran.code, said), (Some(64), [true; 2]), "{}", ran.output);
}

#[tokio::test]
async fn one_dataset_may_take_all() {
    let mut world = world().await;
    world.set("TABLES", "").set("AXIOM_DATASET", "sentinel-axiom");
    provisioned(&world, &[]).await;
    assert_eq!(world.axiom.datasets(), ["sentinel-axiom"]);
    assert!(names(&get(&world, "/v2/monitors").await).contains(&"sentinel-axiom: no rows in sentinel-axiom"));
    world.set("TABLES", TABLES);
    let said = provisioned(&world, &[]).await;
    assert!(said.contains("~ description: ") && said.contains("+ map field: \"DeviceDetail\""), "{said}");
    assert!(provisioned(&world, &[]).await.contains("7 as wanted"));
}

#[tokio::test]
async fn files_of_ones_own_take_the_place_of_those_that_are_built_in() {
    let world = world().await;
    let folder = std::env::temp_dir().join(format!("provision-{:x}", fastrand::u64(..)));
    std::fs::create_dir(&folder).unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let dashboard = "name = \"mine\"\nrefreshTime = 60\ntimeWindowStart = \"qr-now-1h\"\ntimeWindowEnd = \"qr-now\"\n\
                     [[charts]]\nid = \"n\"\ntype = \"Statistic\"\nname = \"N\"\nwidth = 3\nheight = 3\napl = \"['{{telemetry}}'] | count\"\n";
    let monitors = "[[monitors]]\nname = \"m {{dataset}}\"\ntype = \"Threshold\"\naplQuery = \"['{{dataset}}'] | count\"\n\
                    operator = \"Above\"\nthreshold = 0\nrangeMinutes = 1\nintervalMinutes = 1\n";
    let (dashboard, monitors) = (file("d.toml", dashboard), file("m.toml", monitors));
    provisioned(&world, &["--dashboard", &dashboard, "--monitors", &monitors]).await;
    assert_eq!(names(&get(&world, "/v2/monitors").await), ["m AuditLogs", "m SigninLogs"]);
    let made = get(&world, "/v2/dashboards/uid/sentinel-axiom").await["dashboard"].clone();
    assert_eq!(
        (&made["name"], &made["charts"][0]["query"]["apl"]),
        (&json!("mine"), &json!("['sentinel-axiom'] | count"))
    );

    let typo = file("typo.toml", &std::fs::read_to_string(&dashboard).unwrap().replace("refreshTime", "refreshtime"));
    let ran = provision(&world, &["--dashboard", &typo]).await;
    let words = "change dashboard sentinel-axiom: Axiom answers 400: dashboard validation failed: Unrecognized key: \\\"refreshtime\\\"";
    assert!(ran.code == Some(1) && ran.output.contains(words), "{}", ran.output);
    let ran = provision(&world, &["--monitors", &file("bad.toml", "[[monitors]]\nname = ")]).await;
    assert!(ran.code == Some(1) && ran.output.contains("bad.toml"), "{}", ran.output);
    std::fs::remove_dir_all(folder).unwrap();
}
