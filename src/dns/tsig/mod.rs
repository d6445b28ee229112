//! Messages that are signed under a secret that both ends share (TSIG, RFC 8945).
//!
//! The last record of a message has a MAC over all that is before it, the time, and, in a reply, the
//! MAC of the request, so that nobody can change a message, answer in another's name, or send a
//! message again after five minutes. A stream of replies, as in a zone transfer, is a chain: each MAC
//! is over the one before it (§5.3.1).
//!
//! | part | what it does |
//! | --- | --- |
//! | `algorithm` | the names and lengths of the two MACs that there are here |
//! | `key` | a secret, its name and its algorithm; those that are known |
//! | `key_file` | a key as BIND's `tsig-keygen` writes it |
//! | `record` | the record on the wire |
//! | `mac` | what a MAC is over |
//! | `request` | the server's part: a request is judged, its reply signed |
//! | `reply` | the client's part: a request is signed, its reply judged |

mod algorithm;
mod key;
pub mod key_file;
mod mac;
mod record;
mod reply;
mod request;

pub use algorithm::Algorithm;
pub use key::{KeyName, TsigKey, TsigKeys};
pub use record::{MalformedTsig, TsigError};
pub use reply::{ReplyFault, ReplyVerifier, sign_request};
pub use request::{ReplySigner, SignedRequest};

/// How far the clocks of both ends may be apart, in seconds (§10, the recommended fudge).
pub const FUDGE: u16 = 300;

#[cfg(test)]
mod tests;
