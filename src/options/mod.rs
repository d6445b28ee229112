//! The command line, and what a Corefile adds to it.
//!
//! Everything is checked here, so that whoever gets [`Options`] need not doubt them. Touches
//! neither files nor sockets: who calls says how a Corefile is read.
//!
//! | part | what it does |
//! | --- | --- |
//! | `table` | all options, each in one place |
//! | `command_line` | words → matched options |
//! | `environment` | the options that variables give |
//! | `slips` | variables that give nothing, and were meant to |
//! | `closest` | the word that was meant |
//! | `completion` | the table → what shells complete by |
//! | `help` | the table → what `--help` shows |
//! | `read` | matched options and a Corefile → [`Options`] |
//! | `job` | what programs have that start together |
//! | `values` | the arguments of options |
//! | `configuration` | what may stand in a Corefile as well |
//! | `written` | the Corefile itself, and what is wrong in it |
//! | `forward` | where queries for other names go, by zone |
//! | `transfers` | signatures, and who is told of changes |
//! | `tools` | the operator's tools: what each takes and is told |

mod closest;
mod command_line;
mod completion;
mod configuration;
mod environment;
mod files;
mod forward;
mod help;
mod job;
mod read;
mod settings;
mod slips;
mod table;
mod tools;
mod transfers;
mod values;
mod written;

use std::ffi::OsString;

use getopts::Matches;
use log::LevelFilter;

use crate::failure::Failure;
use closest::closest;
pub use configuration::ReadCorefile;
pub use environment::{Environment, FromEnvironment, Origins};
pub use settings::{Command, Confirmation, Form, LineForm, Options, Readiness, Tool};
use table::{EXEC, Takers};
use tools::{ReadTool, TOOLS, Takes, ToolEntry};

/// The beginning of the help of the command that a program follows.
const ABOUT_EXEC: &str = "\
Usage: idetcd exec --pattern NAME [OPTION]... -- PROGRAM [ARG]...
Serves as ever, and runs PROGRAM under the name of the node: from when that is
owned, to the end of one of them. All options are those of the server, see idetcd
--help, and these, for programs on several nodes that start together, each with
the same list of all:";

/// The arguments of a process as text, its own name left out.
///
/// # Errors
/// When one of them is none: what it stands for would be changed in silence.
pub fn text(words: &[OsString]) -> Result<Vec<String>, Failure> {
    let read = |(number, word): (usize, &OsString)| {
        let remedy = "rename what it names, or put a command of that kind into a script";
        word.to_str().map(str::to_owned).ok_or_else(|| {
            let word = word.to_string_lossy();
            Failure::usage(format!("argument {number}, {word:?}, is not UTF-8; {remedy}"))
        })
    };
    words.iter().enumerate().skip(1).map(read).collect()
}

/// The words that ask for something to be shown, as commands.
const HELP_WORD: &str = "help";
const VERSION_WORD: &str = "version";
const COMPLETION_WORD: &str = "completion";

/// What they are.
const ABOUT_HELP: &str = "\
Usage: idetcd help [COMMAND]
Prints the help of a command, or of the program.";
const ABOUT_VERSION: &str = "\
Usage: idetcd version
Prints the version, as idetcd --version does.";
const ABOUT_COMPLETION: &str = "\
Usage: idetcd completion bash|zsh|fish
Prints what lets that shell complete commands and options, for instance
    source <(idetcd completion bash)";

/// Reads the arguments, the program's name left out, what the environment adds to them, and the Corefile that they
/// ask for.
///
/// # Errors
/// When they cannot be followed: which option, what is wrong, what to write instead.
pub fn parse(
    arguments: &[String],
    environment: Environment<'_>,
    read_corefile: ReadCorefile<'_>,
) -> Result<Command, Failure> {
    let Some((word, rest)) = arguments.split_first().filter(|(word, _)| !word.starts_with('-'))
    else {
        return follow(None, arguments, None, environment, read_corefile);
    };
    let is_help = |word: &String| word == "--help" || word == "-h";
    match word.as_str() {
        HELP_WORD | VERSION_WORD | COMPLETION_WORD if rest.iter().any(is_help) => {
            help_for(std::slice::from_ref(word)).map(Command::Print)
        }
        EXEC => {
            let (arguments, program) = split_at_dashes(rest);
            follow(None, arguments, Some(program.to_vec()), environment, read_corefile)
        }
        HELP_WORD => help_for(rest).map(Command::Print),
        VERSION_WORD if rest.is_empty() => Ok(Command::Print(version())),
        COMPLETION_WORD => completion_for(rest).map(Command::Print),
        _ => follow(Some(tool(word)?), rest, None, environment, read_corefile),
    }
}

fn version() -> String {
    concat!("idetcd ", env!("CARGO_PKG_VERSION")).to_owned()
}

/// All commands, by name.
fn commands() -> impl Iterator<Item = &'static str> {
    let tools = TOOLS.iter().map(|tool| tool.name);
    [EXEC].into_iter().chain(tools).chain([HELP_WORD, VERSION_WORD, COMPLETION_WORD])
}

/// The tool of this name.
fn tool(word: &str) -> Result<&'static ToolEntry, Failure> {
    let found = TOOLS.iter().find(|tool| tool.name == word);
    found.ok_or_else(|| no_such_command(word))
}

fn no_such_command(word: &str) -> Failure {
    Failure::usage(match closest(word, commands()) {
        Some(meant) => format!("{word:?} is no command; did you mean {meant}?"),
        None => {
            let names: Vec<&str> = commands().collect();
            format!("{word:?} is no command, only {} are; see --help", names.join(", "))
        }
    })
}

/// The help of a command, or of the program.
fn help_for(words: &[String]) -> Result<String, Failure> {
    match words {
        [] => Ok(help_of(None, false)),
        [word] => match word.as_str() {
            EXEC => Ok(help_of(None, true)),
            HELP_WORD => Ok(ABOUT_HELP.to_owned()),
            VERSION_WORD => Ok(ABOUT_VERSION.to_owned()),
            COMPLETION_WORD => Ok(ABOUT_COMPLETION.to_owned()),
            word => Ok(help_of(Some(tool(word)?), false)),
        },
        [_, second, ..] => Err(Failure::usage(format!("{second:?}: help is for one command"))),
    }
}

/// The help of a tool, of the command that a program follows, or of the program.
fn help_of(tool: Option<&ToolEntry>, is_exec: bool) -> String {
    match tool {
        Some(tool) => help::of_tool(tool.name, tool.about, tool.takes == Takes::Common),
        None if is_exec => help::of_tool(EXEC, ABOUT_EXEC, true),
        None => help::of_server(TOOLS.iter().map(|tool| (tool.name, tool.purpose))),
    }
}

fn completion_for(words: &[String]) -> Result<String, Failure> {
    let shells = completion::SHELLS.join(", ");
    let [shell] = words else {
        return Err(Failure::usage(format!("completion: for which shell? give one of {shells}")));
    };
    let commands = [(EXEC, Takes::All)].into_iter();
    let tools = TOOLS.iter().map(|tool| (tool.name, tool.takes));
    completion::of_shell(shell, commands.chain(tools), &[HELP_WORD, VERSION_WORD, COMPLETION_WORD])
        .ok_or_else(|| Failure::usage(format!("completion: {shell:?} is none of {shells}")))
}

/// Reads the arguments of a tool, or of the server where there is none. What fails may do so for the want of
/// what a variable was to give.
fn follow(
    tool: Option<&ToolEntry>,
    arguments: &[String],
    program: Option<Vec<String>>,
    environment: Environment<'_>,
    read_corefile: ReadCorefile<'_>,
) -> Result<Command, Failure> {
    let takers = match tool {
        Some(tool) => Takers::Tool(tool.name),
        None if program.is_some() => Takers::Tool(EXEC),
        None => Takers::Server,
    };
    let takes_none = tool.is_some_and(|tool| tool.takes == Takes::None);
    let slips = if takes_none { Vec::new() } else { slips::slips(takers, environment) };
    let read = || {
        let is_taken = |option: &str| tool.is_none_or(|tool| tool.takes_option(option));
        let (matches, mut origins) =
            command_line::matched(takers, arguments, &is_taken, environment)?;
        origins.slips.clone_from(&slips);
        if matches.opt_present("help") {
            return Ok(Command::Print(help_of(tool, program.is_some())));
        }
        if matches.opt_present("version") {
            return Ok(Command::Print(version()));
        }
        command_line::refuse_coredns(&matches)?;
        match tool {
            Some(tool) => tool.refuse(&matches)?,
            None => refuse_stray(&matches)?,
        }
        let command = match tool {
            Some(ToolEntry { read: ReadTool::Alone(read), .. }) => read(&matches),
            _ => follow_matched(tool, &matches, program, takers, &origins, read_corefile),
        };
        command.map_err(|failure| environment::explain(failure, &origins.environment))
    };
    read().map_err(|failure| {
        let text = std::iter::once(failure.to_string()).chain(slips.iter().cloned());
        let text = text.collect::<Vec<_>>().join("; ");
        failure.in_words(text)
    })
}

/// The same with the settings of all rooms.
fn follow_matched(
    tool: Option<&ToolEntry>,
    matches: &Matches,
    program: Option<Vec<String>>,
    takers: Takers,
    origins: &Origins,
    read_corefile: ReadCorefile<'_>,
) -> Result<Command, Failure> {
    let file = written::settings(matches, read_corefile)?;
    let mut options = read::options(matches, file, program, takers)?;
    options.origins = origins.clone();
    let Some(ToolEntry { read: ReadTool::With(read), .. }) = tool else {
        return Ok(Command::Run(Box::new(options)));
    };
    // What a tool has to say is its output.
    if !matches.opt_present("verbose") {
        options.verbosity = LevelFilter::Warn;
    }
    let what = read(matches, &options)?;
    Ok(Command::Tool(what, Box::new(options)))
}

/// The options, and the program with its arguments after the first `--`. Whoever asks for help need
/// not name one.
fn split_at_dashes(arguments: &[String]) -> (&[String], &[String]) {
    let mut parts = arguments.splitn(2, |word| word == "--");
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

fn refuse_stray(matches: &Matches) -> Result<(), Failure> {
    let Some(word) = matches.free.first() else { return Ok(()) };
    let is_command = commands().any(|command| command == word);
    Err(Failure::usage(if is_command {
        format!("{word:?} is a command, and stands first: idetcd {word} …")
    } else {
        format!("{word:?} is no option; see --help")
    }))
}

#[cfg(test)]
mod environment_tests;
#[cfg(test)]
mod tests;
