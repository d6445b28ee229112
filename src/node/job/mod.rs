//! A job in the life of a node: one list that all of its nodes agree on, by way of etcd, before any program starts.
//!
//! [`barrier`] is pure: what this node knows of the job, and what it is to do next. The session does that, and
//! says what came of it. Knows nothing of programs: the [`super::Host`] is told.

mod agree;
mod barrier;
mod calls;
mod judge;
mod pace;
mod run;
mod settings;
mod sight;
mod stage;
mod steps;
mod watch;

pub(in crate::node) use barrier::Barrier;
pub use settings::{JobSettings, OnPeerLost};
