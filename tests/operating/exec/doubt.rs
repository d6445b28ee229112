//! `--when-in-doubt keep`: the program goes on while etcd does not say whose the name is, and ends when it does.

use std::fs;

use support::{Etcd, Node, PATIENCE, PATTERN, Proxy, Signal, until};

use super::lease::{Worker, uptime};

const KEEP: [&str; 4] = ["--when-in-doubt", "keep", "--grace", "1"];

impl Worker {
    /// Waits until its program did something after that, in seconds of uptime.
    fn wait_for_beat_after(&self, at: f64) {
        until(PATIENCE, "the program goes on", || {
            self.beats().last().is_some_and(|beat| *beat > at).then_some(())
        });
    }
}

#[test]
fn a_program_that_is_kept_outlives_an_outage_of_etcd_that_its_name_outlives() {
    let mut etcd = Etcd::start();
    let worker = Worker::start(&etcd.endpoint(), 1, 3, &KEEP);
    worker.wait_until_it_runs();
    let token = etcd.mod_revision_of("worker1.tf.local.");
    etcd.kill();
    let killed = uptime();
    worker.node.wait_for_log("(--when-in-doubt)");
    assert!(uptime() - killed > 1.5, "{}", worker.node.log());
    // When the lease would have ended it twice over.
    worker.wait_for_beat_after(killed + 6.0);
    etcd.restart();
    worker.node.wait_for_log("kept worker1.tf.local.");
    worker.wait_for_beat_after(uptime());
    assert_eq!(worker.asked_at(), None, "{}", worker.node.log());
    assert_eq!(etcd.mod_revision_of("worker1.tf.local."), token, "it is as it was");
}

#[test]
fn a_program_that_is_kept_ends_when_etcd_tells_that_the_name_is_anothers() {
    let etcd = Etcd::start();
    let proxy = Proxy::new(&etcd.address());
    let mut first = Worker::start(&proxy.endpoint(), 1, 3, &KEEP);
    first.wait_until_it_runs();
    let second = Worker::start(&etcd.endpoint(), 2, 3, &[]);
    second.node.wait_for_log("waiting for one");
    proxy.freeze(true);
    // This is what is given up: two programs under one name.
    second.wait_until_it_runs();
    first.wait_for_beat_after(second.beats()[0]);
    let mended = uptime();
    proxy.freeze(false);
    let ended = first.ended_at();
    println!("gone {:.2} s after the cut was mended", ended - mended);
    // It is asked at once, and an uptime has hundredths of a second.
    assert!(first.asked_at().is_some_and(|asked| asked >= mended), "{}", first.node.log());
    first.node.wait_for_log("exec: worker1.tf.local was lost");
    assert!(!first.node.log().contains("re-claimed"), "{}", first.node.log());
}

#[test]
fn a_program_that_is_kept_goes_on_though_the_node_is_frozen_and_ends_where_it_is_killed() {
    let etcd = Etcd::start();
    let mut worker = Worker::start(&etcd.endpoint(), 1, 3, &KEEP);
    worker.wait_until_it_runs();
    worker.node.signal(Signal::STOP);
    worker.wait_for_beat_after(uptime() + 4.0);
    worker.node.signal(Signal::CONT);
    let woken = uptime();
    // Its lease is over by now, and with it the name.
    assert!(worker.ended_at() > woken, "{}", worker.node.log());
    worker.node.wait_for_log("exec: worker1.tf.local was lost");

    let mut worker = Worker::start(&etcd.endpoint(), 2, 3, &KEEP);
    worker.wait_until_it_runs();
    let group = worker.group().expect("a process group");
    worker.node.kill();
    let process = format!("/proc/{}/cmdline", group.trim_start_matches('-'));
    let is_gone = || fs::read(&process).map_or(true, |words| words.is_empty()).then_some(());
    until(PATIENCE, "the program is gone", is_gone);
}

#[test]
fn a_wrong_word_is_told() {
    let doubt = ["exec", "--pattern", PATTERN, "--when-in-doubt", "x", "--", "true"];
    let mut node = Node::start(&doubt);
    assert_eq!(node.wait(PATIENCE).code(), Some(2), "{}", node.log());
    let wanted = "idetcd: --when-in-doubt: \"x\" is neither end nor keep";
    assert!(node.log().starts_with(wanted), "{}", node.log());
}
