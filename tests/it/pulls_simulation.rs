//! Thirty days of pulls: late rows, equal times, a clock that goes wrong, storms of 429, and kills at any moment.

use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;
use rig::axiom::Fault as Taken;
use rig::hunting::{Fault, Faults, Table as Hunted};
use rig::loganalytics::{Kind, Table};
use sentinel_axiom::query::window::{DAY, SECOND, Ticks};
use serde_json::{Value, json};

use crate::support::World;
use crate::support::pulls::{Sources, number, pull, sources};
use crate::support::workspace::NEW_YEAR;

const DAYS: i64 = 30;
const MINUTE: i64 = 60 * SECOND;

/// Kills of a month. Each costs the time that a claim holds.
const KILLS: usize = 12;

/// How long a request to Axiom takes.
const TAKES: Duration = Duration::from_millis(150);

/// A world in which little goes well.
struct Month {
    world: World,
    sources: Sources,
    random: Rng,
    /// Runs in which it is killed.
    kills: Vec<i64>,
    killed: usize,
}

impl Month {
    async fn new(pulls: String, runs: i64, seed: u64) -> Self {
        let mut world = World::new().await;
        let sources = sources(&mut world).await;
        world.set("PULLS", pulls).set("CLAIM_FOR", "5");
        for faults in [sources.hunting.faults(), sources.workspace.faults()] {
            storm(faults, seed);
        }
        // Axiom takes its time, so that there is a moment between reading and having arrived.
        let slow = |before| (0.5, if before { Taken::SlowBefore(TAKES) } else { Taken::SlowAfter(TAKES) });
        world.axiom.faults().random(seed, [true, false].map(slow).to_vec());
        let mut random = Rng::with_seed(seed);
        let kills = (0..KILLS).map(|_| random.i64(0..runs)).collect();
        Self { world, sources, random, kills, killed: 0 }
    }

    /// One run as of this time, by a clock that is up to four minutes wrong; killed in some runs, and then begun again.
    async fn run(&mut self, name: &str, run: i64, now: i64) {
        self.sources.hunting.set_now_ticks(now + 10 * MINUTE);
        let wrong = self.random.i64(-4..=4) * MINUTE;
        let as_of = Ticks(now + wrong).to_string();
        let args = ["pull", "run", name, "--once", "--as-of", &as_of];
        let mut to_kill = self.kills.iter().filter(|kill| **kill == run).count();
        loop {
            let running = self.world.spawn(&args);
            if to_kill > 0 {
                // Any moment of its life is as good as any other.
                tokio::time::sleep(Duration::from_millis(self.random.u64(30..600))).await;
                self.killed += usize::from(running.kill().await);
                to_kill -= 1;
            }
            let ran = running.end().await;
            match ran.code {
                Some(0) if ran.output.contains("a pull is done") => return,
                // Killed, or the claim of one that was has not ended yet.
                None => {}
                Some(0) if ran.output.contains("another run is at it") => {}
                _ => panic!("{}", ran.output),
            }
        }
    }

    /// Sees that each number from 1 to `last` arrived, and that those which arrived again were told.
    fn each_came(&self, name: &str, dataset: &str, last: u64) {
        let mut came: BTreeMap<u64, u64> = BTreeMap::new();
        for event in self.world.axiom.events(dataset) {
            *came.entry(event["Number"].as_u64().expect("a number")).or_default() += 1;
        }
        let missing: Vec<_> = (1..=last).filter(|number| !came.contains_key(number)).collect();
        assert!(missing.is_empty(), "{} of {last} rows are lost: {missing:?}", missing.len());
        let twice: u64 = came.values().map(|times| times - 1).sum();
        let told: u64 = self.world.records(name).iter().map(|record| number(record, "perhaps_twice")).sum();
        println!("{name}: {last} rows, {twice} twice, {told} told, {} kills", self.killed);
        assert!(twice <= told, "{twice} rows came twice, and {told} were told");
        assert!(self.killed > 0, "nothing was killed");
    }
}

fn storm(faults: &Faults, seed: u64) {
    let slow_down = Fault::Refuse {
        status: 429,
        code: "TooManyRequests".to_owned(),
        message: "slow down".to_owned(),
        retry_after: Some(0),
    };
    let busy = Fault::refuse(503, "ServiceUnavailable", "busy");
    let odds = vec![
        (0.04, slow_down),
        (0.02, busy),
        (0.02, Fault::Reset),
        (0.02, Fault::Truncate),
        (0.02, Fault::GatewayTimeout),
    ];
    faults.random(seed, odds);
}

/// Events of some hours: many have the same time, and some are late by up to `late` minutes.
fn events(random: &mut Rng, last: &mut u64, (from, to): (i64, i64), late: i64) -> Vec<(i64, u64)> {
    let mut events = Vec::new();
    for _ in 0..20 {
        let at = random.i64(from / MINUTE - late..to / MINUTE) * MINUTE;
        for _ in 0..4 {
            *last += 1;
            events.push((at, *last));
        }
    }
    events
}

#[tokio::test]
async fn a_month_of_a_custom_table() {
    let runs = DAYS * 3;
    let more = "table = \"T_CL\"\nstart = \"2026-01-01\"";
    let mut month = Month::new(pull("t", "log-analytics", "incremental", more), runs, 1).await;
    let columns = [("TimeGenerated", Kind::DateTime), ("Number", Kind::Long)];
    month.sources.workspace.add(Table::new("T_CL", &columns).hidden(&[("_ItemId", Kind::String)]));
    let (mut last, step) = (0, DAY / 3);
    for run in 1..=runs {
        let now = NEW_YEAR + run * step;
        // What the last run could not see yet lies less than lag and overlap before it, whatever its clock said.
        let late = if run == 1 { 0 } else { 9 };
        for (at, number) in events(&mut month.random, &mut last, (now - step, now), late) {
            // The clocks of those that wrote the rows are off by hours.
            let written = Ticks(at + month.random.i64(-180..180) * MINUTE).to_string();
            let row = json!({"TimeGenerated": written, "Number": number, "_ItemId": format!("i-{number}")});
            month
                .sources
                .workspace
                .append_values_at("T_CL", &[row], &Ticks(at).to_string())
                .expect("a row of the table");
        }
        month.run("t", run, now).await;
    }
    month.run("t", -1, NEW_YEAR + (DAYS + 1) * DAY).await;
    month.each_came("t", "T_CL", last);
}

#[tokio::test]
async fn a_month_of_events_from_hunting() {
    let runs = DAYS * 3;
    let more =
        "table = \"DeviceEvents\"\nwatermark = \"Timestamp\"\nstart = \"2026-01-01\"\nlag = \"30m\"\noverlap = \"2h\"";
    let mut month = Month::new(pull("e", "hunting", "incremental", more), runs, 2).await;
    month.sources.hunting.add(Hunted::new("DeviceEvents", &[("Timestamp", Kind::DateTime), ("Number", Kind::Long)]));
    let (mut last, step) = (0, DAY / 3);
    for run in 1..=runs {
        let now = NEW_YEAR + run * step;
        let late = if run == 1 { 0 } else { 90 };
        for (at, number) in events(&mut month.random, &mut last, (now - step, now), late) {
            let row = json!({"Timestamp": Ticks(at).to_string(), "Number": number});
            month.sources.hunting.append_values("DeviceEvents", &[row]).expect("a row of the table");
        }
        month.run("e", run, now).await;
    }
    month.run("e", -1, NEW_YEAR + (DAYS + 1) * DAY).await;
    month.each_came("e", "DeviceEvents", last);
}

#[tokio::test]
async fn a_month_of_snapshots() {
    let more = "table = \"Inventory\"\nkey = \"DeviceId\"";
    let mut month = Month::new(pull("inventory", "hunting", "snapshot", more), DAYS, 3).await;
    let columns = [("DeviceId", Kind::String), ("Device", Kind::Long), ("Version", Kind::Long)];
    month.sources.hunting.add(Hunted::timeless("Inventory", &columns));
    let (mut inventory, mut days) = (BTreeMap::new(), Vec::new());
    for day in 1..=DAYS {
        for _ in 0..100 {
            let device = month.random.u64(0..300);
            if month.random.u8(0..4) == 0 {
                inventory.remove(&device);
            } else {
                inventory.insert(device, month.random.u64(0..1000));
            }
        }
        let row = |(device, version): (&u64, &u64)| json!({"DeviceId": format!("d-{device}"), "Device": device, "Version": version});
        month
            .sources
            .hunting
            .replace("Inventory", &inventory.iter().map(row).collect::<Vec<_>>())
            .expect("rows of the table");
        month.run("inventory", day, NEW_YEAR + day * DAY).await;
        days.push(inventory.clone());
    }
    let events = month.world.axiom.events("Inventory");
    let records = month.world.records("inventory");
    let done: Vec<_> = records.iter().filter(|record| record["status"] == "done").collect();
    let (mut day, mut wanted) = (0, 0);
    for record in done {
        let of = events.iter().filter(|event| event["snapshot_id"] == record["snapshot"]);
        let number = |value: &Value| value.as_u64().expect("a number");
        let rows: BTreeMap<_, _> = of.map(|event| (number(&event["Device"]), number(&event["Version"]))).collect();
        // One that is killed when it is done, and does not come to say so, is taken once more.
        day += usize::from(rows != days[day]);
        assert_eq!(Some(&rows), days.get(day), "{record:?}");
        wanted += rows.len() as u64;
    }
    assert_eq!(day + 1, days.len(), "each day has its snapshot");
    let told: u64 = records.iter().map(|record| number(record, "perhaps_twice")).sum();
    let given_up = records.iter().filter(|record| record.contains_key("notes")).count();
    println!("{} rows wanted, {} came, {told} told twice, {} kills", wanted, events.len(), month.killed);
    assert_eq!(given_up, 0, "{records:?}");
    assert!(events.len() as u64 <= wanted + told, "{} rows came, {wanted} wanted, {told} told", events.len());
}
