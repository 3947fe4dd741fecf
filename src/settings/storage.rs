//! The storage connections, by the conventions of Azure Functions: a connection string in `NAME`, or an identity with `NAME__accountName` or
//! `NAME__blobServiceUri` and `NAME__queueServiceUri` ("Identity-based connections" in the Functions developer guide).

use super::endpoint::{self, is_loopback};
use super::reader::Reader;
use crate::secret::Secret;
use std::collections::BTreeMap;
use url::Url;

/// How to reach one storage account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Storage {
    /// Azurite, on this machine: requests are signed with the account's key.
    Emulator {
        /// Blob endpoint, path-style: it ends in the account's name.
        blob: Url,
        /// Queue endpoint, in the same form.
        queue: Option<Url>,
        /// Name of the account.
        account: String,
        /// Its key, base64.
        key: Secret,
    },
    /// A shared access signature, appended to the URLs of requests.
    Sas {
        /// Blob endpoint.
        blob: Url,
        /// Queue endpoint.
        queue: Option<Url>,
        /// The signature: query parameters without the question mark.
        sas: Secret,
    },
    /// An identity of Entra: managed where the platform offers one, else the developer's login.
    Identity {
        /// Blob endpoint.
        blob: Url,
        /// Queue endpoint.
        queue: Option<Url>,
        /// The user-assigned identity to use; without it the system-assigned one.
        client_id: Option<String>,
    },
}

impl Storage {
    /// The account's blob endpoint.
    pub fn blob(&self) -> &Url {
        let (Self::Emulator { blob, .. } | Self::Sas { blob, .. } | Self::Identity { blob, .. }) = self;
        blob
    }

    /// The account's queue endpoint. Always there for `AzureWebJobsStorage`; an export account needs none.
    pub fn queue(&self) -> Option<&Url> {
        let (Self::Emulator { queue, .. } | Self::Sas { queue, .. } | Self::Identity { queue, .. }) = self;
        queue.as_ref()
    }
}

const CONNECTIONS: [&str; 3] = ["EXPORT_STORAGE", "AzureWebJobsStorage", "HISTORY_STORAGE"];
const SUFFIXES: [&str; 5] = ["accountName", "blobServiceUri", "queueServiceUri", "clientId", "credential"];

/// Every name below the connections that has a meaning. `__credential` is read by the host alone: a managed identity is what we use anyway.
pub(super) fn names() -> impl Iterator<Item = String> {
    CONNECTIONS.iter().flat_map(|name| SUFFIXES.iter().map(move |suffix| format!("{name}__{suffix}")))
}

/// The emulator's account and key are the same everywhere and published ("Use the Azurite emulator for local Azure Storage development").
const EMULATOR_ACCOUNT: &str = "devstoreaccount1";
const EMULATOR_KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
const EMULATOR_BLOB: &str = "http://127.0.0.1:10000/devstoreaccount1";
const EMULATOR_QUEUE: &str = "http://127.0.0.1:10001/devstoreaccount1";

/// Whether anything of this connection is set.
pub(super) fn is_given(reader: &Reader, name: &str) -> bool {
    let ours = |set: &String| set == name || SUFFIXES.iter().any(|suffix| *set == format!("{name}__{suffix}"));
    reader.names().iter().any(ours)
}

/// Reads the connection of this name. `None` only where a problem was noted. A connection string wins over an identity, as it does for the host.
pub(super) fn read(reader: &mut Reader, name: &str, needs_queue: bool) -> Option<Storage> {
    let identity = ["accountName", "blobServiceUri"].map(|suffix| reader.given(&format!("{name}__{suffix}")));
    let queue = reader.given(&format!("{name}__queueServiceUri"));
    let client_id = reader.given(&format!("{name}__clientId"));
    let text = match identity {
        [None, None] => Some(reader.text(name)?),
        _ => reader.given(name),
    };
    let (storage, queue_remedy) = match text {
        Some(text) => (from_string(&text), "add QueueEndpoint to the string".to_owned()),
        None => (from_identity(identity, queue, client_id), format!("set {name}__queueServiceUri")),
    };
    match storage {
        Ok(storage) if needs_queue && storage.queue().is_none() => {
            reader.problem(name, "names no queue endpoint that can be used", queue_remedy);
            None
        }
        Ok(storage) => Some(storage),
        Err(Fault { wrong, remedy }) => {
            reader.problem(name, wrong, remedy.replace("NAME", name));
            None
        }
    }
}

/// What is wrong with a connection, and what to do; `NAME` stands for the connection's name. Never a part of the value: it may be a key.
#[derive(Debug)]
struct Fault {
    wrong: String,
    remedy: &'static str,
}

fn fault<T>(wrong: impl Into<String>, remedy: &'static str) -> Result<T, Fault> {
    Err(Fault { wrong: wrong.into(), remedy })
}

const FORMS: &str = "set NAME__accountName for an identity, or NAME to a connection string with SharedAccessSignature and BlobEndpoint, \
                     or to UseDevelopmentStorage=true for Azurite";

fn from_identity(
    [account, blob]: [Option<String>; 2],
    queue: Option<String>,
    client_id: Option<String>,
) -> Result<Storage, Fault> {
    let blob = address(blob, account.as_deref(), None, "blob")?;
    let queue = address(queue, account.as_deref(), None, "queue")?;
    let Some(blob) = blob else { return fault("names no blob endpoint", FORMS) };
    let queue = queue.or_else(|| sibling(&blob));
    if blob.scheme() != "https" || queue.as_ref().is_some_and(|queue| queue.scheme() != "https") {
        return fault("combines an identity with http", "use https: a token is never sent unencrypted");
    }
    Ok(Storage::Identity { blob, queue, client_id })
}

fn from_string(text: &str) -> Result<Storage, Fault> {
    let mut parts = BTreeMap::new();
    for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        let Some((key, value)) = part.split_once('=') else { return fault("is not a connection string", FORMS) };
        parts.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
    }
    let mut take = |key: &str| parts.remove(key).filter(|value| !value.is_empty());
    let development = take("usedevelopmentstorage").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let (account, key, sas) = (take("accountname"), take("accountkey"), take("sharedaccesssignature"));
    let (blob, queue, suffix) = (take("blobendpoint"), take("queueendpoint"), take("endpointsuffix"));

    if development {
        let blob = address(blob.or_else(|| Some(EMULATOR_BLOB.into())), None, None, "blob")?;
        let queue = address(queue.or_else(|| Some(EMULATOR_QUEUE.into())), None, None, "queue")?;
        return emulator(blob, queue, EMULATOR_ACCOUNT.into(), EMULATOR_KEY.into());
    }
    // Beside a blob endpoint that is given, the account's name says nothing about where the queues are.
    let named = account.as_deref().filter(|_| blob.is_none());
    let blob = address(blob, named, suffix.as_deref(), "blob")?;
    let queue = address(queue, named, suffix.as_deref(), "queue")?;
    match (blob, sas, account, key) {
        (Some(blob), Some(sas), _, _) => {
            let queue = queue.or_else(|| sibling(&blob));
            let sas = Secret::new(sas.trim_start_matches('?'));
            Ok(Storage::Sas { blob, queue, sas })
        }
        (blob, None, Some(account), Some(key)) => emulator(blob, queue, account, key),
        _ => fault("is not a connection string that can be used", FORMS),
    }
}

fn emulator(blob: Option<Url>, queue: Option<Url>, account: String, key: String) -> Result<Storage, Fault> {
    let Some(blob) = blob else { return fault("names no blob endpoint", FORMS) };
    // Only Azurite gets a signature made with a key: whoever holds the key of a real account can do anything with it, for ever.
    if !is_loopback(&blob) {
        let remedy = "remove it, set NAME__accountName instead, and give the app's identity the role Storage Blob Data Contributor";
        return fault("holds an account key, which is accepted for Azurite on this machine only", remedy);
    }
    // The key must not reach queues elsewhere either.
    let queue = queue.filter(is_loopback);
    Ok(Storage::Emulator { blob, queue, account, key: Secret::new(key) })
}

/// The endpoint that is given, or the usual one of the account, or none.
fn address(
    given: Option<String>,
    account: Option<&str>,
    suffix: Option<&str>,
    service: &str,
) -> Result<Option<Url>, Fault> {
    let example = "give an address such as https://account.blob.core.windows.net";
    let text = match (given, account) {
        (Some(given), _) => given,
        (None, Some(account)) => {
            let lower = account.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
            if !lower || !(3..=24).contains(&account.len()) {
                return fault("has an account name that is none", "give 3 to 24 lower-case letters and digits, no URL");
            }
            format!("https://{account}.{service}.{}", suffix.unwrap_or("core.windows.net"))
        }
        (None, None) => return Ok(None),
    };
    match endpoint::parse(&text) {
        Ok(url) => Ok(Some(url)),
        Err(wrong) => fault(format!("has a {service} endpoint that {wrong}"), example),
    }
}

/// The queue endpoint beside a blob endpoint, where the name follows Azure's rule.
fn sibling(blob: &Url) -> Option<Url> {
    let (account, rest) = blob.host_str()?.split_once(".blob.")?;
    let mut queue = blob.clone();
    queue.set_host(Some(&format!("{account}.queue.{rest}"))).ok()?;
    Some(queue)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_from(vars: &[(&str, &str)]) -> Result<Storage, String> {
        let mut reader =
            Reader::new(vars.iter().map(|(name, value)| (format!("EXPORT_STORAGE{name}"), (*value).to_owned())));
        let storage = read(&mut reader, "EXPORT_STORAGE", false);
        reader.finish(storage).map_err(|problems| problems.to_string())
    }

    /// Kind, blob endpoint and queue endpoint of what is read, or the problem.
    fn check(vars: &[(&str, &str)], expected: Result<&str, &str>) {
        let shown = read_from(vars).map(|storage| {
            let kind = match &storage {
                Storage::Emulator { account, .. } => format!("emulator {account}"),
                Storage::Sas { sas, .. } => format!("sas {}", sas.expose()),
                Storage::Identity { client_id, .. } => format!("identity {}", client_id.as_deref().unwrap_or("system")),
            };
            format!("{kind} {} {}", storage.blob(), storage.queue().map_or("-", Url::as_str))
        });
        match (&shown, expected) {
            (Ok(shown), Ok(expected)) => assert_eq!(shown, expected),
            (Err(shown), Err(expected)) => assert!(shown.contains(expected), "{shown}"),
            _ => panic!("{vars:?} gives {shown:?}"),
        }
        let printed = format!("{:?} {}", read_from(vars), shown.err().unwrap_or_default());
        assert!(!printed.contains("c2VjcmV0") && !printed.contains("sig=s3"), "prints a secret: {printed}");
    }

    #[test]
    fn reads_the_emulator() {
        let usual =
            "emulator devstoreaccount1 http://127.0.0.1:10000/devstoreaccount1 http://127.0.0.1:10001/devstoreaccount1";
        check(&[("", "UseDevelopmentStorage=true")], Ok(usual));
        check(&[("", " usedevelopmentstorage=True; ")], Ok(usual));
        let moved = "UseDevelopmentStorage=true;BlobEndpoint=http://localhost:4/devstoreaccount1";
        check(
            &[("", moved)],
            Ok("emulator devstoreaccount1 http://localhost:4/devstoreaccount1 http://127.0.0.1:10001/devstoreaccount1"),
        );
        let explicit = "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=c2VjcmV0==;BlobEndpoint=http://127.0.0.1:1/a;QueueEndpoint=http://127.0.0.1:2/a;";
        check(&[("", explicit)], Ok("emulator a http://127.0.0.1:1/a http://127.0.0.1:2/a"));
        let Ok(Storage::Emulator { key, .. }) = read_from(&[("", explicit)]) else { panic!("is the emulator") };
        assert_eq!(key.expose(), "c2VjcmV0==");
    }

    #[test]
    fn reads_a_shared_access_signature() {
        let sas = "BlobEndpoint=https://acct.blob.core.windows.net/;SharedAccessSignature=?sv=1&sig=s3%3D";
        check(
            &[("", sas)],
            Ok("sas sv=1&sig=s3%3D https://acct.blob.core.windows.net/ https://acct.queue.core.windows.net/"),
        );
        let by_name = "AccountName=acct;EndpointSuffix=core.usgovcloudapi.net;SharedAccessSignature=sig=s3";
        check(
            &[("", by_name)],
            Ok("sas sig=s3 https://acct.blob.core.usgovcloudapi.net/ https://acct.queue.core.usgovcloudapi.net/"),
        );
        check(
            &[("", "BlobEndpoint=http://127.0.0.1:1/a;SharedAccessSignature=sig=s3")],
            Ok("sas sig=s3 http://127.0.0.1:1/a -"),
        );
        check(&[("", "BlobEndpoint=http://acct.example;SharedAccessSignature=sig=s3")], Err("is not encrypted"));
        check(&[("", "SharedAccessSignature=sig=s3")], Err("not a connection string that can be used"));
        check(&[("", "BlobEndpoint=https://acct.blob.core.windows.net/?sig=s3")], Err("carries a query"));
    }

    #[test]
    fn reads_an_identity() {
        let acct = "https://acct.blob.core.windows.net/ https://acct.queue.core.windows.net/";
        check(&[("__accountName", "acct")], Ok(&format!("identity system {acct}")));
        check(
            &[("__accountName", "acct"), ("__clientId", "c1"), ("__credential", "managedidentity")],
            Ok(&format!("identity c1 {acct}")),
        );
        check(&[("__blobServiceUri", "https://acct.blob.core.windows.net")], Ok(&format!("identity system {acct}")));
        let both = [("__blobServiceUri", "https://logs.example"), ("__queueServiceUri", "https://queues.example")];
        check(&both, Ok("identity system https://logs.example/ https://queues.example/"));
        check(&[("__blobServiceUri", "http://127.0.0.1:1/a")], Err("identity with http"));
        check(&[("__accountName", "https://acct")], Err("has an account name that is none"));
        check(
            &[("", "UseDevelopmentStorage=true"), ("__accountName", "acct")],
            Ok(
                "emulator devstoreaccount1 http://127.0.0.1:10000/devstoreaccount1 http://127.0.0.1:10001/devstoreaccount1",
            ),
        );
    }

    #[test]
    fn refuses_the_key_of_a_real_account() {
        let key =
            "DefaultEndpointsProtocol=https;AccountName=acct;AccountKey=c2VjcmV0==;EndpointSuffix=core.windows.net";
        check(&[("", key)], Err("set EXPORT_STORAGE__accountName instead"));
        let disguised = "AccountName=acct;AccountKey=c2VjcmV0==;BlobEndpoint=https://127.0.0.1.example.com";
        check(&[("", disguised)], Err("holds an account key"));
        check(
            &[("", "UseDevelopmentStorage=true;BlobEndpoint=https://acct.blob.core.windows.net")],
            Err("holds an account key"),
        );
    }

    #[test]
    fn says_what_is_missing() {
        check(&[], Err("EXPORT_STORAGE is missing"));
        check(&[("", "nonsense c2VjcmV0")], Err("is not a connection string"));
        check(&[("", "@Microsoft.KeyVault(SecretUri=https://v)")], Err("Key Vault"));
        let mut reader = Reader::new([("X__blobServiceUri".to_owned(), "https://logs.example".to_owned())]);
        assert_eq!(read(&mut reader, "X", true), None);
        assert!(reader.finish(Some(())).unwrap_err().to_string().contains("set X__queueServiceUri"));
        let only_blobs = "AccountName=a;AccountKey=c2VjcmV0==;BlobEndpoint=http://127.0.0.1:1/a";
        let mut reader = Reader::new([("AzureWebJobsStorage".to_owned(), only_blobs.to_owned())]);
        assert_eq!(read(&mut reader, "AzureWebJobsStorage", true), None);
        assert!(reader.finish(Some(())).unwrap_err().to_string().contains("add QueueEndpoint to the string"));
    }
}
