//! Takes container and blob name out of the addresses in an event, and makes sure that they belong to the configured account.
//!
//! Texts are compared before anything is decoded or normalised: a URL parser would quietly turn `a/../b` into `b`, and two parsers that disagree on
//! where the host ends are an old way in.

use super::reject::Reject;
use url::Url;

/// Container and blob name of `data.url`, for example `https://acct.blob.core.windows.net/am-x/WorkspaceResourceId%3D/...`; for the emulator, whose
/// endpoint ends in the account's name, `http://127.0.0.1:10000/devstoreaccount1/am-x/...`.
pub(super) fn from_url(text: &str, account: &Url) -> Result<(String, String), Reject> {
    let base = account.as_str().trim_end_matches('/');
    let (start, rest) = text.split_at_checked(base.len()).ok_or(Reject::OtherAccount)?;
    let rest = rest.strip_prefix('/').filter(|_| start.eq_ignore_ascii_case(base)).ok_or(Reject::OtherAccount)?;
    if rest.contains(|c: char| c.is_control() || matches!(c, '?' | '#' | '\\')) {
        return Err(Reject::Address);
    }
    let (container, name) = rest.split_once('/').ok_or(Reject::NoBlob)?;
    Ok((container.to_owned(), percent_decode(name).ok_or(Reject::Address)?))
}

/// Container and blob name of `subject`, `/blobServices/default/containers/<container>/blobs/<name>`, which is not percent-encoded.
pub(super) fn from_subject(text: &str) -> Result<(String, String), Reject> {
    let path = text.strip_prefix('/').unwrap_or(text);
    let path = path.strip_prefix("blobServices/default/containers/").ok_or(Reject::NoBlob)?;
    let (container, name) = path.split_once("/blobs/").ok_or(Reject::NoBlob)?;
    Ok((container.to_owned(), name.to_owned()))
}

/// Whether a resource id (`topic`, `source`) names the account with this blob endpoint.
pub(super) fn is_account(resource_id: &str, account: &Url) -> bool {
    let in_path = account.path().trim_matches('/');
    let in_host = account.host_str().and_then(|host| host.split('.').next()).unwrap_or_default();
    let name = if in_path.is_empty() { in_host } else { in_path };
    resource_id.rsplit('/').next().is_some_and(|last| last.eq_ignore_ascii_case(name))
}

/// Decodes once, and only what is well-formed.
fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let high = char::from(rest.next()?).to_digit(16)?;
            let low = char::from(rest.next()?).to_digit(16)?;
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_once_and_strictly() {
        let check = |text, expected: Option<&str>| assert_eq!(percent_decode(text).as_deref(), expected, "{text}");
        check("a%3Db%3d+", Some("a=b=+"));
        check("%C3%A9", Some("é"));
        check("%252F", Some("%2F"));
        check("%", None);
        check("%2", None);
        check("%G1", None);
        check("%+1", None);
        check("%é1", None);
        check("%FF", None);
    }

    #[test]
    fn compares_the_account() {
        let azure = Url::parse("https://acct.blob.core.windows.net").unwrap();
        let emulator = Url::parse("http://127.0.0.1:10000/devstoreaccount1").unwrap();
        let check = |text, account, expected: Result<&str, Reject>| {
            let shown = from_url(text, account).map(|(container, name)| format!("{container} {name}"));
            assert_eq!(shown.as_deref().map_err(|reject| *reject), expected, "{text}");
        };
        check("https://acct.blob.core.windows.net/am-x/a/b%20c", &azure, Ok("am-x a/b c"));
        check("HTTPS://Acct.Blob.core.windows.net/am-x/a", &azure, Ok("am-x a"));
        check("http://127.0.0.1:10000/devstoreaccount1/am-x/a", &emulator, Ok("am-x a"));
        check("http://127.0.0.1:10000/other/am-x/a", &emulator, Err(Reject::OtherAccount));
        check("http://127.0.0.1:10001/devstoreaccount1/am-x/a", &emulator, Err(Reject::OtherAccount));
        check("https://acct.blob.core.windows.net/am-x", &azure, Err(Reject::NoBlob));
        check("https://acct.blob.core.windows.net", &azure, Err(Reject::OtherAccount));
        check("é", &azure, Err(Reject::OtherAccount));
        assert!(is_account("/subscriptions/s/providers/Microsoft.Storage/storageAccounts/ACCT", &azure));
        assert!(is_account("devstoreaccount1", &emulator));
        assert!(!is_account("/storageAccounts/acct2", &azure));
        assert!(!is_account("", &azure));
    }
}
