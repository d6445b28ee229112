//! Which node gets which name, and for how long it keeps it.

mod another_address;
mod foreign_values;
mod from_plugin;
mod lease_ttl;
mod life;
mod main_job;
mod overtaking;
mod own_key;
mod patterns;
mod queue;
mod take_over;
