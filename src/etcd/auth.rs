//! Users of etcd: a name and a password become a token, which goes along with every call.

use std::fmt;

/// A user's name and password.
#[derive(Clone)]
pub struct Credentials {
    /// The name.
    pub user: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for Credentials {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// The token that goes along with calls. It is as good as a password, so nothing prints it.
pub(super) enum Token {
    /// To be asked for, if there are credentials.
    Unknown,
    /// etcd asks nobody for one.
    NotNeeded,
    /// As etcd gave it.
    Held(String),
}

/// The outcome of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginState {
    /// The client has no user to name.
    NoUser,
    /// etcd asks nobody for a user.
    NotNeeded,
    /// The user is logged in.
    LoggedIn,
}
