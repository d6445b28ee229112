//! Nodes under the service script `scripts/idetcd.openrc`, run by a real OpenRC on a machine that boots with
//! busybox `init`, as Alpine's does. Its packages are unpacked, not installed: this machine has an init.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};

use support::machine::{Interfaces, Machine, copy_libraries};
use support::network::{HUB, Network};
use support::process::with_environment;
use support::{Cluster, Directory, PATIENCE, Signal, idetcd, is_private, run, until};

const SCRIPT: &str = include_str!("../../scripts/idetcd.openrc");

const INITTAB: &str = "::sysinit:/etc/init.d/rcS\n\
                       ::sysinit:/sbin/openrc sysinit\n\
                       ::wait:/sbin/openrc default\n\
                       ::shutdown:/sbin/openrc shutdown\n";

/// Where OpenRC is unpacked. It is fetched once, before the test has a network of its own.
fn openrc() -> PathBuf {
    let path = idetcd().with_file_name("openrc");
    if path.exists() {
        return path;
    }
    let directory = Directory::new();
    let commands = format!(
        "set -e; cd {}; packages='openrc librc1 libeinfo1'
         apt-get download -qq $packages || {{ apt-get update -qq; apt-get download -qq $packages; }}
         for package in *.deb; do dpkg -x $package {}.new; done; mv {1}.new {1}",
        directory.path().display(),
        path.display()
    );
    let output = with_environment("sh").args(["-c", &commands]).output().expect("a shell");
    assert!(output.status.success(), "{output:?}");
    path
}

/// Lays out OpenRC, with the service in its default runlevel.
fn lay_out(root: &Path, service: &str) {
    let openrc = openrc();
    for part in ["etc", "lib", "sbin", "usr"] {
        let from = openrc.join(part);
        let [from, to] = [&from, root].map(|path| path.to_str().expect("text").to_owned());
        run("cp", &["-a", &from, &to]);
    }
    for program in
        ["sbin/openrc", "sbin/openrc-run", "sbin/supervise-daemon", "lib/rc/bin/checkpath"]
    {
        copy_libraries(&openrc.join(program), root);
    }
    for library in fs::read_dir(openrc.join("lib/x86_64-linux-gnu")).into_iter().flatten() {
        copy_libraries(&library.expect("a file").path(), root);
    }
    let applets = run("busybox", &["--list"]);
    for applet in applets.lines().filter(|applet| !root.join("bin").join(applet).exists()) {
        // Those that are there already are links to nothing as seen from here.
        let _ = symlink("/bin/busybox", root.join("bin").join(applet));
    }
    for directory in ["dev", "run", "sys", "tmp"] {
        fs::create_dir_all(root.join(directory)).expect("a directory");
    }
    symlink("/run", root.join("var/run")).expect("a link");
    let files = [
        ("etc/passwd", "root:x:0:0::/:/bin/sh\n"),
        ("etc/group", "root:x:0:\nuucp:x:14:\n"),
        ("etc/fstab", ""),
        ("etc/insserv.conf", ""),
        ("etc/init.d/idetcd", service),
    ];
    for (path, text) in files {
        fs::write(root.join(path), text).expect("written");
    }
    run("chmod", &["755", root.join("etc/init.d/idetcd").to_str().expect("text")]);
    let link = root.join("etc/runlevels/default/idetcd");
    symlink("/etc/init.d/idetcd", link).expect("a link");
}

/// What a command of OpenRC says.
fn service(machine: &Machine, word: &str) -> String {
    let output = machine.busybox(&["sh", "-c", &format!("/sbin/rc-service idetcd {word}")]);
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

#[test]
fn openrc_starts_it_restarts_it_and_has_it_release_its_name() {
    openrc();
    if !is_private!() {
        return;
    }
    let network = Network::set_up();
    let cluster = Cluster::start_at(HUB, 1);
    // Nothing changed but the endpoint.
    let script = SCRIPT.replace("http://10.0.0.1:2379", &cluster.endpoints());
    assert_ne!(script, SCRIPT);
    let lay_out = |root: &Path| lay_out(root, &script);
    let host = network.bare_host(1);
    let mut machine = Machine::boot_with(host, Interfaces::Configured, INITTAB, &lay_out);
    machine.wait_for_logs("claimed worker1.tf.local.", 1);
    until(PATIENCE, "started", || service(&machine, "status").contains("started").then_some(()));
    assert!(machine.nslookup("worker1.tf.local").contains(&host.address()));

    // supervise-daemon starts it again when it is killed.
    machine.busybox(&["sh", "-c", "kill -KILL $(pidof idetcd)"]);
    machine.wait_for_logs("claimed worker1.tf.local.", 2);
    assert!(service(&machine, "status").contains("started"));

    let said = service(&machine, "stop");
    assert!(machine.log().contains("released worker1.tf.local."), "{said}");
    assert!(!cluster.any().has("worker1.tf.local.") && machine.pid_of_idetcd().is_none());
    assert!(service(&machine, "status").contains("stopped"));

    service(&machine, "start");
    machine.wait_for_logs("claimed worker1.tf.local.", 3);
    machine.busybox(&["poweroff"]);
    until(PATIENCE, "released", || (!cluster.any().has("worker1.tf.local.")).then_some(()));
    assert_eq!(machine.wait_until_down().signal(), Some(Signal::INT.as_raw()));
}
