//! A deployment that is spoilt in one way, and what `check` says of it.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use rig::axiom::Options;
use rig::azurite::{Account, Azurite};
use rig::proxy::{Fault, Proxy};
use rig::writer::RestStorage;
use serde_json::Value;

use crate::support::{CONTAINER, Ran, TABLE, World};

/// A deployment as it should be, with a proxy in front of its export account.
pub(super) struct Deployment {
    pub(super) world: World,
    pub(super) export: Account,
    pub(super) writer: RestStorage,
    pub(super) proxy: Proxy,
}

impl Deployment {
    pub(super) async fn new(change: fn(&mut Options)) -> Self {
        let mut options = Options { datasets: vec![TABLE.to_owned()], ..Options::default() };
        change(&mut options);
        let mut world = World::with(options).await;
        let export = Azurite::shared().await.unwrap().new_account();
        let writer = RestStorage::new(&export.access()).unwrap();
        writer.ensure_container(CONTAINER).await.unwrap();
        let proxy = Proxy::start(export.blob_url()).await.unwrap();
        world.set("EXPORT_STORAGE", export.behind(proxy.url(), export.queue_url()).connection_string());
        Self { world, export, writer, proxy }
    }

    /// Runs `check` with these arguments, and looks for secrets in what it prints.
    pub(super) async fn check(&self, args: &[&str]) -> Ran {
        let ran = self.world.run(&[&["check"], args].concat()).await;
        let settings = self.world.settings();
        let key = settings["AzureWebJobsStorage"].split("AccountKey=").nth(1).unwrap().split(';').next().unwrap();
        for secret in [key, &settings["AXIOM_TOKEN"]].into_iter().filter(|secret| secret.len() > 10) {
            assert!(!ran.output.contains(&secret[5..]), "prints a secret: {}", ran.output);
        }
        ran
    }

    /// The findings that are neither well nor unseen: mark, area, what is said, advice.
    pub(super) async fn troubles(&self) -> (Option<i32>, Vec<[String; 4]>) {
        let ran = self.check(&["--json"]).await;
        let report: Value = serde_json::from_str(&ran.output).unwrap_or_else(|error| panic!("{error}: {}", ran.output));
        let text =
            |finding: &Value| ["mark", "area", "said", "advice"].map(|key| finding[key].as_str().unwrap().to_owned());
        let findings = report["findings"].as_array().unwrap().iter().map(text);
        let troubles: Vec<_> = findings.filter(|[mark, ..]| mark == "failed" || mark == "warning").collect();
        let failed = troubles.iter().filter(|[mark, ..]| mark == "failed").count();
        assert_eq!((&report["failed"], &report["warnings"]), (&failed.into(), &(troubles.len() - failed).into()));
        (ran.code, troubles)
    }
}

/// One thing that is wrong, and everything that is said of it: mark, area, words of what is said, words of the advice.
pub(super) struct Case {
    pub(super) what: &'static str,
    pub(super) axiom: fn(&mut Options),
    pub(super) spoil: for<'a> fn(&'a mut Deployment) -> BoxFuture<'a, ()>,
    pub(super) code: i32,
    pub(super) expected: &'static [[&'static str; 4]],
}

pub(super) const USUAL: fn(&mut Options) = |_| {};

/// Every request of the program to the export account is refused so.
pub(super) fn refuse_all(deployment: &Deployment, status: u16, code: &'static str) {
    deployment.proxy.random(0, vec![(1.0, Fault::Refuse(status, code))]);
}

pub(super) fn ready<'a>() -> BoxFuture<'a, ()> {
    std::future::ready(()).boxed()
}
