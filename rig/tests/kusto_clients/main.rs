//! The stand-in for Azure Data Explorer, held to its contract: the official clients run against it unchanged, and each command, switch and fault does what it says.

mod manage;
mod python;
mod query;
mod queued;
mod stream;
#[path = "../support/mod.rs"]
mod support;

use rig::azurite::Azurite;
use rig::kusto::{Kind, Kusto, Options};
use serde_json::{Value, json};

use support::{Answer, client, send, token};

const DATABASE: &str = "db";

/// The table that exists from the start, with a mapping for whole records.
const TABLE: &str = "EventsRaw";
const MAPPING: &str = "DynamicJsonMap";

async fn start(options: Options) -> Kusto {
    rig::install_tls();
    let account = Azurite::shared().await.expect("start Azurite").new_account();
    let service = Kusto::start(options, &account).await.expect("start the stand-in");
    service.table(DATABASE, TABLE, &[("Records", Kind::Dynamic)]).expect("make the table");
    let mapping = r#"[{"Properties":{"Path":"$"},"column":"Records","datatype":"dynamic"}]"#;
    let command = format!(".create-or-alter table {TABLE} ingestion json mapping \"{MAPPING}\" '{mapping}'");
    service.manage(DATABASE, &command).expect("make the mapping");
    service
}

impl Answer {
    /// The rows of the first version's first table.
    fn rows(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.json());
        self.json()["Tables"][0]["Rows"].clone()
    }

    fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }

    fn message(&self) -> String {
        self.json()["error"]["@message"].as_str().unwrap_or_default().to_owned()
    }
}

/// A request with a good token.
async fn post(service: &Kusto, path: &str) -> reqwest::RequestBuilder {
    let token = token(service.identity(), "https://kusto.kusto.windows.net").await;
    client().post(format!("{}{path}", service.url())).bearer_auth(token)
}

/// Runs a management command, and answers whatever comes.
async fn manage(service: &Kusto, command: &str) -> Answer {
    let body = json!({"csl": command, "db": DATABASE});
    send(post(service, "/v1/rest/mgmt").await.json(&body)).await.expect("an answer")
}

/// Asks, second version, and answers whatever comes.
async fn ask(service: &Kusto, query: &str) -> Answer {
    let body = json!({"csl": query, "db": DATABASE});
    send(post(service, "/v2/rest/query").await.json(&body)).await.expect("an answer")
}
