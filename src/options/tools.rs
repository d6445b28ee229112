//! The operator's tools: commands whose name is the first word of the command line.
//!
//! They take the server's options about etcd and names, so that what stands in an init script can
//! be copied, and refuse those that would mean nothing to them.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use getopts::Matches;

use super::configuration::socket_address;
use super::settings::{Command, Confirmation, Form, LineForm, Options, Readiness, Tool};
use super::table::{self, CHECK, OptionEntry, Takers};
use super::values::{number, optional_number, wrong};
use crate::cluster::{Keyspace, Names, SlotId};
use crate::failure::Failure;
use crate::host::resolv_conf::DNS_PORT;
use crate::text;

/// A tool of the operator's. Its own options are in the table.
pub(super) struct ToolEntry {
    pub(super) name: &'static str,
    /// For the help of the program.
    pub(super) purpose: &'static str,
    /// The beginning of its own help.
    pub(super) about: &'static str,
    pub(super) takes: Takes,
    /// The most words that may stand beside the options.
    operands: usize,
    pub(super) read: ReadTool,
}

/// The server's options that a tool takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    All,
    /// Those about names and etcd.
    Common,
    /// None, but for those that every command has.
    None,
}

impl Takes {
    /// All options that a command of this name takes.
    pub(super) fn options(self, name: &'static str) -> impl Iterator<Item = &'static OptionEntry> {
        let shared = match self {
            Takes::All => Takers::Server,
            Takes::Common => Takers::ServerAndTools,
            Takes::None => Takers::Everybody,
        };
        [Takers::Tool(name), shared].into_iter().flat_map(table::options)
    }
}

/// The way from its options to what it is to do.
pub(super) enum ReadTool {
    /// With those of the server.
    With(fn(&Matches, &Options) -> Result<Tool, Failure>),
    Alone(fn(&Matches) -> Result<Command, Failure>),
}

pub(super) const TOOLS: [ToolEntry; 8] = [
    ToolEntry {
        name: "list",
        purpose: "who has which name, and how to tell others",
        about: "\
Usage: idetcd list --pattern NAME [OPTION]...
Shows the names as etcd has them now: slot, name, addresses, port, seconds left
on the lease, and a note. The note \"me\" is for the one node of this host; where
several are on it, each is \"here\". Into a pipe: a line for each name, with tabs
between the columns and \"-\" where there is nothing.",
        takes: Takes::Common,
        operands: 0,
        read: ReadTool::With(list),
    },
    ToolEntry {
        name: "wait",
        purpose: "wait until so many nodes are named",
        about: "\
Usage: idetcd wait --pattern NAME --count N [OPTION]...
Waits until nodes have N names of the pattern, and while etcd is out of reach.
Exit status 0 as soon as they have, 1 if not in time or if a signal ends it.",
        takes: Takes::Common,
        operands: 0,
        read: ReadTool::With(wait),
    },
    ToolEntry {
        name: CHECK,
        purpose: "whether a node could start here, and what to do if not",
        about: "\
Usage: idetcd check --pattern NAME [OPTION]...
Says whether a node with these options, all of which are the server's (see
idetcd --help) or exec's, could start here and be named: files, the user of
--run-as, each endpoint of etcd, its user, addresses, permissions, free names,
the job of --count, DNS port; and what to do about what is not well. It changes
nothing, neither in etcd nor here. Exit status 0 if a node could; 1 if it could
not start, or would wait without a name, as while etcd is away.",
        takes: Takes::All,
        operands: 0,
        read: ReadTool::With(|_, _| Ok(Tool::Check)),
    },
    ToolEntry {
        name: "ready",
        purpose: "whether the node here is named and in sync",
        about: "\
Usage: idetcd ready [--timeout SECONDS] [@ADDRESS[:PORT]]
Asks the node that answers DNS there, or at 127.0.0.1:53, whether it has a name
and follows etcd. Then it shows the name, with exit status 0; else it says what
is missing, with 1. It needs neither etcd nor the options of the node, and takes
two seconds at most, where not told to wait.",
        takes: Takes::None,
        operands: 1,
        read: ReadTool::Alone(ready),
    },
    ToolEntry {
        name: "status",
        purpose: "what the node here is and knows, in words",
        about: "\
Usage: idetcd status [@ADDRESS[:PORT]]
Asks the node that answers DNS there, or at 127.0.0.1:53, and shows its name and
for how long it has that, the lease, the addresses that are published and those
of the host, etcd, where all names come from and how old they may be, and the
group. It needs neither etcd nor the options of the node. Exit status 1 if no
node answers within two seconds.",
        takes: Takes::None,
        operands: 1,
        read: ReadTool::Alone(|matches| Ok(Command::Status(asked_server(matches)?))),
    },
    ToolEntry {
        name: "release",
        purpose: "take a name away by hand",
        about: "\
Usage: idetcd release --pattern NAME [OPTION]... NAME
Takes a name away, which is given as such or by its number: shows what stands
there, asks, and deletes just that. A node that runs takes its name again at
once: stop it there instead. A node that died loses its name with its lease. So
this is for names that were put by hand, or hang on a long lease.",
        takes: Takes::Common,
        operands: 1,
        read: ReadTool::With(release),
    },
    ToolEntry {
        name: "drain",
        purpose: "take a node out of its group",
        about: "\
Usage: idetcd drain --pattern NAME [OPTION]... NAME
Takes the node of a name, which is given as such or by its number, out of the
group: the name of all nodes holds it no more, its own name is answered as ever.
That lasts until undrain, or until that life of the node ends: whoever has the
name after that, the same node too, is not drained.",
        takes: Takes::Common,
        operands: 1,
        read: ReadTool::With(drain),
    },
    ToolEntry {
        name: "undrain",
        purpose: "let it in again",
        about: "\
Usage: idetcd undrain --pattern NAME [OPTION]... NAME
Lets a node that was drained into the group again. Its name is given as such or
by its number. Exit status 1 if it is not drained.",
        takes: Takes::Common,
        operands: 1,
        read: ReadTool::With(undrain),
    },
];

impl ToolEntry {
    /// Whether it takes an option, be it the server's or its own.
    pub(super) fn takes_option(&self, option: &str) -> bool {
        self.takes.options(self.name).any(|entry| entry.name == option)
    }

    /// Refuses options that are the server's alone, and words that nobody asked for.
    pub(super) fn refuse(&self, matches: &Matches) -> Result<(), Failure> {
        let name = self.name;
        for OptionEntry { name: option, .. } in table::options(Takers::Server) {
            if matches.opt_present(option) && !self.takes_option(option) {
                return wrong(option, format!("not for {name}; see idetcd {name} --help"));
            }
        }
        let Some(word) = matches.free.get(self.operands) else { return Ok(()) };
        let text = format!("{word:?} is no option of {name}; see idetcd {name} --help");
        Err(Failure::usage(text))
    }
}

fn list(matches: &Matches, options: &Options) -> Result<Tool, Failure> {
    for (option, form) in [("tf-port", "tf-config"), ("file-sd-port", "file-sd")] {
        if matches.opt_present(option) && !matches.opt_present(form) {
            return wrong(option, format!("means nothing without --{form}; give that as well"));
        }
    }
    let forms = ["json", "hosts", "file-sd", "tf-config"].map(|form| matches.opt_present(form));
    let is_watch = matches.opt_present("watch");
    let form = match forms {
        [false, false, false, false] if is_watch => {
            return Ok(Tool::Watch { form: LineForm::Tabs });
        }
        [true, false, false, false] if is_watch => return Ok(Tool::Watch { form: LineForm::Json }),
        _ if is_watch => return wrong("watch", "goes with --json or none of the other forms"),
        [false, false, false, false] => Form::Table,
        [true, false, false, false] => Form::Json,
        [false, true, false, false] => Form::Hosts,
        [false, false, true, false] => Form::Targets { port: number(matches, "file-sd-port")? },
        [false, false, false, true] => Form::TfConfig { port: number(matches, "tf-port")? },
        _ => return wrong("json", "give one of --json, --hosts, --file-sd, --tf-config at most"),
    };
    Ok(Tool::List { form, port: options.node.port })
}

fn wait(matches: &Matches, options: &Options) -> Result<Tool, Failure> {
    let count = number(matches, "count")?;
    let limit = options.node.keyspace.limit;
    if matches.opt_present("limit") && usize::try_from(limit).is_ok_and(|limit| count > limit) {
        return wrong("count", format!("{count} nodes will never have {limit} names (--limit)"));
    }
    Ok(Tool::Wait { count, timeout: timeout(matches)? })
}

fn ready(matches: &Matches) -> Result<Command, Failure> {
    let server = asked_server(matches)?;
    Ok(Command::Ready(Readiness { server, timeout: timeout(matches)? }))
}

/// The server that is asked.
fn asked_server(matches: &Matches) -> Result<SocketAddr, Failure> {
    match matches.free.first() {
        None => Ok(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), DNS_PORT)),
        Some(word) => match word.strip_prefix('@').and_then(socket_address) {
            Some(server) if server.port() != 0 => Ok(server),
            _ => {
                let remedy = "write @127.0.0.1, @127.0.0.1:1053 or @[::1]:1053";
                Err(Failure::usage(format!("{word:?} is not @ADDRESS[:PORT]; {remedy}")))
            }
        },
    }
}

fn timeout(matches: &Matches) -> Result<Option<Duration>, Failure> {
    let seconds = optional_number(matches, "timeout")?;
    Ok(seconds.map(|seconds: u32| Duration::from_secs(seconds.into())))
}

fn release(matches: &Matches, options: &Options) -> Result<Tool, Failure> {
    let name = named(matches, options, "release", "which name is to be released")?;
    let is_meant = matches.opt_present("yes");
    let confirmation = if is_meant { Confirmation::Given } else { Confirmation::Ask };
    Ok(Tool::Release { name, confirmation })
}

fn drain(matches: &Matches, options: &Options) -> Result<Tool, Failure> {
    let slot = slot(matches, options, "drain", "which node is to be drained")?;
    let reason = matches.opt_str("reason").map(|text| text.parse());
    let reason = reason.transpose().or_else(|why: String| wrong("reason", why))?;
    Ok(Tool::Drain { slot, reason })
}

fn undrain(matches: &Matches, options: &Options) -> Result<Tool, Failure> {
    let slot = slot(matches, options, "undrain", "which node is to be drained no more")?;
    Ok(Tool::Undrain { slot })
}

/// The slot of the name that a tool is given.
fn slot(
    matches: &Matches,
    options: &Options,
    tool: &str,
    question: &str,
) -> Result<SlotId, Failure> {
    let pattern = &options.node.keyspace.pattern;
    let text = given(matches, tool, question)?;
    let name = find_name(text, &options.node.keyspace)
        .ok_or_else(|| Failure::usage(format!("{text:?} is no name or number of {pattern}")))?;
    pattern.slot_of(name.as_bytes()).ok_or_else(|| {
        let remedy = "give that whose it is by --pattern";
        Failure::usage(format!("{name} is none of {pattern}, whose group is meant; {remedy}"))
    })
}

/// The name that a tool is given.
fn named(
    matches: &Matches,
    options: &Options,
    tool: &str,
    question: &str,
) -> Result<String, Failure> {
    let text = given(matches, tool, question)?;
    let keyspace = &options.node.keyspace;
    find_name(text, keyspace).ok_or_else(|| {
        let pattern = &keyspace.pattern;
        Failure::usage(format!("{text:?} is no name or number of {pattern}, nor of a --resolve"))
    })
}

/// The word that a tool is given.
fn given<'a>(matches: &'a Matches, tool: &str, question: &str) -> Result<&'a str, Failure> {
    matches.free.first().map(String::as_str).ok_or_else(|| {
        Failure::usage(format!("NAME is missing: {question}? see idetcd {tool} --help"))
    })
}

/// The name that is meant by a number, or by a name with or without its final dot or its zone.
fn find_name(text: &str, keyspace: &Keyspace) -> Option<String> {
    if let Some(number) = text::number(text) {
        return Some(keyspace.pattern.name(SlotId::new(number)?));
    }
    let mut name = text.to_ascii_lowercase();
    if !name.ends_with('.') {
        name.push('.');
    }
    let longer = format!("{name}{}", keyspace.pattern.zone());
    [name, longer]
        .into_iter()
        .find(|name| keyspace.names().any(|names: Names| names.slot_of(name.as_bytes()).is_some()))
}

#[cfg(test)]
#[path = "tools_tests.rs"]
mod tests;
