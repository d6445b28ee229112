//! An attempt by which a query is forwarded: what is believed of what comes back, and what that tells of
//! the server.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::dns::hop::{Doubt, Hop, HopVerdict, judge};
use crate::dns::{Rcode, Transport};
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
    /// It is to be asked once more.
    Again(HopManner),
}

/// How a server is asked in one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HopManner {
    pub(super) transport: Transport,
    /// What is to be settled by it.
    pub(super) doubt: Option<Doubt>,
    /// Whether it shows that the server does not know OPT if it answers now, without.
    pub(super) is_without_opt: bool,
}

impl HopManner {
    /// In the way that is known to be the server's own.
    pub(super) fn usual(transport: Transport) -> HopManner {
        HopManner { transport, doubt: None, is_without_opt: false }
    }
}

#[derive(Debug)]
pub(super) struct HopAttempt {
    pub(super) attempt: Attempt,
    hop: Hop,
    manner: HopManner,
    /// When it ends even if nothing comes.
    deadline: Option<Instant>,
    /// Whether a message that is doubtful came.
    is_doubted: bool,
}

impl HopAttempt {
    pub(super) fn new(attempt: Attempt, hop: Hop, manner: HopManner, now: Instant) -> HopAttempt {
        let deadline = manner.doubt.map(|_| now + SETTLING_TIME);
        HopAttempt { attempt, hop, manner, deadline, is_doubted: false }
    }

    /// When [`HopAttempt::progress`] ends it even if nothing comes.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
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
        let HopAttempt { attempt, hop, manner, deadline, is_doubted } = self;
        let usual = HopManner { doubt: None, ..*manner };
        let mut done = attempt.progress_by(buffer, &mut |message, sent| {
            let (mut verdict, mut cookie) = judge(message, sent, hop);
            while let HopVerdict::Doubtful(doubt) = verdict {
                if manner.transport == Transport::Udp {
                    if !std::mem::replace(is_doubted, true) {
                        let (transport, doubt) = (Transport::Tcp, Some(doubt));
                        news.push(HopNews::Again(HopManner { transport, doubt, ..usual }));
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
            let is_answer = matches!(verdict, HopVerdict::Reply | HopVerdict::Refusal);
            if is_answer && manner.is_without_opt && is_understood(message) {
                news.push(HopNews::NoEdns);
            }
            match verdict {
                HopVerdict::Stray | HopVerdict::Doubtful(_) => None,
                HopVerdict::NoEdns => {
                    news.push(HopNews::Again(HopManner { is_without_opt: true, ..usual }));
                    Some(Progress::Refusal(message.to_vec()))
                }
                HopVerdict::BadCookie => {
                    news.push(HopNews::Again(HopManner::usual(Transport::Tcp)));
                    Some(Progress::Unusable)
                }
                HopVerdict::Refusal => Some(Progress::Refusal(message.to_vec())),
                HopVerdict::Reply => Some(Progress::Reply(message.to_vec())),
            }
        });
        let is_late = deadline.is_some_and(|at| at <= now);
        if is_late && matches!(done, Ok(Progress::Waiting)) {
            done = Err(ErrorKind::TimedOut.into());
        }
        if done.is_err() {
            give_in(*manner, hop, news);
        }
        done
    }
}

/// Whether a server understood what it was asked.
fn is_understood(message: &[u8]) -> bool {
    let rcode = message.get(3).map(|octet| Rcode::new(octet & 0x0f));
    !matches!(rcode, None | Some(Rcode::FORMERR | Rcode::NOTIMP))
}

/// Believes a server that could not be asked over TCP what was in doubt, and asks it once more: it would
/// never be heard otherwise.
pub(super) fn give_in(manner: HopManner, hop: &mut Hop, news: &mut Vec<HopNews>) {
    let Some(doubt) = manner.doubt else { return };
    settle(doubt, hop, news);
    news.push(HopNews::Again(HopManner { transport: Transport::Udp, doubt: None, ..manner }));
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
