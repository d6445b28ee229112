//! What the gateway says, in JSON. Left out is what the model does not know and no client of ours reads: the
//! version of a key, how many keys a deletion met, and the header of most replies about leases.

use idetcd::etcd::{
    ErrorKind, Event, EventKind, KeyValue, Op, RangeReply, ResponseHeader, Txn, WatchReply,
};
use serde_json::{Value, json};

use super::values::Object;
use crate::model::{MemberStatus, Reply, Request};

/// The body of a reply.
pub fn body(request: &Request, reply: &Reply) -> Value {
    match (request, reply) {
        (_, Reply::Range(reply)) => range(reply).into(),
        (Request::Txn(txn), Reply::Txn(reply)) => {
            let responses = responses(txn, reply.succeeded, &reply.ranges, reply.header.revision);
            with_header(reply.header)
                .flag("succeeded", reply.succeeded)
                .list("responses", responses)
                .into()
        }
        (_, Reply::Granted(id, ttl, header)) => {
            with_header(*header).integer("ID", id.0).integer("TTL", ttl.as_secs()).into()
        }
        (Request::LeaseKeepAlive(id), Reply::KeptAlive(left)) => {
            let seconds = left.map_or(0, |left| left.left.as_secs());
            let term =
                Object::default().integer("raft_term", left.map_or(0, |left| left.raft_term));
            let result = Object::default().object("header", term);
            let result = result.integer("ID", id.0).integer("TTL", seconds);
            Object::default().object("result", result).into()
        }
        (Request::LeaseTimeToLive(id), Reply::TimeToLive(left)) => {
            let seconds = left.map_or(-1, |left| left.left.as_secs().cast_signed());
            let term =
                Object::default().integer("raft_term", left.map_or(0, |left| left.raft_term));
            let body = Object::default().object("header", term);
            body.integer("ID", id.0).integer("TTL", seconds).into()
        }
        (_, Reply::Status(status)) => self::status(status).into(),
        (_, Reply::Token(token)) => Object::default().text("token", token).into(),
        _ => json!({}),
    }
}

fn header(header: ResponseHeader) -> Object {
    Object::default()
        .integer("cluster_id", header.cluster_id)
        .integer("member_id", header.member_id)
        .integer("revision", header.revision)
        .integer("raft_term", header.raft_term)
}

fn with_header(of: ResponseHeader) -> Object {
    Object::default().object("header", header(of))
}

fn range(reply: &RangeReply) -> Object {
    with_header(reply.header)
        .list("kvs", reply.kvs.iter().map(|kv| key_value(kv).into()).collect())
        .flag("more", reply.more)
        .integer("count", reply.count)
}

fn key_value(kv: &KeyValue) -> Object {
    Object::default()
        .octets("key", &kv.key)
        .integer("create_revision", kv.create_revision)
        .integer("mod_revision", kv.mod_revision)
        .octets("value", &kv.value)
        .integer("lease", kv.lease.0)
}

fn responses(txn: &Txn, succeeded: bool, ranges: &[RangeReply], revision: i64) -> Vec<Value> {
    let mut ranges = ranges.iter();
    let done = || with_header(ResponseHeader { revision, ..ResponseHeader::default() });
    let ops = if succeeded { &txn.success } else { &txn.failure };
    let response = |op: &Op| match op {
        Op::Range(_) => {
            let reply = ranges.next().map(range).unwrap_or_default();
            Object::default().object("response_range", reply).into()
        }
        Op::Put { .. } => Object::default().object("response_put", done()).into(),
        Op::Delete(_) => Object::default().object("response_delete_range", done()).into(),
    };
    ops.iter().map(response).collect()
}

fn status(status: &MemberStatus) -> Object {
    let errors = status.errors.iter().map(|error| error.as_str().into()).collect();
    with_header(status.header)
        .text("version", "3.4.23")
        .integer("leader", status.leader)
        .integer("raftIndex", status.raft_index)
        .integer("raftTerm", status.raft_term)
        .integer("raftAppliedIndex", status.raft_index)
        .list("errors", errors)
}

/// The HTTP status and the body for a call that is refused with a code of gRPC.
pub fn refusal(request: &Request, code: i64, message: &str) -> (u16, Value) {
    let status = match code {
        3 | 11 => 400,
        5 => 404,
        7 => 403,
        8 => 429,
        9 => 412,
        14 => 503,
        16 => 401,
        _ => 500,
    };
    let body = match request {
        // Of a stream, the error is in the stream.
        Request::LeaseKeepAlive(_) => {
            json!({"error": {"grpc_code": code, "http_code": status, "message": message}})
        }
        _ => json!({"error": message, "message": message, "code": code}),
    };
    (status, body)
}

/// The line with which a range of a watch, by its ID, is acknowledged.
pub fn created(id: usize) -> Value {
    result(
        Object::default().object("header", json!({})).integer("watch_id", id).flag("created", true),
    )
}

/// The line of a range that is refused.
pub fn denied(reason: &str) -> Value {
    let line = Object::default().object("header", json!({})).integer("watch_id", -1);
    result(line.flag("created", true).flag("canceled", true).text("cancel_reason", reason))
}

/// The line of a watch with changes.
pub fn changes(reply: &WatchReply) -> Value {
    let line = with_header(reply.header).integer("watch_id", reply.range + 1);
    let line = line.flag("fragment", !reply.complete);
    result(line.list("events", reply.events.iter().map(event).collect()))
}

fn event(event: &Event) -> Value {
    let kind = if event.kind == EventKind::Delete { "DELETE" } else { "" };
    Object::default().text("type", kind).object("kv", key_value(&event.kv)).into()
}

/// The last line of a watch; `None`: the connection just ends.
pub fn end(kind: ErrorKind, text: &str) -> Option<Value> {
    match kind {
        ErrorKind::Compacted(revision) => {
            let line = Object::default().object("header", json!({})).integer("watch_id", 1);
            Some(result(line.flag("canceled", true).integer("compact_revision", revision)))
        }
        ErrorKind::Rejected(code) => Some(json!({"error": {"grpc_code": code, "message": text}})),
        _ => None,
    }
}

fn result(line: Object) -> Value {
    Object::default().object("result", line).into()
}
