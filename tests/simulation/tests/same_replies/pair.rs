//! An etcd and a model that are asked the same.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::{Duration, Instant};

use idetcd::etcd::{
    Error, ErrorKind, Etcd as _, GatewayClient, LeaseId, Watch, WatchRange, WatchReply, WatchStream,
};
use serde_json::{Value, json};
use simulation::model::{
    LeaseLeft, MemberStatus, Model, Outcome, Reply, Request, Time, WatchId, WatchOutput,
};
use support::{Cluster, Etcd, PATIENCE};

use super::client::{client, raw};
use super::translation::Translation;

/// Within this time a member looks after watches that begin in the past, at the latest.
const SOON: Duration = Duration::from_millis(200);

/// Several members, each real and modelled.
pub struct Pair {
    pub cluster: Cluster,
    clients: Vec<GatewayClient>,
    pub model: Model,
    pub translation: Translation,
    began: Instant,
    /// How much further raft's log is in etcd, which has more to say of itself at its start.
    pub index_ahead: i64,
}

/// A watch at both.
pub struct PairWatch {
    real: Watch,
    model: WatchId,
    is_over: bool,
}

impl Pair {
    /// Members that have just been started, with nothing in them.
    pub fn start(members: usize, seed: u64) -> Pair {
        let cluster = match members {
            1 => Cluster { members: vec![Etcd::start()] },
            _ => Cluster::start(members),
        };
        Pair::of(cluster, seed)
    }

    pub fn of(cluster: Cluster, seed: u64) -> Pair {
        let members = cluster.members.len();
        let clients = cluster.members.iter().map(|member| client(&member.endpoint(), None));
        let mut pair = Pair {
            clients: clients.collect(),
            cluster,
            model: Model::new(members, seed),
            translation: Translation::default(),
            began: Instant::now(),
            index_ahead: 0,
        };
        pair.settle();
        pair
    }

    /// Waits until etcd has said all that it has to say of itself, and takes note of who is who. The leader is
    /// the same from then on.
    pub fn settle(&mut self) {
        let status = |pair: &Pair| -> Vec<_> {
            (0..pair.clients.len()).map(|member| pair.real_status(member)).collect()
        };
        let mut seen = status(self);
        let mut since = Instant::now();
        while since.elapsed() < Duration::from_secs(1) {
            sleep(Duration::from_millis(50));
            let now = status(self);
            if now != seen {
                (seen, since) = (now, Instant::now());
            }
        }
        let ids: Vec<_> =
            seen.iter().map(|status| (status.header.cluster_id, status.header.member_id)).collect();
        let known = std::mem::take(&mut self.translation);
        self.translation = known.with_members(&ids, &self.model);
        let leader = seen.iter().position(|status| status.header.member_id == status.leader);
        let now = self.now();
        self.model.advance(now);
        while leader.is_some() && self.model.leader() != leader {
            self.model.elect(now);
        }
        self.note_log(0);
    }

    /// Takes note of how far raft's log is, as a member says.
    pub fn note_log(&mut self, member: usize) {
        let status = self.real_status(member);
        let ahead = |theirs: u64, ours: u64| theirs.cast_signed() - ours.cast_signed();
        self.index_ahead = ahead(status.raft_index, self.model.raft_index());
        self.translation.term_ahead = ahead(status.raft_term, self.model.raft_term());
    }

    pub fn now(&self) -> Time {
        self.began.elapsed()
    }

    pub fn endpoint(&self, member: usize) -> String {
        self.cluster.members[member].endpoint()
    }

    /// Lets calls be made as a user.
    pub fn log_in(&mut self, user: Option<(&str, &str)>) {
        let clients = self.cluster.members.iter();
        self.clients = clients.map(|member| client(&member.endpoint(), user)).collect();
    }

    pub fn real_status(&self, member: usize) -> MemberStatus {
        let reply = raw(&self.endpoint(member), "/v3/maintenance/status", &json!({}));
        let reply = reply.expect("a status");
        let number = |value: &Value| -> u64 {
            value.as_str().map_or(0, |text| text.parse().expect("a number"))
        };
        let errors = reply["errors"].as_array().cloned().unwrap_or_default();
        MemberStatus {
            header: idetcd::etcd::ResponseHeader {
                cluster_id: number(&reply["header"]["cluster_id"]),
                member_id: number(&reply["header"]["member_id"]),
                revision: number(&reply["header"]["revision"]).cast_signed(),
                raft_term: number(&reply["header"]["raft_term"]),
            },
            leader: number(&reply["leader"]),
            raft_term: number(&reply["raftTerm"]),
            raft_index: number(&reply["raftIndex"]),
            errors: errors.iter().map(|e| e.as_str().expect("text").to_owned()).collect(),
        }
    }

    /// What etcd says, in the model's terms.
    fn real(&mut self, member: usize, request: &Request) -> Result<Reply, Error> {
        let endpoint = self.endpoint(member);
        let client = &mut self.clients[member];
        Ok(match self.translation.request(request) {
            Request::Range(range) => Reply::Range(self.translation.range(client.range(&range)?)),
            Request::Txn(txn) => Reply::Txn(self.translation.txn(client.txn(&txn)?)),
            Request::LeaseGrant(ttl) => {
                let id = client.lease_grant(ttl)?;
                let header = client.last_header().unwrap_or_default();
                Reply::Granted(id, ttl, self.translation.header(header))
            }
            Request::LeaseKeepAlive(id) => {
                let renewed = client.lease_keep_alive(id)?;
                let term = |term| self.translation.term(term);
                Reply::KeptAlive(
                    renewed.map(|it| LeaseLeft { left: it.left, raft_term: term(it.raft_term) }),
                )
            }
            Request::LeaseTimeToLive(id) => {
                let body = json!({"ID": id.0.to_string()});
                let reply = raw(&endpoint, "/v3/lease/timetolive", &body);
                let reply = reply.map_err(|(code, message)| {
                    Error::new(ErrorKind::Rejected(code), &endpoint, &message)
                })?;
                let number = |value: &Value| -> i64 {
                    value.as_str().map_or(0, |text| text.parse().expect("a number"))
                };
                let raft_term = number(&reply["header"]["raft_term"]);
                let left = u64::try_from(number(&reply["TTL"])).ok().map(Duration::from_secs);
                let raft_term = self.translation.term(raft_term.cast_unsigned());
                Reply::TimeToLive(left.map(|left| LeaseLeft { left, raft_term }))
            }
            Request::LeaseRevoke(id) => {
                client.lease_revoke(id)?;
                Reply::Revoked
            }
            Request::Compact(revision) => {
                let body = json!({"revision": revision.to_string(), "physical": true});
                let reply = raw(&endpoint, "/v3/kv/compaction", &body);
                reply.map_err(|(code, message)| {
                    Error::new(ErrorKind::Rejected(code), &endpoint, &message)
                })?;
                Reply::Compacted
            }
            Request::Status => {
                let status = self.real_status(member);
                let index = status.raft_index.cast_signed() - self.index_ahead;
                Reply::Status(MemberStatus {
                    header: self.translation.header(status.header),
                    leader: self.translation.id(status.leader),
                    raft_index: index.cast_unsigned(),
                    raft_term: self.translation.term(status.raft_term),
                    errors: status.errors,
                })
            }
            Request::Authenticate { .. } | Request::Watch(_) => panic!("{request:?}"),
        })
    }

    /// Asks both, compares what they say, and returns it.
    pub fn ask(&mut self, member: usize, request: &Request) -> Outcome {
        let theirs = self.real(member, request);
        let now = self.now();
        let ours = self.model.call(member, now, request);
        self.compare(member, request, theirs, &ours);
        ours
    }

    pub fn compare(
        &mut self,
        member: usize,
        request: &Request,
        theirs: Result<Reply, Error>,
        ours: &Outcome,
    ) {
        let endpoint = self.endpoint(member);
        match (&theirs, ours) {
            (
                Ok(Reply::Granted(theirs, _, header)),
                Outcome::Reply(Reply::Granted(ours, _, modelled)),
            ) => {
                self.translation.learn(*theirs, *ours);
                assert_eq!(header, modelled, "{}", brief(request));
            }
            // The client takes what is gone for what was to be.
            (Ok(Reply::Revoked), Outcome::Error(ErrorKind::Rejected(5), _)) => {}
            (
                Ok(Reply::TimeToLive(Some(theirs))),
                Outcome::Reply(Reply::TimeToLive(Some(ours))),
            ) => {
                let difference = theirs.left.abs_diff(ours.left);
                assert!(difference <= Duration::from_secs(1), "{theirs:?} {ours:?}");
                assert_eq!(theirs.raft_term, ours.raft_term, "{}", brief(request));
            }
            (Ok(theirs), Outcome::Reply(ours)) => assert_eq!(theirs, ours, "{request:?}"),
            (Err(theirs), Outcome::Error(kind, text)) => {
                assert_eq!(*theirs, Error::new(*kind, &endpoint, text), "{}", brief(request));
            }
            _ => panic!("{}: etcd says {theirs:?}, the model {ours:?}", brief(request)),
        }
    }

    /// Asks etcd alone, as the model would be.
    pub fn ask_real(&mut self, member: usize, request: &Request) -> Result<Reply, Error> {
        self.real(member, request)
    }

    pub fn grant(&mut self, member: usize, seconds: u64) -> LeaseId {
        match self.ask(member, &Request::LeaseGrant(Duration::from_secs(seconds))) {
            Outcome::Reply(Reply::Granted(id, ..)) => id,
            other => panic!("{other:?}"),
        }
    }

    /// Opens a watch at both; `None`: it begins in what is forgotten, and both say so.
    pub fn watch(&mut self, member: usize, ranges: &[WatchRange]) -> Option<PairWatch> {
        let real = self.clients[member].watch(ranges);
        let now = self.now();
        let model = self.model.watch(member, now, ranges);
        let model = model.expect("the model watches");
        match real {
            Ok(real) => Some(PairWatch { real, model, is_over: false }),
            Err(error) => {
                assert_eq!(self.await_model(model), WatchOutput::Compacted(compacted(&error)));
                None
            }
        }
    }

    /// What the model says next, once it is time.
    fn await_model(&mut self, watch: WatchId) -> WatchOutput {
        loop {
            let now = self.now();
            match self.model.next_reply(watch, now) {
                WatchOutput::Nothing
                    if self.model.next_event().is_some_and(|at| at < now + SOON) =>
                {
                    sleep(Duration::from_millis(5));
                }
                output => return output,
            }
        }
    }

    /// Compares all that both say of a watch; false: it is over.
    pub fn follow(&mut self, watch: &mut PairWatch) -> bool {
        if watch.is_over {
            return false;
        }
        let mut ours: BTreeMap<usize, Vec<WatchReply>> = BTreeMap::new();
        let mut count = 0;
        loop {
            match self.await_model(watch.model) {
                WatchOutput::Reply(reply) => {
                    ours.entry(reply.range).or_default().push(reply);
                    count += 1;
                }
                WatchOutput::Nothing => break,
                WatchOutput::Compacted(revision) => {
                    watch.is_over = true;
                    let error = loop {
                        match watch.real.next(Instant::now() + PATIENCE) {
                            // Other ranges may have something to say before.
                            Ok(reply) => assert!(reply.is_some(), "etcd does not end the watch"),
                            Err(error) => break error,
                        }
                    };
                    assert_eq!(revision, compacted(&error));
                    return false;
                }
                WatchOutput::Ended(why) => panic!("{why}"),
            }
        }
        let mut theirs: BTreeMap<usize, Vec<WatchReply>> = BTreeMap::new();
        for _ in 0..count {
            let reply = watch.real.next(Instant::now() + PATIENCE).expect("no end");
            let reply = reply.unwrap_or_else(|| panic!("etcd says {theirs:?}, the model {ours:?}"));
            theirs.entry(reply.range).or_default().push(self.translation.watch(reply));
        }
        assert_eq!(theirs, ours);
        true
    }

    /// Checks that etcd has no more to say of a watch than it said.
    pub fn is_quiet(&self, watch: &mut PairWatch) -> bool {
        watch.is_over
            || matches!(watch.real.next(Instant::now() + Duration::from_millis(50)), Ok(None))
    }
}

fn compacted(error: &Error) -> i64 {
    match error.kind {
        ErrorKind::Compacted(revision) => revision,
        _ => panic!("{error}"),
    }
}

/// The beginning of a request, for one may be large.
fn brief(request: &Request) -> String {
    format!("{request:?}").chars().take(1000).collect()
}
