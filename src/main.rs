//! Arguments in, exit status out.

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use idetcd::announce::leash;
use idetcd::options::{self, Command, Options, Tool};
use idetcd::{conf, logging, run, tools};

/// What was asked for was not done.
const FAILURE: u8 = 1;
/// A wrong command line.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    if let Some(words) = leash::asked(&words) {
        let (why, status) = leash::become_program(words);
        return fail(&why, status);
    }
    let command =
        options::text(&words).and_then(|arguments| options::parse(&arguments, &conf::read));
    let options = match command {
        Ok(Command::Run(options)) => *options,
        Ok(Command::Tool(tool, options)) => return use_tool(&tool, &options),
        Ok(Command::Print(text)) => return print(&text),
        Err(error) => return fail(&error, USAGE),
    };
    logging::start(options.verbosity);
    match run::run(options) {
        Ok(status) => ExitCode::from(status),
        Err(failure) => fail(&failure, failure.exit_status()),
    }
}

fn use_tool(tool: &Tool, options: &Options) -> ExitCode {
    logging::start(options.verbosity);
    match tools::run(tool, options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => fail(&failure, failure.exit_status()),
    }
}

fn print(text: &str) -> ExitCode {
    match writeln!(io::stdout(), "{}", text.trim_end()) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader has read enough, as `head` does.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => fail(&tools::Failure::Output(error), FAILURE),
    }
}

fn fail(error: &dyn std::fmt::Display, status: u8) -> ExitCode {
    // Nothing can be told when standard error is closed; the exit status still says it.
    let _ = writeln!(io::stderr(), "idetcd: {error}");
    ExitCode::from(status)
}
