//! What the processes do: a session of the product, or the old plugin.

use std::time::Duration;

use idetcd::cluster::{Record, SlotId};
use idetcd::etcd::{Error, Etcd, Op, Range, Txn};
use idetcd::node::session::Session;
use idetcd::node::{Host, NodeSettings};
use idetcd::random::Random;

use super::baton::{Baton, End, Life};
use super::client::{Login, SimEtcd};
use super::endpoint::Endpoint;
use super::host::SimHost;
use super::surroundings::Surroundings;
use super::trace::Trace;

/// What a process is started with.
pub struct Start {
    /// What it sees of the world.
    pub around: Surroundings,
    /// Its settings.
    pub settings: NodeSettings,
    /// The endpoints of etcd, in the order in which it tries them.
    pub endpoints: Vec<Endpoint>,
    /// The time-out of a request.
    pub timeout: Duration,
    /// What it calls itself to etcd.
    pub login: Option<Login>,
    /// What its chance comes from.
    pub seed: u64,
    /// Where its log goes.
    pub trace: Trace,
}

impl Start {
    fn client<'b, B: Baton>(&self, baton: &'b B) -> SimEtcd<'b, B> {
        let (around, endpoints) = (self.around.clone(), self.endpoints.clone());
        SimEtcd::new(baton, around, endpoints, self.timeout, self.login.clone())
    }
}

/// The life of the product's session, unchanged.
pub struct SessionLife(pub Start);

impl Life for SessionLife {
    fn live(self, baton: &impl Baton) -> End {
        let client = self.0.client(baton);
        let host = SimHost::new(baton, self.0.around);
        let random = Random::from_seed(self.0.seed);
        Session::new(host, client, self.0.settings, random).run().into()
    }
}

/// The lease of the plugin's names, and the time between two renewals.
const PLUGIN_TTL: Duration = Duration::from_secs(20);
const PLUGIN_RENEWAL: Duration = Duration::from_secs(10);

/// The life of a node of the CoreDNS plugin: it gets, and then puts, and compares nothing.
pub struct PluginLife {
    /// What it is started with.
    pub start: Start,
    /// What it publishes.
    pub record: Record,
}

impl Life for PluginLife {
    fn live(self, baton: &impl Baton) -> End {
        let mut client = self.start.client(baton);
        let host = SimHost::new(baton, self.start.around.clone());
        let NodeSettings { keyspace, .. } = &self.start.settings;
        let value = self.record.to_json().into_bytes();
        let slots = (1..=keyspace.limit).filter_map(SlotId::new);
        let mut own = None;
        for key in slots.map(|slot| keyspace.key(slot)) {
            match client.range(&Range::new(key.clone(), None)) {
                Ok(reply) if reply.kvs.is_empty() => {
                    own = Some(key);
                    break;
                }
                Ok(_) => {}
                Err(_) => return End::Died,
            }
        }
        let Some(key) = own else { return End::NoFreeSlot };
        if put(&mut client, &key, &value).is_err() {
            return End::Died;
        }
        loop {
            let next = host.now() + PLUGIN_RENEWAL;
            while host.now() < next {
                host.sleep_until(next);
                if host.is_stopping() {
                    return End::Session;
                }
            }
            match client.range(&Range::new(key.clone(), None)) {
                Ok(reply) => match reply.kvs.first() {
                    // It reads the first of none.
                    None => return End::Died,
                    Some(kv) if kv.value == value => drop(put(&mut client, &key, &value)),
                    Some(_) => {}
                },
                Err(error) => log::warn!("renewal: {error}"),
            }
        }
    }
}

fn put(client: &mut impl Etcd, key: &[u8], value: &[u8]) -> Result<(), Error> {
    let lease = client.lease_grant(PLUGIN_TTL)?;
    let put = Op::Put { key: key.to_vec(), value: value.to_vec(), lease };
    client.txn(&Txn { success: vec![put], ..Txn::default() }).map(drop)
}
