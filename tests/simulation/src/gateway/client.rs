//! The product's client on virtual time.
//!
//! ureq counts its time-outs on the system's clock, of which next to nothing passes while a call waits. So the
//! transport is told the time-out of each call beside ureq, and counts it on the time of the process.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use idetcd::etcd::{
    Clock, Credentials, Error, Etcd, GatewayClient, LeaseId, Range, RangeReply, ReadDeadline,
    ResponseHeader, Status, TimeToLive, Timeout, Txn, TxnReply, Watch, WatchRange,
};

use super::life::Port;
use super::transport::{Way, agent};
use crate::world::client::Login;
use crate::world::endpoint::Endpoint;
use crate::world::surroundings::Surroundings;

/// The time-out of the call that is made, as the transport is told it.
#[derive(Clone, Debug)]
pub struct CallTimeout(Arc<Mutex<Timeout>>);

impl CallTimeout {
    fn set(&self, timeout: Timeout) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = timeout;
    }

    /// What was told last.
    pub(super) fn get(&self) -> Timeout {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A client of the modelled gateway.
pub struct TimedClient {
    client: GatewayClient,
    timeout: CallTimeout,
}

impl TimedClient {
    /// A client that has called nobody yet.
    pub fn new(
        port: &Port,
        around: Surroundings,
        endpoints: Vec<Endpoint>,
        timeout: Duration,
        login: Option<Login>,
    ) -> TimedClient {
        let call_timeout = CallTimeout(Arc::new(Mutex::new(Timeout::new(timeout))));
        let read_deadline = ReadDeadline::default();
        let names = endpoints.iter().map(|endpoint| endpoint.name().to_owned()).collect();
        let agent = agent(Way {
            endpoints,
            port: port.clone(),
            around: around.clone(),
            read_deadline: read_deadline.clone(),
            timeout: call_timeout.clone(),
        });
        let clock = Clock::new(move || around.now());
        let credentials = login.map(|login| Credentials::new(&login.name, login.password));
        let client = GatewayClient::new(agent, names, timeout, clock, read_deadline)
            .with_credentials(credentials);
        TimedClient { client, timeout: call_timeout }
    }

    /// The client, for a call that is made now.
    pub fn client(&mut self) -> &mut GatewayClient {
        self.timeout.set(*self.client.timeout_mut());
        &mut self.client
    }
}

impl Etcd for TimedClient {
    type Watch = Watch;

    fn range(&mut self, range: &Range) -> Result<RangeReply, Error> {
        self.client().range(range)
    }

    fn txn(&mut self, txn: &Txn) -> Result<TxnReply, Error> {
        self.client().txn(txn)
    }

    fn lease_grant(&mut self, ttl: Duration) -> Result<LeaseId, Error> {
        self.client().lease_grant(ttl)
    }

    fn lease_keep_alive(&mut self, id: LeaseId) -> Result<Option<TimeToLive>, Error> {
        self.client().lease_keep_alive(id)
    }

    fn lease_revoke(&mut self, id: LeaseId) -> Result<(), Error> {
        self.client().lease_revoke(id)
    }

    fn lease_time_to_live(&mut self, id: LeaseId) -> Result<Option<TimeToLive>, Error> {
        self.client().lease_time_to_live(id)
    }

    fn status(&mut self) -> Result<Status, Error> {
        self.client().status()
    }

    fn watch(&mut self, ranges: &[WatchRange]) -> Result<Watch, Error> {
        self.client().watch(ranges)
    }

    fn last_header(&self) -> Option<ResponseHeader> {
        self.client.last_header()
    }

    fn leave_endpoint(&mut self) {
        self.client.leave_endpoint();
    }

    fn endpoint(&self) -> &str {
        self.client.endpoint()
    }

    fn endpoint_count(&self) -> u32 {
        self.client.endpoint_count()
    }

    fn timeout_mut(&mut self) -> &mut Timeout {
        self.client.timeout_mut()
    }
}
