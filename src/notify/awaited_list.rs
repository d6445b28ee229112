//! The list of a job, which the program waits for: in a file before it starts, and in its environment.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::children::Variable;
use super::files::KeptFile;
use crate::cluster::{NamesRead, SlotId, StartedList};
use crate::host::terminal::ProgressLine;

/// The longest `IDETCD_PEERS`, in octets: Linux starts no program with a variable of more than 128 KiB.
const LONGEST_PEERS: usize = 100_000;

/// What the program that waits for a list is to find, and how long it waits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListSettings {
    /// The file that holds the list; `None`: none does.
    pub file: Option<PathBuf>,
    /// How long it may take from the start of this process; `None`: as long as it takes.
    pub timeout: Option<Duration>,
}

/// The list, before it is there and after that.
#[derive(Debug)]
pub(super) struct AwaitedList {
    settings: ListSettings,
    pub(super) file: Option<KeptFile>,
    deadline: Option<Instant>,
    /// What is waited for, in words.
    lacks: String,
    list: Option<Arc<StartedList>>,
    /// Says on a terminal how far it is.
    line: ProgressLine,
}

/// A list that the program may start by, and where it finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ListAtHand {
    list: Arc<StartedList>,
    file: Option<PathBuf>,
}

impl AwaitedList {
    pub(super) fn new(settings: ListSettings, file: Option<KeptFile>, now: Instant) -> AwaitedList {
        let deadline = settings.timeout.and_then(|timeout| now.checked_add(timeout));
        let lacks = "this node has no name yet".to_owned();
        AwaitedList { settings, file, deadline, lacks, list: None, line: ProgressLine::new(now) }
    }

    /// Takes note of what is waited for.
    pub(super) fn lack(&mut self, what: String) {
        if what != self.lacks {
            log::info!("exec: {what}");
            self.lacks = what;
        }
    }

    /// Takes note of the list; `None`: the name on it is lost.
    pub(super) fn set(&mut self, list: Option<Arc<StartedList>>, now: Instant) {
        if let Some(file) = &mut self.file {
            file.keep(list.as_ref().map(|list| list.file_text()), now);
        }
        if list.is_some() {
            self.lacks = "the list is not in its file (--list-file)".to_owned();
        }
        self.list = list;
    }

    /// The list, once it is in the file as well.
    pub(super) fn at_hand(&self) -> Option<ListAtHand> {
        let is_written = self.file.as_ref().is_none_or(KeptFile::is_as_wanted);
        let list = self.list.clone().filter(|_| is_written)?;
        Some(ListAtHand { list, file: self.settings.file.clone() })
    }

    /// The time to look at it next, where the program waits for it or does so no more.
    pub(super) fn next(&self, is_awaited: bool) -> Option<Instant> {
        let deadline = self.deadline.filter(|_| is_awaited);
        let line = self.line.next();
        self.file.as_ref().and_then(KeptFile::next).into_iter().chain(deadline).chain(line).min()
    }

    /// Shows how far it is, for as long as the program waits.
    pub(super) fn show_progress(
        &mut self,
        is_awaited: bool,
        reading: Option<NamesRead>,
        now: Instant,
    ) {
        if is_awaited && log::log_enabled!(log::Level::Info) {
            let what = reading.map_or_else(|| self.lacks.clone(), |reading| reading.to_string());
            self.line.show(|| format!("exec: {what}"), self.deadline, now);
        } else {
            self.line.end();
        }
    }

    /// Says why there is no list, if it took too long.
    pub(super) fn overdue(&self, now: Instant) -> Option<String> {
        let timeout =
            self.settings.timeout.filter(|_| self.deadline.is_some_and(|at| at <= now))?;
        Some(format!("{} after {} s", self.lacks, timeout.as_secs()))
    }
}

impl ListAtHand {
    /// The variables that only a program with a list has.
    pub(super) const VARIABLES: [&str; 5] =
        ["IDETCD_COUNT", "IDETCD_RANK", "IDETCD_PEERS", "IDETCD_LIST_REVISION", "IDETCD_LIST_FILE"];

    /// The variables of the program's environment for the member of this slot.
    pub(super) fn environment(&self, own: SlotId) -> Vec<Variable> {
        let (members, rank) = (&self.list.members, self.list.rank_of(own));
        let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
        let peers = Some(names.join(" ")).filter(|peers| peers.len() <= LONGEST_PEERS);
        vec![
            ("IDETCD_COUNT", Some(members.len().to_string().into())),
            ("IDETCD_RANK", rank.map(|rank| rank.to_string().into())),
            ("IDETCD_PEERS", peers.map(OsString::from)),
            ("IDETCD_LIST_REVISION", Some(self.list.revision.to_string().into())),
            ("IDETCD_LIST_FILE", self.file.clone().map(PathBuf::into_os_string)),
        ]
    }

    /// What a child is not to have that runs by no list.
    pub(super) fn no_environment() -> Vec<Variable> {
        Self::VARIABLES.map(|name| (name, None)).to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{JobMember, JobName, Record};

    #[test]
    fn a_program_finds_its_place_in_the_list() {
        let member = |slot, name: &str| JobMember {
            slot: SlotId::new(slot).expect("not zero"),
            name: name.to_owned(),
            record: Record::default(),
            token: 9,
        };
        let members = vec![member(2, "w2.tf.local"), member(9, "w9.tf.local")];
        let list = Arc::new(StartedList { job: JobName::default(), revision: 77, members });
        let mut awaited = AwaitedList::new(ListSettings::default(), None, Instant::now());
        assert_eq!(awaited.at_hand(), None);
        awaited.set(Some(list), Instant::now());
        let variables =
            awaited.at_hand().expect("a list").environment(SlotId::new(9).expect("not zero"));
        let text = |value: Option<OsString>| value.map(|value| value.into_string().expect("text"));
        let told: Vec<String> = variables
            .into_iter()
            .map(|(name, value)| format!("{name}={}", text(value).unwrap_or("-".to_owned())))
            .collect();
        assert_eq!(
            told.join(";"),
            "IDETCD_COUNT=2;IDETCD_RANK=1;IDETCD_PEERS=w2.tf.local w9.tf.local;\
             IDETCD_LIST_REVISION=77;IDETCD_LIST_FILE=-"
        );
        let names = |all: Vec<(&'static str, _)>| -> Vec<&str> {
            all.into_iter().map(|(name, _)| name).collect()
        };
        let with = awaited.at_hand().expect("a list").environment(SlotId::FIRST);
        assert_eq!(names(with), names(ListAtHand::no_environment()));
    }
}
