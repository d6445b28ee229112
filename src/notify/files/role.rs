//! What a file is to the node, and so how a text gets into it and whether it stays.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::Path;

use super::atomic_file::AtomicFile;
use super::section_file::SectionFile;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::notify) enum FileRole {
    /// The text is the whole file, which is there only while a node owns what it tells.
    Owned,
    /// The text is the whole file, which stays, and is replaced only by another text.
    Lasting,
    /// The text is a section of a file that others write as well; it stays, and so on.
    Section,
}

const ROLES: [(FileRole, &str); 3] =
    [(FileRole::Owned, "owned"), (FileRole::Lasting, "lasting"), (FileRole::Section, "section")];

impl FileRole {
    /// The word by which a process is told it.
    pub(super) fn word(self) -> &'static OsStr {
        let word = ROLES.iter().find(|(role, _)| *role == self).map_or("", |(_, word)| word);
        OsStr::new(word)
    }

    pub(super) fn of_word(word: &OsStr) -> Option<FileRole> {
        ROLES.iter().find(|(_, known)| *known == word).map(|(role, _)| *role)
    }

    /// Whether the file goes with the node.
    pub(super) fn is_owned(self) -> bool {
        self == FileRole::Owned
    }
}

/// A file, by its role.
#[derive(Debug)]
pub(super) enum TextFile {
    Owned(AtomicFile),
    Lasting(AtomicFile),
    Section(SectionFile),
}

impl TextFile {
    pub(super) fn new(role: FileRole, path: &Path) -> TextFile {
        match role {
            FileRole::Owned => TextFile::Owned(AtomicFile::new(path)),
            FileRole::Lasting => TextFile::Lasting(AtomicFile::lasting(path)),
            FileRole::Section => TextFile::Section(SectionFile::new(path)),
        }
    }

    /// Finds out whether it can be written, with a text such as this. What an earlier process left is
    /// removed from where nothing is to stay.
    pub(super) fn prepare(&mut self, text: &str) -> io::Result<()> {
        match self {
            TextFile::Owned(file) => file.prepare(),
            TextFile::Lasting(file) => file.probe(),
            TextFile::Section(file) => file.probe(text),
        }
    }

    /// Puts the text in its place, if it is not there and to stay. If that fails, what was there stays.
    pub(super) fn write(&mut self, text: &str) -> io::Result<()> {
        match self {
            TextFile::Owned(file) => file.write(text),
            TextFile::Lasting(file) => {
                let is_there = fs::read(file.path()).is_ok_and(|there| there == text.as_bytes());
                if is_there { Ok(()) } else { file.write(text) }
            }
            TextFile::Section(file) => file.write(text),
        }
    }

    /// Removes it, if it is there and not to stay.
    pub(super) fn remove(&mut self) -> io::Result<()> {
        if let TextFile::Owned(file) = self { file.remove() } else { Ok(()) }
    }

    /// Removes it for good, if it is not to stay and not another process's by now.
    pub(super) fn discard(&mut self) -> io::Result<()> {
        if let TextFile::Owned(file) = self { file.discard() } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn roles_are_told_by_words() {
        for (role, word) in ROLES {
            assert_eq!(
                (role.word(), FileRole::of_word(OsStr::new(word))),
                (OsStr::new(word), Some(role))
            );
        }
        assert_eq!(FileRole::of_word(OsStr::new("")), None);
    }

    #[test]
    fn what_is_to_stay_is_replaced_by_another_text_alone_and_not_removed() {
        let name = format!("idetcd-lasting-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, "before").expect("written");
        let mut file = TextFile::new(FileRole::Lasting, &path);
        let inode = || fs::metadata(&path).expect("there").ino();
        let first = inode();
        file.prepare("").expect("it can be written");
        file.write("before").expect("written");
        assert_eq!(inode(), first, "the same octets");
        file.write("after").expect("written");
        assert_ne!(inode(), first, "replaced as a whole");
        file.remove().expect("left");
        file.discard().expect("left");
        assert_eq!(fs::read_to_string(&path).expect("there"), "after");
        fs::remove_file(&path).expect("removed");
        let missing = Path::new("/nowhere/at/all");
        assert!(TextFile::new(FileRole::Lasting, missing).prepare("").is_err());
    }
}
