//! The endpoints, and one call to them.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::auth::{Credentials, Token};
use super::breath::Breath;
use super::error::one_line;
use super::{Error, json};

/// The largest reply read, in octets.
const MAX_BODY: u64 = 64 * 1024 * 1024;

/// The most by which patience multiplies the time for a request.
const MOST_PATIENCE: u32 = 8;

/// Which part of the usual time a reply takes at most where etcd is not busy.
const PROMPT_PART: u32 = 8;

/// Until when a read on the watch stream may wait. It is shared with the transport of the agent,
/// which returns [`io::ErrorKind::WouldBlock`] at that time. `None`: no such time.
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

/// Is told of an endpoint that is left because it failed.
#[derive(Clone)]
struct OnLeave(Arc<dyn Fn(&str) + Send + Sync>);

impl fmt::Debug for OnLeave {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnLeave(…)")
    }
}

/// A client of one etcd cluster: its endpoints, and which of them is in use.
#[derive(Debug)]
pub struct Client {
    pub(super) agent: ureq::Agent,
    endpoints: Vec<String>,
    in_use: usize,
    timeout: Duration,
    /// By how much more patient it is than that.
    patience_factor: u32,
    /// How long the last reply took.
    last_reply_after: Duration,
    /// No call waits longer than this.
    not_after: Option<Instant>,
    pub(super) read_deadline: ReadDeadline,
    pub(super) credentials: Option<Credentials>,
    pub(super) token: Token,
    on_leave: Option<OnLeave>,
    pub(super) breath: Breath,
}

impl Client {
    /// A client that has not called anybody yet. The agent is to have `http_status_as_error(false)`.
    /// Endpoints are URLs such as `http://10.0.0.1:2379`, tried in this order. The timeout is for
    /// one request to one endpoint: a call takes at most that much for each endpoint.
    #[must_use]
    pub fn new(
        agent: ureq::Agent,
        endpoints: Vec<String>,
        timeout: Duration,
        read_deadline: ReadDeadline,
    ) -> Client {
        let endpoints =
            endpoints.iter().map(|endpoint| endpoint.trim_end_matches('/').to_owned()).collect();
        Client {
            agent,
            endpoints,
            in_use: 0,
            timeout,
            patience_factor: 1,
            last_reply_after: Duration::ZERO,
            not_after: None,
            read_deadline,
            credentials: None,
            token: Token::Unknown,
            on_leave: None,
            breath: Breath::default(),
        }
    }

    /// Tells of each endpoint that is left because it failed, so that one that stands for several
    /// members by its host name can stand for another of them next time.
    #[must_use]
    pub fn with_on_leave(self, on_leave: impl Fn(&str) + Send + Sync + 'static) -> Client {
        Client { on_leave: Some(OnLeave(Arc::new(on_leave))), ..self }
    }

    /// Does this again and again while a large reply is read, so that it does not wait for the end.
    #[must_use]
    pub fn with_breath(self, take: impl Fn() + Send + Sync + 'static) -> Client {
        Client { breath: Breath::new(take), ..self }
    }

    /// Lets calls be made as this user.
    #[must_use]
    pub fn with_credentials(self, credentials: Option<Credentials>) -> Client {
        Client { credentials, ..self }
    }

    /// The endpoint in use: the one that the next call tries first. Empty if there are none.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        self.endpoints.get(self.in_use).map_or("", String::as_str)
    }

    /// The error for a reply of the endpoint in use that is not what was asked for.
    #[must_use]
    pub fn malformed(&self, what: &str) -> Error {
        Error::malformed(self.endpoint(), what)
    }

    /// How many endpoints there are.
    #[must_use]
    pub fn endpoint_count(&self) -> u32 {
        u32::try_from(self.endpoints.len()).unwrap_or(u32::MAX)
    }

    /// Changes the time that one request to one endpoint may take.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// Lets no call wait for a reply any longer at this time; `None`: the timeout alone counts.
    pub fn set_not_after(&mut self, not_after: Option<Instant>) {
        self.not_after = not_after;
    }

    /// Gives each request more time: all endpoints together eight times as much as one request
    /// usually has. Where many clients ask at once, those that give up and ask again are what keeps
    /// etcd from answering any.
    pub fn be_patient(&mut self) {
        let share = MOST_PATIENCE / self.endpoint_count().max(1);
        self.patience_factor = share.max(self.patience_factor);
    }

    /// Gives each request twice the time, up to eight times as much as usual.
    pub fn grow_patience(&mut self) {
        self.patience_factor = (self.patience_factor * 2).min(MOST_PATIENCE);
    }

    /// Gives each request the usual time again if the last reply took but a small part of that.
    pub fn settle_patience(&mut self) {
        if self.last_reply_after < self.timeout / PROMPT_PART {
            self.reset_patience();
        }
    }

    /// Gives each request the time that was set.
    pub fn reset_patience(&mut self) {
        self.patience_factor = 1;
    }

    /// Whether requests get more time than was set.
    #[must_use]
    pub fn is_patient(&self) -> bool {
        self.patience_factor > 1
    }

    /// How long one request may take from now on.
    pub(super) fn patience(&self) -> Duration {
        let patience = self.timeout.saturating_mul(self.patience_factor);
        let Some(at) = self.not_after else { return patience };
        let left = at.saturating_duration_since(Instant::now());
        // More than usual only where it leaves as much for another attempt.
        patience.min((left / 2).max(self.timeout)).min(left)
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
        let asked = Instant::now();
        let mut result = Err(Error::unreachable("", "no endpoint is given"));
        for _ in 0..self.endpoints.len() {
            result = self.call_endpoint(path, &body);
            match &result {
                Err(error) if error.is_unavailable() => self.use_next(),
                _ => break,
            }
        }
        self.last_reply_after = asked.elapsed();
        result
    }

    fn call_endpoint(&mut self, path: &str, body: &str) -> Result<Value, Error> {
        self.ensure_token()?;
        match self.post(path, body) {
            // The token ran out, or etcd was started anew and has forgotten it.
            Err(error) if self.may_renew_token(&error) => {
                self.token = Token::Unknown;
                self.ensure_token()?;
                self.post(path, body)
            }
            result => result,
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

    pub(super) fn post(&self, path: &str, body: &str) -> Result<Value, Error> {
        let endpoint = self.endpoint();
        let failed = |error| transport_error(endpoint, &error);
        let patience = self.patience();
        if patience.is_zero() {
            return Err(Error::TimedOut { endpoint: endpoint.to_owned() });
        }
        let mut response = self
            .request(path)
            .config()
            .timeout_global(Some(patience))
            .build()
            .send(body)
            .map_err(failed)?;
        let status = response.status().as_u16();
        let body =
            response.body_mut().with_config().limit(MAX_BODY).read_to_vec().map_err(failed)?;
        reply(endpoint, status, self.breath.first_value(&body))
    }
}

/// The reply in an HTTP response: the first JSON value of the body, unless it tells an error.
pub(super) fn reply(
    endpoint: &str,
    status: u16,
    value: Option<serde_json::Result<Value>>,
) -> Result<Value, Error> {
    let succeeded = (200..300).contains(&status);
    let value = match value {
        Some(Ok(value)) if value.is_object() => value,
        // A proxy in front of etcd, or etcd on its way out.
        _ if status >= 500 => {
            return Err(Error::unreachable(endpoint, &format!("HTTP status {status}")));
        }
        _ => return Err(Error::malformed(endpoint, &format!("no JSON (HTTP status {status})"))),
    };
    if succeeded && json::field(&value, "error").is_none() {
        return Ok(value);
    }
    match json::error(&value) {
        Some((code, message)) => Err(rejected(endpoint, code, &message)),
        None if succeeded => Ok(value),
        None if status >= 500 => {
            Err(Error::unreachable(endpoint, &format!("HTTP status {status}")))
        }
        None => {
            Err(Error::malformed(endpoint, &format!("an unknown error (HTTP status {status})")))
        }
    }
}

pub(super) fn rejected(endpoint: &str, code: i64, message: &str) -> Error {
    Error::Rejected { endpoint: endpoint.to_owned(), code, message: one_line(message) }
}

pub(super) fn transport_error(endpoint: &str, error: &ureq::Error) -> Error {
    match error {
        ureq::Error::Timeout(_) => Error::TimedOut { endpoint: endpoint.to_owned() },
        ureq::Error::Io(error) if is_time_up(error) => {
            Error::TimedOut { endpoint: endpoint.to_owned() }
        }
        ureq::Error::BodyExceedsLimit(_) => {
            Error::malformed(endpoint, &format!("larger than {MAX_BODY} octets"))
        }
        error => match tls_error(error) {
            Some(rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType)) => {
                Error::without_tls(endpoint, "it answers without")
            }
            Some(cause) => Error::untrusted(endpoint, &cause.to_string()),
            None if endpoint.starts_with("https://") && is_cut_off(error) => {
                Error::without_tls(endpoint, "it closes the connection")
            }
            None => Error::unreachable(endpoint, &cause(error)),
        },
    }
}

/// What the system or a peer said, without the kind that ureq puts before it.
fn cause(error: &ureq::Error) -> String {
    match innermost(error) {
        ureq::Error::Io(error) => error.to_string(),
        error => error.to_string(),
    }
}

/// Whether the stream ended in a handshake: later ends are told by ureq and TLS in their own words.
fn is_cut_off(error: &ureq::Error) -> bool {
    matches!(innermost(error), ureq::Error::Io(error)
        if error.kind() == io::ErrorKind::UnexpectedEof && error.get_ref().is_none())
}

/// ureq's errors go through the standard library's, and are wrapped once more.
fn innermost(error: &ureq::Error) -> &ureq::Error {
    let ureq::Error::Io(outer) = error else { return error };
    let inner = outer.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>());
    inner.map_or(error, innermost)
}

/// What TLS complained of, however ureq and the standard library wrap that.
fn tls_error(error: &ureq::Error) -> Option<&rustls::Error> {
    match error {
        ureq::Error::Rustls(error) => Some(error),
        ureq::Error::Io(error) => {
            let inner = error.get_ref()?;
            let wrapped = || inner.downcast_ref::<ureq::Error>().and_then(tls_error);
            inner.downcast_ref::<rustls::Error>().or_else(wrapped)
        }
        _ => None,
    }
}

/// Whether a read or a write only waited too long, however ureq wraps that.
pub(super) fn is_time_up(error: &io::Error) -> bool {
    if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) {
        return true;
    }
    match error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>()) {
        Some(ureq::Error::Io(inner)) => is_time_up(inner),
        Some(ureq::Error::Timeout(_)) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies() {
        let rejected = |code| Err(super::rejected("e", code, "gone"));
        let lost = Err(Error::unreachable("e", "HTTP status 503"));
        let cases: [(u16, &str, Result<(), Error>); 10] = [
            (200, r#"{"header":{}}"#, Ok(())),
            (200, "{}\n{}\n", Ok(())),
            (200, r#"{"error":{"grpc_code":5,"message":"gone"}}"#, rejected(5)),
            (404, r#"{"error":"gone","message":"gone","code":5}"#, rejected(5)),
            (404, r#"{"code":5,"message":"gone","details":[]}"#, rejected(5)),
            (503, r#"{"code":14,"message":"gone"}"#, rejected(14)),
            (503, "<html>", lost.clone()),
            (503, "{}", lost),
            (404, "Not Found", Err(Error::malformed("e", "no JSON (HTTP status 404)"))),
            (200, "", Err(Error::malformed("e", "no JSON (HTTP status 200)"))),
        ];
        for (status, body, expected) in cases {
            let value = Breath::default().first_value(body.as_bytes());
            assert_eq!(reply("e", status, value).map(|_| ()), expected, "{body}");
        }
        for body in ["{", "[", "\"x", "7", "\u{0}", &"[".repeat(100_000)] {
            assert!(reply("e", 200, Breath::default().first_value(body.as_bytes())).is_err());
        }
    }

    #[test]
    fn time_is_up_however_wrapped() {
        let would_block = || io::Error::from(io::ErrorKind::WouldBlock);
        assert!(is_time_up(&would_block()));
        assert!(is_time_up(&io::Error::other(ureq::Error::Io(would_block()))));
        assert!(!is_time_up(&io::Error::other("x")));
    }

    #[test]
    fn a_cause_is_told_however_wrapped() {
        let refused = || ureq::Error::Io(io::Error::other("refused"));
        for error in [refused(), ureq::Error::Io(io::Error::other(refused()))] {
            assert_eq!(transport_error("e", &error), Error::unreachable("e", "refused"));
        }
        let ended = || ureq::Error::Io(io::ErrorKind::UnexpectedEof.into());
        let told = Error::without_tls("https://e", "it closes the connection");
        assert_eq!(transport_error("https://e", &ended()), told);
        let told = Error::unreachable("http://e", "unexpected end of file");
        assert_eq!(transport_error("http://e", &ended()), told);
    }

    #[test]
    fn without_endpoints() {
        let agent = ureq::Agent::new_with_defaults();
        let mut client = Client::new(agent, Vec::new(), Duration::ZERO, ReadDeadline::default());
        assert_eq!(client.endpoint(), "");
        assert!(client.call("/v3/kv/range", &Value::Null).is_err());
        client.use_next();
    }
}
