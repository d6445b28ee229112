//! The command line.
//!
//! Everything is checked here, so that whoever gets [`Options`] need not doubt them. Touches
//! neither files nor sockets.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use getopts::{HasArg, Matches, Occur};
use log::LevelFilter;

use crate::cluster::pattern::MAX_LIMIT;
use crate::cluster::{AddressChoice, Pattern};

const DNS_PORT: u16 = 53;
const ETCD_PORT: u16 = 2379;

/// Shorter leases would end between two renewals of a busy etcd; longer ones than a day are none.
const LEASE_TTL: std::ops::RangeInclusive<u32> = 2..=86_400;
const TTL: std::ops::RangeInclusive<u32> = 0..=86_400;
/// In milliseconds.
const ETCD_TIMEOUT: std::ops::RangeInclusive<u32> = 100..=60_000;

const HELP: &str = "\
Usage: idetcd --pattern NAME [OPTION]...
Takes the lowest free name of a pattern in etcd, and answers DNS for all nodes.

  --pattern NAME        required, such as 'worker{{.ID}}.tf.local.'
  --limit N             highest ID to take                        [10]
  --endpoints URL[,URL] etcd, repeatable         [http://localhost:2379]
  --listen ADDR[:PORT]  where to answer, repeatable    [0.0.0.0:53 and [::]:53]
  --ttl SECONDS         TTL of the answers                        [5]

What is published; found out where not given:
  --ipv4 ADDR|none      IPv4 address     [source address towards etcd]
  --ipv6 ADDR|none      IPv6 address     [that of the same interface]
  --interface NAME      take the addresses of this interface
  --port N              port of the DNS server        [that of --listen]

  --lease-ttl SECONDS   how long the name outlives a dead node    [20]
  --etcd-timeout SECONDS  patience with each call to etcd         [2]
  -v, --verbose         log more; twice: each query
  -q, --quiet           log warnings and errors only
  -h, --help            show this and exit
  -V, --version         show the version and exit

Exit status: 0 stopped by a signal, 1 failure, 2 usage, 3 no free name.";

/// The checked command line.
#[derive(Clone, Debug)]
pub struct Options {
    /// etcd's endpoints; one at least.
    pub endpoints: Vec<Endpoint>,
    /// The highest slot to claim, from 1.
    pub limit: u32,
    /// The names.
    pub pattern: Pattern,
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
    /// The time-out of a call to etcd.
    pub etcd_timeout: Duration,
    /// What to log.
    pub verbosity: LevelFilter,
}

/// The base URL of an etcd endpoint, with its port and without a final slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint(String);

impl Endpoint {
    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    /// The address.
    pub address: SocketAddr,
    /// Whether it must work: a host without IPv6 may skip the default `[::]:53`.
    pub required: bool,
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
    for name in ["endpoints", "listen"] {
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
    ] {
        options.opt("", name, "", "", HasArg::Yes, Occur::Optional);
    }
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
    let ipv4 = address(matches, "ipv4")?;
    let ipv6 = address(matches, "ipv6")?;
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
        endpoints: endpoints(&matches.opt_strs("endpoints"))?,
        limit,
        pattern,
        listen: listen(&matches.opt_strs("listen"))?,
        ipv4,
        ipv6,
        interface,
        port: port.and_then(|port| u16::try_from(port).ok()),
        lease_ttl: Duration::from_secs(number(matches, "lease-ttl", LEASE_TTL, 20)?.into()),
        ttl: number(matches, "ttl", TTL, 5)?,
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

fn address<A>(matches: &Matches, option: &str) -> Result<AddressChoice<A>, UsageError>
where
    A: FromStr + Copy + Into<IpAddr>,
{
    let Some(text) = matches.opt_str(option) else { return Ok(AddressChoice::Discover) };
    if text == "none" {
        return Ok(AddressChoice::Omit);
    }
    let family = if option == "ipv4" { "an IPv4 address" } else { "an IPv6 address" };
    let Ok(address) = text.parse::<A>() else {
        return wrong(option, format!("{text:?} is not {family}, nor none"));
    };
    let ip: IpAddr = address.into();
    if ip.is_unspecified() || ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST) {
        return wrong(option, format!("{text} is not the address of a node; give {family} of it"));
    }
    Ok(AddressChoice::Fixed(address))
}

fn listen(texts: &[String]) -> Result<Vec<Listen>, UsageError> {
    if texts.is_empty() {
        let any =
            |ip: IpAddr, required| Listen { address: SocketAddr::new(ip, DNS_PORT), required };
        return Ok(vec![
            any(Ipv4Addr::UNSPECIFIED.into(), true),
            any(Ipv6Addr::UNSPECIFIED.into(), false),
        ]);
    }
    let mut listens: Vec<Listen> = Vec::new();
    for text in texts {
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        let address = match (text.parse::<SocketAddr>(), bare.parse::<IpAddr>()) {
            (Ok(address), _) => address,
            (_, Ok(ip)) => SocketAddr::new(ip, DNS_PORT),
            _ => {
                return wrong(
                    "listen",
                    format!(
                        "{text:?} is not an address; write 127.0.0.1, 127.0.0.1:1053 or [::1]:1053"
                    ),
                );
            }
        };
        if address.port() != 0 && listens.iter().any(|listen| listen.address == address) {
            return wrong("listen", format!("{address} is given twice; once is enough"));
        }
        listens.push(Listen { address, required: true });
    }
    Ok(listens)
}

fn endpoints(texts: &[String]) -> Result<Vec<Endpoint>, UsageError> {
    let mut endpoints: Vec<Endpoint> = Vec::new();
    for text in texts.iter().flat_map(|text| text.split(',')) {
        let endpoint = match endpoint(text.trim()) {
            Ok(endpoint) => endpoint,
            Err(reason) => return wrong("endpoints", format!("{text:?}: {reason}")),
        };
        if !endpoints.contains(&endpoint) {
            endpoints.push(endpoint);
        }
    }
    if endpoints.is_empty() {
        endpoints.push(Endpoint(format!("http://localhost:{ETCD_PORT}")));
    }
    Ok(endpoints)
}

fn endpoint(text: &str) -> Result<Endpoint, &'static str> {
    if text.starts_with("https://") {
        return Err("TLS is not supported yet; give an http:// endpoint");
    }
    let Some(rest) = text.strip_prefix("http://") else {
        return Err("must be a URL such as http://10.0.0.1:2379");
    };
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains(['/', '?', '#', '@']) {
        return Err("only host and port may follow http://");
    }
    if let Some(inner) = authority.strip_prefix('[') {
        let Some((ip, port)) = inner.split_once(']') else {
            return Err("the ] of the IPv6 address is missing");
        };
        let Ok(ip) = ip.parse::<Ipv6Addr>() else {
            return Err("what stands in [] is not an IPv6 address");
        };
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => ETCD_PORT,
            Some(port) => port_number(port)?,
            None => return Err("only :PORT may follow the IPv6 address"),
        };
        return Ok(Endpoint(format!("http://[{ip}]:{port}")));
    }
    let (host, port) = match authority.split_once(':') {
        None => (authority, ETCD_PORT),
        Some((_, rest)) if rest.contains(':') => {
            return Err("an IPv6 address stands in brackets: http://[fd00::1]:2379");
        }
        Some((host, port)) => (host, port_number(port)?),
    };
    if host.is_empty() {
        return Err("the host is missing");
    }
    let is_named = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.');
    if !host.bytes().all(is_named) {
        return Err("the host has characters that no host name has");
    }
    // Only an address is made of digits and dots, so one that does not parse is a slip of the pen.
    let is_numeric = host.bytes().all(|octet| octet.is_ascii_digit() || octet == b'.');
    if is_numeric && host.parse::<Ipv4Addr>().is_err() {
        return Err("the host is not an IPv4 address");
    }
    Ok(Endpoint(format!("http://{host}:{port}")))
}

fn port_number(text: &str) -> Result<u16, &'static str> {
    let port = digits(text).and_then(|digits| digits.parse().ok()).filter(|port| *port > 0);
    port.ok_or("the port is not a number from 1 to 65535")
}

#[cfg(test)]
#[path = "options_tests.rs"]
mod tests;
