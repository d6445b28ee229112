//! Nodes with busybox `init` as PID 1 and the service file `scripts/inittab`, in root file systems
//! that hold nothing else. Each test runs in a network of its own.

use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use support::machine::{Interfaces, Machine};
use support::network::{HUB, Host, Network};
use support::{Cluster, PATIENCE, Signal, is_private, until};

/// The lease of the service file, which is the default.
const LEASE: Duration = Duration::from_secs(20);

const INITTAB: &str = include_str!("../../scripts/inittab");

/// The service file with nothing changed but the endpoint.
fn inittab(cluster: &Cluster) -> String {
    let inittab = INITTAB.replace("http://10.0.0.1:2379", &cluster.endpoints());
    assert_ne!(inittab, INITTAB);
    inittab
}

/// Three machines that were switched on one after the other.
struct Scene {
    cluster: Cluster,
    hosts: [Host; 3],
    machines: [Machine; 3],
}

impl Scene {
    fn set() -> Scene {
        let network = Network::set_up();
        let cluster = Cluster::start_at(HUB, 1);
        let hosts = [1, 2, 3].map(|number| network.bare_host(number));
        let mut slot = 0;
        let machines = hosts.map(|host| {
            let machine = Machine::boot(host, Interfaces::Configured, &inittab(&cluster));
            slot += 1;
            machine.wait_for_logs(&format!("claimed worker{slot}.tf.local."), 1);
            machine
        });
        Scene { cluster, hosts, machines }
    }

    /// Every machine finds every other, and itself, by busybox's own resolver.
    fn all_find_all(&self) {
        for machine in &self.machines {
            for (slot, host) in (1..).zip(self.hosts) {
                finds(machine, &format!("worker{slot}.tf.local"), &host.address());
            }
        }
    }
}

fn finds(machine: &Machine, name: &str, address: &str) {
    let wanted = format!("Address: {address}\n");
    until(PATIENCE, &format!("{name} is {address}"), || {
        machine.nslookup(name).contains(&wanted).then_some(())
    });
}

#[test]
fn three_machines_find_each_other_and_keep_and_release_their_names() {
    if !is_private!() {
        return;
    }
    let mut scene = Scene::set();
    scene.all_find_all();

    let pid = scene.machines[1].pid_of_idetcd().expect("it runs");
    scene.machines[1].busybox(&["kill", "-KILL", &pid]);
    scene.machines[1].wait_for_logs("claimed worker2.tf.local.", 2);
    assert_ne!(scene.machines[1].pid_of_idetcd(), Some(pid));
    scene.all_find_all();

    let began = Instant::now();
    scene.machines[1].busybox(&["reboot"]);
    released(&scene.cluster, "worker2.tf.local.", began);
    // How the kernel tells of a reboot in a PID namespace: reboot(2).
    assert_eq!(scene.machines[1].wait_until_down().signal(), Some(Signal::HUP.as_raw()));
    scene.machines[1].boot_again();
    scene.machines[1].wait_for_logs("claimed worker2.tf.local.", 3);
    scene.all_find_all();

    let began = Instant::now();
    scene.machines[0].busybox(&["poweroff"]);
    released(&scene.cluster, "worker1.tf.local.", began);
    assert_eq!(scene.machines[0].wait_until_down().signal(), Some(Signal::INT.as_raw()));
    assert!(scene.machines[0].log().contains("released worker1.tf.local."));
}

fn released(cluster: &Cluster, name: &str, began: Instant) {
    until(LEASE / 2, &format!("{name} is released"), || (!cluster.any().has(name)).then_some(()));
    println!("{name} was free {:?} after init was told", began.elapsed());
}

#[test]
fn a_machine_that_boots_without_a_network_claims_when_it_comes() {
    if !is_private!() {
        return;
    }
    let network = Network::set_up();
    let cluster = Cluster::start_at(HUB, 1);
    let host = network.bare_host(1);
    let machine = Machine::boot(host, Interfaces::LoopbackOnly, &inittab(&cluster));
    machine.wait_for_logs("etcd is out of reach, waiting for it", 1);
    let reply = machine.nslookup("worker1.tf.local");
    assert!(reply.contains("SERVFAIL"), "{reply}");
    let reply = machine.nslookup("elsewhere.example.com");
    assert!(reply.contains("REFUSED"), "{reply}");

    host.configure();
    machine.wait_for_logs("claimed worker1.tf.local.", 1);
    finds(&machine, "worker1.tf.local", &host.address());
    assert_eq!(machine.log().matches("listening on 0.0.0.0:53").count(), 1, "it never ended");
}

#[test]
fn a_wrong_option_fails_once_a_second_and_is_healed_by_a_new_inittab() {
    if !is_private!() {
        return;
    }
    let network = Network::set_up();
    let cluster = Cluster::start_at(HUB, 1);
    let host = network.bare_host(1);
    let wrong = inittab(&cluster).replace("--limit 100", "--limit many");
    let machine = Machine::boot(host, Interfaces::Configured, &wrong);
    machine.wait_for_logs("idetcd: --limit", 1);
    let began = Instant::now();
    machine.wait_for_logs("idetcd: --limit", 4);
    println!("three more tries in {:?}", began.elapsed());
    assert!(began.elapsed() > Duration::from_secs(2), "{:?}", began.elapsed());
    assert!(machine.log().lines().all(|line| line.starts_with("idetcd: --limit")));

    machine.write("etc/inittab", &inittab(&cluster));
    machine.busybox(&["kill", "-HUP", "1"]);
    machine.wait_for_logs("claimed worker1.tf.local.", 1);
}
