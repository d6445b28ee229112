//! The endpoints, and one call to them.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::auth::{Credentials, LoginState, Token, token};
use super::reply::{MAX_BODY, reply, transport_error};
use super::slices::Slices;
use super::timeout::Timeout;
use super::{Clock, Error};

/// The time until which a read on the watch stream may wait. It is shared with the transport of the agent,
/// which returns [`std::io::ErrorKind::WouldBlock`] at that time. `None`: no such time.
#[derive(Clone, Default, Debug)]
pub struct ReadDeadline(Arc<Mutex<Option<Instant>>>);

impl ReadDeadline {
    /// The time set last.
    #[must_use]
    pub fn get(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the time, for all clones.
    pub fn set(&self, deadline: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = deadline;
    }

    /// Sets the time while `read` runs.
    pub(super) fn during<T>(&self, deadline: Option<Instant>, read: impl FnOnce() -> T) -> T {
        self.set(deadline);
        let result = read();
        self.set(None);
        result
    }
}

/// A callback for an endpoint that is left because it failed.
#[derive(Clone)]
struct OnLeave(Arc<dyn Fn(&str) + Send + Sync>);

impl fmt::Debug for OnLeave {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnLeave(…)")
    }
}

/// A client of one etcd cluster: its endpoints, and which of them is in use.
#[derive(Debug)]
pub struct GatewayClient {
    pub(super) agent: ureq::Agent,
    pub(super) endpoints: Vec<String>,
    in_use: usize,
    pub(super) timeout: Timeout,
    pub(super) clock: Clock,
    pub(super) read_deadline: ReadDeadline,
    credentials: Option<Credentials>,
    token: Token,
    on_leave: Option<OnLeave>,
    pub(super) slices: Slices,
}

impl GatewayClient {
    /// A client that has not called anybody yet. The agent is to have `http_status_as_error(false)`.
    /// Endpoints are URLs such as `http://10.0.0.1:2379`, tried in this order. The timeout is for
    /// one request to one endpoint: a call takes at most that much for each endpoint.
    #[must_use]
    pub fn new(
        agent: ureq::Agent,
        endpoints: Vec<String>,
        timeout: Duration,
        clock: Clock,
        read_deadline: ReadDeadline,
    ) -> GatewayClient {
        let endpoints =
            endpoints.iter().map(|endpoint| endpoint.trim_end_matches('/').to_owned()).collect();
        GatewayClient {
            agent,
            endpoints,
            in_use: 0,
            timeout: Timeout::new(timeout),
            clock,
            read_deadline,
            credentials: None,
            token: Token::Unknown,
            on_leave: None,
            slices: Slices::default(),
        }
    }

    /// Calls this for each endpoint that is left because it failed, so that one that stands for several
    /// members by its host name can stand for another of them next time.
    #[must_use]
    pub fn with_on_leave(self, on_leave: impl Fn(&str) + Send + Sync + 'static) -> GatewayClient {
        GatewayClient { on_leave: Some(OnLeave(Arc::new(on_leave))), ..self }
    }

    /// Calls this again and again while a large reply is read: DNS must not wait for its end.
    #[must_use]
    pub fn with_between_slices(self, take: impl Fn() + Send + Sync + 'static) -> GatewayClient {
        GatewayClient { slices: Slices::new(take), ..self }
    }

    /// Lets calls be made as this user.
    #[must_use]
    pub fn with_credentials(self, credentials: Option<Credentials>) -> GatewayClient {
        GatewayClient { credentials, ..self }
    }

    /// The endpoint in use: the one that the next call tries first. Empty if there are none.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        self.endpoints.get(self.in_use).map_or("", String::as_str)
    }

    /// The time that a request which is sent now may take.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout.at(self.clock.now())
    }

    /// Lets the next call try the next endpoint first.
    pub(super) fn use_next(&mut self) {
        if let Some(OnLeave(on_leave)) = &self.on_leave {
            on_leave(self.endpoint());
        }
        self.in_use = (self.in_use + 1) % self.endpoints.len().max(1);
    }

    /// Posts the body to the endpoint in use and, while that is unavailable, to each other one,
    /// and stays with the one that answers. If none does, the error is that of the last. An
    /// endpoint that did not reply may have carried it out all the same.
    pub(super) fn call(&mut self, path: &str, body: &Value) -> Result<Value, Error> {
        let body = body.to_string();
        let asked = self.clock.now();
        let mut result = Err(Error::unreachable("", "no endpoint is given"));
        for _ in 0..self.endpoints.len() {
            result = self.call_endpoint(path, &body);
            match &result {
                Err(error) if error.is_unavailable() => self.use_next(),
                _ => break,
            }
        }
        self.timeout.note_reply(self.clock.now().saturating_duration_since(asked));
        result
    }

    fn call_endpoint(&mut self, path: &str, body: &str) -> Result<Value, Error> {
        self.ensure_token()?;
        match self.post(path, body) {
            // The token ran out, or etcd was started anew and has forgotten it.
            Err(error) if self.credentials.is_some() && error.is_unauthenticated() => {
                self.token = Token::Unknown;
                self.ensure_token()?;
                self.post(path, body)
            }
            result => result,
        }
    }

    /// Logs in at the endpoint in use, unless that was done before.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::is_denied`]: the name or the password is wrong.
    pub fn log_in(&mut self) -> Result<LoginState, Error> {
        self.ensure_token()?;
        Ok(self.token.state())
    }

    /// `Auth.Authenticate` at the endpoint in use, if there are credentials and no token yet.
    pub(super) fn ensure_token(&mut self) -> Result<(), Error> {
        let (Some(credentials), Token::Unknown) = (&self.credentials, &self.token) else {
            return Ok(());
        };
        let request = json!({"name": credentials.user, "password": credentials.password});
        let reply = self.post("/v3/auth/authenticate", &request.to_string());
        self.token = token(self.endpoint(), reply)?;
        Ok(())
    }

    /// A request to the endpoint in use, with the token.
    pub(super) fn request(&self, path: &str) -> ureq::RequestBuilder<ureq::typestate::WithBody> {
        let request = self.agent.post(format!("{}{path}", self.endpoint()));
        let request = request.content_type("application/json");
        match &self.token {
            Token::Held(token) => request.header("Authorization", token),
            Token::Unknown | Token::NotNeeded => request,
        }
    }

    pub(super) fn post(&self, path: &str, body: &str) -> Result<Value, Error> {
        let endpoint = self.endpoint();
        let failed = |error| transport_error(endpoint, &error);
        let timeout = self.timeout();
        if timeout.is_zero() {
            return Err(Error::TimedOut { endpoint: endpoint.to_owned() });
        }
        let mut response = self
            .request(path)
            .config()
            .timeout_global(Some(timeout))
            .build()
            .send(body)
            .map_err(failed)?;
        let status = response.status().as_u16();
        let body =
            response.body_mut().with_config().limit(MAX_BODY).read_to_vec().map_err(failed)?;
        reply(endpoint, status, &body, &self.slices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_endpoints() {
        let agent = ureq::Agent::new_with_defaults();
        let clock = Clock::new(Instant::now);
        let mut client =
            GatewayClient::new(agent, Vec::new(), Duration::ZERO, clock, ReadDeadline::default());
        assert_eq!(client.endpoint(), "");
        assert!(client.call("/v3/kv/range", &Value::Null).is_err());
        client.use_next();
    }
}
