//! One server that is told of changes.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Instant;

use super::schedule::Telling;
use crate::dns::Rcode;
use crate::dns::notify_message::notify_answer;
use crate::dns::tsig::{ReplyVerifier, TsigKey, sign_request};

/// The times in a row after which a server that does not answer is said not to.
pub const SILENT: u32 = 6;

/// Why a server is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// It was given by an option.
    Given,
    /// It transferred a zone: it is forgotten once it does not answer.
    Transferred,
}

/// A zone at a server.
#[derive(Debug, Default)]
struct ZoneAtServer {
    /// Whether it is told of it: of those that it transferred, or of all.
    is_wanted: bool,
    telling: Telling,
    /// The message that was sent last; empty: none was.
    message: Vec<u8>,
    verifier: Option<ReplyVerifier>,
}

/// A server that is told of changes.
#[derive(Debug)]
pub(super) struct Secondary {
    pub(super) address: SocketAddr,
    pub(super) origin: Origin,
    /// What it is told is signed by this.
    pub(super) key: Option<Arc<TsigKey>>,
    zones: Vec<ZoneAtServer>,
    /// Whether it was said that it does not answer, or does not as it should.
    has_complained: bool,
}

/// A message, and the time of its signature.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    pub(super) now: Instant,
    /// In seconds since 1970.
    pub(super) unix_time: u64,
}

impl Secondary {
    /// One that is told of none of so many zones yet.
    pub(super) fn new(
        address: SocketAddr,
        origin: Origin,
        key: Option<Arc<TsigKey>>,
        zones: usize,
    ) -> Secondary {
        let is_wanted = origin == Origin::Given;
        let zone = || ZoneAtServer { is_wanted, ..ZoneAtServer::default() };
        let zones = (0..zones).map(|_| zone()).collect();
        Secondary { address, origin, key, zones, has_complained: false }
    }

    /// It transfers a zone: it is there, and is told of that.
    pub(super) fn transfers(&mut self, zone: usize, now: Instant) {
        if let Some(zone) = self.zones.get_mut(zone) {
            zone.is_wanted = true;
            zone.telling.is_there(now);
        }
    }

    /// All zones have changed.
    pub(super) fn change(&mut self, now: Instant) {
        self.zones.iter_mut().filter(|zone| zone.is_wanted).for_each(|it| it.telling.change(now));
    }

    /// When it is to be told of a zone, and of which.
    pub(super) fn next(&self) -> Option<(Instant, usize)> {
        let zones = self.zones.iter().enumerate();
        zones.filter_map(|(number, zone)| Some((zone.telling.next()?, number))).min()
    }

    /// Tells it of a zone. `message` has its ID already.
    pub(super) fn tell(
        &mut self,
        zone: usize,
        mut message: Vec<u8>,
        socket: Option<&UdpSocket>,
        At { now, unix_time }: At,
    ) {
        let Some(zone) = self.zones.get_mut(zone) else { return };
        zone.verifier = self.key.as_ref().map(|key| sign_request(key, &mut message, unix_time));
        let sent = socket.map(|socket| socket.send_to(&message, self.address));
        if let Some(Err(error)) = sent {
            log::debug!("telling {} of a change: {error}", self.address);
        }
        zone.message = message;
        zone.telling.sent(now);
        if zone.telling.unanswered() == SILENT && self.origin == Origin::Given {
            let address = self.address;
            self.complain(&format!(
                "{address} does not answer when it is told of changes (--also-notify): is there a \
                 secondary server for these zones?"
            ));
        }
    }

    /// Says once what is not well.
    fn complain(&mut self, what: &str) {
        if !self.has_complained {
            log::warn!("{what}");
        }
        self.has_complained = true;
    }

    /// Takes a message that came from its address.
    pub(super) fn hear(&mut self, message: &[u8], names: &[String], At { now, unix_time }: At) {
        let mut zones = self.zones.iter_mut().enumerate();
        let found = zones.find_map(|(number, zone)| {
            // Once: a copy of it tells nothing new.
            let is_awaited = zone.telling.unanswered() > 0;
            let rcode = notify_answer(message, &zone.message).filter(|_| is_awaited)?;
            Some((number, zone, rcode))
        });
        let Some((number, zone, rcode)) = found else {
            return log::debug!("{}: no answer to what it was told", self.address);
        };
        let (address, name) = (self.address, names.get(number).map_or("", String::as_str));
        if let Some(verifier) = &mut zone.verifier
            && let Err(fault) = verifier.verify(message, unix_time)
        {
            // Anybody may have sent that: it is told again.
            return self.complain(&format!("{address}: its answer to a change of {name}: {fault}"));
        }
        zone.telling.answered(now);
        if rcode == Rcode::NOERROR {
            log::debug!("{address} was told of a change of {name}");
            self.has_complained = false;
        } else if self.origin == Origin::Given {
            self.complain(&format!(
                "{address} does not want to be told of changes of {name}: {rcode}; see its \
                 configuration, or --also-notify"
            ));
        } else {
            *zone = ZoneAtServer::default();
        }
    }

    /// Whether it need not be told any more.
    pub(super) fn is_over(&self) -> bool {
        let is_silent = |zone: &ZoneAtServer| zone.telling.unanswered() >= SILENT;
        self.origin == Origin::Transferred
            && (self.zones.iter().any(is_silent) || !self.zones.iter().any(|zone| zone.is_wanted))
    }
}
