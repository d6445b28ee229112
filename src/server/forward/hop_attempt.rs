//! An attempt by which a query is forwarded: what is believed of what comes back, and what that tells of
//! the server.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::dns::Transport;
use crate::dns::hop::{Doubt, Hop, HopVerdict, judge};
use crate::server::attempt::{Attempt, Progress};

/// The time that a server has to settle a doubt over TCP. One segment that is lost is sent again within it
/// (RFC 6298 §2.1), and it leaves time to ask once more before a client hears what is stale.
const SETTLING_TIME: Duration = Duration::from_millis(1200);

/// What is learnt of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HopNews {
    /// The server's part of the cookie that goes with ours; empty: it sends none.
    Cookie([u8; 8], Vec<u8>),
    /// It does not know OPT.
    NoEdns,
    /// It changes the spelling of names.
    ChangesSpelling,
    /// It is to be asked once more, by this way, and why if it is in doubt what it said.
    Again(Transport, Option<Doubt>),
}

#[derive(Debug)]
pub(super) struct HopAttempt {
    pub(super) attempt: Attempt,
    hop: Hop,
    /// What is to be settled by it, and until when.
    doubt: Option<(Doubt, Instant)>,
    /// Whether a message that is doubtful came.
    is_doubted: bool,
}

impl HopAttempt {
    pub(super) fn new(
        attempt: Attempt,
        hop: Hop,
        doubt: Option<Doubt>,
        now: Instant,
    ) -> HopAttempt {
        let doubt = doubt.map(|doubt| (doubt, now + SETTLING_TIME));
        HopAttempt { attempt, hop, doubt, is_doubted: false }
    }

    /// When [`HopAttempt::progress`] ends it even if nothing comes.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.doubt.map(|(_, until)| until)
    }

    pub(super) fn server(&self) -> SocketAddr {
        self.attempt.server
    }

    /// Goes on as [`Attempt::progress`] does, and adds what it learns.
    ///
    /// # Errors
    /// As there, and when its time is up.
    pub(super) fn progress(
        &mut self,
        now: Instant,
        buffer: &mut [u8],
        news: &mut Vec<HopNews>,
    ) -> io::Result<Progress> {
        let HopAttempt { attempt, hop, doubt, is_doubted } = self;
        let transport = attempt.transport();
        let mut done = attempt.progress_by(buffer, &mut |message, sent| {
            let (mut verdict, mut cookie) = judge(message, sent, hop);
            while let HopVerdict::Doubtful(doubt) = verdict {
                if transport == Transport::Udp {
                    if !std::mem::replace(is_doubted, true) {
                        news.push(HopNews::Again(Transport::Tcp, Some(doubt)));
                    }
                    return None;
                }
                // On a connection nobody else can put in a word, so it is the server's way.
                settle(doubt, hop, news);
                (verdict, cookie) = judge(message, sent, hop);
            }
            if let (Some((client, known)), Some(cookie)) = (&mut hop.cookie, cookie)
                && *known != cookie
            {
                news.push(HopNews::Cookie(*client, cookie));
            }
            match verdict {
                HopVerdict::Stray | HopVerdict::Doubtful(_) => None,
                HopVerdict::NoEdns => {
                    news.push(HopNews::NoEdns);
                    news.push(HopNews::Again(transport, None));
                    Some(Progress::Refusal(message.to_vec()))
                }
                HopVerdict::BadCookie => {
                    news.push(HopNews::Again(Transport::Tcp, None));
                    Some(Progress::Unusable)
                }
                HopVerdict::Refusal => Some(Progress::Refusal(message.to_vec())),
                HopVerdict::Reply => Some(Progress::Reply(message.to_vec())),
            }
        });
        if let Some((doubt, until)) = doubt {
            if matches!(done, Ok(Progress::Waiting)) && *until <= now {
                done = Err(ErrorKind::TimedOut.into());
            }
            if done.is_err() {
                give_in(*doubt, hop, news);
            }
        }
        done
    }
}

/// Who cannot be asked over TCP would never be heard: it is believed as it is, and asked once more.
pub(super) fn give_in(doubt: Doubt, hop: &mut Hop, news: &mut Vec<HopNews>) {
    settle(doubt, hop, news);
    news.push(HopNews::Again(Transport::Udp, None));
}

/// Takes what was doubtful for the server's own way.
fn settle(doubt: Doubt, hop: &mut Hop, news: &mut Vec<HopNews>) {
    match doubt {
        Doubt::Spelling => {
            hop.has_random_case = false;
            news.push(HopNews::ChangesSpelling);
        }
        Doubt::NoCookie => {
            if let Some((client, known)) = &mut hop.cookie {
                known.clear();
                news.push(HopNews::Cookie(*client, Vec::new()));
            }
        }
    }
}
