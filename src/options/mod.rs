//! The command line.
//!
//! Everything is checked here, so that whoever gets [`Options`] need not doubt them. Touches
//! neither files nor sockets.

mod access;
mod addresses;
mod forward;

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use getopts::{HasArg, Matches, Occur};
use log::LevelFilter;

use crate::cluster::pattern::MAX_LIMIT;
use crate::cluster::{AddressChoice, Keyspace, Names, Network, Pattern};
pub use access::{Access, Password, User};
pub use addresses::{Endpoint, Listen};
pub use forward::Forward;

/// Shorter leases would end between two renewals of a busy etcd; longer ones than a day are none.
const LEASE_TTL: std::ops::RangeInclusive<u32> = 2..=86_400;
const TTL: std::ops::RangeInclusive<u32> = 0..=86_400;
/// In milliseconds.
const ETCD_TIMEOUT: std::ops::RangeInclusive<u32> = 100..=60_000;

/// In seconds; a year is as good as for ever.
const MAX_STALE: std::ops::RangeInclusive<u32> = 0..=31_536_000;
const RRL: std::ops::RangeInclusive<u32> = 1..=1_000_000;
/// The longest `--prefix`, in octets: a bound, not a rule of etcd's.
const LONGEST_PREFIX: usize = 1024;

const HELP: &str = "\
Usage: idetcd --pattern NAME [OPTION]...
Takes the lowest free name of a pattern in etcd, and answers DNS for all nodes.

  --pattern NAME        required, such as 'worker{{.ID}}.tf.local.'
  --limit N             highest ID to take                        [10]
  --wait                no free name: wait for one, and serve meanwhile
  --resolve NAME        answer for these names as well, repeatable
  --listen ADDR[:PORT]  where to answer, repeatable    [0.0.0.0:53 and [::]:53]
  --forward ADDR[:PORT][,...]  where queries for other names go, or
                        resolv.conf: the servers named there    [refused]
  --ttl SECONDS         TTL of the answers                        [5]
  --max-stale SECONDS   answer this long without etcd         [86400]
  --allow NET[,NET]     answer these networks only, repeatable    [all]
  --rrl N               replies a second to a network over UDP    [all]
What is published; found out where not given:
  --ipv4 ADDR|none, --ipv6 ADDR|none, --interface NAME, --port N
etcd, and how to be let in:
  --endpoints URL[,URL] repeatable               [http://localhost:2379]
  --prefix KEY          what all keys begin with               [none]
  --cacert FILE         whom to trust for https://      [the system's]
  --cert FILE --key FILE  client certificate
  --user NAME[:PASSWORD], --password-file FILE
  --lease-ttl SECONDS   how long the name outlives a dead node    [20]
  --etcd-timeout SECONDS  patience with each call to etcd         [2]

  -v, --verbose  log more; twice: each query   -q, --quiet  warnings and errors
  -h, --help     show this and exit            -V, --version
Exit status: 0 stopped by a signal, 1 failure, 2 usage, 3 no free name.";

/// The checked command line.
#[derive(Clone, Debug)]
pub struct Options {
    /// etcd's endpoints; one at least.
    pub endpoints: Vec<Endpoint>,
    /// The names, how many of them to claim from, and where they lie in etcd.
    pub keyspace: Keyspace,
    /// Whether to wait for a slot where all are taken.
    pub wait: bool,
    /// How etcd is to be convinced to let us in, and we of it.
    pub access: Access,
    /// Where to listen; one at least.
    pub listen: Vec<Listen>,
    /// The IPv4 address to publish.
    pub ipv4: AddressChoice<Ipv4Addr>,
    /// The IPv6 address to publish.
    pub ipv6: AddressChoice<Ipv6Addr>,
    /// The interface to take addresses from.
    pub interface: Option<String>,
    /// The port to publish; `None`: the one that is listened on.
    pub port: Option<u16>,
    /// The TTL of the lease, in whole seconds.
    pub lease_ttl: Duration,
    /// The TTL of answers, in seconds.
    pub ttl: u32,
    /// Where queries for other names go; `None`: they are refused.
    pub forward: Option<Forward>,
    /// Who may ask; empty: everybody.
    pub allow: Vec<Network>,
    /// How many replies a second a client's network gets over UDP; `None`: as many as it asks for.
    pub rrl: Option<u32>,
    /// How long to answer from memory while etcd is out of reach; whole seconds.
    pub max_stale: Duration,
    /// The time-out of a call to etcd.
    pub etcd_timeout: Duration,
    /// What to log.
    pub verbosity: LevelFilter,
}

/// What the command line asks for.
#[derive(Clone, Debug)]
pub enum Command {
    /// To serve.
    Run(Box<Options>),
    /// To show this text and exit.
    Print(String),
}

/// A wrong command line: which option, what is wrong, what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageError(String);

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for UsageError {}

fn wrong<T>(option: &str, text: impl fmt::Display) -> Result<T, UsageError> {
    Err(UsageError(format!("--{option}: {text}")))
}

fn declared() -> getopts::Options {
    let mut options = getopts::Options::new();
    for name in ["endpoints", "listen", "resolve", "forward", "allow"] {
        options.opt("", name, "", "", HasArg::Yes, Occur::Multi);
    }
    for name in [
        "pattern",
        "limit",
        "ttl",
        "ipv4",
        "ipv6",
        "interface",
        "port",
        "lease-ttl",
        "etcd-timeout",
        "max-stale",
        "rrl",
        "prefix",
        "cacert",
        "cert",
        "key",
        "user",
        "password-file",
    ] {
        options.opt("", name, "", "", HasArg::Yes, Occur::Optional);
    }
    options.opt("", "wait", "", "", HasArg::No, Occur::Optional);
    for (short, long) in [("v", "verbose"), ("q", "quiet"), ("h", "help"), ("V", "version")] {
        options.opt(short, long, "", "", HasArg::No, Occur::Multi);
    }
    options
}

/// Reads the arguments, the program's name left out.
///
/// # Errors
/// When they cannot be followed; see [`UsageError`].
pub fn parse(arguments: &[String]) -> Result<Command, UsageError> {
    let matches = declared().parse(arguments).map_err(|fail| UsageError(explain(&fail)))?;
    if matches.opt_present("help") {
        return Ok(Command::Print(HELP.to_owned()));
    }
    if matches.opt_present("version") {
        return Ok(Command::Print(concat!("idetcd ", env!("CARGO_PKG_VERSION")).to_owned()));
    }
    if let Some(word) = matches.free.first() {
        return Err(UsageError(format!("{word:?} is no option; see --help")));
    }
    read(&matches).map(|options| Command::Run(Box::new(options)))
}

fn explain(fail: &getopts::Fail) -> String {
    let dashed = |name: &str| match name.len() {
        1 => format!("-{name}"),
        _ => format!("--{}", name.escape_debug()),
    };
    match fail {
        getopts::Fail::ArgumentMissing(name) => format!("{}: an argument is missing", dashed(name)),
        getopts::Fail::UnrecognizedOption(name) => {
            format!("{}: no such option; see --help", dashed(name))
        }
        getopts::Fail::OptionMissing(name) => format!("{}: must be given", dashed(name)),
        getopts::Fail::OptionDuplicated(name) => {
            format!("{}: given twice; once is enough", dashed(name))
        }
        getopts::Fail::UnexpectedArgument(name) => format!("{}: takes no argument", dashed(name)),
    }
}

fn read(matches: &Matches) -> Result<Options, UsageError> {
    let limit = number(matches, "limit", 1..=MAX_LIMIT, 10)?;
    let Some(text) = matches.opt_str("pattern") else {
        return wrong("pattern", "must be given, as in --pattern 'worker{{.ID}}.tf.local.'");
    };
    let pattern = match Pattern::parse(&text, limit) {
        Ok(pattern) => pattern,
        Err(error) => return wrong("pattern", error),
    };
    let resolve = resolve(matches, &pattern, limit)?;
    let keyspace = Keyspace { prefix: prefix(matches)?, pattern, limit, resolve };
    let endpoints = addresses::endpoints(&matches.opt_strs("endpoints"))?;
    let access = access::read(matches, &endpoints)?;
    let ipv4 = addresses::address(matches, "ipv4")?;
    let ipv6 = addresses::address(matches, "ipv6")?;
    if ipv4 == AddressChoice::Omit && ipv6 == AddressChoice::Omit {
        return wrong("ipv6", "none, and --ipv4 none as well: publish one address at least");
    }
    let interface = matches.opt_str("interface");
    if interface.as_deref() == Some("") {
        return wrong("interface", "the name is empty; give one such as eth0");
    }
    let port = match matches.opt_present("port") {
        true => Some(number(matches, "port", 1..=65_535, 0)?),
        false => None,
    };
    Ok(Options {
        endpoints,
        keyspace,
        wait: matches.opt_present("wait"),
        access,
        listen: addresses::listen(&matches.opt_strs("listen"))?,
        ipv4,
        ipv6,
        interface,
        port: port.and_then(|port| u16::try_from(port).ok()),
        lease_ttl: Duration::from_secs(number(matches, "lease-ttl", LEASE_TTL, 20)?.into()),
        ttl: number(matches, "ttl", TTL, 5)?,
        forward: forward::read(&matches.opt_strs("forward"))?,
        allow: allow(&matches.opt_strs("allow"))?,
        rrl: match matches.opt_present("rrl") {
            true => Some(number(matches, "rrl", RRL, 0)?),
            false => None,
        },
        max_stale: Duration::from_secs(number(matches, "max-stale", MAX_STALE, 86_400)?.into()),
        etcd_timeout: etcd_timeout(matches)?,
        verbosity: verbosity(matches)?,
    })
}

fn number(
    matches: &Matches,
    option: &str,
    allowed: std::ops::RangeInclusive<u32>,
    default: u32,
) -> Result<u32, UsageError> {
    let Some(text) = matches.opt_str(option) else { return Ok(default) };
    match digits(&text).and_then(|digits| digits.parse().ok()) {
        Some(number) if allowed.contains(&number) => Ok(number),
        _ => {
            let (least, most) = (allowed.start(), allowed.end());
            wrong(option, format!("{text:?} is not a whole number from {least} to {most}"))
        }
    }
}

fn allow(texts: &[String]) -> Result<Vec<Network>, UsageError> {
    let networks = texts.iter().flat_map(|text| text.split(',')).map(str::trim);
    let parsed = networks.map(|text| match text.parse() {
        Ok(network) => Ok(network),
        Err(error) => wrong("allow", format!("{text:?}: {error}")),
    });
    parsed.collect()
}

fn prefix(matches: &Matches) -> Result<String, UsageError> {
    let prefix = matches.opt_str("prefix").unwrap_or_default();
    if prefix.len() > LONGEST_PREFIX {
        return wrong("prefix", format!("{} octets, at most {LONGEST_PREFIX} fit", prefix.len()));
    }
    if let Some(bad) = prefix.chars().find(|character| character.is_control()) {
        return wrong("prefix", format!("{bad:?} cannot stand in it; give text such as /site/a/"));
    }
    Ok(prefix)
}

fn resolve(matches: &Matches, own: &Pattern, limit: u32) -> Result<Vec<Names>, UsageError> {
    let mut resolve: Vec<Names> = Vec::new();
    for text in matches.opt_strs("resolve") {
        let names = match Names::parse(&text, limit) {
            Ok(names) => names,
            Err(error) => return wrong("resolve", format!("{text:?}: {error}")),
        };
        if names == Names::Numbered(own.clone()) {
            return wrong("resolve", format!("{names} is the --pattern, and is answered anyway"));
        }
        if resolve.contains(&names) {
            return wrong("resolve", format!("{names} is given twice; once is enough"));
        }
        resolve.push(names);
    }
    Ok(resolve)
}

/// The text if it is made of digits: `+5` reads as a number, but nobody means it.
fn digits(text: &str) -> Option<&str> {
    text.bytes().all(|octet| octet.is_ascii_digit()).then_some(text)
}

fn etcd_timeout(matches: &Matches) -> Result<Duration, UsageError> {
    let text = matches.opt_str("etcd-timeout").unwrap_or_else(|| "2".to_owned());
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, "0"));
    let milliseconds = (|| {
        let whole: u32 = digits(whole)?.parse().ok()?;
        let fraction: u32 = format!("{:0<3.3}", digits(fraction)?).parse().ok()?;
        whole.checked_mul(1000)?.checked_add(fraction)
    })();
    match milliseconds {
        Some(milliseconds) if ETCD_TIMEOUT.contains(&milliseconds) => {
            Ok(Duration::from_millis(milliseconds.into()))
        }
        _ => wrong("etcd-timeout", format!("{text:?} is not a number of seconds from 0.1 to 60")),
    }
}

fn verbosity(matches: &Matches) -> Result<LevelFilter, UsageError> {
    match (matches.opt_count("verbose"), matches.opt_present("quiet")) {
        (0, true) => Ok(LevelFilter::Warn),
        (_, true) => wrong("quiet", "contradicts --verbose; leave one of them out"),
        (0, false) => Ok(LevelFilter::Info),
        (1, false) => Ok(LevelFilter::Debug),
        (_, false) => Ok(LevelFilter::Trace),
    }
}

#[cfg(test)]
mod tests;
