//! The function app on disk: `host.json` and one `function.json` per function folder, read as the host reads them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use anyhow::{Context, bail};
use serde_json::Value;

use super::event_hub;
use super::schedule::Schedule;

/// What the app root says, settings filled in.
#[derive(Debug)]
pub(crate) struct App {
    /// The folder that `host.json` lies in; the handler's working directory.
    pub(crate) root: PathBuf,
    /// `customHandler.description.defaultExecutablePath`, made absolute.
    pub(crate) executable: PathBuf,
    /// `customHandler.description.arguments`.
    pub(crate) arguments: Vec<String>,
    /// How long the handler may take to answer the first probe.
    pub(crate) initialization_timeout: Duration,
    /// How long an invocation may take before the whole handler is killed; `None` is unlimited.
    pub(crate) function_timeout: Option<Duration>,
    /// `extensions.queues`.
    pub(crate) queues: Queues,
    /// Every function.
    pub(crate) functions: Vec<Function>,
}

/// `extensions.queues` of `host.json`.
#[derive(Debug, Clone)]
pub(crate) struct Queues {
    pub(crate) batch_size: usize,
    pub(crate) new_batch_threshold: usize,
    pub(crate) max_dequeue_count: i64,
    pub(crate) visibility_timeout: Duration,
}

/// One function folder.
#[derive(Debug, Clone)]
pub(crate) struct Function {
    /// The folder's name, which is the function's name and its route.
    pub(crate) name: String,
    /// The trigger binding's name: the key of `Data`.
    pub(crate) binding: String,
    /// What fires it.
    pub(crate) trigger: Trigger,
    /// Whether `AzureWebJobs.<name>.Disabled` keeps it from firing by itself.
    pub(crate) is_disabled: bool,
}

/// The triggers that the stand-in drives.
#[derive(Debug, Clone)]
pub(crate) enum Trigger {
    /// A storage queue, and the connection string of its account.
    Queue { queue: String, connection: String },
    /// A request; `output` is the name of the binding of its answer.
    Http { output: String },
    /// An Event Hub.
    EventHub(event_hub::Binding),
    /// A schedule.
    Timer { schedule: Schedule, monitored: bool, run_on_startup: bool },
}

impl App {
    /// Reads the app under `root`; `%NAME%` and connections are looked up in `settings`.
    pub(crate) fn read(root: &Path, settings: &HashMap<String, String>) -> anyhow::Result<App> {
        let root = root.canonicalize().with_context(|| format!("find app root {}", root.display()))?;
        let host = read_json(&root.join("host.json"))?;
        let description = &host["customHandler"]["description"];
        let Some(executable) = description["defaultExecutablePath"].as_str() else {
            bail!("host.json names no customHandler.description.defaultExecutablePath");
        };
        let arguments = description["arguments"].as_array().map_or(&[][..], Vec::as_slice);
        let initialization = span(&host["customHandler"]["initializationTimeout"])?;
        let read = |folder: &PathBuf| function(folder, settings, &host["extensions"]["eventHubs"]);
        let functions = folders(&root)?.iter().map(read).collect::<Result<_, _>>()?;
        Ok(App {
            executable: root.join(executable),
            arguments: arguments.iter().filter_map(Value::as_str).map(|argument| expand(argument, settings)).collect(),
            initialization_timeout: initialization.unwrap_or(Duration::from_secs(30)),
            function_timeout: match host["functionTimeout"].as_str() {
                Some("-1") => None,
                _ => Some(span(&host["functionTimeout"])?.unwrap_or(Duration::from_secs(30 * 60))),
            },
            queues: queues(&host["extensions"]["queues"])?,
            functions,
            root,
        })
    }
}

/// Lays out an app root in the new folder `root`: the project's `host.json` and function folders, and a link to `executable` under the name
/// that `host.json` gives.
///
/// # Errors
/// When the project's files cannot be read, or the folder cannot be written.
pub fn stage(project: &Path, executable: &Path, root: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(root)?;
    fs::copy(project.join("host.json"), root.join("host.json")).context("copy host.json")?;
    for folder in folders(project)? {
        let target = root.join(folder.file_name().expect("a listed folder has a name"));
        fs::create_dir_all(&target)?;
        fs::copy(folder.join("function.json"), target.join("function.json"))?;
    }
    let host = read_json(&root.join("host.json"))?;
    let name = host["customHandler"]["description"]["defaultExecutablePath"].as_str().context("name the executable")?;
    let link = root.join(name);
    match fs::remove_file(&link) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error).context("replace the executable"),
        _ => {}
    }
    let target = executable.canonicalize().with_context(|| format!("find {}", executable.display()))?;
    // No symbolic link: a build in the middle of a run must not change the program under test.
    fs::hard_link(&target, &link).or_else(|_| fs::copy(&target, &link).map(drop)).context("link the executable")
}

/// Every folder that holds a `function.json`, by name.
fn folders(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(root).with_context(|| format!("list {}", root.display()))? {
        let path = entry?.path();
        if path.join("function.json").is_file() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

fn function(folder: &Path, settings: &HashMap<String, String>, event_hubs: &Value) -> anyhow::Result<Function> {
    let name = folder.file_name().expect("a listed folder has a name").to_string_lossy().into_owned();
    let json = read_json(&folder.join("function.json"))?;
    let bindings = json["bindings"].as_array().map_or(&[][..], Vec::as_slice);
    let is_trigger = |binding: &&Value| binding["type"].as_str().is_some_and(|kind| kind.ends_with("Trigger"));
    let Some(binding) = bindings.iter().find(is_trigger) else { bail!("function {name} has no trigger") };
    let text = |key: &str| {
        let value = binding[key].as_str().with_context(|| format!("function {name}: binding lacks {key}"))?;
        anyhow::Ok(expand(value, settings))
    };
    let trigger = match text("type")?.as_str() {
        "queueTrigger" => {
            let connection = text("connection").unwrap_or_else(|_| "AzureWebJobsStorage".to_owned());
            let Some(value) = settings.get(&connection) else {
                bail!("function {name}: setting {connection} is missing")
            };
            Trigger::Queue { queue: text("queueName")?, connection: value.clone() }
        }
        "timerTrigger" => {
            let schedule = Schedule::parse(&text("schedule")?).with_context(|| format!("function {name}"))?;
            let monitored = binding["useMonitor"].as_bool().unwrap_or(true) && !schedule.below_one_minute();
            Trigger::Timer { schedule, monitored, run_on_startup: binding["runOnStartup"].as_bool().unwrap_or(false) }
        }
        "httpTrigger" => {
            let answer = bindings.iter().find(|binding| binding["type"] == "http");
            let output =
                answer.and_then(|answer| answer["name"].as_str()).context("an httpTrigger has no http output")?;
            Trigger::Http { output: output.to_owned() }
        }
        "eventHubTrigger" => {
            let binding = event_hub::Binding::read(text, &json, event_hubs);
            Trigger::EventHub(binding.with_context(|| format!("function {name}"))?)
        }
        other => bail!("function {name}: the stand-in does not drive a {other}"),
    };
    let disabled = settings.get(&format!("AzureWebJobs.{name}.Disabled"));
    let is_disabled = disabled.is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true"));
    Ok(Function { binding: text("name")?, name, trigger, is_disabled })
}

fn queues(json: &Value) -> anyhow::Result<Queues> {
    let number = |key: &str, default: u64| json[key].as_u64().unwrap_or(default);
    let batch_size = number("batchSize", 16);
    if !(1..=32).contains(&batch_size) {
        bail!("extensions.queues.batchSize {batch_size} is not within 1-32");
    }
    Ok(Queues {
        batch_size: usize::try_from(batch_size)?,
        new_batch_threshold: usize::try_from(number("newBatchThreshold", batch_size / 2))?,
        max_dequeue_count: i64::try_from(number("maxDequeueCount", 5))?,
        visibility_timeout: span(&json["visibilityTimeout"])?.unwrap_or_default(),
    })
}

fn read_json(path: &Path) -> anyhow::Result<Value> {
    let bytes = fs::read(path).with_context(|| format!("read {}", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("parse {}", path.display()))
}

/// Puts the values of `settings` in place of `%NAME%`; an unknown name stays as it is.
fn expand(text: &str, settings: &HashMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        match after.split_once('%').and_then(|(name, tail)| Some((settings.get(name)?, tail))) {
            Some((value, tail)) => {
                out.push_str(value);
                rest = tail;
            }
            None => {
                out.push('%');
                rest = after;
            }
        }
    }
    out + rest
}

/// A .NET time span, `hh:mm:ss`; `None` where the value is missing.
pub(crate) fn span(value: &Value) -> anyhow::Result<Option<Duration>> {
    let Some(text) = value.as_str() else { return Ok(None) };
    let parts: Vec<u64> =
        text.split(':').map(str::parse).collect::<Result<_, _>>().with_context(|| format!("read {text:?}"))?;
    let [hours, minutes, seconds] = parts[..] else { bail!("time span {text:?} is not hh:mm:ss") };
    Ok(Some(Duration::from_secs(hours * 3600 + minutes * 60 + seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> HashMap<String, String> {
        let pairs = [
            ("WORK_QUEUE", "q1"),
            ("HISTORY_QUEUE", "q2"),
            ("SWEEP_SCHEDULE", "0 * * * * *"),
            ("PULLS_SCHEDULE", "0 0 0 1 1 *"),
            ("AzureWebJobsStorage", "storage"),
        ];
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    #[test]
    fn the_projects_own_files_are_a_valid_app() {
        let app = App::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), &settings()).unwrap();
        assert!(app.executable.ends_with("sentinel-axiom"));
        assert_eq!(app.function_timeout, Some(Duration::from_secs(1800)));
        assert_eq!((app.queues.batch_size, app.queues.new_batch_threshold, app.queues.max_dequeue_count), (8, 4, 5));
        assert_eq!(app.queues.visibility_timeout, Duration::from_secs(60));
        let [blob, event_hub, history, pull, status, sweep] = &app.functions[..] else {
            panic!("six functions: {:?}", app.functions)
        };
        assert!(matches!(&status.trigger, Trigger::Http { output } if output == "res"));
        let Trigger::EventHub(binding) = &event_hub.trigger else { panic!("{:?}", event_hub.trigger) };
        assert_eq!((event_hub.name.as_str(), event_hub.binding.as_str()), ("function-event-hub", "messages"));
        assert!(binding.many && binding.most == 64 && binding.encoding == event_hub::Encoding::Binary);
        // The checkpoint must not pass what is neither delivered nor kept.
        assert!(binding.retry.as_ref().is_some_and(|retry| retry.most < 0));
        assert_eq!((blob.name.as_str(), blob.binding.as_str()), ("function-blob-trigger", "event"));
        assert!(
            matches!(&blob.trigger, Trigger::Queue { queue, connection } if queue == "q1" && connection == "storage")
        );
        assert_eq!((history.name.as_str(), history.binding.as_str()), ("function-history", "slice"));
        assert!(matches!(&history.trigger, Trigger::Queue { queue, .. } if queue == "q2"));
        for (timer, name) in [(pull, "function-pull"), (sweep, "function-sweep")] {
            assert_eq!((timer.name.as_str(), timer.binding.as_str()), (name, "timer"));
            assert!(matches!(&timer.trigger, Trigger::Timer { monitored: true, run_on_startup: false, .. }));
        }
    }

    #[test]
    fn names_between_percent_signs_are_settings() {
        for (text, expected) in
            [("%WORK_QUEUE%", "q1"), ("a-%WORK_QUEUE%-b", "a-q1-b"), ("%NOPE%", "%NOPE%"), ("5%", "5%")]
        {
            assert_eq!(expand(text, &settings()), expected);
        }
    }

    #[test]
    fn time_spans_are_hours_minutes_seconds() {
        assert_eq!(span(&"01:02:03".into()).unwrap(), Some(Duration::from_secs(3723)));
        assert_eq!(span(&Value::Null).unwrap(), None);
        assert!(span(&"10".into()).is_err());
    }
}
