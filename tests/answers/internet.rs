//! An internet of its own: BIND with the root zone, which delegates `tf.example` and the zones of its addresses to
//! three nodes. All of it is on the loopback interface of a network of its own, under the addresses that
//! documents use (RFC 5737, RFC 3849).

use std::fs;

use support::network::{HUB, Network};
use support::process::Running;
use support::{Cluster, Directory, Node, PATIENCE, command, install, run, until};

const ROOT: [&str; 2] = ["198.51.100.11", "2001:db8::11"];
const NODES: u32 = 3;
const REVERSE: [&str; 2] = ["100.51.198.in-addr.arpa.", "8.b.d.0.1.0.0.2.ip6.arpa."];

pub struct Internet {
    pub directory: Directory,
    /// The file in which resolvers find the root zone's server.
    pub hints: String,
    _nodes: Vec<Node>,
    _root: Running,
    cluster: Cluster,
    _network: Network,
}

impl Internet {
    /// To be called in a network of its own.
    pub fn start() -> Internet {
        let network = Network::set_up();
        let addresses = (1..=4)
            .chain([11])
            .map(|it| [format!("198.51.100.{it}/32"), format!("2001:db8::{it}/128")]);
        let resolvers = (21..=24).map(|it| format!("198.51.100.{it}/32"));
        for address in addresses.flatten().chain(resolvers) {
            // At once, without a look whether somebody else has it.
            run("ip", &["addr", "add", &address, "dev", "lo", "nodad"]);
        }
        let (directory, cluster) = (Directory::new(), Cluster::start_at(HUB, 1));
        let nodes = (1..=NODES).map(|number| start(&cluster, number, &[])).collect();
        let hints = directory.file("hints");
        fs::write(&hints, format!(". 3600 IN NS a.root.example.\n{}", root_addresses()))
            .expect("written");
        let root = root_server(&directory);
        Internet { directory, hints, _nodes: nodes, _root: root, cluster, _network: network }
    }

    /// A further node.
    pub fn node(&self, number: u32, more: &[&str]) -> Node {
        start(&self.cluster, number, more)
    }
}

/// Starts a node, and waits until it has a name.
fn start(cluster: &Cluster, number: u32, more: &[&str]) -> Node {
    let (ipv4, ipv6) = (format!("198.51.100.{number}"), format!("2001:db8::{number}"));
    let (endpoints, listen) = (cluster.endpoints(), format!("[{ipv6}]"));
    let names =
        ["--pattern", "worker{{.ID}}.tf.example.", "--limit", "9", "--endpoints", &endpoints];
    let addresses = ["--listen", &ipv4, "--listen", &listen, "--ipv4", &ipv4, "--ipv6", &ipv6];
    let reverse = ["--reverse", "198.51.100.0/24,2001:db8::/32"];
    let node = Node::start(&[&names[..], &addresses, &reverse, more].concat());
    node.wait_for_log("claimed worker");
    node
}

fn root_addresses() -> String {
    let [ipv4, ipv6] = ROOT;
    format!("a.root.example. 3600 IN A {ipv4}\na.root.example. 3600 IN AAAA {ipv6}\n")
}

/// The server of the root zone, and of those that delegate to the nodes.
fn root_server(directory: &Directory) -> Running {
    let zone = |name: &str, records: &str| {
        let head = "$TTL 3600\n@ IN SOA a.root.example. hostmaster.example. 1 3600 600 86400 300\n\
                    @ IN NS a.root.example.\n";
        fs::write(directory.file(&format!("zone-{name}")), format!("{head}{records}"))
            .expect("written");
        let origin = if name == "root" { "." } else { name };
        format!("zone \"{origin}\" {{ type primary; file \"zone-{name}\"; }};\n")
    };
    let ours: String = (1..=NODES)
        .map(|it| format!("worker.tf.example. IN A 198.51.100.{it}\nworker.tf.example. IN AAAA 2001:db8::{it}\n"))
        .collect();
    let delegated = REVERSE.map(|zone| format!("{zone} IN NS worker.tf.example.\n")).concat();
    let zones = [
        zone(
            "root",
            &format!(
                "example. IN NS a.root.example.\narpa. IN NS a.root.example.\n{}",
                root_addresses()
            ),
        ),
        zone(
            "example",
            &format!("tf.example. IN NS worker.tf.example.\n{ours}{}", root_addresses()),
        ),
        zone("arpa", &delegated),
    ];
    let [ipv4, ipv6] = ROOT;
    let config = bind(directory, ipv4, ipv6, "recursion no;") + &zones.concat();
    serve("named", &["-g", "-c", &directory.write("root.conf", &config)], directory)
}

/// The configuration of a BIND without zones.
fn bind(directory: &Directory, ipv4: &str, ipv6: &str, more: &str) -> String {
    let path = directory.path().display();
    format!(
        "options {{ directory \"{path}\"; listen-on {{ {ipv4}; }}; listen-on-v6 {{ {ipv6}; }}; pid-file none; \
         session-keyfile \"{path}/{ipv4}.key\"; dnssec-validation no; empty-zones-enable no; \
         allow-query {{ any; }}; {more} }};\ncontrols {{ }};\n"
    )
}

fn serve(program: &str, arguments: &[&str], directory: &Directory) -> Running {
    let log = fs::File::create(directory.file(&format!("{program}.log"))).expect("a log");
    Running::start(command(program).args(arguments).current_dir(directory.path()).stderr(log))
}

/// What each resolver is called, and how it is told to ask label by label and at no price for more
/// (RFC 9156).
impl Internet {
    pub fn bind(&self) -> Running {
        let more = "recursion yes; allow-recursion { any; }; qname-minimization strict;";
        let hints = format!("zone \".\" {{ type hint; file \"{}\"; }};\n", self.hints);
        let config = bind(&self.directory, "198.51.100.21", "none", more) + &hints;
        let file = self.directory.write("bind.conf", &config);
        serve("named", &["-g", "-c", &file], &self.directory)
    }

    pub fn unbound(&self) -> Running {
        let [first, second] = REVERSE;
        let config = format!(
            "server:\n interface: 198.51.100.22\n username: \"\"\n chroot: \"\"\n use-syslog: no\n pidfile: \"\"\n \
             do-daemonize: no\n module-config: \"iterator\"\n access-control: 0.0.0.0/0 allow\n \
             root-hints: \"{}\"\n qname-minimisation: yes\n qname-minimisation-strict: yes\n \
             local-zone: \"{first}\" nodefault\n local-zone: \"{second}\" nodefault\n",
            self.hints
        );
        let file = self.directory.write("unbound.conf", &config);
        serve("unbound", &["-d", "-c", &file], &self.directory)
    }

    pub fn power_dns(&self) -> Running {
        let path = self.directory.path().display();
        let config = format!(
            "local-address=198.51.100.23\nhint-file={}\ndnssec=off\nqname-minimization=yes\ndont-query=\n\
             allow-from=0.0.0.0/0\nsocket-dir={path}\ndaemon=no\nsetuid=\nsetgid=\nsecurity-poll-suffix=\n\
             threads=1\n",
            self.hints
        );
        self.directory.write("recursor.conf", &config);
        serve("pdns_recursor", &[&format!("--config-dir={path}")], &self.directory)
    }

    pub fn knot(&self) -> Running {
        let [first, second] = REVERSE;
        let config = format!(
            "net.listen('198.51.100.24', 53, {{ kind = 'dns' }})\nmodules = {{ 'hints > iterate' }}\n\
             hints.root_file('{}')\ntrust_anchors.remove('.')\ncache.open(10 * MB, 'lmdb://{}')\n\
             policy.add(policy.suffix(policy.PASS, policy.todnames({{ '{first}', '{second}' }})))\n",
            self.hints,
            self.directory.file("cache")
        );
        let file = self.directory.write("kresd.conf", &config);
        serve("kresd", &["-n", "-c", &file], &self.directory)
    }
}

/// What dig says.
pub fn dig(server: &str, words: &[&str]) -> String {
    let output =
        command("dig").args([&format!("@{server}"), "+tries=1", "+time=2"]).args(words).output();
    String::from_utf8_lossy(&output.expect("dig").stdout).trim().to_owned()
}

/// Installs what these need; to be called before there is a network of its own.
pub fn install_all() {
    install(&[
        "named:bind9",
        "dig:bind9-dnsutils",
        "unbound:unbound",
        "pdns_recursor:pdns-recursor",
        "kresd:knot-resolver",
    ]);
}

/// Waits until a server answers.
pub fn wait_for(server: &str) {
    until(PATIENCE, server, || dig(server, &["example", "SOA"]).contains("NOERROR").then_some(()));
}
