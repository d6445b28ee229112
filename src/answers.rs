//! What idetcd answers: the names of a cluster, the words of DNS, and text. All of it is pure.
//!
//! A package of its own, since it is compiled to be fast, and all else to be small.

pub mod cluster;
pub mod dns;
pub mod text;
