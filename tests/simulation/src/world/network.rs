//! The network between machines and members: how long a message takes, and which do not arrive.
//!
//! A connection is TCP: what is lost is sent again, with pauses that double, so that a message may arrive
//! long after those who wait for it gave up.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use idetcd::node::network::{
    AddressState, HostNetwork, Interface, InterfaceAddress, InterfaceKind,
};

use super::chance::Chance;
use crate::model::Time;

/// The first pause before something is sent again, and the longest.
const FIRST_RETRY: Duration = Duration::from_millis(200);
const LONGEST_RETRY: Duration = Duration::from_secs(120);

/// A way that messages go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the machine to the member.
    There,
    /// From the member to the machine.
    Back,
}

/// What becomes of messages: the part of requests and replies that something happens to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Weather {
    /// The request is lost.
    pub lost_request: f64,
    /// The reply is lost.
    pub lost_reply: f64,
    /// The request is late.
    pub late_request: f64,
    /// The reply is late.
    pub late_reply: f64,
    /// The request is carried out once more, late.
    pub twice: f64,
    /// What is late is so by about this much.
    pub late_by: Duration,
}

/// What becomes of one call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// By how much the request is late; `None`: it is lost.
    pub request: Option<Duration>,
    /// By how much the reply is late; `None`: it is lost.
    pub reply: Option<Duration>,
    /// By how much later the request arrives once more.
    pub again: Option<Duration>,
}

/// The state of a way between a machine and a member.
#[derive(Clone, Copy, Debug, Default)]
struct Link {
    latency: Duration,
    /// How many faults cut it there, and back.
    cuts: [u32; 2],
    /// When it was cut last.
    cut_at: Time,
}

/// The network.
#[derive(Debug)]
pub struct Network {
    links: Vec<Vec<Link>>,
    /// By how many faults the watches of each member are silent.
    mutes: Vec<u32>,
    /// What becomes of messages now.
    pub weather: Weather,
    chance: Chance,
}

impl Network {
    /// A network in which a message takes about `latency` between each machine and each member.
    pub fn new(machines: usize, members: usize, latency: Duration, mut chance: Chance) -> Network {
        let mut link =
            || Link { latency: chance.between(latency / 2, latency * 3 / 2), ..Link::default() };
        let links = (0..machines).map(|_| (0..members).map(|_| link()).collect()).collect();
        Network { links, mutes: vec![0; members], weather: Weather::default(), chance }
    }

    /// How long a message takes.
    pub fn delay(&mut self, machine: usize, member: usize) -> Duration {
        let latency = self.links[machine][member].latency;
        latency + self.chance.around(latency / 8)
    }

    /// Draws what becomes of a call.
    pub fn draw_fate(&mut self) -> Fate {
        let weather = self.weather;
        if weather == Weather::default() {
            return Fate {
                request: Some(Duration::ZERO),
                reply: Some(Duration::ZERO),
                again: None,
            };
        }
        let chance = &mut self.chance;
        let mut leg = |lost, late| match () {
            () if chance.happens(lost) => None,
            () if chance.happens(late) => Some(chance.around(weather.late_by)),
            () => Some(Duration::ZERO),
        };
        let request = leg(weather.lost_request, weather.late_request);
        let reply = leg(weather.lost_reply, weather.late_reply);
        let again = chance.happens(weather.twice).then(|| chance.around(weather.late_by));
        Fate { request, reply, again }
    }

    /// Cuts a way. Each cut is to be healed by itself.
    pub fn cut(&mut self, machine: usize, member: usize, direction: Direction, now: Time) {
        let link = &mut self.links[machine][member];
        if link.cuts == [0, 0] {
            link.cut_at = now;
        }
        link.cuts[direction as usize] += 1;
    }

    /// Heals a cut.
    pub fn heal(&mut self, machine: usize, member: usize, direction: Direction) {
        let cuts = &mut self.links[machine][member].cuts[direction as usize];
        *cuts = cuts.saturating_sub(1);
    }

    /// Whether messages go this way.
    pub fn is_open(&self, machine: usize, member: usize, direction: Direction) -> bool {
        self.links[machine][member].cuts[direction as usize] == 0
    }

    /// Lets a member's watches be silent, though calls are answered, or not any more. Each time is to be undone by
    /// itself.
    pub fn set_mute(&mut self, member: usize, is_mute: bool) {
        let mutes = &mut self.mutes[member];
        *mutes = if is_mute { *mutes + 1 } else { mutes.saturating_sub(1) };
    }

    /// Whether a member's watches are silent.
    pub fn is_mute(&self, member: usize) -> bool {
        self.mutes[member] > 0
    }

    /// Since when the link is cut, if it is in either direction.
    pub fn cut_since(&self, machine: usize, member: usize) -> Option<Time> {
        let link = &self.links[machine][member];
        (link.cuts != [0, 0]).then_some(link.cut_at)
    }
}

/// The pause before a message is sent again that was sent so many times.
pub fn retry_after(times: u32) -> Duration {
    FIRST_RETRY.saturating_mul(1 << times.min(16)).min(LONGEST_RETRY)
}

/// A machine's own network: one card with an address, and the link-local one that only this machine has.
pub fn card(ip: IpAddr, link_local: Ipv6Addr) -> HostNetwork {
    let address = |ip: IpAddr| InterfaceAddress {
        ip,
        state: AddressState::Preferred,
        is_temporary: false,
        is_secondary: false,
        is_permanent: true,
    };
    let card = Interface {
        index: 2,
        name: "eth0".to_owned(),
        kind: InterfaceKind::Ordinary,
        is_up: true,
        has_carrier: true,
        addresses: vec![address(ip), address(link_local.into())],
    };
    HostNetwork { interfaces: Ok(vec![card]), default_sources: vec![ip] }
}
