//! The command line, and what a Corefile adds to it.
//!
//! Everything is checked here, so that whoever gets [`Options`] need not doubt them. Touches
//! neither files nor sockets: who calls says how a Corefile is read.

mod access;
mod addresses;
mod command;
mod command_help;
mod configuration;
mod declared;
mod forward;
mod help;
mod identity;
mod names;
mod numbers;

use std::ffi::OsString;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use getopts::Matches;
use log::LevelFilter;

use crate::accounts::RunAs;
use crate::cluster::pattern::MAX_LIMIT;
use crate::cluster::{AddressChoice, Keyspace, Network};
use crate::corefile::{self, Settings};
pub use access::{Access, Password, User};
pub use addresses::{Endpoint, Listen};
pub use command::{Confirmation, Form, List, Release, Tool, Wait};
pub use configuration::{Corefile, Origin};
pub use forward::Forward;
pub use identity::Announce;
use numbers::{LEASE_TTL, MAX_STALE, RRL, TTL, number};

/// The highest ID to take, where nothing else is said.
const LIMIT: u32 = 10;

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
    /// Who is told of this node's name, and how.
    pub announce: Announce,
    /// Who to be, once everything that needs root is open; `None`: whoever it is.
    pub run_as: Option<RunAs>,
    /// What to log.
    pub verbosity: LevelFilter,
    /// The file that says what the command line does not.
    pub origin: Option<Origin>,
}

/// What the command line asks for.
#[derive(Clone, Debug)]
pub enum Command {
    /// To serve.
    Run(Box<Options>),
    /// To do something else with the names, and exit.
    Tool(Tool, Box<Options>),
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

impl From<corefile::Error> for UsageError {
    fn from(error: corefile::Error) -> UsageError {
        UsageError(error.to_string())
    }
}

fn wrong<T>(option: &str, text: impl fmt::Display) -> Result<T, UsageError> {
    Err(UsageError(format!("--{option}: {text}")))
}

/// How a Corefile is read: which one, and the port of keys that have none. `None`: there is none.
pub type ReadCorefile<'a> =
    &'a dyn Fn(Corefile<'_>, u16) -> Result<Option<Settings>, corefile::Error>;

/// The arguments of a process as text, its own name left out.
///
/// # Errors
/// When one of them is none: what it stands for would be changed in silence.
pub fn text(words: &[OsString]) -> Result<Vec<String>, UsageError> {
    let text = words.iter().enumerate().skip(1).map(|(number, word)| {
        word.to_str().map(str::to_owned).ok_or_else(|| {
            UsageError(format!(
                "argument {number}, {:?}, is not UTF-8; rename what it names, or put a command of \
                 that kind into a script",
                word.to_string_lossy()
            ))
        })
    });
    text.collect()
}

/// Reads the arguments, the program's name left out, and the Corefile that they ask for.
///
/// # Errors
/// When they cannot be followed; see [`UsageError`].
pub fn parse(arguments: &[String], read_corefile: ReadCorefile<'_>) -> Result<Command, UsageError> {
    let (arguments, program) = identity::split(arguments);
    let first = arguments.split_first().filter(|(word, _)| is_word(word));
    if let (Some((word, arguments)), None) = (first, &program) {
        return command::parse(word, arguments, read_corefile);
    }
    let matches = declared::declared().parse(declared::spelt_out(arguments));
    let matches = matches.map_err(|fail| UsageError(declared::explain(&fail)))?;
    if matches.opt_present("help") {
        return Ok(Command::Print(help::HELP.to_owned()));
    }
    if matches.opt_present("version") {
        return Ok(Command::Print(concat!("idetcd ", env!("CARGO_PKG_VERSION")).to_owned()));
    }
    declared::refuse_coredns(&matches)?;
    if let Some(word) = matches.free.first() {
        return Err(match command::is_command(word) {
            true => UsageError(format!("{word:?} is a command, and stands first: idetcd {word} …")),
            false => UsageError(format!("{word:?} is no option; see --help")),
        });
    }
    let file = configuration::settings(&matches, read_corefile)?;
    read(&matches, file, program).map(|options| Command::Run(Box::new(options)))
}

/// Whether it is a word of its own rather than an option.
fn is_word(argument: &str) -> bool {
    !argument.starts_with('-')
}

/// Each option wins over the file.
fn read(
    matches: &Matches,
    mut file: Option<Settings>,
    program: Option<Vec<String>>,
) -> Result<Options, UsageError> {
    let limit = file.as_ref().map_or(LIMIT, |file| file.plugin.limit);
    let limit = number(matches, "limit", 1..=MAX_LIMIT, limit)?;
    let pattern = configuration::pattern(matches, file.as_mut(), limit)?;
    let resolve = names::resolve(matches, &pattern, limit)?;
    let keyspace = Keyspace { prefix: names::prefix(matches)?, pattern, limit, resolve };
    let endpoints = configuration::endpoints(matches, file.as_ref())?;
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
        listen: configuration::listen(matches, file.as_ref())?,
        ipv4,
        ipv6,
        interface,
        port: port.and_then(|port| u16::try_from(port).ok()),
        lease_ttl: Duration::from_secs(number(matches, "lease-ttl", LEASE_TTL, 20)?.into()),
        ttl: number(matches, "ttl", TTL, 5)?,
        forward: configuration::forward(matches, file.as_ref())?,
        allow: allow(&matches.opt_strs("allow"))?,
        rrl: match matches.opt_present("rrl") {
            true => Some(number(matches, "rrl", RRL, 0)?),
            false => None,
        },
        max_stale: Duration::from_secs(number(matches, "max-stale", MAX_STALE, 86_400)?.into()),
        etcd_timeout: numbers::etcd_timeout(matches)?,
        announce: identity::announce(matches, program)?,
        run_as: identity::run_as(matches)?,
        verbosity: verbosity(matches)?,
        origin: file.map(Origin::from),
    })
}

fn allow(texts: &[String]) -> Result<Vec<Network>, UsageError> {
    let networks = texts.iter().flat_map(|text| text.split(',')).map(str::trim);
    let parsed = networks.map(|text| match text.parse() {
        Ok(network) => Ok(network),
        Err(error) => wrong("allow", format!("{text:?}: {error}")),
    });
    parsed.collect()
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
