//! Other programs on the node that are told its name: by a file, by hooks, as the program of
//! `idetcd exec`, by metrics. And those that are told all names, by files that list them
//! and by a hook that is run when they change.
//!
//! The former follow one fact, whether this node owns a name now, which [`Notifier::ownership`]
//! is told; the latter look at the directory when [`Notifier::note_changes`] says so. Nothing here waits: files are kept by processes of their own, since a disk may hang, and of children
//! it only looks whether they ended.
//! Knows nothing of etcd and of DNS messages.

mod awaited_list;
mod change_hook;
mod children;
mod closing;
pub mod deputy_process;
mod ending;
pub mod files;
mod hook_process;
mod hooks;
mod id_file;
mod identity;
mod list_file;
mod listing;
mod metrics;
pub mod name_lists;
mod notifier;
mod pages;
pub mod parent_death;
mod program;
mod program_settings;
mod set_up;
mod supervision;
mod told_files;

pub use awaited_list::ListSettings;
pub use change_hook::ChangeSettings;
pub use children::Ended;
pub use ending::Outcome;
pub use identity::is_told_to_programs;
pub use notifier::Notifier;
pub use program_settings::{ProgramSettings, WhenInDoubt};
pub use set_up::{NotifySettings, file_failure, set_up};
pub use supervision::ReadyWhen;
