//! The endpoints, and one call to them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::auth::{Credentials, LoginState, Token};
use super::header::{ResponseHeader, header};
use super::json::{self, Wrong};
use super::reply::{read_body, reply, transport_error};
use super::slices::Slices;
use super::timeout::Timeout;
use super::{Error, ErrorKind};

/// The clock that the client goes by: the system's, or one that a test or a simulation sets.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Instant + Send + Sync>);

impl Clock {
    /// A clock that shows what this returns.
    pub fn new(now: impl Fn() -> Instant + Send + Sync + 'static) -> Clock {
        Clock(Arc::new(now))
    }

    /// The time now.
    pub fn now(&self) -> Instant {
        (self.0)()
    }
}

/// The time until which a read on the watch stream may wait. It is shared with the transport of the agent,
/// which returns [`std::io::ErrorKind::WouldBlock`] at that time.
#[derive(Clone, Default, Debug)]
pub struct ReadDeadline(Arc<Mutex<ReadBound>>);

/// The bound of a read.
#[derive(Clone, Copy, Default, Debug)]
pub struct ReadBound {
    /// The time; `None`: no such time.
    pub deadline: Option<Instant>,
    /// Whether it may end earlier, for whoever reads has something else to do.
    pub may_end_early: bool,
    /// Whether a connection that it takes is asked for again and again.
    pub redials: bool,
}

impl ReadDeadline {
    /// The bound set last.
    pub fn get(&self) -> ReadBound {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the bound, for all clones, while `read` runs.
    pub(super) fn during<T>(&self, bound: ReadBound, read: impl FnOnce() -> T) -> T {
        let set = |bound| *self.0.lock().unwrap_or_else(PoisonError::into_inner) = bound;
        set(bound);
        let result = read();
        set(ReadBound::default());
        result
    }
}

/// A client of one etcd cluster: its endpoints, and which of them is in use.
pub struct GatewayClient {
    pub(super) agent: ureq::Agent,
    pub(super) endpoints: Vec<String>,
    in_use: usize,
    pub(super) timeout: Timeout,
    pub(super) clock: Clock,
    pub(super) read_deadline: ReadDeadline,
    credentials: Option<Credentials>,
    token: Token,
    on_leave: Box<dyn Fn(&str) + Send + Sync>,
    pub(super) slices: Slices,
    /// That of the reply to the call before.
    pub(super) last_header: Option<ResponseHeader>,
}

impl GatewayClient {
    /// A client that has not called anybody yet. The agent is to have `http_status_as_error(false)`.
    /// Endpoints are URLs such as `http://10.0.0.1:2379`, tried in this order. The timeout is for
    /// one request to one endpoint: a call takes at most that much for each endpoint.
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
            on_leave: Box::new(|_| {}),
            slices: Slices::default(),
            last_header: None,
        }
    }

    /// Calls this for each endpoint that is left because it failed, so that one that stands for several
    /// members by its host name can stand for another of them next time.
    pub fn with_on_leave(self, on_leave: impl Fn(&str) + Send + Sync + 'static) -> GatewayClient {
        GatewayClient { on_leave: Box::new(on_leave), ..self }
    }

    /// Calls this again and again while a large reply is read: DNS must not wait for its end.
    pub fn with_between_slices(self, take: impl Fn() + Send + Sync + 'static) -> GatewayClient {
        GatewayClient { slices: Slices::new(take), ..self }
    }

    /// Lets calls be made as this user.
    pub fn with_credentials(self, credentials: Option<Credentials>) -> GatewayClient {
        GatewayClient { credentials, ..self }
    }

    /// The endpoint in use: the one that the next call tries first. Empty if there are none.
    pub fn endpoint(&self) -> &str {
        self.endpoints.get(self.in_use).map_or("", String::as_str)
    }

    /// The time that a request which is sent now may take.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout.at(self.clock.now())
    }

    /// Lets the next call try the next endpoint first.
    pub(super) fn use_next(&mut self) {
        (self.on_leave)(self.endpoint());
        self.in_use = (self.in_use + 1) % self.endpoints.len().max(1);
    }

    /// Makes a call, and reads its reply.
    pub(super) fn ask<T>(
        &mut self,
        path: &str,
        body: &Value,
        read: impl FnOnce(&Value) -> Result<T, Wrong>,
    ) -> Result<T, Error> {
        self.last_header = None;
        let reply = self.call(path, body)?;
        // A stream wraps what it says.
        self.last_header = header(json::field(&reply, "result").unwrap_or(&reply)).ok();
        let read = read(&reply).map_err(|what| Error::malformed(self.endpoint(), &what));
        self.slices.discard(reply);
        read
    }

    /// Posts the body to the endpoint in use and, while that is unavailable, to each other one,
    /// and stays with the one that answers. If none does, the error is that of the last. An
    /// endpoint that did not reply may have carried it out all the same.
    fn call(&mut self, path: &str, body: &Value) -> Result<Value, Error> {
        let body = body.to_string();
        let asked = self.clock.now();
        let result = self.at_an_endpoint(|client| client.call_endpoint(path, &body));
        self.timeout.took(self.clock.now().saturating_duration_since(asked), result.is_ok());
        result
    }

    /// Does something at the endpoint in use and, while that is unavailable, at each other one.
    fn at_an_endpoint<T>(
        &mut self,
        mut what: impl FnMut(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut result = Err(Error::new(ErrorKind::Unreachable, "", "no endpoint is given"));
        for _ in 0..self.endpoints.len() {
            result = what(self);
            match &result {
                Err(error) if error.is_unavailable() => self.use_next(),
                _ => break,
            }
        }
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

    /// Logs in at an endpoint, unless that was done before.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::is_denied`]: the name or the password is wrong.
    pub fn log_in(&mut self) -> Result<LoginState, Error> {
        self.at_an_endpoint(Self::ensure_token)?;
        Ok(match self.token {
            Token::Unknown => LoginState::NoUser,
            Token::NotNeeded => LoginState::NotNeeded,
            Token::Held(_) => LoginState::LoggedIn,
        })
    }

    /// `Auth.Authenticate` at the endpoint in use, if there are credentials and no token yet. If etcd
    /// refuses the password, and there is a new one by now, with that.
    pub(super) fn ensure_token(&mut self) -> Result<(), Error> {
        if !matches!(self.token, Token::Unknown) {
            return Ok(());
        }
        let mut token = self.authenticate();
        let is_denied = token.as_ref().is_err_and(Error::is_denied);
        if is_denied && self.credentials.as_mut().is_some_and(Credentials::renew) {
            token = self.authenticate();
        }
        self.token = token?;
        Ok(())
    }

    fn authenticate(&self) -> Result<Token, Error> {
        let Some(credentials) = &self.credentials else { return Ok(Token::Unknown) };
        let request = json!({"name": credentials.user, "password": credentials.password});
        match self.post("/v3/auth/authenticate", &request.to_string()) {
            Ok(reply) => match json::text(&reply, "token") {
                "" => Err(Error::malformed(self.endpoint(), "no token")),
                token => Ok(Token::Held(token.to_owned())),
            },
            Err(error) if error.is_without_users() => Ok(Token::NotNeeded),
            Err(error) => Err(error),
        }
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

    fn post(&self, path: &str, body: &str) -> Result<Value, Error> {
        let endpoint = self.endpoint();
        let failed = |error| transport_error(endpoint, &error);
        let timeout = self.timeout();
        if timeout.is_zero() {
            return Err(Error::new(ErrorKind::TimedOut, endpoint, ""));
        }
        let request = self.request(path).config().timeout_global(Some(timeout)).build();
        let bound = ReadBound { redials: self.timeout.redials, ..ReadBound::default() };
        let mut response =
            self.read_deadline.during(bound, || request.send(body)).map_err(failed)?;
        let status = response.status().as_u16();
        let body = read_body(endpoint, response.body_mut())?;
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
