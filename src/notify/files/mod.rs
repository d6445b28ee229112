//! Files that are kept as they are wanted, each by a process of its own: a disk may hang, and nothing
//! else is to wait for it.
//!
//! `KeptFile` is the only door for the rest of the room, [`process`] is what runs in the other process.
//! Knows nothing of names: what it is given is a path, a role and a text.

mod atomic_file;
mod keeper;
mod kept_file;
mod order;
pub mod process;
mod role;
mod section;
mod section_file;

pub(super) use kept_file::KeptFile;
pub(super) use role::FileRole;
