//! The files of the program that read foreign bytes, as they are: they are pure, so they build without the rest.

#![allow(dead_code, reason = "the rest of the program is not here to use it")]

/// A part of a backfill.
#[path = "../src/history"]
pub mod history {
    pub mod slice;
}
/// Messages of an Event Hub.
#[path = "../src/event_hub"]
pub mod event_hub {
    pub mod kind;
    pub mod rows;
}
#[path = "../src/json.rs"]
pub mod json;
#[path = "../src/lines.rs"]
pub mod lines;
#[path = "../src/wake/mod.rs"]
pub mod wake;

/// The reading of replies.
#[path = "../src/loganalytics"]
pub mod loganalytics {
    pub mod reply;
}
/// The reading of replies of advanced hunting.
#[path = "../src/hunting"]
pub mod hunting {
    pub mod reply;
}
/// The reading of replies of Azure Resource Graph.
#[path = "../src/resource_graph"]
pub mod resource_graph {
    pub mod reply;
}
/// What replies become.
#[path = "../src/query"]
pub mod query {
    pub mod rows;
    pub mod window;
}
/// The reading of answers.
#[path = "../src/axiom"]
pub mod axiom {
    pub mod answer;
    mod text;
    mod wait;
}
