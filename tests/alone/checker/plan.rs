//! What kind of run a seed stands for.

/// The numbers of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    pub seed: u64,
    pub seconds: u64,
    /// Nodes that may take any of the names, of which there are as many.
    pub nodes: usize,
    /// Nodes with a lower `--limit`, which are ahead of others in the queue.
    pub low: usize,
    /// More nodes, which take every name that becomes free, until the faults end.
    pub contenders: usize,
    /// Nodes that begin to publish the addresses of another one.
    pub twins: usize,
    /// Hosts that nodes move to.
    pub spare_hosts: usize,
    /// Names that are in etcd from the start to the end.
    pub lasting_names: u32,
    /// How many backups are restored.
    pub restores: u32,
    /// Whether all nodes and all members of etcd lose power once.
    pub power_cut: bool,
    /// How many nodes something is wrong with at a time.
    pub troubles: usize,
}

/// The limit of the low ones.
pub const LOW_LIMIT: u32 = 2;

impl Plan {
    pub fn of(seed: u64, seconds: u64) -> Plan {
        let small = Plan {
            seed,
            seconds,
            nodes: 8,
            low: 2,
            contenders: 2,
            twins: 1,
            spare_hosts: 2,
            lasting_names: 5,
            // In every other run.
            restores: if seed % 2 == 1 { 2 } else { 0 },
            power_cut: seed % 3 == 2,
            // So that most of the nodes have somebody to answer for.
            troubles: 3,
        };
        if seed % 5 != 3 {
            return small;
        }
        // 40 nodes: with 30 and more in the queue, nodes keep out of each other's way. Few names keep
        // so many there, or else they are there together when all start.
        let (nodes, contenders) = if seed.is_multiple_of(2) { (8, 30) } else { (36, 2) };
        let power_cut = true;
        Plan { nodes, contenders, twins: 2, lasting_names: 1000, power_cut, troubles: 8, ..small }
    }

    /// The highest number that the nodes take.
    pub fn limit(&self) -> u32 {
        u32::try_from(self.nodes).expect("few")
    }

    /// All but the twins.
    pub fn members(&self) -> usize {
        self.nodes + self.low + self.contenders
    }

    /// Which members are there to the end. The low ones come first, so that they are ahead.
    pub fn lasting_members(&self) -> std::ops::Range<usize> {
        0..self.low + self.nodes
    }

    pub fn twins(&self) -> std::ops::Range<usize> {
        self.members()..self.members() + self.twins
    }

    /// The highest number that a member takes.
    pub fn limit_of(&self, index: usize) -> u32 {
        if index < self.low { LOW_LIMIT } else { self.limit() }
    }
}
