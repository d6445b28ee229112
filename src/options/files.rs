//! The files that a node goes on to use once it has started.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::settings::Options;
use crate::connect::{Endpoint, Password};
use crate::host::resolv_conf::{HOSTS, RESOLV_CONF};
use crate::host::sandbox::Sandbox;
use crate::server::forward::ForwardTo;

impl Options {
    /// The files that are needed from the start on, but for those of certificates. `Err`: programs are run, which
    /// may need any, and what they are.
    pub fn sandbox(&self) -> Result<Sandbox, &'static str> {
        let notify = &self.notify;
        let hooks =
            [notify.on_claim.is_some(), notify.on_lost.is_some(), notify.on_change.is_some()];
        if notify.program.is_some() {
            return Err("PROGRAM");
        }
        if hooks.contains(&true) {
            return Err("hooks");
        }
        let access = &self.connect.access;
        let password = access.user.iter().filter_map(|user| match &user.password {
            Password::File(path) => Some(path.clone()),
            Password::Given(_) => None,
        });
        let servers = self.forward.routes.iter().filter_map(|route| match &route.to {
            ForwardTo::ResolvConf(path) => Some(path.clone()),
            ForwardTo::Servers(_) => None,
        });
        let mut read: Vec<PathBuf> = password.chain(servers).chain(self.hosts.clone()).collect();
        if self.connect.endpoints.iter().any(is_named) {
            read.extend([HOSTS, RESOLV_CONF].map(PathBuf::from));
        }
        let targets = notify.targets_file.as_ref().map(|(path, _)| path);
        let own = [&notify.name_file, &notify.id_file, &notify.metrics_file, &notify.hosts_file];
        let written = own.into_iter().flatten().chain(targets).cloned().collect();
        Ok(Sandbox { read, written })
    }
}

/// Whether the host of an endpoint is to be looked up.
fn is_named(endpoint: &Endpoint) -> bool {
    let authority = endpoint.as_str().rsplit('/').next().unwrap_or_default();
    authority.parse::<SocketAddr>().is_err()
}
