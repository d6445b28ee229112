//! How far the zone that is transferred is known to be etcd's present one.

use super::Transfer;
use crate::dns::TableProof;
use crate::dns::query::{Header, Query};

impl Transfer {
    /// Tells that in each message, if the query that began it asks for that.
    #[must_use]
    pub fn with_table_proof(mut self, query: &[u8], proof: TableProof) -> Transfer {
        let edns = Header::read(query).and_then(|header| Query::read(query, header).ok()?.edns);
        if let Some(opt) = &mut self.opt
            && edns.is_some_and(|edns| edns.wants_table_proof)
        {
            opt.table_proof = Some(Box::new(proof));
        }
        self
    }
}
