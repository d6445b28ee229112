//! The scripts and service files, read by the tools that know their languages. `scripts/inittab` is
//! run for real in `busybox_init.rs`.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Output, Stdio};

use support::process::{repository, try_install, with_environment};
use support::{Directory, command, idetcd, run};

fn script(name: &str) -> PathBuf {
    repository("scripts").join(name)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

/// Whether a checker is there or could be installed; says so if it could not.
fn has(command: &str, package: &str) -> bool {
    let installed = try_install(&[&format!("{command}:{package}")]);
    if let Err(why) = &installed {
        println!("skipped: {command} cannot be installed: {why}");
    }
    installed.is_ok()
}

fn shellcheck(arguments: &[&str], input: &str) {
    let mut child = command("shellcheck")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("shellcheck");
    let mut pipe = child.stdin.take().expect("a pipe");
    pipe.write_all(input.as_bytes()).expect("written");
    drop(pipe);
    let output = child.wait_with_output().expect("shellcheck ends");
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
}

#[test]
fn shell_scripts_are_sound() {
    if !has("shellcheck", "shellcheck") {
        return;
    }
    let mut checked = 0;
    for entry in fs::read_dir(script("")).expect("scripts/") {
        let path = entry.expect("a file").path();
        let text = fs::read_to_string(&path).expect("text");
        if text.starts_with("#!") {
            shellcheck(&[path.to_str().expect("text")], "");
            checked += 1;
        }
    }
    assert!(checked >= 7, "only {checked} scripts");
    shellcheck(&["--shell=sh", "-"], &first_boot());
}

/// What `cloud-init.yaml` runs at first boot.
fn first_boot() -> String {
    let text = fs::read_to_string(script("cloud-init.yaml")).expect("text");
    let (_, commands) = text.split_once("runcmd:\n  - |\n").expect("one script in runcmd");
    commands.lines().map(|line| line.trim_start_matches("    ").to_owned() + "\n").collect()
}

#[test]
fn systemd_accepts_the_unit_and_finds_it_well_confined() {
    if !has("systemd-analyze", "systemd") {
        return;
    }
    let unit = fs::read_to_string(script("idetcd.service")).expect("text");
    // It is not installed here, and systemd looks for it.
    let unit = unit.replace("/usr/local/bin/idetcd", idetcd().to_str().expect("text"));
    let directory = Directory::new();
    let file = directory.file("idetcd.service");
    fs::write(&file, unit).expect("written");
    let output = command("systemd-analyze").args(["verify", &file]).output().expect("it runs");
    // An unknown directive is a warning, with status 0; it may warn of this machine's units, too.
    assert!(output.status.success() && !said(&output).contains("idetcd"), "{}", said(&output));
    // Exposure of 2 out of 10.
    run("systemd-analyze", &["security", "--offline=true", "--threshold=20", &file]);
}

#[test]
fn the_readme_shows_the_line_of_the_inittab() {
    let inittab = fs::read_to_string(script("inittab")).expect("text");
    let line = inittab.lines().find(|line| line.starts_with("::respawn:")).expect("the line");
    let readme = fs::read_to_string(script("../README.md")).expect("text");
    assert!(readme.lines().any(|shown| shown == line), "not in the README: {line}");
}

#[test]
fn cloud_config_carries_the_unit() {
    let unit = fs::read_to_string(script("idetcd.service")).expect("text");
    let wanted: Vec<&str> = unit.lines().filter(|line| !line.starts_with('#')).collect();
    let text = fs::read_to_string(script("cloud-init.yaml")).expect("text");
    let (_, content) = text.split_once("    content: |\n").expect("the unit");
    let (content, _) = content.split_once("\nruncmd:").expect("runcmd");
    let found: Vec<&str> =
        content.lines().map(|line| line.strip_prefix("      ").unwrap_or(line)).collect();
    assert_eq!(found.join("\n").trim_end(), wanted.join("\n"));
}

/// What cloud-init is written in and with.
const CLOUD_INIT: [&str; 18] = [
    "cloud-init",
    "python3-attr",
    "python3-certifi",
    "python3-chardet",
    "python3-charset-normalizer",
    "python3-configobj",
    "python3-idna",
    "python3-jinja2",
    "python3-json-pointer",
    "python3-jsonpatch",
    "python3-jsonschema",
    "python3-markupsafe",
    "python3-oauthlib",
    "python3-pyrsistent",
    "python3-requests",
    "python3-six",
    "python3-urllib3",
    "python3-yaml",
];

/// Unpacks cloud-init without installing it, which would have it take over this machine at its next
/// boot. Returns where Python finds it.
fn unpack_cloud_init(directory: &Directory) -> Result<String, String> {
    let commands = format!(
        "set -e; cd {}; apt-get download -qq {}; for package in *.deb; do dpkg -x $package .; done",
        directory.path().display(),
        CLOUD_INIT.join(" ")
    );
    let output = with_environment("sh").args(["-c", &commands]).output().expect("a shell");
    if !output.status.success() {
        return Err(said(&output));
    }
    Ok(directory.file("usr/lib/python3/dist-packages"))
}

#[test]
fn cloud_init_accepts_the_cloud_config() {
    let directory = Directory::new();
    let path = match unpack_cloud_init(&directory) {
        Ok(path) if has("/usr/bin/python3", "python3") => path,
        Ok(_) => return,
        Err(why) => return println!("skipped: cloud-init cannot be had: {why}"),
    };
    let output = command("/usr/bin/python3")
        .args(["-m", "cloudinit.cmd.main", "schema", "--config-file"])
        .arg(script("cloud-init.yaml"))
        .env("PYTHONPATH", path)
        .output()
        .expect("Python");
    let said = said(&output);
    assert!(output.status.success() && said.contains("Valid cloud-config"), "{said}");
}
