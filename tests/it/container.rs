//! The Dockerfile, as far as it can be checked without a container runtime.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::binary;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The arguments of each instruction of this name, in order.
fn instructions(name: &str) -> Vec<Vec<String>> {
    let file = read("Dockerfile");
    let lines = file.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    lines.map(|arguments| arguments.split_whitespace().map(str::to_owned).collect()).collect()
}

/// The one instruction of this name in its exec form: no shell stands between the signal and the program.
fn exec(name: &str) -> Vec<String> {
    let found = instructions(name);
    assert_eq!(found.len(), 1, "{name}");
    serde_json::from_str(&found[0].join(" ")).unwrap_or_else(|error| panic!("{name} in its exec form: {error}"))
}

/// What is copied from the build's context.
fn context() -> Vec<String> {
    let copies = instructions("COPY").into_iter().filter(|copy| !copy[0].starts_with("--from"));
    copies.flat_map(|mut copy| copy.drain(..copy.len() - 1).collect::<Vec<_>>()).collect()
}

#[test]
fn the_image_is_built_from_what_is_here_and_let_through() {
    let ignored = read(".dockerignore");
    let mut rules = ignored.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    assert_eq!(rules.next(), Some("*"), "nothing is let through but what is named");
    let let_through: Vec<_> = rules.filter_map(|rule| rule.strip_prefix('!')).collect();
    let context = context();
    assert_eq!(context, let_through, "what is copied is what is let through");
    assert!(context.iter().all(|path| root().join(path).exists()), "{context:?}");
}

#[test]
fn what_is_copied_is_enough_for_cargo_to_resolve_the_program() {
    let folder = std::env::temp_dir().join(format!("sentinel-axiom-context-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for path in context() {
        std::os::unix::fs::symlink(root().join(&path), folder.join(&path)).unwrap();
    }
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--package", "sentinel-axiom", "--edges", "normal", "--depth", "0"])
        .current_dir(&folder)
        .output();
    std::fs::remove_dir_all(&folder).unwrap();
    let tree = tree.unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
}

#[test]
fn the_builder_is_the_toolchain_of_the_repository() {
    let toolchain = read("rust-toolchain.toml");
    let channel =
        toolchain.lines().find_map(|line| line.strip_prefix("channel = ")).unwrap().trim_matches('"').to_owned();
    assert_eq!(instructions("FROM")[0][0], format!("rust:{channel}-alpine"));
}

#[test]
fn the_image_runs_the_program_that_was_built_with_a_command_that_it_has() {
    let program = Path::new(binary()).file_name().unwrap().to_str().unwrap();
    let build = instructions("RUN").into_iter().find(|run| run[0] == "cargo").expect("cargo builds it").join(" ");
    assert!(build.ends_with(&format!("--bin {program}")), "{build}");
    let copied = instructions("COPY").into_iter().find(|copy| copy[0] == "--from=build").expect("it is copied");
    let workdir = PathBuf::from(&instructions("WORKDIR")[0][0]);
    assert_eq!(PathBuf::from(&copied[1]), workdir.join("target/release").join(program));
    assert_eq!(exec("ENTRYPOINT"), [copied[2].clone()]);
    let command = exec("CMD");
    let help = Command::new(binary()).args(&command).arg("--help").env_clear().output().unwrap();
    assert!(help.status.success(), "{command:?} is no command");
    assert_eq!(command, ["run"]);
}

#[test]
fn the_image_has_no_root_and_is_stopped_by_a_signal_that_the_program_heeds() {
    let last = instructions("FROM").pop().unwrap();
    assert!(last[0].ends_with(":nonroot"), "{last:?}");
    assert_eq!(instructions("USER"), [["nonroot:nonroot"]]);
    assert_eq!(instructions("STOPSIGNAL"), [["SIGTERM"]]);
}
