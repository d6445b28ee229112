//! The words of a file and of everything that it imports, in one stream.
//!
//! What is imported, a snippet or files, is laid on top of a stack and read before the rest. So
//! nothing is read that is not needed, and nothing calls itself.

use std::collections::HashMap;
use std::sync::Arc;

use log::Level;

use super::lexer::{self, Word};
use super::place::{CorefileError, Notice, Place, wrong};

/// The deepest import within imports: nobody nests configuration so deeply on purpose.
const MOST_IMPORTS: usize = 16;
/// The longest word, in octets; no name, address or URL comes near.
const LONGEST_WORD: usize = 1024;
/// The most words, imported ones counted each time: snippets within snippets double them.
const MOST_WORDS: usize = 100_000;
/// The most octets of all words that are read from files.
const MOST_OCTETS: usize = 1 << 20;

/// The world outside of a file, as far as the file may refer to it.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// The value of a variable of the environment.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
    /// The files that an `import` names, given that name and the file that it stands in.
    pub import: &'a dyn Fn(&str, &str) -> Imported,
}

/// The files that were imported, or why none could be.
pub type Imported = Result<Vec<ImportedFile>, String>;

/// A file that was imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedFile {
    /// Its name in messages, and the one that imports in it are relative to.
    pub name: String,
    /// The text in it.
    pub text: String,
}

/// Words that are being read, laid on top of those that imported them.
struct Layer {
    words: Arc<[Word]>,
    next: usize,
    /// The names of those that imported it, and last its own.
    chain: Vec<Arc<str>>,
}

impl Layer {
    fn peek(&self) -> Option<&Word> {
        self.words.get(self.next)
    }
}

pub(super) struct Source<'a> {
    surroundings: &'a Surroundings<'a>,
    layers: Vec<Layer>,
    snippets: HashMap<String, Arc<[Word]>>,
    words_left: usize,
    octets_left: usize,
    /// The remarks so far.
    pub(super) notices: Vec<Notice>,
}

impl<'a> Source<'a> {
    pub(super) fn new(
        name: &str,
        text: &str,
        surroundings: &'a Surroundings<'a>,
    ) -> Result<Source<'a>, CorefileError> {
        let mut source = Source {
            surroundings,
            layers: Vec::new(),
            snippets: HashMap::new(),
            words_left: MOST_WORDS,
            octets_left: MOST_OCTETS,
            notices: Vec::new(),
        };
        let name: Arc<str> = name.into();
        let words = source.lex(&name, text)?;
        source.layers.push(Layer { words, next: 0, chain: vec![name] });
        Ok(source)
    }

    /// The next word, which stays.
    pub(super) fn peek(&mut self) -> Option<&Word> {
        while self.layers.last().is_some_and(|layer| layer.peek().is_none()) {
            self.layers.pop();
        }
        self.layers.last()?.peek()
    }

    /// Takes the next word.
    pub(super) fn next(&mut self) -> Result<Option<Word>, CorefileError> {
        self.peek();
        self.next_here()
    }

    /// Takes the next word of what is being read, if that goes on.
    fn next_here(&mut self) -> Result<Option<Word>, CorefileError> {
        let Some(layer) = self.layers.last_mut() else { return Ok(None) };
        let Some(word) = layer.peek().cloned() else { return Ok(None) };
        layer.next += 1;
        self.words_left = self.words_left.checked_sub(1).ok_or_else(|| {
            let text = format!("more than {MOST_WORDS} words with all imports; import less");
            CorefileError::at(&word.place, text)
        })?;
        Ok(Some(word))
    }

    /// Keeps the words up to the brace that closes the block as a snippet.
    pub(super) fn define_snippet(&mut self, key: &Word, open: &Place) -> Result<(), CorefileError> {
        let name = key.text.trim_start_matches('(').trim_end_matches(')');
        if self.snippets.contains_key(name) {
            return wrong(&key.place, format!("({name}): there is such a snippet; rename one"));
        }
        self.next()?;
        let mut words = Vec::new();
        let mut depth = 1;
        loop {
            let Some(mut word) = self.next()? else {
                return wrong(open, "the { is never closed; add a }");
            };
            depth += usize::from(word.is_open());
            depth -= usize::from(word.is_close());
            if depth == 0 {
                break;
            }
            word.is_leading |= words.is_empty();
            words.push(word);
        }
        self.snippets.insert(name.to_owned(), words.into());
        Ok(())
    }

    /// Goes on with what the word after `import` names: a snippet, or files.
    pub(super) fn import(&mut self, keyword: &Word) -> Result<(), CorefileError> {
        let name = match self.next_here()? {
            Some(word) if !word.is_leading && !word.is_open() && !word.is_close() => word,
            _ => return wrong(&keyword.place, "import: of what? give a file or a snippet"),
        };
        let more = self.layers.last().and_then(Layer::peek);
        if let Some(more) = more.filter(|word| !word.is_leading && !word.is_close()) {
            let text = format!("import: takes one name; put {:?} on a line of its own", more.text);
            return wrong(&more.place, text);
        }
        if let Some(words) = self.snippets.get(&name.text).cloned() {
            let layer = self.layer(&name, &format!("({})", name.text), words)?;
            self.layers.push(layer);
            return Ok(());
        }
        let files = (self.surroundings.import)(&name.text, &name.place.file)
            .or_else(|why| wrong(&name.place, format!("import: {why}")))?;
        if files.is_empty() {
            let text = format!("import: no file matches {:?}", name.text);
            self.notices.push(Notice::new(Level::Warn, &name.place, text));
        }
        let mut layers = Vec::new();
        for ImportedFile { name: file, text } in files {
            let words = self.lex(&file.as_str().into(), &text)?;
            layers.push(self.layer(&name, &file, words)?);
        }
        self.layers.extend(layers.into_iter().rev());
        Ok(())
    }

    fn layer(&self, word: &Word, name: &str, words: Arc<[Word]>) -> Result<Layer, CorefileError> {
        let mut chain = self.layers.last().map(|layer| layer.chain.clone()).unwrap_or_default();
        let is_cycle = chain.iter().any(|other| **other == *name);
        chain.push(name.into());
        if is_cycle {
            let text = format!("import: a cycle: {}; remove one of them", chain.join(" → "));
            return wrong(&word.place, text);
        }
        if chain.len() > MOST_IMPORTS {
            let text = format!("import: more than {MOST_IMPORTS} within each other; nest less");
            return wrong(&word.place, text);
        }
        Ok(Layer { words, next: 0, chain })
    }

    fn lex(&mut self, name: &Arc<str>, text: &str) -> Result<Arc<[Word]>, CorefileError> {
        let mut words = lexer::words(name, text)?;
        for word in &mut words {
            if word.text.len() <= LONGEST_WORD {
                self.expand(word);
            }
            if word.text.len() > LONGEST_WORD {
                let text = format!("a word of over {LONGEST_WORD} octets; is a quote missing?");
                return wrong(&word.place, text);
            }
            self.octets_left = self.octets_left.checked_sub(word.text.len()).ok_or_else(|| {
                CorefileError::at(&word.place, "too much text with all imports; import less")
            })?;
        }
        Ok(words.into())
    }

    fn expand(&mut self, word: &mut Word) {
        let Some((text, unset)) = lexer::expand(&word.text, self.surroundings.environment) else {
            return;
        };
        for name in unset {
            let text = format!("{name:?} is not set in the environment; it stands for nothing");
            self.notices.push(Notice::new(Level::Warn, &word.place, text));
        }
        word.text = text;
        word.is_bare = false;
    }
}
