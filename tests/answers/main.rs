//! What is answered to whom, over the wire.

mod clients;
mod forward;
mod forward_clients;
mod internet;
mod limits;
mod listen;
mod packets;
mod resolvers;
mod rfc8906;
mod system_calls;
mod tcp;
mod testers;
mod udp_and_tcp;
