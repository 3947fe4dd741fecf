//! What is in the deployable package, with a stand-in for the executable.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may panic like the test")]

use rig::package::{self, Entry};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const HOST: &str = r#"{"customHandler":{"description":{"defaultExecutablePath":"sentinel-axiom"}}}"#;

/// A fresh folder for one test, under Cargo's own folder for such.
fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("package").join(test);
    fs::remove_dir_all(&folder).ok();
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// A repository in small: two functions, and much that must stay out of the package.
fn repository(test: &str, host: &str) -> PathBuf {
    let root = folder(test);
    let files = [
        ("host.json", host),
        ("function-sweep/function.json", "{\"sweep\":1}"),
        ("function-sweep/notes.txt", "not for the package"),
        ("function-blob-trigger/function.json", "{\"blob\":1}"),
        ("pulls/some.toml", "# pulls"),
        ("pulls/notes.txt", "not for the package"),
        ("local.settings.json", "{\"Values\":{\"AXIOM_TOKEN\":\"xaat-secret\"}}"),
        ("src/main.rs", "fn main() {}"),
        ("Cargo.toml", "[package]"),
        ("program", "#!/bin/sh\necho started as \"$0\"\n"),
    ];
    for (name, content) in files {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    root
}

fn names_and_modes(entries: &[Entry]) -> Vec<(&str, u32)> {
    entries.iter().map(|entry| (entry.name.as_str(), entry.mode)).collect()
}

#[test]
fn the_zip_holds_the_app_and_nothing_else() {
    let root = repository("content", HOST);
    let entries = package::collect(&root, &root.join("program")).unwrap();
    let zip = root.join("app.zip");
    package::write_zip(&entries, &zip).unwrap();

    let read = package::read_zip(&zip).unwrap();
    let expected = [
        ("function-blob-trigger/function.json", 0o644),
        ("function-sweep/function.json", 0o644),
        ("host.json", 0o644),
        ("pulls/some.toml", 0o644),
        ("sentinel-axiom", 0o755),
    ];
    assert_eq!(names_and_modes(&read), expected);
    assert_eq!(read, entries);
    assert_eq!(read[2].bytes, HOST.as_bytes());
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let zips = ["same-1", "same-2"].map(|test| {
        let root = repository(test, HOST);
        if test == "same-2" {
            // Modes and times of the files on disk must not show.
            fs::set_permissions(root.join("host.json"), Permissions::from_mode(0o600)).unwrap();
            let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
            fs::File::options().append(true).open(root.join("host.json")).unwrap().set_modified(old).unwrap();
        }
        let zip = root.join("app.zip");
        package::write_zip(&package::collect(&root, &root.join("program")).unwrap(), &zip).unwrap();
        fs::read(zip).unwrap()
    });
    assert!(zips[0] == zips[1]);
}

#[test]
fn the_executable_starts_from_the_unpacked_folder() {
    let root = repository("start", HOST);
    let app = root.join("app");
    fs::create_dir_all(app.join("left-over")).unwrap();
    package::write_folder(&package::collect(&root, &root.join("program")).unwrap(), &app).unwrap();

    assert!(!app.join("left-over").exists(), "an older package must not shine through");
    let output = Command::new("./sentinel-axiom").current_dir(&app).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "started as ./sentinel-axiom\n");
}

#[test]
fn what_cannot_work_is_refused() {
    let check = |test: &str, host: &str, message: &str| {
        let root = repository(test, host);
        let error = package::collect(&root, &root.join("program")).unwrap_err();
        assert!(format!("{error:#}").contains(message), "{error:#}");
    };
    check("no-executable", "{}", "defaultExecutablePath is missing");
    check("path", &HOST.replace("sentinel-axiom", "./sentinel-axiom"), "not a bare name");
    check("no-json", "host", "parse host.json");

    let root = repository("no-function", HOST);
    fs::remove_dir_all(root.join("function-sweep")).unwrap();
    fs::remove_dir_all(root.join("function-blob-trigger")).unwrap();
    let error = package::collect(&root, &root.join("program")).unwrap_err();
    assert!(format!("{error:#}").contains("an app without functions does nothing"), "{error:#}");

    let root = repository("no-program", HOST);
    let error = package::collect(&root, &root.join("absent")).unwrap_err();
    assert!(format!("{error:#}").contains("absent"), "{error:#}");
}

#[test]
fn the_repository_itself_makes_a_package() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let entries = package::collect(root, &root.join("Cargo.toml")).unwrap();
    let modes = names_and_modes(&entries);
    for name in [
        "function-blob-trigger/function.json",
        "function-event-hub/function.json",
        "function-history/function.json",
        "function-pull/function.json",
        "function-status/function.json",
        "function-sweep/function.json",
        "host.json",
        "pulls/defender-tvm.toml",
    ] {
        assert!(modes.contains(&(name, 0o644)), "{name} is missing: {modes:?}");
    }
    assert_eq!(modes.iter().filter(|(_, mode)| *mode == 0o755).collect::<Vec<_>>(), [&("sentinel-axiom", 0o755)]);
    assert!(
        modes.iter().all(|(name, mode)| *mode == 0o755 || name.ends_with(".json") || name.starts_with("pulls/")),
        "{modes:?}"
    );
}
