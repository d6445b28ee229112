//! What is not a transfer of the zone that was asked for is an error, and never more than that.

use super::*;
use crate::cluster::Directory;
use crate::cluster::testing::Chance;
use crate::dns::transfer_in::WholeTable;
use crate::dns::wire::ExtendedError;
use writer::a;

const WHOLE: TransferRequest = TransferRequest::Whole;
const SINCE_5: TransferRequest = TransferRequest::Since(5);

fn outcome(request: TransferRequest, messages: &[Vec<u8>]) -> Result<TransferState, TransferError> {
    read_all(&mut reader(request), messages).map(|(_, state)| state)
}

fn of_records(
    request: TransferRequest,
    records: &[Record],
) -> Result<TransferState, TransferError> {
    outcome(request, &[Stream::new(ZONE, request).message(records, true)])
}

#[test]
fn soas_out_of_place_are_errors() {
    let (start, end, node) = (soa(ZONE, 9), soa(ZONE, 9), a("worker1.tf.local.", 1));
    let soa = |serial| soa(ZONE, serial);
    let contradiction = Err(TransferError::Contradiction);
    let all = |records: &[&Record]| records.iter().map(|it| (*it).clone()).collect::<Vec<_>>();
    let table = [
        (WHOLE, all(&[&start, &node, &end]), Ok(TransferState::End)),
        (WHOLE, all(&[&start, &end]), Ok(TransferState::End)),
        (WHOLE, all(&[&start, &node]), Ok(TransferState::More)),
        (WHOLE, all(&[&start]), Ok(TransferState::More)),
        (WHOLE, all(&[]), contradiction),
        (WHOLE, all(&[&node, &start, &end]), contradiction),
        (WHOLE, all(&[&start, &node, &soa(8)]), contradiction),
        (WHOLE, all(&[&start, &end, &node]), contradiction),
        (WHOLE, all(&[&start, &end, &end]), contradiction),
        (WHOLE, all(&[&writer::soa("b.", 9)]), Err(TransferError::OtherZone)),
        (WHOLE, all(&[&start, &writer::soa("a.tf.local.", 9)]), Err(TransferError::OtherZone)),
        (SINCE_5, all(&[&start, &soa(5), &node, &start, &end]), Ok(TransferState::End)),
        (SINCE_5, all(&[&start, &soa(5), &soa(7), &soa(7), &start, &end]), Ok(TransferState::End)),
        (SINCE_5, all(&[&start, &soa(5), &soa(7), &soa(8), &start, &end]), contradiction),
        (SINCE_5, all(&[&start, &soa(6), &start, &end]), contradiction),
        (SINCE_5, all(&[&start, &soa(5), &start, &node]), Ok(TransferState::More)),
        (SINCE_5, all(&[&start, &soa(5), &soa(7), &end]), contradiction),
        (SINCE_5, all(&[&start, &soa(5), &start, &end, &node]), contradiction),
        (SINCE_5, all(&[&start, &end]), Ok(TransferState::End)),
        (SINCE_5, all(&[&start]), Ok(TransferState::More)),
        (SINCE_5, all(&[&soa(4)]), Err(TransferError::Older)),
        (SINCE_5, all(&[&soa(5u32.wrapping_add(1 << 31))]), Err(TransferError::Older)),
        (SINCE_5, all(&[&soa(4), &node, &soa(4)]), Ok(TransferState::End)),
        (SINCE_5, all(&[&soa(5)]), Ok(TransferState::End)),
        (SINCE_5, all(&[&soa(5), &node]), Ok(TransferState::More)),
        (SINCE_5, all(&[&soa(5), &node, &soa(5)]), Ok(TransferState::End)),
        (SINCE_5, all(&[&soa(5), &soa(5), &node, &soa(5)]), contradiction),
        (TransferRequest::Soa, all(&[&start]), Ok(TransferState::End)),
        (TransferRequest::Soa, all(&[&start, &node]), contradiction),
    ];
    for (number, (request, records, wanted)) in table.into_iter().enumerate() {
        assert_eq!(of_records(request, &records), wanted, "{number}");
    }
}

#[test]
fn messages_that_belong_elsewhere_are_errors() {
    let all = [soa(ZONE, 9), soa(ZONE, 9)];
    let stream = |change: &dyn Fn(&mut Stream)| {
        let mut stream = Stream::new(ZONE, WHOLE);
        change(&mut stream);
        outcome(WHOLE, &[stream.message(&all, true)])
    };
    assert_eq!(stream(&|_| {}), Ok(TransferState::End));
    let other_message = Err(TransferError::OtherMessage);
    assert_eq!(stream(&|it| it.id += 1), other_message);
    assert_eq!(stream(&|it| it.flags = 0), other_message, "a query");
    assert_eq!(stream(&|it| it.flags |= flag::TC), other_message);
    assert_eq!(stream(&|it| it.flags |= 0x2000), other_message, "NOTIFY");
    let other_question = Err(TransferError::OtherQuestion);
    assert_eq!(stream(&|it| it.request = SINCE_5), other_question);
    assert_eq!(stream(&|it| it.zone = "b.".into()), other_question);
    assert_eq!(stream(&|it| it.class = 3), Err(TransferError::Contradiction));
    assert_eq!(stream(&|it| it.flags |= 5), Err(TransferError::Refused(Rcode::REFUSED)));
    let failed = |error: u8| {
        stream(&|it| {
            it.flags |= 2;
            it.additional = vec![
                [&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 6][..], &[0, 15, 0, 2, 0, error]].concat(),
            ];
        })
    };
    assert_eq!(failed(3), Err(TransferError::Stale));
    assert_eq!(failed(14), Err(TransferError::Refused(Rcode::SERVFAIL)), "it is not ready");
    let without = |has_question| Stream::new(ZONE, WHOLE).message(&all[..1], has_question);
    assert_eq!(outcome(WHOLE, &[without(false)]), other_question);
    assert_eq!(outcome(WHOLE, &[without(true), without(false)]), Ok(TransferState::End));
}

#[test]
fn data_that_is_not_of_its_type_is_an_error_at_the_name_of_a_node_alone() {
    let table: [(u16, &[u8]); 6] = [
        (rrtype::A, b"abc"),
        (rrtype::A, b"abcde"),
        (rrtype::AAAA, b"abcd"),
        (rrtype::SRV, b"abcdef"),
        (rrtype::SOA, b"\0\0abcd"),
        (rrtype::SOA, b""),
    ];
    for (rrtype, data) in table {
        for (owner, is_read) in [("worker1.tf.local.", true), ("other.tf.local.", false)] {
            let bad = Record { owner: owner.to_owned(), rrtype, data: data.to_vec() };
            let read = of_records(WHOLE, &[soa(ZONE, 9), bad, soa(ZONE, 9)]);
            let is_soa = rrtype == rrtype::SOA;
            assert_eq!(read.is_err(), is_read || is_soa, "{rrtype} {owner}");
        }
    }
}

#[test]
fn a_message_that_is_cut_off_or_has_something_left_over_is_an_error() {
    let mut stream = Stream::new(ZONE, WHOLE);
    stream.additional =
        vec![[&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 6][..], &[0, 15, 0, 2, 0, 3]].concat()];
    let message = stream.message(&[soa(ZONE, 9), a("worker1.tf.local.", 1), soa(ZONE, 9)], true);
    let mut reader = reader(WHOLE);
    assert_eq!(reader.read(&message, &mut Vec::new()), Ok(TransferState::End));
    assert!(reader.is_stale());
    assert_eq!(ExtendedError::StaleAnswer as u16, 3);
    for length in 0..message.len() {
        assert!(outcome(WHOLE, &[message[..length].to_vec()]).is_err(), "{length}");
    }
    assert_eq!(outcome(WHOLE, &[[&message[..], &[0]].concat()]), Err(TransferError::Malformed));
}

#[test]
fn no_octets_make_it_panic() {
    let mut chance = Chance(9);
    let records = [soa(ZONE, 9), soa(ZONE, 5), a("worker1.tf.local.", 1), soa(ZONE, 9)];
    let message = Stream::new(ZONE, SINCE_5).message(&records, true);
    for _ in 0..20_000 {
        let mut broken = message.clone();
        for _ in 0..=chance.below(3) {
            let at = chance.below(broken.len() as u32) as usize;
            broken[at] = chance.below(256) as u8;
        }
        for request in [WHOLE, SINCE_5] {
            let _ = outcome(request, std::slice::from_ref(&broken));
        }
    }
}

#[test]
fn a_server_that_never_ends_is_stopped_by_names_and_by_records() {
    let zones = zones(20);
    let mut whole = WholeTable::new(&Directory::new(zones.keyspace.clone()), &zones);
    let mut reader = reader(WHOLE);
    let stream = Stream::new(ZONE, WHOLE);
    let mut number = 0;
    let (mut error, mut changes) = (None, Vec::new());
    reader.read(&stream.message(&[soa(ZONE, 9)], true), &mut changes).expect("a beginning");
    while error.is_none() {
        let names = (number..number + 500).map(|number| a(&format!("ps{number}.tf.local."), 1));
        number += 500;
        reader
            .read(&stream.message(&names.collect::<Vec<_>>(), false), &mut changes)
            .expect("more");
        let taken: Result<(), _> =
            changes.drain(..).try_for_each(|(place, change)| whole.take(place, change));
        error = taken.err();
    }
    assert_eq!(error, Some(TransferError::TooLong));
    assert!((1000..3000).contains(&number), "{number}");

    // The same names again and again, or names of nobody.
    let other = stream.message(&vec![a("other.tf.local.", 1); 1000], false);
    let most = zones.most_records();
    let taken = (0..).take_while(|_| reader.read(&other, &mut changes).is_ok()).count();
    assert!(most < 100_000 && taken as u64 <= most / 1000, "{taken}");
    assert!(changes.is_empty());
}
