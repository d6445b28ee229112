//! What [`super::barrier`] says is to be done, done: the steps up to a list, and those around it.

use std::time::Instant;

use super::barrier::Barrier;
use super::calls::{ListKey, Participant};
use super::judge::some_of;
use super::sight::{Judgement, Sighting};
use super::stage::{JobStep, Stage};
use crate::cluster::{JobKeys, JobMember};
use crate::etcd::{Etcd, LeaseId, read_key};
use crate::node::claim::delete_if_on;
use crate::node::session::Session;
use crate::node::{Host, JobNews, Result};
use crate::random::Random;

/// What a step needs to know of this node.
pub(super) struct Here {
    pub(super) keys: JobKeys,
    pub(super) own: JobMember,
    name: Vec<u8>,
    pub(super) lease: LeaseId,
}

impl Here {
    pub(super) fn participant(&self) -> Participant<'_> {
        let Here { keys, own, name, lease } = self;
        Participant { keys, own, name: name.clone(), lease: *lease }
    }
}

impl<H: Host, E: Etcd> Session<H, E> {
    /// Says that this node waits for a list, before anything else is done under its first name. What follows
    /// from that, and to say it again, has time until changes are followed.
    pub(in crate::node) fn enter_job(&mut self) -> Result<()> {
        let first = self.job.as_ref().filter(|job| job.watched_from.is_none());
        let Some((job, here)) = first.zip(self.here()) else { return Ok(()) };
        match job.step(&here.own, self.host.now()) {
            JobStep::Enter => self.enter(&here),
            _ => Ok(()),
        }
    }

    /// Takes back what was said under a name that is lost: the lease lives on, and others would wait.
    pub(in crate::node) fn leave_list(&mut self) -> Result<()> {
        let lease = self.lease.map(|lease| lease.id);
        let Some(job) = &mut self.job else { return Ok(()) };
        job.leave_and_enter();
        job.put.retain(|(hangs_on, _)| Some(*hangs_on) == lease);
        while let Some((lease, key)) = self.job.as_ref().and_then(|job| job.put.last().cloned()) {
            self.ask(|client| delete_if_on(client, key, lease))?;
            if let Some(job) = &mut self.job {
                job.put.pop();
            }
        }
        Ok(())
    }

    /// Does what is next for the job. Changes are followed between two such steps.
    pub(in crate::node) fn go_on_with_job(&mut self) -> Result<()> {
        let Some(here) = self.here() else { return Ok(()) };
        let now = self.host.now();
        let Some(job) = &mut self.job else { return Ok(()) };
        let step = job.step(&here.own, now);
        job.count_step(step, now, &mut self.random);
        match step {
            JobStep::Wait(_) => Ok(()),
            JobStep::Enter => self.enter(&here),
            JobStep::Look => self.look_around(&here),
            JobStep::Form => self.form(&here),
            JobStep::Join(revision) => self.join(&here, revision),
            JobStep::Start(revision) => {
                self.start(&here, revision);
                Ok(())
            }
            JobStep::Withdraw => self.withdraw(&here),
            JobStep::ReadList => self.read_list(&here),
            JobStep::JoinAgain => self.join_again(&here),
            JobStep::LookAtPeers => self.look_at_peers(&here),
        }
    }

    /// When something is to be done for the job, if nothing is told before.
    pub(in crate::node) fn job_due_at(&self) -> Option<Instant> {
        let (job, here) = (self.job.as_ref()?, self.here()?);
        match job.step(&here.own, self.host.now()) {
            JobStep::Wait(until) => until,
            _ => Some(self.host.now()),
        }
    }

    /// This node as its job sees it, while it owns a name.
    pub(super) fn here(&self) -> Option<Here> {
        let (job, lease) = (self.job.as_ref()?, self.lease?);
        let owned = self.owned()?;
        let keyspace = &self.settings.keyspace;
        let own = JobMember::new(keyspace, owned.slot, owned.record, owned.claim_revision);
        Some(Here { keys: job.keys.clone(), own, name: keyspace.key(owned.slot), lease: lease.id })
    }

    fn enter(&mut self, here: &Here) -> Result<()> {
        let key = here.keys.member(here.own.slot);
        if let Some(job) = &mut self.job {
            job.note_put(here.lease, key);
        }
        let entered = self.ask(|client| here.participant().enter(client))?;
        let (now, random) = (self.host.now(), &mut self.random);
        let Some(job) = &mut self.job else { return Ok(()) };
        match entered {
            Some((count, list)) => {
                job.stage = Stage::Outside;
                see(job, &list, now, random);
                job.entered(here.own.clone(), count, now, random);
                let lacks = job.shortage(&self.settings.keyspace, &[]);
                self.host.job(JobNews::Waits(lacks));
                Ok(())
            }
            None => {
                job.rest(now, random);
                self.confirm().map(drop)
            }
        }
    }

    /// Takes note of the list as a transaction saw it. Where it is the same, it was the name that was missing.
    pub(super) fn heed_list(&mut self, list: &ListKey) -> Result<()> {
        let (now, random) = (self.host.now(), &mut self.random);
        let Some(job) = &mut self.job else { return Ok(()) };
        if see(job, list, now, random) {
            return Ok(());
        }
        job.rest(now, random);
        self.confirm().map(drop)
    }

    fn look_around(&mut self, here: &Here) -> Result<()> {
        let Some(job) = &self.job else { return Ok(()) };
        let (revision, state) = (job.list_revision, job.list.as_ref().map(|list| list.state));
        let look = self.ask(|client| here.participant().look(client, revision, state))?;
        if look.list_revision != revision {
            return self.read_list(here);
        }
        let (now, random) = (self.host.now(), &mut self.random);
        let Some(job) = &mut self.job else { return Ok(()) };
        if !look.am_waiting {
            job.leave_and_enter();
            return Ok(());
        }
        if !look.stale.is_empty() {
            job.look_again();
            for key in look.stale {
                self.ask(|client| delete_if_on(client, key, here.lease))?;
            }
            return Ok(());
        }
        let judgement = job.looked(&look, &here.own, now, random);
        self.tell_wait(&look, &judgement);
        match judgement {
            Judgement::TooFew | Judgement::Settle | Judgement::Silent(_) | Judgement::Busy => {
                Ok(())
            }
            Judgement::Form => {
                if let Some(job) = &mut self.job {
                    job.is_form_due = true;
                    let done = look.joined.into_iter().filter(|joined| joined.lease == LeaseId(0));
                    job.left_over = done.map(|joined| joined.key).collect();
                }
                Ok(())
            }
            Judgement::Commit => self.commit(here),
            Judgement::JoinLate(other) => self.join_late(here, &other),
            Judgement::Forget(joined) => {
                self.ask(|client| delete_if_on(client, joined.key, joined.lease))?;
                if let Some(job) = &mut self.job {
                    job.look_again();
                }
                Ok(())
            }
        }
    }

    fn read_list(&mut self, here: &Here) -> Result<()> {
        let key = here.keys.list();
        let reply = self.ask(|client| read_key(client, key))?;
        let list = ListKey { header: reply.header, kv: reply.kvs.into_iter().next() };
        let (now, random) = (self.host.now(), &mut self.random);
        if let Some(job) = &mut self.job {
            job.is_list_due = false;
            see(job, &list, now, random);
        }
        Ok(())
    }

    /// Says what is waited for.
    fn tell_wait(&self, look: &Sighting, judgement: &Judgement) {
        let Some(job) = &self.job else { return };
        let text = match judgement {
            Judgement::TooFew | Judgement::Settle => {
                job.shortage(&self.settings.keyspace, &look.slots)
            }
            Judgement::Silent(names) => {
                let (all, missing) =
                    (job.list.as_ref().map_or(0, |it| it.members.len()), some_of(names));
                format!(
                    "{} of {all} nodes on the list are there, not {missing}",
                    all - names.len().min(all)
                )
            }
            Judgement::Busy => "this node is not on the list whose programs run".to_owned(),
            Judgement::Form | Judgement::Commit | Judgement::JoinLate(_) | Judgement::Forget(_) => {
                return;
            }
        };
        self.host.job(JobNews::Waits(text));
    }
}

/// Takes note of the list. Returns whether it is another one.
pub(super) fn see(job: &mut Barrier, list: &ListKey, now: Instant, random: &mut Random) -> bool {
    let revision = list.kv.as_ref().map_or(0, |kv| kv.mod_revision);
    let is_other = revision != job.list_revision;
    job.see_list(revision, list.kv.as_ref().map(|kv| &kv.value[..]), now, random);
    job.seen = job.seen.max(list.header.revision);
    is_other
}
