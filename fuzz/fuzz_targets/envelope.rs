//! What wakes the program: whatever stands in an invocation, parsing never panics, and nothing but checked addresses and short printable texts
//! comes out.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sentinel_axiom::wake::{BLOB_TRIGGER, EVENT_HUB, ExportBlob, HISTORY, PULL, STATUS, SWEEP, Wake};
use url::Url;

static ACCOUNT: LazyLock<Url> =
    LazyLock::new(|| Url::parse("https://exportaccount.blob.core.windows.net/").expect("a constant"));

fuzz_target!(|data: &[u8]| {
    check(data);
    // Most mutations break the envelope: the same bytes as the message inside a whole one reach what lies behind.
    if let Ok(text) = std::str::from_utf8(data) {
        let message = serde_json::Value::from(text);
        check(format!("{{\"Data\":{{\"event\":{message}}},\"Metadata\":{{\"DequeueCount\":\"1\"}}}}").as_bytes());
    }
    let function = String::from_utf8_lossy(data);
    assert!(
        [BLOB_TRIGGER, EVENT_HUB, HISTORY, PULL, STATUS, SWEEP].contains(&&*function) || Wake::parse(&function, b"{}", &ACCOUNT).is_err()
    );
});

fn check(body: &[u8]) {
    let Ok(wake) = Wake::parse(BLOB_TRIGGER, body, &ACCOUNT) else { return };
    let Wake::Blobs(wake) = wake else { panic!("the blob trigger woke something else") };
    for hint in wake.hints {
        let again = ExportBlob::parse(hint.blob.container(), hint.blob.name());
        assert_eq!(again.as_ref(), Ok(&hint.blob), "an address that was not checked came out");
    }
    let Ok(Wake::History(slices)) = Wake::parse(HISTORY, body, &ACCOUNT) else { panic!("the same envelope is refused") };
    for slice in slices.slices {
        assert!(!slice.job.contains("..") || slice.job.split('/').all(|part| part != ".."), "{:?} leads out", slice.job);
        assert!(!slice.slice.window.is_empty());
    }
    for ignored in wake.ignored.into_iter().chain(slices.ignored) {
        assert!(ignored.what.chars().count() <= 120, "a long text would reach the log");
        assert!(!ignored.what.contains(|c: char| c.is_control() || c == '?'), "{:?} would reach the log", ignored.what);
    }
}
