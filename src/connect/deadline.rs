//! The time-outs of ureq as moments.

use std::time::Instant;

use ureq::unversioned::transport::NextTimeout;

/// When a time-out of ureq's is over; `None`: never.
pub(super) fn instant_after(timeout: NextTimeout) -> Option<Instant> {
    if timeout.after.is_not_happening() {
        return None;
    }
    Instant::now().checked_add(*timeout.after)
}
