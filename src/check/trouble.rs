//! What it means that storage refuses something, and what people can do about it.
//!
//! Sources: "Common REST API error codes", "Shared access signature error codes", and "Troubleshoot 403 errors in Azure Blob Storage".

use std::error::Error as _;
use std::time::Duration;

use crate::azure::StorageError;
use crate::report::chain;

/// How long an answer is waited for. Whoever asks sits in front of it, and an address that is dead answers never.
pub(super) const SOON: Duration = Duration::from_secs(10);

/// Why there is no answer that is of use.
#[derive(Debug)]
pub(super) enum Trouble {
    /// None came soon.
    Late,
    /// What storage, or the way to it, says.
    Storage(StorageError),
}

/// Whom to name in advice.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whose {
    /// The setting that names the account.
    pub(super) setting: &'static str,
    /// The role that the identity needs on it.
    pub(super) role: &'static str,
}

/// The answer, if it comes soon.
pub(super) async fn soon<T>(work: impl Future<Output = Result<T, StorageError>>) -> Result<T, Trouble> {
    match tokio::time::timeout(SOON, work).await {
        Ok(answer) => answer.map_err(Trouble::Storage),
        Err(_) => Err(Trouble::Late),
    }
}

impl Trouble {
    /// What was said: status and code, or what is wrong with the way there.
    pub(super) fn said(&self) -> String {
        let Self::Storage(error) = self else { return format!("no answer within {} s", SOON.as_secs()) };
        match (error.status(), error.code()) {
            (Some(status), Some(code)) => format!("{status} {code}"),
            (Some(status), None) => status.to_string(),
            (None, _) => format!("no answer ({})", error.source().map(chain).unwrap_or_default()),
        }
    }

    /// The service's error code; empty where it said none.
    pub(super) fn code(&self) -> &str {
        match self {
            Self::Storage(error) => error.code().unwrap_or_default(),
            Self::Late => "",
        }
    }

    /// The HTTP status, when there was an answer.
    pub(super) fn status(&self) -> Option<u16> {
        match self {
            Self::Storage(error) => error.status(),
            Self::Late => None,
        }
    }

    /// A role, or a right of a signature, is missing. Something else of the account may be allowed.
    pub(super) fn is_missing_right(&self) -> bool {
        matches!(
            self.code(),
            "AuthorizationPermissionMismatch" | "AuthorizationResourceTypeMismatch" | "InsufficientAccountPermissions"
        )
    }

    /// What to do.
    pub(super) fn advice(&self, Whose { setting, role }: Whose) -> String {
        match (self.status(), self.code()) {
            _ if self.is_missing_right() => format!(
                "give the identity the role {role} on the account of {setting} (fresh roles need up to ten minutes), or a signature the rights to list, read, write and delete"
            ),
            (_, "AuthorizationFailure" | "AuthorizationSourceIPMismatch" | "PublicAccessNotPermitted") => format!(
                "the network keeps us out: run this where the app runs, or let this address through the firewall of the account of {setting} (docs/networking.md)"
            ),
            (_, "AuthenticationFailed") => format!(
                "the key or signature of {setting} is wrong or has expired, or this machine's clock is off: make a new signature"
            ),
            (_, "KeyBasedAuthenticationNotPermitted") => {
                format!(
                    "the account takes no keys and signatures made with them: set {setting}__accountName to use the identity"
                )
            }
            (_, "BlobImmutableDueToPolicy" | "ContainerImmutableDueToPolicy") => IMMUTABLE.to_owned(),
            (Some(401), _) => format!("sign in to the tenant of the account of {setting} (az login --tenant)"),
            (Some(404), _) => format!("there is no such account: compare its name in {setting}"),
            (Some(_), _) => format!(
                "look the code up in the storage documentation, and see that {setting} names an account as it should"
            ),
            (None, _) => format!(
                "compare the account's name in {setting}; with private endpoints, see that their DNS zone is linked to this network (docs/networking.md)"
            ),
        }
    }
}

/// What to do about a policy or a hold on a container. Marks on blobs are writes, so that keeping blobs is no way out.
pub(super) const IMMUTABLE: &str = "remove the retention policy or legal hold of the export account's containers: under it blobs can be neither marked nor deleted, \
     whatever AFTER_DELIVERY says";
