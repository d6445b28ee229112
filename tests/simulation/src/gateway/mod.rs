//! etcd's JSON gateway before the model: HTTP/1.1 below ureq, on virtual time. With it the client of the
//! product runs whole, from its calls down to the octets that it reads.
//!
//! ```text
//! session → GatewayClient → ureq → [transport] → [request] → world → model
//!                                              ← [reply]   ←
//! ```
//!
//! It costs some microseconds a call, and a thread a process ([`life`]), so it is for a smaller run.

pub mod client;
pub mod http;
pub mod life;
pub mod reply;
pub mod request;
pub mod transport;
mod values;
