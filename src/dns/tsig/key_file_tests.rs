use super::*;

/// As `tsig-keygen -a hmac-sha256 transfer.tf.local` of BIND 9.18 wrote it.
const WRITTEN: &str = "key \"transfer.tf.local\" {\n\talgorithm hmac-sha256;\n\t\
                       secret \"8WStlEF09DSkXJtXmAfJ5GCqwvqLQAuaoO/JILFdR3s=\";\n};\n";

fn found(text: &str, name: &str, algorithm: &str) -> Result<TsigKey, String> {
    find(text, &name.parse().expect("a name"), algorithm.parse().expect("an algorithm"))
}

#[test]
fn a_key_is_read_as_it_is_written() {
    let texts = [
        WRITTEN.to_owned(),
        WRITTEN.replace('\n', " "),
        WRITTEN.replace("\"transfer.tf.local\"", "Transfer.TF.local."),
        format!("# one\n// two {{\n/* three\n*/ {WRITTEN} # four"),
        format!("key other {{ secret aGVsbG8=; algorithm HMAC-SHA512; }};{WRITTEN}"),
    ];
    for text in texts {
        let key = found(&text, "transfer.tf.local", "hmac-sha256").expect(&text);
        assert_eq!(
            (key.name.to_string().as_str(), key.algorithm.name()),
            ("transfer.tf.local.", "hmac-sha256")
        );
        let shown = format!("{key:?}");
        assert!(!shown.contains("8WSt") && shown.contains("transfer"), "{shown}");
    }
}

#[test]
fn what_is_wrong_is_told_with_its_line_and_without_the_secret() {
    let table = [
        ("", "1: there is no key"),
        ("\n\n \"8WSt", "3: a quote"),
        ("secret", "1: a key begins"),
        ("key {", "1: the name of the key is missing"),
        ("key \"a b\" {", "1: the name of a key has letters"),
        ("key a ;", "1: { is missing"),
        ("key a {\n\n}", "3: the key lacks"),
        ("key a {\n algorithm\n hmac-md5;", "3: the algorithm is not hmac-sha256 or"),
        ("key a {\nalgorithm hmac-sha256;\nsecret 8WSt;\n", "4: a key has"),
        ("key a {\nalgorithm hmac-sha256;\nsecret 8WStx;\n", "3: the secret is not base64"),
        ("key a {\nsecret \"\";\n", "2: the secret is empty"),
        ("key a {\nsecret 8WSt\n}", "3: ; is missing"),
        ("key a {\nsecret 8WSt; secret 8WSt;", "2: a key has"),
        ("/* x\n", "1: a comment"),
        ("key b { algorithm hmac-sha256; secret 8WSt; };", "1: there is no key a. in it, only b."),
        ("key a {\nalgorithm hmac-sha512;\nsecret 8WSt; };", "2: the key is for hmac-sha512, not"),
    ];
    for (text, wanted) in table {
        let why = found(text, "a", "hmac-sha256").expect_err(text);
        assert!(why.starts_with(wanted) && !why.contains("8WSt"), "{text:?}: {why}");
    }
}
