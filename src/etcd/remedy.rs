//! Remedies: what the user can do about an error. The one table of them, for the server's log as for the
//! tools. It names the program's options, since these are what its user can change.

use super::{Error, ErrorKind};

/// Parts of messages, each with its remedy.
const BY_WORDS: [(&str, &str); 11] = [
    // An HTTP server without this path: etcd with `--enable-grpc-gateway=false`.
    ("404 page not found", GATEWAY),
    // Whoever calls, and whatever else it sends: not even a login is let through.
    (
        "CommonName of client",
        "give --cert a certificate without a common name, such as one with an organization alone, \
         and --user: etcd's gateway takes no other while its users are on",
    ),
    ("Host header was unrecognized", "add the host of --endpoints to etcd's --host-whitelist"),
    ("HTTP request to an HTTPS server", HTTPS),
    ("database space exceeded", NO_SPACE),
    ("alarm:NOSPACE", NO_SPACE),
    ("too many requests", "etcd is overloaded; see its disk and its other clients"),
    ("too large lease TTL", "lower --lease-ttl"),
    ("no leader", NO_LEADER),
    ("etcdserver: request timed out", NO_LEADER),
    ("context deadline exceeded", NO_LEADER),
];

const GATEWAY: &str = "it must be etcd 3.4 or later with its JSON gateway (--enable-grpc-gateway)";
const HTTPS: &str = "if it speaks TLS, write https:// in --endpoints";
const NO_LEADER: &str = "see that most members run and reach each other";
const NO_SPACE: &str =
    "compact and defragment etcd or raise its --quota-backend-bytes, then etcdctl alarm disarm";

/// The remedy for the message of a peer; `None`: none is known.
pub fn remedy_for(words: &str) -> Option<&'static str> {
    BY_WORDS.iter().find(|(part, _)| words.contains(part)).map(|(_, remedy)| *remedy)
}

fn remedy(error: &Error) -> Option<&'static str> {
    remedy_for(&error.text).or_else(|| {
        Some(match error.kind {
            ErrorKind::Unreachable => "start it there, or correct --endpoints",
            ErrorKind::TimedOut => {
                "see whether it hangs or a firewall is between, or raise --etcd-timeout"
            }
            ErrorKind::Untrusted => "see --cacert, --cert and --key",
            ErrorKind::CutOff if error.endpoint.starts_with("http://") => HTTPS,
            ErrorKind::CutOff => {
                "if it asks for a client certificate, give --cert and --key; if it speaks no TLS, write http:// in --endpoints"
            }
            ErrorKind::WithoutTls => "if it speaks no TLS, write http:// in --endpoints",
            ErrorKind::NotJson(_) | ErrorKind::Malformed => GATEWAY,
            _ if error.is_unauthenticated() => "give --user and --password-file",
            _ if error.is_denied() => {
                "see --user and --password-file, and the role's permission on the keys"
            }
            _ => return None,
        })
    })
}

/// Describes an error, with what the user can do about it.
pub fn advised(error: &Error) -> String {
    match remedy(error) {
        Some(remedy) => format!("{}; {remedy}", error.to_string().trim_end_matches('.')),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_etcd_says_has_its_remedy() {
        let error = |kind, text| Error::new(kind, "http://e", text);
        let says = |code, message| error(ErrorKind::Rejected(code), message);
        let not_json = |status, text| error(ErrorKind::NotJson(status), text);
        // As etcd 3.4 says it.
        let common_name = "CommonName of client sending a request against gateway will be ignored \
            and not used as expected";
        let whitelist = "etcd received your request, but the Host header was unrecognized.";
        let table = [
            (not_json(404, "404 page not found"), "--enable-grpc-gateway"),
            (not_json(400, common_name), "without a common name"),
            (not_json(421, whitelist), "--host-whitelist"),
            (not_json(501, "<!DOCTYPE HTML>"), "it must be etcd"),
            (error(ErrorKind::Malformed, "no header"), "it must be etcd"),
            (says(8, "etcdserver: mvcc: database space exceeded"), "alarm disarm"),
            (says(8, "etcdserver: too many requests"), "overloaded"),
            (says(11, "etcdserver: too large lease TTL"), "--lease-ttl"),
            (says(14, "etcdserver: no leader"), "most members"),
            (says(14, "etcdserver: request timed out"), "most members"),
            (says(2, "context deadline exceeded"), "most members"),
            (says(3, "etcdserver: user name is empty"), "give --user"),
            (says(16, "etcdserver: invalid auth token"), "give --user"),
            (says(7, "etcdserver: permission denied"), "permission on the keys"),
            (error(ErrorKind::Unreachable, "refused"), "start it there"),
            (error(ErrorKind::CutOff, "end"), "https://"),
            (Error::new(ErrorKind::CutOff, "https://e", "end"), "--cert and --key"),
            (error(ErrorKind::WithoutTls, "end"), "http://"),
            (error(ErrorKind::Untrusted, "UnknownIssuer"), "--cacert"),
            (error(ErrorKind::TimedOut, ""), "--etcd-timeout"),
        ];
        for (error, wanted) in table {
            let told = advised(&error);
            assert!(told.contains(wanted), "{wanted} is not in {told}");
            assert!(told.starts_with(error.to_string().trim_end_matches('.')), "{told}");
        }
        let compacted = error(ErrorKind::Compacted(3), "");
        assert_eq!(advised(&compacted), compacted.to_string());
    }
}
