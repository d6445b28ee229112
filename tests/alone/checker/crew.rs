//! The nodes of a run, each on a host of its own, and an init that starts those that ended.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use support::network::{Host, Network};
use support::{Node, PATTERN, Signal, command, idetcd};

use super::plan::Plan;
use super::program;
use super::watcher::Watcher;
use super::{GRACE, LEASE};

/// The time that an init waits before it starts a process again.
const RESPAWN_AFTER: Duration = Duration::from_millis(100);
/// How long programs go on after SIGTERM, by the number of their node. The last one outlasts the
/// grace time.
const LINGERS: [Duration; 4] =
    [Duration::ZERO, Duration::ZERO, Duration::from_millis(800), Duration::from_secs(3)];

/// One node, whatever processes it is in the course of time.
pub struct Member {
    pub host: Host,
    /// Publishes this one's addresses rather than its own.
    pub twin_of: Option<Host>,
    limit: u32,
    node: Option<Node>,
    /// Whether a process of it is to run.
    is_wanted: bool,
    start_at: Instant,
    /// What its processes logged on earlier hosts.
    logs: String,
}

/// All of them.
pub struct Crew {
    pub members: Vec<Member>,
    pub watcher: Watcher,
    /// Hosts without a node.
    pub spare_hosts: Vec<Host>,
    endpoints: String,
    register: PathBuf,
    /// Nodes on one machine have to say that they are not one and the same.
    has_node_ids: bool,
    /// How many processes were started.
    pub starts: u32,
}

impl Crew {
    /// None of them runs yet.
    pub fn new(plan: &Plan, network: &Network, endpoints: &str, register: &Path) -> Crew {
        let count = plan.members() + plan.twins;
        let host = |number: usize| network.host(u8::try_from(number).expect("few"));
        let member = |index: usize| Member {
            host: host(index + 1),
            twin_of: None,
            limit: if index < plan.members() { plan.limit_of(index) } else { plan.limit() },
            node: None,
            is_wanted: false,
            start_at: Instant::now(),
            logs: String::new(),
        };
        let help = command(idetcd()).arg("--help").output().expect("idetcd");
        Crew {
            members: (0..count).map(member).collect(),
            watcher: Watcher::start(count, &super::lasting_name(1)),
            spare_hosts: (count + 1..=count + plan.spare_hosts).map(host).collect(),
            endpoints: endpoints.to_owned(),
            register: register.to_owned(),
            has_node_ids: String::from_utf8_lossy(&help.stdout).contains("--node-id"),
            starts: 0,
        }
    }

    pub fn linger(index: usize) -> Duration {
        LINGERS[index % LINGERS.len()]
    }

    /// Has a node run from now on, or run no more once it ended.
    pub fn want(&mut self, index: usize, wanted: bool) {
        self.members[index].is_wanted = wanted;
        self.members[index].start_at = Instant::now();
    }

    /// Starts what ended and is wanted. Call it often.
    pub fn attend(&mut self) {
        let now = Instant::now();
        for index in 0..self.members.len() {
            let member = &mut self.members[index];
            if let Some(node) = &mut member.node {
                if !node.is_running() {
                    self.watcher.is_down(index);
                    member.logs += &node.whole_log();
                    member.node = None;
                    member.start_at = now + RESPAWN_AFTER;
                }
            } else if member.is_wanted && member.start_at <= now {
                self.start(index);
            }
        }
    }

    /// Starts a node at once.
    pub fn start(&mut self, index: usize) {
        let arguments = self.arguments(index);
        let member = &mut self.members[index];
        let node = Node::start_by(&member.host.wrapper(), &arguments);
        let address = format!("{}:53", member.host.address()).parse().expect("an address");
        self.watcher.starts(index, address, node.child.id());
        member.node = Some(node);
        self.starts += 1;
    }

    fn arguments(&self, index: usize) -> Vec<String> {
        let member = &self.members[index];
        let mut arguments: Vec<String> = [
            "exec",
            "--pattern",
            PATTERN,
            "--limit",
            &member.limit.to_string(),
            "--endpoints",
            &self.endpoints,
            "--listen",
            &format!("{}:53", member.host.address()),
            "--lease-ttl",
            &LEASE.as_secs().to_string(),
            "--grace",
            &GRACE.as_secs().to_string(),
            "--etcd-timeout",
            "0.5",
            "--wait",
        ]
        .map(str::to_owned)
        .to_vec();
        if let Some(host) = member.twin_of {
            arguments.extend(["--ipv4".to_owned(), host.address()]);
        }
        if self.has_node_ids {
            arguments.extend(["--node-id".to_owned(), format!("node{index}")]);
        }
        arguments.push("--".to_owned());
        arguments.extend(program::words(&self.register, index, Crew::linger(index)));
        arguments
    }

    /// Whether a process of it runs.
    pub fn is_running(&mut self, index: usize) -> bool {
        self.members[index].node.as_mut().is_some_and(Node::is_running)
    }

    pub fn signal(&self, index: usize, signal: Signal) {
        if let Some(node) = &self.members[index].node {
            node.signal(signal);
        }
    }

    /// Ends a node's process without warning, and waits until it is gone.
    pub fn kill(&mut self, index: usize) {
        self.watcher.is_down(index);
        let member = &mut self.members[index];
        if let Some(mut node) = member.node.take() {
            node.kill();
            member.logs += &node.whole_log();
        }
        member.start_at = Instant::now();
    }

    /// What all its processes logged.
    pub fn log(&self, index: usize) -> String {
        let member = &self.members[index];
        let last = member.node.as_ref().map(Node::whole_log).unwrap_or_default();
        format!("{}{last}", member.logs)
    }
}
