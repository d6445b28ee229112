use log::LevelFilter;

use super::*;
use crate::options::{Command, parse};

const PATTERN: [&str; 2] = ["--pattern", "worker{{.ID}}.tf.local."];

fn parsed(arguments: &[&str]) -> Result<Command, Failure> {
    let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
    parse(&arguments, &[], &|_, _| Ok(None))
}

fn tool(word: &str, arguments: &[&str]) -> (Tool, Options) {
    match parsed(&[&[word], &PATTERN[..], arguments].concat()) {
        Ok(Command::Tool(tool, options)) => (tool, *options),
        other => panic!("{word} {arguments:?}: {other:?}"),
    }
}

#[test]
fn tools_are_read_with_their_own_options() {
    let list = |form, port| Tool::List { form, port };
    let wait = |count, seconds: Option<u64>| Tool::Wait {
        count,
        timeout: seconds.map(Duration::from_secs),
    };
    let table: [(&str, &[&str], Tool); 14] = [
        ("list", &[], list(Form::Table, None)),
        ("list", &["--json"], list(Form::Json, None)),
        ("list", &["--hosts"], list(Form::Hosts, None)),
        ("list", &["--tf-config"], list(Form::TfConfig { port: 2222 }, None)),
        ("list", &["--tf-config", "--tf-port=1"], list(Form::TfConfig { port: 1 }, None)),
        ("list", &["--port", "1053"], list(Form::Table, Some(1053))),
        ("list", &["--file-sd"], list(Form::Targets { port: 9100 }, None)),
        ("list", &["--file-sd", "--file-sd-port=80"], list(Form::Targets { port: 80 }, None)),
        ("list", &["--watch"], Tool::Watch { form: LineForm::Tabs }),
        ("list", &["--json", "--watch"], Tool::Watch { form: LineForm::Json }),
        ("wait", &["--count", "3"], wait(3, None)),
        ("wait", &["--count=11", "--timeout=60"], wait(11, Some(60))),
        ("wait", &["--count=5", "--limit=5"], wait(5, None)),
        ("check", &["--listen", "127.0.0.1:1053", "--wait", "--ipv4", "10.0.0.1"], Tool::Check),
    ];
    for (word, arguments, wanted) in table {
        assert_eq!(tool(word, arguments).0, wanted, "{word} {arguments:?}");
    }
    assert_eq!(tool("list", &[]).1.verbosity, LevelFilter::Warn);
    assert_eq!(tool("list", &["-v"]).1.verbosity, LevelFilter::Debug);
}

#[test]
fn a_name_to_release_is_given_as_such_without_its_end_or_by_number() {
    let table = [
        ("3", "worker3.tf.local."),
        ("0010", "worker10.tf.local."),
        ("worker3", "worker3.tf.local."),
        ("Worker3.TF.local", "worker3.tf.local."),
        ("worker30.tf.local.", "worker30.tf.local."),
        ("ps7.tf.local", "ps7.tf.local."),
        ("db.a.b", "db.a.b."),
    ];
    let resolve = ["--resolve", "ps{{.ID}}.tf.local.", "--resolve", "db.a.b"];
    for (text, wanted) in table {
        for (yes, confirmation) in [(None, Confirmation::Ask), (Some("--yes"), Confirmation::Given)]
        {
            let arguments: Vec<&str> = resolve.into_iter().chain(yes).chain([text]).collect();
            let wanted = Tool::Release { name: wanted.to_owned(), confirmation };
            assert_eq!(tool("release", &arguments).0, wanted, "{text}");
        }
    }
}

#[test]
fn a_node_to_drain_is_given_by_its_name_or_number() {
    let slot = SlotId::new(3).expect("not 0");
    for text in ["3", "worker3", "Worker3.tf.local."] {
        assert_eq!(tool("drain", &[text]).0, Tool::Drain { slot, reason: None }, "{text}");
        assert_eq!(tool("undrain", &[text]).0, Tool::Undrain { slot }, "{text}");
        let wanted = Tool::Drain { slot, reason: "disk 3".parse().ok() };
        assert_eq!(tool("drain", &[text, "--reason", "disk 3"]).0, wanted, "{text}");
    }
}

#[test]
fn what_is_wrong_is_told_in_one_line() {
    let table: [(&str, &[&str], &str); 34] = [
        ("list", &["--listen", "127.0.0.1"], "--listen: not for list; see idetcd list --help"),
        ("list", &["--wait"], "--wait: not for list"),
        ("wait", &["--count=1", "--port=53"], "--port: not for wait"),
        ("release", &["1", "--ttl", "5"], "--ttl: not for release"),
        ("check", &["--count", "0"], "--count: \"0\" is not N or N:MAX"),
        ("check", &["now"], "\"now\" is no option of check"),
        ("list", &["--json", "--hosts"], "--json: give one of"),
        ("list", &["--file-sd", "--hosts"], "--json: give one of"),
        ("list", &["--file-sd-port=80"], "--file-sd-port: means nothing without --file-sd"),
        ("list", &["--file-sd=x"], "--file-sd: takes no argument"),
        ("list", &["--watch", "--hosts"], "--watch: goes with --json or none"),
        ("wait", &["--count=1", "--file-sd=/x.json"], "--file-sd: not for wait"),
        ("list", &["--tf-port", "2222"], "--tf-port: means nothing without --tf-config"),
        ("list", &["--tf-config", "--tf-port", "0"], "--tf-port: \"0\" is not a whole number"),
        ("list", &["worker1"], "\"worker1\" is no option of list"),
        ("list", &["--endpoints", "x:y:z"], "--endpoints:"),
        ("wait", &[], "--count: must be given"),
        ("wait", &["--count", "0"], "--count:"),
        ("wait", &["--count=1", "--timeout=0"], "--timeout:"),
        ("wait", &["--count=6", "--limit=5"], "--count: 6 nodes will never have 5 names"),
        ("release", &[], "NAME is missing"),
        ("release", &["1", "2"], "\"2\" is no option of release"),
        ("release", &["0"], "\"0\" is no name or number of worker{{.ID}}.tf.local."),
        ("release", &["worker"], "\"worker\" is no name or number"),
        ("drain", &[], "NAME is missing: which node is to be drained? see idetcd drain --help"),
        ("undrain", &[], "NAME is missing: which node is to be drained no more?"),
        ("drain", &["1", "2"], "\"2\" is no option of drain"),
        ("drain", &["ps1.tf.local"], "\"ps1.tf.local\" is no name or number of worker{{.ID}}"),
        (
            "drain",
            &["--resolve=db.a.b", "db.a.b"],
            "db.a.b. is none of worker{{.ID}}.tf.local., who",
        ),
        ("drain", &["1", "--reason="], "--reason: the text is empty"),
        ("drain", &["1", "--reason", "a\nb"], "--reason: '\\n' cannot stand in it"),
        ("undrain", &["1", "--reason=x"], "--reason: no such option"),
        ("drain", &["1", "--ready-file=/run/x"], "--ready-file: not for drain"),
        (
            "frob",
            &[],
            "\"frob\" is no command, only exec, list, wait, check, ready, status, release, drain, undrain, help, version, completion are",
        ),
    ];
    for (word, arguments, wanted) in table {
        match parsed(&[&[word], &PATTERN[..], arguments].concat()) {
            Ok(command) => panic!("{word} {arguments:?} was taken for {command:?}"),
            Err(error) => {
                let text = error.to_string();
                assert!(text.starts_with(wanted), "{word} {arguments:?}: {text}");
                assert!(!text.contains('\n'), "{text}");
            }
        }
    }
    let late = parsed(&[&PATTERN[..], &["list"]].concat()).expect_err("a late command");
    assert!(late.to_string().starts_with("\"list\" is a command, and stands first"), "{late}");
    let bare = parsed(&["list"]).expect_err("no pattern");
    assert!(bare.to_string().starts_with("--pattern: must be given"), "{bare}");
}

#[test]
fn each_command_has_a_help_that_fits() {
    for tool in TOOLS {
        let Ok(Command::Print(help)) = parsed(&[tool.name, "--help"]) else { panic!("no help") };
        assert!(help.starts_with(&format!("Usage: idetcd {} ", tool.name)), "{help}");
        assert!(help.lines().count() <= 25, "{help}");
        for line in help.lines() {
            assert!(line.chars().count() <= 80, "{}: {line}", line.chars().count());
        }
        for entry in table::options(Takers::Tool(tool.name)) {
            assert!(help.contains(&entry.spelling()), "{} is not in {help}", entry.name);
        }
    }
}
