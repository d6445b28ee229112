//! The product's client over the modelled gateway, and the model asked without it: the replies are the same.

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use idetcd::cluster::{Directory, Keyspace, Pattern};
use idetcd::etcd::{Error, ErrorKind, Etcd, TimeToLive, WatchStream};
use idetcd::node::network::HostNetwork;
use idetcd::server::table::TableLimits;
use simulation::gateway::client::TimedClient;
use simulation::gateway::life::{Port, beside};
use simulation::model::{LeaseLeft, Model, Outcome, Reply, Request, Time, WatchOutput};
use simulation::world::baton::{Baton, End, Wait};
use simulation::world::client::Login;
use simulation::world::endpoint::Endpoint;
use simulation::world::surroundings::{Stream, Surroundings, Trouble};
use simulation::world::tables::TableStart;
use simulation::world::tables::wires::SimDialer;

use super::caller::Caller;

const CALLS: usize = 3000;

/// The longest that a call may take, on the time of the model.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A world in which there is one client and a model.
struct Small {
    model: RefCell<Model>,
    around: Surroundings,
    began: Instant,
}

impl Small {
    /// Lets the model go on until it has something, or until the deadline.
    fn until<T>(
        &self,
        deadline: Instant,
        mut has: impl FnMut(&mut Model, Time) -> Option<T>,
    ) -> Option<T> {
        let mut model = self.model.borrow_mut();
        let deadline = deadline.saturating_duration_since(self.began);
        let mut now = self.around.now().saturating_duration_since(self.began);
        loop {
            model.advance(now);
            let found = has(&mut model, now);
            if found.is_some() || now >= deadline {
                self.around.with(|inside| inside.now = self.began + now);
                return found;
            }
            now = model.next_event().unwrap_or(deadline).clamp(now, deadline);
        }
    }
}

impl Baton for Small {
    fn wait(&self, wait: Wait) {
        match wait {
            Wait::Until(at) => _ = self.until(at, |_, _| None::<()>),
            Wait::Reply { member, request, token, deadline } => {
                let now = self.around.now().saturating_duration_since(self.began);
                let outcome =
                    self.model.borrow_mut().call_as(member, now, token.as_deref(), &request);
                let outcome = match outcome {
                    Outcome::Pending(id) => self.until(deadline, |model, _| {
                        let answers = model.take_answers();
                        answers.into_iter().find(|(other, _)| *other == id).map(|(_, said)| said)
                    }),
                    outcome => Some(outcome),
                };
                self.around.with(|inside| {
                    inside.answer = outcome.map(|outcome| match outcome {
                        Outcome::Reply(reply) => Ok(reply),
                        Outcome::Error(kind, text) => Err(Trouble { kind, text }),
                        Outcome::Pending(_) => panic!("pending"),
                    });
                    if let Some(Ok(Reply::Watch(watch))) = inside.answer {
                        inside.streams.insert(watch, Stream::default());
                    }
                });
            }
            Wait::Changes { watch, deadline } => {
                let came = self.until(deadline, |model, now| match model.next_reply(watch, now) {
                    WatchOutput::Nothing => None,
                    output => Some(output),
                });
                self.around.with(|inside| {
                    let stream = inside.streams.get_mut(&watch).expect("the stream");
                    match came {
                        Some(WatchOutput::Reply(reply)) => stream.queue.push_back(reply),
                        Some(WatchOutput::Compacted(revision)) => {
                            stream.end = Some(Trouble::new(ErrorKind::Compacted(revision), ""));
                        }
                        Some(WatchOutput::Ended(why)) => {
                            stream.end = Some(Trouble::new(ErrorKind::WatchEnded, why));
                        }
                        Some(WatchOutput::Nothing) | None => {}
                    }
                });
            }
        }
    }
}

/// Does work in a small world, with a client of member 0.
fn in_a_small_world(
    model: Model,
    login: Option<Login>,
    work: impl FnOnce(&mut TimedClient, &Surroundings, Instant) + Send + 'static,
) -> Model {
    let began = Instant::now();
    let pattern = Pattern::parse("w{{.ID}}.tf.local.", 9).expect("a good pattern");
    let directory = Directory::new(Arc::new(Keyspace::new(pattern, 9)));
    let source = IpAddr::from(Ipv4Addr::LOCALHOST);
    // Nobody takes a table here.
    let tables = TableStart { limits: TableLimits::default(), dialer: SimDialer::new(1) };
    let network = HostNetwork { interfaces: Ok(Vec::new()), default_sources: Vec::new() };
    let around = Surroundings::new(began, (source, network), directory, None, tables);
    let small = Small { model: RefCell::new(model), around: around.clone(), began };
    let end = beside(&small, move |port: &Port| {
        let endpoints = vec![Endpoint::of_member(0)];
        let mut client = TimedClient::new(port, around.clone(), endpoints, TIMEOUT, login);
        work(&mut client, &around, began);
        End::Session
    });
    assert_eq!(end, End::Session, "the work failed");
    small.model.into_inner()
}

fn left(TimeToLive { left, raft_term }: TimeToLive) -> LeaseLeft {
    LeaseLeft { left, raft_term }
}

fn by_the_client(client: &mut TimedClient, request: &Request) -> Option<Result<Reply, Error>> {
    Some(match request {
        Request::Range(range) => client.range(range).map(Reply::Range),
        Request::Txn(txn) => client.txn(txn).map(Reply::Txn),
        Request::LeaseGrant(ttl) => {
            let granted = client.lease_grant(*ttl);
            let header = client.last_header().unwrap_or_default();
            granted.map(|id| Reply::Granted(id, *ttl, header))
        }
        Request::LeaseKeepAlive(id) => {
            client.lease_keep_alive(*id).map(|it| Reply::KeptAlive(it.map(left)))
        }
        Request::LeaseTimeToLive(id) => {
            client.lease_time_to_live(*id).map(|it| Reply::TimeToLive(it.map(left)))
        }
        Request::LeaseRevoke(id) => client.lease_revoke(*id).map(|()| Reply::Revoked),
        _ => return None,
    })
}

#[test]
fn the_gateway_hands_on_what_the_model_says() {
    static REFUSED: AtomicUsize = AtomicUsize::new(0);
    let model = Model::new(1, 71);
    let mut twin = model.clone();
    in_a_small_world(model, None, move |client, around, began| {
        let mut caller = Caller::new(71);
        let since = |around: &Surroundings| around.now().saturating_duration_since(began);
        for call in 0..CALLS {
            let request = caller.request(&twin);
            let Some(said) = by_the_client(client, &request) else { continue };
            match (said, twin.call(0, since(around), &request)) {
                (Ok(said), Outcome::Reply(reply)) => {
                    if let Reply::Granted(id, ..) = reply {
                        caller.leases.push(id);
                    }
                    assert_eq!(said, reply, "{request:?}");
                }
                (Ok(Reply::Revoked), Outcome::Error(ErrorKind::Rejected(5), _)) => {}
                (Err(error), Outcome::Error(kind, text)) => {
                    REFUSED.fetch_add(1, Ordering::Relaxed);
                    assert_eq!(error, Error::new(kind, "http://m0", &text), "{request:?}");
                }
                (said, ours) => panic!("{request:?}: {said:?}, {ours:?}"),
            }
            if call % 10 > 0 {
                continue;
            }
            let ranges = caller.watch_ranges(twin.revision());
            let mut watch = client.watch(&ranges).expect("a watch");
            let ours = twin.watch(0, since(around), &ranges).expect("a watch");
            let soon = around.now() + Duration::from_millis(200);
            loop {
                let said = watch.next(soon);
                match (said, twin.next_reply(ours, since(around))) {
                    (Ok(Some(said)), WatchOutput::Reply(reply)) => assert_eq!(said, reply),
                    (Ok(None), WatchOutput::Nothing) => break,
                    (Err(error), WatchOutput::Compacted(revision)) => {
                        assert_eq!(error.kind, ErrorKind::Compacted(revision));
                        break;
                    }
                    (said, ours) => panic!("{said:?}, {ours:?}"),
                }
            }
        }
    });
    assert!(REFUSED.load(Ordering::Relaxed) > CALLS / 50);
}

#[test]
fn the_gateway_tells_of_members_that_do_not_answer() {
    let mut model = Model::new(1, 72);
    model.freeze(0, Time::ZERO);
    in_a_small_world(model.clone(), None, |client, around, began| {
        let error = client.client().status().expect_err("it is frozen");
        assert_eq!((error.kind, around.now()), (ErrorKind::TimedOut, began + TIMEOUT));
    });
    model.kill(0, Time::ZERO);
    in_a_small_world(model, None, |client, around, began| {
        let error = client.client().status().expect_err("it is dead");
        assert_eq!((error.kind, around.now()), (ErrorKind::Unreachable, began));
    });
}
