//! A machine of busybox, the program and nothing else, booted by busybox `init` as PID 1 in PID,
//! mount and network namespaces of its own.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Output};
use std::time::{Duration, SystemTime};

use super::network::Host;
use super::{Directory, PATIENCE, command, copy_program, idetcd, run, until};
use crate::process::repository;

/// What the machine brings up by itself when it boots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interfaces {
    Configured,
    LoopbackOnly,
}

/// A machine that is switched on.
pub struct Machine {
    disk: Directory,
    host: Host,
    /// `unshare`, whose one child is the machine's init.
    unshare: Child,
    init: String,
}

impl Machine {
    /// A new machine, whose `/etc/inittab` is this.
    pub fn boot(host: Host, interfaces: Interfaces, inittab: &str) -> Machine {
        Machine::boot_with(host, interfaces, inittab, &|_| {})
    }

    /// The same with what is laid out beside under its root directory.
    pub fn boot_with(
        host: Host,
        interfaces: Interfaces,
        inittab: &str,
        lay_out: &dyn Fn(&Path),
    ) -> Machine {
        let disk = Directory::new();
        install(disk.path());
        lay_out(disk.path());
        let machine = disk.path();
        fs::write(machine.join("etc/inittab"), inittab).expect("written");
        fs::write(machine.join("etc/resolv.conf"), "nameserver 127.0.0.1\n").expect("written");
        let script = machine.join("etc/init.d/rcS");
        fs::write(&script, boot_script(host, interfaces)).expect("written");
        run("chmod", &["755", script.to_str().expect("text")]);
        let (unshare, init) = switch_on(host, machine);
        Machine { disk, host, unshare, init }
    }

    /// Boots again after it went down.
    pub fn boot_again(&mut self) {
        (self.unshare, self.init) = switch_on(self.host, self.disk.path());
    }

    /// Waits until it is down, and returns how its init ended.
    pub fn wait_until_down(&mut self) -> ExitStatus {
        let console = self.file("console");
        until(PATIENCE, &console, || self.unshare.try_wait().expect("its state"))
    }

    /// Runs an applet of busybox in it.
    pub fn busybox(&self, arguments: &[&str]) -> Output {
        let namespaces = ["--pid", "--mount", "--net", "--root", "--wd=/"];
        let mut nsenter = command("nsenter");
        nsenter.args(["--target", &self.init]).args(namespaces).arg("/bin/busybox");
        nsenter.args(arguments).output().expect("nsenter")
    }

    /// What busybox `nslookup` says of a name, by way of the machine's own name server.
    pub fn nslookup(&self, name: &str) -> String {
        let output = self.busybox(&["nslookup", name]);
        let said = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&said).into_owned()
    }

    /// The process ID of idetcd inside.
    pub fn pid_of_idetcd(&self) -> Option<String> {
        let output = self.busybox(&["pidof", "idetcd"]);
        let pid = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        (!pid.is_empty()).then_some(pid)
    }

    /// A file of it; empty where there is none.
    pub fn file(&self, path: &str) -> String {
        fs::read_to_string(self.disk.path().join(path)).unwrap_or_default()
    }

    pub fn log(&self) -> String {
        self.file("var/log/idetcd.log")
    }

    /// Waits until `text` stands in the log so many times.
    pub fn wait_for_logs(&self, text: &str, times: usize) {
        until(PATIENCE, &format!("{times} times {text:?} in the log"), || {
            (self.log().matches(text).count() >= times).then_some(())
        });
    }

    pub fn write(&self, path: &str, text: &str) {
        fs::write(self.disk.path().join(path), text).expect("written");
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("console:\n{}\nlog:\n{}", self.file("console"), self.log());
        }
        let _ = self.unshare.kill();
        let _ = self.unshare.wait();
    }
}

fn boot_script(host: Host, interfaces: Interfaces) -> String {
    let mut lines = vec!["#!/bin/sh", "mount -t proc proc /proc", "ip link set lo up"];
    let address = format!("ip addr add {}/24 dev eth0", host.address());
    if interfaces == Interfaces::Configured {
        lines.extend([address.as_str(), "ip link set eth0 up"]);
    }
    lines.join("\n") + "\n"
}

/// Returns the process of `unshare`, and the process ID of init as seen from here.
fn switch_on(host: Host, root: &Path) -> (Child, String) {
    let wrapper = host.wrapper();
    let console = File::create(root.join("console")).expect("a console");
    let mut unshare = command(&wrapper[0])
        .args(&wrapper[1..])
        .args(["unshare", "--fork", "--kill-child", "--pid", "--mount", "--propagation", "private"])
        .arg("chroot")
        .arg(root)
        .arg("/sbin/init")
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .stdout(console.try_clone().expect("a file"))
        .stderr(console)
        .spawn()
        .expect("unshare");
    let children = format!("/proc/{0}/task/{0}/children", unshare.id());
    let init = until(Duration::from_secs(10), "init runs", || {
        assert!(unshare.try_wait().expect("its state").is_none(), "unshare ended");
        let pid = fs::read_to_string(&children).ok()?.trim().to_owned();
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        (name.trim() == "init").then_some(pid)
    });
    (unshare, init)
}

/// Lays out the root file system.
fn install(root: &Path) {
    for directory in ["bin", "sbin", "etc/init.d", "proc", "usr/local/bin", "var/log"] {
        fs::create_dir_all(root.join(directory)).expect("a directory");
    }
    let busybox = run("sh", &["-c", "command -v busybox"]);
    copy_program(Path::new(busybox.trim()), &root.join("bin/busybox"));
    for link in ["bin/sh", "bin/mount", "bin/ip", "sbin/init"] {
        symlink("/bin/busybox", root.join(link)).expect("a link");
    }
    let program = match static_program() {
        Some(program) => program,
        None => {
            println!(
                "no static binary of these sources (scripts/build-static makes it): the dynamic \
                 one is taken, with its libraries"
            );
            let program = idetcd();
            copy_libraries(&program, root);
            program
        }
    };
    copy_program(&program, &root.join("usr/local/bin/idetcd"));
}

/// The static binary, if it is not older than the sources.
fn static_program() -> Option<PathBuf> {
    let own = idetcd();
    let target = own.ancestors().nth(2)?;
    let triple = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    let program = target.join(triple).join("release/idetcd");
    let built = fs::metadata(&program).ok()?.modified().ok()?;
    let changed = ["src", "Cargo.toml", "Cargo.lock"].map(|path| newest(&repository(path)));
    (changed.into_iter().max()? <= built).then_some(program)
}

/// When a file, or anything in a directory, was last changed.
fn newest(path: &Path) -> SystemTime {
    let own = fs::metadata(path).and_then(|metadata| metadata.modified()).expect("a source file");
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.map(|entry| newest(&entry.path())).fold(own, SystemTime::max)
}

/// Copies what a program is linked to, and the loader, to the same places under `root`.
pub fn copy_libraries(program: &Path, root: &Path) {
    let listing = run("ldd", &[program.to_str().expect("text")]);
    for file in listing.split_whitespace().filter(|word| word.starts_with('/')) {
        let copy = root.join(&file[1..]);
        fs::create_dir_all(copy.parent().expect("a directory")).expect("a directory");
        fs::copy(file, copy).expect("copied");
    }
}
