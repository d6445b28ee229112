//! The operator's tools: commands whose name is the first word of the command line.
//!
//! They take the server's options about etcd and names, so that what stands in an init script can be
//! copied, and refuse those that would mean nothing to them.

use std::time::Duration;

use getopts::{HasArg, Matches, Occur};
use log::LevelFilter;

use super::command_help::{CHECK_HELP, LIST_HELP, RELEASE_HELP, SHARED_HELP, WAIT_HELP};
use super::identity::EXEC;
use super::table::{self, FLAGS, REPEATABLE, SINGLE};
use super::values::{number, optional_number};
use super::{Command, Options, ReadCorefile, configuration, wrong};
use crate::cluster::{Keyspace, Names, SlotId};
use crate::failure::Failure;
use crate::text;

/// The server's options that every tool takes.
const SHARED: [&str; 13] = [
    "conf",
    "dns.port",
    "endpoints",
    "pattern",
    "limit",
    "resolve",
    "prefix",
    "cacert",
    "cert",
    "key",
    "user",
    "password-file",
    "etcd-timeout",
];

/// In seconds; a year is as good as for ever.
const TIMEOUT: std::ops::RangeInclusive<u32> = 1..=31_536_000;
/// The port of a TensorFlow server where nothing else is said.
const TF_PORT: u32 = 2222;

/// A tool, and what it is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tool {
    /// To show who has which name.
    List(List),
    /// To wait until nodes are named.
    Wait(Wait),
    /// To say whether a node could start here.
    Check,
    /// To take a name away.
    Release(Release),
}

/// How the names are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// In which form.
    pub form: Form,
    /// The port that the record of this host's node has, where several nodes share the host.
    pub port: Option<u16>,
}

/// What a list is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// To be read.
    Table,
    /// To be read by a program.
    Json,
    /// To be appended to `/etc/hosts`.
    Hosts,
    /// To become `TF_CONFIG` in the environment of a TensorFlow server.
    TfConfig {
        /// The port of the TensorFlow servers.
        port: u16,
    },
}

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// How many nodes are to be named.
    pub count: usize,
    /// For how long at most; `None`: for ever.
    pub timeout: Option<Duration>,
}

/// Which name is taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// The name, in lower case with the final dot.
    pub name: String,
    /// Whether the operator is asked before.
    pub confirmation: Confirmation,
}

/// Who says that it is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// The operator is to be asked.
    Ask,
    /// The command line did.
    Given,
}

/// Which of the server's options a tool takes.
enum Takes {
    /// The shared ones and these.
    SharedAnd(&'static [&'static str]),
    All,
}

/// A command and how it is read.
struct ToolCommand {
    name: &'static str,
    help: &'static str,
    takes: Takes,
    /// Options of its own.
    own: &'static [(&'static str, HasArg)],
    /// What may stand beside the options; empty: nothing.
    operand: &'static str,
    read: fn(&Matches, &Options) -> Result<Tool, Failure>,
}

const COMMANDS: [ToolCommand; 4] = [
    ToolCommand {
        name: "list",
        help: LIST_HELP,
        takes: Takes::SharedAnd(&["port"]),
        own: &[
            ("json", HasArg::No),
            ("hosts", HasArg::No),
            ("tf-config", HasArg::No),
            ("tf-port", HasArg::Yes),
        ],
        operand: "",
        read: list,
    },
    ToolCommand {
        name: "wait",
        help: WAIT_HELP,
        takes: Takes::SharedAnd(&[]),
        own: &[("count", HasArg::Yes), ("timeout", HasArg::Yes)],
        operand: "",
        read: wait,
    },
    ToolCommand {
        name: "check",
        help: CHECK_HELP,
        takes: Takes::All,
        own: &[],
        operand: "",
        read: |_, _| Ok(Tool::Check),
    },
    ToolCommand {
        name: "release",
        help: RELEASE_HELP,
        takes: Takes::SharedAnd(&[]),
        own: &[("yes", HasArg::No)],
        operand: "NAME",
        read: release,
    },
];

/// Whether a word is a command.
pub(super) fn is_command(word: &str) -> bool {
    word == EXEC || COMMANDS.iter().any(|known| known.name == word)
}

/// Reads what follows the command.
pub(super) fn parse(
    word: &str,
    arguments: &[String],
    read_corefile: ReadCorefile<'_>,
) -> Result<Command, Failure> {
    let Some(word) = COMMANDS.iter().find(|known| known.name == word) else {
        let names = COMMANDS.map(|known| known.name).join(", ");
        return Err(Failure::usage(format!(
            "{word:?} is no command, only {EXEC}, {names} are; see --help"
        )));
    };
    let matches = word.declared().parse(table::spelt_out(arguments));
    let matches = matches.map_err(|fail| Failure::usage(table::explain(&fail)))?;
    if matches.opt_present("help") {
        return Ok(Command::Print(word.whole_help()));
    }
    table::refuse_coredns(&matches)?;
    word.refuse(&matches)?;
    let file = configuration::settings(&matches, read_corefile)?;
    let mut options = super::read(&matches, file, None)?;
    if !matches.opt_present("verbose") {
        options.verbosity = LevelFilter::Warn;
    }
    let tool = (word.read)(&matches, &options)?;
    Ok(Command::Tool(tool, Box::new(options)))
}

impl ToolCommand {
    fn declared(&self) -> getopts::Options {
        let mut options = table::declared();
        for (name, argument) in self.own {
            options.opt("", name, "", "", *argument, Occur::Optional);
        }
        options
    }

    fn whole_help(&self) -> String {
        match self.takes {
            Takes::SharedAnd(_) => format!("{}{SHARED_HELP}", self.help),
            Takes::All => self.help.to_owned(),
        }
    }

    /// Refuses what is the server's alone, and words that nobody asked for.
    fn refuse(&self, matches: &Matches) -> Result<(), Failure> {
        let name = self.name;
        if let Takes::SharedAnd(more) = self.takes {
            let all = REPEATABLE.iter().chain(&SINGLE).chain(&FLAGS);
            let mut others =
                all.filter(|option| !SHARED.contains(option) && !more.contains(option));
            if let Some(option) = others.find(|option| matches.opt_present(option)) {
                return wrong(option, format!("not for {name}; see idetcd {name} --help"));
            }
        }
        let most = usize::from(!self.operand.is_empty());
        match matches.free.get(most) {
            Some(word) => Err(Failure::usage(format!(
                "{word:?} is no option of {name}; see idetcd {name} --help"
            ))),
            None => Ok(()),
        }
    }
}

fn list(matches: &Matches, options: &Options) -> Result<Tool, Failure> {
    let forms = ["json", "hosts", "tf-config"].map(|form| matches.opt_present(form));
    if matches.opt_present("tf-port") && !matches.opt_present("tf-config") {
        return wrong("tf-port", "means nothing without --tf-config; give that as well");
    }
    let form = match forms {
        [false, false, false] => Form::Table,
        [true, false, false] => Form::Json,
        [false, true, false] => Form::Hosts,
        [false, false, true] => {
            let port = number(matches, "tf-port", 1..=65_535, TF_PORT)?;
            Form::TfConfig { port: u16::try_from(port).unwrap_or_default() }
        }
        _ => return wrong("json", "give one of --json, --hosts and --tf-config at most"),
    };
    Ok(Tool::List(List { form, port: options.node.port }))
}

fn wait(matches: &Matches, options: &Options) -> Result<Tool, Failure> {
    if !matches.opt_present("count") {
        return wrong("count", "must be given: how many nodes are waited for");
    }
    let count = number(matches, "count", 1..=crate::cluster::pattern::MAX_LIMIT, 0)?;
    let limit = options.node.keyspace.limit;
    if matches.opt_present("limit") && count > limit {
        return wrong("count", format!("{count} nodes will never have {limit} names (--limit)"));
    }
    let timeout = optional_number(matches, "timeout", TIMEOUT)?;
    let timeout = timeout.map(|seconds| Duration::from_secs(seconds.into()));
    Ok(Tool::Wait(Wait { count: usize::try_from(count).unwrap_or(usize::MAX), timeout }))
}

fn release(matches: &Matches, options: &Options) -> Result<Tool, Failure> {
    let Some(text) = matches.free.first() else {
        return Err(Failure::usage(
            "NAME is missing: which name is to be released? see idetcd release --help".to_owned(),
        ));
    };
    let Some(name) = find_name(text, &options.node.keyspace) else {
        let pattern = &options.node.keyspace.pattern;
        return Err(Failure::usage(format!(
            "{text:?} is no name or number of {pattern}, nor of a --resolve"
        )));
    };
    let confirmation =
        if matches.opt_present("yes") { Confirmation::Given } else { Confirmation::Ask };
    Ok(Tool::Release(Release { name, confirmation }))
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
        .find(|name| keyspace.names().any(|names: Names| names.has(name.as_bytes())))
}

#[cfg(test)]
#[path = "command_tests.rs"]
mod tests;
