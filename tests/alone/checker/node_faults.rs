//! What is done to one node at a time.

use std::time::{Duration, Instant};

use support::Signal;
use support::network::{Cut, Host};

use super::story::{ByHand, Trouble};
use super::{Crew, LEASE, Run};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NodeFault {
    /// idetcd is killed, and started again later.
    Crash,
    /// The same, at once.
    CrashAndBack,
    /// idetcd and its program are killed.
    PowerLoss,
    /// idetcd is asked to end.
    Stop,
    /// idetcd is frozen, its program is not.
    Freeze,
    /// idetcd and its program are frozen.
    Suspend,
    Cut(Cut),
    Loss,
    RevokeLease,
    DeleteKey,
    Overwrite,
    /// idetcd is killed, and started on another host.
    Move,
    /// Another host publishes its addresses, while this happens to the node itself.
    Twin(Victim),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    Well,
    Cut,
    Frozen,
    Dead,
}

const FAULTS: [NodeFault; 17] = [
    NodeFault::Crash,
    NodeFault::CrashAndBack,
    NodeFault::PowerLoss,
    NodeFault::Stop,
    NodeFault::Freeze,
    NodeFault::Suspend,
    NodeFault::Cut(Cut::Both),
    NodeFault::Cut(Cut::ToEtcd),
    NodeFault::Cut(Cut::FromEtcd),
    NodeFault::Loss,
    NodeFault::RevokeLease,
    NodeFault::DeleteKey,
    NodeFault::Overwrite,
    NodeFault::Move,
    NodeFault::Twin(Victim::Well),
    NodeFault::Twin(Victim::Cut),
    NodeFault::Twin(Victim::Frozen),
];

/// What is wrong with a node now.
pub struct NodeTrouble {
    pub undo_at: Instant,
    pub index: usize,
    fault: NodeFault,
    host: Host,
    twin: Option<usize>,
    /// Its place in the story.
    disturbance: Option<usize>,
}

impl Run {
    /// Begins some fault at some node.
    pub fn break_a_node(&mut self, length: Duration) {
        let mut candidates: Vec<usize> = (0..self.plan.members()).collect();
        // Every other time one that has a name to lose.
        if self.random.one_in(2) {
            candidates.retain(|index| !self.register.alive(*index).is_empty());
        }
        if candidates.is_empty() {
            return;
        }
        let index = self.random.pick(&candidates);
        let is_busy = self.node_troubles.iter().any(|trouble| trouble.index == index);
        if is_busy || self.node_troubles.len() >= self.plan.troubles {
            return;
        }
        let mut fault = self.random.pick(&FAULTS);
        if fault == NodeFault::Twin(Victim::Frozen) && self.random.one_in(2) {
            fault = NodeFault::Twin(Victim::Dead);
        }
        let mut trouble = self.trouble(index, fault, length);
        if !self.begin(&mut trouble) {
            return;
        }
        self.note(format!("{fault:?}"));
        let is_over = matches!(
            fault,
            NodeFault::CrashAndBack
                | NodeFault::Move
                | NodeFault::RevokeLease
                | NodeFault::DeleteKey
                | NodeFault::Overwrite
        );
        if !is_over {
            self.node_troubles.push(trouble);
        }
    }

    fn trouble(&self, index: usize, fault: NodeFault, length: Duration) -> NodeTrouble {
        let (undo_at, host) = (Instant::now() + length, self.crew.members[index].host);
        NodeTrouble { undo_at, index, fault, host, twin: None, disturbance: None }
    }

    /// Kills a node and its program for so long.
    pub fn lose_power(&mut self, index: usize, length: Duration) {
        let mut trouble = self.trouble(index, NodeFault::PowerLoss, length);
        self.begin(&mut trouble);
        self.node_troubles.push(trouble);
    }

    /// Ends what is wrong with one node.
    pub fn mend_node(&mut self, index: usize) {
        if let Some(place) = self.node_troubles.iter().position(|t| t.index == index) {
            let trouble = self.node_troubles.swap_remove(place);
            self.mend(&trouble);
        }
    }

    /// Returns whether it could be done.
    fn begin(&mut self, trouble: &mut NodeTrouble) -> bool {
        let index = trouble.index;
        match trouble.fault {
            NodeFault::Crash => self.kill_for_now(index),
            NodeFault::CrashAndBack => {
                self.kill(index);
                self.crew.start(index);
            }
            NodeFault::PowerLoss => {
                self.kill_for_now(index);
                self.register.signal(index, Signal::KILL);
            }
            NodeFault::Stop => {
                self.crew.want(index, false);
                self.crew.signal(index, Signal::TERM);
            }
            NodeFault::Freeze => self.freeze(trouble, false),
            NodeFault::Suspend => self.freeze(trouble, true),
            NodeFault::Cut(cut) => self.cut(trouble, cut),
            NodeFault::Loss => {
                trouble.host.lose(20);
                trouble.disturbance = Some(self.disturb(Some(index), Trouble::CutOff));
            }
            NodeFault::RevokeLease | NodeFault::DeleteKey | NodeFault::Overwrite => {
                return self.change_by_hand(index, trouble.fault);
            }
            NodeFault::Move => {
                self.kill(index);
                let other = self.random.below(self.crew.spare_hosts.len());
                let member = &mut self.crew.members[index];
                std::mem::swap(&mut member.host, &mut self.crew.spare_hosts[other]);
                self.crew.start(index);
            }
            NodeFault::Twin(victim) => return self.begin_twin(trouble, victim),
        }
        true
    }

    fn begin_twin(&mut self, trouble: &mut NodeTrouble, victim: Victim) -> bool {
        let in_use = |twin: &usize| self.node_troubles.iter().any(|t| t.twin == Some(*twin));
        let Some(twin) = self.plan.twins().find(|twin| !in_use(twin)) else { return false };
        match victim {
            Victim::Well => {}
            Victim::Cut => self.cut(trouble, Cut::Both),
            Victim::Frozen => self.freeze(trouble, true),
            Victim::Dead => self.kill_for_now(trouble.index),
        }
        trouble.twin = Some(twin);
        self.crew.members[twin].twin_of = Some(trouble.host);
        self.crew.want(twin, true);
        true
    }

    pub fn kill(&mut self, index: usize) {
        let disturbance = self.disturb(Some(index), Trouble::Killed);
        self.crew.kill(index);
        self.over(Some(disturbance));
    }

    fn kill_for_now(&mut self, index: usize) {
        self.crew.want(index, false);
        self.kill(index);
    }

    fn freeze(&mut self, trouble: &mut NodeTrouble, with_program: bool) {
        let index = trouble.index;
        self.crew.watcher.is_down(index);
        trouble.disturbance = Some(self.disturb(Some(index), Trouble::Frozen));
        self.crew.signal(index, Signal::STOP);
        if with_program {
            self.register.signal(index, Signal::STOP);
        }
    }

    fn thaw(&self, trouble: &NodeTrouble) {
        self.register.signal(trouble.index, Signal::CONT);
        self.crew.signal(trouble.index, Signal::CONT);
        self.crew.watcher.goes_on(trouble.index);
    }

    fn cut(&mut self, trouble: &mut NodeTrouble, cut: Cut) {
        trouble.host.cut(cut);
        trouble.disturbance = Some(self.disturb(Some(trouble.index), Trouble::CutOff));
    }

    /// Changes the key of the name that a node has.
    fn change_by_hand(&mut self, index: usize, fault: NodeFault) -> bool {
        let lives = self.register.alive(index);
        let (Some(life), false) = (lives.first(), self.is_etcd_broken()) else { return false };
        let (key, etcd, from) = (format!("{}.", life.name), self.cluster.any(), self.now());
        let done = match fault {
            NodeFault::RevokeLease => etcd.lease_of(&key).and_then(|lease| etcd.try_revoke(&lease)),
            NodeFault::DeleteKey => etcd.try_delete(&key),
            _ => etcd.try_put_leased(&key, br#"{"ipv4":"10.9.9.9","port":"1053"}"#, 3),
        };
        // A change whose reply is missing may have been made, or be made yet.
        let until = if done.is_some() { self.now() } else { self.now() + LEASE };
        self.story.by_hand.push(ByHand { name: life.name.clone(), from, until });
        done.is_some()
    }

    /// Ends what is wrong with nodes, where it is time to.
    pub fn mend_nodes(&mut self, now: Instant) {
        let all = std::mem::take(&mut self.node_troubles);
        let (due, rest): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|trouble| trouble.undo_at <= now);
        self.node_troubles = rest;
        for trouble in due {
            self.mend(&trouble);
        }
    }

    fn mend(&mut self, trouble: &NodeTrouble) {
        match trouble.fault {
            NodeFault::Freeze | NodeFault::Suspend | NodeFault::Twin(Victim::Frozen) => {
                self.thaw(trouble);
            }
            NodeFault::Cut(_) | NodeFault::Loss | NodeFault::Twin(Victim::Cut) => {
                trouble.host.heal();
            }
            _ => {}
        }
        self.over(trouble.disturbance);
        self.crew.want(trouble.index, true);
        if let Some(twin) = trouble.twin {
            self.kill_for_now(twin);
        }
    }

    /// Has what is due started, and waits a moment.
    pub fn pass(&mut self, time: Duration) {
        let end = Instant::now() + time;
        loop {
            self.crew.attend();
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(Duration::from_millis(10)));
        }
    }

    /// How long the program of each node goes on after SIGTERM.
    pub fn lingers(&self) -> Vec<Duration> {
        (0..self.crew.members.len()).map(Crew::linger).collect()
    }
}
