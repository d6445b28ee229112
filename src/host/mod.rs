//! This host, and the process on it: users, name servers, its ID, rights, and the log.

pub mod accounts;
pub mod logging;
pub mod machine;
pub mod privileges;
pub mod resolv_conf;
