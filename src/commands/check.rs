//! `check`: what was found, told to whoever asked.

use std::io::Write;

use crate::check::check as look;
use crate::settings::Platform;

/// How it is told.
#[derive(Debug, Clone, Copy)]
pub struct Told {
    /// One object instead of lines.
    pub json: bool,
    /// With colours.
    pub colour: bool,
}

/// Checks and tells; gives the exit code. `write` also sends a row to Axiom.
///
/// # Errors
/// `out` cannot be written.
pub async fn check(
    variables: Vec<(String, String)>,
    platform: &Platform,
    write: bool,
    told: Told,
    out: &mut (dyn Write + Send),
) -> std::io::Result<u8> {
    let report = look(variables, platform, write).await;
    writeln!(
        out,
        "{}",
        if told.json { report.to_json(env!("CARGO_PKG_VERSION")) } else { report.to_text(told.colour) }
    )?;
    Ok(report.exit_code())
}
