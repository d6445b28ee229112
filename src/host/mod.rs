//! This host, and the process on it: users, files, name servers, its ID, rights, sandbox, and the log.

pub mod accounts;
pub mod calendar;
pub mod file_mark;
pub mod helper;
pub mod log_process;
pub mod logging;
pub mod machine;
pub mod port_holder;
pub mod privileges;
pub mod resolv_conf;
pub mod sandbox;
pub mod secret_file;
pub mod service_manager;
pub mod terminal;
