//! What can go wrong on the way to storage, one value for each, and the plan that says which request meets which.

use std::collections::VecDeque;
use std::time::Duration;

use hyper::header::IF_MATCH;
use hyper::{HeaderMap, Method};

/// What a request asks of the blob service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Get Blob Properties.
    Look,
    /// Get Blob.
    Read,
    /// Set Blob Metadata.
    SetMetadata,
    /// Delete Blob.
    Delete,
    /// Put Blob.
    Put,
    /// List Blobs.
    List,
    /// List Containers.
    ListContainers,
    /// Get Account Information.
    Account,
    /// Get Blob Service Properties.
    Service,
    /// Anything else, such as Create Container.
    Other,
}

/// One thing that happens to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Answered with this status and error code, and not carried out.
    Refuse(u16, &'static str),
    /// Answered 200 with this body (XML), and not carried out.
    Answer(String),
    /// Carried out, and answered with this header, besides or instead of what the service says.
    Header(&'static str, String),
    /// The connection is reset; nothing was carried out.
    ResetBefore,
    /// Carried out, and the connection is reset without an answer: its outcome is unknown.
    ResetAfter,
    /// The body of a read ends in the middle, and the connection with it.
    BreakBody,
    /// Carried out late.
    Delay(Duration),
    /// The client is to be killed before the request is carried out.
    KillBefore,
    /// Carried out, and the client is to be killed before it has the answer.
    KillAfter,
}

/// Which request meets which fault: the script is used up first, in order for each operation; then the dice are thrown.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) script: VecDeque<(Operation, Fault)>,
    pub(super) dice: Option<(fastrand::Rng, Vec<(f64, Fault)>)>,
}

impl Operation {
    pub(super) fn of(method: &Method, path: &str, query: &str) -> Self {
        // `/account/container/blob`: a blob has a third part.
        let is_blob = path.trim_matches('/').splitn(3, '/').count() == 3;
        let has = |parameter: &str| query.split('&').any(|pair| pair == parameter);
        match method.as_str() {
            "GET" if has("restype=account") => Self::Account,
            "GET" if has("restype=service") && has("comp=properties") => Self::Service,
            "GET" if has("comp=list") && !has("restype=container") => Self::ListContainers,
            "GET" if has("comp=list") => Self::List,
            "GET" if is_blob => Self::Read,
            "HEAD" if is_blob => Self::Look,
            "PUT" if is_blob && has("comp=metadata") => Self::SetMetadata,
            "PUT" if is_blob && !query.contains("comp=") => Self::Put,
            "DELETE" if is_blob => Self::Delete,
            _ => Self::Other,
        }
    }
}

impl Fault {
    /// Whether the service could answer so: only reads have a body that breaks, and only a condition can fail.
    fn fits(&self, operation: Operation, headers: &HeaderMap) -> bool {
        match self {
            Self::BreakBody => operation == Operation::Read,
            Self::Refuse(412, _) => headers.contains_key(IF_MATCH),
            Self::Refuse(409, _) => matches!(operation, Operation::SetMetadata | Operation::Delete | Operation::Put),
            _ => true,
        }
    }

    /// The client cannot know whether the request was carried out.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::ResetAfter | Self::KillAfter)
    }

    /// The client is not served, as far as it can tell.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        !matches!(self, Self::Delay(_) | Self::BreakBody | Self::Answer(_) | Self::Header(..))
    }
}

impl Plan {
    pub(super) fn next(&mut self, operation: Operation, headers: &HeaderMap) -> Option<Fault> {
        if let Some(at) = self.script.iter().position(|(meant, _)| *meant == operation) {
            return self.script.remove(at).map(|(_, fault)| fault);
        }
        let (dice, odds) = self.dice.as_mut()?;
        let mut left = dice.f64();
        for (probability, fault) in odds {
            if left < *probability {
                return fault.fits(operation, headers).then(|| fault.clone());
            }
            left -= *probability;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_told_apart() {
        let check = |method: Method, path: &str, query: &str, expected| {
            assert_eq!(Operation::of(&method, path, query), expected, "{method} {path}?{query}");
        };
        check(Method::GET, "/a/", "comp=list&prefix=am-", Operation::ListContainers);
        check(Method::GET, "/a/", "comp=properties&restype=account", Operation::Account);
        check(Method::GET, "/a/", "comp=properties&restype=service", Operation::Service);
        check(Method::GET, "/a/am-x", "restype=container&comp=list", Operation::List);
        check(Method::GET, "/a/am-x/y=1/z.json", "", Operation::Read);
        check(Method::HEAD, "/a/am-x/y=1/z.json", "", Operation::Look);
        check(Method::PUT, "/a/am-x/z", "comp=metadata", Operation::SetMetadata);
        check(Method::PUT, "/a/refused/z", "", Operation::Put);
        check(Method::PUT, "/a/am-x/z", "comp=appendblock", Operation::Other);
        check(Method::DELETE, "/a/am-x/z", "", Operation::Delete);
        check(Method::PUT, "/a/refused", "restype=container", Operation::Other);
    }

    #[test]
    fn dice_repeat_themselves_and_faults_meet_only_what_they_fit() {
        let odds =
            vec![(0.3, Fault::Refuse(412, "ConditionNotMet")), (0.3, Fault::BreakBody), (0.3, Fault::ResetAfter)];
        let draw = |operation| {
            let mut plan = Plan { dice: Some((fastrand::Rng::with_seed(3), odds.clone())), ..Plan::default() };
            (0..100).map(|_| plan.next(operation, &HeaderMap::new())).collect::<Vec<_>>()
        };
        assert_eq!(draw(Operation::Read), draw(Operation::Read));
        assert!(draw(Operation::Read).contains(&Some(Fault::BreakBody)));
        assert!(!draw(Operation::Look).contains(&Some(Fault::BreakBody)));
        assert!(draw(Operation::Delete).iter().flatten().all(|fault| *fault == Fault::ResetAfter));
    }
}
