//! What is done to etcd, or to all at once.

use std::time::{Duration, Instant};

use serde_json::json;
use support::etcd::encode;
use support::network::Host;
use support::{Etcd, Signal};

use super::story::{Restore, Trouble};
use super::{LEASE, Run, lasting_name};

#[derive(Clone, Copy, Debug)]
enum EtcdFault {
    FreezeMember,
    KillMember,
    KillAll,
    Compact,
}

const FAULTS: [EtcdFault; 4] =
    [EtcdFault::FreezeMember, EtcdFault::KillMember, EtcdFault::KillAll, EtcdFault::Compact];

/// What is wrong with etcd now.
pub struct EtcdTrouble {
    pub undo_at: Instant,
    member: usize,
    fault: EtcdFault,
    /// Whether the member led.
    led: bool,
    disturbance: usize,
}

/// What was saved, and who died then.
pub struct Backup {
    octets: Vec<u8>,
    dead: Option<usize>,
}

/// So long the others are kept away for the first node to come back: their leases go on meanwhile.
const FIRST_BACK: Duration = Duration::from_millis(700);

/// What happens at a time of its own.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    SaveBackup,
    RestoreBackup,
    PowerCut,
}

impl Run {
    /// When what happens, from the start of the faults on.
    pub fn events(&self) -> Vec<(Duration, Event)> {
        let all = Duration::from_secs(self.plan.seconds);
        let mut events = Vec::new();
        for number in 0..self.plan.restores {
            let share = all / self.plan.restores;
            let at = |tenths: u32| share * number + share / 10 * tenths;
            events.push((at(2), Event::SaveBackup));
            events.push((at(6), Event::RestoreBackup));
        }
        if self.plan.power_cut {
            events.push((all / 2, Event::PowerCut));
        }
        events.sort_by_key(|(at, _)| *at);
        events
    }

    pub fn happens(&mut self, event: Event) {
        self.mend_etcd(Instant::now() + LEASE);
        match event {
            Event::SaveBackup => self.save(),
            Event::RestoreBackup => self.restore(),
            Event::PowerCut => self.cut_power(),
        }
        self.note(format!("{event:?}"));
    }

    pub fn is_etcd_broken(&self) -> bool {
        self.etcd_trouble.is_some()
    }

    /// Begins some fault of etcd.
    pub fn break_etcd(&mut self, length: Duration) {
        if self.is_etcd_broken() {
            return;
        }
        let fault = self.random.pick(&FAULTS);
        let member = self.random.below(3);
        // A leader that is thawed ends leases that its successor keeps alive (etcd's issue 15247) if they were
        // renewed longer than a lease ago when it was frozen, as it knows: of few nodes, then.
        let length = length.min(LEASE / 2);
        let led = self.cluster.members[member].is_leader() == Some(true);
        match fault {
            EtcdFault::FreezeMember => self.cluster.members[member].signal(Signal::STOP),
            EtcdFault::KillMember => self.cluster.members[member].kill(),
            EtcdFault::KillAll => self.cluster.members.iter_mut().for_each(Etcd::kill),
            EtcdFault::Compact => {
                if self.cluster.any().compact() {
                    self.note(format!("{fault:?}"));
                }
                return;
            }
        }
        self.note(format!("{fault:?}"));
        let undo_at = Instant::now() + length;
        let disturbance = self.disturb(None, Trouble::CutOff);
        self.etcd_trouble = Some(EtcdTrouble { undo_at, member, fault, led, disturbance });
    }

    /// Ends what is wrong with etcd, if it is time to.
    pub fn mend_etcd(&mut self, now: Instant) {
        let Some(trouble) = self.etcd_trouble.take_if(|trouble| trouble.undo_at <= now) else {
            return;
        };
        let is_deposed =
            matches!(trouble.fault, EtcdFault::FreezeMember)
                && trouble.led
                && self.cluster.members.iter().enumerate().any(|(index, member)| {
                    index != trouble.member && member.is_leader() == Some(true)
                });
        if is_deposed {
            let now = self.now();
            self.story.deposed.push(now);
        }
        let member = &mut self.cluster.members[trouble.member];
        match trouble.fault {
            EtcdFault::FreezeMember => member.signal(Signal::CONT),
            EtcdFault::KillMember => member.start_again(),
            EtcdFault::KillAll => self.cluster.members.iter_mut().for_each(Etcd::start_again),
            EtcdFault::Compact => {}
        }
        self.cluster.settle();
        self.over(Some(trouble.disturbance));
    }

    /// Saves a backup, after which an owner dies: in the backup the name is its own, then another's,
    /// who waited for one.
    fn save(&mut self) {
        let Some(octets) = self.cluster.any().try_snapshot() else { return };
        let owners = self.plan.lasting_members().filter(|index| {
            let is_busy = self.node_troubles.iter().any(|trouble| trouble.index == *index);
            !is_busy && !self.register.alive(*index).is_empty()
        });
        let owners: Vec<usize> = owners.collect();
        let dead = (!owners.is_empty()).then(|| self.random.pick(&owners));
        if let Some(dead) = dead {
            self.lose_power(dead, Duration::from_secs(3600));
        }
        self.backup = Some(Backup { octets, dead });
    }

    /// Puts an older history in place of etcd's, with the same cluster ID, while no node looks. The
    /// one that died comes back first, and finds its name. Two times in three as much happens then
    /// as had happened in the history that is gone: as many names, and the newest change has the
    /// revision of the newest that the others know.
    fn restore(&mut self) {
        let Some(backup) = self.backup.take() else { return };
        let known = self.newest_change();
        let disturbance = self.disturb(None, Trouble::CutOff);
        let first: Vec<Host> =
            backup.dead.iter().map(|index| self.crew.members[*index].host).collect();
        self.network.keep_away_all_but(&first);
        let from = self.now();
        self.cluster.restore(&backup.octets);
        let revision = self.cluster.any().revision().parse().expect("a revision");
        self.register.begin_epoch();
        if let Some(dead) = backup.dead {
            self.mend_node(dead);
            let end = Instant::now() + FIRST_BACK;
            while self.register.alive(dead).is_empty() && Instant::now() < end {
                self.pass(Duration::from_millis(10));
            }
        }
        if !self.random.one_in(3) {
            let (key, value) = (lasting_name(2), lasting_record(2));
            while self.newest_change() < known {
                self.cluster.any().put(&key, value.as_bytes());
            }
        }
        let newest = self.newest_change();
        self.network.let_all_in();
        self.over(Some(disturbance));
        let until = self.now();
        let took = until.saturating_sub(from);
        println!("restored revision {revision}, {known} was known, {newest} is now, in {took:.2?}");
        self.story.restores.push(Restore { revision, until });
    }

    /// The revision of the newest change of a name.
    fn newest_change(&self) -> i64 {
        let range = json!({"key": encode("worker0"), "range_end": encode("worker:"),
            "sort_order": "DESCEND", "sort_target": "MOD", "limit": "1", "keys_only": true});
        let reply = self.cluster.any().call("/v3/kv/range", &range);
        let revision = reply["kvs"][0]["mod_revision"].as_str();
        revision.and_then(|text| text.parse().ok()).unwrap_or_default()
    }

    /// All nodes, their programs, and etcd go down at once, and come back at once.
    fn cut_power(&mut self) {
        self.undo_everything();
        self.cluster.members.iter_mut().for_each(Etcd::kill);
        let disturbance = self.disturb(None, Trouble::CutOff);
        for index in 0..self.plan.members() {
            self.kill(index);
            self.register.signal(index, Signal::KILL);
        }
        for index in 0..self.plan.members() {
            self.crew.start(index);
        }
        self.cluster.members.iter_mut().for_each(Etcd::start_again);
        self.cluster.settle();
        self.over(Some(disturbance));
    }

    /// Puts the names that are to be there from the start to the end.
    pub fn put_lasting_names(&self) {
        let numbers: Vec<u32> = (1..=self.plan.lasting_names).collect();
        for some in numbers.chunks(100) {
            let puts: Vec<_> = some
                .iter()
                .map(|number| {
                    let (key, value) = (lasting_name(*number), lasting_record(*number));
                    json!({"request_put": {"key": encode(key), "value": encode(value)}})
                })
                .collect();
            self.cluster.any().call("/v3/kv/txn", &json!({"success": puts}));
        }
    }
}

fn lasting_record(number: u32) -> String {
    format!(r#"{{"ipv4":"10.20.{}.{}"}}"#, number / 250, number % 250 + 1)
}
