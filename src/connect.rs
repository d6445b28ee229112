//! The way to etcd: certificates and the password, read once, and the client that waits in the
//! server.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use ureq::tls::TlsConfig;

use crate::etcd::{Client, Credentials, ReadDeadline};
use crate::options::{Access, Endpoint, Options, Password, User};
use crate::server::tls::{self, TlsError};
use crate::server::{Shared, transport};

/// Why there is no way to etcd: what the options name cannot be used.
#[derive(Debug)]
pub enum ConnectError {
    /// A certificate or key cannot be used.
    Tls(TlsError),
    /// The password cannot be read from its file; why.
    Password(PathBuf, String),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectError::Tls(error) => error.fmt(f),
            ConnectError::Password(path, why) => {
                write!(f, "--password-file: {}: {why}", path.display())
            }
        }
    }
}

impl std::error::Error for ConnectError {}

/// Everything that a client of etcd needs, but the server that it waits in.
#[derive(Debug)]
pub struct Connect {
    endpoints: Vec<String>,
    credentials: Option<Credentials>,
    tls: Option<TlsConfig>,
    timeout: Duration,
}

impl Connect {
    /// Reads the files that the options name.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub fn prepare(options: &Options) -> Result<Connect, ConnectError> {
        Ok(Connect {
            endpoints: shuffled(&options.endpoints),
            credentials: options.access.user.as_ref().map(credentials).transpose()?,
            tls: tls_config(&options.access, &options.endpoints)?,
            timeout: options.etcd_timeout,
        })
    }

    /// A client that waits in this server, and has called nobody yet.
    pub fn client(&self, server: &Shared) -> Client {
        self.client_of(server, self.endpoints.clone()).with_credentials(self.credentials.clone())
    }

    /// A client of one endpoint that names no user.
    pub fn stranger(&self, server: &Shared, endpoint: &Endpoint) -> Client {
        self.client_of(server, vec![endpoint.as_str().to_owned()])
    }

    fn client_of(&self, server: &Shared, endpoints: Vec<String>) -> Client {
        let read_deadline = ReadDeadline::default();
        let (agent, addresses) = transport::agent(server, self.tls.clone(), {
            let read_deadline = read_deadline.clone();
            move || read_deadline.get()
        });
        Client::new(agent, endpoints, self.timeout, read_deadline)
            .with_on_leave(move |endpoint| addresses.demote(endpoint))
            .with_breath({
                let server = server.clone();
                // What went wrong with it shows at the next wait as well.
                move || drop(server.lock().wait(None, Some(Instant::now())))
            })
    }
}

/// In an order of this node's own: every node is given the same endpoints, and all of them at the
/// same member, or fleeing to the same one, would be a burden that the others could share.
fn shuffled(endpoints: &[Endpoint]) -> Vec<String> {
    let random = RandomState::new();
    let mut endpoints: Vec<String> = endpoints.iter().map(|e| e.as_str().to_owned()).collect();
    endpoints.sort_by_cached_key(|endpoint| random.hash_one(endpoint));
    endpoints
}

fn credentials(user: &User) -> Result<Credentials, ConnectError> {
    let password = match &user.password {
        Password::Given(password) => password.clone(),
        Password::File(path) => {
            let failed = |why: String| ConnectError::Password(path.clone(), why);
            let unread = |error| failed(format!("{error}; {}", remedy(&error)));
            let text = std::fs::read_to_string(path).map_err(unread)?;
            match text.lines().next() {
                Some(line) if !line.is_empty() => line.to_owned(),
                _ => {
                    return Err(failed(
                        "its first line is empty; put the password there".to_owned(),
                    ));
                }
            }
        }
    };
    Ok(Credentials { user: user.name.clone(), password })
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::NotFound => "create it, or give another file",
        ErrorKind::PermissionDenied => "let it be read by who starts this, or give another file",
        _ => "give a text file that can be read",
    }
}

fn tls_config(access: &Access, endpoints: &[Endpoint]) -> Result<Option<TlsConfig>, ConnectError> {
    if !endpoints.iter().any(Endpoint::is_https) {
        return Ok(None);
    }
    let certificate =
        access.certificate.as_ref().map(|(cert, key)| (cert.as_path(), key.as_path()));
    tls::config(access.cacert.as_deref(), certificate).map(Some).map_err(ConnectError::Tls)
}
