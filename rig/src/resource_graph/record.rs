//! What is remembered of a request.

/// One request, as received and as answered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// Path without parameters.
    pub path: String,
    /// The query's text; empty where none was read.
    pub query: String,
    /// The subscriptions that were asked for.
    pub subscriptions: Vec<String>,
    /// The management groups that were asked for.
    pub management_groups: Vec<String>,
    /// `$top` of the body.
    pub top: Option<usize>,
    /// Whether it went on from a page before.
    pub has_skip_token: bool,
    /// `allowPartialScopes` of the body.
    pub allow_partial_scopes: bool,
    /// The status that was sent, 0 for none.
    pub status: u16,
    /// Records in the reply.
    pub rows: usize,
    /// Records that match the query.
    pub total: usize,
    /// Bytes of the records' text.
    pub bytes: usize,
}
