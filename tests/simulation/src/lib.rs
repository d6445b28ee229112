//! A deterministic simulation of a cluster: a seed is a run, and a failure can be replayed.
//!
//! | room | what lives there |
//! | --- | --- |
//! | [`model`] | a model of etcd: pure, on a time that the caller tells |

pub mod model;
