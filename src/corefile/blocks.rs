//! Words → server blocks, each with its keys and directives.

use log::Level;

use super::lexer::Word;
use super::place::{CorefileError, Notice, Place, wrong};
use super::source::Source;

/// The deepest block within blocks; CoreDNS itself knows three.
const MOST_NESTED: usize = 8;

#[derive(Clone, Debug)]
pub(super) struct Block {
    /// The zones and ports that it serves; one at least.
    pub(super) keys: Vec<Word>,
    pub(super) directives: Vec<Directive>,
}

/// A line, and the block that follows it.
#[derive(Clone, Debug)]
pub(super) struct Directive {
    pub(super) name: Word,
    pub(super) arguments: Vec<Word>,
    pub(super) body: Vec<Directive>,
}

/// Reads all server blocks; remembers snippets on the way.
///
/// # Errors
/// When braces do not match, or something stands where it cannot.
pub(super) fn read(source: &mut Source<'_>) -> Result<Vec<Block>, CorefileError> {
    let mut blocks = Vec::new();
    loop {
        let keys = keys(source)?;
        // One server block alone needs no braces.
        let open = source.peek().filter(|word| word.is_open()).map(|word| word.place.clone());
        match (keys.as_slice(), &open) {
            ([], None) => return Ok(blocks),
            ([], Some(place)) => {
                return wrong(place, "whose block? write what it serves before the {, such as .");
            }
            ([key], _) if key.text.starts_with('(') && key.text.ends_with(')') => {
                let Some(open) = &open else {
                    let text = format!("{}: a snippet needs a block; add {{ and }}", key.text);
                    return wrong(&key.place, text);
                };
                source.define_snippet(key, open)?;
                continue;
            }
            (_, Some(_)) => drop(source.next()?),
            (_, None) => {}
        }
        let directives = directives(source, open.as_ref(), 0)?;
        blocks.push(Block { keys, directives });
    }
}

/// The keys of a server block, on one line, or on more where lines end with a comma.
fn keys(source: &mut Source<'_>) -> Result<Vec<Word>, CorefileError> {
    let mut keys = Vec::new();
    let mut comma: Option<Word> = None;
    while let Some(word) = source.peek() {
        if word.is_close() {
            return wrong(&word.place, "a } without a {; remove it");
        }
        let is_import = word.is_leading && word.is("import");
        let is_next_line = word.is_leading && !keys.is_empty() && comma.is_none();
        if word.is_open() || (is_next_line && !is_import) {
            break;
        }
        let Some(word) = source.next()? else { break };
        if is_import {
            source.import(&word)?;
            continue;
        }
        check_brace(&word)?;
        keys.extend(word.split_at_commas());
        comma = Some(word).filter(|word| word.text.ends_with(','));
    }
    match comma {
        Some(word) => wrong(&word.place, "nothing follows the comma; remove it"),
        None => Ok(keys),
    }
}

/// The directives up to the brace that matches the one at `open`; `None`: up to the file's end.
fn directives(
    source: &mut Source<'_>,
    open: Option<&Place>,
    depth: usize,
) -> Result<Vec<Directive>, CorefileError> {
    let mut directives = Vec::new();
    while let Some(word) = source.next()? {
        if word.is_close() && open.is_some() {
            return Ok(directives);
        }
        if word.is_close() {
            return wrong(&word.place, "a } without a {; remove it");
        }
        if word.is_open() {
            return wrong(&word.place, "a { without anything before it; remove it");
        }
        if word.is("import") {
            source.import(&word)?
        } else {
            directives.push(directive(source, word, depth)?)
        }
    }
    match open {
        Some(place) => wrong(place, "the { is never closed; add a }"),
        None => Ok(directives),
    }
}

fn directive(
    source: &mut Source<'_>,
    name: Word,
    depth: usize,
) -> Result<Directive, CorefileError> {
    check_brace(&name)?;
    let (mut arguments, mut body) = (Vec::new(), Vec::new());
    while let Some(word) = source.peek() {
        if word.is_open() {
            let place = word.place.clone();
            if depth == MOST_NESTED {
                let text = format!("more than {MOST_NESTED} blocks within each other; nest less");
                return wrong(&place, text);
            }
            source.next()?;
            body = directives(source, Some(&place), depth + 1)?;
            break;
        }
        if word.is_close() && !word.is_leading {
            let text = "CoreDNS takes this } for a further argument; it belongs on the next line";
            let notice = Notice::new(Level::Warn, &word.place, text);
            source.notices.push(notice);
            break;
        }
        if word.is_close() || word.is_leading {
            break;
        }
        arguments.extend(source.next()?);
    }
    Ok(Directive { name, arguments, body })
}

/// A brace counts only where it stands alone.
fn check_brace(word: &Word) -> Result<(), CorefileError> {
    if word.is_bare && word.text.ends_with('{') {
        return wrong(&word.place, format!("{:?}: put a blank before the {{", word.text));
    }
    Ok(())
}
