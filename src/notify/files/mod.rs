//! Files that are kept as they are wanted, each by a process of its own: a disk may hang, and nothing
//! else is to wait for it.
//!
//! `KeptFile` is the door for the rest of the room, and `read_file` for what is read at the start; [`process`] and
//! [`reading`] are what runs in the other process.
//! Knows nothing of names: what it is given is a path, a role and a text.

mod atomic_file;
mod keeper;
mod kept_file;
mod order;
pub mod process;
pub mod reading;
mod role;
mod section;
mod section_file;

pub(super) use kept_file::KeptFile;
pub(super) use reading::read_file;
pub(super) use role::FileRole;
