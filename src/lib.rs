//! A small DNS server that gives every node of a cluster a name, by way of etcd.
//!
//! All nodes get the same configuration. Each takes the lowest free name of a pattern by a
//! compare-and-swap transaction, publishes its addresses there under a lease, and answers for
//! every node of the cluster from memory.
//!
//! | room | what lives there | may use |
//! | --- | --- | --- |
//! | [`options`] | the command line, and what a Corefile adds | [`corefile`], [`cluster`], [`accounts`] |
//! | [`corefile`] | pure: the CoreDNS plugin's configuration | [`cluster`] |
//! | [`conf`] | Corefiles on disk | [`corefile`], [`options`] |
//! | [`logging`] | lines on standard error | |
//! | [`cluster`] | pure: names, records, the directory of all slots | |
//! | [`dns`] | pure: query in, reply out | [`cluster`] |
//! | [`etcd`] | synchronous client of etcd's JSON gateway | |
//! | [`node`] | this node's life: claim, follow, keep alive, release | [`etcd`], [`cluster`] |
//! | [`server`] | sockets, signals, and the one sleep | [`dns`], [`cluster`] |
//! | [`connect`] | the way to etcd: files read, a client that waits in the server | [`options`], [`etcd`], [`server`] |
//! | [`accounts`] | pure: users and groups by name | |
//! | [`announce`] | how other programs learn the name: file, hooks, program, metrics | [`options`], [`accounts`], [`node`], [`dns`], [`cluster`]; of [`server`] chores and signals |
//! | [`privileges`] | giving up root | [`accounts`] |
//! | [`process`] | the process as a node's life needs it | [`announce`], [`node`], [`server`] |
//! | [`run`] | puts the rooms together for a node | all of them |
//! | [`tools`] | the operator's tools around a name | [`connect`], [`etcd`], [`cluster`]; of [`node`] what it does alike, of [`run`] how it starts |
//!
//! # One thread, one sleep
//!
//! The process has one thread and sleeps in exactly one place, [`server::Server::wait`], which
//! answers DNS for as long as it waits. The sockets of the etcd client are non-blocking and wait
//! there too ([`server::transport`]), so everything that talks to etcd is plain blocking code.
//!
//! The life of a query: [`server::udp`] → [`dns::Responder::answer`] → [`cluster::directory`] →
//! the same socket. The life of a name: [`options`] → [`node::claim`] → [`etcd::Client::txn`] → watch →
//! [`cluster::directory`] on every node.

pub mod accounts;
pub mod announce;
pub mod cluster;
pub mod conf;
pub mod connect;
pub mod corefile;
pub mod dns;
pub mod etcd;
pub mod logging;
pub mod node;
pub mod options;
pub mod privileges;
pub mod process;
pub mod run;
pub mod server;
pub mod tools;
