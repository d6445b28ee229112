use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::cluster::{JobList, JobName, Pattern, Record, StartedList};
use crate::node::job::barrier::SHORT_PAUSE;
use crate::node::job::pace::LONGEST_LOOK;
use crate::node::job::stage::{JobStep, Stage};
use crate::node::{JobSettings, OnPeerLost};

const LEAST: usize = 2;
const MOST: usize = 3;

/// A barrier of two to three nodes, at a time that tests move on.
struct Scene {
    barrier: Barrier,
    random: Random,
    now: Instant,
    own: JobMember,
}

fn keyspace() -> Keyspace {
    Keyspace::new(Pattern::parse("w{{.ID}}.tf.local.", 9).expect("a pattern"), 9)
}

fn member(slot: u32, token: i64) -> JobMember {
    let slot = SlotId::new(slot).expect("not zero");
    JobMember::new(&keyspace(), slot, Record { port: Some(53), ..Record::default() }, token)
}

fn list(state: ListState, members: &[JobMember]) -> JobList {
    let record = Record { ipv4: Some([10, 0, 0, 5].into()), ..Record::default() };
    let members = members.iter().map(|member| JobMember { record, ..member.clone() }).collect();
    JobList { state, members }
}

fn joined(slot: u32, lease: i64) -> Joined {
    let slot = SlotId::new(slot).expect("not zero");
    Joined { key: vec![b'k'], slot, lease: LeaseId(lease) }
}

fn slots(slots: &[u32]) -> Vec<SlotId> {
    slots.iter().filter_map(|slot| SlotId::new(*slot)).collect()
}

impl Scene {
    /// Node 1 with token 10, which said that it waits as one of so many.
    fn entered(count: usize) -> Scene {
        Scene::entered_beside(count, 0, None)
    }

    fn entered_beside(count: usize, revision: i64, list: Option<&JobList>) -> Scene {
        let on_peer_lost = OnPeerLost::Keep;
        let settings = JobSettings {
            name: JobName::default(),
            least: LEAST,
            most: MOST,
            on_peer_lost,
            timeout: None,
        };
        let barrier = Barrier::new(settings, &keyspace(), Instant::now());
        let (random, now, own) = (Random::from_seed(3), Instant::now(), member(1, 10));
        let mut scene = Scene { barrier, random, now, own };
        assert_eq!(scene.step(), JobStep::Enter);
        scene.see(revision, list);
        scene.barrier.entered(scene.own.clone(), count, now, &mut scene.random);
        scene
    }

    fn step(&self) -> JobStep {
        self.barrier.step(&self.own, self.now)
    }

    fn see(&mut self, revision: i64, list: Option<&JobList>) {
        let value = list.map(JobList::value);
        let value = value.as_ref().map(String::as_bytes);
        self.barrier.see_list(revision, value, self.now, &mut self.random);
    }

    /// Waits until it is time to look around, and returns for how long.
    fn wait_for_look(&mut self) -> Duration {
        let began = self.now;
        while let JobStep::Wait(Some(at)) = self.step() {
            self.now = at;
        }
        assert_eq!(self.step(), JobStep::Look);
        self.now - began
    }

    fn look(&mut self, look: &Sighting) -> Judgement {
        self.barrier.looked(look, &self.own.clone(), self.now, &mut self.random)
    }
}

fn counted(count: usize) -> Sighting {
    Sighting { count, ..Sighting::default() }
}

#[test]
fn the_one_that_completes_the_number_fixes_the_list_and_the_others_look_after_a_while() {
    assert_eq!(Scene::entered(MOST).step(), JobStep::Form);
    let second = Duration::from_secs(1);
    for count in [1, MOST + 1] {
        let waits = Scene::entered(count).wait_for_look();
        assert!((second..second * 2).contains(&waits), "{count}: {waits:?}");
    }
    let mut scene = Scene::entered(1);
    // Growing, and bounded.
    let waits: Vec<Duration> = (0..20)
        .map(|_| {
            let waits = scene.wait_for_look();
            assert_eq!(scene.look(&counted(1)), Judgement::TooFew);
            waits
        })
        .collect();
    assert!(waits[19] >= LONGEST_LOOK && waits.iter().all(|it| *it <= LONGEST_LOOK * 2));
}

#[test]
fn more_are_waited_for_until_nobody_came_for_a_moment_but_not_for_ever() {
    let mut scene = Scene::entered(LEAST);
    assert_eq!(scene.wait_for_look(), SETTLING);
    assert_eq!(scene.look(&counted(LEAST)), Judgement::Form, "nobody came");

    let mut scene = Scene::entered(LEAST);
    scene.wait_for_look();
    assert_eq!(scene.look(&counted(MOST)), Judgement::Form, "all that are wanted");

    // With room for many.
    let mut scene = Scene::entered(LEAST);
    scene.barrier.settings.most = 1000;
    let began = scene.now;
    let mut count = LEAST;
    loop {
        scene.wait_for_look();
        count += 1;
        if scene.look(&counted(count)) == Judgement::Form {
            break;
        }
    }
    assert_eq!(scene.now - began, LONGEST_SETTLING);
}

#[test]
fn a_list_is_joined_once_and_started_when_all_have_and_only_then_by_its_own_token() {
    let mut scene = Scene::entered(1);
    let fixed = list(ListState::Fixed, &[member(1, 10), member(2, 20)]);
    scene.see(100, Some(&fixed));
    assert_eq!(scene.step(), JobStep::Join(100));
    scene.barrier.stage = Stage::Joined(scene.own.clone(), 100);
    scene.wait_for_look();
    let look = Sighting { slots: slots(&[1, 2]), joined: vec![joined(1, 7)], ..counted(2) };
    assert_eq!(scene.look(&look), Judgement::Silent(vec!["w2.tf.local".to_owned()]));
    let look = Sighting { joined: vec![joined(1, 7), joined(2, 8)], ..look };
    assert_eq!(scene.look(&look), Judgement::Commit, "whoever should have died");
    // Another one is joined as well.
    scene.see(110, Some(&fixed));
    assert_eq!(scene.step(), JobStep::Join(110));
    let started = JobList { state: ListState::Started(110), ..fixed };
    scene.see(120, Some(&started));
    assert_eq!(scene.step(), JobStep::Start(110));
    scene.own = member(1, 11);
    assert_eq!(scene.step(), JobStep::Enter, "another life of this name");
}

#[test]
fn a_list_with_a_lost_member_or_an_earlier_life_of_this_node_is_formed_anew() {
    let fixed = list(ListState::Fixed, &[member(1, 10), member(2, 20)]);
    let mut scene = Scene::entered_beside(2, 100, Some(&fixed));
    scene.barrier.stage = Stage::Joined(scene.own.clone(), 100);
    for (there, wanted) in [(&[1][..], Judgement::TooFew), (&[1, 3], Judgement::Form)] {
        scene.wait_for_look();
        let look = Sighting { slots: slots(there), ..counted(there.len()) };
        assert_eq!(scene.look(&look), wanted);
    }
    let earlier = list(ListState::Fixed, &[member(1, 9), member(2, 20)]);
    let mut scene = Scene::entered_beside(2, 100, Some(&earlier));
    assert_eq!(scene.step(), JobStep::Form);
    let (now, random) = (scene.now, &mut scene.random);
    scene.barrier.too_few(1, now, random);
    assert!(matches!(scene.step(), JobStep::Wait(_)), "not again and again");
}

#[test]
fn a_list_whose_programs_run_is_joined_by_name_alone_and_waited_for_by_others() {
    let started = list(ListState::Started(100), &[member(1, 9), member(2, 20)]);
    let mut scene = Scene::entered_beside(1, 110, Some(&started));
    assert_eq!(scene.step(), JobStep::Look, "at once");
    let look = |joined| Sighting { joined, ..counted(1) };
    assert_eq!(scene.look(&look(vec![joined(2, 7)])), Judgement::JoinLate(joined(2, 7)));
    let left = vec![joined(1, 5), joined(2, 0)];
    assert_eq!(scene.look(&look(left)), Judgement::Forget(joined(1, 5)), "of its earlier life");
    assert_eq!(scene.look(&look(vec![joined(2, 0)])), Judgement::TooFew, "it is over");

    let others = list(ListState::Started(100), &[member(2, 20), member(3, 30)]);
    let mut scene = Scene::entered_beside(2, 110, Some(&others));
    let waits = scene.wait_for_look();
    assert!(waits <= SHORT_PAUSE, "{waits:?}");
    assert_eq!(scene.look(&look(vec![joined(3, 7)])), Judgement::Busy);
    assert_eq!(
        scene.look(&Sighting { joined: vec![], ..counted(3) }),
        Judgement::Form,
        "it is over"
    );
}

#[test]
fn a_node_whose_program_runs_is_on_no_other_list() {
    let mut scene = Scene::entered(2);
    let members = [member(1, 10), member(2, 20)];
    let list = |state| list(state, &members);
    scene.see(110, Some(&list(ListState::Started(100))));
    assert_eq!(scene.step(), JobStep::Start(100));
    let job = JobName::default();
    let run = StartedList { job, revision: 100, members: members.to_vec() };
    scene.barrier.stage = Stage::Started(scene.own.clone(), Arc::new(run));
    assert_eq!(scene.step(), JobStep::Wait(None));
    scene.see(120, Some(&list(ListState::Fixed)));
    assert_eq!(scene.step(), JobStep::Withdraw);
    scene.barrier.forget();
    assert_eq!(scene.step(), JobStep::ReadList, "it may be there after a restore");
    scene.barrier.is_list_due = false;
    assert_eq!(scene.step(), JobStep::JoinAgain, "that it joined may not");
}

#[test]
fn a_start_is_near_once_those_in_the_queue_would_be_enough_until_it_is_there() {
    for (count, others, wanted) in
        [(1, 0, false), (1, 1, true), (2, 0, true), (0, usize::MAX, true), (0, 1, false)]
    {
        let scene = Scene::entered(count);
        assert_eq!(scene.barrier.is_start_near(others), wanted, "{count} {others}");
    }
    let mut scene = Scene::entered(1);
    let (mine, other) = (list(ListState::Fixed, &[member(1, 10), member(2, 20)]), member(3, 30));
    scene.see(100, Some(&mine));
    assert!(scene.barrier.is_fixed() && scene.barrier.is_start_near(0));
    scene.barrier.stage = Stage::Joined(scene.own.clone(), 100);
    assert!(scene.barrier.is_start_near(0));
    // Of another life, or of others.
    for others in [member(1, 9), other] {
        let others = list(ListState::Fixed, &[others]);
        scene.see(110, Some(&others));
        scene.barrier.counted(LEAST, scene.now);
        assert!(!scene.barrier.is_fixed() && !scene.barrier.is_start_near(9), "{others:?}");
        scene.see(0, None);
        assert!(!scene.barrier.is_start_near(0));
    }
    let run = StartedList { job: JobName::default(), revision: 100, members: mine.members.clone() };
    scene.see(120, Some(&list(ListState::Started(100), &[member(1, 10)])));
    assert!(scene.barrier.is_start_near(0), "it is to start");
    scene.barrier.stage = Stage::Started(scene.own.clone(), Arc::new(run));
    assert!(!scene.barrier.is_start_near(usize::MAX), "it has");
}

#[test]
fn a_node_looks_who_is_missing_before_it_gives_up() {
    let mut scene = Scene::entered(1);
    scene.barrier.pause = LONGEST_LOOK;
    scene.wait_for_look();
    let last = scene.now + Duration::from_secs(3);
    scene.barrier.last_look_at = Some(last);
    assert_eq!(scene.look(&counted(1)), Judgement::TooFew);
    assert_eq!(scene.step(), JobStep::Wait(Some(last)));
    scene.wait_for_look();
    assert_eq!(scene.look(&counted(1)), Judgement::TooFew);
    assert!(scene.wait_for_look() >= LONGEST_LOOK, "once");
}

#[test]
fn who_is_missing_is_told_by_name() {
    let mut scene = Scene::entered(1);
    let told = scene.barrier.shortage(&keyspace(), &slots(&[1]));
    assert_eq!(told, "1 of 2 nodes wait, none under w2.tf.local");
    scene.barrier.settings.least = 14;
    scene.barrier.count = 2;
    let told = scene.barrier.shortage(&keyspace(), &slots(&[1, 14]));
    assert!(told.ends_with("w10.tf.local, w11.tf.local and 2 more"), "{told}");
    assert_eq!(scene.barrier.shortage(&keyspace(), &slots(&[1])), "2 of 14 nodes wait");
}
