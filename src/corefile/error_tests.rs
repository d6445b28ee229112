//! Files that cannot be followed: line, column, and what to do.

use super::tests::parsed;

fn own(more: &str) -> String {
    format!(". {{\n  idetcd\n  {more}\n}}")
}

fn property(line: &str) -> String {
    format!(". {{\n  idetcd {{\n    {line}\n  }}\n}}")
}

fn check(table: &[(String, &str)]) {
    for (text, wanted) in table {
        match parsed(text) {
            Ok(settings) => panic!("{text} was taken for {settings:?}"),
            Err(error) => {
                let error = error.to_string();
                let rest = error.strip_prefix("Corefile: ").unwrap_or(&error);
                assert!(rest.starts_with(wanted), "{text}\n{error}");
                assert!(!error.contains('\n'), "{error}");
            }
        }
    }
}

#[test]
fn structure() {
    let nested = "x {\n".repeat(12);
    check(&[
        (String::new(), "no server block has idetcd; add"),
        ("# nothing".to_owned(), "no server block has idetcd"),
        (".".to_owned(), "no server block has idetcd"),
        (". {\n log\n}".to_owned(), "no server block has idetcd"),
        (". {\n idetcd\n".to_owned(), "line 1, column 3: the { is never closed; add a }"),
        (". {\n idetcd {\n}\n".to_owned(), "line 1, column 3: the { is never closed"),
        (". {\n idetcd {\n".to_owned(), "line 2, column 9: the { is never closed"),
        (". {\n idetcd\n}\n}".to_owned(), "line 4, column 1: a } without a {; remove it"),
        (".\nidetcd\n}".to_owned(), "line 3, column 1: a } without a {"),
        ("{\n idetcd\n}".to_owned(), "line 1, column 1: whose block?"),
        (". {\n {\n }\n}".to_owned(), "line 2, column 2: a { without anything before it"),
        (".{\n idetcd\n}".to_owned(), "line 1, column 1: \".{\": put a blank before the {"),
        (". {\n idetcd{\n }\n}".to_owned(), "line 2, column 2: \"idetcd{\": put a blank"),
        (". {\n idetcd \"\n}".to_owned(), "line 2, column 9: the quote is never closed"),
        (".,\n{\n}".to_owned(), "line 1, column 1: nothing follows the comma; remove it"),
        (".,".to_owned(), "line 1, column 1: nothing follows the comma"),
        (". {\n idetcd \0\n}".to_owned(), "line 2, column 9: '\\0' cannot stand here"),
        (own(&format!("log {}", "x".repeat(1025))), "line 3, column 7: a word of over 1024"),
        (format!(". {{\n{nested}"), "line 10, column 3: more than 8 blocks within each other"),
        (
            ". {\n idetcd\n}\n. {\n idetcd\n}".to_owned(),
            "line 5, column 2: idetcd: stands in line 2 before; a node has one name only",
        ),
        (own("idetcd"), "line 3, column 3: idetcd: stands in line 2 before"),
        (
            ". {\n idetdc\n}".to_owned(),
            "line 2, column 2: \"idetdc\": no directive of CoreDNS; is it misspelt?",
        ),
        (own("\u{1f980} x"), "line 3, column 3: \"\u{1f980}\": no directive"),
    ]);
}

#[test]
fn imports_and_snippets() {
    let doubling: String = std::iter::once("(s0) {\nlog\nlog\nlog\nlog\n}\n".to_owned())
        .chain(
            (1..16).map(|n| format!("(s{n}) {{\n{}}}\n", format!("import s{}\n", n - 1).repeat(4))),
        )
        .collect();
    let deep: String = std::iter::once("(d0) {\nlog\n}\n".to_owned())
        .chain((1..20).map(|n| format!("(d{n}) {{\nimport d{}\n}}\n", n - 1)))
        .collect();
    check(&[
        (own("import"), "line 3, column 3: import: of what? give a file or a snippet"),
        (own("import \nlog"), "line 3, column 3: import: of what?"),
        (own("import a b"), "line 3, column 12: import: takes one name; put \"b\" on a line"),
        (own("import gone"), "line 3, column 10: import: \"gone\" in Corefile: not found"),
        (
            own("import ring"),
            "gnir: line 2, column 8: import: a cycle: Corefile → ring → gnir → ring; remove one",
        ),
        (own("import broken"), "broken: line 2, column 3: the quote is never closed"),
        (
            "(a) {\nimport a\n}\n. {\nimport a\n}".to_owned(),
            "line 2, column 8: import: a cycle: Corefile → (a) → (a); remove one of them",
        ),
        ("(a) {\n}\n(a) {\n}".to_owned(), "line 3, column 1: (a): there is such a snippet"),
        ("\"(a\nb)\"".to_owned(), "line 1, column 1: (a\\nb): a snippet needs a block"),
        ("(a)\nlog".to_owned(), "line 1, column 1: (a): a snippet needs a block"),
        ("(a) {\n{".to_owned(), "line 1, column 5: the { is never closed"),
        (
            format!("{deep}. {{\nimport d19\n}}"),
            "line 17, column 8: import: more than 16 within each other; nest less",
        ),
        (
            format!("{doubling}. {{\nimport s13\n}}"),
            "line 4, column 1: more than 100000 words with all imports; import less",
        ),
    ]);
}

#[test]
fn properties_of_idetcd() {
    check(&[
        (property("endpoint"), "line 3, column 5: endpoint: which one? give URLs such as"),
        (property("limit"), "line 3, column 5: limit: its argument is missing; give a number"),
        (property("limit 1 2"), "line 3, column 13: limit: \"2\" is one argument too many"),
        (
            property("limit x"),
            "line 3, column 11: limit: \"x\" is not a whole number from 1 to 1000000",
        ),
        (property("limit 0"), "line 3, column 11: limit: \"0\" is not"),
        (property("limit +1"), "line 3, column 11: limit: \"+1\" is not"),
        (property("limit -1"), "line 3, column 11: limit: \"-1\" is not"),
        (property("limit 1000001"), "line 3, column 11: limit: \"1000001\" is not"),
        (property("limit 99999999999999999999"), "line 3, column 11: limit:"),
        (property("limit {$NONE}"), "line 3, column 11: limit: \"\" is not"),
        (property("pattern"), "line 3, column 5: pattern: its argument is missing; give one"),
        (
            property("pattern w{{ .ID }}.a."),
            "line 3, column 17: pattern: \".ID\" is one argument too many; give one such as \
             worker{{.ID}}.tf.local., in quotes if",
        ),
    ]);
}

#[test]
fn keys() {
    let key = |key: &str| format!("{key} {{\n idetcd\n}}");
    check(&[
        (key("tls://."), "line 1, column 1: \"tls://.\": tls:// is not served; write dns://"),
        (key(". grpc://."), "line 1, column 3: \"grpc://.\": grpc:// is not served"),
        (key(".:"), "line 1, column 1: \".:\": what follows the last : is not a port"),
        (
            key("fd00::/8"),
            "line 1, column 1: \"fd00::/8\": a network of IPv6 is no key; write its reverse zone: d.f.ip6.arpa.",
        ),
        (
            key("dns://fc00::/7:53"),
            "line 1, column 1: \"dns://fc00::/7:53\": a network of IPv6 is no key, but",
        ),
        (key(".:dns"), "line 1, column 1: \".:dns\": what follows the last : is not a port"),
        (key(".:65536"), "line 1, column 1: \".:65536\": what follows"),
        (key("a..b"), "line 1, column 1: \"a..b\": not the name of a zone"),
        (key("\"a b\""), "line 1, column 1: \"a b\": not the name of a zone"),
        (key(".a"), "line 1, column 1: \".a\": not the name of a zone"),
        (key(&"a.".repeat(128)), "line 1, column 1: \"a."),
    ]);
}

#[test]
fn directives() {
    check(&[
        (own("bind"), "line 3, column 3: bind: to what? give addresses such as 127.0.0.1"),
        (own("bind eth0"), "line 3, column 8: bind: \"eth0\" is not an address; write one"),
        (own("bind ::1 {\n except ::1\n}"), "line 4, column 2: bind: give just the addresses"),
        (own("file x"), "line 3, column 3: file: only idetcd's names are served; put further"),
        (own("hosts x example.org"), "line 3, column 11: hosts: \"example.org\": the file counts"),
        (own("hosts {\n10.0.0.1 a\n}"), "line 4, column 1: \"10.0.0.1\": hosts are not read here"),
        (own("hosts {\nno_reverse\n}"), "line 4, column 1: no_reverse: addresses have"),
        (own("hosts\nhosts"), "line 4, column 1: hosts: stands there before"),
        (own("rewrite name a b"), "line 3, column 3: rewrite: it changes answers"),
        (own("whoami"), "line 3, column 3: whoami: it changes answers"),
        (own("tls a b"), "line 3, column 3: tls: only plain DNS is served"),
        (own("acl {\n}"), "line 3, column 3: acl: give --allow in its place"),
        (own("on startup x"), "line 3, column 3: on: commands are not run"),
        (own("dnssec"), "line 3, column 3: dnssec: nothing is signed here"),
        (own("forward"), "line 3, column 3: forward: from where to where? write forward . 192"),
        (own("proxy ."), "line 3, column 3: proxy: from where to where? write proxy . 192"),
        (own("forward . tls://9.9.9.9"), "line 3, column 13: forward: \"tls://9.9.9.9\": tls://"),
        (own("proxy . a://b"), "line 3, column 11: proxy: \"a://b\": a:// is not spoken"),
        (
            own("forward . 10.0.0.53\n  proxy . 10.0.0.53"),
            "line 4, column 3: proxy: forward stands in line 3 before; give all servers there",
        ),
        (own("forward . 10.0.0.53 {\n tls\n}"), "line 4, column 2: tls: only plain DNS is spoken"),
        (own("forward . 10.0.0.53 {\n x\n}"), "line 4, column 2: \"x\": no property of forward"),
        (
            own("proxy . 10.0.0.53 {\n protocol grpc insecure\n}"),
            "line 4, column 2: protocol: only dns is spoken; remove it",
        ),
    ]);
}

#[test]
fn further_server_blocks() {
    let with = |key: &str, other: &str| format!("{key} {{\n idetcd\n}}\n{other}");
    check(&[
        (with("a", ". {\n log\n}"), "line 4, column 1: .: this server block has no idetcd"),
        (with("a", "b {\n hosts\n}"), "line 5, column 2: hosts: one file for all names"),
        (
            with(".", ".:54 {\n forward . 10.0.0.53\n}"),
            "line 4, column 1: .: the server block with idetcd serves this zone; move",
        ),
        (
            with("a", ".:54 {\n forward . 10.0.0.53\n}"),
            "line 4, column 1: .: both server blocks must listen on the same ports",
        ),
        (
            with("a", ". {\n forward . 10.0.0.53\n}\n. {\n proxy . 10.0.0.53\n}"),
            "line 8, column 2: proxy: forward stands in line 5 before",
        ),
        (
            "a {\n idetcd\n forward . 10.0.0.53\n}".to_owned(),
            "line 3, column 2: forward: in this block no name outside of its zone is forwarded",
        ),
        (
            "a 10.0.0.0/8 {\n idetcd\n hosts x {\n fallthrough\n}\n}".to_owned(),
            "line 3, column 2: hosts: the file counts for all names, and this block is for those \
             of its zones; remove it, or",
        ),
    ]);
}
