//! What one node writes another one reads, and answers the same.

use std::sync::Arc;

use super::scene::ZONES;
use super::whole::asked;
use super::*;
use crate::cluster::{NodePlace, TransferredChange};
use crate::dns::transfer_in::{
    ChangeSet, TransferContent, TransferReader, TransferRequest, TransferState, TransferZones,
    WholeTable,
};

/// That of all queries here.
const ID: u16 = 0xabcd;

/// A node that takes the table from the scene's.
struct Taken {
    directory: Directory,
    zones: Arc<TransferZones>,
    whole: usize,
    by_changes: usize,
}

impl Taken {
    fn new(scene: &Scene) -> Taken {
        let keyspace = scene.directory.keyspace().clone();
        let zones = Arc::new(TransferZones::new(keyspace.clone()).expect("zones"));
        Taken { directory: Directory::new(keyspace), zones, whole: 0, by_changes: 0 }
    }

    /// Reads the transfer of each zone; what they turned out to be, and what they tell.
    fn read(
        &self,
        scene: &Scene,
        request: TransferRequest,
    ) -> Vec<(TransferContent, Vec<(NodePlace, TransferredChange)>)> {
        let zones = self.zones.names().map(str::to_owned).collect::<Vec<_>>();
        let read = |zone: String| {
            let query = match request {
                TransferRequest::Since(serial) => query_since(&zone, serial),
                _ => query(&zone, rrtype::AXFR, [0; 3], &[]),
            };
            let mut reader = TransferReader::new(self.zones.clone(), &zone, request, ID);
            let (mut changes, mut state) = (Vec::new(), TransferState::More);
            for message in messages(&scene.responder, &scene.directory, &query) {
                assert_eq!(state, TransferState::More);
                state = reader.read(&message, &mut changes).expect("a good transfer");
            }
            assert_eq!(state, TransferState::End);
            assert_eq!(reader.serial(), scene.directory.serial());
            (reader.content().expect("some content"), changes)
        };
        zones.into_iter().map(read).collect()
    }

    fn take_whole(&mut self, scene: &Scene) {
        let mut table = WholeTable::new(&self.directory, &self.zones);
        for (content, changes) in self.read(scene, TransferRequest::Whole) {
            assert_eq!(content, TransferContent::Whole);
            for (place, change) in changes {
                table.take(place, change).expect("few names");
            }
        }
        while table.forget_gone(5) {}
        let (revision, serial) = (scene.directory.revision(), scene.directory.serial());
        self.directory.replace_transferred(table.finish(), revision, serial);
        self.whole += 1;
    }

    /// Takes what changed; the whole where that is not told of some zone.
    fn follow(&mut self, scene: &Scene) {
        let all = self.read(scene, TransferRequest::Since(self.directory.serial()));
        if all.iter().any(|(content, _)| *content == TransferContent::Whole) {
            return self.take_whole(scene);
        }
        let mut set = ChangeSet::new(&self.zones);
        for (place, change) in all.into_iter().flat_map(|(_, changes)| changes) {
            set.take(place, change).expect("few names");
        }
        while set.apply(&mut self.directory, 3) {}
        let (revision, serial) = (scene.directory.revision(), scene.directory.serial());
        self.directory.advance_transferred(revision, serial);
        self.by_changes += 1;
    }
}

/// In what answers differ, by zone, owner and type.
fn difference(
    told: &BTreeMap<&'static str, Contents>,
    wanted: &BTreeMap<&'static str, Contents>,
) -> String {
    let mut different = Vec::new();
    for zone in ZONES {
        let [told, wanted] = [told, wanted].map(|all| all.get(zone).cloned().unwrap_or_default());
        let keys: BTreeSet<_> = told.keys().chain(wanted.keys()).collect();
        let keys = keys.into_iter().filter(|key| told.get(key) != wanted.get(key));
        let texts = keys.map(|key| format!("{key:?} {:?} {:?}", told.get(key), wanted.get(key)));
        different.extend(texts.take(2));
    }
    different.join("; ")
}

#[test]
fn who_takes_the_table_from_another_node_answers_as_that_does() {
    let (mut whole, mut by_changes, mut texts) = (0, 0, 0);
    for seed in 0..16 {
        let mut scene = Scene::unambiguous(seed);
        scene.pass(200);
        let mut taken = Taken::new(&scene);
        taken.take_whole(&scene);
        for round in 0..12 {
            let wanted = asked(&scene, &scene.directory);
            let told = asked(&scene, &taken.directory);
            assert!(told == wanted, "seed {seed}, round {round}: {}", difference(&told, &wanted));
            let all = wanted.values().flat_map(BTreeMap::keys);
            texts += all.filter(|(_, rrtype)| *rrtype == rrtype::TXT).count();
            let changes = 1 + scene.chance.below(8) as usize;
            scene.pass(changes);
            if scene.chance.below(8) == 0 {
                taken.take_whole(&scene);
            } else {
                taken.follow(&scene);
            }
        }
        whole += taken.whole - 1;
        by_changes += taken.by_changes;
    }
    println!("{whole} as a whole, {by_changes} by changes, {texts} names with texts");
    assert!(whole > 10 && by_changes > whole && texts > 1000, "{whole} {by_changes} {texts}");
}
