//! What a watch tells of a job: the list, and whose program is lost.

use super::settings::OnPeerLost;
use super::sight::Joined;
use super::stage::Stage;
use super::steps::Here;
use crate::cluster::{JobMember, SlotId};
use crate::etcd::{Etcd, Event, EventKind, WatchRange, WatchReply};
use crate::node::session::Session;
use crate::node::state::{History, watch_range};
use crate::node::{Host, JobNews, Result};

impl<H: Host, E: Etcd> Session<H, E> {
    /// What is to be watched for the job, as ranges that begin with this one: the list, and who is lost.
    pub(in crate::node) fn job_ranges(&mut self, from: usize) -> Vec<WatchRange> {
        let Some(job) = &mut self.job else { return Vec::new() };
        job.watched_from = Some(from);
        let latest = self.history.as_ref().map_or(0, History::latest);
        if job.seen < latest {
            // What came since may be forgotten by etcd, though nothing of the names changed.
            job.begin_anew();
        }
        // From now on, where it is to be read yet.
        let seen = if job.seen > 0 { job.seen } else { -1 };
        let key = job.keys.list();
        let end = [&key[..], &[0]].concat();
        let mut ranges = vec![watch_range((key, end), seen)];
        if job.settings.on_peer_lost == OnPeerLost::End {
            job.are_peers_due = matches!(job.stage, Stage::Started(..));
            let range = watch_range(job.keys.all_joined(), seen);
            ranges.push(WatchRange { deletions_only: true, ..range });
        }
        ranges
    }

    /// Takes note of what a watch told of the job. What that makes necessary is done later.
    pub(in crate::node) fn apply_to_job(&mut self, reply: &WatchReply) {
        let from = self.job.as_ref().and_then(|job| job.watched_from);
        let Some(range) = from.and_then(|from| reply.range.checked_sub(from)) else { return };
        for event in &reply.events {
            if range == 0 {
                self.apply_list(event);
            } else if let Some(slot) = self.peer_of(event) {
                self.lose_peer(slot);
            }
        }
    }

    fn apply_list(&mut self, event: &Event) {
        let (now, random) = (self.host.now(), &mut self.random);
        let Some(job) = self.job.as_mut().filter(|job| event.kv.mod_revision > job.seen) else {
            return;
        };
        let (revision, value) = match event.kind {
            EventKind::Put => (event.kv.mod_revision, Some(&event.kv.value[..])),
            EventKind::Delete => (0, None),
        };
        job.see_list(revision, value, now, random);
        job.seen = event.kv.mod_revision;
    }

    /// The slot of another node whose program ran, and is lost by this.
    fn peer_of(&self, event: &Event) -> Option<SlotId> {
        let job = self.job.as_ref().filter(|job| !job.are_peers_due)?;
        let Stage::Started(own, list) = &job.stage else { return None };
        let (first, end) = job.keys.joined_of(list.revision);
        let is_of_list = first <= event.kv.key && event.kv.key < end;
        job.keys.slot_of(&event.kv.key).filter(|slot| is_of_list && *slot != own.slot)
    }

    /// Looks who of the list is lost, of which nobody may have told.
    pub(super) fn look_at_peers(&mut self, here: &Here) -> Result<()> {
        let Some(Stage::Started(_, list)) = self.job.as_ref().map(|job| job.stage.clone()) else {
            return Ok(());
        };
        let joined = self.ask(|client| here.participant().joined(client, list.revision))?;
        let Some(job) = &mut self.job else { return Ok(()) };
        job.are_peers_due = false;
        let is_mine = |it: &Joined| it.slot == here.own.slot && it.lease == here.lease;
        if !joined.iter().any(is_mine) {
            // As after a restore: it says nothing of others.
            log::warn!("etcd does not know that this node joined its list: losses are not told");
            return Ok(());
        }
        let is_gone = |it: &&JobMember| !joined.iter().any(|joined| joined.slot == it.slot);
        if let Some(gone) = list.members.iter().find(is_gone) {
            self.lose_peer(gone.slot);
        }
        Ok(())
    }

    fn lose_peer(&self, slot: SlotId) {
        let name = self.settings.keyspace.pattern.name(slot);
        self.host.job(JobNews::PeerLost(name.trim_end_matches('.').to_owned()));
    }
}
