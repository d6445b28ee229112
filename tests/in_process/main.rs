//! What is answered, without sockets: in this process, and so a million times over.

mod allocations;
mod fuzz_seeds;
mod generated_queries;
mod known_names;
