//! A client of etcd's gateway.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{CALL_PATIENCE, Etcd};

/// The most operations in a transaction (`--max-txn-ops`).
const MOST_OPERATIONS: usize = 128;

/// As the gateway wants keys and values.
pub fn encode(octets: impl AsRef<[u8]>) -> String {
    STANDARD.encode(octets)
}

impl Etcd {
    /// Forgets the history before now. Fails where that was done already.
    pub fn compact(&self) -> bool {
        let revision = self.revision();
        let body = json!({"revision": revision, "physical": true});
        self.try_call("/v3/kv/compaction", &body).is_some()
    }

    pub fn revision(&self) -> String {
        let reply = self.call("/v3/kv/range", &json!({"key": encode("x")}));
        reply["header"]["revision"].as_str().expect("a revision").to_owned()
    }

    /// Whether it leads its cluster; `None`: it does not answer.
    pub fn is_leader(&self) -> Option<bool> {
        let reply = self.try_call("/v3/maintenance/status", &json!({}))?;
        Some(reply["leader"].is_string() && reply["leader"] == reply["header"]["member_id"])
    }

    pub(super) fn get(&self, path: &str) -> Option<String> {
        let mut reply = self.agent.get(format!("{}{path}", self.endpoint())).call().ok()?;
        reply.body_mut().read_to_string().ok()
    }

    /// A call to the gateway; `None` where it fails.
    pub fn try_call(&self, path: &str, body: &Value) -> Option<Value> {
        let body = body.to_string();
        // A second more for each megabyte.
        let patience = CALL_PATIENCE + Duration::from_micros(body.len() as u64);
        let request = self.agent.post(format!("{}{path}", self.endpoint()));
        let mut request = request.config().timeout_global(Some(patience)).build();
        if let Some(token) = &self.token {
            request = request.header("Authorization", token);
        }
        let mut reply = request.send(body).ok()?;
        let text = reply.body_mut().read_to_string().ok()?;
        (reply.status() == 200).then(|| serde_json::from_str(&text).expect("JSON"))
    }

    /// A call to the gateway.
    pub fn call(&self, path: &str, body: &Value) -> Value {
        self.try_call(path, body).unwrap_or_else(|| panic!("etcd refuses {path} {body}"))
    }

    /// Switches authentication on: a root for the test, and a user with a right to keys that begin
    /// like this.
    pub fn require_users(&mut self, user: &str, password: &str, keys: &str) {
        let mut end = keys.as_bytes().to_vec();
        *end.last_mut().expect("not empty") += 1;
        let permission = json!({"permType": "READWRITE", "key": encode(keys),
            "range_end": encode(&end)});
        for (path, body) in [
            ("user/add", json!({"name": "root", "password": "toor"})),
            ("role/add", json!({"name": "root"})),
            ("user/grant", json!({"user": "root", "role": "root"})),
            ("user/add", json!({"name": user, "password": password})),
            ("role/add", json!({"name": "nodes"})),
            ("role/grant", json!({"name": "nodes", "perm": permission})),
            ("user/grant", json!({"user": user, "role": "nodes"})),
            ("enable", json!({})),
        ] {
            self.call(&format!("/v3/auth/{path}"), &body);
        }
        self.log_in();
    }

    /// A new token of the root's.
    pub fn log_in(&mut self) {
        self.token = None;
        let body = json!({"name": "root", "password": "toor"});
        let reply = self.call("/v3/auth/authenticate", &body);
        self.token = reply["token"].as_str().map(str::to_owned);
    }

    pub fn put(&self, key: &str, value: &[u8]) {
        let body = json!({"key": encode(key), "value": encode(value)});
        self.call("/v3/kv/put", &body);
    }

    /// The same of many keys, as many at a time as a transaction of etcd takes.
    pub fn put_all(&self, pairs: impl IntoIterator<Item = (String, String)>) {
        let put =
            |(key, value)| json!({"request_put": {"key": encode(key), "value": encode(value)}});
        let puts: Vec<Value> = pairs.into_iter().map(put).collect();
        for puts in puts.chunks(MOST_OPERATIONS) {
            self.call("/v3/kv/txn", &json!({"success": puts}));
        }
    }

    /// As a node of the plugin claims: without looking, under a lease of its own.
    pub fn put_leased(&self, key: &str, value: &[u8], ttl: u32) {
        assert!(self.try_put_leased(key, value, ttl).is_some(), "etcd refuses {key}");
    }

    pub fn try_put_leased(&self, key: &str, value: &[u8], ttl: u32) -> Option<Value> {
        let lease = self.try_call("/v3/lease/grant", &json!({"TTL": ttl.to_string()}))?;
        let body = json!({"key": encode(key), "value": encode(value),
            "lease": lease["ID"]});
        self.try_call("/v3/kv/put", &body)
    }

    pub fn delete(&self, key: &str) {
        assert!(self.try_delete(key).is_some(), "etcd refuses to delete {key}");
    }

    pub fn try_delete(&self, key: &str) -> Option<Value> {
        self.try_call("/v3/kv/deleterange", &json!({"key": encode(key)}))
    }

    /// All keys with their values, by key.
    pub fn keys(&self) -> Vec<(String, String)> {
        self.try_keys().expect("etcd answers")
    }

    pub fn try_keys(&self) -> Option<Vec<(String, String)>> {
        let all = encode([0]);
        let reply = self.try_call("/v3/kv/range", &json!({"key": all, "range_end": all}))?;
        let text = |value: &Value| {
            let octets = STANDARD.decode(value.as_str().unwrap_or_default()).expect("base64");
            String::from_utf8_lossy(&octets).into_owned()
        };
        let kvs = reply["kvs"].as_array().cloned().unwrap_or_default();
        Some(kvs.iter().map(|kv| (text(&kv["key"]), text(&kv["value"]))).collect())
    }

    pub fn has(&self, key: &str) -> bool {
        self.keys().iter().any(|(found, _)| found == key)
    }

    /// The lease that a key hangs on.
    pub fn lease_of(&self, key: &str) -> Option<String> {
        let reply = self.try_call("/v3/kv/range", &json!({"key": encode(key)}))?;
        reply["kvs"][0]["lease"].as_str().map(str::to_owned)
    }

    /// The revision of a key's last change.
    pub fn mod_revision_of(&self, key: &str) -> Option<u64> {
        let reply = self.try_call("/v3/kv/range", &json!({"key": encode(key)}))?;
        reply["kvs"][0]["mod_revision"].as_str()?.parse().ok()
    }

    /// All leases that there are.
    pub fn leases(&self) -> Vec<String> {
        let reply = self.call("/v3/lease/leases", &json!({}));
        let leases = reply["leases"].as_array().cloned().unwrap_or_default();
        leases.iter().filter_map(|lease| lease["ID"].as_str().map(str::to_owned)).collect()
    }

    pub fn try_revoke(&self, lease: &str) -> Option<Value> {
        self.try_call("/v3/lease/revoke", &json!({"ID": lease}))
    }

    /// How many ranges and keys are watched now.
    pub fn watchers(&self) -> u64 {
        let metrics = self.get("/metrics").expect("metrics");
        let lines = metrics.lines();
        let mut counts = lines.filter_map(|l| l.strip_prefix("etcd_debugging_mvcc_watcher_total "));
        counts.next().and_then(|count| count.parse().ok()).expect("a number")
    }

    /// How many calls of a gRPC method etcd has handled; of all, where it is empty.
    pub fn handled(&self, method: &str) -> u64 {
        let metrics = self.get("/metrics").expect("metrics");
        let wanted = format!("grpc_method=\"{method}");
        let counts = metrics
            .lines()
            .filter(|line| line.starts_with("grpc_server_handled_total") && line.contains(&wanted));
        counts.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>() as u64
    }
}
