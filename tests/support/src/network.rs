//! A network of a test's own: hosts on a bridge, whose packets to and from etcd can be dropped.
//!
//! The test runs itself again in a fresh network and mount namespace, so that nothing of it is
//! seen outside, and nothing stays when it ends. Only TCP is dropped: queries still arrive, as if
//! by another network.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use super::process::with_environment;
use super::{Directory, command, run};

/// Names a file that is to be created as a sign that the test runs inside.
const INSIDE: &str = "IDETCD_TEST_PRIVATE_NETWORK";

/// The address of the host that etcd and the test itself are on.
pub const HUB: &str = "10.98.0.1";

/// Whether the test that says this runs in a network of its own. If it does not, this runs it there,
/// and fails if it fails; or says why it is skipped. With a variable and values for it, the test is
/// run there once for each of them, one after the other, and fails when all are through.
#[macro_export]
macro_rules! is_private {
    () => {
        $crate::is_private!("IDETCD_TEST_NOTHING", &[String::new()])
    };
    ($variable:expr, $values:expr) => {{
        fn here() {}
        $crate::network::is_private(std::any::type_name_of_val(&here), $variable, $values)
    }};
}

/// The same, told by the path of a function within the test.
pub fn is_private(path: &str, variable: &str, values: &[String]) -> bool {
    let test = path.split_once("::").and_then(|(_, path)| path.strip_suffix("::here"));
    let test = test.expect("a test in a module");
    if let Some(sign) = std::env::var_os(INSIDE) {
        File::create(sign).expect("a sign");
        return true;
    }
    let rules = ["nft", "add", "table", "inet", "probe"];
    let probe = command("unshare").args(UNSHARE).args(rules).output().expect("unshare");
    if !probe.status.success() {
        let why = String::from_utf8_lossy(&probe.stderr).into_owned();
        println!("skipped: {test}: no network of its own here: {}", why.trim());
        return false;
    }
    let failed: Vec<&String> =
        values.iter().filter(|value| !succeeds_inside(test, variable, value)).collect();
    assert!(failed.is_empty(), "{test} failed in its own network, {variable} {failed:?}");
    false
}

const UNSHARE: [&str; 5] = ["--net", "--mount", "--propagation", "private", "--"];

fn succeeds_inside(test: &str, variable: &str, value: &str) -> bool {
    let executable = std::env::current_exe().expect("its path");
    let directory = Directory::new();
    let sign = directory.file("inside");
    let status = with_environment("unshare")
        .args(UNSHARE)
        .arg(executable)
        .args([test, "--exact", "--nocapture"])
        .env(INSIDE, &sign)
        .env(variable, value)
        .status()
        .expect("unshare");
    // No test by a name is no failure for the harness.
    assert!(Path::new(&sign).exists(), "{test} did not run in its own network");
    status.success()
}

/// Which packets are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    Both,
    ToEtcd,
    FromEtcd,
}

/// The bridge with the hub's address on it.
pub struct Network(());

impl Network {
    /// Sets it up; call it inside only.
    pub fn set_up() -> Network {
        std::fs::create_dir_all("/run/netns").expect("a directory");
        run("mount", &["-t", "tmpfs", "tmpfs", "/run/netns"]);
        for arguments in [
            "link set lo up",
            "link add br0 type bridge",
            "addr add 10.98.0.1/24 dev br0",
            "link set br0 up",
        ] {
            ip(arguments);
        }
        nft(
            "",
            "add table inet fault\nadd chain inet fault in { type filter hook input priority 0; }\n\
             add chain inet fault gate { type filter hook input priority 1; }",
        );
        Network(())
    }

    /// Keeps all hosts but these away from etcd.
    pub fn keep_away_all_but(&self, hosts: &[Host]) {
        let hub = HUB.to_owned();
        let kept: Vec<String> = hosts.iter().map(|host| host.address()).chain([hub]).collect();
        let condition = format!("ip saddr 10.98.0.0/24 ip saddr != {{ {} }}", kept.join(", "));
        let rule = format!("add rule inet fault gate {condition} meta l4proto tcp drop");
        nft("", &format!("flush chain inet fault gate\n{rule}"));
    }

    /// Lets all hosts to etcd again.
    pub fn let_all_in(&self) {
        nft("", "flush chain inet fault gate");
    }

    /// A host on the bridge. Its number is from 1 to 200.
    pub fn host(&self, number: u8) -> Host {
        let host = self.bare_host(number);
        let name = host.name();
        ip(&format!("-n {name} link set lo up"));
        host.configure();
        let chain = "add chain inet fault in { type filter hook input priority 0; }";
        nft(&name, &format!("add table inet fault\n{chain}"));
        host
    }

    /// The same as it comes out of its box: cabled, but without addresses and with all interfaces
    /// down.
    pub fn bare_host(&self, number: u8) -> Host {
        let host = Host { number };
        let name = host.name();
        for arguments in [
            format!("netns add {name}"),
            format!("link add v{number} type veth peer name eth0 netns {name}"),
            format!("link set v{number} master br0 up"),
        ] {
            ip(&arguments);
        }
        host
    }
}

/// A host of its own.
#[derive(Clone, Copy, Debug)]
pub struct Host {
    number: u8,
}

impl Host {
    fn name(self) -> String {
        format!("host{}", self.number)
    }

    pub fn address(self) -> String {
        format!("10.98.0.{}", 10 + self.number)
    }

    /// What a program is started with to be on this host.
    pub fn wrapper(self) -> Vec<String> {
        ["ip", "netns", "exec", &self.name()].map(str::to_owned).to_vec()
    }

    /// Gives it its address, as a boot script or a DHCP client does.
    pub fn configure(self) {
        let name = self.name();
        ip(&format!("-n {name} addr add {}/24 dev eth0", self.address()));
        ip(&format!("-n {name} link set eth0 up"));
    }

    /// Runs `ip` with these words on it.
    pub fn ip(self, arguments: &str) {
        ip(&format!("-n {} {arguments}", self.name()));
    }

    /// Drops all TCP packets of a direction.
    pub fn cut(self, cut: Cut) {
        self.drop_packets(cut, "");
    }

    /// Drops so many of a hundred TCP packets, in both directions.
    pub fn lose(self, percent: u8) {
        self.drop_packets(Cut::Both, &format!("numgen random mod 100 < {percent} "));
    }

    fn drop_packets(self, cut: Cut, condition: &str) {
        let address = self.address();
        if cut != Cut::FromEtcd {
            let from = format!("ip saddr {address} meta l4proto tcp");
            nft(
                "",
                &format!("add rule inet fault in {from} {condition}drop comment \"{address}\""),
            );
        }
        if cut != Cut::ToEtcd {
            let from = format!("ip saddr {HUB} meta l4proto tcp");
            nft(&self.name(), &format!("add rule inet fault in {from} {condition}drop"));
        }
    }

    /// Lets everything pass again.
    pub fn heal(self) {
        nft(&self.name(), "flush chain inet fault in");
        let comment = format!("comment \"{}\"", self.address());
        let listing = run("nft", &["-a", "list", "chain", "inet", "fault", "in"]);
        for line in listing.lines().filter(|line| line.contains(&comment)) {
            let handle = line.rsplit(' ').next().expect("a handle");
            nft("", &format!("delete rule inet fault in handle {handle}"));
        }
    }

    /// Pulls the cable, or puts it back.
    pub fn plug(self, plugged: bool) {
        let state = if plugged { "up" } else { "down" };
        ip(&format!("link set v{} {state}", self.number));
    }
}

/// Runs `ip` with these words on the hub.
pub fn ip(arguments: &str) {
    run("ip", &arguments.split(' ').collect::<Vec<_>>());
}

/// Runs commands of nft on a host, or on the hub where the name is empty.
fn nft(host: &str, commands: &str) {
    let mut nft = match host {
        "" => command("nft"),
        host => {
            let mut ip = command("ip");
            ip.args(["netns", "exec", host, "nft"]);
            ip
        }
    };
    let child = nft.args(["-f", "-"]).stdin(Stdio::piped()).spawn();
    let mut child = child.expect("nft; scripts/test installs it");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(format!("{commands}\n").as_bytes()).expect("written");
    drop(input);
    assert!(child.wait().expect("nft ends").success(), "nft: {commands}");
}
