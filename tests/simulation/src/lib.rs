//! A deterministic simulation of a cluster: a seed is a run, and a failure can be replayed.
//!
//! | room | what lives there |
//! | --- | --- |
//! | [`run`] | a seed's run, many of them at once, and what is told of them |
//! | [`faults`] | what goes wrong, as the seed has it |
//! | [`world`] | true time, machines, processes that hand on a baton, the network |
//! | [`invariants`] | what must hold, whatever goes wrong |
//! | [`gateway`] | etcd's JSON gateway before the model, for the product's own client |
//! | [`model`] | a model of etcd: pure, on a time that the caller tells |

pub mod faults;
pub mod gateway;
pub mod invariants;
pub mod model;
pub mod run;
pub mod world;
