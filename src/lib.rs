//! A small DNS server that gives every node of a cluster a name, by way of etcd.
//!
//! All nodes get the same configuration. Each takes the lowest free name of a pattern by a
//! compare-and-swap transaction, publishes its addresses there under a lease, and answers for
//! every node of the cluster from memory.
//!
//! A *slot* is a number of the pattern, its *name* what the pattern makes of that, which is the key in
//! etcd as well. A node *owns* a name while its lease is valid by its own clock, and *loses* it when etcd
//! says so; then it claims one again.
//!
//! Each module here is a room. Arrows point downwards only: a room uses those that are named in its
//! row, and no others; `scripts/architecture` checks that. Each room defines its own settings. What answers,
//! [`dns`], [`cluster`] and [`text`], is a package of its own (`src/answers.rs`), which is compiled to be fast, and
//! all else to be small.
//!
//! | room | what lives there | may use |
//! | --- | --- | --- |
//! | [`run`] | a node's life: all rooms put together | [`options`], [`notify`], [`connect`], [`server`], [`node`], [`dns`], [`host`], [`cluster`], [`failure`], [`random`] |
//! | [`tools`] | the operator's tools around a name | [`options`], [`notify`], [`connect`], [`server`], [`node`], [`dns`], [`host`], [`etcd`], [`cluster`], [`failure`], [`random`], [`clock`], [`text`] |
//! | [`options`] | the command line, and what a Corefile adds: the settings of each room | [`notify`], [`connect`], [`server`], [`corefile`], [`node`], [`host`], [`cluster`], [`failure`], [`text`] |
//! | [`notify`] | who is told of the name: a file, hooks, a program, metrics | [`connect`], [`server`], [`node`], [`dns`], [`host`], [`cluster`], [`failure`], [`clock`], [`text`] |
//! | [`connect`] | the way to etcd: files read, a client that waits in the server | [`server`], [`host`], [`etcd`], [`dns`], [`failure`], [`random`], [`clock`], [`text`] |
//! | [`server`] | sockets, signals, and the one sleep | [`node`], [`dns`], [`host`], [`cluster`], [`failure`], [`clock`] |
//! | [`node`] | this node's life: claim, follow, keep alive, release | [`etcd`], [`cluster`], [`random`] |
//! | [`dns`] | pure: query in, reply out | [`cluster`], [`text`] |
//! | [`corefile`] | the CoreDNS plugin's configuration | [`cluster`], [`text`] |
//! | [`host`] | users, name servers, the machine's ID, rights, the sandbox, the log | [`failure`], [`clock`], [`text`] |
//! | [`etcd`] | synchronous client of etcd's JSON gateway | [`text`] |
//! | [`cluster`] | pure: names, records, the directory of all slots | [`text`] |
//! | [`failure`] | an error for the user, with its exit status | |
//! | [`random`] | chance, from a seed | |
//! | [`clock`] | time, which goes on while the machine is suspended | |
//! | [`text`] | text that comes from elsewhere | |
//!
//! # One thread, one sleep
//!
//! The process has one thread and sleeps in exactly one place, [`server::Server::wait`], which
//! answers DNS for as long as it waits. The sockets of the etcd client are non-blocking and wait
//! there too ([`connect`]), so everything that talks to etcd is plain blocking code.
//!
//! The life of a query: [`server::udp`] → [`dns::Responder::answer`] → [`cluster::Directory`] →
//! the same socket. The life of a name: [`options`] → [`node::session`] → [`etcd::Etcd::txn`] →
//! watch → [`cluster::Directory`] on every node. The life of a zone that another server takes:
//! [`dns::Responder::answer`] → [`dns::transfer`], which walks a copy of the directory, message by message.
//! The other way round, where a node does not watch etcd: `node::table` → [`node::Host::take_table`] → [`server::table`]
//! → [`dns::transfer_in`] → [`cluster::Directory`].
//!
//! # What goes where
//!
//! | to add | begin in | and go on in |
//! | --- | --- | --- |
//! | a type of record that is answered | `dns::content`: what a name stands for | its number in `dns::wire`; if nodes publish it, a field in [`cluster::record`] that the CoreDNS plugin ignores, and the option for its value; its cost in `tests/bench/kinds.rs` |
//! | an option | `options::table`: one entry makes its help, and what is accepted | `options::read` puts it into the settings of the room that obeys it (the rate limiter is `dns::rrl`, say); `scripts/idetcd.8`, which a test compares |
//! | a reason to lose a name | `node::watch` if an event tells it, `node::sync` if reading anew does, `node::lease` if the lease does | all of them end in `Session::lose` in `node::lease`, with the reason in words; that tells the [`node::Host`], and so [`notify`] |
//! | a rule for programs that start together | `node::job::barrier`, which is pure, and `node::job::judge` | `node::job::steps` does what they say by `node::job::calls`; [`cluster::job`] has the keys; the simulation's `invariants::jobs` judges |
//! | a call to etcd | [`etcd::Etcd`], the trait that [`node`] knows | [`etcd::GatewayClient`], its words in JSON |
//! | someone who is told of the name | a file of its own in [`notify`] | `notify::notifier`, which all of them follow |
//! | something to be done at times | [`server::timers`] | whoever owns it |
//!
//! Tests of what is pure stand beside the code; what the program does is tested from outside, in `tests`.
//!
//! # Seams
//!
//! [`node::Host`] is the process in which a node lives (not to be confused with [`host`], the machine):
//! [`server::Shared`] is one, and [`run`] adds those who are told to it. [`etcd::Etcd`] is the etcd that it
//! talks to. Time comes from the one and from [`etcd::Clock`], chance from [`random`]: `node` and `etcd`
//! have none of their own and open no sockets, so that a life can be run again, on another time. Sockets
//! are opened in [`server`] and, towards etcd, in [`connect`].

pub use idetcd_answers::{cluster, dns, text};

pub mod clock;
pub mod connect;
pub mod corefile;
pub mod etcd;
pub mod failure;
pub mod host;
pub mod node;
pub mod notify;
pub mod options;
pub mod random;
pub mod run;
pub mod server;
pub mod tools;
