//! Thirty nodes of one job, of which some are killed at a stage of the barrier; judged by what their programs
//! tell.
//!
//! `BARRIER_RUNS` is the number of runs of each stage (1), `BARRIER_SEED` the seed of the first (1):
//!
//! ```text
//! BARRIER_RUNS=20 cargo test --test operating barrier_kills -- --nocapture
//! ```

use std::fs;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use support::random::Random;
use support::{Node, PATIENCE, PATTERN, Signal, until};

use super::{Scene, text};
use judge::{Ran, faults};

mod judge;

const NODES: u32 = 30;
const LEAST: usize = 20;
/// Seconds after which those who are killed are gone: enough for a busy machine to renew a lease.
const LEASE_TTL: &str = "6";
/// Seconds from its start in which a node has a list, or ends.
const TIMEOUT: u64 = 30;
/// What its end may take, and the start of so many nodes by two processors.
const SLACK: Duration = Duration::from_secs(15);
const MOST_KILLED: usize = 5;

/// When nodes are killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// Before all are named.
    Naming,
    /// Between that and the list.
    Fixing,
    /// Between the list and its start.
    Starting,
}

/// A node, and when it was killed.
struct Member {
    number: u32,
    node: Node,
    killed_at: Option<f64>,
    /// Whether it had ended by itself when its program was looked for.
    has_ended: bool,
}

/// What stands in etcd.
struct Seen {
    names: usize,
    /// The numbers of the nodes that wait for a list.
    waiting: Vec<u32>,
    /// The value of the list's key.
    list: Option<String>,
}

impl Seen {
    fn look(scene: &Scene) -> Seen {
        let keys = scene.etcd.keys();
        // What is not a name begins with the pattern.
        let names = keys.iter().filter(|(key, _)| !key.contains("{{")).count();
        let members = keys.iter().filter(|(key, _)| key.contains("%member%"));
        let waiting = members.filter_map(|(_, value)| number_in(value)).collect();
        let list = keys.into_iter().find(|(key, _)| key.ends_with('%')).map(|(_, list)| list);
        Seen { names, waiting, list }
    }

    fn is_list(&self, state: &str) -> bool {
        let state = format!(r#""state":"{state}""#);
        self.list.as_ref().is_some_and(|list| list.contains(&state))
    }
}

/// The number of the node that has this record, by its address.
fn number_in(value: &str) -> Option<u32> {
    let (_, rest) = value.split_once(r#""ipv4":"10.0.0."#)?;
    rest.split('"').next()?.parse().ok()
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64()
}

fn start(scene: &Scene, number: u32) -> Member {
    let [list, began, ended] = ["list", "began", "ended"].map(|it| scene.file(it, number));
    let script = format!(
        "at=$(date +%s.%N); cp \"$IDETCD_LIST_FILE\" {list}.copy; \
         trap 'date +%s.%N >{ended}; exit 0' TERM; \
         echo $IDETCD_NAME $IDETCD_RANK $IDETCD_COUNT $IDETCD_LIST_REVISION $IDETCD_REVISION $at >>{began}; \
         sleep 1000 & wait"
    );
    let (ipv4, timeout) = (format!("10.0.0.{number}"), TIMEOUT.to_string());
    let count = format!("{LEAST}:{NODES}");
    let endpoint = scene.etcd.endpoint();
    let common =
        ["exec", "--pattern", PATTERN, "--endpoints", &endpoint, "--listen", "127.0.0.1:0"];
    let record = ["--ipv4", &ipv4, "--ipv6", "none", "--port", "53", "--node-id", &ipv4];
    let job = ["--limit", "40", "--list-file", &list, "--count", &count, "--timeout", &timeout];
    let program = ["--lease-ttl", LEASE_TTL, "--", "sh", "-c", &script];
    let node = Node::start(&[&common[..], &record, &job, &program].concat());
    Member { number, node, killed_at: None, has_ended: false }
}

/// Waits for the moment. Returns the node that is held up so that it lasts, if one is to be.
fn wait_for(
    moment: Moment,
    scene: &Scene,
    members: &[Member],
    random: &mut Random,
    holds: bool,
) -> Option<u32> {
    let look = |what: &str, is_it: &dyn Fn(&Seen) -> bool| {
        until(PATIENCE * 2, what, || Some(Seen::look(scene)).filter(|seen| is_it(seen)))
    };
    let most = members.len() - 1;
    match moment {
        Moment::Naming => {
            let names = 1 + random.below(most);
            look("some are named", &|seen| seen.names >= names);
            None
        }
        Moment::Fixing => {
            let waiting = 1 + random.below(most);
            look("some wait", &|seen| seen.waiting.len() >= waiting);
            None
        }
        Moment::Starting => {
            let held = holds.then(|| {
                let least = 1 + random.below(LEAST - 1);
                let seen = look("some wait", &|seen| seen.waiting.len() >= least);
                let held = random.pick(&seen.waiting);
                let member = members.iter().find(|member| member.number == held);
                member.expect("one of ours").node.signal(Signal::STOP);
                held
            });
            look("the list is fixed", &|seen| seen.list.is_some());
            if holds {
                // The others join it meanwhile.
                std::thread::sleep(Duration::from_millis(random.below(200) as u64));
            }
            held
        }
    }
}

/// Whether nodes that were killed before this was seen were killed at that moment.
fn is_hit(moment: Moment, before: &Seen, after: &Seen) -> bool {
    match moment {
        Moment::Naming => before.names < NODES as usize,
        Moment::Fixing => after.list.is_none(),
        Moment::Starting => after.is_list("fixed"),
    }
}

/// What became of the programs of a node.
fn ran(scene: &Scene, member: &Member) -> Vec<Ran> {
    let list = fs::read_to_string(format!("{}.copy", scene.file("list", member.number)));
    let ended = text(&scene.file("ended", member.number)).and_then(|at| at.trim().parse().ok());
    // Of one that was killed by its node it is not known.
    let unknown = if member.has_ended { 0.0 } else { now() };
    let ended = member.killed_at.or(ended).unwrap_or(unknown);
    let lines = text(&scene.file("began", member.number)).unwrap_or_default();
    let list = list.unwrap_or_default();
    lines.lines().map(|line| Ran::read(member.number, line, ended, &list)).collect()
}

/// A run. Returns whether nodes were killed at the moment that was wanted.
fn run(moment: Moment, seed: u64) -> bool {
    let mut random = Random::new(seed);
    let scene = Scene::new();
    let began = Instant::now();
    // As many as are wanted at most fix a list at once: with one less there is time before that.
    let nodes = if moment == Moment::Fixing { NODES - 1 } else { NODES };
    let holds = seed % 2 == 1 || random.one_in(2);
    let nameless = 1 + random.below(nodes as usize) as u32;
    let nameless = (holds && moment == Moment::Naming).then_some(nameless);
    let start = |number| {
        let member = start(&scene, number);
        if nameless == Some(number) {
            member.node.signal(Signal::STOP);
        }
        member
    };
    let mut members: Vec<Member> = (1..=nodes).map(start).collect();
    let held = wait_for(moment, &scene, &members, &mut random, holds).or(nameless);
    let mut victims: Vec<u32> = held.into_iter().collect();
    let count = 1 + random.below(MOST_KILLED);
    while victims.len() < count {
        let victim = 1 + random.below(nodes as usize) as u32;
        if !victims.contains(&victim) {
            victims.push(victim);
        }
    }
    let before = Seen::look(&scene);
    for victim in &victims {
        let member = &mut members[*victim as usize - 1];
        member.killed_at = Some(now());
        member.node.kill();
    }
    let after = Seen::look(&scene);
    let is_hit = is_hit(moment, &before, &after);
    // Each of the others has a list, or ends for want of one.
    let deadline = began + Duration::from_secs(TIMEOUT) + SLACK;
    for member in members.iter_mut().filter(|member| member.killed_at.is_none()) {
        let left = deadline.saturating_duration_since(Instant::now());
        let what = format!("seed {seed}, {moment:?}: node {} has a list or ends", member.number);
        until(left, &what, || {
            let is_over = !ran(&scene, member).is_empty() || !member.node.is_running();
            is_over.then_some(())
        });
    }
    members.iter_mut().for_each(|member| member.has_ended = !member.node.is_running());
    let took = began.elapsed();
    let all: Vec<Ran> = members.iter().flat_map(|member| ran(&scene, member)).collect();
    let mut faults = faults(&all);
    let (mut late, mut lost) = (0, 0);
    for member in members.iter_mut().filter(|member| member.killed_at.is_none()) {
        if !ran(&scene, member).is_empty() {
            continue;
        }
        let log = member.node.log();
        if log.contains("so the program was ended; start anew") {
            // On a machine that is too busy to renew its lease.
            lost += 1;
        } else if log.contains("(--timeout)") {
            late += 1;
        } else {
            faults.push(format!("node {} ended without a list: {log}", member.number));
        }
    }
    if lost == 0 && late > members.len() - LEAST {
        faults.push(format!("{late} of {} nodes have no list", members.len()));
    }
    let revisions: std::collections::BTreeSet<u64> = all.iter().map(|ran| ran.revision).collect();
    println!(
        "{moment:?}, seed {seed}: killed {victims:?} of {nodes} {}; {} programs by the lists {revisions:?}, \
         {late} nodes late, {lost} lost their names, in {:.1} s",
        if is_hit { "in time" } else { "too late" },
        all.len(),
        took.as_secs_f64(),
    );
    let logs = || members.iter().map(|member| member.node.log()).collect::<String>();
    assert!(faults.is_empty(), "{moment:?}, seed {seed}: {faults:#?}\n{}", logs());
    for member in &mut members {
        if member.node.is_running() {
            member.node.signal(Signal::TERM);
        }
    }
    for member in members.iter_mut().filter(|member| member.killed_at.is_none()) {
        member.node.wait(PATIENCE);
    }
    is_hit
}

fn number(variable: &str, default: u64) -> u64 {
    let text = std::env::var(variable).unwrap_or_else(|_| default.to_string());
    text.parse().unwrap_or_else(|_| panic!("{variable} is a number"))
}

fn runs(moment: Moment) {
    let (runs, first) = (number("BARRIER_RUNS", 1), number("BARRIER_SEED", 1));
    let hits = (first..first + runs).filter(|seed| run(moment, *seed)).count();
    println!("{moment:?}: {hits} of {runs} runs in time");
    assert!(hits > 0, "nobody was killed at the moment that was wanted");
}

#[test]
fn nodes_that_are_killed_before_all_are_named_leave_one_list_and_right_ranks() {
    runs(Moment::Naming);
}

#[test]
fn nodes_that_are_killed_before_the_list_is_fixed_leave_one_list_and_right_ranks() {
    runs(Moment::Fixing);
}

#[test]
fn nodes_that_are_killed_before_the_list_is_started_leave_one_list_and_right_ranks() {
    runs(Moment::Starting);
}
