//! What a seed has in store: a scene, and the kinds of faults. Each seed has some of them only, so that one
//! does not hide another.

use std::time::Duration;

use idetcd::cluster::JobName;
use idetcd::node::{JobSettings, LeaseByNames, LeaseTtl, OnPeerLost, WhenFull};

use super::kind::FaultKind;
use crate::world::chance::Chance;
use crate::world::client::Login;
use crate::world::network::Weather;
use crate::world::scene::{ClientKind, Identity, NodeKind, NodeSpec, Published, Scene};

/// The port of every node whose machine has no other.
const PORT: u16 = 53;

/// The part of all kinds of faults that a seed has.
const ENABLED: f64 = 0.3;

/// What is asked of all runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wanted {
    /// The number of nodes; `None`: as the seed has it.
    pub nodes: Option<usize>,
    /// The kinds of faults; `None`: as the seed has it.
    pub faults: Option<Vec<FaultKind>>,
    /// The kinds of faults that no seed has.
    pub without: Vec<FaultKind>,
    /// Whether to have the clocks run at different rates; `None`: as the seed has it.
    pub clocks: Option<bool>,
    /// Whether many nodes live for long: up to a hundred, on leases of up to minutes, with an hour or
    /// so between times of faults.
    pub is_long: bool,
    /// Whether nodes run programs that start together.
    pub has_jobs: bool,
    /// Whether leases are the longer the more names there are, so that names go from one to another.
    pub has_auto_leases: bool,
    /// The names that somebody else has for ever: so many that they are read page by page; `None`: as the seed has it.
    pub strangers: Option<u32>,
    /// Whether nodes of the plugin are replaced by idetcd; `None`: as the seed has it.
    pub has_moves: Option<bool>,
    /// Whether some nodes take the table of all names from others, as the seed has it.
    pub has_tables: bool,
    /// The highest slot whose node watches all names at etcd itself, if not as the seed has it.
    pub watchers: Option<u32>,
}

/// What a seed has in store.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Members, machines and nodes.
    pub scene: Scene,
    /// Nodes that stand in for another host with the address of one of the others.
    pub twins: Vec<usize>,
    /// The kinds of faults.
    pub faults: Vec<FaultKind>,
    /// The time between two faults, about.
    pub pause: Duration,
    /// The time that a fault lasts, about.
    pub lasts: Duration,
    /// The time with faults.
    pub chaos: Duration,
    /// The time without, after that.
    pub calm: Duration,
    /// What becomes of messages while [`FaultKind::Storm`] lasts.
    pub weather: Weather,
    /// The slots that somebody else has for ever: those of a larger cluster.
    pub strangers: u32,
    /// Over which time nodes are started first.
    pub start_within: Duration,
    /// Whether etcd asks for users from the beginning.
    pub has_users: bool,
}

/// The user of those who name one.
pub fn login() -> Login {
    Login { name: "idetcd".to_owned(), password: "secret".to_owned() }
}

fn seconds(seconds: &[f64], chance: &mut Chance) -> Duration {
    Duration::from_secs_f64(chance.pick(seconds).unwrap_or(1.0))
}

impl Plan {
    /// Draws what this seed has in store.
    pub fn draw(seed: u64, wanted: &Wanted) -> Plan {
        let mut chance = Chance::new(seed, 10);
        let chance = &mut chance;
        let is_herd = chance.happens(0.02) && wanted.nodes.is_none();
        // Programs that end again and again keep a herd in the queue, and names free for longer than is judged.
        let is_herd = is_herd && !wanted.is_long && !wanted.has_jobs;
        let mut drawn = if is_herd { 35 + chance.below(20) } else { 3 + chance.below(8) };
        let mut long = wanted.is_long.then(|| Chance::new(seed, 11));
        if let Some(chance) = &mut long {
            drawn = chance.pick(&[8, 20, 50, 100, 100]).unwrap_or(drawn);
        }
        let count = wanted.nodes.unwrap_or(drawn);
        let strangers = if is_herd { 800 + chance.below(800) as u32 } else { 0 };
        let strangers = wanted.strangers.unwrap_or(strangers);
        let has_clocks = chance.happens(0.3);
        let has_clocks = wanted.clocks.unwrap_or(has_clocks);
        // Kinds that came later are drawn by themselves, so that seeds stay what they were.
        let mut later = Chance::new(seed, 13);
        let mut is_drawn = |kind: &FaultKind| match kind {
            FaultKind::MuteMember
            | FaultKind::RebootElsewhere
            | FaultKind::Drain
            | FaultKind::Unready => later.happens(ENABLED),
            _ => chance.happens(ENABLED),
        };
        let mut of_plugins = Chance::new(seed, 21);
        let has_moves = draw_moves(wanted, strangers, &mut of_plugins);
        let is_of_all = |kind: &FaultKind| !kind.is_of_tables() && !kind.is_of_plugins();
        let kinds = FaultKind::ALL.iter().copied().filter(is_of_all);
        let mut drawn: Vec<FaultKind> = kinds.filter(|kind| is_drawn(kind)).collect();
        let mut of_tables = Chance::new(seed, 19);
        let watchers = draw_watchers(wanted, &mut of_tables);
        let kinds = FaultKind::ALL.iter().copied().filter(|kind| kind.is_of_tables());
        let kinds = kinds.filter(|_| watchers > 0 && of_tables.happens(ENABLED));
        drawn.extend(kinds);
        if has_moves {
            let kinds = [FaultKind::Move, FaultKind::Move, FaultKind::TakePluginAddress];
            drawn.extend(kinds);
        }
        let mut faults = wanted.faults.clone().unwrap_or(drawn);
        faults.retain(|kind| !wanted.without.contains(kind));
        let mut lease_ttl = seconds(&[4.0, 6.0, 10.0, 20.0, 20.0, 20.0, 60.0, 300.0], chance);
        if let Some(chance) = &mut long {
            lease_ttl = seconds(&[20.0, 60.0, 120.0, 300.0, 500.0], chance);
        }
        let latency = seconds(&[0.0002, 0.0002, 0.0002, 0.002, 0.03, 0.1], chance);
        let members = chance.pick(&[1, 3, 3, 3, 5]).unwrap_or(1);
        let has_users = chance.happens(0.1);
        let mut nodes = Nodes::draw(count, strangers, members, lease_ttl, has_users, chance).specs;
        if wanted.is_long {
            // Each renewal of one is a change that all others are told.
            let is_plugin = |node: &&mut NodeSpec| node.kind == NodeKind::Plugin;
            let plugins = nodes.iter_mut().filter(is_plugin).skip(1);
            plugins.for_each(|node| node.kind = NodeKind::Idetcd(WhenFull::Wait, None));
            // To prove that nothing is missed is most of what an idle node does.
            let max_lag = seconds(&[15.0, 60.0, 300.0], &mut Chance::new(seed, 14));
            nodes.iter_mut().for_each(|node| node.max_lag = max_lag);
        }
        let mut beside = Chance::new(seed, 12);
        let balanced = beside.pick(&[0.0, 0.0, 0.0, 0.5, 1.0]).unwrap_or(0.0);
        nodes.iter_mut().for_each(|node| node.has_balancer = beside.happens(balanced));
        let mut disks = Chance::new(seed, 17);
        let remembering = disks.pick(&[0.0, 0.0, 0.5, 1.0]).unwrap_or(0.0);
        nodes.iter_mut().for_each(|node| node.remembers = disks.happens(remembering));
        nodes.iter_mut().for_each(|node| node.watchers = watchers);
        if has_moves {
            set_plugins(&mut nodes, &mut of_plugins);
        }
        let twins = twins(&mut nodes, &faults, chance);
        // With one ID and one address, nothing tells one from the other.
        let may_be_clones = faults.contains(&FaultKind::RebootElsewhere) && twins.is_empty();
        let are_clones = may_be_clones && Chance::new(seed, 15).happens(0.3);
        if are_clones {
            nodes.iter_mut().for_each(|node| node.identity = Identity::Clone);
        }
        let machines = nodes.iter().map(|node| node.machine + 1).max().unwrap_or(0);
        let mut ppm = || if has_clocks { chance.below(20_001) as i32 - 10_000 } else { 0 };
        let machines = (0..machines).map(|_| ppm()).collect();
        let part = |chance: &mut Chance| chance.pick(&[0.0, 0.01, 0.05, 0.2]).unwrap_or(0.0);
        let weather = Weather {
            lost_request: part(chance),
            lost_reply: part(chance),
            late_request: part(chance),
            late_reply: part(chance),
            twice: part(chance),
            late_by: seconds(&[0.5, 2.0, 10.0], chance).max(lease_ttl / 2),
        };
        let mut pause = seconds(&[0.5, 2.0, 2.0, 5.0, 15.0], chance);
        let lasts = seconds(&[0.5, 3.0, 3.0, 10.0, 30.0], chance);
        let mut chaos = seconds(&[20.0, 60.0, 120.0], chance);
        let mut calm = seconds(&[20.0, 30.0, 60.0], chance);
        if let Some(chance) = &mut long {
            pause = seconds(&[5.0, 15.0, 30.0], chance);
            chaos = seconds(&[60.0, 120.0, 300.0], chance);
            calm = seconds(&[1200.0, 3600.0, 7200.0], chance);
        }
        if wanted.has_jobs {
            let chance = &mut Chance::new(seed, 15);
            lease_ttl = lease_ttl.min(Duration::from_secs(20));
            set_job(&mut nodes, lease_ttl, chance);
            // Those who are lost are so for a lease, and the others look around by and by.
            calm = calm.max(Duration::from_secs(150));
        }
        if wanted.has_auto_leases {
            set_auto_lease(&mut nodes, wanted.is_long, &mut Chance::new(seed, 18));
        }
        Plan {
            scene: Scene {
                members,
                latency,
                service: Duration::from_millis(1),
                has_costs: false,
                restart: Duration::from_secs(if wanted.is_long { 60 } else { 2 }),
                machines,
                nodes,
                client: ClientKind::Direct,
            },
            twins,
            faults,
            pause,
            lasts,
            chaos,
            calm,
            weather,
            strangers,
            start_within: seconds(&[0.0, 0.0, 0.01, 1.0, 10.0], chance),
            has_users,
        }
    }

    /// A plan in which nothing goes wrong.
    pub fn quiet(nodes: usize) -> Plan {
        let wanted = Wanted { nodes: Some(nodes), faults: Some(Vec::new()), ..Wanted::default() };
        let mut plan = Plan::draw(0, &wanted);
        let mut chance = Chance::new(0, 0);
        let ttl = Duration::from_secs(20);
        plan.scene.members = 3;
        plan.scene.latency = Duration::from_micros(200);
        plan.scene.machines = vec![0; nodes];
        plan.scene.nodes = Nodes::draw(nodes, 0, 3, ttl, false, &mut chance).specs;
        for (number, node) in plan.scene.nodes.iter_mut().enumerate() {
            node.machine = number;
            node.kind = NodeKind::Idetcd(WhenFull::Wait, None);
            node.limit = 2 * nodes as u32;
            node.endpoints = vec![0, 1, 2];
            node.has_balancer = false;
            node.remembers = false;
        }
        plan.has_users = false;
        plan.start_within = Duration::ZERO;
        plan
    }

    /// The highest limit of all nodes.
    pub fn limit(&self) -> u32 {
        self.scene.nodes.iter().map(|node| node.limit).max().unwrap_or(1)
    }
}

/// Draws the highest slot whose node watches for others. Programs that start together are followed at etcd.
fn draw_watchers(wanted: &Wanted, chance: &mut Chance) -> u32 {
    let few = chance.pick(&[0, 0, 0, 1, 2, 3, 4]);
    let more = chance.pick(&[0, 4, 6, 8, 16]);
    let drawn = if wanted.is_long { more } else { few };
    let drawn = drawn.filter(|_| wanted.has_tables);
    wanted.watchers.or(drawn).unwrap_or(0)
}

/// Draws whether nodes of the plugin are replaced. It reads name by name, and knows nothing of programs that start
/// together.
fn draw_moves(wanted: &Wanted, strangers: u32, chance: &mut Chance) -> bool {
    let drawn = chance.happens(0.2);
    let is_possible = strangers == 0 && !wanted.is_long && !wanted.has_jobs;
    match &wanted.faults {
        Some(faults) => faults.iter().any(|kind| kind.is_of_plugins()),
        None => is_possible && wanted.has_moves.unwrap_or(drawn),
    }
}

/// Makes nodes those of the plugin, most of which publish what tells their host, and lets most others listen on all of
/// its addresses.
fn set_plugins(nodes: &mut [NodeSpec], chance: &mut Chance) {
    for node in nodes {
        if chance.happens(0.5) {
            node.kind = NodeKind::Plugin;
        }
        node.has_link_local = chance.happens(0.8);
        node.has_port = chance.happens(0.8);
    }
}

/// The nodes of a scene.
struct Nodes {
    specs: Vec<NodeSpec>,
}

impl Nodes {
    fn draw(
        count: usize,
        strangers: u32,
        members: usize,
        lease_ttl: Duration,
        has_users: bool,
        chance: &mut Chance,
    ) -> Nodes {
        let number = u32::try_from(count).unwrap_or(u32::MAX);
        let most = chance.pick(&[number * 2, number + 1, number, number.saturating_sub(2)]);
        let most = most.unwrap_or(number).max(1);
        let (few, are_mixed) = (1 + chance.below(count.max(1)) as u32, chance.happens(0.25));
        let waits = chance.pick(&[1.0, 1.0, 1.0, 0.5, 0.0]).unwrap_or(1.0);
        let programs = chance.pick(&[0.0, 0.0, 0.0, 0.5, 1.0]).unwrap_or(0.0);
        let plugins = chance.pick(&[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.2]).unwrap_or(0.0);
        let shared = chance.pick(&[0.0, 0.0, 0.5]).unwrap_or(0.0);
        let published = chance.pick(&[Published::Given, Published::Found]);
        let published = published.unwrap_or(Published::Given);
        let identity =
            chance.pick(&[Identity::Machine, Identity::Machine, Identity::Boot, Identity::None]);
        let identity = identity.unwrap_or(Identity::None);
        let lonely = chance.pick(&[0.0, 0.0, 0.5, 1.0]).unwrap_or(0.0);
        let timeout = seconds(&[0.5, 2.0, 2.0, 2.0, 5.0], chance);
        let grace = seconds(&[0.5, 2.0, 5.0], chance).min(lease_ttl / 3);
        let max_stale = seconds(&[0.0, 30.0, 86_400.0], chance);
        let max_lag = seconds(&[5.0, 15.0, 15.0, 60.0], chance);
        let mut specs: Vec<NodeSpec> = Vec::new();
        for _ in 0..count {
            let last = specs.last().map(|node: &NodeSpec| (node.machine, node.port));
            let (machine, port) = match last {
                Some((machine, port)) if chance.happens(shared) => (machine, port + 1),
                Some((machine, _)) => (machine + 1, PORT),
                None => (0, PORT),
            };
            let when_full = if chance.happens(waits) { WhenFull::Wait } else { WhenFull::Exit };
            let program = chance.happens(programs).then_some(grace);
            let kind = match chance.happens(plugins) && strangers == 0 {
                true => NodeKind::Plugin,
                false => NodeKind::Idetcd(when_full, program),
            };
            let endpoints = match chance.happens(lonely) {
                true => vec![chance.below(members)],
                false => (0..members).collect(),
            };
            specs.push(NodeSpec {
                machine,
                kind,
                limit: strangers + if are_mixed && chance.happens(0.5) { few } else { most },
                lease_ttl,
                auto_lease: None,
                max_stale,
                max_lag,
                endpoints,
                has_balancer: false,
                timeout,
                published,
                has_link_local: false,
                has_port: false,
                identity,
                remembers: false,
                port,
                login: has_users.then(login),
                job: None,
                watchers: 0,
            });
        }
        Nodes { specs }
    }
}

/// Has leases follow the number of names. A few names more make them twice as long.
fn set_auto_lease(nodes: &mut [NodeSpec], is_long: bool, chance: &mut Chance) {
    let (shortest, longest) = if is_long { (20, 300) } else { (4, 24) };
    let (shortest, longest) = (Duration::from_secs(shortest), Duration::from_secs(longest));
    let each = seconds(&[1.0, 2.0, 2.5, 5.0], chance);
    let auto = LeaseTtl::ByNames(LeaseByNames { shortest, each, longest });
    for node in nodes {
        if let NodeKind::Idetcd(_, program) = &mut node.kind {
            *program = program.map(|grace| grace.min(shortest / 3));
            (node.auto_lease, node.lease_ttl) = (Some(auto), longest);
        }
    }
}

/// Has nodes run programs that start together, and end after a while.
fn set_job(nodes: &mut [NodeSpec], lease_ttl: Duration, chance: &mut Chance) {
    let count = nodes.len();
    let least = chance.pick(&[1, 2, count / 2, count.saturating_sub(1), count]).unwrap_or(2).max(1);
    let most = chance.pick(&[least, count]).unwrap_or(least).max(least);
    let on_peer_lost = chance.pick(&[OnPeerLost::Keep, OnPeerLost::End]);
    let on_peer_lost = on_peer_lost.unwrap_or(OnPeerLost::Keep);
    let job = JobSettings { name: JobName::default(), least, most, on_peer_lost, timeout: None };
    let outside = chance.pick(&[0.0, 0.0, 0.2]).unwrap_or(0.0);
    for node in nodes {
        node.lease_ttl = lease_ttl;
        if let NodeKind::Idetcd(when_full, program) = node.kind {
            let grace = program.unwrap_or(Duration::from_secs(1)).min(lease_ttl / 3);
            node.kind = NodeKind::Idetcd(when_full, Some(grace));
            node.job = (!chance.happens(outside)).then(|| job.clone());
        }
    }
}

/// Adds another host for the address of some node, if a fault needs one.
fn twins(nodes: &mut Vec<NodeSpec>, faults: &[FaultKind], chance: &mut Chance) -> Vec<usize> {
    let likely = [FaultKind::TakeAddress, FaultKind::TakePluginAddress];
    if !likely.iter().any(|kind| faults.contains(kind)) {
        return Vec::new();
    }
    let Some(first) = nodes.first().cloned() else { return Vec::new() };
    let machine = nodes.iter().map(|node| node.machine + 1).max().unwrap_or(0);
    let endpoints = chance.pick(nodes).map_or(first.endpoints.clone(), |node| node.endpoints);
    let kind = match first.kind {
        NodeKind::Plugin => NodeKind::Idetcd(WhenFull::Wait, None),
        kind => kind,
    };
    let published = Published::Given;
    nodes.push(NodeSpec { machine, kind, published, port: PORT, endpoints, ..first });
    vec![nodes.len() - 1]
}
