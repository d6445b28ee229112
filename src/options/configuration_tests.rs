//! A Corefile beside the command line.

use super::*;
use crate::corefile::{Surroundings, parse};
use crate::options::{Command, Options};
use crate::server::forward::{ForwardRoute, ForwardTo};

const FILE: &str = "\
.:54 {
    bind 127.0.0.1 ::1
    idetcd {
        endpoint http://10.0.0.1:2379 10.0.0.2 http://10.0.0.1
        limit 5
        pattern worker{{.ID}}.tf.local.
    }
}
";

fn parsed(text: &str, arguments: &[&str]) -> Result<Options, String> {
    let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
    let read = |name: Option<&str>, port: u16| {
        let name = name.unwrap_or("Corefile");
        let surroundings =
            Surroundings { environment: &|_| None, import: &|_, _| Err("none".to_owned()) };
        parse(name, text, port, &surroundings).map(Some)
    };
    match crate::options::parse(&arguments, &[], &read) {
        Ok(Command::Run(options)) => Ok(*options),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.to_string()),
    }
}

fn options(text: &str, arguments: &[&str]) -> Options {
    parsed(text, arguments).unwrap_or_else(|error| panic!("{text} {arguments:?}: {error}"))
}

fn endpoints(options: &Options) -> Vec<&str> {
    options.connect.endpoints.iter().map(Endpoint::as_str).collect()
}

fn listens(options: &Options) -> Vec<String> {
    options.listen.iter().map(|listen| listen.address.to_string()).collect()
}

#[test]
fn the_file_says_what_the_command_line_does_not() {
    let from_file = options(FILE, &[]);
    assert_eq!(endpoints(&from_file), ["http://10.0.0.1:2379", "http://10.0.0.2:2379"]);
    assert_eq!(from_file.node.keyspace.limit, 5);
    assert_eq!(from_file.node.keyspace.pattern.to_string(), "worker{{.ID}}.tf.local.");
    assert_eq!(listens(&from_file), ["127.0.0.1:54", "[::1]:54"]);
    let origin = from_file.corefile.expect("a file");
    assert_eq!((origin.file.as_str(), origin.notices.len()), ("Corefile", 0));
    let origin = options(FILE, &["-conf", "x"]).corefile.expect("a file");
    assert_eq!(origin.file, "x");
    let bare = FILE.replace(":54", "").replace("    bind 127.0.0.1 ::1\n", "");
    for (arguments, port) in [(&[][..], 53), (&["-dns.port", "1053"][..], 1053)] {
        let options = options(&bare, arguments);
        assert_eq!(listens(&options), [format!("0.0.0.0:{port}"), format!("[::]:{port}")]);
        let required: Vec<bool> = options.listen.iter().map(|listen| listen.required).collect();
        assert_eq!(required, [true, false], "a host without IPv6 serves as well");
    }
    let least = options(".\nidetcd {\npattern w{{.ID}}.a.\n}", &[]);
    assert_eq!(endpoints(&least), ["http://localhost:2379"]);
    assert_eq!(least.node.keyspace.limit, 10);
}

#[test]
fn each_option_wins_over_the_file() {
    let limit = options(FILE, &["--limit", "9"]);
    assert_eq!((limit.node.keyspace.limit, limit.connect.endpoints.len()), (9, 2));
    let endpoint = options(FILE, &["--endpoints", "http://b"]);
    assert_eq!(endpoints(&endpoint), ["http://b:2379"]);
    assert_eq!(endpoint.node.keyspace.limit, 5);
    let listen = options(FILE, &["--listen", "127.0.0.9:1"]);
    assert_eq!(listens(&listen), ["127.0.0.9:1"]);
    let pattern = options(FILE, &["--conf", "x", "--pattern", "w{{.ID}}.a."]);
    assert_eq!(pattern.node.keyspace.pattern.to_string(), "w{{.ID}}.a.");
    assert_eq!(listens(&pattern), ["127.0.0.1:54", "[::1]:54"]);
    let alone = options(FILE, &["--pattern", "w{{.ID}}.a."]);
    assert_eq!((alone.corefile, alone.connect.endpoints.len()), (None, 1), "no file is read");
}

#[test]
fn servers_are_those_of_the_option() {
    let with = |servers: &str| FILE.replacen("\n", &format!("\n    forward . {servers}\n"), 1);
    let servers = |options: &Options| match &options.forward.routes[..] {
        [ForwardRoute { zone, to: ForwardTo::Servers(servers) }] if zone == "." => {
            servers.iter().map(ToString::to_string).collect()
        }
        [ForwardRoute { to: ForwardTo::ResolvConf(path), .. }] => vec![path.display().to_string()],
        _ => Vec::new(),
    };
    let table: [(&str, &[&str]); 4] = [
        (
            "10.0.0.53 dns://10.0.0.54:54 fd00::53",
            &["10.0.0.53:53", "10.0.0.54:54", "[fd00::53]:53"],
        ),
        ("/etc/resolv.conf", &["/etc/resolv.conf"]),
        ("/run/x", &["/run/x"]),
        ("resolv.conf", &["./resolv.conf"]),
    ];
    for (text, wanted) in table {
        assert_eq!(servers(&options(&with(text), &[])), wanted, "{text}");
    }
    let option = options(&with("10.0.0.53"), &["--forward", "10.0.0.9"]);
    assert_eq!(servers(&option), ["10.0.0.9:53"]);
    for (text, wanted) in [
        ("here", "Corefile: line 2, column 15: forward: \"here\" is not an address"),
        ("10.0.0.1 0.0.0.0", "Corefile: line 2, column 24: forward: 0.0.0.0 is not the address"),
        ("10.0.0.1 /x", "Corefile: line 2, column 24: forward: \"/x\": a file that names servers"),
    ] {
        let error = parsed(&with(text), &[]).expect_err(wanted);
        assert!(error.starts_with(wanted), "{error}");
    }
}

#[test]
fn other_spellings_of_the_pattern_are_told() {
    for (pattern, count) in [
        ("worker{{.ID}}.tf.local.", 0),
        ("\"worker{{ .ID }}.tf.local.\"", 0),
        ("worker{{.ID}}.tf.local", 1),
        ("Worker{{.ID}}.tf.local.", 1),
    ] {
        let text = FILE.replace("worker{{.ID}}.tf.local.", pattern);
        let origin = options(&text, &[]).corefile.expect("a file");
        assert_eq!(origin.notices.len(), count, "{pattern}");
        for notice in origin.notices {
            let wanted = "Corefile: line 6, column 17: ";
            assert!(notice.to_string().starts_with(wanted), "{notice}");
        }
    }
}

#[test]
fn what_is_wrong_is_told_with_its_place_or_its_option() {
    let quoted = FILE.replace("worker{{.ID}}.tf.local.", "\"worker{{.Id}}.tf.local.\"");
    let table: [(&str, &[&str], &str); 12] = [
        (FILE, &["--limit", "x"], "--limit: \"x\" is not"),
        (FILE, &["-dns.port", "x"], "--dns.port: \"x\" is not a whole number from 0 to 65535"),
        (FILE, &["-dns.port"], "--dns.port: an argument is missing"),
        (FILE, &["-conf", ""], "--conf: the name of the file is empty"),
        (FILE, &["-conf", "x", "--conf", "y"], "--conf: given twice"),
        (FILE, &["--pattern", "w{{.ID}}.a.", "-dns.port", "5"], "--dns.port: goes with a Corefile"),
        (&FILE.replace(".ID", ".Id"), &[], "Corefile: line 6, column 23: pattern: only {{.ID}}"),
        (&quoted, &["-conf", "x"], "x: line 6, column 17: pattern: only {{.ID}}"),
        (
            &FILE.replace("10.0.0.2", "a/b"),
            &[],
            "Corefile: line 4, column 39: endpoint: \"a/b\": only",
        ),
        (
            &FILE.replace("pattern", "x"),
            &[],
            "Corefile: line 3, column 5: idetcd: there is no pattern",
        ),
        (&FILE.replacen(".:54", "a:54", 1), &[], "Corefile: line 1, column 1: a.: the pattern's"),
        (
            &FILE.replacen(".:54", "tf.local", 1),
            &["--conf=Corefile", "--pattern=w{{.ID}}.a."],
            "Corefile: line 1, column 1: tf.local.: the pattern's names are in a.,",
        ),
    ];
    for (text, arguments, wanted) in table {
        let error = parsed(text, arguments).expect_err(wanted);
        assert!(error.starts_with(wanted), "{arguments:?}: {error}");
    }
}
