//! The model of etcd and a real etcd, asked the same: the replies are the same.

mod caller;
mod client;
mod gateway;
mod leaders;
mod leases;
mod pair;
mod random_calls;
mod restored;
mod sizes;
mod translation;
mod users;
mod watches;
