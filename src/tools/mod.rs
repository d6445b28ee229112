//! The operator's tools around a name: list, wait, check, ready, status, release, drain, undrain.

mod check;
mod check_job;
mod drain;
mod endpoints;
mod follow;
mod list;
mod local;
mod probe;
mod ready;
mod release;
mod report;
mod session;
mod snapshot;
mod status;
mod table;
mod tf_config;
mod wait;
mod watch;

use crate::failure::Failure;
use crate::options::{Options, Tool};
pub use ready::ready;
pub use status::status;
pub use table::print;

/// Runs a tool to its end.
///
/// # Errors
/// When the tool could not do its work.
pub fn run(tool: &Tool, options: &Options) -> Result<(), Failure> {
    let place = session::open(options)?;
    // It has them in its report.
    if *tool != Tool::Check {
        options.origins.warn();
    }
    match tool {
        Tool::List { form, port } => list::run(*form, *port, options, &place),
        Tool::Watch { form } => watch::run(*form, options, &place),
        Tool::Wait { count, timeout } => wait::run(*count, *timeout, options, &place),
        Tool::Check => check::run(options, &place),
        Tool::Drain { slot, reason } => drain::drain(*slot, reason.as_ref(), options, &place),
        Tool::Undrain { slot } => drain::undrain(*slot, options, &place),
        Tool::Release { name, confirmation } => release::run(name, *confirmation, options, &place),
    }
}
