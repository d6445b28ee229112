//! The time-out of requests.
//!
//! Where many clients ask at once, those that give up and ask again are what keeps etcd from
//! answering any. So requests can be given more time than usual, until etcd is prompt. Where the call before was
//! answered promptly, a request that is not was lost more likely than not: it gets twice the usual time.

use std::time::{Duration, Instant};

/// The most by which the usual time is multiplied.
const MOST: u32 = 8;

/// The part of the usual time within which a reply comes where etcd is not busy.
const PROMPT_PART: u32 = 8;

/// The most by which it is multiplied after a prompt reply.
const MOST_AFTER_PROMPT: u32 = 2;

/// The time that a request may take.
#[derive(Clone, Copy, Debug)]
pub struct Timeout {
    /// For one request to one endpoint, usually.
    pub timeout: Duration,
    /// The multiple of it that is used now.
    factor: u32,
    /// Whether a request gets half of what is left, if that is more.
    halves: bool,
    /// Whether a connection is asked for again and again while a request waits for it: somebody waits for the end of an
    /// outage.
    pub redials: bool,
    /// No request waits for a reply any longer at this time; `None`: the time-out alone counts.
    pub not_after: Option<Instant>,
    /// The duration of the last call, and of the last that was answered.
    last_reply_after: Duration,
    answered_after: Duration,
}

impl Timeout {
    /// The usual time for one request to one endpoint.
    pub fn new(timeout: Duration) -> Timeout {
        Timeout {
            timeout,
            factor: 1,
            halves: false,
            redials: false,
            not_after: None,
            last_reply_after: Duration::ZERO,
            answered_after: Duration::ZERO,
        }
    }

    /// Until `end`, for all requests together: each gets half of what is left then, and `least` as long as
    /// there is so much. The first to be asked is the one that answered last, and so the most likely to
    /// answer; who is far away is told as well.
    pub fn within(end: Instant, least: Duration) -> Timeout {
        Timeout { halves: true, not_after: Some(end), ..Timeout::new(least) }
    }

    /// Gives each request more time, so that so many endpoints together get the most for one.
    pub fn share(&mut self, endpoints: u32) {
        self.factor = (MOST / endpoints.max(1)).max(self.factor);
    }

    /// Gives each request twice the time, up to eight times the usual.
    pub fn grow(&mut self) {
        self.factor = (self.factor * 2).min(MOST);
    }

    /// Gives each request twice the time, up to where so many endpoints together get the most for one, if the last answer
    /// was not prompt: then etcd is busy, else it is away.
    pub fn grow_if_busy(&mut self, endpoints: u32) {
        if self.answered_after < self.timeout / PROMPT_PART {
            return;
        }
        let most = MOST / endpoints.max(1);
        self.factor = (self.factor * 2).min(most).max(self.factor);
    }

    /// Takes note of how long the last call took, at all endpoints together, and whether it was answered: every client
    /// is to say so.
    pub fn took(&mut self, duration: Duration, is_answered: bool) {
        self.last_reply_after = duration;
        if is_answered {
            self.answered_after = duration;
        }
    }

    /// How long the last call took; zero: there was none.
    pub fn last_reply_after(&self) -> Duration {
        self.last_reply_after
    }

    /// Gives each request the usual time again if the last call took but a small part of that.
    pub fn settle(&mut self) {
        if self.is_prompt() {
            self.factor = 1;
        }
    }

    /// Whether the last call took but a small part of the usual time, or there was none.
    fn is_prompt(&self) -> bool {
        self.last_reply_after < self.timeout / PROMPT_PART
    }

    /// Whether the last call took longer than one request does usually, so that what its reply tells may be over.
    pub fn was_late(&self) -> bool {
        self.last_reply_after > self.timeout
    }

    /// How many times longer the next call may take than the last one, and be answered well in time: in three
    /// quarters of what a request has that is not prompt.
    pub fn room(&self) -> u32 {
        let most = self.timeout.saturating_mul(self.factor) * 3 / 4;
        let times = most.as_nanos() / self.last_reply_after.as_nanos().max(1);
        u32::try_from(times).unwrap_or(u32::MAX)
    }

    /// Returns whether requests get more than the usual time.
    pub fn is_extended(&self) -> bool {
        self.factor > 1
    }

    /// The time that a request which is sent now may take.
    pub fn at(&self, now: Instant) -> Duration {
        let most = if self.is_prompt() { MOST_AFTER_PROMPT } else { MOST };
        let extended = self.timeout.saturating_mul(self.factor.min(most));
        let Some(not_after) = self.not_after else { return extended };
        let left = not_after.saturating_duration_since(now);
        if self.halves {
            return (left / 2).max(self.timeout).min(left);
        }
        // More than usual only where it leaves as much for another attempt.
        extended.min((left / 2).max(self.timeout)).min(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Duration = Duration::from_secs(2);

    #[test]
    fn it_grows_to_a_bound_and_settles_when_etcd_is_prompt() {
        let mut timeout = Timeout::new(USUAL);
        assert_eq!(timeout.at(Instant::now()), USUAL);
        timeout.took(USUAL, true);
        for factor in [2, 4, 8, 8] {
            timeout.grow();
            assert_eq!(timeout.at(Instant::now()), USUAL * factor);
        }
        timeout.took(USUAL / 8, true);
        timeout.settle();
        assert!(timeout.is_extended());
        assert!(!timeout.was_late());
        timeout.took(USUAL / 9, true);
        timeout.settle();
        assert_eq!(timeout.at(Instant::now()), USUAL);
    }

    #[test]
    fn it_grows_where_etcd_is_busy_and_not_where_it_is_away() {
        // How long the answer took before the call that was not answered, the endpoints, and what two of those make of it.
        for (answer, endpoints, factor) in
            [(USUAL / 9, 1, 1), (USUAL / 8, 1, 4), (USUAL, 1, 4), (USUAL, 3, 2), (USUAL, 5, 1)]
        {
            let mut timeout = Timeout::new(USUAL);
            timeout.took(answer, true);
            for _ in 0..2 {
                timeout.took(USUAL, false);
                timeout.grow_if_busy(endpoints);
            }
            assert_eq!(timeout.at(Instant::now()), USUAL * factor, "{answer:?} {endpoints}");
        }
    }

    #[test]
    fn endpoints_share_what_is_the_most_for_one() {
        for (endpoints, factor) in [(0, 8), (1, 8), (3, 2), (5, 1), (9, 1)] {
            let mut timeout = Timeout::new(USUAL);
            timeout.share(endpoints);
            timeout.took(USUAL, true);
            assert_eq!(timeout.at(Instant::now()), USUAL * factor, "{endpoints} endpoints");
        }
    }

    #[test]
    fn where_replies_are_prompt_one_that_is_lost_costs_twice_the_usual_time() {
        let mut timeout = Timeout::new(USUAL);
        timeout.share(1);
        assert_eq!(timeout.at(Instant::now()), USUAL * 2, "of the first");
        // It was not lost: etcd is slow.
        timeout.took(USUAL * 2, true);
        assert!(timeout.was_late());
        assert_eq!(timeout.at(Instant::now()), USUAL * MOST);
        timeout.took(USUAL / PROMPT_PART - Duration::from_millis(1), true);
        assert_eq!(timeout.at(Instant::now()), USUAL * 2);
    }

    #[test]
    fn there_is_room_for_what_takes_most_of_the_time() {
        let mut timeout = Timeout::new(USUAL);
        timeout.took(USUAL / 20, true);
        assert_eq!(timeout.room(), 15);
        timeout.grow();
        assert_eq!(timeout.room(), 30);
        timeout.took(USUAL * 4, true);
        assert_eq!(timeout.room(), 0);
        timeout.took(Duration::ZERO, true);
        assert!(timeout.room() > 1000);
    }

    #[test]
    fn what_is_left_bounds_it_and_half_of_that_what_is_more_than_usual() {
        let mut timeout = Timeout::new(USUAL);
        timeout.share(1);
        timeout.took(USUAL, true);
        let now = Instant::now();
        for (left, wanted) in [(60, 16), (20, 10), (3, 2), (1, 1), (0, 0)] {
            timeout.not_after = Some(now + Duration::from_secs(left));
            assert_eq!(timeout.at(now), Duration::from_secs(wanted), "with {left} s left");
        }
    }

    #[test]
    fn within_a_time_the_first_gets_half_and_the_others_what_a_far_one_needs() {
        let now = Instant::now();
        let millis = Duration::from_millis;
        let timeout = Timeout::within(now + millis(1000), millis(300));
        let mut passed = Duration::ZERO;
        for wanted in [500, 300, 200, 0] {
            let given = timeout.at(now + passed);
            assert_eq!(given, millis(wanted), "after {passed:?}");
            passed += given;
        }
        // Who refuses at once takes no time from the next.
        assert_eq!(timeout.at(now + millis(1)), Duration::from_micros(499_500));
    }
}
