//! The steps by which a list comes to be: fixed, joined by each of its members, and started when all have.

use super::calls::Changed;
use super::sight::Joined;
use super::stage::Stage;
use super::steps::{Here, see};
use crate::cluster::{JobList, ListState};
use crate::etcd::Etcd;
use crate::node::session::Session;
use crate::node::{Host, Result};

impl<H: Host, E: Etcd> Session<H, E> {
    /// Fixes a list of those who wait.
    pub(super) fn form(&mut self, here: &Here) -> Result<()> {
        let members = self.ask(|client| here.participant().members(client))?;
        let (now, random) = (self.host.now(), &mut self.random);
        let Some(job) = &mut self.job else { return Ok(()) };
        if !members.contains(&here.own) {
            job.leave_and_enter();
            return Ok(());
        }
        if members.len() < job.settings.least {
            job.too_few(members.len(), now, random);
            return Ok(());
        }
        let count = members.len().min(job.settings.most);
        let members = members.into_iter().take(count).collect();
        let list = JobList { state: ListState::Fixed, members };
        let (before, left_over) = (job.list_revision, std::mem::take(&mut job.left_over));
        match self.ask(|client| here.participant().form(client, before, &list))? {
            Changed::Done { revision, .. } => {
                log::info!("fixed the list of {count} nodes at revision {revision}");
                self.became(list, revision);
                self.ask(|client| here.participant().clear(client, left_over))
            }
            Changed::Not(list) => self.heed_list(&list),
        }
    }

    pub(super) fn join(&mut self, here: &Here, revision: i64) -> Result<()> {
        self.note_joined(here, revision);
        match self.ask(|client| here.participant().join(client, revision))? {
            Changed::Done { count, .. } => {
                let Some(job) = &mut self.job else { return Ok(()) };
                job.stage = Stage::Joined(here.own.clone(), revision);
                job.may_be_unknown = false;
                let is_last = job.list.as_ref().is_some_and(|list| list.members.len() == count);
                if is_last { self.commit(here) } else { Ok(()) }
            }
            Changed::Not(list) => self.heed_list(&list),
        }
    }

    fn note_joined(&mut self, here: &Here, revision: i64) {
        if let Some(job) = &mut self.job {
            job.note_put(here.lease, here.keys.joined(revision, here.own.slot));
        }
    }

    /// Starts the list that all have joined.
    pub(super) fn commit(&mut self, here: &Here) -> Result<()> {
        let Some(job) = &self.job else { return Ok(()) };
        let (revision, Some(list)) = (job.list_revision, job.list.clone()) else { return Ok(()) };
        match self.ask(|client| here.participant().commit(client, revision, list.clone()))? {
            Changed::Done { revision: at, .. } => {
                let state = ListState::Started(revision);
                self.became(JobList { state, ..list }, at);
                Ok(())
            }
            Changed::Not(list) => self.heed_list(&list),
        }
    }

    /// Takes note of a list that this node put.
    fn became(&mut self, list: JobList, revision: i64) {
        let (now, random) = (self.host.now(), &mut self.random);
        if let Some(job) = &mut self.job {
            job.see_list(revision, Some(list.value().as_bytes()), now, random);
        }
    }

    pub(super) fn join_late(&mut self, here: &Here, other: &Joined) -> Result<()> {
        let Some(job) = &self.job else { return Ok(()) };
        let list_revision = job.list_revision;
        let Some(ListState::Started(revision)) = job.list.as_ref().map(|list| list.state) else {
            return Ok(());
        };
        self.note_joined(here, revision);
        let call =
            |client: &mut E| here.participant().join_late(client, list_revision, revision, other);
        match self.ask(call)? {
            Changed::Done { .. } => {
                if let Some(job) = &mut self.job {
                    job.may_be_unknown = false;
                }
                self.start(here, revision);
                Ok(())
            }
            Changed::Not(list) => {
                let (now, random) = (self.host.now(), &mut self.random);
                if let Some(job) = &mut self.job
                    && !see(job, &list, now, random)
                {
                    // The other one is gone, or the name: a look tells.
                    job.rest(now, random);
                    job.look_again();
                }
                Ok(())
            }
        }
    }
}
