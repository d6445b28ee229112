//! An answer asks for no memory: it is written into a buffer that is there, from records that are.

#[path = "../bench/kinds.rs"]
mod kinds;

use allocation_counter::measure;
use idetcd::dns::{Counters, Responder, Verdict};

/// Those that may: the targets of a group are noted, and texts and this node's name are put
/// together.
const MOST: [(&str, u64); 6] = [
    ("found-nsid", 3),
    ("group-srv-tcp", 3),
    ("version.bind", 2),
    ("hostname.bind", 4),
    ("slots.bind", 2),
    ("stats.bind", 24),
];

#[test]
fn answers_ask_for_no_memory() {
    let mut directory = kinds::directory(1000);
    let responder = Responder::new(directory.keyspace(), 5).expect("zones");
    let counters = Counters::default();
    let mut reply = Vec::with_capacity(65_535);
    for kind in kinds::all() {
        directory.mark(kind.freshness);
        let mut verdict = Verdict::Silent;
        let count = measure(|| {
            verdict =
                responder.answer(&kind.query, kind.asker(), &directory, &counters, &mut reply);
        });
        assert_ne!(verdict, Verdict::Silent, "{}", kind.name);
        println!("{}: {} allocations", kind.name, count.count_total);
        let most = MOST.iter().find(|(other, _)| *other == kind.name).map_or(0, |(_, most)| *most);
        assert!(count.count_total <= most, "{}: {} allocations", kind.name, count.count_total);
    }
}
