//! Users of etcd: a name and a password become a token, which goes along with every call.

use std::fmt;

use serde_json::Value;

use super::{Error, json};

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

/// The token that goes along with calls.
#[derive(Clone, Default)]
pub(super) enum Token {
    /// To be asked for, if there are credentials.
    #[default]
    Unknown,
    /// etcd asks nobody for one.
    NotNeeded,
    /// As etcd gave it.
    Held(String),
}

impl fmt::Debug for Token {
    /// Without the token, which is as good as a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Token::Unknown => "Unknown",
            Token::NotNeeded => "NotNeeded",
            Token::Held(_) => "Held(…)",
        })
    }
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

impl Token {
    pub(super) fn state(&self) -> LoginState {
        match self {
            Token::Unknown => LoginState::NoUser,
            Token::NotNeeded => LoginState::NotNeeded,
            Token::Held(_) => LoginState::LoggedIn,
        }
    }
}

/// Reads the token in the reply to a login.
pub(super) fn token(endpoint: &str, reply: Result<Value, Error>) -> Result<Token, Error> {
    match reply {
        Ok(reply) => match json::text(&reply, "token") {
            "" => Err(Error::malformed(endpoint, "no token")),
            token => Ok(Token::Held(token.to_owned())),
        },
        Err(Error::Rejected { message, .. }) if message.contains(NOT_ENABLED) => {
            Ok(Token::NotNeeded)
        }
        Err(error) => Err(error),
    }
}
