//! The storage emulator Azurite, pinned, fetched when missing, on free ports, ended with its owner.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use sentinel_axiom::secret::Secret;
use sentinel_axiom::settings::{Identity, Storage};
use tokio::sync::{OnceCell, oneshot};
use url::Url;

/// The emulator's well-known account. Source: Microsoft, "Use the Azurite emulator".
const ACCOUNT: &str = "devstoreaccount1";
pub(crate) const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// The emulator has a key; nobody signs in.
pub const IDENTITY: Identity = Identity::Developer;

/// Accounts beside the well-known one, so that tests can share an emulator without seeing each other.
const ACCOUNTS: usize = 600;

/// A running Azurite. Ends when dropped, and also when its owner is killed: it watches its end of our pipe.
pub struct Azurite {
    child: Child,
    blob_port: u16,
    queue_port: u16,
    table_port: u16,
    taken: AtomicUsize,
}

/// One account of an emulator.
#[derive(Debug, Clone)]
pub struct Account {
    name: String,
    blob: Url,
    queue: Url,
    table: Url,
}

impl Azurite {
    /// Fetches Azurite when it is missing, and starts one with an empty store in a folder of its own.
    ///
    /// # Errors
    /// Node or npm is missing, or Azurite does not come up; with what it said.
    pub async fn start() -> anyhow::Result<Self> {
        let program = crate::npm::install("rig/azurite").await?;
        let folder = std::env::temp_dir().join(format!("azurite-{}-{:x}", std::process::id(), fastrand::u64(..)));
        let accounts = (0..ACCOUNTS).fold(format!("{ACCOUNT}:{KEY}"), |mut text, number| {
            write!(text, ";{}:{KEY}", test_account(number)).expect("a String takes any text");
            text
        });
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
            .env("AZURITE_ACCOUNTS", accounts)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .context("start node (Node 20 or newer must be installed)")?;
        let output = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let (up, ports) = oneshot::channel();
        // A thread of its own, and not a task: the runtime of the test that starts a shared emulator ends before the emulator does, and an
        // access log that nobody reads would fill the pipe and stop it.
        std::thread::spawn(move || read_output(output, up));
        let ports = tokio::time::timeout(Duration::from_secs(60), ports)
            .await
            .context("Azurite did not come up within 60 s")??;
        let [blob_port, queue_port, table_port] = ports?;
        Ok(Self { child, blob_port, queue_port, table_port, taken: AtomicUsize::new(0) })
    }

    /// The emulator that all tests of this process share; each takes an account of its own.
    ///
    /// # Errors
    /// As [`Azurite::start`].
    pub async fn shared() -> anyhow::Result<&'static Self> {
        static SHARED: OnceCell<Azurite> = OnceCell::const_new();
        SHARED.get_or_try_init(Self::start).await
    }

    /// The well-known account.
    #[must_use]
    pub fn account(&self) -> Account {
        self.named(ACCOUNT)
    }

    /// An empty account that nobody else has.
    ///
    /// # Panics
    /// More accounts are wanted than one emulator has.
    #[must_use]
    pub fn new_account(&self) -> Account {
        let number = self.taken.fetch_add(1, Ordering::Relaxed);
        assert!(number < ACCOUNTS, "raise ACCOUNTS");
        self.named(&test_account(number))
    }

    /// The process id, to look at its memory.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn named(&self, name: &str) -> Account {
        Account::at(name, [self.blob_port, self.queue_port, self.table_port])
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        // It removes its folder and ends when stdin does.
        drop(self.child.stdin.take());
        self.child.wait().ok();
    }
}

impl Account {
    /// The well-known account on the emulator's usual ports: what `UseDevelopmentStorage=true` means.
    #[must_use]
    pub fn usual() -> Self {
        Self::at(ACCOUNT, [10_000, 10_001, 10_002])
    }

    fn at(name: &str, ports: [u16; 3]) -> Self {
        let url = |port: u16| {
            Url::parse(&format!("http://127.0.0.1:{port}/{name}")).expect("a host and a port make an address")
        };
        let [blob, queue, table] = ports.map(url);
        Self { name: name.to_owned(), blob, queue, table }
    }

    /// The same account behind other endpoints, such as a proxy's: their hosts and ports are taken, the path stays. Its tables stay where they
    /// are.
    #[must_use]
    pub fn behind(&self, blob: &Url, queue: &Url) -> Self {
        let url = |at: &Url| at.join(&format!("/{}", self.name)).expect("a name is a path");
        Self { name: self.name.clone(), blob: url(blob), queue: url(queue), table: self.table.clone() }
    }

    /// The blob endpoint, the account's name in its path.
    #[must_use]
    pub fn blob_url(&self) -> &Url {
        &self.blob
    }

    /// The queue endpoint, the account's name in its path.
    #[must_use]
    pub fn queue_url(&self) -> &Url {
        &self.queue
    }

    /// The table endpoint, the account's name in its path.
    #[must_use]
    pub fn table_url(&self) -> &Url {
        &self.table
    }

    /// The account's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The connection string, as a Functions setting takes it.
    #[must_use]
    pub fn connection_string(&self) -> String {
        let Self { name, blob, queue, .. } = self;
        format!(
            "DefaultEndpointsProtocol=http;AccountName={name};AccountKey={KEY};BlobEndpoint={blob};QueueEndpoint={queue};"
        )
    }

    /// The same for our own clients, which take it with [`IDENTITY`].
    #[must_use]
    pub fn access(&self) -> Storage {
        let Self { name, blob, queue, .. } = self.clone();
        Storage::Emulator { blob, queue: Some(queue), account: name, key: Secret::new(KEY) }
    }
}

fn test_account(number: usize) -> String {
    format!("test{number:03}")
}

fn read_output(output: BufReader<std::process::ChildStdout>, up: oneshot::Sender<anyhow::Result<[u16; 3]>>) {
    let mut lines = output.lines().map_while(Result::ok);
    up.send(read_ports(&mut lines)).ok();
    lines.for_each(drop);
}

fn read_ports(lines: &mut impl Iterator<Item = String>) -> anyhow::Result<[u16; 3]> {
    let (mut blob, mut queue, mut said) = (None, None, String::new());
    for line in lines {
        if let Some((service, address)) = line.split_once(" service is successfully listening at ") {
            let port = Url::parse(address)?.port();
            match service {
                "Azurite Blob" => blob = port,
                "Azurite Queue" => queue = port,
                // The table service is the last one that comes up.
                _ => {
                    return Ok([
                        blob.context("no blob port")?,
                        queue.context("no queue port")?,
                        port.context("no table port")?,
                    ]);
                }
            }
        }
        said.push_str(&line);
        said.push('\n');
    }
    bail!("Azurite ended: {said}")
}
