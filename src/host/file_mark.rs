//! What tells that a file changed, without reading it.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time for which a file that changed may change once more with nothing to tell: some file systems
/// count in whole seconds, or two.
const COARSEST_TIME: Duration = Duration::from_secs(2);

/// What `stat(2)` tells of a file, behind all links. The time of its last change alone does not do: a
/// link may be switched to another file with the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileMark {
    device: u64,
    inode: u64,
    size: u64,
    /// Seconds and nanoseconds of the content's last change, and of the file's.
    modified: (i64, i64),
    changed: (i64, i64),
    /// Whether it may change again and look the same.
    is_recent: bool,
}

impl FileMark {
    /// Looks at a file. To be done before it is read, so that a change meanwhile is noticed next time.
    ///
    /// # Errors
    /// Those of `stat(2)`.
    pub fn of(path: &Path) -> io::Result<FileMark> {
        let about = std::fs::metadata(path)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mark = FileMark {
            device: about.dev(),
            inode: about.ino(),
            size: about.size(),
            modified: (about.mtime(), about.mtime_nsec()),
            changed: (about.ctime(), about.ctime_nsec()),
            is_recent: false,
        };
        Ok(mark.seen_at(now))
    }

    /// The same, as it was seen so long after 1970.
    fn seen_at(self, now: Duration) -> FileMark {
        let changed = Duration::from_secs(self.changed.0.try_into().unwrap_or(0));
        FileMark { is_recent: changed + COARSEST_TIME >= now, ..self }
    }

    /// Returns whether the file that looks like this is for certain the one that looked like that.
    pub fn is_still(&self, before: &FileMark) -> bool {
        !before.is_recent && *self == FileMark { is_recent: self.is_recent, ..*before }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_of_it_tells_a_change_and_so_does_one_that_was_just_made() {
        let mark = FileMark {
            device: 1,
            inode: 2,
            size: 3,
            modified: (4, 5),
            changed: (1000, 7),
            is_recent: false,
        };
        let changed = [
            FileMark { device: 9, ..mark },
            FileMark { inode: 9, ..mark },
            FileMark { size: 9, ..mark },
            FileMark { modified: (4, 9), ..mark },
            FileMark { changed: (1000, 9), ..mark },
        ];
        assert!(mark.is_still(&mark));
        for other in changed {
            assert!(!other.is_still(&mark), "{other:?}");
        }
        for (now, wanted) in [(999, false), (1002, false), (1003, true)] {
            let seen = mark.seen_at(Duration::from_secs(now));
            assert_eq!(mark.is_still(&seen), wanted, "seen at {now}");
        }
    }

    #[test]
    fn a_link_that_is_switched_to_a_file_of_the_same_time_and_size_is_another() {
        let name = format!("idetcd-mark-{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&directory).expect("a directory");
        let link = directory.join("link");
        let time = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let mark = |target: &str| {
            let path = directory.join(target);
            std::fs::write(&path, target).expect("written");
            let file = std::fs::File::options().write(true).open(&path).expect("a file");
            file.set_modified(time).expect("set");
            let _ = std::fs::remove_file(&link);
            std::os::unix::fs::symlink(&path, &link).expect("a link");
            // As it looks when it has been there for long.
            FileMark { is_recent: false, ..FileMark::of(&link).expect("a mark") }
        };
        let (one, other) = (mark("1"), mark("2"));
        assert_eq!((one.modified, one.size), (other.modified, other.size));
        assert!(!other.is_still(&one) && other.is_still(&other));
        std::fs::remove_dir_all(&directory).expect("removed");
        assert!(FileMark::of(&link).is_err());
    }
}
