//! The files that this process may still touch once it has started, and no others: Landlock, where the
//! kernel has it, and `no_new_privs`, by which no program that it starts gets more rights than it has.
//! Helpers inherit both.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetError, RulesetStatus,
};

use super::helper::OURSELVES;

/// What the rules speak of: the kernel leaves out what it does not know.
const SPOKEN_OF: ABI = ABI::V5;

/// Links that are followed from a file to the one that it stands for.
const MOST_LINKS: usize = 8;

/// What programs that are linked dynamically are made of.
const LIBRARIES: [&str; 5] = ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache"];

/// The kernel's table of what is mounted where (proc_pid_mountinfo(5)).
const MOUNTS: &str = "/proc/self/mountinfo";

/// The types of file systems, by how they begin, that may leave a process waiting for ever for a look at a file.
const MAY_HANG: [&str; 8] = ["9p", "afs", "ceph", "cifs", "fuse", "lustre", "nfs", "smb"];

/// The files that are needed. Others replace theirs by rename, so what counts are their directories.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sandbox {
    /// Those that are read again.
    pub read: Vec<PathBuf>,
    /// Those that are written.
    pub written: Vec<PathBuf>,
}

impl Sandbox {
    /// Gives up all other files for good, and says whether the kernel takes notice.
    ///
    /// # Errors
    /// When the kernel refuses it though it could.
    pub fn enter(&self) -> Result<bool, RulesetError> {
        let reading = AccessFs::ReadFile | AccessFs::ReadDir;
        let placing = AccessFs::WriteFile | AccessFs::Truncate;
        let writing = reading | placing | AccessFs::MakeReg | AccessFs::RemoveFile;
        let running = AccessFs::ReadFile | AccessFs::Execute;
        let mut rules: Vec<(PathBuf, BitFlags<AccessFs>)> =
            vec![(OURSELVES.into(), running), ("/dev/null".into(), placing | AccessFs::ReadFile)];
        if !cfg!(target_feature = "crt-static") {
            rules.extend(LIBRARIES.map(|path| (path.into(), running | AccessFs::ReadDir)));
        }
        rules.extend(directories(&self.read).into_iter().map(|path| (path, reading)));
        rules.extend(directories(&self.written).into_iter().map(|path| (path, writing)));
        let mut ruleset =
            Ruleset::default().handle_access(AccessFs::from_all(SPOKEN_OF))?.create()?;
        for (path, access) in rules {
            // One that is not there, or may not be searched, cannot be used anyway.
            if let Ok(path) = PathFd::new(path) {
                ruleset = ruleset.add_rule(PathBeneath::new(path, access))?;
            }
        }
        Ok(ruleset.restrict_self()?.ruleset != RulesetStatus::NotEnforced)
    }

    /// The first of its files whose file system may not answer, such as one of a network: nothing may look at it here.
    pub fn may_hang(&self) -> Option<&Path> {
        let mounts = std::fs::read_to_string(MOUNTS).unwrap_or_default();
        let mut files = self.read.iter().chain(&self.written);
        files.find(|file| is_on_any(file, &mounts, &MAY_HANG)).map(PathBuf::as_path)
    }

    /// Its directories, as an operator reads them.
    pub fn describe(&self) -> String {
        let told = |files| match directories(files) {
            none if none.is_empty() => "no directory".to_owned(),
            some => {
                let some: Vec<String> = some.iter().map(|it| it.display().to_string()).collect();
                some.join(", ")
            }
        };
        let (read, written) = (told(&self.read), told(&self.written));
        format!("reads files in {read}, writes files in {written}, and no others")
    }
}

/// Whether a file is on a file system of one of these types, by its name alone.
fn is_on_any(file: &Path, mounts: &str, types: &[&str]) -> bool {
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let mounted = mounts.lines().filter_map(|line| {
        let (place, rest) = line.split_once(" - ")?;
        let place = place.split(' ').nth(4)?.replace("\\040", " ");
        file.starts_with(&place).then_some((place.len(), rest))
    });
    // Of several at one place the last one counts.
    let closest = mounted.max_by_key(|(length, _)| *length);
    closest.is_some_and(|(_, rest)| types.iter().any(|start| rest.starts_with(start)))
}

/// The directories of files, each once: of each link as well, for it may be switched.
fn directories(files: &[PathBuf]) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for file in files {
        let mut path = file.clone();
        for _ in 0..MOST_LINKS {
            let directory = directory_of(&path);
            let next = std::fs::read_link(&path).ok().map(|target| directory.join(target));
            if !all.contains(&directory) {
                all.push(directory);
            }
            let Some(next) = next else { break };
            path = next;
        }
    }
    all
}

/// The directory of a file, or the closest one above that is there.
fn directory_of(path: &Path) -> PathBuf {
    let named = |it: &Path| if it.as_os_str().is_empty() { ".".into() } else { it.to_owned() };
    let above = path.ancestors().skip(1).map(named);
    above.into_iter().find(|it| it.is_dir()).unwrap_or_else(|| ".".into())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn where_a_file_is_mounted_is_told_by_its_name() {
        let mounts = "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
                      30 22 0:30 / /mnt rw,noatime shared:1 - nfs4 server:/a rw\n\
                      31 30 0:31 / /mnt/own\\040disk rw - ext4 /dev/sdb1 rw\n\
                      32 22 0:32 / /run rw - tmpfs tmpfs rw\n\
                      33 22 0:33 / /run rw - fuse.bindfs /x rw\n";
        let table = [
            ("/etc/hosts", false),
            ("/mnt/name", true),
            ("/mntb/name", false),
            ("/mnt/own disk/name", false),
            ("/run/name", true),
        ];
        for (file, wanted) in table {
            assert_eq!(is_on_any(Path::new(file), mounts, &MAY_HANG), wanted, "{file}");
        }
        assert!(!is_on_any(Path::new("/mnt/name"), "", &MAY_HANG));
    }

    #[test]
    fn the_directories_are_those_of_all_links_on_the_way() {
        let name = format!("idetcd-sandbox-{}", std::process::id());
        let base = std::env::temp_dir().join(name);
        for directory in ["live", "archive", "run/inner"] {
            fs::create_dir_all(base.join(directory)).expect("a directory");
        }
        let at = |path: &str| base.join(path);
        symlink("../archive/cert3.pem", at("live/cert.pem")).expect("a link");
        symlink(at("run/inner/resolv.conf"), at("resolv.conf")).expect("a link");
        symlink("loop", at("loop")).expect("a link");
        let table: [(&[&str], &[&str]); 6] = [
            (&[], &[]),
            (&["live/key.pem", "live/other.pem"], &["live"]),
            (&["live/cert.pem"], &["live", "live/../archive"]),
            (&["resolv.conf"], &["", "run/inner"]),
            (&["run/later/file"], &["run"]),
            (&["loop"], &[""]),
        ];
        for (files, wanted) in table {
            let files: Vec<PathBuf> = files.iter().map(|file| at(file)).collect();
            let wanted: Vec<PathBuf> = wanted.iter().map(|it| at(it)).collect();
            assert_eq!(directories(&files), wanted, "{files:?}");
        }
        assert_eq!(directories(&["name".into()]), [PathBuf::from(".")]);
        fs::remove_dir_all(base).expect("removed");
    }
}
