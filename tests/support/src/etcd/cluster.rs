//! Several members of etcd.

use super::{Etcd, Setup, setup};
use crate::{PATIENCE, until};

/// Several members of one cluster.
pub struct Cluster {
    pub members: Vec<Etcd>,
}

impl Cluster {
    pub fn start(count: usize) -> Cluster {
        Cluster::start_at("127.0.0.1", count)
    }

    /// On an address of this host.
    pub fn start_at(host: &str, count: usize) -> Cluster {
        for _ in 0..5 {
            let mut setups: Vec<Setup> =
                (0..count).map(|n| setup(&format!("m{n}"), None, &[])).collect();
            for setup in &mut setups {
                setup.host = host.to_owned();
            }
            let initial: Vec<String> = setups
                .iter()
                .map(|s| format!("{}=http://{}:{}", s.name, s.host, s.peer_port))
                .collect();
            let spawn = |mut setup: Setup| {
                setup.initial_cluster = initial.join(",");
                Etcd::spawn(setup, None)
            };
            let mut cluster = Cluster { members: setups.into_iter().map(spawn).collect() };
            if cluster.members.iter_mut().all(Etcd::is_ready) {
                return cluster;
            }
        }
        panic!("the cluster does not start");
    }

    pub fn endpoints(&self) -> String {
        let endpoints: Vec<String> = self.members.iter().map(Etcd::endpoint).collect();
        endpoints.join(",")
    }

    /// The leader's index.
    pub fn leader(&self) -> usize {
        until(PATIENCE, "a leader", || {
            self.members.iter().position(|member| member.is_leader() == Some(true))
        })
    }

    /// Waits until all members are healthy.
    pub fn settle(&mut self) {
        for member in &mut self.members {
            assert!(member.is_ready(), "a member ended");
        }
    }

    /// Kills all members and starts them from what one of them saved: the same cluster, by its ID,
    /// with an older history.
    pub fn restore(&mut self, snapshot: &[u8]) {
        self.members.iter_mut().for_each(Etcd::kill);
        self.members.iter().for_each(|member| member.put_back(snapshot));
        self.members.iter_mut().for_each(Etcd::start_again);
        self.settle();
    }

    /// A member that answers now.
    pub fn any(&self) -> &Etcd {
        until(PATIENCE, "a healthy member", || {
            self.members.iter().find(|member| member.try_keys().is_some())
        })
    }
}
