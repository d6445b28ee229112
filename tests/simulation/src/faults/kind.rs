//! The kinds of faults.

use std::fmt;
use std::str::FromStr;

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $kind:ident = $name:literal, $disturbs:literal;)+) => {
        /// Something that goes wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum FaultKind {
            $($(#[doc = $doc])+ $kind,)+
        }

        impl FaultKind {
            /// All of them.
            pub const ALL: &[FaultKind] = &[$(FaultKind::$kind),+];

            /// Whether it happens to tables that nodes take from each other.
            pub fn is_of_tables(self) -> bool {
                self >= FaultKind::KillWatchers
            }

            /// Whether it happens to nodes of the plugin only.
            pub fn is_of_plugins(self) -> bool {
                matches!(self, FaultKind::Move | FaultKind::TakePluginAddress)
            }

            /// Its name.
            pub fn name(self) -> &'static str {
                match self {
                    $(FaultKind::$kind => $name,)+
                }
            }

            /// Whether nodes may be kept from etcd while it lasts.
            pub fn disturbs(self) -> bool {
                match self {
                    $(FaultKind::$kind => $disturbs,)+
                }
            }
        }
    };
}

kinds! {
    /// Requests and replies are lost or late, and requests carried out twice.
    Storm = "storm", true;
    /// A machine is cut off from all members.
    CutMachine = "cut-machine", true;
    /// A machine is cut off from all members in one direction.
    CutOneWay = "cut-one-way", true;
    /// A machine is cut off from one member.
    CutLink = "cut-link", true;
    /// A member is cut off from all machines.
    CutMember = "cut-member", true;
    /// Members are cut off from the others.
    SplitMembers = "split-members", true;
    /// A member is frozen.
    FreezeMember = "freeze-member", true;
    /// A member is killed, and started again.
    KillMember = "kill-member", true;
    /// All members are killed, and started again.
    KillMembers = "kill-members", true;
    /// A member lags behind.
    LagMember = "lag-member", true;
    /// Another member becomes leader.
    Elect = "elect", true;
    /// History is forgotten.
    Compact = "compact", false;
    /// etcd takes no more keys.
    Full = "full", true;
    /// etcd refuses those who name no user.
    Refuse = "refuse", true;
    /// An older backup is restored.
    Restore = "restore", true;
    /// An older backup is restored, as another cluster.
    RestoreOther = "restore-other", true;
    /// A process is frozen.
    FreezeNode = "freeze-node", false;
    /// A machine is suspended.
    Suspend = "suspend", false;
    /// A process is killed, and started again.
    KillNode = "kill-node", false;
    /// A process is asked to stop, and started again.
    StopNode = "stop-node", false;
    /// Half of the processes are killed, and started again at one time.
    KillHalf = "kill-half", false;
    /// A machine is without power, and started anew.
    Reboot = "reboot", false;
    /// Everything is without power, and then not.
    PowerCut = "power-cut", true;
    /// A machine gets another address.
    ChangeAddress = "change-address", false;
    /// Another host takes the address of a node, which is cut off from etcd or not.
    TakeAddress = "take-address", true;
    /// The key of a name is deleted by hand.
    DeleteKey = "delete-key", false;
    /// A record is put at a name by hand.
    PutRecord = "put-record", false;
    /// Something that is not a record is put at a name by hand.
    PutGarbage = "put-garbage", false;
    /// The lease of a name is revoked by hand.
    RevokeLease = "revoke-lease", false;
    /// A ticket is put into the queue by hand.
    PutTicket = "put-ticket", false;
    /// A ticket is deleted by hand.
    DeleteTicket = "delete-ticket", false;
    /// A member answers calls, and its watches are silent.
    MuteMember = "mute-member", true;
    /// A machine is without power, and started anew with another address.
    RebootElsewhere = "reboot-elsewhere", false;
    /// A node is drained by hand, or drained no more.
    Drain = "drain", false;
    /// A node is not ready any more, or is again.
    Unready = "unready", false;
    /// A node of the plugin is killed, and one of idetcd started in its place.
    Move = "move", false;
    /// Another host takes the address of a node of the plugin.
    TakePluginAddress = "take-plugin-address", true;
    /// The nodes that watch all names for others are killed, and started again.
    KillWatchers = "kill-watchers", true;
    /// They are frozen.
    FreezeWatchers = "freeze-watchers", true;
    /// They are cut off from etcd.
    CutWatchers = "cut-watchers", true;
    /// One of them is cut off from etcd, killed, or frozen.
    LoseWatcher = "lose-watcher", true;
    /// A machine is cut off from all other machines, but not from etcd, in one direction or both.
    CutPeers = "cut-peers", true;
    /// Two machines are cut off from each other.
    CutPair = "cut-pair", true;
    /// A machine is slow to send to others.
    SlowPeer = "slow-peer", false;
    /// Words of a change to other nodes are lost.
    LoseWords = "lose-words", false;
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for FaultKind {
    type Err = String;

    fn from_str(text: &str) -> Result<FaultKind, String> {
        let found = FaultKind::ALL.iter().find(|kind| kind.name() == text);
        found.copied().ok_or_else(|| format!("{text} is no kind of fault"))
    }
}
