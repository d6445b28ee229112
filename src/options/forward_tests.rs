//! Servers by zone, as the command line and Corefiles name them.

use crate::corefile::{Surroundings, parse};
use crate::options::Command;

/// The routes of these arguments and this Corefile, as they are shown.
fn routes(arguments: &[&str], text: Option<&str>) -> Result<Vec<String>, String> {
    let mut words = vec!["--pattern=worker{{.ID}}.tf.local.", "--resolve=db.example.com."];
    words.push("--reverse=10.77.0.0/16");
    words.extend(text.map(|_| "--conf=x"));
    words.extend(arguments);
    let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
    let read = |_: Option<&str>, port: u16| {
        let import = |_: &str, _: &str| Err("none".to_owned());
        let surroundings = Surroundings { environment: &|_| None, import: &import };
        text.map(|text| parse("x", text, port, &surroundings)).transpose()
    };
    match crate::options::parse(&words, &[], &read) {
        Ok(Command::Run(options)) => {
            Ok(options.forward.routes.iter().map(ToString::to_string).collect())
        }
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn each_zone_has_its_servers_and_the_rest_others() {
    let table: [(&[&str], &[&str]); 12] = [
        (&[], &[]),
        (&["--forward=10.0.0.1"], &["other names to 10.0.0.1:53"]),
        (
            &["--forward=10.0.0.1, fd00::1,[fd00::2]:5353,10.0.0.1:53"],
            &["other names to 10.0.0.1:53, [fd00::1]:53, [fd00::2]:5353"],
        ),
        (&["--forward=resolv.conf"], &["other names to the servers in /etc/resolv.conf"]),
        (&["--forward=/run/a=b"], &["other names to the servers in /run/a=b"]),
        (
            &["--forward=TF.example=10.0.0.1,10.0.0.2:54"],
            &["tf.example. to 10.0.0.1:53, 10.0.0.2:54"],
        ),
        (
            &["--forward=10.0.0.9,a.b.=10.0.0.1,10.0.0.2,c=10.0.0.3", "--forward=10.0.0.8"],
            &[
                "other names to 10.0.0.9:53, 10.0.0.8:53",
                "a.b. to 10.0.0.1:53, 10.0.0.2:53",
                "c. to 10.0.0.3:53",
            ],
        ),
        (&["--forward=10.in-addr.arpa=fd00::1"], &["10.in-addr.arpa. to [fd00::1]:53"]),
        (&["--forward=192.168.0.0/16=10.0.0.1"], &["168.192.in-addr.arpa. to 10.0.0.1:53"]),
        (&["--forward=local=/x"], &["local. to the servers in /x"]),
        (&["--forward=.=10.0.0.1"], &["other names to 10.0.0.1:53"]),
        // Above and beside our own.
        (
            &["--forward=example.com=10.0.0.1,atf.local=::1"],
            &["example.com. to 10.0.0.1:53", "atf.local. to [::1]:53"],
        ),
    ];
    for (arguments, wanted) in table {
        assert_eq!(routes(arguments, None).expect("followed"), wanted, "{arguments:?}");
    }
}

#[test]
fn what_cannot_be_forwarded_is_told() {
    let own = |zone, name| format!("--forward: {name}: names in {zone} are answered for here");
    for (argument, wanted) in [
        ("tf.local=10.0.0.1", own("tf.local.", "tf.local.")),
        ("x.TF.local.=10.0.0.1", own("tf.local.", "x.tf.local.")),
        ("db.example.com=10.0.0.1", own("db.example.com.", "db.example.com.")),
        ("10.0.0.9,77.10.in-addr.arpa=::1", own("77.10.in-addr.arpa.", "77.10.in-addr.arpa.")),
        ("10.77.5.0/24=10.0.0.1", own("77.10.in-addr.arpa.", "5.77.10.in-addr.arpa.")),
        ("a=", "--forward: \"\" is not an address".to_owned()),
        ("=10.0.0.1", "--forward: \"=10.0.0.1\" is not an address; write 10.0.0.1, 10.0.0.1:53, [fd00::1]:53 or resolv.conf, after ZONE=".to_owned()),
        ("a..b=10.0.0.1", "--forward: \"a..b=10.0.0.1\" is not an address".to_owned()),
        ("a=10.0.0.1,resolv.conf", "--forward: \"resolv.conf\": a file that names".to_owned()),
        ("", "--forward: \"\" is not an address".to_owned()),
        ("10.0.0.5=10.0.0.1", "--forward: \"10.0.0.5\": an address is no zone; write 10.0.0.5/32 for its".to_owned()),
        ("fd00::5=10.0.0.1", "--forward: \"fd00::5\": an address is no zone; write fd00::5/128 for".to_owned()),
        // None of these is a path, though each has a slash.
        ("10.64.0.0/12=10.0.0.1", "--forward: \"10.64.0.0/12\": a reverse zone of IPv4".to_owned()),
        ("::1,fc00::/7=::2", "--forward: \"fc00::/7\": a reverse zone of IPv6".to_owned()),
        ("10.0.0.1/8=::1", "--forward: \"10.0.0.1/8\": the address goes on after".to_owned()),
        ("10.0.0.0/33=::1", "--forward: \"10.0.0.0/33\": what follows the / is not".to_owned()),
        ("10.0.0.0/8", "--forward: \"10.0.0.0/8\" is not an address; write".to_owned()),
        ("a=fd00::1/64", "--forward: \"fd00::1/64\" is not an address; write".to_owned()),
    ] {
        let error = routes(&["--forward", argument], None).expect_err(argument);
        assert!(error.starts_with(&wanted), "{error}");
    }
}

#[test]
fn a_corefile_has_zones_in_its_directives_and_in_its_blocks() {
    let own = |more: &str| format!(". {{\nidetcd\n{more}\n}}\n");
    let table: [(String, Result<&[&str], &str>); 14] = [
        (
            own("forward tf.example 10.0.0.1 10.0.0.2\nforward . 10.0.0.9"),
            Ok(&["tf.example. to 10.0.0.1:53, 10.0.0.2:53", "other names to 10.0.0.9:53"]),
        ),
        (own("forward 192.168.0.0/16 10.0.0.1"), Ok(&["168.192.in-addr.arpa. to 10.0.0.1:53"])),
        (
            own("") + "example.org a.example {\nforward . 10.0.0.1\n}",
            Ok(&["example.org. to 10.0.0.1:53", "a.example. to 10.0.0.1:53"]),
        ),
        (
            own("forward . ::1") + "example.org {\nforward a.example.org 10.0.0.1\n}",
            Ok(&["other names to [::1]:53", "a.example.org. to 10.0.0.1:53"]),
        ),
        (
            "tf.local {\nbind 10.0.0.5\nidetcd\n}\n. {\nforward . ::1\n}\nb {\nforward . ::2\n}"
                .to_owned(),
            Ok(&["other names to [::1]:53", "b. to [::2]:53"]),
        ),
        (
            own("forward tf.local 10.0.0.1"),
            Err("x: line 3, column 9: forward: tf.local.: names in tf.local. are answered"),
        ),
        (
            own("") + "w.tf.local {\nforward . 10.0.0.1\n}",
            Err("x: line 5, column 1: forward: w.tf.local.: names in tf.local. are answered"),
        ),
        (
            own("") + "example.org {\nforward b 10.0.0.1\n}",
            Err("x: line 6, column 9: forward: b.: not in a zone of this server block"),
        ),
        (
            own("forward b ::1") + "b {\nforward . 10.0.0.1\n}",
            Err("x: line 6, column 1: forward: forward stands in line 3 before"),
        ),
        (own("forward a..b ::1"), Err("x: line 3, column 9: forward: \"a..b\": not the name")),
        (
            own("forward 10.0.0.5 ::1"),
            Err(
                "x: line 3, column 9: forward: \"10.0.0.5\": an address is no zone; write 10.0.0.5/32",
            ),
        ),
        (
            own("forward fc00::/7 ::1"),
            Err("x: line 3, column 9: forward: \"fc00::/7\": a reverse zone of IPv6 ends"),
        ),
        (
            own("") + "a 10.64.0.0/12 {\nforward . 10.0.0.1\n}",
            Err("x: line 5, column 3: forward: \"10.64.0.0/12\": a reverse zone of IPv4 ends"),
        ),
        (
            own("forward . 10.0.0.1/24"),
            Err("x: line 3, column 11: forward: \"10.0.0.1/24\" is not an address"),
        ),
    ];
    for (text, wanted) in table {
        match (routes(&[], Some(&text)), wanted) {
            (Ok(found), Ok(wanted)) => assert_eq!(found, wanted, "{text}"),
            (Err(error), Err(wanted)) => assert!(error.starts_with(wanted), "{text}: {error}"),
            (found, _) => panic!("{text}: {found:?}"),
        }
    }
    let arguments = ["--forward=a=10.0.0.1"];
    let found = routes(&arguments, Some(&own("forward . 10.0.0.9")));
    assert_eq!(found.expect("followed"), ["a. to 10.0.0.1:53"], "the option wins");
}
