use super::*;

const SECOND: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);
const MAX_LAG: Duration = Duration::from_secs(15);

fn proof(revision: i64, age: Duration) -> Option<TableProof> {
    Some(TableProof { revision, age: Some(age), reading: 4 })
}

fn answer(content: TransferContent, serial: u32, age: Duration) -> TransferAnswer {
    TransferAnswer { content, serial, proof: proof(i64::from(serial), age), is_stale: false }
}

fn asks(follow: &mut Follow, now: Instant, zone: usize, request: TransferRequest) {
    assert_eq!(follow.step(now), FollowStep::Ask(zone, request));
    assert!(matches!(follow.step(now), FollowStep::Wait(_)), "once");
}

/// One that has read everything, of so many zones, at serial 7.
fn settled(zones: usize, now: Instant) -> Follow {
    let mut follow = Follow::new(zones, MAX_LAG, SilenceLimit::default(), now);
    for zone in 0..zones {
        asks(&mut follow, now, zone, TransferRequest::Whole);
        let outcome = follow.answer(answer(TransferContent::Whole, 7, SECOND), now).expect("good");
        let reached = Reached { proven_at: now - SECOND, revision: 7, serial: 7 };
        let is_last = zone + 1 == zones;
        assert_eq!(
            outcome,
            if is_last { FollowOutcome::Whole(reached) } else { FollowOutcome::GoesOn }
        );
    }
    follow
}

#[test]
fn all_zones_are_read_and_the_oldest_proof_holds_from_the_question_on() {
    let start = Instant::now();
    let mut follow = Follow::new(2, MAX_LAG, SilenceLimit::default(), start);
    asks(&mut follow, start, 0, TransferRequest::Whole);
    let later = start + 10 * MS;
    let young = answer(TransferContent::Whole, 7, 2 * SECOND);
    assert_eq!(follow.answer(young, later), Ok(FollowOutcome::GoesOn));
    asks(&mut follow, later, 1, TransferRequest::Whole);
    let old =
        TransferAnswer { proof: proof(9, 5 * SECOND), ..answer(TransferContent::Whole, 9, SECOND) };
    let reached = Reached { proven_at: later - 5 * SECOND, revision: 7, serial: 7 };
    assert_eq!(
        follow.answer(old, later),
        Ok(FollowOutcome::Whole(reached)),
        "it is as old as its oldest part"
    );
    // What came with the second zone is asked of the first next time.
    let due = later + SECOND;
    asks(&mut follow, due, 0, TransferRequest::Since(7));
}

#[test]
fn the_oldest_proof_counts_whichever_zone_it_came_with() {
    let start = Instant::now();
    // The ages in seconds with which the zones come, each asked for a second after the one before.
    let table = [([1, 1, 1], 1), ([5, 1, 1], 5), ([1, 6, 1], 5), ([1, 1, 7], 5), ([1, 6, 8], 6)];
    for (ages, oldest) in table {
        let mut follow = Follow::new(3, MAX_LAG, SilenceLimit::default(), start);
        let mut last = None;
        for (zone, age) in ages.into_iter().enumerate() {
            let now = start + SECOND * u32::try_from(zone).expect("few");
            asks(&mut follow, now, zone, TransferRequest::Whole);
            last = Some(follow.answer(answer(TransferContent::Whole, 7, age * SECOND), now));
        }
        let proven_at = start - oldest * SECOND;
        let reached = Reached { proven_at, revision: 7, serial: 7 };
        assert_eq!(last, Some(Ok(FollowOutcome::Whole(reached))), "{ages:?}");
    }
    // And where what changed is asked.
    for (ages, oldest) in [([4, 1], 4), ([1, 4], 4), ([1, 1], 1)] {
        let mut follow = settled(2, start);
        let now = start + SECOND;
        let mut last = None;
        for (zone, age) in ages.into_iter().enumerate() {
            asks(&mut follow, now, zone, TransferRequest::Since(7));
            last = Some(follow.answer(answer(TransferContent::Changes, 8, age * SECOND), now));
        }
        let reached = Reached { proven_at: now - oldest * SECOND, revision: 8, serial: 8 };
        assert_eq!(last, Some(Ok(FollowOutcome::Changes(reached))), "{ages:?}");
    }
}

#[test]
fn where_the_first_zone_and_the_revision_are_the_same_nothing_else_is_asked() {
    let start = Instant::now();
    let mut follow = settled(3, start);
    let period = MAX_LAG / REFRESH_PART;
    assert_eq!(follow.step(start), FollowStep::Wait(start + period));
    let mut now = start + period;
    asks(&mut follow, now, 0, TransferRequest::Since(7));
    let same = answer(TransferContent::UpToDate, 7, 3 * SECOND);
    let reached = Reached { proven_at: now - 3 * SECOND, revision: 7, serial: 7 };
    assert_eq!(follow.answer(same, now + 3 * MS), Ok(FollowOutcome::Changes(reached)));

    now += period;
    asks(&mut follow, now, 0, TransferRequest::Since(7));
    let other_revision = TransferAnswer { proof: proof(8, SECOND), ..same };
    assert_eq!(follow.answer(other_revision, now), Ok(FollowOutcome::GoesOn));
    asks(&mut follow, now, 1, TransferRequest::Since(7));
    assert_eq!(
        follow.answer(answer(TransferContent::Changes, 8, SECOND), now),
        Ok(FollowOutcome::GoesOn)
    );
    asks(&mut follow, now, 2, TransferRequest::Since(7));
    let reached = Reached { proven_at: now - SECOND, revision: 8, serial: 7 };
    let last = follow.answer(answer(TransferContent::UpToDate, 8, SECOND), now);
    assert_eq!(last, Ok(FollowOutcome::Changes(reached)));
    now += period;
    asks(&mut follow, now, 0, TransferRequest::Since(7));
}

#[test]
fn a_server_that_read_everything_anew_is_read_anew() {
    let start = Instant::now();
    for zones in [1, 2] {
        let mut follow = settled(zones, start);
        let now = start + SECOND;
        asks(&mut follow, now, 0, TransferRequest::Since(7));
        let reading = TableProof { revision: 7, age: Some(SECOND), reading: 5 };
        let same =
            TransferAnswer { proof: Some(reading), ..answer(TransferContent::UpToDate, 7, SECOND) };
        assert_eq!(follow.answer(same, now), Ok(FollowOutcome::Anew), "whatever its serial says");
        asks(&mut follow, now, 0, TransferRequest::Whole);
    }
    // The whole in place of changes will do where it is all there is.
    let mut follow = settled(1, start);
    asks(&mut follow, start + SECOND, 0, TransferRequest::Since(7));
    let whole = answer(TransferContent::Whole, 9, SECOND);
    assert!(matches!(follow.answer(whole, start + SECOND), Ok(FollowOutcome::Whole(_))));
    let mut follow = settled(2, start);
    asks(&mut follow, start + SECOND, 0, TransferRequest::Since(7));
    assert_eq!(follow.answer(whole, start + SECOND), Ok(FollowOutcome::Anew));
    asks(&mut follow, start + SECOND, 0, TransferRequest::Whole);
}

#[test]
fn who_is_silent_or_slow_is_left() {
    let start = Instant::now();
    let mut follow = Follow::new(1, MAX_LAG, SilenceLimit::default(), start);
    asks(&mut follow, start, 0, TransferRequest::Whole);
    assert_eq!(follow.step(start + 999 * MS), FollowStep::Wait(start + SECOND));
    assert_eq!(follow.step(start + SECOND), FollowStep::Leave(LeaveReason::Silent));
    // One octet now and then is not enough for ever.
    let mut now = start;
    let reason = loop {
        now += 900 * MS;
        follow.heard(now);
        match follow.step(now) {
            FollowStep::Wait(_) => {}
            FollowStep::Leave(reason) => break reason,
            FollowStep::Ask(..) => panic!("it was asked"),
        }
    };
    assert_eq!(reason, LeaveReason::Slow);
    assert!((LONGEST_READING..LONGEST_READING + SECOND).contains(&(now - start)));
    let mut follow = settled(1, start);
    let now = start + SECOND;
    asks(&mut follow, now, 0, TransferRequest::Since(7));
    follow.heard(now + LONGEST_REFRESH);
    let step = follow.step(now + LONGEST_REFRESH);
    assert_eq!(step, FollowStep::Leave(LeaveReason::Slow));
}

#[test]
fn who_answered_soon_is_missed_soon_and_the_next_one_has_more_time() {
    let start = Instant::now();
    let mut follow = settled(1, start);
    let now = start + SECOND;
    asks(&mut follow, now, 0, TransferRequest::Since(7));
    follow.heard(now + MS);
    let same = answer(TransferContent::UpToDate, 7, SECOND);
    follow.answer(same, now + MS).expect("good");
    let now = start + 2 * SECOND;
    asks(&mut follow, now, 0, TransferRequest::Since(7));
    assert_eq!(follow.step(now + 299 * MS), FollowStep::Wait(now + 300 * MS));
    assert_eq!(follow.step(now + 300 * MS), FollowStep::Leave(LeaveReason::Silent));
    let mut next = Follow::new(1, MAX_LAG, follow.silence(), now);
    asks(&mut next, now, 0, TransferRequest::Whole);
    assert_eq!(next.step(now), FollowStep::Wait(now + 600 * MS));
}

#[test]
fn who_is_out_of_step_or_does_not_say_is_left() {
    let start = Instant::now();
    let good = answer(TransferContent::Whole, 7, SECOND);
    let unproven = TableProof { age: None, ..good.proof.expect("a proof") };
    let table = [
        (TransferAnswer { is_stale: true, ..good }, LeaveReason::Stale),
        (TransferAnswer { proof: Some(unproven), ..good }, LeaveReason::Stale),
        (TransferAnswer { proof: proof(7, MAX_LAG), ..good }, LeaveReason::Stale),
        (TransferAnswer { proof: proof(7, Duration::MAX), ..good }, LeaveReason::Stale),
        (TransferAnswer { proof: None, ..good }, LeaveReason::NoProof),
    ];
    for (answer, wanted) in table {
        let mut follow = Follow::new(1, MAX_LAG, SilenceLimit::default(), start);
        asks(&mut follow, start, 0, TransferRequest::Whole);
        assert_eq!(follow.answer(answer, start), Err(wanted));
    }
    // This process stood still: the answer is as old as its question.
    let mut follow = Follow::new(1, MAX_LAG, SilenceLimit::default(), start);
    asks(&mut follow, start, 0, TransferRequest::Whole);
    assert_eq!(follow.answer(good, start + MAX_LAG - SECOND), Err(LeaveReason::Stale));
}

#[test]
fn what_is_too_old_is_known_by_its_first_message() {
    let follow = Follow::new(1, MAX_LAG, SilenceLimit::default(), Instant::now());
    let unproven = TableProof { age: None, ..proof(7, SECOND).expect("a proof") };
    let table = [
        (None, false),
        (proof(7, SECOND), false),
        (proof(7, MAX_LAG - MS), false),
        (proof(7, MAX_LAG), true),
        (Some(unproven), true),
    ];
    for (proof, wanted) in table {
        assert_eq!(follow.is_too_old(proof), wanted, "{proof:?}");
    }
}

#[test]
fn who_is_told_of_a_change_asks_at_once_but_not_all_the_time() {
    let start = Instant::now();
    let mut follow = settled(1, start);
    follow.told();
    assert_eq!(follow.step(start), FollowStep::Wait(start + SHORTEST_PAUSE));
    let now = start + SHORTEST_PAUSE;
    asks(&mut follow, now, 0, TransferRequest::Since(7));
    // What is told from the question on may be missing in its answer.
    follow.told();
    let outcome = follow.answer(answer(TransferContent::Changes, 8, SECOND), now + MS);
    assert!(matches!(outcome, Ok(FollowOutcome::Changes(_))));
    asks(&mut follow, now + SHORTEST_PAUSE, 0, TransferRequest::Since(8));

    let mut follow = settled(1, start);
    follow.doubt();
    assert!(matches!(follow.step(start), FollowStep::Wait(_)), "without haste");
    asks(&mut follow, start + SECOND, 0, TransferRequest::Whole);
}

#[test]
fn who_gets_out_of_step_is_asked_again_until_it_is_in_step() {
    let start = Instant::now();
    // It was read with an age of a second.
    let fresh_until = start + MAX_LAG - SECOND;
    let late = answer(TransferContent::Changes, 8, SECOND);
    let unproven = TableProof { age: None, ..proof(7, SECOND).expect("a proof") };
    let mut follow = settled(1, start);
    let (mut now, mut asked) = (start, 0);
    while now < start + 10 * MAX_LAG {
        match follow.step(now) {
            FollowStep::Wait(until) => now = until,
            FollowStep::Ask(0, TransferRequest::Since(7)) => {
                asked += 1;
                let stale = TransferAnswer { proof: Some(unproven), ..late };
                assert_eq!(follow.answer(stale, now), Ok(FollowOutcome::NotNow));
                assert!(follow.is_ageing());
                assert_eq!(follow.is_stale(), now >= fresh_until, "{:?}", now - start);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(asked, 159);
    asks(&mut follow, now, 0, TransferRequest::Since(7));
    let reached = Reached { proven_at: now - SECOND, revision: 8, serial: 8 };
    assert_eq!(
        follow.answer(late, now),
        Ok(FollowOutcome::Changes(reached)),
        "what changed will do"
    );
    assert!(!follow.is_stale() && !follow.is_ageing());

    // What the second of two zones brings is of use with the first one's alone.
    let mut follow = settled(2, start);
    let now = start + SECOND;
    asks(&mut follow, now, 0, TransferRequest::Since(7));
    let first = follow.answer(answer(TransferContent::Changes, 8, SECOND), now);
    assert_eq!(first, Ok(FollowOutcome::GoesOn));
    asks(&mut follow, now, 1, TransferRequest::Since(7));
    let second = TransferAnswer { is_stale: true, ..answer(TransferContent::Changes, 8, SECOND) };
    assert_eq!(follow.answer(second, now), Err(LeaveReason::Stale));
}

#[test]
fn nothing_is_read_anew_of_a_server_that_is_out_of_step() {
    let start = Instant::now();
    let mut follow = settled(1, start);
    let mut now = start + SECOND;
    asks(&mut follow, now, 0, TransferRequest::Since(7));
    let good = answer(TransferContent::Changes, 8, SECOND);
    let stale = TransferAnswer { is_stale: true, ..good };
    assert_eq!(follow.answer(stale, now), Ok(FollowOutcome::NotNow));
    follow.doubt();
    for _ in 0..20 {
        now += SECOND;
        asks(&mut follow, now, 0, TransferRequest::Since(7));
        assert_eq!(follow.answer(stale, now), Ok(FollowOutcome::NotNow));
    }
    // Once it is in step all is.
    now += SECOND;
    asks(&mut follow, now, 0, TransferRequest::Since(7));
    assert_eq!(follow.answer(good, now), Ok(FollowOutcome::Anew));
    asks(&mut follow, now, 0, TransferRequest::Whole);
    assert!(matches!(follow.answer(good, now), Ok(FollowOutcome::Whole(_))));
    now += SECOND;
    asks(&mut follow, now, 0, TransferRequest::Since(8));
}

#[test]
fn where_there_is_no_other_table_any_will_do_that_is_in_step() {
    let start = Instant::now();
    let looks = Follow::new(1, MAX_LAG, SilenceLimit::default(), start);
    let mut follow = looks.if_fresher((start, 6));
    asks(&mut follow, start, 0, TransferRequest::Since(6));
    follow.if_in_step();
    let old = answer(TransferContent::UpToDate, 7, 14 * SECOND);
    assert_eq!(follow.answer(old, start), Ok(FollowOutcome::Anew));
}

#[test]
fn in_place_of_an_old_table_one_is_read_that_is_fresher() {
    let start = Instant::now();
    let than = start - 5 * SECOND;
    let looks = || {
        let mut follow =
            Follow::new(2, MAX_LAG, SilenceLimit::default(), start).if_fresher((than, 6));
        asks(&mut follow, start, 0, TransferRequest::Since(6));
        follow
    };
    // What it holds, how old, and what is asked then.
    let (same, changed, whole) =
        (TransferContent::UpToDate, TransferContent::Changes, TransferContent::Whole);
    let table = [
        (same, 5, Err(LeaveReason::NoFresher)),
        (changed, 6, Err(LeaveReason::NoFresher)),
        (whole, 5, Err(LeaveReason::NoFresher)),
        (whole, 15, Err(LeaveReason::Stale)),
        (same, 4, Ok((FollowOutcome::Anew, 0))),
        (changed, 4, Ok((FollowOutcome::Anew, 0))),
        // That is what was to be asked next.
        (whole, 4, Ok((FollowOutcome::GoesOn, 1))),
    ];
    for (content, age, wanted) in table {
        let mut follow = looks();
        let outcome = follow.answer(answer(content, 7, age * SECOND), start);
        assert_eq!(outcome, wanted.map(|(outcome, _)| outcome), "{content:?} {age}");
        if let Ok((_, zone)) = wanted {
            asks(&mut follow, start, zone, TransferRequest::Whole);
        }
    }
    // That was for the first answer alone.
    let mut follow = looks();
    assert!(follow.answer(answer(same, 7, SECOND), start).is_ok());
    asks(&mut follow, start, 0, TransferRequest::Whole);
    let older = answer(whole, 7, 6 * SECOND);
    assert_eq!(follow.answer(older, start), Ok(FollowOutcome::GoesOn));
    // Who is silent is left as ever.
    assert_eq!(looks().step(start + SECOND), FollowStep::Leave(LeaveReason::Silent));
}

#[test]
fn a_table_is_ageing_from_five_sixths_of_the_longest_lag_on() {
    let start = Instant::now();
    let table = [(1, false), (12, false), (13, true), (14, true)];
    for (age, wanted) in table {
        let mut follow = settled(1, start);
        let now = start + SECOND;
        asks(&mut follow, now, 0, TransferRequest::Since(7));
        let same = answer(TransferContent::UpToDate, 7, age * SECOND);
        assert!(matches!(follow.answer(same, now), Ok(FollowOutcome::Changes(_))));
        assert_eq!(follow.is_ageing(), wanted, "{age}");
    }
}
