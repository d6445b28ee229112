//! Files with all names, for programs that do not ask DNS. They are written as the names change, and
//! stay as they are while etcd is away, before it was heard, and after the end.

use std::time::{Duration, Instant};

use super::files::KeptFile;
use super::name_lists::{ListFormat, ListedNode, hosts_section};
use crate::cluster::{Directory, Freshness, NodePlace, Pattern};

/// The time from a change to the file, so that those that come together are written together, and
/// between two texts.
const WRITE_DELAY: Duration = Duration::from_millis(50);
const WRITE_INTERVAL: Duration = Duration::from_secs(1);

/// The time after which such a file is tried again.
pub(super) const LIST_RETRY_INTERVAL: Duration = Duration::from_secs(5);

/// The most nodes that are put into a text before DNS is answered again.
const NODES_AT_ONCE: usize = 200;

/// How often a text is begun anew because names changed meanwhile. Where they never stop, one that has
/// some names as they were a moment before others is better than none: another one follows.
const FRESH_STARTS: u32 = 5;

/// The text of an empty list, as it is in a file.
pub(super) fn sample(format: ListFormat, pattern: &Pattern) -> String {
    placed(format, pattern, String::new())
}

/// The text as it is in a file, once all nodes are in it.
fn placed(format: ListFormat, pattern: &Pattern, text: String) -> String {
    let text = format.finished(text);
    if format == ListFormat::Hosts { hosts_section(pattern, &text) } else { text }
}

/// A text that is being made.
#[derive(Debug)]
struct Draft {
    text: String,
    /// The first node that is not in it.
    next: NodePlace,
    /// The changes of the directory when it was begun.
    changes: u64,
    fresh_starts: u32,
}

impl Draft {
    fn begin(directory: &Directory, fresh_starts: u32) -> Draft {
        let (text, changes) = (String::new(), directory.changes());
        Draft { text, next: NodePlace::FIRST, changes, fresh_starts }
    }

    /// Puts more nodes into it; `false`: there are no more.
    fn go_on(&mut self, format: ListFormat, directory: &Directory) -> bool {
        if self.changes != directory.changes() && self.fresh_starts < FRESH_STARTS {
            *self = Draft::begin(directory, self.fresh_starts + 1);
        }
        let mut count = 0;
        for (place, names, node) in directory.published_from(self.next).take(NODES_AT_ONCE) {
            format.push(&ListedNode { names, slot: place.slot, node }, &mut self.text);
            self.next = place.next();
            count += 1;
        }
        count == NODES_AT_ONCE
    }
}

/// A file, and when its text is made next.
#[derive(Debug)]
pub(super) struct ListFile {
    pub(super) file: KeptFile,
    format: ListFormat,
    /// `None`: nothing changed.
    write_at: Option<Instant>,
    draft: Option<Draft>,
    /// When a text was begun last.
    written_at: Option<Instant>,
}

impl ListFile {
    pub(super) fn new(file: KeptFile, format: ListFormat) -> ListFile {
        ListFile { file, format, write_at: None, draft: None, written_at: None }
    }

    /// Takes note that the names changed, or what can be said of them.
    pub(super) fn note_change(&mut self, now: Instant) {
        let earliest = self.written_at.map(|at| at + WRITE_INTERVAL);
        let at = (now + WRITE_DELAY).max(earliest.unwrap_or(now));
        self.write_at.get_or_insert(at);
    }

    /// Lets what is to be written be written at once.
    pub(super) fn hasten(&mut self, now: Instant) {
        self.write_at = self.write_at.map(|at| at.min(now));
    }

    /// Whether the names as they were at that time are in the file, as far as that can be known soon.
    pub(super) fn is_written(&self, since: Instant) -> bool {
        let is_begun = self.write_at.is_none() || self.written_at.is_some_and(|at| at >= since);
        is_begun && !self.file.is_unsettled()
    }

    pub(super) fn next(&self) -> Option<Instant> {
        let write_at = self.write_at.filter(|_| self.file.is_idle());
        self.file.next().into_iter().chain(write_at).min()
    }

    pub(super) fn run(&mut self, now: Instant, directory: &Directory) {
        self.file.run(now);
        // While a text is being written, another one waits: by then it would be old.
        if self.write_at.is_none_or(|at| at > now) || !self.file.is_idle() {
            return;
        }
        // Of any other state it is told again when it is over.
        if self.draft.is_none() && directory.freshness() != Freshness::Synced {
            self.write_at = None;
            return;
        }
        let draft = self.draft.get_or_insert_with(|| Draft::begin(directory, 0));
        if draft.go_on(self.format, directory) {
            return;
        }
        let is_current = draft.changes == directory.changes();
        let text = self.draft.take().map(|draft| draft.text).unwrap_or_default();
        (self.write_at, self.written_at) = (None, Some(now));
        self.file.keep(Some(placed(self.format, directory.pattern(), text)), now);
        if !is_current {
            self.note_change(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;

    use super::*;
    use crate::clock;
    use crate::cluster::{Entry, Keyspace};
    use crate::notify::files::FileRole;
    use crate::server::signals::Signals;

    fn put(directory: &mut Directory, slot: usize, revision: i64) {
        let key = format!("w{slot}.tf.local.");
        let value = Some(&br#"{"ipv4":"10.0.0.1"}"#[..]);
        let key = key.as_bytes();
        directory.apply(0, Entry { key, value, mod_revision: revision, fingerprint: 0 });
    }

    /// A directory of so many nodes, in this state.
    fn directory(nodes: usize, freshness: Freshness) -> Directory {
        let pattern = Pattern::parse("w{{.ID}}.tf.local.", 9999).expect("a pattern");
        let mut directory = Directory::new(Arc::new(Keyspace::new(pattern, 9999)));
        let mut snapshot = directory.emptied();
        (1..=nodes).for_each(|slot| put(&mut snapshot, slot, 1));
        directory.replace(snapshot, 1);
        directory.mark(freshness);
        directory
    }

    struct Scene {
        list: ListFile,
        path: std::path::PathBuf,
        now: Instant,
    }

    impl Scene {
        fn new(name: &str) -> Scene {
            let path = std::env::temp_dir().join(format!("idetcd-{name}-{}", std::process::id()));
            let signals = Signals::new().expect("signals");
            let (wakeups, now) = (signals.wakeups(), clock::now());
            let role = ("hosts-file", path.clone(), FileRole::Section);
            let retry = LIST_RETRY_INTERVAL;
            let file = KeptFile::start(role, "a\nb\n".to_owned(), retry, wakeups, now);
            Scene { list: ListFile::new(file.expect("a file"), ListFormat::Hosts), path, now }
        }

        /// Lets all be done that is due by so long after the last time; returns how many turns it took.
        fn run(&mut self, after: Duration, directory: &Directory) -> usize {
            self.now += after;
            let is_due = |list: &ListFile, now| list.next().is_some_and(|at| at <= now);
            let mut turns = 0;
            while is_due(&self.list, self.now) {
                self.list.run(self.now, directory);
                turns += 1;
            }
            turns
        }

        fn lines(&self) -> Option<usize> {
            fs::read_to_string(&self.path).ok().map(|text| text.matches("10.0.0.1").count())
        }
    }

    impl Drop for Scene {
        fn drop(&mut self) {
            let _ = fs::remove_file(&self.path);
        }
    }

    #[test]
    fn names_are_written_only_when_all_are_known() {
        let mut scene = Scene::new("list-known");
        for state in [Freshness::Incomplete, Freshness::Stale, Freshness::Expired] {
            scene.list.note_change(scene.now);
            scene.run(WRITE_DELAY, &directory(1, state));
            assert_eq!((scene.lines(), scene.list.next()), (None, None), "{state:?}");
        }
        scene.list.note_change(scene.now);
        scene.run(WRITE_DELAY, &directory(2, Freshness::Synced));
        assert_eq!(scene.lines(), Some(2));
        scene.list.note_change(scene.now);
        scene.run(WRITE_INTERVAL, &directory(0, Freshness::Incomplete));
        assert_eq!(scene.lines(), Some(2));
        scene.list.note_change(scene.now);
        scene.run(WRITE_INTERVAL, &directory(0, Freshness::Synced));
        assert_eq!(scene.lines(), Some(0), "nobody is there, which is known");
    }

    #[test]
    fn changes_are_written_together_and_a_long_text_is_made_in_turns() {
        let mut scene = Scene::new("list-turns");
        let mut directory = directory(3 * NODES_AT_ONCE, Freshness::Synced);
        scene.list.note_change(scene.now);
        assert_eq!(scene.run(WRITE_DELAY / 2, &directory), 0);
        assert_eq!(scene.run(WRITE_DELAY / 2, &directory), 4);
        assert_eq!(scene.lines(), Some(3 * NODES_AT_ONCE));
        scene.list.note_change(scene.now);
        assert_eq!(scene.run(WRITE_INTERVAL / 2, &directory), 0);
        assert_eq!(scene.run(WRITE_INTERVAL / 2, &directory), 4);
        // What changes while it is made is in it, or in the next where that does not stop.
        scene.list.note_change(scene.now);
        scene.now += WRITE_INTERVAL;
        for revision in 2..100 {
            scene.list.run(scene.now, &directory);
            put(&mut directory, 4000 + revision, i64::try_from(revision).expect("a revision"));
            scene.list.note_change(scene.now);
        }
        assert!(
            scene.lines().is_some_and(|lines| lines > 3 * NODES_AT_ONCE),
            "{:?}",
            scene.lines()
        );
        scene.run(WRITE_INTERVAL, &directory);
        assert_eq!(scene.lines(), Some(3 * NODES_AT_ONCE + 98));
    }
}
