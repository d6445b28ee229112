//! A job while the program runs by a list: its start, and what is said of it until its end.

use std::sync::Arc;

use super::settings::OnPeerLost;
use super::stage::Stage;
use super::steps::Here;
use crate::cluster::{Directory, Entry, ListState, StartedList};
use crate::etcd::{Etcd, LeaseId};
use crate::node::claim::delete_if_on;
use crate::node::session::Session;
use crate::node::{Host, JobNews, Result};

impl<H: Host, E: Etcd> Session<H, E> {
    /// Lets the program start by the list that was fixed at this revision.
    pub(super) fn start(&mut self, here: &Here, revision: i64) {
        let Some(job) = &mut self.job else { return };
        let Some(list) = &job.list else { return };
        job.are_peers_due = job.settings.on_peer_lost == OnPeerLost::End;
        job.is_list_due = false;
        let (name, members) = (job.settings.name.clone(), list.members.clone());
        let list = Arc::new(StartedList { job: name, revision, members });
        job.stage = Stage::Started(here.own.clone(), list.clone());
        self.learn_names_of(&list);
        if let Some(rank) = list.rank_of(here.own.slot) {
            let (name, count) = (&here.own.name, list.members.len());
            log::info!("{name} has rank {rank} of {count} on the list of revision {revision}");
            self.host.job(JobNews::Starts(list));
        }
    }

    /// Where the names of those that started together are not learnt yet, lets the program find those of its
    /// list: it may ask for them at once.
    fn learn_names_of(&mut self, list: &StartedList) {
        let seen = self.history.as_ref().and_then(|history| history.revisions.first());
        let (Some(seen), Some(_)) = (seen.copied(), self.turn) else { return };
        let keyspace = &self.settings.keyspace;
        for member in &list.members {
            // As if it had stood there just before it was claimed: what is learnt later takes its place.
            let before = member.token.saturating_sub(1);
            // One that is known stays as it is compared with etcd's history.
            let name = format!("{}.", member.name);
            let is_known = |d: &mut Directory| d.record(name.as_bytes()).is_some();
            if before <= seen || self.host.directory(is_known) {
                continue;
            }
            let (key, value) = (keyspace.key(member.slot), member.record.to_json());
            let value = Some(value.as_bytes());
            let entry = Entry { key: &key, value, mod_revision: before, fingerprint: 0 };
            self.host.directory(|directory| directory.apply(0, entry));
        }
    }

    /// Says again by which list this node runs, if that is still the one in etcd.
    pub(super) fn join_again(&mut self, here: &Here) -> Result<()> {
        let Some(job) = &self.job else { return Ok(()) };
        let Stage::Started(_, list) = &job.stage else { return Ok(()) };
        let (revision, list_revision) = (list.revision, job.list_revision);
        let state = job.list.as_ref().map(|list| list.state);
        if state == Some(ListState::Started(revision)) {
            let participant = here.participant();
            self.ask(|client| participant.join_again(client, list_revision, revision))?;
        }
        if let Some(job) = &mut self.job {
            job.may_be_unknown = false;
        }
        Ok(())
    }

    /// Takes back that this node waits: its program runs already.
    pub(super) fn withdraw(&mut self, here: &Here) -> Result<()> {
        let (key, lease) = (here.keys.member(here.own.slot), here.lease);
        self.ask(|client| delete_if_on(client, key, lease))?;
        if let Some(job) = &mut self.job {
            job.is_form_due = false;
        }
        Ok(())
    }

    /// Says that the program is done, before the name is released, and clears up if it was the last.
    pub(in crate::node) fn leave_job(&mut self) {
        let Some(here) = self.here().filter(|_| self.host.has_ended_well()) else { return };
        let Some(job) = &self.job else { return };
        let Stage::Started(_, list) = &job.stage else { return };
        let (revision, list_revision) = (list.revision, job.list_revision);
        let is_its_own =
            job.list.as_ref().is_some_and(|it| it.state == ListState::Started(revision));
        let (participant, client) = (here.participant(), &mut self.client);
        let left = participant.leave_done(client, revision).unwrap_or_default();
        let is_over = !left.is_empty() && left.iter().all(|joined| joined.lease == LeaseId(0));
        if is_over && is_its_own {
            // If that fails, whoever fixes the next list does it.
            let cleared = participant.clear(client, left.into_iter().map(|joined| joined.key));
            let _ = cleared.and_then(|()| participant.end_list(client, list_revision));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{JobMember, JobName, Record, SlotId};
    use crate::node::session_tests::newborn;
    use crate::node::state::{History, Turn};

    #[test]
    fn the_names_of_a_list_are_found_before_all_are_learnt_and_give_way_to_what_is_learnt() {
        let (world, mut session) = newborn(1);
        let record = |last: u8| Record { ipv4: Some([10, 0, 0, last].into()), ..Record::default() };
        // Of what was seen, just after it, and later.
        let tokens = [(1, 10), (2, 11), (3, 12)];
        let members = tokens.map(|(slot, token)| {
            let keyspace = &session.settings.keyspace;
            let id = SlotId::new(slot).expect("not zero");
            JobMember::new(keyspace, id, record(slot as u8), token)
        });
        let list = StartedList { job: JobName::default(), revision: 20, members: members.to_vec() };
        session.history = Some(History { revisions: vec![10], ..History::default() });
        let found = || world.directory.borrow().record(b"w3.tf.local.").copied();
        session.learn_names_of(&list);
        assert_eq!(found(), None, "all that it does not know are none");
        let now = session.host.now();
        session.turn = Some(Turn {
            starters: 99,
            is_return: false,
            named_at: now,
            named_by: now,
            learn_at: None,
        });
        session.learn_names_of(&list);
        assert_eq!(found(), Some(record(3)));
        assert_eq!(world.directory.borrow().len(), 1, "what was seen is not changed by a list");
        let key = session.settings.keyspace.key(list.members[2].slot);
        let text = record(9).to_json();
        for (value, mod_revision, wanted) in
            [(Some(text.as_bytes()), 12, Some(record(9))), (None, 13, None)]
        {
            let entry = Entry { key: &key, value, mod_revision, fingerprint: 7 };
            session.host.directory(|directory| directory.apply(0, entry));
            assert_eq!(found(), wanted);
        }
    }
}
