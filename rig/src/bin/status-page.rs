//! The status page of a made-up system, on stdout: for the picture in the docs, and for `.ci/status-page.sh`, which looks at it in a browser.

use sentinel_axiom::receipts::LastError;
use sentinel_axiom::status::{HOURS, Status, Table, page};

/// Noon of a day, in seconds since 1970 UTC.
const AT: i64 = 1_795_780_800;

fn main() {
    let table = |name: &str, rows: u64, waiting: u64, set_aside: u64| {
        let mut by_hour = [0; HOURS];
        for (hour, of_hour) in by_hour.iter_mut().enumerate() {
            // A working day, with a quiet night.
            *of_hour = rows / 40 * [1, 1, 0, 0, 1, 2, 3, 3, 3, 2, 2, 2][hour % 12];
        }
        let waits = waiting > 0;
        Table {
            table: name.to_owned(),
            blobs: 3,
            waiting_blobs: u64::from(waits),
            waiting_bytes: waiting,
            oldest_seconds: waits.then_some(420),
            rows: by_hour.iter().sum(),
            set_aside,
            by_hour,
            ..Table::default()
        }
    };
    let said = "put off the delivery to Axiom: Axiom answers 503: the service is not available at the moment (https://status.axiom.co/a-very-long-address-that-has-no-place-to-break)";
    let mut tables = vec![
        table("signinlogs", 1_200_000, 0, 0),
        table("securityevent", 48_000_000, 12_400_000, 0),
        table("auditlogs", 90_000, 0, 3),
        table("anextraordinarilylongnameofacustomtablethatsomebodymade-cl", 700, 0, 0),
    ];
    tables[1].last_error = Some(LastError { said: said.to_owned(), at: AT - 540 });
    print!("{}", page(&Status { at: AT, since: "2026-11-26".to_owned(), tables, queue: Some(2) }));
}
