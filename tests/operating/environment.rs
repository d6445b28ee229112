//! Options from the environment, and the words by which shells complete.

use support::{Directory, Etcd, PATTERN, command, idetcd, install, run};

/// What the program prints, whatever its exit status.
fn printed(variables: &[(&str, &str)], arguments: &[&str]) -> String {
    let mut idetcd = command(idetcd());
    let output = idetcd.args(arguments).envs(variables.iter().copied()).output().expect("idetcd");
    [output.stdout, output.stderr]
        .map(|octets| String::from_utf8_lossy(&octets).into_owned())
        .concat()
}

#[test]
fn check_says_which_options_came_from_where() {
    let etcd = Etcd::start();
    let variables = [
        ("IDETCD_PATTERN", PATTERN),
        ("ETCDCTL_ENDPOINTS", &*etcd.endpoint()),
        ("IDETCD_OPTION_LIMIT", "3"),
        // What programs are told, of another node.
        ("IDETCD_LIMIT", "99"),
        ("IDETCD_PORT", "7"),
    ];
    let text = printed(&variables, &["check", "--listen", "127.0.0.1:0"]);
    let wanted = "the command line gives --listen; the environment IDETCD_PATTERN, IDETCD_OPTION_LIMIT, \
                  ETCDCTL_ENDPOINTS";
    assert!(text.contains(wanted), "{text}");
    assert!(text.contains("3 of 3 names are free") || text.contains("of 3"), "{text}");
}

#[test]
fn what_is_wrong_in_the_environment_is_told_by_its_variable() {
    let text = printed(&[("IDETCD_MAX_LAG", "1")], &["--pattern", PATTERN]);
    assert!(
        text.starts_with("idetcd: IDETCD_MAX_LAG (as --max-lag): \"1\" is not a whole"),
        "{text}"
    );
}

/// The words that bash would complete to.
fn completed(script: &str, words: &[&str]) -> Vec<String> {
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let last = words.len() - 1;
    let program = format!(
        ". {script}; COMP_WORDS=({}); COMP_CWORD={last}; _idetcd; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        quoted.join(" ")
    );
    run("bash", &["-c", &program]).split_whitespace().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_options_and_files() {
    let directory = Directory::new();
    let script = directory.path().join("completion");
    std::fs::write(&script, run(idetcd(), &["completion", "bash"])).expect("written");
    let script = script.to_str().expect("a path");
    let table: [(&[&str], &[&str]); 7] = [
        (&["idetcd", "li"], &["list"]),
        (&["idetcd", "--lease"], &["--lease-ttl"]),
        (&["idetcd", "list", "--js"], &["--json"]),
        (&["idetcd", "list", "--lis"], &[]),
        (&["idetcd", "exec", "--on-p"], &["--on-peer-lost"]),
        (&["idetcd", "completion", "f"], &["fish"]),
        (&["idetcd", "--cacert", script], &[script]),
    ];
    for (words, wanted) in table {
        assert_eq!(completed(script, words), wanted, "{words:?}");
    }
}

#[test]
fn zsh_and_fish_take_their_scripts() {
    install(&["zsh:zsh", "fish:fish"]);
    let directory = Directory::new();
    for shell in ["zsh", "fish"] {
        let script = directory.path().join(shell);
        std::fs::write(&script, run(idetcd(), &["completion", shell])).expect("written");
        let script = script.to_str().expect("a path");
        run(shell, &["-n", script]);
        if shell == "fish" {
            let text =
                run(shell, &["-c", &format!("source {script}; complete -C 'idetcd drain --rea'")]);
            assert!(text.starts_with("--reason"), "{text}");
        }
    }
}
