//! Users and groups by the text of `/etc/passwd` and `/etc/group` (`passwd(5)`, `group(5)`).
//!
//! Read here and not by the system's library: a static binary has no name service switch. Pure.

use crate::text::number;

/// The user and group that `--run-as` asks for.
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

/// A user to become, with its entry in `passwd(5)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// By number.
    pub account: Account,
    /// The name and the home directory; `None`: the user is known by its number alone.
    pub home: Option<(String, String)>,
}

impl Login {
    /// The variables that programs find after a login (`login(1)`); `None`: they are to have
    /// no such variable.
    pub fn environment(&self) -> [(&'static str, Option<String>); 3] {
        let (name, home) = self.home.clone().unzip();
        // Whoever has none starts at the root (`login(1)`).
        let home = home.filter(|home| !home.is_empty()).unwrap_or_else(|| "/".to_owned());
        [("HOME", Some(home)), ("USER", name.clone()), ("LOGNAME", name)]
    }
}

/// The highest number of a user or group: the one above it says "no change" to `setresuid(2)`.
const HIGHEST: u32 = u32::MAX - 1;

/// Finds the user and the group. A name goes before a number that is spelt the same.
///
/// # Errors
/// What cannot be found, or may not be, and what to do about it.
pub fn find(wanted: &RunAs, passwd: &str, group: &str) -> Result<Login, String> {
    let user = &wanted.user;
    let named = users(passwd).find(|(name, ..)| name == user);
    let Some(uid) = named.map(|(_, account, _)| account.uid).or_else(|| id(user)) else {
        return Err(format!("there is no user {user:?} in /etc/passwd; add one, or give numbers"));
    };
    if uid == 0 {
        return Err("that user is root; give another, or leave the option out".to_owned());
    }
    let entry = named.or_else(|| users(passwd).find(|(_, account, _)| account.uid == uid));
    let gid = match (&wanted.group, entry) {
        (Some(name), _) => gid(name, group).ok_or_else(|| {
            format!("there is no group {name:?} in /etc/group; add one, or give its number")
        })?,
        (None, Some((_, account, _))) => account.gid,
        (None, None) => {
            let missing = "is not in /etc/passwd; give a group as well";
            return Err(format!("user {uid} {missing}: {uid}:GROUP"));
        }
    };
    let home = entry.map(|(name, _, home)| (name.to_owned(), home.to_owned()));
    Ok(Login { account: Account { uid, gid }, home })
}

fn gid(wanted: &str, group: &str) -> Option<u32> {
    let named = group.lines().find_map(|line| {
        let mut fields = line.split(':');
        let is_it = fields.next() == Some(wanted);
        id(fields.nth(1).filter(|_| is_it)?)
    });
    named.or_else(|| id(wanted))
}

/// The users: name, numbers and home directory. Lines that are none are left out.
fn users(passwd: &str) -> impl Iterator<Item = (&str, Account, &str)> {
    passwd.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let uid = id(fields.nth(1)?)?;
        let gid = id(fields.next()?)?;
        Some((name, Account { uid, gid }, fields.nth(1).unwrap_or_default()))
    })
}

fn id(text: &str) -> Option<u32> {
    number(text).filter(|id| *id <= HIGHEST)
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
        let none = |name: &str| {
            Err(format!("there is no user {name:?} in /etc/passwd; add one, or give numbers"))
        };
        let no_group = |name: &str| {
            Err(format!("there is no group {name:?} in /etc/group; add one, or give its number"))
        };
        let group_needed =
            "user 1234 is not in /etc/passwd; give a group as well: 1234:GROUP".to_owned();
        let root = || Err("that user is root; give another, or leave the option out".to_owned());
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
            ("1234", None, Err(group_needed)),
            ("root", None, root()),
            ("toor", Some("dns"), root()),
            ("0", Some("dns"), root()),
            ("00", Some("dns"), root()),
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
            let found = find(&wanted_by, PASSWD, GROUP).map(|login| login.account);
            assert_eq!(found, wanted, "{wanted_by:?}");
        }
        let nobody = RunAs { user: "nobody".to_owned(), group: None };
        assert_eq!(find(&nobody, "", "").map(|login| login.account), none("nobody"));
    }

    #[test]
    fn programs_have_the_home_of_the_user_and_where_it_has_none_the_root() {
        for (user, wanted) in [
            ("nobody", "HOME=/nonexistent USER=nobody LOGNAME=nobody"),
            ("65534", "HOME=/nonexistent USER=nobody LOGNAME=nobody"),
            ("5000", "HOME=/ USER=100 LOGNAME=100"),
            ("4711", "HOME=/ USER=- LOGNAME=-"),
        ] {
            let wanted_by = RunAs { user: user.to_owned(), group: Some("dns".to_owned()) };
            let login = find(&wanted_by, PASSWD, GROUP).expect("somebody");
            let told = login
                .environment()
                .map(|(name, value)| format!("{name}={}", value.unwrap_or_else(|| "-".to_owned())));
            assert_eq!(told.join(" "), wanted, "{user}");
        }
    }
}
