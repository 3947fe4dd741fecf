//! Shared access signatures for an account of the emulator. Source: "Create a service SAS", "Create an account SAS".

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};
use url::form_urlencoded::Serializer;

use crate::azurite::KEY;

/// The version whose form the signatures have.
const VERSION: &str = "2018-11-09";

/// Parameters of an address that may do everything in the account, until a time such as `2026-01-02T03:04:05Z`.
pub(crate) fn account(name: &str, until: &str) -> String {
    let (services, resources, rights) = ("bqt", "sco", "rwdlacup");
    let signed = [name, rights, services, resources, "", until, "", "", VERSION, ""].join("\n");
    let parameters = [("ss", services), ("srt", resources), ("sp", rights)];
    parameters_of(&parameters, until, &signed)
}

/// Parameters for one container, with rights such as `rw`.
pub(crate) fn container(account: &str, container: &str, rights: &str, until: &str) -> String {
    let resource = format!("/blob/{account}/{container}");
    let signed = [rights, "", until, &resource, "", "", "", VERSION, "c", "", "", "", "", "", ""].join("\n");
    parameters_of(&[("sr", "c"), ("sp", rights)], until, &signed)
}

/// Parameters for one queue.
pub(crate) fn queue(account: &str, queue: &str, rights: &str, until: &str) -> String {
    let resource = format!("/queue/{account}/{queue}");
    let signed = [rights, "", until, &resource, "", "", "", VERSION].join("\n");
    parameters_of(&[("sp", rights)], until, &signed)
}

/// Parameters for one table.
pub(crate) fn table(account: &str, table: &str, rights: &str, until: &str) -> String {
    let resource = format!("/table/{account}/{}", table.to_lowercase());
    let signed = [rights, "", until, &resource, "", "", "", VERSION, "", "", "", ""].join("\n");
    parameters_of(&[("tn", table), ("sp", rights)], until, &signed)
}

fn parameters_of(parameters: &[(&str, &str)], until: &str, signed: &str) -> String {
    let key = BASE64_STANDARD.decode(KEY).expect("the emulator's key is base64");
    let signature = BASE64_STANDARD.encode(hmac(&key, signed.as_bytes()));
    let mut all = Serializer::new(String::new());
    all.append_pair("sv", VERSION).extend_pairs(parameters).append_pair("se", until).append_pair("sig", &signature);
    all.finish()
}

/// HMAC-SHA256 (RFC 2104).
fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0; 64];
    if key.len() > block.len() {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures() {
        // RFC 4231, test cases 2 and 6.
        let hex = |bytes: [u8; 32]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(
            hex(hmac(b"Jefe", b"what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            hex(hmac(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }
}
