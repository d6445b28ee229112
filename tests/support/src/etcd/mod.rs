//! Real etcd members, alone or as a cluster, and a client of their gateway.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::pki::Pki;
use crate::port::free_port;
use crate::{Directory, PATIENCE, Signal, command, send};

pub use cluster::Cluster;
pub use gateway::encode;

mod cluster;
mod gateway;

/// The longest that a call to a member may take.
const CALL_PATIENCE: Duration = Duration::from_secs(5);

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
        Etcd { directory, setup, child, agent: agent(pki), token: None }
    }

    /// Trusts these from now on, and shows theirs.
    pub fn trust(&mut self, pki: &Pki) {
        self.agent = agent(Some(pki));
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
        self.try_snapshot().expect("a snapshot")
    }

    /// The same; `None` where it does not answer.
    pub fn try_snapshot(&self) -> Option<Vec<u8>> {
        let file = self.directory.file("snapshot");
        etcdctl(&["--endpoints", &self.endpoint(), "snapshot", "save", &file]).ok()?;
        std::fs::read(&file).ok()
    }

    /// Kills it and starts it from what was saved.
    pub fn restore(&mut self, snapshot: &[u8]) {
        self.kill();
        self.put_back(snapshot);
        self.restart();
    }

    /// Puts what was saved in place of its data. It must not run.
    fn put_back(&self, snapshot: &[u8]) {
        std::fs::remove_dir_all(self.data()).expect("removed");
        let file = self.directory.file("restored");
        std::fs::write(&file, snapshot).expect("written");
        let peer = format!("http://{}:{}", self.setup.host, self.setup.peer_port);
        let data = self.directory.file("data");
        let setup = &self.setup;
        let restored = etcdctl(&[
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
        restored.expect("a snapshot that can be restored");
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn agent(pki: Option<&Pki>) -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .proxy(None)
        .http_status_as_error(false)
        .timeout_global(Some(CALL_PATIENCE));
    let config = match pki {
        Some(pki) => config.tls_config(pki.config()),
        None => config,
    };
    config.build().new_agent()
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
    command("etcd")
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

/// Runs it to its end; if that is not well, returns what it says.
fn etcdctl(arguments: &[&str]) -> Result<(), String> {
    let output = command("etcdctl").env("ETCDCTL_API", "3").args(arguments).output();
    let output = output.expect("etcdctl; scripts/test installs it");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(()) } else { Err(said) }
}
