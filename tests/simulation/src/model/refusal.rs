//! What etcd says no with: gRPC's code and its own words.

use idetcd::etcd::ErrorKind;

use super::request::Outcome;

/// A call that etcd does not carry out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    code: i64,
    text: &'static str,
}

impl Refusal {
    const fn new(code: i64, text: &'static str) -> Refusal {
        Refusal { code, text }
    }

    pub(super) const NO_LEADER_TO_PROPOSE: Refusal = Refusal::new(2, "context deadline exceeded");
    pub(super) const KEY_MISSING: Refusal = Refusal::new(3, "etcdserver: key is not provided");
    pub(super) const KEY_TWICE: Refusal =
        Refusal::new(3, "etcdserver: duplicate key given in txn request");
    pub(super) const TOO_MANY_OPERATIONS: Refusal =
        Refusal::new(3, "etcdserver: too many operations in txn request");
    pub(super) const TOO_LARGE: Refusal = Refusal::new(3, "etcdserver: request is too large");
    pub(super) const NO_USER: Refusal = Refusal::new(3, "etcdserver: user name is empty");
    pub(super) const WRONG_PASSWORD: Refusal =
        Refusal::new(3, "etcdserver: authentication failed, invalid user ID or password");
    pub(super) const NO_LEASE: Refusal = Refusal::new(5, "etcdserver: requested lease not found");
    pub(super) const DENIED: Refusal = Refusal::new(7, "etcdserver: permission denied");
    pub(super) const NO_SPACE: Refusal =
        Refusal::new(8, "etcdserver: mvcc: database space exceeded");
    pub(super) const WITHOUT_USERS: Refusal =
        Refusal::new(9, "etcdserver: authentication is not enabled");
    pub(super) const COMPACTED: Refusal =
        Refusal::new(11, "etcdserver: mvcc: required revision has been compacted");
    pub(super) const FUTURE: Refusal =
        Refusal::new(11, "etcdserver: mvcc: required revision is a future revision");
    pub(super) const TTL_TOO_LARGE: Refusal = Refusal::new(11, "etcdserver: too large lease TTL");
    pub(super) const NO_LEADER: Refusal = Refusal::new(14, "etcdserver: no leader");
    pub(super) const LEADER_CHANGED: Refusal = Refusal::new(14, "etcdserver: leader changed");
    pub(super) const TIMED_OUT: Refusal = Refusal::new(14, "etcdserver: request timed out");
    pub(super) const INVALID_TOKEN: Refusal = Refusal::new(16, "etcdserver: invalid auth token");

    /// The reason of a watch that is refused: with the code in words.
    pub(super) fn of_watch(self) -> String {
        let name = match self.code {
            3 => "InvalidArgument",
            7 => "PermissionDenied",
            16 => "Unauthenticated",
            _ => "Unknown",
        };
        format!("rpc error: code = {name} desc = {}", self.text)
    }
}

impl From<Refusal> for Outcome {
    fn from(refusal: Refusal) -> Outcome {
        Outcome::Error(ErrorKind::Rejected(refusal.code), refusal.text.to_owned())
    }
}
