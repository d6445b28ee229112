//! Directives of CoreDNS, and their treatment here.
//!
//! Nothing that clients would notice is dropped in silence: a directive is followed, or does what
//! happens here anyway, or the log says what is missing, or the file is refused.

use log::Level;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Treatment {
    /// Followed by what reads it, or done here always, asked for or not.
    Done,
    /// Clients do not notice that it is missing; the log says so.
    Noticed(Level, &'static str),
    /// It would change what clients see; what to do instead.
    Refused(&'static str),
}

/// The treatment of a directive; `None`: CoreDNS has none of this name.
pub(super) fn treatment(name: &str) -> Option<Treatment> {
    use Level::Info;
    use Treatment::{Done, Noticed, Refused};
    Some(match name {
        "idetcd" | "bind" | "forward" | "proxy" | "errors" | "any" | "health" | "ready"
        | "prometheus" | "hosts" => Done,
        "log" => Noticed(Info, "has no effect; -vv logs each query"),
        "debug" => Noticed(Info, "has no effect; -v logs more"),
        "cache" => Noticed(
            Info,
            "has no effect: names are in memory, and forwarded answers are kept anyway",
        ),
        "loadbalance" => Noticed(Info, "has no effect: groups are rotated anyway"),
        "minimal" => Noticed(Info, "has no effect: replies have little beside the answer anyway"),
        "bufsize" => Noticed(Info, "has no effect: replies over UDP have 1232 octets at most"),
        "nsid" => Noticed(Info, "has no effect: the NSID is this node's name"),
        "chaos" => Noticed(Info, "has no effect: version.bind tells this program's version"),
        "loop" => Noticed(Info, "has no effect: servers that lead back here are left out anyway"),
        "reload" => Noticed(Info, "has no effect: the file is read at the start alone"),
        "metadata" | "root" | "pprof" | "trace" | "dnstap" => Noticed(Info, "has no effect here"),
        "acl" => Refused("give --allow in its place"),
        "file" | "auto" | "secondary" | "etcd" | "template" | "route53" | "clouddns" | "azure"
        | "kubernetes" | "k8s_external" | "federation" | "autopath" => Refused(
            "only idetcd's names are served; put further ones into etcd and give --resolve, or \
             leave these to another server",
        ),
        "rewrite" | "dns64" | "header" | "view" | "geoip" | "cancel" | "erratic" | "whoami" => {
            Refused("it changes answers, which is not done here; remove it")
        }
        "dnssec" | "sign" => Refused("nothing is signed here; remove it"),
        "transfer" => Refused("give --allow-transfer and --also-notify in its place"),
        "tls" | "grpc" | "quic" | "https" | "tsig" => {
            Refused("only plain DNS is served; remove it, or put a proxy before it")
        }
        "local" => Refused("local names are not special here; remove it"),
        "on" | "startup" | "shutdown" => Refused("commands are not run; give them to the init"),
        _ => return None,
    })
}
