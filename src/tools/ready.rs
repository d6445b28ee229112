//! `idetcd ready`: whether the node that answers here is named and in sync. It is asked by DNS, in the
//! class CHAOS, so that neither etcd, nor a right on it, nor the node's options are needed.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use simple_dns::rdata::RData;

use crate::clock;
use crate::dns::Transport;
use crate::dns::chaos::{ETCD_STATE, IN_SYNC, OWN_NAME};
use crate::dns::framing::LONGEST_MESSAGE;
use crate::dns::relay::{chaos_query, decode, is_truncated};
use crate::failure::Failure;
use crate::options::Readiness;
use crate::server::attempt::{Attempt, Progress};
use crate::server::id_source::IdSource;
use crate::text::printable;

/// The longest time that a reply is waited for, and after which a query that may be lost is sent again.
pub(super) const LONGEST_ANSWER: Duration = Duration::from_secs(2);
const RESEND_INTERVAL: Duration = Duration::from_millis(500);

/// The time between two looks at a node that is not ready.
const ASK_INTERVAL: Duration = Duration::from_millis(200);

/// Finds out whether a node is ready, or waits until it is, and returns its name.
///
/// # Errors
/// When it is not, or not in time: why.
pub fn ready(wanted: &Readiness) -> Result<String, Failure> {
    let deadline = wanted.timeout.map(|timeout| clock::now() + timeout);
    loop {
        let end = clock::now() + LONGEST_ANSWER;
        let end = deadline.map_or(end, |deadline| deadline.min(end));
        let reason = match look(wanted.server, end) {
            Ok(name) => return Ok(name),
            Err(reason) => format!("not ready: {}: {reason}", wanted.server),
        };
        let next = clock::now() + ASK_INTERVAL;
        match (deadline, wanted.timeout) {
            (Some(deadline), _) if next < deadline => thread::sleep(ASK_INTERVAL),
            (_, Some(timeout)) => {
                let seconds = timeout.as_secs();
                return Err(Failure::new(format!("{reason} (for {seconds} s, --timeout)")));
            }
            (_, None) => return Err(Failure::new(reason)),
        }
    }
}

/// The name of the node, without its final dot, if it is named and in sync.
fn look(server: SocketAddr, deadline: Instant) -> Result<String, String> {
    let state = texts(server, ETCD_STATE, deadline)?;
    let name = texts(server, OWN_NAME, deadline)?;
    judged(state.first(), name.first())
}

/// The name, if all is well, or else what is not.
fn judged(state: Option<&String>, name: Option<&String>) -> Result<String, String> {
    let Some(state) = state.filter(|state| state.starts_with("etcd ")) else {
        return Err("what answers there is no idetcd".to_owned());
    };
    match name.map(|name| name.trim_end_matches('.')) {
        Some(name) if state == IN_SYNC => Ok(printable(name)),
        Some(name) => Err(printable(&format!("{name}, but {state}"))),
        None => Err(printable(&format!("no name, {state}"))),
    }
}

/// What the server tells of itself by this name.
pub(super) fn texts(
    server: SocketAddr,
    name: &str,
    deadline: Instant,
) -> Result<Vec<String>, String> {
    let reply = ask(server, name, deadline).map_err(|error| match error.kind() {
        ErrorKind::TimedOut => "no answer in time".to_owned(),
        ErrorKind::ConnectionRefused => format!("{error}; does idetcd run, and listen there?"),
        _ => error.to_string(),
    })?;
    let reply = match &reply {
        Progress::Reply(reply) => decode(reply),
        Progress::Refusal(_) | Progress::Waiting | Progress::Unusable => {
            return Err("it refuses to answer; see its --allow".to_owned());
        }
    };
    let reply = reply.ok_or("its answer is malformed")?;
    let texts = reply.answers.iter().filter_map(|record| match &record.rdata {
        RData::TXT(text) => String::try_from(text.clone()).ok(),
        _ => None,
    });
    Ok(texts.collect())
}

/// Asks until there is a reply: over UDP, and over TCP for what is cut short, as by `--rrl`.
fn ask(server: SocketAddr, name: &str, deadline: Instant) -> io::Result<Progress> {
    let query =
        chaos_query(name).map_err(|error| io::Error::new(ErrorKind::InvalidInput, error))?;
    let (mut ids, mut buffer) = (IdSource::default(), vec![0; LONGEST_MESSAGE]);
    let mut transport = Transport::Udp;
    while clock::now() < deadline {
        let mut attempt = Attempt::start(server, &query, transport, &mut ids)?;
        let end = match transport {
            Transport::Udp => deadline.min(clock::now() + RESEND_INTERVAL),
            Transport::Tcp => deadline,
        };
        match finish(&mut attempt, &mut buffer, end)? {
            Progress::Waiting => {}
            Progress::Reply(reply) | Progress::Refusal(reply)
                if transport == Transport::Udp && is_truncated(&reply) =>
            {
                transport = Transport::Tcp;
            }
            told => return Ok(told),
        }
    }
    Err(ErrorKind::TimedOut.into())
}

/// Waits for the end of an attempt, or until then.
fn finish(attempt: &mut Attempt, buffer: &mut [u8], end: Instant) -> io::Result<Progress> {
    loop {
        let progress = attempt.progress(buffer)?;
        let left = end.saturating_duration_since(clock::now());
        if !matches!(progress, Progress::Waiting) || left.is_zero() {
            return Ok(progress);
        }
        // A connection that is being made is not readable, but can be written to once it is there.
        let wanted = if attempt.is_sent() { PollFlags::IN } else { PollFlags::OUT };
        let mut fds = [PollFd::new(&*attempt, wanted)];
        match poll(&mut fds, Timespec::try_from(left).ok().as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_ready_that_is_named_and_in_sync() {
        let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        for (state, name, wanted) in [
            (IN_SYNC, "worker1.tf.local.", Ok("worker1.tf.local")),
            (IN_SYNC, "", Err("no name, etcd in sync")),
            ("etcd never reached", "", Err("no name, etcd never reached")),
            ("etcd out of reach", "w1.a.", Err("w1.a, but etcd out of reach")),
            ("etcd a\nb", "w1.a.", Err("w1.a, but etcd a\\nb")),
            ("", "w1.a.", Err("what answers there is no idetcd")),
            ("other", "w1.a.", Err("what answers there is no idetcd")),
        ] {
            let told = judged(text(state).as_ref(), text(name).as_ref());
            assert_eq!(told, wanted.map(str::to_owned).map_err(str::to_owned), "{state} {name}");
        }
    }
}
