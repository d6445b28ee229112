//! What can go wrong in a call to etcd.

use std::fmt;

use crate::text::excerpt;

/// gRPC's `NOT_FOUND`: no such lease.
const GRPC_NOT_FOUND: i64 = 5;
/// gRPC's `PERMISSION_DENIED`.
const GRPC_PERMISSION_DENIED: i64 = 7;
/// gRPC's `UNAVAILABLE`: no leader, overloaded, starting, stopping.
const GRPC_UNAVAILABLE: i64 = 14;
/// gRPC's `OUT_OF_RANGE`: the revision is compacted or in the future.
const GRPC_OUT_OF_RANGE: i64 = 11;
/// gRPC's `UNAUTHENTICATED`: the token is missing, wrong or expired.
const GRPC_UNAUTHENTICATED: i64 = 16;

/// etcd's messages, with various codes, to a caller that it does not know.
const TOKEN_MESSAGES: [&str; 3] =
    ["user name is empty", "invalid auth token", "revision in header is old"];
/// etcd's message, with code 3, to a wrong name as well.
const WRONG_PASSWORD: &str = "invalid user ID or password";

/// etcd's message, with code 11, to a lease that is to live for too long.
const TTL_TOO_LARGE: &str = "too large lease TTL";

/// The longest text taken from a peer into an error, in characters.
const MAX_TEXT: usize = 200;

/// The failure of a call to etcd. It prints as one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// No HTTP reply came: refused, reset, no route, host name unknown, not HTTP, or a proxy
    /// answered for etcd. Whether etcd carried the call out is unknown.
    Unreachable {
        /// The endpoint tried last.
        endpoint: String,
        /// What the transport said.
        cause: String,
    },
    /// The connection ended where a reply was to come. Whether etcd carried the call out is unknown.
    CutOff {
        /// The endpoint tried last.
        endpoint: String,
        /// What the transport said.
        cause: String,
    },
    /// TLS failed: one side does not trust the other's certificate.
    /// etcd did not carry the call out.
    Untrusted {
        /// The endpoint tried last.
        endpoint: String,
        /// What TLS said.
        cause: String,
    },
    /// TLS did not begin: most likely what listens there speaks none. etcd did not carry the call out.
    WithoutTls {
        /// The endpoint tried last.
        endpoint: String,
        /// What it did instead.
        cause: String,
    },
    /// No complete reply came in time. Whether etcd carried the call out is unknown.
    TimedOut {
        /// The endpoint tried last.
        endpoint: String,
    },
    /// etcd answered that it does not do this: see its code and message.
    Rejected {
        /// The endpoint that answered.
        endpoint: String,
        /// The code of gRPC, such as 5 (not found), 7 (permission denied), 11 (out of range:
        /// the revision is compacted or in the future), 14 (unavailable), 16 (unauthenticated);
        /// 2 (unknown) where etcd gives none.
        code: i64,
        /// What etcd says.
        message: String,
    },
    /// The reply is no JSON: something in front of etcd's gateway refused, or there is no gateway, or
    /// no etcd.
    NotJson {
        /// The endpoint that answered.
        endpoint: String,
        /// The HTTP status.
        status: u16,
        /// The first line of the reply.
        text: String,
    },
    /// The reply is not what etcd's API says, or larger than this client reads. Most likely
    /// something other than etcd listens there.
    Malformed {
        /// The endpoint that answered.
        endpoint: String,
        /// What is wrong with the reply.
        what: String,
    },
    /// The changes to be watched are not in etcd's history any more: read the keys anew and watch
    /// from there.
    Compacted {
        /// The oldest revision to watch from.
        compact_revision: i64,
    },
    /// The stream of a watch is over. Watch again from the last revision seen.
    WatchEnded {
        /// The endpoint that was watched.
        endpoint: String,
        /// What etcd or the transport said.
        cause: String,
    },
}

impl Error {
    /// Returns whether another endpoint, or the same one later, may well do the same call.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(
            self,
            Error::Unreachable { .. }
                | Error::CutOff { .. }
                | Error::Untrusted { .. }
                | Error::WithoutTls { .. }
                | Error::NotJson { .. }
                | Error::Malformed { .. }
                | Error::TimedOut { .. }
                | Error::Rejected { code: GRPC_UNAVAILABLE, .. }
        )
    }

    /// Returns whether etcd knows no such lease (code 5).
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Error::Rejected { code: GRPC_NOT_FOUND, .. })
    }

    /// Returns whether etcd refuses this user: the right is missing (code 7), or the name or password.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        match self {
            Error::Rejected { code: GRPC_PERMISSION_DENIED, .. } => true,
            Error::Rejected { message, .. } => message.contains(WRONG_PASSWORD),
            _ => false,
        }
    }

    /// Returns whether etcd does not know who calls: the token is missing, wrong or expired (code 16, and
    /// some messages with other codes).
    #[must_use]
    pub fn is_unauthenticated(&self) -> bool {
        match self {
            Error::Rejected { code: GRPC_UNAUTHENTICATED, .. } => true,
            Error::Rejected { message, .. } => {
                TOKEN_MESSAGES.iter().any(|text| message.contains(text))
            }
            _ => false,
        }
    }

    /// Returns whether it asked for a revision that etcd has forgotten or not reached (code 11).
    #[must_use]
    pub fn is_out_of_range(&self) -> bool {
        matches!(self, Error::Rejected { code: GRPC_OUT_OF_RANGE, message, .. }
            if !message.contains(TTL_TOO_LARGE))
    }

    /// The peer's own words, where there are some.
    pub(super) fn words(&self) -> &str {
        match self {
            Error::Rejected { message, .. } => message,
            Error::NotJson { text, .. } => text,
            Error::Unreachable { cause, .. } | Error::WatchEnded { cause, .. } => cause,
            _ => "",
        }
    }

    /// Returns whether the other error is of the same kind, so that a report of both would say nothing new.
    #[must_use]
    pub fn is_like(&self, other: &Error) -> bool {
        match (self, other) {
            (Error::Untrusted { cause: one, .. }, Error::Untrusted { cause: two, .. }) => {
                one == two
            }
            (
                Error::Rejected { code, message: one, .. },
                Error::Rejected { code: other, message: two, .. },
            ) => code == other && (*code == GRPC_UNAVAILABLE || one == two),
            (Error::NotJson { text: one, .. }, Error::NotJson { text: two, .. }) => one == two,
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }

    /// Returns whether a watch asked for changes that etcd has forgotten.
    #[must_use]
    pub fn is_compacted(&self) -> bool {
        matches!(self, Error::Compacted { .. })
    }

    pub(super) fn not_json(endpoint: &str, status: u16, text: &str) -> Self {
        Error::NotJson { endpoint: endpoint.to_owned(), status, text: shown(text) }
    }

    pub(super) fn malformed(endpoint: &str, what: &str) -> Self {
        Error::Malformed { endpoint: endpoint.to_owned(), what: shown(what) }
    }

    pub(super) fn unreachable(endpoint: &str, cause: &str) -> Self {
        Error::Unreachable { endpoint: endpoint.to_owned(), cause: shown(cause) }
    }

    pub(super) fn cut_off(endpoint: &str, cause: &str) -> Self {
        Error::CutOff { endpoint: endpoint.to_owned(), cause: shown(cause) }
    }

    pub(super) fn untrusted(endpoint: &str, cause: &str) -> Self {
        Error::Untrusted { endpoint: endpoint.to_owned(), cause: shown(cause) }
    }

    pub(super) fn without_tls(endpoint: &str, cause: &str) -> Self {
        Error::WithoutTls { endpoint: endpoint.to_owned(), cause: shown(cause) }
    }

    pub(super) fn watch_ended(endpoint: &str, cause: &str) -> Self {
        Error::WatchEnded { endpoint: endpoint.to_owned(), cause: shown(cause) }
    }
}

/// The first line of a peer's text, as it may stand in a log.
pub(super) fn shown(text: &str) -> String {
    excerpt(text.trim().lines().next().unwrap_or_default().trim_end(), MAX_TEXT)
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Unreachable { endpoint, cause } | Error::CutOff { endpoint, cause } => {
                write!(f, "etcd at {endpoint} is out of reach: {cause}")
            }
            Error::Untrusted { endpoint, cause } => {
                write!(f, "etcd at {endpoint} and this node do not trust each other: {cause}")
            }
            Error::WithoutTls { endpoint, cause } => {
                write!(f, "TLS does not begin with etcd at {endpoint}: {cause}")
            }
            Error::TimedOut { endpoint } => write!(f, "etcd at {endpoint} did not reply in time"),
            Error::Rejected { endpoint, code, message } => {
                write!(f, "etcd at {endpoint} refused: {message} (code {code})")
            }
            Error::NotJson { endpoint, status, text } if text.is_empty() => {
                write!(f, "{endpoint} replied HTTP status {status} and no more")
            }
            Error::NotJson { endpoint, status, text } => {
                write!(f, "{endpoint} replied HTTP status {status} and no JSON: {text}")
            }
            Error::Malformed { endpoint, what } => {
                write!(f, "the reply of {endpoint} is not etcd's: {what}")
            }
            Error::Compacted { compact_revision } => {
                write!(f, "etcd forgot the changes before revision {compact_revision}")
            }
            Error::WatchEnded { endpoint, cause } => {
                write!(f, "the watch of etcd at {endpoint} ended: {cause}")
            }
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
