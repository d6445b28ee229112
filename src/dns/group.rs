//! The answers for all nodes of a group: each begins with another node, so that nobody is always
//! first, and holds all of them or none (RFC 2181 §9).
//!
//! What such an answer costs depends on the records in it, and not on the size of the group: whether
//! all fit is known from their number.

use super::node_name::NodeName;
use super::records::{RecordContext, write_addresses, write_srv};
use super::reply::{Full, Owner, RECORD_HEAD, Reply};
use super::wire::rrtype;
use crate::cluster::{Record, Slots};

/// The octets of an SRV record's data before the target: priority, weight and port.
const BEFORE_TARGET: usize = 6;

/// Whether any of the nodes has a record of this type.
pub(super) fn has(group: &Slots, rrtype: u16) -> bool {
    match rrtype {
        rrtype::A => !group.ipv4().is_empty(),
        rrtype::AAAA => !group.ipv6().is_empty(),
        rrtype::SRV => group.ports() > 0,
        _ => false,
    }
}

/// Writes the records of this type of all nodes.
pub(super) fn write(
    group: &Slots,
    rrtype: u16,
    context: RecordContext<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), Full> {
    match rrtype {
        rrtype::A => reply.addresses(rrtype, rotated(group.ipv4(), context.rotation)),
        rrtype::AAAA => reply.addresses(rrtype, rotated(group.ipv6(), context.rotation)),
        _ => write_all_srv(group, context, reply),
    }
}

/// Turns a list around so that it begins somewhere else for each rotation.
fn rotated<T>(all: &[T], rotation: usize) -> [&[T]; 2] {
    let start = rotation.checked_rem(all.len()).unwrap_or(0);
    let (before, after) = all.split_at(start);
    [after, before]
}

fn write_all_srv(
    group: &Slots,
    context: RecordContext<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), Full> {
    let ports = group.ports();
    // The name of a node has a digit at least more than that of the group.
    let least = RECORD_HEAD + BEFORE_TARGET + context.question.wire_name().len() + 1;
    if !reply.has_room_for(ports.saturating_mul(least)) {
        return Err(Full);
    }
    let name = NodeName::new(&group.names);
    let mut targets: Vec<(&Record, usize)> = Vec::with_capacity(ports);
    let start = context.rotation.checked_rem(ports).unwrap_or(0);
    for slot in group.with_port().skip(start).chain(group.with_port().take(start)) {
        let Some(record) = group.record(slot) else { continue };
        write_srv(record, reply, |octets| {
            targets.push((record, octets.len()));
            name.write(slot, octets);
        })?;
    }
    for (record, target) in targets {
        if write_addresses(record, Owner::At(target), reply).is_err() {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotation_begins_elsewhere_and_misses_nobody() {
        let order = |rotation| rotated(&[1, 2, 4, 9], rotation).concat();
        assert_eq!(order(0), [1, 2, 4, 9]);
        assert_eq!(order(1), [2, 4, 9, 1]);
        assert_eq!(order(3), [9, 1, 2, 4]);
        assert_eq!(order(4), order(0));
        assert_eq!(order(usize::MAX), order(3));
        assert!(rotated::<u8>(&[], 3).concat().is_empty());
    }
}
