//! What `idetcd check` tells of a job: what its nodes wait for, and how far that has got.

use super::report::Finding;
use super::report::Severity::{Good, Note, Waits};
use crate::cluster::{JobKeys, JobList, ListState};
use crate::etcd::{Error, Etcd, GatewayClient, Range, advised, read_key};
use crate::node::JobSettings;

/// Looks at the keys of a job; `None`: they may not be read, which is told elsewhere.
pub(super) fn look(
    job: &JobSettings,
    keys: &JobKeys,
    client: &mut GatewayClient,
) -> Option<Finding> {
    match read(keys, client) {
        Ok((waiting, list)) => Some(tell(job, waiting, list.as_ref())),
        Err(error) if error.is_denied() => None,
        Err(error) => Some(Finding::new(Waits, "job", advised(&error))),
    }
}

/// How many nodes wait for a list, or are on one, and the list.
fn read(keys: &JobKeys, client: &mut GatewayClient) -> Result<(usize, Option<JobList>), Error> {
    let (first, end) = keys.members();
    let count = Range { count_only: true, ..Range::new(first, Some(end)) };
    let waiting = client.range(&count)?.count;
    let list = read_key(client, keys.list())?;
    Ok((waiting, list.kvs.first().and_then(|kv| JobList::parse(&kv.value))))
}

fn tell(job: &JobSettings, waiting: usize, list: Option<&JobList>) -> Finding {
    let JobSettings { least, most, .. } = job;
    let wanted = if least == most { least.to_string() } else { format!("{least} to {most}") };
    let (severity, state) = match list {
        None => (Good, format!("{waiting} are there")),
        // Nobody is on it any more: its programs are over.
        Some(list) if matches!(list.state, ListState::Started(_)) && waiting == 0 => {
            (Good, "0 are there".to_owned())
        }
        Some(list) => {
            let count = list.members.len();
            match list.state {
                ListState::Fixed => {
                    (Note, format!("a list of {count} is fixed, which may start yet"))
                }
                ListState::Started(revision) => (
                    Note,
                    format!(
                        "the list of revision {revision} has {count}; who is not on it waits until their \
                         programs are over"
                    ),
                ),
            }
        }
    };
    Finding::new(
        severity,
        "job",
        format!("a node would wait for {wanted} nodes (--count): {state}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{JobMember, JobName, Record, SlotId};
    use crate::node::OnPeerLost;

    #[test]
    fn what_is_waited_for_is_told() {
        let job = |least, most| JobSettings {
            name: JobName::default(),
            least,
            most,
            on_peer_lost: OnPeerLost::Keep,
            timeout: None,
        };
        let record = Record { ipv4: "10.0.0.1".parse().ok(), ..Record::default() };
        let name = "w1.tf.local".to_owned();
        let member = JobMember { slot: SlotId::FIRST, name, record, token: 9 };
        let list = |state| JobList { state, members: vec![member.clone()] };
        let over = tell(&job(1, 1), 0, Some(&list(ListState::Started(77))));
        assert_eq!((over.severity, over.text.ends_with(": 0 are there")), (Good, true), "{over:?}");
        for (job, list, severity, text) in [
            (job(3, 3), None, Good, "a node would wait for 3 nodes (--count): 2 are there"),
            (job(3, 9), None, Good, "for 3 to 9 nodes (--count): 2 are"),
            (job(1, 1), Some(list(ListState::Fixed)), Note, "a list of 1 is fixed"),
            (job(1, 1), Some(list(ListState::Started(77))), Note, "the list of revision 77 has 1;"),
        ] {
            let finding = tell(&job, 2, list.as_ref());
            assert_eq!(finding.severity, severity);
            assert!(finding.text.contains(text), "{finding:?}");
        }
    }
}
