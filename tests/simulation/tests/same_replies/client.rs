//! A client of a real etcd, by way of its gateway.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use idetcd::etcd::{Clock, Credentials, GatewayClient, ReadDeadline};
use serde_json::Value;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, NextTimeout, TcpConnector, Transport, time,
};

/// Long enough for what etcd itself gives up.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A client of one endpoint.
pub fn client(endpoint: &str, user: Option<(&str, &str)>) -> GatewayClient {
    let read_deadline = ReadDeadline::default();
    let connector = ().chain(TcpConnector::default()).chain(Until(read_deadline.clone()));
    let config = ureq::Agent::config_builder().proxy(None).http_status_as_error(false).build();
    let agent = ureq::Agent::with_parts(config, connector, DefaultResolver::default());
    let endpoints = vec![endpoint.to_owned()];
    let credentials = user.map(|(user, password)| Credentials::new(user, password.to_owned()));
    GatewayClient::new(agent, endpoints, TIMEOUT, Clock::new(Instant::now), read_deadline)
        .with_credentials(credentials)
}

/// A call that no client of ours makes: the reply, or the code and the message that it was refused with.
pub fn raw(endpoint: &str, path: &str, body: &Value) -> Result<Value, (i64, String)> {
    let config = ureq::Agent::config_builder().proxy(None).http_status_as_error(false);
    let agent = config.timeout_global(Some(TIMEOUT)).build().new_agent();
    let mut reply =
        agent.post(format!("{endpoint}{path}")).send(body.to_string()).expect("a reply");
    let text = reply.body_mut().read_to_string().expect("text");
    let value: Value = serde_json::from_str(&text).expect("JSON");
    if reply.status() == 200 {
        return Ok(value);
    }
    let message = value["message"].as_str().expect("a message");
    Err((value["code"].as_i64().expect("a code"), message.to_owned()))
}

/// Reads that wait until a deadline at most, as the client wants them.
#[derive(Debug)]
struct Until(ReadDeadline);

#[derive(Debug)]
struct Reading<T> {
    inner: T,
    deadline: ReadDeadline,
}

impl<In: Transport> Connector<In> for Until {
    type Out = Reading<In>;

    fn connect(
        &self,
        _: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Reading<In>>, ureq::Error> {
        Ok(chained.map(|inner| Reading { inner, deadline: self.0.clone() }))
    }
}

impl<T: Transport> Transport for Reading<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        let Some(deadline) = self.deadline.get().deadline else {
            return self.inner.await_input(timeout);
        };
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        if !timeout.after.is_not_happening() && *timeout.after <= left {
            return self.inner.await_input(timeout);
        }
        let own = NextTimeout { after: time::Duration::Exact(left), ..timeout };
        match self.inner.await_input(own) {
            Err(ureq::Error::Timeout(_)) => Err(io::Error::from(ErrorKind::WouldBlock).into()),
            read => read,
        }
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }
}
