use super::*;

#[test]
fn a_name_is_written_as_labels_with_their_lengths() {
    let table: [(&str, &[u8]); 4] = [
        (".", b"\x00"),
        ("n.", b"\x01n\x00"),
        ("worker1.tf.local.", b"\x07worker1\x02tf\x05local\x00"),
        ("a.b.", b"\x01a\x01b\x00"),
    ];
    for (text, wire) in table {
        let mut octets = b"before.".to_vec();
        push_name_by(&mut octets, |name| name.extend_from_slice(text.as_bytes()));
        assert_eq!(octets, [b"before.", wire].concat(), "{text}");
    }
}

#[test]
fn addresses_fill_a_reply_to_its_last_octet_or_leave_it_as_it_was() {
    let all = [[10, 0, 0, 1], [10, 0, 0, 2], [10, 0, 0, 3]];
    let whole = HEADER + 3 * (RECORD_HEAD + 4);
    for (limit, fits) in [(whole, true), (whole - 1, false), (0, false)] {
        let header = Header { id: 1, flags: 0 };
        let mut octets = Vec::new();
        let mut reply = Reply::start(&mut octets, limit, header, 0, Rcode::NOERROR, None);
        reply.ttl = 0x0102_0304;
        let result = reply.addresses(1, [&all[1..], &all[..1]]);
        assert_eq!(result.is_ok(), fits, "{limit}");
        assert_eq!(octets[6..8], if fits { [0, 3] } else { [0, 0] });
        let records = octets[HEADER..].chunks(RECORD_HEAD + 4);
        let wanted = [all[1], all[2], all[0]].map(|address| {
            [&b"\xc0\x0c\x00\x01\x00\x01\x01\x02\x03\x04\x00\x04"[..], &address].concat()
        });
        assert!(records.eq(if fits { &wanted[..] } else { &[] }), "{octets:?}");
    }
}

#[test]
fn a_record_whose_owner_no_pointer_reaches_is_left_out() {
    let header = Header { id: 1, flags: 0 };
    let mut octets = Vec::new();
    let mut reply = Reply::start(&mut octets, 512, header, 0, Rcode::NOERROR, None);
    let mut record = |at| reply.record(Section::Additional, Owner::At(at), 1, |_| ());
    for offset in [0x4000, 0x7fff, 0xbfff, 0xc000, 0xffff, 0x1_0000] {
        assert_eq!(record(offset), Err(Full), "{offset:#x}");
    }
    assert_eq!(record(0x3fff), Ok(()));
    assert_eq!((octets.len(), &octets[HEADER..HEADER + 2]), (24, &[0xff, 0xff][..]));
}
