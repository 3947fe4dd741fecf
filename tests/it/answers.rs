//! Every answer of Axiom, through the whole program: what is delivered, what is set aside, and what becomes of the blob.

use rig::axiom::{ErrorBody, Fault, HostileBody, LongValue, Options, Refusal, RetryAfter, Rules};

use crate::support::{TABLE, World, blob_name, row, rows};

/// Rows in the blob; three make a batch, one batch is under way at a time, and the first one meets the faults.
const ROWS: u64 = 9;

/// What must come of it. What is not said is as after a success.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
struct Expect {
    /// Rows in Axiom a second time: never more than the batch whose outcome nobody knew.
    twice: u64,
    /// Rows set aside.
    set_aside: usize,
    /// Whether Axiom may hold those.
    perhaps: bool,
    /// Rows that are neither in Axiom nor set aside, so that the blob stays and the command fails.
    left: u64,
}

const DELIVERED: Expect = Expect { twice: 0, set_aside: 0, perhaps: false, left: 0 };
const TWICE: Expect = Expect { twice: 3, ..DELIVERED };
const KEPT: Expect = Expect { left: ROWS, ..DELIVERED };

/// What the answer is called, what makes Axiom give it, and what must come of it.
type Case = (&'static str, Vec<Fault>, Expect);

fn cases() -> Vec<Case> {
    let refuse = |status| Refusal::new(status, "because").reset_in(None);
    let soon = |status| refuse(status).retry_after(RetryAfter::Seconds(1)).into();
    let hostile = |body| vec![Fault::Hostile(body)];
    let aside = |perhaps| Expect { set_aside: 3, perhaps, ..DELIVERED };
    vec![
        ("200", vec![Fault::Pass], DELIVERED),
        ("200 without failures", hostile(HostileBody::NoFailures), DELIVERED),
        ("200 with failures null", hostile(HostileBody::NullFailures), DELIVERED),
        ("200, one failed", vec![Fault::FailRows(1)], aside(true)),
        ("200, all failed", vec![Fault::FailRows(3)], aside(false)),
        ("200, one missing without a word", vec![Fault::ShortCount(1)], aside(true)),
        ("200, half an answer", hostile(HostileBody::HalfJson), TWICE),
        ("200, no answer", hostile(HostileBody::Empty), TWICE),
        ("200, text", hostile(HostileBody::Text), TWICE),
        ("200, a page", hostile(HostileBody::Html), TWICE),
        ("200, broken off", vec![Fault::TruncateAfter], TWICE),
        ("400 once, then 200", vec![refuse(400).into()], DELIVERED),
        ("413 once, then 200", vec![refuse(413).into()], DELIVERED),
        ("401", vec![refuse(401).into()], KEPT),
        ("403", vec![refuse(403).into()], KEPT),
        ("403, a page", vec![refuse(403).body(ErrorBody::Html).into()], KEPT),
        ("404", vec![refuse(404).into()], DELIVERED),
        ("307", vec![Refusal::redirect(307, "http://127.0.0.1:1/").into()], KEPT),
        ("422", vec![refuse(422).into()], KEPT),
        ("429, wait 1 s", vec![soon(429)], DELIVERED),
        ("429, wait until then", vec![refuse(429).retry_after(RetryAfter::Date(1)).into()], DELIVERED),
        ("429, wait too long", vec![refuse(429).retry_after(RetryAfter::Seconds(900)).into()], KEPT),
        ("430, wait 1 s", vec![soon(430)], DELIVERED),
        ("430", vec![refuse(430).into()], KEPT),
        ("500, 502, 503, 504", [500, 502, 503, 504].map(|status| refuse(status).into()).into(), DELIVERED),
        ("503 without a body, wait 1 s", vec![soon(503), refuse(503).body(ErrorBody::Empty).into()], DELIVERED),
        ("reset before", vec![Fault::ResetBefore, Fault::ResetBefore], DELIVERED),
        ("reset after", vec![Fault::ResetAfter], TWICE),
    ]
}

#[tokio::test]
async fn each_answer_has_its_consequence_and_no_row_is_lost() {
    // Each in a world of its own, a few at a time.
    for chunk in cases().chunks(7) {
        futures::future::join_all(chunk.iter().map(check)).await;
    }
}

async fn check((name, faults, expected): &Case) {
    let mut world =
        World::with(Options { keep_rows: true, datasets: vec![TABLE.to_owned()], ..Options::default() }).await;
    world.set("BATCH_ROWS", "3").set("UPLOADS", "1");
    world.put(&blob_name(0), rows(0..ROWS).as_bytes()).await;
    world.axiom.faults().script(faults.clone());
    assert_outcome(name, &world, *expected).await;
    assert_eq!(world.axiom.faults().unused(), 0, "{name}: met");

    // Whatever it was, once it is over everything is in Axiom or set aside.
    world.axiom.faults().clear();
    world.run_once().await;
    assert_in_place(name, &world, Expect { left: 0, ..*expected }).await;
}

async fn assert_outcome(name: &str, world: &World, expected: Expect) {
    let ran = world.run(&["run", "--once"]).await;
    assert_eq!(ran.code, Some(i32::from(expected.left > 0)), "{name}: {}", ran.output);
    assert_in_place(name, world, expected).await;
}

async fn assert_in_place(name: &str, world: &World, expected: Expect) {
    let (totals, refused) = (world.axiom.totals(TABLE), world.refused().await);
    let perhaps = refused.iter().any(|record| record.perhaps_delivered);
    let delivered = world.delivered(TABLE);
    let left = (0..ROWS)
        .map(row)
        .filter(|row| !delivered.contains(row) && !refused.iter().any(|record| record.bytes() == row.as_bytes()));
    let outcome = Expect { twice: totals.duplicated, set_aside: refused.len(), perhaps, left: left.count() as u64 };
    assert_eq!(outcome, expected, "{name}");
    assert_eq!(world.properties(&blob_name(0)).await.is_some(), expected.left > 0, "{name}: the blob");
}

/// A row that Axiom never takes, and a size that it never takes: halving finds them.
#[tokio::test]
async fn a_bad_row_stands_alone_and_a_large_body_is_cut() {
    let rules = Rules { value_bytes: 1000, long_value: LongValue::RefuseRequest, ..Rules::default() };
    let world = World::with(Options { keep_rows: true, rules, ..Options::default() }).await;
    let bad = format!("{{\"Type\":\"{TABLE}\",\"x\":\"{}\"}}", "x".repeat(1001));
    world.put(&blob_name(0), format!("{}{bad}\n{}", rows(0..4), rows(4..ROWS)).as_bytes()).await;
    assert_outcome("400 for one row", &world, Expect { set_aside: 1, ..DELIVERED }).await;
    let refused = &world.refused().await[0];
    assert_eq!((refused.offset, refused.bytes()), (rows(0..4).len() as u64, bad.into_bytes()));
    assert!(refused.reason.starts_with("Axiom: "), "{}", refused.reason);

    let rules = Rules { body_max: rows(0..2).len(), ..Rules::default() };
    let world = World::with(Options { keep_rows: true, rules, ..Options::default() }).await;
    world.put(&blob_name(0), rows(0..ROWS).as_bytes()).await;
    assert_outcome("413 for more than two rows", &world, DELIVERED).await;

    let rules = Rules { body_max: row(0).len(), ..Rules::default() };
    let world = World::with(Options { keep_rows: true, rules, ..Options::default() }).await;
    world.put(&blob_name(0), format!("{{}}\n{}\n{{}}\n", row(0)).as_bytes()).await;
    world.run_once().await;
    assert_eq!(world.delivered(TABLE), Vec::<String>::new(), "its table's own case is known from the first row alone");
    assert_eq!((world.delivered("securityevent").len(), world.refused().await.len()), (2, 1));
}
