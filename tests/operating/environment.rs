//! Options from the environment, and the words by which shells complete.

use support::{Directory, Etcd, Node, PATTERN, command, idetcd, install, run};

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

#[test]
fn a_misspelt_variable_is_told_with_the_one_that_was_meant() {
    let etcd = Etcd::start();
    let endpoint = etcd.endpoint();
    // Also where the node does not start for want of it.
    let text = printed(&[("IDETCD_PATERN", PATTERN)], &["--ttl", "3"]);
    assert!(text.starts_with("idetcd: --pattern: must be given"), "{text}");
    assert!(
        text.contains("; IDETCD_PATERN is no variable of idetcd; did you mean IDETCD_PATTERN?"),
        "{text}"
    );
    let variables = [
        ("IDETCD_LEASE_TLL", "60"),
        ("IDETCD_OPTION_TTL", "6"),
        ("IDETCD_COUNT", "3"),
        ("IDETCD_TLL", ""),
        ("IDETCD_JSON", "1"),
        ("IDETCD_SERVICE_HOST", "10.0.0.1"),
    ];
    let options = ["--pattern", PATTERN, "--endpoints", &endpoint, "--listen", "127.0.0.1:0"];
    let text = printed(&variables, &[&["check"][..], &options].concat());
    let wanted = [
        "note\toptions\tIDETCD_COUNT is told to programs, and is no option; did you mean IDETCD_OPTION_COUNT?",
        "note\toptions\tIDETCD_LEASE_TLL is no variable of idetcd; did you mean IDETCD_LEASE_TTL?",
        "note\toptions\tIDETCD_OPTION_TTL is no variable of idetcd; did you mean IDETCD_TTL?",
    ];
    let notes: Vec<&str> = text.lines().filter(|line| line.contains("\toptions\tIDETCD")).collect();
    assert_eq!(notes, wanted, "{text}");
    let env = ["env", "IDETCD_LEASE_TLL=60", "IDETCD_LIMIT=7"].map(str::to_owned);
    let node = Node::start_by(&env, &options);
    node.slot();
    let log = node.log();
    assert_eq!(log.matches("did you mean IDETCD_LEASE_TTL?").count(), 1, "{log}");
    assert_eq!(log.matches("did you mean IDETCD_OPTION_LIMIT?").count(), 1, "{log}");
    // What exec and hooks set is no slip, nor what Kubernetes says of a service of that name.
    let told = ["IDETCD_NAME=w1.a", "IDETCD_LIMIT=7", "IDETCD_COUNT=2", "IDETCD_IPV4=10.0.0.9"];
    let told =
        [&["env"][..], &told].concat().iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    let node = Node::start_by(&told, &options);
    node.slot();
    assert!(!node.log().contains("did you mean"), "{}", node.log());
    let text =
        printed(&[("IDETCD_PORT", "tcp://10.0.0.1:53")], &[&["check"][..], &options].concat());
    assert!(!text.contains("did you mean"), "{text}");
    // A hook of a node without a name may ask for a list.
    let listed = printed(
        &[("IDETCD_LIMIT", "7")],
        &["list", "--pattern", PATTERN, "--endpoints", &endpoint],
    );
    assert!(!listed.contains("did you mean"), "{listed}");
}

#[test]
fn the_values_of_an_option_without_an_argument_are_told() {
    for (variable, wanted) in [
        ("IDETCD_WAIT", "\"maybe\" is none of true, false, 1, 0"),
        ("IDETCD_VERBOSE", "\"maybe\" is none of true, false, 1, 0, 2"),
    ] {
        let text = printed(&[(variable, "maybe")], &["--pattern", PATTERN]);
        assert_eq!(text.trim(), format!("idetcd: {variable}: {wanted}"));
    }
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
    let table: [(&[&str], &[&str]); 14] = [
        (&["idetcd", "li"], &["list"]),
        (&["idetcd", "--lease"], &["--lease-ttl"]),
        (&["idetcd", "list", "--js"], &["--json"]),
        (&["idetcd", "list", "--lis"], &[]),
        (&["idetcd", "exec", "--on-p"], &["--on-peer-lost"]),
        (&["idetcd", "completion", "f"], &["fish"]),
        (&["idetcd", "--cacert", script], &[script]),
        (&["idetcd", "--notify", ""], &["bound", "named"]),
        (&["idetcd", "exec", "--when-in-doubt", "k"], &["keep"]),
        (&["idetcd", "exec", "--on-peer-lost", "=", "e"], &["end"]),
        (&["idetcd", "--lease-ttl", ""], &["auto"]),
        (&["idetcd", "--ipv4", "n"], &["none"]),
        (&["idetcd", "--ttl", ""], &[]),
        (&["idetcd", "completion", ""], &["bash", "zsh", "fish"]),
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
            let text =
                run(shell, &["-c", &format!("source {script}; complete -C 'idetcd --notify '")]);
            let words = text.lines().filter_map(|line| line.split_whitespace().next());
            assert_eq!(words.collect::<Vec<_>>(), ["bound", "named"]);
        }
    }
}
