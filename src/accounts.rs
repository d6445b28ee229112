//! Users and groups by the text of `/etc/passwd` and `/etc/group` (`passwd(5)`, `group(5)`).
//!
//! Read here and not by the system's library: a static binary has no name service switch. Pure.

use std::fmt;

/// Who to be: what `--run-as` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunAs {
    /// A user's name or number.
    pub user: String,
    /// A group's name or number; `None`: the user's own.
    pub group: Option<String>,
}

/// A user and a group by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
}

/// Why nobody can be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountError {
    /// There is no such user.
    NoUser(String),
    /// There is no such group.
    NoGroup(String),
    /// The user is known by its number alone, and has no group of its own.
    GroupNeeded(u32),
    /// The user is root.
    Root,
}

impl fmt::Display for AccountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AccountError::NoUser(name) => {
                write!(f, "there is no user {name:?} in /etc/passwd; add one, or give numbers")
            }
            AccountError::NoGroup(name) => {
                write!(f, "there is no group {name:?} in /etc/group; add one, or give its number")
            }
            AccountError::GroupNeeded(uid) => {
                write!(f, "user {uid} is not in /etc/passwd; give a group as well: {uid}:GROUP")
            }
            AccountError::Root => {
                f.write_str("that user is root; give another, or leave the option out")
            }
        }
    }
}

impl std::error::Error for AccountError {}

/// The highest number of a user or group: the one above it says "no change" to `setresuid(2)`.
const HIGHEST: u32 = u32::MAX - 1;

/// Finds the user and the group. A name goes before a number that is spelt the same.
///
/// # Errors
/// See [`AccountError`].
pub fn find(wanted: &RunAs, passwd: &str, group: &str) -> Result<Account, AccountError> {
    let RunAs { user, group: wanted_group } = wanted;
    let entry = users(passwd).find(|(name, _)| name == user).map(|(_, account)| account);
    let uid = match (entry, number(user)) {
        (Some(account), _) => account.uid,
        (None, Some(uid)) => uid,
        (None, None) => return Err(AccountError::NoUser(user.clone())),
    };
    if uid == 0 {
        return Err(AccountError::Root);
    }
    let by_number = || users(passwd).map(|(_, account)| account).find(|account| account.uid == uid);
    let gid = match wanted_group {
        Some(name) => gid(name, group)?,
        None => entry.or_else(by_number).ok_or(AccountError::GroupNeeded(uid))?.gid,
    };
    Ok(Account { uid, gid })
}

fn gid(wanted: &str, group: &str) -> Result<u32, AccountError> {
    let named = group.lines().find_map(|line| {
        let mut fields = line.split(':');
        let is_it = fields.next() == Some(wanted);
        number(fields.nth(1).filter(|_| is_it)?)
    });
    named.or_else(|| number(wanted)).ok_or_else(|| AccountError::NoGroup(wanted.to_owned()))
}

/// The users; lines that are none are left out.
fn users(passwd: &str) -> impl Iterator<Item = (&str, Account)> {
    passwd.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let uid = number(fields.nth(1)?)?;
        let gid = number(fields.next()?)?;
        Some((name, Account { uid, gid }))
    })
}

fn number(text: &str) -> Option<u32> {
    let is_number = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_number);
    number.filter(|number| *number <= HIGHEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "\
root:x:0:0:root:/root:/bin/sh
toor:x:0:0::/root:/bin/sh
# a comment
broken:x:seven:7
:x:8:8::/:
nobody:x:65534:65533:nobody:/nonexistent:/usr/sbin/nologin
100:x:5000:5001::/:/bin/sh
last:x:4294967294:4294967294::/:
beyond:x:4294967295:1::/:
+nis::::::";
    const GROUP: &str = "root:x:0:\nnogroup:x:65533:\ndns:x:53:worker,nobody\n53:x:54:\nbad:x:-1:";

    #[test]
    fn users_and_groups_are_found_by_name_and_by_number() {
        let none = |name: &str| Err(AccountError::NoUser(name.to_owned()));
        let no_group = |name: &str| Err(AccountError::NoGroup(name.to_owned()));
        let account = |uid, gid| Ok(Account { uid, gid });
        for (user, group, wanted) in [
            ("nobody", None, account(65_534, 65_533)),
            ("nobody", Some("dns"), account(65_534, 53)),
            ("nobody", Some("1000"), account(65_534, 1000)),
            ("nobody", Some("53"), account(65_534, 54)),
            ("65534", None, account(65_534, 65_533)),
            ("65534", Some("dns"), account(65_534, 53)),
            ("1234", Some("5678"), account(1234, 5678)),
            ("100", None, account(5000, 5001)),
            ("last", None, account(4_294_967_294, 4_294_967_294)),
            ("1234", None, Err(AccountError::GroupNeeded(1234))),
            ("root", None, Err(AccountError::Root)),
            ("toor", Some("dns"), Err(AccountError::Root)),
            ("0", Some("dns"), Err(AccountError::Root)),
            ("00", Some("dns"), Err(AccountError::Root)),
            ("worker", None, none("worker")),
            ("broken", None, none("broken")),
            ("beyond", None, none("beyond")),
            ("4294967295", Some("dns"), none("4294967295")),
            ("+5", Some("dns"), none("+5")),
            ("# a comment", None, none("# a comment")),
            ("nobody", Some("none"), no_group("none")),
            ("nobody", Some("bad"), no_group("bad")),
            ("nobody", Some("-1"), no_group("-1")),
        ] {
            let wanted_by = RunAs { user: user.to_owned(), group: group.map(str::to_owned) };
            assert_eq!(find(&wanted_by, PASSWD, GROUP), wanted, "{wanted_by:?}");
        }
        let nobody = RunAs { user: "nobody".to_owned(), group: None };
        assert_eq!(find(&nobody, "", ""), none("nobody"));
    }
}
