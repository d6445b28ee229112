//! The configuration of the CoreDNS plugin *idetcd*, a `Corefile`: text in, [`Corefile`] out.
//!
//! The syntax is that of CoreDNS 1.2. Everything that clients would notice is followed, or is an
//! error with its line and column. Pure: the environment and imported files come in as functions,
//! and what an address or a pattern may be is for whoever calls to check.
//!
//! | part | what it does |
//! | --- | --- |
//! | `lexer` | text → words, `{$NAME}` in them replaced |
//! | `source` | the words of a file and of what it imports, in one stream |
//! | `blocks` | words → server blocks, their keys and directives |
//! | `key`, `directive`, `plugin`, `forward`, `hosts`, `http` | what each of them means |
//! | `settings` | server blocks → [`Corefile`] |
//! | [`files`] | Corefiles on disk: the one part that reads files |

mod blocks;
mod directive;
pub mod files;
mod forward;
mod hosts;
mod http;
mod key;
mod lexer;
mod place;
mod plugin;
mod settings;
mod source;

pub use forward::ForwardDirective;
pub use http::HttpAddress;
pub use key::ServedZone;
pub use place::{CorefileError, Notice, Place, Placed};
pub use plugin::{Plugin, WrittenPattern};
pub use settings::Corefile;
pub use source::{Imported, ImportedFile, Surroundings};

use source::Source;

/// Reads a Corefile called `name`. Keys without a port are for `default_port`. What is wrong in lines of it is among the
/// settings; see [`Corefile::checked`].
///
/// # Errors
/// When it is none, or has no settings; see [`CorefileError`].
pub fn parse(
    name: &str,
    text: &str,
    default_port: u16,
    surroundings: &Surroundings<'_>,
) -> Result<Corefile, CorefileError> {
    let mut source = Source::new(name, text, surroundings)?;
    let blocks = blocks::read(&mut source)?;
    settings::read(name, &blocks, default_port, source.notices)
}

#[cfg(test)]
mod error_tests;
#[cfg(test)]
mod mutation_tests;
#[cfg(test)]
mod tests;
