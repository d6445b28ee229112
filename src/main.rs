//! Arguments in, exit status out.

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use idetcd::corefile::files;
use idetcd::failure::Failure;
use idetcd::host::{helper, log_process, logging};
use idetcd::notify::files::{process as file_process, reading};
use idetcd::notify::{deputy_process, parent_death};
use idetcd::options::{self, Command};
use idetcd::{run, tools};

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    match obey(&words) {
        Ok(status) => {
            log_process::finish();
            ExitCode::from(status)
        }
        Err(failure) => {
            log_process::finish();
            // In one piece: a child of ours writes there as well as we do. Nothing can be told when standard
            // error is closed; the exit status still says it.
            let priority = logging::priority(log::Level::Error);
            let text = failure.to_string();
            let lines: String =
                text.lines().map(|it| format!("{priority}idetcd: {it}\n")).collect();
            let _ = io::stderr().write_all(lines.as_bytes());
            ExitCode::from(failure.exit_status())
        }
    }
}

fn obey(words: &[OsString]) -> Result<u8, Failure> {
    if let Some(words) = parent_death::words_of_child(words) {
        return Err(parent_death::become_program(words));
    }
    if let Some((task, words)) = helper::task(words) {
        return help(task, words).map(|()| 0).map_err(Failure::new);
    }
    let arguments = options::text(words)?;
    let environment: Vec<_> = std::env::vars_os().collect();
    match options::parse(&arguments, &environment, &files::read)? {
        Command::Run(options) => {
            logging::start(options.verbosity);
            run::run(*options)
        }
        Command::Tool(tool, options) => {
            logging::start(options.verbosity);
            tools::run(&tool, &options).map(|()| 0)
        }
        Command::Ready(wanted) => {
            tools::ready(&wanted).and_then(|name| tools::print(&name)).map(|()| 0)
        }
        Command::Status(server) => {
            tools::status(server).and_then(|text| tools::print(text.trim_end())).map(|()| 0)
        }
        Command::Print(text) => tools::print(&text).map(|()| 0),
    }
}

/// Does what a helper is for.
fn help(task: &str, words: &[OsString]) -> io::Result<()> {
    match task {
        log_process::LOG_TASK => log_process::run(),
        file_process::FILE_TASK => file_process::run(words),
        reading::READ_TASK => reading::run(words),
        deputy_process::DEPUTY_TASK => deputy_process::run(),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}
