//! What becomes of a forwarded query.

use crate::dns::tsig::ReplySigner;
use crate::server::client::Client;

/// A forwarded query that is done with.
#[derive(Debug)]
pub struct Finished {
    /// The client that waits for the reply.
    pub client: Client,
    /// The query as it was forwarded, under the client's ID.
    pub query: Vec<u8>,
    /// What the client's reply is to be signed by, where the query was signed.
    pub signer: Option<ReplySigner>,
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
    /// It made room for newer ones before its time was up, which tells nothing of the servers.
    PushedOut,
    /// The client waits no longer; the servers may still answer.
    ClientFirst,
    /// The servers answered, or none did, after the client had its answer.
    Late,
}
