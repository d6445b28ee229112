//! Whole files, right and wrong.

use std::net::IpAddr;

use super::*;

fn environment(name: &str) -> Option<String> {
    match name {
        "ETCD" => Some("http://10.0.0.9:2379".to_owned()),
        "LIMIT" => Some("7".to_owned()),
        "PORT" => Some("5353".to_owned()),
        _ => None,
    }
}

/// A few files, one of which imports the next, and two that import each other.
pub(super) fn import(name: &str, importer: &str) -> Imported {
    let text = match name {
        "common" => "errors\nlog\n",
        "block" => ". {\n  idetcd {\n    pattern w{{.ID}}.a.\n  }\n}\n",
        "deep" => "import common\ncache\n",
        "ring" => "import gnir",
        "gnir" => "# from the other\nimport ring",
        "broken" => "log\n  \"open",
        "none*" => return Ok(Vec::new()),
        "both*" => {
            let file = |name: &str, text: &str| ImportedFile {
                name: name.to_owned(),
                text: text.to_owned(),
            };
            return Ok(vec![file("both1", "limit 3"), file("both2", "import both3")]);
        }
        "both3" => "endpoint http://b",
        _ => return Err(format!("{name:?} in {importer}: not found")),
    };
    Ok(vec![ImportedFile { name: name.to_owned(), text: text.to_owned() }])
}

pub(super) fn parsed(text: &str) -> Result<Corefile, CorefileError> {
    let surroundings = Surroundings { environment: &environment, import: &import };
    parse("Corefile", text, 53, &surroundings).and_then(Corefile::checked)
}

fn settings(text: &str) -> Corefile {
    parsed(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// With `idetcd` in it, and then `more`.
fn block(more: &str) -> String {
    format!(".:53 {{\nidetcd {{\npattern w{{{{.ID}}}}.a.\n}}\n{more}\n}}")
}

fn endpoints(settings: &Corefile) -> Vec<&str> {
    settings.plugin.endpoints.iter().map(|placed| placed.value.as_str()).collect()
}

fn pattern(settings: &Corefile) -> &str {
    settings.plugin.pattern.as_ref().map(WrittenPattern::as_str).unwrap_or_default()
}

fn notices(settings: &Corefile) -> Vec<String> {
    settings.notices.iter().map(ToString::to_string).collect()
}

const DOCUMENTED: &str = "\
. {
    idetcd {
        endpoint http://10.0.0.1:2379 http://10.0.0.2:2379
        limit 5
        pattern worker{{.ID}}.tf.local.
    }
}
";

#[test]
fn the_documented_file_says_what_it_says() {
    for text in
        [DOCUMENTED.to_owned(), DOCUMENTED.replace('\n', "\r\n"), format!("\u{feff}{DOCUMENTED}")]
    {
        let settings = settings(&text);
        assert_eq!(endpoints(&settings), ["http://10.0.0.1:2379", "http://10.0.0.2:2379"]);
        assert_eq!(
            (settings.plugin.limit, pattern(&settings)),
            (Some(5), "worker{{.ID}}.tf.local.")
        );
        assert_eq!((settings.ports.as_slice(), settings.addresses.len()), (&[53][..], 0));
        assert_eq!((settings.forward.len(), settings.notices.len()), (0, 0));
    }
}

#[test]
fn defaults_are_those_of_the_plugin() {
    for text in [". {\nidetcd\n}", ". {\n idetcd {\n }\n}", ".\nidetcd", ". { idetcd { } }"] {
        let settings = settings(text);
        assert_eq!((settings.plugin.limit, pattern(&settings)), (None, ""), "{text}");
        assert!(settings.plugin.endpoints.is_empty(), "{text}");
    }
}

#[test]
fn all_ways_to_write_a_file_are_understood() {
    let table: [(&str, &str, u32); 14] = [
        (".\nidetcd {\npattern w{{.ID}}.a.\nlimit 4\n}", "w{{.ID}}.a.", 4),
        (".\n{\nidetcd\n{\nlimit 4\n}\n}", "", 4),
        (". { # one\nidetcd { # two\nlimit 4 # three\n}\n}", "", 4),
        (". {\nidetcd {\nlimit \"4\"\npattern \"w{{ .ID }}.a.\"\n}\n}", "w{{ .ID }}.a.", 4),
        (
            ". {\nidetcd {\npattern \"w{{printf \\\"%03d\\\" .ID}}.a.\"\n}\n}",
            "w{{printf \"%03d\" .ID}}.a.",
            10,
        ),
        (". {\nidetcd {\nlimit {$LIMIT}\npattern w{{.ID}}.a.\n}\n}", "w{{.ID}}.a.", 7),
        (". {\nidetcd {\nlimit {%LIMIT%}\n}\n}", "", 7),
        ("(s) {\nidetcd {\nlimit 4\n}\n}\n. {\nimport s\n}", "", 4),
        ("(s) {\nlimit 4\n}\n. {\nidetcd {\nimport s\n}\n}", "", 4),
        ("(a) {\nlimit 4\n}\n(b) {\nimport a\n}\n. {\nidetcd {\nimport b\n}\n}", "", 4),
        ("(a) {\n}\n. {\nimport a\nidetcd\nimport a\n}", "", 10),
        (". {\nidetcd\nimport deep\n}", "", 10),
        ("import block", "w{{.ID}}.a.", 10),
        ("\"\" . {\nidetcd {\nimport both*\n}\n}", "", 3),
    ];
    for (text, wanted, limit) in table {
        let settings = settings(text);
        let found = settings.plugin.limit.unwrap_or(10);
        assert_eq!((pattern(&settings), found), (wanted, limit), "{text}");
    }
    assert_eq!(
        endpoints(&settings(". {\nidetcd {\nendpoint {$ETCD}\n}\n}")),
        ["http://10.0.0.9:2379"]
    );
}

#[test]
fn keys_say_zones_and_ports() {
    let table: [(&str, &[&str], &[u16]); 11] = [
        (".", &["."], &[53]),
        (".:1053", &["."], &[1053]),
        ("TF.local:54", &["tf.local."], &[54]),
        ("tf.local.", &["tf.local."], &[53]),
        ("dns://.:1053", &["."], &[1053]),
        (":1053", &["."], &[1053]),
        (".:{$PORT}", &["."], &[5353]),
        ("a.b c.d:54", &["a.b.", "c.d."], &[53, 54]),
        ("a.b, c.d:54,e:54", &["a.b.", "c.d.", "e."], &[53, 54]),
        ("a.b,\nc.d", &["a.b.", "c.d."], &[53]),
        ("10.0.0.0/24 .", &["10.0.0.0/24.", "."], &[53]),
    ];
    for (keys, zones, ports) in table {
        let settings = settings(&format!("{keys} {{\nidetcd\n}}"));
        let found: Vec<&str> = settings.zones.iter().map(|zone| zone.value.as_str()).collect();
        assert_eq!((found.as_slice(), settings.ports.as_slice()), (zones, ports), "{keys}");
    }
    let key = &settings("a.b,  c.d:54 {\nidetcd\n}").zones[1];
    assert_eq!(key.place.to_string(), "Corefile: line 1, column 7");
}

#[test]
fn bind_and_forward_are_followed() {
    let bound = settings(&block("bind 127.0.0.1 ::1\nbind 127.0.0.2 ::1"));
    let wanted: Vec<IpAddr> =
        ["127.0.0.1", "::1", "127.0.0.2"].iter().map(|ip| ip.parse().expect("an IP")).collect();
    assert_eq!(bound.addresses, wanted);
    for text in [
        block("forward . 10.0.0.53 dns://10.0.0.54:5353 /etc/resolv.conf"),
        block("proxy . 10.0.0.53 10.0.0.54:5353 /etc/resolv.conf {\nprotocol dns\n}"),
        "a {\nidetcd\n}\n. {\nforward . 10.0.0.53 10.0.0.54:5353 /etc/resolv.conf\n}".to_owned(),
        ". {\nforward . 10.0.0.53 10.0.0.54:5353 /etc/resolv.conf\n}\na {\nidetcd\n}".to_owned(),
    ] {
        let settings = settings(&text);
        let [forward] = &settings.forward[..] else { panic!("forwarded") };
        assert!(forward.from.value.is_root());
        let to: Vec<&str> = forward.to.iter().map(|placed| placed.value.as_str()).collect();
        assert_eq!(to, ["10.0.0.53", "10.0.0.54:5353", "/etc/resolv.conf"], "{text}");
        assert!(settings.notices.is_empty(), "{text}");
    }
}

#[test]
fn a_file_of_hosts_is_named() {
    for (text, wanted, notices) in [
        (block("hosts"), "/etc/hosts", 1),
        (block("hosts /x {\nfallthrough\nttl 5\n}"), "/x", 1),
        (block("hosts x . {\nfallthrough .\n}"), "x", 0),
        (block("hosts x {\nfallthrough a .\n}"), "x", 0),
        ("a {\nidetcd\n}\n. {\nhosts x {\nfallthrough\n}\nforward . ::1\n}".to_owned(), "x", 0),
        ("a {\nidetcd\n}\n. {\nhosts x {\nfallthrough\n}\n}".to_owned(), "x", 0),
    ] {
        let settings = settings(&text);
        let found = (settings.hosts.as_deref(), settings.notices.len());
        assert_eq!(found, (Some(wanted), notices), "{text}");
    }
}

#[test]
fn pages_are_served_where_coredns_would_serve_them() {
    let all = |port| HttpAddress { ip: None, port };
    let at = |ip: &str, port| HttpAddress { ip: Some(ip.parse().expect("an address")), port };
    let table = [
        ("errors", vec![]),
        ("health\nready\nprometheus", vec![all(8080), all(8181), at("127.0.0.1", 9153)]),
        ("prometheus :9253\nhealth :9253", vec![all(9253)]),
        ("prometheus 0.0.0.0:9153", vec![at("0.0.0.0", 9153)]),
        ("health localhost:80\nready [fd00::1]:81", vec![at("127.0.0.1", 80), at("fd00::1", 81)]),
    ];
    for (text, wanted) in table {
        assert_eq!(parsed(&block(text)).expect("a Corefile").http, wanted, "{text}");
    }
    for bad in
        ["health 8080", "ready :0", "prometheus host:9153", "health [10.0.0.1]:1", "ready :1 :2"]
    {
        let error = parsed(&block(bad)).expect_err("refused").to_string();
        assert!(error.starts_with("Corefile: line 5, column "), "{bad}: {error}");
    }
}

#[test]
fn what_has_no_effect_is_told_with_its_place() {
    let table: [(String, &[&str]); 12] = [
        (block("errors\nany\nerrors stdout"), &[]),
        (
            block("log\ncache 30 {\nsuccess 10\n}\nreload 10s"),
            &[
                "Corefile: line 5, column 1: log: has no effect; -vv logs each query",
                "Corefile: line 6, column 1: cache: has no effect: names are in memory",
                "Corefile: line 9, column 1: reload: has no effect: the file is read at the start",
            ],
        ),
        (
            block("  prometheus :9153\n  health :8080 {\n    lameduck 5s\n  }"),
            &["Corefile: line 7, column 5: lameduck: has no effect"],
        ),
        (
            block("forward . 10.0.0.53 {\nforce_tcp\npolicy random\nexpire 5s\n}"),
            &[
                "Corefile: line 6, column 1: force_tcp: has no effect: servers are asked",
                "Corefile: line 7, column 1: policy: has no effect",
                "Corefile: line 8, column 1: expire: has no effect",
            ],
        ),
        (
            block("proxy . 10.0.0.53 {\nprotocol dns force_tcp\n}"),
            &["Corefile: line 6, column 1: protocol: has no effect"],
        ),
        (
            ". {\nidetcd {\n  endpoints http://a\n  limit 3\n  limit 4\n}\n}".to_owned(),
            &[
                "Corefile: line 3, column 3: \"endpoints\": no property of idetcd; it has no effect",
                "Corefile: line 5, column 3: \"limit\": stands there before; this one counts",
            ],
        ),
        (
            ". {\nidetcd tf.local {\n}\n}".to_owned(),
            &["Corefile: line 2, column 8: \"tf.local\": has no effect"],
        ),
        (
            ". {\nidetcd {\nendpoint http://a{$NONE}\n}\n}".to_owned(),
            &["Corefile: line 3, column 10: \"NONE\" is not set in the environment"],
        ),
        (
            block("hosts x {\n fallthrough 10.in-addr.arpa b.\n}"),
            &["Corefile: line 6, column 14: fallthrough: names outside of these"],
        ),
        (
            "tf.local:53 tf.local:54 {\nidetcd\n}".to_owned(),
            &["Corefile: line 1, column 13: \"tf.local:54\": the plugin takes a name for each key"],
        ),
        (
            ". {\nidetcd {\nlimit 3 }\n}".to_owned(),
            &["Corefile: line 3, column 9: CoreDNS takes this } for a further argument"],
        ),
        (block("import none*"), &["Corefile: line 5, column 8: import: no file matches \"none*\""]),
    ];
    for (text, wanted) in table {
        let found = notices(&settings(&text));
        assert_eq!(found.len(), wanted.len(), "{text}: {found:?}");
        for (found, wanted) in found.iter().zip(wanted) {
            assert!(found.starts_with(wanted), "{text}: {found}");
        }
    }
    assert_eq!(settings(". {\nidetcd {\nlimit 3\nlimit 4\n}\n}").plugin.limit, Some(4));
}

#[test]
fn the_block_must_serve_the_zone_of_the_pattern() {
    for (keys, is_served) in [
        (".", true),
        ("tf.local", true),
        ("local", true),
        ("LOCAL:54 example", true),
        ("cal", false),
        ("f.local", false),
        ("x.tf.local", false),
        ("10.0.0.0/8", false),
    ] {
        let mut settings = settings(&format!("{keys} {{\nidetcd\n}}"));
        let checked = settings.check_zone("tf.local.");
        assert_eq!(checked.is_ok(), is_served, "{keys}");
    }
    let mut foreign = settings("example.com {\nidetcd\n}");
    let error = foreign.check_zone("tf.local.").expect_err("another zone");
    assert_eq!(
        error.to_string(),
        "Corefile: line 1, column 1: example.com.: the pattern's names are in tf.local., which \
         this server block does not serve; make tf.local. its key, or ."
    );
    let mut partly = settings("tf.local example.com {\nidetcd\n}");
    assert_eq!(partly.check_zone("tf.local."), Ok(()));
    assert_eq!(
        notices(&partly)[1..],
        ["Corefile: line 1, column 10: example.com.: none of the names is in it; it is refused"]
    );
    for (zone, is_ours) in
        [("tf.local", true), ("x.TF.local.", true), ("local", false), (".", false)]
    {
        let text = block(&format!("forward . 10.0.0.53 {{\nexcept {zone}\n}}"));
        assert_eq!(settings(&text).check_zone("tf.local.").is_ok(), is_ours, "{zone}");
    }
}
