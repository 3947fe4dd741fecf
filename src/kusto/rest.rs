//! Commands to a cluster, and where it wants its rows.

use std::time::Duration;

use reqwest::header::AUTHORIZATION;
use reqwest::{Client, RequestBuilder, Response};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::{Mutex, OnceCell};
use tokio::time::Instant;
use url::Url;

use super::KustoError;
use super::schema::quoted;
use crate::azure::Login;
use crate::pulls::pull::KustoTable;
use crate::query::{self, ConnectError};
use crate::settings::Identity;

/// Times that something is tried in all.
pub(super) const TRIES: u32 = 5;

/// For a whole request.
const TIMEOUT: Duration = Duration::from_secs(120);

/// How long the places for rows are used: they have signatures that end ("Ingest data using the Kusto.Ingest REST API" wants them renewed hourly).
const RESOURCES_FOR: Duration = Duration::from_secs(3600);

/// What tokens are for where a cluster does not say.
const USUAL_AUDIENCE: &str = "https://kusto.kusto.windows.net";

/// Ends of the hosts that tokens may be for. A cluster names its own; another name would be a way to get a token for something else.
const AUDIENCES: [&str; 5] = [
    ".kusto.windows.net",
    ".kusto.usgovcloudapi.net",
    ".kusto.chinacloudapi.cn",
    ".kusto.fabric.microsoft.com",
    ".kusto.data.microsoft.com",
];

/// A cluster's two doors.
pub(super) struct Rest {
    pub(super) client: Client,
    engine: Url,
    ingest: Url,
    identity: Identity,
    client_id: Option<String>,
    login: OnceCell<Login>,
    resources: Mutex<Option<(Instant, Resources)>>,
}

impl std::fmt::Debug for Rest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rest").field("engine", &self.engine).finish_non_exhaustive()
    }
}

/// Where the cluster wants its rows: addresses with a signature in them, which never reach a log.
#[derive(Clone)]
pub(super) struct Resources {
    pub(super) queues: Vec<Url>,
    pub(super) containers: Vec<Url>,
    pub(super) status: Url,
    /// Goes with each message.
    pub(super) context: String,
}

/// A table of a reply.
#[derive(Debug, Deserialize)]
struct Reply {
    #[serde(rename = "Tables")]
    tables: Vec<ReplyTable>,
}

#[derive(Debug, Deserialize)]
struct ReplyTable {
    #[serde(rename = "Columns")]
    columns: Vec<ReplyColumn>,
    #[serde(rename = "Rows")]
    rows: Vec<Vec<Value>>,
}

#[derive(Debug, Deserialize)]
struct ReplyColumn {
    #[serde(rename = "ColumnName")]
    name: String,
}

impl ReplyTable {
    /// The texts of these columns.
    fn texts<const N: usize>(&self, names: [&str; N]) -> Vec<[String; N]> {
        let at = names.map(|name| self.columns.iter().position(|column| column.name == name));
        let text = |row: &[Value], at: Option<usize>| {
            at.and_then(|at| row.get(at)).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        self.rows.iter().map(|row| at.map(|at| text(row, at))).collect()
    }
}

impl Rest {
    pub(super) fn new(table: &KustoTable, identity: Identity, client_id: Option<String>) -> Result<Self, ConnectError> {
        let engine = table.cluster.clone();
        let ingest = table.ingest.clone().unwrap_or_else(|| door_for_ingestion(&engine));
        let client = query::client(TIMEOUT)?;
        let (login, resources) = (OnceCell::new(), Mutex::new(None));
        Ok(Self { client, engine, ingest, identity, client_id, login, resources })
    }

    /// Runs a command on the engine.
    pub(super) async fn command(&self, database: &str, csl: &str) -> Result<(), KustoError> {
        self.ask(&self.engine, Some(database), csl).await.map(drop)
    }

    /// The table's columns, `name:type,...`; none where there is no table.
    pub(super) async fn schema(&self, database: &str, table: &str) -> Result<Option<String>, KustoError> {
        match self.ask(&self.engine, Some(database), &format!(".show table {} cslschema", quoted(table))).await {
            Ok(reply) => Ok(reply.texts(["Schema"]).into_iter().next().map(|[schema]| schema)),
            Err(KustoError::Refused { code, .. }) if code.contains("EntityNotFound") => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The names of the table's JSON mappings.
    pub(super) async fn mappings(&self, database: &str, table: &str) -> Result<Vec<String>, KustoError> {
        let csl = format!(".show table {} ingestion json mappings", quoted(table));
        let reply = self.ask(&self.engine, Some(database), &csl).await?;
        Ok(reply.texts(["Name"]).into_iter().map(|[name]| name).collect())
    }

    /// Where rows may be put now.
    pub(super) async fn resources(&self) -> Result<Resources, KustoError> {
        let mut known = self.resources.lock().await;
        if let Some((asked, resources)) = &*known
            && asked.elapsed() < RESOURCES_FOR
        {
            return Ok(resources.clone());
        }
        let csl = ".get ingestion resources";
        let all = self.ask(&self.ingest, None, csl).await?.texts(["ResourceTypeName", "StorageRoot"]);
        let context = self.ask(&self.ingest, None, ".get kusto identity token").await?;
        let places = |wanted: &str| -> Vec<Url> {
            let roots = all.iter().filter(|[kind, _]| kind == wanted);
            roots.filter_map(|[_, root]| Url::parse(root).ok()).filter(is_safe).collect()
        };
        let missing =
            |what: &str| KustoError::Unexpected { doing: csl.to_owned(), what: format!("the reply has no {what}") };
        let queues = places("SecuredReadyForAggregationQueue");
        let containers = places("TempStorage");
        let status =
            places("IngestionsStatusTable").into_iter().next().ok_or_else(|| missing("IngestionsStatusTable"))?;
        let context = context.texts(["AuthorizationContext"]).into_iter().next().map(|[context]| context);
        let context = context.ok_or_else(|| missing("AuthorizationContext"))?;
        if queues.is_empty() || containers.is_empty() {
            return Err(missing("SecuredReadyForAggregationQueue or TempStorage"));
        }
        let resources = Resources { queues, containers, status, context };
        *known = Some((Instant::now(), resources.clone()));
        Ok(resources)
    }

    /// The next attempt asks anew where rows may be put.
    pub(super) async fn forget_resources(&self) {
        *self.resources.lock().await = None;
    }

    /// The address for streaming into a table.
    pub(super) fn streaming(&self, (database, table, mapping): (&str, &str, &str)) -> Url {
        let mut url = address(&self.engine, &["v1", "rest", "ingest", database, table]);
        url.query_pairs_mut().append_pair("streamFormat", "MultiJSON").append_pair("mappingName", mapping);
        url
    }

    /// Sends with our token.
    pub(super) async fn send(&self, doing: &str, request: RequestBuilder) -> Result<Response, KustoError> {
        let token = self.login().await?.token().await?;
        let bearer = query::bearer(&token).ok_or_else(|| KustoError::Unexpected {
            doing: doing.to_owned(),
            what: "the token holds characters that no token has".to_owned(),
        })?;
        answered(doing, request.header(AUTHORIZATION, bearer)).await
    }

    async fn ask(&self, door: &Url, database: Option<&str>, csl: &str) -> Result<ReplyTable, KustoError> {
        let mut body = serde_json::json!({ "csl": csl });
        if let Some(database) = database {
            body["db"] = database.into();
        }
        let mut tries = 0;
        let response = loop {
            tries += 1;
            let request = self.client.post(address(door, &["v1", "rest", "mgmt"])).json(&body);
            match self.send(csl, request).await {
                Err(error) if error.is_transient() && tries < TRIES => pause(tries).await,
                response => break response?,
            }
        };
        let doing = || csl.to_owned();
        let body = response.bytes().await.map_err(|source| no_answer(csl, source))?;
        let unreadable = |what: String| KustoError::Unexpected { doing: doing(), what };
        let reply: Reply =
            serde_json::from_slice(&body).map_err(|error| unreadable(format!("the reply cannot be read: {error}")))?;
        reply.tables.into_iter().next().ok_or_else(|| unreadable("the reply has no table".to_owned()))
    }

    async fn login(&self) -> Result<&Login, KustoError> {
        self.login
            .get_or_try_init(|| async {
                let audience = self.audience().await?;
                Ok(Login::new(self.identity, self.client_id.clone(), &format!("{audience}/.default"))?)
            })
            .await
    }

    /// What tokens are for, as the cluster says it.
    async fn audience(&self) -> Result<String, KustoError> {
        #[derive(Deserialize)]
        struct Metadata {
            #[serde(rename = "AzureAD")]
            azure_ad: Option<AzureAd>,
        }
        #[derive(Deserialize)]
        struct AzureAd {
            #[serde(rename = "KustoServiceResourceId")]
            resource: String,
        }
        let doing = "ask the cluster how to sign in";
        let request = self.client.get(address(&self.engine, &["v1", "rest", "auth", "metadata"]));
        let response = match answered(doing, request).await {
            Err(KustoError::Refused { status: 404, .. }) => return Ok(USUAL_AUDIENCE.to_owned()),
            response => response?,
        };
        let body = response.bytes().await.map_err(|source| no_answer(doing, source))?;
        let metadata: Metadata = serde_json::from_slice(&body)
            .map_err(|error| KustoError::Unexpected { doing: doing.to_owned(), what: error.to_string() })?;
        let audience = metadata.azure_ad.map_or_else(|| USUAL_AUDIENCE.to_owned(), |azure_ad| azure_ad.resource);
        if !is_kusto(&audience) {
            let cluster = self.engine.host_str().unwrap_or_default().to_owned();
            return Err(KustoError::Audience { cluster, audience });
        }
        Ok(audience.trim_end_matches('/').to_owned())
    }
}

/// Sends, and takes any answer but success for an error.
pub(super) async fn answered(doing: &str, request: RequestBuilder) -> Result<Response, KustoError> {
    let response = request.send().await.map_err(|source| no_answer(doing, source))?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let body = response.bytes().await.unwrap_or_default();
    let (code, message) = said(&body);
    let advice = match status.as_u16() {
        401 | 403 => {
            " (give the identity the roles Ingestor and, for create = true, User of the database; Viewer shows the table's schema)"
        }
        404 => " (compare the cluster's address and the database in the pull)",
        _ => "",
    };
    Err(KustoError::Refused { doing: doing.to_owned(), status: status.as_u16(), code, message, advice })
}

pub(super) fn no_answer(doing: &str, source: reqwest::Error) -> KustoError {
    // A signature may stand in the address.
    KustoError::NoAnswer { doing: doing.to_owned(), source: source.without_url() }
}

/// Waits a little longer each time.
pub(super) async fn pause(tries: u32) {
    let longest = Duration::from_millis(500 << tries.min(6));
    tokio::time::sleep(longest.mul_f64(fastrand::f64())).await;
}

/// Code and message of an error: `{"error":{"code","@message"}}` of the cluster, or XML of its storage.
fn said(body: &[u8]) -> (String, String) {
    let text = String::from_utf8_lossy(body);
    if let Ok(json) = serde_json::from_slice::<Value>(body) {
        let error = &json["error"];
        let part = |name: &str| error[name].as_str().map(str::to_owned);
        let message = part("@message").or_else(|| part("message")).unwrap_or_default();
        return (part("code").unwrap_or_default(), message.lines().next().unwrap_or_default().to_owned());
    }
    let tag = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        Some(rest.split_once(&format!("</{name}>"))?.0.lines().next()?.to_owned())
    };
    match tag("Code") {
        Some(code) => (code, tag("Message").unwrap_or_default()),
        None => (String::new(), text.chars().filter(|c| !c.is_control()).take(200).collect()),
    }
}

/// The address with a path behind it.
fn address(base: &Url, path: &[&str]) -> Url {
    let mut url = base.clone();
    url.path_segments_mut().expect("addresses are http or https, which have paths").pop_if_empty().extend(path);
    url
}

/// `ingest-` before the cluster's name. A cluster on this machine has one door.
fn door_for_ingestion(engine: &Url) -> Url {
    let mut url = engine.clone();
    if let Some(host) = engine.domain().filter(|domain| domain.contains('.')) {
        let host = if host.starts_with("ingest-") { host.to_owned() } else { format!("ingest-{host}") };
        url.set_host(Some(&host)).expect("a host with a prefix is a host");
    }
    url
}

/// Encrypted, or on this machine.
fn is_safe(url: &Url) -> bool {
    let mut bare = url.clone();
    bare.set_query(None);
    crate::settings::endpoint(bare.as_str()).is_ok()
}

fn is_kusto(audience: &str) -> bool {
    let host = Url::parse(audience).ok().filter(|url| url.scheme() == "https");
    let host = host.and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    AUDIENCES.iter().any(|end| host.ends_with(end) || host == end[1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_for_clusters_alone() {
        for (audience, good) in [
            ("https://kusto.kusto.windows.net", true),
            ("https://c.westeurope.kusto.windows.net/", true),
            ("https://kusto.fabric.microsoft.com", true),
            ("https://graph.microsoft.com", false),
            ("https://kusto.windows.net.example", false),
            ("http://kusto.kusto.windows.net", false),
            ("", false),
        ] {
            assert_eq!(is_kusto(audience), good, "{audience}");
        }
    }

    #[test]
    fn the_door_for_ingestion() {
        for (engine, wanted) in [
            ("https://c.westeurope.kusto.windows.net/", "https://ingest-c.westeurope.kusto.windows.net/"),
            ("https://ingest-c.westeurope.kusto.windows.net/", "https://ingest-c.westeurope.kusto.windows.net/"),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/"),
            ("http://localhost:8080/", "http://localhost:8080/"),
        ] {
            assert_eq!(door_for_ingestion(&engine.parse().unwrap()).as_str(), wanted);
        }
    }

    #[test]
    fn errors_tell_what_the_service_says() {
        let json = br#"{"error":{"code":"BadRequest_EntityNotFound","message":"Request is invalid.","@message":"Entity 'T' was not found.\nmore"}}"#;
        assert_eq!(said(json), ("BadRequest_EntityNotFound".to_owned(), "Entity 'T' was not found.".to_owned()));
        let xml = b"<?xml version=\"1.0\"?><Error><Code>AuthenticationFailed</Code><Message>Server failed.\nRequestId:1</Message></Error>";
        assert_eq!(said(xml), ("AuthenticationFailed".to_owned(), "Server failed.".to_owned()));
        assert_eq!(said(b"<html>bad"), (String::new(), "<html>bad".to_owned()));
    }
}
