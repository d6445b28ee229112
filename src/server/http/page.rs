//! Pages, as whoever writes them hands them on.

use std::time::Instant;

use super::reply;
use crate::server::timers::View;

/// Who writes the pages.
pub trait PageSource: Send {
    /// The page at a path, which begins with a slash; `None`: there is none.
    fn page(&mut self, path: &str, now: Instant, view: View<'_>) -> Option<Page>;
}

/// A page.
pub struct Page {
    /// The status of the reply (RFC 9110 §15).
    pub status: u16,
    /// What it is written in (RFC 9110 §8.3).
    pub content_type: &'static str,
    /// What stands there.
    pub body: Body,
}

impl Page {
    /// A page of text.
    pub fn text(status: u16, text: String) -> Page {
        Page { status, content_type: "text/plain; charset=utf-8", body: Body::Text(text) }
    }

    /// The page that says no more than a status does.
    pub(super) fn status(status: u16) -> Page {
        Page::text(status, format!("{}\n", reply::reason(status)))
    }
}

/// What stands on a page.
pub enum Body {
    /// This.
    Text(String),
    /// What is made while it is taken.
    Parts(Box<dyn PartOfBody>),
}

/// The rest of a page that is made part by part.
pub trait PartOfBody: Send {
    /// Appends the next part. Returns whether there may be more.
    fn next(&mut self, view: View<'_>, text: &mut String) -> bool;
}
