//! How the program starts, or says why it does not.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::support::{World, binary};

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let world = World::new().await;
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ran = world.run(&["serve", "--port", &port]).await;
    let said: Value = serde_json::from_str(ran.output.trim()).unwrap_or_else(|error| panic!("{error}: {}", ran.output));
    assert_eq!((ran.code, &said["level"]), (Some(1), &Value::from("ERROR")));
    assert!(said["message"].as_str().is_some_and(|message| message.contains(&port)), "{said}");
    assert!(said["error"].as_str().is_some_and(|error| error.contains("in use")), "{said}");
}

#[tokio::test]
async fn without_a_command_the_help_is_shown_unless_the_host_starts_us() {
    let mut world = World::new().await;
    let ran = world.run(&[]).await;
    assert_eq!(ran.code, Some(64));
    assert!(["serve", "run", "refused", "Usage"].iter().all(|word| ran.output.contains(word)), "{}", ran.output);
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ran = world.set("FUNCTIONS_CUSTOMHANDLER_PORT", port).run(&[]).await;
    assert!(ran.code == Some(1) && ran.output.contains("in use"), "it serves: {}", ran.output);
}

/// A variable that is no text is none of our business, unless it is one of ours.
#[tokio::test]
async fn variables_that_are_not_unicode_do_not_end_the_program() {
    let world = World::new().await;
    let run = |name: &'static [u8], value: &'static [u8]| {
        let mut command = Command::new(binary());
        command.args(["run", "--once"]).env_clear().envs(world.settings()).stdin(Stdio::null()).kill_on_drop(true);
        command.env(OsStr::from_bytes(name), OsStr::from_bytes(value)).output()
    };
    for (name, value) in [(&b"OTHER"[..], &b"\xff"[..]), (b"\xff", b"x"), (b"AXIOM_\xff", b"\xff")] {
        let output = run(name, value).await.unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{name:?}: {output:?}");
    }
    let output = run(b"UPLOADS", b"4\xff").await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(64), "{output:?}");
    assert!(said.starts_with("UPLOADS is ") && said.lines().count() == 1, "{said}");
}

/// The host never restarts a handler that ends with 0, while whoever starts `run` wants to know that it ended in order.
#[tokio::test]
async fn a_signal_ends_the_program_and_serve_never_with_0() {
    let world = World::new().await;
    for (args, expected) in [(&["serve", "--port", "0"][..], 1), (&["run"], 0)] {
        for signal in ["-TERM", "-INT"] {
            let mut child = Command::new(binary())
                .args(args)
                .env_clear()
                .envs(world.settings())
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .kill_on_drop(true)
                .spawn()
                .unwrap();
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            // `serve` says that it serves, `run` that a round is over: by then it listens to signals.
            let line = lines.next_line().await.unwrap().unwrap();
            assert!(line.contains("serving") || line.contains("round"), "{line}");
            let pid = child.id().unwrap().to_string();
            assert!(Command::new("kill").args([signal, &pid]).status().await.unwrap().success());
            let ended = tokio::time::timeout(Duration::from_secs(60), child.wait()).await.expect("it ends").unwrap();
            assert_eq!(ended.code(), Some(expected), "{args:?} {signal}");
            assert!(lines.next_line().await.unwrap().is_some_and(|line| line.contains("asked to end")));
        }
    }
}
