//! Other programs on the node that are told its name: by a file, by hooks, as the program of
//! `idetcd exec`, by metrics.
//!
//! Each of them follows one fact, whether this node owns a name now, which [`Notifier::ownership`]
//! is told. Nothing here waits: files are kept by processes of their own, since a disk may hang, and of children
//! it only looks whether they ended.
//! Knows nothing of etcd and of DNS messages.

mod atomic_file;
mod awaited_list;
mod children;
pub mod deputy_process;
mod ending;
mod file_order;
pub mod file_process;
mod hooks;
mod identity;
mod keeper;
mod kept_file;
mod metrics;
mod notifier;
pub mod parent_death;
mod program;

pub use awaited_list::ListSettings;
pub use children::Ended;
pub use ending::Outcome;
pub use notifier::{Notifier, NotifySettings, file_failure, set_up};
pub use program::ProgramSettings;
