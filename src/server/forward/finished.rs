//! What becomes of a forwarded query.

use crate::dns::tsig::ReplySigner;
use crate::server::client::Client;

/// A client that waits for the reply to its query.
#[derive(Debug)]
pub struct Waiting {
    /// Who it is.
    pub client: Client,
    /// Its query, under its own ID, but without a signature under a key of ours.
    pub query: Vec<u8>,
    /// What its reply is to be signed by, where the query was signed.
    pub signer: Option<ReplySigner>,
}

/// A forwarded query that is done with.
#[derive(Debug)]
pub struct Finished {
    /// The clients that wait for the reply.
    pub waiting: Vec<Waiting>,
    /// The query that was forwarded for all of them.
    pub query: Vec<u8>,
    /// The reply as the server sent it; `None`: no server answered.
    pub reply: Option<Vec<u8>>,
    /// Why it is done with.
    pub end: ExchangeEnd,
}

/// Why a forwarded query is done with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExchangeEnd {
    /// A server answered, or none did.
    Over,
    /// It made room for newer ones before its time was up, or other servers are asked by now: it tells nothing
    /// of those.
    PushedOut,
    /// The clients wait no longer; the servers may still answer.
    ClientFirst,
    /// The servers answered, or none did, after the clients had their answer.
    Late,
}
