//! Keys and values: read, write, delete.

use serde_json::Value;

use super::LeaseId;
use super::header::{ResponseHeader, header};
use super::json::{self, Wrong};
use super::slices::Slices;

/// The number of octets, all of them 0, that stand for a value which is too large to be read.
pub const LARGE_VALUE: usize = 128 * 1024;

/// As many octets as a key with its value takes to read, beside what they have.
const KEY_VALUE: usize = 64;

/// A key with its value (`KeyValue`). In an event of deletion, only the key and `mod_revision`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyValue {
    /// The key.
    pub key: Vec<u8>,
    /// The value; empty if only keys were asked for. See [`LARGE_VALUE`].
    pub value: Vec<u8>,
    /// The revision at which the key came to be.
    pub create_revision: i64,
    /// The revision of its last change.
    pub mod_revision: i64,
    /// The lease that the key hangs on; 0 for none.
    pub lease: LeaseId,
}

impl KeyValue {
    /// The same where nothing but its value was too large to be read.
    pub(super) fn with_large_value(self) -> KeyValue {
        KeyValue { value: vec![0; LARGE_VALUE], ..self }
    }
}

/// In which order keys come. With a limit, it decides which ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// By key, ascending.
    #[default]
    Key,
    /// By the revision at which they came to be, the oldest first.
    CreateRevision,
    /// By the revision of their last change, the latest first.
    NewestFirst,
}

/// A request to read keys (`RangeRequest`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// The key, or the first of many.
    pub key: Vec<u8>,
    /// The first key not to be read any more; `None`: only `key` itself.
    pub range_end: Option<Vec<u8>>,
    /// The revision to read at; 0: now. etcd rejects with code 11 what it has forgotten.
    pub revision: i64,
    /// The most keys in the reply; 0: all.
    pub limit: i64,
    /// Leave out the values.
    pub keys_only: bool,
    /// Leave out the keys too, and count them only.
    pub count_only: bool,
    /// The order of the keys.
    pub order: Order,
}

impl Range {
    /// All keys from `key` up to, and without, `range_end`, or `key` alone; with values, now.
    pub fn new(key: impl Into<Vec<u8>>, range_end: Option<Vec<u8>>) -> Self {
        Range { key: key.into(), range_end, ..Range::default() }
    }

    pub(super) fn encode(&self) -> Value {
        // What a field is by default is left out: to read each costs etcd as much as to look a key up.
        let number = |number: i64| (number != 0).then(|| json::integer(number));
        let flag = |flag: bool| flag.then_some(Value::Bool(true));
        let (target, order) = match self.order {
            Order::Key => (None, None),
            Order::CreateRevision => (Some("CREATE"), Some("ASCEND")),
            Order::NewestFirst => (Some("MOD"), Some("DESCEND")),
        };
        let fields = [
            ("key", Some(json::encode(&self.key))),
            ("range_end", self.range_end.as_deref().map(json::encode)),
            ("revision", number(self.revision)),
            ("limit", number(self.limit)),
            ("keys_only", flag(self.keys_only)),
            ("count_only", flag(self.count_only)),
            ("sort_target", target.map(Value::from)),
            ("sort_order", order.map(Value::from)),
        ];
        let fields = fields.into_iter();
        fields.filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

/// The keys of a range (`RangeResponse`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangeReply {
    /// The reply's header. In a transaction it has the revision only.
    pub header: ResponseHeader,
    /// The keys, in the order asked for.
    pub kvs: Vec<KeyValue>,
    /// How many keys are in the range, whatever the limit.
    pub count: usize,
    /// Whether the limit cut some off.
    pub more: bool,
}

pub(super) fn key_value(kv: &Value) -> Result<KeyValue, Wrong> {
    Ok(KeyValue {
        key: json::bytes(kv, "key")?,
        value: json::bytes(kv, "value")?,
        create_revision: json::number(kv, "create_revision")?,
        mod_revision: json::number(kv, "mod_revision")?,
        lease: LeaseId(json::number(kv, "lease")?),
    })
}

pub(super) fn range_reply(reply: &Value, slices: &Slices) -> Result<RangeReply, Wrong> {
    let size = |kv: &KeyValue| KEY_VALUE + kv.key.len() + kv.value.len();
    let kvs = slices.map(json::list(reply, "kvs")?, key_value, size);
    Ok(RangeReply {
        header: header(reply)?,
        kvs: kvs.collect::<Result<_, _>>()?,
        count: json::number(reply, "count")?,
        more: json::boolean(reply, "more")?,
    })
}

#[cfg(test)]
#[path = "kv_tests.rs"]
mod tests;
