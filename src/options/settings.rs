//! The outcome: what the command line asks for, and the settings of each room.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use log::LevelFilter;

use super::environment::Origins;
use crate::cluster::{DrainReason, Network, ReverseNetwork, SlotId};
use crate::connect::ConnectSettings;
use crate::corefile::Corefile;
use crate::host::accounts::RunAs;
use crate::node::NodeSettings;
use crate::notify::NotifySettings;
use crate::server::forward::ForwardSettings;
use crate::server::listen::Listen;
use crate::server::secondaries::NotifyTargets;
use crate::server::tsig_files::TsigKeyFile;

/// A command line that was understood.
#[derive(Clone, Debug)]
pub enum Command {
    /// To serve.
    Run(Box<Options>),
    /// To do something else with the names, and exit.
    Tool(Tool, Box<Options>),
    /// To say whether a node is ready.
    Ready(Readiness),
    /// To tell what the node that answers there is and knows.
    Status(SocketAddr),
    /// To show this text and exit.
    Print(String),
}

/// A question whether a node is named and in sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// Where the node answers DNS.
    pub server: SocketAddr,
    /// The longest time to wait until it is; `None`: it is to be so now.
    pub timeout: Option<Duration>,
}

/// The settings of each room. All of them are checked.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where etcd is, and how to be let in.
    pub connect: ConnectSettings,
    /// This node's life: its names, its lease, what it publishes.
    pub node: NodeSettings,
    /// Where to listen; one at least.
    pub listen: Vec<Listen>,
    /// Where to serve HTTP.
    pub http: Vec<Listen>,
    /// The TTL of answers, in seconds.
    pub ttl: u32,
    /// Where queries for other names go, and how.
    pub forward: ForwardSettings,
    /// The file of hosts that are answered for beside.
    pub hosts: Option<PathBuf>,
    /// Who may ask; empty: everybody.
    pub allow: Vec<Network>,
    /// The networks that may have whole zones.
    pub allow_transfer: Vec<Network>,
    /// Whose reverse names are zones that are answered for.
    pub reverse: Vec<ReverseNetwork>,
    /// The keys under which messages are signed.
    pub tsig_keys: Vec<TsigKeyFile>,
    /// Who is told of changes.
    pub notify_targets: NotifyTargets,
    /// Replies a second to a client's network over UDP; `None`: as many as it asks for.
    pub rrl: Option<u32>,
    /// Who is told of this node's name, and how.
    pub notify: NotifySettings,
    /// The file whose existence says that this node is ready; `None`: it always is.
    pub ready_file: Option<PathBuf>,
    /// Who to be, once everything that needs root is open; `None`: whoever it is.
    pub run_as: Option<RunAs>,
    /// Whether this process gives up all files but those that it needs.
    pub is_sandboxed: bool,
    /// The least important lines that are logged.
    pub verbosity: LevelFilter,
    /// The file that says what the command line does not.
    pub corefile: Option<Corefile>,
    /// Who says what the options are.
    pub origins: Origins,
}

/// One of the operator's tools, and what it is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tool {
    /// To show who has which name.
    List {
        /// The form of the list.
        form: Form,
        /// The port that the record of this host's node has, where several nodes share the host.
        port: Option<u16>,
    },
    /// To show who has which name, and then each change.
    Watch {
        /// The form of the lines.
        form: LineForm,
    },
    /// To wait until nodes are named.
    Wait {
        /// The number of nodes that are to be named.
        count: usize,
        /// The longest that it may take; `None`: for ever.
        timeout: Option<Duration>,
    },
    /// To say whether a node could start here.
    Check,
    /// To take a node out of its group.
    Drain {
        /// Its slot, of the pattern.
        slot: SlotId,
        /// Why, where that is said.
        reason: Option<DrainReason>,
    },
    /// To let it in again.
    Undrain {
        /// Its slot, of the pattern.
        slot: SlotId,
    },
    /// To take a name away.
    Release {
        /// The name, in lower case with the final dot.
        name: String,
        /// Whether the operator is asked before.
        confirmation: Confirmation,
    },
}

/// The form of a list, by who reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// People, on a terminal.
    Table,
    /// A program.
    Json,
    /// The system, as a part of `/etc/hosts`.
    Hosts,
    /// Prometheus, as a file for `file_sd_configs`.
    Targets {
        /// The port of the targets.
        port: u16,
    },
    /// A TensorFlow server, as `TF_CONFIG` in its environment.
    TfConfig {
        /// The port of the TensorFlow servers.
        port: u16,
    },
}

/// The form of the lines of changes, by who reads them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineForm {
    /// A shell: tabs between the fields.
    Tabs,
    /// A program: an object of JSON each.
    Json,
}

/// The operator's word that it is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// To be asked for.
    Ask,
    /// Given on the command line.
    Given,
}
