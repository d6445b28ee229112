//! What the OPT record of a reply tells (RFC 6891).

use super::edns::OPTION;
use super::table_proof::TableProof;
use super::wire::{ExtendedError, array_at, option, u16_at};

/// As far as it matters to who asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ReplyOptions {
    /// The high bits of the response code.
    pub(super) rcode_bits: u8,
    /// Whether the server says that it is out of step with etcd (EDE 3 or 19).
    pub(super) is_stale: bool,
    /// How far the server's table is known to be etcd's; `None`: it does not say.
    pub(super) table_proof: Option<TableProof>,
}

impl ReplyOptions {
    /// Reads them from the TTL and the data of OPT; `None`: they are malformed.
    pub(super) fn read(ttl: [u8; 4], data: &[u8]) -> Option<ReplyOptions> {
        let [rcode_bits, _version, _, _] = ttl;
        let mut options = ReplyOptions { rcode_bits, ..ReplyOptions::default() };
        let mut rest = data;
        while !rest.is_empty() {
            let (code, length) = (u16_at(rest, 0)?, usize::from(u16_at(rest, 2)?));
            let data = rest.get(OPTION..OPTION + length)?;
            rest = rest.get(OPTION + length..)?;
            match code {
                option::EDE => {
                    let code = array_at(data, 0).map(u16::from_be_bytes)?;
                    options.is_stale |= [
                        ExtendedError::StaleAnswer as u16,
                        ExtendedError::StaleNxdomainAnswer as u16,
                    ]
                    .contains(&code);
                }
                option::TABLE_PROOF => options.table_proof = TableProof::read(data),
                _ => {}
            }
        }
        Some(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::edns::{Edns, Opt};
    use crate::dns::wire::Rcode;
    use std::time::Duration;

    #[test]
    fn what_a_server_writes_is_read() {
        let edns = Edns {
            payload: 1232,
            version: 0,
            flags: 0,
            wants_nsid: false,
            wants_table_proof: true,
            cookie: None,
        };
        let age = Some(Duration::from_millis(1500));
        let table_proof = Some(TableProof { revision: 1 << 40, age, reading: 3 });
        for (error, is_stale) in [
            (None, false),
            (Some(ExtendedError::StaleAnswer), true),
            (Some(ExtendedError::NotReady), false),
            (Some(ExtendedError::StaleNxdomainAnswer), true),
        ] {
            let name = Some("worker1.tf.local.".to_owned());
            let boxed = table_proof.map(Box::new);
            let opt = Opt { error, table_proof: boxed, name, ..Opt::bare(edns, Rcode::BADCOOKIE) };
            let mut octets = Vec::new();
            opt.write(&mut octets);
            assert_eq!(octets.len(), opt.len());
            let ttl = octets[5..9].try_into().expect("four octets");
            let read = ReplyOptions::read(ttl, &octets[11..]);
            assert_eq!(read, Some(ReplyOptions { rcode_bits: 1, is_stale, table_proof }));
            assert_eq!(ReplyOptions::read(ttl, &octets[11..octets.len() - 1]), None);
        }
    }
}
