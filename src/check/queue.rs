//! The work queue, and what can honestly be seen of Event Grid from it: messages that wait, and nothing of those that were taken.

use time::{Duration, OffsetDateTime};
use url::Url;

use super::finding::Finding;
use super::trouble::{Trouble, Whose, soon};
use crate::azure::{Peeked, Queue};
use crate::wake::{BlobWake, SmallMessage};

pub(super) const AREA: &str = "queue";
const EVENTS: &str = "events";

/// Messages are taken within seconds; those that wait longer wait for somebody.
const OLD: Duration = Duration::minutes(30);

/// Looks at the queue of this name, and at the one that the host moves messages to that failed too often; `export` is the endpoint that events may name.
pub(super) async fn queue(
    name: &str,
    (queue, poison): (&Queue, &Queue),
    whose: Whose,
    export: Option<&Url>,
) -> Vec<Finding> {
    let looked = async { Ok((queue.length().await?, queue.peek().await?)) };
    let (length, peeked) = match soon(looked).await {
        Ok(looked) => looked,
        Err(trouble) if trouble.code() == "QueueNotFound" => {
            let advice = format!(
                "create it (az storage queue create -n {name}), or set WORK_QUEUE to the one that the event subscription delivers to: without it neither events nor the sweep wake anybody"
            );
            return vec![Finding::failed(AREA, format!("{name} does not exist"), advice)];
        }
        Err(trouble) => {
            return vec![Finding::failed(AREA, format!("{name}: {}", trouble.said()), trouble.advice(whose))];
        }
    };
    let mut findings = vec![age(name, length, &peeked, OffsetDateTime::now_utc())];
    findings.extend(export.map(|export| events(&peeked, export)));
    findings.extend(poisoned(name, poison).await);
    findings
}

fn age(name: &str, length: u64, peeked: &[Peeked], now: OffsetDateTime) -> Finding {
    let said = format!("{name}: about {length} messages");
    match peeked.iter().filter_map(|message| message.inserted).min() {
        Some(oldest) if now - oldest > OLD => {
            let said = format!("{said}; one has waited for {} min", (now - oldest).whole_minutes());
            Finding::warning(AREA, said, "see that the app runs and keeps up (docs/troubleshooting.md, queue-age)")
        }
        _ => Finding::ok(AREA, said),
    }
}

/// What the first messages are.
fn events(peeked: &[Peeked], export: &Url) -> Finding {
    let advice = "see that the event subscription of the export account exists and delivers to this queue (az eventgrid system-topic event-subscription list); \
         without events, blobs wait for the sweep";
    if peeked.is_empty() {
        return Finding::unknown(
            EVENTS,
            "no message waits, so whether Event Grid delivers cannot be seen from here",
            advice,
        );
    }
    let is_own = |message: &&Peeked| serde_json::from_str::<SmallMessage>(&message.text).is_ok();
    let others =
        peeked.iter().filter(|message| !is_own(message)).map(|message| BlobWake::of_message(&message.text, export));
    let (mut events, mut strange) = (0, Vec::new());
    for message in others {
        events += usize::from(!message.hints.is_empty());
        strange.extend(message.ignored);
    }
    let said = format!("of the first {} messages {events} are events of exported blobs", peeked.len());
    match strange.first() {
        Some(first) => {
            let said = format!("{said}, and {} are not followed, such as: {} {}", strange.len(), first.what, first.why);
            let advice = "see who else delivers to this queue, and that its event subscription is that of the account in EXPORT_STORAGE";
            Finding::warning(EVENTS, said, advice)
        }
        None if events == 0 => Finding::warning(EVENTS, format!("{said}, the others come from the sweep"), advice),
        None => Finding::ok(EVENTS, said),
    }
}

async fn poisoned(name: &str, poison: &Queue) -> Option<Finding> {
    match soon(poison.length()).await {
        Ok(0) => None,
        Ok(count) => {
            let said = format!("{name}-poison: {count} messages that failed too often");
            Some(Finding::warning(AREA, said, "nothing is lost; see docs/troubleshooting.md, poison-messages"))
        }
        // The host makes it when it first needs it.
        Err(Trouble::Storage(error)) if error.status() == Some(404) => None,
        Err(trouble) => Some(Finding::unknown(AREA, format!("{name}-poison: {}", trouble.said()), "")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Mark;
    use super::*;

    #[test]
    fn what_waits_on_the_queue_tells_what_delivers_to_it() {
        let export: Url = "https://acct.blob.core.windows.net".parse().unwrap();
        let blob = "WorkspaceResourceId=/subscriptions/0/resourcegroups/rg/providers/microsoft.operationalinsights/workspaces/ws/y=2026/m=11/d=24/h=10/m=00/PT05M.json";
        let event = |account: &str| {
            let url = format!("https://{account}.blob.core.windows.net/am-x/{blob}");
            format!(r#"{{"eventType":"Microsoft.Storage.BlobCreated","data":{{"url":"{url}"}}}}"#)
        };
        let own = format!(r#"{{"container":"am-x","blob":"{blob}","offset":0}}"#);
        let check = |texts: &[&str], mark, words: &str| {
            let peeked: Vec<_> = texts.iter().map(|text| Peeked { text: (*text).to_owned(), inserted: None }).collect();
            let found = events(&peeked, &export);
            assert!(found.mark == mark && found.said.contains(words), "{found:?}");
        };
        check(&[], Mark::Unknown, "no message waits");
        check(&[&event("acct"), &own], Mark::Ok, "of the first 2 messages 1 are events");
        check(&[&own], Mark::Warning, "the others come from the sweep");
        check(&[&event("acct"), &event("other")], Mark::Warning, "names a storage account other than EXPORT_STORAGE");
        check(&["nonsense"], Mark::Warning, "is not JSON");
    }
}
