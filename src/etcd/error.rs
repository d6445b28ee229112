//! What can go wrong in a call to etcd.

use std::fmt;

use crate::text::excerpt;

/// gRPC's `CANCELLED`: the member gave the call up.
const GRPC_CANCELLED: i64 = 1;
/// gRPC's `UNKNOWN`: an error that has no code of its own, such as one of Go's.
const GRPC_UNKNOWN: i64 = 2;
/// gRPC's `DEADLINE_EXCEEDED`: the member waited in vain for others.
const GRPC_DEADLINE_EXCEEDED: i64 = 4;
/// gRPC's `NOT_FOUND`: no such lease.
const GRPC_NOT_FOUND: i64 = 5;
/// gRPC's `PERMISSION_DENIED`.
const GRPC_PERMISSION_DENIED: i64 = 7;
/// gRPC's `RESOURCE_EXHAUSTED`.
const GRPC_RESOURCE_EXHAUSTED: i64 = 8;
/// gRPC's `OUT_OF_RANGE`: the revision is compacted or in the future.
const GRPC_OUT_OF_RANGE: i64 = 11;
/// gRPC's `INTERNAL`: something broke within the member.
const GRPC_INTERNAL: i64 = 13;
/// gRPC's `UNAVAILABLE`: no leader, overloaded, starting, stopping.
const GRPC_UNAVAILABLE: i64 = 14;
/// gRPC's `DATA_LOSS`: the member's data is corrupt.
const GRPC_DATA_LOSS: i64 = 15;
/// gRPC's `UNAUTHENTICATED`: the token is missing, wrong or expired.
const GRPC_UNAUTHENTICATED: i64 = 16;

/// The codes with which a member speaks of itself, and not of what was asked.
const MEMBERS_CODES: [i64; 6] = [
    GRPC_CANCELLED,
    GRPC_UNKNOWN,
    GRPC_DEADLINE_EXCEEDED,
    GRPC_INTERNAL,
    GRPC_UNAVAILABLE,
    GRPC_DATA_LOSS,
];
/// etcd's messages, with various codes, of a member that fell behind, does not lead although it was
/// to, or is none of those that vote.
const MEMBERS_MESSAGES: [&str; 5] = [
    "too many requests",
    "not leader",
    "no leader",
    "not a primary lessor",
    "not supported for learner",
];

/// etcd's messages, with various codes, to a caller that it does not know.
const TOKEN_MESSAGES: [&str; 3] =
    ["user name is empty", "invalid auth token", "revision in header is old"];
/// etcd's message, with code 3, to a wrong name as well.
const WRONG_PASSWORD: &str = "invalid user ID or password";

/// etcd's message to a login while authentication is off.
const NOT_ENABLED: &str = "authentication is not enabled";
/// etcd's message, with code 11, to a lease that is to live for too long.
const TTL_TOO_LARGE: &str = "too large lease TTL";

/// gRPC's message, with code 8, where a reply has more octets than a client takes.
const LARGER_THAN_MAX: &str = "received message larger than max";

/// The longest text taken from a peer into an error, in characters.
const MAX_TEXT: usize = 200;

/// The failure of a call to etcd. It prints as one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What went wrong.
    pub kind: ErrorKind,
    /// The endpoint tried last, or the one that answered.
    pub(super) endpoint: String,
    /// What etcd, TLS or the transport said, or what is wrong with the reply.
    pub(super) text: String,
}

/// What went wrong in a call to etcd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// No HTTP reply came: refused, reset, no route, host name unknown, not HTTP, or a proxy
    /// answered for etcd. Whether etcd carried the call out is unknown.
    Unreachable,
    /// The connection ended where a reply was to come. Whether etcd carried the call out is unknown.
    CutOff,
    /// TLS failed: one side does not trust the other's certificate.
    /// etcd did not carry the call out.
    Untrusted,
    /// TLS did not begin: most likely what listens there speaks none. etcd did not carry the call out.
    WithoutTls,
    /// No complete reply came in time. Whether etcd carried the call out is unknown.
    TimedOut,
    /// etcd answered that it does not do this, with a code of gRPC; 2 (unknown) where it gives none.
    Rejected(i64),
    /// The reply, of this HTTP status, is no JSON: something in front of etcd's gateway refused, or
    /// there is no gateway, or no etcd.
    NotJson(u16),
    /// The reply is not what etcd's API says. Most likely something other than etcd listens there.
    Malformed,
    /// The reply is larger than this client reads, or than what came in time. Ask for less.
    TooLarge,
    /// The changes to be watched are not in etcd's history any more, which begins at this revision:
    /// read the keys anew and watch from there.
    Compacted(i64),
    /// The stream of a watch is over. Watch again from the last revision seen.
    WatchEnded,
}

impl Error {
    /// Of the text, the first line is taken, as it may stand in a log.
    pub fn new(kind: ErrorKind, endpoint: &str, text: &str) -> Error {
        Error { kind, endpoint: endpoint.to_owned(), text: shown(text) }
    }

    pub(super) fn malformed(endpoint: &str, what: &str) -> Error {
        Error::new(ErrorKind::Malformed, endpoint, what)
    }

    /// Returns whether another endpoint, or the same one later, may well do the same call. Whether this
    /// one carried it out is unknown.
    pub fn is_unavailable(&self) -> bool {
        match self.kind {
            ErrorKind::Rejected(code) => self.is_the_members(code),
            ErrorKind::TooLarge | ErrorKind::Compacted(_) | ErrorKind::WatchEnded => false,
            _ => true,
        }
    }

    /// Returns whether a rejection of this code is about the member that was asked.
    fn is_the_members(&self, code: i64) -> bool {
        let is_about_caller =
            self.is_unauthenticated() || self.is_denied() || self.is_without_users();
        let says = |message: &&str| self.text.contains(*message);
        !is_about_caller && (MEMBERS_CODES.contains(&code) || MEMBERS_MESSAGES.iter().any(says))
    }

    /// Returns whether what was asked does this call for nobody like us: etcd refuses, or something in
    /// front of it does, or that is no call of its.
    pub fn is_refusal(&self) -> bool {
        match self.kind {
            ErrorKind::Rejected(_) => !self.is_unavailable(),
            ErrorKind::NotJson(_) | ErrorKind::Malformed => true,
            _ => false,
        }
    }

    /// Returns whether etcd knows no such lease (code 5).
    pub fn is_not_found(&self) -> bool {
        self.kind == ErrorKind::Rejected(GRPC_NOT_FOUND)
    }

    /// Returns whether etcd refuses this user: the right is missing (code 7), or the name or password.
    pub fn is_denied(&self) -> bool {
        self.is_rejected_for(GRPC_PERMISSION_DENIED, &[WRONG_PASSWORD])
    }

    /// Returns whether this user lacks the right to what it asked for (code 7): other calls may be allowed.
    pub fn is_permission_denied(&self) -> bool {
        self.kind == ErrorKind::Rejected(GRPC_PERMISSION_DENIED)
    }

    /// Returns whether etcd does not know who calls: the token is missing, wrong or expired (code 16, and
    /// some messages with other codes).
    pub fn is_unauthenticated(&self) -> bool {
        self.is_rejected_for(GRPC_UNAUTHENTICATED, &TOKEN_MESSAGES)
    }

    /// Returns whether etcd refused a login since it asks nobody for a user.
    pub(super) fn is_without_users(&self) -> bool {
        matches!(self.kind, ErrorKind::Rejected(_)) && self.text.contains(NOT_ENABLED)
    }

    /// By this code, or any other with one of these messages.
    fn is_rejected_for(&self, wanted: i64, messages: &[&str]) -> bool {
        matches!(self.kind, ErrorKind::Rejected(code)
            if code == wanted || messages.iter().any(|message| self.text.contains(message)))
    }

    /// Returns whether it asked for a revision that etcd has forgotten or not reached (code 11).
    pub fn is_out_of_range(&self) -> bool {
        self.kind == ErrorKind::Rejected(GRPC_OUT_OF_RANGE) && !self.text.contains(TTL_TOO_LARGE)
    }

    /// Returns whether the reply would be too large, for this client or for something between it and etcd
    /// (code 8), so that less is to be asked for.
    pub fn is_too_large(&self) -> bool {
        self.kind == ErrorKind::TooLarge
            || (self.kind == ErrorKind::Rejected(GRPC_RESOURCE_EXHAUSTED)
                && self.text.contains(LARGER_THAN_MAX))
    }

    /// Returns whether a watch asked for changes that etcd has forgotten.
    pub fn is_compacted(&self) -> bool {
        matches!(self.kind, ErrorKind::Compacted(_))
    }

    /// Returns whether the other error is of the same kind, so that a report of both would say nothing new.
    pub fn is_like(&self, other: &Error) -> bool {
        let says_the_same = self.text == other.text;
        match (self.kind, other.kind) {
            (ErrorKind::Rejected(one), ErrorKind::Rejected(two)) => {
                (self.is_the_members(one) && other.is_the_members(two))
                    || (one == two && says_the_same)
            }
            (ErrorKind::Untrusted, ErrorKind::Untrusted)
            | (ErrorKind::NotJson(_), ErrorKind::NotJson(_)) => says_the_same,
            (one, two) => std::mem::discriminant(&one) == std::mem::discriminant(&two),
        }
    }
}

/// The first line of a peer's text, as it may stand in a log.
pub(super) fn shown(text: &str) -> String {
    excerpt(text.trim().lines().next().unwrap_or_default().trim_end(), MAX_TEXT)
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Error { kind, endpoint, text } = self;
        match kind {
            ErrorKind::Unreachable | ErrorKind::CutOff => {
                write!(f, "etcd at {endpoint} is out of reach: {text}")
            }
            ErrorKind::Untrusted => {
                write!(f, "etcd at {endpoint} and this node do not trust each other: {text}")
            }
            ErrorKind::WithoutTls => {
                write!(f, "TLS does not begin with etcd at {endpoint}: {text}")
            }
            ErrorKind::TimedOut => write!(f, "etcd at {endpoint} did not reply in time"),
            ErrorKind::Rejected(code) => {
                write!(f, "etcd at {endpoint} refused: {text} (code {code})")
            }
            ErrorKind::NotJson(status) if text.is_empty() => {
                write!(f, "{endpoint} replied HTTP status {status} and no more")
            }
            ErrorKind::NotJson(status) => {
                write!(f, "{endpoint} replied HTTP status {status} and no JSON: {text}")
            }
            ErrorKind::Malformed => write!(f, "the reply of {endpoint} is not etcd's: {text}"),
            ErrorKind::TooLarge => {
                write!(f, "the reply of etcd at {endpoint} is too large: {text}")
            }
            ErrorKind::Compacted(revision) => {
                write!(f, "etcd forgot the changes before revision {revision}")
            }
            ErrorKind::WatchEnded => write!(f, "the watch of etcd at {endpoint} ended: {text}"),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
