//! The storage emulator Azurite, pinned, fetched when missing, on free ports, ended with its owner.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use sentinel_axiom::secret::Secret;
use sentinel_axiom::settings::{Identity, Storage};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use url::Url;

/// The emulator's well-known account. Source: Microsoft, "Use the Azurite emulator".
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// The emulator has a key; nobody signs in.
pub const IDENTITY: Identity = Identity::Developer;

/// A running Azurite. Ends when dropped, and also when its owner is killed.
pub struct Azurite {
    child: Child,
    folder: PathBuf,
    blob_port: u16,
    queue_port: u16,
}

impl Azurite {
    /// Fetches Azurite when it is missing, and starts one with an empty store in a folder of its own.
    ///
    /// # Errors
    /// Node or npm is missing, or Azurite does not come up; with what it said.
    pub async fn start() -> anyhow::Result<Self> {
        let program = crate::npm::install("azurite").await?;
        let folder = std::env::temp_dir().join(format!("azurite-{}-{:x}", std::process::id(), fastrand::u64(..)));
        let mut child = Command::new("node")
            .arg(program.join("owned.cjs"))
            .args([
                "--blobPort",
                "0",
                "--queuePort",
                "0",
                "--tablePort",
                "0",
                "--disableTelemetry",
                "--skipApiVersionCheck",
                "--location",
            ])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .context("start node (Node 20 or newer must be installed)")?;
        let mut output = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        let ports = tokio::time::timeout(Duration::from_secs(60), read_ports(&mut output))
            .await
            .context("Azurite did not come up within 60 s")??;
        // The access log would fill the pipe and stop Azurite.
        tokio::spawn(async move { while let Ok(Some(_)) = output.next_line().await {} });
        Ok(Self { child, folder, blob_port: ports.0, queue_port: ports.1 })
    }

    /// The blob endpoint, the account's name in its path.
    #[must_use]
    pub fn blob_url(&self) -> Url {
        endpoint(self.blob_port)
    }

    /// The queue endpoint, the account's name in its path.
    #[must_use]
    pub fn queue_url(&self) -> Url {
        endpoint(self.queue_port)
    }

    /// The connection string, as a Functions setting takes it.
    #[must_use]
    pub fn connection_string(&self) -> String {
        connection_string(&self.blob_url(), &self.queue_url())
    }

    /// The same for our own clients, which take it with [`IDENTITY`].
    #[must_use]
    pub fn access(&self) -> Storage {
        access(self.blob_url(), self.queue_url())
    }

    /// The process id, to look at its memory or to end it on purpose.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }
}

/// A connection string for the emulator's account behind other endpoints, such as a proxy's.
#[must_use]
pub fn connection_string(blob: &Url, queue: &Url) -> String {
    format!(
        "DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={blob};QueueEndpoint={queue};"
    )
}

/// Access to the emulator's account behind other endpoints, such as a proxy's.
#[must_use]
pub fn access(blob: Url, queue: Url) -> Storage {
    Storage::Emulator { blob, queue: Some(queue), account: ACCOUNT.into(), key: Secret::new(KEY) }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        self.child.start_kill().ok();
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

fn endpoint(port: u16) -> Url {
    Url::parse(&format!("http://127.0.0.1:{port}/{ACCOUNT}")).expect("a host and a port make an address")
}

async fn read_ports(
    output: &mut tokio::io::Lines<BufReader<tokio::process::ChildStdout>>,
) -> anyhow::Result<(u16, u16)> {
    let (mut blob, mut queue, mut said) = (None, None, String::new());
    while let Some(line) = output.next_line().await? {
        if let Some((service, address)) = line.split_once(" service is successfully listening at ") {
            let port = Url::parse(address)?.port();
            match service {
                "Azurite Blob" => blob = port,
                "Azurite Queue" => queue = port,
                // The table service is the last one that comes up.
                _ => return Ok((blob.context("no blob port")?, queue.context("no queue port")?)),
            }
        }
        said.push_str(&line);
        said.push('\n');
    }
    bail!("Azurite ended: {said}")
}
