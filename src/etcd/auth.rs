//! Users of etcd: a name and a password become a token, which goes along with every call.

use std::fmt;

use serde_json::json;

use super::{Error, GatewayClient, json};

/// What etcd says when nobody switched authentication on.
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

/// What goes along with calls.
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

/// How etcd takes the client's user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginState {
    /// The client has no user to name.
    NoUser,
    /// etcd asks nobody for a user.
    NotNeeded,
    /// The user is logged in.
    LoggedIn,
}

impl GatewayClient {
    /// Logs in at the endpoint in use, unless that was done before.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::is_denied`]: the name or the password is wrong.
    pub fn log_in(&mut self) -> Result<LoginState, Error> {
        self.ensure_token()?;
        Ok(match self.token {
            Token::Unknown => LoginState::NoUser,
            Token::NotNeeded => LoginState::NotNeeded,
            Token::Held(_) => LoginState::LoggedIn,
        })
    }

    /// `Auth.Authenticate` at the endpoint in use, if there are credentials and no token yet.
    pub(super) fn ensure_token(&mut self) -> Result<(), Error> {
        let (Some(credentials), Token::Unknown) = (&self.credentials, &self.token) else {
            return Ok(());
        };
        let request = json!({"name": credentials.user, "password": credentials.password});
        self.token = match self.post("/v3/auth/authenticate", &request.to_string()) {
            Ok(reply) => match json::text(&reply, "token") {
                "" => return Err(Error::malformed(self.endpoint(), "no token")),
                token => Token::Held(token.to_owned()),
            },
            Err(Error::Rejected { message, .. }) if message.contains(NOT_ENABLED) => {
                Token::NotNeeded
            }
            Err(error) => return Err(error),
        };
        Ok(())
    }

    /// Whether a call that failed like this may do with a new token.
    pub(super) fn may_renew_token(&self, error: &Error) -> bool {
        self.credentials.is_some() && error.is_unauthenticated()
    }
}
