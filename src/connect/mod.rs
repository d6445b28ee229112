//! The way to etcd: certificates and the password, read once, and the client that waits in the
//! server. Knows nothing of names or of the command line.

mod access;
mod certificate_end;
mod certificates;
mod dial;
mod expiry;
mod local_address;
mod password;
mod resolver;
mod stub;
mod tls;
mod tls_transport;
mod transport;
mod x509;

use std::time::Duration;

use crate::clock;
use crate::etcd::{Clock, Credentials, GatewayClient, ReadDeadline};
use crate::failure::Failure;
use crate::random::Random;
use crate::server::Shared;
pub use access::{Access, ConnectSettings, Endpoint, Password, User};
pub use certificate_end::{CertificateEnd, Outlook};
pub use certificates::Certificates;
pub use expiry::ExpiryWatch;
use password::PasswordFile;

/// Everything that a client of etcd needs, but the server that it waits in.
#[derive(Debug)]
pub struct Connect {
    endpoints: Vec<String>,
    credentials: Option<Credentials>,
    certificates: Option<Certificates>,
    timeout: Duration,
}

impl Connect {
    /// Reads the files that the settings name.
    ///
    /// # Errors
    /// When a certificate, a key or the password cannot be used.
    pub fn prepare(settings: &ConnectSettings) -> Result<Connect, Failure> {
        let ConnectSettings { endpoints, access, timeout } = settings;
        let needs_tls = endpoints.iter().any(Endpoint::is_https);
        Ok(Connect {
            endpoints: shuffled(endpoints, &mut Random::from_system()),
            credentials: access.user.as_ref().map(credentials).transpose()?,
            certificates: needs_tls.then(|| Certificates::read(access)).transpose()?,
            timeout: *timeout,
        })
    }

    /// The certificates that are trusted and shown; `None`: no endpoint asks for any.
    pub fn certificates(&self) -> Option<&Certificates> {
        self.certificates.as_ref()
    }

    /// A client that waits in this server, and has called nobody yet.
    pub fn client(&self, server: &Shared) -> GatewayClient {
        self.client_of(server, self.endpoints.clone()).with_credentials(self.credentials.clone())
    }

    /// A client of one endpoint that names no user.
    pub fn stranger(&self, server: &Shared, endpoint: &Endpoint) -> GatewayClient {
        self.client_of(server, vec![endpoint.as_str().to_owned()])
    }

    fn client_of(&self, server: &Shared, endpoints: Vec<String>) -> GatewayClient {
        let read_deadline = ReadDeadline::default();
        let (agent, addresses) =
            transport::agent(server, self.certificates.clone(), read_deadline.clone());
        let clock = Clock::new(clock::now);
        GatewayClient::new(agent, endpoints, self.timeout, clock, read_deadline)
            .with_on_leave(move |endpoint| addresses.demote(endpoint))
            .with_between_slices({
                let server = server.clone();
                // What went wrong with it shows at the next wait as well.
                move || drop(server.lock().wait(None, Some(clock::now())))
            })
    }
}

/// In an order of this node's own: every node is given the same endpoints, and all of them at the
/// same member, or fleeing to the same one, would be a burden that the others could share.
fn shuffled(endpoints: &[Endpoint], random: &mut Random) -> Vec<String> {
    let mut endpoints: Vec<String> = endpoints.iter().map(|e| e.as_str().to_owned()).collect();
    endpoints.sort_by_cached_key(|_| random.draw());
    endpoints
}

fn credentials(user: &User) -> Result<Credentials, Failure> {
    match &user.password {
        Password::Given(password) => Ok(Credentials::new(&user.name, password.clone())),
        Password::File(path) => {
            let file = PasswordFile::new(path);
            let password = file.read()?;
            Ok(Credentials::new(&user.name, password).with_source(move || file.read_anew()))
        }
    }
}
