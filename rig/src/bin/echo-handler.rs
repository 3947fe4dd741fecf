//! A custom handler that does what it is told, right or wrong, so that every verdict of the stand-in for the Functions
//! host can be seen. The message's text (or the `LAB` setting, for timers and hand-made bodies without one) is the command.
//!
//! Every request is printed on stdout as one JSON line: path, body, and which headers framed it.

use std::process::exit;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    if setting("LAB") == "exit-at-start" {
        exit(1);
    }
    if setting("LAB") == "silent-start" {
        std::future::pending::<()>().await;
    }
    let port: u16 = setting("FUNCTIONS_CUSTOMHANDLER_PORT").parse()?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    say(&json!({
        "started": std::process::id(),
        "cwd": std::env::current_dir()?,
        "environment": std::env::vars().filter(|(name, _)| name.starts_with("FUNCTIONS_") || name == "GREETING").collect::<std::collections::BTreeMap<_, _>>(),
    }));
    let router = Router::new().route("/", get(|| async { "ready" })).route("/{function}", post(invoked).get(followed));
    axum::serve(listener, router.layer(DefaultBodyLimit::disable())).await?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "this handler has no settings table")]
fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

#[expect(clippy::print_stdout, reason = "the test reads what was asked from the handler's stdout")]
fn say(line: &Value) {
    println!("{line}");
}

/// Where a redirect leads.
async fn followed() -> Response {
    json_answer(StatusCode::OK, r#"{"Logs":["followed"]}"#)
}

async fn invoked(uri: Uri, headers: HeaderMap, body: String) -> Response {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    say(&json!({
        "path": uri.path(),
        "body": body,
        "invocation": text("x-azure-functions-invocationid"),
        "version": text("x-azure-functions-hostversion"),
        "agent": text("user-agent"),
        "type": text("content-type"),
        "framing": text("transfer-encoding"),
        "length": text("content-length"),
        "accept": text("accept"),
    }));
    let command = command(&body).unwrap_or_else(|| setting("LAB"));
    let (command, argument) = command.split_once(' ').unwrap_or((&command, ""));
    if let Ok(millis) = argument.parse() {
        let cut = Cut { armed: true };
        tokio::time::sleep(Duration::from_millis(millis)).await;
        cut.disarm();
    }
    answer(command)
}

/// Leaves the file `cut` in the app root when the call's connection is closed before its time; stdout may be closed by then.
struct Cut {
    armed: bool,
}

impl Cut {
    fn disarm(mut self) {
        self.armed = false;
    }
}

impl Drop for Cut {
    fn drop(&mut self) {
        if self.armed {
            let path = std::path::Path::new(&setting("FUNCTIONS_APP_ROOT_PATH")).join("cut");
            std::fs::write(path, "").expect("the app root of a test can be written");
        }
    }
}

/// The command in `Data.event`: a JSON string literal inside a JSON string.
fn command(body: &str) -> Option<String> {
    let body: Value = serde_json::from_str(body).ok()?;
    serde_json::from_str(body["Data"]["event"].as_str()?).ok()
}

#[expect(clippy::print_stderr, reason = "the host logs stderr under other levels")]
fn answer(command: &str) -> Response {
    match command {
        "empty" => ([(header::CONTENT_TYPE, "application/json")], "").into_response(),
        "204" => StatusCode::NO_CONTENT.into_response(),
        "null" => json_answer(StatusCode::OK, "null"),
        "text" => "ok".into_response(),
        "untyped" => Response::new("{}".into()),
        "broken" => json_answer(StatusCode::OK, "{"),
        "bad-logs" => json_answer(StatusCode::OK, r#"{"Logs":[1]}"#),
        "500" => json_answer(StatusCode::INTERNAL_SERVER_ERROR, r#"{"Logs":["lost"]}"#),
        "302" => (StatusCode::FOUND, [(header::LOCATION, "/elsewhere")]).into_response(),
        "crash" => exit(1),
        "exit-200" => exit(200),
        "exit-0" => exit(0),
        "stderr" => {
            eprintln!("warning: mild");
            eprintln!("bad");
            json_answer(StatusCode::OK, "{}")
        }
        _ => json_answer(StatusCode::OK, r#"{"Outputs":{},"Logs":["done"],"ReturnValue":null}"#),
    }
}

fn json_answer(status: StatusCode, body: &'static str) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}
