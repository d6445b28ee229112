//! The client of etcd, in the simulation: it keeps the rules of the gateway's client (which endpoint is
//! asked, what is tried again, how long a call may take), and asks by handing the baton on.

use std::time::{Duration, Instant};

use idetcd::etcd::{
    Error, ErrorKind, Etcd, LeaseId, Range, RangeReply, ResponseHeader, Status, TimeToLive,
    Timeout, Txn, TxnReply, WatchRange, WatchReply, WatchStream,
};

use super::baton::{Baton, Wait};
use super::endpoint::Endpoint;
use super::surroundings::{Surroundings, Trouble};
use crate::model::{LeaseLeft, Reply, Request, WatchId};

/// A name and a password for etcd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The user's name.
    pub name: String,
    /// Its password.
    pub password: String,
}

/// What is known of the token that comes from a login.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Unknown,
    NotNeeded,
    Held(String),
}

/// A client of the modelled etcd.
pub struct SimEtcd<'b, B> {
    baton: &'b B,
    around: Surroundings,
    endpoints: Vec<Endpoint>,
    in_use: usize,
    /// The member that the open connection to each endpoint leads to.
    connections: Vec<Option<usize>>,
    timeout: Timeout,
    login: Option<Login>,
    token: Token,
    last_header: Option<ResponseHeader>,
}

impl<'b, B: Baton> SimEtcd<'b, B> {
    /// A client that has called nobody yet, of these endpoints in this order. The time-out is for one
    /// request to one of them.
    pub fn new(
        baton: &'b B,
        around: Surroundings,
        endpoints: Vec<Endpoint>,
        timeout: Duration,
        login: Option<Login>,
    ) -> Self {
        let (timeout, token) = (Timeout::new(timeout), Token::Unknown);
        SimEtcd {
            baton,
            around,
            connections: vec![None; endpoints.len()],
            endpoints,
            in_use: 0,
            timeout,
            login,
            token,
            last_header: None,
        }
    }

    fn use_next(&mut self) {
        self.in_use = (self.in_use + 1) % self.endpoints.len().max(1);
    }

    /// Keeps the connection open to the endpoint in use.
    fn keep_open(&mut self, member: Option<usize>) {
        if let Some(connection) = self.connections.get_mut(self.in_use) {
            *connection = member;
        }
    }

    /// The member that the open connection leads to, or a new one.
    fn connect(&mut self) -> usize {
        let open = self.connections.get_mut(self.in_use).and_then(Option::take);
        open.unwrap_or_else(|| self.endpoints.get(self.in_use).map_or(0, Endpoint::connect))
    }

    /// Asks the endpoint in use and, while that is unavailable, each other one.
    fn call(&mut self, request: Request) -> Result<Reply, Error> {
        let asked = self.around.now();
        let result = self.at_an_endpoint(&request);
        self.last_header = match &result {
            Ok(Reply::Range(reply)) => Some(reply.header),
            Ok(Reply::Txn(reply)) => Some(reply.header),
            Ok(Reply::Status(reply)) => Some(reply.header),
            Ok(Reply::Granted(_, _, header)) => Some(*header),
            _ => None,
        };
        self.timeout.took(self.around.now().saturating_duration_since(asked), result.is_ok());
        result
    }

    fn at_an_endpoint(&mut self, request: &Request) -> Result<Reply, Error> {
        let mut result = Err(Error::new(ErrorKind::Unreachable, "", "no endpoint is given"));
        for _ in 0..self.endpoints.len() {
            result = self.call_endpoint(request);
            match &result {
                Err(error) if error.is_unavailable() => self.use_next(),
                _ => break,
            }
        }
        result
    }

    fn call_endpoint(&mut self, request: &Request) -> Result<Reply, Error> {
        self.ensure_token()?;
        match self.post(request) {
            // The token ran out, or etcd was started anew and has forgotten it.
            Err(error) if self.login.is_some() && error.is_unauthenticated() => {
                self.token = Token::Unknown;
                self.ensure_token()?;
                self.post(request)
            }
            result => result,
        }
    }

    fn ensure_token(&mut self) -> Result<(), Error> {
        let (Some(Login { name, password }), Token::Unknown) = (&self.login, &self.token) else {
            return Ok(());
        };
        let request = Request::Authenticate { name: name.clone(), password: password.clone() };
        self.token = match self.post(&request) {
            Ok(Reply::Token(token)) => Token::Held(token),
            Ok(_) => return Err(Error::new(ErrorKind::Malformed, self.endpoint(), "no token")),
            Err(error) if error.to_string().contains("authentication is not enabled") => {
                Token::NotNeeded
            }
            Err(error) => return Err(error),
        };
        Ok(())
    }

    /// One request to the endpoint in use. The connection stays open for the next one after a reply; a watch
    /// keeps it for itself.
    fn post(&mut self, request: &Request) -> Result<Reply, Error> {
        let now = self.around.now();
        let timeout = self.timeout.at(now);
        if timeout.is_zero() {
            return Err(Error::new(ErrorKind::TimedOut, self.endpoint(), ""));
        }
        let token = match &self.token {
            Token::Held(token) => Some(token.clone()),
            Token::Unknown | Token::NotNeeded => None,
        };
        let (member, request) = (self.connect(), request.clone());
        let is_watch = matches!(request, Request::Watch(_));
        self.baton.wait(Wait::Reply { member, request, token, deadline: now + timeout });
        let is_hurried = self.around.is_hurried();
        let trouble = match self.around.with(|inside| inside.answer.take()) {
            Some(Ok(reply)) => {
                self.keep_open((!is_watch).then_some(member));
                return Ok(reply);
            }
            Some(Err(trouble)) => {
                let is_reply = matches!(trouble.kind, ErrorKind::Rejected(_));
                self.keep_open((is_reply && !is_watch).then_some(member));
                trouble
            }
            None if is_hurried => asked_to_stop(ErrorKind::Unreachable),
            None => Trouble::new(ErrorKind::TimedOut, ""),
        };
        Err(trouble.at(self.endpoint()))
    }

    /// A call whose reply is of another kind than it should be.
    fn unlike<T>(&self) -> Result<T, Error> {
        Err(Error::new(ErrorKind::Malformed, self.endpoint(), "the reply to something else"))
    }
}

fn asked_to_stop(kind: ErrorKind) -> Trouble {
    Trouble::new(kind, "the process was asked to stop")
}

/// A call about a lease that is gone is none that failed.
fn unless_gone<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Err(error) if error.is_not_found() => Ok(None),
        result => result.map(Some),
    }
}

fn time_to_live(LeaseLeft { left, raft_term }: LeaseLeft) -> TimeToLive {
    TimeToLive { left, raft_term }
}

fn whole_seconds(ttl: Duration) -> Duration {
    let more = u64::from(ttl.subsec_nanos() > 0);
    Duration::from_secs((ttl.as_secs() + more).max(1))
}

impl<'b, B: Baton> Etcd for SimEtcd<'b, B> {
    type Watch = SimWatch<'b, B>;

    fn range(&mut self, range: &Range) -> Result<RangeReply, Error> {
        match self.call(Request::Range(range.clone()))? {
            Reply::Range(reply) => Ok(reply),
            _ => self.unlike(),
        }
    }

    fn txn(&mut self, txn: &Txn) -> Result<TxnReply, Error> {
        match self.call(Request::Txn(txn.clone()))? {
            Reply::Txn(reply) => Ok(reply),
            _ => self.unlike(),
        }
    }

    fn lease_grant(&mut self, ttl: Duration) -> Result<LeaseId, Error> {
        match self.call(Request::LeaseGrant(whole_seconds(ttl)))? {
            Reply::Granted(id, ..) => Ok(id),
            _ => self.unlike(),
        }
    }

    fn lease_keep_alive(&mut self, id: LeaseId) -> Result<Option<TimeToLive>, Error> {
        match unless_gone(self.call(Request::LeaseKeepAlive(id)))? {
            Some(Reply::KeptAlive(left)) => Ok(left.map(time_to_live)),
            Some(_) => self.unlike(),
            None => Ok(None),
        }
    }

    fn lease_revoke(&mut self, id: LeaseId) -> Result<(), Error> {
        unless_gone(self.call(Request::LeaseRevoke(id))).map(drop)
    }

    fn lease_time_to_live(&mut self, id: LeaseId) -> Result<Option<TimeToLive>, Error> {
        match unless_gone(self.call(Request::LeaseTimeToLive(id)))? {
            Some(Reply::TimeToLive(left)) => Ok(left.map(time_to_live)),
            Some(_) => self.unlike(),
            None => Ok(None),
        }
    }

    fn status(&mut self) -> Result<Status, Error> {
        match self.call(Request::Status)? {
            Reply::Status(status) => Ok(Status {
                header: status.header,
                version: "3.4.23".to_owned(),
                leader: status.leader,
                raft_index: status.raft_index,
                raft_term: status.raft_term,
                errors: status.errors,
            }),
            _ => self.unlike(),
        }
    }

    fn watch(&mut self, ranges: &[WatchRange]) -> Result<SimWatch<'b, B>, Error> {
        self.ensure_token()?;
        self.last_header = None;
        let opened = self.post(&Request::Watch(ranges.to_vec()));
        if opened.as_ref().is_err_and(|error| !error.is_compacted()) {
            self.use_next();
        }
        match opened? {
            Reply::Watch(id) => Ok(SimWatch {
                baton: self.baton,
                around: self.around.clone(),
                endpoint: self.endpoint().to_owned(),
                id,
            }),
            _ => self.unlike(),
        }
    }

    fn last_header(&self) -> Option<ResponseHeader> {
        self.last_header
    }

    fn leave_endpoint(&mut self) {
        self.use_next();
    }

    fn endpoint(&self) -> &str {
        self.endpoints.get(self.in_use).map_or("", Endpoint::name)
    }

    fn endpoint_count(&self) -> u32 {
        u32::try_from(self.endpoints.len()).unwrap_or(u32::MAX)
    }

    fn timeout_mut(&mut self) -> &mut Timeout {
        &mut self.timeout
    }
}

/// The stream of a watch.
pub struct SimWatch<'b, B> {
    baton: &'b B,
    around: Surroundings,
    endpoint: String,
    id: WatchId,
}

impl<B: Baton> SimWatch<'_, B> {
    /// What came: changes, or the end behind them.
    fn take(&self) -> Option<Result<WatchReply, Error>> {
        self.around.with(|inside| {
            let stream = inside.streams.get_mut(&self.id)?;
            match stream.queue.pop_front() {
                Some(reply) => {
                    inside.is_mid_reply = !reply.complete;
                    Some(Ok(reply))
                }
                None => stream.end.as_ref().map(|end| Err(end.at(&self.endpoint))),
            }
        })
    }
}

impl<B: Baton> WatchStream for SimWatch<'_, B> {
    fn endpoint(&self) -> &str {
        &self.endpoint
    }

    fn next(&mut self, deadline: Instant) -> Result<Option<WatchReply>, Error> {
        if let Some(came) = self.take() {
            return came.map(Some);
        }
        if !self.around.is_hurried() {
            self.baton.wait(Wait::Changes { watch: self.id, deadline });
        }
        match self.take() {
            Some(came) => came.map(Some),
            None if self.around.is_hurried() => {
                Err(asked_to_stop(ErrorKind::WatchEnded).at(&self.endpoint))
            }
            None => Ok(None),
        }
    }
}

impl<B> Drop for SimWatch<'_, B> {
    fn drop(&mut self) {
        self.around.with(|inside| {
            inside.streams.remove(&self.id);
            inside.closed.push(self.id);
        });
    }
}
