//! What this host says of itself in its files, and what the process is on it: users, name servers,
//! rights, and the log.

pub mod accounts;
pub mod logging;
pub mod privileges;
pub mod resolv_conf;
