//! What etcd, networks and name servers do to a node, and what it makes of that.

mod certificates;
mod cluster_faults;
mod crowd;
mod etcd_faults;
mod host_names;
mod large_bodies;
mod lost_replies;
mod outages;
mod partitions;
mod refusals;
mod restores;
mod resync;
mod serials;
mod silent_watches;
mod stub_checks;
mod stub_resolvers;
mod suspend;
mod trust;
