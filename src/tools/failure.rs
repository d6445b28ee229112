//! Why a tool did not do what it was asked for.

use std::fmt;
use std::io;

use crate::connect::ConnectError;
use crate::etcd::Error;
use crate::node::contact::advice;

/// Why a tool did not do what it was asked for.
#[derive(Debug)]
pub enum Failure {
    /// The system refused what every tool needs.
    Start(io::Error),
    /// A certificate, a key or the password cannot be used.
    Connect(ConnectError),
    /// A call to etcd failed.
    Etcd(Error),
    /// Standard output or the terminal failed.
    Output(io::Error),
    /// A signal ended it.
    Stopped,
    /// Something of the command line does not go together with where it was given.
    Usage(String),
    /// Anything else, in words.
    Other(String),
}

impl Failure {
    /// The exit status that goes with it.
    pub fn exit_status(&self) -> u8 {
        match self {
            Failure::Usage(_) => 2,
            _ => 1,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Start(error) => write!(f, "cannot start: {error}"),
            Failure::Connect(error) => error.fmt(f),
            Failure::Etcd(error) => write!(f, "{error}{}", advice(error)),
            Failure::Output(error) => write!(f, "cannot write the output: {error}"),
            Failure::Stopped => f.write_str("stopped by a signal"),
            Failure::Usage(text) | Failure::Other(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Failure {}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        Failure::Connect(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Etcd(error)
    }
}
