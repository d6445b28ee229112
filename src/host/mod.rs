//! This host, and the process on it: users, name servers, rights, and the log.

pub mod accounts;
pub mod logging;
pub mod privileges;
pub mod resolv_conf;
