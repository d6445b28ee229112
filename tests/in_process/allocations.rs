//! An answer asks for no memory: it is written into a buffer that is there, from records that are.

#[path = "../bench/kinds.rs"]
mod kinds;

use allocation_counter::measure;
use idetcd::dns::{Asker, Counters, Responder, Transport, Verdict};

/// Those that may: each address of a group is to be told once, and names are put together.
const MOST: [(&str, u64); 2] = [("group", 5), ("ptr", 3)];

#[test]
fn answers_ask_for_no_memory() {
    let directory = kinds::directory(1000);
    let responder = Responder::new(directory.keyspace(), 5).expect("a zone");
    let asker = Asker { address: [192, 0, 2, 1].into(), transport: Transport::Udp, now: 0 };
    let counters = Counters::default();
    let mut reply = Vec::with_capacity(4096);
    for kind in kinds::NAMES {
        let query = kinds::query(kind);
        let mut verdict = Verdict::Silent;
        let count = measure(|| {
            verdict = responder.answer(&query, asker, &directory, &counters, &mut reply);
        });
        assert_ne!(verdict, Verdict::Silent, "{kind}");
        println!("{kind}: {} allocations", count.count_total);
        let most = MOST.iter().find(|(other, _)| *other == kind).map_or(0, |(_, most)| *most);
        assert!(count.count_total <= most, "{kind}: {} allocations", count.count_total);
    }
}
