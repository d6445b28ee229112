//! The pages that are served by HTTP: figures for Prometheus, whether this node is well, and all names.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use serde_json::{Value, json};

use super::metrics;
use super::name_lists::ListedNode;
use super::notifier::Notifier;
use crate::cluster::{Directory, Freshness, NodePlace};
use crate::node::Owned;
use crate::server::http::{Body, Page, PageSource, PartOfBody};
use crate::server::timers::View;

/// Nodes that are put into a part of a page: some tens of microseconds.
const NODES_IN_PART: usize = 50;

const OVERVIEW: &str = include_str!("overview.html");

impl PageSource for Arc<Mutex<Notifier>> {
    fn page(&mut self, path: &str, now: Instant, view: View<'_>) -> Option<Page> {
        let notifier = self.lock().unwrap_or_else(PoisonError::into_inner);
        match path {
            "/" => Some(Page {
                status: 200,
                content_type: "text/html; charset=utf-8",
                body: Body::Text(OVERVIEW.to_owned()),
            }),
            "/health" => Some(Page::text(200, "OK\n".to_owned())),
            "/ready" => Some(notifier.readiness(now, view.directory)),
            "/metrics" => Some(Page {
                status: 200,
                content_type: "text/plain; version=0.0.4; charset=utf-8",
                body: Body::Text(notifier.figures(now, view)),
            }),
            "/nodes" => Some(Page {
                status: 200,
                content_type: "application/json",
                body: Body::Parts(Box::new(NodesPage::new(notifier.facts(now, view.directory)))),
            }),
            _ => None,
        }
    }
}

impl Notifier {
    /// Whether this node has a name, and what it answers is fresh.
    fn readiness(&self, now: Instant, directory: &Directory) -> Page {
        let why_not = match (self.name_at(now), directory.freshness()) {
            (Some(name), Freshness::Synced) => return Page::text(200, format!("{name}\n")),
            (None, _) => "it owns no name",
            (_, Freshness::Empty) => "etcd was not reached yet",
            (_, Freshness::Incomplete) => "it does not know all names yet",
            _ => "what it knows is not what etcd has now",
        };
        Page::text(503, format!("not ready: {why_not}\n"))
    }

    fn name_at(&self, now: Instant) -> Option<String> {
        self.owned_at(now).map(|owned| self.identity(&owned).name)
    }

    /// What is told of this node beside all names.
    fn facts(&self, now: Instant, directory: &Directory) -> Value {
        let owned = self.owned_at(now);
        let seconds = |owned: Owned| owned.valid_until.saturating_duration_since(now).as_secs();
        let proven_at = directory.last_proven_at();
        let lag = proven_at.map(|at| now.saturating_duration_since(at).as_secs());
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "state": metrics::state_label(directory.freshness()),
            "revision": directory.revision(),
            "lag_seconds": lag,
            "limit": directory.keyspace().limit,
            "taken": directory.occupied(),
            "group": directory.grouped(),
            "name": self.name_at(now),
            "claim_revision": owned.map(|owned| owned.claim_revision),
            "lease_seconds": owned.map(seconds),
        })
    }
}

/// All nodes as JSON, with what is told of this one before them.
#[derive(Debug)]
struct NodesPage {
    /// What stands before the nodes, until it was taken.
    facts: Option<Value>,
    next: NodePlace,
    is_first: bool,
}

impl NodesPage {
    fn new(facts: Value) -> NodesPage {
        NodesPage { facts: Some(facts), next: NodePlace::FIRST, is_first: true }
    }
}

impl PartOfBody for NodesPage {
    fn next(&mut self, view: View<'_>, text: &mut String) -> bool {
        if let Some(facts) = self.facts.take() {
            let facts = facts.to_string();
            text.push_str(facts.strip_suffix('}').unwrap_or(&facts));
            text.push_str(",\"nodes\":[");
        }
        let directory = view.directory;
        let mut count = 0;
        for (place, names, node) in directory.published_from(self.next).take(NODES_IN_PART) {
            let mut node = ListedNode { names, slot: place.slot, node }.to_json();
            node["me"] = (place.range == 0 && directory.own() == Some(place.slot)).into();
            text.push_str(if self.is_first { "\n" } else { ",\n" });
            text.push_str(&node.to_string());
            self.is_first = false;
            self.next = place.next();
            count += 1;
        }
        let has_more = count == NODES_IN_PART;
        if !has_more {
            text.push_str("\n]}\n");
        }
        has_more
    }
}
