//! Bad input: one line that says what to do, and the exit status that goes with it.

use std::ffi::OsStr;
use std::fs::File;
use std::net::UdpSocket;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use support::{Directory, PATTERN, command, copy_program};

fn run(command: &mut Command) -> Output {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("idetcd");
    let deadline = Instant::now() + Duration::from_secs(5);
    while child.try_wait().expect("its state").is_none() {
        if Instant::now() > deadline {
            child.kill().expect("killed");
            panic!("{command:?} runs on");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().expect("its output")
}

fn idetcd(arguments: &[&str]) -> Output {
    run(command(support::idetcd()).args(arguments))
}

#[test]
fn output_that_cannot_be_written_is_told() {
    for option in ["--help", "--version"] {
        let full = File::options().write(true).open("/dev/full").expect("/dev/full");
        let mut idetcd = command(support::idetcd());
        let output = idetcd.arg(option).stdout(full).output().expect("idetcd");
        assert!(complaint(&output, 1).contains("cannot write the output: No space left"));
    }
}

/// The one line on standard error.
fn complaint(output: &Output, status: i32) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(status), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.starts_with("idetcd: "), "{text}");
    text
}

#[test]
fn a_wrong_command_line_is_told_in_one_line_with_status_2() {
    let long = format!("{}{{{{.ID}}}}.tf.local.", "a".repeat(62));
    let table: [(&[&str], &str); 25] = [
        (&[], "--pattern: must be given"),
        (&["--pattern"], "--pattern: an argument is missing"),
        (&["--pattern", "worker.tf.local."], "--pattern: column 17: there is no {{.ID}}"),
        (&["--pattern", "a{{.ID}}.b{{.ID}}."], "--pattern: column 11: a second"),
        (&["--pattern", "worker{{.Id}}.tf.local."], "--pattern: column 7: only {{.ID}}"),
        (&["--pattern", "my worker{{.ID}}.tf."], "--pattern: column 3: a space"),
        (&["--pattern", &long, "--limit", "10"], "--pattern: column 1: a label of 64 octets"),
        (&["--pattern", PATTERN, "--limit", "none"], "--limit:"),
        (&["--pattern", PATTERN, "--endpoints", "ftp://a"], "--endpoints:"),
        (&["--pattern", PATTERN, "--endpoints", "ftp://a:2379"], "--endpoints:"),
        (&["--pattern", PATTERN, "--listen", "here"], "--listen:"),
        (&["--pattern", PATTERN, "--ipv4", "10.0.0.0.1"], "--ipv4:"),
        (&["--pattern", PATTERN, "--ipv6", "10.0.0.1"], "--ipv6:"),
        (&["--pattern", PATTERN, "--interface", ""], "--interface:"),
        (&["--pattern", PATTERN, "--port", "x"], "--port:"),
        (&["--pattern", PATTERN, "--lease-ttl", "1"], "--lease-ttl:"),
        (&["--pattern", PATTERN, "--ttl", "x"], "--ttl:"),
        (&["--pattern", PATTERN, "--etcd-timeout", "0"], "--etcd-timeout:"),
        (&["--pattern", PATTERN, "-q", "-v"], "--quiet:"),
        (&["--pattern", PATTERN, "--unknown"], "--unknown: no such option"),
        (&["--pattern", PATTERN, "stray"], "\"stray\""),
        (&["--pattern", PATTERN, "--grace", "0"], "--grace: \"0\" is not a whole number from 1"),
        (
            &["-q", "exec", "--pattern", PATTERN, "--", "ls", "-l"],
            "\"exec\" is a command, and stands first: idetcd exec …",
        ),
        (&["-v", "check", "--pattern", PATTERN], "\"check\" is a command, and stands first"),
        (&["--pattern", PATTERN, "--pattern", PATTERN], "--pattern: given twice"),
    ];
    for (arguments, wanted) in table {
        let text = complaint(&idetcd(arguments), 2);
        assert!(text.starts_with(&format!("idetcd: {wanted}")), "{arguments:?}: {text}");
    }
}

#[test]
fn what_is_not_utf_8_is_refused_and_shown_rather_than_changed() {
    let table: [(&[&[u8]], &str); 3] = [
        (&[b"--name-file=/run/n\xffme"], "argument 1, \"--name-file=/run/n\u{fffd}me\", is not"),
        (&[b"list", b"--user", b"\xe9:x"], "argument 3, \"\u{fffd}:x\", is not UTF-8; "),
        (&[b"exec", b"--", b"cat", b"\xff"], "argument 4, \"\u{fffd}\", is not UTF-8; rename"),
    ];
    for (words, wanted) in table {
        let words = words.iter().map(|octets| OsStr::from_bytes(octets));
        let mut idetcd = command(support::idetcd());
        let text = complaint(&run(idetcd.args(words).args(["--pattern", PATTERN])), 2);
        assert!(text.starts_with(&format!("idetcd: {wanted}")), "{text}");
    }
    // The character that stands for such octets is one like any other.
    let text = complaint(&idetcd(&["exec", "--ttl=x", "--pattern", PATTERN, "--", "\u{fffd}"]), 2);
    assert!(text.starts_with("idetcd: --ttl:"), "{text}");
}

#[test]
fn options_of_coredns_that_cannot_be_followed_are_told_by_name() {
    for (words, wanted) in [
        (&["-pidfile", "/run/x.pid"][..], "--pidfile: as for CoreDNS: none is written; "),
        (&["-pidfile=/run/x.pid"], "--pidfile: as for CoreDNS: none is written; "),
        (&["-plugins"], "--plugins: as for CoreDNS: there are none; leave it out"),
        (&["-cpu", "50%"], "--cpu: as for CoreDNS: there is one thread"),
        (&["list", "-plugins"], "--plugins: as for CoreDNS: there are none; leave it out"),
        (&["-p", "x"], "--dns.port: \"x\" is not a whole number"),
    ] {
        let text = complaint(&idetcd(&[words, &["-conf", "/nowhere"]].concat()), 2);
        assert!(text.starts_with(&format!("idetcd: {wanted}")), "{words:?}: {text}");
    }
}

#[test]
fn help_and_version_go_to_standard_output() {
    for (argument, wanted) in [("--help", "--pattern"), ("--version", env!("CARGO_PKG_VERSION"))] {
        let output = idetcd(&[argument]);
        assert_eq!(output.status.code(), Some(0));
        assert!(String::from_utf8_lossy(&output.stdout).contains(wanted));
        assert!(output.stderr.is_empty());
    }
}

#[test]
fn a_password_file_that_cannot_be_read_is_told_with_what_to_do() {
    let directory = Directory::new();
    let (missing, inside) = (directory.file("missing"), directory.file(""));
    for (file, wanted) in [
        (missing, "(os error 2); create it, or give another file"),
        (inside, "(os error 21); give a text file that can be read"),
    ] {
        let words = ["--pattern", PATTERN, "--user", "node", "--password-file", &file];
        let text = complaint(&idetcd(&words), 1);
        assert!(text.starts_with("idetcd: --password-file: ") && text.contains(wanted), "{text}");
    }
}

#[test]
fn an_occupied_port_is_told_with_status_1() {
    let holder = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let address = holder.local_addr().expect("an address").to_string();
    let text = complaint(&idetcd(&["--pattern", PATTERN, "--listen", &address]), 1);
    // This very process.
    let who = format!("(pid {}) has it: stop that, or listen on another", std::process::id());
    assert!(text.contains(&address) && text.contains(&who), "{text}");
}

#[test]
fn an_address_or_interface_of_elsewhere_is_told_with_status_1() {
    let text = complaint(&idetcd(&["--pattern", PATTERN, "--listen", "192.0.2.77:5353"]), 1);
    assert!(text.contains("192.0.2.77:5353") && text.contains("address of this host"), "{text}");
    let text = complaint(&idetcd(&["--pattern", PATTERN, "--interface", "nowhere0"]), 1);
    assert!(text.contains("nowhere0") && text.contains("lo"), "{text}");
}

#[test]
fn port_53_without_the_right_is_told_with_status_1() {
    let lowest = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    if lowest.is_ok_and(|lowest| lowest.trim().parse::<u32>().is_ok_and(|port| port <= 53)) {
        println!("skipped: port 53 needs no right on this system");
        return;
    }
    if !rustix::process::geteuid().is_root() {
        let text = complaint(&idetcd(&["--pattern", PATTERN, "--listen", "127.0.0.1:53"]), 1);
        assert!(text.contains("CAP_NET_BIND_SERVICE"), "{text}");
        return;
    }
    // The build directory may be closed to other users.
    let directory = Directory::new();
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(directory.path(), open.clone()).expect("permissions");
    let copy = directory.path().join("idetcd");
    copy_program(&support::idetcd(), &copy);
    std::fs::set_permissions(&copy, open).expect("permissions");
    let nobody = 65_534;
    let mut copy = command(&copy);
    copy.args(["--pattern", PATTERN, "--listen", "127.0.0.1:53"]).gid(nobody).uid(nobody);
    let text = complaint(&run(&mut copy), 1);
    assert!(text.contains("127.0.0.1:53") && text.contains("CAP_NET_BIND_SERVICE"), "{text}");
}

#[test]
fn a_command_is_told_of_its_own_options_alone() {
    for (words, wanted) in [
        (&["list", "--listn"][..], "--listn: no such option; see idetcd list --help"),
        (&["list", "--jsn"], "--jsn: no such option; did you mean --json?"),
        (&["list", "--patern", "x"], "--patern: no such option; did you mean --pattern?"),
        (&["ready", "--timout", "1"], "--timout: no such option; did you mean --timeout?"),
        (&["ready", "--patern", "x"], "--patern: no such option; see idetcd ready --help"),
        (&["check", "--listn"], "--listn: no such option; did you mean --listen?"),
        (&["exec", "--listn"], "--listn: no such option; did you mean --listen?"),
        (&["--frobnicate"], "--frobnicate: no such option; see idetcd --help"),
    ] {
        assert_eq!(complaint(&idetcd(words), 2).trim(), format!("idetcd: {wanted}"));
    }
}

#[test]
fn a_network_with_bits_too_many_is_told_with_the_one_that_was_meant() {
    let more = "the address goes on after the bits that count; write";
    for (option, given, wanted) in [
        ("--allow-transfer", "10.88.0.1/24", "10.88.0.0/24, or 10.88.0.1 for it alone"),
        ("--allow", "fd00:1::5/64", "fd00:1::/64, or fd00:1::5 for it alone"),
        ("--reverse", "10.88.0.1/24", "10.88.0.0/24, or 10.88.0.1 for it alone"),
        ("--forward", "10.1.2.3/8=10.0.0.53", "10.0.0.0/8, or 10.1.2.3 for it alone"),
    ] {
        let text = complaint(&idetcd(&["--pattern", PATTERN, option, given]), 2);
        let network = given.split('=').next().unwrap_or_default();
        assert_eq!(text.trim(), format!("idetcd: {option}: {network:?}: {more} {wanted}"));
    }
}
