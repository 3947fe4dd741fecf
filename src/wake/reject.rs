//! Why an event is not followed.

use thiserror::Error;

/// Why an event, or a part of a message, was ignored. None of these is a failure: an event is a hint, and the sweep finds the blob without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Reject {
    /// The text is neither JSON nor base64 of JSON.
    #[error("is not JSON")]
    NotJson,
    /// JSON, but of no known shape.
    #[error("is neither a storage event nor a message of this program")]
    NotAnEvent,
    /// JSON, but no slice of a backfill.
    #[error("is not a slice of history (`history run --queue` writes them)")]
    NotASlice,
    /// JSON in strings in strings, or arrays in arrays, beyond what any sender does.
    #[error("is nested too deeply")]
    TooDeep,
    /// The event by which Event Grid tests a webhook.
    #[error("is an event that validates a subscription")]
    Validation,
    /// An event other than `Microsoft.Storage.BlobCreated`.
    #[error("is not an event of a created blob")]
    OtherEvent,
    /// The event says nothing about where the blob is.
    #[error("names no blob")]
    NoBlob,
    /// The event comes from another account, or its address has another scheme or port, than the configured one.
    #[error("names a storage account other than EXPORT_STORAGE")]
    OtherAccount,
    /// The address is not percent-encoded UTF-8, or has a query, a fragment or a character that no address has.
    #[error("has a malformed address")]
    Address,
    /// The container is not `am-<table>`.
    #[error("names a container that is not one of data export (am-...)")]
    Container,
    /// The blob's name is not one that data export gives.
    #[error("names a blob that is not one of data export")]
    Name,
}
