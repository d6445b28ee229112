//! How far the zone that is transferred is known to be etcd's present one.

use super::Transfer;
use crate::dns::TableProof;
use crate::dns::edns::{self, Unread};
use crate::dns::query::Question;

impl Transfer {
    /// Tells that in each message, if the query that began it asks for that.
    #[must_use]
    pub fn with_table_proof(mut self, query: &[u8], proof: TableProof) -> Transfer {
        // What the signature covers stands before it.
        let read = |question: Question<'_>| edns::read(query, question.end());
        let edns =
            Question::read(query).and_then(|question| read(question).unwrap_or_else(Unread::edns));
        if let Some(opt) = &mut self.opt
            && edns.is_some_and(|edns| edns.wants_table_proof)
        {
            opt.table_proof = Some(Box::new(proof));
        }
        self
    }
}
