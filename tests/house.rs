//! The rules of the house that no lint knows: how large files and functions may be, who may name what, and that the README tells the settings as they are.

#![allow(clippy::unwrap_used, reason = "all of it is test code, helpers too")]

#[path = "house/scan.rs"]
mod scan;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use sentinel_axiom::settings::SETTINGS;

/// One Rust file of the program or of the rig.
struct Source {
    /// Its path from the root of the repository, with `/`.
    path: String,
    lines: usize,
    /// Without comments and literals.
    masked: String,
    /// The same, without tests.
    program: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> Vec<Source> {
    let mut paths = Vec::new();
    walk(&root().join("src"), &mut paths);
    walk(&root().join("rig/src"), &mut paths);
    paths.sort();
    assert!(paths.len() > 40, "the sources are not where this test looks");
    paths.iter().map(|path| Source::read(path)).collect()
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

impl Source {
    fn read(path: &Path) -> Self {
        let code = fs::read_to_string(path).unwrap();
        let path = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
        let masked = scan::mask(&code);
        let test = path.ends_with("/tests.rs") || path.ends_with("_tests.rs") || path.contains("/tests/");
        let program = if test { String::new() } else { scan::without_tests(&masked) };
        Self { path, lines: code.lines().count(), masked, program }
    }

    fn is_in(&self, folders: &[&str]) -> bool {
        folders.iter().any(|folder| self.path.starts_with(folder))
    }

    /// Where one of these stands in the program, as a whole word.
    fn places(&self, words: &[&str]) -> Vec<String> {
        let line = |at: usize| 1 + self.program[..at].matches('\n').count();
        let place = |word, at| format!("{}:{}: {word}", self.path, line(at));
        words.iter().flat_map(|word| scan::words(&self.program, word).map(move |at| place(word, at))).collect()
    }
}

/// Fails with the list of those who break a rule.
fn none(rule: &str, offenders: &[String]) {
    assert!(offenders.is_empty(), "{rule}:\n  {}", offenders.join("\n  "));
}

/// The value below which so many percent of the values are.
fn percentile(values: impl IntoIterator<Item = usize>, percent: usize) -> usize {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_unstable();
    values[(values.len() - 1) * percent / 100]
}

#[test]
fn files_are_small() {
    let sources = sources();
    let large = sources.iter().filter(|source| source.lines > 500);
    none("at most 500 lines", &large.map(|source| format!("{}: {}", source.path, source.lines)).collect::<Vec<_>>());
    let median = percentile(sources.iter().map(|source| source.lines), 50);
    println!("{} files, median {median} lines", sources.len());
    assert!(median <= 150, "the median file has {median} lines, at most 150 are wanted");
}

#[test]
fn functions_are_small() {
    let (mut all, mut large, mut longer) = (Vec::new(), Vec::new(), Vec::new());
    for source in sources() {
        for function in scan::functions(&source.masked) {
            let text = format!("{}:{} {}: {}", source.path, function.line, function.name, function.lines);
            if function.lines > 80 {
                large.push(text.clone());
            }
            if function.lines > 40 {
                longer.push(text);
            }
            all.push(function.lines);
        }
    }
    none("at most 80 lines", &large);
    let most = percentile(all.iter().copied(), 95);
    println!("{} functions, 95th percentile {most} lines", all.len());
    assert!(all.len() > 300, "the scanner misses functions");
    assert!(
        most <= 40,
        "the 95th percentile is {most} lines, at most 40 are wanted; longer:\n  {}",
        longer.join("\n  ")
    );
}

#[test]
fn nothing_unwraps_outside_tests() {
    let unwraps = |source: &Source| match source.is_in(&["src/"]) {
        true => source.places(&["unwrap()"]),
        false => Vec::new(),
    };
    none("expect(\"why it cannot fail\") instead of unwrap()", &sources().iter().flat_map(unwraps).collect::<Vec<_>>());
}

#[test]
fn there_are_hardly_any_traits() {
    let traits: Vec<_> = sources().iter().flat_map(|source| source.places(&["trait"])).collect();
    assert!(traits.len() <= 3, "at most 3 traits of our own:\n  {}", traits.join("\n  "));
}

/// Checks that nobody but those in `folders` names one of these.
fn only_in(folders: &[&str], words: &[&str], reason: &str) {
    let others = sources()
        .iter()
        .filter(|source| source.is_in(&["src/"]) && !source.is_in(folders))
        .map(|source| source.places(words))
        .collect::<Vec<_>>();
    none(reason, &others.concat());
}

#[test]
fn the_environment_is_read_in_one_place() {
    only_in(&["src/settings/", "src/main.rs"], &["std::env", "env::var", "env::vars"], "settings are read all at once");
}

#[test]
fn only_azure_names_the_sdk() {
    let sdk = ["azure_core", "azure_identity", "azure_storage_blob", "azure_storage_queue"];
    only_in(&["src/azure/"], &sdk, "the SDK is named in src/azure/ alone");
}

#[test]
fn axiom_knows_nothing_of_blobs() {
    let mut offenders = Vec::new();
    for source in sources().iter().filter(|source| source.is_in(&["src/axiom/"])) {
        for name in scan::under(&source.program, "crate") {
            if ["azure", "wake", "source"].contains(&name) {
                offenders.push(format!("{}: crate::{name}", source.path));
            }
        }
        offenders.extend(source.places(&["ExportBlob", "Blobs"]));
    }
    none("src/axiom/ delivers rows from anywhere", &offenders);
}

#[test]
fn the_core_is_pure() {
    let impure = [
        "Instant",
        "SystemTime",
        "OffsetDateTime",
        "fastrand",
        "env",
        "io",
        "fs",
        "net",
        "process",
        "thread",
        "tokio",
        "reqwest",
        "async",
        "await",
        "tracing",
    ];
    let pure = [
        "src/lines.rs",
        "src/json.rs",
        "src/batch.rs",
        "src/source/plan.rs",
        "src/pulls/file/mod.rs",
        "src/pulls/kql.rs",
        "src/pulls/page.rs",
        "src/pulls/seen.rs",
        "src/kusto/schema.rs",
        "src/check/finding.rs",
        "src/provision/compare.rs",
        "src/provision/map_fields.rs",
        "src/provision/template.rs",
        "src/provision/wanted.rs",
        "src/resource_graph/reply.rs",
        "src/snapshot/csv.rs",
        "src/snapshot/kind.rs",
        "src/snapshot/kql.rs",
    ];
    let sources = sources();
    let found: Vec<_> = sources.iter().filter(|source| pure.contains(&source.path.as_str())).collect();
    assert_eq!(found.len(), pure.len(), "a pure file has moved: {pure:?}");
    let offenders: Vec<_> = found.iter().flat_map(|source| source.places(&impure)).collect();
    none("no clock, no randomness, no environment, no I/O", &offenders);
}

/// The table of settings, as the README prints it.
fn settings_table() -> String {
    let mut table = "| setting | default | unit or form | meaning |\n|---|---|---|---|\n".to_owned();
    for setting in SETTINGS {
        let default = match setting.default {
            Some(default) => format!("`{default}`"),
            None => if setting.required { "required" } else { "none" }.to_owned(),
        };
        writeln!(table, "| `{}` | {default} | {} | {} |", setting.name, setting.unit, setting.doc).unwrap();
    }
    table
}

#[test]
fn the_readme_tells_the_settings() {
    let wanted = settings_table();
    let readme = fs::read_to_string(root().join("README.md")).unwrap_or_default();
    let block = readme.split_once("<!-- settings -->").and_then(|(_, rest)| rest.split_once("<!-- /settings -->"));
    let is = block.map(|(block, _)| block.trim());
    assert!(
        is == Some(wanted.trim()),
        "README.md wants this between its lines <!-- settings --> and <!-- /settings -->:\n\n{wanted}"
    );
}

#[test]
fn the_example_names_only_known_settings() {
    let example = fs::read_to_string(root().join("local.settings.json.example")).expect("local.settings.json.example");
    let example: serde_json::Value = serde_json::from_str(&example).unwrap();
    let names: Vec<_> = example["Values"].as_object().unwrap().keys().collect();
    let unknown = names.iter().filter(|name| {
        let base = name.split("__").next().unwrap();
        **name != "FUNCTIONS_WORKER_RUNTIME" && !SETTINGS.iter().any(|setting| setting.name == base)
    });
    none("a name that means nothing", &unknown.map(|name| (*name).clone()).collect::<Vec<_>>());
    for setting in SETTINGS.iter().filter(|setting| setting.required) {
        assert!(names.iter().any(|name| *name == setting.name), "the example lacks {}", setting.name);
    }
}

/// `file`: `test`, `test`; each of them as it stands in ARCHITECTURE.md.
#[test]
fn the_invariants_name_tests_that_exist() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let (_, rest) = text.split_once("<!-- invariants -->").expect("ARCHITECTURE.md has its list of invariants");
    let (list, _) = rest.split_once("<!-- /invariants -->").expect("the list of invariants ends");
    let (mut file, mut missing, mut found) = (String::new(), Vec::new(), 0);
    for name in list.split('`').skip(1).step_by(2) {
        if name.ends_with(".rs") {
            file = fs::read_to_string(root().join(name)).unwrap_or_default();
            if file.is_empty() {
                missing.push(name.to_owned());
            }
        } else if name.contains('_') && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') {
            found += 1;
            if !file.contains(&format!("fn {name}()")) {
                missing.push(name.to_owned());
            }
        }
    }
    assert!(found > 25, "the list is not read as it should be: {found} tests");
    none("ARCHITECTURE.md names what is not there", &missing);
}
