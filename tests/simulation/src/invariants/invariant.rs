//! What must hold, by name, and what does not.

use std::fmt;

use crate::model::Time;

/// What must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// No two owners of a name.
    OneOwner,
    /// No two programs under a name.
    OneProgram,
    /// Who can run says in time that its lease ran out.
    InTime,
    /// Tokens grow.
    Token,
    /// A directory in sync is etcd's content at its revision.
    Directory,
    /// That revision is not long ago.
    Freshness,
    /// When it was known to be etcd's it had all that etcd had.
    Proof,
    /// The serial of the zones never goes back.
    Serial,
    /// No name stays free while somebody waits.
    FreeName,
    /// "No free name" is only said when it is so.
    NoFreeName,
    /// After the last fault all is well soon.
    Settled,
    /// A name has the addresses of its owner.
    Publication,
    /// Few requests.
    Requests,
    /// What is left behind in etcd goes.
    Leftovers,
    /// Who is stopped gives back what it has.
    Released,
    /// A lease that was left is ended.
    OneLease,
    /// Who starts again within its lease has its name again.
    OldName,
    /// Programs that start together run by one list, which is etcd's.
    OneList,
    /// Where enough wait for a list, they start.
    Together,
}

impl Invariant {
    /// All of them.
    pub const ALL: [Invariant; 19] = [
        Invariant::OneOwner,
        Invariant::OneProgram,
        Invariant::InTime,
        Invariant::Token,
        Invariant::Directory,
        Invariant::Freshness,
        Invariant::Proof,
        Invariant::Serial,
        Invariant::FreeName,
        Invariant::NoFreeName,
        Invariant::Settled,
        Invariant::Publication,
        Invariant::Requests,
        Invariant::Leftovers,
        Invariant::Released,
        Invariant::OneLease,
        Invariant::OldName,
        Invariant::OneList,
        Invariant::Together,
    ];
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Invariant::OneOwner => "one-owner",
            Invariant::OneProgram => "one-program",
            Invariant::InTime => "in-time",
            Invariant::Token => "token",
            Invariant::Directory => "directory",
            Invariant::Freshness => "freshness",
            Invariant::Proof => "proof",
            Invariant::Serial => "serial",
            Invariant::FreeName => "free-name",
            Invariant::NoFreeName => "no-free-name",
            Invariant::Settled => "settled",
            Invariant::Publication => "publication",
            Invariant::Requests => "requests",
            Invariant::Leftovers => "leftovers",
            Invariant::Released => "released",
            Invariant::OneLease => "one-lease",
            Invariant::OldName => "old-name",
            Invariant::OneList => "one-list",
            Invariant::Together => "together",
        })
    }
}

/// Something that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// When that was seen.
    pub at: Time,
    /// What does not hold.
    pub invariant: Invariant,
    /// In words.
    pub text: String,
}
