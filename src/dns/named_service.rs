//! Services by name (RFC 2782): `_http._tcp.worker4.tf.local.` is where the service `http/tcp` of a node is, and
//! `_http._tcp.worker.tf.local.` where it is on all nodes of the group.

use super::node_name::NodeName;
use super::records::{RecordContext, push_srv, write_addresses};
use super::reply::{Full, Owner, Reply, push_name_by};
use super::wire::rrtype;
use crate::cluster::{Directory, SlotId, Slots};

/// The transports, as a label and in the name of a service.
const TRANSPORTS: [(&str, &str); 2] = [("_tcp", "tcp"), ("_udp", "udp")];

/// Where a service is.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServicePlace<'a> {
    slots: &'a Slots,
    slot: SlotId,
    port: u16,
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

/// Where the service of a name is; none: it is a name all the same, for others have services below it. `None`: there
/// is no such name.
#[cold]
#[inline(never)]
pub(super) fn find<'a>(name: &[u8], directory: &'a Directory) -> Option<Vec<ServicePlace<'a>>> {
    if let Some((transport, owner)) = std::str::from_utf8(name).ok().and_then(transport) {
        let is_one = |(key, _, _): &(&str, _, _)| key.ends_with(transport);
        return services_of(owner.as_bytes(), directory).iter().any(is_one).then(Vec::new);
    }
    let (key, owner) = parts(name)?;
    let all = services_of(owner, directory).into_iter().filter(|(service, _, _)| *service == key);
    let places: Vec<_> = all.map(|(_, _, place)| place).collect();
    (!places.is_empty()).then_some(places)
}

/// The services of a node, or of a group: a node of its name stands before it.
fn services_of<'a>(
    owner: &[u8],
    directory: &'a Directory,
) -> Vec<(&'a str, SlotId, ServicePlace<'a>)> {
    let (slots, services) = match (directory.holder(owner), directory.group(owner)) {
        (Some((slots, slot)), _) if slots.record(slot).is_some() => {
            let own = slots.details(slot).into_iter().flat_map(|details| details.services());
            (slots, own.map(|(key, port)| (key, slot, port)).collect())
        }
        (_, Some(slots)) => (slots, slots.group_services()),
        _ => return Vec::new(),
    };
    let place = |(key, slot, port)| (key, slot, ServicePlace { slots, slot, port });
    services.into_iter().map(place).collect()
}

/// Writes the records of a service, each time another one first, and the addresses as a help.
#[cold]
pub(super) fn write(
    places: &[ServicePlace<'_>],
    context: RecordContext<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), Full> {
    let start = context.rotation.checked_rem(places.len()).unwrap_or(0);
    let Some(ServicePlace { slots, .. }) = places.first() else { return Ok(()) };
    let name = NodeName::new(&slots.names);
    let mut targets = Vec::with_capacity(places.len());
    for ServicePlace { slot, port, .. } in
        places.iter().skip(start).chain(places.iter().take(start))
    {
        reply.answer(rrtype::SRV, |octets| {
            push_srv(*port, octets);
            targets.push((*slot, octets.len()));
            name.write(*slot, octets);
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
