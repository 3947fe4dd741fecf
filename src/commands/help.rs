//! `completions` and `man`: what shells and `man` want to know of the commands. Neither needs a setting.

use std::io::Write;
use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;

/// Writes a shell's script.
///
/// # Errors
/// `out` cannot be written.
pub fn completions(shell: Shell, out: &mut dyn Write) -> std::io::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut <Cli as CommandFactory>::command(), "sentinel-axiom", &mut script);
    out.write_all(&script)
}

/// Writes a page for each command, section 1, into a folder, which is made where it is missing.
///
/// # Errors
/// The folder cannot be written.
pub fn man(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    clap_mangen::generate_to(<Cli as CommandFactory>::command(), folder)
}
