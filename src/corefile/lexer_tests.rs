use super::*;

/// Each word with its line and column, those that begin a line after a `|`.
fn shown(text: &str) -> Vec<String> {
    let words = words(&"f".into(), text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
    let show = |word: &Word| {
        let mark = if word.is_leading { "|" } else { "" };
        format!("{mark}{}@{}:{}", word.text, word.place.line, word.place.column)
    };
    words.iter().map(show).collect()
}

#[test]
fn blanks_lines_comments_and_quotes_part_words() {
    let table: [(&str, &[&str]); 20] = [
        ("", &[]),
        (" \t\n\r\n", &[]),
        ("a b\tc", &["|a@1:1", "b@1:3", "c@1:5"]),
        ("a\nb\r\n c", &["|a@1:1", "|b@2:1", "|c@3:2"]),
        ("\u{feff}a", &["|a@1:1"]),
        ("a\u{a0}b", &["|a@1:1", "b@1:3"]),
        ("# one\na # two\n# three", &["|a@2:1"]),
        ("#\n#", &[]),
        // In CoreDNS 1.2 a comment begins within a word as well.
        ("a#b c\nd", &["|a@1:1", "|d@2:1"]),
        ("\"a b\" c", &["|a b@1:1", "c@1:7"]),
        ("\"a#b\"", &["|a#b@1:1"]),
        ("\"\" b", &["|@1:1", "b@1:4"]),
        ("\"a\"b", &["|a@1:1", "b@1:4"]),
        ("a\"b\"", &["|a\"b\"@1:1"]),
        (r#""a \"b\" \c \\" d"#, &["|a \"b\" \\c \\\\@1:1", "d@1:17"]),
        ("\"a\nb\" c\nd", &["|a\nb@1:1", "c@2:4", "|d@3:1"]),
        ("ä ö", &["|ä@1:1", "ö@1:3"]),
        (". {\n}", &["|.@1:1", "{@1:3", "|}@2:1"]),
        ("w{{.ID}}.a. \"w{{ .ID }}.a.\"", &["|w{{.ID}}.a.@1:1", "w{{ .ID }}.a.@1:13"]),
        ("a\\b \\", &["|a\\b@1:1", "\\@1:5"]),
    ];
    for (text, wanted) in table {
        assert_eq!(shown(text), wanted, "{text:?}");
    }
}

#[test]
fn what_is_no_text_is_told_with_its_place() {
    let table = [
        ("a \"b\nc", "f: line 1, column 3: the quote is never closed; add a \""),
        ("\"\\\"", "f: line 1, column 1: the quote is never closed; add a \""),
        ("a\n \0", "f: line 2, column 2: '\\0' cannot stand here; give a text file"),
        ("a\u{1b}[2J", "f: line 1, column 2: '\\u{1b}' cannot stand here; give a text file"),
        ("\"\u{7}\"", "f: line 1, column 2: '\\u{7}' cannot stand here; give a text file"),
    ];
    for (text, wanted) in table {
        let error = words(&"f".into(), text).expect_err(text);
        assert_eq!(error.to_string(), wanted, "{text:?}");
    }
}

#[test]
fn a_brace_is_one_only_where_it_stands_alone_and_bare() {
    let words = words(&"f".into(), "{ } \"{\" \"}\" x{").expect("words");
    let braces: Vec<_> = words.iter().map(|word| (word.is_open(), word.is_close())).collect();
    let no = (false, false);
    assert_eq!(braces, [(true, false), (false, true), no, no, no]);
}

#[test]
fn references_are_replaced_once_and_everything_else_is_left() {
    let environment = |name: &str| match name {
        "A" => Some("one".to_owned()),
        "B" => Some("{$A} {$B}".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    };
    let table: [(&str, Option<&str>, &[&str]); 14] = [
        ("", None, &[]),
        ("worker{{.ID}}.tf.local.", None, &[]),
        ("{$A}", Some("one"), &[]),
        ("{%A%}", Some("one"), &[]),
        ("x{$A}y{%A%}z", Some("xoneyonez"), &[]),
        ("{{$A}}", Some("{one}"), &[]),
        ("{$B}", Some("{$A} {$B}"), &[]),
        ("{$EMPTY}", Some(""), &[]),
        ("{$NONE}:{%NOR_THIS%}", Some(":"), &["NONE", "NOR_THIS"]),
        ("{$}", None, &[]),
        ("{%%}", None, &[]),
        ("{$A", None, &[]),
        ("{%A}", None, &[]),
        ("$A %A% {A} ö{", None, &[]),
    ];
    for (text, wanted, unset) in table {
        let expanded = expand(text, &environment);
        assert_eq!(expanded.as_ref().map(|(text, _)| text.as_str()), wanted, "{text}");
        assert_eq!(expanded.map(|(_, unset)| unset).unwrap_or_default(), unset, "{text}");
    }
}
