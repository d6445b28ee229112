//! Real etcd members, alone or as a cluster, and a client of their gateway.

use std::fs::File;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::pki::Pki;
use super::{Directory, PATIENCE, Signal, send};

/// How a member is started.
#[derive(Clone, Debug)]
struct Setup {
    name: String,
    host: String,
    client_port: u16,
    peer_port: u16,
    initial_cluster: String,
    scheme: &'static str,
    more: Vec<String>,
}

/// A real etcd member.
pub struct Etcd {
    directory: Directory,
    setup: Setup,
    child: Child,
    agent: ureq::Agent,
    token: Option<String>,
}

/// A port that is free now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

impl Etcd {
    pub fn start() -> Etcd {
        Etcd::start_with(None, &[])
    }

    /// With TLS, if there are certificates, and with more arguments.
    pub fn start_with(pki: Option<&Pki>, more: &[&str]) -> Etcd {
        // Between our look and etcd's bind another process may take a port: then look again.
        for _ in 0..5 {
            let mut etcd = Etcd::spawn(setup("default", pki, more), pki);
            if etcd.is_ready() {
                return etcd;
            }
        }
        panic!("etcd does not start");
    }

    fn spawn(setup: Setup, pki: Option<&Pki>) -> Etcd {
        let directory = Directory::new();
        let child = spawn(&setup, &directory);
        let config = ureq::Agent::config_builder()
            .proxy(None)
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(5)));
        let config = match pki {
            Some(pki) => config.tls_config(pki.config()),
            None => config,
        };
        Etcd { directory, setup, child, agent: config.build().new_agent(), token: None }
    }

    fn is_ready(&mut self) -> bool {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if self.child.try_wait().expect("its state").is_some() {
                return false;
            }
            if self.is_healthy() {
                return true;
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("etcd does not become healthy");
    }

    pub fn is_healthy(&self) -> bool {
        self.get("/health").is_some_and(|health| health.contains("true"))
    }

    pub fn endpoint(&self) -> String {
        format!("{}://{}:{}", self.setup.scheme, self.setup.host, self.setup.client_port)
    }

    /// Where it is reached without the scheme.
    pub fn address(&self) -> String {
        format!("{}:{}", self.setup.host, self.setup.client_port)
    }

    pub fn signal(&self, signal: Signal) {
        send(&self.child, signal);
    }

    /// Kills it without warning.
    pub fn kill(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("reaped");
    }

    /// Starts it again on the same data and ports.
    pub fn restart(&mut self) {
        self.start_again();
        assert!(self.is_ready(), "etcd starts again");
    }

    /// The same without waiting: a member alone cannot become healthy.
    pub fn start_again(&mut self) {
        self.child = spawn(&self.setup, &self.directory);
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Kills it and starts it on empty data: another cluster behind the same address.
    pub fn restart_empty(&mut self, token: &str) {
        self.kill();
        std::fs::remove_dir_all(self.data()).expect("removed");
        self.setup.more.extend(["--initial-cluster-token".to_owned(), token.to_owned()]);
        self.restart();
    }

    /// Saves what it holds.
    pub fn snapshot(&self) -> Vec<u8> {
        let file = self.directory.file("snapshot");
        etcdctl(&["--endpoints", &self.endpoint(), "snapshot", "save", &file]);
        std::fs::read(&file).expect("a snapshot")
    }

    /// Kills it and starts it from what was saved.
    pub fn restore(&mut self, snapshot: &[u8]) {
        self.kill();
        std::fs::remove_dir_all(self.data()).expect("removed");
        let file = self.directory.file("restored");
        std::fs::write(&file, snapshot).expect("written");
        let peer = format!("http://{}:{}", self.setup.host, self.setup.peer_port);
        let data = self.directory.file("data");
        let setup = &self.setup;
        etcdctl(&[
            "snapshot",
            "restore",
            &file,
            "--data-dir",
            &data,
            "--name",
            &setup.name,
            "--initial-cluster",
            &setup.initial_cluster,
            "--initial-advertise-peer-urls",
            &peer,
        ]);
        self.restart();
    }

    /// Forgets the history before now. Fails where that was done already.
    pub fn compact(&self) -> bool {
        let revision = self.revision();
        let body = json!({"revision": revision, "physical": true});
        self.try_call("/v3/kv/compaction", &body).is_some()
    }

    pub fn revision(&self) -> String {
        let reply = self.call("/v3/kv/range", &json!({"key": STANDARD.encode("x")}));
        reply["header"]["revision"].as_str().expect("a revision").to_owned()
    }

    /// Whether it leads its cluster; `None`: it does not answer.
    pub fn is_leader(&self) -> Option<bool> {
        let reply = self.try_call("/v3/maintenance/status", &json!({}))?;
        Some(reply["leader"].is_string() && reply["leader"] == reply["header"]["member_id"])
    }

    fn get(&self, path: &str) -> Option<String> {
        let mut reply = self.agent.get(format!("{}{path}", self.endpoint())).call().ok()?;
        reply.body_mut().read_to_string().ok()
    }

    /// A call to the gateway; `None` where it fails.
    pub fn try_call(&self, path: &str, body: &Value) -> Option<Value> {
        let mut request = self.agent.post(format!("{}{path}", self.endpoint()));
        if let Some(token) = &self.token {
            request = request.header("Authorization", token);
        }
        let mut reply = request.send(body.to_string()).ok()?;
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
        let permission = json!({"permType": "READWRITE", "key": STANDARD.encode(keys),
            "range_end": STANDARD.encode(&end)});
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
        let body = json!({"key": STANDARD.encode(key), "value": STANDARD.encode(value)});
        self.call("/v3/kv/put", &body);
    }

    /// As a node of the plugin claims: without looking, under a lease of its own.
    pub fn put_leased(&self, key: &str, value: &[u8], ttl: u32) {
        assert!(self.try_put_leased(key, value, ttl).is_some(), "etcd refuses {key}");
    }

    pub fn try_put_leased(&self, key: &str, value: &[u8], ttl: u32) -> Option<Value> {
        let lease = self.try_call("/v3/lease/grant", &json!({"TTL": ttl.to_string()}))?;
        let body = json!({"key": STANDARD.encode(key), "value": STANDARD.encode(value),
            "lease": lease["ID"]});
        self.try_call("/v3/kv/put", &body)
    }

    pub fn delete(&self, key: &str) {
        assert!(self.try_delete(key).is_some(), "etcd refuses to delete {key}");
    }

    pub fn try_delete(&self, key: &str) -> Option<Value> {
        self.try_call("/v3/kv/deleterange", &json!({"key": STANDARD.encode(key)}))
    }

    /// All keys with their values, by key.
    pub fn keys(&self) -> Vec<(String, String)> {
        self.try_keys().expect("etcd answers")
    }

    pub fn try_keys(&self) -> Option<Vec<(String, String)>> {
        let all = STANDARD.encode([0]);
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
        let reply = self.try_call("/v3/kv/range", &json!({"key": STANDARD.encode(key)}))?;
        reply["kvs"][0]["lease"].as_str().map(str::to_owned)
    }

    pub fn try_revoke(&self, lease: &str) -> Option<Value> {
        self.try_call("/v3/lease/revoke", &json!({"ID": lease}))
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

impl Drop for Etcd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Several members of one cluster.
pub struct Cluster {
    pub members: Vec<Etcd>,
}

impl Cluster {
    pub fn start(count: usize) -> Cluster {
        Cluster::start_at("127.0.0.1", count)
    }

    /// On an address of this host.
    pub fn start_at(host: &str, count: usize) -> Cluster {
        for _ in 0..5 {
            let mut setups: Vec<Setup> =
                (0..count).map(|n| setup(&format!("m{n}"), None, &[])).collect();
            for setup in &mut setups {
                setup.host = host.to_owned();
            }
            let initial: Vec<String> = setups
                .iter()
                .map(|s| format!("{}=http://{}:{}", s.name, s.host, s.peer_port))
                .collect();
            let spawn = |mut setup: Setup| {
                setup.initial_cluster = initial.join(",");
                Etcd::spawn(setup, None)
            };
            let mut cluster = Cluster { members: setups.into_iter().map(spawn).collect() };
            if cluster.members.iter_mut().all(Etcd::is_ready) {
                return cluster;
            }
        }
        panic!("the cluster does not start");
    }

    pub fn endpoints(&self) -> String {
        let endpoints: Vec<String> = self.members.iter().map(Etcd::endpoint).collect();
        endpoints.join(",")
    }

    /// The leader's index.
    pub fn leader(&self) -> usize {
        super::until(PATIENCE, "a leader", || {
            self.members.iter().position(|member| member.is_leader() == Some(true))
        })
    }

    /// Waits until all members are healthy.
    pub fn settle(&mut self) {
        for member in &mut self.members {
            assert!(member.is_ready(), "a member ended");
        }
    }

    /// A member that answers now.
    pub fn any(&self) -> &Etcd {
        super::until(PATIENCE, "a healthy member", || {
            self.members.iter().find(|member| member.try_keys().is_some())
        })
    }
}

fn setup(name: &str, pki: Option<&Pki>, more: &[&str]) -> Setup {
    let (client_port, peer_port) = (free_port(), free_port());
    let mut more: Vec<String> = more.iter().map(|word| (*word).to_owned()).collect();
    more.extend(pki.map(Pki::server_arguments).unwrap_or_default());
    Setup {
        name: name.to_owned(),
        host: "127.0.0.1".to_owned(),
        client_port,
        peer_port,
        initial_cluster: format!("{name}=http://127.0.0.1:{peer_port}"),
        scheme: if pki.is_some() { "https" } else { "http" },
        more,
    }
}

fn spawn(setup: &Setup, directory: &Directory) -> Child {
    let client = format!("{}://{}:{}", setup.scheme, setup.host, setup.client_port);
    let peer = format!("http://{}:{}", setup.host, setup.peer_port);
    let log = File::options().create(true).append(true).open(directory.path().join("etcd.log"));
    Command::new("etcd")
        .args(["--name", &setup.name])
        .arg("--data-dir")
        .arg(directory.path().join("data"))
        .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
        .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
        .args(["--initial-cluster", &setup.initial_cluster])
        .args(&setup.more)
        .stdout(Stdio::null())
        .stderr(log.expect("a log"))
        .spawn()
        .expect("etcd; scripts/test installs it")
}

fn etcdctl(arguments: &[&str]) {
    let output = Command::new("etcdctl").env("ETCDCTL_API", "3").args(arguments).output();
    let output = output.expect("etcdctl; scripts/test installs it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
