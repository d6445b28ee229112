//! A randomised fault run, judged by what a register outside accepts.
//!
//! Nodes are started by `idetcd exec`, on hosts of their own and by an init that starts them again.
//! Their programs write to a [register] under the name and with the token that they were given.
//! Meanwhile things happen to [nodes](node_faults) and to [etcd](etcd_faults). Judged are
//!
//! - who wrote what when, by the [judge]'s table;
//! - that no query to a live node is lost, that a name which is always there is never denied, and
//!   that no answer waits for etcd, by the [watcher];
//! - that soon after the last fault every node has a name and answers what etcd holds: [convergence].
//!
//! A seed says what kind of run it is: see [plan]. `IDETCD_CHECK_SEED` chooses it (1), or a range of
//! them, and `IDETCD_CHECK_SECONDS` for how long the faults go on (50). Ten runs, all kinds among them:
//!
//! ```text
//! IDETCD_CHECK_SEED=1-10 cargo test --test alone checker::the_register -- --nocapture
//! ```

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::alone;
use support::network::{HUB, Network};
use support::random::Random;
use support::{Cluster, Directory, Signal, is_private};

use crew::Crew;
use etcd_faults::{Backup, EtcdTrouble, Event};
use machine::Machine;
use node_faults::NodeTrouble;
use plan::Plan;
use register::Register;
use story::{Disturbance, Story, Trouble};

mod convergence;
mod crew;
mod etcd_faults;
mod judge;
mod judge_tests;
mod machine;
mod node_faults;
mod plan;
mod program;
mod register;
mod report;
mod story;
mod watcher;

/// The lease of the nodes, and the grace time of their programs.
const LEASE: Duration = Duration::from_secs(4);
const GRACE: Duration = Duration::from_secs(1);

const SEED: &str = "IDETCD_CHECK_SEED";

/// The cluster, its nodes, and what is wrong with them now.
struct Run {
    plan: Plan,
    start: Instant,
    network: Network,
    cluster: Cluster,
    crew: Crew,
    register: Register,
    machine: Machine,
    /// Where the register's socket is.
    _directory: Directory,
    random: Random,
    story: Story,
    /// What convergence found.
    violations: Vec<String>,
    done: BTreeMap<String, u32>,
    node_troubles: Vec<NodeTrouble>,
    etcd_trouble: Option<EtcdTrouble>,
    backup: Option<Backup>,
}

/// The seeds that a text names, such as `3` or `1-10`.
fn seeds(text: &str) -> Option<Vec<u64>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some((first.parse().ok()?..=last.parse().ok()?).collect())
}

#[test]
fn the_register_accepts_one_owner_at_a_time_in_a_randomised_fault_run() {
    let _alone = alone();
    let text = std::env::var(SEED).unwrap_or_else(|_| "1".to_owned());
    let seeds = seeds(&text).expect("IDETCD_CHECK_SEED is a number or a range");
    let texts: Vec<String> = seeds.iter().map(u64::to_string).collect();
    if !is_private!(SEED, &texts) {
        return;
    }
    let seconds = std::env::var("IDETCD_CHECK_SECONDS").ok();
    let seconds = seconds.map_or(50, |text| text.parse().expect("a number of seconds"));
    let plan = Plan::of(seeds[0], seconds);
    println!("{plan:?}");
    let mut run = Run::set_up(plan);
    run.faults();
    run.undo_everything();
    run.stop_contenders();
    run.check_names();
    run.check_answers();
    run.check_changes();
    run.finish();
}

/// A name that is there from the start to the end.
fn lasting_name(number: u32) -> String {
    format!("worker{}.tf.local.", 1000 + number)
}

impl Run {
    fn set_up(plan: Plan) -> Run {
        let network = Network::set_up();
        let cluster = Cluster::start_at(HUB, 3);
        let directory = Directory::new();
        let start = Instant::now();
        let register = Register::start(&directory.path().join("register"), start);
        let crew = Crew::new(&plan, &network, &cluster.endpoints(), register.path());
        let mut run = Run {
            plan,
            start,
            network,
            cluster,
            crew,
            register,
            machine: Machine::watch(start),
            _directory: directory,
            random: Random::new(plan.seed),
            story: Story::default(),
            violations: Vec::new(),
            done: BTreeMap::new(),
            node_troubles: Vec::new(),
            etcd_trouble: None,
            backup: None,
        };
        run.put_lasting_names();
        for index in 0..plan.members() {
            run.crew.want(index, true);
            run.crew.attend();
        }
        run.check_names();
        run.check_answers();
        run
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn note(&mut self, what: String) {
        *self.done.entry(what).or_default() += 1;
    }

    /// Tells the story that trouble begins, and returns its place there.
    fn disturb(&mut self, node: Option<usize>, trouble: Trouble) -> usize {
        let (from, until) = (self.now(), Duration::MAX);
        self.story.disturbances.push(Disturbance { node, trouble, from, until });
        self.story.disturbances.len() - 1
    }

    fn over(&mut self, disturbance: Option<usize>) {
        if let Some(disturbance) = disturbance {
            self.story.disturbances[disturbance].until = self.now();
        }
    }

    fn faults(&mut self) {
        let began = Instant::now();
        let end = began + Duration::from_secs(self.plan.seconds);
        let mut events: Vec<(Duration, Event)> = self.events();
        // More nodes, more faults.
        let most = 1200 * 3 / self.plan.troubles;
        while Instant::now() < end {
            // Less and more than the lease.
            let most_length = 2 * LEASE.as_millis() as usize;
            let length = Duration::from_millis(300 + self.random.below(most_length) as u64);
            if self.random.one_in(4) {
                self.break_etcd(length);
            } else {
                self.break_a_node(length);
            }
            let pause = Duration::from_millis(200 + self.random.below(most) as u64);
            let next = (Instant::now() + pause).min(end);
            while Instant::now() < next {
                let now = Instant::now();
                self.mend_etcd(now);
                self.mend_nodes(now);
                if events.first().is_some_and(|(at, _)| began + *at <= now) {
                    let (_, event) = events.remove(0);
                    self.happens(event);
                }
                self.pass(Duration::from_millis(10));
            }
        }
    }

    fn undo_everything(&mut self) {
        let far = Instant::now() + Duration::from_secs(3600);
        self.mend_etcd(far);
        self.mend_nodes(far);
    }

    fn stop_contenders(&mut self) {
        let contenders = self.plan.lasting_members().end..self.plan.members();
        for index in contenders.clone() {
            self.crew.want(index, false);
            self.crew.signal(index, Signal::TERM);
        }
        // The slowest program among them ends some seconds later.
        while contenders.clone().any(|index| self.crew.is_running(index)) {
            self.pass(Duration::from_millis(10));
        }
    }
}
