//! What the environment adds to the command line, and what is shown rather than done.

use log::LevelFilter;

use super::*;
use crate::cluster::AddressChoice;
use crate::connect::Endpoint;
use crate::node::WhenFull;

const PATTERN: [&str; 2] = ["--pattern", "worker{{.ID}}.tf.local."];

fn parsed(arguments: &[&str]) -> Result<Command, Failure> {
    parsed_with(&[], arguments)
}

/// The same with these variables.
fn parsed_with(variables: &[(&str, &str)], arguments: &[&str]) -> Result<Command, Failure> {
    let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
    let environment: Vec<_> =
        variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
    parse(&arguments, &environment, &|_, _| Ok(None))
}

fn options_with(variables: &[(&str, &str)], arguments: &[&str]) -> Result<Options, String> {
    match parsed_with(variables, arguments) {
        Ok(Command::Run(options)) => Ok(*options),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn the_environment_gives_what_the_command_line_does_not() {
    let variables = [
        ("IDETCD_PATTERN", "w{{.ID}}.a."),
        ("IDETCD_OPTION_LIMIT", "7"),
        ("IDETCD_TTL", "9"),
        ("IDETCD_WAIT", "true"),
        ("IDETCD_RESOLVE", "db{{.ID}}.a., x.a."),
        ("ETCDCTL_ENDPOINTS", "10.0.0.1:2379,https://b"),
        ("IDETCD_VERBOSE", "2"),
        // Of exec's and the tools', and what programs are told.
        ("IDETCD_COUNT", "3"),
        ("IDETCD_JSON", "1"),
        ("IDETCD_LIMIT", "99"),
        ("IDETCD_IPV4", "10.0.0.9"),
        ("IDETCD_YES", "1"),
        ("IDETCD_MAX_LAG", ""),
    ];
    let options = options_with(&variables, &["--ttl", "8"]).expect("options");
    let endpoints: Vec<&str> = options.connect.endpoints.iter().map(Endpoint::as_str).collect();
    assert_eq!(endpoints, ["http://10.0.0.1:2379", "https://b:2379"]);
    assert_eq!((options.node.keyspace.limit, options.ttl), (7, 8));
    assert_eq!(options.node.keyspace.pattern.to_string(), "w{{.ID}}.a.");
    assert_eq!(options.node.keyspace.resolve.len(), 2);
    assert_eq!(options.node.when_full, WhenFull::Wait);
    assert_eq!(
        (options.verbosity, options.node.ipv4),
        (LevelFilter::Trace, AddressChoice::Discover)
    );
    assert_eq!(
        options.origins.to_string(),
        "the command line gives --ttl; the environment IDETCD_PATTERN, IDETCD_OPTION_LIMIT, IDETCD_RESOLVE, \
         IDETCD_WAIT, ETCDCTL_ENDPOINTS, IDETCD_VERBOSE"
    );
    // Ours win over etcdctl's.
    let both = [("IDETCD_ENDPOINTS", "a:1"), ("ETCDCTL_ENDPOINTS", "b:2"), variables[0]];
    let options = options_with(&both, &[]).expect("options");
    assert_eq!(options.connect.endpoints.first().map(Endpoint::as_str), Some("http://a:1"));
}

#[test]
fn what_is_wrong_in_the_environment_is_told_by_its_variable() {
    let table = [
        ("IDETCD_TTL", "x", "IDETCD_TTL (as --ttl): \"x\" is not a whole number from 0 to 86400"),
        ("IDETCD_WAIT", "yes", "IDETCD_WAIT: \"yes\" is none of true, false, 1, 0"),
        ("IDETCD_WAIT", "2", "IDETCD_WAIT: \"2\" is none of true, false, 1, 0"),
        ("ETCDCTL_USER", "a", "ETCDCTL_USER (as --user): the password is missing"),
    ];
    for (variable, value, wanted) in table {
        let error = options_with(&[(variable, value)], &PATTERN).expect_err(variable);
        assert!(error.starts_with(wanted), "{error}");
    }
}

#[test]
fn tools_take_from_the_environment_what_they_take() {
    let variables =
        [("IDETCD_PATTERN", "w{{.ID}}.a."), ("IDETCD_LISTEN", "127.0.0.1"), ("IDETCD_JSON", "1")];
    match parsed_with(&variables, &["list"]) {
        Ok(Command::Tool(Tool::List { form: Form::Json, .. }, options)) => {
            assert_eq!(options.origins.environment.len(), 2);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_misspelt_word_is_told_with_the_one_that_was_meant() {
    let table: [(&[&str], &str); 7] = [
        (&["lst"], "\"lst\" is no command; did you mean list?"),
        (&["--patern", "x"], "--patern: no such option; did you mean --pattern?"),
        (&["list", "--jsn"], "--jsn: no such option; did you mean --json?"),
        (&["--endpoint", "x"], "--endpoint: no such option; did you mean --endpoints?"),
        (&["help", "lits"], "\"lits\" is no command; did you mean list?"),
        (&["frobnicate"], "\"frobnicate\" is no command, only exec, list"),
        (&["--frobnicate"], "--frobnicate: no such option; see idetcd --help"),
    ];
    for (arguments, wanted) in table {
        let error = parsed(arguments).expect_err("no such word").to_string();
        assert!(error.starts_with(wanted), "{error}");
    }
}

#[test]
fn help_is_given_by_word_and_by_option() {
    let text = |arguments: &[&str]| match parsed(arguments) {
        Ok(Command::Print(text)) => text,
        other => panic!("{other:?}"),
    };
    assert_eq!(text(&["help"]), text(&["--help"]));
    assert_eq!(text(&["version"]), text(&["--version"]));
    for tool in TOOLS.iter().map(|tool| tool.name).chain([EXEC]) {
        assert_eq!(text(&["help", tool]), text(&[tool, "--help"]), "{tool}");
    }
    for word in [HELP_WORD, VERSION_WORD, COMPLETION_WORD] {
        assert_eq!(text(&["help", word]), text(&[word, "--help"]), "{word}");
        assert!(text(&["help", word]).starts_with(&format!("Usage: idetcd {word}")), "{word}");
    }
    for shell in completion::SHELLS {
        let script = text(&["completion", shell]);
        for word in commands().chain(["--lease-ttl", "--tf-config"].map(|it| &it[2..])) {
            assert!(script.contains(word), "{shell} {word}");
        }
    }
    let error = parsed(&["completion", "tcsh"]).expect_err("unknown").to_string();
    assert_eq!(error, "completion: \"tcsh\" is none of bash, zsh, fish");
    assert!(parsed(&["version", "x"]).is_err());
}
