//! A small DNS server that gives every node of a cluster a name, by way of etcd.
//!
//! All nodes get the same configuration. Each takes the lowest free name of a pattern by a
//! compare-and-swap transaction, publishes its addresses there under a lease, and answers for
//! every node of the cluster from memory.
//!
//! Arrows point downwards only: a room uses those that are named in its row, and no others.
//! `scripts/architecture` checks that.
//!
//! | room | what lives there | may use |
//! | --- | --- | --- |
//! | [`run`] | a node's life: all rooms put together | [`options`], [`notify`], [`connect`], [`server`], [`node`], [`dns`], [`host`], [`cluster`], [`failure`], [`random`] |
//! | [`tools`] | the operator's tools around a name | [`options`], [`notify`], [`connect`], [`server`], [`node`], [`dns`], [`host`], [`etcd`], [`cluster`], [`failure`], [`random`], [`text`] |
//! | [`options`] | the command line, and what a Corefile adds: the settings of each room | [`notify`], [`connect`], [`server`], [`corefile`], [`node`], [`host`], [`cluster`], [`failure`], [`text`] |
//! | [`connect`] | the way to etcd: files read, a client that waits in the server | [`server`], [`host`], [`etcd`], [`dns`], [`failure`], [`random`], [`text`] |
//! | [`notify`] | who is told of the name: a file, hooks, a program, metrics | [`server`], [`node`], [`dns`], [`host`], [`cluster`], [`failure`] |
//! | [`server`] | sockets, signals, and the one sleep | [`node`], [`dns`], [`host`], [`cluster`], [`failure`] |
//! | [`node`] | this node's life: claim, follow, keep alive, release | [`etcd`], [`cluster`], [`random`] |
//! | [`dns`] | pure: query in, reply out | [`cluster`], [`text`] |
//! | [`corefile`] | the CoreDNS plugin's configuration | [`cluster`], [`text`] |
//! | [`host`] | users, name servers, rights, the log | [`failure`], [`text`] |
//! | [`etcd`] | synchronous client of etcd's JSON gateway | [`text`] |
//! | [`cluster`] | pure: names, records, the directory of all slots | [`text`] |
//! | [`failure`] | an error for the user, with its exit status | |
//! | [`random`] | chance, from a seed | |
//! | [`text`] | text that comes from elsewhere | |
//!
//! # One thread, one sleep
//!
//! The process has one thread and sleeps in exactly one place, [`server::Server::wait`], which
//! answers DNS for as long as it waits. The sockets of the etcd client are non-blocking and wait
//! there too ([`connect`]), so everything that talks to etcd is plain blocking code.
//!
//! The life of a query: [`server::udp`] → [`dns::Responder::answer`] → [`cluster::directory`] →
//! the same socket. The life of a name: [`options`] → [`node::claim`] → [`etcd::Etcd::txn`] →
//! watch → [`cluster::directory`] on every node.

pub mod cluster;
pub mod connect;
pub mod corefile;
pub mod dns;
pub mod etcd;
pub mod failure;
pub mod host;
pub mod node;
pub mod notify;
pub mod options;
pub mod random;
pub mod run;
pub mod server;
pub mod text;
pub mod tools;
