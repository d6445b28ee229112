//! The command line, and what a Corefile adds to it.
//!
//! Everything is checked here, so that whoever gets [`Options`] need not doubt them. Touches
//! neither files nor sockets: who calls says how a Corefile is read.
//!
//! | part | what it does |
//! | --- | --- |
//! | `table` | all options, each in one place |
//! | `command_line` | words → matched options |
//! | `help` | the table → what `--help` shows |
//! | `read` | matched options and a Corefile → [`Options`] |
//! | `job` | what programs have that start together |
//! | `values` | the arguments of options |
//! | `configuration` | what may stand in a Corefile as well |
//! | `transfers` | signatures, and who is told of changes |
//! | `tools` | the operator's tools: what each takes and is told |

mod command_line;
mod configuration;
mod help;
mod job;
mod read;
mod settings;
mod table;
mod tools;
mod transfers;
mod values;

use std::ffi::OsString;

use getopts::Matches;
use log::LevelFilter;

use crate::failure::Failure;
pub use configuration::ReadCorefile;
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

/// Reads the arguments, the program's name left out, and the Corefile that they ask for.
///
/// # Errors
/// When they cannot be followed: which option, what is wrong, what to write instead.
pub fn parse(arguments: &[String], read_corefile: ReadCorefile<'_>) -> Result<Command, Failure> {
    match arguments.split_first() {
        Some((word, arguments)) if word == EXEC => {
            let (arguments, program) = split_at_dashes(arguments);
            follow(None, arguments, Some(program.to_vec()), read_corefile)
        }
        Some((word, arguments)) if !word.starts_with('-') => {
            let Some(tool) = TOOLS.iter().find(|tool| tool.name == word) else {
                let names = TOOLS.map(|tool| tool.name).join(", ");
                let text = format!("is no command, only {EXEC}, {names} are; see --help");
                return Err(Failure::usage(format!("{word:?} {text}")));
            };
            follow(Some(tool), arguments, None, read_corefile)
        }
        _ => follow(None, arguments, None, read_corefile),
    }
}

/// Reads the arguments of a tool, or of the server where there is none.
fn follow(
    tool: Option<&ToolEntry>,
    arguments: &[String],
    program: Option<Vec<String>>,
    read_corefile: ReadCorefile<'_>,
) -> Result<Command, Failure> {
    let takers = match tool {
        Some(tool) => Takers::Tool(tool.name),
        None if program.is_some() => Takers::Tool(EXEC),
        None => Takers::Server,
    };
    let matches = command_line::matched(takers, arguments)?;
    if matches.opt_present("help") {
        return Ok(Command::Print(match tool {
            Some(tool) => help::of_tool(tool.name, tool.about, tool.takes == Takes::Common),
            None if program.is_some() => help::of_tool(EXEC, ABOUT_EXEC, true),
            None => help::of_server(TOOLS.iter().map(|tool| (tool.name, tool.purpose))),
        }));
    }
    if matches.opt_present("version") {
        return Ok(Command::Print(concat!("idetcd ", env!("CARGO_PKG_VERSION")).to_owned()));
    }
    command_line::refuse_coredns(&matches)?;
    match tool {
        Some(tool) => tool.refuse(&matches)?,
        None => refuse_stray(&matches)?,
    }
    if let Some(ToolEntry { read: ReadTool::Alone(read), .. }) = tool {
        return read(&matches);
    }
    let file = configuration::settings(&matches, read_corefile)?;
    let mut options = read::options(&matches, file, program, takers)?;
    let Some(ToolEntry { read: ReadTool::With(read), .. }) = tool else {
        return Ok(Command::Run(Box::new(options)));
    };
    // What a tool has to say is its output.
    if !matches.opt_present("verbose") {
        options.verbosity = LevelFilter::Warn;
    }
    let what = read(&matches, &options)?;
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
    let is_command = word == EXEC || TOOLS.iter().any(|tool| tool.name == word);
    Err(Failure::usage(if is_command {
        format!("{word:?} is a command, and stands first: idetcd {word} …")
    } else {
        format!("{word:?} is no option; see --help")
    }))
}

#[cfg(test)]
mod tests;
