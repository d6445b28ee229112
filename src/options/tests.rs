//! The command line, right and wrong.

use std::time::Duration;

use log::LevelFilter;

use super::*;
use crate::cluster::{AddressChoice, Names};
use crate::connect::{Access, Endpoint, Password};
use crate::host::accounts::RunAs;
use crate::node::{LeaseTtl, WhenFull};

const PATTERN: [&str; 2] = ["--pattern", "worker{{.ID}}.tf.local."];
const EXEC_PATTERN: [&str; 3] = ["exec", PATTERN[0], PATTERN[1]];

fn parsed(arguments: &[&str]) -> Result<Command, Failure> {
    let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
    parse(&arguments, &[], &|_, _| Ok(None))
}

fn options_of(arguments: &[&str]) -> Result<Options, String> {
    match parsed(arguments) {
        Ok(Command::Run(options)) => Ok(*options),
        Ok(other) => panic!("{arguments:?}: {other:?}"),
        Err(error) => Err(error.to_string()),
    }
}

fn options(arguments: &[&str]) -> Options {
    options_of(&[&PATTERN, arguments].concat()).expect("a command line that is right")
}

#[test]
fn defaults_are_those_of_the_help() {
    let options = options(&[]);
    let endpoints: Vec<&str> = options.connect.endpoints.iter().map(Endpoint::as_str).collect();
    assert_eq!(endpoints, ["http://localhost:2379"]);
    assert_eq!((options.node.keyspace.limit, options.ttl, options.node.port), (10, 5, None));
    assert_eq!(
        (options.node.keyspace.prefix.as_str(), options.node.keyspace.resolve.len()),
        ("", 0)
    );
    assert_eq!(
        (options.node.when_full, options.node.max_stale.as_secs()),
        (WhenFull::Exit, 86_400)
    );
    assert_eq!((options.allow.len(), options.rrl, options.forward.routes.len()), (0, None, 0));
    assert!(options.allow_transfer.is_empty());
    assert_eq!(options.connect.access, Access::default());
    assert_eq!((options.node.lease_ttl, options.connect.timeout.as_secs()), (LeaseTtl::AUTO, 2));
    let listens: Vec<_> =
        options.listen.iter().map(|l| (l.address.to_string(), l.required)).collect();
    assert_eq!(listens, [("0.0.0.0:53".to_owned(), true), ("[::]:53".to_owned(), false)]);
    assert_eq!(options.verbosity, LevelFilter::Info);
}

#[test]
fn endpoints_and_addresses_are_normalised() {
    let table = [
        ("http://10.0.0.1", "http://10.0.0.1:2379"),
        ("http://10.0.0.1:4001/", "http://10.0.0.1:4001"),
        ("http://[FD00::1]", "http://[fd00::1]:2379"),
        ("http://etcd-1.example:80", "http://etcd-1.example:80"),
    ];
    for (text, wanted) in table {
        assert_eq!(options(&["--endpoints", text]).connect.endpoints[0].as_str(), wanted);
    }
    let several = options(&["--endpoints", "http://a,http://b", "--endpoints", "http://a"]);
    assert_eq!(several.connect.endpoints.len(), 2);
    for (text, wanted) in [
        ("127.0.0.1", "127.0.0.1:53"),
        ("127.0.0.1:1053", "127.0.0.1:1053"),
        ("::1", "[::1]:53"),
        ("[::1]", "[::1]:53"),
        ("[::1]:1053", "[::1]:1053"),
    ] {
        assert_eq!(options(&["--listen", text]).listen[0].address.to_string(), wanted);
    }
    for (text, milliseconds) in [("0.25", 250), ("5.", 5000), ("1.0019", 1001), ("60", 60_000)] {
        let timeout = options(&["--etcd-timeout", text]).connect.timeout;
        assert_eq!(timeout, Duration::from_millis(milliseconds), "{text}");
    }
    assert_eq!(options(&["--ipv6", "none"]).node.ipv6, AddressChoice::Omit);
    assert_eq!(options(&["-vv"]).verbosity, LevelFilter::Trace);
}

#[test]
fn names_keys_and_trust_are_read() {
    let options = options(&[
        "--wait",
        "--max-stale=0",
        "--allow=10.0.0.0/8, fd00::/8",
        "--allow=127.0.0.1",
        "--allow-transfer=10.0.0.53,fd00::/8",
        "--allow-transfer=10.0.0.54",
        "--rrl=50",
        "--prefix=/site/a/",
        "--resolve=ps{{.ID}}.tf.local",
        "--resolve=DB.example.com",
        "--endpoints=https://10.0.0.1,https://[FD00::1]:4001",
        "--cacert=ca.pem",
        "--cert=node.pem",
        "--key=node.key",
        "--user=root:se:cret",
    ]);
    assert_eq!((options.node.when_full, options.node.max_stale.as_secs()), (WhenFull::Wait, 0));
    assert_eq!((options.allow.len(), options.rrl), (3, Some(50)));
    assert_eq!(options.allow_transfer.len(), 3);
    assert_eq!(options.node.keyspace.prefix, "/site/a/");
    let resolve: Vec<String> = options.node.keyspace.resolve.iter().map(Names::to_string).collect();
    assert_eq!(resolve, ["ps{{.ID}}.tf.local.", "db.example.com."]);
    let endpoints: Vec<&str> = options.connect.endpoints.iter().map(Endpoint::as_str).collect();
    assert_eq!(endpoints, ["https://10.0.0.1:2379", "https://[fd00::1]:4001"]);
    let access = options.connect.access;
    assert_eq!(access.cacert, Some("ca.pem".into()));
    assert_eq!(access.certificate, Some(("node.pem".into(), "node.key".into())));
    let user = access.user.expect("a user");
    assert_eq!((user.name.as_str(), &user.password), ("root", &Password::Given("se:cret".into())));
    assert!(!format!("{user:?}").contains("cret"), "{user:?}");
}

#[test]
fn what_follows_the_dashes_is_the_program_whatever_it_looks_like() {
    let more = ["--grace=3", "--", "torchrun", "--pattern", "-v", "--", "x y"];
    let with_program = options_of(&[&EXEC_PATTERN[..], &more].concat()).expect("right");
    let program = with_program.notify.program.expect("a program");
    assert_eq!(program.words, ["torchrun", "--pattern", "-v", "--", "x y"]);
    let three = Duration::from_secs(3);
    assert_eq!((program.grace, with_program.notify.hook_grace), (three, three));
    let options = options(&["--run-as=a:b"]);
    let run_as = RunAs { user: "a".to_owned(), group: Some("b".to_owned()) };
    assert_eq!((options.notify.program, options.run_as), (None, Some(run_as)));
    assert_eq!(options.notify.hook_grace.as_secs(), 10);
}

#[test]
fn a_program_has_to_end_within_a_part_of_the_lease() {
    for (more, grace, hook_grace) in [
        (&[][..], 5.0, 10),
        (&["--lease-ttl=2"], 0.5, 10),
        (&["--grace=6"], 6.0, 6),
        (&["--lease-ttl=90", "--grace=30"], 30.0, 30),
    ] {
        let notify = options_of(&[&EXEC_PATTERN[..], more, &["--", "true"]].concat());
        let notify = notify.expect("right").notify;
        let program = notify.program.expect("a program");
        assert_eq!(program.grace.as_secs_f64(), grace, "{more:?}");
        assert_eq!(notify.hook_grace.as_secs(), hook_grace, "{more:?}");
    }
    // Without a program nothing has to be over before the lease.
    assert_eq!(options(&["--grace=600"]).notify.hook_grace.as_secs(), 600);
}

#[test]
fn what_is_wrong_is_told_in_one_line_that_names_the_option() {
    let table: [(&[&str], &str); 86] = [
        (&["--forward", ""], "--forward: \"\" is not an address"),
        (&["--forward", "dns.example"], "--forward: \"dns.example\" is not an address"),
        (&["--forward", "10.0.0.1,resolv.conf"], "--forward: \"resolv.conf\": a file that"),
        (&["--forward", "/x,10.0.0.1"], "--forward: \"/x\": a file that names servers must be"),
        (&["--forward", "0.0.0.0"], "--forward: 0.0.0.0 is not the address of a server"),
        (&["--forward", "10.0.0.1:0"], "--forward: 10.0.0.1:0 is not the address of a server"),
        (&["--limit", "0"], "--limit: \"0\" is not a whole number from 1"),
        (&["--limit", "1000001"], "--limit:"),
        (&["--limit", "ten"], "--limit:"),
        (&["--limit", "-3"], "--limit:"),
        (&["--limit", "+3"], "--limit:"),
        (&["--limit", ""], "--limit:"),
        (&["--limit"], "--limit: an argument is missing"),
        (&["--limit", "1", "--limit", "2"], "--limit: given twice"),
        (&["--frobnicate"], "--frobnicate: no such option"),
        (&["-x"], "-x: no such option"),
        (&["--quiet=yes"], "--quiet: takes no argument"),
        (&["extra"], "\"extra\" is no option"),
        (&["--ttl", "-1"], "--ttl:"),
        (&["--ttl", "86401"], "--ttl:"),
        (&["--lease-ttl", "1"], "--lease-ttl:"),
        (&["--lease-ttl", "1.5"], "--lease-ttl:"),
        (&["--etcd-timeout", "0"], "--etcd-timeout:"),
        (&["--etcd-timeout", "61"], "--etcd-timeout:"),
        (&["--etcd-timeout", "1e1"], "--etcd-timeout:"),
        (&["--etcd-timeout", "4294968"], "--etcd-timeout:"),
        (&["--port", "0"], "--port:"),
        (&["--port", "65536"], "--port:"),
        (&["--ipv4", "fd00::1"], "--ipv4:"),
        (&["--ipv4", "10.0.0"], "--ipv4:"),
        (&["--ipv4", "0.0.0.0"], "--ipv4:"),
        (&["--ipv6", "10.0.0.1"], "--ipv6:"),
        (&["--ipv6", "ff02::1"], "--ipv6:"),
        (&["--ipv4", "none", "--ipv6", "none"], "--ipv6: none, and --ipv4"),
        (&["--interface", ""], "--interface:"),
        (&["--listen", "localhost"], "--listen:"),
        (&["--listen", "127.0.0.1:"], "--listen:"),
        (&["--listen", "127.0.0.1:70000"], "--listen:"),
        (&["--listen", "::1", "--listen", "[::1]:53"], "--listen: [::1]:53 is given twice"),
        (&["--endpoints", ""], "--endpoints:"),
        (&["--endpoints", "ftp://10.0.0.1:2379"], "--endpoints:"),
        (&["--endpoints", "HTTPS://10.0.0.1"], "--endpoints:"),
        (&["--endpoints", "http://"], "--endpoints:"),
        (&["--endpoints", "http://a b"], "--endpoints:"),
        (&["--endpoints", "http://a:0"], "--endpoints:"),
        (&["--endpoints", "http://a:port"], "--endpoints:"),
        (&["--endpoints", "http://fd00::1"], "--endpoints:"),
        (&["--endpoints", "http://[fd00::1"], "--endpoints:"),
        (&["--endpoints", "http://10.0.0.256"], "--endpoints:"),
        (&["--endpoints", "http://me:secret@a"], "--endpoints:"),
        (&["--endpoints", "http://a/v3"], "--endpoints:"),
        (&["-q", "-v"], "--quiet: contradicts --verbose"),
        (&["--allow", "10.0.0.0/33"], "--allow: \"10.0.0.0/33\": what follows the /"),
        (&["--allow", "10.0.0.0/8,here"], "--allow: \"here\": not an address"),
        (&["--allow", "10.0.0.1/8"], "--allow: \"10.0.0.1/8\": the address goes on"),
        (&["--allow-transfer", "10.0.0.1/8"], "--allow-transfer: \"10.0.0.1/8\": the address goes"),
        (&["--rrl", "0"], "--rrl:"),
        (&["--rrl", "1.5"], "--rrl:"),
        (&["--wait=yes"], "--wait: takes no argument"),
        (&["--wait", "--wait"], "--wait: given twice"),
        (&["--max-stale", "-1"], "--max-stale:"),
        (&["--max-stale", "31536001"], "--max-stale:"),
        (&["--prefix", "a\nb"], "--prefix: '\\n' cannot stand in it"),
        (&["--prefix", &"x".repeat(1025)], "--prefix: 1025 octets, at most 1024"),
        (&["--resolve", ""], "--resolve: \"\": column 1: the name is empty"),
        (&["--resolve", "ps{{.Id}}.tf.local."], "--resolve: \"ps{{.Id}}.tf.local.\": column 3"),
        (&["--resolve", "a..b"], "--resolve: \"a..b\": column 3"),
        (&["--resolve", "worker{{ .ID }}.tf.LOCAL"], "--resolve: worker{{.ID}}.tf.local. is the"),
        (
            &["--resolve", "worker1{{.ID}}.tf.local."],
            "--resolve: worker1{{.ID}}.tf.local.: worker1.tf.local. would be the name of all of its nodes, and of",
        ),
        (
            &["--resolve", "a{{.ID}}.b.", "--resolve", "a{{.ID}}4.b."],
            "--resolve: a{{.ID}}4.b.: a4.b. would be the name of all of its nodes, and of one or all of a{{.ID}}.b.",
        ),
        (&["--resolve", "db.a.", "--resolve", "DB.a"], "--resolve: db.a. is given twice"),
        (&["--cacert", "x"], "--cacert: no endpoint is https://"),
        (&["--endpoints", "https://a", "--cacert", ""], "--cacert: the name of the file"),
        (&["--cert", "x", "--key", "y"], "--cert: no endpoint is https://"),
        (&["--endpoints", "https://a", "--cert", "x"], "--cert: needs the private key"),
        (&["--endpoints", "https://a", "--key", "x"], "--key: needs the certificate"),
        (&["--user", "me"], "--user: the password is missing"),
        (&["--user", "me:"], "--user: the password after the colon is empty"),
        (&["--user", ":secret"], "--user: the name is empty"),
        (&["--user", ""], "--user: the name is empty"),
        (&["--user", "me:secret", "--password-file", "x"], "--password-file: --user holds"),
        (&["--password-file", "x"], "--password-file: whose password?"),
        (&["--user", "me", "--password-file", ""], "--password-file: the name of the file"),
        (&["--endpoints", "https://"], "--endpoints:"),
        (&["--endpoints", "https://a:0"], "--endpoints:"),
        (&["--endpoints", "https://[fd00::1"], "--endpoints:"),
    ];
    for (arguments, wanted) in table {
        match parsed(&[&PATTERN, arguments].concat()) {
            Ok(command) => panic!("{arguments:?} was taken for {command:?}"),
            Err(error) => {
                let text = error.to_string();
                assert!(text.starts_with(wanted), "{arguments:?}: {text}");
                assert!(!text.contains('\n'), "{text}");
            }
        }
    }
    for (pattern, wanted) in
        [(&[][..], "--pattern: must be given"), (&["--pattern", "w."][..], "--pattern: column 3")]
    {
        let error = parsed(pattern).expect_err("no pattern");
        assert!(error.to_string().starts_with(wanted), "{error}");
    }
}

#[test]
fn what_makes_no_sense_for_a_program_is_told() {
    for (more, wanted) in [
        (&[][..], "exec: the program is missing; "),
        (&["--"], "exec: the program is missing; "),
        (&["--", ""], "exec: the program is missing; "),
        (&["stray", "--", "true"], "\"stray\" is no option"),
        (&["--name-file=", "--", "true"], "--name-file: \"\" does not name a file"),
        (&["--name-file=/run/", "--", "true"], "--name-file: \"/run/\" does not"),
        (&["--name-file=..", "--", "true"], "--name-file: \"..\" does not name"),
        (&["--metrics-file=/", "--", "true"], "--metrics-file: \"/\" does not name"),
        (&["--name-file=/a", "--metrics-file=/a", "--", "true"], "--metrics-file: is the"),
        (&["--ready-file=/run/", "--", "true"], "--ready-file: \"/run/\" does not name a file"),
        (&["--ready-file=/a", "--name-file=/a", "--", "true"], "--ready-file: is written by this"),
        (&["--on-claim= ", "--", "true"], "--on-claim: the command is empty"),
        (&["--on-lost=", "--", "true"], "--on-lost: the command is empty"),
        (&["--grace=x", "--", "true"], "--grace: \"x\" is not a whole number"),
        (&["--grace=0", "--", "true"], "--grace: \"0\" is not a whole number from 1 to"),
        (&["--grace=7", "--", "true"], "--grace: 7 s do not fit into --lease-ttl 20: with exec"),
        (&["--lease-ttl=2", "--grace=1", "--", "true"], "--grace: 1 s do not fit into --lease-ttl"),
        (&["--run-as=:b", "--", "true"], "--run-as: \":b\" is not USER"),
    ] {
        let told = options_of(&[&EXEC_PATTERN[..], more].concat()).expect_err("wrong");
        assert!(told.starts_with(wanted), "{more:?}: {told}");
    }
}

#[test]
fn the_help_fits_a_screen() {
    let Ok(Command::Print(help)) = parsed(&["--help"]) else { panic!("no help") };
    assert!(help.lines().count() < 72, "{}", help.lines().count());
    for line in help.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert!(matches!(parsed(&["-V"]), Ok(Command::Print(text)) if text.starts_with("idetcd ")));
}
