//! `{$NAME}` and `{%NAME%}` in words, replaced by what the environment says.

/// A text with what stood in the environment, and the variables that did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expanded {
    pub(super) text: String,
    pub(super) unset: Vec<String>,
}

const MARKS: [(&str, &str); 2] = [("{$", "}"), ("{%", "%}")];

/// Replaces all references in a text; `None` where there is none. A variable that is not set is
/// replaced by nothing, as in CoreDNS. What a variable holds is not looked through again, so that
/// one that refers to itself does no harm.
pub(super) fn expand(text: &str, environment: &dyn Fn(&str) -> Option<String>) -> Option<Expanded> {
    let mut rest = text;
    let mut expanded = Expanded { text: String::new(), unset: Vec::new() };
    let mut is_changed = false;
    while let Some((before, name, after)) = first_reference(rest) {
        is_changed = true;
        expanded.text.push_str(before);
        match environment(name) {
            Some(value) => expanded.text.push_str(&value),
            None => expanded.unset.push(name.to_owned()),
        }
        rest = after;
    }
    expanded.text.push_str(rest);
    is_changed.then_some(expanded)
}

/// What stands before the first reference, the name in it, and what follows.
fn first_reference(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let open = from + text.get(from..)?.find('{')?;
        let rest = text.get(open..)?;
        if let Some((name, after)) = MARKS.iter().find_map(|(begin, end)| {
            let (name, after) = rest.strip_prefix(begin)?.split_once(end)?;
            (!name.is_empty()).then_some((name, after))
        }) {
            return Some((text.get(..open)?, name, after));
        }
        from = open + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(expanded.as_ref().map(|e| e.text.as_str()), wanted, "{text}");
            assert_eq!(expanded.map(|e| e.unset).unwrap_or_default(), unset, "{text}");
        }
    }
}
