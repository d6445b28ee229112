//! Corefiles on disk: reads one, and what it imports.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::place::CorefileError;
use super::settings::Corefile;
use super::{Imported, ImportedFile, Surroundings, parse};

/// The file that CoreDNS reads in the working directory.
const DEFAULT: &str = "Corefile";
/// The name of standard input in CoreDNS; `./stdin` is a file.
const STDIN: &str = "stdin";
/// The largest file, in octets: far beyond any configuration.
const LARGEST: u64 = 1 << 20;
const WILD: [char; 3] = ['*', '?', '['];

/// Reads the Corefile of a name; where none is given, `Corefile` in the working directory, if it
/// is there.
///
/// # Errors
/// When it cannot be read or followed.
pub fn read(name: Option<&str>, default_port: u16) -> Result<Option<Corefile>, CorefileError> {
    let (name, text) = match name {
        Some(STDIN) => (STDIN, text_from(io::stdin())),
        Some(name) => (name, text_of(Path::new(name))),
        None => match File::open(DEFAULT) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => (DEFAULT, file.map_err(unreadable).and_then(text_from)),
        },
    };
    let text = text.map_err(|why| CorefileError::of_file(name, why))?;
    let surroundings = Surroundings { environment: &environment, import: &import };
    parse(name, &text, default_port, &surroundings).map(Some)
}

fn environment(name: &str) -> Option<String> {
    // Others than these would make the system's call panic.
    if name.is_empty() || name.contains(['=', '\0']) {
        return None;
    }
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

fn text_of(path: &Path) -> Result<String, String> {
    text_from(File::open(path).map_err(unreadable)?)
}

fn unreadable(error: io::Error) -> String {
    format!("{error}; give a file that can be read")
}

/// The text of a file, or why it has none.
fn text_from(file: impl Read) -> Result<String, String> {
    let mut octets = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut octets).map_err(unreadable)?;
    if octets.len() as u64 > LARGEST {
        return Err(format!("over {LARGEST} octets; give a shorter file"));
    }
    String::from_utf8(octets).map_err(|error| {
        let good = String::from_utf8_lossy(
            error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default(),
        );
        let line = good.matches('\n').count() + 1;
        let column = good.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        format!("line {line}, column {column}: not UTF-8; give a text file")
    })
}

/// The files that an `import` names, relative to the file that it stands in.
fn import(name: &str, importer: &str) -> Imported {
    if name.is_empty() {
        return Err("the name is empty; give a file or a snippet".to_owned());
    }
    let directory = Path::new(importer).parent().unwrap_or(Path::new(""));
    let path = directory.join(name);
    let paths = if name.contains(WILD) { matching(&path)? } else { vec![path] };
    let imported = |path: &PathBuf| {
        let name = path.display().to_string();
        let text = text_of(path).map_err(|why| format!("{name:?}: {why}"))?;
        Ok(ImportedFile { name, text })
    };
    paths.iter().map(imported).collect()
}

/// All files that a path with `*` and `?` in its last part stands for, in the order of names.
fn matching(path: &Path) -> Result<Vec<PathBuf>, String> {
    let pattern = path.file_name().unwrap_or_default().to_string_lossy();
    let directory = path.parent().unwrap_or(Path::new(""));
    if directory.to_string_lossy().contains(WILD) || pattern.contains('[') {
        return Err("as wildcards only * and ? in the last part of the path are known".to_owned());
    }
    let is_here = directory.as_os_str().is_empty();
    let readable = if is_here { Path::new(".") } else { directory };
    let failed = |error: io::Error| format!("{}: {error}", readable.display());
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(readable).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if is_match(&pattern, &name.to_string_lossy()) {
            paths.push(directory.join(name));
        }
    }
    paths.sort();
    Ok(paths)
}

/// Matches a name with a pattern: `*` is for any characters, and `?` for one.
fn is_match(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    // What the pattern's part so far can end at in the name.
    let mut ends = vec![0];
    for wanted in pattern {
        ends = match wanted {
            '*' => (ends.first().copied().unwrap_or(name.len() + 1)..=name.len()).collect(),
            '?' => ends.iter().filter(|end| **end < name.len()).map(|end| end + 1).collect(),
            letter => {
                let is_next = |end: &&usize| name.get(**end) == Some(&letter);
                ends.iter().filter(is_next).map(|end| end + 1).collect()
            }
        };
    }
    ends.last() == Some(&name.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_as_in_a_shell() {
        let table = [
            ("*", "a.conf", true),
            ("*", "", true),
            ("*.conf", "a.conf", true),
            ("*.conf", "a.conf.old", false),
            ("a*b*c", "axxbxbc", true),
            ("a*b*c", "axxbxb", false),
            ("?.conf", "a.conf", true),
            ("?.conf", "ab.conf", false),
            ("??", "é.", true),
            ("x*", "", false),
            ("*x", "y", false),
            ("", "", true),
            ("", "a", false),
        ];
        for (pattern, name, wanted) in table {
            assert_eq!(is_match(pattern, name), wanted, "{pattern} {name}");
        }
    }

    #[test]
    fn variables_with_impossible_names_are_not_set() {
        for name in ["", "A=B", "A\0B"] {
            assert_eq!(environment(name), None);
        }
    }
}
