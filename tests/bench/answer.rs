//! How long the answer to each kind of query takes, without sockets. Run by scripts/bench answers.

mod kinds;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use idetcd::dns::{Counters, Responder};
use std::hint::black_box;

/// Names in the directory; the group of each is beside them.
const SIZES: [u32; 3] = [1000, 10_000, 100_000];

fn answer(criterion: &mut Criterion) {
    for nodes in SIZES {
        let mut directory = kinds::directory(nodes);
        let responder = Responder::new(directory.keyspace(), 5).expect("zones");
        let counters = Counters::default();
        let mut reply = Vec::with_capacity(65_535);
        let mut group = criterion.benchmark_group(format!("{nodes} names"));
        group.throughput(Throughput::Elements(1));
        for kind in kinds::all() {
            directory.mark(kind.freshness);
            group.bench_function(kind.name, |bencher| {
                bencher.iter(|| {
                    let query = black_box(&kind.query);
                    responder.answer(query, kind.asker(), &directory, &counters, &mut reply)
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, answer);
criterion_main!(benches);
