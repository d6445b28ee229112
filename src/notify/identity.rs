//! The identity of this node, as other programs are told it.

use std::ffi::OsString;

use super::awaited_list::ListAtHand;
use super::children::Variable;
use crate::cluster::{Keyspace, Record, SlotId};
use crate::host::accounts::Login;
use crate::node::Owned;

/// The variables that only a node with a name has.
const OF_NAME: [&str; 7] = [
    "IDETCD_NAME",
    "IDETCD_ID",
    "IDETCD_INDEX",
    "IDETCD_REVISION",
    "IDETCD_IPV4",
    "IDETCD_IPV6",
    "IDETCD_PORT",
];

/// The one that every node has.
const LIMIT: &str = "IDETCD_LIMIT";

/// Whether programs and hooks are told something of their node, or of the list they start by, in this variable.
pub fn is_told_to_programs(variable: &str) -> bool {
    let told = OF_NAME.iter().chain(&ListAtHand::VARIABLES).chain([&LIMIT]);
    told.into_iter().any(|name| *name == variable)
}

/// A name that this node owns, with what goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// The name without its final dot: `hostname -F` refuses one, and programs print it.
    pub(super) name: String,
    owned: Owned,
    limit: u32,
    login: Option<Login>,
    /// The list that the program starts by.
    list: Option<ListAtHand>,
}

impl Identity {
    /// The identity that goes with an owned name. `login`: the user that this process became;
    /// `None`: it is still the one who started it.
    pub(super) fn new(keyspace: &Keyspace, owned: &Owned, login: Option<Login>) -> Identity {
        let name = keyspace.pattern.name(owned.slot).trim_end_matches('.').to_owned();
        Identity { name, owned: *owned, limit: keyspace.limit, login, list: None }
    }

    pub(super) fn slot(&self) -> SlotId {
        self.owned.slot
    }

    /// The fencing token.
    pub(super) fn token(&self) -> i64 {
        self.owned.claim_revision
    }

    /// The same on a list.
    pub(super) fn on_list(self, list: Option<ListAtHand>) -> Identity {
        Identity { list, ..self }
    }

    /// The variables of a child's environment.
    pub(super) fn environment(&self) -> Vec<Variable> {
        let Record { ipv4, ipv6, port } = self.owned.record;
        let id = self.owned.slot.get();
        let login = self.login.iter().flat_map(Login::environment);
        let own = [
            ("IDETCD_NAME", Some(self.name.clone())),
            ("IDETCD_ID", Some(id.to_string())),
            ("IDETCD_INDEX", Some(id.saturating_sub(1).to_string())),
            (LIMIT, Some(self.limit.to_string())),
            ("IDETCD_REVISION", Some(self.owned.claim_revision.to_string())),
            ("IDETCD_IPV4", ipv4.map(|address| address.to_string())),
            ("IDETCD_IPV6", ipv6.map(|address| address.to_string())),
            ("IDETCD_PORT", port.map(|port| port.to_string())),
        ];
        let own = own.into_iter().chain(login);
        let own = own.map(|(name, value)| (name, value.map(OsString::from)));
        let list = self.list.as_ref();
        let list =
            list.map_or_else(ListAtHand::no_environment, |it| it.environment(self.owned.slot));
        own.chain(list).collect()
    }
}

/// The variables of a child's environment where this node owns no name.
pub(super) fn nameless(keyspace: &Keyspace, login: Option<&Login>) -> Vec<Variable> {
    let limit = [(LIMIT, Some(keyspace.limit.to_string()))];
    let login = login.into_iter().flat_map(Login::environment);
    let known = limit.into_iter().chain(login);
    let known = known.map(|(name, value)| (name, value.map(OsString::from)));
    let absent = OF_NAME.map(|name| (name, None)).into_iter();
    absent.chain(known).chain(ListAtHand::no_environment()).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::cluster::Pattern;

    #[test]
    fn absent_fields_are_absent_variables() {
        let pattern = Pattern::parse(r#"w{{printf "%03d" .ID}}.tf.local."#, 12).expect("a pattern");
        let keyspace = Keyspace { prefix: "/a/".to_owned(), pattern, limit: 12, resolve: vec![] };
        let record = Record { ipv4: "10.0.0.7".parse().ok(), ..Record::default() };
        let owned = Owned {
            slot: SlotId::new(7).expect("not zero"),
            claim_revision: 42,
            record,
            valid_until: Instant::now(),
        };
        let variables = Identity::new(&keyspace, &owned, None).environment();
        let text = |value: &Option<OsString>| value.clone().and_then(|it| it.into_string().ok());
        let text: Vec<String> = variables
            .iter()
            .filter(|(name, _)| {
                !name.contains("LIST")
                    && !["IDETCD_COUNT", "IDETCD_RANK", "IDETCD_PEERS"].contains(name)
            })
            .map(|(name, value)| format!("{name}={}", text(value).unwrap_or("-".to_owned())))
            .collect();
        assert_eq!(
            text.join(" "),
            "IDETCD_NAME=w007.tf.local IDETCD_ID=7 IDETCD_INDEX=6 IDETCD_LIMIT=12 \
             IDETCD_REVISION=42 IDETCD_IPV4=10.0.0.7 IDETCD_IPV6=- IDETCD_PORT=-"
        );
        // Without a name they are all there, to be removed.
        let names = |variables: Vec<Variable>| {
            let names = variables.into_iter().map(|(name, _)| name);
            names.collect::<std::collections::BTreeSet<_>>()
        };
        let without = nameless(&keyspace, None);
        assert!(without.iter().all(|(name, value)| value.is_none() || *name == "IDETCD_LIMIT"));
        assert_eq!(names(without), names(variables));
    }
}
