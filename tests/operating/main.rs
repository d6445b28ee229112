//! What people and programs that run a node are told, and can rely on.

mod busybox_init;
mod check;
mod corefile;
mod drain;
mod environment;
mod exec;
mod hooks;
mod hung_files;
mod id_file;
mod killed_helpers;
mod list;
mod list_files;
mod list_watch;
mod manual;
mod metrics;
mod name_file;
mod on_change;
mod prometheus;
mod ready;
mod ready_file;
mod release;
mod run_as;
mod service_files;
mod service_manager;
mod usage;
mod wait;
