//! Words → server blocks, each with its keys and directives.

use super::lexer::{Spelling, Word};
use super::place::{CorefileError, Place, wrong};
use super::source::Source;

/// The deepest block within blocks; CoreDNS itself knows three.
const MOST_NESTED: usize = 8;

/// A server block.
#[derive(Clone, Debug)]
pub(super) struct Block {
    /// Its keys: the zones and ports that it serves; one at least.
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

/// The end of a block.
enum BlockEnd {
    /// The brace that matches the one that stands here.
    Brace(Place),
    /// The end of the file: one server block alone needs no braces.
    File,
}

/// Reads all server blocks; remembers snippets on the way.
///
/// # Errors
/// When braces do not match, or something stands where it cannot.
pub(super) fn read(source: &mut Source<'_>) -> Result<Vec<Block>, CorefileError> {
    let mut blocks = Vec::new();
    loop {
        let keys = keys(source)?;
        let end = match source.peek() {
            Some(word) if word.is_open() => BlockEnd::Brace(word.place.clone()),
            _ => BlockEnd::File,
        };
        match (keys.as_slice(), &end) {
            ([], BlockEnd::File) => return Ok(blocks),
            ([], BlockEnd::Brace(place)) => {
                return wrong(place, "whose block? write what it serves before the {, such as .");
            }
            ([key], _) if is_snippet(key) => {
                snippet(source, key, &end)?;
                continue;
            }
            (_, BlockEnd::Brace(_)) => {
                source.next()?;
            }
            _ => {}
        }
        let directives = directives(source, &end, 0)?;
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
        if word.is_open() {
            break;
        }
        if word.is_leading() && word.is("import") {
            let keyword = word.clone();
            source.next()?;
            source.import(&keyword)?;
            continue;
        }
        if word.is_leading() && !keys.is_empty() && comma.is_none() {
            break;
        }
        let Some(word) = source.next()? else { break };
        check_brace(&word)?;
        keys.extend(word.split_at_commas());
        comma = Some(word).filter(|word| word.text.ends_with(','));
    }
    match comma {
        Some(word) => wrong(&word.place, "nothing follows the comma; remove it"),
        None => Ok(keys),
    }
}

fn is_snippet(key: &Word) -> bool {
    key.text.starts_with('(') && key.text.ends_with(')')
}

fn snippet(source: &mut Source<'_>, key: &Word, end: &BlockEnd) -> Result<(), CorefileError> {
    let name = key.text.trim_start_matches('(').trim_end_matches(')');
    let BlockEnd::Brace(open) = end else {
        return wrong(&key.place, format!("({name}): a snippet needs a block; add {{ and }}"));
    };
    if source.has_snippet(name) {
        return wrong(&key.place, format!("({name}): there is such a snippet; rename one"));
    }
    source.next()?;
    source.define_snippet(name, open)
}

fn directives(
    source: &mut Source<'_>,
    end: &BlockEnd,
    depth: usize,
) -> Result<Vec<Directive>, CorefileError> {
    let mut directives = Vec::new();
    loop {
        let Some(word) = source.next()? else {
            return match end {
                BlockEnd::File => Ok(directives),
                BlockEnd::Brace(place) => wrong(place, "the { is never closed; add a }"),
            };
        };
        match end {
            BlockEnd::Brace(_) if word.is_close() => return Ok(directives),
            BlockEnd::File if word.is_close() => {
                return wrong(&word.place, "a } without a {; remove it");
            }
            _ => {}
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
}

fn directive(
    source: &mut Source<'_>,
    name: Word,
    depth: usize,
) -> Result<Directive, CorefileError> {
    check_brace(&name)?;
    let mut arguments = Vec::new();
    let mut body = Vec::new();
    while let Some(word) = source.peek() {
        if word.is_open() {
            let place = word.place.clone();
            if depth == MOST_NESTED {
                let text = format!("more than {MOST_NESTED} blocks within each other; nest less");
                return wrong(&place, text);
            }
            source.next()?;
            body = directives(source, &BlockEnd::Brace(place), depth + 1)?;
            break;
        }
        if word.is_close() || word.is_leading() {
            break;
        }
        arguments.extend(source.next()?);
    }
    Ok(Directive { name, arguments, body })
}

/// A brace counts only where it stands alone.
fn check_brace(word: &Word) -> Result<(), CorefileError> {
    if word.spelling == Spelling::Bare && word.text.ends_with('{') {
        return wrong(&word.place, format!("{:?}: put a blank before the {{", word.text));
    }
    Ok(())
}
