//! Each endpoint of etcd in turn: reachable, trusted, which cluster, how far.

use std::time::Duration;

use super::report::Finding;
use super::report::Severity::{self, Bad, Good, Note, Waits};
use crate::connect::{Connect, Endpoint};
use crate::etcd::{Error, Etcd, Status, advised, remedy_for};
use crate::node::Host;
use crate::server::Shared;

/// What a member without a leader has among its errors.
const LEADER: &str = "no leader";

/// The state that an endpoint told, and the time that took.
type Answer = Result<(Status, Duration), Error>;

/// Asks each endpoint for its state, and says whether one of them answers.
pub(super) fn look(
    endpoints: &[Endpoint],
    connect: &Connect,
    place: &Shared,
) -> (Vec<Finding>, bool) {
    let answers = endpoints.iter().map(|one| (one.as_str(), ask(one, connect, place)));
    let answers: Vec<(&str, Answer)> = answers.collect();
    let is_reachable = answers.iter().any(|(_, answer)| answer.is_ok());
    // A node does with one endpoint; that another one is away is no more than worth knowing.
    let severity = if is_reachable { Note } else { Waits };
    let found = answers.iter().flat_map(|(endpoint, answer)| findings(endpoint, answer, severity));
    let mut findings: Vec<Finding> = found.collect();
    let told = answers.iter().filter_map(|(_, answer)| answer.as_ref().ok());
    let mut clusters = told.map(|(status, _)| status.header.cluster_id);
    let first = clusters.next();
    if clusters.any(|cluster| Some(cluster) != first) {
        let text = "the endpoints are of different clusters; --endpoints is for members of one";
        findings.push(Finding::new(Bad, "etcd", text));
    }
    (findings, is_reachable)
}

/// The second call goes over the connection that the first one made, so it tells the round trip.
fn ask(endpoint: &Endpoint, connect: &Connect, place: &Shared) -> Answer {
    let mut client = connect.stranger(place, endpoint);
    client.status()?;
    let began = place.now();
    let status = client.status()?;
    Ok((status, place.now().saturating_duration_since(began)))
}

fn findings(endpoint: &str, answer: &Answer, lost: Severity) -> Vec<Finding> {
    let (status, round_trip) = match answer {
        Ok(answer) => answer,
        Err(error) => return vec![Finding::new(lost, "etcd", advised(error))],
    };
    let (version, header) = (&status.version, &status.header);
    let (cluster, member) = (header.cluster_id, header.member_id);
    let milliseconds = round_trip.as_secs_f64() * 1000.0;
    let who = format!("version {version}, cluster {cluster:x}, member {member:x}");
    let text = format!("{endpoint}: {who}, round trip {milliseconds:.1} ms");
    let mut findings = vec![Finding::new(Good, "etcd", text)];
    if status.leader == 0 {
        let text = format!("{endpoint}: no member leads; see that most members run and reach it");
        findings.push(Finding::new(Waits, "etcd", text));
    }
    // That nobody leads was told already.
    let errors = status.errors.iter().filter(|error| status.leader != 0 || !error.contains(LEADER));
    for error in errors {
        let remedy = remedy_for(error).unwrap_or("see etcdctl alarm list");
        let text = format!("{endpoint}: {error}; {remedy}");
        findings.push(Finding::new(Note, "etcd", text));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::etcd::{ErrorKind, ResponseHeader};

    #[test]
    fn an_endpoint_is_described_and_its_troubles_are_told() {
        let status = Status {
            header: ResponseHeader { cluster_id: 0xc1, member_id: 0xab, revision: 7, raft_term: 3 },
            version: "3.4.23".to_owned(),
            leader: 0,
            raft_index: 9,
            raft_term: 2,
            errors: vec!["alarm:CORRUPT".to_owned()],
        };
        let found = findings("http://a", &Ok((status, Duration::from_micros(450))), Note);
        let shown: Vec<(Severity, &str)> =
            found.iter().map(|finding| (finding.severity, finding.text.as_str())).collect();
        let wanted = [
            (Good, "http://a: version 3.4.23, cluster c1, member ab, round trip 0.5 ms"),
            (Waits, "http://a: no member leads; see that most members run and reach it"),
            (Note, "http://a: alarm:CORRUPT; see etcdctl alarm list"),
        ];
        assert_eq!(shown, wanted);
        let lost = Err(Error::new(ErrorKind::TimedOut, "http://a", ""));
        let found = findings("http://a", &lost, Note);
        assert!(found[0].text.contains("raise --etcd-timeout"), "{found:?}");
    }
}
