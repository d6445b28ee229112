//! The ways to etcd that a node is told: to a member, or to a balancer before several.

use std::sync::{Arc, Mutex, PoisonError};

use super::chance::Chance;

/// A way to etcd.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// As the process is told it.
    name: String,
    behind: Behind,
}

#[derive(Clone, Debug)]
enum Behind {
    Member(usize),
    /// Which of them is chance, and another one for each connection.
    Balancer(Vec<usize>, Arc<Mutex<Chance>>),
}

impl Endpoint {
    /// The address of a member.
    pub fn of_member(member: usize) -> Endpoint {
        Endpoint { name: format!("http://m{member}"), behind: Behind::Member(member) }
    }

    /// The address of a balancer before these members, of which there is one at least.
    pub fn of_balancer(members: Vec<usize>, chance: Chance) -> Endpoint {
        let behind = Behind::Balancer(members, Arc::new(Mutex::new(chance)));
        Endpoint { name: "http://balancer".to_owned(), behind }
    }

    /// As the process is told it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Opens a connection: the member that it leads to for as long as it is open.
    pub fn connect(&self) -> usize {
        match &self.behind {
            Behind::Member(member) => *member,
            Behind::Balancer(members, chance) => {
                let mut chance = chance.lock().unwrap_or_else(PoisonError::into_inner);
                chance.pick(members).unwrap_or(0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_to_a_balancer_lead_to_all_members() {
        let balancer = Endpoint::of_balancer(vec![0, 2], Chance::new(1, 1));
        let members: Vec<usize> = (0..100).map(|_| balancer.connect()).collect();
        assert!(members.contains(&0) && members.contains(&2) && !members.contains(&1));
        assert_eq!(Endpoint::of_member(1).connect(), 1);
    }
}
