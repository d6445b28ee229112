//! How far the zone that is transferred is known to be etcd's present one.

use std::time::Instant;

use super::{Transfer, Views};
use crate::cluster::Directory;
use crate::dns::edns::{self, Unread};
use crate::dns::query::Question;
use crate::dns::{Asker, Responder, TableProof};

impl Responder {
    /// Begins the transfer that a query asks for, as [`Responder::transfer`] does, from a copy that is shared with
    /// others, and has it tell how far the directory is known to be etcd's. The time must not be from before the
    /// query came. `None`: it asks for none, or what the directory was at its revision is not known, or a node would
    /// take the table from here where it is another's: nodes whose names are others' by now could follow each other
    /// in a circle, and none of them etcd.
    pub fn transfer_shared(
        &self,
        query: &[u8],
        asker: Asker,
        directory: &Directory,
        views: &mut Views,
        now: Instant,
    ) -> Option<Transfer> {
        if directory.is_transferred() && asks_for_proof(query) {
            return None;
        }
        let view = views.current(directory)?;
        let proof = TableProof::of_copy(&view, directory, now);
        let transfer = self.transfer(query, asker, directory, view)?;
        Some(transfer.with_table_proof(query, proof))
    }
}

impl Transfer {
    /// Tells that in each message, if the query that began it asks for that.
    #[must_use]
    pub fn with_table_proof(mut self, query: &[u8], proof: TableProof) -> Transfer {
        if let Some(opt) = &mut self.opt
            && asks_for_proof(query)
        {
            opt.table_proof = Some(Box::new(proof));
        }
        self
    }
}

/// Whether the table is for another node, which asks how far it is known to be etcd's.
fn asks_for_proof(query: &[u8]) -> bool {
    // What a signature covers stands before it.
    let read = |question: Question<'_>| edns::read(query, question.end());
    let edns =
        Question::read(query).and_then(|question| read(question).unwrap_or_else(Unread::edns));
    edns.is_some_and(|edns| edns.wants_table_proof)
}
