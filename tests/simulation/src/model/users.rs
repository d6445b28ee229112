//! Users, and the tokens by which members know them.

use std::collections::BTreeMap;
use std::time::Duration;

use idetcd::etcd::{Op, Txn};

use super::Time;
use super::refusal::Refusal;
use super::span::{End, Span};

/// How long a member knows a token that is not used (`simple` tokens).
const TOKEN_LIFE: Duration = Duration::from_secs(300);

/// A user, who may read and write the keys that begin with a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: String,
    /// The password.
    pub password: String,
    /// The beginning of the keys; empty: all.
    pub prefix: Vec<u8>,
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// Nobody is asked.
    Anyone,
    /// Somebody without a token.
    Nobody,
    /// This user.
    Known(User),
}

impl Caller {
    /// Whether this caller may read or write there.
    pub(super) fn check(&self, span: Span<'_>) -> Result<(), Refusal> {
        match self {
            Caller::Anyone => Ok(()),
            Caller::Nobody => Err(Refusal::NO_USER),
            Caller::Known(user) if covers(&user.prefix, span) => Ok(()),
            Caller::Known(_) => Err(Refusal::DENIED),
        }
    }

    /// Whether this caller may do all that a transaction does in one case or the other.
    pub(super) fn check_txn(&self, txn: &Txn) -> Result<(), Refusal> {
        for compare in &txn.compare {
            self.check(Span::new(&compare.key, b""))?;
        }
        for op in txn.success.iter().chain(&txn.failure) {
            self.check(match op {
                Op::Range(range) => {
                    Span::new(&range.key, range.range_end.as_deref().unwrap_or_default())
                }
                Op::Put { key, .. } | Op::Delete(key) => Span::new(key, b""),
            })?;
        }
        Ok(())
    }
}

fn covers(prefix: &[u8], span: Span<'_>) -> bool {
    let begins = span.first.starts_with(prefix);
    match span.end {
        _ if prefix.is_empty() => true,
        End::AtOnce => begins,
        // The first key that does not begin with the prefix may be the end.
        End::Before(end) => begins && (end.starts_with(prefix) || is_successor(end, prefix)),
        End::Never => false,
    }
}

fn is_successor(end: &[u8], prefix: &[u8]) -> bool {
    match (end, prefix) {
        ([end @ .., last], [prefix @ .., before]) => {
            end == prefix && before.checked_add(1) == Some(*last)
        }
        _ => false,
    }
}

/// A token, and until when each member knows it.
#[derive(Clone, Debug)]
struct Token {
    user: String,
    until: Vec<Time>,
}

/// The users that etcd knows; none: it asks nobody.
#[derive(Clone, Debug, Default)]
pub(super) struct Users {
    users: Vec<User>,
    tokens: BTreeMap<String, Token>,
}

impl Users {
    pub(super) fn set(&mut self, users: &[User]) {
        // Whose password was changed, or who is gone, is to log in anew.
        self.tokens.retain(|_, token| {
            let same = |user: &&User| user.name == token.user;
            let found = users.iter().find(same);
            found.is_some() && found == self.users.iter().find(same)
        });
        self.users = users.to_vec();
    }

    /// The users without their tokens, which are in no backup.
    pub(super) fn without_tokens(&self) -> Users {
        Users { users: self.users.clone(), tokens: BTreeMap::new() }
    }

    /// A member is started: it has forgotten all tokens.
    pub(super) fn forget(&mut self, member: usize) {
        for token in self.tokens.values_mut() {
            token.until[member] = Time::ZERO;
        }
    }

    /// Who calls a member with this token.
    pub(super) fn caller(
        &mut self,
        member: usize,
        token: Option<&str>,
        now: Time,
    ) -> Result<Caller, Refusal> {
        if self.users.is_empty() {
            return Ok(Caller::Anyone);
        }
        let Some(token) = token else { return Ok(Caller::Nobody) };
        let known = self.tokens.get_mut(token).filter(|token| token.until[member] > now);
        let known = known.ok_or(Refusal::INVALID_TOKEN)?;
        known.until[member] = now + TOKEN_LIFE;
        let user = self.users.iter().find(|user| user.name == known.user);
        user.cloned().map(Caller::Known).ok_or(Refusal::DENIED)
    }

    /// Whether this is a user's name and password.
    pub(super) fn check_password(&self, name: &str, password: &str) -> Result<(), Refusal> {
        if self.users.is_empty() {
            return Err(Refusal::WITHOUT_USERS);
        }
        let is_right = |user: &User| user.name == name && user.password == password;
        if self.users.iter().any(is_right) { Ok(()) } else { Err(Refusal::WRONG_PASSWORD) }
    }

    /// Lets so many members know a token.
    pub(super) fn assign(&mut self, token: &str, user: &str, members: usize, now: Time) {
        self.tokens.retain(|_, token| token.until.iter().any(|until| *until > now));
        let token_of = Token { user: user.to_owned(), until: vec![now + TOKEN_LIFE; members] };
        self.tokens.insert(token.to_owned(), token_of);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_covers_what_is_in_it() {
        let cases = [
            ("w", "", true),
            ("w1", "", true),
            ("v", "", false),
            ("w", "x", true),
            ("w1", "w2", true),
            ("w", "xa", false),
            ("v", "w", false),
            ("w", "\0", false),
        ];
        for (first, end, wanted) in cases {
            let span = Span::new(first.as_bytes(), end.as_bytes());
            assert_eq!(covers(b"w", span), wanted, "{first} to {end:?}");
        }
        assert!(covers(b"", Span::new(b"a", b"\0")));
    }
}
