//! The command line, and what a Corefile adds to it.
//!
//! Everything is checked here, so that whoever gets [`Options`] need not doubt them. Touches
//! neither files nor sockets: who calls says how a Corefile is read.

mod access;
mod addresses;
mod command;
mod command_help;
mod configuration;
mod forward;
mod help;
mod identity;
mod names;
mod table;
mod values;

use std::ffi::OsString;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use getopts::Matches;
use log::LevelFilter;

use crate::cluster::pattern::MAX_LIMIT;
use crate::cluster::{AddressChoice, Keyspace, Network};
use crate::connect::ConnectSettings;
use crate::corefile::files::CorefileChoice;
use crate::corefile::{Corefile, CorefileError};
use crate::failure::Failure;
use crate::host::accounts::RunAs;
use crate::node::{NodeSettings, WhenFull};
use crate::notify::NotifySettings;
use crate::server::forward::ForwardTo;
use crate::server::listen::Listen;
pub use command::{Confirmation, Form, List, Release, Tool, Wait};
pub use configuration::Origin;
use values::{LEASE_TTL, MAX_STALE, RRL, TTL, number, optional_number};

/// The highest ID to take, where nothing else is said.
const LIMIT: u32 = 10;

/// The checked command line: the settings of each room.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where etcd is, and how to be let in.
    pub connect: ConnectSettings,
    /// This node's life: its names, its lease, what it publishes.
    pub node: NodeSettings,
    /// Where to listen; one at least.
    pub listen: Vec<Listen>,
    /// The TTL of answers, in seconds.
    pub ttl: u32,
    /// Where queries for other names go; `None`: they are refused.
    pub forward: Option<ForwardTo>,
    /// Who may ask; empty: everybody.
    pub allow: Vec<Network>,
    /// How many replies a second a client's network gets over UDP; `None`: as many as it asks for.
    pub rrl: Option<u32>,
    /// Who is told of this node's name, and how.
    pub notify: NotifySettings,
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

impl From<CorefileError> for Failure {
    fn from(error: CorefileError) -> Failure {
        Failure::usage(error)
    }
}

fn wrong<T>(option: &str, text: impl fmt::Display) -> Result<T, Failure> {
    Err(Failure::usage(format!("--{option}: {text}")))
}

/// How a Corefile is read: which one, and the port of keys that have none. `None`: there is none.
pub type ReadCorefile<'a> =
    &'a dyn Fn(CorefileChoice<'_>, u16) -> Result<Option<Corefile>, CorefileError>;

/// The arguments of a process as text, its own name left out.
///
/// # Errors
/// When one of them is none: what it stands for would be changed in silence.
pub fn text(words: &[OsString]) -> Result<Vec<String>, Failure> {
    let text = words.iter().enumerate().skip(1).map(|(number, word)| {
        word.to_str().map(str::to_owned).ok_or_else(|| {
            Failure::usage(format!(
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
/// When they cannot be followed: which option, what is wrong, what to write instead.
pub fn parse(arguments: &[String], read_corefile: ReadCorefile<'_>) -> Result<Command, Failure> {
    let (arguments, program) = identity::split(arguments);
    let first = arguments.split_first().filter(|(word, _)| is_word(word));
    if let (Some((word, arguments)), None) = (first, &program) {
        return command::parse(word, arguments, read_corefile);
    }
    let matches = table::declared().parse(table::spelt_out(arguments));
    let matches = matches.map_err(|fail| Failure::usage(table::explain(&fail)))?;
    if matches.opt_present("help") {
        return Ok(Command::Print(help::HELP.to_owned()));
    }
    if matches.opt_present("version") {
        return Ok(Command::Print(concat!("idetcd ", env!("CARGO_PKG_VERSION")).to_owned()));
    }
    table::refuse_coredns(&matches)?;
    if let Some(word) = matches.free.first() {
        return Err(if command::is_command(word) {
            Failure::usage(format!("{word:?} is a command, and stands first: idetcd {word} …"))
        } else {
            Failure::usage(format!("{word:?} is no option; see --help"))
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
    mut file: Option<Corefile>,
    program: Option<Vec<String>>,
) -> Result<Options, Failure> {
    let keyspace = keyspace(matches, file.as_mut())?;
    let endpoints = configuration::endpoints(matches, file.as_ref())?;
    Ok(Options {
        connect: ConnectSettings {
            access: access::read(matches, &endpoints)?,
            endpoints,
            timeout: values::etcd_timeout(matches)?,
        },
        node: node(matches, keyspace)?,
        listen: configuration::listen(matches, file.as_ref())?,
        ttl: number(matches, "ttl", TTL, 5)?,
        forward: configuration::forward(matches, file.as_ref())?,
        allow: allow(&matches.opt_strs("allow"))?,
        rrl: optional_number(matches, "rrl", RRL)?,
        notify: identity::notify(matches, program)?,
        run_as: identity::run_as(matches)?,
        verbosity: verbosity(matches)?,
        origin: file.map(Origin::from),
    })
}

fn keyspace(matches: &Matches, file: Option<&mut Corefile>) -> Result<Keyspace, Failure> {
    let limit = file.as_ref().map_or(LIMIT, |file| file.plugin.limit);
    let limit = number(matches, "limit", 1..=MAX_LIMIT, limit)?;
    let pattern = configuration::pattern(matches, file, limit)?;
    let resolve = names::resolve(matches, &pattern, limit)?;
    Ok(Keyspace { prefix: names::prefix(matches)?, pattern, limit, resolve })
}

fn node(matches: &Matches, keyspace: Keyspace) -> Result<NodeSettings, Failure> {
    let ipv4 = addresses::address(matches, "ipv4")?;
    let ipv6 = addresses::address(matches, "ipv6")?;
    if ipv4 == AddressChoice::Omit && ipv6 == AddressChoice::Omit {
        return wrong("ipv6", "none, and --ipv4 none as well: publish one address at least");
    }
    let interface = matches.opt_str("interface");
    if interface.as_deref() == Some("") {
        return wrong("interface", "the name is empty; give one such as eth0");
    }
    let seconds = |option, allowed, default| {
        number(matches, option, allowed, default).map(|seconds| Duration::from_secs(seconds.into()))
    };
    let port = optional_number(matches, "port", 1..=65_535)?;
    Ok(NodeSettings {
        keyspace: Arc::new(keyspace),
        when_full: if matches.opt_present("wait") { WhenFull::Wait } else { WhenFull::Exit },
        max_stale: seconds("max-stale", MAX_STALE, 86_400)?,
        lease_ttl: seconds("lease-ttl", LEASE_TTL, 20)?,
        ipv4,
        ipv6,
        interface,
        port: port.and_then(|port| u16::try_from(port).ok()),
    })
}

fn allow(texts: &[String]) -> Result<Vec<Network>, Failure> {
    let networks = texts.iter().flat_map(|text| text.split(',')).map(str::trim);
    let parsed = networks.map(|text| match text.parse() {
        Ok(network) => Ok(network),
        Err(error) => wrong("allow", format!("{text:?}: {error}")),
    });
    parsed.collect()
}

fn verbosity(matches: &Matches) -> Result<LevelFilter, Failure> {
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
