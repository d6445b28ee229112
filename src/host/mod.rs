//! This host, and the process on it: users, files, name servers, rights, and the log.

pub mod accounts;
pub mod file_mark;
pub mod logging;
pub mod privileges;
pub mod resolv_conf;
