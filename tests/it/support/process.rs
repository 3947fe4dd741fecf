//! The binary as a process that runs beside the test: watched, asked to end, killed.

use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::Command;
use tokio::task::JoinHandle;

use super::{Ran, World, binary};

/// A running process; it is killed when the test ends before it.
pub struct Running {
    pid: u32,
    output: Arc<Mutex<String>>,
    ended: JoinHandle<Option<i32>>,
}

impl World {
    /// Starts the binary with these arguments.
    pub fn spawn(&self, args: &[&str]) -> Running {
        let mut child = Command::new(binary())
            .args(args)
            .env_clear()
            .envs(&self.settings)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the command starts");
        let output = Arc::new(Mutex::default());
        let pumps = [
            tokio::spawn(pump(child.stdout.take().expect("stdout is piped"), Arc::clone(&output))),
            tokio::spawn(pump(child.stderr.take().expect("stderr is piped"), Arc::clone(&output))),
        ];
        let pid = child.id().expect("nobody has waited for it");
        let ended = tokio::spawn(async move {
            let status = child.wait().await.expect("the process can be waited for");
            for pump in pumps {
                pump.await.expect("its output can be read");
            }
            status.code()
        });
        Running { pid, output, ended }
    }
}

impl Running {
    /// Sends a signal, such as `TERM`.
    pub async fn signal(&self, name: &str) {
        assert!(self.send(name).await, "SIG{name} is sent");
    }

    /// Kills it; false when it has ended before.
    pub async fn kill(&self) -> bool {
        !self.is_over() && self.send("KILL").await
    }

    async fn send(&self, name: &str) -> bool {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.pid.to_string()]).status().await;
        sent.expect("kill starts").success()
    }

    /// True once it has ended.
    pub fn is_over(&self) -> bool {
        self.ended.is_finished()
    }

    /// True once it has printed this.
    pub fn said(&self, text: &str) -> bool {
        self.output.lock().expect("no holder of the lock panics").contains(text)
    }

    /// Waits for its end. The code is none after a signal that it does not handle.
    pub async fn end(self) -> Ran {
        let code = tokio::time::timeout(Duration::from_secs(120), self.ended).await;
        let output = self.output.lock().expect("no holder of the lock panics").clone();
        Ran { code: code.unwrap_or_else(|_| panic!("it does not end: {output}")).expect("it was waited for"), output }
    }
}

async fn pump(stream: impl AsyncRead + Unpin, output: Arc<Mutex<String>>) {
    let mut lines = BufReader::new(stream).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let mut output = output.lock().expect("no holder of the lock panics");
        output.push_str(&line);
        output.push('\n');
    }
}
