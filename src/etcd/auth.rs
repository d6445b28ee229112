//! Users of etcd: a name and a password become a token, which goes along with every call.

use std::fmt;

use serde_json::{Value, json};

use super::json::{self, Wrong};
use super::{Error, ErrorKind};

/// etcd's message while authentication is off.
const NOT_ENABLED: &str = "authentication is not enabled";

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

impl Credentials {
    pub(super) fn encode(&self) -> Value {
        json!({"name": self.user, "password": self.password})
    }
}

/// Reads the token in the reply to a login.
pub(super) fn token(reply: &Value) -> Result<Token, Wrong> {
    match json::text(reply, "token") {
        "" => Err("no token".to_owned()),
        token => Ok(Token::Held(token.to_owned())),
    }
}

/// Returns whether etcd refused a login since it knows no users.
pub(super) fn is_not_enabled(error: &Error) -> bool {
    matches!(error.kind, ErrorKind::Rejected(_)) && error.text.contains(NOT_ENABLED)
}
