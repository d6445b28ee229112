//! Arguments in, exit status out.

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use idetcd::corefile::files;
use idetcd::failure::Failure;
use idetcd::host::logging;
use idetcd::notify::parent_death;
use idetcd::options::{self, Command};
use idetcd::{run, tools};

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    match obey(&words) {
        Ok(status) => ExitCode::from(status),
        Err(failure) => {
            // In one piece: a child of ours writes there as well as we do. Nothing can be told when standard
            // error is closed; the exit status still says it.
            let _ = io::stderr().write_all(format!("idetcd: {failure}\n").as_bytes());
            ExitCode::from(failure.exit_status())
        }
    }
}

fn obey(words: &[OsString]) -> Result<u8, Failure> {
    if let Some(words) = parent_death::words_of_child(words) {
        return Err(parent_death::become_program(words));
    }
    let arguments = options::text(words)?;
    match options::parse(&arguments, &files::read)? {
        Command::Run(options) => {
            logging::start(options.verbosity);
            run::run(*options)
        }
        Command::Tool(tool, options) => {
            logging::start(options.verbosity);
            tools::run(&tool, &options).map(|()| 0)
        }
        Command::Print(text) => tools::print(&text).map(|()| 0),
    }
}
