//! What is fuzzed, and what must hold whatever comes in. Each target is a function of the fuzzer's
//! octets that panics where something does not hold; it has no state and does no I/O.

pub mod cache;
pub mod cluster;
pub mod corefile;
pub mod framing;
pub mod gateway;
pub mod http;
mod input;
mod memory;
mod message;
mod model;
pub mod pattern;
pub mod query;
pub mod relay;
mod scene;
pub mod transfer;
pub mod txt;

/// What is run with the fuzzer's octets.
pub type Target = fn(&[u8]);

/// Every target under its name, which is that of its folder of seeds as well.
pub const TARGETS: [(&str, Target); 11] = [
    ("cache", cache::run),
    ("cluster", cluster::run),
    ("corefile", corefile::run),
    ("framing", framing::run),
    ("gateway", gateway::run),
    ("http", http::run),
    ("pattern", pattern::run),
    ("query", query::run),
    ("relay", relay::run),
    ("transfer", transfer::run),
    ("txt", txt::run),
];
