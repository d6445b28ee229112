//! Answers one kind of query over and over, so that its instructions can be counted:
//! `answer_kinds KIND TIMES NAMES`, out of so many names. Without arguments it prints the kinds.

mod kinds;

use std::hint::black_box;

use idetcd::dns::{Asker, Counters, Responder, Transport, Verdict};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (kind, times, names) = match arguments.as_slice() {
        [] => return println!("{}", kinds::NAMES.join("\n")),
        [kind, times, names] => (kind, times, names),
        _ => panic!("usage: answer_kinds KIND TIMES NAMES"),
    };
    let times: u32 = times.parse().expect("a number of times");
    let directory = kinds::directory(names.parse().expect("a number of names"));
    let query = kinds::query(kind);
    let responder = Responder::new(directory.keyspace(), 5).expect("a zone");
    let asker = Asker { address: [192, 0, 2, 1].into(), transport: Transport::Udp, now: 0 };
    let mut reply = Vec::with_capacity(4096);
    let counters = Counters::default();
    for _ in 0..times {
        let verdict = responder.answer(black_box(&query), asker, &directory, &counters, &mut reply);
        assert_ne!(black_box(verdict), Verdict::Silent);
        black_box(&reply);
    }
}
