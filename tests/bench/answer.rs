//! How long the answer to each kind of query takes, without sockets. Run by scripts/bench answers.

mod kinds;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use idetcd::dns::{Asker, Counters, Responder, Transport};
use std::hint::black_box;

/// Names in the directory; the group of each is beside them.
const SIZES: [u32; 3] = [1000, 10_000, 100_000];

fn answer(criterion: &mut Criterion) {
    for nodes in SIZES {
        let directory = kinds::directory(nodes);
        let responder = Responder::new(directory.keyspace(), 5).expect("a zone");
        let asker = Asker { address: [192, 0, 2, 1].into(), transport: Transport::Udp, now: 0 };
        let counters = Counters::default();
        let mut reply = Vec::with_capacity(4096);
        let mut group = criterion.benchmark_group(format!("{nodes} names"));
        group.throughput(Throughput::Elements(1));
        for kind in kinds::NAMES {
            let query = kinds::query(kind);
            group.bench_function(kind, |bencher| {
                bencher.iter(|| {
                    responder.answer(black_box(&query), asker, &directory, &counters, &mut reply)
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, answer);
criterion_main!(benches);
