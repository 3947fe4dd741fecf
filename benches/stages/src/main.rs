//! `cargo bench-stages [ROUNDS]`: what each stage of the path from blob to Axiom costs alone, beside the alternatives, so that a choice can be made again.
//!
//! The stages are the program's own files, or what it calls; the rows are the rig's. CPU time of the one thread that works, median of rounds in which all
//! candidates take turns. Before anything is timed, each candidate is held against a known answer; what it gets wrong is told beside its speed.

#[path = "../../../src/json.rs"]
#[allow(dead_code, reason = "not all of it is measured")]
mod json;
#[path = "../../../src/lines.rs"]
#[allow(dead_code, reason = "not all of it is measured")]
mod lines;
#[path = "../../../rig/src/bench/price.rs"]
mod price;
#[path = "../../../rig/src/rows/mod.rs"]
#[allow(dead_code, reason = "not all of it is needed")]
mod rows;

mod checking;
mod compression;
mod framing;
mod measure;
mod posting;

use time::macros::datetime;

/// Bytes of rows of each table. A blob of data export holds one table, so no batch mixes them.
const TABLE: usize = 8 << 20;
const TABLES: usize = 6;

fn main() -> anyhow::Result<()> {
    let rounds = std::env::args().nth(1).map_or(Ok(7), |rounds| rounds.parse())?;
    let tables: Vec<Vec<u8>> = rows::table_names(TABLES).iter().map(|table| corpus(table)).collect();
    println!("CPU time of one thread, median of {rounds} rounds; MB is 10^6 bytes of rows");
    framing::run(&tables.concat(), rounds);
    checking::run(&tables.concat(), rounds);
    let bodies = compression::run(&tables, rounds)?;
    posting::run(bodies, rounds)
}

fn corpus(table: &str) -> Vec<u8> {
    let source = rows::RowSource::new(1, table);
    let mut rows = Vec::new();
    for index in 0.. {
        if rows.len() >= TABLE {
            break;
        }
        source.write_row(index, datetime!(2026-11-25 08:00 UTC), &mut rows);
        rows.push(b'\n');
    }
    rows
}
