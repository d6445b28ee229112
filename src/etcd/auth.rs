//! Users of etcd: a name and a password become a token, which goes along with every call.

use std::fmt;
use std::sync::Arc;

/// A user's name and password.
#[derive(Clone)]
pub struct Credentials {
    pub(super) user: String,
    pub(super) password: String,
    /// Where the password comes from; `None`: it stays as it is.
    source: Option<PasswordSource>,
}

/// What gives the password as it is now; `None`: there is none to be had.
type PasswordSource = Arc<dyn Fn() -> Option<String> + Send + Sync>;

impl Credentials {
    /// A name and a password.
    pub fn new(user: &str, password: String) -> Credentials {
        Credentials { user: user.to_owned(), password, source: None }
    }

    /// Asks this for the password when etcd refuses the one that was used so far.
    #[must_use]
    pub fn with_source(self, source: impl Fn() -> Option<String> + Send + Sync + 'static) -> Self {
        Credentials { source: Some(Arc::new(source)), ..self }
    }

    /// Asks for the password, and returns whether it is another one.
    pub(super) fn renew(&mut self) -> bool {
        let Some(password) = self.source.as_ref().and_then(|source| source()) else { return false };
        let is_other = password != self.password;
        self.password = password;
        is_other
    }
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
