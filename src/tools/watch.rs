//! `idetcd list --watch`: a line for each name that is there, and then for each change.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::follow::follow;
use super::table::{self, Reader};
use crate::cluster::{Directory, Freshness, NodePlace, PublishedNode, Record};
use crate::failure::Failure;
use crate::node::Host;
use crate::notify::name_lists::ListedNode;
use crate::options::{LineForm, Options};
use crate::server::Shared;
use crate::server::reading_progress::ReadingProgress;
use crate::server::timers::{Timer, View};

/// The time after which it is noticed that nobody reads the lines any more.
const READER_INTERVAL: Duration = Duration::from_secs(1);

/// Writes lines until a signal comes or nobody reads them, both of which is no failure.
pub(super) fn run(form: LineForm, options: &Options, place: &Shared) -> Result<(), Failure> {
    let progress = ReadingProgress::new(place.now());
    {
        let mut server = place.lock();
        let stop = server.stop_flag();
        server.add_timer(Box::new(ReaderWatch { stop, look_at: Some(place.now()) }));
        server.add_timer(Box::new(progress.clone()));
    }
    let mut lines = Lines { form, changes: 0, told: BTreeMap::new() };
    let mut written = Ok(Reader::There);
    let mut is_done = || {
        let news = place.directory(|directory| lines.next(directory));
        if !news.is_empty() {
            progress.end();
        }
        written = table::write_to_reader(&news);
        !matches!(written, Ok(Reader::There))
    };
    follow(options, place, None, &mut is_done)?;
    written.map(drop)
}

/// The lines so far.
struct Lines {
    form: LineForm,
    /// The changes of the directory that were told.
    changes: u64,
    told: BTreeMap<NodePlace, PublishedNode>,
}

impl Lines {
    /// The lines of what changed since the last time.
    fn next(&mut self, directory: &Directory) -> String {
        let changes = directory.changes();
        if directory.freshness() != Freshness::Synced
            || std::mem::replace(&mut self.changes, changes) == changes
        {
            return String::new();
        }
        let nodes = directory.published_from(NodePlace::FIRST);
        let now: BTreeMap<NodePlace, PublishedNode> =
            nodes.map(|(place, _, node)| (place, node)).collect();
        let mut text = String::new();
        for (place, node) in &self.told {
            if !now.contains_key(place) {
                text.push_str(&self.line("removed", *place, node, directory));
            }
        }
        for (place, node) in &now {
            let change = match self.told.get(place) {
                None => "added",
                Some(before) if before != node => "changed",
                Some(_) => continue,
            };
            text.push_str(&self.line(change, *place, node, directory));
        }
        self.told = now;
        text
    }

    fn line(
        &self,
        change: &str,
        place: NodePlace,
        node: &PublishedNode,
        directory: &Directory,
    ) -> String {
        let Some(names) = directory.keyspace().names().nth(place.range) else {
            return String::new();
        };
        match self.form {
            LineForm::Json => {
                let node = ListedNode { names: &names, slot: place.slot, node: node.clone() };
                let mut node = node.to_json();
                node["change"] = change.into();
                format!("{node}\n")
            }
            LineForm::Tabs => {
                let Record { ipv4, ipv6, port } = node.record;
                let slot = names.pattern().map(|_| place.slot.to_string());
                let (ipv4, ipv6) = (ipv4.map(|ip| ip.to_string()), ipv6.map(|ip| ip.to_string()));
                let (name, port) = (names.name(place.slot), port.map(|it| it.to_string()));
                let fields = [slot, Some(name), ipv4, ipv6, port, node.standing().note()];
                let fields = fields.map(|field| field.unwrap_or_else(|| "-".to_owned()));
                format!("{change}\t{}\n", fields.join("\t"))
            }
        }
    }
}

/// Asks the process to stop when nobody reads what it writes: a change may not come for long.
#[derive(Debug)]
struct ReaderWatch {
    stop: Arc<AtomicBool>,
    /// `None`: it was asked.
    look_at: Option<Instant>,
}

impl Timer for ReaderWatch {
    fn next(&self) -> Option<Instant> {
        self.look_at
    }

    fn run(&mut self, now: Instant, _view: View<'_>) {
        self.look_at = Some(now + READER_INTERVAL);
        let stdout = io::stdout();
        let mut fds = [PollFd::new(&stdout, PollFlags::empty())];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let is_told = poll(&mut fds, Some(&at_once)).is_ok();
        if is_told && fds[0].revents().intersects(PollFlags::ERR | PollFlags::HUP) {
            self.look_at = None;
            self.stop.store(true, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{Entry, Keyspace, Names, Pattern};

    #[test]
    fn each_change_is_a_line_whether_it_came_alone_or_with_all_names() {
        let pattern = Pattern::parse("w{{.ID}}.tf.", 9).expect("a pattern");
        let resolve = vec![Names::parse("db.tf.", 9).expect("a name")];
        let keyspace = Arc::new(Keyspace { resolve, ..Keyspace::new(pattern, 9) });
        let mut directory = Directory::new(keyspace);
        let put = |directory: &mut Directory, range, key: &str, value: &str, revision| {
            let (key, value) = (key.as_bytes(), Some(value.as_bytes()).filter(|it| !it.is_empty()));
            let entry = Entry { key, value, mod_revision: revision, fingerprint: 0 };
            directory.apply(range, entry);
        };
        let mut lines = Lines { form: LineForm::Tabs, changes: 0, told: BTreeMap::new() };
        assert_eq!(lines.next(&directory), "");
        let mut snapshot = directory.emptied();
        put(&mut snapshot, 0, "w2.tf.", r#"{"ipv4":"10.0.0.2","port":"53"}"#, 1);
        put(&mut snapshot, 1, "db.tf.", r#"{"ipv6":"fd00::9"}"#, 1);
        directory.replace(snapshot, 1);
        let both = "added\t2\tw2.tf.\t10.0.0.2\t-\t53\t-\nadded\t-\tdb.tf.\t-\tfd00::9\t-\t-\n";
        assert_eq!(lines.next(&directory), both);
        assert_eq!(lines.next(&directory), "");
        put(&mut directory, 0, "w2.tf.", r#"{"ipv4":"10.0.0.2","port":"53","x":1}"#, 2);
        assert_eq!(lines.next(&directory), "", "the same again");
        put(&mut directory, 0, "w2.tf.", r#"{"ipv4":"10.0.0.3"}"#, 3);
        assert_eq!(lines.next(&directory), "changed\t2\tw2.tf.\t10.0.0.3\t-\t-\t-\n");
        put(&mut directory, 0, "w:2.tf.", r#"{"reason":"disk"}"#, 4);
        assert_eq!(lines.next(&directory), "changed\t2\tw2.tf.\t10.0.0.3\t-\t-\tdrained: disk\n");
        put(&mut directory, 0, "w:2.tf.", "", 5);
        put(&mut directory, 0, "w2.tf.", r#"{"ipv4":"10.0.0.3","ready":false}"#, 6);
        assert_eq!(lines.next(&directory), "changed\t2\tw2.tf.\t10.0.0.3\t-\t-\tnot ready\n");
        put(&mut directory, 0, "w2.tf.", r#"{"ipv4":"10.0.0.3"}"#, 7);
        lines.next(&directory);
        put(&mut directory, 0, "w2.tf.", "", 8);
        put(&mut directory, 0, "w1.tf.", r#"{"ipv4":"10.0.0.1","meta":{"rack":"a"}}"#, 9);
        directory.mark(Freshness::Stale);
        assert_eq!(lines.next(&directory), "", "it may be less than there is");
        directory.mark(Freshness::Synced);
        lines.form = LineForm::Json;
        let told = lines.next(&directory);
        let wanted = concat!(
            r#"{"change":"removed","drained":false,"ipv4":"10.0.0.3","ipv6":null,"meta":{},"#,
            r#""name":"w2.tf.","pattern":"w{{.ID}}.tf.","port":null,"ready":true,"reason":null,"#,
            r#""services":{},"slot":2}"#,
            "\n",
            r#"{"change":"added","drained":false,"ipv4":"10.0.0.1","ipv6":null,"meta":{"rack":"a"},"#,
            r#""name":"w1.tf.","pattern":"w{{.ID}}.tf.","port":null,"ready":true,"reason":null,"#,
            r#""services":{},"slot":1}"#,
            "\n"
        );
        assert_eq!(told, wanted);
        directory.replace(directory.emptied(), 1);
        assert_eq!(lines.next(&directory).lines().count(), 2, "an older backup");
    }
}
