//! No secret is ever printed: everything that the program says, at the chattiest level, on good days and bad.

use std::sync::{Arc, Mutex};

use tokio_util::task::AbortOnDropHandle;

use crate::configuration::{WRONG_TOKEN, storage};
use crate::support::invocation::{BLOB_TRIGGER, SWEEP, envelope, invoke, small_message};
use crate::support::{World, blob_name, rows};

const SIGNATURE: &str = "bm90LWEtc2lnbmF0dXJl";

/// What makes the days differ.
const DAYS: [fn(&mut World); 6] = [
    |_| {},
    |world| _ = world.set("AXIOM_TOKEN", WRONG_TOKEN),
    |world| {
        let key = storage(world, |_| {});
        world.set("EXPORT_STORAGE", key);
    },
    |world| {
        let sas =
            format!("BlobEndpoint={};SharedAccessSignature=sv=2022-11-02&sig={SIGNATURE}%3D", world.blobs.endpoint());
        world.set("EXPORT_STORAGE", sas);
    },
    |world| {
        let sas =
            format!("BlobEndpoint=http://127.0.0.1:1/account;SharedAccessSignature=sv=2022-11-02&sig={SIGNATURE}%3D");
        world.set("EXPORT_STORAGE", sas);
    },
    |world| _ = world.set("AXIOM_URL", format!("https://user:{SIGNATURE}@127.0.0.1")),
];

#[tokio::test]
async fn no_secret_is_ever_printed() {
    for printed in futures::future::join_all(DAYS.map(print_all)).await {
        let Printed { text, secrets } = printed;
        for secret in secrets {
            assert!(secret.len() >= 16, "a secret that can be told from other text");
            // The middle of it, so that neither a cut nor another encoding hides it.
            let middle = &secret[5..secret.len() - 5];
            let line = text.lines().find(|line| line.contains(middle));
            assert!(line.is_none(), "{secret} is printed: {line:?}");
        }
    }
}

struct Printed {
    text: String,
    secrets: Vec<String>,
}

/// Everything that is printed at the chattiest level, by commands and under the host, and what must not be in it.
async fn print_all(day: fn(&mut World)) -> Printed {
    let mut world = World::new().await;
    world.set("LOG_LEVEL", "trace");
    world.put(&blob_name(0), format!("{}nope\n", rows(0..5)).as_bytes()).await;
    day(&mut world);
    let mut text = String::new();
    for args in [&["run", "--once"][..], &["refused", "list", "--rows"], &["refused", "replay"], &["check", "--write"]]
    {
        let ran = world.run(args).await;
        text += &ran.output;
        if ran.code == Some(64) {
            return Printed { text, secrets: vec![SIGNATURE.to_owned()] };
        }
    }
    let host = world.host().await;
    world.put(&blob_name(1), format!("{}nope\n", rows(0..5)).as_bytes()).await;
    for (function, body) in [(BLOB_TRIGGER, envelope(&small_message(&blob_name(1)))), (SWEEP, "{}".to_owned())] {
        text += &invoke(&host, function, &body).await.1.to_string();
    }
    host.output().iter().for_each(|line| text += &format!("{}\n", line.text));
    assert!(text.contains("TRACE") && text.len() > 20_000, "the chattiest level: {} bytes", text.len());
    let storage = &world.settings()["AzureWebJobsStorage"];
    let key = storage.split("AccountKey=").nth(1).unwrap().split(';').next().unwrap();
    Printed { text, secrets: [world.axiom.token(), key, WRONG_TOKEN, SIGNATURE].map(str::to_owned).into() }
}

/// A managed identity: its endpoint, the header that opens it, and the token that comes from there, readable or not.
#[tokio::test]
async fn no_token_of_an_identity_is_printed() {
    const OPENER: &str = "0pener-of-the-endpoint";
    const ACCESS: &str = "eyJhbGciOiJub25lIn0.c2VjcmV0LWFjY2Vzcw";
    let good = format!(
        r#"{{"access_token":"{ACCESS}","expires_on":"4102444800","resource":"https://storage.azure.com/","token_type":"Bearer"}}"#
    );
    for (answer, words) in [
        (good.clone(), "no answer: compare the account's name"),
        (good.replace("4102444800", "soon"), "list containers"),
        (format!(r#"{{"access_token":"{ACCESS}","#), "list containers"),
        (format!("<p>{ACCESS}</p>"), "list containers"),
    ] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}/token", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(0));
        let count = asked.clone();
        let router = axum::Router::new().fallback(async move || {
            *count.lock().unwrap() += 1;
            ([("content-type", "application/json")], answer)
        });
        let server = AbortOnDropHandle::new(tokio::spawn(axum::serve(listener, router).into_future()));
        let mut world = World::new().await;
        world.set("EXPORT_STORAGE", "").set("EXPORT_STORAGE__blobServiceUri", "https://127.0.0.1:1");
        world.set("IDENTITY_ENDPOINT", endpoint).set("IDENTITY_HEADER", OPENER).set("LOG_LEVEL", "trace");
        let ran = world.run(&["run", "--once"]).await;
        assert!(ran.code == Some(1) && *asked.lock().unwrap() > 0, "{}", ran.output);
        assert!(ran.output.contains(words) && ran.output.contains("TRACE"), "{}", ran.output);
        for secret in [OPENER, ACCESS] {
            let line = ran.output.lines().find(|line| line.contains(&secret[5..secret.len() - 5]));
            assert!(line.is_none(), "{secret} is printed: {line:?}");
        }
        drop(server);
    }
}
