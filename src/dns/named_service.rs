//! Services by name (RFC 2782): `_http._tcp.worker4.tf.local.` is where the service `http/tcp` of a node is, and
//! `_http._tcp.worker.tf.local.` where it is on all nodes of the group.

use super::node_name::NodeName;
use super::records::{RecordContext, push_srv, write_addresses};
use super::reply::{Full, Owner, Reply, push_name_by};
use super::wire::rrtype;
use crate::cluster::{Directory, ServicePlaces, SlotId, Slots};

/// The transports, as a label and in the name of a service.
const TRANSPORTS: [(&str, &str); 2] = [("_tcp", "tcp"), ("_udp", "udp")];

/// What a name is.
#[derive(Clone, Copy, Debug)]
pub(super) enum FoundService<'a> {
    /// That of a service of a node, or of a group.
    Here(&'a Slots, Option<SlotId>),
    /// What services stand below.
    Below,
}

/// The transport that a label is, and what follows its dot.
fn transport(name: &str) -> Option<(&'static str, &str)> {
    let (label, rest) = name.split_once('.')?;
    let (_, transport) = TRANSPORTS.iter().find(|(own, _)| *own == label)?;
    Some((transport, rest))
}

/// The service of a name, such as `http/tcp`, and whose it is; names are in lower case with the final dot. `None`:
/// the name is not that of one.
pub(super) fn parts(name: &[u8]) -> Option<(String, &[u8])> {
    let name = std::str::from_utf8(name).ok()?;
    let (label, rest) = name.strip_prefix('_')?.split_once('.')?;
    let (transport, owner) = transport(rest)?;
    Some((format!("{label}/{transport}"), owner.as_bytes()))
}

/// What a name is, in lower case with the final dot; `None`: nothing.
pub(super) fn find<'a>(name: &[u8], directory: &'a Directory) -> Option<FoundService<'a>> {
    // A service may be called as a transport is: then no node, nor group, follows its first label.
    if let Some((transport, owner)) = std::str::from_utf8(name).ok().and_then(transport)
        && let Some((slots, slot)) = holder(owner.as_bytes(), directory)
    {
        let is_by = |service: &str| service.ends_with(transport);
        let is_any = match slot {
            Some(slot) => own_services(slots, slot).any(|(service, _)| is_by(service)),
            None => slots.group_services().names().any(is_by),
        };
        return is_any.then_some(FoundService::Below);
    }
    let (service, owner) = parts(name)?;
    let (slots, slot) = holder(owner, directory)?;
    let is_one = match slot {
        Some(slot) => own_port(slots, slot, &service).is_some(),
        None => slots.group_services().places(&service).is_some(),
    };
    is_one.then_some(FoundService::Here(slots, slot))
}

/// The node, or the group, of a name: a node stands before a group of its name.
fn holder<'a>(name: &[u8], directory: &'a Directory) -> Option<(&'a Slots, Option<SlotId>)> {
    match directory.holder(name).filter(|(slots, slot)| slots.record(*slot).is_some()) {
        Some((slots, slot)) => Some((slots, Some(slot))),
        None => directory.group(name).map(|slots| (slots, None)),
    }
}

/// The services of a node, with their ports.
fn own_services(slots: &Slots, slot: SlotId) -> impl Iterator<Item = (&str, u16)> {
    slots.details(slot).into_iter().flat_map(|details| details.services())
}

/// The port of a service on a node.
fn own_port(slots: &Slots, slot: SlotId, service: &str) -> Option<u16> {
    own_services(slots, slot).find(|(own, _)| *own == service).map(|(_, port)| port)
}

/// Writes the records of the service that is asked for, each time another one first, and the addresses as a help.
#[cold]
#[inline(never)]
pub(super) fn write(
    slots: &Slots,
    slot: Option<SlotId>,
    context: RecordContext<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), Full> {
    let asked = context.question.name();
    let Some((service, _)) = parts(asked.as_bytes()) else { return Ok(()) };
    let own = slot.and_then(|slot| Some((slot, own_port(slots, slot, &service)?)));
    let group = slots.group_services().places(&service).filter(|_| slot.is_none());
    let start = context.rotation.checked_rem(group.map_or(0, ServicePlaces::len)).unwrap_or(0);
    let (first, last) = (group.into_iter().flatten(), group.into_iter().flatten());
    let places = first.skip(start).chain(last.take(start)).map(|(slot, port)| (*slot, *port));
    let name = NodeName::new(&slots.names);
    let mut targets = Vec::new();
    for (slot, port) in places.chain(own) {
        reply.answer(rrtype::SRV, |octets| {
            push_srv(port, octets);
            targets.push((slot, octets.len()));
            name.write(slot, octets);
        })?;
    }
    for (slot, target) in targets {
        let Some(record) = slots.record(slot) else { continue };
        if write_addresses(record, Owner::At(target), reply).is_err() {
            break;
        }
    }
    Ok(())
}

/// Appends the labels of a service, such as `http/tcp`, to which the name of a node or a group is added.
pub(super) fn push_labels(service: &str, octets: &mut Vec<u8>) {
    let (name, transport) = service.split_once('/').unwrap_or((service, ""));
    push_name_by(octets, |text| {
        text.extend_from_slice(format!("_{name}._{transport}.").as_bytes())
    });
    // The root is not the end.
    octets.pop();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_labels_of_a_service_are_read_and_written() {
        let table = [
            ("_http._tcp.worker4.tf.local.", Some(("http/tcp", "worker4.tf.local."))),
            ("_a._udp.b.", Some(("a/udp", "b."))),
            ("_tcp._tcp.worker4.tf.local.", Some(("tcp/tcp", "worker4.tf.local."))),
            ("_http._sctp.worker4.tf.local.", None),
            ("http._tcp.worker4.tf.local.", None),
            ("_tcp.worker4.tf.local.", None),
            ("_http._tcp", None),
            ("", None),
        ];
        for (name, wanted) in table {
            let found = parts(name.as_bytes());
            let found = found.as_ref().map(|(key, owner)| (key.as_str(), *owner));
            assert_eq!(found, wanted.map(|(key, owner)| (key, owner.as_bytes())), "{name}");
        }
        let mut octets = Vec::new();
        push_labels("http/tcp", &mut octets);
        assert_eq!(octets, b"\x05_http\x04_tcp");
    }
}
